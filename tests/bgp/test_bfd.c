#include "bgp/bfd/bfd.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/cu.h"

/* ---- the table ---- */

/* RFC 5880 section 6.8.6, 6.8.4 and 6.8.16, written down a second time: from, event, to, diagnostic. */
static const struct {
    uint8_t from, event, to, diag;
} changes[] = {
    { BFD_DOWN, BFD_HEARD_DOWN, BFD_INIT, BFD_DIAG_NONE },
    { BFD_DOWN, BFD_HEARD_INIT, BFD_UP, BFD_DIAG_NONE },
    { BFD_INIT, BFD_HEARD_INIT, BFD_UP, BFD_DIAG_NONE },
    { BFD_INIT, BFD_HEARD_UP, BFD_UP, BFD_DIAG_NONE },
    { BFD_INIT, BFD_HEARD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN },
    { BFD_UP, BFD_HEARD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN },
    { BFD_UP, BFD_HEARD_DOWN, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN },
    { BFD_INIT, BFD_EXPIRED, BFD_DOWN, BFD_DIAG_EXPIRED },
    { BFD_UP, BFD_EXPIRED, BFD_DOWN, BFD_DIAG_EXPIRED },
    { BFD_DOWN, BFD_DISABLE, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
    { BFD_INIT, BFD_DISABLE, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
    { BFD_UP, BFD_DISABLE, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
};

static void test_every_cell_of_the_state_machine_is_that_of_the_rfc(void)
{
    for (uint8_t state = 0; state < BFD_STATES; state++)
        for (uint8_t event = 0; event < BFD_EVENTS; event++) {
            const struct bfd_row *row = bfd_row((enum bfd_state)state, (enum bfd_event)event);
            uint8_t to = state, diag = BFD_DIAG_NONE;
            for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
                if (changes[i].from == state && changes[i].event == event) {
                    to = changes[i].to;
                    diag = changes[i].diag;
                }
            CU_ASSERT_TRUE(row->is_known);
            CU_ASSERT_EQUAL(row->next, to);
            CU_ASSERT_EQUAL(row->diag, diag);
        }
}

/* ---- one machine ---- */

static struct bfd_session *fresh(uint32_t tx_us, uint32_t rx_us, uint8_t mult, uint64_t now_ms)
{
    struct bfd_session *s =
        bfd_session_new(&(struct bfd_session_cfg){ .discriminator = 7,
                                                   .times = { tx_us, rx_us, mult },
                                                   .seed = 1 },
                        now_ms);
    assert(s);
    return s;
}

static struct bfd_packet heard(uint8_t state)
{
    return (struct bfd_packet){ .state = state,
                                .detect_mult = 3,
                                .my_discriminator = 9,
                                .your_discriminator = state == BFD_DOWN ? 0 : 7,
                                .desired_tx_us = state == BFD_UP ? 300000 : 1000000,
                                .required_rx_us = 300000 };
}

/* Takes the events; the state behind the last of them, or 255. */
static uint8_t feed(struct bfd_session *s, struct bfd_packet p, uint64_t now_ms)
{
    struct bfd_session_event e = { .to = 255 };
    bfd_session_feed(s, &p, now_ms);
    while (bfd_session_next(s, &e))
        ;
    return e.to;
}

static uint8_t tick(struct bfd_session *s, uint64_t now_ms)
{
    struct bfd_session_event e = { .to = 255 };
    bfd_session_tick(s, now_ms);
    while (bfd_session_next(s, &e))
        ;
    return e.to;
}

static bool pull(struct bfd_session *s, struct bfd_packet *out)
{
    uint8_t buf[BFD_PACKET];
    size_t len = bfd_session_pull(s, buf, sizeof buf);
    return len == BFD_PACKET && bfd_packet_decode(buf, len, out) == BFD_ACCEPTED;
}

static struct bfd_packet only(struct bfd_session *s)
{
    struct bfd_packet p = { 0 }, more;
    CU_ASSERT_TRUE(pull(s, &p));
    CU_ASSERT_FALSE(pull(s, &more));
    return p;
}

static void drain(struct bfd_session *s)
{
    struct bfd_packet p;
    while (pull(s, &p))
        ;
}

static struct bfd_session *up(uint32_t us, uint8_t mult, uint64_t now_ms)
{
    struct bfd_session *s = fresh(us, us, mult, now_ms);
    feed(s, heard(BFD_DOWN), now_ms);
    CU_ASSERT_EQUAL(feed(s, heard(BFD_UP), now_ms), BFD_UP);
    drain(s);
    return s;
}

/* Up, and the Poll Sequence of coming up is over. */
static struct bfd_session *settled(uint32_t us, uint8_t mult, uint64_t now_ms)
{
    struct bfd_session *s = up(us, mult, now_ms);
    struct bfd_packet final = heard(BFD_UP);
    final.final = true;
    feed(s, final, now_ms);
    drain(s);
    return s;
}

static void test_the_first_packet_goes_at_once_and_says_a_second(void)
{
    struct bfd_session *s = fresh(50000, 60000, 4, 1000);
    CU_ASSERT_EQUAL(bfd_session_deadline(s), 1000);
    struct bfd_packet p = only(s);
    CU_ASSERT_EQUAL(p.state, BFD_DOWN);
    CU_ASSERT_EQUAL(p.diag, BFD_DIAG_NONE);
    CU_ASSERT_EQUAL(p.detect_mult, 4);
    CU_ASSERT_EQUAL(p.my_discriminator, 7);
    CU_ASSERT_EQUAL(p.your_discriminator, 0);
    CU_ASSERT_EQUAL(p.desired_tx_us, 1000000); /* not Up: section 6.8.3 */
    CU_ASSERT_EQUAL(p.required_rx_us, 60000);
    CU_ASSERT_FALSE(p.poll);
    CU_ASSERT_TRUE(bfd_session_deadline(s) >= 1750 && bfd_session_deadline(s) <= 2000);
    bfd_session_free(s);
}

static void test_a_slow_interval_stays_slow_while_down(void)
{
    struct bfd_session *s = fresh(5000000, 5000000, 3, 0);
    CU_ASSERT_EQUAL(only(s).desired_tx_us, 5000000);
    CU_ASSERT_TRUE(bfd_session_deadline(s) >= 3750 && bfd_session_deadline(s) <= 5000);
    bfd_session_free(s);
}

static void test_the_three_way_handshake_comes_up_and_polls(void)
{
    struct bfd_session *s = fresh(50000, 50000, 3, 0);
    drain(s);
    CU_ASSERT_EQUAL(feed(s, heard(BFD_DOWN), 10), BFD_INIT);
    struct bfd_packet p = only(s); /* a change of state does not wait: section 6.8.7 */
    CU_ASSERT_EQUAL(p.state, BFD_INIT);
    CU_ASSERT_EQUAL(p.your_discriminator, 9);
    CU_ASSERT_EQUAL(p.desired_tx_us, 1000000);
    CU_ASSERT_FALSE(p.poll);
    CU_ASSERT_EQUAL(feed(s, heard(BFD_INIT), 20), BFD_UP);
    p = only(s);
    CU_ASSERT_EQUAL(p.state, BFD_UP);
    CU_ASSERT_EQUAL(p.desired_tx_us, 50000);
    CU_ASSERT_TRUE(p.poll); /* the interval changed: section 6.8.3 */
    bfd_session_free(s);
}

static void test_a_poll_goes_on_until_its_final(void)
{
    struct bfd_session *s = up(300000, 3, 0);
    struct bfd_packet final = heard(BFD_UP);
    for (uint64_t now = bfd_session_deadline(s); now < 700; now = bfd_session_deadline(s)) {
        feed(s, heard(BFD_UP), now);
        tick(s, now);
        CU_ASSERT_TRUE(only(s).poll);
    }
    final.final = true;
    feed(s, final, 700);
    tick(s, bfd_session_deadline(s));
    CU_ASSERT_FALSE(only(s).poll);
    bfd_session_free(s);
}

static void test_a_poll_of_the_peer_is_answered_at_once_with_final_and_without_poll(void)
{
    struct bfd_session *s = up(300000, 3, 0); /* polls itself */
    struct bfd_packet p, poll = heard(BFD_UP);
    poll.poll = true;
    uint64_t due = bfd_session_deadline(s);
    feed(s, poll, 10);
    CU_ASSERT_EQUAL(bfd_session_deadline(s), 10);
    p = only(s);
    CU_ASSERT_TRUE(p.final);
    CU_ASSERT_FALSE(p.poll);
    CU_ASSERT_EQUAL(bfd_session_deadline(s), due); /* the periodic packets keep their time */
    bfd_session_free(s);
}

static void test_a_poll_is_answered_although_the_peer_wants_no_periodic_packets(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet quiet = heard(BFD_UP);
    quiet.required_rx_us = 0;
    feed(s, quiet, 10);
    CU_ASSERT_EQUAL(bfd_session_deadline(s), 550); /* only its silence is left, three fifths of its detection time */
    quiet.poll = true;
    feed(s, quiet, 20);
    CU_ASSERT_TRUE(only(s).final);
    tick(s, 800);
    CU_ASSERT_FALSE(pull(s, &quiet));
    feed(s, heard(BFD_UP), 800); /* it wants them again */
    CU_ASSERT_TRUE(bfd_session_deadline(s) <= 1100);
    bfd_session_free(s);
}

static void test_a_peer_in_demand_mode_gets_no_periodic_packets_while_both_are_up(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet demand = heard(BFD_UP);
    demand.demand = true;
    feed(s, demand, 10);
    CU_ASSERT_EQUAL(bfd_session_deadline(s), 550);
    demand.demand = false;
    feed(s, demand, 20);
    CU_ASSERT_TRUE(bfd_session_deadline(s) < 400);
    bfd_session_free(s);
}

static void test_silence_for_the_detection_time_is_down(void)
{
    struct bfd_session *s = settled(50000, 3, 1000); /* the peer sends every 300 ms, three may miss */
    struct bfd_view v;
    CU_ASSERT_EQUAL(tick(s, 1899), 255);
    drain(s);
    CU_ASSERT_EQUAL(tick(s, 1900), BFD_DOWN);
    struct bfd_packet p = only(s);
    CU_ASSERT_EQUAL(p.state, BFD_DOWN);
    CU_ASSERT_EQUAL(p.diag, BFD_DIAG_EXPIRED);
    CU_ASSERT_EQUAL(p.your_discriminator, 0); /* forgotten: section 6.8.1 */
    CU_ASSERT_EQUAL(p.desired_tx_us, 1000000);
    CU_ASSERT_FALSE(p.poll); /* nobody is there to answer */
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.failures, 1);
    CU_ASSERT_EQUAL(v.ups, 1);
    CU_ASSERT_EQUAL(v.detect_mult, 0);
    bfd_session_free(s);
}

static void test_the_detection_time_is_the_slower_rhythm_times_the_peers_multiplier(void)
{
    static const struct {
        uint32_t rx_us, peer_tx_us;
        uint8_t peer_mult;
        uint32_t detect_ms;
    } rows[] = { { 50000, 300000, 3, 900 }, { 300000, 50000, 3, 900 }, { 50000, 50000, 1, 50 },
                 { 50000, 50001, 3, 151 },  { 0, 100000, 255, 25500 }, { 50000, 0, 2, 100 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bfd_session *s = fresh(50000, rows[i].rx_us, 5, 0);
        struct bfd_packet p = heard(BFD_INIT);
        p.desired_tx_us = rows[i].peer_tx_us;
        p.detect_mult = rows[i].peer_mult;
        CU_ASSERT_EQUAL(feed(s, p, 0), BFD_UP);
        CU_ASSERT_EQUAL(tick(s, rows[i].detect_ms - 1), 255);
        CU_ASSERT_EQUAL(tick(s, rows[i].detect_ms), BFD_DOWN);
        bfd_session_free(s);
    }
}

static void test_silence_in_down_forgets_the_peer_without_a_change(void)
{
    struct bfd_session *s = fresh(50000, 50000, 3, 0);
    drain(s);
    struct bfd_packet p = heard(BFD_UP); /* it has not noticed yet that we restarted */
    p.your_discriminator = 7;
    CU_ASSERT_EQUAL(feed(s, p, 0), 255);
    tick(s, 890);
    CU_ASSERT_EQUAL(only(s).your_discriminator, 9);
    CU_ASSERT_EQUAL(tick(s, 900), 255);
    tick(s, 2000);
    CU_ASSERT_EQUAL(only(s).your_discriminator, 0);
    bfd_session_free(s);
}

static void test_the_peers_down_is_down_with_its_diagnostic(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet p = heard(BFD_DOWN);
    p.diag = BFD_DIAG_EXPIRED;
    p.your_discriminator = 7;
    CU_ASSERT_EQUAL(feed(s, p, 100), BFD_DOWN);
    struct bfd_view v;
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.diag, BFD_DIAG_NEIGHBOR_DOWN);
    CU_ASSERT_EQUAL(v.remote_diag, BFD_DIAG_EXPIRED);
    CU_ASSERT_EQUAL(v.remote_state, BFD_DOWN);
    CU_ASSERT_EQUAL(only(s).diag, BFD_DIAG_NEIGHBOR_DOWN);
    bfd_session_free(s);
}

static void test_the_event_says_that_the_peer_was_taken_out_of_service(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_session_event e = { 0 };
    struct bfd_packet p = heard(BFD_ADMIN_DOWN);
    bfd_session_feed(s, &p, 100);
    CU_ASSERT_TRUE(bfd_session_next(s, &e));
    CU_ASSERT_EQUAL(e.from, BFD_UP);
    CU_ASSERT_EQUAL(e.to, BFD_DOWN);
    CU_ASSERT_EQUAL(e.remote_state, BFD_ADMIN_DOWN);
    CU_ASSERT_FALSE(bfd_session_next(s, &e));
    bfd_session_free(s);
}

static void test_jitter_takes_off_a_quarter_at_most_and_with_multiplier_1_a_tenth_at_least(void)
{
    for (uint8_t mult = 1; mult <= 3; mult += 2) {
        struct bfd_session *s = settled(300000, mult, 0);
        uint64_t now = bfd_session_deadline(s), least = UINT64_MAX, most = 0;
        for (int i = 0; i < 2000; i++) {
            feed(s, heard(BFD_UP), now);
            tick(s, now);
            only(s);
            uint64_t gap = bfd_session_deadline(s) - now;
            least = gap < least ? gap : least;
            most = gap > most ? gap : most;
            now += gap;
        }
        CU_ASSERT_EQUAL(least, 225);
        CU_ASSERT_EQUAL(most, mult == 1 ? 270 : 300);
        bfd_session_free(s);
    }
}

static void test_the_peer_slows_us_down_and_speeds_us_up(void)
{
    struct bfd_session *s = settled(50000, 3, 0);
    struct bfd_packet p = heard(BFD_UP);
    struct bfd_view v;
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.tx_us, 300000);
    p.required_rx_us = 2000000;
    feed(s, p, 10);
    CU_ASSERT_TRUE(bfd_session_deadline(s) >= 460); /* its silence comes first */
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.tx_us, 2000000);
    p.required_rx_us = 1;
    feed(s, p, 20);
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.tx_us, 50000);
    CU_ASSERT_TRUE(bfd_session_deadline(s) <= 70);
    bfd_session_free(s);
}

