/* Happy path: a datagram -> the set finds its session and feeds it -> what the session owes is sent,
 * what changed is reported. The timer is set to the earliest deadline, and whoever moves his own
 * forward moves the timer. Ways to fail: the sockets (reported, tried again with the next packet). */
#include "node/loop/bfd_io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "node/base/memory.h"
#include "node/loop/bfd_sock.h"

enum {
    EARS_MAX = 2 * BFD_IO_ADDRS, /* each address, single hop and multihop */
    DATAGRAMS_MAX = 256,         /* of one socket, before the others have their turn */
    DATAGRAM = 256,              /* longer than the longest that the length octet can name */
    PAUSE_MS = 250,              /* a timer so late was a pause of the process (the wake rule) */
};

static const uint64_t NEVER = UINT64_MAX;

struct worker;

struct ear { /* a socket that receives */
    struct worker *worker;
    uv_poll_t poll;
    int fd;
    struct ip_addr local;
    bool is_multihop;
};

struct line { /* of one peer, by its id */
    int fd;
    int error;
    bool is_open;
    struct bfd_report told;
};

struct worker {
    uv_loop_t uv;
    uv_poll_t commands;
    uv_timer_t timer;
    uint64_t timer_at;
    int there; /* our end of the pair */
    struct bfd_io_cfg cfg;
    struct bfd_set set;
    struct ear ears[EARS_MAX];
    size_t ear_count;
    struct line *lines;
    uint32_t line_room;
    bool is_stopping, told_quiet;
};

struct bfd_io {
    struct worker *worker; /* the thread's from its start to its end */
    uv_thread_t thread;
    int here;
    bool is_quiet;
};

struct command {
    enum { COMMAND_OPEN, COMMAND_CLOSE, COMMAND_STOP } kind;
    struct bfd_peer_cfg peer;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* ---- reports ---- */

static bool differs(const struct bfd_report *a, const struct bfd_report *b)
{
    const struct bfd_view *v = &a->view, *w = &b->view;
    return v->state != w->state || v->diag != w->diag || v->remote_state != w->remote_state ||
           v->remote_diag != w->remote_diag || v->detect_mult != w->detect_mult ||
           v->remote_discriminator != w->remote_discriminator || v->tx_us != w->tx_us ||
           v->detect_us != w->detect_us || v->is_late != w->is_late || v->ups != w->ups || v->failures != w->failures ||
           a->is_multihop != b->is_multihop || a->send_error != b->send_error;
}

static void on_commands(uv_poll_t *poll, int status, int events);

/* False: it does not fit now, and everything is looked at again once there is room. */
static bool tell(struct worker *w, const struct bfd_report *r)
{
    if (send(w->there, r, sizeof *r, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *r)
        return true;
    uv_poll_start(&w->commands, UV_READABLE | UV_WRITABLE, on_commands);
    return false;
}

static void report(struct worker *w, const struct bfd_peer *p)
{
    struct line *line = &w->lines[p->cfg.id];
    struct bfd_report r = { .id = p->cfg.id, .is_multihop = p->is_multihop, .send_error = line->error };
    bfd_session_view(p->session, &r.view);
    if (differs(&r, &line->told) && tell(w, &r))
        line->told = r;
}

static void report_quiet(struct worker *w)
{
    struct bfd_view v;
    if (!w->is_stopping || w->told_quiet)
        return;
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id)) {
        bfd_session_view(p->session, &v);
        if (v.remote_state == BFD_UP)
            return;
    }
    w->told_quiet = tell(w, &(struct bfd_report){ 0 });
}

/* ---- packets ---- */

static int open_source(const struct worker *w, const struct bfd_peer *p)
{
    int fd = bfd_sock_source(&p->cfg.local, (uint32_t)uv_hrtime() * 2654435761u);
    if (fd < 0 || (unsigned)fd < w->cfg.descriptors)
        return fd;
    close(fd);
    return -EMFILE;
}

static void send_packet(struct worker *w, const struct bfd_peer *p, const uint8_t *bytes, size_t len)
{
    struct line *line = &w->lines[p->cfg.id];
    uint16_t port = p->is_multihop ? w->cfg.multihop_port : w->cfg.port;
    if (line->fd < 0)
        line->fd = open_source(w, p);
    int err = line->fd < 0 ? line->fd : bfd_sock_send(line->fd, &p->cfg.remote, port, bytes, len);
    line->error = -err;
}

static void wake_at(struct worker *w, uint64_t at_ms);

/* Do what a session asks for after it was fed or ticked. */
static void serve(struct worker *w, struct bfd_peer *p)
{
    uint8_t bytes[BFD_PACKET];
    struct bfd_session_event e;
    while (bfd_session_next(p->session, &e))
        ; /* the view tells it all, and the count of failures */
    for (size_t len; (len = bfd_session_pull(p->session, bytes, sizeof bytes));)
        send_packet(w, p, bytes, len);
    report(w, p);
    wake_at(w, bfd_session_deadline(p->session));
}

