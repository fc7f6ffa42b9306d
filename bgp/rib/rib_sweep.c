/* The walk that carries out what was said of many entries at once (rib_origin.c), a stretch a turn.
 *
 * It goes along an origin's order and asks of every entry what is true of it by its version. What is said
 * while it is under way may mean entries that it has passed: then it goes once more from the start. */
#include "bgp/rib/rib_impl.h"

#include <assert.h>

bool rib_path_is_swept(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    const struct rib_session *s = &o->sessions[p->nva];
    uint64_t version = rib_path_version(r, p);
    if (version > o->aged)
        return version <= o->flushed || version <= s->flushed;
    /* A tombstone of an incarnation that is no more proves nothing. */
    if (!p->attrs || version <= o->old_flushed || version <= s->old_flushed)
        return true;
    return version > o->last.begun && (version <= o->last.flushed || version <= s->last_flushed);
}

static bool is_taken_back(const struct rib *r, const struct rib_path *lost)
{
    bool found = false;
    for (uint32_t i = rib_net(r, rib_path_net(r, lost))->paths; i && !found; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        found = !p->attrs && p->nva == lost->nva && rib_path_id(p) == rib_path_id(lost) && rib_path_stands(r, p);
    }
    return found;
}

bool rib_path_is_meant_to_go(const struct rib *r, const struct rib_path *p)
{
    return r->nvas[p->nva].is_taken_out || r->origins[p->origin].sessions[p->nva].is_taken_out || is_taken_back(r, p);
}

static const struct rib_retelling *retelling_of(const struct rib *r, const struct rib_path *p)
{
    return &r->origins[p->origin].sessions[p->nva].retelling[p->family];
}

bool rib_path_is_unheard(const struct rib *r, const struct rib_path *p)
{
    uint64_t version = rib_path_version(r, p);
    return p->flags & RIB_PATH_UNSEEN || version <= r->origins[p->origin].unseen ||
           version <= retelling_of(r, p)->unheard || rib_path_is_former(r, p);
}

bool rib_path_is_left_over(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    const struct rib_session *s = &o->sessions[p->nva];
    if (p->attrs || !s->restarts)
        return false;
    return p->flags & RIB_PATH_UNSEEN || !s->listed || rib_path_version(r, p) <= vlist_version(&o->order, s->slot);
}

bool rib_path_is_doubted(const struct rib *r, const struct rib_path *p)
{
    return p->flags & (RIB_PATH_DISPROVED | RIB_PATH_OUTDONE) && !rib_path_is_old(r, p) &&
           rib_path_version(r, p) <= r->origins[p->origin].doubted;
}

static bool is_withdrawn(const struct rib *r, const struct rib_path *p)
{
    const struct rib_retelling *t = retelling_of(r, p);
    uint64_t until = p->flags & RIB_PATH_UNSEEN ? t->moved_withdrawn : t->withdrawn;
    return p->attrs && rib_path_version(r, p) <= until;
}

static bool is_rehabilitated(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    uint64_t version = rib_path_version(r, p);
    if (!(p->flags & RIB_PATH_DISPROVED))
        return false;
    return rib_path_is_old(r, p) ? version > o->last.begun && version <= o->last.rehabilitated : version <= o->rehabilitated;
}

bool rib_path_is_reviewed(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    return rib_path_version(r, p) <= o->reviewed && (!o->reviewed_nva || o->reviewed_nva == p->nva);
}

/* ---- the walk ---- */

void rib_sweep_ask(struct rib *r, struct rib_origin *o)
{
    if (o->sweep_end) {
        o->sweeps_again = true;
        return;
    }
    o->sweep_at = 0;
    o->sweep_end = rib_mark(o);
    r->sweeps += o->sweep_end != 0;
}

static void end(struct rib *r, struct rib_origin *o)
{
    bool again = o->sweeps_again;
    r->sweeps--;
    o->sweep_end = 0;
    o->sweeps_again = false;
    if (again)
        rib_sweep_ask(r, o);
    else
        o->reviewed = o->rehabilitated = o->last.rehabilitated = 0;
    o->sweeps_last &= again;
}

/* It is held no longer, and its NVA is away, or back and about to tell what it has: it has not withdrawn it. */
static bool is_lost(const struct rib *r, const struct rib_path *p)
{
    bool is_untold = r->origins[p->origin].sessions[p->nva].restarts;
    return is_untold && rib_path_verdict(p) == POLICY_ACCEPTED && !rib_path_is_meant_to_go(r, p);
}

int rib_withdraw_path(struct rib *r, uint32_t index, uint64_t now_ms)
{
    const struct rib_path p = *rib_path(r, index);
    struct ip_prefix prefix;
    uint32_t net = rib_path_net(r, rib_path(r, index));
    prefix_table_prefix(&r->nets, net, &prefix);
    if (is_lost(r, rib_path(r, index)))
        rib_net(r, net)->flags |= RIB_NET_LOST;
    if (rib_withdraw(r, p.origin, p.nva, &prefix, rib_path_id(rib_path(r, index)), now_ms))
        return BGP_ERR_NOMEM;
    if (r->keep_tombstones)
        rib_path(r, index)->flags |= RIB_PATH_UNSEEN;
    return 0;
}

/* What it costs of the budget, or BGP_ERR_NOMEM. */
static int visit(struct rib *r, uint32_t index, struct rib_stale *last, uint64_t now_ms)
{
    struct rib_path *p = rib_path(r, index);
    if (rib_path_is_flushed(r, p)) {
        rib_remove(r, index);
        return RIB_SWEEP_CHANGE;
    }
    if (is_withdrawn(r, p))
        return rib_withdraw_path(r, index, now_ms) ? BGP_ERR_NOMEM : RIB_SWEEP_CHANGE;
    if (rib_stale_is_due(r, p))
        return rib_stale_visit(r, index, last, now_ms) ? BGP_ERR_NOMEM : RIB_SWEEP_CHANGE;
    bool is_cleared = is_rehabilitated(r, p);
    if (is_cleared)
        rib_path_disprove(r, p, false);
    if (is_cleared || rib_path_is_reviewed(r, p) || rib_path_is_doubted(r, p)) {
        rib_readmit(r, p);
        rib_mark_dirty(r, rib_path_net(r, p));
    }
    return 1;
}

static int walk(struct rib *r, struct rib_origin *o, uint32_t *budget, struct rib_stale *last,
                uint64_t now_ms)
{
    while (o->sweep_end && *budget) {
        uint64_t at = o->sweep_at;
        uint32_t id = vlist_next(&o->order, &at);
        if (!id || at > o->sweep_end) {
            end(r, o);
            continue;
        }
        int cost = id & RIB_FACT ? 1 : visit(r, id, last, now_ms);
        if (cost < 0)
            return cost;
        o->sweep_at = at;
        *budget -= (uint32_t)cost < *budget ? (uint32_t)cost : *budget;
    }
    return 0;
}

int rib_sweep(struct rib *r, uint32_t budget, uint64_t now_ms)
{
    struct rib_stale last = { 0 };
    int err = 0;
    for (int o = 0; o < RIB_ORIGINS && r->sweeps && budget && !err; o++)
        err = walk(r, &r->origins[o], &budget, &last, now_ms);
    bgp_attrs_unref(&r->attrs, last.stale);
    return err;
}

void rib_sweep_finish(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    struct rib_stale none = { 0 };
    uint32_t enough = UINT32_MAX;
    int err = walk(r, o, &enough, &none, 0);
    assert(!err && !o->sweep_end); /* a copy has nothing to withdraw */
    (void)err;
}
