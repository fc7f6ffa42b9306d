/* Three nodes, one origin: whoever reads it from another's copy comes to hold the same as from itself. */
#include <stdlib.h>

#include "bgp/codec/update.h"
#include "replication/evidence.h"
#include "replication/stream.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"
#include "tests/lib/ribs.h"

enum { ORIGIN = 1, NEAR = 2, FAR = 3, MESSAGES_MAX = 4096, NUMBERS = 40 };

static const char *const names[] = { "vnet", "fw-1", "fw-2", "sdwan" };

/* A node with its copy of the origin, and what reads from it. */
struct holder {
    struct ribs ribs;
    struct repl_replica copy;
    struct repl_sender reader; /* of FAR with it */
};

struct trio {
    struct ribs origin;
    uint64_t incarnation;
    struct repl_sender near_reader, far_reader; /* with the origin itself */
    struct holder near, far;
    bool via; /* FAR reads from NEAR */
    bool is_mixed; /* FAR is of minor 3 */
    struct repl_batcher *batcher;
    uint64_t now;
    uint32_t resets, batches, generations; /* of sessions: none comes twice, though its NVA was forgotten meanwhile */
    struct random random;
};

static const struct repl_names all_names = { names, RIBS_NVAS + 1 };

static void holder_init(struct holder *h, uint8_t self)
{
    ribs_init(&h->ribs, self);
    CU_ASSERT_EQUAL_FATAL(repl_replica_init(&h->copy, ORIGIN, RIBS_NVAS + 1), 0);
}

static struct repl_source own(const struct trio *t)
{
    return (struct repl_source){ .origin = ORIGIN, .incarnation = t->incarnation };
}

static struct repl_source copy_of(const struct holder *h)
{
    return (struct repl_source){ .origin = ORIGIN, .incarnation = h->copy.incarnation, .copy = &h->copy };
}

static void join(struct trio *t, struct holder *h, struct repl_sender *s, const struct rib *r,
                 struct repl_source from)
{
    struct repl_position have = repl_replica_join(&h->copy, &h->ribs.rib, from.incarnation, t->now);
    *s = (struct repl_sender){ .versions = true, .is_nested = t->is_mixed && h == &t->far };
    repl_sender_subscribe(s, r, &from, &have);
}

static void near_joins(struct trio *t)
{
    join(t, &t->near, &t->near_reader, &t->origin.rib, own(t));
}

static void far_joins(struct trio *t, bool via)
{
    t->via = via;
    t->far_reader.active = t->near.reader.active = false;
    if (via && t->near.copy.incarnation < t->far.copy.incarnation)
        return; /* it is behind */
    if (via)
        join(t, &t->far, &t->near.reader, &t->near.ribs.rib, copy_of(&t->near));
    else
        join(t, &t->far, &t->far_reader, &t->origin.rib, own(t));
}

static void begin(struct trio *t)
{
    *t = (struct trio){ .incarnation = 7, .now = 1000 };
    ribs_init(&t->origin, ORIGIN);
    holder_init(&t->near, NEAR);
    holder_init(&t->far, FAR);
    t->batcher = repl_batcher_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(t->batcher);
    near_joins(t);
    far_joins(t, true);
}

static void end(struct trio *t)
{
    rib_fini(&t->origin.rib);
    rib_fini(&t->near.ribs.rib);
    rib_fini(&t->far.ribs.rib);
    repl_replica_fini(&t->near.copy);
    repl_replica_fini(&t->far.copy);
    repl_batcher_free(t->batcher);
}

/* One message through the codec. False: the sender has nothing. */
static bool transfer(struct trio *t, struct holder *to, struct repl_sender *s, const struct rib *r,
                     struct repl_source from)
{
    struct repl_msg m, read;
    struct arena arena = { 0 };
    uint8_t buf[REPL_PAYLOAD_MAX];
    if (!repl_sender_next(s, r, &all_names, &from, t->batcher, &m))
        return false;
    int len = repl_msg_encode(&m, buf, sizeof buf);
    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT_EQUAL_FATAL(repl_msg_decode(buf, (size_t)len, &arena, &read), 0);
    t->resets += read.kind == REPL_RESET;
    t->batches += read.kind == REPL_BATCH;
    enum repl_apply result =
        read.kind == REPL_RESET
            ? repl_replica_reset(&to->copy, &to->ribs.rib, &read.reset)
            : repl_replica_apply(&to->copy, &to->ribs.rib, &all_names, &read.batch, t->now);
    CU_ASSERT_TRUE_FATAL(result == REPL_APPLIED || result == REPL_APPLIED_CUT);
    if (result == REPL_APPLIED_CUT)
        repl_evidence_back(&to->ribs.rib, ORIGIN, t->now);
    arena_fini(&arena);
    return true;
}

