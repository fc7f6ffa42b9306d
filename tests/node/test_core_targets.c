/* A core's targets over another configuration: who goes on, who begins, who ends; and the next hops of NVAs
 * that were lost a moment ago. */
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

/* No backends. */
static void reload(struct lab *l, const char *targets)
{
    follow(l, config_of("routeServer: { name: hub, mode: transparent }\n"
                        "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                        "peers:\n"
                        "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n"
                        "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n"
                        "programming: [%s]\n",
                        targets));
    pass(l, 1);
}

static struct program *program(struct lab *l, size_t nth, const char *name)
{
    const struct config_target *target;
    struct program *p = core_program(l->core, nth, &target);
    if (p)
        CU_ASSERT_STRING_EQUAL(target->name, name);
    return p;
}

static uint32_t wanted(struct lab *l, size_t nth)
{
    const struct config_target *target;
    return program_stats(core_program(l->core, nth, &target))->wanted;
}

#define A "{ name: a, type: netlink, table: 100 }"
#define B "{ name: b, type: netlink, table: 101 }"

static struct lab *told(void)
{
    return lab_told("", OPEN("fde9", "02"));
}

static void test_targets_are_added_and_fed_from_the_beginning(void)
{
    struct lab *l = told();
    CU_ASSERT_PTR_NULL(program(l, 0, ""));
    reload(l, A);
    struct program *a = program(l, 0, "a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_EQUAL(wanted(l, 0), 0); /* its backend has not read the table yet */
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    CU_ASSERT_EQUAL(wanted(l, 0), 1);
    reload(l, B ", " A);
    CU_ASSERT_PTR_EQUAL(program(l, 1, "a"), a); /* it goes on, at another place of the list */
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    CU_ASSERT_EQUAL(wanted(l, 0), 1);
    CU_ASSERT_EQUAL(wanted(l, 1), 1);
    lab_close(l);
}

static void test_a_target_that_ends_holds_no_prefix_any_more(void)
{
    struct lab *l = told();
    const struct ip_prefix known = { .len = 24, .bytes = { 192, 168, 1 } };
    reload(l, A ", " B);
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    uint32_t net = prefix_table_find(&core_rib(l->core)->nets, &known);
    CU_ASSERT_EQUAL_FATAL(program_inherit(program(l, 0, "a"), net, rib_net_nhset(core_rib(l->core), net)), 0);
    hang_up(l, TALKER);
    pass(l, 1);
    CU_ASSERT_TRUE(core_targets_hold(l->core, net)); /* it was lost, not withdrawn: the brake holds it */
    CU_ASSERT_NOT_EQUAL(prefix_table_find(&core_rib(l->core)->nets, &known), 0);
    reload(l, B);
    CU_ASSERT_PTR_NULL(program(l, 1, ""));
    core_program_ready(l->core, 0, l->now);
    pass(l, 2);
    CU_ASSERT_EQUAL(prefix_table_find(&core_rib(l->core)->nets, &known), 0);
    lab_close(l);
}

static void test_another_place_begins_anew_and_another_choice_does_not(void)
{
    struct lab *l = told();
    reload(l, A);
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    struct program *a = program(l, 0, "a");
    reload(l, "{ name: a, type: netlink, table: 100, filter: { peers: [listener] } }");
    CU_ASSERT_PTR_EQUAL(program(l, 0, "a"), a);
    CU_ASSERT_EQUAL(wanted(l, 0), 0);
    reload(l, A);
    CU_ASSERT_EQUAL(wanted(l, 0), 1);
    reload(l, "{ name: a, type: netlink, table: 102 }");
    CU_ASSERT_EQUAL(wanted(l, 0), 0); /* not read yet */
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    CU_ASSERT_EQUAL(wanted(l, 0), 1);
    lab_close(l);
}

static void test_a_default_route_is_refused_where_the_target_says_so(void)
{
    struct lab *l = told();
    const struct ip_prefix everything = { .len = 0 };
    reload(l, A ", { name: b, type: netlink, table: 101, defaultRoute: refuse }");
    say(l, TALKER, HEADER("002a", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 00");
    uint32_t net = prefix_table_find(&core_rib(l->core)->nets, &everything);
    CU_ASSERT_NOT_EQUAL_FATAL(net, 0);
    CU_ASSERT_EQUAL(core_target_verdict(l->core, 0, net), VNET_PROGRAMMED);
    CU_ASSERT_EQUAL(core_target_verdict(l->core, 1, net), VNET_DEFAULT_ROUTE);
    CU_ASSERT_EQUAL(core_target_wanted(l->core, 1, net), 0);
    lab_close(l);
}

/* ---- lost next hops ---- */

static size_t lost(const struct lab *l)
{
    const struct ip_addr *hops;
    uint64_t version;
    size_t count = core_lost_hops(l->core, &hops, &version);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(hops[i].bytes[3], TALKER);
    return count;
}

static void test_the_next_hop_of_a_lost_nva_is_named_until_it_is_back_or_all_has_moved(void)
{
    struct lab *l = told();
    CU_ASSERT_EQUAL(lost(l), 0);
    hang_up(l, TALKER);
    CU_ASSERT_EQUAL(lost(l), 1);
    come_up(l, TALKER, OPEN("fde9", "02"));
    CU_ASSERT_EQUAL(lost(l), 0);
    hang_up(l, TALKER);
    CU_ASSERT_EQUAL(lost(l), 1);
    pass(l, 12);
    CU_ASSERT_EQUAL(lost(l), 0);
    lab_close(l);
}

static void test_an_nva_that_restarts_gracefully_is_not_lost(void)
{
    struct lab *l = lab_told("", GRACEFUL("00 78", "80"));
    hang_up(l, TALKER);
    CU_ASSERT_EQUAL(lost(l), 0);
    lab_close(l);
}

static void test_an_nva_that_another_node_hears_is_not_lost(void)
{
    struct lab *l = told();
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    uint16_t nva = core_peer_find(l->core, "talker")->nva;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(core_rib(l->core), 2, nva, &fact, l->now), 0);
    hang_up(l, TALKER);
    CU_ASSERT_EQUAL(lost(l), 0);
    fact.state = RIB_SESSION_DOWN;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(core_rib(l->core), 2, nva, &fact, l->now), 0);
    turn(l);
    CU_ASSERT_EQUAL(lost(l), 1);
    lab_close(l);
}

#define LISTENERS_ROUTE HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fdea  40 03 04 0a000003 18 c0a801"
#define ITS_END HEADER("001b", "02") "0004 18 c0a801 0000"

/* S2: in one decision one of two NVAs is lost, and the other withdraws. What may be held leads to the first alone. */
static void test_what_is_lost_leads_to_nobody_who_has_withdrawn_it(void)
{
    struct lab *l = told();
    struct program_op op;
    say(l, LISTENER, LISTENERS_ROUTE);
    reload(l, A);
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    struct program *a = program(l, 0, "a");
    CU_ASSERT_TRUE_FATAL(program_next(a, l->now, &op));
    CU_ASSERT_EQUAL(nhset_get(&core_rib(l->core)->sets, op.nhset)->count, 2);
    program_result(a, &op, true, l->now);
    core_closed(l->core, l->players[TALKER].pump, CORE_CLOSE_RESET, l->now);
    l->players[TALKER].pump = NULL;
    say(l, LISTENER, ITS_END);
    pass(l, 1);
    CU_ASSERT_TRUE_FATAL(program_next(a, l->now, &op));
    CU_ASSERT_EQUAL_FATAL(op.kind, PROGRAM_PUT);
    const struct nhset *held = nhset_get(&core_rib(l->core)->sets, op.nhset);
    CU_ASSERT_EQUAL(held->count, 1);
    CU_ASSERT_EQUAL(held->members[0].bytes[3], TALKER);
    program_result(a, &op, true, l->now);
    lab_close(l);
}

static uint32_t foreseen(struct lab *l, size_t nth, uint32_t net, bool *is_bereft)
{
    uint32_t set = core_foresee(l->core, nth, net, is_bereft);
    nhset_unref(&core_rib(l->core)->sets, set);
    return set;
}

/* The wake rule: what is read after a pause may have come before it, and is decided first. */
static void test_what_was_to_be_removed_before_a_pause_waits_until_all_is_read(void)
{
    const struct ip_prefix known = { .len = 24, .bytes = { 192, 168, 1 } };
    struct lab *l = told();
    struct program_op op;
    reload(l, A);
    core_program_ready(l->core, 0, l->now);
    pass(l, 1);
    struct program *a = program(l, 0, "a");
    CU_ASSERT_TRUE_FATAL(program_next(a, l->now, &op));
    program_result(a, &op, true, l->now);
    say(l, TALKER, HEADER("001b", "02") "0004 18 c0a801 0000");
    uint32_t net = prefix_table_find(&core_rib(l->core)->nets, &known);
    foreseen(l, 0, net, &(bool){ false }); /* so what comes is not decided yet */
    l->now += 5000;
    size_t room;
    uint8_t *at = pump_rx_space(l->players[TALKER].pump, &room);
    core_received(l->core, l->players[TALKER].pump, hex(at, room, ROUTE));
    for (int turns = 0; turns < 5; turns++, l->now++) {
        core_turn(l->core, l->now);
        CU_ASSERT_FALSE(program_next(a, l->now, &op));
        foreseen(l, 0, net, &(bool){ false });
    }
    pass(l, 1);
    CU_ASSERT_FALSE(program_next(a, l->now, &op)); /* it is announced again */
    say(l, TALKER, HEADER("001b", "02") "0004 18 c0a801 0000");
    l->now += 5000;
    core_turn(l->core, l->now);
    CU_ASSERT_FALSE(program_next(a, l->now, &op));
    pass(l, 1);
    CU_ASSERT_TRUE_FATAL(program_next(a, l->now, &op));
    CU_ASSERT_EQUAL(op.kind, PROGRAM_DELETE);
    program_result(a, &op, true, l->now);
    lab_close(l);
}

/* ---- what will be wanted ---- */

static void test_decisions_wait_for_who_asks_what_they_will_find(void)
{
    struct lab *l = told();
    const struct ip_prefix known = { .len = 24, .bytes = { 192, 168, 1 } };
    bool is_bereft;
    say(l, LISTENER, HEADER("002f", "02") "0000 0014 40 01 01 00  40 02 06 02 02 fdea fdea  40 03 04 0a000003 18 c0a801");
    reload(l, A ", { name: b, type: netlink, table: 101, filter: { peers: [talker] } }");
    core_program_ready(l->core, 0, l->now);
    core_program_ready(l->core, 1, l->now);
    pass(l, 1);
    uint32_t net = prefix_table_find(&core_rib(l->core)->nets, &known), was = rib_net_nhset(core_rib(l->core), net);
    CU_ASSERT_EQUAL(foreseen(l, 0, net, &is_bereft), was);
    CU_ASSERT_EQUAL(foreseen(l, 1, net, &is_bereft), was);
    CU_ASSERT_FALSE(is_bereft);
    core_closed(l->core, l->players[TALKER].pump, CORE_CLOSE_RESET, l->now);
    l->players[TALKER].pump = NULL;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_NOT_EQUAL(foreseen(l, 0, net, &is_bereft), 0);
        CU_ASSERT_NOT_EQUAL(foreseen(l, 0, net, &is_bereft), was);
        CU_ASSERT_TRUE(is_bereft);
        CU_ASSERT_EQUAL(foreseen(l, 1, net, &is_bereft), 0); /* the other one is not for this target */
        turn(l);
        CU_ASSERT_EQUAL(rib_net_nhset(core_rib(l->core), net), was);
    }
    uint32_t heir = core_foresee(l->core, 0, net, &is_bereft);
    pass(l, 1);
    CU_ASSERT_EQUAL(rib_net_nhset(core_rib(l->core), net), heir);
    CU_ASSERT_EQUAL(core_target_wanted(l->core, 0, net), heir);
    CU_ASSERT_EQUAL(core_target_wanted(l->core, 1, net), 0);
    nhset_unref(&core_rib(l->core)->sets, heir);
    lab_close(l);
}

