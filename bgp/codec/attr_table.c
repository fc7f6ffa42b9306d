/* Interned attribute sets: one copy of equal sets, counted, addressed by id. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/attr.h"

void bgp_attr_table_init(struct bgp_attr_table *t, struct hash_key key)
{
    *t = (struct bgp_attr_table){ .key = key };
    slab_init(&t->records, sizeof(struct bgp_attr_record));
    for (uint32_t i = 0; i < BGP_ATTRS_CLASSES; i++)
        slab_init(&t->bytes_of[i], (i + 1) * BGP_ATTRS_CLASS);
}

void bgp_attr_table_use_pool(struct bgp_attr_table *t, struct pool *pool)
{
    slab_use_pool(&t->records, pool);
    for (uint32_t i = 0; i < BGP_ATTRS_CLASSES; i++)
        slab_use_pool(&t->bytes_of[i], pool);
}

/* NULL: these bytes are too long for a slab. */
static struct slab *slab_of(struct bgp_attr_table *t, size_t len)
{
    size_t class = (len ? len - 1 : 0) / BGP_ATTRS_CLASS;
    return class < BGP_ATTRS_CLASSES ? &t->bytes_of[class] : NULL;
}

/* What a record points to: its bytes, and behind them the second next hop if there is one. */
static size_t held_bytes(const struct bgp_attrs *a)
{
    return a->len + (a->link_local ? sizeof *a->link_local : 0);
}

static uint8_t *new_bytes(struct bgp_attr_table *t, size_t len, uint32_t *place)
{
    struct slab *s = slab_of(t, len);
    *place = s ? slab_new(s) : 0;
    if (!s)
        return malloc(len);
    return *place ? slab_at(s, *place) : NULL;
}

static void free_bytes(struct bgp_attr_table *t, const struct bgp_attrs *a, uint32_t place)
{
    if (place)
        slab_free(slab_of(t, held_bytes(a)), place);
    else
        free((void *)(uintptr_t)a->bytes); /* ours: the table made the copy */
}

void bgp_attr_table_fini(struct bgp_attr_table *t)
{
    for (uint32_t id = 1; id < t->records.top; id++)
        if (bgp_attr_record(t, id)->refs)
            free_bytes(t, &bgp_attr_record(t, id)->attrs, bgp_attr_record(t, id)->place);
    for (uint32_t i = 0; i < BGP_ATTRS_CLASSES; i++)
        slab_fini(&t->bytes_of[i]);
    slab_fini(&t->records);
    hash_fini(&t->index);
}

static uint64_t hash_of(const struct bgp_attr_table *t, const struct bgp_attrs *a)
{
    uint64_t hash = hash_bytes(&t->key, a->bytes, a->len);
    struct hash_key chained = { hash, t->key.k1 };
    hash = hash_bytes(&chained, &a->next_hop, sizeof a->next_hop);
    if (!a->link_local)
        return hash;
    chained.k0 = hash;
    return hash_bytes(&chained, a->link_local, sizeof *a->link_local);
}

static bool is_equal(const struct bgp_attrs *a, const struct bgp_attrs *b)
{
    return a->len == b->len && ip_addr_is_equal(&a->next_hop, &b->next_hop) &&
           !a->link_local == !b->link_local &&
           (!a->link_local || ip_addr_is_equal(a->link_local, b->link_local)) &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

static uint64_t hash_again(const void *of, uint32_t id)
{
    return hash_of(of, &bgp_attr_record(of, id)->attrs);
}

static struct hash_owner owner(const struct bgp_attr_table *t)
{
    return (struct hash_owner){ .of = t, .hash = hash_again };
}

static uint32_t add(struct bgp_attr_table *t, const struct bgp_attrs *a, uint64_t hash)
{
    uint32_t place, id = slab_new(&t->records);
    if (!id)
        return 0;
    assert(!(id >> BGP_ATTRS_ID_BITS)); /* so many are more than the memory of any machine */
    uint8_t *bytes = new_bytes(t, held_bytes(a), &place);
    const struct hash_owner self = owner(t);
    struct bgp_attr_record *r = bgp_attr_record(t, id);
    *r = (struct bgp_attr_record){ .attrs = *a, .refs = 1, .place = place };
    r->attrs.bytes = bytes;
    if (!bytes || !hash_insert(&t->index, &self, hash, id)) {
        if (bytes)
            free_bytes(t, &r->attrs, place);
        *r = (struct bgp_attr_record){ 0 };
        slab_free(&t->records, id);
        return 0;
    }
    memcpy(bytes, a->bytes, a->len);
    if (a->link_local)
        r->attrs.link_local = memcpy(bytes + a->len, a->link_local, sizeof *a->link_local);
    t->bytes += held_bytes(a);
    return id;
}

uint32_t bgp_attrs_intern(struct bgp_attr_table *t, const struct bgp_attrs *a)
{
    uint64_t hash = hash_of(t, a);
    struct hash_probe p = hash_probe(&t->index, hash);
    for (uint32_t id; (id = hash_probe_next(&p));) {
        if (is_equal(&bgp_attr_record(t, id)->attrs, a)) {
            bgp_attr_record(t, id)->refs++;
            return id;
        }
    }
    return add(t, a, hash);
}

void bgp_attrs_drop(struct bgp_attr_table *t, uint32_t id)
{
    struct bgp_attr_record *r = bgp_attr_record(t, id);
    const struct hash_owner self = owner(t);
    hash_remove(&t->index, &self, hash_of(t, &r->attrs), id);
    t->bytes -= held_bytes(&r->attrs);
    free_bytes(t, &r->attrs, r->place);
    *r = (struct bgp_attr_record){ 0 };
    slab_free(&t->records, id);
}
