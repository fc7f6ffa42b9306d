#include "node/targets/netlink_nexthop_impl.h"

#include "node/targets/netlink_msg.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURE_MEMORY_MS = 1000 };

/* --------------------------------------------------------------------------------------- slots */

static bool grow_slots(struct nexthops *x, uint32_t slot)
{
    uint32_t cap = x->cap ? x->cap : 64;
    while (cap <= slot)
        cap *= 2;
    if (cap == x->cap)
        return true;
    struct nexthop *grown = realloc(x->slots, cap * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + x->cap, 0, (cap - x->cap) * sizeof *grown);
    x->slots = grown;
    x->cap = cap;
    return true;
}

bool nexthops_reach_set(struct nexthops *x, uint32_t nhset)
{
    uint32_t cap = x->by_set_cap ? x->by_set_cap : 64;
    while (cap <= nhset)
        cap *= 2;
    if (cap == x->by_set_cap)
        return true;
    uint32_t *grown = realloc(x->by_set, cap * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + x->by_set_cap, 0, (cap - x->by_set_cap) * sizeof *grown);
    x->by_set = grown;
    x->by_set_cap = cap;
    return true;
}

/* Round and round, so that an id which was just deleted is not at once another object. */
static uint32_t free_slot(struct nexthops *x)
{
    for (uint32_t tries = 0; tries < x->cap; tries++) {
        uint32_t slot = ++x->next_slot % (x->cap ? x->cap : 1);
        if (slot && x->slots[slot].state == FREE)
            return slot;
    }
    uint32_t slot = x->cap ? x->cap : 1;
    return slot < NEXTHOP_RANGE && grow_slots(x, slot) ? slot : 0;
}

uint32_t nexthops_member(struct nexthops *x, const struct ip_addr *member)
{
    struct ip_addr copy = *member;
    bool nomem;
    uint32_t single = nhset_intern(x->sets, &copy, 1, &nomem);
    uint32_t slot = single ? nexthops_slot_for(x, single) : 0;
    nhset_unref(x->sets, single);
    return slot;
}

void nexthops_drop_members(struct nexthops *x, const struct nhset *s, uint32_t count)
{
    for (uint32_t i = 0; s->count > 1 && i < count; i++)
        nexthops_unref(x, nexthops_member(x, &s->members[i]));
}

bool nexthops_take_members(struct nexthops *x, const struct nhset *s)
{
    for (uint32_t i = 0; s->count > 1 && i < s->count; i++) {
        uint32_t member = nexthops_member(x, &s->members[i]);
        if (!member) {
            nexthops_drop_members(x, s, i);
            return false;
        }
        nexthops_ref(x, member);
    }
    return true;
}

/* Gives a slot its content; false, and nothing changed, when memory ends. */
static bool fill(struct nexthops *x, uint32_t slot, uint32_t nhset, enum nexthop_state state)
{
    if (!nexthops_reach_set(x, nhset))
        return false;
    x->slots[slot] = (struct nexthop){ .nhset = nhset, .state = (uint8_t)state, .is_resilient = x->is_resilient };
    if (!nexthops_take_members(x, set_at(x, slot))) {
        x->slots[slot] = (struct nexthop){ 0 };
        return false;
    }
    nhset_ref(x->sets, nhset);
    if (!x->by_set[nhset])
        x->by_set[nhset] = slot;
    return true;
}

uint32_t nexthops_slot_for(struct nexthops *x, uint32_t nhset)
{
    if (nhset < x->by_set_cap && x->by_set[nhset])
        return x->by_set[nhset];
    uint32_t slot = free_slot(x);
    return slot && fill(x, slot, nhset, ABSENT) ? slot : 0;
}

void nexthops_empty(struct nexthops *x, uint32_t slot)
{
    uint32_t nhset = x->slots[slot].nhset;
    nexthops_drop_members(x, set_at(x, slot), set_at(x, slot)->count);
    if (x->by_set[nhset] == slot)
        x->by_set[nhset] = 0;
    x->slots[slot] = (struct nexthop){ 0 };
    nhset_unref(x->sets, nhset);
}

void nexthops_ref(struct nexthops *x, uint32_t slot)
{
    if (!slot)
        return;
    x->slots[slot].refs++;
    x->slots[slot].is_idle = false;
}

void nexthops_unref(struct nexthops *x, uint32_t slot)
{
    if (!slot)
        return;
    assert(x->slots[slot].refs);
    x->slots[slot].refs--;
}

