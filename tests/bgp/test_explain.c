/* The explanation tells the story of the decision: each step alone, on paths that differ there only. */
#include "bgp/rib/explain.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/cu.h"

enum { NVAS = 5 };

struct lab {
    struct rib rib;
    struct policy policy;
    struct policy_nva nvas[NVAS];
    struct ip_prefix prefix;
};

static void lab_open(struct lab *l, uint32_t max_paths)
{
    memset(l, 0, sizeof *l);
    for (uint8_t i = 0; i < NVAS; i++)
        l->nvas[i].address = (struct ip_addr){ .bytes = { 10, 1, 2, i } };
    l->prefix = (struct ip_prefix){ .len = 8, .bytes = { 10 } };
    struct rib_cfg cfg = { .nvas = l->nvas,
                           .nva_count = NVAS,
                           .policy = &l->policy,
                           .max_paths = max_paths,
                           .self = 1,
                           .keep_tombstones = true };
    CU_ASSERT_EQUAL_FATAL(rib_init(&l->rib, &cfg), 0);
}

/* path_len times AS 65000 + nva; med -1 = none. */
struct route {
    uint16_t nva;
    uint8_t node, path_len, origin;
    int med;
    uint8_t first_as; /* 0 = the NVA's own */
};

static void announce(struct lab *l, struct route r)
{
    uint8_t bytes[64];
    struct bgp_attrs attrs;
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    wire_put(
        &w,
        (uint8_t[]){ 0x40, 1, 1, r.origin, 0x40, 2, (uint8_t)(2 + 4 * r.path_len), 2, r.path_len },
        9);
    for (uint8_t i = 0; i < r.path_len; i++)
        wire_put32(&w, 65000u + (r.first_as ? r.first_as : r.nva));
    if (r.med >= 0) {
        wire_put(&w, (uint8_t[]){ 0x80, 4, 4 }, 3);
        wire_put32(&w, (uint32_t)r.med);
    }
    CU_ASSERT_FATAL(bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &attrs));
    attrs.next_hop = l->nvas[r.nva].address;
    uint32_t id = bgp_attrs_intern(&l->rib.attrs, &attrs);
    uint8_t node = r.node ? r.node : 1;
    l->rib.origins[node].sessions[r.nva].identifier = r.nva;
    CU_ASSERT_EQUAL_FATAL(rib_announce(&l->rib, node, r.nva, &l->prefix, 0, id), 0);
    bgp_attrs_unref(&l->rib.attrs, id);
}

static void decide(struct lab *l)
{
    struct rib_change change;
    for (uint32_t net; (net = rib_next_dirty(&l->rib));) {
        CU_ASSERT_EQUAL_FATAL(rib_decide(&l->rib, net, &change), 0);
        nhset_unref(&l->rib.sets, change.old_nhset);
    }
}

static uint32_t path_of(const struct lab *l, uint16_t nva, uint8_t node)
{
    uint32_t net = prefix_table_find(&l->rib.nets, &l->prefix);
    for (uint32_t i = rib_net(&l->rib, net)->paths; i; i = rib_path_next(rib_path(&l->rib, i)))
        if (rib_path(&l->rib, i)->nva == nva && rib_path(&l->rib, i)->origin == node)
            return i;
    return 0;
}

static struct explain explain(const struct lab *l, uint16_t nva, char text[static EXPLAIN_TEXT])
{
    struct explain e;
    uint32_t path = path_of(l, nva, 1);
    explain_path(&l->rib, path, &e);
    explain_text(&l->rib, path, &e, text);
    return e;
}

static void test_a_single_path_is_the_only_one(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = -1 });
    decide(&l);
    struct explain e = explain(&l, 1, text);
    CU_ASSERT(e.is_best && e.is_programmed && !e.is_multipath);
    CU_ASSERT_EQUAL(e.step, EXPLAIN_ONLY);
    CU_ASSERT_STRING_EQUAL(text, "only path");
    rib_fini(&l.rib);
}

static void test_longer_as_path_loses_and_says_both_lengths(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 3, .med = -1 });
    decide(&l);
    struct explain e = explain(&l, 2, text);
    CU_ASSERT(!e.is_best && !e.is_programmed);
    CU_ASSERT_EQUAL(e.rival, path_of(&l, 1, 1));
    CU_ASSERT_STRING_EQUAL(text, "AS path length 3, best has 1");
    explain(&l, 1, text);
    CU_ASSERT_STRING_EQUAL(text, "shortest AS path (1)");
    rib_fini(&l.rib);
}

static void test_worse_origin_loses(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    announce(&l,
             (struct route){ .nva = 1, .path_len = 1, .origin = BGP_ORIGIN_INCOMPLETE, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 1, .med = -1 });
    decide(&l);
    CU_ASSERT_EQUAL(explain(&l, 1, text).step, EXPLAIN_ORIGIN);
    CU_ASSERT_STRING_EQUAL(text, "origin incomplete, best has igp");
    rib_fini(&l.rib);
}

