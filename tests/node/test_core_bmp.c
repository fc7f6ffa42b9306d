/* One core, one NVA played on the wire, one monitoring station: what the station is told, as words.
 *
 *     init, up:ADDRESS, down:ADDRESS/REASON, stats:ADDRESS, term:REASON, loc for the Loc-RIB's address,
 *     +PREFIX@TABLE announced, -PREFIX@TABLE withdrawn, eor:FAMILY@TABLE */
#include "node/core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/update.h"
#include "bgp/monitor/bmp.h"
#include "node/config/change.h"
#include "tests/lib/config_text.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "'marker' ffffffffffffffff ffffffffffffffff 'length'" length "'type'" type
#define KEEPALIVE            HEADER("0013", "04")
#define OPEN                 HEADER("001d", "01") "04 fde9 0000 0a000002 00"
#define LISTENER_OPEN        HEADER("001d", "01") "04 fdea 0000 0a000003 00"
#define GRACEFUL             HEADER("0027", "01") "04 fde9 0000 0a000002 0a 02 08 40 06 0078 0001 01 80"
#define END_OF_RIB           HEADER("0017", "02") "0000 0000"
#define ROUTE(third)                                                                               \
    HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a8" third
#define WITHDRAW(third) HEADER("001b", "02") "0004 18 c0a8" third "0000"

enum { TOLD = 1 << 20, TEXT = 1 << 16 };

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
    struct pump *nva, *listener, *station; /* NULL: none */
    bool is_deaf;               /* the station takes nothing */
    bool is_nva_deaf;
    unsigned dials;
    struct core_request dialled;
    uint8_t told[TOLD];
    size_t told_len;
    unsigned updates;
    uint8_t pdu[BMP_MESSAGE_MAX]; /* the NOTIFICATION of the last Peer Down */
    size_t pdu_len;
    char text[TEXT];
};

/* What a reload may change of the two NVAs. */
struct rules {
    const char *nva, *listener; /* more keys */
    unsigned limit;
};

static struct config *load(const char *station_keys, const struct rules *rules)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "routeMaps: [{ name: without-1, rules: [{ name: one, match: { routePrefix: 192.168.1.0/24 },\n"
                     "              action: drop }] },\n"
                     "            { name: longer, rules: [{ name: all, action: { prependAsPath: '65001' } }] }]\n"
                     "peers: [{ name: nva, peerIp: 10.0.0.2, peerAsn: 65001, passive: true%s,\n"
                     "          maxRoutes: { limit: %u, action: trim } },\n"
                     "        { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true%s }]\n"
                     "export: { bmp: [{ name: noc, station: '10.0.0.9:11019', connectRetry: 4s%s }] }\n",
                     rules->nva, rules->limit, rules->listener, station_keys);
}

/* ---- what the station reads ---- */

__attribute__((format(printf, 2, 3))) static void note(struct lab *l, const char *format, ...)
{
    size_t used = strlen(l->text);
    va_list args;
    va_start(args, format);
    vsnprintf(l->text + used, TEXT - used, format, args);
    va_end(args);
}

static void note_peer(struct lab *l, const char *what, const uint8_t *header)
{
    if (header[0] == BMP_LOC_RIB_INSTANCE)
        note(l, " %s:loc", what);
    else
        note(l, " %s:%u.%u.%u.%u", what, header[22], header[23], header[24], header[25]);
}

static const char *table_of(const uint8_t *header)
{
    if (header[0] == BMP_LOC_RIB_INSTANCE)
        return "loc";
    return header[1] == 0x50 ? "post-out" : header[1] == 0x40 ? "post-in" : header[1] == 0x10 ? "pre-out" : "pre-in";
}

static void note_nlri(struct lab *l, char sign, struct bgp_nlri n, const char *table)
{
    struct ip_prefix prefix;
    char text[IP_PREFIX_TEXT];
    for (uint32_t id; bgp_nlri_next(&n, &prefix, &id);)
        note(l, " %c%s@%s", sign, ip_prefix_format(&prefix, text), table);
}

