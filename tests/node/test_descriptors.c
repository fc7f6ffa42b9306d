#include "node/loop/descriptors.h"

#include <string.h>
#include <sys/resource.h>

#include "tests/lib/cu.h"

static char said[256];

/* The hard limit only goes down: cases are in that order. */
static bool shares(unsigned limit, struct descriptors *d)
{
    const struct rlimit hard = { .rlim_cur = limit / 2, .rlim_max = limit };
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &hard), 0);
    memset(said, 0, sizeof said);
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    bool ok = descriptors_share(d, out);
    fclose(out);
    return ok;
}

static void test_the_limit_is_raised_and_shared_out(void)
{
    struct descriptors d;
    struct rlimit is;
    CU_ASSERT_TRUE(shares(1024, &d));
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &is), 0);
    CU_ASSERT_EQUAL(is.rlim_cur, 1024);
    CU_ASSERT_EQUAL(d.limit, 1024);
    CU_ASSERT_EQUAL(d.readers, 256);
    CU_ASSERT_TRUE(d.connections + d.readers < d.limit);
    CU_ASSERT_STRING_EQUAL(said, "");
}

static void test_too_few_to_work_with_are_told(void)
{
    struct descriptors d;
    CU_ASSERT_TRUE(shares(256, &d));
    CU_ASSERT_TRUE(d.connections >= 128);
    CU_ASSERT_FALSE(shares(255, &d));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(said, "255 files may be open at once, a node needs 256: raise LimitNOFILE"));
}

/* Peers of this node twice, as two may have dialled each other, and BFD's socket; those of other nodes and disabled
 * ones not. */
static void test_what_is_configured_is_counted(void)
{
    struct config_peer peers[] = { { .nodes = 1u << 1 | 1u << 2, .bfd = { .enabled = true } },
                                   { .nodes = 1u << 2 },
                                   { .nodes = 1u << 1, .disabled = true },
                                   { .nodes = 1u << 1, .is_range = true, .max_peers = 100 } };
    struct config c = { .peers = peers, .peer_count = 4, .node_count = 2, .station_count = 3 };
    CU_ASSERT_EQUAL(descriptors_wanted(&c, 1, 50), 50 + 3 + 2 * 2 + 3 * 1 + 2 * 100);
}

CU_MAIN("descriptors", CU_CASE(test_the_limit_is_raised_and_shared_out),
        CU_CASE(test_too_few_to_work_with_are_told), CU_CASE(test_what_is_configured_is_counted))
