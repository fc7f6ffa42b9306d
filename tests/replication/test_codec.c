/* Every message there and back, cut at every byte, and with numbers that lie. */
#include "table.pb-c.h"
#include "tests/lib/codec_lab.h"

static const uint8_t nlri[] = { 24, 10, 1, 2, 16, 172, 16, 0 }; /* two prefixes and 0/0 */

/* ---- one message of every kind ---- */

static struct repl_msg subscribe(void)
{
    struct repl_msg m = { .kind = REPL_SUBSCRIBE, .subscribe = { .count = REPL_NODES_MAX } };
    for (uint32_t i = 0; i < REPL_NODES_MAX; i++)
        m.subscribe.positions[i] = (struct repl_position){
            .origin = i + 1, .incarnation = UINT64_MAX - i, .version = i << 20, .status = (uint8_t)(250 + i % 5)
        };
    return m;
}

static struct repl_msg batch_in_columns(void)
{
    return batch(false);
}

static struct repl_msg nested_batch(void)
{
    return batch(true);
}

static struct repl_msg reset(void)
{
    return (struct repl_msg){ .kind = REPL_RESET, .reset = { .origin = 3, .incarnation = 5 } };
}

static struct repl_msg beat(void)
{
    struct repl_msg m = { .kind = REPL_BEAT,
                          .beat = { .counter = 1000,
                                    .secret_count = 2,
                                    .secret_ids = { 0x01020304, UINT32_MAX },
                                    .algo = 7,
                                    .digest_form = 255,
                                    .key_id = { 9, 8, 7, 6, 5, 4, 3, 2 },
                                    .echo = 999,
                                    .echo_age_ms = 12,
                                    .loop_lag_ms = 3,
                                    .input_lag_ms = 4,
                                    .steady = true,
                                    .hears_no_nva = true,
                                    .knows_neighbours = true,
                                    .has_digest = true,
                                    .digest = { 1, 2, 3 },
                                    .config_digest = { 7, 8, 9 },
                                    .config_generation = 77,
                                    .position_count = 2 } };
    m.beat.positions[0] = (struct repl_position){ .origin = 1, .incarnation = 1, .version = 1 };
    m.beat.positions[1] = (struct repl_position){ .origin = 7, .status = 0x21 };
    return m;
}

static struct repl_msg goodbye(void)
{
    return (struct repl_msg){ .kind = REPL_GOODBYE, .goodbye = REPL_GOODBYE_RECONFIGURED };
}

static struct repl_msg breakdown(void)
{
    struct repl_msg m = { .kind = REPL_BREAKDOWN, .breakdown = { .position_count = 1 } };
    m.breakdown.positions[0] = (struct repl_position){ .origin = 2, .version = 9 };
    for (unsigned i = 0; i < REPL_BUCKETS; i++)
        m.breakdown.sums[i] = UINT64_MAX / (i + 1);
    return m;
}

static struct repl_msg table_subscribe(void)
{
    return (struct repl_msg){ .kind = REPL_TABLE_SUBSCRIBE,
                              .table_subscribe = { .incarnation = 4, .version = 5 } };
}

static struct repl_msg table_batch(void)
{
    static const struct ip_addr hops[] = { { .bytes = { 10, 1, 0, 4 } }, { .bytes = { 10, 1, 0, 5 } } };
    static const struct repl_table_routes routes[] = {
        { .next_hops = hops, .next_hop_count = 2, .family = BGP_IP4, .nlri = nlri, .len = sizeof nlri },
        { .family = BGP_IP6, .nlri = nlri, .len = sizeof nlri },
    };
    return (struct repl_msg){ .kind = REPL_TABLE_BATCH,
                              .table_batch = { .incarnation = 4,
                                               .from = 1,
                                               .to = 9,
                                               .reset = true,
                                               .cut = true,
                                               .complete = true,
                                               .isolated = true,
                                               .awaits = true,
                                               .digest = { 9, 8 },
                                               .route_total = 77,
                                               .lost = hops,
                                               .lost_count = 2,
                                               .told = hops,
                                               .told_count = 1,
                                               .routes = routes,
                                               .route_count = 2 } };
}

