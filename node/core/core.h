/* The whole product without I/O.
 *
 * core_turn is the pipeline: drain sessions into the RIB, drain links into the RIB, decide dirty
 * prefixes within a budget, hand changes to Adj-RIB-Out, streams and targets, say when to call again.
 * Nothing in here knows a socket, a file or a clock: the loop (node/loop/loop.c) and the simulator
 * (tests/sim) move the bytes and tell the time. Nothing calls back up: what the core wants of the
 * world it says in requests, what it has to tell it says in events. */
#ifndef TANDEM_NODE_CORE_H
#define TANDEM_NODE_CORE_H

#include "bgp/adjout/adjout.h"
#include "bgp/bfd/bfd.h"
#include "bgp/monitor/mrt.h"
#include "bgp/rib/rib.h"
#include "bgp/session/session.h"
#include "node/base/histogram.h"
#include "node/config/config.h"
#include "node/core/pump.h"
#include "node/program/program.h"
#include "node/program/vnet.h"
#include "replication/fence.h"
#include "replication/link.h"
#include "replication/member.h"

struct core;

struct core_cfg {
    const struct config *config; /* borrowed for the life of the core */
    uint32_t self;               /* own node id, 1-based */
    const struct repl_identity *identity;      /* NULL for a single node; copied */
    const struct repl_secrets *secrets;        /* NULL for a single node; copied */
    const struct repl_secrets *next_secrets;   /* NULL = none: accepted, too, see core_set_keys; copied */
    const struct repl_secrets *agent_secrets;  /* NULL without agents; copied */
    const struct repl_secrets *next_agent_secrets; /* NULL = none: accepted, too; copied */
    struct hash_key key;         /* random in production, from the seed in the simulator */
    uint64_t seed;               /* timer jitter */
    uint64_t wall_ms;            /* of the clock on the wall at core_new, see core_set_wall; 0 = not known */
    uint64_t incarnation;        /* count of starts, higher than any this node remembers; < 2^32 */
};

/* NULL: out of memory. BGP starts with the first turn. */
struct core *core_new(const struct core_cfg *cfg, uint64_t now_ms);
void core_free(struct core *c);

/* One turn of the pipeline. Returns when the next is due (monotonic ms); sooner when bytes come. */
uint64_t core_turn(struct core *c, uint64_t now_ms);

/* What the clock on the wall says at now_ms, in milliseconds since 1970: for those who are told dates.
 * To be told again once in a while: that clock may be set. */
void core_set_wall(struct core *c, uint64_t now_ms, uint64_t wall_ms);

/* How long the loop's last turn took, for sight: no timer is looked at meanwhile. */
struct core_turns {
    struct histogram took;
    uint64_t longest_us;
};
void core_turn_took(struct core *c, uint64_t us);
const struct core_turns *core_turns(const struct core *c);

/* How long news of an NVA takes here, in milliseconds: from the turn that read the first of it to the one in which
 * none of it was left to do. A burst counts once. */
enum core_stage { CORE_TO_ADVERTISE /* with who has room to read */, CORE_TO_PROGRAM /* acknowledged */, CORE_STAGES };
const struct histogram *core_times(const struct core *c, enum core_stage stage);

/* Orderly end: drain, then Cease to the NVAs, GOODBYE to the nodes. Returns when that is said at the
 * latest; turn until core_is_stopped or a deadline of the caller's after it. Removes nothing from any target. */
uint64_t core_stop(struct core *c, uint64_t now_ms);
bool core_is_stopping(const struct core *c); /* nobody is heard any more: the last words are on their way */
bool core_is_stopped(const struct core *c);

/* ---- administration ---- */

/* Planned work: shared targets to the others, graceful shutdown to the NVAs (RFC 8326), then the end of
 * their sessions, with these words. What was learned is held meanwhile. Not twice. */
void core_drain(struct core *c, const char *text, uint64_t now_ms);
/* Back to work, from wherever the drain is. */
void core_undrain(struct core *c, uint64_t now_ms);

