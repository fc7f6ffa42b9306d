/* sim --seeds N --from S [--verbose]: N runs of the simulated world, one a seed.
 * Exit 0 when no invariant was violated; a failing seed prints what failed and how to replay it. */
#include <getopt.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/world.h"

enum { FAULTS_MS = 30000, HEAL_MS = 60000, EVENTS_MAX = 4000000 };

/* ---- chance and time ---- */

uint64_t sim_random(struct world *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t sim_pick(struct world *w, uint32_t below)
{
    return (uint32_t)(sim_random(w) % below);
}

void sim_fail(struct world *w, const char *format, ...)
{
    va_list args;
    if (w->failure[0])
        return;
    va_start(args, format);
    int n = snprintf(w->failure, sizeof w->failure, "at %llu ms: ", (unsigned long long)w->now);
    vsnprintf(w->failure + n, sizeof w->failure - (size_t)n, format, args);
    va_end(args);
}

void sim_note(struct world *w, const char *format, ...)
{
    va_list args;
    if (!w->verbose)
        return;
    printf("%8llu ", (unsigned long long)w->now);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_schedule(struct world *w, struct sim_event e)
{
    if (w->heap_count == w->heap_cap) {
        w->heap_cap = w->heap_cap ? w->heap_cap * 2 : 1024;
        w->heap = realloc(w->heap, w->heap_cap * sizeof *w->heap);
    }
    e.order = w->order++;
    size_t at = w->heap_count++;
    for (; at && is_before(&e, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = e;
}

static struct sim_event take_event(struct world *w)
{
    struct sim_event first = w->heap[0], last = w->heap[--w->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->heap_count; at = child) {
        if (child + 1 < w->heap_count && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &last))
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return first;
}

/* ---- names ---- */

struct ip_prefix sim_prefix(int number)
{
    return (struct ip_prefix){ .family = BGP_IP4, .len = 24, .bytes = { 172, 16, (uint8_t)number } };
}

int sim_prefix_number(const struct ip_prefix *p)
{
    bool ours = p->family == BGP_IP4 && p->len == 24 && p->bytes[0] == 172 && p->bytes[1] == 16 &&
                p->bytes[2] < SIM_PREFIXES_MAX;
    return ours ? p->bytes[2] : -1;
}

struct ip_addr sim_addr(sim_party party)
{
    return (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 0, (uint8_t)(4 + party) } };
}

sim_party sim_party_at(const struct world *w, const struct ip_addr *addr)
{
    (void)w;
    return addr->bytes[3] - 4;
}

/* ---- the configuration that all nodes share ---- */

static void init_config(struct world *w)
{
    static const char *const names[] = { "rs-a", "rs-b", "rs-c" };
    static struct config_target target = { .name = "kernel", .type = CONFIG_TARGET_NETLINK, .nodes = ~0u };
    static struct ip_prefix vnet = { .family = BGP_IP4, .len = 16, .bytes = { 10, 1 } };
    static struct config_vnet hub = { .name = "hub", .prefixes = &vnet, .prefix_count = 1 };
    struct config *c = &w->config;
    *c = (struct config){ .name = "sim", .asn = 65515, .max_paths = 64, .beat_ms = 50, .dead_ms = 300,
                          .grace_ms = 120000, .stale_ms = 600000, .tombstone_ms = 30000,
                          .defer_ms = 20000, .targets = &target, .target_count = 1, .vnets = &hub,
                          .vnet_count = 1, .node_count = (size_t)w->host_count,
                          .peer_count = (size_t)w->nva_count };
    for (int i = 0; i < w->host_count; i++) {
        struct config_node *n = &c->nodes[i];
        *n = (struct config_node){ .id = (uint32_t)i + 1, .address = sim_addr(i), .bgp_port = 179,
                                   .cluster_address = sim_addr(i), .cluster_port = 8177,
                                   .has_public_key = true };
        snprintf(n->name, sizeof n->name, "%s", names[i]);
        memcpy(n->public_key, w->identities[i].public_key, 32);
    }
    c->peers = calloc((size_t)w->nva_count, sizeof *c->peers);
    for (int i = 0; i < w->nva_count; i++) {
        struct config_peer *p = &c->peers[i];
        *p = (struct config_peer){ .peer_ip = sim_addr(SIM_NODES_MAX + i), .peer_port = 179,
                                   .peer_asn = 65001 + (uint32_t)i, .hold_s = 90,
                                   .connect_retry_s = 2, .symmetric = true, .nodes = ~0u,
                                   .families = { true, false } };
        snprintf(p->name, sizeof p->name, "nva-%d", i);
    }
}

static void init_keys(struct world *w)
{
    char text[REPL_KEY_TEXT];
    repl_secret_new(text);
    if (repl_secret_parse(text, &w->secrets))
        abort();
    for (int i = 0; i < w->host_count; i++) {
        repl_identity_new(text);
        if (repl_identity_parse(text, &w->identities[i]))
            abort();
    }
}

/* ---- what goes wrong ---- */

static void cut(struct world *w, int a, int b, bool on)
{
    w->cut[a][b] = on;
}

/* One disturbance or change; the seed says which. */
static void act(struct world *w)
{
    uint32_t dice = sim_pick(w, 100);
    struct host *h = &w->hosts[sim_pick(w, (uint32_t)w->host_count)];
    if (dice < 75) {
        struct nva *n = &w->nvas[sim_pick(w, (uint32_t)w->nva_count)];
        int prefix = (int)sim_pick(w, (uint32_t)w->prefix_count);
        bool announce = sim_pick(w, 3) > 0;
        nva_set(n, prefix, announce, sim_pick(w, 3));
        w->changes++;
        sim_note(w, "nva %d %s %d", n->number, announce ? "announces" : "withdraws", prefix);
    } else if (dice < 83 && h->core) {
        sim_note(w, "node %d dies", h->number);
        host_crash(w, h);
        w->crashes++;
        w->disturbed = w->now;
    } else if (dice < 93 && !h->core) {
        sim_note(w, "node %d starts", h->number);
        host_start(w, h);
        w->restarts++;
        w->disturbed = w->now;
    } else if (dice < 97) {
        int a = h->number, b = (int)sim_pick(w, (uint32_t)w->host_count);
        bool on = sim_pick(w, 2);
        cut(w, a, b, on);
        if (sim_pick(w, 3))
            cut(w, b, a, on);
        sim_note(w, "packets from node %d to node %d are %s", a, b, on ? "lost" : "delivered");
        w->partitions += on;
        w->disturbed = w->now;
    } else if (dice < 98) {
        int a = h->number, b = SIM_NODES_MAX + (int)sim_pick(w, (uint32_t)w->nva_count);
        cut(w, a, b, true);
        cut(w, b, a, true);
        sim_note(w, "node %d and nva %d are apart", a, b - SIM_NODES_MAX);
        w->partitions++;
        w->disturbed = w->now;
    } else {
        memset(w->cut, 0, sizeof w->cut);
        w->disturbed = w->now;
        sim_note(w, "all cuts heal");
    }
}

static void heal(struct world *w)
{
    memset(w->cut, 0, sizeof w->cut);
    w->disturbed = w->now;
    for (int i = 0; i < w->host_count; i++)
        if (!w->hosts[i].core)
            host_start(w, &w->hosts[i]);
    sim_note(w, "everything heals");
}

static void run_event(struct world *w, struct sim_event *e)
{
    bool void_event = e->pipe && e->generation != e->pipe->generation;
    struct host *h = &w->hosts[e->kind == SIM_TURN ? e->who : 0];
    w->now = e->at;
    w->trace = w->trace * 31 + (uint64_t)e->kind * 7 + e->at;
    if (e->kind == SIM_TURN && h->core && e->generation == h->turn_generation)
        host_turn(w, h);
    else if (e->kind == SIM_NVA_TICK)
        nva_tick(&w->nvas[e->who]);
    else if (e->kind == SIM_ACT && w->now < w->faults_until)
        act(w);
    else if (e->kind == SIM_OPEN && !void_event)
        sim_on_open(w, e);
    else if (e->kind == SIM_BYTES && !void_event)
        sim_on_bytes(w, e);
    else if (e->kind == SIM_CLOSE && !void_event)
        sim_on_close(w, e);
    if (e->kind == SIM_ACT)
        sim_schedule(w, (struct sim_event){ .kind = SIM_ACT, .at = w->now + 1 + sim_pick(w, 400) });
    free(e->bytes);
}

static void run_until(struct world *w, uint64_t end)
{
    for (int i = 0; i < EVENTS_MAX && w->heap_count && w->heap[0].at <= end && !w->failure[0]; i++) {
        struct sim_event e = take_event(w);
        run_event(w, &e);
        check_event(w);
    }
    w->now = end;
}

static void world_init(struct world *w, uint64_t seed, bool verbose)
{
    *w = (struct world){ .seed = seed, .random = seed * 0x2545f4914f6cdd1du + 1, .verbose = verbose };
    w->now = 1000;
    w->host_count = 2 + (int)sim_pick(w, SIM_NODES_MAX - 1);
    w->nva_count = 1 + (int)sim_pick(w, SIM_NVAS_MAX);
    w->prefix_count = 4 + (int)sim_pick(w, SIM_PREFIXES_MAX - 4);
    w->faults_until = w->now + FAULTS_MS;
    init_keys(w);
    init_config(w);
    for (int i = 0; i < w->nva_count; i++)
        nva_init(w, &w->nvas[i], i);
    for (int i = 0; i < w->nva_count; i++)
        for (int k = 0; k < w->prefix_count; k++)
            if (sim_pick(w, 2))
                nva_set(&w->nvas[i], k, true, 0);
    for (int i = 0; i < w->host_count; i++) {
        w->hosts[i].number = i;
        host_start(w, &w->hosts[i]);
    }
    sim_schedule(w, (struct sim_event){ .kind = SIM_ACT, .at = w->now + 5000 });
}

static void world_fini(struct world *w)
{
    for (int i = 0; i < w->host_count; i++)
        core_free(w->hosts[i].core);
    for (int i = 0; i < w->nva_count; i++)
        nva_fini(&w->nvas[i]);
    for (size_t i = 0; i < w->heap_count; i++)
        free(w->heap[i].bytes);
    free(w->heap);
    free(w->config.peers);
}

struct totals {
    unsigned crashes, restarts, partitions, changes, removals, failures;
};

static void run_seed(struct world *w, uint64_t seed, bool verbose, struct totals *t)
{
    world_init(w, seed, verbose);
    run_until(w, w->faults_until);
    if (!w->failure[0]) {
        heal(w);
        run_until(w, w->now + HEAL_MS);
    }
    if (!w->failure[0])
        check_settled(w);
    if (w->failure[0]) {
        printf("seed %llu: %s\n  replay: sim --seeds 1 --from %llu --verbose\n",
               (unsigned long long)seed, w->failure, (unsigned long long)seed);
        t->failures++;
    }
    t->crashes += w->crashes;
    t->restarts += w->restarts;
    t->partitions += w->partitions;
    t->changes += w->changes;
    t->removals += w->removals;
    world_fini(w);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seeds", required_argument, NULL, 'n' },
                                             { "from", required_argument, NULL, 's' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { NULL, 0, NULL, 0 } };
    unsigned long long seeds = 500, from = 1;
    bool verbose = false;
    struct totals t = { 0 };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'n')
            seeds = strtoull(optarg, NULL, 10);
        else if (o == 's')
            from = strtoull(optarg, NULL, 10);
        else if (o == 'v')
            verbose = true;
        else
            return 2;
    }
    struct world *w = malloc(sizeof *w);
    if (!w || sodium_init() < 0)
        return 1;
    for (unsigned long long seed = from; seed < from + seeds && t.failures < 5; seed++)
        run_seed(w, seed, verbose, &t);
    free(w);
    printf("%llu seeds: %u violations; %u changes, %u deaths, %u starts, %u cuts, %u removals\n", seeds,
           t.failures, t.changes, t.crashes, t.restarts, t.partitions, t.removals);
    bool seen = seeds < 50 || (t.crashes && t.restarts && t.partitions && t.removals);
    if (!seen)
        puts("a fault that must happen never did: the run proves nothing");
    return t.failures || !seen ? 1 : 0;
}
