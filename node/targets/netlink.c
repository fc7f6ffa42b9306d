/* Operations, notifications and handles of the kernel target. One turn: hear what others did, read a
 * slice of the dump if one runs, then issue operations in batches.
 *
 * The kernel works through a batch inside send(), so an operation is never in flight from one turn
 * to the next, and only the last message of a batch asks for an acknowledgement: refusals come by
 * themselves, and what was not refused before the last acknowledgement has been done. */
#include "node/targets/netlink_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BATCH = 256,            /* operations a send */
    BATCHES_A_TURN = 4,     /* some 3 ms */
    ROUTE_MESSAGE_MAX = 96, /* header 16, rtmsg 12, destination 20, three numbers of 8 */
    NOTICES_A_TURN = 512,
    DEFAULT_RESYNC_MS = 60000,
    LINK_SETTLE_MS = 50, /* a link's addresses and connected routes come after its state */
    CONFLICT_RESYNC_MS = 1000,
};

/* ------------------------------------------------------------------------------------- helpers */

struct route_note *netlink_note(struct netlink *n, uint32_t prefix)
{
    enum bgp_family f = prefix_index_family(prefix);
    uint32_t place = prefix_index_place(prefix), cap = n->notes_cap[f] ? n->notes_cap[f] : 64;
    while (cap <= place)
        cap *= 2;
    if (cap > n->notes_cap[f]) {
        struct route_note *grown = realloc(n->notes[f], cap * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + n->notes_cap[f], 0, (cap - n->notes_cap[f]) * sizeof *grown);
        n->notes[f] = grown;
        n->notes_cap[f] = cap;
    }
    return &n->notes[f][place];
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
    };
    if (kind == NETLINK_ROUTES_FAILED || kind == NETLINK_RESYNC_FAILED)
        snprintf(n->status.last_error, sizeof n->status.last_error, "%s", text);
    if (n->cfg.on_event)
        n->cfg.on_event(n->cfg.data, &(struct netlink_event){ kind, names[kind], count, text });
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

void netlink_resync(struct netlink *n, uint64_t now_ms)
{
    netlink_resync_by(n, now_ms);
}

static void release_if_forgotten(struct netlink *n, uint32_t prefix)
{
    if (n->cfg.on_released && !program_holds(n->cfg.program, prefix))
        n->cfg.on_released(n->cfg.data, prefix);
}

int netlink_observed(struct netlink *n, uint32_t prefix, uint32_t nhset, uint32_t slot)
{
    struct route_note *note = netlink_note(n, prefix);
    if (!note || program_observe(n->cfg.program, prefix, nhset))
        return BGP_ERR_NOMEM;
    note->mark = n->dump.mark;
    netlink_bind(n, note, slot);
    release_if_forgotten(n, prefix);
    return 0;
}

/* ---------------------------------------------------------------------------------- operations */

struct batch {
    struct program_op ops[BATCH];
    uint32_t slots[BATCH];
    int errors[BATCH];
    uint32_t count, first_seq;
    size_t len;
    uint32_t failures; /* of the turn */
    char first_reason[NETLINK_ERROR_MAX];
    _Alignas(NLMSG_ALIGNTO) char bytes[BATCH * ROUTE_MESSAGE_MAX];
};

static void note_failure(struct netlink *n, struct batch *b, const struct program_op *op,
                         const char *reason)
{
    char text[IP_PREFIX_TEXT];
    struct ip_prefix prefix;
    if (b->failures++)
        return;
    prefix_table_prefix(n->cfg.prefixes, op->prefix, &prefix);
    snprintf(b->first_reason, sizeof b->first_reason, "%s: %.140s", ip_prefix_format(&prefix, text),
             reason);
}

/* An addition may not replace what stands there (EXCL): it could be somebody else's. */
static uint16_t put_flags(const struct program_op *op)
{
    return op->previous ? NLM_F_CREATE | NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
}

static size_t aligned_len(const struct nlmsghdr *h)
{
    return ((size_t)h->nlmsg_len + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1);
}

/* Adds an operation to the batch; 0 or a negative errno with the reason. */
static int append(struct netlink *n, struct batch *b, const struct program_op *op, uint64_t now_ms,
                  struct nl_answer *why)
{
    uint32_t slot = 0;
    if (!netlink_note(n, op->prefix)) {
        *why = (struct nl_answer){ -ENOMEM, "out of memory" };
        return why->error;
    }
    if (op->kind == PROGRAM_PUT && !(slot = nexthops_use(&n->nexthops, op->nhset, now_ms, why)))
        return why->error;
    struct ip_prefix prefix;
    prefix_table_prefix(n->cfg.prefixes, op->prefix, &prefix);
    char *at = b->bytes + b->len;
    memset(at, 0, ROUTE_MESSAGE_MAX);
    struct nlmsghdr *h =
        op->kind == PROGRAM_PUT
            ? nl_build_route(at, &n->owner, &prefix, nexthops_id(&n->nexthops, slot), put_flags(op))
            : nl_build_route_delete(at, &n->owner, &prefix);
    b->ops[b->count] = *op;
    b->slots[b->count] = slot;
    b->errors[b->count++] = 0;
    b->len += aligned_len(h);
    return 0;
}

