/* Happy path: start -> DIAL -> connected: OPEN -> peer's OPEN: KEEPALIVE -> peer's KEEPALIVE: UP ->
 * UPDATEs. Ways to fail: what the peer sends (a fault, NOTIFICATION), silence (hold timer), deafness
 * (send hold timer), the transport. Each ends the connection; errors also start the idle hold time,
 * in which this peer is neither dialled nor accepted. */
#include "bgp/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/fsm.h"

enum {
    OUT_MAX = 2048,
    EVENTS_MAX = 32,
    LARGE_HOLD_MS = 240 * 1000,     /* RFC 4271 section 8.2.2 */
    SEND_HOLD_MIN_MS = 480 * 1000,  /* RFC 9687 section 6 */
    STABLE_MS = 30 * 1000,          /* a session that stood this long forgives earlier errors */
    FIRST_RETRY_MS = 1000,
    TEXT_MAX = 255,                 /* RFC 9003 */
};

static const uint64_t NEVER = UINT64_MAX;

struct connection {
    enum bgp_state state; /* IDLE: no connection, or one that is being closed */
    bool busy;            /* the caller still has it: dialling, open, or closing */
    uint64_t hold_at, keepalive_at, send_hold_at;
    uint8_t out[OUT_MAX];
    size_t out_len;
    struct bgp_open peer_open;
    struct bgp_codec codec;
    uint16_t hold_s;
};

struct bgp_session {
    struct bgp_session_cfg cfg;
    struct connection conns[BGP_SLOTS];
    bool started;
    uint64_t now_ms, retry_at, idle_until, up_since;
    uint64_t idle_hold_ms; /* next one */
    uint64_t random;
    uint8_t disabled; /* bit per family: RFC 7606 AFI/SAFI disable, until the session ends */
    struct arena arena;
    struct bgp_update update;
    struct bgp_session_event events[EVENTS_MAX];
    unsigned event_first, event_count;
    enum bgp_state told; /* furthest state that was told */
    struct bgp_session_stats stats;
};

/* ---- small helpers ---- */

static const char *const state_names[BGP_STATES] = {
    [BGP_IDLE] = "Idle",         [BGP_CONNECT] = "Connect",         [BGP_ACTIVE] = "Active",
    [BGP_OPENSENT] = "OpenSent", [BGP_OPENCONFIRM] = "OpenConfirm", [BGP_ESTABLISHED] = "Established",
};

const char *bgp_state_name(enum bgp_state state)
{
    return state < BGP_STATES ? state_names[state] : "unknown";
}

static struct bgp_session_event *emit(struct bgp_session *s, enum bgp_session_event_kind kind,
                                      enum bgp_slot slot)
{
    assert(s->event_count < EVENTS_MAX);
    struct bgp_session_event *e = &s->events[(s->event_first + s->event_count++) % EVENTS_MAX];
    *e = (struct bgp_session_event){ .kind = (uint8_t)kind, .slot = (uint8_t)slot };
    return e;
}

/* RFC 4271 section 10: three quarters to all of the interval. */
static uint64_t jitter(struct bgp_session *s, uint64_t ms)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return ms - ms / 4 * ((s->random >> 33) & 0xff) / 255;
}

enum bgp_state bgp_session_state(const struct bgp_session *s)
{
    enum bgp_state furthest = s->started && s->now_ms >= s->idle_until ? BGP_ACTIVE : BGP_IDLE;
    for (int i = 0; i < BGP_SLOTS; i++) {
        enum bgp_state state = s->conns[i].state;
        if (state >= BGP_OPENSENT && state > furthest)
            furthest = state;
        if (state == BGP_CONNECT && furthest <= BGP_ACTIVE)
            furthest = BGP_CONNECT;
    }
    return furthest;
}

static void tell_state(struct bgp_session *s, const char *reason, const struct bgp_fault *fault,
                       bool by_peer)
{
    enum bgp_state now = bgp_session_state(s);
    if (now == s->told)
        return;
    struct bgp_session_event *e = emit(s, BGP_EVENT_STATE, BGP_SLOT_OURS);
    e->from = (uint8_t)s->told;
    e->to = (uint8_t)now;
    e->reason = reason;
    e->by_peer = by_peer;
    if (fault)
        e->fault = *fault;
    s->told = now;
}

