/* Whose turn it is among those that wait. */
#include "tests/lib/program_bench.h"

/* The next operation is about this prefix, and succeeds. */
static void expect(struct bench *b, uint32_t prefix)
{
    struct program_op op;
    if (!program_next(b->p, b->now, &op)) {
        CU_FAIL("there is nothing to do");
        return;
    }
    CU_ASSERT_EQUAL(op.prefix, prefix);
    program_result(b->p, &op, true, b->now);
}

static void test_every_second_one_goes_first(void)
{
    static const uint32_t order[] = { 1, 3, 5, 7, 9, 2, 6, 4, 8 };
    struct bench b;
    bench_init(&b);
    for (unsigned bits = 2; bits-- > 0;) { /* additions, then deletions */
        for (uint32_t i = 1; i <= 9; i++)
            want(&b, i, bits, PROGRAM_WITHDRAWN);
        for (size_t i = 0; i < sizeof order / sizeof *order; i++)
            expect(&b, order[i]);
        CU_ASSERT_EQUAL(run(&b, true), 0);
    }
    bench_fini(&b);
}

static void test_ipv6_goes_as_it_comes(void)
{
    const uint32_t ip6 = prefix_index(BGP_IP6, 0);
    const uint32_t wishes[] = { 1, ip6 | 2, 3, 4, ip6 | 5, ip6 | 6, 7 };
    const uint32_t order[] = { 1, ip6 | 2, 4, ip6 | 5, ip6 | 6, 3, 7 };
    struct bench b;
    bench_init(&b);
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
        want(&b, wishes[i], 1, PROGRAM_LOST);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        expect(&b, order[i]);
    bench_fini(&b);
}

static void test_who_comes_meanwhile_waits_for_the_next_round(void)
{
    struct bench b;
    bench_init(&b);
    for (uint32_t i = 1; i <= 4; i++)
        want(&b, i, 1, PROGRAM_LOST);
    expect(&b, 1);
    for (uint32_t i = 5; i <= 8; i++)
        want(&b, i, 1, PROGRAM_LOST);
    expect(&b, 3);
    expect(&b, 2);
    bench_fini(&b);
}

static void test_nobody_is_passed_over_for_ever(void)
{
    enum { WAITING = 64, ROUNDS = 7 };
    struct bench b;
    bench_init(&b);
    for (uint32_t i = 1; i <= WAITING; i++)
        want(&b, i, 1, PROGRAM_LOST);
    unsigned ops = 0;
    for (uint32_t next = WAITING + 1; !actual_is(&b, WAITING, 1); next++, ops++) {
        struct program_op op;
        want(&b, next, 1, PROGRAM_LOST); /* one comes for each that goes */
        if (!program_next(b.p, b.now, &op) || ops > ROUNDS * WAITING)
            break;
        program_result(b.p, &op, true, b.now);
    }
    CU_ASSERT_TRUE(ops <= ROUNDS * WAITING / 2);
    run(&b, true);
    bench_fini(&b);
}

static void test_whose_turn_it_was_may_leave(void)
{
    struct bench b;
    bench_init(&b);
    for (uint32_t i = 1; i <= 6; i++)
        want(&b, i, 1, PROGRAM_LOST);
    expect(&b, 1);
    want(&b, 3, 0, PROGRAM_WITHDRAWN);
    expect(&b, 4);
    want(&b, 6, 0, PROGRAM_WITHDRAWN);
    expect(&b, 2);
    expect(&b, 5);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    bench_fini(&b);
}

/* Its removal was sent, and nobody knows what became of it: it may be carried out after all. */
static void test_what_is_wanted_again_while_its_removal_may_be_on_its_way_is_put_once_more(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    program_converged(b.p, b.now);
    fill(&b, 3);
    struct program_op gone[3];
    for (int i = 0; i < 3; i++) {
        want(&b, (uint32_t)i + 1, 0, PROGRAM_WITHDRAWN);
        CU_ASSERT_TRUE_FATAL(program_next(b.p, b.now, &gone[i]));
        CU_ASSERT_EQUAL(gone[i].kind, PROGRAM_DELETE);
    }
    for (int i = 0; i < 2; i++) {
        program_abandon(b.p, &gone[i], b.now);
        want(&b, gone[i].prefix, 1, PROGRAM_LOST);
    }
    observe(&b, 2, 0); /* it was */
    observe(&b, 3, 0); /* and this one before the target failed */
    program_abandon(b.p, &gone[2], b.now);
    CU_ASSERT_FALSE(program_holds(b.p, 3));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE_FATAL(program_next(b.p, b.now, &op));
        CU_ASSERT_EQUAL(op.kind, PROGRAM_PUT);
        program_result(b.p, &op, i == 1, b.now);
    }
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op)); /* it was refused, and is tried later */
    b.now += 1000;
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    bench_fini(&b);
}

CU_MAIN("program_order",
        CU_CASE(test_every_second_one_goes_first),
        CU_CASE(test_ipv6_goes_as_it_comes),
        CU_CASE(test_who_comes_meanwhile_waits_for_the_next_round),
        CU_CASE(test_nobody_is_passed_over_for_ever),
        CU_CASE(test_whose_turn_it_was_may_leave),
        CU_CASE(test_what_is_wanted_again_while_its_removal_may_be_on_its_way_is_put_once_more))