bool nexthops_has(const struct nexthops *x, uint32_t slot, uint32_t nhset)
{
    const struct nexthop *n = &x->slots[slot];
    return slot && n->nhset == nhset && is_usable(n) && nexthops_is_of_kind(x, slot);
}

uint32_t nexthops_refs(const struct nexthops *x, uint32_t slot)
{
    return x->slots[slot].refs;
}

uint32_t nexthops_set(const struct nexthops *x, uint32_t slot)
{
    return x->slots[slot].nhset;
}

uint32_t nexthops_see(struct nexthops *x, uint32_t id)
{
    uint32_t slot = id - x->id_base;
    if (id < x->id_base || slot >= x->cap || !x->slots[slot].nhset)
        return 0;
    x->slots[slot].is_idle = false;
    return slot;
}

void nexthops_doubt(struct nexthops *x, uint32_t slot)
{
    x->slots[slot].state = ABSENT;
}

/* ------------------------------------------------------------------------------- making objects */

static void keep_route(void *data, const struct nlmsghdr *h)
{
    struct nl_route *r = data;
    if (h->nlmsg_type == RTM_NEWROUTE && !nl_read_route(h, r))
        r->type = RTN_UNSPEC;
}

/* The link that the address is on, 0 and the reason when it is on none. */
static uint32_t resolve(struct nexthops *x, const struct ip_addr *to, struct nl_answer *why)
{
    char buf[NL_MESSAGE_MAX] = { 0 }, text[IP_ADDR_TEXT], via[IP_ADDR_TEXT];
    struct nl_route r;
    r.type = RTN_UNSPEC;
    r.hop_count = r.oif = 0;
    ip_addr_format(to, text);
    if (nl_talk(x->socket, nl_build_lookup(buf, to), keep_route, &r, why)) {
        struct nl_answer kernel = *why;
        snprintf(why->reason, sizeof why->reason, "next hop %s: %.100s", text, kernel.reason);
        return 0;
    }
    if (r.type == RTN_UNICAST && r.oif && !r.hop_count)
        return r.oif;
    why->error = -EHOSTUNREACH;
    if (r.type == RTN_UNICAST && r.hop_count)
        snprintf(why->reason, sizeof why->reason, "next hop %s is on no link: it is reached via %s",
                 text, ip_addr_format(&r.hops[0], via));
    else
        snprintf(why->reason, sizeof why->reason, "next hop %s is %s", text,
                 r.type == RTN_LOCAL ? "an address of this host" : "not reachable");
    return 0;
}

static int make_discard(struct nexthops *x, uint32_t slot, struct nl_answer *why)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    struct nlmsghdr *h = nl_build_discard(buf, x->protocol, nexthops_id(x, slot),
                                          set_at(x, slot)->members[0].family);
    if (nl_talk(x->socket, h, NULL, NULL, why) == 0)
        x->slots[slot].state = PRESENT;
    return why->error;
}

static int make_gateway(struct nexthops *x, uint32_t slot, struct nl_answer *why)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    const struct ip_addr *gateway = &set_at(x, slot)->members[0];
    uint32_t oif = resolve(x, gateway, why);
    if (!oif)
        return why->error;
    struct nlmsghdr *h = nl_build_nexthop(buf, x->protocol, nexthops_id(x, slot), gateway, oif);
    if (nl_talk(x->socket, h, NULL, NULL, why))
        return why->error;
    x->slots[slot].oif = oif;
    x->slots[slot].state = PRESENT;
    return 0;
}

struct nexthop_doubt *nexthops_find_doubt(const struct nexthops *x, const struct ip_addr *hop)
{
    for (size_t i = 0; i < x->doubt_count; i++)
        if (ip_addr_is_equal(&x->doubts[i].hop, hop))
            return &x->doubts[i];
    return NULL;
}

/* Ids of the members that resolve, and how many. */
static uint32_t find_members(struct nexthops *x, const struct nhset *s, bool even_doubtful,
                             uint32_t ids[static NHSET_MAX], uint64_t now_ms, struct nl_answer *why)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (!even_doubtful && nexthops_find_doubt(x, &s->members[i]))
            continue;
        uint32_t member = nexthops_member(x, &s->members[i]);
        if (is_usable(&x->slots[member]) || nexthops_make(x, member, now_ms, why) == 0)
            ids[count++] = nexthops_id(x, member);
    }
    return count;
}

