/* From the attributes of a message to their canonical form. All that RFC 7606 says of an attribute
 * stands in its row: flags, lengths, what an error of it leads to, whether it is kept. */
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/aspath.h"
#include "bgp/codec/attr_decode.h"

enum {
    WELL_KNOWN = BGP_FLAG_TRANSITIVE,
    OPT_TRANS = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
    LARGE_COMMUNITY = 12, /* octets of one (RFC 8092 section 3) */
};

struct attr_row {
    uint8_t flags;    /* Optional and Transitive as specified; 0: not known */
    uint8_t on_error; /* enum bgp_action for a wrong length */
    uint8_t multiple; /* length is a non-zero multiple of this; 0: see exact */
    int8_t exact;     /* exact length, -1: the check judges */
    bool is_dropped;  /* an external peer's is ignored, whatever it holds (RFC 7606 7.5, 7.9, 7.10) */
    bool is_as4;      /* means something between speakers of two octets only (RFC 6793) */
    bool is_mp;       /* update.c judges it: only there its NLRI and what is negotiated are known */
    bool is_apart;    /* not part of the canonical bytes */
    enum bgp_action (*check)(const struct attr_raw *a, const struct bgp_update_context *ctx);
};

static enum bgp_action unless(bool good, enum bgp_action action)
{
    return good ? BGP_ACTION_NONE : action;
}

static enum bgp_action check_origin(const struct attr_raw *a, const struct bgp_update_context *ctx)
{
    (void)ctx;
    return unless(a->value[0] <= BGP_ORIGIN_INCOMPLETE, BGP_ACTION_TREAT_AS_WITHDRAW);
}

static struct aspath path_of(const struct attr_raw *a, uint8_t width)
{
    return (struct aspath){ .at = a->value, .len = a->len, .width = width };
}

/* RFC 4271 section 6.3: the neighbour's AS stands first, unless the peer is a route server. */
static enum bgp_action check_as_path(const struct attr_raw *a, const struct bgp_update_context *ctx)
{
    struct aspath p = path_of(a, ctx->codec->as4 ? 4 : 2);
    struct aspath_facts facts = aspath_examine(&p);
    bool is_first = facts.count && facts.first == ctx->peer_asn; /* an external peer's path is never empty */
    return unless(aspath_is_valid(&facts) && (ctx->any_first_as || is_first), BGP_ACTION_TREAT_AS_WITHDRAW);
}

static enum bgp_action check_as4_path(const struct attr_raw *a, const struct bgp_update_context *ctx)
{
    struct aspath p = path_of(a, 4);
    struct aspath_facts facts = aspath_examine(&p);
    (void)ctx;
    if (facts.is_malformed || !a->len)
        return BGP_ACTION_ATTR_DISCARD; /* RFC 6793 section 6 */
    return unless(!facts.has_set, BGP_ACTION_TREAT_AS_WITHDRAW); /* RFC 9774 section 3 */
}

static enum bgp_action check_aggregator(const struct attr_raw *a, const struct bgp_update_context *ctx)
{
    bool as4 = ctx->codec->as4;
    bool good = a->len == (as4 ? 8 : 6) &&
                (as4 ? wire_get32(a->value) : wire_get16(a->value)) != 0; /* RFC 7607 section 2 */
    return unless(good, BGP_ACTION_ATTR_DISCARD);
}

static enum bgp_action check_as4_aggregator(const struct attr_raw *a,
                                            const struct bgp_update_context *ctx)
{
    (void)ctx;
    return unless(wire_get32(a->value) != 0, BGP_ACTION_ATTR_DISCARD); /* RFC 7607 section 2 */
}

