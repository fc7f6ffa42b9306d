#include "tests/bench/blocks.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    HUGE_PAGE = 2 << 20,
    CHUNK = 4 << 20,
    BLOCK_ROOM = sizeof(struct block) + BLOCK_MAX,
};

struct chunk {
    struct chunk *next;
    size_t used, live; /* bytes; blocks kept and not dropped */
    alignas(struct block) uint8_t bytes[];
};

static struct chunk *new_chunk(void)
{
    struct chunk *c = aligned_alloc(HUGE_PAGE, CHUNK);
    if (!c)
        abort();
    madvise(c, CHUNK, MADV_HUGEPAGE); /* smaller pages do as well */
    memset(c, 0, CHUNK);
    return c;
}

static void give_back(struct blocks *b, struct chunk *c)
{
    c->used = 0;
    c->next = b->free;
    b->free = c;
}

void blocks_reserve(struct blocks *b, size_t bytes)
{
    size_t have = 0;
    for (const struct chunk *c = b->free; c; c = c->next)
        have += CHUNK;
    for (; have < bytes; have += CHUNK)
        give_back(b, new_chunk());
}

static size_t left(const struct chunk *c)
{
    return CHUNK - sizeof *c - c->used;
}

static void begin_chunk(struct blocks *b)
{
    if (!b->free)
        give_back(b, new_chunk());
    b->current = b->free;
    b->free = b->current->next;
}

struct block *blocks_room(struct blocks *b)
{
    if (!b->current || left(b->current) < BLOCK_ROOM)
        begin_chunk(b);
    struct block *block = (void *)(b->current->bytes + b->current->used);
    block->chunk = b->current;
    return block;
}

void blocks_keep(struct blocks *b, struct block *block, size_t len, uint64_t at_ns)
{
    size_t size = sizeof *block + len, align = alignof(struct block);
    block->next = NULL;
    block->at_ns = at_ns;
    block->len = len;
    block->chunk->used += (size + align - 1) / align * align;
    block->chunk->live++;
    b->waiting += len;
}

void blocks_drop(struct blocks *b, struct block *block)
{
    struct chunk *c = block->chunk;
    b->waiting -= block->len;
    if (--c->live)
        return;
    if (c == b->current)
        c->used = 0;
    else
        give_back(b, c);
}

void blocks_fini(struct blocks *b)
{
    free(b->current);
    while (b->free) {
        struct chunk *c = b->free;
        b->free = c->next;
        free(c);
    }
    *b = (struct blocks){ 0 };
}
