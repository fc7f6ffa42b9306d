/* The decision: each step alone on paths that differ there only, and every order of arrival. */
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

enum { NET = 1, SET_MAX = 5 };

/* Announce a set of routes for one net and decide, either at the end or after every single one. */
static void settle(struct lab *l, const struct lab_route *routes, const uint8_t *order,
                   size_t count, bool each)
{
    for (size_t i = 0; i < count; i++) {
        lab_announce(l, routes[order ? order[i] : i]);
        if (each)
            lab_decide(l);
    }
    lab_decide(l);
}

/* Best NVA of a set of routes, with everything else about it in its place. */
static int best_of(const struct lab_route *routes, size_t count)
{
    struct lab l;
    lab_open(&l, 8, true);
    settle(&l, routes, NULL, count, false);
    int best = lab_best(&l, NET);
    lab_close(&l);
    return best;
}

#define BEST_OF(...)                                                                               \
    best_of((const struct lab_route[]){ __VA_ARGS__ },                                             \
            sizeof((const struct lab_route[]){ __VA_ARGS__ }) / sizeof(struct lab_route))

/* RFC 4271 section 9.1.2.2 (a) */
static void test_the_shorter_as_path_wins(void)
{
    CU_ASSERT_EQUAL(
        BEST_OF({ .nva = 1, .net = NET, .path_len = 3 }, { .nva = 2, .net = NET, .path_len = 2 }),
        2);
}

/* (b): IGP before EGP before INCOMPLETE */
static void test_the_lower_origin_wins(void)
{
    CU_ASSERT_EQUAL(
        BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .origin = BGP_ORIGIN_INCOMPLETE },
                { .nva = 2, .net = NET, .path_len = 1, .origin = BGP_ORIGIN_EGP }),
        2);
    CU_ASSERT_EQUAL(BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .origin = BGP_ORIGIN_EGP },
                            { .nva = 2, .net = NET, .path_len = 1, .origin = BGP_ORIGIN_IGP }),
                    2);
}

static void test_the_path_length_counts_before_the_origin(void)
{
    CU_ASSERT_EQUAL(
        BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .origin = BGP_ORIGIN_INCOMPLETE },
                { .nva = 2, .net = NET, .path_len = 2, .origin = BGP_ORIGIN_IGP }),
        1);
}

/* (c) */
static void test_the_lower_med_wins_within_one_neighbour_as(void)
{
    CU_ASSERT_EQUAL(BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .first_as = 9, .med = 20 },
                            { .nva = 2, .net = NET, .path_len = 1, .first_as = 9, .med = 10 }),
                    2);
}

static void test_med_says_nothing_between_neighbour_ases(void)
{
    CU_ASSERT_EQUAL(BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .med = 20 },
                            { .nva = 2, .net = NET, .path_len = 1, .med = 10 }),
                    1);
}

/* RFC 4271 section 9.1.2.2 (c): a missing MED is the lowest possible value. */
static void test_a_missing_med_is_the_lowest(void)
{
    CU_ASSERT_EQUAL(BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .first_as = 9, .med = 1 },
                            { .nva = 2, .net = NET, .path_len = 1, .first_as = 9 }),
                    2);
}

/* The classic trap of comparing in pairs: 1 beats 3 by identifier, 3 beats 2 by identifier, 2 beats 1
 * by MED. Of the set, 1 falls out by MED, and 3 wins over 2. */
static void test_the_set_is_judged_and_not_pairs(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    l.rib.origins[LAB_SELF].sessions[1].identifier = 10;
    l.rib.origins[LAB_SELF].sessions[2].identifier = 30;
    l.rib.origins[LAB_SELF].sessions[3].identifier = 20;
    const struct lab_route routes[] = {
        { .nva = 1, .net = NET, .path_len = 1, .first_as = 9, .med = 20 },
        { .nva = 2, .net = NET, .path_len = 1, .first_as = 9, .med = 10 },
        { .nva = 3, .net = NET, .path_len = 1, .first_as = 8, .med = 5 },
    };
    settle(&l, routes, NULL, 3, true);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 3);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->count, 2);
    lab_close(&l);
}