static int make_group(struct nexthops *x, uint32_t slot, uint64_t now_ms, struct nl_answer *why)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    const struct nhset *s = set_at(x, slot);
    uint32_t ids[NHSET_MAX];
    uint32_t count = find_members(x, s, false, ids, now_ms, why);
    if (!count)
        count = find_members(x, s, true, ids, now_ms, why); /* never without the last one */
    if (!count)
        return why->error;
    struct nlmsghdr *h = nl_build_group(buf, x->protocol, nexthops_id(x, slot), ids, count,
                                        x->slots[slot].is_resilient);
    if (nl_talk(x->socket, h, NULL, NULL, why))
        return why->error;
    x->slots[slot].state = count == s->count ? PRESENT : PARTIAL;
    return 0;
}

int nexthops_make(struct nexthops *x, uint32_t slot, uint64_t now_ms, struct nl_answer *why)
{
    const struct nexthop *n = &x->slots[slot];
    if (now_ms < n->retry_ms) {
        *why = n->failure;
        return why->error;
    }
    int error = is_group(x, slot)     ? make_group(x, slot, now_ms, why)
                : is_discard(x, slot) ? make_discard(x, slot, why)
                                      : make_gateway(x, slot, why);
    if (error) {
        x->slots[slot].failure = *why;
        x->slots[slot].retry_ms = now_ms + FAILURE_MEMORY_MS;
    }
    return error;
}

/* -------------------------------------------------------------------------------- resilient groups */

bool nexthops_can_be_resilient(struct nexthops *x)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    struct nl_answer answer;
    return nl_talk(x->socket, nl_build_bucket_lookup(buf, x->id_base + NEXTHOP_RANGE), NULL, NULL, &answer) !=
           -EOPNOTSUPP;
}

bool nexthops_is_of_kind(const struct nexthops *x, uint32_t slot)
{
    return !is_group(x, slot) || x->slots[slot].is_resilient == x->is_resilient;
}

uint32_t nexthops_use(struct nexthops *x, uint32_t nhset, uint64_t now_ms, struct nl_answer *why)
{
    uint32_t slot = nexthops_slot_for(x, nhset);
    if (!slot) {
        *why = (struct nl_answer){ -ENOMEM, "no room for another nexthop object" };
        return 0;
    }
    slot = nexthops_succeed(x, slot);
    x->slots[slot].is_idle = false;
    if (is_usable(&x->slots[slot]) || nexthops_make(x, slot, now_ms, why) == 0)
        return slot;
    return 0;
}

/* ---------------------------------------------------------------------- comparing with the kernel */

struct listing {
    const struct nexthops *x;
    struct nl_nexthop *items;
    size_t count, cap;
    int error;
};

static void list_nexthop(void *data, const struct nlmsghdr *h)
{
    struct listing *l = data;
    struct nl_nexthop n;
    if (h->nlmsg_flags & NLM_F_DUMP_INTR)
        l->error = -EINTR;
    if (h->nlmsg_type != RTM_NEWNEXTHOP || !nl_read_nexthop(h, &n) || n.id <= l->x->id_base ||
        n.id - l->x->id_base >= NEXTHOP_RANGE)
        return;
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct nl_nexthop *grown = realloc(l->items, cap * sizeof *grown);
        if (!grown) {
            l->error = -ENOMEM;
            return;
        }
        l->items = grown;
        l->cap = cap;
    }
    l->items[l->count++] = n;
}

/* The content as an interned set, 0 when it is no set of gateways (or memory ends). */
static uint32_t set_of(struct nexthops *x, const struct nl_nexthop *k)
{
    struct ip_addr members[NHSET_MAX];
    uint32_t count = 0;
    bool nomem;
    if (k->protocol != x->protocol)
        return 0;
    if (!k->member_count) {
        members[count++] = k->is_discard ? (struct ip_addr){ .family = k->family } : k->gateway;
        return k->has_gateway || k->is_discard ? nhset_intern(x->sets, members, count, &nomem) : 0;
    }
    for (uint32_t i = 0; i < k->member_count; i++) {
        uint32_t slot = nexthops_see(x, k->members[i]);
        if (!slot || is_group(x, slot))
            return 0;
        members[count++] = set_at(x, slot)->members[0];
    }
    return nhset_intern(x->sets, members, count, &nomem);
}

