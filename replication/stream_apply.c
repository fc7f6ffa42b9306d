#include "replication/stream.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/update.h"
#include "replication/evidence.h"

uint16_t repl_names_find(const struct repl_names *n, const char *name)
{
    for (uint32_t i = 1; i < n->count; i++)
        if (n->names[i] && strcmp(n->names[i], name) == 0)
            return (uint16_t)i;
    return 0;
}

int repl_replica_init(struct repl_replica *p, uint8_t origin, uint32_t nva_count)
{
    *p = (struct repl_replica){ .origin = origin, .synced_bytes = nva_count / 8 + 1 };
    p->synced_pending = calloc(p->synced_bytes, 1);
    return p->synced_pending ? 0 : BGP_ERR_NOMEM;
}

int repl_replica_grow(struct repl_replica *p, uint32_t nva_count)
{
    size_t bytes = nva_count / 8 + 1;
    if (bytes <= p->synced_bytes)
        return 0;
    bytes = bytes > 2 * p->synced_bytes ? bytes : 2 * p->synced_bytes;
    uint8_t *wider = realloc(p->synced_pending, bytes);
    if (!wider)
        return BGP_ERR_NOMEM;
    memset(wider + p->synced_bytes, 0, bytes - p->synced_bytes);
    p->synced_pending = wider;
    p->synced_bytes = bytes;
    return 0;
}

void repl_replica_fini(struct repl_replica *p)
{
    free(p->synced_pending);
    *p = (struct repl_replica){ 0 };
}

static bool holds_nothing(const struct rib_origin *o)
{
    return o->paths + o->tombstones == 0;
}

struct repl_position repl_replica_join(struct repl_replica *p, struct rib *r, uint64_t incarnation,
                                       uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[p->origin];
    if (incarnation != p->incarnation) {
        if (p->incarnation)
            rib_origin_age(r, p->origin, o->class == RIB_LIVE ? now_ms : o->lost_ms);
        p->incarnation = incarnation;
        p->position = 0;
        o->class = RIB_LIVE; /* there are no current entries yet: what comes is fresh */
    } else if (holds_nothing(o) || p->missed) {
        p->position = 0; /* what was held may have expired meanwhile; what was missed may be known now */
    }
    p->missed = false;
    memset(p->synced_pending, 0, p->synced_bytes);
    p->resetting = p->cut_seen = false;
    return (struct repl_position){
        .origin = p->origin, .incarnation = incarnation, .version = p->position
    };
}

enum repl_apply repl_replica_reset(struct repl_replica *p, struct rib *r,
                                   const struct repl_position *reset)
{
    if (reset->incarnation != p->incarnation)
        return REPL_OUT_OF_ORDER;
    rib_origin_mark_unseen(r, p->origin);
    memset(p->synced_pending, 0, p->synced_bytes);
    p->resetting = true;
    p->position = 0;
    return REPL_APPLIED;
}

static void set_pending(struct repl_replica *p, uint16_t nva, bool pending)
{
    uint8_t bit = (uint8_t)(1u << nva % 8);
    if (pending)
        p->synced_pending[nva / 8] |= bit;
    else
        p->synced_pending[nva / 8] &= (uint8_t)~bit;
}

/* End-of-RIB is held back until the cut: routes that came before it may have moved behind it. */
static int apply_session(struct repl_replica *p, struct rib *r, uint16_t nva,
                         struct rib_session fact, uint64_t now_ms)
{
    const struct rib_session *known = &r->origins[p->origin].sessions[nva];
    bool same = fact.generation == known->generation;
    if (!same || !rib_session_is_up(fact.state))
        repl_evidence_session_ends(r, nva);
    bool synced = fact.state == RIB_SESSION_SYNCED;
    set_pending(p, nva, synced && !(same && known->state == RIB_SESSION_SYNCED));
    if (synced && !(same && known->state == RIB_SESSION_SYNCED))
        fact.state = RIB_SESSION_SYNCING;
    return rib_session_set(r, p->origin, nva, &fact, now_ms);
}

static void miss(struct repl_replica *p)
{
    p->quarantined++;
    p->missed = true;
}

static int apply_facts(struct repl_replica *p, struct rib *r, const struct repl_names *names,
                       const struct repl_batch *b, uint64_t now_ms)
{
    for (uint32_t i = 0; i < b->fact_count; i++) {
        uint16_t nva = repl_names_find(names, b->names[b->facts[i].nva]);
        if (!nva) {
            miss(p);
            continue;
        }
        struct rib_session fact = { .state = b->facts[i].state,
                                    .generation = b->facts[i].generation,
                                    .identifier = b->facts[i].identifier };
        if (apply_session(p, r, nva, fact, now_ms))
            return BGP_ERR_NOMEM;
    }
    return 0;
}