#define S "{ name: s, type: etcd, endpoints: [\"http://10.9.9.9:2379\"] }"

static void test_a_shared_target_that_is_taken_over_was_without_a_writer_for_so_long(void)
{
    struct lab *l = told();
    struct core_target_view view;
    reload(l, S);
    struct repl_fence *f = core_fence(l->core, 0);
    repl_fence_seen(f, NULL, l->now); /* it answers, and nobody's name stands there */
    turn(l);
    CU_ASSERT_EQUAL_FATAL(f->role, REPL_CANDIDATE);
    CU_ASSERT_EQUAL_FATAL(repl_fence_next(f, f->candidate_at_ms), REPL_FENCE_TAKE);
    repl_fence_took(f, repl_fence_next_epoch(f), l->now + 120);
    l->now += 500;
    turn(l);
    turn(l);
    core_target_view(l->core, 0, &view);
    CU_ASSERT_EQUAL(view.failovers[CORE_FAILOVER_VACANCY].counts[3], 1); /* 100 to 150 ms */
    CU_ASSERT_EQUAL(view.failovers[CORE_FAILOVER_VACANCY].sum, 120);
    CU_ASSERT_EQUAL(view.failovers[CORE_FAILOVER_DEATH].sum, 0);
    lab_close(l);
}

CU_MAIN("core_targets", CU_CASE(test_targets_are_added_and_fed_from_the_beginning),
        CU_CASE(test_a_target_that_ends_holds_no_prefix_any_more),
        CU_CASE(test_another_place_begins_anew_and_another_choice_does_not),
        CU_CASE(test_a_default_route_is_refused_where_the_target_says_so),
        CU_CASE(test_the_next_hop_of_a_lost_nva_is_named_until_it_is_back_or_all_has_moved),
        CU_CASE(test_an_nva_that_restarts_gracefully_is_not_lost),
        CU_CASE(test_an_nva_that_another_node_hears_is_not_lost),
        CU_CASE(test_what_is_lost_leads_to_nobody_who_has_withdrawn_it),
        CU_CASE(test_what_was_to_be_removed_before_a_pause_waits_until_all_is_read),
        CU_CASE(test_decisions_wait_for_who_asks_what_they_will_find),
        CU_CASE(test_a_shared_target_that_is_taken_over_was_without_a_writer_for_so_long))
