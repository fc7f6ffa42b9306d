/* What concerns many paths at once: said by versions, it counts before the walk comes by; the walk keeps to its
 * budget. What each of these events means is told by test_rib.c. */
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"
#include "tests/lib/rib_random.h"

/* Class of every route that there may be: what counts, whether the walk came by or not. */
static void check_same_classes(const struct lab *a, const struct lab *b)
{
    for (uint32_t i = 0; i < RIB_RANDOM_NODES * 3 * RIB_RANDOM_NETS * 2; i++) {
        struct lab_route r = { .node = (uint8_t)(1 + i % RIB_RANDOM_NODES),
                               .nva = (uint16_t)(1 + i / RIB_RANDOM_NODES % 3),
                               .net = i / RIB_RANDOM_NODES / 3 % RIB_RANDOM_NETS,
                               .path_id = i / RIB_RANDOM_NODES / 3 / RIB_RANDOM_NETS };
        uint32_t x = lab_path(a, &r), y = lab_path(b, &r);
        int of_x = x ? (int)rib_path_class(&a->rib, rib_path(&a->rib, x)) : RIB_GONE;
        int of_y = y ? (int)rib_path_class(&b->rib, rib_path(&b->rib, y)) : RIB_GONE;
        CU_ASSERT_EQUAL_FATAL(of_x, of_y);
    }
}

static void check_same_best(const struct lab *a, const struct lab *b)
{
    for (uint32_t net = 0; net < RIB_RANDOM_NETS; net++)
        if (lab_net(a, BGP_IP4, net) && lab_net(b, BGP_IP4, net))
            CU_ASSERT_EQUAL_FATAL(lab_best(a, net), lab_best(b, net));
}

static bool withdraws(const struct lab *l)
{
    bool any = false;
    for (int node = 1; node <= RIB_RANDOM_NODES; node++)
        any |= rib_random_withdraws(l, node);
    return any;
}

/* One is swept after every event, the other one falls behind. */
static void compare_step(struct lab *at_once, struct lab *late, uint64_t *seed, uint64_t *budgets)
{
    uint64_t same = *seed;
    at_once->now_ms = late->now_ms += 100;
    rib_random_step(at_once, &same);
    lab_sweep(at_once);
    rib_random_step(late, seed);
    CU_ASSERT_EQUAL_FATAL(rib_sweep(&late->rib, rib_random_below(budgets, 24), late->now_ms), 0);
}

static void test_what_is_said_of_many_counts_before_the_walk_comes_by(void)
{
    for (uint64_t round = 0; round < 8; round++) {
        struct lab at_once, late;
        uint64_t seed = round + 77, budgets = round;
        lab_open(&at_once, 4, true);
        lab_open(&late, 4, true);
        for (int step = 0; step < RIB_RANDOM_STEPS; step++) {
            compare_step(&at_once, &late, &seed, &budgets);
            if (step % 4 == 0 && !withdraws(&late))
                check_same_classes(&at_once, &late);
            if (step % 64)
                continue;
            lab_decide(&at_once);
            lab_decide(&late);
            check_same_classes(&at_once, &late);
            check_same_best(&at_once, &late);
            rib_random_check(&late);
        }
        lab_close(&at_once);
        lab_close(&late);
    }
}

static void test_a_walk_keeps_to_its_budget(void)
{
    enum { PATHS = 5000, BUDGET = 64 * RIB_SWEEP_CHANGE };
    struct lab l;
    lab_open(&l, 8, true);
    for (uint32_t i = 0; i < PATHS; i++) {
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
        lab_announce(&l, (struct lab_route){ .nva = 2, .net = i, .path_len = 1 });
    }
    lab_decide(&l);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
    CU_ASSERT_EQUAL(l.rib.paths.count, 2 * PATHS); /* saying it costs nothing, */
    CU_ASSERT_EQUAL(rib_session_paths(&l.rib.origins[LAB_SELF].sessions[1]), 0); /* and it counts */
    uint32_t turns = 0;
    for (uint32_t before = l.rib.paths.count; l.rib.sweeps; turns++) {
        CU_ASSERT_EQUAL_FATAL(rib_sweep(&l.rib, BUDGET, l.now_ms), 0);
        CU_ASSERT_FATAL(before - l.rib.paths.count <= 64);
        before = l.rib.paths.count;
    }
    CU_ASSERT_EQUAL(l.rib.paths.count, PATHS);
    CU_ASSERT(turns >= PATHS / 64 && turns <= PATHS / 64 * 2);
    lab_close(&l);
}

