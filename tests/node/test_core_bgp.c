/* One core, its NVAs played on the wire: what one says, another hears. 10.0.0.2 (AS 65001) talks,
 * 10.0.0.3 (AS 65002) listens; both without four-octet AS numbers and without a hold time. */
#include "node/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgp/msg.h"
#include "bgp/update.h"
#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "'marker' ffffffffffffffff ffffffffffffffff 'length'" length "'type'" type
#define KEEPALIVE            HEADER("0013", "04")
#define OPEN(as, id)         HEADER("001d", "01") "04" as "0000 0a0000" id "00"
#define END_OF_RIB           HEADER("0017", "02") "0000 0000"
#define ROUTE                                                                                      \
    HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a801"
/* Graceful restart: flags and time as given, IPv4 with these flags. */
#define GRACEFUL(flags, family_flags)                                                              \
    HEADER("0027", "01") "04 fde9 0000 0a000002 0a 02 08 40 06" flags "0001 01" family_flags

enum { TALKER = 2, LISTENER = 3, PLAYERS = 5, HEARD = 65536 };

struct player {
    struct pump *pump;
    uint8_t heard[HEARD];
    size_t len;
    bool has_route; /* 192.168.1.0/24, as told so far */
    unsigned announced, withdrawn, refresh_marks, ends_of_rib, keepalives;
    uint32_t otc;
    struct bgp_fault told; /* the last NOTIFICATION */
};

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
    struct player players[PLAYERS]; /* by the last octet of the address */
};

static struct config *load(const char *peer_keys)
{
    char path[] = "/tmp/tandem-core-XXXXXX", text[1024];
    struct config *c;
    int fd = mkstemp(path), len;
    len = snprintf(text, sizeof text,
                   "routeServer: { name: hub, mode: transparent }\n"
                   "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                   "peers:\n"
                   "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true%s }\n"
                   "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n",
                   peer_keys);
    if (fd < 0 || write(fd, text, (size_t)len) != len)
        abort();
    close(fd);
    CU_ASSERT_TRUE_FATAL(config_load(path, &c, stdout));
    unlink(path);
    return c;
}

static struct lab *lab_open(const char *peer_keys)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = load(peer_keys);
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    return l;
}

static void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
    free(l);
}

/* ---- what a player hears ---- */

static bool names_route(const struct bgp_nlri *lists, int count)
{
    struct ip_prefix prefix;
    uint32_t id;
    for (int i = 0; i < count; i++)
        for (struct bgp_nlri n = lists[i]; bgp_nlri_next(&n, &prefix, &id);)
            if (prefix.len == 24 && prefix.bytes[2] == 1)
                return true;
    return false;
}

static void hear_update(struct player *p, const struct bgp_message *m)
{
    static const struct bgp_codec codec = { .family = { true }, .max_message = BGP_MESSAGE_MAX };
    const struct bgp_update_context ctx = { .codec = &codec, .any_first_as = true };
    struct arena arena = { 0 };
    struct bgp_update u;
    CU_ASSERT_EQUAL_FATAL(bgp_update_decode(m->body, m->body_len, &ctx, &arena, &u), 0);
    if (names_route(u.withdrawn, u.withdrawn_count)) {
        p->withdrawn++;
        p->has_route = false;
    }
    if (names_route(u.reach, u.reach_count)) {
        p->announced++;
        p->otc = u.attrs[0].otc;
        p->has_route = true;
    }
    p->ends_of_rib += u.end_of_rib != 0;
    arena_fini(&arena);
}

static void hear(struct player *p)
{
    struct bgp_message m;
    struct bgp_fault fault;
    size_t at = 0;
    for (int n; p->len > at && (n = bgp_message_scan(p->heard + at, p->len - at, 4096, &m, &fault));) {
        CU_ASSERT_TRUE_FATAL(n > 0);
        at += (size_t)n;
        p->keepalives += m.type == BGP_KEEPALIVE;
        p->refresh_marks += m.type == BGP_ROUTE_REFRESH;
        if (m.type == BGP_UPDATE)
            hear_update(p, &m);
        if (m.type == BGP_NOTIFICATION)
            p->told = (struct bgp_fault){ .code = m.body[0], .subcode = m.body[1] };
    }
    memmove(p->heard, p->heard + at, p->len - at);
    p->len -= at;
}

/* ---- the loop ---- */

static void flush(struct lab *l, struct player *p)
{
    size_t len;
    const uint8_t *bytes = pump_tx_bytes(p->pump, &len);
    CU_ASSERT_TRUE_FATAL(len <= HEARD - p->len);
    memcpy(p->heard + p->len, bytes, len);
    p->len += len;
    core_sent(l->core, p->pump, len, l->now);
    hear(p);
}

