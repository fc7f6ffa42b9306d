/* First-in first-out ring of 32-bit ids that grows on reservation only: pushing never fails. */
#ifndef TANDEM_BGP_BASE_RING_H
#define TANDEM_BGP_BASE_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct ring {
    uint32_t *items;
    uint32_t cap, first, count; /* cap: 0 or a power of two */
};

static inline void ring_fini(struct ring *r)
{
    free(r->items);
    *r = (struct ring){ 0 };
}

/* Room for `more` pushes; false when memory ends. */
static inline bool ring_reserve(struct ring *r, uint32_t more)
{
    if (r->cap - r->count >= more)
        return true;
    uint32_t cap = r->cap ? r->cap : 64;
    while (cap - r->count < more) {
        if (cap > UINT32_MAX / 2)
            return false;
        cap *= 2;
    }
    uint32_t *items = malloc(cap * sizeof *items);
    if (!items)
        return false;
    for (uint32_t i = 0; i < r->count; i++)
        items[i] = r->items[(r->first + i) & (r->cap - 1)];
    free(r->items);
    *r = (struct ring){ .items = items, .cap = cap, .count = r->count };
    return true;
}

static inline void ring_push(struct ring *r, uint32_t item)
{
    assert(r->count < r->cap);
    r->items[(r->first + r->count++) & (r->cap - 1)] = item;
}

/* 0 when empty: ids are never 0. */
static inline uint32_t ring_pop(struct ring *r)
{
    if (!r->count)
        return 0;
    uint32_t item = r->items[r->first];
    r->first = (r->first + 1) & (r->cap - 1);
    r->count--;
    return item;
}

#endif
