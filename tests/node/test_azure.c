/* The azure machine against a resource manager in memory, in virtual time: what it does, one by one, and
 * what it says and leaves alone when something is wrong. */
#include "tests/lib/cu.h"

#include "tests/node/azure_rig.h"

static struct rig rig; /* large; every test initialises it */

static const char *const plain = AZ_TABLE("Succeeded", "{\"team\":\"net\"}", AZ_FOREIGN "," AZ_TAGGED);

static void begin(const char *table, unsigned nodes)
{
    rig_init(&rig, table, nodes);
    rig.truth[1] = 1;
    rig.truth[2] = 3;
    rig_start(&rig, 0);
    if (nodes > 1)
        rig_start(&rig, 1);
}

/* One node that has written its two routes. */
static void begin_written(void)
{
    begin(plain, 1);
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
}

static void end(void)
{
    CU_ASSERT_STRING_EQUAL(rig.arm.complaint, "");
    rig_fini(&rig);
}

static void order(enum fake_fault fault)
{
    assert(rig.arm.next_count < FAKE_FAULTS);
    rig.arm.next[rig.arm.next_count++] = fault;
}

/* ---- when all is well ---- */

static void test_a_node_takes_the_table_and_writes_its_routes(void)
{
    begin_written();
    const char *tag = json_string_value(
        json_object_get(json_object_get(rig.arm.document, "tags"), "tandem-fence"));
    CU_ASSERT_STRING_EQUAL(tag, "hub;1;rs-a;1;0");
    CU_ASSERT_EQUAL(rig.arm.tokens, 1);
    CU_ASSERT_TRUE(rig.arm.writes <= 2); /* the takeover, and what was wanted after it */
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 2);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).foreign_routes, 2);
    end();
}

static void test_a_burst_becomes_one_write(void)
{
    begin_written();
    unsigned writes = rig.arm.writes;
    for (unsigned i = 0; i < RIG_PREFIXES; i++) {
        rig_want(&rig, i, (uint8_t)(1 + i % 7));
        rig_run(&rig, 5);
    }
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes + 1);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

static void test_changes_that_never_end_are_written_now_and_then(void)
{
    begin_written();
    unsigned writes = rig.arm.writes;
    for (unsigned i = 0; i < 400; i++) { /* ten seconds long */
        rig_want(&rig, i % RIG_PREFIXES, (uint8_t)(1 + i % 7));
        rig_run(&rig, 25);
    }
    CU_ASSERT_TRUE(rig.arm.writes >= writes + 5 && rig.arm.writes <= writes + 20);
    end();
}

static void test_a_quiet_table_is_read_once_a_minute_and_not_written(void)
{
    begin_written();
    unsigned writes = rig.arm.writes, reads = rig.arm.reads;
    rig_run(&rig, 600000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes);
    CU_ASSERT_TRUE(rig.arm.reads >= reads + 9 && rig.arm.reads <= reads + 11);
    end();
}

/* Somebody else uses the subscription's quota up: we slow down before we are refused. */
static void test_what_the_provider_says_is_left_is_not_exceeded(void)
{
    begin_written();
    unsigned writes = rig.arm.writes;
    rig.arm.counts = true;
    rig.arm.remaining = 1;
    for (unsigned i = 0; i < 400; i++) { /* ten seconds long */
        rig_want(&rig, i % RIG_PREFIXES, (uint8_t)(1 + i % 7));
        rig_run(&rig, 25);
    }
    CU_ASSERT_TRUE(rig.arm.writes > writes);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).remaining_writes, 1);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).remaining_reads, 1);
    CU_ASSERT_TRUE(rig.nodes[0].bucket.writes < 2000);
    rig.arm.remaining = 0;
    rig_run(&rig, 1000);
    writes = rig.arm.writes;
    rig_want(&rig, 0, 7);
    rig_run(&rig, 100);
    CU_ASSERT_EQUAL(rig.arm.writes, writes);
    rig.arm.counts = false;
    rig_run(&rig, 10000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

static void test_a_token_is_renewed_before_its_end(void)
{
    begin_written();
    rig_run(&rig, 3 * 3600000);
    CU_ASSERT_EQUAL(rig.arm.tokens, 4);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

static void test_an_older_api_version_gets_the_first_next_hop_only(void)
{
    rig_init(&rig, plain, 1);
    rig.like.api_version = "2024-05-01";
    rig.truth[2] = 6;
    rig_start(&rig, 0);
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(rig_shown(&rig, 2), 2);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->pending, 0);
    unsigned writes = rig.arm.writes;
    rig_want(&rig, 2, 2); /* the table does not tell it from what stands there */
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes);
    end();
}

