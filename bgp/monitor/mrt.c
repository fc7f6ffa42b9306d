/* Happy path: peers -> IPv4 prefixes -> IPv6 prefixes -> the end. A record that does not fit the buffer
 * is written again into a larger one. */
#include "bgp/monitor/mrt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_DUMP_V2 = 13, /* RFC 6396 section 4 */
    PEER_INDEX_TABLE = 1,
    PEER_IP6 = 1 << 0, /* peer type, RFC 6396 section 4.3.1 */
    PEER_AS4 = 1 << 1,
    HEADER = 12,
    FIRST_ROOM = 64 * 1024,
    VIEW_MAX = 255,
    PEERS_MAX = UINT16_MAX,
};

/* RIB_IPV4_UNICAST and RIB_IPV6_UNICAST, and the same with path ids (RFC 8050 section 4). */
static const uint8_t subtypes[BGP_FAMILIES][2] = { [BGP_IP4] = { 2, 8 }, [BGP_IP6] = { 4, 10 } };

struct mrt_dump {
    struct mrt_dump_cfg cfg;
    char view[VIEW_MAX + 1];
    uint8_t *buf;
    size_t room;
    uint32_t peers;    /* in the index table: paths of an NVA that came since are left out */
    bool has_peers;    /* the index table is out */
    uint8_t family;    /* of the next prefix */
    uint32_t place;    /* of the next prefix in the table */
    uint32_t sequence; /* of the next RIB record */
};

static void begin(const struct mrt_dump *d, struct wire_writer *w, uint16_t subtype)
{
    wire_put32(w, (uint32_t)(d->cfg.wall_ms / 1000));
    wire_put16(w, TABLE_DUMP_V2);
    wire_put16(w, subtype);
    wire_put32(w, 0); /* length: set at the end */
}

static void end(struct wire_writer *w)
{
    if (!w->failed)
        wire_set32(w->start + 8, (uint32_t)(wire_len(w) - HEADER));
}

/* ---- peers ---- */

static uint32_t identifier_of(const struct rib *r, uint32_t nva)
{
    for (int o = 1; o < RIB_ORIGINS; o++)
        if (r->origins[o].sessions[nva].identifier)
            return r->origins[o].sessions[nva].identifier;
    return 0;
}

/* Index and NVA number are the same; 0 is the route server's own configuration. */
static void put_peer(const struct mrt_dump *d, struct wire_writer *w, uint32_t nva)
{
    const struct policy_nva *n = &d->cfg.rib->nvas[nva];
    wire_put8(w, PEER_AS4 | (n->address.family == BGP_IP6 ? PEER_IP6 : 0));
    wire_put32(w, nva ? identifier_of(d->cfg.rib, nva) : d->cfg.router_id);
    wire_put(w, n->address.bytes, ip_addr_len(n->address.family));
    wire_put32(w, nva ? n->asn : d->cfg.asn);
}

static void put_peers(const struct mrt_dump *d, struct wire_writer *w)
{
    begin(d, w, PEER_INDEX_TABLE);
    wire_put32(w, d->cfg.router_id);
    wire_put16(w, (uint16_t)strlen(d->view));
    wire_put(w, d->view, strlen(d->view));
    wire_put16(w, (uint16_t)d->peers);
    for (uint32_t nva = 0; nva < d->peers; nva++)
        put_peer(d, w, nva);
    end(w);
}

/* ---- paths ---- */

static bool is_shown(const struct mrt_dump *d, const struct rib_path *p)
{
    return p->attrs && p->nva < d->peers && rib_path_class(d->cfg.rib, p) != RIB_GONE;
}

/* Of the copies of a path that several nodes have: our own, that of the lowest node, the newest. */
static bool is_copy_of_better(const struct mrt_dump *d, const struct rib_path *p,
                              const struct rib_path *q)
{
    const struct rib *r = d->cfg.rib;
    if (q == p || q->nva != p->nva || rib_path_id(q) != rib_path_id(p) || !is_shown(d, q))
        return false;
    if (q->origin != p->origin)
        return q->origin == r->self || (p->origin != r->self && q->origin < p->origin);
    return rib_path_is_old(r, p);
}

static bool is_wanted(const struct mrt_dump *d, const struct rib_net *n, const struct rib_path *p)
{
    const struct rib *r = d->cfg.rib;
    if (!is_shown(d, p))
        return false;
    for (uint32_t i = n->paths; i; i = rib_path_next(rib_path(r, i)))
        if (is_copy_of_better(d, p, rib_path(r, i)))
            return false;
    return true;
}

static bool has_path_ids(const struct mrt_dump *d, const struct rib_net *n)
{
    const struct rib *r = d->cfg.rib;
    for (uint32_t i = n->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path_id(rib_path(r, i)) && is_shown(d, rib_path(r, i)))
            return true;
    return false;
}

/* NEXT_HOP, or an MP_REACH_NLRI that holds nothing but the next hop (RFC 6396 section 4.3.4). */
static void put_next_hop(struct wire_writer *w, const struct bgp_attrs *a)
{
    bool is_classic = a->next_hop.family == BGP_IP4;
    bool has_both = !is_classic && a->link_local;
    uint8_t len = is_classic ? 4 : has_both ? 32 : 16;
    wire_put8(w, is_classic ? BGP_FLAG_TRANSITIVE : BGP_FLAG_OPTIONAL);
    wire_put8(w, is_classic ? BGP_ATTR_NEXT_HOP : BGP_ATTR_MP_REACH);
    wire_put8(w, is_classic ? len : (uint8_t)(len + 1));
    if (!is_classic)
        wire_put8(w, len);
    wire_put(w, a->next_hop.bytes, ip_addr_len(a->next_hop.family));
    if (has_both)
        wire_put(w, a->link_local->bytes, 16);
}

