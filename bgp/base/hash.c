#include "bgp/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/pages.h"

enum {
    ORDER_MIN = HASH_HOME_BITS,
    ORDER_MAX = 30,
    SLACK_MIN = 64,
    SLACK_MAX = 1 << 30,
    MOVE_PER_INSERT = 4, /* a wider table is full after 0.8 insertions for each cell of the old one; until then all have moved */
    FAR = 1 << HASH_HOME_BITS, /* what is so far from its home does not tell it */
    CELL_BITS = 32,
    BITS_TELLING = CELL_BITS - HASH_HOME_BITS - 1, /* of a value: beside it a cell has its home, and where it goes next */
};

/* ---- one table ---- */

static uint32_t tag_mask(const struct hash_table *t)
{
    return UINT32_MAX << t->bits;
}

static uint32_t value_in(const struct hash_table *t, uint32_t at)
{
    return t->cells[at] & ~tag_mask(t);
}

static uint32_t cell_count(const struct hash_table *t)
{
    return t->cells ? t->homes + t->slack : 0;
}

/* Room for values up to this one, and for as many as the size makes likely. At least so much that no cell has to
 * tell more of its hash than it did in the table before. */
static uint32_t bits_for(uint32_t order, uint32_t least, uint32_t value)
{
    uint32_t bits = CELL_BITS - (uint32_t)__builtin_clz(value | 1u << order);
    least = least < CELL_BITS ? least : CELL_BITS - 1;
    return bits > least ? bits : least;
}

