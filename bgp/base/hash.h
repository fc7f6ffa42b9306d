/* Keyed 64-bit hash and an exact-match index from hashes to slab indices.
 *
 * Peers choose what is hashed, so the key is random per process (per seed in the simulator).
 * The index is open addressing over cells of four bytes: a value and, in the bits that values of this
 * table's size leave over, a part of the hash, by which nearly all cells of other keys are passed over
 * without a look at what they name. Cells stand in the order of their homes (Robin Hood hashing): so none is far
 * from its home, and that part of the hash, which begins with the last bits of the home, tells it. The bits
 * that follow say where the cell goes in a table twice as wide: to move it nobody has to be asked for its
 * hash. Only where values leave no room for that, or keys were chosen to collide, its owner is.
 * A few cells are moved with every insertion, cluster by cluster: none ever pays for the whole table, and the
 * place of a hash tells which of the two tables to look at. Equality is the caller's business:
 *
 *     struct hash_probe p = hash_probe(&index, hash);
 *     for (uint32_t v; (v = hash_probe_next(&p));)
 *         if (key_of(v) equals mine) return v;                                                  */
#ifndef TANDEM_BGP_BASE_HASH_H
#define TANDEM_BGP_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/base/hash_bytes.h"

/* Whose values an index holds. */
struct hash_owner {
    const void *of;
    uint64_t (*hash)(const void *of, uint32_t value);
};

enum { HASH_HOME_BITS = 6 }; /* last bits of its home that a cell begins with */

struct hash_table {
    uint32_t *cells; /* a part of the hash above `bits` of the value; 0: a gap */
    uint32_t homes;  /* places that a hash may name, a power of two; cells: homes + slack for what the last displace */
    uint32_t slack;
    uint8_t order; /* homes: 2 to the power of it; the first so many bits of a hash are its home */
    uint8_t bits;
    bool is_vague; /* cells do not tell their homes */
    uint32_t live; /* cells with a value */
    size_t bytes;
};

struct hash_index {
    struct hash_table now, old; /* old is being emptied into now */
    uint32_t moved;             /* cells of old already emptied: hashes with a home below it stand in now */
};

/* All zero is a valid empty index. Values are 1 … HASH_VALUE_MAX. */
enum { HASH_VALUE_MAX = INT32_MAX };
void hash_fini(struct hash_index *x);
/* Add a value that is not there yet; false (nothing changed) when memory ends. The owner is asked for the
 * hashes of values that are there. */
bool hash_insert(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value);
/* Remove a value that is there; of others the owner is asked. */
void hash_remove(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value);
size_t hash_memory(const struct hash_index *x);

/* Behind its own cells stand those of the homes that follow: they end it, where cells tell their homes. Else a gap does. */
struct hash_probe {
    const uint32_t *at; /* NULL: there is no cell at all */
    uint32_t tag;       /* what a cell of this hash has above its value */
    uint32_t limit;     /* values are below */
    uint32_t behind;    /* first bits of a cell whose home is the next one */
    uint32_t far, step; /* so many homes, as first bits, may have cells here already; 0: they are not told */
};

static inline uint32_t hash_home(const struct hash_table *t, uint64_t hash)
{
    return (uint32_t)(hash >> (64 - t->order));
}

/* What a cell shows of a hash: from the last bits of its home on. */
static inline uint32_t hash_tag(const struct hash_table *t, uint64_t hash)
{
    return (uint32_t)(hash << (t->order - HASH_HOME_BITS) >> 32) >> t->bits << t->bits;
}

static inline const struct hash_table *hash_table_of(const struct hash_index *x, uint64_t hash)
{
    return x->old.cells && hash_home(&x->old, hash) >= x->moved ? &x->old : &x->now;
}

static inline struct hash_probe hash_probe(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t = hash_table_of(x, hash);
    if (!t->cells)
        return (struct hash_probe){ 0 };
    const uint32_t home = hash_home(t, hash), a_home = 1u << (32 - HASH_HOME_BITS);
    return (struct hash_probe){ .at = t->cells + home,
                                .tag = hash_tag(t, hash),
                                .limit = 1u << t->bits,
                                .behind = (home + 1) * a_home,
                                .step = t->is_vague ? 0 : a_home };
}

/* The next value that may have this hash, 0 when there is none. */
static inline uint32_t hash_probe_next(struct hash_probe *p)
{
    for (uint32_t cell; p->at && (cell = *p->at) && cell - p->behind >= p->far;) {
        uint32_t value = cell ^ p->tag; /* of another tag: not below the limit */
        p->at++;
        p->far += p->step;
        if (value < p->limit)
            return value;
    }
    return 0;
}

/* Ask the memory system for the cell that a probe of this hash starts at. */
static inline void hash_prefetch(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t = hash_table_of(x, hash);
    if (t->cells)
        __builtin_prefetch(&t->cells[hash_home(t, hash)]);
}

#endif
