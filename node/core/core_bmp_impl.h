/* Inside the monitoring stations: shared by core_bmp*.c only. */
#ifndef TANDEM_NODE_CORE_BMP_IMPL_H
#define TANDEM_NODE_CORE_BMP_IMPL_H

#include "bgp/monitor/bmp.h"
#include "node/core/core_impl.h"

/* Where a station stands in the order of one of its tables. What was there when it began is told without
 * dates and without withdrawals; all that is newer is a change. */
struct station_cursor {
    uint64_t position, began; /* began: head of the order at that time */
    uint64_t heard;           /* it had come so far before it was told all once more */
};

/* An NVA as a station knows it. */
struct station_peer {
    bool is_up;              /* it was told a Peer Up, and no Peer Down since */
    uint64_t session;        /* which one: session_id of core_peer */
    struct bmp_peer who;
    uint8_t owes_end;        /* bit per enum config_station_routes: End-of-RIB has not been told */
    struct station_cursor out[2]; /* Adj-RIB-Out before and after the export */
};

/* The count of the Loc-RIB for a report, a stretch of prefixes a turn. */
struct station_count {
    bool is_due, is_done;
    uint8_t family;
    uint32_t place;
    uint64_t routes[BGP_FAMILIES];
    uint32_t nva; /* reports of the NVAs before this one are told */
};

struct core_station {
    const struct config_station *cfg;
    struct core_conn *conn; /* NULL: none, and the next dial is at retry_ms */
    bool is_connected;      /* … and told who we are */
    bool is_initiated;
    bool was_told;          /* that it cannot be reached */
    uint64_t retry_ms, backoff_ms, since_ms;
    uint64_t progress_ms;   /* it took something, or there was nothing to take */
    uint64_t statistics_ms; /* the next report */
    struct station_peer *peers;  /* by NVA number */
    uint32_t peer_count;
    uint64_t session_changes;    /* of core: looked at up to here */
    bool loc_up, loc_owes_end;
    struct station_cursor in[2], loc; /* in: before and after the policy */
    uint64_t out_head; /* of the Loc-RIB, when every Adj-RIB-Out had been told; UINT64_MAX = not yet */
    struct station_count count;
    uint8_t *export;        /* room for one exported attribute set */
    uint64_t messages, bytes, connects, lost;
    char last_error[64];
};

/* Where the next message goes, NULL: there is no room for the longest one. */
uint8_t *station_room(struct core_station *s);
/* That message is this long. */
void station_wrote(struct core *c, struct core_station *s, size_t len);
static inline bool station_wants(const struct core_station *s, enum config_station_routes routes)
{
    return s->cfg->routes & 1u << routes;
}
struct bmp_peer station_loc_rib(const struct core *c); /* our own as a peer (RFC 9069 section 5.1) */
static inline uint64_t core_wall(const struct core *c)
{
    return c->wall_ms + c->now_ms;
}

/* core_bmp_routes.c: tell tables on, within the budget. True: there is more, and room for it. */
bool station_tell_routes(struct core *c, struct core_station *s);
/* A station that was told something cannot be told its end any more: it has to begin anew. */
bool station_has_missed(const struct core *c, const struct core_station *s);
uint64_t station_slowest(const struct core_station *s);

#endif
