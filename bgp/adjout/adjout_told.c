/* What the members of a group were told of each net, and what leads from there to what they are to be
 * told now. Where one path is told this is a few octets a net: the path of all, another one for the NVA
 * whose path that is, and where its AS path holds ASes of other NVAs, one without them for those.
 *
 * An NVA whose own address is the next hop of what it would be told is told something else, or nothing: it could
 * not use the route, and RFC 4271 section 5.1.3 does not let us advertise such a one. */
#include <stdlib.h>

#include "bgp/adjout/adjout_impl.h"

/* What members of other groups were told there: no set's id. */
static const uint32_t UNKNOWN = UINT32_MAX;

/* Those in the AS are told this, the owner too; or this NVA is, whatever else holds for it. */
struct detour {
    uint32_t asn, attrs;
    uint16_t nva; /* 0: all of the AS */
    uint16_t hop; /* of an AS: the NVA in it that this leads to, which has a detour of its own; 0 = none */
};

/* A net as told, or to be told. */
struct view {
    uint32_t attrs, second;
    uint16_t nva;    /* owner of attrs: it is told second */
    uint16_t hop;    /* whom attrs lead to, if it has a detour therefore; recalled: one who had a detour */
    uint16_t not_as; /* list of the detours' ASes */
    uint32_t detour_count;
    struct detour detours[2 * ADJOUT_DETOURS + 1]; /* those of NVAs last: they come first */
};

/* As everywhere above the RIB: the other node serves. */
static void must(bool has_memory)
{
    if (!has_memory)
        abort();
}

/* What a member of this AS, and of this number if it may be an owner, is told. */
static uint32_t told_by(const struct view *v, uint16_t nva, uint32_t asn)
{
    for (uint32_t i = v->detour_count; i--;) {
        const struct detour *d = &v->detours[i];
        if (d->nva ? d->nva == nva : d->asn == asn)
            return d->attrs;
    }
    return nva && nva == v->nva ? v->second : v->attrs;
}

/* ---- what there is to tell ---- */

/* The best path that this audience may have and that fits its messages, 0 = none. */
static uint32_t outcome(struct adjout_group *g, struct rib_net *n, struct rib_audience *who)
{
    struct rib *r = g->adjout->rib;
    for (who->shorter_than = 0;;) {
        uint32_t path = rib_best_for(r, n, who);
        uint32_t attrs = adjout_attrs(g, path);
        rib_read_ahead(r, n, path);
        if (!path || (attrs && adjout_fits(g, path, attrs)))
            return path;
        who->shorter_than = bgp_attrs_get(&r->attrs, rib_path_attrs(r, rib_path(r, path)))->len;
    }
}

uint32_t adjout_outcome_for_all(struct adjout_group *g, struct rib_net *n, uint32_t without_as)
{
    struct rib_audience who = g->audience;
    who.without_as = without_as;
    return outcome(g, n, &who);
}

/* Paths behind the first two matter from now on. */
static void note_loops(struct adjout *a)
{
    a->rib->readers_of_all += !a->has_loops;
    a->has_loops = true;
}

static bool leads_to(const struct adjout_group *g, uint32_t path, const struct policy_nva *nva)
{
    const struct rib *r = g->adjout->rib;
    return path && ip_addr_is_equal(&bgp_attrs_get(&r->attrs, rib_path(r, path)->attrs)->next_hop, &nva->address);
}

/* For one NVA alone: not its own path, none that leads to itself; one through its own AS helps it only when there
 * is no other. */
static uint32_t best_for(struct adjout_group *g, struct rib_net *n, uint16_t nva)
{
    const struct policy_nva *to = &g->adjout->rib->nvas[nva];
    struct rib_audience who = g->audience;
    who.except_nva = nva;
    uint32_t best = outcome(g, n, &who);
    who.not_via = &to->address;
    if (leads_to(g, best, to)) {
        note_loops(g->adjout);
        best = outcome(g, n, &who);
    }
    if (!best || to->asn == g->rules.export.replaced_asn)
        return best;
    adjout_loops_read(g->adjout, adjout_attrs(g, best), &g->loops[1]);
    if (!adjout_loops_have(&g->loops[1], to->asn))
        return best;
    note_loops(g->adjout);
    who.without_as = to->asn;
    uint32_t other = outcome(g, n, &who);
    return other ? other : best;
}

