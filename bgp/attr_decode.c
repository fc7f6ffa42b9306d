/* From the attributes of a message to their canonical form. All that RFC 7606 says of an attribute
 * stands in its row: flags, lengths, what an error of it leads to, whether it is kept. */
#include <string.h>

#include "bgp/aspath.h"
#include "bgp/attr_decode.h"

enum { WELL_KNOWN = BGP_FLAG_TRANSITIVE, OPT_TRANS = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE };

struct attr_row {
    uint8_t flags;      /* Optional and Transitive as specified */
    uint8_t on_error;   /* enum bgp_action for a wrong length or value */
    uint8_t multiple;   /* length is a non-zero multiple of this; 0: see exact */
    int8_t exact;       /* exact length, -1: the check judges */
    bool is_dropped;    /* an external peer's is ignored, whatever it holds (RFC 7606 7.5, 7.9, 7.10) */
    bool is_apart;      /* not part of the canonical bytes */
    bool (*check)(const struct attr_raw *a, const struct bgp_update_context *ctx, uint8_t *subcode);
};

static bool check_origin(const struct attr_raw *a, const struct bgp_update_context *ctx,
                         uint8_t *subcode)
{
    (void)ctx;
    *subcode = BGP_INVALID_ORIGIN;
    return a->value[0] <= BGP_ORIGIN_INCOMPLETE;
}

static struct aspath path_of(const struct attr_raw *a, uint8_t width)
{
    return (struct aspath){ .at = a->value, .len = a->len, .width = width };
}

/* RFC 4271 section 6.3: the neighbour's AS stands first, unless the peer is a route server. */
static bool check_as_path(const struct attr_raw *a, const struct bgp_update_context *ctx,
                          uint8_t *subcode)
{
    struct aspath p = path_of(a, ctx->codec->as4 ? 4 : 2);
    struct wire_reader r = wire_reader(a->value, a->len);
    unsigned left = 0;
    uint32_t first = 0;
    *subcode = BGP_MALFORMED_AS_PATH;
    if (!aspath_is_valid(&p))
        return false;
    if (ctx->any_first_as)
        return true;
    if (!aspath_next(&r, p.width, &left, &first))
        return false; /* an external peer's path is never empty */
    return first == ctx->peer_asn || (!ctx->codec->as4 && first == AS_TRANS);
}

static bool check_as4_path(const struct attr_raw *a, const struct bgp_update_context *ctx,
                           uint8_t *subcode)
{
    struct aspath p = path_of(a, 4);
    (void)ctx, (void)subcode;
    return aspath_is_valid(&p);
}

static bool check_aggregator(const struct attr_raw *a, const struct bgp_update_context *ctx,
                             uint8_t *subcode)
{
    (void)subcode;
    if (a->len != (ctx->codec->as4 ? 8 : 6))
        return false;
    return (ctx->codec->as4 ? wire_get32(a->value) : wire_get16(a->value)) != 0; /* RFC 7607 */
}

