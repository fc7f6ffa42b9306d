#include "bgp/codec/open.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"
#include "tests/lib/random.h"

/* version 4, AS 65001, hold time 9, identifier 10.1.2.4 */
#define HEAD "'version' 04 'AS' fde9 'hold time' 0009 'identifier' 0a010204 "

static struct bgp_open open_;
static struct bgp_fault fault;

static int decode_bytes(const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1); /* a sanitizer sees every read beyond the end */
    memcpy(exact, bytes, len);
    fault = (struct bgp_fault){ 0 };
    int err = bgp_open_decode(exact, len, &open_, &fault);
    free(exact);
    return err;
}

static int decode(const char *text)
{
    uint8_t body[4096];
    return decode_bytes(body, hex(body, sizeof body, text));
}

/* An OPEN with these capabilities in one parameter. */
static int decode_caps(const char *caps)
{
    uint8_t body[512];
    size_t head = hex(body, sizeof body, HEAD "00 02 00"), n = hex(body + head, 480, caps);
    body[9] = (uint8_t)(n + 2);
    body[11] = (uint8_t)n;
    return decode_bytes(body, head + n);
}

static bool is_refused(uint8_t subcode)
{
    return fault.code == 2 && fault.subcode == subcode && fault.action == BGP_ACTION_SESSION_RESET;
}

static void test_an_open_without_parameters_is_read(void)
{
    CU_ASSERT_EQUAL(decode(HEAD "00"), 0);
    CU_ASSERT(open_.asn == 65001 && open_.hold_s == 9 && open_.identifier == 0x0a010204);
    CU_ASSERT(!open_.as4 && !open_.multiprotocol && !open_.refresh && open_.role == -1);
}

static void test_another_version_is_refused_with_ours(void)
{
    CU_ASSERT_EQUAL(decode("'version' 03 fde9 0009 0a010204 00"), -1);
    CU_ASSERT(is_refused(BGP_UNSUPPORTED_VERSION) && fault.data_len == 2);
    CU_ASSERT_EQUAL(memcmp(fault.data, "\0\4", 2), 0); /* RFC 4271 section 6.2: two octets */
    CU_ASSERT_EQUAL(decode("'version' 05 fde9 0009 0a010204 ff"), -1);
    CU_ASSERT(is_refused(BGP_UNSUPPORTED_VERSION));
}

static void test_as_zero_is_refused_in_either_place(void)
{
    CU_ASSERT_EQUAL(decode("04 'AS' 0000 0009 0a010204 00"), -1);
    CU_ASSERT(is_refused(BGP_BAD_PEER_AS)); /* RFC 7607 section 2 */
    CU_ASSERT_EQUAL(decode_caps("'as4' 41 04 00000000"), -1);
    CU_ASSERT(is_refused(BGP_BAD_PEER_AS));
    CU_ASSERT_EQUAL(decode("04 'AS' 0000 0009 0a010204 08 02 06 41 04 0000fde9"), -1);
    CU_ASSERT(is_refused(BGP_BAD_PEER_AS));
}

static void test_hold_times_of_one_and_two_seconds_are_refused(void)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = { { "04 fde9 0000 0a010204 00", true },  { "04 fde9 0001 0a010204 00", false },
                 { "04 fde9 0002 0a010204 00", false }, { "04 fde9 0003 0a010204 00", true },
                 { "04 fde9 ffff 0a010204 00", true } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(decode(rows[i].text), rows[i].good ? 0 : -1);
        CU_ASSERT(rows[i].good || is_refused(BGP_UNACCEPTABLE_HOLD_TIME));
    }
}

static void test_identifier_zero_is_refused(void)
{
    CU_ASSERT_EQUAL(decode("04 fde9 0009 'identifier' 00000000 00"), -1);
    CU_ASSERT(is_refused(BGP_BAD_IDENTIFIER)); /* RFC 6286 section 2.2 */
    CU_ASSERT_EQUAL(decode("04 fde9 0009 'any other' ffffffff 00"), 0);
}

