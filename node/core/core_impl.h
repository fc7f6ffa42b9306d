/* Inside the core: shared by the files of this folder only. */
#ifndef TANDEM_NODE_CORE_IMPL_H
#define TANDEM_NODE_CORE_IMPL_H

#include "node/core/core.h"

#include "bgp/base/heap.h"
#include "node/base/memory.h"
#include "node/core/core_agents_impl.h"
#include "node/core/core_words.h"
#include "replication/digest.h"
#include "replication/evidence.h"
#include "replication/stream.h"

enum {
    CORE_EVENTS = 1024,
    CORE_DECIDE_BUDGET = 8192,    /* nets and their paths a turn: about a millisecond */
    CORE_ENCODE_BUDGET = 16384,   /* nets a turn for all update groups: about two milliseconds */
    CORE_WANT_BUDGET = 8192,      /* nets a turn and target */
    CORE_RX_BUDGET = 32 * 1024,   /* bytes a turn of all NVAs together, … */
    CORE_RX_ROUTES = 2048,        /* … or so many routes, which is less where a message is full of them: half a
                                   * millisecond, and twice that with a target and a second node */
    CORE_BULK_QUEUED = 128 * 1024,
    CORE_WAKE_MS = 250,           /* a turn so late was a pause of the process */
    CORE_REARM_MS = 1000,
    CORE_WOKEN_MS = 2000,         /* so long after it a loss is the pause's */
    CORE_HEARSAY_MS = 3000,       /* what it knows may be old so long: TCP sends again as late as the pause was long */
    CORE_HEARSAY_TARGET_MS = 5000, /* a writer of before, who is heard, has told by then why it wrote what it did */
    CORE_LAGS_MS = 1000,          /* bytes of an NVA may wait so long to be read; who keeps them waiting longer is grey (S4) */
    CORE_QUIET_MS = 5000,         /* a peer that sends no End-of-RIB has told all when silent so long */
    CORE_PATHS = 256,             /* of one prefix, that one NVA may tell (RFC 7911) */
    CORE_REAP_BUDGET = 1024,
    CORE_SWEEP_BUDGET = 32 * 1024, /* entries a turn that a walk looks at, or 2,048 that it changes: half a millisecond */
    CORE_RESET_MS = 120 * 1000,   /* a peer may take to come back after a reset of ours, and keep its routes */
    CORE_PEERS_MS = 1000,         /* between looks for NVAs that have gone for good */
    CORE_DYING = 1 << 16,         /* nets without paths that wait for a slow NVA to read of their end … */
    CORE_DYING_SHARE = 2,         /* … beside one for so many that have paths */
    CORE_HALF_OPEN = 8,           /* handshakes of one address at a time */
    CORE_HALF_OPEN_ALL = 64,
    CORE_HANDSHAKES = 8,          /* of them a turn: key agreements take some 0.2 ms */
    CORE_STRANGERS = 16,          /* addresses whose failed handshakes are counted */
    CORE_STRANGER_RATE = 10,      /* of them a second; then they are refused until it is over */
    CORE_REFUSED = 16,            /* refused BGP connections that are told so at a time */
    CORE_REFUSED_LOG_MS = 1000,
};

enum { CORE_ALGO_VERSION = 1 }; /* of the decision: the newest that this program has, and the only one */

enum conn_kind { CONN_BGP, CONN_LINK, CONN_BMP };

/* Who fails to authenticate again and again costs key agreements: its address has to wait. */
struct core_stranger {
    struct ip_addr address;
    uint64_t since_ms; /* of this second */
    unsigned failures; /* within it */
};

/* A BGP message as it was on the wire, kept. */
struct core_message {
    uint8_t *bytes; /* NULL: none */
    size_t len;
};

struct core_station; /* core_bmp_impl.h */