/* An only NVA of its AS is told the second. A path that all alternatives share goes out as it is: its
 * receiver may allow its own AS (allowas-in). */
static void find_detours(struct adjout_group *g, struct rib_net *n, struct view *v)
{
    struct adjout_loops *l = &g->loops[0];
    uint32_t asns[ADJOUT_DETOURS];
    if (g->rules.export.replaced_asn)
        return; /* as-override: all members are of that AS, and find no loop */
    uint32_t owner_as = v->nva ? g->adjout->rib->nvas[v->nva].asn : 0;
    adjout_loops_read(g->adjout, v->attrs, l);
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->asns[i] == owner_as && adjout_nvas_in(g->adjout, owner_as) == 1)
            continue;
        note_loops(g->adjout);
        uint32_t path = adjout_outcome_for_all(g, n, l->asns[i]);
        if (!path)
            continue;
        asns[v->detour_count] = l->asns[i];
        v->detours[v->detour_count++] = (struct detour){ .asn = l->asns[i], .attrs = adjout_attrs(g, path) };
    }
    v->not_as = v->detour_count ? adjout_as_list(g, asns, v->detour_count) : 0;
    if (!v->not_as)
        v->detour_count = 0; /* 65535 different lists are enough for anybody with a reason to have them */
}

/* The NVA that is told attrs although they lead to itself, 0 = none; it is told something else now. */
static uint16_t turn_away(struct adjout_group *g, struct rib_net *n, struct view *v, uint32_t attrs,
                          uint16_t owner)
{
    uint16_t nva = adjout_leads_to(g, attrs, owner);
    if (!nva || told_by(v, nva, g->adjout->rib->nvas[nva].asn) != attrs)
        return 0;
    note_loops(g->adjout);
    v->detours[v->detour_count++] = (struct detour){ .nva = nva, .attrs = adjout_attrs(g, best_for(g, n, nva)) };
    return nva;
}

static void find_way_back(struct adjout_group *g, struct rib_net *n, struct view *v)
{
    uint32_t ases = v->detour_count;
    v->hop = turn_away(g, n, v, v->attrs, v->nva);
    for (uint32_t i = 0; i < ases; i++)
        v->detours[i].hop = turn_away(g, n, v, v->detours[i].attrs, 0);
}

static void look(struct adjout_group *g, uint32_t net, struct view *v)
{
    const struct rib *r = g->adjout->rib;
    struct rib_net *n = rib_net(r, net);
    uint32_t path = adjout_outcome_for_all(g, n, 0);
    v->attrs = adjout_attrs(g, path);
    v->nva = path ? rib_path(r, path)->nva : 0;
    v->second = v->not_as = v->hop = 0;
    v->detour_count = 0;
    if (!path)
        return;
    if (rib_path_next(rib_path(r, n->paths))) { /* most nets have one path */
        v->second = v->nva ? adjout_attrs(g, best_for(g, n, v->nva)) : 0;
        find_detours(g, n, v);
    }
    find_way_back(g, n, v);
}

/* ---- what was told ---- */

static uint32_t second_at(const struct adjout_group *g, uint32_t place)
{
    return adjout_told_at(g, place)->is_second ? *(uint32_t *)slab_at(&g->seconds, place) : 0;
}

static uint32_t first_detour(const struct adjout_group *g, uint32_t place)
{
    return adjout_told_at(g, place)->has_detours ? *(uint32_t *)slab_at(&g->detours, place) : 0;
}

static struct adjout_detour *detour_at(const struct adjout_group *g, uint32_t detour)
{
    return slab_at(&g->records, detour);
}

/* A net counts once for everybody who has a path of it. */
static void count(struct adjout_group *g, const struct view *v, int sign)
{
    bool is_for_all = !v->nva || told_by(v, v->nva, g->adjout->rib->nvas[v->nva].asn);
    if (v->attrs)
        must(adjout_count(g, is_for_all ? 0 : v->nva, sign));
    for (uint32_t i = 0; i < v->detour_count; i++)
        if (!v->detours[i].attrs && v->detours[i].nva != v->nva)
            must(adjout_withhold(g, v->detours[i].nva, sign));
}

