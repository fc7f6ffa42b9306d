/* An object goes over to another set, and all of its routes with it: one message, whatever their number.
 *
 * A kernel replaces a gateway by a gateway and a group by a group, never one by the other. */
#include "node/targets/netlink_nexthop_impl.h"

#include <errno.h>

/* -------------------------------------------------------------------------------- resilient groups */

/* Of a group in the kernel: are its lost members out, and is it then the one of the smaller set? */
static bool is_left_as(const struct nexthops *x, uint32_t slot, const struct nhset *smaller)
{
    const struct nexthop *n = &x->slots[slot];
    if (!n->nhset || n->state != PARTIAL || !n->is_resilient || !n->refs)
        return false;
    const struct nhset *s = set_at(x, slot);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct nexthop_doubt *d = nexthops_find_doubt(x, &s->members[i]);
        if (has_member(smaller, &s->members[i]) && !d)
            kept++;
        else if (!d || !(d->reasons & NEXTHOP_LOST))
            return false;
    }
    return kept == smaller->count;
}

/* The group goes on under the set of an empty slot, whose place is free then. */
static void rename_group(struct nexthops *x, uint32_t group, uint32_t empty)
{
    uint32_t nhset = x->slots[empty].nhset, old = x->slots[group].nhset;
    const struct nhset *s = set_at(x, empty);
    for (uint32_t i = 0; i < s->count; i++)
        nexthops_ref(x, nexthops_member(x, &s->members[i]));
    nhset_ref(x->sets, nhset);
    nexthops_empty(x, empty);
    nexthops_drop_members(x, set_at(x, group), set_at(x, group)->count);
    if (x->by_set[old] == group)
        x->by_set[old] = 0;
    x->slots[group].nhset = nhset;
    x->by_set[nhset] = group;
    nhset_unref(x->sets, old);
    x->has_heirs = true;
}

/* An NVA died and its routes ask for who is left, one after the other: the flows of those must not be handed out
 * anew. So the group that is there already becomes theirs; routes that have not been looked at yet have it before
 * they ask for it. Returns the slot to use. */
uint32_t nexthops_succeed(struct nexthops *x, uint32_t slot)
{
    const struct nexthop *n = &x->slots[slot];
    if (!x->is_resilient || n->state != ABSENT || n->refs || !is_group(x, slot))
        return slot;
    for (uint32_t group = 1; group < x->cap; group++)
        if (is_left_as(x, group, set_at(x, slot))) {
            rename_group(x, group, slot);
            return group;
        }
    return slot;
}

/* ---------------------------------------------------------------------------------- any other set */

bool nexthops_can_become(const struct nexthops *x, uint32_t nhset, uint32_t heir)
{
    const struct nhset *from = nhset_get(x->sets, nhset), *to = nhset_get(x->sets, heir);
    if (nhset == heir || !from->count || !to->count || ip_addr_is_zero(&from->members[0]) ||
        ip_addr_is_zero(&to->members[0]))
        return false;
    if (from->count > 1)
        return to->count > 1;
    return to->count == 1 && to->members[0].family == from->members[0].family;
}

/* Does the kernel's group hold this member, as far as is known? Of what is in doubt at least one is left out. */
static bool may_hold(const struct nexthops *x, uint32_t group, const struct ip_addr *member)
{
    const struct nexthop *n = &x->slots[group];
    return n->state == PRESENT || (n->state == PARTIAL && !nexthops_find_doubt(x, member));
}

static bool names(const struct nexthops *x, uint32_t group, const struct ip_addr *member)
{
    return x->slots[group].nhset && is_group(x, group) && has_member(set_at(x, group), member);
}

/* The gateway's groups name another object of the same content from now on. */
static int move_groups(struct nexthops *x, uint32_t from, uint64_t now_ms, struct nl_answer *why)
{
    const struct ip_addr member = set_at(x, from)->members[0];
    for (uint32_t group = 1, to = 0; group < x->cap; group++) {
        if (!names(x, group, &member))
            continue;
        if (!to && !(to = nexthops_slot_for(x, x->slots[from].nhset)))
            return why->error = -ENOMEM;
        nexthops_ref(x, to);
        nexthops_unref(x, from);
        if (may_hold(x, group, &member))
            x->slots[group].state = ABSENT;
    }
    for (uint32_t group = 1; group < x->cap; group++)
        if (names(x, group, &member) && x->slots[group].state == ABSENT && x->slots[group].refs &&
            nexthops_make(x, group, now_ms, why))
            return why->error;
    return 0;
}

/* From now on the object is its routes' alone: who asks for its set gets another one. */
static int detach(struct nexthops *x, uint32_t slot, uint64_t now_ms, struct nl_answer *why)
{
    uint32_t nhset = x->slots[slot].nhset;
    if (x->by_set[nhset] != slot)
        return 0;
    x->by_set[nhset] = 0;
    int error = is_group(x, slot) ? 0 : move_groups(x, slot, now_ms, why);
    if (error == -ENOMEM && !x->by_set[nhset])
        x->by_set[nhset] = slot;
    return error;
}

uint32_t nexthops_twin(struct nexthops *x, uint32_t nhset, uint64_t now_ms, struct nl_answer *why)
{
    uint32_t slot = nexthops_slot_for(x, nhset);
    if (slot && x->slots[slot].refs && detach(x, slot, now_ms, why))
        return 0;
    return nexthops_use(x, nhset, now_ms, why);
}

static int hand_over(struct nexthops *x, uint32_t slot, uint32_t heir, uint64_t now_ms, struct nl_answer *why)
{
    uint32_t old = x->slots[slot].nhset;
    const struct nhset *from = nhset_get(x->sets, old), *to = nhset_get(x->sets, heir);
    if (!nexthops_reach_set(x, heir) || !nexthops_take_members(x, to))
        return why->error = -ENOMEM;
    int error = detach(x, slot, now_ms, why);
    if (!error) {
        x->slots[slot].nhset = heir;
        error = nexthops_make(x, slot, now_ms, why);
    }
    if (error) {
        x->slots[slot].nhset = old;
        nexthops_drop_members(x, to, to->count);
        return error;
    }
    nhset_ref(x->sets, heir);
    if (!x->by_set[heir])
        x->by_set[heir] = slot;
    nexthops_drop_members(x, from, from->count);
    nhset_unref(x->sets, old);
    return 0;
}

/* Groups hold references on the set's first object. */
static bool has_routes(const struct nexthops *x, uint32_t slot)
{
    uint32_t routes = x->slots[slot].refs;
    bool may_be_member = x->by_set[x->slots[slot].nhset] == slot && !is_group(x, slot);
    for (uint32_t group = 1; may_be_member && group < x->cap; group++)
        routes -= names(x, group, &set_at(x, slot)->members[0]);
    return routes > 0;
}

static bool is_movable(const struct nexthops *x, uint32_t slot, uint32_t nhset)
{
    const struct nexthop *n = &x->slots[slot];
    return n->nhset == nhset && is_usable(n) && !n->is_pinned && nexthops_is_of_kind(x, slot) && has_routes(x, slot);
}

int nexthops_hand_over(struct nexthops *x, uint32_t nhset, uint32_t heir, uint32_t twin, uint64_t now_ms,
                       struct nl_answer *why)
{
    int error = 0;
    for (uint32_t slot = 1; !error && slot < x->cap; slot++)
        if (slot != twin && is_movable(x, slot, nhset))
            error = hand_over(x, slot, heir, now_ms, why);
    return error;
}
