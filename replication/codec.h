/* Messages of the cluster and table channels as plain C, and their protobuf form.
 *
 * codec*.c are the only files that see *.pb-c.h. Encoding writes one frame's payload (at most
 * REPL_PAYLOAD_MAX bytes); decoding copies what it must into an arena and borrows the rest from
 * the input. Everything decoded is range-checked here: families, lengths, counts, indices into the
 * batch's own lists. What only the RIB can judge (are these canonical attributes?) is the stream's
 * business. Source: the replication design, messages; proto/cluster.proto, proto/table.proto. */
#ifndef TANDEM_REPLICATION_CODEC_H
#define TANDEM_REPLICATION_CODEC_H

#include "bgp/base/arena.h"
#include "bgp/codec/types.h"

#define REPL_ERR_MAP(X)                                                                            \
    X(REPL_ERR_NOMEM, -1, "out of memory")                                                         \
    X(REPL_ERR_SPACE, -2, "message does not fit a frame")                                          \
    X(REPL_ERR_MALFORMED, -3, "malformed message")

#define REPL_ERR_ENUM(name, value, text) name = value,
enum repl_err { REPL_ERR_MAP(REPL_ERR_ENUM) };
#undef REPL_ERR_ENUM

enum {
    REPL_PAYLOAD_MAX = 16 * 1024,
    REPL_NODES_MAX = 7,
    REPL_DIGEST = 16,
    REPL_BUCKETS = 64,
    REPL_NAME_MAX = 63,
    REPL_NAMES_MAX = REPL_PAYLOAD_MAX / 3, /* of one octet each, in a frame */
    REPL_HINTS_MAX = 64,
    REPL_STORE_MAX = 200,
    REPL_VARINT_MAX = 10,
    REPL_VERSION_MAX = 31,
    REPL_SECRETS_MAX = 2, /* the one in use, and while it is rotated another */
    REPL_TABLE_MINOR = 1, /* of what is spoken with agents */
};

/* Both sides say HELLO inside the handshake payloads; nothing acts on it before CONFIRM. */
struct repl_hello {
    uint32_t node;             /* node id, 1..REPL_NODES_MAX; 0 for an agent */
    uint64_t incarnation;      /* of the sender */
    uint64_t your_incarnation; /* highest incarnation of the receiver that the sender ever saw, 0 = none */
    uint16_t minor_min, minor_max; /* protocol minor versions spoken, of cluster.proto; with an agent of table.proto */
    uint16_t algo_min, algo_max;   /* versions of the decision function */
    uint64_t config_generation;
    uint8_t config_digest[REPL_DIGEST];
    char name[REPL_NAME_MAX + 1];
    char version[REPL_VERSION_MAX + 1]; /* of the program, for people; a longer one is cut. "": not told */
    uint64_t up_ms;                     /* since it started */
};

/* Position in one origin's version order. */
struct repl_position {
    uint32_t origin;
    uint64_t incarnation, version;
    uint8_t status; /* digest vectors: what this origin is to the sender, see core_origin_status */
};

struct repl_attr {
    struct ip_addr next_hop, link_local; /* link_local zero = none */
    const uint8_t *bytes;                /* canonical (bgp/codec/attr.h) */
    uint16_t len;
    uint16_t parts;                      /* len is 0: they are the parts that came so far, so many octets */
};

/* A session of one NVA with the origin node, as an entry of the version order. */
struct repl_fact {
    uint16_t nva;        /* index into names */
    uint32_t generation; /* counts sessions of this NVA with this origin incarnation */
    uint8_t state;       /* enum rib_session_state */
    uint32_t identifier; /* BGP identifier of the peer */
    bool restarts, is_taken_out; /* as of struct rib_session, … */
    uint8_t families;            /* … as is this */
    uint64_t version;    /* of this entry, counted from the batch's `from`; 0 = not told */
};

