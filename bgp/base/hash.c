#include "bgp/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/pages.h"

enum { HOMES_MIN = 64, HOMES_MAX = 1 << 30, SLACK_MIN = 64, MOVE_PER_INSERT = 8 };

__extension__ typedef unsigned __int128 wide;

/* Folded multiply: both halves of a 64x64 product, mixed. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Up to 16 bytes in two words, by loads of constant width that overlap. */
static void load_tail(const unsigned char *p, size_t len, uint64_t *a, uint64_t *b)
{
    if (len >= 8) {
        *a = load64(p);
        *b = load64(p + len - 8);
    } else if (len >= 4) {
        *a = load32(p);
        *b = load32(p + len - 4);
    } else {
        *a = len ? (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1] : 0;
        *b = 0;
    }
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t a, b, h = key->k0 ^ fold((uint64_t)len + 0x9e3779b97f4a7c15u, key->k1 | 1);
    for (; len > 16; p += 16, len -= 16)
        h = fold(load64(p) ^ key->k1, load64(p + 8) ^ h);
    load_tail(p, len, &a, &b);
    return fold(fold(a ^ key->k1, b ^ h), key->k0 ^ 0xe7037ed1a0b428dbu);
}

/* The table uses the upper half of the hash as it stands in the cell. */
static uint32_t short_hash(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static uint32_t home_of(const struct hash_table *t, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * t->homes >> 32);
}

static uint32_t cell_count(const struct hash_table *t)
{
    return t->cells ? t->homes + t->slack : 0;
}

