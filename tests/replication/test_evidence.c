/* Who may hold a route when its origin is away: every class, every rule. Restarts of NVAs: test_evidence_restart.c; whose word counts:
 * test_evidence_witness.c. */
#include "tests/lib/evidence_lab.h"

static const struct repl_evidence_times times = { .grace_ms = GRACE_MS, .stale_ms = STALE_MS };

/* ---- holding ---- */

static void test_a_route_that_only_the_dead_node_saw_is_held(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    rib_fini(&x.rib);
}

/* D: grace has the preference of life, or ECMP sets would shrink at every death. */
static void test_grace_shares_the_traffic_with_living_routes_and_stale_does_not(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, SELF, OTHER, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, OTHER, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 2);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS - 1);
    CU_ASSERT_EQUAL(width(&x), 2);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_STALE);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static void test_a_stale_route_without_alternative_stays_until_its_end(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS + STALE_MS - 1);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_EQUAL(width(&x), 0);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE);
    rib_fini(&x.rib);
}

/* Another node says when; our own timer is for the case that it does not. */
static void test_a_hold_ends_for_all_when_it_ends_for_one(void)
{
    struct repl_evidence_times follower = times;
    struct ribs x;
    follower.follow_ms = 5000;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_purge(&x.rib, AWAY, &follower, 1000); /* it is alive: nothing is held */
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_tick(&x.rib, &follower, 1000 + GRACE_MS);
    repl_evidence_tick(&x.rib, &follower, 1000 + GRACE_MS + STALE_MS + 4999);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_purge(&x.rib, AWAY, &follower, 1000 + GRACE_MS + STALE_MS + 4999);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* I2: who comes back may have been out of reach of all for longer than the one that is held is away. */
static void test_a_hold_does_not_end_for_one_that_began_long_before(void)
{
    struct repl_evidence_times follower = times;
    struct ribs x;
    follower.follow_ms = 5000;
    follower.heard_ms[AWAY] = 2000;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_purge(&x.rib, AWAY, &follower, 2000 + GRACE_MS + STALE_MS - 5001);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_purge(&x.rib, AWAY, &follower, 2000 + GRACE_MS + STALE_MS - 5000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static void test_a_hold_that_nobody_ends_ends_by_itself(void)
{
    struct repl_evidence_times follower = times;
    struct ribs x;
    follower.follow_ms = 5000;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_tick(&x.rib, &follower, 1000 + GRACE_MS);
    repl_evidence_tick(&x.rib, &follower, 1000 + GRACE_MS + STALE_MS + 5000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* What others pass on of it later would be held for no time. Who has never said anything has no time yet. */
static void test_a_hold_ends_where_nothing_is_left_to_hold(void)
{
    struct ribs x;
    begin(&x);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_lost(&x.rib, THIRD, 1000);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS), 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_FALSE(x.rib.origins[AWAY].is_partial);
    repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_TRUE(x.rib.origins[AWAY].is_partial);
    CU_ASSERT_FALSE(x.rib.origins[THIRD].is_partial);
    rib_fini(&x.rib);

    begin(&x);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_purge(&x.rib, AWAY, &times, 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_TRUE(x.rib.origins[AWAY].is_partial);
    rib_fini(&x.rib);
}

static void test_without_a_live_session_no_other_node_ends_a_hold(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2000);
    repl_evidence_purge(&x.rib, AWAY, &times, 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

/* Scenario 8b: with no live session at all we are probably the isolated ones. */
static void test_with_every_session_lost_nothing_expires(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2000);
    for (uint64_t at = 1000; at < 1000 + 10 * STALE_MS; at += GRACE_MS)
        repl_evidence_tick(&x.rib, &times, at);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_session(&x, SELF, OTHER, RIB_SESSION_SYNCING, 1, 7000000);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 7000000), 7000000 + GRACE_MS);
    CU_ASSERT_EQUAL(width(&x), 1); /* it is about to tell again what is held */
    ribs_session(&x, SELF, OTHER, RIB_SESSION_SYNCED, 1, 7000010);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 7000010), 7060000);
    CU_ASSERT_EQUAL(width(&x), 1); /* and so may the one be whose it is, when it is back as well */
    repl_evidence_tick(&x.rib, &times, 7060000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* S1: every holding has an end, and the ends come in order. */
static void test_the_tick_names_the_next_moment(void)
{
    struct ribs x;
    begin(&x);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 500), UINT64_MAX);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    CU_ASSERT_FALSE(repl_evidence_is_needed(&x.rib));
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_TRUE(repl_evidence_is_needed(&x.rib));
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 1000), 1000 + GRACE_MS);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS), 1000 + GRACE_MS + STALE_MS);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 1000 + GRACE_MS + STALE_MS), UINT64_MAX);
    rib_fini(&x.rib);
}

