/* What happens to an origin's entries as a whole: sessions, incarnations, resets, expiry. */
#include "bgp/rib.h"

#include <assert.h>

typedef void visit_path(struct rib *r, uint32_t index);

static bool matches(const struct rib_path *p, enum rib_which which, uint16_t nva)
{
    enum rib_which is = p->flags & RIB_PATH_OLD ? RIB_OLD : RIB_CURRENT;
    return which & is && (!nva || p->nva == nva);
}

/* Visits may remove what they visit. */
static void each_path(struct rib *r, uint8_t origin, enum rib_which which, uint16_t nva,
                      visit_path *visit)
{
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&r->origins[origin].order, &at));)
        if (!(id & RIB_FACT) && matches(rib_path(r, id), which, nva))
            visit(r, id);
}

static void visit_dirty(struct rib *r, uint32_t index)
{
    rib_mark_dirty(r, rib_path(r, index)->net);
}

static void visit_age(struct rib *r, uint32_t index)
{
    struct rib_path *p = rib_path(r, index);
    if (!p->attrs) { /* a tombstone of an incarnation that is no more proves nothing */
        rib_remove(r, index);
        return;
    }
    p->flags |= RIB_PATH_OLD;
    p->flags &= (uint8_t)~RIB_PATH_UNSEEN;
    r->origins[p->origin].old++;
    rib_mark_dirty(r, p->net);
}

static void visit_unseen(struct rib *r, uint32_t index)
{
    rib_path(r, index)->flags |= RIB_PATH_UNSEEN;
}

static void visit_sweep(struct rib *r, uint32_t index)
{
    if (rib_path(r, index)->flags & RIB_PATH_UNSEEN)
        rib_remove(r, index);
}

static void visit_rehabilitate(struct rib *r, uint32_t index)
{
    struct rib_path *p = rib_path(r, index);
    if (!(p->flags & RIB_PATH_DISPROVED))
        return;
    p->flags &= (uint8_t)~RIB_PATH_DISPROVED;
    rib_mark_dirty(r, p->net);
}

/* A path that becomes a tombstone moves to the tail of the order, where it is met again and left alone. */
int rib_withdraw_family(struct rib *r, uint8_t origin, uint16_t nva, uint8_t family, uint64_t now_ms)
{
    uint64_t at = 0;
    int err = 0;
    for (uint32_t id; !err && (id = vlist_next(&r->origins[origin].order, &at));) {
        struct ip_prefix prefix;
        if (id & RIB_FACT || !matches(rib_path(r, id), RIB_ANY, nva) || !rib_path(r, id)->attrs)
            continue;
        prefix_table_prefix(&r->nets, rib_path(r, id)->net, &prefix);
        if (prefix.family == family)
            err = rib_withdraw(r, origin, nva, &prefix, rib_path(r, id)->path_id, now_ms);
    }
    return err;
}

void rib_session_learn(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_session *fact,
                       uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    struct rib_session *s = &o->sessions[nva];
    bool synced_now = fact->state == RIB_SESSION_SYNCED && s->state != RIB_SESSION_SYNCED;
    bool new_session = fact->generation != s->generation;
    bool graced_now = fact->state == RIB_SESSION_GRACE && s->state != RIB_SESSION_GRACE;
    r->graces -= s->state == RIB_SESSION_GRACE;
    r->graces += fact->state == RIB_SESSION_GRACE;
    bool other_identifier = fact->identifier != s->identifier; /* the last step of the decision */
    s->state = fact->state;
    s->generation = fact->generation;
    s->identifier = fact->identifier;
    if (fact->state == RIB_SESSION_DOWN || new_session)
        each_path(r, origin, RIB_CURRENT, nva, rib_remove);
    if (other_identifier && s->paths)
        each_path(r, origin, RIB_ANY, nva, visit_dirty);
    if (graced_now) {
        s->lost_ms = now_ms;
        each_path(r, origin, RIB_CURRENT, nva, visit_dirty); /* others may know better already */
    }
    if (synced_now) {
        s->synced_ms = now_ms;
        if (o->old)
            each_path(r, origin, RIB_OLD, nva, rib_remove); /* not heard again: not announced */
    }
}

int rib_session_set(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_session *fact,
                    uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    struct rib_session *s = &o->sessions[nva];
    assert(nva < r->nva_count);
    if (!rib_order_reserve(o, 1))
        return BGP_ERR_NOMEM;
    uint32_t slot = rib_order_put(o, RIB_FACT | nva);
    if (s->listed)
        vlist_remove(&o->order, s->slot);
    s->slot = slot;
    s->listed = true;
    s->unseen = false;
    rib_session_learn(r, origin, nva, fact, now_ms);
    return 0;
}

