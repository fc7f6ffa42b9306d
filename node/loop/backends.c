#include "node/loop/backends.h"

#include <stdio.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/targets/azure.h"
#include "node/targets/etcd.h"
#include "node/targets/gate.h"
#include "node/targets/netlink.h"

enum { NETLINK_ID_RANGE = 1 << 20, ERROR_MAX = 256, OPEN_AGAIN_MS = 5000 };

struct backend {
    struct backends *all;
    const struct config_target *target;
    const struct backend_kind *kind;
    struct program *program;
    size_t nth; /* among the core's programs */
    void *impl;        /* NULL: it could not be opened, and is tried again */
    uint64_t open_at_ms;
    uint64_t losses;   /* kernel: of core_lost_hops, as last told */
    bool is_failing;   /* kernel: some of its routes cannot be installed, which was told */
    struct gate *gate; /* NULL: next hops are not probed */
};

struct backend_kind {
    bool (*open)(struct backend *b, char error[static ERROR_MAX]);
    bool (*turn)(struct backend *b, uint64_t now_ms);
    void (*close)(struct backend *b);
};

struct backends {
    struct backends_cfg cfg;
    struct azure_bucket azure_calls; /* the provider counts all tables together */
    struct backend **items; /* as the core's programs */
    size_t count;
    uv_timer_t timer; /* what could not be opened is tried again */
};

static void on_change(void *data)
{
    struct backend *b = data;
    b->all->cfg.on_change(b->all->cfg.data);
}

static void on_released(void *data, uint32_t prefix)
{
    struct backend *b = data;
    rib_net_released(core_rib(b->all->cfg.core), prefix);
}

static void subject_of(const struct backend *b, char subject[static CONFIG_NAME_MAX + 16])
{
    snprintf(subject, CONFIG_NAME_MAX + 16, "target=%s", b->target->name);
}

/* ---- netlink ---- */

static void on_kernel_event(void *data, const struct netlink_event *e)
{
    struct backend *b = data;
    char subject[CONFIG_NAME_MAX + 16];
    subject_of(b, subject);
    log_event(b->all->cfg.log, e->is_trouble ? LOG_WARN_ : LOG_INFO_, e->name,
              subject, "count=%u reason=\"%s\"", e->count, e->text);
}

static void use_hop(void *gate, const struct ip_addr *hop)
{
    gate_use(gate, hop);
}

static void list_hops(void *data, struct gate *gate)
{
    netlink_each_hop(((struct backend *)data)->impl, use_hop, gate);
}

static void on_health(void *data, const struct ip_addr *hop, const char *reason)
{
    struct backend *b = data;
    uint64_t now_ms = b->all->cfg.now();
    netlink_set_health(b->impl, hop, !reason, now_ms);
    core_target_health(b->all->cfg.core, b->nth, hop, reason, now_ms);
    on_change(b); /* events are to be written */
}

static bool open_gate(struct backend *b, char error[static ERROR_MAX])
{
    char reason[GATE_REASON_MAX];
    if (!b->target->gate.is_on)
        return true;
    b->gate = gate_new(&(struct gate_cfg){ .loop = b->all->cfg.loop,
                                           .config = &b->target->gate,
                                           .list = list_hops,
                                           .on_change = on_health,
                                           .data = b },
                       reason);
    snprintf(error, ERROR_MAX, "healthGate: %s", b->gate ? "" : reason);
    return b->gate != NULL;
}

static void tell_groups(struct backend *b)
{
    struct netlink_status s;
    netlink_status(b->impl, &s);
    const struct core_fact fact = { "resilientGroups", s.has_resilient_groups };
    core_target_facts(b->all->cfg.core, b->nth, &fact, 1);
}

static uint32_t foresee(void *data, uint32_t prefix, bool *is_bereft)
{
    struct backend *b = data;
    return core_foresee(b->all->cfg.core, b->nth, prefix, is_bereft);
}

