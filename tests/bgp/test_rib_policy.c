/* Route maps in the RIB: what is stored and what counts, rules that change, limits, every allocation failing. */
#include "bgp/rib/rib.h"

#include "bgp/rib/explain.h"
#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/maps.h"
#include "tests/lib/rib_lab.h"

static uint32_t path_of(const struct lab *l, uint16_t nva, uint32_t net)
{
    uint32_t i = rib_net(&l->rib, lab_net(l, BGP_IP4, net))->paths;
    while (i && rib_path(&l->rib, i)->nva != nva)
        i = rib_path_next(rib_path(&l->rib, i));
    return i;
}

static const struct bgp_attrs *counted(const struct lab *l, uint16_t nva, uint32_t net)
{
    return bgp_attrs_get(&l->rib.attrs, rib_path_attrs(&l->rib, rib_path(&l->rib, path_of(l, nva, net))));
}

/* Drops what has this community, prefers net 7 and prepends to all else. */
static struct route_map *sample(void)
{
    struct route_map *m = map_of("no-export", true, false);
    map_test(m, ROUTE_MAP_COMMUNITY, ROUTE_MAP_CONTAINS, "no-export");
    map_rule(m, "seven", false, false);
    map_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "100.0.0.7/32");
    map_edit(m, ROUTE_MAP_SET_LOCAL_PREF, "200");
    map_rule(m, "rest", false, false);
    map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "65515:10");
    map_edit(m, ROUTE_MAP_PREPEND, "65001 65001");
    route_map_seal(m);
    return m;
}

static void open_with(struct lab *l, struct route_map *m)
{
    lab_open(l, 8, true);
    l->nvas[1].inbound = m;
}

static void judge(struct lab *l, uint32_t net)
{
    CU_ASSERT_EQUAL(rib_judge_again(&l->rib, lab_net(l, BGP_IP4, net), false), 0);
    lab_decide(l);
}

static void close_with(struct lab *l, struct route_map *m)
{
    for (uint8_t o = 0; o < RIB_ORIGINS; o++)
        rib_origin_drop(&l->rib, o, RIB_ANY);
    lab_sweep(l);
    lab_decide(l);
    CU_ASSERT_EQUAL(l->rib.attrs.records.count, 0); /* no reference is left behind */
    lab_close(l);
    route_map_unref(m);
}

static void test_what_is_stored_is_as_received_and_what_counts_is_edited(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 2 });
    lab_decide(&l);
    const struct rib_path *p = rib_path(&l.rib, path_of(&l, 1, 1));
    CU_ASSERT_EQUAL(bgp_attrs_get(&l.rib.attrs, p->attrs)->path_len, 1);
    CU_ASSERT_EQUAL(counted(&l, 1, 1)->path_len, 3);
    CU_ASSERT_EQUAL(rib_path_verdict(p), POLICY_ACCEPTED);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 2); /* its path is shorter now */
    close_with(&l, m);
}

static void test_what_a_rule_drops_is_there_and_does_not_count(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1, .community = 0xffffff01 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT_EQUAL(rib_path_verdict(rib_path(&l.rib, path_of(&l, 1, 1))), POLICY_ROUTE_MAP);
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].sessions[1].accepted, 0);
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].sessions[1].paths, 1);
    close_with(&l, m);
}

/* RFC 4271 section 9.1.2: a loop is one whatever a rule would make of it. */
static void test_a_loop_is_refused_before_any_rule(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 2, .first_as = 64500 });
    CU_ASSERT_EQUAL(rib_path_verdict(rib_path(&l.rib, path_of(&l, 1, 7))), POLICY_AS_LOOP);
    CU_ASSERT_FALSE(rib_path_is_edited(rib_path(&l.rib, path_of(&l, 1, 7))));
    close_with(&l, m);
}

static void test_a_local_preference_wins_over_a_shorter_path(void)
{
    struct lab l;
    struct explain why;
    char text[EXPLAIN_TEXT];
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 5 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 7, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 7), 1);
    explain_path(&l.rib, path_of(&l, 1, 7), &why);
    CU_ASSERT_EQUAL(why.step, EXPLAIN_LOCAL_PREF);
    CU_ASSERT_STRING_EQUAL(explain_text(&l.rib, path_of(&l, 1, 7), &why, text), "highest local preference (200)");
    explain_path(&l.rib, path_of(&l, 2, 7), &why);
    CU_ASSERT_STRING_EQUAL(explain_text(&l.rib, path_of(&l, 2, 7), &why, text),
                           "local preference 100, best has 200");
    close_with(&l, m);
}

/* Another node's copy of a path counts as the own one does: both have the same map. */
static void test_every_copy_of_a_path_is_edited_alike(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1, .node = 2 });
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    uint32_t first = path_of(&l, 1, 1), second = rib_path_next(rib_path(&l.rib, first));
    CU_ASSERT_EQUAL(rib_path_attrs(&l.rib, rib_path(&l.rib, first)),
                    rib_path_attrs(&l.rib, rib_path(&l.rib, second)));
    close_with(&l, m);
}

