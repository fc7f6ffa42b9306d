/* Happy path: start -> DIAL -> connected: OPEN -> peer's OPEN: KEEPALIVE -> peer's KEEPALIVE: UP ->
 * UPDATEs. Ways to fail: what the peer sends (a fault, NOTIFICATION), silence (hold timer), deafness
 * (send hold timer), the transport. Each ends the connection; after an error our next dial waits, but
 * a peer that dials us is always heard. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/session/session_impl.h"

/* ---- sight ---- */

static const char *const state_names[BGP_STATES] = {
    [BGP_IDLE] = "Idle",         [BGP_CONNECT] = "Connect",         [BGP_ACTIVE] = "Active",
    [BGP_OPENSENT] = "OpenSent", [BGP_OPENCONFIRM] = "OpenConfirm", [BGP_ESTABLISHED] = "Established",
};

const char *bgp_state_name(enum bgp_state state)
{
    return state < BGP_STATES ? state_names[state] : "unknown";
}

enum bgp_state bgp_session_state(const struct bgp_session *s)
{
    enum bgp_state furthest = s->started ? BGP_ACTIVE : BGP_IDLE;
    for (int i = 0; i < BGP_SLOTS; i++) {
        enum bgp_state state = s->conns[i].state;
        if (state >= BGP_OPENSENT && state > furthest)
            furthest = state;
        if (state == BGP_CONNECT && furthest <= BGP_ACTIVE)
            furthest = BGP_CONNECT;
    }
    return furthest;
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

bool bgp_session_next(struct bgp_session *s, struct bgp_session_event *out)
{
    if (!s->event_count)
        return false;
    *out = s->events[s->event_first];
    s->event_first = (s->event_first + 1) % SESSION_EVENTS;
    s->event_count--;
    return true;
}

/* ---- the transport ---- */

/* Both places of the peer are taken, and one connection at most is past OpenSent: the other was
 * probably lost on the way, and goes, so that the peer's next attempt is heard. */
static void make_room(struct bgp_session *s)
{
    static const struct bgp_fault rejected = { .code = BGP_CEASE, .subcode = BGP_CONNECTION_REJECTED };
    for (int i = BGP_SLOT_THEIRS; i <= BGP_SLOT_NEWER; i++) {
        if (s->conns[i].state != BGP_OPENSENT)
            continue;
        session_run(s, (enum bgp_slot)i, FSM_COLLISION,
                    &(struct ending){ .reason = "peer connected anew", .fault = &rejected });
        return;
    }
}

int bgp_session_accept(struct bgp_session *s, uint64_t now_ms)
{
    enum bgp_slot slot = BGP_SLOT_THEIRS;
    s->now_ms = now_ms;
    if (!s->started)
        return -1;
    if (s->conns[slot].busy)
        slot = BGP_SLOT_NEWER;
    struct connection *c = &s->conns[slot];
    if (c->busy) {
        make_room(s);
        return -1;
    }
    c->state = BGP_ACTIVE;
    session_clear(c);
    c->busy = true;
    c->since_ms = now_ms;
    c->keepalive_at = c->send_hold_at = SESSION_NEVER;
    session_run(s, slot, FSM_CONNECTED, &(struct ending){ .reason = "peer connected" });
    return (int)slot;
}

void bgp_session_connected(struct bgp_session *s, const struct ip_addr *local, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (s->conns[BGP_SLOT_OURS].state != BGP_CONNECT)
        return;
    if (ip_addr_is_zero(&s->cfg.local_addr))
        s->cfg.local_addr = *local;
    session_run(s, BGP_SLOT_OURS, FSM_CONNECTED, &(struct ending){ .reason = "connected" });
}

void bgp_session_closed(struct bgp_session *s, enum bgp_slot slot, uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    bool dial_failed = c->state == BGP_CONNECT;
    s->now_ms = now_ms;
    session_clear(c);
    c->busy = false;
    session_run(s, slot, FSM_CLOSED,
                &(struct ending){ .reason = dial_failed ? "connection failed" : "connection closed" });
}

size_t bgp_session_pull(struct bgp_session *s, enum bgp_slot slot, uint8_t *buf, size_t cap)
{
    struct connection *c = &s->conns[slot];
    size_t n = c->out_len, room = cap - n, most = c->codec.max_message;
    if (n > cap)
        return 0;
    memcpy(buf, c->out, n);
    c->out_len = 0;
    if (c->last_word.code)
        n += bgp_notification_write(buf + n, room < most ? room : most, &c->last_word);
    c->last_word = (struct bgp_fault){ 0 };
    if (n)
        bgp_session_queued(s, slot, s->now_ms);
    return n;
}

void bgp_session_queued(struct bgp_session *s, enum bgp_slot slot, uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    s->now_ms = now_ms;
    if (c->state == BGP_ESTABLISHED && c->send_hold_at == SESSION_NEVER)
        c->send_hold_at = now_ms + session_send_hold_ms(s, c);
}

void bgp_session_progress(struct bgp_session *s, enum bgp_slot slot, bool all_sent, uint64_t now_ms)
{
    struct connection *c = &s->conns[slot];
    s->now_ms = now_ms;
    if (c->state == BGP_ESTABLISHED)
        c->send_hold_at = all_sent ? SESSION_NEVER : now_ms + session_send_hold_ms(s, c);
}

/* ---- time ---- */

/* A connection on which the peer has sent its OPEN makes another one pointless. */
static bool is_spoken_to(const struct bgp_session *s)
{
    for (int i = 0; i < BGP_SLOTS; i++)
        if (s->conns[i].state >= BGP_OPENCONFIRM)
            return true;
    return false;
}

static void dial_if_due(struct bgp_session *s)
{
    if (!s->started || s->now_ms < s->retry_at)
        return;
    if (s->conns[BGP_SLOT_OURS].busy || is_spoken_to(s)) {
        session_retry_in(s, s->cfg.connect_retry_s * 1000u);
        return;
    }
    s->retry_at = SESSION_NEVER;
    session_run(s, BGP_SLOT_OURS, FSM_START, &(struct ending){ .reason = "dialling" });
}

static void tick_connection(struct bgp_session *s, enum bgp_slot slot)
{
    struct connection *c = &s->conns[slot];
    static const struct bgp_fault silent = { .code = BGP_HOLD_TIMER_EXPIRED };
    static const struct bgp_fault stuck = { .code = BGP_SEND_HOLD_TIMER_EXPIRED };
    if (session_is_live(c) && s->now_ms >= c->hold_at)
        session_run(s, slot, FSM_HOLD,
                    &(struct ending){ .reason = "hold timer expired", .fault = &silent });
    if (session_is_live(c) && s->now_ms >= c->send_hold_at)
        session_run(s, slot, FSM_SEND_HOLD,
                    &(struct ending){ .reason = "send hold timer expired", .fault = &stuck });
    if (session_is_live(c) && s->now_ms >= c->keepalive_at)
        session_run(s, slot, FSM_KEEPALIVE_DUE, NULL);
}

void bgp_session_tick(struct bgp_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    for (int i = 0; i < BGP_SLOTS; i++)
        tick_connection(s, (enum bgp_slot)i);
    dial_if_due(s);
}

uint64_t bgp_session_deadline(const struct bgp_session *s)
{
    uint64_t due = s->started ? s->retry_at : SESSION_NEVER;
    for (int i = 0; i < BGP_SLOTS; i++) {
        const struct connection *c = &s->conns[i];
        if (!session_is_live(c))
            continue;
        due = c->hold_at < due ? c->hold_at : due;
        due = c->keepalive_at < due ? c->keepalive_at : due;
        due = c->send_hold_at < due ? c->send_hold_at : due;
    }
    return due;
}

static void put_off(uint64_t *at, uint64_t until_ms)
{
    *at = *at < until_ms ? until_ms : *at;
}

void bgp_session_unread(struct bgp_session *s, enum bgp_slot slot, uint64_t min_ms, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (session_is_live(&s->conns[slot]))
        put_off(&s->conns[slot].hold_at, now_ms + min_ms);
}

void bgp_session_rearm(struct bgp_session *s, uint64_t min_ms, uint64_t now_ms)
{
    for (int i = 0; i < BGP_SLOTS; i++) {
        bgp_session_unread(s, (enum bgp_slot)i, min_ms, now_ms);
        if (session_is_live(&s->conns[i]))
            put_off(&s->conns[i].send_hold_at, now_ms + min_ms);
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
    s->backoff_ms = SESSION_FIRST_RETRY_MS;
    s->retry_at = SESSION_NEVER;
    for (int i = 0; i < BGP_SLOTS; i++)
        s->conns[i].hold_at = s->conns[i].keepalive_at = s->conns[i].send_hold_at = SESSION_NEVER;
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
    s->is_bare = false;
    s->backoff_ms = SESSION_FIRST_RETRY_MS;
    s->retry_at = s->cfg.passive ? SESSION_NEVER : now_ms;
    dial_if_due(s);
    session_tell_state(s, &(struct ending){ .reason = "started" });
}

void bgp_session_stop(struct bgp_session *s, uint8_t cease_subcode, const char *text, uint64_t now_ms)
{
    const struct bgp_fault fault = { .code = BGP_CEASE, .subcode = cease_subcode };
    const struct ending end = { .reason = "stopped", .fault = &fault, .text = text };
    s->now_ms = now_ms;
    s->started = false;
    s->retry_at = SESSION_NEVER;
    for (int i = 0; i < BGP_SLOTS; i++)
        session_run(s, (enum bgp_slot)i, FSM_STOP, &end);
    session_tell_state(s, &end);
}

/* The caller's data end with the call; this is pulled later. */
static struct bgp_fault own(struct connection *c, const struct bgp_fault *f)
{
    struct bgp_fault mine = *f;
    assert(f->data_len <= sizeof c->words);
    if (f->data_len)
        memcpy(c->words, f->data, f->data_len);
    mine.data = c->words;
    return mine;
}

void bgp_session_reset(struct bgp_session *s, const struct bgp_fault *fault, uint64_t now_ms)
{
    s->now_ms = now_ms;
    for (int i = 0; i < BGP_SLOTS; i++) {
        if (s->conns[i].state < BGP_OPENSENT)
            continue;
        const struct bgp_fault mine = own(&s->conns[i], fault);
        session_fail(s, (enum bgp_slot)i, &mine, "reset by us");
    }
}

void bgp_session_set_restarting(struct bgp_session *s, bool is_restarting)
{
    s->is_restarting = is_restarting;
}

void bgp_session_keepalive(struct bgp_session *s, uint64_t now_ms)
{
    int slot = bgp_session_slot(s);
    s->now_ms = now_ms;
    if (slot >= 0 && s->conns[slot].keepalive_at != SESSION_NEVER)
        session_run(s, (enum bgp_slot)slot, FSM_KEEPALIVE_DUE, NULL);
}

bool bgp_session_refresh(struct bgp_session *s, enum bgp_family family)
{
    uint8_t buf[BGP_HEADER + 4];
    int slot = bgp_session_slot(s);
    if (slot < 0 || !s->conns[slot].codec.refresh || !s->conns[slot].codec.family[family])
        return false;
    session_put(s, &s->conns[slot], buf, bgp_refresh_write(buf, family, 0));
    return true;
}
