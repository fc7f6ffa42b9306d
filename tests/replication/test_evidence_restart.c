/* Routes that are held while their NVA restarts (RFC 4724), and what ends that. */
#include "tests/lib/evidence_lab.h"

static void test_nodes_that_hear_crosswise_of_a_restart_keep_the_route(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, SELF, FW), RIB_GONE); /* the other session lives still */
    ribs_session(&x, AWAY, FW, RIB_SESSION_GRACE, 1, 1001);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, SELF, FW), RIB_GRACE);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    rib_fini(&x.rib);
}

/* A drained node holds what its NVAs told it, and by the word of the other one what they withdraw goes, and what they tell
 * that one comes first: also when that was said while it was on its way back. */
static void test_what_a_node_that_returns_has_heard_counts_against_what_we_hold(void)
{
    for (int withdraws = 0; withdraws <= 1; withdraws++) {
        struct ribs x;
        begin(&x);
        ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
        ribs_announce(&x, AWAY, FW, ROUTE, 0, 65002);
        ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 500);
        CU_ASSERT_EQUAL(width(&x), 1);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        CU_ASSERT_EQUAL(width(&x), 1);
        CU_ASSERT_EQUAL(class_of(&x, SELF, FW), RIB_GRACE);
        repl_evidence_returns(&x.rib, AWAY, 2000);
        if (withdraws)
            ribs_withdraw(&x, AWAY, FW, ROUTE, 0, 2000);
        CU_ASSERT_EQUAL(width(&x), 1);
        repl_evidence_back(&x.rib, AWAY, 2001);
        CU_ASSERT_EQUAL(width(&x), withdraws ? 0 : 1);
        CU_ASSERT_EQUAL(class_of(&x, SELF, FW), RIB_GONE);
        rib_fini(&x.rib);
    }
}

/* Ours tells nothing of the route, so the other's copy is set aside while that one restarts … */
static void set_aside(struct ribs *x)
{
    begin(x);
    ribs_announce(x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(x, SELF, FW, ROUTE, 0, 65001);
    ribs_session(x, AWAY, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_withdraw(x, SELF, FW, ROUTE, 0, 1500);
    CU_ASSERT_EQUAL(width(x), 0);
    ribs_session(x, AWAY, FW, RIB_SESSION_SYNCING, 1, 2000); /* … and it is back */
}

static void test_what_was_set_aside_counts_again_when_that_is_decided_on(void)
{
    struct ribs x;
    set_aside(&x);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE); /* nothing speaks for what is being removed */
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_LIVE);
    rib_fini(&x.rib);
}

/* The walk that is on its way finds it behind its end. */
static void test_what_was_set_aside_and_is_heard_again_is_decided_on(void)
{
    struct ribs x;
    set_aside(&x);
    rib_refresh_begins(&x.rib, AWAY, FW, BGP_IP4);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_LIVE);
    rib_fini(&x.rib);
}

static void test_an_end_of_rib_elsewhere_ends_only_what_this_node_holds_itself(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 2, 1900);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 2, 2000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 0); /* said as a withdrawal, which the others hear */
    rib_fini(&x.rib);

    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65002);
    ribs_session(&x, AWAY, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 2, 1900);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 2, 2000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE); /* its word, not ours */
    rib_fini(&x.rib);
}

/* As before, and the other one was away when it had the End-of-RIB: it is evidence once it is back. That a net has no entry
 * of it is what it says, so that its own entries do not lead there. */
static void test_an_end_of_rib_of_a_node_that_was_away_counts_when_it_is_back(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    repl_evidence_lost(&x.rib, AWAY, 1500);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 2, 1900);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 2, 2000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_back(&x.rib, AWAY, 2500);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* The NVA is back at both, and tells the other one first that the route is no more (scenario 7): its word is the truth,
 * however long it takes to tell us. What it has told us by then is our own. */
static void test_what_a_restart_left_here_ends_by_the_first_end_of_rib(void)
{
    struct ribs x;
    for (int told = 0; told < 2; told++) {
        begin(&x);
        ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
        rib_refresh_begins(&x.rib, SELF, FW, BGP_IP4);
        ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
        ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 1, 1800);
        CU_ASSERT_EQUAL(width(&x), 1);
        if (told)
            ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
        ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 2, 1900);
        ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 2, 2000);
        repl_evidence_synced(&x.rib, FW);
        CU_ASSERT_EQUAL(width(&x), (uint32_t)told);
        rib_fini(&x.rib);
    }
}

/* It restarted twice, and what was held over the first time is not held twice (RFC 4724 section 4.2): that tells nothing
 * of what the NVA will tell, neither us, who hold it over the second time … */
