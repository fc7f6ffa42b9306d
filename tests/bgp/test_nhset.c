/* Sets of next hops: equal sets are one id, whatever order they were named in. */
#include "bgp/rib/nhset.h"

#include <string.h>

#include "tests/lib/cu.h"

static struct ip_addr hop(uint8_t last)
{
    return (struct ip_addr){ .bytes = { 10, 0, 0, last } };
}

static uint32_t intern(struct nhset_table *t, const char *hops)
{
    struct ip_addr members[NHSET_MAX + 8];
    uint32_t count = 0;
    bool nomem;
    for (; *hops; hops++)
        members[count++] = hop((uint8_t)*hops);
    uint32_t id = nhset_intern(t, members, count, &nomem);
    CU_ASSERT_FALSE_FATAL(nomem);
    return id;
}

static struct nhset_table table(void)
{
    struct nhset_table t;
    nhset_table_init(&t, (struct hash_key){ 3, 5 });
    return t;
}

static void test_the_empty_set_is_id_zero(void)
{
    struct nhset_table t = table();
    CU_ASSERT_EQUAL(intern(&t, ""), 0);
    CU_ASSERT_EQUAL(nhset_get(&t, 0)->count, 0);
    nhset_ref(&t, 0);
    nhset_unref(&t, 0);
    nhset_table_fini(&t);
}

static void test_order_and_duplicates_do_not_matter(void)
{
    struct nhset_table t = table();
    uint32_t id = intern(&t, "cab");
    CU_ASSERT_EQUAL(intern(&t, "abcabc"), id);
    CU_ASSERT_NOT_EQUAL(intern(&t, "ab"), id);
    CU_ASSERT_EQUAL_FATAL(nhset_get(&t, id)->count, 3);
    CU_ASSERT_EQUAL(nhset_get(&t, id)->members[0].bytes[3], 'a');
    CU_ASSERT_EQUAL(nhset_get(&t, id)->members[2].bytes[3], 'c');
    nhset_table_fini(&t);
}

static void test_families_are_different_members(void)
{
    struct nhset_table t = table();
    bool nomem;
    struct ip_addr four[] = { { .family = BGP_IP4, .bytes = { 1 } } };
    struct ip_addr six[] = { { .family = BGP_IP6, .bytes = { 1 } } };
    uint32_t a = nhset_intern(&t, four, 1, &nomem), b = nhset_intern(&t, six, 1, &nomem);
    CU_ASSERT(a && b && a != b);
    nhset_table_fini(&t);
}

/* The last reference frees, and the next equal set is a new one; ids of the living stay. */
static void test_references_keep_a_set_alive(void)
{
    struct nhset_table t = table();
    uint32_t ab = intern(&t, "ab"), cd = intern(&t, "cd");
    nhset_ref(&t, ab);
    nhset_unref(&t, ab);
    CU_ASSERT_EQUAL(intern(&t, "ab"), ab);
    nhset_unref(&t, ab);
    nhset_unref(&t, ab);
    CU_ASSERT_EQUAL(t.sets.count, 1);
    CU_ASSERT_EQUAL(intern(&t, "cd"), cd);
    CU_ASSERT_EQUAL(nhset_get(&t, cd)->refs, 2);
    nhset_table_fini(&t);
}

static void test_more_than_the_most_keeps_the_lowest(void)
{
    struct nhset_table t = table();
    struct ip_addr members[NHSET_MAX + 4];
    bool nomem;
    for (uint32_t i = 0; i < NHSET_MAX + 4; i++)
        members[i] = hop((uint8_t)(200 - i));
    uint32_t id = nhset_intern(&t, members, NHSET_MAX + 4, &nomem);
    CU_ASSERT_EQUAL_FATAL(nhset_get(&t, id)->count, NHSET_MAX);
    CU_ASSERT_EQUAL(nhset_get(&t, id)->members[0].bytes[3], 200 - (NHSET_MAX + 3));
    nhset_table_fini(&t);
}

