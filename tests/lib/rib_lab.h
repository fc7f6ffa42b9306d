/* A RIB with a few NVAs, for tests of what stands on it. A route is a line of a table:
 *     lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 2 });
 * NVA n has the address 10.1.2.n, AS 65000 + n and, on every node, BGP identifier n unless the test
 * says otherwise. */
#ifndef TANDEM_TESTS_RIB_LAB_H
#define TANDEM_TESTS_RIB_LAB_H

#include <assert.h>
#include <string.h>

#include "bgp/rib/rib.h"

enum { LAB_NVAS = 8, LAB_SELF = 1 };

struct lab {
    struct rib rib;
    struct policy policy;
    struct policy_nva nvas[LAB_NVAS];
    uint64_t now_ms;
};

struct lab_route {
    uint16_t nva; /* 0: the configuration */
    uint8_t node; /* origin, 0 = LAB_SELF */
    uint32_t net; /* which prefix, see lab_prefix */
    uint8_t family;
    uint32_t path_id;
    uint8_t path_len; /* AS hops; the first is first_as or the NVA's own */
    uint8_t origin;   /* enum bgp_origin */
    uint32_t med;     /* 0 = none */
    uint32_t first_as;
    uint32_t community; /* 0 = none */
    uint8_t via;        /* its next hop is the address of this NVA, 0 = see next_hop */
    uint8_t next_hop;   /* 10.1.3.n instead of the NVA's own address, 0 = its own */
    uint16_t padding;   /* bytes of an unknown attribute */
    bool has_link_local; /* fe80::n behind the next hop of IPv6 */
};

static inline void lab_open(struct lab *l, uint32_t max_paths, bool keep_tombstones)
{
    memset(l, 0, sizeof *l);
    l->now_ms = 1000000;
    for (uint8_t i = 1; i < LAB_NVAS; i++)
        l->nvas[i] = (struct policy_nva){ .address = { .bytes = { 10, 1, 2, i } },
                                          .asn = 65000u + i,
                                          .local_asn = 64500,
                                          .symmetric = true };
    struct rib_cfg cfg = { .key = { 11, 13 },
                           .nvas = l->nvas,
                           .nva_count = LAB_NVAS,
                           .policy = &l->policy,
                           .max_paths = max_paths,
                           .self = LAB_SELF,
                           .keep_tombstones = keep_tombstones };
    int err = rib_init(&l->rib, &cfg);
    assert(!err);
    (void)err;
    for (int o = 1; o < RIB_ORIGINS; o++)
        for (uint32_t i = 1; i < LAB_NVAS; i++)
            l->rib.origins[o].sessions[i].identifier = i;
}

static inline void lab_close(struct lab *l)
{
    rib_fini(&l->rib);
}

/* 100.x.y.z/32 or fd00::x/128: as many as a test likes. */
static inline struct ip_prefix lab_prefix(uint8_t family, uint32_t net)
{
    struct ip_prefix p = { .family = family, .len = family == BGP_IP4 ? 32 : 128 };
    p.bytes[0] = family == BGP_IP4 ? 100 : 0xfd;
    uint8_t *last = p.bytes + (family == BGP_IP4 ? 1 : 13);
    last[0] = (uint8_t)(net >> 16);
    last[1] = (uint8_t)(net >> 8);
    last[2] = (uint8_t)net;
    return p;
}

static inline uint32_t lab_attrs(struct lab *l, const struct lab_route *r)
{
    uint8_t bytes[4608];
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    uint8_t path_bytes = r->path_len ? (uint8_t)(2 + 4 * r->path_len) : 0;
    wire_put(&w, (uint8_t[]){ 0x40, BGP_ATTR_ORIGIN, 1, r->origin }, 4);
    wire_put(&w, (uint8_t[]){ 0x40, BGP_ATTR_AS_PATH, path_bytes, 2, r->path_len },
             path_bytes ? 5 : 3);
    for (uint8_t i = 0; i < r->path_len; i++)
        wire_put32(&w, i || !r->first_as ? 65000u + r->nva : r->first_as);
    if (r->med) {
        wire_put(&w, (uint8_t[]){ 0x80, BGP_ATTR_MED, 4 }, 3);
        wire_put32(&w, r->med);
    }
    if (r->community) {
        wire_put(&w, (uint8_t[]){ 0xc0, BGP_ATTR_COMMUNITIES, 4 }, 3);
        wire_put32(&w, r->community);
    }
    if (r->padding) {
        wire_put(&w, (uint8_t[]){ 0xf0, 200, (uint8_t)(r->padding >> 8), (uint8_t)r->padding }, 4);
        memset(wire_reserve(&w, r->padding), 0x5a, r->padding);
    }
    struct bgp_attrs a;
    bool ok = !w.failed && bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &a);
    assert(ok);
    (void)ok;
    a.next_hop = (struct ip_addr){ .family = r->family };
    if (r->nva && r->family == BGP_IP4)
        memcpy(a.next_hop.bytes,
               (uint8_t[]){ 10, 1, r->next_hop ? 3 : 2,
                            r->next_hop ? r->next_hop : r->via ? r->via : (uint8_t)r->nva },
               4);
    else if (r->nva)
        memcpy(a.next_hop.bytes, (uint8_t[16]){ 0xfd, [15] = (uint8_t)r->nva }, 16);
    struct ip_addr link_local = { .family = BGP_IP6, .bytes = { 0xfe, 0x80, [15] = (uint8_t)r->nva } };
    if (r->has_link_local)
        a.link_local = &link_local;
    uint32_t id = bgp_attrs_intern(&l->rib.attrs, &a);
    assert(id);
    return id;
}