static bool near_reads(struct trio *t)
{
    return transfer(t, &t->near, &t->near_reader, &t->origin.rib, own(t));
}

static bool far_reads(struct trio *t)
{
    if (t->via)
        return transfer(t, &t->far, &t->near.reader, &t->near.ribs.rib, copy_of(&t->near));
    return transfer(t, &t->far, &t->far_reader, &t->origin.rib, own(t));
}

static void run(struct trio *t)
{
    int left = MESSAGES_MAX;
    while (left-- && (near_reads(t) || far_reads(t)))
        ;
    CU_ASSERT_TRUE_FATAL(left > 0);
}

/* R1, R4: the holder has exactly the origin's live entries, its sessions, and its version. */
static bool is_equal(struct trio *t, struct holder *h)
{
    ribs_sweep(&t->origin);
    ribs_sweep(&h->ribs);
    const struct rib_origin *a = &t->origin.rib.origins[ORIGIN], *b = &h->ribs.rib.origins[ORIGIN];
    uint64_t at = 0;
    if (!h->copy.at_cut || a->paths != b->paths - b->old || h->copy.position != rib_origin_head(a))
        return false;
    for (uint32_t id; (id = vlist_next(&a->order, &at));) {
        if (id & RIB_FACT || !rib_path(&t->origin.rib, id)->attrs)
            continue;
        const struct rib_path *x = rib_path(&t->origin.rib, id);
        struct ip_prefix prefix;
        prefix_table_prefix(&t->origin.rib.nets, rib_path_net(&t->origin.rib, x), &prefix);
        const struct rib_path *y = ribs_path(&h->ribs, ORIGIN, x->nva, (uint32_t)prefix.bytes[2] << 8 | prefix.bytes[3], rib_path_id(x));
        if (!y || !y->attrs || !ribs_are_same_attrs(&t->origin, x->attrs, &h->ribs, y->attrs) ||
            vlist_version(&b->order, y->slot) - b->base != vlist_version(&a->order, x->slot))
            return false;
    }
    return ribs_are_same_sessions(a, b);
}

static void fill(struct trio *t, uint32_t routes)
{
    ribs_session(&t->origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, t->now);
    for (uint32_t i = 0; i < routes; i++)
        ribs_announce(&t->origin, ORIGIN, 1, i, 0, 65000 + i % 5);
    ribs_session(&t->origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, t->now);
}

/* … which NEAR has not read. */
static void origin_forgets_tombstones(struct trio *t)
{
    t->near_reader.active = false;
    ribs_sweep(&t->origin);
    t->now += 60000;
    while (rib_expire_tombstones(&t->origin.rib, 30000, UINT64_MAX, t->now))
        ;
}

/* ---- reading from a copy ---- */

static void test_a_table_passes_through_a_copy_with_its_versions(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 9000);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.near));
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* R8, scenario 20. */
static void test_a_reader_goes_on_at_another_source_with_the_changes_only(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 9000);
    run(&t);
    t.resets = t.batches = 0;
    for (uint32_t i = 0; i < 10; i++)
        ribs_withdraw(&t.origin, ORIGIN, 1, i, 0, t.now);
    far_joins(&t, false);
    run(&t);
    for (uint32_t i = 10; i < 20; i++)
        ribs_announce(&t.origin, ORIGIN, 1, i, 0, 66000);
    far_joins(&t, true);
    run(&t);
    CU_ASSERT_EQUAL(t.resets, 0);
    CU_ASSERT_TRUE(t.batches <= 6);
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* H12, R7: the origin dies after telling only one of them. */
static void test_what_only_one_survivor_heard_of_the_dead_reaches_the_other(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 3000);
    far_joins(&t, false);
    run(&t);
    ribs_announce(&t.origin, ORIGIN, 1, 3001, 0, 65000);
    ribs_withdraw(&t.origin, ORIGIN, 1, 7, 0, t.now);
    while (near_reads(&t))
        ;
    CU_ASSERT_FALSE(is_equal(&t, &t.far));
    far_joins(&t, true);
    while (far_reads(&t))
        ;
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    CU_ASSERT_EQUAL(t.far.copy.position, t.near.copy.position);
    end(&t);
}

