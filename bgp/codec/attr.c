/* Canonical attributes: reading them back, walking them, writing them for a receiver. */
#include "bgp/codec/attr.h"

#include <string.h>

#include "bgp/codec/aspath.h"

bool bgp_attrs_next(struct wire_reader *r, struct bgp_attr_view *out)
{
    const uint8_t *head = wire_left(r) ? wire_bytes(r, 3) : NULL;
    if (!head)
        return false;
    out->flags = head[0];
    out->type = head[1];
    out->len = head[2];
    if (out->flags & BGP_FLAG_EXTENDED)
        out->len = (uint16_t)(out->len << 8 | wire_u8(r));
    out->value = wire_bytes(r, out->len);
    return out->value;
}

/* ---- summary ---- */

static bool summarise_origin(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    if (v->len != 1 || v->value[0] > BGP_ORIGIN_INCOMPLETE)
        return false;
    a->origin = v->value[0];
    return true;
}

static bool summarise_as_path(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    struct aspath p = { .at = v->value, .len = v->len, .width = 4 };
    struct aspath_facts facts = aspath_examine(&p);
    a->neighbor_as = facts.first;
    a->path_len = (uint16_t)facts.count;
    return aspath_is_valid(&facts);
}

static bool summarise_med(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    if (v->len != 4)
        return false;
    a->med = wire_get32(v->value);
    a->marks |= BGP_MARK_MED;
    return true;
}

static bool summarise_local_pref(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    a->marks |= BGP_MARK_LOCAL_PREF;
    return v->len == 4;
}

static bool summarise_otc(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    if (v->len != 4)
        return false;
    a->marks |= BGP_MARK_OTC;
    return true;
}

/* The well-known communities that mean something here. */
static const struct {
    uint16_t n; /* 65535:n */
    uint16_t mark;
} known[] = {
    { BGP_GRACEFUL_SHUTDOWN, BGP_MARK_GRACEFUL_SHUTDOWN },
    { BGP_LLGR_STALE, BGP_MARK_LLGR_STALE },
    { BGP_NO_LLGR, BGP_MARK_NO_LLGR },
    { BGP_BLACKHOLE, BGP_MARK_BLACKHOLE },
    { BGP_NO_EXPORT, BGP_MARK_NO_EXPORT },
    { BGP_NO_ADVERTISE, BGP_MARK_NO_ADVERTISE },
    { BGP_NO_EXPORT_SUBCONFED, BGP_MARK_NO_EXPORT_SUBCONFED },
};

static bool summarise_communities(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    if (!v->len || v->len % 4)
        return false;
    for (uint16_t at = 0; at < v->len; at = (uint16_t)(at + 4)) {
        uint32_t community = wire_get32(v->value + at);
        if (community < bgp_well_known(0))
            continue;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (known[i].n == (uint16_t)community)
                a->marks |= known[i].mark;
    }
    return true;
}

/* Octets of one extended community of this attribute; 0: it holds none. */
static uint16_t extended_size(uint8_t type)
{
    return type == BGP_ATTR_EXT_COMMUNITIES ? 8 : type == BGP_ATTR_IP6_EXT_COMMUNITIES ? 20 : 0;
}

/* The T bit of RFC 4360 section 2; RFC 5701 section 2 has it, too. */
static bool is_transitive(const uint8_t *community)
{
    return !(community[0] & 0x40);
}

static bool summarise_extended(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    uint16_t size = extended_size(v->type);
    for (uint16_t at = 0; at < v->len; at = (uint16_t)(at + size))
        if (!is_transitive(v->value + at))
            a->marks |= BGP_MARK_NON_TRANSITIVE;
    return true;
}

static bool summarise_aggregator(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    (void)a;
    return v->len == 8;
}

static bool never_canonical(const struct bgp_attr_view *v, struct bgp_attrs *a)
{
    (void)v, (void)a;
    return false;
}

