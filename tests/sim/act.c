/* What goes wrong, and what changes; the seed says what and when. */
#include <string.h>

#include "tests/sim/world.h"

enum { PAUSE_MAX_MS = 12000, SLOW_MAX_MS = 120, PREPEND_MAX = 3 };

static struct host *some_host(struct world *w)
{
    return &w->hosts[sim_pick(w, (uint32_t)w->host_count)];
}

static struct nva *some_nva(struct world *w)
{
    return &w->nvas[sim_pick(w, (uint32_t)w->nva_count)];
}

static void count(struct world *w, enum sim_count what)
{
    w->counts[what]++;
    if (what != SIM_CHANGES)
        w->disturbed = w->now;
}

static void change_route(struct world *w)
{
    struct nva *n = some_nva(w);
    int prefix = (int)sim_pick(w, (uint32_t)w->prefix_count);
    bool announce = sim_pick(w, 3) > 0;
    nva_set(n, prefix, announce, sim_pick(w, PREPEND_MAX));
    count(w, SIM_CHANGES);
    sim_note(w, "nva %d %s %d", n->number, announce ? "announces" : "withdraws", prefix);
}

static void kill_host(struct world *w)
{
    struct host *h = some_host(w);
    if (!h->core)
        return;
    sim_note(w, "node %d dies", h->number);
    host_crash(w, h);
    count(w, SIM_CRASHES);
}

static void start_host(struct world *w)
{
    struct host *h = some_host(w);
    if (h->core)
        return;
    h->wrong_secret = sim_pick(w, 12) == 0;
    sim_note(w, "node %d starts%s", h->number, h->wrong_secret ? " with a wrong secret" : "");
    host_start(w, h);
    count(w, SIM_STARTS);
    if (h->wrong_secret)
        count(w, SIM_WRONG_SECRETS);
}

static void stop_host(struct world *w)
{
    struct host *h = some_host(w);
    if (!h->core || !host_runs(w, h) || h->stopping_since)
        return;
    sim_note(w, "node %d stops", h->number);
    host_stop(w, h);
    count(w, SIM_STOPS);
}

static void pause_host(struct world *w)
{
    struct host *h = some_host(w);
    bool machine = sim_pick(w, 2), is_long = sim_pick(w, 3) == 0;
    if (!h->core || !host_runs(w, h))
        return;
    uint64_t ms = 100 + sim_pick(w, is_long ? PAUSE_MAX_MS : 2000);
    sim_note(w, "node %d is %s for %llu ms", h->number, machine ? "paused with its machine" : "stopped",
             (unsigned long long)ms);
    host_pause(w, h, ms, machine);
    count(w, machine ? SIM_MACHINE_PAUSES : SIM_PAUSES);
}

static void cut_nodes(struct world *w)
{
    int a = some_host(w)->number, b = some_host(w)->number;
    bool on = sim_pick(w, 2), both = sim_pick(w, 3);
    w->cut[a][b] = on;
    if (both)
        w->cut[b][a] = on;
    sim_note(w, "packets from node %d to node %d%s are %s", a, b, both ? " and back" : "",
             on ? "lost" : "delivered");
    if (on && a != b)
        count(w, both ? SIM_CUTS : SIM_ONE_WAY_CUTS);
}

static void cut_nva(struct world *w)
{
    int a = some_host(w)->number, b = SIM_NODES_MAX + some_nva(w)->number;
    w->cut[a][b] = w->cut[b][a] = true;
    sim_note(w, "node %d and nva %d are apart", a, b - SIM_NODES_MAX);
    count(w, SIM_NVA_CUTS);
}

static void restart_nva(struct world *w)
{
    struct nva *n = some_nva(w);
    sim_note(w, "nva %d restarts", n->number);
    nva_restart(n);
    count(w, SIM_NVA_RESTARTS);
}

static void slow_down(struct world *w)
{
    int a = some_host(w)->number, b = some_host(w)->number;
    w->slow[a][b] = (uint8_t)sim_pick(w, SLOW_MAX_MS);
    sim_note(w, "packets from node %d to node %d take %d ms more", a, b, w->slow[a][b]);
    count(w, SIM_SLOW);
}

/* A damage that the checksum of TCP does not see, on a channel that must. */
static void flip_bit(struct world *w)
{
    for (size_t i = 0, at = sim_pick(w, (uint32_t)w->heap_count); i < w->heap_count; i++) {
        struct sim_event *e = &w->heap[(at + i) % w->heap_count];
        if (e->kind != SIM_BYTES || e->pipe->port != CORE_PORT_CLUSTER ||
            e->generation != e->pipe->generation)
            continue;
        e->bytes[sim_pick(w, (uint32_t)e->len)] ^= (uint8_t)(1 << sim_pick(w, 8));
        sim_note(w, "a bit flips on its way to node %d", e->pipe->end[e->side].party);
        count(w, SIM_BIT_FLIPS);
        return;
    }
}

static void replay(struct world *w)
{
    struct host *h = some_host(w);
    if (!h->core || !w->recorded[h->number])
        return;
    sim_note(w, "a stranger replays a recording to node %d", h->number);
    sim_replay(w, h->number);
    count(w, SIM_REPLAYS);
}

static void join_all(struct world *w)
{
    memset(w->cut, 0, sizeof w->cut);
    memset(w->slow, 0, sizeof w->slow);
    w->disturbed = w->now;
    sim_note(w, "all cuts heal");
}

void act(struct world *w)
{
    static const struct {
        uint32_t share; /* of a hundred */
        void (*happen)(struct world *w);
    } acts[] = { { 68, change_route }, { 6, kill_host }, { 9, start_host },  { 1, stop_host },
                 { 4, pause_host },    { 4, cut_nodes }, { 1, cut_nva },     { 1, restart_nva },
                 { 1, slow_down },     { 1, flip_bit },  { 1, replay },      { 3, join_all } };
    uint32_t dice = sim_pick(w, 100);
    sim_rotate(w);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (dice < acts[i].share) {
            acts[i].happen(w);
            return;
        }
        dice -= acts[i].share;
    }
}

/* Pauses end by themselves. */
static void revive(struct world *w)
{
    for (int i = 0; i < w->host_count; i++) {
        struct host *h = &w->hosts[i];
        if (h->core && (h->wrong_secret || h->stopping_since))
            host_crash(w, h);
        h->wrong_secret = false;
        if (!h->core)
            host_start(w, h);
        host_ask_turn(w, h, w->now);
    }
    sim_end_rotation(w);
}

void act_heal(struct world *w)
{
    join_all(w);
    revive(w);
    sim_note(w, "everything heals");
}

static void join(struct world *w, int a, int b)
{
    w->cut[a][b] = w->cut[b][a] = false;
    sim_note(w, "nodes %d and %d stay linked", a, b);
}

void act_part(struct world *w)
{
    join_all(w);
    revive(w);
    for (int a = 0; a < w->host_count; a++)
        for (int b = 0; b < w->host_count; b++)
            w->cut[a][b] = a != b && sim_pick(w, 2);
    for (int a = 1; a < w->host_count; a++) /* a tree: everybody is reached by somebody */
        join(w, a, (int)sim_pick(w, (uint32_t)a));
    sim_note(w, "nodes are parted, not all from all");
}