/* Routes of one NVA that share attributes; or, with attr 0, tombstones: withdrawn routes. */
struct repl_routes {
    uint16_t nva;        /* index into names */
    uint32_t generation;
    uint32_t attr;       /* 1-based index into attrs; 0 = withdrawn */
    uint8_t family;
    bool has_path_id;    /* each NLRI is preceded by four octets of path id (RFC 7911) */
    const uint8_t *nlri; /* packed as in an UPDATE, validated by the decoder */
    uint16_t len;
    bool disproved;          /* the origin is away, and evidence speaks against them */
    bool restarts;           /* as of their session's fact, which may follow later in the order */
    bool unheard;            /* tombstones: the NVA has not told them again, and not withdrawn them either */
    const uint8_t *versions; /* a varint for each of nlri: distance from the one before it, of the first
                                from the batch's `from`; as many as nlri has */
    uint16_t versions_len;   /* 0 = not told */
};
/* The next of them; advances *at. */
uint64_t repl_varint_next(const uint8_t **at);
/* Writes at most REPL_VARINT_MAX octets and returns the place behind them. */
uint8_t *repl_varint_put(uint8_t *at, uint64_t value);

/* A stretch of one origin's version order, conflated: apply facts, then routes. The receiver's
 * position must equal `from`. `cut`: the sender's cursor stood at its head, so the receiver now
 * holds exactly the origin's live entries and may conclude absence.
 * To be encoded, the bytes of attrs stand one behind the other in memory, and so do nlri and versions of routes, unless the
 * batch is nested; versions are told of all routes, or of none. */
struct repl_batch {
    uint32_t origin;
    uint64_t incarnation, from, to;
    bool cut;
    const char *const *names;
    const struct repl_attr *attrs;
    const struct repl_fact *facts;
    const struct repl_routes *routes;
    uint16_t name_count;
    uint32_t attr_count, fact_count, route_count;
    const uint8_t *part; /* of attributes that leave no room for a route in a frame; kept before the entries are applied */
    uint16_t part_at, part_len; /* so many octets of them came before; 0 = the batch has none */
    bool is_nested;      /* as a node of minor 3 writes and reads it */
};
/* What its parts take at most in a message of either form, beside their bytes, and what is around them. */
enum { REPL_COST_NAME = 4, REPL_COST_ATTR = 48, REPL_COST_FACT = 38, REPL_COST_ROUTES = 38, REPL_COST_BATCH = 128 };

/* Of a shared target, as the sender sees it: hints only, the fence in the target decides. */
struct repl_hint {
    const char *target;
    uint64_t yielded; /* epoch under its name that others may have, 0 = none */
    bool reads;       /* it reaches the target, and stays: it would write it */
    uint64_t epoch;   /* highest that it saw there */
};

/* Of a third node, as the sender heard of it, over whatever path. */
struct repl_heard {
    uint32_t node;
    uint64_t incarnation, counter; /* of its newest beat, */
    uint32_t age_ms;               /* which is so old */
    bool linked;                   /* the sender has a link with it */
    bool serves;                   /* the sender has a whole copy of its table */
    uint64_t config_generation;
    uint16_t algo_max;
};

struct repl_beat {
    uint64_t counter;          /* own, +1 per beat */
    uint64_t echo;             /* counter of the last beat heard from the receiver, 0 = none */
    uint32_t echo_age_ms;      /* how long ago that was */
    uint32_t loop_lag_ms, input_lag_ms;
    bool steady;               /* the sender has converged */
    bool knows_neighbours;     /* it is steady, and misses nobody who calls from a prefix and had routes before it started */
    bool hears_no_nva;         /* each session of the sender with an NVA is late, or gone */
    bool has_digest;           /* the sender had no undecided prefix: digest belongs to vector */
    uint8_t digest_form;       /* enum repl_digest_form, or one that is not known here */
    uint8_t digest[REPL_DIGEST];
    uint8_t position_count;
    struct repl_position positions[REPL_NODES_MAX]; /* vector: also the acknowledgement */
    const struct repl_hint *hints;
    uint16_t hint_count; /* <= REPL_HINTS_MAX */
    uint8_t config_digest[REPL_DIGEST]; /* as in the hello; a node may follow another file while it runs */
    uint64_t config_generation;
    uint8_t heard_count;
    struct repl_heard heard[REPL_NODES_MAX];
    uint8_t secret_count;     /* secrets that the sender accepts, 0 = not told; the digest is keyed by the first */
    uint32_t secret_ids[REPL_SECRETS_MAX];
    uint8_t key_id[8];        /* of the node key that it uses; told with them */
    uint16_t algo;            /* version of the decision that it uses */
};