/* One connection. The pump is its first member: the loop knows nothing else of it. */
struct core_conn {
    struct pump pump;
    struct list all;
    struct list work;  /* a node's link: on core.links; others: on core.busy while they may have output */
    struct list moved; /* on core.moved: the loop is to send, or to read on */
    uint8_t kind;
    bool dialled;       /* by us */
    bool connected;
    bool close_asked;
    bool authenticated; /* CONN_LINK: it was up */
    struct ip_addr remote, local;
    uint64_t unread_ms;     /* since when bytes received wait for their turn to be read; 0 = none do */
    struct core_message sent_open, heard_open; /* CONN_BGP, while somebody wants to know */
    bool was_up;            /* CONN_BGP: it was Established */
    struct core_peer *peer; /* CONN_BGP; NULL once the session has let it go */
    bool is_refused;        /* CONN_BGP: refused, and only there to be told so */
    uint8_t slot;
    struct repl_link *link; /* CONN_LINK */
    struct core_member *member; /* dialled, or authenticated */
    struct core_proof proof;    /* … with it */
    struct core_agent *agent;
    struct core_station *station; /* CONN_BMP */
};

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
    bool high_memory, over_memory, over_paths; /* core_budget.c */
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
    bool is_reset;       /* its session ends for other settings, and begins anew at once */
    bool is_kept;        /* its routes are held because we have left: it has kept forwarding */
    uint32_t stale_s[BGP_FAMILIES];     /* RFC 9494, as agreed on: 0 = not with it */
    uint64_t stale_until[BGP_FAMILIES]; /* its long-lived stale routes go then; 0 = it has none */
    uint8_t stale_over;  /* bit per family: that was before it had told all of it again */
    bool is_stale;       /* the session is down, and its time for a restart is over */
    struct core_doubt doubt;
    struct core_peer_error error;
};

struct core_member {
    const struct config_node *node;
    struct repl_member life;
    struct core_conn *link;    /* authenticated, current */
    struct core_conn *dialling;
    struct repl_party parties[2]; /* its key, and while it is rotated the next one */
    size_t party_count;
    unsigned attempt;  /* which of its keys and our secrets the next dial begins with */
    uint64_t rekey_ms; /* the link is not replaced for newer keys before */
    bool key_unlisted; /* it uses a key that is not in the configuration */
    uint64_t renew_ms; /* the link is to be replaced then: by the lower node id, before it is broken */
    unsigned hung_up; /* dials in a row that it closed during the handshake */
    uint16_t minor, algo_max; /* of its hello: the protocol's that both speak, and its newest algorithm */
    struct repl_sender senders[REPL_NODES_MAX + 1]; /* what it reads from us, by origin */
    struct repl_replica replica;
    struct core_member *source; /* whom its stream is read from: itself, or another with a copy; NULL: nobody */
    uint64_t read_ms; /* all that it had said by then is here; 0: nothing of this life was read to its end */
    char version[REPL_VERSION_MAX + 1]; /* of its program, as its last hello said; "" = none did */
    uint64_t begun_ms; /* it started, as the same says */
    uint64_t bytes_in, bytes_out; /* of its links */
    uint64_t counter; /* of the newest beat of this life that anybody heard of it */
    uint64_t told_ms; /* when that was news here */
    uint64_t gone_incarnation; /* its life when it was found away: its stream may bring a later one before beats do */
    struct repl_beat heard;    /* the last one */
    uint64_t heard_beat_ms;
    uint64_t config_generation; /* of its hello, or its last beat */
    bool config_differs;
    bool has_heard;
    bool digest_compared, digest_equal;
    uint64_t differing;    /* bit per bucket of the digest, by its last breakdown */
    uint64_t breakdown_ms; /* ours goes out again then */
    char last_error[160];
};

/* Of a shared target, as another node sees it. */
struct core_hint {
    uint64_t yielded, epoch;
    bool is_told, reads;
};

