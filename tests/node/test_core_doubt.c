/* An NVA withdraws on its session with another node, and says nothing on ours. */
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

/* OPEN with a hold time and route refresh; with a hold time of 0 there are no KEEPALIVEs. */
#define REFRESHING HEADER("0021", "01") "04 fde9 00b4 0a000002 04 02 02 0200"
#define WITHDRAWAL HEADER("001b", "02") "0004 18 c0a801 0000"

enum { OTHER = 2, RULE_MS = 1000 };

static uint16_t talker(const struct lab *l)
{
    return core_peer_find(l->core, "talker")->nva;
}

/* The talker has told its route to us and to another node; then it is silent for a while. */
static struct lab *heard_by_two(const char *open)
{
    struct lab *l = lab_told("", open);
    struct rib *r = core_rib(l->core);
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    r->keep_tombstones = true;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(r, OTHER, talker(l), &fact, l->now), 0);
    const struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 192, 168, 1 } };
    uint32_t own = rib_net(r, prefix_table_find(&r->nets, &p))->paths;
    CU_ASSERT_EQUAL_FATAL(rib_announce(r, OTHER, talker(l), &p, 0, rib_path(r, own)->attrs), 0);
    pass(l, 3);
    return l;
}

static void withdraw_at_the_other(struct lab *l)
{
    const struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 192, 168, 1 } };
    CU_ASSERT_EQUAL_FATAL(rib_withdraw(core_rib(l->core), OTHER, talker(l), &p, 0, l->now), 0);
    turn(l);
}

/* Milliseconds go by; whoever is asked to looks whether the talker's system acknowledges. */
static void pass_ms(struct lab *l, unsigned ms, bool acknowledges)
{
    for (unsigned i = 0; i < ms; i++) {
        struct pump *pump = l->players[TALKER].pump;
        l->now++;
        turn(l);
        if (pump && pump->asks_peer) {
            pump->is_unanswered = !acknowledges;
            pump->asks_peer = false;
        }
    }
}

static void test_what_another_node_heard_withdrawn_goes_where_the_nva_is_not_heard(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    unsigned keepalives = l->players[TALKER].keepalives;
    withdraw_at_the_other(l);
    CU_ASSERT_TRUE(listener_has(l)); /* our own withdrawal may be on its way */
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_EQUAL(l->players[TALKER].keepalives, keepalives + 1);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 0);
    say(l, TALKER, KEEPALIVE); /* it is heard again, and may have meant it */
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 1);
    say(l, TALKER, ROUTE);
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_what_follows_goes_at_once(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    struct rib *r = core_rib(l->core);
    const struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 192, 168, 1 } };
    uint32_t attrs = rib_path(r, rib_net(r, prefix_table_find(&r->nets, &p))->paths)->attrs;
    withdraw_at_the_other(l);
    core_peer_find(l->core, "talker")->doubt.step = DOUBT_UNHEARD; /* found so, by another route of it */
    core_peer_find(l->core, "talker")->doubt.due_ms = 0;
    CU_ASSERT_EQUAL_FATAL(rib_announce(r, OTHER, talker(l), &p, 0, attrs), 0);
    turn(l);
    withdraw_at_the_other(l);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_an_nva_that_answers_is_believed(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    withdraw_at_the_other(l);
    pass_ms(l, 3 * RULE_MS, true);
    CU_ASSERT_TRUE(listener_has(l));
    CU_ASSERT_EQUAL(core_peer_find(l->core, "talker")->doubt.step, DOUBT_NONE);
    lab_close(l);
}

static void test_an_nva_that_speaks_is_not_asked(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    withdraw_at_the_other(l);
    pass_ms(l, 20, false);
    unsigned keepalives = l->players[TALKER].keepalives;
    say(l, TALKER, KEEPALIVE);
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_TRUE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[TALKER].keepalives, keepalives);
    say(l, TALKER, WITHDRAWAL);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* S4, scenario 17: a second is what it may wait. */
static void test_an_nva_that_is_not_read_in_time_is_taken_at_its_word_elsewhere(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    struct core_peer *p = core_peer_find(l->core, "talker");
    unsigned keepalives = l->players[TALKER].keepalives;
    struct core_conn *conn = p->conns[bgp_session_slot(p->session)];
    conn->unread_ms = p->heard_ms = l->now;
    withdraw_at_the_other(l);
    l->core->rx_left = 0; /* the others had it all */
    core_bgp_drain(l->core, conn);
    CU_ASSERT_EQUAL(p->doubt.step, DOUBT_WAITS);
    pass_ms(l, RULE_MS - 1, false);
    CU_ASSERT_TRUE(listener_has(l));
    pass_ms(l, 100, false);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[TALKER].keepalives, keepalives);
    conn->unread_ms = 0;
    say(l, TALKER, KEEPALIVE); /* now it is read */
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 1);
    say(l, TALKER, ROUTE);
    pass_ms(l, 1, false);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_who_cannot_be_asked_for_its_routes_is_believed(void)
{
    struct lab *l = heard_by_two(OPEN("fde9", "02"));
    withdraw_at_the_other(l);
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_so_is_one_that_tells_nodes_different_things(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    l->core->nvas[talker(l)].symmetric = false;
    withdraw_at_the_other(l);
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_a_session_that_ends_meanwhile_takes_the_doubt_along(void)
{
    struct lab *l = heard_by_two(REFRESHING);
    withdraw_at_the_other(l);
    pass_ms(l, 20, false);
    hang_up(l, TALKER);
    CU_ASSERT_FALSE(listener_has(l));
    come_up(l, TALKER, REFRESHING);
    say(l, TALKER, ROUTE);
    pass_ms(l, RULE_MS, false);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

CU_MAIN("core doubt", CU_CASE(test_what_another_node_heard_withdrawn_goes_where_the_nva_is_not_heard),
        CU_CASE(test_what_follows_goes_at_once), CU_CASE(test_an_nva_that_answers_is_believed),
        CU_CASE(test_an_nva_that_speaks_is_not_asked),
        CU_CASE(test_an_nva_that_is_not_read_in_time_is_taken_at_its_word_elsewhere), CU_CASE(test_who_cannot_be_asked_for_its_routes_is_believed),
        CU_CASE(test_so_is_one_that_tells_nodes_different_things),
        CU_CASE(test_a_session_that_ends_meanwhile_takes_the_doubt_along))
