/* Anything that may happen to a RIB, at random, and its counters and orders recounted from its paths. */
#ifndef TANDEM_TESTS_RIB_RANDOM_H
#define TANDEM_TESTS_RIB_RANDOM_H

#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

enum { RIB_RANDOM_STEPS = 6000, RIB_RANDOM_NETS = 12, RIB_RANDOM_NODES = 3 };

static inline uint32_t rib_random_below(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

struct rib_tally {
    uint32_t paths[RIB_ORIGINS], tombstones[RIB_ORIGINS], old[RIB_ORIGINS], accepted[RIB_ORIGINS];
    uint32_t best[RIB_ORIGINS];
    uint32_t all;
    uint64_t bytes[RIB_ORIGINS];
};

static inline void rib_recount(const struct lab *l, struct rib_tally *t)
{
    *t = (struct rib_tally){ 0 };
    for (uint32_t net = 0; net < RIB_RANDOM_NETS; net++) {
        uint32_t index = lab_net(l, BGP_IP4, net);
        for (uint32_t i = index ? rib_net(&l->rib, index)->paths : 0; i;
             i = rib_path_next(rib_path(&l->rib, i))) {
            const struct rib_path *p = rib_path(&l->rib, i);
            t->all++;
            t->best[p->origin] += i == rib_best(rib_net(&l->rib, index));
            t->accepted[p->origin] += p->attrs && rib_path_verdict(p) == POLICY_ACCEPTED;
            t->paths[p->origin] += p->attrs != 0;
            t->bytes[p->origin] += p->attrs ? rib_path_bytes(&l->rib, p->attrs) : 0;
            t->tombstones[p->origin] += p->attrs == 0;
            t->old[p->origin] += rib_path_is_old(&l->rib, p);
            CU_ASSERT_EQUAL_FATAL(rib_path_net(&l->rib, p), index);
        }
    }
}

/* Every entry of an order is a live path of that origin, which names the entry's own slot. */
static inline uint32_t rib_walk_order(const struct lab *l, uint8_t origin)
{
    const struct vlist *order = &l->rib.origins[origin].order;
    uint64_t at = 0;
    uint32_t seen = 0;
    for (uint32_t id; (id = vlist_next(order, &at));) {
        if (id & RIB_FACT)
            continue;
        const struct rib_path *p = rib_path(&l->rib, id);
        CU_ASSERT_FATAL(p->origin == origin && vlist_version(order, p->slot) == at);
        seen++;
    }
    return seen;
}

static inline void rib_random_check(const struct lab *l)
{
    struct rib_tally t;
    rib_recount(l, &t);
    CU_ASSERT_EQUAL_FATAL(t.all, lab_path_count(l));
    for (uint8_t o = 1; o <= RIB_RANDOM_NODES; o++) {
        const struct rib_origin *origin = &l->rib.origins[o];
        uint32_t by_session = 0, accepted = 0, best = 0;
        uint64_t bytes = 0;
        for (uint16_t nva = 0; nva < LAB_NVAS; nva++) {
            by_session += origin->sessions[nva].paths;
            bytes += origin->sessions[nva].bytes;
            accepted += origin->sessions[nva].accepted;
            best += origin->sessions[nva].best;
        }
        CU_ASSERT_EQUAL_FATAL(accepted, t.accepted[o]);
        CU_ASSERT_EQUAL_FATAL(bytes, t.bytes[o]);
        CU_ASSERT_EQUAL_FATAL(best, t.best[o]);
        CU_ASSERT_EQUAL_FATAL(origin->paths, t.paths[o]);
        CU_ASSERT_EQUAL_FATAL(origin->tombstones, t.tombstones[o]);
        CU_ASSERT_EQUAL_FATAL(origin->old, t.old[o]);
        CU_ASSERT_EQUAL_FATAL(by_session, t.paths[o]);
        CU_ASSERT_EQUAL_FATAL(rib_walk_order(l, o), t.paths[o] + t.tombstones[o]);
    }
}

static inline void rib_random_reap(struct lab *l)
{
    for (uint32_t net; (net = rib_next_dying(&l->rib, UINT64_MAX));)
        rib_net_free(&l->rib, net);
}

/* Withdrawals of a refresh are the walk's alone: until it came by, their paths count. */
static inline bool rib_random_withdraws(const struct lab *l, int node)
{
    const struct rib_origin *o = &l->rib.origins[node];
    for (int nva = 0; o->sweep_end && nva < LAB_NVAS; nva++)
        if (o->sessions[nva].retelling[BGP_IP4].withdrawn)
            return true;
    return false;
}

/* Withdrawals of a refresh are the own origin's, which does not age and is not told by a stream: with the facts of its
 * sessions they would be forgotten. Here every origin may do all. */
static inline void rib_random_settle(struct lab *l, int node)
{
    if (rib_random_withdraws(l, node))
        lab_sweep(l);
}

static inline void rib_random_step(struct lab *l, uint64_t *seed)
{
    uint8_t node = (uint8_t)(1 + rib_random_below(seed, RIB_RANDOM_NODES));
    struct lab_route r = { .nva = (uint16_t)(1 + rib_random_below(seed, 3)),
                           .node = node,
                           .net = rib_random_below(seed, RIB_RANDOM_NETS),
                           .path_id = rib_random_below(seed, 2),
                           .path_len = (uint8_t)(1 + rib_random_below(seed, 3)) };
    switch (rib_random_below(seed, 60)) {
    case 0:
        lab_session(l, node, r.nva, RIB_SESSION_DOWN, rib_random_below(seed, 4));
        break;
    case 1:
        lab_session(l, node, r.nva, RIB_SESSION_SYNCED, rib_random_below(seed, 4));
        break;
    case 2:
        rib_random_settle(l, node);
        rib_origin_age(&l->rib, node, l->now_ms);
        break;
    case 3:
        rib_origin_mark_unseen(&l->rib, node);
        break;
    case 4:
        rib_random_settle(l, node);
        rib_origin_drop_unseen(&l->rib, node);
        break;
    case 5:
        rib_origin_drop(&l->rib, node, rib_random_below(seed, 2) ? RIB_OLD : RIB_ANY);
        break;
    case 6:
        rib_expire_tombstones(&l->rib, 5000, UINT64_MAX, l->now_ms);
        break;
    case 7:
        rib_refresh_begins(&l->rib, node, r.nva, BGP_IP4);
        break;
    case 8:
        rib_refresh_ends(&l->rib, node, r.nva, BGP_IP4);
        break;
    case 9:
        rib_origin_review(&l->rib, node, r.nva);
        break;
    case 10:
        rib_nva_drop_held(&l->rib, r.nva);
        break;
    default:
        if (rib_random_below(seed, 5) < 3)
            lab_announce(l, r);
        else
            lab_withdraw(l, r);
    }
}

#endif
