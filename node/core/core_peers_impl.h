/* Inside the core: the NVAs, their sessions here and what they tell. */
#ifndef TANDEM_NODE_CORE_PEERS_IMPL_H
#define TANDEM_NODE_CORE_PEERS_IMPL_H

#include "node/core/core.h"

struct core_conn;

/* A BGP message as it was on the wire, kept. */
struct core_message {
    uint8_t *bytes; /* NULL: none */
    size_t len;
};

/* Of a session whose NVA withdrew on another node's and has said nothing here since; see core_doubt.c. */
enum core_doubt_step {
    DOUBT_NONE,
    DOUBT_WAITS,   /* for its word */
    DOUBT_ASKED,   /* a KEEPALIVE is on its way to it */
    DOUBT_LOOKS,   /* for an acknowledgement */
    DOUBT_UNHEARD, /* there was none */
};
struct core_doubt {
    uint8_t step;      /* enum core_doubt_step */
    bool has_yielded;  /* routes of it were withdrawn that it did not withdraw here */
    uint64_t due_ms;   /* of the step's end; 0 = that is its word */
    uint64_t asked_ms; /* last */
    uint32_t *nets, count, cap; /* that it is about */
};

enum { CORE_FULL = 8 }; /* prefixes of an NVA that are remembered as having all paths that they may */

struct core_peer {
    struct config_peer *cfg; /* a copy of its own */
    size_t place; /* of its entry in config.peers; CORE_NO_PLACE: it was taken out of the configuration */
    bool is_dynamic; /* of a prefix: it goes by itself when it is silent */
    bool is_spoken_for; /* when last looked at: some node has a session with it, or holds its routes */
    uint32_t synced;    /* … so many living sessions with it, of any node, had reached End-of-RIB, … */
    uint64_t synced_ms; /* … the last of them then */
    uint64_t silent_ms; /* dynamic: its session ends then; 0 = it has a connection, or is held */
    uint16_t nva;
    struct bgp_session *session; /* NULL: this node does not peer with it */
    struct core_conn *conns[BGP_SLOTS];
    struct adjout_member *out[BGP_FAMILIES];
    uint32_t generation;
    uint8_t waits_for; /* bit per family: End-of-RIB has not come */
    uint8_t gr_family; /* bit per family: the peer asks to hold its routes while it restarts */
    bool is_deferred;     /* up, and told nothing before we have converged */
    bool gr_notification; /* also after a NOTIFICATION (RFC 8538) */
    uint16_t gr_restart_s;
    uint8_t unseen;       /* bit per family: routes of it wait to be heard again, or to be swept */
    uint64_t grace_until; /* its routes are held until then; 0 = they are not */
    uint64_t held_until;  /* while it tells again what was held: it was held until then */
    uint64_t tells_until; /* what it tells anew, it has told by then; 0 = it tells nothing anew */
    bool sends_eor;
    uint64_t up_ms, update_ms, since_ms, heard_ms;
    bool warned, over_limit;
    uint8_t last_family;   /* enum bgp_family of the route that it told last */
    uint32_t held_routes;  /* there were so many when it began to tell anew; 0: what it does not tell again is gone */
    bool told_too_long; /* that it is not told a route which fits no message of its own */
    bool high_memory, over_memory, over_paths; /* core_budget.c */
    struct ip_prefix full[CORE_FULL];          /* had no room for another path of it, the latest of these */
    uint32_t full_count;
    uint64_t asked_ms;                         /* to tell its paths once more, at last */
    uint64_t refused_routes;       /* announcements that were not stored */
    uint64_t announced, withdrawn; /* prefixes, by it on its sessions here */
    struct bfd_view bfd; /* of the last report; AdminDown, which is 0, before the first */
    bool bfd_multihop;
    uint64_t gone_ms;    /* nothing of it is left since then; 0 = there is something */
    uint64_t gone_at;    /* who has read the Loc-RIB order so far knows it */
    uint64_t session_id;           /* of the session that is, or was last, Established: never used twice */
    uint8_t down;                  /* enum bmp_down_reason of the last end */
    struct core_message last_word; /* the NOTIFICATION of that end */
    uint64_t restart_at; /* ended for its number of routes, until then; 0 = it was not */
    bool is_shut;        /* an administrator has disabled it on this node */
    bool is_taken_out;   /* its session ends because the configuration wants none any more */
    bool is_reset;       /* its session ends for other settings, and begins anew at once */
    bool is_kept;        /* its routes are held because we have left: it has kept forwarding */
    uint32_t stale_s[BGP_FAMILIES];     /* RFC 9494, as agreed on: 0 = not with it */
    uint64_t stale_until[BGP_FAMILIES]; /* its long-lived stale routes go then; 0 = it has none */
    uint8_t stale_over;  /* bit per family: that was before it had told all of it again */
    bool is_stale;       /* the session is down, and its time for a restart is over */
    struct core_doubt doubt;
    struct core_peer_error error;
};