struct core_target {
    struct core_target *next_leaving; /* it is configured no more, and lets go what it held */
    const struct config_target *cfg;
    struct program *program; /* all but table, where it runs here; else NULL */
    uint64_t cursor;
    bool ready;
    bool is_shared;
    bool converged_told;
    uint8_t told_role;
    bool doubts_hearsay; /* is_shared: ours, and what others wrote is not removed without a withdrawal */
    uint32_t writer;     /* is_shared: the other node that wrote it last, 0 = none that we know of */
    bool is_judging;     /* it has just become ours: withdrawals of what stands there are judged anew, … */
    uint8_t judged_family; /* … and have been so far */
    uint32_t judged_place;
    struct core_inherited inherited;
    uint64_t told; /* version of core_lost that it was told */
    struct repl_fence fence; /* is_shared */
    struct core_hint hints[REPL_NODES_MAX + 1];
    uint8_t failover;    /* is_shared: enum core_failover of the vacancy … */
    uint64_t vacant_ms;  /* … that began then; 0 = there is none that we would end */
    struct histogram failovers[CORE_FAILOVERS]; /* of those that we ended */
    const char *state; /* its backend's word, lives for ever; NULL: none */
    char trouble[160];
    uint64_t trouble_since_ms;
    struct core_unhealthy unhealthy[CORE_UNHEALTHY_MAX];
    size_t unhealthy_count;
    struct core_fact facts[CORE_FACTS_MAX];
    size_t fact_count;
};

/* Next hops of NVAs of which something was heard a moment ago, oldest first; see core_lost.c. */
enum { CORE_LOST_MAX = 64 };
struct core_hops {
    struct ip_addr hops[CORE_LOST_MAX];
    uint64_t until_ms[CORE_LOST_MAX];
    size_t count;
};
struct core_lost {
    struct core_hops gone, told; /* they were lost; they have told all anew */
    uint64_t version;            /* counts changes */
    uint64_t seen;               /* rib.session_changes at the last look */
};

/* Planned work, see core_drain.c. */
struct core_drain {
    uint8_t state;     /* enum core_drain_state */
    bool is_stop;      /* the process ends then */
    uint64_t since_ms; /* in this state or the one before */
    uint64_t told_ms;  /* DRAINING: all have been told since; 0 = not yet */
    char text[256];    /* for the NVAs */
};

/* Another configuration on its way through the prefixes. */
struct core_recheck {
    bool is_on, is_due, lists_again; /* lists_again: readers of the Loc-RIB look at every net */
    bool counts; /* a limit is new: it knows all prefixes before any is judged by it */
    uint8_t family;
    uint32_t place; /* the next one */
    struct ip_prefix *spaces;
    bool *is_peered;
    struct vnet vnet; /* of the old one: it holds for those that wait */
};

/* The digest under another key on its way through the prefixes. */
struct core_rekey {
    bool is_on;
    uint8_t family;
    uint32_t place; /* the next one */
    struct repl_digest digest;
};

struct core {
    struct core_cfg cfg; /* its keys are those below */
    struct core_keys keys;
    uint8_t key_id[REPL_KEY_ID];
    const struct config *config;
    const struct config_node *node;
    struct core_turns turns;
    struct histogram times[CORE_STAGES];
    uint64_t heard_ms[CORE_STAGES]; /* an UPDATE came then, and what follows from it is not done; 0 = all is */
    uint64_t started_ms, turned_ms, due_ms, incarnation;
    uint32_t lag_ms;
    uint8_t phase;
    struct core_drain drain;
    uint64_t wake_ms; /* 0, or: paused a moment ago, awake then at the latest */
    uint64_t woken_ms; /* 0, or: what was lost meanwhile may still be told until then */
    uint64_t hearsay_ms; /* 0, or: an NVA may not have told since the pause what it said meanwhile, until then */
    uint64_t hearsay_since_ms; /* … that pause's end */
    uint64_t woke_ms;  /* 0, or: a pause ended then, and not every node was heard out since */
    uint64_t woke_counter; /* the first beat that was sent after the last pause */

