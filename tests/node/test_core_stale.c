/* Long-lived graceful restart, the helper's side (RFC 9494 section 4.2). */
#include "node/core/core.h"

#include "bgp/bfd/bfd_set.h"
#include "tests/lib/core_lab.h"

/* GR and LLGR for IPv4: restart time 120 s and flags as given, stale time 0e10 = 3600 s. */
#define LONG_LIVED(gr_flags, gr_f, ll_f)                                                           \
    HEADER("0030", "01") "04 fde9 0000 0a000002 13 02 11 40 06" gr_flags "0001 01" gr_f            \
                         "47 07 0001 01" ll_f "000e10"
#define USUAL        LONG_LIVED("0078", "80", "80")
#define BACK         LONG_LIVED("8078", "80", "80")
#define ROUTE_NO_LLGR                                                                              \
    HEADER("0034", "02") "0000 0019 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"           \
                         "c0 08 04 ffff0007 18 c0a801"
/* The listener knows stale routes, too. */
#define KNOWING      HEADER("0025", "01") "04 fdea 0000 0a000003 08 02 06 40 02 0078 47 00"
/* Both families in LLGR, IPv6 only in GR. */
#define IP6_ONLY_IN_GR                                                                             \
    HEADER("0043", "01") "04 fde9 0000 0a000002 26 02 24 01 04 00010001 01 04 00020001"            \
                         "40 06 0078 0002 01 80  47 0e 0001 01 80 000e10 0002 01 80 000e10"
#define ON           ", longLivedGracefulRestart: 1h"

static bool is_marked(const struct lab *l)
{
    return l->players[LISTENER].marks & BGP_MARK_LLGR_STALE;
}

/* The talker has told its route. The listener is a reader that knows long-lived stale routes, or not. */
static struct lab *lab_up(const char *keys, const char *open, const char *route, bool knows)
{
    struct lab *l = lab_open(keys);
    come_up(l, LISTENER, knows ? KNOWING : OPEN("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    come_up(l, TALKER, open);
    say(l, TALKER, route);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_TRUE_FATAL(listener_has(l));
    return l;
}

/* … and then was away for so many seconds. */
static struct lab *lab_away(const char *keys, const char *open, const char *route, bool knows, unsigned seconds)
{
    struct lab *l = lab_up(keys, open, route, knows);
    hang_up(l, TALKER);
    pass(l, seconds);
    return l;
}

static void test_after_the_restart_time_routes_are_marked_and_kept_for_the_stale_time(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE, true, 119);
    CU_ASSERT_TRUE(listener_has(l) && !is_marked(l));
    pass(l, 2);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    pass(l, 3590);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 15);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static uint8_t held(const struct lab *l, uint64_t *until_ms)
{
    struct core_peer_view view;
    CU_ASSERT_TRUE_FATAL(core_peer_view(l->core, 0, &view));
    *until_ms = view.held_until_ms;
    return view.held;
}

static void test_what_is_held_and_how_long_can_be_seen(void)
{
    uint64_t until;
    struct lab *l = lab_away(ON, USUAL, ROUTE, true, 1);
    CU_ASSERT_EQUAL(held(l, &until), CORE_HELD_RESTART);
    CU_ASSERT_EQUAL(until, l->now + 119000);
    pass(l, 120);
    CU_ASSERT_EQUAL(held(l, &until), CORE_HELD_STALE);
    CU_ASSERT_TRUE(until > l->now + 3590000 && until <= l->now + 3600000);
    come_up(l, TALKER, BACK);
    CU_ASSERT_EQUAL(held(l, &until), CORE_HELD_UNTIL_TOLD);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_EQUAL(held(l, &until), CORE_HELD_NOT);
    lab_close(l);
}

static void test_the_shorter_of_both_stale_times_counts(void)
{
    struct lab *l = lab_away(", longLivedGracefulRestart: 60s", USUAL, ROUTE, true, 175);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    pass(l, 10);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_who_does_not_know_stale_routes_is_told_that_they_are_gone(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE, false, 119);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 2);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_without_the_setting_routes_go_after_the_restart_time(void)
{
    struct lab *l = lab_away("", USUAL, ROUTE, true, 122);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_routes_that_must_not_be_kept_go_after_the_restart_time(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE_NO_LLGR, true, 119);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 2);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_restart_time_of_zero_leads_to_stale_routes_at_once(void)
{
    struct lab *l = lab_away(ON, LONG_LIVED("0000", "80", "80"), ROUTE, true, 1);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    lab_close(l);
}

static void test_a_peer_that_is_back_tells_its_routes_anew_and_the_mark_goes(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE, true, 300);
    come_up(l, TALKER, BACK);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    say(l, TALKER, ROUTE);
    CU_ASSERT_TRUE(listener_has(l) && !is_marked(l));
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    pass(l, 4000);
    CU_ASSERT_TRUE(listener_has(l)); /* no timer is left behind */
    lab_close(l);
}

