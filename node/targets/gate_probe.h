/* One probe of one next hop, inside the loop: begin, then exactly one answer. */
#ifndef TANDEM_NODE_GATE_PROBE_H
#define TANDEM_NODE_GATE_PROBE_H

#include "node/io/http_client.h"
#include "node/targets/gate.h"

struct gate_probe;

struct gate_probe_cfg {
    uv_loop_t *loop;
    const struct config_gate *config;
    struct http_client *http; /* of the probes over http */
    const struct ip_addr *hop;
    /* reason: NULL when it answered. The probe is gone when it returns. */
    void (*on_done)(void *data, const char *reason);
    void *data;
};

/* NULL: it failed at once, and on_done does not come; error says why. */
struct gate_probe *gate_probe_new(const struct gate_probe_cfg *cfg,
                                  char error[static GATE_REASON_MAX]);
/* on_done does not come any more. */
void gate_probe_cancel(struct gate_probe *p);

/* Is this kind possible here? False, and why. */
bool gate_probe_is_possible(const struct config_gate *config, char error[static GATE_REASON_MAX]);

#endif