static void test_unknown_parameters_are_unsupported(void)
{
    CU_ASSERT_EQUAL(decode(HEAD "03 'authentication' 01 01 00"), -1);
    CU_ASSERT(is_refused(BGP_UNSUPPORTED_PARAMETER));
    CU_ASSERT_EQUAL(decode(HEAD "06 02 00 'unknown' 63 02 0000"), -1);
    CU_ASSERT(is_refused(BGP_UNSUPPORTED_PARAMETER));
    CU_ASSERT_EQUAL(decode(HEAD "07 02 00 '255 as second' ff 03 000000"), -1);
    CU_ASSERT(is_refused(BGP_UNSUPPORTED_PARAMETER)); /* RFC 9072 section 2 */
}

static void test_lengths_that_do_not_fit_are_malformed(void)
{
    static const char *const texts[] = {
        HEAD "'nothing follows' 01",
        HEAD "'one too many' 00 00",
        HEAD "'one too few' 02 02 01 00",
        HEAD "'parameter passes the end' 04 02 03 4000",
        HEAD "'no length' 01 02",
        HEAD "'capability passes its parameter' 05 02 03 41 04 00",
        HEAD "'capability without length' 03 02 01 41",
        HEAD "'extended, no type' ff ff",
        HEAD "'extended, no length' ff ff 00",
        HEAD "'extended, one too many' ff ff 0000 00",
        HEAD "'extended, too few' ff ff 0004 02 0000",
        HEAD "'extended, parameter passes the end' ff ff 0004 02 0002 02",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CU_ASSERT_EQUAL(decode(texts[i]), -1);
        CU_ASSERT(is_refused(0)); /* RFC 4271 section 6.2: unspecific */
    }
}

static void test_capabilities_come_in_one_parameter_or_in_many(void)
{
    static const char *const texts[] = {
        HEAD "0e 02 0c 01 04 00020001 41 04 00012345",
        HEAD "10 02 06 01 04 00020001 02 06 41 04 00012345",
        HEAD "12 02 00 02 06 01 04 00020001 02 06 41 04 00012345",
        HEAD "'extended' ff ff 0012 02 0006 01 04 00020001 02 0006 41 04 00012345",
        HEAD "'length less than 255' 01 ff 0012 02 0006 01 04 00020001 02 0006 41 04 00012345",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CU_ASSERT_EQUAL(decode(texts[i]), 0);
        CU_ASSERT(open_.family[BGP_IP6] && !open_.family[BGP_IP4] && open_.multiprotocol);
        CU_ASSERT(open_.as4 && open_.asn == 0x12345);
    }
}

static void test_unknown_and_repeated_capabilities_do_no_harm(void)
{
    CU_ASSERT_EQUAL(decode_caps("'unknown' c8 03 010203 02 00 'again' 02 00 'cisco refresh' 80 00 "
                                "'nothing' 00 00 01 04 00010001 01 04 00010001 '?' ff 00"),
                    0);
    CU_ASSERT(open_.refresh && open_.family[BGP_IP4] && !open_.family[BGP_IP6]);
}

static void test_capabilities_of_a_wrong_length_are_malformed(void)
{
    static const char *const wrong[] = {
        "'multiprotocol' 01 03 000100", "01 05 0001000100",       "01 00",
        "'as4' 41 02 fde9",             "41 05 0000fde900",       "41 00",
        "'role' 09 00",                 "09 02 0303",             "'gr' 40 00",
        "40 01 00",                     "40 03 007800",           "40 05 0078000101",
        "'add-path' 45 03 000101",      "45 05 0001010300",       "'next hop' 05 05 0001000100",
        "05 07 00010001000200",         "'long-lived' 47 06 000101000000", "47 08 0001018000000a00",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_EQUAL(decode_caps(wrong[i]), -1);
        CU_ASSERT(is_refused(0));
    }
}

static void test_a_capability_that_says_it_all_by_being_there_may_be_long(void)
{
    CU_ASSERT_EQUAL(decode_caps("'refresh' 02 01 00 'extended message' 06 02 0000 'enhanced' 46 01 07"), 0);
    CU_ASSERT(open_.refresh && open_.extended_message && open_.enhanced_refresh);
}

