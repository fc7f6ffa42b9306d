#include "bgp/base/slab.h"

#include <string.h>

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

static void test_index_zero_is_never_given_out(void)
{
    struct slab s;
    slab_init(&s, 8);
    for (uint32_t i = 1; i <= 10; i++)
        CU_ASSERT_EQUAL(slab_new(&s), i);
    slab_fini(&s);
}

static void test_the_newest_freed_record_comes_back_first_and_is_zero(void)
{
    struct slab s;
    slab_init(&s, 24);
    uint32_t a = slab_new(&s), b = slab_new(&s);
    memset(slab_at(&s, a), 0xff, 24);
    memset(slab_at(&s, b), 0xff, 24);
    slab_free(&s, a);
    slab_free(&s, b);
    CU_ASSERT_EQUAL(s.count, 0);
    CU_ASSERT_EQUAL(slab_new(&s), b);
    CU_ASSERT_EQUAL(slab_new(&s), a);
    static const unsigned char zero[24];
    CU_ASSERT_EQUAL(memcmp(slab_at(&s, a), zero, 24), 0);
    CU_ASSERT_EQUAL(memcmp(slab_at(&s, b), zero, 24), 0);
    slab_fini(&s);
}

static void test_records_do_not_move_when_blocks_are_added(void)
{
    struct slab s;
    slab_init(&s, 4);
    uint32_t first = slab_new(&s);
    uint32_t *at = slab_at(&s, first);
    *at = 0x12345678;
    for (uint32_t i = 0; i < 20u * SLAB_BLOCK; i++) /* the table of blocks grows, too */
        CU_ASSERT_FATAL(slab_new(&s) != 0);
    CU_ASSERT_PTR_EQUAL(slab_at(&s, first), at);
    CU_ASSERT_EQUAL(*at, 0x12345678);
    CU_ASSERT_EQUAL(s.count, 20u * SLAB_BLOCK + 1);
    CU_ASSERT(slab_memory(&s) >= (size_t)s.count * 4);
    slab_fini(&s);
}

static void test_live_records_never_share_an_index(void)
{
    enum { MANY = 3 * SLAB_BLOCK };
    static uint32_t live[MANY];
    struct random random = random_new("slab");
    struct slab s;
    uint32_t count = 0;
    slab_init(&s, 12);
    for (int step = 0; step < 40000; step++) {
        if (count && (count == MANY || random_below(&random, 3) == 0)) {
            uint32_t pick = random_below(&random, count), *record = slab_at(&s, live[pick]);
            CU_ASSERT_FATAL(record[1] == live[pick]);
            slab_free(&s, live[pick]);
            live[pick] = live[--count];
        } else {
            uint32_t index = slab_new(&s), *record = slab_at(&s, index);
            CU_ASSERT_FATAL(index && !record[0] && !record[1] && !record[2]);
            record[1] = index;
            live[count++] = index;
        }
        CU_ASSERT_EQUAL_FATAL(s.count, count);
    }
    for (uint32_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(((uint32_t *)slab_at(&s, live[i]))[1], live[i]);
    slab_fini(&s);
}

static void test_without_memory_zero_is_returned_and_nothing_is_lost(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct slab s;
        uint32_t made = 0;
        slab_init(&s, 16);
        alloc_fail_at(nth);
        while (made < 17u * SLAB_BLOCK && slab_new(&s))
            made++;
        failed = alloc_end();
        CU_ASSERT_EQUAL(s.count, made);
        CU_ASSERT_EQUAL(failed, made < 17u * SLAB_BLOCK);
        CU_ASSERT_EQUAL(slab_new(&s), made + 1); /* memory is back */
        slab_fini(&s);
        CU_ASSERT_EQUAL(slab_memory(&s), 0);
    }
}

CU_MAIN("slab", CU_CASE(test_index_zero_is_never_given_out),
        CU_CASE(test_the_newest_freed_record_comes_back_first_and_is_zero),
        CU_CASE(test_records_do_not_move_when_blocks_are_added),
        CU_CASE(test_live_records_never_share_an_index),
        CU_CASE(test_without_memory_zero_is_returned_and_nothing_is_lost))
