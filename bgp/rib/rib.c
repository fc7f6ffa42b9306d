#include "bgp/rib/rib_impl.h"

#include <assert.h>

static bool init_limits(struct rib *r)
{
    r->limits = calloc(r->nva_count, sizeof *r->limits);
    for (uint32_t nva = 0; r->limits && nva < r->nva_count; nva++)
        limit_init(&r->limits[nva], &r->nets, r->nvas[nva].keep);
    return r->limits;
}

static void use_pool(struct rib *r)
{
    pool_init(&r->pool);
    prefix_table_use_pool(&r->nets, &r->pool);
    slab_use_pool(&r->paths, &r->pool);
    slab_use_pool(&r->paths_with_id, &r->pool);
    for (int i = 0; i < RIB_PATH_KINDS; i++)
        slab_use_pool(&r->edited[i], &r->pool);
    bgp_attr_table_use_pool(&r->attrs, &r->pool);
}

int rib_init(struct rib *r, const struct rib_cfg *cfg)
{
    *r = (struct rib){ .nvas = cfg->nvas,
                       .policy = cfg->policy,
                       .nva_count = cfg->nva_count,
                       .nva_room = cfg->nva_count,
                       .max_paths = cfg->max_paths,
                       .self = cfg->self,
                       .keep_tombstones = cfg->keep_tombstones,
                       .is_monitored = cfg->is_monitored };
    prefix_table_init(&r->nets, cfg->key, RIB_NET_BYTES);
    slab_init(&r->paths, sizeof(struct rib_path));
    slab_init(&r->paths_with_id, sizeof(struct rib_path_with_id));
    for (int i = 0; i < RIB_PATH_KINDS; i++)
        slab_init(&r->edited[i], sizeof(uint32_t));
    bgp_attr_table_init(&r->attrs, cfg->key);
    use_pool(r);
    nhset_table_init(&r->sets, cfg->key);
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_init(&r->wide_nhsets[f], sizeof(uint32_t));
    vlist_init(&r->loc);
    vlist_use_pool(&r->loc, &r->pool);
    if (!init_limits(r)) {
        rib_fini(r);
        return BGP_ERR_NOMEM;
    }
    for (int o = 0; o < RIB_ORIGINS; o++) {
        vlist_init(&r->origins[o].order);
        vlist_use_pool(&r->origins[o].order, &r->pool);
        r->origins[o].sessions = calloc(cfg->nva_count, sizeof *r->origins[o].sessions);
        if (!r->origins[o].sessions) {
            rib_fini(r);
            return BGP_ERR_NOMEM;
        }
    }
    return 0;
}

void rib_fini(struct rib *r)
{
    rib_age_fini(r);
    for (int o = 0; o < RIB_ORIGINS; o++) {
        vlist_fini(&r->origins[o].order);
        free(r->origins[o].sessions);
    }
    for (uint32_t nva = 0; r->limits && nva < r->nva_count; nva++)
        limit_fini(&r->limits[nva]);
    free(r->limits);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        bitset_fini(&r->dirty.places[f]);
        bitset_fini(&r->dying.places[f]);
        slab_fini(&r->wide_nhsets[f]);
    }
    ring_fini(&r->tombs);
    vlist_fini(&r->loc);
    nhset_table_fini(&r->sets);
    bgp_attr_table_fini(&r->attrs);
    slab_fini(&r->paths);
    slab_fini(&r->paths_with_id);
    for (int i = 0; i < RIB_PATH_KINDS; i++)
        slab_fini(&r->edited[i]);
    free(r->room);
    prefix_table_fini(&r->nets);
    pool_fini(&r->pool);
    *r = (struct rib){ 0 };
}

uint32_t rib_queue_next(struct rib_queue *q)
{
    for (int tries = 0; tries <= BGP_FAMILIES; tries++) {
        uint32_t place = bitset_next(&q->places[q->family], q->at);
        if (place != UINT32_MAX) {
            q->at = place + 1;
            return prefix_index((enum bgp_family)q->family, place);
        }
        q->at = 0;
        q->family = (uint8_t)((q->family + 1) % BGP_FAMILIES);
    }
    return 0;
}

