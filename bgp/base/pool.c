#include "bgp/base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bgp/base/pages.h"

enum {
    UNIT = 4096,
    UNITS = PAGES_MIN / UNIT,
    PLAIN_RUNS = 4, /* of ordinary pages, which cost nothing until touched: of so few bytes in all the
                     * untouched part of a huge page would be much */
    RUNS_TRIED = 4, /* that turn out to be full: they go behind all others, and a new one comes */
};

/* Stands in the first unit of its huge page, so that a block finds its run by its address. */
struct run {
    struct list all;
    uint32_t used;  /* units, this one too */
    uint32_t fresh; /* units from here on were never handed out: they are zero */
    uint64_t taken[UNITS / 64];
};

void pool_init(struct pool *p)
{
    *p = (struct pool){ 0 };
    list_init(&p->runs);
}

void pool_fini(struct pool *p)
{
    assert(!p->bytes);
    *p = (struct pool){ 0 };
}

static uint32_t units_of(size_t bytes)
{
    assert(bytes && bytes <= POOL_BLOCK_MAX);
    return (uint32_t)((bytes + UNIT - 1) / UNIT);
}

static void mark(struct run *r, uint32_t first, uint32_t count, bool taken)
{
    for (uint32_t i = first; i < first + count; i++)
        if (taken)
            r->taken[i / 64] |= (uint64_t)1 << i % 64;
        else
            r->taken[i / 64] &= ~((uint64_t)1 << i % 64);
    r->used += taken ? count : -count;
}

/* The first of so many free units in a row, 0 = there are none. */
static uint32_t find(const struct run *r, uint32_t count)
{
    uint32_t free = 0;
    if (UNITS - r->used < count)
        return 0;
    for (uint32_t i = 1; i < UNITS; i++) {
        free = r->taken[i / 64] >> i % 64 & 1 ? 0 : free + 1;
        if (free == count)
            return i + 1 - count;
    }
    return 0;
}

static struct run *run_new(struct pool *p)
{
    size_t bytes = PAGES_MIN;
    struct run *r = pages_new(&bytes, p->bytes >= (size_t)PLAIN_RUNS * PAGES_MIN);
    if (!r)
        return NULL;
    r->fresh = 1;
    mark(r, 0, 1, true);
    list_append(p->runs.next, &r->all); /* before the first */
    p->bytes += bytes;
    return r;
}

static struct run *run_with(struct pool *p, uint32_t count, uint32_t *first)
{
    for (int tried = 0; tried < RUNS_TRIED && !list_is_empty(&p->runs); tried++) {
        struct run *r = LIST_OF(p->runs.next, struct run, all);
        if ((*first = find(r, count)))
            return r;
        list_remove(&r->all);
        list_append(&p->runs, &r->all);
    }
    struct run *r = run_new(p);
    *first = r ? find(r, count) : 0;
    return r;
}

void *pool_new(struct pool *p, size_t bytes)
{
    uint32_t first, count = units_of(bytes);
    struct run *r = run_with(p, count, &first);
    if (!r)
        return NULL;
    mark(r, first, count, true);
    unsigned char *block = (unsigned char *)r + (size_t)first * UNIT;
    if (first < r->fresh)
        memset(block, 0, (size_t)count * UNIT);
    if (first + count > r->fresh)
        r->fresh = first + count;
    return block;
}

void pool_free(struct pool *p, void *block, size_t bytes)
{
    uintptr_t offset = (uintptr_t)block % PAGES_MIN;
    struct run *r = (struct run *)((unsigned char *)block - offset);
    mark(r, (uint32_t)(offset / UNIT), units_of(bytes), false);
    list_remove(&r->all);
    if (r->used == 1) {
        p->bytes -= PAGES_MIN;
        pages_free(r, PAGES_MIN);
        return;
    }
    list_append(p->runs.next, &r->all);
}
