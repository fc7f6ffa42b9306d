/* Long-lived stale routes (RFC 9494): what is marked, what is withdrawn, who is told, who is preferred. */
#include "bgp/rib/rib.h"

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

static const uint32_t no_llgr = 0xffff0007;

static uint32_t marks(const struct lab *l, const struct lab_route *r)
{
    uint32_t path = lab_path(l, r);
    uint32_t attrs = path ? rib_path(&l->rib, path)->attrs : 0;
    return attrs ? bgp_attrs_get(&l->rib.attrs, attrs)->marks : 0;
}

static bool is_there(const struct lab *l, const struct lab_route *r)
{
    uint32_t path = lab_path(l, r);
    return path && rib_path(&l->rib, path)->attrs;
}

static void begin(struct lab *l, uint16_t nva, enum bgp_family family)
{
    rib_stale_begins(&l->rib, LAB_SELF, nva, family);
    lab_sweep(l);
}

static void test_held_paths_of_a_family_are_marked_once_and_those_of_others_not(void)
{
    struct lab l;
    const struct lab_route mine = { .nva = 1, .net = 1, .path_len = 1 },
                           six = { .nva = 1, .net = 1, .family = BGP_IP6, .path_len = 1 },
                           other = { .nva = 2, .net = 1, .path_len = 2 };
    lab_open(&l, 8, true);
    lab_announce(&l, mine);
    lab_announce(&l, six);
    lab_announce(&l, other);
    begin(&l, 1, BGP_IP4);
    CU_ASSERT_TRUE(marks(&l, &mine) & BGP_MARK_LLGR_STALE);
    CU_ASSERT_FALSE(marks(&l, &six) & BGP_MARK_LLGR_STALE);
    CU_ASSERT_FALSE(marks(&l, &other) & BGP_MARK_LLGR_STALE);
    uint64_t head = vlist_head(&l.rib.origins[LAB_SELF].order);
    begin(&l, 1, BGP_IP4);
    CU_ASSERT_EQUAL(vlist_head(&l.rib.origins[LAB_SELF].order), head); /* no news */
    const struct bgp_attrs *a = bgp_attrs_get(&l.rib.attrs, rib_path(&l.rib, lab_path(&l, &mine))->attrs);
    CU_ASSERT_EQUAL(a->next_hop.bytes[3], 1);
    CU_ASSERT_EQUAL(a->path_len, 1);
    lab_close(&l);
}

static void test_a_marked_path_is_the_last_resort(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 9 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 2, .path_len = 1 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 1);
    begin(&l, 1, BGP_IP4);
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 2);
    CU_ASSERT_EQUAL(lab_best(&l, 2), 1);
    lab_close(&l);
}

static void test_a_path_that_must_not_be_kept_is_withdrawn(void)
{
    struct lab l;
    const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1, .community = no_llgr };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    begin(&l, 1, BGP_IP4);
    CU_ASSERT_FALSE(is_there(&l, &r));
    CU_ASSERT_EQUAL(l.rib.origins[LAB_SELF].tombstones, 1); /* the other nodes hear of it */
    lab_close(&l);
}

static void test_a_path_that_is_known_to_be_gone_does_not_come_back_by_its_mark(void)
{
    struct lab l;
    const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    rib_path(&l.rib, lab_path(&l, &r))->flags |= RIB_PATH_DISPROVED;
    begin(&l, 1, BGP_IP4);
    CU_ASSERT_FALSE(is_there(&l, &r));
    lab_close(&l);
}

static void test_what_is_marked_stays_unseen_until_it_is_heard_again(void)
{
    struct lab l;
    const struct lab_route stale = { .nva = 1, .net = 1, .path_len = 1 },
                           again = { .nva = 1, .net = 2, .path_len = 1 },
                           fresh = { .nva = 1, .net = 3, .path_len = 1 };
    lab_open(&l, 8, true);
    lab_announce(&l, stale);
    lab_announce(&l, again);
    rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
    begin(&l, 1, BGP_IP4);
    lab_announce(&l, again);
    lab_announce(&l, fresh);
    rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
    lab_sweep(&l);
    CU_ASSERT_FALSE(is_there(&l, &stale));
    CU_ASSERT_TRUE(is_there(&l, &again) && is_there(&l, &fresh));
    lab_close(&l);
}