/* Sent when digests at equal vectors differ: which part of the table it is. */
struct repl_breakdown {
    uint8_t position_count;
    struct repl_position positions[REPL_NODES_MAX]; /* that the sums belong to */
    uint64_t sums[REPL_BUCKETS];
};

enum repl_goodbye_reason { REPL_GOODBYE_STOP, REPL_GOODBYE_DUPLICATE, REPL_GOODBYE_RECONFIGURED };

/* To a host agent: the programmed table. Groups of prefixes that share a next-hop set. */
struct repl_table_routes {
    const struct ip_addr *next_hops; /* sorted; none = the prefixes are removed */
    uint16_t next_hop_count;
    uint8_t family;
    bool lost; /* removed for another cause than an explicit withdrawal: the agent's brake may hold it */
    const uint8_t *nlri;
    uint16_t len;
};

struct repl_table_batch {
    uint64_t incarnation, from, to; /* of the serving node and its table's version order */
    bool reset;                     /* first batch of a full table: sweep what is not seen at the cut */
    bool cut;
    bool complete;                  /* at a cut: the node has converged, absence may be acted upon */
    bool isolated;                  /* no NVA has a live session with any node: the agent holds what is lost */
    bool awaits;                    /* a node came back a moment ago: what is lost waits, until a cut without it */
    uint8_t digest[REPL_DIGEST];    /* at a cut: of the whole table */
    uint32_t route_total;           /* at a cut */
    const struct ip_addr *lost;     /* next hops of NVAs that were lost a moment ago, in every batch all of them */
    uint16_t lost_count;
    const struct ip_addr *told;     /* at a cut: next hops of NVAs that have told all anew a moment ago; before complete: that have, always */
    uint16_t told_count;
    const struct repl_table_routes *routes;
    uint32_t route_count;
};

struct repl_table_subscribe {
    uint64_t incarnation, version; /* resume from here; 0, 0 = everything */
};

/* From a host agent: what stands in its kernel, for sight. */
struct repl_table_report {
    uint64_t incarnation, version; /* applied */
    uint32_t wanted, installed, pending, failed, held, unhealthy;
    bool active;                   /* this node's table is the one that the agent follows */
    char last_error[128];
    char store[REPL_STORE_MAX];    /* "" = it follows the nodes; else the prefix of keys in etcd that it reads */
};

enum repl_kind {
    REPL_SUBSCRIBE = 1,
    REPL_BATCH,
    REPL_RESET, /* position: the stream starts over behind it; the receiver marks that origin's entries and sweeps at the next cut */
    REPL_BEAT,
    REPL_GOODBYE,
    REPL_BREAKDOWN,
    REPL_TABLE_SUBSCRIBE,
    REPL_TABLE_BATCH,
    REPL_TABLE_REPORT,
    REPL_TABLE_BEAT, /* beat with counter, steady and digest only */
};

struct repl_msg {
    uint8_t kind; /* enum repl_kind */
    union {
        struct {
            uint8_t count;
            struct repl_position positions[REPL_NODES_MAX];
        } subscribe;
        struct repl_batch batch;
        struct repl_position reset;
        struct repl_beat beat;
        struct repl_breakdown breakdown;
        uint8_t goodbye; /* enum repl_goodbye_reason */
        struct repl_table_subscribe table_subscribe;
        struct repl_table_batch table_batch;
        struct repl_table_report table_report;
    };
};

/* Returns the payload's length, or REPL_ERR_SPACE, REPL_ERR_NOMEM. */
int repl_msg_encode(const struct repl_msg *m, uint8_t *buf, size_t cap) MUST_USE;
/* Pointers in *out live in the arena or in data. 0, REPL_ERR_MALFORMED, REPL_ERR_NOMEM. */
int repl_msg_decode(const uint8_t *data, size_t len, struct arena *arena,
                    struct repl_msg *out) MUST_USE;

int repl_hello_encode(const struct repl_hello *h, uint8_t *buf, size_t cap) MUST_USE;
int repl_hello_decode(const uint8_t *data, size_t len, struct repl_hello *out) MUST_USE;

#endif
