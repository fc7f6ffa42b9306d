/* One BGP peer as a machine: the FSM of RFC 4271 section 8 with its two possible connections
 * (ours and theirs), timers, collision detection, and the decoding of what the peer sends.
 *
 * No socket and no clock: the caller dials, accepts, moves bytes and tells the time.
 *
 *   feed(bytes, now)  one message at most is consumed a call; take its events, then feed again
 *   tick(now)         when deadline() has come
 *   next(&event)      what happened, oldest first
 *   pull(buf, cap)    bytes to send on a connection: whole control messages only; UPDATEs of the
 *                     Adj-RIB-Out are the caller's and may follow between two pulls
 *   deadline()        when to tick
 *
 * Slots: 0 is the connection that we dialled; 1 and 2 those that the peer dialled: a peer that lost
 * one without our knowing dials again. At Established one is left; a newcomer is heard until its OPEN.
 * Source: RFC 4271 sections 4, 6, 8; 7606; 6608; 9687; 4486; 9003; 8538. */
#ifndef TANDEM_BGP_SESSION_H
#define TANDEM_BGP_SESSION_H

#include "bgp/codec/notification.h"
#include "bgp/codec/open.h"
#include "bgp/codec/update.h"

enum bgp_slot { BGP_SLOT_OURS, BGP_SLOT_THEIRS, BGP_SLOT_NEWER, BGP_SLOTS };

enum bgp_state { /* RFC 4271 section 8.2.2, the names of the standard */
    BGP_IDLE,
    BGP_CONNECT,
    BGP_ACTIVE,
    BGP_OPENSENT,
    BGP_OPENCONFIRM,
    BGP_ESTABLISHED,
    BGP_STATES,
};

struct bgp_asn_range {
    uint32_t first, last;
};

enum { BGP_PEER_ASNS = 16 };

struct bgp_session_cfg {
    uint32_t local_asn, local_identifier;
    uint32_t peer_asn;           /* 0: any AS but our own (dynamic neighbours), or … */
    struct bgp_asn_range peer_asns[BGP_PEER_ASNS]; /* … one of these */
    uint8_t peer_asn_count;
    struct ip_addr peer_addr, local_addr;
    uint16_t hold_s;             /* proposed; 0 = no keepalives; else >= 3 */
    uint16_t send_hold_s;        /* RFC 9687; 0 = its default; never less than the negotiated hold time */
    uint16_t connect_retry_s;    /* ConnectRetryTimer, default 120 in RFC; ours 5 */
    uint16_t backoff_max_s;      /* after an error the next dial waits 1 s, then doubled up to this */
    bool passive;                /* never dial */
    bool family[BGP_FAMILIES];   /* offered */
    uint8_t add_path[BGP_FAMILIES]; /* as in struct bgp_open */
    bool extended_message;
    bool any_first_as;           /* see bgp_update_context */
    bool is_route_server;        /* RFC 9234: our role; the peer is a client of it */
    bool role_strict;            /* a peer that tells no role is refused */
    bool restarts_gracefully;    /* RFC 4724: the peer is asked to hold our routes for restart_s */
    uint16_t restart_s;          /* up to 4095 */
    uint32_t stale_s[BGP_FAMILIES]; /* RFC 9494: Long-Lived Stale Time, up to 24 bits; 0 = not for this family */
    uint64_t seed;               /* for timer jitter (RFC 4271 section 10) */
};

enum bgp_session_event_kind {
    BGP_EVENT_DIAL,    /* open a connection for slot 0; answer with _connected or _closed */
    BGP_EVENT_CLOSE,   /* pull() once more, send that, close; _closed as soon as it was pulled */
    BGP_EVENT_STATE,   /* .from -> .to, .reason says why: for the log */
    BGP_EVENT_UP,      /* Established on .slot; codec() and peer_open() are valid */
    BGP_EVENT_DOWN,    /* was Established; .reason, .fault; .by_peer tells whose NOTIFICATION it was */
    BGP_EVENT_UPDATE,  /* .update, valid until the next feed */
    BGP_EVENT_REFRESH, /* the peer asks for .family again (RFC 2918); .subtype of RFC 7313 */
};

struct bgp_session_event {
    uint8_t kind;      /* enum bgp_session_event_kind */
    uint8_t slot, family, subtype, from, to;
    bool by_peer;
    const char *reason;             /* static text: "keepalive", "hold timer expired", "connection closed" … */
    struct bgp_fault fault;         /* DOWN and STATE: what was sent or received, code 0 = none; its data as .update */
    const struct bgp_update *update;
};

struct bgp_session; /* opaque; its arena and buffers live and die with it */

/* NULL: out of memory. Starts in Idle, does nothing until _start. */
struct bgp_session *bgp_session_new(const struct bgp_session_cfg *cfg);
void bgp_session_free(struct bgp_session *s);

