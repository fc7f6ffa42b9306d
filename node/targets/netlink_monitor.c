/* What others do to our routes, to nexthop objects, links and addresses. Our own messages never come
 * here: the socket's filter drops them. */
#include "node/targets/netlink_internal.h"

#include <net/if.h>
#include <string.h>

enum {
    NOTICES_A_TURN = 512,
    LINK_SETTLE_MS = 50, /* a link's addresses and connected routes come after its state */
};

/* Another process removed our route, or put its own in our place. */
static bool is_disturbed(struct netlink *n, const struct nlmsghdr *h, const struct nl_route *r)
{
    if (r->table != n->owner.table || r->metric != n->owner.metric || r->is_cached)
        return false;
    return (h->nlmsg_type == RTM_DELROUTE) == (r->protocol == n->owner.protocol);
}

static bool hear_route(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    struct nl_route r;
    if (!nl_read_route(h, &r) || !is_disturbed(n, h, &r))
        return false;
    uint32_t prefix = prefix_table_find(n->cfg.prefixes, &r.prefix);
    if (!prefix || !program_actual_set(n->cfg.program, prefix))
        return false;
    if (netlink_observed(n, prefix, 0, 0))
        netlink_resync_by(n, now_ms);
    n->status.disturbed++;
    return true;
}

/* Busy hosts move links and addresses all the time: dumps take at most a tenth of it. */
static void resync_after_change(struct netlink *n, uint64_t now_ms)
{
    uint64_t at = now_ms + LINK_SETTLE_MS, earliest = n->dump.ended_ms + 10 * n->dump.took_ms;
    n->is_retry_due = true;
    netlink_resync_by(n, at > earliest ? at : earliest);
}

static void hear_link(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    struct ifinfomsg m;
    if (mnl_nlmsg_get_payload_len(h) < sizeof m)
        return;
    memcpy(&m, mnl_nlmsg_get_payload(h), sizeof m);
    if (h->nlmsg_type == RTM_NEWLINK && !(m.ifi_change & IFF_UP))
        return;
    resync_after_change(n, now_ms);
}

/* With a nexthop object of ours go, silently, the routes that used it. */
static void hear_nexthop(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    struct nl_nexthop k;
    if (nl_read_nexthop(h, &k) && nexthops_see(&n->nexthops, k.id))
        netlink_resync_by(n, now_ms);
}

/* True when it was about a route of ours. */
static bool hear(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    switch (h->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return hear_route(n, h, now_ms);
    case RTM_NEWLINK:
    case RTM_DELLINK:
        hear_link(n, h, now_ms);
        break;
    case RTM_NEWADDR: /* a next hop may be on a link now */
        resync_after_change(n, now_ms);
        break;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        hear_nexthop(n, h, now_ms);
        break;
    default:
        break;
    }
    return false;
}

/* The kernel says once that its buffer was full, and then drops all that comes until it has been read to its end:
 * only a dump that begins after that sees everything. */
static void overrun(struct netlink *n, int error)
{
    n->status.overruns++;
    n->is_deaf = true;
    netlink_tell(n, NETLINK_OVERRUN, 0, strerror(-error));
}

bool netlink_listen(struct netlink *n, uint64_t now_ms)
{
    uint32_t disturbed = 0;
    int len = 0;
    for (int i = 0; i < NOTICES_A_TURN && (len = nl_receive(&n->monitor)) != 0; i++) {
        if (len < 0) {
            overrun(n, len);
            break;
        }
        const struct nlmsghdr *h = (const void *)n->monitor.buf;
        for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
            disturbed += hear(n, h, now_ms);
    }
    if (n->is_deaf && !len)
        netlink_resync_by(n, now_ms);
    n->is_deaf = n->is_deaf && len;
    if (disturbed)
        netlink_tell(n, NETLINK_ROUTES_DISTURBED, disturbed, "");
    return len != 0;
}
