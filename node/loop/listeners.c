#include "node/loop/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/base/memory.h"
#include "node/io/sock.h"
#include "node/loop/guard.h"

enum { LISTENERS_MAX = 3, ACCEPTS_PER_POLL = 64, REST_MS = 100 };

struct listener {
    uv_poll_t poll;
    struct listeners *all;
    enum core_port port;
    uint8_t family;
    int fd;
};

struct listeners {
    struct listeners_cfg cfg;
    struct listener each[LISTENERS_MAX];
    size_t count;
    uv_timer_t rest;
    unsigned handles; /* still open: the memory goes with the last */
};

/* ---- accepting ---- */

static void listen_again(uv_timer_t *rest);

/* The other listeners would find no more than this one did. */
static void rest(struct listeners *all, int err)
{
    log_event(all->cfg.log, LOG_WARN_, "accept_failed", NULL, "error=\"%s\"", strerror(-err));
    for (size_t i = 0; i < all->count; i++)
        uv_poll_stop(&all->each[i].poll);
    uv_timer_start(&all->rest, listen_again, REST_MS, 0);
}

static void refuse(struct listeners *all, int fd, const struct ip_addr *remote)
{
    char text[IP_ADDR_TEXT];
    close(fd);
    log_event(all->cfg.log, LOG_WARN_, "connection_refused", NULL,
              "ip=%s error=\"%u descriptors are in use\" hint=\"raise LimitNOFILE of the unit, or "
              "ulimit -n\"",
              ip_addr_format(remote, text), all->cfg.connections);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    struct listeners *all = l->all;
    struct ip_addr remote, local;
    int fd = -EAGAIN;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_POLL && (fd = sock_accept(l->fd, &remote, &local)) >= 0; i++)
        if ((unsigned)fd < all->cfg.connections)
            all->cfg.on_accepted(all->cfg.data, fd, l->port, &remote, &local);
        else
            refuse(all, fd, &remote);
    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
        rest(all, fd);
}

static void listen_again(uv_timer_t *rest)
{
    struct listeners *all = rest->data;
    for (size_t i = 0; i < all->count; i++)
        uv_poll_start(&all->each[i].poll, UV_READABLE, on_poll);
}

/* ---- life ---- */

static const char *hint(int err, enum core_port port)
{
    if (err == -EADDRINUSE)
        return port == CORE_PORT_BGP
                   ? "something else listens there: stop it, or choose another nodes[].bgpPort"
                   : "something else listens there: stop it, or choose another nodes[].clusterPort";
    if (err == -EADDRNOTAVAIL)
        return "this machine does not have that address: correct nodes[].address, or --node";
    if (err == -EACCES)
        return "ports below 1024 need CAP_NET_BIND_SERVICE";
    return "";
}

static bool listen_on(struct listeners *all, enum core_port port, const struct ip_addr *addr,
                      uint16_t number)
{
    char text[IP_ADDR_TEXT];
    struct listener *l = &all->each[all->count];
    int fd = sock_listen(addr, number);
    if (fd < 0) {
        log_event(all->cfg.log, LOG_ERROR_, "listen_failed", NULL,
                  "ip=%s port=%u error=\"%s\" hint=\"%s\"", ip_addr_format(addr, text), number,
                  strerror(-fd), hint(fd, port));
        return false;
    }
    *l = (struct listener){ .all = all, .port = port, .family = addr->family, .fd = fd };
    if (port == CORE_PORT_BGP)
        guard_listener(fd, addr->family, all->cfg.config, NULL, all->cfg.log);
    uv_poll_init(all->cfg.loop, &l->poll, fd);
    l->poll.data = l;
    all->count++;
    all->handles++;
    return uv_poll_start(&l->poll, UV_READABLE, on_poll) == 0;
}

static bool listen_on_all(struct listeners *all)
{
    const struct config_node *n = &all->cfg.config->nodes[all->cfg.self - 1];
    if (!listen_on(all, CORE_PORT_BGP, &n->address, n->bgp_port))
        return false;
    if (n->has_address6 && !listen_on(all, CORE_PORT_BGP, &n->address6, n->bgp_port))
        return false;
    return !all->cfg.is_clustered ||
           listen_on(all, CORE_PORT_CLUSTER, &n->cluster_address, n->cluster_port);
}

struct listeners *listeners_start(const struct listeners_cfg *cfg)
{
    struct listeners *all = memory_new(1, sizeof *all);
    all->cfg = *cfg;
    uv_timer_init(cfg->loop, &all->rest);
    all->rest.data = all;
    all->handles = 1;
    if (listen_on_all(all))
        return all;
    listeners_stop(all);
    return NULL;
}

void listeners_follow(struct listeners *all, const struct config *was)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->each[i].port == CORE_PORT_BGP)
            guard_listener(all->each[i].fd, all->each[i].family, all->cfg.config, was,
                           all->cfg.log);
}

static void release(struct listeners *all)
{
    if (--all->handles == 0)
        free(all);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    close(l->fd);
    release(l->all);
}

static void on_rest_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void listeners_stop(struct listeners *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->count; i++)
        uv_close((uv_handle_t *)&all->each[i].poll, on_poll_closed);
    uv_close((uv_handle_t *)&all->rest, on_rest_closed);
}
