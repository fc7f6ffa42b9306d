/* Timers of many: the earliest of up to `cap` ids, each with one time, in O(log n). */
#ifndef TANDEM_BGP_BASE_HEAP_H
#define TANDEM_BGP_BASE_HEAP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct heap_item {
    uint64_t at;
    uint32_t id;
};

struct heap {
    struct heap_item *items; /* no item is earlier than its parent, items[(i - 1) / 2] */
    uint32_t *where;         /* by id: index + 1; 0 = has no time */
    uint32_t count, cap;
};

/* Ids are 0 … cap - 1 from now on, no fewer than before; a heap that is all zero has none. False: out of memory, and
 * nothing has changed. */
static inline bool heap_grow(struct heap *h, uint32_t cap)
{
    assert(cap >= h->cap);
    struct heap_item *items = realloc(h->items, (cap ? cap : 1) * sizeof *items);
    if (!items)
        return false;
    h->items = items;
    uint32_t *where = realloc(h->where, (cap ? cap : 1) * sizeof *where);
    if (!where)
        return false;
    for (; h->cap < cap; h->cap++)
        where[h->cap] = 0;
    h->where = where;
    return true;
}

static inline void heap_fini(struct heap *h)
{
    free(h->items);
    free(h->where);
    *h = (struct heap){ 0 };
}

static inline void heap_place(struct heap *h, uint32_t i, struct heap_item item)
{
    h->items[i] = item;
    h->where[item.id] = i + 1;
}

static inline void heap_up(struct heap *h, uint32_t i, struct heap_item item)
{
    for (; i && h->items[(i - 1) / 2].at > item.at; i = (i - 1) / 2)
        heap_place(h, i, h->items[(i - 1) / 2]);
    heap_place(h, i, item);
}

static inline void heap_down(struct heap *h, uint32_t i, struct heap_item item)
{
    for (uint32_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->items[child + 1].at < h->items[child].at)
            child++;
        if (h->items[child].at >= item.at)
            break;
        heap_place(h, i, h->items[child]);
    }
    heap_place(h, i, item);
}

static inline void heap_move(struct heap *h, uint32_t i, struct heap_item item)
{
    if (i && h->items[(i - 1) / 2].at > item.at)
        heap_up(h, i, item);
    else
        heap_down(h, i, item);
}

/* The id's time from now on; UINT64_MAX: none. */
static inline void heap_set(struct heap *h, uint32_t id, uint64_t at)
{
    assert(id < h->cap);
    uint32_t where = h->where[id];
    if (where && h->items[where - 1].at == at)
        return;
    if (at != UINT64_MAX) {
        heap_move(h, where ? where - 1 : h->count++, (struct heap_item){ .at = at, .id = id });
        return;
    }
    if (!where)
        return;
    struct heap_item last = h->items[--h->count];
    h->where[id] = 0;
    if (last.id != id)
        heap_move(h, where - 1, last);
}

/* The earliest time, UINT64_MAX when there is none; *id is whose. */
static inline uint64_t heap_first(const struct heap *h, uint32_t *id)
{
    if (!h->count)
        return UINT64_MAX;
    *id = h->items[0].id;
    return h->items[0].at;
}

#endif
