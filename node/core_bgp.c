/* The NVAs: one session machine each, its connections, its routes into the RIB and its Adj-RIB-Out. */
#include <stdio.h>

#include "node/core_impl.h"

enum { CONNECT_RETRY_S = 5, RESTART_S = 120 };

static struct rib_session *session_fact(struct core *c, const struct core_peer *p)
{
    return &c->rib.origins[c->rib.self].sessions[p->nva];
}

static const char *subject_of(const struct core_peer *p, char *buf, size_t cap)
{
    snprintf(buf, cap, "peer=%s", p->cfg->name);
    return buf;
}

static void publish(struct core *c, struct core_peer *p, enum rib_session_state state)
{
    struct rib_session fact = *session_fact(c, p);
    fact.state = (uint8_t)state;
    fact.generation = p->generation;
    if (state == RIB_SESSION_SYNCING)
        fact.identifier = bgp_session_peer_open(p->session)->identifier;
    core_must(rib_session_set(&c->rib, c->rib.self, p->nva, &fact, c->now_ms));
}

/* ---- session up and down ---- */

static const struct ip_addr *node_addr(const struct config_node *n, uint8_t family)
{
    if (n->address.family == family)
        return &n->address;
    return n->has_address6 && n->address6.family == family ? &n->address6 : NULL;
}

/* The next hop announced for the VNet's own prefixes: the peer's setting, the server's, ourselves. */
static struct ip_addr self_next_hop(const struct core *c, const struct core_peer *p, uint8_t family)
{
    const struct config *cfg = c->config;
    if (p->cfg->has_next_hop && p->cfg->next_hop.family == family)
        return p->cfg->next_hop;
    if (family == BGP_IP4 && cfg->has_vnet_next_hop)
        return cfg->vnet_next_hop;
    if (family == BGP_IP6 && cfg->has_vnet_next_hop6)
        return cfg->vnet_next_hop6;
    const struct ip_addr *own = node_addr(c->node, family);
    return own ? *own : (struct ip_addr){ .family = family };
}

static uint8_t types_for(const struct core *c, uint8_t type)
{
    if (c->config->branch_to_branch)
        return UINT8_MAX;
    return (uint8_t)(1u << type);
}

static void join_adjout(struct core *c, struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!codec->family[f])
            continue;
        struct adjout_rules rules = {
            .family = (enum bgp_family)f,
            .codec = *codec,
            .export = { .transparent = p->cfg->mode == CONFIG_TRANSPARENT,
                        .local_asn = c->nvas[p->nva].local_asn,
                        .otc = p->cfg->is_rs_client ? c->nvas[p->nva].local_asn : 0 },
            .self_next_hop = self_next_hop(c, p, f),
            .from_types = types_for(c, p->cfg->type),
        };
        p->out[f] = adjout_join(c->adjout, &rules, p->nva);
        core_must(!p->out[f]);
    }
}

static void leave_adjout(struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (p->out[f])
            adjout_leave(p->out[f]);
        p->out[f] = NULL;
    }
}

/* ---- graceful restart, the helper's side (RFC 4724 section 4.2, RFC 8538) ---- */

enum { ALL_FAMILIES = (1 << BGP_FAMILIES) - 1 };

static void mark(struct core *c, struct core_peer *p, uint8_t families)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (families & 1u << f)
            rib_refresh_begins(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    p->unseen |= families;
}

static void sweep(struct core *c, struct core_peer *p, uint8_t families)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (families & p->unseen & 1u << f)
            core_must(rib_refresh_ends(&c->rib, c->rib.self, p->nva, (enum bgp_family)f, c->now_ms));
    p->unseen &= (uint8_t)~families;
}

static bool restarts_gracefully(const struct core_peer *p, const struct bgp_session_event *e)
{
    const struct bgp_fault *f = &e->fault;
    if (!p->gr_family || p->cfg->graceful == CONFIG_GRACEFUL_NONE)
        return false;
    if (f->code == 0)
        return true; /* the connection broke, or the peer dialled anew */
    if (!p->gr_notification || (f->code == BGP_CEASE && f->subcode == BGP_HARD_RESET))
        return false;
    return e->by_peer || f->code == BGP_HOLD_TIMER_EXPIRED;
}