static void test_a_slower_rhythm_of_ours_begins_with_the_final(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet final = heard(BFD_UP);
    struct bfd_view v;
    bfd_session_change(s, &(struct bfd_times){ 900000, 300000, 3 }, 10);
    struct bfd_packet p = only(s);
    CU_ASSERT_TRUE(p.poll);
    CU_ASSERT_EQUAL(p.desired_tx_us, 900000);
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.tx_us, 300000); /* section 6.8.3: not before the peer knows */
    final.final = true;
    feed(s, final, 20);
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.tx_us, 900000);
    bfd_session_free(s);
}

static void test_a_faster_rhythm_of_the_peer_is_counted_on_with_the_final(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet p = heard(BFD_UP);
    struct bfd_view v;
    p.desired_tx_us = 50000;
    bfd_session_change(s, &(struct bfd_times){ 300000, 60000, 3 }, 10);
    CU_ASSERT_EQUAL(only(s).required_rx_us, 60000);
    feed(s, p, 20);
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.detect_us, 900000);
    p.final = true;
    feed(s, p, 30);
    bfd_session_view(s, &v);
    CU_ASSERT_EQUAL(v.detect_us, 180000);
    CU_ASSERT_EQUAL(tick(s, 209), 255);
    CU_ASSERT_EQUAL(tick(s, 210), BFD_DOWN);
    bfd_session_free(s);
}

