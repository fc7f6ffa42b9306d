/* The decision on one net, on the set of its paths and not pairwise: no order of arrival, no age, no
 * local fact enters, so every node that has the same paths decides the same.
 *
 * Order: class (STALE last), graceful shutdown (RFC 8326), rank of the peer's type, LOCAL_PREF of a route
 * map, AS_PATH length, ORIGIN, MED within a neighbour AS (RFC 4271 section 9.1.2.2 a-c); what is equal so far shares the
 * traffic (ECMP over distinct next hops); the one that is advertised is the lowest by BGP
 * identifier, address (9.1.2.2 f, g), path id, origin. */
#include "bgp/rib/rib_impl.h"

/* As its NVA's route map has edited them. */
static const struct bgp_attrs *attrs_of(const struct rib *r, const struct rib_path *p)
{
    return bgp_attrs_get(&r->attrs, rib_path_attrs(r, p));
}

/* Steps before MED as one number: lower is better. */
static uint64_t merit(const struct rib *r, const struct rib_path *p, const struct bgp_attrs *a)
{
    unsigned last = 0;
    if (a->marks & BGP_MARK_GRACEFUL_SHUTDOWN)
        last = 1;
    if (rib_path_class(r, p) == RIB_STALE || a->marks & BGP_MARK_LLGR_STALE)
        last = 2;
    unsigned rank = p->nva ? 1u + r->nvas[p->nva].rank : 0; /* the VNet's own prefixes come first */
    uint32_t pref = a->marks & BGP_MARK_LOCAL_PREF ? bgp_attrs_local_pref(a) : BGP_LOCAL_PREF_DEFAULT;
    return (uint64_t)last << RIB_MERIT_CLASS | (uint64_t)rank << RIB_MERIT_RANK |
           (uint64_t)(UINT32_MAX - pref) << RIB_MERIT_LOCAL_PREF |
           (uint64_t)a->path_len << RIB_MERIT_LENGTH | (uint64_t)a->origin << RIB_MERIT_ORIGIN;
}

uint64_t rib_path_merit(const struct rib *r, const struct rib_path *p)
{
    return merit(r, p, attrs_of(r, p));
}

static const uint32_t stays_here =
    BGP_MARK_NO_ADVERTISE | BGP_MARK_NO_EXPORT | BGP_MARK_NO_EXPORT_SUBCONFED;

static bool is_through(const struct rib *r, const struct rib_path *p, const struct bgp_attrs *a,
                       uint32_t asn)
{
    return r->nvas[p->nva].asn == asn || bgp_attrs_count_as(a, asn);
}

/* Would the readers' own route map drop it? */
static bool is_dropped(const struct rib *r, const struct rib_path *p, const struct route_map *map)
{
    struct bgp_attrs a = *attrs_of(r, p);
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    return route_map_apply(map, &prefix, &a, false, r->room, NULL) != ROUTE_MAP_PASSED;
}

static bool is_for(const struct rib *r, const struct rib_path *p, const struct rib_audience *who)
{
    if (p->nva == who->except_nva || !rib_path_is_usable(r, p))
        return false;
    if (p->nva == 0)
        return !who->no_config && !(who->map && is_dropped(r, p, who->map));
    if (!(who->from_types & 1u << r->nvas[p->nva].type))
        return false;
    const struct bgp_attrs *a = attrs_of(r, p);
    if (who->no_mixed_families && a->next_hop.family != p->family)
        return false;
    if (who->no_long_lived && a->marks & BGP_MARK_LLGR_STALE)
        return false;
    if (who->shorter_than && a->len >= who->shorter_than)
        return false;
    if (who->not_via && ip_addr_is_equal(&a->next_hop, who->not_via))
        return false;
    if (who->without_as && is_through(r, p, a, who->without_as))
        return false;
    if (who->is_external && a->marks & stays_here)
        return false;
    return !who->map || !is_dropped(r, p, who->map);
}

/* The lowest MED of some neighbour ASes among the paths of the best merit. One NVA may tell very many paths of
 * a net (RFC 7911): what was found for the first of them holds for all. */
struct meds {
    uint32_t count;
    struct {
        uint32_t asn, lowest;
    } of[8];
};

