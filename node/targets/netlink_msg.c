#include "node/targets/netlink_msg.h"

#include <linux/nexthop.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t kernel_family[BGP_FAMILIES] = { AF_INET, AF_INET6 };

/* Of a resilient group: eight buckets for each of 64 next hops; a bucket without traffic for two minutes may move
 * to a next hop that has too few, one with traffic never does. Times are in hundredths of a second. */
enum { BUCKETS = 8 * NHSET_MAX, IDLE_TICKS = 120 * 100 };

/* ------------------------------------------------------------------------------------ builders */

static struct nlmsghdr *start(void *buf, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return h;
}

static struct rtmsg *start_route(struct nlmsghdr *h, enum bgp_family f)
{
    struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof *r);
    r->rtm_family = kernel_family[f];
    return r;
}

/* Every message about a route of ours starts with what makes it ours. */
static struct rtmsg *start_own_route(struct nlmsghdr *h, const struct nl_owner *owner,
                                     const struct ip_prefix *prefix)
{
    struct rtmsg *r = start_route(h, prefix->family);
    r->rtm_dst_len = prefix->len;
    r->rtm_protocol = owner->protocol;
    r->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE says it: numbers above 255 fit there only */
    mnl_attr_put(h, RTA_DST, ip_addr_len(prefix->family), prefix->bytes);
    mnl_attr_put_u32(h, RTA_TABLE, owner->table);
    mnl_attr_put_u32(h, RTA_PRIORITY, owner->metric);
    return r;
}

struct nlmsghdr *nl_build_route(void *buf, const struct nl_owner *owner,
                                const struct ip_prefix *prefix, uint32_t nexthop_id, uint16_t flags)
{
    struct nlmsghdr *h = start(buf, RTM_NEWROUTE, flags);
    struct rtmsg *r = start_own_route(h, owner, prefix);
    r->rtm_type = RTN_UNICAST;
    r->rtm_scope = RT_SCOPE_UNIVERSE;
    mnl_attr_put_u32(h, RTA_NH_ID, nexthop_id);
    return h;
}

struct nlmsghdr *nl_build_route_delete(void *buf, const struct nl_owner *owner,
                                       const struct ip_prefix *prefix)
{
    struct nlmsghdr *h = start(buf, RTM_DELROUTE, 0);
    start_own_route(h, owner, prefix)->rtm_scope = RT_SCOPE_NOWHERE;
    return h;
}

struct nlmsghdr *nl_build_route_dump(void *buf, const struct nl_owner *owner, enum bgp_family f)
{
    struct nlmsghdr *h = start(buf, RTM_GETROUTE, NLM_F_DUMP);
    start_route(h, f)->rtm_protocol = owner->protocol;
    mnl_attr_put_u32(h, RTA_TABLE, owner->table);
    return h;
}

struct nlmsghdr *nl_build_lookup(void *buf, const struct ip_addr *to)
{
    struct nlmsghdr *h = start(buf, RTM_GETROUTE, 0);
    start_route(h, to->family)->rtm_dst_len = (uint8_t)(8 * ip_addr_len(to->family));
    mnl_attr_put(h, RTA_DST, ip_addr_len(to->family), to->bytes);
    return h;
}

static struct nlmsghdr *start_nexthop(void *buf, uint16_t type, uint16_t flags, uint8_t family,
                                      uint8_t protocol)
{
    struct nlmsghdr *h = start(buf, type, flags);
    struct nhmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->nh_family = family;
    m->nh_protocol = protocol;
    return h;
}

struct nlmsghdr *nl_build_nexthop(void *buf, uint8_t protocol, uint32_t id,
                                  const struct ip_addr *gateway, uint32_t oif)
{
    struct nlmsghdr *h = start_nexthop(buf, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE,
                                       kernel_family[gateway->family], protocol);
    mnl_attr_put_u32(h, NHA_ID, id);
    mnl_attr_put_u32(h, NHA_OIF, oif);
    mnl_attr_put(h, NHA_GATEWAY, ip_addr_len(gateway->family), gateway->bytes);
    return h;
}

struct nlmsghdr *nl_build_discard(void *buf, uint8_t protocol, uint32_t id, enum bgp_family f)
{
    struct nlmsghdr *h = start_nexthop(buf, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE,
                                       kernel_family[f], protocol);
    mnl_attr_put_u32(h, NHA_ID, id);
    mnl_attr_put(h, NHA_BLACKHOLE, 0, NULL);
    return h;
}

