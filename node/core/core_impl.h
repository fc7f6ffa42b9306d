/* Inside the core: shared by the files of this folder only. */
#ifndef TANDEM_NODE_CORE_IMPL_H
#define TANDEM_NODE_CORE_IMPL_H

#include "node/core/core.h"

#include "bgp/base/heap.h"
#include "node/base/memory.h"
#include "node/core/core_agents_impl.h"
#include "node/core/core_members_impl.h"
#include "node/core/core_peers_impl.h"
#include "node/core/core_targets_impl.h"
#include "replication/digest.h"
#include "replication/evidence.h"
#include "replication/stream.h"

enum {
    CORE_EVENTS = 1024,
    CORE_DECIDE_BUDGET = 8192,    /* nets and their paths a turn: about a millisecond */
    CORE_ENCODE_BUDGET = 8192,    /* nets a turn for all update groups: less than a millisecond */
    CORE_WALK_BUDGET = 32 * 1024, /* nets looked at and routes told a turn to all NVAs that catch up: a millisecond */
    CORE_WANT_BUDGET = 8192,      /* nets a turn and target */
    CORE_RX_BUDGET = 32 * 1024,   /* bytes a turn of all NVAs together, … */
    CORE_RX_ROUTES = 2048,        /* … or so many routes, which is less where a message is full of them: half a
                                   * millisecond, and twice that with a target and a second node */
    CORE_RX_ROUTES_FEW = CORE_RX_ROUTES / 32, /* … while NVAs that catch up wait for CORE_WALK_BUDGET */
    CORE_BULK_QUEUED = 128 * 1024,
    CORE_WAKE_MS = 250,           /* a turn so late was a pause of the process */
    CORE_STREAM_WAIT_MS = 2,      /* so long a stream waits for what an NVA has said and was not read yet */
    CORE_REARM_MS = 1000,
    CORE_WOKEN_MS = 2000,         /* so long after it a loss is the pause's */
    CORE_AWAIT_MS = 3000,         /* what is lost waits so long for a node that came back, at most; who woke for all others */
    CORE_PARTS_MS = 500,          /* what is withdrawn waits so long for the rest of a stream, at most: half of S2's second */
    CORE_HEARSAY_MS = 3000,       /* what it knows may be old so long: TCP sends again as late as the pause was long */
    CORE_HEARSAY_TARGET_MS = 5000, /* a writer of before, who is heard, has told by then why it wrote what it did */
    CORE_LAGS_MS = 1000,          /* bytes of an NVA may wait so long to be read; who keeps them waiting longer is grey (S4) */
    CORE_QUIET_MS = 5000,         /* a peer that sends no End-of-RIB has told all when silent so long */
    CORE_PATHS = 256,             /* of one prefix, that one NVA may tell (RFC 7911) */
    CORE_REAP_BUDGET = 1024,      /* nets without paths a turn, once no NVA talks … */
    CORE_SPARED = 1 << 17,        /* … or there are more than so many: three megabytes */
    CORE_SWEEP_BUDGET = 32 * 1024, /* entries a turn that a walk looks at, or 2,048 that it changes: half a millisecond */
    CORE_JUDGE_BUDGET = 2048,     /* nets a turn that another configuration has judged anew: as many as are read, … */
    CORE_COUNT_BUDGET = 512,      /* … or that a new limit counts: each is a search in a tree */
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

/* Next hops of NVAs of which something was heard a moment ago, oldest first; see core_lost.c. */
enum { CORE_LOST_MAX = 64 };
struct core_hops {
    struct ip_addr hops[CORE_LOST_MAX];
    uint64_t until_ms[CORE_LOST_MAX];
    size_t count;
};
struct core_lost {
    struct core_hops gone, told; /* they were lost; they have told all anew */
    struct core_hops heard;      /* before this node has converged: they have told it all */
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

/* The digest under another key, on its way through the prefixes. */
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
    uint64_t slept_ms;         /* and the last turn before it */
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
    uint64_t streamed_ms; /* the own stream went to its readers then */
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
    bool is_vouched; /* a node that knows who the dynamic neighbours are has told all it has */
    struct core_member members[REPL_NODES_MAX + 1]; /* by node id; [self] unused */
    struct repl_member_times member_times;
    uint64_t beat_ms, beat_counter;
    uint16_t minor; /* newest protocol minor that we speak; the other one is that before it */
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
    uint64_t refused_handshakes;

    bool tombs_due; /* more tombstones are to be dropped than this turn had time for */
    struct list conns, links, busy, moved;
    struct list ready; /* pumps with bytes received */
    uint32_t input_lag_ms;
    size_t rx_left;    /* of this turn's CORE_RX_BUDGET */
    uint64_t rx_steps; /* of the RIB, at which its CORE_RX_ROUTES are used up */
    unsigned walk_left; /* of this turn's CORE_WALK_BUDGET */
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
void core_revisions_fini(struct core *c);
void core_recheck_tick(struct core *c);
/* The rules that hold for this net: those of before while it waits. */
const struct vnet *core_vnet_for(const struct core *c, uint32_t net);

/* The version of the Loc-RIB order that every reader of it has passed. */
uint64_t core_slowest_reader(const struct core *c);

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
/* The peer is disabled or removed: what was lost of it before, and a brake holds, goes. */
void core_lost_taken_out(struct core *c, const struct core_peer *p);

/* core_drain.c */
void core_drain_tick(struct core *c);
uint64_t core_drain_deadline(const struct core *c);
/* Is this NVA told that our routes are about to go? */
bool core_drain_marks(const struct core *c, const struct core_peer *p);

/* The other nodes, one after the other; NULL ends. */
static inline struct core_member *core_next_member(const struct core *c, const struct core_member *after)
{
    uint32_t id = after ? after->node->id + 1 : 1;
    id += id == c->cfg.self;
    return id <= c->config->node_count ? &((struct core *)(uintptr_t)c)->members[id] : NULL;
}

/* The net has another set: in this digest, … */
static inline void core_digest_change(const struct core *c, struct repl_digest *d, uint32_t net, uint32_t old_set,
                                      uint32_t new_set)
{
    repl_digest_change_key(d, prefix_index_family(net), rib_net_key(&c->rib, net), nhset_get(&c->rib.sets, old_set),
                           nhset_get(&c->rib.sets, new_set));
}

/* … in all that there are: it was decided. */
static inline void core_digest_changed(struct core *c, uint32_t net, uint32_t old_set, uint32_t new_set)
{
    core_digest_change(c, &c->digest, net, old_set, new_set);
    if (c->rekey.is_on)
        core_rekey_changed(c, net, old_set, new_set);
}

/* Is it so late after our start? Not before those were heard out who spoke while we slept. */
static inline bool core_is_past(const struct core *c, uint64_t after_ms)
{
    return c->now_ms >= c->started_ms + after_ms && !c->wake_ms && !c->hearsay_ms;
}

/* Who has said nothing since we started is not missed any more: no route is held for longer. */
static inline bool core_holds_are_over(const struct core *c)
{
    return core_is_past(c, c->hold_times.grace_ms + c->hold_times.stale_ms);
}

/* Has all that stood in its order gone by time? What is partial otherwise lacks some NVAs' only. */
static inline bool core_is_dropped(const struct rib_origin *o)
{
    return o->is_partial && o->flushed >= vlist_head(&o->order);
}

/* Is anything left of what a turn reads of NVAs? */
static inline bool core_may_read(const struct core *c)
{
    return c->rx_left && c->rib.steps < c->rx_steps;
}

#endif
