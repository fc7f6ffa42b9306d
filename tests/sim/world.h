/* The simulated world: whole nodes (node/core/core.h, the real one) in one process, in virtual time.
 *
 * Everything that happens is an event with a time; ties go by order of creation; all chance comes
 * from one seeded generator. So a seed is a run, and a failing seed is a test.
 *
 *   world   time, chance, events, names, the configuration
 *   kind    what else a configuration may say
 *   pipe    connections with delay, loss, cuts, and what a paused machine does to them
 *   crypto  keys and seals for them, that cost nothing
 *   nva     a BGP speaker made of the same session machine; its announcements are the truth
 *   told    what it is told, read by itself (told.h)
 *   host    one node: a core, its kernel table, which outlives it
 *   agent   a host that follows the nodes' tables; its kernel outlives it, too
 *   shared  a target that the nodes share, and who may write it (shared.h)
 *   act     what goes wrong, and when
 *   export  what routes say beside their length, and what a file says of what NVAs are told
 *   operate what an operator does meanwhile; rotate: with keys; tune: with what the file says of NVAs
 *   isolate no node hears any NVA
 *   divide  two groups of nodes do not hear each other
 *   check   invariants, after every event */
#ifndef TANDEM_TESTS_SIM_WORLD_H
#define TANDEM_TESTS_SIM_WORLD_H

#include <stdio.h>
#include <uv.h>

#include "node/core/core_impl.h"
#include "node/program/follow.h"
#include "tests/sim/told.h"

enum {
    SIM_NODES_MAX = 7,
    SIM_NVAS_MAX = 4,
    SIM_STRANGER = SIM_NODES_MAX + SIM_NVAS_MAX, /* who replays what it recorded */
    SIM_STORE,                                   /* the shared target */
    SIM_AGENT,                                   /* a host agent */
    SIM_PARTIES,
    SIM_PREFIXES_MAX = 64,
    SIM_PIPES_MAX = 512,
    SIM_LATENCY_MS = 3,
    SIM_RECORDING = 512,
    SIM_ACTS_MAX = 1024,
    SIM_ACT_KINDS = 15,
};

/* A party of the network: nodes first, then NVAs, then the stranger. */
typedef int sim_party;

