/* The target against a model of etcd's gateway in this process, with faults on request. What only the
 * real server can show (watch, TLS, logins, members) is in tests/chaos/etcd.py. */
#include "node/targets/etcd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/targets/etcd_internal.h"
#include "tests/lib/cu.h"
#include "tests/node/etcd_daemon.h"

enum { LIMIT_MS = 8000 };

/* ---- one node beside it ---- */

struct lab {
    struct model model;
    uv_loop_t loop;
    uv_timer_t pulse;
    struct prefix_table prefixes;
    struct nhset_table sets;
    struct program *program;
    struct repl_fence fence;
    struct repl_fence_world world;
    struct config_target target;
    char *endpoints[1], prefix[16], trouble[400];
    struct etcd *etcd;
    bool is_ready;
    bool (*until)(struct lab *l);
    uint64_t give_up_ms, listings;
    uint32_t writes;
    uint32_t turns;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void turn(struct lab *l)
{
    l->turns++;
    repl_fence_tick(&l->fence, &l->world, now_ms());
    etcd_turn(l->etcd, now_ms());
    if (l->until && (l->until(l) || now_ms() > l->give_up_ms))
        uv_stop(&l->loop);
}

static void on_pulse(uv_timer_t *timer)
{
    turn(timer->data);
}

static void on_change(void *data)
{
    turn(data);
}

static void on_ready(void *data)
{
    ((struct lab *)data)->is_ready = true;
}

static void on_prefix(void *data, uint32_t prefix)
{
    (void)data, (void)prefix;
}

static void on_trouble(void *data, const char *text)
{
    struct lab *l = data;
    snprintf(l->trouble, sizeof l->trouble, "%s", text);
}

static const char *source_of(void *data, uint32_t prefix)
{
    (void)data, (void)prefix;
    return "nva";
}

static void lab_open(struct lab *l)
{
    static const struct hash_key key = { 1, 2 };
    memset(l, 0, sizeof *l);
    model_open(&l->model);
    uv_loop_init(&l->loop);
    uv_timer_init(&l->loop, &l->pulse);
    l->pulse.data = l;
    prefix_table_init(&l->prefixes, key, 8);
    nhset_table_init(&l->sets, key);
    l->program = program_new(&program_defaults, &l->sets);
    program_set_heard(l->program, true, now_ms());
    repl_fence_init(&l->fence, &(struct repl_fence_cfg){ .self = 1, .nodes = 1, .beat_ms = 1000 },
                    now_ms());
    l->world = (struct repl_fence_world){ .incarnation = 7, .is_awake = true, .is_steady = true };
    l->endpoints[0] = l->model.url;
    strcpy(l->prefix, "/t");
    l->target.etcd =
        (struct config_etcd){ .endpoints = l->endpoints, .endpoint_count = 1, .prefix = l->prefix };
    l->etcd = etcd_new(&(struct etcd_cfg){ .loop = &l->loop,
                                           .target = &l->target,
                                           .node = "rs-a",
                                           .prefixes = &l->prefixes,
                                           .sets = &l->sets,
                                           .program = l->program,
                                           .fence = &l->fence,
                                           .relist_ms = 100,
                                           .now = now_ms,
                                           .on_change = on_change,
                                           .on_ready = on_ready,
                                           .on_observed = on_prefix,
                                           .on_released = on_prefix,
                                           .on_trouble = on_trouble,
                                           .source_of = source_of,
                                           .data = l });
    assert(l->etcd);
}

/* One thread: the model answers between the loop's rounds. */
static void run(struct lab *l, bool (*until)(struct lab *l))
{
    l->until = until;
    l->give_up_ms = now_ms() + LIMIT_MS;
    uv_timer_start(&l->pulse, on_pulse, 0, 20);
    while (!until(l) && now_ms() < l->give_up_ms) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        MHD_run_wait(l->model.daemon, 1);
    }
    CU_ASSERT_TRUE(until(l));
}

static void lab_close(struct lab *l)
{
    etcd_free(l->etcd);
    uv_close((uv_handle_t *)&l->pulse, NULL);
    while (uv_run(&l->loop, UV_RUN_NOWAIT))
        MHD_run(l->model.daemon);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    model_close(&l->model);
    program_free(l->program);
    CU_ASSERT_EQUAL(l->sets.sets.count, 0);
    nhset_table_fini(&l->sets);
    prefix_table_fini(&l->prefixes);
}

