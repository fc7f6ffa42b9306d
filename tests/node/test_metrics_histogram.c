#include "node/api/metrics_text.h"

#include <stdlib.h>

#include "tests/lib/cu.h"

static const struct histogram_bounds bounds = { .per_second = 1000, .count = 2, .at = { 1, 2500 } };
static const struct histogram some = { .bounds = &bounds, .counts = { 3, 1, 2 }, .sum = 90005 };

static void prints(const struct metrics_pair *labels, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        abort();
    metrics_histogram(f, "tandem_x_seconds", labels, &some);
    fclose(f);
    CU_ASSERT_STRING_EQUAL(text, expected);
    free(text);
}

static void test_each_bucket_counts_those_below_it_and_the_last_one_all(void)
{
    prints(NULL, "tandem_x_seconds_bucket{le=\"0.001\"} 3\n"
                 "tandem_x_seconds_bucket{le=\"2.5\"} 4\n"
                 "tandem_x_seconds_bucket{le=\"+Inf\"} 6\n"
                 "tandem_x_seconds_sum 90.005\n"
                 "tandem_x_seconds_count 6\n");
}

static void test_labels_stand_before_the_bound(void)
{
    const struct metrics_pair labels[] = { { "target", "a\"b" }, { "result", "ok" }, { NULL, NULL } };
    prints(labels, "tandem_x_seconds_bucket{target=\"a\\\"b\",result=\"ok\",le=\"0.001\"} 3\n"
                   "tandem_x_seconds_bucket{target=\"a\\\"b\",result=\"ok\",le=\"2.5\"} 4\n"
                   "tandem_x_seconds_bucket{target=\"a\\\"b\",result=\"ok\",le=\"+Inf\"} 6\n"
                   "tandem_x_seconds_sum{target=\"a\\\"b\",result=\"ok\"} 90.005\n"
                   "tandem_x_seconds_count{target=\"a\\\"b\",result=\"ok\"} 6\n");
}

CU_MAIN("metrics_histogram", CU_CASE(test_each_bucket_counts_those_below_it_and_the_last_one_all),
        CU_CASE(test_labels_stand_before_the_bound))
