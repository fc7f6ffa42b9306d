#include "tests/bench/table.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/codec/msg.h"

enum { SETS_PER_1000 = 155, ASN_MIN = 1000, ASN_SPAN = 60000 };

void *table_grow(void *items, size_t *cap, size_t need, size_t size)
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

void table_fini(struct table *t)
{
    prefix_table_fini(&t->index);
    free(t->sets);
    free(t->prefixes);
    free(t->set_of);
    free(t->bytes);
}

uint32_t table_find(const struct table *t, const struct ip_prefix *p)
{
    uint32_t place = prefix_table_find(&t->index, p);
    return place ? *(uint32_t *)prefix_table_record(&t->index, place) - 1 : TABLE_NONE;
}

/* ---- filling it ---- */

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

uint32_t table_add_set(struct table *t, const uint8_t *attrs, size_t len)
{
    if (!t->set_count)
        prefix_table_init(&t->index, (struct hash_key){ 1, 2 }, sizeof(uint32_t));
    t->sets = table_grow(t->sets, &t->set_cap, t->set_count + 1, sizeof *t->sets);
    t->bytes = table_grow(t->bytes, &t->byte_cap, t->byte_count + len, 1);
    memcpy(t->bytes + t->byte_count, attrs, len);
    sort_communities(t->bytes + t->byte_count, len);
    t->sets[t->set_count] = (struct table_set){ (uint32_t)t->byte_count, (uint32_t)len };
    t->byte_count += len;
    return (uint32_t)t->set_count++;
}

void table_add_prefix(struct table *t, const struct ip_prefix *p, uint32_t set)
{
    uint32_t place = prefix_table_get(&t->index, p);
    if (!place)
        abort();
    uint32_t *number = prefix_table_record(&t->index, place);
    if (*number)
        return;
    t->prefixes = table_grow(t->prefixes, &t->prefix_cap, t->prefix_count + 1, sizeof *t->prefixes);
    t->set_of = table_grow(t->set_of, &t->set_of_cap, t->prefix_count + 1, sizeof *t->set_of);
    t->prefixes[t->prefix_count] = *p;
    t->set_of[t->prefix_count] = set;
    *number = (uint32_t)++t->prefix_count;
}

/* ---- made from a seed ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return z ^ z >> 27;
}

static void put_path(struct wire_writer *w, unsigned hops, uint64_t *random)
{
    wire_put8(w, BGP_FLAG_TRANSITIVE);
    wire_put8(w, BGP_ATTR_AS_PATH);
    wire_put8(w, (uint8_t)(2 + 4 * hops));
    wire_put8(w, 2); /* AS_SEQUENCE */
    wire_put8(w, (uint8_t)hops);
    for (unsigned i = 0; i < hops; i++)
        wire_put32(w, ASN_MIN + (uint32_t)(next_random(random) % ASN_SPAN));
}

/* ORIGIN, a path of 2 to 6 ASes, communities on half of the sets: about 66 bytes on average. */
static size_t make_attrs(uint8_t *buf, size_t cap, uint64_t *random)
{
    struct wire_writer w = wire_writer(buf, cap);
    unsigned hops = 2 + (unsigned)(next_random(random) % 5);
    unsigned communities = (unsigned)(next_random(random) % 9);
    const uint8_t origin[] = { BGP_FLAG_TRANSITIVE, BGP_ATTR_ORIGIN, 1,
                               next_random(random) % 8 ? BGP_ORIGIN_IGP : BGP_ORIGIN_INCOMPLETE };
    wire_put(&w, origin, sizeof origin);
    put_path(&w, hops, random);
    if (communities > 3) {
        wire_put8(&w, BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE);
        wire_put8(&w, BGP_ATTR_COMMUNITIES);
        wire_put8(&w, (uint8_t)(4 * communities));
        for (unsigned i = 0; i < communities;
             i++) /* none of RFC 1997's own, which begin with ffff */
            wire_put32(&w, (uint32_t)(next_random(random) % 0xfffe0000));
    }
    return wire_len(&w);
}

/* Distinct by construction: the n-th piece of 1,024 addresses, as /24, /23 or /22. From 11.0.0.0 on:
 * the peers' own addresses (10.7.0.0/16) must not have more specific routes. */
static struct ip_prefix make_prefix(size_t n, uint64_t *random)
{
    uint8_t len = (uint8_t)(next_random(random) % 10 < 6 ? 24 : 22 + next_random(random) % 2);
    struct ip_prefix p = { .family = BGP_IP4, .len = len };
    wire_set32(p.bytes, (uint32_t)(0x0b000000u + n * 1024));
    return p;
}

