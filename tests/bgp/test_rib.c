/* The RIB: paths, tombstones, sessions, incarnations, resets, and the life of a net. The counters and
 * orders are recounted from the paths themselves after every step of the random test. */
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"
#include "tests/lib/rib_random.h"

static const struct lab_route first = { .nva = 1, .net = 1, .path_len = 1 };
static const struct lab_route theirs = { .nva = 1, .node = 2, .net = 1, .path_len = 1 };

static const struct rib_origin *origin_of(const struct lab *l, uint8_t node)
{
    return &l->rib.origins[node];
}

/* ---- announce and withdraw ---- */

static void test_an_announced_path_is_found_with_its_attributes(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    const struct rib_path *p = rib_path(&l.rib, lab_path(&l, &first));
    CU_ASSERT(p->attrs != 0 && rib_path_net(&l.rib, p) == lab_net(&l, BGP_IP4, 1));
    CU_ASSERT_EQUAL(rib_path_class(&l.rib, p), RIB_LIVE);
    CU_ASSERT(rib_path_is_usable(&l.rib, p));
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 1);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->sessions[1].paths, 1);
    lab_close(&l);
}

static void test_an_announcement_replaces_the_one_before(void)
{
    struct lab l;
    struct lab_route longer = first;
    longer.path_len = 4;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    uint64_t before = vlist_head(&l.rib.origins[LAB_SELF].order);
    lab_announce(&l, longer);
    const struct rib_path *p = rib_path(&l.rib, lab_path(&l, &first));
    CU_ASSERT_EQUAL(bgp_attrs_get(&l.rib.attrs, p->attrs)->path_len, 4);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 1);
    CU_ASSERT_EQUAL(l.rib.attrs.records.count, 1); /* the old set went with its last path */
    CU_ASSERT(vlist_version(&origin_of(&l, LAB_SELF)->order, p->slot) > before);
    lab_close(&l);
}

static void test_what_was_said_before_changes_nothing(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_decide(&l);
    uint64_t head = vlist_head(&origin_of(&l, LAB_SELF)->order);
    lab_announce(&l, first);
    CU_ASSERT_EQUAL(rib_dirty_count(&l.rib), 0);
    CU_ASSERT_EQUAL(vlist_head(&origin_of(&l, LAB_SELF)->order), head);
    lab_close(&l);
}

static void test_paths_differ_by_node_nva_and_path_id(void)
{
    struct lab l;
    struct lab_route other = first;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    other.path_id = 7;
    lab_announce(&l, other);
    lab_announce(&l, theirs);
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1 });
    CU_ASSERT_EQUAL(lab_path_count(&l), 4);
    CU_ASSERT_EQUAL(prefix_table_count(&l.rib.nets), 1);
    lab_close(&l);
}

static void test_a_withdrawn_path_stays_as_a_tombstone_for_other_nodes(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_decide(&l);
    lab_withdraw(&l, first);
    const struct rib_path *p = rib_path(&l.rib, lab_path(&l, &first));
    CU_ASSERT_EQUAL(p->attrs, 0);
    CU_ASSERT_EQUAL(rib_path_class(&l.rib, p), RIB_GONE);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 0);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, 1);
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    CU_ASSERT(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))->flags & RIB_NET_WITHDRAWN);
    lab_close(&l);
}

static void test_a_single_node_keeps_no_tombstones(void)
{
    struct lab l;
    lab_open(&l, 8, false);
    lab_announce(&l, first);
    lab_decide(&l);
    lab_withdraw(&l, first);
    CU_ASSERT_EQUAL(lab_path_count(&l), 0);
    CU_ASSERT_EQUAL(l.rib.attrs.records.count, 0);
    CU_ASSERT(rib_net(&l.rib, lab_net(&l, BGP_IP4, 1))->flags & RIB_NET_WITHDRAWN);
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    lab_close(&l);
}

