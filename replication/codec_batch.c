/* Batches, in columns: a message has few fields, however many groups of routes it brings. What a column of bytes holds stands
 * one behind the other in memory, too: nothing here copies it. */
#include <assert.h>

#include "replication/codec_impl.h"

/* ---- writing ---- */

/* How many values say it all: none, if all are 0, or one, if they are the same: each is as the one before it. */
static size_t told(const uint32_t *column, size_t count)
{
    bool is_one = count && memcmp(column, column + 1, (count - 1) * sizeof *column) == 0;
    return is_one ? column[0] != 0 : count;
}

struct hops {
    Tandem__Cluster__Hop *things, **pointers;
    const struct repl_attr **of; /* who has brought it */
    uint32_t count;
};

static bool has_hops(const struct repl_attr *a, const struct repl_attr *b)
{
    return ip_addr_is_equal(&a->next_hop, &b->next_hop) && ip_addr_is_equal(&a->link_local, &b->link_local);
}

/* The newest are asked first; a miss only costs bytes, never sense. */
static uint32_t hop_place(struct hops *h, const struct repl_attr *a)
{
    enum { TRIES = 8 };
    for (uint32_t i = h->count; i-- > 0 && h->count - i <= TRIES;)
        if (has_hops(h->of[i], a))
            return i;
    Tandem__Cluster__Hop *hop = h->pointers[h->count] = &h->things[h->count];
    *hop = (Tandem__Cluster__Hop)TANDEM__CLUSTER__HOP__INIT;
    hop->next_hop = codec_addr(&a->next_hop);
    if (!ip_addr_is_zero(&a->link_local))
        hop->link_local = codec_addr(&a->link_local);
    h->of[h->count] = a;
    return h->count++;
}

static bool make_hops(struct hops *h, uint32_t most, struct arena *arena)
{
    *h = (struct hops){ .things = arena_alloc(arena, most * sizeof *h->things + 1),
                        .pointers = arena_alloc(arena, most * sizeof *h->pointers + 1),
                        .of = arena_alloc(arena, most * sizeof *h->of + 1) };
    return h->things && h->pointers && h->of;
}

static bool put_sets(const struct repl_batch *b, Tandem__Cluster__Batch *pb, struct arena *arena)
{
    struct hops hops;
    uint32_t count = b->attr_count, *lengths = arena_alloc(arena, 3 * count * sizeof *lengths + 1);
    const uint8_t *start = count ? b->attrs[0].bytes : NULL;
    size_t len = 0;
    if (!lengths || !make_hops(&hops, count, arena))
        return false;
    uint32_t *places = lengths + count, *parts = places + count;
    for (uint32_t i = 0; i < count; i++) {
        const struct repl_attr *a = &b->attrs[i];
        assert(!a->len || a->bytes == start + len);
        len += lengths[i] = a->len;
        places[i] = hop_place(&hops, a);
        parts[i] = a->parts;
    }
    pb->n_attr_lengths = count;
    pb->attr_lengths = lengths;
    pb->n_attr_hops = told(places, count);
    pb->attr_hops = places;
    pb->n_attr_parts = told(parts, count);
    pb->attr_parts = parts;
    pb->attributes = codec_bytes(start, len);
    pb->n_hops = hops.count;
    pb->hops = hops.pointers;
    return true;
}

static uint32_t flags_of(const struct repl_routes *r)
{
    return (r->family == BGP_IP6 ? TANDEM__CLUSTER__FLAG__IP6 : 0u) |
           (r->has_path_id ? TANDEM__CLUSTER__FLAG__PATH_IDS : 0u) | (r->attr ? 0u : TANDEM__CLUSTER__FLAG__WITHDRAWN) |
           (r->disproved ? TANDEM__CLUSTER__FLAG__DISPROVED : 0u) |
           (r->restarts ? TANDEM__CLUSTER__FLAG__RESTARTS : 0u) | (r->unheard ? TANDEM__CLUSTER__FLAG__UNHEARD : 0u);
}

