/* A host agent goes through a table a stretch at a time: what happens in between. */
#include "tests/node/follow_side.h"

/* Both have 10 to 19, the second one 20 to 29 beside, and it withdrew 0 to 9. The first is gone, and the walk is in its
 * middle. */
static void begin_midway(struct side *s)
{
    begin(s);
    say(s, 0, 0, 20, full, true, false, 1000);
    say(s, 1, 0, 30, full, true, false, 1000);
    say(s, 1, 0, 10, more, false, false, 1000);
    s->turns = 6;
    follow_disconnected(&s->f, 0, 2000);
    program(s, 2000);
    CU_ASSERT_TRUE_FATAL(follow_is_walking(&s->f));
}

static void finish(struct side *s, uint64_t now_ms)
{
    s->turns = MAX_TURNS;
    program(s, now_ms);
    CU_ASSERT_FALSE(follow_is_walking(&s->f));
}

static void test_what_another_table_has_not_goes_when_all_of_it_was_met(void)
{
    struct side s;
    begin_midway(&s);
    CU_ASSERT_EQUAL(s.deletes, 0);
    finish(&s, 2000);
    CU_ASSERT_EQUAL(s.deletes, 10);
    CU_ASSERT_EQUAL(installed(&s), 20);
    follow_fini(&s.f);
}

/* It was whole. */
static void test_the_table_of_a_node_that_dies_in_a_walk_is_gone_through(void)
{
    struct side s;
    begin_midway(&s);
    follow_disconnected(&s.f, 1, 2100);
    finish(&s, 2100);
    CU_ASSERT_EQUAL(installed(&s), 20);
    follow_fini(&s.f);
}

static void test_the_walk_begins_again_with_a_node_that_is_better(void)
{
    struct side s;
    begin_midway(&s);
    restart_node(&s, 0, 2100);
    say(&s, 0, 0, 20, full, true, false, 2100);
    CU_ASSERT_EQUAL(s.f.active, 1);
    follow_disconnected(&s.f, 1, 2200);
    CU_ASSERT_EQUAL(s.f.active, 0);
    finish(&s, 2200);
    CU_ASSERT_EQUAL(installed(&s), 20);
    CU_ASSERT_EQUAL(s.deletes, 0); /* what the dead one alone had it has not put yet */
    follow_fini(&s.f);
}

/* The link broke, or it was asked for it: what it withdraws then waits as well. */
static void test_a_table_that_begins_anew_in_a_walk_is_gone_through_when_it_is_whole(void)
{
    struct side s;
    begin_midway(&s);
    restart_node(&s, 1, 2100);
    struct repl_table_batch first = { .incarnation = 1, .reset = true };
    CU_ASSERT_EQUAL(follow_apply(&s.f, 1, &first, 2100), FOLLOW_APPLIED);
    CU_ASSERT_FALSE(follow_is_walking(&s.f));
    finish(&s, 2200);
    CU_ASSERT_EQUAL(s.deletes, 0);
    say(&s, 1, 10, 20, full, true, false, 2300);
    CU_ASSERT_EQUAL(s.deletes, 10);
    CU_ASSERT_EQUAL(installed(&s), 20);
    follow_fini(&s.f);
}

/* What an aborted telling had said of a route is not of the next one. */
static void test_what_only_a_table_had_that_was_broken_off_goes_with_the_next_one(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    struct repl_table_routes routes = { .next_hops = &hop, .next_hop_count = 1, .nlri = (const uint8_t[]){ 24, 172, 16, 9 }, .len = 4 };
    struct repl_table_batch half = { .incarnation = 1, .to = 1, .reset = true, .routes = &routes, .route_count = 1 };
    CU_ASSERT_EQUAL(follow_apply(&s.f, 0, &half, 2000), FOLLOW_APPLIED);
    restart_node(&s, 0, 2100);
    say(&s, 0, 0, 9, full, true, false, 2200);
    CU_ASSERT_EQUAL(installed(&s), 9);
    CU_ASSERT_EQUAL(prefix_table_count(&s.f.prefixes), 10);
    follow_fini(&s.f);
}

/* How many are lost is known when the walk is over. */
static void test_the_brake_counts_all_that_a_walk_finds_lost(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 1, 0, 0, full, true, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    program(&s, 2000);
    CU_ASSERT_EQUAL(installed(&s), 100);
    follow_fini(&s.f);
}

static void test_those_that_have_told_all_anew_are_heeded_when_a_walk_is_over(void)
{
    struct side s;
    struct repl_table_batch told = more;
    told.told = &hop;
    told.told_count = 1;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 1, 0, 0, full, true, false, 1000);
    s.turns = 6;
    follow_disconnected(&s.f, 0, 2000);
    say(&s, 1, 0, 0, told, true, false, 2000);
    CU_ASSERT_EQUAL(installed(&s), 100);
    finish(&s, 2000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

/* What it inherited is wanted, or not, when all was met. */
static void test_nothing_inherited_goes_before_the_first_table_was_gone_through(void)
{
    struct side s;
    bool nomem;
    struct ip_addr member = hop;
    begin(&s);
    uint32_t set = nhset_intern(&s.f.sets, &member, 1, &nomem);
    for (uint8_t i = 0; i < 30; i++) {
        struct ip_prefix p = prefix_of(i);
        CU_ASSERT_EQUAL(program_inherit(s.f.program, prefix_table_get(&s.f.prefixes, &p), set), 0);
    }
    nhset_unref(&s.f.sets, set);
    s.turns = 3;
    say(&s, 0, 1, 29, full, true, false, 1000);
    CU_ASSERT_EQUAL(installed(&s), 30);
    finish(&s, 1000);
    CU_ASSERT_EQUAL(installed(&s), 29);
    follow_fini(&s.f);
}

CU_MAIN("follow_walk", CU_CASE(test_nothing_inherited_goes_before_the_first_table_was_gone_through),
        CU_CASE(test_what_another_table_has_not_goes_when_all_of_it_was_met),
        CU_CASE(test_the_table_of_a_node_that_dies_in_a_walk_is_gone_through),
        CU_CASE(test_the_walk_begins_again_with_a_node_that_is_better),
        CU_CASE(test_a_table_that_begins_anew_in_a_walk_is_gone_through_when_it_is_whole),
        CU_CASE(test_what_only_a_table_had_that_was_broken_off_goes_with_the_next_one),
        CU_CASE(test_the_brake_counts_all_that_a_walk_finds_lost),
        CU_CASE(test_those_that_have_told_all_anew_are_heeded_when_a_walk_is_over))
