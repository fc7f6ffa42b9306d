/* Attributes row by row: what RFC 7606 asks for, the canonical form, the table of sets, the export. */
#include "bgp/codec/attr.h"

#include "tests/lib/alloc.h"
#include "tests/lib/attrs.h"
#include "tests/lib/bgp_lab.h"
#include "tests/lib/random.h"

#define GOOD "+10.2.0.0/16"
#define WITHDRAW "-10.2.0.0/16 withdraw "
#define DISCARD "+10.2.0.0/16 discard "

static struct bgp_lab l;

struct row {
    const char *attrs, *expected;
};

static void expect_rows(const struct row *rows, size_t count, bool as4)
{
    lab_open(&l);
    l.codec.as4 = as4;
    for (size_t i = 0; i < count; i++) {
        const char *got = lab_attrs(&l, rows[i].attrs);
        if (strcmp(got, rows[i].expected))
            printf("\n    %s\n    gave %s instead of %s\n", rows[i].attrs, got, rows[i].expected);
        CU_ASSERT_STRING_EQUAL(got, rows[i].expected);
    }
    lab_close(&l);
}
#define EXPECT(as4, ...)                                                                           \
    do {                                                                                           \
        static const struct row rows[] = { __VA_ARGS__ };                                          \
        expect_rows(rows, sizeof rows / sizeof *rows, as4);                                        \
    } while (0)

static void test_origin(void)
{
    EXPECT(true, { AS_PATH NEXT_HOP "40 01 01 00", GOOD }, { AS_PATH NEXT_HOP "40 01 01 02", GOOD },
           { AS_PATH NEXT_HOP "40 01 01 03", WITHDRAW "3/6 attr 1" },
           { AS_PATH NEXT_HOP "40 01 01 ff", WITHDRAW "3/6 attr 1" },
           { AS_PATH NEXT_HOP "40 01 00", WITHDRAW "3/5 attr 1" },
           { AS_PATH NEXT_HOP "40 01 02 0000", WITHDRAW "3/5 attr 1" },
           { AS_PATH NEXT_HOP "c0 01 01 00", WITHDRAW "3/4 attr 1" },
           { AS_PATH NEXT_HOP "00 01 01 00", WITHDRAW "3/4 attr 1" });
}

static void test_as_path(void)
{
    EXPECT(true, { ORIGIN NEXT_HOP "40 02 06 02 01 0000fde9", GOOD },
           { ORIGIN NEXT_HOP "'extended length' 50 02 0006 02 01 0000fde9", GOOD },
           { ORIGIN NEXT_HOP "'empty' 40 02 00", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'first AS' 40 02 06 02 01 0000fdea", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'overrun' 40 02 06 02 02 0000fde9", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'underrun' 40 02 07 02 01 0000fde9 02", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'empty segment' 40 02 08 02 01 0000fde9 0200", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'unknown type' 40 02 06 07 01 0000fde9", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'AS 0' 40 02 0a 02 02 0000fde9 00000000", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'AS_SET' 40 02 0c 02 01 0000fde9 01 01 00000001", WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "'confederation' 40 02 0c 03 01 0000fe00 02 01 0000fde9",
             WITHDRAW "3/11 attr 2" },
           { ORIGIN NEXT_HOP "80 02 06 02 01 0000fde9", WITHDRAW "3/4 attr 2" });
}

static void test_next_hop(void)
{
    EXPECT(true, { ORIGIN AS_PATH "40 03 03 0a0102", WITHDRAW "3/5 attr 3" },
           { ORIGIN AS_PATH "40 03 05 0a01020400", WITHDRAW "3/5 attr 3" },
           { ORIGIN AS_PATH "c0 03 04 0a010204", WITHDRAW "3/4 attr 3" },
           { ORIGIN AS_PATH "'ours' 40 03 04 0a010104", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'0.0.0.0' 40 03 04 00000000", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'0.1.2.3' 40 03 04 00010203", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'loopback' 40 03 04 7f000001", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'multicast' 40 03 04 e0000001", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'class E' 40 03 04 f0000001", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'broadcast' 40 03 04 ffffffff", WITHDRAW "3/8 attr 3" },
           { ORIGIN AS_PATH "'the last host' 40 03 04 dfffffff", GOOD });
}

static void test_within_a_host_a_loopback_address_is_a_next_hop(void)
{
    lab_open(&l);
    l.ctx.local_addr = (struct ip_addr){ .family = BGP_IP4, .bytes = { 127, 0, 0, 1 } };
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, ORIGIN AS_PATH "40 03 04 7f000002"), GOOD);
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, ORIGIN AS_PATH "40 03 04 7f000001"), WITHDRAW "3/8 attr 3");
    lab_close(&l);
}

