/* Outbound route maps: what is told in the place of a path's attributes is a set like any other, interned, so that
 * groups compare, bucket and show it as they do without a map. */
#include <stdlib.h>

#include "bgp/adjout/adjout_impl.h"

/* As everywhere above the RIB: the other node serves. */
static void must(bool has_memory)
{
    if (!has_memory)
        abort();
}

static uint32_t map(struct adjout_group *g, uint32_t path)
{
    struct rib *r = g->adjout->rib;
    const struct bgp_export *how = &g->rules.export;
    const struct rib_path *p = rib_path(r, path);
    struct bgp_attrs a = *bgp_attrs_get(&r->attrs, rib_path_attrs(r, p));
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    bool without_med = how->keeps_med && !how->transparent; /* only what the map sets is kept */
    if (route_map_apply(g->rules.map, &prefix, &a, without_med, r->room, NULL) != ROUTE_MAP_PASSED)
        return 0;
    uint32_t attrs = bgp_attrs_intern(&r->attrs, &a);
    must(attrs);
    return attrs;
}

static void note(struct adjout_group *g, uint32_t path, uint32_t attrs)
{
    if (g->mapped_count == g->mapped_cap) {
        uint32_t cap = g->mapped_cap ? 2 * g->mapped_cap : ADJOUT_DETOURS;
        struct adjout_mapped *wider = reallocarray(g->mapped, cap, sizeof *wider);
        must(wider);
        g->mapped = wider;
        g->mapped_cap = cap;
    }
    g->mapped[g->mapped_count++] = (struct adjout_mapped){ .path = path, .attrs = attrs };
}

uint32_t adjout_attrs(struct adjout_group *g, uint32_t path)
{
    const struct rib *r = g->adjout->rib;
    if (!path || !g->rules.map)
        return path ? rib_path_attrs(r, rib_path(r, path)) : 0;
    for (uint32_t i = 0; i < g->mapped_count; i++)
        if (g->mapped[i].path == path)
            return g->mapped[i].attrs;
    uint32_t attrs = map(g, path);
    note(g, path, attrs);
    return attrs;
}

void adjout_map_end(struct adjout_group *g)
{
    for (uint32_t i = 0; i < g->mapped_count; i++)
        bgp_attrs_unref(&g->adjout->rib->attrs, g->mapped[i].attrs);
    if (g->mapped_count) /* ids may mean other sets from now on */
        g->loops[0].attrs = g->loops[1].attrs = g->fits_attrs = 0;
    g->mapped_count = 0;
}
