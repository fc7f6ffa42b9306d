/* An API over real sockets on loopback, in front of a core that is only looked at, and who asks it. */
#ifndef TANDEM_TESTS_LIB_HTTP_LAB_H
#define TANDEM_TESTS_LIB_HTTP_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "node/api/http.h"
#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

struct lab {
    uv_loop_t loop;
    struct core *core;
    struct api *api;
    struct config_endpoint tcp, health;
    char directory[64], error[400];
};

static inline uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A port that was free a moment ago. */
static inline uint16_t free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(fd >= 0 && !bind(fd, (struct sockaddr *)&a, len));
    assert(!getsockname(fd, (struct sockaddr *)&a, &len));
    close(fd);
    return ntohs(a.sin_port);
}

static unsigned acts; /* how often the core was to turn */

static inline void on_act(void *data)
{
    (void)data;
    acts++;
}

static struct api_token token;

static unsigned reloads;

static inline bool reload(void *data, bool is_dry, FILE *out)
{
    (void)data;
    reloads += !is_dry;
    fputs(reloads > 1 ? "tandem.yaml:3:1: error: peers: wrong\n" : "peer x: added\nlog.level: changed\n", out);
    return reloads <= 1;
}

static int level_of_log = CONFIG_LOG_INFO;

static inline int set_level(void *data, int level)
{
    (void)data;
    return level < 0 ? level_of_log : (level_of_log = level);
}

static const char *trouble_of_mrt = "";

static inline const char *mrt_trouble(void *data)
{
    (void)data;
    return trouble_of_mrt;
}

static inline int lab_start(struct lab *l)
{
    struct api_cfg cfg = { .loop = &l->loop,
                           .connections = 512,
                           .core = l->core,
                           .config = &l->core->config,
                           .self = 1,
                           .now = now_ms,
                           .token = &token,
                           .reload = reload,
                           .log_level = set_level,
                           .mrt_trouble = mrt_trouble,
                           .on_act = on_act };
    return api_start(&l->api, &cfg, l->error, sizeof l->error);
}

static inline void lab_open(struct lab *l)
{
    memset(l, 0, sizeof *l);
    uv_loop_init(&l->loop);
    l->core = fake_core();
    snprintf(l->directory, sizeof l->directory, "/tmp/tandem-http-XXXXXX");
    assert(mkdtemp(l->directory));
    l->tcp = l->health = (struct config_endpoint){ .addr = { .bytes = { 127, 0, 0, 1 } } };
    l->tcp.port = free_port();
    l->health.port = free_port();
    l->core->config.run_directory = l->directory;
    l->core->config.api_listen = &l->tcp;
    l->core->config.health_listen = &l->health;
    l->core->config.api_listen_count = l->core->config.health_listen_count = 1;
}

static inline void lab_close(struct lab *l)
{
    api_stop(l->api);
    while (uv_run(&l->loop, UV_RUN_DEFAULT))
        ;
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    CU_ASSERT_EQUAL(rmdir(l->directory), 0); /* the socket file is gone */
    fake_core_free(l->core);
}

/* From 127.0.HIGH.LOW, so that a crowd of clients is not one address's crowd. */
static inline int dial_from(uint16_t port, uint32_t low_bits)
{
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + low_bits) };
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0 && !bind(fd, (struct sockaddr *)&from, sizeof from));
    assert(!connect(fd, (struct sockaddr *)&a, sizeof a));
    return fd;
}

static inline int dial(uint16_t port)
{
    return dial_from(port, 0);
}

static inline int dial_unix(const struct lab *l)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/rs-a.sock", l->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a));
    return fd;
}

static inline bool ends(const char *text, const char *want)
{
    return want && strstr(text, want);
}

/* Send, then turn the loop until the server closes, `want` was read, or patience ends. */
static inline size_t talk(struct lab *l, int fd, const void *request, size_t len, const char *want,
                   int patience_ms, char *answer, size_t cap)
{
    size_t n = 0;
    uint64_t end = now_ms() + (uint64_t)patience_ms;
    (void)!send(fd, request, len, MSG_NOSIGNAL);
    answer[0] = 0;
    while (now_ms() < end && n + 1 < cap && !ends(answer, want)) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 1) != 1)
            continue;
        ssize_t got = recv(fd, answer + n, cap - 1 - n, MSG_DONTWAIT);
        if (got <= 0)
            break;
        n += (size_t)got;
        answer[n] = 0;
    }
    return n;
}

static char answer[1 << 18];

static inline const char *ask_fd(struct lab *l, int fd, const char *request)
{
    talk(l, fd, request, strlen(request), NULL, 3000, answer, sizeof answer);
    close(fd);
    return answer;
}

static inline const char *get(struct lab *l, const char *path)
{
    char request[512];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    return ask_fd(l, dial(l->tcp.port), request);
}

#define ASSERT_HAS(text, part)   CU_ASSERT_PTR_NOT_NULL(strstr((text), (part)))
#define ASSERT_LACKS(text, part) CU_ASSERT_PTR_NULL(strstr((text), (part)))

static inline void announce_firewalls(struct core *c)
{
    fake_route_of(c, 1, 1, "0.0.0.0/0", (uint32_t[]){ 65001 }, 1, -1);
    fake_route_of(c, 2, 1, "0.0.0.0/0", (uint32_t[]){ 65001 }, 1, -1);
    fake_route_of(c, 1, 2, "0.0.0.0/0", (uint32_t[]){ 65002 }, 1, -1);
    fake_route_of(c, 1, 3, "0.0.0.0/0", (uint32_t[]){ 65003, 65099 }, 2, 7);
    fake_route_of(c, 1, 3, "10.250.0.0/16", (uint32_t[]){ 65003 }, 1, -1);
    fake_route_of(c, 1, 3, "fd00:250::/32", (uint32_t[]){ 65003 }, 1, -1);
    fake_decide(c);
}

#endif
