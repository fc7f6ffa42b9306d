#include "bgp/session/session.h"

#include "tests/lib/cu.h"
#include "tests/lib/session_bench.h"

static const enum bgp_slot THEIRS = BGP_SLOT_THEIRS;


static const enum bgp_state spoken_to[] = { BGP_OPENSENT, BGP_OPENCONFIRM, BGP_ESTABLISHED };

/* In this state, these bytes end the connection with exactly this answer. */
static void ends(enum bgp_state state, const char *bytes, const char *answer)
{
    struct bench *b = bench_in(state, NULL);
    bench_feed(b, THEIRS, bytes);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, answer));
    CU_ASSERT_FALSE(b->wire[THEIRS].open);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ACTIVE);
    CU_ASSERT_EQUAL(b->downs, state == BGP_ESTABLISHED);
    bench_feed(b, THEIRS, KEEPALIVE); /* what comes after the end is not looked at */
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, ""));
    bench_free(b);
}

/* ---- RFC 6608: what a state does not expect ---- */

static void test_an_unexpected_message_names_the_state_and_its_own_type(void)
{
    ends(BGP_OPENSENT, KEEPALIVE, HEADER("0016", "03") "05 01 04");
    ends(BGP_OPENSENT, EMPTY_UPDATE, HEADER("0016", "03") "05 01 02");
    ends(BGP_OPENSENT, REFRESH, HEADER("0016", "03") "05 01 05");
    ends(BGP_OPENCONFIRM, PEER_OPEN, HEADER("0016", "03") "05 02 01");
    ends(BGP_OPENCONFIRM, EMPTY_UPDATE, HEADER("0016", "03") "05 02 02");
    ends(BGP_OPENCONFIRM, REFRESH, HEADER("0016", "03") "05 02 05");
    ends(BGP_ESTABLISHED, PEER_OPEN, HEADER("0016", "03") "05 03 01");
}

static void test_an_update_that_comes_too_early_is_not_even_decoded(void)
{
    ends(BGP_OPENCONFIRM, HEADER("0017", "02") "ffff 0000", HEADER("0016", "03") "05 02 02");
}

/* ---- RFC 4271 section 6.1: the header, in every state ---- */

static void test_a_broken_header_ends_the_connection_in_every_state(void)
{
    for (int i = 0; i < 3; i++) {
        ends(spoken_to[i], "ffffffffffffffff ffffffffffffff7f 0013 04", NOTIFICATION("01", "01"));
        ends(spoken_to[i], "00", NOTIFICATION("01", "01"));
        ends(spoken_to[i], HEADER("0012", "04"), HEADER("0017", "03") "01 02 0012");
        ends(spoken_to[i], HEADER("0000", "04"), HEADER("0017", "03") "01 02 0000");
        ends(spoken_to[i], HEADER("1001", "02"), HEADER("0017", "03") "01 02 1001");
        ends(spoken_to[i], HEADER("ffff", "02"), HEADER("0017", "03") "01 02 ffff");
        ends(spoken_to[i], HEADER("0013", "00"), HEADER("0016", "03") "01 03 00");
        ends(spoken_to[i], HEADER("0013", "06"), HEADER("0016", "03") "01 03 06");
        ends(spoken_to[i], HEADER("0014", "04") "00", HEADER("0017", "03") "01 02 0014");
        ends(spoken_to[i], HEADER("001c", "01"), HEADER("0017", "03") "01 02 001c");
        ends(spoken_to[i], HEADER("0016", "02"), HEADER("0017", "03") "01 02 0016");
        ends(spoken_to[i], HEADER("0014", "03"), HEADER("0017", "03") "01 02 0014");
    }
}

/* ---- NOTIFICATION ---- */

static void test_a_notification_ends_the_connection_without_an_answer(void)
{
    for (int i = 0; i < 3; i++) {
        ends(spoken_to[i], NOTIFICATION("06", "02"), "");
        ends(spoken_to[i], NOTIFICATION("fe", "dc"), ""); /* unknown codes as well: 6.4 */
        ends(spoken_to[i], HEADER("0017", "03") "02 01 0004", "");
    }
}