static uint32_t lowest_med(const struct rib *r, const struct rib_net *n, uint64_t best_merit,
                           const struct rib_audience *who, uint32_t asn)
{
    uint32_t lowest = UINT32_MAX;
    for (uint32_t i = n->paths; i;) {
        const struct rib_path *p = rib_path(r, i);
        i = rib_path_next(p);
        if (!is_for(r, p, who))
            continue;
        const struct bgp_attrs *a = attrs_of(r, p);
        if (a->neighbor_as == asn && a->med < lowest && merit(r, p, a) == best_merit)
            lowest = a->med;
    }
    return lowest;
}

/* Is there a path of the same merit and neighbour AS with a lower MED? RFC 4271 9.1.2.2 (c). */
static bool loses_by_med(const struct rib *r, const struct rib_net *n, uint64_t best_merit,
                         const struct rib_audience *who, const struct bgp_attrs *mine, struct meds *meds)
{
    const uint32_t room = sizeof meds->of / sizeof *meds->of;
    if (!mine->med)
        return false;
    for (uint32_t i = 0; i < meds->count && i < room; i++)
        if (meds->of[i].asn == mine->neighbor_as)
            return meds->of[i].lowest < mine->med;
    uint32_t lowest = lowest_med(r, n, best_merit, who, mine->neighbor_as), at = meds->count++ % room;
    meds->of[at].asn = mine->neighbor_as;
    meds->of[at].lowest = lowest;
    return lowest < mine->med;
}

/* RFC 4271 section 9.1.2.2 (f), lower is better. A copy is read before what its session is: 0, which stands behind all
 * that are known. Else all equals would go over to a node that is being read, and back. */
static uint32_t identifier_of(const struct rib *r, const struct rib_path *p)
{
    return r->origins[p->origin].sessions[p->nva].identifier - 1;
}

/* Final tie among equals. */
static bool is_before(const struct rib *r, const struct rib_path *a, const struct rib_path *b)
{
    uint32_t id_a = identifier_of(r, a), id_b = identifier_of(r, b);
    if (id_a != id_b)
        return id_a < id_b;
    int by_address = a->nva == b->nva ? 0 : ip_addr_compare(&r->nvas[a->nva].address, &r->nvas[b->nva].address);
    if (by_address)
        return by_address < 0;
    if (rib_path_id(a) != rib_path_id(b))
        return rib_path_id(a) < rib_path_id(b);
    return a->origin < b->origin;
}

/* Those of the lowest merit so far; where there are more than there is room for, they are looked for once more. */
struct finalists {
    uint64_t merit;
    uint32_t count, paths[8];
};
enum { FINALISTS = sizeof((struct finalists){ 0 }.paths) / sizeof(uint32_t) };

static void enter(struct finalists *f, uint32_t path, uint64_t its_merit)
{
    if (its_merit > f->merit)
        return;
    if (its_merit < f->merit)
        f->count = 0;
    f->merit = its_merit;
    if (f->count < FINALISTS)
        f->paths[f->count] = path;
    f->count++;
}

static void find_finalists(const struct rib *r, const struct rib_net *n, const struct rib_audience *who,
                           struct finalists *f)
{
    f->merit = UINT64_MAX;
    f->count = 0;
    for (uint32_t i = n->paths; i;) {
        uint32_t index = i;
        const struct rib_path *p = rib_path(r, i);
        i = rib_path_next(p);
        if (is_for(r, p, who))
            enter(f, index, merit(r, p, attrs_of(r, p)));
    }
}

/* The next one behind this path, 0 = there is none; *at counts them. */
static uint32_t next_finalist(const struct rib *r, const struct rib_net *n, const struct rib_audience *who,
                              const struct finalists *f, uint32_t *at, uint32_t path)
{
    if (f->count <= FINALISTS)
        return *at < f->count ? f->paths[(*at)++] : 0;
    for (path = path ? rib_path_next(rib_path(r, path)) : n->paths; path; path = rib_path_next(rib_path(r, path))) {
        const struct rib_path *p = rib_path(r, path);
        if (is_for(r, p, who) && merit(r, p, attrs_of(r, p)) == f->merit)
            return path;
    }
    return 0;
}

