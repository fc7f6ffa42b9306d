/* Whether the NVAs are heard at all. When a node, or the whole cluster, is cut off from them, hold times run out one
 * after the other, and until the last of them has, whoever is missed first would count as lost alone. So a session that is
 * late counts no more than one that is gone: silent for half its hold time it has missed a KEEPALIVE, which comes in
 * a third of it (RFC 4271 section 4.4). Whoever is cut off as well has said nothing for two thirds by the time that the
 * first hold time is over. BFD finds them lost one by one, too, and says who is late (bfd.h).
 * What is lost while nobody is heard is held as if there were no session at all. Beats tell it to the other nodes.
 * Source: the replication design, scenario 8b and the brake; invariant I3. */
#include "node/core/core_impl.h"

static bool is_late(const struct core *c, uint32_t nva)
{
    const struct core_peer *p = c->peers[nva];
    if (!p || !p->session || bgp_session_slot(p->session) < 0)
        return false;
    uint64_t hold_ms = bgp_session_hold_s(p->session) * (uint64_t)1000;
    return p->bfd.is_late || (hold_ms && c->now_ms >= p->heard_ms + hold_ms / 2);
}

static bool hears_one(const struct core *c, uint8_t origin)
{
    const struct rib_session *sessions = c->rib.origins[origin].sessions;
    for (uint32_t nva = 1; nva < c->names.count; nva++)
        if (rib_session_is_up(sessions[nva].state) && !(origin == c->rib.self && is_late(c, nva)))
            return true;
    return false;
}

/* Its last beat counts only where the next one would come. */
static bool is_deaf(const struct core *c, uint8_t origin)
{
    const struct core_member *m = &c->members[origin];
    return m->link && m->has_heard && m->heard.hears_no_nva;
}

bool core_hears_no_nva(const struct core *c)
{
    return !hears_one(c, c->rib.self);
}

bool core_nvas_are_heard(const struct core *c)
{
    if (c->woken_ms)
        return false;
    for (uint8_t o = 1; o < RIB_ORIGINS; o++)
        if (c->rib.origins[o].class == RIB_LIVE && !is_deaf(c, o) && hears_one(c, o))
            return true;
    return false;
}
