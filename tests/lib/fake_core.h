/* A core that only can be looked at: sight on a real RIB, for tests of the API. Two nodes, two
 * firewalls and an SD-WAN; the test announces routes with fake_route. A program that includes this
 * defines every core_* function that the API calls, so the library's core is not linked. */
#ifndef TANDEM_TESTS_FAKE_CORE_H
#define TANDEM_TESTS_FAKE_CORE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/core/core.h"

enum { FAKE_PEERS = 3 };

struct core {
    struct rib rib;
    struct config config;
    struct config_peer peers[FAKE_PEERS];
    struct policy_nva nvas[FAKE_PEERS + 1];
    struct policy policy;
    struct core_event events[8];
    uint64_t event_count, lost; /* lost: sequence numbers that fell out of the ring */
    bool is_ready, is_other_steady;
    uint8_t drain;          /* enum core_drain_state */
    char acted[128];        /* the last order */
    enum core_act act;      /* what becomes of one */
    struct core_target_view target; /* the only one, if it has a state */
    bool wants_all;                 /* for it; else nothing */
    struct core_peer_error peer_error; /* of each NVA */
};

static inline struct core *fake_core(void)
{
    static const char *const names[] = { "fw-1", "fw-2", "sdwan" };
    struct core *c = calloc(1, sizeof *c);
    assert(c);
    c->is_ready = true;
    snprintf(c->config.name, sizeof c->config.name, "hub-rs");
    c->config.asn = 65515;
    c->config.node_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        c->config.nodes[i].id = i + 1;
        snprintf(c->config.nodes[i].name, sizeof c->config.nodes[i].name, "rs-%c", 'a' + (int)i);
    }
    c->config.peers = c->peers;
    c->config.peer_count = FAKE_PEERS;
    for (uint8_t i = 0; i < FAKE_PEERS; i++) {
        snprintf(c->peers[i].name, sizeof c->peers[i].name, "%s", names[i]);
        c->peers[i].nodes = 6;
        c->peers[i].peer_asn = 65001u + i;
        c->peers[i].stale_path_s = 360;
        c->peers[i].peer_ip = (struct ip_addr){ .bytes = { 10, 1, 2, (uint8_t)(4 + i) } };
        c->nvas[i + 1].address = c->peers[i].peer_ip;
    }
    struct rib_cfg cfg = { .nvas = c->nvas,
                           .nva_count = FAKE_PEERS + 1,
                           .policy = &c->policy,
                           .max_paths = 8,
                           .self = 1,
                           .keep_tombstones = true };
    int err = rib_init(&c->rib, &cfg);
    assert(!err);
    (void)err;
    return c;
}

static inline void fake_core_free(struct core *c)
{
    rib_fini(&c->rib);
    free(c);
}

/* The NVA (1..) announces a prefix on a session with origin; path: AS numbers. With a MED also the
 * communities 65515:med and 65515:1:med. */
static inline void fake_route_of(struct core *c, uint8_t origin, uint16_t nva, const char *prefix,
                                 const uint32_t *path, uint8_t path_len, int med)
{
    uint8_t bytes[128];
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    wire_put(&w, (uint8_t[]){ 0x40, 1, 1, 0, 0x40, 2, (uint8_t)(2 + 4 * path_len), 2, path_len },
             9);
    for (uint8_t i = 0; i < path_len; i++)
        wire_put32(&w, path[i]);
    if (med >= 0) {
        wire_put(&w, (uint8_t[]){ 0x80, 4, 4 }, 3);
        wire_put32(&w, (uint32_t)med);
        wire_put(&w, (uint8_t[]){ 0xc0, 8, 4, 0xff, 0xeb, 0, (uint8_t)med }, 7);
        wire_put(&w, (uint8_t[]){ 0xc0, 32, 12, 0, 0, 0xff, 0xeb, 0, 0, 0, 1, 0, 0, 0, (uint8_t)med }, 15);
    }
    struct bgp_attrs attrs;
    struct ip_prefix p;
    bool ok =
        bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &attrs) && !ip_prefix_parse(prefix, &p);
    assert(ok);
    attrs.next_hop = c->nvas[nva].address;
    uint32_t id = bgp_attrs_intern(&c->rib.attrs, &attrs);
    c->rib.origins[origin].sessions[nva].identifier = nva;
    ok = id && !rib_announce(&c->rib, origin, nva, &p, 0, id);
    assert(ok);
    (void)ok;
    bgp_attrs_unref(&c->rib.attrs, id);
}

static inline void fake_decide(struct core *c)
{
    struct rib_change change;
    for (uint32_t net; (net = rib_next_dirty(&c->rib));) {
        int err = rib_decide(&c->rib, net, &change);
        assert(!err);
        (void)err;
        nhset_unref(&c->rib.sets, change.old_nhset);
    }
}