/* What has to happen in a long run, or the run proves nothing. */
#define SIM_COUNT_MAP(X)                                                                           \
    X(CHANGES, "changes of routes")                                                                \
    X(CRASHES, "deaths")                                                                           \
    X(STARTS, "starts")                                                                            \
    X(APART_STARTS, "restarts apart from all others")                                              \
    X(STOPS, "orderly stops")                                                                      \
    X(PAUSES, "processes stopped")                                                                 \
    X(MACHINE_PAUSES, "machines paused")                                                           \
    X(WAKES, "pauses noticed")                                                                     \
    X(CUTS, "partitions")                                                                          \
    X(ONE_WAY_CUTS, "one-way partitions")                                                          \
    X(NVA_CUTS, "NVAs cut off a node")                                                             \
    X(NVA_RESTARTS, "NVAs restarted")                                                              \
    X(GRACEFUL, "NVAs restarted gracefully")                                                       \
    X(LONG_LIVED, "NVAs gone for longer, and held")                                                \
    X(TOLD_LATE, "sessions that were told all late")                                               \
    X(NEWER_CONFIGS, "starts with a newer configuration")                                          \
    X(LOST_DISKS, "starts without a memory of earlier ones")                                       \
    X(RAISED, "nodes reminded of a later life")                                                    \
    X(TAKEOVERS, "takeovers of the shared target")                                                 \
    X(FENCED, "owners fenced off")                                                                 \
    X(WRITES, "writes of it carried out")                                                          \
    X(WRITES_REFUSED, "writes of it refused")                                                      \
    X(LATE_WRITES, "writes of it that outlived their node")                                        \
    X(SHARED_REMOVALS, "removals from it")                                                         \
    X(LOST_REPLIES, "replies of it lost")                                                          \
    X(STORE_DOWN, "stores down")                                                                   \
    X(STORE_SLOW, "stores slow")                                                                   \
    X(STORE_CUTS, "nodes cut off the store")                                                       \
    X(THROTTLED, "stores that turn away")                                                          \
    X(PRECONDITIONS, "ETags that did not match")                                                   \
    X(FOREIGN, "edits by others")                                                                  \
    X(FENCE_LOST, "fences lost")                                                                   \
    X(COMPACTED, "watches that began in forgotten history")                                        \
    X(WATCH_LOSSES, "events lost by a watch")                                                      \
    X(SLOW, "slow directions")                                                                     \
    X(BIT_FLIPS, "bits flipped")                                                                   \
    X(REPLAYS, "recordings replayed")                                                              \
    X(WRONG_SECRETS, "starts with a wrong secret")                                                 \
    X(REMOVALS, "removals")                                                                        \
    X(SUSPECTS, "nodes suspected")                                                                 \
    X(DEATHS_SEEN, "nodes held dead")                                                              \
    X(AUTH_FAILURES, "nodes that could not authenticate")                                          \
    X(GOODBYES, "goodbyes heard")                                                                  \
    X(HELD, "origins held")                                                                        \
    X(STALE, "origins stale")                                                                      \
    X(OLD, "earlier lives held")                                                                   \
    X(DISPROVED, "held copies disproved")                                                          \
    X(RESETS, "streams started over")                                                              \
    X(RESUMES, "streams resumed")                                                                  \
    X(INHERITED, "tables inherited")                                                               \
    X(ISOLATED, "nodes that heard no NVA")                                                         \
    X(MISSED, "sessions whose hold time ran out before those of others that were late, too")        \
    X(ALONE, "times that no node heard any NVA, and nothing went")                                  \
    X(DIVIDED, "times that nodes fell into two groups")                                            \
    X(HEARSAY, "nodes alive by what others hear")                                                  \
    X(RELAYED, "streams read from another's copy")                                                 \
    X(FLUSHED, "copies of the dead compared")                                                      \
    X(CONNECTED, "partial partitions that settled")                                                \
    X(ENDS_OF_RIB, "Ends-of-RIB that other nodes heard of")                                         \
    X(PARTS, "looks at a stream between two cuts")                                                 \
    X(OLD_MINORS, "starts that speak the minor before")                                            \
    X(UPGRADES, "starts that speak the newest minor beside it")                                    \
    X(ROTATIONS, "keys and secrets exchanged")                                                     \
    X(AGENT_RESTARTS, "agents restarted")                                                          \
    X(AGENT_REMOVALS, "removals by an agent")                                                      \
    X(SINGLE, "worlds of one node")                                                                \
    X(NO_VNET, "worlds without a VNet")                                                            \
    X(TRANSPARENT, "worlds in transparent mode")                                                   \
    X(PATHS, "routes told as two paths")                                                           \
    X(SLOW_BEATS, "worlds with half as many beats")                                                \
    X(IP6, "IPv6 routes programmed")                                                               \
    X(BOTH, "worlds of both families")                                                             \
    X(IDLE, "worlds where a node programs nothing")                                                \
    X(HEAVY, "routes with attributes of 16 KiB and more")                                          \
    X(LONG_LIVED_CHANGES, "NVAs held for long, or not any more")                                   \
    X(DYNAMIC, "worlds where an NVA is a neighbour of a prefix")                                   \
    X(NUMBERS, "NVAs that have another number on each node")                                        \
    X(OVER_SIX, "worlds where all talk over IPv6")                                                 \
    X(SOME_SHARE, "worlds where the shared target is not every node's")                            \
    X(PASSIVE, "worlds where an NVA is not dialled")                                               \
    X(UNGRACEFUL, "worlds where an NVA's restart is not held over")                                \
    X(RELOADS, "configurations read while a node works")                                           \
    X(DRAINS, "nodes drained, or back")                                                            \
    X(YIELDS, "shared targets handed over")                                                        \
    X(REFRESHES, "NVAs asked for their routes again")                                              \
    X(CLEARED, "sessions begun or told anew")                                                      \
    X(TUNES, "files that say something else of an NVA")                                            \
    X(MAPS, "route maps changed")                                                                  \
    X(TRIMS, "limits that trim")                                                                   \
    X(LIMIT_RESETS, "sessions ended by a limit")                                                   \
    X(TYPES, "NVAs preferred by their type")                                                       \
    X(LOST_FAMILIES, "sessions that lost a family")                                                \
    X(DISABLED, "NVAs disabled")                                                                   \
    X(RENEWED, "links replaced by new ones")                                                       \
    X(FORMS, "routes that say something of their own")                                              \
    X(EXPORTS, "files that say what an NVA is told")                                                \
    X(UNEVEN, "routes that are told each node otherwise")                                           \
    X(TWINS, "worlds with NVAs in one AS")                                                          \
    X(TOLD, "routes told to NVAs")                                                                  \
    X(UNTOLD, "routes that NVAs are told the end of")                                               \
    X(TOLD_ANEW, "refreshes told between marks")                                                    \
    X(TOLD_AGAIN, "routes told again as they were")                                                 \
    X(NEVER_TOLD, "routes taken back that were never told")                                         \
    X(COMPARED, "digests compared")