static struct repl_msg table_report(void)
{
    struct repl_msg m = { .kind = REPL_TABLE_REPORT,
                          .table_report = { .incarnation = 4,
                                            .version = 9,
                                            .installed = 3,
                                            .failed = 1,
                                            .wanted = 5,
                                            .pending = 2,
                                            .held = 6,
                                            .unhealthy = 7,
                                            .active = true,
                                            .last_error = "no such device",
                                            .store = "/tandem/hub/t" } };
    return m;
}

static struct repl_msg table_beat(void)
{
    return (struct repl_msg){ .kind = REPL_TABLE_BEAT,
                              .beat = { .counter = 8, .steady = true, .has_digest = true, .digest = { 5 } } };
}

static struct repl_msg (*const kinds[])(void) = { subscribe, batch_in_columns, nested_batch, reset, beat, goodbye, breakdown,
                                                  table_subscribe, table_batch, table_report, table_beat };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- there and back ---- */

static void test_every_message_reads_back_as_it_was_written(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        uint8_t first[REPL_PAYLOAD_MAX], second[REPL_PAYLOAD_MAX], *copy;
        struct arena arena = { 0 };
        struct repl_msg in = kinds[i](), out;
        size_t len = encode(&in, first);
        CU_ASSERT_EQUAL(decode(first, len, &arena, &out, &copy), 0);
        CU_ASSERT_EQUAL(out.kind, in.kind);
        CU_ASSERT_EQUAL(encode(&out, second), len);
        CU_ASSERT_EQUAL(memcmp(first, second, len), 0);
        free(copy);
        arena_fini(&arena);
    }
}

static void test_a_beat_keeps_every_field(void)
{
    uint8_t buf[REPL_PAYLOAD_MAX], *copy;
    struct arena arena = { 0 };
    struct repl_msg in = beat(), out;
    size_t len = encode(&in, buf);
    CU_ASSERT_EQUAL(decode(buf, len, &arena, &out, &copy), 0);
    const struct repl_beat *b = &out.beat;
    CU_ASSERT_TRUE(b->counter == 1000 && b->echo == 999 && b->echo_age_ms == 12);
    CU_ASSERT_TRUE(b->loop_lag_ms == 3 && b->input_lag_ms == 4 && b->steady && b->hears_no_nva && b->knows_neighbours && b->has_digest);
    CU_ASSERT_EQUAL(memcmp(b->digest, in.beat.digest, REPL_DIGEST), 0);
    CU_ASSERT_EQUAL(b->config_generation, 77);
    CU_ASSERT_EQUAL(memcmp(b->config_digest, in.beat.config_digest, REPL_DIGEST), 0);
    CU_ASSERT_TRUE(b->secret_count == 2 && b->secret_ids[0] == 0x01020304 && b->secret_ids[1] == UINT32_MAX);
    CU_ASSERT_EQUAL(b->algo, 7);
    CU_ASSERT_EQUAL(b->digest_form, 255);
    CU_ASSERT_EQUAL(memcmp(b->key_id, in.beat.key_id, sizeof b->key_id), 0);
    CU_ASSERT_EQUAL(b->position_count, 2);
    CU_ASSERT_TRUE(b->positions[1].origin == 7 && b->positions[1].status == 0x21);
    free(copy);
    arena_fini(&arena);
}