static void note_route(struct lab *l, const uint8_t *header, size_t len)
{
    static const struct bgp_codec codec = { .as4 = true, .family = { true, true }, .max_message = 4096 };
    const struct bgp_update_context ctx = { .codec = &codec, .any_first_as = true };
    const uint8_t *message = header + BMP_PEER_HEADER;
    struct arena arena = { 0 };
    struct bgp_update u;
    CU_ASSERT_EQUAL_FATAL(
        bgp_update_decode(message + BGP_HEADER, len - BMP_PEER_HEADER - BGP_HEADER, &ctx, &arena, &u), 0);
    CU_ASSERT_EQUAL(u.fault.action, BGP_ACTION_NONE);
    l->updates++;
    for (int i = 0; i < u.withdrawn_count; i++)
        note_nlri(l, '-', u.withdrawn[i], table_of(header));
    for (int i = 0; i < u.reach_count; i++)
        note_nlri(l, '+', u.reach[i], table_of(header));
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (u.end_of_rib & 1u << f)
            note(l, " eor:%d@%s", f == BGP_IP4 ? 4 : 6, table_of(header));
    arena_fini(&arena);
}

static void note_message(struct lab *l, const uint8_t *m, size_t len)
{
    const uint8_t *header = m + BMP_HEADER;
    switch (m[5]) {
    case 0:
        note_route(l, header, len - BMP_HEADER);
        break;
    case 1:
        note_peer(l, "stats", header);
        break;
    case 2:
        note_peer(l, "down", header);
        note(l, "/%u", header[BMP_PEER_HEADER]);
        l->pdu_len = len - BMP_HEADER - BMP_PEER_HEADER - 1;
        memcpy(l->pdu, header + BMP_PEER_HEADER + 1, l->pdu_len);
        break;
    case 3:
        note_peer(l, "up", header);
        break;
    case 4:
        note(l, " init");
        break;
    default:
        note(l, " term:%u", m[len - 1]);
    }
}

static void read_told(struct lab *l)
{
    size_t at = 0;
    while (l->told_len - at >= BMP_HEADER) {
        size_t len = wire_get32(l->told + at + 1);
        CU_ASSERT_TRUE_FATAL(l->told[at] == 3 && len >= BMP_HEADER);
        if (len > l->told_len - at)
            break;
        note_message(l, l->told + at, len);
        at += len;
    }
    memmove(l->told, l->told + at, l->told_len - at);
    l->told_len -= at;
}

/* ---- the loop ---- */

static void take(struct lab *l, struct pump *p)
{
    size_t len;
    const uint8_t *bytes = pump_tx_bytes(p, &len);
    if (p == l->station) {
        CU_ASSERT_TRUE_FATAL(len <= TOLD - l->told_len);
        memcpy(l->told + l->told_len, bytes, len);
        l->told_len += len;
    }
    core_sent(l->core, p, len, l->now);
    read_told(l);
}

static void take_requests(struct lab *l)
{
    struct core_request r;
    while (core_next_request(l->core, &r)) {
        if (r.kind == CORE_DIAL) {
            l->dials++;
            l->dialled = r;
            continue;
        }
        if (r.pump != l->station || !l->is_deaf)
            take(l, r.pump);
        if (r.pump == l->station)
            l->station = NULL;
        if (r.pump == l->nva)
            l->nva = NULL;
        if (r.pump == l->listener)
            l->listener = NULL;
        core_closed(l->core, r.pump, CORE_CLOSE_EOF, l->now);
    }
}

static void turn(struct lab *l)
{
    for (int i = 0; i < 8; i++) {
        core_turn(l->core, l->now);
        take_requests(l);
        if (l->nva && !l->is_nva_deaf)
            take(l, l->nva);
        if (l->listener)
            take(l, l->listener);
        if (l->station && !l->is_deaf)
            take(l, l->station);
    }
}

static void pass(struct lab *l, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 5; i++) {
        l->now += 200;
        turn(l);
    }
}

static void send(struct lab *l, struct pump *p, const char *text)
{
    size_t room;
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    uint8_t *at = pump_rx_space(p, &room);
    core_received(l->core, p, hex(at, room, text));
    turn(l);
}

static void say(struct lab *l, const char *text)
{
    send(l, l->nva, text);
}

static void nva_comes(struct lab *l, const char *open)
{
    const struct ip_addr remote = { .bytes = { 10, 0, 0, 2 } }, local = { .bytes = { 10, 0, 0, 1 } };
    l->nva = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    say(l, open);
    say(l, KEEPALIVE);
}

