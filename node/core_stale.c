/* Long-lived graceful restart, the helper's side (RFC 9494 section 4.2): when a peer's restart time is over,
 * what it told is kept for much longer, as the last resort, marked LLGR_STALE for everybody.
 *
 * The time runs per family, and goes on while the peer, back again, tells its routes: what it has not told by
 * its End-of-RIB, or by then, goes. A session that ends again before does not begin it anew. */
#include "node/core_impl.h"

void core_stale_agree(struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    uint32_t most = p->cfg->long_lived_ms / 1000;
    for (int f = 0; f < BGP_FAMILIES; f++) {
        bool is_listed = codec->long_lived && codec->family[f] && open->llgr_family & 1u << f;
        uint32_t theirs = is_listed ? open->stale_s[f] : 0;
        p->stale_s[f] = theirs < most ? theirs : most;
    }
}

uint8_t core_stale_offered(const struct core_peer *p)
{
    return (uint8_t)((p->stale_s[BGP_IP4] != 0) << BGP_IP4 | (p->stale_s[BGP_IP6] != 0) << BGP_IP6);
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
        if (p->stale_until[f] > p->grace_until)
            p->grace_until = p->stale_until[f];
    }
    core_event(c, CONFIG_LOG_WARN, "peer_long_lived_stale", core_peer_subject(p, subject, sizeof subject),
               "routes_held=%u for_s=%llu", rib_session_paths(core_session_fact(c, p)),
               (unsigned long long)(p->grace_until - c->now_ms) / 1000);
}

void core_stale_forget(struct core_peer *p, uint8_t families)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (families & 1u << f)
            p->stale_until[f] = 0;
}

void core_stale_tick(struct core *c, struct core_peer *p)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!p->stale_until[f] || c->now_ms < p->stale_until[f])
            continue;
        p->stale_until[f] = 0;
        rib_stale_ends(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    }
}

uint64_t core_stale_deadline(const struct core_peer *p)
{
    uint64_t due = UINT64_MAX;
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->stale_until[f] && p->stale_until[f] < due)
            due = p->stale_until[f];
    return due;
}
