#include "bgp/codec/aspath.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"
#include "tests/lib/random.h"

static uint8_t bytes[3000];

static struct aspath path(uint8_t width, const char *text)
{
    size_t len = hex(bytes, sizeof bytes, text);
    return (struct aspath){ .at = bytes, .len = (uint16_t)len, .width = width };
}

static struct aspath_facts facts(uint8_t width, const char *text)
{
    struct aspath p = path(width, text);
    return aspath_examine(&p);
}

static void test_sequences_are_valid_and_may_be_absent(void)
{
    static const struct {
        uint8_t width;
        const char *text;
        unsigned count;
        uint32_t first;
    } good[] = { { 4, "", 0, 0 },
                 { 4, "02 01 0000fde9", 1, 65001 },
                 { 4, "02 02 0000fde9 00010000 02 01 ffffffff", 3, 65001 },
                 { 2, "02 02 fde9 0001", 2, 65001 } };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct aspath_facts f = facts(good[i].width, good[i].text);
        CU_ASSERT_TRUE(aspath_is_valid(&f));
        CU_ASSERT(f.count == good[i].count && f.first == good[i].first);
    }
}

static void test_what_rfc_7606_calls_malformed_is_refused(void)
{
    static const char *const bad[] = {
        "'no count' 02",
        "'empty segment' 02 00",
        "'empty segment behind' 02 01 0000fde9 02 00",
        "'overrun' 02 02 0000fde9",
        "'overrun by an octet' 02 01 0000fd",
        "'one octet left' 02 01 0000fde9 02",
        "'unknown type' 05 01 0000fde9",
        "'type zero' 00 01 0000fde9",
        "'AS 0' 02 02 0000fde9 00000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct aspath_facts f = facts(4, bad[i]);
        CU_ASSERT_TRUE(f.is_malformed);
        CU_ASSERT_FALSE(aspath_is_valid(&f));
    }
}

static void test_sets_and_confederations_are_well_formed_but_not_for_us(void)
{
    static const struct {
        const char *text;
        bool has_set, has_confed;
    } rows[] = { { "01 01 0000fde9", true, false },
                 { "02 01 0000fde9 01 02 00000001 00000002", true, false },
                 { "03 01 0000fde9", false, true },
                 { "04 01 0000fde9", true, true } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct aspath_facts f = facts(4, rows[i].text);
        CU_ASSERT(!f.is_malformed && f.has_set == rows[i].has_set && f.has_confed == rows[i].has_confed);
        CU_ASSERT_FALSE(aspath_is_valid(&f));
    }
}

/* The ASes of a path as numbers. */
static unsigned list(const uint8_t *at, size_t len, uint8_t width, uint32_t out[static 600])
{
    struct wire_reader r = wire_reader(at, len);
    unsigned left = 0, count = 0;
    while (count < 600 && aspath_next(&r, width, &left, &out[count]))
        count++;
    CU_ASSERT_FALSE(r.failed);
    return count;
}

static void expect_widened(const char *narrow, const char *wide, const char *expected)
{
    uint8_t p2[200], p4[200], want[200], got[200];
    struct aspath p = { .at = p2, .len = (uint16_t)hex(p2, sizeof p2, narrow), .width = 2 };
    struct aspath as4 = { .at = p4, .width = 4 };
    size_t len = hex(want, sizeof want, expected);
    if (wide)
        as4.len = (uint16_t)hex(p4, sizeof p4, wide);
    CU_ASSERT_EQUAL(aspath_widen(&p, wide ? &as4 : NULL, got, sizeof got), (int)len);
    CU_ASSERT_EQUAL(memcmp(got, want, len), 0);
}

/* RFC 6793 section 4.2.3 */
static void test_as4_path_replaces_the_end_of_as_path(void)
{
    expect_widened("02 02 fde9 0001", NULL, "02 02 0000fde9 00000001");
    expect_widened("02 02 fde9 5ba0", "02 01 00012345", "02 02 0000fde9 00012345");
    expect_widened("02 02 5ba0 5ba0", "02 02 00012345 00012346", "02 02 00012345 00012346");
    expect_widened("02 01 fde9 02 02 0001 5ba0", "02 01 00012345", "02 03 0000fde9 00000001 00012345");
}

static void test_an_as4_path_longer_than_as_path_is_ignored(void)
{
    expect_widened("02 01 fde9", "02 02 00012345 00012346", "02 01 0000fde9");
}

static void test_confederation_segments_of_as4_path_are_passed_over(void)
{
    expect_widened("02 02 fde9 5ba0", "03 02 0000fe01 0000fe02 02 01 00012345", "02 02 0000fde9 00012345");
    expect_widened("02 01 fde9", "03 01 0000fe01", "02 01 0000fde9");
}

