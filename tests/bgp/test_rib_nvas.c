/* NVAs come and go in a RIB that works. */
#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"
#include "tests/lib/rib_random.h"

enum { MANY = 300 };

static struct policy_nva more[MANY];

/* The lab's NVAs and many more, in an array elsewhere. */
static int grow(struct lab *l, uint32_t count)
{
    memcpy(more, l->nvas, sizeof l->nvas);
    for (uint32_t i = LAB_NVAS; i < count; i++)
        more[i] = (struct policy_nva){ .address = { .bytes = { 10, 1, 2, (uint8_t)i } },
                                       .asn = 65000u + i,
                                       .local_asn = 64500,
                                       .symmetric = true,
                                       .keep = i == 20 ? 1 : 0 };
    return rib_grow(&l->rib, more, count);
}

static void test_a_new_nva_announces_beside_the_old_ones(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, 1, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 2 });
    CU_ASSERT_EQUAL_FATAL(grow(&l, MANY), 0);
    lab_session(&l, 1, 200, RIB_SESSION_SYNCED, 2);
    lab_announce(&l, (struct lab_route){ .nva = 200, .net = 7, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 7), 200);
    CU_ASSERT_EQUAL(lab_second(&l, 7), 1);
    CU_ASSERT_EQUAL(l.rib.origins[1].sessions[1].generation, 1);
    lab_close(&l);
}

static void test_a_new_nva_has_its_limit(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    CU_ASSERT_EQUAL_FATAL(grow(&l, 21), 0);
    for (uint32_t net = 1; net <= 2; net++)
        lab_announce(&l, (struct lab_route){ .nva = 20, .net = net, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 20);
    CU_ASSERT_EQUAL(lab_best(&l, 2), -1);
    lab_close(&l);
}

static void judge_all(struct lab *l, uint32_t nets)
{
    for (uint32_t net = 1; net <= nets; net++)
        CU_ASSERT_EQUAL(rib_judge_again(&l->rib, lab_net(l, BGP_IP4, net), false), 0);
    lab_decide(l);
}

/* As many nets as lab.h's tests have: each is counted, where the limit is new. */
static void keep_first(struct lab *l, uint32_t keep)
{
    if (!rib_nva_keep(&l->rib, 1, keep))
        return;
    for (uint32_t net = 1; net < prefix_table_top(&l->rib.nets, BGP_IP4); net++)
        CU_ASSERT_EQUAL_FATAL(rib_count(&l->rib, net), 0);
    rib_count_ends(&l->rib);
}

static void test_another_limit_holds_for_what_is_there(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint32_t net = 1; net <= 5; net++)
        for (uint8_t node = 1; node <= 2; node++)
            lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = net, .path_len = 1 });
    lab_decide(&l);
    const uint32_t keeps[] = { 2, 4, 0, 1 };
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
        l.nvas[1].keep = keeps[i];
        keep_first(&l, keeps[i]);
        judge_all(&l, 5);
        for (uint32_t net = 1; net <= 5; net++)
            CU_ASSERT_EQUAL(lab_best(&l, net), !keeps[i] || net <= keeps[i] ? 1 : -1);
    }
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .node = 1, .net = 1 });
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 2), 1); /* it moved up */
    lab_close(&l);
}

static bool has_any(const struct lab *l, uint32_t net)
{
    for (uint8_t node = 1; node <= 2; node++) {
        uint32_t path = lab_path(l, &(struct lab_route){ .nva = 1, .node = node, .net = net });
        if (path && rib_path(&l->rib, path)->attrs)
            return true;
    }
    return false;
}

