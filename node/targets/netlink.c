/* The kernel target as a whole. One turn: hear what others did (netlink_monitor.c), read a slice of
 * the dump if one runs (netlink_dump.c), then issue operations (netlink_operate.c). */
#include "node/targets/netlink_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/targets/redirects.h"

enum { DEFAULT_RESYNC_MS = 60000, START_AGAIN_MS = 1000 };

/* ------------------------------------------------------------------------------------- helpers */

struct route_note *netlink_note(struct netlink *n, uint32_t prefix)
{
    struct slab *notes = &n->notes[prefix_index_family(prefix)];
    uint32_t place = prefix_index_place(prefix);
    return slab_reach(notes, place) ? slab_at(notes, place) : NULL;
}

void netlink_bind(struct netlink *n, struct route_note *note, uint32_t slot)
{
    nexthops_ref(&n->nexthops, slot);
    nexthops_unref(&n->nexthops, note->slot);
    note->slot = slot;
}

void netlink_tell(struct netlink *n, enum netlink_event_kind kind, uint32_t count, const char *text)
{
    static const char *const names[] = {
        [NETLINK_ROUTES_FAILED] = "netlink_routes_failed",
        [NETLINK_ROUTES_DISTURBED] = "netlink_routes_disturbed",
        [NETLINK_RESYNCED] = "netlink_resynced",
        [NETLINK_OVERRUN] = "netlink_overrun",
        [NETLINK_RESYNC_FAILED] = "netlink_resync_failed",
        [NETLINK_GROUPS_PLAIN] = "netlink_groups_plain",
        [NETLINK_TAKEN_OVER] = "netlink_taken_over",
        [NETLINK_REDIRECTS] = "icmp_redirects_accepted",
    };
    bool is_trouble = kind != NETLINK_RESYNCED && kind != NETLINK_TAKEN_OVER;
    if (kind == NETLINK_ROUTES_FAILED || kind == NETLINK_RESYNC_FAILED)
        snprintf(n->status.last_error, sizeof n->status.last_error, "%s", text);
    if (n->cfg.on_event)
        n->cfg.on_event(n->cfg.data, &(struct netlink_event){ kind, names[kind], count, text, is_trouble });
}

bool netlink_is_ours(const struct netlink *n, const struct nl_route *r)
{
    return r->table == n->owner.table && r->protocol == n->owner.protocol &&
           r->metric == n->owner.metric && !r->is_cached;
}

void netlink_resync_by(struct netlink *n, uint64_t at_ms)
{
    if (at_ms < n->resync_at_ms)
        n->resync_at_ms = at_ms;
}

void netlink_release_forgotten(struct netlink *n, uint32_t prefix)
{
    struct route_note *note = netlink_note(n, prefix);
    if (note)
        note->is_forgotten = n->dump.is_running && !program_holds(n->cfg.program, prefix);
    if (n->cfg.on_released && !n->dump.is_running && !program_holds(n->cfg.program, prefix))
        n->cfg.on_released(n->cfg.data, prefix);
}

int netlink_observed(struct netlink *n, uint32_t prefix, uint32_t nhset, uint32_t slot)
{
    struct route_note *note = netlink_note(n, prefix);
    if (!note || program_observe(n->cfg.program, prefix, nhset))
        return BGP_ERR_NOMEM;
    note->mark = n->dump.mark;
    netlink_bind(n, note, slot);
    netlink_release_forgotten(n, prefix);
    return 0;
}

/* ---------------------------------------------------------------------------------------- turn */

static void on_timer(uv_timer_t *timer);
static void on_soon(uv_idle_t *soon);

static void set_timer(struct netlink *n, bool is_more, uint64_t now_ms)
{
    uint64_t due = program_deadline(n->cfg.program);
    if (n->resync_at_ms < due && !netlink_is_dumping(n))
        due = n->resync_at_ms;
    if (n->settle.at_ms && n->settle.at_ms < due)
        due = n->settle.at_ms;
    if (is_more || due <= now_ms) {
        uv_idle_start(&n->soon, on_soon);
        return;
    }
    uv_idle_stop(&n->soon);
    uv_timer_start(&n->timer, on_timer, due - now_ms, 0);
}

