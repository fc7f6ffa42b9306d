/* OPEN: ours, the check of theirs, what both agree on, collision detection. */
#include "bgp/base/wire.h"
#include "bgp/session/session_impl.h"

enum { ROLE_RS = 1, ROLE_RS_CLIENT = 2 }; /* RFC 9234 section 4.1 */

/* What RFC 4271 knows of: IPv4 routes, AS numbers of two octets. */
static struct bgp_open bare_open(const struct bgp_session_cfg *cfg)
{
    return (struct bgp_open){ .asn = cfg->local_asn,
                              .identifier = cfg->local_identifier,
                              .hold_s = cfg->hold_s,
                              .family = { [BGP_IP4] = cfg->family[BGP_IP4] },
                              .role = -1,
                              .is_bare = true };
}

/* Everything that we say of ourselves. */
static struct bgp_open our_open(const struct bgp_session *s)
{
    const struct bgp_session_cfg *cfg = &s->cfg;
    if (s->is_bare)
        return bare_open(cfg);
    uint8_t families = (uint8_t)(cfg->family[BGP_IP4] << BGP_IP4 | cfg->family[BGP_IP6] << BGP_IP6);
    uint8_t held = cfg->restarts_gracefully ? families : 0; /* of ours, while we restart: nothing is forwarded by us */
    uint8_t long_held = held & (uint8_t)((cfg->stale_s[BGP_IP4] != 0) << BGP_IP4 | (cfg->stale_s[BGP_IP6] != 0) << BGP_IP6);
    return (struct bgp_open){
        .asn = cfg->local_asn,
        .identifier = cfg->local_identifier,
        .hold_s = cfg->hold_s,
        .as4 = true,
        .refresh = true,
        .enhanced_refresh = true,
        .graceful_restart = true, /* also without families: so that they send End-of-RIB, RFC 4724 3 */
        .gr_notification = true,  /* RFC 8538 */
        .restarting = s->is_restarting && cfg->restarts_gracefully,
        .restart_s = cfg->restarts_gracefully ? cfg->restart_s : 0,
        .gr_family = held,
        .gr_forwarding = held,
        .long_lived = cfg->stale_s[BGP_IP4] || cfg->stale_s[BGP_IP6],
        .llgr_family = long_held,
        .llgr_forwarding = long_held,
        .stale_s = { cfg->stale_s[BGP_IP4], cfg->stale_s[BGP_IP6] },
        .extended_message = cfg->extended_message,
        .family = { cfg->family[BGP_IP4], cfg->family[BGP_IP6] },
        .add_path = { cfg->add_path[BGP_IP4], cfg->add_path[BGP_IP6] },
        .ext_next_hop = cfg->family[BGP_IP4], /* over IPv4, too: the hop need not be of the session's family */
        .role = cfg->is_route_server ? ROLE_RS : -1,
    };
}

struct bgp_open bgp_session_our_open(const struct bgp_session *s)
{
    return our_open(s);
}

void session_send_open(struct bgp_session *s, struct connection *c)
{
    uint8_t buf[BGP_MESSAGE_MAX];
    const struct bgp_open ours = our_open(s);
    session_put(s, c, buf, bgp_open_write(&ours, buf, sizeof buf));
}

/* RFC 9234 section 4.2. */
static bool roles_fit(const struct bgp_session_cfg *cfg, const struct bgp_open *theirs)
{
    if (!cfg->is_route_server)
        return true;
    return theirs->role < 0 ? !cfg->role_strict : theirs->role == ROLE_RS_CLIENT;
}

static bool is_expected(const struct bgp_session_cfg *cfg, uint32_t asn)
{
    bool is_listed = cfg->peer_asn_count == 0;
    if (cfg->peer_asn)
        return asn == cfg->peer_asn;
    for (int i = 0; i < cfg->peer_asn_count; i++)
        is_listed |= asn >= cfg->peer_asns[i].first && asn <= cfg->peer_asns[i].last;
    return is_listed && asn != cfg->local_asn;
}

/* RFC 4271 section 6.2. */
static bool check_open(const struct bgp_session *s, const struct bgp_open *o, struct bgp_fault *f)
{
    *f = (struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET, .code = BGP_OPEN_ERROR };
    if (!is_expected(&s->cfg, o->asn))
        f->subcode = BGP_BAD_PEER_AS;
    else if (o->identifier == s->cfg.local_identifier && o->asn == s->cfg.local_asn)
        f->subcode = BGP_BAD_IDENTIFIER; /* RFC 6286: an external peer may share the number */
    else if (!roles_fit(&s->cfg, o))
        f->subcode = BGP_ROLE_MISMATCH;
    return f->subcode == 0;
}

