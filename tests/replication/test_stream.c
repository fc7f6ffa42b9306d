/* One origin's version order, through the codec, into a replica: at a cut both are equal. */
#include "replication/stream.h"

#include <stdlib.h>

#include "bgp/codec/update.h"
#include "replication/evidence.h"
#include "tests/lib/stream_lab.h"

static const char *const fewer_names[] = { "vnet", "fw-1", "fw-2" };

/* ---- the ordinary way ---- */

static void test_a_table_arrives_whole(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    for (uint32_t i = 0; i < 10000; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000 + i % 7);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
    run(&p);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].paths, 10000);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

static void test_nothing_is_sent_once_the_cut_was_sent(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    run(&p);
    struct repl_source from = source(&p);
    CU_ASSERT_FALSE(repl_sender_has_work(&p.sender, &p.origin.rib, &from));
    CU_ASSERT_FALSE(transfer(&p, &result));
    end(&p);
}

static void test_changes_between_two_reads_are_sent_once(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    run(&p);
    p.entries = 0;
    for (uint32_t i = 0; i < 100; i++)
        ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000 + i);
    run(&p);
    CU_ASSERT_EQUAL(p.entries, 1);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

/* R8 */
static void test_resuming_costs_the_changes_and_not_the_table(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    for (uint32_t i = 0; i < 5000; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    run(&p);
    p.entries = 0;
    p.resets = 0;
    p.sender.active = false; /* the connection is gone */
    for (uint32_t i = 0; i < 10; i++)
        ribs_withdraw(&p.origin, ORIGIN, 1, i, 0, p.now);
    for (uint32_t i = 10; i < 20; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65001);
    join(&p);
    run(&p);
    CU_ASSERT_EQUAL(p.entries, 20);
    CU_ASSERT_EQUAL(p.resets, 0);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

/* ---- absence only at a cut ---- */

static void test_end_of_rib_counts_from_the_cut_on(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now); /* its fact stands in front */
    for (uint32_t i = 0; i < 5000; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    CU_ASSERT_TRUE(transfer(&p, &result)); /* RESET */
    CU_ASSERT_TRUE(transfer(&p, &result));
    CU_ASSERT_EQUAL(result, REPL_APPLIED);
    CU_ASSERT_TRUE(p.replica.rib.origins[ORIGIN].paths > 0);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCING);
    run(&p);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCED);
    end(&p);
}

/* Evidence asks what was told last (4.6 b). An End-of-RIB that is there when a table is read anew may be from before. */
static void test_since_when_all_is_told_is_known_behind_the_first_cut(void)
{
    struct pair p;
    begin(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
    run(&p);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCED);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].synced_ms, 0);
    p.now += 1000;
    ribs_session(&p.origin, ORIGIN, 2, RIB_SESSION_SYNCED, 1, p.now);
    run(&p);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[2].synced_ms, p.now);
    end(&p);
}

/* R5 */
static void test_a_reset_sweeps_at_its_cut_and_not_before(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    up(&p, 1);
    for (uint32_t i = 0; i < 5000; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    run(&p);
    p.sender.active = false;
    ribs_withdraw(&p.origin, ORIGIN, 1, 4999, 0, p.now);
    p.now += 60000;
    rib_expire_tombstones(&p.origin.rib, 30000, UINT64_MAX, p.now); /* nobody remembers it any more */
    join(&p);
    CU_ASSERT_TRUE(transfer(&p, &result));
    CU_ASSERT_EQUAL(p.resets, 2);
    CU_ASSERT_TRUE(transfer(&p, &result));
    CU_ASSERT_EQUAL(result, REPL_APPLIED);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].paths, 5000);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].paths, 4999);
    end(&p);
}

/* An NVA that was forgotten while nobody listened: no word of it comes any more. */
static void test_a_reset_ends_the_sessions_that_it_does_not_bring(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    up(&p, 2);
    ribs_announce(&p.origin, ORIGIN, 2, 5, 0, 65000);
    run(&p);
    p.sender.active = false;
    ribs_session(&p.origin, ORIGIN, 2, RIB_SESSION_DOWN, 1, p.now);
    ribs_sweep(&p.origin);
    rib_nva_forget(&p.origin.rib, 2);
    join(&p);
    run(&p);
    CU_ASSERT_EQUAL(p.resets, 2);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[2].state, RIB_SESSION_DOWN);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCING);
    ribs_sweep(&p.replica);
    CU_ASSERT_TRUE(rib_nva_is_gone(&p.replica.rib, 2));
    end(&p);
}