#define SIM_COUNT_ENUM(name, text) SIM_##name,
enum sim_count { SIM_COUNT_MAP(SIM_COUNT_ENUM) SIM_COUNTS };
#undef SIM_COUNT_ENUM

struct world;

/* One TCP connection: two ends, bytes on their way with the time they arrive. */
struct sim_end {
    sim_party party;
    struct pump *pump;            /* a node's */
    struct nva_session *session;  /* or an NVA's, with its slot */
    struct sim_upstream *upstream; /* or the agent's */
    int slot;
    bool open;
    bool waiting; /* its kernel has accepted, its process is stopped */
};

struct sim_pipe {
    bool used, established;
    struct sim_end end[2]; /* [0] dialled */
    enum core_port port;
    uint64_t arrives[2];   /* not before: keeps bytes in order */
    uint64_t sent[2], delivered[2]; /* chunks, by sending side */
    unsigned generation;   /* events of an earlier use are void */
};

struct nva_session { /* of one NVA with one node */
    struct nva *nva;
    int node;
    struct bgp_session *machine;
    uint64_t up_at;  /* when it told what the NVA announces, … */
    bool is_untold;  /* … or is to, not before */
    struct sim_pipe *pipe[BGP_SLOTS];
    uint8_t *out; /* UPDATEs that wait to be sent */
    size_t out_len, out_cap;
    struct sim_told told[SIM_PREFIXES_MAX + SIM_VNETS]; /* what the node tells it */
    unsigned ends_of_rib[BGP_FAMILIES];
    uint64_t told_since;
};

struct nva {
    struct world *world;
    int number;
    uint32_t asn;
    struct ip_addr addr;
    bool truth[SIM_PREFIXES_MAX];      /* announced now */
    unsigned prepend[SIM_PREFIXES_MAX];
    uint64_t changed[SIM_PREFIXES_MAX]; /* since when; that it is announced otherwise changes nothing in that */
    bool ever[SIM_PREFIXES_MAX];        /* it was announced at some time */
    uint32_t nodes;                     /* bit per host: which it peers with */
    bool is_graceful;                   /* it asks to be held while it restarts, so long: */
    uint16_t restart_s;
    uint32_t stale_s;                   /* and then as a last resort (RFC 9494); 0: not */
    bool is_away;
    uint64_t restarted, held_until;     /* its last restart; its routes are held at least until then … */
    uint32_t restarts;                  /* … by these hosts */
    uint64_t unheard;                   /* when no node had a session with it for the last time */
    struct nva_session sessions[SIM_NODES_MAX];
};

/* It announces the prefix since it is away: nobody can know. */
static inline bool sim_nva_is_unsaid(const struct nva *n, int prefix)
{
    return n->is_away && n->changed[prefix] >= n->restarted;
}