static void test_mandatory_attributes_that_are_missing(void)
{
    EXPECT(true, { AS_PATH NEXT_HOP, WITHDRAW "3/3 attr 1" }, { ORIGIN NEXT_HOP, WITHDRAW "3/3 attr 2" },
           { ORIGIN AS_PATH, WITHDRAW "3/3 attr 3" }, { "", WITHDRAW "3/3 attr 1" });
    CU_ASSERT(l.update.fault.data_len == 1 && l.update.fault.data[0] == 1); /* a constant: it outlives the message */
}

static void test_med(void)
{
    EXPECT(true, { USUAL "80 04 04 0000000a", GOOD }, { USUAL "80 04 03 00000a", WITHDRAW "3/5 attr 4" },
           { USUAL "80 04 00", WITHDRAW "3/5 attr 4" },
           { USUAL "c0 04 04 0000000a", WITHDRAW "3/4 attr 4" });
}

static void test_what_an_external_peer_has_no_business_to_say_is_dropped(void)
{
    EXPECT(true, { USUAL "40 05 04 00000064", GOOD }, { USUAL "40 05 03 000064", GOOD },
           { USUAL "40 05 00", GOOD }, { USUAL "80 09 04 01020304", GOOD }, { USUAL "80 09 01 01", GOOD },
           { USUAL "80 0a 04 01020304", GOOD }, { USUAL "80 0a 03 010203", GOOD },
           { USUAL "80 05 04 00000064", WITHDRAW "3/4 attr 5" },
           { USUAL "40 09 04 01020304", WITHDRAW "3/4 attr 9" },
           { USUAL "c0 0a 04 01020304", WITHDRAW "3/4 attr 10" });
    lab_open(&l);
    lab_attrs(&l, USUAL "40 05 04 00000064 80 09 04 01020304 80 0a 04 01020304");
    CU_ASSERT(lab_is_hex(lab_canonical(&l), ORIGIN AS_PATH));
    lab_close(&l);
}

static void test_atomic_aggregate_and_aggregator_are_discarded_alone(void)
{
    EXPECT(true, { USUAL "40 06 00", GOOD }, { USUAL "40 06 01 00", DISCARD "3/5 attr 6" },
           { USUAL "c0 06 00", WITHDRAW "3/4 attr 6" }, { USUAL "c0 07 08 0000fde9 01020304", GOOD },
           { USUAL "c0 07 06 fde9 01020304", DISCARD "3/9 attr 7" },
           { USUAL "c0 07 00", DISCARD "3/9 attr 7" },
           { USUAL "'AS 0' c0 07 08 00000000 01020304", DISCARD "3/9 attr 7" },
           { USUAL "40 07 08 0000fde9 01020304", WITHDRAW "3/4 attr 7" });
    EXPECT(false, { ORIGIN NEXT_HOP "40 02 04 0201fde9 c0 07 06 fde9 01020304", GOOD },
           { ORIGIN NEXT_HOP "40 02 04 0201fde9 c0 07 08 0000fde9 01020304", DISCARD "3/9 attr 7" },
           { ORIGIN NEXT_HOP "40 02 04 0201fde9 c0 07 06 0000 01020304", DISCARD "3/9 attr 7" });
}

static void test_communities_of_every_kind(void)
{
    EXPECT(true, { USUAL "c0 08 04 fde90001", GOOD }, { USUAL "c0 08 00", WITHDRAW "3/5 attr 8" },
           { USUAL "c0 08 05 fde9000100", WITHDRAW "3/5 attr 8" },
           { USUAL "80 08 04 fde90001", WITHDRAW "3/4 attr 8" },
           { USUAL "c0 10 08 0002fde900000001", GOOD }, { USUAL "c0 10 00", WITHDRAW "3/5 attr 16" },
           { USUAL "c0 10 07 0002fde9000000", WITHDRAW "3/5 attr 16" },
           { USUAL "c0 19 14 0002 fd000000000000000000000000000001 0001", GOOD },
           { USUAL "c0 19 13 0002 fd000000000000000000000000000001 00", WITHDRAW "3/5 attr 25" },
           { USUAL "c0 19 00", WITHDRAW "3/5 attr 25" },
           { USUAL "c0 20 0c 0000fde9 00000001 00000002", GOOD },
           { USUAL "c0 20 00", WITHDRAW "3/5 attr 32" },
           { USUAL "c0 20 0b 0000fde9 00000001 000000", WITHDRAW "3/5 attr 32" },
           { USUAL "c0 20 0d 0000fde9 00000001 00000002 00", WITHDRAW "3/5 attr 32" });
}

