#include "bgp/base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

static void test_what_was_allocated_is_aligned_and_apart(void)
{
    struct random random = random_new("arena");
    struct arena a = { 0 };
    struct piece {
        unsigned char *at;
        size_t len;
    } pieces[300];
    for (unsigned i = 0; i < 300; i++) {
        struct piece *p = &pieces[i];
        p->len = random_below(&random, i % 10 ? 200 : 20000);
        p->at = arena_alloc(&a, p->len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p->at);
        CU_ASSERT_EQUAL((uintptr_t)p->at % alignof(max_align_t), 0);
        memset(p->at, (int)(i & 0xff), p->len);
    }
    for (unsigned i = 0; i < 300; i++)
        for (size_t at = 0; at < pieces[i].len; at++)
            if (pieces[i].at[at] != (i & 0xff))
                CU_FAIL_FATAL("a piece was overwritten by another");
    arena_fini(&a);
}

static void test_the_last_byte_of_a_chunk_is_given_out_and_one_more_is_not(void)
{
    struct arena a = { 0 };
    unsigned char *first = arena_alloc(&a, 1024);
    unsigned char *rest = arena_alloc(&a, 15 * 1024); /* exactly fills the first chunk of 16 KiB */
    CU_ASSERT_PTR_EQUAL(rest, first + 1024);
    memset(rest, 1, 15 * 1024);
    unsigned char *beyond = arena_alloc(&a, 1);
    CU_ASSERT_PTR_NOT_NULL(beyond);
    CU_ASSERT(beyond < first || beyond >= first + 16 * 1024);
    arena_fini(&a);
}

static void test_a_warm_arena_allocates_nothing(void)
{
    struct arena a = { 0 };
    for (int i = 0; i < 40; i++)
        CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1000));
    arena_reset(&a);
    alloc_fail_at(1);
    for (int i = 0; i < 30; i++)
        CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1000));
    CU_ASSERT_FALSE(alloc_end());
    arena_fini(&a);
}

static void test_reset_gives_the_same_memory_again(void)
{
    struct arena a = { 0 };
    void *first = arena_alloc(&a, 10);
    arena_reset(&a);
    CU_ASSERT_PTR_EQUAL(arena_alloc(&a, 10), first);
    arena_fini(&a);
    CU_ASSERT_PTR_NULL(a.chunk);
    arena_reset(&a); /* an empty one, too */
    arena_fini(&a);
}

static void test_when_memory_ends_what_was_given_stays_valid(void)
{
    struct arena a = { 0 };
    CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX));
    CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX / 2 + 1));
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        alloc_fail_at(nth);
        char *small = arena_alloc(&a, 100);
        if (small)
            memset(small, 7, 100);
        char *large = arena_alloc(&a, 100000);
        if (large)
            memset(large, 8, 100000);
        failed = alloc_end();
        CU_ASSERT(failed == (!small || !large));
        if (small)
            CU_ASSERT_EQUAL(small[99], 7);
        arena_fini(&a);
    }
}

CU_MAIN("arena", CU_CASE(test_what_was_allocated_is_aligned_and_apart),
        CU_CASE(test_the_last_byte_of_a_chunk_is_given_out_and_one_more_is_not),
        CU_CASE(test_a_warm_arena_allocates_nothing), CU_CASE(test_reset_gives_the_same_memory_again),
        CU_CASE(test_when_memory_ends_what_was_given_stays_valid))
