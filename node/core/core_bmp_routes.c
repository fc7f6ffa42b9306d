/* What a monitoring station is told of tables: UPDATEs made from the entries of an order, many prefixes in one
 * where neighbours in the order share their attributes.
 *
 * Adj-RIB-In is the own origin's order, before and after the policy; Loc-RIB is its own order; Adj-RIB-Out of an
 * NVA is that order again, as far as its update group has come, looked up in what the group has told. */
#include "node/core/core_bmp_impl.h"

enum {
    ROUTES_BUDGET = 2048, /* entries a turn and table: about half a millisecond */
    PACKED = 4000,        /* an UPDATE gets no more prefixes from here on */
};

/* The UPDATE that is being made: of one table, peer, kind and attribute set. */
struct run {
    struct core *c;
    struct core_station *s;
    enum config_station_routes table;
    const struct core_peer *peer; /* NULL: Loc-RIB */
    struct bgp_codec codec;       /* the builder borrows it */
    struct bgp_update_builder b;
    uint8_t *at;                  /* NULL: none is being made */
    uint32_t attrs;
    uint8_t family;
    bool is_dated;
};

/* One thing to tell. attrs 0: withdrawn. */
struct news {
    const struct core_peer *peer;
    uint32_t net, path_id, attrs;
    bool is_dated;
};

static const uint8_t flags[CONFIG_STATION_ROUTES] = {
    [CONFIG_ADJ_RIB_IN_POST] = BMP_POST_POLICY,
    [CONFIG_ADJ_RIB_OUT_PRE] = BMP_ADJ_RIB_OUT,
    [CONFIG_ADJ_RIB_OUT_POST] = BMP_ADJ_RIB_OUT | BMP_POST_POLICY,
};

static bool is_out(enum config_station_routes table)
{
    return table == CONFIG_ADJ_RIB_OUT_PRE || table == CONFIG_ADJ_RIB_OUT_POST;
}

static struct station_peer *known(const struct core_station *s, const struct core_peer *p)
{
    return &s->peers[p->nva];
}

static struct bmp_peer header(const struct run *r, bool is_dated)
{
    struct bmp_peer who = r->peer ? known(r->s, r->peer)->who : station_loc_rib(r->c);
    who.flags = flags[r->table];
    who.wall_ms = is_dated ? core_wall(r->c) : 0; /* 0: the time is not known (RFC 7854 section 4.2) */
    return who;
}

/* Paths in four octets, prefixes with a path id where the session has them (RFC 7911). */
static struct bgp_codec codec_of(const struct run *r)
{
    struct bgp_codec codec = { .as4 = true,
                               .family = { true, true },
                               .ext_next_hop = true,
                               .max_message = BGP_MESSAGE_MAX_EXTENDED };
    for (int f = 0; r->peer && f < BGP_FAMILIES; f++) {
        const struct bgp_codec *agreed = bgp_session_codec(r->peer->session);
        codec.add_path_out[f] = is_out(r->table) ? agreed->add_path_out[f] : agreed->add_path_in[f];
    }
    return codec;
}

/* The configuration's own prefixes have no next hop: the peer is told one of ours. */
static struct ip_addr next_hop_of(const struct run *r, const struct bgp_attrs *a)
{
    if (!ip_addr_is_zero(&a->next_hop))
        return a->next_hop;
    if (r->peer)
        return core_routes_rules(r->c, r->peer, r->family).self_next_hop;
    const struct ip_addr *own = core_node_addr(r->c->node, r->family);
    return own ? *own : (struct ip_addr){ .family = r->family };
}

static bool begin_reach(struct run *r)
{
    const struct bgp_attrs *a = bgp_attrs_get(&r->c->rib.attrs, r->attrs);
    struct ip_addr next_hop = next_hop_of(r, a);
    const struct ip_addr *link_local = a->link_local;
    const uint8_t *bytes = a->bytes;
    int len = a->len;
    if (r->table == CONFIG_ADJ_RIB_OUT_POST) {
        struct adjout_rules rules = core_routes_rules(r->c, r->peer, r->family);
        bytes = r->s->export;
        len = bgp_attrs_export(a, &rules.export, &r->codec, r->s->export, BGP_EXPORT_MAX);
        link_local = adjout_link_local(&rules, a);
    }
    return len >= 0 && bgp_update_begin_reach(&r->b, r->at + BMP_UPDATE_AT, &r->codec,
                                              (enum bgp_family)r->family, bytes, (uint16_t)len,
                                              &next_hop, link_local);
}