static void hear(struct ear *ear)
{
    struct worker *w = ear->worker;
    uint8_t bytes[DATAGRAM];
    struct bfd_arrival how = { .local = ear->local, .is_multihop = ear->is_multihop };
    struct bfd_peer *p;
    for (int i = 0; i < DATAGRAMS_MAX; i++) {
        int len = bfd_sock_receive(ear->fd, bytes, sizeof bytes, &how.remote, &how.ttl);
        if (len < 0)
            return;
        if (bfd_set_receive(&w->set, &how, bytes, (size_t)len, &p, now_ms()) == BFD_ACCEPTED)
            serve(w, p);
    }
}

static void on_ear(uv_poll_t *poll, int status, int events)
{
    struct ear *ear = poll->data;
    (void)status, (void)events;
    hear(ear);
    report_quiet(ear->worker);
}

/* ---- time ---- */

static void tick(struct worker *w, bool was_paused)
{
    uint64_t now = now_ms();
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id)) {
        if (was_paused)
            bfd_session_rearm(p->session, now);
        bfd_session_tick(p->session, now);
    }
}

/* What arrived in time counts, however late we are: the sockets come before the timers. And who is late is told before
 * who has failed: when all are cut off, the first to fail is not the only one. */
static void on_timer(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    for (size_t i = 0; i < w->ear_count; i++)
        hear(&w->ears[i]);
    tick(w, now_ms() > w->timer_at + PAUSE_MS);
    w->timer_at = NEVER;
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id))
        if (bfd_session_state(p->session) == BFD_UP)
            report(w, p);
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id))
        serve(w, p);
    report_quiet(w);
}

static void wake_at(struct worker *w, uint64_t at_ms)
{
    if (at_ms >= w->timer_at)
        return;
    uint64_t now = now_ms();
    w->timer_at = at_ms;
    uv_update_time(&w->uv);
    uv_timer_start(&w->timer, on_timer, at_ms > now ? at_ms - now : 0, 0);
}

/* ---- commands ---- */

static void make_line(struct worker *w, uint32_t id)
{
    if (id >= w->line_room) {
        uint32_t room = id * 2 + 8;
        struct line *lines = memory_new(room, sizeof *lines);
        if (w->line_room)
            memcpy(lines, w->lines, w->line_room * sizeof *lines);
        free(w->lines);
        w->lines = lines;
        w->line_room = room;
    }
    w->lines[id] = (struct line){ .fd = -1, .is_open = true };
}

static void open_peer(struct worker *w, const struct bfd_peer_cfg *cfg)
{
    struct bfd_peer *p = bfd_set_get(&w->set, cfg->id);
    if (p) {
        bfd_session_change(p->session, &cfg->times, now_ms());
    } else {
        make_line(w, cfg->id);
        p = bfd_set_open(&w->set, cfg, now_ms());
    }
    if (!p)
        abort();
    serve(w, p);
}

static void close_peer(struct worker *w, uint32_t id)
{
    struct bfd_peer *p = bfd_set_get(&w->set, id);
    if (!p)
        return;
    bfd_session_disable(p->session, now_ms());
    serve(w, p); /* the peer does not take our end for a failure (RFC 5882 section 3.2) */
    bfd_set_close(&w->set, id);
    if (w->lines[id].fd >= 0)
        close(w->lines[id].fd);
    w->lines[id] = (struct line){ .fd = -1 };
}

static void stop(struct worker *w)
{
    w->is_stopping = true;
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id)) {
        bfd_session_disable(p->session, now_ms());
        serve(w, p);
    }
}

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void report_all(struct worker *w)
{
    for (struct bfd_peer *p = bfd_set_next(&w->set, 0); p; p = bfd_set_next(&w->set, p->cfg.id))
        report(w, p);
}

static void on_commands(uv_poll_t *poll, int status, int events)
{
    struct worker *w = poll->data;
    struct command c;
    ssize_t n;
    (void)status;
    while ((n = recv(w->there, &c, sizeof c, MSG_DONTWAIT)) == (ssize_t)sizeof c) {
        if (c.kind == COMMAND_OPEN)
            open_peer(w, &c.peer);
        else if (c.kind == COMMAND_CLOSE)
            close_peer(w, c.peer.id);
        else
            stop(w);
    }
    if (n == 0) { /* the other end is closed: that is all */
        uv_walk(&w->uv, close_handle, NULL);
        return;
    }
    if (events & UV_WRITABLE) {
        uv_poll_start(&w->commands, UV_READABLE, on_commands);
        report_all(w);
    }
    report_quiet(w);
}

/* ---- life ---- */

