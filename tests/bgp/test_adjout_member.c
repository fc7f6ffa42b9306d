/* How a member comes to what its group has told: with the others, by the log, or on a walk of its own. */
#include "tests/lib/adjout_lab.h"

/* A join walks a bounded stretch a pull, also over what is of no interest to it. */
static void test_a_join_is_told_a_stretch_at_a_time(void)
{
    struct stage *s = stage_open();
    join(s, 3, BGP_IP6); /* its group is not new any more when the other comes */
    settle(s);
    for (uint32_t net = 0; net < 3 * PULL_STEPS - 1; net++)
        lab_announce(&s->l, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 4096))
        ;
    join(s, 1, BGP_IP6);
    for (unsigned pulls = 0; pulls < 2; pulls++)
        CU_ASSERT_EQUAL(pull(s, 1, BGP_IP6, PULL_MAX - 1), 0);
    CU_ASSERT(adjout_has_output(s->players[1][BGP_IP6].member));
    pull(s, 1, BGP_IP6, PULL_MAX - 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP6].ends_of_rib, 1);
    CU_ASSERT_FALSE(adjout_has_output(s->players[1][BGP_IP6].member));
    stage_close(s);
}

/* Many that join at once have one turn's steps between them. */
static void test_a_join_takes_a_step_for_each_net_and_each_route(void)
{
    struct stage *s = stage_open();
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    join(s, 3, BGP_IP4);
    settle(s);
    join(s, 1, BGP_IP4);
    struct adjout_member *m = s->players[1][BGP_IP4].member;
    unsigned none = 0, steps = 2 * NETS + 1;
    CU_ASSERT_EQUAL(adjout_pull(m, s->buf, PULL_MAX, &none), 0);
    CU_ASSERT_TRUE(adjout_has_output(m));
    CU_ASSERT(adjout_pull(m, s->buf, PULL_MAX, &steps) > 0);
    CU_ASSERT_EQUAL(steps, 1);
    CU_ASSERT_EQUAL(adjout_stats(m).announced, NETS);
    CU_ASSERT_FALSE(adjout_has_output(m));
    stage_close(s);
}

CU_MAIN("adjout_member", CU_CASE(test_a_join_is_told_a_stretch_at_a_time),
        CU_CASE(test_a_join_takes_a_step_for_each_net_and_each_route))