struct sim_table { /* of a kernel, which outlives its node, or of a shared target */
    bool present[SIM_PREFIXES_MAX];
    struct ip_addr hops[SIM_PREFIXES_MAX][SIM_NVAS_MAX];
    uint32_t hop_count[SIM_PREFIXES_MAX];
    uint64_t since[SIM_PREFIXES_MAX][SIM_NVAS_MAX]; /* a next hop of this NVA stands there without a break */
};

/* What D1 compares: a node's digest, and what it is a function of. */
struct sim_sight {
    bool is_fresh; /* nothing happened to the node since */
    bool is_comparable;
    struct repl_beat inputs; /* its positions */
    uint8_t digest[REPL_DIGEST];
};

struct host {
    struct world *world;
    int number;
    struct core *core; /* NULL: dead */
    struct config config; /* as its file was when it read it last */
    bool is_drained;
    struct sim_sight sight;
    uint64_t turn_at, up_since, read_at; /* its file */
    uint64_t incarnation, lives; /* starts so far; those that its disk remembers */
    unsigned turn_generation;
    uint64_t paused_until;    /* in the future: neither the process nor, with lag, its machine runs */
    uint64_t pause_lag;       /* after a pause of the machine its packets come so much later; 0: SIGSTOP */
    uint64_t stopping_since;  /* asked to stop in order; 0: no */
    uint64_t events_seen;
    uint64_t noted, looked; /* its Loc-RIB's newest version when the agent's checks took note of it, or looked at it, last */
    bool has[SIM_PREFIXES_MAX]; /* in it, then */
    bool wrong_secret;
    bool is_newer; /* it has the newer configuration */
    struct sim_table kernel;
    uint64_t removed[SIM_PREFIXES_MAX]; /* from it, and not put back since; 0: no */
    uint64_t held[SIM_PREFIXES_MAX];    /* for a reason, the last time */
    /* of the shared target, while it runs */
    uv_loop_t loop; /* of handles only: it is never run for time */
    struct http_client *http;
    struct etcd *etcd;
    struct azure *azure;
    struct azure_bucket *bucket;
    bool is_target_ready;
    uint64_t fenced_at; /* it was fenced off then for the last time, … */
    unsigned fenced;    /* … of so many in this life */
};

/* What one node knew of another one, for what must never go back. */
struct sim_memory {
    uint64_t incarnation, position, moved; /* moved: when the position did last */
    uint64_t furthest; /* that the position was in this life */
    uint8_t state, class;
    const void *link, *source; /* only compared */
    bool is_here;
    uint64_t checked; /* a hash of what the replica check last looked at */
    uint32_t told[SIM_NVAS_MAX]; /* the session, plus one, whose End-of-RIB it has heard of last */
};

/* One node as the agent sees it. */
struct sim_upstream {
    struct sim_agent *agent;
    size_t nth;
    struct repl_party party;
    struct repl_link *link; /* NULL: not connected and not dialling */
    struct sim_pipe *pipe;
    bool up, failed;
    unsigned attempts;
    uint64_t retry_at, heard;
    uint8_t rx[1 << 17];
    size_t rx_len;
};

struct sim_agent {
    struct world *world;
    bool is_there;
    struct config_agent cfg;
    struct repl_identity identity;
    struct repl_secrets secrets; /* the agents' */
    struct follow follow;
    bool walks; /* SIM_AGENT_WALK is under way */
    struct sim_upstream upstreams[SIM_NODES_MAX];
    struct sim_table kernel;
    uint64_t lacked[SIM_PREFIXES_MAX];   /* when a running node lacked a prefix last */
    uint64_t orphaned[SIM_PREFIXES_MAX]; /* when a prefix was last in order: not there, or some node had it */
};

enum sim_event_kind {
    SIM_TURN,
    SIM_BYTES,
    SIM_OPEN,
    SIM_ACCEPT,
    SIM_CLOSE,
    SIM_NVA_TICK,
    SIM_NVA_BACK, /* after its restart */
    SIM_ACT,
    SIM_CALL,     /* a request arrives at the store */
    SIM_ANSWER,   /* its answer, or its time-out, at the node */
    SIM_STREAM,   /* some of a watch; without bytes: its end */
    SIM_AGENT_TICK,
    SIM_AGENT_WALK,
};

