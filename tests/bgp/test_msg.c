#include "bgp/codec/msg.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "tests/lib/cu.h"

enum { NEED_MORE = 0, REFUSED = -1 };

/* The message of the test, in memory of exactly its size: what is wrong with it points into it. */
static uint8_t *exact(size_t len)
{
    static uint8_t *data;
    free(data);
    return data = calloc(1, len ? len : 1);
}

/* A message of this type and length, zeros behind the header, scanned in memory of exactly `have` bytes. */
static int scan(uint8_t type, size_t total, size_t have, size_t max, struct bgp_fault *fault)
{
    uint8_t *data = exact(have), head[BGP_HEADER];
    struct bgp_message m;
    memset(head, 0xff, 16);
    wire_set16(head + 16, (uint16_t)total);
    head[18] = type;
    memcpy(data, head, have < BGP_HEADER ? have : BGP_HEADER);
    *fault = (struct bgp_fault){ 0 };
    int n = bgp_message_scan(data, have, max, &m, fault);
    if (n > 0) {
        CU_ASSERT_EQUAL(m.type, type);
        CU_ASSERT_EQUAL(m.body_len, total - BGP_HEADER);
        CU_ASSERT_PTR_EQUAL(m.body, data + BGP_HEADER);
    }
    return n;
}

static void expect_bad_length(uint8_t type, size_t total, size_t max)
{
    struct bgp_fault f;
    CU_ASSERT_EQUAL(scan(type, total, BGP_HEADER, max, &f), REFUSED);
    CU_ASSERT(f.code == 1 && f.subcode == 2 && f.action == BGP_ACTION_SESSION_RESET);
    CU_ASSERT(f.data_len == 2 && wire_get16(f.data) == total); /* RFC 4271 section 6.1 */
}

static void expect_length(uint8_t type, size_t total, size_t max)
{
    struct bgp_fault f;
    CU_ASSERT_EQUAL(scan(type, total, total, max, &f), (int)total);
    CU_ASSERT_EQUAL(scan(type, total, total + 5, max, &f), (int)total);
    CU_ASSERT_EQUAL(scan(type, total, total - 1, max, &f), NEED_MORE);
}

static void test_lengths_have_bounds_by_type(void)
{
    expect_bad_length(BGP_OPEN, 28, 4096); /* RFC 4271 section 4.2 */
    expect_length(BGP_OPEN, 29, 4096);
    expect_length(BGP_OPEN, 4096, 4096);
    expect_bad_length(BGP_UPDATE, 22, 4096); /* section 4.3 */
    expect_length(BGP_UPDATE, 23, 4096);
    expect_length(BGP_UPDATE, 4096, 4096);
    expect_bad_length(BGP_UPDATE, 4097, 4096);
    expect_bad_length(BGP_KEEPALIVE, 20, 4096); /* section 4.4 */
    expect_length(BGP_KEEPALIVE, 19, 4096);
    expect_bad_length(BGP_NOTIFICATION, 20, 4096); /* section 4.5 */
    expect_length(BGP_NOTIFICATION, 21, 4096);
    for (uint8_t type = 1; type <= 5; type++) {
        expect_bad_length(type, 18, 4096);
        expect_bad_length(type, 0, 4096);
        expect_bad_length(type, 65535, 4096);
    }
}

static void test_extended_messages_are_for_update_notification_and_refresh(void)
{
    const size_t max = BGP_MESSAGE_MAX_EXTENDED;
    expect_length(BGP_UPDATE, 65535, max);
    expect_length(BGP_NOTIFICATION, 65535, max);
    expect_length(BGP_ROUTE_REFRESH, 65535, max);
    expect_bad_length(BGP_OPEN, 4097, max); /* RFC 8654 section 4 */
    expect_bad_length(BGP_KEEPALIVE, 4097, max);
}

static void test_types_that_do_not_exist_are_named(void)
{
    struct bgp_fault f;
    for (unsigned type = 0; type < 256; type++) {
        if (type >= BGP_OPEN && type <= BGP_ROUTE_REFRESH)
            continue;
        CU_ASSERT_EQUAL(scan((uint8_t)type, 30, BGP_HEADER, 4096, &f), REFUSED);
        CU_ASSERT(f.code == 1 && f.subcode == 3);
        CU_ASSERT(f.data_len == 1 && f.data[0] == type);
    }
}

static void test_a_wrong_marker_is_seen_at_its_first_octet(void)
{
    for (size_t at = 0; at < 16; at++) {
        uint8_t data[BGP_HEADER];
        struct bgp_message m;
        struct bgp_fault f;
        bgp_keepalive_write(data);
        data[at] = 0xfe;
        CU_ASSERT_EQUAL(bgp_message_scan(data, at + 1, 4096, &m, &f), REFUSED);
        CU_ASSERT(f.code == 1 && f.subcode == 1 && f.data_len == 0);
        CU_ASSERT_EQUAL(bgp_message_scan(data, at, 4096, &m, &f), NEED_MORE);
    }
}