static bool table_init(struct hash_table *t, uint32_t homes, uint32_t slack)
{
    *t = (struct hash_table){ .homes = homes, .slack = slack };
    t->bytes = ((size_t)homes + slack) * sizeof *t->cells;
    t->cells = t->bytes < PAGES_MIN ? calloc(1, t->bytes) : pages_new(&t->bytes);
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

/* In order of hashes, from this cell on at the earliest; false: no gap is left behind it. */
static bool table_put(struct hash_table *t, uint32_t earliest, struct hash_cell cell)
{
    uint32_t at = home_of(t, cell.hash), end = cell_count(t);
    if (at < earliest)
        at = earliest;
    while (at < end && t->cells[at].value && t->cells[at].hash <= cell.hash)
        at++;
    uint32_t gap = at;
    while (gap < end && t->cells[gap].value)
        gap++;
    if (gap >= end)
        return false;
    memmove(&t->cells[at + 1], &t->cells[at], (gap - at) * sizeof cell);
    t->cells[at] = cell;
    t->count++;
    return true;
}

/* Close the gap that removal leaves: what was displaced by it comes nearer to its home. */
static void table_close_gap(struct hash_table *t, uint32_t gap)
{
    uint32_t end = cell_count(t), at = gap + 1;
    while (at < end && t->cells[at].value && home_of(t, t->cells[at].hash) < at)
        at++;
    memmove(&t->cells[gap], &t->cells[gap + 1], (at - gap - 1) * sizeof *t->cells);
    t->cells[at - 1] = (struct hash_cell){ 0 };
    t->count--;
}

void hash_fini(struct hash_index *x)
{
    table_fini(&x->now);
    table_fini(&x->old);
    *x = (struct hash_index){ 0 };
}

static bool is_in_old(const struct hash_index *x, uint32_t hash)
{
    return x->old.cells && hash >= x->frontier;
}

static void take_back(struct hash_index *x, uint32_t hash, uint32_t count)
{
    uint32_t at = home_of(&x->now, hash);
    while (count && x->now.cells[at].hash != hash)
        at++;
    x->moved -= count;
    x->old.count += count;
    while (count--)
        table_close_gap(&x->now, at);
}

/* Equal hashes move together, so that the frontier parts the two tables. False: now is full at its
 * end, which takes many keys of the largest hashes; then old stays until all is rebuilt. */
static bool move_run(struct hash_index *x)
{
    struct hash_cell *cells = x->old.cells;
    uint32_t end = cell_count(&x->old), hash = cells[x->moved].hash, first = x->moved;
    while (x->moved < end && cells[x->moved].value && cells[x->moved].hash == hash) {
        if (!table_put(&x->now, 0, cells[x->moved])) {
            take_back(x, hash, x->moved - first);
            return false;
        }
        x->old.count--;
        x->moved++;
    }
    x->frontier = hash < UINT32_MAX ? hash + 1 : hash;
    return true;
}

static void move_some(struct hash_index *x, uint32_t most)
{
    uint32_t end = cell_count(&x->old);
    for (; most && x->moved < end; most--) {
        if (!x->old.cells[x->moved].value)
            x->moved++;
        else if (!move_run(x))
            return;
    }
    if (x->old.cells && (x->moved >= end || !x->old.count))
        table_fini(&x->old);
}

static bool put_all(struct hash_table *to, const struct hash_table *from, uint32_t first)
{
    for (uint32_t i = first, end = cell_count(from); i < end; i++)
        if (from->cells[i].value && !table_put(to, 0, from->cells[i]))
            return false;
    return true;
}

/* All at once, with as much slack as it takes: for keys that were chosen to collide. */
static bool rebuild(struct hash_index *x)
{
    struct hash_table wider;
    uint32_t slack = x->now.slack;
    for (bool fits = false; !fits;) {
        slack *= 2;
        if (slack > HOMES_MAX || !table_init(&wider, x->now.homes / 2 * 3, slack))
            return false;
        fits = put_all(&wider, &x->now, 0) && put_all(&wider, &x->old, x->moved);
        if (!fits)
            table_fini(&wider);
    }
    table_fini(&x->now);
    table_fini(&x->old);
    x->now = wider;
    return true;
}

static bool make_room(struct hash_index *x)
{
    struct hash_table wider;
    if (!x->now.cells)
        return table_init(&x->now, HOMES_MIN, SLACK_MIN);
    if (x->now.count + x->old.count < x->now.homes / 5 * 4)
        return true;
    if (x->now.homes >= HOMES_MAX)
        return false;
    if (x->old.cells)
        return rebuild(x);
    if (!table_init(&wider, x->now.homes / 2 * 3, x->now.slack))
        return false;
    x->old = x->now;
    x->now = wider;
    x->moved = x->frontier = 0;
    return true;
}

bool hash_insert(struct hash_index *x, uint64_t hash, uint32_t value)
{
    struct hash_cell cell = { .hash = short_hash(hash), .value = value };
    assert(value);
    if (!make_room(x))
        return false;
    move_some(x, MOVE_PER_INSERT);
    while (is_in_old(x, cell.hash) ? !table_put(&x->old, x->moved, cell)
                                   : !table_put(&x->now, 0, cell))
        if (!rebuild(x))
            return false;
    return true;
}

/* The first cell that may have this hash, in the table that holds such hashes. */
static uint32_t first_cell(const struct hash_index *x, uint32_t hash, const struct hash_table **t)
{
    bool in_old = is_in_old(x, hash);
    *t = in_old ? &x->old : &x->now;
    uint32_t at = home_of(*t, hash);
    return in_old && at < x->moved ? x->moved : at;
}

struct hash_probe hash_probe(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t;
    struct hash_probe p = { .hash = short_hash(hash) };
    uint32_t at = first_cell(x, p.hash, &t);
    if (!t->cells)
        return p;
    p.at = t->cells + at;
    p.end = t->cells + cell_count(t);
    return p;
}

uint32_t hash_probe_next(struct hash_probe *p)
{
    while (p->at != p->end && p->at->value && p->at->hash < p->hash)
        p->at++;
    if (p->at == p->end || p->at->hash != p->hash)
        return 0;
    return p->at++->value; /* of a gap: 0 */
}

void hash_remove(struct hash_index *x, uint64_t hash, uint32_t value)
{
    struct hash_probe p = hash_probe(x, hash);
    struct hash_table *t = is_in_old(x, p.hash) ? &x->old : &x->now;
    uint32_t found;
    while ((found = hash_probe_next(&p)) != value)
        assert(found); /* the caller removes only what it inserted */
    table_close_gap(t, (uint32_t)(p.at - 1 - t->cells));
}

size_t hash_memory(const struct hash_index *x)
{
    return x->now.bytes + x->old.bytes;
}

void hash_prefetch(const struct hash_index *x, uint64_t hash)
{
    const struct hash_table *t;
    uint32_t at = first_cell(x, short_hash(hash), &t);
    if (t->cells)
        __builtin_prefetch(&t->cells[at]);
}