int bgp_session_slot(const struct bgp_session *s)
{
    for (int i = 0; i < BGP_SLOTS; i++)
        if (s->conns[i].state == BGP_ESTABLISHED)
            return i;
    return -1;
}

static const struct connection *established(const struct bgp_session *s)
{
    int slot = bgp_session_slot(s);
    assert(slot >= 0);
    return &s->conns[slot];
}

const struct bgp_codec *bgp_session_codec(const struct bgp_session *s)
{
    return &established(s)->codec;
}

const struct bgp_open *bgp_session_peer_open(const struct bgp_session *s)
{
    return &established(s)->peer_open;
}

uint16_t bgp_session_hold_s(const struct bgp_session *s)
{
    return established(s)->hold_s;
}

const struct bgp_session_stats *bgp_session_stats(const struct bgp_session *s)
{
    return &s->stats;
}

/* ---- sending ---- */

static void put_message(struct bgp_session *s, struct connection *c, const uint8_t *msg, size_t len)
{
    if (OUT_MAX - c->out_len < len)
        return; /* the transport is stuck; the send hold timer will say so */
    memcpy(c->out + c->out_len, msg, len);
    c->out_len += len;
    s->stats.messages_out[msg[18]]++;
}

static void send_open(struct bgp_session *s, struct connection *c)
{
    uint8_t buf[BGP_MESSAGE_MAX];
    bool v6_transport = s->cfg.peer_addr.family == BGP_IP6;
    struct bgp_open ours = { .asn = s->cfg.local_asn,
                             .identifier = s->cfg.local_identifier,
                             .hold_s = s->cfg.hold_s,
                             .as4 = true,
                             .refresh = true,
                             .graceful_restart = true, /* so that they send End-of-RIB: RFC 4724 3 */
                             .extended_message = s->cfg.extended_message,
                             .family = { s->cfg.family[0], s->cfg.family[1] },
                             .add_path = { s->cfg.add_path[0], s->cfg.add_path[1] },
                             .ext_next_hop = v6_transport && s->cfg.family[BGP_IP4],
                             .role = -1 };
    put_message(s, c, buf, bgp_open_write(&ours, buf, sizeof buf));
}

static void send_keepalive(struct bgp_session *s, struct connection *c)
{
    uint8_t buf[BGP_HEADER];
    put_message(s, c, buf, bgp_keepalive_write(buf));
}

static void send_notification(struct bgp_session *s, struct connection *c,
                              const struct bgp_fault *fault, const char *text)
{
    uint8_t buf[BGP_HEADER + 2 + BGP_FAULT_DATA_MAX + 1 + TEXT_MAX];
    struct bgp_fault head = *fault;
    if (text)
        head.data_len = 0;
    size_t len = bgp_notification_write(buf, &head);
    if (text) { /* RFC 9003: one octet of length, then UTF-8 */
        size_t text_len = strnlen(text, TEXT_MAX);
        buf[len++] = (uint8_t)text_len;
        memcpy(buf + len, text, text_len);
        len = bgp_message_finish(buf, BGP_NOTIFICATION, len + text_len - BGP_HEADER);
    }
    put_message(s, c, buf, len);
    s->stats.last_error = *fault;
    s->stats.last_error_by_peer = false;
}

/* ---- timers ---- */

static uint64_t send_hold_ms(const struct connection *c)
{
    uint64_t twice = (uint64_t)c->hold_s * 2000;
    return twice > SEND_HOLD_MIN_MS ? twice : SEND_HOLD_MIN_MS;
}

static void restart_hold(struct bgp_session *s, struct connection *c)
{
    c->hold_at = c->hold_s ? s->now_ms + c->hold_s * 1000u : NEVER;
}

static void restart_keepalive(struct bgp_session *s, struct connection *c)
{
    c->keepalive_at = c->hold_s ? s->now_ms + jitter(s, c->hold_s * 1000u / 3) : NEVER;
}

static void retry_in(struct bgp_session *s, uint64_t ms)
{
    s->retry_at = s->cfg.passive || !s->started ? NEVER : s->now_ms + jitter(s, ms);
}

/* An error: this peer is left alone for a while, twice as long each time. */
static void hold_idle(struct bgp_session *s)
{
    uint64_t most = s->cfg.idle_hold_max_s * 1000u;
    s->idle_until = s->now_ms + jitter(s, s->idle_hold_ms);
    s->idle_hold_ms = s->idle_hold_ms * 2 < most ? s->idle_hold_ms * 2 : most;
    retry_in(s, 0);
    if (s->retry_at != NEVER)
        s->retry_at = s->idle_until;
}