/* What the next session says is not mistaken for what the one before has said. */
static void test_a_session_begins_while_what_is_left_of_the_last_one_is_removed(void)
{
    enum { PATHS = 100 };
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCING, 1);
    for (uint32_t i = 0; i < PATHS; i++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
    lab_decide(&l);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCING, 2);
    CU_ASSERT_EQUAL(rib_sweep(&l.rib, PATHS / 2 * RIB_SWEEP_CHANGE, l.now_ms), 0);
    for (uint32_t i = 0; i < PATHS; i += 2)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
    CU_ASSERT_EQUAL(rib_session_paths(&l.rib.origins[LAB_SELF].sessions[1]), PATHS / 2);
    lab_decide(&l);
    CU_ASSERT_EQUAL(l.rib.paths.count, PATHS / 2);
    for (uint32_t i = 0; i < PATHS; i++)
        CU_ASSERT_EQUAL(lab_best(&l, i), i % 2 ? -1 : 1);
    lab_close(&l);
}

/* A route that is lost with a session is lost, although its net is decided for another reason first. */
static void test_a_net_that_is_decided_before_the_walk_knows_what_it_lost(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1 });
    lab_decide(&l);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
    lab_withdraw(&l, (struct lab_route){ .nva = 2, .net = 1 });
    struct rib_change change;
    uint32_t net = rib_next_dirty(&l.rib);
    CU_ASSERT_EQUAL_FATAL(rib_decide(&l.rib, net, &change), 0);
    nhset_unref(&l.rib.sets, change.old_nhset);
    CU_ASSERT_FALSE(rib_net_is_withdrawn(rib_net(&l.rib, net)));
    CU_ASSERT_EQUAL(rib_best(rib_net(&l.rib, net)), 0);
    lab_close(&l);
}

/* Where every NVA tells the others' routes back, each loss takes refused paths of nearly all nets along. */
static void test_a_refused_path_that_is_lost_was_nothing_to_lose(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    l.nvas[2].is_refused = true;
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1 });
    lab_decide(&l);
    lab_session(&l, LAB_SELF, 2, RIB_SESSION_DOWN, 1);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT_TRUE(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))));
    lab_close(&l);
}

/* By whoever takes it out of the configuration: of every node, and of one that is away. */
static void test_what_goes_with_its_nvas_entry_was_withdrawn(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint8_t node = 1; node <= 3; node++) {
        lab_session(&l, node, 1, RIB_SESSION_SYNCED, 1);
        lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = 1, .path_len = 1 });
    }
    l.rib.origins[3].class = RIB_GRACE;
    lab_decide(&l);
    l.nvas[1].is_taken_out = true;
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
    rib_nva_drop_held(&l.rib, 1);
    lab_decide(&l);
    lab_session(&l, 2, 1, RIB_SESSION_DOWN, 1);
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT_TRUE(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))));
    lab_close(&l);
}

/* On each node that it has a session with; on one of them alone, the other one's is lost. */
static void test_what_goes_with_a_session_that_was_taken_out_was_withdrawn(void)
{
    for (int is_everywhere = 0; is_everywhere <= 1; is_everywhere++) {
        struct lab l;
        lab_open(&l, 8, true);
        for (uint8_t node = 1; node <= 2; node++) {
            lab_session(&l, node, 1, RIB_SESSION_SYNCED, 1);
            lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = 1, .path_len = 1 });
        }
        lab_decide(&l);
        for (uint8_t node = 1; node <= 2; node++) {
            const struct rib_session ended = { .generation = 1, .is_taken_out = node == 1 || is_everywhere };
            CU_ASSERT_EQUAL_FATAL(rib_session_set(&l.rib, node, 1, &ended, l.now_ms), 0);
            lab_decide(&l);
        }
        CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))), is_everywhere);
        lab_close(&l);
    }
}

