#include "tests/bench/speaker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bgp/codec/msg.h"

enum {
    CARRY = BLOCK_MAX + BGP_MESSAGE_MAX_EXTENDED,
    SEND = 1 << 18,
    RECEIVE_BUFFER = 4 << 20,
    DIAL_TIMES = 200,
    DIAL_PAUSE_US = 50000,
};

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ms(void)
{
    return now_ns() / 1000000;
}

void speaker_init(struct speaker *s, const char *name, const struct speaker_cfg *cfg)
{
    const struct bgp_session_cfg session = { .local_asn = cfg->asn,
                                             .local_identifier = wire_get32(cfg->addr.bytes),
                                             .peer_asn = cfg->daemon_asn,
                                             .peer_addr = cfg->daemon,
                                             .local_addr = cfg->addr,
                                             .hold_s = 240,
                                             .connect_retry_s = 5,
                                             .family = { true, false },
                                             .any_first_as = true,
                                             .seed = cfg->asn };
    *s = (struct speaker){ .addr = cfg->addr, .fd = -1, .sender = TRUTH_NOBODY };
    snprintf(s->name, sizeof s->name, "%s", name);
    s->session = bgp_session_new(&session);
    s->carry = malloc(CARRY);
    if (!s->session || !s->carry)
        abort();
}

void speaker_close(struct speaker *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->up = false;
}

static void drop_first(struct speaker *s, struct blocks *blocks)
{
    struct block *b = s->first;
    s->first = b->next;
    if (!s->first)
        s->last = NULL;
    blocks_drop(blocks, b);
}

void speaker_fini(struct speaker *s, struct blocks *blocks)
{
    speaker_close(s);
    while (s->first)
        drop_first(s, blocks);
    bgp_session_free(s->session);
    truth_receiver_fini(&s->receiver);
    free(s->tx.bytes);
    free(s->queued.bytes);
    free(s->carry);
}

/* ---- connecting ---- */

static struct sockaddr_in socket_address(const struct ip_addr *a, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    memcpy(&in.sin_addr, a->bytes, 4);
    return in;
}

static int dial(const struct speaker_cfg *cfg)
{
    struct sockaddr_in from = socket_address(&cfg->addr, 0),
                       to = socket_address(&cfg->daemon, cfg->port);
    int on = 1, size = RECEIVE_BUFFER;
    for (int i = 0; i < DIAL_TIMES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
            connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
            return fd;
        close(fd);
        usleep(DIAL_PAUSE_US);
    }
    perror("connect");
    exit(2);
}

static bool take_events(struct speaker *s, struct truth *truth, uint64_t at_ns)
{
    struct bgp_session_event e;
    while (bgp_session_next(s->session, &e)) {
        if (e.kind == BGP_EVENT_UP)
            s->up = true;
        if (e.kind == BGP_EVENT_UPDATE && s->is_judged)
            truth_take_update(truth, &s->receiver, e.update, at_ns);
        if (e.kind == BGP_EVENT_DOWN || e.kind == BGP_EVENT_CLOSE) {
            fprintf(stderr, "%s: session ended: %s (code %u/%u)\n", s->name,
                    e.reason ? e.reason : "closed", e.fault.code, e.fault.subcode);
            return false;
        }
    }
    return true;
}

void speaker_dial(struct speaker *s, const struct speaker_cfg *cfg)
{
    bgp_session_start(s->session, now_ms());
    s->fd = dial(cfg);
    take_events(s, NULL, 0); /* it asks for the connection that we have made */
    bgp_session_connected(s->session, &cfg->addr, now_ms());
    speaker_write(s);
}

/* ---- bytes ---- */

bool speaker_read(struct speaker *s, struct blocks *blocks, uint64_t now)
{
    struct block *b = blocks_room(blocks);
    ssize_t n = recv(s->fd, b->bytes, BLOCK_MAX, MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    blocks_keep(blocks, b, (size_t)n, now);
    if (s->last)
        s->last->next = b;
    else
        s->first = b;
    s->last = b;
    return true;
}

/* Control messages go between two tables: a bench is shorter than a hold time. */
static void pull_control(struct speaker *s)
{
    uint8_t control[4096];
    size_t n = bgp_session_pull(s->session, BGP_SLOT_OURS, control, sizeof control);
    if (!n)
        return;
    s->tx.len = s->tx_sent = 0;
    s->tx.bytes = table_grow(s->tx.bytes, &s->tx.cap, n, 1);
    memcpy(s->tx.bytes, control, n);
    s->tx.len = n;
}

void speaker_release(struct speaker *s)
{
    s->tx.bytes = table_grow(s->tx.bytes, &s->tx.cap, s->tx.len + s->queued.len + 1, 1);
    if (s->queued.len)
        memcpy(s->tx.bytes + s->tx.len, s->queued.bytes, s->queued.len);
    s->tx.len += s->queued.len;
    s->queued.len = 0;
}

void speaker_write(struct speaker *s)
{
    if (s->fd < 0)
        return;
    if (speaker_has_sent(s))
        pull_control(s);
    size_t left = s->tx.len - s->tx_sent;
    if (!left)
        return;
    ssize_t n = send(s->fd, s->tx.bytes + s->tx_sent, left < SEND ? left : SEND,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    s->tx_sent += n > 0 ? (size_t)n : 0;
}

/* ---- judging ---- */

/* Length of the UPDATE that nobody judges at the start of data; 0: something else, or not whole. */
static size_t unjudged(const struct speaker *s, const uint8_t *data, size_t len)
{
    if (s->is_judged || !s->up || len < BGP_HEADER || data[BGP_HEADER - 1] != BGP_UPDATE)
        return 0;
    size_t size = wire_get16(data + 16);
    return size <= len ? size : 0;
}

bool speaker_judge(struct speaker *s, struct blocks *blocks, struct truth *truth)
{
    uint64_t at_ns = s->first->at_ns;
    size_t used = 0, step;
    memcpy(s->carry + s->carry_len, s->first->bytes, s->first->len);
    s->carry_len += s->first->len;
    drop_first(s, blocks);
    do {
        step = unjudged(s, s->carry + used, s->carry_len - used);
        if (!step)
            step = bgp_session_feed(s->session, BGP_SLOT_OURS, s->carry + used, s->carry_len - used,
                                    now_ms());
        used += step;
        if (!take_events(s, truth, at_ns))
            return false;
    } while (step);
    memmove(s->carry, s->carry + used, s->carry_len - used);
    s->carry_len -= used;
    return true;
}