static void test_a_family_of_one_nva_is_withdrawn_and_nothing_else(void)
{
    for (int keep = 0; keep < 2; keep++) {
        struct lab l;
        lab_open(&l, 8, keep);
        for (uint32_t net = 1; net <= 5; net++) {
            lab_announce(&l, (struct lab_route){ .nva = 1, .net = net, .path_id = net, .path_len = 1 });
            lab_announce(&l, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
            lab_announce(&l, (struct lab_route){ .nva = 1, .net = net, .family = BGP_IP6, .path_len = 1 });
        }
        lab_announce(&l, theirs);
        rib_withdraw_family(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_sweep(&l);
        CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 10);
        CU_ASSERT_EQUAL(origin_of(&l, theirs.node)->paths, 1);
        CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, keep ? 5 : 0);
        rib_withdraw_family(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_sweep(&l);
        CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 10);
        lab_close(&l);
    }
}

static void test_an_unknown_withdrawal_leaves_a_tombstone_only_where_a_copy_exists(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_withdraw(&l, first);
    CU_ASSERT_EQUAL(lab_path_count(&l), 0);
    CU_ASSERT_EQUAL(lab_net(&l, BGP_IP4, 1), 0);
    lab_announce(&l, theirs);
    lab_withdraw(&l, first);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, 1);
    lab_close(&l);
}

static void test_an_announcement_takes_the_place_of_a_tombstone(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_withdraw(&l, first);
    lab_announce(&l, first);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->paths, 1);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, 0);
    rib_expire_tombstones(&l.rib, 0, UINT64_MAX, l.now_ms + 1000000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 1);
    lab_close(&l);
}

static void test_a_tombstone_goes_when_it_is_old_and_every_replica_has_it(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_withdraw(&l, first);
    uint64_t version = vlist_head(&origin_of(&l, LAB_SELF)->order);
    rib_expire_tombstones(&l.rib, 60000, version, l.now_ms + 59000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 1);
    rib_expire_tombstones(&l.rib, 60000, version - 1, l.now_ms + 61000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 1);
    rib_expire_tombstones(&l.rib, 60000, version, l.now_ms + 61000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 0);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->dropped, version);
    lab_close(&l);
}

/* A replica may hear of a session's routes before it hears whose they are. */
static void test_a_session_whose_identifier_becomes_known_is_decided_again(void)
{
    struct lab l;
    struct rib_change change;
    lab_open(&l, 8, true);
    l.rib.origins[2].sessions[1].identifier = 0;
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 1, .path_len = 2 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .node = 2, .net = 1, .path_len = 2 });
    for (uint32_t net; (net = rib_next_dirty(&l.rib));) {
        CU_ASSERT_EQUAL_FATAL(rib_decide(&l.rib, net, &change), 0);
        nhset_unref(&l.rib.sets, change.old_nhset);
    }
    struct rib_session fact = l.rib.origins[2].sessions[1];
    fact.identifier = 9;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&l.rib, 2, 1, &fact, l.now_ms), 0);
    lab_sweep(&l);
    uint32_t net = rib_next_dirty(&l.rib);
    CU_ASSERT_FATAL(net != 0);
    CU_ASSERT_EQUAL_FATAL(rib_decide(&l.rib, net, &change), 0);
    nhset_unref(&l.rib.sets, change.old_nhset);
    CU_ASSERT_EQUAL(rib_path(&l.rib, rib_best(rib_net(&l.rib, net)))->nva, 2);
    lab_close(&l);
}

static void withdraw_many(struct lab *l, uint32_t count)
{
    for (uint32_t net = 0; net < count; net++) {
        lab_announce(l, (struct lab_route){ .nva = 1, .net = net, .path_len = 2 });
        lab_withdraw(l, (struct lab_route){ .nva = 1, .net = net });
    }
}

/* Q2 */
static void test_many_tombstones_that_are_due_together_go_in_slices(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    withdraw_many(&l, RIB_TOMBS_BUDGET + 10);
    CU_ASSERT_TRUE(rib_expire_tombstones(&l.rib, 60000, UINT64_MAX, l.now_ms + 61000));
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, 10);
    CU_ASSERT_FALSE(rib_expire_tombstones(&l.rib, 60000, UINT64_MAX, l.now_ms + 61000));
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, 0);
    lab_close(&l);
}