enum core_drain_state { CORE_SERVING, CORE_DRAINING, CORE_DRAINED };
const char *core_drain_name(uint8_t state); /* "serving", "draining", "drained" */

enum core_act { CORE_ACT_DONE, CORE_ACT_UNKNOWN, CORE_ACT_NOT_HERE, CORE_ACT_NOT_UP, CORE_ACT_NO_REFRESH,
                CORE_ACT_STOPPING, CORE_ACTS };
enum core_clear { CORE_CLEAR_RESET, CORE_CLEAR_HARD, CORE_CLEAR_SOFT_IN, CORE_CLEAR_SOFT_OUT };

/* One peer by its name, on this node, until it starts anew. text: for the peer, NULL = none (RFC 9003). */
enum core_act core_peer_disable(struct core *c, const char *name, const char *text, uint64_t now_ms);
enum core_act core_peer_enable(struct core *c, const char *name, uint64_t now_ms);
/* RESET: Administrative Reset, routes stay where RFC 8538 was agreed on; HARD: they do not. SOFT_IN asks
 * for its routes again (RFC 2918), SOFT_OUT tells it ours once more. */
enum core_act core_peer_clear(struct core *c, const char *name, enum core_clear how, uint64_t now_ms);

/* A shared target that this node writes, counted as core_target_view does: another node is to. It hears of it at once; when
 * none has taken the target after ten seconds, this node may again. Only to a node that could take it. */
enum core_yield { CORE_YIELDED, CORE_YIELD_NOT_SHARED, CORE_YIELD_NOT_OURS, CORE_YIELD_NO_HEIR };
enum core_yield core_target_yield(struct core *c, size_t nth, uint64_t now_ms);

/* What core_cfg.config points to has other content now; was: what it had, borrowed for the call. Take all
 * requests before, and after. Only what differs is touched; what depends on many routes follows in the
 * next turns. config/change.h says what may differ. */
void core_reconfigure(struct core *c, const struct config *was, uint64_t now_ms);
/* Another configuration was refused, for this reason: the old one stays. For sight. */
void core_config_refused(struct core *c, const char *why, uint64_t now_ms);

/* The configurations of this life of the node, numbered from 1. */
enum { CORE_REVISIONS = 16 };
struct core_revision {
    uint64_t number, at_ms, generation; /* in force since then; generation: the file's own count */
    uint8_t digest[REPL_DIGEST];        /* of the file */
    char *text;                         /* that stood in it, the core's until the next reload; NULL where it came from none */
};
/* The one in force, 0 back, or an earlier one; false: it is not remembered. */
bool core_revision(const struct core *c, size_t back, struct core_revision *out);

/* Keys of the channel. While a secret is rotated nodes have two: each uses the newest that the other has. */
struct core_keys {
    struct repl_identity identity;
    struct repl_secrets secrets[REPL_SECRETS_MAX]; /* the first keys the digest; the second is the next one */
    size_t secret_count;
    struct repl_secrets agent_secrets[REPL_SECRETS_MAX]; /* agents may use either */
    size_t agent_secret_count;
};

/* These from now on, and what the configuration has as public keys of the nodes; copied. Links go on, and are
 * replaced by others with what is newest; those that were made with what is not accepted any more end. */
void core_set_keys(struct core *c, const struct core_keys *keys, uint64_t now_ms);

/* ---- connections ---- */

enum core_port { CORE_PORT_BGP, CORE_PORT_CLUSTER, CORE_PORT_BMP /* dialled only */ };

/* Somebody connected to one of our listeners. NULL: refuse (close it at once). */
struct pump *core_accept(struct core *c, enum core_port port, const struct ip_addr *remote,
                         const struct ip_addr *local, uint64_t now_ms);

/* The TTLs of a connection that was just accepted, as in struct core_request. */
void core_accepted_ttl(const struct pump *p, uint8_t *ttl, uint8_t *min_ttl);

enum core_request_kind { CORE_DIAL, CORE_CLOSE, CORE_BFD_OPEN, CORE_BFD_CLOSE };

