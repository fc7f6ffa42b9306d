/* Route maps: what matches, what is edited, in which order, what is said of it; and what does not fit. */
#include "bgp/policy/route_map.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/hex.h"
#include "tests/lib/maps.h"

static struct route_map_room room;

/* A route to 10.44.1.0/24 by 65001 65002, MED 50, with 65001:1, 65001:2, large 65001:1:2 and rt:65001:9. */
static const char canonical[] = "'ORIGIN' 40 01 01 00 'AS_PATH' 40 02 0a 02 02 0000fde9 0000fdea"
                                "'MED' 80 04 04 00000032 'COMMUNITIES' c0 08 08 fde90001 fde90002"
                                "'EXTENDED' c0 10 08 0002 fde9 00000009"
                                "'LARGE' c0 20 0c 0000fde9 00000001 00000002";

struct route {
    struct ip_prefix prefix;
    struct bgp_attrs attrs;
    uint8_t bytes[256];
};

static struct route *route_with(struct route *r, const char *bytes)
{
    size_t len = hex(r->bytes, sizeof r->bytes, bytes);
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse("10.44.1.0/24", &r->prefix), 0);
    CU_ASSERT_FATAL(bgp_attrs_summarise(r->bytes, (uint16_t)len, &r->attrs));
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse("10.1.2.4", &r->attrs.next_hop), 0);
    return r;
}

static enum route_map_verdict apply(const struct route_map *m, struct route *r)
{
    return route_map_apply(m, &r->prefix, &r->attrs, false, &room, NULL);
}

static void check_bytes(const struct bgp_attrs *a, const char *expected)
{
    uint8_t bytes[512];
    size_t len = hex(bytes, sizeof bytes, expected);
    CU_ASSERT_EQUAL(a->len, len);
    CU_ASSERT(a->len == len && !memcmp(a->bytes, bytes, len));
}

/* ---- match ---- */

static const struct {
    enum route_map_field field;
    enum route_map_op op;
    const char *values;
    uint8_t ge, le;
    bool matches;
} tests[] = {
    { ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "10.0.0.0/8 10.44.1.0/24", 0, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "10.44.0.0/16 10.44.1.0/25", 0, 255, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_NOT_EQUALS, "10.44.0.0/16", 0, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_NOT_EQUALS, "10.44.1.0/24", 0, 255, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "192.0.2.0/24 10.44.0.0/16", 0, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "10.44.1.0/24", 0, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "0.0.0.0/0", 0, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "::/0", 0, 255, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "10.44.1.0/25 10.45.0.0/16", 0, 255, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "10.0.0.0/8", 24, 255, true },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "10.0.0.0/8", 25, 255, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "10.0.0.0/8", 0, 23, false },
    { ROUTE_MAP_PREFIX, ROUTE_MAP_NOT_CONTAINS, "10.0.0.0/8", 25, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_EQUALS, "65001:1 65001:2", 0, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_EQUALS, "65001:1 65001:3", 0, 255, false },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65001:3 65001:2", 0, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65001:3", 0, 255, false },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65001:*", 0, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65001:1:2", 0, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65001:1:3", 0, 255, false },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "rt:65001:9", 0, 255, true },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "ro:65001:9", 0, 255, false },
    { ROUTE_MAP_COMMUNITY, ROUTE_MAP_NOT_CONTAINS, "no-export", 0, 255, true },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_EQUALS, "65001 65002", 0, 255, true },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_EQUALS, "65002 65001", 0, 255, false },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_EQUALS, "65001", 0, 255, false },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_EQUALS, "65001 65002 65003", 0, 255, false },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_CONTAINS, "65009 65002", 0, 255, true },
    { ROUTE_MAP_AS_PATH, ROUTE_MAP_NOT_CONTAINS, "65009", 0, 255, true },
    { ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_EQUALS, "65002", 0, 255, true },
    { ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_EQUALS, "65001", 0, 255, false },
    { ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_NOT_EQUALS, "65001", 0, 255, true },
    { ROUTE_MAP_NEXT_HOP, ROUTE_MAP_EQUALS, "10.1.2.4/32", 0, 255, true },
    { ROUTE_MAP_NEXT_HOP, ROUTE_MAP_EQUALS, "10.1.2.0/24", 0, 255, false },
    { ROUTE_MAP_NEXT_HOP, ROUTE_MAP_CONTAINS, "10.1.2.0/24", 0, 255, true },
    { ROUTE_MAP_NEXT_HOP, ROUTE_MAP_NOT_CONTAINS, "10.1.2.0/24", 0, 255, false },
    { ROUTE_MAP_FAMILY, ROUTE_MAP_EQUALS, "0", 0, 255, true },
    { ROUTE_MAP_FAMILY, ROUTE_MAP_EQUALS, "1", 0, 255, false },
};