/* ---- what others do ---- */

static void edit(const char *routes)
{
    json_object_set_new(json_object_get(rig.arm.document, "properties"), "routes",
                        json_loads(routes, 0, NULL));
    fake_accept_foreign(&rig.arm);
}

static void test_drift_is_repaired_and_the_stranger_keeps_what_is_his(void)
{
    begin_written();
    edit("[" AZ_OURS("fw-1", "1", "10.1.0.0/16", "10.1.2.9") ",{\"name\":\"theirs\",\"properties\":{"
                                                             "\"addressPrefix\":\"10.99.0.0/16\"}}]");
    rig_run(&rig, 65000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).foreign_routes, 1);
    end();
}

static void test_a_prefix_that_a_stranger_took_is_left_to_him_and_reported(void)
{
    begin_written();
    edit("[{\"name\":\"theirs\",\"properties\":{\"addressPrefix\":\"10.1.0.0/16\"}}]");
    rig_run(&rig, 120000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "partial");
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_status(&rig, 0).error, "10.1.0.0/16"));
    CU_ASSERT_EQUAL(rig_shown(&rig, 2), 3);
    edit("[]");
    rig_run(&rig, 180000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

static void test_a_write_into_a_change_of_others_loses_neither(void)
{
    begin_written();
    edit("[" AZ_OURS("fw-1", "1", "10.1.0.0/16", "10.1.2.4") ",{\"name\":\"theirs\",\"properties\":{"
                                                             "\"addressPrefix\":\"10.99.0.0/16\"}}]");
    rig_want(&rig, 3, 1);
    rig_run(&rig, 3000);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).conflicts, 1);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).foreign_routes, 1);
    end();
}

static void test_a_lost_fence_is_replaced_by_a_higher_one(void)
{
    begin_written();
    json_object_del(json_object_get(rig.arm.document, "tags"), "tandem-fence");
    fake_accept_foreign(&rig.arm);
    rig_run(&rig, 65000);
    CU_ASSERT_EQUAL(rig.arm.epoch, 2);
    end();
}

static void test_the_table_of_another_cluster_is_never_written(void)
{
    begin(AZ_TABLE("Succeeded", "{\"tandem-fence\":\"spoke;9;rs-a;1;0\"}",
                   AZ_OURS("fw-9", "1", "10.9.0.0/16", "10.1.2.4")), 1);
    rig_run(&rig, 120000);
    CU_ASSERT_EQUAL(rig.arm.writes, 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "other-cluster");
    end();
}

/* ---- two nodes ---- */

static void test_one_of_two_nodes_writes_and_the_other_reads(void)
{
    begin(plain, 2);
    rig_run(&rig, 30000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_EQUAL(rig.arm.epoch, 1);
    bool first = strcmp(rig_state(&rig, 0), "ok") == 0;
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, first), "standby");
    CU_ASSERT_EQUAL(rig_status(&rig, first).accepted, 0);
    end();
}

