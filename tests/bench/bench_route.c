/* The way of a route through one process, in steps that a profiler can tell apart: a full table comes in as
 * messages, is decoded, interned, inserted, decided on, encoded and copied out for one receiver.
 *
 *     bench_route [PREFIXES]       bytes a path, by table; tests/bench/profile counts instructions */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "bgp/adjout/adjout.h"
#include "bgp/codec/msg.h"
#include "tests/bench/table.h"

enum { SENDER = 1, RECEIVER = 2, NVAS = 3, TURN = 128 << 10 };

struct way {
    struct rib rib;
    struct adjout *adjout;
    struct adjout_member *receiver;
    struct arena arena;
    struct bgp_update_context ctx;
    struct bgp_update update;
    struct rib_stretch stretch;
    uint64_t sent;
    uint8_t out[TURN];
};

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- the steps, as node/core/core_routes.c and core.c take them ---- */

#define STEP __attribute__((noinline)) static

STEP size_t step_decode(struct way *w, const uint8_t *at, size_t len)
{
    struct bgp_message m;
    struct bgp_fault fault;
    int n = bgp_message_scan(at, len, BGP_MESSAGE_MAX, &m, &fault);
    arena_reset(&w->arena);
    must(n > 0 && !bgp_update_decode(m.body, m.body_len, &w->ctx, &w->arena, &w->update));
    must(!w->update.fault.action);
    return (size_t)n;
}

STEP uint32_t step_intern(struct way *w)
{
    return bgp_attrs_intern(&w->rib.attrs, &w->update.attrs[0]);
}

STEP uint32_t step_read_prefixes(struct way *w)
{
    bool is_any = rib_next_stretch(&w->rib, &w->update.reach[0], &w->stretch);
    rib_expect(&w->rib, &w->stretch);
    return is_any ? w->stretch.count : 0;
}

STEP void step_insert(struct way *w, uint32_t count, uint32_t attrs)
{
    const struct rib_news news = rib_news(&w->rib, w->rib.self, SENDER, attrs);
    for (uint32_t i = 0; i < count; i++)
        must(!rib_announce_news(&w->rib, &news, &w->stretch, i));
}

STEP void step_decide(struct way *w)
{
    struct rib_change change;
    for (uint32_t net; (net = rib_next_dirty(&w->rib));) {
        must(!rib_decide(&w->rib, net, &change));
        nhset_unref(&w->rib.sets, change.old_nhset);
    }
}

STEP void step_encode(struct way *w)
{
    while (adjout_work(w->adjout, UINT32_MAX))
        ;
}

STEP void step_copy(struct way *w)
{
    unsigned steps = UINT_MAX;
    for (size_t n; (n = adjout_pull(w->receiver, w->out, sizeof w->out, &steps));)
        w->sent += n;
}

/* ---- all of them ---- */

static void take_update(struct way *w)
{
    uint32_t attrs = step_intern(w);
    must(attrs);
    for (uint32_t count; (count = step_read_prefixes(w));)
        step_insert(w, count, attrs);
    bgp_attrs_unref(&w->rib.attrs, attrs);
}

/* As much as is read from a socket at once goes all the way before the next is read. */
static void run(struct way *w, const struct output *in)
{
    for (size_t at = 0, turn = TURN; at < in->len; turn = at + TURN) {
        while (at < in->len && at < turn) {
            at += step_decode(w, in->bytes + at, in->len - at);
            take_update(w);
        }
        step_decide(w);
        step_encode(w);
        step_copy(w);
    }
}

static void show(const char *table, size_t bytes, size_t paths)
{
    printf("%-22s %6.1f bytes a path\n", table, (double)bytes / (double)paths);
}

static void report(const struct way *w, size_t paths)
{
    struct rib_memory m = rib_memory(&w->rib);
    show("nets and their index", m.nets, paths);
    show("paths", m.paths, paths);
    show("attributes", m.attrs, paths);
    show("orders", m.orders, paths);
    show("pool, all of it", w->rib.pool.bytes, paths);
    must(adjout_stats(w->receiver).announced == paths && w->sent);
}

int main(int argc, char **argv)
{
    static const struct bgp_codec codec = { .as4 = true, .family = { true }, .max_message = BGP_MESSAGE_MAX };
    static struct policy_nva nvas[NVAS] = {
        [SENDER] = { .address = { .bytes = { 10, 7, 1, 1 } }, .asn = 65001 },
        [RECEIVER] = { .address = { .bytes = { 10, 7, 1, 2 } }, .asn = 65002 },
    };
    static const struct policy policy;
    static struct way w;
    size_t prefixes = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    const struct table_shape shape = { .asn = 65001, .next_hop = nvas[SENDER].address };
    const struct adjout_rules rules = {
        .codec = codec, .export = { .transparent = true }, .from_types = UINT8_MAX };
    struct table table;
    struct output in = { 0 };
    table_make(&table, prefixes, 1);
    table_announce(&table, 0, table.prefix_count, &shape, &codec, &in);
    w.ctx = (struct bgp_update_context){ .codec = &codec, .peer_asn = 65001 };
    must(!rib_init(&w.rib, &(struct rib_cfg){ .key = { 1, 2 }, .nvas = nvas, .nva_count = NVAS,
                                              .policy = &policy, .max_paths = 4, .self = 1 }));
    struct rib_session up = { .state = RIB_SESSION_SYNCED, .generation = 1, .identifier = 1 };
    must(!rib_session_set(&w.rib, w.rib.self, SENDER, &up, 0));
    must((w.adjout = adjout_new(&w.rib)) && (w.receiver = adjout_join(w.adjout, &rules, RECEIVER)));
    run(&w, &in);
    report(&w, table.prefix_count);
    return 0;
}
