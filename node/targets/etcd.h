/* A shared route table in etcd v3, over its JSON gateway: one key per route (etcd_wire.h).
 *
 * Every node keeps a shadow of the table: a listing at start and every minute, a watch between, so
 * that a takeover costs one transaction and then only the difference. Only the node whose fence
 * stands in the store writes: every transaction compares the fence's revision, has at most 128
 * operations, additions before deletions, and the last of a batch carries `gen` with the digest of
 * the whole. No lease is ever attached. What stands there at start is inherited; keys of others are
 * not touched; what somebody changed is put right.
 *
 * One request under way beside the watch. An endpoint that fails is left for the next; when all
 * did, back-off from 250 ms to 10 s. A full store, a refused login, a foreign certificate: said once by
 * on_trouble, tried again, nothing is removed. */
#ifndef TANDEM_NODE_TARGETS_ETCD_H
#define TANDEM_NODE_TARGETS_ETCD_H

#include <uv.h>

#include "node/config/config.h"
#include "node/program/program.h"
#include "replication/fence.h"

struct etcd;

struct etcd_cfg {
    uv_loop_t *loop;
    const struct config_target *target; /* endpoints, prefix, files; borrowed for ever */
    const char *node;                   /* our name, for whoever reads the values */
    struct prefix_table *prefixes;
    struct nhset_table *sets;
    struct program *program;
    struct repl_fence *fence;
    const uint8_t *digest_key; /* 16 bytes: of `gen`; NULL: the fixed key */
    uint32_t relist_ms;        /* 0 = 60 000 */
    bool is_reader;            /* never writes: its fence is never ticked. Instead of listing again it
                                  compares `gen` with what it has, and lists when they differ */
    uint64_t (*now)(void);
    /* Something may be done: the owner turns its core, then calls etcd_turn. */
    void (*on_change)(void *data);
    void (*on_ready)(void *data);                    /* all that stands there is inherited; once */
    void (*on_observed)(void *data, uint32_t prefix); /* somebody else changed it; a reader is told what it inherits, too */
    void (*on_released)(void *data, uint32_t prefix); /* the program holds it no longer */
    void (*on_whole)(void *data); /* what is here is what `gen` says, all of it; NULL: nobody asks */
    void (*on_trouble)(void *data, const char *text); /* "" = well again */
    const char *(*source_of)(void *data, uint32_t prefix); /* whose route it is, for the value */
    void *data;
};

/* NULL: out of memory. Starts by itself with the first etcd_turn. */
struct etcd *etcd_new(const struct etcd_cfg *cfg);
/* The store keeps everything. Handles close in the loop; prefixes, sets, program and fence are not
 * touched after the call. NULL is allowed. */
void etcd_free(struct etcd *e);

/* Takes the next step, if one is due. It never blocks and its work is bounded. */
void etcd_turn(struct etcd *e, uint64_t now_ms);

struct etcd_status {
    const char *endpoint;
    int64_t revision;  /* highest seen */
    uint64_t transactions, refused, listings, repairs, watches, relogins;
    bool is_watching, has_listed;
    const char *state; /* in a word, which lives for ever: "ok", "unreachable", "full" … */
};
void etcd_status(const struct etcd *e, struct etcd_status *out);

#endif