static void test_table_messages_keep_every_field(void)
{
    uint8_t buf[REPL_PAYLOAD_MAX], *copy;
    struct arena arena = { 0 };
    struct repl_msg in = table_batch(), out;
    size_t len = encode(&in, buf);
    CU_ASSERT_EQUAL(decode(buf, len, &arena, &out, &copy), 0);
    const struct repl_table_batch *b = &out.table_batch;
    CU_ASSERT_TRUE(b->reset && b->cut && b->complete && b->isolated && b->awaits && b->route_total == 77);
    CU_ASSERT_EQUAL(memcmp(b->digest, in.table_batch.digest, REPL_DIGEST), 0);
    CU_ASSERT_FATAL(b->lost_count == 2 && b->lost[1].bytes[3] == 5);
    CU_ASSERT_FATAL(b->told_count == 1 && b->told[0].bytes[3] == b->lost[0].bytes[3]);
    CU_ASSERT_FATAL(b->route_count == 2 && b->routes[0].next_hop_count == 2);
    CU_ASSERT_EQUAL(b->routes[0].next_hops[1].bytes[3], 5);
    CU_ASSERT_EQUAL(b->routes[1].next_hop_count, 0);
    free(copy);
    in = table_beat();
    len = encode(&in, buf);
    CU_ASSERT_EQUAL(decode(buf, len, &arena, &out, &copy), 0);
    CU_ASSERT_TRUE(out.beat.counter == 8 && out.beat.steady && out.beat.has_digest);
    CU_ASSERT_EQUAL(out.beat.digest[0], 5);
    free(copy);
    in = table_report();
    len = encode(&in, buf);
    CU_ASSERT_EQUAL(decode(buf, len, &arena, &out, &copy), 0);
    CU_ASSERT_STRING_EQUAL(out.table_report.last_error, "no such device");
    CU_ASSERT_STRING_EQUAL(out.table_report.store, "/tandem/hub/t");
    CU_ASSERT_TRUE(out.table_report.active && out.table_report.failed == 1);
    CU_ASSERT_TRUE(out.table_report.wanted == 5 && out.table_report.pending == 2);
    CU_ASSERT_TRUE(out.table_report.held == 6 && out.table_report.unhealthy == 7);
    free(copy);
    arena_fini(&arena);
}

static void test_a_message_that_does_not_fit_is_not_written(void)
{
    uint8_t buf[REPL_PAYLOAD_MAX];
    for (size_t i = 0; i < KINDS; i++) {
        struct repl_msg m = kinds[i]();
        size_t len = encode(&m, buf);
        for (size_t cap = 0; cap < len; cap++) {
            uint8_t *small = malloc(cap + !cap);
            CU_ASSERT_EQUAL(repl_msg_encode(&m, small, cap), REPL_ERR_SPACE);
            free(small);
        }
    }
}

/* ---- hostile input ---- */

static void test_no_truncation_is_read_past_its_end(void)
{
    uint8_t buf[REPL_PAYLOAD_MAX], *copy;
    for (size_t i = 0; i < KINDS; i++) {
        struct repl_msg m = kinds[i](), out;
        size_t len = encode(&m, buf);
        for (size_t cut = 0; cut < len; cut++) {
            struct arena arena = { 0 };
            int err = decode(buf, cut, &arena, &out, &copy);
            /* A shorter protobuf may be a message too; then it must be as sound as any other. */
            CU_ASSERT_TRUE(err == 0 || err == REPL_ERR_MALFORMED);
            if (!err)
                CU_ASSERT_TRUE(repl_msg_encode(&out, buf + 0, 0) == REPL_ERR_SPACE);
            free(copy);
            arena_fini(&arena);
        }
    }
}

static void test_no_changed_byte_does_harm(void)
{
    uint8_t buf[REPL_PAYLOAD_MAX], again[REPL_PAYLOAD_MAX], *copy;
    for (size_t i = 0; i < KINDS; i++) {
        struct repl_msg m = kinds[i](), out;
        size_t len = encode(&m, buf);
        for (size_t at = 0; at < len; at++)
            for (int bit = 0; bit < 8; bit++) {
                struct arena arena = { 0 };
                buf[at] ^= (uint8_t)(1 << bit);
                if (decode(buf, len, &arena, &out, &copy) == 0)
                    CU_ASSERT_TRUE(repl_msg_encode(&out, again, sizeof again) != 0);
                buf[at] ^= (uint8_t)(1 << bit);
                free(copy);
                arena_fini(&arena);
            }
    }
}