static void listener_comes(struct lab *l)
{
    const struct ip_addr remote = { .bytes = { 10, 0, 0, 3 } }, local = { .bytes = { 10, 0, 0, 1 } };
    l->listener = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    send(l, l->listener, LISTENER_OPEN);
    send(l, l->listener, KEEPALIVE);
    send(l, l->listener, END_OF_RIB);
}

static void nva_goes(struct lab *l)
{
    core_closed(l->core, l->nva, CORE_CLOSE_RESET, l->now);
    l->nva = NULL;
    turn(l);
}

static void answer_dial(struct lab *l)
{
    const struct ip_addr local = { .bytes = { 10, 0, 0, 1 } };
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->dialled.pump);
    CU_ASSERT_EQUAL(l->dialled.port, CORE_PORT_BMP);
    CU_ASSERT_EQUAL(l->dialled.remote_port, 11019);
    l->station = l->dialled.pump;
    core_connected(l->core, l->station, &local, l->now);
    turn(l);
}

static void refuse_dial(struct lab *l)
{
    core_closed(l->core, l->dialled.pump, CORE_CLOSE_REFUSED, l->now);
    turn(l);
}

static struct lab *lab_open(const char *station_keys)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = load(station_keys, &(struct rules){ .nva = "", .listener = "", .limit = 2 });
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    turn(l);
    return l;
}

/* The NVA is up and has told 192.168.1.0/24; the station is connected. */
static struct lab *lab_told(const char *station_keys, const char *open)
{
    struct lab *l = lab_open(station_keys);
    nva_comes(l, open);
    say(l, ROUTE("01"));
    say(l, END_OF_RIB);
    answer_dial(l);
    return l;
}

/* As the loop does it. */
static void reload(struct lab *l, const char *station_keys, const struct rules *rules)
{
    struct config *next = load(station_keys, rules);
    CU_ASSERT_TRUE_FATAL(config_can_follow(l->config, next, stdout));
    take_requests(l);
    config_follow(l->config, next);
    core_reconfigure(l->core, next, l->now);
    config_free(next);
    pass(l, 1);
}

/* Two prefixes told, both NVAs up, the station has heard all. */
static struct lab *lab_ruled(const char *station_keys)
{
    struct lab *l = lab_told(station_keys, OPEN);
    say(l, ROUTE("02"));
    listener_comes(l);
    l->text[0] = 0;
    return l;
}

static void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
    free(l);
}

static void expect(struct lab *l, const char *wanted)
{
    if (strcmp(l->text, wanted) != 0)
        printf("\nwanted \"%s\"\ntold   \"%s\"\n", wanted, l->text);
    CU_ASSERT_STRING_EQUAL(l->text, wanted);
    l->text[0] = 0;
}

/* ---- the tests ---- */

static void test_a_station_is_told_who_is_up_and_each_table_to_its_end(void)
{
    struct lab *l = lab_told("", OPEN);
    expect(l, " init up:loc up:10.0.0.2 +192.168.1.0/24@pre-in eor:4@pre-in +192.168.1.0/24@post-in"
              " eor:4@post-in +192.168.1.0/24@loc eor:4@loc eor:6@loc");
    lab_close(l);
}

static void test_changes_are_told_as_they_come(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre, locRib]", OPEN);
    l->text[0] = 0;
    say(l, ROUTE("02"));
    expect(l, " +192.168.2.0/24@pre-in +192.168.2.0/24@loc");
    say(l, WITHDRAW("01"));
    expect(l, " -192.168.1.0/24@pre-in -192.168.1.0/24@loc");
    lab_close(l);
}

static void test_what_falls_out_of_the_limit_is_withdrawn_after_policy_only(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre, adjRibInPost]", OPEN);
    say(l, ROUTE("02"));
    l->text[0] = 0;
    say(l, ROUTE("00")); /* the first two are kept, .2 no longer */
    expect(l, " +192.168.0.0/24@pre-in +192.168.2.0/24@pre-in +192.168.0.0/24@post-in -192.168.2.0/24@post-in");
    say(l, WITHDRAW("00"));
    expect(l, " +192.168.2.0/24@pre-in -192.168.0.0/24@pre-in +192.168.2.0/24@post-in -192.168.0.0/24@post-in");
    lab_close(l);
}

