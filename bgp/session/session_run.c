/* What the cells of the table in fsm.c do: sending, timers, the end of a connection. */
#include <assert.h>
#include <string.h>

#include "bgp/codec/notification.h"
#include "bgp/session/session_impl.h"

enum {
    LARGE_HOLD_MS = 240 * 1000,    /* RFC 4271 section 8.2.2 */
    KEEPALIVE_MIN_MS = 1000,       /* RFC 4271 section 4.4: not more often than one a second */
    SEND_HOLD_MIN_MS = 480 * 1000, /* RFC 9687 section 6 */
    STABLE_MS = 30 * 1000,         /* a session that stood this long forgives earlier errors */
};

/* ---- events ---- */

struct bgp_session_event *session_emit(struct bgp_session *s, enum bgp_session_event_kind kind,
                                       enum bgp_slot slot)
{
    assert(s->event_count < SESSION_EVENTS);
    struct bgp_session_event *e = &s->events[(s->event_first + s->event_count++) % SESSION_EVENTS];
    *e = (struct bgp_session_event){ .kind = (uint8_t)kind, .slot = (uint8_t)slot };
    return e;
}

static void explain(struct bgp_session_event *e, const struct ending *why)
{
    e->reason = why->reason;
    e->by_peer = why->by_peer;
    if (why->fault)
        e->fault = *why->fault;
}

void session_tell_state(struct bgp_session *s, const struct ending *why)
{
    enum bgp_state now = bgp_session_state(s);
    if (now == s->told)
        return;
    struct bgp_session_event *e = session_emit(s, BGP_EVENT_STATE, BGP_SLOT_OURS);
    e->from = (uint8_t)s->told;
    e->to = (uint8_t)now;
    explain(e, why);
    s->told = now;
}

/* ---- sending ---- */

void session_put(struct bgp_session *s, struct connection *c, const uint8_t *msg, size_t len)
{
    if (SESSION_OUT - c->out_len < len)
        return;
    memcpy(c->out + c->out_len, msg, len);
    c->out_len += len;
    s->stats.messages_out[msg[18]]++;
}

static void send_keepalive(struct bgp_session *s, struct connection *c)
{
    uint8_t buf[BGP_HEADER];
    session_put(s, c, buf, bgp_keepalive_write(buf));
}

/* Both sides follow RFC 8538: routes outlive a NOTIFICATION unless it is a Hard Reset. */
static bool knows_hard_reset(const struct connection *c)
{
    return c->state >= BGP_OPENCONFIRM && c->peer_open.gr_notification;
}

/* The fault as it is said on this connection: with its words, hard or not. */
static struct bgp_fault phrase(struct connection *c, const struct ending *why)
{
    struct bgp_fault f = *why->fault;
    if (why->text)
        bgp_notification_say(&f, why->text, c->words);
    f.is_hard = knows_hard_reset(c) && (f.is_hard || bgp_notification_is_final(&f));
    return f;
}

static void count_word(struct bgp_session *s, const struct bgp_fault *f, bool is_sent)
{
    struct bgp_word_count *w = s->stats.words, *last = w + BGP_WORD_KINDS - 1;
    while (w < last && w->code && (w->code != f->code || w->subcode != f->subcode))
        w++;
    w->code = w == last ? BGP_WORD_OTHER : f->code;
    w->subcode = w == last ? BGP_WORD_OTHER : f->subcode;
    *(is_sent ? &w->sent : &w->received) += 1;
}

void session_note_word(struct bgp_session *s, const struct bgp_fault *f, bool is_sent)
{
    struct bgp_last_word *last = is_sent ? &s->stats.sent : &s->stats.received;
    *last = (struct bgp_last_word){ .code = f->code, .subcode = f->subcode, .is_hard = f->is_hard, .at_ms = s->now_ms };
    bgp_notification_text(f, last->text);
    count_word(s, f, is_sent);
}

/* It is written when it is pulled, from where its data stand then: see bgp_session_feed. */
static void send_notification(struct bgp_session *s, struct connection *c, const struct bgp_fault *said)
{
    c->last_word = *said;
    s->stats.messages_out[BGP_NOTIFICATION]++;
    session_note_word(s, said, true);
}

/* ---- timers ---- */

/* RFC 4271 section 10: three quarters to all of the interval. */
static uint64_t jitter(struct bgp_session *s, uint64_t ms)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return ms - ms / 4 * ((s->random >> 33) & 0xff) / 255;
}

/* RFC 9687 sections 4.2 and 6: more than the hold time, whatever is asked for. */
uint64_t session_send_hold_ms(const struct bgp_session *s, const struct connection *c)
{
    uint64_t wish = s->cfg.send_hold_s * (uint64_t)1000, least = c->hold_s * (uint64_t)1000 + 1000;
    if (wish)
        return wish > least ? wish : least;
    uint64_t twice = (uint64_t)c->hold_s * 2000;
    return twice > SEND_HOLD_MIN_MS ? twice : SEND_HOLD_MIN_MS;
}

/* Without a hold time nothing ends an Established session; before, a peer that has gone would keep us from dialling again. */
static void restart_hold(struct bgp_session *s, struct connection *c)
{
    uint64_t without = c->state == BGP_ESTABLISHED ? SESSION_NEVER : s->now_ms + LARGE_HOLD_MS;
    c->hold_at = c->hold_s ? s->now_ms + c->hold_s * 1000u : without;
}