/* ---- ending a connection ---- */

struct ending {
    const char *reason;
    const struct bgp_fault *fault; /* NULL: none */
    const char *text;
    bool by_peer, is_error;
};

static void drop(struct bgp_session *s, enum bgp_slot slot, const struct ending *end)
{
    struct connection *c = &s->conns[slot];
    bool was_up = c->state == BGP_ESTABLISHED;
    c->state = BGP_IDLE;
    c->hold_at = c->keepalive_at = c->send_hold_at = NEVER;
    if (was_up) {
        if (s->now_ms - s->up_since >= STABLE_MS)
            s->idle_hold_ms = FIRST_RETRY_MS;
        s->stats.flaps++;
        struct bgp_session_event *e = emit(s, BGP_EVENT_DOWN, slot);
        e->reason = end->reason;
        e->by_peer = end->by_peer;
        if (end->fault)
            e->fault = *end->fault;
        s->disabled = 0;
    }
    if (c->busy)
        emit(s, BGP_EVENT_CLOSE, slot);
    if (end->is_error)
        hold_idle(s);
    else if (s->retry_at == NEVER)
        retry_in(s, was_up ? FIRST_RETRY_MS : s->cfg.connect_retry_s * 1000u);
}

/* ---- the machine ---- */

static void run(struct bgp_session *s, enum bgp_slot slot, enum fsm_event event,
                const struct ending *end);

static bool is_live(const struct connection *c)
{
    return c->state != BGP_IDLE;
}

static void come_up(struct bgp_session *s, enum bgp_slot slot)
{
    static const struct bgp_fault collision = { .code = BGP_CEASE, .subcode = BGP_COLLISION };
    enum bgp_slot other = slot == BGP_SLOT_OURS ? BGP_SLOT_THEIRS : BGP_SLOT_OURS;
    s->up_since = s->now_ms;
    s->retry_at = NEVER;
    s->disabled = 0;
    if (is_live(&s->conns[other]))
        run(s, other, FSM_COLLISION,
            &(struct ending){ .reason = "connection collision", .fault = &collision });
    s->retry_at = NEVER;
    emit(s, BGP_EVENT_UP, slot);
}

static void notify(struct bgp_session *s, struct connection *c, enum bgp_state was, uint16_t actions,
                   const struct ending *end)
{
    struct bgp_fault fault = end->fault ? *end->fault : (struct bgp_fault){ 0 };
    if (actions & DO_NOTIFY_HOLD)
        fault = (struct bgp_fault){ .code = BGP_HOLD_TIMER_EXPIRED };
    if (actions & DO_NOTIFY_STATE) /* RFC 6608 section 3; its subcodes are in the order of the states */
        fault = (struct bgp_fault){ .code = BGP_FSM_ERROR,
                                    .subcode = (uint8_t)(was - BGP_OPENSENT + 1) };
    if (actions & (DO_NOTIFY | DO_NOTIFY_HOLD | DO_NOTIFY_STATE | DO_NOTIFY_CEASE))
        send_notification(s, c, &fault, end->text);
}

static void run(struct bgp_session *s, enum bgp_slot slot, enum fsm_event event,
                const struct ending *end)
{
    struct connection *c = &s->conns[slot];
    enum bgp_state was = c->state;
    const struct fsm_row *row = fsm_row(was, event);
    assert(row->actions);
    if (row->actions & DO_IGNORE)
        return;
    struct ending why = end ? *end : (struct ending){ 0 };
    struct bgp_fault own = { .code = BGP_FSM_ERROR, .subcode = (uint8_t)(was - BGP_OPENSENT + 1) };
    if (row->actions & DO_NOTIFY_STATE)
        why = (struct ending){ .reason = "unexpected message", .fault = &own, .is_error = true };
    notify(s, c, was, row->actions, &why);
    if (row->actions & DO_DROP) {
        drop(s, slot, &why);
        tell_state(s, why.reason, why.fault, why.by_peer);
        return;
    }
    c->state = (enum bgp_state)row->next;
    if (row->actions & DO_OPEN) {
        send_open(s, c);
        c->hold_at = s->now_ms + LARGE_HOLD_MS;
    }
    if (row->actions & DO_HOLD)
        restart_hold(s, c);
    if (row->actions & DO_KEEPALIVE) {
        send_keepalive(s, c);
        restart_keepalive(s, c);
    }
    if (row->actions & DO_UP)
        come_up(s, slot);
    tell_state(s, why.reason, NULL, false);
}