static void test_a_slower_rhythm_of_the_peer_is_allowed_from_the_word_on(void)
{
    struct bfd_session *s = settled(50000, 3, 0);
    struct bfd_packet p = heard(BFD_UP);
    p.desired_tx_us = 50000;
    feed(s, p, 10);
    bfd_session_change(s, &(struct bfd_times){ 50000, 600000, 3 }, 20);
    CU_ASSERT_EQUAL(tick(s, 160), 255);
    CU_ASSERT_EQUAL(tick(s, 1820), BFD_DOWN);
    bfd_session_free(s);
}

static void test_another_multiplier_is_told_at_once(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    bfd_session_change(s, &(struct bfd_times){ 300000, 300000, 5 }, 10);
    struct bfd_packet p = only(s);
    CU_ASSERT_EQUAL(p.detect_mult, 5);
    CU_ASSERT_FALSE(p.poll); /* no interval changed */
    bfd_session_free(s);
}

static void test_a_disabled_session_says_admin_down_and_takes_no_packet(void)
{
    struct bfd_session *s = settled(300000, 3, 0);
    struct bfd_packet p, poll = heard(BFD_DOWN);
    bfd_session_disable(s, 10);
    struct bfd_session_event e = { 0 };
    CU_ASSERT_TRUE(bfd_session_next(s, &e));
    CU_ASSERT_EQUAL(e.to, BFD_ADMIN_DOWN);
    p = only(s);
    CU_ASSERT_EQUAL(p.state, BFD_ADMIN_DOWN);
    CU_ASSERT_EQUAL(p.diag, BFD_DIAG_ADMIN_DOWN);
    CU_ASSERT_EQUAL(p.your_discriminator, 9);
    CU_ASSERT_EQUAL(p.desired_tx_us, 1000000);
    poll.poll = true;
    CU_ASSERT_EQUAL(feed(s, poll, 20), 255);
    CU_ASSERT_FALSE(pull(s, &p));
    tick(s, 1010);
    CU_ASSERT_EQUAL(only(s).state, BFD_ADMIN_DOWN); /* for a detection time at least: 6.8.16 */
    bfd_session_free(s);
}

