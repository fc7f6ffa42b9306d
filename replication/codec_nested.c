/* Batches as nodes of minor 3 have them: a message for each set of attributes and each group of routes. */
#include "replication/codec_impl.h"

/* ---- writing ---- */

static bool fill_attrs(const struct repl_batch *b, Tandem__Cluster__NestedBatch *pb, struct arena *arena)
{
    Tandem__Cluster__Attr *things;
    CODEC_REPEATED(arena, Tandem__Cluster__Attr, tandem__cluster__attr__init, b->attr_count, things, pb->attrs);
    if (!things || !pb->attrs)
        return false;
    for (uint32_t i = 0; i < b->attr_count; i++) {
        const struct repl_attr *a = &b->attrs[i];
        things[i].next_hop = codec_addr(&a->next_hop);
        if (!ip_addr_is_zero(&a->link_local))
            things[i].link_local = codec_addr(&a->link_local);
        things[i].attributes = codec_bytes(a->bytes, a->len);
        things[i].parts = a->parts;
    }
    pb->n_attrs = b->attr_count;
    return true;
}

static bool fill_routes(const struct repl_batch *b, Tandem__Cluster__NestedBatch *pb, struct arena *arena)
{
    Tandem__Cluster__Routes *things;
    CODEC_REPEATED(arena, Tandem__Cluster__Routes, tandem__cluster__routes__init, b->route_count, things, pb->routes);
    if (!things || !pb->routes)
        return false;
    for (uint32_t i = 0; i < b->route_count; i++) {
        const struct repl_routes *r = &b->routes[i];
        things[i].name = r->nva;
        things[i].generation = r->generation;
        things[i].attr = r->attr;
        things[i].family = r->family;
        things[i].has_path_id = r->has_path_id;
        things[i].nlri = codec_bytes(r->nlri, r->len);
        things[i].versions = codec_bytes(r->versions, r->versions_len);
        things[i].disproved = r->disproved;
        things[i].restarts = r->restarts;
        things[i].unheard = r->unheard;
    }
    pb->n_routes = b->route_count;
    return true;
}

int codec_nested_encode(const struct repl_batch *b, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__NestedBatch batch = TANDEM__CLUSTER__NESTED_BATCH__INIT;
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
    if (!batch.facts || !fill_attrs(b, &batch, arena) || !fill_routes(b, &batch, arena))
        return REPL_ERR_NOMEM;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_NESTED_BATCH;
    pb.nested_batch = &batch;
    return codec_batch_pack(b, &pb, buf, cap);
}

/* ---- reading ---- */

static bool read_attr(const Tandem__Cluster__Attr *pb, struct repl_attr *out)
{
    if (pb->attributes.len > UINT16_MAX || pb->parts > UINT16_MAX ||
        !codec_read_hops(&pb->next_hop, &pb->link_local, out))
        return false;
    out->bytes = pb->attributes.data;
    out->len = (uint16_t)pb->attributes.len;
    out->parts = (uint16_t)pb->parts;
    return true;
}

/* None, or a varint for each. */
static bool are_versions(const ProtobufCBinaryData *pb, size_t count)
{
    return !pb->len || codec_pass_varints(pb->data, pb->data + pb->len, count) == pb->data + pb->len;
}

static bool read_routes(const Tandem__Cluster__Routes *pb, size_t names, size_t attrs, struct repl_routes *out)
{
    size_t count;
    if (pb->name >= names || pb->attr > attrs || !codec_is_nlri(pb->family, pb->has_path_id, &pb->nlri, &count) ||
        !are_versions(&pb->versions, count))
        return false;
    *out = (struct repl_routes){ .nva = (uint16_t)pb->name,
                                 .generation = pb->generation,
                                 .attr = pb->attr,
                                 .family = (uint8_t)pb->family,
                                 .has_path_id = pb->has_path_id,
                                 .nlri = pb->nlri.data,
                                 .len = (uint16_t)pb->nlri.len,
                                 .disproved = pb->disproved,
                                 .restarts = pb->restarts,
                                 .unheard = pb->unheard,
                                 .versions = pb->versions.data,
                                 .versions_len = (uint16_t)pb->versions.len };
    return true;
}

int codec_nested_read(const Tandem__Cluster__Message *message, struct arena *arena, struct repl_msg *out)
{
    const Tandem__Cluster__NestedBatch *pb = message->nested_batch;
    struct repl_attr *attrs = arena_alloc(arena, pb->n_attrs * sizeof *attrs + 1);
    struct repl_fact *facts = arena_alloc(arena, pb->n_facts * sizeof *facts + 1);
    struct repl_routes *routes = arena_alloc(arena, pb->n_routes * sizeof *routes + 1);
    if (!attrs || !facts || !routes)
        return REPL_ERR_NOMEM;
    if (pb->origin == 0 || pb->origin > REPL_NODES_MAX || pb->part_at > UINT16_MAX ||
        !codec_are_names(pb->names, pb->n_names) || !codec_read_facts(pb->facts, pb->n_facts, pb->n_names, facts))
        return REPL_ERR_MALFORMED;
    for (size_t i = 0; i < pb->n_attrs; i++)
        if (!read_attr(pb->attrs[i], &attrs[i]))
            return REPL_ERR_MALFORMED;
    for (size_t i = 0; i < pb->n_routes; i++)
        if (!read_routes(pb->routes[i], pb->n_names, pb->n_attrs, &routes[i]))
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
                                      .attr_count = (uint32_t)pb->n_attrs,
                                      .fact_count = (uint32_t)pb->n_facts,
                                      .route_count = (uint32_t)pb->n_routes,
                                      .part = pb->part.data,
                                      .part_at = (uint16_t)pb->part_at,
                                      .part_len = (uint16_t)pb->part.len,
                                      .is_nested = true };
    return 0;
}