static void fail(struct bgp_session *s, enum bgp_slot slot, const struct bgp_fault *fault,
                 const char *reason)
{
    run(s, slot, FSM_FAULT,
        &(struct ending){ .reason = reason, .fault = fault, .is_error = true });
}

/* ---- OPEN ---- */

static bool check_open(const struct bgp_session *s, const struct bgp_open *o, struct bgp_fault *f)
{
    *f = (struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET, .code = BGP_OPEN_ERROR };
    bool wrong_as = s->cfg.peer_asn ? o->asn != s->cfg.peer_asn : o->asn == s->cfg.local_asn;
    if (wrong_as)
        f->subcode = BGP_BAD_PEER_AS;
    else if (o->identifier == s->cfg.local_identifier && o->asn == s->cfg.local_asn)
        f->subcode = BGP_BAD_IDENTIFIER; /* RFC 6286: an external peer may share the number */
    return f->subcode == 0;
}

/* RFC 5492 section 3: the data lists the capabilities that the sender of the error requires. */
static void families_required(const struct bgp_session *s, struct bgp_fault *f)
{
    struct wire_writer w = wire_writer(f->data, sizeof f->data);
    f->subcode = BGP_UNSUPPORTED_CAPABILITY;
    for (int i = 0; i < BGP_FAMILIES; i++) {
        if (!s->cfg.family[i])
            continue;
        wire_put16(&w, 1 << 8 | 4);
        wire_put16(&w, bgp_family_afi((enum bgp_family)i));
        wire_put16(&w, BGP_SAFI_UNICAST);
    }
    f->data_len = (uint16_t)wire_len(&w);
}

static void negotiate(const struct bgp_session *s, struct connection *c)
{
    struct bgp_open ours = { .as4 = true,
                             .refresh = true,
                             .extended_message = s->cfg.extended_message,
                             .family = { s->cfg.family[0], s->cfg.family[1] },
                             .add_path = { s->cfg.add_path[0], s->cfg.add_path[1] },
                             .ext_next_hop = s->cfg.peer_addr.family == BGP_IP6 };
    bgp_open_negotiate(&ours, &c->peer_open, &c->codec);
    c->hold_s = c->peer_open.hold_s < s->cfg.hold_s ? c->peer_open.hold_s : s->cfg.hold_s;
}

/* RFC 4271 section 6.8, RFC 6286 section 2.3: of two connections the one stays that was dialled by the
 * side with the higher identifier, or the higher AS. */
static enum bgp_slot collision_winner(const struct bgp_session *s, const struct bgp_open *theirs)
{
    if (s->cfg.local_identifier != theirs->identifier)
        return s->cfg.local_identifier > theirs->identifier ? BGP_SLOT_OURS : BGP_SLOT_THEIRS;
    return s->cfg.local_asn > theirs->asn ? BGP_SLOT_OURS : BGP_SLOT_THEIRS;
}

/* False: this connection lost. */
static bool resolve_collision(struct bgp_session *s, enum bgp_slot slot)
{
    static const struct bgp_fault collision = { .code = BGP_CEASE, .subcode = BGP_COLLISION };
    enum bgp_slot other = slot == BGP_SLOT_OURS ? BGP_SLOT_THEIRS : BGP_SLOT_OURS;
    const struct ending end = { .reason = "connection collision", .fault = &collision };
    enum bgp_state theirs = s->conns[other].state;
    /* The other end's identifier is known from this OPEN, so a connection in OpenSent is compared as
     * well: both ends come to the same choice, whatever arrives first. */
    if (theirs < BGP_OPENSENT)
        return true;
    bool wins = theirs != BGP_ESTABLISHED &&
                collision_winner(s, &s->conns[slot].peer_open) == slot;
    run(s, wins ? other : slot, FSM_COLLISION, &end);
    return wins;
}

static void on_open(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    struct bgp_fault fault;
    if (c->state != BGP_OPENSENT) {
        run(s, slot, FSM_OPEN, NULL);
        return;
    }
    if (bgp_open_decode(m->body, m->body_len, &c->peer_open, &fault) ||
        !check_open(s, &c->peer_open, &fault)) {
        fail(s, slot, &fault, "OPEN refused");
        return;
    }
    negotiate(s, c);
    if (!c->codec.family[BGP_IP4] && !c->codec.family[BGP_IP6]) {
        families_required(s, &fault);
        fail(s, slot, &fault, "no address family in common");
        return;
    }
    if (resolve_collision(s, slot))
        run(s, slot, FSM_OPEN, &(struct ending){ .reason = "OPEN received" });
}