static void test_what_another_node_lost_over_a_restart_is_not_withdrawn(void)
{
    struct ribs x;
    struct ip_prefix prefix = ribs_prefix(ROUTE);
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_session(&x, AWAY, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_withdraw(&x, AWAY, FW, ROUTE, 0, 1000);
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 1, 1500);
    CU_ASSERT_EQUAL(width(&x), 1);
    uint32_t net = prefix_table_find(&x.rib.nets, &prefix);
    CU_ASSERT_FALSE(repl_evidence_is_withdrawn(&x.rib, net, FW, SELF));
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 1, 2000); /* … until it has told all */
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* … nor does what the other node has not kept when the session is back: the walk that withdraws it comes later. */
static void test_what_is_not_kept_over_a_restart_is_not_withdrawn(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    rib_refresh_begins(&x.rib, SELF, FW, BGP_IP4);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    rib_refresh_ends(&x.rib, SELF, FW, BGP_IP4);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 1, 1500);
    repl_evidence_lost(&x.rib, AWAY, 1600);
    CU_ASSERT_EQUAL(width(&x), 1);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GRACE);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 1700); /* now it says so itself */
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* P5: it has not told all since it is back, and withdraws something of what it has; the other node dies, whose copy may
 * not outlive that. */
static void test_what_is_withdrawn_since_the_restart_is_withdrawn(void)
{
    struct ribs x;
    struct ip_prefix prefix = ribs_prefix(ROUTE);
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    rib_refresh_begins(&x.rib, SELF, FW, BGP_IP4);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 1, 1500);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_withdraw(&x, SELF, FW, ROUTE, 0, 1600);
    repl_evidence_lost(&x.rib, AWAY, 1700);
    CU_ASSERT_EQUAL(width(&x), 0);
    CU_ASSERT_EQUAL(class_of(&x, AWAY, FW), RIB_GONE);
    CU_ASSERT_TRUE(repl_evidence_is_withdrawn(&x.rib, prefix_table_find(&x.rib.nets, &prefix), FW, AWAY));
    rib_fini(&x.rib);
}

/* A copy may read of the session's end and return at once: of facts first, and of what came before them by its place. */
static void test_a_session_that_tells_once_more_was_away(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65001);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    rib_origin_renumber(&x.rib, AWAY, 10);
    CU_ASSERT_EQUAL_FATAL(rib_copy_begin(&x.rib, AWAY, 12), 0);
    CU_ASSERT_TRUE_FATAL(rib_copy_at(&x.rib, AWAY, 12));
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCING, 1, 1500);
    CU_ASSERT_TRUE_FATAL(rib_copy_at(&x.rib, AWAY, 11));
    ribs_withdraw(&x, AWAY, FW, ROUTE, 0, 1500);
    rib_copy_end(&x.rib, AWAY);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

/* A refresh asks on a session that there is: what waits for it counts until its end. */
static void test_a_refresh_is_no_restart(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, SELF, FW, ROUTE, 0, 65002);
    ribs_session(&x, SELF, FW, RIB_SESSION_GRACE, 1, 1000);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 1, 1500);
    rib_refresh_begins(&x.rib, SELF, FW, BGP_IP4);
    CU_ASSERT_FALSE(repl_evidence_is_needed(&x.rib));
    ribs_session(&x, AWAY, FW, RIB_SESSION_SYNCED, 2, 2000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

CU_MAIN("evidence_restart", CU_CASE(test_nodes_that_hear_crosswise_of_a_restart_keep_the_route),
        CU_CASE(test_what_a_node_that_returns_has_heard_counts_against_what_we_hold),
        CU_CASE(test_what_was_set_aside_counts_again_when_that_is_decided_on),
        CU_CASE(test_what_was_set_aside_and_is_heard_again_is_decided_on),
        CU_CASE(test_an_end_of_rib_elsewhere_ends_only_what_this_node_holds_itself),
        CU_CASE(test_an_end_of_rib_of_a_node_that_was_away_counts_when_it_is_back),
        CU_CASE(test_what_a_restart_left_here_ends_by_the_first_end_of_rib),
        CU_CASE(test_what_another_node_lost_over_a_restart_is_not_withdrawn),
        CU_CASE(test_what_is_not_kept_over_a_restart_is_not_withdrawn),
        CU_CASE(test_what_is_withdrawn_since_the_restart_is_withdrawn),
        CU_CASE(test_a_session_that_tells_once_more_was_away),
        CU_CASE(test_a_refresh_is_no_restart))
