/* Update groups where several paths of a net are told (RFC 7911): what every member reads against a plain
 * model, and what its path ids are. */
#include "tests/lib/adjout_lab.h"

static struct stage *stage_of(uint32_t has_paths)
{
    struct stage *s = stage_open();
    s->has_paths = has_paths;
    return s;
}

enum { ALL = 0xff };

static void work(struct stage *s)
{
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
}

static uint32_t id_heard(const struct stage *s, uint16_t nva, uint32_t net, uint32_t tag)
{
    const struct heard *h = find_tag(&s->players[nva][BGP_IP4], net, tag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    return h->path_id;
}

static void test_all_paths_but_its_own_are_told_to_a_member(void)
{
    struct stage *s = stage_of(ALL);
    join(s, 1, BGP_IP4);
    for (uint16_t nva = 1; nva <= 4; nva++)
        announce(s, (struct lab_route){ .nva = nva, .net = 0, .path_len = (uint8_t)nva });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(heard_count(&s->players[1][BGP_IP4], 0), 3);
    join(s, 2, BGP_IP4); /* to a group that is there */
    join(s, 5, BGP_IP6);
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 3, .net = 0 }); /* neither best nor second */
    announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 5 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].withdrawn, 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 4);
    stage_close(s);
}

/* RFC 4271 section 5.1.3: a neighbour of a prefix is not known before it calls; its number was another one's, may be. */
static void test_a_path_that_leads_to_who_comes_later_is_not_told_to_it(void)
{
    struct stage *s = stage_of(ALL);
    struct ip_addr *address = &s->l.nvas[1].address, later = *address;
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 99 } };
    join(s, 3, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .via = 1 });
    announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 2 });
    settle(s);
    *address = later;
    join(s, 1, BGP_IP4);
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(heard_count(&s->players[1][BGP_IP4], 0), 1);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].announced, 2); /* nothing has changed for it */
    leave(s, 1, BGP_IP4);
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 98 } };
    join(s, 1, BGP_IP4);
    settle(s);
    CU_ASSERT_EQUAL(heard_count(&s->players[1][BGP_IP4], 0), 2);
    CU_ASSERT_EQUAL(adjout_stats(s->players[1][BGP_IP4].member).current, 2);
    stage_close(s);
}

/* Who walks has passed a net that is compared again for another one's sake, and finds more than that: what changed of it
 * is not decided yet. It does not read the log, and is told of that where the net stands then. */
static void test_a_walker_hears_what_a_net_behind_it_was_found_to_have_lost(void)
{
    struct stage *s = stage_of(ALL);
    struct ip_addr *address = &s->l.nvas[1].address, later = *address;
    struct adjout_member *walker;
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 99 } };
    join(s, 3, BGP_IP4);
    join(s, 2, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 5, .net = 0, .path_len = 1, .via = 1 });
    announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 2 });
    settle(s);
    check_all(s);
    walker = s->players[2][BGP_IP4].member;
    adjout_refresh(walker);
    announce(s, (struct lab_route){ .nva = 6, .net = 1, .path_len = 1 });
    lab_decide(&s->l);
    while (pull(s, 2, BGP_IP4, 70000))
        ;
    CU_ASSERT_TRUE_FATAL(!walker->attached && walker->position == walker->group->position);
    *address = later;
    join(s, 1, BGP_IP4);
    withdraw(s, (struct lab_route){ .nva = 4, .net = 0 });
    while (pull(s, 1, BGP_IP4, 70000))
        ;
    while (adjout_work(s->adjout, 64))
        ;
    while (pull(s, 2, BGP_IP4, 70000))
        ;
    settle(s);
    check_all(s);
    stage_close(s);
}

/* Read, and not looked at: of more ids than a player remembers. */
static void skip(struct stage *s, uint16_t nva)
{
    for (size_t n = 1; n;) {
        unsigned steps = PULL_STEPS;
        n = adjout_pull(s->players[nva][BGP_IP4].member, s->buf, 70000, &steps);
    }
}

