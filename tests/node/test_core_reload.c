/* Another configuration for a core that works: what is touched, and what is not. */
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

#define TALK  "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true%s }\n"
#define LISTEN "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n"

static struct config *load_all(const char *server, const char *peers)
{
    return config_of("routeServer: { name: hub, mode: transparent%s\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers:\n%s",
                     server, peers);
}

static void reload(struct lab *l, const char *server, const char *peers)
{
    follow(l, load_all(server, peers));
    turn(l);
}

static bool is_up(const struct lab *l, const char *name)
{
    const struct core_peer *p = core_peer_find(l->core, name);
    return p && p->session && bgp_session_state(p->session) == BGP_ESTABLISHED;
}

static const char both[] = "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n" LISTEN;
static const char no_changes[] = " }";

/* Up, told, and of the same configuration as `both` with no_changes. */
static struct lab *told(void)
{
    return lab_told("", OPEN("fde9", "02"));
}

static unsigned updates(const struct player *p)
{
    return p->announced + p->withdrawn;
}

/* ---- what stays ---- */

static void test_the_same_again_touches_nothing(void)
{
    struct lab *l = told();
    unsigned before = updates(&l->players[LISTENER]);
    reload(l, no_changes, both);
    pass(l, 2);
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    CU_ASSERT_EQUAL(updates(&l->players[LISTENER]), before);
    CU_ASSERT_FALSE(l->core->recheck.is_on);
    lab_close(l);
}

/* RFC 5880 section 6.8.3. */
static void test_other_times_of_bfd_keep_the_session(void)
{
    struct lab *l = lab_told(", bfd: true", OPEN("fde9", "02"));
    struct core_request r = { .kind = CORE_DIAL };
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", bfd: { interval: 500ms, multiplier: 5 }");
    follow(l, load_all(no_changes, peers));
    CU_ASSERT_TRUE(core_next_request(l->core, &r));
    CU_ASSERT_TRUE(r.kind == CORE_BFD_OPEN && r.bfd.interval_ms == 500 && r.bfd.multiplier == 5);
    CU_ASSERT_FALSE(core_next_request(l->core, &r));
    turn(l);
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    lab_close(l);
}

static void test_what_is_judged_only_keeps_the_session(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", type: vpnGateway, allowOwnAs: 1, symmetric: false, "
                                               "maxRoutes: { limit: 10, action: trim }");
    reload(l, ", maxPaths: 3, hubRoutingPreference: VpnGateway }", peers);
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    CU_ASSERT_EQUAL(l->core->rib.max_paths, 3);
    const struct core_peer *p = core_peer_find(l->core, "talker");
    CU_ASSERT_EQUAL(l->core->nvas[p->nva].type, CONFIG_VPN_GATEWAY);
    CU_ASSERT_EQUAL(l->core->rib.limits[p->nva].keep, 10);
    CU_ASSERT_FALSE(listener_has(l)); /* of another type now, and branches are kept apart */
    reload(l, ", allowBranchToBranchTraffic: true }", peers);
    CU_ASSERT_TRUE(listener_has(l));
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    lab_close(l);
}

/* ---- peers ---- */

static void test_a_session_whose_settings_changed_is_reset_and_no_other(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", holdTime: 30");
    reload(l, no_changes, peers);
    CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_CONFIG_CHANGE);
    CU_ASSERT_TRUE(is_up(l, "listener"));
    CU_ASSERT_TRUE(listener_has(l)); /* its routes wait for it */
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_TRUE(listener_has(l));
    CU_ASSERT_EQUAL(l->players[LISTENER].withdrawn, 0);
    lab_close(l);
}

static void test_routes_do_not_wait_for_ever_for_a_session_that_was_reset(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", holdTime: 30");
    reload(l, no_changes, peers);
    pass(l, 119);
    CU_ASSERT_TRUE(listener_has(l));
    pass(l, 2);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_that_is_removed_while_its_routes_wait_goes_with_them(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", holdTime: 30");
    reload(l, no_changes, peers);
    reload(l, no_changes, LISTEN);
    CU_ASSERT_FALSE(listener_has(l));
    pass(l, 3);
    CU_ASSERT_PTR_NULL(core_peer_find(l->core, "talker"));
    lab_close(l);
}