#define TAW BGP_ACTION_TREAT_AS_WITHDRAW
#define DISCARD BGP_ACTION_ATTR_DISCARD
#define EXACT(bytes) .exact = (bytes)
#define MULTIPLE(bytes) .multiple = (bytes), .exact = -1
#define CHECKED(function) .exact = -1, .check = (function)
#define AS4 .is_as4 = true, .is_apart = true
#define MP .is_mp = true, .is_apart = true
#define ROW(name, kind, action, ...)                                                               \
    [BGP_ATTR_##name] = { .flags = (kind), .on_error = (action), __VA_ARGS__ }
static const struct attr_row rows[BGP_ATTR_MAX] = {
    ROW(ORIGIN, WELL_KNOWN, TAW, EXACT(1), .check = check_origin),      /* RFC 7606 7.1 */
    ROW(AS_PATH, WELL_KNOWN, TAW, CHECKED(check_as_path)),              /* 7.2 */
    ROW(NEXT_HOP, WELL_KNOWN, TAW, EXACT(4), .is_apart = true),         /* 7.3 */
    ROW(MED, BGP_FLAG_OPTIONAL, TAW, EXACT(4)),                         /* 7.4 */
    ROW(LOCAL_PREF, WELL_KNOWN, DISCARD, .is_dropped = true),           /* 7.5 */
    ROW(ATOMIC_AGGREGATE, WELL_KNOWN, DISCARD, EXACT(0)),               /* 7.6 */
    ROW(AGGREGATOR, OPT_TRANS, DISCARD, CHECKED(check_aggregator)),     /* 7.7 */
    ROW(COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(4)),                      /* 7.8 */
    ROW(ORIGINATOR_ID, BGP_FLAG_OPTIONAL, DISCARD, .is_dropped = true), /* 7.9 */
    ROW(CLUSTER_LIST, BGP_FLAG_OPTIONAL, DISCARD, .is_dropped = true),  /* 7.10 */
    ROW(MP_REACH, BGP_FLAG_OPTIONAL, TAW, MP),                          /* 7.11 */
    ROW(MP_UNREACH, BGP_FLAG_OPTIONAL, TAW, MP),                        /* 7.12 */
    ROW(EXT_COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(8)),                  /* 7.14 */
    ROW(AS4_PATH, OPT_TRANS, DISCARD, CHECKED(check_as4_path), AS4),    /* RFC 6793 6 */
    ROW(AS4_AGGREGATOR, OPT_TRANS, DISCARD, EXACT(8), AS4,              /* RFC 6793 6 */
        .check = check_as4_aggregator),
    ROW(IP6_EXT_COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(20)),             /* RFC 7606 7.15 */
    ROW(LARGE_COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(12)),               /* RFC 8092 6 */
    ROW(ONLY_TO_CUSTOMER, OPT_TRANS, TAW, EXACT(4)),                    /* RFC 9234 5 */
};

/* RFC 4271 section 6.3: what a wrong value, not length, is called. */
static enum bgp_update_subcode value_subcode(uint8_t type)
{
    return type == BGP_ATTR_ORIGIN    ? BGP_INVALID_ORIGIN
           : type == BGP_ATTR_AS_PATH ? BGP_MALFORMED_AS_PATH
                                      : BGP_OPTIONAL_ATTRIBUTE;
}

struct bgp_fault bgp_update_fault(enum bgp_action action, enum bgp_update_subcode subcode,
                                  const struct attr_raw *a)
{
    struct bgp_fault f = { .action = (uint8_t)action,
                           .code = BGP_UPDATE_ERROR,
                           .subcode = (uint8_t)subcode,
                           .attr_type = a ? a->type : 0 };
    if (a) { /* RFC 4271 section 6.3: the data is the erroneous attribute: type, length and value */
        f.data = a->value - a->head;
        f.data_len = (uint16_t)(a->head + a->len);
    }
    return f;
}

void bgp_fault_worsen(struct bgp_fault *have, const struct bgp_fault *found)
{
    if (found->action > have->action)
        *have = *found;
}

/* ---- collecting ---- */

struct collector {
    struct attr_raw found[BGP_ATTR_MAX]; /* ascending by type, one of each */
    unsigned count;
    uint8_t seen[BGP_ATTR_MAX / 8];
    bool has_others, is_withdrawal;
    struct bgp_fault *fault; /* the message's */
};

static void fault(struct collector *c, enum bgp_action action, enum bgp_update_subcode subcode,
                  const struct attr_raw *a)
{
    struct bgp_fault f = bgp_update_fault(action, subcode, a);
    c->is_withdrawal |= action == BGP_ACTION_TREAT_AS_WITHDRAW;
    bgp_fault_worsen(c->fault, &f);
}

static bool mark_seen(struct collector *c, uint8_t type)
{
    uint8_t bit = (uint8_t)(1u << type % 8);
    bool before = c->seen[type / 8] & bit;
    c->seen[type / 8] |= bit;
    return before;
}

static void keep(struct collector *c, const struct attr_raw *a)
{
    unsigned at = c->count++;
    for (; at && c->found[at - 1].type > a->type; at--)
        c->found[at] = c->found[at - 1];
    c->found[at] = *a;
}

static void judge_unknown(struct collector *c, struct attr_raw *a)
{
    if (!(a->flags & BGP_FLAG_OPTIONAL)) {
        fault(c, BGP_ACTION_SESSION_RESET, BGP_UNRECOGNIZED_WELL_KNOWN, a);
        return;
    }
    if (!(a->flags & BGP_FLAG_TRANSITIVE))
        return; /* RFC 4271 section 5: quietly ignored, not passed on */
    a->flags |= BGP_FLAG_PARTIAL;
    keep(c, a);
}

static bool has_good_length(const struct attr_row *row, uint16_t len)
{
    if (row->multiple)
        return len && len % row->multiple == 0;
    return row->exact < 0 || len == row->exact;
}

static void judge_value(struct collector *c, struct attr_raw *a, const struct attr_row *row,
                        const struct bgp_update_context *ctx)
{
    if (!has_good_length(row, a->len)) {
        fault(c, (enum bgp_action)row->on_error, BGP_ATTRIBUTE_LENGTH, a);
        return;
    }
    enum bgp_action action = row->check ? row->check(a, ctx) : BGP_ACTION_NONE;
    if (action != BGP_ACTION_NONE) {
        fault(c, action, value_subcode(a->type), a);
        return;
    }
    /* RFC 4271 section 4.3: Partial has a meaning for optional transitive attributes only. */
    a->flags &= row->flags == OPT_TRANS ? OPT_TRANS | BGP_FLAG_PARTIAL : row->flags;
    keep(c, a);
}

static void judge(struct collector *c, struct attr_raw *a, const struct bgp_update_context *ctx)
{
    const struct attr_row *row = &rows[a->type];
    const uint8_t kind = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE;
    if (!row->flags)
        judge_unknown(c, a);
    else if (row->is_mp)
        keep(c, a);
    else if (row->is_as4 && ctx->codec->as4)
        return; /* RFC 6793 section 4.1: not among those who speak four octets */
    else if ((a->flags & kind) != row->flags)
        fault(c, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_ATTRIBUTE_FLAGS, a); /* RFC 7606 section 3 c */
    else if (!row->is_dropped)
        judge_value(c, a, row, ctx);
}

static void collect(struct collector *c, struct wire_reader *r, const struct bgp_update_context *ctx)
{
    while (wire_left(r)) {
        struct attr_raw a = { .flags = wire_u8(r) };
        a.type = wire_u8(r);
        a.head = a.flags & BGP_FLAG_EXTENDED ? 4 : 3;
        a.len = a.flags & BGP_FLAG_EXTENDED ? wire_u16(r) : wire_u8(r);
        a.value = wire_bytes(r, a.len);
        c->has_others |= a.type != BGP_ATTR_MP_UNREACH;
        if (r->failed) { /* RFC 7606 section 4: the rest cannot be told apart; section 3 j: nor its routes */
            fault(c, rows[a.type].is_mp ? BGP_ACTION_SESSION_RESET : BGP_ACTION_TREAT_AS_WITHDRAW,
                  BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
            return;
        }
        if (!mark_seen(c, a.type))
            judge(c, &a, ctx);
        else if (rows[a.type].is_mp) /* RFC 7606 section 3 g; others: the first one counts */
            fault(c, BGP_ACTION_SESSION_RESET, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
    }
}

/* ---- canonical bytes ---- */

static void put_header(struct wire_writer *w, const struct attr_raw *a, size_t len)
{
    bgp_attr_put_header(w, a->flags & (OPT_TRANS | BGP_FLAG_PARTIAL), a->type, (uint16_t)len);
}

static const struct attr_raw *find(const struct collector *c, uint8_t type)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->found[i].type == type)
            return &c->found[i];
    return NULL;
}

/* RFC 6793 section 4.2.3: an AGGREGATOR that is not AS_TRANS beside an AS4_AGGREGATOR was put there by
 * somebody who knows of neither AS4 attribute: both are stale. */
static bool as4_counts(const struct collector *c)
{
    const struct attr_raw *aggregator = find(c, BGP_ATTR_AGGREGATOR);
    return !aggregator || !find(c, BGP_ATTR_AS4_AGGREGATOR) ||
           wire_get16(aggregator->value) == AS_TRANS;
}

static void put_path(struct wire_writer *w, const struct collector *c, const struct attr_raw *a)
{
    const struct attr_raw *wide = find(c, BGP_ATTR_AS4_PATH);
    struct aspath narrow = path_of(a, 2), as4 = { 0 };
    size_t len = aspath_wide_len(aspath_count(&narrow));
    if (wide)
        as4 = path_of(wide, 4);
    put_header(w, a, len);
    if (len > UINT16_MAX || w->failed ||
        aspath_widen(&narrow, wide && as4_counts(c) ? &as4 : NULL, w->at, wire_room(w)) < 0) {
        w->failed = true; /* no attribute holds that path */
        return;
    }
    w->at += len;
}

static void put_aggregator(struct wire_writer *w, const struct collector *c,
                           const struct attr_raw *a)
{
    const struct attr_raw *wide = find(c, BGP_ATTR_AS4_AGGREGATOR);
    put_header(w, a, 8);
    if (wide && as4_counts(c)) {
        wire_put(w, wide->value, 8);
        return;
    }
    wire_put32(w, wire_get16(a->value));
    wire_put(w, a->value + 2, 4);
}

static int compare_large(const void *a, const void *b)
{
    const uint8_t *const *left = a, *const *right = b;
    int order = memcmp(*left, *right, LARGE_COMMUNITY);
    if (order)
        return order;
    return *left < *right ? -1 : *left > *right; /* the first of equals comes first */
}

/* RFC 8092 section 2: redundant values are removed silently; the first of each stays in its place. */
static int put_large_communities(struct wire_writer *w, const struct attr_raw *a, struct arena *arena)
{
    size_t count = a->len / LARGE_COMMUNITY, kept = count;
    const uint8_t **sorted = arena_alloc(arena, count * sizeof *sorted);
    bool *is_redundant = arena_alloc(arena, count);
    if (!sorted || !is_redundant)
        return BGP_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = a->value + i * LARGE_COMMUNITY;
    qsort(sorted, count, sizeof *sorted, compare_large);
    for (size_t i = 0; i < count; i++) {
        bool again = i && memcmp(sorted[i - 1], sorted[i], LARGE_COMMUNITY) == 0;
        is_redundant[(size_t)(sorted[i] - a->value) / LARGE_COMMUNITY] = again;
        kept -= again;
    }
    put_header(w, a, kept * LARGE_COMMUNITY);
    for (size_t i = 0; i < count; i++)
        if (!is_redundant[i])
            wire_put(w, a->value + i * LARGE_COMMUNITY, LARGE_COMMUNITY);
    return 0;
}

static int put_attr(struct wire_writer *w, const struct collector *c, const struct attr_raw *a,
                    bool as4, struct arena *arena)
{
    if (a->type == BGP_ATTR_LARGE_COMMUNITIES && a->len > LARGE_COMMUNITY)
        return put_large_communities(w, a, arena);
    if (!as4 && a->type == BGP_ATTR_AS_PATH) {
        put_path(w, c, a);
    } else if (!as4 && a->type == BGP_ATTR_AGGREGATOR) {
        put_aggregator(w, c, a);
    } else {
        put_header(w, a, a->len);
        wire_put(w, a->value, a->len);
    }
    return 0;
}

static int make_canonical(struct collector *c, size_t len, const struct bgp_update_context *ctx,
                          struct arena *arena, struct attr_list *out)
{
    bool as4 = ctx->codec->as4;
    size_t cap = as4 ? len : 2 * len + 16; /* two-octet paths double, an AGGREGATOR grows by two */
    uint8_t *bytes = arena_alloc(arena, cap);
    int err = bytes ? 0 : BGP_ERR_NOMEM;
    struct wire_writer w = wire_writer(bytes, cap);
    for (unsigned i = 0; i < c->count && !err; i++)
        if (!rows[c->found[i].type].is_apart)
            err = put_attr(&w, c, &c->found[i], as4, arena);
    if (err)
        return err;
    if (w.failed || wire_len(&w) > UINT16_MAX ||
        !bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &out->attrs))
        fault(c, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
    return 0;
}

static void take_apart(const struct collector *c, uint8_t type, struct attr_raw *out)
{
    const struct attr_raw *a = find(c, type);
    if (a)
        *out = *a;
}

int attr_list_decode(const uint8_t *at, size_t len, const struct bgp_update_context *ctx,
                     struct arena *arena, struct attr_list *out)
{
    struct collector c;
    struct wire_reader r = wire_reader(at, len);
    c.count = 0;
    c.fault = out->fault;
    c.has_others = c.is_withdrawal = false;
    memset(c.seen, 0, sizeof c.seen);
    collect(&c, &r, ctx);
    take_apart(&c, BGP_ATTR_MP_REACH, &out->mp_reach);
    take_apart(&c, BGP_ATTR_MP_UNREACH, &out->mp_unreach);
    take_apart(&c, BGP_ATTR_NEXT_HOP, &out->next_hop);
    out->has_origin = find(&c, BGP_ATTR_ORIGIN);
    out->has_as_path = find(&c, BGP_ATTR_AS_PATH);
    int err = 0;
    if (out->has_origin && out->has_as_path)
        err = make_canonical(&c, len, ctx, arena, out);
    out->has_others = c.has_others;
    out->is_withdrawal = c.is_withdrawal;
    return err;
}
