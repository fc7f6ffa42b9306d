/* What a virtual network accepts into its route table, and why not.
 * The rules are those of a cloud's VNet: a prefix inside its own address space is routed by the fabric
 * itself, so a learned one is refused unless a target steers inside on purpose. */
#ifndef TANDEM_NODE_VNET_H
#define TANDEM_NODE_VNET_H

#include "bgp/types.h"

#define VNET_VERDICT_MAP(X)                                                                        \
    X(VNET_PROGRAMMED, "programmed", "")                                                           \
    X(VNET_OWN_SPACE, "own-space",                                                                 \
      "inside the virtual network's own address space; allowOwnSpace on the target permits it")    \
    X(VNET_FILTERED, "filtered", "the target's filter leaves it out")

#define VNET_VERDICT_ENUM(name, word, text) name,
enum vnet_verdict { VNET_VERDICT_MAP(VNET_VERDICT_ENUM) VNET_VERDICTS };
#undef VNET_VERDICT_ENUM

const char *vnet_verdict_name(uint8_t verdict);
const char *vnet_verdict_text(uint8_t verdict);

struct vnet {
    const struct ip_prefix *spaces; /* all VNets' address prefixes; none = rules are off */
    size_t space_count;
};

/* May a learned route for this prefix be programmed? allow_own_space: the target's setting. */
enum vnet_verdict vnet_judge(const struct vnet *v, const struct ip_prefix *prefix,
                             bool allow_own_space);

#endif
