/* What the members of a group were told of each net, and what leads from there to what they are to be
 * told now. Where one path is told this is a few octets a net: the path of all, another one for the NVA
 * whose path that is, and where its AS path holds ASes of other NVAs, one without them for those. */
#include <stdlib.h>

#include "bgp/adjout_impl.h"

/* A net as told, or to be told. */
struct view {
    uint32_t attrs, second;
    uint16_t nva;    /* owner of attrs: it is told second */
    uint16_t not_as; /* list of the detours' ASes */
    uint32_t detour_count;
    uint32_t asns[ADJOUT_DETOURS], detours[ADJOUT_DETOURS]; /* those in the AS are told this, the owner too */
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
    for (uint32_t i = 0; i < v->detour_count; i++)
        if (v->asns[i] == asn)
            return v->detours[i];
    return nva && nva == v->nva ? v->second : v->attrs;
}

/* ---- what there is to tell ---- */

uint32_t adjout_outcome(struct adjout_group *g, const struct rib_net *n, struct rib_audience *who)
{
    const struct rib *r = g->adjout->rib;
    for (who->shorter_than = 0;;) {
        uint32_t path = rib_best_for(r, n, who);
        if (!path || adjout_fits(g, rib_path(r, path)->attrs))
            return path;
        who->shorter_than = bgp_attrs_get(&r->attrs, rib_path(r, path)->attrs)->len;
    }
}

static uint32_t outcome(struct adjout_group *g, const struct rib_net *n, int32_t except, uint32_t without_as)
{
    struct rib_audience who = g->audience;
    who.except_nva = except;
    who.without_as = without_as;
    return adjout_outcome(g, n, &who);
}

static uint32_t attrs_of(const struct adjout_group *g, uint32_t path)
{
    return path ? rib_path(g->adjout->rib, path)->attrs : 0;
}

/* Paths behind the first two matter from now on. */
static void note_loops(struct adjout *a)
{
    a->rib->readers_of_all += !a->has_loops;
    a->has_loops = true;
}

/* The owner of the best path: a path through its own AS helps it only when there is no other. */
static uint32_t second_for(struct adjout_group *g, const struct rib_net *n, uint16_t owner)
{
    uint32_t second = outcome(g, n, owner, 0), asn = g->adjout->rib->nvas[owner].asn;
    if (!second || asn == g->rules.export.replaced_asn)
        return second;
    adjout_loops_read(g->adjout, attrs_of(g, second), &g->loops[1]);
    if (!adjout_loops_have(&g->loops[1], asn))
        return second;
    note_loops(g->adjout);
    uint32_t other = outcome(g, n, owner, asn);
    return other ? other : second;
}

/* An only NVA of its AS is told the second. A path that all alternatives share goes out as it is: its
 * receiver may allow its own AS (allowas-in). */
static void find_detours(struct adjout_group *g, const struct rib_net *n, struct view *v)
{
    struct adjout_loops *l = &g->loops[0];
    if (g->rules.export.replaced_asn)
        return; /* as-override: all members are of that AS, and find no loop */
    uint32_t owner_as = v->nva ? g->adjout->rib->nvas[v->nva].asn : 0;
    adjout_loops_read(g->adjout, v->attrs, l);
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->asns[i] == owner_as && adjout_nvas_in(g->adjout, owner_as) == 1)
            continue;
        note_loops(g->adjout);
        uint32_t path = outcome(g, n, -1, l->asns[i]);
        if (!path)
            continue;
        v->asns[v->detour_count] = l->asns[i];
        v->detours[v->detour_count++] = attrs_of(g, path);
    }
    v->not_as = v->detour_count ? adjout_as_list(g, v->asns, v->detour_count) : 0;
    if (!v->not_as)
        v->detour_count = 0; /* 65535 different lists are enough for anybody with a reason to have them */
}

static void look(struct adjout_group *g, uint32_t net, struct view *v)
{
    const struct rib *r = g->adjout->rib;
    const struct rib_net *n = rib_net(r, net);
    uint32_t path = outcome(g, n, -1, 0);
    v->attrs = attrs_of(g, path);
    v->nva = path ? rib_path(r, path)->nva : 0;
    v->second = v->not_as = 0;
    v->detour_count = 0;
    if (!path || !rib_path(r, n->paths)->next)
        return; /* one path, as most nets have */
    if (v->nva)
        v->second = attrs_of(g, second_for(g, n, v->nva));
    find_detours(g, n, v);
}