static void test_the_survivor_writes_soon_after_the_owner_is_dead(void)
{
    begin(plain, 2);
    rig_run(&rig, 30000);
    unsigned owner = strcmp(rig_state(&rig, 0), "ok") != 0;
    rig_kill(&rig, owner);
    rig_want(&rig, 5, 1);
    rig_run(&rig, 300 + 2 * 2 * rig.latency_ms + 250); /* dead, two round trips, the rig's own pace */
    CU_ASSERT_EQUAL(rig.arm.epoch, 2);
    CU_ASSERT_EQUAL(rig_shown(&rig, 5), 1);
    rig_run(&rig, 10000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

static void test_what_the_dead_owner_wrote_last_is_kept_for_the_hold_time(void)
{
    begin(plain, 2);
    rig_run(&rig, 30000);
    unsigned owner = strcmp(rig_state(&rig, 0), "ok") != 0;
    rig.truth[9] = 1; /* only the owner hears of it */
    rig_tell(&rig, &rig.nodes[owner], 9);
    rig_run(&rig, 3000);
    CU_ASSERT_EQUAL(rig_shown(&rig, 9), 1);
    rig_kill(&rig, owner);
    rig.truth[9] = 0;
    rig_want(&rig, 5, 1);
    rig_run(&rig, RIG_HOLD_MS / 2);
    CU_ASSERT_EQUAL(rig_shown(&rig, 9), 1);
    rig_run(&rig, RIG_HOLD_MS + 10000);
    CU_ASSERT_EQUAL(rig_shown(&rig, 9), 0);
    end();
}

static void test_a_paused_owner_does_not_write_over_its_successor(void)
{
    begin(plain, 2);
    rig_run(&rig, 30000);
    unsigned owner = strcmp(rig_state(&rig, 0), "ok") != 0;
    rig.nodes[owner].is_paused = true;
    rig.nodes[owner].ended_ms = rig.now;
    rig_want(&rig, 5, 1);
    rig_run(&rig, 30000);
    CU_ASSERT_EQUAL(rig.arm.epoch, 2);
    rig.nodes[owner].is_paused = false;
    rig_want(&rig, 6, 1);
    rig_run(&rig, 30000);
    CU_ASSERT_EQUAL(rig.arm.epoch, 2);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, owner), "standby");
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

/* ---- what goes wrong ---- */

static void test_a_lost_answer_to_a_write_is_found_out_by_reading(void)
{
    begin_written();
    unsigned writes = rig.arm.writes;
    rig_want(&rig, 3, 1);
    order(FAKE_LOST);
    rig_run(&rig, 30000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes + 1);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->pending, 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

/* It may be carried out late, as long as nothing else was written. */
static void test_a_route_that_is_wanted_again_is_written_once_more_after_a_removal_without_an_answer(void)
{
    begin_written();
    unsigned writes = rig.arm.writes;
    program_converged(rig.nodes[0].program, rig.now);
    rig_want(&rig, 2, 0);
    order(FAKE_HANG);
    rig_run(&rig, 5300);
    CU_ASSERT_EQUAL(rig.arm.writes, writes);
    rig_want(&rig, 2, 3);
    rig_run(&rig, 30000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes + 1);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

static void test_a_failed_provisioning_is_a_failure_and_is_tried_again(void)
{
    begin_written();
    rig_want(&rig, 3, 1);
    order(FAKE_FAILS);
    rig_run(&rig, 1500);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "provisioning-failed");
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_status(&rig, 0).error, "InternalServerError"));
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->failed, 1);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 2);
    rig_run(&rig, 30000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 3);
    end();
}

static void test_who_may_not_see_operations_asks_the_table(void)
{
    begin_written();
    unsigned polls = rig.arm.polls, reads = rig.arm.reads;
    rig.arm.hides_operations = true;
    rig.arm.provisioning_ms = 2000;
    rig_want(&rig, 3, 1);
    rig_run(&rig, 4500);
    CU_ASSERT_EQUAL(rig.arm.polls, polls + 1);
    CU_ASSERT_TRUE(rig.arm.reads <= reads + 4);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 3);
    end();
}

static void test_an_operation_elsewhere_is_not_asked_with_our_token(void)
{
    static const char *const places[] = { "https://evil.test/operations/1", "http://arm.test/operations/1",
                                          FAKE_ENDPOINT ".evil.test/operations/1",
                                          FAKE_ENDPOINT "/operations/1\r\nX: y" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        static const char body[] = AZ_TABLE("Updating", "{\"tandem-fence\":\"hub;1;rs-b;1;0\"}", "");
        struct azure_answer a = { .outcome = HTTP_ANSWERED, .status = 200, .operation = places[i],
                                  .body = body, .len = sizeof body - 1 };
        begin(plain, 1);
        rig_run(&rig, 200);
        rig_start(&rig, 1); /* a second machine, answered by hand */
        rig.nodes[1].m->in_flight = AZURE_WRITE;
        rig.nodes[1].m->writing = (struct repl_fence_record){ 1, 2, 1 };
        azure_machine_answer(rig.nodes[1].m, &a, rig.now);
        CU_ASSERT_EQUAL(rig_status(&rig, 1).accepted, 1);
        CU_ASSERT_PTR_NULL(rig.nodes[1].m->operation);
        CU_ASSERT_TRUE(rig.nodes[1].m->must_read);
        end();
    }
}