static bool table_init(struct hash_table *t, uint32_t order, uint32_t slack, uint32_t bits)
{
    *t = (struct hash_table){ .homes = 1u << order,
                              .slack = slack,
                              .order = (uint8_t)order,
                              .bits = (uint8_t)bits,
                              .is_vague = bits > BITS_TELLING };
    t->bytes = ((size_t)t->homes + slack + 1) * sizeof *t->cells; /* one stays a gap, which ends every walk */
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

/* How far from its home a cell stands at this place, as far as it tells. */
static inline uint32_t distance_told(uint32_t cell, uint32_t at)
{
    return (at - (cell >> (CELL_BITS - HASH_HOME_BITS))) % FAR;
}

static uint32_t home_of(const struct hash_table *t, const struct hash_owner *owner, uint32_t at)
{
    return t->is_vague ? hash_home(t, owner->hash(owner->of, value_in(t, at))) : at - distance_told(t->cells[at], at);
}

/* In front of what has its home there: what stands there moves on, and so does all behind it up to the next gap.
 * Stands now something so far from its home that it does not tell it? */
static inline bool shift_in(uint32_t *cells, uint32_t at, uint32_t cell)
{
    bool is_far = false;
    for (uint32_t next; cell; cell = next) {
        next = cells[at];
        cells[at++] = cell;
        is_far |= next && distance_told(next, at) == 0; /* one step more than FAR - 1 */
    }
    return is_far;
}

/* Behind all of the same home and those before. */
static bool put_where(struct hash_table *t, const struct hash_owner *owner, uint32_t home, uint32_t cell)
{
    uint32_t at = home, gap = home, end = cell_count(t);
    while (t->cells[gap])
        gap++;
    if (gap == end)
        return false;
    while (t->cells[at] && home_of(t, owner, at) <= home)
        at++;
    t->is_vague |= shift_in(t->cells, at, cell) || at - home >= FAR;
    t->live++;
    return true;
}

/* False: no gap is left behind its home. Nearly always cells tell their homes, and the end is empty: then it is
 * a handful of instructions. */
static inline bool table_put(struct hash_table *t, const struct hash_owner *owner, uint32_t home, uint32_t cell)
{
    uint32_t *cells = t->cells, far = 0;
    if (t->is_vague || cells[t->homes + t->slack - 1])
        return put_where(t, owner, home, cell);
    while (cells[home + far] && distance_told(cells[home + far], home + far) >= far)
        far++;
    t->is_vague = shift_in(cells, home + far, cell) || far >= FAR;
    t->live++;
    return true;
}

/* What follows moves up, unless it is at home. */
static void table_remove(struct hash_table *t, const struct hash_owner *owner, uint32_t home, uint32_t cell)
{
    uint32_t at = home;
    for (; t->cells[at] != cell; at++)
        assert(t->cells[at]); /* the caller removes only what it inserted */
    for (; t->cells[at + 1] && home_of(t, owner, at + 1) <= at; at++)
        t->cells[at] = t->cells[at + 1];
    t->cells[at] = 0;
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
    bool is_told = !from->is_vague && wider <= 1 && to->bits >= from->bits + wider;
    return (struct way){ from, to, owner, wider, is_told };
}

static inline struct place place_in(const struct way *w, uint32_t at)
{
    uint32_t cell = w->from->cells[at], value = value_in(w->from, at);
    if (!w->is_told) {
        uint64_t hash = w->owner->hash(w->owner->of, value);
        return (struct place){ hash_home(w->to, hash), hash_tag(w->to, hash) | value };
    }
    uint32_t tag = (cell ^ value) << w->wider;
    uint32_t next = tag >> (CELL_BITS - HASH_HOME_BITS) & w->wider; /* bit of the hash behind its home */
    return (struct place){ (at - distance_told(cell, at)) << w->wider | next, (tag & tag_mask(w->to)) | value };
}

static void take_back(struct hash_index *x, const struct hash_owner *owner, uint32_t end)
{
    const struct way w = way(&x->old, &x->now, owner);
    for (uint32_t i = x->moved; i < end; i++) {
        struct place p = place_in(&w, i);
        table_remove(&x->now, owner, p.home, p.cell);
    }
}

/* All up to the next gap of old, since what stands there has its home there: so the two tables are parted.
 * False: now is full at its end, which takes many keys of the largest hashes; then old stays until all
 * is rebuilt. */
static bool move_cluster(struct hash_index *x, const struct hash_owner *owner)
{
    const struct way w = way(&x->old, &x->now, owner);
    uint32_t at = x->moved;
    for (; x->old.cells[at]; at++) {
        struct place p = place_in(&w, at);
        if (!table_put(&x->now, owner, p.home, p.cell)) {
            take_back(x, owner, at);
            return false;
        }
    }
    x->old.live -= at - x->moved;
    x->moved = at;
    return true;
}

/* What is moved of a large table goes back to the system piece by piece: never do both stand there whole. */
static void release(const struct hash_index *x, uint32_t since)
{
    const size_t piece = PAGES_MIN / sizeof *x->old.cells;
    if (x->old.bytes >= PAGES_MIN && x->moved / piece > since / piece)
        pages_drop(x->old.cells, since / piece * PAGES_MIN, x->moved / piece * PAGES_MIN);
}

static void move_some(struct hash_index *x, const struct hash_owner *owner)
{
    uint32_t end = cell_count(&x->old), since = x->moved, until = since + MOVE_PER_INSERT;
    if (!x->old.cells)
        return;
    while (x->moved < end && x->moved < until) {
        if (!x->old.cells[x->moved])
            x->moved++;
        else if (!move_cluster(x, owner))
            return;
    }
    if (x->moved >= end || !x->old.live)
        table_fini(&x->old);
    release(x, since);
}

static bool put_all(struct hash_table *to, const struct hash_table *from, uint32_t first,
                    const struct hash_owner *owner)
{
    const struct way w = way(from, to, owner);
    for (uint32_t i = first, end = cell_count(from); i < end; i++) {
        if (!from->cells[i])
            continue;
        struct place p = place_in(&w, i);
        if (!table_put(to, owner, p.home, p.cell))
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
    bool is_full = x->now.live + x->old.live >= x->now.homes / 5 * 4;
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

static bool put(struct hash_table *t, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    return table_put(t, owner, hash_home(t, hash), hash_tag(t, hash) | value);
}

bool hash_insert(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    assert(value && value <= HASH_VALUE_MAX);
    if (!make_room(x, owner, value))
        return false;
    move_some(x, owner);
    while (!put(table_of(x, hash), owner, hash, value))
        if (!rebuild(x, owner, x->now.order, 2 * x->now.slack, x->now.bits))
            return false;
    return true;
}

void hash_remove(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    struct hash_table *t = table_of(x, hash);
    table_remove(t, owner, hash_home(t, hash), hash_tag(t, hash) | value);
}

size_t hash_memory(const struct hash_index *x)
{
    return x->now.bytes + x->old.bytes;
}
