/* A turn of the core is short however large the table is. Time is the machine's affair; what is counted
 * here are the paths that a turn decides on or changes, over a table of many routes: when it arrives, when
 * it is told again, when all of it is withdrawn, and when its NVA dies. */
#include "node/core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/msg.h"
#include "node/core/core_impl.h"
#include "tests/lib/config_text.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "ffffffffffffffff ffffffffffffffff" length type
#define OPEN(as, id)         HEADER("0023", "01") "04" as "0000 0a0000" id "06 02 04 0200 4600"
#define KEEPALIVE            HEADER("0013", "04")
#define END_OF_RIB           HEADER("0017", "02") "0000 0000"

/* A turn may receive CORE_RX_ROUTES and a message, expire, and decide. */
enum {
#ifdef __SANITIZE_ADDRESS__
    ROUTES = 200000, /* several times what a turn may do */
#else
    ROUTES = 1000000,
#endif
    BY_UPDATE = 400,
    STEPS_MAX = CORE_RX_ROUTES + BGP_MESSAGE_MAX / 4 + RIB_TOMBS_BUDGET + 2 * CORE_DECIDE_BUDGET,
    TURNS_MAX = 4 * ROUTES / 100,
};

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
    struct pump *talker, *listener;
    uint64_t most; /* steps of the hardest turn */
};

static struct config *load(const char *more)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers:\n"
                     "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n"
                     "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n%s",
                     more);
}

/* The transport takes all that is there. */
static void flush(struct lab *l, struct pump *p)
{
    size_t len;
    if (!p)
        return;
    pump_tx_bytes(p, &len);
    core_sent(l->core, p, len, l->now);
}

static bool turn(struct lab *l)
{
    uint64_t before = l->core->rib.steps;
    bool more = core_turn(l->core, l->now) <= l->now;
    uint64_t steps = l->core->rib.steps - before;
    l->most = steps > l->most ? steps : l->most;
    flush(l, l->talker);
    flush(l, l->listener);
    return more;
}

static void settle(struct lab *l)
{
    int left = TURNS_MAX;
    while (left-- && turn(l))
        ;
    CU_ASSERT_TRUE_FATAL(left > 0);
}

static struct pump *dial(struct lab *l, uint8_t last)
{
    struct ip_addr remote = { .bytes = { 10, 0, 0, last } }, local = { .bytes = { 10, 0, 0, 1 } };
    struct pump *p = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    return p;
}

static void say(struct lab *l, struct pump *p, const char *text)
{
    size_t room;
    uint8_t *at = pump_rx_space(p, &room);
    core_received(l->core, p, hex(at, room, text));
    settle(l);
}

static size_t put_update(uint8_t *at, uint32_t first, bool announce)
{
    static const char attributes[] = "40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002";
    uint8_t bytes[64];
    size_t attrs = announce ? hex(bytes, sizeof bytes, attributes) : 0;
    struct wire_writer w = wire_writer(at, BGP_MESSAGE_MAX);
    memset(wire_reserve(&w, 16), 0xff, 16);
    uint8_t *len = wire_reserve(&w, 2);
    wire_put8(&w, BGP_UPDATE);
    wire_put16(&w, announce ? 0 : BY_UPDATE * 4);
    if (announce) {
        wire_put16(&w, (uint16_t)attrs);
        wire_put(&w, bytes, attrs);
    }
    for (uint32_t i = first; i < first + BY_UPDATE; i++)
        wire_put32(&w, 24u << 24 | (i + (20u << 16)));
    if (!announce)
        wire_put16(&w, 0);
    CU_ASSERT_FALSE_FATAL(w.failed);
    wire_set16(len, (uint16_t)wire_len(&w));
    return wire_len(&w);
}

static void tell_all(struct lab *l, bool announce)
{
    uint8_t message[BGP_MESSAGE_MAX];
    for (uint32_t first = 0; first < ROUTES; first += BY_UPDATE) {
        size_t room, len = put_update(message, first, announce);
        uint8_t *at;
        while ((at = pump_rx_space(l->talker, &room)), room < len)
            turn(l);
        memcpy(at, message, len);
        core_received(l->core, l->talker, len);
    }
    settle(l);
}

static struct lab *lab_open_with(const char *more)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = load(more);
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    l->listener = dial(l, 3);
    say(l, l->listener, OPEN("fdea", "03") KEEPALIVE END_OF_RIB);
    return l;
}