#define TAW BGP_ACTION_TREAT_AS_WITHDRAW
#define DISCARD BGP_ACTION_ATTR_DISCARD
#define EXACT(bytes) .exact = (bytes)
#define MULTIPLE(bytes) .multiple = (bytes), .exact = -1
#define CHECKED(function) .exact = -1, .check = (function)
#define ROW(name, kind, action, ...)                                                               \
    [BGP_ATTR_##name] = { .flags = (kind), .on_error = (action), __VA_ARGS__ }
static const struct attr_row rows[BGP_ATTR_MAX] = {
    ROW(ORIGIN, WELL_KNOWN, TAW, EXACT(1), .check = check_origin),          /* RFC 7606 7.1 */
    ROW(AS_PATH, WELL_KNOWN, TAW, CHECKED(check_as_path)),                  /* 7.2 */
    ROW(NEXT_HOP, WELL_KNOWN, TAW, EXACT(4), .is_apart = true),             /* 7.3 */
    ROW(MED, BGP_FLAG_OPTIONAL, TAW, EXACT(4)),                             /* 7.4 */
    ROW(LOCAL_PREF, WELL_KNOWN, DISCARD, .is_dropped = true),               /* 7.5 */
    ROW(ATOMIC_AGGREGATE, WELL_KNOWN, DISCARD, EXACT(0)),                   /* 7.6 */
    ROW(AGGREGATOR, OPT_TRANS, DISCARD, CHECKED(check_aggregator)),         /* 7.7 */
    ROW(COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(4)),                          /* 7.8 */
    ROW(ORIGINATOR_ID, BGP_FLAG_OPTIONAL, DISCARD, .is_dropped = true),     /* 7.9 */
    ROW(CLUSTER_LIST, BGP_FLAG_OPTIONAL, DISCARD, .is_dropped = true),      /* 7.10 */
    ROW(MP_REACH, BGP_FLAG_OPTIONAL, TAW, .exact = -1, .is_apart = true),   /* 7.11, update.c */
    ROW(MP_UNREACH, BGP_FLAG_OPTIONAL, TAW, .exact = -1, .is_apart = true), /* 7.12, update.c */
    ROW(EXT_COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(8)),                      /* 7.14 */
    ROW(AS4_PATH, OPT_TRANS, DISCARD, CHECKED(check_as4_path), .is_apart = true), /* RFC 6793 6 */
    ROW(AS4_AGGREGATOR, OPT_TRANS, DISCARD, EXACT(8), .is_apart = true),    /* RFC 6793 6 */
    ROW(LARGE_COMMUNITIES, OPT_TRANS, TAW, MULTIPLE(12)),                   /* RFC 8092 5 */
    ROW(ONLY_TO_CUSTOMER, OPT_TRANS, TAW, EXACT(4)),                        /* RFC 9234 5 */
};

struct bgp_fault bgp_update_fault(enum bgp_action action, enum bgp_update_subcode subcode,
                                  const struct attr_raw *a)
{
    struct bgp_fault f = { .action = (uint8_t)action,
                           .code = BGP_UPDATE_ERROR,
                           .subcode = (uint8_t)subcode,
                           .attr_type = a ? a->type : 0 };
    if (!a)
        return f;
    /* RFC 4271 section 6.3: the data is the erroneous attribute: type, length and value. */
    struct wire_writer w = wire_writer(f.data, sizeof f.data);
    wire_put8(&w, a->flags);
    wire_put8(&w, a->type);
    if (a->flags & BGP_FLAG_EXTENDED)
        wire_put16(&w, a->len);
    else
        wire_put8(&w, (uint8_t)a->len);
    wire_put(&w, a->value, a->len < wire_room(&w) ? a->len : wire_room(&w));
    f.data_len = (uint16_t)wire_len(&w);
    return f;
}

void bgp_fault_worsen(struct bgp_fault *have, const struct bgp_fault *found)
{
    if (found->action > have->action)
        *have = *found;
}

/* ---- collecting ---- */

struct collector {
    struct attr_raw found[ATTR_RAW_MAX]; /* ascending by type */
    unsigned count;
    uint8_t seen[BGP_ATTR_MAX / 8];
    struct bgp_fault fault;
};

static void fault(struct collector *c, enum bgp_action action, enum bgp_update_subcode subcode,
                  const struct attr_raw *a)
{
    struct bgp_fault f = bgp_update_fault(action, subcode, a);
    bgp_fault_worsen(&c->fault, &f);
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
    unsigned at = c->count;
    if (at == ATTR_RAW_MAX) {
        fault(c, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
        return;
    }
    for (; at && c->found[at - 1].type > a->type; at--)
        c->found[at] = c->found[at - 1];
    c->found[at] = *a;
    c->count++;
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

static void judge(struct collector *c, struct attr_raw *a, const struct bgp_update_context *ctx)
{
    const struct attr_row *row = &rows[a->type];
    const uint8_t kind = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE;
    if (!row->flags) {
        judge_unknown(c, a);
        return;
    }
    if (row->is_dropped)
        return;
    if ((a->flags & kind) != row->flags) { /* RFC 7606 section 3 c */
        fault(c, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_ATTRIBUTE_FLAGS, a);
        if (!row->is_apart)
            return;
    }
    if (a->type == BGP_ATTR_AS4_PATH || a->type == BGP_ATTR_AS4_AGGREGATOR)
        if (ctx->codec->as4)
            return; /* RFC 6793 section 4.1: not among those who speak four octets */
    uint8_t subcode = BGP_ATTRIBUTE_LENGTH;
    bool good = has_good_length(row, a->len);
    if (good && row->check) {
        subcode = BGP_OPTIONAL_ATTRIBUTE;
        good = row->check(a, ctx, &subcode);
    }
    if (good)
        keep(c, a);
    else
        fault(c, (enum bgp_action)row->on_error, (enum bgp_update_subcode)subcode, a);
}

static void collect(struct collector *c, struct wire_reader *r, const struct bgp_update_context *ctx)
{
    while (wire_left(r)) {
        struct attr_raw a = { .flags = wire_u8(r) };
        a.type = wire_u8(r);
        a.len = a.flags & BGP_FLAG_EXTENDED ? wire_u16(r) : wire_u8(r);
        a.value = wire_bytes(r, a.len);
        if (r->failed) { /* RFC 7606 section 4: the rest cannot be told apart */
            fault(c, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
            return;
        }
        bool is_mp = a.type == BGP_ATTR_MP_REACH || a.type == BGP_ATTR_MP_UNREACH;
        if (mark_seen(c, a.type)) { /* RFC 7606 section 3 g */
            if (is_mp)
                fault(c, BGP_ACTION_SESSION_RESET, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
            continue;
        }
        judge(c, &a, ctx);
    }
}

/* ---- canonical bytes ---- */

static void put_header(struct wire_writer *w, uint8_t flags, uint8_t type, uint16_t len)
{
    uint8_t plain = flags & (BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE | BGP_FLAG_PARTIAL);
    wire_put8(w, len > 255 ? plain | BGP_FLAG_EXTENDED : plain);
    wire_put8(w, type);
    if (len > 255)
        wire_put16(w, len);
    else
        wire_put8(w, (uint8_t)len);
}

static const struct attr_raw *find(const struct collector *c, uint8_t type)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->found[i].type == type)
            return &c->found[i];
    return NULL;
}

/* RFC 6793 section 4.2.3: an AGGREGATOR that is not AS_TRANS says that the AS4 attributes are stale. */
static bool as4_counts(const struct collector *c)
{
    const struct attr_raw *aggregator = find(c, BGP_ATTR_AGGREGATOR);
    return !aggregator || wire_get16(aggregator->value) == AS_TRANS;
}

static void put_path(struct wire_writer *w, const struct collector *c, const struct attr_raw *a)
{
    const struct attr_raw *wide = find(c, BGP_ATTR_AS4_PATH);
    struct aspath narrow = path_of(a, 2), as4 = { 0 };
    uint8_t path[4 * UINT16_MAX / 8]; /* a message holds no more */
    if (wide)
        as4 = path_of(wide, 4);
    int len = aspath_widen(&narrow, wide && as4_counts(c) ? &as4 : NULL, path, sizeof path);
    if (len < 0) {
        w->failed = true;
        return;
    }
    put_header(w, a->flags, a->type, (uint16_t)len);
    wire_put(w, path, (size_t)len);
}

static void put_aggregator(struct wire_writer *w, const struct collector *c,
                           const struct attr_raw *a)
{
    const struct attr_raw *wide = find(c, BGP_ATTR_AS4_AGGREGATOR);
    put_header(w, a->flags, a->type, 8);
    if (wide && as4_counts(c)) {
        wire_put(w, wide->value, 8);
        return;
    }
    wire_put32(w, wire_get16(a->value));
    wire_put(w, a->value + 2, 4);
}

static void put_attr(struct wire_writer *w, const struct collector *c, const struct attr_raw *a,
                     bool as4)
{
    if (!as4 && a->type == BGP_ATTR_AS_PATH) {
        put_path(w, c, a);
    } else if (!as4 && a->type == BGP_ATTR_AGGREGATOR) {
        put_aggregator(w, c, a);
    } else {
        put_header(w, a->flags, a->type, a->len);
        wire_put(w, a->value, a->len);
    }
}

static int make_canonical(struct collector *c, size_t len, const struct bgp_update_context *ctx,
                          struct arena *arena, struct attr_list *out)
{
    size_t cap = 4 * len + 16; /* two-octet paths double, AS4 attributes add */
    uint8_t *bytes = arena_alloc(arena, cap);
    if (!bytes)
        return BGP_ERR_NOMEM;
    struct wire_writer w = wire_writer(bytes, cap);
    for (unsigned i = 0; i < c->count; i++)
        if (!rows[c->found[i].type].is_apart)
            put_attr(&w, c, &c->found[i], ctx->codec->as4);
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
    c.fault = (struct bgp_fault){ 0 };
    memset(c.seen, 0, sizeof c.seen);
    *out = (struct attr_list){ 0 };
    collect(&c, &r, ctx);
    take_apart(&c, BGP_ATTR_MP_REACH, &out->mp_reach);
    take_apart(&c, BGP_ATTR_MP_UNREACH, &out->mp_unreach);
    take_apart(&c, BGP_ATTR_NEXT_HOP, &out->next_hop);
    out->has_origin = find(&c, BGP_ATTR_ORIGIN);
    out->has_as_path = find(&c, BGP_ATTR_AS_PATH);
    int err = 0;
    if (out->has_origin && out->has_as_path)
        err = make_canonical(&c, len, ctx, arena, out);
    out->fault = c.fault;
    return err;
}