static void run(void *data)
{
    struct worker *w = data;
    uv_run(&w->uv, UV_RUN_DEFAULT);
}

static int listen_on(struct worker *w, const struct ip_addr *addr, bool is_multihop,
                     char error[static BFD_IO_ERROR])
{
    char text[IP_ADDR_TEXT];
    uint16_t port = is_multihop ? w->cfg.multihop_port : w->cfg.port;
    struct ear *ear = &w->ears[w->ear_count];
    int fd = bfd_sock_listen(addr, port);
    if (fd < 0) {
        snprintf(error, BFD_IO_ERROR, "%s, UDP port %u: %s%s", ip_addr_format(addr, text), port,
                 strerror(-fd), fd == -EADDRINUSE ? "; another BFD daemon runs here: stop it" : "");
        return fd;
    }
    w->ear_count++;
    *ear = (struct ear){ .worker = w, .fd = fd, .local = *addr, .is_multihop = is_multihop };
    ear->poll.data = ear;
    if (uv_poll_init(&w->uv, &ear->poll, fd) || uv_poll_start(&ear->poll, UV_READABLE, on_ear))
        abort(); /* only without memory or descriptors of the loop's own */
    return 0;
}

static struct worker *worker_new(const struct bfd_io_cfg *cfg, int there)
{
    struct worker *w = memory_new(1, sizeof *w);
    w->cfg = *cfg;
    w->there = there;
    w->timer_at = NEVER;
    bfd_set_init(&w->set, &cfg->key);
    if (uv_loop_init(&w->uv) || uv_timer_init(&w->uv, &w->timer) ||
        uv_poll_init(&w->uv, &w->commands, there) ||
        uv_poll_start(&w->commands, UV_READABLE, on_commands))
        abort();
    w->commands.data = w->timer.data = w;
    return w;
}

/* After the thread: what it owned is the caller's again. */
static void worker_free(struct worker *w)
{
    uv_walk(&w->uv, close_handle, NULL);
    uv_run(&w->uv, UV_RUN_DEFAULT);
    uv_loop_close(&w->uv);
    for (size_t i = 0; i < w->ear_count; i++)
        close(w->ears[i].fd);
    for (uint32_t id = 1; id < w->line_room; id++)
        if (w->lines[id].is_open && w->lines[id].fd >= 0)
            close(w->lines[id].fd);
    free(w->lines);
    bfd_set_fini(&w->set);
    close(w->there);
    free(w);
}

/* Signals are for the loop of the node: a new thread inherits the mask of its maker. */
static void start_thread(struct bfd_io *io)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (uv_thread_create(&io->thread, run, io->worker))
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int bfd_io_start(struct bfd_io **out, const struct bfd_io_cfg *cfg, char error[static BFD_IO_ERROR])
{
    int pair[2], err = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        err = -errno;
        snprintf(error, BFD_IO_ERROR, "%s", strerror(-err));
        return err;
    }
    struct worker *w = worker_new(cfg, pair[1]);
    for (size_t i = 0; i < cfg->addr_count && !err; i++) {
        err = listen_on(w, &cfg->addrs[i], false, error);
        if (!err)
            err = listen_on(w, &cfg->addrs[i], true, error);
    }
    if (err) {
        worker_free(w);
        close(pair[0]);
        return err;
    }
    *out = memory_new(1, sizeof **out);
    **out = (struct bfd_io){ .worker = w, .here = pair[0] };
    start_thread(*out);
    return 0;
}

void bfd_io_free(struct bfd_io *io)
{
    if (!io)
        return;
    shutdown(io->here, SHUT_RDWR);
    uv_thread_join(&io->thread);
    worker_free(io->worker);
    close(io->here);
    free(io);
}

/* The thread never waits for us, so a full socket is emptied soon: this may wait for it. */
static void command(struct bfd_io *io, const struct command *c)
{
    while (send(io->here, c, sizeof *c, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

void bfd_io_open(struct bfd_io *io, const struct bfd_peer_cfg *peer)
{
    command(io, &(struct command){ .kind = COMMAND_OPEN, .peer = *peer });
}

void bfd_io_close(struct bfd_io *io, uint32_t id)
{
    command(io, &(struct command){ .kind = COMMAND_CLOSE, .peer = { .id = id } });
}

void bfd_io_stop(struct bfd_io *io)
{
    command(io, &(struct command){ .kind = COMMAND_STOP });
}

bool bfd_io_is_quiet(const struct bfd_io *io)
{
    return io->is_quiet;
}

int bfd_io_fd(const struct bfd_io *io)
{
    return io->here;
}

bool bfd_io_next(struct bfd_io *io, struct bfd_report *out)
{
    while (recv(io->here, out, sizeof *out, MSG_DONTWAIT) == (ssize_t)sizeof *out) {
        if (out->id)
            return true;
        io->is_quiet = true;
    }
    return false;
}