static void hold_routes(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    sweep(c, p, ALL_FAMILIES); /* what still waits from an earlier restart is not held twice */
    mark(c, p, ALL_FAMILIES);
    sweep(c, p, ALL_FAMILIES & ~p->gr_family);
    p->grace_until = c->now_ms + p->gr_restart_s * 1000u;
    publish(c, p, RIB_SESSION_GRACE);
    core_event(c, CONFIG_LOG_INFO, "peer_restarts", subject_of(p, subject, sizeof subject),
               "routes_held=%u for_s=%u", session_fact(c, p)->paths, p->gr_restart_s);
}

/* The peer is back: what it kept forwarding for stays until its End-of-RIB. */
static void resume(struct core *c, struct core_peer *p, const struct bgp_open *open)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    uint8_t kept = open->gr_family & open->gr_forwarding;
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (!codec->family[f])
            kept &= (uint8_t)~(1u << f);
    sweep(c, p, (uint8_t)~kept);
    p->grace_until = 0;
}

/* RFC 4724 section 4.1: after a start of ours a peer that holds our routes hears of new ones, and our
 * End-of-RIB, when we have heard from everybody, or have waited long enough. */
static bool defers(const struct core *c, const struct core_peer *p)
{
    return c->phase == CORE_CONVERGE && p->cfg->graceful == CONFIG_GRACEFUL_FULL && p->gr_family;
}

static void on_up(struct core *c, struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    if (p->grace_until)
        resume(c, p, open);
    else
        p->generation++;
    p->gr_family = open->gr_family;
    p->gr_notification = open->gr_notification;
    p->gr_restart_s = open->restart_s;
    p->up_ms = p->update_ms = c->now_ms;
    p->sends_eor = open->graceful_restart;
    p->waits_for = 0;
    p->warned = p->over_limit = false;
    for (int f = 0; f < BGP_FAMILIES; f++)
        p->waits_for |= (uint8_t)(codec->family[f] << f);
    publish(c, p, RIB_SESSION_SYNCING);
    p->is_deferred = defers(c, p);
    if (!p->is_deferred)
        join_adjout(c, p);
}

static void lose_routes(struct core *c, struct core_peer *p)
{
    p->unseen = 0;
    publish(c, p, RIB_SESSION_DOWN);
}

static void on_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    p->is_deferred = false;
    leave_adjout(p);
    repl_evidence_session_ends(&c->rib, p->nva);
    if (restarts_gracefully(p, e))
        hold_routes(c, p);
    else
        lose_routes(c, p);
}

static void end_grace(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    p->grace_until = 0;
    core_event(c, CONFIG_LOG_WARN, "peer_restart_failed", subject_of(p, subject, sizeof subject),
               "routes_lost=%u", session_fact(c, p)->paths);
    lose_routes(c, p);
}

static void on_synced(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    sweep(c, p, p->waits_for);
    p->waits_for = 0;
    publish(c, p, RIB_SESSION_SYNCED);
    repl_evidence_synced(&c->rib, p->nva);
    core_event(c, CONFIG_LOG_INFO, "peer_synced", subject_of(p, subject, sizeof subject),
               "routes=%u after_ms=%llu", session_fact(c, p)->paths,
               (unsigned long long)(c->now_ms - p->up_ms));
}

/* ---- routes ---- */

/* Limits are gentle: say so once, tear down only when asked to. */
static void check_limit(struct core *c, struct core_peer *p)
{
    static const char *const actions[] = { "warn", "trim", "reset" }; /* enum config_limit_action */
    const struct config_limit *l = &p->cfg->limit;
    uint32_t count = session_fact(c, p)->paths;
    char subject[CONFIG_NAME_MAX + 16];
    if (!l->limit || (count < l->warn_at && count <= l->limit)) {
        p->warned = p->over_limit = false;
        return;
    }
    if (!p->warned)
        core_event(c, CONFIG_LOG_WARN, "peer_routes_high", subject_of(p, subject, sizeof subject),
                   "routes=%u warn_at=%u limit=%u", count, l->warn_at, l->limit);
    p->warned = true;
    if (count <= l->limit || p->over_limit)
        return;
    p->over_limit = true;
    core_event(c, CONFIG_LOG_ERROR, "peer_routes_over_limit", subject_of(p, subject, sizeof subject),
               "routes=%u limit=%u action=%s", count, l->limit,
               actions[l->action]);
    if (l->action != CONFIG_LIMIT_RESET)
        return;
    bgp_session_stop(p->session, BGP_MAX_PREFIXES, NULL, c->now_ms); /* RFC 4486 section 4 */
    p->restart_at = c->now_ms + l->restart_s * 1000u;
}

