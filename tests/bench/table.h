/* A full table for benches: made from a seed in the shape of a real one, or read from MRT updates. */
#ifndef TANDEM_TESTS_BENCH_TABLE_H
#define TANDEM_TESTS_BENCH_TABLE_H

#include "bgp/update.h"

struct table_set { /* one attribute set and the prefixes that share it */
    uint32_t attrs, attrs_len;  /* canonical bytes: offset and length in bytes */
    uint32_t first, count;      /* prefixes */
};

struct table {
    struct table_set *sets;
    size_t set_count, set_cap;
    struct ip_prefix *prefixes;
    size_t prefix_count, prefix_cap;
    uint8_t *bytes;
    size_t byte_count, byte_cap;
};

/* prefixes in sets of 6.4 on average; the first AS of every path is `asn`. */
void table_make(struct table *t, size_t prefixes, uint32_t asn, uint64_t seed);
/* Announcements of an uncompressed MRT file (BGP4MP, BGP4MP_ET), first AS replaced.
 * False when it cannot be read. */
bool table_read_mrt(struct table *t, const char *path, uint32_t asn);
/* All of it as UPDATE messages with this next hop; malloc'd. */
uint8_t *table_encode(const struct table *t, const struct bgp_codec *codec,
                      const struct ip_addr *next_hop, size_t *len);
void table_fini(struct table *t);

#endif