static void test_no_reader_makes_tombstones_pile_up_for_ever(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    withdraw_many(&l, RIB_TOMBS_MAX + 5);
    while (rib_expire_tombstones(&l.rib, 60000, 0, l.now_ms)) /* none is old, and none was acknowledged */
        ;
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->tombstones, RIB_TOMBS_MAX);
    CU_ASSERT_TRUE(origin_of(&l, LAB_SELF)->dropped > 0);
    lab_close(&l);
}

/* ---- sessions ---- */

static void test_a_session_that_ends_takes_its_paths_along(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCING, 1);
    lab_announce(&l, first);
    lab_announce(&l, (struct lab_route){ .nva = 2, .net = 1, .path_len = 3 });
    lab_decide(&l);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_DOWN, 1);
    CU_ASSERT_EQUAL(lab_path(&l, &first), 0);
    CU_ASSERT_EQUAL(rib_session_paths(&origin_of(&l, LAB_SELF)->sessions[1]), 0);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->sessions[1].paths, 0);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->sessions[1].leaving, 0);
    CU_ASSERT_EQUAL(lab_decide(&l), 1);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 2);
    lab_close(&l);
}

static void test_a_new_generation_begins_empty(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, first);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCED, 1);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &first), 0);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCING, 2);
    CU_ASSERT_EQUAL(lab_path(&l, &first), 0);
    lab_close(&l);
}

/* Absence is concluded at a cut, and not where the first word of the new session stands. */
static void test_a_copy_of_a_new_generation_begins_empty_at_its_cut(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, theirs);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCING, 2);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &theirs), 0);
    rib_origin_drop_former(&l.rib, 2);
    CU_ASSERT_EQUAL(lab_path(&l, &theirs), 0);
    lab_close(&l);
}

static void test_a_fact_moves_in_the_order_and_is_there_once(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCING, 1);
    lab_announce(&l, first);
    lab_session(&l, LAB_SELF, 1, RIB_SESSION_SYNCED, 1);
    uint64_t at = 0;
    const struct vlist *order = &origin_of(&l, LAB_SELF)->order;
    CU_ASSERT_EQUAL(vlist_next(order, &at), lab_path(&l, &first));
    CU_ASSERT_EQUAL(vlist_next(order, &at), RIB_FACT | 1);
    CU_ASSERT_EQUAL(vlist_next(order, &at), 0);
    CU_ASSERT_EQUAL(origin_of(&l, LAB_SELF)->sessions[1].synced_ms, l.now_ms);
    lab_close(&l);
}

/* ---- incarnations and resets ---- */

static void test_an_origin_that_restarts_keeps_its_paths_as_old_ones(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCED, 1);
    lab_announce(&l, theirs);
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 2, .path_len = 1 });
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 2 });
    rib_origin_age(&l.rib, 2, l.now_ms);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(origin_of(&l, 2)->old, 1);
    CU_ASSERT_EQUAL(origin_of(&l, 2)->tombstones, 0); /* of a life that is over: proves nothing */
    CU_ASSERT_EQUAL(rib_path_class(&l.rib, rib_path(&l.rib, lab_path(&l, &theirs))), RIB_GRACE);
    CU_ASSERT_FALSE(origin_of(&l, 2)->sessions[1].listed);
    lab_close(&l);
}

static void test_old_paths_that_are_heard_again_are_current(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, theirs);
    lab_decide(&l);
    rib_origin_age(&l.rib, 2, l.now_ms);
    lab_announce(&l, theirs);
    CU_ASSERT_EQUAL(origin_of(&l, 2)->old, 0);
    CU_ASSERT_EQUAL(rib_path_class(&l.rib, rib_path(&l.rib, lab_path(&l, &theirs))), RIB_LIVE);
    lab_close(&l);
}

static void test_old_paths_not_heard_until_end_of_rib_are_gone(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, theirs);
    lab_announce(&l, (struct lab_route){ .nva = 2, .node = 2, .net = 5, .path_len = 1 });
    rib_origin_age(&l.rib, 2, l.now_ms);
    lab_session(&l, 2, 1, RIB_SESSION_SYNCED, 1);
    CU_ASSERT_EQUAL(lab_path(&l, &theirs), 0);
    lab_sweep(&l);
    CU_ASSERT_EQUAL(origin_of(&l, 2)->old, 1); /* another NVA's */
    lab_close(&l);
}