typedef bool summarise(const struct bgp_attr_view *v, struct bgp_attrs *a);
static summarise *const readers[BGP_ATTR_MAX] = {
    [BGP_ATTR_ORIGIN] = summarise_origin,
    [BGP_ATTR_AS_PATH] = summarise_as_path,
    [BGP_ATTR_MED] = summarise_med,
    [BGP_ATTR_COMMUNITIES] = summarise_communities,
    [BGP_ATTR_AGGREGATOR] = summarise_aggregator,
    [BGP_ATTR_EXT_COMMUNITIES] = summarise_extended,
    [BGP_ATTR_IP6_EXT_COMMUNITIES] = summarise_extended,
    [BGP_ATTR_ONLY_TO_CUSTOMER] = summarise_otc,
    [BGP_ATTR_NEXT_HOP] = never_canonical,
    [BGP_ATTR_LOCAL_PREF] = summarise_local_pref,
    [BGP_ATTR_ORIGINATOR_ID] = never_canonical,
    [BGP_ATTR_CLUSTER_LIST] = never_canonical,
    [BGP_ATTR_MP_REACH] = never_canonical,
    [BGP_ATTR_MP_UNREACH] = never_canonical,
    [BGP_ATTR_AS4_PATH] = never_canonical,
    [BGP_ATTR_AS4_AGGREGATOR] = never_canonical,
};

static bool has_canonical_flags(const struct bgp_attr_view *v)
{
    bool extended = v->flags & BGP_FLAG_EXTENDED;
    return extended == (v->len > 255) && (v->flags & 0x0f) == 0;
}

bool bgp_attrs_summarise_own(const uint8_t *bytes, uint16_t len, struct bgp_attrs *out)
{
    struct wire_reader r = wire_reader(bytes, len);
    struct bgp_attr_view v;
    int last = -1, mandatory = 0;
    *out = (struct bgp_attrs){ .bytes = bytes, .len = len };
    while (bgp_attrs_next(&r, &v)) {
        if (v.type <= last || !has_canonical_flags(&v))
            return false;
        mandatory += v.type == BGP_ATTR_ORIGIN || v.type == BGP_ATTR_AS_PATH;
        if (readers[v.type] && !readers[v.type](&v, out))
            return false;
        last = v.type;
    }
    return !r.failed && mandatory == 2;
}

bool bgp_attrs_summarise(const uint8_t *bytes, uint16_t len, struct bgp_attrs *out)
{
    return bgp_attrs_summarise_own(bytes, len, out) && !(out->marks & BGP_MARK_LOCAL_PREF);
}

uint32_t bgp_attrs_local_pref(const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (a->marks & BGP_MARK_LOCAL_PREF && bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_LOCAL_PREF)
            return wire_get32(v.value);
    return BGP_LOCAL_PREF_DEFAULT;
}

/* Canonical bytes have an AS_PATH, and little before it: the ORIGIN, and what a type 0 may mean to somebody. */
struct wire_reader bgp_attrs_as_path(const struct bgp_attrs *a)
{
    if (!a->len)
        return wire_reader(NULL, 0);
    for (const uint8_t *at = a->bytes;;) {
        bool extended = at[0] & BGP_FLAG_EXTENDED;
        uint16_t len = extended ? wire_get16(at + 2) : at[2];
        if (at[1] == BGP_ATTR_AS_PATH)
            return wire_reader(at + 3 + extended, len);
        at += 3 + extended + len;
    }
}

unsigned bgp_attrs_count_as(const struct bgp_attrs *a, uint32_t asn)
{
    struct wire_reader path = bgp_attrs_as_path(a);
    unsigned count = 0;
    for (const uint8_t *at = path.at; at != path.end;) { /* sequences, each of its type, its count and ASes */
        const uint8_t *end = at + 2 + 4 * at[1];
        for (at += 2; at != end; at += 4)
            count += wire_get32(at) == asn;
    }
    return count;
}

/* ---- export ---- */

struct exporter {
    struct wire_writer w;
    const struct bgp_export *how;
    uint8_t width;
    const uint8_t *as_path; /* canonical value, for AS4_PATH */
    uint16_t as_path_len;
    bool path_needs_as4;
    uint8_t aggregator[8]; /* canonical value, for AS4_AGGREGATOR */
    bool aggregator_needs_as4;
    uint32_t otc;       /* to be added, 0 = nothing or done */
    uint32_t community; /* likewise */
    bool stays_here;    /* no receiver: what does not pass the border of an AS is kept */
};

