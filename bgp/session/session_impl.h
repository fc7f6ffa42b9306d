/* Inside the session machine: shared by session*.c only. */
#ifndef TANDEM_BGP_SESSION_IMPL_H
#define TANDEM_BGP_SESSION_IMPL_H

#include "bgp/session/fsm.h"

enum {
    SESSION_OUT = 768,         /* control messages of one connection: an OPEN, KEEPALIVEs, refreshes */
    SESSION_EVENTS = 32,       /* more than any one call can emit */
    SESSION_FIRST_RETRY_MS = 1000,
};

static const uint64_t SESSION_NEVER = UINT64_MAX;

struct connection {
    enum bgp_state state; /* IDLE: no connection, or one that is being closed */
    bool busy;            /* the caller still has it: dialling, open, or closing */
    uint64_t hold_at, keepalive_at, send_hold_at;
    uint64_t since_ms;    /* the peer dialled it then */
    uint8_t out[SESSION_OUT];
    size_t out_len;
    struct bgp_fault last_word; /* the NOTIFICATION that goes out behind them; code 0: none */
    uint8_t words[BGP_NOTIFICATION_WORDS]; /* its data where they are ours */
    struct bgp_open peer_open;
    struct bgp_codec codec;
    uint16_t hold_s; /* negotiated */
};

struct bgp_session {
    struct bgp_session_cfg cfg;
    struct connection conns[BGP_SLOTS];
    bool started, is_restarting;
    bool is_bare;          /* the peer does not know of capabilities: none are sent, until a session has ended */
    uint64_t now_ms, up_since;
    uint64_t retry_at;     /* ConnectRetryTimer */
    uint64_t backoff_ms;   /* after the next error */
    uint64_t random;
    uint8_t disabled;      /* bit per family: RFC 7606 AFI/SAFI disable, until the session ends */
    struct arena arena;
    struct bgp_update update;
    struct bgp_session_event events[SESSION_EVENTS];
    unsigned event_first, event_count;
    enum bgp_state told; /* furthest state that was told */
    struct bgp_session_stats stats;
};

/* Why a connection changes: for the NOTIFICATION, the events and the log. */
struct ending {
    const char *reason;
    const struct bgp_fault *fault; /* NULL: none */
    const char *text;              /* of a stop (RFC 9003), or NULL */
    bool by_peer;
    const struct bgp_message *message; /* that came, for RFC 6608, or NULL */
};

static inline bool session_is_live(const struct connection *c)
{
    return c->state != BGP_IDLE;
}

/* Nothing is said or agreed on. */
static inline void session_clear(struct connection *c)
{
    c->out_len = 0;
    c->last_word = (struct bgp_fault){ 0 };
    c->codec = (struct bgp_codec){ .max_message = BGP_MESSAGE_MAX };
}

/* session_run.c: the table, carried out. end may be NULL. */
void session_run(struct bgp_session *s, enum bgp_slot slot, enum fsm_event event,
                 const struct ending *end);
/* The peer's fault, or one of ours: NOTIFICATION, then the end of this connection. */
void session_fail(struct bgp_session *s, enum bgp_slot slot, const struct bgp_fault *fault,
                  const char *reason);
struct bgp_session_event *session_emit(struct bgp_session *s, enum bgp_session_event_kind kind,
                                       enum bgp_slot slot);
void session_tell_state(struct bgp_session *s, const struct ending *why);
/* Into the statistics: a NOTIFICATION in this direction. */
void session_note_word(struct bgp_session *s, const struct bgp_fault *f, bool is_sent);
/* Queue a control message; one that does not fit is not sent: the transport is stuck, and the send
 * hold timer will say so. */
void session_put(struct bgp_session *s, struct connection *c, const uint8_t *msg, size_t len);
void session_retry_in(struct bgp_session *s, uint64_t ms);
uint64_t session_send_hold_ms(const struct bgp_session *s, const struct connection *c);

/* session_open.c */
void session_send_open(struct bgp_session *s, struct connection *c);
void session_on_open(struct bgp_session *s, enum bgp_slot slot, const struct bgp_message *m);

#endif
