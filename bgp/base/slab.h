/* Slab: many records of one size, addressed by a 32-bit index instead of a pointer.
 * Records stand in blocks that never move, so a pointer stays valid until its record is freed.
 * Index 0 is never handed out: it means «none». Freed records are reused, newest first. */
#ifndef TANDEM_BGP_BASE_SLAB_H
#define TANDEM_BGP_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SLAB_BLOCK_SHIFT = 12,
    SLAB_BLOCK = 1 << SLAB_BLOCK_SHIFT,
    SLAB_SINGLES = 16, /* blocks that come one by one; those behind come in huge pages (pages.h) */
};

struct slab {
    unsigned char **blocks;
    uint32_t block_count, block_cap;
    uint32_t size;  /* bytes a record, at least 4 */
    uint32_t top;   /* lowest index never handed out */
    uint32_t free;  /* head of the free list, 0 = empty */
    uint32_t count; /* live records */
};

void slab_init(struct slab *s, size_t record_size);
void slab_fini(struct slab *s);

/* Index of a zeroed record, or 0 when memory ends. */
uint32_t slab_new(struct slab *s);
void slab_free(struct slab *s, uint32_t index);

static inline void *slab_at(const struct slab *s, uint32_t index)
{
    return s->blocks[index >> SLAB_BLOCK_SHIFT] + (size_t)(index & (SLAB_BLOCK - 1)) * s->size;
}

/* Bytes held from the system. */
size_t slab_memory(const struct slab *s);

#endif