static void test_a_reset_stream_sweeps_what_it_does_not_bring(void)
{
    struct lab l;
    struct lab_route other = { .nva = 1, .node = 2, .net = 2, .path_len = 1 };
    lab_open(&l, 8, true);
    lab_announce(&l, theirs);
    lab_announce(&l, other);
    rib_origin_mark_unseen(&l.rib, 2);
    lab_announce(&l, theirs);
    rib_origin_drop_unseen(&l.rib, 2);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &theirs), 0);
    CU_ASSERT_EQUAL(lab_path(&l, &other), 0);
    lab_close(&l);
}

/* RFC 7313 section 4. */
static void test_a_refresh_withdraws_what_did_not_come_again(void)
{
    struct lab l;
    struct lab_route again = { .nva = 1, .net = 2, .path_len = 1 };
    struct lab_route six = { .nva = 1, .net = 1, .family = BGP_IP6 };
    struct lab_route neighbour = { .nva = 2, .net = 1 };
    for (int keep_tombstones = 0; keep_tombstones < 2; keep_tombstones++) {
        lab_open(&l, 8, keep_tombstones);
        lab_announce(&l, first);
        lab_announce(&l, again);
        lab_announce(&l, six);
        lab_announce(&l, neighbour);
        rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_announce(&l, again);
        rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_sweep(&l);
        uint32_t gone = lab_path(&l, &first);
        CU_ASSERT(keep_tombstones ? gone && !rib_path(&l.rib, gone)->attrs : !gone);
        CU_ASSERT(lab_path(&l, &again) && lab_path(&l, &six) && lab_path(&l, &neighbour));
        rib_refresh_ends(&l.rib, LAB_SELF, 1, BGP_IP4);
        lab_sweep(&l);
        CU_ASSERT_NOT_EQUAL(lab_path(&l, &again), 0); /* an end without a beginning sweeps nothing */
        lab_close(&l);
    }
}

/* Its place says that it was heard since; who follows the order as what a session says hears of it, too. */
static void test_what_is_heard_again_after_a_mark_moves_once(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    rib_refresh_begins(&l.rib, LAB_SELF, 1, BGP_IP4);
    CU_ASSERT_TRUE(rib_path_is_unheard(&l.rib, rib_path(&l.rib, lab_path(&l, &first))));
    uint64_t before = vlist_head(&origin_of(&l, LAB_SELF)->order);
    lab_announce(&l, first);
    CU_ASSERT_FALSE(rib_path_is_unheard(&l.rib, rib_path(&l.rib, lab_path(&l, &first))));
    CU_ASSERT_EQUAL(vlist_head(&origin_of(&l, LAB_SELF)->order), before + 1);
    lab_announce(&l, first);
    CU_ASSERT_EQUAL(vlist_head(&origin_of(&l, LAB_SELF)->order), before + 1);
    lab_close(&l);
}

static void test_a_verdict_that_changes_moves_its_path_for_monitors(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    l.nvas[1].keep = 1;
    limit_init(&l.rib.limits[1], &l.rib.nets, 1);
    l.rib.is_monitored = true;
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 2 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 1 }); /* the first of the two is kept */
    uint64_t at = 0;
    const struct vlist *order = &l.rib.origins[LAB_SELF].order;
    const struct rib_path *kept = rib_path(&l.rib, vlist_next(order, &at));
    const struct rib_path *over = rib_path(&l.rib, vlist_next(order, &at));
    CU_ASSERT_EQUAL(rib_path_net(&l.rib, kept), lab_net(&l, BGP_IP4, 1));
    CU_ASSERT_EQUAL(rib_path_verdict(kept), POLICY_ACCEPTED);
    CU_ASSERT_EQUAL(rib_path_net(&l.rib, over), lab_net(&l, BGP_IP4, 2)); /* announced first, moved behind */
    CU_ASSERT_EQUAL(rib_path_verdict(over), POLICY_OVER_LIMIT);
    lab_close(&l);
}