static void test_a_session_that_went_down_takes_its_routes_along(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    up(&p, 2);
    for (uint32_t i = 0; i < 100; i++)
        ribs_announce(&p.origin, ORIGIN, (uint16_t)(1 + i % 2), i, 0, 65000);
    run(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_DOWN, 1, p.now);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].paths, 50);
    end(&p);
}

/* The session was lost and came again while nobody listened: its first routes do not take away those that follow them. */
static void test_a_session_that_came_again_keeps_its_routes_until_the_cut(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    up(&p, 1);
    for (uint32_t i = 0; i < 100; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    run(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_DOWN, 1, p.now);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 2, p.now);
    for (uint32_t i = 0; i < 90; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    repl_batcher_limit(p.batcher, 10);
    CU_ASSERT_TRUE(transfer(&p, &result));
    CU_ASSERT_EQUAL(result, REPL_APPLIED);
    CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].generation, 2);
    CU_ASSERT_EQUAL(rib_path_class(&p.replica.rib, ribs_path(&p.replica, ORIGIN, 1, 50, 0)), RIB_LIVE);
    CU_ASSERT_PTR_NOT_NULL(ribs_path(&p.replica, ORIGIN, 1, 95, 0));
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_PTR_NULL(ribs_path(&p.replica, ORIGIN, 1, 95, 0));
    end(&p);
}

/* Its withdrawals are no evidence, not even before its fact is there. */
static void test_a_session_that_restarts_is_never_taken_for_one_that_is_up(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
    for (uint32_t i = 0; i < 100; i++)
        ribs_announce(&p.origin, ORIGIN, 1, i, 0, 65000);
    ribs_withdraw(&p.origin, ORIGIN, 1, 0, 0, p.now);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, p.now);
    repl_batcher_limit(p.batcher, 10);
    CU_ASSERT_TRUE(transfer(&p, &result)); /* RESET */
    while (p.copy.position < rib_origin_head(&p.origin.rib.origins[ORIGIN])) {
        CU_ASSERT_TRUE_FATAL(transfer(&p, &result));
        CU_ASSERT_EQUAL(p.replica.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_GRACE);
    }
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

/* The reader holds a route over the same NVA's restart … */
static void begin_holding(struct pair *p)
{
    begin(p);
    ribs_session(&p->replica, REPLICA, 1, RIB_SESSION_SYNCED, 1, p->now);
    ribs_announce(&p->replica, REPLICA, 1, 0, 0, 65000);
    ribs_session(&p->replica, REPLICA, 1, RIB_SESSION_GRACE, 1, p->now);
}

/* … and does so still, whatever of the table has come. */
static void run_and_hold(struct pair *p)
{
    enum repl_apply result;
    uint32_t net = rib_path_net(&p->replica.rib, ribs_path(&p->replica, REPLICA, 1, 0, 0));
    for (int left = MESSAGES_MAX; left && transfer(p, &result); left--) {
        CU_ASSERT_EQUAL(repl_evidence_judge(&p->replica.rib, net, p->now), 0);
        CU_ASSERT_NOT_EQUAL(ribs_path(&p->replica, REPLICA, 1, 0, 0)->attrs, 0);
    }
    CU_ASSERT_TRUE(is_equal(p));
}

/* A session is back from a restart and has not told all: what is not there any more, it may have lost on the way. Who reads
 * the table anew comes to the fact before it comes to that … */
static void test_who_reads_anew_knows_that_a_session_is_back_from_a_restart(void)
{
    struct pair p;
    begin_holding(&p);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
    ribs_announce(&p.origin, ORIGIN, 1, 0, 0, 65000);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, p.now);
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, p.now);
    ribs_withdraw(&p.origin, ORIGIN, 1, 0, 0, p.now); /* it has not kept forwarding */
    run_and_hold(&p);
    end(&p);
}