static void test_redundant_large_communities_are_removed_in_place(void)
{
    lab_open(&l); /* RFC 8092 section 2 */
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, USUAL "c0 20 3c 0000000100000001 00000002 0000fde900000001 00000002 "
                                               "0000000100000001 00000002 0000000100000001 00000001 "
                                               "0000fde900000001 00000002"),
                           GOOD);
    CU_ASSERT(lab_is_hex(lab_canonical(&l), ORIGIN AS_PATH
                         "c0 20 24 0000000100000001 00000002 0000fde900000001 00000002 "
                         "0000000100000001 00000001"));
    lab_close(&l);
}

static void test_only_to_customer(void)
{
    EXPECT(true, { USUAL "c0 23 04 0000fde9", GOOD }, { USUAL "c0 23 03 00fde9", WITHDRAW "3/5 attr 35" },
           { USUAL "c0 23 00", WITHDRAW "3/5 attr 35" },
           { USUAL "80 23 04 0000fde9", WITHDRAW "3/4 attr 35" });
}

static void test_attributes_that_are_not_known(void)
{
    EXPECT(true, { USUAL "c0 63 02 abcd", GOOD }, { USUAL "80 63 02 abcd", GOOD },
           { USUAL "c0 63 00", GOOD }, { USUAL "40 63 02 abcd", "reset 3/2 attr 99" },
           { USUAL "00 63 00", "reset 3/2 attr 99" });
    lab_open(&l);
    lab_attrs(&l, USUAL "00 63 00");
    CU_ASSERT(l.update.fault.data_len == 3 && memcmp(l.update.fault.data, "\x00\x63\x00", 3) == 0);
    lab_attrs(&l, USUAL "'dropped' 80 64 01 aa 'passed on' c0 63 02 abcd");
    CU_ASSERT(lab_is_hex(lab_canonical(&l), ORIGIN AS_PATH "'partial' e0 63 02 abcd"));
    lab_close(&l);
}

static void test_every_type_may_come_at_once(void)
{
    char attrs[256 * 16] = USUAL;
    lab_open(&l);
    for (unsigned type = 255; type > 35; type--)
        snprintf(attrs + strlen(attrs), 16, "c0 %02x 01 %02x ", type, type);
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, attrs), GOOD);
    CU_ASSERT_EQUAL(l.update.attrs[0].len, 4 + 9 + 220 * 4);
    lab_close(&l);
}

static void test_the_first_of_two_counts(void)
{
    EXPECT(true, { USUAL "80 04 04 0000000a 80 04 04 00000014", GOOD },
           { USUAL "80 04 04 0000000a 80 04 03 000014", GOOD },
           { USUAL "80 04 03 00000a 80 04 04 00000014", WITHDRAW "3/5 attr 4" },
           { USUAL ORIGIN ORIGIN, GOOD }, { USUAL "c0 63 01 01 c0 63 01 02", GOOD },
           { USUAL MP_REACH6 MP_REACH6, "reset 3/1" },
           { USUAL "80 0f 03 000201 80 0f 03 000201", "reset 3/1" });
    lab_open(&l);
    lab_attrs(&l, USUAL "80 04 04 0000000a 80 04 04 00000014");
    CU_ASSERT_EQUAL(l.update.attrs[0].med, 10);
    lab_close(&l);
}

static void test_the_worst_of_several_errors_decides(void)
{
    EXPECT(true, { USUAL "40 06 01 00 c0 08 03 000000", WITHDRAW "3/5 attr 8" },
           { USUAL "c0 08 03 000000 40 06 01 00", WITHDRAW "3/5 attr 8" },
           { USUAL "c0 08 03 000000 40 63 00", "reset 3/2 attr 99" });
}

static void test_attributes_that_pass_the_end_of_their_field(void)
{
    EXPECT(true, { USUAL "80 04 05 0000000a", WITHDRAW "3/1" }, { USUAL "80", WITHDRAW "3/1" },
           { USUAL "80 04", WITHDRAW "3/1" }, { USUAL "90 04 00", WITHDRAW "3/1" },
           { USUAL "'MP_REACH_NLRI' 80 0e 20 0002 01", "reset 3/1" });
}

/* ---- RFC 6793 ---- */

#define OLD ORIGIN "40 02 06 02 02 fde9 5ba0 " NEXT_HOP

static const char *canonical_of(const char *attrs, const char *expected)
{
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, attrs), expected);
    return lab_canonical(&l);
}

static void test_as4_path_counts_for_old_speakers_only(void)
{
    lab_open(&l);
    CU_ASSERT(lab_is_hex(canonical_of(USUAL "c0 11 06 02 01 00012345", GOOD), ORIGIN AS_PATH));
    CU_ASSERT(lab_is_hex(canonical_of(USUAL "'malformed' 00 11 01 00", GOOD), ORIGIN AS_PATH));
    l.codec.as4 = false;
    CU_ASSERT(lab_is_hex(canonical_of(OLD "c0 11 06 02 01 00012345", GOOD),
                         ORIGIN "40 02 0a 02 02 0000fde9 00012345"));
    lab_close(&l);
}