static void test_another_nva_under_an_old_name_has_none_of_its_routes(void)
{
    struct lab *l = told();
    reload(l, no_changes, "  - { name: talker, peerIp: 10.0.0.4, peerAsn: 65001, passive: true }\n" LISTEN);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_peer_that_is_back_before_it_has_gone_does_not_show_that_it_was_removed(void)
{
    struct lab *l = told();
    struct core_peer_view p;
    reload(l, no_changes, LISTEN);
    uint16_t nva = core_peer_find(l->core, "talker")->nva;
    CU_ASSERT_TRUE(core_peer_view(l->core, nva - 1u, &p) && p.error.text[0]);
    reload(l, no_changes, both);
    CU_ASSERT_TRUE_FATAL(core_peer_view(l->core, nva - 1u, &p));
    CU_ASSERT_STRING_EQUAL(p.peer->name, "talker");
    CU_ASSERT_STRING_EQUAL(p.error.text, "");
    lab_close(l);
}

static void test_a_peer_that_is_removed_goes_with_its_routes(void)
{
    struct lab *l = told();
    reload(l, no_changes, LISTEN);
    CU_ASSERT_EQUAL(l->players[TALKER].told.code, BGP_CEASE);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_PEER_DECONFIGURED);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_TRUE(l->core->nvas[core_peer_find(l->core, "talker")->nva].is_taken_out);
    dial(l, TALKER);
    turn(l);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_CONNECTION_REJECTED);
    pass(l, 3);
    CU_ASSERT_PTR_NULL(core_peer_find(l->core, "talker"));
    lab_close(l);
}

static void test_a_peer_that_is_added_comes_up_and_is_told_all(void)
{
    struct lab *l = told();
    reload(l, no_changes, "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n" LISTEN
                          "  - { name: third, peerIp: 10.0.0.4, peerAsn: 65003, passive: true }\n");
    come_up(l, 4, OPEN("fdeb", "04"));
    pass(l, 1);
    CU_ASSERT_TRUE(l->players[4].has_route);
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    lab_close(l);
}

static void test_a_disabled_peer_is_told_so_and_comes_back(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, TALK LISTEN, ", disabled: true");
    reload(l, no_changes, peers);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_ADMIN_SHUTDOWN);
    CU_ASSERT_PTR_NULL(core_peer_find(l->core, "talker")->session);
    reload(l, no_changes, both);
    come_up(l, TALKER, OPEN("fde9", "02"));
    CU_ASSERT_TRUE(is_up(l, "talker"));
    lab_close(l);
}

static void test_the_servers_own_as_number_resets_all(void)
{
    struct lab *l = told();
    reload(l, ", virtualRouterAsn: 65500 }", both);
    CU_ASSERT_EQUAL(l->players[TALKER].told.subcode, BGP_CONFIG_CHANGE);
    CU_ASSERT_EQUAL(l->players[LISTENER].told.subcode, BGP_CONFIG_CHANGE);
    lab_close(l);
}

static void test_a_prefix_of_peers_comes_and_goes(void)
{
    struct lab *l = told();
    char peers[512];
    snprintf(peers, sizeof peers, "%s  - { name: edge, peerIp: 10.0.0.0/24, peerAsn: 65003 }\n", both);
    reload(l, no_changes, peers);
    come_up(l, 4, OPEN("fdeb", "04"));
    CU_ASSERT_TRUE(is_up(l, "edge@10.0.0.4"));
    reload(l, ", maxPaths: 2 }", peers);
    CU_ASSERT_TRUE(is_up(l, "edge@10.0.0.4"));
    reload(l, no_changes, both);
    CU_ASSERT_EQUAL(l->players[4].told.subcode, BGP_PEER_DECONFIGURED);
    pass(l, 3);
    CU_ASSERT_PTR_NULL(core_peer_find(l->core, "edge@10.0.0.4"));
    lab_close(l);
}

/* ---- virtual networks ---- */

#define VNET(prefixes) " }\nvirtualNetworks: [{ name: hub, addressPrefixes: [" prefixes "] }]"

static void test_another_space_judges_routes_anew_without_a_reset(void)
{
    struct lab *l = told();
    reload(l, VNET("172.16.0.0/12"), both); /* the talker's next hop is outside */
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_TRUE(is_up(l, "talker") && is_up(l, "listener"));
    reload(l, VNET("172.16.0.0/12, 10.0.0.0/24"), both);
    CU_ASSERT_TRUE(listener_has(l));
    reload(l, no_changes, both);
    CU_ASSERT_TRUE(listener_has(l));
    lab_close(l);
}

enum { MANY = 20000 };

/* A route that came as others do, and many more like it. */
static const struct ip_prefix known = { .len = 24, .bytes = { 192, 168, 1 } };

