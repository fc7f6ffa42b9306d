/* Life of the server: listeners open, libmicrohttpd's descriptors enter the loop, all leave again. */
#include "node/api/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/api/api_impl.h"
#include "node/api/listen.h"
#include "node/base/memory.h"

enum { PULSE_MS = 1000, CONNECTION_MEMORY = 32 * 1024 };

/* What each kind of listener allows. A waiting client costs nobody else: see http.h. */
struct limits {
    unsigned connections, per_address, timeout_s;
};

/* clang-format off */
static const struct limits limits_of[] = {
    [LISTENER_TCP]    = { .connections = 256, .per_address = 32, .timeout_s = 10 },
    [LISTENER_UNIX]   = { .connections = 64,  .per_address = 0,  .timeout_s = 10 },
    [LISTENER_HEALTH] = { .connections = 64,  .per_address = 16, .timeout_s = 5 },
};
/* clang-format on */

struct api_view api_now(const struct api *a)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct api_view){ .core = a->cfg.core,
                              .config = a->cfg.config,
                              .self = a->cfg.self,
                              .now_ms = a->cfg.now(),
                              .reload = a->cfg.reload,
                              .log_level = a->cfg.log_level,
                              .mrt_trouble = a->cfg.mrt_trouble,
                              .data = a->cfg.data,
                              .answered = a->answered,
                              .wall_ms =
                                  (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000 };
}

/* ---- inside the loop ---- */

static void on_timer(uv_timer_t *timer);
static void on_again(uv_idle_t *again);

static unsigned connections_of(const struct api_listener *l)
{
    return MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* At its limit libmicrohttpd stops listening, and listens again with a run that begins below it: never, if the one in
 * which connections end is the last for want of anything to wait for. */
static void serve(struct api_listener *l)
{
    unsigned before;
    do {
        before = connections_of(l);
        MHD_run(l->mhd);
    } while (connections_of(l) < before);
    if (connections_of(l) >= l->most)
        idle_hurry(l);
}

/* libuv 1.44 runs timers until none is due: one without a time that starts itself anew would keep everybody else from
 * being heard, as long as a client reads as fast as it is sent to. */
static void run(struct api_listener *l)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    serve(l);
    bool is_bounded = MHD_get_timeout(l->mhd, &timeout_ms) == MHD_YES;
    if (is_bounded && !timeout_ms)
        uv_idle_start(&l->again, on_again);
    else
        uv_idle_stop(&l->again);
    if (is_bounded && timeout_ms)
        uv_timer_start(&l->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&l->timer);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_again(uv_idle_t *again)
{
    run(again->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error shows in what libmicrohttpd reads itself */
    (void)events;
    run(poll->data);
}

static void run_all(struct api *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->listeners[i].mhd)
            run(&a->listeners[i]);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct api *a = prepare->data;
    struct core_event event;
    uint64_t before = a->seen;
    while (core_next_event(a->cfg.core, &a->seen, &event))
        ;
    if (a->seen == before)
        return;
    sse_wake_all(a);
    run_all(a);
}

static void on_pulse(uv_timer_t *pulse)
{
    struct api *a = pulse->data;
    sse_pulse(a);
    run_all(a);
    if (a->stream_count)
        return;
    uv_prepare_stop(&a->prepare);
    uv_timer_stop(pulse);
}

void api_streams_watch(struct api *a)
{
    if (uv_is_active((uv_handle_t *)&a->pulse))
        return;
    uv_prepare_start(&a->prepare, on_prepare);
    uv_timer_start(&a->pulse, on_pulse, PULSE_MS, PULSE_MS);
}

/* ---- end ---- */

static void release(struct api *a)
{
    if (--a->handles)
        return;
    free(a->listeners);
    free(a);
}

static void on_listener_handle_closed(uv_handle_t *handle)
{
    const struct api_listener *l = handle->data;
    release(l->api);
}

static void on_api_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void stop_listener(struct api_listener *l)
{
    if (!l->mhd)
        return;
    uv_poll_stop(&l->poll); /* before libmicrohttpd closes the descriptor under it */
    MHD_stop_daemon(l->mhd);
    l->mhd = NULL;
    uv_close((uv_handle_t *)&l->poll, on_listener_handle_closed);
    uv_close((uv_handle_t *)&l->timer, on_listener_handle_closed);
    uv_close((uv_handle_t *)&l->again, on_listener_handle_closed);
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    sse_wake_all(a); /* libmicrohttpd must not be stopped with sleeping connections */
    for (size_t i = 0; i < a->count; i++)
        stop_listener(&a->listeners[i]);
    if (a->socket_path[0])
        unlink(a->socket_path);
    uv_close((uv_handle_t *)&a->prepare, on_api_handle_closed);
    uv_close((uv_handle_t *)&a->pulse, on_api_handle_closed);
}

/* ---- start ---- */

/* Less than it allows where all listeners together would have more than the process can. */
static unsigned share_of(const struct api *a, enum listener_kind kind)
{
    unsigned most = limits_of[kind].connections;
    return a->wanted <= a->cfg.connections ? most : most * a->cfg.connections / a->wanted + 1;
}

static struct MHD_Daemon *start_daemon(struct api_listener *l, int fd)
{
    const struct limits *limits = &limits_of[l->kind];
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_LISTEN_SOCKET, fd, NULL },
        { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL }, /* without: a request without Host is answered */
        { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)l->most, NULL },
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)limits->per_address, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)limits->timeout_s, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, request_accept, l,
                            request_answer, l, MHD_OPTION_URI_LOG_CALLBACK, request_line_seen, l,
                            MHD_OPTION_NOTIFY_CONNECTION, idle_noted, l,
                            MHD_OPTION_NOTIFY_COMPLETED, request_ended, NULL,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* fd becomes libmicrohttpd's. */