static void test_a_paused_process_gives_the_peer_a_whole_detection_time(void)
{
    struct bfd_session *s = settled(50000, 3, 0);
    bfd_session_rearm(s, 30000);
    CU_ASSERT_EQUAL(tick(s, 30899), 255);
    CU_ASSERT_EQUAL(tick(s, 30900), BFD_DOWN);
    bfd_session_free(s);
}

static void test_a_buffer_that_is_too_small_loses_nothing(void)
{
    struct bfd_session *s = fresh(50000, 50000, 3, 0);
    uint8_t small[BFD_PACKET - 1];
    CU_ASSERT_EQUAL(bfd_session_pull(s, small, sizeof small), 0);
    only(s);
    bfd_session_free(s);
}

/* ---- two machines, back to back ---- */

struct wire {
    struct bfd_session *ends[2];
    struct {
        struct bfd_packet packet;
        uint64_t at_ms;
        int to;
    } fly[64];
    size_t flying;
    uint64_t random, delay_ms;
    unsigned loss_percent[2]; /* towards end 0, end 1 */
    unsigned changes;
    uint64_t sent[2];
};

static uint32_t chance(struct wire *w)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->random >> 33);
}

static void send_due(struct wire *w, int from, uint64_t now_ms)
{
    struct bfd_packet p;
    while (pull(w->ends[from], &p)) {
        w->sent[from]++;
        if (chance(w) % 100 < w->loss_percent[!from] || w->flying == 64)
            continue;
        w->fly[w->flying].packet = p;
        w->fly[w->flying].at_ms = now_ms + w->delay_ms;
        w->fly[w->flying++].to = !from;
    }
}

