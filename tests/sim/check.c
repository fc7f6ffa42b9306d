/* Invariants, by the names of the replication design's section 6. All are looked at after every event;
 * the expensive ones only where something moved. */
#include <string.h>

#include "tests/sim/world.h"

enum {
    ZOMBIE_MS = 1000,  /* S2 */
    DETECT_MS = 5000,  /* until a fault's end is noticed everywhere: dials time out */
};

/* ---- I1, I2, I3: what may be removed ---- */

/* I1: a removal needs a reason that the writer can have heard: the NVA withdrew it, lately enough that
 * a newer announcement may still be on its way. I2 follows: with truth unchanged nothing is removed. */
void check_removal(struct world *w, const struct host *h, int prefix)
{
    w->removals++;
    uint64_t slack = DETECT_MS + (w->now < w->disturbed + 10000 ? 10000 : 0);
    for (int i = 0; i < w->nva_count; i++) {
        const struct nva *n = &w->nvas[i];
        if (n->truth[prefix] && w->now > n->changed[prefix] + slack)
            sim_fail(w, "I1: node %d removed prefix %d, which NVA %d has announced since %llu",
                     h->number, prefix, i, (unsigned long long)n->changed[prefix]);
    }
}

static bool withdrawn_by_all(const struct world *w, int prefix, uint64_t *since)
{
    *since = 0;
    for (int i = 0; i < w->nva_count; i++) {
        if (w->nvas[i].truth[prefix])
            return false;
        if (w->nvas[i].changed[prefix] > *since)
            *since = w->nvas[i].changed[prefix];
    }
    return true;
}

static bool all_sessions_up(const struct world *w, const struct host *h)
{
    for (int i = 0; i < w->nva_count; i++)
        if (bgp_session_slot(w->nvas[i].sessions[h->number].machine) < 0)
            return false;
    return true;
}

/* A session whose packets are lost looks live for its hold time and has not heard the withdrawal. */
static bool any_cut(const struct world *w)
{
    static const bool none[SIM_NODES_MAX + SIM_NVAS_MAX][SIM_NODES_MAX + SIM_NVAS_MAX];
    return memcmp(w->cut, none, sizeof none) != 0;
}

/* S2: a withdrawal that every live session of this node has processed is in its table within a
 * second, whoever else is dead. */
static void check_zombies(struct world *w, const struct host *h)
{
    if (any_cut(w) || !h->core || h->core->phase != CORE_STEADY || !all_sessions_up(w, h) ||
        w->now < w->disturbed + DETECT_MS)
        return;
    for (int i = 0; i < w->prefix_count; i++) {
        uint64_t since;
        if (h->kernel.present[i] && withdrawn_by_all(w, i, &since) && since &&
            w->now > since + ZOMBIE_MS && w->now > h->up_since + DETECT_MS)
            sim_fail(w, "S2: node %d still has prefix %d, withdrawn at %llu", h->number, i,
                     (unsigned long long)since);
    }
}

/* ---- D1: same inputs, same table ---- */

static void check_digests(struct world *w, const struct core *a, const struct core *b)
{
    struct repl_beat x = { 0 }, y = { 0 };
    uint8_t dx[REPL_DIGEST], dy[REPL_DIGEST];
    if (!core_digest_is_comparable(a) || !core_digest_is_comparable(b))
        return;
    core_positions(a, &x);
    core_positions(b, &y);
    if (memcmp(x.positions, y.positions, sizeof x.positions) != 0)
        return;
    repl_digest_write(&a->digest, dx);
    repl_digest_write(&b->digest, dy);
    if (memcmp(dx, dy, sizeof dx) != 0)
        sim_fail(w, "D1: nodes %u and %u have the same inputs and other tables", a->cfg.self,
                 b->cfg.self);
}

/* ---- R1, R4: a replica at the head equals the origin's table ---- */

static const struct rib_path *find_path(const struct rib *r, const struct ip_prefix *prefix,
                                        const struct rib_path *like)
{
    uint32_t net = prefix_table_find(&r->nets, prefix);
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i;) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin == like->origin && p->nva == like->nva && p->path_id == like->path_id)
            return p;
        i = p->next;
    }
    return NULL;
}