/* … or behind that, as who reads on does, to whom the session was up. */
static void test_withdrawals_before_the_fact_of_a_restart_are_read_as_such(void)
{
    for (int anew = 0; anew < 2; anew++) {
        struct pair p;
        begin_holding(&p);
        repl_batcher_limit(p.batcher, 1);
        ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
        ribs_announce(&p.origin, ORIGIN, 1, 0, 0, 65000);
        if (!anew)
            run(&p);
        ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, p.now);
        ribs_withdraw(&p.origin, ORIGIN, 1, 0, 0, p.now); /* held over an earlier restart already */
        ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, p.now);
        run_and_hold(&p);
        end(&p);
    }
}

/* ---- incarnations, order ---- */

static void restart_origin(struct pair *p)
{
    rib_fini(&p->origin.rib);
    ribs_init(&p->origin, ORIGIN);
    p->incarnation++;
    p->sender = (struct repl_sender){ 0 };
}

static void test_a_new_incarnation_holds_the_old_routes_until_its_end_of_rib(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
    ribs_announce(&p.origin, ORIGIN, 1, 2, 0, 65000);
    run(&p);
    restart_origin(&p);
    join(&p);
    run(&p);
    const struct rib_path *held = ribs_path(&p.replica, ORIGIN, 1, 1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(held);
    CU_ASSERT_EQUAL(rib_path_class(&p.replica.rib, held), RIB_GRACE);
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65001);
    run(&p);
    CU_ASSERT_PTR_NOT_NULL(ribs_path(&p.replica, ORIGIN, 1, 2, 0));
    ribs_session(&p.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, p.now);
    run(&p);
    CU_ASSERT_PTR_NULL(ribs_path(&p.replica, ORIGIN, 1, 2, 0)); /* not said again */
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

/* Deletion rule (ii): another path of the prefix may be on its way. */
static void test_what_a_table_that_is_read_has_withdrawn_is_lost_until_its_cut(void)
{
    for (int is_read_anew = 0; is_read_anew < 2; is_read_anew++) {
        struct pair p;
        struct rib_change change;
        begin(&p);
        up(&p, 1);
        ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
        run(&p);
        struct ip_prefix prefix = ribs_prefix(1);
        uint32_t net = prefix_table_find(&p.replica.rib.nets, &prefix);
        CU_ASSERT_EQUAL_FATAL(rib_decide(&p.replica.rib, net, &change), 0);
        nhset_unref(&p.replica.rib.sets, change.old_nhset);
        if (is_read_anew)
            restart_origin(&p);
        up(&p, 1);
        ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
        ribs_withdraw(&p.origin, ORIGIN, 1, 1, 0, p.now);
        if (is_read_anew)
            join(&p);
        run(&p);
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(&p.replica.rib, net)), !is_read_anew);
        end(&p);
    }
}

static void test_a_batch_of_another_incarnation_or_place_changes_nothing(void)
{
    struct pair p;
    struct repl_msg m;
    begin(&p);
    up(&p, 1);
    run(&p);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
    struct repl_source from = source(&p);
    CU_ASSERT_TRUE(repl_sender_next(&p.sender, &p.origin.rib, &p.here, &from, p.batcher, &m));
    struct repl_batch wrong[3] = { m.batch, m.batch, m.batch };
    wrong[0].incarnation--;
    wrong[1].from++;
    wrong[2].to = wrong[2].from - 1;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &wrong[i], p.now),
                        REPL_OUT_OF_ORDER);
    CU_ASSERT_PTR_NULL(ribs_path(&p.replica, ORIGIN, 1, 1, 0));
    CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &m.batch, p.now),
                    REPL_APPLIED_CUT);
    CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &m.batch, p.now),
                    REPL_OUT_OF_ORDER); /* R2: the same again is a step back */
    end(&p);
}

/* Of whatever it says. It is believed, and not told on: such versions nobody can have. */
static void test_a_batch_of_versions_without_end_costs_no_memory(void)
{
    static const uint64_t ends[] = { UINT32_MAX, 1ull << 42, UINT64_MAX };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct pair p;
        enum repl_apply result;
        begin(&p);
        CU_ASSERT_TRUE_FATAL(transfer(&p, &result) && p.resets == 1);
        struct repl_batch far = { .origin = ORIGIN, .incarnation = p.incarnation, .from = p.copy.position, .to = ends[i], .cut = true };
        CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &far, p.now), REPL_APPLIED_CUT);
        CU_ASSERT_FALSE(repl_replica_serves(&p.copy, &p.replica.rib));
        CU_ASSERT_EQUAL(p.copy.position, ends[i]);
        CU_ASSERT_TRUE(vlist_memory(&p.replica.rib.origins[ORIGIN].order) < 1 << 20);
        end(&p);
    }
}