/* (f) and (g), then path id */
static void test_the_final_tie_goes_by_identifier_address_and_path_id(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    l.rib.origins[LAB_SELF].sessions[1].identifier = 7;
    l.rib.origins[LAB_SELF].sessions[2].identifier = 5;
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1 },
                                       { .nva = 2, .net = NET, .path_len = 1 } },
           NULL, 2, false);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 2);
    l.rib.origins[LAB_SELF].sessions[2].identifier = 7;
    rib_mark_dirty(&l.rib, lab_net(&l, BGP_IP4, NET));
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 2, .path_len = 1, .path_id = 9 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 2, .path_len = 1, .path_id = 4 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_path_id(rib_path(&l.rib, rib_best(rib_net(&l.rib, lab_net(&l, BGP_IP4, 2))))), 4);
    lab_close(&l);
}

/* A node's routes are read before what is known of its sessions: for that while they win no tie, and it is no tie with
 * another copy of the same. */
static void test_an_identifier_that_is_not_known_yet_comes_last(void)
{
    struct lab l;
    lab_open(&l, 64, false);
    l.rib.origins[2].sessions[1].identifier = 0;
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = NET, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = NET, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 2);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1);
    CU_ASSERT_EQUAL(rib_path(&l.rib, rib_best(rib_net(&l.rib, lab_net(&l, BGP_IP4, NET))))->origin, LAB_SELF);
    lab_close(&l);
}

/* A copy heard by another node is not another route: the lower origin is advertised, the set is one. */
static void test_copies_of_two_nodes_are_one_route(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = NET, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 1, .net = NET, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_path(&l.rib, rib_best(rib_net(&l.rib, lab_net(&l, BGP_IP4, NET))))->origin, 1);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->count, 1);
    CU_ASSERT_EQUAL(lab_second(&l, NET), -1);
    lab_close(&l);
}

/* RFC 9494 section 4.3: stale routes are least preferred; RFC 8326 section 4: then those on their way
 * out; both before anything that an ordinary path has. */
static void test_class_and_communities_count_first(void)
{
    const uint32_t graceful_shutdown = 0xffff0000, llgr_stale = 0xffff0006;
    CU_ASSERT_EQUAL(BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .community = graceful_shutdown },
                            { .nva = 2, .net = NET, .path_len = 5 }),
                    2);
    CU_ASSERT_EQUAL(
        BEST_OF({ .nva = 1, .net = NET, .path_len = 1, .community = llgr_stale },
                { .nva = 2, .net = NET, .path_len = 5, .community = graceful_shutdown }),
        2);
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = NET, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = NET, .path_len = 5 });
    l.rib.origins[2].class = RIB_GRACE;
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1); /* GRACE counts like LIVE */
    l.rib.origins[2].class = RIB_STALE;
    rib_origin_review(&l.rib, 2, 0);
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 2);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->count, 1);
    lab_close(&l);
}

static void test_a_stale_path_is_used_when_nothing_else_is_left(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = NET, .path_len = 1 });
    l.rib.origins[2].class = RIB_STALE;
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->count, 1);
    lab_close(&l);
}

static void test_the_rank_of_the_peer_type_counts_before_the_as_path(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    l.nvas[1].rank = 1;
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1 },
                                       { .nva = 2, .net = NET, .path_len = 4 } },
           NULL, 2, false);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 2);
    lab_close(&l);
}

/* More neighbour ASes than are remembered at a time, three paths each: of each the one with the lowest MED stays. */
static void test_of_every_neighbour_as_the_lowest_med_stays_however_many_there_are(void)
{
    enum { ASES = 12 };
    static const uint32_t meds[] = { 5, 3, 7 };
    struct lab l;
    lab_open(&l, 16, true);
    for (uint32_t i = 0; i < 3 * ASES; i++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_id = i + 1, .path_len = 1,
                                             .first_as = 10 + i % ASES, .med = meds[i / ASES],
                                             .next_hop = (uint8_t)(100 + i) });
    lab_decide(&l);
    CU_ASSERT_EQUAL_FATAL(lab_set(&l, NET)->count, ASES);
    for (uint32_t i = 0; i < ASES; i++)
        CU_ASSERT_EQUAL(lab_set(&l, NET)->members[i].bytes[3], 100 + ASES + i);
    lab_close(&l);
}

/* The VNet's own prefix stands before what any NVA says of it, is advertised, and not programmed. */
static void test_the_configuration_wins_and_needs_no_next_hop(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1 },
                                       { .nva = 0, .net = NET } },
           NULL, 2, false);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 0);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->count, 0);
    lab_close(&l);
}