/* A group that the kernel has, whoever made it, names these and no others of the same content. */
static void pin_members(struct nexthops *x, const struct nl_nexthop *k)
{
    for (uint32_t i = 0; i < k->member_count; i++) {
        uint32_t slot = nexthops_see(x, k->members[i]);
        if (slot && x->by_set[x->slots[slot].nhset] != slot)
            x->slots[slot].is_pinned = true;
    }
}

static int adopt(struct nexthops *x, const struct nl_nexthop *k)
{
    uint32_t slot = k->id - x->id_base, nhset = set_of(x, k);
    if (!grow_slots(x, slot) || !nexthops_reach_set(x, nhset)) {
        nhset_unref(x->sets, nhset);
        return -ENOMEM;
    }
    int error = 0;
    struct nexthop *n = &x->slots[slot];
    bool is_known = n->state != FREE && n->state != FOREIGN;
    if (is_known)
        n->state = n->nhset == nhset ? PRESENT : ABSENT; /* somebody changed it: make it again */
    else if (!nhset)
        *n = (struct nexthop){ .state = FOREIGN };
    else if (!fill(x, slot, nhset, PRESENT))
        error = -ENOMEM;
    n = &x->slots[slot]; /* filling a group may move the slots */
    n->oif = k->oif;
    n->is_found = true;
    n->is_resilient = k->is_resilient;
    if (!is_known && n->nhset && !nexthops_is_of_kind(x, slot) && x->by_set[nhset] == slot)
        x->by_set[nhset] = 0; /* its routes keep it until they have another */
    n->is_pinned = false;
    pin_members(x, k);
    nhset_unref(x->sets, nhset);
    return error;
}

static int adopt_all(struct nexthops *x, const struct listing *l)
{
    int error = 0;
    for (uint32_t slot = 1; slot < x->cap; slot++)
        x->slots[slot].is_found = false;
    /* A group is known by its members, so the gateways come first. */
    for (int groups = 0; groups <= 1; groups++)
        for (size_t i = 0; !error && i < l->count; i++)
            if ((l->items[i].member_count > 0) == groups)
                error = adopt(x, &l->items[i]);
    return error;
}

static void forget_missing(struct nexthops *x)
{
    for (uint32_t slot = 1; slot < x->cap; slot++) {
        struct nexthop *n = &x->slots[slot];
        if (n->is_found)
            continue;
        if (n->state == FOREIGN)
            n->state = FREE;
        else if (n->state != FREE)
            n->state = ABSENT;
    }
}

/* The route to a gateway may have moved to another link. */
static bool has_moved(struct nexthops *x, uint32_t slot)
{
    struct nl_answer why;
    if (is_discard(x, slot))
        return false;
    uint32_t oif = resolve(x, &set_at(x, slot)->members[0], &why);
    return oif && oif != x->slots[slot].oif;
}

static void repair(struct nexthops *x, uint64_t now_ms)
{
    struct nl_answer why;
    for (int groups = 0; groups <= 1; groups++)
        for (uint32_t slot = 1; slot < x->cap; slot++) {
            const struct nexthop *n = &x->slots[slot];
            if (!n->nhset || !n->refs || is_group(x, slot) != groups)
                continue;
            if (n->state != PRESENT || (!groups && has_moved(x, slot)))
                (void)nexthops_make(x, slot, now_ms, &why); /* kept in the slot; its users will report it */
        }
}

int nexthops_sync(struct nexthops *x, uint64_t now_ms)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    struct nl_answer answer;
    struct listing l = { .x = x };
    int error = nl_talk(x->socket, nl_build_nexthop_dump(buf), list_nexthop, &l, &answer);
    if (!error)
        error = l.error;
    if (!error)
        error = adopt_all(x, &l);
    free(l.items);
    if (error)
        return error;
    forget_missing(x);
    repair(x, now_ms);
    return 0;
}

void nexthops_collect(struct nexthops *x)
{
    char buf[NL_MESSAGE_MAX];
    struct nl_answer answer;
    for (int groups = 1; groups >= 0; groups--)
        for (uint32_t slot = 1; slot < x->cap; slot++) {
            struct nexthop *n = &x->slots[slot];
            if (!n->nhset || n->refs || n->is_pinned || is_group(x, slot) != groups)
                continue;
            if (!n->is_idle) {
                n->is_idle = true;
                continue;
            }
            memset(buf, 0, sizeof buf);
            struct nlmsghdr *h = nl_build_nexthop_delete(buf, nexthops_id(x, slot));
            if (n->state == ABSENT || nl_talk(x->socket, h, NULL, NULL, &answer) == 0 ||
                answer.error == -ENOENT)
                nexthops_empty(x, slot);
        }
}

