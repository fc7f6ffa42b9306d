/* What a virtual network accepts into its route table, and why not.
 * The rules are those of a cloud's VNet: a prefix inside its own address space, or a peered network's, is
 * routed by the fabric itself, so a learned one is refused unless a target steers inside on purpose. */
#ifndef TANDEM_NODE_VNET_H
#define TANDEM_NODE_VNET_H

#include "bgp/codec/types.h"

#define VNET_VERDICT_MAP(X)                                                                        \
    X(VNET_PROGRAMMED, "programmed", "")                                                           \
    X(VNET_OWN_SPACE, "own-space",                                                                 \
      "inside the virtual network's own address space; allowOwnSpace on the target permits it")    \
    X(VNET_PEERED_SPACE, "peered-space",                                                           \
      "inside a peered network's address space; allowOwnSpace on the target permits it")           \
    X(VNET_OWN_SUBNET, "own-subnet",                                                               \
      "it would lead the subnet of the route server nodes away; allowOwnSpace permits it")         \
    X(VNET_DEFAULT_ROUTE, "default-route", "the target refuses default routes (defaultRoute)")     \
    X(VNET_FILTERED, "filtered", "the target's filter leaves it out")

#define VNET_VERDICT_ENUM(name, word, text) name,
enum vnet_verdict { VNET_VERDICT_MAP(VNET_VERDICT_ENUM) VNET_VERDICTS };
#undef VNET_VERDICT_ENUM

const char *vnet_verdict_name(uint8_t verdict);
const char *vnet_verdict_text(uint8_t verdict);

struct vnet {
    const struct ip_prefix *spaces; /* all networks' address prefixes; none = rules are off */
    size_t space_count;
    const bool *is_peered;          /* of each: of a network that uses this one's gateways */
    const struct ip_addr *nodes;    /* route server nodes */
    size_t node_count;
};

/* May a learned route for this prefix be programmed? allow_own_space: the target's setting. */
enum vnet_verdict vnet_judge(const struct vnet *v, const struct ip_prefix *prefix,
                             bool allow_own_space);

#endif