static bool same_attrs(const struct rib *a, uint32_t x, const struct rib *b, uint32_t y)
{
    const struct bgp_attrs *p = bgp_attrs_get(&a->attrs, x), *q = bgp_attrs_get(&b->attrs, y);
    return ip_addr_is_equal(&p->next_hop, &q->next_hop) && p->len == q->len &&
           memcmp(p->bytes, q->bytes, p->len) == 0;
}

static uint32_t live_of(const struct rib_origin *o)
{
    return o->paths - o->old;
}

static void check_replica(struct world *w, const struct core *owner, const struct core *holder)
{
    const struct rib *r = &owner->rib;
    const struct rib_origin *o = &r->origins[r->self];
    const struct repl_replica *copy = &holder->members[owner->cfg.self].replica;
    if (!copy->cut_seen || copy->incarnation != owner->incarnation ||
        copy->position != vlist_head(&o->order))
        return;
    if (live_of(o) != live_of(&holder->rib.origins[r->self]))
        sim_fail(w, "R4: node %u holds %u live entries of node %u, which has %u", holder->cfg.self,
                 live_of(&holder->rib.origins[r->self]), owner->cfg.self, live_of(o));
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&o->order, &at)) && !w->failure[0];) {
        struct ip_prefix prefix;
        const struct rib_path *p = id & RIB_FACT ? NULL : rib_path(r, id);
        if (!p || !p->attrs)
            continue;
        prefix_table_prefix(&r->nets, p->net, &prefix);
        const struct rib_path *q = find_path(&holder->rib, &prefix, p);
        if (!q || !q->attrs || !same_attrs(r, p->attrs, &holder->rib, q->attrs))
            sim_fail(w, "R1: node %u lacks an entry of node %u at its head", holder->cfg.self,
                     owner->cfg.self);
    }
}

void check_event(struct world *w)
{
    for (int i = 0; i < w->host_count; i++) {
        check_zombies(w, &w->hosts[i]);
        for (int k = 0; k < w->host_count; k++) {
            if (i == k || !w->hosts[i].core || !w->hosts[k].core)
                continue;
            check_replica(w, w->hosts[i].core, w->hosts[k].core);
            if (i < k)
                check_digests(w, w->hosts[i].core, w->hosts[k].core);
        }
    }
}

/* ---- I6: after the last fault every table is what the NVAs say ---- */

static unsigned shortest(const struct world *w, int prefix)
{
    unsigned best = UINT32_MAX;
    for (int i = 0; i < w->nva_count; i++)
        if (w->nvas[i].truth[prefix] && w->nvas[i].prepend[prefix] < best)
            best = w->nvas[i].prepend[prefix];
    return best;
}

static void check_table(struct world *w, const struct host *h, int prefix)
{
    unsigned best = shortest(w, prefix);
    struct ip_addr hops[SIM_NVAS_MAX];
    uint32_t count = 0;
    for (int i = 0; i < w->nva_count; i++)
        if (w->nvas[i].truth[prefix] && w->nvas[i].prepend[prefix] == best)
            hops[count++] = w->nvas[i].addr;
    count = nhset_sort(hops, count, SIM_NVAS_MAX);
    if (h->kernel.present[prefix] != (count > 0))
        sim_fail(w, "I6: node %d %s prefix %d", h->number,
                 count ? "lacks" : "still has", prefix);
    else if (count && (h->kernel.hop_count[prefix] != count ||
                       memcmp(h->kernel.hops[prefix], hops, count * sizeof *hops) != 0))
        sim_fail(w, "I6: node %d has other next hops for prefix %d", h->number, prefix);
}

void check_settled(struct world *w)
{
    for (int i = 0; i < w->host_count; i++) {
        if (!w->hosts[i].core || w->hosts[i].core->phase != CORE_STEADY)
            sim_fail(w, "L3: node %d is not steady after everything healed", i);
        for (int k = 0; k < w->prefix_count && !w->failure[0]; k++)
            check_table(w, &w->hosts[i], k);
    }
    for (int i = 1; i < w->host_count && !w->failure[0]; i++)
        if (memcmp(&w->hosts[0].core->digest, &w->hosts[i].core->digest,
                   sizeof w->hosts[i].core->digest) != 0)
            sim_fail(w, "D1: nodes 0 and %d differ after everything healed", i);
}