/* More ids of that net are gone than are kept for anybody: who walks can't learn of them any more, wherever it stands. */
static void test_a_walker_that_cannot_hear_of_ids_that_went_behind_it_is_lost(void)
{
    enum { IDS_A_ROUND = ADJOUT_GONE / 3 + 1 };
    struct stage *s = stage_of(ALL);
    struct ip_prefix prefix = lab_prefix(BGP_IP4, 0);
    struct lab_route r = { .nva = 4, .net = 0, .path_len = 2, .community = 5 };
    struct ip_addr *address = &s->l.nvas[1].address, later = *address;
    uint32_t attrs = lab_attrs(&s->l, &r);
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 99 } };
    join(s, 3, BGP_IP4);
    join(s, 2, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 5, .net = 0, .path_len = 1, .via = 1 });
    settle(s);
    join(s, 1, BGP_IP4); /* it does not read yet, so that they are kept */
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 1; i <= IDS_A_ROUND; i++) {
            uint32_t id = round * IDS_A_ROUND + i;
            CU_ASSERT_EQUAL(rib_announce(&s->l.rib, LAB_SELF, 4, &prefix, id, attrs), 0);
            if (round)
                CU_ASSERT_EQUAL(rib_withdraw(&s->l.rib, LAB_SELF, 4, &prefix, id - IDS_A_ROUND, s->l.now_ms), 0);
        }
        work(s);
        skip(s, 2);
        skip(s, 3);
    }
    struct adjout_member *walker = s->players[2][BGP_IP4].member;
    adjout_refresh(walker);
    announce(s, (struct lab_route){ .nva = 6, .net = 1, .path_len = 1 });
    lab_decide(&s->l);
    skip(s, 2);
    CU_ASSERT_TRUE_FATAL(!walker->attached && walker->position == walker->group->position);
    for (uint32_t i = 1; i <= IDS_A_ROUND; i++)
        CU_ASSERT_EQUAL(rib_withdraw(&s->l.rib, LAB_SELF, 4, &prefix, 2 * IDS_A_ROUND + i, s->l.now_ms), 0);
    *address = later;
    skip(s, 1);
    CU_ASSERT_TRUE(adjout_is_lost(walker));
    CU_ASSERT_FALSE(adjout_is_lost(s->players[3][BGP_IP4].member));
    bgp_attrs_unref(&s->l.rib.attrs, attrs);
    stage_close(s);
}

/* RFC 7911 section 3: an id that was told names the same path for as long as it is told. */
static void test_a_paths_id_stays_whatever_the_others_do(void)
{
    struct stage *s = stage_of(ALL);
    join(s, 1, BGP_IP4);
    uint32_t tag = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 2 });
    settle(s);
    uint32_t id = id_heard(s, 1, 0, tag);
    CU_ASSERT_EQUAL(id, 0x0a010203); /* 10.1.2.3 */
    for (uint32_t i = 0; i < IDS; i++)
        announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .path_id = 1000 * i });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(id_heard(s, 1, 0, tag), id);
    lose(s, 2);
    tag = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 4 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(id_heard(s, 1, 0, tag), id);
    stage_close(s);
}

/* The same NVAs heard by another node, in another order and with other numbers: the ids are the same. */
static void test_ids_are_the_same_on_every_node(void)
{
    struct stage *a = stage_of(ALL), *b = stage_of(ALL);
    b->l.nvas[4].address = a->l.nvas[2].address;
    b->l.nvas[2].address = a->l.nvas[4].address;
    join(a, 1, BGP_IP4);
    join(b, 1, BGP_IP4);
    uint32_t in_a[IDS], in_b[IDS];
    for (uint32_t i = 0; i < IDS; i++)
        in_a[i] = announce(a, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .path_id = 1000 * i });
    announce(b, (struct lab_route){ .nva = 3, .net = 0, .path_len = 1 });
    for (uint32_t i = IDS; i--;)
        in_b[i] = announce(
            b, (struct lab_route){ .nva = 4, .node = 2, .net = 0, .path_len = 1, .path_id = 1000 * i });
    settle(a);
    settle(b);
    for (uint32_t i = 0; i < IDS; i++)
        CU_ASSERT_EQUAL(id_heard(a, 1, 0, in_a[i]), id_heard(b, 1, 0, in_b[i]));
    stage_close(a);
    stage_close(b);
}