/* The stream's attributes as an interned id with one reference; 0 with *nomem, or when they are not
 * canonical. */
static uint32_t intern(struct rib *r, const struct repl_attr *a, bool *nomem)
{
    struct bgp_attrs attrs;
    *nomem = false;
    if (!bgp_attrs_summarise(a->bytes, a->len, &attrs))
        return 0;
    attrs.next_hop = a->next_hop;
    attrs.link_local = a->link_local;
    uint32_t id = bgp_attrs_intern(&r->attrs, &attrs);
    *nomem = id == 0;
    return id;
}

static int apply_nlri(struct repl_replica *p, struct rib *r, const struct repl_routes *group,
                      uint16_t nva, uint32_t attrs, uint64_t now_ms)
{
    struct bgp_nlri nlri = { .at = group->nlri,
                             .len = group->len,
                             .family = group->family,
                             .has_path_id = group->has_path_id };
    struct ip_prefix prefix;
    uint32_t path_id = 0;
    while (bgp_nlri_next(&nlri, &prefix, &path_id)) {
        int err = attrs ? rib_announce(r, p->origin, nva, &prefix, path_id, attrs)
                        : rib_withdraw(r, p->origin, nva, &prefix, path_id, now_ms);
        if (err)
            return err;
    }
    return 0;
}

static int apply_group(struct repl_replica *p, struct rib *r, const struct repl_names *names,
                       const struct repl_batch *b, const struct repl_routes *group, uint64_t now_ms)
{
    uint16_t nva = repl_names_find(names, b->names[group->nva]);
    if (!nva) {
        miss(p);
        return 0;
    }
    const struct rib_session *known = &r->origins[p->origin].sessions[nva];
    if (group->generation != known->generation) { /* its fact follows later in the order */
        struct rib_session fact = { .state = RIB_SESSION_SYNCING,
                                    .generation = group->generation,
                                    .identifier = known->identifier };
        if (apply_session(p, r, nva, fact, now_ms))
            return BGP_ERR_NOMEM;
    }
    if (!group->attr)
        return apply_nlri(p, r, group, nva, 0, now_ms);
    bool nomem;
    uint32_t attrs = intern(r, &b->attrs[group->attr - 1], &nomem);
    if (!attrs) {
        p->quarantined++;
        return nomem ? BGP_ERR_NOMEM : 0;
    }
    int err = apply_nlri(p, r, group, nva, attrs, now_ms);
    bgp_attrs_unref(&r->attrs, attrs);
    return err;
}

static int conclude(struct repl_replica *p, struct rib *r, uint64_t now_ms)
{
    if (p->resetting)
        rib_origin_sweep_unseen(r, p->origin);
    p->resetting = false;
    p->cut_seen = true;
    repl_evidence_back(r, p->origin);
    for (uint32_t nva = 1; nva < r->nva_count; nva++) {
        if (!(p->synced_pending[nva / 8] & 1u << nva % 8))
            continue;
        struct rib_session fact = r->origins[p->origin].sessions[nva];
        fact.state = RIB_SESSION_SYNCED;
        set_pending(p, (uint16_t)nva, false);
        if (rib_session_set(r, p->origin, (uint16_t)nva, &fact, now_ms))
            return BGP_ERR_NOMEM;
        repl_evidence_synced(r, (uint16_t)nva);
    }
    return 0;
}

enum repl_apply repl_replica_apply(struct repl_replica *p, struct rib *r,
                                   const struct repl_names *names, const struct repl_batch *b,
                                   uint64_t now_ms)
{
    if (b->incarnation != p->incarnation || b->from != p->position || b->to < b->from)
        return REPL_OUT_OF_ORDER;
    if (apply_facts(p, r, names, b, now_ms))
        return REPL_APPLY_NOMEM;
    for (uint32_t i = 0; i < b->route_count; i++)
        if (apply_group(p, r, names, b, &b->routes[i], now_ms))
            return REPL_APPLY_NOMEM;
    p->position = b->to;
    if (!b->cut)
        return REPL_APPLIED;
    return conclude(p, r, now_ms) ? REPL_APPLY_NOMEM : REPL_APPLIED_CUT;
}
