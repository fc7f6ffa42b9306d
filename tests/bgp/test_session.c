#include "bgp/session/session.h"

#include "tests/lib/cu.h"
#include "tests/lib/session_bench.h"

static const int OURS = BGP_SLOT_OURS, THEIRS = BGP_SLOT_THEIRS, NEWER = BGP_SLOT_NEWER;
static const uint64_t DAY_MS = 24 * 3600 * 1000;

/* ---- coming up ---- */

static void test_nothing_happens_before_the_start(void)
{
    struct bench *b = bench_new(NULL);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_IDLE);
    CU_ASSERT_EQUAL(bgp_session_deadline(b->s), UINT64_MAX);
    CU_ASSERT_EQUAL(bench_accept(b), -1);
    bench_pass(b, DAY_MS);
    CU_ASSERT_EQUAL(b->dials, 0);
    bench_free(b);
}

static void test_a_session_comes_up_through_the_states_of_the_standard(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    CU_ASSERT_EQUAL(b->dials, 1);
    bench_connected(b);
    CU_ASSERT_EQUAL(bench_count(b, OURS, BGP_OPEN), 1);
    bench_feed(b, OURS, PEER_OPEN);
    CU_ASSERT_EQUAL(b->ups, 0);
    bench_feed(b, OURS, KEEPALIVE);
    CU_ASSERT_EQUAL(b->ups, 1);
    CU_ASSERT_STRING_EQUAL(b->states, "Connect OpenSent OpenConfirm Established");
    CU_ASSERT_EQUAL(bench_count(b, OURS, BGP_OPEN), 1);
    CU_ASSERT_EQUAL(bench_count(b, OURS, BGP_KEEPALIVE), 1);
    bench_free(b);
}

static void test_a_passive_session_never_dials(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.passive = true;
    struct bench *b = bench_new(&cfg);
    bench_start(b);
    CU_ASSERT_STRING_EQUAL(b->states, "Active");
    bench_pass(b, DAY_MS);
    CU_ASSERT_EQUAL(bench_accept(b), THEIRS);
    bench_closed(b, THEIRS);
    bench_pass(b, DAY_MS);
    CU_ASSERT_EQUAL(b->dials, 0);
    bench_free(b);
}

static void test_starting_twice_is_starting_once(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    bench_start(b);
    CU_ASSERT_EQUAL(b->dials, 1);
    bench_free(b);
}

/* ---- dialling ---- */

static void test_a_dial_that_fails_is_repeated_after_the_connect_retry_time(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    for (unsigned i = 1; i < 50; i++) {
        CU_ASSERT_EQUAL(b->dials, i);
        bench_closed(b, OURS);
        bench_pass(b, 3749); /* 5 s, three quarters at least: RFC 4271 section 10 */
        CU_ASSERT_EQUAL(b->dials, i);
        bench_pass(b, 1251);
    }
    bench_free(b);
}

/* Bring OURS up, then let the peer break it. */
static void fail_once(struct bench *b)
{
    bench_connected(b);
    bench_feed(b, OURS, KEEPALIVE);
    CU_ASSERT_FALSE(b->wire[OURS].open);
}

static void test_errors_delay_the_next_dial_more_each_time_up_to_the_limit(void)
{
    static const unsigned seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    struct bench *b = bench_new(NULL);
    bench_start(b);
    for (unsigned i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        unsigned dials = b->dials;
        fail_once(b);
        bench_pass(b, seconds[i] * 750 - 1);
        CU_ASSERT_EQUAL(b->dials, dials);
        bench_pass(b, seconds[i] * 250 + 1);
        CU_ASSERT_EQUAL(b->dials, dials + 1);
    }
    bench_free(b);
}

static void test_a_session_that_stood_forgives_earlier_errors(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    for (int i = 0; i < 6; i++) {
        fail_once(b);
        bench_pass(b, 60000);
    }
    bench_connected(b);
    bench_feed(b, OURS, PEER_OPEN KEEPALIVE);
    bench_pass(b, 30000);
    unsigned dials = b->dials;
    bench_closed(b, OURS);
    bench_pass(b, 1000);
    CU_ASSERT_EQUAL(b->dials, dials + 1);
    bench_free(b);
}

