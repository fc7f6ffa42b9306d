#include "bgp/base/vlist.h"

#include <stdlib.h>

void vlist_init(struct vlist *v)
{
    *v = (struct vlist){ .next = 1 };
}

void vlist_use_pool(struct vlist *v, struct pool *pool)
{
    v->pool = pool;
}

static struct vlist_chunk *chunk_ref(const struct vlist *v, uint32_t nth)
{
    return &v->chunks[(v->chunk_first + nth) & (v->chunk_cap - 1)];
}

enum { CHUNK_BYTES = VLIST_CHUNK * sizeof(uint32_t) };

static uint32_t *new_ids(const struct vlist *v)
{
    return v->pool ? pool_new(v->pool, CHUNK_BYTES) : calloc(1, CHUNK_BYTES);
}

static void free_ids(const struct vlist *v, struct vlist_chunk *c)
{
    if (v->pool && c->ids)
        pool_free(v->pool, c->ids, CHUNK_BYTES);
    else
        free(c->ids);
    c->ids = NULL;
}

void vlist_fini(struct vlist *v)
{
    for (uint32_t i = 0; i < v->chunk_count; i++)
        free_ids(v, chunk_ref(v, i));
    free(v->chunks);
    vlist_init(v);
}

static bool grow_ring(struct vlist *v)
{
    uint32_t cap = v->chunk_cap ? v->chunk_cap * 2 : 16;
    struct vlist_chunk *ring = malloc(cap * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < v->chunk_count; i++)
        ring[i] = *chunk_ref(v, i);
    free(v->chunks);
    v->chunks = ring;
    v->chunk_cap = cap;
    v->chunk_first = 0;
    return true;
}

static uint32_t nth_chunk(const struct vlist *v, uint64_t version)
{
    return (uint32_t)((version - v->oldest) / VLIST_CHUNK);
}

/* Chunks without memory, that is of holes, until this version has its place in one. */
static bool reach(struct vlist *v, uint64_t version)
{
    while (v->chunk_count <= nth_chunk(v, version)) {
        if (v->chunk_count == v->chunk_cap && !grow_ring(v))
            return false;
        *chunk_ref(v, v->chunk_count++) = (struct vlist_chunk){ 0 };
    }
    return true;
}

static bool fill_in(struct vlist *v, uint64_t version)
{
    if (!reach(v, version))
        return false;
    struct vlist_chunk *c = vlist_chunk_of(v, version);
    if (!c->ids)
        c->ids = new_ids(v);
    return c->ids;
}

bool vlist_extend(struct vlist *v, uint32_t count)
{
    uint64_t at = v->next, end = v->next + count;
    for (; at < end; at = at - at % VLIST_CHUNK + VLIST_CHUNK)
        if (!fill_in(v, at))
            return false;
    v->ready = at;
    return true;
}

/* Versions from here on may still get an entry. */
static uint64_t first_open(const struct vlist *v)
{
    return vlist_settled(v) + 1;
}

/* Give back chunks that are full of holes: inner ones at once, leading ones with their place. */
static void drop_empty(struct vlist *v, uint32_t nth)
{
    uint64_t end = v->oldest + (uint64_t)(nth + 1) * VLIST_CHUNK;
    if (end > first_open(v))
        return; /* still being filled */
    free_ids(v, chunk_ref(v, nth));
    while (v->chunk_count && !chunk_ref(v, 0)->ids && v->oldest + VLIST_CHUNK <= first_open(v)) {
        v->chunk_first = (v->chunk_first + 1) & (v->chunk_cap - 1);
        v->chunk_count--;
        v->oldest += VLIST_CHUNK;
    }
}

void vlist_remove(struct vlist *v, uint32_t slot)
{
    uint32_t nth = nth_chunk(v, vlist_version(v, slot));
    struct vlist_chunk *c = chunk_ref(v, nth);
    assert(c->ids && c->ids[slot % VLIST_CHUNK]);
    c->ids[slot % VLIST_CHUNK] = 0;
    v->live--;
    if (--c->live == 0)
        drop_empty(v, nth);
}

uint32_t vlist_touch(struct vlist *v, uint32_t slot, uint32_t id)
{
    uint32_t fresh = vlist_append(v, id);
    vlist_remove(v, slot);
    return fresh;
}

bool vlist_begin(struct vlist *v, uint64_t head)
{
    if (head >= v->next && !reach(v, head))
        return false;
    v->placing = v->next;
    if (head >= v->next)
        v->next = head + 1;
    return true;
}

bool vlist_is_open(const struct vlist *v, uint64_t version)
{
    if (!v->placing || version < v->placing || version >= v->next)
        return false;
    const uint32_t *ids = vlist_chunk_of(v, version)->ids;
    return !ids || !ids[version % VLIST_CHUNK];
}

bool vlist_reserve_at(struct vlist *v, uint64_t version)
{
    return fill_in(v, version);
}

uint32_t vlist_place(struct vlist *v, uint64_t version, uint32_t id)
{
    struct vlist_chunk *c = vlist_chunk_of(v, version);
    assert(id && v->placing && !c->ids[version % VLIST_CHUNK]);
    c->ids[version % VLIST_CHUNK] = id;
    c->live++;
    v->live++;
    return (uint32_t)version;
}

/* Chunks that were passed and stayed empty go now. */
void vlist_end(struct vlist *v)
{
    uint64_t at = v->placing;
    v->placing = 0;
    for (; at < v->next; at = at - at % VLIST_CHUNK + VLIST_CHUNK) {
        const struct vlist_chunk *c = at < v->oldest ? NULL : vlist_chunk_of(v, at);
        if (c && c->ids && c->live == 0)
            drop_empty(v, nth_chunk(v, at));
    }
}

uint32_t vlist_next(const struct vlist *v, uint64_t *position)
{
    uint64_t version = *position + 1;
    if (version < v->oldest)
        version = v->oldest;
    while (version < v->next) {
        const uint32_t *ids = vlist_chunk_of(v, version)->ids;
        uint64_t end = version - version % VLIST_CHUNK + VLIST_CHUNK;
        if (!ids) {
            version = end;
            continue;
        }
        for (; version < end && version < v->next; version++) {
            if (ids[version % VLIST_CHUNK]) {
                *position = version;
                return ids[version % VLIST_CHUNK];
            }
        }
    }
    *position = vlist_head(v);
    return 0;
}

bool vlist_compact(struct vlist *v, uint32_t *id, uint32_t *slot)
{
    if (!vlist_is_sparse(v) || !vlist_reserve(v, 1))
        return false;
    uint64_t position = v->oldest ? v->oldest - 1 : 0;
    *id = vlist_next(v, &position);
    if (!*id)
        return false;
    *slot = vlist_touch(v, (uint32_t)position, *id);
    return true;
}

size_t vlist_memory(const struct vlist *v)
{
    size_t bytes = v->chunk_cap * sizeof *v->chunks;
    for (uint32_t i = 0; i < v->chunk_count; i++)
        bytes += chunk_ref(v, i)->ids ? CHUNK_BYTES : 0;
    return bytes;
}