/* The next prefixes of an UPDATE, which the RIB is told to expect. */
struct stretch {
    struct ip_prefix prefixes[RIB_EXPECT];
    uint32_t path_ids[RIB_EXPECT], count;
};

static bool next_stretch(const struct core *c, struct bgp_nlri *nlri, struct stretch *s)
{
    s->count = 0;
    while (s->count < RIB_EXPECT &&
           bgp_nlri_next(nlri, &s->prefixes[s->count], &s->path_ids[s->count]))
        s->count++;
    rib_expect(&c->rib, s->prefixes, s->count);
    return s->count;
}

static void announce(struct core *c, const struct core_peer *p, struct bgp_nlri nlri,
                     const struct bgp_attrs *attrs)
{
    struct stretch s;
    uint32_t id = bgp_attrs_intern(&c->rib.attrs, attrs);
    core_must(!id);
    while (next_stretch(c, &nlri, &s))
        for (uint32_t i = 0; i < s.count; i++)
            core_must(rib_announce(&c->rib, c->rib.self, p->nva, &s.prefixes[i], s.path_ids[i], id));
    bgp_attrs_unref(&c->rib.attrs, id);
}

static void withdraw(struct core *c, const struct core_peer *p, struct bgp_nlri nlri)
{
    struct stretch s;
    while (next_stretch(c, &nlri, &s))
        for (uint32_t i = 0; i < s.count; i++)
            core_must(rib_withdraw(&c->rib, c->rib.self, p->nva, &s.prefixes[i], s.path_ids[i],
                                   c->now_ms));
}

static void report_fault(struct core *c, const struct core_peer *p, const struct bgp_fault *f)
{
    char subject[CONFIG_NAME_MAX + 16], buf[64];
    core_event(c, CONFIG_LOG_WARN, "peer_update_fault", subject_of(p, subject, sizeof subject),
               "fault=\"%s\" attribute=%u action=%s",
               bgp_fault_text(f->code, f->subcode, buf, sizeof buf), f->attr_type,
               f->action == BGP_ACTION_ATTR_DISCARD        ? "attribute-discard"
               : f->action == BGP_ACTION_TREAT_AS_WITHDRAW ? "treat-as-withdraw"
                                                           : "family-disable");
}

static void on_update(struct core *c, struct core_peer *p, const struct bgp_update *u)
{
    p->update_ms = c->now_ms;
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (u->disable & 1u << f)
            core_must(rib_withdraw_family(&c->rib, c->rib.self, p->nva, f, c->now_ms));
    for (int i = 0; i < u->withdrawn_count; i++)
        withdraw(c, p, u->withdrawn[i]);
    for (int i = 0; i < u->reach_count; i++)
        announce(c, p, u->reach[i], &u->attrs[i]);
    if (u->fault.action != BGP_ACTION_NONE)
        report_fault(c, p, &u->fault);
    uint8_t complete = u->end_of_rib | u->disable; /* nothing more is heard of a disabled family */
    if (p->waits_for && complete) {
        sweep(c, p, p->waits_for & complete);
        p->waits_for &= (uint8_t)~complete;
        if (!p->waits_for)
            on_synced(c, p);
    }
    check_limit(c, p);
}

/* RFC 2918, RFC 7313 section 4: the peer asks for all of ours, or tells all of its own again. */
static void on_refresh(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    enum bgp_family family = (enum bgp_family)e->family;
    if (e->subtype == 0 && p->out[family])
        adjout_refresh(p->out[family]);
    else if (e->subtype == 1)
        mark(c, p, (uint8_t)(1u << family));
    else if (e->subtype == 2)
        sweep(c, p, (uint8_t)(1u << family));
}

/* ---- events of the session machine ---- */

/* RFC 5082: from the far end with the highest number there is, so that no more hops than allowed were
 * between. */
static uint8_t ttl_of(const struct config_peer *cfg)
{
    return cfg->ttl_security ? UINT8_MAX : cfg->ttl;
}

