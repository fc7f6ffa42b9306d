/* The deletion rule, merge mode, the brake and back-off one by one; then random histories against
 * a target made of an array. */
#include "tests/lib/program_bench.h"

#include <stdlib.h>
#include <string.h>

static void test_a_wish_becomes_one_put(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 7, 3, PROGRAM_LOST);
    want(&b, 7, 3, PROGRAM_LOST);
    CU_ASSERT_EQUAL(program_deadline(b.p), 0);
    struct program_op op;
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(op.kind, PROGRAM_PUT);
    CU_ASSERT_EQUAL(op.prefix, 7);
    CU_ASSERT_EQUAL(op.previous, 0);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_TRUE(actual_is(&b, 7, 3));
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    bench_fini(&b);
}

static void test_both_families_stand_apart(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 5, 1, PROGRAM_LOST);
    want(&b, 5 | 1u << PREFIX_FAMILY_SHIFT, 2, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 2);
    CU_ASSERT_TRUE(actual_is(&b, 5, 1));
    CU_ASSERT_TRUE(actual_is(&b, 5 | 1u << PREFIX_FAMILY_SHIFT, 2));
    bench_fini(&b);
}

static void test_additions_come_before_deletions(void)
{
    struct bench b;
    bench_init(&b);
    fill(&b, 1);
    want(&b, 1, 0, PROGRAM_WITHDRAWN);
    want(&b, 2, 1, PROGRAM_LOST);
    struct program_op first, second;
    CU_ASSERT_TRUE(program_next(b.p, b.now, &first));
    CU_ASSERT_TRUE(program_next(b.p, b.now, &second));
    CU_ASSERT_EQUAL(first.kind, PROGRAM_PUT);
    CU_ASSERT_EQUAL(second.kind, PROGRAM_DELETE);
    program_result(b.p, &second, true, b.now);
    program_result(b.p, &first, true, b.now);
    CU_ASSERT_FALSE(program_holds(b.p, 1));
    bench_fini(&b);
}

static void test_a_wish_that_changes_in_flight_is_carried_out_after_the_result(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    struct program_op op;
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    want(&b, 1, 2, PROGRAM_LOST);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &(struct program_op){ 0 }));
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(op.kind, PROGRAM_PUT);
    CU_ASSERT_NOT_EQUAL(op.previous, 0);
    want(&b, 1, 0, PROGRAM_WITHDRAWN);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_FALSE(program_holds(b.p, 1));
    bench_fini(&b);
}

static void test_a_failure_is_retried_with_doubling_back_off(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    static const uint64_t delays[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        CU_ASSERT_EQUAL(run(&b, false), 1);
        CU_ASSERT_EQUAL(program_deadline(b.p), b.now + delays[i]);
        CU_ASSERT_EQUAL(program_stats(b.p)->failed, 1);
        b.now += delays[i] - 1;
        CU_ASSERT_EQUAL(run(&b, true), 0);
        b.now++;
    }
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_stats(b.p)->failed, 0);
    CU_ASSERT_EQUAL(program_stats(b.p)->errors, 8);
    bench_fini(&b);
}

static void test_operations_are_timed_from_their_issue_to_their_result(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    for (int ok = 0; ok < 2; ok++) {
        b.now += 60000; /* what waited is none of it */
        CU_ASSERT_TRUE_FATAL(program_next(b.p, b.now, &op));
        b.now += 20 + (uint64_t)ok;
        want(&b, 1, 2, PROGRAM_LOST);
        program_result(b.p, &op, ok, b.now);
        CU_ASSERT_EQUAL(program_stats(b.p)->took[ok].counts[3], 1); /* 10 to 25 ms */
        CU_ASSERT_EQUAL(program_stats(b.p)->took[ok].sum, 20 + (uint64_t)ok);
    }
    bench_fini(&b);
}

static void test_a_new_wish_does_not_wait_for_the_back_off_of_the_old(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, false), 1);
    want(&b, 1, 2, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    bench_fini(&b);
}

static void test_a_retry_that_is_asked_for_ends_every_back_off(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    want(&b, 2, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, false), 2);
    b.now += 1000;
    CU_ASSERT_EQUAL(run(&b, false), 2);
    program_retry(b.p, b.now);
    CU_ASSERT_EQUAL(run(&b, false), 2);
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + 1000);
    bench_fini(&b);
}

