/* What is known of each NVA and what the server accepts from it: pure data and pure functions, so
 * that every node gives every path the same verdict.
 * Source: RFC 4271 section 9.1.2 (AS loop), RFC 7947, DESIGN section 4. */
#ifndef TANDEM_BGP_POLICY_H
#define TANDEM_BGP_POLICY_H

#include "bgp/codec/attr.h"

/* Why a path may not be used. The names are stable: API, CLI and documentation show them. */
#define POLICY_VERDICT_MAP(X)                                                                      \
    X(POLICY_ACCEPTED, "accepted", "")                                                             \
    X(POLICY_AS_LOOP, "as-loop", "the AS path holds the route server's own ASN")                   \
    X(POLICY_NEXT_HOP_OUTSIDE, "next-hop-outside",                                                 \
      "the next hop is in no address space of the virtual networks")                               \
    X(POLICY_NEXT_HOP_OURS, "next-hop-ours", "the next hop is a route server node")                \
    X(POLICY_OVER_LIMIT, "over-limit",                                                             \
      "the NVA announces more prefixes than maxRoutes allows, and this is not among the first")    \
    X(POLICY_ROUTE_LEAK, "route-leak",                                                             \
      "a client of the route server passes on what is meant for its own customers (RFC 9234)")     \
    X(POLICY_NO_NEXT_HOP, "no-next-hop", "the next hop is of another family")                      \
    X(POLICY_NO_IMPORT, "no-import-policy",                                                        \
      "import is none for this NVA, or not said where ebgpRequiresPolicy is on (RFC 8212)")           \
    X(POLICY_ROUTE_MAP, "route-map", "a rule of the NVA's inboundRouteMap drops it")               \
    X(POLICY_TOO_LONG, "too-long",                                                                 \
      "the NVA's inboundRouteMap makes its attributes longer than 65535 octets")

#define POLICY_VERDICT_ENUM(name, word, text) name,
enum policy_verdict { POLICY_VERDICT_MAP(POLICY_VERDICT_ENUM) POLICY_VERDICTS };
#undef POLICY_VERDICT_ENUM

const char *policy_verdict_name(uint8_t verdict);
const char *policy_verdict_text(uint8_t verdict);

struct route_map; /* bgp/policy/route_map.h */

/* One NVA, by its configured name the same on every node. Number 0 is the configuration itself,
 * which announces the VNet's prefixes. */
struct policy_nva {
    struct ip_addr address;
    uint32_t asn;
    uint32_t local_asn;    /* the AS that it sees us as */
    uint8_t type;          /* 0..7, the owner's: NVA, VPN gateway, ExpressRoute */
    uint8_t rank;          /* hubRoutingPreference: 0 is preferred to 1 */
    uint8_t allow_own_as;  /* times our ASN may be in its AS paths */
    bool is_rs_client;     /* RFC 9234: the role that it has towards us */
    bool is_refused;       /* nothing is accepted from it (RFC 8212) */
    bool symmetric;        /* announces the same routes to every node */
    bool is_taken_out;     /* it is configured no more, or as disabled: what goes of it now is not lost */
    const struct route_map *inbound; /* what is made of its routes, the owner's; NULL: they stay as they are */
    uint32_t keep;         /* so many of its prefixes are used, the first ones; 0 = all (bgp/rib/limit.h) */
};

struct policy {
    const struct ip_prefix *spaces; /* of VNets and their peerings; none = next hops are free */
    size_t space_count;
    const struct ip_addr *nodes;    /* our own addresses: never a next hop */
    size_t node_count;
};

/* Is this path usable at all, before its NVA's route map is asked? */
enum policy_verdict policy_import(const struct policy *p, const struct policy_nva *nva,
                                  const struct bgp_attrs *attrs);

#endif
