/* An agent that reads its table from etcd, and its kernel. What a watch brings is in tests/chaos/etcd.py. */
#include "node/agent/etcd_source.h"

#include <string.h>

#include "replication/digest.h"
#include "tests/lib/cu.h"
#include "tests/node/etcd_daemon.h"

enum { LIMIT_MS = 20000, MOMENT_MS = 1000, MANY = 20000 };

struct lab {
    struct model model;
    uv_loop_t loop;
    struct prefix_table prefixes;
    struct nhset_table sets;
    struct program *kernel;
    struct config_target target;
    char *endpoints[1], prefix[16];
    struct etcd_source *source;
    uint32_t deletes;
    uint64_t since_ms;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void turn(void *data)
{
    struct lab *l = data;
    etcd_source_turn(l->source, now_ms());
}

static void on_trouble(void *data, const char *text)
{
    (void)data, (void)text;
}

static void carry_out(struct lab *l)
{
    struct program_op op;
    while (program_next(l->kernel, now_ms(), &op)) {
        l->deletes += op.kind == PROGRAM_DELETE;
        program_result(l->kernel, &op, true, now_ms());
        if (!program_holds(l->kernel, op.prefix))
            etcd_source_released(l->source, op.prefix);
    }
}

static struct ip_prefix prefix_of(uint32_t number)
{
    return (struct ip_prefix){ .len = 24, .bytes = { 10, (uint8_t)(number >> 8), (uint8_t)number } };
}

/* Of the last life: prefixes 0 to count - 1. */
static void inherit(struct lab *l, uint32_t count)
{
    struct ip_addr hop = { .bytes = { 10, 0, 0, 1 } };
    bool nomem;
    uint32_t set = nhset_intern(&l->sets, &hop, 1, &nomem);
    for (uint32_t i = 0; i < count; i++) {
        struct ip_prefix p = prefix_of(i);
        CU_ASSERT_EQUAL(program_inherit(l->kernel, prefix_table_get(&l->prefixes, &p), set), 0);
    }
    nhset_unref(&l->sets, set);
}

static void lab_open(struct lab *l)
{
    memset(l, 0, sizeof *l);
    model_open(&l->model);
    l->model.hangs_up = true;
    uv_loop_init(&l->loop);
    prefix_table_init(&l->prefixes, (struct hash_key){ 1, 2 }, 8);
    nhset_table_init(&l->sets, (struct hash_key){ 1, 2 });
    l->kernel = program_new(&program_defaults, &l->sets);
    l->endpoints[0] = l->model.url;
    strcpy(l->prefix, "/t");
    l->target.etcd = (struct config_etcd){ .endpoints = l->endpoints, .endpoint_count = 1, .prefix = l->prefix };
}

static void start(struct lab *l)
{
    l->source = etcd_source_new(&(struct etcd_source_cfg){ .loop = &l->loop,
                                                           .target = &l->target,
                                                           .prefixes = &l->prefixes,
                                                           .sets = &l->sets,
                                                           .kernel = l->kernel,
                                                           .now = now_ms,
                                                           .on_change = turn,
                                                           .on_trouble = on_trouble,
                                                           .data = l });
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->source);
    turn(l);
}

/* Between the loop's rounds the model answers, and the kernel does as it is told. */
static void run(struct lab *l, bool (*until)(const struct lab *l))
{
    l->since_ms = now_ms();
    while (!until(l) && now_ms() < l->since_ms + LIMIT_MS) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        MHD_run_wait(l->model.daemon, 1);
        carry_out(l);
    }
    CU_ASSERT_TRUE(until(l));
}

static void lab_close(struct lab *l)
{
    etcd_source_free(l->source);
    while (uv_run(&l->loop, UV_RUN_NOWAIT))
        MHD_run(l->model.daemon);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    model_close(&l->model);
    program_free(l->kernel);
    CU_ASSERT_EQUAL(l->sets.sets.count, 0);
    nhset_table_fini(&l->sets);
    prefix_table_fini(&l->prefixes);
}

/* ---- what stands in the store: routes of the first few prefixes ---- */

static void write_route(struct lab *l, uint32_t number)
{
    char key[64], text[IP_PREFIX_TEXT];
    struct ip_prefix p = prefix_of(number);
    snprintf(key, sizeof key, "/t/routes/%s", ip_prefix_format(&p, text));
    l->model.store.revision++;
    fake_put_key(&l->model.store, key, "{\"nextHops\":[\"10.0.0.1\"]}");
}