struct core_request {
    uint8_t kind; /* enum core_request_kind */
    uint8_t port; /* DIAL: enum core_port */
    struct pump *pump; /* DIAL, CLOSE */
    struct ip_addr remote, local; /* DIAL: local to bind to, zero = any */
    uint16_t remote_port;
    uint8_t ttl;              /* DIAL, BGP: outgoing TTL; 0 = the system's */
    uint8_t min_ttl;          /* DIAL, BGP: least TTL that is heard (RFC 5082); 0 = any */
    const char *md5_key_file; /* DIAL, BGP: or NULL */
    const struct config_tcp_ao *tcp_ao; /* DIAL, BGP: its key_file may be NULL */
    uint16_t nva;             /* BFD_OPEN, BFD_CLOSE: for core_bfd_changed; .ttl is that of the BGP session */
    struct config_bfd bfd;    /* BFD_OPEN: its times; of a peer that has BFD already they are other ones */
};

/* What the core wants of the loop; take them after every turn until false. After CLOSE the loop
 * sends what pump_tx_bytes still has, closes, and calls core_closed. */
bool core_next_request(struct core *c, struct core_request *out);

enum core_close { CORE_CLOSE_EOF, CORE_CLOSE_RESET, CORE_CLOSE_REFUSED, CORE_CLOSE_TIMEOUT };

/* A dial succeeded; local is our end. */
void core_connected(struct core *c, struct pump *p, const struct ip_addr *local, uint64_t now_ms);
/* n bytes were put at pump_rx_space; the next turn looks at them. 0: the peer says no more. */
void core_received(struct core *c, struct pump *p, size_t n);
/* n bytes of pump_tx_bytes were taken by the transport. True: a turn would use the room. */
bool core_sent(struct core *c, struct pump *p, size_t n, uint64_t now_ms);
/* The connection is gone, or the dial failed. Exactly once per pump; the pump is no more. */
void core_closed(struct core *c, struct pump *p, enum core_close how, uint64_t now_ms);
/* What a BFD session that was asked for is like now; the same call tells of every change. Changes may
 * be left out, the newest counts. */
void core_bfd_changed(struct core *c, uint16_t nva, const struct bfd_view *view, bool is_multihop,
                      uint64_t now_ms);
/* The pumps that changed since they were last asked for: bytes to send, or room to read; NULL ends. */
struct pump *core_next_pump(struct core *c);

/* ---- targets ---- */

/* The nth target that this node programs itself, for its backend; NULL past the last. */
struct program *core_program(struct core *c, size_t nth, const struct config_target **target);
/* The backend has inherited what stands in its target: wants may flow. Until then none do. */
void core_program_ready(struct core *c, size_t nth, uint64_t now_ms);
/* A shared target's role machine: the backend takes its steps and tells what the target says.
 * NULL for a target of this node alone. */
struct repl_fence *core_fence(struct core *c, size_t nth);
/* The backend observed this net in a shared target, by another node's hand: say again what we know
 * of it, so that a withdrawal that came before counts. */
void core_want_again(struct core *c, size_t nth, uint32_t net, uint64_t now_ms);
/* How the target is as a whole: a word, which lives for ever, and what is wrong, in one line; "" = nothing.
 * Kept for sight; the latter is told as an event when it changes. */
void core_target_tell(struct core *c, size_t nth, const char *state, const char *trouble, uint64_t now_ms);
/* Whose route a net's best path is: a peer's name, "none". For what a target keeps beside it. */
const char *core_net_source(const struct core *c, uint32_t net);
const char *core_self_name(const struct core *c);
/* A next hop that a probe of this machine found not to answer, and why; NULL: it answers again. Kept for
 * sight and told as an event; it never enters the decision. */
void core_target_health(struct core *c, size_t nth, const struct ip_addr *hop, const char *reason,
                        uint64_t now_ms);
/* What the target will be told to have for this net once all that is known by now is decided, with a reference; 0 =
 * nothing. *is_bereft: what was decided last does not hold any more, its best path is gone. The decisions themselves, and
 * other long work, wait for who asks, turn by turn. */