static inline uint8_t lab_node(const struct lab_route *r)
{
    return r->nva == 0 ? RIB_CONFIG : r->node ? r->node : LAB_SELF;
}

static inline void lab_announce(struct lab *l, struct lab_route r)
{
    struct ip_prefix p = lab_prefix(r.family, r.net);
    uint32_t id = lab_attrs(l, &r);
    int err = rib_announce(&l->rib, lab_node(&r), r.nva, &p, r.path_id, id);
    assert(!err);
    (void)err;
    bgp_attrs_unref(&l->rib.attrs, id);
}

static inline void lab_withdraw(struct lab *l, struct lab_route r)
{
    struct ip_prefix p = lab_prefix(r.family, r.net);
    int err = rib_withdraw(&l->rib, lab_node(&r), r.nva, &p, r.path_id, l->now_ms);
    assert(!err);
    (void)err;
}

static inline void lab_session(struct lab *l, uint8_t node, uint16_t nva,
                               enum rib_session_state state, uint32_t generation)
{
    struct rib_session fact = { .state = (uint8_t)state,
                                .generation = generation,
                                .identifier = nva };
    int err = rib_session_set(&l->rib, node, nva, &fact, l->now_ms);
    assert(!err);
    (void)err;
}

/* Carry out what was said of many entries at once. */
static inline void lab_sweep(struct lab *l)
{
    int err = rib_sweep(&l->rib, UINT32_MAX, l->now_ms);
    assert(!err);
    (void)err;
}

/* Decide all that is dirty, and find what was foreseen; returns how many nets moved in the Loc-RIB order. */
static inline unsigned lab_decide(struct lab *l)
{
    unsigned moved = 0;
    lab_sweep(l);
    struct rib_change change;
    struct rib_outlook outlook;
    for (uint32_t net; (net = rib_next_dirty(&l->rib));) {
        int err = rib_foresee(&l->rib, net, &outlook);
        err = err ? err : rib_decide(&l->rib, net, &change);
        assert(!err && outlook.nhset == change.new_nhset && outlook.best == rib_best(rib_net(&l->rib, net)));
        (void)err;
        nhset_unref(&l->rib.sets, outlook.nhset);
        nhset_unref(&l->rib.sets, change.old_nhset);
        moved += change.changed;
    }
    return moved;
}

static inline uint32_t lab_net(const struct lab *l, uint8_t family, uint32_t net)
{
    struct ip_prefix p = lab_prefix(family, net);
    return prefix_table_find(&l->rib.nets, &p);
}

static inline uint32_t lab_path(const struct lab *l, const struct lab_route *r)
{
    uint32_t net = lab_net(l, r->family, r->net);
    for (uint32_t i = net ? rib_net(&l->rib, net)->paths : 0; i; i = rib_path_next(rib_path(&l->rib, i))) {
        const struct rib_path *p = rib_path(&l->rib, i);
        if (p->nva == r->nva && p->origin == lab_node(r) && rib_path_id(p) == r->path_id)
            return rib_path_is_flushed(&l->rib, p) ? 0 : i;
    }
    return 0;
}

/* NVA of the best and of the second path of an IPv4 net; -1 = none. */
static inline int lab_nva_of(const struct lab *l, uint32_t path)
{
    return path ? rib_path(&l->rib, path)->nva : -1;
}
static inline int lab_best(const struct lab *l, uint32_t net)
{
    return lab_nva_of(l, rib_best(rib_net(&l->rib, lab_net(l, BGP_IP4, net))));
}
static inline int lab_second(const struct lab *l, uint32_t net)
{
    return lab_nva_of(l, rib_second(&l->rib, rib_net(&l->rib, lab_net(l, BGP_IP4, net))));
}

static inline const struct nhset *lab_set(const struct lab *l, uint32_t net)
{
    return nhset_get(&l->rib.sets, rib_net_nhset(&l->rib, lab_net(l, BGP_IP4, net)));
}

/* All that there are, tombstones too. */
static inline uint32_t lab_path_count(const struct lab *l)
{
    return l->rib.paths.count + l->rib.paths_with_id.count;
}

#endif