void bgp_attr_put_header(struct wire_writer *w, uint8_t flags, uint8_t type, uint16_t len)
{
    bool is_extended = len > 255;
    uint8_t *at = wire_reserve(w, is_extended ? 4 : 3);
    if (!at)
        return;
    at[0] = is_extended ? flags | BGP_FLAG_EXTENDED : flags;
    at[1] = type;
    if (is_extended)
        wire_set16(at + 2, len);
    else
        at[2] = (uint8_t)len;
}

/* Written behind the place of the longest header, then moved up to the one that fits. */
static void put_path(struct exporter *e, uint8_t flags, uint8_t type, uint8_t width)
{
    struct aspath p = { .at = e->as_path, .len = e->as_path_len, .width = 4 };
    /* RFC 4271 section 5.1.2: an empty path is that of a route of our own, which begins with us everywhere. */
    const struct aspath_rewrite how = { .prepend = e->how->transparent && p.len ? 0 : e->how->local_asn,
                                        .replaced = e->how->replaced_asn,
                                        .by = e->how->local_asn };
    uint8_t *start = e->w.at;
    bool needs_as4;
    if (wire_room(&e->w) < 4) {
        e->w.failed = true;
        return;
    }
    int len = aspath_export(&p, &how, width, start + 4, wire_room(&e->w) - 4, &needs_as4);
    if (len < 0) {
        e->w.failed = true;
        return;
    }
    if (type == BGP_ATTR_AS_PATH)
        e->path_needs_as4 = needs_as4;
    bgp_attr_put_header(&e->w, flags, type, (uint16_t)len);
    memmove(e->w.at, start + 4, (size_t)len);
    e->w.at += len;
}

static void put_aggregator(struct exporter *e, const struct bgp_attr_view *v)
{
    uint32_t asn = wire_get32(v->value);
    memcpy(e->aggregator, v->value, 8);
    e->aggregator_needs_as4 = asn > UINT16_MAX;
    bgp_attr_put_header(&e->w, v->flags, v->type, 6);
    wire_put16(&e->w, e->aggregator_needs_as4 ? AS_TRANS : (uint16_t)asn);
    wire_put(&e->w, v->value + 4, 4);
}

/* RFC 6793 section 4.2.2: what two octets could not hold, in their place by type code. */
static void put_as4(struct exporter *e)
{
    const uint8_t flags = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE;
    if (e->path_needs_as4)
        put_path(e, flags, BGP_ATTR_AS4_PATH, 4);
    e->path_needs_as4 = false;
    if (e->aggregator_needs_as4) {
        bgp_attr_put_header(&e->w, flags, BGP_ATTR_AS4_AGGREGATOR, 8);
        wire_put(&e->w, e->aggregator, 8);
    }
    e->aggregator_needs_as4 = false;
}

static void put_otc(struct exporter *e)
{
    if (!e->otc)
        return;
    bgp_attr_put_header(&e->w, BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE, BGP_ATTR_ONLY_TO_CUSTOMER, 4);
    wire_put32(&e->w, e->otc);
    e->otc = 0;
}

/* A community more, at the end of those that there are. */
static void put_communities(struct exporter *e, const struct bgp_attr_view *v)
{
    uint16_t len = v ? v->len : 0;
    if (len > UINT16_MAX - 4) {
        e->w.failed = true;
        return;
    }
    bgp_attr_put_header(&e->w, BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE | (v ? v->flags & BGP_FLAG_PARTIAL : 0),
               BGP_ATTR_COMMUNITIES, (uint16_t)(len + 4));
    if (v)
        wire_put(&e->w, v->value, len);
    wire_put32(&e->w, e->community);
    e->community = 0;
}

/* RFC 4360 section 6, and RFC 5701 section 2 by its type field: those that are not transitive (the T bit)
 * are removed before the route passes the border of an AS. */