struct trouble {
    enum fake_fault fault;
    const char *state;
};

/* Everything fails like this for ten minutes. */
static void suffer(const struct trouble *t)
{
    begin_written();
    rig_want(&rig, 3, 1);
    uint64_t requests = rig.requests;
    for (unsigned i = 0; i < 6000; i++) {
        rig.arm.next_count = 1;
        rig.arm.next[0] = t->fault;
        rig_run(&rig, 100);
    }
    requests = rig.requests - requests;
    if (strcmp(rig_state(&rig, 0), t->state) != 0)
        fprintf(stderr, "wanted %s, seen %s\n", t->state, rig_state(&rig, 0));
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), t->state);
    CU_ASSERT_STRING_NOT_EQUAL(rig_status(&rig, 0).error, "");
    CU_ASSERT_TRUE(requests >= 8 && requests <= 80); /* it goes on trying, and keeps calm */
    CU_ASSERT_EQUAL(rig_shown(&rig, 1), 1);
    CU_ASSERT_EQUAL(rig_shown(&rig, 2), 3);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->wanted, 3);
    rig.arm.next_count = 0;
    rig_run(&rig, 150000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

static void test_every_trouble_has_its_name_backs_off_and_removes_nothing(void)
{
    static const struct trouble rows[] = {
        { FAKE_401, "no-token" },       { FAKE_403, "forbidden" },
        { FAKE_404, "not-found" },      { FAKE_409, "busy" },
        { FAKE_429, "throttled" },      { FAKE_500, "server-error" },
        { FAKE_503, "server-error" },   { FAKE_302, "malformed" },
        { FAKE_HANG, "timeout" },       { FAKE_REFUSED, "unreachable" },
        { FAKE_UNTRUSTED, "untrusted" }, { FAKE_MALFORMED, "malformed" },
        { FAKE_HTML, "malformed" },     { FAKE_EMPTY, "malformed" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        suffer(&rows[i]);
}

static void test_an_etag_that_never_matches_is_named_and_not_hammered(void)
{
    begin_written();
    rig.arm.moves = true;
    rig_run(&rig, 61000); /* a reading, after which nothing is current any more */
    uint64_t requests = rig.requests;
    rig_want(&rig, 3, 1);
    rig_run(&rig, 600000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "etag-never-matches");
    CU_ASSERT_TRUE(rig.requests - requests < 120);
    CU_ASSERT_TRUE(rig_status(&rig, 0).conflicts > 5);
    rig.arm.moves = false;
    rig_run(&rig, 150000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

static void test_a_table_deleted_meanwhile_is_filled_again_when_it_is_back(void)
{
    begin_written();
    json_t *kept = rig.arm.document;
    rig.arm.document = NULL;
    rig_want(&rig, 3, 1);
    rig_run(&rig, 120000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "not-found");
    json_decref(kept);
    rig.arm.document = json_loads(plain, 0, NULL);
    rig.arm.until_ms = 0;
    fake_accept_foreign(&rig.arm);
    rig_run(&rig, 150000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    end();
}

static void test_a_wrong_resource_id_is_named_and_other_things_wait_for_nothing(void)
{
    rig_init(&rig, plain, 1);
    rig.like.resource_id = FAKE_ID "x";
    rig_start(&rig, 0);
    rig_run(&rig, 120000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "not-found");
    CU_ASSERT_FALSE(rig_status(&rig, 0).was_read);
    CU_ASSERT_EQUAL(rig.arm.writes, 0);
    end();
}

static void test_what_does_not_fit_is_reported_and_gets_its_place_when_there_is_one(void)
{
    rig_init(&rig, plain, 1);
    rig.like.max_routes = 6; /* two of others */
    for (unsigned i = 0; i < 8; i++)
        rig.truth[i] = 1;
    rig_start(&rig, 0);
    rig_run(&rig, 10000);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "over-limit");
    CU_ASSERT_EQUAL(rig_status(&rig, 0).unfit, 4);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 4);
    CU_ASSERT_TRUE(rig_shown(&rig, 0) && rig_shown(&rig, 3) && !rig_shown(&rig, 4));
    unsigned writes = rig.arm.writes;
    rig_run(&rig, 600000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes); /* trying again needs no request */
    for (unsigned i = 0; i < 4; i++)
        rig_want(&rig, i, 0);
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(rig_differences(&rig), 0);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    end();
}

static void test_a_better_prefix_takes_the_place_of_a_worse_one(void)
{
    rig_init(&rig, plain, 1);
    rig.like.max_routes = 4;
    rig.truth[7] = rig.truth[8] = 1;
    rig_start(&rig, 0);
    rig_run(&rig, 10000);
    rig_want(&rig, 1, 1);
    rig_run(&rig, 10000);
    CU_ASSERT_TRUE(rig_shown(&rig, 1) && rig_shown(&rig, 7) && !rig_shown(&rig, 8));
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 2);
    end();
}

static void test_far_too_many_wishes_are_worked_off_in_pieces(void)
{
    begin_written();
    struct rig_node *n = &rig.nodes[0];
    uint32_t set = rig_set(n, 1), longest_turn = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct ip_prefix p = { .len = 24, .bytes = { 172, (uint8_t)(i >> 8), (uint8_t)i } };
        uint32_t index = prefix_table_get(&n->prefixes, &p);
        CU_ASSERT_EQUAL_FATAL(program_want(n->program, index, set, PROGRAM_LOST, rig.now), 0);
    }
    nhset_unref(&n->sets, set);
    for (unsigned i = 0; i < 200; i++) {
        rig_run(&rig, 50);
        if (n->m->op_count > longest_turn)
            longest_turn = (uint32_t)n->m->op_count;
    }
    CU_ASSERT_TRUE(longest_turn <= 4096);
    CU_ASSERT_EQUAL(program_stats(n->program)->installed, 398);
    CU_ASSERT_EQUAL(program_stats(n->program)->failed, 20002 - 398);
    CU_ASSERT_TRUE(rig_shown(&rig, 1) && rig_shown(&rig, 2)); /* the shorter ones stay */
    CU_ASSERT_TRUE(rig.arm.writes < 12);
    end();
}

static void test_a_limit_lower_than_configured_is_learnt_from_the_refusal(void)
{
    rig_init(&rig, plain, 1);
    rig.arm.limit = 5;
    for (unsigned i = 0; i < 8; i++)
        rig.truth[i] = 1;
    rig_start(&rig, 0);
    rig_run(&rig, 60000);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).limit, 5);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "over-limit");
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 3);
    end();
}

