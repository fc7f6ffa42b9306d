/* One BFD session as a machine: asynchronous mode, active role, no echo, no demand mode of our own.
 *
 * No socket and no clock; the five verbs of every machine here, in packets instead of a stream:
 *
 *   feed(packet, now)  one packet that was decoded and found to be of this session
 *   tick(now)          when deadline() has come
 *   next(&event)       the changes of state, oldest first; take them after every call
 *   pull(buf, cap)     packets to send now, one a call, until 0
 *   deadline()         when to tick, and then to pull
 *
 * Intervals are microseconds, as on the wire; times are milliseconds: intervals below some ten
 * milliseconds are not for this machine. What came late is no silence: read what waits in the socket
 * before a tick, and rearm after a pause of the process.
 * Source: RFC 5880 section 6. */
#ifndef TANDEM_BGP_BFD_H
#define TANDEM_BGP_BFD_H

#include "bgp/bfd/bfd_packet.h"

struct bfd_times {
    uint32_t desired_tx_us;  /* while Up; a second at least until then (RFC 5880 section 6.8.3) */
    uint32_t required_rx_us; /* 0 = send us nothing */
    uint8_t detect_mult;     /* >= 1 */
};

struct bfd_session_cfg {
    uint32_t discriminator; /* ours: not 0, and of no other session of this system */
    struct bfd_times times;
    uint64_t seed; /* for jitter: RFC 5880 section 6.8.7 */
};

struct bfd_session_event {
    uint8_t from, to;   /* enum bfd_state */
    uint8_t diag;       /* why: enum bfd_diag */
    uint8_t remote_state;
};

/* What there is to see of a session. */
struct bfd_view {
    uint8_t state, diag;               /* ours */
    uint8_t remote_state, remote_diag; /* last heard, Down before */
    uint8_t detect_mult;               /* the peer's; 0 = never heard */
    uint32_t discriminator, remote_discriminator;
    uint32_t tx_us;     /* between our packets, before jitter */
    uint32_t detect_us; /* silence that means Down; 0 = never heard */
    bool is_late;       /* Up, and three fifths of that silence have passed; told where detect_mult is 3 and more */
    uint64_t since_ms;  /* in this state */
    uint64_t packets_in, packets_out;
    uint32_t ups;       /* times it came up */
    uint32_t failures;  /* times that ended, AdminDown on either side apart (RFC 5882 section 3.2) */
};

struct bfd_session; /* opaque */

/* NULL: out of memory. Begins in Down and sends at once. */
struct bfd_session *bfd_session_new(const struct bfd_session_cfg *cfg, uint64_t now_ms);
void bfd_session_free(struct bfd_session *s);

/* bfd_packet_decode accepted it, and it is from this session's peer. */
void bfd_session_feed(struct bfd_session *s, const struct bfd_packet *p, uint64_t now_ms);
void bfd_session_tick(struct bfd_session *s, uint64_t now_ms);
bool bfd_session_next(struct bfd_session *s, struct bfd_session_event *out);
/* BFD_PACKET octets, or 0: nothing (more) is due, or cap is too small. */
size_t bfd_session_pull(struct bfd_session *s, uint8_t *buf, size_t cap);
/* Monotonic milliseconds; UINT64_MAX = nothing is due. */
uint64_t bfd_session_deadline(const struct bfd_session *s);
/* The process was paused: the peer gets one whole detection time from now (the wake rule). */
void bfd_session_rearm(struct bfd_session *s, uint64_t now_ms);

/* Other times from now on; a Poll Sequence tells the peer (RFC 5880 section 6.8.3). */
void bfd_session_change(struct bfd_session *s, const struct bfd_times *times, uint64_t now_ms);
/* AdminDown: the peer is told that this is no failure (RFC 5880 section 6.8.16, RFC 5882). */
void bfd_session_disable(struct bfd_session *s, uint64_t now_ms);

enum bfd_state bfd_session_state(const struct bfd_session *s);
void bfd_session_view(const struct bfd_session *s, struct bfd_view *out);

/* The state machine of RFC 5880 section 6.2 and 6.8.6 as a table; the tests read it, too. */
enum bfd_event {
    BFD_HEARD_ADMIN_DOWN, /* the four states of a received packet, in the order of enum bfd_state */
    BFD_HEARD_DOWN,
    BFD_HEARD_INIT,
    BFD_HEARD_UP,
    BFD_EXPIRED, /* the detection time passed in silence */
    BFD_DISABLE,
    BFD_EVENTS,
};

struct bfd_row {
    uint8_t next;  /* enum bfd_state; the same state: nothing happens */
    uint8_t diag;  /* enum bfd_diag of the change */
    bool is_known; /* somebody wrote this cell */
};

const struct bfd_row *bfd_row(enum bfd_state state, enum bfd_event event);

#endif