static void test_a_notification_is_remembered_with_its_data(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("0018", "03") "06 02 'RFC 9003' 02 6869");
    const struct bgp_session_stats *stats = bgp_session_stats(b->s);
    CU_ASSERT_TRUE(b->down.by_peer);
    CU_ASSERT_EQUAL(stats->received.code, BGP_CEASE);
    CU_ASSERT_EQUAL(stats->received.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_STRING_EQUAL(stats->received.text, "hi");
    CU_ASSERT_EQUAL(stats->received.at_ms, b->now);
    CU_ASSERT_EQUAL(stats->sent.code, 0);
    CU_ASSERT_EQUAL(b->down.fault.data_len, 3);
    CU_ASSERT_EQUAL(memcmp(b->down.fault.data, "\2hi", 3), 0);
    CU_ASSERT_EQUAL(stats->messages_in[BGP_NOTIFICATION], 1);
    bench_free(b);
}

/* RFC 8538 section 3.1 */
static void test_a_hard_reset_is_told_by_the_reason_in_it(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("001a", "03") "06 09 'reason' 06 02 'RFC 9003' 02 6869");
    CU_ASSERT_TRUE(b->down.fault.is_hard);
    CU_ASSERT_EQUAL(b->down.fault.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_EQUAL(b->down.fault.data_len, 3);
    bench_free(b);
}

static void test_the_data_of_a_notification_are_told_whole(void)
{
    uint8_t bytes[BGP_MESSAGE_MAX] = { 0 };
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (size_t i = BGP_HEADER; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    bgp_message_finish(bytes, BGP_NOTIFICATION, sizeof bytes - BGP_HEADER);
    bench_feed_bytes(b, THEIRS, bytes, sizeof bytes);
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_EQUAL(b->down.fault.data_len, sizeof bytes - BGP_HEADER - 2);
    CU_ASSERT_EQUAL(memcmp(b->down_data, bytes + BGP_HEADER + 2, b->down.fault.data_len), 0);
    bench_free(b);
}

/* ---- NOTIFICATIONs of ours: RFC 4271 section 6 says what they carry, RFC 8654 how much ---- */

#define ENHANCED_OPEN HEADER("0023", "01") "04 fde9 005a 0a000002 06 02 04 'refresh' 0200 'enhanced' 4600"
#define EXTENDED_OPEN                                                                              \
    HEADER("0025", "01") "04 fde9 005a 0a000002 08 02 06 'refresh' 0200 'enhanced' 4600 'extended' 0600"

static struct bench *bench_saying(const char *open)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.extended_message = true;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    bench_feed(b, THEIRS, open);
    bench_feed(b, THEIRS, KEEPALIVE);
    bench_flush(b);
    return b;
}

static void test_the_attribute_at_fault_is_told_as_it_stood_in_the_message(void)
{
    struct bench *b = bench_saying(EXTENDED_OPEN);
    bench_feed(b, THEIRS, "ff*16 4e2f 02 0000 4e18 50 63 4e14 01 5a*19986 02");
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, "ff*16 4e2d 03 0302 50 63 4e14 01 5a*19986 02"));
    CU_ASSERT_EQUAL(b->down.fault.data_len, 19992);
    bench_free(b);
}

static void test_a_refresh_at_fault_is_told_whole_or_as_much_as_the_peer_takes(void)
{
    struct bench *b = bench_saying(ENHANCED_OPEN);
    bench_feed(b, THEIRS, "ff*16 1000 05 0001 01 01 5a*4073");
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, "ff*16 1000 03 0701 ff*16 1000 05 0001 01 01 5a*4052"));
    bench_free(b);
    b = bench_saying(EXTENDED_OPEN);
    bench_feed(b, THEIRS, "ff*16 1000 05 0001 01 01 5a*4073");
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, "ff*16 1015 03 0701 ff*16 1000 05 0001 01 01 5a*4073"));
    bench_free(b);
    b = bench_saying(EXTENDED_OPEN);
    bench_feed(b, THEIRS, "ff*16 ffff 05 0001 01 01 5a*65512");
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, "ff*16 ffff 03 0701 ff*16 ffff 05 0001 01 01 5a*65491"));
    bench_free(b);
}

