/* Interned attribute sets: one copy of equal sets, counted, addressed by id. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/attr.h"

struct record {
    struct bgp_attrs attrs;
    uint32_t refs;
};

void bgp_attr_table_init(struct bgp_attr_table *t, struct hash_key key)
{
    *t = (struct bgp_attr_table){ .key = key };
    slab_init(&t->records, sizeof(struct record));
}

static struct record *record_at(const struct bgp_attr_table *t, uint32_t id)
{
    return slab_at(&t->records, id);
}

static void free_bytes(struct record *r)
{
    free((void *)(uintptr_t)r->attrs.bytes); /* ours: the table made the copy */
}

void bgp_attr_table_fini(struct bgp_attr_table *t)
{
    for (uint32_t id = 1; id < t->records.top; id++)
        if (record_at(t, id)->refs)
            free_bytes(record_at(t, id));
    slab_fini(&t->records);
    hash_fini(&t->index);
}

static uint64_t hash_of(const struct bgp_attr_table *t, const struct bgp_attrs *a)
{
    uint64_t hash = hash_bytes(&t->key, a->bytes, a->len);
    struct hash_key chained = { hash, t->key.k1 };
    hash = hash_bytes(&chained, &a->next_hop, sizeof a->next_hop);
    if (ip_addr_is_zero(&a->link_local))
        return hash;
    chained.k0 = hash;
    return hash_bytes(&chained, &a->link_local, sizeof a->link_local);
}

static bool is_equal(const struct bgp_attrs *a, const struct bgp_attrs *b)
{
    return a->len == b->len && ip_addr_is_equal(&a->next_hop, &b->next_hop) &&
           ip_addr_is_equal(&a->link_local, &b->link_local) &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

static uint32_t add(struct bgp_attr_table *t, const struct bgp_attrs *a, uint64_t hash)
{
    uint8_t *bytes = malloc(a->len ? a->len : 1);
    uint32_t id = bytes ? slab_new(&t->records) : 0;
    if (!id || !hash_insert(&t->index, hash, id)) {
        if (id)
            slab_free(&t->records, id);
        free(bytes);
        return 0;
    }
    memcpy(bytes, a->bytes, a->len);
    *record_at(t, id) = (struct record){ .attrs = *a, .refs = 1 };
    record_at(t, id)->attrs.bytes = bytes;
    t->bytes += a->len;
    return id;
}

uint32_t bgp_attrs_intern(struct bgp_attr_table *t, const struct bgp_attrs *a)
{
    uint64_t hash = hash_of(t, a);
    struct hash_probe p = hash_probe(&t->index, hash);
    for (uint32_t id; (id = hash_probe_next(&p));) {
        if (is_equal(&record_at(t, id)->attrs, a)) {
            record_at(t, id)->refs++;
            return id;
        }
    }
    return add(t, a, hash);
}

void bgp_attrs_ref(struct bgp_attr_table *t, uint32_t id)
{
    if (id)
        record_at(t, id)->refs++;
}

void bgp_attrs_unref(struct bgp_attr_table *t, uint32_t id)
{
    if (!id)
        return;
    struct record *r = record_at(t, id);
    assert(r->refs);
    if (--r->refs)
        return;
    hash_remove(&t->index, hash_of(t, &r->attrs), id);
    t->bytes -= r->attrs.len;
    free_bytes(r);
    *r = (struct record){ 0 };
    slab_free(&t->records, id);
}

const struct bgp_attrs *bgp_attrs_get(const struct bgp_attr_table *t, uint32_t id)
{
    return &record_at(t, id)->attrs;
}
