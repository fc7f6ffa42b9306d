/* What the bodies of the nexthop objects share. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_NEXTHOP_IMPL_H
#define TANDEM_NODE_TARGETS_NETLINK_NEXTHOP_IMPL_H

#include "node/targets/netlink_nexthop.h"

enum nexthop_state {
    FREE,
    FOREIGN, /* the id is taken by an object that is not ours or not a set of gateways */
    ABSENT,  /* to be made before use */
    PARTIAL, /* a group without the members that do not resolve */
    PRESENT,
};

struct nexthop {
    uint32_t nhset; /* reference held; 0 when FREE or FOREIGN */
    uint32_t refs;  /* routes, and groups with this member */
    uint32_t oif;
    uint8_t state;
    bool is_found;  /* by the running sync */
    bool is_idle;   /* nothing used it since the last collect */
    bool is_pinned; /* a second object of the same content, of an earlier run: groups that it made may name it */
    bool is_resilient; /* a group's kind, for as long as it lives */
    uint64_t retry_ms;
    struct nl_answer failure; /* until retry_ms */
};

static inline const struct nhset *set_at(const struct nexthops *x, uint32_t slot)
{
    return nhset_get(x->sets, x->slots[slot].nhset);
}

static inline bool is_group(const struct nexthops *x, uint32_t slot)
{
    return set_at(x, slot)->count > 1;
}

static inline bool is_discard(const struct nexthops *x, uint32_t slot)
{
    return set_at(x, slot)->count == 1 && ip_addr_is_zero(&set_at(x, slot)->members[0]);
}

static inline bool is_usable(const struct nexthop *n)
{
    return n->state == PRESENT || n->state == PARTIAL;
}

static inline bool has_member(const struct nhset *s, const struct ip_addr *hop)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (ip_addr_is_equal(&s->members[i], hop))
            return true;
    return false;
}

/* The slot of a set, and that of the set {member}; 0 when memory ends. */
uint32_t nexthops_slot_for(struct nexthops *x, uint32_t nhset);
uint32_t nexthops_member(struct nexthops *x, const struct ip_addr *member);
/* The references of a group on all of its members; false, and none is held, when memory ends. */
bool nexthops_take_members(struct nexthops *x, const struct nhset *s);
/* … on its first `count` members go. */
void nexthops_drop_members(struct nexthops *x, const struct nhset *s, uint32_t count);
/* Room for a set in by_set. */
bool nexthops_reach_set(struct nexthops *x, uint32_t nhset);
void nexthops_empty(struct nexthops *x, uint32_t slot);
/* The object as its set says, whatever it was; 0 or a negative errno with the reason. */
int nexthops_make(struct nexthops *x, uint32_t slot, uint64_t now_ms, struct nl_answer *why);
struct nexthop_doubt *nexthops_find_doubt(const struct nexthops *x, const struct ip_addr *hop);

/* netlink_heir.c: for an empty slot that is to be used, the slot of a group that goes on as this one, or itself. */
uint32_t nexthops_succeed(struct nexthops *x, uint32_t slot);

#endif