static void test_many_that_failed_all_come_back(void)
{
    enum { MANY = 3000 };
    struct bench b;
    bench_init(&b);
    for (uint32_t prefix = 1; prefix <= MANY; prefix++)
        want(&b, prefix, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, false), MANY);
    program_retry(b.p, b.now);
    CU_ASSERT_EQUAL(program_deadline(b.p), 0);
    CU_ASSERT_EQUAL(run(&b, true), MANY);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, MANY);
    bench_fini(&b);
}

static void test_what_is_not_there_says_what_it_waits_for(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_SETTLED);
    inherit(&b, 2, 1);
    CU_ASSERT_EQUAL(program_waits(b.p, 2), PROGRAM_MERGING);
    program_converged(b.p, b.now);
    want(&b, 2, 1, PROGRAM_LOST);
    want(&b, 1, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_PENDING);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_PENDING);
    program_result(b.p, &op, false, b.now);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_FAILING);
    program_retry(b.p, b.now);
    run(&b, true);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_SETTLED);
    program_set_heard(b.p, false, b.now);
    want(&b, 1, 0, PROGRAM_LOST);
    run(&b, true);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_BRAKED);
    program_hold_hearsay(b.p, UINT64_MAX, b.now);
    observe(&b, 3, 1);
    CU_ASSERT_EQUAL(program_waits(b.p, 3), PROGRAM_HEARSAY);
    bench_fini(&b);
}

static void test_a_failed_put_that_nobody_wants_any_more_is_dropped(void)
{
    struct bench b;
    bench_init(&b);
    want(&b, 1, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, false), 1);
    want(&b, 1, 0, PROGRAM_LOST);
    CU_ASSERT_FALSE(program_holds(b.p, 1));
    CU_ASSERT_EQUAL(program_stats(b.p)->failed, 0);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    bench_fini(&b);
}

/* Deletion rule (ii): it counts for the brake when the wait is over, and a withdrawal waits for nobody. */
static void test_a_loss_waits_for_a_node_that_came_back(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 1000);
    program_set_awaited(b.p, true);
    for (uint32_t i = 1; i <= 301; i++)
        want(&b, i, 0, PROGRAM_LOST);
    want(&b, 302, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    CU_ASSERT_EQUAL(program_waits(b.p, 1), PROGRAM_AWAITING);
    CU_ASSERT_FALSE(program_stats(b.p)->brake_on);
    for (uint32_t i = 11; i <= 301; i++)
        want(&b, i, 1, PROGRAM_LOST); /* that node has them */
    program_set_awaited(b.p, false);
    CU_ASSERT_EQUAL(program_deadline(b.p), 0);
    CU_ASSERT_EQUAL(run(&b, true), 10);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 989);
    bench_fini(&b);
}

/* Make before break: the withdrawals, too, and the brake counts all of it. */
static void test_nothing_goes_while_the_owner_is_on_its_way_through_another_table(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 100);
    program_hold_deletions(b.p, true);
    for (uint32_t i = 1; i <= 60; i++)
        want(&b, i, 0, i <= 5 ? PROGRAM_WITHDRAWN : PROGRAM_LOST);
    want(&b, 101, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    program_hold_deletions(b.p, false);
    CU_ASSERT_EQUAL(program_deadline(b.p), 0);
    CU_ASSERT_EQUAL(run(&b, true), 5);
    CU_ASSERT_TRUE(program_stats(b.p)->brake_on);
    bench_fini(&b);
}

static void test_a_mass_loss_waits_for_the_brake(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 1000);
    for (uint32_t i = 1; i <= 301; i++)
        want(&b, i, 0, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_TRUE(program_stats(b.p)->brake_on);
    CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, 301);
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + 60000);
    want(&b, 301, 1, PROGRAM_LOST);
    b.now += 60000;
    CU_ASSERT_EQUAL(run(&b, true), 300);
    CU_ASSERT_FALSE(program_stats(b.p)->brake_on);
    CU_ASSERT_EQUAL(program_stats(b.p)->installed, 700);
    bench_fini(&b);
}

