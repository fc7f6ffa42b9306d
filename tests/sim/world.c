#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/shared.h"

enum { FAULTS_MS = 30000, EVENTS_MAX = 4000000 };

/* ---- chance and time ---- */

uint64_t sim_chance(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t sim_random(struct world *w)
{
    return sim_chance(&w->random);
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

/* Of the world that is: names are asked for everywhere. */
static enum sim_families families;
static bool is_over_six;

enum bgp_family sim_family(int prefix)
{
    return families == SIM_SIX_ONLY || (families == SIM_BOTH_FAMILIES && prefix % 2) ? BGP_IP6 : BGP_IP4;
}

struct ip_prefix sim_prefix(int number)
{
    if (sim_family(number) == BGP_IP6)
        return (struct ip_prefix){ .family = BGP_IP6, .len = 48, .bytes = { 0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)number } };
    return (struct ip_prefix){ .family = BGP_IP4, .len = 24, .bytes = { 172, 16, (uint8_t)number } };
}

int sim_prefix_number(const struct ip_prefix *p)
{
    int number = p->bytes[p->family == BGP_IP6 ? 5 : 2];
    if (number >= SIM_PREFIXES_MAX)
        return -1;
    const struct ip_prefix ours = sim_prefix(number);
    return memcmp(p, &ours, sizeof ours) == 0 ? number : -1;
}

static struct ip_addr addr_of(sim_party party, enum bgp_family family)
{
    uint8_t last = (uint8_t)(4 + party);
    if (family == BGP_IP4)
        return (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 0, last } };
    return (struct ip_addr){ .family = BGP_IP6, .bytes = { [0] = 0xfd, [15] = last } };
}

struct ip_addr sim_addr(sim_party party)
{
    return addr_of(party, is_over_six ? BGP_IP6 : BGP_IP4);
}

struct ip_addr sim_hop(int nva, int prefix)
{
    return addr_of(SIM_NODES_MAX + nva, sim_family(prefix));
}

uint32_t sim_identifier(sim_party party)
{
    return wire_get32(addr_of(party, BGP_IP4).bytes);
}

sim_party sim_party_at(const struct ip_addr *addr)
{
    return addr->bytes[addr->family == BGP_IP6 ? 15 : 3] - 4;
}

/* ---- the configuration that all nodes share ---- */

static void init_targets(struct world *w)
{
    static char *endpoints[] = { (char *)"http://store:2379" };
    bool is_etcd = w->store && w->store->kind == SIM_ETCD;
    w->target_list[0] = &w->targets[0];
    w->target_list[1] = &w->targets[1];
    w->targets[0] = (struct config_target){ .name = "kernel", .type = CONFIG_TARGET_NETLINK, .nodes = ~0u };
    w->targets[1] = (struct config_target){
        .name = "shared",
        .type = is_etcd ? CONFIG_TARGET_ETCD : CONFIG_TARGET_AZURE,
        .nodes = ~0u,
        .etcd = { .endpoints = endpoints, .endpoint_count = 1, .prefix = (char *)"/sim" },
        .azure = { .resource_id = (char *)FAKE_ID,
                   .endpoint = (char *)FAKE_ENDPOINT,
                   .identity_endpoint = (char *)"http://imds",
                   .api_version = AZURE_ECMP_VERSION,
                   .max_routes = 400,
                   .read_ms = 5000,
                   .timeout_ms = 5000 },
    };
}

