/* A small RIB with NVAs, for tests of replication: routes by number, attributes by one AS number. */
#ifndef TANDEM_TESTS_RIBS_H
#define TANDEM_TESTS_RIBS_H

#include <assert.h>
#include <string.h>

#include "bgp/rib/rib.h"

enum { RIBS_NVAS = 3 }; /* besides number 0, the configuration */

struct ribs {
    struct rib rib;
    struct policy_nva nvas[RIBS_NVAS + 1];
    struct policy policy;
};

static inline void ribs_init(struct ribs *x, uint8_t self)
{
    *x = (struct ribs){ 0 };
    for (uint8_t i = 1; i <= RIBS_NVAS; i++)
        x->nvas[i] = (struct policy_nva){ .address = { .bytes = { 10, 1, 0, i } },
                                          .asn = 65000u + i,
                                          .symmetric = true };
    struct rib_cfg cfg = { .key = { 1, 2 },
                           .nvas = x->nvas,
                           .nva_count = RIBS_NVAS + 1,
                           .policy = &x->policy,
                           .max_paths = 8,
                           .self = self,
                           .keep_tombstones = true };
    int err = rib_init(&x->rib, &cfg);
    assert(!err);
    (void)err;
}

static inline struct ip_prefix ribs_prefix(uint32_t number)
{
    return (struct ip_prefix){ .len = 32, .bytes = { 172, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number } };
}

/* An interned set with a reference: the path is one AS. */
static inline uint32_t ribs_attrs(struct ribs *x, uint16_t nva, uint32_t asn)
{
    uint8_t bytes[] = { 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, (uint8_t)(asn >> 24), (uint8_t)(asn >> 16), (uint8_t)(asn >> 8), (uint8_t)asn };
    struct bgp_attrs attrs;
    bool ok = bgp_attrs_summarise(bytes, sizeof bytes, &attrs);
    assert(ok);
    (void)ok;
    attrs.next_hop = x->nvas[nva].address;
    uint32_t id = bgp_attrs_intern(&x->rib.attrs, &attrs);
    assert(id);
    return id;
}

static inline void ribs_announce(struct ribs *x, uint8_t origin, uint16_t nva, uint32_t number,
                                 uint32_t path_id, uint32_t asn)
{
    struct ip_prefix p = ribs_prefix(number);
    uint32_t attrs = ribs_attrs(x, nva, asn);
    int err = rib_announce(&x->rib, origin, nva, &p, path_id, attrs);
    assert(!err);
    (void)err;
    bgp_attrs_unref(&x->rib.attrs, attrs);
}

static inline void ribs_withdraw(struct ribs *x, uint8_t origin, uint16_t nva, uint32_t number,
                                 uint32_t path_id, uint64_t now_ms)
{
    struct ip_prefix p = ribs_prefix(number);
    int err = rib_withdraw(&x->rib, origin, nva, &p, path_id, now_ms);
    assert(!err);
    (void)err;
}

static inline void ribs_session(struct ribs *x, uint8_t origin, uint16_t nva,
                                enum rib_session_state state, uint32_t generation, uint64_t now_ms)
{
    struct rib_session fact = { .state = (uint8_t)state, .generation = generation, .identifier = nva };
    int err = rib_session_set(&x->rib, origin, nva, &fact, now_ms);
    assert(!err);
    (void)err;
}

/* Carry out what was said of many entries at once. */
static inline void ribs_sweep(struct ribs *x)
{
    int err = rib_sweep(&x->rib, UINT32_MAX, 0);
    assert(!err);
    (void)err;
}

/* The path of this origin and NVA, old or current; NULL: none. */
static inline const struct rib_path *ribs_path(const struct ribs *x, uint8_t origin, uint16_t nva,
                                               uint32_t number, uint32_t path_id)
{
    struct ip_prefix p = ribs_prefix(number);
    uint32_t net = prefix_table_find(&x->rib.nets, &p);
    for (uint32_t i = net ? rib_net(&x->rib, net)->paths : 0; i;) {
        const struct rib_path *path = rib_path(&x->rib, i);
        if (path->origin == origin && path->nva == nva && rib_path_id(path) == path_id)
            return rib_path_is_flushed(&x->rib, path) ? NULL : path;
        i = rib_path_next(path);
    }
    return NULL;
}

/* The same attributes and next hop, each with its id in its RIB. */
static inline bool ribs_are_same_attrs(const struct ribs *a, uint32_t x, const struct ribs *b, uint32_t y)
{
    const struct bgp_attrs *p = bgp_attrs_get(&a->rib.attrs, x), *q = bgp_attrs_get(&b->rib.attrs, y);
    return ip_addr_is_equal(&p->next_hop, &q->next_hop) && p->len == q->len &&
           memcmp(p->bytes, q->bytes, p->len) == 0;
}

static inline bool ribs_are_same_sessions(const struct rib_origin *a, const struct rib_origin *b)
{
    for (int nva = 1; nva <= RIBS_NVAS; nva++) {
        const struct rib_session *p = &a->sessions[nva], *q = &b->sessions[nva];
        if (!p->listed && q->state == RIB_SESSION_DOWN)
            continue; /* the origin has forgotten its NVA, which a copy is not told */
        if (p->state != q->state || p->generation != q->generation || p->restarts != q->restarts ||
            p->is_taken_out != q->is_taken_out || p->families != q->families)
            return false;
    }
    return true;
}

#endif
