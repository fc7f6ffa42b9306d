/* The kernel's route table as a target: what `program` wants becomes routes with nexthop objects.
 *
 * Ours is what carries our protocol, metric and table; nothing else is ever changed, not even at the
 * same prefix (an addition there fails and says so). Nothing is removed at start or at exit: a start
 * reads routes and nexthop objects of an earlier run and tells the program, in netlink_new, before
 * the owner's first want().
 *
 *     program_want(...)  -->  netlink_turn()  -->  kernel  -->  program_result
 *     another process, a link  -->  notification or dump  -->  program_observe  -->  repair
 *
 * The table is dumped and compared every resync_ms, after a link went up or down, when notifications
 * were lost, and when asked. A dump is read in slices while operations go on.
 * A set of next hops is one nexthop object (netlink_nexthop.h); a next hop that is on no link fails
 * its routes with that reason, and they are tried again, at once when the network changes.
 * One process a table and network namespace: a lock on an abstract socket, gone with the process.
 * Source: rtnetlink(7); the replication design, H15 and fencing rule of the kernel. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_H
#define TANDEM_NODE_TARGETS_NETLINK_H

#include "node/program/program.h"

#include <uv.h>

enum netlink_event_kind {
    NETLINK_ROUTES_FAILED,    /* count operations of one turn; text: the first one's reason */
    NETLINK_ROUTES_DISTURBED, /* count routes of ours that another process removed or replaced */
    NETLINK_RESYNCED,         /* count differences that a dump found; only when there were any */
    NETLINK_OVERRUN,          /* notifications were lost, a dump follows */
    NETLINK_RESYNC_FAILED,    /* text: why; tried again */
    NETLINK_GROUPS_PLAIN,     /* text: why groups have no buckets, which were asked for */
    NETLINK_TAKEN_OVER,       /* count routes have another next hop with one message, since all others are lost */
    NETLINK_REDIRECTS,        /* at the start: count interfaces let routers change the kernel's routes; text: their names */
};

struct netlink_event {
    enum netlink_event_kind kind;
    const char *name; /* stable, for the log: "netlink_routes_failed" … */
    uint32_t count;
    const char *text; /* "" = none; borrowed for the call */
    bool is_trouble;  /* else it is good to know */
};

struct netlink_cfg {
    uv_loop_t *loop;
    uint32_t table, metric; /* metric 0 is not allowed: IPv6 has no such */
    uint8_t protocol;
    bool resilient_groups; /* where the kernel has them; else groups are plain, and that is told */
    uint32_t id_base;   /* ids of nexthop objects: id_base + 1 .. + 2^20; one range per table */
    uint32_t resync_ms; /* 0 = 60 000 */
    struct prefix_table *prefixes;
    struct nhset_table *sets;
    struct program *program;
    /* Something may be done: the owner calls netlink_turn soon. NULL: done here at once. */
    void (*on_change)(void *data);
    void (*on_event)(void *data, const struct netlink_event *e); /* NULL: nobody listens */
    /* What will be wanted of this prefix once all that is known was decided, with a reference; is it bereft of what is
     * wanted now? NULL: nobody knows. */
    uint32_t (*foresee)(void *data, uint32_t prefix, bool *is_bereft);
    /* The program holds this prefix no longer, so its index may be dropped. NULL: nobody cares. */
    void (*on_released)(void *data, uint32_t prefix);
    void *data;
};

struct netlink;

enum { NETLINK_ERROR_MAX = 200 };

/* 0, or a negative errno and a sentence for the operator in error. The first dump is read here. */
int netlink_new(struct netlink **out, const struct netlink_cfg *cfg,
                char error[static NETLINK_ERROR_MAX]) MUST_USE;
/* The kernel keeps everything. Memory goes when the loop has closed the handles; prefixes, sets and
 * program are not touched after the call. */
void netlink_free(struct netlink *n);

/* Reads notifications and dumps, issues operations: a slice of work. True: more can be done now
 * (the target also calls for it by itself, over on_change). */
bool netlink_turn(struct netlink *n, uint64_t now_ms);

/* The health gate: a next hop that does not answer leaves the groups of this kernel, never the last
 * one of a group; who answers again comes back. What is wanted and installed stays the same. */
void netlink_set_health(struct netlink *n, const struct ip_addr *hop, bool is_healthy,
                        uint64_t now_ms);
/* Next hops of NVAs that are gone: these, and no others, leave groups before their routes are decided on. */
void netlink_set_lost(struct netlink *n, const struct ip_addr *hops, size_t count, uint64_t now_ms);
void netlink_each_hop(const struct netlink *n, void (*see)(void *data, const struct ip_addr *hop),
                      void *data);

struct netlink_status {
    uint32_t nexthops; /* objects in the kernel, groups among them */
    uint32_t unhealthy; /* next hops that are left out since they do not answer */
    uint64_t resyncs, overruns, disturbed;
    uint64_t last_resync_ms; /* when the last complete dump ended; 0 = never */
    bool is_dumping, has_resilient_groups;
    char last_error[NETLINK_ERROR_MAX]; /* "" = none since the start */
};
void netlink_status(const struct netlink *n, struct netlink_status *out);

#endif
