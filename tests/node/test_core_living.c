/* What nodes that are alive have in common. */
#include "node/core/core_impl.h"
#include "tests/lib/pair_lab.h"

static struct pair *linked(void)
{
    struct pair *p = pair_open();
    pair_pass(p, 400);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pair_view(p, i).state, REPL_MEMBER_ALIVE);
    return p;
}

static uint16_t algo(const struct pair *p)
{
    struct core_status s;
    core_status(p->core[0], p->now, &s);
    return s.algo;
}

/* D5. Of a dead node it does not matter what it had. */
static void test_the_decision_is_the_oldest_that_a_living_node_has(void)
{
    struct pair *p = linked();
    CU_ASSERT_EQUAL(algo(p), CORE_ALGO_VERSION);
    p->core[0]->members[2].algo_max = CORE_ALGO_VERSION + 1;
    CU_ASSERT_EQUAL(algo(p), CORE_ALGO_VERSION);
    p->core[0]->members[2].algo_max = 0; /* not told */
    CU_ASSERT_EQUAL(algo(p), CORE_ALGO_VERSION);
    pair_kill(p, 1);
    pair_pass(p, 1000);
    CU_ASSERT_EQUAL(algo(p), CORE_ALGO_VERSION);
    pair_free(p);
}

/* ---- the protocol's minor ---- */

static void start_with_minor(struct pair *p, uint16_t minor)
{
    pair_start(p, 1);
    p->core[1]->minor = minor;
    pair_pass(p, 4000); /* evidence heals for three seconds */
}

/* Scenario 13: each gets batches as it reads them, and their tables are compared all the time. */
static void test_a_node_of_the_minor_before_is_spoken_with_until_it_is_upgraded(void)
{
    struct pair *p = linked();
    for (int i = 0; i < 3; i++) {
        uint16_t minor = (uint16_t)(p->core[0]->minor - i % 2);
        pair_kill(p, 1);
        pair_pass(p, 1000);
        start_with_minor(p, minor);
        for (int side = 0; side < 2; side++) {
            const struct core_member *other = &p->core[side]->members[2 - side];
            const struct repl_sender *s = &other->senders[side + 1];
            CU_ASSERT_EQUAL(other->minor, minor);
            CU_ASSERT_TRUE(s->active && s->cut_sent && s->is_nested == (minor < p->core[0]->minor));
            CU_ASSERT_TRUE(pair_view(p, side).has_digest && pair_view(p, side).digest_equal);
        }
    }
    pair_free(p);
}

static void test_a_node_of_the_minor_before_that_is_refused_with_a_reason(void)
{
    struct pair *p = linked();
    pair_kill(p, 1);
    pair_pass(p, 1000);
    start_with_minor(p, (uint16_t)(p->core[0]->minor - 2));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(pair_view(p, i).state, REPL_MEMBER_AUTH_FAILED);
        CU_ASSERT_STRING_EQUAL(pair_view(p, i).last_error, "no protocol version in common: upgrade the older side");
    }
    pair_free(p);
}

/* C5 */
static void test_a_link_that_is_cut_off_is_told_from_one_that_ends(void)
{
    struct pair *p = linked();
    pair_kill(p, 1);
    CU_ASSERT_TRUE(pair_heard(p, 0, "cluster_link_failed", "without an orderly end"));
    CU_ASSERT_STRING_EQUAL(pair_view(p, 0).last_error, "the connection was closed without an orderly end");
    pair_free(p);
    p = linked();
    core_stop(p->core[1], p->now);
    pair_pass(p, 100);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_LEFT);
    p->seen[0] = 0;
    CU_ASSERT_FALSE(pair_heard(p, 0, "cluster_link_failed", NULL));
    pair_free(p);
}

static uint32_t told_age(const struct core *c)
{
    struct repl_beat beat = { 0 };
    core_heard_say(c, &beat);
    return beat.heard[0].age_ms;
}