static void test_med_counts_within_one_neighbour_as_only(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = 20, .first_as = 9 });
    announce(&l, (struct route){ .nva = 2, .path_len = 1, .med = 10, .first_as = 9 });
    announce(&l, (struct route){ .nva = 3, .path_len = 1, .med = 30 });
    decide(&l);
    CU_ASSERT_EQUAL(explain(&l, 1, text).step, EXPLAIN_MED);
    CU_ASSERT_STRING_EQUAL(text, "MED 20, another path by the same AS has 10");
    struct explain e = explain(&l, 3, text);
    CU_ASSERT_EQUAL(e.step, EXPLAIN_EQUAL);
    CU_ASSERT(e.is_multipath);
    explain(&l, 2, text);
    CU_ASSERT_STRING_EQUAL(text, "lowest MED (10)");
    rib_fini(&l.rib);
}

static void test_peer_type_ranks_before_the_as_path(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    l.nvas[1].rank = 1;
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 4, .med = -1 });
    decide(&l);
    CU_ASSERT_EQUAL(explain(&l, 1, text).step, EXPLAIN_RANK);
    CU_ASSERT_EQUAL(explain(&l, 2, text).step, EXPLAIN_RANK);
    CU_ASSERT_STRING_EQUAL(text, "preferred: peer type rank 1");
    rib_fini(&l.rib);
}

static void test_stale_paths_lose_whatever_they_have(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 8);
    announce(&l, (struct route){ .nva = 1, .node = 2, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 5, .med = -1 });
    l.rib.origins[2].class = RIB_STALE;
    decide(&l);
    struct explain e;
    uint32_t stale = path_of(&l, 1, 2);
    explain_path(&l.rib, stale, &e);
    CU_ASSERT_EQUAL(e.step, EXPLAIN_CLASS);
    CU_ASSERT_STRING_EQUAL(explain_text(&l.rib, stale, &e, text), "stale, best is not");
    rib_fini(&l.rib);
}

static void test_equals_share_and_the_copy_of_another_node_is_named_so(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    struct explain e;
    lab_open(&l, 8);
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 1, .node = 2, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 1, .med = -1 });
    decide(&l);
    CU_ASSERT_EQUAL(explain(&l, 1, text).step, EXPLAIN_EQUAL);
    CU_ASSERT_EQUAL(explain(&l, 2, text).step, EXPLAIN_EQUAL);
    CU_ASSERT_STRING_EQUAL(text, "equal: ECMP");
    explain_path(&l.rib, path_of(&l, 1, 2), &e);
    CU_ASSERT_EQUAL(e.step, EXPLAIN_COPY);
    CU_ASSERT(e.is_programmed && !e.is_best);
    rib_fini(&l.rib);
}

static void test_an_equal_beyond_max_paths_is_not_programmed(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    lab_open(&l, 2);
    for (uint16_t nva = 1; nva <= 3; nva++)
        announce(&l, (struct route){ .nva = nva, .path_len = 1, .med = -1 });
    decide(&l);
    struct explain e = explain(&l, 3, text);
    CU_ASSERT_EQUAL(e.step, EXPLAIN_WIDTH);
    CU_ASSERT(!e.is_programmed);
    rib_fini(&l.rib);
}

static void test_refused_and_undecided_paths_say_so(void)
{
    struct lab l;
    char text[EXPLAIN_TEXT];
    struct ip_addr ours = { .bytes = { 10, 1, 2, 1 } };
    lab_open(&l, 8);
    l.policy = (struct policy){ .nodes = &ours, .node_count = 1 };
    announce(&l, (struct route){ .nva = 1, .path_len = 1, .med = -1 });
    announce(&l, (struct route){ .nva = 2, .path_len = 1, .med = -1 });
    CU_ASSERT_EQUAL(explain(&l, 2, text).step, EXPLAIN_UNDECIDED);
    decide(&l);
    CU_ASSERT_EQUAL(explain(&l, 1, text).step, EXPLAIN_UNUSABLE);
    CU_ASSERT_STRING_EQUAL(text, "the next hop is a route server node");
    CU_ASSERT_EQUAL(explain(&l, 2, text).step, EXPLAIN_ONLY);
    rib_fini(&l.rib);
}

CU_MAIN("explain", CU_CASE(test_a_single_path_is_the_only_one),
        CU_CASE(test_longer_as_path_loses_and_says_both_lengths), CU_CASE(test_worse_origin_loses),
        CU_CASE(test_med_counts_within_one_neighbour_as_only),
        CU_CASE(test_peer_type_ranks_before_the_as_path),
        CU_CASE(test_stale_paths_lose_whatever_they_have),
        CU_CASE(test_equals_share_and_the_copy_of_another_node_is_named_so),
        CU_CASE(test_an_equal_beyond_max_paths_is_not_programmed),
        CU_CASE(test_refused_and_undecided_paths_say_so))
