/* What worlds differ in that a configuration may say, beside what goes wrong in them. It is drawn apart from all other
 * chance: what a seed was before a kind was added here it stays, unless it draws that kind. */
#include <string.h>

#include "tests/sim/shared.h"

static bool draw(uint64_t *chance, uint32_t once_in)
{
    return sim_chance(chance) % once_in == 0;
}

static enum sim_families draw_families(uint64_t *chance)
{
    if (draw(chance, 4))
        return SIM_BOTH_FAMILIES;
    return draw(chance, 8) ? SIM_SIX_ONLY : SIM_FOUR_ONLY;
}

/* At least one has it. */
static void draw_sharers(struct world *w, uint64_t *chance)
{
    uint32_t all = (1u << w->host_count) - 1;
    for (int i = 0; i < w->host_count; i++)
        w->kind.apart |= (uint32_t)draw(chance, 2) << i;
    if (w->kind.apart == all)
        w->kind.apart &= all >> 1;
}

static void draw_dynamic(struct world *w, uint64_t *chance)
{
    for (int i = 0; i < SIM_NVAS_MAX; i++)
        w->kind.dynamic |= (uint32_t)draw(chance, 2) << i;
}

void kind_draw(struct world *w)
{
    uint64_t chance = w->seed * 0x2545f4914f6cdd1du + 2;
    w->kind = (struct sim_kind){ .is_single = draw(&chance, 20),
                                 .has_no_vnet = draw(&chance, 4),
                                 .is_transparent = draw(&chance, 4),
                                 .has_paths = draw(&chance, 4),
                                 .beats_slowly = draw(&chance, 2),
                                 .families = draw_families(&chance) };
    for (int i = 0; i < SIM_NODES_MAX; i++)
        w->kind.idle |= (uint32_t)draw(&chance, 12) << i;
    for (int i = 0; i < SIM_NVAS_MAX; i++) {
        w->kind.passive |= (uint32_t)draw(&chance, 6) << i;
        w->kind.ungraceful |= (uint32_t)draw(&chance, 6) << i;
    }
    w->kind.is_operated = draw(&chance, 3);
    w->kind.is_tuned = draw(&chance, 4);
    if (w->kind.is_single)
        w->host_count = 1;
    if (draw(&chance, 5))
        draw_sharers(w, &chance);
    w->kind.is_over_six = draw(&chance, 6);
    if (draw(&chance, 4))
        draw_dynamic(w, &chance);
    if (draw(&chance, 25)) /* they cost as much as ten others */
        w->kind.heavy = 1u << (draw(&chance, 2) ? 1 : 0);
    w->kind.holds_longer = draw(&chance, 2);
    w->kind.asks = draw(&chance, 4);
    w->kind.has_exports = draw(&chance, 4);
    w->kind.has_forms = draw(&chance, 4) || w->kind.has_exports;
    w->kind.has_twins = draw(&chance, 6);
    w->kind.is_uneven = draw(&chance, 5);
}

/* The shared target stands second everywhere, so nodes without a kernel are in worlds without that only. */
void kind_configure(struct world *w, struct config *c)
{
    const struct sim_kind *k = &w->kind;
    if (w->store)
        w->kind.idle = 0;
    else
        w->kind.apart = 0;
    w->targets[0].nodes = ~(k->idle << 1); /* bit 1 << id */
    w->targets[1].nodes = ~(k->apart << 1);
    if (k->has_no_vnet)
        c->vnet_count = 0;
    if (k->is_transparent)
        c->mode = CONFIG_TRANSPARENT;
    if (k->beats_slowly)
        c->beat_ms = 100; /* three of them are what a node's life hangs on, as the least that is allowed */
    if (k->dynamic) { /* what may be of a neighbour that nobody knows of is held for so long after a start */
        c->grace_ms = 2000;
        c->stale_ms = k->holds_longer ? 60000 : 4000;
    }
    for (size_t i = 0; i < c->peer_count; i++) {
        struct config_peer *p = &c->peers[i];
        p->families[BGP_IP4] = k->families != SIM_SIX_ONLY;
        p->families[BGP_IP6] = k->families != SIM_FOUR_ONLY;
        p->long_lived_ms[BGP_IP6] = p->families[BGP_IP6] ? p->long_lived_ms[BGP_IP4] : 0;
        p->mode = c->mode; /* as a file is read */
        p->add_path = k->has_paths ? CONFIG_ADD_PATH_BOTH : CONFIG_ADD_PATH_NONE;
        p->passive = k->passive & 1u << i;
        p->is_range = k->dynamic & 1u << i;
        p->range = (struct ip_prefix){ .family = p->peer_ip.family, .len = p->peer_ip.family == BGP_IP6 ? 128 : 32 };
        memcpy(p->range.bytes, p->peer_ip.bytes, sizeof p->range.bytes);
        p->max_peers = 1;
        if (k->ungraceful & 1u << i)
            p->graceful = CONFIG_GRACEFUL_NONE;
    }
    sim_export_configure(w, c);
}

uint16_t sim_number(const struct world *w, const struct core *c, int nva)
{
    if (!w->kind.dynamic)
        return (uint16_t)(nva + 1);
    const struct ip_addr addr = sim_addr(SIM_NODES_MAX + nva);
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (ip_addr_is_equal(&p->cfg->peer_ip, &addr))
            return p->nva;
    return 0;
}

int sim_nva(const struct world *w, const struct core *c, uint16_t number)
{
    if (!w->kind.dynamic)
        return number - 1;
    const struct core_peer *p = number && number < c->nva_count ? c->peers[number] : NULL;
    return p ? sim_party_at(&p->cfg->peer_ip) - SIM_NODES_MAX : -1;
}

void kind_count(struct world *w)
{
    const struct sim_kind *k = &w->kind;
    uint32_t peers = (1u << w->nva_count) - 1, nodes = (1u << w->host_count) - 1;
    sim_form_count(w);
    w->counts[SIM_TWINS] += k->has_twins && w->nva_count > 1;
    w->counts[SIM_SINGLE] += k->is_single;
    w->counts[SIM_NO_VNET] += k->has_no_vnet;
    w->counts[SIM_TRANSPARENT] += k->is_transparent;
    w->counts[SIM_SLOW_BEATS] += k->beats_slowly;
    w->counts[SIM_BOTH] += k->families == SIM_BOTH_FAMILIES;
    w->counts[SIM_IDLE] += (k->idle & nodes) != 0;
    w->counts[SIM_DYNAMIC] += (k->dynamic & peers) != 0;
    w->counts[SIM_OVER_SIX] += k->is_over_six;
    w->counts[SIM_SOME_SHARE] += k->apart != 0;
    w->counts[SIM_PASSIVE] += (k->passive & peers) != 0;
    w->counts[SIM_UNGRACEFUL] += (k->ungraceful & peers) != 0;
}
