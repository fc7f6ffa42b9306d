/* One origin's version order, through the codec, into a replica. */
#ifndef TANDEM_TESTS_LIB_STREAM_LAB_H
#define TANDEM_TESTS_LIB_STREAM_LAB_H

#include <string.h>

#include "replication/stream.h"
#include "tests/lib/cu.h"
#include "tests/lib/ribs.h"

enum { ORIGIN = 1, REPLICA = 2, MESSAGES_MAX = 4096 };

static const char *const names[] = { "vnet", "fw-1", "fw-2", "sdwan" };

struct pair {
    struct ribs origin, replica;
    uint64_t incarnation;
    struct repl_sender sender;
    struct repl_replica copy;
    struct repl_names here, there;
    struct repl_batcher *batcher;
    uint64_t now;
    uint32_t entries; /* routes and facts that were transferred */
    uint32_t resets;
    uint64_t random;
};

static inline struct repl_source source(const struct pair *p)
{
    return (struct repl_source){ .origin = ORIGIN, .incarnation = p->incarnation };
}

static inline void join(struct pair *p)
{
    struct repl_position have = repl_replica_join(&p->copy, &p->replica.rib, p->incarnation, p->now);
    struct repl_source from = source(p);
    repl_sender_subscribe(&p->sender, &p->origin.rib, &from, &have);
}

static inline void begin(struct pair *p)
{
    *p = (struct pair){ .incarnation = 7, .now = 1000 };
    ribs_init(&p->origin, ORIGIN);
    ribs_init(&p->replica, REPLICA);
    p->here = p->there = (struct repl_names){ names, RIBS_NVAS + 1 };
    p->batcher = repl_batcher_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->batcher);
    CU_ASSERT_EQUAL_FATAL(repl_replica_init(&p->copy, ORIGIN, RIBS_NVAS + 1), 0);
    join(p);
}

static inline void end(struct pair *p)
{
    rib_fini(&p->origin.rib);
    rib_fini(&p->replica.rib);
    repl_replica_fini(&p->copy);
    repl_batcher_free(p->batcher);
}

static inline uint32_t entries_of(const struct repl_batch *b)
{
    uint32_t n = b->fact_count;
    for (uint32_t i = 0; i < b->route_count; i++) {
        struct bgp_nlri run = { .at = b->routes[i].nlri,
                                .len = b->routes[i].len,
                                .family = b->routes[i].family,
                                .has_path_id = b->routes[i].has_path_id };
        struct ip_prefix prefix;
        for (uint32_t id; bgp_nlri_next(&run, &prefix, &id);)
            n++;
    }
    return n;
}

static inline enum repl_apply apply(struct pair *p, const struct repl_msg *m)
{
    if (m->kind == REPL_RESET) {
        p->resets++;
        return repl_replica_reset(&p->copy, &p->replica.rib, &m->reset);
    }
    p->entries += entries_of(&m->batch);
    return repl_replica_apply(&p->copy, &p->replica.rib, &p->there, &m->batch, p->now);
}

/* One message through the codec. False: the sender has nothing. */
static inline bool transfer(struct pair *p, enum repl_apply *result)
{
    struct repl_msg m, read;
    struct arena arena = { 0 };
    struct repl_source from = source(p);
    uint8_t buf[REPL_PAYLOAD_MAX];
    if (!repl_sender_next(&p->sender, &p->origin.rib, &p->here, &from, p->batcher, &m))
        return false;
    int len = repl_msg_encode(&m, buf, sizeof buf);
    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT_EQUAL_FATAL(repl_msg_decode(buf, (size_t)len, &arena, &read), 0);
    CU_ASSERT_TRUE(read.kind == REPL_RESET || read.batch.is_nested == p->sender.is_nested);
    *result = apply(p, &read);
    CU_ASSERT_TRUE(*result == REPL_APPLIED || *result == REPL_APPLIED_CUT);
    arena_fini(&arena);
    return true;
}

static inline void run(struct pair *p)
{
    enum repl_apply result = REPL_APPLIED;
    int left = MESSAGES_MAX;
    while (left-- && transfer(p, &result))
        ;
    CU_ASSERT_TRUE(left > 0);
    CU_ASSERT_TRUE(p->copy.cut_seen);
}

/* R4: exactly the live entries of the origin; and its sessions. */
static inline bool is_equal(struct pair *p)
{
    ribs_sweep(&p->origin);
    ribs_sweep(&p->replica);
    const struct rib_origin *a = &p->origin.rib.origins[ORIGIN], *b = &p->replica.rib.origins[ORIGIN];
    uint64_t at = 0;
    if (a->paths != b->paths - b->old)
        return false;
    for (uint32_t id; (id = vlist_next(&a->order, &at));) {
        if (id & RIB_FACT)
            continue;
        const struct rib_path *x = rib_path(&p->origin.rib, id);
        struct ip_prefix prefix;
        prefix_table_prefix(&p->origin.rib.nets, rib_path_net(&p->origin.rib, x), &prefix);
        uint32_t number = (uint32_t)prefix.bytes[1] << 16 | (uint32_t)prefix.bytes[2] << 8 | prefix.bytes[3];
        const struct rib_path *y = ribs_path(&p->replica, ORIGIN, x->nva, number, rib_path_id(x));
        if (x->attrs && (!y || !y->attrs || !ribs_are_same_attrs(&p->origin, x->attrs, &p->replica, y->attrs)))
            return false;
    }
    return ribs_are_same_sessions(a, b);
}

static inline void up(struct pair *p, uint16_t nva)
{
    ribs_session(&p->origin, ORIGIN, nva, RIB_SESSION_SYNCING, 1, p->now);
}

#endif