static bool open_kernel(struct backend *b, char error[static ERROR_MAX])
{
    struct rib *rib = core_rib(b->all->cfg.core);
    struct netlink *netlink;
    struct netlink_cfg cfg = { .loop = b->all->cfg.loop,
                               .table = b->target->table,
                               .metric = b->target->metric,
                               .protocol = b->target->protocol,
                               .resilient_groups = b->target->resilient_groups,
                               .id_base = (b->target->table % CONFIG_TABLE_RANGES + 1) * NETLINK_ID_RANGE,
                               .prefixes = &rib->nets,
                               .sets = &rib->sets,
                               .program = b->program,
                               .on_change = on_change,
                               .on_event = on_kernel_event,
                               .foresee = foresee,
                               .on_released = on_released,
                               .data = b };
    if (!open_gate(b, error))
        return false;
    if (netlink_new(&netlink, &cfg, error)) {
        gate_free(b->gate);
        b->gate = NULL;
        return false;
    }
    b->impl = netlink;
    tell_groups(b);
    core_program_ready(b->all->cfg.core, b->nth, b->all->cfg.now());
    return true;
}

/* An NVA's death is one replacement of a group, whatever the number of its routes. */
static void heed_losses(struct backend *b, uint64_t now_ms)
{
    const struct ip_addr *hops;
    uint64_t version;
    size_t count = core_lost_hops(b->all->cfg.core, &hops, &version);
    if (version != b->losses)
        netlink_set_lost(b->impl, hops, count, now_ms);
    b->losses = version;
}

/* The first reason, for as long as there is any: the rest stands in the log. */
static void tell_failures(struct backend *b, uint64_t now_ms)
{
    struct netlink_status s;
    bool is_failing = program_stats(b->program)->failed > 0;
    if (is_failing == b->is_failing)
        return;
    b->is_failing = is_failing;
    netlink_status(b->impl, &s);
    core_target_tell(b->all->cfg.core, b->nth, NULL, is_failing ? s.last_error : "", now_ms);
}

static bool turn_kernel(struct backend *b, uint64_t now_ms)
{
    heed_losses(b, now_ms);
    bool is_more = netlink_turn(b->impl, now_ms);
    tell_failures(b, now_ms);
    return is_more;
}

static void close_kernel(struct backend *b)
{
    gate_free(b->gate);
    netlink_free(b->impl);
}

/* ---- etcd ---- */

static void on_ready(void *data)
{
    struct backend *b = data;
    core_program_ready(b->all->cfg.core, b->nth, b->all->cfg.now());
}

static void on_observed(void *data, uint32_t prefix)
{
    struct backend *b = data;
    core_want_again(b->all->cfg.core, b->nth, prefix, b->all->cfg.now());
}

static void on_trouble(void *data, const char *text)
{
    struct backend *b = data;
    struct etcd_status s;
    etcd_status(b->impl, &s);
    core_target_tell(b->all->cfg.core, b->nth, s.state, text, b->all->cfg.now());
}

static const char *source_of(void *data, uint32_t prefix)
{
    struct backend *b = data;
    return core_net_source(b->all->cfg.core, prefix);
}

static bool open_etcd(struct backend *b, char error[static ERROR_MAX])
{
    struct rib *rib = core_rib(b->all->cfg.core);
    struct etcd_cfg cfg = { .loop = b->all->cfg.loop,
                            .target = b->target,
                            .node = core_self_name(b->all->cfg.core),
                            .prefixes = &rib->nets,
                            .sets = &rib->sets,
                            .program = b->program,
                            .fence = core_fence(b->all->cfg.core, b->nth),
                            .now = b->all->cfg.now,
                            .on_change = on_change,
                            .on_ready = on_ready,
                            .on_observed = on_observed,
                            .on_released = on_released,
                            .on_trouble = on_trouble,
                            .source_of = source_of,
                            .data = b };
    b->impl = etcd_new(&cfg);
    snprintf(error, ERROR_MAX, "out of memory");
    return b->impl != NULL;
}

static bool turn_etcd(struct backend *b, uint64_t now_ms)
{
    struct etcd_status s;
    etcd_turn(b->impl, now_ms);
    etcd_status(b->impl, &s);
    const struct core_fact facts[] = {
        { "revision", (uint64_t)s.revision }, { "transactions", s.transactions }, { "refused", s.refused },
        { "listings", s.listings },           { "repairs", s.repairs },           { "watches", s.watches },
        { "logins", s.relogins },
    };
    core_target_facts(b->all->cfg.core, b->nth, facts, sizeof facts / sizeof *facts);
    return false; /* what more there is to do begins with the answer */
}

