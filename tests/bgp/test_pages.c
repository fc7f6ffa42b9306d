#include "bgp/base/pages.h"

#include <stdint.h>

#include "tests/lib/cu.h"

static void test_pages_are_zero_aligned_and_all_there(void)
{
    static const size_t sizes[] = { 1, PAGES_MIN, PAGES_MIN + 1, 5 * (size_t)PAGES_MIN };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t bytes = sizes[i];
        unsigned char *p = pages_new(&bytes, i % 2);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT(bytes >= sizes[i] && bytes < sizes[i] + 4096);
        CU_ASSERT_EQUAL((uintptr_t)p % PAGES_MIN, 0);
        for (size_t at = 0; at < bytes; at += 4096) {
            CU_ASSERT_EQUAL_FATAL(p[at], 0);
            p[at] = 1;
        }
        CU_ASSERT_EQUAL(p[bytes - 1], 0);
        pages_free(p, bytes);
    }
}

static void test_what_is_dropped_is_whole_and_zero_again(void)
{
    size_t bytes = 3 * (size_t)PAGES_MIN;
    unsigned char *p = pages_new(&bytes, false);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (size_t at = 0; at < bytes; at += 4096)
        p[at] = 1;
    pages_drop(p, 4096, 2 * (size_t)PAGES_MIN + 4096); /* only the second is whole */
    for (size_t at = 0; at < bytes; at += 4096)
        CU_ASSERT_EQUAL_FATAL(p[at], at / PAGES_MIN != 1);
    pages_free(p, bytes);
}

static void test_more_than_there_can_be_is_refused(void)
{
    size_t impossible = SIZE_MAX - 100, vast = (size_t)1 << 60;
    CU_ASSERT_PTR_NULL(pages_new(&impossible, true));
    CU_ASSERT_PTR_NULL(pages_new(&vast, true));
    pages_free(NULL, 0);
}

CU_MAIN("pages", CU_CASE(test_pages_are_zero_aligned_and_all_there),
        CU_CASE(test_what_is_dropped_is_whole_and_zero_again),
        CU_CASE(test_more_than_there_can_be_is_refused))