/* It waits for a decision; why: what is said of it beside that. */
static inline void wait_for_decision(struct rib *r, struct rib_net *n, uint32_t net, uint8_t why)
{
    bool waits = n->flags & RIB_NET_DIRTY;
    n->flags |= RIB_NET_DIRTY | why;
    if (!waits)
        rib_queue_add(&r->dirty, net);
}

void rib_mark_dirty(struct rib *r, uint32_t net)
{
    /* a class that changed is a change of every path that has it */
    wait_for_decision(r, rib_net(r, net), net, RIB_NET_TOUCHED);
}

void rib_look_again(struct rib *r, uint32_t net)
{
    wait_for_decision(r, rib_net(r, net), net, 0);
}

void rib_remove_flushed(struct rib *r, uint32_t net)
{
    for (uint32_t i = rib_net(r, net)->paths, next; i; i = next) {
        next = rib_path_next(rib_path(r, i));
        if (rib_path_is_flushed(r, rib_path(r, i)))
            rib_remove(r, i);
    }
}

uint32_t rib_dirty_after(const struct rib *r, uint32_t net)
{
    uint32_t from = prefix_index_place(net) + 1;
    for (uint32_t f = prefix_index_family(net); f < BGP_FAMILIES; f++, from = 0) {
        uint32_t place = bitset_next(&r->dirty.places[f], from);
        if (place != UINT32_MAX)
            return prefix_index((enum bgp_family)f, place);
    }
    return 0;
}

/* Room for every net that there is and `more`, so that a net can always be queued: one that is there may have come by
 * a target, which makes no room. */
static inline bool reserve_queues(struct rib *r, enum bgp_family f, uint32_t more)
{
    uint32_t limit = prefix_table_top(&r->nets, f) + more;
    return bitset_reserve(&r->dirty.places[f], limit) && bitset_reserve(&r->dying.places[f], limit);
}

/* Should nothing come of it, it goes. */
static uint32_t get_net_for_now(struct rib *r, const struct ip_prefix *prefix, const struct prefix_hint *hint)
{
    bool has_room = reserve_queues(r, (enum bgp_family)prefix->family, 1);
    uint32_t net = has_room ? prefix_table_get_hinted(&r->nets, prefix, hint) : 0;
    if (net && !rib_net(r, net)->paths)
        rib_queue_add(&r->dying, net);
    return net;
}

static inline uint32_t find_path(struct rib *r, const struct rib_net *n, uint8_t origin, uint16_t nva, uint32_t path_id)
{
    uint32_t i = n->paths;
    for (; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin == origin && p->nva == nva && rib_path_id(p) == path_id)
            break;
    }
    if (!i || !rib_path_is_flushed(r, rib_path(r, i)))
        return i;
    rib_remove(r, i); /* what comes now is another one, which the walk must not meet in its place */
    return 0;
}

/* Every change of a path costs a slot, and may move one old entry along; both may be tombstones. */
static inline bool reserve_order(struct rib *r, uint8_t origin, uint32_t changes)
{
    return rib_order_reserve(&r->origins[origin], changes) &&
           (!r->keep_tombstones || rib_tombs_reserve(r, 2 * changes));
}

/* Not what its version says more of than that it is unchanged; but of an NVA that tells all anew, and never
 * ends, a mark can say as much. */
static bool may_move(struct rib *r, const struct rib_origin *o)
{
    uint64_t at = 0;
    uint32_t id = vlist_next(&o->order, &at);
    if (o->sweep_end || o->old || o->has_former || at <= o->unseen)
        return false;
    if (id & RIB_FACT)
        return true;
    if (rib_path_is_unheard(r, rib_path(r, id)))
        rib_path(r, id)->flags |= RIB_PATH_UNSEEN;
    rib_age_keep(r, id);
    return true;
}

static void move_oldest(struct rib *r, struct rib_origin *o)
{
    uint32_t id, slot;
    if (!may_move(r, o) || !vlist_compact(&o->order, &id, &slot))
        return;
    if (id & RIB_FACT) {
        o->sessions[id & ~RIB_FACT].slot = slot;
        return;
    }
    struct rib_path *p = rib_path(r, id);
    p->slot = slot;
    if (!p->attrs)
        rib_tombs_push(r, id, r->tomb_second); /* its entry in the queue names the old slot */
}

