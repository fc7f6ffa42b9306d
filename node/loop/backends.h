/* The targets that this node programs itself, each with the backend of its type. */
#ifndef TANDEM_NODE_BACKENDS_H
#define TANDEM_NODE_BACKENDS_H

#include <uv.h>

#include "node/core/core.h"
#include "node/io/log.h"

struct backends;

struct backends_cfg {
    uv_loop_t *loop;
    struct core *core;
    const struct config *config; /* the running one: its content may be exchanged, see below */
    uint32_t self;
    struct log *log;
    uint64_t (*now)(void);        /* monotonic ms, the core's clock */
    void (*on_change)(void *data); /* something may be done: call backends_turn soon */
    void *data;
};

/* One that cannot be opened is shown as failed and tried again for ever: the node serves everybody else. */
struct backends *backends_start(const struct backends_cfg *cfg);
/* Another configuration: first those that are in it no more end, then the core follows, then the new ones begin. */
void backends_end_gone(struct backends *b);
void backends_follow(struct backends *b);
/* After every turn of the core. True: more can be done at once. */
bool backends_turn(struct backends *b, uint64_t now_ms);
/* Removes nothing anywhere. Handles close in the loop. NULL is allowed. */
void backends_free(struct backends *b);

#endif