static void test_a_malformed_as4_path_is_discarded(void)
{
    EXPECT(false, { OLD "c0 11 00", DISCARD "3/9 attr 17" }, { OLD "c0 11 05 02 01 000123", DISCARD "3/9 attr 17" },
           { OLD "c0 11 06 02 02 00012345", DISCARD "3/9 attr 17" },
           { OLD "c0 11 06 09 01 00012345", DISCARD "3/9 attr 17" },
           { OLD "'AS 0' c0 11 06 02 01 00000000", DISCARD "3/9 attr 17" },
           { OLD "'AS_SET' c0 11 06 01 01 00012345", WITHDRAW "3/9 attr 17" },
           { OLD "c0 12 07 00012345 010203", DISCARD "3/5 attr 18" },
           { OLD "c0 12 08 00000000 01020304", DISCARD "3/9 attr 18" });
}

static void test_confederation_segments_of_as4_path_are_left_out(void)
{
    lab_open(&l);
    l.codec.as4 = false;
    CU_ASSERT(lab_is_hex(canonical_of(OLD "c0 11 0c 03 01 0000fe01 02 01 00012345", GOOD),
                         ORIGIN "40 02 0a 02 02 0000fde9 00012345"));
    lab_close(&l);
}

static void test_as4_aggregator_counts_when_aggregator_is_as_trans(void)
{
    lab_open(&l);
    l.codec.as4 = false;
    CU_ASSERT(lab_is_hex(canonical_of(OLD "c0 07 06 5ba0 01020304 c0 12 08 00012345 01020305", GOOD),
                         ORIGIN "40 02 0a 02 02 0000fde9 00005ba0 c0 07 08 00012345 01020305"));
    /* Not AS_TRANS: somebody who knows nothing of four octets has aggregated, both are stale. */
    CU_ASSERT(lab_is_hex(canonical_of(OLD "c0 07 06 fde9 01020304 c0 11 06 02 01 00012345 "
                                          "c0 12 08 00012345 01020305",
                                      GOOD),
                         ORIGIN "40 02 0a 02 02 0000fde9 00005ba0 c0 07 08 0000fde9 01020304"));
    /* Without AS4_AGGREGATOR an AGGREGATOR says nothing about AS4_PATH. */
    CU_ASSERT(lab_is_hex(canonical_of(OLD "c0 07 06 fde9 01020304 c0 11 06 02 01 00012345", GOOD),
                         ORIGIN "40 02 0a 02 02 0000fde9 00012345 c0 07 08 0000fde9 01020304"));
    lab_close(&l);
}

/* ---- canonical form ---- */

static void test_canonical_bytes_are_in_order_with_the_shortest_lengths(void)
{
    lab_open(&l);
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, "'extended' d0 08 0004 fde90001 'partial' 70 02 0006 02 01 0000fde9 "
                                         "'unused bits' 4f 01 01 01 " NEXT_HOP "80 04 04 00000007"),
                           GOOD);
    CU_ASSERT(lab_is_hex(lab_canonical(&l), "40 01 01 01 40 02 06 02 01 0000fde9 80 04 04 00000007 "
                                            "c0 08 04 fde90001"));
    const struct bgp_attrs *a = &l.update.attrs[0];
    CU_ASSERT(a->origin == 1 && a->path_len == 1 && a->neighbor_as == 65001);
    CU_ASSERT(a->med == 7 && a->marks == BGP_MARK_MED);
    lab_close(&l);
}

static void test_a_value_of_256_octets_takes_an_extended_length(void)
{
    char attrs[2000] = USUAL "'unknown' d0 63 0100 ";
    lab_open(&l);
    for (int i = 0; i < 256; i++)
        strcat(attrs, "5a");
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, attrs), GOOD);
    CU_ASSERT_EQUAL(l.update.attrs[0].len, 4 + 9 + 4 + 256);
    CU_ASSERT_EQUAL(memcmp(l.update.attrs[0].bytes + 13, "\xf0\x63\x01\x00", 4), 0);
    lab_close(&l);
}

static void test_well_known_communities_leave_marks(void)
{
    lab_open(&l);
    lab_attrs(&l, USUAL "c0 08 18 ffffff01 ffffff02 ffffff03 ffff029a ffff0000 fde90001");
    CU_ASSERT_EQUAL(l.update.attrs[0].marks, BGP_MARK_NO_EXPORT | BGP_MARK_NO_ADVERTISE |
                                                 BGP_MARK_NO_EXPORT_SUBCONFED | BGP_MARK_BLACKHOLE |
                                                 BGP_MARK_GRACEFUL_SHUTDOWN);
    lab_attrs(&l, USUAL "c0 08 08 ffff0006 ffff0007 c0 23 04 0000fde9");
    CU_ASSERT_EQUAL(l.update.attrs[0].marks, BGP_MARK_LLGR_STALE | BGP_MARK_NO_LLGR | BGP_MARK_OTC);
    CU_ASSERT_EQUAL(otc_of(&l.update.attrs[0]), 65001);
    lab_close(&l);
}