/* The owner compacts: its copies follow. */
static inline void compact_order(struct rib *r, struct rib_origin *o)
{
    if (!o->place && vlist_is_sparse(&o->order))
        move_oldest(r, o);
}

static inline void touch_path(struct rib *r, struct rib_path *p, uint32_t index)
{
    struct rib_origin *o = &r->origins[p->origin];
    uint32_t slot = rib_order_put(o, index);
    vlist_remove(&o->order, p->slot);
    p->slot = slot;
    compact_order(r, o);
}

/* Nothing of it is new but that it was heard. That is worth a place when it was waited for; and a copy's
 * entry stands where its owner's does. */
static void hear_again(struct rib *r, uint32_t index)
{
    struct rib_path *p = rib_path(r, index);
    if (!r->origins[p->origin].place && !rib_path_is_unheard(r, p))
        return;
    if (rib_path_is_former(r, p) || rib_path_is_left_over(r, p) || p->flags & RIB_PATH_OUTDONE || rib_path_is_reviewed(r, p))
        rib_mark_dirty(r, rib_path_net(r, p)); /* it is the word of the session that there is now: evidence */
    rib_readmit(r, p);
    p->flags &= (uint8_t)~RIB_PATH_UNSEEN;
    rib_age_keep(r, index);
    touch_path(r, p, index);
    if (!p->attrs)
        rib_tombs_push(r, index, r->tomb_second); /* its entry in the queue names the old slot */
}

/* Counters of what a path is; called with -1 before a path changes and +1 after. o, s: its origin and session. */
static inline void count_path(struct rib *r, struct rib_origin *o, struct rib_session *s, const struct rib_path *p, int sign)
{
    uint32_t one = (uint32_t)sign;
    if (p->attrs) {
        o->paths += one;
        s->paths += one;
        s->bytes += (uint64_t)(int64_t)sign * rib_path_bytes(r, p->attrs);
        if (rib_path_verdict(p) == POLICY_ACCEPTED)
            s->accepted += one;
    } else {
        o->tombstones += one;
        s->tombstones += one;
    }
    if (rib_path_is_old(r, p))
        o->old += one;
}

/* Which of best and second the net has by this path; with the best goes the second. */
static inline uint8_t ranks_of(const struct rib *r, const struct rib_net *n, uint32_t index)
{
    if (rib_best(n) == index)
        return RIB_NET_BEST | RIB_NET_SECOND;
    return rib_second(r, n) == index ? RIB_NET_SECOND : 0;
}

/* Returns the ranks that it has. */
static inline uint8_t path_changed(struct rib *r, struct rib_net *n, uint32_t net, uint32_t index)
{
    uint8_t ranks = ranks_of(r, n, index);
    wait_for_decision(r, n, net, ranks ? RIB_NET_TOUCHED | RIB_NET_CHANGED : RIB_NET_TOUCHED);
    return ranks;
}

void rib_path_changed(struct rib *r, uint32_t net, uint32_t index)
{
    path_changed(r, rib_net(r, net), net, index);
}

/* Where a new path goes: in front of those that no decision has ranked. */
static inline uint32_t *unranked(struct rib *r, struct rib_net *n)
{
    uint32_t *link = &n->paths;
    for (uint32_t ranked = RIB_NET_BEST; ranked <= RIB_NET_SECOND && n->flags & ranked; ranked *= 2)
        link = &rib_path(r, *link)->next;
    return link;
}

static uint32_t new_path_with_id(struct rib *r, uint32_t path_id)
{
    uint32_t place = slab_new(&r->paths_with_id);
    if (!place || place >= RIB_WITH_ID) {
        if (place)
            slab_free(&r->paths_with_id, place);
        return 0;
    }
    *(struct rib_path_with_id *)slab_at(&r->paths_with_id, place) =
        (struct rib_path_with_id){ .path.flags = RIB_PATH_HAS_ID, .path_id = path_id };
    return place | RIB_WITH_ID;
}