static void test_a_nearly_full_table_is_summarised_on_request_and_stays_quiet(void)
{
    rig_init(&rig, AZ_TABLE("Succeeded", "{}", ""), 1);
    rig.like.max_routes = 20;
    rig.like.summarise = true;
    for (unsigned i = 0; i < 32; i++)
        rig.truth[i] = 1;
    rig_start(&rig, 0);
    rig_run(&rig, 10000);
    CU_ASSERT_EQUAL(rig_status(&rig, 0).routes, 18);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 32);
    unsigned writes = rig.arm.writes;
    rig_run(&rig, 300000);
    CU_ASSERT_EQUAL(rig.arm.writes, writes);
    rig_kill(&rig, 0); /* a new process finds summaries and wants their parts */
    rig_start(&rig, 0);
    rig_run(&rig, 300000);
    CU_ASSERT_TRUE(rig_status(&rig, 0).routes <= 18);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 32);
    CU_ASSERT_STRING_EQUAL(rig_state(&rig, 0), "ok");
    CU_ASSERT_EQUAL(rig.arm.writes, writes + 1); /* only the fence of its new life */
    rig_want(&rig, 3, 0);
    rig_run(&rig, 5000);
    CU_ASSERT_EQUAL(program_stats(rig.nodes[0].program)->installed, 31);
    end();
}