static int add_listener(struct api *a, enum listener_kind kind, int take_fd, char *error,
                        size_t cap)
{
    struct api_listener *l = &a->listeners[a->count];
    *l = (struct api_listener){ .api = a, .kind = (uint8_t)kind, .most = share_of(a, kind),
                                .timeout_s = limits_of[kind].timeout_s };
    list_init(&l->connections);
    l->mhd = start_daemon(l, take_fd);
    if (!l->mhd) {
        snprintf(error, cap, "cannot start the HTTP server: libmicrohttpd refused its options");
        close(take_fd);
        return -1;
    }
    a->count++;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(a->cfg.loop, &l->poll, info->epoll_fd);
    uv_timer_init(a->cfg.loop, &l->timer);
    uv_idle_init(a->cfg.loop, &l->again);
    l->poll.data = l->timer.data = l->again.data = l;
    a->handles += 3;
    return uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

static int add_tcp(struct api *a, enum listener_kind kind, const struct config_endpoint *at,
                   size_t count, char *error, size_t cap)
{
    const char *key = kind == LISTENER_HEALTH ? "api.health" : "api.listen";
    for (size_t i = 0; i < count; i++) {
        int fd = listen_tcp(&at[i], key, error, cap);
        if (fd < 0 || add_listener(a, kind, fd, error, cap))
            return -1;
    }
    return 0;
}

static int add_unix(struct api *a, char *error, size_t cap)
{
    const struct config *config = a->cfg.config;
    char path[sizeof a->socket_path];
    int len = snprintf(path, sizeof path, "%s/%s.sock", config->run_directory,
                       config->nodes[a->cfg.self - 1].name);
    if (len < 0 || (size_t)len >= sizeof path) {
        snprintf(error, cap, "routeServer.runDirectory is too long for a socket path");
        return -1;
    }
    int fd = listen_unix(path, error, cap);
    if (fd < 0)
        return -1;
    memcpy(a->socket_path, path, sizeof path);
    return add_listener(a, LISTENER_UNIX, fd, error, cap);
}

/* A node's own addresses replace those of the file's api section. */
static int add_all(struct api *a, char *error, size_t cap)
{
    const struct config *c = a->cfg.config;
    uint32_t own = a->cfg.self - 1;
    bool own_api = c->node_api_count[own], own_health = c->node_health_count[own];
    const struct config_endpoint *api = own_api ? c->node_api[own] : c->api_listen;
    const struct config_endpoint *health = own_health ? c->node_health[own] : c->health_listen;
    size_t api_count = own_api ? c->node_api_count[own] : c->api_listen_count;
    size_t health_count = own_health ? c->node_health_count[own] : c->health_listen_count;
    a->wanted = (unsigned)api_count * limits_of[LISTENER_TCP].connections +
                (unsigned)health_count * limits_of[LISTENER_HEALTH].connections + limits_of[LISTENER_UNIX].connections;
    a->listeners = memory_new(api_count + health_count + 1, sizeof *a->listeners);
    if (add_tcp(a, LISTENER_HEALTH, health, health_count, error, cap) ||
        add_tcp(a, LISTENER_TCP, api, api_count, error, cap))
        return -1;
    return add_unix(a, error, cap);
}

int api_start(struct api **out, const struct api_cfg *cfg, char *error, size_t cap)
{
    struct api *a = memory_new(1, sizeof *a);
    *out = NULL;
    a->cfg = *cfg;
    list_init(&a->streams);
    uv_prepare_init(cfg->loop, &a->prepare);
    uv_timer_init(cfg->loop, &a->pulse);
    a->prepare.data = a->pulse.data = a;
    a->handles = 2;
    snprintf(error, cap, "cannot watch the HTTP server's descriptor");
    if (add_all(a, error, cap)) {
        api_stop(a);
        return -1;
    }
    run_all(a);
    error[0] = 0;
    *out = a;
    return 0;
}
