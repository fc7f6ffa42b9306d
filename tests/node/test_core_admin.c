/* One NVA in an administrator's hands: disabled, enabled, cleared. */
#include "node/core/core.h"

#include "bgp/codec/notification.h"
#include "tests/lib/core_lab.h"

#define AGREED  GRACEFUL("4078", "80") /* routes outlive a NOTIFICATION (RFC 8538) */
#define REFRESH "0200"                 /* capability, RFC 2918 */

static bool is_up(const struct lab *l, int player)
{
    return l->players[player].pump != NULL;
}

static void test_a_disabled_peer_hears_why_and_stays_away(void)
{
    char text[BGP_NOTIFICATION_TEXT + 1];
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    CU_ASSERT_EQUAL(core_peer_disable(l->core, "talker", "swap", l->now), CORE_ACT_DONE);
    turn(l);
    CU_ASSERT_FALSE(is_up(l, TALKER));
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_STRING_EQUAL(bgp_notification_text(&l->players[TALKER].told, text), "swap");
    CU_ASSERT_FALSE(listener_has(l));
    pass(l, 60);
    CU_ASSERT_TRUE(is_rejected(l, TALKER));
    CU_ASSERT_TRUE(is_up(l, LISTENER));
    CU_ASSERT_EQUAL(core_peer_enable(l->core, "talker", l->now), CORE_ACT_DONE);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_routes_that_were_held_go_with_a_disabled_peer(void)
{
    struct lab *l = lab_told("", AGREED);
    hang_up(l, TALKER);
    CU_ASSERT_TRUE(listener_has(l));
    core_peer_disable(l->core, "talker", NULL, l->now);
    turn(l);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_reset_keeps_routes_where_that_was_agreed_on_and_a_hard_one_nowhere(void)
{
    static const struct {
        const char *open;
        enum core_clear how;
        uint8_t said;
        bool kept;
    } cases[] = { { OPEN("fde9", "02"), CORE_CLEAR_RESET, BGP_ADMIN_RESET, false },
                  { OPEN("fde9", "02"), CORE_CLEAR_HARD, BGP_ADMIN_RESET, false },
                  { AGREED, CORE_CLEAR_RESET, BGP_ADMIN_RESET, true },
                  { AGREED, CORE_CLEAR_HARD, BGP_HARD_RESET, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab *l = lab_told("", cases[i].open);
        CU_ASSERT_EQUAL(core_peer_clear(l->core, "talker", cases[i].how, l->now), CORE_ACT_DONE);
        turn(l);
        CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, cases[i].said);
        CU_ASSERT_EQUAL(listener_has(l), cases[i].kept);
        CU_ASSERT_FALSE(is_rejected(l, TALKER)); /* it may come back at once */
        lab_close(l);
    }
}

static void test_soft_in_asks_for_the_peers_routes(void)
{
    struct lab *l = lab_told("", HEADER("0021", "01") "04 fde9 0000 0a000002 04 02 02" REFRESH);
    CU_ASSERT_EQUAL(core_peer_clear(l->core, "talker", CORE_CLEAR_SOFT_IN, l->now), CORE_ACT_DONE);
    turn(l);
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 1);
    CU_ASSERT_TRUE(is_up(l, TALKER));
    CU_ASSERT_EQUAL(core_peer_clear(l->core, "listener", CORE_CLEAR_SOFT_IN, l->now), CORE_ACT_NO_REFRESH);
    lab_close(l);
}

static void test_soft_out_tells_the_peer_everything_once_more(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    CU_ASSERT_EQUAL(core_peer_clear(l->core, "listener", CORE_CLEAR_SOFT_OUT, l->now), CORE_ACT_DONE);
    turn(l);
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 2);
    lab_close(l);
}

static void test_what_cannot_be_done_is_refused(void)
{
    struct lab *l = lab_open(", disabled: true");
    CU_ASSERT_EQUAL(core_peer_disable(l->core, "nobody", NULL, l->now), CORE_ACT_UNKNOWN);
    CU_ASSERT_EQUAL(core_peer_enable(l->core, "talker", l->now), CORE_ACT_NOT_HERE);
    CU_ASSERT_EQUAL(core_peer_clear(l->core, "listener", CORE_CLEAR_HARD, l->now), CORE_ACT_NOT_UP);
    core_stop(l->core, l->now);
    turn(l);
    CU_ASSERT_EQUAL(core_peer_disable(l->core, "listener", NULL, l->now), CORE_ACT_STOPPING);
    lab_close(l);
}

CU_MAIN("core admin", CU_CASE(test_a_disabled_peer_hears_why_and_stays_away),
        CU_CASE(test_routes_that_were_held_go_with_a_disabled_peer),
        CU_CASE(test_a_reset_keeps_routes_where_that_was_agreed_on_and_a_hard_one_nowhere),
        CU_CASE(test_soft_in_asks_for_the_peers_routes),
        CU_CASE(test_soft_out_tells_the_peer_everything_once_more),
        CU_CASE(test_what_cannot_be_done_is_refused))
