#include "node/agent/etcd_source.h"

#include <stdlib.h>

#include "node/base/memory.h"
#include "node/targets/etcd.h"

enum {
    CHECK_MS = 30000,   /* `gen` against what is here */
    WALK_BUDGET = 8192, /* places a turn of the loop, when all prefixes are looked at: less than a millisecond */
};

/* Over all prefixes, a stretch at a time, from wherever the last one is: rounds that begin often come round all the same. */
struct round {
    bool is_on;
    uint32_t next, first; /* prefixes; it ends where it began */
};

struct etcd_source {
    struct etcd_source_cfg cfg;
    struct etcd *etcd;
    uv_idle_t soon; /* a turn is due, not from inside the store's own callbacks; or a round goes on */
    struct program *shadow;  /* what the store has */
    struct repl_fence fence; /* never ticked: an agent is nobody's writer */
    struct round round;
    bool is_read, is_troubled, is_converged;
    bool is_whole;     /* the writer said that this is all, and nothing was removed since */
    bool has_removals; /* since all of such a table was gone through */
};

static void must(int err)
{
    if (err)
        abort();
}

/* ---- from the store to the kernel ---- */

static void on_soon(uv_idle_t *soon);

static void want(struct etcd_source *s, uint32_t prefix, uint32_t set)
{
    must(program_want(s->cfg.kernel, prefix, set, PROGRAM_WITHDRAWN, s->cfg.now()));
}

static void begin_round(struct etcd_source *s)
{
    s->round.is_on = true;
    s->round.first = s->round.next;
    uv_idle_start(&s->soon, on_soon);
}

static uint32_t prefix_behind(const struct prefix_table *t, uint32_t prefix)
{
    enum bgp_family f = prefix_index_family(prefix);
    uint32_t place = prefix_index_place(prefix) + 1;
    return place < prefix_table_top(t, f) ? prefix_index(f, place) : prefix_index((f + 1) % BGP_FAMILIES, 1);
}

static void visit(struct etcd_source *s, uint32_t prefix)
{
    uint32_t set = program_actual_set(s->shadow, prefix);
    if (set)
        want(s, prefix, set);
    else if (s->is_whole && program_holds(s->cfg.kernel, prefix))
        want(s, prefix, 0);
}

static void go_on(struct etcd_source *s)
{
    struct round *r = &s->round;
    for (uint32_t budget = WALK_BUDGET; budget && r->is_on; budget--) {
        if (prefix_table_is_used(s->cfg.prefixes, r->next))
            visit(s, r->next);
        r->next = prefix_behind(s->cfg.prefixes, r->next);
        r->is_on = r->next != r->first;
    }
    if (!r->is_on && s->is_whole)
        s->has_removals = false;
}

static void on_ready(void *data)
{
    ((struct etcd_source *)data)->is_read = true;
}

static void on_observed(void *data, uint32_t prefix)
{
    struct etcd_source *s = data;
    uint32_t set = program_actual_set(s->shadow, prefix);
    if (set) {
        want(s, prefix, set);
        return;
    }
    s->is_whole = false; /* perhaps somebody's hand: it goes when the writer says so */
    s->has_removals = true;
}

/* The writer says that this is all: what is not here is withdrawn. */
static void on_whole(void *data)
{
    struct etcd_source *s = data;
    bool is_known = s->is_whole && s->round.is_on;
    s->is_whole = true;
    if (!s->is_converged)
        program_converged(s->cfg.kernel, s->cfg.now());
    if (!is_known && (!s->is_converged || s->has_removals))
        begin_round(s);
    s->is_converged = true;
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
    begin_round(s);
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
    go_on(s);
    if (!s->round.is_on)
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
    s->round.next = prefix_index(BGP_IP4, 1);
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