static void end_run(struct run *r)
{
    if (!r->at)
        return;
    struct bmp_peer who = header(r, r->is_dated);
    station_wrote(r->c, r->s, bmp_route(r->at, &who, bgp_update_end(&r->b)));
    r->at = NULL;
}

/* False: no room. Attributes that leave no room for a prefix in the longest message are passed over: r->at
 * stays NULL. */
static bool begin_run(struct run *r, const struct news *n)
{
    r->at = station_room(r->s);
    if (!r->at)
        return false;
    r->peer = n->peer;
    r->attrs = n->attrs;
    r->family = (uint8_t)prefix_index_family(n->net);
    r->is_dated = n->is_dated;
    r->codec = codec_of(r);
    if (!n->attrs)
        bgp_update_begin_withdraw(&r->b, r->at + BMP_UPDATE_AT, &r->codec, (enum bgp_family)r->family);
    else if (!begin_reach(r))
        r->at = NULL;
    return true;
}

static bool belongs(const struct run *r, const struct news *n)
{
    return r->at && r->peer == n->peer && r->attrs == n->attrs && r->is_dated == n->is_dated &&
           r->family == prefix_index_family(n->net) && wire_len(&r->b.w) < PACKED;
}

/* False: no room, nothing was said. */
static bool say(struct run *r, const struct news *n)
{
    struct ip_prefix prefix;
    prefix_table_prefix(&r->c->rib.nets, n->net, &prefix);
    if (belongs(r, n) && bgp_update_add(&r->b, &prefix, n->path_id))
        return true;
    end_run(r);
    if (!begin_run(r, n))
        return false;
    if (r->at && !bgp_update_add(&r->b, &prefix, n->path_id))
        abort(); /* there is room for one: begin_reach has seen to that */
    return true;
}

/* ---- tables ---- */

/* What an entry of a table's order says to this station: how much, 0 = nothing; out has room for ADJOUT_IDS. */
typedef uint32_t read_entry(const struct run *r, uint32_t id, struct news *out);

static uint32_t read_in(const struct run *r, uint32_t id, struct news *out)
{
    if (id & RIB_FACT)
        return 0;
    const struct rib_path *p = rib_path(&r->c->rib, id);
    const struct core_peer *peer = r->c->peers[p->nva];
    if (p->nva >= r->s->peer_count || !known(r->s, peer)->is_up)
        return 0;
    if (rib_path_is_flushed(&r->c->rib, p) || (p->attrs && rib_path_is_unheard(&r->c->rib, p)))
        return 0; /* not of this session, not yet at least */
    uint32_t attrs = r->table == CONFIG_ADJ_RIB_IN_PRE              ? p->attrs
                     : rib_path_verdict(p) == POLICY_ACCEPTED ? rib_path_attrs(&r->c->rib, p)
                                                              : 0;
    *out = (struct news){ .peer = peer, .net = rib_path_net(&r->c->rib, p), .path_id = rib_path_id(p), .attrs = attrs };
    return 1;
}

static uint32_t read_loc(const struct run *r, uint32_t id, struct news *out)
{
    uint32_t best = rib_best(rib_net(&r->c->rib, id));
    const struct rib *rib = &r->c->rib;
    *out = (struct news){ .net = id, .attrs = best ? rib_path_attrs(rib, rib_path(rib, best)) : 0 };
    return 1;
}

/* Of a peer that is told several paths (RFC 7911) all of them, and the ids that are gone. */
static uint32_t read_out(const struct run *r, uint32_t id, struct news *out)
{
    const struct adjout_member *m = r->peer->out[prefix_index_family(id)];
    struct adjout_sent sent[ADJOUT_IDS];
    uint32_t count = !m                                 ? 0
                     : r->table == CONFIG_ADJ_RIB_OUT_PRE ? adjout_chosen(m, id, sent)
                                                          : adjout_told_ever(m, id, sent);
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct news){
            .peer = r->peer, .net = id, .path_id = sent[i].path_id, .attrs = sent[i].attrs
        };
    return count;
}