/* ---- the other messages ---- */

static void on_keepalive(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    (void)m;
    run(s, slot, FSM_KEEPALIVE, &(struct ending){ .reason = "keepalive" });
}

static void on_notification(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct bgp_fault f = { .code = m->body[0], .subcode = m->body[1] };
    size_t len = m->body_len - 2u;
    f.data_len = (uint16_t)(len < BGP_FAULT_DATA_MAX ? len : BGP_FAULT_DATA_MAX);
    memcpy(f.data, m->body + 2, f.data_len);
    s->stats.last_error = f;
    s->stats.last_error_by_peer = true;
    bool collision = f.code == BGP_CEASE && f.subcode == BGP_COLLISION;
    run(s, slot, FSM_NOTIFICATION,
        &(struct ending){ .reason = "notification received",
                          .fault = &f,
                          .by_peer = true,
                          .is_error = !collision });
}

/* Routes of a family that was disabled are not heard any more (RFC 7606 section 2). */
static void drop_disabled(struct bgp_nlri *list, uint8_t *count, uint8_t disabled)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < *count; i++)
        if (!(disabled & 1u << list[i].family))
            list[kept++] = list[i];
    *count = kept;
}

static void on_update(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    const struct bgp_update_context ctx = { .codec = &c->codec,
                                            .local_asn = s->cfg.local_asn,
                                            .peer_asn = c->peer_open.asn,
                                            .any_first_as = s->cfg.any_first_as,
                                            .local_addr = s->cfg.local_addr };
    if (c->state != BGP_ESTABLISHED) {
        run(s, slot, FSM_UPDATE, NULL);
        return;
    }
    arena_reset(&s->arena);
    if (bgp_update_decode(m->body, m->body_len, &ctx, &s->arena, &s->update)) {
        const struct bgp_fault full = { .code = BGP_CEASE, .subcode = BGP_OUT_OF_RESOURCES };
        fail(s, slot, &full, "out of memory");
        return;
    }
    if (s->update.fault.action == BGP_ACTION_SESSION_RESET) {
        fail(s, slot, &s->update.fault, "UPDATE refused");
        return;
    }
    s->stats.updates_faulty += s->update.fault.action != BGP_ACTION_NONE;
    if (s->disabled) {
        drop_disabled(s->update.withdrawn, &s->update.withdrawn_count, s->disabled);
        drop_disabled(s->update.reach, &s->update.reach_count, s->disabled);
    }
    s->disabled |= s->update.disable;
    run(s, slot, FSM_UPDATE, NULL);
    emit(s, BGP_EVENT_UPDATE, slot)->update = &s->update;
}

/* RFC 2918, RFC 7313 section 5: a wrong length is an error of its own code, a family or subtype that
 * was not agreed on is ignored. */
static void on_refresh(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    if (c->state != BGP_ESTABLISHED) {
        run(s, slot, FSM_REFRESH, NULL);
        return;
    }
    uint16_t afi = wire_get16(m->body);
    uint8_t subtype = m->body[2];
    run(s, slot, FSM_REFRESH, NULL);
    if (m->body_len != 4 || afi < 1 || afi > 2 || m->body[3] != BGP_SAFI_UNICAST || subtype != 0)
        return;
    uint8_t family = afi == 1 ? BGP_IP4 : BGP_IP6;
    if (!c->codec.family[family])
        return;
    struct bgp_session_event *e = emit(s, BGP_EVENT_REFRESH, slot);
    e->family = family;
    e->subtype = subtype;
}

typedef void on_message(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m);
static on_message *const handlers[] = {
    [BGP_OPEN] = on_open,           [BGP_UPDATE] = on_update,          [BGP_NOTIFICATION] = on_notification,
    [BGP_KEEPALIVE] = on_keepalive, [BGP_ROUTE_REFRESH] = on_refresh,
};