static void put_buckets(struct nlmsghdr *h)
{
    mnl_attr_put_u16(h, NHA_GROUP_TYPE, NEXTHOP_GRP_TYPE_RES);
    struct nlattr *nest = mnl_attr_nest_start(h, NHA_RES_GROUP);
    mnl_attr_put_u16(h, NHA_RES_GROUP_BUCKETS, BUCKETS);
    mnl_attr_put_u32(h, NHA_RES_GROUP_IDLE_TIMER, IDLE_TICKS);
    mnl_attr_nest_end(h, nest);
}

struct nlmsghdr *nl_build_group(void *buf, uint8_t protocol, uint32_t id, const uint32_t *members,
                                uint32_t count, bool is_resilient)
{
    struct nexthop_grp group[NHSET_MAX] = { 0 };
    struct nlmsghdr *h =
        start_nexthop(buf, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE, AF_UNSPEC, protocol);
    for (uint32_t i = 0; i < count; i++)
        group[i].id = members[i];
    mnl_attr_put_u32(h, NHA_ID, id);
    mnl_attr_put(h, NHA_GROUP, count * sizeof *group, group);
    if (is_resilient)
        put_buckets(h);
    return h;
}

struct nlmsghdr *nl_build_bucket_lookup(void *buf, uint32_t id)
{
    struct nlmsghdr *h = start_nexthop(buf, RTM_GETNEXTHOPBUCKET, 0, AF_UNSPEC, 0);
    mnl_attr_put_u32(h, NHA_ID, id);
    struct nlattr *nest = mnl_attr_nest_start(h, NHA_RES_BUCKET);
    mnl_attr_put_u16(h, NHA_RES_BUCKET_INDEX, 0);
    mnl_attr_nest_end(h, nest);
    return h;
}

struct nlmsghdr *nl_build_nexthop_delete(void *buf, uint32_t id)
{
    struct nlmsghdr *h = start_nexthop(buf, RTM_DELNEXTHOP, 0, AF_UNSPEC, 0);
    mnl_attr_put_u32(h, NHA_ID, id);
    return h;
}

struct nlmsghdr *nl_build_nexthop_dump(void *buf)
{
    return start_nexthop(buf, RTM_GETNEXTHOP, NLM_F_DUMP, AF_UNSPEC, 0);
}

/* ------------------------------------------------------------------------------------- readers */

static uint32_t read_u32(const struct nlattr *a)
{
    return mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : 0;
}

static bool read_addr(const void *bytes, size_t len, struct ip_addr *out)
{
    if (len != 4 && len != 16)
        return false;
    *out = (struct ip_addr){ .family = len == 4 ? BGP_IP4 : BGP_IP6 };
    memcpy(out->bytes, bytes, len);
    return true;
}

static void add_hop(struct nl_route *r, const void *bytes, size_t len)
{
    if (r->hop_count < NHSET_MAX && read_addr(bytes, len, &r->hops[r->hop_count]))
        r->hop_count++;
}

/* RTA_GATEWAY holds an address of the route's family, RTA_VIA (RFC 8950 routes) one of any:
 * two bytes of family, then the address. */
static int read_gateway(const struct nlattr *a, void *data)
{
    struct nl_route *r = data;
    const uint8_t *bytes = mnl_attr_get_payload(a);
    size_t len = mnl_attr_get_payload_len(a);
    if (mnl_attr_get_type(a) == RTA_GATEWAY)
        add_hop(r, bytes, len);
    else if (mnl_attr_get_type(a) == RTA_VIA && len > 2)
        add_hop(r, bytes + 2, len - 2);
    return MNL_CB_OK;
}

static void read_multipath(struct nl_route *r, const struct nlattr *a)
{
    const uint8_t *at = mnl_attr_get_payload(a);
    size_t left = mnl_attr_get_payload_len(a);
    while (left >= sizeof(struct rtnexthop)) {
        struct rtnexthop nh;
        memcpy(&nh, at, sizeof nh);
        if (nh.rtnh_len < sizeof nh || nh.rtnh_len > left)
            return;
        mnl_attr_parse_payload(at + sizeof nh, nh.rtnh_len - sizeof nh, read_gateway, r);
        size_t step = MNL_ALIGN(nh.rtnh_len);
        step = step < left ? step : left;
        at += step;
        left -= step;
    }
}

