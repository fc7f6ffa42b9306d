#include "bgp/base/vlist.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/base/bitset.h"

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

enum { CHUNK_BYTES = VLIST_CHUNK * sizeof(uint32_t), RUN_WORDS = VLIST_CHUNK / 64 };

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

static void free_chunk(const struct vlist *v, struct vlist_chunk *c)
{
    free_ids(v, c);
    free(c->there);
    c->there = NULL;
}

/* All of it holes? */
static bool is_bare(const struct vlist_chunk *c)
{
    return !c->ids && !c->there;
}

void vlist_fini(struct vlist *v)
{
    for (uint32_t i = 0; i < v->chunk_count; i++)
        free_chunk(v, chunk_ref(v, i));
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
    assert(!c->there); /* only what is full is a run */
    if (!c->ids)
        c->ids = new_ids(v);
    return c->ids;
}

static uint64_t next_chunk(uint64_t version)
{
    return version - version % VLIST_CHUNK + VLIST_CHUNK;
}

/* Versions from here on may still get an entry. */
static uint64_t first_open(const struct vlist *v)
{
    return vlist_settled(v) + 1;
}

/* ---- runs ---- */

/* The id that the first version has, or would have, if these follow each other in steps of this size. */
static uint32_t first_of(const uint32_t *ids, uint32_t step)
{
    uint32_t n = 0;
    while (!ids[n])
        n++;
    return ids[n] - n * step;
}

/* Do they, as far as they are there? Four at a time, where the processor can. */
static bool is_run(const uint32_t *ids, uint32_t step)
{
    uint32_t first = first_of(ids, step), differ = 0;
    for (uint32_t n = 0; n < VLIST_CHUNK; n++)
        differ |= ids[n] ? ids[n] ^ (first + n * step) : 0;
    return !differ;
}

/* Which of 64 are there? */
static uint64_t bits_of(const uint32_t *ids)
{
    uint64_t bits = 0;
    for (uint32_t n = 0; n < 64; n++)
        bits |= (uint64_t)(ids[n] != 0) << n;
    return bits;
}

/* The ids give way to a bit each. Without memory for the bits they stay. */
static void become_run(const struct vlist *v, struct vlist_chunk *c, uint32_t step)
{
    c->there = calloc(RUN_WORDS, sizeof *c->there);
    if (!c->there)
        return;
    c->first = first_of(c->ids, step);
    c->step = step;
    for (uint32_t i = 0; i < RUN_WORDS; i++)
        c->there[i] = bits_of(c->ids + 64 * i);
    free_ids(v, c);
}

/* Records that are new have ascending ids, those that were freed and come back descending ones. */
static void pack(const struct vlist *v, struct vlist_chunk *c)
{
    const uint32_t up = 1, down = UINT32_MAX;
    if (!c->ids || !c->live)
        return;
    if (is_run(c->ids, up))
        become_run(v, c, up);
    else if (is_run(c->ids, down))
        become_run(v, c, down);
}

/* Chunks that have become full since. */
static void pack_full(struct vlist *v)
{
    if (v->packed < v->oldest)
        v->packed = v->oldest;
    for (; next_chunk(v->packed) <= first_open(v); v->packed = next_chunk(v->packed))
        pack(v, vlist_chunk_of(v, v->packed));
}

/* ---- changes ---- */

bool vlist_extend(struct vlist *v, uint32_t count)
{
    uint64_t at = v->next, end = v->next + count;
    pack_full(v);
    for (; at < end; at = next_chunk(at))
        if (!fill_in(v, at))
            return false;
    v->ready = at;
    return true;
}

/* Inner ones are given back at once, leading ones with their place. */
void vlist_drop_empty(struct vlist *v, uint64_t version)
{
    uint32_t nth = nth_chunk(v, version);
    uint64_t end = v->oldest + (uint64_t)(nth + 1) * VLIST_CHUNK;
    if (end > first_open(v))
        return; /* still being filled */
    free_chunk(v, chunk_ref(v, nth));
    while (v->chunk_count && is_bare(chunk_ref(v, 0)) && v->oldest + VLIST_CHUNK <= first_open(v)) {
        v->chunk_first = (v->chunk_first + 1) & (v->chunk_cap - 1);
        v->chunk_count--;
        v->oldest += VLIST_CHUNK;
    }
}

bool vlist_begin(struct vlist *v, uint64_t head)
{
    assert(vlist_reaches(v, head));
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
    return !vlist_id_in(vlist_chunk_of(v, version), (uint32_t)(version % VLIST_CHUNK));
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
    for (; at < v->next; at = next_chunk(at)) {
        const struct vlist_chunk *c = at < v->oldest ? NULL : vlist_chunk_of(v, at);
        if (c && c->ids && c->live == 0)
            vlist_drop_empty(v, at);
    }
    pack_full(v);
}

/* The first version of a chunk, not before the n-th, that is no hole; VLIST_CHUNK: none. */
static uint32_t first_in(const struct vlist_chunk *c, uint32_t n)
{
    if (c->there)
        return bitset_scan(c->there, RUN_WORDS, &n) ? n : VLIST_CHUNK;
    while (c->ids && n < VLIST_CHUNK && !c->ids[n])
        n++;
    return c->ids ? n : VLIST_CHUNK;
}

uint32_t vlist_seek(const struct vlist *v, uint64_t *position)
{
    uint64_t version = *position + 1;
    if (version < v->oldest)
        version = v->oldest;
    for (; version < v->next; version = next_chunk(version)) {
        const struct vlist_chunk *c = vlist_chunk_of(v, version);
        uint32_t n = first_in(c, (uint32_t)(version % VLIST_CHUNK));
        if (n == VLIST_CHUNK)
            continue;
        *position = version - version % VLIST_CHUNK + n;
        return vlist_id_in(c, n);
    }
    *position = vlist_head(v);
    return 0;
}

bool vlist_read(const struct vlist *v, uint64_t position, struct vlist_stretch *out)
{
    if (!vlist_next(v, &position))
        return false;
    const struct vlist_chunk *c = vlist_chunk_of(v, position);
    uint32_t n = (uint32_t)(position % VLIST_CHUNK), held = VLIST_CHUNK - n;
    uint32_t newer = v->next - position < VLIST_TOGETHER ? (uint32_t)(v->next - position) : VLIST_TOGETHER;
    out->first = position;
    out->count = held < newer ? held : newer;
    if (c->ids)
        memcpy(out->ids, c->ids + n, out->count * sizeof *out->ids);
    for (uint32_t i = 0; c->there && i < out->count; i++)
        out->ids[i] = vlist_id_in(c, n + i);
    return true;
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
        bytes += chunk_ref(v, i)->ids ? CHUNK_BYTES : chunk_ref(v, i)->there ? RUN_WORDS * sizeof(uint64_t) : 0;
    return bytes;
}