uint32_t core_foresee(struct core *c, size_t nth, uint32_t net, bool *is_bereft);
/* Next hops of NVAs that were lost a moment ago: kernels leave them out of groups at once, before every route
 * was decided on. version: another number with every change. Borrowed until the next call of core_turn. */
size_t core_lost_hops(const struct core *c, const struct ip_addr **hops, uint64_t *version);
enum { CORE_UNHEALTHY_MAX = 64 };
struct core_unhealthy {
    struct ip_addr hop;
    uint64_t since_ms;
    char reason[64];
};
/* Numbers of the backend's own, for sight; names are stable and live for ever. */
enum { CORE_FACTS_MAX = 16 };
struct core_fact {
    const char *name; /* "foreignRoutes" */
    uint64_t value;
};
void core_target_facts(struct core *c, size_t nth, const struct core_fact *facts, size_t count);
/* Shared with the backends: index of a prefix (made when new), sets. */
struct rib *core_rib(struct core *c);

/* ---- sight ---- */

enum { CORE_EVENT_TEXT = 560, CORE_PEER_ERROR = 432 };

/* For the log and /v1/events: a stable name and key=value fields. */
struct core_event {
    uint64_t sequence;
    uint64_t at_ms; /* monotonic */
    uint8_t level;  /* enum config_log_level */
    const char *name;
    char subject[CONFIG_NAME_MAX + 16]; /* "peer=sdwan-1", "" = none */
    char fields[CORE_EVENT_TEXT];
};

/* The oldest event newer than *sequence; advances it. The ring keeps the last 1024. */
bool core_next_event(const struct core *c, uint64_t *sequence, struct core_event *out);

enum core_phase { CORE_CONVERGE, CORE_STEADY, CORE_STOPPING };
const char *core_phase_name(enum core_phase phase);

enum core_key_use { CORE_KEY_UNKNOWN, CORE_KEY_CURRENT, CORE_KEY_NEXT };

struct core_node_view {
    const struct config_node *node;
    bool is_self;
    uint8_t state;            /* enum repl_member_state; self is ALIVE */
    uint8_t origin_class;     /* enum rib_class of its routes */
    bool input_lags;          /* it does not read in time what its NVAs say: they are no evidence */
    uint64_t incarnation;
    uint64_t version;         /* head of its order as known here */
    uint64_t behind;          /* versions that this node has not yet sent it (for self: 0) */
    uint32_t paths, sessions; /* of its origin here; its sessions that are up */
    uint64_t state_since_ms;
    uint32_t lag_ms;          /* age of the last beat */
    bool has_digest, digest_equal; /* compared at equal input vectors */
    uint64_t differing;       /* bit per bucket of the digest (repl_digest_bucket) that differs */
    bool steady;
    bool config_differs; /* its file is another one */
    uint64_t config_generation;
    const uint8_t *key_id;    /* REPL_KEY_ID bytes: of the key that it uses, as it says; NULL = not told */
    uint8_t key_use;          /* enum core_key_use: what that key is here */
    uint8_t secret_use;       /* … the same of the secret of the link with it; UNKNOWN without one */
    const char *via;          /* another node whose copy of it is read, NULL: its own, or none */
    uint64_t quarantined;     /* records of its streams that could not be used here */
    uint16_t minor;           /* of the protocol that both speak; 0 = never linked */
    const char *software;     /* version of its program; "": not told */
    uint64_t bytes_in, bytes_out; /* of this node's links with it */
    uint64_t begun_ms;        /* its process, where it is there and has told; 0 = not known */
    char last_error[160];
};
size_t core_node_count(const struct core *c);
void core_node_view(const struct core *c, size_t nth, uint64_t now_ms, struct core_node_view *out);

/* Why routes of a peer are held although it is away, or has not told them again yet. */
enum core_held { CORE_HELD_NOT, CORE_HELD_RESTART, CORE_HELD_STALE, CORE_HELD_DRAINED, CORE_HELD_UNTIL_TOLD };

/* What went wrong last with a session, or on the way to one. */
struct core_peer_error {
    char text[CORE_PEER_ERROR]; /* "": nothing did */
    uint8_t code, subcode;      /* of the NOTIFICATION that went with it, code 0: none did */
    bool by_peer;               /* it was the peer's */
    uint64_t at_ms;
};