static void test_export_prepends_and_says_what_two_octets_cannot_hold(void)
{
    struct aspath p = path(4, "02 02 00012345 00000001");
    uint8_t buf[40];
    bool needs_as4;
    CU_ASSERT_EQUAL(aspath_export(&p, &(struct aspath_rewrite){ .prepend = 0 }, 4, buf, sizeof buf, &needs_as4), 10);
    CU_ASSERT_FALSE(needs_as4);
    CU_ASSERT_EQUAL(memcmp(buf, bytes, 10), 0);
    CU_ASSERT_EQUAL(aspath_export(&p, &(struct aspath_rewrite){ .prepend = 65515 }, 2, buf, sizeof buf, &needs_as4), 8);
    CU_ASSERT_TRUE(needs_as4);
    CU_ASSERT_EQUAL(memcmp(buf, "\x02\x03\xff\xeb\x5b\xa0\x00\x01", 8), 0);
    CU_ASSERT_EQUAL(aspath_export(&p, &(struct aspath_rewrite){ .prepend = 65515 }, 2, buf, 7, &needs_as4), BGP_ERR_SPACE);
    struct aspath empty = { .width = 4 };
    CU_ASSERT_EQUAL(aspath_export(&empty, &(struct aspath_rewrite){ .prepend = 0 }, 4, buf, sizeof buf, &needs_as4), 0);
}

static void test_a_full_first_segment_is_preceded_by_another(void)
{
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    uint8_t buf[1100];
    uint32_t ases[600];
    bool needs_as4;
    wire_put16(&w, 2 << 8 | 255);
    for (uint32_t i = 1; i <= 255; i++)
        wire_put32(&w, i);
    struct aspath p = { .at = bytes, .len = (uint16_t)wire_len(&w), .width = 4 };
    int len = aspath_export(&p, &(struct aspath_rewrite){ .prepend = 9 }, 4, buf, sizeof buf, &needs_as4);
    CU_ASSERT_EQUAL(len, 2 + 255 * 4 + 2 + 4);
    CU_ASSERT(buf[1] == 1 && buf[7] == 255); /* RFC 4271 section 5.1.2: a segment of its own */
    CU_ASSERT_EQUAL_FATAL(list(buf, (size_t)len, 4, ases), 256);
    CU_ASSERT(ases[0] == 9 && ases[1] == 1 && ases[255] == 255);
}

static void test_export_keeps_the_segments(void)
{
    struct aspath p = path(4, "02 01 0000fde9 02 02 00000001 00000002");
    uint8_t buf[40];
    bool needs_as4;
    CU_ASSERT_EQUAL(aspath_export(&p, &(struct aspath_rewrite){ .prepend = 0 }, 4, buf, sizeof buf, &needs_as4), p.len);
    CU_ASSERT_EQUAL(memcmp(buf, bytes, p.len), 0); /* RFC 7947: transparent */
    CU_ASSERT_EQUAL(aspath_export(&p, &(struct aspath_rewrite){ .prepend = 9 }, 2, buf, sizeof buf, &needs_as4), 12);
    CU_ASSERT_EQUAL(memcmp(buf, "\x02\x02\x00\x09\xfd\xe9\x02\x02\x00\x01\x00\x02", 12), 0);
}

static void test_the_length_of_a_widened_path_is_known_before(void)
{
    CU_ASSERT_EQUAL(aspath_wide_len(0), 0);
    CU_ASSERT_EQUAL(aspath_wide_len(1), 6);
    CU_ASSERT_EQUAL(aspath_wide_len(255), 1022);
    CU_ASSERT_EQUAL(aspath_wide_len(256), 1028);
}

/* A path of random segments; returns the number of ASes. */
static unsigned write_random(struct random *r, struct wire_writer *w, uint8_t width, uint32_t ases[])
{
    unsigned total = 0;
    for (unsigned segments = random_below(r, 4); segments; segments--) {
        unsigned count = 1 + random_below(r, 20);
        wire_put8(w, AS_SEQUENCE);
        wire_put8(w, (uint8_t)count);
        for (unsigned i = 0; i < count; i++) {
            uint32_t asn = 1 + random_below(r, width == 4 && random_below(r, 2) ? 1u << 30 : 65535);
            ases[total++] = asn;
            if (width == 4)
                wire_put32(w, asn);
            else
                wire_put16(w, (uint16_t)asn);
        }
    }
    return total;
}