/* Next hops of equals as they are found; when the room ends, the lowest are kept: any order of
 * arrival gives the same set. */
struct equals {
    uint32_t count;
    struct ip_addr next_hops[2 * NHSET_MAX];
};

static void add_equal(struct equals *e, const struct ip_addr *next_hop)
{
    if (e->count && ip_addr_is_equal(&e->next_hops[e->count - 1], next_hop))
        return; /* another node's copy of the same, most likely */
    if (e->count == 2 * NHSET_MAX)
        e->count = nhset_sort(e->next_hops, e->count, NHSET_MAX);
    e->next_hops[e->count++] = *next_hop;
}

/* The path to advertise among those for this audience. equals may be NULL. */
static uint32_t choose(const struct rib *r, const struct rib_net *n, const struct rib_audience *who,
                       struct equals *equals)
{
    uint32_t best = 0, at = 0;
    struct finalists finalists;
    struct meds meds;
    find_finalists(r, n, who, &finalists);
    meds.count = 0;
    for (uint32_t i = 0; (i = next_finalist(r, n, who, &finalists, &at, i));) {
        const struct rib_path *p = rib_path(r, i);
        const struct bgp_attrs *a = attrs_of(r, p);
        if (loses_by_med(r, n, finalists.merit, who, a, &meds))
            continue;
        if (!best || is_before(r, p, rib_path(r, best)))
            best = i;
        if (p->nva && equals)
            add_equal(equals, &a->next_hop);
    }
    return best;
}

/* Same announcement, whichever node's copy of it is meant. */
static bool is_same(const struct rib *r, uint32_t a, uint32_t b)
{
    if (a == b)
        return true;
    if (!a || !b)
        return false;
    const struct rib_path *x = rib_path(r, a), *y = rib_path(r, b);
    return x->nva == y->nva && rib_path_id(x) == rib_path_id(y) && rib_path_attrs(r, x) == rib_path_attrs(r, y);
}

bool rib_is_hidden_from_some(const struct rib *r, uint32_t path)
{
    if (!path)
        return false;
    const struct rib_path *p = rib_path(r, path);
    const struct bgp_attrs *a = attrs_of(r, p);
    return p->nva == 0 || r->readers_of_all || a->marks & (stays_here | BGP_MARK_LLGR_STALE) ||
           a->len > RIB_ATTRS_LONG ||
           a->next_hop.family != p->family;
}

uint32_t rib_best_for(const struct rib *r, const struct rib_net *n, const struct rib_audience *a)
{
    uint32_t best = rib_best(n), second = rib_second(r, n);
    if (!best || is_for(r, rib_path(r, best), a))
        return best;
    if (rib_path(r, best)->nva == a->except_nva && second && is_for(r, rib_path(r, second), a))
        return second;
    return choose(r, n, a, NULL);
}

/* ---- several paths (RFC 7911) ---- */

static bool is_better(const struct rib *r, uint32_t best, uint32_t a, uint32_t b)
{
    if (a == best || b == best)
        return a == best;
    const struct rib_path *x = rib_path(r, a), *y = rib_path(r, b);
    uint64_t merit_x = rib_path_merit(r, x), merit_y = rib_path_merit(r, y);
    return merit_x != merit_y ? merit_x < merit_y : is_before(r, x, y);
}

/* Into its place among the count that are there; returns how many there are then. */
static uint32_t insert(const struct rib *r, uint32_t best, uint32_t path, uint32_t *out, uint32_t count,
                       uint32_t cap)
{
    uint32_t at = count < cap ? count : cap;
    for (; at && is_better(r, best, path, out[at - 1]); at--)
        if (at < cap)
            out[at] = out[at - 1];
    if (at < cap)
        out[at] = path;
    return count < cap ? count + 1 : cap;
}

/* Where another node's copy of this announcement stands, or count. */
static uint32_t find_copy(const struct rib *r, uint32_t path, const uint32_t *out, uint32_t count)
{
    const struct rib_path *p = rib_path(r, path);
    uint32_t i = 0;
    while (i < count &&
           (rib_path(r, out[i])->nva != p->nva || rib_path_id(rib_path(r, out[i])) != rib_path_id(p)))
        i++;
    return i;
}