static void test_other_cluster_messages_are_checked_too(void)
{
    Tandem__Cluster__Message m = TANDEM__CLUSTER__MESSAGE__INIT;
    Tandem__Cluster__Position p = TANDEM__CLUSTER__POSITION__INIT, *many[REPL_NODES_MAX + 1];
    Tandem__Cluster__Beat b = TANDEM__CLUSTER__BEAT__INIT;
    Tandem__Cluster__Goodbye g = TANDEM__CLUSTER__GOODBYE__INIT;
    uint8_t digest[REPL_DIGEST + 1] = { 0 };
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED); /* no kind */
    m.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_RESET;
    m.reset = &p;
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED); /* origin 0 */
    p.origin = 1;
    p.status = 256;
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED);
    p.status = 0;
    CU_ASSERT_EQUAL(decode_cluster(&m), 0);
    for (int i = 0; i <= REPL_NODES_MAX; i++)
        many[i] = &p;
    m.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_BEAT;
    m.beat = &b;
    b.positions = many;
    b.config_digest = (ProtobufCBinaryData){ REPL_DIGEST, digest };
    b.n_positions = REPL_NODES_MAX + 1;
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED);
    b.n_positions = REPL_NODES_MAX;
    CU_ASSERT_EQUAL(decode_cluster(&m), 0);
    b.config_digest.len = 0;
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED);
    b.config_digest.len = REPL_DIGEST;
    b.digest = (ProtobufCBinaryData){ REPL_DIGEST + 1, digest };
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED);
    m.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_GOODBYE;
    m.goodbye = &g;
    g.reason = REPL_GOODBYE_RECONFIGURED + 1;
    CU_ASSERT_EQUAL(decode_cluster(&m), REPL_ERR_MALFORMED);
}

static int decode_table(const Tandem__Table__Message *pb)
{
    uint8_t buf[REPL_PAYLOAD_MAX], *copy;
    struct arena arena = { 0 };
    struct repl_msg out;
    buf[0] = TABLE;
    size_t len = 1 + tandem__table__message__pack(pb, buf + 1);
    int err = decode(buf, len, &arena, &out, &copy);
    free(copy);
    arena_fini(&arena);
    return err;
}

static void test_a_table_batch_that_lies_is_refused(void)
{
    Tandem__Table__Message m = TANDEM__TABLE__MESSAGE__INIT;
    Tandem__Table__Batch b = TANDEM__TABLE__BATCH__INIT;
    Tandem__Table__Routes r = TANDEM__TABLE__ROUTES__INIT, *groups[1] = { &r };
    uint8_t bytes[REPL_DIGEST] = { 8, 10 };
    ProtobufCBinaryData hop = { 4, bytes };
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED); /* no kind */
    m.kind_case = TANDEM__TABLE__MESSAGE__KIND_BATCH;
    m.batch = &b;
    b.routes = groups;
    b.n_routes = 1;
    r.nlri = (ProtobufCBinaryData){ 2, bytes };
    r.next_hops = &hop;
    r.n_next_hops = 1;
    CU_ASSERT_EQUAL(decode_table(&m), 0);
    hop.len = 6;
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED);
    b.lost_next_hops = &hop;
    b.n_lost_next_hops = 1;
    r.n_next_hops = 0;
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED);
    hop.len = 4;
    r.n_next_hops = 1;
    CU_ASSERT_EQUAL(decode_table(&m), 0);
    r.family = 2;
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED);
    r.family = 0;
    b.cut = true; /* a cut without its digest */
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED);
    b.digest = (ProtobufCBinaryData){ REPL_DIGEST, bytes };
    CU_ASSERT_EQUAL(decode_table(&m), 0);
    b.cut = false;
    CU_ASSERT_EQUAL(decode_table(&m), REPL_ERR_MALFORMED);
}

static void test_unknown_channels_and_sizes_are_refused(void)
{
    static uint8_t big[REPL_PAYLOAD_MAX + 1] = { CLUSTER };
    struct arena arena = { 0 };
    struct repl_msg out;
    uint8_t none = 0;
    CU_ASSERT_EQUAL(repl_msg_decode(&none, 0, &arena, &out), REPL_ERR_MALFORMED);
    CU_ASSERT_EQUAL(repl_msg_decode(&none, 1, &arena, &out), REPL_ERR_MALFORMED);
    CU_ASSERT_EQUAL(repl_msg_decode(big, sizeof big, &arena, &out), REPL_ERR_MALFORMED);
    arena_fini(&arena);
}