bool netlink_turn(struct netlink *n, uint64_t now_ms)
{
    bool is_more = netlink_listen(n, now_ms);
    if (!netlink_is_dumping(n) && n->resync_at_ms <= now_ms) {
        int error = netlink_dump_start(n, now_ms);
        if (error) {
            netlink_resync_by(n, now_ms + START_AGAIN_MS);
            netlink_tell(n, NETLINK_RESYNC_FAILED, 0, strerror(-error));
        }
    }
    is_more |= netlink_dump_step(n, now_ms);
    is_more |= netlink_takeover_step(n, now_ms) || netlink_operate(n, now_ms);
    is_more |= netlink_settle(n, now_ms);
    set_timer(n, is_more, now_ms);
    return is_more;
}

static void wake(struct netlink *n)
{
    if (n->cfg.on_change)
        n->cfg.on_change(n->cfg.data);
    else
        netlink_turn(n, uv_now(n->cfg.loop));
}

static void on_timer(uv_timer_t *timer)
{
    wake(timer->data);
}

static void on_soon(uv_idle_t *soon)
{
    uv_idle_stop(soon);
    wake(soon->data);
}

/* An error of the socket, such as lost notifications, is read and handled in the turn; libuv stops polling with it. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    if (status < 0)
        uv_poll_start(poll, UV_READABLE, on_readable);
    wake(poll->data);
}

void netlink_set_health(struct netlink *n, const struct ip_addr *hop, bool is_healthy,
                        uint64_t now_ms)
{
    nexthops_set_health(&n->nexthops, hop, is_healthy, now_ms);
}

void netlink_set_lost(struct netlink *n, const struct ip_addr *hops, size_t count, uint64_t now_ms)
{
    nexthops_set_lost(&n->nexthops, hops, count, now_ms);
}

void netlink_each_hop(const struct netlink *n, void (*see)(void *data, const struct ip_addr *hop),
                      void *data)
{
    nexthops_each(&n->nexthops, see, data);
}

void netlink_status(const struct netlink *n, struct netlink_status *out)
{
    *out = n->status;
    out->nexthops = nexthops_count(&n->nexthops);
    out->unhealthy = nexthops_unhealthy(&n->nexthops);
    out->last_resync_ms = n->dump.ended_ms;
    out->is_dumping = netlink_is_dumping(n);
    out->has_resilient_groups = n->nexthops.is_resilient;
}

/* ------------------------------------------------------------------------------- start and end */

/* A name in the abstract namespace belongs to the network namespace, and goes with the process. */
static int take_lock(int *fd, const char *what, uint32_t number)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int len = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "tandem-netlink-%s%u", what, number);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    *fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (const struct sockaddr *)&a, size))
        return -errno;
    return 0;
}

static int lock_table(struct netlink *n, char *error)
{
    int code = take_lock(&n->table_lock, "", n->cfg.table);
    if (!code)
        code = take_lock(&n->range_lock, "ids-", n->cfg.id_base);
    if (code == -EADDRINUSE)
        snprintf(error, NETLINK_ERROR_MAX,
                 "another tandemd or tandem-agent programs %s %u of this network namespace",
                 n->range_lock < 0 ? "table" : "the nexthop ids above",
                 n->range_lock < 0 ? n->cfg.table : n->cfg.id_base);
    else if (code)
        snprintf(error, NETLINK_ERROR_MAX, "lock of table %u: %s", n->cfg.table, strerror(-code));
    return code;
}

static int open_sockets(struct netlink *n, char *error)
{
    int code = nl_open(&n->ops);
    if (!code)
        code = nl_open(&n->dumps);
    if (!code)
        code = nl_open(&n->monitor);
    if (!code)
        code = nl_subscribe(&n->monitor, nl_port(&n->ops));
    if (code)
        snprintf(error, NETLINK_ERROR_MAX, "netlink sockets: %s", strerror(-code));
    else
        nl_ask_filtered_dumps(&n->dumps);
    return code;
}

static void choose_groups(struct netlink *n)
{
    n->nexthops.is_resilient = n->cfg.resilient_groups && nexthops_can_be_resilient(&n->nexthops);
    if (n->cfg.resilient_groups && !n->nexthops.is_resilient)
        netlink_tell(n, NETLINK_GROUPS_PLAIN, 0,
                     "this kernel has no resilient nexthop groups: Linux 5.13 or newer is needed");
}