static void test_occurrences_of_an_as_are_counted(void)
{
    lab_open(&l);
    lab_attrs(&l, ORIGIN NEXT_HOP "40 02 14 02 02 0000fde9 0000ffeb 02 02 0000ffeb 00000001");
    CU_ASSERT_EQUAL(bgp_attrs_count_as(&l.update.attrs[0], 65515), 2);
    CU_ASSERT_EQUAL(bgp_attrs_count_as(&l.update.attrs[0], 65001), 1);
    CU_ASSERT_EQUAL(bgp_attrs_count_as(&l.update.attrs[0], 7), 0);
    CU_ASSERT_EQUAL(bgp_attrs_count_as(&(struct bgp_attrs){ 0 }, 7), 0);
    CU_ASSERT_EQUAL(l.update.attrs[0].path_len, 4);
    lab_close(&l);
}

static void test_no_as_of_a_path_is_passed_over(void)
{
    struct random random = random_new("paths");
    for (int round = 0; round < 200; round++) {
        uint8_t bytes[64] = { 0x40, BGP_ATTR_ORIGIN, 1, 0, 0x40, BGP_ATTR_AS_PATH, 26, 2, 6 };
        struct bgp_attrs a;
        for (int i = 0; i < 6; i++)
            wire_set32(bytes + 9 + 4 * i, 1 + random_below(&random, round % 2 ? UINT32_MAX : 20));
        CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(bytes, 33, &a));
        for (int i = 0; i < 6; i++) {
            uint32_t asn = wire_get32(bytes + 9 + 4 * i);
            unsigned there = 0;
            for (int k = 0; k < 6; k++)
                there += wire_get32(bytes + 9 + 4 * k) == asn;
            CU_ASSERT_EQUAL(bgp_attrs_count_as(&a, asn), there);
        }
    }
}

static bool is_canonical(const char *text)
{
    uint8_t exact[600];
    struct bgp_attrs a;
    size_t len = hex(exact, sizeof exact, text);
    return bgp_attrs_summarise(exact, (uint16_t)len, &a);
}