static void step(struct wire *w, uint64_t now_ms)
{
    struct bfd_session_event e;
    for (size_t i = 0; i < w->flying;) {
        if (w->fly[i].at_ms > now_ms) {
            i++;
            continue;
        }
        bfd_session_feed(w->ends[w->fly[i].to], &w->fly[i].packet, now_ms);
        while (bfd_session_next(w->ends[w->fly[i].to], &e))
            w->changes++;
        w->fly[i] = w->fly[--w->flying];
    }
    for (int i = 0; i < 2; i++) {
        if (bfd_session_deadline(w->ends[i]) <= now_ms)
            bfd_session_tick(w->ends[i], now_ms);
        while (bfd_session_next(w->ends[i], &e))
            w->changes++;
        send_due(w, i, now_ms);
    }
}

static struct wire wire(uint32_t us_a, uint32_t us_b, uint64_t seed)
{
    struct wire w = { .random = seed, .delay_ms = 2 };
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t us = i ? us_b : us_a;
        w.ends[i] = bfd_session_new(&(struct bfd_session_cfg){ .discriminator = 100 + i,
                                                               .times = { us, us, 3 },
                                                               .seed = seed * 2 + i },
                                    0);
        assert(w.ends[i]);
    }
    return w;
}

static void unwire(struct wire *w)
{
    bfd_session_free(w->ends[0]);
    bfd_session_free(w->ends[1]);
}

