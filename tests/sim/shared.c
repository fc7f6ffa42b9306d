/* One node's backend of the shared target, opened, turned and closed as node/loop/backends.c does. */
#include <stdlib.h>
#include <string.h>

#include "node/targets/azure.h"
#include "node/targets/etcd.h"
#include "tests/sim/shared.h"

enum { NTH = 1, RELIST_MS = 5000 }; /* the kernel's program is the first */

static uint64_t clock_ms; /* of the world that runs: backends ask without saying whose */

static uint64_t now(void)
{
    return clock_ms;
}

static void on_change(void *data)
{
    struct host *h = data;
    host_ask_turn(h->world, h, h->world->now);
}

static void on_ready(void *data)
{
    struct host *h = data;
    h->is_target_ready = true;
    core_program_ready(h->core, NTH, h->world->now);
}

static void on_observed(void *data, uint32_t prefix)
{
    struct host *h = data;
    core_want_again(h->core, NTH, prefix, h->world->now);
}

static void on_released(void *data, uint32_t prefix)
{
    struct host *h = data;
    rib_net_released(core_rib(h->core), prefix);
}

static void on_trouble(void *data, const char *text)
{
    struct host *h = data;
    struct etcd_status s;
    etcd_status(h->etcd, &s);
    core_target_tell(h->core, NTH, s.state, text, h->world->now);
}

static const char *source_of(void *data, uint32_t prefix)
{
    struct host *h = data;
    return core_net_source(h->core, prefix);
}

static void open_etcd(struct host *h, const struct config_target *target, struct program *program)
{
    struct rib *rib = core_rib(h->core);
    h->etcd = etcd_new(&(struct etcd_cfg){ .loop = &h->loop,
                                           .target = target,
                                           .node = core_self_name(h->core),
                                           .prefixes = &rib->nets,
                                           .sets = &rib->sets,
                                           .program = program,
                                           .fence = core_fence(h->core, NTH),
                                           .relist_ms = RELIST_MS,
                                           .now = now,
                                           .on_change = on_change,
                                           .on_ready = on_ready,
                                           .on_observed = on_observed,
                                           .on_released = on_released,
                                           .on_trouble = on_trouble,
                                           .source_of = source_of,
                                           .data = h });
}

static void open_azure(struct host *h, const struct config_target *target, struct program *program)
{
    struct rib *rib = core_rib(h->core);
    const struct config_azure *a = &target->azure;
    struct azure_cfg cfg = { .loop = &h->loop,
                             .now = now,
                             .on_change = on_change,
                             .machine = { .config = &h->world->config,
                                          .self = (uint32_t)h->number + 1,
                                          .endpoint = a->endpoint,
                                          .resource_id = a->resource_id,
                                          .api_version = a->api_version,
                                          .identity = { .endpoint = a->identity_endpoint,
                                                        .audience = FAKE_ENDPOINT "/" },
                                          .max_routes = a->max_routes,
                                          .read_ms = a->read_ms,
                                          .timeout_ms = a->timeout_ms,
                                          .seed = sim_random(h->world),
                                          .prefixes = &rib->nets,
                                          .sets = &rib->sets,
                                          .program = program,
                                          .fence = core_fence(h->core, NTH),
                                          .bucket = h->bucket,
                                          .nva_of = source_of,
                                          .on_unknown = on_observed,
                                          .on_released = on_released,
                                          .data = h } };
    azure_bucket_init(h->bucket, h->world->now);
    h->azure = azure_new(&cfg);
}

void shared_open(struct world *w, struct host *h)
{
    const struct config_target *target;
    if (!sim_shares(w, h->number))
        return;
    clock_ms = w->now;
    struct program *program = core_program(h->core, NTH, &target);
    h->is_target_ready = false;
    if (uv_loop_init(&h->loop))
        abort();
    h->loop.data = h;
    if (!h->bucket)
        h->bucket = calloc(1, sizeof *h->bucket);
    if (w->store->kind == SIM_ETCD)
        open_etcd(h, target, program);
    else
        open_azure(h, target, program);
}

static void turn_azure(struct host *h)
{
    struct azure_status s;
    azure_turn(h->azure, clock_ms);
    azure_status(h->azure, &s);
    if (!s.was_read || h->is_target_ready)
        return;
    on_ready(h);
    on_change(h);
}

static void look_at_timer(uv_handle_t *handle, void *data)
{
    uint64_t *left_ms = data;
    bool is_set = handle->type == UV_TIMER && uv_is_active(handle);
    uint64_t its = is_set ? uv_timer_get_due_in((uv_timer_t *)handle) : UINT64_MAX;
    *left_ms = its < *left_ms ? its : *left_ms;
}

/* The loop's clock stands still: what is left of a timer is what it was set to in the last turn. */
uint64_t shared_due(const struct world *w, struct host *h)
{
    uint64_t left_ms = UINT64_MAX;
    if (h->etcd || h->azure)
        uv_walk(&h->loop, look_at_timer, &left_ms);
    return left_ms == UINT64_MAX ? left_ms : w->now + left_ms;
}

void shared_turn(struct world *w, struct host *h)
{
    clock_ms = w->now;
    if (h->etcd)
        etcd_turn(h->etcd, w->now);
    if (h->azure)
        turn_azure(h);
}

void shared_close(struct host *h)
{
    if (!h->etcd && !h->azure)
        return;
    etcd_free(h->etcd);
    azure_free(h->azure);
    h->etcd = NULL;
    h->azure = NULL;
    while (uv_run(&h->loop, UV_RUN_NOWAIT)) /* handles close */
        ;
    if (uv_loop_close(&h->loop))
        abort();
}