/* A path that two nodes have heard is one path, and a node's death changes nothing. */
static void test_another_nodes_copy_is_not_told_again(void)
{
    struct stage *s = stage_of(ALL);
    join(s, 1, BGP_IP4);
    struct lab_route r = { .nva = 2, .net = 0, .path_len = 1, .community = 7 };
    lab_announce(&s->l, r);
    r.node = 2;
    lab_announce(&s->l, r);
    settle(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 1);
    rib_origin_drop(&s->l.rib, LAB_SELF, RIB_ANY);
    settle(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].withdrawn, 0);
    stage_close(s);
}

/* The NVAs' ids are spread over 2^32 numbers by a hash: two that meet are told apart all the same. */
static void test_paths_that_want_one_id_get_two(void)
{
    struct stage *s = stage_of(ALL);
    s->l.nvas[3].address = s->l.nvas[2].address;
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 1 });
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 2, .net = 0 });
    settle(s);
    check_all(s);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    settle(s);
    check_all(s);
    stage_close(s);
}

static void test_the_best_are_told_where_there_are_too_many(void)
{
    struct stage *s = stage_of(ALL);
    struct player *p = &s->players[1][BGP_IP4];
    join(s, 1, BGP_IP4);
    struct ip_prefix prefix = lab_prefix(BGP_IP4, 0);
    for (uint32_t i = 0; i < 2 * ADJOUT_PATHS; i++) {
        struct lab_route r = { .nva = 2, .net = 0, .path_len = (uint8_t)(1 + (i + 20) % 50), .community = i + 1 };
        uint32_t id = lab_attrs(&s->l, &r);
        CU_ASSERT_EQUAL(rib_announce(&s->l.rib, LAB_SELF, 2, &prefix, i, id), 0);
        bgp_attrs_unref(&s->l.rib.attrs, id);
    }
    lab_decide(&s->l);
    struct rib_audience who = { .except_nva = -1, .from_types = UINT8_MAX };
    uint32_t paths[2 * ADJOUT_PATHS];
    const struct rib_net *n = rib_net(&s->l.rib, lab_net(&s->l, BGP_IP4, 0));
    CU_ASSERT_EQUAL(rib_paths_for(&s->l.rib, n, &who, paths, ADJOUT_PATHS), ADJOUT_PATHS);
    for (uint32_t i = 1; i < ADJOUT_PATHS; i++)
        CU_ASSERT(rib_path_merit(&s->l.rib, rib_path(&s->l.rib, paths[i - 1])) <=
                  rib_path_merit(&s->l.rib, rib_path(&s->l.rib, paths[i])));
    CU_ASSERT_EQUAL(paths[0], rib_best(n));
    CU_ASSERT_EQUAL(rib_paths_for(&s->l.rib, n, &who, paths, 2 * ADJOUT_PATHS), 2 * ADJOUT_PATHS);
    work(s);
    CU_ASSERT_EQUAL(adjout_stats(p->member).current, ADJOUT_PATHS);
    stage_close(s);
}

/* Who has fallen behind has to learn of paths that went meanwhile. */
static void test_a_member_that_fell_behind_learns_which_paths_are_gone(void)
{
    struct stage *s = stage_of(ALL);
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    for (uint16_t nva = 2; nva <= 6; nva++)
        for (uint32_t net = 0; net < NETS; net++)
            announce(s, (struct lab_route){ .nva = nva, .net = net, .path_len = 1 });
    settle(s);
    for (uint32_t net = 0; net < NETS; net++)
        withdraw(s, (struct lab_route){ .nva = (uint16_t)(2 + net % 5), .net = net });
    work(s);
    for (uint32_t round = 0; round < 2 * ADJOUT_LOG_MAX / 3500; round++) {
        announce(s, (struct lab_route){ .nva = 2, .net = round % 4 * 5, .path_len = 1, .padding = 3500 });
        work(s);
        while (pull(s, 3, BGP_IP4, 8192))
            ;
    }
    CU_ASSERT_FALSE(s->players[1][BGP_IP4].member->attached);
    check_player(s, 3, BGP_IP4);
    struct adjout_group *g = s->players[1][BGP_IP4].member->group;
    CU_ASSERT(g->gone_count > 0);
    settle(s);
    check_all(s);
    adjout_work(s->adjout, 64);
    adjout_work(s->adjout, 64);
    CU_ASSERT_EQUAL(g->gone_count, 0); /* all have read of them */
    stage_close(s);
}