/* ---- rule a: withdrawn on a living session ---- */

static void test_a_withdrawal_after_the_death_ends_the_dead_nodes_copy(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* H2: the survivor heard the withdrawal just before the death, the dead node's copy did not. */
static void test_a_withdrawal_just_before_the_death_counts_too(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 900);
    CU_ASSERT_EQUAL(width(&x), 1); /* both live: the other session still announces it */
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static bool is_withdrawn(struct ribs *x)
{
    struct ip_prefix p = ribs_prefix(ROUTE);
    decide(x);
    return rib_net_is_withdrawn(rib_net(&x->rib, prefix_table_find(&x->rib.nets, &p)));
}

/* Whoever programs it asks why it goes: what is only lost may have to wait. */
static void test_what_was_withdrawn_before_the_death_goes_as_withdrawn(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    decide(&x);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 900);
    CU_ASSERT_EQUAL(width(&x), 1); /* the other node stands by it */
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 0);
    CU_ASSERT_TRUE(is_withdrawn(&x));
    rib_fini(&x.rib);
}

static void test_another_nvas_withdrawal_says_nothing_of_this_one(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, SELF, OTHER, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, OTHER, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, SELF, OTHER, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

/* ---- rule b: End-of-RIB without it ---- */

static void test_an_end_of_rib_after_the_death_without_the_route_ends_it(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 2, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 2, 3000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static void test_an_end_of_rib_before_the_death_proves_nothing(void)
{
    struct ribs x;
    begin(&x); /* synced at 100 */
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static void test_an_nva_that_is_not_symmetric_may_say_less_to_us(void)
{
    struct ribs x;
    begin(&x);
    x.nvas[FW].symmetric = false;
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 2, 3000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

/* ---- rule c: announced by the living ---- */

static void test_what_the_living_announce_replaces_the_held_copy_for_good(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE);
    repl_evidence_session_ends(&x.rib, FW);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2000);
    CU_ASSERT_EQUAL(width(&x), 0); /* the fresher copy went: the older one is no better */
    rib_fini(&x.rib);
}

static void test_a_session_that_ends_before_the_decision_has_spoken_still(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    decide(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 2000);
    repl_evidence_session_ends(&x.rib, FW); /* in the same turn */
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static void test_a_session_that_ends_before_a_loss_has_reached_all_nets_has_spoken_still(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    decide(&x);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_session_ends(&x.rib, FW); /* nothing was judged since */
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static void test_who_is_back_speaks_against_what_is_held_of_others(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, THIRD, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, THIRD, FW, ROUTE, 0, 65002);
    repl_evidence_lost(&x.rib, THIRD, 1000);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    repl_evidence_back(&x.rib, THIRD, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE); /* THIRD has its own word */
    repl_evidence_session_ends(&x.rib, FW);
    ribs_session(&x, THIRD, FW, RIB_SESSION_DOWN, 1, 3000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* It has announced the route, whatever others hold against that: its End-of-RIB is none without it. */
static void test_what_is_disproved_itself_is_no_absence(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    struct ip_prefix prefix = ribs_prefix(ROUTE);
    rib_disprove(&x.rib, AWAY, FW, &prefix, 0); /* as whoever it is read from has found */
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 1, 2000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, SELF, FW), RIB_GRACE);
    rib_fini(&x.rib);
}

/* Of a route that others have written: who says that it is withdrawn, and whose word does not count. */
static void test_a_withdrawal_counts_while_a_living_session_stands_by_it(void)
{
    struct ribs x;
    struct ip_prefix prefix = ribs_prefix(ROUTE);
    begin(&x);
    ribs_announce(&x, SELF, OTHER, ROUTE, 0, 65001);
    uint32_t net = prefix_table_find(&x.rib.nets, &prefix);
    CU_ASSERT_TRUE(repl_evidence_is_withdrawn(&x.rib, net, FW, 0)); /* both have told all, and not that */
    CU_ASSERT_FALSE(repl_evidence_is_withdrawn(&x.rib, net, OTHER, 0));
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 200);
    CU_ASSERT_TRUE(repl_evidence_is_withdrawn(&x.rib, net, FW, 0));
    CU_ASSERT_FALSE(repl_evidence_is_withdrawn(&x.rib, net, FW, AWAY)); /* its own word is older than what it wrote */
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    CU_ASSERT_FALSE(repl_evidence_is_withdrawn(&x.rib, net, FW, 0));
    ribs_withdraw(&x, AWAY, FW, ROUTE, 0, 300);
    CU_ASSERT_TRUE(repl_evidence_is_withdrawn(&x.rib, net, FW, 0));
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_FALSE(repl_evidence_is_withdrawn(&x.rib, net, FW, 0));
    rib_fini(&x.rib);
}

/* ---- who may speak ---- */

static void test_a_node_that_is_away_itself_gives_no_evidence(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, THIRD, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, THIRD, FW, ROUTE, 0, 65001);
    ribs_withdraw(&x, THIRD, FW, ROUTE, 0, 900);
    repl_evidence_lost(&x.rib, THIRD, 1000);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static void test_a_session_that_is_down_gives_no_evidence(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 500);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 2, 1500);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static void test_a_third_nodes_word_counts_like_our_own(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, THIRD, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, THIRD, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, THIRD, FW, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* ---- coming back ---- */

/* Its session is another one by now: what it said before is no word of it until it comes again. */
static void test_what_a_former_session_announced_replaces_nothing(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, THIRD, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, THIRD, FW, ROUTE, 0, 65001);
    ribs_session(&x, THIRD, FW, RIB_SESSION_SYNCING, 2, 500);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    CU_ASSERT_EQUAL(class_of(&x, THIRD, FW), RIB_LIVE);
    ribs_announce(&x, THIRD, FW, ROUTE, 0, 65001);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE);
    rib_origin_drop_former(&x.rib, THIRD);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static void test_a_node_that_is_back_says_again_what_was_disproved(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    repl_evidence_back(&x.rib, AWAY, 5000); /* same incarnation, at its cut: it still has the route */
    CU_ASSERT_EQUAL(width(&x), 0);            /* and may not know yet */
    CU_ASSERT_TRUE(repl_evidence_is_healing(&x.rib));
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 5000), 8000);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 8000), UINT64_MAX);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_LIVE);
    CU_ASSERT_FALSE(repl_evidence_is_healing(&x.rib));
    rib_fini(&x.rib);
}