void nexthops_forget_failures(struct nexthops *x)
{
    for (uint32_t slot = 1; slot < x->cap; slot++)
        x->slots[slot].retry_ms = 0;
}

/* ---------------------------------------------------------------------------------------- doubts */

/* True when from now on it is left out, or is not any more. */
static bool note_doubt(struct nexthops *x, const struct ip_addr *hop, enum nexthop_reason reason, bool is_on)
{
    struct nexthop_doubt *d = nexthops_find_doubt(x, hop);
    if (!d && !is_on)
        return false;
    if (!d) {
        struct nexthop_doubt *grown = realloc(x->doubts, (x->doubt_count + 1) * sizeof *grown);
        if (!grown)
            return false;
        x->doubts = grown;
        x->doubts[x->doubt_count++] = (struct nexthop_doubt){ *hop, (uint8_t)reason };
        return true;
    }
    d->reasons = (uint8_t)(is_on ? d->reasons | reason : d->reasons & ~reason);
    if (d->reasons)
        return false;
    *d = x->doubts[--x->doubt_count];
    return true;
}

/* Groups with this member, anew, also those that no route uses just now: the next one takes them as they are. What
 * fails is made with the next dump, or before it is used. */
static void make_groups_of(struct nexthops *x, const struct ip_addr *hop, uint64_t now_ms)
{
    struct nl_answer why;
    for (uint32_t slot = 1; slot < x->cap; slot++) {
        if (!x->slots[slot].nhset || !is_group(x, slot) || !has_member(set_at(x, slot), hop))
            continue;
        bool is_used = x->slots[slot].refs > 0;
        if ((is_used || is_usable(&x->slots[slot])) && nexthops_make(x, slot, now_ms, &why) && !is_used)
            x->slots[slot].state = ABSENT;
    }
}

void nexthops_set_health(struct nexthops *x, const struct ip_addr *hop, bool is_healthy,
                         uint64_t now_ms)
{
    if (note_doubt(x, hop, NEXTHOP_UNHEALTHY, !is_healthy))
        make_groups_of(x, hop, now_ms);
}

static bool is_listed(const struct ip_addr *hops, size_t count, const struct ip_addr *hop)
{
    while (count-- > 0)
        if (ip_addr_is_equal(&hops[count], hop))
            return true;
    return false;
}

void nexthops_set_lost(struct nexthops *x, const struct ip_addr *hops, size_t count, uint64_t now_ms)
{
    for (size_t i = x->doubt_count; i-- > 0;) {
        struct ip_addr hop = x->doubts[i].hop;
        if (!is_listed(hops, count, &hop) && note_doubt(x, &hop, NEXTHOP_LOST, false))
            make_groups_of(x, &hop, now_ms);
    }
    for (size_t i = 0; i < count; i++)
        if (note_doubt(x, &hops[i], NEXTHOP_LOST, true))
            make_groups_of(x, &hops[i], now_ms);
}

uint32_t nexthops_unhealthy(const struct nexthops *x)
{
    uint32_t count = 0;
    for (size_t i = 0; i < x->doubt_count; i++)
        count += (x->doubts[i].reasons & NEXTHOP_UNHEALTHY) != 0;
    return count;
}

void nexthops_each(const struct nexthops *x, void (*see)(void *data, const struct ip_addr *hop),
                   void *data)
{
    for (uint32_t slot = 1; slot < x->cap; slot++)
        if (x->slots[slot].nhset && x->slots[slot].refs && !is_group(x, slot) && !is_discard(x, slot))
            see(data, &set_at(x, slot)->members[0]);
}

uint32_t nexthops_count(const struct nexthops *x)
{
    uint32_t count = 0;
    for (uint32_t slot = 1; slot < x->cap; slot++)
        count += is_usable(&x->slots[slot]);
    return count;
}

void nexthops_fini(struct nexthops *x)
{
    for (uint32_t slot = 1; slot < x->cap; slot++)
        nhset_unref(x->sets, x->slots[slot].nhset);
    free(x->slots);
    free(x->by_set);
    free(x->doubts);
    x->slots = NULL;
    x->doubts = NULL;
    x->doubt_count = 0;
    x->by_set = NULL;
    x->cap = x->by_set_cap = 0;
}