struct sim_call;
struct sim_store;

struct sim_event {
    uint64_t at, order;
    enum sim_event_kind kind;
    int who;  /* host, NVA */
    int side; /* BYTES: which end receives; OPEN, CLOSE: as needed */
    struct sim_pipe *pipe;
    unsigned generation;
    uint64_t sent_at, sequence; /* BYTES: of its direction; STREAM: serial of the request */
    struct sim_call *call;      /* CALL, ANSWER */
    uint8_t *bytes;
    size_t len;
    enum core_close how;
};

/* Keys that are being exchanged for others: rotate.c. */
struct sim_rotation {
    int step, node;
    uint32_t done; /* bit per host: has taken this step */
    unsigned acts;
    struct repl_secrets secret;
    struct repl_identity identity;
};

/* What a file makes of what an NVA says; bit per prefix. */
struct sim_rule {
    uint64_t drops, lengthens, raises; /* by its route map: is refused; has an AS more; has a higher preference */
    uint64_t unheard;                  /* of a family that its session has not */
    uint64_t withholds, stretches;     /* by its route map for the way out: is not told; is, with an AS more and a MED … */
    uint32_t shuns;                    /* … nor is what has this AS in its path, 0: none */
    uint32_t keeps;                    /* so many prefixes, 0: all */
    bool is_preferred;                 /* by its type */
    bool is_off;                       /* disabled */
};

/* The NVAs of one file; config.peers points to the first member. They live as long as the world. */
struct sim_peers {
    struct config_peer peers[SIM_NVAS_MAX];
    struct sim_rule rules[SIM_NVAS_MAX];
    struct sim_peers *next;
};

/* What a route of an NVA says all the while, beside how long it is: export.c. */
struct sim_form {
    uint32_t behind;    /* an AS more, at the far end of its path; 0: none */
    uint32_t community; /* 0: none */
    uint8_t origin;
    bool stays;         /* is told to nobody (RFC 1997) */
    bool is_last;       /* counts as a last resort (RFC 8326) */
    bool is_loop;       /* through our own AS: is not used */
};

enum sim_families { SIM_FOUR_ONLY, SIM_BOTH_FAMILIES, SIM_SIX_ONLY }; /* of prefixes and next hops */

struct sim_kind {
    bool is_operated; /* operate.c */
    bool is_tuned;    /* tune.c */
    bool is_over_six; /* sessions and links */
    bool is_single, has_no_vnet, is_transparent, beats_slowly;
    bool has_forms, has_exports; /* export.c */
    bool is_uneven; /* an NVA tells some nodes longer paths than others */
    bool has_twins; /* NVAs are in one AS by twos */
    bool asks; /* NVAs ask for what they were told, now and then */
    bool has_paths; /* RFC 7911: NVAs tell each route twice, the second time with a longer path */
    enum sim_families families;
    uint32_t idle;                /* bit per host: it programs no kernel */
    uint32_t apart;               /* bit per host: the shared target is none of its */
    uint32_t dynamic;             /* bit per NVA: it is a neighbour of a prefix, which calls */
    bool holds_longer;            /* where some are, routes are held for a minute: a removal is no expiry (check_holds_end) */
    uint32_t heavy;               /* bit per NVA: some of its routes have attributes of 16 KiB and more */
    uint32_t passive, ungraceful; /* bit per NVA: nodes do not dial it; do not hold its routes while it restarts */
};