/* Its NVA has marked it itself, as a helper of others, and would not have it kept. */
static void test_a_path_that_was_marked_before_is_not_kept_against_its_word(void)
{
    struct lab l;
    const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1, .community = no_llgr };
    lab_open(&l, 8, true);
    lab_announce(&l, r);
    struct bgp_attrs both, a = *bgp_attrs_get(&l.rib.attrs, rib_path(&l.rib, lab_path(&l, &r))->attrs);
    uint8_t buf[200];
    int len = bgp_attrs_mark(&a, BGP_LLGR_STALE, buf, sizeof buf);
    CU_ASSERT_TRUE_FATAL(len > 0 && bgp_attrs_summarise(buf, (uint16_t)len, &both));
    both.next_hop = a.next_hop;
    uint32_t id = bgp_attrs_intern(&l.rib.attrs, &both);
    struct ip_prefix prefix;
    prefix_table_prefix(&l.rib.nets, lab_net(&l, BGP_IP4, 1), &prefix);
    CU_ASSERT_EQUAL_FATAL(rib_announce(&l.rib, LAB_SELF, 1, &prefix, 0, id), 0);
    bgp_attrs_unref(&l.rib.attrs, id);
    begin(&l, 1, BGP_IP4);
    CU_ASSERT_FALSE(is_there(&l, &r));
    lab_close(&l);
}

static void test_only_who_knows_them_is_told_of_long_lived_stale_routes(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1 });
    begin(&l, 1, BGP_IP4);
    lab_decide(&l);
    const struct rib_net *n = rib_net(&l.rib, lab_net(&l, BGP_IP4, 1));
    struct rib_audience who = { .except_nva = 3, .from_types = UINT8_MAX, .is_external = true };
    CU_ASSERT_EQUAL(lab_nva_of(&l, rib_best_for(&l.rib, n, &who)), 1);
    who.no_long_lived = true;
    CU_ASSERT_EQUAL(rib_best_for(&l.rib, n, &who), 0);
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 9 });
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_nva_of(&l, rib_best_for(&l.rib, n, &who)), 2);
    lab_close(&l);
}

static void test_without_memory_nothing_is_half_done(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct lab l;
        const struct lab_route r = { .nva = 1, .net = 1, .path_len = 1 };
        lab_open(&l, 8, true);
        lab_announce(&l, r);
        rib_stale_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
        alloc_fail_at(nth);
        int err = rib_sweep(&l.rib, UINT32_MAX, l.now_ms);
        failed = alloc_end();
        CU_ASSERT_EQUAL(err, failed ? BGP_ERR_NOMEM : 0);
        CU_ASSERT_TRUE(is_there(&l, &r));
        begin(&l, 1, BGP_IP4);
        CU_ASSERT_TRUE(marks(&l, &r) & BGP_MARK_LLGR_STALE);
        lab_close(&l);
    }
}

CU_MAIN("rib stale", CU_CASE(test_held_paths_of_a_family_are_marked_once_and_those_of_others_not),
        CU_CASE(test_a_marked_path_is_the_last_resort),
        CU_CASE(test_a_path_that_must_not_be_kept_is_withdrawn),
        CU_CASE(test_a_path_that_is_known_to_be_gone_does_not_come_back_by_its_mark),
        CU_CASE(test_what_is_marked_stays_unseen_until_it_is_heard_again),
        CU_CASE(test_a_path_that_was_marked_before_is_not_kept_against_its_word),
        CU_CASE(test_only_who_knows_them_is_told_of_long_lived_stale_routes),
        CU_CASE(test_without_memory_nothing_is_half_done))
