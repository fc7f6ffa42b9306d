#include "node/loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "node/api/http.h"
#include "node/base/memory.h"
#include "node/config/change.h"
#include "node/io/sock.h"
#include "node/io/supervisor.h"
#include "node/keys/agent_keys.h"
#include "node/loop/backends.h"
#include "node/loop/bfd_io.h"
#include "node/loop/conn.h"
#include "node/loop/guard.h"
#include "node/loop/listeners.h"
#include "node/loop/mrt_file.h"
#include "node/loop/mrt_updates.h"

enum { STOP_MS = 2000 };

struct loop {
    uv_loop_t uv;
    uv_check_t check;
    uv_idle_t idle; /* active while a turn was asked for: the poll must not wait */
    uv_timer_t timer;
    uv_signal_t sigterm, sigint, sighup;
    const struct loop_cfg *cfg;
    struct log *log;
    struct supervisor supervisor;
    struct core *core;
    struct api *api;
    struct conn_owner owner;
    struct listeners *listeners;
    struct bfd_io *bfd; /* NULL: no peer has BFD here */
    uv_poll_t bfd_poll;
    struct backends *backends;
    struct mrt_file *mrt; /* NULL: no dumps on a schedule */
    struct mrt_updates *updates; /* NULL: messages are not kept */
    uint64_t records_lost; /* told so far */
    uint64_t logged;   /* sequence of the last event written */
    uint64_t stop_ms;  /* 0 = not stopping */
    bool bfd_stops;
    bool asked;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static uint64_t wall_ms(void)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void ask_turn(struct loop *l)
{
    if (l->asked)
        return;
    l->asked = true;
    uv_idle_start(&l->idle, on_idle);
}

/* ---- the turn ---- */

static void write_events(struct loop *l)
{
    struct core_event e;
    while (core_next_event(l->core, &l->logged, &e))
        log_event(l->log, (enum log_level)e.level, e.name, e.subject[0] ? e.subject : NULL,
                  e.fields[0] ? "%s" : NULL, e.fields);
}

static int dial_socket(struct loop *l, const struct core_request *r)
{
    static const struct config_tcp_ao none;
    struct sock_options options = { .ttl = r->ttl, .min_ttl = r->min_ttl };
    struct guard guard;
    int fd = -EACCES;
    if (r->port == CORE_PORT_CLUSTER)
        options.user_timeout_ms = l->cfg->config->dead_ms + 200;
    if (guard_dial(&guard, r->md5_key_file, r->tcp_ao ? r->tcp_ao : &none, &options, l->log))
        fd = sock_dial(&r->remote, r->remote_port, &r->local, &options);
    guard_fini(&guard);
    if (fd >= 0 && (unsigned)fd >= l->cfg->descriptors->connections) {
        close(fd);
        fd = -EMFILE;
    }
    return fd;
}

static void dial(struct loop *l, const struct core_request *r)
{
    char text[IP_ADDR_TEXT];
    int fd = dial_socket(l, r);
    if (fd >= 0) {
        conn_dialled(&l->owner, fd, r->pump);
        return;
    }
    log_event(l->log, LOG_WARN_, "dial_failed", NULL, "ip=%s port=%u error=\"%s\"",
              ip_addr_format(&r->remote, text), r->remote_port, strerror(-fd));
    core_closed(l->core, r->pump,
                fd == -ECONNREFUSED ? CORE_CLOSE_REFUSED : CORE_CLOSE_TIMEOUT, now_ms());
}

static void hang_up(struct loop *l, const struct core_request *r)
{
    if (r->pump->owner)
        conn_finish(r->pump);
    else
        core_closed(l->core, r->pump, CORE_CLOSE_EOF, now_ms()); /* never got a socket */
}

static void open_bfd(struct loop *l, const struct core_request *r)
{
    if (!l->bfd)
        return; /* another daemon was quicker, and the log says so */
    const uint32_t us = r->bfd.interval_ms * 1000;
    const struct bfd_peer_cfg peer = { .id = r->nva,
                                       .local = r->local,
                                       .remote = r->remote,
                                       .hops = r->bfd.hops,
                                       .seems_remote = r->ttl != 1 && !sock_is_on_link(&r->remote),
                                       .times = { us, us, r->bfd.multiplier } };
    bfd_io_open(l->bfd, &peer);
}

static void close_bfd(struct loop *l, const struct core_request *r)
{
    if (l->bfd)
        bfd_io_close(l->bfd, r->nva);
}

static void take_requests(struct loop *l)
{
    static void (*const take[])(struct loop *, const struct core_request *) = {
        [CORE_DIAL] = dial,
        [CORE_CLOSE] = hang_up,
        [CORE_BFD_OPEN] = open_bfd,
        [CORE_BFD_CLOSE] = close_bfd,
    };
    struct core_request r;
    while (core_next_request(l->core, &r))
        take[r.kind](l, &r);
}

static void flush_pumps(struct loop *l)
{
    for (struct pump *p; (p = core_next_pump(l->core));)
        conn_flush(p);
}

/* BFD says that its silence is no failure, but not before BGP has said its last word. */
static void stop_bfd(struct loop *l)
{
    if (l->bfd && l->stop_ms && !l->bfd_stops && core_is_stopping(l->core)) {
        l->bfd_stops = true;
        bfd_io_stop(l->bfd);
    }
}

static void take_records(struct loop *l)
{
    const uint8_t *records;
    size_t len;
    uint64_t lost;
    if (core_take_records(l->core, &records, &len, &lost))
        mrt_updates_put(l->updates, records, len);
    if (lost != l->records_lost)
        log_event(l->log, LOG_WARN_, "mrt_records_lost", NULL, "records=%llu",
                  (unsigned long long)(lost - l->records_lost));
    l->records_lost = lost;
}

static void stop_when_done(struct loop *l)
{
    bool is_done = core_is_stopped(l->core) && (!l->bfd || bfd_io_is_quiet(l->bfd));
    if (l->stop_ms && (is_done || now_ms() >= l->stop_ms))
        uv_stop(&l->uv);
}

static void on_timer(uv_timer_t *timer)
{
    ask_turn(timer->data);
}

static void turn(struct loop *l)
{
    uint64_t began = uv_hrtime(), now = now_ms();
    bool more = false;
    core_set_wall(l->core, now, wall_ms());
    uint64_t due = core_turn(l->core, now);
    take_requests(l);
    more |= backends_turn(l->backends, now);
    flush_pumps(l);
    take_requests(l);
    take_records(l);
    write_events(l);
    supervisor_beat(&l->supervisor, now);
    stop_bfd(l);
    core_turn_took(l->core, (uv_hrtime() - began) / 1000);
    stop_when_done(l);
    if (l->stop_ms && l->stop_ms < due)
        due = l->stop_ms;
    if (more || due <= now)
        ask_turn(l);
    else
        uv_timer_start(&l->timer, on_timer, due - now, 0);
}

static void on_check(uv_check_t *check)
{
    struct loop *l = check->data;
    if (!l->asked)
        return;
    l->asked = false;
    uv_idle_stop(&l->idle);
    turn(l);
}

/* ---- connections ---- */

static void on_connected(void *data, struct pump *p, const struct ip_addr *local)
{
    struct loop *l = data;
    core_connected(l->core, p, local, now_ms());
    ask_turn(l);
}

static void on_received(void *data, struct pump *p, size_t n)
{
    struct loop *l = data;
    core_received(l->core, p, n);
    ask_turn(l);
}

static void on_sent(void *data, struct pump *p, size_t n)
{
    struct loop *l = data;
    if (core_sent(l->core, p, n, now_ms()))
        ask_turn(l);
}

static void on_closed(void *data, struct pump *p, enum core_close how)
{
    struct loop *l = data;
    core_closed(l->core, p, how, now_ms());
    ask_turn(l);
}

static void on_accepted(void *data, int fd, enum core_port port, const struct ip_addr *remote,
                        const struct ip_addr *local)
{
    struct loop *l = data;
    struct pump *p = core_accept(l->core, port, remote, local, now_ms());
    struct sock_options options = { 0 };
    ask_turn(l);
    if (!p) {
        close(fd);
        return;
    }
    if (port == CORE_PORT_BGP)
        core_accepted_ttl(p, &options.ttl, &options.min_ttl);
    if (port == CORE_PORT_CLUSTER)
        options.user_timeout_ms = l->cfg->config->dead_ms + 200;
    sock_tune(fd, &options);
    if (sock_came_from_afar(fd, options.min_ttl)) { /* the listener lets in whom another peer's rule does */
        close(fd);
        core_closed(l->core, p, CORE_CLOSE_RESET, now_ms());
        return;
    }
    conn_accepted(&l->owner, fd, p);
}

/* It works, but not for all that it is configured for. */
static void warn_of_descriptors(struct loop *l)
{
    const struct descriptors *d = l->cfg->descriptors;
    size_t wanted = descriptors_wanted(l->cfg->config, l->cfg->self, core_agent_count(l->core));
    if (wanted > d->connections)
        log_event(l->log, LOG_WARN_, "descriptors_few", NULL,
                  "limit=%u connections=%u wanted=%zu hint=\"raise LimitNOFILE of the unit, or ulimit -n\"", d->limit,
                  d->connections, wanted);
}

static bool start_listeners(struct loop *l)
{
    l->listeners = listeners_start(&(struct listeners_cfg){
        .loop = &l->uv,
        .config = l->cfg->config,
        .self = l->cfg->self,
        .is_clustered = l->cfg->core.secrets || l->cfg->core.agent_secrets,
        .connections = l->cfg->descriptors->connections,
        .log = l->log,
        .on_accepted = on_accepted,
        .data = l,
    });
    return l->listeners != NULL;
}

/* ---- BFD ---- */

static void on_bfd(uv_poll_t *poll, int status, int events)
{
    struct loop *l = poll->data;
    struct bfd_report r;
    (void)status, (void)events;
    while (bfd_io_next(l->bfd, &r)) {
        if (r.send_error)
            log_event(l->log, LOG_WARN_, "bfd_send_failed", NULL, "peer=%s error=\"%s\"",
                      core_nva_name(l->core, (uint16_t)r.id), strerror(r.send_error));
        core_bfd_changed(l->core, (uint16_t)r.id, &r.view, r.is_multihop, now_ms());
    }
    ask_turn(l);
}

static bool is_bfd_wanted(const struct config *c, uint32_t self)
{
    for (size_t i = 0; i < c->peer_count; i++)
        if (c->peers[i].bfd.enabled && !c->peers[i].disabled && c->peers[i].nodes & 1u << self)
            return true;
    return false;
}

static int new_bfd(const struct loop *l, struct bfd_io **out, char error[static BFD_IO_ERROR])
{
    const struct config_node *n = &l->cfg->config->nodes[l->cfg->self - 1];
    return bfd_io_start(out,
                        &(struct bfd_io_cfg){ .addrs = { n->address, n->address6 },
                                              .addr_count = n->has_address6 ? 2 : 1,
                                              .port = BFD_PORT,
                                              .multihop_port = BFD_PORT_MULTIHOP,
                                              .key = l->cfg->core.key,
                                              .descriptors = l->cfg->descriptors->connections },
                        error);
}

/* A configuration is refused before anything has changed: who has the ports now would keep them. */
static bool can_have_bfd(const struct loop *l, const struct config *next, FILE *out)
{
    char error[BFD_IO_ERROR] = "";
    struct bfd_io *trial = NULL;
    if (l->bfd || !is_bfd_wanted(next, l->cfg->self))
        return true;
    bool can = new_bfd(l, &trial, error) == 0;
    bfd_io_free(trial);
    if (!can)
        fprintf(out, "error: BFD: %s\n", error);
    return can;
}

static bool start_bfd(struct loop *l)
{
    char error[BFD_IO_ERROR] = "";
    if (l->bfd || !is_bfd_wanted(l->cfg->config, l->cfg->self))
        return true;
    if (new_bfd(l, &l->bfd, error)) {
        log_event(l->log, LOG_ERROR_, "bfd_failed", NULL, "error=\"%s\"", error);
        return false;
    }
    l->bfd_poll.data = l;
    return uv_poll_init(&l->uv, &l->bfd_poll, bfd_io_fd(l->bfd)) == 0 &&
           uv_poll_start(&l->bfd_poll, UV_READABLE, on_bfd) == 0;
}

/* ---- targets ---- */

static void on_news(void *data)
{
    ask_turn(data);
}

static void start_targets(struct loop *l)
{
    l->backends = backends_start(&(struct backends_cfg){ .loop = &l->uv,
                                                         .core = l->core,
                                                         .config = l->cfg->config,
                                                         .self = l->cfg->self,
                                                         .log = l->log,
                                                         .now = now_ms,
                                                         .on_change = on_news,
                                                         .data = l });
}

/* ---- life ---- */

static void on_stop_signal(uv_signal_t *signal, int number)
{
    struct loop *l = signal->data;
    if (l->stop_ms) { /* asked twice: now */
        uv_stop(&l->uv);
        return;
    }
    log_event(l->log, LOG_INFO_, "signal", NULL, "number=%d", number);
    supervisor_tell(&l->supervisor, "STOPPING=1");
    l->stop_ms = core_stop(l->core, now_ms()) + STOP_MS;
    ask_turn(l);
}

/* ---- another configuration ---- */

/* Read, check, and say all that is wrong, or all that would change. NULL: it cannot be followed. */
static struct config *read_next(struct loop *l, struct node_keys *keys, FILE *out)
{
    struct config *next;
    if (l->stop_ms) {
        fputs("error: the node is stopping\n", out);
        return NULL;
    }
    if (!config_load(l->cfg->config->path, &next, out))
        return NULL;
    bool can = config_can_follow(l->cfg->config, next, out) && guard_permits(next, out) && can_have_bfd(l, next, out) &&
               node_keys_load(next, &next->nodes[l->cfg->self - 1], keys, out) && agent_keys_are_there(next, out);
    if (!can) {
        config_free(next);
        return NULL;
    }
    config_tell_changes(l->cfg->config, next, out);
    node_keys_tell_changes(l->cfg->keys, keys, out);
    return next;
}

static void follow(struct loop *l, struct config *next, const struct node_keys *keys)
{
    take_requests(l); /* they point into what is replaced */
    config_follow(l->cfg->config, next);
    listeners_follow(l->listeners, next);
    log_set_level(l->log, l->cfg->config->log_level);
    start_bfd(l);
    backends_end_gone(l->backends);
    core_reconfigure(l->core, next, now_ms());
    l->cfg->keys->cluster = keys->cluster;
    l->cfg->keys->api_token = keys->api_token;
    core_set_keys(l->core, &keys->cluster, now_ms());
    backends_follow(l->backends);
    if (l->cfg->core.agent_secrets)
        agent_keys_reload(l->cfg->config, l->core, l->log, now_ms());
    warn_of_descriptors(l);
    ask_turn(l);
}

static bool reload(void *data, bool is_dry, FILE *out)
{
    struct loop *l = data;
    struct node_keys keys = { 0 };
    struct config *next = read_next(l, &keys, out);
    if (next && !is_dry)
        follow(l, next, &keys);
    if (!next && !is_dry)
        core_config_refused(l->core, "tandemctl config diff says what is wrong with the file", now_ms());
    config_free(next);
    node_keys_wipe(&keys);
    return next != NULL;
}

/* Told whatever the level was, and becomes. */
static int set_log_level(void *data, int level)
{
    struct loop *l = data;
    if (level < 0)
        return log_level(l->log);
    log_set_level(l->log, LOG_INFO_);
    log_event(l->log, LOG_INFO_, "log_level", NULL, "level=%s", config_log_levels[level]);
    log_set_level(l->log, level);
    return level;
}

static const char *mrt_trouble(void *data)
{
    const struct loop *l = data;
    const char *trouble = mrt_file_trouble(l->mrt);
    return trouble[0] ? trouble : mrt_updates_trouble(l->updates);
}

/* What was said, a line an event; excerpts are for terminals. */
static void log_lines(struct loop *l, bool is_good, char *text)
{
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (line[0] && line[0] != ' ')
            log_event(l->log, is_good ? LOG_INFO_ : LOG_ERROR_, is_good ? "config_change" : "config_error", NULL,
                      "text=\"%.300s\"", line);
}

static bool reload_and_log(struct loop *l)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool is_good = out && reload(l, false, out);
    if (!out || fclose(out))
        abort();
    log_lines(l, is_good, text);
    free(text);
    return is_good;
}

