/* BFD and BGP: what a peer's liveness means for its session.
 *
 * The sessions themselves run beside the core (node/loop/bfd_io.c); here is the client of RFC 5882. A failure
 * ends the BGP session with Cease/BFD Down (RFC 9384), and its routes with it: as a Hard Reset for who knows that,
 * so that neither side takes it for a restart. Where long-lived stale routes were agreed on (RFC 9494) they are
 * kept as the last resort instead, from that moment on, and the reset is no hard one. A restart that is on its way
 * already is not ended: our BFD shares the fate of our BGP (RFC 5882 section 4.3.2). AdminDown on either side is no
 * failure (section 4.2). A strict peer has no BGP session before BFD is Up. */
#include <stdio.h>

#include "bgp/bfd/bfd_set.h"
#include "node/core/core_impl.h"

void core_bfd_open(struct core *c, const struct core_peer *p, const struct ip_addr *local)
{
    const struct config_bfd *b = &p->cfg->bfd;
    if (!b->enabled || !local)
        return;
    core_request(c, &(struct core_request){ .kind = CORE_BFD_OPEN,
                                            .nva = p->nva,
                                            .local = *local,
                                            .remote = p->cfg->peer_ip,
                                            .ttl = p->cfg->ttl,
                                            .bfd = *b });
}

void core_bfd_close(struct core *c, struct core_peer *p)
{
    if (p->cfg->bfd.enabled)
        core_request(c, &(struct core_request){ .kind = CORE_BFD_CLOSE, .nva = p->nva });
    p->bfd = (struct bfd_view){ 0 };
}

void core_bfd_follow(struct core *c, struct core_peer *p, const struct config_bfd *was)
{
    const struct config_bfd *is = &p->cfg->bfd;
    if (!p->session)
        return;
    if (is->interval_ms != was->interval_ms || is->multiplier != was->multiplier)
        core_bfd_open(c, p, core_node_addr(c->node, p->cfg->peer_ip.family));
    if (is->strict != was->strict)
        core_bgp_permit(c, p);
}

bool core_bfd_permits(const struct core_peer *p)
{
    return !p->cfg->bfd.enabled || !p->cfg->bfd.strict || p->bfd.state == BFD_UP;
}

static const char *why_down(const struct bfd_view *v)
{
    if (v->state == BFD_DOWN && v->remote_state == BFD_ADMIN_DOWN)
        return "neighbor is administratively down";
    return bfd_diag_name(v->diag);
}

static void tell(struct core *c, const struct core_peer *p, bool has_failed)
{
    char subject[CONFIG_NAME_MAX + 16];
    snprintf(subject, sizeof subject, "peer=%s", p->cfg->name);
    if (p->bfd.state == BFD_UP)
        core_event(c, CONFIG_LOG_INFO, "bfd_up", subject, "tx_ms=%u detect_ms=%u",
                   p->bfd.tx_us / 1000, p->bfd.detect_us / 1000);
    else
        core_event(c, has_failed ? CONFIG_LOG_WARN : CONFIG_LOG_INFO, "bfd_down", subject,
                   "reason=\"%s\" remote_state=%s remote_reason=\"%s\"", why_down(&p->bfd),
                   bfd_state_name(p->bfd.remote_state), bfd_diag_name(p->bfd.remote_diag));
}

void core_bfd_changed(struct core *c, uint16_t nva, const struct bfd_view *view, bool is_multihop,
                      uint64_t now_ms)
{
    struct core_peer *p = nva < c->nva_count ? c->peers[nva] : NULL;
    c->now_ms = now_ms;
    if (!p || !p->session || !p->cfg->bfd.enabled)
        return; /* said before its close reached the other side */
    const struct bfd_view before = p->bfd;
    bool has_failed = view->failures != before.failures;
    p->bfd = *view;
    p->bfd_multihop = is_multihop;
    if (view->is_late != before.is_late)
        c->beat_ms = c->now_ms; /* the others hear it before one of them misses the first */
    if (has_failed || (before.state == BFD_UP) != (view->state == BFD_UP))
        tell(c, p, has_failed);
    if (c->phase == CORE_STOPPING)
        return;
    if (has_failed)
        core_bgp_fail(c, p, BGP_BFD_DOWN, !core_stale_offered(p));
    if (p->cfg->bfd.strict)
        core_bgp_permit(c, p);
    else
        core_bgp_settle(c, p);
}