static void test_what_another_node_sends_must_be_canonical(void)
{
    CU_ASSERT_TRUE(is_canonical(ORIGIN AS_PATH));
    CU_ASSERT_TRUE(is_canonical(ORIGIN "40 02 00"));
    static const char *const wrong[] = {
        "", ORIGIN, AS_PATH, AS_PATH ORIGIN, ORIGIN ORIGIN AS_PATH, ORIGIN AS_PATH NEXT_HOP,
        "40 01 01 03 " AS_PATH, "50 01 0001 00 " AS_PATH, "41 01 01 00 " AS_PATH,
        ORIGIN "40 02 08 01 01 0000fde9", ORIGIN "40 02 06 01 01 0000fde9",
        ORIGIN AS_PATH "40 05 04 00000064", ORIGIN AS_PATH "c0 11 06 02 01 00012345",
        ORIGIN AS_PATH "80 0e 03 000201", ORIGIN AS_PATH "c0 07 06 fde9 01020304",
        ORIGIN AS_PATH "80 04 03 000000", ORIGIN AS_PATH "c0 08 00", ORIGIN AS_PATH "c0 23 02 0000",
        ORIGIN AS_PATH "c0 63 02 00", ORIGIN AS_PATH "c0", ORIGIN AS_PATH "c0 09 04 00000000",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT_FALSE(is_canonical(wrong[i]));
}

/* ---- the table of sets ---- */

static struct bgp_attrs set_of(const uint8_t *bytes, uint16_t len, uint8_t hop)
{
    struct bgp_attrs a;
    CU_ASSERT_FATAL(bgp_attrs_summarise(bytes, len, &a));
    a.next_hop = (struct ip_addr){ .bytes = { 10, 1, 2, hop } };
    return a;
}

static void test_equal_sets_share_an_id_and_live_as_long_as_a_reference(void)
{
    struct bgp_attr_table t;
    uint8_t bytes[64], other[64];
    uint16_t len = (uint16_t)hex(bytes, sizeof bytes, ORIGIN AS_PATH);
    hex(other, sizeof other, "40 01 01 01 " AS_PATH);
    bgp_attr_table_init(&t, (struct hash_key){ 1, 2 });
    struct bgp_attrs a = set_of(bytes, len, 4), b = set_of(other, len, 4), c = set_of(bytes, len, 5), d = a;
    const struct ip_addr local = { .family = BGP_IP6, .bytes = { 0xfe, 0x80 } };
    d.link_local = &local;
    uint32_t first = bgp_attrs_intern(&t, &a), again = bgp_attrs_intern(&t, &a);
    uint32_t second = bgp_attrs_intern(&t, &b), third = bgp_attrs_intern(&t, &c), fourth = bgp_attrs_intern(&t, &d);
    CU_ASSERT(first && first == again);
    CU_ASSERT(second != first && third != first && third != second && fourth != first);
    CU_ASSERT_EQUAL(t.bytes, 4u * len + sizeof local);
    CU_ASSERT_EQUAL(bgp_attrs_intern(&t, &d), fourth);
    CU_ASSERT_PTR_NOT_EQUAL(bgp_attrs_get(&t, fourth)->link_local, &local); /* a copy, too */
    CU_ASSERT(ip_addr_is_equal(bgp_attrs_get(&t, fourth)->link_local, &local));
    CU_ASSERT_PTR_NOT_EQUAL(bgp_attrs_get(&t, first)->bytes, bytes); /* a copy */
    CU_ASSERT_EQUAL(memcmp(bgp_attrs_get(&t, first)->bytes, bytes, len), 0);
    bgp_attrs_unref(&t, first);
    CU_ASSERT_EQUAL(bgp_attrs_get(&t, first)->len, len);
    bgp_attrs_unref(&t, first);
    CU_ASSERT_EQUAL(t.bytes, 3u * len + sizeof local);
    bgp_attrs_ref(&t, second);
    bgp_attrs_unref(&t, second);
    CU_ASSERT_EQUAL(bgp_attrs_get(&t, second)->origin, 1);
    bgp_attrs_ref(&t, 0);
    bgp_attrs_unref(&t, 0);
    bgp_attr_table_fini(&t); /* frees what is still held */
}

static void test_interning_without_memory_gives_zero_and_changes_nothing(void)
{
    uint8_t bytes[64];
    uint16_t len = (uint16_t)hex(bytes, sizeof bytes, ORIGIN AS_PATH);
    struct bgp_attrs a = set_of(bytes, len, 4);
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct bgp_attr_table t;
        bgp_attr_table_init(&t, (struct hash_key){ 1, 2 });
        alloc_fail_at(nth);
        uint32_t id = bgp_attrs_intern(&t, &a);
        failed = alloc_end();
        CU_ASSERT_EQUAL(failed, id == 0);
        CU_ASSERT_EQUAL(t.bytes, failed ? 0 : len);
        CU_ASSERT(bgp_attrs_intern(&t, &a) != 0); /* memory is back */
        bgp_attr_table_fini(&t);
    }
}

/* ---- export ---- */

static const char *export_of(const char *attrs, const struct bgp_export *how, bool as4)
{
    static char text[2 * 600 + 1];
    uint8_t buf[600];
    struct bgp_codec codec = { .as4 = as4 };
    CU_ASSERT_STRING_EQUAL(lab_attrs(&l, attrs), GOOD);
    int len = bgp_attrs_export(&l.update.attrs[0], how, &codec, buf, sizeof buf);
    for (int cap = 0; cap < len; cap++) /* no room, no matter where */
        CU_ASSERT_EQUAL(bgp_attrs_export(&l.update.attrs[0], how, &codec, l.body, (size_t)cap), BGP_ERR_SPACE);
    text[0] = 0;
    for (int i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", buf[i]);
    return text;
}

static void test_own_as_is_prepended_and_med_dropped_unless_transparent(void)
{
    const struct bgp_export azure = { .local_asn = 65515 }, transparent = { .transparent = true };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "80 04 04 00000007 e0 63 01 aa", &azure, true),
                         ORIGIN "40 02 0a 02 02 0000ffeb 0000fde9 e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "80 04 04 00000007 c0 08 04 00010001", &transparent, true),
                         ORIGIN AS_PATH "80 04 04 00000007 c0 08 04 00010001"));
    lab_close(&l);
}

/* RFC 4271 section 5.1.2 a: transparent is what others say, not what we begin. */
static void test_a_route_of_our_own_begins_with_our_as(void)
{
    const struct bgp_export hows[] = { { .local_asn = 65515 }, { .local_asn = 65515, .transparent = true } };
    const struct bgp_codec codec = { .as4 = true };
    uint8_t bytes[16], want[32], buf[32];
    struct bgp_attrs own;
    CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(bytes, (uint16_t)hex(bytes, sizeof bytes, ORIGIN "40 02 00"), &own));
    size_t len = hex(want, sizeof want, ORIGIN "40 02 06 02 01 0000ffeb");
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(bgp_attrs_export(&own, &hows[i], &codec, buf, sizeof buf), (int)len);
        CU_ASSERT_EQUAL(memcmp(buf, want, len), 0);
    }
}

