/* Slab: many records of one size, addressed by a 32-bit index instead of a pointer.
 * Records stand in blocks that never move, so a pointer stays valid until its record is freed.
 * Index 0 is never handed out: it means «none». Freed records are reused, newest first. */
#ifndef TANDEM_BGP_BASE_SLAB_H
#define TANDEM_BGP_BASE_SLAB_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bgp/base/pool.h"

/* Blocks that are malloc's, which gives memory page by page: a small table should stay small. */
enum { SLAB_SMALL = 2 };

struct slab {
    unsigned char **blocks; /* of 1 << shift records: as many as fit POOL_BLOCK_MAX */
    struct pool *pool;      /* of the blocks after the first SLAB_SMALL; NULL: malloc's, all of them */
    uint32_t block_count, block_cap;
    uint32_t shift, mask; /* of an index: its block, and its place there */
    uint32_t size;  /* bytes a record, at least 4 */
    uint32_t top;   /* lowest index never handed out */
    uint32_t free;  /* head of the free list, 0 = empty */
    uint32_t count; /* live records */
};

void slab_init(struct slab *s, size_t record_size);
/* For a table that may become large; before its first record. The pool outlives it. */
void slab_use_pool(struct slab *s, struct pool *pool);
void slab_fini(struct slab *s);

/* Index of a zeroed record, or 0 when memory ends. */
uint32_t slab_new(struct slab *s);

/* Have all records up to this index, which nobody asks slab_new for: for what stands beside the records of another
 * slab. Takes as long as there are new blocks, not records. False, and nothing changed: memory ends. */
bool slab_extend(struct slab *s, uint32_t index);
static inline bool slab_reach(struct slab *s, uint32_t index)
{
    return index < s->top || slab_extend(s, index);
}

static inline void *slab_at(const struct slab *s, uint32_t index)
{
    return s->blocks[index >> s->shift] + (size_t)(index & s->mask) * s->size;
}

/* Of records of this size, so many bits of an index are its place in a block. */
static inline uint32_t slab_shift(size_t size)
{
    return 31 - (uint32_t)__builtin_clz((uint32_t)(POOL_BLOCK_MAX / size));
}

/* As slab_at, where the compiler knows the size and so has nothing to look up but the block. */
static inline void *slab_at_of(const struct slab *s, uint32_t index, size_t size)
{
    const uint32_t shift = slab_shift(size);
    return s->blocks[index >> shift] + (index & ((1u << shift) - 1)) * size;
}

/* As slab_new, likewise: a record that was freed takes no call. */
static inline uint32_t slab_new_of(struct slab *s, size_t size)
{
    uint32_t index = s->free;
    if (!index)
        return slab_new(s);
    void *record = slab_at_of(s, index, size);
    memcpy(&s->free, record, sizeof s->free);
    memset(record, 0, size);
    s->count++;
    return index;
}

/* record: slab_at of the index. */
static inline void slab_shelve(struct slab *s, uint32_t index, void *record)
{
    assert(index && index < s->top && s->count);
    memcpy(record, &s->free, sizeof s->free);
    s->free = index;
    s->count--;
}
static inline void slab_free(struct slab *s, uint32_t index)
{
    slab_shelve(s, index, slab_at(s, index));
}

/* Bytes held, of malloc's and the pool's. */
size_t slab_memory(const struct slab *s);

#endif
