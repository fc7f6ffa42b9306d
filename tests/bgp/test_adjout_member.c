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

static void take_all(struct stage *s, uint16_t nva)
{
    unsigned none = 0;
    size_t n = adjout_pull(s->players[nva][BGP_IP4].member, s->buf, PULL_MAX, &none);
    read_messages(&s->players[nva][BGP_IP4], s->buf, n);
}

/* Nobody has to walk, and every UPDATE is encoded once. */
static void test_who_joins_before_anything_is_told_is_told_with_the_others(void)
{
    struct stage *s = stage_open();
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    lab_decide(&s->l);
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    adjout_work(s->adjout, NETS / 2);
    take_all(s, 1);
    CU_ASSERT(s->players[1][BGP_IP4].announced > 0);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 0);
    CU_ASSERT_TRUE(adjout_has_output(s->players[1][BGP_IP4].member));
    while (adjout_work(s->adjout, NETS / 2))
        ;
    take_all(s, 1);
    take_all(s, 3);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 1);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].ends_of_rib, 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, NETS);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].withdrawn, 0);
    check_all(s);
    stage_close(s);
}

/* … and lose what the new ones do not allow: here that of NVA 2. */
static void test_members_that_get_other_rules_at_once_are_told_together(void)
{
    struct stage *s = stage_open();
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 5, .net = 1, .path_len = 1 });
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    settle(s);
    for (uint16_t nva = 1; nva <= 3; nva += 2) {
        struct player *p = &s->players[nva][BGP_IP4];
        p->rules.from_types ^= 1u << NO_EXPORT_TYPE;
        p->member = adjout_move(p->member, &p->rules);
    }
    while (adjout_work(s->adjout, 64))
        ;
    take_all(s, 1);
    take_all(s, 3);
    CU_ASSERT_FALSE(adjout_has_output(s->players[1][BGP_IP4].member));
    check_all(s);
    stage_close(s);
}

static void drop_all(struct stage *s, uint16_t nva)
{
    unsigned steps = PULL_STEPS;
    while (adjout_pull(s->players[nva][BGP_IP4].member, s->buf, PULL_MAX, &steps))
        ;
}

/* More is told than is kept for who does not read: it walks on, and hears of no end of what it was not told. */
static void test_a_newcomer_that_reads_late_is_told_no_withdrawals(void)
{
    struct stage *s = stage_open();
    struct player *late = &s->players[1][BGP_IP4];
    const uint32_t nets = 2 * ADJOUT_LOG_MAX / 3500;
    for (uint32_t net = 0; net < nets; net++)
        lab_announce(&s->l, (struct lab_route){ .nva = 2, .net = net, .path_len = 1, .padding = 3500, .community = net });
    for (uint32_t net = nets; net < nets + NETS; net++)
        lab_announce(&s->l, (struct lab_route){ .nva = 1, .net = net, .path_len = 1 });
    lab_decide(&s->l);
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    while (adjout_work(s->adjout, 64))
        drop_all(s, 3);
    CU_ASSERT_FALSE(late->member->attached);
    drop_all(s, 1);
    CU_ASSERT_TRUE(late->member->attached);
    CU_ASSERT_EQUAL(adjout_stats(late->member).announced, nets);
    CU_ASSERT_EQUAL(adjout_stats(late->member).withdrawn, 0);
    stage_close(s);
}

CU_MAIN("adjout_member",
        CU_CASE(test_a_join_is_told_a_stretch_at_a_time),
        CU_CASE(test_a_join_takes_a_step_for_each_net_and_each_route),
        CU_CASE(test_who_joins_before_anything_is_told_is_told_with_the_others),
        CU_CASE(test_members_that_get_other_rules_at_once_are_told_together),
        CU_CASE(test_a_newcomer_that_reads_late_is_told_no_withdrawals))
