#include "bgp/rib/prefix_table.h"

#include <assert.h>
#include <string.h>

/* By its length a walk tells a record that is free: no prefix has this one. */
enum { UNUSED = 255, KEY_IP4 = PREFIX_KEY_IP4, KEY_IP6 = PREFIX_KEY_IP6 };

static uint8_t *key_of(const struct prefix_table *t, enum bgp_family f, uint32_t place)
{
    return (uint8_t *)slab_at(&t->records[f], place) + t->record_size;
}

/* Lengths are constants, here and below: then a copy is a move or two. */
static void copy_key(uint8_t *to, const uint8_t *key, enum bgp_family f)
{
    if (f == BGP_IP4)
        memcpy(to, key, KEY_IP4);
    else
        memcpy(to, key, KEY_IP6);
}

static bool is_key(const uint8_t *key, const struct ip_prefix *p)
{
    return p->family == BGP_IP4 ? !memcmp(key, &p->len, KEY_IP4) : !memcmp(key, &p->len, KEY_IP6);
}

void prefix_table_init(struct prefix_table *t, struct hash_key key, size_t record_size)
{
    assert(record_size >= sizeof(uint32_t)); /* what a free record keeps there must not reach its key */
    *t = (struct prefix_table){ .key = key, .record_size = (uint32_t)record_size };
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_init(&t->records[f], prefix_record_bytes(record_size, (enum bgp_family)f));
}

void prefix_table_use_pool(struct prefix_table *t, struct pool *pool)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_use_pool(&t->records[f], pool);
}

void prefix_table_fini(struct prefix_table *t)
{
    for (int f = 0; f < BGP_FAMILIES; f++) {
        slab_fini(&t->records[f]);
        hash_fini(&t->index[f]);
    }
}

/* The family is not hashed: each has its own index. */
static uint64_t hash_key(const struct prefix_table *t, enum bgp_family f, const uint8_t *key)
{
    return f == BGP_IP4 ? hash_bytes(&t->key, key, KEY_IP4) : hash_bytes(&t->key, key, KEY_IP6);
}

uint64_t prefix_table_hash(const struct prefix_table *t, const struct ip_prefix *p)
{
    return hash_key(t, (enum bgp_family)p->family, &p->len);
}

static uint64_t hash_ip4(const void *of, uint32_t place)
{
    return hash_key(of, BGP_IP4, key_of(of, BGP_IP4, place));
}

static uint64_t hash_ip6(const void *of, uint32_t place)
{
    return hash_key(of, BGP_IP6, key_of(of, BGP_IP6, place));
}

static struct hash_owner owner(const struct prefix_table *t, enum bgp_family f)
{
    return f == BGP_IP4 ? (struct hash_owner){ .of = t, .hash = hash_ip4 }
                        : (struct hash_owner){ .of = t, .hash = hash_ip6 };
}

uint32_t prefix_table_search(const struct prefix_table *t, const struct ip_prefix *p, uint64_t hash)
{
    struct hash_probe probe = hash_probe(&t->index[p->family], hash);
    for (uint32_t place; (place = hash_probe_next(&probe));)
        if (is_key(key_of(t, p->family, place), p))
            return prefix_index((enum bgp_family)p->family, place);
    return 0;
}

void prefix_table_expect(const struct prefix_table *t, const struct ip_prefix *p, uint32_t count, struct prefix_hint *hints)
{
    for (uint32_t i = 0; i < count; i++) {
        hints[i] = prefix_table_hint(t, &p[i]);
        hash_prefetch(&t->index[p[i].family], hints[i].hash);
    }
}

/* The place in the first cell that may be this hash's: nearly always it is. 0: there is none. */
static inline uint32_t likely_place(const struct prefix_table *t, enum bgp_family f, uint64_t hash)
{
    struct hash_probe probe = hash_probe(&t->index[f], hash);
    return hash_probe_next(&probe);
}

void prefix_table_look(const struct prefix_table *t, const struct ip_prefix *p, uint32_t count, struct prefix_hint *hints)
{
    const uint8_t *keys[PREFIX_TOGETHER];
    const enum bgp_family f = (enum bgp_family)p->family;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = likely_place(t, f, hints[i].hash);
        keys[i] = place ? key_of(t, f, place) : NULL;
        hints[i].index = place ? prefix_index(f, place) : 0;
        __builtin_prefetch(keys[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!keys[i] || !is_key(keys[i], &p[i]))
            hints[i].index = 0;
}

static void free_record(struct prefix_table *t, enum bgp_family f, uint32_t place)
{
    *key_of(t, f, place) = UNUSED;
    slab_free(&t->records[f], place);
}

uint32_t prefix_table_make(struct prefix_table *t, const struct ip_prefix *p, uint64_t hash)
{
    const struct hash_owner self = owner(t, (enum bgp_family)p->family);
    uint32_t index = prefix_table_search(t, p, hash);
    if (index)
        return index;
    uint32_t place = slab_new(&t->records[p->family]);
    if (!place)
        return 0;
    if (!hash_insert(&t->index[p->family], &self, hash, place)) {
        free_record(t, (enum bgp_family)p->family, place);
        return 0;
    }
    copy_key(key_of(t, p->family, place), &p->len, (enum bgp_family)p->family);
    return prefix_index((enum bgp_family)p->family, place);
}

void prefix_table_prefix(const struct prefix_table *t, uint32_t index, struct ip_prefix *out)
{
    enum bgp_family f = prefix_index_family(index);
    *out = (struct ip_prefix){ .family = (uint8_t)f };
    copy_key(&out->len, key_of(t, f, prefix_index_place(index)), f);
}

void prefix_table_drop(struct prefix_table *t, uint32_t index)
{
    enum bgp_family f = prefix_index_family(index);
    uint32_t place = prefix_index_place(index);
    const struct hash_owner self = owner(t, f);
    struct ip_prefix p;
    prefix_table_prefix(t, index, &p);
    hash_remove(&t->index[f], &self, prefix_table_hash(t, &p), place);
    free_record(t, f, place);
}

bool prefix_table_is_used(const struct prefix_table *t, uint32_t index)
{
    enum bgp_family f = prefix_index_family(index);
    uint32_t place = prefix_index_place(index);
    return place && place < t->records[f].top && *key_of(t, f, place) != UNUSED;
}

size_t prefix_table_memory(const struct prefix_table *t)
{
    size_t bytes = 0;
    for (int f = 0; f < BGP_FAMILIES; f++)
        bytes += slab_memory(&t->records[f]) + hash_memory(&t->index[f]);
    return bytes;
}