    struct rib rib;
    uint32_t sweep_budget; /* of a turn; the simulator gives some seeds little */
    struct adjout *adjout;
    struct policy policy;
    struct vnet vnet;
    struct policy_nva *nvas; /* these by NVA number: nva_count numbers, with room for nva_room */
    const char **nva_names;  /* NULL: the number is free */
    struct core_peer **peers; /* NULL: the number is free, or 0 */
    uint32_t nva_count, nva_room;
    uint64_t clean_ms; /* nothing waited for a decision then */
    uint64_t foreseen_ms; /* the turn of that time was followed by questions of core_foresee */
    uint64_t peers_ms; /* who has gone for good is looked for then */
    uint32_t generations; /* of sessions; of all NVAs together, so that a number's next NVA repeats none */
    struct repl_names names;
    struct ip_prefix *spaces;
    bool *is_peered; /* of each space */
    struct ip_addr *node_addrs;
    struct repl_digest digest;
    struct core_rekey rekey;
    uint32_t programmed;
    struct core_table table;
    uint32_t discard[BGP_FAMILIES]; /* the set that stands for a blackhole */
    struct core_recheck recheck;
    char config_refused[CORE_EVENT_TEXT];
    struct core_revision revisions[CORE_REVISIONS]; /* the nth at n % CORE_REVISIONS */
    uint64_t revision; /* configurations followed so far, the first one among them */
    struct repl_evidence_times hold_times;
    bool converged_told;

    unsigned refused, refused_untold; /* connections; refusals since the last line in the log */
    uint64_t refused_told_ms;
    bool is_vouched; /* a node that was steady before we were has told who the dynamic neighbours are */
    struct core_member members[REPL_NODES_MAX + 1]; /* by node id; [self] unused */
    struct repl_member_times member_times;
    uint64_t beat_ms, beat_counter;
    uint16_t minor; /* newest protocol minor that we speak */
    struct repl_party *parties;
    size_t party_count;
    struct repl_batcher *batcher;
    size_t bulk_queued; /* of a stream, on its way out: a beat waits behind no more */
    struct core_stranger strangers[CORE_STRANGERS];
    struct core_host **hosts, **unlisted; /* unlisted: still connected */
    size_t host_count, unlisted_count;
    struct list agents, agents_behind;
    size_t agent_count;
    bool agents_wait; /* some are behind, and had no turn */
    struct core_moment agents_told; /* who is not behind knows all of it */
    struct core_lost lost;
    struct core_target **targets; /* as config->targets; backends hold on to fences and programs */
    size_t target_count;
    struct core_target *leaving;
    uint64_t quarantined, refused_handshakes;

    bool tombs_due; /* more tombstones are to be dropped than this turn had time for */
    struct list conns, links, busy, moved;
    struct list ready; /* pumps with bytes received */
    uint32_t input_lag_ms;
    size_t rx_left;    /* of this turn's CORE_RX_BUDGET */
    uint64_t rx_steps; /* of the RIB, at which its CORE_RX_ROUTES are used up */
    struct heap due;   /* NVAs by the time of their session's next tick */
    uint64_t produced; /* adjout_produced when all members were last looked at */
    struct core_request *requests;
    size_t request_cap, request_first, request_count;

    struct core_event events[CORE_EVENTS];
    uint64_t event_sequence;
    uint64_t now_ms;
    uint64_t wall_ms; /* at now_ms = 0; 0 = not known */

    struct core_station *stations;
    uint64_t session_changes; /* sessions that came up or went down */
    struct core_message records; /* MRT; bytes NULL: nobody wants them */
    uint64_t records_lost;
    bool stations_busy;       /* there is more to tell them, and room for it */
};

/* Exhausted memory ends the process: the supervisor restarts it, the other node serves meanwhile. */
static inline void core_must(int err)
{
    if (err)
        abort();
}