/* Takes operations from the program until the batch is full; false when there are no more. */
static bool collect(struct netlink *n, struct batch *b, uint64_t now_ms)
{
    struct program_op op;
    struct nl_answer why;
    b->count = 0;
    b->len = 0;
    for (int i = 0; i < BATCH; i++) {
        if (!program_next(n->cfg.program, now_ms, &op))
            return false;
        if (append(n, b, &op, now_ms, &why) == 0)
            continue;
        note_failure(n, b, &op, why.reason);
        program_result(n->cfg.program, &op, false, now_ms);
        release_if_forgotten(n, op.prefix);
    }
    return true;
}

/* Notes a refusal; true when this was the answer to the last message. */
static bool read_answer(struct netlink *n, struct batch *b, const struct nlmsghdr *h)
{
    struct nl_answer answer;
    uint32_t i = h->nlmsg_seq - b->first_seq;
    if (h->nlmsg_type != NLMSG_ERROR || i >= b->count)
        return false;
    nl_read_answer(h, &answer);
    bool is_gone = answer.error == -ESRCH && b->ops[i].kind == PROGRAM_DELETE;
    b->errors[i] = is_gone ? 0 : answer.error;
    if (b->errors[i])
        note_failure(n, b, &b->ops[i],
                     answer.error == -EEXIST ? "a route that is not ours has this metric"
                                             : answer.reason);
    return i + 1 == b->count;
}

/* Sequence numbers tell which operation an answer is about; only the last one asks for one. */
static void number_messages(struct netlink *n, struct batch *b)
{
    struct nlmsghdr *h = NULL;
    b->first_seq = n->ops.seq + 1;
    for (size_t at = 0; at < b->len; at += aligned_len(h)) {
        h = (void *)(b->bytes + at);
        h->nlmsg_seq = ++n->ops.seq;
    }
    h->nlmsg_flags |= NLM_F_ACK;
}

/* 0 when every operation has its verdict, otherwise the negative errno of the exchange. */
static int exchange(struct netlink *n, struct batch *b)
{
    number_messages(n, b);
    int error = nl_send(&n->ops, b->bytes, b->len);
    for (bool is_done = false; !error && !is_done;) {
        int len = nl_receive(&n->ops);
        if (len <= 0)
            return len ? len : -ENOBUFS;
        const struct nlmsghdr *h = (const void *)n->ops.buf;
        for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
            is_done |= read_answer(n, b, h);
    }
    return error;
}

static void land(struct netlink *n, struct batch *b, uint32_t i, uint64_t now_ms)
{
    const struct program_op *op = &b->ops[i];
    struct route_note *note = netlink_note(n, op->prefix);
    note->mark = n->dump.mark;
    if (b->errors[i] == 0)
        netlink_bind(n, note, b->slots[i]);
    else if (b->errors[i] == -EEXIST)
        netlink_resync_by(n, now_ms + CONFLICT_RESYNC_MS); /* or is it ours, and we missed it? */
    else if (op->kind == PROGRAM_PUT)
        nexthops_doubt(&n->nexthops, b->slots[i]);
    program_result(n->cfg.program, op, b->errors[i] == 0, now_ms);
    release_if_forgotten(n, op->prefix);
}

static void run_batch(struct netlink *n, struct batch *b, uint64_t now_ms)
{
    int error = exchange(n, b);
    for (uint32_t i = 0; i < b->count; i++) {
        if (error) { /* verdicts are missing: what really happened is seen in the next dump */
            b->errors[i] = error;
            note_failure(n, b, &b->ops[i], strerror(-error));
        }
        land(n, b, i, now_ms);
    }
    if (error)
        netlink_resync_by(n, now_ms);
}

/* True when the program may have more to do now. */
static bool operate(struct netlink *n, uint64_t now_ms)
{
    static const size_t head = offsetof(struct batch, bytes);
    struct batch b;
    memset(&b, 0, head);
    bool is_more = true;
    for (int i = 0; is_more && i < BATCHES_A_TURN; i++) {
        is_more = collect(n, &b, now_ms);
        if (b.count)
            run_batch(n, &b, now_ms);
    }
    if (b.failures)
        netlink_tell(n, NETLINK_ROUTES_FAILED, b.failures, b.first_reason);
    return is_more;
}

/* ------------------------------------------------------------------------------- notifications */

/* Another process removed our route, or put its own in our place. */
static bool is_disturbed(struct netlink *n, const struct nlmsghdr *h, const struct nl_route *r)
{
    if (r->table != n->owner.table || r->metric != n->owner.metric || r->is_cached)
        return false;
    return (h->nlmsg_type == RTM_DELROUTE) == (r->protocol == n->owner.protocol);
}

