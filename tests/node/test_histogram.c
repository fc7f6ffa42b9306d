#include "node/base/histogram.h"

#include "tests/lib/cu.h"

static const struct histogram_bounds bounds = { .per_second = 1000, .count = 3, .at = { 1, 10, 100 } };

static void test_what_took_as_long_as_a_bound_is_below_it(void)
{
    struct histogram h = { .bounds = &bounds };
    histogram_add(&h, 0);
    histogram_add(&h, 1);
    histogram_add(&h, 2);
    histogram_add(&h, 100);
    CU_ASSERT_EQUAL(h.counts[0], 2);
    CU_ASSERT_EQUAL(h.counts[1], 1);
    CU_ASSERT_EQUAL(h.counts[2], 1);
    CU_ASSERT_EQUAL(h.counts[3], 0);
}

static void test_what_took_longer_than_all_bounds_is_counted_behind_them(void)
{
    struct histogram h = { .bounds = &bounds };
    histogram_add(&h, 101);
    histogram_add(&h, (uint64_t)1 << 40);
    CU_ASSERT_EQUAL(h.counts[3], 2);
    CU_ASSERT_EQUAL(h.sum, 101 + ((uint64_t)1 << 40));
}

CU_MAIN("histogram", CU_CASE(test_what_took_as_long_as_a_bound_is_below_it),
        CU_CASE(test_what_took_longer_than_all_bounds_is_counted_behind_them))
