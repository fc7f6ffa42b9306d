/* Keyed 64-bit hash and an exact-match index from hashes to slab indices.
 *
 * Peers choose what is hashed, so the key is random per process (per seed in the simulator).
 * The index is an array of (hash, value) cells, ascending by hash, with gaps: a hash names its place
 * by its size alone, so a probe ends at the first larger hash, the array can be four fifths full, and
 * growing it is one merge from left to right. A few cells are moved with every insertion: none ever
 * pays for the whole table, and of the two arrays the hash tells which one to look at. Equality is
 * the caller's business:
 *
 *     struct hash_probe p = hash_probe(&index, hash);
 *     for (uint32_t v; (v = hash_probe_next(&p));)
 *         if (key_of(v) equals mine) return v;                                                  */
#ifndef TANDEM_BGP_BASE_HASH_H
#define TANDEM_BGP_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

struct hash_cell {
    uint32_t hash, value; /* value 0 = gap */
};

struct hash_table {
    struct hash_cell *cells;
    uint32_t homes; /* places that a hash may name; cells: homes + slack for what the last displace */
    uint32_t slack;
    uint32_t count;
    size_t bytes;
};

struct hash_index {
    struct hash_table now, old; /* old is being emptied into now */
    uint32_t moved;             /* cells of old already emptied */
    uint32_t frontier;          /* hashes below it stand in now, from it on in old */
};

/* All zero is a valid empty index. Values are never 0 nor UINT32_MAX. */
void hash_fini(struct hash_index *x);
/* Add a value that is not there yet; false (nothing changed) when memory ends. */
bool hash_insert(struct hash_index *x, uint64_t hash, uint32_t value);
/* Remove a value that is there. */
void hash_remove(struct hash_index *x, uint64_t hash, uint32_t value);
size_t hash_memory(const struct hash_index *x);

struct hash_probe {
    const struct hash_cell *at, *end;
    uint32_t hash;
};

struct hash_probe hash_probe(const struct hash_index *x, uint64_t hash);
/* The next value with this hash, 0 when there is none. */
uint32_t hash_probe_next(struct hash_probe *p);
/* Ask the memory system for the cell that a probe of this hash starts at. */
void hash_prefetch(const struct hash_index *x, uint64_t hash);

#endif
