/* Messages between nodes. */
#include "replication/codec_impl.h"

/* ---- writing ---- */

static void fill_position(const struct repl_position *p, Tandem__Cluster__Position *pb)
{
    pb->origin = p->origin;
    pb->incarnation = p->incarnation;
    pb->version = p->version;
    pb->status = p->status;
}

static Tandem__Cluster__Position **fill_positions(const struct repl_position *p, uint8_t count,
                                                  struct arena *arena)
{
    Tandem__Cluster__Position *things, **pointers;
    CODEC_REPEATED(arena, Tandem__Cluster__Position, tandem__cluster__position__init, count, things,
             pointers);
    if (!things || !pointers)
        return NULL;
    for (uint8_t i = 0; i < count; i++)
        fill_position(&p[i], &things[i]);
    return pointers;
}

int codec_cluster_pack(const Tandem__Cluster__Message *pb, uint8_t *buf, size_t cap)
{
    if (tandem__cluster__message__get_packed_size(pb) > cap)
        return REPL_ERR_SPACE;
    return (int)tandem__cluster__message__pack(pb, buf);
}

static int encode_subscribe(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Subscribe subscribe = TANDEM__CLUSTER__SUBSCRIBE__INIT;
    subscribe.n_positions = m->subscribe.count;
    subscribe.positions = fill_positions(m->subscribe.positions, m->subscribe.count, arena);
    if (!subscribe.positions)
        return REPL_ERR_NOMEM;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_SUBSCRIBE;
    pb.subscribe = &subscribe;
    return codec_cluster_pack(&pb, buf, cap);
}

static int encode_reset(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Position position = TANDEM__CLUSTER__POSITION__INIT;
    (void)arena;
    fill_position(&m->reset, &position);
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_RESET;
    pb.reset = &position;
    return codec_cluster_pack(&pb, buf, cap);
}

static bool fill_hints(const struct repl_beat *b, Tandem__Cluster__Beat *pb, struct arena *arena)
{
    Tandem__Cluster__Hint *things;
    CODEC_REPEATED(arena, Tandem__Cluster__Hint, tandem__cluster__hint__init, b->hint_count, things,
             pb->hints);
    if (!things || !pb->hints)
        return false;
    for (uint16_t i = 0; i < b->hint_count; i++) {
        things[i].target = (char *)(uintptr_t)b->hints[i].target;
        things[i].yielded = b->hints[i].yielded;
        things[i].reads = b->hints[i].reads;
        things[i].epoch = b->hints[i].epoch;
    }
    pb->n_hints = b->hint_count;
    return true;
}

static bool fill_heard(const struct repl_beat *b, Tandem__Cluster__Beat *pb, struct arena *arena)
{
    Tandem__Cluster__Heard *things;
    CODEC_REPEATED(arena, Tandem__Cluster__Heard, tandem__cluster__heard__init, b->heard_count, things,
             pb->heard);
    if (!things || !pb->heard)
        return false;
    for (uint8_t i = 0; i < b->heard_count; i++) {
        const struct repl_heard *h = &b->heard[i];
        things[i].node = h->node;
        things[i].incarnation = h->incarnation;
        things[i].counter = h->counter;
        things[i].age_ms = h->age_ms;
        things[i].linked = h->linked;
        things[i].serves = h->serves;
        things[i].config_generation = h->config_generation;
        things[i].algo_max = h->algo_max;
    }
    pb->n_heard = b->heard_count;
    return true;
}

static int encode_beat(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    const struct repl_beat *b = &m->beat;
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Beat beat = TANDEM__CLUSTER__BEAT__INIT;
    beat.counter = b->counter;
    beat.echo = b->echo;
    beat.echo_age_ms = b->echo_age_ms;
    beat.loop_lag_ms = b->loop_lag_ms;
    beat.input_lag_ms = b->input_lag_ms;
    beat.steady = b->steady;
    beat.hears_no_nva = b->hears_no_nva;
    beat.knows_neighbours = b->knows_neighbours;
    beat.algo = b->algo;
    beat.digest_form = b->digest_form;
    if (b->has_digest)
        beat.digest = codec_bytes(b->digest, REPL_DIGEST);
    beat.config_generation = b->config_generation;
    beat.config_digest = codec_bytes(b->config_digest, REPL_DIGEST);
    if (b->secret_count) {
        beat.key_id = codec_bytes(b->key_id, sizeof b->key_id);
        beat.n_secret_ids = b->secret_count;
        beat.secret_ids = (uint32_t *)(uintptr_t)b->secret_ids;
    }
    beat.n_positions = b->position_count;
    beat.positions = fill_positions(b->positions, b->position_count, arena);
    if (!beat.positions || !fill_hints(b, &beat, arena) || !fill_heard(b, &beat, arena))
        return REPL_ERR_NOMEM;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_BEAT;
    pb.beat = &beat;
    return codec_cluster_pack(&pb, buf, cap);
}