static void test_peers_go_with_their_reason(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre]", OPEN);
    l->text[0] = 0;
    nva_goes(l);
    expect(l, " down:10.0.0.2/4");
    nva_comes(l, OPEN);
    expect(l, " up:10.0.0.2");
    say(l, HEADER("0015", "03") "06 02");
    expect(l, " down:10.0.0.2/3");
    nva_comes(l, OPEN);
    l->text[0] = 0;
    say(l, HEADER("0013", "09"));
    expect(l, " down:10.0.0.2/1");
    lab_close(l);
}

static bool has_pdu(const struct lab *l, const char *text)
{
    static uint8_t expected[BGP_MESSAGE_MAX_EXTENDED];
    size_t len = hex(expected, sizeof expected, text);
    return l->pdu_len == len && memcmp(l->pdu, expected, len) == 0;
}

/* RFC 7854 section 4.9: the NOTIFICATION, with all that stands in it. */
static void test_a_peer_down_has_the_whole_notification_whoever_sent_it(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre]", OPEN);
    l->text[0] = 0;
    say(l, "ff*16 0fd3 02 0000 0fb8 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"
           "'nobody knows it' 50 63 0fa2 01 5a*4000 02  18 c0a801");
    expect(l, " down:10.0.0.2/1");
    CU_ASSERT_TRUE(has_pdu(l, "ff*16 0fbb 03 0302 50 63 0fa2 01 5a*4000 02"));
    pass(l, 1);
    nva_comes(l, OPEN);
    say(l, "ff*16 1000 03 06 c8 01 5a*4073 02");
    expect(l, " up:10.0.0.2 down:10.0.0.2/3");
    CU_ASSERT_TRUE(has_pdu(l, "ff*16 1000 03 06 c8 01 5a*4073 02"));
    pass(l, 1);
    nva_comes(l, HEADER("0021", "01") "04 fde9 0000 0a000002 04 02 02 'extended' 06 00");
    say(l, "ff*16 ffff 03 06 c8 01 5a*65512 02");
    expect(l, " up:10.0.0.2 down:10.0.0.2/3");
    CU_ASSERT_TRUE(has_pdu(l, "ff*16 ffff 03 06 c8 01 5a*65512 02"));
    lab_close(l);
}

/* RFC 9687 section 4.3: no NOTIFICATION is sent, so that RFC 7854 section 4.9 wants the event. */
static void test_a_peer_that_never_reads_goes_without_a_notification(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre]", OPEN);
    reload(l, ", routes: [adjRibInPre]", &(struct rules){ .nva = ", sendHoldTime: 3s", .listener = "", .limit = 2 });
    if (!l->nva)
        nva_comes(l, OPEN);
    listener_comes(l);
    l->text[0] = 0;
    l->is_nva_deaf = true;
    send(l, l->listener, HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fdea  40 03 04 0a000003 18 c0a863");
    pass(l, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, " down:10.0.0.2/2"));
    CU_ASSERT_TRUE(has_pdu(l, "'event' 001d"));
    lab_close(l);
}

static void test_held_routes_are_told_again_when_they_are_heard_again(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre]", GRACEFUL);
    say(l, ROUTE("02"));
    l->text[0] = 0;
    nva_goes(l);
    nva_comes(l, GRACEFUL);
    expect(l, " down:10.0.0.2/4 up:10.0.0.2");
    say(l, ROUTE("01"));
    expect(l, " +192.168.1.0/24@pre-in");
    say(l, END_OF_RIB);
    expect(l, " -192.168.2.0/24@pre-in eor:4@pre-in");
    lab_close(l);
}

static void test_an_adj_rib_out_is_what_the_peer_is_told(void)
{
    struct lab *l = lab_told(", routes: [adjRibOutPre, adjRibOutPost]", OPEN);
    expect(l, " init up:10.0.0.2 eor:4@pre-out eor:4@post-out"); /* its own is no news to it */
    lab_close(l);
}

static void test_empty_tables_end_too(void)
{
    struct lab *l = lab_open(", routes: [adjRibInPre, locRib, adjRibOutPost]");
    nva_comes(l, OPEN);
    say(l, END_OF_RIB);
    answer_dial(l);
    expect(l, " init up:loc up:10.0.0.2 eor:4@pre-in eor:4@loc eor:6@loc eor:4@post-out");
    lab_close(l);
}