static void test_a_peer_that_dials_again_after_an_error_is_heard_at_once(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    for (int i = 0; i < 300; i++) { /* as many as a conformance suite has cases */
        int slot = bench_accept(b);
        CU_ASSERT_EQUAL(slot, THEIRS);
        CU_ASSERT_EQUAL(bench_count(b, slot, BGP_OPEN), 1);
        bench_feed(b, slot, KEEPALIVE);
        CU_ASSERT_FALSE(b->wire[slot].open);
    }
    bench_free(b);
}

static void test_a_dial_waits_while_the_peer_speaks_on_its_own_connection(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    bench_closed(b, OURS);
    bench_accept(b);
    bench_feed(b, THEIRS, PEER_OPEN);
    bench_pass(b, 20000);
    CU_ASSERT_EQUAL(b->dials, 1);
    bench_feed(b, THEIRS, KEEPALIVE);
    for (int i = 0; i < 100; i++) {
        bench_pass(b, 60000);
        bench_feed(b, THEIRS, KEEPALIVE);
    }
    CU_ASSERT_EQUAL(b->dials, 1);
    bench_free(b);
}

static void test_a_silent_connection_of_the_peer_does_not_keep_us_from_dialling(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    bench_closed(b, OURS);
    bench_accept(b); /* and never an OPEN on it */
    bench_pass(b, 5000);
    CU_ASSERT_EQUAL(b->dials, 2);
    bench_free(b);
}

static void test_a_third_connection_makes_room_for_the_fourth(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    CU_ASSERT_EQUAL(bench_accept(b), THEIRS);
    CU_ASSERT_EQUAL(bench_accept(b), NEWER);
    bench_flush(b);
    CU_ASSERT_EQUAL(bench_accept(b), -1);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, NOTIFICATION("06", "05"))); /* RFC 4486 */
    CU_ASSERT_EQUAL(bench_accept(b), THEIRS);
    bench_free(b);
}

static void test_established_is_never_given_up_for_newcomers(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (int i = 0; i < 100; i++)
        bench_accept(b);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

/* ---- the hold timer ---- */

static void test_silence_ends_the_session_after_the_hold_time(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_pass(b, 89999);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    bench_flush(b);
    bench_pass(b, 1);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, NOTIFICATION("04", "00")));
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_STRING_EQUAL(b->down.reason, "hold timer expired");
    CU_ASSERT_FALSE(b->down.by_peer);
    bench_free(b);
}

static void test_half_a_message_is_silence_too(void)
{
    uint8_t bytes[64];
    size_t len = hex(bytes, sizeof bytes, KEEPALIVE);
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (size_t i = 0; i + 1 < len && i < 18; i++) { /* one octet every five seconds */
        bench_feed_bytes(b, THEIRS, bytes + i, 1);
        bench_pass(b, 5000);
    }
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

static void test_keepalives_keep_a_session(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (int i = 0; i < 1000; i++) {
        bench_pass(b, 89000);
        bench_feed(b, THEIRS, KEEPALIVE);
    }
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void test_before_the_open_four_minutes_are_granted(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_pass(b, 239999);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, ""));
    bench_pass(b, 1);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, NOTIFICATION("04", "00")));
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ACTIVE);
    bench_free(b);
}

static void test_in_openconfirm_the_agreed_hold_time_counts(void)
{
    struct bench *b = bench_in(BGP_OPENCONFIRM, NULL);
    bench_pass(b, 89999);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_OPENCONFIRM);
    bench_pass(b, 1);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ACTIVE);
    bench_free(b);
}

static void test_hold_time_0_has_no_timers(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.hold_s = 0;
    struct bench *b = bench_in(BGP_ESTABLISHED, &cfg);
    bench_pass(b, 30 * DAY_MS);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, ""));
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    CU_ASSERT_EQUAL(bgp_session_deadline(b->s), UINT64_MAX);
    bench_free(b);
}

/* The peer is gone before its KEEPALIVE, and nothing else would ever say so. */
static void test_openconfirm_ends_without_a_hold_time_too(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.hold_s = 0;
    struct bench *b = bench_new(&cfg);
    bench_start(b);
    bench_connected(b);
    bench_feed(b, OURS, PEER_OPEN);
    bench_pass(b, 239999);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_OPENCONFIRM);
    bench_pass(b, 1);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ACTIVE);
    bench_free(b);
}

