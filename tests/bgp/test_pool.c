#include "bgp/base/pool.h"

#include <stdint.h>
#include <string.h>

#include "bgp/base/pages.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

struct block {
    unsigned char *at;
    size_t bytes;
    unsigned char filled_with;
};

static void take(struct pool *p, struct block *b, size_t bytes, uint32_t seed)
{
    *b = (struct block){ .at = pool_new(p, bytes),
                         .bytes = bytes,
                         .filled_with = (unsigned char)(1 + seed % 255) };
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->at);
    CU_ASSERT_EQUAL_FATAL((uintptr_t)b->at % 4096, 0);
    for (size_t i = 0; i < bytes; i++)
        if (b->at[i])
            CU_FAIL_FATAL("a block is not zero");
    memset(b->at, b->filled_with, bytes);
}

static void give_back(struct pool *p, struct block *b)
{
    for (size_t i = 0; i < b->bytes; i++)
        if (b->at[i] != b->filled_with)
            CU_FAIL_FATAL("somebody else wrote into a block");
    pool_free(p, b->at, b->bytes);
    b->at = NULL;
}

static void test_blocks_are_zero_and_nobody_elses_whatever_came_and_went(void)
{
    enum { BLOCKS = 150, STEPS = 4000 };
    static struct block blocks[BLOCKS];
    struct random random = random_new("pool");
    struct pool p;
    size_t held = 0;
    pool_init(&p);
    for (uint32_t step = 0; step < STEPS; step++) {
        struct block *b = &blocks[random_below(&random, BLOCKS)];
        if (b->at) {
            held -= b->bytes;
            give_back(&p, b);
        } else {
            take(&p, b, 1 + random_below(&random, POOL_BLOCK_MAX), step);
            held += b->bytes;
        }
        CU_ASSERT_FATAL(p.bytes >= held && p.bytes % PAGES_MIN == 0);
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        if (blocks[i].at)
            give_back(&p, &blocks[i]);
    CU_ASSERT_EQUAL(p.bytes, 0);
    pool_fini(&p);
}

static void test_a_page_is_filled_before_the_next_one_is_taken(void)
{
    enum { FIT = PAGES_MIN / POOL_BLOCK_MAX - 1 }; /* the page's head takes the place of one */
    struct block blocks[2 * FIT];
    struct pool p;
    pool_init(&p);
    for (uint32_t i = 0; i < 2 * FIT; i++) {
        take(&p, &blocks[i], POOL_BLOCK_MAX, i);
        CU_ASSERT_EQUAL(p.bytes, (i < FIT ? 1 : 2) * (size_t)PAGES_MIN);
    }
    give_back(&p, &blocks[3]); /* room in the page that was full */
    take(&p, &blocks[3], POOL_BLOCK_MAX, 3);
    CU_ASSERT_EQUAL(p.bytes, 2 * (size_t)PAGES_MIN);
    for (uint32_t i = 0; i < FIT; i++)
        give_back(&p, &blocks[i]);
    CU_ASSERT_EQUAL(p.bytes, PAGES_MIN); /* the first is the system's again */
    for (uint32_t i = FIT; i < 2 * FIT; i++)
        give_back(&p, &blocks[i]);
    pool_fini(&p);
}

CU_MAIN("pool", CU_CASE(test_blocks_are_zero_and_nobody_elses_whatever_came_and_went),
        CU_CASE(test_a_page_is_filled_before_the_next_one_is_taken))