static void test_equals_share_the_traffic_by_distinct_next_hops(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1, .next_hop = 9 },
                                       { .nva = 2, .net = NET, .path_len = 1, .next_hop = 9 },
                                       { .nva = 3, .net = NET, .path_len = 1, .next_hop = 4 } },
           NULL, 3, false);
    CU_ASSERT_EQUAL_FATAL(lab_set(&l, NET)->count, 2);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->members[0].bytes[3], 4);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->members[1].bytes[3], 9);
    lab_close(&l);
}

static void test_the_set_is_no_wider_than_asked_and_keeps_the_lowest(void)
{
    struct lab l;
    lab_open(&l, 2, true);
    settle(&l,
           (const struct lab_route[]){ { .nva = 3, .net = NET, .path_len = 1 },
                                       { .nva = 1, .net = NET, .path_len = 1 },
                                       { .nva = 2, .net = NET, .path_len = 1 } },
           NULL, 3, true);
    CU_ASSERT_EQUAL_FATAL(lab_set(&l, NET)->count, 2);
    CU_ASSERT_EQUAL(lab_set(&l, NET)->members[1].bytes[3], 2);
    lab_close(&l);
}

/* What the best path's own NVA is told: the best of somebody else's. RFC 7947 section 2.3. */
static void test_the_second_is_the_best_of_another_nva(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1, .path_id = 1 },
                                       { .nva = 1, .net = NET, .path_len = 2, .path_id = 2 },
                                       { .nva = 2, .net = NET, .path_len = 4 },
                                       { .nva = 3, .net = NET, .path_len = 3 } },
           NULL, 4, true);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1);
    CU_ASSERT_EQUAL(lab_second(&l, NET), 3);
    lab_close(&l);
}

/* MED of the best's own NVA must not cost others their place in the second choice. */
static void test_the_second_is_judged_without_the_best_nva_at_all(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    settle(&l,
           (const struct lab_route[]){
               { .nva = 1, .net = NET, .path_len = 1, .first_as = 9, .med = 5 },
               { .nva = 2, .net = NET, .path_len = 1, .first_as = 9, .med = 10 },
           },
           NULL, 2, true);
    CU_ASSERT_EQUAL(lab_second(&l, NET), 2);
    lab_close(&l);
}

static void test_refused_and_withdrawn_paths_do_not_take_part(void)
{
    struct lab l;
    struct ip_addr node = { .bytes = { 10, 1, 3, 77 } };
    lab_open(&l, 8, true);
    l.policy = (struct policy){ .nodes = &node, .node_count = 1 };
    settle(&l,
           (const struct lab_route[]){ { .nva = 1, .net = NET, .path_len = 1, .next_hop = 77 },
                                       { .nva = 2, .net = NET, .path_len = 3 },
                                       { .nva = 3, .net = NET, .path_len = 2 } },
           NULL, 3, false);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 3);
    lab_withdraw(&l, (struct lab_route){ .nva = 3, .net = NET });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 2);
    CU_ASSERT_EQUAL(lab_second(&l, NET), -1);
    lab_close(&l);
}

static void test_a_net_moves_only_when_its_outcome_changes(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = NET, .path_len = 2 });
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    lab_announce(&l, (struct lab_route){ .nva = 3, .net = NET, .path_len = 5 }); /* third */
    CU_ASSERT_EQUAL(lab_decide(&l), 0);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_len = 1 }); /* said before */
    CU_ASSERT_EQUAL(lab_decide(&l), 0);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_len = 1, .community = 5 });
    CU_ASSERT_EQUAL(lab_decide(&l), 1); /* best changed in place */
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = NET, .path_len = 2, .community = 5 });
    CU_ASSERT_EQUAL(lab_decide(&l), 1); /* second too */
    lab_withdraw(&l, (struct lab_route){ .nva = 3, .net = NET });
    CU_ASSERT_EQUAL(lab_decide(&l), 0);
    lab_close(&l);
}

/* ---- every order of arrival ---- */

struct outcome {
    int best, second;
    uint32_t best_id, hops;
    uint8_t last[SET_MAX];
};

