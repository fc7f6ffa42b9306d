#include "bgp/base/heap.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

enum { IDS = 300 };

static void test_an_empty_heap_has_no_first(void)
{
    struct heap h = { 0 };
    uint32_t id;
    CU_ASSERT_EQUAL(heap_first(&h, &id), UINT64_MAX);
    CU_ASSERT_FATAL(heap_grow(&h, 0));
    CU_ASSERT_EQUAL(heap_first(&h, &id), UINT64_MAX);
    heap_fini(&h);
}

static void test_an_id_has_one_time_and_loses_it_by_never(void)
{
    struct heap h = { 0 };
    uint32_t id;
    CU_ASSERT_FATAL(heap_grow(&h, 4));
    heap_set(&h, 3, 50);
    heap_set(&h, 1, 20);
    heap_set(&h, 1, 70);
    CU_ASSERT_EQUAL(heap_first(&h, &id), 50);
    CU_ASSERT_EQUAL(id, 3);
    heap_set(&h, 3, UINT64_MAX);
    heap_set(&h, 2, UINT64_MAX);
    CU_ASSERT_EQUAL(heap_first(&h, &id), 70);
    CU_ASSERT_EQUAL(h.count, 1);
    heap_fini(&h);
}

/* The naive reference: an array of times that is searched from end to end. */
static void test_random_use_agrees_with_an_array_of_times(void)
{
    static uint64_t times[IDS];
    struct random random = random_new("heap");
    struct heap h = { 0 };
    CU_ASSERT_FATAL(heap_grow(&h, IDS));
    for (uint32_t i = 0; i < IDS; i++)
        times[i] = UINT64_MAX;
    for (unsigned step = 0; step < 30000; step++) {
        uint32_t id = random_below(&random, IDS), who = 0;
        times[id] = random_below(&random, 3) ? random_below(&random, 1000) : UINT64_MAX;
        heap_set(&h, id, times[id]);
        uint64_t first = UINT64_MAX;
        for (uint32_t i = 0; i < IDS; i++)
            first = times[i] < first ? times[i] : first;
        CU_ASSERT_EQUAL_FATAL(heap_first(&h, &who), first);
        CU_ASSERT_FATAL(first == UINT64_MAX || times[who] == first);
    }
    heap_fini(&h);
}

static void test_a_heap_that_grows_keeps_its_times(void)
{
    struct heap h = { 0 };
    uint32_t who;
    CU_ASSERT_TRUE_FATAL(heap_grow(&h, 2));
    heap_set(&h, 0, 30);
    heap_set(&h, 1, 20);
    for (unsigned nth = 1; nth <= 2; nth++) {
        alloc_fail_at(nth);
        CU_ASSERT_FALSE(heap_grow(&h, 100));
        CU_ASSERT(alloc_end());
        CU_ASSERT_EQUAL(h.cap, 2);
    }
    CU_ASSERT_TRUE_FATAL(heap_grow(&h, 100));
    CU_ASSERT_EQUAL(heap_first(&h, &who), 20);
    heap_set(&h, 99, 10);
    CU_ASSERT_EQUAL(heap_first(&h, &who), 10);
    CU_ASSERT_EQUAL(who, 99);
    heap_fini(&h);
}

static void test_without_memory_there_is_no_heap(void)
{
    for (unsigned nth = 1; nth <= 2; nth++) {
        struct heap h = { 0 };
        alloc_fail_at(nth);
        CU_ASSERT_FALSE(heap_grow(&h, 8));
        CU_ASSERT(alloc_end());
        heap_fini(&h);
    }
}

CU_MAIN("heap", CU_CASE(test_an_empty_heap_has_no_first),
        CU_CASE(test_an_id_has_one_time_and_loses_it_by_never),
        CU_CASE(test_random_use_agrees_with_an_array_of_times),
        CU_CASE(test_a_heap_that_grows_keeps_its_times),
        CU_CASE(test_without_memory_there_is_no_heap))