/* P5: what those do not announce any more that are back waits for nobody. */
static void test_the_brake_holds_nothing_of_those_that_have_told_all_anew(void)
{
    enum { MANY = 20000 }; /* more than a slice */
    const struct ip_addr told[] = { { .bytes = { 10, 0, 0, 1 } }, { .bytes = { 10, 0, 0, 2 } } };
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    for (uint32_t i = 1; i <= MANY; i++)
        want(&b, i, i % 2 ? 1 : i % 4 ? 3 : 5, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), MANY);
    for (uint32_t i = 1; i <= MANY; i++)
        want(&b, i, 0, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    program_told(b.p, told, 1, b.now);
    unsigned removed = 0;
    for (int i = 0; i < 5; i++, b.now++)
        removed += run(&b, true);
    CU_ASSERT_EQUAL(removed, MANY / 2);
    program_told(b.p, told, 2, b.now);
    for (int i = 0; i < 5; i++, b.now++)
        removed += run(&b, true);
    CU_ASSERT_EQUAL(removed, MANY / 4 * 3);
    CU_ASSERT_TRUE(program_stats(b.p)->brake_on); /* of the third nobody has heard yet */
    CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, MANY / 4);
    bench_fini(&b);
}

/* Two next hops: one NVA is lost, and the other withdraws. That one's share does not wait for the brake (S2), whether both are
 * told at once or what follows from the withdrawal is not carried out yet. */
static void test_the_brake_holds_only_the_share_of_those_that_were_lost(void)
{
    enum { MANY = 100 };
    const struct ip_addr lost = { .bytes = { 10, 0, 0, 1 } };
    for (int at_once = 0; at_once < 2; at_once++) {
        struct bench b;
        bench_init(&b);
        program_converged(b.p, b.now);
        program_set_heard(b.p, true, b.now);
        for (uint32_t i = 1; i <= MANY; i++)
            want(&b, i, 3, PROGRAM_LOST);
        CU_ASSERT_EQUAL(run(&b, true), MANY);
        program_lost(b.p, &lost, 1);
        for (uint32_t i = 1; i <= MANY; i++) {
            if (!at_once)
                want(&b, i, 1, PROGRAM_LOST);
            want(&b, i, 0, PROGRAM_LOST);
        }
        CU_ASSERT_EQUAL(run(&b, true), MANY);
        CU_ASSERT_TRUE(actual_is(&b, MANY, 1));
        CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, MANY);
        want(&b, 1, 1, PROGRAM_LOST); /* it is back */
        want(&b, 2, 0, PROGRAM_WITHDRAWN);
        CU_ASSERT_EQUAL(run(&b, true), 1);
        b.now += 60000;
        CU_ASSERT_EQUAL(run(&b, true), MANY - 2);
        CU_ASSERT_TRUE(actual_is(&b, 1, 1));
        bench_fini(&b);
    }
}

/* … but what cannot be put in its place is no reason to keep it for longer. */
static void test_a_share_that_cannot_stand_alone_is_held_with_the_others(void)
{
    const struct ip_addr lost = { .bytes = { 10, 0, 0, 1 } };
    struct bench b;
    bench_init(&b);
    program_converged(b.p, b.now);
    program_set_heard(b.p, true, b.now);
    want(&b, 1, 3, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 1);
    program_lost(b.p, &lost, 1);
    want(&b, 1, 0, PROGRAM_LOST);
    struct program_op op;
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(op.kind, PROGRAM_PUT);
    program_result(b.p, &op, false, b.now);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    CU_ASSERT_EQUAL(op.kind, PROGRAM_DELETE);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_FALSE(program_holds(b.p, 1));
    bench_fini(&b);
}

static void test_losses_told_in_slices_count_together(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 1000);
    unsigned removed = 0;
    for (uint32_t i = 1; i <= 500; i++) {
        want(&b, i, 0, PROGRAM_LOST);
        removed += run(&b, true);
        b.now += 10;
    }
    CU_ASSERT_EQUAL(removed, 300);
    bench_fini(&b);
}

/* What changes under the judge is judged by what it is then. */
static void test_a_wish_for_what_waits_to_be_judged_counts(void)
{
    enum { MANY = 20000 };
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    for (uint32_t prefix = 1; prefix <= MANY; prefix++)
        inherit(&b, prefix, 1);
    program_converged(b.p, b.now);
    for (uint32_t prefix = MANY; prefix > 1; prefix--)
        want(&b, prefix, 1, PROGRAM_LOST);
    struct program_op op;
    do
        b.now++;
    while (!program_next(b.p, b.now, &op) && program_deadline(b.p) == 0);
    CU_ASSERT_EQUAL(program_stats(b.p)->held_by_brake, 0); /* the first is on its way */
    CU_ASSERT_EQUAL(op.prefix, 1);
    CU_ASSERT_EQUAL(op.kind, PROGRAM_DELETE);
    program_result(b.p, &op, true, b.now);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    bench_fini(&b);
}