/* Its memory. */
static inline uint32_t new_path(struct rib *r, uint32_t path_id)
{
    if (path_id)
        return new_path_with_id(r, path_id);
    uint32_t place = slab_new_of(&r->paths, sizeof(struct rib_path));
    if (place < RIB_WITH_ID)
        return place;
    slab_free(&r->paths, place);
    return 0;
}

static inline void free_path(struct rib *r, uint32_t index, struct rib_path *p)
{
    bgp_attrs_unref(&r->attrs, p->attrs);
    p->attrs = 0;
    if (rib_path_is_edited(p))
        rib_judge(r, p, index, &(struct rib_mapped){ 0 });
    *p = (struct rib_path){ 0 };
    rib_age_forget(r, index);
    if (index & RIB_WITH_ID)
        slab_free(&r->paths_with_id, index & ~RIB_WITH_ID);
    else
        slab_shelve(&r->paths, index, p);
}

/* A new path of its net, without attributes yet. */
static inline uint32_t add_path(struct rib *r, struct rib_net *n, uint32_t net, uint8_t origin, uint16_t nva, uint32_t path_id)
{
    uint32_t index = new_path(r, path_id);
    if (!index)
        return 0;
    if (!n->paths && rib_queue_count(&r->dying))
        rib_queue_remove(&r->dying, net); /* where it stands if it had one before */
    uint32_t *link = unranked(r, n);
    struct rib_path *p = rib_path(r, index);
    *p = (struct rib_path){ .next = *link ? *link : RIB_LAST | prefix_index_place(net),
                            .nva = nva,
                            .origin = origin & (RIB_ORIGINS - 1),
                            .family = prefix_index_family(net) & 1,
                            .flags = p->flags };
    *link = index;
    struct rib_origin *o = &r->origins[origin];
    p->slot = rib_order_put(o, index);
    compact_order(r, o);
    return index;
}

uint32_t rib_attrs_of(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                      uint32_t path_id)
{
    uint32_t net = prefix_table_find(&r->nets, prefix);
    uint32_t index = net ? find_path(r, rib_net(r, net), origin, nva, path_id) : 0;
    return index ? rib_path(r, index)->attrs : 0;
}

/* For who follows the order: what it says of this path is news. The change that led here has its
 * reservation still to use. Without memory the news has to wait for the path's next change. */
void rib_tell_monitors(struct rib *r, uint32_t index)
{
    struct rib_path *p = rib_path(r, index);
    if (!r->is_monitored || p->origin != r->self || !reserve_order(r, p->origin, 2))
        return;
    rib_age_keep(r, index);
    touch_path(r, p, index);
}

/* Of a path less. The prefix that comes among the first, 0 = none. */
static uint32_t uncount(struct limit *limit, uint32_t net, const struct rib_path *p)
{
    bool is_counted = !limit->is_counting || limit_has(limit, net);
    return is_counted ? limit_remove(limit, net, p->flags & RIB_PATH_DISPROVED) : 0;
}

/* Of a path that is told anew: it counts again, if it did not. The prefix that falls out, 0 = none. */
static uint32_t recount(struct limit *limit, uint32_t net, const struct rib_path *p)
{
    bool is_aside = p->flags & RIB_PATH_DISPROVED && (!limit->is_counting || limit_has(limit, net));
    return is_aside ? limit_take_back(limit, net) : 0;
}

/* In general. */
static void change_path(struct rib *r, struct rib_path *p, uint32_t index, uint32_t attrs,
                        const struct rib_mapped *mapped)
{
    struct limit *limit = rib_limit_of(r, p->nva);
    uint32_t other = 0; /* the prefix that this one displaces, or makes room for */
    bool was_accepted = p->attrs && rib_path_verdict(p) == POLICY_ACCEPTED;
    if (limit && attrs && p->attrs)
        other = recount(limit, rib_path_net(r, p), p);
    if (limit && attrs && !p->attrs) {
        rib_count_net(r, rib_path_net(r, p), p->nva, limit);
        other = limit_add(limit, rib_path_net(r, p));
    }
    if (limit && !attrs && p->attrs)
        other = uncount(limit, rib_path_net(r, p), p);
    if (attrs)
        bgp_attrs_ref(&r->attrs, attrs);
    if (p->attrs)
        bgp_attrs_unref(&r->attrs, p->attrs);
    p->attrs = attrs;
    rib_age_forget(r, index);
    p->flags &= RIB_PATH_HAS_ID | RIB_PATH_VERDICT;
    rib_set_verdict(r, p, index, mapped);
    if (was_accepted && rib_path_verdict(p) != POLICY_ACCEPTED) /* by the NVA's word, as if it withdrew */
        rib_net(r, rib_path_net(r, p))->flags |= RIB_NET_WITHDRAWN;
    if (other)
        rib_judge_kept(r, other, p->nva);
}

