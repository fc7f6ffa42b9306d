/* How long news takes: from an UPDATE that was read to the end of what follows from it. */
#include "node/core/core_impl.h"

static const struct histogram_bounds turn_bounds = { .per_second = 1000000,
                                                     .count = 8,
                                                     .at = { 100, 500, 1000, 2000, 5000, 10000, 20000, 50000 } };
static const struct histogram_bounds time_bounds = { .per_second = 1000,
                                                     .count = 10,
                                                     .at = { 1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000 } };

void core_times_init(struct core *c)
{
    c->turns.took.bounds = &turn_bounds;
    for (int stage = 0; stage < CORE_STAGES; stage++)
        c->times[stage].bounds = &time_bounds;
}

void core_times_heard(struct core *c)
{
    for (int stage = 0; stage < CORE_STAGES; stage++)
        if (!c->heard_ms[stage])
            c->heard_ms[stage] = c->now_ms;
}

/* What a target refuses, or its brake holds, is waited for by nobody. */
static bool is_programmed(const struct core *c)
{
    if (core_targets_have_work(c))
        return false;
    for (size_t i = 0; i < c->target_count; i++) {
        const struct core_target *t = c->targets[i];
        const struct program_stats *s = t->program && t->ready ? program_stats(t->program) : NULL;
        bool is_writer = s && (!t->is_shared || repl_fence_may_write(&t->fence));
        if (is_writer && s->pending > s->failed + s->held_by_brake)
            return false;
    }
    return true;
}

static bool has_target(const struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program)
            return true;
    return false;
}

void core_times_tick(struct core *c, bool is_encoding)
{
    const bool done[CORE_STAGES] = {
        [CORE_TO_ADVERTISE] = !is_encoding && list_is_empty(&c->busy),
        [CORE_TO_PROGRAM] = c->heard_ms[CORE_TO_PROGRAM] && is_programmed(c),
    };
    if (rib_dirty_count(&c->rib))
        return;
    for (int stage = 0; stage < CORE_STAGES; stage++) {
        if (!c->heard_ms[stage] || !done[stage])
            continue;
        if (stage != CORE_TO_PROGRAM || has_target(c))
            histogram_add(&c->times[stage], c->now_ms - c->heard_ms[stage]);
        c->heard_ms[stage] = 0;
    }
}

const struct histogram *core_times(const struct core *c, enum core_stage stage)
{
    return &c->times[stage];
}