static void test_a_rule_matches_what_its_test_says(void)
{
    struct route r;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct route_map *m = map_of("it", true, false);
        map_test_lengths(m, tests[i].field, tests[i].op, tests[i].values, tests[i].ge, tests[i].le);
        route_map_seal(m);
        CU_ASSERT_EQUAL(apply(m, route_with(&r, canonical)),
                        tests[i].matches ? ROUTE_MAP_DROPPED : ROUTE_MAP_PASSED);
        route_map_unref(m);
    }
}

static void test_all_tests_of_a_rule_must_hold(void)
{
    struct route r;
    struct route_map *m = map_of("it", true, false);
    map_test(m, ROUTE_MAP_FAMILY, ROUTE_MAP_EQUALS, "0");
    map_test(m, ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_EQUALS, "65003");
    route_map_seal(m);
    CU_ASSERT_EQUAL(apply(m, route_with(&r, canonical)), ROUTE_MAP_PASSED);
    route_map_unref(m);
}

/* A prefix among thousands: of random lengths, each in and beside what is listed. */
static void test_long_lists_of_prefixes_hold_what_each_of_them_would(void)
{
    enum { COUNT = 600 };
    struct ip_prefix list[COUNT];
    uint32_t seed = 12345;
    struct route r;
    struct route_map *equal = map_of("it", true, false), *inside = map_of("it", true, false);
    map_test(equal, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "");
    map_test(inside, ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "");
    for (int i = 0; i < COUNT; i++) {
        struct route_map_value v;
        memset(&v, 0, sizeof v);
        seed = seed * 1664525 + 1013904223;
        v.prefix.len = (uint8_t)(8 + (seed >> 24) % 17);
        v.prefix.bytes[0] = (uint8_t)(seed >> 8 & 3);
        v.prefix.bytes[1] = v.prefix.len >= 16 ? (uint8_t)(seed >> 12) & 31 : 0;
        v.prefix.bytes[2] = v.prefix.len >= 24 ? (uint8_t)(seed >> 16) & 31 : 0;
        list[i] = v.prefix;
        CU_ASSERT_FATAL(route_map_add_value(equal, &v) && route_map_add_value(inside, &v));
    }
    route_map_seal(equal);
    route_map_seal(inside);
    for (int i = 0; i < 4000; i++) {
        bool is_equal = false, is_inside = false;
        route_with(&r, canonical);
        seed = seed * 1664525 + 1013904223;
        r.prefix = list[(seed >> 16) % COUNT];
        if (seed & 256 && r.prefix.len <= 24)
            r.prefix.bytes[r.prefix.len / 8] |= (uint8_t)(seed >> 12 & (0x80u >> r.prefix.len % 8)), r.prefix.len++;
        else if (seed & 512)
            r.prefix.bytes[0] ^= 1;
        for (int k = 0; k < COUNT; k++) {
            is_equal |= ip_prefix_is_equal(&list[k], &r.prefix);
            is_inside |= ip_prefix_contains(&list[k], &r.prefix);
        }
        CU_ASSERT_EQUAL_FATAL(apply(equal, &r), is_equal ? ROUTE_MAP_DROPPED : ROUTE_MAP_PASSED);
        CU_ASSERT_EQUAL_FATAL(apply(inside, &r), is_inside ? ROUTE_MAP_DROPPED : ROUTE_MAP_PASSED);
    }
    route_map_unref(equal);
    route_map_unref(inside);
}