/* mapped: its reference is taken. Nearly always the path is new, and neither a limit nor a route map has a say. */
static inline void set_path(struct rib *r, struct rib_path *p, uint32_t index, uint32_t attrs,
                            const struct rib_mapped *mapped)
{
    if (!attrs || p->attrs || mapped->attrs || rib_path_is_edited(p) || rib_limit_of(r, p->nva)) {
        change_path(r, p, index, attrs, mapped);
        return;
    }
    bgp_attrs_ref(&r->attrs, attrs);
    p->attrs = attrs;
    rib_age_forget(r, index);
    p->flags = (uint8_t)((p->flags & RIB_PATH_HAS_ID) | mapped->verdict << RIB_PATH_VERDICT_SHIFT);
}

bool rib_next_stretch(const struct rib *r, struct bgp_nlri *nlri, struct rib_stretch *s)
{
    s->count = bgp_nlri_read(nlri, s->prefixes, s->path_ids, RIB_STRETCH);
    prefix_table_expect(&r->nets, s->prefixes, s->count, s->hints);
    return s->count;
}

void rib_expect(const struct rib *r, struct rib_stretch *s)
{
    prefix_table_look(&r->nets, s->prefixes, s->count, s->hints);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t net = s->hints[i].index, path = net ? rib_net(r, net)->paths : 0;
        if (path)
            __builtin_prefetch(rib_path(r, path));
    }
}

/* Of a single route. */
static struct rib_stretch *alone(const struct rib *r, const struct ip_prefix *prefix, uint32_t path_id, struct rib_stretch *s)
{
    s->prefixes[0] = *prefix;
    s->hints[0] = prefix_table_hint(&r->nets, prefix);
    s->path_ids[0] = path_id;
    return s;
}

/* Has its room in the order, and in the queues. */
static inline int announce(struct rib *r, const struct rib_news *news, const struct rib_stretch *s, uint32_t nth,
                           struct rib_mapped *mapped)
{
    struct limit *limit = rib_limit_of(r, news->nva);
    if (limit && !limit_reserve(limit))
        return BGP_ERR_NOMEM;
    uint32_t net = prefix_table_get_hinted(&r->nets, &s->prefixes[nth], &s->hints[nth]), path_id = s->path_ids[nth];
    if (!net)
        return BGP_ERR_NOMEM;
    r->updates++;
    r->steps++;
    struct rib_net *n = rib_net(r, net);
    uint32_t known = find_path(r, n, news->origin, news->nva, path_id);
    uint32_t index = known ? known : add_path(r, n, net, news->origin, news->nva, path_id);
    if (!index) {
        rib_net_released(r, net); /* if it is new, nothing came of it */
        return BGP_ERR_NOMEM;
    }
    struct rib_path *p = rib_path(r, index);
    struct rib_origin *o = &r->origins[news->origin];
    struct rib_session *session = &o->sessions[news->nva];
    if (known) {
        if (p->attrs == news->attrs && !(p->flags & RIB_PATH_DISPROVED) && !rib_path_is_old(r, p)) {
            hear_again(r, index);
            return 0; /* said before */
        }
        count_path(r, o, session, p, -1);
        touch_path(r, p, index);
    }
    set_path(r, p, index, news->attrs, mapped);
    mapped->attrs = 0;
    count_path(r, o, session, p, +1);
    path_changed(r, n, net, index);
    return 0;
}

