/* Long-lived graceful restart, the helper's side (RFC 9494 section 4.2): when a peer's restart time is over,
 * what it told is kept for much longer, as the last resort, marked LLGR_STALE for everybody.
 *
 * The time runs per family, and goes on while the peer, back again, tells its routes: what it has not told by
 * its End-of-RIB, or by then, goes. A session that ends again before does not begin it anew, and once it is over
 * what such a session has told goes with it: a family has a new time only when the peer has told all of it.
 *
 * It begins at once where there is no time for a restart: where the peer has not listed the family for one, and
 * where BFD, ours or the peer's, says that the way to it is broken. Then only a route that nobody else has is of
 * use, if any: that is what an administrator asks for who sets this time beside BFD. */
#include "node/core/core_impl.h"

void core_stale_agree(struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        bool is_listed = codec->long_lived && codec->family[f] && open->llgr_family & 1u << f;
        uint32_t theirs = is_listed ? open->stale_s[f] : 0, most = p->cfg->long_lived_ms[f] / 1000;
        p->stale_s[f] = theirs < most ? theirs : most;
    }
}

uint8_t core_stale_offered(const struct core_peer *p)
{
    uint8_t offered = (uint8_t)((p->stale_s[BGP_IP4] != 0) << BGP_IP4 | (p->stale_s[BGP_IP6] != 0) << BGP_IP6);
    return offered & (uint8_t)~p->stale_over;
}

uint8_t core_stale_held(const struct core_peer *p)
{
    return (uint8_t)((p->stale_until[BGP_IP4] != 0) << BGP_IP4 | (p->stale_until[BGP_IP6] != 0) << BGP_IP6);
}

uint8_t core_stale_kept(const struct core_peer *p)
{
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    if (!bgp_session_codec(p->session)->long_lived)
        return 0;
    return core_stale_held(p) & open->llgr_family & open->llgr_forwarding;
}

void core_stale_begin(struct core *c, struct core_peer *p, uint8_t families)
{
    char subject[CONFIG_NAME_MAX + 16];
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!(families & 1u << f))
            continue;
        rib_stale_begins(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
        if (!p->stale_until[f])
            p->stale_until[f] = c->now_ms + p->stale_s[f] * (uint64_t)1000;
    }
    core_event(c, CONFIG_LOG_WARN, "peer_long_lived_stale", core_peer_subject(p, subject, sizeof subject),
               "routes_held=%u for_s=%llu", rib_session_paths(core_session_fact(c, p)),
               (unsigned long long)(core_stale_last(p) - c->now_ms) / 1000);
}

uint64_t core_stale_last(const struct core_peer *p)
{
    uint64_t ip4 = p->stale_until[BGP_IP4], ip6 = p->stale_until[BGP_IP6];
    return ip4 > ip6 ? ip4 : ip6;
}

void core_stale_forget(struct core_peer *p, uint8_t families)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (families & 1u << f)
            p->stale_until[f] = 0;
}

void core_stale_told(struct core_peer *p, uint8_t families)
{
    core_stale_forget(p, families);
    p->stale_over &= (uint8_t)~families;
}

/* While the session is down nothing of the family has been seen since; while it is up, what has was told anew. */
void core_stale_tick(struct core *c, struct core_peer *p)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!p->stale_until[f] || c->now_ms < core_heard_out_at(c, p, p->stale_until[f]))
            continue;
        p->stale_until[f] = 0;
        p->stale_over |= (uint8_t)(1u << f);
        p->unseen &= (uint8_t)~(1u << f);
        rib_refresh_ends(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    }
}

uint64_t core_stale_deadline(const struct core *c, const struct core_peer *p)
{
    uint64_t due = UINT64_MAX;
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->stale_until[f] && p->stale_until[f] < due)
            due = p->stale_until[f];
    return due == UINT64_MAX ? due : core_heard_out_at(c, p, due);
}
