/* Wishes become units; a unit may be left to another one (into), and what is left stands for itself
 * and for those. Merged units are appended behind the wishes' own. */
#include "node/targets/azure_plan.h"

#include <stdio.h>
#include <string.h>

#include "node/base/memory.h"

enum { NEARLY_FULL_TENTHS = 9 };

static const uint32_t NONE = UINT32_MAX;

struct unit {
    struct ip_prefix prefix;
    uint32_t nhset, into; /* into: the unit that stands for this one, NONE = itself */
    uint32_t wish;        /* that names it */
};

struct units {
    struct unit *all;
    uint32_t count, own; /* own: before the merged ones */
    uint32_t standing;
};

const char *azure_fate_text(enum azure_fate fate)
{
    static const char *const texts[] = {
        [AZURE_FITS] = "",
        [AZURE_TOO_MANY] = "some routes have no room",
        [AZURE_CONFLICT] = "routes that are not ours have the same prefixes",
        [AZURE_NO_HOP] = "some routes have no next hop of their family",
    };
    return texts[fate];
}

static int compare_wishes(const void *a, const void *b)
{
    return azure_prefix_compare(&((const struct azure_wish *)a)->prefix,
                                &((const struct azure_wish *)b)->prefix);
}

static void make_units(struct units *u, struct azure_wish *wishes, size_t count,
                       const struct azure_table *table)
{
    u->all = memory_new(2 * count, sizeof *u->all);
    for (size_t i = 0; i < count; i++) {
        struct azure_wish *w = &wishes[i];
        w->fate = !w->nhset                                   ? AZURE_NO_HOP
                  : azure_table_is_foreign(table, &w->prefix) ? AZURE_CONFLICT
                                                              : AZURE_FITS;
        if (w->fate == AZURE_FITS)
            u->all[u->count++] = (struct unit){ w->prefix, w->nhset, NONE, (uint32_t)i };
    }
    u->own = u->standing = u->count;
}

/* ---- summaries ---- */

static int compare_units(const void *a, const void *b)
{
    return azure_prefix_compare(&((const struct unit *)a)->prefix, &((const struct unit *)b)->prefix);
}

/* The wish's own unit of exactly this prefix. */
static struct unit *find_own(const struct units *u, const struct ip_prefix *prefix)
{
    const struct unit key = { .prefix = *prefix };
    return u->own ? bsearch(&key, u->all, u->own, sizeof key, compare_units) : NULL;
}

static struct ip_prefix parent_of(const struct ip_prefix *prefix)
{
    struct ip_prefix p = *prefix;
    p.len--;
    p.bytes[p.len / 8] &= (uint8_t) ~(0x80u >> p.len % 8);
    return p;
}

/* The nearest prefix above decides what a packet does without this one: is it ours, with the same
 * next hops? */
static struct unit *stand_in(const struct units *u, const struct unit *x,
                             const struct azure_table *table)
{
    struct ip_prefix p = x->prefix;
    while (p.len) {
        p = parent_of(&p);
        struct unit *above = find_own(u, &p);
        if (above)
            return above->nhset == x->nhset ? above : NULL;
        if (azure_table_is_foreign(table, &p))
            return NULL;
    }
    return NULL;
}

static void leave_to_shorter(struct units *u, const struct azure_table *table)
{
    for (uint32_t i = 0; i < u->own; i++) {
        const struct unit *above = stand_in(u, &u->all[i], table);
        if (!above)
            continue;
        u->all[i].into = (uint32_t)(above - u->all);
        u->standing--;
    }
}

static bool are_halves(const struct unit *a, const struct unit *b, const struct units *u,
                       const struct azure_table *table)
{
    if (a->nhset != b->nhset || a->prefix.len != b->prefix.len || !a->prefix.len)
        return false;
    struct ip_prefix above = parent_of(&a->prefix), other = parent_of(&b->prefix);
    return ip_prefix_is_equal(&above, &other) && !find_own(u, &above) &&
           !azure_table_is_foreign(table, &above);
}

static void merge(struct units *u, struct unit *a, struct unit *b)
{
    struct unit *whole = &u->all[u->count];
    *whole = (struct unit){ parent_of(&a->prefix), a->nhset, NONE, a->wish };
    a->into = b->into = u->count++;
    u->standing--;
}

struct level {
    uint32_t *members; /* units of one length, by address */
    uint32_t count;
};

static int compare_members(const void *a, const void *b, void *units)
{
    const struct units *u = units;
    return compare_units(&u->all[*(const uint32_t *)a], &u->all[*(const uint32_t *)b]);
}

/* Merges halves of one length; what they become joins the level above. */
static void merge_level(struct units *u, const struct level *l, struct level *above, size_t most,
                        const struct azure_table *table)
{
    for (uint32_t i = 0; i + 1 < l->count && u->standing > most; i++) {
        struct unit *a = &u->all[l->members[i]], *b = &u->all[l->members[i + 1]];
        if (!are_halves(a, b, u, table))
            continue;
        above->members[above->count++] = u->count;
        merge(u, a, b);
        i++;
    }
}