static bool both(const struct wire *w, enum bfd_state state)
{
    return bfd_session_state(w->ends[0]) == state && bfd_session_state(w->ends[1]) == state;
}

static uint64_t run_until(struct wire *w, enum bfd_state state, uint64_t from_ms, uint64_t to_ms)
{
    uint64_t now = from_ms;
    for (; now < to_ms && !both(w, state); now++)
        step(w, now);
    return now;
}

static void test_two_machines_come_up_within_a_round_trip_and_stay_up(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct wire w = wire(50000, 300000, seed);
        CU_ASSERT_TRUE(run_until(&w, BFD_UP, 0, 1000) <= 20);
        unsigned changes_up = w.changes;
        uint64_t before = w.sent[0];
        for (uint64_t now = 20; now < 60020; now++)
            step(&w, now);
        CU_ASSERT_TRUE(both(&w, BFD_UP));
        CU_ASSERT_EQUAL(w.changes, changes_up);
        /* 300 ms on both sides, the slower wish, less jitter: 200 to 267 packets a minute. */
        CU_ASSERT_TRUE(w.sent[0] - before >= 200 && w.sent[0] - before <= 270);
        unwire(&w);
    }
}

static void test_a_wire_that_loses_a_fifth_still_comes_up_and_after_flaps_up_again(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct wire w = wire(50000, 50000, seed);
        w.loss_percent[0] = w.loss_percent[1] = 20;
        uint64_t now = run_until(&w, BFD_UP, 0, 60000);
        CU_ASSERT_TRUE(now < 60000);
        for (; now < 60000; now++)
            step(&w, now);
        w.loss_percent[0] = w.loss_percent[1] = 0;
        CU_ASSERT_TRUE(run_until(&w, BFD_UP, now, now + 5000) < now + 5000);
        unwire(&w);
    }
}

static void test_a_cut_wire_is_down_on_both_sides_in_time(void)
{
    struct wire w = wire(50000, 50000, 3);
    run_until(&w, BFD_UP, 0, 1000);
    for (uint64_t now = 1000; now < 2000; now++)
        step(&w, now);
    w.loss_percent[0] = w.loss_percent[1] = 100;
    uint64_t down = run_until(&w, BFD_DOWN, 2000, 4000);
    CU_ASSERT_TRUE(down >= 2000 + 100 && down <= 2000 + 155);
    w.loss_percent[0] = w.loss_percent[1] = 0;
    CU_ASSERT_TRUE(run_until(&w, BFD_UP, down, down + 2000) <= down + 1020); /* a packet a second */
    unwire(&w);
}

static void test_a_wire_cut_one_way_is_down_on_both_sides(void)
{
    struct wire w = wire(50000, 50000, 4);
    run_until(&w, BFD_UP, 0, 1000);
    w.loss_percent[1] = 100;
    CU_ASSERT_TRUE(run_until(&w, BFD_DOWN, 1000, 3000) <= 1160);
    struct bfd_view heard_end, deaf_end;
    bfd_session_view(w.ends[0], &heard_end);
    bfd_session_view(w.ends[1], &deaf_end);
    CU_ASSERT_EQUAL(deaf_end.diag, BFD_DIAG_EXPIRED);
    CU_ASSERT_EQUAL(heard_end.diag, BFD_DIAG_NEIGHBOR_DOWN);
    unwire(&w);
}

static void test_a_restarted_end_is_taken_back(void)
{
    struct wire w = wire(50000, 50000, 5);
    run_until(&w, BFD_UP, 0, 1000);
    bfd_session_free(w.ends[1]);
    w.ends[1] = bfd_session_new(&(struct bfd_session_cfg){ .discriminator = 555,
                                                           .times = { 50000, 50000, 3 },
                                                           .seed = 8 },
                                1000);
    w.flying = 0;
    step(&w, 1000);
    CU_ASSERT_TRUE(run_until(&w, BFD_UP, 1001, 3000) < 3000);
    struct bfd_view v;
    bfd_session_view(w.ends[0], &v);
    CU_ASSERT_EQUAL(v.remote_discriminator, 555);
    CU_ASSERT_EQUAL(v.failures, 1);
    unwire(&w);
}

