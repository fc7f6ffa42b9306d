/* The world around the core: libuv, sockets, listeners, kernel targets, the API, the log.
 *
 * One thread. Whatever happens asks for a turn; the turn runs after all sockets were read in this
 * round (a check handle behind the poll), so that no timer is judged before the bytes that would have
 * stopped it: with libuv 1.44 timers run before the poll (the wake rule). */
#ifndef TANDEM_NODE_LOOP_H
#define TANDEM_NODE_LOOP_H

#include "node/core/core.h"
#include "node/io/log.h"
#include "node/keys/node_keys.h"
#include "node/loop/descriptors.h"

struct loop_cfg {
    struct config *config; /* reload gives it other content */
    uint32_t self;
    struct node_keys *keys; /* reload reads them again */
    const struct descriptors *descriptors;
    struct core_cfg core;
    struct log *log;
};

/* Run until SIGTERM or SIGINT. 0 asked to stop; 1 could not start or failed, and the log says why. */
int loop_run(const struct loop_cfg *cfg);

#endif