static void init_config(struct world *w)
{
    static const char *const names[] = { "rs-a", "rs-b", "rs-c", "rs-d", "rs-e", "rs-f", "rs-g" };
    static struct ip_prefix vnet[] = { { .family = BGP_IP4, .len = 16, .bytes = { 10, 1 } },
                                       { .family = BGP_IP6, .len = 64, .bytes = { 0xfd } } };
    static struct ip_prefix spoke_prefix = { .family = BGP_IP4, .len = 16, .bytes = { 10, 2 } };
    static struct config_vnet vnets[] = { { .name = "hub", .prefixes = vnet },
                                          { .name = "spoke", .prefixes = &spoke_prefix, .prefix_count = 1 } };
    struct config *c = &w->config;
    init_targets(w);
    vnets[0].prefix_count = families == SIM_FOUR_ONLY ? 1 : 2;
    bool short_hold = sim_pick(w, 3) == 0;
    uint16_t hold_s = sim_pick(w, 2) ? 9 : 90;
    *c = (struct config){ .name = "sim", .asn = 65515, .max_paths = (uint16_t)(sim_pick(w, 2) ? 64 : 1 + sim_pick(w, 3)),
                          .beat_ms = 50, .dead_ms = 300,
                          .grace_ms = short_hold ? 2000 : 120000,
                          .stale_ms = short_hold ? 4000 : 600000, .tombstone_ms = 30000,
                          .defer_ms = 20000, .generation = 1, .targets = w->target_list, .target_count = w->store ? 2 : 1, .vnets = vnets,
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
    c->peers = sim_peers_new(w);
    for (int i = 0; i < w->nva_count; i++) {
        struct config_peer *p = &c->peers[i];
        *p = (struct config_peer){ .peer_ip = sim_addr(SIM_NODES_MAX + i), .peer_port = 179,
                                   .peer_asn = 65001 + (uint32_t)(w->kind.has_twins ? i / 2 : i), .hold_s = hold_s,
                                   .connect_retry_s = 2, .stale_path_s = 360, .symmetric = true,
                                   .nodes = w->nvas[i].nodes << 1, /* bit 1 << id */
                                   .families = { true, false },
                                   .graceful = sim_pick(w, 2) ? CONFIG_GRACEFUL_HELPER : CONFIG_GRACEFUL_FULL,
                                   .long_lived_ms = { [BGP_IP4] = w->nvas[i].stale_s * 1000u } };
        snprintf(p->name, sizeof p->name, "nva-%d", i);
    }
    kind_configure(w, c);
    w->newer = *c;
    w->newer.generation++;
    w->newer.digest[0] ^= 1;
}

/* Bit per host. Mostly an NVA peers with all nodes, sometimes with some, at least one. */
static uint32_t some_nodes(struct world *w)
{
    uint32_t all = (1u << w->host_count) - 1, some = 1 + sim_pick(w, all);
    return sim_pick(w, 4) ? all : some;
}

/* Half of the NVAs restart gracefully; of them some promise more than they can keep, some ask to be held for
 * long (RFC 9494). */
static void choose_restart(struct world *w, struct nva *n)
{
    n->is_graceful = sim_pick(w, 2);
    n->restart_s = n->is_graceful ? (uint16_t)(sim_pick(w, 2) ? 3 : 30) : 0;
    n->stale_s = n->is_graceful && sim_pick(w, 3) == 0 ? 60 : 0;
}

static void new_secret(struct repl_secrets *out)
{
    char text[REPL_KEY_TEXT];
    repl_secret_new(text);
    if (repl_secret_parse(text, out))
        abort();
}

static void init_keys(struct world *w)
{
    char text[REPL_KEY_TEXT];
    new_secret(&w->secrets);
    new_secret(&w->wrong_secrets);
    for (int i = 0; i < w->host_count; i++) {
        repl_identity_new(text);
        if (repl_identity_parse(text, &w->identities[i]))
            abort();
    }
}

/* ---- the run ---- */

static void free_call(struct sim_call *c)
{
    if (!c)
        return;
    azure_request_fini(&c->q);
    free(c->body);
    free(c);
}

static uint64_t stir(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* Everything that happens, and when, is in the trace: to the byte (Q4). */
static void trace(struct world *w, const struct sim_event *e)
{
    uint64_t t = stir(w->trace ^ e->at, (uint64_t)e->kind << 56 ^ (uint64_t)e->who << 48 ^ e->len), word;
    size_t at = 0;
    for (; at + sizeof word <= e->len; at += sizeof word) {
        memcpy(&word, e->bytes + at, sizeof word);
        t = stir(t, word);
    }
    for (word = 0; at < e->len; at++)
        word = word << 8 | e->bytes[at];
    w->trace = stir(t, word);
}

static void tick(struct world *w, int nva)
{
    nva_tick(&w->nvas[nva]);
    if (nva == 0 && w->store)
        store_tick(w);
}

static void run_event(struct world *w, struct sim_event *e)
{
    bool is_void = e->pipe && e->generation != e->pipe->generation;
    struct host *h = &w->hosts[e->kind == SIM_TURN ? e->who : 0];
    trace(w, e);
    if (e->kind == SIM_TURN && h->core && e->generation == h->turn_generation)
        host_turn(w, h);
    else if (e->kind == SIM_NVA_TICK)
        tick(w, e->who);
    else if (e->kind == SIM_NVA_BACK)
        nva_back(&w->nvas[e->who]);
    else if (e->kind == SIM_ACT && w->now < w->faults_until)
        act(w);
    else if (e->kind == SIM_AGENT_TICK)
        agent_tick(w);
    else if (e->kind == SIM_AGENT_WALK)
        agent_walk(w);
    else if (e->kind == SIM_ANSWER)
        sim_http_answer(w, e->call);
    else if (e->kind == SIM_STREAM)
        sim_http_stream(w, e);
    else if (e->kind == SIM_OPEN && !is_void)
        sim_on_open(w, e);
    else if (e->kind == SIM_ACCEPT && !is_void)
        sim_on_accept(w, e);
    else if (e->kind == SIM_BYTES && !is_void)
        sim_on_bytes(w, e);
    else if (e->kind == SIM_CLOSE && !is_void)
        sim_on_close(w, e);
    if (e->kind == SIM_CALL)
        store_take(w, e->call); /* and it has it now */
    else
        free_call(e->call);
    free(e->bytes);
}

/* What is meant for a paused machine waits: sockets are full when it wakes, and then comes its turn; after
 * a pause of the whole machine the turn comes first and the packets are sent again later. */
static void postpone(struct world *w, struct sim_event *e, const struct host *h)
{
    bool turn = e->kind == SIM_TURN;
    e->at = h->paused_until + (h->pause_lag ? (turn ? 0 : h->pause_lag) : turn);
    sim_schedule(w, *e);
}

void world_run(struct world *w, uint64_t end)
{
    for (int i = 0; i < EVENTS_MAX && w->heap_count && w->heap[0].at <= end && !w->failure[0]; i++) {
        struct sim_event e = take_event(w);
        w->now = e.at;
        const struct host *paused = sim_waits_for(w, &e);
        if (paused) {
            postpone(w, &e, paused);
            continue;
        }
        run_event(w, &e);
        check_event(w, &e);
    }
    w->now = end;
}

/* Keys and handshakes draw from the seed too, so that equal seeds are equal runs to the last byte (Q4). */
static uint64_t chance_state;

static uint32_t next_chance(void)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 32);
}