static inline int map_and_announce(struct rib *r, const struct rib_news *news, const struct rib_stretch *s, uint32_t nth)
{
    struct rib_mapped mapped;
    if (rib_map(r, news, &s->prefixes[nth], &mapped))
        return BGP_ERR_NOMEM;
    int err = announce(r, news, s, nth, &mapped);
    if (mapped.attrs) /* nothing came of it */
        bgp_attrs_unref(&r->attrs, mapped.attrs);
    return err;
}

static inline bool reserve(struct rib *r, uint8_t origin, const struct rib_stretch *s, uint32_t changes)
{
    return reserve_order(r, origin, changes) && reserve_queues(r, (enum bgp_family)s->prefixes[0].family, changes);
}

int rib_announce_news(struct rib *r, const struct rib_news *news, const struct rib_stretch *s, uint32_t nth)
{
    return reserve(r, news->origin, s, 1) ? map_and_announce(r, news, s, nth) : BGP_ERR_NOMEM;
}

int rib_announce_all(struct rib *r, const struct rib_news *news, const struct rib_stretch *s)
{
    int err = reserve(r, news->origin, s, s->count) ? 0 : BGP_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < s->count; i++)
        err = map_and_announce(r, news, s, i);
    return err;
}

int rib_announce(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                 uint32_t path_id, uint32_t attrs)
{
    const struct rib_news news = rib_news(r, origin, nva, attrs);
    struct rib_stretch s;
    return rib_announce_news(r, &news, alone(r, prefix, path_id, &s), 0);
}

/* From its net and from all else. why: what is said of the net for that. */
static inline void remove_path(struct rib *r, struct rib_net *n, uint32_t net, uint32_t index, uint8_t why)
{
    struct rib_path *p = rib_path(r, index);
    uint16_t nva = p->nva;
    struct rib_origin *o = &r->origins[p->origin];
    struct rib_session *s = &o->sessions[nva];
    struct limit *limit = p->attrs ? rib_limit_of(r, nva) : NULL;
    uint32_t other = limit ? uncount(limit, net, p) : 0;
    uint8_t ranks = path_changed(r, n, net, index);
    r->steps++;
    n->flags = (uint8_t)((n->flags & ~ranks) | why);
    s->best -= (ranks & RIB_NET_BEST) != 0;
    rib_take_out(r, n, index, p);
    if (!n->paths)
        rib_queue_add(&r->dying, net);
    count_path(r, o, s, p, -1);
    vlist_remove(&o->order, p->slot);
    free_path(r, index, p);
    if (other)
        rib_judge_kept(r, other, nva);
}

void rib_remove(struct rib *r, uint32_t index)
{
    const struct rib_path *p = rib_path(r, index);
    struct rib_session *s = &r->origins[p->origin].sessions[p->nva];
    uint32_t net = rib_path_net(r, p);
    uint8_t why = 0;
    s->leaving -= s->leaving && p->attrs && rib_path_is_flushed(r, p);
    if (p->attrs && rib_path_verdict(p) == POLICY_ACCEPTED)
        why = rib_path_is_meant_to_go(r, p) ? RIB_NET_WITHDRAWN : RIB_NET_LOST;
    remove_path(r, rib_net(r, net), net, index, why);
}

/* Of a path that is there, or a new one; index 0: there was no memory for it. */
static int entomb(struct rib *r, struct rib_net *n, uint32_t net, uint32_t index, uint64_t now_ms)
{
    struct rib_path *p = index ? rib_path(r, index) : NULL;
    if (!p)
        return BGP_ERR_NOMEM;
    struct rib_origin *o = &r->origins[p->origin];
    struct rib_session *s = &o->sessions[p->nva];
    if (p->attrs) {
        path_changed(r, n, net, index);
        n->flags |= RIB_NET_WITHDRAWN;
        count_path(r, o, s, p, -1);
        set_path(r, p, index, 0, &(struct rib_mapped){ 0 });
        touch_path(r, p, index);
    }
    count_path(r, o, s, p, +1);
    rib_tombs_push(r, index, (uint32_t)(now_ms / 1000));
    wait_for_decision(r, n, net, RIB_NET_TOUCHED);
    return 0;
}