static void test_a_route_without_a_path_or_a_next_hop_matches_none(void)
{
    static const enum route_map_field fields[] = { ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_AS_PATH, ROUTE_MAP_NEXT_HOP };
    static const char *const values[] = { "65001", "65001", "0.0.0.0/0" };
    for (size_t i = 0; i < 3; i++) {
        struct route r;
        struct route_map *m = map_of("it", true, false);
        map_test(m, fields[i], ROUTE_MAP_CONTAINS, values[i]);
        route_map_seal(m);
        route_with(&r, "'ORIGIN' 40 01 01 00 'AS_PATH' 40 02 00");
        r.attrs.next_hop = (struct ip_addr){ 0 };
        CU_ASSERT_EQUAL(apply(m, &r), ROUTE_MAP_PASSED);
        route_map_unref(m);
    }
}

/* ---- edits ---- */

static const struct {
    enum route_map_edit kind;
    const char *values, *result;
} edits[] = {
    { ROUTE_MAP_ADD_COMMUNITY, "65515:10 65001:1",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032 'two and one' c0080c fde90001 fde90002 ffeb000a"
      "c01008 0002fde900000009 c0200c 0000fde9 00000001 00000002" },
    { ROUTE_MAP_ADD_COMMUNITY, "rt:65515:1 65515:7:8",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032 c00808 fde90001 fde90002"
      "c01010 0002fde900000009 0002ffeb00000001 c02018 0000fde90000000100000002 0000ffeb0000000700000008" },
    { ROUTE_MAP_REMOVE_COMMUNITY, "65001:2 65001:*:* rt:65001:*",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032 c00804 fde90001" },
    { ROUTE_MAP_REMOVE_COMMUNITY, "*:*",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032"
      "c01008 0002fde900000009 c0200c 0000fde9 00000001 00000002" },
    { ROUTE_MAP_REPLACE_COMMUNITY, "65515:9",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032 c00804 ffeb0009" },
    { ROUTE_MAP_REPLACE_COMMUNITY, "", "40010100 40020a0202 0000fde9 0000fdea 80040400000032" },
    { ROUTE_MAP_PREPEND, "65010 65011",
      "40010100 4002120204 0000fdf2 0000fdf3 0000fde9 0000fdea 80040400000032 c00808 fde90001 fde90002"
      "c01008 0002fde900000009 c0200c 0000fde9 00000001 00000002" },
    { ROUTE_MAP_SET_MED, "7",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000007 c00808 fde90001 fde90002"
      "c01008 0002fde900000009 c0200c 0000fde9 00000001 00000002" },
    { ROUTE_MAP_SET_LOCAL_PREF, "200",
      "40010100 40020a0202 0000fde9 0000fdea 80040400000032 'LOCAL_PREF' 400504000000c8 c00808 fde90001 fde90002"
      "c01008 0002fde900000009 c0200c 0000fde9 00000001 00000002" },
};

static void test_each_edit_gives_canonical_attributes(void)
{
    struct route r;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct route_map *m = map_of("it", false, false);
        map_edit(m, edits[i].kind, edits[i].values);
        route_map_seal(m);
        CU_ASSERT_EQUAL(apply(m, route_with(&r, canonical)), ROUTE_MAP_PASSED);
        check_bytes(&r.attrs, edits[i].result);
        CU_ASSERT_EQUAL(r.attrs.next_hop.bytes[3], 4);
        route_map_unref(m);
    }
}

static void test_edits_are_seen_in_the_summary(void)
{
    struct route r;
    struct route_map *m = map_of("it", false, false);
    map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "no-export");
    map_edit(m, ROUTE_MAP_PREPEND, "65010");
    map_edit(m, ROUTE_MAP_SET_MED, "9");
    map_edit(m, ROUTE_MAP_SET_LOCAL_PREF, "4294967295");
    route_map_seal(m);
    CU_ASSERT_EQUAL(apply(m, route_with(&r, "40010100 40020602010000fde9")), ROUTE_MAP_PASSED);
    CU_ASSERT_EQUAL(r.attrs.marks, BGP_MARK_NO_EXPORT | BGP_MARK_MED | BGP_MARK_LOCAL_PREF);
    CU_ASSERT(r.attrs.med == 9 && r.attrs.path_len == 2 && r.attrs.neighbor_as == 65010);
    CU_ASSERT_EQUAL(bgp_attrs_local_pref(&r.attrs), UINT32_MAX);
    route_map_unref(m);
}

