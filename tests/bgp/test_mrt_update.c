#include "bgp/monitor/mrt_update.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

#define MARKER   "ffffffffffffffff ffffffffffffffff"
#define UPDATE4  MARKER "0017 02 0000 0000"
#define UPDATE6  MARKER "001d 02 0000 0006 80 0f 03 0002 01" /* MP_UNREACH_NLRI: End-of-RIB */
#define TIME     "65a1b2c3"
#define MICROS   "'microseconds' 0003d090"
#define PEERS4   "'AS' 0000fde9 0000ffeb 'interface' 0000 'AFI' 0001 0a010204 0a010104"

static const uint64_t wall_ms = 0x65a1b2c3ull * 1000 + 250;
static const struct mrt_session session = { .peer_asn = 65001,
                                            .local_asn = 65515,
                                            .peer = { .bytes = { 10, 1, 2, 4 } },
                                            .local = { .bytes = { 10, 1, 1, 4 } } };

static void expect_message(const struct mrt_session *s, const struct bgp_codec *codec, const char *message,
                           const char *wanted)
{
    uint8_t in[64], out[64 + MRT_AROUND], bytes[128];
    size_t len = hex(in, sizeof in, message), n = hex(bytes, sizeof bytes, wanted);
    CU_ASSERT_EQUAL_FATAL(mrt_message(out, sizeof out, s, codec, wall_ms, in, len), n);
    CU_ASSERT_EQUAL(memcmp(out, bytes, n), 0);
}

static void test_a_message_stands_in_its_record_as_it_came(void)
{
    expect_message(&session, NULL, MARKER "0013 04",
                   TIME "'BGP4MP_ET' 0011 'MESSAGE_AS4' 0004 'length' 0000002b" MICROS PEERS4 MARKER "0013 04");
}

static void test_a_two_octet_session_has_two_octet_numbers(void)
{
    const struct bgp_codec codec = { .as4 = false };
    struct mrt_session s = session;
    s.local_asn = 4200000000;
    expect_message(&s, &codec, UPDATE4,
                   TIME "0011 'MESSAGE' 0001 0000002b" MICROS "fde9 'AS_TRANS' 5ba0 0000 0001 0a010204 0a010104" UPDATE4);
}

static void test_path_ids_are_told_by_the_family_of_the_update(void)
{
    const struct bgp_codec codec = { .as4 = true, .add_path_in = { [BGP_IP6] = true } };
    expect_message(&session, &codec, UPDATE4, TIME "0011 'MESSAGE_AS4' 0004 0000002f" MICROS PEERS4 UPDATE4);
    expect_message(&session, &codec, UPDATE6, TIME "0011 'MESSAGE_AS4_ADDPATH' 0009 00000035" MICROS PEERS4 UPDATE6);
}

static void test_an_update_that_cannot_be_read_is_kept_too(void)
{
    const struct bgp_codec codec = { .as4 = true, .add_path_in = { true, true } };
    expect_message(&session, &codec, MARKER "0017 02 0007 0000",
                   TIME "0011 0009 0000002f" MICROS PEERS4 MARKER "0017 02 0007 0000");
}

static void test_a_change_of_state_has_both_states(void)
{
    uint8_t out[MRT_AROUND], wanted[128];
    const struct mrt_session six = { .peer_asn = 65001,
                                     .local_asn = 65515,
                                     .peer = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } },
                                     .local = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 1 } } };
    size_t n = hex(wanted, sizeof wanted,
                   TIME "0011 'STATE_CHANGE_AS4' 0005 00000034" MICROS "0000fde9 0000ffeb 0000 0002"
                        "fd000000000000000000000000000004 fd000000000000000000000000000001 0005 0006");
    CU_ASSERT_EQUAL_FATAL(mrt_state_change(out, sizeof out, &six, wall_ms, 5, 6), n);
    CU_ASSERT_EQUAL(memcmp(out, wanted, n), 0);
    CU_ASSERT_EQUAL(mrt_state_change(out, n - 1, &six, wall_ms, 5, 6), 0);
}

CU_MAIN("mrt update", CU_CASE(test_a_message_stands_in_its_record_as_it_came),
        CU_CASE(test_a_two_octet_session_has_two_octet_numbers),
        CU_CASE(test_path_ids_are_told_by_the_family_of_the_update),
        CU_CASE(test_an_update_that_cannot_be_read_is_kept_too),
        CU_CASE(test_a_change_of_state_has_both_states))
