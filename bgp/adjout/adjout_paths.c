/* What the members of a group were told of each net where several paths were agreed on (RFC 7911): path
 * ids, each with its attributes.
 *
 * A path that is withdrawn leaves its id behind until everybody has read of it: who has fallen behind and
 * walks the RIB could not know otherwise that there was such a path. */
#include <stdlib.h>

#include "bgp/adjout/adjout_impl.h"

/* A path that is to be told. */
struct named {
    uint32_t path_id, path;
};

static const struct rib *rib_of(const struct adjout_group *g)
{
    return g->adjout->rib;
}

/* As everywhere above the RIB: the other node serves. */
static void must(bool has_memory)
{
    if (!has_memory)
        abort();
}

/* ---- path ids ---- */

/* Nothing enters that two nodes might see differently. An IPv4 NVA that sends no ids has its address, which
 * is its alone; all else is spread by a hash, and the configuration's own is 1, nobody's address. */
static uint32_t wanted_id(const struct rib *r, const struct rib_path *p)
{
    const struct ip_addr *address = &r->nvas[p->nva].address;
    if (!p->nva)
        return 1;
    if (address->family == BGP_IP4 && !rib_path_id(p))
        return wire_get32(address->bytes);
    uint64_t h = rib_path_id(p) * 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < ip_addr_len(address->family); i += 4)
        h = (h ^ wire_get32(address->bytes + i)) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    return (uint32_t)h;
}

static bool is_before(const struct rib *r, const struct named *a, const struct named *b)
{
    const struct rib_path *x = rib_path(r, a->path), *y = rib_path(r, b->path);
    if (a->path_id != b->path_id)
        return a->path_id < b->path_id;
    int by_address = ip_addr_compare(&r->nvas[x->nva].address, &r->nvas[y->nva].address);
    return by_address ? by_address < 0 : rib_path_id(x) < rib_path_id(y);
}