static void test_both_poll_sequences_end_and_times_can_change_while_up(void)
{
    struct wire w = wire(50000, 50000, 6);
    uint64_t now = run_until(&w, BFD_UP, 0, 1000);
    unsigned changes_up = w.changes;
    static const uint32_t us[] = { 900000, 60000, 2000000, 50000 };
    for (size_t i = 0; i < sizeof us / sizeof *us; i++) {
        bfd_session_change(w.ends[i % 2], &(struct bfd_times){ us[i], us[i], 3 }, now);
        for (uint64_t end = now + 10000; now < end; now++)
            step(&w, now);
        struct bfd_view v;
        bfd_session_view(w.ends[i % 2], &v);
        CU_ASSERT_TRUE(v.tx_us >= us[i]);
    }
    CU_ASSERT_TRUE(both(&w, BFD_UP));
    CU_ASSERT_EQUAL(w.changes, changes_up);
    bfd_session_tick(w.ends[0], now += 1000);
    CU_ASSERT_FALSE(only(w.ends[0]).poll);
    unwire(&w);
}

static void test_admin_down_reaches_the_other_end(void)
{
    struct wire w = wire(300000, 300000, 7);
    uint64_t now = run_until(&w, BFD_UP, 0, 1000);
    bfd_session_disable(w.ends[0], now);
    for (uint64_t end = now + 5000; now < end; now++)
        step(&w, now);
    struct bfd_view v;
    bfd_session_view(w.ends[1], &v);
    CU_ASSERT_EQUAL(v.state, BFD_DOWN);
    CU_ASSERT_EQUAL(v.remote_state, BFD_ADMIN_DOWN);
    CU_ASSERT_EQUAL(v.failures, 0); /* neither end failed */
    bfd_session_view(w.ends[0], &v);
    CU_ASSERT_EQUAL(v.failures, 0);
    unwire(&w);
}

CU_MAIN("bfd", CU_CASE(test_every_cell_of_the_state_machine_is_that_of_the_rfc),
        CU_CASE(test_the_first_packet_goes_at_once_and_says_a_second),
        CU_CASE(test_a_slow_interval_stays_slow_while_down),
        CU_CASE(test_the_three_way_handshake_comes_up_and_polls),
        CU_CASE(test_a_poll_goes_on_until_its_final),
        CU_CASE(test_a_poll_of_the_peer_is_answered_at_once_with_final_and_without_poll),
        CU_CASE(test_a_poll_is_answered_although_the_peer_wants_no_periodic_packets),
        CU_CASE(test_a_peer_in_demand_mode_gets_no_periodic_packets_while_both_are_up),
        CU_CASE(test_silence_for_the_detection_time_is_down),
        CU_CASE(test_the_detection_time_is_the_slower_rhythm_times_the_peers_multiplier),
        CU_CASE(test_silence_in_down_forgets_the_peer_without_a_change),
        CU_CASE(test_the_peers_down_is_down_with_its_diagnostic),
        CU_CASE(test_the_event_says_that_the_peer_was_taken_out_of_service),
        CU_CASE(test_jitter_takes_off_a_quarter_at_most_and_with_multiplier_1_a_tenth_at_least),
        CU_CASE(test_the_peer_slows_us_down_and_speeds_us_up),
        CU_CASE(test_a_slower_rhythm_of_ours_begins_with_the_final),
        CU_CASE(test_a_faster_rhythm_of_the_peer_is_counted_on_with_the_final),
        CU_CASE(test_a_slower_rhythm_of_the_peer_is_allowed_from_the_word_on),
        CU_CASE(test_another_multiplier_is_told_at_once),
        CU_CASE(test_a_disabled_session_says_admin_down_and_takes_no_packet),
        CU_CASE(test_a_paused_process_gives_the_peer_a_whole_detection_time),
        CU_CASE(test_a_buffer_that_is_too_small_loses_nothing),
        CU_CASE(test_two_machines_come_up_within_a_round_trip_and_stay_up),
        CU_CASE(test_a_wire_that_loses_a_fifth_still_comes_up_and_after_flaps_up_again),
        CU_CASE(test_a_cut_wire_is_down_on_both_sides_in_time),
        CU_CASE(test_a_wire_cut_one_way_is_down_on_both_sides),
        CU_CASE(test_a_restarted_end_is_taken_back),
        CU_CASE(test_both_poll_sequences_end_and_times_can_change_while_up),
        CU_CASE(test_admin_down_reaches_the_other_end))