/* Canonical bytes have no next hop: it goes where its type code belongs. */
static void put_attrs(struct wire_writer *w, const struct bgp_attrs *a)
{
    uint8_t type = a->next_hop.family == BGP_IP4 ? BGP_ATTR_NEXT_HOP : BGP_ATTR_MP_REACH;
    struct wire_reader at = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    size_t before = 0;
    while (bgp_attrs_next(&at, &v) && v.type < type)
        before = (size_t)(at.at - a->bytes);
    wire_put(w, a->bytes, before);
    put_next_hop(w, a);
    wire_put(w, a->bytes + before, a->len - before);
}

static uint32_t heard_s(const struct mrt_dump *d, const struct rib_path *p)
{
    uint64_t synced_ms = d->cfg.rib->origins[p->origin].sessions[p->nva].synced_ms;
    uint64_t ago_ms = synced_ms && synced_ms < d->cfg.now_ms ? d->cfg.now_ms - synced_ms : 0;
    return (uint32_t)((d->cfg.wall_ms - ago_ms) / 1000);
}

static void put_entry(const struct mrt_dump *d, struct wire_writer *w, const struct rib_path *p,
                      bool has_ids)
{
    wire_put16(w, p->nva);
    wire_put32(w, heard_s(d, p)); /* of its session's last End-of-RIB: single paths have no date */
    if (has_ids)
        wire_put32(w, rib_path_id(p));
    uint8_t *len = wire_reserve(w, 2);
    put_attrs(w, bgp_attrs_get(&d->cfg.rib->attrs, p->attrs));
    if (!w->failed)
        wire_set16(len, (uint16_t)(w->at - len - 2));
}

static uint16_t put_prefix(const struct mrt_dump *d, struct wire_writer *w, uint32_t net)
{
    const struct rib *r = d->cfg.rib;
    const struct rib_net *n = rib_net(r, net);
    struct ip_prefix prefix;
    bool has_ids = has_path_ids(d, n);
    uint16_t entries = 0;
    prefix_table_prefix(&r->nets, net, &prefix);
    begin(d, w, subtypes[prefix.family][has_ids]);
    wire_put32(w, d->sequence);
    wire_put8(w, prefix.len);
    wire_put(w, prefix.bytes, ip_prefix_bytes(prefix.len));
    uint8_t *count = wire_reserve(w, 2);
    for (uint32_t i = n->paths; i && entries < UINT16_MAX && !w->failed; i = rib_path_next(rib_path(r, i)))
        if (is_wanted(d, n, rib_path(r, i))) {
            put_entry(d, w, rib_path(r, i), has_ids);
            entries++;
        }
    if (!w->failed)
        wire_set16(count, entries);
    end(w);
    return entries;
}

/* ---- reading ---- */

/* The next prefix that has a path, 0 at the end; d stands at it. */
static uint32_t find_net(struct mrt_dump *d)
{
    const struct prefix_table *nets = &d->cfg.rib->nets;
    for (; d->family < BGP_FAMILIES; d->family++, d->place = 1)
        for (; d->place < prefix_table_top(nets, (enum bgp_family)d->family); d->place++) {
            uint32_t net = d->place | (uint32_t)d->family << PREFIX_FAMILY_SHIFT;
            if (prefix_table_is_used(nets, net) && rib_net(d->cfg.rib, net)->paths)
                return net;
        }
    return 0;
}

/* What stands at d, into the buffer: its length, 0 when there is nothing to say, or a negative error. */
static int write_record(struct mrt_dump *d, uint32_t net, size_t *len)
{
    for (;;) {
        struct wire_writer w = wire_writer(d->buf, d->room);
        uint16_t entries = 1;
        if (net)
            entries = put_prefix(d, &w, net);
        else
            put_peers(d, &w);
        *len = entries ? wire_len(&w) : 0;
        if (!w.failed)
            return 0;
        uint8_t *wider = realloc(d->buf, d->room * 2);
        if (!wider)
            return BGP_ERR_NOMEM;
        d->buf = wider;
        d->room *= 2;
    }
}

int mrt_dump_next(struct mrt_dump *d, const uint8_t **record, size_t *len)
{
    do {
        uint32_t net = d->has_peers ? find_net(d) : 0;
        if (d->has_peers && !net)
            return 0;
        if (write_record(d, net, len))
            return BGP_ERR_NOMEM;
        d->sequence += net && *len;
        d->place += net != 0;
        d->has_peers = true;
    } while (!*len);
    *record = d->buf;
    return 1;
}

struct mrt_dump *mrt_dump_new(const struct mrt_dump_cfg *cfg)
{
    struct mrt_dump *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->cfg = *cfg;
    d->peers = cfg->rib->nva_count < PEERS_MAX ? cfg->rib->nva_count : PEERS_MAX;
    d->place = 1;
    d->room = FIRST_ROOM;
    strncpy(d->view, cfg->view, VIEW_MAX);
    d->buf = malloc(d->room);
    if (d->buf)
        return d;
    free(d);
    return NULL;
}

void mrt_dump_free(struct mrt_dump *d)
{
    if (!d)
        return;
    free(d->buf);
    free(d);
}