void bgp_session_start(struct bgp_session *s, uint64_t now_ms);
/* Cease with this subcode and text (RFC 9003), then Idle until _start. */
void bgp_session_stop(struct bgp_session *s, uint8_t cease_subcode, const char *text, uint64_t now_ms);
/* End the session with any fault of ours (BFD down, prefix limit …); it comes back by itself. One that
 * is_hard, or final (bgp/codec/notification.h), is a Hard Reset for a peer that knows it (RFC 8538). Its data,
 * borrowed for the call, are at most BGP_NOTIFICATION_WORDS octets. */
void bgp_session_reset(struct bgp_session *s, const struct bgp_fault *fault, uint64_t now_ms);

/* The peer dialled us: the slot, or -1 when this connection must be refused. Take the events either
 * way: a refusal may have made room for the next one. */
int bgp_session_accept(struct bgp_session *s, uint64_t now_ms) MUST_USE;
/* The dial that was asked for succeeded; local is the address of our end. */
void bgp_session_connected(struct bgp_session *s, const struct ip_addr *local, uint64_t now_ms);
/* A connection is gone or the dial failed; idempotent. The slot is free again. */
void bgp_session_closed(struct bgp_session *s, enum bgp_slot slot, uint64_t now_ms);

/* Feed bytes received on a slot.
 * data, len  any split of the stream; borrowed until the events were taken: they may point into it, and so may
 *            the last word that is pulled when a CLOSE is
 * returns    bytes consumed: one whole message at most, 0 when it is not complete yet or the slot is
 *            to be closed. A fault of the peer is an event, no error. */
size_t bgp_session_feed(struct bgp_session *s, enum bgp_slot slot, const uint8_t *data, size_t len,
                        uint64_t now_ms);
void bgp_session_tick(struct bgp_session *s, uint64_t now_ms);
bool bgp_session_next(struct bgp_session *s, struct bgp_session_event *out);
/* Everything that waits, or 0 when cap has no room for it; of a NOTIFICATION's data what fits. */
size_t bgp_session_pull(struct bgp_session *s, enum bgp_slot slot, uint8_t *buf, size_t cap);
/* The caller has bytes of its own (UPDATEs) for this slot that wait for the transport: the send hold
 * timer runs (RFC 9687). */
void bgp_session_queued(struct bgp_session *s, enum bgp_slot slot, uint64_t now_ms);
/* The transport took bytes of this slot: the send hold timer starts again, or rests. */
void bgp_session_progress(struct bgp_session *s, enum bgp_slot slot, bool all_sent, uint64_t now_ms);
/* Monotonic milliseconds; UINT64_MAX = nothing is due. */
uint64_t bgp_session_deadline(const struct bgp_session *s);
/* After a pause of the process: hold timers are judged only after the sockets were read
 * (`design: wake rule`): each is due in min_ms at the earliest. */
void bgp_session_rearm(struct bgp_session *s, uint64_t min_ms, uint64_t now_ms);
/* What the peer has said waits to be read: its hold time is not over before min_ms. */
void bgp_session_unread(struct bgp_session *s, enum bgp_slot slot, uint64_t min_ms, uint64_t now_ms);

/* A KEEPALIVE at once, where any are sent: whether it arrives is of interest. */
void bgp_session_keepalive(struct bgp_session *s, uint64_t now_ms);
/* Ask the peer for its routes again (RFC 2918); false when it cannot. */
bool bgp_session_refresh(struct bgp_session *s, enum bgp_family family);

/* RFC 4724 section 4.1: OPENs from now on say that we have restarted, or not. */
void bgp_session_set_restarting(struct bgp_session *s, bool is_restarting);

enum bgp_state bgp_session_state(const struct bgp_session *s); /* of the furthest connection */
const char *bgp_state_name(enum bgp_state state);
const struct bgp_codec *bgp_session_codec(const struct bgp_session *s);   /* while Established */
const struct bgp_open *bgp_session_peer_open(const struct bgp_session *s); /* while Established */
struct bgp_open bgp_session_our_open(const struct bgp_session *s); /* as the next one is sent */
/* The slot that is Established, or -1. */
int bgp_session_slot(const struct bgp_session *s);

enum { BGP_WORD_KINDS = 12, BGP_WORD_OTHER = 255 };
struct bgp_session_stats {
    uint64_t messages_in[6], messages_out[6]; /* by enum bgp_message_type; UPDATEs out are the caller's */
    uint64_t updates_faulty;                  /* handled by RFC 7606 without a reset … */
    uint64_t treated_as_withdraw;             /* … of them those whose routes were withdrawn */
    struct bgp_last_word {                    /* of the last NOTIFICATION in each direction */
        uint8_t code, subcode;                /* code 0: none yet */
        bool is_hard;
        char text[BGP_NOTIFICATION_TEXT + 1]; /* bgp_notification_text */
        uint64_t at_ms;
    } sent, received;
    uint32_t flaps;
    struct bgp_word_count { /* NOTIFICATIONs by what they say, in the order of their first */
        uint8_t code, subcode;
        uint32_t sent, received;
    } words[BGP_WORD_KINDS]; /* code 0: no more of them. The last place, code BGP_WORD_OTHER, is for all further kinds */
};
const struct bgp_session_stats *bgp_session_stats(const struct bgp_session *s);
uint16_t bgp_session_hold_s(const struct bgp_session *s); /* negotiated */

#endif