static void test_what_it_does_not_tell_again_goes_at_its_end_of_rib(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE, true, 300);
    come_up(l, TALKER, BACK);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_that_does_not_forward_any_more_loses_its_stale_routes_when_it_is_back(void)
{
    static const char *const opens[] = { LONG_LIVED("8078", "80", "00"), GRACEFUL("8078", "80"),
                                         OPEN("fde9", "02") };
    for (int i = 0; i < 3; i++) {
        struct lab *l = lab_away(ON, USUAL, ROUTE, true, 300);
        come_up(l, TALKER, opens[i]);
        CU_ASSERT_FALSE(listener_has(l));
        lab_close(l);
    }
}

static void test_the_stale_time_goes_on_through_a_session_that_does_not_last(void)
{
    struct lab *l = lab_away(ON, USUAL, ROUTE, true, 300);
    come_up(l, TALKER, BACK);
    pass(l, 1);
    hang_up(l, TALKER);
    pass(l, 3300);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    pass(l, 130); /* 3720 s after the end of the first session, not of the second */
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_the_stale_time_goes_on_while_the_peer_tells_its_routes(void)
{
    struct lab *l = lab_away(", longLivedGracefulRestart: 60s", USUAL, ROUTE, true, 170);
    come_up(l, TALKER, BACK);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 11);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
    lab_close(l);
}

