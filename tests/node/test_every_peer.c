/* What is said of every NVA is made while it is sent, a little at a time. */
#include "node/api/every_peer.h"

#include <stdlib.h>

#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

/* The whole of an answer, read so much at a time, and how often. */
static char *said(const char *path, bool is_open, size_t step, unsigned *reads)
{
    enum { MOST = 1 << 20 };
    struct core *core = fake_core();
    struct api_view v = { .core = core, .config = &core->config, .self = 1, .now_ms = 100000, .wall_ms = 200000 };
    struct api_request q = { .path = path, .wants_openmetrics = is_open };
    struct api_reply reply = { 0 };
    char *text = calloc(1, MOST);
    size_t len = 0, got = 1;
    api_answer(&v, &q, &reply);
    CU_ASSERT_EQUAL(reply.status, 200);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply.reader);
    for (*reads = 0; got && len + step < MOST; len += got, ++*reads)
        got = reply.reader->read(reply.reader, &v, text + len, step);
    CU_ASSERT_EQUAL(got, 0);
    reply.reader->end(reply.reader);
    fake_core_free(core);
    return text;
}

static void test_it_is_the_same_however_little_is_read_at_a_time(void)
{
    static const struct {
        const char *path;
        bool is_open;
    } answers[] = { { "/metrics", false },
                    { "/metrics", true },
                    { "/v1/peers", false },
                    { "/lg/birdwatcher/protocols/bgp", false },
                    { "/lg/birdwatcher/protocols/short", false },
                    { "/lg/bgplgd/neighbors", false },
                    { "/lg/bgplgd/summary", false } };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        unsigned few, many;
        char *whole = said(answers[i].path, answers[i].is_open, 1 << 19, &few);
        char *parts = said(answers[i].path, answers[i].is_open, 7, &many);
        if (answers[i].path[1] != 'm')
            CU_ASSERT_STRING_EQUAL(whole, parts); /* metrics tell of the process, too */
        CU_ASSERT_TRUE(many > few);
        CU_ASSERT_PTR_NOT_NULL(strstr(parts, "sdwan"));
        free(whole);
        free(parts);
    }
}

static void test_every_line_of_metrics_is_one_and_each_family_stands_together(void)
{
    static const char *const ends[] = { "\n", "# EOF\n" };
    for (int is_open = 0; is_open < 2; is_open++) {
        unsigned reads;
        char *text = said("/metrics", is_open, 100, &reads), *at = text;
        CU_ASSERT_PTR_NULL(strstr(text, "\n\n")); /* OpenMetrics knows no empty lines */
        CU_ASSERT_STRING_EQUAL(text + strlen(text) - strlen(ends[is_open]), ends[is_open]);
        for (unsigned families = 0; (at = strstr(at, "# TYPE ")); families++, at++) {
            char name[128];
            CU_ASSERT_EQUAL_FATAL(sscanf(at, "# TYPE %127s", name), 1);
            char again[sizeof name + 16];
            snprintf(again, sizeof again, "# TYPE %s ", name);
            CU_ASSERT_PTR_NULL(strstr(at + 1, again));
        }
        free(text);
    }
}

CU_MAIN("every peer", CU_CASE(test_it_is_the_same_however_little_is_read_at_a_time),
        CU_CASE(test_every_line_of_metrics_is_one_and_each_family_stands_together))