static bool put_groups(const struct repl_batch *b, Tandem__Cluster__Batch *pb, struct arena *arena)
{
    uint32_t count = b->route_count, *lengths = arena_alloc(arena, 5 * count * sizeof *lengths + 1), used = 0;
    const struct repl_routes *first = b->routes;
    size_t len = 0, versions_len = 0;
    if (!lengths)
        return false;
    uint32_t *names = lengths + count, *generations = names + count, *sets = generations + count, *flags = sets + count;
    for (uint32_t i = 0; i < count; i++) {
        const struct repl_routes *r = &b->routes[i];
        bool is_next = r->attr == used + 1;
        assert(!r->len || r->nlri == first->nlri + len);
        assert(!r->versions_len || r->versions == first->versions + versions_len);
        used += is_next;
        len += lengths[i] = r->len;
        versions_len += r->versions_len;
        names[i] = r->nva;
        generations[i] = r->generation;
        sets[i] = is_next ? 0 : r->attr;
        flags[i] = flags_of(r);
    }
    pb->n_group_lengths = count;
    pb->group_lengths = lengths;
    pb->n_group_names = told(names, count);
    pb->group_names = names;
    pb->n_group_generations = told(generations, count);
    pb->group_generations = generations;
    pb->n_group_attrs = told(sets, count);
    pb->group_attrs = sets;
    pb->n_group_flags = told(flags, count);
    pb->group_flags = flags;
    pb->nlri = codec_bytes(len ? first->nlri : NULL, len);
    pb->versions = codec_bytes(versions_len ? first->versions : NULL, versions_len);
    return true;
}

Tandem__Cluster__Fact **codec_facts(const struct repl_batch *b, struct arena *arena)
{
    Tandem__Cluster__Fact *things, **pointers;
    CODEC_REPEATED(arena, Tandem__Cluster__Fact, tandem__cluster__fact__init, b->fact_count, things, pointers);
    if (!things || !pointers)
        return NULL;
    for (uint32_t i = 0; i < b->fact_count; i++) {
        things[i].name = b->facts[i].nva;
        things[i].generation = b->facts[i].generation;
        things[i].state = b->facts[i].state;
        things[i].identifier = b->facts[i].identifier;
        things[i].version = b->facts[i].version;
        things[i].restarts = b->facts[i].restarts;
        things[i].taken_out = b->facts[i].is_taken_out;
        things[i].families = b->facts[i].families;
    }
    return pointers;
}

static size_t bytes_at_most(const struct repl_batch *b)
{
    size_t bytes = REPL_COST_BATCH + b->part_len + (size_t)b->fact_count * REPL_COST_FACT;
    for (uint16_t i = 0; i < b->name_count; i++)
        bytes += REPL_COST_NAME + strlen(b->names[i]);
    for (uint32_t i = 0; i < b->attr_count; i++)
        bytes += (size_t)REPL_COST_ATTR + b->attrs[i].len;
    for (uint32_t i = 0; i < b->route_count; i++)
        bytes += (size_t)REPL_COST_ROUTES + b->routes[i].len + b->routes[i].versions_len;
    return bytes;
}

int codec_batch_pack(const struct repl_batch *b, const Tandem__Cluster__Message *pb, uint8_t *buf, size_t cap)
{
    if (bytes_at_most(b) <= cap) /* to count them takes as long as to write them */
        return (int)tandem__cluster__message__pack(pb, buf);
    return codec_cluster_pack(pb, buf, cap);
}

int codec_batch_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    const struct repl_batch *b = &m->batch;
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Batch batch = TANDEM__CLUSTER__BATCH__INIT;
    if (b->is_nested)
        return codec_nested_encode(b, arena, buf, cap);
    batch.origin = b->origin;
    batch.incarnation = b->incarnation;
    batch.from = b->from;
    batch.to = b->to;
    batch.cut = b->cut;
    batch.n_names = b->name_count;
    batch.names = (char **)(uintptr_t)b->names;
    batch.part = codec_bytes(b->part, b->part_len);
    batch.part_at = b->part_at;
    batch.n_facts = b->fact_count;
    batch.facts = codec_facts(b, arena);
    if (!batch.facts || !put_sets(b, &batch, arena) || !put_groups(b, &batch, arena))
        return REPL_ERR_NOMEM;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_BATCH;
    pb.batch = &batch;
    return codec_batch_pack(b, &pb, buf, cap);
}

/* ---- reading ---- */

/* A column of a message: the next value is `step` further, the first of none is 0. */
struct column {
    const uint32_t *at;
    size_t step;
};

/* Of so many things: a value for each, or one for all, or none. */
static bool read_column(const uint32_t *values, size_t told, size_t count, struct column *out)
{
    static const uint32_t none = 0;
    *out = (struct column){ .at = told ? values : &none, .step = told > 1 };
    return told == 0 || told == count || (told == 1 && count);
}

