/* The azure target without I/O: which request comes next, and what an answer means.
 *
 *     program, fence --> azure_machine_next --> request --> (node/io/http_client) --> azure_machine_answer
 *
 * One request at a time. A table is read, planned, written as a whole with If-Match and the fence in a
 * tag, and read again when provisioning has ended; only that second reading settles the operations of
 * the program, so a lost answer, a failed provisioning and another writer's hand all end in the same
 * place. What the target as a whole refuses is no fault of its routes: their operations go back to the
 * program and wait for the target; nothing is ever removed for a failure.
 *
 * The fence's record is the tag tandem-fence = cluster;epoch;owner;incarnation;beat of the same write.
 *
 * Pace: a burst is waited for (50 ms of quiet, 500 ms at most), then one write carries it. Failures back
 * off from 1 s to 60 s with jitter, Retry-After stands above that, and a bucket shared by all tables of
 * the process stays below the provider's limits, and below what its answers say is left of them.
 *
 * Source: the cloud study, 5.1; the replication design 4.7 and 4.8; Azure Resource Manager, "Track
 * asynchronous Azure operations" and "Throttling Resource Manager requests". */
#ifndef TANDEM_NODE_TARGETS_AZURE_MACHINE_H
#define TANDEM_NODE_TARGETS_AZURE_MACHINE_H

#include "bgp/rib/prefix_table.h"
#include "node/config/config.h"
#include "node/io/http_client.h"
#include "node/program/program.h"
#include "node/targets/azure_identity.h"
#include "node/targets/azure_plan.h"
#include "replication/fence.h"

#define AZURE_STATE_MAP(X)                                                                         \
    X(AZURE_STARTING, "starting", "the table was not read yet")                                    \
    X(AZURE_OK, "ok", "the table is as wanted")                                                    \
    X(AZURE_WORKING, "working", "a write is under way")                                            \
    X(AZURE_STANDBY, "standby", "another node writes this table")                                  \
    X(AZURE_PARTIAL, "partial", "some routes cannot be programmed")                                \
    X(AZURE_OVER_LIMIT, "over-limit", "not all routes fit into the table")                         \
    X(AZURE_NO_TOKEN, "no-token", "the identity gives no token")                                   \
    X(AZURE_UNAUTHORIZED, "unauthorized", "the token is not accepted")                             \
    X(AZURE_FORBIDDEN, "forbidden", "the identity lacks Microsoft.Network/routeTables permissions") \
    X(AZURE_NOT_FOUND, "not-found", "there is no such table: wrong resource id, or deleted")       \
    X(AZURE_REFUSED, "refused", "the resource manager refuses this content")                       \
    X(AZURE_BUSY, "busy", "another operation or a lock holds the table")                           \
    X(AZURE_CONTENDED, "etag-never-matches", "another writer changes the table all the time")      \
    X(AZURE_THROTTLED, "throttled", "too many requests")                                           \
    X(AZURE_SERVER_ERROR, "server-error", "the resource manager fails")                            \
    X(AZURE_UNREACHABLE, "unreachable", "no connection")                                           \
    X(AZURE_UNTRUSTED, "untrusted", "the certificate is not trusted: see caFile")                  \
    X(AZURE_TIMEOUT, "timeout", "no answer in time")                                               \
    X(AZURE_MALFORMED, "malformed", "the answer is no route table")                                \
    X(AZURE_NOT_PROVISIONED, "provisioning-failed", "the table was accepted, but not carried out") \
    X(AZURE_OTHER_CLUSTER, "other-cluster", "the fence of another cluster stands in this table")

#define AZURE_STATE_ENUM(name, word, text) name,
enum azure_state { AZURE_STATE_MAP(AZURE_STATE_ENUM) AZURE_STATES };
#undef AZURE_STATE_ENUM
const char *azure_state_name(uint8_t state);

/* Requests that may still be made, in thousandths; one bucket for all tables of a process. */
struct azure_bucket {
    uint64_t writes, reads, at_ms;
};
void azure_bucket_init(struct azure_bucket *b, uint64_t now_ms);
/* The provider says how many more it takes at once, of all that use it: x-ms-ratelimit-remaining-*. */
void azure_bucket_heed(struct azure_bucket *b, bool is_write, uint32_t remaining);

struct azure_machine_cfg {
    const struct config *config; /* names of cluster and nodes */
    uint32_t self;
    const char *endpoint, *resource_id, *api_version;
    struct azure_identity identity;
    uint32_t max_routes;
    bool summarise;
    uint32_t read_ms;    /* between readings when nothing happens */
    uint32_t timeout_ms; /* of a request */
    uint64_t seed;
    struct prefix_table *prefixes;
    struct nhset_table *sets;
    struct program *program;
    struct repl_fence *fence; /* the owner ticks it */
    struct azure_bucket *bucket;
    /* All may be NULL. nva_of: whose route it is, for its name. */
    const char *(*nva_of)(void *data, uint32_t prefix);
    void (*on_event)(void *data, const char *name, bool is_good, const char *text);
    void (*on_unknown)(void *data, uint32_t prefix);  /* in the table, and nobody here put it there */
    void (*on_released)(void *data, uint32_t prefix); /* the program holds it no longer */
    void *data;
};

/* What came back; strings are borrowed for the call, NULL: no such header. */
struct azure_answer {
    uint8_t outcome; /* enum http_outcome */
    uint16_t status;
    bool was_sent;
    const char *error; /* one line */
    uint32_t retry_after_s; /* 0: nothing is said */
    const char *operation;  /* Azure-AsyncOperation */
    bool has_remaining;
    uint32_t remaining; /* the least of x-ms-ratelimit-remaining-* that count this kind of request */
    const char *body;
    size_t len;
};

struct azure_machine;

struct azure_machine *azure_machine_new(const struct azure_machine_cfg *cfg, uint64_t now_ms);
/* Gives operations back to the program; the table keeps everything. */
void azure_machine_free(struct azure_machine *m);

/* The request to make now, borrowed until its answer; NULL: none before azure_machine_deadline, or the
 * next tick of the fence. */
const struct azure_request *azure_machine_next(struct azure_machine *m, uint64_t now_ms);
/* Exactly once for each request. */
void azure_machine_answer(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms);
uint64_t azure_machine_deadline(const struct azure_machine *m); /* UINT64_MAX: none */

struct azure_status {
    uint8_t state; /* enum azure_state */
    bool was_read; /* the program knows what the table had: wants may flow */
    uint64_t since_ms, last_read_ms, last_write_ms, next_try_ms;
    uint32_t foreign_routes, routes, limit; /* in the table, of others and ours; how many it may have */
    uint32_t unfit, summarised;  /* wishes without a place; wishes that another route stands for */
    uint64_t reads, writes, accepted, conflicts, throttled, failures;
    uint32_t remaining_reads, remaining_writes; /* as last said by the provider; UINT32_MAX: never */
    char error[AZURE_ERROR_MAX]; /* "" = none */
};
void azure_machine_status(const struct azure_machine *m, struct azure_status *out);

#endif