/* It stops while the first one sleeps, who finds its beats when it wakes. */
static void test_who_has_slept_does_not_tell_beats_for_fresh_that_waited_for_it(void)
{
    struct pair *p = linked();
    CU_ASSERT(told_age(p->core[0]) < 100);
    for (int ms = 0; ms < 200; ms++, p->now++) {
        core_turn(p->core[1], p->now);
        for (int i = 0; i < PAIR_PIPES; i++)
            if (p->pipes[i].end[1])
                pair_move(p, &p->pipes[i], 1);
    }
    p->now += 5000;
    core_turn(p->core[0], p->now);
    CU_ASSERT_EQUAL(p->core[0]->members[2].life.heard_ms, p->now); /* they were read, … */
    CU_ASSERT(told_age(p->core[0]) > 5000);                        /* … and are old */
    pair_pass(p, 1000);
    CU_ASSERT(told_age(p->core[0]) < 100);
    pair_free(p);
}

/* It dies meanwhile: then its last beats are all that the first one finds, and the end of the link behind them. */
static void test_who_has_slept_does_not_tell_last_beats_for_fresh(void)
{
    struct pair *p = linked();
    CU_ASSERT(told_age(p->core[0]) < 100);
    for (int ms = 0; ms < 200; ms++, p->now++) {
        core_turn(p->core[1], p->now);
        for (int i = 0; i < PAIR_PIPES; i++)
            if (p->pipes[i].end[1])
                pair_move(p, &p->pipes[i], 1);
    }
    p->now += 5000;
    pair_kill(p, 1);
    core_turn(p->core[0], p->now);
    CU_ASSERT_FALSE(p->core[0]->members[2].has_heard);
    CU_ASSERT(told_age(p->core[0]) > 5000);
    pair_free(p);
}

static uint8_t told_class(const struct core *c, uint32_t origin)
{
    enum { CLASS = 0x07 };
    struct repl_beat beat = { 0 };
    core_positions(c, &beat);
    for (int i = 0; i < beat.position_count; i++)
        if (beat.positions[i].origin == origin)
            return beat.positions[i].status & CLASS;
    return RIB_GONE;
}

/* I1: a third node that starts would take what was withdrawn there before for the last word. Also where nothing was said yet. */
static void test_who_has_slept_tells_no_copy_for_a_live_one_before_its_node_has_answered(void)
{
    struct pair *p = linked();
    CU_ASSERT_EQUAL(told_class(p->core[0], 2), RIB_LIVE);
    p->now += 5000;
    core_turn(p->core[0], p->now);
    CU_ASSERT_EQUAL(p->core[0]->rib.origins[2].class, RIB_LIVE); /* nobody is judged yet, … */
    CU_ASSERT_EQUAL(told_class(p->core[0], 2), RIB_GRACE);       /* … and nobody told that it lives */
    CU_ASSERT_EQUAL(told_class(p->core[0], 1), RIB_LIVE);
    pair_pass(p, 1000);
    CU_ASSERT_EQUAL(told_class(p->core[0], 2), RIB_LIVE);
    pair_free(p);
}

/* I1: so for one that is read from the other's copy. What waited in the socket tells it for alive as of before the sleep. */
static void test_who_is_read_over_another_one_is_not_heard_before_that_one_has_answered(void)
{
    struct pair *p = pair_open_of_three();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    struct repl_beat *b = &c->members[2].heard;
    for (int i = 0; i < b->position_count; i++)
        if (b->positions[i].origin == 3)
            b->positions[i] = (struct repl_position){ .origin = 3, .incarnation = 7, .version = 5 };
    m->source = &c->members[2];
    m->life.state = REPL_MEMBER_ALIVE;
    m->replica.incarnation = 7;
    m->replica.position = 5;
    m->replica.cut_seen = true;
    c->rib.origins[3].before = 1;
    c->hearsay_since_ms = c->now_ms;
    c->woke_counter = b->echo + 1;
    m->told_ms = ++c->now_ms;
    core_living_tick(c);
    CU_ASSERT_NOT_EQUAL(c->rib.origins[3].before, 0);
    b->echo = c->woke_counter;
    core_living_tick(c);
    CU_ASSERT_EQUAL(c->rib.origins[3].before, 0);
    pair_free(p);
}