static inline int withdraw(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_stretch *s, uint32_t nth,
                           uint64_t now_ms)
{
    /* Of another node: its withdrawals are evidence, here as there, and others may read them from here. */
    bool is_copy = r->keep_tombstones && origin != r->self;
    uint32_t path_id = s->path_ids[nth];
    uint32_t net = is_copy ? get_net_for_now(r, &s->prefixes[nth], &s->hints[nth])
                           : prefix_table_find_hinted(&r->nets, &s->prefixes[nth], &s->hints[nth]);
    if (!net)
        return is_copy ? BGP_ERR_NOMEM : 0;
    struct rib_net *n = rib_net(r, net);
    uint32_t index = find_path(r, n, origin, nva, path_id);
    if (!index && !is_copy && (!r->keep_tombstones || !n->paths))
        return 0; /* nobody has a copy that would have to learn of it */
    bool is_tomb = index && !rib_path(r, index)->attrs, leaves_one = r->keep_tombstones || is_tomb;
    if (leaves_one && !reserve_order(r, origin, 1))
        return BGP_ERR_NOMEM;
    r->withdrawals++;
    r->steps++;
    if (is_tomb)
        hear_again(r, index);
    else if (!leaves_one)
        remove_path(r, n, net, index, RIB_NET_WITHDRAWN);
    else
        return entomb(r, n, net, index ? index : add_path(r, n, net, origin, nva, path_id), now_ms);
    return 0;
}

int rib_withdraw_nth(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_stretch *s, uint32_t nth,
                     uint64_t now_ms)
{
    return withdraw(r, origin, nva, s, nth, now_ms);
}

int rib_withdraw_all(struct rib *r, uint16_t nva, const struct rib_stretch *s, uint64_t now_ms)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < s->count; i++)
        err = withdraw(r, r->self, nva, s, i, now_ms);
    return err;
}

int rib_withdraw(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                 uint32_t path_id, uint64_t now_ms)
{
    struct rib_stretch s;
    return rib_withdraw_nth(r, origin, nva, alone(r, prefix, path_id, &s), 0, now_ms);
}

uint32_t rib_next_dying(struct rib *r, uint64_t slowest_reader)
{
    uint32_t net = rib_queue_next(&r->dying);
    const struct rib_net *n = net ? rib_net(r, net) : NULL;
    bool is_unread = n && n->flags & RIB_NET_LISTED && vlist_version(&r->loc, n->slot) > slowest_reader;
    if (!net || is_unread || n->flags & RIB_NET_DIRTY)
        return 0; /* it stays, and so do those behind it until the next call */
    rib_queue_remove(&r->dying, net);
    return net;
}

void rib_net_keep(struct rib *r, uint32_t net)
{
    rib_queue_add(&r->dying, net);
}

void rib_net_released(struct rib *r, uint32_t net)
{
    if (!rib_net(r, net)->paths && reserve_queues(r, prefix_index_family(net), 1))
        rib_queue_add(&r->dying, net);
}

void rib_net_free(struct rib *r, uint32_t net)
{
    struct rib_net *n = rib_net(r, net);
    assert(!n->paths && !n->nhset && !(n->flags & RIB_NET_DIRTY));
    if (n->flags & RIB_NET_LISTED)
        vlist_remove(&r->loc, n->slot);
    prefix_table_drop(&r->nets, net);
}

struct rib_memory rib_memory(const struct rib *r)
{
    struct rib_memory m = {
        .nets = prefix_table_memory(&r->nets),
        .paths = slab_memory(&r->paths) + slab_memory(&r->paths_with_id) + r->tombs.cap * sizeof(uint32_t) +
                 rib_age_memory(r),
        .attrs = r->attrs.bytes + slab_memory(&r->attrs.records) + hash_memory(&r->attrs.index),
        .orders = vlist_memory(&r->loc),
    };
    for (int i = 0; i < RIB_PATH_KINDS; i++)
        m.paths += slab_memory(&r->edited[i]);
    for (int f = 0; f < BGP_FAMILIES; f++)
        m.nets += bitset_memory(&r->dirty.places[f]) + bitset_memory(&r->dying.places[f]);
    for (int o = 0; o < RIB_ORIGINS; o++)
        m.orders += vlist_memory(&r->origins[o].order);
    return m;
}
