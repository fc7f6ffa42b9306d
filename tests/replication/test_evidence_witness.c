/* Whose word counts: sessions of nodes that lag, of before a pause, without a family. What the words are: test_evidence.c. */
#include "tests/lib/evidence_lab.h"

/* The route is announced to the node that goes, and to the witness. */
static void begin_with(struct ribs *x, uint8_t witness)
{
    begin(x);
    ribs_session(x, witness, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_announce(x, AWAY, FW, ROUTE, 0, 65001);
    ribs_announce(x, witness, FW, ROUTE, 0, 65001);
}

/* S4. Once it reads in time again, what it said counts. */
static void test_a_node_that_lags_gives_no_evidence_until_it_has_caught_up(void)
{
    struct ribs x;
    begin_with(&x, THIRD);
    repl_evidence_lags(&x.rib, THIRD, true);
    ribs_withdraw(&x, THIRD, FW, ROUTE, 0, 900);
    repl_evidence_lost(&x.rib, AWAY, 1000);
    CU_ASSERT_EQUAL(width(&x), 1);
    repl_evidence_lags(&x.rib, THIRD, false);
    CU_ASSERT_EQUAL(width(&x), 0);
    rib_fini(&x.rib);
}

/* This process has slept: what it knows of the other node's session, or of its own, may be what was true before. */
static void test_what_was_said_before_we_slept_is_no_evidence_until_its_node_is_heard(void)
{
    for (uint8_t witness = SELF; witness <= THIRD; witness += THIRD - SELF) {
        struct ribs x;
        begin_with(&x, witness);
        ribs_withdraw(&x, witness, FW, ROUTE, 0, 900);
        repl_evidence_slept(&x.rib, witness);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        CU_ASSERT_EQUAL(width(&x), 1);
        CU_ASSERT_TRUE(repl_evidence_is_healing(&x.rib)); /* another node would find something else */
        repl_evidence_heard(&x.rib, witness);
        CU_ASSERT_EQUAL(width(&x), 0);
        CU_ASSERT_FALSE(repl_evidence_is_healing(&x.rib));
        rib_fini(&x.rib);
    }
}

/* It reads on, and what the NVA says now it has said since. Of another node that is not sure before that was heard again. */
static void test_what_is_said_to_us_since_we_slept_is_evidence_at_once(void)
{
    for (uint8_t witness = SELF; witness <= THIRD; witness += THIRD - SELF) {
        uint32_t left = witness == SELF ? 0 : 1;
        struct ribs x;
        begin_with(&x, witness);
        repl_evidence_slept(&x.rib, witness);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        ribs_withdraw(&x, witness, FW, ROUTE, 0, 1100);
        CU_ASSERT_EQUAL(width(&x), left);
        repl_evidence_heard(&x.rib, witness);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);

        begin(&x);
        ribs_session(&x, witness, FW, RIB_SESSION_SYNCING, 1, 100);
        ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
        repl_evidence_slept(&x.rib, witness);
        repl_evidence_slept(&x.rib, AWAY);
        repl_evidence_lost(&x.rib, AWAY, 1000);
        CU_ASSERT_EQUAL(width(&x), 1);
        ribs_session(&x, witness, FW, RIB_SESSION_SYNCED, 1, 1100);
        repl_evidence_synced(&x.rib, FW);
        CU_ASSERT_EQUAL(width(&x), left);
        repl_evidence_heard(&x.rib, witness);
        CU_ASSERT_EQUAL(width(&x), 0);
        rib_fini(&x.rib);
    }
}

/* Its file has lost the family, or its node never had it: neither what is gone with an earlier session nor an End-of-RIB is the
 * NVA's word on those routes. */
static void test_a_session_says_nothing_of_a_family_that_it_has_not(void)
{
    static const struct { uint8_t families; bool speaks; } sessions[] = {
        { 1 << BGP_IP6, false }, { 1 << BGP_IP4, true }, { 1 << BGP_IP4 | 1 << BGP_IP6, true }, { 0, true },
    };
    const struct ip_prefix route = ribs_prefix(ROUTE);
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++)
        for (int has_tombstone = 0; has_tombstone < 2; has_tombstone++) {
            struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1, .families = sessions[i].families };
            struct ribs x;
            ribs_init(&x, SELF);
            CU_ASSERT_EQUAL_FATAL(rib_session_set(&x.rib, THIRD, FW, &fact, has_tombstone ? 100 : 2000), 0);
            ribs_announce(&x, AWAY, FW, ROUTE, 0, 65001);
            if (has_tombstone) {
                ribs_announce(&x, THIRD, FW, ROUTE, 0, 65001);
                ribs_withdraw(&x, THIRD, FW, ROUTE, 0, 900);
            }
            repl_evidence_lost(&x.rib, AWAY, 1000);
            CU_ASSERT_EQUAL(width(&x), !sessions[i].speaks);
            uint32_t net = prefix_table_find(&x.rib.nets, &route);
            CU_ASSERT_EQUAL(repl_evidence_is_withdrawn(&x.rib, net, FW, AWAY), sessions[i].speaks);
            CU_ASSERT_EQUAL(repl_evidence_word(&x.rib, net, FW) == REPL_WITHDRAWN, sessions[i].speaks && has_tombstone);
            rib_fini(&x.rib);
        }
}

static void test_what_this_node_was_not_told_it_does_not_know_of_a_family_that_its_session_has_not(void)
{
    const struct ip_prefix route = ribs_prefix(ROUTE);
    for (uint8_t families = 1; families < 1 << BGP_FAMILIES; families++) {
        struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1, .families = families };
        struct ribs x;
        ribs_init(&x, SELF);
        CU_ASSERT_EQUAL_FATAL(rib_session_set(&x.rib, SELF, FW, &fact, 100), 0);
        uint32_t net = prefix_table_get(&x.rib.nets, &route);
        CU_ASSERT_EQUAL(repl_evidence_word(&x.rib, net, FW), families & 1 << BGP_IP4 ? REPL_UNTOLD : REPL_UNKNOWN);
        x.nvas[FW].symmetric = false; /* it may have told another node */
        CU_ASSERT_EQUAL(repl_evidence_word(&x.rib, net, FW), REPL_UNKNOWN);
        rib_fini(&x.rib);
    }
}

CU_MAIN("evidence_witness", CU_CASE(test_a_node_that_lags_gives_no_evidence_until_it_has_caught_up),
        CU_CASE(test_what_was_said_before_we_slept_is_no_evidence_until_its_node_is_heard),
        CU_CASE(test_what_is_said_to_us_since_we_slept_is_evidence_at_once),
        CU_CASE(test_a_session_says_nothing_of_a_family_that_it_has_not),
        CU_CASE(test_what_this_node_was_not_told_it_does_not_know_of_a_family_that_its_session_has_not))