static void test_messages_that_follow_each_other_are_taken_one_by_one(void)
{
    uint8_t data[64];
    struct bgp_message m;
    struct bgp_fault f;
    size_t n = bgp_keepalive_write(data);
    n += bgp_refresh_write(data + n, BGP_IP6, 0);
    CU_ASSERT_EQUAL(bgp_message_scan(data, n, 4096, &m, &f), BGP_HEADER);
    CU_ASSERT_EQUAL(m.type, BGP_KEEPALIVE);
    CU_ASSERT_EQUAL(bgp_message_scan(data + BGP_HEADER, n - BGP_HEADER, 4096, &m, &f), 23);
    CU_ASSERT_EQUAL(m.type, BGP_ROUTE_REFRESH);
    CU_ASSERT_EQUAL(memcmp(m.body, "\0\2\0\1", 4), 0);
}

/* ---- ROUTE-REFRESH ---- */

static int refresh(const char *body, size_t len, bool enhanced, struct bgp_refresh *out,
                   struct bgp_fault *f)
{
    const struct bgp_codec codec = { .family = { true, true }, .enhanced_refresh = enhanced };
    struct bgp_message m;
    uint8_t *data = exact(BGP_HEADER + len);
    memcpy(data + BGP_HEADER, body, len);
    size_t total = bgp_message_finish(data, BGP_ROUTE_REFRESH, len);
    CU_ASSERT_EQUAL_FATAL(bgp_message_scan(data, total, BGP_MESSAGE_MAX_EXTENDED, &m, f), (int)total);
    return bgp_refresh_decode(&m, &codec, out, f);
}

static void test_a_refresh_asks_for_a_family(void)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    CU_ASSERT_EQUAL(refresh("\0\2\0\1", 4, false, &r, &f), 1);
    CU_ASSERT(r.family == BGP_IP6 && r.subtype == 0);
    CU_ASSERT_EQUAL(refresh("\0\1\2\1", 4, true, &r, &f), 1);
    CU_ASSERT(r.family == BGP_IP4 && r.subtype == 2);
}

static void test_a_reserved_octet_means_nothing_without_enhanced_refresh(void)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    CU_ASSERT_EQUAL(refresh("\0\1\x09\1", 4, false, &r, &f), 1); /* RFC 2918 section 3 */
    CU_ASSERT_EQUAL(r.subtype, 0);
    CU_ASSERT_EQUAL(refresh("\0\1\x09\1", 4, true, &r, &f), 0); /* RFC 7313 section 5 */
}

static void test_a_refresh_of_an_unknown_family_is_ignored(void)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    CU_ASSERT_EQUAL(refresh("\0\3\0\1", 4, true, &r, &f), 0);
    CU_ASSERT_EQUAL(refresh("\0\1\0\x80", 4, true, &r, &f), 0);
}

static void test_a_short_refresh_is_a_bad_length(void)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    CU_ASSERT_EQUAL(refresh("\0\1\0", 3, true, &r, &f), -1);
    CU_ASSERT(f.code == 1 && f.subcode == 2 && f.data_len == 2 && wire_get16(f.data) == 22);
    CU_ASSERT_EQUAL(refresh("", 0, false, &r, &f), -1);
    CU_ASSERT(f.code == 1 && f.subcode == 2 && wire_get16(f.data) == 19);
}

static void test_a_marker_of_enhanced_refresh_with_a_wrong_length_is_returned_whole(void)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    CU_ASSERT_EQUAL(refresh("\0\1\1\1\0", 5, true, &r, &f), -1);
    CU_ASSERT(f.code == 7 && f.subcode == 1); /* RFC 7313 section 5 */
    CU_ASSERT(f.data_len == 24 && f.data[0] == 0xff && f.data[18] == 5 && f.data[21] == 1);
    CU_ASSERT_EQUAL(refresh("\0\1\2", 3, true, &r, &f), -1);
    CU_ASSERT(f.code == 7 && f.data_len == 22);
    static const char filters[3000] = "\0\1\1\1";
    CU_ASSERT_EQUAL(refresh(filters, sizeof filters, true, &r, &f), -1);
    CU_ASSERT(f.code == 7 && f.data_len == 3019 && memcmp(f.data + BGP_HEADER, filters, sizeof filters) == 0);
    CU_ASSERT_EQUAL(refresh("\0\1\1\1\0", 5, false, &r, &f), 1); /* a filter that nobody agreed on */
    CU_ASSERT_EQUAL(refresh("\0\1\0\1\1\x80\0\0", 8, true, &r, &f), 1);
}

CU_MAIN("msg", CU_CASE(test_lengths_have_bounds_by_type),
        CU_CASE(test_extended_messages_are_for_update_notification_and_refresh),
        CU_CASE(test_types_that_do_not_exist_are_named),
        CU_CASE(test_a_wrong_marker_is_seen_at_its_first_octet),
        CU_CASE(test_messages_that_follow_each_other_are_taken_one_by_one),
        CU_CASE(test_a_refresh_asks_for_a_family),
        CU_CASE(test_a_reserved_octet_means_nothing_without_enhanced_refresh),
        CU_CASE(test_a_refresh_of_an_unknown_family_is_ignored),
        CU_CASE(test_a_short_refresh_is_a_bad_length),
        CU_CASE(test_a_marker_of_enhanced_refresh_with_a_wrong_length_is_returned_whole))
