/* From operations of the program to messages and back to results, in batches.
 *
 * The kernel works through a batch inside send(), so an operation is never in flight from one turn
 * to the next, and only the last message of a batch asks for an acknowledgement: refusals come by
 * themselves, and what was not refused before the last acknowledgement has been done. */
#include "node/targets/netlink_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    BATCH = 256,            /* operations a send */
    SLICE_NS = 2000000,     /* of a turn; the kernel takes some 0.4 ms for a batch */
    ROUTE_MESSAGE_MAX = 96, /* header 16, rtmsg 12, destination 20, three numbers of 8 */
    CONFLICT_RESYNC_MS = 1000,
    HEIR_RESYNC_MS = 15000, /* all routes of a lost NVA were decided on long ago */
};

struct batch {
    struct program_op ops[BATCH];
    uint32_t slots[BATCH];
    int errors[BATCH];
    uint32_t count, first_seq;
    size_t len;
    uint32_t leaving, leavers; /* so many of the batch, the last ones, leave the slot `leaving` */
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

static void note_leaver(struct netlink *n, struct batch *b, const struct program_op *op)
{
    uint32_t slot = netlink_note(n, op->prefix)->slot;
    if (op->kind != PROGRAM_PUT || !slot)
        return;
    b->leavers = slot == b->leaving ? b->leavers + 1 : 1;
    b->leaving = slot;
}

/* Its object went over to that set before its turn came. */
static bool is_there(struct netlink *n, const struct program_op *op)
{
    const struct route_note *note = op->kind == PROGRAM_PUT && op->previous ? netlink_note(n, op->prefix) : NULL;
    return note && nexthops_has(&n->nexthops, note->slot, op->nhset);
}

static void conclude(struct netlink *n, const struct program_op *op, bool ok, uint64_t now_ms)
{
    program_result(n->cfg.program, op, ok, now_ms);
    netlink_release_forgotten(n, op->prefix);
}

/* Takes operations from the program until the batch is full; false when there are no more. */
static bool collect(struct netlink *n, struct batch *b, uint64_t now_ms)
{
    struct program_op op;
    struct nl_answer why;
    b->count = b->leavers = b->leaving = 0;
    b->len = 0;
    for (int i = 0; i < BATCH; i++) {
        if (!program_next(n->cfg.program, now_ms, &op))
            return false;
        bool ok = is_there(n, &op);
        if (!ok && append(n, b, &op, now_ms, &why) == 0) {
            note_leaver(n, b, &op);
            continue;
        }
        if (!ok)
            note_failure(n, b, &op, why.reason);
        conclude(n, &op, ok, now_ms);
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
    conclude(n, op, b->errors[i] == 0, now_ms);
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

bool netlink_operate(struct netlink *n, uint64_t now_ms)
{
    struct batch b;
    memset(&b, 0, offsetof(struct batch, bytes));
    uint64_t start = uv_hrtime();
    bool is_more;
    do {
        is_more = collect(n, &b, now_ms);
        if (b.count)
            run_batch(n, &b, now_ms);
        netlink_takeover_look(n, b.leaving, b.leavers, now_ms);
    } while (is_more && !n->takeover.phase && uv_hrtime() - start < SLICE_NS);
    if (n->nexthops.has_heirs)
        netlink_resync_by(n, now_ms + HEIR_RESYNC_MS);
    n->nexthops.has_heirs = false;
    if (b.failures)
        netlink_tell(n, NETLINK_ROUTES_FAILED, b.failures, b.first_reason);
    return is_more;
}

bool netlink_move(struct netlink *n, const struct route_move *moves, uint32_t count, uint64_t now_ms)
{
    struct batch b;
    struct nl_answer why;
    uint32_t moved = 0;
    memset(&b, 0, offsetof(struct batch, bytes));
    for (uint32_t i = 0; i < count; i++) {
        const struct program_op op = {
            .kind = PROGRAM_PUT, .prefix = moves[i].prefix, .nhset = moves[i].nhset, .previous = moves[i].nhset
        };
        if (append(n, &b, &op, now_ms, &why))
            return false;
    }
    int error = exchange(n, &b);
    for (uint32_t i = 0; !error && i < b.count; i++)
        if (b.errors[i] == 0) {
            struct route_note *note = netlink_note(n, moves[i].prefix);
            note->mark = n->dump.mark;
            netlink_bind(n, note, b.slots[i]);
            moved++;
        }
    if (moved < count)
        netlink_resync_by(n, now_ms);
    return moved == count;
}
