/* What an operator does while everything else goes wrong, keys aside (rotate.c): a node reads another configuration, is
 * drained and takes up its work again, hands the shared target to another one, or has a session with an NVA told anew or
 * begun anew. In some worlds, now and then. */
#include "node/config/change.h"
#include "tests/sim/shared.h"

enum { OPERATE_EVERY = 6, TUNE_EVERY = 8 };

/* The file that is edited: a VNet more, or that one less, and other times. What NVAs say has to come to the same. */
static void edit(struct world *w)
{
    struct config *c = &w->newer;
    c->generation++;
    c->digest[0]++;
    c->vnet_count ^= w->config.vnet_count ^ (w->config.vnet_count + 1);
    c->beat_ms = c->beat_ms == 50 ? 100 : 50;
    c->defer_ms = c->defer_ms == 20000 ? 10000 : 20000;
}

/* The node ends the session itself: what the NVA asked for over its restart before holds no longer. */
static void end_promise(struct world *w, const struct host *h, int nva)
{
    w->nvas[nva].restarts &= ~(1u << h->number);
}

void sim_reload(struct world *w, struct host *h)
{
    for (int i = 0; i < w->nva_count; i++)
        if (config_peer_effect(&h->config.peers[i], w->config.asn, &w->newer.peers[i], w->config.asn) == CONFIG_RESET)
            end_promise(w, h, i);
    sim_note(w, "node %d reads configuration %llu", h->number, (unsigned long long)w->newer.generation);
    host_reload(w, h);
    w->faults++; /* D6: who has the newest one takes the shared target */
    w->counts[SIM_RELOADS]++;
}

static void reload(struct world *w, struct host *h, uint64_t *chance)
{
    if (h->config.generation == w->newer.generation || sim_below(chance, 3) == 0)
        edit(w);
    sim_reload(w, h);
}

/* Apart from all other orders, which not all worlds with this one have. */
static void tune(struct world *w)
{
    uint64_t chance = w->act_random * 0x2545f4914f6cdd1du + 4;
    struct host *h = &w->hosts[sim_below(&chance, (uint32_t)w->host_count)];
    if (!w->kind.is_tuned || sim_below(&chance, TUNE_EVERY) || !h->core || !host_runs(w, h) || h->stopping_since)
        return;
    if (h->config.generation == w->newer.generation || sim_below(&chance, 2)) {
        edit(w);
        sim_tune(w, &chance);
    }
    sim_reload(w, h);
    host_ask_turn(w, h, w->now);
}

static void drain(struct world *w, struct host *h, uint64_t *chance)
{
    (void)chance;
    for (int i = 0; i < w->nva_count; i++)
        end_promise(w, h, i);
    if (h->is_drained)
        core_undrain(h->core, w->now);
    else
        core_drain(h->core, "planned work", w->now);
    h->is_drained = !h->is_drained;
    sim_note(w, "node %d is %s", h->number, h->is_drained ? "drained" : "to work again");
    w->faults += 2; /* its shared target goes to another one, and may come back */
    w->disturbed = w->now;
    w->counts[SIM_DRAINS]++;
}

static void yield(struct world *w, struct host *h, uint64_t *chance)
{
    (void)chance;
    if (!w->store || core_target_yield(h->core, 1, w->now) != CORE_YIELDED)
        return;
    sim_note(w, "node %d hands the shared target over", h->number);
    w->faults += 2; /* it takes it back where nobody else does */
    w->counts[SIM_YIELDS]++;
}

static void clear(struct world *w, struct host *h, uint64_t *chance)
{
    int nva = (int)sim_below(chance, (uint32_t)w->nva_count);
    enum core_clear how = (enum core_clear)sim_below(chance, CORE_CLEAR_SOFT_OUT + 1);
    uint16_t number = sim_number(w, h->core, nva);
    if (!number || core_peer_clear(h->core, h->core->nva_names[number], how, w->now) != CORE_ACT_DONE)
        return;
    if (how == CORE_CLEAR_RESET || how == CORE_CLEAR_HARD)
        end_promise(w, h, nva);
    sim_note(w, "node %d has its session with nva %d cleared: %d", h->number, nva, how);
    w->counts[how == CORE_CLEAR_SOFT_IN ? SIM_REFRESHES : SIM_CLEARED]++;
}

void sim_operate(struct world *w)
{
    static void (*const orders[])(struct world *w, struct host *h, uint64_t *chance) = { reload, drain, yield, clear };
    tune(w);
    uint64_t chance = w->act_random * 0x2545f4914f6cdd1du + 3;
    struct host *h = &w->hosts[sim_below(&chance, (uint32_t)w->host_count)];
    if (!w->kind.is_operated || sim_below(&chance, OPERATE_EVERY) || !h->core || !host_runs(w, h) || h->stopping_since)
        return;
    orders[sim_below(&chance, sizeof orders / sizeof *orders)](w, h, &chance);
    host_ask_turn(w, h, w->now);
}
