/* What is held of an NVA while nodes read another file one after the other, and say other things of it. */
#include "tests/lib/evidence_lab.h"

/* One session has ids for paths already (RFC 7911), the other one has none. */
static void test_a_withdrawal_by_all_ids_ends_a_copy_that_has_none_and_back(void)
{
    static const struct {
        uint32_t held, said[2];
    } rows[] = { { 0, { 1, 2 } }, { 1, { 0, 0 } } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint32_t *said = rows[i].said;
        struct ribs x;
        begin(&x);
        ribs_announce(&x, AWAY, FW, ROUTE, rows[i].held, 65001);
        ribs_announce(&x, SELF, FW, ROUTE, said[0], 65001);
        ribs_announce(&x, SELF, FW, ROUTE, said[1], 65001);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        ribs_withdraw(&x, SELF, FW, ROUTE, said[0], 2000);
        CU_ASSERT_EQUAL(width(&x), said[1] ? 1 : 0);
        if (said[1])
            ribs_withdraw(&x, SELF, FW, ROUTE, said[1], 2000);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);
    }
}

/* It is on its way yet, or on another node's stream: the other paths come behind the tombstone. */
static void test_a_session_that_has_not_told_all_withdraws_nothing_by_other_ids(void)
{
    struct ribs x;
    begin(&x);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCING, 2, 500);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 1, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, SELF, FW, ROUTE, 1, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    ribs_session(&x, SELF, FW, RIB_SESSION_SYNCED, 2, 3000);
    repl_evidence_synced(&x.rib, FW);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* A session without ids withdrew it, and the next one, which has some, announces it. */
static void test_what_was_withdrawn_before_there_were_ids_is_not_withdrawn_while_it_is_announced_by_them(void)
{
    for (uint32_t had = 0; had < 2; had++) {
        struct ribs x;
        begin(&x);
        ribs_announce(&x, AWAY, FW, ROUTE, had, 65001);
        ribs_announce(&x, SELF, FW, ROUTE, had, 65001);
        ribs_withdraw(&x, SELF, FW, ROUTE, had, 500);
        ribs_announce(&x, SELF, FW, ROUTE, !had, 65001);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        CU_ASSERT_EQUAL(width(&x), 1);
        CU_ASSERT_FALSE(ribs_path(&x, AWAY, FW, ROUTE, had)->flags & RIB_PATH_DISPROVED);
        ribs_withdraw(&x, SELF, FW, ROUTE, !had, 2000);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);
    }
}

/* Both have ids: then they are of the NVA, and the same on every session of it. */
static void test_a_withdrawal_by_another_id_ends_nothing(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 1, 65001);
    ribs_announce(&x, SELF, FW, ROUTE, 2, 65001);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    ribs_withdraw(&x, SELF, FW, ROUTE, 2, 2000);
    CU_ASSERT_EQUAL(width(&x), 1);
    rib_fini(&x.rib);
}

static bool is_withdrawn(struct ribs *x)
{
    struct ip_prefix p = ribs_prefix(ROUTE);
    decide(x);
    return rib_net_is_withdrawn(rib_net(&x->rib, prefix_table_find(&x->rib.nets, &p)));
}

/* The dead node had read another file, and its session with the NVA. */
static void test_nothing_is_held_of_an_nva_that_was_taken_out(void)
{
    struct ribs x;
    begin(&x);
    ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
    ribs_session(&x, SELF, FW, RIB_SESSION_DOWN, 1, 500);
    x.nvas[FW].is_taken_out = true;
    CU_ASSERT_EQUAL(width(&x), 1); /* it is another node's yet */
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 0);
    CU_ASSERT_TRUE(is_withdrawn(&x));
    rib_fini(&x.rib);
}

CU_MAIN("evidence_file", CU_CASE(test_a_withdrawal_by_all_ids_ends_a_copy_that_has_none_and_back),
        CU_CASE(test_a_session_that_has_not_told_all_withdraws_nothing_by_other_ids),
        CU_CASE(test_what_was_withdrawn_before_there_were_ids_is_not_withdrawn_while_it_is_announced_by_them),
        CU_CASE(test_a_withdrawal_by_another_id_ends_nothing),
        CU_CASE(test_nothing_is_held_of_an_nva_that_was_taken_out))