struct core_peer_view {
    const struct config_peer *peer;
    uint16_t nva;
    uint8_t state; /* enum bgp_state of this node's session */
    uint64_t state_since_ms;
    const char *range; /* dynamic: the name of the prefix that it came from; else NULL */
    bool is_removed;   /* it is in no configuration any more; other nodes still have something of it */
    bool here;     /* this node peers with it at all */
    bool is_shut;  /* disabled here by an administrator */
    uint8_t held;           /* enum core_held */
    uint64_t held_until_ms; /* 0 = until its End-of-RIB */
    struct bgp_open said;   /* here: what our OPEN says */
    const struct bgp_open *heard; /* while Established, else NULL */
    const struct bgp_session_stats *stats;
    const struct bgp_codec *codec; /* while Established, else NULL */
    uint16_t hold_s;
    const struct bfd_view *bfd; /* NULL: none runs here */
    bool bfd_multihop;
    uint32_t nodes_up;  /* bit 1 << id: nodes whose session with it is up */
    uint32_t nodes_all; /* … and nodes that are to have one */
    uint32_t received, accepted, best, advertised; /* prefixes; received of this node's session */
    struct adjout_stats sent;
    struct core_peer_error error;
    uint64_t memory;          /* what its routes cost here, of peer->max_memory */
    bool over_memory;         /* … and some were not stored since there was room */
    uint64_t refused;         /* announcements that were not stored */
    uint64_t announced, withdrawn; /* prefixes, by it on its sessions here */
};
/* Places for peers: some may be free. */
size_t core_peer_count(const struct core *c);
/* False: the place is free. */
bool core_peer_view(const struct core *c, size_t nth, struct core_peer_view *out);
/* What this peer has been told of a net: how many paths, at most ADJOUT_PATHS. */
uint32_t core_told(const struct core *c, size_t peer, uint32_t net, struct adjout_sent *out);
/* Is it this path that stands there? */
bool core_told_of(const struct core *c, size_t peer, uint32_t path, const struct adjout_sent *sent);
/* … and as its messages say it: bytes has room for BGP_EXPORT_MAX. False: it is gone. */
bool core_told_as(const struct core *c, size_t peer, uint32_t net, const struct adjout_sent *sent,
                  uint8_t *bytes, struct bgp_attrs *out);
const char *core_nva_name(const struct core *c, uint16_t nva); /* "vnet" for 0 */

/* Why a shared target had no writer when this node took it over. DEATH: its writer is not heard any more, HANDOVER: it
 * gave the target up or left, VACANCY: there was none. */
enum core_failover { CORE_FAILOVER_DEATH, CORE_FAILOVER_HANDOVER, CORE_FAILOVER_VACANCY, CORE_FAILOVERS };
const char *core_failover_name(uint8_t reason); /* "death" … */

struct core_target_view {
    const struct config_target *target;
    bool runs_here;
    const struct program_stats *stats; /* all but table, when it runs here; else NULL */
    const struct repl_fence *fence;    /* shared, when it runs here; else NULL */
    const struct histogram *failovers; /* … CORE_FAILOVERS of them: from its writer's last word, or from when it was seen
                                        * to have none, until it was ours */
    const char *owner;                 /* shared: the node that writes it, "none" */
    const char *state;                 /* in a word: "ok", "starting", "forbidden" …; NULL: it does not run here */
    const char *trouble;               /* of the target as a whole, "" = none */
    uint64_t trouble_since_ms;         /* of its coming, or of its end */
    const struct core_unhealthy *unhealthy; /* next hops left out of groups here */
    size_t unhealthy_count;
    const struct core_fact *facts;     /* of its backend */
    size_t fact_count;
    uint32_t routes;                   /* table: what they are served */
};
size_t core_target_count(const struct core *c);
void core_target_view(const struct core *c, size_t nth, struct core_target_view *out);

