#include "bgp/rib/nhset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct nhset nhset_empty;

void nhset_table_init(struct nhset_table *t, struct hash_key key)
{
    *t = (struct nhset_table){ .key = key };
    slab_init(&t->sets, sizeof(struct nhset));
}

void nhset_table_fini(struct nhset_table *t)
{
    for (uint32_t id = 1; id < t->sets.top; id++) {
        struct nhset *s = slab_at(&t->sets, id);
        if (s->members && s->count)
            free(s->members);
    }
    slab_fini(&t->sets);
    hash_fini(&t->index);
}

static int compare(const void *a, const void *b)
{
    return ip_addr_compare(a, b);
}

uint32_t nhset_sort(struct ip_addr *members, uint32_t count, uint32_t most)
{
    if (count < 2)
        return count < most ? count : most;
    qsort(members, count, sizeof *members, compare);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++)
        if (ip_addr_compare(&members[i], &members[kept - 1]) != 0)
            members[kept++] = members[i];
    return kept < most ? kept : most;
}

static uint64_t hash_of(const struct nhset_table *t, const struct ip_addr *members, uint32_t count)
{
    return hash_bytes(&t->key, members, count * sizeof *members);
}

static uint64_t hash_again(const void *of, uint32_t id)
{
    const struct nhset *s = nhset_get(of, id);
    return hash_of(of, s->members, s->count);
}

static struct hash_owner owner(const struct nhset_table *t)
{
    return (struct hash_owner){ .of = t, .hash = hash_again };
}

static uint32_t find(struct nhset_table *t, uint64_t hash, const struct ip_addr *members,
                     uint32_t count)
{
    struct hash_probe p = hash_probe(&t->index, hash);
    for (uint32_t id; (id = hash_probe_next(&p));) {
        const struct nhset *s = slab_at(&t->sets, id);
        if (s->count == count && memcmp(s->members, members, count * sizeof *members) == 0)
            return id;
    }
    return 0;
}

/* One that is gone has no members. */
static bool is_last(const struct nhset_table *t, const struct ip_addr *member)
{
    const struct nhset *s = nhset_get(t, t->last);
    return s->count == 1 && ip_addr_is_equal(s->members, member);
}

/* 0: memory ends. */
static uint32_t intern(struct nhset_table *t, const struct ip_addr *members, uint32_t count)
{
    uint64_t hash = hash_of(t, members, count);
    uint32_t id = find(t, hash, members, count);
    if (id) {
        nhset_ref(t, id);
        t->last = id;
        return id;
    }
    const struct hash_owner self = owner(t);
    struct ip_addr *copy = malloc(count * sizeof *copy);
    id = copy ? slab_new(&t->sets) : 0;
    if (!id || !hash_insert(&t->index, &self, hash, id)) {
        if (id)
            slab_free(&t->sets, id);
        free(copy);
        return 0;
    }
    memcpy(copy, members, count * sizeof *copy);
    *(struct nhset *)slab_at(&t->sets, id) =
        (struct nhset){ .refs = 1, .count = count, .members = copy };
    t->last = id;
    return id;
}

uint32_t nhset_intern_one(struct nhset_table *t, const struct ip_addr *member)
{
    if (!is_last(t, member))
        return intern(t, member, 1);
    nhset_ref(t, t->last);
    return t->last;
}

uint32_t nhset_intern(struct nhset_table *t, struct ip_addr *members, uint32_t count, bool *nomem)
{
    count = nhset_sort(members, count, NHSET_MAX);
    uint32_t id = count == 1 ? nhset_intern_one(t, members) : count ? intern(t, members, count) : 0;
    *nomem = count && !id;
    return id;
}

void nhset_drop(struct nhset_table *t, uint32_t id)
{
    struct nhset *s = slab_at(&t->sets, id);
    const struct hash_owner self = owner(t);
    hash_remove(&t->index, &self, hash_of(t, s->members, s->count), id);
    free(s->members);
    *s = (struct nhset){ 0 };
    slab_free(&t->sets, id);
}

bool nhset_is_subset(const struct nhset_table *t, uint32_t a, uint32_t b)
{
    const struct nhset *x = nhset_get(t, a), *y = nhset_get(t, b);
    uint32_t j = 0;
    for (uint32_t i = 0; i < x->count; i++) {
        while (j < y->count && ip_addr_compare(&y->members[j], &x->members[i]) < 0)
            j++;
        if (j == y->count || ip_addr_compare(&y->members[j], &x->members[i]) != 0)
            return false;
    }
    return true;
}
