/* Dump and compare. Every route of ours that a dump shows gets the dump's mark, and so does every
 * route that an operation changes while the dump is being read, whose picture in it may be old. What
 * should be there and has no mark at the end is missing. */
#include "node/targets/netlink_internal.h"

#include <errno.h>
#include <string.h>

enum {
    SLICE_NS = 2000000,   /* of a turn; a part of up to 64 KiB, some 500 routes, takes a sixth of it */
    NOTES_A_STEP = 16384, /* that are compared: less than that */
    RETRY_MS = 1000,
};

static int ask_routes(struct netlink *n, enum bgp_family f)
{
    char buf[NL_MESSAGE_MAX] = { 0 };
    struct nlmsghdr *h = nl_build_route_dump(buf, &n->owner, f);
    h->nlmsg_seq = ++n->dumps.seq;
    n->dump.family = (uint8_t)f;
    return nl_send(&n->dumps, h, h->nlmsg_len);
}

static void give_up(struct netlink *n, int error, uint64_t now_ms)
{
    n->dump.is_running = n->dump.is_comparing = false;
    netlink_resync_by(n, now_ms + RETRY_MS);
    netlink_tell(n, NETLINK_RESYNC_FAILED, 0, strerror(-error));
}

int netlink_dump_start(struct netlink *n, uint64_t now_ms)
{
    n->resync_at_ms = now_ms + n->cfg.resync_ms;
    if (n->is_retry_due)
        nexthops_forget_failures(&n->nexthops);
    int error = nexthops_sync(&n->nexthops, now_ms);
    if (!error)
        error = ask_routes(n, BGP_IP4);
    if (error)
        return error;
    n->dump.is_running = true;
    n->dump.started_ms = now_ms;
    n->dump.mark++;
    n->dump.differences = 0;
    return 0;
}

/* The next hops of a route as a set with one more reference. A route of ours without a gateway that
 * does not discard either is not something we wrote: the last address stands for it, and equals no
 * wanted set. */
static uint32_t set_of_route(struct netlink *n, struct nl_route *r, uint32_t slot)
{
    bool nomem;
    if (slot && !nexthops_is_of_kind(&n->nexthops, slot))
        r->hop_count = 0; /* as if it were not ours: it is to have another group */
    else if (slot) {
        uint32_t nhset = nexthops_set(&n->nexthops, slot);
        nhset_ref(n->cfg.sets, nhset);
        return nhset;
    }
    if (!r->hop_count) {
        struct ip_addr *hop = &r->hops[r->hop_count++];
        *hop = (struct ip_addr){ .family = r->prefix.family };
        if (r->type != RTN_BLACKHOLE)
            memset(hop->bytes, 0xff, ip_addr_len(hop->family));
    }
    return nhset_intern(n->cfg.sets, r->hops, r->hop_count, &nomem);
}

static int see_route(struct netlink *n, struct nl_route *r)
{
    uint32_t slot = nexthops_see(&n->nexthops, r->nexthop_id);
    uint32_t known = prefix_table_find(n->cfg.prefixes, &r->prefix);
    if (known && netlink_note(n, known) && netlink_note(n, known)->mark == n->dump.mark)
        return 0;
    uint32_t prefix = known ? known : prefix_table_get(n->cfg.prefixes, &r->prefix);
    struct route_note *note = prefix ? netlink_note(n, prefix) : NULL;
    if (!note)
        return -ENOMEM;
    uint32_t nhset = set_of_route(n, r, slot);
    if (!nhset)
        return -ENOMEM;
    int error = 0;
    note->mark = n->dump.mark;
    if (n->dump.is_first) {
        netlink_bind(n, note, slot);
        error = program_inherit(n->cfg.program, prefix, nhset);
    } else if (note->slot != slot || (program_actual_set(n->cfg.program, prefix) != nhset && !n->settle.at_ms)) {
        n->dump.differences++;
        error = netlink_observed(n, prefix, nhset, slot);
    }
    nhset_unref(n->cfg.sets, nhset);
    return error ? -ENOMEM : 0;
}

static int find_missing(struct netlink *n, uint32_t prefix, const struct route_note *note)
{
    if (note->is_forgotten)
        netlink_release_forgotten(n, prefix);
    if (note->mark == n->dump.mark || !program_actual_set(n->cfg.program, prefix))
        return 0;
    n->dump.differences++;
    return netlink_observed(n, prefix, 0, 0) ? -ENOMEM : 0;
}

static void finish(struct netlink *n, uint64_t now_ms)
{
    nexthops_collect(&n->nexthops);
    n->status.resyncs++;
    n->dump.ended_ms = now_ms;
    n->dump.took_ms = now_ms - n->dump.started_ms;
    if (n->dump.differences)
        netlink_tell(n, NETLINK_RESYNCED, n->dump.differences, "");
    if (n->is_retry_due)
        program_retry(n->cfg.program, now_ms);
    n->is_retry_due = false;
}

/* A slice of it. What operations change meanwhile bears the mark, too. */
static int compare(struct netlink *n, uint64_t now_ms)
{
    struct route_walk *w = &n->dump.walk;
    int error = 0, left = NOTES_A_STEP;
    for (; w->family < BGP_FAMILIES; *w = (struct route_walk){ .family = w->family + 1 })
        while (++w->place < n->notes[w->family].top) {
            uint32_t prefix = prefix_index((enum bgp_family)w->family, w->place);
            error = find_missing(n, prefix, slab_at(&n->notes[w->family], w->place));
            if (error || !--left)
                return error;
        }
    n->dump.is_comparing = false;
    finish(n, now_ms);
    return 0;
}

static int end_reading(struct netlink *n, uint64_t now_ms)
{
    n->dump.is_running = false;
    n->dump.is_comparing = !n->dump.is_first;
    n->dump.walk = (struct route_walk){ 0 };
    if (n->dump.is_first)
        finish(n, now_ms);
    return 0;
}

/* A table that does not exist yet has no routes. */
static int verdict(const struct nlmsghdr *h)
{
    struct nl_answer answer;
    nl_read_answer(h, &answer);
    return answer.error == -ENOENT ? 0 : answer.error;
}

static int end_family(struct netlink *n, const struct nlmsghdr *h, uint64_t now_ms)
{
    int error = verdict(h);
    if (error)
        return error;
    return n->dump.family == BGP_IP4 ? ask_routes(n, BGP_IP6) : end_reading(n, now_ms);
}

static int read_part(struct netlink *n, int len, uint64_t now_ms)
{
    int error = 0;
    struct nl_route r;
    const struct nlmsghdr *h = (const void *)n->dumps.buf;
    for (; !error && mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
        if (h->nlmsg_seq != n->dumps.seq)
            continue;
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return end_family(n, h, now_ms);
        if (h->nlmsg_type == RTM_NEWROUTE && nl_read_route(h, &r) && netlink_is_ours(n, &r))
            error = see_route(n, &r);
    }
    return error;
}

bool netlink_dump_step(struct netlink *n, uint64_t now_ms)
{
    uint64_t until_ns = uv_hrtime() + SLICE_NS;
    int error = 0;
    while (!error && n->dump.is_running && uv_hrtime() < until_ns) {
        int len = nl_receive(&n->dumps);
        if (len == 0)
            return false;
        error = len < 0 ? len : read_part(n, len, now_ms);
    }
    if (!error && n->dump.is_comparing)
        error = compare(n, now_ms);
    if (error)
        give_up(n, error, now_ms);
    return netlink_is_dumping(n);
}