/* core_peers.c: the NVAs by number. */
static const size_t CORE_NO_PLACE = SIZE_MAX;
void core_peers_init(struct core *c);  /* number 0, the configuration itself */
void core_peers_start(struct core *c); /* those of the configuration */
void core_peers_fini(struct core *c);
/* Once in a while: who has gone for good gives back its number. */
void core_peers_tick(struct core *c);
/* A copy of cfg under a number of its own; NULL: there are too many. No session yet. */
struct core_peer *core_peer_add(struct core *c, const struct config_peer *cfg, size_t place);
/* Taken out: its session must be ended. What other nodes have of it stays until they say otherwise; held
 * copies of nodes that are away go. */
void core_peer_remove(struct core *c, struct core_peer *p);
/* Other settings; a dynamic neighbour keeps its own name and address. */
void core_peer_set(struct core *c, struct core_peer *p, const struct config_peer *cfg);
static inline bool core_peer_is_removed(const struct core_peer *p)
{
    return p->place == CORE_NO_PLACE;
}
struct core_peer *core_peer_find(const struct core *c, const char *name);
/* One after the other; NULL ends. */
struct core_peer *core_next_peer(const struct core *c, const struct core_peer *after);

/* core_dynamic.c: peers by prefix. */
/* The entry that says most of an address, SIZE_MAX: none does. Disabled, or of other nodes, it counts as well: its
 * address is not that of a wider prefix. */
size_t core_dynamic_place(const struct core *c, const struct ip_addr *remote);
/* Somebody calls from an address that no peer has: its NVA, new or old, with a session. NULL: it may not
 * call, and *hint says why. */
struct core_peer *core_dynamic_call(struct core *c, const struct ip_addr *remote, const char **hint);
/* Another node tells of these NVAs: those that are neighbours of a prefix of ours are known from now on. */
void core_dynamic_hear(struct core *c, const struct repl_batch *b);
/* Prefixes have changed: neighbours that had none may have one again. */
void core_dynamic_readopt(struct core *c);
/* After anything that happened to its session. */
void core_dynamic_watch(struct core *c, struct core_peer *p);
/* May end its session, which is no more then. */
void core_dynamic_tick(struct core *c, struct core_peer *p);
/* A table that was ours may hold routes of neighbours that are not back yet, and nobody knows their names: we have
 * restarted, and all others with us. Until one knows, because it has waited for as long as routes are held. */
bool core_dynamic_may_miss(const struct core *c);
bool core_dynamic_knows_all(const struct core *c);

/* core_bgp.c */
/* Its session machine. */
void core_bgp_start(struct core *c, struct core_peer *p);
/* Its session machine goes; it must be down. */
void core_bgp_end(struct core *c, struct core_peer *p);
struct core_conn *core_bgp_accept(struct core *c, const struct ip_addr *remote);
void core_bgp_drain(struct core *c, struct core_conn *conn);
void core_bgp_fill(struct core *c, struct core_conn *conn);
/* True: it has more for the room. */
bool core_bgp_sent(struct core *c, struct core_conn *conn, bool was_tight);
/* Update groups have news: every member looks for what is its own. */
void core_bgp_wake_members(struct core *c);
/* End the sessions of those for whom more would have to be kept than is bearable. */
void core_bgp_end_lost(struct core *c);
void core_bgp_connected(struct core *c, struct core_conn *conn, const struct ip_addr *local);
void core_bgp_closed(struct core *c, struct core_conn *conn);
void core_bgp_tick(struct core *c);
/* Has every NVA spoken, or come anew, since then? */
bool core_bgp_has_heard_all(const struct core *c, uint64_t since_ms);
/* What follows whatever was done with a session: its events, its output, its timer. */
void core_bgp_settle(struct core *c, struct core_peer *p);
/* When a time of this NVA that ends at at_ms is over: not before it was heard out. After a pause of ours, or where others keep
 * us from reading it, what it said in time is here and was not read yet. */
uint64_t core_heard_out_at(const struct core *c, const struct core_peer *p, uint64_t at_ms);
/* Its next deadline has changed. */
void core_bgp_due(struct core *c, const struct core_peer *p);
void core_bgp_rearm(struct core *c);
/* This node has converged: who held our routes over our restart hears of them (RFC 4724 section 4.1). */
void core_bgp_converged(struct core *c);
uint64_t core_bgp_deadline(const struct core *c);
/* routerId, or the node's IPv4 address, or its number (RFC 6286 asks for uniqueness, no more). */
uint32_t core_router_id(const struct core *c);
/* Every NVA of the configuration has told all it has, to this node or to another that is alive. */
bool core_bgp_all_synced(const struct core *c);
/* … and who tells each node something else, to each: what none of them has heard by then no NVA announces. */
bool core_bgp_have_all_told(const struct core *c);

/* End the session with this Cease; it comes back by itself. is_hard: the peer must not hold our routes (RFC 8538). */
void core_bgp_fail(struct core *c, struct core_peer *p, enum bgp_cease_subcode subcode, bool is_hard);
/* Start the session, or hold it back, as core_bfd_permits says; not one that nobody wants now. */
void core_bgp_permit(struct core *c, struct core_peer *p);