/* Would the target program this net at all, by the VNet's rules and its filter? */
enum vnet_verdict core_target_verdict(const struct core *c, size_t nth, uint32_t net);
/* What it should have: nhset id, 0 = nothing; the set of the family's unspecified address: discard. */
uint32_t core_target_wanted(const struct core *c, size_t nth, uint32_t net);
/* What it has: nhset id, 0 = nothing, or not known here (table). */
uint32_t core_target_installed(const struct core *c, size_t nth, uint32_t net);

/* What keeps it from having that; SETTLED also of a target that this node does not program. */
enum program_wait core_target_waits(const struct core *c, size_t nth, uint32_t net);

struct core_station_view {
    const struct config_station *station;
    bool is_connected;
    uint64_t since_ms;  /* connected, or not, since then; 0 = it never was */
    uint64_t behind;    /* changes of its tables that it was not told yet */
    uint64_t messages, bytes, connects, lost; /* lost: connections that ended */
    char last_error[64];
};
size_t core_station_count(const struct core *c);
void core_station_view(const struct core *c, size_t nth, struct core_station_view *out);

/* Whose agents may connect, from now on: listed hosts stay connected, others end. Copied. */
void core_set_agents(struct core *c, const struct config_agent *agents, size_t count,
                     uint64_t now_ms);

struct core_agent_view { /* a listed host */
    const char *name;
    uint8_t key_id[REPL_KEY_ID];  /* that it last connected with; else its publicKey */
    uint8_t key_use, secret_use;  /* enum core_key_use, of that connection; UNKNOWN: there was none */
    bool connected;
    uint64_t since_ms;     /* connected, or not; 0 = it never was */
    bool synced;           /* has everything */
    bool has_report;       /* the last one, also of an agent that is gone */
    struct repl_table_report report;
};
size_t core_agent_count(const struct core *c);
void core_agent_view(const struct core *c, size_t nth, struct core_agent_view *out);

struct core_status {
    const struct config *config;
    const struct config_node *self;
    uint8_t phase; /* enum core_phase */
    uint8_t drain; /* enum core_drain_state */
    uint64_t drain_since_ms;
    const char *drain_text;
    uint64_t started_ms, incarnation;
    uint32_t router_id; /* BGP identifier */
    uint32_t peers_up, peers_configured, nodes_alive;
    uint32_t prefixes, paths, programmed; /* programmed: prefixes with a next-hop set */
    uint32_t stale_paths, undecided;
    uint8_t digest[REPL_DIGEST];
    bool digests_equal; /* with every living node, as far as comparable */
    uint64_t updates, withdrawals;
    uint32_t loop_lag_ms, input_lag_ms; /* input: how long an NVA's bytes have been waiting to be read */
    uint16_t algo; /* version of the decision: the least of the living nodes' newest */
    uint64_t refused_handshakes; /* connections to the cluster port: too many at a time, or too many failures */
    struct rib_memory memory;
    const char *config_refused; /* why the last reload was; "" = it was not */
};
void core_status(const struct core *c, uint64_t now_ms, struct core_status *out);

/* A dump of the RIB; wall_ms is now_ms since 1970. Never NULL; mrt_dump_free it before the core. */
struct mrt_dump *core_dump(struct core *c, uint64_t now_ms, uint64_t wall_ms);

/* MRT records of what NVAs said and of sessions that changed, since the last call; only where the
 * configuration wants them. Whole records, valid until the next turn; false: none. lost: records that had no
 * room, in all. */
bool core_take_records(struct core *c, const uint8_t **records, size_t *len, uint64_t *lost);

/* Readiness, check by check: the name, whether it holds, and what is wrong. */
struct core_check {
    const char *name; /* "converged", "cluster-caught-up", "loop", "not-stopping" … */
    bool ok;
    char detail[128];
};
enum { CORE_CHECKS_MAX = 12 };
/* Fills at most CORE_CHECKS_MAX; returns how many. Ready = all ok. */
size_t core_readiness(const struct core *c, uint64_t now_ms, struct core_check *out);
/* Liveness: the loop turned within the last two seconds (it turns once a second at least). */
bool core_is_live(const struct core *c, uint64_t now_ms);

#endif