/* RFC 4271 section 5.1.2: a sequence holds 255 ASes; what does not fit stands in one of its own. */
static void test_a_full_sequence_gets_another_before_it(void)
{
    static uint8_t bytes[1100];
    struct bgp_attrs a;
    struct ip_prefix p = { 0 };
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    struct route_map *m = map_of("it", false, false);
    wire_put(&w, (uint8_t[]){ 0x40, 1, 1, 0, 0x50, 2, 1022 >> 8, 1022 & 255, 2, 255 }, 10);
    for (uint32_t i = 0; i < 255; i++)
        wire_put32(&w, 65001);
    CU_ASSERT_FATAL(bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &a));
    map_edit(m, ROUTE_MAP_PREPEND, "65010 65010");
    route_map_seal(m);
    CU_ASSERT_EQUAL(route_map_apply(m, &p, &a, false, &room, NULL), ROUTE_MAP_PASSED);
    CU_ASSERT(a.path_len == 257 && a.neighbor_as == 65010);
    CU_ASSERT_EQUAL(a.bytes[9], 2); /* its own: two */
    route_map_unref(m);
}

/* RFC 9494 section 4.3: no policy makes a stale route a fresh one. */
static void test_a_stale_mark_outlives_every_edit(void)
{
    struct route r;
    static const enum route_map_edit kinds[] = { ROUTE_MAP_REPLACE_COMMUNITY, ROUTE_MAP_REMOVE_COMMUNITY };
    for (size_t i = 0; i < 2; i++) {
        struct route_map *m = map_of("it", false, false);
        map_edit(m, kinds[i], i ? "*:*" : "");
        route_map_seal(m);
        CU_ASSERT_EQUAL(apply(m, route_with(&r, "40010100 40020602010000fde9 c00808 ffff0006 fde90001")),
                        ROUTE_MAP_PASSED);
        check_bytes(&r.attrs, "40010100 40020602010000fde9 c00804 ffff0006");
        route_map_unref(m);
    }
}

/* What a neighbour sent as MED is not for others (RFC 4271 section 5.1.4); what a rule sets is. */
static void test_a_received_med_does_not_leave_where_only_rules_set_one(void)
{
    struct route r;
    struct route_map *m = map_of("elsewhere", false, false);
    map_test(m, ROUTE_MAP_ORIGIN_AS, ROUTE_MAP_EQUALS, "65009");
    map_edit(m, ROUTE_MAP_SET_MED, "7");
    route_map_seal(m);
    route_with(&r, canonical);
    CU_ASSERT_EQUAL(route_map_apply(m, &r.prefix, &r.attrs, true, &room, NULL), ROUTE_MAP_PASSED);
    CU_ASSERT_FALSE(r.attrs.marks & BGP_MARK_MED);
    route_with(&r, canonical);
    map_rule(m, "all", false, false);
    map_edit(m, ROUTE_MAP_SET_MED, "8");
    CU_ASSERT_EQUAL(route_map_apply(m, &r.prefix, &r.attrs, true, &room, NULL), ROUTE_MAP_PASSED);
    CU_ASSERT_EQUAL(r.attrs.med, 8);
    route_map_unref(m);
}