static void want(struct lab *l, uint32_t number, uint8_t hop, enum program_cause cause)
{
    struct ip_prefix p = { .len = 24, .bytes = { 10, (uint8_t)(number >> 8), (uint8_t)number } };
    struct ip_addr member = { .bytes = { 10, 0, 0, hop } };
    bool nomem;
    uint32_t set = hop ? nhset_intern(&l->sets, &member, 1, &nomem) : 0;
    uint32_t prefix = prefix_table_get(&l->prefixes, &p);
    CU_ASSERT_EQUAL(program_want(l->program, prefix, set, cause, now_ms()), 0);
    nhset_unref(&l->sets, set);
}

static bool is_ready(struct lab *l)
{
    return l->is_ready;
}

static bool is_settled(struct lab *l)
{
    struct etcd_gen g;
    const struct program_stats *s = program_stats(l->program);
    const struct fake_key *gen = fake_find(&l->model.store, "/t/gen");
    return l->is_ready && !s->pending && s->installed == s->wanted && gen &&
           etcd_read_gen(gen->value, strlen(gen->value), &g) && g.count == s->wanted &&
           g.epoch == l->fence.epoch;
}

static size_t count_routes(struct model *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->store.count; i++)
        count += strstr(m->store.keys[i].name, "/t/routes/") == m->store.keys[i].name;
    return count;
}

/* The digest that stands in gen is that of the routes that stand there. */
static void check_digest(struct lab *l)
{
    struct repl_digest d;
    struct etcd_gen g;
    uint8_t digest[REPL_DIGEST];
    const struct fake_key *gen = fake_find(&l->model.store, "/t/gen");
    repl_digest_init(&d, REPL_DIGEST_SUM, NULL);
    for (size_t i = 0; i < l->model.store.count; i++) {
        struct ip_prefix route;
        struct ip_addr members[NHSET_MAX];
        uint32_t count;
        const struct fake_key *k = &l->model.store.keys[i];
        if (etcd_key_of("/t/", k->name, strlen(k->name), &route) != ETCD_ROUTE ||
            !etcd_read_route(k->value, strlen(k->value), members, &count))
            continue;
        repl_digest_add(&d, &route, &(struct nhset){ .count = count, .members = members });
    }
    repl_digest_write(&d, digest);
    CU_ASSERT_TRUE_FATAL(gen && etcd_read_gen(gen->value, strlen(gen->value), &g));
    CU_ASSERT_EQUAL(memcmp(digest, g.digest, REPL_DIGEST), 0);
}

/* ---- the cases ---- */

static void test_many_routes_go_in_batches_of_128_with_gen_last(void)
{
    struct lab l;
    lab_open(&l);
    for (uint32_t i = 0; i < 500; i++)
        want(&l, i, 1, PROGRAM_LOST);
    run(&l, is_settled);
    CU_ASSERT_EQUAL(count_routes(&l.model), 500);
    CU_ASSERT_EQUAL(l.model.store.most_ops, ETCD_OPS_MAX - 1);
    CU_ASSERT_EQUAL(l.model.store.writes, 1 + 4); /* the takeover; 127, 127, 127, 119 and gen */
    CU_ASSERT_FALSE(l.model.store.gen_not_last);
    check_digest(&l);
    lab_close(&l);
}

static void test_additions_come_before_deletions_in_a_transaction(void)
{
    struct lab l;
    lab_open(&l);
    for (uint32_t i = 0; i < 10; i++)
        want(&l, i, 1, PROGRAM_LOST);
    run(&l, is_settled);
    program_converged(l.program, now_ms());
    for (uint32_t i = 0; i < 5; i++)
        want(&l, i, 0, PROGRAM_WITHDRAWN);
    for (uint32_t i = 5; i < 15; i++)
        want(&l, i, 2, PROGRAM_LOST);
    run(&l, is_settled);
    CU_ASSERT_EQUAL(count_routes(&l.model), 10);
    CU_ASSERT_EQUAL(l.model.store.deletes, 5);
    CU_ASSERT_FALSE(l.model.store.deleted_before_put);
    check_digest(&l);
    lab_close(&l);
}

static void test_what_stands_there_is_inherited_and_nothing_foreign_is_touched(void)
{
    struct lab l;
    lab_open(&l);
    fake_put_key(&l.model.store, "/t/routes/10.9.0.0/16", "{\"nextHops\":[\"10.0.0.9\"]}");
    fake_put_key(&l.model.store, "/t/routes/10.9.1.0/16", "no route");
    fake_put_key(&l.model.store, "/t/other", "x");
    fake_put_key(&l.model.store, "/tt/routes/10.8.0.0/16", "{\"nextHops\":[\"10.0.0.9\"]}");
    run(&l, is_ready);
    CU_ASSERT_EQUAL(program_stats(l.program)->installed, 1);
    CU_ASSERT_EQUAL(program_stats(l.program)->inherited, 1);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_ready);
    for (int i = 0; i < 50; i++) {
        uv_run(&l.loop, UV_RUN_NOWAIT);
        MHD_run_wait(l.model.daemon, 2);
    }
    CU_ASSERT_EQUAL(l.model.store.deletes, 0);
    CU_ASSERT_EQUAL(count_routes(&l.model), 3);
    CU_ASSERT_PTR_NOT_NULL(fake_find(&l.model.store, "/t/other"));
    lab_close(&l);
}