static uint8_t min_ttl_of(const struct config_peer *cfg)
{
    if (!cfg->ttl_security)
        return 0;
    return (uint8_t)(UINT8_MAX + 1 - cfg->ttl_security);
}

void core_accepted_ttl(const struct pump *p, uint8_t *ttl, uint8_t *min_ttl)
{
    const struct core_conn *conn = (const struct core_conn *)p; /* its first member */
    *ttl = *min_ttl = 0;
    if (!conn->peer)
        return;
    *ttl = ttl_of(conn->peer->cfg);
    *min_ttl = min_ttl_of(conn->peer->cfg);
}

static void on_dial(struct core *c, struct core_peer *p)
{
    struct core_conn *conn = core_conn_new(c, CONN_BGP, &p->cfg->peer_ip);
    const struct ip_addr *local = node_addr(c->node, p->cfg->peer_ip.family);
    conn->dialled = true;
    conn->peer = p;
    conn->slot = BGP_SLOT_OURS;
    p->conns[BGP_SLOT_OURS] = conn;
    core_request(c, &(struct core_request){ .kind = CORE_DIAL,
                                            .port = CORE_PORT_BGP,
                                            .pump = &conn->pump,
                                            .remote = p->cfg->peer_ip,
                                            .local = local ? *local : (struct ip_addr){ 0 },
                                            .remote_port = p->cfg->peer_port,
                                            .ttl = ttl_of(p->cfg),
                                            .min_ttl = min_ttl_of(p->cfg),
                                            .md5_key_file = p->cfg->md5_key_file });
}

/* A NOTIFICATION goes out before the end, without the session: its slot is free at once. */
static void let_go(struct core *c, struct core_peer *p, enum bgp_slot slot)
{
    struct core_conn *conn = p->conns[slot];
    if (!conn)
        return;
    core_bgp_fill(c, conn);
    core_conn_close(c, conn);
    conn->peer = NULL;
    p->conns[slot] = NULL;
    bgp_session_closed(p->session, slot, c->now_ms);
}

static void on_state(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    char subject[CONFIG_NAME_MAX + 16];
    bool matters = e->to == BGP_ESTABLISHED || e->from == BGP_ESTABLISHED;
    p->since_ms = c->now_ms;
    core_event(c, matters ? CONFIG_LOG_INFO : CONFIG_LOG_DEBUG, "peer_state",
               subject_of(p, subject, sizeof subject), "from=%s to=%s reason=\"%s\"",
               bgp_state_name((enum bgp_state)e->from), bgp_state_name((enum bgp_state)e->to),
               e->reason ? e->reason : "");
}

static void remember_error(struct core_peer *p, const struct bgp_session_event *e)
{
    char buf[64];
    if (e->fault.code)
        snprintf(p->last_error, sizeof p->last_error, "%s: %s (%s)", e->reason ? e->reason : "",
                 bgp_fault_text(e->fault.code, e->fault.subcode, buf, sizeof buf),
                 e->by_peer ? "received" : "sent");
    else
        snprintf(p->last_error, sizeof p->last_error, "%s", e->reason ? e->reason : "");
}

static void log_down(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_WARN, "peer_down", subject_of(p, subject, sizeof subject),
               "reason=\"%s\" uptime_s=%llu routes_lost=%u", p->last_error,
               (unsigned long long)(c->now_ms - p->up_ms) / 1000, session_fact(c, p)->paths);
}

/* An Established session stays: what ends it is a failure of BFD, not a missing Up. */
static void hold_back(struct core *c, struct core_peer *p)
{
    if (bgp_session_slot(p->session) < 0)
        bgp_session_stop(p->session, BGP_BFD_DOWN, "waits for BFD", c->now_ms);
}

static void on_event(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    switch (e->kind) {
    case BGP_EVENT_DIAL:
        on_dial(c, p);
        break;
    case BGP_EVENT_CLOSE:
        let_go(c, p, (enum bgp_slot)e->slot);
        break;
    case BGP_EVENT_STATE:
        if (e->fault.code || e->to < e->from)
            remember_error(p, e);
        on_state(c, p, e);
        break;
    case BGP_EVENT_UP:
        on_up(c, p);
        break;
    case BGP_EVENT_DOWN:
        remember_error(p, e);
        log_down(c, p);
        on_down(c, p, e);
        if (!core_bfd_permits(p))
            hold_back(c, p);
        break;
    case BGP_EVENT_UPDATE:
        on_update(c, p, e->update);
        break;
    case BGP_EVENT_REFRESH:
        on_refresh(c, p, e);
        break;
    default:
        break;
    }
}