static void test_a_copy_that_has_less_sends_nothing_to_who_has_more(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 100);
    run(&t);
    far_joins(&t, false);
    ribs_announce(&t.origin, ORIGIN, 1, 200, 0, 65000);
    while (far_reads(&t))
        ;
    t.resets = t.batches = 0;
    far_joins(&t, true);
    CU_ASSERT_FALSE(far_reads(&t));
    run(&t); /* NEAR has caught up */
    CU_ASSERT_EQUAL(t.resets, 0);
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* The tombstone is needed by FAR, although NEAR never had the route. */
static void test_a_withdrawal_passes_through_who_never_had_the_route(void)
{
    struct trio t;
    begin(&t);
    far_joins(&t, false);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, t.now);
    ribs_announce(&t.origin, ORIGIN, 1, 1, 0, 65000);
    while (far_reads(&t))
        ;
    ribs_withdraw(&t.origin, ORIGIN, 1, 1, 0, t.now);
    far_joins(&t, true);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

static void test_tombstones_that_a_copy_has_dropped_make_its_reader_start_over(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 100);
    run(&t);
    t.near.reader.active = false;
    ribs_withdraw(&t.origin, ORIGIN, 1, 5, 0, t.now);
    while (near_reads(&t))
        ;
    t.now += 60000;
    rib_expire_tombstones(&t.near.ribs.rib, 30000, UINT64_MAX, t.now);
    t.resets = 0;
    far_joins(&t, true);
    run(&t);
    CU_ASSERT_EQUAL(t.resets, 1);
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* The origin forgets an NVA and its last entry with it. FAR has read all of NEAR's copy, and there is no later place in it. */
static void test_a_reset_that_brings_nothing_makes_who_reads_the_copy_start_over(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 100);
    run(&t);
    far_joins(&t, true);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_DOWN, 1, t.now);
    origin_forgets_tombstones(&t);
    rib_nva_forget(&t.origin.rib, 1);
    near_joins(&t);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.near));
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* So many routes were read, the origin is lost, and the first of them is not there any more. */
static void near_disproves_one_of(struct trio *t, uint32_t count)
{
    struct ip_prefix prefix = ribs_prefix(1);
    fill(t, count);
    while (near_reads(t))
        ;
    repl_evidence_lost(&t->near.ribs.rib, ORIGIN, t->now);
    rib_disprove(&t->near.ribs.rib, ORIGIN, 1, &prefix, 0);
}

/* Evidence that was found here is told on, so that the route is not held there. */
static void test_a_disproved_copy_is_disproved_where_it_is_read(void)
{
    struct trio t;
    begin(&t);
    near_disproves_one_of(&t, 3);
    far_joins(&t, true);
    while (far_reads(&t))
        ;
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    CU_ASSERT_TRUE(ribs_path(&t.far.ribs, ORIGIN, 1, 1, 0)->flags & RIB_PATH_DISPROVED);
    CU_ASSERT_FALSE(ribs_path(&t.far.ribs, ORIGIN, 1, 2, 0)->flags & RIB_PATH_DISPROVED);
    end(&t);
}

/* I1: by an announcement of a session of its own a copy is disproved here. Its reader may not hear that session, and then this
 * copy is all it has. */
