/* A probe over TCP or ICMP is a descriptor that is watched until it has an answer or its time is over; one
 * over HTTP is a request. */
#include "node/targets/gate_probe.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bgp/base/wire.h"
#include "node/base/memory.h"
#include "node/io/sock.h"

enum { ECHO_BYTES = 8, IP_HEADER_MAX = 60 };

struct gate_probe {
    struct gate_probe_cfg cfg;
    struct ip_addr hop;
    int fd;
    bool is_raw;
    uint16_t number; /* of an echo */
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles;
    struct http_request *request;
};

/* ---- ends ---- */

static void on_closed(uv_handle_t *handle)
{
    struct gate_probe *p = handle->data;
    if (--p->handles == 0) {
        close(p->fd);
        free(p);
    }
}

static void discard(struct gate_probe *p)
{
    if (p->request)
        http_request_cancel(p->request);
    if (!p->handles) {
        free(p);
        return;
    }
    uv_close((uv_handle_t *)&p->poll, on_closed);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void finish(struct gate_probe *p, const char *reason)
{
    struct gate_probe_cfg cfg = p->cfg;
    discard(p);
    cfg.on_done(cfg.data, reason);
}

void gate_probe_cancel(struct gate_probe *p)
{
    discard(p);
}

/* ---- TCP: a connection that comes to be ---- */

static int begin_tcp(struct gate_probe *p)
{
    p->fd = sock_dial(&p->hop, p->cfg.config->port, &(struct ip_addr){ 0 }, &(struct sock_options){ 0 });
    return p->fd < 0 ? p->fd : UV_WRITABLE;
}

/* 1: it answered; 0: not yet; a negative errno: it did not. */
static int look_at_tcp(struct gate_probe *p)
{
    int error = sock_dial_result(p->fd);
    return error ? error : 1;
}

/* ---- ICMP: an echo, RFC 792 and RFC 4443 section 4 ---- */

static int echo_socket(uint8_t family, bool *is_raw)
{
    int domain = family == BGP_IP6 ? AF_INET6 : AF_INET;
    int protocol = family == BGP_IP6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    *is_raw = fd < 0; /* ping_group_range leaves us out: CAP_NET_RAW does as well */
    if (fd < 0)
        fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : fd;
}

/* RFC 1071; the kernel writes the one of ICMPv6 itself. */
static uint16_t checksum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += wire_get16(bytes + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static int begin_icmp(struct gate_probe *p)
{
    struct sockaddr_storage to;
    uint8_t echo[ECHO_BYTES] = { p->hop.family == BGP_IP6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO };
    p->fd = echo_socket(p->hop.family, &p->is_raw);
    if (p->fd < 0)
        return p->fd;
    wire_set16(echo + 4, p->number); /* the identifier; a datagram socket puts its own there */
    wire_set16(echo + 6, p->number);
    if (p->hop.family == BGP_IP4)
        wire_set16(echo + 2, checksum(echo, sizeof echo));
    unsigned len = sock_address(&p->hop, 0, &to);
    if (connect(p->fd, (const struct sockaddr *)&to, len) ||
        send(p->fd, echo, sizeof echo, MSG_NOSIGNAL) < 0)
        return -errno;
    return UV_READABLE;
}

static int look_at_icmp(struct gate_probe *p)
{
    uint8_t answer[IP_HEADER_MAX + ECHO_BYTES];
    uint8_t reply = p->hop.family == BGP_IP6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
    for (;;) {
        ssize_t n = recv(p->fd, answer, sizeof answer, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        size_t at = p->is_raw && p->hop.family == BGP_IP4 ? (size_t)(answer[0] & 0xf) * 4 : 0;
        if ((size_t)n >= at + ECHO_BYTES && answer[at] == reply &&
            wire_get16(answer + at + 6) == p->number)
            return 1;
    }
}

/* ---- what both have ---- */

static const struct {
    int (*begin)(struct gate_probe *p); /* events to wait for, or a negative errno; p->fd is open, or < 0 */
    int (*look)(struct gate_probe *p);
} kinds[] = {
    [CONFIG_PROBE_TCP] = { begin_tcp, look_at_tcp },
    [CONFIG_PROBE_ICMP] = { begin_icmp, look_at_icmp },
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct gate_probe *p = poll->data;
    (void)status, (void)events;
    int verdict = kinds[p->cfg.config->probe].look(p);
    if (verdict)
        finish(p, verdict > 0 ? NULL : strerror(-verdict));
}

static void on_timeout(uv_timer_t *timer)
{
    finish(timer->data, "no answer in time");
}

static bool watch(struct gate_probe *p, char error[static GATE_REASON_MAX])
{
    int events = kinds[p->cfg.config->probe].begin(p);
    if (events < 0) {
        if (p->fd >= 0)
            close(p->fd);
        snprintf(error, GATE_REASON_MAX, "%s", strerror(-events));
        return false;
    }
    if (uv_poll_init(p->cfg.loop, &p->poll, p->fd) || uv_timer_init(p->cfg.loop, &p->timer))
        abort(); /* only without memory or descriptors of the loop's own */
    p->handles = 2;
    p->poll.data = p->timer.data = p;
    uv_poll_start(&p->poll, events, on_poll);
    uv_timer_start(&p->timer, on_timeout, p->cfg.config->timeout_ms, 0);
    return true;
}

/* ---- HTTP ---- */

static void on_answer(void *data, const struct http_answer *a)
{
    struct gate_probe *p = data;
    char reason[GATE_REASON_MAX];
    p->request = NULL;
    if (a->outcome == HTTP_ANSWERED && a->status >= 200 && a->status < 300) {
        finish(p, NULL);
        return;
    }
    if (a->outcome == HTTP_ANSWERED)
        snprintf(reason, sizeof reason, "status %u", a->status);
    else
        snprintf(reason, sizeof reason, "%s", http_outcome_name(a->outcome));
    finish(p, reason);
}

static bool ask(struct gate_probe *p, char error[static GATE_REASON_MAX])
{
    char url[CONFIG_PATH_MAX + IP_ADDR_TEXT + 32], host[IP_ADDR_TEXT];
    bool is_six = p->hop.family == BGP_IP6;
    snprintf(url, sizeof url, "http://%s%s%s:%u%s", is_six ? "[" : "", ip_addr_format(&p->hop, host),
             is_six ? "]" : "", p->cfg.config->port, p->cfg.config->path);
    p->request = http_request_new(p->cfg.http, &(struct http_call){ .method = "GET",
                                                                    .url = url,
                                                                    .timeout_ms = p->cfg.config->timeout_ms,
                                                                    .answer_max = 1 << 16,
                                                                    .on_done = on_answer,
                                                                    .data = p });
    snprintf(error, GATE_REASON_MAX, "too many probes at the same time");
    return p->request != NULL;
}

/* ---- all ---- */

struct gate_probe *gate_probe_new(const struct gate_probe_cfg *cfg,
                                  char error[static GATE_REASON_MAX])
{
    struct gate_probe *p = memory_new(1, sizeof *p);
    p->cfg = *cfg;
    p->hop = *cfg->hop;
    p->fd = -1;
    p->number = (uint16_t)uv_hrtime();
    if (cfg->config->probe == CONFIG_PROBE_HTTP ? ask(p, error) : watch(p, error))
        return p;
    free(p);
    return NULL;
}

bool gate_probe_is_possible(const struct config_gate *config, char error[static GATE_REASON_MAX])
{
    bool is_raw;
    if (config->probe != CONFIG_PROBE_ICMP)
        return true;
    int fd = echo_socket(BGP_IP4, &is_raw);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    snprintf(error, GATE_REASON_MAX, "icmp: %s: it needs CAP_NET_RAW, or net.ipv4.ping_group_range",
             strerror(-fd));
    return false;
}
