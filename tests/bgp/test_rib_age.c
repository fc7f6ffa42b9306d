/* Since when a path is what it is. */
#include "bgp/rib/rib.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

static void tick(struct lab *l, uint64_t later_ms)
{
    l->now_ms += later_ms;
    rib_age_tick(&l->rib, l->now_ms);
}

static uint64_t age(const struct lab *l, const struct lab_route *r)
{
    return l->now_ms - rib_age_since(&l->rib, lab_path(l, r));
}

static void test_an_age_counts_from_the_last_change_and_not_from_the_last_word(void)
{
    struct lab l;
    struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 },
                     with_id = { .nva = 1, .net = 1, .path_len = 1, .path_id = 7 };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    CU_ASSERT_EQUAL(rib_age_since(&l.rib, lab_path(&l, &r)), 0); /* no clock was seen yet */
    tick(&l, 0);
    lab_announce(&l, with_id);
    tick(&l, 5000);
    CU_ASSERT_EQUAL(age(&l, &r), 5000);
    CU_ASSERT_EQUAL(age(&l, &with_id), 0);
    lab_announce(&l, r);
    tick(&l, 5000);
    CU_ASSERT_EQUAL(age(&l, &r), 10000);
    r.path_len = 2;
    lab_announce(&l, r);
    tick(&l, 1000);
    tick(&l, 3000);
    CU_ASSERT_EQUAL(age(&l, &r), 3000);
    CU_ASSERT_EQUAL(age(&l, &with_id), 9000);
    lab_close(&l);
}

static void test_a_path_that_is_heard_again_after_a_mark_keeps_its_age(void)
{
    struct lab l;
    const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 },
                           with_id = { .nva = 1, .net = 1, .path_len = 1, .path_id = 7 };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    lab_announce(&l, with_id);
    tick(&l, 0);
    tick(&l, 60000);
    rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
    lab_announce(&l, r);
    lab_announce(&l, with_id);
    rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
    lab_sweep(&l);
    tick(&l, 1000);
    CU_ASSERT_EQUAL(age(&l, &r), 61000);
    CU_ASSERT_EQUAL(age(&l, &with_id), 61000);
    lab_withdraw(&l, r);
    tick(&l, 1000);
    lab_announce(&l, r);
    tick(&l, 1000);
    tick(&l, 1000);
    CU_ASSERT_EQUAL(age(&l, &r), 1000); /* it is another one now */
    lab_close(&l);
}

/* An order moves what is old to its end when it has many holes. */
static void test_a_flapping_path_makes_no_other_one_young(void)
{
    enum { QUIET = 10, FLAPS = 20 * VLIST_CHUNK };
    struct lab l;
    struct lab_route flapping = { .nva = 2, .net = QUIET };
    lab_open(&l, 8, true);
    for (uint32_t i = 0; i < QUIET; i++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
    tick(&l, 0);
    uint64_t before = l.now_ms;
    for (uint32_t i = 0; i < FLAPS; i++) {
        flapping.path_len = (uint8_t)(1 + i % 2);
        lab_announce(&l, flapping);
        if (i % VLIST_CHUNK == 0)
            tick(&l, 1000);
    }
    tick(&l, 1000);
    for (uint32_t i = 0; i < QUIET; i++) {
        uint32_t path = lab_path(&l, &(struct lab_route){ .nva = 1, .net = i });
        CU_ASSERT(vlist_version(&l.rib.origins[LAB_SELF].order, rib_path(&l.rib, path)->slot) > VLIST_CHUNK);
        CU_ASSERT_EQUAL(rib_age_since(&l.rib, path), before);
    }
    CU_ASSERT_EQUAL(age(&l, &flapping), 0);
    lab_close(&l);
}

/* Whose place another path had before. */
static void test_a_new_path_is_new_in_whatever_memory(void)
{
    struct lab l;
    const struct lab_route first = { .nva = 1, .net = 1, .path_len = 1 }, second = { .nva = 1, .net = 2, .path_len = 1 };
    lab_open(&l, 8, false);
    lab_announce(&l, first);
    uint32_t path = lab_path(&l, &first);
    tick(&l, 0);
    rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
    lab_announce(&l, first);
    lab_withdraw(&l, first);
    tick(&l, 60000);
    lab_announce(&l, second);
    CU_ASSERT_EQUAL(lab_path(&l, &second), path);
    CU_ASSERT_EQUAL(age(&l, &second), 0);
    lab_close(&l);
}

/* A route every second for three hours: few marks, and no age is wrong by more than a second and two hundredths. */
static void test_many_ages_need_few_marks(void)
{
    enum { SECONDS = 3 * 3600 };
    struct lab l;
    lab_open(&l, 8, true);
    uint64_t start = l.now_ms;
    for (uint32_t i = 0; i < SECONDS; i++) {
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
        tick(&l, 1000);
    }
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].ages.count, RIB_AGE_MARKS);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < SECONDS; i++) {
        uint64_t is = age(&l, &(struct lab_route){ .nva = 1, .net = i });
        uint64_t should = l.now_ms - (start + 1000 * (i + 1));
        wrong += is > should + 1000 || is + 1000 + should / 50 < should;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    lab_close(&l);
}

static void test_without_memory_a_path_is_only_younger_than_it_should_be(void)
{
    struct lab l;
    const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    alloc_fail_at(1);
    tick(&l, 1000);
    CU_ASSERT_TRUE(alloc_end());
    CU_ASSERT_EQUAL(age(&l, &r), 0);
    tick(&l, 1000);
    CU_ASSERT_EQUAL(age(&l, &r), 0);
    tick(&l, 1000);
    CU_ASSERT_EQUAL(age(&l, &r), 1000);
    lab_close(&l);
}

CU_MAIN("rib age", CU_CASE(test_an_age_counts_from_the_last_change_and_not_from_the_last_word),
        CU_CASE(test_a_path_that_is_heard_again_after_a_mark_keeps_its_age),
        CU_CASE(test_a_flapping_path_makes_no_other_one_young),
        CU_CASE(test_a_new_path_is_new_in_whatever_memory),
        CU_CASE(test_many_ages_need_few_marks),
        CU_CASE(test_without_memory_a_path_is_only_younger_than_it_should_be))