static int encode_goodbye(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Goodbye goodbye = TANDEM__CLUSTER__GOODBYE__INIT;
    (void)arena;
    goodbye.reason = m->goodbye;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_GOODBYE;
    pb.goodbye = &goodbye;
    return codec_cluster_pack(&pb, buf, cap);
}

static int encode_breakdown(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Message pb = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Breakdown breakdown = TANDEM__CLUSTER__BREAKDOWN__INIT;
    breakdown.n_positions = m->breakdown.position_count;
    breakdown.positions = fill_positions(m->breakdown.positions, m->breakdown.position_count, arena);
    if (!breakdown.positions)
        return REPL_ERR_NOMEM;
    breakdown.n_sums = REPL_BUCKETS;
    breakdown.sums = (uint64_t *)(uintptr_t)m->breakdown.sums;
    pb.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_BREAKDOWN;
    pb.breakdown = &breakdown;
    return codec_cluster_pack(&pb, buf, cap);
}

int codec_cluster_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap)
{
    static int (*const encoders[])(const struct repl_msg *, struct arena *, uint8_t *, size_t) = {
        [REPL_SUBSCRIBE] = encode_subscribe, [REPL_BATCH] = codec_batch_encode,
        [REPL_RESET] = encode_reset,         [REPL_BEAT] = encode_beat,
        [REPL_GOODBYE] = encode_goodbye,     [REPL_BREAKDOWN] = encode_breakdown,
    };
    return encoders[m->kind](m, arena, buf, cap);
}

/* ---- reading ---- */

static bool read_position(const Tandem__Cluster__Position *pb, struct repl_position *out)
{
    if (pb->origin == 0 || pb->origin > REPL_NODES_MAX || pb->status > UINT8_MAX)
        return false;
    *out = (struct repl_position){ .origin = pb->origin,
                                   .incarnation = pb->incarnation,
                                   .version = pb->version,
                                   .status = (uint8_t)pb->status };
    return true;
}

static bool read_positions(Tandem__Cluster__Position *const *pb, size_t count,
                           struct repl_position *out, uint8_t *out_count)
{
    if (count > REPL_NODES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_position(pb[i], &out[i]))
            return false;
    *out_count = (uint8_t)count;
    return true;
}

static int read_subscribe(const Tandem__Cluster__Message *pb, struct arena *arena,
                          struct repl_msg *out)
{
    (void)arena;
    out->kind = REPL_SUBSCRIBE;
    return read_positions(pb->subscribe->positions, pb->subscribe->n_positions,
                          out->subscribe.positions, &out->subscribe.count)
               ? 0
               : REPL_ERR_MALFORMED;
}

static int read_reset(const Tandem__Cluster__Message *pb, struct arena *arena, struct repl_msg *out)
{
    (void)arena;
    out->kind = REPL_RESET;
    return read_position(pb->reset, &out->reset) ? 0 : REPL_ERR_MALFORMED;
}

static int read_hints(const Tandem__Cluster__Beat *pb, struct arena *arena, struct repl_beat *out)
{
    if (pb->n_hints > REPL_HINTS_MAX)
        return REPL_ERR_MALFORMED;
    struct repl_hint *hints = arena_alloc(arena, pb->n_hints * sizeof *hints + 1);
    if (!hints)
        return REPL_ERR_NOMEM;
    for (size_t i = 0; i < pb->n_hints; i++)
        hints[i] = (struct repl_hint){ .target = pb->hints[i]->target,
                                       .yielded = pb->hints[i]->yielded,
                                       .reads = pb->hints[i]->reads,
                                       .epoch = pb->hints[i]->epoch };
    out->hints = hints;
    out->hint_count = (uint16_t)pb->n_hints;
    return 0;
}

static bool read_heard(const Tandem__Cluster__Beat *pb, struct repl_beat *out)
{
    if (pb->n_heard > REPL_NODES_MAX)
        return false;
    for (size_t i = 0; i < pb->n_heard; i++) {
        const Tandem__Cluster__Heard *h = pb->heard[i];
        if (h->node == 0 || h->node > REPL_NODES_MAX || h->algo_max > UINT16_MAX)
            return false;
        out->heard[i] = (struct repl_heard){ .node = h->node,
                                             .incarnation = h->incarnation,
                                             .counter = h->counter,
                                             .age_ms = h->age_ms,
                                             .linked = h->linked,
                                             .serves = h->serves,
                                             .config_generation = h->config_generation,
                                             .algo_max = (uint16_t)h->algo_max };
    }
    out->heard_count = (uint8_t)pb->n_heard;
    return true;
}

