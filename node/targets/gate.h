/* The health gate: next hops in use are probed, and those that do not answer are told.
 *
 * A probe is a fact of this machine alone. It never enters the decision, which is the same on every node:
 * the owner keeps what does not answer out of its own kernel's groups, and lets it in again.
 * A next hop counts as healthy until it failed `fall` times in a row, and again when it has answered
 * `rise` times in a row. */
#ifndef TANDEM_NODE_GATE_H
#define TANDEM_NODE_GATE_H

#include <uv.h>

#include "node/config/config.h"

struct gate;

enum { GATE_REASON_MAX = 96 };

struct gate_cfg {
    uv_loop_t *loop;
    const struct config_gate *config; /* borrowed for ever */
    /* Which next hops are in use now: calls gate_use for each. */
    void (*list)(void *data, struct gate *g);
    /* reason: why it counts as unhealthy from now on; NULL: healthy again. Borrowed for the call. */
    void (*on_change)(void *data, const struct ip_addr *hop, const char *reason);
    void *data;
};

/* NULL and a sentence in error when this kind of probe is not possible here. */
struct gate *gate_new(const struct gate_cfg *cfg, char error[static GATE_REASON_MAX]);
/* Handles close in the loop. NULL is allowed. */
void gate_free(struct gate *g);

/* From list: this one is in use. */
void gate_use(struct gate *g, const struct ip_addr *hop);

#endif
