/* What another node wrote into a shared target: how long it stays, and what speaks against it. */
#include "tests/lib/program_bench.h"

static void test_what_another_writer_put_is_held_until_it_is_withdrawn_or_the_time_is_over(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    program_hold_hearsay(b.p, UINT64_MAX, b.now);
    program_converged(b.p, b.now);
    observe(&b, 5, 1);
    observe(&b, 6, 1);
    observe(&b, 7, 1);
    want(&b, 7, 1, PROGRAM_LOST); /* told by the other node a moment later … */
    want(&b, 7, 0, PROGRAM_LOST); /* … and lost again by all: no hearsay any more */
    want(&b, 6, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op)); /* it is the other one's */
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    program_hold_hearsay(b.p, b.now + 1000, b.now); /* we write now */
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == 6);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == 7);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + 1000);
    CU_ASSERT_FALSE(program_next(b.p, b.now + 999, &op));
    CU_ASSERT_TRUE(program_next(b.p, b.now + 1000, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == 5);
    program_result(b.p, &op, true, b.now + 1000);
    bench_fini(&b);
}

/* The target of a node that has been there for long is read for the first time: others wrote meanwhile. */
static void test_what_is_read_late_is_held_like_what_another_writer_put(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    program_hold_hearsay(b.p, UINT64_MAX, b.now);
    program_reads_late(b.p);
    inherit(&b, 5, 1);
    CU_ASSERT_TRUE(program_is_hearsay(b.p, 5));
    program_converged(b.p, b.now);
    program_hold_hearsay(b.p, b.now + 1000, b.now); /* we write now */
    CU_ASSERT_FALSE(program_next(b.p, b.now + 999, &op));
    CU_ASSERT_TRUE(program_next(b.p, b.now + 1000, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == 5);
    program_result(b.p, &op, true, b.now + 1000);
    bench_fini(&b);
}

/* It was withdrawn, and is put by another node, or was not removed by it: that one may have heard since. */
static void test_a_withdrawal_that_its_writer_may_know_better_than_is_none(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    program_hold_hearsay(b.p, UINT64_MAX, b.now);
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
    program_hold_hearsay(b.p, b.now + 1000, b.now); /* we write now */
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_TRUE(op.kind == PROGRAM_DELETE && op.prefix == 5);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_FALSE(program_next(b.p, b.now + 999, &op));
    CU_ASSERT_TRUE(program_next(b.p, b.now + 1000, &op));
    program_result(b.p, &op, true, b.now + 1000);
    bench_fini(&b);
}

CU_MAIN("program hearsay", CU_CASE(test_what_another_writer_put_is_held_until_it_is_withdrawn_or_the_time_is_over),
        CU_CASE(test_what_is_read_late_is_held_like_what_another_writer_put),
        CU_CASE(test_a_withdrawal_that_its_writer_may_know_better_than_is_none))