/* ---- rules ---- */

static void test_a_rule_that_continues_shows_the_next_what_it_made(void)
{
    struct route r;
    struct route_map_trace trace;
    char text[ROUTE_MAP_TEXT];
    struct route_map *m = map_of("tag", false, true);
    map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "65515:10");
    map_rule(m, "not-this", true, false);
    map_test(m, ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65515:11");
    map_rule(m, "tagged", false, false);
    map_test(m, ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "65515:10");
    map_edit(m, ROUTE_MAP_REMOVE_COMMUNITY, "65001:*");
    map_edit(m, ROUTE_MAP_PREPEND, "65010 65010");
    map_rule(m, "never", true, false);
    route_map_seal(m);
    route_with(&r, canonical);
    enum route_map_verdict v = route_map_apply(m, &r.prefix, &r.attrs, false, &room, &trace);
    CU_ASSERT_EQUAL(v, ROUTE_MAP_PASSED);
    CU_ASSERT_STRING_EQUAL(route_map_text(m, &trace, v, text),
                           "map: rule \"tag\" added 65515:10; rule \"tagged\" removed 65001:*, "
                           "prepended 65010 65010");
    route_map_unref(m);
}

static void test_words_for_what_was_dropped_and_what_matched_nothing(void)
{
    struct route r;
    struct route_map_trace trace;
    char text[ROUTE_MAP_TEXT];
    struct route_map *m = map_of("no-default", true, false);
    map_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "10.44.1.0/24");
    route_map_seal(m);
    route_with(&r, canonical);
    enum route_map_verdict v = route_map_apply(m, &r.prefix, &r.attrs, false, &room, &trace);
    CU_ASSERT_STRING_EQUAL(route_map_text(m, &trace, v, text), "map: rule \"no-default\" dropped it");
    r.prefix.len = 23, r.prefix.bytes[2] = 0;
    v = route_map_apply(m, &r.prefix, &r.attrs, false, &room, &trace);
    CU_ASSERT_STRING_EQUAL(route_map_text(m, &trace, v, text), "map: no rule matched");
    route_map_unref(m);
}

/* More is said than there is room for: the end is missing, nothing else. */
static void test_words_are_cut_where_their_room_ends(void)
{
    struct route r;
    struct route_map_trace trace;
    char text[ROUTE_MAP_TEXT];
    struct route_map *m = map_of("r", false, true);
    for (int i = 0; i < 40; i++) {
        map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "65515:10000:10000");
        map_rule(m, "a-rule-with-a-name-of-some-length", false, true);
    }
    route_map_seal(m);
    route_with(&r, canonical);
    enum route_map_verdict v = route_map_apply(m, &r.prefix, &r.attrs, false, &room, &trace);
    CU_ASSERT_EQUAL(strlen(route_map_text(m, &trace, v, text)), ROUTE_MAP_TEXT - 1);
    CU_ASSERT_EQUAL(trace.count, ROUTE_MAP_STEPS);
    route_map_unref(m);
}

