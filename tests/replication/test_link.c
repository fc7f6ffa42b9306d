/* Two links back to back, and everything that can be done to the bytes between them. */
#include "replication/link.h"

#include <stdlib.h>

#include "bgp/base/wire.h"
#include "replication/noise.h"
#include "replication/seal.h"
#include "tests/lib/cu.h"
#include "tests/lib/links.h"

enum { WIRE_MAX = 64 * 1024, EVENTS_MAX = 64, PREFACE = 52 + 16, FRAMES_MAX = 64 };

/* Node 1 dials node 2. What each side wrote is kept, byte by byte. */
struct pair {
    struct links x;
    struct repl_link_cfg cfg[2];
    struct repl_link *end[2]; /* 0 the initiator */
    uint8_t wire[2][WIRE_MAX];
    size_t written[2], read[2]; /* by the end that writes; the other reads */
    struct repl_link_event events[2][EVENTS_MAX];
    uint8_t kinds[2][EVENTS_MAX]; /* of messages, by event */
    int event_count[2];
    size_t chunk; /* bytes that arrive at once */
    uint64_t now;
};

static void begin(struct pair *p)
{
    *p = (struct pair){ .chunk = WIRE_MAX, .now = 1000 };
    links_init(&p->x);
    p->cfg[0] = links_cfg(&p->x, 1, 2, true);
    p->cfg[1] = links_cfg(&p->x, 2, 1, false);
    p->cfg[0].hello.your_incarnation = p->cfg[0].seen[2];
}

static void open_links(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        p->end[i] = repl_link_new(&p->cfg[i], p->now);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p->end[i]);
    }
}

static void end(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        repl_link_free(p->end[i]);
}

static void take_events(struct pair *p, int side)
{
    struct repl_link_event e;
    while (repl_link_next(p->end[side], &e)) {
        CU_ASSERT_FATAL(p->event_count[side] < EVENTS_MAX);
        p->kinds[side][p->event_count[side]] = e.msg ? e.msg->kind : 0;
        p->events[side][p->event_count[side]++] = e;
    }
}

/* As many bytes as the link takes; what it wants more of stays. */
static size_t feed(struct pair *p, int side, const uint8_t *data, size_t len)
{
    size_t used = 0;
    for (size_t n = 1; n && used < len; used += n) {
        n = repl_link_feed(p->end[side], data + used, len - used, p->now);
        take_events(p, side);
    }
    return used;
}

static void pull(struct pair *p, int side)
{
    size_t n;
    while ((n = repl_link_pull(p->end[side], p->wire[side] + p->written[side],
                               WIRE_MAX - p->written[side])))
        p->written[side] += n;
}

/* Deliver what is on the wire until nothing moves any more. */
static void run(struct pair *p)
{
    size_t arrived[2] = { p->read[0], p->read[1] };
    for (bool moved = true; moved;) {
        moved = false;
        for (int from = 0; from < 2; from++) {
            pull(p, from);
            size_t rest = p->written[from] - arrived[from];
            if (!rest)
                continue;
            arrived[from] += rest < p->chunk ? rest : p->chunk;
            p->read[from] += feed(p, 1 - from, p->wire[from] + p->read[from],
                                  arrived[from] - p->read[from]);
            moved = true;
        }
    }
}

static int count(const struct pair *p, int side, enum repl_link_event_kind kind)
{
    int n = 0;
    for (int i = 0; i < p->event_count[side]; i++)
        n += p->events[side][i].kind == kind;
    return n;
}

static enum repl_link_failure failure(const struct pair *p, int side)
{
    for (int i = 0; i < p->event_count[side]; i++)
        if (p->events[side][i].kind == REPL_LINK_FAILED)
            return (enum repl_link_failure)p->events[side][i].failure;
    return REPL_FAIL_NONE;
}

static void say_beat(struct pair *p, int side, uint64_t counter)
{
    struct repl_msg m = { .kind = REPL_BEAT, .beat = { .counter = counter } };
    CU_ASSERT_EQUAL(repl_link_send(p->end[side], &m, p->now), 0);
}

/* ---- what must work ---- */

static void test_both_sides_come_up_and_know_each_other(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    for (int side = 0; side < 2; side++) {
        CU_ASSERT_EQUAL(p.event_count[side], 1);
        CU_ASSERT_EQUAL(p.events[side][0].kind, REPL_LINK_UP);
        CU_ASSERT_TRUE(repl_link_is_up(p.end[side]));
        CU_ASSERT_EQUAL(p.events[side][0].party->id, side ? 1 : 2);
        CU_ASSERT_EQUAL(p.events[side][0].hello->incarnation, side ? 101 : 102);
        CU_ASSERT_EQUAL(p.events[side][0].hello->your_incarnation, side ? 72 : 71);
        CU_ASSERT_EQUAL(repl_link_deadline(p.end[side]), UINT64_MAX);
    }
    end(&p);
}

