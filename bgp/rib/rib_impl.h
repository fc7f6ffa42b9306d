/* Inside the RIB: shared by rib*.c only. */
#ifndef TANDEM_BGP_RIB_IMPL_H
#define TANDEM_BGP_RIB_IMPL_H

#include "bgp/rib/rib.h"

static inline uint64_t rib_path_version(const struct rib *r, const struct rib_path *p)
{
    return vlist_version(&r->origins[p->origin].order, p->slot);
}

/* «All that is here»: a batch that is being applied to a copy comes behind it, wherever it has its places. */
static inline uint64_t rib_mark(const struct rib_origin *o)
{
    return vlist_settled(&o->order);
}

/* An entry's new place in its order: reserve, put, and take it from its old one. */
static inline bool rib_order_reserve(struct rib_origin *o, uint32_t changes)
{
    return o->place ? vlist_reserve_at(&o->order, o->place) : vlist_reserve(&o->order, 2 * changes);
}
static inline uint32_t rib_order_put(struct rib_origin *o, uint32_t id)
{
    return o->place ? vlist_place(&o->order, o->place, id) : vlist_append(&o->order, id);
}

/* Set aside over a restart that is over: it counts again once a decision is due on it, and not before, for what the last
 * one found is being programmed. */
static inline void rib_readmit(const struct rib *r, struct rib_path *p)
{
    if (r->origins[p->origin].sessions[p->nva].state != RIB_SESSION_GRACE)
        p->flags &= (uint8_t)~RIB_PATH_OUTDONE;
}

/* Something was said of many entries: the walk has to go all the way, once more if it is under way. */
void rib_sweep_ask(struct rib *r, struct rib_origin *o);
/* It is to be decided on again, and the walk has not come by: where it moves it has to be now. */
bool rib_path_is_reviewed(const struct rib *r, const struct rib_path *p);
/* Carry out all that was said of one origin now. */
void rib_sweep_finish(struct rib *r, uint8_t origin);

/* By the walk: not by the NVA's word. */
int rib_withdraw_path(struct rib *r, uint32_t path, uint64_t now_ms) MUST_USE;

/* rib_policy.c. What its NVA's route map, where there is one, makes of a path: found before anything changes, since it
 * costs memory. */
struct rib_mapped {
    uint32_t attrs;  /* with a reference; 0: those that it was received with */
    uint8_t verdict; /* enum policy_verdict, of all but the limit */
};
int rib_map_apply(struct rib *r, const struct rib_news *news, const struct ip_prefix *prefix,
                  struct rib_mapped *out) MUST_USE;
static inline int rib_map(struct rib *r, const struct rib_news *news, const struct ip_prefix *prefix,
                          struct rib_mapped *out)
{
    *out = (struct rib_mapped){ .verdict = news->verdict };
    return news->is_mapped ? rib_map_apply(r, news, prefix, out) : 0;
}
/* It goes: for it was taken out by an operator, or its NVA has withdrawn it on another session, which stands? Then
 * it is not lost. */
bool rib_path_is_meant_to_go(const struct rib *r, const struct rib_path *p);
/* A prefix came among those that are kept of an NVA, or fell out of them. */
void rib_judge_kept(struct rib *r, uint32_t net, uint16_t nva);

/* NULL: all prefixes of this NVA are kept. */
static inline struct limit *rib_limit_of(const struct rib *r, uint16_t nva)
{
    return nva && r->nvas[nva].keep ? &r->limits[nva] : NULL;
}

/* rib_policy.c. The verdict on a path, which counts with what the map has edited from now on; the reference is taken. */
void rib_judge(struct rib *r, struct rib_path *p, uint32_t path, const struct rib_mapped *take);
/* Nearly always the map's word, or that of none, is all. */
static inline void rib_set_verdict(struct rib *r, struct rib_path *p, uint32_t path, const struct rib_mapped *take)
{
    if (take->attrs || rib_path_is_edited(p) || rib_limit_of(r, p->nva) || !p->attrs)
        rib_judge(r, p, path, take);
    else
        p->flags = (uint8_t)((p->flags & ~RIB_PATH_VERDICT) | take->verdict << RIB_PATH_VERDICT_SHIFT);
}

/* decision.c. Somebody may not have this path, the best or the second, so that any other may matter to him. */
bool rib_is_hidden_from_some(const struct rib *r, uint32_t path);
/* Of several paths: the net is ranked, and `out` says what was found. */
int rib_decide_among(struct rib *r, struct rib_net *n, struct rib_change *out) MUST_USE;
/* Of the Loc-RIB order: the oldest net moves to its tail. */
void rib_compact_loc(struct rib *r);
/* Room for the id of a set beside the net, where it needs more, and for the net in the Loc-RIB order. */
static inline bool rib_reserve_outcome(struct rib *r, uint32_t net, uint32_t nhset)
{
    bool is_wide = nhset >= RIB_NHSET_WIDE;
    return (!is_wide || slab_reach(&r->wide_nhsets[prefix_index_family(net)], prefix_index_place(net))) &&
           vlist_reserve(&r->loc, 2);
}

/* Out of the net's list of paths, in which it mostly stands first. */
static inline void rib_take_out(struct rib *r, struct rib_net *n, uint32_t path, const struct rib_path *p)
{
    if (n->paths == path) {
        n->paths = rib_path_next(p);
        return;
    }
    struct rib_path *before = rib_path(r, n->paths);
    while (before->next != path)
        before = rib_path(r, before->next);
    before->next = p->next;
}

/* rib.c. The net waits for a decision, though no path of it has changed. */
void rib_look_again(struct rib *r, uint32_t net);
/* The path is another one: its net waits for a decision. */
void rib_path_changed(struct rib *r, uint32_t net, uint32_t path);
/* For who follows the order: what it says of this path is news. */
void rib_tell_monitors(struct rib *r, uint32_t path);

/* rib_nvas.c. A limit that counts knows all paths of this net from now on, for the price of one node. */
void rib_count_net(const struct rib *r, uint32_t net, uint16_t nva, struct limit *limit);

/* rib_tombs.c. A tombstone in its queue: path, slot, and when and by whom it was withdrawn. */
enum { RIB_TOMB_WORDS = 3 };
static inline bool rib_tombs_reserve(struct rib *r, uint32_t count)
{
    return ring_reserve(&r->tombs, count * RIB_TOMB_WORDS);
}
/* Needs a reservation. */
void rib_tombs_push(struct rib *r, uint32_t path, uint32_t second);

/* rib_age.c. Before a path that stays as it is gets another version. */
void rib_age_keep(struct rib *r, uint32_t path);
/* It is another one now, or no more. */
static inline void rib_age_forget(struct rib *r, uint32_t path)
{
    struct rib_age_kept *k = &r->moved[path & RIB_WITH_ID ? 1 : 0];
    uint32_t i = path & ~RIB_WITH_ID;
    if (i < k->room)
        k->seconds[i] = 0;
}
void rib_age_fini(struct rib *r);

/* rib_stale.c. Routes that came together share their attributes: the pair of the last one. */
struct rib_stale {
    uint32_t fresh, stale; /* ids; stale: with a reference */
};
/* It is to bear the mark, or bears it and its time is over. */
bool rib_stale_is_due(const struct rib *r, const struct rib_path *p);
int rib_stale_visit(struct rib *r, uint32_t path, struct rib_stale *last, uint64_t now_ms) MUST_USE;

#endif
