/* The NVAs: one session machine each, its connections, its routes into the RIB and its Adj-RIB-Out. */
#include <stdio.h>
#include <string.h>

#include "node/base/peer_words.h"
#include "node/core/core_impl.h"

enum { CONNECT_RETRY_S = 5 };

/* ---- events of the session machine ---- */

void core_accepted_ttl(const struct pump *p, uint8_t *ttl, uint8_t *min_ttl)
{
    const struct core_conn *conn = (const struct core_conn *)p; /* its first member */
    *ttl = *min_ttl = 0;
    if (!conn->peer)
        return;
    *ttl = config_peer_ttl(conn->peer->cfg);
    *min_ttl = config_peer_min_ttl(conn->peer->cfg);
}

static void on_dial(struct core *c, struct core_peer *p)
{
    struct core_conn *conn = core_conn_new(c, CONN_BGP, &p->cfg->peer_ip);
    const struct ip_addr *local = core_node_addr(c->node, p->cfg->peer_ip.family);
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
                                            .ttl = config_peer_ttl(p->cfg),
                                            .min_ttl = config_peer_min_ttl(p->cfg),
                                            .md5_key_file = p->cfg->md5_key_file,
                                            .tcp_ao = &p->cfg->tcp_ao });
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
    core_tap_state(c, p, e);
    core_event(c, matters ? CONFIG_LOG_INFO : CONFIG_LOG_DEBUG, "peer_state",
               core_peer_subject(p, subject, sizeof subject), "from=%s to=%s reason=\"%s\"",
               bgp_state_name((enum bgp_state)e->from), bgp_state_name((enum bgp_state)e->to),
               e->reason ? e->reason : "");
}

static void remember_error(const struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    char words[PEER_WORDS_MAX];
    struct core_peer_error *last = &p->error;
    *last = (struct core_peer_error){ .code = e->fault.code,
                                      .subcode = e->fault.subcode,
                                      .by_peer = e->by_peer,
                                      .at_ms = c->now_ms };
    if (e->fault.code)
        snprintf(last->text, sizeof last->text, "%s: %s", e->reason ? e->reason : "",
                 peer_words(&e->fault, e->by_peer, words));
    else
        snprintf(last->text, sizeof last->text, "%s", e->reason ? e->reason : "");
}

/* By whom it ended, with which code, where a NOTIFICATION went with it, and in whose words. */
static void log_down(struct core *c, struct core_peer *p, const struct bgp_fault *f)
{
    char subject[CONFIG_NAME_MAX + 16], ip[IP_ADDR_TEXT], code[16] = "none";
    char text[BGP_NOTIFICATION_TEXT + 1], said[PEER_WORDS_MAX];
    const char *by = !f->code ? "none" : p->error.by_peer ? "peer" : "us";
    if (f->code)
        snprintf(code, sizeof code, "%u/%u", f->code, f->subcode);
    core_event(c, CONFIG_LOG_WARN, "peer_down", core_peer_subject(p, subject, sizeof subject),
               "ip=%s as=%u code=%s by=%s uptime_s=%llu routes_lost=%u text=\"%.128s\" reason=\"%.280s\"",
               ip_addr_format(&p->cfg->peer_ip, ip), p->cfg->peer_asn, code, by,
               (unsigned long long)(c->now_ms - p->up_ms) / 1000, rib_session_paths(core_session_fact(c, p)),
               peer_words_said(bgp_notification_text(f, text), said), p->error.text);
}

static bool is_same_word(const struct core_peer_error *a, const struct core_peer_error *b)
{
    return a->code == b->code && a->subcode == b->subcode && a->by_peer == b->by_peer;
}

/* Why no session comes up: once, however often it is tried, and not what we end of ourselves or for another connection. */
static void log_refusal(struct core *c, const struct core_peer *p)
{
    const struct core_peer_error *e = &p->error;
    char subject[CONFIG_NAME_MAX + 16], ip[IP_ADDR_TEXT];
    if (!e->code || (e->code == BGP_CEASE && (!e->by_peer || e->subcode == BGP_COLLISION)))
        return;
    core_event(c, CONFIG_LOG_WARN, "peer_refused", core_peer_subject(p, subject, sizeof subject),
               "ip=%s as=%u code=%u/%u by=%s reason=\"%.280s\"", ip_addr_format(&p->cfg->peer_ip, ip), p->cfg->peer_asn,
               e->code, e->subcode, e->by_peer ? "peer" : "us", e->text);
}

