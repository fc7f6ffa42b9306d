/* Happy path: poll says writable (connected) -> on_connected; readable -> bytes into the pump ->
 * on_received; conn_flush -> bytes out of the pump -> on_sent; conn_finish -> the rest is sent,
 * shutdown, what still comes is read and dropped (a reset would overtake our last NOTIFICATION),
 * closed. The owner hears of the end as soon as the last byte is out; the socket lingers alone.
 * A peer that closes its side may still read: what it said last is answered before the end. */
#include "node/loop/conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/base/memory.h"
#include "node/io/sock.h"

enum { DIAL_MS = 3000, LINGER_MS = 1000, READS_PER_POLL = 4 };

enum conn_state { CONN_DIALLING, CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_CLOSED };

struct conn {
    uv_poll_t poll;
    uv_timer_t timer; /* bounds the dial and the end */
    struct conn_owner *owner;
    struct list all;
    struct pump *pump; /* NULL once the owner was told of the end */
    int fd, events;
    uint8_t state;   /* enum conn_state */
    bool heard_end;  /* the peer says no more; what it said before is looked at first */
    uint8_t handles; /* still open: the memory goes with the last */
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (--c->handles)
        return;
    list_remove(&c->all);
    close(c->fd);
    free(c);
}

static void tell_closed(struct conn *c, enum core_close how)
{
    struct pump *pump = c->pump;
    c->pump = NULL;
    if (pump)
        c->owner->on_closed(c->owner->data, pump, how);
}

static void conn_close(struct conn *c, enum core_close how)
{
    if (c->state == CONN_CLOSED)
        return;
    c->state = CONN_CLOSED;
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
    tell_closed(c, how);
}