/* When a peer that may still owe its End-of-RIB counts as having told all. */
static uint64_t quiet_at(const struct core *c, const struct core_peer *p)
{
    if (!p->waits_for || bgp_session_slot(p->session) < 0)
        return UINT64_MAX;
    return p->update_ms + (p->sends_eor ? c->config->defer_ms : CORE_QUIET_MS);
}

/* Its routes wait for it to come back. */
static bool is_held(const struct core_peer *p)
{
    return p->grace_until && bgp_session_slot(p->session) < 0;
}

static void set_timer(struct core *c, const struct core_peer *p)
{
    uint64_t due = bgp_session_deadline(p->session), quiet = quiet_at(c, p);
    due = due < quiet ? due : quiet;
    if (is_held(p) && p->grace_until < due)
        due = p->grace_until;
    if (p->restart_at && p->restart_at < due)
        due = p->restart_at;
    heap_set(&c->due, (uint32_t)(p - c->peers), due);
}

/* What follows whatever was done with a session. */
static void take_events(struct core *c, struct core_peer *p)
{
    struct bgp_session_event e;
    while (bgp_session_next(p->session, &e))
        on_event(c, p, &e);
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        if (p->conns[slot])
            core_conn_work(c, p->conns[slot]);
    set_timer(c, p);
}

/* ---- bytes ---- */

void core_bgp_drain(struct core *c, struct core_conn *conn)
{
    size_t used = 0;
    while (used < conn->pump.rx_len && used < c->rx_left && !conn->close_asked) {
        size_t n = bgp_session_feed(conn->peer->session, (enum bgp_slot)conn->slot,
                                    conn->pump.rx + used, conn->pump.rx_len - used, c->now_ms);
        take_events(c, conn->peer);
        if (!n)
            break;
        used += n;
    }
    pump_rx_consume(&conn->pump, used);
    c->rx_left -= used < c->rx_left ? used : c->rx_left;
    if (!c->rx_left && conn->pump.rx_len && !conn->close_asked)
        list_append(&c->ready, &conn->pump.ready);
}

static bool has_routes(const struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->out[f] && adjout_has_output(p->out[f]))
            return true;
    return false;
}

void core_bgp_fill(struct core *c, struct core_conn *conn)
{
    struct core_peer *p = conn->peer;
    if (conn->close_asked)
        return;
    size_t room;
    uint8_t *at = pump_tx_space(&conn->pump, &room);
    size_t n = bgp_session_pull(p->session, (enum bgp_slot)conn->slot, at, room);
    if (bgp_session_slot(p->session) == conn->slot)
        for (int f = 0; f < BGP_FAMILIES; f++)
            if (p->out[f])
                n += adjout_pull(p->out[f], at + n, room - n);
    conn->pump.tx_len += n;
    if (n) {
        bgp_session_queued(p->session, (enum bgp_slot)conn->slot, c->now_ms);
        set_timer(c, p);
        core_conn_moved(c, conn);
    }
    if (conn->pump.tx_len == conn->pump.tx_at && has_routes(p))
        core_conn_work(c, conn); /* a walk that waits; who waits for room is looked at when it sent */
}

bool core_bgp_sent(struct core *c, struct core_conn *conn, bool was_tight)
{
    bool more = was_tight || has_routes(conn->peer);
    bgp_session_progress(conn->peer->session, conn->slot, conn->pump.tx_len == 0, c->now_ms);
    set_timer(c, conn->peer);
    if (more)
        core_conn_work(c, conn);
    return more;
}

void core_bgp_wake_members(struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        int slot = c->peers[i].session ? bgp_session_slot(c->peers[i].session) : -1;
        if (slot >= 0 && c->peers[i].conns[slot])
            core_conn_work(c, c->peers[i].conns[slot]);
    }
}

/* ---- permission and refusal ---- */

void core_bgp_fail(struct core *c, struct core_peer *p, enum bgp_cease_subcode subcode)
{
    bgp_session_reset(p->session,
                      &(struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                                           .code = BGP_CEASE,
                                           .subcode = (uint8_t)subcode },
                      c->now_ms);
    take_events(c, p);
}