static void note_error(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    const struct core_peer_error before = p->error;
    remember_error(c, p, e);
    if (e->from != BGP_ESTABLISHED && !is_same_word(&before, &p->error))
        log_refusal(c, p);
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
        if (e->fault.code || (e->to < e->from && e->from > BGP_ACTIVE)) /* to dial is no error */
            note_error(c, p, e);
        on_state(c, p, e);
        break;
    case BGP_EVENT_UP:
        p->conns[e->slot]->was_up = true;
        p->session_id = ++c->session_changes;
        core_routes_up(c, p);
        break;
    case BGP_EVENT_DOWN:
        c->session_changes++;
        core_doubt_forget(p);
        core_tap_down(c, p, e);
        remember_error(c, p, e);
        log_down(c, p, &e->fault);
        core_routes_down(c, p, e);
        if (!core_bfd_permits(p))
            hold_back(c, p);
        break;
    case BGP_EVENT_UPDATE:
        core_routes_update(c, p, e->update);
        break;
    case BGP_EVENT_REFRESH:
        core_routes_refresh(c, p, e);
        break;
    default:
        break;
    }
}

uint64_t core_heard_out_at(const struct core *c, const struct core_peer *p, uint64_t at_ms)
{
    at_ms = c->wake_ms > at_ms ? c->wake_ms : at_ms;
    at_ms = c->hearsay_ms > at_ms ? c->hearsay_ms : at_ms;
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        if (p->conns[slot] && p->conns[slot]->unread_ms && at_ms < c->now_ms + CORE_REARM_MS)
            at_ms = c->now_ms + CORE_REARM_MS;
    return at_ms;
}

/* When a peer that may still owe its End-of-RIB counts as having told all. One that owes none may have news all the time
 * and never be silent: nobody waits longer for it than for one that does not come. */
static uint64_t quiet_at(const struct core *c, const struct core_peer *p)
{
    if (!p->waits_for || bgp_session_slot(p->session) < 0)
        return UINT64_MAX;
    if (p->sends_eor)
        return core_heard_out_at(c, p, p->update_ms + c->config->defer_ms);
    uint64_t quiet = p->update_ms + CORE_QUIET_MS, last = p->up_ms + c->config->defer_ms;
    return core_heard_out_at(c, p, quiet < last ? quiet : last);
}

/* When it is too late to tell more of what it tells anew. */
static uint64_t overdue_at(const struct core *c, const struct core_peer *p)
{
    return p->tells_until ? core_heard_out_at(c, p, p->tells_until) : UINT64_MAX;
}

/* Its routes wait for it to come back until then. */
static uint64_t held_until(const struct core *c, const struct core_peer *p)
{
    return p->grace_until && bgp_session_slot(p->session) < 0 ? core_heard_out_at(c, p, p->grace_until) : UINT64_MAX;
}

static void set_timer(struct core *c, const struct core_peer *p)
{
    uint64_t due = bgp_session_deadline(p->session), quiet = quiet_at(c, p), held = held_until(c, p);
    due = due < quiet ? due : quiet;
    due = due < held ? due : held;
    due = due < overdue_at(c, p) ? due : overdue_at(c, p);
    if (p->restart_at && p->restart_at < due)
        due = p->restart_at;
    uint64_t stale = core_stale_deadline(c, p);
    due = stale < due ? stale : due;
    due = core_doubt_deadline(p) < due ? core_doubt_deadline(p) : due;
    if (p->silent_ms && p->silent_ms < due)
        due = p->silent_ms;
    heap_set(&c->due, p->nva, due);
}

void core_bgp_due(struct core *c, const struct core_peer *p)
{
    set_timer(c, p);
}

/* It has not heard us for its hold time, since we were paused: it lives, and comes back in a moment. */
static bool is_coming_back(const struct core *c, const struct core_peer *p, uint64_t since_ms)
{
    const struct core_peer_error *last = &p->error;
    bool gave_us_up = last->by_peer && last->code == BGP_HOLD_TIMER_EXPIRED && last->at_ms >= since_ms;
    return gave_us_up && c->rib.origins[c->rib.self].sessions[p->nva].state != RIB_SESSION_SYNCED;
}

bool core_bgp_has_heard_all(const struct core *c, uint64_t since_ms)
{
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        bool was_up = p->session && bgp_session_slot(p->session) >= 0 && p->up_ms < since_ms;
        if ((was_up && p->heard_ms < since_ms) || is_coming_back(c, p, since_ms))
            return false;
    }
    return true;
}