struct world {
    struct sim_kind kind;
    uint64_t seed, random, now, order;
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    struct sim_pipe pipes[SIM_PIPES_MAX];
    struct config config, newer;
    struct sim_peers *files;
    unsigned file_count;
    struct config_target targets[2], *target_list[2];
    struct sim_store *store; /* NULL: no shared target */
    struct sim_agent agent;
    uint64_t serials;
    struct repl_identity identities[SIM_NODES_MAX];
    struct repl_secrets secrets, wrong_secrets;
    struct sim_rotation rotation;
    struct host hosts[SIM_NODES_MAX];
    struct nva nvas[SIM_NVAS_MAX];
    int host_count, nva_count, prefix_count;
    bool cut[SIM_PARTIES][SIM_PARTIES]; /* packets are lost */
    uint8_t slow[SIM_PARTIES][SIM_PARTIES]; /* ms more on their way */
    uint64_t apart[SIM_NODES_MAX][SIM_NVAS_MAX]; /* when a node and an NVA were cut or restarted last */
    struct sim_memory memory[SIM_NODES_MAX][SIM_NODES_MAX]; /* of the first about the second */
    uint8_t recording[SIM_NODES_MAX][SIM_RECORDING]; /* what somebody said to this node first */
    size_t recorded[SIM_NODES_MAX];
    const bool *skips;
    uint64_t act_random; /* of the act under way: what is left out changes nothing in the others */
    unsigned acts; /* so far */
    uint8_t shares[SIM_ACT_KINDS]; /* the swarm: how often what happens in this world */
    unsigned faults;    /* that a node can see */
    uint64_t disturbed; /* end of the latest partition, crash, restart or pause */
    uint64_t deaf;      /* when a session looked alive last although nothing of its NVA arrived */
    uint64_t reunited;  /* when a node heard another one again that had been away to it */
    uint64_t faults_until;
    uint64_t trace;     /* hash over everything that happened */
    unsigned counts[SIM_COUNTS];
    char failure[256];
    bool is_narrow; /* streams go in parts of a few entries, one at a time */
    bool is_mixed; /* nodes speak the newest minor of the protocol, or the one before */
    bool verbose;
};

/* skips: by number of an act, SIM_ACTS_MAX of them: it does not happen; NULL: all do. */
void world_init(struct world *w, uint64_t seed, const bool *skips, bool verbose);
void world_run(struct world *w, uint64_t end);
void world_fini(struct world *w);

/* A chance of its own, which goes on from its state: of an act, a file, a kind of world. */
uint64_t sim_chance(uint64_t *state);
static inline uint32_t sim_below(uint64_t *state, uint32_t below)
{
    return (uint32_t)(sim_chance(state) % below);
}
/* The world's. */
uint64_t sim_random(struct world *w);
/* 0 .. below - 1 */
uint32_t sim_pick(struct world *w, uint32_t below);
void sim_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_schedule(struct world *w, struct sim_event e);
void sim_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct ip_prefix sim_prefix(int number);
int sim_prefix_number(const struct ip_prefix *p); /* -1: not one of ours */
enum bgp_family sim_family(int prefix);
struct ip_addr sim_addr(sim_party party);
uint32_t sim_identifier(sim_party party); /* in BGP */
/* Of an NVA, for a prefix. */
struct ip_addr sim_hop(int nva, int prefix);
sim_party sim_party_at(const struct ip_addr *addr);

/* kind.c: what the seed says of it; the same in the configuration; how often it came about */
void kind_draw(struct world *w);
void kind_configure(struct world *w, struct config *c);
void kind_count(struct world *w);
static inline bool sim_has_kernel(const struct world *w, const struct host *h)
{
    return !(w->kind.idle & 1u << h->number);
}

static inline bool sim_shares(const struct world *w, int host)
{
    return w->store && !(w->kind.apart & 1u << host);
}
static inline bool sim_is_heavy(const struct world *w, int nva, int prefix)
{
    enum { HEAVY_EVERY = 16 };
    return w->kind.heavy & 1u << nva && prefix % HEAVY_EVERY == nva;
}
/* By what number this node's tables know the NVA, 0: not at all; and back, -1: nobody's. */
uint16_t sim_number(const struct world *w, const struct core *c, int nva);
int sim_nva(const struct world *w, const struct core *c, uint16_t number);

/* act.c: the first one is scheduled; one disturbance or change, the seed says which; and the end of all of them */
void act_begin(struct world *w);
void act(struct world *w);
void act_heal(struct world *w);
/* Nothing is wrong but links between nodes, and every node can be reached over others. */
void act_part(struct world *w);