static uint32_t next(struct column *c)
{
    uint32_t value = *c->at;
    c->at += c->step;
    return value;
}

bool codec_read_hops(const ProtobufCBinaryData *next_hop, const ProtobufCBinaryData *link_local, struct repl_attr *out)
{
    *out = (struct repl_attr){ .len = 0 };
    return codec_read_addr(next_hop, &out->next_hop) && (!link_local->len || codec_read_addr(link_local, &out->link_local));
}

static bool read_hops(const Tandem__Cluster__Batch *pb, struct repl_attr *out)
{
    for (size_t i = 0; i < pb->n_hops; i++)
        if (!codec_read_hops(&pb->hops[i]->next_hop, &pb->hops[i]->link_local, &out[i]))
            return false;
    return true;
}

/* hops: sets without attributes. */
static bool read_sets(const Tandem__Cluster__Batch *pb, const struct repl_attr *hops, struct repl_attr *out)
{
    struct wire_reader attributes = wire_reader(pb->attributes.data, pb->attributes.len);
    struct column places, parts;
    size_t count = pb->n_attr_lengths;
    if (!read_column(pb->attr_hops, pb->n_attr_hops, count, &places) ||
        !read_column(pb->attr_parts, pb->n_attr_parts, count, &parts))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t len = pb->attr_lengths[i], place = next(&places), octets = next(&parts);
        const uint8_t *bytes = wire_bytes(&attributes, len);
        if (attributes.failed || place >= pb->n_hops || len > UINT16_MAX || octets > UINT16_MAX)
            return false;
        out[i] = hops[place];
        out[i].bytes = bytes;
        out[i].len = (uint16_t)len;
        out[i].parts = (uint16_t)octets;
    }
    return !wire_left(&attributes);
}

const uint8_t *codec_pass_varints(const uint8_t *at, const uint8_t *end, size_t count)
{
    for (; count; count--, at++) {
        const uint8_t *last = end - at < REPL_VARINT_MAX ? end : at + REPL_VARINT_MAX;
        while (at < last && *at & 0x80)
            at++;
        if (at == last)
            return NULL;
    }
    return at;
}

/* What groups are read from, one after the other. */
struct groups {
    const Tandem__Cluster__Batch *pb;
    struct column names, generations, sets, flags;
    struct wire_reader nlri, versions;
    bool tell_versions;
    uint32_t used; /* sets that were the next */
};

static bool read_groups_begin(struct groups *g, const Tandem__Cluster__Batch *pb)
{
    *g = (struct groups){ .pb = pb,
                          .nlri = wire_reader(pb->nlri.data, pb->nlri.len),
                          .versions = wire_reader(pb->versions.data, pb->versions.len),
                          .tell_versions = pb->versions.len };
    return read_column(pb->group_names, pb->n_group_names, pb->n_group_lengths, &g->names) &&
           read_column(pb->group_generations, pb->n_group_generations, pb->n_group_lengths, &g->generations) &&
           read_column(pb->group_attrs, pb->n_group_attrs, pb->n_group_lengths, &g->sets) &&
           read_column(pb->group_flags, pb->n_group_flags, pb->n_group_lengths, &g->flags);
}

static bool read_versions(struct groups *g, size_t count, struct repl_routes *out)
{
    const uint8_t *start = g->versions.at, *behind = codec_pass_varints(start, g->versions.end, count);
    if (!behind)
        return false;
    out->versions = start;
    out->versions_len = (uint16_t)(behind - start);
    g->versions.at = behind;
    return true;
}

/* Place of its set + 1, or 0 of what is withdrawn. */
static bool read_set(struct groups *g, uint32_t set, bool is_withdrawn, uint32_t *out)
{
    if (is_withdrawn) {
        *out = 0;
        return !set;
    }
    *out = set ? set : ++g->used;
    return *out <= g->pb->n_attr_lengths;
}