/* One NVA names ever new paths, one member does not read: what is kept for it has an end, and nobody else
 * is told less. */
static void test_ever_new_ids_cost_who_does_not_read_its_session(void)
{
    struct stage *s = stage_of(ALL);
    struct ip_prefix prefix = lab_prefix(BGP_IP4, 0);
    struct lab_route r = { .nva = 2, .net = 0, .path_len = 1, .community = 5, .padding = 3500 };
    uint32_t id = lab_attrs(&s->l, &r);
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    settle(s);
    for (uint32_t i = 1; i < 4000; i++) {
        CU_ASSERT_EQUAL(rib_announce(&s->l.rib, LAB_SELF, 2, &prefix, i, id), 0);
        CU_ASSERT_EQUAL(rib_withdraw(&s->l.rib, LAB_SELF, 2, &prefix, i - 1, s->l.now_ms), 0);
        work(s);
        while (pull(s, 3, BGP_IP4, 8192))
            ;
        CU_ASSERT_FATAL(s->players[3][BGP_IP4].member->group->gone_count <= ADJOUT_GONE + ADJOUT_PATHS);
    }
    bgp_attrs_unref(&s->l.rib.attrs, id);
    CU_ASSERT_TRUE(adjout_is_lost(s->players[1][BGP_IP4].member));
    CU_ASSERT_FALSE(adjout_is_lost(s->players[3][BGP_IP4].member));
    CU_ASSERT_EQUAL(heard_count(&s->players[3][BGP_IP4], 0), 1);
    stage_close(s);
}

static void test_what_a_member_was_told_can_be_asked_with_ids(void)
{
    struct stage *s = stage_of(ALL);
    struct adjout_sent sent[ADJOUT_PATHS];
    join(s, 1, BGP_IP4);
    uint32_t tag = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    settle(s);
    CU_ASSERT_EQUAL_FATAL(adjout_told(s->players[1][BGP_IP4].member, lab_net(&s->l, BGP_IP4, 0), sent), 1);
    CU_ASSERT_EQUAL(sent[0].path_id, 0x0a010203);
    CU_ASSERT_EQUAL(tag_of(bgp_attrs_get(&s->l.rib.attrs, sent[0].attrs)), tag);
    stage_close(s);
}