static void take_requests(struct lab *l)
{
    struct core_request r;
    while (core_next_request(l->core, &r)) {
        for (int i = 0; i < PLAYERS; i++)
            if (l->players[i].pump == r.pump) {
                flush(l, &l->players[i]);
                l->players[i].pump = NULL;
            }
        core_closed(l->core, r.pump, CORE_CLOSE_EOF, l->now);
    }
}

static void turn(struct lab *l)
{
    for (int i = 0; i < 8; i++) {
        core_turn(l->core, l->now);
        take_requests(l);
        for (int k = 0; k < PLAYERS; k++)
            if (l->players[k].pump)
                flush(l, &l->players[k]);
    }
}

static void pass(struct lab *l, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 5; i++) {
        l->now += 200;
        turn(l);
    }
}

static void dial(struct lab *l, uint8_t player)
{
    struct ip_addr remote = { .bytes = { 10, 0, 0, player } }, local = { .bytes = { 10, 0, 0, 1 } };
    struct player *p = &l->players[player];
    p->len = 0;
    p->pump = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->pump);
}

static void say(struct lab *l, uint8_t player, const char *text)
{
    struct pump *pump = l->players[player].pump;
    size_t room;
    CU_ASSERT_PTR_NOT_NULL_FATAL(pump);
    uint8_t *at = pump_rx_space(pump, &room);
    core_received(l->core, pump, hex(at, room, text));
    turn(l);
}

static void hang_up(struct lab *l, uint8_t player)
{
    core_closed(l->core, l->players[player].pump, CORE_CLOSE_RESET, l->now);
    l->players[player].pump = NULL;
    turn(l);
}

static void come_up(struct lab *l, uint8_t player, const char *open)
{
    dial(l, player);
    say(l, player, open);
    say(l, player, KEEPALIVE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->players[player].pump);
}

/* The talker, up with this OPEN, has told its route, and the listener has it. */
static struct lab *lab_told(const char *peer_keys, const char *open)
{
    struct lab *l = lab_open(peer_keys);
    come_up(l, LISTENER, OPEN("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    come_up(l, TALKER, open);
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_TRUE_FATAL(l->players[LISTENER].has_route);
    return l;
}

static bool listener_has(const struct lab *l)
{
    return l->players[LISTENER].has_route;
}

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
    dial(l, 4);
    turn(l);
    CU_ASSERT_PTR_NULL(l->players[4].pump);
    CU_ASSERT_EQUAL(l->players[4].told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l->players[4].told.subcode, BGP_CONNECTION_REJECTED);
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

static void test_a_session_with_too_many_routes_is_ended_and_rests(void)
{
    struct lab *l = lab_open(", maxRoutes: { limit: 1, action: reset, restartAfter: 20s }");
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, HEADER("0031", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"
                                        " 18 c0a801 18 c0a802");
    CU_ASSERT_PTR_NULL(l->players[TALKER].pump);
    CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_MAX_PREFIXES);
    struct ip_addr remote = { .bytes = { 10, 0, 0, TALKER } }, local = { .bytes = { 10, 0, 0, 1 } };
    pass(l, 19);
    CU_ASSERT_PTR_NULL(core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now));
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

static void test_our_own_complaint_ends_grace(void)
{
    struct lab *l = lab_told("", GRACEFUL("4078", "80"));
    say(l, TALKER, HEADER("0012", "04"));
    CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_MESSAGE_HEADER_ERROR);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_that_dials_anew_is_taken_for_restarted(void)
{
    struct lab *l = lab_told("", GRACEFUL("0078", "80"));
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

CU_MAIN("core bgp", CU_CASE(test_a_route_goes_with_its_session),
        CU_CASE(test_a_stranger_is_told_that_it_is_one), CU_CASE(test_strangers_are_told_a_few_at_a_time),
        CU_CASE(test_what_was_said_before_the_end_is_heard),
        CU_CASE(test_a_session_with_too_many_routes_is_ended_and_rests),
        CU_CASE(test_ttl_security_asks_for_the_highest_and_grants_so_many_hops),
        CU_CASE(test_a_refresh_is_answered_with_the_routes),
        CU_CASE(test_what_an_enhanced_refresh_does_not_bring_is_withdrawn),
        CU_CASE(test_a_restart_that_succeeds_is_no_news),
        CU_CASE(test_what_a_restarted_peer_does_not_tell_again_goes_at_its_end_of_rib),
        CU_CASE(test_routes_are_held_for_the_peers_restart_time),
        CU_CASE(test_a_peer_that_kept_nothing_loses_its_routes_when_it_is_back),
        CU_CASE(test_a_notification_ends_grace_unless_both_have_agreed_otherwise),
        CU_CASE(test_our_own_complaint_ends_grace),
        CU_CASE(test_a_peer_that_dials_anew_is_taken_for_restarted), CU_CASE(test_grace_can_be_switched_off),
        CU_CASE(test_a_client_hears_whose_customers_a_route_is_for),
        CU_CASE(test_after_our_start_a_helper_waits_for_end_of_rib_until_all_have_spoken))