static bool read_group(struct groups *g, uint32_t len, struct repl_routes *out)
{
    enum { FLAGS = 2 * TANDEM__CLUSTER__FLAG__UNHEARD - 1 };
    size_t count;
    uint32_t name = next(&g->names), flags = next(&g->flags);
    const uint8_t *bytes = wire_bytes(&g->nlri, len);
    ProtobufCBinaryData nlri = codec_bytes(bytes, len);
    *out = (struct repl_routes){ .nva = (uint16_t)name,
                                 .generation = next(&g->generations),
                                 .family = flags & TANDEM__CLUSTER__FLAG__IP6 ? BGP_IP6 : BGP_IP4,
                                 .has_path_id = flags & TANDEM__CLUSTER__FLAG__PATH_IDS,
                                 .nlri = bytes,
                                 .len = (uint16_t)len,
                                 .disproved = flags & TANDEM__CLUSTER__FLAG__DISPROVED,
                                 .restarts = flags & TANDEM__CLUSTER__FLAG__RESTARTS,
                                 .unheard = flags & TANDEM__CLUSTER__FLAG__UNHEARD };
    return !g->nlri.failed && name < g->pb->n_names && flags <= FLAGS &&
           codec_is_nlri(out->family, out->has_path_id, &nlri, &count) &&
           (!g->tell_versions || read_versions(g, count, out)) &&
           read_set(g, next(&g->sets), flags & TANDEM__CLUSTER__FLAG__WITHDRAWN, &out->attr);
}

static bool read_groups(const Tandem__Cluster__Batch *pb, struct repl_routes *out)
{
    struct groups g;
    if (!read_groups_begin(&g, pb))
        return false;
    for (size_t i = 0; i < pb->n_group_lengths; i++)
        if (!read_group(&g, pb->group_lengths[i], &out[i]))
            return false;
    return !wire_left(&g.nlri) && !wire_left(&g.versions);
}

bool codec_read_facts(Tandem__Cluster__Fact *const *pb, size_t count, size_t names, struct repl_fact *out)
{
    enum { STATE_MAX = 3, /* of enum rib_session_state */
           FAMILIES = (1 << BGP_FAMILIES) - 1 };
    for (size_t i = 0; i < count; i++) {
        const Tandem__Cluster__Fact *fact = pb[i];
        if (fact->name >= names || fact->state > STATE_MAX)
            return false;
        out[i] = (struct repl_fact){ .nva = (uint16_t)fact->name,
                                     .generation = fact->generation,
                                     .state = (uint8_t)fact->state,
                                     .identifier = fact->identifier,
                                     .restarts = fact->restarts,
                                     .is_taken_out = fact->taken_out,
                                     .families = fact->families & FAMILIES,
                                     .version = fact->version };
    }
    return true;
}

bool codec_are_names(char *const *names, size_t count)
{
    if (count > REPL_NAMES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!names[i][0] || strlen(names[i]) > REPL_NAME_MAX)
            return false;
    return true;
}

int codec_batch_read(const Tandem__Cluster__Message *message, struct arena *arena, struct repl_msg *out)
{
    const Tandem__Cluster__Batch *pb = message->batch;
    struct repl_attr *hops = arena_alloc(arena, pb->n_hops * sizeof *hops + 1);
    struct repl_attr *attrs = arena_alloc(arena, pb->n_attr_lengths * sizeof *attrs + 1);
    struct repl_fact *facts = arena_alloc(arena, pb->n_facts * sizeof *facts + 1);
    struct repl_routes *routes = arena_alloc(arena, pb->n_group_lengths * sizeof *routes + 1);
    if (!hops || !attrs || !facts || !routes)
        return REPL_ERR_NOMEM;
    if (pb->origin == 0 || pb->origin > REPL_NODES_MAX || pb->part_at > UINT16_MAX ||
        !codec_are_names(pb->names, pb->n_names) || !codec_read_facts(pb->facts, pb->n_facts, pb->n_names, facts) ||
        !read_hops(pb, hops) || !read_sets(pb, hops, attrs) || !read_groups(pb, routes))
        return REPL_ERR_MALFORMED;
    out->kind = REPL_BATCH;
    out->batch = (struct repl_batch){ .origin = pb->origin,
                                      .incarnation = pb->incarnation,
                                      .from = pb->from,
                                      .to = pb->to,
                                      .cut = pb->cut,
                                      .names = (const char *const *)pb->names,
                                      .attrs = attrs,
                                      .facts = facts,
                                      .routes = routes,
                                      .name_count = (uint16_t)pb->n_names,
                                      .attr_count = (uint32_t)pb->n_attr_lengths,
                                      .fact_count = (uint32_t)pb->n_facts,
                                      .route_count = (uint32_t)pb->n_group_lengths,
                                      .part = pb->part.data,
                                      .part_at = (uint16_t)pb->part_at,
                                      .part_len = (uint16_t)pb->part.len };
    return 0;
}