static void close_etcd(struct backend *b)
{
    etcd_free(b->impl);
}

/* ---- Azure ---- */

struct azure_backend {
    struct azure *azure;
    char audience[300];
    bool is_ready;
};

static const char *nva_of(void *data, uint32_t prefix)
{
    const char *source = source_of(data, prefix);
    return strcmp(source, "none") ? source : NULL;
}

static bool open_azure(struct backend *b, char error[static ERROR_MAX])
{
    const struct config_azure *a = &b->target->azure;
    struct backends *all = b->all;
    struct rib *rib = core_rib(all->cfg.core);
    struct azure_backend *impl = memory_new(1, sizeof *impl);
    (void)error; /* a table that does not answer is asked again */
    snprintf(impl->audience, sizeof impl->audience, "%s/", a->endpoint);
    const struct azure_cfg cfg = {
        .loop = all->cfg.loop,
        .ca_file = a->ca_file,
        .now = all->cfg.now,
        .on_change = on_change,
        .machine = { .config = all->cfg.config,
                     .self = all->cfg.self,
                     .endpoint = a->endpoint,
                     .resource_id = a->resource_id,
                     .api_version = a->api_version,
                     .identity = { .endpoint = a->identity_endpoint,
                                   .audience = impl->audience,
                                   .client_id = a->client_id[0] ? a->client_id : NULL,
                                   .principal_file = a->principal_file },
                     .max_routes = a->max_routes,
                     .summarise = a->summarise,
                     .read_ms = a->read_ms,
                     .timeout_ms = a->timeout_ms,
                     .seed = uv_hrtime(),
                     .prefixes = &rib->nets,
                     .sets = &rib->sets,
                     .program = b->program,
                     .fence = core_fence(all->cfg.core, b->nth),
                     .bucket = &all->azure_calls,
                     .nva_of = nva_of,
                     .on_unknown = on_observed,
                     .on_released = on_released,
                     .data = b },
    };
    impl->azure = azure_new(&cfg);
    b->impl = impl;
    return true;
}

static void tell_azure(struct backend *b, uint64_t now_ms)
{
    struct azure_backend *impl = b->impl;
    char trouble[ERROR_MAX] = "";
    struct azure_status s;
    azure_status(impl->azure, &s);
    if (s.error[0])
        snprintf(trouble, sizeof trouble, "%s: %.200s", azure_state_name(s.state), s.error);
    bool has_quota = s.remaining_reads != UINT32_MAX && s.remaining_writes != UINT32_MAX;
    const struct core_fact facts[] = {
        { "tableRoutes", s.routes },      { "foreignRoutes", s.foreign_routes },
        { "limit", s.limit },             { "unfit", s.unfit },
        { "summarised", s.summarised },   { "reads", s.reads },
        { "writes", s.writes },           { "accepted", s.accepted },
        { "conflicts", s.conflicts },     { "throttled", s.throttled },
        { "failures", s.failures },
        { "remainingReads", s.remaining_reads }, { "remainingWrites", s.remaining_writes },
    };
    core_target_tell(b->all->cfg.core, b->nth, azure_state_name(s.state), trouble, now_ms);
    core_target_facts(b->all->cfg.core, b->nth, facts, sizeof facts / sizeof *facts - (has_quota ? 0 : 2));
    if (s.was_read && !impl->is_ready) {
        impl->is_ready = true;
        core_program_ready(b->all->cfg.core, b->nth, now_ms);
    }
}

static bool turn_azure(struct backend *b, uint64_t now_ms)
{
    struct azure_backend *impl = b->impl;
    bool was_ready = impl->is_ready;
    azure_turn(impl->azure, now_ms);
    tell_azure(b, now_ms);
    return impl->is_ready != was_ready; /* wants flow from now on */
}

static void close_azure(struct backend *b)
{
    struct azure_backend *impl = b->impl;
    azure_free(impl->azure);
    free(impl);
}

