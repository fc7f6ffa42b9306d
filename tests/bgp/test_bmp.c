#include "bgp/monitor/bmp.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

#define PEER_HEADER(type, flags, address)                                                          \
    type flags "'distinguisher' 0000000000000000" address "'AS' 0000fde9 'identifier' 0a010204"    \
               "'seconds' 65a1b2c3 'microseconds' 0003d090"
#define IP4_ADDRESS "000000000000000000000000 0a010204"
#define IP6_ADDRESS "fd000000000000000000000000000004"

static const struct bmp_peer peer = { .address = { .family = BGP_IP4, .bytes = { 10, 1, 2, 4 } },
                                      .asn = 65001,
                                      .identifier = 0x0a010204,
                                      .wall_ms = 0x65a1b2c3ull * 1000 + 250 };
static const struct bmp_peer loc_rib = { .type = BMP_LOC_RIB_INSTANCE,
                                         .asn = 65001,
                                         .identifier = 0x0a010204,
                                         .wall_ms = 0x65a1b2c3ull * 1000 + 250 };

static void expect(const uint8_t *message, size_t len, const char *text)
{
    uint8_t wanted[1024];
    size_t n = hex(wanted, sizeof wanted, text);
    CU_ASSERT_EQUAL_FATAL(len, n);
    CU_ASSERT_EQUAL(memcmp(message, wanted, n), 0);
}

static void test_an_initiation_tells_name_and_description(void)
{
    uint8_t buf[64];
    expect(buf, bmp_initiation(buf, sizeof buf, "rs-a", "Tandem"),
           "'version' 03 'length' 00000018 'type' 04"
           "'sysDescr' 0001 0006 54616e64656d 'sysName' 0002 0004 72732d61");
}

static void test_a_termination_tells_why(void)
{
    uint8_t buf[64];
    expect(buf, bmp_termination(buf, sizeof buf, BMP_OUT_OF_RESOURCES, "slow"),
           "03 00000014 05 'string' 0000 0004 736c6f77 'reason' 0001 0002 0002");
}

static void test_a_peer_up_carries_both_opens_as_they_were(void)
{
    uint8_t buf[128], sent[] = { 1, 2, 3 }, received[] = { 4, 5 };
    const struct bmp_up up = { .local = { .bytes = { 10, 1, 1, 4 } },
                               .local_port = 179,
                               .remote_port = 40000,
                               .sent = sent,
                               .sent_len = sizeof sent,
                               .received = received,
                               .received_len = sizeof received };
    expect(buf, bmp_peer_up(buf, sizeof buf, &peer, &up),
           "03 00000049 03" PEER_HEADER("00", "00", IP4_ADDRESS)
               "000000000000000000000000 0a010104 'ports' 00b3 9c40 010203 0405");
}

static void test_a_loc_rib_comes_up_with_its_name(void)
{
    uint8_t buf[128], open[] = { 7 };
    const struct bmp_up up = {
        .sent = open, .sent_len = 1, .received = open, .received_len = 1, .table = "global"
    };
    expect(buf, bmp_peer_up(buf, sizeof buf, &loc_rib, &up),
           "03 00000050 03" PEER_HEADER("03", "00", "00000000000000000000000000000000")
               "00000000000000000000000000000000 0000 0000 07 07 'table' 0003 0006 676c6f62616c");
}

static void test_a_peer_down_carries_its_data(void)
{
    uint8_t buf[128], data[] = { 0, 17 };
    struct bmp_peer six = peer;
    six.address = (struct ip_addr){ .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } };
    expect(buf, bmp_peer_down(buf, sizeof buf, &six, BMP_LOCAL_CLOSED, data, sizeof data),
           "03 00000033 02" PEER_HEADER("00", "'V' 80", IP6_ADDRESS) "02 0011");
    expect(buf, bmp_peer_down(buf, sizeof buf, &peer, BMP_REMOTE_CLOSED, NULL, 0),
           "03 00000031 02" PEER_HEADER("00", "00", IP4_ADDRESS) "04");
}

static void test_a_route_goes_around_its_update(void)
{
    uint8_t buf[128];
    struct bmp_peer out = peer;
    out.flags = BMP_ADJ_RIB_OUT | BMP_POST_POLICY;
    memcpy(buf + BMP_UPDATE_AT, (uint8_t[]){ 9, 8, 7 }, 3);
    expect(buf, bmp_route(buf, &out, 3),
           "03 00000033 00" PEER_HEADER("00", "'L O' 50", IP4_ADDRESS) "090807");
}

static void test_statistics_have_the_widths_of_their_types(void)
{
    uint8_t buf[128];
    const struct bmp_number numbers[] = {
        { .type = BMP_ADJ_RIB_IN_ROUTES, .value = 5 },
        { .type = BMP_TREATED_AS_WITHDRAW, .value = 6 },
        { .type = BMP_LOC_RIB_FAMILY_ROUTES, .family = BGP_IP6, .value = 7 },
        { .type = BMP_ADJ_RIB_OUT_ROUTES, .value = 8 },
        { .type = BMP_ADJ_RIB_OUT_FAMILY_ROUTES, .family = BGP_IP4, .value = 9 },
    };
    expect(buf, bmp_statistics(buf, sizeof buf, &peer, numbers, 5),
           "03 00000072 01" PEER_HEADER("00", "00", IP4_ADDRESS)
               "'count' 00000005 0007 0008 0000000000000005 000b 0004 00000006"
               "000a 000b 'AFI' 0002 'SAFI' 01 0000000000000007"
               "000f 0008 0000000000000008 0011 000b 'AFI' 0001 'SAFI' 01 0000000000000009");
}

static void test_what_does_not_fit_is_not_written_past_the_end(void)
{
    uint8_t buf[64];
    size_t whole = bmp_initiation(buf, sizeof buf, "rs-a", "Tandem");
    for (size_t cap = 0; cap < whole; cap++) {
        memset(buf, 0xee, sizeof buf);
        CU_ASSERT_EQUAL(bmp_initiation(buf, cap, "rs-a", "Tandem"), 0);
        CU_ASSERT_EQUAL(buf[cap], 0xee);
    }
}

CU_MAIN("bmp", CU_CASE(test_an_initiation_tells_name_and_description), CU_CASE(test_a_termination_tells_why),
        CU_CASE(test_a_peer_up_carries_both_opens_as_they_were), CU_CASE(test_a_loc_rib_comes_up_with_its_name),
        CU_CASE(test_a_peer_down_carries_its_data), CU_CASE(test_a_route_goes_around_its_update),
        CU_CASE(test_statistics_have_the_widths_of_their_types),
        CU_CASE(test_what_does_not_fit_is_not_written_past_the_end))
