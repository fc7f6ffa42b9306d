/* After a start nobody knows which neighbours of a prefix there should be, unless a node does that has been there for longer
 * than routes are held, or has heard of one that had. */
#include "node/core/core_impl.h"
#include "tests/lib/pair_lab.h"

enum { GRACE_MS = 2000, STALE_MS = 8000, HELD_MS = GRACE_MS + STALE_MS, SOON_MS = 2000 };

static struct config_peer edge = { .name = "edge",
                                   .peer_asn = 65001,
                                   .is_range = true,
                                   .range = { .len = 24, .bytes = { 10, 0, 9 } },
                                   .nodes = UINT32_MAX,
                                   .max_peers = 4 };

/* The first one starts alone. */
static struct pair *first_started(void)
{
    struct pair *p = pair_open();
    for (int i = 0; i < 2; i++) {
        core_free(p->core[i]);
        p->core[i] = NULL;
        p->config[i].peers = &edge;
        p->config[i].peer_count = 1;
        p->config[i].grace_ms = GRACE_MS;
        p->config[i].stale_ms = STALE_MS;
    }
    pair_start(p, 0);
    return p;
}

static bool may_remove_inherited(const struct pair *p, int side)
{
    CU_ASSERT_EQUAL(p->core[side]->phase, CORE_STEADY);
    return p->core[side]->converged_told;
}

static void test_who_is_silent_for_as_long_as_routes_are_held_is_missed_no_more(void)
{
    struct pair *p = first_started();
    pair_pass(p, HELD_MS - SOON_MS);
    CU_ASSERT_FALSE(core_bgp_all_synced(p->core[0]) || may_remove_inherited(p, 0));
    pair_pass(p, 2 * SOON_MS);
    CU_ASSERT_TRUE(core_bgp_all_synced(p->core[0]) && may_remove_inherited(p, 0));
    pair_free(p);
}

/* P6: who calls another node only is served by all. */
static void test_neighbours_of_another_node_are_missed_too(void)
{
    struct config_peer theirs = edge;
    struct pair *p = first_started();
    theirs.nodes = 1u << 2;
    p->config[0].peers = &theirs;
    pair_pass(p, SOON_MS);
    CU_ASSERT_FALSE(may_remove_inherited(p, 0));
    theirs.disabled = true;
    pair_pass(p, 1);
    CU_ASSERT_TRUE(may_remove_inherited(p, 0));
    pair_free(p);
}

/* Both lost power, and one was back a little sooner: who has not called yet has its routes in the other one's tables. */
static void test_a_node_that_may_miss_one_itself_does_not_vouch(void)
{
    struct pair *p = first_started();
    pair_pass(p, SOON_MS);
    CU_ASSERT_FALSE(may_remove_inherited(p, 0));
    pair_start(p, 1);
    pair_pass(p, HELD_MS - 2 * SOON_MS);
    CU_ASSERT_FALSE(may_remove_inherited(p, 0) || may_remove_inherited(p, 1));
    pair_pass(p, SOON_MS + SOON_MS / 2); /* for the first one the time is over, and it says so */
    CU_ASSERT_TRUE(may_remove_inherited(p, 0) && may_remove_inherited(p, 1));
    pair_free(p);
}

static void test_a_node_that_knows_vouches_and_so_does_who_heard_it(void)
{
    struct pair *p = first_started();
    pair_pass(p, HELD_MS + SOON_MS);
    for (int i = 0; i < 3; i++) {
        int side = 1 - i % 2;
        pair_start(p, side);
        pair_pass(p, SOON_MS);
        CU_ASSERT_TRUE(may_remove_inherited(p, side));
        pair_kill(p, 1 - side);
    }
    pair_free(p);
}

/* One that tells each node something else: while one of them is away, nobody knows what it announces there. */
static void test_what_an_asymmetric_nva_tells_another_node_is_not_known_before_that_has_heard_it(void)
{
    static struct config_peer peer = { .name = "fw-1", .peer_ip = { .bytes = { 10, 0, 9, 8 } }, .peer_asn = 65001,
                                       .nodes = UINT32_MAX, .passive = true };
    static const struct rib_session told = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        struct pair *p = first_started();
        core_free(p->core[0]);
        peer.symmetric = symmetric;
        p->config[0].peers = p->config[1].peers = &peer;
        pair_start(p, 0);
        CU_ASSERT_EQUAL_FATAL(rib_session_set(&p->core[0]->rib, 1, 1, &told, p->now), 0);
        pair_pass(p, SOON_MS);
        CU_ASSERT_EQUAL(may_remove_inherited(p, 0), symmetric);
        pair_start(p, 1);
        pair_pass(p, SOON_MS);
        CU_ASSERT_EQUAL(may_remove_inherited(p, 0), symmetric);
        CU_ASSERT_EQUAL_FATAL(rib_session_set(&p->core[1]->rib, 2, 1, &told, p->now), 0);
        pair_pass(p, SOON_MS);
        CU_ASSERT_TRUE(may_remove_inherited(p, 0));
        pair_free(p);
    }
}

/* Another node hears the third, and cannot pass its stream on: NVAs are not kept waiting for that, and what is inherited is. */
static void test_who_cannot_be_read_keeps_a_node_from_removing_and_not_from_being_steady(void)
{
    struct pair *p = pair_open_of_three();
    struct core *c = p->core[0];
    for (unsigned i = 0; i < 2 * SOON_MS; i++) {
        repl_member_heard_of(&c->members[3].life, p->now, true, p->now);
        c->members[3].told_ms = p->now;
        pair_pass(p, 1);
        CU_ASSERT_EQUAL(c->phase == CORE_STEADY, i >= p->config[0].defer_ms);
    }
    CU_ASSERT_FALSE(may_remove_inherited(p, 0));
    pair_pass(p, SOON_MS);
    CU_ASSERT_TRUE(may_remove_inherited(p, 0));
    pair_free(p);
}

CU_MAIN("core_vouch", CU_CASE(test_who_is_silent_for_as_long_as_routes_are_held_is_missed_no_more),
        CU_CASE(test_neighbours_of_another_node_are_missed_too),
        CU_CASE(test_a_node_that_may_miss_one_itself_does_not_vouch),
        CU_CASE(test_a_node_that_knows_vouches_and_so_does_who_heard_it),
        CU_CASE(test_what_an_asymmetric_nva_tells_another_node_is_not_known_before_that_has_heard_it),
        CU_CASE(test_who_cannot_be_read_keeps_a_node_from_removing_and_not_from_being_steady))