static struct outcome outcome_of(const struct lab *l)
{
    const struct rib_net *n = rib_net(&l->rib, lab_net(l, BGP_IP4, NET));
    struct outcome o = { .best = lab_best(l, NET), .second = lab_second(l, NET) };
    o.best_id = rib_best(n) ? rib_path_id(rib_path(&l->rib, rib_best(n))) : 0;
    o.hops = lab_set(l, NET)->count;
    for (uint32_t i = 0; i < o.hops; i++)
        o.last[i] = lab_set(l, NET)->members[i].bytes[3];
    return o;
}

static bool next_permutation(uint8_t *a, size_t n)
{
    size_t i = n - 1, k = n - 1;
    while (i > 0 && a[i - 1] >= a[i])
        i--;
    if (!i)
        return false;
    while (a[k] <= a[i - 1])
        k--;
    uint8_t t = a[i - 1];
    a[i - 1] = a[k];
    a[k] = t;
    for (k = n - 1; i < k; i++, k--) {
        t = a[i];
        a[i] = a[k];
        a[k] = t;
    }
    return true;
}

static uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

/* Small ranges, so that ties at every step are frequent. */
static void random_set(struct lab_route *routes, uint64_t *seed)
{
    for (uint32_t i = 0; i < SET_MAX; i++)
        routes[i] = (struct lab_route){ .net = NET,
                                        .nva = (uint16_t)(1 + random_below(seed, 4)),
                                        .path_id = i,
                                        .node = (uint8_t)(1 + random_below(seed, 2)),
                                        .path_len = (uint8_t)(1 + random_below(seed, 2)),
                                        .origin = (uint8_t)random_below(seed, 2),
                                        .med = random_below(seed, 3),
                                        .first_as = 9 + random_below(seed, 2),
                                        .next_hop = (uint8_t)(1 + random_below(seed, 4)) };
}

static void test_every_order_of_arrival_gives_the_same_outcome(void)
{
    uint64_t seed = 4271;
    for (int round = 0; round < 24; round++) {
        struct lab_route routes[SET_MAX];
        uint8_t order[SET_MAX] = { 0, 1, 2, 3, 4 };
        struct outcome first = { 0 };
        bool has_first = false;
        random_set(routes, &seed);
        do {
            struct lab l;
            lab_open(&l, 3, true);
            settle(&l, routes, order, SET_MAX, round % 2);
            struct outcome o = outcome_of(&l);
            if (!has_first)
                first = o;
            has_first = true;
            CU_ASSERT_FATAL(memcmp(&first, &o, sizeof o) == 0);
            lab_close(&l);
        } while (next_permutation(order, SET_MAX));
    }
}

/* Paths that came and went leave nothing behind: the outcome is that of the paths that are there. */
static void test_what_was_withdrawn_leaves_no_trace_in_the_outcome(void)
{
    uint64_t seed = 9;
    for (int round = 0; round < 200; round++) {
        struct lab_route routes[SET_MAX];
        struct lab with, without;
        random_set(routes, &seed);
        lab_open(&with, 3, true);
        lab_open(&without, 3, true);
        settle(&with, routes, NULL, SET_MAX, true);
        lab_withdraw(&with, routes[0]);
        lab_withdraw(&with, routes[3]);
        lab_decide(&with);
        settle(&without, (const struct lab_route[]){ routes[1], routes[2], routes[4] }, NULL, 3,
               false);
        struct outcome a = outcome_of(&with), b = outcome_of(&without);
        CU_ASSERT_FATAL(memcmp(&a, &b, sizeof a) == 0);
        lab_close(&with);
        lab_close(&without);
    }
}

/* More sets than 16 bits count: an NVA may announce every route with a next hop of its own. */
static void test_a_net_may_have_a_set_of_a_high_number(void)
{
    struct lab l;
    bool nomem;
    lab_open(&l, 1, false);
    for (uint32_t i = 0; i < RIB_NHSET_WIDE; i++) {
        struct ip_addr hop = { .bytes = { 11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
        CU_ASSERT_FATAL(nhset_intern(&l.rib.sets, &hop, 1, &nomem) == i + 1);
    }
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = NET, .path_len = 2 });
    lab_decide(&l);
    uint32_t net = lab_net(&l, BGP_IP4, NET), set = rib_net_nhset(&l.rib, net);
    CU_ASSERT_EQUAL(set, RIB_NHSET_WIDE + 1u);
    CU_ASSERT_EQUAL_FATAL(lab_set(&l, NET)->count, 1);
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = NET, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(nhset_get(&l.rib.sets, set)->count, 0); /* nobody has it any more */
    CU_ASSERT_EQUAL(rib_net_nhset(&l.rib, net), RIB_NHSET_WIDE + 2u);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = NET });
    lab_withdraw(&l, (struct lab_route){ .nva = 2, .net = NET });
    lab_decide(&l);
    CU_ASSERT_EQUAL(l.rib.sets.sets.count, RIB_NHSET_WIDE);
    lab_close(&l);
}