static struct lab *lab_open(void)
{
    return lab_open_with("");
}

static void come_up(struct lab *l)
{
    l->talker = dial(l, 2);
    say(l, l->talker, OPEN("fde9", "02") KEEPALIVE);
}

static void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
    free(l);
}

static uint32_t paths(const struct lab *l)
{
    return l->core->rib.paths.count;
}

/* It did something, and never much at a time. */
static void check_turns(struct lab *l, uint64_t at_least)
{
    CU_ASSERT(l->most >= at_least);
    CU_ASSERT(l->most <= STEPS_MAX);
    l->most = 0;
}

static void test_no_turn_does_more_than_its_budget(void)
{
    struct lab *l = lab_open();
    come_up(l);
    tell_all(l, true);
    CU_ASSERT_EQUAL(paths(l), ROUTES);
    check_turns(l, 1000);
    tell_all(l, true);
    CU_ASSERT_EQUAL(paths(l), ROUTES);
    check_turns(l, 1000);
    tell_all(l, false);
    CU_ASSERT_EQUAL(paths(l), 0);
    check_turns(l, 1000);
    CU_ASSERT_EQUAL(prefix_table_count(&l->core->rib.nets), 0); /* their memory is free at once, not in an hour */
    lab_close(l);
}

/* One message, and the turn that reads it. */
static void tell(struct lab *l, bool announce)
{
    size_t room;
    uint8_t *at = pump_rx_space(l->talker, &room);
    core_received(l->core, l->talker, put_update(at, 0, announce));
    turn(l);
}

static void test_what_flaps_keeps_its_place_while_its_nva_talks(void)
{
    struct lab *l = lab_open();
    come_up(l);
    tell(l, true);
    tell(l, false);
    CU_ASSERT_EQUAL(rib_queue_count(&l->core->rib.dying), BY_UPDATE);
    tell(l, true);
    CU_ASSERT_EQUAL(rib_queue_count(&l->core->rib.dying), 0);
    CU_ASSERT_EQUAL(paths(l), BY_UPDATE);
    tell(l, false);
    settle(l);
    CU_ASSERT_EQUAL(prefix_table_count(&l->core->rib.nets), 0);
    lab_close(l);
}

static void hang_up(struct lab *l)
{
    uint64_t before = l->core->rib.steps;
    core_closed(l->core, l->talker, CORE_CLOSE_RESET, l->now);
    l->talker = NULL;
    uint64_t steps = l->core->rib.steps - before;
    l->most = steps > l->most ? steps : l->most;
}

static void test_a_session_that_ends_with_a_full_table_makes_no_turn_long(void)
{
    struct lab *l = lab_open();
    come_up(l);
    tell_all(l, true);
    l->most = 0;
    hang_up(l);
    settle(l);
    CU_ASSERT_EQUAL(paths(l), 0);
    check_turns(l, 1000);
    CU_ASSERT_EQUAL(prefix_table_count(&l->core->rib.nets), 0);
    lab_close(l);
}

/* It is back before the last of what it told has been removed: nothing of that is taken for new. */
static void test_a_session_begins_while_the_table_of_the_last_one_is_removed(void)
{
    struct lab *l = lab_open();
    come_up(l);
    tell_all(l, true);
    hang_up(l);
    for (int i = 0; i < 3; i++)
        turn(l);
    CU_ASSERT(paths(l) > ROUTES / 2);
    l->talker = dial(l, 2);
    size_t room, len;
    uint8_t *at = pump_rx_space(l->talker, &room);
    len = hex(at, room, OPEN("fde9", "02") KEEPALIVE);
    len += put_update(at + len, ROUTES - BY_UPDATE, true);
    core_received(l->core, l->talker, len);
    settle(l);
    CU_ASSERT_EQUAL(paths(l), BY_UPDATE);
    CU_ASSERT_EQUAL(prefix_table_count(&l->core->rib.nets), BY_UPDATE);
    lab_close(l);
}

static void carry_out(struct lab *l)
{
    const struct config_target *target;
    struct program *p = core_program(l->core, 0, &target);
    struct program_op op;
    while (program_next(p, l->now, &op))
        program_result(p, &op, true, l->now);
}

