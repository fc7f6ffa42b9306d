/* The finite state machine of RFC 4271 section 8.2.2 as one table, per connection.
 *
 * A connection begins in CONNECT when we dial it, in ACTIVE when the peer did; IDLE is no connection.
 * What a cell says is done by session_run.c; a cell without actions does not exist. Not used, as RFC
 * 4271 leaves it open: DelayOpen, and AutomaticStart other than by the ConnectRetryTimer. */
#ifndef TANDEM_BGP_FSM_H
#define TANDEM_BGP_FSM_H

#include "bgp/session/session.h"

enum fsm_event { /* with the numbers of RFC 4271 section 8.1 */
    FSM_START,         /* 1, 3: dial */
    FSM_STOP,          /* 2 ManualStop, 8 AutomaticStop */
    FSM_CONNECTED,     /* 16, 17: the connection is there, dialled or accepted */
    FSM_CLOSED,        /* 18 TcpConnectionFails */
    FSM_HOLD,          /* 10 HoldTimer_Expires */
    FSM_SEND_HOLD,     /* 29 SendHoldTimer_Expires (RFC 9687) */
    FSM_KEEPALIVE_DUE, /* 11 KeepaliveTimer_Expires */
    FSM_OPEN,          /* 19 BGPOpen, checked */
    FSM_FAULT,         /* 21, 22, 28: what came is wrong; the fault says how */
    FSM_COLLISION,     /* 23 OpenCollisionDump */
    FSM_NOTIFICATION,  /* 24, 25 */
    FSM_KEEPALIVE,     /* 26 */
    FSM_UPDATE,        /* 27 */
    FSM_REFRESH,       /* RFC 2918: like an UPDATE */
    FSM_RESTARTED,     /* RFC 4724 section 5: the peer dialled anew, this connection is its old one */
    FSM_EVENTS,
};

enum fsm_action {
    DO_IGNORE = 1 << 0,
    DO_DIAL = 1 << 1,         /* ask for a connection */
    DO_OPEN = 1 << 2,         /* send OPEN, hold timer at its large value */
    DO_KEEPALIVE = 1 << 3,    /* send KEEPALIVE, restart its timer */
    DO_HOLD = 1 << 4,         /* restart the hold timer at its negotiated value */
    DO_UP = 1 << 5,           /* tell that the session is established */
    DO_NOTIFY = 1 << 6,       /* send the NOTIFICATION of the fault at hand */
    DO_NOTIFY_STATE = 1 << 7, /* send FSM Error with the subcode of this state (RFC 6608) */
    DO_DROP = 1 << 8,         /* close the connection */
    DO_BACKOFF = 1 << 9,      /* DampPeerOscillations: the next dial waits, longer each time */
};

struct fsm_row {
    uint8_t next;     /* enum bgp_state */
    uint16_t actions; /* enum fsm_action, 0: this event cannot happen in this state */
};

const struct fsm_row *fsm_row(enum bgp_state state, enum fsm_event event);

#endif
