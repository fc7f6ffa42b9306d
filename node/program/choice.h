/* Which routes a target takes, by its filter, and which of them it discards. Pure.
 *
 * All that is asked is the same on every node: the prefix, the peer whose path is best, and that
 * path's attributes. */
#ifndef TANDEM_NODE_CHOICE_H
#define TANDEM_NODE_CHOICE_H

#include "bgp/codec/attr.h"
#include "node/config/config.h"

struct choice_route {
    const struct ip_prefix *prefix;
    size_t peer;                   /* place in config.peers of the best path's; SIZE_MAX = none */
    const struct bgp_attrs *attrs; /* of the best path, NULL = there is none */
};

/* Every kind of rule that is given has to be met, by one of its entries. */
bool choice_passes(const struct config_filter *f, const struct choice_route *r);
/* Does it carry BLACKHOLE (65535:666, RFC 7999) from a peer with which that is agreed? */
bool choice_discards(const struct config_peer_list *agreed, const struct choice_route *r);

#endif