static bool is_shaking_hands(struct core *c)
{
    LIST_EACH(node, &c->links)
    {
        const struct core_conn *conn = LIST_OF(node, struct core_conn, work);
        if (conn->connected && !conn->authenticated)
            return true;
    }
    return false;
}

/* The other one would wait for what we say under the number of before. */
static void test_who_raises_its_number_in_the_middle_of_a_handshake_is_read_under_the_new_one(void)
{
    enum { LATER = 9 << 16 };
    struct pair *p = pair_open();
    for (int ms = 0; ms < 100 && !is_shaking_hands(p->core[0]); ms++)
        pair_pass(p, 1);
    CU_ASSERT_PTR_NULL_FATAL(p->core[0]->members[2].link);
    core_cluster_raise(p->core[0], LATER);
    pair_pass(p, 1000);
    const struct core_member *m = &p->core[1]->members[1];
    CU_ASSERT_EQUAL(pair_view(p, 1).state, REPL_MEMBER_ALIVE);
    CU_ASSERT_TRUE(m->replica.incarnation > LATER);
    CU_ASSERT_EQUAL(m->replica.incarnation, p->core[0]->incarnation);
    CU_ASSERT_TRUE(m->replica.cut_seen);
    pair_free(p);
}

/* A third node's routes: held by both, and gone at both when the lower one says so. */
static void test_only_the_lowest_of_the_living_ends_a_hold_by_its_own_timer(void)
{
    struct pair *p = pair_open_of_three();
    pair_pass(p, 500);
    CU_ASSERT_EQUAL(p->core[0]->hold_times.follow_ms, 0);
    CU_ASSERT_TRUE(p->core[1]->hold_times.follow_ms > 0);
    pair_kill(p, 0);
    pair_pass(p, 500);
    CU_ASSERT_EQUAL(p->core[1]->hold_times.follow_ms, 0);
    pair_free(p);
}

/* S5: who has been out of reach of a dead node holds what that said for as long as the others, who heard it later. */
static void test_a_hold_runs_from_when_anybody_heard_it_also_if_that_is_learnt_later(void)
{
    struct pair *p = pair_open_of_three();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    struct repl_beat *b = &c->members[2].heard;
    m->life.state = REPL_MEMBER_DEAD;
    m->life.heard_ms = c->now_ms - 450;
    c->now_ms += 9000;
    b->heard_count = 1;
    b->heard[0] = (struct repl_heard){ .node = 3, .incarnation = 7, .counter = 9, .age_ms = 9000 };
    core_heard_take(c, &c->members[2]);
    CU_ASSERT_EQUAL(m->life.state, REPL_MEMBER_DEAD);
    core_evidence_tick(c);
    CU_ASSERT_EQUAL(c->hold_times.heard_ms[3], c->now_ms - 9000);
    pair_free(p);
}

/* L1: neither has read that life, which has ended. What one knows of it the other has from it. */
static void test_a_rumour_of_a_life_that_nobody_has_read_grows_old(void)
{
    struct pair *p = pair_open_of_three();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    struct repl_beat *b = &c->members[2].heard, own;
    m->replica.incarnation = 7;
    b->heard_count = 1;
    b->heard[0] = (struct repl_heard){ .node = 3, .incarnation = 8, .counter = 9, .age_ms = 100 };
    core_heard_take(c, &c->members[2]);
    CU_ASSERT_EQUAL(m->life.state, REPL_MEMBER_ALIVE);
    for (int i = 0; i < 20; i++) { /* it takes as long to come as the next beat does */
        core_heard_say(c, &own);
        CU_ASSERT_EQUAL(own.heard[own.heard_count - 1].counter, 9);
        b->heard[0].counter = own.heard[own.heard_count - 1].counter;
        b->heard[0].age_ms = own.heard[own.heard_count - 1].age_ms;
        c->now_ms += 50;
        core_heard_take(c, &c->members[2]);
    }
    CU_ASSERT_EQUAL(m->life.heard_ms, c->now_ms - 1000 - 100);
    CU_ASSERT_TRUE(repl_member_tick(&m->life, 0, c->now_ms));
    CU_ASSERT_EQUAL(m->life.state, REPL_MEMBER_DEAD);
    pair_free(p);
}