/* What it says itself after it is back needs no patience. */
static void test_a_node_that_is_back_is_believed_at_once_in_what_it_says_anew(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    repl_evidence_back(&x.rib, AWAY, 5000);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

/* The other node is away, and what it announced is announced here. */
static void begin_outdone(struct ribs *x)
{
    begin(x);
    ribs_announce(x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(x, SELF, FW, ROUTE, 0, 65002);
    repl_evidence_lost(&x->rib, AWAY, 1000);
    decide(x);
}

/* A node that is here again says in a second what it has. Until then the announcement of another session is no reason
 * against that, and stands alone: when it goes, what is held of the node counts (4.7: not before its cut). */
static void test_what_is_held_of_a_node_that_returns_counts_when_the_announcement_of_another_goes(void)
{
    struct ribs x;
    begin_outdone(&x);
    repl_evidence_returns(&x.rib, AWAY, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE); /* set aside */
    repl_evidence_session_ends(&x.rib, FW);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 2500);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    repl_evidence_back(&x.rib, AWAY, 2900);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_LIVE);
    rib_fini(&x.rib);
}

static void test_what_was_set_aside_of_a_node_that_returned_lives_at_its_cut(void)
{
    struct ribs x;
    begin_outdone(&x);
    repl_evidence_returns(&x.rib, AWAY, 2000);
    decide(&x);
    repl_evidence_back(&x.rib, AWAY, 2900);
    decide(&x);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_LIVE);
    rib_fini(&x.rib);
}

/* It is held no longer than three seconds for that, or until it is lost once more. */
static void test_a_node_that_returns_and_says_nothing_is_outdone_for_good(void)
{
    for (int dies = 0; dies < 2; dies++) {
        struct ribs x;
        begin_outdone(&x);
        repl_evidence_returns(&x.rib, AWAY, 2000);
        decide(&x);
        if (dies)
            repl_evidence_lost(&x.rib, AWAY, 2100);
        else
            CU_ASSERT_TRUE(repl_evidence_tick(&x.rib, &times, 4999) == 5000);
        repl_evidence_tick(&x.rib, &times, 5000);
        decide(&x);
        CU_ASSERT_FALSE(repl_evidence_is_healing(&x.rib));
        repl_evidence_session_ends(&x.rib, FW);
        ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 6000);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);
    }
}

/* a and b count until it speaks: nothing that is gone comes back for a moment. */
static void test_what_was_withdrawn_meanwhile_does_not_come_back_with_its_node(void)
{
    for (int withdraws = 0; withdraws < 2; withdraws++) {
        struct ribs x;
        begin_outdone(&x);
        if (withdraws) {
            ribs_withdraw(&x, SELF, FW, ROUTE, 0, 1500);
        } else { /* it came up anew, and says nothing of it */
            repl_evidence_session_ends(&x.rib, FW);
            ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 1200);
            ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 2, 1500);
            repl_evidence_synced(&x.rib, FW);
        }
        CU_ASSERT_EQUAL(width(&x), 0);
        repl_evidence_returns(&x.rib, AWAY, 2000);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);
    }
}