/* It ended while this node slept; what the peer told meanwhile is read in a moment. */
static void test_the_stale_time_is_not_over_before_the_peer_was_heard_out(void)
{
    struct lab *l = lab_away(", longLivedGracefulRestart: 60s", USUAL, ROUTE, true, 170);
    come_up(l, TALKER, BACK);
    l->now += 20000;
    turn(l);
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    pass(l, 5);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_a_family_that_is_not_listed_for_a_restart_has_no_time_for_one(void)
{
    uint64_t until;
    struct lab *l = lab_away(ON, IP6_ONLY_IN_GR, ROUTE, true, 1);
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    CU_ASSERT_EQUAL(held(l, &until), CORE_HELD_RESTART); /* the other one has */
    CU_ASSERT_EQUAL(until, l->now + 119000);
    pass(l, 3590);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 15);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_time_for_the_other_family_is_none_for_this_one(void)
{
    struct lab *l = lab_away(", longLivedGracefulRestart: { ipv6: 1h }", IP6_ONLY_IN_GR, ROUTE, true, 1);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_what_a_session_told_that_outlived_the_stale_time_goes_with_it_unless_it_told_all(void)
{
    for (int told_all = 0; told_all < 2; told_all++) {
        struct lab *l = lab_away(", longLivedGracefulRestart: 60s", USUAL, ROUTE, true, 170);
        come_up(l, TALKER, BACK);
        say(l, TALKER, ROUTE);
        pass(l, 11);
        CU_ASSERT_TRUE(listener_has(l) && !is_marked(l));
        if (told_all)
            say(l, TALKER, END_OF_RIB);
        hang_up(l, TALKER);
        CU_ASSERT_EQUAL(listener_has(l), told_all);
        lab_close(l);
    }
}

static void test_the_end_of_the_stale_time_ends_all_that_a_peer_told_which_is_away(void)
{
    struct lab *l = lab_away(", longLivedGracefulRestart: 60s", USUAL, ROUTE, true, 170);
    come_up(l, TALKER, BACK);
    say(l, TALKER, ROUTE);
    hang_up(l, TALKER);
    pass(l, 8);
    CU_ASSERT_TRUE(listener_has(l) && !is_marked(l)); /* within the time of another restart */
    pass(l, 4);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* BFD of the talker was up, and fails. */
static void bfd_fails(struct lab *l)
{
    struct bfd_view view = { .state = BFD_UP, .remote_state = BFD_UP };
    core_bfd_changed(l->core, 1, &view, false, l->now);
    view = (struct bfd_view){ .state = BFD_DOWN, .failures = 1 };
    core_bfd_changed(l->core, 1, &view, false, l->now);
    turn(l);
}

static void test_bfd_leads_to_stale_routes_at_once_or_to_none(void)
{
    /* The second OPEN knows RFC 8538: it hears a Hard Reset unless its routes are kept. */
    static const struct {
        const char *keys, *open;
        bool is_kept;
        uint8_t subcode;
    } cases[] = {
        { ", bfd: true" ON, USUAL, true, BGP_BFD_DOWN },
        { ", bfd: true" ON, LONG_LIVED("4078", "80", "80"), true, BGP_BFD_DOWN },
        { ", bfd: true" ON, GRACEFUL("4078", "80"), false, BGP_HARD_RESET },
        { ", bfd: true", LONG_LIVED("4078", "80", "80"), false, BGP_HARD_RESET },
        { ", bfd: true", USUAL, false, BGP_BFD_DOWN },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab *l = lab_up(cases[i].keys, cases[i].open, ROUTE, true);
        bfd_fails(l);
        CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_CEASE);
        CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, cases[i].subcode);
        CU_ASSERT_EQUAL(listener_has(l), cases[i].is_kept);
        CU_ASSERT_TRUE(!cases[i].is_kept || is_marked(l));
        lab_close(l);
    }
}

static void test_a_peer_whose_bfd_failed_is_treated_as_if_ours_had(void)
{
    struct lab *l = lab_up(ON, USUAL, ROUTE, true); /* it does not know RFC 8538 */
    say(l, TALKER, HEADER("0015", "03") "06 0a");
    CU_ASSERT_TRUE(listener_has(l) && is_marked(l));
    lab_close(l);
    l = lab_up(ON, USUAL, ROUTE, true);
    say(l, TALKER, HEADER("0015", "03") "06 02");
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_bfd_does_not_end_a_restart_that_is_on_its_way(void)
{
    struct lab *l = lab_away(", bfd: true" ON, USUAL, ROUTE, true, 1);
    bfd_fails(l);
    CU_ASSERT_TRUE(listener_has(l) && !is_marked(l));
    lab_close(l);
}

CU_MAIN("core stale", CU_CASE(test_after_the_restart_time_routes_are_marked_and_kept_for_the_stale_time),
        CU_CASE(test_what_is_held_and_how_long_can_be_seen),
        CU_CASE(test_the_shorter_of_both_stale_times_counts),
        CU_CASE(test_who_does_not_know_stale_routes_is_told_that_they_are_gone),
        CU_CASE(test_without_the_setting_routes_go_after_the_restart_time),
        CU_CASE(test_routes_that_must_not_be_kept_go_after_the_restart_time),
        CU_CASE(test_a_restart_time_of_zero_leads_to_stale_routes_at_once),
        CU_CASE(test_a_peer_that_is_back_tells_its_routes_anew_and_the_mark_goes),
        CU_CASE(test_what_it_does_not_tell_again_goes_at_its_end_of_rib),
        CU_CASE(test_a_peer_that_does_not_forward_any_more_loses_its_stale_routes_when_it_is_back),
        CU_CASE(test_the_stale_time_goes_on_through_a_session_that_does_not_last),
        CU_CASE(test_the_stale_time_goes_on_while_the_peer_tells_its_routes),
        CU_CASE(test_the_stale_time_is_not_over_before_the_peer_was_heard_out),
        CU_CASE(test_a_family_that_is_not_listed_for_a_restart_has_no_time_for_one),
        CU_CASE(test_a_time_for_the_other_family_is_none_for_this_one),
        CU_CASE(test_what_a_session_told_that_outlived_the_stale_time_goes_with_it_unless_it_told_all),
        CU_CASE(test_the_end_of_the_stale_time_ends_all_that_a_peer_told_which_is_away),
        CU_CASE(test_bfd_leads_to_stale_routes_at_once_or_to_none),
        CU_CASE(test_a_peer_whose_bfd_failed_is_treated_as_if_ours_had),
        CU_CASE(test_bfd_does_not_end_a_restart_that_is_on_its_way))