static void test_families_that_we_do_not_speak_are_not_ipv4_unicast(void)
{
    CU_ASSERT_EQUAL(decode_caps("'IPv4 multicast' 01 04 00010002 'EVPN' 01 04 00190046"), 0);
    CU_ASSERT(open_.multiprotocol && !open_.family[BGP_IP4] && !open_.family[BGP_IP6]);
}

static void test_the_last_graceful_restart_capability_counts(void)
{
    CU_ASSERT_EQUAL(decode_caps("40 0a c078 00010180 00020180 40 06 0005 00020100"), 0);
    CU_ASSERT(open_.graceful_restart && !open_.restarting && !open_.gr_notification);
    CU_ASSERT(open_.restart_s == 5 && open_.gr_family == 1u << BGP_IP6 && open_.gr_forwarding == 0);
    CU_ASSERT_EQUAL(decode_caps("40 02 0000"), 0); /* End-of-RIB only: RFC 4724 section 3 */
    CU_ASSERT(open_.graceful_restart && open_.gr_family == 0);
}

/* RFC 9494 section 3.1 */
static void test_long_lived_graceful_restart_has_a_time_for_each_family(void)
{
    CU_ASSERT_EQUAL(decode_caps("40 02 0078 47 0e 00010180000e10 00020100ffffff"), 0);
    CU_ASSERT(open_.long_lived && open_.llgr_family == 3 && open_.llgr_forwarding == 1u << BGP_IP4);
    CU_ASSERT_EQUAL(open_.stale_s[BGP_IP4], 3600);
    CU_ASSERT_EQUAL(open_.stale_s[BGP_IP6], 0xffffff);
    CU_ASSERT_EQUAL(decode_caps("47 00 40 02 0078"), 0); /* it only knows what a stale route is */
    CU_ASSERT(open_.long_lived && open_.llgr_family == 0);
    CU_ASSERT_EQUAL(decode_caps("47 07 00010180000e10"), 0);
    CU_ASSERT_FALSE(open_.long_lived); /* not without RFC 4724 */
}

static void test_roles_that_contradict_each_other_are_refused(void)
{
    CU_ASSERT_EQUAL(decode_caps("09 01 03 09 01 03"), 0);
    CU_ASSERT_EQUAL(open_.role, 3);
    CU_ASSERT_EQUAL(decode_caps("09 01 03 09 01 04"), -1);
    CU_ASSERT(is_refused(BGP_ROLE_MISMATCH)); /* RFC 9234 section 4.2 */
    CU_ASSERT_EQUAL(decode_caps("09 01 03 09 01 04 09 01 03"), -1);
    CU_ASSERT(is_refused(BGP_ROLE_MISMATCH));
    CU_ASSERT_EQUAL(decode_caps("09 01 ff"), 0); /* who has roles decides what that means */
    CU_ASSERT_EQUAL(open_.role, 255);
}

static void test_add_path_modes_of_no_meaning_are_ignored(void)
{
    CU_ASSERT_EQUAL(decode_caps("45 08 00010103 00020100"), 0);
    CU_ASSERT(open_.add_path[BGP_IP4] == 3 && open_.add_path[BGP_IP6] == 0);
    CU_ASSERT_EQUAL(decode_caps("45 08 00010104 00020102"), 0);
    CU_ASSERT(open_.add_path[BGP_IP4] == 0 && open_.add_path[BGP_IP6] == 2);
}

static void test_ipv6_next_hops_for_ipv4_are_found_among_others(void)
{
    CU_ASSERT_EQUAL(decode_caps("05 0c 000100800002 000100010002"), 0);
    CU_ASSERT_TRUE(open_.ext_next_hop);
    CU_ASSERT_EQUAL(decode_caps("05 06 000100800002"), 0);
    CU_ASSERT_FALSE(open_.ext_next_hop);
}

