/* What NVAs say, as MRT records: read back as words. S3>4 a change of state, M1 a message by its type; in
 * front of a message of a two-octet session stands a 2. */
#include <stdio.h>

#include "bgp/base/wire.h"
#include "tests/lib/core_lab.h"

enum { WALL_MS = 1700000000, TEXT = 4096 };

static struct lab *lab_recording(bool is_wanted)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = load("");
    if (is_wanted) {
        l->config->mrt_directory = strdup("/nowhere");
        l->config->mrt_updates_ms = 1000;
    }
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1, .wall_ms = WALL_MS + 7 }, l->now);
    return l;
}

static void note(char *text, const uint8_t *record, size_t len)
{
    const uint8_t *end = record + len;
    size_t used = strlen(text);
    uint16_t subtype = wire_get16(record + 6);
    CU_ASSERT_EQUAL(wire_get16(record + 4), 17); /* BGP4MP_ET */
    CU_ASSERT_EQUAL(wire_get32(record), WALL_MS / 1000);
    CU_ASSERT_EQUAL(wire_get32(record + 12), 7000);
    if (subtype == 5)
        snprintf(text + used, TEXT - used, " S%u>%u", wire_get16(end - 4), wire_get16(end - 2));
    else if (subtype == 4)
        snprintf(text + used, TEXT - used, " M%u", record[16 + 20 + 18]);
    else
        snprintf(text + used, TEXT - used, " 2M%u", record[16 + 16 + 18]);
}

static uint64_t expect(struct lab *l, const char *wanted)
{
    const uint8_t *records;
    size_t len;
    uint64_t lost;
    char text[TEXT] = "";
    core_take_records(l->core, &records, &len, &lost);
    for (size_t at = 0, n; at < len; at += n) {
        n = 12 + wire_get32(records + at + 8);
        CU_ASSERT_TRUE_FATAL(n <= len - at);
        note(text, records + at, n);
    }
    CU_ASSERT_STRING_EQUAL(text, wanted);
    return lost;
}

static void test_what_is_said_is_recorded_in_its_order(void)
{
    struct lab *l = lab_recording(true);
    expect(l, " S1>3 S1>3"); /* both peers are waited for */
    come_up(l, TALKER, OPEN("fde9", "02"));
    expect(l, " S3>4 M1 S4>5 M4 S5>6");
    say(l, TALKER, ROUTE END_OF_RIB);
    expect(l, " 2M2 2M2");
    say(l, TALKER, HEADER("0015", "03") "06 02");
    expect(l, " 2M3 S6>3");
    lab_close(l);
}

static void test_a_message_is_recorded_once_however_it_comes(void)
{
    struct lab *l = lab_recording(true);
    come_up(l, TALKER, OPEN("fde9", "02"));
    expect(l, " S1>3 S1>3 S3>4 M1 S4>5 M4 S5>6");
    say(l, TALKER, "ffffffffffffffff ffffffffffffffff 00");
    expect(l, "");
    say(l, TALKER, "17 02 0000");
    expect(l, "");
    say(l, TALKER, "0000");
    expect(l, " 2M2");
    lab_close(l);
}

static void test_without_a_reader_records_are_lost_and_counted(void)
{
    struct lab *l = lab_recording(true);
    const uint8_t *records;
    size_t len;
    uint64_t lost;
    come_up(l, TALKER, OPEN("fde9", "02"));
    for (int i = 0; i < 8000; i++)
        say(l, TALKER, ROUTE);
    CU_ASSERT_TRUE(core_take_records(l->core, &records, &len, &lost));
    CU_ASSERT(len <= 512 * 1024 && len > 500 * 1024 && lost > 0);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_EQUAL(expect(l, " 2M2"), lost);
    lab_close(l);
}

static void test_nothing_is_recorded_where_nobody_asked(void)
{
    struct lab *l = lab_recording(false);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_EQUAL(expect(l, ""), 0);
    lab_close(l);
}

CU_MAIN("core tap", CU_CASE(test_what_is_said_is_recorded_in_its_order),
        CU_CASE(test_a_message_is_recorded_once_however_it_comes),
        CU_CASE(test_without_a_reader_records_are_lost_and_counted),
        CU_CASE(test_nothing_is_recorded_where_nobody_asked))