static inline void fake_event(struct core *c, const char *name, const char *fields)
{
    struct core_event *e = &c->events[c->event_count % 8];
    *e = (struct core_event){ .sequence = ++c->event_count + c->lost,
                              .name = name,
                              .level = CONFIG_LOG_WARN };
    snprintf(e->subject, sizeof e->subject, "peer=fw-1");
    snprintf(e->fields, sizeof e->fields, "%s", fields);
}

struct rib *core_rib(struct core *c)
{
    return &c->rib;
}

bool core_next_event(const struct core *c, uint64_t *sequence, struct core_event *out)
{
    for (uint64_t i = 0; i < c->event_count && i < 8; i++) {
        if (c->events[i].sequence <= *sequence)
            continue;
        *out = c->events[i];
        *sequence = out->sequence;
        return true;
    }
    return false;
}

const char *core_phase_name(enum core_phase phase)
{
    return phase == CORE_STEADY ? "steady" : "converging";
}

size_t core_node_count(const struct core *c)
{
    return c->config.node_count;
}

void core_node_view(const struct core *c, size_t nth, uint64_t now_ms, struct core_node_view *out)
{
    (void)now_ms;
    *out = (struct core_node_view){ .node = &c->config.nodes[nth],
                                    .is_self = nth == 0,
                                    .state = nth == 0 || c->is_other_steady ? REPL_MEMBER_ALIVE
                                                                            : REPL_MEMBER_DEAD,
                                    .steady = c->is_other_steady };
}

size_t core_peer_count(const struct core *c)
{
    return c->config.peer_count;
}

bool core_peer_view(const struct core *c, size_t nth, struct core_peer_view *out)
{
    static const struct bgp_session_stats stats = { .messages_in = { 0, 1, 2, 0, 3, 0 } };
    *out = (struct core_peer_view){ .peer = &c->peers[nth],
                                    .nva = (uint16_t)(nth + 1),
                                    .here = true,
                                    .stats = &stats,
                                    .state = nth < 2 ? BGP_ESTABLISHED : BGP_ACTIVE,
                                    .error = c->peer_error,
                                    .nodes_all = 6,
                                    .nodes_up = nth == 0   ? 6u
                                                : nth == 1 ? 2u
                                                           : 0u };
    return true;
}

uint32_t core_told(const struct core *c, size_t peer, uint32_t net, struct adjout_sent *out)
{
    uint32_t best = rib_best(rib_net(&c->rib, net));
    if (!best || peer != 2)
        return 0;
    out[0] = (struct adjout_sent){ .attrs = rib_path(&c->rib, best)->attrs };
    return 1;
}

bool core_told_of(const struct core *c, size_t peer, uint32_t path, const struct adjout_sent *sent)
{
    (void)peer;
    return rib_path(&c->rib, path)->attrs == sent->attrs;
}

bool core_told_as(const struct core *c, size_t peer, uint32_t net, const struct adjout_sent *sent,
                  uint8_t *bytes, struct bgp_attrs *out)
{
    const struct bgp_attrs *a = bgp_attrs_get(&c->rib.attrs, sent->attrs);
    const struct bgp_export how = { .local_asn = 65515 };
    const struct bgp_codec codec = { .as4 = true };
    (void)peer, (void)net;
    int len = bgp_attrs_export(a, &how, &codec, bytes, BGP_EXPORT_MAX);
    bool ok = len >= 0 && bgp_attrs_summarise(bytes, (uint16_t)len, out);
    out->next_hop = a->next_hop;
    return ok;
}

const char *core_nva_name(const struct core *c, uint16_t nva)
{
    return nva ? c->peers[nva - 1].name : "vnet";
}

size_t core_target_count(const struct core *c)
{
    return c->target.state != NULL;
}

void core_target_view(const struct core *c, size_t nth, struct core_target_view *out)
{
    (void)nth;
    *out = c->target;
}

enum vnet_verdict core_target_verdict(const struct core *c, size_t nth, uint32_t net)
{
    (void)c, (void)nth, (void)net;
    return VNET_PROGRAMMED;
}

uint32_t core_target_wanted(const struct core *c, size_t nth, uint32_t net)
{
    (void)nth;
    return c->wants_all ? rib_net_nhset(&c->rib, net) : 0;
}

enum program_wait core_target_waits(const struct core *c, size_t nth, uint32_t net)
{
    (void)c, (void)nth, (void)net;
    return PROGRAM_FAILING;
}

uint32_t core_target_installed(const struct core *c, size_t nth, uint32_t net)
{
    (void)c, (void)nth, (void)net;
    return 0;
}