static void drop_route(struct lab *l, uint32_t number)
{
    char key[64], text[IP_PREFIX_TEXT];
    struct ip_prefix p = prefix_of(number);
    snprintf(key, sizeof key, "/t/routes/%s", ip_prefix_format(&p, text));
    l->model.store.revision++;
    fake_drop(&l->model.store, key);
}

/* The writer says that these are all: from … to - 1. */
static void write_gen(struct lab *l, uint32_t from, uint32_t to)
{
    struct etcd_gen gen = { .epoch = 1, .version = (uint64_t)l->model.store.revision, .count = to - from };
    struct ip_addr hop = { .bytes = { 10, 0, 0, 1 } };
    struct repl_digest d;
    repl_digest_init(&d, REPL_DIGEST_SUM, NULL);
    for (uint32_t i = from; i < to; i++) {
        struct ip_prefix p = prefix_of(i);
        repl_digest_add(&d, &p, &(struct nhset){ .count = 1, .members = &hop });
    }
    repl_digest_write(&d, gen.digest);
    json_t *value = etcd_value_gen(&gen);
    char *text = json_dumps(value, JSON_COMPACT);
    l->model.store.revision++;
    fake_put_key(&l->model.store, "/t/gen", text);
    free(text);
    json_decref(value);
}

static bool is_up(const struct lab *l)
{
    return etcd_source_is_up(l->source);
}

static bool is_a_moment_later(const struct lab *l)
{
    return now_ms() > l->since_ms + MOMENT_MS;
}

static uint32_t installed(const struct lab *l)
{
    return program_stats(l->kernel)->installed;
}

static bool has_three(const struct lab *l)
{
    return installed(l) == 3;
}

static bool has_two(const struct lab *l)
{
    return installed(l) == 2;
}

/* ---- the cases ---- */

static void test_what_stands_there_is_wanted(void)
{
    struct lab l;
    lab_open(&l);
    for (uint32_t i = 0; i < 3; i++)
        write_route(&l, i);
    start(&l);
    run(&l, has_three);
    CU_ASSERT_TRUE(is_up(&l));
    lab_close(&l);
}

/* As the writer's word, not as a loss: no brake holds it. */
static void test_what_was_inherited_goes_when_the_writer_says_what_is_all(void)
{
    struct lab l;
    lab_open(&l);
    inherit(&l, MANY);
    for (uint32_t i = 0; i < 3; i++)
        write_route(&l, i);
    start(&l);
    run(&l, is_up);
    CU_ASSERT_EQUAL(installed(&l), MANY);
    write_gen(&l, 0, 3);
    run(&l, has_three);
    CU_ASSERT_EQUAL(l.deletes, MANY - 3);
    CU_ASSERT_EQUAL(prefix_table_count(&l.prefixes), 3);
    lab_close(&l);
}

/* And the writer says that these are all. */
static void open_with_three(struct lab *l)
{
    lab_open(l);
    for (uint32_t i = 0; i < 3; i++)
        write_route(l, i);
    write_gen(l, 0, 3);
    start(l);
}

static void test_what_somebody_removed_stays_until_the_writer_says_so(void)
{
    struct lab l;
    open_with_three(&l);
    run(&l, has_three);
    drop_route(&l, 0);
    write_gen(&l, 0, 2); /* that is not what stands there: all is listed */
    run(&l, is_a_moment_later);
    CU_ASSERT_EQUAL(installed(&l), 3);
    write_gen(&l, 1, 3);
    run(&l, has_two);
    lab_close(&l);
}

static void test_a_table_that_was_given_up_is_wanted_again(void)
{
    struct lab l;
    open_with_three(&l);
    run(&l, is_a_moment_later);
    for (uint32_t i = 0; i < 3; i++) {
        struct ip_prefix p = prefix_of(i);
        CU_ASSERT_EQUAL(program_want(l.kernel, prefix_table_find(&l.prefixes, &p), 0, PROGRAM_WITHDRAWN, now_ms()), 0);
    }
    carry_out(&l);
    CU_ASSERT_EQUAL(installed(&l), 0);
    etcd_source_want_again(l.source);
    run(&l, has_three);
    lab_close(&l);
}

CU_MAIN("etcd_source", CU_CASE(test_what_stands_there_is_wanted),
        CU_CASE(test_what_was_inherited_goes_when_the_writer_says_what_is_all),
        CU_CASE(test_what_somebody_removed_stays_until_the_writer_says_so),
        CU_CASE(test_a_table_that_was_given_up_is_wanted_again))