static void test_a_fence_tag_that_is_damaged_counts_as_none(void)
{
    static const char *const tags[] = { "",           "hub",          "hub;1;rs-a;1",  "hub;x;rs-a;1;0",
                                        "hub;0;rs-a;1;0", "hub;1;rs-a;1;0;9", ";1;rs-a;1;0",
                                        "hub;-1;rs-a;1;0", "hub;99999999999999999999;rs-a;1;0" };
    struct repl_fence_record r;
    uint64_t beat;
    rig_init(&rig, plain, 2);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        CU_ASSERT_EQUAL(azure_fence_parse(&rig.like, tags[i], &r, &beat), AZURE_TAG_NONE);
    CU_ASSERT_EQUAL(azure_fence_parse(&rig.like, "hub;7;rs-b;3;2", &r, &beat), AZURE_TAG_GOOD);
    CU_ASSERT_TRUE(r.epoch == 7 && r.owner == 2 && r.incarnation == 3 && beat == 2);
    CU_ASSERT_EQUAL(azure_fence_parse(&rig.like, "hub;7;gone;3;2", &r, &beat), AZURE_TAG_GOOD);
    CU_ASSERT_EQUAL(r.owner, 0);
    end();
}

CU_MAIN("azure", CU_CASE(test_a_node_takes_the_table_and_writes_its_routes),
        CU_CASE(test_a_burst_becomes_one_write),
        CU_CASE(test_changes_that_never_end_are_written_now_and_then),
        CU_CASE(test_a_quiet_table_is_read_once_a_minute_and_not_written),
        CU_CASE(test_what_the_provider_says_is_left_is_not_exceeded),
        CU_CASE(test_a_token_is_renewed_before_its_end),
        CU_CASE(test_an_older_api_version_gets_the_first_next_hop_only),
        CU_CASE(test_drift_is_repaired_and_the_stranger_keeps_what_is_his),
        CU_CASE(test_a_prefix_that_a_stranger_took_is_left_to_him_and_reported),
        CU_CASE(test_a_write_into_a_change_of_others_loses_neither),
        CU_CASE(test_a_lost_fence_is_replaced_by_a_higher_one),
        CU_CASE(test_the_table_of_another_cluster_is_never_written),
        CU_CASE(test_one_of_two_nodes_writes_and_the_other_reads),
        CU_CASE(test_the_survivor_writes_soon_after_the_owner_is_dead),
        CU_CASE(test_what_the_dead_owner_wrote_last_is_kept_for_the_hold_time),
        CU_CASE(test_a_paused_owner_does_not_write_over_its_successor),
        CU_CASE(test_a_lost_answer_to_a_write_is_found_out_by_reading),
        CU_CASE(test_a_route_that_is_wanted_again_is_written_once_more_after_a_removal_without_an_answer),
        CU_CASE(test_a_failed_provisioning_is_a_failure_and_is_tried_again),
        CU_CASE(test_who_may_not_see_operations_asks_the_table),
        CU_CASE(test_an_operation_elsewhere_is_not_asked_with_our_token),
        CU_CASE(test_every_trouble_has_its_name_backs_off_and_removes_nothing),
        CU_CASE(test_an_etag_that_never_matches_is_named_and_not_hammered),
        CU_CASE(test_a_table_deleted_meanwhile_is_filled_again_when_it_is_back),
        CU_CASE(test_a_wrong_resource_id_is_named_and_other_things_wait_for_nothing),
        CU_CASE(test_what_does_not_fit_is_reported_and_gets_its_place_when_there_is_one),
        CU_CASE(test_a_better_prefix_takes_the_place_of_a_worse_one),
        CU_CASE(test_far_too_many_wishes_are_worked_off_in_pieces),
        CU_CASE(test_a_limit_lower_than_configured_is_learnt_from_the_refusal),
        CU_CASE(test_a_nearly_full_table_is_summarised_on_request_and_stays_quiet),
        CU_CASE(test_a_fence_tag_that_is_damaged_counts_as_none))