static void test_after_a_pause_everybody_gets_a_moment(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    b->now += 3600000; /* the process slept */
    bgp_session_rearm(b->s, 1000, b->now);
    bgp_session_tick(b->s, b->now);
    bench_take(b);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_pass(b, 1000);
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

static void test_a_pause_does_not_shorten_a_timer(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bgp_session_rearm(b->s, 1000, b->now);
    bench_pass(b, 89999);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

/* Of what it has said; that it does not read is another matter (RFC 9687). */
static void test_who_waits_to_be_read_is_not_silent(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    b->now += 89999;
    bgp_session_unread(b->s, THEIRS, 1000, b->now);
    bench_pass(b, 999);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_pass(b, 1);
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

/* ---- keepalives of ours ---- */

static void test_keepalives_leave_at_a_third_of_the_hold_time(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    for (int i = 0; i < 120; i++) { /* an hour: 120 intervals of 30 s, or up to 160 of 22.5 s */
        bench_pass(b, 30000);
        bench_feed(b, THEIRS, KEEPALIVE);
    }
    unsigned sent = bench_count(b, THEIRS, BGP_KEEPALIVE);
    CU_ASSERT_TRUE(sent >= 120 && sent <= 160);
    CU_ASSERT_EQUAL(bgp_session_stats(b->s)->messages_out[BGP_KEEPALIVE], sent + 1);
    bench_free(b);
}

static void test_keepalives_never_leave_more_often_than_once_a_second(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.hold_s = 3;
    struct bench *b = bench_in(BGP_ESTABLISHED, &cfg);
    for (int i = 0; i < 600; i++) {
        bench_pass(b, 1000);
        bench_feed(b, THEIRS, KEEPALIVE);
    }
    CU_ASSERT_EQUAL(bench_count(b, THEIRS, BGP_KEEPALIVE), 600);
    bench_free(b);
}

/* ---- the send hold timer (RFC 9687) ---- */

static void keep_hearing(struct bench *b, unsigned seconds)
{
    for (unsigned i = 0; i < seconds && b->wire[THEIRS].open; i++) {
        bench_pass(b, 1000);
        if (b->wire[THEIRS].open)
            bench_feed(b, THEIRS, KEEPALIVE);
    }
}

static void test_a_peer_that_takes_nothing_is_given_up_after_eight_minutes(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    b->is_stuck = true;
    keep_hearing(b, 22 + 479);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_flush(b);
    keep_hearing(b, 9);
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_STRING_EQUAL(b->down.reason, "send hold timer expired");
    CU_ASSERT_EQUAL(b->down.fault.code, BGP_SEND_HOLD_TIMER_EXPIRED);
    CU_ASSERT_EQUAL(bench_count(b, THEIRS, BGP_NOTIFICATION), 0);
    bench_free(b);
}

static void test_with_a_long_hold_time_it_is_twice_that(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.hold_s = 600;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    bench_feed(b, THEIRS, HEADER("001d", "01") "04 fde9 0258 0a000002 00" KEEPALIVE);
    b->is_stuck = true;
    bgp_session_queued(b->s, BGP_SLOT_THEIRS, b->now);
    keep_hearing(b, 1199);
    CU_ASSERT_EQUAL(b->downs, 0);
    keep_hearing(b, 1);
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

static void test_another_send_hold_time_is_kept_and_never_less_than_the_hold_time(void)
{
    static const struct { uint16_t send_hold_s, until_s; } wishes[] = { { 120, 120 }, { 5, 91 } };
    for (size_t i = 0; i < 2; i++) {
        struct bgp_session_cfg cfg = bench_cfg();
        cfg.send_hold_s = wishes[i].send_hold_s;
        struct bench *b = bench_in(BGP_ESTABLISHED, &cfg);
        CU_ASSERT_EQUAL(bgp_session_hold_s(b->s), 90);
        b->is_stuck = true;
        bgp_session_queued(b->s, BGP_SLOT_THEIRS, b->now);
        keep_hearing(b, wishes[i].until_s - 1u);
        CU_ASSERT_EQUAL(b->downs, 0);
        keep_hearing(b, 1);
        CU_ASSERT_EQUAL(b->downs, 1);
        bench_free(b);
    }
}

static void test_progress_starts_the_send_hold_timer_again(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    b->is_stuck = true;
    for (int i = 0; i < 20; i++) {
        keep_hearing(b, 400);
        bgp_session_progress(b->s, BGP_SLOT_THEIRS, false, b->now);
    }
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void test_the_send_hold_timer_needs_no_keepalives(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.hold_s = 0;
    struct bench *b = bench_in(BGP_ESTABLISHED, &cfg);
    bgp_session_queued(b->s, BGP_SLOT_THEIRS, b->now); /* UPDATEs of the caller's wait */
    bench_pass(b, 479999);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_pass(b, 1);
    CU_ASSERT_EQUAL(b->downs, 1);
    bench_free(b);
}

static void test_the_last_word_has_room_behind_queued_keepalives(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    b->wire[THEIRS].open = false; /* nobody pulls */
    for (int i = 0; i < 500; i++) {
        uint8_t bytes[BGP_HEADER];
        bgp_session_tick(b->s, b->now += 29000);
        CU_ASSERT_EQUAL(bgp_session_feed(b->s, BGP_SLOT_THEIRS, bytes, bgp_keepalive_write(bytes), b->now),
                        BGP_HEADER);
    }
    b->wire[THEIRS].open = true;
    bgp_session_stop(b->s, BGP_ADMIN_SHUTDOWN, NULL, b->now);
    bench_take(b);
    CU_ASSERT_EQUAL(bench_count(b, THEIRS, BGP_NOTIFICATION), 1);
    CU_ASSERT_TRUE(bench_count(b, THEIRS, BGP_KEEPALIVE) > 10);
    bench_free(b);
}

/* ---- the end ---- */

static void test_a_stop_says_why_and_rests_until_the_next_start(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bgp_session_stop(b->s, BGP_ADMIN_SHUTDOWN, "maint", b->now);
    bench_take(b);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, HEADER("001b", "03") "06 02 'RFC 9003' 05 6d61696e74"));
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_IDLE);
    CU_ASSERT_EQUAL(bench_accept(b), -1);
    bench_pass(b, DAY_MS);
    bench_start(b);
    CU_ASSERT_EQUAL(bench_accept(b), THEIRS);
    bench_free(b);
}

static void test_a_text_is_cut_at_255_octets(void)
{
    char text[400];
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    bgp_session_stop(b->s, BGP_ADMIN_RESET, text, b->now);
    bench_take(b);
    const struct bench_wire *w = &b->wire[THEIRS];
    CU_ASSERT_EQUAL(w->len, BGP_HEADER + 2 + 1 + 255);
    CU_ASSERT_EQUAL(wire_get16(w->bytes + 16), w->len);
    CU_ASSERT_EQUAL(w->bytes[BGP_HEADER + 2], 255);
    bench_free(b);
}

static void test_a_stop_ends_every_connection(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    bench_connected(b);
    bench_accept(b);
    bench_accept(b);
    bench_flush(b);
    bgp_session_stop(b->s, BGP_PEER_DECONFIGURED, NULL, b->now);
    bench_take(b);
    for (int slot = 0; slot < BGP_SLOTS; slot++) {
        CU_ASSERT_TRUE(bench_sent(b, slot, NOTIFICATION("06", "03")));
        CU_ASSERT_FALSE(b->wire[slot].open);
    }
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void test_a_reset_says_its_fault_and_comes_back_by_itself(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    bench_connected(b);
    bench_feed(b, OURS, PEER_OPEN KEEPALIVE);
    bench_flush(b);
    bgp_session_reset(b->s, &(struct bgp_fault){ .code = BGP_CEASE, .subcode = BGP_BFD_DOWN }, b->now);
    bench_take(b);
    CU_ASSERT_TRUE(bench_sent(b, OURS, NOTIFICATION("06", "0a"))); /* RFC 9384 */
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_EQUAL(b->down.fault.subcode, BGP_BFD_DOWN);
    bench_pass(b, 1000);
    CU_ASSERT_EQUAL(b->dials, 2);
    bench_free(b);
}

static void test_a_connection_that_breaks_takes_the_session_down_once(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_closed(b, THEIRS);
    bench_closed(b, THEIRS);
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_STRING_EQUAL(b->down.reason, "connection closed");
    CU_ASSERT_EQUAL(bgp_session_stats(b->s)->flaps, 1);
    bench_free(b);
}

/* ---- route refresh ---- */

static void test_a_refresh_is_asked_for_where_the_peer_can(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    CU_ASSERT_FALSE(bgp_session_refresh(b->s, BGP_IP4));
    bench_feed(b, THEIRS, HEADER("0021", "01") "04 fde9 005a 0a000002 04 02 02 'refresh' 02 00" KEEPALIVE);
    bench_flush(b);
    CU_ASSERT_TRUE(bgp_session_refresh(b->s, BGP_IP4));
    CU_ASSERT_FALSE(bgp_session_refresh(b->s, BGP_IP6)); /* not agreed on */
    bench_take(b);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, REFRESH));
    bench_free(b);
}

/* ---- two machines ---- */

struct end {
    struct bench *b;
    int slot; /* its end of the wire, -1 = not connected */
};

static void carry(struct end *from, struct end *to)
{
    struct bench_wire *w = &from->b->wire[from->slot];
    uint8_t bytes[BENCH_OUT];
    size_t len = w->len;
    memcpy(bytes, w->bytes, len);
    w->len = 0;
    bench_feed_bytes(to->b, to->slot, bytes, len);
}

static void test_two_machines_come_up_and_keep_each_other_up(void)
{
    struct bgp_session_cfg active = bench_cfg(), passive = bench_cfg();
    passive.local_asn = 65001;
    passive.local_identifier = 0x0a000002;
    passive.passive = true;
    passive.seed = 7;
    struct end a = { bench_new(&active), OURS }, b = { bench_new(&passive), THEIRS };
    bench_start(a.b);
    bench_start(b.b);
    bench_accept(b.b);
    bench_connected(a.b);
    for (int i = 0; i < 4; i++) {
        carry(&a, &b);
        carry(&b, &a);
    }
    CU_ASSERT_EQUAL(bgp_session_state(a.b->s), BGP_ESTABLISHED);
    CU_ASSERT_EQUAL(bgp_session_state(b.b->s), BGP_ESTABLISHED);
    for (int i = 0; i < 24 * 3600; i++) { /* a day */
        bench_pass(a.b, 1000);
        bench_pass(b.b, 1000);
        carry(&a, &b);
        carry(&b, &a);
    }
    CU_ASSERT_EQUAL(a.b->downs + b.b->downs, 0);
    CU_ASSERT_EQUAL(a.b->dials, 1);
    bench_free(a.b);
    bench_free(b.b);
}

/* ---- everything at once ---- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

/* One stimulus of the many that can come at any moment. */
static void stimulate(struct bench *b, uint64_t *random)
{
    static const char *const said[] = {
        PEER_OPEN, PEER_OPEN KEEPALIVE, KEEPALIVE, EMPTY_UPDATE, REFRESH, NOTIFICATION("06", "07"),
        HEADER("0012", "04"), HEADER("001d", "01") "04 fde9 0000 0affffff 00",
        HEADER("0027", "01") "04 fde9 005a 0a0000ff 0a 02 08 40 06 0078 0001 01 80",
    };
    int slot = (int)draw(random, BGP_SLOTS);
    for (int i = 0; i < BGP_SLOTS && !b->wire[slot].open; i++)
        slot = (slot + 1) % BGP_SLOTS;
    switch (draw(random, 16)) {
    case 0:
        bench_start(b);
        break;
    case 1:
        if (draw(random, 4) == 0)
            bgp_session_stop(b->s, BGP_ADMIN_SHUTDOWN, NULL, b->now);
        break;
    case 2:
        bench_accept(b);
        break;
    case 3:
        if (bgp_session_state(b->s) == BGP_CONNECT && !b->wire[OURS].open)
            bench_connected(b);
        break;
    case 4:
        if (draw(random, 4) == 0)
            bench_closed(b, slot);
        break;
    case 5:
        bench_pass(b, draw(random, draw(random, 4) ? 20000 : 300000));
        break;
    case 6:
        if (draw(random, 8) == 0)
            bgp_session_reset(b->s, &(struct bgp_fault){ .code = BGP_CEASE }, b->now);
        break;
    default:
        if (b->wire[slot].open)
            bench_feed(b, slot, said[draw(random, sizeof said / sizeof *said)]);
        break;
    }
    bench_take(b);
    bench_flush(b);
}

static void test_no_order_of_things_reaches_a_cell_that_does_not_exist(void)
{
    unsigned ups = 0, downs = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed;
        struct bench *b = bench_new(NULL);
        for (int i = 0; i < 400; i++) {
            stimulate(b, &random);
            CU_ASSERT_EQUAL(b->ups - b->downs, bgp_session_slot(b->s) >= 0); /* up and down take turns */
            b->states[0] = 0;
        }
        ups += b->ups;
        downs += b->downs;
        bench_free(b);
    }
    CU_ASSERT_TRUE(ups > 1000 && downs > 1000); /* the walk does get around */
}

