/* Outbound route maps in Adj-RIB-Out: what is dropped gives way to the next best, what is edited is told edited, and
 * of another map only the difference. */
#include "tests/lib/adjout_lab.h"
#include "tests/lib/maps.h"

/* Where the lab's maps are in play, see there. */
static void make_maps(struct stage *s)
{
    struct route_map *m = s->maps[0] = map_of("low", true, false);
    map_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "100.0.0.0/29 fd00::/125");
    route_map_seal(m);
    m = s->maps[1] = map_of("through", true, false);
    map_test(m, ROUTE_MAP_AS_PATH, ROUTE_MAP_CONTAINS, "65003");
    map_rule(m, "rest", false, false);
    map_edit(m, ROUTE_MAP_PREPEND, "64999");
    route_map_seal(m);
}

static struct stage *open_with_maps(void)
{
    struct stage *s = stage_open();
    make_maps(s);
    return s;
}

static void close_with_maps(struct stage *s)
{
    struct route_map *maps[] = { s->maps[0], s->maps[1] };
    stage_close(s);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(maps[i]->refs, 1); /* every group has let it go */
        route_map_unref(maps[i]);
    }
}

static void use_map(struct stage *s, uint16_t nva, struct route_map *map)
{
    struct player *p = &s->players[nva][BGP_IP4];
    p->rules.map = map;
    p->rules.export.keeps_med = map && route_map_does(map, ROUTE_MAP_SET_MED);
    p->member = adjout_move(p->member, &p->rules);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->member);
}

/* RFC 7947 section 2.3.2: a route server's policy for one client hides no other path from it. */
static void test_where_the_best_is_dropped_the_next_is_told(void)
{
    struct stage *s = open_with_maps();
    join(s, 1, BGP_IP4);
    join(s, 2, BGP_IP4);
    use_map(s, 1, s->maps[1]);
    uint32_t best = announce(s, (struct lab_route){ .nva = 3, .net = 9, .path_len = 1 });
    uint32_t next = announce(s, (struct lab_route){ .nva = 4, .net = 9, .path_len = 2 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 9), next);
    CU_ASSERT_EQUAL(tag_heard(&s->players[2][BGP_IP4], 9), best);
    withdraw(s, (struct lab_route){ .nva = 4, .net = 9 });
    settle(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 9), 0);
    close_with_maps(s);
}

static void test_peers_with_equal_maps_share_a_group(void)
{
    struct stage *s = open_with_maps();
    join(s, 1, BGP_IP4);
    join(s, 2, BGP_IP4);
    use_map(s, 1, s->maps[0]);
    struct route_map *like = map_of("low", true, false);
    map_test(like, ROUTE_MAP_PREFIX, ROUTE_MAP_CONTAINS, "100.0.0.0/29 fd00::/125");
    route_map_seal(like);
    use_map(s, 2, like);
    CU_ASSERT_PTR_EQUAL(s->players[1][BGP_IP4].member->group, s->players[2][BGP_IP4].member->group);
    route_map_unref(like);
    s->players[2][BGP_IP4].rules.map = s->maps[0];
    close_with_maps(s);
}

/* Another map: the nets that it drops go, those that it does not drop any longer come, nothing else is said. */
static void test_of_another_map_only_the_difference_is_told(void)
{
    for (uint32_t has_paths = 0; has_paths <= 1; has_paths++) {
        struct stage *s = open_with_maps();
        s->has_paths = has_paths << 1;
        join(s, 1, BGP_IP4);
        join(s, 2, BGP_IP4); /* it stays, and so does the group */
        for (uint32_t net = 0; net < NETS; net++)
            announce(s, (struct lab_route){ .nva = 4, .net = net, .path_len = 1 });
        settle(s);
        struct player *p = &s->players[1][BGP_IP4];
        p->announced = p->withdrawn = 0;
        use_map(s, 1, s->maps[0]);
        announce(s, (struct lab_route){ .nva = 4, .net = 20, .path_len = 2 }); /* meanwhile */
        settle(s);
        check_all(s);
        CU_ASSERT_EQUAL(p->announced, 1);
        CU_ASSERT_EQUAL(p->withdrawn, 8);
        use_map(s, 1, NULL);
        settle(s);
        check_all(s);
        CU_ASSERT_EQUAL(p->announced, 1 + 8);
        CU_ASSERT_EQUAL(p->withdrawn, 8);
        CU_ASSERT_EQUAL(p->ends_of_rib, 1);
        close_with_maps(s);
    }
}

/* Before all was read nobody knows what a member has: it is told all of it. */
static void test_who_had_not_read_all_is_told_all(void)
{
    struct stage *s = open_with_maps();
    join(s, 1, BGP_IP4);
    settle(s);
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 4, .net = net, .path_len = 1 });
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
    use_map(s, 1, s->maps[0]);
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, NETS - 8);
    use_map(s, 1, s->maps[1]);
    use_map(s, 1, NULL); /* twice at once */
    settle(s);
    check_all(s);
    close_with_maps(s);
}