static void test_a_slow_station_is_told_the_latest_state_only(void)
{
    struct lab *l = lab_told(", routes: [adjRibInPre]", OPEN);
    l->text[0] = 0;
    l->is_deaf = true;
    for (int i = 0; i < 5000; i++) { /* more than a pump holds, if each was a message */
        say(l, ROUTE("02"));
        say(l, WITHDRAW("02"));
        say(l, ROUTE("02"));
    }
    l->is_deaf = false;
    l->updates = 0;
    turn(l);
    CU_ASSERT_TRUE(l->updates < 5000);
    say(l, WITHDRAW("02"));
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "+192.168.2.0/24@pre-in -192.168.2.0/24@pre-in"));
    lab_close(l);
}

static void test_a_station_that_takes_nothing_is_hung_up_on_and_begins_anew(void)
{
    struct lab *l = lab_told("", OPEN);
    l->is_deaf = true;
    l->text[0] = 0;
    say(l, ROUTE("02"));
    pass(l, 29);
    CU_ASSERT_PTR_NOT_NULL(l->station);
    pass(l, 2);
    CU_ASSERT_PTR_NULL(l->station);
    CU_ASSERT_PTR_NOT_NULL(l->nva); /* nobody else notices */
    l->is_deaf = false;
    l->dialled.pump = NULL;
    pass(l, 4);
    l->text[0] = 0;
    l->told_len = 0;
    answer_dial(l);
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, " init up:loc up:10.0.0.2 +192.168.1.0/24@pre-in +192.168.2.0/24@pre-in"));
    lab_close(l);
}

static void test_dials_are_further_and_further_apart(void)
{
    struct lab *l = lab_open("");
    CU_ASSERT_EQUAL(l->dials, 1);
    for (unsigned wait = 4, dials = 2; wait <= 64; wait *= 2, dials++) {
        refuse_dial(l);
        pass(l, wait - 1);
        CU_ASSERT_EQUAL(l->dials, dials - 1);
        pass(l, 1);
        CU_ASSERT_EQUAL(l->dials, dials);
    }
    answer_dial(l);
    core_closed(l->core, l->station, CORE_CLOSE_EOF, l->now);
    l->station = NULL;
    pass(l, 4);
    CU_ASSERT_EQUAL(l->dials, 7); /* it was there: from the beginning */
    lab_close(l);
}

static void test_what_a_station_says_is_not_heard(void)
{
    struct lab *l = lab_told("", OPEN);
    l->text[0] = 0;
    for (int i = 0; i < 4; i++) {
        size_t room;
        memset(pump_rx_space(l->station, &room), 0xff, PUMP_RX);
        CU_ASSERT_EQUAL(room, PUMP_RX);
        core_received(l->core, l->station, PUMP_RX);
        turn(l);
    }
    say(l, WITHDRAW("01"));
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "-192.168.1.0/24@pre-in"));
    lab_close(l);
}

static void test_reports_come_in_their_interval(void)
{
    struct lab *l = lab_told(", statisticsInterval: 10s", OPEN);
    l->text[0] = 0;
    pass(l, 9);
    expect(l, "");
    pass(l, 1);
    expect(l, " stats:loc stats:10.0.0.2");
    pass(l, 10);
    expect(l, " stats:loc stats:10.0.0.2");
    lab_close(l);
}

/* RFC 7854 section 5, RFC 9069 section 6.1: what a rule makes of routes that are there is told as it changes. */
static void test_a_new_map_for_the_way_in_is_told_after_policy_and_of_the_loc_rib(void)
{
    static const char keys[] = ", routes: [adjRibInPre, adjRibInPost, locRib]";
    struct lab *l = lab_ruled(keys);
    reload(l, keys, &(struct rules){ .nva = ", inboundRouteMap: without-1", .listener = "", .limit = 2 });
    expect(l, " +192.168.1.0/24@pre-in -192.168.1.0/24@post-in -192.168.1.0/24@loc");
    reload(l, keys, &(struct rules){ .nva = ", inboundRouteMap: longer", .listener = "", .limit = 2 });
    expect(l, " +192.168.1.0/24@pre-in +192.168.2.0/24@pre-in +192.168.1.0/24@post-in +192.168.2.0/24@post-in"
              " +192.168.1.0/24@loc +192.168.2.0/24@loc");
    reload(l, keys, &(struct rules){ .nva = ", inboundRouteMap: longer", .listener = "", .limit = 2 });
    expect(l, "");
    lab_close(l);
}

