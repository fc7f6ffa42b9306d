/* Versioned list: every change of an entry moves it to the tail and gives it the next version.
 *
 * One list serves any number of readers: a reader is a 64-bit position, nothing more. It sees each
 * entry at its latest version only, so backlog is bounded by the number of entries, and a position
 * of 0 is a snapshot. Absence of an entry may be concluded only when a reader reached the tail.
 *
 * Entries are 32-bit ids (never 0) in an append-only log of slots; a changed entry leaves a hole.
 * The entry remembers its slot as 32 bits (vlist_append returns it). vlist_compact moves old
 * entries to the tail when holes prevail, which readers see as a change without a difference.
 *
 * Entries that came together have ids that follow each other, as when a table is heard for the first time: of a
 * full chunk of such entries only one bit each is kept, which says that it is still there.
 *
 * A copy of another list takes over its versions: between vlist_begin and vlist_end entries are placed
 * at versions in any order, and a position in the one is a position in the other. */
#ifndef TANDEM_BGP_BASE_VLIST_H
#define TANDEM_BGP_BASE_VLIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/base/pool.h"

enum { VLIST_CHUNK = 1024 };

struct vlist_chunk {
    uint32_t *ids;   /* 0 = hole; NULL: a run, or all holes */
    uint64_t *there; /* of a run, a bit by version; NULL: no run */
    uint32_t first, step; /* its id of the n-th version is first + n * step, modulo 2^32 */
    uint32_t live;
};

struct vlist {
    struct vlist_chunk *chunks; /* ring; [0] covers the oldest version still held */
    struct pool *pool;          /* of the ids; NULL: malloc's */
    uint32_t chunk_count, chunk_cap, chunk_first;
    uint64_t oldest; /* first version of chunks[0], a multiple of VLIST_CHUNK */
    uint64_t next;   /* version that the next change gets; versions start at 1 */
    uint64_t placing; /* 0, or: versions from here on are being placed */
    uint64_t ready;  /* appends of lower versions have their memory */
    uint64_t packed; /* the chunk of this version is the first that may still become a run */
    uint32_t live;
};

void vlist_init(struct vlist *v);
/* For a list that may become long; before its first entry. The pool outlives it. */
void vlist_use_pool(struct vlist *v, struct pool *pool);
void vlist_fini(struct vlist *v);

/* The chunk of a version that is held. */
static inline struct vlist_chunk *vlist_chunk_of(const struct vlist *v, uint64_t version)
{
    uint32_t nth = (uint32_t)((version - v->oldest) / VLIST_CHUNK);
    return &v->chunks[(v->chunk_first + nth) & (v->chunk_cap - 1)];
}

/* The entry of its n-th version, 0 = a hole. */
static inline uint32_t vlist_id_in(const struct vlist_chunk *c, uint32_t n)
{
    if (c->ids)
        return c->ids[n];
    return c->there && c->there[n / 64] >> n % 64 & 1 ? c->first + n * c->step : 0;
}

/* More memory for versions than there is. */
bool vlist_extend(struct vlist *v, uint32_t count);
/* Make sure that the next `count` appends cannot fail; false when memory ends. */
static inline bool vlist_reserve(struct vlist *v, uint32_t count)
{
    return v->next + count <= v->ready || vlist_extend(v, count);
}

/* Append and return the slot. Needs a reservation. */
static inline uint32_t vlist_append(struct vlist *v, uint32_t id)
{
    assert(id && v->next < v->ready);
    uint64_t version = v->next++;
    struct vlist_chunk *c = vlist_chunk_of(v, version);
    c->ids[version % VLIST_CHUNK] = id;
    c->live++;
    v->live++;
    return (uint32_t)version;
}

/* Version of a live slot. */
static inline uint64_t vlist_version(const struct vlist *v, uint32_t slot)
{
    return v->oldest + (uint32_t)(slot - (uint32_t)v->oldest);
}