static void test_rehabilitation_voids_what_evidence_held_against_it(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, theirs);
    lab_decide(&l);
    struct rib_path *p = rib_path(&l.rib, lab_path(&l, &theirs));
    p->flags |= RIB_PATH_DISPROVED;
    rib_mark_dirty(&l.rib, rib_path_net(&l.rib, p));
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), -1);
    rib_origin_rehabilitate(&l.rib, 2);
    lab_decide(&l);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 1);
    lab_close(&l);
}

static void test_dropping_an_origin_touches_no_other(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    lab_announce(&l, first);
    lab_announce(&l, theirs);
    rib_origin_drop(&l.rib, 2, RIB_ANY);
    CU_ASSERT_EQUAL(lab_path(&l, &theirs), 0);
    lab_sweep(&l);
    CU_ASSERT_NOT_EQUAL(lab_path(&l, &first), 0);
    CU_ASSERT_EQUAL(vlist_head(&origin_of(&l, 2)->order), 1);
    CU_ASSERT_EQUAL(origin_of(&l, 2)->order.live, 0);
    lab_close(&l);
}

/* ---- the life of a net ---- */

/* Of what a kernel had when we started, more than the RIB has ever known. */
static void test_nets_that_targets_brought_are_announced_and_released_as_others(void)
{
    enum { INHERITED = 5000 };
    struct lab l;
    lab_open(&l, 8, true);
    uint32_t last = 0;
    for (uint32_t i = 0; i < INHERITED; i++) {
        const struct ip_prefix p = { .family = BGP_IP4, .len = 32, .bytes = { 10, 9, (uint8_t)(i >> 8), (uint8_t)i } };
        last = prefix_table_get(&l.rib.nets, &p);
    }
    rib_net_released(&l.rib, last);
    CU_ASSERT_EQUAL(rib_next_dying(&l.rib, UINT64_MAX), last);
    const uint8_t field[] = { 32, 10, 9, (INHERITED - 1) >> 8, (INHERITED - 1) & 255 };
    struct bgp_nlri nlri = { .at = field, .len = sizeof field, .family = BGP_IP4 };
    struct rib_stretch stretch;
    const uint32_t attrs = lab_attrs(&l, &first);
    const struct rib_news news = rib_news(&l.rib, LAB_SELF, 1, attrs);
    CU_ASSERT_TRUE_FATAL(rib_next_stretch(&l.rib, &nlri, &stretch));
    rib_expect(&l.rib, &stretch);
    CU_ASSERT_EQUAL(rib_announce_news(&l.rib, &news, &stretch, 0), 0);
    CU_ASSERT_EQUAL(rib_next_dirty(&l.rib), last);
    bgp_attrs_unref(&l.rib.attrs, attrs);
    lab_close(&l);
}

/* More nets than the queues have room for so far, one of them twice. */
static void test_a_stretch_is_announced_and_withdrawn_at_once(void)
{
    enum { BEFORE = 64 * 64 - 4, SOME = 32, HOST = 5 };
    uint8_t field[(SOME + 1) * HOST];
    for (size_t i = 0; i <= SOME; i++)
        memcpy(field + i * HOST, (const uint8_t[]){ 32, 10, 8, 0, i ? (uint8_t)i : 1 }, HOST);
    for (int keep = 0; keep < 2; keep++) {
        struct lab l;
        struct rib_stretch s;
        struct bgp_nlri nlri = { .at = field, .len = sizeof field, .family = BGP_IP4 };
        lab_open(&l, 8, keep);
        const uint32_t attrs = lab_attrs(&l, &first);
        const struct rib_news news = rib_news(&l.rib, LAB_SELF, 1, attrs);
        const struct rib_session *session = &origin_of(&l, LAB_SELF)->sessions[1];
        for (uint32_t i = 0; i < BEFORE; i++)
            lab_announce(&l, (struct lab_route){ .nva = 2, .net = i, .path_len = 1 });
        lab_decide(&l);
        CU_ASSERT_TRUE_FATAL(rib_next_stretch(&l.rib, &nlri, &s));
        CU_ASSERT_EQUAL(s.count, SOME + 1);
        rib_expect(&l.rib, &s);
        CU_ASSERT_EQUAL(rib_announce_all(&l.rib, &news, &s), 0);
        CU_ASSERT_EQUAL(session->paths, SOME);
        CU_ASSERT_EQUAL(rib_dirty_count(&l.rib), SOME);
        rib_expect(&l.rib, &s);
        CU_ASSERT_EQUAL(rib_withdraw_all(&l.rib, 1, &s, 0), 0);
        CU_ASSERT_EQUAL(session->paths, 0);
        CU_ASSERT_EQUAL(session->tombstones, keep ? SOME : 0);
        bgp_attrs_unref(&l.rib.attrs, attrs);
        lab_close(&l);
    }
}

