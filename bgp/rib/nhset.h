/* Sets of next hops, interned: what a route is programmed with.
 *
 * A set is sorted and without duplicates, so equal sets have one id, on every node in the same
 * order of members. Id 0 is the empty set: «not programmed». */
#ifndef TANDEM_BGP_NHSET_H
#define TANDEM_BGP_NHSET_H

#include <assert.h>

#include "bgp/base/hash.h"
#include "bgp/base/slab.h"
#include "bgp/codec/types.h"

enum { NHSET_MAX = 64 };

struct nhset {
    uint32_t refs;
    uint32_t count;
    struct ip_addr *members; /* ascending */
};

struct nhset_table {
    struct slab sets;
    struct hash_index index;
    struct hash_key key;
    uint32_t last; /* the set that was asked for last, which may be gone: nets come in runs of one next hop */
};

void nhset_table_init(struct nhset_table *t, struct hash_key key);
void nhset_table_fini(struct nhset_table *t);

/* Sort, drop duplicates, keep the lowest `most`; returns the new count. */
uint32_t nhset_sort(struct ip_addr *members, uint32_t count, uint32_t most);
/* Sorts and de-duplicates members in place (count <= NHSET_MAX, else the lowest are kept), returns
 * the id with one more reference; 0 for count 0 or when memory ends (errno-free: ask *nomem). */
uint32_t nhset_intern(struct nhset_table *t, struct ip_addr *members, uint32_t count, bool *nomem);
/* … of one next hop: mostly the one that was asked for last. 0: memory ends. */
uint32_t nhset_intern_one(struct nhset_table *t, const struct ip_addr *member);
/* Nobody refers to it any more. */
void nhset_drop(struct nhset_table *t, uint32_t id);

static inline void nhset_ref(struct nhset_table *t, uint32_t id)
{
    if (id)
        ((struct nhset *)slab_at_of(&t->sets, id, sizeof(struct nhset)))->refs++;
}

static inline void nhset_unref(struct nhset_table *t, uint32_t id)
{
    if (!id)
        return;
    struct nhset *s = slab_at_of(&t->sets, id, sizeof *s);
    assert(s->refs);
    if (!--s->refs)
        nhset_drop(t, id);
}

extern const struct nhset nhset_empty;
/* Valid while a reference is held; id 0 gives a set of count 0. */
static inline const struct nhset *nhset_get(const struct nhset_table *t, uint32_t id)
{
    return id ? slab_at_of(&t->sets, id, sizeof(struct nhset)) : &nhset_empty;
}
/* Every member of a is a member of b. */
bool nhset_is_subset(const struct nhset_table *t, uint32_t a, uint32_t b);

#endif
