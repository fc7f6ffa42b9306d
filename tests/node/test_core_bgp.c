/* Sessions and routes of the core: the lab of tests/lib/core_lab.h. */
#include "node/core/core_impl.h"

#include "tests/lib/core_lab.h"

/* ---- ordinary life ---- */

static void test_a_route_goes_with_its_session(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    CU_ASSERT_FALSE(l->players[TALKER].has_route); /* its own is no news to it */
    hang_up(l, TALKER);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 1);
    lab_close(l);
}

static void test_a_stranger_is_told_that_it_is_one(void)
{
    struct lab *l = lab_open("");
    CU_ASSERT_TRUE(is_rejected(l, 4));
    lab_close(l);
}

static void test_strangers_are_told_a_few_at_a_time(void)
{
    struct ip_addr remote = { .bytes = { 10, 9, 9, 9 } }, local = { .bytes = { 10, 0, 0, 1 } };
    struct lab *l = lab_open("");
    unsigned told = 0, lines = 0;
    uint64_t sequence = 0;
    struct core_event e;
    for (int i = 0; i < 1000; i++)
        told += core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now) != NULL;
    CU_ASSERT_EQUAL(told, 16);
    take_requests(l);
    CU_ASSERT_PTR_NOT_NULL(core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now));
    while (core_next_event(l->core, &sequence, &e))
        lines += strcmp(e.name, "peer_unknown") == 0;
    CU_ASSERT_EQUAL(lines, 1);
    take_requests(l);
    lab_close(l);
}

static unsigned refusals(struct lab *l, const char *words)
{
    unsigned lines = 0;
    uint64_t sequence = 0;
    struct core_event e;
    while (core_next_event(l->core, &sequence, &e))
        lines += strcmp(e.name, "peer_refused") == 0 && strstr(e.fields, words);
    return lines;
}

static void test_the_log_says_once_why_no_session_comes_up(void)
{
    struct lab *l = lab_open("");
    for (int i = 0; i < 3; i++) {
        dial(l, TALKER);
        say(l, TALKER, OPEN("fde8", "02"));
        CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_BAD_PEER_AS);
    }
    CU_ASSERT_EQUAL(refusals(l, "code=2/2 by=us"), 1);
    for (int i = 0; i < 2; i++) {
        dial(l, TALKER);
        say(l, TALKER, HEADER("0015", "03") "02 02");
    }
    CU_ASSERT_EQUAL(refusals(l, "code=2/2 by=peer"), 1);
    come_up(l, TALKER, OPEN("fde9", "02"));
    hang_up(l, TALKER);
    dial(l, TALKER);
    say(l, TALKER, OPEN("fde8", "02"));
    CU_ASSERT_EQUAL(refusals(l, "code=2/2 by=us"), 2);
    lab_close(l);
}

static void test_a_session_that_is_ended_is_not_refused(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    say(l, TALKER, HEADER("0015", "03") "06 04");
    dial(l, TALKER);
    CU_ASSERT_EQUAL(core_peer_disable(l->core, "talker", "swap", l->now), CORE_ACT_DONE);
    turn(l);
    CU_ASSERT_EQUAL(refusals(l, ""), 0);
    lab_close(l);
}

static void test_what_was_said_before_the_end_is_heard(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    struct pump *pump = l->players[TALKER].pump;
    size_t room;
    uint8_t *at = pump_rx_space(pump, &room);
    core_received(l->core, pump, hex(at, room, HEADER("001b", "02") "0004 18c0a801 0000"));
    hang_up(l, TALKER); /* the withdrawal stands unread in front of the end */
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* RFC 7606 section 6. */
static void test_the_log_names_the_routes_of_a_malformed_message(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    uint64_t sequence = 0;
    struct core_event e, fault = { 0 };
    say(l, TALKER, HEADER("0035", "02") "0000 0016 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002  c0 08 01 00"
                                        " 18 c0a801 18 c0a802");
    CU_ASSERT_FALSE(listener_has(l));
    while (core_next_event(l->core, &sequence, &e))
        if (strcmp(e.name, "peer_update_fault") == 0)
            fault = e;
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.fields, "attribute=8 action=treat-as-withdraw routes=2 "
                                                "prefixes=\"192.168.1.0/24 192.168.2.0/24\""));
    CU_ASSERT_EQUAL(fault.level, CONFIG_LOG_WARN);
    say(l, TALKER, HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  'ours' 40 03 04 0a000001 18 c0a801");
    while (core_next_event(l->core, &sequence, &e))
        if (strcmp(e.name, "peer_update_fault") == 0)
            fault = e;
    CU_ASSERT_EQUAL(fault.level, CONFIG_LOG_DEBUG); /* it came back: nobody's mistake */
    lab_close(l);
}