static void test_losing_a_node_twice_starts_no_second_clock(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    repl_evidence_lost(&x.rib, AWAY, 90000);
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &times, 90000), 1000 + GRACE_MS);
    rib_fini(&x.rib);
}

static void test_nothing_expires_of_a_node_that_others_hear(void)
{
    struct repl_evidence_times heard = times;
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    heard.heard_ms[AWAY] = 500000;
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &heard, 500000), 500000 + GRACE_MS);
    heard.heard_ms[AWAY] = 500000 + STALE_MS;
    CU_ASSERT_EQUAL(repl_evidence_tick(&x.rib, &heard, 500000 + STALE_MS), 500000 + STALE_MS + GRACE_MS);
    repl_evidence_tick(&x.rib, &heard, 500000 + STALE_MS + GRACE_MS); /* it was heard no more … */
    repl_evidence_tick(&x.rib, &heard, 500000 + STALE_MS + GRACE_MS + STALE_MS - 1);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_tick(&x.rib, &heard, 500000 + STALE_MS + GRACE_MS + STALE_MS);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

static void test_routes_of_an_earlier_life_are_held_and_judged_alike(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    rib_origin_age(&x.rib, AWAY, 1000);
    CU_ASSERT_TRUE(repl_evidence_is_needed(&x.rib));
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 2000);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

CU_MAIN("evidence", CU_CASE(test_a_route_that_only_the_dead_node_saw_is_held),
        CU_CASE(test_grace_shares_the_traffic_with_living_routes_and_stale_does_not),
        CU_CASE(test_a_stale_route_without_alternative_stays_until_its_end),
        CU_CASE(test_with_every_session_lost_nothing_expires),
        CU_CASE(test_the_tick_names_the_next_moment),
        CU_CASE(test_a_withdrawal_after_the_death_ends_the_dead_nodes_copy),
        CU_CASE(test_a_withdrawal_just_before_the_death_counts_too),
        CU_CASE(test_what_was_withdrawn_before_the_death_goes_as_withdrawn),
        CU_CASE(test_another_nvas_withdrawal_says_nothing_of_this_one),
        CU_CASE(test_an_end_of_rib_after_the_death_without_the_route_ends_it),
        CU_CASE(test_an_end_of_rib_before_the_death_proves_nothing),
        CU_CASE(test_an_nva_that_is_not_symmetric_may_say_less_to_us),
        CU_CASE(test_what_the_living_announce_replaces_the_held_copy_for_good),
        CU_CASE(test_a_session_that_ends_before_a_loss_has_reached_all_nets_has_spoken_still),
        CU_CASE(test_who_is_back_speaks_against_what_is_held_of_others),
        CU_CASE(test_a_session_that_ends_before_the_decision_has_spoken_still),
        CU_CASE(test_what_is_disproved_itself_is_no_absence),
        CU_CASE(test_a_withdrawal_counts_while_a_living_session_stands_by_it),
        CU_CASE(test_a_node_that_is_away_itself_gives_no_evidence),
        CU_CASE(test_a_session_that_is_down_gives_no_evidence),
        CU_CASE(test_a_third_nodes_word_counts_like_our_own),
        CU_CASE(test_what_a_former_session_announced_replaces_nothing),
        CU_CASE(test_a_node_that_is_back_says_again_what_was_disproved),
        CU_CASE(test_a_node_that_is_back_is_believed_at_once_in_what_it_says_anew),
        CU_CASE(test_what_is_held_of_a_node_that_returns_counts_when_the_announcement_of_another_goes),
        CU_CASE(test_what_was_set_aside_of_a_node_that_returned_lives_at_its_cut),
        CU_CASE(test_a_node_that_returns_and_says_nothing_is_outdone_for_good),
        CU_CASE(test_what_was_withdrawn_meanwhile_does_not_come_back_with_its_node),
        CU_CASE(test_losing_a_node_twice_starts_no_second_clock),
        CU_CASE(test_nothing_expires_of_a_node_that_others_hear),
        CU_CASE(test_routes_of_an_earlier_life_are_held_and_judged_alike),
        CU_CASE(test_a_hold_ends_for_all_when_it_ends_for_one),
        CU_CASE(test_a_hold_does_not_end_for_one_that_began_long_before),
        CU_CASE(test_a_hold_that_nobody_ends_ends_by_itself),
        CU_CASE(test_a_hold_ends_where_nothing_is_left_to_hold),
        CU_CASE(test_without_a_live_session_no_other_node_ends_a_hold))