static void on_hangup(uv_signal_t *signal, int number)
{
    struct loop *l = signal->data;
    (void)number;
    supervisor_tell(&l->supervisor, "RELOADING=1");
    bool is_good = reload_and_log(l);
    if (!is_good && l->cfg->core.agent_secrets) /* a directory of keys does not wait for the file */
        agent_keys_reload(l->cfg->config, l->core, l->log, now_ms());
    supervisor_tell(&l->supervisor, is_good ? "READY=1\nSTATUS=" : "READY=1\nSTATUS=reload refused, see the log");
    ask_turn(l);
}

static void start_handles(struct loop *l)
{
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->idle);
    uv_timer_init(&l->uv, &l->timer);
    uv_signal_init(&l->uv, &l->sigterm);
    uv_signal_init(&l->uv, &l->sigint);
    uv_signal_init(&l->uv, &l->sighup);
    l->check.data = l->timer.data = l->sigterm.data = l->sigint.data = l->sighup.data = l;
    uv_check_start(&l->check, on_check);
    uv_signal_start(&l->sigterm, on_stop_signal, SIGTERM);
    uv_signal_start(&l->sigint, on_stop_signal, SIGINT);
    uv_signal_start(&l->sighup, on_hangup, SIGHUP);
}

static bool start_api(struct loop *l)
{
    char error[256] = "";
    struct api_cfg cfg = {
        .loop = &l->uv, .core = l->core, .config = l->cfg->config, .self = l->cfg->self, .now = now_ms,
        .token = &l->cfg->keys->api_token, .connections = l->cfg->descriptors->readers, .reload = reload, .log_level = set_log_level,
        .mrt_trouble = mrt_trouble, .on_act = on_news, .data = l
    };
    if (api_start(&l->api, &cfg, error, sizeof error) == 0)
        return true;
    log_event(l->log, LOG_ERROR_, "api_failed", NULL, "error=\"%s\"", error);
    return false;
}