/* By id. Where two paths want the same one, the later takes the next that is free. */
static void name_paths(const struct rib *r, const uint32_t *paths, uint32_t count, struct named *out)
{
    for (uint32_t i = 0; i < count; i++) {
        struct named n = { .path_id = wanted_id(r, rib_path(r, paths[i])), .path = paths[i] };
        uint32_t at = i;
        for (; at && is_before(r, &n, &out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = n;
    }
    for (uint32_t i = 1; i < count; i++)
        if (out[i].path_id <= out[i - 1].path_id)
            out[i].path_id = out[i - 1].path_id + 1;
}

static uint32_t look(struct adjout_group *g, uint32_t net, struct named *out)
{
    struct rib *r = g->adjout->rib;
    uint32_t paths[ADJOUT_PATHS], kept = 0;
    uint32_t count = rib_paths_for(r, rib_net(r, net), &g->audience, paths, ADJOUT_PATHS);
    for (uint32_t i = 0; i < count; i++) {
        rib_read_ahead(r, rib_net(r, net), paths[i]);
        uint32_t attrs = adjout_attrs(g, paths[i]);
        if (attrs && adjout_fits(g, paths[i], attrs))
            paths[kept++] = paths[i];
    }
    name_paths(r, paths, kept, out);
    return kept;
}

/* ---- ids that are gone ---- */

static void purge(struct adjout_group *g, uint32_t place)
{
    uint64_t version = rib_version(rib_of(g), prefix_index(g->rules.family, place));
    struct adjout *a = g->adjout;
    if (g->lending)
        adjout_lend(g, place);
    if (version > a->watched && version > a->missed)
        a->missed = version;
    for (uint32_t *link = slab_at(&g->told, place); *link;) {
        struct adjout_route *route = adjout_route_at(g, *link);
        uint32_t index = *link;
        if (route->attrs) {
            link = &route->next;
            continue;
        }
        *link = route->next;
        slab_free(&g->records, index);
        g->gone_count--;
    }
    bitset_remove(&g->gone, place);
}

/* Its next decision is known to be another one: it is asked for, or a path has gone that the walk which takes it out has
 * not come by. */
static bool is_outdated(const struct rib *r, uint32_t net)
{
    const struct rib_net *n = rib_net(r, net);
    bool is = n->flags & RIB_NET_DIRTY;
    for (uint32_t i = r->sweeps ? n->paths : 0; i && !is; i = rib_path_next(rib_path(r, i)))
        is = !rib_path_is_usable(r, rib_path(r, i));
    return is;
}

/* All have read of its end. An outdated net moves with its decision: who has passed it, and then it was compared again,
 * reads of that there. One that is freed waits for nobody, and has no paths to look at. */
static bool is_read(const struct adjout_group *g, uint32_t place, uint64_t slowest)
{
    const struct rib *r = rib_of(g);
    uint32_t net = prefix_index(g->rules.family, place);
    return !prefix_table_is_used(&r->nets, net) || (rib_version(r, net) <= slowest && !is_outdated(r, net));
}

/* Who watches is not waited for any longer. */
static void give_up_watch(struct adjout *a)
{
    a->missed = vlist_head(&a->rib->loc);
    a->watched = UINT64_MAX;
}

void adjout_purge_paths(struct adjout_group *g)
{
    enum { STRETCH = 512 };
    uint64_t readers = adjout_slowest_of(g), watched = g->adjout->watched;
    uint64_t slowest = watched < readers ? watched : readers;
    if (!g->gone.count || (!g->gone_at && slowest == g->gone_slowest))
        return;
    if (!g->gone_at)
        g->gone_slowest = slowest;
    for (uint32_t i = 0; i < STRETCH; i++) {
        uint32_t place = bitset_next(&g->gone, g->gone_at);
        g->gone_at = place == UINT32_MAX ? 0 : place + 1;
        if (place == UINT32_MAX)
            break;
        if (is_read(g, place, slowest))
            purge(g, place);
    }
    uint64_t told = g->records.count - g->gone_count;
    if (g->gone_count <= ADJOUT_GONE_ALL + 2 * told)
        return;
    if (slowest == readers)
        adjout_lose_slowest(g);
    else
        give_up_watch(g->adjout);
}

void adjout_watch(struct adjout *a, uint64_t version)
{
    a->watched = version;
}

uint64_t adjout_missed(const struct adjout *a)
{
    return a->missed;
}

/* Ids without end, for readers that do not come to read of them. Who reads the log needs them only should
 * he fall behind; he must not, then. */
static void bound(struct adjout_group *g, uint32_t place, uint32_t gone)
{
    bitset_add(&g->gone, place);
    g->gone_slowest = 0; /* there is something new to look at */
    if (gone <= ADJOUT_GONE)
        return;
    adjout_tie_readers(g);
    purge(g, place);
}

/* ---- the messages from what was told to what is to be told ---- */

static void announce(struct adjout_group *g, uint32_t net, const struct adjout_route *route)
{
    const struct adjout_word word = { .attrs = route->attrs, .except = route->nva, .except_hop = route->hop };
    adjout_batch_add(g->batch, net, route->path_id, &word);
}

static void withdraw(struct adjout_group *g, uint32_t net, const struct adjout_route *route)
{
    const struct adjout_word word = { .except = route->nva, .except_hop = route->hop };
    adjout_batch_add(g->batch, net, route->path_id, &word);
}

static void count(struct adjout_group *g, const struct adjout_route *route, int sign)
{
    must(adjout_count(g, route->nva, sign) && adjout_withhold(g, route->hop, sign));
}

static void end(struct adjout_group *g, uint32_t net, struct adjout_route *route)
{
    withdraw(g, net, route);
    bgp_attrs_unref(&g->adjout->rib->attrs, route->attrs);
    route->attrs = 0;
    g->gone_count++;
    count(g, route, -1);
}

/* Where the path led elsewhere before, the NVA that it leads to now was told it. RFC 4271 section 5.1.3. */
static void lead_to(struct adjout_group *g, uint32_t net, struct adjout_route *route, uint16_t hop)
{
    if (hop && hop != route->hop && route->attrs)
        adjout_batch_add(g->batch, net, route->path_id, &(struct adjout_word){ .only = hop });
    route->hop = hop;
}

/* NVAs have come and gone: the path is as it was, and leads to another one. Whoever that is has not read of it yet. */
static void lead_anew(struct adjout_group *g, struct adjout_route *route)
{
    uint16_t hop = adjout_leads_to(g, route->attrs, route->nva);
    if (hop != route->hop)
        must(adjout_withhold(g, route->hop, -1) && adjout_withhold(g, hop, +1));
    route->hop = hop;
}

/* The id's path, as it is now: known or new, changed or back again. */
static void set(struct adjout_group *g, uint32_t net, struct adjout_route *route, uint32_t path)
{
    const struct rib_path *p = rib_path(rib_of(g), path);
    uint32_t attrs = adjout_attrs(g, path);
    bool is_other = route->nva != p->nva;
    if (route->attrs == attrs && !is_other) {
        lead_anew(g, route);
        return;
    }
    if (route->attrs && is_other)
        withdraw(g, net, route);
    bgp_attrs_ref(&g->adjout->rib->attrs, attrs);
    if (route->attrs) {
        bgp_attrs_unref(&g->adjout->rib->attrs, route->attrs);
        count(g, route, -1);
    }
    lead_to(g, net, route, adjout_leads_to(g, attrs, p->nva));
    route->was_another |= is_other;
    route->attrs = attrs;
    route->nva = p->nva;
    count(g, route, +1);
    announce(g, net, route);
}

static void add(struct adjout_group *g, uint32_t net, const struct named *n)
{
    uint32_t index = slab_new(&g->records), *first = slab_at(&g->told, prefix_index_place(net));
    must(index);
    struct adjout_route *route = adjout_route_at(g, index);
    *route = (struct adjout_route){ .next = *first,
                                    .path_id = n->path_id,
                                    .nva = rib_path(rib_of(g), n->path)->nva };
    *first = index;
    set(g, net, route, n->path);
}

static uint32_t find(const struct named *named, uint32_t count, uint32_t path_id)
{
    uint32_t i = 0;
    while (i < count && named[i].path_id != path_id)
        i++;
    return i;
}

uint32_t adjout_compare_paths(struct adjout_group *g, uint32_t net)
{
    struct named named[ADJOUT_PATHS];
    bool is_known[ADJOUT_PATHS] = { false };
    uint32_t gone = 0, place = prefix_index_place(net), count = look(g, net, named);
    must(slab_reach(&g->told, place) && bitset_reserve(&g->gone, place + 1));
    for (uint32_t i = adjout_first_route(g, place); i; i = adjout_route_at(g, i)->next) {
        struct adjout_route *route = adjout_route_at(g, i);
        uint32_t at = find(named, count, route->path_id);
        if (at < count) {
            g->gone_count -= !route->attrs;
            set(g, net, route, named[at].path);
            is_known[at] = true;
        } else if (route->attrs) {
            end(g, net, route);
        }
        gone += !route->attrs;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!is_known[i])
            add(g, net, &named[i]);
    if (gone)
        bound(g, place, gone);
    return count;
}

void adjout_forget_paths(struct adjout_group *g, uint32_t place)
{
    for (uint32_t i = adjout_first_route(g, place), next; i; i = next) {
        struct adjout_route *route = adjout_route_at(g, i);
        next = route->next;
        bgp_attrs_unref(&g->adjout->rib->attrs, route->attrs);
    }
}

bool adjout_is_misled_by_paths(const struct adjout_member *m, uint32_t place)
{
    for (uint32_t i = adjout_first_route(m->group, place); i; i = adjout_route_at(m->group, i)->next) {
        const struct adjout_route *route = adjout_route_at(m->group, i);
        if (route->nva != m->nva && adjout_leads_to_member(m, route->attrs) != (route->hop == m->nva))
            return true;
    }
    return false;
}