/* RFC 8654 section 4: what RFC 7606 sections 7.6 and 7.7 let one discard is left out to make it fit. */
static void test_what_may_be_discarded_is_left_out_when_shortened(void)
{
    const struct bgp_export less = { .transparent = true, .shortened = true };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "40 06 00 c0 07 08 0001ffff 0a010203 c0 08 04 00010001", &less, true),
                         ORIGIN AS_PATH "c0 08 04 00010001"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "40 06 00 c0 07 08 0001ffff 0a010203", &less, true), ORIGIN AS_PATH));
    lab_close(&l);
}

/* RFC 4360 section 6, RFC 5701 section 2. A value that shrinks below 256 octets has a plain length again. */
static void test_what_is_not_transitive_does_not_leave(void)
{
#define FOUR(x) x x x x
#define STAYS "4002fde900000001"
#define GOES "0002fde900000002"
    const struct bgp_export how = { .transparent = true };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 10 18" STAYS GOES "43000000000000ff e0 63 01 aa", &how, true),
                         ORIGIN AS_PATH "c0 10 08" GOES "e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "e0 10 08" STAYS "e0 63 01 aa", &how, true),
                         ORIGIN AS_PATH "e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "f0 10 0108" FOUR(FOUR(STAYS STAYS)) GOES, &how, true),
                         ORIGIN AS_PATH "e0 10 08" GOES));
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 19 28 4002" FOUR("00000000") "0001 0002" FOUR("11111111") "0003",
                                   &how, true),
                         ORIGIN AS_PATH "c0 19 14 0002" FOUR("11111111") "0003"));
    lab_close(&l);
}

/* RFC 9234 section 5, egress 1: added in its place by type code, and never over one that is there. */
static void test_only_to_customer_is_added_where_there_is_none(void)
{
    const struct bgp_export how = { .transparent = true, .otc = 65515 };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "e0 63 01 aa", &how, true),
                         ORIGIN AS_PATH "c0 23 04 0000ffeb e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL, &how, true), ORIGIN AS_PATH "c0 23 04 0000ffeb"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 23 04 0000fde9", &how, true),
                         ORIGIN AS_PATH "c0 23 04 0000fde9"));
    lab_close(&l);
}

/* RFC 8326 section 4: among the communities that are there, in their place, and never twice. */
static void test_graceful_shutdown_joins_the_communities(void)
{
    const struct bgp_export how = { .transparent = true, .graceful_shutdown = true };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 08 04 00010001 e0 63 01 aa", &how, true),
                         ORIGIN AS_PATH "c0 08 08 00010001 ffff0000 e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "e0 63 01 aa", &how, true),
                         ORIGIN AS_PATH "c0 08 04 ffff0000 e0 63 01 aa"));
    CU_ASSERT(lab_is_hex(export_of(USUAL, &how, true), ORIGIN AS_PATH "c0 08 04 ffff0000"));
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 08 04 ffff0000", &how, true),
                         ORIGIN AS_PATH "c0 08 04 ffff0000"));
    lab_close(&l);
}

static void test_a_marked_set_is_canonical_and_differs_by_its_mark_alone(void)
{
    static const char *const sets[][2] = {
        { USUAL, ORIGIN AS_PATH "c0 08 04 ffff0006" },
        { USUAL "c0 08 04 00010001", ORIGIN AS_PATH "c0 08 08 00010001 ffff0006" },
        { USUAL "80 04 04 00000007 c0 07 08 0000fde9 01020304 c0 20 0c 000000010000000200000003",
          ORIGIN AS_PATH "80 04 04 00000007 c0 07 08 0000fde9 01020304 c0 08 04 ffff0006 "
                         "c0 20 0c 000000010000000200000003" },
        { USUAL "c0 10 08" STAYS, ORIGIN AS_PATH "c0 08 04 ffff0006 c0 10 08" STAYS },
    };
    lab_open(&l);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        uint8_t buf[256], want[256];
        struct bgp_attrs marked;
        CU_ASSERT_STRING_EQUAL(lab_attrs(&l, sets[i][0]), GOOD);
        int len = bgp_attrs_mark(&l.update.attrs[0], BGP_LLGR_STALE, buf, l.update.attrs[0].len + BGP_MARK_ROOM);
        CU_ASSERT_EQUAL_FATAL((size_t)len, hex(want, sizeof want, sets[i][1]));
        CU_ASSERT_EQUAL(memcmp(buf, want, (size_t)len), 0);
        CU_ASSERT_TRUE(bgp_attrs_summarise(buf, (uint16_t)len, &marked));
        CU_ASSERT_EQUAL(marked.marks, l.update.attrs[0].marks | BGP_MARK_LLGR_STALE);
    }
    lab_close(&l);
}