static void test_a_small_loss_and_a_withdrawal_pass_the_brake(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 100);
    for (uint32_t i = 1; i <= 50; i++)
        want(&b, i, 0, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 50);
    for (uint32_t i = 51; i <= 100; i++)
        want(&b, i, 0, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    for (uint32_t i = 51; i <= 100; i++)
        want(&b, i, 0, PROGRAM_WITHDRAWN);
    CU_ASSERT_EQUAL(run(&b, true), 50);
    bench_fini(&b);
}

static void test_while_no_nva_is_heard_a_loss_waits_without_limit(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    fill(&b, 3);
    program_set_heard(b.p, false, b.now);
    want(&b, 1, 0, PROGRAM_LOST);
    b.now += 86400000;
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_EQUAL(program_deadline(b.p), UINT64_MAX);
    program_set_heard(b.p, true, b.now);
    CU_ASSERT_EQUAL(run(&b, true), 0);
    CU_ASSERT_EQUAL(program_deadline(b.p), b.now + 60000);
    b.now += 60000;
    CU_ASSERT_EQUAL(run(&b, true), 1);
    bench_fini(&b);
}

static void test_an_abandoned_operation_waits_again_without_back_off(void)
{
    struct bench b;
    struct program_op op;
    bench_init(&b);
    want(&b, 5, 1, PROGRAM_LOST);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    program_abandon(b.p, &op, b.now);
    CU_ASSERT_EQUAL(program_stats(b.p)->failed, 0);
    CU_ASSERT_TRUE(program_next(b.p, b.now, &op));
    want(&b, 5, 0, PROGRAM_WITHDRAWN);
    program_abandon(b.p, &op, b.now);
    CU_ASSERT_FALSE(program_next(b.p, b.now, &op));
    bench_fini(&b);
}

static void test_drift_is_repaired(void)
{
    struct bench b;
    bench_init(&b);
    program_set_heard(b.p, true, b.now);
    program_converged(b.p, b.now);
    fill(&b, 2);
    observe(&b, 1, 0);
    observe(&b, 2, 4);
    observe(&b, 3, 4);
    CU_ASSERT_EQUAL(run(&b, true), 3);
    CU_ASSERT_TRUE(actual_is(&b, 1, 1));
    CU_ASSERT_TRUE(actual_is(&b, 2, 1));
    CU_ASSERT_FALSE(program_holds(b.p, 3));
    bench_fini(&b);
}

/* A target that obeys: what it has, and how often the rules were broken while it got there. */
enum { PREFIXES = 200, FLIGHTS = 16 };

struct world {
    struct bench b;
    unsigned wanted[PREFIXES], target[PREFIXES]; /* sets as bits */
    unsigned kept[PREFIXES];                     /* inherited, and replaced by what was not all of it */
    bool inherited[PREFIXES], withdrawn[PREFIXES], claimed[PREFIXES];
    bool converged, is_heard;
    unsigned lost; /* next hops that were at some time */
    uint32_t seed;
    struct program_op flight[FLIGHTS];
    unsigned flights;
};

static uint32_t random_below(struct world *w, uint32_t limit)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return (w->seed >> 8) % limit;
}

static unsigned bits_of(struct world *w, uint32_t id)
{
    const struct nhset *s = nhset_get(&w->b.sets, id);
    unsigned bits = 0;
    for (uint32_t i = 0; i < s->count; i++)
        bits |= 1u << (s->members[i].bytes[3] - 1);
    return bits;
}

/* The owner wanted exactly what is there. */
static void note_claim(struct world *w, uint32_t i)
{
    w->claimed[i] = w->target[i] && (w->claimed[i] || w->wanted[i] == w->target[i]);
}

static bool is_in_flight(const struct world *w, uint32_t i)
{
    for (unsigned k = 0; k < w->flights; k++)
        if (w->flight[k].prefix == i)
            return true;
    return false;
}

static bool is_subset(unsigned a, unsigned b)
{
    return (a & ~b) == 0;
}