CU_MAIN("session", CU_CASE(test_nothing_happens_before_the_start),
        CU_CASE(test_a_session_comes_up_through_the_states_of_the_standard),
        CU_CASE(test_a_passive_session_never_dials), CU_CASE(test_starting_twice_is_starting_once),
        CU_CASE(test_a_dial_that_fails_is_repeated_after_the_connect_retry_time),
        CU_CASE(test_errors_delay_the_next_dial_more_each_time_up_to_the_limit),
        CU_CASE(test_a_session_that_stood_forgives_earlier_errors),
        CU_CASE(test_a_peer_that_dials_again_after_an_error_is_heard_at_once),
        CU_CASE(test_a_dial_waits_while_the_peer_speaks_on_its_own_connection),
        CU_CASE(test_a_silent_connection_of_the_peer_does_not_keep_us_from_dialling),
        CU_CASE(test_a_third_connection_makes_room_for_the_fourth),
        CU_CASE(test_established_is_never_given_up_for_newcomers),
        CU_CASE(test_silence_ends_the_session_after_the_hold_time),
        CU_CASE(test_half_a_message_is_silence_too), CU_CASE(test_keepalives_keep_a_session),
        CU_CASE(test_before_the_open_four_minutes_are_granted),
        CU_CASE(test_in_openconfirm_the_agreed_hold_time_counts),
        CU_CASE(test_hold_time_0_has_no_timers), CU_CASE(test_openconfirm_ends_without_a_hold_time_too),
        CU_CASE(test_after_a_pause_everybody_gets_a_moment),
        CU_CASE(test_a_pause_does_not_shorten_a_timer),
        CU_CASE(test_who_waits_to_be_read_is_not_silent),
        CU_CASE(test_keepalives_leave_at_a_third_of_the_hold_time),
        CU_CASE(test_keepalives_never_leave_more_often_than_once_a_second),
        CU_CASE(test_a_peer_that_takes_nothing_is_given_up_after_eight_minutes),
        CU_CASE(test_with_a_long_hold_time_it_is_twice_that),
        CU_CASE(test_another_send_hold_time_is_kept_and_never_less_than_the_hold_time),
        CU_CASE(test_progress_starts_the_send_hold_timer_again),
        CU_CASE(test_the_send_hold_timer_needs_no_keepalives),
        CU_CASE(test_the_last_word_has_room_behind_queued_keepalives),
        CU_CASE(test_a_stop_says_why_and_rests_until_the_next_start),
        CU_CASE(test_a_text_is_cut_at_255_octets), CU_CASE(test_a_stop_ends_every_connection),
        CU_CASE(test_a_reset_says_its_fault_and_comes_back_by_itself),
        CU_CASE(test_a_connection_that_breaks_takes_the_session_down_once),
        CU_CASE(test_a_refresh_is_asked_for_where_the_peer_can),
        CU_CASE(test_two_machines_come_up_and_keep_each_other_up),
        CU_CASE(test_no_order_of_things_reaches_a_cell_that_does_not_exist))