static void test_sorting_keeps_as_many_as_asked(void)
{
    struct ip_addr m[] = { hop(9), hop(3), hop(9), hop(5) };
    CU_ASSERT_EQUAL(nhset_sort(m, 4, 8), 3);
    CU_ASSERT(m[0].bytes[3] == 3 && m[1].bytes[3] == 5 && m[2].bytes[3] == 9);
    CU_ASSERT_EQUAL(nhset_sort(m, 3, 2), 2);
    CU_ASSERT_EQUAL(nhset_sort(m, 1, 0), 0);
    CU_ASSERT_EQUAL(nhset_sort(m, 0, 4), 0);
}

static void test_subsets(void)
{
    struct nhset_table t = table();
    uint32_t ac = intern(&t, "ac"), abc = intern(&t, "abc"), d = intern(&t, "d");
    CU_ASSERT(nhset_is_subset(&t, ac, abc));
    CU_ASSERT(nhset_is_subset(&t, abc, abc));
    CU_ASSERT(nhset_is_subset(&t, 0, d));
    CU_ASSERT(nhset_is_subset(&t, 0, 0));
    CU_ASSERT_FALSE(nhset_is_subset(&t, abc, ac));
    CU_ASSERT_FALSE(nhset_is_subset(&t, d, abc));
    CU_ASSERT_FALSE(nhset_is_subset(&t, ac, 0));
    nhset_table_fini(&t);
}

static void test_thousands_of_sets_come_and_go(void)
{
    struct nhset_table t = table();
    uint32_t ids[2000];
    bool nomem;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 2000; i++) {
            struct ip_addr m = { .bytes = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
            ids[i] = nhset_intern(&t, &m, 1, &nomem);
            CU_ASSERT_FATAL(ids[i] && !nomem);
        }
        CU_ASSERT_EQUAL(t.sets.count, 2000);
        for (uint32_t i = 0; i < 2000; i++) {
            const struct nhset *s = nhset_get(&t, ids[i]);
            CU_ASSERT_FATAL(s->members[0].bytes[3] == (uint8_t)i && s->refs == 1);
            nhset_unref(&t, ids[i]);
        }
        CU_ASSERT_EQUAL(t.sets.count, 0);
    }
    nhset_table_fini(&t);
}

/* One next hop after the other, as nets come: the one asked for last may be gone, or be another set by now. */
static void test_the_next_hop_of_the_last_is_found_while_it_is_there(void)
{
    struct nhset_table t = table();
    uint32_t a = intern(&t, "a");
    CU_ASSERT_EQUAL(intern(&t, "a"), a);
    CU_ASSERT_EQUAL(nhset_get(&t, a)->refs, 2);
    nhset_unref(&t, a);
    nhset_unref(&t, a);
    CU_ASSERT_EQUAL(t.sets.count, 0);
    uint32_t bc = intern(&t, "bc"); /* in the place of the one that went */
    CU_ASSERT_EQUAL(bc, a);
    uint32_t again = intern(&t, "a"), b = intern(&t, "b");
    CU_ASSERT(again != bc && b != again && b != bc);
    CU_ASSERT(nhset_get(&t, again)->count == 1 && nhset_get(&t, again)->members[0].bytes[3] == 'a');
    nhset_table_fini(&t);
}

static void test_a_single_next_hop_is_a_set_of_one(void)
{
    struct nhset_table t = table();
    uint32_t b = intern(&t, "b"), both = intern(&t, "bc");
    for (int i = 0; i < 2; i++) /* not the set of the last question, and then it */
        CU_ASSERT_EQUAL(nhset_intern_one(&t, &(struct ip_addr){ .bytes = { 10, 0, 0, 'b' } }), b);
    CU_ASSERT_EQUAL(nhset_get(&t, b)->refs, 3);
    CU_ASSERT_EQUAL(nhset_get(&t, both)->refs, 1);
    nhset_table_fini(&t);
}

CU_MAIN("nhset", CU_CASE(test_the_empty_set_is_id_zero),
        CU_CASE(test_order_and_duplicates_do_not_matter),
        CU_CASE(test_families_are_different_members), CU_CASE(test_references_keep_a_set_alive),
        CU_CASE(test_more_than_the_most_keeps_the_lowest),
        CU_CASE(test_sorting_keeps_as_many_as_asked), CU_CASE(test_subsets),
        CU_CASE(test_thousands_of_sets_come_and_go),
        CU_CASE(test_the_next_hop_of_the_last_is_found_while_it_is_there),
        CU_CASE(test_a_single_next_hop_is_a_set_of_one))
