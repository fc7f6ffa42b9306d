#include "bgp/base/bitset.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

enum { NUMBERS = 20000 };

static void test_an_empty_set_has_nothing(void)
{
    struct bitset b = { 0 };
    CU_ASSERT_FALSE(bitset_has(&b, 0));
    CU_ASSERT_EQUAL(bitset_next(&b, 0), UINT32_MAX);
    bitset_remove(&b, 5);
    CU_ASSERT_EQUAL(bitset_memory(&b), 0);
    bitset_fini(&b);
}

static void test_numbers_at_the_edges_of_words_are_told_apart(void)
{
    static const uint32_t numbers[] = { 0, 63, 64, 4095, 4096, 8191, 12345 };
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct bitset b = { 0 };
    CU_ASSERT_FATAL(bitset_reserve(&b, 12346));
    for (size_t i = 0; i < COUNT; i++) {
        bitset_add(&b, numbers[i]);
        bitset_add(&b, numbers[i]);
    }
    CU_ASSERT_EQUAL(b.count, COUNT);
    uint32_t at = 0;
    for (size_t i = 0; i < COUNT; i++, at++) {
        at = bitset_next(&b, at);
        CU_ASSERT_EQUAL(at, numbers[i]);
    }
    CU_ASSERT_EQUAL(bitset_next(&b, at), UINT32_MAX);
    bitset_fini(&b);
}

/* The naive reference: a flag for each number. */
static void test_random_use_agrees_with_an_array_of_flags(void)
{
    static bool flags[NUMBERS];
    struct random random = random_new("bitset");
    struct bitset b = { 0 };
    uint32_t count = 0, limit = 1;
    for (unsigned step = 0; step < 60000; step++) {
        if (step % 500 == 0 && limit < NUMBERS / 2)
            limit *= 2;
        CU_ASSERT_FATAL(bitset_reserve(&b, limit));
        uint32_t i = random_below(&random, limit);
        bool add = random_below(&random, step / 20000 == 1 ? 8 : 2) == 0;
        if (add)
            bitset_add(&b, i);
        else
            bitset_remove(&b, i);
        count += (uint32_t)add - flags[i];
        flags[i] = add;
        CU_ASSERT_EQUAL_FATAL(b.count, count);
        uint32_t from = random_below(&random, limit), next = from;
        while (next < limit && !flags[next])
            next++;
        CU_ASSERT_EQUAL_FATAL(bitset_next(&b, from), next < limit ? next : UINT32_MAX);
    }
    bitset_fini(&b);
}

static void test_a_reservation_without_memory_changes_nothing(void)
{
    struct bitset b = { 0 };
    CU_ASSERT_FATAL(bitset_reserve(&b, 100));
    bitset_add(&b, 99);
    alloc_fail_at(1);
    CU_ASSERT_FALSE(bitset_reserve(&b, 100000));
    CU_ASSERT(alloc_end());
    CU_ASSERT_EQUAL(bitset_next(&b, 0), 99);
    CU_ASSERT_FALSE(bitset_reserve(&b, UINT32_MAX));
    bitset_fini(&b);
}

CU_MAIN("bitset", CU_CASE(test_an_empty_set_has_nothing),
        CU_CASE(test_numbers_at_the_edges_of_words_are_told_apart),
        CU_CASE(test_random_use_agrees_with_an_array_of_flags),
        CU_CASE(test_a_reservation_without_memory_changes_nothing))