static void test_one_byte_at_a_time_gives_the_same(void)
{
    static struct pair p;
    begin(&p);
    p.chunk = 1;
    open_links(&p);
    run(&p);
    say_beat(&p, 0, 5);
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 0, REPL_LINK_UP), 1);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_UP), 1);
    CU_ASSERT_EQUAL(p.kinds[1][1], REPL_BEAT);
    end(&p);
}

static void test_messages_arrive_in_order_both_ways(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    for (uint64_t i = 1; i <= 20; i++) {
        say_beat(&p, 0, i);
        say_beat(&p, 1, i);
    }
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 0, REPL_LINK_MSG), 20);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_MSG), 20);
    end(&p);
}

static void test_an_orderly_end_is_told_from_a_broken_one(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    repl_link_finish(p.end[0], p.now);
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_ENDED), 1);
    repl_link_closed(p.end[1]);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_NONE);
    end(&p);
}

static void test_a_close_without_final_is_a_failure(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    repl_link_closed(p.end[1]);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_TRUNCATED);
    CU_ASSERT_FALSE(repl_link_is_up(p.end[1]));
    end(&p);
}

static void test_after_the_end_nothing_is_read(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    say_beat(&p, 0, 1);
    pull(&p, 0);
    repl_link_closed(p.end[1]);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(feed(&p, 1, p.wire[0] + p.read[0], p.written[0] - p.read[0]), 0);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_MSG), 0);
    end(&p);
}

/* C1: what the responder has heard before CONFIRM is a message that anybody could have recorded. */
static void test_nothing_acts_before_confirm(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    pull(&p, 0);
    feed(&p, 1, p.wire[0], p.written[0]); /* preface and message 1 */
    CU_ASSERT_EQUAL(p.event_count[1], 0);
    CU_ASSERT_FALSE(repl_link_is_up(p.end[1]));
    struct repl_msg m = { .kind = REPL_BEAT };
    CU_ASSERT_EQUAL(repl_link_send(p.end[1], &m, p.now), REPL_ERR_SPACE);
    size_t first = p.written[0];
    pull(&p, 1);
    feed(&p, 0, p.wire[1], p.written[1]);
    pull(&p, 0);
    size_t confirm = p.written[0] - first;
    CU_ASSERT_EQUAL(feed(&p, 1, p.wire[0] + first, confirm - 1), SEAL_HEADER); /* all but its last byte */
    CU_ASSERT_EQUAL(p.event_count[1], 0);
    end(&p);
}

static void test_a_handshake_that_does_not_end_times_out(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    uint64_t due = repl_link_deadline(p.end[1]);
    CU_ASSERT_EQUAL(due, p.now + 5000);
    repl_link_tick(p.end[1], due - 1);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(p.event_count[1], 0);
    repl_link_tick(p.end[1], due);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_TIMEOUT);
    end(&p);
}

/* ---- who must not get in ---- */

/* Runs with one thing changed; the responder must fail like this and nobody may come up there. */
static void expect_failure(struct pair *p, enum repl_link_failure wanted)
{
    open_links(p);
    run(p);
    CU_ASSERT_EQUAL(failure(p, 1), wanted);
    CU_ASSERT_EQUAL(count(p, 1, REPL_LINK_UP), 0);
    CU_ASSERT_EQUAL(count(p, 0, REPL_LINK_UP), 0);
    end(p);
}

static void test_another_secret_is_refused(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].secrets = &p.x.other_secrets;
    expect_failure(&p, REPL_FAIL_CLUSTER);
}

/* While it is rotated, the responder has two, and the initiator the newer or the older one. */
static void test_either_of_two_secrets_is_accepted_and_named(void)
{
    static struct pair p;
    for (int newer = 0; newer < 2; newer++) {
        begin(&p);
        p.cfg[0].secrets = newer ? &p.x.other_secrets : &p.x.secrets;
        p.cfg[1].next_secrets = &p.x.other_secrets;
        open_links(&p);
        run(&p);
        for (int side = 0; side < 2; side++) {
            CU_ASSERT_EQUAL(count(&p, side, REPL_LINK_UP), 1);
            CU_ASSERT_EQUAL(repl_link_secret_id(p.end[side]), wire_get32(p.cfg[0].secrets->psk_id));
        }
        end(&p);
    }
}

