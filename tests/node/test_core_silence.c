/* Which sessions are more than a name, and what is held while none is. */
#include "bgp/bfd/bfd_set.h"
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"
#include "tests/lib/pair_lab.h"

#define HOLD_9(as, id) HEADER("001d", "01") "04" as "0009 0a0000" id "00"

static struct program *program(struct lab *l)
{
    const struct config_target *target;
    return core_program(l->core, 0, &target);
}

/* The talker's route is in a kernel. Hold times are nine seconds; the listener is heard two seconds longer. */
static struct lab *lab_programmed(void)
{
    struct lab *l = lab_open("");
    static struct config_target kernel = { .name = "kernel", .type = CONFIG_TARGET_NETLINK, .nodes = ~0u };
    static struct config_target *targets[] = { &kernel };
    struct program_op op;
    core_free(l->core);
    l->config->targets = targets;
    l->config->target_count = 1;
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    core_program_ready(l->core, 0, l->now);
    come_up(l, LISTENER, HOLD_9("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    come_up(l, TALKER, HOLD_9("fde9", "02"));
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    pass(l, 2);
    say(l, LISTENER, KEEPALIVE);
    CU_ASSERT_TRUE_FATAL(program_next(program(l), l->now, &op));
    program_result(program(l), &op, true, l->now);
    return l;
}

static void close_programmed(struct lab *l)
{
    core_free(l->core);
    l->core = NULL;
    l->config->targets = NULL;
    l->config->target_count = 0;
    lab_close(l);
}

static bool is_removed(struct lab *l)
{
    struct program_op op;
    return program_next(program(l), l->now, &op) && op.kind == PROGRAM_DELETE;
}

/* Scenario 8b: hold times run out one after the other. */
static void test_what_the_first_to_be_missed_told_is_held_while_the_others_are_late(void)
{
    struct lab *l = lab_programmed();
    pass(l, 4);
    CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    pass(l, 1); /* half of the listener's hold time */
    CU_ASSERT_FALSE(core_nvas_are_heard(l->core));
    pass(l, 3);
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_PTR_NOT_NULL(l->players[LISTENER].pump);
    CU_ASSERT_FALSE(is_removed(l));
    CU_ASSERT_EQUAL(program_stats(program(l))->held_by_brake, 1);
    pass(l, 100);
    CU_ASSERT_PTR_NULL(l->players[LISTENER].pump);
    CU_ASSERT_FALSE(is_removed(l));
    close_programmed(l);
}

/* Scenario 8a. */
static void test_what_a_lost_nva_told_goes_while_another_is_heard(void)
{
    struct lab *l = lab_programmed();
    for (int i = 0; i < 3; i++) {
        pass(l, 3);
        say(l, LISTENER, KEEPALIVE);
        CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    }
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_TRUE(is_removed(l));
    close_programmed(l);
}

/* BFD finds the talker lost, and what it hears of the listener is late. */
static void test_bfd_says_who_is_late(void)
{
    const struct bfd_view up = { .state = BFD_UP }, late = { .state = BFD_UP, .is_late = true },
                          lost = { .state = BFD_DOWN, .failures = 1 };
    struct lab *l = lab_programmed();
    struct core_peer *talker = core_peer_find(l->core, "talker"), *listener = core_peer_find(l->core, "listener");
    talker->cfg->bfd.enabled = listener->cfg->bfd.enabled = true;
    core_bfd_changed(l->core, talker->nva, &up, false, l->now);
    core_bfd_changed(l->core, listener->nva, &late, false, l->now);
    CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    core_bfd_changed(l->core, talker->nva, &lost, false, l->now);
    turn(l);
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_FALSE(core_nvas_are_heard(l->core));
    CU_ASSERT_FALSE(is_removed(l));
    core_bfd_changed(l->core, listener->nva, &up, false, l->now);
    CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    talker->cfg->bfd.enabled = listener->cfg->bfd.enabled = false;
    close_programmed(l);
}

static void test_when_one_of_them_speaks_again_the_brake_gives_the_others_their_time(void)
{
    struct lab *l = lab_programmed();
    pass(l, 8);
    say(l, LISTENER, KEEPALIVE);
    CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    CU_ASSERT_FALSE(is_removed(l));
    for (int i = 0; i < 30; i++) {
        say(l, LISTENER, KEEPALIVE);
        pass(l, 3);
    }
    CU_ASSERT_TRUE(is_removed(l));
    close_programmed(l);
}

/* P5: both of them are back, and have told all. */
static void test_what_an_nva_does_not_tell_again_is_held_no_longer(void)
{
    struct lab *l = lab_programmed();
    hang_up(l, LISTENER);
    hang_up(l, TALKER);
    turn(l);
    CU_ASSERT_FALSE(is_removed(l));
    CU_ASSERT_EQUAL(program_stats(program(l))->held_by_brake, 1);
    come_up(l, LISTENER, HOLD_9("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    come_up(l, TALKER, HOLD_9("fde9", "02"));
    pass(l, 1);
    CU_ASSERT_FALSE(is_removed(l));
    say(l, TALKER, END_OF_RIB);
    turn(l);
    CU_ASSERT_TRUE(is_removed(l));
    close_programmed(l);
}

static void test_a_session_without_a_hold_time_is_never_late(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    pass(l, 1000);
    CU_ASSERT_TRUE(core_nvas_are_heard(l->core));
    hang_up(l, TALKER);
    hang_up(l, LISTENER);
    CU_ASSERT_FALSE(core_nvas_are_heard(l->core));
    CU_ASSERT_TRUE(core_hears_no_nva(l->core));
    lab_close(l);
}

/* A session of the second node, of which the first one knows. */
static struct pair *pair_with_a_session(void)
{
    static struct config_peer nva = { .name = "nva", .peer_ip = { .bytes = { 10, 0, 0, 9 } }, .peer_asn = 65001,
                                      .nodes = 1u << 2, .passive = true, .families = { true, false } };
    const struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    struct pair *p = pair_open();
    for (int i = 0; i < 2; i++) {
        core_free(p->core[i]);
        p->config[i].peers = &nva;
        p->config[i].peer_count = 1;
        pair_start(p, i);
    }
    pair_pass(p, 400);
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&p->core[0]->rib, 2, 1, &fact, p->now), 0);
    return p;
}

/* By its beats it hears nobody. */
static void test_another_node_says_whether_its_sessions_are_late(void)
{
    struct pair *p = pair_with_a_session();
    struct core *c = p->core[0];
    CU_ASSERT_TRUE_FATAL(c->members[2].heard.hears_no_nva);
    CU_ASSERT_FALSE(core_nvas_are_heard(c));
    c->members[2].heard.hears_no_nva = false;
    CU_ASSERT_TRUE(core_nvas_are_heard(c));
    pair_kill(p, 1);
    pair_pass(p, 1000);
    CU_ASSERT_FALSE(core_nvas_are_heard(c));
    pair_free(p);
}

/* The beats that waited meanwhile answer none of ours since then: what their node said may be as old. */
static void test_no_session_is_evidence_before_its_node_was_heard_since_a_pause(void)
{
    struct pair *p = pair_with_a_session();
    struct core *c = p->core[0];
    CU_ASSERT_FALSE(c->rib.origins[1].before || c->rib.origins[2].before);
    p->now += 10000;
    core_turn(c, p->now);
    CU_ASSERT_TRUE(c->rib.origins[2].before != 0);
    pair_pass(p, 1000);
    CU_ASSERT_FALSE(c->rib.origins[1].before || c->rib.origins[2].before);
    p->now += 10000;
    core_turn(c, p->now);
    pair_kill(p, 1); /* nobody answers any more */
    pair_pass(p, 3100);
    CU_ASSERT_FALSE(c->rib.origins[1].before || c->rib.origins[2].before);
    pair_free(p);
}

/* Its hold time ran out while we stood still: it lives, and what it announced is lost by our fault. */
static void test_who_has_woken_tells_nobody_before_those_are_back_that_gave_it_up(void)
{
    static const struct { const char *notification; bool waits; } ends[] = {
        { HEADER("0015", "03") "0400", true },
        { HEADER("0015", "03") "0602", false },
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct lab *l = lab_told("", OPEN("fde9", "02"));
        l->now += 10000;
        turn(l);
        CU_ASSERT_TRUE(l->core->hearsay_ms != 0);
        say(l, LISTENER, KEEPALIVE);
        say(l, TALKER, ends[i].notification);
        CU_ASSERT_EQUAL(l->core->hearsay_ms != 0, ends[i].waits);
        come_up(l, TALKER, OPEN("fde9", "02"));
        CU_ASSERT_EQUAL(l->core->hearsay_ms != 0, ends[i].waits);
        say(l, TALKER, END_OF_RIB);
        CU_ASSERT_EQUAL(l->core->hearsay_ms, 0);
        lab_close(l);
    }
}

CU_MAIN("core_silence", CU_CASE(test_what_the_first_to_be_missed_told_is_held_while_the_others_are_late),
        CU_CASE(test_what_a_lost_nva_told_goes_while_another_is_heard),
        CU_CASE(test_bfd_says_who_is_late),
        CU_CASE(test_when_one_of_them_speaks_again_the_brake_gives_the_others_their_time),
        CU_CASE(test_what_an_nva_does_not_tell_again_is_held_no_longer),
        CU_CASE(test_a_session_without_a_hold_time_is_never_late),
        CU_CASE(test_no_session_is_evidence_before_its_node_was_heard_since_a_pause),
        CU_CASE(test_who_has_woken_tells_nobody_before_those_are_back_that_gave_it_up),
        CU_CASE(test_another_node_says_whether_its_sessions_are_late))
