#include "bgp/codec/notification.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/session_bench.h"

enum { THEIRS = BGP_SLOT_THEIRS };

static struct bgp_fault cease(uint8_t subcode)
{
    return (struct bgp_fault){ .code = BGP_CEASE, .subcode = subcode };
}

/* ---- RFC 8538 ---- */

static void test_what_ends_a_session_for_long_is_final(void)
{
    static const bool final[12] = { [1] = true, [2] = true, [3] = true, [9] = true };
    for (uint8_t subcode = 0; subcode < 12; subcode++) {
        struct bgp_fault f = cease(subcode);
        CU_ASSERT_EQUAL(bgp_notification_is_final(&f), final[subcode]);
        f.code = BGP_UPDATE_ERROR;
        CU_ASSERT_FALSE(bgp_notification_is_final(&f));
    }
    struct bgp_fault f = cease(255);
    CU_ASSERT_FALSE(bgp_notification_is_final(&f));
}

/* ---- the message ---- */

/* As it is read again from what was written into this much room; of_len tells how long that was. */
static struct bgp_fault written(const struct bgp_fault *f, size_t cap, size_t *of_len)
{
    static uint8_t buf[BGP_MESSAGE_MAX_EXTENDED + 1];
    struct bgp_message m;
    struct bgp_fault unused;
    memset(buf, 0xee, sizeof buf);
    *of_len = bgp_notification_write(buf, cap, f);
    CU_ASSERT_EQUAL_FATAL(bgp_message_scan(buf, *of_len, cap, &m, &unused), (int)*of_len);
    CU_ASSERT_EQUAL(buf[*of_len], 0xee);
    CU_ASSERT_EQUAL(m.type, BGP_NOTIFICATION);
    return bgp_notification_read(&m);
}

static void test_a_notification_holds_code_subcode_and_data(void)
{
    size_t len;
    const struct bgp_fault f = { .code = 3, .subcode = 5, .data_len = 2, .data = (const uint8_t *)"\7\10" };
    struct bgp_fault again = written(&f, BGP_MESSAGE_MAX, &len);
    CU_ASSERT_EQUAL(len, 23);
    CU_ASSERT_TRUE(again.code == 3 && again.subcode == 5 && !again.is_hard && again.data_len == 2);
    CU_ASSERT_EQUAL(memcmp(again.data, "\7\10", 2), 0);
}

static void test_a_hard_reset_holds_the_same_within_its_own_data(void)
{
    size_t len;
    uint8_t buf[64];
    const struct bgp_fault f = {
        .code = 3, .subcode = 5, .is_hard = true, .data_len = 2, .data = (const uint8_t *)"\7\10"
    };
    struct bgp_fault again = written(&f, BGP_MESSAGE_MAX, &len);
    CU_ASSERT_TRUE(again.code == 3 && again.subcode == 5 && again.is_hard && again.data_len == 2);
    CU_ASSERT_EQUAL(memcmp(again.data, "\7\10", 2), 0);
    CU_ASSERT_EQUAL(bgp_notification_write(buf, sizeof buf, &f), 25);
    CU_ASSERT_EQUAL(memcmp(buf + BGP_HEADER, "\6\11\3\5\7\10", 6), 0); /* RFC 8538 section 3.1 */
}