/* ---- all ---- */

static const struct backend_kind kinds[] = {
    [CONFIG_TARGET_NETLINK] = { open_kernel, turn_kernel, close_kernel },
    [CONFIG_TARGET_ETCD] = { open_etcd, turn_etcd, close_etcd },
    [CONFIG_TARGET_AZURE] = { open_azure, turn_azure, close_azure },
};

static void on_timer(uv_timer_t *timer)
{
    struct backends *all = timer->data;
    all->cfg.on_change(all->cfg.data);
}

static bool open_backend(struct backend *b)
{
    struct backends *all = b->all;
    char subject[CONFIG_NAME_MAX + 16], error[ERROR_MAX] = "";
    uint64_t now_ms = all->cfg.now();
    if (b->kind->open(b, error)) {
        if (b->open_at_ms)
            core_target_tell(all->cfg.core, b->nth, NULL, "", now_ms);
        return true;
    }
    subject_of(b, subject);
    if (!b->open_at_ms)
        log_event(all->cfg.log, LOG_ERROR_, "target_failed", subject, "error=\"%s\"", error);
    core_target_tell(all->cfg.core, b->nth, "failed", error, now_ms);
    b->open_at_ms = now_ms + OPEN_AGAIN_MS;
    uv_timer_start(&all->timer, on_timer, OPEN_AGAIN_MS, 0);
    return false;
}

static void close_backend(struct backend *b)
{
    if (b->impl)
        b->kind->close(b);
    free(b);
}

static struct backend *new_backend(struct backends *all, size_t nth)
{
    struct backend *b = memory_new(1, sizeof *b);
    b->all = all;
    b->nth = nth;
    b->program = core_program(all->cfg.core, nth, &b->target);
    b->kind = &kinds[b->target->type];
    return b;
}

static size_t count_programs(const struct backends *all)
{
    const struct config_target *target;
    size_t count = 0;
    while (core_program(all->cfg.core, count, &target))
        count++;
    return count;
}

/* ---- another configuration ---- */

static bool is_configured(const struct config *c, const struct config_target *target)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i] == target)
            return true;
    return false;
}

void backends_end_gone(struct backends *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (is_configured(b->cfg.config, b->items[i]->target))
            b->items[kept++] = b->items[i];
        else
            close_backend(b->items[i]);
    }
    b->count = kept;
}

static struct backend *take_backend(struct backends *all, const struct program *program)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i] && all->items[i]->program == program) {
            struct backend *b = all->items[i];
            all->items[i] = NULL;
            return b;
        }
    return NULL;
}

void backends_follow(struct backends *all)
{
    size_t count = count_programs(all);
    struct backend **items = memory_new(count, sizeof *items);
    const struct config_target *target;
    for (size_t nth = 0; nth < count; nth++) {
        items[nth] = take_backend(all, core_program(all->cfg.core, nth, &target));
        if (items[nth])
            items[nth]->nth = nth;
    }
    free(all->items);
    all->items = items;
    all->count = count;
    for (size_t nth = 0; nth < count; nth++)
        if (!items[nth]) {
            items[nth] = new_backend(all, nth);
            (void)open_backend(items[nth]); /* tried again, and shown */
        }
}

struct backends *backends_start(const struct backends_cfg *cfg)
{
    struct backends *all = memory_new(1, sizeof *all);
    all->cfg = *cfg;
    azure_bucket_init(&all->azure_calls, cfg->now());
    uv_timer_init(cfg->loop, &all->timer);
    all->timer.data = all;
    backends_follow(all);
    return all;
}

/* ---- turns ---- */

static bool turn(struct backend *b, uint64_t now_ms)
{
    if (!b->impl && (now_ms < b->open_at_ms || !open_backend(b)))
        return false;
    return b->kind->turn(b, now_ms);
}

bool backends_turn(struct backends *b, uint64_t now_ms)
{
    bool more = false;
    for (size_t i = 0; i < b->count; i++)
        more |= turn(b->items[i], now_ms);
    return more;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void backends_free(struct backends *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        close_backend(b->items[i]);
    free(b->items);
    uv_close((uv_handle_t *)&b->timer, on_closed);
}