static void put_transitive(struct exporter *e, const struct bgp_attr_view *v, uint16_t size)
{
    unsigned count = v->len / size, kept = 0;
    for (unsigned i = 0; i < count; i++)
        kept += is_transitive(v->value + i * size);
    if (!kept)
        return;
    bgp_attr_put_header(&e->w, v->flags & (uint8_t)~BGP_FLAG_EXTENDED, v->type, (uint16_t)(kept * size));
    for (unsigned i = 0; i < count; i++)
        if (is_transitive(v->value + i * size))
            wire_put(&e->w, v->value + i * size, size);
}

static void put_attr(struct exporter *e, const struct bgp_attr_view *v)
{
    uint16_t extended = e->stays_here ? 0 : extended_size(v->type);
    if (e->community && v->type >= BGP_ATTR_COMMUNITIES) {
        bool is_there = v->type == BGP_ATTR_COMMUNITIES;
        put_communities(e, is_there ? v : NULL);
        if (is_there)
            return;
    }
    if (v->type > BGP_ATTR_AS4_AGGREGATOR)
        put_as4(e);
    if (v->type > BGP_ATTR_ONLY_TO_CUSTOMER)
        put_otc(e);
    if (v->type == BGP_ATTR_MED && !e->how->transparent && !e->how->keeps_med)
        return; /* RFC 4271 section 5.1.4: not to other neighbouring ASes */
    if (v->type == BGP_ATTR_LOCAL_PREF)
        return; /* RFC 4271 section 5.1.5: not to external peers */
    if (e->how->shortened && (v->type == BGP_ATTR_ATOMIC_AGGREGATE || v->type == BGP_ATTR_AGGREGATOR))
        return; /* RFC 7606 sections 7.6 and 7.7 */
    if (v->type == BGP_ATTR_AS_PATH) {
        e->as_path = v->value;
        e->as_path_len = v->len;
        put_path(e, v->flags, v->type, e->width);
    } else if (v->type == BGP_ATTR_AGGREGATOR && e->width == 2) {
        put_aggregator(e, v);
    } else if (extended) {
        put_transitive(e, v, extended);
    } else {
        bgp_attr_put_header(&e->w, v->flags, v->type, v->len);
        wire_put(&e->w, v->value, v->len);
    }
}

static int export_all(struct exporter *e, const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        put_attr(e, &v);
    if (e->community)
        put_communities(e, NULL);
    put_as4(e);
    put_otc(e);
    return e->w.failed ? BGP_ERR_SPACE : (int)wire_len(&e->w);
}

/* What a route server's clients are told: the canonical bytes as they are. */
static bool is_verbatim(const struct exporter *e, const struct bgp_attrs *a)
{
    return e->how->transparent && e->width == 4 && !e->otc && !e->community && !e->how->replaced_asn &&
           !e->how->shortened && a->path_len &&
           !(a->marks & (BGP_MARK_NON_TRANSITIVE | BGP_MARK_LOCAL_PREF));
}

int bgp_attrs_export(const struct bgp_attrs *a, const struct bgp_export *how,
                     const struct bgp_codec *codec, uint8_t *buf, size_t cap)
{
    struct exporter e = { .w = wire_writer(buf, cap), .how = how, .width = codec->as4 ? 4 : 2 };
    e.otc = a->marks & BGP_MARK_OTC ? 0 : how->otc;
    if (how->graceful_shutdown && !(a->marks & BGP_MARK_GRACEFUL_SHUTDOWN))
        e.community = bgp_well_known(BGP_GRACEFUL_SHUTDOWN);
    if (!is_verbatim(&e, a))
        return export_all(&e, a);
    wire_put(&e.w, a->bytes, a->len);
    return e.w.failed ? BGP_ERR_SPACE : a->len;
}

int bgp_attrs_mark(const struct bgp_attrs *a, enum bgp_well_known n, uint8_t *buf, size_t cap)
{
    static const struct bgp_export unchanged = { .transparent = true };
    struct exporter e = { .w = wire_writer(buf, cap), .how = &unchanged, .width = 4, .stays_here = true };
    e.community = bgp_well_known(n);
    int len = export_all(&e, a);
    return len > UINT16_MAX ? BGP_ERR_SPACE : len;
}
