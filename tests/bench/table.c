#include "tests/bench/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/msg.h"
#include "bgp/prefix_table.h"

enum { SETS_PER_1000 = 155, ASN_MIN = 1000, ASN_SPAN = 60000 };

static void *grow(void *items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return items;
    while (*cap < need)
        *cap = *cap ? *cap * 2 : 1024;
    items = realloc(items, *cap * size);
    if (!items)
        abort();
    return items;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return z ^ z >> 27;
}

static void add_prefix(struct table *t, const struct ip_prefix *p)
{
    t->prefixes = grow(t->prefixes, &t->prefix_cap, t->prefix_count + 1, sizeof *t->prefixes);
    t->prefixes[t->prefix_count++] = *p;
}

static int compare_community(const void *a, const void *b)
{
    return memcmp(a, b, 4);
}

/* Communities are a set (RFC 1997): BIRD sends them on sorted, whatever the order they came in. */
static void sort_communities(uint8_t *attrs, size_t len)
{
    struct wire_reader r = wire_reader(attrs, len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_COMMUNITIES)
            qsort(attrs + (v.value - attrs), v.len / 4u, 4, compare_community);
}

static void add_set(struct table *t, const uint8_t *attrs, size_t len, size_t first)
{
    t->sets = grow(t->sets, &t->set_cap, t->set_count + 1, sizeof *t->sets);
    t->bytes = grow(t->bytes, &t->byte_cap, t->byte_count + len, 1);
    memcpy(t->bytes + t->byte_count, attrs, len);
    sort_communities(t->bytes + t->byte_count, len);
    t->sets[t->set_count++] = (struct table_set){ .attrs = (uint32_t)t->byte_count,
                                                  .attrs_len = (uint32_t)len,
                                                  .first = (uint32_t)first,
                                                  .count = (uint32_t)(t->prefix_count - first) };
    t->byte_count += len;
}

/* ORIGIN, a path of 2 to 6 ASes, communities on half of the sets: about 66 bytes on average. */
static size_t make_attrs(uint8_t *buf, size_t cap, uint32_t asn, uint64_t *random)
{
    struct wire_writer w = wire_writer(buf, cap);
    unsigned hops = 2 + (unsigned)(next_random(random) % 5);
    unsigned communities = (unsigned)(next_random(random) % 9);
    const uint8_t origin[] = { 0x40, BGP_ATTR_ORIGIN, 1, (uint8_t)(next_random(random) % 8 ? 0 : 2) };
    wire_put(&w, origin, sizeof origin);
    wire_put8(&w, 0x40);
    wire_put8(&w, BGP_ATTR_AS_PATH);
    wire_put8(&w, (uint8_t)(2 + 4 * hops));
    wire_put8(&w, 2);
    wire_put8(&w, (uint8_t)hops);
    wire_put32(&w, asn);
    for (unsigned i = 1; i < hops; i++)
        wire_put32(&w, ASN_MIN + (uint32_t)(next_random(random) % ASN_SPAN));
    if (communities > 3) {
        wire_put8(&w, 0xc0);
        wire_put8(&w, BGP_ATTR_COMMUNITIES);
        wire_put8(&w, (uint8_t)(4 * communities));
        for (unsigned i = 0; i < communities; i++)
            wire_put32(&w, (uint32_t)(next_random(random) % 0xfffe0000));
    }
    return wire_len(&w);
}

/* Distinct by construction: a running number spread over the unicast space as /24, or as the first
 * half of it as /23 and /22 where the number allows. */
static struct ip_prefix make_prefix(size_t number, uint64_t *random)
{
    uint32_t base = (uint32_t)(0x01000000u + number * 256 * 4);
    uint8_t len = (uint8_t)(next_random(random) % 10 < 6 ? 24 : 22 + next_random(random) % 2);
    struct ip_prefix p = { .family = BGP_IP4, .len = len };
    wire_set32(p.bytes, base);
    return p;
}

void table_make(struct table *t, size_t prefixes, uint32_t asn, uint64_t seed)
{
    uint64_t random = seed;
    *t = (struct table){ 0 };
    while (t->prefix_count < prefixes) {
        uint8_t attrs[256];
        size_t first = t->prefix_count, len = make_attrs(attrs, sizeof attrs, asn, &random);
        do {
            struct ip_prefix p = make_prefix(t->prefix_count, &random);
            add_prefix(t, &p);
        } while (t->prefix_count < prefixes && next_random(&random) % 1000 >= SETS_PER_1000);
        add_set(t, attrs, len, first);
    }
}

/* ---- MRT ---- */

enum { MRT_BGP4MP = 16, MRT_BGP4MP_ET = 17, MRT_MESSAGE = 1, MRT_MESSAGE_AS4 = 4 };

static void replace_first_as(uint8_t *canonical, size_t len, uint32_t asn)
{
    struct wire_reader r = wire_reader(canonical, len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_AS_PATH && v.len >= 6)
            wire_set32(canonical + (v.value - canonical) + 2, asn);
}

