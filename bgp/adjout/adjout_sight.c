/* What a member was told, for who wants to see it. */
#include "bgp/adjout/adjout_impl.h"

struct adjout_stats adjout_stats(const struct adjout_member *m)
{
    struct adjout_stats stats = m->stats;
    const struct slab *withheld = &m->group->withheld;
    stats.current = m->group->told_count;
    stats.too_long = m->group->too_long;
    stats.too_long_net = m->group->too_long_net;
    if (m->nva < withheld->top)
        stats.current -= *(uint32_t *)slab_at(withheld, m->nva);
    return stats;
}

/* What leads to the member is never told to it: one that has come may find such a route of its group on its way. */
static uint32_t told_to(const struct adjout_member *m, uint32_t attrs)
{
    return adjout_leads_to_member(m, attrs) ? 0 : attrs;
}

static uint32_t told_paths(const struct adjout_member *m, uint32_t place, struct adjout_sent *out)
{
    uint32_t count = 0;
    for (uint32_t i = adjout_first_route(m->group, place); i && count < ADJOUT_PATHS;) {
        const struct adjout_route *route = adjout_route_at(m->group, i);
        if (route->nva != m->nva && told_to(m, route->attrs))
            out[count++] = (struct adjout_sent){ .path_id = route->path_id, .attrs = route->attrs };
        i = route->next;
    }
    return count;
}

uint32_t adjout_told(const struct adjout_member *m, uint32_t net, struct adjout_sent *out)
{
    uint32_t place = prefix_index_place(net);
    if (prefix_index_family(net) != m->group->rules.family)
        return 0;
    if (m->group->has_paths)
        return told_paths(m, place, out);
    *out = (struct adjout_sent){ .attrs = told_to(m, adjout_told_one(m, place)) };
    return out->attrs != 0;
}

bool adjout_told_of(const struct adjout_member *m, uint32_t path, const struct adjout_sent *sent)
{
    struct adjout_group *g = m->group;
    bool is_told = adjout_attrs(g, path) == sent->attrs;
    adjout_map_end(g);
    return is_told;
}

uint32_t adjout_chosen(const struct adjout_member *m, uint32_t net, struct adjout_sent *out)
{
    const struct adjout_group *g = m->group;
    const struct rib *r = g->adjout->rib;
    if (!g->rules.map || g->has_paths || prefix_index_family(net) != g->rules.family)
        return adjout_told_ever(m, net, out);
    struct rib_audience who = g->audience;
    who.map = NULL;
    who.except_nva = m->nva;
    uint32_t path = rib_best_for(r, rib_net(r, net), &who);
    *out = (struct adjout_sent){ .attrs = path ? rib_path_attrs(r, rib_path(r, path)) : 0 };
    return 1;
}

uint32_t adjout_told_ever(const struct adjout_member *m, uint32_t net, struct adjout_sent *out)
{
    uint32_t count = 0, place = prefix_index_place(net);
    if (prefix_index_family(net) != m->group->rules.family)
        return 0;
    if (!m->group->has_paths) {
        *out = (struct adjout_sent){ .attrs = told_to(m, adjout_told_one(m, place)) };
        return 1;
    }
    for (uint32_t i = adjout_first_route(m->group, place); i && count < ADJOUT_IDS;) {
        const struct adjout_route *route = adjout_route_at(m->group, i);
        uint32_t attrs = route->nva == m->nva ? 0 : told_to(m, route->attrs);
        if (route->nva != m->nva || route->was_another)
            out[count++] = (struct adjout_sent){ .path_id = route->path_id, .attrs = attrs };
        i = route->next;
    }
    return count;
}

uint64_t adjout_position(const struct adjout_member *m)
{
    return m->is_waiting ? 0 : m->group->position; /* before that its group does not know all it was told */
}

bool adjout_told_as(const struct adjout_member *m, const struct adjout_sent *sent, uint8_t *bytes,
                    struct bgp_attrs *out)
{
    struct adjout_group *g = m->group;
    const struct bgp_attrs *a = bgp_attrs_get(&g->adjout->rib->attrs, sent->attrs);
    const struct bgp_codec wide = { .as4 = true };
    struct bgp_export how = g->rules.export;
    how.shortened = adjout_is_shortened(g, sent->attrs);
    int len = bgp_attrs_export(a, &how, &wide, bytes, BGP_EXPORT_MAX);
    if (len < 0 || !bgp_attrs_summarise(bytes, (uint16_t)len, out))
        return false;
    out->next_hop = ip_addr_is_zero(&a->next_hop) ? g->rules.self_next_hop : a->next_hop;
    out->link_local = adjout_link_local(&g->rules, a);
    return true;
}