void core_event(struct core *c, int level, const char *name, const char *subject,
                const char *fields, ...) __attribute__((format(printf, 5, 6)));
void core_request(struct core *c, const struct core_request *r);
/* "none" for 0 or a node that is not configured. */
const char *core_node_name(const struct core *c, uint32_t id);

struct core_conn *core_conn_new(struct core *c, enum conn_kind kind, const struct ip_addr *remote);
void core_conn_close(struct core *c, struct core_conn *conn);
/* It may have something to send: look at it this turn. */
void core_conn_work(struct core *c, struct core_conn *conn);
/* Its buffers changed: the loop is to look at it. */
void core_conn_moved(struct core *c, struct core_conn *conn);

/* core.c: what the policy and the VNet rules judge by, out of the configuration. */
void core_policy_init(struct core *c);
void core_announce_vnets(struct core *c);

/* core_reload.c */
/* What c->config holds is in force from now on. */
void core_revise(struct core *c);
void core_recheck_tick(struct core *c);
/* The rules that hold for this net: those of before while it waits. */
const struct vnet *core_vnet_for(const struct core *c, uint32_t net);

/* The version of the Loc-RIB order that every reader of it has passed. */
uint64_t core_slowest_reader(const struct core *c);

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
/* There may be dynamic neighbours that nobody has heard of yet: we have restarted, and all others with us. */
bool core_dynamic_may_miss(const struct core *c);

/* core_bgp.c */
/* Its session machine. */
void core_bgp_start(struct core *c, struct core_peer *p);
/* Its session machine goes; it must be down. */
void core_bgp_end(struct core *c, struct core_peer *p);
struct core_conn *core_bgp_accept(struct core *c, const struct ip_addr *remote);
/* Is anything left of what a turn reads of NVAs? */
static inline bool core_may_read(const struct core *c)
{
    return c->rx_left && c->rib.steps < c->rx_steps;
}
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

/* End the session with this Cease; it comes back by itself. is_hard: the peer must not hold our routes (RFC 8538). */
void core_bgp_fail(struct core *c, struct core_peer *p, enum bgp_cease_subcode subcode, bool is_hard);
/* Start the session, or hold it back, as core_bfd_permits says; not one that nobody wants now. */
void core_bgp_permit(struct core *c, struct core_peer *p);

/* core_bfd.c */
void core_bfd_open(struct core *c, const struct core_peer *p, const struct ip_addr *local);
void core_bfd_close(struct core *c, struct core_peer *p);
bool core_bfd_permits(const struct core_peer *p);

/* core_tap.c: what is on the wire, for those who watch it */
void core_tap_heard(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len);
void core_tap_sent(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len);
void core_tap_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e);
void core_tap_state(struct core *c, const struct core_peer *p, const struct bgp_session_event *e);
void core_tap_init(struct core *c);
void core_tap_fini(struct core *c);
void core_tap_conn_fini(struct core_conn *conn);

/* core_bmp.c */
void core_bmp_init(struct core *c);
void core_bmp_fini(struct core *c);
void core_bmp_turn(struct core *c);
void core_bmp_stop(struct core *c);
void core_bmp_connected(struct core *c, struct core_conn *conn);
void core_bmp_sent(struct core *c, struct core_conn *conn);
void core_bmp_closed(struct core *c, struct core_conn *conn, enum core_close how);
/* Lowest Loc-RIB version that some station has still to pass. */
uint64_t core_bmp_slowest(const struct core *c);
/* This NVA is told by other rules from now on: so are the stations of what it is told. */
void core_bmp_retell(struct core *c, const struct core_peer *p);

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

/* core_cluster.c */
void core_cluster_init(struct core *c);
void core_cluster_set_times(struct core *c);
/* A count of starts with chance in the low bits: equal ones are of the same life, even when a lost
 * disk makes a node count from the beginning. */