void core_set_agents(struct core *c, const struct config_agent *agents, size_t count, uint64_t now_ms)
{
    (void)c, (void)agents, (void)count, (void)now_ms;
}

size_t core_agent_count(const struct core *c)
{
    (void)c;
    return 0;
}

void core_agent_view(const struct core *c, size_t nth, struct core_agent_view *out)
{
    (void)c, (void)nth, (void)out;
}

size_t core_station_count(const struct core *c)
{
    return c->config.station_count;
}

void core_station_view(const struct core *c, size_t nth, struct core_station_view *out)
{
    *out = (struct core_station_view){ .station = &c->config.stations[nth], .behind = 3 };
}

const struct core_turns *core_turns(const struct core *c)
{
    static const struct histogram_bounds bounds = { .per_second = 1000000, .count = 2, .at = { 100, 500 } };
    static const struct core_turns turns = { .took = { &bounds, { 5, 2, 1 }, 1200 }, .longest_us = 450 };
    (void)c;
    return &turns;
}

static const struct histogram_bounds fake_milliseconds = { .per_second = 1000, .count = 2, .at = { 1, 2500 } };

const struct histogram *core_times(const struct core *c, enum core_stage stage)
{
    static const struct histogram times[CORE_STAGES] = { { &fake_milliseconds, { 3, 1 }, 5 },
                                                         { &fake_milliseconds, { 0 }, 0 } };
    (void)c;
    return &times[stage];
}

const char *core_failover_name(uint8_t reason)
{
    return reason == CORE_FAILOVER_DEATH ? "death" : "other";
}

bool core_revision(const struct core *c, size_t back, struct core_revision *out)
{
    static char text[] = "peers: [] # of old\n";
    (void)c;
    *out = (struct core_revision){ .number = 2 - back, .generation = 7 - back, .digest = { 0xab, 1, 2, (uint8_t)back },
                                   .text = text };
    return back < 2;
}

void core_status(const struct core *c, uint64_t now_ms, struct core_status *out)
{
    (void)now_ms;
    *out = (struct core_status){ .config = &c->config,
                                 .self = &c->config.nodes[0],
                                 .phase = CORE_STEADY,
                                 .router_id = 0x0a010104,
                                 .drain = c->drain,
                                 .drain_text = c->acted,
                                 .prefixes = prefix_table_count(&c->rib.nets),
                                 .config_refused = "" };
}

struct mrt_dump *core_dump(struct core *c, uint64_t now_ms, uint64_t wall_ms)
{
    struct mrt_dump *d = mrt_dump_new(&(struct mrt_dump_cfg){ .rib = &c->rib,
                                                              .view = c->config.name,
                                                              .router_id = 1,
                                                              .asn = c->config.asn,
                                                              .now_ms = now_ms,
                                                              .wall_ms = wall_ms });
    assert(d);
    return d;
}

size_t core_readiness(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    (void)now_ms;
    out[0] = (struct core_check){ .name = "loop", .ok = true };
    out[1] = (struct core_check){ .name = "converged", .ok = c->is_ready, .detail = "waiting" };
    return 2;
}

const char *core_drain_name(uint8_t state)
{
    return state == CORE_SERVING ? "serving" : "drained";
}

void core_drain(struct core *c, const char *text, uint64_t now_ms)
{
    (void)now_ms;
    c->drain = CORE_DRAINED;
    snprintf(c->acted, sizeof c->acted, "drain %s", text);
}

void core_undrain(struct core *c, uint64_t now_ms)
{
    (void)now_ms;
    c->drain = CORE_SERVING;
    snprintf(c->acted, sizeof c->acted, "undrain");
}

enum core_act core_peer_disable(struct core *c, const char *name, const char *text, uint64_t now_ms)
{
    (void)now_ms;
    snprintf(c->acted, sizeof c->acted, "disable %s %s", name, text ? text : "-");
    return c->act;
}

enum core_act core_peer_enable(struct core *c, const char *name, uint64_t now_ms)
{
    (void)now_ms;
    snprintf(c->acted, sizeof c->acted, "enable %s", name);
    return c->act;
}

enum core_yield core_target_yield(struct core *c, size_t nth, uint64_t now_ms)
{
    (void)nth, (void)now_ms;
    snprintf(c->acted, sizeof c->acted, "yield");
    return CORE_YIELD_NO_HEIR;
}

enum core_act core_peer_clear(struct core *c, const char *name, enum core_clear how, uint64_t now_ms)
{
    (void)now_ms;
    snprintf(c->acted, sizeof c->acted, "clear %s %d", name, (int)how);
    return c->act;
}

bool core_is_live(const struct core *c, uint64_t now_ms)
{
    (void)c, (void)now_ms;
    return true;
}

#endif
