/* Scenario 8b, at the end of some worlds: no node hears any NVA any more, at once and for longer than any hold time.
 * Whichever session is missed first, nothing may go from any table (I3); and when they are back, what they withdrew
 * meanwhile goes, and the rest is what it was. */
#include <string.h>

#include "tests/sim/shared.h"

enum { ISOLATED_EVERY = 3, LATER_MS = 6000 };

struct tables {
    struct sim_table kernels[SIM_NODES_MAX], agent, shared;
};

static void look(struct world *w, struct tables *t)
{
    struct repl_fence_record fence;
    *t = (struct tables){ .agent = w->agent.kernel };
    for (int i = 0; i < w->host_count; i++)
        t->kernels[i] = w->hosts[i].kernel;
    if (w->store)
        store_read(w, &t->shared, &fence);
}

static void compare(struct world *w, const char *whose, const struct sim_table *before, const struct sim_table *after)
{
    for (int i = 0; i < w->prefix_count && !w->failure[0]; i++)
        if (before->present[i] && !after->present[i]) {
            check_explain(w, i);
            sim_fail(w, "I3: prefix %d is gone from %s, and no NVA is heard", i, whose);
        }
}

static void check_whole(struct world *w, const struct tables *before)
{
    struct tables after;
    look(w, &after);
    for (int i = 0; i < w->host_count; i++)
        compare(w, "a kernel", &before->kernels[i], &after.kernels[i]);
    compare(w, "the agent's host", &before->agent, &after.agent);
    compare(w, "the shared target", &before->shared, &after.shared);
}

/* Each node apart from the others, too: unless what it holds of them would end before the session that it still believes in. */
static void part(struct world *w, uint64_t hold_ms)
{
    bool alone = sim_pick(w, 2) && w->config.grace_ms + w->config.stale_ms > hold_ms + LATER_MS;
    for (int i = 0; i < w->host_count; i++) {
        for (int k = 0; k < w->nva_count; k++)
            w->cut[i][SIM_NODES_MAX + k] = w->cut[SIM_NODES_MAX + k][i] = true;
        for (int k = 0; alone && k < w->host_count; k++)
            w->cut[i][k] = i != k;
        w->faults += alone; /* F5: who is cut off may take a target over */
    }
    sim_note(w, "no node hears any NVA%s", alone ? ", nor another node" : "");
}

bool sim_isolate(struct world *w)
{
    uint64_t hold_ms = w->config.peers[0].hold_s * (uint64_t)1000;
    struct tables before;
    if (w->seed % ISOLATED_EVERY || hold_ms > 10000)
        return false;
    look(w, &before);
    part(w, hold_ms);
    world_run(w, w->now + hold_ms + LATER_MS);
    if (w->failure[0])
        return true;
    check_whole(w, &before);
    for (int i = 0; i < w->nva_count; i++)
        nva_set(&w->nvas[i], 0, false, 0);
    w->counts[SIM_ALONE]++;
    return true;
}
