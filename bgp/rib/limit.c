#include "bgp/rib/limit.h"

#include <assert.h>
#include <string.h>

struct limit_node {
    uint32_t left, right; /* 0 = none */
    uint32_t size;        /* so many prefixes that count are in the tree below, itself included */
    uint32_t prefix;
    uint32_t paths, aside; /* aside: of them, that do not count */
};

static struct limit_node *node(const struct limit *l, uint32_t index)
{
    return slab_at(&l->nodes, index);
}

void limit_init(struct limit *l, const struct prefix_table *prefixes, uint32_t keep)
{
    *l = (struct limit){ .prefixes = prefixes, .keep = keep };
    slab_init(&l->nodes, sizeof(struct limit_node));
}

void limit_fini(struct limit *l)
{
    slab_fini(&l->nodes);
    *l = (struct limit){ 0 };
}

bool limit_reserve(struct limit *l)
{
    if (!l->spare)
        l->spare = slab_new(&l->nodes);
    return l->spare != 0;
}

static uint32_t size_of(const struct limit *l, uint32_t index)
{
    return index ? node(l, index)->size : 0;
}

static bool counts(const struct limit_node *n)
{
    return n->paths > n->aside;
}

static void resize(const struct limit *l, struct limit_node *n)
{
    n->size = counts(n) + size_of(l, n->left) + size_of(l, n->right);
}

/* Heap order of the treap, keyed: a peer that chose it could make the tree a list. */
static uint64_t weight(const struct limit *l, uint32_t index)
{
    return hash_bytes(&l->prefixes->key, &index, sizeof index);
}

static int compare(const struct limit *l, uint32_t a, uint32_t b)
{
    struct ip_prefix p, q;
    prefix_table_prefix(l->prefixes, a, &p);
    prefix_table_prefix(l->prefixes, b, &q);
    if (p.family != q.family)
        return p.family < q.family ? -1 : 1;
    int order = memcmp(p.bytes, q.bytes, sizeof p.bytes);
    return order ? order : (int)p.len - (int)q.len;
}

/* Node of a prefix, 0 = not there; *before counts the prefixes ahead of it. */
static uint32_t find(const struct limit *l, uint32_t prefix, uint32_t *before)
{
    *before = 0;
    for (uint32_t at = l->root; at;) {
        const struct limit_node *n = node(l, at);
        int order = compare(l, prefix, n->prefix);
        if (order >= 0)
            *before += size_of(l, n->left);
        if (order == 0)
            return at;
        *before += order > 0 && counts(n);
        at = order < 0 ? n->left : n->right;
    }
    return 0;
}

/* The prefix at a place in the order; 0 past the end. */
static uint32_t prefix_at(const struct limit *l, uint32_t place)
{
    for (uint32_t at = l->root; at;) {
        const struct limit_node *n = node(l, at);
        uint32_t left = size_of(l, n->left);
        if (place == left && counts(n))
            return n->prefix;
        at = place < left ? n->left : n->right;
        place -= place < left ? 0 : left + counts(n);
    }
    return 0;
}

/* Part a tree into what stands before a prefix and what does not. */
static void split(const struct limit *l, uint32_t tree, uint32_t prefix, uint32_t *before,
                  uint32_t *after)
{
    if (!tree) {
        *before = *after = 0;
        return;
    }
    struct limit_node *n = node(l, tree);
    if (compare(l, n->prefix, prefix) < 0) {
        split(l, n->right, prefix, &n->right, after);
        *before = tree;
    } else {
        split(l, n->left, prefix, before, &n->left);
        *after = tree;
    }
    resize(l, n);
}

/* All of one stands before all of the other. */
static uint32_t join(const struct limit *l, uint32_t one, uint32_t other)
{
    if (!one || !other)
        return one ? one : other;
    bool first = weight(l, one) > weight(l, other);
    struct limit_node *n = node(l, first ? one : other);
    if (first)
        n->right = join(l, n->right, other);
    else
        n->left = join(l, one, n->left);
    resize(l, n);
    return first ? one : other;
}

void limit_keep(struct limit *l, uint32_t keep)
{
    l->keep = keep;
    l->edge = prefix_at(l, keep);
}

/* It counts from now on, behind so many others. Returns the one that falls out. */
static uint32_t come(struct limit *l, uint32_t prefix, uint32_t before)
{
    if (before <= l->keep)
        l->edge = prefix_at(l, l->keep);
    return before < l->keep ? l->edge : prefix;
}

/* One that stood behind so many others counts no more. Returns the one that comes in. */
static uint32_t go(struct limit *l, uint32_t before)
{
    uint32_t next = l->edge;
    if (before <= l->keep)
        l->edge = prefix_at(l, l->keep);
    return before < l->keep ? next : 0;
}

/* Where the tree leads to this node: the prefixes on the way have so many more below them. */
static uint32_t *way_to(struct limit *l, uint32_t at, uint32_t more)
{
    uint32_t *link = &l->root;
    while (*link != at) {
        struct limit_node *n = node(l, *link);
        n->size += more;
        link = compare(l, node(l, at)->prefix, n->prefix) < 0 ? &n->left : &n->right;
    }
    node(l, at)->size += more;
    return link;
}

/* Of a prefix that is known so many paths are there, and do not count, from now on. */
static uint32_t change(struct limit *l, uint32_t at, uint32_t paths, uint32_t aside, uint32_t before)
{
    struct limit_node *n = node(l, at);
    bool counted = counts(n);
    assert(aside <= paths);
    n->paths = paths;
    n->aside = aside;
    if (counted == counts(n))
        return 0;
    way_to(l, at, counted ? UINT32_MAX : 1);
    return counted ? go(l, before) : come(l, n->prefix, before);
}

uint32_t limit_add(struct limit *l, uint32_t prefix)
{
    uint32_t before, left, right, at = find(l, prefix, &before);
    if (at)
        return change(l, at, node(l, at)->paths + 1, node(l, at)->aside, before);
    assert(l->spare);
    at = l->spare;
    l->spare = 0;
    *node(l, at) = (struct limit_node){ .size = 1, .prefix = prefix, .paths = 1 };
    split(l, l->root, prefix, &left, &right);
    l->root = join(l, join(l, left, at), right);
    return come(l, prefix, before);
}

uint32_t limit_remove(struct limit *l, uint32_t prefix, bool is_aside)
{
    uint32_t before, at = find(l, prefix, &before);
    assert(at && node(l, at)->paths);
    uint32_t other = change(l, at, node(l, at)->paths - 1, node(l, at)->aside - is_aside, before);
    if (node(l, at)->paths)
        return other;
    *way_to(l, at, 0) = join(l, node(l, at)->left, node(l, at)->right);
    slab_free(&l->nodes, at);
    return other;
}

uint32_t limit_set_aside(struct limit *l, uint32_t prefix)
{
    uint32_t before, at = find(l, prefix, &before);
    assert(at);
    return change(l, at, node(l, at)->paths, node(l, at)->aside + 1, before);
}

uint32_t limit_take_back(struct limit *l, uint32_t prefix)
{
    uint32_t before, at = find(l, prefix, &before);
    assert(at && node(l, at)->aside);
    return change(l, at, node(l, at)->paths, node(l, at)->aside - 1, before);
}

bool limit_keeps(const struct limit *l, uint32_t prefix)
{
    return !l->edge || compare(l, prefix, l->edge) < 0;
}

bool limit_has(const struct limit *l, uint32_t prefix)
{
    uint32_t before;
    return find(l, prefix, &before) != 0;
}