static void test_a_status_tells_what_is_held_and_what_has_expired(void)
{
    struct rib_origin o = { .order = { .next = 10 }, .class = RIB_STALE, .paths = 3 };
    CU_ASSERT_EQUAL(core_origin_status(&o), RIB_STALE);
    o.is_partial = true; /* an NVA's copies went; the others are held */
    CU_ASSERT_EQUAL(core_origin_status(&o), RIB_STALE);
    o.paths = 0; /* it had no other */
    CU_ASSERT_EQUAL(core_origin_status(&o), RIB_STALE);
    o.flushed = 9; /* all went by time */
    CU_ASSERT_NOT_EQUAL(core_origin_status(&o), RIB_STALE);
    o = (struct rib_origin){ .class = RIB_LIVE, .is_partial = true };
    CU_ASSERT_EQUAL(core_origin_status(&o), RIB_LIVE);
    o = (struct rib_origin){ .old = 1, .old_class = RIB_GRACE, .paths = 1 };
    CU_ASSERT_EQUAL(core_origin_status(&o), RIB_LIVE | (1 + RIB_GRACE) << 4);
    o.lags = true;
    CU_ASSERT_NOT_EQUAL(core_origin_status(&o), RIB_LIVE | (1 + RIB_GRACE) << 4);
}

/* S4: a second is what bytes of an NVA may wait. */
static void test_a_node_knows_how_long_an_nva_waits_to_be_read(void)
{
    struct pair *p = linked();
    struct core *c = p->core[0];
    struct core_conn *conn = core_conn_new(c, CONN_BGP, &p->config[0].nodes[0].address);
    list_append(&c->ready, &conn->pump.ready);
    conn->unread_ms = c->now_ms - 1000;
    core_living_beat(c);
    CU_ASSERT_EQUAL(c->input_lag_ms, 1000);
    CU_ASSERT_FALSE(c->rib.origins[1].lags);
    conn->unread_ms--;
    core_living_beat(c);
    CU_ASSERT_TRUE(c->rib.origins[1].lags);
    CU_ASSERT_TRUE(pair_heard(p, 0, "node_input_lags", "lag_ms=1001"));
    list_remove(&conn->pump.ready);
    core_living_beat(c);
    CU_ASSERT_FALSE(c->rib.origins[1].lags);
    CU_ASSERT_TRUE(pair_heard(p, 0, "node_input_read", NULL));
    pair_free(p);
}

static void test_a_node_that_does_not_read_its_nvas_is_known_as_grey(void)
{
    struct pair *p = linked();
    struct core_member *m = &p->core[1]->members[1];
    m->heard.input_lag_ms = 1001;
    core_living_heard(p->core[1], m);
    CU_ASSERT_TRUE(p->core[1]->rib.origins[1].lags);
    CU_ASSERT_TRUE(pair_view(p, 1).input_lags);
    pair_pass(p, 100); /* its beats say otherwise */
    CU_ASSERT_FALSE(p->core[1]->rib.origins[1].lags);
    pair_free(p);
}

static bool is_caught_up(const struct core *c, uint64_t now_ms)
{
    struct core_check checks[CORE_CHECKS_MAX];
    size_t count = core_readiness(c, now_ms, checks);
    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].name, "cluster-caught-up") == 0)
            return checks[i].ok;
    CU_FAIL("no such check");
    return false;
}

/* When a partition heals both sides have each other's news to read: neither is less ready than before. */
static void test_who_has_converged_stays_ready_while_another_comes_back(void)
{
    struct pair *p = linked();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[2];
    pair_pass(p, 2000);
    CU_ASSERT_EQUAL_FATAL(c->phase, CORE_STEADY);
    m->replica.cut_seen = false;
    m->life.since_ms = p->now;
    CU_ASSERT_TRUE(is_caught_up(c, p->now));
    CU_ASSERT_TRUE(is_caught_up(c, p->now + 4999));
    CU_ASSERT_FALSE(is_caught_up(c, p->now + 5000));
    c->woke_ms = p->now; /* it stood still itself */
    CU_ASSERT_FALSE(is_caught_up(c, p->now));
    c->woke_ms = 0;
    c->phase = CORE_CONVERGE;
    CU_ASSERT_FALSE(is_caught_up(c, p->now));
    pair_free(p);
}