/* Nothing is written past 65535 octets: the route is refused, whatever grows. */
static void test_attributes_grow_to_their_end_and_no_further(void)
{
    static uint8_t bytes[UINT16_MAX];
    struct ip_prefix p = { 0 };
    unsigned passed = 0, refused = 0;
    for (uint32_t len = 65470; len <= 65535; len++) {
        struct bgp_attrs a;
        struct wire_writer w = wire_writer(bytes, sizeof bytes);
        wire_put(&w, (uint8_t[]){ 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0xd0, 8 }, 15);
        wire_put16(&w, (uint16_t)((len - 17) & ~3u));
        memset(wire_reserve(&w, (len - 17) & ~3u), 1, (len - 17) & ~3u);
        CU_ASSERT_FATAL(bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &a));
        for (unsigned kind = 0; kind < ROUTE_MAP_EDITS; kind++) {
            static const char *const values[] = { "1:1:1 2:2:2 3:3:3", "9:9", "7:7 8:8 rt:1:1", "1 2 3 4 5 6 7 8",
                                                  "1", "2" };
            struct bgp_attrs edited = a;
            struct route_map *m = map_of("it", false, false);
            map_edit(m, (enum route_map_edit)kind, values[kind]);
            route_map_seal(m);
            enum route_map_verdict v = route_map_apply(m, &p, &edited, false, &room, NULL);
            passed += v == ROUTE_MAP_PASSED;
            refused += v == ROUTE_MAP_TOO_LONG;
            route_map_unref(m);
        }
    }
    CU_ASSERT(passed > 100 && refused > 50);
}

/* ---- life ---- */

static struct route_map *build(void)
{
    struct route_map_value v;
    memset(&v, 0, sizeof v);
    struct route_map *m = route_map_new("map");
    bool ok = m;
    for (int i = 0; ok && i < 20; i++)
        ok = route_map_add_rule(m, "rule", false, true) &&
             route_map_add_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, 0, 128) && route_map_add_value(m, &v) &&
             route_map_add_edit(m, ROUTE_MAP_SET_MED) && route_map_add_value(m, &v);
    if (ok)
        return m;
    route_map_unref(m);
    return NULL;
}

static void test_every_allocation_fails_once(void)
{
    bool failed = true;
    unsigned nth = 1;
    for (; failed; nth++) {
        alloc_fail_at(nth);
        struct route_map *m = build();
        failed = alloc_end();
        CU_ASSERT_EQUAL(!m, failed);
        route_map_unref(m);
    }
    CU_ASSERT(nth > 8);
}

static void test_maps_are_equal_word_for_word(void)
{
    struct route_map *a = build(), *b = build();
    CU_ASSERT(route_map_is_equal(a, b) && route_map_is_equal(NULL, NULL));
    CU_ASSERT_FALSE(route_map_is_equal(a, NULL));
    route_map_seal(a);
    CU_ASSERT_FALSE(route_map_is_equal(a, b));
    route_map_seal(b);
    CU_ASSERT(route_map_is_equal(a, b));
    b->values[3].number = 5;
    CU_ASSERT_FALSE(route_map_is_equal(a, b));
    CU_ASSERT_PTR_EQUAL(route_map_ref(a), a);
    route_map_unref(a);
    CU_ASSERT(route_map_does(a, ROUTE_MAP_SET_MED) && !route_map_does(a, ROUTE_MAP_PREPEND));
    route_map_unref(a);
    route_map_unref(b);
}

CU_MAIN("route_map", CU_CASE(test_a_rule_matches_what_its_test_says),
        CU_CASE(test_all_tests_of_a_rule_must_hold),
        CU_CASE(test_long_lists_of_prefixes_hold_what_each_of_them_would),
        CU_CASE(test_a_route_without_a_path_or_a_next_hop_matches_none),
        CU_CASE(test_each_edit_gives_canonical_attributes), CU_CASE(test_edits_are_seen_in_the_summary),
        CU_CASE(test_a_full_sequence_gets_another_before_it), CU_CASE(test_a_stale_mark_outlives_every_edit),
        CU_CASE(test_a_received_med_does_not_leave_where_only_rules_set_one),
        CU_CASE(test_a_rule_that_continues_shows_the_next_what_it_made),
        CU_CASE(test_words_for_what_was_dropped_and_what_matched_nothing),
        CU_CASE(test_words_are_cut_where_their_room_ends),
        CU_CASE(test_attributes_grow_to_their_end_and_no_further), CU_CASE(test_every_allocation_fails_once),
        CU_CASE(test_maps_are_equal_word_for_word))