void table_make(struct table *t, size_t prefixes, uint64_t seed)
{
    uint64_t random = seed;
    *t = (struct table){ 0 };
    while (t->prefix_count < prefixes) {
        uint8_t attrs[256];
        uint32_t set = table_add_set(t, attrs, make_attrs(attrs, sizeof attrs, &random));
        do {
            struct ip_prefix p = make_prefix(t->prefix_count, &random);
            table_add_prefix(t, &p, set);
        } while (t->prefix_count < prefixes && next_random(&random) % 1000 >= SETS_PER_1000);
    }
}

/* ---- a speaker's shape ---- */

/* The first segment of a path is a sequence: its first AS becomes asn, 1 + prepend times. */
static void put_shaped_path(struct wire_writer *w, const struct bgp_attr_view *v,
                            const struct table_shape *s)
{
    unsigned len = v->len + 4 * s->prepend;
    wire_put8(w, (uint8_t)(len > 255 ? v->flags | BGP_FLAG_EXTENDED : v->flags));
    wire_put8(w, v->type);
    if (len > 255)
        wire_put16(w, (uint16_t)len);
    else
        wire_put8(w, (uint8_t)len);
    wire_put8(w, v->value[0]);
    wire_put8(w, (uint8_t)(v->value[1] + s->prepend));
    for (unsigned i = 0; i <= s->prepend; i++)
        wire_put32(w, s->asn);
    wire_put(w, v->value + 6, v->len - 6u);
}

static void put_med(struct wire_writer *w, uint32_t med)
{
    const uint8_t head[] = { BGP_FLAG_OPTIONAL, BGP_ATTR_MED, 4 };
    wire_put(w, head, sizeof head);
    wire_put32(w, med);
}

size_t table_attrs(const struct table *t, uint32_t set, const struct table_shape *shape,
                   uint8_t *buf)
{
    struct wire_reader r = wire_reader(t->bytes + t->sets[set].attrs, t->sets[set].attrs_len);
    struct wire_writer w = wire_writer(buf, TABLE_ATTRS_MAX);
    struct bgp_attr_view v;
    for (const uint8_t *at = r.at; bgp_attrs_next(&r, &v); at = r.at) {
        if (v.type == BGP_ATTR_AS_PATH) {
            put_shaped_path(&w, &v, shape);
            if (shape->med)
                put_med(&w, shape->med);
        } else if (v.type != BGP_ATTR_MED || !shape->med) {
            wire_put(&w, at, (size_t)(r.at - at));
        }
    }
    return wire_len(&w);
}

/* ---- encoding ---- */

static uint8_t *room(struct output *out)
{
    out->bytes = table_grow(out->bytes, &out->cap, out->len + BGP_MESSAGE_MAX, 1);
    return out->bytes + out->len;
}

/* One UPDATE from prefix i on; returns the first prefix that it had no room or no attributes for. */
static size_t announce_one(const struct table *t, size_t i, size_t end,
                           const struct table_shape *shape, const struct bgp_codec *codec,
                           struct output *out)
{
    uint8_t attrs[TABLE_ATTRS_MAX];
    struct bgp_update_builder b;
    uint32_t set = t->set_of[i];
    size_t len = table_attrs(t, set, shape, attrs);
    if (!bgp_update_begin_reach(&b, room(out), codec, BGP_IP4, attrs, (uint16_t)len,
                                &shape->next_hop, NULL))
        abort();
    while (i < end && t->set_of[i] == set && bgp_update_add(&b, &t->prefixes[i], 0))
        i++;
    out->len += bgp_update_end(&b);
    return i;
}

void table_announce(const struct table *t, size_t first, size_t count,
                    const struct table_shape *shape, const struct bgp_codec *codec,
                    struct output *out)
{
    for (size_t i = first; i < first + count;)
        i = announce_one(t, i, first + count, shape, codec, out);
}

void table_withdraw(const struct table *t, size_t first, size_t count,
                    const struct bgp_codec *codec, struct output *out)
{
    for (size_t i = first; i < first + count;) {
        struct bgp_update_builder b;
        bgp_update_begin_withdraw(&b, room(out), codec, BGP_IP4);
        while (i < first + count && bgp_update_add(&b, &t->prefixes[i], 0))
            i++;
        out->len += bgp_update_end(&b);
    }
}