/* RFC 8654 section 4: the limit counts for NOTIFICATIONs, too. */
static void test_data_that_the_peer_would_not_take_are_cut(void)
{
    static const uint8_t data[UINT16_MAX];
    static const struct {
        size_t cap, data_len;
        bool is_hard;
        size_t carried;
    } cases[] = {
        { BGP_MESSAGE_MAX, 4075, false, 4075 },  { BGP_MESSAGE_MAX, 4076, false, 4075 },
        { BGP_MESSAGE_MAX, 4073, true, 4073 },   { BGP_MESSAGE_MAX, 4074, true, 4073 },
        { BGP_MESSAGE_MAX, 65535, false, 4075 }, { BGP_MESSAGE_MAX_EXTENDED, 65514, false, 65514 },
        { BGP_MESSAGE_MAX_EXTENDED, 65535, false, 65514 }, { BGP_MESSAGE_MAX_EXTENDED, 65535, true, 65512 },
        { 21, 100, false, 0 },                   { 23, 100, true, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len;
        const struct bgp_fault f = { .code = BGP_UPDATE_ERROR,
                                     .is_hard = cases[i].is_hard,
                                     .data_len = (uint16_t)cases[i].data_len,
                                     .data = data };
        CU_ASSERT_EQUAL(written(&f, cases[i].cap, &len).data_len, cases[i].carried);
        CU_ASSERT_TRUE(len <= cases[i].cap);
    }
}

static void test_without_room_for_the_codes_nothing_is_written(void)
{
    uint8_t buf[BGP_HEADER + 4];
    struct bgp_fault f = cease(BGP_ADMIN_RESET);
    for (size_t cap = 0; cap < BGP_HEADER + 2; cap++)
        CU_ASSERT_EQUAL(bgp_notification_write(buf, cap, &f), 0);
    f.is_hard = true;
    CU_ASSERT_EQUAL(bgp_notification_write(buf, BGP_HEADER + 3, &f), 0);
}

static void test_a_hard_reset_without_a_reason_stays_one(void)
{
    static const struct {
        uint16_t len;
        uint8_t body[4];
    } cases[] = { { 2, { 6, 9 } }, { 3, { 6, 9, 6 } }, { 4, { 6, 9, 0, 2 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bgp_message m = { .type = BGP_NOTIFICATION, .body_len = cases[i].len, .body = cases[i].body };
        struct bgp_fault f = bgp_notification_read(&m);
        CU_ASSERT_TRUE(f.is_hard && f.subcode == BGP_HARD_RESET && f.data_len == cases[i].len - 2);
    }
}

static void test_the_longest_words_fit_a_hard_reset(void)
{
    char text[BGP_NOTIFICATION_TEXT + 1], back[BGP_NOTIFICATION_TEXT + 1];
    uint8_t words[BGP_NOTIFICATION_WORDS];
    size_t len;
    struct bgp_fault f = cease(BGP_ADMIN_SHUTDOWN);
    memset(text, 'x', sizeof text);
    text[BGP_NOTIFICATION_TEXT] = 0;
    bgp_notification_say(&f, text, words);
    f.is_hard = true;
    f = written(&f, BGP_MESSAGE_MAX, &len);
    CU_ASSERT_EQUAL(len, BGP_HEADER + 2 + 2 + 1 + 255);
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), text);
}

/* ---- RFC 9003 ---- */

static void test_too_many_prefixes_are_told_with_their_family_and_bound(void)
{
    uint8_t data[BGP_MAX_PREFIXES_DATA];
    struct bgp_fault f = bgp_notification_max_prefixes(BGP_IP6, 100000, data);
    CU_ASSERT_TRUE(f.code == BGP_CEASE && f.subcode == BGP_MAX_PREFIXES);
    CU_ASSERT_TRUE(f.data_len == 7 && memcmp(f.data, "\0\2\1\0\1\x86\xa0", 7) == 0);
}

static void test_words_stand_behind_their_length(void)
{
    char back[BGP_NOTIFICATION_TEXT + 1];
    uint8_t words[BGP_NOTIFICATION_WORDS];
    static const uint8_t with_words[] = { BGP_ADMIN_SHUTDOWN, BGP_ADMIN_RESET };
    for (int i = 0; i < 2; i++) {
        struct bgp_fault f = cease(with_words[i]);
        bgp_notification_say(&f, "hi", words);
        CU_ASSERT_EQUAL(f.data_len, 3);
        CU_ASSERT_EQUAL(memcmp(f.data, "\2hi", 3), 0);
        CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), "hi");
    }
}

static void test_other_ceases_have_no_room_for_words(void)
{
    char back[BGP_NOTIFICATION_TEXT + 1];
    uint8_t data[BGP_NOTIFICATION_WORDS];
    struct bgp_fault f = cease(BGP_PEER_DECONFIGURED);
    bgp_notification_say(&f, "hi", data);
    CU_ASSERT_EQUAL(f.data_len, 0);
    f = bgp_notification_max_prefixes(BGP_IP4, 1, data);
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), "");
}

static void test_words_are_cut_between_characters(void)
{
    char text[BGP_NOTIFICATION_TEXT + 4], back[BGP_NOTIFICATION_TEXT + 1];
    uint8_t words[BGP_NOTIFICATION_WORDS];
    for (size_t lead = 253; lead <= 255; lead++) {
        struct bgp_fault f = cease(BGP_ADMIN_RESET);
        memset(text, 'x', lead);
        strcpy(text + lead, "\xe2\x82\xac"); /* three octets */
        bgp_notification_say(&f, text, words);
        CU_ASSERT_EQUAL(f.data[0], lead);
        CU_ASSERT_EQUAL(strlen(bgp_notification_text(&f, back)), lead);
    }
}

static void test_words_that_are_shorter_than_they_say_are_none(void)
{
    char back[BGP_NOTIFICATION_TEXT + 1];
    struct bgp_fault f = cease(BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), "");
    f.data_len = 3;
    f.data = (const uint8_t *)"\3hi";
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), "");
    f.data = (const uint8_t *)"\2h\n";
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&f, back), "h ");
}

