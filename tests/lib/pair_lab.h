/* Two cores and the connections between them, made of arrays: what one side sends is at the other's in the
 * next round. No NVAs. Times are ticks of a millisecond; nothing is lost. */
#ifndef TANDEM_TESTS_LIB_PAIR_LAB_H
#define TANDEM_TESTS_LIB_PAIR_LAB_H

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/core/core_impl.h"
#include "tests/lib/cu.h"

enum { PAIR_PIPES = 16 };

struct pair_pipe {
    struct pump *end[2]; /* of core 0 and 1; NULL: gone */
    int dialled_by;
};

struct pair {
    struct config config[2]; /* each follows its own file */
    struct core_keys keys[2];
    struct core *core[2];
    struct pair_pipe pipes[PAIR_PIPES];
    uint64_t now, seen[2]; /* seen: events looked at */
    bool cut;              /* nobody answers a dial */
    bool dying;            /* who was killed: its listener accepts yet, and resets */
};

static inline struct repl_identity pair_identity(void)
{
    char text[REPL_KEY_TEXT];
    struct repl_identity id;
    repl_identity_new(text);
    CU_ASSERT_EQUAL_FATAL(repl_identity_parse(text, &id), 0);
    return id;
}

static inline struct repl_secrets pair_secret(void)
{
    char text[REPL_KEY_TEXT];
    struct repl_secrets s;
    repl_secret_new(text);
    CU_ASSERT_EQUAL_FATAL(repl_secret_parse(text, &s), 0);
    return s;
}

static inline void pair_config(struct config *c)
{
    *c = (struct config){ .name = "hub", .asn = 65515, .max_paths = 64, .beat_ms = 50, .dead_ms = 300,
                          .grace_ms = 120000, .stale_ms = 600000, .tombstone_ms = 30000, .defer_ms = 1000,
                          .node_count = 2 };
    for (uint8_t i = 0; i < 2; i++) {
        struct config_node *n = &c->nodes[i];
        *n = (struct config_node){ .id = i + 1u, .cluster_port = 8177, .has_public_key = true };
        snprintf(n->name, sizeof n->name, "rs-%c", 'a' + i);
        n->address = n->cluster_address = (struct ip_addr){ .bytes = { 10, 0, 0, (uint8_t)(1 + i) } };
    }
}

static inline void pair_start(struct pair *p, int side)
{
    struct core_keys *k = &p->keys[side];
    p->core[side] = core_new(&(struct core_cfg){ .config = &p->config[side],
                                                 .self = (uint32_t)side + 1,
                                                 .identity = &k->identity,
                                                 .secrets = &k->secrets[0],
                                                 .next_secrets = k->secret_count > 1 ? &k->secrets[1] : NULL,
                                                 .incarnation = 1 },
                             p->now);
    p->seen[side] = 0;
}