/* I3: of a family that is held for no longer than a restart takes, while others of the NVA are; also where the NVA is back before
 * the walk comes by. What it leaves out when it tells all anew it has withdrawn. */
static void test_what_is_held_over_a_restart_no_longer_is_lost(void)
{
    static const struct { uint8_t ends, walks; bool is_lost; } cases[] = { { RIB_SESSION_SYNCED, RIB_SESSION_SYNCED, false },
                                                                           { RIB_SESSION_GRACE, RIB_SESSION_GRACE, true },
                                                                           { RIB_SESSION_GRACE, RIB_SESSION_SYNCING, true },
                                                                           { RIB_SESSION_GRACE, RIB_SESSION_SYNCED, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab l;
        lab_open(&l, 8, true);
        lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCED, 1);
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
        lab_decide(&l);
        rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_session(&l, LAB_SELF, 1, cases[i].ends, 1);
        rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_session(&l, LAB_SELF, 1, cases[i].walks, 1);
        lab_sweep(&l);
        lab_decide(&l);
        CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))), !cases[i].is_lost);
        lab_close(&l);
    }
}

/* P5: all nodes stood still, and one of them lost its session by that. */
static void test_what_is_lost_after_its_nva_withdrew_it_elsewhere_was_withdrawn(void)
{
    for (int is_heard = 0; is_heard <= 1; is_heard++) {
        struct lab l;
        lab_open(&l, 8, true);
        for (uint8_t node = 1; node <= 3; node++) {
            lab_session(&l, node, 1, RIB_SESSION_SYNCED, 1);
            lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = 1, .path_len = 1 });
        }
        lab_decide(&l);
        lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
        lab_decide(&l);
        if (!is_heard)
            lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
        lab_withdraw(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 1 });
        if (!is_heard)
            lab_session(&l, 2, 1, RIB_SESSION_DOWN, 1);
        lab_session(&l, 3, 1, RIB_SESSION_DOWN, 1);
        lab_decide(&l);
        CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
        CU_ASSERT_EQUAL(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))), is_heard);
        lab_close(&l);
    }
}

/* P5: two NVAs share a prefix and withdraw it. Until a node has heard that of both, it tells each the other's route, which
 * comes from there in the place of its own, and is refused. */
static void test_what_gives_way_to_a_refused_path_was_withdrawn(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint8_t node = 1; node <= 2; node++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = 1, .path_len = 1 });
    lab_decide(&l);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
    lab_decide(&l);
    l.nvas[1].is_refused = true;
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 1, .path_len = 3 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT_TRUE(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))));
    lab_close(&l);
}

/* What is in a batch that is being applied comes after the session's end that the same batch tells, at its cut. */
static void test_a_copy_keeps_what_the_batch_that_ends_a_session_brings(void)
{
    struct lab l;
    const struct lab_route before = { .node = 2, .nva = 1, .net = 1 }, after = { .node = 2, .nva = 1, .net = 2 };
    lab_open(&l, 8, true);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCING, 1);
    lab_announce(&l, before);
    uint64_t head = vlist_head(&l.rib.origins[2].order);
    CU_ASSERT_EQUAL(rib_copy_begin(&l.rib, 2, head + 10), 0);
    CU_ASSERT_TRUE(rib_copy_at(&l.rib, 2, head + 8));
    lab_session(&l, 2, 1, RIB_SESSION_SYNCING, 2);
    CU_ASSERT_TRUE(rib_copy_at(&l.rib, 2, head + 3));
    lab_announce(&l, after);
    rib_copy_end(&l.rib, 2);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &before), 0);
    rib_origin_drop_former(&l.rib, 2);
    CU_ASSERT_EQUAL(lab_path(&l, &before), 0);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &after), 0);
    lab_sweep(&l);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &after), 0);
    CU_ASSERT_EQUAL(l.rib.paths.count, 1);
    lab_close(&l);
}