static void take_events(struct core *c, struct core_peer *p)
{
    struct bgp_session_event e;
    while (bgp_session_next(p->session, &e))
        on_event(c, p, &e);
}

void core_bgp_settle(struct core *c, struct core_peer *p)
{
    take_events(c, p);
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        if (p->conns[slot])
            core_conn_work(c, p->conns[slot]);
    core_dynamic_watch(c, p);
    set_timer(c, p);
}

/* ---- bytes ---- */

/* Message by message; what follows from them for output and timers is settled once for all of them. */
void core_bgp_drain(struct core *c, struct core_conn *conn)
{
    struct core_peer *p = conn->peer; /* a message may be the connection's last: then it has none */
    size_t len, used = 0;
    const uint8_t *bytes = pump_rx_bytes(&conn->pump, &len);
    p->heard_ms = c->now_ms;
    if (core_may_read(c))
        core_doubt_heard(c, p);
    while (used < len && core_may_read(c) && !conn->close_asked) {
        core_tap_heard(c, conn, bytes + used, len - used);
        size_t n =
            bgp_session_feed(p->session, (enum bgp_slot)conn->slot, bytes + used, len - used, c->now_ms);
        take_events(c, p);
        if (!n)
            break;
        used += n;
        c->rx_left -= n < c->rx_left ? n : c->rx_left;
    }
    core_bgp_settle(c, p);
    pump_rx_consume(&conn->pump, used);
}

static bool has_routes(const struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->out[f] && adjout_has_output(p->out[f]))
            return true;
    return false;
}

/* Room for the last word, as long as the peer takes it, is never given to routes. */
static size_t pull_routes(struct core *c, struct core_peer *p, uint8_t *at, size_t room)
{
    size_t n = 0, kept = bgp_session_codec(p->session)->max_message;
    for (int f = 0; f < BGP_FAMILIES && room > kept; f++)
        if (p->out[f])
            n += adjout_pull(p->out[f], at + n, room - kept - n, &c->walk_left);
    return n;
}

void core_bgp_fill(struct core *c, struct core_conn *conn)
{
    struct core_peer *p = conn->peer;
    if (conn->close_asked)
        return;
    size_t room;
    uint8_t *at = pump_tx_space(&conn->pump, &room);
    size_t n = bgp_session_pull(p->session, (enum bgp_slot)conn->slot, at, room);
    core_tap_sent(c, conn, at, n);
    bool is_up = bgp_session_slot(p->session) == conn->slot;
    if (is_up)
        n += pull_routes(c, p, at + n, room - n);
    conn->pump.tx_len += n;
    if (n) {
        bgp_session_queued(p->session, (enum bgp_slot)conn->slot, c->now_ms);
        set_timer(c, p);
        core_conn_moved(c, conn);
    }
    if (is_up && conn->pump.tx_len == conn->pump.tx_at && has_routes(p))
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
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        int slot = p->session ? bgp_session_slot(p->session) : -1;
        if (slot >= 0 && p->conns[slot])
            core_conn_work(c, p->conns[slot]);
    }
}

/* ---- permission and refusal ---- */

void core_bgp_fail(struct core *c, struct core_peer *p, enum bgp_cease_subcode subcode, bool is_hard)
{
    bgp_session_reset(p->session,
                      &(struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                                           .code = BGP_CEASE,
                                           .subcode = (uint8_t)subcode,
                                           .is_hard = is_hard },
                      c->now_ms);
    core_bgp_settle(c, p);
}

static bool is_wanted(const struct core *c, const struct core_peer *p)
{
    return !p->is_shut && !p->restart_at && c->drain.state != CORE_DRAINED;
}

static bool is_lost(const struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->out[f] && adjout_is_lost(p->out[f]))
            return true;
    return false;
}

void core_bgp_end_lost(struct core *c)
{
    char subject[CONFIG_NAME_MAX + 16];
    struct core_peer *p = adjout_lost(c->adjout) ? core_next_peer(c, NULL) : NULL;
    for (; p; p = core_next_peer(c, p)) {
        if (!is_lost(p))
            continue;
        core_event(c, CONFIG_LOG_WARN, "peer_too_slow", core_peer_subject(p, subject, sizeof subject),
                   "hint=\"it does not read what it is told\"");
        core_bgp_fail(c, p, BGP_OUT_OF_RESOURCES, false); /* RFC 4486 section 4 */
    }
}

