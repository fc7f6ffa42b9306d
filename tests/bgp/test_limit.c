/* The first N prefixes of an NVA: the same whatever came first, on every node. */
#include "bgp/rib/limit.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/random.h"
#include "tests/lib/rib_lab.h"

enum { PREFIXES = 300, STEPS = 400 };

/* ---- against a plain model: the prefixes by their order, and how many paths each has ---- */

struct model {
    struct prefix_table table;
    struct limit limit;
    uint32_t index[PREFIXES]; /* in the order of prefixes */
    uint32_t paths[PREFIXES], aside[PREFIXES];
    uint32_t keep;
};

static struct ip_prefix nth_prefix(uint32_t nth)
{
    struct ip_prefix p = { .family = nth < PREFIXES / 2 ? BGP_IP4 : BGP_IP6 };
    p.bytes[0] = (uint8_t)(nth / 3); /* three lengths of one address */
    p.len = (uint8_t)(8 + nth % 3);
    return p;
}

static void model_open(struct model *m, struct random *r, uint32_t keep)
{
    memset(m, 0, sizeof *m);
    prefix_table_init(&m->table, (struct hash_key){ random_next(r), random_next(r) }, 4);
    limit_init(&m->limit, &m->table, keep);
    m->keep = keep;
    uint32_t order[PREFIXES]; /* indices must not follow the prefixes' order */
    for (uint32_t i = 0; i < PREFIXES; i++)
        order[i] = i;
    for (uint32_t i = PREFIXES - 1; i; i--) {
        uint32_t k = random_below(r, i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (uint32_t i = 0; i < PREFIXES; i++) {
        struct ip_prefix p = nth_prefix(order[i]);
        m->index[order[i]] = prefix_table_get(&m->table, &p);
    }
}

static void model_close(struct model *m)
{
    limit_fini(&m->limit);
    prefix_table_fini(&m->table);
}

/* Among the first `keep` that have paths? */
static bool model_keeps(const struct model *m, uint32_t nth)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < nth; i++)
        before += m->paths[i] > m->aside[i];
    return m->paths[nth] > m->aside[nth] && before < m->keep;
}

static void model_state(const struct model *m, bool kept[PREFIXES])
{
    for (uint32_t i = 0; i < PREFIXES; i++)
        kept[i] = model_keeps(m, i);
}

/* What the step said must be the whole difference, apart from the prefix of the step itself. */
static bool said_all(const struct model *m, const bool before[PREFIXES], uint32_t step, uint32_t said)
{
    for (uint32_t i = 0; i < PREFIXES; i++)
        if (i != step && (before[i] != model_keeps(m, i)) != (m->index[i] == said))
            return false;
    return true;
}

static bool agree(const struct model *m)
{
    for (uint32_t i = 0; i < PREFIXES; i++)
        if (m->paths[i] > m->aside[i] && limit_keeps(&m->limit, m->index[i]) != model_keeps(m, i))
            return false;
    return true;
}

/* Returns what the limit says of it. */
static uint32_t random_step(struct model *m, struct random *r, uint32_t nth)
{
    uint32_t index = m->index[nth];
    bool is_aside = m->aside[nth] && (m->aside[nth] == m->paths[nth] || random_below(r, 2));
    switch (m->paths[nth] ? random_below(r, 4) : 0) {
    case 1:
        m->paths[nth]--;
        m->aside[nth] -= is_aside;
        return limit_remove(&m->limit, index, is_aside);
    case 2:
        m->aside[nth] += !is_aside;
        m->aside[nth] -= is_aside;
        return is_aside ? limit_take_back(&m->limit, index) : limit_set_aside(&m->limit, index);
    default:
        CU_ASSERT_TRUE_FATAL(limit_reserve(&m->limit));
        m->paths[nth]++;
        return limit_add(&m->limit, index);
    }
}

static void test_random_paths_against_a_plain_list(void)
{
    struct random r = random_new("limit");
    bool before[PREFIXES];
    for (uint32_t keep = 1; keep < 200; keep = keep * 3 + 1) {
        struct model m;
        bool agrees = true;
        model_open(&m, &r, keep);
        for (int step = 0; step < STEPS && agrees; step++) {
            uint32_t nth = random_below(&r, PREFIXES);
            model_state(&m, before);
            uint32_t said = random_step(&m, &r, nth);
            agrees = said_all(&m, before, nth, said) && agree(&m);
        }
        CU_ASSERT(agrees);
        model_close(&m);
    }
}