static const struct bgp_attrs *heard_attrs(struct stage *s, uint16_t nva, uint32_t net, uint8_t *bytes,
                                           struct bgp_attrs *out)
{
    struct adjout_sent sent[ADJOUT_PATHS];
    const struct adjout_member *m = s->players[nva][BGP_IP4].member;
    CU_ASSERT_EQUAL_FATAL(adjout_told(m, lab_net(&s->l, BGP_IP4, net), sent), 1);
    CU_ASSERT_FATAL(adjout_told_as(m, sent, bytes, out));
    return out;
}

/* RFC 4271 section 5.1.4: a neighbour's MED stays with us, one that the map sets is told. */
static void test_a_med_that_a_map_sets_is_told_and_no_other(void)
{
    static uint8_t bytes[BGP_EXPORT_MAX];
    struct bgp_attrs a;
    struct stage *s = open_with_maps();
    struct route_map *m = map_of("one", false, false);
    map_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "100.0.0.9/32");
    map_edit(m, ROUTE_MAP_SET_MED, "77");
    route_map_seal(m);
    join(s, 4, BGP_IP4); /* not transparent */
    use_map(s, 4, m);
    announce(s, (struct lab_route){ .nva = 1, .net = 9, .path_len = 1, .med = 5 });
    announce(s, (struct lab_route){ .nva = 1, .net = 10, .path_len = 1, .med = 5 });
    settle(s);
    CU_ASSERT_EQUAL(heard_attrs(s, 4, 9, bytes, &a)->med, 77);
    CU_ASSERT_FALSE(heard_attrs(s, 4, 10, bytes, &a)->marks & BGP_MARK_MED);
    s->players[4][BGP_IP4].rules.map = NULL;
    route_map_unref(m);
    close_with_maps(s);
}

/* The table before the map, for who monitors it (RFC 8671). */
static void test_what_was_chosen_before_the_map_can_be_seen(void)
{
    struct adjout_sent sent[ADJOUT_IDS];
    struct stage *s = open_with_maps();
    join(s, 1, BGP_IP4);
    use_map(s, 1, s->maps[0]);
    announce(s, (struct lab_route){ .nva = 4, .net = 3, .path_len = 1 });
    settle(s);
    const struct adjout_member *m = s->players[1][BGP_IP4].member;
    uint32_t net = lab_net(&s->l, BGP_IP4, 3);
    CU_ASSERT_EQUAL(adjout_told(m, net, sent), 0);
    CU_ASSERT_EQUAL(adjout_chosen(m, net, sent), 1);
    CU_ASSERT_EQUAL(sent->attrs, rib_path(&s->l.rib, rib_best(rib_net(&s->l.rib, net)))->attrs);
    close_with_maps(s);
}

/* What a map makes too long for the messages is not told, and breaks nothing. */
static void test_what_grows_too_long_is_not_told(void)
{
    struct stage *s = open_with_maps();
    struct route_map *m = map_of("more", false, false);
    CU_ASSERT_FATAL(route_map_add_edit(m, ROUTE_MAP_ADD_COMMUNITY));
    for (uint32_t i = 0; i < 900; i++) {
        char text[32];
        snprintf(text, sizeof text, "65001:%u", i);
        map_values(m, text);
    }
    route_map_seal(m);
    join(s, 1, BGP_IP4);
    use_map(s, 1, m);
    announce(s, (struct lab_route){ .nva = 4, .net = 9, .path_len = 1, .padding = 600 });
    announce(s, (struct lab_route){ .nva = 4, .net = 10, .path_len = 1 });
    settle(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 1);
    s->players[1][BGP_IP4].rules.map = NULL;
    route_map_unref(m);
    close_with_maps(s);
}

static void play(uint64_t seed)
{
    struct stage *s = open_with_maps();
    s->has_paths = seed % 3 ? 0 : 1u << 3 | 1u << 5;
    play_at_random(s, seed, 6);
    close_with_maps(s);
}

static void test_any_order_of_events_with_maps_gives_the_models_tables(void)
{
    for (uint64_t seed = 1; seed <= 24; seed++)
        play(seed);
    play_new_tables(play);
}

CU_MAIN("adjout_map", CU_CASE(test_where_the_best_is_dropped_the_next_is_told),
        CU_CASE(test_peers_with_equal_maps_share_a_group),
        CU_CASE(test_of_another_map_only_the_difference_is_told), CU_CASE(test_who_had_not_read_all_is_told_all),
        CU_CASE(test_a_med_that_a_map_sets_is_told_and_no_other),
        CU_CASE(test_what_was_chosen_before_the_map_can_be_seen), CU_CASE(test_what_grows_too_long_is_not_told),
        CU_CASE(test_any_order_of_events_with_maps_gives_the_models_tables))
