/* The universe of routes of a bench: prefixes in attribute sets, made from a seed in the shape of a
 * full Internet table, or read from MRT updates. What a speaker announces is a range of it, in a
 * shape of its own (first AS, next hop, MED). */
#ifndef TANDEM_TESTS_BENCH_TABLE_H
#define TANDEM_TESTS_BENCH_TABLE_H

#include "bgp/codec/update.h"
#include "bgp/rib/prefix_table.h"

struct table_set {             /* one attribute set */
    uint32_t attrs, attrs_len; /* canonical bytes: offset and length in bytes */
};

struct table {
    struct table_set *sets;
    size_t set_count, set_cap;
    struct ip_prefix *prefixes; /* distinct */
    uint32_t *set_of;           /* of a prefix */
    size_t prefix_count, prefix_cap, set_of_cap;
    struct prefix_table index; /* record: uint32_t, place of the prefix + 1 */
    uint8_t *bytes;
    size_t byte_count, byte_cap;
};

/* How one speaker sends the routes. */
struct table_shape {
    uint32_t asn;     /* stands in front of the path, instead of the first AS */
    unsigned prepend; /* and so many times more */
    uint32_t med;     /* 0: as the set has it */
    struct ip_addr next_hop;
};

enum { TABLE_ATTRS_MAX = 4096 };
static const uint32_t TABLE_NONE = UINT32_MAX; /* no prefix of the table */

/* prefixes in sets of 6.4 on average. */
void table_make(struct table *t, size_t prefixes, uint64_t seed);
/* Announcements of an uncompressed MRT file (BGP4MP, BGP4MP_ET). False: it cannot be read. */
bool table_read_mrt(struct table *t, const char *path);
void table_fini(struct table *t);

/* Place of a prefix, or TABLE_NONE. */
uint32_t table_find(const struct table *t, const struct ip_prefix *p);
/* Canonical attributes of a set in a shape; buf has TABLE_ATTRS_MAX bytes. Returns their length. */
size_t table_attrs(const struct table *t, uint32_t set, const struct table_shape *shape,
                   uint8_t *buf);

/* Bytes that grow; for what is to be sent. */
struct output {
    uint8_t *bytes;
    size_t len, cap;
};
/* UPDATE messages that announce or withdraw prefixes [first, first + count) are added to out. */
void table_announce(const struct table *t, size_t first, size_t count,
                    const struct table_shape *shape, const struct bgp_codec *codec,
                    struct output *out);
void table_withdraw(const struct table *t, size_t first, size_t count,
                    const struct bgp_codec *codec, struct output *out);

/* For the two sources: one more set, then its prefixes; twins are left out. */
uint32_t table_add_set(struct table *t, const uint8_t *attrs, size_t len);
void table_add_prefix(struct table *t, const struct ip_prefix *p, uint32_t set);
/* realloc to the next power of two; ends the process when memory ends. */
void *table_grow(void *items, size_t *cap, size_t need, size_t size);

#endif
