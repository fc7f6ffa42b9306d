#include "node/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, CHANNEL_UNSENT = 128 * 1024 };

unsigned sock_address(const struct ip_addr *a, uint16_t port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    if (a->family == BGP_IP4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->bytes, 16);
    return sizeof *in6;
}

void sock_from_address(const struct sockaddr_storage *from, struct ip_addr *out)
{
    *out = (struct ip_addr){ .family = from->ss_family == AF_INET ? BGP_IP4 : BGP_IP6 };
    if (from->ss_family == AF_INET)
        memcpy(out->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else
        memcpy(out->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
}

static int open_stream(const struct ip_addr *a)
{
    int family = a->family == BGP_IP4 ? AF_INET : AF_INET6, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
}

static int give_up(int fd)
{
    int err = -errno;
    close(fd);
    return err;
}

int sock_listen(const struct ip_addr *addr, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t len = sock_address(addr, port, &to);
    int fd = open_stream(addr), on = 1;
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&to, len) || listen(fd, BACKLOG))
        return give_up(fd);
    return fd;
}

void sock_tune(int fd, const struct sock_options *o)
{
    int on = 1, ttl = o->ttl, min_ttl = o->min_ttl;
    unsigned timeout_ms = o->user_timeout_ms;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (o->ttl) { /* one of the two applies; the other fails and changes nothing */
        setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
        setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
    }
    if (o->min_ttl) {
        setsockopt(fd, IPPROTO_IP, IP_MINTTL, &min_ttl, sizeof min_ttl);
        setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &min_ttl, sizeof min_ttl);
    }
    if (timeout_ms) { /* a channel with beats: they must not wait behind megabytes in the kernel */
        int unsent = CHANNEL_UNSENT;
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    }
}

int sock_md5(int fd, const struct ip_addr *peer, const char *key)
{
    struct tcp_md5sig sig = { .tcpm_keylen = (uint16_t)strnlen(key, TCP_MD5SIG_MAXKEYLEN) };
    struct sockaddr_storage to;
    sock_address(peer, 0, &to);
    memcpy(&sig.tcpm_addr, &to, sizeof to);
    memcpy(sig.tcpm_key, key, sig.tcpm_keylen);
    int err = setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof sig) ? -errno : 0;
    explicit_bzero(&sig, sizeof sig);
    return err;
}

int sock_dial(const struct ip_addr *remote, uint16_t port, const struct ip_addr *local,
              const struct sock_options *options, const char *md5_key)
{
    struct sockaddr_storage to;
    int fd = open_stream(remote);
    if (fd < 0)
        return fd;
    sock_tune(fd, options);
    int err = md5_key ? sock_md5(fd, remote, md5_key) : 0;
    if (err) {
        close(fd);
        return err;
    }
    if (!ip_addr_is_zero(local)) {
        socklen_t len = sock_address(local, 0, &to);
        if (bind(fd, (struct sockaddr *)&to, len))
            return give_up(fd);
    }
    socklen_t len = sock_address(remote, port, &to);
    if (connect(fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS)
        return give_up(fd);
    return fd;
}

int sock_dial_result(int fd)
{
    int err = 0;
    socklen_t len = sizeof err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
        return -errno;
    return -err;
}

int sock_local(int fd, struct ip_addr *out)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len))
        return -errno;
    sock_from_address(&at, out);
    return 0;
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)at)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)at)->sin6_port);
}

void sock_ports(int fd, uint16_t *local, uint16_t *remote)
{
    struct sockaddr_storage near = { 0 }, far = { 0 };
    socklen_t near_len = sizeof near, far_len = sizeof far;
    *local = *remote = 0;
    if (!getsockname(fd, (struct sockaddr *)&near, &near_len))
        *local = port_of(&near);
    if (!getpeername(fd, (struct sockaddr *)&far, &far_len))
        *remote = port_of(&far);
}

int sock_accept(int listener, struct ip_addr *remote, struct ip_addr *local)
{
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof from;
    int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    sock_from_address(&from, remote);
    int err = sock_local(fd, local);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}