static void restart_keepalive(struct bgp_session *s, struct connection *c)
{
    uint64_t ms = jitter(s, c->hold_s * 1000u / 3);
    ms = ms > KEEPALIVE_MIN_MS ? ms : KEEPALIVE_MIN_MS;
    c->keepalive_at = c->hold_s ? s->now_ms + ms : SESSION_NEVER;
}

void session_retry_in(struct bgp_session *s, uint64_t ms)
{
    s->retry_at = s->cfg.passive || !s->started ? SESSION_NEVER : s->now_ms + jitter(s, ms);
}

/* An error: the next dial waits, twice as long each time. A peer that dials us is heard at once. */
static void back_off(struct bgp_session *s)
{
    uint64_t most = s->cfg.backoff_max_s * 1000u;
    session_retry_in(s, s->backoff_ms);
    s->backoff_ms = s->backoff_ms * 2 < most ? s->backoff_ms * 2 : most;
}

/* ---- the actions ---- */

static void dial(struct bgp_session *s, struct connection *c)
{
    session_clear(c);
    c->busy = true;
    c->hold_at = c->keepalive_at = c->send_hold_at = SESSION_NEVER;
    session_emit(s, BGP_EVENT_DIAL, BGP_SLOT_OURS);
}

static void drop(struct bgp_session *s, enum bgp_slot slot, bool backoff, const struct ending *why)
{
    struct connection *c = &s->conns[slot];
    bool was_up = c->state == BGP_ESTABLISHED;
    c->state = BGP_IDLE;
    c->hold_at = c->keepalive_at = c->send_hold_at = SESSION_NEVER;
    if (was_up) {
        if (s->now_ms - s->up_since >= STABLE_MS)
            s->backoff_ms = SESSION_FIRST_RETRY_MS;
        s->stats.flaps++;
        s->disabled = 0;
        s->is_bare = false;
        explain(session_emit(s, BGP_EVENT_DOWN, slot), why);
    }
    if (c->busy)
        session_emit(s, BGP_EVENT_CLOSE, slot);
    if (backoff)
        back_off(s);
    else if (s->retry_at == SESSION_NEVER)
        session_retry_in(s, s->cfg.connect_retry_s * 1000u);
}

static void come_up(struct bgp_session *s, enum bgp_slot slot)
{
    static const struct bgp_fault collision = { .code = BGP_CEASE, .subcode = BGP_COLLISION };
    s->up_since = s->now_ms;
    s->disabled = 0;
    for (int i = 0; i < BGP_SLOTS; i++)
        if (i != (int)slot && session_is_live(&s->conns[i]))
            session_run(s, (enum bgp_slot)i, FSM_COLLISION,
                        &(struct ending){ .reason = "connection collision", .fault = &collision });
    s->retry_at = SESSION_NEVER;
    session_emit(s, BGP_EVENT_UP, slot);
}

static void act(struct bgp_session *s, enum bgp_slot slot, uint16_t actions)
{
    struct connection *c = &s->conns[slot];
    if (actions & DO_DIAL)
        dial(s, c);
    if (actions & DO_OPEN) {
        session_send_open(s, c);
        c->hold_at = s->now_ms + LARGE_HOLD_MS;
    }
    if (actions & DO_HOLD)
        restart_hold(s, c);
    if (actions & DO_KEEPALIVE) {
        send_keepalive(s, c);
        restart_keepalive(s, c);
    }
    if (actions & DO_UP)
        come_up(s, slot);
}

/* RFC 6608 section 4: the subcodes are in the order of the states, the data is the message's type, the last octet of
 * its header. */
static struct bgp_fault unexpected(enum bgp_state state, const struct bgp_message *m)
{
    return (struct bgp_fault){ .code = BGP_FSM_ERROR,
                               .subcode = (uint8_t)(state - BGP_OPENSENT + BGP_UNEXPECTED_IN_OPENSENT),
                               .data_len = 1,
                               .data = m->body - 1 };
}

void session_run(struct bgp_session *s, enum bgp_slot slot, enum fsm_event event,
                 const struct ending *end)
{
    struct connection *c = &s->conns[slot];
    const struct fsm_row *row = fsm_row(c->state, event);
    struct ending why = end ? *end : (struct ending){ 0 };
    struct bgp_fault fault;
    assert(row->actions);
    if (row->actions & DO_IGNORE)
        return;
    if (row->actions & DO_NOTIFY_STATE) {
        fault = unexpected(c->state, why.message);
        why = (struct ending){ .reason = "unexpected message", .fault = &fault };
    }
    if (row->actions & (DO_NOTIFY | DO_NOTIFY_STATE)) {
        fault = phrase(c, &why);
        why.fault = &fault;
        send_notification(s, c, &fault);
    }
    if (row->actions & DO_DROP) {
        drop(s, slot, row->actions & DO_BACKOFF, &why);
    } else {
        c->state = (enum bgp_state)row->next;
        act(s, slot, row->actions);
    }
    session_tell_state(s, &why);
}

void session_fail(struct bgp_session *s, enum bgp_slot slot, const struct bgp_fault *fault,
                  const char *reason)
{
    session_run(s, slot, FSM_FAULT, &(struct ending){ .reason = reason, .fault = fault });
}
