/* Peers by prefix, played on the wire: who calls, who is refused, who goes again. */
#include <stdio.h>

#include "bgp/codec/msg.h"
#include "node/config/change.h"
#include "node/core/core_impl.h"
#include "tests/lib/config_text.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "ffffffffffffffff ffffffffffffffff" length type
#define KEEPALIVE            HEADER("0013", "04")
#define OPEN(as)             HEADER("001d", "01") "04" as "0000 0a000009 00"
#define ROUTE(as, host)                                                                            \
    HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01" as "40 03 04 0a0000" host "18 c0a801"

enum { OTHER = 2 };

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
    struct pump *last; /* who called last; NULL once it was closed */
    struct bgp_fault told;
};

static struct config *load(const char *peers)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers:\n%s",
                     peers);
}

static struct lab lab_open(const char *peers)
{
    struct lab l = { .now = 1000000, .config = load(peers) };
    l.core = core_new(&(struct core_cfg){ .config = l.config, .self = 1 }, l.now);
    return l;
}

static void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
}

static void turn(struct lab *l);

static void reload(struct lab *l, const char *peers)
{
    struct config *next = load(peers);
    turn(l);
    config_follow(l->config, next);
    core_reconfigure(l->core, next, l->now);
    config_free(next);
    turn(l);
}

/* What a connection that is to be closed was told last. */
static void hear(struct lab *l, struct pump *p)
{
    size_t len;
    const uint8_t *bytes = pump_tx_bytes(p, &len);
    struct bgp_message m;
    struct bgp_fault fault;
    for (int n; len && (n = bgp_message_scan(bytes, len, 4096, &m, &fault)) > 0; bytes += n, len -= (size_t)n)
        if (m.type == BGP_NOTIFICATION)
            l->told = (struct bgp_fault){ .code = m.body[0], .subcode = m.body[1] };
}

static void turn(struct lab *l)
{
    struct core_request r;
    core_turn(l->core, l->now);
    while (core_next_request(l->core, &r)) {
        if (r.kind != CORE_CLOSE)
            continue;
        hear(l, r.pump);
        if (l->last == r.pump)
            l->last = NULL;
        core_closed(l->core, r.pump, CORE_CLOSE_EOF, l->now);
    }
}

static void pass(struct lab *l, unsigned seconds)
{
    for (unsigned i = 0; i < 5 * seconds; i++) {
        l->now += 200;
        turn(l);
    }
}

static void say(struct lab *l, struct pump *p, const char *text)
{
    size_t room;
    uint8_t *at = pump_rx_space(p, &room);
    core_received(l->core, p, hex(at, room, text));
    turn(l);
}

static struct pump *call(struct lab *l, uint8_t host)
{
    struct ip_addr remote = { .bytes = { 10, 0, 0, host } }, local = { .bytes = { 10, 0, 0, 1 } };
    l->told = (struct bgp_fault){ 0 };
    l->last = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    turn(l);
    return l->last;
}

static struct pump *come_up(struct lab *l, uint8_t host, const char *open)
{
    struct pump *p = call(l, host);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    say(l, p, open);
    if (l->last)
        say(l, p, KEEPALIVE);
    return l->last;
}

static bool is_up(const struct lab *l, const char *name)
{
    const struct core_peer *p = core_peer_find(l->core, name);
    return p && p->session && bgp_session_state(p->session) == BGP_ESTABLISHED;
}

static void hang_up(struct lab *l, struct pump *p)
{
    core_closed(l->core, p, CORE_CLOSE_RESET, l->now);
    l->last = NULL;
    turn(l);
}

static const char range[] = "  - { name: edge, peerIp: 10.0.0.0/24, peerAsn: [65001, 65010-65019], maxPeers: 2 }\n"
                            "  - { name: fixed, peerIp: 10.0.0.5, peerAsn: 65005, passive: true }\n";

/* ---- who calls ---- */

static void test_who_calls_from_the_prefix_is_a_peer_by_its_address(void)
{
    struct lab l = lab_open(range);
    struct core_peer_view view;
    struct pump *p = come_up(&l, 7, OPEN("fdf3"));
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.7"));
    CU_ASSERT_TRUE_FATAL(core_peer_view(l.core, core_peer_find(l.core, "edge@10.0.0.7")->nva - 1u, &view));
    CU_ASSERT_EQUAL(view.peer->peer_asn, 65011);
    CU_ASSERT_STRING_EQUAL(view.range, "edge");
    say(&l, p, ROUTE("fdf3", "07"));
    CU_ASSERT_EQUAL(l.core->rib.origins[1].paths, 1);
    CU_ASSERT_TRUE(come_up(&l, 5, OPEN("fded")) != NULL);
    CU_ASSERT_TRUE(is_up(&l, "fixed")); /* an entry of its own comes first */
    lab_close(&l);
}