/* It names one of two and was made with the other: the mac says so, before any key is agreed upon. */
static void test_a_secret_under_the_name_of_another_is_refused(void)
{
    static struct pair p;
    begin(&p);
    struct repl_secrets liar = p.x.secrets;
    memcpy(liar.psk_id, p.x.other_secrets.psk_id, sizeof liar.psk_id);
    p.cfg[0].secrets = &liar;
    p.cfg[1].next_secrets = &p.x.other_secrets;
    expect_failure(&p, REPL_FAIL_CLUSTER);
}

static void test_the_next_secret_of_nodes_is_none_for_agents(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].role = REPL_ROLE_AGENT;
    p.cfg[0].secrets = &p.x.other_secrets;
    p.cfg[1].next_secrets = &p.x.other_secrets;
    p.cfg[1].agent_secrets = &p.x.secrets;
    expect_failure(&p, REPL_FAIL_CLUSTER);
}

static void test_agents_may_use_the_next_secret_of_agents(void)
{
    static struct pair p;
    begin(&p);
    struct repl_party agent = repl_party(REPL_ROLE_AGENT, 0, p.cfg[0].identity->public_key);
    p.cfg[0].role = REPL_ROLE_AGENT;
    p.cfg[0].secrets = &p.x.other_secrets;
    p.cfg[1].next_agent_secrets = &p.x.other_secrets;
    p.cfg[1].parties = &agent;
    p.cfg[1].party_count = 1;
    open_links(&p);
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_UP), 1);
    CU_ASSERT_EQUAL(repl_link_secret_id(p.end[1]), wire_get32(p.x.other_secrets.psk_id));
    end(&p);
}

/* What nodes speak among themselves goes on without them. */
static void test_agents_have_a_minor_of_their_own(void)
{
    static struct pair p;
    begin(&p);
    struct repl_party agent = repl_party(REPL_ROLE_AGENT, 0, p.cfg[0].identity->public_key);
    p.cfg[0].role = REPL_ROLE_AGENT;
    p.cfg[0].secrets = p.cfg[1].agent_secrets = &p.x.other_secrets;
    p.cfg[0].hello.minor_min = p.cfg[0].hello.minor_max = REPL_TABLE_MINOR;
    p.cfg[1].hello.minor_min = 30;
    p.cfg[1].hello.minor_max = 40;
    p.cfg[1].parties = &agent;
    open_links(&p);
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 0, REPL_LINK_UP) + count(&p, 1, REPL_LINK_UP), 2);
    end(&p);
}

static void test_another_cluster_is_refused(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].cluster_id[0] ^= 1;
    expect_failure(&p, REPL_FAIL_CLUSTER);
}

static void test_a_key_that_is_not_configured_is_refused(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].identity = &p.x.ids[3];
    expect_failure(&p, REPL_FAIL_PARTY);
}

static void test_a_node_that_means_another_one_is_refused(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].parties = &p.x.parties[3];
    expect_failure(&p, REPL_FAIL_ADDRESSEE);
}

static void test_an_agent_is_refused_where_there_are_none(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].role = REPL_ROLE_AGENT;
    expect_failure(&p, REPL_FAIL_PARTY);
}

/* It shows node 1's public key and does not hold the secret half. */
static void test_a_claimed_key_must_be_held(void)
{
    static struct pair p;
    begin(&p);
    struct repl_identity liar = p.x.ids[3];
    memcpy(liar.public_key, p.x.ids[1].public_key, REPL_KEY);
    p.cfg[0].identity = &liar;
    expect_failure(&p, REPL_FAIL_HANDSHAKE);
}

static void test_a_key_under_another_nodes_number_is_refused(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].hello.node = 3;
    expect_failure(&p, REPL_FAIL_PARTY);
}

static void test_versions_must_overlap(void)
{
    static struct pair p;
    begin(&p);
    p.cfg[0].hello.minor_min = p.cfg[0].hello.minor_max = 2;
    expect_failure(&p, REPL_FAIL_VERSION);
    CU_ASSERT_EQUAL(failure(&p, 0), REPL_FAIL_VERSION); /* it knows, too */
    begin(&p);
    p.cfg[0].hello.algo_min = p.cfg[0].hello.algo_max = 2;
    expect_failure(&p, REPL_FAIL_VERSION);
    CU_ASSERT_EQUAL(failure(&p, 0), REPL_FAIL_VERSION); /* it knows, too */
    begin(&p);
    p.cfg[0].hello.minor_max = 2;
    open_links(&p);
    run(&p);
    CU_ASSERT_EQUAL(count(&p, 0, REPL_LINK_UP) + count(&p, 1, REPL_LINK_UP), 2);
    end(&p);
}