static void test_a_session_with_too_many_routes_is_ended_and_rests(void)
{
    struct lab *l = lab_open(", maxRoutes: { limit: 1, action: reset, restartAfter: 20s }");
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, HEADER("0031", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"
                                        " 18 c0a801 18 c0a802");
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_MAX_PREFIXES);
    CU_ASSERT_EQUAL(l->players[TALKER].told.data_len, 7); /* RFC 4486 section 4: AFI, SAFI, the bound */
    CU_ASSERT_EQUAL(memcmp(l->players[TALKER].told.data, "\0\1\1\0\0\0\1", 7), 0);
    pass(l, 19);
    CU_ASSERT_TRUE(is_rejected(l, TALKER));
    pass(l, 2);
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
    lab_close(l);
}

static void test_ttl_security_asks_for_the_highest_and_grants_so_many_hops(void)
{
    static const struct {
        const char *keys;
        uint8_t ttl, min_ttl;
    } cases[] = { { "", 64, 0 }, { ", multihop: 1", 1, 0 }, { ", ttlSecurity: 1", 255, 255 },
                  { ", ttlSecurity: 254", 255, 2 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab *l = lab_open(cases[i].keys);
        uint8_t ttl, min_ttl;
        dial(l, TALKER);
        core_accepted_ttl(l->players[TALKER].pump, &ttl, &min_ttl);
        CU_ASSERT_EQUAL(ttl, cases[i].ttl);
        CU_ASSERT_EQUAL(min_ttl, cases[i].min_ttl);
        lab_close(l);
    }
}

/* ---- route refresh ---- */

#define REFRESH(subtype) HEADER("0017", "05") "0001" subtype "01"
#define ENHANCED         HEADER("0023", "01") "04 fde9 0000 0a000002 06 02 04 0200 4600"

static void test_a_refresh_is_answered_with_the_routes(void)
{
    struct lab *l = lab_told("", OPEN("fde9", "02"));
    say(l, LISTENER, REFRESH("00"));
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 2);
    CU_ASSERT_EQUAL(l->players[LISTENER].refresh_marks, 0);
    lab_close(l);
}

static void test_what_an_enhanced_refresh_does_not_bring_is_withdrawn(void)
{
    struct lab *l = lab_told("", ENHANCED);
    say(l, TALKER, REFRESH("01") ROUTE REFRESH("02"));
    CU_ASSERT_TRUE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 1); /* nothing has changed */
    say(l, TALKER, REFRESH("01"));
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, REFRESH("02"));
    CU_ASSERT_FALSE(listener_has(l));
    say(l, TALKER, REFRESH("00")); /* and our own answer stands between marks */
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 2);
    lab_close(l);
}

/* ---- graceful restart, the helper's side (RFC 4724, RFC 8538) ---- */

static void test_a_restart_that_succeeds_is_no_news(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    for (int i = 0; i < 3; i++) {
        hang_up(l, TALKER);
        pass(l, 5);
        CU_ASSERT_TRUE(listener_has(l));
        come_up(l, TALKER, GRACEFUL("8078", "80"));
        pass(l, 1);
        say(l, TALKER, ROUTE);
        say(l, TALKER, END_OF_RIB);
    }
    CU_ASSERT_EQUAL(l->players[LISTENER].announced, 1);
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    lab_close(l);
}