static void test_a_new_limit_is_told_after_policy_and_of_the_loc_rib(void)
{
    static const char keys[] = ", routes: [adjRibInPost, locRib]";
    struct lab *l = lab_ruled(keys);
    reload(l, keys, &(struct rules){ .nva = "", .listener = "", .limit = 1 });
    expect(l, " -192.168.2.0/24@post-in -192.168.2.0/24@loc");
    reload(l, keys, &(struct rules){ .nva = "", .listener = "", .limit = 5 });
    expect(l, " +192.168.2.0/24@post-in +192.168.2.0/24@loc");
    lab_close(l);
}

/* RFC 8671 section 5: what the peer is not told any more is withdrawn after policy, and stays before it. */
static void test_a_new_map_for_the_way_out_is_told_after_policy(void)
{
    static const char keys[] = ", routes: [adjRibOutPre, adjRibOutPost]";
    struct lab *l = lab_ruled(keys);
    reload(l, keys, &(struct rules){ .nva = "", .listener = ", outboundRouteMap: without-1", .limit = 2 });
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "-192.168.1.0/24@post-out"));
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "+192.168.1.0/24@pre-out"));
    CU_ASSERT_PTR_NULL(strstr(l->text, "+192.168.1.0/24@post-out"));
    CU_ASSERT_PTR_NULL(strstr(l->text, "-192.168.1.0/24@pre-out"));
    l->text[0] = 0;
    reload(l, keys, &(struct rules){ .nva = "", .listener = "", .limit = 2 });
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "+192.168.1.0/24@post-out"));
    CU_ASSERT_PTR_NULL(strstr(l->text, "-192.168.1.0/24"));
    lab_close(l);
}

/* A map or a limit for the way in: what is not there any more is withdrawn from who was told it, too. */
static void test_rules_for_the_way_in_reach_the_adj_rib_out(void)
{
    static const char keys[] = ", routes: [adjRibOutPre, adjRibOutPost]";
    struct lab *l = lab_ruled(keys);
    reload(l, keys, &(struct rules){ .nva = ", inboundRouteMap: without-1", .listener = "", .limit = 2 });
    expect(l, " -192.168.1.0/24@pre-out -192.168.1.0/24@pre-out -192.168.1.0/24@post-out -192.168.1.0/24@post-out");
    reload(l, keys, &(struct rules){ .nva = "", .listener = "", .limit = 1 });
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "+192.168.1.0/24@post-out"));
    CU_ASSERT_PTR_NOT_NULL(strstr(l->text, "-192.168.2.0/24@post-out"));
    CU_ASSERT_PTR_NULL(strstr(l->text, "+192.168.2.0/24"));
    lab_close(l);
}

static void test_a_stop_is_told(void)
{
    struct lab *l = lab_told("", OPEN);
    l->text[0] = 0;
    core_stop(l->core, l->now);
    pass(l, 4); /* the NVA is told first */
    expect(l, " term:0");
    CU_ASSERT_TRUE(core_is_stopped(l->core));
    lab_close(l);
}

CU_MAIN("core bmp", CU_CASE(test_a_station_is_told_who_is_up_and_each_table_to_its_end),
        CU_CASE(test_changes_are_told_as_they_come),
        CU_CASE(test_what_falls_out_of_the_limit_is_withdrawn_after_policy_only),
        CU_CASE(test_peers_go_with_their_reason),
        CU_CASE(test_a_peer_down_has_the_whole_notification_whoever_sent_it),
        CU_CASE(test_a_peer_that_never_reads_goes_without_a_notification),
        CU_CASE(test_held_routes_are_told_again_when_they_are_heard_again),
        CU_CASE(test_an_adj_rib_out_is_what_the_peer_is_told), CU_CASE(test_empty_tables_end_too),
        CU_CASE(test_a_slow_station_is_told_the_latest_state_only),
        CU_CASE(test_a_station_that_takes_nothing_is_hung_up_on_and_begins_anew),
        CU_CASE(test_dials_are_further_and_further_apart), CU_CASE(test_what_a_station_says_is_not_heard),
        CU_CASE(test_reports_come_in_their_interval),
        CU_CASE(test_a_new_map_for_the_way_in_is_told_after_policy_and_of_the_loc_rib),
        CU_CASE(test_a_new_limit_is_told_after_policy_and_of_the_loc_rib),
        CU_CASE(test_a_new_map_for_the_way_out_is_told_after_policy),
        CU_CASE(test_rules_for_the_way_in_reach_the_adj_rib_out), CU_CASE(test_a_stop_is_told))
