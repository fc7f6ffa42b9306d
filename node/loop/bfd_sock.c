#include "node/loop/bfd_sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bgp/bfd/bfd_packet.h"
#include "node/io/sock.h"

enum {
    TRIES = 64,                       /* for a free source port */
    INTERNETWORK_CONTROL = 0xc0,      /* DSCP CS6, as routing protocols have it */
    SOURCE_PORTS = 65536 - BFD_SOURCE_PORT,
};

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static int open_datagram(uint8_t family)
{
    int fd = socket(family == BGP_IP4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == BGP_IP6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return fd;
}

/* Bind, with an option that must hold; the descriptor, or closed and the error. */
static int bind_with(int fd, const struct ip_addr *addr, uint16_t port, int name4, int name6, int value)
{
    struct sockaddr_storage at;
    unsigned len = sock_address(addr, port, &at);
    int err = addr->family == BGP_IP4 ? set(fd, IPPROTO_IP, name4, value)
                                      : set(fd, IPPROTO_IPV6, name6, value);
    if (err || bind(fd, (struct sockaddr *)&at, len)) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int bfd_sock_listen(const struct ip_addr *addr, uint16_t port)
{
    int fd = open_datagram(addr->family);
    return fd < 0 ? fd : bind_with(fd, addr, port, IP_RECVTTL, IPV6_RECVHOPLIMIT, 1);
}

int bfd_sock_source(const struct ip_addr *addr, uint32_t chance)
{
    int fd = -EADDRINUSE;
    for (uint32_t i = 0; i < TRIES && fd == -EADDRINUSE; i++) {
        uint16_t port = (uint16_t)(BFD_SOURCE_PORT + (chance + i) % SOURCE_PORTS);
        fd = open_datagram(addr->family);
        if (fd >= 0)
            fd = bind_with(fd, addr, port, IP_TTL, IPV6_UNICAST_HOPS, BFD_TTL);
    }
    if (fd < 0)
        return fd;
    if (addr->family == BGP_IP4)
        set(fd, IPPROTO_IP, IP_TOS, INTERNETWORK_CONTROL);
    else
        set(fd, IPPROTO_IPV6, IPV6_TCLASS, INTERNETWORK_CONTROL);
    return fd;
}

int bfd_sock_send(int fd, const struct ip_addr *to, uint16_t port, const uint8_t *data, size_t len)
{
    struct sockaddr_storage at;
    unsigned at_len = sock_address(to, port, &at);
    return sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&at, at_len) < 0 ? -errno : 0;
}

static uint8_t ttl_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        bool is_ttl = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
                      (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT);
        int ttl;
        if (!is_ttl)
            continue;
        memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
        return (uint8_t)ttl;
    }
    return 0;
}

int bfd_sock_receive(int fd, uint8_t *buf, size_t cap, struct ip_addr *from, uint8_t *ttl)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct sockaddr_storage at;
    struct iovec part = { .iov_base = buf, .iov_len = cap };
    struct msghdr m = { .msg_name = &at,
                        .msg_namelen = sizeof at,
                        .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof control };
    ssize_t n = recvmsg(fd, &m, 0);
    if (n < 0)
        return -errno;
    sock_from_address(&at, from);
    *ttl = ttl_of(&m);
    return (int)n;
}
