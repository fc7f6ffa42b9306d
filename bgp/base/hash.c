#include "bgp/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/pages.h"

enum {
    HOMES_MIN = 64,
    HOMES_MAX = 1 << 30,
    SLACK_MIN = 64,
    MOVE_PER_INSERT = 8,
    EXPECT_AHEAD = 64, /* cells: what the insertions take that come while memory answers */
};

/* ---- one table ---- */

static const uint32_t GRAVE = 1u << 31; /* a cell whose value was removed: no value, so no table has it */

static uint32_t value_in(const struct hash_table *t, uint32_t cell)
{
    return cell & ((1u << t->bits) - 1);
}

static uint32_t cell_count(const struct hash_table *t)
{
    return t->cells ? t->homes + t->slack : 0;
}

/* Room for values up to this one, for those of the table before, and for as many as the size makes likely. */
static uint32_t bits_for(uint32_t homes, uint32_t before, uint32_t value)
{
    uint32_t bits = 32 - (uint32_t)__builtin_clz(value | homes);
    return bits > before ? bits : before;
}

static bool table_init(struct hash_table *t, uint32_t homes, uint32_t slack, uint32_t bits)
{
    *t = (struct hash_table){ .homes = homes, .slack = slack, .bits = bits };
    t->bytes = ((size_t)homes + slack) * sizeof *t->cells;
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

/* False: no gap is left behind its home. */
static bool table_put(struct hash_table *t, uint64_t hash, uint32_t value)
{
    uint32_t at = hash_home(t, hash), end = cell_count(t);
    while (at < end && value_in(t, t->cells[at]))
        at++;
    if (at == end)
        return false;
    t->used += !t->cells[at];
    t->live++;
    t->cells[at] = hash_tag(t, hash) | value;
    return true;
}

/* A grave, unless a gap follows: then it ends the cluster, and graves before it do no more. */
static void table_clear(struct hash_table *t, uint32_t at)
{
    t->live--;
    t->cells[at] = GRAVE;
    if (at + 1 < cell_count(t) && t->cells[at + 1])
        return;
    for (;; at--) {
        t->cells[at] = 0;
        t->used--;
        if (!at || t->cells[at - 1] != GRAVE)
            return;
    }
}

static void table_remove(struct hash_table *t, uint64_t hash, uint32_t value)
{
    uint32_t at = hash_home(t, hash), mine = hash_tag(t, hash) | value;
    for (; t->cells[at] != mine; at++)
        assert(t->cells[at] && at + 1 < cell_count(t)); /* the caller removes only what it inserted */
    table_clear(t, at);
}

/* ---- from one table into a wider one ---- */

void hash_fini(struct hash_index *x)
{
    table_fini(&x->now);
    table_fini(&x->old);
    *x = (struct hash_index){ 0 };
}

static uint64_t hash_at(const struct hash_table *t, uint32_t at, const struct hash_owner *owner)
{
    return owner->hash(owner->of, value_in(t, t->cells[at]));
}

static void take_back(struct hash_index *x, const struct hash_owner *owner, uint32_t end)
{
    for (uint32_t i = x->moved; i < end; i++)
        if (value_in(&x->old, x->old.cells[i]))
            table_remove(&x->now, hash_at(&x->old, i, owner), value_in(&x->old, x->old.cells[i]));
}

/* All up to the next gap of old, since what stands there has its home there: so the two tables are parted.
 * False: now is full at its end, which takes many keys of the largest hashes; then old stays until all
 * is rebuilt. */
static bool move_cluster(struct hash_index *x, const struct hash_owner *owner)
{
    uint32_t at = x->moved, end = cell_count(&x->old), live = 0;
    for (; at < end && x->old.cells[at]; at++) {
        uint32_t value = value_in(&x->old, x->old.cells[at]);
        if (value && !table_put(&x->now, hash_at(&x->old, at, owner), value)) {
            take_back(x, owner, at);
            return false;
        }
        live += value != 0;
    }
    x->old.live -= live;
    x->moved = at;
    return true;
}

/* Each once, so far ahead that it is there when its hash is asked for. */
static void expect_some(const struct hash_index *x, const struct hash_owner *owner, uint32_t since)
{
    uint32_t end = cell_count(&x->old), until = x->moved + EXPECT_AHEAD;
    for (uint32_t i = since + EXPECT_AHEAD; owner->expect && i < end && i < until; i++)
        if (value_in(&x->old, x->old.cells[i]))
            owner->expect(owner->of, value_in(&x->old, x->old.cells[i]));
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
    else
        expect_some(x, owner, since);
    release(x, since);
}

static bool put_all(struct hash_table *to, const struct hash_table *from, uint32_t first,
                    const struct hash_owner *owner)
{
    for (uint32_t i = first, end = cell_count(from); i < end; i++) {
        uint32_t value = value_in(from, from->cells[i]);
        if (value && !table_put(to, hash_at(from, i, owner), value))
            return false;
    }
    return true;
}

/* All at once, with as much slack as it takes: for keys that were chosen to collide. */
static bool rebuild(struct hash_index *x, const struct hash_owner *owner, uint32_t homes, uint32_t slack,
                    uint32_t bits)
{
    struct hash_table wider;
    for (bool fits = false; !fits; slack *= 2) {
        if (slack > HOMES_MAX || !table_init(&wider, homes, slack, bits))
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
        return table_init(&x->now, HOMES_MIN, SLACK_MIN, bits_for(HOMES_MIN, 0, value));
    bool is_narrow = value >> (x->old.cells ? x->old : x->now).bits;
    if (!is_narrow && x->now.used + x->old.live < x->now.homes / 5 * 4)
        return true;
    /* of graves alone a table of the same size gets rid */
    bool is_full = x->now.live + x->old.live >= x->now.homes / 5 * 3;
    uint32_t homes = is_full ? 2 * x->now.homes : x->now.homes;
    uint32_t bits = bits_for(homes, x->now.bits, value);
    if (homes > HOMES_MAX)
        return false;
    if (is_narrow || x->old.cells)
        return rebuild(x, owner, homes, x->now.slack, bits);
    if (!table_init(&wider, homes, x->now.slack, bits))
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

bool hash_insert(struct hash_index *x, const struct hash_owner *owner, uint64_t hash, uint32_t value)
{
    assert(value && value <= HASH_VALUE_MAX);
    if (!make_room(x, owner, value))
        return false;
    move_some(x, owner);
    while (!table_put(table_of(x, hash), hash, value))
        if (!rebuild(x, owner, x->now.homes, 2 * x->now.slack, x->now.bits))
            return false;
    return true;
}

void hash_remove(struct hash_index *x, uint64_t hash, uint32_t value)
{
    table_remove(table_of(x, hash), hash, value);
}

size_t hash_memory(const struct hash_index *x)
{
    return x->now.bytes + x->old.bytes;
}
