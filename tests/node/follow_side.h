/* A host agent that follows two nodes, what they tell it, and its kernel. */
#ifndef TANDEM_TESTS_NODE_FOLLOW_SIDE_H
#define TANDEM_TESTS_NODE_FOLLOW_SIDE_H

#include "node/program/follow.h"

#include <string.h>

#include "tests/lib/cu.h"

enum { NODES = 2, MAX_OPS = 1000, WALK = 3, MAX_TURNS = 1000 };

static const uint8_t key[16] = { 3 };
static const struct ip_addr hop = { .bytes = { 10, 1, 0, 4 } };
static const struct ip_addr some[] = { { .bytes = { 10, 1, 0, 5 } }, { .bytes = { 10, 1, 0, 6 } }, { .bytes = { 10, 1, 0, 7 } } };
enum { ONE = 1, TWO = 2, THREE = 4 };

static const struct repl_table_batch full = { .reset = true, .complete = true };
static const struct repl_table_batch more = { .complete = true };
static const struct repl_table_batch young = { .reset = true }, still_young = { 0 };
static const struct repl_table_batch isolated = { .complete = true, .isolated = true };

struct side {
    struct follow f;
    struct repl_digest digest[NODES]; /* of what each node has said */
    uint32_t total[NODES];
    uint64_t version[NODES];
    uint32_t deletes;
    int turns; /* that a walk may have at a time */
    bool is_slow; /* the kernel: what it is to do stays on its way */
};

static inline void begin(struct side *s)
{
    *s = (struct side){ .turns = MAX_TURNS };
    CU_ASSERT_TRUE_FATAL(follow_init(&s->f, NODES, key, (struct hash_key){ 1, 2 }));
    for (int i = 0; i < NODES; i++) {
        repl_digest_init(&s->digest[i], REPL_DIGEST_SUM, key);
        follow_connected(&s->f, (size_t)i);
    }
}

static inline struct ip_prefix prefix_of(uint8_t number)
{
    return (struct ip_prefix){ .len = 24, .bytes = { 172, 16, number } };
}

/* The kernel does what the program says. */
static inline void carry_out(struct side *s, uint64_t now_ms)
{
    struct program_op op;
    for (int i = 0; !s->is_slow && i < MAX_OPS && program_next(s->f.program, now_ms, &op); i++) {
        s->deletes += op.kind == PROGRAM_DELETE;
        program_result(s->f.program, &op, true, now_ms);
    }
}

/* Walks go on, mostly to their end. */
static inline void program(struct side *s, uint64_t now_ms)
{
    for (int i = 0; i < s->turns && follow_is_walking(&s->f); i++) {
        follow_turn(&s->f, WALK, now_ms);
        carry_out(s, now_ms);
    }
    carry_out(s, now_ms);
}

static inline void deliver(struct side *s, size_t node, const struct repl_table_routes *routes, uint8_t count,
                           struct repl_table_batch b, uint64_t now_ms)
{
    b.incarnation = 1;
    b.from = s->version[node];
    b.to = s->version[node] += count;
    b.cut = true;
    b.routes = routes;
    b.route_count = count ? 1 : 0;
    b.route_total = s->total[node];
    repl_digest_write(&s->digest[node], b.digest);
    CU_ASSERT_EQUAL(follow_apply(&s->f, node, &b, now_ms), FOLLOW_APPLIED);
    program(s, now_ms);
}

/* A batch of one node: prefixes first .. first + count - 1 with the hop, or removed. */
static inline void say(struct side *s, size_t node, uint8_t first, uint8_t count, struct repl_table_batch b,
                       bool present, bool lost, uint64_t now_ms)
{
    uint8_t nlri[256 * 4];
    struct nhset set = { .count = 1, .members = (struct ip_addr *)(uintptr_t)&hop };
    struct repl_table_routes routes = { .next_hops = &hop, .next_hop_count = present, .nlri = nlri, .lost = lost };
    for (uint8_t i = 0; i < count; i++) {
        struct ip_prefix p = prefix_of((uint8_t)(first + i));
        memcpy(nlri + 4 * i, (uint8_t[]){ 24, 172, 16, p.bytes[2] }, 4);
        repl_digest_change(&s->digest[node], &p, present ? &nhset_empty : &set, present ? &set : &nhset_empty);
        s->total[node] += present ? 1 : UINT32_MAX;
    }
    routes.len = (uint16_t)(4 * count);
    deliver(s, node, &routes, count, b, now_ms);
}

/* What a node says of one prefix and said before: masks of next hops. */
static inline void tell(struct side *s, size_t node, unsigned before, unsigned after, struct repl_table_batch b,
                        bool lost, uint64_t now_ms)
{
    struct ip_addr members[2][3];
    struct nhset sets[2] = { { .members = members[0] }, { .members = members[1] } };
    struct ip_prefix p = prefix_of(1);
    for (unsigned i = 0; i < 3; i++) {
        if (before & 1u << i)
            members[0][sets[0].count++] = some[i];
        if (after & 1u << i)
            members[1][sets[1].count++] = some[i];
    }
    repl_digest_change(&s->digest[node], &p, &sets[0], &sets[1]);
    s->total[node] += (after != 0) - (uint32_t)(before != 0);
    struct repl_table_routes routes = { .next_hops = members[1], .next_hop_count = (uint16_t)sets[1].count,
                                        .nlri = (const uint8_t[]){ 24, 172, 16, 1 }, .len = 4, .lost = lost };
    deliver(s, node, &routes, 1, b, now_ms);
}

/* The mask of what the host leads to. */
static inline unsigned led_to(struct side *s)
{
    struct ip_prefix p = prefix_of(1);
    uint32_t prefix = prefix_table_find(&s->f.prefixes, &p);
    const struct nhset *set = nhset_get(&s->f.sets, prefix ? program_actual_set(s->f.program, prefix) : 0);
    unsigned mask = 0;
    for (uint32_t i = 0; i < set->count; i++)
        mask |= 1u << (set->members[i].bytes[3] - some[0].bytes[3]);
    return mask;
}

static inline uint32_t installed(const struct side *s)
{
    return program_stats(s->f.program)->installed;
}

/* It is gone, and back with an empty table. */
static inline void restart_node(struct side *s, size_t node, uint64_t now_ms)
{
    follow_disconnected(&s->f, node, now_ms);
    follow_connected(&s->f, node);
    s->version[node] = s->total[node] = 0;
    repl_digest_init(&s->digest[node], REPL_DIGEST_SUM, key);
}

#endif
