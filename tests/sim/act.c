/* What goes wrong, and what changes; the seed says what and when. */
#include <string.h>

#include "tests/sim/shared.h"

enum { PAUSE_MAX_MS = 12000, SLOW_MAX_MS = 120, PREPEND_MAX = 3, AWAY_MAX_MS = 8000 };

/* Chance of the act alone, so that a run without it is otherwise the same: what fails can be made small. */
static uint32_t pick(struct world *w, uint32_t below)
{
    return sim_below(&w->act_random, below);
}

static struct host *some_host(struct world *w)
{
    return &w->hosts[pick(w, (uint32_t)w->host_count)];
}

static struct nva *some_nva(struct world *w)
{
    return &w->nvas[pick(w, (uint32_t)w->nva_count)];
}

/* F5: what a failure detector between nodes, or an owner of a target, has no reason to see. */
static bool is_seen_by_nodes(enum sim_count what)
{
    return what != SIM_NVA_CUTS && what != SIM_NVA_RESTARTS && what != SIM_REPLAYS && what != SIM_AGENT_RESTARTS;
}

static void count(struct world *w, enum sim_count what)
{
    w->counts[what]++;
    if (what == SIM_CHANGES)
        return;
    w->disturbed = w->now;
    w->faults += is_seen_by_nodes(what);
}

static void change_route(struct world *w)
{
    struct nva *n = some_nva(w);
    int prefix = (int)pick(w, (uint32_t)w->prefix_count);
    bool announce = pick(w, 3) > 0;
    nva_set(n, prefix, announce, pick(w, PREPEND_MAX));
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
    h->wrong_secret = pick(w, 12) == 0;
    h->is_newer |= pick(w, 8) == 0;
    bool forgets = pick(w, 6) == 0;
    sim_note(w, "node %d starts%s", h->number, h->wrong_secret ? " with a wrong secret" : "");
    if (forgets)
        h->lives = 0;
    host_start(w, h);
    count(w, SIM_STARTS);
    w->counts[SIM_LOST_DISKS] += forgets;
    w->counts[SIM_NEWER_CONFIGS] += h->is_newer;
    if (h->wrong_secret)
        count(w, SIM_WRONG_SECRETS);
}

/* D6: whose file is the older one takes a target when it hears nobody else, and gives it back when it does. */
static bool do_files_differ(const struct world *w)
{
    const struct host *any = NULL;
    for (int i = 0; i < w->host_count; i++) {
        const struct host *h = &w->hosts[i];
        if (h->core && any && h->config.generation != any->config.generation)
            return true;
        any = h->core ? h : any;
    }
    return false;
}

/* It hears its NVAs, and the others hear of that later, all at once. */
static void restart_apart(struct world *w)
{
    struct host *h = some_host(w);
    if (!h->core || !host_runs(w, h))
        return;
    host_crash(w, h);
    for (int i = 0; i < w->host_count; i++)
        w->cut[i][h->number] = w->cut[h->number][i] = i != h->number;
    sim_note(w, "node %d restarts, apart from all others", h->number);
    host_start(w, h);
    count(w, SIM_APART_STARTS);
    w->faults += 1 + do_files_differ(w); /* its end was one, that nobody hears it is another */
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
    bool machine = pick(w, 2), is_long = pick(w, 3) == 0;
    if (!h->core || !host_runs(w, h))
        return;
    uint64_t ms = 100 + pick(w, is_long ? PAUSE_MAX_MS : 2000);
    sim_note(w, "node %d is %s for %llu ms", h->number, machine ? "paused with its machine" : "stopped",
             (unsigned long long)ms);
    host_pause(w, h, ms, machine);
    count(w, machine ? SIM_MACHINE_PAUSES : SIM_PAUSES);
    w->faults++; /* too short a one to be noticed: it missed the others, takes their target, and they take it back */
}

static bool is_alone(const struct world *w, int node)
{
    for (int i = 0; i < w->host_count; i++)
        if (i != node && w->hosts[i].core && !w->cut[i][node] && !w->cut[node][i])
            return false;
    return true;
}

static void cut_nodes(struct world *w)
{
    int a = some_host(w)->number, b = some_host(w)->number;
    bool on = pick(w, 2), both = pick(w, 3);
    w->cut[a][b] = on;
    if (both)
        w->cut[b][a] = on;
    sim_note(w, "packets from node %d to node %d%s are %s", a, b, both ? " and back" : "",
             on ? "lost" : "delivered");
    if (!on || a == b)
        return;
    count(w, both ? SIM_CUTS : SIM_ONE_WAY_CUTS);
    if (is_alone(w, a) || is_alone(w, b)) /* who is alone takes a target, and those who are not take it back, or whose file is newer */
        w->faults += is_alone(w, a) != is_alone(w, b) || do_files_differ(w);
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
    uint64_t away = pick(w, 2) ? pick(w, 200) : pick(w, AWAY_MAX_MS);
    sim_note(w, "nva %d restarts, away for %llu ms", n->number, (unsigned long long)away);
    nva_restart(n, away);
    count(w, SIM_NVA_RESTARTS);
    w->counts[SIM_GRACEFUL] += n->is_graceful;
    w->counts[SIM_LONG_LIVED] += n->stale_s && away > n->restart_s * 1000u;
}

