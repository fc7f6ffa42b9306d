/* Merge mode: what a target has of an earlier life, while not all have spoken. */
#include "tests/lib/program_bench.h"

/* Somebody wanted exactly the inherited set: whoever spoke for it is known, and may take it back. */
static void test_a_withdrawal_of_what_was_claimed_needs_no_convergence(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    inherit(&b, 1, 3);
    inherit(&b, 2, 3);
    inherit(&b, 3, 3);
    want(&b, 1, 3, PROGRAM_LOST);
    want(&b, 2, 3, PROGRAM_LOST);
    want(&b, 3, 1, PROGRAM_LOST); /* the other half of its set has not spoken yet */
    want(&b, 1, 0, PROGRAM_WITHDRAWN);
    want(&b, 2, 0, PROGRAM_LOST);
    want(&b, 3, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_actual_set(b.p, 1), 0);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 2);
    bench_fini(&b);
}

/* Another writer has replaced it since: of what stands there now nobody here has spoken. */
static void test_what_another_one_wrote_over_what_was_claimed_waits_for_convergence(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    inherit(&b, 1, 1);
    want(&b, 1, 1, PROGRAM_LOST);
    observe(&b, 1, 2);
    want(&b, 1, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_TRUE(actual_is(&b, 1, 2));
    program_converged(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    bench_fini(&b);
}

static void test_nothing_inherited_is_removed_before_convergence(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    inherit(&b, 1, 1);
    inherit(&b, 2, 1);
    want(&b, 2, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_EQUAL(program_stats(b.p)->inherited, 2);
    program_converged(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 2);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 0);
    bench_fini(&b);
}

static void test_ecmp_does_not_shrink_before_convergence(void)
{
    struct bench b;
    bench_init(&b);
    inherit(&b, 1, 3);
    want(&b, 1, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    program_converged(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_TRUE(actual_is(&b, 1, 1));
    bench_fini(&b);
}

static void test_a_set_that_was_claimed_may_shrink_before_convergence(void)
{
    struct bench b;
    bench_init(&b);
    inherit(&b, 1, 3);
    want(&b, 1, 3, PROGRAM_LOST);
    CU_ASSERT_EQUAL(program_stats(b.p)->inherited, 0);
    want(&b, 1, 2, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    bench_fini(&b);
}

static void test_what_is_disproved_does_not_wait_for_convergence(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    inherit(&b, 1, 1);
    inherit(&b, 2, 3);
    inherit(&b, 3, 1);
    want(&b, 2, 1, PROGRAM_LOST);
    CU_ASSERT_TRUE(program_is_merging(b.p, 1) && program_is_merging(b.p, 2));
    CU_ASSERT_FALSE(program_is_merging(b.p, 4));
    program_disproved(b.p, 1, PROGRAM_WITHDRAWN, b.now);
    program_disproved(b.p, 2, PROGRAM_LOST, b.now);
    CU_ASSERT_FALSE(program_is_merging(b.p, 1) || program_is_merging(b.p, 2));
    CU_ASSERT_EQUAL(run(&b, true), 2);
    CU_ASSERT_TRUE(actual_is(&b, 2, 1));
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 2);
    program_set_heard(b.p, false, b.now);
    program_disproved(b.p, 3, PROGRAM_LOST, b.now); /* the brake holds it as any other loss */
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, 1);
    bench_fini(&b);
}

static void test_another_set_replaces_the_inherited_one_at_once(void)
{
    struct bench b;
    bench_init(&b);
    inherit(&b, 1, 3);
    want(&b, 1, 5, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_TRUE(actual_is(&b, 1, 5));
    bench_fini(&b);
}

/* Those that the inherited one leads to have not spoken yet (I1). */
static void test_the_inherited_set_comes_back_when_that_goes_which_replaced_it(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    for (uint32_t i = 1; i <= 4; i++) {
        inherit(&b, i, 3);
        want(&b, i, 4, PROGRAM_LOST);
    }
    CU_ASSERT_EQUAL(run(&b, true), 4);
    CU_ASSERT_TRUE(program_is_merging(b.p, 1));
    program_disproved(b.p, 2, PROGRAM_WITHDRAWN, b.now);
    want(&b, 3, 7, PROGRAM_LOST); /* now they have */
    CU_ASSERT_EQUAL(run(&b, true), 1);
    for (uint32_t i = 1; i <= 3; i++)
        want(&b, i, 0, PROGRAM_WITHDRAWN);
    want(&b, 4, 1, PROGRAM_LOST); /* one of them: it does not shrink */
    CU_ASSERT_EQUAL(run(&b, true), 4);
    CU_ASSERT_TRUE(actual_is(&b, 1, 3) && actual_is(&b, 4, 3));
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 2);
    program_converged(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 2);
    CU_ASSERT_TRUE(actual_is(&b, 4, 1));
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 1);
    bench_fini(&b);
}

static void test_what_replaced_the_inherited_set_stays_after_convergence(void)
{
    struct bench b;
    bench_init(&b);
    inherit(&b, 1, 1);
    inherit(&b, 2, 1);
    want(&b, 1, 2, PROGRAM_LOST);
    want(&b, 2, 2, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 2);
    want(&b, 2, 0, PROGRAM_WITHDRAWN); /* and is not put back before that */
    program_converged(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_TRUE(actual_is(&b, 1, 2));
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 1);
    bench_fini(&b);
}

static void test_a_put_back_that_fails_is_retried_with_back_off(void)
{
    struct bench b;
    bench_init(&b);
    inherit(&b, 1, 1);
    want(&b, 1, 2, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    want(&b, 1, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, false), 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + 1000);
    b.now += 1000;
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_TRUE(actual_is(&b, 1, 1));
    bench_fini(&b);
}

/* Nothing goes before all are judged: the brake knows how many they are. */
static void test_many_inherited_that_nobody_wants_are_judged_in_slices(void)
{
    enum { MANY = 20000, SLICE = 8192 };
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    for (uint32_t prefix = 1; prefix <= MANY; prefix++)
        inherit(&b, prefix, 1);
    program_converged(b.p, b.now);
    for (uint32_t judged = SLICE; judged < MANY; judged += SLICE) {
        CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, judged);
        CU_ASSERT_EQUAL(program_deadline(b.p), 0);
        CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
        b.now++;
        CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    }
    CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, MANY);
    CU_ASSERT_TRUE(program_stats(b.p)->brake_on);
    CU_ASSERT_NOT_EQUAL(program_deadline(b.p), 0);
    bench_fini(&b);
}

