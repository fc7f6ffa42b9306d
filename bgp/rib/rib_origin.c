/* What happens to an origin's entries as a whole: sessions, incarnations, resets, expiry.
 *
 * A million entries cannot be visited within one turn, and need not be: what concerns them all is a version,
 * «up to here», which an entry leaves behind with its next change. So a session's end, a new incarnation and
 * the like take no time and count at once, for every question about a path; the walk that removes, withdraws
 * or has decided anew what they mean follows in stretches (rib_sweep.c). */
#include "bgp/rib/rib_impl.h"

#include <assert.h>

/* ---- sessions ---- */

static void flush_session(struct rib *r, struct rib_origin *o, struct rib_session *s)
{
    if (!s->paths && !s->tombstones)
        return;
    s->flushed = rib_mark(o);
    if (o == &r->origins[r->self])
        s->leaving = s->paths;
    rib_sweep_ask(r, o);
}

/* The session that it had is no more, and another one is there. Its owner has removed what it announced; who copies that hears
 * of it when the other one's routes are on their way already, and would lose all that they bring until they have come. */
static void succeed_session(struct rib *r, struct rib_origin *o, struct rib_session *s)
{
    if (o == &r->origins[r->self]) {
        flush_session(r, o, s);
        return;
    }
    s->former = rib_mark(o);
    o->has_former = true;
}

