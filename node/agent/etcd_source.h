/* The table of an agent that reads from etcd instead of following the nodes.
 *
 * What stands in the store is wanted in this host's kernel: additions as the watch brings them, and what
 * is gone once the writer's `gen` is of what is there. An unreachable store, or keys that somebody else
 * removed, take nothing from the kernel. */
#ifndef TANDEM_NODE_AGENT_ETCD_SOURCE_H
#define TANDEM_NODE_AGENT_ETCD_SOURCE_H

#include <uv.h>

#include "node/config/config.h"
#include "node/program/program.h"

struct etcd_source;

struct etcd_source_cfg {
    uv_loop_t *loop;
    const struct config_target *target; /* .etcd; borrowed for ever */
    struct prefix_table *prefixes;
    struct nhset_table *sets;
    struct program *kernel; /* what is wanted goes there */
    uint64_t (*now)(void);
    void (*on_change)(void *data);                    /* call etcd_source_turn soon */
    void (*on_trouble)(void *data, const char *text); /* "" = well again */
    void *data;
};

struct etcd_source *etcd_source_new(const struct etcd_source_cfg *cfg); /* NULL: out of memory */
void etcd_source_free(struct etcd_source *s);                           /* NULL is allowed */
void etcd_source_turn(struct etcd_source *s, uint64_t now_ms);
/* Does the store answer, and was it read? */
bool etcd_source_is_up(const struct etcd_source *s);
/* The kernel holds this prefix no longer: its index goes when the store has no such key either. */
void etcd_source_released(struct etcd_source *s, uint32_t prefix);
/* The table was given up while the store was away: everything is wanted again. */
void etcd_source_want_again(struct etcd_source *s);

#endif