void core_bgp_permit(struct core *c, struct core_peer *p)
{
    if (!is_wanted(c, p))
        return;
    if (core_bfd_permits(p))
        bgp_session_start(p->session, c->now_ms);
    else
        hold_back(c, p);
    core_bgp_settle(c, p);
}

/* ---- connections ---- */

static struct core_peer *peer_at(struct core *c, const struct ip_addr *remote)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (p->session && ip_addr_is_equal(&p->cfg->peer_ip, remote))
            return p;
    return NULL;
}

static void tell_refused(struct core *c, const struct ip_addr *remote, const char *hint)
{
    char text[IP_ADDR_TEXT];
    c->refused_untold++;
    if (c->refused_told_ms && c->now_ms < c->refused_told_ms + CORE_REFUSED_LOG_MS)
        return;
    core_event(c, CONFIG_LOG_WARN, "peer_unknown", NULL,
               "ip=%s refused=%u hint=\"%s\"", ip_addr_format(remote, text), c->refused_untold, hint);
    c->refused_told_ms = c->now_ms;
    c->refused_untold = 0;
}

/* RFC 4486 section 4: Connection Rejected. Beyond a few at a time without a word. */
static struct core_conn *refuse(struct core *c, const struct ip_addr *remote)
{
    static const struct bgp_fault rejected = { .code = BGP_CEASE, .subcode = BGP_CONNECTION_REJECTED };
    size_t room;
    if (c->refused >= CORE_REFUSED)
        return NULL;
    struct core_conn *conn = core_conn_new(c, CONN_BGP, remote);
    conn->is_refused = true;
    c->refused++;
    uint8_t *at = pump_tx_space(&conn->pump, &room);
    conn->pump.tx_len += bgp_notification_write(at, room, &rejected);
    core_conn_close(c, conn);
    return conn;
}

struct core_conn *core_bgp_accept(struct core *c, const struct ip_addr *remote)
{
    const char *hint;
    struct core_peer *p = peer_at(c, remote);
    if (!p)
        p = core_dynamic_call(c, remote, &hint);
    if (!p) {
        tell_refused(c, remote, hint);
        return refuse(c, remote);
    }
    int slot = bgp_session_accept(p->session, c->now_ms);
    if (slot < 0) {
        core_bgp_settle(c, p);
        return refuse(c, remote);
    }
    struct core_conn *conn = core_conn_new(c, CONN_BGP, remote);
    conn->peer = p;
    conn->slot = (uint8_t)slot;
    p->conns[slot] = conn;
    core_bgp_settle(c, p);
    return conn;
}

void core_bgp_connected(struct core *c, struct core_conn *conn, const struct ip_addr *local)
{
    if (!conn->peer || conn->close_asked)
        return;
    bgp_session_connected(conn->peer->session, local, c->now_ms);
    core_bgp_settle(c, conn->peer);
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
    core_bgp_settle(c, p);
}

/* ---- time ---- */

/* It has said something, and others keep us from reading it: its hold time is not over yet (invariant D4). */
static void spare_unread(struct core *c, struct core_peer *p)
{
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        if (p->conns[slot] && p->conns[slot]->unread_ms)
            bgp_session_unread(p->session, (enum bgp_slot)slot, CORE_REARM_MS, c->now_ms);
}

static void tick_peer(struct core *c, struct core_peer *p)
{
    spare_unread(c, p);
    if (bgp_session_deadline(p->session) <= c->now_ms)
        bgp_session_tick(p->session, c->now_ms);
    core_bgp_settle(c, p);
    if (p->restart_at && p->restart_at <= c->now_ms) {
        p->restart_at = 0;
        core_bgp_permit(c, p);
    }
    core_doubt_tick(c, p);
    core_stale_tick(c, p);
    if (held_until(c, p) <= c->now_ms)
        core_routes_end_grace(c, p);
    if (quiet_at(c, p) <= c->now_ms)
        core_routes_synced(c, p);
    if (overdue_at(c, p) <= c->now_ms)
        core_routes_overdue(c, p);
    set_timer(c, p);
    core_dynamic_tick(c, p);
}

void core_bgp_tick(struct core *c)
{
    uint32_t nva = 0;
    for (size_t i = 0; i < c->nva_count && heap_first(&c->due, &nva) <= c->now_ms; i++)
        tick_peer(c, c->peers[nva]);
}