static bool read_newer(const Tandem__Cluster__Beat *pb, struct repl_beat *out)
{
    if (pb->algo > UINT16_MAX || pb->digest_form > UINT8_MAX || pb->n_secret_ids > REPL_SECRETS_MAX ||
        (pb->n_secret_ids && pb->key_id.len != sizeof out->key_id))
        return false;
    for (size_t i = 0; i < pb->n_secret_ids; i++)
        out->secret_ids[i] = pb->secret_ids[i];
    if (pb->n_secret_ids)
        memcpy(out->key_id, pb->key_id.data, sizeof out->key_id);
    out->secret_count = (uint8_t)pb->n_secret_ids;
    out->algo = (uint16_t)pb->algo;
    out->digest_form = (uint8_t)pb->digest_form;
    return true;
}

static int read_beat(const Tandem__Cluster__Message *pb, struct arena *arena, struct repl_msg *out)
{
    const Tandem__Cluster__Beat *b = pb->beat;
    struct repl_beat *to = &out->beat;
    out->kind = REPL_BEAT;
    *to = (struct repl_beat){ .counter = b->counter,
                              .echo = b->echo,
                              .echo_age_ms = b->echo_age_ms,
                              .loop_lag_ms = b->loop_lag_ms,
                              .input_lag_ms = b->input_lag_ms,
                              .steady = b->steady,
                              .hears_no_nva = b->hears_no_nva,
                              .knows_neighbours = b->knows_neighbours,
                              .has_digest = b->digest.len == REPL_DIGEST,
                              .config_generation = b->config_generation };
    if ((b->digest.len && !to->has_digest) || b->config_digest.len != REPL_DIGEST)
        return REPL_ERR_MALFORMED;
    if (to->has_digest)
        memcpy(to->digest, b->digest.data, REPL_DIGEST);
    memcpy(to->config_digest, b->config_digest.data, REPL_DIGEST);
    return read_positions(b->positions, b->n_positions, to->positions, &to->position_count) &&
                   read_heard(b, to) && read_newer(b, to)
               ? read_hints(b, arena, to)
               : REPL_ERR_MALFORMED;
}

static int read_goodbye(const Tandem__Cluster__Message *pb, struct arena *arena,
                        struct repl_msg *out)
{
    (void)arena;
    out->kind = REPL_GOODBYE;
    if (pb->goodbye->reason > REPL_GOODBYE_RECONFIGURED)
        return REPL_ERR_MALFORMED;
    out->goodbye = (uint8_t)pb->goodbye->reason;
    return 0;
}

static int read_breakdown(const Tandem__Cluster__Message *pb, struct arena *arena,
                          struct repl_msg *out)
{
    const Tandem__Cluster__Breakdown *b = pb->breakdown;
    (void)arena;
    out->kind = REPL_BREAKDOWN;
    if (b->n_sums != REPL_BUCKETS || !read_positions(b->positions, b->n_positions, out->breakdown.positions,
                                                     &out->breakdown.position_count))
        return REPL_ERR_MALFORMED;
    memcpy(out->breakdown.sums, b->sums, sizeof out->breakdown.sums);
    return 0;
}

int codec_cluster_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out)
{
    static int (*const readers[])(const Tandem__Cluster__Message *, struct arena *,
                                  struct repl_msg *) = {
        [TANDEM__CLUSTER__MESSAGE__KIND_SUBSCRIBE] = read_subscribe,
        [TANDEM__CLUSTER__MESSAGE__KIND_BATCH] = codec_batch_read,
        [TANDEM__CLUSTER__MESSAGE__KIND_NESTED_BATCH] = codec_nested_read,
        [TANDEM__CLUSTER__MESSAGE__KIND_RESET] = read_reset,
        [TANDEM__CLUSTER__MESSAGE__KIND_BEAT] = read_beat,
        [TANDEM__CLUSTER__MESSAGE__KIND_GOODBYE] = read_goodbye,
        [TANDEM__CLUSTER__MESSAGE__KIND_BREAKDOWN] = read_breakdown,
    };
    struct codec_memory memory;
    codec_memory_init(&memory, arena, len);
    Tandem__Cluster__Message *pb = tandem__cluster__message__unpack(&memory.allocator, len, data);
    if (!pb || pb->kind_case == TANDEM__CLUSTER__MESSAGE__KIND__NOT_SET)
        return REPL_ERR_MALFORMED;
    return readers[pb->kind_case](pb, arena, out);
}
