/* What a kernel has of an earlier life, while an NVA is missing: the listener, 10.0.0.3. */
#include <stdio.h>

#include "node/config/change.h"
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

enum { OTHER = 2, TOLD = 1 }; /* 192.168.1.0/24 is what the talker, 10.0.0.2, announces */

static uint32_t net_of(struct lab *l, uint8_t number)
{
    struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 192, 168, number } };
    return prefix_table_get(&core_rib(l->core)->nets, &p);
}

/* 192.168.NUMBER.0/24 leads to 10.0.0.ONE and, if that is not 0, to 10.0.0.OTHER_ONE. */
static void inherit(struct lab *l, uint8_t number, uint8_t one, uint8_t other_one)
{
    const struct config_target *target;
    struct nhset_table *sets = &core_rib(l->core)->sets;
    struct ip_addr hops[2] = { { .bytes = { 10, 0, 0, one } }, { .bytes = { 10, 0, 0, other_one } } };
    bool nomem;
    uint32_t set = nhset_intern(sets, hops, other_one ? 2 : 1, &nomem);
    CU_ASSERT_EQUAL_FATAL(program_inherit(core_program(l->core, 0, &target), net_of(l, number), set), 0);
    nhset_unref(sets, set);
}

/* How many next hops the kernel has, after all operations were carried out. */
static uint32_t hops(struct lab *l, uint8_t number)
{
    const struct config_target *target;
    struct program *p = core_program(l->core, 0, &target);
    struct program_op op;
    while (program_next(p, l->now, &op))
        program_result(p, &op, true, l->now);
    uint32_t set = program_actual_set(p, net_of(l, number));
    return set ? nhset_get(&core_rib(l->core)->sets, set)->count : 0;
}

static struct config *with_a_kernel(void)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers:\n"
                     "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n"
                     "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n"
                     "programming: [{ name: kernel, type: netlink, table: 100 }]\n");
}

static struct lab *started(void)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = with_a_kernel();
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    core_rib(l->core)->keep_tombstones = true;
    return l;
}

static void test_what_an_nva_has_not_told_again_waits_for_no_other_nva(void)
{
    struct lab *l = started();
    inherit(l, TOLD, 2, 0);
    inherit(l, 2, 2, 0);
    inherit(l, 3, 3, 0);
    inherit(l, 4, 2, 3);
    inherit(l, 5, 99, 0); /* a load balancer's: nobody knows whose route that was */
    core_program_ready(l->core, 0, l->now);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    pass(l, 1);
    CU_ASSERT_EQUAL(hops(l, 2), 1);
    say(l, TALKER, END_OF_RIB);
    pass(l, 1);
    CU_ASSERT_EQUAL(hops(l, TOLD), 1);
    CU_ASSERT_EQUAL(hops(l, 2), 0);
    CU_ASSERT_EQUAL(hops(l, 3), 1);
    CU_ASSERT_EQUAL(hops(l, 4), 2); /* one of the two may announce it yet */
    CU_ASSERT_EQUAL(hops(l, 5), 1);
    lab_close(l);
}

static void session_elsewhere(struct lab *l, const char *peer, uint8_t state)
{
    struct rib_session fact = { .state = state, .generation = 1 };
    uint16_t nva = core_peer_find(l->core, peer)->nva;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(core_rib(l->core), OTHER, nva, &fact, l->now), 0);
}

static void withdrawn_elsewhere(struct lab *l, const char *peer, uint8_t number)
{
    struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 192, 168, number } };
    uint16_t nva = core_peer_find(l->core, peer)->nva;
    CU_ASSERT_EQUAL_FATAL(rib_withdraw(core_rib(l->core), OTHER, nva, &p, 0, l->now), 0);
}

static void test_what_another_node_heard_withdrawn_meanwhile_waits_for_nobody(void)
{
    struct lab *l = started();
    inherit(l, TOLD, 2, 3);
    inherit(l, 2, 2, 0);
    inherit(l, 3, 3, 0);
    core_program_ready(l->core, 0, l->now);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    session_elsewhere(l, "talker", RIB_SESSION_SYNCED);
    session_elsewhere(l, "listener", RIB_SESSION_DOWN);
    withdrawn_elsewhere(l, "talker", 2);
    withdrawn_elsewhere(l, "listener", 3);
    pass(l, 1);
    CU_ASSERT_EQUAL(hops(l, 2), 0);
    CU_ASSERT_EQUAL(hops(l, 3), 1);    /* of a session that is no more */
    CU_ASSERT_EQUAL(hops(l, TOLD), 2); /* the listener has said nothing */
    session_elsewhere(l, "listener", RIB_SESSION_SYNCED);
    withdrawn_elsewhere(l, "listener", TOLD);
    pass(l, 1);
    CU_ASSERT_EQUAL(hops(l, TOLD), 1);
    lab_close(l);
}

/* Why the other node's word does not count, for now. */
enum doubt { LAGS, AWAY, OF_BEFORE, DOUBTS };

static void doubt(struct lab *l, enum doubt why, bool is_over)
{
    struct rib *r = core_rib(l->core);
    if (why == LAGS)
        repl_evidence_lags(r, OTHER, !is_over);
    else if (why == AWAY && is_over)
        repl_evidence_back(r, OTHER, l->now);
    else if (why == AWAY)
        repl_evidence_lost(r, OTHER, l->now);
    else if (is_over)
        repl_evidence_heard(r, OTHER);
    else
        repl_evidence_slept(r, OTHER);
}

/* S2, S4: nobody says more than before. */
static void test_what_another_node_heard_withdrawn_goes_as_soon_as_its_word_counts(void)
{
    for (enum doubt why = 0; why < DOUBTS; why++) {
        struct lab *l = started();
        inherit(l, 2, 2, 0);
        core_program_ready(l->core, 0, l->now);
        session_elsewhere(l, "talker", RIB_SESSION_SYNCED);
        withdrawn_elsewhere(l, "talker", 2);
        doubt(l, why, false);
        pass(l, 1);
        CU_ASSERT_EQUAL(hops(l, 2), 1);
        doubt(l, why, true);
        pass(l, 1);
        CU_ASSERT_EQUAL(hops(l, 2), 0);
        lab_close(l);
    }
}

static void inherit_many(struct lab *l)
{
    for (int i = 0; i < 2 * CORE_WANT_BUDGET; i++) {
        struct ip_prefix p = { .family = BGP_IP4, .len = 24, .bytes = { 20, (uint8_t)(i >> 8), (uint8_t)i } };
        CU_ASSERT_NOT_EQUAL_FATAL(prefix_table_get(&core_rib(l->core)->nets, &p), 0);
    }
}

static void test_a_walk_that_convergence_overtakes_asks_for_no_turns(void)
{
    struct lab *l = started();
    inherit_many(l);
    inherit(l, 3, 3, 0);
    core_program_ready(l->core, 0, l->now);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, END_OF_RIB);
    come_up(l, LISTENER, OPEN("fdea", "03"));
    pass(l, 2);
    say(l, LISTENER, END_OF_RIB);
    CU_ASSERT_TRUE(l->core->converged_told);
    CU_ASSERT_TRUE(turn(l) > l->now);
    lab_close(l);
}

CU_MAIN("core inherited", CU_CASE(test_what_an_nva_has_not_told_again_waits_for_no_other_nva),
        CU_CASE(test_what_another_node_heard_withdrawn_meanwhile_waits_for_nobody),
        CU_CASE(test_what_another_node_heard_withdrawn_goes_as_soon_as_its_word_counts),
        CU_CASE(test_a_walk_that_convergence_overtakes_asks_for_no_turns))
