/* NVAs come and go while the RIB works. Arrays by NVA grow in one step, or not at all. */
#include "bgp/rib/rib_impl.h"

#include <assert.h>
#include <string.h>

/* Room for twice as many at least, so that many that come one by one are copied seldom. */
static uint32_t next_room(const struct rib *r, uint32_t wanted)
{
    uint32_t room = r->nva_room * 2;
    return room > wanted ? room : wanted;
}

static void *widened(const void *old, uint32_t count, uint32_t room, size_t size)
{
    void *wider = calloc(room, size);
    if (wider && count)
        memcpy(wider, old, count * size);
    return wider;
}

static int widen(struct rib *r, uint32_t room)
{
    struct rib_session *sessions[RIB_ORIGINS];
    struct limit *limits = widened(r->limits, r->nva_count, room, sizeof *limits);
    bool failed = !limits;
    for (int o = 0; o < RIB_ORIGINS; o++) {
        sessions[o] = widened(r->origins[o].sessions, r->nva_count, room, sizeof *sessions[o]);
        failed |= !sessions[o];
    }
    for (int o = 0; o < RIB_ORIGINS; o++) {
        free(failed ? sessions[o] : r->origins[o].sessions);
        if (!failed)
            r->origins[o].sessions = sessions[o];
    }
    free(failed ? limits : r->limits);
    if (failed)
        return BGP_ERR_NOMEM;
    r->limits = limits;
    r->nva_room = room;
    return 0;
}

int rib_grow(struct rib *r, const struct policy_nva *nvas, uint32_t nva_count)
{
    assert(nva_count >= r->nva_count && nva_count <= RIB_NVAS_MAX + 1);
    if (nva_count > r->nva_room && widen(r, next_room(r, nva_count)))
        return BGP_ERR_NOMEM;
    r->nvas = nvas;
    for (; r->nva_count < nva_count; r->nva_count++)
        limit_init(&r->limits[r->nva_count], &r->nets, nvas[r->nva_count].keep);
    return 0;
}

bool rib_nva_is_gone(const struct rib *r, uint16_t nva)
{
    for (int o = 0; o < RIB_ORIGINS; o++) {
        const struct rib_session *s = &r->origins[o].sessions[nva];
        bool is_live = r->origins[o].class == RIB_LIVE;
        if ((is_live && s->state != RIB_SESSION_DOWN) || s->paths || s->tombstones)
            return false;
    }
    return true;
}

uint64_t rib_nva_version(const struct rib *r, uint16_t nva)
{
    const struct rib_origin *own = &r->origins[r->self];
    const struct rib_session *s = &own->sessions[nva];
    return s->listed ? vlist_version(&own->order, s->slot) : 0;
}

void rib_nva_forget(struct rib *r, uint16_t nva)
{
    assert(rib_nva_is_gone(r, nva));
    for (int i = 0; i < RIB_ORIGINS; i++) {
        struct rib_origin *o = &r->origins[i];
        struct rib_session *s = &o->sessions[nva];
        uint64_t version = s->listed ? vlist_version(&o->order, s->slot) : 0;
        o->dropped = version > o->dropped ? version : o->dropped;
        if (s->listed)
            vlist_remove(&o->order, s->slot);
        r->restarts -= s->restarts;
        *s = (struct rib_session){ 0 };
    }
    limit_fini(&r->limits[nva]);
    limit_init(&r->limits[nva], &r->nets, 0);
}

/* ---- limits ---- */

static bool has_paths(const struct rib *r, uint16_t nva)
{
    for (int o = 1; o < RIB_ORIGINS; o++)
        if (r->origins[o].sessions[nva].paths)
            return true;
    return false;
}

bool rib_nva_keep(struct rib *r, uint16_t nva, uint32_t keep)
{
    struct limit *l = &r->limits[nva];
    if (l->keep && keep) {
        limit_keep(l, keep);
        return l->is_counting;
    }
    if (!l->keep && !keep)
        return false;
    limit_fini(l);
    limit_init(l, &r->nets, keep);
    l->is_counting = keep && has_paths(r, nva);
    return l->is_counting;
}

void rib_count_net(const struct rib *r, uint32_t net, uint16_t nva, struct limit *limit)
{
    if (!limit->is_counting || limit_has(limit, net))
        return;
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->nva != nva || !p->attrs)
            continue;
        limit_add(limit, net);
        if (p->flags & RIB_PATH_DISPROVED)
            limit_set_aside(limit, net);
    }
}

void rib_path_disprove(struct rib *r, struct rib_path *p, bool is_disproved)
{
    struct limit *limit = p->attrs ? rib_limit_of(r, p->nva) : NULL;
    bool was = p->flags & RIB_PATH_DISPROVED;
    if (was == is_disproved)
        return;
    p->flags ^= RIB_PATH_DISPROVED;
    uint32_t net = limit ? rib_path_net(r, p) : 0;
    if (!limit || (limit->is_counting && !limit_has(limit, net)))
        return;
    uint32_t other = is_disproved ? limit_set_aside(limit, net) : limit_take_back(limit, net);
    if (other)
        rib_judge_kept(r, other, p->nva);
    if (!is_disproved) /* where it stands now nobody said of it while it did not count */
        rib_judge_kept(r, net, p->nva);
}

int rib_count(struct rib *r, uint32_t net)
{
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        struct limit *l = &r->limits[p->nva];
        if (!p->attrs || !l->is_counting)
            continue;
        if (!limit_reserve(l))
            return BGP_ERR_NOMEM;
        rib_count_net(r, net, p->nva, l);
    }
    return 0;
}

void rib_count_ends(struct rib *r)
{
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        r->limits[nva].is_counting = false;
}

bool rib_has_room(const struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                  uint32_t path_id, uint32_t most)
{
    uint32_t net = prefix_table_find(&r->nets, prefix), count = 0;
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin != origin || p->nva != nva || rib_path_is_flushed(r, p))
            continue;
        if (rib_path_id(p) == path_id)
            return true;
        count++;
    }
    return count < most;
}
