#include "bgp/base/ring.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

static void test_what_goes_in_first_comes_out_first_over_every_growth(void)
{
    struct random random = random_new("ring");
    struct ring r = { 0 };
    uint32_t in = 1, out = 1;
    for (int step = 0; step < 20000; step++) {
        if (random_below(&random, 9) < (step / 5000 % 2 ? 4u : 5u)) {
            CU_ASSERT_FATAL(ring_reserve(&r, 1));
            ring_push(&r, in++);
        } else if (in == out) {
            CU_ASSERT_EQUAL_FATAL(ring_pop(&r), 0);
        } else {
            CU_ASSERT_EQUAL_FATAL(ring_pop(&r), out);
            out++;
        }
        CU_ASSERT_EQUAL_FATAL(r.count, in - out);
    }
    ring_fini(&r);
}

static void test_a_full_ring_that_wraps_keeps_its_order_when_it_grows(void)
{
    struct ring r = { 0 };
    CU_ASSERT_FATAL(ring_reserve(&r, 64));
    for (uint32_t i = 1; i <= 40; i++)
        ring_push(&r, i);
    for (uint32_t i = 1; i <= 30; i++)
        CU_ASSERT_EQUAL(ring_pop(&r), i);
    for (uint32_t i = 41; i <= 94; i++) /* exactly full, past the end of the array */
        ring_push(&r, i);
    CU_ASSERT_EQUAL(r.count, r.cap);
    CU_ASSERT_FATAL(ring_reserve(&r, 1));
    ring_push(&r, 95);
    for (uint32_t i = 31; i <= 95; i++)
        CU_ASSERT_EQUAL(ring_pop(&r), i);
    ring_fini(&r);
}

static void test_after_a_reservation_pushes_need_no_memory(void)
{
    struct ring r = { 0 };
    alloc_fail_at(1);
    CU_ASSERT_FALSE(ring_reserve(&r, 100));
    CU_ASSERT_TRUE(alloc_end());
    CU_ASSERT_EQUAL(r.cap, 0);
    CU_ASSERT_FATAL(ring_reserve(&r, 100));
    alloc_fail_at(1);
    for (uint32_t i = 1; i <= 100; i++)
        ring_push(&r, i);
    CU_ASSERT_FALSE(alloc_end());
    CU_ASSERT_FALSE(ring_reserve(&r, UINT32_MAX)); /* no 32-bit capacity holds that */
    CU_ASSERT_EQUAL(r.count, 100);
    ring_fini(&r);
}

CU_MAIN("ring", CU_CASE(test_what_goes_in_first_comes_out_first_over_every_growth),
        CU_CASE(test_a_full_ring_that_wraps_keeps_its_order_when_it_grows),
        CU_CASE(test_after_a_reservation_pushes_need_no_memory))