/* A long limit that an earlier connection agreed on is none of the next one's. */
static void test_before_the_opens_a_notification_is_short(void)
{
    struct bench *b = bench_saying(EXTENDED_OPEN);
    bench_closed(b, THEIRS);
    CU_ASSERT_EQUAL_FATAL(bench_accept(b), (int)THEIRS);
    bench_flush(b);
    bench_feed(b, THEIRS, HEADER("1001", "02"));
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("0017", "03") "01 02 1001"));
    bench_free(b);
}

static void test_of_data_that_find_no_room_what_fits_is_sent(void)
{
    uint8_t update[512], buf[100];
    struct bgp_session_event e;
    struct bench *b = bench_saying(EXTENDED_OPEN);
    size_t len = hex(update, sizeof update, "ff*16 0147 02 0000 0130 50 63 012c 5a*300");
    CU_ASSERT_EQUAL_FATAL(bgp_session_feed(b->s, THEIRS, update, len, b->now), len);
    while (bgp_session_next(b->s, &e) && e.kind != BGP_EVENT_CLOSE)
        ;
    CU_ASSERT_EQUAL(bgp_session_pull(b->s, THEIRS, buf, sizeof buf), sizeof buf);
    CU_ASSERT_EQUAL(wire_get16(buf + 16), sizeof buf);
    CU_ASSERT_EQUAL(memcmp(buf + BGP_HEADER, "\3\2\x50\x63\1\x2c\x5a", 7), 0);
    CU_ASSERT_EQUAL(bgp_session_pull(b->s, THEIRS, update, sizeof update), 0);
    bench_free(b);
}

static void test_a_reset_copies_the_data_of_its_caller(void)
{
    uint8_t data[BGP_MAX_PREFIXES_DATA];
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    const struct bgp_fault f = bgp_notification_max_prefixes(BGP_IP4, 1000, data);
    bgp_session_reset(b->s, &f, b->now);
    memset(data, 0xee, sizeof data);
    bench_take(b);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("001c", "03") "06 01 0001 01 000003e8"));
    CU_ASSERT_EQUAL(memcmp(b->down_data, "\0\1\1\0\0\3\xe8", 7), 0);
    bench_free(b);
}

/* ---- UPDATE ---- */

#define ATTRIBUTES "'origin' 40 01 01 00 'as path' 40 02 04 02 01 fde9 'next hop' 40 03 04 0a000002"

static void test_an_update_is_handed_over_decoded(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("002d", "02") "0000 0012" ATTRIBUTES "'nlri' 18 c0a801");
    CU_ASSERT_EQUAL(b->updates, 1);
    CU_ASSERT_EQUAL(b->last.kind, BGP_EVENT_UPDATE);
    CU_ASSERT_EQUAL(b->last.update->reach_count, 1);
    CU_ASSERT_EQUAL(b->last.update->fault.action, BGP_ACTION_NONE);
    bench_free(b);
}

static void test_a_malformed_route_is_counted_and_does_not_end_the_session(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("002d", "02") "0000 0012 'origin' 40 01 01 07"
                          " 40 02 04 02 01 fde9 40 03 04 0a000002 'nlri' 18 c0a801");
    CU_ASSERT_EQUAL(b->updates, 1);
    CU_ASSERT_EQUAL(b->last.update->fault.action, BGP_ACTION_TREAT_AS_WITHDRAW);
    CU_ASSERT_EQUAL(bgp_session_stats(b->s)->updates_faulty, 1);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    bench_free(b);
}

static void test_a_route_of_ours_that_comes_back_is_no_malformed_one(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("002d", "02") "0000 0012 'origin' 40 01 01 00"
                          " 40 02 04 02 01 fde9 'our address' 40 03 04 0a000001 'nlri' 18 c0a801");
    CU_ASSERT_EQUAL(b->last.update->withdrawn_count, 1);
    CU_ASSERT_EQUAL(bgp_session_stats(b->s)->updates_faulty, 0);
    bench_free(b);
}

static void test_an_update_whose_lengths_contradict_ends_the_session(void)
{
    ends(BGP_ESTABLISHED, HEADER("0017", "02") "ffff 0000", NOTIFICATION("03", "01"));
}