static void test_what_only_an_announcement_disproves_is_not_told_to_be_disproved(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 3);
    while (near_reads(&t))
        ;
    ribs_session(&t.near.ribs, NEAR, 1, RIB_SESSION_SYNCING, 1, t.now);
    ribs_announce(&t.near.ribs, NEAR, 1, 1, 0, 65000);
    ribs_withdraw(&t.near.ribs, NEAR, 1, 2, 0, t.now);
    repl_evidence_lost(&t.near.ribs.rib, ORIGIN, t.now);
    for (uint32_t number = 0; number < 3; number++) {
        struct ip_prefix prefix = ribs_prefix(number);
        uint32_t net = prefix_table_find(&t.near.ribs.rib.nets, &prefix);
        CU_ASSERT_EQUAL(repl_evidence_judge(&t.near.ribs.rib, net, t.now), 0);
        CU_ASSERT_EQUAL(rib_path_class(&t.near.ribs.rib, ribs_path(&t.near.ribs, ORIGIN, 1, number, 0)), number ? RIB_GONE : RIB_GRACE);
    }
    far_joins(&t, true);
    while (far_reads(&t))
        ;
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    for (uint32_t number = 0; number < 3; number++)
        CU_ASSERT_EQUAL(!(ribs_path(&t.far.ribs, ORIGIN, 1, number, 0)->flags & RIB_PATH_DISPROVED), number != 2);
    end(&t);
}

static bool is_left_over(const struct ribs *x, uint32_t number)
{
    return rib_path_is_left_over(&x->rib, ribs_path(x, ORIGIN, 1, number, 0));
}

/* P7: what the origin withdraws because it was not kept over a restart, and what its NVA has withdrawn since, are told
 * apart wherever they are read. */
static void test_what_a_restart_left_is_left_over_where_it_is_read(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 3);
    run(&t);
    rib_refresh_begins(&t.origin.rib, ORIGIN, 1, BGP_IP4);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, t.now);
    rib_refresh_ends(&t.origin.rib, ORIGIN, 1, BGP_IP4);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, t.now);
    ribs_sweep(&t.origin);
    ribs_withdraw(&t.origin, ORIGIN, 1, 2, 0, t.now);
    run(&t);
    for (uint32_t number = 0; number < 3; number++) {
        CU_ASSERT_EQUAL(is_left_over(&t.origin, number), number != 2);
        CU_ASSERT_EQUAL(is_left_over(&t.near.ribs, number), number != 2);
        CU_ASSERT_EQUAL(is_left_over(&t.far.ribs, number), number != 2);
    }
    end(&t);
}

/* I3: at the origin it is lost, and not withdrawn, and so it is wherever that is read. */
static void test_what_a_restart_has_ended_is_lost_where_it_is_read(void)
{
    struct trio t;
    struct ip_prefix prefixes[] = { ribs_prefix(0), ribs_prefix(1) };
    begin(&t);
    fill(&t, 2);
    run(&t);
    ribs_withdraw(&t.origin, ORIGIN, 1, 1, 0, t.now);
    rib_refresh_begins(&t.origin.rib, ORIGIN, 1, BGP_IP4);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, t.now);
    rib_refresh_ends(&t.origin.rib, ORIGIN, 1, BGP_IP4);
    ribs_sweep(&t.origin);
    run(&t);
    for (int i = 0; i < 2; i++) {
        const struct rib *near = &t.near.ribs.rib, *far = &t.far.ribs.rib;
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(near, prefix_table_find(&near->nets, &prefixes[i]))), i == 1);
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(far, prefix_table_find(&far->nets, &prefixes[i]))), i == 1);
    }
    end(&t);
}

/* P7: whoever copies the verdict on a node that is there comes to the same end of it, of which no stream tells. */
static void test_what_was_disproved_of_a_living_node_counts_again_where_it_is_read(void)
{
    enum { HEAL_MS = 3000 };
    const struct repl_evidence_times times = { .grace_ms = 120000, .stale_ms = 600000 };
    struct trio t;
    begin(&t);
    near_disproves_one_of(&t, 3);
    repl_evidence_back(&t.near.ribs.rib, ORIGIN, t.now);
    far_joins(&t, true);
    while (far_reads(&t))
        ;
    struct rib *far = &t.far.ribs.rib;
    CU_ASSERT_EQUAL(far->origins[ORIGIN].class, RIB_LIVE);
    CU_ASSERT_TRUE(ribs_path(&t.far.ribs, ORIGIN, 1, 1, 0)->flags & RIB_PATH_DISPROVED);
    CU_ASSERT_TRUE(repl_evidence_is_healing(far));
    repl_evidence_tick(far, &times, t.now + HEAL_MS);
    CU_ASSERT_EQUAL(rib_sweep(far, 1000, t.now + HEAL_MS), 0);
    CU_ASSERT_FALSE(ribs_path(&t.far.ribs, ORIGIN, 1, 1, 0)->flags & RIB_PATH_DISPROVED);
    CU_ASSERT_FALSE(repl_evidence_is_healing(far));
    end(&t);
}