static void start_dumps(struct loop *l)
{
    const struct config *c = l->cfg->config;
    struct mrt_file_cfg cfg = { .loop = &l->uv,
                                .core = l->core,
                                .log = l->log,
                                .directory = c->mrt_directory,
                                .node = c->nodes[l->cfg->self - 1].name,
                                .every_ms = c->mrt_every_ms };
    struct mrt_updates_cfg updates = { .loop = &l->uv,
                                       .log = l->log,
                                       .directory = c->mrt_directory,
                                       .node = cfg.node,
                                       .every_ms = c->mrt_updates_ms };
    if (c->mrt_directory)
        l->mrt = mrt_file_start(&cfg);
    if (c->mrt_directory && c->mrt_updates_ms)
        l->updates = mrt_updates_start(&updates);
}

static void close_any(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

int loop_run(const struct loop_cfg *cfg)
{
    struct loop *l = memory_new(1, sizeof *l);
    l->cfg = cfg;
    l->log = cfg->log;
    supervisor_init(&l->supervisor);
    if (uv_loop_init(&l->uv))
        abort();
    l->owner = (struct conn_owner){ .uv = &l->uv,
                                    .data = l,
                                    .on_connected = on_connected,
                                    .on_received = on_received,
                                    .on_sent = on_sent,
                                    .on_closed = on_closed };
    list_init(&l->owner.conns);
    start_handles(l);
    struct core_cfg core = cfg->core;
    core.wall_ms = wall_ms();
    l->core = core_new(&core, now_ms());
    write_events(l); /* what is said from here on comes behind it: why it ends, above all */
    if (cfg->config->agent_directory)
        agent_keys_reload(cfg->config, l->core, l->log, now_ms());
    bool started = start_listeners(l) && start_bfd(l) && start_api(l);
    if (started) {
        start_targets(l);
        start_dumps(l);
        warn_of_descriptors(l);
        supervisor_tell(&l->supervisor, "READY=1");
        ask_turn(l);
        uv_run(&l->uv, UV_RUN_DEFAULT);
    }
    write_events(l);
    if (l->api)
        api_stop(l->api);
    backends_free(l->backends);
    conn_abandon_all(&l->owner);
    bfd_io_free(l->bfd);
    mrt_file_stop(l->mrt);
    mrt_updates_stop(l->updates);
    listeners_stop(l->listeners);
    uv_walk(&l->uv, close_any, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
        ;
    uv_loop_close(&l->uv);
    core_free(l->core);
    supervisor_fini(&l->supervisor);
    free(l);
    return started ? 0 : 1;
}