/* All that lab_decide does is foreseen first; this is what nobody has decided yet. */
static void test_what_a_decision_would_find_is_foreseen_and_changes_nothing(void)
{
    struct lab l;
    struct rib_outlook o;
    const struct lab_route best = { .nva = 1, .net = NET, .path_len = 1 }, next = { .nva = 2, .net = NET, .path_len = 2 };
    lab_open(&l, 8, true);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, best);
    lab_announce(&l, next);
    lab_decide(&l);
    uint32_t net = lab_net(&l, BGP_IP4, NET), was = rib_net_nhset(&l.rib, net);
    CU_ASSERT_EQUAL_FATAL(rib_foresee(&l.rib, net, &o), 0);
    CU_ASSERT_EQUAL(lab_nva_of(&l, o.best), 1);
    CU_ASSERT_EQUAL(o.nhset, was);
    CU_ASSERT_FALSE(o.is_bereft);
    nhset_unref(&l.rib.sets, o.nhset);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1); /* its paths go with a walk that nobody has begun */
    CU_ASSERT_EQUAL_FATAL(rib_foresee(&l.rib, net, &o), 0);
    CU_ASSERT_EQUAL(lab_nva_of(&l, o.best), 2);
    CU_ASSERT_NOT_EQUAL(o.nhset, was);
    CU_ASSERT_TRUE(o.is_bereft);
    CU_ASSERT_EQUAL(rib_net_nhset(&l.rib, net), was);
    CU_ASSERT_EQUAL(lab_best(&l, NET), 1);
    nhset_unref(&l.rib.sets, o.nhset);
    lab_withdraw(&l, next);
    CU_ASSERT_EQUAL_FATAL(rib_foresee(&l.rib, net, &o), 0);
    CU_ASSERT_EQUAL(o.best, 0);
    CU_ASSERT_EQUAL(o.nhset, 0);
    lab_close(&l);
}

CU_MAIN("decision", CU_CASE(test_the_shorter_as_path_wins), CU_CASE(test_the_lower_origin_wins),
        CU_CASE(test_the_path_length_counts_before_the_origin),
        CU_CASE(test_the_lower_med_wins_within_one_neighbour_as),
        CU_CASE(test_med_says_nothing_between_neighbour_ases),
        CU_CASE(test_of_every_neighbour_as_the_lowest_med_stays_however_many_there_are),
        CU_CASE(test_a_missing_med_is_the_lowest), CU_CASE(test_the_set_is_judged_and_not_pairs),
        CU_CASE(test_the_final_tie_goes_by_identifier_address_and_path_id),
        CU_CASE(test_an_identifier_that_is_not_known_yet_comes_last),
        CU_CASE(test_copies_of_two_nodes_are_one_route),
        CU_CASE(test_class_and_communities_count_first),
        CU_CASE(test_a_stale_path_is_used_when_nothing_else_is_left),
        CU_CASE(test_the_rank_of_the_peer_type_counts_before_the_as_path),
        CU_CASE(test_the_configuration_wins_and_needs_no_next_hop),
        CU_CASE(test_equals_share_the_traffic_by_distinct_next_hops),
        CU_CASE(test_the_set_is_no_wider_than_asked_and_keeps_the_lowest),
        CU_CASE(test_the_second_is_the_best_of_another_nva),
        CU_CASE(test_the_second_is_judged_without_the_best_nva_at_all),
        CU_CASE(test_refused_and_withdrawn_paths_do_not_take_part),
        CU_CASE(test_a_net_moves_only_when_its_outcome_changes),
        CU_CASE(test_every_order_of_arrival_gives_the_same_outcome),
        CU_CASE(test_a_net_may_have_a_set_of_a_high_number),
        CU_CASE(test_what_was_withdrawn_leaves_no_trace_in_the_outcome),
        CU_CASE(test_what_a_decision_would_find_is_foreseen_and_changes_nothing))