static void fill_chance(void *const buf, const size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buf)[i] = (uint8_t)next_chance();
}

static const char *chance_name(void)
{
    return "seeded";
}

static void seed_library(uint64_t seed)
{
    static struct randombytes_implementation seeded = { .implementation_name = chance_name,
                                                        .random = next_chance,
                                                        .buf = fill_chance };
    chance_state = seed;
    if (randombytes_set_implementation(&seeded))
        abort();
}

/* Mostly a pair; every node more costs its share of links, so few worlds have the most. */
static int some_number_of_hosts(struct world *w)
{
    enum { MANY = 5 };
    int count = sim_pick(w, 2) ? 2 : 2 + (int)sim_pick(w, MANY - 1);
    return count < MANY ? count : MANY + (int)sim_pick(w, SIM_NODES_MAX - MANY + 1);
}

void world_init(struct world *w, uint64_t seed, const bool *skips, bool verbose)
{
    *w = (struct world){ .seed = seed, .random = seed * 0x2545f4914f6cdd1du + 1, .verbose = verbose, .skips = skips };
    seed_library(seed);
    w->now = 1000;
    w->host_count = some_number_of_hosts(w);
    kind_draw(w);
    families = w->kind.families;
    is_over_six = w->kind.is_over_six;
    w->is_narrow = sim_pick(w, 3) == 0;
    w->is_mixed = sim_pick(w, 5) == 0;
    w->nva_count = 1 + (int)sim_pick(w, SIM_NVAS_MAX);
    w->prefix_count = 4 + (int)sim_pick(w, SIM_PREFIXES_MAX - 4);
    w->faults_until = w->now + FAULTS_MS;
    enum sim_store_kind kind = (enum sim_store_kind)sim_pick(w, SIM_STORE_KINDS);
    if (kind != SIM_NO_STORE)
        store_init(w, kind);
    for (int i = 0; i < w->nva_count; i++) {
        w->nvas[i].nodes = some_nodes(w);
        choose_restart(w, &w->nvas[i]);
    }
    init_keys(w);
    init_config(w);
    if (sim_pick(w, 2))
        agent_init(w);
    for (int i = 0; i < w->nva_count; i++)
        nva_init(w, &w->nvas[i], i);
    for (int i = 0; i < w->nva_count; i++)
        for (int k = 0; k < w->prefix_count; k++)
            if (sim_pick(w, 2))
                nva_set(&w->nvas[i], k, true, 0);
    for (int i = 0; i < w->host_count; i++) {
        w->hosts[i].number = i;
        w->hosts[i].world = w;
        host_start(w, &w->hosts[i]);
    }
    kind_count(w);
    act_begin(w);
}

void world_fini(struct world *w)
{
    for (int i = 0; i < w->host_count; i++) {
        shared_close(&w->hosts[i]);
        core_free(w->hosts[i].core);
        free(w->hosts[i].bucket);
    }
    store_fini(w);
    agent_fini(w);
    for (int i = 0; i < w->nva_count; i++)
        nva_fini(&w->nvas[i]);
    for (size_t i = 0; i < w->heap_count; i++) {
        free(w->heap[i].bytes);
        free_call(w->heap[i].call);
    }
    free(w->heap);
    sim_peers_fini(w);
}