/* False: no room; then all of it is told again. What goes is told to nobody who never heard of it. */
static bool say_all(struct run *r, struct news *news, uint32_t count, bool is_dated)
{
    for (uint32_t i = 0; i < count; i++) {
        news[i].is_dated = is_dated;
        if ((news[i].attrs || is_dated) && !say(r, &news[i]))
            return false;
    }
    return true;
}

/* Tell on from the cursor up to `head`. True: there is more, and room for it. */
static bool walk(struct run *r, const struct vlist *order, struct station_cursor *at, uint64_t head,
                 read_entry *read)
{
    struct news news[ADJOUT_IDS];
    for (unsigned i = 0; i < ROUTES_BUDGET && at->position < head; i++) {
        uint64_t before = at->position;
        uint32_t id = vlist_next(order, &at->position);
        if (!id || at->position > head) {
            at->position = head;
            break;
        }
        if (!say_all(r, news, read(r, id, news), at->position > at->began)) {
            at->position = before;
            return false;
        }
    }
    end_run(r);
    return at->position < head;
}

/* ---- End-of-RIB ---- */

static bool tell_end(struct run *r, uint8_t family)
{
    uint8_t *at = station_room(r->s);
    if (!at)
        return false;
    struct bmp_peer who = header(r, true);
    size_t len = bgp_update_end_of_rib(at + BMP_UPDATE_AT, (enum bgp_family)family);
    station_wrote(r->c, r->s, bmp_route(at, &who, len));
    return true;
}

/* The table of this peer, or the Loc-RIB, was told whole. False: no room; then all of it is told again. */
static bool tell_ends(struct run *r)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if ((!r->peer || bgp_session_codec(r->peer->session)->family[f]) && !tell_end(r, f))
            return false;
    return true;
}

static void end_table(struct run *r, const struct core_peer *p)
{
    struct station_peer *k = known(r->s, p);
    uint8_t bit = (uint8_t)(1u << r->table);
    r->peer = p;
    if (k->is_up && k->owes_end & bit && tell_ends(r))
        k->owes_end &= (uint8_t)~bit;
}

/* ---- a turn ---- */

/* End-of-RIB of an NVA that has told all it has itself. */
static bool tell_in(struct core *c, struct core_station *s, enum config_station_routes table)
{
    struct run r = { .c = c, .s = s, .table = table };
    const struct vlist *order = &c->rib.origins[c->rib.self].order;
    struct station_cursor *at = &s->in[table - CONFIG_ADJ_RIB_IN_PRE];
    if (walk(&r, order, at, vlist_head(order), read_in))
        return true;
    const struct core_peer *p = at->position == vlist_head(order) ? core_next_peer(c, NULL) : NULL;
    for (; p && p->nva < s->peer_count; p = core_next_peer(c, p))
        if (!p->waits_for)
            end_table(&r, p);
    return false;
}

static bool tell_loc(struct core *c, struct core_station *s)
{
    struct run r = { .c = c, .s = s, .table = CONFIG_LOC_RIB };
    uint64_t head = vlist_head(&c->rib.loc);
    bool more = walk(&r, &c->rib.loc, &s->loc, head, read_loc);
    if (s->loc.position == head && s->loc_owes_end && tell_ends(&r))
        s->loc_owes_end = false;
    return more;
}

/* How far what this peer is told can be known; UINT64_MAX = it is told nothing yet. */
static uint64_t told_up_to(const struct core_peer *p)
{
    uint64_t head = UINT64_MAX;
    for (int f = 0; f < BGP_FAMILIES; f++) {
        uint64_t at = p->out[f] ? adjout_position(p->out[f]) : UINT64_MAX;
        head = at < head ? at : head;
    }
    return head;
}

static bool tell_out(struct core *c, struct core_station *s, enum config_station_routes table,
                     const struct core_peer *p)
{
    struct run r = { .c = c, .s = s, .table = table, .peer = p };
    struct station_cursor *at = &known(s, p)->out[table - CONFIG_ADJ_RIB_OUT_PRE];
    uint64_t head = told_up_to(p);
    if (head == UINT64_MAX)
        return false;
    if (at->position < head && walk(&r, &c->rib.loc, at, head, read_out))
        return true;
    if (at->position == head)
        end_table(&r, p);
    return false;
}