static void test_another_as_number_is_refused(void)
{
    struct lab l = lab_open(range);
    come_up(&l, 7, OPEN("fdf4")); /* 65012 */
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.7"));
    come_up(&l, 8, OPEN("fdea")); /* 65002 */
    CU_ASSERT_FALSE(is_up(&l, "edge@10.0.0.8"));
    CU_ASSERT_EQUAL(l.told.code, BGP_OPEN_ERROR);
    CU_ASSERT_EQUAL(l.told.subcode, BGP_BAD_PEER_AS);
    lab_close(&l);
}

static void test_a_full_prefix_tells_the_next_caller_so(void)
{
    struct lab l = lab_open(range);
    uint64_t sequence = 0;
    unsigned lines = 0;
    struct core_event e;
    come_up(&l, 7, OPEN("fde9"));
    come_up(&l, 8, OPEN("fde9"));
    for (int i = 0; i < 100; i++)
        CU_ASSERT_PTR_NULL(call(&l, 9));
    CU_ASSERT_EQUAL(l.told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l.told.subcode, BGP_CONNECTION_REJECTED);
    while (core_next_event(l.core, &sequence, &e))
        lines += strcmp(e.name, "peer_unknown") == 0 && strstr(e.fields, "maxPeers") != NULL;
    CU_ASSERT_EQUAL(lines, 1);
    CU_ASSERT_PTR_NULL(core_peer_find(l.core, "edge@10.0.0.9"));
    lab_close(&l);
}

static void test_who_only_waits_to_come_back_makes_room(void)
{
    struct lab l = lab_open(range);
    struct pump *seven = come_up(&l, 7, OPEN("fde9"));
    come_up(&l, 8, OPEN("fde9"));
    hang_up(&l, seven);
    come_up(&l, 9, OPEN("fde9"));
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.9"));
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.8"));
    lab_close(&l);
}

static void test_who_has_an_entry_that_is_disabled_is_no_neighbour_of_a_prefix(void)
{
    struct lab l = lab_open("  - { name: wide, peerIp: 10.0.0.0/24, peerAsn: 65001 }\n"
                            "  - { name: narrow, peerIp: 10.0.0.8/30, peerAsn: 65001, disabled: true }\n"
                            "  - { name: fixed, peerIp: 10.0.0.5, peerAsn: 65001, disabled: true }\n");
    CU_ASSERT_PTR_NULL(call(&l, 5));
    CU_ASSERT_PTR_NULL(call(&l, 9));
    CU_ASSERT_EQUAL(l.told.subcode, BGP_CONNECTION_REJECTED);
    come_up(&l, 7, OPEN("fde9"));
    CU_ASSERT_TRUE(is_up(&l, "wide@10.0.0.7"));
    lab_close(&l);
}

/* ---- another configuration ---- */

static void test_an_entry_that_says_more_takes_a_neighbour_over(void)
{
    static const char wide[] = "  - { name: wide, peerIp: 10.0.0.0/24, peerAsn: 65001 }\n";
    static const char all[] = "  - { name: wide, peerIp: 10.0.0.0/24, peerAsn: 65001 }\n"
                              "  - { name: narrow, peerIp: 10.0.0.8/30, peerAsn: 65001 }\n"
                              "  - { name: fixed, peerIp: 10.0.0.5, peerAsn: 65001, passive: true }\n";
    static const uint8_t hosts[] = { 5, 7, 9 };
    struct lab l = lab_open(wide);
    for (size_t i = 0; i < sizeof hosts; i++)
        come_up(&l, hosts[i], OPEN("fde9"));
    reload(&l, all);
    CU_ASSERT_FALSE(is_up(&l, "wide@10.0.0.5") || is_up(&l, "wide@10.0.0.9"));
    CU_ASSERT_TRUE(l.told.code == BGP_CEASE && l.told.subcode == BGP_CONFIG_CHANGE); /* it is not deconfigured */
    CU_ASSERT_TRUE(is_up(&l, "wide@10.0.0.7")); /* nothing says more of it */
    come_up(&l, 5, OPEN("fde9"));
    come_up(&l, 9, OPEN("fde9"));
    CU_ASSERT_TRUE(is_up(&l, "fixed") && is_up(&l, "narrow@10.0.0.9"));
    reload(&l, wide);
    CU_ASSERT_FALSE(is_up(&l, "fixed") || is_up(&l, "narrow@10.0.0.9"));
    come_up(&l, 5, OPEN("fde9"));
    CU_ASSERT_TRUE(is_up(&l, "wide@10.0.0.5"));
    reload(&l, "  - { name: far, peerIp: 10.0.9.1, peerAsn: 65001 }\n");
    CU_ASSERT_TRUE(l.told.code == BGP_CEASE && l.told.subcode == BGP_PEER_DECONFIGURED);
    lab_close(&l);
}

/* ---- who goes ---- */

