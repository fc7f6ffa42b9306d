#include "node/agent/etcd_source.h"

#include <stdlib.h>

#include "node/base/memory.h"
#include "node/targets/etcd.h"

enum { CHECK_MS = 30000 }; /* `gen` against what is here */

struct etcd_source {
    struct etcd_source_cfg cfg;
    struct etcd *etcd;
    uv_idle_t soon; /* a turn is due: not from inside the store's own callbacks */
    struct program *shadow;  /* what the store has */
    struct repl_fence fence; /* never ticked: an agent is nobody's writer */
    bool is_read, is_troubled, is_converged;
    bool has_removals; /* since the table was whole */
};

static void must(int err)
{
    if (err)
        abort();
}

/* ---- from the store to the kernel ---- */

static void want(struct etcd_source *s, uint32_t prefix, uint32_t set)
{
    must(program_want(s->cfg.kernel, prefix, set, PROGRAM_WITHDRAWN, s->cfg.now()));
}

static void each_prefix(struct etcd_source *s, void (*visit)(struct etcd_source *s, uint32_t prefix))
{
    for (uint32_t family = 0; family < BGP_FAMILIES; family++) {
        uint32_t top = prefix_table_top(s->cfg.prefixes, (enum bgp_family)family);
        for (uint32_t place = 1; place < top; place++) {
            uint32_t prefix = place | family << PREFIX_FAMILY_SHIFT;
            if (prefix_table_is_used(s->cfg.prefixes, prefix))
                visit(s, prefix);
        }
    }
}

static void visit_wanted(struct etcd_source *s, uint32_t prefix)
{
    uint32_t set = program_actual_set(s->shadow, prefix);
    if (set)
        want(s, prefix, set);
    else
        s->has_removals = true; /* perhaps somebody's hand: it goes when the writer says so */
}

static void visit_removed(struct etcd_source *s, uint32_t prefix)
{
    if (!program_actual_set(s->shadow, prefix) && program_holds(s->cfg.kernel, prefix))
        want(s, prefix, 0);
}

static void on_ready(void *data)
{
    struct etcd_source *s = data;
    s->is_read = true;
    each_prefix(s, visit_wanted);
}

static void on_observed(void *data, uint32_t prefix)
{
    visit_wanted(data, prefix);
}

/* The writer says that this is all: what is not here is withdrawn. */
static void on_whole(void *data)
{
    struct etcd_source *s = data;
    if (!s->is_converged)
        program_converged(s->cfg.kernel, s->cfg.now());
    if (!s->is_converged || s->has_removals)
        each_prefix(s, visit_removed);
    s->is_converged = true;
    s->has_removals = false;
}

static void drop_if_unused(struct etcd_source *s, uint32_t prefix)
{
    if (!program_holds(s->cfg.kernel, prefix) && !program_holds(s->shadow, prefix))
        prefix_table_drop(s->cfg.prefixes, prefix);
}

static void on_released(void *data, uint32_t prefix)
{
    drop_if_unused(data, prefix);
}

void etcd_source_released(struct etcd_source *s, uint32_t prefix)
{
    drop_if_unused(s, prefix);
}

void etcd_source_want_again(struct etcd_source *s)
{
    each_prefix(s, visit_wanted);
}

/* ---- the store ---- */

static void on_trouble(void *data, const char *text)
{
    struct etcd_source *s = data;
    s->is_troubled = text[0] != 0;
    program_set_heard(s->cfg.kernel, !s->is_troubled, s->cfg.now());
    s->cfg.on_trouble(s->cfg.data, text);
}

static void on_soon(uv_idle_t *soon)
{
    struct etcd_source *s = soon->data;
    uv_idle_stop(soon);
    s->cfg.on_change(s->cfg.data);
}

static void on_change(void *data)
{
    struct etcd_source *s = data;
    uv_idle_start(&s->soon, on_soon);
}

bool etcd_source_is_up(const struct etcd_source *s)
{
    return s->is_read && !s->is_troubled;
}

void etcd_source_turn(struct etcd_source *s, uint64_t now_ms)
{
    etcd_turn(s->etcd, now_ms);
}

struct etcd_source *etcd_source_new(const struct etcd_source_cfg *cfg)
{
    struct etcd_source *s = memory_new(1, sizeof *s);
    s->cfg = *cfg;
    s->shadow = program_new(&program_defaults, cfg->sets);
    repl_fence_init(&s->fence, &(struct repl_fence_cfg){ .nodes = 1, .beat_ms = 1000 }, cfg->now());
    s->etcd = s->shadow ? etcd_new(&(struct etcd_cfg){ .loop = cfg->loop,
                                                       .target = cfg->target,
                                                       .node = "",
                                                       .prefixes = cfg->prefixes,
                                                       .sets = cfg->sets,
                                                       .program = s->shadow,
                                                       .fence = &s->fence,
                                                       .relist_ms = CHECK_MS,
                                                       .is_reader = true,
                                                       .now = cfg->now,
                                                       .on_change = on_change,
                                                       .on_ready = on_ready,
                                                       .on_observed = on_observed,
                                                       .on_released = on_released,
                                                       .on_whole = on_whole,
                                                       .on_trouble = on_trouble,
                                                       .data = s })
                        : NULL;
    if (s->etcd) {
        uv_idle_init(cfg->loop, &s->soon);
        s->soon.data = s;
        program_set_heard(cfg->kernel, true, cfg->now());
        return s;
    }
    program_free(s->shadow);
    free(s);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void etcd_source_free(struct etcd_source *s)
{
    if (!s)
        return;
    etcd_free(s->etcd);
    program_free(s->shadow);
    uv_close((uv_handle_t *)&s->soon, on_closed);
}