static int read_dst(struct nl_route *r, const struct nlattr *a)
{
    size_t len = mnl_attr_get_payload_len(a);
    if (len != ip_addr_len(r->prefix.family))
        return MNL_CB_ERROR;
    memcpy(r->prefix.bytes, mnl_attr_get_payload(a), len);
    return MNL_CB_OK;
}

static int read_route_attr(const struct nlattr *a, void *data)
{
    struct nl_route *r = data;
    switch (mnl_attr_get_type(a)) {
    case RTA_DST:
        return read_dst(r, a);
    case RTA_TABLE:
        r->table = read_u32(a);
        break;
    case RTA_PRIORITY:
        r->metric = read_u32(a);
        break;
    case RTA_OIF:
        r->oif = read_u32(a);
        break;
    case RTA_NH_ID:
        r->nexthop_id = read_u32(a);
        break;
    case RTA_MULTIPATH:
        read_multipath(r, a);
        break;
    default:
        return read_gateway(a, r);
    }
    return MNL_CB_OK;
}

static bool read_rtmsg(const struct rtmsg *m, struct nl_route *out)
{
    if (m->rtm_family != AF_INET && m->rtm_family != AF_INET6)
        return false;
    uint8_t family = m->rtm_family == AF_INET ? BGP_IP4 : BGP_IP6;
    if (m->rtm_dst_len > 8 * ip_addr_len(family))
        return false;
    out->prefix = (struct ip_prefix){ .family = family, .len = m->rtm_dst_len };
    out->table = m->rtm_table;
    out->metric = out->oif = out->nexthop_id = 0;
    out->protocol = m->rtm_protocol;
    out->type = m->rtm_type;
    out->is_cached = (m->rtm_flags & RTM_F_CLONED) != 0;
    out->hop_count = 0;
    return true;
}

bool nl_read_route(const struct nlmsghdr *h, struct nl_route *out)
{
    if (mnl_nlmsg_get_payload_len(h) < sizeof(struct rtmsg) ||
        !read_rtmsg(mnl_nlmsg_get_payload(h), out))
        return false;
    return mnl_attr_parse(h, sizeof(struct rtmsg), read_route_attr, out) > MNL_CB_ERROR;
}

static void read_group(struct nl_nexthop *n, const struct nlattr *a)
{
    const uint8_t *at = mnl_attr_get_payload(a);
    size_t count = mnl_attr_get_payload_len(a) / sizeof(struct nexthop_grp);
    n->member_count = (uint32_t)(count < NHSET_MAX ? count : NHSET_MAX);
    for (uint32_t i = 0; i < n->member_count; i++) {
        struct nexthop_grp member;
        memcpy(&member, at + i * sizeof member, sizeof member);
        n->members[i] = member.id;
    }
}

static int read_nexthop_attr(const struct nlattr *a, void *data)
{
    struct nl_nexthop *n = data;
    uint16_t type = mnl_attr_get_type(a);
    if (type == NHA_ID)
        n->id = read_u32(a);
    else if (type == NHA_OIF)
        n->oif = read_u32(a);
    else if (type == NHA_GROUP)
        read_group(n, a);
    else if (type == NHA_GROUP_TYPE)
        n->is_resilient = mnl_attr_get_payload_len(a) >= 2 && mnl_attr_get_u16(a) == NEXTHOP_GRP_TYPE_RES;
    else if (type == NHA_BLACKHOLE)
        n->is_discard = true;
    else if (type == NHA_GATEWAY)
        n->has_gateway =
            read_addr(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), &n->gateway);
    return MNL_CB_OK;
}

bool nl_read_nexthop(const struct nlmsghdr *h, struct nl_nexthop *out)
{
    if (mnl_nlmsg_get_payload_len(h) < sizeof(struct nhmsg))
        return false;
    const struct nhmsg *m = mnl_nlmsg_get_payload(h);
    *out = (struct nl_nexthop){ .protocol = m->nh_protocol,
                                .family = m->nh_family == AF_INET6 ? BGP_IP6 : BGP_IP4 };
    mnl_attr_parse(h, sizeof *m, read_nexthop_attr, out);
    return out->id != 0;
}
