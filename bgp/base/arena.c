#include "bgp/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { CHUNK_MIN = 16 * 1024 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t cap;
    alignas(max_align_t) unsigned char bytes[];
};

static void free_from(struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *older = c->older;
        free(c);
        c = older;
    }
}

void arena_fini(struct arena *a)
{
    free_from(a->chunk);
    *a = (struct arena){ 0 };
}

void *arena_alloc(struct arena *a, size_t len)
{
    const size_t align = alignof(max_align_t);
    if (len > SIZE_MAX / 2)
        return NULL;
    len = (len + align - 1) / align * align;
    if (!a->chunk || len > a->chunk->cap - a->used) {
        size_t cap = a->chunk ? a->chunk->cap * 2 : CHUNK_MIN;
        while (cap < len)
            cap *= 2;
        struct arena_chunk *c = malloc(sizeof *c + cap);
        if (!c)
            return NULL;
        c->older = a->chunk;
        c->cap = cap;
        a->chunk = c;
        a->used = 0;
    }
    void *p = a->chunk->bytes + a->used;
    a->used += len;
    return p;
}

void arena_reset(struct arena *a)
{
    if (a->chunk) {
        free_from(a->chunk->older);
        a->chunk->older = NULL;
    }
    a->used = 0;
}
