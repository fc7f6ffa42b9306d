/* Messages of the channels there and back, and batches for it. */
#ifndef TANDEM_TESTS_LIB_CODEC_LAB_H
#define TANDEM_TESTS_LIB_CODEC_LAB_H

#include <stdlib.h>
#include <string.h>

#include "cluster.pb-c.h"
#include "replication/codec.h"
#include "tests/lib/cu.h"

enum { CLUSTER = 1, TABLE = 2 }; /* the first byte of a payload */

static const uint8_t attrs[] = { 0x40, 1, 1, 0, 0x40, 2, 0 };
static const struct ip_addr hop4 = { .family = BGP_IP4, .bytes = { 10, 1, 0, 4 } };
static const struct ip_addr hop6 = { .family = BGP_IP6, .bytes = { 0xfd, 0, 1 } };

/* Of three groups with routes and two without, in either form. */
static inline struct repl_msg batch(bool is_nested)
{
    /* Two prefixes and 0/0, one with path id 7, and the same as the first again. */
    static const uint8_t runs[] = { 24, 10, 1, 2, 16, 172, 16, 0, 0, 0, 0, 7, 24, 10, 1, 2, 24, 10, 1, 2, 16, 172, 16, 0 };
    static const uint8_t versions[] = { 0, 0x80, 1, 127, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 2 };
    static const char *const names[] = { "fw-1", "sdwan" };
    static const struct repl_attr sets[] = { { .next_hop = { .bytes = { 10, 1, 0, 4 } }, .bytes = attrs, .len = 4 },
                                             { .next_hop = { .family = BGP_IP6, .bytes = { 0xfd } },
                                               .link_local = { .family = BGP_IP6, .bytes = { 0xfe, 0x80 } },
                                               .parts = UINT16_MAX },
                                             { .next_hop = { .bytes = { 10, 1, 0, 4 } }, .bytes = attrs + 4, .len = 3 } };
    static const struct repl_fact facts[] = { { .nva = 1, .generation = 3, .state = 1, .identifier = 0x0a010004, .restarts = true, .families = 3 },
                                              { .nva = 0, .state = 0, .is_taken_out = true } };
    static const struct repl_routes routes[] = {
        { .nva = 0, .generation = 3, .attr = 1, .family = BGP_IP4, .nlri = runs, .len = 8, .versions = versions, .versions_len = 4,
          .disproved = true },
        { .nva = 1, .generation = 3, .attr = 1, .family = BGP_IP4, .has_path_id = true, .nlri = runs + 8, .len = 8,
          .versions = versions + 4, .versions_len = 1, .restarts = true },
        { .nva = 1, .generation = 3, .attr = 0, .family = BGP_IP6, .nlri = runs + 16, .len = 8, .versions = versions + 5,
          .versions_len = 12, .unheard = true },
        { .nva = 1, .generation = 3, .attr = 2, .family = BGP_IP4, .nlri = runs + 24 },
        { .nva = 1, .generation = 3, .attr = 3, .family = BGP_IP4, .nlri = runs + 24 },
    };
    return (struct repl_msg){ .kind = REPL_BATCH,
                              .batch = { .origin = 2,
                                         .incarnation = 1u << 20,
                                         .from = 7,
                                         .to = 9,
                                         .cut = true,
                                         .names = names,
                                         .attrs = sets,
                                         .facts = facts,
                                         .routes = routes,
                                         .name_count = 2,
                                         .attr_count = 3,
                                         .fact_count = 2,
                                         .route_count = 5,
                                         .part = attrs,
                                         .part_at = UINT16_MAX - sizeof attrs,
                                         .part_len = sizeof attrs,
                                         .is_nested = is_nested } };
}

static inline size_t encode(const struct repl_msg *m, uint8_t *buf)
{
    int len = repl_msg_encode(m, buf, REPL_PAYLOAD_MAX);
    CU_ASSERT_TRUE_FATAL(len > 0);
    return (size_t)len;
}

/* Decodes from memory of exactly that length, so that a sanitizer sees any step too far. */
static inline int decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out, uint8_t **copy)
{
    *copy = malloc(len + !len);
    memcpy(*copy, data, len);
    return repl_msg_decode(*copy, len, arena, out);
}

