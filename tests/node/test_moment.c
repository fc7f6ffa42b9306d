#include "node/api/moment.h"

#include "tests/lib/cu.h"

static const uint64_t now_ms = 1795742196394; /* 2026-11-27T01:16:36.394Z */

static uint64_t parsed(const char *text)
{
    uint64_t at_ms = UINT64_MAX;
    CU_ASSERT_TRUE(moment_parse(text, now_ms, &at_ms));
    return at_ms;
}

static void test_a_time_ago_is_counted_from_now(void)
{
    CU_ASSERT_EQUAL(parsed("90s"), now_ms - 90000);
    CU_ASSERT_EQUAL(parsed("10m"), now_ms - 600000);
    CU_ASSERT_EQUAL(parsed("2h"), now_ms - 7200000);
    CU_ASSERT_EQUAL(parsed("3d"), now_ms - 259200000);
    CU_ASSERT_EQUAL(parsed("0s"), now_ms);
    CU_ASSERT_EQUAL(parsed("999999999d"), 0);
}

static void test_a_date_is_in_utc_and_may_leave_out_its_end(void)
{
    CU_ASSERT_EQUAL(parsed("1970-01-02"), 86400000);
    CU_ASSERT_EQUAL(parsed("2026-11-27"), now_ms - 4596394);
    CU_ASSERT_EQUAL(parsed("2026-11-27T01:16"), now_ms - 36394);
    CU_ASSERT_EQUAL(parsed("2026-11-27 01:16:36"), now_ms - 394);
    CU_ASSERT_EQUAL(parsed("2026-11-27T01:16:36.394Z"), now_ms);
    CU_ASSERT_EQUAL(parsed("2026-11-27T01:16:36.3941Z"), now_ms);
    CU_ASSERT_EQUAL(parsed("2026-11-27T01:16Z"), now_ms - 36394);
}

static void test_anything_else_is_refused_and_changes_nothing(void)
{
    static const char *const wrong[] = { "",           "m",          "10",         "10x",  "10mm",  "-10m", "1.5h", "1000000000s",
                                         "yesterday",  "2026-02-31", "2026-13-01", "2026", "01:16", "2026-11-27T",
                                         "2026-11-27T25:00", "2026-11-27T01:16:36.", "2026-11-27T01:16+01:00", "1969-12-31" };
    uint64_t at_ms = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT_FALSE(moment_parse(wrong[i], now_ms, &at_ms));
    CU_ASSERT_EQUAL(at_ms, 7);
}

CU_MAIN("moment", CU_CASE(test_a_time_ago_is_counted_from_now), CU_CASE(test_a_date_is_in_utc_and_may_leave_out_its_end),
        CU_CASE(test_anything_else_is_refused_and_changes_nothing))
