#include "bgp/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MIN = 64, MOVE_PER_INSERT = 8 };
static const uint32_t MOVED = UINT32_MAX;

__extension__ typedef unsigned __int128 wide;

/* Folded multiply: both halves of a 64x64 product, mixed. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const unsigned char *p, size_t len)
{
    uint64_t v = 0;
    memcpy(&v, p, len);
    return v;
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = key->k0 ^ fold((uint64_t)len + 0x9e3779b97f4a7c15u, key->k1 | 1);
    for (; len > 16; p += 16, len -= 16)
        h = fold(load(p, 8) ^ key->k1, load(p + 8, 8) ^ h);
    size_t first = len > 8 ? 8 : len;
    uint64_t a = load(p, first), b = load(p + first, len - first);
    return fold(fold(a ^ key->k1, b ^ h), key->k0 ^ 0xe7037ed1a0b428dbu);
}

/* The table uses the upper half of the hash as it stands in the cell. */
static uint32_t short_hash(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static bool table_init(struct hash_table *t, uint32_t cells)
{
    t->cells = calloc(cells, sizeof *t->cells);
    if (!t->cells)
        return false;
    t->mask = cells - 1;
    t->count = 0;
    return true;
}

static void table_put(struct hash_table *t, struct hash_cell cell)
{
    uint32_t at = cell.hash & t->mask;
    while (t->cells[at].value)
        at = (at + 1) & t->mask;
    t->cells[at] = cell;
    t->count++;
}

/* Close the gap that removal leaves, so that no probe has to step over dead cells. */
static void table_close_gap(struct hash_table *t, uint32_t gap)
{
    for (uint32_t at = (gap + 1) & t->mask; t->cells[at].value; at = (at + 1) & t->mask) {
        uint32_t home = t->cells[at].hash & t->mask;
        if (((at - home) & t->mask) >= ((at - gap) & t->mask)) {
            t->cells[gap] = t->cells[at];
            gap = at;
        }
    }
    t->cells[gap].value = 0;
}

void hash_fini(struct hash_index *x)
{
    free(x->now.cells);
    free(x->old.cells);
    *x = (struct hash_index){ 0 };
}

static void move_some(struct hash_index *x, uint32_t most)
{
    if (!x->old.cells)
        return;
    for (; most && x->moved <= x->old.mask; most--, x->moved++) {
        struct hash_cell *cell = &x->old.cells[x->moved];
        if (cell->value && cell->value != MOVED)
            table_put(&x->now, *cell);
        if (cell->value)
            cell->value = MOVED; /* probes of the old table must still pass here */
    }
    if (x->moved > x->old.mask) {
        free(x->old.cells);
        x->old = (struct hash_table){ 0 };
    }
}

static bool make_room(struct hash_index *x)
{
    if (!x->now.cells)
        return table_init(&x->now, CELLS_MIN);
    if (x->now.count < x->now.mask / 4 * 3)
        return true;
    move_some(x, UINT32_MAX);
    if (x->now.count < x->now.mask / 4 * 3)
        return true;
    struct hash_table wider;
    if (x->now.mask >= 1u << 30 || !table_init(&wider, (x->now.mask + 1) * 2))
        return false;
    x->old = x->now;
    x->now = wider;
    x->moved = 0;
    return true;
}

bool hash_insert(struct hash_index *x, uint64_t hash, uint32_t value)
{
    assert(value && value != MOVED);
    if (!make_room(x))
        return false;
    move_some(x, MOVE_PER_INSERT);
    table_put(&x->now, (struct hash_cell){ .hash = short_hash(hash), .value = value });
    return true;
}

void hash_remove(struct hash_index *x, uint64_t hash, uint32_t value)
{
    uint32_t h = short_hash(hash);
    for (uint32_t at = h & x->now.mask; x->now.cells[at].value; at = (at + 1) & x->now.mask) {
        if (x->now.cells[at].value == value) {
            table_close_gap(&x->now, at);
            x->now.count--;
            return;
        }
    }
    assert(x->old.cells);
    for (uint32_t at = h & x->old.mask; x->old.cells[at].value; at = (at + 1) & x->old.mask) {
        if (x->old.cells[at].value == value) {
            x->old.cells[at].value = MOVED;
            return;
        }
    }
    assert(false); /* the caller removes what it never inserted */
}

size_t hash_memory(const struct hash_index *x)
{
    size_t cells = (x->now.cells ? x->now.mask + 1u : 0u) + (x->old.cells ? x->old.mask + 1u : 0u);
    return cells * sizeof *x->now.cells;
}

struct hash_probe hash_probe(const struct hash_index *x, uint64_t hash)
{
    uint32_t h = short_hash(hash);
    return (struct hash_probe){
        .index = x, .table = x->now.cells ? &x->now : NULL, .hash = h, .at = h & x->now.mask
    };
}

uint32_t hash_probe_next(struct hash_probe *p)
{
    while (p->table) {
        struct hash_cell cell = p->table->cells[p->at];
        p->at = (p->at + 1) & p->table->mask;
        if (!cell.value) {
            bool more = p->table == &p->index->now && p->index->old.cells;
            p->table = more ? &p->index->old : NULL;
            p->at = p->hash & p->index->old.mask;
        } else if (cell.hash == p->hash && cell.value != MOVED) {
            return cell.value;
        }
    }
    return 0;
}

void hash_prefetch(const struct hash_index *x, uint64_t hash)
{
    if (x->now.cells)
        __builtin_prefetch(&x->now.cells[short_hash(hash) & x->now.mask]);
}