/* What an earlier run left, read to the end: the program knows it before the first want(). */
static int inherit(struct netlink *n, char *error)
{
    uint64_t now_ms = uv_now(n->cfg.loop);
    choose_groups(n);
    n->dump.is_first = true;
    int code;
    do
        code = netlink_dump_start(n, now_ms);
    while (code == -EINTR); /* somebody changed nexthop objects meanwhile */
    if (code == -EOPNOTSUPP || code == -EINVAL)
        snprintf(error, NETLINK_ERROR_MAX,
                 "this kernel has no nexthop objects: Linux 5.3 or newer is needed");
    else if (code)
        snprintf(error, NETLINK_ERROR_MAX, "nexthop objects: %s", strerror(-code));
    while (!code && netlink_dump_step(n, now_ms))
        ;
    if (!code && !n->status.resyncs) {
        snprintf(error, NETLINK_ERROR_MAX, "routes of table %u: %.120s", n->cfg.table,
                 n->status.last_error);
        code = -EIO;
    }
    n->dump.is_first = false;
    return code;
}

static void release(struct netlink *n)
{
    netlink_takeover_end(n);
    nexthops_fini(&n->nexthops);
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_fini(&n->notes[f]);
    nl_close(&n->ops);
    nl_close(&n->dumps);
    nl_close(&n->monitor);
    if (n->table_lock >= 0)
        close(n->table_lock);
    if (n->range_lock >= 0)
        close(n->range_lock);
}

static void open_handles(struct netlink *n)
{
    uv_poll_init(n->cfg.loop, &n->monitor_poll, nl_fd(&n->monitor));
    uv_poll_init(n->cfg.loop, &n->dump_poll, nl_fd(&n->dumps));
    uv_timer_init(n->cfg.loop, &n->timer);
    uv_idle_init(n->cfg.loop, &n->soon);
    n->monitor_poll.data = n->dump_poll.data = n->timer.data = n->soon.data = n;
    n->open_handles = 4;
    uv_poll_start(&n->monitor_poll, UV_READABLE, on_readable);
    uv_poll_start(&n->dump_poll, UV_READABLE, on_readable);
    set_timer(n, true, uv_now(n->cfg.loop));
}

static void warn_of_redirects(struct netlink *n)
{
    char names[128], text[256];
    size_t count = redirects_accepted("/proc/sys/net", names, sizeof names);
    snprintf(text, sizeof text, "routers may change this host's routes over %s: set net.ipv4.conf.all.accept_redirects=0, "
             "the same of each of them, and of IPv6", names);
    if (count)
        netlink_tell(n, NETLINK_REDIRECTS, (uint32_t)count, text);
}

int netlink_new(struct netlink **out, const struct netlink_cfg *cfg,
                char error[static NETLINK_ERROR_MAX])
{
    struct netlink *n = calloc(1, sizeof *n);
    snprintf(error, NETLINK_ERROR_MAX, "out of memory");
    if (!n)
        return -ENOMEM;
    n->cfg = *cfg;
    n->cfg.resync_ms = cfg->resync_ms ? cfg->resync_ms : DEFAULT_RESYNC_MS;
    n->owner = (struct nl_owner){ cfg->table, cfg->metric, cfg->protocol };
    n->nexthops = (struct nexthops){
        .sets = cfg->sets,
        .socket = &n->ops,
        .id_base = cfg->id_base,
        .protocol = cfg->protocol,
    };
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_init(&n->notes[f], sizeof(struct route_note));
    n->table_lock = n->range_lock = -1;
    int code = lock_table(n, error);
    if (!code)
        code = open_sockets(n, error);
    if (!code)
        code = inherit(n, error);
    if (code) {
        release(n);
        free(n);
        return code;
    }
    open_handles(n);
    warn_of_redirects(n);
    error[0] = 0;
    *out = n;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct netlink *n = handle->data;
    if (--n->open_handles == 0)
        free(n);
}

void netlink_free(struct netlink *n)
{
    if (!n)
        return;
    uv_handle_t *const handles[] = { (uv_handle_t *)&n->monitor_poll, (uv_handle_t *)&n->dump_poll,
                                     (uv_handle_t *)&n->timer, (uv_handle_t *)&n->soon };
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], on_closed);
    release(n); /* polling has stopped: the descriptors may go */
}