static void test_only_what_another_map_changes_moves(void)
{
    struct lab l;
    struct route_map *m = sample(), *other = map_of("seven", true, false);
    map_test(other, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "100.0.0.7/32");
    map_rule(other, "rest", false, false);
    map_edit(other, ROUTE_MAP_ADD_COMMUNITY, "65515:10");
    map_edit(other, ROUTE_MAP_PREPEND, "65001 65001");
    route_map_seal(other);
    open_with(&l, m);
    l.rib.readers_of_all = 1; /* somebody reads more than best paths: still only differences are listed */
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 8, .path_len = 1 });
    lab_decide(&l);
    uint64_t head = vlist_head(&l.rib.loc);
    l.nvas[1].inbound = other;
    judge(&l, 1), judge(&l, 8);
    CU_ASSERT_EQUAL(vlist_head(&l.rib.loc), head);
    judge(&l, 7);
    CU_ASSERT_EQUAL(vlist_head(&l.rib.loc), head + 1);
    CU_ASSERT_EQUAL(lab_best(&l, 7), -1);
    l.nvas[1].inbound = NULL;
    judge(&l, 1), judge(&l, 7);
    CU_ASSERT_EQUAL(counted(&l, 1, 1)->path_len, 1);
    CU_ASSERT_EQUAL(lab_best(&l, 7), 1);
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].sessions[1].accepted, 2);
    close_with(&l, m);
    route_map_unref(other);
}

/* A prefix that falls out of the first ones and comes back counts as edited, without memory being asked for. */
static void test_limits_and_edits_do_not_disturb_each_other(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    l.nvas[1].keep = 1;
    CU_ASSERT_FALSE(rib_nva_keep(&l.rib, 1, 1));
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 2, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_path_verdict(rib_path(&l.rib, path_of(&l, 1, 2))), POLICY_OVER_LIMIT);
    CU_ASSERT_EQUAL(counted(&l, 1, 2)->path_len, 3);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_path_verdict(rib_path(&l.rib, path_of(&l, 1, 2))), POLICY_ACCEPTED);
    CU_ASSERT_EQUAL(counted(&l, 1, 2)->path_len, 3);
    CU_ASSERT_EQUAL(lab_best(&l, 2), 1);
    close_with(&l, m);
}

static void test_path_ids_are_edited_each(void)
{
    struct lab l;
    struct route_map *m = sample();
    open_with(&l, m);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1, .path_id = 5 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 2, .path_id = 6 });
    lab_decide(&l);
    uint32_t best = rib_best(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1)));
    CU_ASSERT_EQUAL(rib_path_id(rib_path(&l.rib, best)), 5);
    CU_ASSERT_EQUAL(bgp_attrs_get(&l.rib.attrs, rib_path_attrs(&l.rib, rib_path(&l.rib, best)))->path_len, 3);
    close_with(&l, m);
}

/* Nothing has changed after an announcement, or a judgement, that found no memory. */
static void test_every_allocation_fails_once(void)
{
    struct route_map *m = sample(), *none = NULL;
    bool failed = true;
    unsigned nth = 1;
    for (; failed; nth++) {
        struct lab l;
        open_with(&l, none);
        struct ip_prefix p = lab_prefix(BGP_IP4, 1);
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 1 });
        struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 };
        uint32_t id = lab_attrs(&l, &r), sets = l.rib.attrs.records.count;
        l.nvas[1].inbound = m;
        alloc_fail_at(nth);
        int err = rib_announce(&l.rib, LAB_SELF, 1, &p, 0, id);
        int judged = rib_judge_again(&l.rib, lab_net(&l, BGP_IP4, 7), false);
        failed = alloc_end();
        CU_ASSERT_EQUAL(err || judged, failed);
        if (err)
            CU_ASSERT_EQUAL(l.rib.attrs.records.count, sets + !judged);
        if (judged)
            CU_ASSERT_EQUAL(bgp_attrs_local_pref(counted(&l, 1, 7)), BGP_LOCAL_PREF_DEFAULT);
        bgp_attrs_unref(&l.rib.attrs, id);
        lab_decide(&l);
        close_with(&l, none);
    }
    CU_ASSERT(nth > 3);
    route_map_unref(m);
}

CU_MAIN("rib_policy", CU_CASE(test_what_is_stored_is_as_received_and_what_counts_is_edited),
        CU_CASE(test_what_a_rule_drops_is_there_and_does_not_count),
        CU_CASE(test_a_loop_is_refused_before_any_rule),
        CU_CASE(test_a_local_preference_wins_over_a_shorter_path),
        CU_CASE(test_every_copy_of_a_path_is_edited_alike), CU_CASE(test_only_what_another_map_changes_moves),
        CU_CASE(test_limits_and_edits_do_not_disturb_each_other), CU_CASE(test_path_ids_are_edited_each),
        CU_CASE(test_every_allocation_fails_once))
