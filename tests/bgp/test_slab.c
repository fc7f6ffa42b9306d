#include "bgp/base/slab.h"

#include <string.h>

#include "bgp/base/pages.h"
#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

enum { BLOCKS = 9 };

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
    for (uint32_t i = 0; i < (uint32_t)BLOCKS << s.shift; i++) /* the table of blocks grows, too */
        CU_ASSERT_FATAL(slab_new(&s) != 0);
    CU_ASSERT_PTR_EQUAL(slab_at(&s, first), at);
    CU_ASSERT_EQUAL(*at, 0x12345678);
    CU_ASSERT_EQUAL(s.count, ((uint32_t)BLOCKS << s.shift) + 1);
    CU_ASSERT(slab_memory(&s) >= (size_t)s.count * 4);
    slab_fini(&s);
}

/* Freed and made at random, against a list of those that live. */
static void churn(struct slab *slab)
{
    enum { MANY = 20000 };
    static uint32_t live[MANY];
    struct random random = random_new("slab");
    struct slab s = *slab;
    uint32_t count = 0;
    for (int step = 0; step < 100000; step++) {
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
    CU_ASSERT_FATAL(s.block_count > SLAB_SMALL);
    slab_fini(&s);
}

static void test_live_records_never_share_an_index(void)
{
    struct slab s;
    slab_init(&s, 12);
    churn(&s);
}

static void test_blocks_of_a_pool_are_as_good_and_go_back_to_it(void)
{
    struct pool pool;
    struct slab s, other;
    pool_init(&pool);
    slab_init(&other, 40);
    slab_use_pool(&other, &pool);
    for (uint32_t i = 1; i < 4u << other.shift; i++) {
        uint32_t index = slab_new(&other);
        CU_ASSERT_FATAL(index == i);
        memset(slab_at(&other, index), (unsigned char)(i % 251), 40);
    }
    for (int round = 0; round < 3; round++) { /* from the second one on the pool's memory was used before */
        slab_init(&s, 12);
        slab_use_pool(&s, &pool);
        churn(&s);
    }
    for (uint32_t i = 1; i < 4u << other.shift; i++)
        CU_ASSERT_EQUAL_FATAL(((unsigned char *)slab_at(&other, i))[39], i % 251);
    CU_ASSERT_EQUAL(pool.bytes, PAGES_MIN);
    slab_fini(&other);
    CU_ASSERT_EQUAL(pool.bytes, 0);
    pool_fini(&pool);
}

static void test_a_small_table_takes_nothing_of_its_pool(void)
{
    struct pool pool;
    struct slab s;
    pool_init(&pool);
    slab_init(&s, 24);
    slab_use_pool(&s, &pool);
    for (uint32_t i = 1; i < (uint32_t)SLAB_SMALL << s.shift; i++)
        CU_ASSERT_FATAL(slab_new(&s) != 0);
    CU_ASSERT_EQUAL(pool.bytes, 0);
    CU_ASSERT(slab_new(&s) != 0);
    CU_ASSERT_EQUAL(pool.bytes, PAGES_MIN);
    slab_fini(&s);
    pool_fini(&pool);
}

static void test_without_memory_zero_is_returned_and_nothing_is_lost(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct slab s;
        uint32_t made = 0;
        slab_init(&s, 16);
        uint32_t wanted = (uint32_t)BLOCKS << s.shift;
        alloc_fail_at(nth);
        while (made < wanted && slab_new(&s))
            made++;
        failed = alloc_end();
        CU_ASSERT_EQUAL(s.count, made);
        CU_ASSERT_EQUAL(failed, made < wanted);
        CU_ASSERT_EQUAL(slab_new(&s), made + 1); /* memory is back */
        slab_fini(&s);
        CU_ASSERT_EQUAL(slab_memory(&s), 0);
    }
}

static void test_records_beside_another_table_are_there_up_to_an_index(void)
{
    struct pool pool;
    struct slab s;
    pool_init(&pool);
    slab_init(&s, 8);
    slab_use_pool(&s, &pool);
    CU_ASSERT_TRUE_FATAL(slab_reach(&s, 100000));
    CU_ASSERT_EQUAL(s.top, 100001);
    CU_ASSERT_EQUAL(s.count, 100000);
    for (uint32_t i = 1; i <= 100000; i++)
        CU_ASSERT_EQUAL_FATAL(*(uint64_t *)slab_at(&s, i), 0);
    CU_ASSERT_TRUE(slab_reach(&s, 7)); /* it is */
    CU_ASSERT_EQUAL(s.top, 100001);
    alloc_fail_at(1);
    CU_ASSERT_FALSE(slab_reach(&s, 10000000));
    CU_ASSERT_TRUE(alloc_end());
    CU_ASSERT_EQUAL(s.top, 100001);
    CU_ASSERT_EQUAL(s.count, 100000);
    slab_fini(&s);
    pool_fini(&pool);
}

CU_MAIN("slab", CU_CASE(test_index_zero_is_never_given_out),
        CU_CASE(test_the_newest_freed_record_comes_back_first_and_is_zero),
        CU_CASE(test_records_do_not_move_when_blocks_are_added),
        CU_CASE(test_live_records_never_share_an_index),
        CU_CASE(test_blocks_of_a_pool_are_as_good_and_go_back_to_it),
        CU_CASE(test_a_small_table_takes_nothing_of_its_pool),
        CU_CASE(test_records_beside_another_table_are_there_up_to_an_index),
        CU_CASE(test_without_memory_zero_is_returned_and_nothing_is_lost))
