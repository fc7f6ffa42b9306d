/* Messages between a node and a host agent. */
#include "replication/codec_impl.h"

/* ---- writing ---- */

static int pack(const Tandem__Table__Message *pb, uint8_t *buf, size_t cap)
{
    if (tandem__table__message__get_packed_size(pb) > cap)
        return REPL_ERR_SPACE;
    return (int)tandem__table__message__pack(pb, buf);
}

static int encode_subscribe(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Table__Message pb = TANDEM__TABLE__MESSAGE__INIT;
    Tandem__Table__Subscribe subscribe = TANDEM__TABLE__SUBSCRIBE__INIT;
    (void)arena;
    subscribe.incarnation = m->table_subscribe.incarnation;
    subscribe.version = m->table_subscribe.version;
    pb.kind_case = TANDEM__TABLE__MESSAGE__KIND_SUBSCRIBE;
    pb.subscribe = &subscribe;
    return pack(&pb, buf, cap);
}

static ProtobufCBinaryData *fill_hops(const struct ip_addr *hops, uint16_t count, struct arena *arena)
{
    ProtobufCBinaryData *out = arena_alloc(arena, count * sizeof *out + 1);
    for (uint16_t i = 0; out && i < count; i++)
        out[i] = codec_addr(&hops[i]);
    return out;
}

static bool fill_group(const struct repl_table_routes *r, Tandem__Table__Routes *pb,
                       struct arena *arena)
{
    pb->n_next_hops = r->next_hop_count;
    pb->next_hops = fill_hops(r->next_hops, r->next_hop_count, arena);
    if (!pb->next_hops)
        return false;
    pb->family = r->family;
    pb->lost = r->lost;
    pb->nlri = codec_bytes(r->nlri, r->len);
    return true;
}

static int encode_batch(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    const struct repl_table_batch *b = &m->table_batch;
    Tandem__Table__Message pb = TANDEM__TABLE__MESSAGE__INIT;
    Tandem__Table__Batch batch = TANDEM__TABLE__BATCH__INIT;
    Tandem__Table__Routes *groups = arena_alloc(arena, b->route_count * sizeof *groups + 1);
    batch.routes = arena_alloc(arena, b->route_count * sizeof *batch.routes + 1);
    batch.n_lost_next_hops = b->lost_count;
    batch.lost_next_hops = fill_hops(b->lost, b->lost_count, arena);
    batch.n_told_next_hops = b->told_count;
    batch.told_next_hops = fill_hops(b->told, b->told_count, arena);
    if (!groups || !batch.routes || !batch.lost_next_hops || !batch.told_next_hops)
        return REPL_ERR_NOMEM;
    for (uint32_t i = 0; i < b->route_count; i++) {
        groups[i] = (Tandem__Table__Routes)TANDEM__TABLE__ROUTES__INIT;
        batch.routes[i] = &groups[i];
        if (!fill_group(&b->routes[i], &groups[i], arena))
            return REPL_ERR_NOMEM;
    }
    batch.n_routes = b->route_count;
    batch.incarnation = b->incarnation;
    batch.from = b->from;
    batch.to = b->to;
    batch.reset = b->reset;
    batch.cut = b->cut;
    batch.complete = b->complete;
    batch.isolated = b->isolated;
    batch.awaits = b->awaits;
    if (b->cut)
        batch.digest = codec_bytes(b->digest, REPL_DIGEST);
    batch.route_total = b->route_total;
    pb.kind_case = TANDEM__TABLE__MESSAGE__KIND_BATCH;
    pb.batch = &batch;
    return pack(&pb, buf, cap);
}

static int encode_report(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Table__Message pb = TANDEM__TABLE__MESSAGE__INIT;
    Tandem__Table__Report report;
    (void)arena;
    tandem__table__report__init(&report);
    report.incarnation = m->table_report.incarnation;
    report.version = m->table_report.version;
    report.installed = m->table_report.installed;
    report.failed = m->table_report.failed;
    report.wanted = m->table_report.wanted;
    report.pending = m->table_report.pending;
    report.held = m->table_report.held;
    report.unhealthy = m->table_report.unhealthy;
    report.active = m->table_report.active;
    report.last_error = (char *)(uintptr_t)m->table_report.last_error;
    report.store = (char *)(uintptr_t)m->table_report.store;
    pb.kind_case = TANDEM__TABLE__MESSAGE__KIND_REPORT;
    pb.report = &report;
    return pack(&pb, buf, cap);
}

static int encode_beat(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Table__Message pb = TANDEM__TABLE__MESSAGE__INIT;
    Tandem__Table__Beat beat = TANDEM__TABLE__BEAT__INIT;
    (void)arena;
    beat.counter = m->beat.counter;
    beat.steady = m->beat.steady;
    if (m->beat.has_digest)
        beat.digest = codec_bytes(m->beat.digest, REPL_DIGEST);
    pb.kind_case = TANDEM__TABLE__MESSAGE__KIND_BEAT;
    pb.beat = &beat;
    return pack(&pb, buf, cap);
}

int codec_table_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    static int (*const encoders[])(const struct repl_msg *, struct arena *, uint8_t *, size_t) = {
        [REPL_TABLE_SUBSCRIBE] = encode_subscribe,
        [REPL_TABLE_BATCH] = encode_batch,
        [REPL_TABLE_REPORT] = encode_report,
        [REPL_TABLE_BEAT] = encode_beat,
    };
    return encoders[m->kind](m, arena, buf, cap);
}

/* ---- reading ---- */