static void test_garbage_is_told_from_its_first_byte(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    feed(&p, 1, (const uint8_t *)"GET / HTTP/1.1\r\n", 16);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_PREFACE);
    CU_ASSERT_EQUAL(repl_link_queued(p.end[1]), 0);
    end(&p);
}

/* ---- the handshake under a hostile wire ---- */

static void test_a_changed_byte_anywhere_in_the_handshake_ends_it(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    size_t lens[2] = { p.written[0], p.written[1] };
    end(&p);
    for (int from = 0; from < 2; from++)
        for (size_t at = 0; at < lens[from]; at++) {
            begin(&p);
            open_links(&p);
            for (bool moved = true; moved;) {
                moved = false;
                for (int i = 0; i < 2; i++) {
                    size_t before = p.written[i];
                    pull(&p, i);
                    if (i == from && before <= at && at < p.written[i])
                        p.wire[i][at] ^= 0x40;
                    size_t n = feed(&p, 1 - i, p.wire[i] + p.read[i], p.written[i] - p.read[i]);
                    p.read[i] += n;
                    moved |= p.written[i] != before;
                }
            }
            /* A longer length in the clear only makes it wait: then the deadline ends it. */
            for (int i = 0; i < 2; i++) {
                repl_link_tick(p.end[i], p.now + 5000);
                take_events(&p, i);
            }
            CU_ASSERT_EQUAL(count(&p, 1 - from, REPL_LINK_UP), 0);
            CU_ASSERT_NOT_EQUAL(failure(&p, 1 - from), REPL_FAIL_NONE);
            end(&p);
        }
}

/* C3: a recording of the initiator, in part or whole, changes nothing at a fresh responder. */
static void test_replayed_recordings_change_nothing(void)
{
    static struct pair p, fresh;
    begin(&p);
    open_links(&p);
    pull(&p, 0);
    size_t first = p.written[0];
    run(&p);
    say_beat(&p, 0, 1);
    run(&p);
    begin(&fresh);
    open_links(&fresh);
    CU_ASSERT_EQUAL(feed(&fresh, 1, p.wire[0], first), first);
    CU_ASSERT_TRUE(repl_link_queued(fresh.end[1]) > 0); /* it answers: five multiplications */
    CU_ASSERT_EQUAL(fresh.event_count[1], 0);
    feed(&fresh, 1, p.wire[0] + first, p.written[0] - first);
    CU_ASSERT_EQUAL(failure(&fresh, 1), REPL_FAIL_FRAME);
    CU_ASSERT_EQUAL(count(&fresh, 1, REPL_LINK_UP), 0);
    end(&fresh);
    end(&p);
}

static void test_a_replayed_answer_does_not_bring_the_initiator_up(void)
{
    static struct pair p, fresh;
    begin(&p);
    open_links(&p);
    run(&p);
    begin(&fresh);
    open_links(&fresh);
    feed(&fresh, 0, p.wire[1], p.written[1]);
    CU_ASSERT_EQUAL(failure(&fresh, 0), REPL_FAIL_HANDSHAKE);
    CU_ASSERT_EQUAL(count(&fresh, 0, REPL_LINK_UP), 0);
    end(&fresh);
    end(&p);
}

static void test_a_message_reflected_to_its_sender_is_refused(void)
{
    static struct pair p;
    begin(&p);
    open_links(&p);
    run(&p);
    say_beat(&p, 0, 1);
    size_t at = p.written[0];
    pull(&p, 0);
    feed(&p, 0, p.wire[0] + at, p.written[0] - at);
    CU_ASSERT_EQUAL(failure(&p, 0), REPL_FAIL_FRAME);
    end(&p);
}

/* ---- frames ---- */

/* One sealed frame of node 1 on the wire; returns where it begins. */
static size_t one_frame(struct pair *p)
{
    begin(p);
    open_links(p);
    run(p);
    say_beat(p, 0, 1);
    size_t at = p->written[0];
    pull(p, 0);
    return at;
}

static void test_a_changed_byte_anywhere_in_a_frame_is_refused(void)
{
    static struct pair p;
    for (size_t offset = 0;; offset++) {
        size_t at = one_frame(&p);
        if (at + offset == p.written[0]) {
            end(&p);
            return;
        }
        p.wire[0][at + offset] ^= 0x01;
        feed(&p, 1, p.wire[0] + at, p.written[0] - at);
        CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_MSG), 0);
        end(&p);
    }
}

