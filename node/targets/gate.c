#include "node/targets/gate.h"

#include <stdio.h>
#include <string.h>

#include "bgp/base/list.h"
#include "node/base/memory.h"
#include "node/targets/gate_probe.h"

struct hop {
    struct list all;
    struct gate *gate;
    struct ip_addr addr;
    struct gate_probe *probe; /* under way, or NULL */
    uint64_t round;           /* in which it was in use last */
    unsigned fallen, risen;   /* failures, answers in a row */
    bool is_unhealthy;
};

struct gate {
    struct gate_cfg cfg;
    struct http_client *http;
    uv_timer_t timer;
    uint64_t round;
    struct list hops;
};

/* ---- answers ---- */

static void judge(struct hop *h, const char *reason)
{
    const struct config_gate *c = h->gate->cfg.config;
    h->fallen = reason ? h->fallen + 1 : 0;
    h->risen = reason ? 0 : h->risen + 1;
    bool falls = !h->is_unhealthy && h->fallen >= c->fall;
    bool rises = h->is_unhealthy && h->risen >= c->rise;
    if (!falls && !rises)
        return;
    h->is_unhealthy = falls;
    h->gate->cfg.on_change(h->gate->cfg.data, &h->addr, reason);
}

static void on_done(void *data, const char *reason)
{
    struct hop *h = data;
    h->probe = NULL;
    judge(h, reason);
}

static void probe(struct hop *h)
{
    struct gate *g = h->gate;
    char error[GATE_REASON_MAX];
    struct gate_probe_cfg cfg = { .loop = g->cfg.loop,
                                  .config = g->cfg.config,
                                  .http = g->http,
                                  .hop = &h->addr,
                                  .on_done = on_done,
                                  .data = h };
    if (h->probe)
        return; /* its timeout is longer than the interval */
    h->probe = gate_probe_new(&cfg, error);
    if (!h->probe)
        judge(h, error);
}

/* ---- next hops in use ---- */

void gate_use(struct gate *g, const struct ip_addr *addr)
{
    LIST_EACH(node, &g->hops)
    {
        struct hop *h = LIST_OF(node, struct hop, all);
        if (!ip_addr_is_equal(&h->addr, addr))
            continue;
        h->round = g->round;
        return;
    }
    struct hop *h = memory_new(1, sizeof *h);
    *h = (struct hop){ .gate = g, .addr = *addr, .round = g->round };
    list_init(&h->all);
    list_append(&g->hops, &h->all);
}

static void drop(struct hop *h)
{
    if (h->probe)
        gate_probe_cancel(h->probe);
    list_remove(&h->all);
    free(h);
}

/* One that nothing uses is nobody's trouble: should it come back, it starts healthy. */
static void forget(struct hop *h)
{
    if (h->is_unhealthy)
        h->gate->cfg.on_change(h->gate->cfg.data, &h->addr, NULL);
    drop(h);
}

static void on_timer(uv_timer_t *timer)
{
    struct gate *g = timer->data;
    g->round++;
    g->cfg.list(g->cfg.data, g);
    LIST_EACH(node, &g->hops)
    {
        struct hop *h = LIST_OF(node, struct hop, all);
        if (h->round == g->round)
            probe(h);
        else
            forget(h);
    }
}

/* ---- life ---- */

struct gate *gate_new(const struct gate_cfg *cfg, char error[static GATE_REASON_MAX])
{
    if (!gate_probe_is_possible(cfg->config, error))
        return NULL;
    struct gate *g = memory_new(1, sizeof *g);
    g->cfg = *cfg;
    list_init(&g->hops);
    if (cfg->config->probe == CONFIG_PROBE_HTTP) {
        g->http = http_client_new(&(struct http_client_cfg){ .loop = cfg->loop,
                                                             .connect_ms = cfg->config->timeout_ms });
        if (!g->http)
            abort();
    }
    uv_timer_init(cfg->loop, &g->timer);
    g->timer.data = g;
    uv_timer_start(&g->timer, on_timer, 0, cfg->config->interval_ms);
    return g;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    LIST_EACH(node, &g->hops)
        drop(LIST_OF(node, struct hop, all));
    http_client_free(g->http);
    uv_close((uv_handle_t *)&g->timer, on_closed);
}