/* isolate.c: in some worlds no node hears any NVA for a while; false: not in this one. */
bool sim_isolate(struct world *w);

/* divide.c: in some worlds with a shared target nodes fall into two groups; false: not in this one. */
bool sim_divide(struct world *w);

/* operate.c */
void sim_operate(struct world *w);
/* A node that runs reads the newest file. */
void sim_reload(struct world *w, struct host *h);

/* tune.c: room for the NVAs of a file; the newest file says something else; what is left of that has an end */
struct config_peer *sim_peers_new(struct world *w);
void sim_peers_fini(struct world *w);
void sim_tune(struct world *w, uint64_t *chance);
void sim_end_tuning(struct world *w);
const struct sim_rule *sim_rule_of(const struct config *c, int nva);
/* Is the NVA's route, as it is announced now, used by this file? Or may it be refused, or have been, by the limit,
 * with whatever the NVA ever announced? */
bool sim_takes(const struct world *w, const struct config *c, int nva, int prefix);
bool sim_may_refuse(const struct world *w, const struct config *c, int nva, int prefix);
/* Of routes that are used those with the least are the best; an AS more in the path is so much of it. */
enum { SIM_MERIT_AS = 1 << 8 };
uint32_t sim_merit(const struct world *w, const struct config *c, int nva, int prefix);
/* The file by which all work in the end. */
static inline const struct config *sim_last_file(const struct world *w)
{
    return w->kind.is_tuned ? &w->newer : &w->config; /* other kinds say the same of NVAs in all */
}

/* export.c: of the route; how many there are; what a file says of what NVAs are told, at first, and a later one in one thing */
struct sim_form sim_form_of(const struct world *w, int nva, int prefix);
void sim_form_count(struct world *w);
/* By so many ASes longer it is told to this node than the NVA means; and to that one which is told the shortest. */
unsigned sim_extra(const struct world *w, int nva, int node, int prefix);
unsigned sim_least_extra(const struct world *w, int nva, int prefix);
void sim_export_configure(struct world *w, struct config *c);
void sim_tune_export(struct world *w, struct config *c, uint64_t *chance);
/* Pieces of route maps: a rule for these prefixes, which drops them or goes on; what it does to them. */
uint64_t sim_some_prefixes(uint64_t *chance);
void sim_map_rule(struct world *w, struct route_map *m, uint64_t prefixes, bool drops);
void sim_map_edit(struct route_map *m, enum route_map_edit kind, uint32_t number);

/* rotate.c: what an operator does with keys, now and then */
void sim_rotate(struct world *w);
/* All that is left of it, at once. */
void sim_end_rotation(struct world *w);
/* What this node's files have now. */
void sim_keys(const struct world *w, const struct host *h, struct core_keys *out);
/* It has read them. */
void sim_rotated(struct world *w, const struct host *h);

/* pipe.c: connections */
void sim_dial(struct world *w, sim_party from, const struct core_request *r,
              struct nva_session *session);
struct sim_pipe *sim_dial_agent(struct world *w, struct sim_upstream *u, const struct core_request *r);
void sim_send(struct world *w, struct sim_pipe *p, int side, const uint8_t *bytes, size_t len);
void sim_hang_up(struct world *w, struct sim_pipe *p, int side);
void sim_on_open(struct world *w, const struct sim_event *e);
void sim_on_bytes(struct world *w, const struct sim_event *e);
void sim_on_close(struct world *w, const struct sim_event *e);
void sim_on_accept(struct world *w, const struct sim_event *e);
/* The host that an event waits for because it is paused; NULL: it may happen now. */
struct host *sim_waits_for(struct world *w, const struct sim_event *e);
/* Somebody who is no party sends a node what it recorded. */
void sim_replay(struct world *w, sim_party to);
/* A party is gone without a word: its ends vanish, the others learn by a reset. */
void sim_vanish(struct world *w, sim_party party);