static void test_another_limit_keeps_its_own_first_ones(void)
{
    struct random r = random_new("another limit");
    struct model m;
    model_open(&m, &r, 1);
    for (uint32_t nth = 0; nth < PREFIXES; nth += 2) {
        CU_ASSERT_TRUE_FATAL(limit_reserve(&m.limit));
        m.paths[nth]++;
        (void)limit_add(&m.limit, m.index[nth]);
        m.keep = 1 + random_below(&r, PREFIXES / 2);
        limit_keep(&m.limit, m.keep);
        CU_ASSERT(agree(&m));
    }
    model_close(&m);
}

static void test_a_prefix_counts_once_for_all_its_paths(void)
{
    struct random r = random_new("once");
    struct model m;
    model_open(&m, &r, 1);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(limit_reserve(&m.limit));
        CU_ASSERT_EQUAL(limit_add(&m.limit, m.index[7]), 0);
    }
    CU_ASSERT_EQUAL(limit_remove(&m.limit, m.index[7], false), 0);
    CU_ASSERT_TRUE(limit_keeps(&m.limit, m.index[7]));
    model_close(&m);
}

/* ---- in the RIB ---- */

static void limited(struct lab *l, uint32_t keep)
{
    lab_open(l, 4, true);
    l->nvas[1].keep = l->rib.limits[1].keep = keep;
}

static bool is_used(const struct lab *l, uint8_t node, uint32_t net)
{
    uint32_t path = lab_path(l, &(struct lab_route){ .nva = 1, .node = node, .net = net });
    return path && rib_path_verdict(rib_path(&l->rib, path)) == POLICY_ACCEPTED;
}

static void test_the_first_prefixes_win_in_any_order_of_arrival(void)
{
    static const uint32_t orders[][4] = { { 1, 2, 3, 4 }, { 4, 3, 2, 1 }, { 3, 1, 4, 2 } };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct lab l;
        limited(&l, 2);
        for (int k = 0; k < 4; k++)
            lab_announce(&l, (struct lab_route){ .nva = 1, .net = orders[i][k], .path_len = 1 });
        lab_decide(&l);
        CU_ASSERT(is_used(&l, 0, 1) && is_used(&l, 0, 2));
        CU_ASSERT(!is_used(&l, 0, 3) && !is_used(&l, 0, 4));
        CU_ASSERT_EQUAL(lab_best(&l, 2), 1);
        CU_ASSERT_EQUAL(lab_best(&l, 3), -1);
        lab_close(&l);
    }
}

static void test_a_withdrawal_makes_room_for_the_next(void)
{
    struct lab l;
    limited(&l, 2);
    for (uint32_t net = 1; net <= 3; net++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = net, .path_len = 1 });
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].sessions[1].accepted, 2);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].sessions[1].accepted, 2);
    CU_ASSERT(is_used(&l, 0, 2) && is_used(&l, 0, 3));
    CU_ASSERT_EQUAL(lab_best(&l, 3), 1);
    lab_close(&l);
}

static void test_copies_of_other_nodes_count_as_the_same_prefix(void)
{
    struct lab l;
    limited(&l, 2);
    for (uint32_t net = 1; net <= 2; net++)
        for (uint8_t node = 1; node <= 2; node++)
            lab_announce(&l, (struct lab_route){ .nva = 1, .node = node, .net = net, .path_len = 1 });
    CU_ASSERT(is_used(&l, 1, 1) && is_used(&l, 2, 1) && is_used(&l, 1, 2) && is_used(&l, 2, 2));
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 0, .path_len = 1 });
    CU_ASSERT(is_used(&l, 2, 0) && !is_used(&l, 1, 2) && !is_used(&l, 2, 2));
    lab_close(&l);
}