static struct bgp_open random_open(struct random *r)
{
    struct bgp_open o = { .asn = random_below(r, 2) ? 1 + random_below(r, 65535) : 70000 + random_below(r, 9),
                          .identifier = 1 + random_below(r, UINT32_MAX - 1),
                          .hold_s = (uint16_t)(3 + random_below(r, 300)),
                          .as4 = true,
                          .refresh = random_below(r, 2),
                          .enhanced_refresh = random_below(r, 2),
                          .extended_message = random_below(r, 2),
                          .family = { random_below(r, 2), random_below(r, 2) },
                          .add_path = { (uint8_t)random_below(r, 4), (uint8_t)random_below(r, 4) },
                          .ext_next_hop = random_below(r, 2),
                          .role = (int16_t)((int)random_below(r, 6) - 1) };
    o.multiprotocol = o.family[0] || o.family[1];
    o.graceful_restart = random_below(r, 2);
    if (o.graceful_restart) {
        o.restarting = random_below(r, 2);
        o.gr_notification = random_below(r, 2);
        o.restart_s = (uint16_t)random_below(r, 4096);
        o.gr_family = (uint8_t)random_below(r, 4);
        o.gr_forwarding = (uint8_t)random_below(r, 4) & o.gr_family;
        o.long_lived = random_below(r, 2);
    }
    o.llgr_family = o.long_lived ? (uint8_t)random_below(r, 4) : 0;
    o.llgr_forwarding = (uint8_t)random_below(r, 4) & o.llgr_family;
    for (int f = 0; f < BGP_FAMILIES; f++)
        o.stale_s[f] = o.llgr_family & 1u << f ? random_below(r, 1 << 24) : 0;
    return o;
}

static bool is_same(const struct bgp_open *a, const struct bgp_open *b)
{
    return a->asn == b->asn && a->identifier == b->identifier && a->hold_s == b->hold_s &&
           a->as4 == b->as4 && a->refresh == b->refresh && a->enhanced_refresh == b->enhanced_refresh &&
           a->extended_message == b->extended_message && a->family[0] == b->family[0] &&
           a->family[1] == b->family[1] && a->multiprotocol == b->multiprotocol &&
           a->add_path[0] == b->add_path[0] && a->add_path[1] == b->add_path[1] &&
           a->ext_next_hop == b->ext_next_hop && a->graceful_restart == b->graceful_restart &&
           a->restarting == b->restarting && a->gr_notification == b->gr_notification &&
           a->restart_s == b->restart_s && a->gr_family == b->gr_family &&
           a->gr_forwarding == b->gr_forwarding && a->role == b->role &&
           a->long_lived == b->long_lived && a->llgr_family == b->llgr_family &&
           a->llgr_forwarding == b->llgr_forwarding && a->stale_s[0] == b->stale_s[0] &&
           a->stale_s[1] == b->stale_s[1];
}

static void test_what_was_written_is_read_back(void)
{
    struct random random = random_new("open");
    uint8_t buf[BGP_MESSAGE_MAX];
    for (int i = 0; i < 2000; i++) {
        struct bgp_open o = random_open(&random);
        struct bgp_message m;
        size_t len = bgp_open_write(&o, buf, sizeof buf);
        CU_ASSERT_EQUAL_FATAL(bgp_message_scan(buf, len, sizeof buf, &m, &fault), (int)len);
        CU_ASSERT_EQUAL_FATAL(decode_bytes(m.body, m.body_len), 0);
        CU_ASSERT_FATAL(is_same(&o, &open_));
    }
}

static void test_every_truncation_of_an_open_is_refused(void)
{
    struct random random = random_new("open");
    uint8_t buf[BGP_MESSAGE_MAX];
    struct bgp_open o = random_open(&random);
    size_t len = bgp_open_write(&o, buf, sizeof buf) - BGP_HEADER;
    for (size_t cut = 10; cut < len; cut++) {
        CU_ASSERT_EQUAL(decode_bytes(buf + BGP_HEADER, cut), -1);
        CU_ASSERT(is_refused(0));
    }
}