/* A monitoring station asks what members are told, at its own pace: it hears of the end of each id. */
static void test_who_watches_learns_of_ids_that_are_gone(void)
{
    struct stage *s = stage_of(ALL);
    struct adjout_sent sent[ADJOUT_IDS];
    join(s, 1, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    settle(s);
    const struct adjout_member *m = s->players[1][BGP_IP4].member;
    uint32_t net = lab_net(&s->l, BGP_IP4, 0);
    adjout_watch(s->adjout, vlist_head(&s->l.rib.loc));
    withdraw(s, (struct lab_route){ .nva = 2, .net = 0 });
    settle(s);
    for (int i = 0; i < 4; i++)
        adjout_work(s->adjout, 64);
    CU_ASSERT_EQUAL_FATAL(adjout_told_ever(m, net, sent), 2);
    int gone = sent[1].attrs == 0;
    CU_ASSERT(sent[gone].path_id == 0x0a010202 && !sent[gone].attrs);
    CU_ASSERT(sent[!gone].path_id == 0x0a010203 && sent[!gone].attrs);
    adjout_watch(s->adjout, vlist_head(&s->l.rib.loc));
    for (int i = 0; i < 4; i++)
        adjout_work(s->adjout, 64);
    CU_ASSERT_EQUAL(adjout_told_ever(m, net, sent), 1);
    CU_ASSERT_EQUAL(adjout_missed(s->adjout), 0);
    stage_close(s);
}

static void test_who_watches_too_slowly_is_not_waited_for(void)
{
    struct stage *s = stage_of(ALL);
    struct ip_prefix prefix = lab_prefix(BGP_IP4, 0);
    struct lab_route r = { .nva = 2, .net = 0, .path_len = 1, .community = 5 };
    uint32_t id = lab_attrs(&s->l, &r);
    join(s, 1, BGP_IP4);
    settle(s);
    uint64_t watched = vlist_head(&s->l.rib.loc);
    adjout_watch(s->adjout, watched);
    for (uint32_t i = 1; i < 2 * ADJOUT_GONE; i++) {
        CU_ASSERT_EQUAL(rib_announce(&s->l.rib, LAB_SELF, 2, &prefix, i, id), 0);
        CU_ASSERT_EQUAL(rib_withdraw(&s->l.rib, LAB_SELF, 2, &prefix, i - 1, s->l.now_ms), 0);
        settle(s);
        CU_ASSERT(s->players[1][BGP_IP4].member->group->gone_count <= ADJOUT_GONE + 1);
    }
    CU_ASSERT(adjout_missed(s->adjout) > watched);
    CU_ASSERT_EQUAL(adjout_lost(s->adjout), 0); /* the member has nothing to do with it */
    bgp_attrs_unref(&s->l.rib.attrs, id);
    s->players[1][BGP_IP4].table[0][0].tag = 0;
    stage_close(s);
}

/* By hand-over of all that the old group knows, a stretch at a time. What goes meanwhile, and is read of by all
 * who stayed, is not forgotten before the member has it. */
static void test_a_member_that_changes_its_group_learns_what_went_meanwhile(void)
{
    struct stage *s = stage_of(ALL);
    struct player *p = &s->players[1][BGP_IP4];
    unsigned turns = 0;
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    for (uint32_t net = 0; net < NETS; net++)
        for (uint16_t nva = 4; nva <= 6; nva++)
            announce(s, (struct lab_route){ .nva = nva, .net = net, .path_len = 1 });
    settle(s);
    p->rules.export.graceful_shutdown = true;
    p->member = adjout_move(p->member, &p->rules);
    for (uint32_t net = NETS / 2; net < NETS; net++) /* the hand-over comes to them last */
        withdraw(s, (struct lab_route){ .nva = (uint16_t)(4 + net % 3), .net = net });
    lab_decide(&s->l);
    for (; p->member->from; turns++) {
        adjout_work(s->adjout, 8);
        while (pull(s, 3, BGP_IP4, 8192))
            ;
        CU_ASSERT(!p->member->from || (!adjout_has_output(p->member) && !pull(s, 1, BGP_IP4, 8192)));
    }
    CU_ASSERT(turns > NETS / 8);
    CU_ASSERT(adjout_has_output(p->member));
    settle(s);
    check_all(s);
    stage_close(s);
}

static void test_a_member_may_change_its_group_again_or_leave_before_all_is_handed_over(void)
{
    for (int leaves = 0; leaves < 2; leaves++) {
        struct stage *s = stage_of(ALL);
        struct player *p = &s->players[1][BGP_IP4];
        join(s, 1, BGP_IP4);
        for (uint32_t net = 0; net < NETS; net++)
            announce(s, (struct lab_route){ .nva = 4, .net = net, .path_len = 1 });
        settle(s);
        for (int i = 0; i < 2; i++) {
            p->rules.export.otc = (uint32_t)i + 1;
            p->member = adjout_move(p->member, &p->rules);
            lose(s, 4);
            lab_decide(&s->l);
            adjout_work(s->adjout, 8);
        }
        if (leaves)
            leave(s, 1, BGP_IP4);
        settle(s);
        check_all(s);
        stage_close(s);
    }
}

/* A session is lost, and the walk that takes its paths out has not come by; a member that came later has such a net
 * compared again, and its id ends there, behind one that walks and has passed it. */
static void end_before_decision(bool attaches)
{
    struct stage *s = stage_of(ALL);
    struct ip_addr *address = &s->l.nvas[3].address, later = *address;
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 99 } };
    join(s, 1, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 5, .net = 0, .path_len = 1, .via = 3 });
    settle(s);
    announce(s, (struct lab_route){ .nva = 4, .net = 1, .path_len = 1 });
    lab_decide(&s->l);
    adjout_refresh(s->players[1][BGP_IP4].member);
    pull(s, 1, BGP_IP4, 70000);
    CU_ASSERT_EQUAL(heard_count(&s->players[1][BGP_IP4], 0), 1);
    lose(s, 5);
    *address = later;
    join(s, 3, BGP_IP4);
    pull(s, 3, BGP_IP4, 70000);
    adjout_work(s->adjout, 64);
    if (attaches)
        pull(s, 1, BGP_IP4, 70000);
    settle(s);
    check_all(s);
    stage_close(s);
}