uint64_t core_incarnation(const struct core *c, uint64_t starts);
void core_cluster_fini(struct core *c);
struct core_conn *core_cluster_accept(struct core *c, const struct ip_addr *remote);
void core_cluster_drain(struct core *c, struct core_conn *conn);
void core_cluster_fill(struct core *c, struct core_conn *conn);
void core_cluster_connected(struct core *c, struct core_conn *conn);
void core_cluster_closed(struct core *c, struct core_conn *conn, enum core_close how);
void core_cluster_tick(struct core *c);
void core_cluster_stop(struct core *c);
void core_cluster_rearm(struct core *c);
uint64_t core_cluster_deadline(const struct core *c);
/* It is either alive and a cut of it was seen, or known to be away. */
bool core_member_caught_up(const struct core *c, const struct core_member *m);
/* Every other node is. */
bool core_cluster_caught_up(const struct core *c);
/* The node is there, as far as this one knows. */
bool core_member_is_here(const struct core_member *m);
void core_member_state(struct core *c, struct core_member *m, const char *reason);
const char *core_member_subject(const struct core_member *m, char *buf, size_t cap); /* "node=NAME" */
/* NULL for our own id, and for those that are not configured. */
struct core_member *core_member_of(struct core *c, uint32_t id);
/* The other nodes, one after the other; NULL ends. */
static inline struct core_member *core_next_member(const struct core *c, const struct core_member *after)
{
    uint32_t id = after ? after->node->id + 1 : 1;
    id += id == c->cfg.self;
    return id <= c->config->node_count ? &((struct core *)(uintptr_t)c)->members[id] : NULL;
}