uint32_t rib_paths_for(const struct rib *r, const struct rib_net *n, const struct rib_audience *who,
                       uint32_t *out, uint32_t cap)
{
    uint32_t count = 0, best = rib_best_for(r, n, who);
    for (uint32_t i = best ? n->paths : 0; i; i = rib_path_next(rib_path(r, i))) {
        if (!is_for(r, rib_path(r, i), who))
            continue;
        uint32_t copy = find_copy(r, i, out, count);
        if (copy < count && !is_better(r, best, i, out[copy]))
            continue;
        if (copy < count)
            for (count--; copy < count; copy++)
                out[copy] = out[copy + 1];
        count = insert(r, best, i, out, count, cap);
    }
    return count;
}

static void put_first(struct rib *r, struct rib_net *n, uint32_t path)
{
    if (!path || n->paths == path)
        return;
    struct rib_path *p = rib_path(r, path);
    rib_take_out(r, n, path, p);
    p->next = n->paths;
    n->paths = path;
}

static void count_best(struct rib *r, uint32_t path, uint32_t one)
{
    if (path)
        r->origins[rib_path(r, path)->origin].sessions[rib_path(r, path)->nva].best += one;
}

static void rank(struct rib *r, struct rib_net *n, uint32_t best, uint32_t second)
{
    count_best(r, rib_best(n), UINT32_MAX);
    count_best(r, best, 1);
    put_first(r, n, second);
    put_first(r, n, best);
    n->flags &= (uint8_t)~(RIB_NET_BEST | RIB_NET_SECOND);
    n->flags |= (uint8_t)((best ? RIB_NET_BEST : 0) | (second ? RIB_NET_SECOND : 0));
}

static uint32_t count_paths(const struct rib *r, const struct rib_net *n)
{
    uint32_t count = 0;
    for (uint32_t i = n->paths; i; i = rib_path_next(rib_path(r, i)))
        count++;
    return count;
}

/* The path to advertise, and the set that shares the traffic, with a reference. */
static uint32_t choose_set(struct rib *r, const struct rib_net *n, uint32_t *nhset, bool *nomem)
{
    const struct rib_audience everybody = { .except_nva = -1, .from_types = UINT8_MAX };
    struct equals equals;
    equals.count = 0;
    uint32_t best = choose(r, n, &everybody, &equals);
    equals.count = nhset_sort(equals.next_hops, equals.count, r->max_paths);
    *nhset = nhset_intern(&r->sets, equals.next_hops, equals.count, nomem);
    return best;
}

void rib_compact_loc(struct rib *r)
{
    uint32_t id, slot;
    if (vlist_compact(&r->loc, &id, &slot))
        rib_net(r, id)->slot = slot;
}

int rib_decide_among(struct rib *r, struct rib_net *n, struct rib_change *out)
{
    bool nomem;
    uint32_t best = choose_set(r, n, &out->new_nhset, &nomem), second = 0;
    const struct rib_audience others = { .except_nva = best ? rib_path(r, best)->nva : 0, .from_types = UINT8_MAX };
    if (others.except_nva)
        second = choose(r, n, &others, NULL);
    if (nomem || !rib_reserve_outcome(r, out->net, out->new_nhset)) {
        nhset_unref(&r->sets, out->new_nhset);
        return BGP_ERR_NOMEM;
    }
    out->paths = count_paths(r, n);
    out->changed = n->flags & RIB_NET_CHANGED || out->new_nhset != out->old_nhset ||
                   !is_same(r, rib_best(n), best) || !is_same(r, rib_second(r, n), second) ||
                   (n->flags & RIB_NET_TOUCHED &&
                    (rib_is_hidden_from_some(r, best) || rib_is_hidden_from_some(r, second)));
    rank(r, n, best, second);
    return 0;
}

int rib_foresee(struct rib *r, uint32_t net, struct rib_outlook *out)
{
    const struct rib_net *n = rib_net(r, net);
    uint32_t was_best = rib_best(n);
    bool nomem;
    out->is_bereft = !was_best || !rib_path_is_usable(r, rib_path(r, was_best));
    out->best = choose_set(r, n, &out->nhset, &nomem);
    return nomem ? BGP_ERR_NOMEM : 0;
}