static void test_what_a_restarted_peer_does_not_tell_again_goes_at_its_end_of_rib(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    pass(l, 3);
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* Another route of the talker's, which it tells again and again: 192.168.2.0/24. */
#define OTHER_ROUTE                                                                                \
    HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a802"

static void test_a_restarted_peer_that_never_ends_loses_what_it_does_not_tell_again(void)
{
    for (int told_again = 0; told_again < 2; told_again++) {
        struct lab *l = lab_told(", stalePathTime: 20s", GRACEFUL("0078", "80"));
        hang_up(l, TALKER);
        come_up(l, TALKER, GRACEFUL("8078", "80"));
        if (told_again)
            say(l, TALKER, ROUTE);
        for (int i = 0; i < 3; i++) {
            pass(l, 6);
            say(l, TALKER, OTHER_ROUTE);
            CU_ASSERT_TRUE(listener_has(l));
        }
        pass(l, 3);
        CU_ASSERT_EQUAL(listener_has(l), told_again);
        CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
        lab_close(l);
    }
}

/* RFC 7313, of a peer with the Graceful Restart Capability. */
#define ENHANCED_GRACEFUL HEADER("0029", "01") "04 fde9 0000 0a000002 0c 02 0a 40 06 0078 0001 01 80 46 00"

/* Its section 4. */
static void test_marks_of_a_refresh_before_end_of_rib_are_ignored(void)
{
    struct lab *l = lab_told("", ENHANCED_GRACEFUL);
    hang_up(l, TALKER);
    come_up(l, TALKER, ENHANCED_GRACEFUL);
    say(l, TALKER, REFRESH("01") REFRESH("02"));
    CU_ASSERT_TRUE(listener_has(l)); /* what it told before its restart waits for the End-of-RIB */
    say(l, TALKER, ROUTE END_OF_RIB REFRESH("01"));
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, REFRESH("02"));
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* RFC 4724 section 4.2 deletes what waits from an earlier restart: not what a refresh had not come to yet. */
static void test_a_session_that_ends_within_a_refresh_costs_no_route(void)
{
    struct lab *l = lab_told("", ENHANCED_GRACEFUL);
    say(l, TALKER, REFRESH("01"));
    hang_up(l, TALKER);
    CU_ASSERT_TRUE(listener_has(l));
    come_up(l, TALKER, ENHANCED_GRACEFUL);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_refresh_that_never_ends_is_bounded(void)
{
    struct lab *l = lab_told(", stalePathTime: 20s", ENHANCED);
    pass(l, 100);
    say(l, TALKER, REFRESH("01"));
    pass(l, 15);
    say(l, TALKER, REFRESH("01")); /* to begin once more moves nothing */
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 6);
    CU_ASSERT_FALSE(listener_has(l));
    say(l, TALKER, ROUTE REFRESH("02"));
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_routes_are_held_for_the_peers_restart_time(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    pass(l, 119);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 2);
    CU_ASSERT_FALSE(listener_has(l));
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_that_kept_nothing_loses_its_routes_when_it_is_back(void)
{
    static const char *const opens[] = { GRACEFUL("8078", "00"), OPEN("fde9", "02") };
    for (int i = 0; i < 2; i++) {
        struct lab *l = lab_told("", GRACEFUL("0078", "80"));
        hang_up(l, TALKER);
        CU_ASSERT_TRUE(listener_has(l));
        come_up(l, TALKER, opens[i]);
        CU_ASSERT_FALSE(listener_has(l));
        lab_close(l);
    }
}

static void test_a_notification_ends_grace_unless_both_have_agreed_otherwise(void)
{
    static const struct {
        const char *open, *notification;
        bool held;
    } cases[] = { { GRACEFUL("0078", "80"), HEADER("0015", "03") "06 04", false },
                  { GRACEFUL("4078", "80"), HEADER("0015", "03") "06 04", true },
                  { GRACEFUL("4078", "80"), HEADER("0017", "03") "06 09 'hard reset' 06 02", false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab *l = lab_told("", cases[i].open);
        say(l, TALKER, cases[i].notification);
        CU_ASSERT_EQUAL(listener_has(l), cases[i].held);
        lab_close(l);
    }
}

/* RFC 4271 section 6.8: it was back, and has chosen another connection as this one came up. */
static void test_a_collision_is_no_other_restart(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    pass(l, 60);
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    say(l, TALKER, HEADER("0015", "03") "06 07");
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 58);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 4); /* the time is that of its restart */
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* RFC 4724 section 4.2: of consecutive restarts the second deletes what waits since the first. */
static void test_what_waits_from_a_restart_is_not_held_over_another_one(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    hang_up(l, TALKER);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* RFC 8538 section 4: who sends the NOTIFICATION holds the routes as well. */
static void test_our_own_complaint_ends_grace_unless_both_have_agreed_otherwise(void)
{
    for (int agreed = 0; agreed < 2; agreed++) {
        struct lab *l = lab_told("", agreed ? GRACEFUL("4078", "80") : GRACEFUL("0078", "80"));
        say(l, TALKER, HEADER("0012", "04"));
        CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_MESSAGE_HEADER_ERROR);
        CU_ASSERT_EQUAL(listener_has(l), agreed);
        lab_close(l);
    }
}

static void test_over_its_limit_a_peer_is_told_by_a_hard_reset_and_loses_its_routes(void)
{
    struct lab *l = lab_told(", maxRoutes: { limit: 1, action: reset }", GRACEFUL("4078", "80"));
    say(l, TALKER, HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a802");
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_HARD_RESET);
    CU_ASSERT_EQUAL(memcmp(l->players[TALKER].told.data, "\6\1\0\1\1\0\0\0\1", 9), 0);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

#define ROUTE_TO(n) HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a8" n

/* With as many routes as it may have it restarts. */
static struct lab *restarted_near_its_limit(void)
{
    struct lab *l = lab_told(", maxRoutes: { limit: 2, action: reset }", GRACEFUL("4078", "80"));
    say(l, TALKER, ROUTE_TO("02"));
    hang_up(l, TALKER);
    come_up(l, TALKER, GRACEFUL("c078", "80"));
    CU_ASSERT_TRUE_FATAL(listener_has(l));
    return l;
}

static void test_what_is_held_over_a_restart_counts_for_no_limit(void)
{
    struct lab *l = restarted_near_its_limit();
    say(l, TALKER, ROUTE_TO("11"));
    say(l, TALKER, ROUTE_TO("12"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->players[TALKER].pump);
    say(l, TALKER, END_OF_RIB);
    pass(l, 3);
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
    CU_ASSERT_FALSE(listener_has(l));
    say(l, TALKER, ROUTE_TO("13"));
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    lab_close(l);
}

static void test_who_tells_too_much_after_a_restart_is_found_out_at_its_end(void)
{
    struct lab *l = restarted_near_its_limit();
    say(l, TALKER, ROUTE_TO("11"));
    say(l, TALKER, ROUTE_TO("12"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->players[TALKER].pump); /* it may be that it has two */
    say(l, TALKER, END_OF_RIB);
    pass(l, 3);
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_HARD_RESET);
    lab_close(l);
    l = restarted_near_its_limit();
    for (int i = 0; i < 3; i++)
        say(l, TALKER, (const char *const[]){ ROUTE_TO("11"), ROUTE_TO("12"), ROUTE_TO("13") }[i]);
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump); /* or at once, where it is beyond doubt */
    lab_close(l);
}

static void test_a_peer_that_dials_anew_is_taken_for_restarted(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    l->now += 6000;
    l->players[4] = l->players[TALKER]; /* its old connection, which it has forgotten */
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    CU_ASSERT_PTR_NULL(l->players[4].pump);
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, ROUTE END_OF_RIB);
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    lab_close(l);
}

static void test_grace_can_be_switched_off(void)
{
    struct lab *l = lab_told(", gracefulRestart: none", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* ---- roles (RFC 9234) ---- */

static void test_a_client_hears_whose_customers_a_route_is_for(void)
{
    struct lab *l = lab_told(", role: rsClient", OPEN("fde9", "02"));
    CU_ASSERT_EQUAL(l->players[LISTENER].otc, 0); /* no role, no mark */
    say(l, LISTENER,
        HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fdea  40 03 04 0a000003 18 c0a801");
    CU_ASSERT_EQUAL(l->players[TALKER].otc, 65515);
    say(l, TALKER, HEADER("0034", "02") "0000 0019 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"
                                        " c0 23 04 0000fde8 18 c0a801");
    CU_ASSERT_FALSE(listener_has(l)); /* a leak: it was for the client and its customers */
    lab_close(l);
}

/* ---- RFC 8212 ---- */

static void test_a_peer_without_import_policy_tells_nobody_anything(void)
{
    struct lab *l = lab_open(", import: none");
    come_up(l, LISTENER, OPEN("fdea", "03"));
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_without_export_policy_hears_end_of_rib_only(void)
{
    struct lab *l = lab_told(", export: none", OPEN("fde9", "02"));
    say(l, LISTENER, HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fdea  40 03 04 0a000003 18 c0a801");
    CU_ASSERT_FALSE(l->players[TALKER].has_route);
    CU_ASSERT_EQUAL(l->players[TALKER].announced, 0);
    CU_ASSERT_TRUE(l->players[TALKER].ends_of_rib > 0);
    lab_close(l);
}

/* ---- AS numbers ---- */

/* 192.168.1.0/24 by the listener, with the talker's AS 65001 in its path. */
#define ROUTE_THROUGH_TALKER                                                                       \
    HEADER("002f", "02") "0000 0014 40 01 01 00  40 02 06 02 02 fdea fde9  40 03 04 0a000003 18 c0a801"

static void test_a_peer_hears_our_as_for_its_own_where_it_is_overridden(void)
{
    for (int overrides = 0; overrides < 2; overrides++) {
        struct lab *l = lab_open(overrides ? ", asOverride: true" : "");
        come_up(l, TALKER, OPEN("fde9", "02"));
        come_up(l, LISTENER, OPEN("fdea", "03"));
        say(l, LISTENER, ROUTE_THROUGH_TALKER);
        CU_ASSERT_TRUE(l->players[TALKER].has_route);
        CU_ASSERT_EQUAL(l->players[TALKER].path[0], 65002);
        CU_ASSERT_EQUAL(l->players[TALKER].path[1], overrides ? 65515 : 65001);
        lab_close(l);
    }
}

static void test_an_override_that_is_configured_later_is_told_on_the_same_session(void)
{
    struct lab *l = lab_open("");
    come_up(l, TALKER, OPEN("fde9", "02"));
    come_up(l, LISTENER, OPEN("fdea", "03"));
    say(l, LISTENER, ROUTE_THROUGH_TALKER);
    CU_ASSERT_EQUAL(l->players[TALKER].path[1], 65001);
    follow(l, load(", asOverride: true"));
    turn(l);
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
    CU_ASSERT_EQUAL(l->players[TALKER].path[0], 65002);
    CU_ASSERT_EQUAL(l->players[TALKER].path[1], 65515);
    follow(l, load(""));
    turn(l);
    CU_ASSERT_EQUAL(l->players[TALKER].path[1], 65001);
    lab_close(l);
}

static void test_a_peer_sees_us_as_the_as_that_its_entry_says(void)
{
    struct lab *l = lab_told(", localAsn: 64999, mode: azure", OPEN("fde9", "02"));
    say(l, LISTENER, HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fdea  40 03 04 0a000003 18 c0a801");
    CU_ASSERT_EQUAL(l->players[TALKER].asn, 64999);
    CU_ASSERT_EQUAL(l->players[TALKER].path[0], 64999);
    CU_ASSERT_EQUAL(l->players[TALKER].path[1], 65002);
    CU_ASSERT_EQUAL(l->players[LISTENER].asn, 65515);
    lab_close(l);
}

/* 192.168.1.0/24 by the talker, through 65515. */
#define ROUTE_THROUGH_US                                                                           \
    HEADER("002f", "02") "0000 0014 40 01 01 00  40 02 06 02 02 fde9 ffeb  40 03 04 0a000002 18 c0a801"

static void test_our_own_as_in_a_path_is_a_loop_unless_it_is_allowed(void)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        struct lab *l = lab_open(allowed ? ", allowOwnAs: 1" : "");
        come_up(l, LISTENER, OPEN("fdea", "03"));
        come_up(l, TALKER, OPEN("fde9", "02"));
        say(l, TALKER, ROUTE_THROUGH_US);
        CU_ASSERT_EQUAL(listener_has(l), allowed);
        lab_close(l);
    }
}

/* ---- the restarting side ---- */

static void test_after_our_start_a_helper_waits_for_end_of_rib_until_all_have_spoken(void)
{
    struct lab *l = lab_open(", gracefulRestart: full");
    come_up(l, TALKER, GRACEFUL("0078", "80"));
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_EQUAL(l->players[TALKER].ends_of_rib, 0);
    come_up(l, LISTENER, OPEN("fdea", "03"));
    CU_ASSERT_EQUAL(l->players[LISTENER].ends_of_rib, 1); /* it holds nothing of ours */
    say(l, LISTENER, ROUTE END_OF_RIB);
    pass(l, 1);
    CU_ASSERT_EQUAL(l->players[TALKER].ends_of_rib, 1);
    CU_ASSERT_EQUAL(l->players[TALKER].announced, 0); /* AS 65001 in front: not the listener's to say */
    lab_close(l);
}

/* D4: others talk all the time, and its KEEPALIVE stands behind them. */
static void test_the_hold_time_of_who_waits_to_be_read_does_not_end(void)
{
    struct lab *l = lab_open("");
    struct core_peer *p = core_peer_find(l->core, "talker");
    come_up(l, TALKER, HEADER("001d", "01") "04 fde9 0009 0a000002 00");
    struct core_conn *conn = p->conns[bgp_session_slot(p->session)];
    for (int s = 0; s < 20; s++) {
        conn->unread_ms = l->now;
        pass(l, 1);
    }
    CU_ASSERT_EQUAL(bgp_session_state(p->session), BGP_ESTABLISHED);
    conn->unread_ms = 0;
    pass(l, 2);
    CU_ASSERT_NOT_EQUAL(bgp_session_state(p->session), BGP_ESTABLISHED);
    lab_close(l);
}

/* A pause longer than anybody is waited for: what was said meanwhile is read in a moment. */
static void test_nobodys_time_is_over_before_he_was_heard_out(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
    hang_up(l, TALKER);
    come_up(l, TALKER, GRACEFUL("8078", "80"));
    l->now += 70000;
    turn(l);
    CU_ASSERT_TRUE(listener_has(l));
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    pass(l, 5);
    CU_ASSERT_TRUE(listener_has(l));
    hang_up(l, TALKER);
    l->now += 130000; /* its restart time */
    turn(l);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 5);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

/* … nor is a node's own time to hear all of them. */
static void test_a_node_that_slept_hears_them_out_before_it_is_steady(void)
{
    struct lab *l = lab_open("");
    come_up(l, TALKER, OPEN("fde9", "02"));
    l->now += 70000;
    turn(l);
    CU_ASSERT_EQUAL(l->core->phase, CORE_CONVERGE);
    pass(l, 5);
    CU_ASSERT_EQUAL(l->core->phase, CORE_STEADY);
    lab_close(l);
}

/* Who offers no graceful restart marks no end, and a busy one is never silent. */
static void test_a_peer_without_an_end_that_always_has_news_has_told_all_some_time(void)
{
    struct lab *l = lab_open("");
    const struct rib_session *session =
        &core_rib(l->core)->origins[1].sessions[core_peer_find(l->core, "talker")->nva];
    come_up(l, TALKER, OPEN("fde9", "02"));
    for (int s = 0; s < 58; s += 2) {
        say(l, TALKER, ROUTE);
        pass(l, 2);
    }
    CU_ASSERT_EQUAL(session->state, RIB_SESSION_SYNCING);
    say(l, TALKER, ROUTE);
    pass(l, 3);
    CU_ASSERT_EQUAL(session->state, RIB_SESSION_SYNCED);
    lab_close(l);
}

CU_MAIN("core bgp", CU_CASE(test_a_route_goes_with_its_session),
        CU_CASE(test_a_stranger_is_told_that_it_is_one), CU_CASE(test_strangers_are_told_a_few_at_a_time),
        CU_CASE(test_the_log_says_once_why_no_session_comes_up), CU_CASE(test_a_session_that_is_ended_is_not_refused),
        CU_CASE(test_what_was_said_before_the_end_is_heard),
        CU_CASE(test_the_log_names_the_routes_of_a_malformed_message),
        CU_CASE(test_a_session_with_too_many_routes_is_ended_and_rests),
        CU_CASE(test_ttl_security_asks_for_the_highest_and_grants_so_many_hops),
        CU_CASE(test_a_refresh_is_answered_with_the_routes),
        CU_CASE(test_what_an_enhanced_refresh_does_not_bring_is_withdrawn),
        CU_CASE(test_a_restart_that_succeeds_is_no_news),
        CU_CASE(test_what_a_restarted_peer_does_not_tell_again_goes_at_its_end_of_rib),
        CU_CASE(test_a_restarted_peer_that_never_ends_loses_what_it_does_not_tell_again),
        CU_CASE(test_marks_of_a_refresh_before_end_of_rib_are_ignored),
        CU_CASE(test_a_session_that_ends_within_a_refresh_costs_no_route),
        CU_CASE(test_a_refresh_that_never_ends_is_bounded),
        CU_CASE(test_routes_are_held_for_the_peers_restart_time),
        CU_CASE(test_a_peer_that_kept_nothing_loses_its_routes_when_it_is_back),
        CU_CASE(test_a_notification_ends_grace_unless_both_have_agreed_otherwise),
        CU_CASE(test_a_collision_is_no_other_restart),
        CU_CASE(test_what_waits_from_a_restart_is_not_held_over_another_one),
        CU_CASE(test_our_own_complaint_ends_grace_unless_both_have_agreed_otherwise),
        CU_CASE(test_over_its_limit_a_peer_is_told_by_a_hard_reset_and_loses_its_routes),
        CU_CASE(test_what_is_held_over_a_restart_counts_for_no_limit),
        CU_CASE(test_who_tells_too_much_after_a_restart_is_found_out_at_its_end),
        CU_CASE(test_a_peer_that_dials_anew_is_taken_for_restarted), CU_CASE(test_grace_can_be_switched_off),
        CU_CASE(test_a_client_hears_whose_customers_a_route_is_for),
        CU_CASE(test_a_peer_without_import_policy_tells_nobody_anything),
        CU_CASE(test_a_peer_without_export_policy_hears_end_of_rib_only),
        CU_CASE(test_a_peer_hears_our_as_for_its_own_where_it_is_overridden),
        CU_CASE(test_an_override_that_is_configured_later_is_told_on_the_same_session),
        CU_CASE(test_a_peer_sees_us_as_the_as_that_its_entry_says),
        CU_CASE(test_our_own_as_in_a_path_is_a_loop_unless_it_is_allowed),
        CU_CASE(test_the_hold_time_of_who_waits_to_be_read_does_not_end),
        CU_CASE(test_nobodys_time_is_over_before_he_was_heard_out),
        CU_CASE(test_a_node_that_slept_hears_them_out_before_it_is_steady),
        CU_CASE(test_a_peer_without_an_end_that_always_has_news_has_told_all_some_time),
        CU_CASE(test_after_our_start_a_helper_waits_for_end_of_rib_until_all_have_spoken))