static struct lab *told_many(void)
{
    struct lab *l = told();
    uint16_t nva = core_peer_find(l->core, "talker")->nva;
    struct rib *r = &l->core->rib;
    hang_up(l, LISTENER); /* so many are no matter for its little buffer */
    uint32_t attrs = rib_path(r, rib_best(rib_net(r, prefix_table_find(&r->nets, &known))))->attrs;
    for (uint32_t i = 0; i < MANY; i++) {
        struct ip_prefix p = { .len = 32, .bytes = { 100, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
        CU_ASSERT_EQUAL_FATAL(rib_announce(r, r->self, nva, &p, 0, attrs), 0);
    }
    pass(l, 2);
    return l;
}

static void reconfigure(struct lab *l, const char *server)
{
    struct config *next = load_all(server, both);
    config_follow(l->config, next);
    core_reconfigure(l->core, next, l->now);
    config_free(next);
}

static uint32_t count_accepted(const struct lab *l)
{
    const struct rib *r = &l->core->rib;
    return r->origins[r->self].sessions[core_peer_find(l->core, "talker")->nva].accepted;
}

/* Each turn judges some, and asks for the next at once. Returns how many turns it took. */
static unsigned judge_all(struct lab *l)
{
    unsigned turns = 0;
    for (; l->core->recheck.is_on && turns < 100; turns++)
        CU_ASSERT_TRUE(core_turn(l->core, l->now) == l->now || !l->core->recheck.is_on);
    return turns;
}

static void test_many_routes_are_judged_in_slices(void)
{
    struct lab *l = told_many();
    struct rib *r = &l->core->rib;
    reconfigure(l, VNET("172.16.0.0/12"));
    unsigned turns = judge_all(l);
    CU_ASSERT_TRUE(turns >= MANY / CORE_DECIDE_BUDGET && turns < 20);
    for (turns = 0; turns < 50; turns++)
        core_turn(l->core, ++l->now);
    CU_ASSERT_EQUAL(rib_best(rib_net(r, prefix_table_find(&r->nets, &known))), 0);
    lab_close(l);
}

/* Nor does one that follows before the last has reached all of them do more at once. */
static void test_the_next_configuration_begins_again_where_the_last_is_under_way(void)
{
    struct lab *l = told_many();
    uint32_t all = count_accepted(l);
    CU_ASSERT_TRUE_FATAL(all > MANY);
    reconfigure(l, VNET("172.16.0.0/12"));
    core_turn(l->core, l->now);
    uint32_t some = count_accepted(l);
    CU_ASSERT_TRUE_FATAL(some && some < all);
    reconfigure(l, VNET("172.16.0.0/13"));
    CU_ASSERT_EQUAL(count_accepted(l), some);
    CU_ASSERT_TRUE(judge_all(l) >= MANY / CORE_DECIDE_BUDGET);
    CU_ASSERT_EQUAL(count_accepted(l), 0);
    reconfigure(l, no_changes);
    core_turn(l->core, l->now);
    reconfigure(l, no_changes); /* the same once more: what is under way goes to its end */
    judge_all(l);
    CU_ASSERT_EQUAL(count_accepted(l), all);
    lab_close(l);
}

static void test_prefixes_of_the_space_are_announced_and_withdrawn(void)
{
    struct lab *l = lab_open("");
    come_up(l, LISTENER, OPEN("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    reload(l, VNET("192.168.1.0/24, 10.0.0.0/24"), both);
    pass(l, 1);
    CU_ASSERT_TRUE(listener_has(l));
    reload(l, VNET("10.0.0.0/24"), both);
    pass(l, 1);
    CU_ASSERT_FALSE(listener_has(l));
    lab_close(l);
}

static void test_a_refusal_is_remembered_until_the_next_one_is_followed(void)
{
    struct lab *l = told();
    struct core_status s;
    core_config_refused(l->core, "line 5 is wrong", l->now);
    core_status(l->core, l->now, &s);
    CU_ASSERT_STRING_EQUAL(s.config_refused, "line 5 is wrong");
    reload(l, no_changes, both);
    core_status(l->core, l->now, &s);
    CU_ASSERT_STRING_EQUAL(s.config_refused, "");
    lab_close(l);
}

CU_MAIN("core_reload", CU_CASE(test_the_same_again_touches_nothing),
        CU_CASE(test_other_times_of_bfd_keep_the_session),
        CU_CASE(test_what_is_judged_only_keeps_the_session),
        CU_CASE(test_a_session_whose_settings_changed_is_reset_and_no_other),
        CU_CASE(test_routes_do_not_wait_for_ever_for_a_session_that_was_reset),
        CU_CASE(test_a_peer_that_is_removed_while_its_routes_wait_goes_with_them),
        CU_CASE(test_another_nva_under_an_old_name_has_none_of_its_routes),
        CU_CASE(test_a_peer_that_is_removed_goes_with_its_routes),
        CU_CASE(test_a_peer_that_is_back_before_it_has_gone_does_not_show_that_it_was_removed),
        CU_CASE(test_a_peer_that_is_added_comes_up_and_is_told_all),
        CU_CASE(test_a_disabled_peer_is_told_so_and_comes_back),
        CU_CASE(test_the_servers_own_as_number_resets_all), CU_CASE(test_a_prefix_of_peers_comes_and_goes),
        CU_CASE(test_another_space_judges_routes_anew_without_a_reset),
        CU_CASE(test_many_routes_are_judged_in_slices),
        CU_CASE(test_the_next_configuration_begins_again_where_the_last_is_under_way),
        CU_CASE(test_prefixes_of_the_space_are_announced_and_withdrawn),
        CU_CASE(test_a_refusal_is_remembered_until_the_next_one_is_followed))
