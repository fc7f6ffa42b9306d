#include "bgp/base/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/pages.h"

static size_t block_bytes(const struct slab *s)
{
    return (size_t)SLAB_BLOCK * s->size;
}

/* Blocks that a region of pages holds. */
static uint32_t region_blocks(const struct slab *s)
{
    size_t fit = PAGES_MIN / block_bytes(s);
    return fit ? (uint32_t)fit : 1;
}

static size_t region_bytes(const struct slab *s)
{
    size_t bytes = region_blocks(s) * block_bytes(s);
    return (bytes + PAGES_MIN - 1) / PAGES_MIN * PAGES_MIN;
}

void slab_init(struct slab *s, size_t record_size)
{
    assert(record_size >= sizeof(uint32_t) && record_size < 1u << 16);
    *s = (struct slab){ .size = (uint32_t)record_size, .top = 1 };
}

void slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->block_count && i < SLAB_SINGLES; i++)
        free(s->blocks[i]);
    for (uint32_t i = SLAB_SINGLES; i < s->block_count; i += region_blocks(s))
        pages_free(s->blocks[i], region_bytes(s));
    free(s->blocks);
    slab_init(s, s->size);
}

static bool reserve_blocks(struct slab *s, uint32_t more)
{
    if (s->block_count + more <= s->block_cap)
        return true;
    uint32_t cap = s->block_cap ? s->block_cap * 2 : 16;
    while (cap < s->block_count + more)
        cap *= 2;
    unsigned char **blocks = realloc(s->blocks, cap * sizeof *blocks);
    if (!blocks)
        return false;
    s->blocks = blocks;
    s->block_cap = cap;
    return true;
}

static bool grow(struct slab *s)
{
    uint32_t more = s->block_count < SLAB_SINGLES ? 1 : region_blocks(s);
    size_t bytes = region_bytes(s);
    if (s->block_count > (1u << (32 - SLAB_BLOCK_SHIFT)) - more || !reserve_blocks(s, more))
        return false;
    unsigned char *at =
        s->block_count < SLAB_SINGLES ? calloc(1, block_bytes(s)) : pages_new(&bytes);
    if (!at)
        return false;
    for (uint32_t i = 0; i < more; i++)
        s->blocks[s->block_count++] = at + i * block_bytes(s);
    return true;
}

uint32_t slab_new(struct slab *s)
{
    uint32_t index = s->free;
    if (index) {
        memcpy(&s->free, slab_at(s, index), sizeof s->free);
        memset(slab_at(s, index), 0, s->size);
    } else { /* never used: zero as it came from the system */
        if (s->top >> SLAB_BLOCK_SHIFT == s->block_count && !grow(s))
            return 0;
        index = s->top++;
    }
    s->count++;
    return index;
}

void slab_free(struct slab *s, uint32_t index)
{
    assert(index && index < s->top && s->count);
    memcpy(slab_at(s, index), &s->free, sizeof s->free);
    s->free = index;
    s->count--;
}

size_t slab_memory(const struct slab *s)
{
    return (size_t)s->block_count * SLAB_BLOCK * s->size + s->block_cap * sizeof *s->blocks;
}
