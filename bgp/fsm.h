/* The finite state machine of RFC 4271 section 8.2.2 as one table, per connection.
 * What a cell says is done by session.c; a cell with next = 0 and no actions does not exist. */
#ifndef TANDEM_BGP_FSM_H
#define TANDEM_BGP_FSM_H

#include "bgp/session.h"

enum fsm_event { /* with the numbers of RFC 4271 section 8.1 */
    FSM_START,        /* 1, 3, 4, 5: begin; passive or not is the session's setting */
    FSM_STOP,         /* 2 ManualStop, 8 AutomaticStop */
    FSM_CONNECTED,    /* 16, 17: the connection is there, dialled or accepted */
    FSM_CLOSED,       /* 18 TcpConnectionFails */
    FSM_HOLD,         /* 10 HoldTimer_Expires */
    FSM_SEND_HOLD,    /* RFC 9687: SendHoldTimer_Expires */
    FSM_KEEPALIVE_DUE, /* 11 KeepaliveTimer_Expires */
    FSM_OPEN,         /* 19 BGPOpen, checked */
    FSM_FAULT,        /* 21, 22, 28: what came is wrong; the fault says how */
    FSM_COLLISION,    /* 23 OpenCollisionDump */
    FSM_NOTIFICATION, /* 24, 25 */
    FSM_KEEPALIVE,    /* 26 */
    FSM_UPDATE,       /* 27 */
    FSM_REFRESH,      /* RFC 2918: like an UPDATE */
    FSM_EVENTS,
};

enum fsm_action {
    DO_IGNORE = 1 << 0,
    DO_OPEN = 1 << 1,           /* send OPEN, hold timer at its large value */
    DO_KEEPALIVE = 1 << 2,      /* send KEEPALIVE, restart its timer */
    DO_HOLD = 1 << 3,           /* restart the hold timer at its negotiated value */
    DO_UP = 1 << 4,             /* tell that the session is established */
    DO_DELIVER = 1 << 5,        /* decode and hand over */
    DO_NOTIFY = 1 << 6,         /* send the NOTIFICATION of the fault at hand */
    DO_NOTIFY_HOLD = 1 << 7,    /* send Hold Timer Expired */
    DO_NOTIFY_STATE = 1 << 8,   /* send FSM Error with the subcode of this state (RFC 6608) */
    DO_NOTIFY_CEASE = 1 << 9,   /* send Cease */
    DO_DROP = 1 << 10,          /* close the connection */
    DO_DIAL = 1 << 11,          /* dial unless passive */
};

struct fsm_row {
    uint8_t next; /* enum bgp_state */
    uint16_t actions;
};

/* actions == 0: this event cannot happen in this state. */
const struct fsm_row *fsm_row(enum bgp_state state, enum fsm_event event);

#endif
