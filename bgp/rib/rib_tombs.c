/* Tombstones in the order of their withdrawals: they go when they are old, and every replica has read of them. */
#include "bgp/rib/rib_impl.h"

enum { ORIGIN_BITS = 3 }; /* of the last word */

void rib_tombs_push(struct rib *r, uint32_t index, uint32_t second)
{
    const struct rib_path *p = rib_path(r, index);
    ring_push(&r->tombs, index);
    ring_push(&r->tombs, p->slot);
    ring_push(&r->tombs, second << ORIGIN_BITS | p->origin);
    r->tomb_second = second;
}

/* The path is still the tombstone that was queued. */
static bool is_same_tomb(const struct rib_path *p, uint32_t slot, uint8_t origin)
{
    return p->next && !p->attrs && p->slot == slot && p->origin == origin;
}

struct tomb {
    uint32_t index, slot, second;
    uint8_t origin;
};

static struct tomb oldest_tomb(const struct rib *r)
{
    uint32_t at = r->tombs.first, mask = r->tombs.cap - 1, when = r->tombs.items[(at + 2) & mask];
    return (struct tomb){ .index = r->tombs.items[at],
                          .slot = r->tombs.items[(at + 1) & mask],
                          .second = when >> ORIGIN_BITS,
                          .origin = when & ((1u << ORIGIN_BITS) - 1) };
}

/* False: it has to stay. */
static bool drop_tomb(struct rib *r, const struct tomb *t, uint64_t acked)
{
    struct rib_origin *o = &r->origins[t->origin];
    if (!is_same_tomb(rib_path(r, t->index), t->slot, t->origin))
        return true;
    uint64_t version = vlist_version(&o->order, t->slot);
    if (t->origin == r->self && version > acked)
        return false;
    if (version > o->dropped)
        o->dropped = version;
    rib_remove(r, t->index);
    return true;
}

bool rib_expire_tombstones(struct rib *r, uint64_t age_ms, uint64_t acked, uint64_t now_ms)
{
    for (int budget = RIB_TOMBS_BUDGET; r->tombs.count; budget--) {
        struct tomb t = oldest_tomb(r);
        bool too_many = r->tombs.count / RIB_TOMB_WORDS > RIB_TOMBS_MAX;
        if (!too_many && now_ms < (uint64_t)t.second * 1000 + age_ms)
            return false;
        if (!budget)
            return true;
        if (!drop_tomb(r, &t, too_many ? UINT64_MAX : acked))
            return false;
        for (int i = 0; i < RIB_TOMB_WORDS; i++)
            ring_pop(&r->tombs);
    }
    return false;
}