static void slow_down(struct world *w)
{
    int a = some_host(w)->number, b = some_host(w)->number;
    w->slow[a][b] = (uint8_t)pick(w, SLOW_MAX_MS);
    sim_note(w, "packets from node %d to node %d take %d ms more", a, b, w->slow[a][b]);
    count(w, SIM_SLOW);
}

/* A damage that the checksum of TCP does not see, on a channel that must. */
static void flip_bit(struct world *w)
{
    for (size_t i = 0, at = pick(w, (uint32_t)w->heap_count); i < w->heap_count; i++) {
        struct sim_event *e = &w->heap[(at + i) % w->heap_count];
        if (e->kind != SIM_BYTES || e->pipe->port != CORE_PORT_CLUSTER ||
            e->generation != e->pipe->generation)
            continue;
        e->bytes[pick(w, (uint32_t)e->len)] ^= (uint8_t)(1 << pick(w, 8));
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

static void restart_agent(struct world *w)
{
    if (!w->agent.is_there)
        return;
    sim_note(w, "the agent restarts");
    agent_restart(w);
    count(w, SIM_AGENT_RESTARTS);
}

static void cut_agent(struct world *w)
{
    int a = some_host(w)->number;
    w->cut[a][SIM_AGENT] = w->cut[SIM_AGENT][a] = true;
    sim_note(w, "node %d and the agent are apart", a);
}

static void disturb_agent(struct world *w)
{
    (pick(w, 2) ? restart_agent : cut_agent)(w);
}

static void join_all(struct world *w)
{
    memset(w->cut, 0, sizeof w->cut);
    memset(w->slow, 0, sizeof w->slow);
    store_join(w);
    w->disturbed = w->now;
    sim_note(w, "all cuts heal");
}

static const struct {
    uint8_t share; /* of some hundred */
    void (*happen)(struct world *w);
} acts[SIM_ACT_KINDS] = { { 68, change_route }, { 6, kill_host },   { 9, start_host },   { 1, stop_host },
                          { 4, pause_host },    { 4, cut_nodes },   { 1, cut_nva },      { 2, restart_nva },
                          { 1, slow_down },     { 1, flip_bit },    { 1, replay },       { 3, join_all },
                          { 4, store_disturb }, { 1, restart_apart }, { 2, disturb_agent } };

static void schedule(struct world *w, uint64_t at)
{
    w->act_random = (w->seed * 0x2545f4914f6cdd1du + w->acts) * 0x9e3779b97f4a7c15u;
    sim_schedule(w, (struct sim_event){ .kind = SIM_ACT, .at = at });
}

/* Swarm: what goes wrong in one world, and how often, is not what does in another. The same faults everywhere
 * hide what only a few of them, or many of one, bring about. */
void act_begin(struct world *w)
{
    static const uint8_t factors[] = { 0, 1, 1, 1, 2, 4 };
    schedule(w, w->now + 5000);
    for (int i = 0; i < SIM_ACT_KINDS; i++) {
        bool is_needed = acts[i].happen == change_route || acts[i].happen == start_host || acts[i].happen == join_all;
        w->shares[i] = (uint8_t)(acts[i].share * (is_needed ? 1 : factors[pick(w, sizeof factors)]));
    }
}

static void happen(struct world *w)
{
    uint32_t all = 0;
    for (int i = 0; i < SIM_ACT_KINDS; i++)
        all += w->shares[i];
    uint32_t dice = pick(w, all);
    sim_rotate(w);
    sim_operate(w);
    for (int i = 0; i < SIM_ACT_KINDS; i++) {
        if (dice < w->shares[i]) {
            acts[i].happen(w);
            return;
        }
        dice -= w->shares[i];
    }
}

void act(struct world *w)
{
    uint64_t next = w->now + 1 + pick(w, 400);
    unsigned number = w->acts++;
    if (number < SIM_ACTS_MAX && (!w->skips || !w->skips[number]))
        happen(w);
    schedule(w, next);
}

/* Pauses end by themselves. */
static void revive(struct world *w)
{
    if (w->kind.is_tuned)
        sim_end_tuning(w);
    for (int i = 0; i < w->host_count; i++) {
        struct host *h = &w->hosts[i];
        if (h->core && (h->wrong_secret || h->stopping_since))
            host_crash(w, h);
        h->wrong_secret = false;
        if (h->core && h->is_drained)
            core_undrain(h->core, w->now);
        h->is_drained = false;
        h->is_newer |= w->kind.is_tuned;
        if (!h->core)
            host_start(w, h);
        else if (w->kind.is_tuned)
            sim_reload(w, h);
        host_ask_turn(w, h, w->now);
    }
    sim_end_rotation(w);
}

void act_heal(struct world *w)
{
    join_all(w);
    store_heal(w);
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
    for (int a = 0; a < w->host_count; a++) /* who relays has to dial first: until then nobody may hear them */
        for (int b = 0; b < a; b++)
            w->faults += w->cut[a][b] || w->cut[b][a];
    sim_note(w, "nodes are parted, not all from all");
}
