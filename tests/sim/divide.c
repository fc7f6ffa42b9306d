/* Scenario 4, at the end of some worlds: the nodes fall into two groups that do not hear each other, for longer than any
 * first back-off. The group without the owner of the shared target takes it, and the larger one takes it back; of a pair
 * nobody does. No duel follows (F5). */
#include "tests/sim/shared.h"

enum { DIVIDED_EVERY = 4, DIVIDED_MS = 20000 };

static void part(struct world *w)
{
    int first = 1 + (int)sim_pick(w, (uint32_t)w->host_count - 1);
    for (int a = 0; a < w->host_count; a++)
        for (int b = 0; b < w->host_count; b++)
            w->cut[a][b] = (a < first) != (b < first);
    sim_note(w, "nodes 0 to %d do not hear the others, nor these them", first - 1);
}

/* Nobody need have it, where the only one that may has waited for an answer that was lost. */
static bool has_owner(const struct world *w)
{
    for (int i = 0; i < w->host_count; i++)
        if (sim_shares(w, i) && core_fence(w->hosts[i].core, 1)->role == REPL_ACTIVE)
            return true;
    return false;
}

bool sim_divide(struct world *w)
{
    if (!w->store || w->host_count < 2 || w->seed % DIVIDED_EVERY != 1)
        return false;
    unsigned before = w->store->takeovers, most = (w->host_count > 2 ? 2u : 1u) + (has_owner(w) ? 0u : 1u);
    w->faults += most;
    part(w);
    world_run(w, w->now + DIVIDED_MS);
    if (w->store->takeovers - before > most)
        sim_fail(w, "F5: %u takeovers of the shared target in one partition", w->store->takeovers - before);
    w->counts[SIM_DIVIDED]++;
    return true;
}