static bool is_fenced(struct lab *l)
{
    return l->fence.role == REPL_FENCED;
}

static bool is_active_again(struct lab *l)
{
    return l->fence.role == REPL_ACTIVE && l->fence.epoch == 10 && is_settled(l);
}

static void test_a_writer_whose_fence_is_gone_stops_and_its_batch_waits(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    l.model.store.revision++;
    fake_put_key(&l.model.store, "/t/fence", "{\"epoch\":9,\"owner\":1,\"node\":\"x\",\"incarnation\":3}");
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_fenced);
    CU_ASSERT_EQUAL(count_routes(&l.model), 1);
    run(&l, is_active_again); /* an earlier life's record: above it, after the back-off */
    CU_ASSERT_EQUAL(count_routes(&l.model), 2);
    CU_ASSERT_TRUE(l.fence.losses == 1);
    lab_close(&l);
}

static void test_a_lost_answer_is_found_out_by_reading(void)
{
    struct lab l;
    lab_open(&l);
    l.model.drop_answers = 1; /* of the takeover */
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    CU_ASSERT_EQUAL(l.fence.epoch, 1);
    l.model.drop_answers = 2; /* of a batch, and of its repetition */
    want(&l, 2, 1, PROGRAM_LOST);
    want(&l, 1, 0, PROGRAM_WITHDRAWN);
    program_converged(l.program, now_ms());
    run(&l, is_settled);
    CU_ASSERT_EQUAL(count_routes(&l.model), 1);
    CU_ASSERT_EQUAL(l.fence.epoch, 1);
    check_digest(&l);
    lab_close(&l);
}

static bool is_postponed(struct lab *l)
{
    return l->model.late && !l->etcd->request; /* nor is it sent once more */
}

static bool is_written_anew(struct lab *l)
{
    return l->model.store.writes > l->writes;
}

/* It was wanted for a moment only, and its transaction is carried out when it is not wanted any more. */
static void test_a_transaction_without_an_answer_changes_nothing_when_it_is_late(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    program_converged(l.program, now_ms());
    l.writes = l.model.store.writes;
    l.model.postpones = true;
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_postponed);
    l.model.postpones = false;
    want(&l, 2, 0, PROGRAM_WITHDRAWN);
    run(&l, is_written_anew);
    model_carry_out(&l.model);
    CU_ASSERT_EQUAL(count_routes(&l.model), 1);
    run(&l, is_settled);
    CU_ASSERT_EQUAL(l.fence.epoch, 1);
    CU_ASSERT_EQUAL(l.fence.losses, 0);
    check_digest(&l);
    lab_close(&l);
}

static bool has_trouble(struct lab *l)
{
    return l->trouble[0] != 0;
}

static bool was_refused(struct lab *l)
{
    return l->model.refuse == 95;
}

static void test_a_full_store_is_named_and_asked_ever_less_often(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    l.model.refuse = 99;
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, has_trouble);
    CU_ASSERT_PTR_NOT_NULL(strstr(l.trouble, "space exceeded"));
    CU_ASSERT_EQUAL(l.fence.role, REPL_ACTIVE);
    uint64_t begun = now_ms();
    run(&l, was_refused); /* the fourth after the first: 250 + 500 + 1000 ms later */
    CU_ASSERT_TRUE(now_ms() - begun >= 1500);
    CU_ASSERT_TRUE(l.turns < 2000);
    l.model.refuse = 0;
    run(&l, is_settled);
    CU_ASSERT_STRING_EQUAL(l.trouble, "");
    lab_close(&l);
}

static bool is_repaired(struct lab *l)
{
    const struct fake_key *one = fake_find(&l->model.store, "/t/routes/10.0.1.0/24");
    return is_settled(l) && count_routes(&l->model) == 2 && one && strstr(one->value, "10.0.0.1");
}

static void test_drift_is_found_by_listing_and_repaired(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_settled);
    l.model.store.revision++;
    fake_put_key(&l.model.store, "/t/routes/10.0.1.0/24", "{\"nextHops\":[\"10.0.0.66\"]}");
    fake_drop(&l.model.store, "/t/routes/10.0.2.0/24");
    run(&l, is_repaired);
    check_digest(&l);
    l.model.store.revision++;
    fake_put_key(&l.model.store, "/t/gen", "{}");
    run(&l, is_repaired);
    check_digest(&l);
    lab_close(&l);
}

