/* Keyed 64-bit hash and an exact-match index from hashes to slab indices.
 *
 * Peers choose what is hashed, so the key is random per process (per seed in the simulator).
 * The index is cells of four bytes in buckets of a cache line. A hash begins with the number of its bucket, its home, and
 * its cell stands there or in the next one that has room. It holds a value and, in the bits that values of this table's
 * size leave over, how far from its home it stands and the part of the hash that follows: by that nearly all cells of other
 * keys are passed over without a look at what they name, and it says where the cell goes in a table twice as wide, so that
 * hardly anybody has to be asked for its hash. A bucket is looked at as a whole: a processor that guesses wrong how
 * often a loop will run loses more time than this takes.
 * A cluster of cells is moved with every insertion into a table that grows: none ever pays for the whole table, and the
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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "bgp/base/hash_bytes.h"

/* Whose values an index holds. */
struct hash_owner {
    const void *of;
    uint64_t (*hash)(const void *of, uint32_t value);
};

enum {
    HASH_BUCKET = 16,    /* cells; those in use stand in front */
    HASH_FAR_SHIFT = 30, /* a cell begins with the buckets from its home to where it stands, … */
    HASH_FAR = 3,        /* … this many or more; then a part of the hash, and the value */
    HASH_BITS_MAX = HASH_FAR_SHIFT - 1, /* of a value: at least one bit of the hash stands beside it */
};

struct hash_table {
    uint32_t *cells; /* 0: a gap */
    uint32_t homes;  /* buckets that a hash may name, a power of two; behind them … */
    uint32_t slack;  /* … so many for what the last displace */
    uint8_t order;   /* homes: 2 to the power of it; the first so many bits of a hash are its home */
    uint8_t bits;    /* of a value */
    uint32_t values; /* the bits of a cell that hold its value, … */
    uint32_t tags;   /* … and those that show a part of its hash */
    uint32_t live;   /* cells with a value */
    size_t bytes;
};

struct hash_index {
    struct hash_table now, old; /* old is being emptied into now */
    uint32_t moved;             /* buckets of old already emptied: hashes with a home below it stand in now */
};

/* All zero is a valid empty index. Values are 1 … HASH_VALUE_MAX. */
enum { HASH_VALUE_MAX = (1 << HASH_BITS_MAX) - 1 };
void hash_fini(struct hash_index *x);
/* Add a value that is not there yet; false (nothing changed) when memory ends, or the values that there can be. The owner
 * is asked for the hashes of values that are there. */
bool hash_insert(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value);
/* Remove a value that is there; of others the owner is asked. */
void hash_remove(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value);
size_t hash_memory(const struct hash_index *x);

static inline uint32_t hash_home(const struct hash_table *t, uint64_t hash)
{
    return (uint32_t)(hash >> (64 - t->order));
}

static inline uint32_t *hash_bucket(const struct hash_table *t, uint32_t nth)
{
    return t->cells + (size_t)nth * HASH_BUCKET;
}

static inline bool hash_is_full(const uint32_t *bucket)
{
    return bucket[HASH_BUCKET - 1];
}

static inline uint32_t hash_tag(const struct hash_table *t, uint64_t hash)
{
    return (uint32_t)(hash << t->order >> (64 - HASH_FAR_SHIFT)) & t->tags;
}

/* Four cells at once. */
typedef int32_t hash_cells __attribute__((vector_size(16)));

/* Those that are `what` in the bits of the mask: all ones. */
static inline hash_cells hash_match(const uint32_t *four, uint32_t what, uint32_t mask)
{
    hash_cells cells;
    memcpy(&cells, four, sizeof cells);
    return (cells & (int32_t)mask) == (int32_t)what;
}

/* A bit for each of sixteen cells. */
#ifdef __SSE2__
static inline uint32_t hash_gather(hash_cells a, hash_cells b, hash_cells c, hash_cells d)
{
    const __m128i front = _mm_packs_epi32((__m128i)a, (__m128i)b), back = _mm_packs_epi32((__m128i)c, (__m128i)d);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(front, back));
}
#else /* whatever vectors the machine has */
static inline uint32_t hash_gather(hash_cells a, hash_cells b, hash_cells c, hash_cells d)
{
    const hash_cells bits = { 1, 2, 4, 8 }, all = (a & bits) | (b & bits << 4) | (c & bits << 8) | (d & bits << 12);
    return (uint32_t)(all[0] | all[1] | all[2] | all[3]);
}
#endif

/* Which cells of a bucket are, a bit each. */
static inline uint32_t hash_matches(const uint32_t *bucket, uint32_t what, uint32_t mask)
{
    return hash_gather(hash_match(bucket, what, mask), hash_match(bucket + 4, what, mask),
                       hash_match(bucket + 8, what, mask), hash_match(bucket + 12, what, mask));
}

struct hash_probe {
    const uint32_t *bucket; /* NULL: there is no cell at all */
    uint32_t matches;       /* of its cells, those that were not looked at */
    uint32_t tag, tags, values;
};

static inline const struct hash_table *hash_table_of(const struct hash_index *x, uint64_t hash)
{
    return x->old.cells && hash_home(&x->old, hash) >= x->moved ? &x->old : &x->now;
}

static inline struct hash_probe hash_probe(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t = hash_table_of(x, hash);
    if (!t->cells)
        return (struct hash_probe){ 0 };
    const uint32_t *bucket = hash_bucket(t, hash_home(t, hash)), tag = hash_tag(t, hash);
    return (struct hash_probe){ bucket, hash_matches(bucket, tag, t->tags), tag, t->tags, t->values };
}

/* The next value that may have this hash, 0 when there is none. */
static inline uint32_t hash_probe_next(struct hash_probe *p)
{
    while (p->bucket) {
        if (p->matches) {
            uint32_t nth = (uint32_t)__builtin_ctz(p->matches);
            p->matches &= p->matches - 1;
            return p->bucket[nth] & p->values; /* 0: a gap, which looks like a tag of zeroes */
        }
        if (!hash_is_full(p->bucket))
            return 0;
        p->bucket += HASH_BUCKET;
        p->matches = hash_matches(p->bucket, p->tag, p->tags);
    }
    return 0;
}

/* Ask the memory system for the bucket that a probe of this hash starts at. */
static inline void hash_prefetch(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t = hash_table_of(x, hash);
    if (t->cells)
        __builtin_prefetch(hash_bucket(t, hash_home(t, hash)));
}

#endif