static void test_an_id_that_ends_before_its_decision_is_withdrawn_from_who_walks(void)
{
    end_before_decision(false);
    end_before_decision(true); /* when the decision comes, the id is no news to the group */
}

/* A net may be freed before the ids that went with it are forgotten: another session's loss is swept then. */
static void test_ids_of_a_net_that_is_freed_are_forgotten_beside_a_sweep(void)
{
    struct stage *s = stage_of(ALL);
    join(s, 3, BGP_IP4);
    for (uint16_t net = 0; net < 3; net++)
        announce(s, (struct lab_route){ .nva = 4, .net = net, .path_len = 1, .path_id = 1000 });
    announce(s, (struct lab_route){ .nva = 5, .net = 3, .path_len = 1, .path_id = 1000 });
    settle(s);
    for (uint16_t net = 0; net < 3; net++)
        withdraw(s, (struct lab_route){ .nva = 4, .net = net, .path_id = 1000 });
    work(s);
    while (pull(s, 3, BGP_IP4, 70000))
        ;
    reap(s);
    CU_ASSERT_EQUAL(s->l.rib.nets.records[BGP_IP4].count, 1);
    lose(s, 5);
    CU_ASSERT_NOT_EQUAL(s->l.rib.sweeps, 0);
    adjout_work(s->adjout, 64);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].member->group->gone.count, 0);
    settle(s);
    check_all(s);
    stage_close(s);
}

static void play(uint64_t seed)
{
    struct stage *s = stage_of(seed % 2 ? ALL : 0xd2); /* all, or some beside others */
    play_at_random(s, seed, 40);
    stage_close(s);
}

/* In 1087 a member changes its group, and changes it again before all is handed over; in 1403 a net is compared again
 * that waits for its decision, behind a member that walks; in 3589 one that has lost a path which is not swept yet. */
static void test_every_members_table_is_the_models_whatever_happens(void)
{
    static const uint64_t runs[] = { 11, 12, 13, 14, 15, 16, 17, 18, 1087, 1403, 3589 };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        play(runs[i]);
    play_new_tables(play);
}

CU_MAIN("adjout_paths", CU_CASE(test_all_paths_but_its_own_are_told_to_a_member),
        CU_CASE(test_a_path_that_leads_to_who_comes_later_is_not_told_to_it),
        CU_CASE(test_a_walker_hears_what_a_net_behind_it_was_found_to_have_lost),
        CU_CASE(test_a_walker_that_cannot_hear_of_ids_that_went_behind_it_is_lost),
        CU_CASE(test_a_paths_id_stays_whatever_the_others_do),
        CU_CASE(test_ids_are_the_same_on_every_node),
        CU_CASE(test_another_nodes_copy_is_not_told_again),
        CU_CASE(test_paths_that_want_one_id_get_two),
        CU_CASE(test_the_best_are_told_where_there_are_too_many),
        CU_CASE(test_a_member_that_fell_behind_learns_which_paths_are_gone),
        CU_CASE(test_an_id_that_ends_before_its_decision_is_withdrawn_from_who_walks),
        CU_CASE(test_ids_of_a_net_that_is_freed_are_forgotten_beside_a_sweep),
        CU_CASE(test_ever_new_ids_cost_who_does_not_read_its_session),
        CU_CASE(test_what_a_member_was_told_can_be_asked_with_ids),
        CU_CASE(test_who_watches_learns_of_ids_that_are_gone),
        CU_CASE(test_who_watches_too_slowly_is_not_waited_for),
        CU_CASE(test_a_member_that_changes_its_group_learns_what_went_meanwhile),
        CU_CASE(test_a_member_may_change_its_group_again_or_leave_before_all_is_handed_over),
        CU_CASE(test_every_members_table_is_the_models_whatever_happens))
