/* Bytes in: one message at a time, to its handler. */
#include <string.h>

#include "bgp/base/wire.h"
#include "bgp/session/session_impl.h"

static void on_keepalive(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    session_run(s, slot, FSM_KEEPALIVE,
                &(struct ending){ .reason = "keepalive", .message = m });
}

/* RFC 5492 section 3: who answers our OPEN with «Unsupported Optional Parameter» does not know of capabilities,
 * and is to be met again without them; and with them where it misses something then. */
static void note_refusal(struct bgp_session *s, const struct connection *c, const struct bgp_fault *f)
{
    if (c->state < BGP_ESTABLISHED && f->code == BGP_OPEN_ERROR)
        s->is_bare = f->subcode == BGP_UNSUPPORTED_PARAMETER;
}

static void on_notification(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    const struct bgp_fault f = bgp_notification_read(m);
    note_refusal(s, &s->conns[slot], &f);
    session_note_word(s, &f, false);
    session_run(s, slot, FSM_NOTIFICATION,
                &(struct ending){ .reason = "notification received", .fault = &f, .by_peer = true });
}

static void on_update(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    const struct bgp_update_context ctx = { .codec = &c->codec,
                                            .local_asn = s->cfg.local_asn,
                                            .peer_asn = c->peer_open.asn,
                                            .disabled = s->disabled,
                                            .any_first_as = s->cfg.any_first_as,
                                            .local_addr = s->cfg.local_addr };
    if (c->state != BGP_ESTABLISHED) {
        session_run(s, slot, FSM_UPDATE, &(struct ending){ .message = m });
        return;
    }
    arena_reset(&s->arena);
    if (bgp_update_decode(m->body, m->body_len, &ctx, &s->arena, &s->update)) {
        const struct bgp_fault full = { .code = BGP_CEASE, .subcode = BGP_OUT_OF_RESOURCES };
        session_fail(s, slot, &full, "out of memory");
        return;
    }
    if (s->update.fault.action == BGP_ACTION_SESSION_RESET) {
        session_fail(s, slot, &s->update.fault, "UPDATE refused");
        return;
    }
    s->stats.updates_faulty += s->update.fault.action != BGP_ACTION_NONE && !s->update.is_returned;
    s->stats.treated_as_withdraw += s->update.fault.action == BGP_ACTION_TREAT_AS_WITHDRAW;
    s->disabled |= s->update.disable;
    session_run(s, slot, FSM_UPDATE, NULL);
    session_emit(s, BGP_EVENT_UPDATE, slot)->update = &s->update;
}

static void on_refresh(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m)
{
    struct connection *c = &s->conns[slot];
    struct bgp_refresh refresh;
    struct bgp_fault fault;
    if (c->state != BGP_ESTABLISHED) {
        session_run(s, slot, FSM_REFRESH, &(struct ending){ .message = m });
        return;
    }
    int heard = bgp_refresh_decode(m, &c->codec, &refresh, &fault);
    if (heard < 0) {
        session_fail(s, slot, &fault, "ROUTE-REFRESH refused");
        return;
    }
    session_run(s, slot, FSM_REFRESH, NULL);
    if (!heard)
        return;
    struct bgp_session_event *e = session_emit(s, BGP_EVENT_REFRESH, slot);
    e->family = refresh.family;
    e->subtype = refresh.subtype;
}

typedef void on_message(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m);
static on_message *const handlers[] = {
    [BGP_OPEN] = session_on_open,
    [BGP_UPDATE] = on_update,
    [BGP_NOTIFICATION] = on_notification,
    [BGP_KEEPALIVE] = on_keepalive,
    [BGP_ROUTE_REFRESH] = on_refresh,
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
    int n = bgp_message_scan(data, len, c->codec.max_message, &m, &fault);
    if (n < 0) {
        session_fail(s, slot, &fault, "message header refused");
        return 0;
    }
    if (n == 0)
        return 0;
    s->stats.messages_in[m.type]++;
    handlers[m.type](s, slot, &m);
    return (size_t)n;
}

