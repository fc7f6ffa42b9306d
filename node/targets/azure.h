/* A route table of Azure as a target: the machine (azure_machine.h) with an HTTP client and a timer. */
#ifndef TANDEM_NODE_TARGETS_AZURE_H
#define TANDEM_NODE_TARGETS_AZURE_H

#include <uv.h>

#include "node/targets/azure_machine.h"

struct azure_cfg {
    uv_loop_t *loop;
    struct azure_machine_cfg machine; /* its strings live as long as the target */
    const char *ca_file;              /* PEM; NULL: the certificates the system trusts */
    uint64_t (*now)(void);            /* monotonic ms, that of azure_turn */
    void (*on_change)(void *data);    /* call azure_turn soon; data is the machine's */
};

struct azure;

struct azure *azure_new(const struct azure_cfg *cfg);
/* The table keeps everything. Handles close in the loop. */
void azure_free(struct azure *a);
/* After every tick of the fence: the next request leaves. */
void azure_turn(struct azure *a, uint64_t now_ms);
void azure_status(const struct azure *a, struct azure_status *out);

#endif
