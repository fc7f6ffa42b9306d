#include "tests/bench/truth.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION_BITS = 24 };
static const uint32_t WRONG = UINT32_MAX; /* in has[]: something that nobody sent */

static void *must_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

void truth_init(struct truth *t, const struct table *table)
{
    *t = (struct truth){ .table = table };
    t->best = must_calloc(table->prefix_count, sizeof *t->best);
}

void truth_fini(struct truth *t)
{
    for (int i = 0; i < t->sender_count; i++)
        free(t->senders[i].version);
    free(t->best);
    free(t->sent_ns);
    free(t->took_ns);
}

int truth_add_sender(struct truth *t, const struct table_shape *shape)
{
    if (t->sender_count == TRUTH_SENDERS)
        abort();
    t->senders[t->sender_count] = (struct truth_sender){ .shape = *shape };
    return t->sender_count++;
}

void truth_receiver_init(struct truth_receiver *r, const struct truth *t, int sender)
{
    *r = (struct truth_receiver){ .sender = sender };
    r->has = must_calloc(t->table->prefix_count, sizeof *r->has);
}

void truth_receiver_fini(struct truth_receiver *r)
{
    free(r->has);
}

/* ---- what should be ---- */

static uint64_t bit(int sender)
{
    return sender == TRUTH_NOBODY ? 0 : (uint64_t)1 << sender;
}

static uint64_t wanted(const struct truth *t, const struct truth_receiver *r, size_t prefix)
{
    return t->best[prefix] & ~bit(r->sender);
}

static uint32_t version_of(const struct truth_sender *s, size_t prefix)
{
    return s->version && s->version[prefix] ? s->version[prefix] : s->shape.med;
}

static bool is_right(const struct truth *t, const struct truth_receiver *r, size_t prefix)
{
    uint32_t has = r->has[prefix];
    uint64_t want = wanted(t, r, prefix);
    if (!has || !want || has == WRONG)
        return !has && !want;
    int sender = (int)(has >> VERSION_BITS) - 1;
    if (!(want & bit(sender)))
        return false;
    return r->hops_only ||
           (has & ((1u << VERSION_BITS) - 1)) == version_of(&t->senders[sender], prefix);
}

/* All senders announce the same sets: the shortest path is the one with the fewest prepends. */
void truth_settle_senders(struct truth *t)
{
    for (size_t i = 0; i < t->table->prefix_count; i++) {
        unsigned shortest = UINT32_MAX;
        t->best[i] = 0;
        for (int k = 0; k < t->sender_count; k++) {
            const struct truth_sender *s = &t->senders[k];
            if (i < s->first || i >= s->first + s->count || s->shape.prepend > shortest)
                continue;
            t->best[i] = (s->shape.prepend < shortest ? 0 : t->best[i]) | bit(k);
            shortest = s->shape.prepend;
        }
    }
}

static void note_completion(const struct truth *t, struct truth_receiver *r, uint64_t at_ns)
{
    if (!truth_is_complete(t, r))
        r->done_ns = 0;
    else if (!r->done_ns)
        r->done_ns = at_ns;
}

void truth_settle_receiver(const struct truth *t, struct truth_receiver *r, uint64_t now_ns)
{
    r->right = 0;
    r->done_ns = 0;
    for (size_t i = 0; i < t->table->prefix_count; i++)
        r->right += is_right(t, r, i);
    note_completion(t, r, now_ns);
}

void truth_renew(struct truth *t, int sender, size_t prefix, uint32_t version)
{
    struct truth_sender *s = &t->senders[sender];
    if (!s->version)
        s->version = must_calloc(t->table->prefix_count, sizeof *s->version);
    s->version[prefix] = s->newest = version;
}

size_t truth_expected(const struct truth *t, const struct truth_receiver *r)
{
    size_t n = 0;
    for (size_t i = 0; i < t->table->prefix_count; i++)
        n += wanted(t, r, i) != 0;
    return n;
}

/* ---- what arrives ---- */

static void put(const struct truth *t, struct truth_receiver *r, size_t prefix, uint32_t has,
                uint64_t at_ns)
{
    bool was = is_right(t, r, prefix);
    r->has[prefix] = has;
    r->right += (size_t)is_right(t, r, prefix) - (size_t)was;
    if (r->right == t->table->prefix_count || r->done_ns)
        note_completion(t, r, at_ns);
}