/* A slice of the table at a time is counted, and what is announced and withdrawn meanwhile counts once. */
static void test_a_new_limit_counts_while_routes_come_and_go(void)
{
    enum { NETS = 40, KEEP = 9 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct lab l;
        uint64_t state = seed;
        lab_open(&l, 8, seed % 2);
        for (uint32_t i = 0; i < NETS; i++)
            lab_announce(&l, (struct lab_route){ .nva = 1, .node = (uint8_t)(1 + i % 2), .net = 1 + i, .path_len = 1 });
        lab_decide(&l);
        l.nvas[1].keep = KEEP;
        CU_ASSERT_TRUE(rib_nva_keep(&l.rib, 1, KEEP));
        for (uint32_t at = 1; at < prefix_table_top(&l.rib.nets, BGP_IP4); at++) {
            struct lab_route r = { .nva = 1, .path_len = (uint8_t)(1 + rib_random_below(&state, 2)) };
            r.node = (uint8_t)(1 + rib_random_below(&state, 2));
            r.net = 1 + rib_random_below(&state, NETS);
            if (rib_random_below(&state, 3))
                lab_withdraw(&l, r);
            else
                lab_announce(&l, r);
            if (rib_random_below(&state, 50) == 0)
                lab_session(&l, r.node, 1, RIB_SESSION_DOWN, 1);
            lab_decide(&l);
            CU_ASSERT_EQUAL_FATAL(rib_count(&l.rib, at), 0);
        }
        rib_count_ends(&l.rib);
        judge_all(&l, NETS);
        for (uint32_t net = 1, kept = 0; net <= NETS; net++) {
            bool wanted = has_any(&l, net) && kept < KEEP;
            kept += wanted;
            CU_ASSERT_EQUAL(lab_best(&l, net), wanted ? 1 : -1);
        }
        lab_close(&l);
    }
}

static void test_what_a_new_rule_refuses_counts_as_withdrawn(void)
{
    struct lab l;
    const struct ip_prefix space = { .len = 8, .bytes = { 172 } };
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_decide(&l);
    l.policy.spaces = &space;
    l.policy.space_count = 1;
    judge_all(&l, 1);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT_TRUE(rib_net_is_withdrawn(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))));
    l.policy.space_count = 0;
    judge_all(&l, 1);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 1);
    lab_close(&l);
}

static void test_judged_alike_no_net_moves_unless_asked_to(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_judge_again(&l.rib, lab_net(&l, BGP_IP4, 1), false), 0);
    CU_ASSERT_EQUAL(lab_decide(&l), 0);
    CU_ASSERT_EQUAL(rib_judge_again(&l.rib, lab_net(&l, BGP_IP4, 1), true), 0);
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    lab_close(&l);
}

static void test_growth_without_memory_changes_nothing(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct lab l;
        lab_open(&l, 8, true);
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 2 });
        alloc_fail_at(nth);
        int err = grow(&l, MANY);
        failed = alloc_end();
        CU_ASSERT_EQUAL(err, failed ? BGP_ERR_NOMEM : 0);
        CU_ASSERT_EQUAL(l.rib.nva_count, failed ? LAB_NVAS : MANY);
        lab_decide(&l);
        CU_ASSERT_EQUAL(lab_best(&l, 7), 1);
        lab_close(&l);
    }
}

static void test_an_nva_is_gone_without_session_path_and_tombstone(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    CU_ASSERT_TRUE(rib_nva_is_gone(&l.rib, 1));
    lab_session(&l, 2, 1, RIB_SESSION_SYNCING, 1);
    CU_ASSERT_FALSE(rib_nva_is_gone(&l.rib, 1));
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 1, .net = 7, .path_len = 2 });
    lab_session(&l, 2, 1, RIB_SESSION_DOWN, 1);
    lab_sweep(&l);
    CU_ASSERT_FALSE(rib_nva_is_gone(&l.rib, 1));
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .node = 1, .net = 7 });
    CU_ASSERT_FALSE(rib_nva_is_gone(&l.rib, 1));
    l.now_ms += 60000;
    rib_expire_tombstones(&l.rib, 30000, UINT64_MAX, l.now_ms);
    CU_ASSERT_TRUE(rib_nva_is_gone(&l.rib, 1));
    lab_close(&l);
}

