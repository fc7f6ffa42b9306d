#include "bgp/base/hash.h"

#include <assert.h>
#include <stdlib.h>

#include "bgp/base/pages.h"

enum {
    ORDER_MIN = 2, /* of buckets */
    ORDER_MAX = 25,
    SLACK_MIN = 4,
    SLACK_MAX = 1 << 26,
    CELL_BITS = 32,
    BUCKET_BITS = 4, /* of a number of cells: its place in a bucket */
    BUCKET_BYTES = HASH_BUCKET * sizeof(uint32_t),
};

/* ---- one table ---- */

static uint32_t bucket_count(const struct hash_table *t)
{
    return t->cells ? t->homes + t->slack : 0;
}

/* Room for values up to this one, and for as many as the size makes likely. At least so much that no cell has to
 * tell more of its hash than it did in the table before. */
static uint32_t bits_for(uint32_t order, uint32_t least, uint32_t value)
{
    uint32_t bits = CELL_BITS - (uint32_t)__builtin_clz(value | ((1u << (order + BUCKET_BITS)) - 1));
    bits = bits > least ? bits : least;
    return bits < HASH_BITS_MAX ? bits : HASH_BITS_MAX;
}

static bool table_init(struct hash_table *t, uint32_t order, uint32_t slack, uint32_t bits)
{
    *t = (struct hash_table){ .homes = 1u << order,
                              .slack = slack,
                              .order = (uint8_t)order,
                              .bits = (uint8_t)bits,
                              .values = (1u << bits) - 1,
                              .tags = (1u << HASH_FAR_SHIFT) - (1u << bits) };
    t->bytes = ((size_t)t->homes + slack + 1) * BUCKET_BYTES; /* one stays empty, which ends every walk */
    t->cells = t->bytes < PAGES_MIN ? calloc(1, t->bytes) : pages_new(&t->bytes, true);
    return t->cells;
}

static void table_fini(struct hash_table *t)
{
    if (t->bytes < PAGES_MIN)
        free(t->cells);
    else
        pages_free(t->cells, t->bytes);
    *t = (struct hash_table){ 0 };
}

/* In a bucket that is not full. */
static inline uint32_t first_gap(const uint32_t *bucket)
{
    return (uint32_t)__builtin_ctz(hash_matches(bucket, 0, UINT32_MAX));
}

static inline uint32_t with_distance(uint32_t cell, uint32_t far)
{
    return (cell & ((1u << HASH_FAR_SHIFT) - 1)) | (far < HASH_FAR ? far : HASH_FAR) << HASH_FAR_SHIFT;
}

/* The home of a cell that stands in this bucket. */
static inline uint32_t home_of(const struct hash_table *t, const struct hash_owner *owner, uint32_t nth, uint32_t cell)
{
    uint32_t far = cell >> HASH_FAR_SHIFT;
    return far < HASH_FAR ? nth - far : hash_home(t, owner->hash(owner->of, cell & t->values));
}

/* False: no gap is left behind its home. */
static inline bool table_put(struct hash_table *t, uint32_t home, uint32_t cell)
{
    uint32_t far = 0, *bucket = hash_bucket(t, home);
    for (; hash_is_full(bucket); far++)
        bucket += HASH_BUCKET;
    if (home + far == bucket_count(t))
        return false;
    bucket[first_gap(bucket)] = with_distance(cell, far);
    t->live++;
    return true;
}

/* A cell behind a bucket that is not full any more and has displaced it: it may come back. */
static bool find_displaced(const struct hash_table *t, const struct hash_owner *owner, uint32_t by, uint32_t *nth,
                           uint32_t *home)
{
    for (uint32_t from = by + 1;; from++) {
        const uint32_t *bucket = hash_bucket(t, from);
        for (uint32_t i = 0; i < HASH_BUCKET && bucket[i]; i++) {
            *nth = from * HASH_BUCKET + i;
            *home = home_of(t, owner, from, bucket[i]);
            if (*home <= by)
                return true;
        }
        if (!hash_is_full(bucket))
            return false;
    }
}

