/* bench-relay ADDRESS PORT ASN: the floor that no route server can be below.
 *
 * It speaks just enough BGP for sessions to come up, and then copies every UPDATE of a peer to all other
 * peers without a look at it: no table, no decision, nothing kept. What it costs is the cost of sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bgp/base/wire.h"
#include "bgp/codec/open.h"

enum { PEERS = 256, CHUNK = 1 << 18, EVENTS = 64, LISTENER = PEERS, HOLD_S = 240 };

struct out { /* bytes for one peer; most of the time they leave at once */
    uint8_t *bytes;
    size_t len, sent, cap;
};

struct peer {
    int fd; /* -1: free */
    uint8_t *in;
    size_t in_len;
    struct out out;
    bool waits;
};

struct relay {
    struct peer peers[PEERS];
    int epoll, listener;
    struct bgp_open open;
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void watch(struct relay *r, int fd, uint32_t number, uint32_t events, int operation)
{
    struct epoll_event e = { .events = events, .data.u32 = number };
    epoll_ctl(r->epoll, operation, fd, &e);
}

/* ---- sending ---- */

static size_t try_send(struct peer *p, const uint8_t *data, size_t len)
{
    ssize_t n = send(p->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n > 0 ? (size_t)n : 0;
}

static void keep(struct out *o, const uint8_t *data, size_t len)
{
    if (o->len + len > o->cap) {
        o->cap = 2 * (o->len + len);
        o->bytes = realloc(o->bytes, o->cap);
        if (!o->bytes)
            abort();
    }
    memcpy(o->bytes + o->len, data, len);
    o->len += len;
}

static void give(struct relay *r, struct peer *p, const uint8_t *data, size_t len)
{
    size_t sent = p->out.len ? 0 : try_send(p, data, len);
    if (sent == len)
        return;
    keep(&p->out, data + sent, len - sent);
    if (!p->waits)
        watch(r, p->fd, (uint32_t)(p - r->peers), EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    p->waits = true;
}

static void flush(struct relay *r, struct peer *p)
{
    p->out.sent += try_send(p, p->out.bytes + p->out.sent, p->out.len - p->out.sent);
    if (p->out.sent < p->out.len)
        return;
    p->out.len = p->out.sent = 0;
    p->waits = false;
    watch(r, p->fd, (uint32_t)(p - r->peers), EPOLLIN, EPOLL_CTL_MOD);
}

/* ---- receiving ---- */

static void hang_up(struct peer *p)
{
    close(p->fd);
    free(p->in);
    free(p->out.bytes);
    *p = (struct peer){ .fd = -1 };
}

static void give_others(struct relay *r, const struct peer *from, const uint8_t *data, size_t len)
{
    for (int i = 0; len && i < PEERS; i++)
        if (r->peers[i].fd >= 0 && &r->peers[i] != from)
            give(r, &r->peers[i], data, len);
}

static void answer_open(struct relay *r, struct peer *p)
{
    uint8_t buf[BGP_MESSAGE_MAX + BGP_HEADER];
    size_t len = bgp_open_write(&r->open, buf, BGP_MESSAGE_MAX);
    give(r, p, buf, len + bgp_keepalive_write(buf + len));
}

/* Runs of UPDATEs go on in one piece; returns what was used. */
static size_t take(struct relay *r, struct peer *p)
{
    size_t at = 0, run = 0; /* an unbroken run of UPDATEs is [run, at) */
    for (size_t len; p->in_len - at >= BGP_HEADER; at += len) {
        len = wire_get16(p->in + at + 16);
        if (len < BGP_HEADER || p->in_len - at < len)
            break;
        uint8_t type = p->in[at + BGP_HEADER - 1];
        if (type == BGP_UPDATE)
            continue;
        give_others(r, p, p->in + run, at - run);
        run = at + len;
        if (type == BGP_OPEN)
            answer_open(r, p);
    }
    if (at > run)
        give_others(r, p, p->in + run, at - run);
    return at;
}

static void receive(struct relay *r, struct peer *p)
{
    ssize_t n = recv(p->fd, p->in + p->in_len, CHUNK - p->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        hang_up(p);
        return;
    }
    p->in_len += n > 0 ? (size_t)n : 0;
    size_t used = take(r, p);
    memmove(p->in, p->in + used, p->in_len - used);
    p->in_len -= used;
}

static void accept_one(struct relay *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    for (uint32_t i = 0; fd >= 0 && i < PEERS; i++)
        if (r->peers[i].fd < 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            r->peers[i] = (struct peer){ .fd = fd, .in = malloc(CHUNK) };
            watch(r, fd, i, EPOLLIN, EPOLL_CTL_ADD);
            return;
        }
    close(fd);
}

static void listen_on(struct relay *r, const struct ip_addr *addr, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    int on = 1;
    memcpy(&in.sin_addr, addr->bytes, 4);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(r->listener, (struct sockaddr *)&in, sizeof in) || listen(r->listener, PEERS))
        die("bench-relay");
    watch(r, r->listener, LISTENER, EPOLLIN, EPOLL_CTL_ADD);
}

int main(int argc, char **argv)
{
    static struct relay r;
    struct ip_addr addr;
    if (argc != 4 || ip_addr_parse(argv[1], &addr))
        return 2;
    r.open = (struct bgp_open){ .asn = (uint32_t)strtoul(argv[3], NULL, 10),
                                .identifier = wire_get32(addr.bytes),
                                .hold_s = HOLD_S,
                                .as4 = true,
                                .multiprotocol = true,
                                .family = { true, false },
                                .role = -1 };
    for (int i = 0; i < PEERS; i++)
        r.peers[i].fd = -1;
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    listen_on(&r, &addr, (uint16_t)strtoul(argv[2], NULL, 10));
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(r.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == LISTENER) {
                accept_one(&r);
                continue;
            }
            struct peer *p = &r.peers[events[i].data.u32];
            if (p->fd >= 0 && events[i].events & EPOLLOUT)
                flush(&r, p);
            if (p->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
                receive(&r, p);
        }
    }
}