static void test_random_paths_widen_and_shrink_as_lists_of_numbers_do(void)
{
    struct random random = random_new("aspath");
    for (int round = 0; round < 2000; round++) {
        uint8_t p2[400], p4[600], out[1000];
        uint32_t narrow[100], wide[100], got[600];
        struct wire_writer w2 = wire_writer(p2, sizeof p2), w4 = wire_writer(p4, sizeof p4);
        unsigned n = write_random(&random, &w2, 2, narrow), m = write_random(&random, &w4, 4, wide);
        struct aspath a = { .at = p2, .len = (uint16_t)wire_len(&w2), .width = 2 };
        struct aspath b = { .at = p4, .len = (uint16_t)wire_len(&w4), .width = 4 };
        CU_ASSERT_EQUAL(aspath_count(&a), n);
        int len = aspath_widen(&a, &b, out, sizeof out);
        CU_ASSERT_EQUAL_FATAL((size_t)len, aspath_wide_len(n));
        CU_ASSERT_EQUAL_FATAL(list(out, (size_t)len, 4, got), n);
        for (unsigned i = 0; i < n; i++)
            CU_ASSERT_EQUAL(got[i], m <= n && i >= n - m ? wide[i - (n - m)] : narrow[i]);
        CU_ASSERT_EQUAL(n ? aspath_widen(&a, &b, out, (size_t)len - 1) : BGP_ERR_SPACE, BGP_ERR_SPACE);
        bool needs_as4, expected = false;
        for (unsigned i = 0; i < m; i++)
            expected |= wide[i] > UINT16_MAX;
        len = aspath_export(&b, &(struct aspath_rewrite){ .prepend = 0 }, 2, out, sizeof out, &needs_as4);
        CU_ASSERT_EQUAL(list(out, (size_t)len, 2, got), m);
        CU_ASSERT_EQUAL(needs_as4, expected);
        for (unsigned i = 0; i < m; i++)
            CU_ASSERT_EQUAL(got[i], wide[i] > UINT16_MAX ? AS_TRANS : wide[i]);
    }
}

static void test_an_as_is_replaced_wherever_it_stands_and_in_either_width(void)
{
    uint8_t raw[64], want[64], out[64];
    const struct aspath p = { .at = raw,
                              .len = (uint16_t)hex(raw, sizeof raw, "02 03 0000fde9 00012345 0000fde9"),
                              .width = 4 };
    const struct aspath_rewrite how = { .prepend = 65515, .replaced = 65001, .by = 65515 },
                                wide = { .replaced = 0x12345, .by = 65515 },
                                to_wide = { .replaced = 65001, .by = 0x12345 };
    bool needs_as4;
    int len = aspath_export(&p, &how, 4, out, sizeof out, &needs_as4);
    CU_ASSERT_EQUAL((size_t)len, hex(want, sizeof want, "02 04 0000ffeb 0000ffeb 00012345 0000ffeb"));
    CU_ASSERT_EQUAL(memcmp(out, want, (size_t)len), 0);
    len = aspath_export(&p, &wide, 2, out, sizeof out, &needs_as4);
    CU_ASSERT_EQUAL((size_t)len, hex(want, sizeof want, "02 03 fde9 ffeb fde9"));
    CU_ASSERT_EQUAL(memcmp(out, want, (size_t)len), 0);
    CU_ASSERT_FALSE(needs_as4);
    len = aspath_export(&p, &to_wide, 2, out, sizeof out, &needs_as4);
    CU_ASSERT_EQUAL((size_t)len, hex(want, sizeof want, "02 03 5ba0 5ba0 5ba0"));
    CU_ASSERT_EQUAL(memcmp(out, want, (size_t)len), 0);
    CU_ASSERT_TRUE(needs_as4);
}

CU_MAIN("aspath", CU_CASE(test_sequences_are_valid_and_may_be_absent),
        CU_CASE(test_what_rfc_7606_calls_malformed_is_refused),
        CU_CASE(test_sets_and_confederations_are_well_formed_but_not_for_us),
        CU_CASE(test_as4_path_replaces_the_end_of_as_path),
        CU_CASE(test_an_as4_path_longer_than_as_path_is_ignored),
        CU_CASE(test_confederation_segments_of_as4_path_are_passed_over),
        CU_CASE(test_export_prepends_and_says_what_two_octets_cannot_hold),
        CU_CASE(test_a_full_first_segment_is_preceded_by_another),
        CU_CASE(test_export_keeps_the_segments),
        CU_CASE(test_the_length_of_a_widened_path_is_known_before),
        CU_CASE(test_random_paths_widen_and_shrink_as_lists_of_numbers_do),
        CU_CASE(test_an_as_is_replaced_wherever_it_stands_and_in_either_width))