/* ---- HELLO ---- */

static void test_hello_reads_back_and_its_bounds_hold(void)
{
    struct repl_hello in = { .node = 7, .incarnation = UINT64_MAX, .your_incarnation = 5, .minor_min = 1,
                             .minor_max = 65535, .algo_min = 2, .algo_max = 3, .config_generation = 9,
                             .config_digest = { 1, 2 }, .name = "rs-a", .up_ms = 86400000 };
    struct repl_hello out;
    uint8_t buf[512];
    memset(in.name, 'n', REPL_NAME_MAX);
    memset(in.version, 'v', REPL_VERSION_MAX);
    int len = repl_hello_encode(&in, buf, sizeof buf);
    CU_ASSERT_TRUE_FATAL(len > 0);
    CU_ASSERT_EQUAL(repl_hello_decode(buf, (size_t)len, &out), 0);
    CU_ASSERT_TRUE(out.node == 7 && out.incarnation == UINT64_MAX && out.your_incarnation == 5);
    CU_ASSERT_TRUE(out.minor_min == 1 && out.minor_max == 65535);
    CU_ASSERT_TRUE(out.algo_min == 2 && out.algo_max == 3 && out.config_generation == 9);
    CU_ASSERT_EQUAL(memcmp(in.config_digest, out.config_digest, REPL_DIGEST), 0);
    CU_ASSERT_STRING_EQUAL(in.name, out.name);
    CU_ASSERT_STRING_EQUAL(in.version, out.version);
    CU_ASSERT_EQUAL(out.up_ms, 86400000);
    CU_ASSERT_EQUAL(repl_hello_encode(&in, buf, (size_t)len - 1), REPL_ERR_SPACE);
    for (int cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc((size_t)cut + 1);
        memcpy(copy, buf, (size_t)cut);
        int err = repl_hello_decode(copy, (size_t)cut, &out);
        CU_ASSERT_TRUE(err == 0 || err == REPL_ERR_MALFORMED);
        free(copy);
    }
    in.node = REPL_NODES_MAX + 1;
    len = repl_hello_encode(&in, buf, sizeof buf);
    CU_ASSERT_EQUAL(repl_hello_decode(buf, (size_t)len, &out), REPL_ERR_MALFORMED);
}

static void test_addresses_of_both_families_survive(void)
{
    static const struct ip_addr hops[] = { { .family = BGP_IP6, .bytes = { 0xfd, 0, 1 } } };
    const struct repl_table_routes routes = {
        .next_hops = hops, .next_hop_count = 1, .family = BGP_IP4, .nlri = nlri, .len = sizeof nlri
    };
    struct repl_msg m = { .kind = REPL_TABLE_BATCH, .table_batch = { .routes = &routes, .route_count = 1 } };
    struct repl_msg out;
    struct arena arena = { 0 };
    uint8_t buf[REPL_PAYLOAD_MAX];
    size_t len = encode(&m, buf);
    CU_ASSERT_EQUAL(repl_msg_decode(buf, len, &arena, &out), 0);
    CU_ASSERT_TRUE(ip_addr_is_equal(&out.table_batch.routes[0].next_hops[0], &hop6));
    arena_fini(&arena);
}

CU_MAIN("codec", CU_CASE(test_every_message_reads_back_as_it_was_written),
        CU_CASE(test_a_beat_keeps_every_field),
        CU_CASE(test_table_messages_keep_every_field),
        CU_CASE(test_a_message_that_does_not_fit_is_not_written),
        CU_CASE(test_no_truncation_is_read_past_its_end), CU_CASE(test_no_changed_byte_does_harm),
        CU_CASE(test_other_cluster_messages_are_checked_too),
        CU_CASE(test_a_table_batch_that_lies_is_refused),
        CU_CASE(test_unknown_channels_and_sizes_are_refused),
        CU_CASE(test_hello_reads_back_and_its_bounds_hold),
        CU_CASE(test_addresses_of_both_families_survive))
