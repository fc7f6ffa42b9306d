#include "replication/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/update.h"
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
    free(p->part);
    *p = (struct repl_replica){ 0 };
}

static void forget_pending(struct repl_replica *p)
{
    memset(p->synced_pending, 0, p->synced_bytes);
}

struct repl_position repl_replica_join(struct repl_replica *p, struct rib *r, uint64_t incarnation,
                                       uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[p->origin];
    if (incarnation != p->incarnation) {
        if (p->incarnation)
            rib_origin_age(r, p->origin, o->class == RIB_LIVE ? now_ms : o->lost_ms);
        p->incarnation = incarnation;
        p->position = p->furthest = 0;
        p->at_cut = p->is_exact = p->resetting = p->lacks = false;
        forget_pending(p);
        o->class = RIB_LIVE; /* there are no current entries yet: what comes is fresh */
    } else if (o->is_partial || p->missed) {
        p->position = 0; /* what was held has expired meanwhile; what was missed may be known now */
    }
    p->missed = false;
    p->awaits_reset = !p->position;
    p->part_len = 0;     /* of another subscription */
    p->cut_seen = false; /* a RESET that was under way goes on: what it has not brought is swept at its cut */
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
    rib_origin_renumber(r, p->origin, reset->version);
    forget_pending(p);
    p->resetting = p->is_exact = true;
    p->at_cut = p->lacks = p->awaits_reset = false;
    p->position = reset->version;
    return REPL_APPLIED;
}

bool repl_replica_serves(const struct repl_replica *p, const struct rib *r)
{
    return p->incarnation && p->is_exact && !p->resetting && !r->origins[p->origin].is_partial;
}

