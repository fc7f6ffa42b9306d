#include "node/io/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config/config.h"
#include "tests/lib/cu.h"

static FILE *out;

static struct log *open_log(int format)
{
    unsetenv("JOURNAL_STREAM");
    out = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    struct log *l = log_new(out, LOG_INFO_, format, "rs-a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    return l;
}

static void close_log(struct log *l)
{
    log_free(l);
    fclose(out);
}

/* How many lines that were written hold these words. */
static unsigned lines_with(const char *words)
{
    char line[1200];
    unsigned count = 0;
    rewind(out);
    while (fgets(line, sizeof line, out))
        count += strstr(line, words) != NULL;
    return count;
}

static void test_an_event_is_one_line_in_each_format(void)
{
    struct log *l = open_log(CONFIG_LOG_PLAIN);
    log_event(l, LOG_WARN_, "peer_down", "peer=fw", "code=%d text=\"%s\"", 6, "two\nlines");
    CU_ASSERT_EQUAL(lines_with(" warn  peer_down peer=fw code=6 text=\"two?lines\"\n"), 1);
    close_log(l);
    l = open_log(CONFIG_LOG_LOGFMT);
    log_event(l, LOG_WARN_, "peer_down", "peer=fw", "code=%d", 6);
    CU_ASSERT_EQUAL(lines_with(" level=warn event=peer_down node=rs-a peer=fw code=6\n"), 1);
    close_log(l);
    l = open_log(CONFIG_LOG_JSON);
    log_event(l, LOG_WARN_, "peer_down", "peer=fw", "text=\"a \\\"b\\\"\"");
    CU_ASSERT_EQUAL(lines_with("\"event\":\"peer_down\",\"node\":\"rs-a\",\"peer\":\"fw\",\"text\":"), 1);
    close_log(l);
}

static void test_what_is_below_the_level_is_not_written(void)
{
    struct log *l = open_log(CONFIG_LOG_PLAIN);
    log_event(l, LOG_DEBUG_, "detail", NULL, NULL);
    CU_ASSERT_EQUAL(lines_with("detail"), 0);
    close_log(l);
}

/* The minute may change within a test: twice the allowance is the most that can be seen. */
static void test_one_that_repeats_is_written_ten_times_a_minute(void)
{
    struct log *l = open_log(CONFIG_LOG_PLAIN);
    for (int i = 0; i < 1000; i++)
        log_event(l, LOG_INFO_, "peer_state", "peer=fw", NULL);
    log_event(l, LOG_INFO_, "peer_state", "peer=other", NULL);
    CU_ASSERT(lines_with("peer=fw") >= 10 && lines_with("peer=fw") <= 21);
    CU_ASSERT_EQUAL(lines_with("peer=other"), 1);
    close_log(l);
}

/* A table of places that forgot them would write every line again. */
static void test_a_thousand_that_repeat_are_each_counted(void)
{
    enum { PEERS = 1000, ROUNDS = 40 };
    static const char *const events[] = { "peer_state", "peer_down", "peer_synced" };
    struct log *l = open_log(CONFIG_LOG_PLAIN);
    for (int i = 0; i < PEERS * ROUNDS; i++)
        for (size_t e = 0; e < sizeof events / sizeof *events; e++) {
            char subject[32];
            snprintf(subject, sizeof subject, "peer=nva-%d.", i % PEERS);
            log_event(l, LOG_INFO_, events[e], subject, NULL);
        }
    unsigned all = PEERS * ROUNDS * 3, allowed = PEERS * 10 * 3;
    CU_ASSERT(lines_with("peer=nva-") >= allowed);
    CU_ASSERT(lines_with("peer=nva-") < all * 3 / 4);
    close_log(l);
}

/* An alarm ends whoever waits after all. */
static void test_nobody_waits_for_a_reader_that_has_stopped(void)
{
    int ends[2];
    char text[65536] = "", subject[32];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    FILE *to = fdopen(ends[1], "w");
    struct log *l = log_new(to, LOG_INFO_, CONFIG_LOG_PLAIN, "rs-a");
    alarm(20);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(subject, sizeof subject, "peer=nva-%u", i);
        log_event(l, LOG_INFO_, "peer_state", subject, "from=Idle to=Active reason=\"started\"");
    }
    alarm(0);
    CU_ASSERT(read(ends[0], text, sizeof text - 1) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "peer=nva-0 "));
    CU_ASSERT_PTR_NULL(strstr(text, "peer=nva-199 "));
    log_event(l, LOG_INFO_, "peer_state", "peer=later", NULL);
    memset(text, 0, sizeof text);
    CU_ASSERT(read(ends[0], text, sizeof text - 1) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " lines_lost count=1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " peer=later"));
    log_free(l);
    fclose(to);
    close(ends[0]);
}

static void test_a_quoted_text_stays_one_value(void)
{
    char buf[32];
    CU_ASSERT_STRING_EQUAL(log_quote("say \"hi\"\n", buf, sizeof buf), "\"say \\\"hi\\\"\\x0a\"");
    CU_ASSERT_STRING_EQUAL(log_quote("0123456789012345678901234567890", buf, sizeof buf),
                           "\"01234567890123456789012\xe2\x80\xa6\"");
}

CU_MAIN("log", CU_CASE(test_an_event_is_one_line_in_each_format),
        CU_CASE(test_what_is_below_the_level_is_not_written),
        CU_CASE(test_one_that_repeats_is_written_ten_times_a_minute),
        CU_CASE(test_a_thousand_that_repeat_are_each_counted),
        CU_CASE(test_nobody_waits_for_a_reader_that_has_stopped),
        CU_CASE(test_a_quoted_text_stays_one_value))