static void test_a_copy_with_holes_serves_nobody(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 3);
    while (near_reads(&t))
        ;
    CU_ASSERT_TRUE(repl_replica_serves(&t.near.copy, &t.near.ribs.rib));
    rib_origin_drop(&t.near.ribs.rib, ORIGIN, RIB_CURRENT);
    CU_ASSERT_FALSE(repl_replica_serves(&t.near.copy, &t.near.ribs.rib));
    CU_ASSERT_FALSE(far_reads(&t));
    near_joins(&t);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.near));
    end(&t);
}

/* A connection that breaks between an End-of-RIB and its cut does not lose it. */
static void test_an_end_of_rib_outlives_the_connection_that_brought_it(void)
{
    struct trio t;
    begin(&t);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, t.now);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, t.now); /* its fact stands in front */
    for (uint32_t i = 0; i < 9000; i++)
        ribs_announce(&t.origin, ORIGIN, 1, i, 0, 65000);
    CU_ASSERT_TRUE(near_reads(&t)); /* RESET */
    CU_ASSERT_TRUE(near_reads(&t));
    CU_ASSERT_TRUE(repl_replica_is_pending(&t.near.copy, 1));
    near_joins(&t);
    run(&t);
    CU_ASSERT_EQUAL(t.near.ribs.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCED);
    end(&t);
}

/* Who had it from the origin, and reads on from a copy that still waits for its cut, keeps it: no session restarts there. */
static void test_what_a_copy_holds_back_is_not_taken_back_from_its_reader(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 1);
    run(&t);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_GRACE, 1, t.now);
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 1, t.now);
    while (near_reads(&t))
        ;
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCED, 1, t.now);
    far_joins(&t, false);
    while (far_reads(&t))
        ;
    for (uint32_t i = 1; i < 30; i++)
        ribs_announce(&t.origin, ORIGIN, 1, i, 0, 65000);
    repl_batcher_limit(t.batcher, 10);
    CU_ASSERT_TRUE(near_reads(&t));
    CU_ASSERT_FALSE(t.near.copy.at_cut);
    far_joins(&t, true);
    CU_ASSERT_TRUE(far_reads(&t));
    CU_ASSERT_EQUAL(t.far.ribs.rib.origins[ORIGIN].sessions[1].state, RIB_SESSION_SYNCED);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.far));
    end(&t);
}

/* By an operator at the origin: nothing of it counts as lost, wherever it is read. */
static void test_what_was_taken_out_is_so_where_it_is_read(void)
{
    const struct rib_session ended = { .generation = 1, .identifier = 1, .is_taken_out = true, .families = 1 << BGP_IP6 };
    struct trio t;
    begin(&t);
    fill(&t, 10);
    run(&t);
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&t.origin.rib, ORIGIN, 1, &ended, t.now), 0);
    run(&t);
    CU_ASSERT_TRUE(t.far.ribs.rib.origins[ORIGIN].sessions[1].is_taken_out);
    CU_ASSERT_EQUAL(t.far.ribs.rib.origins[ORIGIN].sessions[1].families, 1 << BGP_IP6);
    CU_ASSERT_TRUE(is_equal(&t, &t.near) && is_equal(&t, &t.far));
    ribs_session(&t.origin, ORIGIN, 1, RIB_SESSION_SYNCING, 2, t.now);
    run(&t);
    CU_ASSERT_FALSE(t.far.ribs.rib.origins[ORIGIN].sessions[1].is_taken_out);
    CU_ASSERT_TRUE(is_equal(&t, &t.near) && is_equal(&t, &t.far));
    end(&t);
}

