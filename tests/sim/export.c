/* What routes say beside their length, and what a file says of what NVAs are told, in some worlds. Each is drawn from the
 * seed alone; told.h's check goes by the same words. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

enum { MED = 50, FAR_AS = 64999, BEHIND_AS = 64512 };

/* ---- routes ---- */

enum shape { VIA_ANOTHER, VIA_US, VIA_FAR, NOT_FOR_OTHERS, NOT_FOR_ANYBODY, OF_UNKNOWN_ORIGIN, LAST_RESORT, TAGGED, SHAPES = 16 };

/* 65000:1 is nobody's; the others are RFC 1997's and RFC 8326's. */
static const uint32_t communities[SHAPES + 1] = { [NOT_FOR_OTHERS] = 0xffff0000u | BGP_NO_EXPORT,
                                                  [NOT_FOR_ANYBODY] = 0xffff0000u | BGP_NO_ADVERTISE,
                                                  [LAST_RESORT] = 0xffff0000u | BGP_GRACEFUL_SHUTDOWN,
                                                  [TAGGED] = 65000u << 16 | 1 };

struct sim_form sim_form_of(const struct world *w, int nva, int prefix)
{
    uint64_t chance = (w->seed << 16 | (uint64_t)nva << 8 | (uint64_t)prefix) * 0x2545f4914f6cdd1du + 5;
    bool has_any = w->kind.has_forms && !sim_is_heavy(w, nva, prefix); /* which has communities enough */
    enum shape shape = has_any ? (enum shape)sim_below(&chance, SHAPES) : SHAPES;
    const struct config_peer *p = &w->config.peers[nva];
    struct sim_form f = { .origin = shape == OF_UNKNOWN_ORIGIN ? BGP_ORIGIN_INCOMPLETE : BGP_ORIGIN_IGP,
                          .community = communities[shape],
                          .stays = shape == NOT_FOR_OTHERS || shape == NOT_FOR_ANYBODY,
                          .is_last = shape == LAST_RESORT,
                          .is_loop = shape == VIA_US };
    if (shape == VIA_ANOTHER)
        f.behind = w->nvas[(nva + 1) % w->nva_count].asn;
    if (shape == VIA_US)
        f.behind = p->local_asn ? p->local_asn : w->config.asn;
    if (shape == VIA_FAR)
        f.behind = BEHIND_AS;
    return f;
}

unsigned sim_extra(const struct world *w, int nva, int node, int prefix)
{
    uint64_t chance = (w->seed << 24 | (uint64_t)nva << 16 | (uint64_t)node << 8 | (uint64_t)prefix) * 0x2545f4914f6cdd1du + 7;
    return w->kind.is_uneven ? sim_below(&chance, 2) : 0;
}

unsigned sim_least_extra(const struct world *w, int nva, int prefix)
{
    unsigned least = 1;
    for (int i = 0; i < w->host_count; i++)
        if (w->nvas[nva].nodes & 1u << i && !sim_extra(w, nva, i, prefix))
            least = 0;
    return least;
}

void sim_form_count(struct world *w)
{
    for (int i = 0; i < w->nva_count; i++)
        for (int k = 0; k < w->prefix_count; k++) {
            const struct sim_form f = sim_form_of(w, i, k);
            w->counts[SIM_FORMS] += f.behind || f.community || f.origin;
        }
}

/* ---- the file ---- */

static void draw_map(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    struct route_map *m = route_map_new("told");
    if (!m)
        abort();
    r->withholds = sim_below(chance, 2) ? sim_some_prefixes(chance) : 0;
    r->stretches = sim_below(chance, 2) ? sim_some_prefixes(chance) : 0;
    r->shuns = sim_below(chance, 2) ? w->nvas[sim_below(chance, (uint32_t)w->nva_count)].asn : 0;
    if (r->withholds)
        sim_map_rule(w, m, r->withholds, true);
    if (r->shuns) {
        struct route_map_value v;
        memset(&v, 0, sizeof v);
        v.number = r->shuns;
        if (!route_map_add_rule(m, "shuns", true, false) ||
            !route_map_add_test(m, ROUTE_MAP_AS_PATH, ROUTE_MAP_CONTAINS, 0, 0) || !route_map_add_value(m, &v))
            abort();
    }
    if (r->stretches) {
        sim_map_rule(w, m, r->stretches, false);
        sim_map_edit(m, ROUTE_MAP_PREPEND, FAR_AS);
        sim_map_edit(m, ROUTE_MAP_SET_MED, MED);
    }
    route_map_seal(m);
    route_map_unref(p->outbound);
    p->outbound = m;
}

static void draw_out(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    route_map_unref(p->outbound);
    p->outbound = NULL;
    r->withholds = r->stretches = 0;
    r->shuns = 0;
    if (sim_below(chance, 2))
        draw_map(w, p, r, chance);
}

static void draw_no_export(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r;
    p->no_export = sim_below(chance, 6) == 0;
}

static void draw_override(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r;
    p->as_override = sim_below(chance, 3) == 0;
}

static void draw_next_hop(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r;
    p->has_next_hop = sim_below(chance, 3) == 0;
    p->next_hop = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 0, (uint8_t)(1 + sim_below(chance, 2)) } };
}

static void (*const draws[])(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance) = {
    draw_out, draw_no_export, draw_override, draw_next_hop,
};
enum { DRAWS = sizeof draws / sizeof *draws };

void sim_tune_export(struct world *w, struct config *c, uint64_t *chance)
{
    struct sim_peers *p = (struct sim_peers *)c->peers;
    uint32_t nva = sim_below(chance, (uint32_t)w->nva_count), which = sim_below(chance, DRAWS + 1);
    if (which == DRAWS)
        c->branch_to_branch = !c->branch_to_branch;
    else
        draws[which](w, &p->peers[nva], &p->rules[nva], chance);
    sim_note(w, "the file says something else of what nva %u is told: %u", nva, which);
    w->counts[SIM_EXPORTS]++;
}

void sim_export_configure(struct world *w, struct config *c)
{
    uint64_t chance = w->seed * 0x2545f4914f6cdd1du + 6;
    struct sim_peers *peers = (struct sim_peers *)c->peers;
    c->branch_to_branch = w->kind.has_exports && sim_below(&chance, 2);
    for (int i = 0; w->kind.has_exports && i < w->nva_count; i++) {
        struct config_peer *p = &peers->peers[i];
        for (uint32_t k = 0; k < DRAWS; k++)
            draws[k](w, p, &peers->rules[i], &chance);
        p->local_asn = sim_below(&chance, 4) ? 0 : 64600;
        p->is_rs_client = sim_below(&chance, 4) == 0;
        p->type = (uint8_t)(sim_below(&chance, 3) ? CONFIG_NVA : CONFIG_VPN_GATEWAY);
    }
}