static void test_a_net_waits_once_however_often_it_changes(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint8_t i = 1; i < 6; i++)
        lab_announce(&l, (struct lab_route){ .nva = i, .net = 1, .path_len = 1 });
    CU_ASSERT_EQUAL(rib_dirty_count(&l.rib), 1);
    CU_ASSERT_EQUAL(rib_next_dirty(&l.rib), lab_net(&l, BGP_IP4, 1));
    CU_ASSERT_EQUAL(rib_next_dirty(&l.rib), 0);
    lab_close(&l);
}

static void test_an_empty_net_goes_when_every_reader_knows(void)
{
    struct lab l;
    lab_open(&l, 8, false);
    lab_announce(&l, first);
    lab_decide(&l);
    uint64_t reader = vlist_head(&l.rib.loc);
    lab_withdraw(&l, first);
    CU_ASSERT_EQUAL(rib_next_dying(&l.rib, UINT64_MAX), 0); /* not decided yet */
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_next_dying(&l.rib, reader), 0); /* somebody has yet to hear of it */
    uint32_t net = rib_next_dying(&l.rib, vlist_head(&l.rib.loc));
    CU_ASSERT_EQUAL_FATAL(net, lab_net(&l, BGP_IP4, 1));
    rib_net_keep(&l.rib, net);
    CU_ASSERT_EQUAL(rib_next_dying(&l.rib, UINT64_MAX), net);
    rib_net_free(&l.rib, net);
    CU_ASSERT_EQUAL(prefix_table_count(&l.rib.nets), 0);
    CU_ASSERT_EQUAL(l.rib.loc.live, 0);
    lab_close(&l);
}

static void test_an_empty_net_that_comes_back_does_not_die(void)
{
    struct lab l;
    lab_open(&l, 8, false);
    lab_announce(&l, first);
    lab_decide(&l);
    lab_withdraw(&l, first);
    lab_decide(&l);
    lab_announce(&l, first);
    lab_decide(&l);
    CU_ASSERT_EQUAL(rib_next_dying(&l.rib, UINT64_MAX), 0);
    CU_ASSERT_EQUAL(lab_best(&l, 1), 1);
    lab_close(&l);
}

/* ---- all of it at random, recounted ---- */

static void test_counters_and_orders_agree_with_the_paths_whatever_happens(void)
{
    for (uint64_t round = 0; round < 4; round++) {
        struct lab l;
        uint64_t seed = round + 1;
        lab_open(&l, 4, round % 2 == 0);
        for (int step = 0; step < RIB_RANDOM_STEPS; step++) {
            l.now_ms += 100;
            rib_random_step(&l, &seed);
            if (rib_random_below(&seed, 4) == 0) {
                lab_decide(&l);
                rib_random_reap(&l);
            }
            if (step % 16 == 0)
                rib_random_check(&l);
        }
        for (uint8_t o = 1; o <= RIB_RANDOM_NODES; o++)
            rib_origin_drop(&l.rib, o, RIB_ANY);
        lab_decide(&l);
        rib_random_reap(&l);
        CU_ASSERT_EQUAL(lab_path_count(&l), 0);
        CU_ASSERT_EQUAL(l.rib.attrs.records.count, 0);
        CU_ASSERT_EQUAL(l.rib.sets.sets.count, 0);
        CU_ASSERT_EQUAL(prefix_table_count(&l.rib.nets), 0);
        lab_close(&l);
    }
}