static inline int decode_cluster(const Tandem__Cluster__Message *pb)
{
    static uint8_t buf[4 * REPL_PAYLOAD_MAX];
    struct arena arena = { 0 };
    struct repl_msg out;
    uint8_t *copy;
    buf[0] = CLUSTER;
    size_t len = 1 + tandem__cluster__message__pack(pb, buf + 1);
    int err = decode(buf, len, &arena, &out, &copy);
    free(copy);
    arena_fini(&arena);
    return err;
}

/* All of batch() comes back in this form. */
static inline void batch_is_kept(bool is_nested)
{
    struct repl_msg in = batch(is_nested);
    uint8_t buf[REPL_PAYLOAD_MAX], *copy;
    struct arena arena = { 0 };
    struct repl_msg out;
    size_t len = encode(&in, buf);
    CU_ASSERT_EQUAL(decode(buf, len, &arena, &out, &copy), 0);
    const struct repl_batch *a = &in.batch, *b = &out.batch;
    CU_ASSERT_EQUAL(b->is_nested, a->is_nested);
    CU_ASSERT_EQUAL(b->origin, 2);
    CU_ASSERT_EQUAL(b->incarnation, 1u << 20);
    CU_ASSERT_TRUE(b->from == 7 && b->to == 9 && b->cut);
    CU_ASSERT_FATAL(b->name_count == 2 && b->attr_count == 3 && b->fact_count == 2 && b->route_count == 5);
    CU_ASSERT_STRING_EQUAL(b->names[1], "sdwan");
    CU_ASSERT_TRUE(ip_addr_is_equal(&b->attrs[0].next_hop, &hop4));
    CU_ASSERT_EQUAL(b->attrs[1].next_hop.family, BGP_IP6);
    CU_ASSERT_TRUE(ip_addr_is_equal(&b->attrs[1].link_local, &a->attrs[1].link_local));
    CU_ASSERT_TRUE(ip_addr_is_zero(&b->attrs[0].link_local));
    CU_ASSERT_TRUE(!b->attrs[0].parts && b->attrs[1].parts == UINT16_MAX && !b->attrs[1].len && !b->attrs[2].parts);
    CU_ASSERT_TRUE(ip_addr_is_equal(&b->attrs[2].next_hop, &hop4) && ip_addr_is_zero(&b->attrs[2].link_local));
    CU_ASSERT_FATAL(b->attrs[0].len == 4 && b->attrs[2].len == 3);
    CU_ASSERT_TRUE(!memcmp(b->attrs[0].bytes, attrs, 4) && !memcmp(b->attrs[2].bytes, attrs + 4, 3));
    CU_ASSERT_TRUE(b->part_at == a->part_at && b->part_len == sizeof attrs);
    CU_ASSERT_EQUAL(memcmp(b->part, attrs, sizeof attrs), 0);
    CU_ASSERT_TRUE(b->facts[0].nva == 1 && b->facts[0].generation == 3 && b->facts[0].state == 1);
    CU_ASSERT_EQUAL(b->facts[0].identifier, 0x0a010004);
    CU_ASSERT_TRUE(b->facts[0].restarts && !b->facts[1].restarts);
    CU_ASSERT_TRUE(!b->facts[0].is_taken_out && b->facts[1].is_taken_out);
    CU_ASSERT_TRUE(b->facts[0].families == 3 && b->facts[1].families == 0);
    for (int i = 0; i < 5; i++) {
        const struct repl_routes *x = &a->routes[i], *y = &b->routes[i];
        CU_ASSERT_TRUE(x->nva == y->nva && x->generation == y->generation && x->attr == y->attr && x->family == y->family);
        CU_ASSERT_TRUE(x->has_path_id == y->has_path_id && x->disproved == y->disproved && x->restarts == y->restarts &&
                       x->unheard == y->unheard);
        CU_ASSERT_FATAL(x->len == y->len && x->versions_len == y->versions_len);
        CU_ASSERT_TRUE(!x->len || !memcmp(x->nlri, y->nlri, x->len));
        CU_ASSERT_TRUE(!x->versions_len || !memcmp(x->versions, y->versions, x->versions_len));
    }
    free(copy);
    arena_fini(&arena);
}

#endif