bool repl_replica_is_pending(const struct repl_replica *p, uint16_t nva)
{
    return p->synced_pending[nva / 8] & 1u << nva % 8;
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
static struct rib_session hold_back(struct repl_replica *p, struct rib *r, uint16_t nva,
                                    struct rib_session fact)
{
    const struct rib_session *known = &r->origins[p->origin].sessions[nva];
    bool same = fact.generation == known->generation;
    if (rib_session_is_up(known->state) && (!same || !rib_session_is_up(fact.state)))
        repl_evidence_session_ends(r, nva);
    bool is_news = fact.state == RIB_SESSION_SYNCED && !(same && known->state == RIB_SESSION_SYNCED);
    set_pending(p, nva, is_news);
    if (is_news)
        fact.state = RIB_SESSION_SYNCING;
    return fact;
}

static void miss(struct repl_replica *p)
{
    p->quarantined++;
    p->missed = true;
}

/* What a batch is applied with: its NVAs as they are numbered here, and its entries' places, where they have any. */
struct placing {
    struct repl_replica *copy;
    struct rib *rib;
    const struct repl_batch *batch;
    const uint16_t *nvas; /* by place in batch->names; 0 = unknown */
    bool is_on;
};

enum place { PLACE_TAKEN, PLACE_KNOWN, PLACE_BAD };

/* The next entry's place. KNOWN: it came before, by another way. */
static enum place take_place(const struct placing *x, uint64_t distance)
{
    uint64_t version = x->batch->from + distance;
    if (!x->is_on)
        return PLACE_TAKEN;
    if (version <= x->copy->position)
        return PLACE_KNOWN;
    return rib_copy_at(x->rib, x->copy->origin, version) ? PLACE_TAKEN : PLACE_BAD;
}

static int apply_fact(const struct placing *x, const struct repl_fact *f, uint64_t now_ms)
{
    struct repl_replica *p = x->copy;
    uint16_t nva = x->nvas[f->nva];
    if (!nva) {
        miss(p);
        return 0;
    }
    enum place place = take_place(x, f->version);
    p->quarantined += place == PLACE_BAD;
    if (place != PLACE_TAKEN)
        return 0;
    struct rib_session fact = { .state = f->state,
                                .generation = f->generation,
                                .identifier = f->identifier,
                                .restarts = f->restarts,
                                .is_taken_out = f->is_taken_out,
                                .families = f->families };
    fact = hold_back(p, x->rib, nva, fact);
    return rib_session_set(x->rib, p->origin, nva, &fact, now_ms);
}

/* The stream's attributes as an interned id with one reference; 0 with *nomem, or when they are not
 * canonical. */
static uint32_t intern(const struct repl_replica *p, struct rib *r, const struct repl_attr *a, bool *nomem)
{
    struct bgp_attrs attrs;
    *nomem = false;
    bool are_whole = !a->parts || a->parts == p->part_len;
    if (!are_whole || !bgp_attrs_summarise(a->parts ? p->part : a->bytes, a->parts ? a->parts : a->len, &attrs))
        return 0;
    attrs.next_hop = a->next_hop;
    attrs.link_local = ip_addr_is_zero(&a->link_local) ? NULL : &a->link_local;
    uint32_t id = bgp_attrs_intern(&r->attrs, &attrs);
    *nomem = id == 0;
    return id;
}

/* A group's routes on their way into the RIB. attrs 0: they are withdrawn. */
struct arrival {
    const struct placing *placing;
    const struct repl_routes *group;
    struct rib_news news; /* with attrs */
    uint16_t nva;
    uint32_t attrs;
    uint64_t now_ms;
};

static int apply_route(const struct arrival *a, const struct rib_stretch *s, uint32_t nth)
{
    struct rib *r = a->placing->rib;
    const struct ip_prefix *prefix = &s->prefixes[nth];
    uint32_t path_id = s->path_ids[nth];
    uint8_t origin = a->placing->copy->origin;
    bool is_lost = a->placing->copy->resetting || (a->group->restarts && a->group->unheard);
    if (!a->attrs && is_lost)
        rib_lose(r, origin, a->nva, prefix, path_id);
    int err = a->attrs ? rib_announce_news(r, &a->news, s, nth)
                       : rib_withdraw_nth(r, origin, a->nva, s, nth, a->now_ms);
    bool is_unheard = a->group->unheard || a->group->attr; /* or its attributes are of no use: the NVA did not withdraw it */
    if (!err && !a->attrs && (is_unheard || !a->placing->is_on)) /* without its place: who knows when it was */
        rib_unhear(r, origin, a->nva, prefix, path_id);
    if (err || !a->group->disproved)
        return err;
    rib_disprove(r, origin, a->nva, prefix, path_id);
    repl_evidence_passed_on(r, origin, a->now_ms);
    return 0;
}

static int apply_nlri(const struct arrival *a)
{
    const struct placing *x = a->placing;
    struct bgp_nlri nlri = { .at = a->group->nlri,
                             .len = a->group->len,
                             .family = a->group->family,
                             .has_path_id = a->group->has_path_id };
    const uint8_t *steps = a->group->versions;
    struct rib_stretch s;
    uint64_t distance = 0;
    while (rib_next_stretch(x->rib, &nlri, &s)) {
        rib_expect(x->rib, &s);
        for (uint32_t i = 0; i < s.count; i++) {
            distance += x->is_on ? repl_varint_next(&steps) : 0;
            enum place place = take_place(x, distance);
            x->copy->quarantined += place == PLACE_BAD;
            int err = place == PLACE_TAKEN ? apply_route(a, &s, i) : 0;
            if (err)
                return err;
        }
    }
    return 0;
}

/* Of another session, or one that restarts, than is known here: its fact follows later in the order. Until then nothing of
 * one that restarts is evidence, whether it is away or back. */
static void foretell(const struct placing *x, uint16_t nva, const struct repl_routes *group, uint64_t now_ms)
{
    const struct rib_session *known = &x->rib->origins[x->copy->origin].sessions[nva];
    bool restarts = group->restarts && !known->restarts;
    if (group->generation == known->generation && !restarts)
        return;
    struct rib_session fact = { .state = group->restarts ? RIB_SESSION_GRACE : RIB_SESSION_SYNCING,
                                .generation = group->generation,
                                .identifier = known->identifier,
                                .families = group->generation == known->generation ? known->families : 0 };
    fact = hold_back(x->copy, x->rib, nva, fact);
    rib_session_learn(x->rib, x->copy->origin, nva, &fact, now_ms);
}

static int apply_group(const struct placing *x, const struct repl_routes *group, uint64_t now_ms)
{
    struct repl_replica *p = x->copy;
    uint16_t nva = x->nvas[group->nva];
    if (!nva) {
        miss(p);
        p->lacks |= group->attr != 0;
        return 0;
    }
    foretell(x, nva, group, now_ms);
    struct arrival a = { .placing = x, .group = group, .nva = nva, .now_ms = now_ms };
    if (!group->attr)
        return apply_nlri(&a);
    bool nomem;
    a.attrs = intern(p, x->rib, &x->batch->attrs[group->attr - 1], &nomem);
    if (nomem)
        return BGP_ERR_NOMEM;
    if (!a.attrs) { /* what was told of them before does not hold any more */
        p->quarantined++;
        return apply_nlri(&a);
    }
    a.news = rib_news(x->rib, p->origin, nva, a.attrs);
    int err = apply_nlri(&a);
    bgp_attrs_unref(&x->rib->attrs, a.attrs);
    return err;
}

static int apply_entries(const struct placing *x, uint64_t now_ms)
{
    const struct repl_batch *b = x->batch;
    for (uint32_t i = 0; i < b->fact_count; i++)
        if (apply_fact(x, &b->facts[i], now_ms))
            return BGP_ERR_NOMEM;
    for (uint32_t i = 0; i < b->route_count; i++)
        if (apply_group(x, &b->routes[i], now_ms))
            return BGP_ERR_NOMEM;
    return 0;
}

static void conclude(struct repl_replica *p, struct rib *r, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[p->origin];
    uint64_t told_ms = p->resetting ? 0 : now_ms; /* a table that is read anew does not say since when it is whole */
    rib_origin_drop_former(r, p->origin);
    if (p->resetting) {
        rib_origin_drop_unseen(r, p->origin);
        o->dropped = vlist_head(&o->order); /* what was swept left no trace */
    }
    p->resetting = false;
    p->cut_seen = p->at_cut = true;
    for (uint32_t nva = 1; nva < r->nva_count; nva++) {
        if (!repl_replica_is_pending(p, (uint16_t)nva))
            continue;
        struct rib_session fact = o->sessions[nva];
        fact.state = RIB_SESSION_SYNCED;
        set_pending(p, (uint16_t)nva, false);
        rib_session_learn(r, p->origin, (uint16_t)nva, &fact, told_ms);
        repl_evidence_synced(r, (uint16_t)nva);
    }
}

static bool tells_versions(const struct repl_batch *b)
{
    for (uint32_t i = 0; i < b->fact_count; i++)
        if (!b->facts[i].version)
            return false;
    for (uint32_t i = 0; i < b->route_count; i++)
        if (b->routes[i].len && !b->routes[i].versions_len)
            return false;
    return true;
}

/* One that does not go on where the last one ended leaves nothing that could be used. */
static int keep_part(struct repl_replica *p, const struct repl_batch *b)
{
    if (!b->part_len)
        return 0;
    if (!p->part)
        p->part = malloc(UINT16_MAX);
    if (!p->part)
        return BGP_ERR_NOMEM;
    if (!b->part_at)
        p->part_len = 0;
    bool goes_on = b->part_at == p->part_len && b->part_len <= UINT16_MAX - p->part_len;
    p->part_len = goes_on ? (uint16_t)(p->part_len + b->part_len) : 0;
    if (goes_on)
        memcpy(p->part + b->part_at, b->part, b->part_len);
    return 0;
}

/* It is of a subscription of before, which told the parts when they were not listened to. */
static bool lacks_parts(const struct repl_replica *p, const struct repl_batch *b)
{
    for (uint32_t i = 0; i < b->attr_count && !p->part_len; i++)
        if (b->attrs[i].parts)
            return true;
    return false;
}

/* Does the batch go on where this copy ends? One of exact versions may also begin before. */
static bool is_next(const struct repl_replica *p, const struct repl_batch *b)
{
    bool begins = b->from == p->position || (p->is_exact && b->from < p->position);
    return b->incarnation == p->incarnation && b->to >= b->from && begins;
}

enum repl_apply repl_replica_apply(struct repl_replica *p, struct rib *r,
                                   const struct repl_names *names, const struct repl_batch *b,
                                   uint64_t now_ms)
{
    if (p->awaits_reset)
        return REPL_APPLIED;
    if (!is_next(p, b))
        return REPL_OUT_OF_ORDER;
    if (keep_part(p, b))
        return REPL_APPLY_NOMEM;
    if (b->to < p->position)
        return REPL_APPLIED; /* all of it came before, by another way */
    if (lacks_parts(p, b))
        return REPL_OUT_OF_ORDER;
    p->is_exact &= tells_versions(b) && rib_copy_reaches(r, p->origin, b->to);
    uint16_t nvas[REPL_NAMES_MAX];
    assert(b->name_count <= REPL_NAMES_MAX);
    for (uint16_t i = 0; i < b->name_count; i++)
        nvas[i] = repl_names_find(names, b->names[i]);
    struct placing x = { .copy = p, .rib = r, .batch = b, .nvas = nvas, .is_on = p->is_exact };
    uint64_t quarantined = p->quarantined;
    if (x.is_on && rib_copy_begin(r, p->origin, b->to))
        return REPL_APPLY_NOMEM;
    int err = apply_entries(&x, now_ms);
    if (x.is_on)
        rib_copy_end(r, p->origin);
    if (err)
        return REPL_APPLY_NOMEM;
    p->is_exact &= p->quarantined == quarantined; /* others are not served what is not whole */
    p->at_cut = b->cut || (p->at_cut && b->to == p->position);
    p->position = b->to;
    p->furthest = p->position > p->furthest ? p->position : p->furthest;
    if (!b->cut)
        return REPL_APPLIED;
    conclude(p, r, now_ms);
    return REPL_APPLIED_CUT;
}