void core_bgp_permit(struct core *c, struct core_peer *p)
{
    if (core_bfd_permits(p))
        bgp_session_start(p->session, c->now_ms);
    else
        hold_back(c, p);
    take_events(c, p);
}

/* ---- connections ---- */

static struct core_peer *peer_at(struct core *c, const struct ip_addr *remote)
{
    for (size_t i = 0; i < c->peer_count; i++)
        if (c->peers[i].session && ip_addr_is_equal(&c->peers[i].cfg->peer_ip, remote))
            return &c->peers[i];
    return NULL;
}

static void tell_refused(struct core *c, const struct ip_addr *remote)
{
    char text[IP_ADDR_TEXT];
    c->refused_untold++;
    if (c->refused_told_ms && c->now_ms < c->refused_told_ms + CORE_REFUSED_LOG_MS)
        return;
    core_event(c, CONFIG_LOG_WARN, "peer_unknown", NULL,
               "ip=%s refused=%u hint=\"add it to peers, enable it, or look for address translation "
               "between it and us\"",
               ip_addr_format(remote, text), c->refused_untold);
    c->refused_told_ms = c->now_ms;
    c->refused_untold = 0;
}

/* RFC 4486 section 4: Connection Rejected. Beyond a few at a time without a word. */
static struct core_conn *refuse(struct core *c, const struct ip_addr *remote)
{
    static const struct bgp_fault rejected = { .code = BGP_CEASE, .subcode = BGP_CONNECTION_REJECTED };
    size_t room;
    tell_refused(c, remote);
    if (c->refused >= CORE_REFUSED)
        return NULL;
    struct core_conn *conn = core_conn_new(c, CONN_BGP, remote);
    conn->is_refused = true;
    c->refused++;
    conn->pump.tx_len += bgp_notification_write(pump_tx_space(&conn->pump, &room), &rejected);
    core_conn_close(c, conn);
    return conn;
}

struct core_conn *core_bgp_accept(struct core *c, const struct ip_addr *remote)
{
    struct core_peer *p = peer_at(c, remote);
    if (!p)
        return refuse(c, remote);
    int slot = bgp_session_accept(p->session, c->now_ms);
    if (slot < 0) {
        take_events(c, p);
        return NULL;
    }
    struct core_conn *conn = core_conn_new(c, CONN_BGP, remote);
    conn->peer = p;
    conn->slot = (uint8_t)slot;
    p->conns[slot] = conn;
    take_events(c, p);
    return conn;
}

void core_bgp_connected(struct core *c, struct core_conn *conn, const struct ip_addr *local)
{
    if (!conn->peer || conn->close_asked)
        return;
    bgp_session_connected(conn->peer->session, local, c->now_ms);
    take_events(c, conn->peer);
}

void core_bgp_closed(struct core *c, struct core_conn *conn)
{
    struct core_peer *p = conn->peer;
    c->refused -= conn->is_refused;
    if (!p)
        return;
    p->conns[conn->slot] = NULL;
    conn->peer = NULL;
    bgp_session_closed(p->session, (enum bgp_slot)conn->slot, c->now_ms);
    take_events(c, p);
}

/* ---- time ---- */

static void tick_peer(struct core *c, struct core_peer *p)
{
    if (bgp_session_deadline(p->session) <= c->now_ms)
        bgp_session_tick(p->session, c->now_ms);
    take_events(c, p);
    if (p->restart_at && p->restart_at <= c->now_ms) {
        p->restart_at = 0;
        core_bgp_permit(c, p);
    }
    if (is_held(p) && p->grace_until <= c->now_ms)
        end_grace(c, p);
    if (quiet_at(c, p) <= c->now_ms)
        on_synced(c, p);
    set_timer(c, p);
}

void core_bgp_tick(struct core *c)
{
    uint32_t peer = 0;
    for (size_t i = 0; i < c->peer_count && heap_first(&c->due, &peer) <= c->now_ms; i++)
        tick_peer(c, &c->peers[peer]);
}

uint64_t core_bgp_deadline(const struct core *c)
{
    uint32_t peer;
    return heap_first(&c->due, &peer);
}

static void rearm(struct core *c, const struct core_peer *p)
{
    bgp_session_rearm(p->session, CORE_REARM_MS, c->now_ms);
    set_timer(c, p);
}