/* A connection that breaks within a RESET does not lose the sweep. */
static void test_a_reset_outlives_the_connection_that_brought_it(void)
{
    struct trio t;
    begin(&t);
    fill(&t, 9000);
    while (near_reads(&t))
        ;
    ribs_withdraw(&t.origin, ORIGIN, 1, 8999, 0, t.now);
    origin_forgets_tombstones(&t);
    near_joins(&t);
    t.resets = 0;
    CU_ASSERT_TRUE(near_reads(&t));
    CU_ASSERT_TRUE(near_reads(&t));
    CU_ASSERT_EQUAL(t.resets, 1);
    CU_ASSERT_TRUE(t.near.copy.resetting);
    near_joins(&t);
    run(&t);
    CU_ASSERT_TRUE(is_equal(&t, &t.near));
    CU_ASSERT_EQUAL(t.near.ribs.rib.origins[ORIGIN].paths, 8999);
    end(&t);
}

static void test_versions_that_make_no_sense_are_quarantined(void)
{
    struct trio t;
    struct repl_msg m;
    begin(&t);
    fill(&t, 3);
    while (near_reads(&t))
        ;
    ribs_announce(&t.origin, ORIGIN, 1, 1, 0, 66000);
    ribs_announce(&t.origin, ORIGIN, 1, 2, 0, 66000);
    struct repl_source from = own(&t);
    CU_ASSERT_TRUE_FATAL(repl_sender_next(&t.near_reader, &t.origin.rib, &all_names, &from, t.batcher, &m));
    const uint8_t same_twice[] = { 1, 0 }, beyond[] = { 1, 100 };
    struct repl_routes routes = m.batch.routes[0];
    m.batch.routes = &routes;
    routes.versions = same_twice;
    CU_ASSERT_EQUAL(repl_replica_apply(&t.near.copy, &t.near.ribs.rib, &all_names, &m.batch, t.now), REPL_APPLIED_CUT);
    CU_ASSERT_EQUAL(t.near.copy.quarantined, 1);
    CU_ASSERT_FALSE(repl_replica_serves(&t.near.copy, &t.near.ribs.rib));
    near_joins(&t);
    t.near_reader.reset_pending = true;
    CU_ASSERT_TRUE(near_reads(&t));
    CU_ASSERT_TRUE_FATAL(repl_sender_next(&t.near_reader, &t.origin.rib, &all_names, &from, t.batcher, &m));
    routes = m.batch.routes[m.batch.route_count - 1];
    m.batch.route_count = 1;
    m.batch.fact_count = 0;
    m.batch.routes = &routes;
    routes.versions = beyond;
    CU_ASSERT_EQUAL(repl_replica_apply(&t.near.copy, &t.near.ribs.rib, &all_names, &m.batch, t.now), REPL_APPLIED_CUT);
    CU_ASSERT_EQUAL(t.near.copy.quarantined, 2);
    end(&t);
}

/* ---- any history ---- */

static void restart_origin(struct trio *t)
{
    rib_fini(&t->origin.rib);
    ribs_init(&t->origin, ORIGIN);
    t->incarnation++;
    near_joins(t);
    far_joins(t, random_below(&t->random, 2));
}

static void change(struct trio *t)
{
    uint16_t nva = (uint16_t)(1 + random_below(&t->random, RIBS_NVAS));
    const struct rib_session *s = &t->origin.rib.origins[ORIGIN].sessions[nva];
    uint32_t dice = random_below(&t->random, 100), number = random_below(&t->random, NUMBERS);
    uint32_t path_id = random_below(&t->random, 3);
    if (s->state == RIB_SESSION_DOWN || dice < 3)
        ribs_session(&t->origin, ORIGIN, nva, RIB_SESSION_SYNCING, ++t->generations, t->now);
    else if (dice < 55)
        ribs_announce(&t->origin, ORIGIN, nva, number, path_id, 65000 + random_below(&t->random, 3));
    else if (dice < 90)
        ribs_withdraw(&t->origin, ORIGIN, nva, number, path_id, t->now);
    else if (dice < 95)
        ribs_session(&t->origin, ORIGIN, nva, RIB_SESSION_SYNCED, s->generation, t->now);
    else if (dice < 97) /* it restarts, or is back */
        ribs_session(&t->origin, ORIGIN, nva, s->state == RIB_SESSION_GRACE ? RIB_SESSION_SYNCING : RIB_SESSION_GRACE,
                     s->generation, t->now);
    else
        ribs_session(&t->origin, ORIGIN, nva, RIB_SESSION_DOWN, s->generation, t->now);
}