/* One after the other, until all stand at the head: then nobody is looked at until it moves. */
static bool tell_outs(struct core *c, struct core_station *s, enum config_station_routes table)
{
    bool more = false, is_level = true;
    uint64_t head = vlist_head(&c->rib.loc);
    if (s->out_head == head)
        return false;
    for (uint32_t nva = 1; nva < s->peer_count; nva++) {
        struct station_peer *k = &s->peers[nva];
        if (!k->is_up)
            continue;
        more |= tell_out(c, s, table, c->peers[nva]);
        is_level &= k->out[table - CONFIG_ADJ_RIB_OUT_PRE].position == head &&
                    !(k->owes_end & 1u << table);
    }
    if (is_level && (table == CONFIG_ADJ_RIB_OUT_POST || !station_wants(s, CONFIG_ADJ_RIB_OUT_POST)))
        s->out_head = head;
    return more;
}

bool station_tell_routes(struct core *c, struct core_station *s)
{
    bool more = false;
    for (int t = CONFIG_ADJ_RIB_IN_PRE; t < CONFIG_STATION_ROUTES; t++) {
        enum config_station_routes table = (enum config_station_routes)t;
        if (!station_wants(s, table))
            continue;
        if (table == CONFIG_LOC_RIB)
            more |= tell_loc(c, s);
        else
            more |= is_out(table) ? tell_outs(c, s, table) : tell_in(c, s, table);
    }
    return more;
}

/* ---- for the RIB's housekeeping ---- */

/* Within the first walk no withdrawals of before are needed. */
static bool has_missed(const struct station_cursor *at, uint64_t dropped)
{
    uint64_t heard = at->position > at->began ? at->position : at->began;
    return dropped > (heard > at->heard ? heard : at->heard);
}

/* All of it is a change, withdrawals too; and it ends once more. */
void core_bmp_retell(struct core *c, const struct core_peer *p)
{
    for (size_t i = 0; c->stations && i < c->config->station_count; i++) {
        struct core_station *s = &c->stations[i];
        if (p->nva >= s->peer_count || !known(s, p)->is_up)
            continue;
        for (int t = 0; t < 2; t++) {
            struct station_cursor *at = &known(s, p)->out[t];
            uint64_t heard = at->position > at->began ? at->position : at->began;
            *at = (struct station_cursor){ .heard = heard > at->heard ? heard : at->heard };
        }
        s->out_head = UINT64_MAX;
    }
}

static bool has_missed_ids(const struct core *c, const struct core_station *s, int table)
{
    uint64_t missed = adjout_missed(c->adjout);
    for (uint32_t nva = 1; missed && nva < s->peer_count; nva++)
        if (s->peers[nva].is_up && has_missed(&s->peers[nva].out[table], missed))
            return true;
    return false;
}

bool station_has_missed(const struct core *c, const struct core_station *s)
{
    uint64_t dropped = c->rib.origins[c->rib.self].dropped;
    for (int i = 0; i < 2; i++) {
        if (station_wants(s, (enum config_station_routes)(CONFIG_ADJ_RIB_IN_PRE + i)) && has_missed(&s->in[i], dropped))
            return true;
        if (station_wants(s, (enum config_station_routes)(CONFIG_ADJ_RIB_OUT_PRE + i)) && has_missed_ids(c, s, i))
            return true;
    }
    return false;
}

uint64_t station_slowest(const struct core_station *s)
{
    uint64_t slowest = UINT64_MAX;
    if (!s->is_connected)
        return slowest;
    if (station_wants(s, CONFIG_LOC_RIB))
        slowest = s->loc.position;
    for (uint32_t nva = 1; nva < s->peer_count; nva++)
        for (int t = 0; t < 2; t++) {
            const struct station_peer *k = &s->peers[nva];
            bool counts = k->is_up && station_wants(s, (enum config_station_routes)(CONFIG_ADJ_RIB_OUT_PRE + t));
            if (counts && k->out[t].position < slowest)
                slowest = k->out[t].position;
        }
    return slowest;
}