void core_bgp_converged(struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        struct core_peer *p = &c->peers[i];
        if (!p->session)
            continue;
        bgp_session_set_restarting(p->session, false);
        if (p->is_deferred)
            join_adjout(c, p);
        p->is_deferred = false;
        take_events(c, p);
    }
}

void core_bgp_rearm(struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++)
        if (c->peers[i].session)
            rearm(c, &c->peers[i]);
}

/* An NVA has told all when some session with it reached End-of-RIB: ours, or that of a living node. */
static bool is_synced(const struct core *c, uint16_t nva)
{
    for (int o = 1; o < RIB_ORIGINS; o++)
        if (c->rib.origins[o].class == RIB_LIVE &&
            c->rib.origins[o].sessions[nva].state == RIB_SESSION_SYNCED)
            return true;
    return false;
}

bool core_bgp_all_synced(const struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++)
        if (!c->peers[i].cfg->disabled && !is_synced(c, c->peers[i].nva))
            return false;
    return true;
}

/* ---- life ---- */

uint32_t core_router_id(const struct core *c)
{
    if (c->config->has_router_id)
        return c->config->router_id;
    const struct ip_addr *own = node_addr(c->node, BGP_IP4);
    return own ? wire_get32(own->bytes) : c->node->id;
}

static void start_peer(struct core *c, struct core_peer *p)
{
    const struct config_peer *cfg = p->cfg;
    const struct ip_addr *local = node_addr(c->node, cfg->peer_ip.family);
    bool send = cfg->add_path & CONFIG_ADD_PATH_SEND, receive = cfg->add_path & CONFIG_ADD_PATH_RECEIVE;
    uint8_t add_path = (uint8_t)((receive ? 1 : 0) | (send ? 2 : 0));
    struct bgp_session_cfg session = {
        .local_asn = c->nvas[p->nva].local_asn,
        .local_identifier = core_router_id(c),
        .peer_asn = cfg->peer_asn,
        .peer_addr = cfg->peer_ip,
        .local_addr = local ? *local : (struct ip_addr){ .family = cfg->peer_ip.family },
        .hold_s = cfg->hold_s,
        .connect_retry_s = cfg->connect_retry_s ? cfg->connect_retry_s : CONNECT_RETRY_S,
        .backoff_max_s = cfg->connect_retry_s ? cfg->connect_retry_s : CONNECT_RETRY_S,
        .passive = cfg->passive,
        .family = { cfg->families[BGP_IP4], cfg->families[BGP_IP6] },
        .add_path = { add_path, add_path },
        .extended_message = true,
        .is_route_server = cfg->is_rs_client,
        .role_strict = cfg->role_strict,
        .restarts_gracefully = cfg->graceful == CONFIG_GRACEFUL_FULL,
        .restart_s = RESTART_S,
        .seed = c->cfg.seed + p->nva,
    };
    p->session = bgp_session_new(&session);
    core_must(!p->session);
    bgp_session_set_restarting(p->session, true);
    core_bfd_open(c, p, local);
    core_bgp_permit(c, p);
}

void core_bgp_init(struct core *c)
{
    c->peer_count = c->config->peer_count;
    c->peers = memory_new(c->peer_count, sizeof *c->peers);
    core_must(!heap_init(&c->due, (uint32_t)c->peer_count));
    for (size_t i = 0; i < c->peer_count; i++) {
        struct core_peer *p = &c->peers[i];
        p->cfg = &c->config->peers[i];
        p->nva = (uint16_t)(i + 1);
        p->since_ms = c->now_ms;
        if (!p->cfg->disabled && p->cfg->nodes & 1u << c->cfg.self)
            start_peer(c, p);
    }
}

void core_bgp_fini(struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        leave_adjout(&c->peers[i]);
        if (c->peers[i].session)
            bgp_session_free(c->peers[i].session);
    }
    heap_fini(&c->due);
    free(c->peers);
}

void core_bgp_stop(struct core *c)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        if (!c->peers[i].session)
            continue;
        c->peers[i].restart_at = 0;
        bgp_session_stop(c->peers[i].session, BGP_ADMIN_SHUTDOWN, "node stops", c->now_ms);
        take_events(c, &c->peers[i]);
    }
}
