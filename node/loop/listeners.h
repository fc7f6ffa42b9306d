/* Where NVAs, nodes and agents connect: BGP's port and the cluster's, on this node's addresses.
 *
 * Bounded: what a listener takes at once, and the descriptors that connections may have. Where the system
 * itself has none left, a listener rests for a moment: the poll would tell of the same connection for ever. */
#ifndef TANDEM_NODE_LISTENERS_H
#define TANDEM_NODE_LISTENERS_H

#include <uv.h>

#include "node/core/core.h"
#include "node/io/log.h"

struct listeners_cfg {
    uv_loop_t *loop;
    const struct config *config; /* borrowed, as is all here, until listeners_stop */
    uint32_t self;
    bool is_clustered;    /* the cluster's port, too */
    unsigned connections; /* of struct descriptors */
    struct log *log;
    /* fd is the callee's from here on. */
    void (*on_accepted)(void *data, int fd, enum core_port port, const struct ip_addr *remote,
                        const struct ip_addr *local);
    void *data;
};

struct listeners;

/* NULL: one of them cannot be, and the log says why and what to do. */
struct listeners *listeners_start(const struct listeners_cfg *cfg);
/* The configuration has other content: the keys and TTLs of its peers. was: what it had until now. */
void listeners_follow(struct listeners *all, const struct config *was);
/* Closed at once; the memory goes when the loop has run the close callbacks. NULL does nothing. */
void listeners_stop(struct listeners *all);

#endif