/* core_bfd.c */
void core_bfd_open(struct core *c, const struct core_peer *p, const struct ip_addr *local);
void core_bfd_close(struct core *c, struct core_peer *p);
/* Another configuration: BFD has other times, and the BGP session stays. Not where it goes: who has it still would take
 * that for a failure. */
void core_bfd_follow(struct core *c, struct core_peer *p, const struct config_bfd *was);
bool core_bfd_permits(const struct core_peer *p);

/* core_tap.c: what is on the wire, for those who watch it */
void core_tap_heard(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len);
void core_tap_sent(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len);
void core_tap_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e);
void core_tap_state(struct core *c, const struct core_peer *p, const struct bgp_session_event *e);
void core_tap_init(struct core *c);
void core_tap_fini(struct core *c);
void core_tap_conn_fini(struct core_conn *conn);

/* core_routes.c */
/* How this peer is told routes of a family; its session is up. */
struct adjout_rules core_routes_rules(const struct core *c, const struct core_peer *p, uint8_t family);
struct rib_session *core_session_fact(struct core *c, const struct core_peer *p);
const char *core_peer_subject(const struct core_peer *p, char *buf, size_t cap); /* "peer=NAME" */
/* The node's BGP address of this family, or NULL. */
const struct ip_addr *core_node_addr(const struct config_node *n, uint8_t family);
void core_routes_up(struct core *c, struct core_peer *p);
void core_routes_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e);
void core_routes_update(struct core *c, struct core_peer *p, const struct bgp_update *u);
void core_routes_refresh(struct core *c, struct core_peer *p, const struct bgp_session_event *e);
/* It has told all it has. */
void core_routes_synced(struct core *c, struct core_peer *p);
/* The peer has told its routes for so long that what it has not told again goes. */
void core_routes_overdue(struct core *c, struct core_peer *p);
/* What it told is bounded anew once nothing is held of what it told before. */
void core_routes_judge(struct core *c, struct core_peer *p);
/* Says so once a session, if it is not told routes that fit none of its messages. */
void core_routes_tell_too_long(struct core *c, struct core_peer *p);
/* It did not come back within its restart time. */
void core_routes_end_grace(struct core *c, struct core_peer *p);
/* It is gone, and nothing of it is held. */
void core_routes_lose(struct core *c, struct core_peer *p);
/* NVAs of this entry may join: paths that hold their AS hide no other from them. */
void core_routes_expect(struct core *c, const struct config_peer *cfg);
void core_routes_join(struct core *c, struct core_peer *p);
/* What it is told has other rules now: tell everything once more. */
void core_routes_retell(struct core *c, struct core_peer *p);
void core_routes_leave(struct core_peer *p);

/* core_budget.c: what an NVA may cost. So many more routes with these attributes, whatever is there of them already? */
bool core_budget_admits_all(const struct core *c, const struct core_peer *p, uint32_t count, uint32_t attrs);
bool core_budget_admits(struct core *c, const struct core_peer *p, const struct ip_prefix *prefix,
                        uint32_t path_id, uint32_t attrs);
void core_budget_refuse(struct core *c, struct core_peer *p);
bool core_budget_has_room(const struct core *c, const struct core_peer *p, const struct ip_prefix *prefix,
                          uint32_t path_id);
void core_budget_refuse_path(struct core *c, struct core_peer *p, const struct ip_prefix *prefix);
/* After an UPDATE; once a second. */
void core_budget_look(struct core *c, struct core_peer *p);
void core_budget_tick(struct core *c);

/* core_stale.c: long-lived graceful restart. Families as bits. */
void core_stale_agree(struct core_peer *p);     /* at Up */
uint8_t core_stale_offered(const struct core_peer *p);
uint8_t core_stale_held(const struct core_peer *p);
/* The last of the times that run; 0 = none. */
uint64_t core_stale_last(const struct core_peer *p);
void core_stale_begin(struct core *c, struct core_peer *p, uint8_t families);
void core_stale_forget(struct core_peer *p, uint8_t families);
/* The peer has told all of these families: whatever was, is forgotten. */
void core_stale_told(struct core_peer *p, uint8_t families);
/* Of the families that are held: those that the peer, which is back, still forwards for. */
uint8_t core_stale_kept(const struct core_peer *p);
void core_stale_tick(struct core *c, struct core_peer *p);
uint64_t core_stale_deadline(const struct core *c, const struct core_peer *p);

/* core_doubt.c: what other sessions with an NVA say of a route that it told us once. */
/* This net, of which something was withdrawn, is about to be decided: was it elsewhere, and not here? */
void core_doubt_look(struct core *c, uint32_t net);
void core_doubt_heard(struct core *c, struct core_peer *p);
/* The session has ended. */
void core_doubt_forget(struct core_peer *p);
void core_doubt_tick(struct core *c, struct core_peer *p);
uint64_t core_doubt_deadline(const struct core_peer *p);

#endif