/* I1: who has slept reads it late, and somebody who has just started would take its word for it. */
static void test_of_a_node_that_said_goodbye_nobody_is_told_that_it_was_heard(void)
{
    struct pair *p = linked();
    struct core *c = p->core[0];
    struct repl_beat beat;
    core_heard_say(c, &beat);
    CU_ASSERT_EQUAL_FATAL(beat.heard_count, 1);
    CU_ASSERT_TRUE(beat.heard[0].age_ms < c->member_times.dead_ms);
    CU_ASSERT_TRUE(repl_member_goodbye(&c->members[2].life, p->now));
    core_heard_say(c, &beat);
    CU_ASSERT_EQUAL_FATAL(beat.heard_count, 1);
    CU_ASSERT_EQUAL(beat.heard[0].age_ms, UINT32_MAX);
    pair_free(p);
}

/* The way to it breaks in the midst of each handshake: what it would have said to our key nobody knows. */
static void test_a_handshake_that_times_out_is_no_refusal(void)
{
    struct pair *p = pair_open();
    int dials = 0;
    for (unsigned i = 0; i < 5000; i++, p->now++) {
        struct core_request r;
        core_turn(p->core[0], p->now);
        while (core_next_request(p->core[0], &r)) {
            CU_ASSERT_EQUAL_FATAL(r.kind, CORE_DIAL);
            core_connected(p->core[0], r.pump, &p->config[0].nodes[0].address, p->now);
            core_closed(p->core[0], r.pump, CORE_CLOSE_TIMEOUT, p->now);
            dials++;
        }
    }
    CU_ASSERT_TRUE(dials > 2);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_DEAD);
    pair_free(p);
}

/* P3. The kernel closes the connections of who was killed one by one, the listener at some time among them. */
static void test_a_listener_that_outlives_its_connections_is_asked_until_it_is_gone(void)
{
    struct pair *p = linked();
    p->dying = true;
    pair_kill(p, 1);
    pair_pass(p, 90);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_SUSPECT);
    p->dying = false;
    pair_pass(p, 25);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_DEAD);
    pair_free(p);
}

CU_MAIN("core living", CU_CASE(test_the_decision_is_the_oldest_that_a_living_node_has),
        CU_CASE(test_a_node_of_the_minor_before_is_spoken_with_until_it_is_upgraded),
        CU_CASE(test_a_node_of_the_minor_before_that_is_refused_with_a_reason),
        CU_CASE(test_a_link_that_is_cut_off_is_told_from_one_that_ends),
        CU_CASE(test_who_has_slept_does_not_tell_beats_for_fresh_that_waited_for_it),
        CU_CASE(test_who_has_slept_does_not_tell_last_beats_for_fresh),
        CU_CASE(test_who_has_slept_tells_no_copy_for_a_live_one_before_its_node_has_answered),
        CU_CASE(test_who_is_read_over_another_one_is_not_heard_before_that_one_has_answered),
        CU_CASE(test_who_raises_its_number_in_the_middle_of_a_handshake_is_read_under_the_new_one),
        CU_CASE(test_only_the_lowest_of_the_living_ends_a_hold_by_its_own_timer),
        CU_CASE(test_a_hold_runs_from_when_anybody_heard_it_also_if_that_is_learnt_later),
        CU_CASE(test_a_rumour_of_a_life_that_nobody_has_read_grows_old),
        CU_CASE(test_a_status_tells_what_is_held_and_what_has_expired),
        CU_CASE(test_a_node_knows_how_long_an_nva_waits_to_be_read),
        CU_CASE(test_a_node_that_does_not_read_its_nvas_is_known_as_grey),
        CU_CASE(test_who_has_converged_stays_ready_while_another_comes_back),
        CU_CASE(test_of_a_node_that_said_goodbye_nobody_is_told_that_it_was_heard),
        CU_CASE(test_a_handshake_that_times_out_is_no_refusal),
        CU_CASE(test_a_listener_that_outlives_its_connections_is_asked_until_it_is_gone))