/* core_streams.c */
/* A link with it is up, or is no more: who is read from whom is found anew. */
void core_streams_linked(struct core *c, struct core_member *m, uint64_t incarnation);
void core_streams_unlinked(struct core *c, struct core_member *m);
/* NVAs have come: what other nodes said of them before is asked for again. */
void core_streams_read_again(struct core *c);
void core_streams_choose(struct core *c);
void core_streams_send(struct core *c);
/* As much of them is on its way as a beat may wait behind: there is more once some of it has gone. */
bool core_streams_are_held(const struct core *c, const struct core_conn *conn);
/* Lowest own version that every living replica has. */
uint64_t core_streams_acked(const struct core *c);
/* All that the node has said is here, as of now. */
bool core_streams_is_current(const struct core *c, const struct core_member *m);
/* And of the nodes that are away all that the others, each of whom has said what it has, hold of them. */
bool core_streams_hold_all(const struct core *c);
void core_on_subscribe(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_on_batch(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_on_reset(struct core *c, struct core_member *m, const struct repl_msg *msg);

/* core_keys.c */
struct core_choice { /* what to dial with */
    const struct repl_party *party;
    const struct repl_secrets *secrets;
};
void core_keys_init(struct core *c);
void core_keys_fini(struct core *c);
void core_keys_list(struct core_member *m);
/* As its beats say, or else by the number of attempts, of which there are so many. */
struct core_choice core_keys_choose(const struct core *c, const struct core_member *m);
unsigned core_keys_choices(const struct core *c, const struct core_member *m);
void core_keys_proven(struct core *c, struct core_member *m, struct core_conn *conn,
                      const struct repl_party *party);
/* Have both sides of its link something newer than what it was made with? */
bool core_keys_are_outdated(const struct core *c, const struct core_member *m);
void core_keys_say(const struct core *c, struct repl_beat *b);
void core_keys_heard(struct core *c, struct core_member *m);
/* Is its digest under our key? */
bool core_keys_compare(const struct core *c, const struct core_member *m);
void core_digest_changed(struct core *c, uint32_t net, uint32_t old_set, uint32_t new_set);
void core_keys_tick(struct core *c);
const char *core_key_text(const uint8_t id[static REPL_KEY_ID], char text[static 2 * REPL_KEY_ID + 1]);

/* core_living.c */
uint16_t core_algo(const struct core *c);
/* What an origin is here, for vectors: its class, whether its held copies have expired, what is held of earlier
 * lives, and whether it is grey. */
uint8_t core_origin_status(const struct rib_origin *o);
void core_evidence_tick(struct core *c);
void core_living_beat(struct core *c);
void core_living_heard(struct core *c, const struct core_member *m);

/* core_heard.c */
/* What this node says of the others in its beat, and what it believes of what one of them says. */
void core_heard_say(const struct core *c, struct repl_beat *beat);
void core_heard_take(struct core *c, const struct core_member *from);
/* A beat of its own, directly. */
void core_heard_beat(struct core *c, struct core_member *m, uint64_t counter);
const struct repl_heard *core_heard_of(const struct core_member *teller, const struct core_member *m);

/* core_beat.c */
void core_beat(struct core *c);
void core_compare_digests(struct core *c, struct core_member *m);
void core_on_breakdown(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_positions(const struct core *c, struct repl_beat *beat);
bool core_digest_is_comparable(const struct core *c);
/* Its file is ours, or it is not: told when it changes. */
void core_compare_configs(struct core *c, struct core_member *m, const uint8_t digest[static REPL_DIGEST],
                          uint64_t generation);
/* Somebody remembers a later life of ours than this one. */
void core_cluster_raise(struct core *c, uint64_t seen);

/* core_targets.c */
void core_targets_init(struct core *c);
void core_targets_fini(struct core *c);
/* c->config has other targets: new ones begin, those that are in it no more end. */
void core_targets_follow(struct core *c);
/* Who was taken out of the configuration lets go more of what it held. */
void core_targets_tick(struct core *c);
void core_targets_feed(struct core *c);
bool core_targets_have_work(const struct core *c);
uint64_t core_targets_slowest(const struct core *c);
bool core_targets_hold(const struct core *c, uint32_t net);
/* At least so many nets are kept by a target's brake. */
uint32_t core_targets_held(const struct core *c);
struct core_target *core_nth_program(struct core *c, size_t nth);

/* core_times.c: how long news takes. */
void core_times_init(struct core *c);
void core_times_heard(struct core *c);
void core_times_tick(struct core *c, bool is_encoding);

/* core_silence.c */
/* Is any session of an NVA with a node that is alive more than a name? None means that we are probably the isolated
 * ones. None too after a pause, until the targets know what was lost in it: it was lost because we were away, and the
 * brake gives it the time to come back. */
bool core_nvas_are_heard(const struct core *c);
/* Of this node's own sessions. */
bool core_hears_no_nva(const struct core *c);

/* core_lost.c */
void core_lost_tick(struct core *c);

/* core_shared.c */
void core_shared_init(struct core *c, struct core_target *t, uint64_t beat_ms);
/* Does evidence speak against what another node wrote there? */
bool core_shared_is_disproved(const struct core *c, const struct core_target *t, uint32_t net);
/* A target that has just become ours: the next of its prefixes. */
void core_shared_judge(struct core *c, struct core_target *t);
void core_shared_woke(struct core *c);
void core_shared_tick(struct core *c);
uint64_t core_shared_deadline(const struct core *c);
void core_shared_stop(struct core *c);
/* Nothing is written by us, or waits for who will write it next. */
bool core_shared_has_moved(const struct core *c);
/* At most REPL_HINTS_MAX; returns how many. */
uint16_t core_shared_hints(const struct core *c, struct repl_hint *out);
void core_shared_heard(struct core *c, uint32_t node, const struct repl_beat *beat);

/* core_drain.c */
void core_drain_tick(struct core *c);
uint64_t core_drain_deadline(const struct core *c);
/* Is this NVA told that our routes are about to go? */
bool core_drain_marks(const struct core *c, const struct core_peer *p);

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
uint64_t core_stale_deadline(const struct core_peer *p);

#endif