static bool is_taken_again(struct lab *l)
{
    return l->fence.epoch == 2 && fake_find(&l->model.store, "/t/fence") && fake_find(&l->model.store, "/t/gen");
}

/* Nobody told, and there is nothing to be written that would show it: the watch's events went with the history. */
static void test_a_fence_that_is_gone_is_missed_in_a_listing(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    CU_ASSERT_EQUAL(l.fence.epoch, 1);
    l.model.store.revision++;
    fake_drop(&l.model.store, "/t/fence");
    fake_drop(&l.model.store, "/t/gen");
    run(&l, is_taken_again);
    run(&l, is_settled);
    check_digest(&l);
    lab_close(&l);
}

static bool is_seen_as_it_is(struct lab *l)
{
    struct ip_prefix p = { .len = 24, .bytes = { 10, 0, 1 } };
    return fake_find(&l->model.store, "/t/routes/10.0.2.0/24") &&
           program_is_hearsay(l->program, prefix_table_find(&l->prefixes, &p));
}

/* Nobody told that another node has put it for another NVA meanwhile: an event of the watch was lost. */
static void test_a_route_goes_only_as_it_was_seen(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    program_converged(l.program, now_ms());
    program_hold_hearsay(l.program, now_ms() + LIMIT_MS, now_ms());
    l.model.store.revision++;
    fake_put_key(&l.model.store, "/t/routes/10.0.1.0/24", "{\"nextHops\":[\"10.0.0.66\"]}");
    want(&l, 1, 0, PROGRAM_WITHDRAWN);
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_seen_as_it_is);
    CU_ASSERT_EQUAL(count_routes(&l.model), 2);
    CU_ASSERT_EQUAL(l.model.store.deletes, 0);
    CU_ASSERT_EQUAL(l.fence.role, REPL_ACTIVE);
    lab_close(&l);
}

static bool are_two(struct lab *l)
{
    return count_routes(&l->model) == 2;
}

static bool is_listed(struct lab *l)
{
    return l->etcd->status.listings >= l->listings;
}

/* The next page of a listing, as of a revision before it was deleted, has a route that nothing is known of any more. */
static void test_a_route_that_a_listing_shows_too_late_is_looked_for_again(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, is_settled);
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_settled);
    struct fake_key deleted = *fake_find(&l.model.store, "/t/routes/10.0.1.0/24");
    l.listings = l.etcd->status.listings + 2;
    run(&l, is_listed);
    want(&l, 1, 0, PROGRAM_WITHDRAWN);
    program_converged(l.program, now_ms());
    program_hold_hearsay(l.program, now_ms() + 2 * LIMIT_MS, now_ms());
    run(&l, is_settled);
    fake_put_key(&l.model.store, deleted.name, deleted.value)->revision = deleted.revision;
    l.etcd->cfg.relist_ms = 2 * LIMIT_MS;
    l.listings = l.etcd->status.listings + 1;
    run(&l, is_listed);
    fake_drop(&l.model.store, deleted.name);
    want(&l, 1, 1, PROGRAM_LOST);
    run(&l, are_two);
    lab_close(&l);
}

static void test_a_store_that_was_made_anew_is_filled_again(void)
{
    struct lab l;
    lab_open(&l);
    want(&l, 1, 1, PROGRAM_LOST);
    want(&l, 2, 1, PROGRAM_LOST);
    run(&l, is_settled);
    l.model.store.count = 0;
    l.model.store.revision = 1;
    run(&l, is_repaired);
    CU_ASSERT_EQUAL(l.fence.epoch, 2); /* above every epoch seen */
    lab_close(&l);
}

CU_MAIN("etcd", CU_CASE(test_many_routes_go_in_batches_of_128_with_gen_last),
        CU_CASE(test_additions_come_before_deletions_in_a_transaction),
        CU_CASE(test_what_stands_there_is_inherited_and_nothing_foreign_is_touched),
        CU_CASE(test_a_writer_whose_fence_is_gone_stops_and_its_batch_waits),
        CU_CASE(test_a_lost_answer_is_found_out_by_reading),
        CU_CASE(test_a_transaction_without_an_answer_changes_nothing_when_it_is_late),
        CU_CASE(test_a_full_store_is_named_and_asked_ever_less_often),
        CU_CASE(test_drift_is_found_by_listing_and_repaired),
        CU_CASE(test_a_fence_that_is_gone_is_missed_in_a_listing),
        CU_CASE(test_a_route_goes_only_as_it_was_seen),
        CU_CASE(test_a_route_that_a_listing_shows_too_late_is_looked_for_again),
        CU_CASE(test_a_store_that_was_made_anew_is_filled_again))