static void recall(const struct adjout_group *g, uint32_t place, struct view *v)
{
    const struct adjout_told *t = adjout_told_at(g, place);
    v->attrs = t->attrs;
    v->nva = t->nva;
    v->second = second_at(g, place);
    v->not_as = v->hop = 0;
    v->detour_count = 0;
    for (uint32_t i = first_detour(g, place); i; i = detour_at(g, i)->next) {
        const struct adjout_detour *d = detour_at(g, i);
        v->detours[v->detour_count++] = (struct detour){ .asn = d->asn, .attrs = d->attrs, .nva = d->nva };
        if (d->nva != v->nva)
            v->hop = d->nva;
    }
}

static void forget_detours(struct adjout_group *g, uint32_t place)
{
    for (uint32_t i = first_detour(g, place), next; i; i = next) {
        next = detour_at(g, i)->next;
        bgp_attrs_unref(&g->adjout->rib->attrs, detour_at(g, i)->attrs);
        slab_free(&g->records, i);
    }
    adjout_told_at(g, place)->has_detours = false;
}

void adjout_forget(struct adjout_group *g, uint32_t place)
{
    bgp_attrs_unref(&g->adjout->rib->attrs, adjout_told_at(g, place)->attrs);
    bgp_attrs_unref(&g->adjout->rib->attrs, second_at(g, place));
    forget_detours(g, place);
}

static void remember_detours(struct adjout_group *g, uint32_t place, const struct view *v)
{
    must(slab_reach(&g->detours, place));
    uint32_t *first = slab_at(&g->detours, place);
    *first = 0;
    for (uint32_t i = v->detour_count; i--;) {
        uint32_t index = slab_new(&g->records);
        must(index);
        *detour_at(g, index) = (struct adjout_detour){ .next = *first,
                                                       .asn = v->detours[i].asn,
                                                       .attrs = v->detours[i].attrs,
                                                       .nva = v->detours[i].nva };
        *first = index;
    }
    adjout_told_at(g, place)->has_detours = true;
}

/* Most nets have one path: no second, no detour. */
static void remember(struct adjout_group *g, uint32_t place, const struct view *was, const struct view *v)
{
    struct bgp_attr_table *attrs = &g->adjout->rib->attrs;
    bgp_attrs_ref(attrs, v->attrs);
    bgp_attrs_ref(attrs, v->second);
    for (uint32_t i = 0; i < v->detour_count; i++)
        bgp_attrs_ref(attrs, v->detours[i].attrs);
    adjout_forget(g, place);
    count(g, was, -1);
    count(g, v, +1);
    *adjout_told_at(g, place) = adjout_told_as_plain(v->attrs, v->nva);
    if (v->second) {
        adjout_told_at(g, place)->is_second = true;
        must(slab_reach(&g->seconds, place));
        *(uint32_t *)slab_at(&g->seconds, place) = v->second;
    }
    if (v->detour_count)
        remember_detours(g, place, v);
}

/* ---- the messages between ---- */

static void add(struct adjout_group *g, uint32_t net, const struct adjout_word word)
{
    adjout_batch_add(g->batch, net, 0, &word);
}

static void tell(struct adjout_group *g, uint32_t net, const struct view *was, const struct view *now)
{
    bool moved = now->nva != was->nva;
    uint32_t own_had = moved && now->nva ? was->attrs : was->second; /* what now's owner was told so far */
    bool has_nothing = !now->attrs && !was->second; /* the owner: nor had it anything */
    if (now->attrs != was->attrs)
        add(g, net, (struct adjout_word){ .attrs = now->attrs, .except = has_nothing ? was->nva : now->nva });
    else if (moved && was->nva && now->attrs != was->second)
        add(g, net, (struct adjout_word){ .attrs = now->attrs, .only = was->nva });
    if (now->nva && own_had != now->second)
        add(g, net, (struct adjout_word){ .attrs = now->second, .only = now->nva });
}