static void forget(struct trio *t)
{
    uint64_t age = random_below(&t->random, 30000), acked = UINT64_MAX;
    if (t->near_reader.active && t->near_reader.position < acked)
        acked = t->near_reader.position;
    if (t->far_reader.active && t->far_reader.position < acked)
        acked = t->far_reader.position;
    rib_expire_tombstones(&t->origin.rib, age, acked, t->now);
    rib_expire_tombstones(&t->near.ribs.rib, age, UINT64_MAX, t->now);
    uint16_t nva = (uint16_t)(1 + random_below(&t->random, RIBS_NVAS));
    if (rib_nva_is_gone(&t->origin.rib, nva)) /* the file of the origin has it no more */
        rib_nva_forget(&t->origin.rib, nva);
}

static void sweep_on(struct trio *t, struct rib *r)
{
    CU_ASSERT_EQUAL_FATAL(rib_sweep(r, random_below(&t->random, 24), t->now), 0);
}

static void step(struct trio *t)
{
    uint32_t dice = random_below(&t->random, 100);
    t->now += random_below(&t->random, 2000);
    sweep_on(t, &t->origin.rib);
    sweep_on(t, &t->near.ribs.rib);
    sweep_on(t, &t->far.ribs.rib);
    if (dice < 60)
        change(t);
    else if (dice < 68)
        near_reads(t);
    else if (dice < 76)
        far_reads(t);
    else if (dice < 84)
        forget(t);
    else if (dice < 88)
        near_joins(t);
    else if (dice < 96)
        far_joins(t, random_below(&t->random, 2));
    else if (dice < 97)
        restart_origin(t);
    else if (dice < 98 && t->near.copy.incarnation == t->incarnation)
        rib_origin_drop(&t->near.ribs.rib, ORIGIN, RIB_CURRENT), near_joins(t);
    else
        run(t);
}

static void test_any_history_ends_equal_everywhere(void)
{
    struct random random = random_new("relay");
    for (int round = 0; round < 150; round++) {
        struct trio t;
        begin(&t);
        t.random = random;
        t.is_mixed = round % 2;
        repl_batcher_limit(t.batcher, 1 + random_below(&t.random, 40)); /* cuts are rare then */
        repl_batcher_part(t.batcher, (uint16_t)(1 + random_below(&t.random, 40)));
        for (int i = 0; i < 500; i++)
            step(&t);
        near_joins(&t);
        far_joins(&t, true);
        run(&t);
        CU_ASSERT_TRUE(is_equal(&t, &t.near));
        CU_ASSERT_TRUE(is_equal(&t, &t.far));
        random = t.random;
        end(&t);
    }
}

CU_MAIN("stream_relay", CU_CASE(test_a_table_passes_through_a_copy_with_its_versions),
        CU_CASE(test_a_reader_goes_on_at_another_source_with_the_changes_only),
        CU_CASE(test_what_only_one_survivor_heard_of_the_dead_reaches_the_other),
        CU_CASE(test_a_copy_that_has_less_sends_nothing_to_who_has_more),
        CU_CASE(test_a_withdrawal_passes_through_who_never_had_the_route),
        CU_CASE(test_tombstones_that_a_copy_has_dropped_make_its_reader_start_over),
        CU_CASE(test_a_reset_that_brings_nothing_makes_who_reads_the_copy_start_over),
        CU_CASE(test_a_disproved_copy_is_disproved_where_it_is_read),
        CU_CASE(test_what_only_an_announcement_disproves_is_not_told_to_be_disproved),
        CU_CASE(test_what_a_restart_left_is_left_over_where_it_is_read),
        CU_CASE(test_what_a_restart_has_ended_is_lost_where_it_is_read),
        CU_CASE(test_what_was_disproved_of_a_living_node_counts_again_where_it_is_read),
        CU_CASE(test_a_copy_with_holes_serves_nobody),
        CU_CASE(test_an_end_of_rib_outlives_the_connection_that_brought_it),
        CU_CASE(test_what_a_copy_holds_back_is_not_taken_back_from_its_reader),
        CU_CASE(test_what_was_taken_out_is_so_where_it_is_read),
        CU_CASE(test_a_reset_outlives_the_connection_that_brought_it),
        CU_CASE(test_versions_that_make_no_sense_are_quarantined),
        CU_CASE(test_any_history_ends_equal_everywhere))