static void test_who_has_not_read_of_its_end_starts_over(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, 1, 1, RIB_SESSION_SYNCED, 1);
    lab_session(&l, 1, 1, RIB_SESSION_DOWN, 1);
    lab_session(&l, 1, 2, RIB_SESSION_SYNCED, 2);
    uint64_t told = rib_nva_version(&l.rib, 1);
    CU_ASSERT_NOT_EQUAL(told, 0);
    rib_nva_forget(&l.rib, 1);
    CU_ASSERT_EQUAL(l.rib.origins[1].dropped, told);
    CU_ASSERT_EQUAL(rib_nva_version(&l.rib, 1), 0);
    uint64_t at = 0;
    CU_ASSERT_EQUAL(vlist_next(&l.rib.origins[1].order, &at), RIB_FACT | 2);
    CU_ASSERT_EQUAL(vlist_next(&l.rib.origins[1].order, &at), 0);
    lab_close(&l);
}

static void test_held_copies_of_an_nva_go_and_live_ones_stay(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint8_t node = 2; node <= 3; node++) {
        lab_session(&l, node, 1, RIB_SESSION_SYNCED, 1);
        lab_session(&l, node, 2, RIB_SESSION_SYNCED, 1);
        for (uint16_t nva = 1; nva <= 2; nva++)
            lab_announce(&l, (struct lab_route){ .nva = nva, .node = node, .net = nva, .path_len = 1 });
    }
    l.rib.origins[3].class = RIB_GRACE;
    rib_nva_drop_held(&l.rib, 1);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(l.rib.origins[2].paths, 2);
    CU_ASSERT_EQUAL(l.rib.origins[3].paths, 1);
    CU_ASSERT_EQUAL(lab_path(&l, &(struct lab_route){ .nva = 1, .node = 3, .net = 1 }), 0);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &(struct lab_route){ .nva = 2, .node = 3, .net = 2 }), 0);
    lab_decide(&l);
    lab_close(&l);
}

static void test_an_nva_has_room_for_so_many_paths_of_a_prefix_tombstones_among_them(void)
{
    struct lab l;
    struct ip_prefix p = lab_prefix(BGP_IP4, 1);
    struct lab_route route = { .nva = 1, .net = 1, .path_len = 1 };
    lab_open(&l, 8, true);
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF, 1, &p, 1, 2)); /* nothing is there yet */
    for (route.path_id = 1; route.path_id <= 2; route.path_id++)
        lab_announce(&l, route);
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1 });
    route.path_id = 1;
    lab_withdraw(&l, route);
    CU_ASSERT_FALSE(rib_has_room(&l.rib, LAB_SELF, 1, &p, 3, 2));
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF, 1, &p, 3, 3));
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF, 1, &p, 1, 2)); /* they stand there */
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF, 1, &p, 2, 2));
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF, 2, &p, 9, 2)); /* other NVAs, other nodes */
    CU_ASSERT_TRUE(rib_has_room(&l.rib, LAB_SELF + 1, 1, &p, 9, 2));
    lab_close(&l);
}

CU_MAIN("rib_nvas", CU_CASE(test_a_new_nva_announces_beside_the_old_ones),
        CU_CASE(test_a_new_nva_has_its_limit), CU_CASE(test_another_limit_holds_for_what_is_there),
        CU_CASE(test_a_new_limit_counts_while_routes_come_and_go),
        CU_CASE(test_what_a_new_rule_refuses_counts_as_withdrawn),
        CU_CASE(test_judged_alike_no_net_moves_unless_asked_to), CU_CASE(test_growth_without_memory_changes_nothing),
        CU_CASE(test_an_nva_is_gone_without_session_path_and_tombstone),
        CU_CASE(test_who_has_not_read_of_its_end_starts_over),
        CU_CASE(test_held_copies_of_an_nva_go_and_live_ones_stay),
        CU_CASE(test_an_nva_has_room_for_so_many_paths_of_a_prefix_tombstones_among_them))
