#include "bgp/base/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void slab_init(struct slab *s, size_t record_size)
{
    assert(record_size >= sizeof(uint32_t) && record_size < 1u << 16);
    *s = (struct slab){ .size = (uint32_t)record_size, .top = 1 };
}

void slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->block_count; i++)
        free(s->blocks[i]);
    free(s->blocks);
    slab_init(s, s->size);
}

static bool grow(struct slab *s)
{
    if (s->block_count == 1u << (32 - SLAB_BLOCK_SHIFT))
        return false;
    if (s->block_count == s->block_cap) {
        uint32_t cap = s->block_cap ? s->block_cap * 2 : 16;
        unsigned char **blocks = realloc(s->blocks, cap * sizeof *blocks);
        if (!blocks)
            return false;
        s->blocks = blocks;
        s->block_cap = cap;
    }
    unsigned char *block = malloc((size_t)SLAB_BLOCK * s->size);
    if (!block)
        return false;
    s->blocks[s->block_count++] = block;
    return true;
}

uint32_t slab_new(struct slab *s)
{
    uint32_t index = s->free;
    if (index) {
        memcpy(&s->free, slab_at(s, index), sizeof s->free);
    } else {
        if (s->top >> SLAB_BLOCK_SHIFT == s->block_count && !grow(s))
            return 0;
        index = s->top++;
    }
    memset(slab_at(s, index), 0, s->size);
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