static void test_a_prefix_that_is_cut_off_ends_the_session(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, HEADER("002c", "02") "0000 0012" ATTRIBUTES "'nlri, an octet short' 18 c0a8");
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_EQUAL(b->down.fault.code, BGP_UPDATE_ERROR);
    CU_ASSERT_EQUAL(b->down.fault.subcode, BGP_INVALID_NETWORK_FIELD);
    bench_free(b);
}

static void test_an_update_restarts_the_hold_timer(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (int i = 0; i < 10; i++) {
        bench_pass(b, 89999);
        bench_feed(b, THEIRS, EMPTY_UPDATE);
    }
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    bench_free(b);
}

/* ---- ROUTE-REFRESH ---- */

static void test_a_refresh_of_an_agreed_family_is_handed_over(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_feed(b, THEIRS, REFRESH);
    CU_ASSERT_EQUAL(b->refreshes, 1);
    CU_ASSERT_EQUAL(b->last.family, BGP_IP4);
    bench_free(b);
}

static void test_a_refresh_of_anything_else_is_ignored(void)
{
    static const char *const others[] = {
        HEADER("0017", "05") "'ipv6, not agreed' 0002 00 01", HEADER("0017", "05") "'afi' 4004 00 47",
        HEADER("0017", "05") "'afi' 0000 00 01",              HEADER("0017", "05") "0001 00 'safi' 02",
    };
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        bench_feed(b, THEIRS, others[i]);
    CU_ASSERT_EQUAL(b->refreshes, 0);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    CU_ASSERT_EQUAL(bgp_session_stats(b->s)->messages_in[BGP_ROUTE_REFRESH], 4);
    bench_free(b);
}

static void test_the_marks_of_an_enhanced_refresh_are_handed_over(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_feed(b, THEIRS, ENHANCED_OPEN KEEPALIVE);
    for (uint8_t subtype = 0; subtype < 3; subtype++) {
        char text[256];
        snprintf(text, sizeof text, HEADER("0017", "05") "0001 %02x 01", subtype);
        bench_feed(b, THEIRS, text);
        CU_ASSERT_EQUAL(b->refreshes, subtype + 1u);
        CU_ASSERT_EQUAL(b->last.subtype, subtype);
    }
    bench_feed(b, THEIRS, HEADER("0017", "05") "0001 03 01");
    CU_ASSERT_EQUAL(b->refreshes, 3);
    bench_free(b);
}

static void test_a_mark_of_a_wrong_length_is_answered_with_itself(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_feed(b, THEIRS, ENHANCED_OPEN KEEPALIVE);
    bench_flush(b);
    bench_feed(b, THEIRS, HEADER("0018", "05") "0001 01 01 00"); /* RFC 7313 section 5 */
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("002d", "03") "07 01" HEADER("0018", "05") "0001 01 01 00"));
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

/* ---- bytes ---- */

static void test_one_byte_at_a_time_comes_to_the_same(void)
{
    static const char stream[] = PEER_OPEN KEEPALIVE EMPTY_UPDATE REFRESH KEEPALIVE NOTIFICATION("06", "04");
    uint8_t bytes[512];
    size_t len = hex(bytes, sizeof bytes, stream);
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    for (size_t i = 0; i < len; i++) {
        CU_ASSERT_TRUE(b->wire[THEIRS].open);
        bench_feed_bytes(b, THEIRS, bytes + i, 1);
    }
    CU_ASSERT_EQUAL(b->ups, 1);
    CU_ASSERT_EQUAL(b->updates, 1);
    CU_ASSERT_EQUAL(b->refreshes, 1);
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_FALSE(b->wire[THEIRS].open);
    bench_free(b);
}

static void test_one_message_at_most_is_consumed_a_call(void)
{
    uint8_t bytes[64];
    size_t len = hex(bytes, sizeof bytes, KEEPALIVE KEEPALIVE);
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    CU_ASSERT_EQUAL(bgp_session_feed(b->s, THEIRS, bytes, len, b->now), BGP_HEADER);
    CU_ASSERT_EQUAL(bgp_session_feed(b->s, THEIRS, bytes, BGP_HEADER - 1, b->now), 0);
    CU_ASSERT_EQUAL(bgp_session_feed(b->s, THEIRS, bytes, 0, b->now), 0);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    bench_free(b);
}