/* host.c */
void host_start(struct world *w, struct host *h);
void host_crash(struct world *w, struct host *h);
void host_stop(struct world *w, struct host *h);
/* It reads the newer configuration. */
void host_reload(struct world *w, struct host *h);
void host_pause(struct world *w, struct host *h, uint64_t ms, bool machine);
bool host_runs(const struct world *w, const struct host *h);
void host_turn(struct world *w, struct host *h);
void host_ask_turn(struct world *w, struct host *h, uint64_t at);
struct sim_pipe *sim_pipe_of(struct world *w, const struct pump *p);

/* nva.c */
void nva_init(struct world *w, struct nva *n, int number);
void nva_fini(struct nva *n);
/* It is away for so long; SIM_NVA_BACK ends it. */
void nva_restart(struct nva *n, uint64_t away_ms);
void nva_back(struct nva *n);
void nva_set(struct nva *n, int prefix, bool announced, unsigned prepend);
/* The attribute that makes its route a heavy one; returns its length, 0: it is none. */
size_t nva_heavy(const struct nva *n, int number, uint8_t *buf, size_t cap);
void nva_tick(struct nva *n);
int nva_accept(struct nva *n, int node);
void nva_connected(struct nva_session *s, const struct ip_addr *local);
void nva_receive(struct nva_session *s, int slot, const uint8_t *bytes, size_t len);
void nva_closed(struct nva_session *s, int slot);

/* agent.c */
void agent_init(struct world *w);
void agent_fini(struct world *w);
void agent_restart(struct world *w);
void agent_tick(struct world *w);
void agent_walk(struct world *w);
/* A node is about to go: what it lacks has been told. */
void agent_note(struct world *w);
/* It has had a turn: what it lacks for a moment only is told, too. */
void agent_note_turn(struct world *w, struct host *h);
void agent_connected(struct sim_upstream *u);
void agent_receive(struct sim_upstream *u, const uint8_t *bytes, size_t len);
void agent_closed(struct sim_upstream *u);
void agent_check_settled(struct world *w);

/* shared.c */
void shared_open(struct world *w, struct host *h);
void shared_turn(struct world *w, struct host *h);
/* When its backend has something to do by time alone; UINT64_MAX: nothing waits. */
uint64_t shared_due(const struct world *w, struct host *h);
void shared_close(struct host *h);

/* check_table.c */
/* Has this node a session with the NVA, on which all has come that the NVA had to tell at first? */
bool check_has_heard(const struct world *w, const struct host *h, int nva);
/* Does the time that routes are held end within a run? Then a removal may be an expiry. */
bool check_holds_end(const struct world *w);
/* The NVA announces it, and a session with it says otherwise, as this node has it: one that has not heard that any more. */
bool check_is_spoken_against(const struct world *w, const struct host *h, int nva, int number);
/* True: I1 is violated when this node removes the prefix from this table; why says how. */
bool check_removal(struct world *w, const struct host *h, const struct sim_table *from, int prefix,
                   char why[static 160]);
void check_put(struct world *w, const struct host *h, int prefix);
/* The table was another one a moment ago: since when the prefix's next hops stand there. */
void check_note_hops(const struct world *w, const struct sim_table *before, struct sim_table *now, int prefix);
void check_zombies(struct world *w, struct host *h);
void check_note_silence(struct world *w);
void check_table_settled(struct world *w, const struct host *h, int prefix);
/* The sorted next hops that the prefix has by what the NVAs say now and by this file, and how many. */
uint32_t check_truth(const struct world *w, const struct config *c, int prefix, struct ip_addr *hops);
/* What every node has of the prefix, for a run that is replayed. */
void check_explain(struct world *w, int prefix);

/* check.c: names of invariants, the design's; A: what NVAs are told */
void check_event(struct world *w, const struct sim_event *e);
void check_core_event(struct world *w, const struct host *h, const struct core_event *e);
void check_parted(struct world *w);
void check_settled(struct world *w);
/* Nobody sleeps, and every node has read all that the others say, and judged it. */
bool check_is_at_rest(struct world *w);

#endif