static void test_a_position_that_the_origin_never_had_starts_over(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
    run(&p);
    struct repl_position have = { .origin = ORIGIN, .incarnation = p.incarnation, .version = 1u << 30 };
    struct repl_source from = source(&p);
    repl_sender_subscribe(&p.sender, &p.origin.rib, &from, &have);
    CU_ASSERT_TRUE(p.sender.reset_pending);
    CU_ASSERT_EQUAL(p.sender.position, 0);
    end(&p);
}

/* ---- what cannot be used ---- */

static void test_an_unknown_nva_is_quarantined_and_the_stream_goes_on(void)
{
    struct pair p;
    begin(&p);
    p.there = (struct repl_names){ fewer_names, 3 };
    up(&p, 1);
    up(&p, 3);
    ribs_announce(&p.origin, ORIGIN, 3, 1, 0, 65000);
    ribs_announce(&p.origin, ORIGIN, 1, 2, 0, 65000);
    run(&p);
    CU_ASSERT_EQUAL(p.copy.quarantined, 2); /* its session and its group of routes */
    CU_ASSERT_PTR_NULL(ribs_path(&p.replica, ORIGIN, 3, 1, 0));
    CU_ASSERT_PTR_NOT_NULL(ribs_path(&p.replica, ORIGIN, 1, 2, 0));
    end(&p);
}

static void test_what_was_missed_of_an_nva_comes_once_it_is_known(void)
{
    struct pair p;
    begin(&p);
    p.there = (struct repl_names){ fewer_names, 3 };
    up(&p, 1);
    up(&p, 3);
    ribs_announce(&p.origin, ORIGIN, 3, 1, 0, 65000);
    run(&p);
    CU_ASSERT_TRUE(p.copy.missed);
    p.there = (struct repl_names){ names, RIBS_NVAS + 1 };
    CU_ASSERT_EQUAL_FATAL(repl_replica_grow(&p.copy, 2000), 0);
    join(&p);
    CU_ASSERT_FALSE(p.copy.missed);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_PTR_NOT_NULL(ribs_path(&p.replica, ORIGIN, 3, 1, 0));
    end(&p);
}

static void test_routes_of_attributes_that_are_not_canonical_are_quarantined_and_gone(void)
{
    static const uint8_t crooked[] = { 0x40, 2, 0, 0x40, 1, 1, 0 }; /* AS_PATH before ORIGIN */
    static const uint8_t run_of[] = { 32, 172, 0, 0, 9 };
    struct pair p;
    begin(&p);
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 9, 0, 65000);
    run(&p);
    const char *const own[] = { "fw-1" };
    struct repl_attr attr = { .bytes = crooked, .len = sizeof crooked };
    struct repl_routes group = { .generation = 1, .attr = 1, .nlri = run_of, .len = sizeof run_of };
    struct repl_batch b = { .origin = ORIGIN,
                            .incarnation = p.incarnation,
                            .from = p.copy.position,
                            .to = p.copy.position + 1,
                            .cut = true,
                            .names = own,
                            .name_count = 1,
                            .attrs = &attr,
                            .attr_count = 1,
                            .routes = &group,
                            .route_count = 1 };
    CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &b, p.now),
                    REPL_APPLIED_CUT);
    CU_ASSERT_EQUAL(p.copy.quarantined, 1);
    const struct rib_path *tomb = ribs_path(&p.replica, ORIGIN, 1, 9, 0); /* what was there before does not hold */
    CU_ASSERT_PTR_NOT_NULL_FATAL(tomb);
    CU_ASSERT_TRUE(!tomb->attrs && tomb->flags & RIB_PATH_UNSEEN); /* and it is no evidence */
    end(&p);
}

/* Each route with attributes of its own: the frame is full of attributes long before of routes. */
static void test_many_attribute_sets_never_overfill_a_frame(void)
{
    for (int is_nested = 0; is_nested < 2; is_nested++) {
        struct pair p;
        begin(&p);
        p.sender.is_nested = is_nested;
        for (uint16_t nva = 1; nva <= RIBS_NVAS; nva++)
            up(&p, nva);
        for (uint32_t i = 0; i < 3000; i++)
            ribs_announce(&p.origin, ORIGIN, (uint16_t)(1 + i % RIBS_NVAS), i, i % 5, 1 + i);
        run(&p); /* encoding asserts the size */
        CU_ASSERT_TRUE(is_equal(&p));
        end(&p);
    }
}