static void test_a_set_without_room_for_a_mark_is_told_so(void)
{
    static uint8_t bytes[UINT16_MAX] = { 0x40, 1, 1, 0, 0x40, 2, 0, 0xd0, 8, 0xff, 0xf0 }; /* 65531 octets */
    static uint8_t buf[UINT16_MAX + BGP_MARK_ROOM];
    const struct bgp_attrs a = { .bytes = bytes, .len = 11 + 0xfff0 };
    CU_ASSERT_EQUAL(bgp_attrs_mark(&a, BGP_LLGR_STALE, buf, sizeof buf), 11 + 0xfff4);
    bytes[9] = 0xff, bytes[10] = 0xf4;
    const struct bgp_attrs full = { .bytes = bytes, .len = 11 + 0xfff4 };
    CU_ASSERT_EQUAL(bgp_attrs_mark(&full, BGP_LLGR_STALE, buf, sizeof buf), BGP_ERR_SPACE);
}

static void test_old_speakers_get_as4_attributes_where_they_are_needed(void)
{
    const struct bgp_export azure = { .local_asn = 65515 };
    lab_open(&l);
    CU_ASSERT(lab_is_hex(export_of(USUAL "c0 07 08 0000fde9 01020304", &azure, false),
                         ORIGIN "40 02 06 02 02 ffeb fde9 c0 07 06 fde9 01020304"));
    CU_ASSERT(lab_is_hex(
        export_of(ORIGIN NEXT_HOP "40 02 0a 02 02 0000fde9 00012345 c0 07 08 00012345 01020304 e0 63 01 aa",
                  &azure, false),
        ORIGIN "40 02 08 02 03 ffeb fde9 5ba0 c0 07 06 5ba0 01020304 "
               "c0 11 0e 02 03 0000ffeb 0000fde9 00012345 c0 12 08 00012345 01020304 e0 63 01 aa"));
    lab_close(&l);
}

CU_MAIN("attr", CU_CASE(test_origin), CU_CASE(test_as_path), CU_CASE(test_next_hop),
        CU_CASE(test_within_a_host_a_loopback_address_is_a_next_hop),
        CU_CASE(test_mandatory_attributes_that_are_missing), CU_CASE(test_med),
        CU_CASE(test_what_an_external_peer_has_no_business_to_say_is_dropped),
        CU_CASE(test_atomic_aggregate_and_aggregator_are_discarded_alone),
        CU_CASE(test_communities_of_every_kind),
        CU_CASE(test_redundant_large_communities_are_removed_in_place), CU_CASE(test_only_to_customer),
        CU_CASE(test_attributes_that_are_not_known), CU_CASE(test_every_type_may_come_at_once),
        CU_CASE(test_the_first_of_two_counts), CU_CASE(test_the_worst_of_several_errors_decides),
        CU_CASE(test_attributes_that_pass_the_end_of_their_field),
        CU_CASE(test_as4_path_counts_for_old_speakers_only),
        CU_CASE(test_a_malformed_as4_path_is_discarded),
        CU_CASE(test_confederation_segments_of_as4_path_are_left_out),
        CU_CASE(test_as4_aggregator_counts_when_aggregator_is_as_trans),
        CU_CASE(test_canonical_bytes_are_in_order_with_the_shortest_lengths),
        CU_CASE(test_a_value_of_256_octets_takes_an_extended_length),
        CU_CASE(test_well_known_communities_leave_marks), CU_CASE(test_occurrences_of_an_as_are_counted),
        CU_CASE(test_no_as_of_a_path_is_passed_over),
        CU_CASE(test_what_another_node_sends_must_be_canonical),
        CU_CASE(test_equal_sets_share_an_id_and_live_as_long_as_a_reference),
        CU_CASE(test_interning_without_memory_gives_zero_and_changes_nothing),
        CU_CASE(test_own_as_is_prepended_and_med_dropped_unless_transparent),
        CU_CASE(test_a_route_of_our_own_begins_with_our_as),
        CU_CASE(test_what_may_be_discarded_is_left_out_when_shortened),
        CU_CASE(test_what_is_not_transitive_does_not_leave),
        CU_CASE(test_only_to_customer_is_added_where_there_is_none),
        CU_CASE(test_graceful_shutdown_joins_the_communities),
        CU_CASE(test_a_marked_set_is_canonical_and_differs_by_its_mark_alone),
        CU_CASE(test_a_set_without_room_for_a_mark_is_told_so),
        CU_CASE(test_old_speakers_get_as4_attributes_where_they_are_needed))