/* ---- what was told ---- */

bool adjout_count(struct adjout_group *g, uint16_t owner, int sign)
{
    g->told_count += (uint32_t)sign;
    if (!owner)
        return true;
    if (!adjout_reserve_place(&g->withheld, owner))
        return false;
    *(uint32_t *)slab_at(&g->withheld, owner) += (uint32_t)sign;
    return true;
}

bool adjout_reserve_place(struct slab *s, uint32_t place)
{
    while (s->top <= place)
        if (!slab_new(s))
            return false;
    return true;
}

static struct adjout_told *told_at(const struct adjout_group *g, uint32_t place)
{
    return slab_at(&g->told, place);
}

static uint32_t second_at(const struct adjout_group *g, uint32_t place)
{
    return told_at(g, place)->is_second ? *(uint32_t *)slab_at(&g->seconds, place) : 0;
}

static uint32_t first_detour(const struct adjout_group *g, uint32_t place)
{
    return told_at(g, place)->has_detours ? *(uint32_t *)slab_at(&g->detours, place) : 0;
}

static struct adjout_detour *detour_at(const struct adjout_group *g, uint32_t detour)
{
    return slab_at(&g->records, detour);
}

bool adjout_has_told(const struct adjout_group *g, uint32_t place)
{
    return told_at(g, place)->attrs || second_at(g, place) || first_detour(g, place);
}

/* A net counts once for everybody who has a path of it. */
static void count(struct adjout_group *g, const struct view *v, int sign)
{
    bool is_for_all = !v->nva || told_by(v, v->nva, g->adjout->rib->nvas[v->nva].asn);
    if (v->attrs)
        must(adjout_count(g, is_for_all ? 0 : v->nva, sign));
}

static void recall(const struct adjout_group *g, uint32_t place, struct view *v)
{
    const struct adjout_told *t = told_at(g, place);
    v->attrs = t->attrs;
    v->nva = t->nva;
    v->second = second_at(g, place);
    v->not_as = 0;
    v->detour_count = 0;
    for (uint32_t i = first_detour(g, place); i; i = detour_at(g, i)->next) {
        v->asns[v->detour_count] = detour_at(g, i)->asn;
        v->detours[v->detour_count++] = detour_at(g, i)->attrs;
    }
}

static void forget_detours(struct adjout_group *g, uint32_t place)
{
    for (uint32_t i = first_detour(g, place), next; i; i = next) {
        next = detour_at(g, i)->next;
        bgp_attrs_unref(&g->adjout->rib->attrs, detour_at(g, i)->attrs);
        slab_free(&g->records, i);
    }
    told_at(g, place)->has_detours = false;
}

void adjout_forget(struct adjout_group *g, uint32_t place)
{
    bgp_attrs_unref(&g->adjout->rib->attrs, told_at(g, place)->attrs);
    bgp_attrs_unref(&g->adjout->rib->attrs, second_at(g, place));
    forget_detours(g, place);
}

static void remember_detours(struct adjout_group *g, uint32_t place, const struct view *v)
{
    must(adjout_reserve_place(&g->detours, place));
    uint32_t *first = slab_at(&g->detours, place);
    *first = 0;
    for (uint32_t i = v->detour_count; i--;) {
        uint32_t index = slab_new(&g->records);
        must(index);
        *detour_at(g, index) = (struct adjout_detour){ .next = *first,
                                                       .asn = v->asns[i],
                                                       .attrs = v->detours[i] };
        *first = index;
    }
    told_at(g, place)->has_detours = true;
}

/* Most nets have one path: no second, no detour. */
static void remember(struct adjout_group *g, uint32_t place, const struct view *was, const struct view *v)
{
    struct bgp_attr_table *attrs = &g->adjout->rib->attrs;
    bgp_attrs_ref(attrs, v->attrs);
    bgp_attrs_ref(attrs, v->second);
    for (uint32_t i = 0; i < v->detour_count; i++)
        bgp_attrs_ref(attrs, v->detours[i]);
    adjout_forget(g, place);
    count(g, was, -1);
    count(g, v, +1);
    *told_at(g, place) = (struct adjout_told){ .attrs = v->attrs,
                                               .nva = v->nva,
                                               .is_second = v->second != 0 };
    if (v->second) {
        must(adjout_reserve_place(&g->seconds, place));
        *(uint32_t *)slab_at(&g->seconds, place) = v->second;
    }
    if (v->detour_count)
        remember_detours(g, place, v);
}