static void test_a_silent_neighbour_goes_with_all_that_it_had(void)
{
    struct lab l = lab_open(range);
    struct pump *p = come_up(&l, 7, OPEN("fde9"));
    say(&l, p, ROUTE("fde9", "07"));
    hang_up(&l, p);
    CU_ASSERT_EQUAL(l.core->rib.origins[1].paths, 0);
    pass(&l, 5);
    CU_ASSERT_PTR_NOT_NULL(core_peer_find(l.core, "edge@10.0.0.7"));
    pass(&l, 8);
    CU_ASSERT_PTR_NULL(core_peer_find(l.core, "edge@10.0.0.7"));
    p = come_up(&l, 7, OPEN("fde9"));
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.7"));
    lab_close(&l);
}

static void test_a_neighbour_that_stays_stays(void)
{
    struct lab l = lab_open(range);
    come_up(&l, 7, OPEN("fde9"));
    pass(&l, 60);
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.7"));
    lab_close(&l);
}

static void test_many_callers_one_after_the_other_use_few_numbers(void)
{
    struct lab l = lab_open(range);
    for (unsigned i = 0; i < 40; i++) {
        struct pump *p = come_up(&l, (uint8_t)(10 + i), OPEN("fde9"));
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        hang_up(&l, p);
        pass(&l, 2);
    }
    CU_ASSERT_TRUE(core_peer_count(l.core) < 10);
    lab_close(&l);
}

/* ---- other nodes ---- */

static void hear_names(struct lab *l, const char *const *names, uint16_t count)
{
    core_dynamic_hear(l->core, &(struct repl_batch){ .names = names, .name_count = count });
}

static void test_a_neighbour_of_another_node_is_known_by_its_name_alone(void)
{
    static const char *const names[] = { "edge@10.0.0.7", "edge@10.0.1.7", "other@10.0.0.7", "edge@10.0.0.07",
                                         "edge@", "stranger" };
    struct lab l = lab_open(range);
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    hear_names(&l, names, sizeof names / sizeof *names);
    const struct core_peer *p = core_peer_find(l.core, "edge@10.0.0.7");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_PTR_NULL(p->session);
    CU_ASSERT_EQUAL(l.core->nvas[p->nva].address.bytes[3], 7);
    CU_ASSERT_EQUAL(core_peer_count(l.core), 2);
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&l.core->rib, OTHER, p->nva, &fact, l.now), 0);
    pass(&l, 20);
    CU_ASSERT_PTR_EQUAL(core_peer_find(l.core, "edge@10.0.0.7"), p); /* it has a session there */
    come_up(&l, 7, OPEN("fde9"));
    CU_ASSERT_PTR_NOT_NULL(p->session); /* and now one here, under the same number */
    fact.state = RIB_SESSION_DOWN;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&l.core->rib, OTHER, p->nva, &fact, l.now), 0);
    pass(&l, 20);
    CU_ASSERT_TRUE(is_up(&l, "edge@10.0.0.7"));
    lab_close(&l);
}

static void test_what_another_node_tells_is_bounded_too(void)
{
    struct lab l = lab_open(range);
    for (unsigned i = 0; i < 200; i++) {
        char name[32];
        const char *names[] = { name };
        snprintf(name, sizeof name, "edge@10.0.0.%u", 10 + i);
        hear_names(&l, names, 1);
    }
    CU_ASSERT_EQUAL(core_peer_count(l.core), 1 + 2);
    lab_close(&l);
}

static void test_after_a_start_nobody_knows_who_is_missing(void)
{
    struct lab l = lab_open(range);
    CU_ASSERT_FALSE(core_bgp_all_synced(l.core));
    lab_close(&l);
    l = lab_open("  - { name: edge, peerIp: 10.0.0.0/24, peerAsn: 65001, disabled: true }\n");
    CU_ASSERT_TRUE(core_bgp_all_synced(l.core));
    CU_ASSERT_PTR_NULL(call(&l, 7));
    lab_close(&l);
}

CU_MAIN("core_dynamic", CU_CASE(test_who_calls_from_the_prefix_is_a_peer_by_its_address),
        CU_CASE(test_another_as_number_is_refused), CU_CASE(test_a_full_prefix_tells_the_next_caller_so),
        CU_CASE(test_who_only_waits_to_come_back_makes_room),
        CU_CASE(test_who_has_an_entry_that_is_disabled_is_no_neighbour_of_a_prefix),
        CU_CASE(test_an_entry_that_says_more_takes_a_neighbour_over),
        CU_CASE(test_a_silent_neighbour_goes_with_all_that_it_had),
        CU_CASE(test_a_neighbour_that_stays_stays),
        CU_CASE(test_many_callers_one_after_the_other_use_few_numbers),
        CU_CASE(test_a_neighbour_of_another_node_is_known_by_its_name_alone),
        CU_CASE(test_what_another_node_tells_is_bounded_too),
        CU_CASE(test_after_a_start_nobody_knows_who_is_missing))
