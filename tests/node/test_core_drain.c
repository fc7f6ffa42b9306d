/* Planned work (RFC 8326): what the NVAs hear before a node leaves, and what becomes of their routes. */
#include "node/core/core.h"

#include "bgp/codec/notification.h"
#include "tests/lib/core_lab.h"

#define AGREED GRACEFUL("4078", "80") /* routes outlive a NOTIFICATION (RFC 8538) */

static bool is_up(const struct lab *l, int player)
{
    return l->players[player].pump != NULL;
}

static uint8_t drain_of(const struct lab *l)
{
    struct core_status s;
    core_status(l->core, l->now, &s);
    return s.drain;
}

/* Detail of the failed check of this name, NULL when it holds. */
static const char *complaint(const struct lab *l, const char *name)
{
    static struct core_check checks[CORE_CHECKS_MAX];
    size_t count = core_readiness(l->core, l->now, checks);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(checks[i].name, name))
            return checks[i].ok ? NULL : checks[i].detail;
    return "there is no such check";
}

static uint32_t held(const struct lab *l)
{
    return core_rib(l->core)->origins[1].sessions[1].paths;
}

/* ---- drain ---- */

static void test_a_drain_is_announced_waited_for_and_said_in_words(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "new kernel", l->now);
    turn(l);
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 2);
    CU_ASSERT_TRUE(l->players[LISTENER].marks & BGP_MARK_GRACEFUL_SHUTDOWN);
    CU_ASSERT_EQUAL(l->players[LISTENER].ends_of_rib, 1);
    pass(l, 2);
    CU_ASSERT_TRUE(is_up(l, LISTENER) && is_up(l, TALKER));
    CU_ASSERT_EQUAL(drain_of(l), CORE_DRAINING);
    pass(l, 2);
    CU_ASSERT_FALSE(is_up(l, LISTENER) || is_up(l, TALKER));
    CU_ASSERT_EQUAL(drain_of(l), CORE_DRAINED);
    char text[BGP_NOTIFICATION_TEXT + 1];
    CU_ASSERT_EQUAL(l->players[LISTENER].told.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&l->players[LISTENER].told, text), "new kernel");
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    lab_close(l);
}

static void test_while_it_drains_a_node_is_not_ready_and_says_why(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    CU_ASSERT_PTR_NULL(complaint(l, "not-draining"));
    core_drain(l->core, "new kernel", l->now);
    pass(l, 1);
    CU_ASSERT_STRING_EQUAL(complaint(l, "not-draining"), "draining since 1 s: new kernel");
    pass(l, 10);
    CU_ASSERT_STRING_EQUAL(complaint(l, "not-draining"), "drained since 11 s: new kernel");
    core_undrain(l->core, l->now);
    CU_ASSERT_PTR_NULL(complaint(l, "not-draining"));
    lab_close(l);
}

static void test_who_knows_it_hears_the_end_as_a_hard_reset(void)
{
    struct lab *l = lab_told("", AGREED);
    core_drain(l->core, "", l->now);
    pass(l, 4);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_HARD_RESET);
    CU_ASSERT_EQUAL(l->players[TALKER].told.data[1], BGP_ADMIN_SHUTDOWN);
    lab_close(l);
}

static void test_a_drain_without_sessions_is_done_at_once(void)
{
    struct lab *l = lab_open("");
    core_drain(l->core, "", l->now);
    turn(l);
    CU_ASSERT_EQUAL(drain_of(l), CORE_DRAINED);
    lab_close(l);
}

static void test_who_does_not_read_is_waited_for_not_for_ever(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    l->players[LISTENER].pump = NULL; /* its bytes stay where they are */
    core_drain(l->core, "", l->now);
    pass(l, 9);
    CU_ASSERT_EQUAL(drain_of(l), CORE_DRAINING);
    pass(l, 5);
    CU_ASSERT_EQUAL(drain_of(l), CORE_DRAINED);
    lab_close(l);
}

static void test_what_was_learned_is_held_as_long_as_a_dead_nodes_routes(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "", l->now);
    pass(l, 4);
    CU_ASSERT_EQUAL(held(l), 1);
    pass(l, 700);
    CU_ASSERT_EQUAL(held(l), 1);
    pass(l, 30); /* 120 s and 600 s */
    CU_ASSERT_EQUAL(held(l), 0);
    lab_close(l);
}

/* RFC 7313: it has said that it tells all again, and not yet what. */
static void test_a_drain_within_a_refresh_costs_no_route(void)
{
    struct lab *l = lab_told("", HEADER("0023", "01") "04 fde9 0000 0a000002 06 02 04 0200 4600");
    say(l, TALKER, HEADER("0017", "05") "0001 01 01");
    core_drain(l->core, "", l->now);
    pass(l, 4);
    CU_ASSERT_EQUAL(held(l), 1);
    lab_close(l);
}