/* A million are withdrawn within one second, and their tombstones are due within another. */
static void test_tombstones_expire_so_many_a_call(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint32_t i = 0; i < RIB_TOMBS_BUDGET + 30; i++) {
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
        lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = i });
    }
    rib_expire_tombstones(&l.rib, 1000, UINT64_MAX, l.now_ms + 5000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 30);
    rib_expire_tombstones(&l.rib, 1000, UINT64_MAX, l.now_ms + 5000);
    CU_ASSERT_EQUAL(lab_path_count(&l), 0);
    lab_close(&l);
}

static void test_memory_is_accounted_for(void)
{
    struct lab l;
    lab_open(&l, 8, true);
    for (uint32_t i = 0; i < 20000; i++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = i, .path_len = 1 });
    lab_decide(&l);
    struct rib_memory m = rib_memory(&l.rib);
    CU_ASSERT(m.nets > 20000 * sizeof(struct rib_net));
    CU_ASSERT(m.paths >= 20000 * sizeof(struct rib_path));
    CU_ASSERT(m.orders > 20000 * 2 / 8 && m.orders < 20000 * 2); /* in order: a bit each */
    CU_ASSERT(m.attrs > 0 && m.attrs < 1 << 20 /* one set, one block */);
    lab_close(&l);
}

CU_MAIN("rib", CU_CASE(test_nets_that_targets_brought_are_announced_and_released_as_others),
        CU_CASE(test_an_announced_path_is_found_with_its_attributes),
        CU_CASE(test_an_announcement_replaces_the_one_before),
        CU_CASE(test_what_was_said_before_changes_nothing),
        CU_CASE(test_paths_differ_by_node_nva_and_path_id),
        CU_CASE(test_a_withdrawn_path_stays_as_a_tombstone_for_other_nodes),
        CU_CASE(test_a_single_node_keeps_no_tombstones),
        CU_CASE(test_a_family_of_one_nva_is_withdrawn_and_nothing_else),
        CU_CASE(test_an_unknown_withdrawal_leaves_a_tombstone_only_where_a_copy_exists),
        CU_CASE(test_an_announcement_takes_the_place_of_a_tombstone),
        CU_CASE(test_a_tombstone_goes_when_it_is_old_and_every_replica_has_it),
        CU_CASE(test_a_session_whose_identifier_becomes_known_is_decided_again),
        CU_CASE(test_many_tombstones_that_are_due_together_go_in_slices),
        CU_CASE(test_no_reader_makes_tombstones_pile_up_for_ever),
        CU_CASE(test_a_session_that_ends_takes_its_paths_along),
        CU_CASE(test_a_new_generation_begins_empty),
        CU_CASE(test_a_copy_of_a_new_generation_begins_empty_at_its_cut),
        CU_CASE(test_a_fact_moves_in_the_order_and_is_there_once),
        CU_CASE(test_an_origin_that_restarts_keeps_its_paths_as_old_ones),
        CU_CASE(test_old_paths_that_are_heard_again_are_current),
        CU_CASE(test_old_paths_not_heard_until_end_of_rib_are_gone),
        CU_CASE(test_a_reset_stream_sweeps_what_it_does_not_bring),
        CU_CASE(test_a_refresh_withdraws_what_did_not_come_again),
        CU_CASE(test_what_is_heard_again_after_a_mark_moves_once),
        CU_CASE(test_a_verdict_that_changes_moves_its_path_for_monitors),
        CU_CASE(test_rehabilitation_voids_what_evidence_held_against_it),
        CU_CASE(test_dropping_an_origin_touches_no_other),
        CU_CASE(test_a_stretch_is_announced_and_withdrawn_at_once),
        CU_CASE(test_a_net_waits_once_however_often_it_changes),
        CU_CASE(test_an_empty_net_goes_when_every_reader_knows),
        CU_CASE(test_an_empty_net_that_comes_back_does_not_die),
        CU_CASE(test_counters_and_orders_agree_with_the_paths_whatever_happens),
        CU_CASE(test_tombstones_expire_so_many_a_call),
        CU_CASE(test_memory_is_accounted_for))