/* ---- any history ---- */

static uint32_t pick(struct pair *p, uint32_t below)
{
    uint64_t z = p->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static void step(struct pair *p)
{
    uint16_t nva = (uint16_t)(1 + pick(p, RIBS_NVAS));
    const struct rib_session *s = &p->origin.rib.origins[ORIGIN].sessions[nva];
    uint32_t dice = pick(p, 100), number = pick(p, 40), path_id = pick(p, 3);
    enum repl_apply result;
    p->now += pick(p, 2000);
    CU_ASSERT_EQUAL_FATAL(rib_sweep(&p->origin.rib, pick(p, 24), p->now), 0);
    CU_ASSERT_EQUAL_FATAL(rib_sweep(&p->replica.rib, pick(p, 24), p->now), 0);
    if (s->state == RIB_SESSION_DOWN || dice < 3)
        ribs_session(&p->origin, ORIGIN, nva, RIB_SESSION_SYNCING, s->generation + 1, p->now);
    else if (dice < 6) /* it restarts, or is back */
        ribs_session(&p->origin, ORIGIN, nva, s->state == RIB_SESSION_GRACE ? RIB_SESSION_SYNCING : RIB_SESSION_GRACE,
                     s->generation, p->now);
    else if (dice < 45)
        ribs_announce(&p->origin, ORIGIN, nva, number, path_id, 65000 + pick(p, 3));
    else if (dice < 70)
        ribs_withdraw(&p->origin, ORIGIN, nva, number, path_id, p->now);
    else if (dice < 75)
        ribs_session(&p->origin, ORIGIN, nva, RIB_SESSION_SYNCED, s->generation, p->now);
    else if (dice < 78)
        ribs_session(&p->origin, ORIGIN, nva, RIB_SESSION_DOWN, s->generation, p->now);
    else if (dice < 88)
        transfer(p, &result);
    else if (dice < 91)
        rib_expire_tombstones(&p->origin.rib, pick(p, 30000),
                              p->sender.active ? p->sender.position : UINT64_MAX, p->now);
    else if (dice < 93)
        p->sender.active = false; /* the connection broke */
    else if (dice < 94)
        join(p);
    else if (dice < 95) {
        restart_origin(p);
        join(p);
    } else {
        if (!p->sender.active)
            join(p);
        run(p);
        CU_ASSERT_TRUE_FATAL(is_equal(p));
    }
}

static void test_any_history_ends_equal_at_the_cut(void)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct pair p;
        begin(&p);
        p.random = seed;
        p.sender.is_nested = seed % 2;
        for (int i = 0; i < 500; i++)
            step(&p);
        join(&p);
        run(&p);
        if (!is_equal(&p))
            printf("seed %llu\n", (unsigned long long)seed);
        CU_ASSERT_TRUE(is_equal(&p));
        end(&p);
    }
}

/* I1: the file of the node that is read has the NVA no longer, and its reader's has it yet. What it has withdrawn is told all the
 * same. */
static void test_what_only_an_order_disproves_is_not_told_to_be_disproved(void)
{
    for (int is_withdrawn = 0; is_withdrawn <= 1; is_withdrawn++) {
        struct pair p;
        struct repl_msg m;
        begin(&p);
        p.sender.versions = true; /* others are served from the replica */
        up(&p, 1);
        ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65001);
        run(&p);
        ribs_session(&p.replica, REPLICA, 1, RIB_SESSION_SYNCED, 1, p.now);
        if (is_withdrawn)
            ribs_withdraw(&p.replica, REPLICA, 1, 1, 0, p.now);
        p.replica.nvas[1].is_taken_out = true;
        repl_evidence_lost(&p.replica.rib, ORIGIN, p.now);
        CU_ASSERT_EQUAL(repl_evidence_judge(&p.replica.rib, rib_path_net(&p.replica.rib, ribs_path(&p.replica, ORIGIN, 1, 1, 0)), p.now), 0);
        CU_ASSERT_EQUAL(rib_path_class(&p.replica.rib, ribs_path(&p.replica, ORIGIN, 1, 1, 0)), RIB_GONE);
        struct repl_source copy = { .origin = ORIGIN, .incarnation = p.incarnation, .copy = &p.copy };
        struct repl_sender reader = { .versions = true };
        repl_sender_subscribe(&reader, &p.replica.rib, &copy, &(struct repl_position){ .origin = ORIGIN });
        CU_ASSERT_TRUE_FATAL(repl_sender_next(&reader, &p.replica.rib, &p.here, &copy, p.batcher, &m) && m.kind == REPL_RESET);
        CU_ASSERT_TRUE_FATAL(repl_sender_next(&reader, &p.replica.rib, &p.here, &copy, p.batcher, &m) && m.batch.route_count == 1);
        CU_ASSERT_EQUAL(m.batch.routes[0].disproved, is_withdrawn);
        end(&p);
    }
}

