/* What most nets are: one path, told to all but the NVA whose it is; and nothing, once that went. Found without a look at
 * what the general way (adjout_told.c) has to weigh, and as it would find. */
#include <stdlib.h>

#include "bgp/adjout/adjout_impl.h"

static inline void count(struct adjout_group *g, uint16_t owner, int sign)
{
    if (!adjout_count(g, owner, sign))
        abort(); /* as everywhere above the RIB: the other node serves */
}

/* Nets that came together share their attributes: what held for the one before holds for this one. */
static bool is_like_last(const struct adjout_group *g, const struct rib_net *n, const struct rib_path *only)
{
    const struct rib_path *last = &g->plain.path;
    return only->attrs == last->attrs && only->nva == last->nva && only->origin == last->origin &&
           only->flags == last->flags && rib_best(n) == n->paths;
}

/* Not where a map's word depends on the prefix, or what the path counts on its version. */
static void note_last(struct adjout_group *g, const struct rib_path *p)
{
    const struct rib_origin *o = &g->adjout->rib->origins[p->origin];
    if (!g->rules.map && !rib_path_is_edited(p) && !o->old && !o->sweep_end)
        g->plain.path = *p;
    else
        g->plain.path.attrs = 0;
}

/* It has one path, and nobody was told anything: as a table is heard for the first time. */
static inline bool tell_first(struct adjout_group *g, uint32_t net, struct rib_net *n, struct adjout_told *t)
{
    const struct rib_path *p = rib_path(g->adjout->rib, n->paths);
    struct adjout_plain *plain = &g->plain;
    if (rib_path_next(p) || adjout_is_told(t))
        return false;
    if (!is_like_last(g, n, p)) {
        if (!adjout_outcome_for_all(g, n, 0))
            return true;
        uint32_t attrs = adjout_attrs(g, n->paths);
        if (adjout_leads_to(g, attrs, p->nva))
            return false;
        note_last(g, p);
        plain->told = adjout_told_as_plain(attrs, p->nva);
        plain->word = (struct adjout_word){ .attrs = attrs, .except = p->nva };
    }
    bgp_attrs_ref(&g->adjout->rib->attrs, plain->word.attrs);
    count(g, p->nva, +1);
    *t = plain->told;
    adjout_batch_add(g->batch, net, 0, &plain->word);
    return true;
}

/* The last path went that all but its own NVA were told: nothing is left. */
static inline bool tell_last(struct adjout_group *g, uint32_t net, struct adjout_told *t)
{
    if (t->is_second || t->has_detours)
        return false;
    if (!t->attrs)
        return true;
    count(g, t->nva, -1);
    bgp_attrs_unref(&g->adjout->rib->attrs, t->attrs);
    adjout_batch_add(g->batch, net, 0, &(struct adjout_word){ .except = t->nva });
    *t = (struct adjout_told){ 0 };
    return true;
}

/* False: it is not a plain one, and nothing was done. */
static inline bool compare(struct adjout_group *g, uint32_t net)
{
    struct rib_net *n = rib_net(g->adjout->rib, net);
    struct adjout_told *t = adjout_told_at(g, prefix_index_place(net));
    if (g->retells && !adjout_is_told(t))
        return false; /* by this group: its members may come from another one */
    return n->paths ? tell_first(g, net, n, t) : tell_last(g, net, t);
}

unsigned adjout_compare_plain(struct adjout_group *g, unsigned most)
{
    const struct vlist *loc = &g->adjout->rib->loc;
    unsigned taken = 0;
    uint64_t at = g->position;
    for (uint32_t net; taken < most && (net = vlist_next(loc, &at)); taken++) {
        bool is_plain = prefix_index_family(net) != g->rules.family || compare(g, net);
        if (g->rules.map)
            adjout_map_end(g);
        if (!is_plain)
            break;
        g->position = at;
    }
    return taken;
}