/* ---- what a session says ---- */

/* Graceful restart of 120 s without families, with these flags. */
#define GRACEFUL_OPEN(flags) HEADER("0023", "01") "04 fde9 005a 0a000002 06 02 04 40 02" flags

static struct bench *bench_with(const char *open)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_feed(b, THEIRS, open);
    bench_feed(b, THEIRS, KEEPALIVE);
    assert(bgp_session_state(b->s) == BGP_ESTABLISHED);
    bench_flush(b);
    return b;
}

static void test_a_final_end_is_a_hard_reset_for_who_knows_it(void)
{
    static const struct {
        uint8_t subcode;
        const char *plain, *known;
    } cases[] = {
        { BGP_MAX_PREFIXES, NOTIFICATION("06", "01"), HEADER("0017", "03") "06 09 06 01" },
        { BGP_ADMIN_SHUTDOWN, HEADER("0018", "03") "06 02 02 6869", HEADER("001a", "03") "06 09 06 02 02 6869" },
        { BGP_PEER_DECONFIGURED, NOTIFICATION("06", "03"), HEADER("0017", "03") "06 09 06 03" },
        { BGP_ADMIN_RESET, HEADER("0018", "03") "06 04 02 6869", HEADER("0018", "03") "06 04 02 6869" },
        { BGP_CONFIG_CHANGE, NOTIFICATION("06", "06"), NOTIFICATION("06", "06") },
        { BGP_OUT_OF_RESOURCES, NOTIFICATION("06", "08"), NOTIFICATION("06", "08") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int knows = 0; knows < 2; knows++) {
            struct bench *b = bench_with(knows ? GRACEFUL_OPEN("4078") : GRACEFUL_OPEN("0078"));
            bgp_session_stop(b->s, cases[i].subcode, "hi", b->now);
            bench_take(b);
            CU_ASSERT_TRUE(bench_sent(b, THEIRS, knows ? cases[i].known : cases[i].plain));
            CU_ASSERT_EQUAL(b->down.fault.subcode, cases[i].subcode);
            CU_ASSERT_EQUAL(b->down.fault.is_hard, bgp_session_stats(b->s)->sent.is_hard);
            bench_free(b);
        }
}

static void test_a_reset_is_hard_when_the_user_wants_it(void)
{
    for (int knows = 0; knows < 2; knows++) {
        struct bench *b = bench_with(knows ? GRACEFUL_OPEN("4078") : PEER_OPEN);
        bgp_session_reset(
            b->s, &(struct bgp_fault){ .code = BGP_CEASE, .subcode = BGP_ADMIN_RESET, .is_hard = true }, b->now);
        bench_take(b);
        CU_ASSERT_TRUE(bench_sent(b, THEIRS, knows ? HEADER("0017", "03") "06 09 06 04" : NOTIFICATION("06", "04")));
        CU_ASSERT_EQUAL(b->down.fault.is_hard, knows);
        bench_free(b);
    }
}

static void test_before_their_open_nothing_is_a_hard_reset(void)
{
    struct bench *b = bench_with(GRACEFUL_OPEN("4078"));
    int slot = bench_accept(b);
    bench_flush(b);
    bgp_session_stop(b->s, BGP_ADMIN_SHUTDOWN, NULL, b->now);
    bench_take(b);
    CU_ASSERT_TRUE(bench_sent(b, slot, NOTIFICATION("06", "02")));
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("0017", "03") "06 09 06 02"));
    bench_free(b);
}

CU_MAIN("notification", CU_CASE(test_what_ends_a_session_for_long_is_final),
        CU_CASE(test_a_notification_holds_code_subcode_and_data),
        CU_CASE(test_a_hard_reset_holds_the_same_within_its_own_data),
        CU_CASE(test_data_that_the_peer_would_not_take_are_cut),
        CU_CASE(test_without_room_for_the_codes_nothing_is_written),
        CU_CASE(test_a_hard_reset_without_a_reason_stays_one),
        CU_CASE(test_the_longest_words_fit_a_hard_reset),
        CU_CASE(test_too_many_prefixes_are_told_with_their_family_and_bound),
        CU_CASE(test_words_stand_behind_their_length),
        CU_CASE(test_other_ceases_have_no_room_for_words), CU_CASE(test_words_are_cut_between_characters),
        CU_CASE(test_words_that_are_shorter_than_they_say_are_none),
        CU_CASE(test_a_final_end_is_a_hard_reset_for_who_knows_it),
        CU_CASE(test_a_reset_is_hard_when_the_user_wants_it),
        CU_CASE(test_before_their_open_nothing_is_a_hard_reset))