/* One NVA by itself, whatever it had. */
static void tell_one(struct adjout_group *g, uint32_t net, uint16_t nva, const struct view *was,
                     const struct view *now)
{
    uint32_t asn = g->adjout->rib->nvas[nva].asn, gets = told_by(now, nva, asn);
    if (nva && told_by(was, nva, asn) != gets)
        add(g, net, (struct adjout_word){ .attrs = gets, .only = nva });
}

/* Is it told something of its own? */
static bool is_apart(const struct view *v, uint16_t nva)
{
    bool is = nva == v->nva;
    for (uint32_t i = 0; i < v->detour_count && !is; i++)
        is = v->detours[i].nva == nva;
    return is;
}

/* Those who have, or had, something of their own, each once. */
static void tell_each(struct adjout_group *g, uint32_t net, const struct view *was, const struct view *now)
{
    tell_one(g, net, was->nva, was, now);
    for (uint32_t i = 0; i < was->detour_count; i++)
        if (was->detours[i].nva != was->nva)
            tell_one(g, net, was->detours[i].nva, was, now);
    if (!is_apart(was, now->nva))
        tell_one(g, net, now->nva, was, now);
    for (uint32_t i = 0; i < now->detour_count; i++)
        if (now->detours[i].nva != now->nva && !is_apart(was, now->detours[i].nva))
            tell_one(g, net, now->detours[i].nva, was, now);
}

/* The general case: whoever had something else than he is to have is told, by all of a kind at once, and by
 * himself who is apart. Every item of a net that reaches a member says the same, so their order does not matter. */
static void tell_around(struct adjout_group *g, uint32_t net, const struct view *was,
                        const struct view *now)
{
    bool is_news = now->attrs != was->attrs;
    if (is_news)
        add(g, net, (struct adjout_word){ .attrs = now->attrs,
                                     .except = now->nva ? now->nva : was->nva,
                                     .except_hop = now->hop ? now->hop : was->hop,
                                     .except_as = now->not_as });
    for (uint32_t i = 0; i < now->detour_count; i++) {
        const struct detour *d = &now->detours[i];
        if (!d->nva && told_by(was, 0, d->asn) != d->attrs)
            add(g, net, (struct adjout_word){ .attrs = d->attrs, .only_as = d->asn,
                                         .except_hop = d->hop });
    }
    for (uint32_t i = 0; !is_news && i < was->detour_count; i++) {
        const struct detour *d = &was->detours[i];
        if (!d->nva && told_by(now, 0, d->asn) == now->attrs && d->attrs != now->attrs)
            add(g, net, (struct adjout_word){ .attrs = now->attrs, .only_as = d->asn,
                                         .except = now->nva, .except_hop = now->hop });
    }
    tell_each(g, net, was, now);
}

void adjout_compare(struct adjout_group *g, uint32_t net)
{
    struct view was, now;
    uint32_t place = prefix_index_place(net);
    bool is_unknown = g->retells && !adjout_has_told(g, place);
    recall(g, place, &was);
    look(g, net, &now);
    if (is_unknown)
        was.attrs = UNKNOWN;
    if (was.detour_count || now.detour_count)
        tell_around(g, net, &was, &now);
    else
        tell(g, net, &was, &now);
    if (is_unknown)
        was.attrs = 0;
    remember(g, place, &was, &now);
}

uint32_t adjout_told_in(const struct adjout_group *g, uint32_t place, const struct adjout_member *m)
{
    struct view v;
    if (place >= g->told.top)
        return 0;
    recall(g, place, &v);
    return told_by(&v, m->nva, m->asn);
}

uint32_t adjout_told_one(const struct adjout_member *m, uint32_t place)
{
    return adjout_told_in(m->group, place, m);
}

bool adjout_is_misled(const struct adjout_member *m, uint32_t place)
{
    struct view v;
    bool is_turned_away = false;
    if (place >= m->group->told.top)
        return false; /* nothing was told */
    recall(m->group, place, &v);
    while (v.detour_count && v.detours[v.detour_count - 1].nva) /* those of NVAs stand behind those of ASes */
        is_turned_away |= v.detours[--v.detour_count].nva == m->nva;
    return adjout_leads_to_member(m, told_by(&v, m->nva, m->asn)) != is_turned_away;
}