static void merge_halves(struct units *u, size_t most, const struct azure_table *table)
{
    uint32_t *room = memory_new(2 * (size_t)u->own, sizeof *room);
    struct level now = { room, 0 }, above = { room + u->own, 0 };
    uint32_t next = u->own; /* own units lie sorted, shortest first */
    for (int len = 128; len >= 1; len--) {
        for (; next && u->all[next - 1].prefix.len == len; next--)
            if (u->all[next - 1].into == NONE)
                now.members[now.count++] = next - 1;
        if (now.count)
            qsort_r(now.members, now.count, sizeof *now.members, compare_members, u);
        merge_level(u, &now, &above, most, table);
        struct level done = now;
        now = above;
        above = (struct level){ done.members, 0 };
    }
    free(room);
}

static const struct unit *standing_for(const struct units *u, const struct unit *x)
{
    while (x->into != NONE)
        x = &u->all[x->into];
    return x;
}

/* ---- names ---- */

/* FNV-1a: no secret is involved, and every node must come to the same name. */
static uint32_t hash_of(const struct ip_prefix *p, uint32_t salt)
{
    const uint8_t head[] = { p->family, p->len, (uint8_t)salt };
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof head; i++)
        hash = (hash ^ head[i]) * 16777619u;
    for (size_t i = 0; i < sizeof p->bytes; i++)
        hash = (hash ^ p->bytes[i]) * 16777619u;
    return hash;
}

static uint32_t free_hash(const struct ip_prefix *p, const uint32_t *taken, size_t count)
{
    for (uint32_t salt = 0;; salt++) {
        uint32_t hash = hash_of(p, salt);
        size_t i = 0;
        while (i < count && taken[i] != hash)
            i++;
        if (i == count)
            return hash;
    }
}

static void name_route(struct azure_route *r, const char *nva, uint32_t hash,
                       const struct azure_table *table)
{
    const struct azure_route *old = azure_table_find(table, &r->prefix);
    if (nva || !old)
        snprintf(r->name, sizeof r->name, "tandem-%.63s-%08x", nva ? nva : "inherited", hash);
    else
        memcpy(r->name, old->name, sizeof r->name);
}

/* ---- the plan ---- */

/* Keeps what fits of the standing units, in order. */
static void choose(struct azure_plan *plan, const struct units *u, const struct azure_wish *wishes,
                   size_t most, const struct azure_table *table)
{
    struct unit *standing = memory_new(u->standing, sizeof *standing);
    uint32_t *hashes = memory_new(most, sizeof *hashes);
    size_t count = 0;
    for (uint32_t i = 0; i < u->count; i++)
        if (u->all[i].into == NONE)
            standing[count++] = u->all[i];
    qsort(standing, count, sizeof *standing, compare_units);
    plan->routes = memory_new(most, sizeof *plan->routes);
    for (; plan->count < count && plan->count < most; plan->count++) {
        const struct unit *x = &standing[plan->count];
        struct azure_route *r = &plan->routes[plan->count];
        *r = (struct azure_route){ x->prefix, x->nhset, "" };
        hashes[plan->count] = free_hash(&r->prefix, hashes, plan->count);
        name_route(r, wishes[x->wish].nva, hashes[plan->count], table);
    }
    free(standing);
    free(hashes);
}

static bool has_route(const struct azure_plan *plan, const struct ip_prefix *prefix)
{
    size_t low = 0, high = plan->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = azure_prefix_compare(&plan->routes[middle].prefix, prefix);
        if (order == 0)
            return true;
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return false;
}

static void tell_fates(struct azure_plan *plan, const struct units *u, struct azure_wish *wishes,
                       size_t count)
{
    for (uint32_t i = 0; i < u->own; i++)
        if (!has_route(plan, &standing_for(u, &u->all[i])->prefix))
            wishes[u->all[i].wish].fate = AZURE_TOO_MANY;
    for (size_t i = 0; i < count; i++)
        plan->fates[wishes[i].fate]++;
}

void azure_plan_make(struct azure_plan *plan, struct azure_wish *wishes, size_t count,
                     const struct azure_table *table, uint32_t limit, bool summarise)
{
    struct units u = { 0 };
    size_t most = limit > table->others ? limit - table->others : 0;
    size_t nearly = (size_t)limit * NEARLY_FULL_TENTHS / 10;
    nearly = nearly > table->others ? nearly - table->others : 0;
    *plan = (struct azure_plan){ 0 };
    qsort(wishes, count, sizeof *wishes, compare_wishes);
    make_units(&u, wishes, count, table);
    if (summarise && u.standing > nearly) {
        leave_to_shorter(&u, table);
        merge_halves(&u, nearly, table);
    }
    choose(plan, &u, wishes, most < u.standing ? most : u.standing, table);
    tell_fates(plan, &u, wishes, count);
    free(u.all);
}

void azure_plan_fini(struct azure_plan *plan)
{
    free(plan->routes);
    *plan = (struct azure_plan){ 0 };
}

bool azure_plan_is_done(const struct azure_plan *plan, const struct azure_table *table)
{
    size_t done = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct azure_route *r = &table->routes[i];
        if (!r->nhset && !has_route(plan, &r->prefix))
            continue; /* edited by somebody, and not wanted: left alone */
        if (done == plan->count || plan->routes[done].nhset != r->nhset ||
            azure_prefix_compare(&plan->routes[done].prefix, &r->prefix))
            return false;
        done++;
    }
    return done == plan->count;
}