static int read_subscribe(const Tandem__Table__Message *pb, struct arena *arena,
                          struct repl_msg *out)
{
    (void)arena;
    out->kind = REPL_TABLE_SUBSCRIBE;
    out->table_subscribe = (struct repl_table_subscribe){ .incarnation = pb->subscribe->incarnation,
                                                          .version = pb->subscribe->version };
    return 0;
}

static int read_hops(const ProtobufCBinaryData *pb, size_t count, struct arena *arena, const struct ip_addr **out)
{
    if (count > UINT16_MAX)
        return REPL_ERR_MALFORMED;
    struct ip_addr *hops = arena_alloc(arena, count * sizeof *hops + 1);
    if (!hops)
        return REPL_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!codec_read_addr(&pb[i], &hops[i]))
            return REPL_ERR_MALFORMED;
    *out = hops;
    return 0;
}

static int read_group(const Tandem__Table__Routes *pb, struct arena *arena,
                      struct repl_table_routes *out)
{
    size_t count;
    const struct ip_addr *hops;
    if (!codec_is_nlri(pb->family, false, &pb->nlri, &count))
        return REPL_ERR_MALFORMED;
    int err = read_hops(pb->next_hops, pb->n_next_hops, arena, &hops);
    if (err)
        return err;
    *out = (struct repl_table_routes){ .next_hops = hops,
                                       .next_hop_count = (uint16_t)pb->n_next_hops,
                                       .family = (uint8_t)pb->family,
                                       .lost = pb->lost,
                                       .nlri = pb->nlri.data,
                                       .len = (uint16_t)pb->nlri.len };
    return 0;
}

static int read_batch(const Tandem__Table__Message *message, struct arena *arena,
                      struct repl_msg *out)
{
    const Tandem__Table__Batch *pb = message->batch;
    struct repl_table_batch *b = &out->table_batch;
    struct repl_table_routes *routes = arena_alloc(arena, pb->n_routes * sizeof *routes + 1);
    if (!routes)
        return REPL_ERR_NOMEM;
    if (pb->cut ? pb->digest.len != REPL_DIGEST : pb->digest.len != 0)
        return REPL_ERR_MALFORMED;
    const struct ip_addr *lost, *told;
    int err = read_hops(pb->lost_next_hops, pb->n_lost_next_hops, arena, &lost);
    err = err ? err : read_hops(pb->told_next_hops, pb->n_told_next_hops, arena, &told);
    for (size_t i = 0; !err && i < pb->n_routes; i++)
        err = read_group(pb->routes[i], arena, &routes[i]);
    if (err)
        return err;
    out->kind = REPL_TABLE_BATCH;
    *b = (struct repl_table_batch){ .incarnation = pb->incarnation,
                                    .from = pb->from,
                                    .to = pb->to,
                                    .reset = pb->reset,
                                    .cut = pb->cut,
                                    .complete = pb->complete,
                                    .isolated = pb->isolated,
                                    .awaits = pb->awaits,
                                    .route_total = pb->route_total,
                                    .lost = lost,
                                    .lost_count = (uint16_t)pb->n_lost_next_hops,
                                    .told = told,
                                    .told_count = (uint16_t)pb->n_told_next_hops,
                                    .routes = routes,
                                    .route_count = (uint32_t)pb->n_routes };
    if (pb->cut)
        memcpy(b->digest, pb->digest.data, REPL_DIGEST);
    return 0;
}

static int read_report(const Tandem__Table__Message *pb, struct arena *arena, struct repl_msg *out)
{
    struct repl_table_report *r = &out->table_report;
    (void)arena;
    out->kind = REPL_TABLE_REPORT;
    *r = (struct repl_table_report){ .incarnation = pb->report->incarnation,
                                     .version = pb->report->version,
                                     .installed = pb->report->installed,
                                     .failed = pb->report->failed,
                                     .wanted = pb->report->wanted,
                                     .pending = pb->report->pending,
                                     .held = pb->report->held,
                                     .unhealthy = pb->report->unhealthy,
                                     .active = pb->report->active };
    strncpy(r->last_error, pb->report->last_error, sizeof r->last_error - 1);
    strncpy(r->store, pb->report->store, sizeof r->store - 1);
    return 0;
}

static int read_beat(const Tandem__Table__Message *pb, struct arena *arena, struct repl_msg *out)
{
    const ProtobufCBinaryData *digest = &pb->beat->digest;
    (void)arena;
    if (digest->len && digest->len != REPL_DIGEST)
        return REPL_ERR_MALFORMED;
    out->kind = REPL_TABLE_BEAT;
    out->beat = (struct repl_beat){ .counter = pb->beat->counter,
                                    .steady = pb->beat->steady,
                                    .has_digest = digest->len == REPL_DIGEST };
    if (digest->len)
        memcpy(out->beat.digest, digest->data, REPL_DIGEST);
    return 0;
}

int codec_table_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out)
{
    static int (*const readers[])(const Tandem__Table__Message *, struct arena *,
                                  struct repl_msg *) = {
        [TANDEM__TABLE__MESSAGE__KIND_SUBSCRIBE] = read_subscribe,
        [TANDEM__TABLE__MESSAGE__KIND_BATCH] = read_batch,
        [TANDEM__TABLE__MESSAGE__KIND_REPORT] = read_report,
        [TANDEM__TABLE__MESSAGE__KIND_BEAT] = read_beat,
    };
    struct codec_memory memory;
    codec_memory_init(&memory, arena, len);
    Tandem__Table__Message *pb = tandem__table__message__unpack(&memory.allocator, len, data);
    if (!pb || pb->kind_case == TANDEM__TABLE__MESSAGE__KIND__NOT_SET)
        return REPL_ERR_MALFORMED;
    return readers[pb->kind_case](pb, arena, out);
}