uint64_t core_bgp_deadline(const struct core *c)
{
    uint32_t nva;
    return heap_first(&c->due, &nva);
}

static void rearm(struct core *c, const struct core_peer *p)
{
    bgp_session_rearm(p->session, CORE_REARM_MS, c->now_ms);
    set_timer(c, p);
}

void core_bgp_converged(struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        if (!p->session)
            continue;
        bgp_session_set_restarting(p->session, false);
        if (p->is_deferred)
            core_routes_join(c, p);
        p->is_deferred = false;
        core_bgp_settle(c, p);
    }
}

void core_bgp_rearm(struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (p->session)
            rearm(c, p);
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
    if (core_dynamic_may_miss(c))
        return false;
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (!p->cfg->disabled && !core_peer_is_removed(p) && !is_synced(c, p->nva))
            return false;
    return true;
}

/* One that tells each node something else has told all when it has told each that peers with it. */
static bool has_told_each(const struct core *c, const struct core_peer *p)
{
    for (uint32_t id = 1; id <= c->config->node_count; id++) {
        const struct rib_origin *o = &c->rib.origins[id];
        if (p->cfg->nodes & 1u << id && (o->class != RIB_LIVE || o->sessions[p->nva].state != RIB_SESSION_SYNCED))
            return false;
    }
    return true;
}

bool core_bgp_have_all_told(const struct core *c)
{
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (!p->cfg->disabled && !core_peer_is_removed(p) && !p->cfg->symmetric && !has_told_each(c, p))
            return false;
    return core_bgp_all_synced(c);
}

/* ---- life ---- */

uint32_t core_router_id(const struct core *c)
{
    if (c->config->has_router_id)
        return c->config->router_id;
    const struct ip_addr *own = core_node_addr(c->node, BGP_IP4);
    return own ? wire_get32(own->bytes) : c->node->id;
}

void core_bgp_start(struct core *c, struct core_peer *p)
{
    const struct config_peer *cfg = p->cfg;
    const struct ip_addr *local = core_node_addr(c->node, cfg->peer_ip.family);
    bool send = cfg->add_path & CONFIG_ADD_PATH_SEND, receive = cfg->add_path & CONFIG_ADD_PATH_RECEIVE;
    uint8_t add_path = (uint8_t)((receive ? 1 : 0) | (send ? 2 : 0));
    struct bgp_session_cfg session = {
        .local_asn = c->nvas[p->nva].local_asn,
        .local_identifier = core_router_id(c),
        .peer_asn = cfg->asn_count ? 0 : cfg->peer_asn,
        .peer_asn_count = cfg->asn_count,
        .peer_addr = cfg->peer_ip,
        .local_addr = local ? *local : (struct ip_addr){ .family = cfg->peer_ip.family },
        .hold_s = cfg->hold_s,
        .send_hold_s = cfg->send_hold_s,
        .connect_retry_s = cfg->connect_retry_s ? cfg->connect_retry_s : CONNECT_RETRY_S,
        .backoff_max_s = cfg->connect_retry_s ? cfg->connect_retry_s : CONNECT_RETRY_S,
        .passive = cfg->passive,
        .family = { cfg->families[BGP_IP4], cfg->families[BGP_IP6] },
        .add_path = { add_path, add_path },
        .extended_message = true,
        .is_route_server = cfg->is_rs_client,
        .role_strict = cfg->role_strict,
        .restarts_gracefully = cfg->graceful == CONFIG_GRACEFUL_FULL,
        .restart_s = cfg->restart_s,
        .stale_s = { cfg->long_lived_ms[BGP_IP4] / 1000, cfg->long_lived_ms[BGP_IP6] / 1000 },
        .seed = c->cfg.seed + p->nva,
    };
    memcpy(session.peer_asns, cfg->asns, sizeof session.peer_asns);
    p->session = bgp_session_new(&session);
    core_must(!p->session);
    bgp_session_set_restarting(p->session, true);
    core_bfd_open(c, p, local);
    core_bgp_permit(c, p);
}

void core_bgp_end(struct core *c, struct core_peer *p)
{
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        let_go(c, p, (enum bgp_slot)slot);
    core_routes_leave(p);
    core_bfd_close(c, p);
    core_doubt_forget(p);
    bgp_session_free(p->session);
    p->session = NULL;
    heap_set(&c->due, p->nva, UINT64_MAX);
}