/* Its brake keeps many prefixes that have no path any more. Whoever has read of their end is not to blame. */
static void test_what_a_target_holds_ends_no_session(void)
{
    struct lab *l = lab_open_with("programming: [{ name: kernel, type: netlink }]\n");
    struct core_request r;
    core_program_ready(l->core, 0, l->now);
    come_up(l);
    tell_all(l, true);
    carry_out(l);
    hang_up(l);
    settle(l);
    carry_out(l);
    settle(l);
    CU_ASSERT(rib_queue_count(&l->core->rib.dying) > CORE_DYING); /* so many are held */
    while (core_next_request(l->core, &r))
        CU_ASSERT_PTR_NOT_EQUAL(r.pump, l->listener);
    lab_close(l);
}

/* As much as a connection holds, again and again. */
static void talk_on(struct lab *l)
{
    uint8_t message[BGP_MESSAGE_MAX];
    size_t room, len = put_update(message, 0, true);
    for (uint8_t *at; (at = pump_rx_space(l->listener, &room)), room >= len;) {
        memcpy(at, message, len);
        core_received(l->core, l->listener, len);
    }
}

static void test_who_never_stops_talking_keeps_nobody_from_being_heard(void)
{
    struct lab *l = lab_open();
    come_up(l);
    for (int i = 0; i < 3; i++) {
        talk_on(l);
        turn(l);
    }
    uint32_t before = paths(l);
    size_t room;
    uint8_t *at = pump_rx_space(l->talker, &room);
    core_received(l->core, l->talker, put_update(at, BY_UPDATE, true));
    talk_on(l);
    for (int i = 0; i < 2; i++)
        turn(l);
    CU_ASSERT_EQUAL(paths(l), before + BY_UPDATE);
    lab_close(l);
}

/* More bytes than a turn may take wait in the connection, which ends before their turn comes. */
static void test_what_a_connection_left_behind_is_read_at_its_end(void)
{
    struct lab *l = lab_open();
    come_up(l);
    size_t room, len = 0;
    uint32_t first = 0;
    for (uint8_t *at = pump_rx_space(l->talker, &room); len + 2 * BGP_MESSAGE_MAX < room; first += BY_UPDATE)
        len += put_update(at + len, first, true);
    CU_ASSERT_TRUE_FATAL(len > 2 * CORE_RX_BUDGET);
    core_received(l->core, l->talker, len);
    core_closed(l->core, l->talker, CORE_CLOSE_RESET, l->now);
    l->talker = NULL;
    CU_ASSERT_TRUE(list_is_empty(&l->core->ready));
    settle(l);
    CU_ASSERT_EQUAL(paths(l), 0);
    lab_close(l);
}

/* D4: what its NVAs said in the second pause comes a moment later, and the first one had their hold times over in a second. */
static void test_who_sleeps_again_right_after_a_pause_notices_both(void)
{
    enum { LONG_MS = 12000, AWAKE_MS = 23, SHORT_MS = 1187 };
    struct lab *l = lab_open();
    l->talker = dial(l, 2);
    say(l, l->talker, HEADER("0023", "01") "04 fde9 000a 0a000002 06 02 04 0200 4600" KEEPALIVE);
    l->now += LONG_MS;
    for (int ms = 0; ms < AWAKE_MS; ms++, l->now++)
        turn(l);
    const struct bgp_session *s = l->core->peers[1]->session;
    CU_ASSERT_TRUE_FATAL(bgp_session_slot(s) >= 0);
    l->now += SHORT_MS;
    settle(l);
    CU_ASSERT_TRUE(bgp_session_slot(s) >= 0);
    for (int ms = 0; ms <= CORE_REARM_MS; ms++, l->now++)
        turn(l);
    CU_ASSERT_TRUE(bgp_session_slot(s) < 0);
    lab_close(l);
}

CU_MAIN("core_turn", CU_CASE(test_what_a_connection_left_behind_is_read_at_its_end),
        CU_CASE(test_no_turn_does_more_than_its_budget),
        CU_CASE(test_what_flaps_keeps_its_place_while_its_nva_talks),
        CU_CASE(test_a_session_that_ends_with_a_full_table_makes_no_turn_long),
        CU_CASE(test_a_session_begins_while_the_table_of_the_last_one_is_removed),
        CU_CASE(test_what_a_target_holds_ends_no_session),
        CU_CASE(test_who_never_stops_talking_keeps_nobody_from_being_heard),
        CU_CASE(test_who_sleeps_again_right_after_a_pause_notices_both))