static enum core_close how_of(int err)
{
    if (err == -ECONNREFUSED)
        return CORE_CLOSE_REFUSED;
    return err == -ETIMEDOUT || err == -EHOSTUNREACH || err == -ENETUNREACH ? CORE_CLOSE_TIMEOUT
                                                                          : CORE_CLOSE_RESET;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct conn *c)
{
    size_t room = 0, pending = 0;
    int events = 0;
    if (c->pump) {
        pump_rx_space(c->pump, &room);
        pump_tx_bytes(c->pump, &pending);
    }
    if (c->state == CONN_DIALLING)
        events = UV_WRITABLE;
    else if (c->state == CONN_LINGERING)
        events = UV_READABLE;
    else
        events = (room && c->state == CONN_OPEN && !c->heard_end ? UV_READABLE : 0) |
                 (pending ? UV_WRITABLE : 0);
    if (events == c->events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

static void linger(struct conn *c)
{
    c->state = CONN_LINGERING;
    shutdown(c->fd, SHUT_WR);
    tell_closed(c, CORE_CLOSE_EOF);
}

static void send_some(struct conn *c)
{
    size_t len;
    const uint8_t *bytes;
    while (c->pump && (bytes = pump_tx_bytes(c->pump, &len), len)) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            conn_close(c, how_of(-errno));
        if (n < 0)
            return;
        c->owner->on_sent(c->owner->data, c->pump, (size_t)n);
    }
    if (c->state == CONN_FINISHING)
        linger(c);
}

static void drop_input(struct conn *c)
{
    char sink[4096];
    ssize_t n = recv(c->fd, sink, sizeof sink, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        conn_close(c, CORE_CLOSE_EOF);
}

static void read_some(struct conn *c)
{
    for (int i = 0; i < READS_PER_POLL && c->pump && c->state == CONN_OPEN; i++) {
        size_t room;
        uint8_t *at = pump_rx_space(c->pump, &room);
        if (!room)
            return;
        ssize_t n = recv(c->fd, at, room, 0);
        c->heard_end = n == 0;
        if (n >= 0)
            c->owner->on_received(c->owner->data, c->pump, (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            conn_close(c, how_of(-errno));
        if (n <= 0 || (size_t)n < room)
            return;
    }
}

static void on_dial_done(struct conn *c)
{
    struct ip_addr local = { 0 };
    int err = sock_dial_result(c->fd);
    if (!err)
        err = sock_local(c->fd, &local);
    if (err) {
        conn_close(c, how_of(err));
        return;
    }
    uv_timer_stop(&c->timer);
    sock_ports(c->fd, &c->pump->local_port, &c->pump->remote_port);
    c->state = CONN_OPEN;
    c->owner->on_connected(c->owner->data, c->pump, &local);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;
    if (c->state == CONN_DIALLING) {
        on_dial_done(c);
    } else if (c->state == CONN_LINGERING) {
        drop_input(c);
    } else {
        if (events & UV_READABLE || status < 0)
            read_some(c);
        if (events & UV_WRITABLE && c->state != CONN_CLOSED)
            send_some(c);
    }
    /* What was read is taken in this round, and conn_flush looks then whether there is room: a full
     * buffer that is about to be emptied needs no change of what is watched. */
    bool only_read = c->state == CONN_OPEN && events == UV_READABLE && !c->heard_end;
    if (c->state != CONN_CLOSED && !only_read)
        watch(c);
}

static void on_timer(uv_timer_t *timer)
{
    conn_close(timer->data, CORE_CLOSE_TIMEOUT);
}

static void conn_new(struct conn_owner *owner, int fd, struct pump *pump,
                     enum conn_state state)
{
    struct conn *c = memory_new(1, sizeof *c);
    c->owner = owner;
    c->pump = pump;
    c->fd = fd;
    c->state = (uint8_t)state;
    c->handles = 2;
    c->poll.data = c->timer.data = c;
    pump->owner = c;
    list_init(&c->all);
    list_append(&owner->conns, &c->all);
    if (uv_poll_init(owner->uv, &c->poll, fd) || uv_timer_init(owner->uv, &c->timer))
        abort(); /* only without memory or descriptors of the loop's own */
    if (state == CONN_DIALLING)
        uv_timer_start(&c->timer, on_timer, DIAL_MS, 0);
    watch(c);
}

void conn_accepted(struct conn_owner *owner, int fd, struct pump *pump)
{
    sock_ports(fd, &pump->local_port, &pump->remote_port);
    conn_new(owner, fd, pump, CONN_OPEN);
}

void conn_dialled(struct conn_owner *owner, int fd, struct pump *pump)
{
    conn_new(owner, fd, pump, CONN_DIALLING);
}

/* The peer says no more, and the owner has looked at all it said: an answer, if there is one, has
 * made it finish the connection already. */
static bool is_over(const struct conn *c)
{
    return c->state == CONN_OPEN && c->heard_end && !list_is_on(&c->pump->ready);
}

void conn_flush(struct pump *pump)
{
    struct conn *c = pump->owner;
    if (!c || (c->state != CONN_OPEN && c->state != CONN_FINISHING))
        return;
    if (pump->asks_peer)
        pump->is_unanswered = sock_is_unanswered(c->fd);
    pump->asks_peer = false;
    send_some(c);
    if (is_over(c))
        conn_close(c, CORE_CLOSE_EOF);
    if (c->state != CONN_CLOSED)
        watch(c);
}

void conn_finish(struct pump *pump)
{
    struct conn *c = pump->owner;
    if (c->state == CONN_DIALLING) {
        conn_close(c, CORE_CLOSE_EOF);
        return;
    }
    if (c->state != CONN_OPEN)
        return;
    c->state = CONN_FINISHING;
    uv_timer_start(&c->timer, on_timer, LINGER_MS, 0);
    conn_flush(pump);
}

void conn_abandon_all(struct conn_owner *owner)
{
    LIST_EACH(node, &owner->conns)
    {
        struct conn *c = LIST_OF(node, struct conn, all);
        if (c->pump)
            c->pump->owner = NULL;
        c->pump = NULL;
        conn_close(c, CORE_CLOSE_EOF);
    }
}
