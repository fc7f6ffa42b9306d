/* Exact-match table of prefixes: each prefix gets an index, and each index a record of the caller.
 *
 * Indices are 32 bits with the family in the top bit; 0 is never handed out. A record stands beside
 * its key and never moves. RIB, targets and agents share this one way to name a prefix. */
#ifndef TANDEM_BGP_PREFIX_TABLE_H
#define TANDEM_BGP_PREFIX_TABLE_H

#include "bgp/base/hash.h"
#include "bgp/base/slab.h"
#include "bgp/codec/types.h"

enum { PREFIX_FAMILY_SHIFT = 31 };

struct prefix_table {
    struct slab records[BGP_FAMILIES]; /* the caller's record, then the key */
    struct hash_index index[BGP_FAMILIES];
    struct hash_key key;
    uint32_t record_size;
};

/* Behind the caller's record stands the key, length and octets as in struct ip_prefix; the next record starts aligned
 * for 32-bit fields. */
enum { PREFIX_KEY_IP4 = 1 + 4, PREFIX_KEY_IP6 = 1 + 16 };
static inline size_t prefix_record_bytes(size_t record_size, enum bgp_family f)
{
    return (record_size + (f == BGP_IP4 ? PREFIX_KEY_IP4 : PREFIX_KEY_IP6) + 3) / 4 * 4;
}

static inline enum bgp_family prefix_index_family(uint32_t index)
{
    return index >> PREFIX_FAMILY_SHIFT ? BGP_IP6 : BGP_IP4;
}

/* The index without its family: dense, from 1; for arrays beside the table. */
static inline uint32_t prefix_index_place(uint32_t index)
{
    return index & ((1u << PREFIX_FAMILY_SHIFT) - 1);
}

static inline uint32_t prefix_index(enum bgp_family family, uint32_t place)
{
    return place | (uint32_t)family << PREFIX_FAMILY_SHIFT;
}

/* record_size: up to the last byte in use, at least 4; the key stands right behind it. */
void prefix_table_init(struct prefix_table *t, struct hash_key key, size_t record_size);
/* For a table that may become large; before its first prefix. The pool outlives it. */
void prefix_table_use_pool(struct prefix_table *t, struct pool *pool);
void prefix_table_fini(struct prefix_table *t);

uint64_t prefix_table_hash(const struct prefix_table *t, const struct ip_prefix *p);
/* What is known of a prefix that is about to be looked up. */
struct prefix_hint {
    uint64_t hash;
    uint32_t index; /* 0: it is not there, or nobody knows */
};
static inline struct prefix_hint prefix_table_hint(const struct prefix_table *t, const struct ip_prefix *p)
{
    return (struct prefix_hint){ .hash = prefix_table_hash(t, p) };
}
/* For up to so many of one family at once, so that the waits for memory overlap: ask for their cells, … */
enum { PREFIX_TOGETHER = 64 };
void prefix_table_expect(const struct prefix_table *t, const struct ip_prefix *p, uint32_t count, struct prefix_hint *hints);
/* … and then for the records that those name: most of the prefixes that are there have an index now. */
void prefix_table_look(const struct prefix_table *t, const struct ip_prefix *p, uint32_t count, struct prefix_hint *hints);
/* Index of a prefix, 0 when it is not there; … */
uint32_t prefix_table_search(const struct prefix_table *t, const struct ip_prefix *p, uint64_t hash);
static inline uint32_t prefix_table_find_hinted(const struct prefix_table *t, const struct ip_prefix *p,
                                                const struct prefix_hint *hint)
{
    return hint->index ? hint->index : prefix_table_search(t, p, hint->hash);
}
/* … made with a zeroed record when it is new; 0 when memory ends. */
uint32_t prefix_table_make(struct prefix_table *t, const struct ip_prefix *p, uint64_t hash);
static inline uint32_t prefix_table_get_hinted(struct prefix_table *t, const struct ip_prefix *p,
                                               const struct prefix_hint *hint)
{
    return hint->index ? hint->index : prefix_table_make(t, p, hint->hash);
}
static inline uint32_t prefix_table_find(const struct prefix_table *t, const struct ip_prefix *p)
{
    return prefix_table_search(t, p, prefix_table_hash(t, p));
}
static inline uint32_t prefix_table_get(struct prefix_table *t, const struct ip_prefix *p)
{
    const struct prefix_hint hint = prefix_table_hint(t, p);
    return prefix_table_get_hinted(t, p, &hint);
}
void prefix_table_drop(struct prefix_table *t, uint32_t index);
void prefix_table_prefix(const struct prefix_table *t, uint32_t index, struct ip_prefix *out);

static inline void *prefix_table_record(const struct prefix_table *t, uint32_t index)
{
    return slab_at(&t->records[index >> PREFIX_FAMILY_SHIFT], prefix_index_place(index));
}

/* The same, where the compiler knows the size that prefix_table_init was told. */
static inline void *prefix_table_record_of(const struct prefix_table *t, uint32_t index, size_t record_size)
{
    if (index >> PREFIX_FAMILY_SHIFT)
        return slab_at_of(&t->records[BGP_IP6], prefix_index_place(index), prefix_record_bytes(record_size, BGP_IP6));
    return slab_at_of(&t->records[BGP_IP4], index, prefix_record_bytes(record_size, BGP_IP4));
}

/* … and the key: its length, then its octets. */
static inline const uint8_t *prefix_table_key_of(const struct prefix_table *t, uint32_t index, size_t record_size)
{
    return (const uint8_t *)prefix_table_record_of(t, index, record_size) + record_size;
}

static inline uint32_t prefix_table_count(const struct prefix_table *t)
{
    return t->records[BGP_IP4].count + t->records[BGP_IP6].count;
}

/* Highest place of a family that was ever handed out, plus one: for walks in place order together
 * with prefix_table_is_used. */
static inline uint32_t prefix_table_top(const struct prefix_table *t, enum bgp_family f)
{
    return t->records[f].top;
}
bool prefix_table_is_used(const struct prefix_table *t, uint32_t index);

size_t prefix_table_memory(const struct prefix_table *t);

#endif