/* RFC 5492 section 3: the data lists the capabilities that the sender of the error requires. */
static void families_required(const struct bgp_session *s, struct bgp_fault *f)
{
    enum { EACH = 6 };
    static const uint8_t multiprotocol[BGP_FAMILIES][EACH] = { { 1, 4, 0, 1, 0, BGP_SAFI_UNICAST },
                                                               { 1, 4, 0, 2, 0, BGP_SAFI_UNICAST } };
    bool ip4 = s->cfg.family[BGP_IP4], ip6 = s->cfg.family[BGP_IP6];
    f->subcode = BGP_UNSUPPORTED_CAPABILITY;
    f->data = multiprotocol[ip4 ? BGP_IP4 : BGP_IP6];
    f->data_len = (uint16_t)(EACH * (ip4 + ip6));
}

static void negotiate(const struct bgp_session *s, struct connection *c)
{
    const struct bgp_open ours = our_open(s);
    bgp_open_negotiate(&ours, &c->peer_open, &c->codec);
    c->hold_s = c->peer_open.hold_s < s->cfg.hold_s ? c->peer_open.hold_s : s->cfg.hold_s;
}

static bool is_ours(enum bgp_slot slot)
{
    return slot == BGP_SLOT_OURS;
}

/* RFC 4271 section 6.8, RFC 6286 section 2.3: the connection stays that was dialled by the side with
 * the higher identifier, or the higher AS. Of two that the peer dialled, the newer one then. */
static bool newcomer_wins(const struct bgp_session *s, enum bgp_slot newcomer, enum bgp_slot other)
{
    const struct bgp_open *theirs = &s->conns[newcomer].peer_open;
    bool we_are_higher = s->cfg.local_identifier != theirs->identifier
                             ? s->cfg.local_identifier > theirs->identifier
                             : s->cfg.local_asn > theirs->asn;
    if (is_ours(newcomer) || is_ours(other))
        return is_ours(newcomer) == we_are_higher;
    return !we_are_higher;
}

enum { RESTART_MS = 5000 };

/* RFC 4724 section 4.2: a peer that can restart gracefully and dials anew has lost the old connection.
 * Its OPEN on the new one is waited for, so that a bare TCP connection ends nothing. One that dialled when
 * we did is about to close that connection, and has not restarted: nothing new is said, and a restart takes longer. */
static bool has_restarted(const struct bgp_session *s, enum bgp_slot old, enum bgp_slot newcomer)
{
    const struct connection *was = &s->conns[old], *is = &s->conns[newcomer];
    bool says_so = is->peer_open.restarting && !was->peer_open.restarting;
    bool dialled_again = !is_ours(old) && !is_ours(newcomer) && is->since_ms > s->up_since;
    return was->state == BGP_ESTABLISHED && was->peer_open.gr_family &&
           (says_so || dialled_again || s->now_ms >= s->up_since + RESTART_MS);
}

/* Only a connection in OpenConfirm collides: one in OpenSent may be a socket that nobody serves, and
 * must not cost the connection on which the peer does speak. False: this newcomer lost. */
static bool resolve_collision(struct bgp_session *s, enum bgp_slot newcomer)
{
    static const struct bgp_fault collision = { .code = BGP_CEASE, .subcode = BGP_COLLISION };
    const struct ending end = { .reason = "connection collision", .fault = &collision };
    for (int i = 0; i < BGP_SLOTS; i++) {
        enum bgp_slot other = (enum bgp_slot)i;
        enum bgp_state state = s->conns[i].state;
        if (other == newcomer || state < BGP_OPENCONFIRM)
            continue;
        if (has_restarted(s, other, newcomer)) {
            session_run(s, other, FSM_RESTARTED, &(struct ending){ .reason = "peer restarted" });
            return true;
        }
        bool wins = state != BGP_ESTABLISHED && newcomer_wins(s, newcomer, other);
        session_run(s, wins ? other : newcomer, FSM_COLLISION, &end);
        return wins; /* at most one other connection stands so far */
    }
    return true;
}

void session_on_open(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    struct bgp_fault fault;
    if (c->state != BGP_OPENSENT) {
        session_run(s, slot, FSM_OPEN, &(struct ending){ .message = m });
        return;
    }
    if (bgp_open_decode(m->body, m->body_len, &c->peer_open, &fault) ||
        !check_open(s, &c->peer_open, &fault)) {
        session_fail(s, slot, &fault, "OPEN refused");
        return;
    }
    negotiate(s, c);
    if (!c->codec.family[BGP_IP4] && !c->codec.family[BGP_IP6]) {
        families_required(s, &fault);
        s->is_bare = false; /* it takes capabilities, whatever it said */
        session_fail(s, slot, &fault, "no address family in common");
        return;
    }
    if (resolve_collision(s, slot))
        session_run(s, slot, FSM_OPEN, &(struct ending){ .reason = "OPEN received" });
}
