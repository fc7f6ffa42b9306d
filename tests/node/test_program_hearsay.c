/* What another node wrote into a shared target: how long it stays, and what speaks against it. */
#include "tests/lib/program_bench.h"

enum { HOLD_MS = 1000 };

/* A node that hears NVAs; another one writes the target. */
static void stand_by(struct bench *b)
{
    bench_init(b);
    program_set_heard(b->p, true, b->now);
    program_hold_hearsay(b->p, UINT64_MAX, b->now);
}

static void take_over(struct bench *b)
{
    program_hold_hearsay(b->p, b->now + HOLD_MS, b->now);
}

static void removes(struct bench *b, uint32_t prefix)
{
    struct program_op op;
    CU_ASSERT_TRUE_FATAL(program_next(b->p, b->now, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == prefix);
    program_result(b->p, &op, true, b->now);
}

static void does_nothing(struct bench *b)
{
    CU_ASSERT_FALSE(program_next(b->p, b->now, &(struct program_op){ 0 }));
}

/* Nothing before the hold on hearsay is over, and this then. */
static void removes_after_the_hold(struct bench *b, uint32_t prefix)
{
    b->now += HOLD_MS - 1;
    does_nothing(b);
    b->now++;
    removes(b, prefix);
}

static void test_what_another_writer_put_is_held_until_it_is_withdrawn_or_the_time_is_over(void)
{
    struct bench b;
    stand_by(&b);
    program_converged(b.p, b.now);
    observe(&b, 5, 1);
    observe(&b, 6, 1);
    observe(&b, 7, 1);
    want(&b, 7, 1, PROGRAM_LOST); /* told by the other node a moment later … */
    want(&b, 7, 0, PROGRAM_LOST); /* … and lost again by all: no hearsay any more */
    want(&b, 6, 0, PROGRAM_WITHDRAWN);
    does_nothing(&b); /* it is the other one's */
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    take_over(&b);
    removes(&b, 6);
    removes(&b, 7);
    does_nothing(&b);
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + HOLD_MS);
    removes_after_the_hold(&b, 5);
    bench_fini(&b);
}

/* The target of a node that has been there for long is read for the first time: others wrote meanwhile. */
static void test_what_is_read_late_is_held_like_what_another_writer_put(void)
{
    struct bench b;
    stand_by(&b);
    program_reads_late(b.p);
    inherit(&b, 5, 1);
    CU_ASSERT_TRUE(program_is_hearsay(b.p, 5));
    program_converged(b.p, b.now);
    take_over(&b);
    removes_after_the_hold(&b, 5);
    bench_fini(&b);
}

/* It was withdrawn, and is put by another node, or was not removed by it: that one may have heard since. */
static void test_a_withdrawal_that_its_writer_may_know_better_than_is_none(void)
{
    struct bench b;
    stand_by(&b);
    program_converged(b.p, b.now);
    for (uint32_t prefix = 5; prefix < 8; prefix++) {
        want(&b, prefix, 1, PROGRAM_LOST);
        observe(&b, prefix, 1);
        want(&b, prefix, 0, PROGRAM_WITHDRAWN);
    }
    observe(&b, 6, 2); /* put once more */
    CU_ASSERT_TRUE(program_is_withdrawn(b.p, 5));
    CU_ASSERT_FALSE(program_is_withdrawn(b.p, 6));
    program_doubt(b.p, 7, b.now);
    take_over(&b);
    removes(&b, 5);
    removes_after_the_hold(&b, 6);
    bench_fini(&b);
}

/* Something else was wanted in its place for a moment, and never put there. What was put is its writer's own. */
static void test_hearsay_ends_when_what_is_wanted_stands_there(void)
{
    struct bench b;
    struct program_op op;
    stand_by(&b);
    program_converged(b.p, b.now);
    observe(&b, 5, 1);
    observe(&b, 6, 1);
    take_over(&b);
    want(&b, 5, 2, PROGRAM_LOST);
    CU_ASSERT_TRUE(program_is_hearsay(b.p, 5)); /* so it is asked what speaks against it */
    want(&b, 5, 0, PROGRAM_LOST);
    want(&b, 6, 2, PROGRAM_LOST);
    CU_ASSERT_TRUE_FATAL(program_next(b.p, b.now, &op));
    want(&b, 6, 0, PROGRAM_LOST);
    program_result(b.p, &op, true, b.now);
    removes(&b, 6);
    removes_after_the_hold(&b, 5);
    bench_fini(&b);
}

CU_MAIN("program hearsay", CU_CASE(test_what_another_writer_put_is_held_until_it_is_withdrawn_or_the_time_is_over),
        CU_CASE(test_what_is_read_late_is_held_like_what_another_writer_put),
        CU_CASE(test_a_withdrawal_that_its_writer_may_know_better_than_is_none),
        CU_CASE(test_hearsay_ends_when_what_is_wanted_stands_there))