static void forget_fact(struct rib *r, struct rib_origin *o, struct rib_session *s)
{
    if (s->listed)
        vlist_remove(&o->order, s->slot);
    r->graces -= s->state == RIB_SESSION_GRACE;
    *s = (struct rib_session){ .paths = s->paths,
                               .tombstones = s->tombstones,
                               .accepted = s->accepted,
                               .best = s->best };
}

void rib_origin_age(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    each_path(r, origin, RIB_CURRENT, 0, visit_age);
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        forget_fact(r, o, &o->sessions[nva]);
    o->old_class = RIB_GRACE;
    o->old_ms = now_ms;
}

void rib_origin_renumber(struct rib *r, uint8_t origin, uint64_t start)
{
    struct rib_origin *o = &r->origins[origin];
    o->base = vlist_head(&o->order) - start;
    o->start = start;
    o->dropped = vlist_head(&o->order);
    o->is_partial = false;
}

int rib_copy_begin(struct rib *r, uint8_t origin, uint64_t head)
{
    struct rib_origin *o = &r->origins[origin];
    return vlist_begin(&o->order, o->base + head) ? 0 : BGP_ERR_NOMEM;
}

bool rib_copy_at(struct rib *r, uint8_t origin, uint64_t version)
{
    struct rib_origin *o = &r->origins[origin];
    o->place = o->base + version;
    return vlist_is_open(&o->order, o->place);
}

void rib_copy_end(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    o->place = 0;
    vlist_end(&o->order);
}

void rib_disprove(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                  uint32_t path_id)
{
    uint32_t net = prefix_table_find(&r->nets, prefix);
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i; i = rib_path(r, i)->next) {
        struct rib_path *p = rib_path(r, i);
        if (p->origin != origin || p->nva != nva || p->path_id != path_id)
            continue;
        p->flags |= RIB_PATH_DISPROVED;
        rib_mark_dirty(r, net);
    }
}

void rib_origin_mark_unseen(struct rib *r, uint8_t origin)
{
    each_path(r, origin, RIB_CURRENT, 0, visit_unseen);
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        r->origins[origin].sessions[nva].unseen = r->origins[origin].sessions[nva].listed;
}

void rib_origin_sweep_unseen(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    each_path(r, origin, RIB_CURRENT, 0, visit_sweep);
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        if (o->sessions[nva].unseen)
            forget_fact(r, o, &o->sessions[nva]);
}

static bool is_of(const struct rib *r, uint32_t id, uint16_t nva, enum bgp_family family)
{
    if (id & RIB_FACT || rib_path(r, id)->nva != nva || rib_path(r, id)->flags & RIB_PATH_OLD)
        return false;
    return prefix_index_family(rib_path(r, id)->net) == family;
}

void rib_refresh_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family)
{
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&r->origins[origin].order, &at));)
        if (is_of(r, id, nva, family) && rib_path(r, id)->attrs)
            rib_path(r, id)->flags |= RIB_PATH_UNSEEN;
}

/* A withdrawal moves its path to the end of the order, where it is met again as what it then is. */
int rib_refresh_ends(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family,
                     uint64_t now_ms)
{
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&r->origins[origin].order, &at));) {
        struct ip_prefix prefix;
        if (!is_of(r, id, nva, family) || !(rib_path(r, id)->flags & RIB_PATH_UNSEEN))
            continue;
        prefix_table_prefix(&r->nets, rib_path(r, id)->net, &prefix);
        int err = rib_withdraw(r, origin, nva, &prefix, rib_path(r, id)->path_id, now_ms);
        if (err)
            return err;
    }
    return 0;
}

void rib_origin_rehabilitate(struct rib *r, uint8_t origin)
{
    each_path(r, origin, RIB_CURRENT, 0, visit_rehabilitate);
}

void rib_origin_drop(struct rib *r, uint8_t origin, enum rib_which which)
{
    r->origins[origin].is_partial |= (which & RIB_CURRENT) != 0;
    each_path(r, origin, which, 0, rib_remove);
}

void rib_origin_dirty(struct rib *r, uint8_t origin, enum rib_which which, uint16_t nva)
{
    each_path(r, origin, which, nva, visit_dirty);
}