/* An NVA that begins to tell all anew and never ends it must not keep the order from being compacted. */
static void test_an_endless_refresh_costs_no_memory_and_is_not_forgotten(void)
{
    struct lab l;
    const struct lab_route stays = { .nva = 1, .net = 1 };
    lab_open(&l, 8, false);
    lab_announce(&l, stays);
    rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
    for (uint32_t i = 0; i < 20 * VLIST_CHUNK; i++)
        lab_announce(&l, (struct lab_route){ .nva = 2, .net = 2, .path_len = (uint8_t)(1 + i % 2) });
    CU_ASSERT(l.rib.origins[LAB_SELF].order.chunk_count < 12);
    CU_ASSERT_TRUE(rib_path_is_unheard(&l.rib, rib_path(&l.rib, lab_path(&l, &stays))));
    rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(lab_path(&l, &stays), 0);
    lab_close(&l);
}

/* In a copy: that it is of a former session says its place. */
static void test_what_a_former_session_announced_stays_in_its_place(void)
{
    struct lab l;
    const struct lab_route gone = { .node = 2, .nva = 1, .net = 1 };
    lab_open(&l, 8, true);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, gone);
    for (uint32_t i = 0; i < 20 * VLIST_CHUNK; i++) {
        if (i == 10 * VLIST_CHUNK)
            lab_session(&l, 2, 1, RIB_SESSION_SYNCING, 2);
        lab_announce(&l, (struct lab_route){ .node = 2, .nva = 2, .net = 2, .path_len = (uint8_t)(1 + i % 2) });
    }
    rib_origin_drop_former(&l.rib, 2);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(lab_path(&l, &gone), 0);
    lab_close(&l);
}

/* In a copy: what is heard again meanwhile moves away from the walk. */
static void test_what_is_to_be_decided_again_and_moves_is_decided(void)
{
    struct lab l;
    const struct lab_route first = { .node = 2, .nva = 1, .net = 1, .path_len = 1 };
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_announce(&l, (struct lab_route){ .node = 2, .nva = 2, .net = 1, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 1);
    struct rib_session fact = { .state = RIB_SESSION_SYNCING, .identifier = 9 };
    uint64_t head = rib_origin_head(&l.rib.origins[2]);
    CU_ASSERT_EQUAL_FATAL(rib_copy_begin(&l.rib, 2, head + 2), 0);
    CU_ASSERT_TRUE(rib_copy_at(&l.rib, 2, head + 1));
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&l.rib, 2, 1, &fact, l.now_ms), 0);
    CU_ASSERT_TRUE(rib_copy_at(&l.rib, 2, head + 2));
    lab_announce(&l, first);
    rib_copy_end(&l.rib, 2);
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 2);
    lab_close(&l);
}

CU_MAIN("rib_sweep", CU_CASE(test_what_is_said_of_many_counts_before_the_walk_comes_by),
        CU_CASE(test_a_walk_keeps_to_its_budget),
        CU_CASE(test_a_session_begins_while_what_is_left_of_the_last_one_is_removed),
        CU_CASE(test_a_net_that_is_decided_before_the_walk_knows_what_it_lost),
        CU_CASE(test_a_refused_path_that_is_lost_was_nothing_to_lose),
        CU_CASE(test_what_goes_with_its_nvas_entry_was_withdrawn),
        CU_CASE(test_what_goes_with_a_session_that_was_taken_out_was_withdrawn),
        CU_CASE(test_what_is_held_over_a_restart_no_longer_is_lost),
        CU_CASE(test_what_is_lost_after_its_nva_withdrew_it_elsewhere_was_withdrawn),
        CU_CASE(test_what_gives_way_to_a_refused_path_was_withdrawn),
        CU_CASE(test_a_copy_keeps_what_the_batch_that_ends_a_session_brings),
        CU_CASE(test_an_endless_refresh_costs_no_memory_and_is_not_forgotten),
        CU_CASE(test_what_a_former_session_announced_stays_in_its_place),
        CU_CASE(test_what_is_to_be_decided_again_and_moves_is_decided))