void rib_session_learn(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_session *fact,
                       uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    struct rib_session *s = &o->sessions[nva];
    bool synced_now = fact->state == RIB_SESSION_SYNCED && s->state != RIB_SESSION_SYNCED;
    bool new_session = fact->generation != s->generation;
    bool graced_now = fact->state == RIB_SESSION_GRACE && s->state != RIB_SESSION_GRACE;
    bool resumes = s->state == RIB_SESSION_GRACE && rib_session_is_up(fact->state);
    r->restarts -= s->restarts;
    bool was_there = !new_session && (s->restarts || s->state == RIB_SESSION_SYNCED);
    bool is_back = fact->restarts || was_there; /* a copy may not have heard of the time between */
    s->restarts = fact->state == RIB_SESSION_GRACE || (fact->state == RIB_SESSION_SYNCING && is_back);
    r->restarts += s->restarts;
    s->is_taken_out = fact->is_taken_out;
    s->families = fact->families;
    r->session_changes += fact->state != s->state;
    bool other_identifier = fact->identifier != s->identifier; /* the last step of the decision */
    s->state = fact->state;
    s->generation = fact->generation;
    s->identifier = fact->identifier;
    if (fact->state == RIB_SESSION_DOWN)
        flush_session(r, o, s);
    else if (new_session)
        succeed_session(r, o, s);
    if (other_identifier && s->paths)
        rib_origin_review(r, origin, nva);
    if (graced_now) {
        s->lost_ms = now_ms;
        rib_origin_review(r, origin, nva); /* others may know better already */
    }
    if (resumes)
        rib_origin_review(r, origin, nva); /* what was set aside meanwhile counts again */
    if (synced_now)
        s->synced_ms = now_ms;
    if (synced_now && o->old && s->paths) { /* not heard again: not announced */
        s->old_flushed = o->aged;
        rib_sweep_ask(r, o);
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

void rib_withdraw_family(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family)
{
    rib_refresh_begins(r, origin, nva, family);
    rib_refresh_ends(r, origin, nva, family);
}

void rib_refresh_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family)
{
    struct rib_origin *o = &r->origins[origin];
    o->sessions[nva].retelling[family].unheard = rib_mark(o);
}

void rib_refresh_ends(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family)
{
    struct rib_origin *o = &r->origins[origin];
    struct rib_retelling *t = &o->sessions[nva].retelling[family];
    if (t->withdrawn == t->unheard)
        return; /* an end without a beginning */
    t->withdrawn = t->unheard;
    t->moved_withdrawn = rib_mark(o);
    rib_sweep_ask(r, o);
}

/* ---- origins ---- */

static void forget_fact(struct rib *r, struct rib_origin *o, struct rib_session *s)
{
    if (s->listed)
        vlist_remove(&o->order, s->slot);
    r->restarts -= s->restarts;
    *s = (struct rib_session){ .paths = s->paths,
                               .bytes = s->bytes,
                               .tombstones = s->tombstones,
                               .leaving = s->leaving,
                               .flushed = s->flushed,
                               .old_flushed = s->old_flushed,
                               .last_flushed = s->last_flushed,
                               .accepted = s->accepted,
                               .best = s->best };
}

/* Versions tell one incarnation from those before. What was said of the one that ends is remembered for the walk that
 * carries it out; of two such ones the first is carried out now. */
void rib_origin_age(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    if (o->sweeps_last)
        rib_sweep_finish(r, origin);
    o->sweeps_last = o->sweep_end != 0;
    o->last = (struct rib_last){ .begun = o->aged, .flushed = o->flushed, .rehabilitated = o->rehabilitated };
    o->old = o->paths + o->tombstones;
    o->aged = rib_mark(o);
    for (uint32_t nva = 0; nva < r->nva_count; nva++) {
        o->sessions[nva].last_flushed = o->sessions[nva].flushed;
        forget_fact(r, o, &o->sessions[nva]);
    }
    o->old_class = RIB_GRACE;
    o->old_ms = now_ms;
    o->is_partial = false; /* of this one nothing was dropped */
    rib_origin_review(r, origin, 0);
}

void rib_origin_renumber(struct rib *r, uint8_t origin, uint64_t start)
{
    struct rib_origin *o = &r->origins[origin];
    o->base = vlist_head(&o->order) - start;
    o->start = start;
    o->renumbered++;
    o->dropped = vlist_head(&o->order);
    o->is_partial = false;
}

bool rib_copy_reaches(const struct rib *r, uint8_t origin, uint64_t head)
{
    const struct rib_origin *o = &r->origins[origin];
    return vlist_reaches(&o->order, o->base + head);
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

static struct rib_path *entry_of(const struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                                 uint32_t path_id)
{
    uint32_t net = prefix_table_find(&r->nets, prefix);
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i; i = rib_path_next(rib_path(r, i))) {
        struct rib_path *p = rib_path(r, i);
        if (p->origin == origin && p->nva == nva && rib_path_id(p) == path_id)
            return p;
    }
    return NULL;
}

void rib_disprove(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                  uint32_t path_id)
{
    struct rib_path *p = entry_of(r, origin, nva, prefix, path_id);
    if (!p)
        return;
    rib_path_disprove(r, p, true);
    rib_mark_dirty(r, rib_path_net(r, p));
}

void rib_lose(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix, uint32_t path_id)
{
    const struct rib_path *p = entry_of(r, origin, nva, prefix, path_id);
    if (p && p->attrs)
        rib_net(r, rib_path_net(r, p))->flags |= RIB_NET_LOST;
}

void rib_unhear(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix, uint32_t path_id)
{
    struct rib_path *p = entry_of(r, origin, nva, prefix, path_id);
    if (p)
        p->flags |= RIB_PATH_UNSEEN;
}

void rib_origin_mark_unseen(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    o->unseen = rib_mark(o);
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        o->sessions[nva].unseen = o->sessions[nva].listed;
}

void rib_origin_drop_unseen(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    for (uint32_t nva = 0; nva < r->nva_count; nva++)
        if (o->sessions[nva].unseen)
            forget_fact(r, o, &o->sessions[nva]);
    if (o->flushed >= o->unseen)
        return;
    o->flushed = o->unseen;
    rib_sweep_ask(r, o);
}

void rib_origin_drop_former(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    for (uint32_t nva = 0; o->has_former && nva < r->nva_count; nva++) {
        struct rib_session *s = &o->sessions[nva];
        if (s->former > s->flushed && (s->paths || s->tombstones)) {
            s->flushed = s->former;
            rib_sweep_ask(r, o);
        }
        s->former = 0;
    }
    o->has_former = false;
}

void rib_origin_rehabilitate(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    o->rehabilitated = rib_mark(o);
    o->doubted = 0;
    rib_sweep_ask(r, o);
}

void rib_origin_doubt(struct rib *r, uint8_t origin)
{
    struct rib_origin *o = &r->origins[origin];
    o->doubted = rib_mark(o);
    rib_sweep_ask(r, o);
}

void rib_origin_accuse(struct rib *r, uint8_t origin)
{
    r->origins[origin].doubted = r->origins[origin].rehabilitated = 0;
}

void rib_origin_drop(struct rib *r, uint8_t origin, enum rib_which which)
{
    struct rib_origin *o = &r->origins[origin];
    uint64_t flushed = which & RIB_CURRENT ? rib_mark(o) : o->flushed;
    uint64_t old_flushed = which & RIB_OLD ? o->aged : o->old_flushed;
    o->is_partial |= (which & RIB_CURRENT) != 0;
    if (flushed == o->flushed && old_flushed == o->old_flushed)
        return; /* said before */
    o->flushed = flushed;
    o->old_flushed = old_flushed;
    rib_sweep_ask(r, o);
}

/* Held are all entries of an origin that is away, and the old ones of one that is alive. */
void rib_nva_drop_held(struct rib *r, uint16_t nva)
{
    for (int i = 1; i < RIB_ORIGINS; i++) {
        struct rib_origin *o = &r->origins[i];
        struct rib_session *s = &o->sessions[nva];
        if (!s->paths && !s->tombstones)
            continue;
        s->old_flushed = o->aged;
        if (o->class != RIB_LIVE) {
            s->flushed = rib_mark(o);
            o->is_partial = true;
        }
        rib_sweep_ask(r, o);
    }
}

/* Of two at a time: all. */
void rib_origin_review(struct rib *r, uint8_t origin, uint16_t nva)
{
    struct rib_origin *o = &r->origins[origin];
    o->reviewed_nva = o->reviewed && o->reviewed_nva != nva ? 0 : nva;
    o->reviewed = rib_mark(o);
    rib_sweep_ask(r, o);
}