size_t bgp_session_feed(struct bgp_session *s, enum bgp_slot slot, const uint8_t *data, size_t len,
                        uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    struct bgp_message m;
    struct bgp_fault fault;
    s->now_ms = now_ms;
    if (c->state < BGP_OPENSENT || !len)
        return 0;
    bool extended = c->state == BGP_ESTABLISHED && c->codec.max_message > BGP_MESSAGE_MAX;
    int n = bgp_message_scan(data, len, extended ? BGP_MESSAGE_MAX_EXTENDED : BGP_MESSAGE_MAX, &m,
                             &fault);
    if (n < 0) {
        fail(s, slot, &fault, "message header refused");
        return 0;
    }
    if (n == 0)
        return 0;
    s->stats.messages_in[m.type]++;
    handlers[m.type](s, slot, &m);
    return (size_t)n;
}

/* ---- the transport ---- */

int bgp_session_accept(struct bgp_session *s, uint64_t now_ms)
{
    struct connection *c = &s->conns[BGP_SLOT_THEIRS];
    s->now_ms = now_ms;
    if (!s->started || c->busy || bgp_session_slot(s) >= 0 || now_ms < s->idle_until)
        return -1;
    c->state = BGP_ACTIVE;
    c->busy = true;
    c->out_len = 0;
    c->send_hold_at = c->keepalive_at = NEVER;
    run(s, BGP_SLOT_THEIRS, FSM_CONNECTED, &(struct ending){ .reason = "peer connected" });
    return BGP_SLOT_THEIRS;
}

void bgp_session_connected(struct bgp_session *s, const struct ip_addr *local, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (s->conns[BGP_SLOT_OURS].state != BGP_CONNECT)
        return;
    if (ip_addr_is_zero(&s->cfg.local_addr))
        s->cfg.local_addr = *local;
    run(s, BGP_SLOT_OURS, FSM_CONNECTED, &(struct ending){ .reason = "connected" });
}

void bgp_session_closed(struct bgp_session *s, enum bgp_slot slot, uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    s->now_ms = now_ms;
    c->busy = false;
    c->out_len = 0;
    bool rejected = c->state == BGP_OPENSENT || c->state == BGP_OPENCONFIRM;
    bool dial_failed = c->state == BGP_CONNECT;
    if (is_live(c))
        run(s, slot, FSM_CLOSED,
            &(struct ending){ .reason = dial_failed ? "connection failed" : "connection closed",
                              .is_error = rejected });
}

size_t bgp_session_pull(struct bgp_session *s, enum bgp_slot slot, uint8_t *buf, size_t cap)
{
    struct connection *c = &s->conns[slot];
    size_t n = c->out_len;
    if (!n || n > cap || c->state == BGP_CONNECT)
        return 0;
    memcpy(buf, c->out, n);
    c->out_len = 0;
    if (c->send_hold_at == NEVER && is_live(c))
        c->send_hold_at = s->now_ms + send_hold_ms(c);
    return n;
}

void bgp_session_progress(struct bgp_session *s, enum bgp_slot slot, bool all_sent, uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    s->now_ms = now_ms;
    if (is_live(c))
        c->send_hold_at = all_sent ? NEVER : now_ms + send_hold_ms(c);
}

/* ---- time ---- */

static void dial_if_due(struct bgp_session *s)
{
    struct connection *c = &s->conns[BGP_SLOT_OURS];
    if (!s->started || s->now_ms < s->retry_at)
        return;
    bool other_works = s->conns[BGP_SLOT_THEIRS].state >= BGP_OPENSENT;
    if (c->busy || other_works) {
        s->retry_at = s->now_ms + jitter(s, s->cfg.connect_retry_s * 1000u);
        return;
    }
    s->retry_at = NEVER;
    c->state = BGP_CONNECT;
    c->busy = true;
    c->out_len = 0;
    c->hold_at = c->keepalive_at = c->send_hold_at = NEVER;
    emit(s, BGP_EVENT_DIAL, BGP_SLOT_OURS);
    tell_state(s, "dialling", NULL, false);
}

static void tick_connection(struct bgp_session *s, enum bgp_slot slot)
{
    struct connection *c = &s->conns[slot];
    static const struct bgp_fault silent = { .code = BGP_HOLD_TIMER_EXPIRED };
    static const struct bgp_fault stuck = { .code = BGP_SEND_HOLD_TIMER_EXPIRED };
    if (is_live(c) && s->now_ms >= c->hold_at)
        run(s, slot, FSM_HOLD,
            &(struct ending){ .reason = "hold timer expired", .fault = &silent, .is_error = true });
    if (is_live(c) && s->now_ms >= c->send_hold_at)
        run(s, slot, FSM_SEND_HOLD,
            &(struct ending){ .reason = "send hold timer expired", .fault = &stuck, .is_error = true });
    if (is_live(c) && s->now_ms >= c->keepalive_at)
        run(s, slot, FSM_KEEPALIVE_DUE, NULL);
}