/* ---- the messages between ---- */

static void add(struct adjout_group *g, const struct adjout_item item)
{
    adjout_batch_add(g->batch, &item);
}

static void tell(struct adjout_group *g, uint32_t net, const struct view *was, const struct view *now)
{
    bool moved = now->nva != was->nva;
    uint32_t own_had = moved && now->nva ? was->attrs : was->second; /* what now's owner was told so far */
    if (now->attrs != was->attrs)
        add(g, (struct adjout_item){ .net = net, .attrs = now->attrs, .except = now->nva });
    else if (moved && was->nva && now->attrs != was->second)
        add(g, (struct adjout_item){ .net = net, .attrs = now->attrs, .only = was->nva });
    if (now->nva && own_had != now->second)
        add(g, (struct adjout_item){ .net = net, .attrs = now->second, .only = now->nva });
}

static void tell_owner(struct adjout_group *g, uint32_t net, uint16_t nva, const struct view *was,
                       const struct view *now)
{
    uint32_t asn = g->adjout->rib->nvas[nva].asn, gets = told_by(now, nva, asn);
    if (nva && told_by(was, nva, asn) != gets)
        add(g, (struct adjout_item){ .net = net, .attrs = gets, .only = nva });
}

/* The general case: whoever had something else than he is to have is told, by all of a kind at once.
 * Every item of a net that reaches a member says the same, so their order does not matter. */
static void tell_around(struct adjout_group *g, uint32_t net, const struct view *was,
                        const struct view *now)
{
    bool is_news = now->attrs != was->attrs;
    if (is_news)
        add(g, (struct adjout_item){ .net = net, .attrs = now->attrs, .except = now->nva,
                                     .except_as = now->not_as });
    for (uint32_t i = 0; i < now->detour_count; i++) {
        uint32_t asn = now->asns[i], attrs = now->detours[i];
        if (told_by(was, 0, asn) != attrs)
            add(g, (struct adjout_item){ .net = net, .attrs = attrs, .only_as = asn });
    }
    for (uint32_t i = 0; !is_news && i < was->detour_count; i++) {
        uint32_t asn = was->asns[i];
        if (told_by(now, 0, asn) == now->attrs && was->detours[i] != now->attrs)
            add(g, (struct adjout_item){ .net = net, .attrs = now->attrs, .only_as = asn,
                                         .except = now->nva });
    }
    tell_owner(g, net, was->nva, was, now);
    if (now->nva != was->nva)
        tell_owner(g, net, now->nva, was, now);
}

/* One path, and nobody was told anything: as a table is heard for the first time. All but its own NVA are told,
 * as the general way would find. False: it is not such a net. */
static bool tell_first(struct adjout_group *g, uint32_t net, uint32_t place)
{
    const struct rib *r = g->adjout->rib;
    const struct rib_net *n = rib_net(r, net);
    if (!n->paths || rib_path(r, n->paths)->next || adjout_has_told(g, place))
        return false;
    uint32_t path = outcome(g, n, -1, 0);
    if (!path)
        return true;
    const struct rib_path *p = rib_path(r, path);
    bgp_attrs_ref(&g->adjout->rib->attrs, p->attrs);
    must(adjout_count(g, p->nva, +1));
    *told_at(g, place) = (struct adjout_told){ .attrs = p->attrs, .nva = p->nva };
    add(g, (struct adjout_item){ .net = net, .attrs = p->attrs, .except = p->nva });
    return true;
}

void adjout_compare(struct adjout_group *g, uint32_t net)
{
    struct view was, now;
    uint32_t place = prefix_index_place(net);
    must(adjout_reserve_place(&g->told, place));
    if (tell_first(g, net, place))
        return;
    recall(g, place, &was);
    look(g, net, &now);
    if (was.detour_count || now.detour_count)
        tell_around(g, net, &was, &now);
    else
        tell(g, net, &was, &now);
    remember(g, place, &was, &now);
}

uint32_t adjout_told_one(const struct adjout_member *m, uint32_t place)
{
    struct view v;
    if (place >= m->group->told.top)
        return 0;
    recall(m->group, place, &v);
    return told_by(&v, m->nva, m->asn);
}