static void test_a_large_as_number_leaves_as_trans_in_the_short_field(void)
{
    uint8_t buf[BGP_MESSAGE_MAX];
    const struct bgp_open o = { .asn = 70000, .identifier = 1, .as4 = true, .role = -1 };
    bgp_open_write(&o, buf, sizeof buf);
    CU_ASSERT_EQUAL(buf[BGP_HEADER + 1] << 8 | buf[BGP_HEADER + 2], 23456); /* RFC 6793 section 9 */
}

static void test_both_sides_must_have_a_capability(void)
{
    struct bgp_open all = { .as4 = true,
                            .refresh = true,
                            .enhanced_refresh = true,
                            .extended_message = true,
                            .multiprotocol = true,
                            .family = { true, true },
                            .add_path = { 3, 3 },
                            .ext_next_hop = true };
    struct bgp_open none = { 0 };
    struct bgp_codec c;
    bgp_open_negotiate(&all, &all, &c);
    CU_ASSERT(c.as4 && c.refresh && c.enhanced_refresh && c.ext_next_hop && c.max_message == 65535);
    CU_ASSERT(c.add_path_in[0] && c.add_path_out[1]);
    bgp_open_negotiate(&all, &none, &c);
    CU_ASSERT(!c.as4 && !c.refresh && !c.enhanced_refresh && !c.ext_next_hop && c.max_message == 4096);
    /* RFC 4760 section 8: without the capability IPv4 unicast is meant */
    CU_ASSERT(c.family[BGP_IP4] && !c.family[BGP_IP6]);
    CU_ASSERT(!c.add_path_in[0] && !c.add_path_out[0]);
}

static void test_add_path_needs_a_sender_and_a_receiver(void)
{
    struct bgp_open ours = { .family = { true, true }, .add_path = { 1, 2 } };
    struct bgp_open theirs = { .multiprotocol = true, .family = { true, true }, .add_path = { 2, 2 } };
    struct bgp_codec c;
    bgp_open_negotiate(&ours, &theirs, &c);
    CU_ASSERT(c.add_path_in[BGP_IP4] && !c.add_path_out[BGP_IP4]);
    CU_ASSERT(!c.add_path_in[BGP_IP6] && !c.add_path_out[BGP_IP6]);
    theirs.family[BGP_IP4] = false;
    bgp_open_negotiate(&ours, &theirs, &c);
    CU_ASSERT(!c.family[BGP_IP4] && !c.add_path_in[BGP_IP4]);
}

CU_MAIN("open", CU_CASE(test_an_open_without_parameters_is_read),
        CU_CASE(test_another_version_is_refused_with_ours),
        CU_CASE(test_as_zero_is_refused_in_either_place),
        CU_CASE(test_hold_times_of_one_and_two_seconds_are_refused),
        CU_CASE(test_identifier_zero_is_refused), CU_CASE(test_unknown_parameters_are_unsupported),
        CU_CASE(test_lengths_that_do_not_fit_are_malformed),
        CU_CASE(test_capabilities_come_in_one_parameter_or_in_many),
        CU_CASE(test_unknown_and_repeated_capabilities_do_no_harm),
        CU_CASE(test_capabilities_of_a_wrong_length_are_malformed),
        CU_CASE(test_a_capability_that_says_it_all_by_being_there_may_be_long),
        CU_CASE(test_families_that_we_do_not_speak_are_not_ipv4_unicast),
        CU_CASE(test_the_last_graceful_restart_capability_counts),
        CU_CASE(test_long_lived_graceful_restart_has_a_time_for_each_family),
        CU_CASE(test_roles_that_contradict_each_other_are_refused),
        CU_CASE(test_add_path_modes_of_no_meaning_are_ignored),
        CU_CASE(test_ipv6_next_hops_for_ipv4_are_found_among_others),
        CU_CASE(test_what_was_written_is_read_back),
        CU_CASE(test_every_truncation_of_an_open_is_refused),
        CU_CASE(test_a_large_as_number_leaves_as_trans_in_the_short_field),
        CU_CASE(test_both_sides_must_have_a_capability),
        CU_CASE(test_add_path_needs_a_sender_and_a_receiver))