/* The last cell of its bucket takes its place; and one that was displaced takes the place of that, and so on. */
static void take_out(struct hash_table *t, const struct hash_owner *owner, uint32_t nth)
{
    for (uint32_t home;;) {
        uint32_t at = nth / HASH_BUCKET, *bucket = hash_bucket(t, at);
        bool was_full = hash_is_full(bucket);
        uint32_t last = was_full ? HASH_BUCKET - 1 : first_gap(bucket) - 1;
        t->cells[nth] = bucket[last];
        bucket[last] = 0;
        if (!was_full || !find_displaced(t, owner, at, &nth, &home))
            return;
        bucket[last] = with_distance(t->cells[nth], at - home);
    }
}

static void table_remove(struct hash_table *t, const struct hash_owner *owner, uint32_t home, uint32_t value)
{
    uint32_t at = home, matches;
    while (!(matches = hash_matches(hash_bucket(t, at), value, t->values))) {
        assert(hash_is_full(hash_bucket(t, at))); /* the caller removes only what it inserted */
        at++;
    }
    take_out(t, owner, at * HASH_BUCKET + (uint32_t)__builtin_ctz(matches));
    t->live--;
}

/* ---- from one table into a wider one ---- */

void hash_fini(struct hash_index *x)
{
    table_fini(&x->now);
    table_fini(&x->old);
    *x = (struct hash_index){ 0 };
}

/* Where cells go in another table. */
struct way {
    const struct hash_table *from, *to;
    const struct hash_owner *owner;
    uint32_t wider; /* more bits of a home */
    bool is_told;   /* by the cells themselves */
};

struct place {
    uint32_t home, cell;
};

static struct way way(const struct hash_table *from, const struct hash_table *to, const struct hash_owner *owner)
{
    uint32_t wider = (uint32_t)(to->order - from->order);
    return (struct way){ from, to, owner, wider, wider <= 1 && to->bits >= from->bits + wider };
}

/* Of a cell in the nth bucket. */
static inline struct place place_in(const struct way *w, uint32_t nth, uint32_t cell)
{
    uint32_t value = cell & w->from->values, far = cell >> HASH_FAR_SHIFT;
    if (!w->is_told || far == HASH_FAR) {
        uint64_t hash = w->owner->hash(w->owner->of, value);
        return (struct place){ hash_home(w->to, hash), hash_tag(w->to, hash) | value };
    }
    uint32_t tag = (cell & w->from->tags) << w->wider; /* with its first bit, beyond it now, a wider home ends */
    return (struct place){ (nth - far) << w->wider | tag >> HASH_FAR_SHIFT, (tag & w->to->tags) | value };
}

/* Out of now, since they still stand in old up to this cell. */
static void take_back(struct hash_index *x, const struct hash_owner *owner, uint32_t end)
{
    const struct way w = way(&x->old, &x->now, owner);
    for (uint32_t i = x->moved * HASH_BUCKET; i < end; i++) {
        struct place p = place_in(&w, i / HASH_BUCKET, x->old.cells[i]);
        table_remove(&x->now, owner, p.home, p.cell & x->now.values);
    }
}

/* All up to the next bucket of old with a gap, since what stands there has its home there: so the two tables are
 * parted. False: now is full at its end, which takes many keys of the largest hashes; then old stays until all
 * is rebuilt. */
static bool move_cluster(struct hash_index *x, const struct hash_owner *owner)
{
    const struct way w = way(&x->old, &x->now, owner);
    uint32_t i = x->moved * HASH_BUCKET;
    for (; x->old.cells[i]; i++) {
        struct place p = place_in(&w, i / HASH_BUCKET, x->old.cells[i]);
        if (!table_put(&x->now, p.home, p.cell)) {
            take_back(x, owner, i);
            return false;
        }
    }
    x->old.live -= i - x->moved * HASH_BUCKET;
    x->moved = i / HASH_BUCKET + 1;
    return true;
}