static bool hear_route(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    struct nl_route r;
    if (!nl_read_route(h, &r) || !is_disturbed(n, h, &r))
        return false;
    uint32_t prefix = prefix_table_find(n->cfg.prefixes, &r.prefix);
    if (!prefix || !program_actual_set(n->cfg.program, prefix))
        return false;
    if (netlink_observed(n, prefix, 0, 0))
        netlink_resync_by(n, now_ms);
    n->status.disturbed++;
    return true;
}

/* Busy hosts move links and addresses all the time: dumps take at most a tenth of it. */
static void resync_after_change(struct netlink *n, uint64_t now_ms)
{
    uint64_t at = now_ms + LINK_SETTLE_MS, earliest = n->dump.ended_ms + 10 * n->dump.took_ms;
    n->is_retry_due = true;
    netlink_resync_by(n, at > earliest ? at : earliest);
}

static void hear_link(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    struct ifinfomsg m;
    if (mnl_nlmsg_get_payload_len(h) < sizeof m)
        return;
    memcpy(&m, mnl_nlmsg_get_payload(h), sizeof m);
    if (h->nlmsg_type == RTM_NEWLINK && !(m.ifi_change & IFF_UP))
        return;
    resync_after_change(n, now_ms);
}

/* True when it was about a route of ours. */
static bool hear(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    switch (h->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return hear_route(n, h, now_ms);
    case RTM_NEWLINK:
    case RTM_DELLINK:
        hear_link(n, h, now_ms);
        break;
    case RTM_NEWADDR: /* a next hop may be on a link now */
        resync_after_change(n, now_ms);
        break;
    case RTM_DELNEXTHOP: /* and with it, silently, the routes that used it */
        netlink_resync_by(n, now_ms);
        break;
    default:
        break;
    }
    return false;
}

static bool read_notices(struct netlink *n, uint64_t now_ms)
{
    uint32_t disturbed = 0;
    int len = 0;
    for (int i = 0; i < NOTICES_A_TURN && (len = nl_receive(&n->monitor)) != 0; i++) {
        if (len < 0) {
            n->status.overruns++;
            netlink_tell(n, NETLINK_OVERRUN, 0, strerror(-len));
            netlink_resync_by(n, now_ms);
            break;
        }
        const struct nlmsghdr *h = (const void *)n->monitor.buf;
        for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
            disturbed += hear(n, h, now_ms);
    }
    if (disturbed)
        netlink_tell(n, NETLINK_ROUTES_DISTURBED, disturbed, "");
    return len != 0;
}

/* ---------------------------------------------------------------------------------------- turn */

static void on_timer(uv_timer_t *timer);

static void set_timer(struct netlink *n, bool is_more, uint64_t now_ms)
{
    uint64_t due = program_deadline(n->cfg.program);
    if (n->resync_at_ms < due && !n->dump.is_running)
        due = n->resync_at_ms;
    uint64_t wait = is_more || due <= now_ms ? 0 : due - now_ms;
    uv_timer_start(&n->timer, on_timer, wait, 0);
}

bool netlink_turn(struct netlink *n, uint64_t now_ms)
{
    bool is_more = read_notices(n, now_ms);
    if (!n->dump.is_running && n->resync_at_ms <= now_ms) {
        int error = netlink_dump_start(n, now_ms);
        if (error) {
            netlink_resync_by(n, now_ms + CONFLICT_RESYNC_MS);
            netlink_tell(n, NETLINK_RESYNC_FAILED, 0, strerror(-error));
        }
    }
    is_more |= netlink_dump_step(n, now_ms);
    is_more |= operate(n, now_ms);
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

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error of the socket is read, and handled, in the turn */
    (void)events;
    wake(poll->data);
}

void netlink_status(const struct netlink *n, struct netlink_status *out)
{
    *out = n->status;
    out->nexthops = nexthops_count(&n->nexthops);
    out->last_resync_ms = n->dump.ended_ms;
    out->is_dumping = n->dump.is_running;
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

/* What an earlier run left, read to the end: the program knows it before the first want(). */
static int inherit(struct netlink *n, char *error)
{
    uint64_t now_ms = uv_now(n->cfg.loop);
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
    nexthops_fini(&n->nexthops);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        free(n->notes[f]);
        n->notes[f] = NULL;
    }
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
    n->monitor_poll.data = n->dump_poll.data = n->timer.data = n;
    n->open_handles = 3;
    uv_poll_start(&n->monitor_poll, UV_READABLE, on_readable);
    uv_poll_start(&n->dump_poll, UV_READABLE, on_readable);
    set_timer(n, true, uv_now(n->cfg.loop));
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
                                     (uv_handle_t *)&n->timer };
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], on_closed);
    release(n); /* polling has stopped: the descriptors may go */
}
