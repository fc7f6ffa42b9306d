#include "tests/bench/fib.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS = 256, BUFFER = 512 << 20, MESSAGE = 8192 };

static int open_here(void)
{
    struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE),
        size = BUFFER;
    if (fd < 0)
        return -1;
    /* 100,000 messages wait here while the load is busy with something else. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&nl, sizeof nl) == 0)
        return fd;
    close(fd);
    return -1;
}

int fib_open(const char *netns)
{
    int fd = -1, home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(netns, O_RDONLY | O_CLOEXEC);
    if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
        fd = open_here();
        if (setns(home, CLONE_NEWNET) != 0) {
            close(fd);
            fd = -1;
        }
    }
    close(there);
    close(home);
    return fd;
}

struct found {
    struct ip_prefix prefix;
    struct ip_addr hop;
};

static int take_attribute(const struct nlattr *a, void *data);

/* A route of one next hop may also be written as a path of many. */
static void take_multipath(const struct nlattr *a, struct found *f)
{
    const struct rtnexthop *hop = mnl_attr_get_payload(a);
    size_t len = mnl_attr_get_payload_len(a);
    if (len >= sizeof *hop && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= len)
        mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof *hop, take_attribute, f);
}

static int take_attribute(const struct nlattr *a, void *data)
{
    struct found *f = data;
    uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);
    if (type == RTA_DST && len == 4)
        memcpy(f->prefix.bytes, mnl_attr_get_payload(a), 4);
    if (type == RTA_GATEWAY && len == 4)
        memcpy(f->hop.bytes, mnl_attr_get_payload(a), 4);
    if (type == RTA_MULTIPATH)
        take_multipath(a, f);
    return MNL_CB_OK;
}

struct taking {
    struct truth *truth;
    struct truth_receiver *receiver;
    uint64_t at_ns;
};

static int take_route(const struct nlmsghdr *m, void *data)
{
    const struct taking *t = data;
    const struct rtmsg *route = mnl_nlmsg_get_payload(m);
    struct found f = { .prefix = { .family = BGP_IP4 }, .hop = { .family = BGP_IP4 } };
    if (m->nlmsg_type != RTM_NEWROUTE && m->nlmsg_type != RTM_DELROUTE)
        return MNL_CB_OK;
    f.prefix.len = route->rtm_dst_len;
    mnl_attr_parse(m, sizeof *route, take_attribute, &f);
    truth_take_hop(t->truth, t->receiver, &f.prefix, m->nlmsg_type == RTM_NEWROUTE ? &f.hop : NULL,
                   t->at_ns);
    return MNL_CB_OK;
}

bool fib_read(int fd, struct truth *truth, struct truth_receiver *receiver, uint64_t at_ns)
{
    _Alignas(struct nlmsghdr) char buf[MESSAGE];
    struct taking taking = { truth, receiver, at_ns };
    for (int i = 0; i < READS; i++) {
        ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        mnl_cb_run(buf, (size_t)n, 0, 0, take_route, &taking);
    }
    return true;
}