struct mrt {
    struct table *table;
    struct prefix_table seen; /* a prefix that is announced again counts once, as it came first */
    struct arena arena;
    struct bgp_codec codec;
    uint32_t asn;
};

/* Routes that every eBGP speaker passes on: not those of RFC 1997's well-known communities. */
static bool is_for_all(const struct bgp_attrs *a)
{
    return a->neighbor_as && !(a->marks & (BGP_MARK_NO_EXPORT | BGP_MARK_NO_ADVERTISE));
}

static void take_update(struct mrt *m, const uint8_t *body, size_t len)
{
    const struct bgp_update_context ctx = { .codec = &m->codec, .any_first_as = true };
    struct bgp_update u;
    uint8_t attrs[4096];
    arena_reset(&m->arena);
    if (bgp_update_decode(body, len, &ctx, &m->arena, &u) || !u.reach_count || !is_for_all(&u.attrs[0]))
        return;
    size_t first = m->table->prefix_count;
    struct bgp_nlri nlri = u.reach[0];
    struct ip_prefix p;
    uint32_t id;
    while (bgp_nlri_next(&nlri, &p, &id))
        if (p.bytes[0] && !prefix_table_find(&m->seen, &p) && prefix_table_get(&m->seen, &p))
            add_prefix(m->table, &p);
    if (m->table->prefix_count == first)
        return;
    if (u.attrs[0].len > sizeof attrs)
        abort();
    memcpy(attrs, u.attrs[0].bytes, u.attrs[0].len);
    replace_first_as(attrs, u.attrs[0].len, m->asn);
    add_set(m->table, attrs, u.attrs[0].len, first);
}

static void take_record(struct mrt *m, uint16_t type, uint16_t subtype, struct wire_reader r)
{
    if (type == MRT_BGP4MP_ET)
        wire_u32(&r); /* microseconds */
    bool as4 = subtype == MRT_MESSAGE_AS4;
    if ((type != MRT_BGP4MP && type != MRT_BGP4MP_ET) || (subtype != MRT_MESSAGE && !as4))
        return;
    wire_bytes(&r, as4 ? 8 : 4);
    wire_u16(&r);
    wire_bytes(&r, wire_u16(&r) == 1 ? 8 : 32);
    const uint8_t *header = wire_bytes(&r, BGP_HEADER);
    if (!header || header[18] != BGP_UPDATE)
        return;
    m->codec.as4 = as4;
    take_update(m, r.at, wire_left(&r));
}

bool table_read_mrt(struct table *t, const char *path, uint32_t asn)
{
    struct mrt m = { .table = t, .asn = asn };
    FILE *f = fopen(path, "rb");
    uint8_t head[12], *body = malloc(1 << 20);
    *t = (struct table){ 0 };
    prefix_table_init(&m.seen, (struct hash_key){ 1, 2 }, sizeof(uint32_t));
    m.codec.family[BGP_IP4] = true;
    m.codec.max_message = BGP_MESSAGE_MAX;
    while (f && body && fread(head, 1, sizeof head, f) == sizeof head) {
        uint32_t len = wire_get32(head + 8);
        if (len > 1 << 20 || fread(body, 1, len, f) != len)
            break;
        take_record(&m, wire_get16(head + 4), wire_get16(head + 6), wire_reader(body, len));
    }
    if (f)
        fclose(f);
    free(body);
    arena_fini(&m.arena);
    prefix_table_fini(&m.seen);
    return t->prefix_count > 0;
}

/* ---- encoding ---- */

struct output {
    uint8_t *bytes;
    size_t len, cap;
};

static void encode_set(const struct table *t, const struct table_set *s,
                       const struct bgp_codec *codec, const struct ip_addr *next_hop,
                       struct output *out)
{
    for (uint32_t i = 0; i < s->count;) {
        struct bgp_update_builder b;
        out->bytes = grow(out->bytes, &out->cap, out->len + BGP_MESSAGE_MAX, 1);
        if (!bgp_update_begin_reach(&b, out->bytes + out->len, codec, BGP_IP4, t->bytes + s->attrs,
                                    (uint16_t)s->attrs_len, next_hop, NULL))
            abort();
        while (i < s->count && bgp_update_add(&b, &t->prefixes[s->first + i], 0))
            i++;
        out->len += bgp_update_end(&b);
    }
}

uint8_t *table_encode(const struct table *t, const struct bgp_codec *codec,
                      const struct ip_addr *next_hop, size_t *len)
{
    struct output out = { 0 };
    for (size_t i = 0; i < t->set_count; i++)
        encode_set(t, &t->sets[i], codec, next_hop, &out);
    *len = out.len;
    return out.bytes;
}

void table_fini(struct table *t)
{
    free(t->sets);
    free(t->prefixes);
    free(t->bytes);
}