static void test_a_replayed_frame_is_refused(void)
{
    static struct pair p;
    size_t at = one_frame(&p);
    feed(&p, 1, p.wire[0] + at, p.written[0] - at);
    feed(&p, 1, p.wire[0] + at, p.written[0] - at);
    CU_ASSERT_EQUAL(count(&p, 1, REPL_LINK_MSG), 1);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_FRAME);
    end(&p);
}

static void test_a_truncated_frame_waits_and_the_close_is_reported(void)
{
    static struct pair p;
    size_t at = one_frame(&p);
    for (size_t len = 1; len < p.written[0] - at; len++)
        CU_ASSERT_EQUAL(feed(&p, 1, p.wire[0] + at, len), 0);
    CU_ASSERT_EQUAL(p.event_count[1], 1);
    repl_link_closed(p.end[1]);
    take_events(&p, 1);
    CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_TRUNCATED);
    end(&p);
}

static void test_lengths_out_of_bounds_are_refused_at_once(void)
{
    static const uint16_t lengths[] = { 0, 1, SEAL_OVERHEAD - 3, REPL_PAYLOAD_MAX + SEAL_OVERHEAD - 1,
                                        UINT16_MAX };
    static struct pair p;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        begin(&p);
        open_links(&p);
        run(&p);
        uint8_t head[2];
        wire_set16(head, lengths[i]);
        feed(&p, 1, head, sizeof head);
        CU_ASSERT_EQUAL(failure(&p, 1), REPL_FAIL_FRAME);
        end(&p);
    }
}

/* ---- back-pressure ---- */

static void test_the_queue_is_bounded_and_goes_on_after_a_pull(void)
{
    static struct pair p;
    static uint8_t sink[WIRE_MAX];
    begin(&p);
    open_links(&p);
    run(&p);
    struct repl_msg m = { .kind = REPL_BEAT };
    int err = 0;
    long sent = 0;
    for (; !err && sent < 1000000; sent++)
        err = repl_link_send(p.end[0], &m, p.now);
    CU_ASSERT_EQUAL(err, REPL_ERR_SPACE);
    CU_ASSERT_TRUE(repl_link_queued(p.end[0]) <= 256 * 1024 + 4096);
    CU_ASSERT_TRUE(repl_link_is_up(p.end[0]));
    CU_ASSERT_EQUAL(repl_link_pull(p.end[0], sink, sizeof sink), sizeof sink);
    CU_ASSERT_EQUAL(repl_link_send(p.end[0], &m, p.now), 0);
    end(&p);
}

CU_MAIN("link", CU_CASE(test_both_sides_come_up_and_know_each_other),
        CU_CASE(test_one_byte_at_a_time_gives_the_same), CU_CASE(test_messages_arrive_in_order_both_ways),
        CU_CASE(test_an_orderly_end_is_told_from_a_broken_one),
        CU_CASE(test_a_close_without_final_is_a_failure), CU_CASE(test_after_the_end_nothing_is_read),
        CU_CASE(test_nothing_acts_before_confirm), CU_CASE(test_a_handshake_that_does_not_end_times_out),
        CU_CASE(test_another_secret_is_refused), CU_CASE(test_either_of_two_secrets_is_accepted_and_named),
        CU_CASE(test_a_secret_under_the_name_of_another_is_refused),
        CU_CASE(test_the_next_secret_of_nodes_is_none_for_agents),
        CU_CASE(test_agents_may_use_the_next_secret_of_agents), CU_CASE(test_agents_have_a_minor_of_their_own),
        CU_CASE(test_another_cluster_is_refused),
        CU_CASE(test_a_key_that_is_not_configured_is_refused),
        CU_CASE(test_a_node_that_means_another_one_is_refused),
        CU_CASE(test_an_agent_is_refused_where_there_are_none), CU_CASE(test_a_claimed_key_must_be_held),
        CU_CASE(test_a_key_under_another_nodes_number_is_refused), CU_CASE(test_versions_must_overlap),
        CU_CASE(test_garbage_is_told_from_its_first_byte),
        CU_CASE(test_a_changed_byte_anywhere_in_the_handshake_ends_it),
        CU_CASE(test_replayed_recordings_change_nothing),
        CU_CASE(test_a_replayed_answer_does_not_bring_the_initiator_up),
        CU_CASE(test_a_message_reflected_to_its_sender_is_refused),
        CU_CASE(test_a_changed_byte_anywhere_in_a_frame_is_refused),
        CU_CASE(test_a_replayed_frame_is_refused),
        CU_CASE(test_a_truncated_frame_waits_and_the_close_is_reported),
        CU_CASE(test_lengths_out_of_bounds_are_refused_at_once),
        CU_CASE(test_the_queue_is_bounded_and_goes_on_after_a_pull))