/* R4: without the RESET before it nothing of what was here goes, and places are those of another order. */
static void test_what_an_earlier_subscription_tells_before_the_reset_that_was_asked_for_is_not_taken(void)
{
    struct pair p;
    struct repl_sender earlier = { .versions = true };
    struct repl_msg m;
    begin(&p);
    p.sender.versions = true;
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
    run(&p);
    ribs_announce(&p.origin, ORIGIN, 1, 2, 0, 65000);
    struct repl_source from = source(&p);
    repl_sender_subscribe(&earlier, &p.origin.rib, &from, &(struct repl_position){ .origin = ORIGIN });
    CU_ASSERT_TRUE(repl_sender_next(&earlier, &p.origin.rib, &p.here, &from, p.batcher, &m) && m.kind == REPL_RESET);
    CU_ASSERT_TRUE_FATAL(repl_sender_next(&earlier, &p.origin.rib, &p.here, &from, p.batcher, &m) && m.kind == REPL_BATCH);
    CU_ASSERT_EQUAL(m.batch.from, 0);
    p.copy.missed = true;
    join(&p);
    CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &m.batch, p.now), REPL_APPLIED);
    CU_ASSERT_EQUAL(p.copy.position, 0);
    CU_ASSERT_EQUAL(p.copy.quarantined, 0);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

CU_MAIN("stream", CU_CASE(test_a_table_arrives_whole),
        CU_CASE(test_what_an_earlier_subscription_tells_before_the_reset_that_was_asked_for_is_not_taken),
        CU_CASE(test_what_only_an_order_disproves_is_not_told_to_be_disproved),
        CU_CASE(test_nothing_is_sent_once_the_cut_was_sent),
        CU_CASE(test_changes_between_two_reads_are_sent_once),
        CU_CASE(test_resuming_costs_the_changes_and_not_the_table),
        CU_CASE(test_end_of_rib_counts_from_the_cut_on),
        CU_CASE(test_since_when_all_is_told_is_known_behind_the_first_cut),
        CU_CASE(test_a_reset_sweeps_at_its_cut_and_not_before),
        CU_CASE(test_a_reset_ends_the_sessions_that_it_does_not_bring),
        CU_CASE(test_a_session_that_went_down_takes_its_routes_along),
        CU_CASE(test_a_session_that_came_again_keeps_its_routes_until_the_cut),
        CU_CASE(test_a_session_that_restarts_is_never_taken_for_one_that_is_up),
        CU_CASE(test_who_reads_anew_knows_that_a_session_is_back_from_a_restart),
        CU_CASE(test_withdrawals_before_the_fact_of_a_restart_are_read_as_such),
        CU_CASE(test_a_new_incarnation_holds_the_old_routes_until_its_end_of_rib),
        CU_CASE(test_what_a_table_that_is_read_has_withdrawn_is_lost_until_its_cut),
        CU_CASE(test_a_batch_of_another_incarnation_or_place_changes_nothing),
        CU_CASE(test_a_batch_of_versions_without_end_costs_no_memory),
        CU_CASE(test_a_position_that_the_origin_never_had_starts_over),
        CU_CASE(test_an_unknown_nva_is_quarantined_and_the_stream_goes_on),
        CU_CASE(test_what_was_missed_of_an_nva_comes_once_it_is_known),
        CU_CASE(test_routes_of_attributes_that_are_not_canonical_are_quarantined_and_gone),
        CU_CASE(test_many_attribute_sets_never_overfill_a_frame),
        CU_CASE(test_any_history_ends_equal_at_the_cut))
