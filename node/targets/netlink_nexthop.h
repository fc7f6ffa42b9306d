/* The nexthop objects of one kernel table: one object a set of next hops.
 *
 * A set of one address is an object with a gateway, a set of more is a group of those; the
 * unspecified address is an object that discards. Object ids are id_base + slot. Deleting an object deletes every route that uses it, and a link that goes down
 * takes its objects along, so:
 *   - routes and groups hold references; an object goes only when it was unreferenced, and no route
 *     of ours named it, through a whole dump of the table;
 *   - objects that a dump does not show are made again before any route is;
 *   - objects of an earlier run are adopted by their content and keep their ids.
 * A group is made of the members that resolve now; the others join when they do. A member that the
 * owner says is unhealthy is left out as well, unless nothing else would be left.
 * An object may go over to another set (netlink_heir.c). A resilient group keeps its flows where they are when members
 * leave and join; one that has lost an NVA goes on as the group of who is left. Groups of the other kind, of an earlier run, are replaced, as a kernel cannot
 * turn one into the other.
 * Source: linux/nexthop.h; measured behaviour in the replication design, H15. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_NEXTHOP_H
#define TANDEM_NODE_TARGETS_NETLINK_NEXTHOP_H

#include "bgp/rib/nhset.h"
#include "node/targets/netlink_socket.h"

enum { NEXTHOP_RANGE = 1 << 20 }; /* ids above id_base that are ours */

struct nexthop;

/* Why a next hop is left out. */
enum nexthop_reason {
    NEXTHOP_UNHEALTHY = 1 << 0, /* it does not answer */
    NEXTHOP_LOST = 1 << 1,      /* its NVA is gone: routes leave it one by one */
};
struct nexthop_doubt {
    struct ip_addr hop;
    uint8_t reasons; /* of enum nexthop_reason */
};

struct nexthops {
    struct nhset_table *sets;
    struct nl_socket *socket;
    uint32_t id_base;
    uint8_t protocol;
    bool is_resilient; /* groups are to be made with buckets */
    bool has_heirs;    /* a group went on under another set: the next dump shows who still wants the old one */
    struct nexthop *slots; /* slot 0 is never used */
    uint32_t cap, next_slot;
    uint32_t *by_set; /* slot of a nhset id, 0 = none */
    uint32_t by_set_cap;
    struct nexthop_doubt *doubts; /* next hops that are left out of groups */
    size_t doubt_count;
};

/* The slot whose object the kernel has for this set, made now if need be; 0 and the reason when that
 * is impossible. A failure is remembered for a second. */
uint32_t nexthops_use(struct nexthops *x, uint32_t nhset, uint64_t now_ms, struct nl_answer *why);
/* A route of the kernel uses the slot (0 is allowed), or no longer does. */
void nexthops_ref(struct nexthops *x, uint32_t slot);
void nexthops_unref(struct nexthops *x, uint32_t slot);
static inline uint32_t nexthops_id(const struct nexthops *x, uint32_t slot)
{
    return x->id_base + slot;
}
/* A route of ours with this object id was seen in a dump: its slot, 0 when it is none of ours. */
uint32_t nexthops_see(struct nexthops *x, uint32_t id);
/* Does the kernel have an object for this set there, as it is to be? */
bool nexthops_has(const struct nexthops *x, uint32_t slot, uint32_t nhset);
/* Routes, and groups with this member. */
uint32_t nexthops_refs(const struct nexthops *x, uint32_t slot);
/* Its content as a set; the slot keeps the reference. */
uint32_t nexthops_set(const struct nexthops *x, uint32_t slot);
/* False: a group with buckets where none are asked for, or the other way round. */
bool nexthops_is_of_kind(const struct nexthops *x, uint32_t slot);
/* Does this kernel have resilient groups? */
bool nexthops_can_be_resilient(struct nexthops *x);
/* An operation that used the slot failed: make the object again before the next one. */
void nexthops_doubt(struct nexthops *x, uint32_t slot);

/* May objects of a set themselves go over to another one, and all of their routes with them? From a gateway only to
 * one of the same family, from a group to a group. */
bool nexthops_can_become(const struct nexthops *x, uint32_t nhset, uint32_t heir);
/* A slot of this set for routes that are to stay with it; 0 and the reason when that is impossible. */
uint32_t nexthops_twin(struct nexthops *x, uint32_t nhset, uint64_t now_ms, struct nl_answer *why);
/* All objects of a set that routes use, but not the twin, go over to its heir; 0, or a negative errno with the reason,
 * and the one that it is about stays what it was. */
int nexthops_hand_over(struct nexthops *x, uint32_t nhset, uint32_t heir, uint32_t twin, uint64_t now_ms,
                       struct nl_answer *why) MUST_USE;

/* Compares with the kernel: adopts what is new, makes again what is missing or has changed. 0 or a
 * negative errno; -EOPNOTSUPP: the kernel has no nexthop objects; -EINTR: ask again. */
int nexthops_sync(struct nexthops *x, uint64_t now_ms) MUST_USE;
/* After a complete dump of routes: deletes what nothing has used since the one before. */
void nexthops_collect(struct nexthops *x);
/* From now on this next hop is left out of groups, or is not any more: they are made again at once. */
void nexthops_set_health(struct nexthops *x, const struct ip_addr *hop, bool is_healthy,
                         uint64_t now_ms);
/* These, and no others, are lost. */
void nexthops_set_lost(struct nexthops *x, const struct ip_addr *hops, size_t count, uint64_t now_ms);
uint32_t nexthops_unhealthy(const struct nexthops *x); /* how many */
/* Calls see for every next hop that a route of ours uses. */
void nexthops_each(const struct nexthops *x, void (*see)(void *data, const struct ip_addr *hop),
                   void *data);
/* Something changed in the network: what failed may succeed now. */
void nexthops_forget_failures(struct nexthops *x);

uint32_t nexthops_count(const struct nexthops *x);
/* Frees memory; the kernel keeps its objects. */
void nexthops_fini(struct nexthops *x);

#endif