static void test_the_end_of_a_session_makes_room(void)
{
    struct lab l;
    limited(&l, 1);
    lab_session(&l, 1, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 2, .path_len = 1 });
    CU_ASSERT(!is_used(&l, 2, 2));
    lab_session(&l, 1, 1, RIB_SESSION_DOWN, 1);
    lab_decide(&l);
    CU_ASSERT(is_used(&l, 2, 2));
    CU_ASSERT_EQUAL(lab_best(&l, 2), 1);
    lab_close(&l);
}

/* What is held of a node that is away, and disproved, others may not have: what they keep is kept here. */
static void test_what_is_disproved_makes_room_until_it_counts_again(void)
{
    struct lab l;
    limited(&l, 2);
    struct lab_route first = { .nva = 1, .node = 1, .net = 1, .path_len = 1 };
    lab_announce(&l, first);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 2, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 3, .path_len = 1 });
    CU_ASSERT(!is_used(&l, 2, 3));
    rib_path_disprove(&l.rib, rib_path(&l.rib, lab_path(&l, &first)), true);
    lab_decide(&l);
    CU_ASSERT(is_used(&l, 2, 2) && is_used(&l, 2, 3));
    CU_ASSERT_EQUAL(lab_best(&l, 3), 1);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 0, .path_len = 1 });
    CU_ASSERT(is_used(&l, 2, 0) && is_used(&l, 2, 2) && !is_used(&l, 2, 3));
    rib_path_disprove(&l.rib, rib_path(&l.rib, lab_path(&l, &first)), false);
    CU_ASSERT(is_used(&l, 2, 0) && is_used(&l, 1, 1) && !is_used(&l, 2, 2));
    rib_path_disprove(&l.rib, rib_path(&l.rib, lab_path(&l, &first)), true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 1, .net = 1, .path_len = 2 }); /* told anew */
    CU_ASSERT(is_used(&l, 1, 1) && !is_used(&l, 2, 2));
    rib_path_disprove(&l.rib, rib_path(&l.rib, lab_path(&l, &first)), true);
    lab_withdraw(&l, first);
    CU_ASSERT(is_used(&l, 2, 0) && is_used(&l, 2, 2) && !is_used(&l, 2, 3));
    lab_close(&l);
}

/* It stood behind the first ones when it was disproved, and does not any more. */
static void test_what_is_told_anew_is_accepted_once(void)
{
    struct lab l;
    limited(&l, 2);
    struct lab_route last = { .nva = 1, .node = 1, .net = 3, .path_len = 1 }, second = { .nva = 1, .node = 2, .net = 2, .path_len = 1 };
    lab_announce(&l, last);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 1, .path_len = 1 });
    lab_announce(&l, second);
    CU_ASSERT(!is_used(&l, 1, 3));
    rib_path_disprove(&l.rib, rib_path(&l.rib, lab_path(&l, &last)), true);
    lab_withdraw(&l, second);
    last.path_len = 2;
    lab_announce(&l, last);
    CU_ASSERT(is_used(&l, 1, 3));
    CU_ASSERT_EQUAL(l.rib.origins[1].sessions[1].accepted, 1);
    CU_ASSERT_EQUAL(l.rib.origins[2].sessions[1].accepted, 1);
    lab_close(&l);
}

static void test_another_nva_is_not_concerned(void)
{
    struct lab l;
    limited(&l, 1);
    for (uint32_t net = 1; net <= 3; net++)
        for (uint16_t nva = 1; nva <= 2; nva++)
            lab_announce(&l, (struct lab_route){ .nva = nva, .net = net, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 3), 2);
    lab_close(&l);
}

CU_MAIN("limit", CU_CASE(test_random_paths_against_a_plain_list),
        CU_CASE(test_another_limit_keeps_its_own_first_ones),
        CU_CASE(test_a_prefix_counts_once_for_all_its_paths),
        CU_CASE(test_the_first_prefixes_win_in_any_order_of_arrival),
        CU_CASE(test_a_withdrawal_makes_room_for_the_next),
        CU_CASE(test_copies_of_other_nodes_count_as_the_same_prefix),
        CU_CASE(test_the_end_of_a_session_makes_room),
        CU_CASE(test_what_is_disproved_makes_room_until_it_counts_again), CU_CASE(test_what_is_told_anew_is_accepted_once),
        CU_CASE(test_another_nva_is_not_concerned))
