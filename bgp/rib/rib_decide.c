/* A decision, and what follows from it for the net: its set, its flags, its place in the Loc-RIB order. By far the most
 * nets have one path, or none any more: those need no comparison (decision.c). */
#include "bgp/rib/rib_impl.h"

/* To the tail of the Loc-RIB order: every reader will see the net again. */
static inline void list_net(struct rib *r, struct rib_net *n, uint32_t net)
{
    n->slot = n->flags & RIB_NET_LISTED ? vlist_touch(&r->loc, n->slot, net)
                                        : vlist_append(&r->loc, net);
    n->flags |= RIB_NET_LISTED;
    if (vlist_is_sparse(&r->loc))
        rib_compact_loc(r);
}

static inline void put_nhset(struct rib *r, struct rib_net *n, uint32_t net, uint32_t nhset)
{
    bool is_wide = nhset >= RIB_NHSET_WIDE;
    n->nhset = is_wide ? RIB_NHSET_WIDE : (uint16_t)nhset;
    if (is_wide)
        *(uint32_t *)slab_at(&r->wide_nhsets[prefix_index_family(net)], prefix_index_place(net)) = nhset;
}

/* Best and second are in front. */
static inline void conclude(struct rib *r, struct rib_net *n, const struct rib_change *c)
{
    put_nhset(r, n, c->net, c->new_nhset);
    n->flags &= (uint8_t)~(RIB_NET_CHANGED | RIB_NET_TOUCHED);
    if (c->new_nhset)
        n->flags &= (uint8_t)~(RIB_NET_WITHDRAWN | RIB_NET_LOST);
    if (c->changed)
        list_net(r, n, c->net);
}

/* Nothing is left. */
static inline int decide_none(struct rib *r, const struct rib_net *n, struct rib_change *out)
{
    out->changed = n->flags & RIB_NET_CHANGED || out->old_nhset;
    return rib_reserve_outcome(r, out->net, 0) ? 0 : BGP_ERR_NOMEM;
}

/* A single path needs no ranking either. */
static inline int decide_alone(struct rib *r, struct rib_net *n, const struct rib_path *p, struct rib_change *out)
{
    bool is_best = rib_path_is_usable(r, p), was_best = n->flags & RIB_NET_BEST, is_programmed = is_best && p->nva;
    if (is_programmed)
        out->new_nhset = nhset_intern_one(&r->sets, &bgp_attrs_get(&r->attrs, rib_path_attrs(r, p))->next_hop);
    if ((is_programmed && !out->new_nhset) || !rib_reserve_outcome(r, out->net, out->new_nhset)) {
        nhset_unref(&r->sets, out->new_nhset);
        return BGP_ERR_NOMEM;
    }
    out->paths = 1;
    out->changed = n->flags & RIB_NET_CHANGED || out->new_nhset != out->old_nhset || is_best != was_best ||
                   (n->flags & RIB_NET_TOUCHED && is_best && rib_is_hidden_from_some(r, n->paths));
    if (is_best != was_best) {
        r->origins[p->origin].sessions[p->nva].best += is_best ? 1 : UINT32_MAX;
        n->flags ^= RIB_NET_BEST;
    }
    return 0;
}

int rib_decide(struct rib *r, uint32_t net, struct rib_change *out)
{
    struct rib_net *n = rib_net(r, net);
    const struct rib_path *first = n->paths ? rib_path(r, n->paths) : NULL;
    *out = (struct rib_change){ .net = net, .old_nhset = rib_net_nhset(r, net) };
    int err = !first                 ? decide_none(r, n, out)
              : rib_path_next(first) ? rib_decide_among(r, n, out)
                                     : decide_alone(r, n, first, out);
    if (err)
        return err;
    r->steps += 1 + out->paths;
    conclude(r, n, out);
    return 0;
}