void bgp_session_tick(struct bgp_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    for (int i = 0; i < BGP_SLOTS; i++)
        tick_connection(s, (enum bgp_slot)i);
    dial_if_due(s);
    tell_state(s, "idle hold time over", NULL, false);
}

uint64_t bgp_session_deadline(const struct bgp_session *s)
{
    uint64_t due = s->started ? s->retry_at : NEVER;
    if (s->told == BGP_IDLE && s->started && s->idle_until < due)
        due = s->idle_until;
    for (int i = 0; i < BGP_SLOTS; i++) {
        const struct connection *c = &s->conns[i];
        if (!is_live(c))
            continue;
        due = c->hold_at < due ? c->hold_at : due;
        due = c->keepalive_at < due ? c->keepalive_at : due;
        due = c->send_hold_at < due ? c->send_hold_at : due;
    }
    return due;
}

void bgp_session_rearm(struct bgp_session *s, uint64_t min_ms, uint64_t now_ms)
{
    s->now_ms = now_ms;
    for (int i = 0; i < BGP_SLOTS; i++) {
        struct connection *c = &s->conns[i];
        if (is_live(c) && c->hold_at < now_ms + min_ms)
            c->hold_at = now_ms + min_ms;
        if (is_live(c) && c->send_hold_at < now_ms + min_ms)
            c->send_hold_at = now_ms + min_ms;
    }
}

/* ---- life ---- */

struct bgp_session *bgp_session_new(const struct bgp_session_cfg *cfg)
{
    struct bgp_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    s->random = cfg->seed;
    s->idle_hold_ms = FIRST_RETRY_MS;
    s->retry_at = NEVER;
    for (int i = 0; i < BGP_SLOTS; i++)
        s->conns[i].hold_at = s->conns[i].keepalive_at = s->conns[i].send_hold_at = NEVER;
    return s;
}

void bgp_session_free(struct bgp_session *s)
{
    if (!s)
        return;
    arena_fini(&s->arena);
    free(s);
}

void bgp_session_start(struct bgp_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (s->started)
        return;
    s->started = true;
    s->idle_until = now_ms;
    s->idle_hold_ms = FIRST_RETRY_MS;
    s->retry_at = s->cfg.passive ? NEVER : now_ms;
    dial_if_due(s);
    tell_state(s, "started", NULL, false);
}

void bgp_session_stop(struct bgp_session *s, uint8_t cease_subcode, const char *text, uint64_t now_ms)
{
    const struct bgp_fault fault = { .code = BGP_CEASE, .subcode = cease_subcode };
    s->now_ms = now_ms;
    s->started = false;
    s->retry_at = NEVER;
    for (int i = 0; i < BGP_SLOTS; i++)
        if (is_live(&s->conns[i]))
            run(s, (enum bgp_slot)i, FSM_STOP,
                &(struct ending){ .reason = "stopped", .fault = &fault, .text = text });
    tell_state(s, "stopped", NULL, false);
}

void bgp_session_reset(struct bgp_session *s, const struct bgp_fault *fault, uint64_t now_ms)
{
    s->now_ms = now_ms;
    for (int i = 0; i < BGP_SLOTS; i++)
        if (s->conns[i].state >= BGP_OPENSENT)
            fail(s, (enum bgp_slot)i, fault, "reset by us");
}

bool bgp_session_refresh(struct bgp_session *s, enum bgp_family family)
{
    uint8_t buf[BGP_HEADER + 4];
    int slot = bgp_session_slot(s);
    if (slot < 0 || !s->conns[slot].codec.refresh || !s->conns[slot].codec.family[family])
        return false;
    put_message(s, &s->conns[slot], buf, bgp_refresh_write(buf, family, 0));
    return true;
}

bool bgp_session_next(struct bgp_session *s, struct bgp_session_event *out)
{
    if (!s->event_count)
        return false;
    *out = s->events[s->event_first];
    s->event_first = (s->event_first + 1) % EVENTS_MAX;
    s->event_count--;
    return true;
}