/* The chunk of this version is full of holes: its memory goes, once none of them can be filled. */
void vlist_drop_empty(struct vlist *v, uint64_t version);
static inline void vlist_remove(struct vlist *v, uint32_t slot)
{
    uint64_t version = vlist_version(v, slot);
    struct vlist_chunk *c = vlist_chunk_of(v, version);
    uint32_t n = slot % VLIST_CHUNK;
    if (c->there) {
        assert(c->there[n / 64] >> n % 64 & 1);
        c->there[n / 64] ^= (uint64_t)1 << n % 64;
    } else {
        assert(c->ids && c->ids[n]);
        c->ids[n] = 0;
    }
    v->live--;
    if (--c->live == 0)
        vlist_drop_empty(v, version);
}
/* Remove and append: a change. Needs a reservation. */
static inline uint32_t vlist_touch(struct vlist *v, uint32_t slot, uint32_t id)
{
    uint32_t fresh = vlist_append(v, id);
    vlist_remove(v, slot);
    return fresh;
}

/* Can it have versions up to `head`? Entries remember 32 bits of theirs. */
static inline bool vlist_reaches(const struct vlist *v, uint64_t head)
{
    return head < v->next || head - v->oldest < UINT32_MAX - VLIST_CHUNK;
}
/* A copy learns of the versions up to `head`, which it reaches; false when memory ends. At most the head that it has: no
 * version is new, and nothing changes. */
bool vlist_begin(struct vlist *v, uint64_t head);
/* Is this one of them, and has it no entry? */
bool vlist_is_open(const struct vlist *v, uint64_t version);
/* Make sure that an open version can be placed; false when memory ends. */
bool vlist_reserve_at(struct vlist *v, uint64_t version);
/* Put an entry there and return its slot. Needs a reservation of that version. */
uint32_t vlist_place(struct vlist *v, uint64_t version, uint32_t id);
void vlist_end(struct vlist *v);

/* Version of the newest change, 0 before the first. */
static inline uint64_t vlist_head(const struct vlist *v)
{
    return v->next - 1;
}

/* Every entry that is in its place has no later version: what is being placed comes behind it. */
static inline uint64_t vlist_settled(const struct vlist *v)
{
    return (v->placing ? v->placing : v->next) - 1;
}

/* The first entry newer than *position; moves *position onto it. 0: *position is at the head. */
uint32_t vlist_seek(const struct vlist *v, uint64_t *position);
/* The same; mostly it is the very next one. */
static inline uint32_t vlist_next(const struct vlist *v, uint64_t *position)
{
    uint64_t version = *position + 1;
    bool is_held = version >= v->oldest && version < v->next;
    uint32_t id = is_held ? vlist_id_in(vlist_chunk_of(v, version), (uint32_t)(version % VLIST_CHUNK)) : 0;
    if (!id)
        return vlist_seek(v, position);
    *position = version;
    return id;
}

/* Entries that follow each other, for who looks at many: what they name is asked for all at once before the first of them is
 * looked at. */
enum { VLIST_TOGETHER = 64 };
struct vlist_stretch {
    uint64_t first; /* version */
    uint32_t ids[VLIST_TOGETHER], count; /* of this version and those behind it; 0 = a hole, but for the first */
};
/* The next of them newer than position; false: it is at the head. */
bool vlist_read(const struct vlist *v, uint64_t position, struct vlist_stretch *out);

/* Compact when the list spans more than this many slots an entry: re-reading costs a reader at most one
 * entry more in VLIST_SPAN - 1 changes. */
enum { VLIST_SPAN = 8, VLIST_SPAN_FREE = 8 * VLIST_CHUNK };
/* Do holes prevail, so that vlist_compact would move the oldest entry? */
static inline bool vlist_is_sparse(const struct vlist *v)
{
    return v->next - v->oldest > (uint64_t)v->live * VLIST_SPAN + VLIST_SPAN_FREE;
}
/* While true: entry *id was moved to the new *slot, which the caller must remember. */
bool vlist_compact(struct vlist *v, uint32_t *id, uint32_t *slot);

size_t vlist_memory(const struct vlist *v);

#endif
