/* Next hops that are about to leave: those of NVAs whose last session, on any node, has just gone.
 *
 * The decision on a hundred thousand routes takes many turns, and each of them is one message to a kernel.
 * A group of next hops is one object there: it is made without the lost one at once, and the routes follow.
 * This is a hint, no decision: it takes a next hop out of groups whose other members are all as good, never the
 * last one; nothing of it is replicated, and it ends when the NVA is back, or after LOST_MS: then every route
 * has moved, and who names this next hop for another reason has it again.
 *
 * And those of NVAs that have told all anew: a new session has reached End-of-RIB. What was lost of them, and a brake holds
 * somewhere, they do not announce any more (P5). Said of what is in the table by then, so at its cut. And of those that an
 * operator takes out, whose End-of-RIB nobody waits for. Before this node has converged, of all that have told it all. */
#include <string.h>

#include "node/core/core_impl.h"

enum { LOST_MS = 10000 };

/* Does any node have a session with it, or hold its routes? */
static bool is_spoken_for(const struct core *c, uint16_t nva)
{
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_origin *origin = &c->rib.origins[o];
        const struct rib_session *s = &origin->sessions[nva];
        bool is_held = s->paths && (origin->old || origin->class != RIB_LIVE);
        if (is_held || (origin->class == RIB_LIVE && s->state != RIB_SESSION_DOWN))
            return true;
    }
    return false;
}

static void take_out(struct core *c, struct core_hops *h, size_t nth)
{
    for (h->count--; nth < h->count; nth++) {
        h->hops[nth] = h->hops[nth + 1];
        h->until_ms[nth] = h->until_ms[nth + 1];
    }
    c->lost.version++;
}

static void forget(struct core *c, struct core_hops *h, const struct ip_addr *hop)
{
    for (size_t i = h->count; i-- > 0;)
        if (ip_addr_is_equal(&h->hops[i], hop))
            take_out(c, h, i);
}

static void remember(struct core *c, struct core_hops *h, const struct ip_addr *hop)
{
    forget(c, h, hop);
    if (h->count == CORE_LOST_MAX)
        take_out(c, h, 0);
    h->hops[h->count] = *hop;
    h->until_ms[h->count++] = c->now_ms + LOST_MS;
    c->lost.version++;
}

/* What happened while this node was away is judged by the others' words first. */
static void look_at(struct core *c, struct core_peer *p)
{
    bool is_there = is_spoken_for(c, p->nva);
    if (is_there)
        forget(c, &c->lost.gone, &p->cfg->peer_ip);
    else if (p->is_spoken_for && !c->woken_ms)
        remember(c, &c->lost.gone, &p->cfg->peer_ip);
    p->is_spoken_for = is_there;
}

/* Another session of it has reached End-of-RIB, or one that had has ended. One that tells each node something else has never
 * told all; and before this node has converged there is more that it has not heard. */
static void look_at_told(struct core *c, struct core_peer *p)
{
    uint32_t synced = 0;
    uint64_t last_ms = 0;
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_session *s = &c->rib.origins[o].sessions[p->nva];
        if (c->rib.origins[o].class != RIB_LIVE || s->state != RIB_SESSION_SYNCED)
            continue;
        synced++;
        last_ms = s->synced_ms > last_ms ? s->synced_ms : last_ms;
    }
    if (synced < p->synced)
        forget(c, &c->lost.told, &p->cfg->peer_ip);
    else if (last_ms > p->synced_ms && c->converged_told && c->nvas[p->nva].symmetric)
        remember(c, &c->lost.told, &p->cfg->peer_ip);
    p->synced = synced;
    p->synced_ms = last_ms;
}

void core_lost_taken_out(struct core *c, const struct core_peer *p)
{
    if (!is_spoken_for(c, p->nva))
        remember(c, &c->lost.told, &p->cfg->peer_ip);
}

/* What a host has of before stays until this node has converged, which takes a quarter of an hour where an NVA is missing. But what leads
 * to these alone, and is not in the table, they do not announce: so it is in our own targets (core_inherited.c). */
static void look_at_heard(struct core *c)
{
    struct core_hops *was = &c->lost.heard, now = { .count = 0 };
    bool is_whole = !c->converged_told && core_cluster_caught_up(c) && core_streams_hold_all(c);
    for (struct core_peer *p = is_whole ? core_next_peer(c, NULL) : NULL; p && now.count < CORE_LOST_MAX; p = core_next_peer(c, p)) {
        const struct ip_addr *hop = &p->cfg->peer_ip;
        if (repl_evidence_has_told(&c->rib, p->nva, (enum bgp_family)hop->family))
            now.hops[now.count++] = *hop;
    }
    if (now.count == was->count && !memcmp(now.hops, was->hops, now.count * sizeof *now.hops))
        return;
    *was = now;
    c->lost.version++;
}

static void expire(struct core *c, struct core_hops *h)
{
    while (h->count && c->now_ms >= h->until_ms[0])
        take_out(c, h, 0);
}

void core_lost_tick(struct core *c)
{
    expire(c, &c->lost.gone);
    expire(c, &c->lost.told);
    if (!c->converged_told || c->lost.heard.count)
        look_at_heard(c);
    if (c->lost.seen == c->rib.session_changes)
        return;
    c->lost.seen = c->rib.session_changes;
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        look_at(c, p);
        look_at_told(c, p);
    }
}

size_t core_lost_hops(const struct core *c, const struct ip_addr **hops, uint64_t *version)
{
    *hops = c->lost.gone.hops;
    *version = c->lost.version;
    return c->lost.gone.count;
}