static inline struct pair *pair_open(void)
{
    struct pair *p = calloc(1, sizeof *p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE_FATAL(sodium_init() >= 0);
    struct repl_secrets secret = pair_secret();
    p->now = 1000;
    for (int i = 0; i < 2; i++)
        p->keys[i] = (struct core_keys){ .identity = pair_identity(), .secrets = { secret }, .secret_count = 1 };
    for (int i = 0; i < 2; i++) {
        pair_config(&p->config[i]);
        for (int k = 0; k < 2; k++)
            memcpy(p->config[i].nodes[k].public_key, p->keys[k].identity.public_key, REPL_KEY);
    }
    for (int i = 0; i < 2; i++)
        pair_start(p, i);
    return p;
}

/* Two of three nodes: the third one has a place in the configuration, and does not run. */
static inline struct pair *pair_open_of_three(void)
{
    struct pair *p = pair_open();
    for (int i = 0; i < 2; i++) {
        struct config *c = &p->config[i];
        core_free(p->core[i]);
        c->nodes[2] = c->nodes[1];
        c->nodes[2].id = 3;
        c->nodes[2].cluster_address.bytes[3] = 9;
        c->nodes[2].public_key[0] ^= 1;
        c->node_count = 3;
    }
    for (int i = 0; i < 2; i++)
        pair_start(p, i);
    return p;
}

/* So many prefixes by one next hop, as if a decision had found them: nets without paths. */
static inline void pair_program(struct core *c, uint32_t count)
{
    struct ip_addr hop = { .bytes = { 10, 9, 9, 9 } };
    bool nomem;
    uint32_t set = nhset_intern(&c->rib.sets, &hop, 1, &nomem);
    for (uint32_t i = 0; i < count; i++) {
        struct ip_prefix prefix = { .len = 24, .bytes = { 20, (uint8_t)(i >> 8), (uint8_t)i } };
        uint32_t net = prefix_table_get(&c->rib.nets, &prefix);
        CU_ASSERT_NOT_EQUAL_FATAL(net, 0);
        core_digest_changed(c, net, 0, set);
        rib_net(&c->rib, net)->nhset = (uint16_t)set;
    }
}

static inline void pair_unprogram(struct core *c)
{
    uint32_t set = rib_net_nhset(&c->rib, 1);
    for (uint32_t place = 1; place < prefix_table_top(&c->rib.nets, BGP_IP4); place++)
        rib_net(&c->rib, place)->nhset = 0;
    nhset_unref(&c->rib.sets, set);
}

static inline struct pair_pipe *pair_find(struct pair *p, const struct pump *pump)
{
    for (int i = 0; i < PAIR_PIPES; i++)
        if (pump && (p->pipes[i].end[0] == pump || p->pipes[i].end[1] == pump))
            return &p->pipes[i];
    return NULL;
}

static inline void pair_dial(struct pair *p, int side, struct pump *pump)
{
    struct pair_pipe *pipe = p->pipes;
    int other = 1 - side;
    const struct ip_addr *from = &p->config[0].nodes[side].address, *to = &p->config[0].nodes[other].address;
    struct pump *answer = p->cut || !p->core[other]
                              ? NULL
                              : core_accept(p->core[other], CORE_PORT_CLUSTER, from, to, p->now);
    while (pipe->end[0] || pipe->end[1])
        pipe++;
    CU_ASSERT_TRUE_FATAL(pipe < p->pipes + PAIR_PIPES);
    if (p->dying && !answer) {
        core_connected(p->core[side], pump, from, p->now);
        core_closed(p->core[side], pump, CORE_CLOSE_RESET, p->now);
        return;
    }
    if (!answer) {
        core_closed(p->core[side], pump, p->cut ? CORE_CLOSE_TIMEOUT : CORE_CLOSE_REFUSED, p->now);
        return;
    }
    pipe->end[side] = pump;
    pipe->end[other] = answer;
    pipe->dialled_by = side;
    core_connected(p->core[side], pump, from, p->now);
}

/* What this side has for the other; false: nothing. */
static inline bool pair_move(struct pair *p, struct pair_pipe *pipe, int side)
{
    size_t len, room;
    const uint8_t *bytes = pump_tx_bytes(pipe->end[side], &len);
    if (!len || !pipe->end[1 - side])
        return false;
    uint8_t *to = pump_rx_space(pipe->end[1 - side], &room);
    size_t n = len < room ? len : room;
    memcpy(to, bytes, n);
    core_received(p->core[1 - side], pipe->end[1 - side], n);
    core_sent(p->core[side], pipe->end[side], n, p->now);
    return n != 0;
}

static inline void pair_close(struct pair *p, struct pump *pump, int side)
{
    struct pair_pipe *pipe = pair_find(p, pump);
    int other = 1 - side;
    while (pipe && pair_move(p, pipe, side))
        ;
    core_closed(p->core[side], pump, CORE_CLOSE_EOF, p->now);
    if (!pipe)
        return;
    pipe->end[side] = NULL;
    if (pipe->end[other])
        core_closed(p->core[other], pipe->end[other], CORE_CLOSE_EOF, p->now);
    pipe->end[other] = NULL;
}

static inline void pair_round(struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        struct core_request r;
        if (!p->core[side])
            continue;
        core_turn(p->core[side], p->now);
        for (int i = 0; i < PAIR_PIPES; i++)
            if (p->pipes[i].end[side])
                pair_move(p, &p->pipes[i], side);
        while (core_next_request(p->core[side], &r))
            if (r.kind == CORE_DIAL)
                pair_dial(p, side, r.pump);
            else
                pair_close(p, r.pump, side);
    }
}

static inline void pair_pass(struct pair *p, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++, p->now++)
        pair_round(p);
}

/* The process is gone, and its connections with it. */
static inline void pair_kill(struct pair *p, int side)
{
    for (int i = 0; i < PAIR_PIPES; i++) {
        struct pair_pipe *pipe = &p->pipes[i];
        struct pump *theirs = pipe->end[1 - side];
        if (!pipe->end[side])
            continue;
        *pipe = (struct pair_pipe){ 0 };
        core_closed(p->core[1 - side], theirs, CORE_CLOSE_RESET, p->now);
    }
    core_free(p->core[side]);
    p->core[side] = NULL;
}

/* Has this event come since it was asked last? What came before it is not asked for any more. */
static inline bool pair_heard(struct pair *p, int side, const char *name, const char *part)
{
    struct core_event e;
    while (core_next_event(p->core[side], &p->seen[side], &e))
        if (strcmp(e.name, name) == 0 && (!part || strstr(e.fields, part)))
            return true;
    return false;
}

/* What this side believes of the other. */
static inline struct core_node_view pair_view(const struct pair *p, int side)
{
    struct core_node_view v;
    core_node_view(p->core[side], (size_t)(1 - side), p->now, &v);
    return v;
}

static inline void pair_free(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        core_free(p->core[i]);
    free(p);
}

#endif
