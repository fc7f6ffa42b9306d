/* Next hops that are about to leave: those of NVAs whose last session, on any node, has just gone.
 *
 * The decision on a hundred thousand routes takes many turns, and each of them is one message to a kernel.
 * A group of next hops is one object there: it is made without the lost one at once, and the routes follow.
 * This is a hint, no decision: it takes a next hop out of groups whose other members are all as good, never the
 * last one; nothing of it is replicated, and it ends when the NVA is back, or after LOST_MS: then every route
 * has moved, and who names this next hop for another reason has it again. */
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

static void take_out(struct core *c, size_t nth)
{
    struct core_lost *l = &c->lost;
    for (l->count--; nth < l->count; nth++) {
        l->hops[nth] = l->hops[nth + 1];
        l->until_ms[nth] = l->until_ms[nth + 1];
    }
    l->version++;
}

static void forget(struct core *c, const struct ip_addr *hop)
{
    for (size_t i = c->lost.count; i-- > 0;)
        if (ip_addr_is_equal(&c->lost.hops[i], hop))
            take_out(c, i);
}

static void remember(struct core *c, const struct ip_addr *hop)
{
    struct core_lost *l = &c->lost;
    forget(c, hop);
    if (l->count == CORE_LOST_MAX)
        take_out(c, 0);
    l->hops[l->count] = *hop;
    l->until_ms[l->count++] = c->now_ms + LOST_MS;
    l->version++;
}

/* What happened while this node was away is judged by the others' words first. */
static void look_at(struct core *c, struct core_peer *p)
{
    bool is_there = is_spoken_for(c, p->nva);
    if (is_there)
        forget(c, &p->cfg->peer_ip);
    else if (p->is_spoken_for && !c->woken_ms)
        remember(c, &p->cfg->peer_ip);
    p->is_spoken_for = is_there;
}

void core_lost_tick(struct core *c)
{
    while (c->lost.count && c->now_ms >= c->lost.until_ms[0])
        take_out(c, 0);
    if (c->lost.seen == c->rib.session_changes)
        return;
    c->lost.seen = c->rib.session_changes;
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        look_at(c, p);
}

size_t core_lost_hops(const struct core *c, const struct ip_addr **hops, uint64_t *version)
{
    *hops = c->lost.hops;
    *version = c->lost.version;
    return c->lost.count;
}
