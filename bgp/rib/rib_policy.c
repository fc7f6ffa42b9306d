/* The policy's word on each path: its verdict, and what its NVA's route map makes of it. */
#include "bgp/rib/rib_impl.h"

#include <assert.h>
#include <stdlib.h>

/* ---- route maps ---- */

bool rib_need_room(struct rib *r)
{
    if (!r->room)
        r->room = malloc(sizeof *r->room);
    return r->room;
}

static uint32_t *edited_at(const struct rib *r, uint32_t path)
{
    return slab_at(&r->edited[(path & RIB_WITH_ID) != 0], path & ~RIB_WITH_ID);
}

uint32_t rib_edited_attrs(const struct rib *r, const struct rib_path *p)
{
    const struct vlist *order = &r->origins[p->origin].order;
    uint64_t at = vlist_version(order, p->slot) - 1;
    return *edited_at(r, vlist_next(order, &at)); /* the order knows a path's index */
}

/* Room beside every path that there is, and the next one. */
static bool reserve_edited(struct rib *r)
{
    const struct slab *paths[RIB_PATH_KINDS] = { &r->paths, &r->paths_with_id };
    for (int i = 0; i < RIB_PATH_KINDS; i++)
        if (!slab_reach(&r->edited[i], paths[i]->top))
            return false;
    return true;
}

/* The set of what was edited, 0: out of memory. */
static uint32_t keep(struct rib *r, const struct bgp_attrs *edited)
{
    return reserve_edited(r) ? bgp_attrs_intern(&r->attrs, edited) : 0;
}

struct rib_news rib_news(const struct rib *r, uint8_t origin, uint16_t nva, uint32_t attrs)
{
    assert(attrs && nva < r->nva_count);
    struct rib_news news = { .attrs = attrs, .nva = nva, .origin = origin, .verdict = POLICY_ACCEPTED };
    if (nva) /* else the configuration's own */
        news.verdict = (uint8_t)policy_import(r->policy, &r->nvas[nva], bgp_attrs_get(&r->attrs, attrs));
    /* a loop is one before any map (RFC 4271 section 9.1.2) */
    news.is_mapped = r->nvas[nva].inbound && news.verdict == POLICY_ACCEPTED;
    return news;
}

int rib_map_apply(struct rib *r, const struct rib_news *news, const struct ip_prefix *prefix,
                  struct rib_mapped *out)
{
    static const uint8_t verdicts[] = { [ROUTE_MAP_PASSED] = POLICY_ACCEPTED,
                                        [ROUTE_MAP_DROPPED] = POLICY_ROUTE_MAP,
                                        [ROUTE_MAP_TOO_LONG] = POLICY_TOO_LONG };
    if (!rib_need_room(r))
        return BGP_ERR_NOMEM;
    struct bgp_attrs a = *bgp_attrs_get(&r->attrs, news->attrs);
    const uint8_t *received = a.bytes;
    out->verdict = verdicts[route_map_apply(r->nvas[news->nva].inbound, prefix, &a, false, r->room, NULL)];
    if (out->verdict != POLICY_ACCEPTED || a.bytes == received)
        return 0;
    out->attrs = keep(r, &a);
    return out->attrs ? 0 : BGP_ERR_NOMEM;
}

/* ---- verdicts ---- */

static_assert((int)POLICY_VERDICTS <= (int)RIB_EDITED_ACCEPTED, "a verdict has no room in a path's flags");

static uint8_t bits(enum policy_verdict v, bool is_edited)
{
    uint8_t edited = v == POLICY_ACCEPTED ? RIB_EDITED_ACCEPTED : RIB_EDITED_OVER_LIMIT;
    return (uint8_t)((is_edited ? edited : (uint8_t)v) << RIB_PATH_VERDICT_SHIFT);
}

static enum policy_verdict by_limit(const struct rib *r, const struct rib_path *p)
{
    const struct limit *limit = rib_limit_of(r, p->nva);
    bool falls_out = limit && !limit->is_counting && !limit_keeps(limit, rib_path_net(r, p));
    return falls_out ? POLICY_OVER_LIMIT : POLICY_ACCEPTED;
}

static enum policy_verdict verdict_on(const struct rib *r, const struct rib_path *p, uint8_t mapped)
{
    return mapped == POLICY_ACCEPTED ? by_limit(r, p) : (enum policy_verdict)mapped;
}

void rib_judge(struct rib *r, struct rib_path *p, uint32_t path, const struct rib_mapped *take)
{
    uint8_t others = p->flags & (uint8_t)~RIB_PATH_VERDICT;
    if (rib_path_is_edited(p))
        bgp_attrs_unref(&r->attrs, *edited_at(r, path));
    if (take->attrs)
        *edited_at(r, path) = take->attrs;
    p->flags = others;
    if (p->attrs)
        p->flags = others | bits(verdict_on(r, p, take->verdict), take->attrs);
}

static void count_accepted(struct rib *r, const struct rib_path *p, uint32_t was_accepted)
{
    r->origins[p->origin].sessions[p->nva].accepted +=
        (rib_path_verdict(p) == POLICY_ACCEPTED) - was_accepted;
}

void rib_judge_kept(struct rib *r, uint32_t net, uint16_t nva)
{
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i))) {
        struct rib_path *p = rib_path(r, i);
        enum policy_verdict was = rib_path_verdict(p);
        if (p->nva != nva || !p->attrs || rib_path_is_flushed(r, p))
            continue;
        if (was != POLICY_ACCEPTED && was != POLICY_OVER_LIMIT)
            continue;
        p->flags = (p->flags & (uint8_t)~RIB_PATH_VERDICT) | bits(by_limit(r, p), rib_path_is_edited(p));
        count_accepted(r, p, was == POLICY_ACCEPTED);
        rib_path_changed(r, net, i);
        rib_tell_monitors(r, i);
    }
}

/* What a new rule refuses counts as withdrawn: somebody wants it gone. */
static int judge_path(struct rib *r, uint32_t net, uint32_t index, const struct ip_prefix *prefix)
{
    struct rib_path *p = rib_path(r, index);
    enum policy_verdict was = rib_path_verdict(p);
    uint32_t counted = rib_path_attrs(r, p);
    const struct rib_news news = rib_news(r, p->origin, p->nva, p->attrs);
    struct rib_mapped mapped;
    if (rib_map(r, &news, prefix, &mapped))
        return BGP_ERR_NOMEM;
    bool is_other = (mapped.attrs ? mapped.attrs : p->attrs) != counted;
    rib_set_verdict(r, p, index, &mapped);
    count_accepted(r, p, was == POLICY_ACCEPTED);
    if (!is_other && rib_path_verdict(p) == was)
        return 0;
    rib_path_changed(r, net, index);
    rib_tell_monitors(r, index);
    if (rib_path_verdict(p) != was && was == POLICY_ACCEPTED)
        rib_net(r, net)->flags |= RIB_NET_WITHDRAWN;
    return 0;
}

int rib_judge_again(struct rib *r, uint32_t net, bool is_listed_again)
{
    struct rib_net *n = rib_net(r, net);
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, net, &prefix);
    for (uint32_t i = n->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path(r, i)->attrs && judge_path(r, net, i, &prefix))
            return BGP_ERR_NOMEM;
    if (!n->paths)
        return 0;
    if (is_listed_again)
        n->flags |= RIB_NET_CHANGED | RIB_NET_TOUCHED;
    rib_look_again(r, net);
    return 0;
}