/* Until then it merges: what was inherited of the last one would come back. */
static void test_what_is_kept_of_many_is_forgotten_in_slices(void)
{
    enum { MANY = 20000, SLICES = 3 };
    struct bench b;
    struct program_op op;
    bench_init(&b);
    for (uint32_t prefix = 1; prefix <= MANY; prefix++) {
        inherit(&b, prefix, 1);
        want(&b, prefix, 2, PROGRAM_LOST);
    }
    CU_ASSERT_EQUAL(run(&b, true), MANY);
    program_converged(b.p, b.now);
    for (int slice = 1; slice < SLICES; slice++) {
        CU_ASSERT_TRUE(program_is_merging(b.p, MANY));
        CU_ASSERT_FALSE(program_is_merging(b.p, 1));
        CU_ASSERT_EQUAL(program_deadline(b.p), 0);
        b.now++;
        CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    }
    CU_ASSERT_FALSE(program_stats(b.p)->merging);
    want(&b, MANY, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, MANY - 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    bench_fini(&b);
}

CU_MAIN("program merge", CU_CASE(test_a_withdrawal_of_what_was_claimed_needs_no_convergence),
        CU_CASE(test_what_another_one_wrote_over_what_was_claimed_waits_for_convergence),
        CU_CASE(test_nothing_inherited_is_removed_before_convergence),
        CU_CASE(test_ecmp_does_not_shrink_before_convergence),
        CU_CASE(test_a_set_that_was_claimed_may_shrink_before_convergence),
        CU_CASE(test_what_is_disproved_does_not_wait_for_convergence),
        CU_CASE(test_another_set_replaces_the_inherited_one_at_once),
        CU_CASE(test_the_inherited_set_comes_back_when_that_goes_which_replaced_it),
        CU_CASE(test_what_replaced_the_inherited_set_stays_after_convergence),
        CU_CASE(test_a_put_back_that_fails_is_retried_with_back_off),
        CU_CASE(test_many_inherited_that_nobody_wants_are_judged_in_slices),
        CU_CASE(test_what_is_kept_of_many_is_forgotten_in_slices))