static void test_nobody_is_heard_while_the_node_is_drained(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "", l->now);
    pass(l, 4);
    CU_ASSERT_TRUE(is_rejected(l, TALKER));
    CU_ASSERT_EQUAL(core_peer_enable(l->core, "talker", l->now), CORE_ACT_DONE);
    CU_ASSERT_TRUE(is_rejected(l, TALKER));
    lab_close(l);
}

/* ---- undrain ---- */

static void test_a_drain_that_is_called_off_is_taken_back(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "", l->now);
    turn(l);
    core_undrain(l->core, l->now);
    pass(l, 20);
    CU_ASSERT_TRUE(is_up(l, LISTENER));
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 3);
    CU_ASSERT_FALSE(l->players[LISTENER].marks & BGP_MARK_GRACEFUL_SHUTDOWN);
    lab_close(l);
}

/* The NVA had no part in it: it went on forwarding, so its routes wait for its End-of-RIB. */
static void test_after_an_undrain_no_route_goes_before_its_nva_has_spoken(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "", l->now);
    pass(l, 4);
    core_undrain(l->core, l->now);
    come_up(l, LISTENER, OPEN("fdea", "03"));
    CU_ASSERT_TRUE(l->players[LISTENER].has_route);
    CU_ASSERT_FALSE(l->players[LISTENER].marks & BGP_MARK_GRACEFUL_SHUTDOWN);
    come_up(l, TALKER, OPEN("fde9", "02"));
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 1);
    lab_close(l);
}

/* ---- stop ---- */

static void test_a_stop_drains_first(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    uint64_t by = core_stop(l->core, l->now), begun = l->now;
    turn(l);
    CU_ASSERT_TRUE(l->players[LISTENER].marks & BGP_MARK_GRACEFUL_SHUTDOWN);
    CU_ASSERT_FALSE(core_is_stopping(l->core));
    CU_ASSERT_STRING_EQUAL(complaint(l, "not-draining"), "stopping since 0 s: node stops");
    CU_ASSERT_EQUAL(by, begun + 13000); /* at the latest */
    pass(l, 4);
    CU_ASSERT_TRUE(core_is_stopping(l->core) && core_is_stopped(l->core));
    CU_ASSERT_EQUAL(l->players[LISTENER].told.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    lab_close(l);
}

static void test_a_stop_without_anybody_to_tell_is_a_stop(void)
{
    struct lab *l = lab_open("");
    CU_ASSERT_EQUAL(core_stop(l->core, l->now), l->now);
    turn(l);
    CU_ASSERT_TRUE(core_is_stopped(l->core));
    lab_close(l);
}

static void test_a_stop_of_a_node_that_is_drained_is_quick(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    core_drain(l->core, "", l->now);
    pass(l, 4);
    CU_ASSERT_EQUAL(core_stop(l->core, l->now), l->now);
    turn(l);
    CU_ASSERT_TRUE(core_is_stopped(l->core));
    lab_close(l);
}

static void test_who_bridges_our_restart_is_not_told_to_move(void)
{
    struct lab *l = lab_told(", gracefulRestart: full", AGREED);
    core_stop(l->core, l->now);
    pass(l, 4);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_ADMIN_RESET); /* graceful: RFC 8538 */
    CU_ASSERT_EQUAL(l->players[LISTENER].told.subcode, BGP_ADMIN_SHUTDOWN);
    lab_close(l);
}

CU_MAIN("core drain", CU_CASE(test_a_drain_is_announced_waited_for_and_said_in_words),
        CU_CASE(test_while_it_drains_a_node_is_not_ready_and_says_why),
        CU_CASE(test_who_knows_it_hears_the_end_as_a_hard_reset),
        CU_CASE(test_a_drain_without_sessions_is_done_at_once),
        CU_CASE(test_who_does_not_read_is_waited_for_not_for_ever),
        CU_CASE(test_what_was_learned_is_held_as_long_as_a_dead_nodes_routes),
        CU_CASE(test_a_drain_within_a_refresh_costs_no_route),
        CU_CASE(test_nobody_is_heard_while_the_node_is_drained),
        CU_CASE(test_a_drain_that_is_called_off_is_taken_back),
        CU_CASE(test_after_an_undrain_no_route_goes_before_its_nva_has_spoken),
        CU_CASE(test_a_stop_drains_first), CU_CASE(test_a_stop_without_anybody_to_tell_is_a_stop),
        CU_CASE(test_a_stop_of_a_node_that_is_drained_is_quick),
        CU_CASE(test_who_bridges_our_restart_is_not_told_to_move))