static void review_kept(struct world *w, uint32_t i)
{
    if (!w->kept[i] || is_in_flight(w, i))
        return;
    if (w->target[i] == w->kept[i])
        w->claimed[i] = false;
    if (w->converged || !w->target[i] || w->target[i] == w->kept[i] || is_subset(w->kept[i], w->wanted[i]))
        w->kept[i] = 0;
}

static unsigned goal(const struct world *w, uint32_t i)
{
    return w->kept[i] && is_subset(w->wanted[i], w->kept[i]) ? w->kept[i] : w->wanted[i];
}

static void check_issue(struct world *w, const struct program_op *op)
{
    uint32_t i = op->prefix;
    CU_ASSERT_FALSE_FATAL(is_in_flight(w, i));
    CU_ASSERT_EQUAL(bits_of(w, op->previous), w->target[i]);
    bool leaves = !w->wanted[i] && op->kind == PROGRAM_PUT && !goal(w, i);
    CU_ASSERT_TRUE(leaves ? is_subset(bits_of(w, op->nhset), w->lost) : bits_of(w, op->nhset) == goal(w, i));
    if (op->kind == PROGRAM_PUT) {
        bool replaces = !w->converged && w->inherited[i] && !w->claimed[i] && !w->kept[i] &&
                        !is_subset(w->target[i], bits_of(w, op->nhset));
        w->kept[i] = replaces ? w->target[i] : w->kept[i];
        return;
    }
    CU_ASSERT_EQUAL(w->wanted[i], 0); /* I1 */
    CU_ASSERT_TRUE(w->converged || !w->inherited[i] || (w->claimed[i] && w->withdrawn[i]));
    CU_ASSERT_TRUE(w->is_heard || w->withdrawn[i]); /* I3 */
}

static void land(struct world *w, unsigned k, bool ok)
{
    struct program_op op = w->flight[k];
    w->flight[k] = w->flight[--w->flights];
    if (ok)
        w->target[op.prefix] = bits_of(w, op.nhset);
    w->claimed[op.prefix] |= ok && op.nhset;
    review_kept(w, op.prefix);
    note_claim(w, op.prefix);
    program_result(w->b.p, &op, ok, w->b.now);
}

static void wish(struct world *w)
{
    uint32_t i = 1 + random_below(w, PREFIXES - 1);
    unsigned bits = random_below(w, 3) ? 1 + random_below(w, 7) : 0;
    enum program_cause cause = random_below(w, 2) ? PROGRAM_LOST : PROGRAM_WITHDRAWN;
    if (bits != w->wanted[i])
        w->withdrawn[i] = false;
    w->wanted[i] = bits;
    if (!bits && cause == PROGRAM_WITHDRAWN)
        w->withdrawn[i] = true;
    review_kept(w, i);
    note_claim(w, i);
    want(&w->b, i, bits, cause);
}

static void drift(struct world *w)
{
    uint32_t i = 1 + random_below(w, PREFIXES - 1);
    if (is_in_flight(w, i) || !w->target[i])
        return;
    unsigned was = w->target[i], is = w->target[i] = random_below(w, 8);
    w->inherited[i] &= is != 0;
    w->claimed[i] &= is == was;
    review_kept(w, i);
    note_claim(w, i);
    observe(&w->b, i, w->target[i]);
}

static void operate(struct world *w)
{
    struct program_op op;
    bool deleted = false;
    while (w->flights < FLIGHTS && program_next(w->b.p, w->b.now, &op)) {
        CU_ASSERT_FALSE(deleted && op.kind == PROGRAM_PUT); /* I4 */
        deleted = op.kind == PROGRAM_DELETE;
        check_issue(w, &op);
        w->flight[w->flights++] = op;
    }
}

static void converge(struct world *w)
{
    w->converged = true;
    memset(w->kept, 0, sizeof w->kept);
    program_converged(w->b.p, w->b.now);
}

static void lose(struct world *w)
{
    static const struct ip_addr hops[] = { { .bytes = { 10, 0, 0, 1 } }, { .bytes = { 10, 0, 0, 2 } }, { .bytes = { 10, 0, 0, 3 } } };
    uint32_t count = random_below(w, 4);
    w->lost |= (1u << count) - 1;
    program_lost(w->b.p, hops, count);
}

