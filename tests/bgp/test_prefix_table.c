/* The prefix table against an array that is searched from end to end. */
#include "bgp/rib/prefix_table.h"

#include <string.h>

#include "tests/lib/cu.h"

enum { MODEL = 600, STEPS = 60000 };

struct note { /* the caller's record */
    uint32_t mark;
};

static struct prefix_table table(void)
{
    struct prefix_table t;
    prefix_table_init(&t, (struct hash_key){ 7, 9 }, sizeof(struct note));
    return t;
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return p;
}

static void test_an_empty_table_finds_nothing(void)
{
    struct prefix_table t = table();
    struct ip_prefix p = prefix("10.0.0.0/8");
    CU_ASSERT_EQUAL(prefix_table_find(&t, &p), 0);
    CU_ASSERT_EQUAL(prefix_table_count(&t), 0);
    CU_ASSERT_FALSE(prefix_table_is_used(&t, 1));
    prefix_table_fini(&t);
}

/* Length and family are part of the name: the default routes of both, and nested ones. */
static void test_prefixes_that_share_their_bits_are_different(void)
{
    static const char *const texts[] = { "0.0.0.0/0", "0.0.0.0/8",  "0.0.0.0/32", "::/0",
                                         "::/8",      "::/128",     "10.0.0.0/8", "10.0.0.0/9",
                                         "a00::/8",   "10.0.0.0/32" };
    enum { COUNT = sizeof texts / sizeof *texts };
    struct prefix_table t = table();
    uint32_t index[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        struct ip_prefix p = prefix(texts[i]);
        index[i] = prefix_table_get(&t, &p);
        CU_ASSERT_FATAL(index[i] != 0);
        CU_ASSERT_EQUAL(prefix_index_family(index[i]), p.family);
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_NOT_EQUAL(index[i], index[k]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct ip_prefix p = prefix(texts[i]), back;
        CU_ASSERT_EQUAL(prefix_table_find(&t, &p), index[i]);
        prefix_table_prefix(&t, index[i], &back);
        CU_ASSERT(ip_prefix_is_equal(&p, &back));
    }
    CU_ASSERT_EQUAL(prefix_table_count(&t), COUNT);
    prefix_table_fini(&t);
}

static void test_a_record_starts_zeroed_even_when_its_place_was_used(void)
{
    struct prefix_table t = table();
    struct ip_prefix a = prefix("10.0.0.0/8"), b = prefix("11.0.0.0/8");
    uint32_t index = prefix_table_get(&t, &a);
    ((struct note *)prefix_table_record(&t, index))->mark = 77;
    prefix_table_drop(&t, index);
    CU_ASSERT_FALSE(prefix_table_is_used(&t, index));
    CU_ASSERT_EQUAL(prefix_table_get(&t, &b), index);
    CU_ASSERT_EQUAL(((struct note *)prefix_table_record(&t, index))->mark, 0);
    CU_ASSERT(prefix_table_is_used(&t, index));
    prefix_table_fini(&t);
}

static void test_records_are_aligned_and_never_move(void)
{
    struct prefix_table t = table();
    struct ip_prefix first = prefix("fd00::/16");
    struct note *kept = prefix_table_record(&t, prefix_table_get(&t, &first));
    kept->mark = 4;
    for (uint32_t i = 0; i < 20000; i++) {
        struct ip_prefix p = { .family = BGP_IP6,
                               .len = 128,
                               .bytes = { 0x20, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i } };
        struct note *n = prefix_table_record(&t, prefix_table_get(&t, &p));
        CU_ASSERT_FATAL((uintptr_t)n % sizeof(uint32_t) == 0);
    }
    CU_ASSERT_PTR_EQUAL(prefix_table_record(&t, prefix_table_find(&t, &first)), kept);
    CU_ASSERT_EQUAL(kept->mark, 4);
    prefix_table_fini(&t);
}

static uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

/* Few bits, so that prefixes come back; both families; every length. */
static struct ip_prefix random_prefix(uint64_t *seed)
{
    struct ip_prefix p = { .family = (uint8_t)random_below(seed, 2) };
    p.len = (uint8_t)random_below(seed, p.family == BGP_IP4 ? 33 : 129);
    if (p.len >= 8)
        p.bytes[0] = (uint8_t)random_below(seed, 4);
    if (p.len == 128)
        p.bytes[15] = (uint8_t)random_below(seed, 8);
    return p;
}

struct model {
    struct ip_prefix prefixes[MODEL];
    uint32_t index[MODEL];
    size_t count;
};

static size_t model_find(const struct model *m, const struct ip_prefix *p)
{
    size_t i = 0;
    while (i < m->count && !ip_prefix_is_equal(&m->prefixes[i], p))
        i++;
    return i;
}

static void test_random_use_agrees_with_a_plain_array(void)
{
    struct prefix_table t = table();
    static struct model m;
    uint64_t seed = 2026;
    m.count = 0;
    for (int step = 0; step < STEPS; step++) {
        struct ip_prefix p = random_prefix(&seed);
        size_t at = model_find(&m, &p);
        CU_ASSERT_EQUAL_FATAL(prefix_table_find(&t, &p), at < m.count ? m.index[at] : 0);
        if (at < m.count && random_below(&seed, 2)) {
            prefix_table_drop(&t, m.index[at]);
            m.prefixes[at] = m.prefixes[--m.count];
            m.index[at] = m.index[m.count];
        } else if (at == m.count && m.count < MODEL) {
            m.prefixes[at] = p;
            m.index[at] = prefix_table_get(&t, &p);
            m.count++;
        }
        CU_ASSERT_EQUAL_FATAL(prefix_table_count(&t), m.count);
    }
    size_t walked = 0;
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        for (uint32_t place = 1; place < prefix_table_top(&t, (enum bgp_family)f); place++)
            walked += prefix_table_is_used(&t, place | (uint32_t)f << PREFIX_FAMILY_SHIFT);
    CU_ASSERT_EQUAL(walked, m.count);
    prefix_table_fini(&t);
}

/* Two of three prefixes of a row are there, and one comes while they are looked at. */
static void test_many_that_are_looked_up_together_are_found(void)
{
    struct prefix_table t = table();
    struct ip_prefix p[PREFIX_TOGETHER];
    struct prefix_hint hints[PREFIX_TOGETHER];
    for (uint32_t i = 0; i < PREFIX_TOGETHER; i++) {
        p[i] = (struct ip_prefix){ .family = BGP_IP6, .len = 32, .bytes = { 0x20, 1, (uint8_t)i } };
        CU_ASSERT(i % 3 == 0 || prefix_table_get(&t, &p[i]));
    }
    prefix_table_expect(&t, p, PREFIX_TOGETHER, hints);
    prefix_table_look(&t, p, PREFIX_TOGETHER, hints);
    uint32_t new_one = prefix_table_get_hinted(&t, &p[0], &hints[0]);
    for (uint32_t i = 0; i < PREFIX_TOGETHER; i++) {
        uint32_t index = prefix_table_find(&t, &p[i]);
        CU_ASSERT_EQUAL(index != 0, i == 0 || i % 3 != 0);
        CU_ASSERT(hints[i].index == index || !hints[i].index);
        CU_ASSERT_EQUAL(prefix_table_find_hinted(&t, &p[i], &hints[i]), index);
    }
    CU_ASSERT_EQUAL(prefix_table_get_hinted(&t, &p[0], &hints[0]), new_one);
    prefix_table_fini(&t);
}

CU_MAIN("prefix_table", CU_CASE(test_an_empty_table_finds_nothing),
        CU_CASE(test_prefixes_that_share_their_bits_are_different),
        CU_CASE(test_a_record_starts_zeroed_even_when_its_place_was_used),
        CU_CASE(test_records_are_aligned_and_never_move),
        CU_CASE(test_random_use_agrees_with_a_plain_array),
        CU_CASE(test_many_that_are_looked_up_together_are_found))
