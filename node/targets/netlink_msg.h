/* Rtnetlink messages, built and read: bytes only, no socket.
 *
 * Builders write one message at buf (NL_MESSAGE_MAX bytes are enough for any) and return its
 * header; sequence number and further flags are the sender's. Readers give false for a message that
 * is not of their kind or that the kernel would not write.
 * Source: rtnetlink(7), linux/rtnetlink.h, linux/nexthop.h. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_MSG_H
#define TANDEM_NODE_TARGETS_NETLINK_MSG_H

#include "bgp/codec/types.h"
#include "bgp/rib/nhset.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum { NL_MESSAGE_MAX = 1024 };

/* What makes a route of the kernel ours. */
struct nl_owner {
    uint32_t table, metric;
    uint8_t protocol;
};

/* flags: NLM_F_CREATE | NLM_F_EXCL to add, NLM_F_CREATE | NLM_F_REPLACE to replace. */
struct nlmsghdr *nl_build_route(void *buf, const struct nl_owner *owner,
                                const struct ip_prefix *prefix, uint32_t nexthop_id,
                                uint16_t flags);
/* Matches our protocol and metric only: a route of somebody else at this prefix stays. */
struct nlmsghdr *nl_build_route_delete(void *buf, const struct nl_owner *owner,
                                       const struct ip_prefix *prefix);
struct nlmsghdr *nl_build_route_dump(void *buf, const struct nl_owner *owner, enum bgp_family f);
/* Which way would the kernel send to this address? */
struct nlmsghdr *nl_build_lookup(void *buf, const struct ip_addr *to);

/* Made or replaced. */
struct nlmsghdr *nl_build_nexthop(void *buf, uint8_t protocol, uint32_t id,
                                  const struct ip_addr *gateway, uint32_t oif);
/* One that drops what is sent to it. */
struct nlmsghdr *nl_build_discard(void *buf, uint8_t protocol, uint32_t id, enum bgp_family f);
/* A resilient one (Linux 5.13) hands its flows out in buckets: who leaves or joins moves only those that it must. */
struct nlmsghdr *nl_build_group(void *buf, uint8_t protocol, uint32_t id, const uint32_t *members,
                                uint32_t count, bool is_resilient);
/* Asks for the first bucket of that group; there may be none of this id. */
struct nlmsghdr *nl_build_bucket_lookup(void *buf, uint32_t id);
struct nlmsghdr *nl_build_nexthop_delete(void *buf, uint32_t id);
struct nlmsghdr *nl_build_nexthop_dump(void *buf);

struct nl_route {
    struct ip_prefix prefix;
    uint32_t table, metric, oif;
    uint32_t nexthop_id; /* 0 = none */
    uint8_t protocol;
    uint8_t type;   /* RTN_UNICAST … */
    bool is_cached; /* a clone for one destination, not a route of a table */
    uint32_t hop_count;
    struct ip_addr hops[NHSET_MAX]; /* gateways, of the route itself or of its nexthop object */
};

bool nl_read_route(const struct nlmsghdr *h, struct nl_route *out);

struct nl_nexthop {
    uint32_t id, oif;
    uint8_t protocol;
    uint8_t family; /* enum bgp_family, of a gateway or a discard */
    bool is_discard, has_gateway;
    struct ip_addr gateway;
    bool is_resilient;     /* a group with buckets */
    uint32_t member_count; /* more than 0: a group */
    uint32_t members[NHSET_MAX];
};

bool nl_read_nexthop(const struct nlmsghdr *h, struct nl_nexthop *out);

#endif