/* ---- RFC 8654 ---- */

static void test_long_messages_are_heard_when_both_have_said_so(void)
{
    static uint8_t bytes[BGP_MESSAGE_MAX + 1];
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.extended_message = true;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    bench_feed(b, THEIRS, HEADER("0021", "01") "04 fde9 005a 0a000002 04 02 02 'extended' 06 00");
    bench_feed(b, THEIRS, KEEPALIVE);
    memset(bytes, 0, sizeof bytes);
    wire_set16(bytes + BGP_HEADER, sizeof bytes - BGP_HEADER - 4); /* withdrawn: many times 0.0.0.0/0 */
    bgp_message_finish(bytes, BGP_UPDATE, sizeof bytes - BGP_HEADER);
    bench_feed_bytes(b, THEIRS, bytes, sizeof bytes);
    CU_ASSERT_EQUAL(b->updates, 1);
    bench_flush(b);
    bench_feed(b, THEIRS, HEADER("1001", "04")); /* KEEPALIVE and OPEN never grow: section 4 */
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("0017", "03") "01 02 1001"));
    bench_free(b);
}

/* RFC 8654 section 4: from the OPENs on. What does not belong there is an error of the state, not of the header. */
static void test_long_messages_are_heard_in_openconfirm(void)
{
    static uint8_t bytes[BGP_MESSAGE_MAX + 1];
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.extended_message = true;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    bench_feed(b, THEIRS, HEADER("0021", "01") "04 fde9 005a 0a000002 04 02 02 'extended' 06 00");
    bench_flush(b);
    memset(bytes, 0, sizeof bytes);
    bgp_message_finish(bytes, BGP_UPDATE, sizeof bytes - BGP_HEADER);
    bench_feed_bytes(b, THEIRS, bytes, sizeof bytes);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("0016", "03") "05 02 02"));
    bench_free(b);
}

CU_MAIN("session messages", CU_CASE(test_an_unexpected_message_names_the_state_and_its_own_type),
        CU_CASE(test_an_update_that_comes_too_early_is_not_even_decoded),
        CU_CASE(test_a_broken_header_ends_the_connection_in_every_state),
        CU_CASE(test_a_notification_ends_the_connection_without_an_answer),
        CU_CASE(test_a_notification_is_remembered_with_its_data),
        CU_CASE(test_a_hard_reset_is_told_by_the_reason_in_it),
        CU_CASE(test_the_data_of_a_notification_are_told_whole),
        CU_CASE(test_the_attribute_at_fault_is_told_as_it_stood_in_the_message),
        CU_CASE(test_a_refresh_at_fault_is_told_whole_or_as_much_as_the_peer_takes),
        CU_CASE(test_before_the_opens_a_notification_is_short),
        CU_CASE(test_of_data_that_find_no_room_what_fits_is_sent),
        CU_CASE(test_a_reset_copies_the_data_of_its_caller),
        CU_CASE(test_an_update_is_handed_over_decoded),
        CU_CASE(test_a_malformed_route_is_counted_and_does_not_end_the_session),
        CU_CASE(test_a_route_of_ours_that_comes_back_is_no_malformed_one),
        CU_CASE(test_an_update_whose_lengths_contradict_ends_the_session),
        CU_CASE(test_a_prefix_that_is_cut_off_ends_the_session),
        CU_CASE(test_an_update_restarts_the_hold_timer),
        CU_CASE(test_a_refresh_of_an_agreed_family_is_handed_over),
        CU_CASE(test_a_refresh_of_anything_else_is_ignored),
        CU_CASE(test_the_marks_of_an_enhanced_refresh_are_handed_over),
        CU_CASE(test_a_mark_of_a_wrong_length_is_answered_with_itself),
        CU_CASE(test_one_byte_at_a_time_comes_to_the_same),
        CU_CASE(test_one_message_at_most_is_consumed_a_call),
        CU_CASE(test_long_messages_are_heard_when_both_have_said_so),
        CU_CASE(test_long_messages_are_heard_in_openconfirm))