static void step(struct world *w)
{
    uint32_t dice = random_below(w, 100);
    if (dice < 45)
        wish(w);
    else if (dice < 55)
        drift(w);
    else if (dice < 75)
        operate(w);
    else if (dice < 96 && w->flights)
        land(w, random_below(w, w->flights), random_below(w, 4) != 0);
    else if (dice == 96)
        lose(w);
    else if (dice >= 97) {
        w->is_heard = random_below(w, 3) > 0;
        program_set_heard(w->b.p, w->is_heard, w->b.now);
    }
    w->b.now += random_below(w, 50);
    if (!w->converged && random_below(w, 500) == 0)
        converge(w);
}

static void settle(struct world *w)
{
    w->is_heard = true;
    converge(w);
    program_set_heard(w->b.p, true, w->b.now);
    for (int turn = 0; turn < 4000; turn++) {
        operate(w);
        while (w->flights)
            land(w, w->flights - 1, true);
        uint64_t due = program_deadline(w->b.p);
        if (due == UINT64_MAX)
            return;
        w->b.now = due > w->b.now ? due : w->b.now;
    }
    CU_FAIL("the program never comes to rest");
}

static void random_history(uint32_t seed)
{
    struct world w = { .seed = seed };
    bench_init(&w.b);
    for (uint32_t i = 1; i < PREFIXES; i += 2) {
        w.target[i] = 1 + random_below(&w, 7);
        w.inherited[i] = true;
        inherit(&w.b, i, w.target[i]);
    }
    for (int i = 0; i < 5000; i++)
        step(&w);
    settle(&w);
    uint32_t installed = 0;
    for (uint32_t i = 1; i < PREFIXES; i++) {
        CU_ASSERT_EQUAL(w.target[i], w.wanted[i]);
        CU_ASSERT_TRUE(actual_is(&w.b, i, w.wanted[i]));
        installed += w.wanted[i] != 0;
    }
    const struct program_stats *s = program_stats(w.b.p);
    CU_ASSERT_EQUAL(s->installed, installed);
    CU_ASSERT_EQUAL(s->wanted, installed);
    CU_ASSERT_EQUAL(s->pending + s->failed + s->held_by_brake + s->inherited, 0);
    bench_fini(&w.b);
}

static void test_after_any_history_the_target_is_what_was_wanted(void)
{
    for (uint32_t seed = 1; seed <= 60; seed++)
        random_history(seed);
}

CU_MAIN("program",
        CU_CASE(test_an_abandoned_operation_waits_again_without_back_off),
        CU_CASE(test_a_wish_becomes_one_put), CU_CASE(test_both_families_stand_apart),
        CU_CASE(test_additions_come_before_deletions),
        CU_CASE(test_a_wish_that_changes_in_flight_is_carried_out_after_the_result),
        CU_CASE(test_a_failure_is_retried_with_doubling_back_off),
        CU_CASE(test_operations_are_timed_from_their_issue_to_their_result),
        CU_CASE(test_a_new_wish_does_not_wait_for_the_back_off_of_the_old),
        CU_CASE(test_a_retry_that_is_asked_for_ends_every_back_off),
        CU_CASE(test_many_that_failed_all_come_back),
        CU_CASE(test_what_is_not_there_says_what_it_waits_for),
        CU_CASE(test_a_failed_put_that_nobody_wants_any_more_is_dropped),
        CU_CASE(test_a_loss_waits_for_a_node_that_came_back),
        CU_CASE(test_nothing_goes_while_the_owner_is_on_its_way_through_another_table),
        CU_CASE(test_a_mass_loss_waits_for_the_brake),
        CU_CASE(test_the_brake_holds_nothing_of_those_that_have_told_all_anew),
        CU_CASE(test_the_brake_holds_only_the_share_of_those_that_were_lost),
        CU_CASE(test_a_share_that_cannot_stand_alone_is_held_with_the_others),
        CU_CASE(test_losses_told_in_slices_count_together),
        CU_CASE(test_a_wish_for_what_waits_to_be_judged_counts),
        CU_CASE(test_a_small_loss_and_a_withdrawal_pass_the_brake),
        CU_CASE(test_while_no_nva_is_heard_a_loss_waits_without_limit),
        CU_CASE(test_drift_is_repaired),
        CU_CASE(test_after_any_history_the_target_is_what_was_wanted))