static int sender_of(const struct truth *t, const struct ip_addr *next_hop)
{
    for (int i = 0; i < t->sender_count; i++)
        if (ip_addr_is_equal(&t->senders[i].shape.next_hop, next_hop))
            return i;
    return TRUTH_NOBODY;
}

static bool is_shape(const struct table *table, uint32_t set, const struct table_shape *shape,
                     const struct bgp_attrs *a)
{
    uint8_t bytes[TABLE_ATTRS_MAX];
    size_t len = table_attrs(table, set, shape, bytes);
    return len == a->len && memcmp(bytes, a->bytes, len) == 0;
}

/* The version of a set that these attributes are, as a value of has[]; 0: no sender sends it so. */
static uint32_t recognise(const struct truth *t, uint32_t set, const struct bgp_attrs *a)
{
    int k = sender_of(t, &a->next_hop);
    if (k == TRUTH_NOBODY)
        return 0;
    struct table_shape shape = t->senders[k].shape;
    uint32_t has = (uint32_t)(k + 1) << VERSION_BITS;
    shape.med = 0;
    if (is_shape(t->table, set, &shape, a))
        return has;
    shape.med = a->med;
    if (a->med && a->med <= t->senders[k].newest && is_shape(t->table, set, &shape, a))
        return has | a->med;
    return 0;
}

static void take_sample(struct truth *t, uint32_t version, uint64_t at_ns)
{
    if (version == 0 || version > t->sent)
        return;
    t->took_ns = table_grow(t->took_ns, &t->took_cap, t->took + 1, sizeof *t->took_ns);
    t->took_ns[t->took++] = at_ns - t->sent_ns[version - 1];
}

static void take_reach(struct truth *t, struct truth_receiver *r, struct bgp_nlri nlri,
                       const struct bgp_attrs *a, uint64_t at_ns)
{
    uint32_t set = TABLE_NONE, has = 0, id; /* the prefixes of an UPDATE are of one set, mostly */
    struct ip_prefix p;
    while (bgp_nlri_next(&nlri, &p, &id)) {
        uint32_t prefix = table_find(t->table, &p);
        r->routes++;
        if (prefix == TABLE_NONE) {
            r->wrong++;
            continue;
        }
        if (t->table->set_of[prefix] != set) {
            set = t->table->set_of[prefix];
            has = recognise(t, set, a);
        }
        r->wrong += has == 0;
        put(t, r, prefix, has ? has : WRONG, at_ns);
        if (t->sent)
            take_sample(t, has & ((1u << VERSION_BITS) - 1), at_ns);
    }
}

static void take_withdrawn(struct truth *t, struct truth_receiver *r, struct bgp_nlri nlri,
                           uint64_t at_ns)
{
    struct ip_prefix p;
    uint32_t id;
    while (bgp_nlri_next(&nlri, &p, &id)) {
        uint32_t prefix = table_find(t->table, &p);
        r->withdrawals++;
        if (prefix != TABLE_NONE)
            put(t, r, prefix, 0, at_ns);
    }
}

void truth_take_update(struct truth *t, struct truth_receiver *r, const struct bgp_update *u,
                       uint64_t at_ns)
{
    r->messages++;
    for (int i = 0; i < u->withdrawn_count; i++)
        take_withdrawn(t, r, u->withdrawn[i], at_ns);
    for (int i = 0; i < u->reach_count; i++)
        take_reach(t, r, u->reach[i], &u->attrs[i], at_ns);
}

void truth_take_hop(struct truth *t, struct truth_receiver *r, const struct ip_prefix *p,
                    const struct ip_addr *next_hop, uint64_t at_ns)
{
    uint32_t prefix = table_find(t->table, p);
    if (prefix == TABLE_NONE)
        return; /* the host's own routes */
    int sender = next_hop ? sender_of(t, next_hop) : TRUTH_NOBODY;
    r->routes += next_hop != NULL;
    r->withdrawals += next_hop == NULL;
    r->wrong += next_hop && sender == TRUTH_NOBODY;
    put(t, r, prefix, (uint32_t)(sender + 1) << VERSION_BITS, at_ns);
}
