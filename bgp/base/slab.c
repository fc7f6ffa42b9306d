#include "bgp/base/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t block_bytes(const struct slab *s)
{
    return (size_t)s->size << s->shift;
}

void slab_init(struct slab *s, size_t record_size)
{
    assert(record_size >= sizeof(uint32_t) && record_size < POOL_BLOCK_MAX);
    *s = (struct slab){ .size = (uint32_t)record_size, .shift = slab_shift(record_size), .top = 1 };
    s->mask = (1u << s->shift) - 1;
}

void slab_use_pool(struct slab *s, struct pool *pool)
{
    assert(!s->block_count);
    s->pool = pool;
}

static bool is_pooled(const struct slab *s, uint32_t block)
{
    return s->pool && block >= SLAB_SMALL;
}

void slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->block_count; i++)
        if (is_pooled(s, i))
            pool_free(s->pool, s->blocks[i], block_bytes(s));
        else
            free(s->blocks[i]);
    free(s->blocks);
    s->blocks = NULL;
    s->block_count = s->block_cap = s->free = s->count = 0;
    s->top = 1;
}

static bool grow(struct slab *s)
{
    uint32_t nth = s->block_count, cap = s->block_cap ? s->block_cap * 2 : 4;
    if (nth > UINT32_MAX >> s->shift)
        return false;
    if (nth == s->block_cap) {
        unsigned char **blocks = realloc(s->blocks, cap * sizeof *blocks);
        if (!blocks)
            return false;
        s->blocks = blocks;
        s->block_cap = cap;
    }
    s->blocks[nth] =
        is_pooled(s, nth) ? pool_new(s->pool, block_bytes(s)) : calloc(1, block_bytes(s));
    if (!s->blocks[nth])
        return false;
    s->block_count++;
    return true;
}

uint32_t slab_new(struct slab *s)
{
    uint32_t index = s->free;
    if (index) {
        memcpy(&s->free, slab_at(s, index), sizeof s->free);
        memset(slab_at(s, index), 0, s->size);
    } else { /* never used: zero as it came from the system */
        if (s->top >> s->shift == s->block_count && !grow(s))
            return 0;
        index = s->top++;
    }
    s->count++;
    return index;
}

bool slab_extend(struct slab *s, uint32_t index)
{
    while (index >> s->shift >= s->block_count)
        if (!grow(s))
            return false;
    s->count += index + 1 - s->top;
    s->top = index + 1;
    return true;
}

size_t slab_memory(const struct slab *s)
{
    return s->block_count * block_bytes(s) + s->block_cap * sizeof *s->blocks;
}