/* What is moved of a large table goes back to the system piece by piece: never do both stand there whole. */
static void release(const struct hash_index *x, uint32_t since)
{
    const uint32_t piece = PAGES_MIN / BUCKET_BYTES;
    if (x->old.bytes >= PAGES_MIN && x->moved / piece > since / piece)
        pages_drop(x->old.cells, (size_t)since / piece * PAGES_MIN, (size_t)x->moved / piece * PAGES_MIN);
}

static void move_some(struct hash_index *x, const struct hash_owner *owner)
{
    uint32_t since = x->moved;
    if (!x->old.cells || !move_cluster(x, owner))
        return;
    if (x->moved >= bucket_count(&x->old) || !x->old.live)
        table_fini(&x->old);
    release(x, since);
}

static bool put_all(struct hash_table *to, const struct hash_table *from, uint32_t first,
                    const struct hash_owner *owner)
{
    const struct way w = way(from, to, owner);
    for (uint32_t i = first * HASH_BUCKET, end = bucket_count(from) * HASH_BUCKET; i < end; i++) {
        if (!from->cells[i])
            continue;
        struct place p = place_in(&w, i / HASH_BUCKET, from->cells[i]);
        if (!table_put(to, p.home, p.cell))
            return false;
    }
    return true;
}

/* All at once, with as much slack as it takes: for keys that were chosen to collide, and for larger values. */
static bool rebuild(struct hash_index *x, const struct hash_owner *owner, uint32_t order, uint32_t slack,
                    uint32_t bits)
{
    struct hash_table wider;
    for (bool fits = false; !fits; slack *= 2) {
        if (slack > SLACK_MAX || !table_init(&wider, order, slack, bits))
            return false;
        fits = put_all(&wider, &x->now, 0, owner) && put_all(&wider, &x->old, x->moved, owner);
        if (!fits)
            table_fini(&wider);
    }
    table_fini(&x->now);
    table_fini(&x->old);
    x->now = wider;
    return true;
}

static bool make_room(struct hash_index *x, const struct hash_owner *owner, uint32_t value)
{
    struct hash_table wider;
    if (!x->now.cells)
        return table_init(&x->now, ORDER_MIN, SLACK_MIN, bits_for(ORDER_MIN, 0, value));
    bool is_full = x->now.live + x->old.live >= x->now.homes * HASH_BUCKET / 5 * 4;
    bool is_narrow = value >> (x->old.cells ? x->old : x->now).bits;
    if (!is_narrow && !is_full)
        return true;
    uint32_t order = x->now.order + is_full, bits = bits_for(order, x->now.bits + is_full, value);
    if (order > ORDER_MAX)
        return false;
    if (is_narrow || x->old.cells)
        return rebuild(x, owner, order, x->now.slack, bits);
    if (!table_init(&wider, order, x->now.slack, bits))
        return false;
    x->old = x->now;
    x->now = wider;
    x->moved = 0;
    return true;
}

/* ---- the index ---- */

static struct hash_table *table_of(struct hash_index *x, uint64_t hash)
{
    return hash_table_of(x, hash) == &x->old ? &x->old : &x->now;
}

static bool put(struct hash_table *t, uint64_t hash, uint32_t value)
{
    return table_put(t, hash_home(t, hash), hash_tag(t, hash) | value);
}

bool hash_insert(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    assert(value);
    if (value > HASH_VALUE_MAX || !make_room(x, owner, value))
        return false;
    move_some(x, owner);
    while (!put(table_of(x, hash), hash, value))
        if (!rebuild(x, owner, x->now.order, 2 * x->now.slack, x->now.bits))
            return false;
    return true;
}

void hash_remove(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    struct hash_table *t = table_of(x, hash);
    table_remove(t, owner, hash_home(t, hash), value);
}

size_t hash_memory(const struct hash_index *x)
{
    return x->now.bytes + x->old.bytes;
}
