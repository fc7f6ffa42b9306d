/* NVAs that come and go while a core turns: their numbers, their routes, what is left of them. */
#include "node/core/core_impl.h"
#include "tests/lib/config_text.h"

enum { MANY = 500, OTHER = 2 };

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
};

static struct lab lab_open(void)
{
    struct lab l = { .now = 1000000 };
    l.config = config_of("routeServer: { name: hub, mode: transparent }\n"
                         "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                         "peers:\n"
                         "  - { name: one, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n"
                         "  - { name: two, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n");
    l.core = core_new(&(struct core_cfg){ .config = l.config, .self = 1 }, l.now);
    return l;
}

static void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
}

static void pass(struct lab *l, unsigned seconds)
{
    for (unsigned i = 0; i < 5 * seconds; i++) {
        l->now += 200;
        core_turn(l->core, l->now);
    }
}

static struct core_peer *add(struct lab *l, unsigned nth)
{
    struct config_peer cfg = l->config->peers[0];
    snprintf(cfg.name, sizeof cfg.name, "new-%u", nth);
    cfg.peer_ip.bytes[2] = (uint8_t)(1 + nth / 250);
    cfg.peer_ip.bytes[3] = (uint8_t)(nth % 250);
    struct core_peer *p = core_peer_add(l->core, &cfg, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    return p;
}

/* One route of this NVA, as another node's stream would bring it. */
static void other_node_has(struct lab *l, uint16_t nva, bool has)
{
    static const uint8_t canonical[] = { 0x40, BGP_ATTR_ORIGIN, 1, BGP_ORIGIN_IGP, 0x40, BGP_ATTR_AS_PATH, 0 };
    const struct ip_prefix prefix = { .len = 24, .bytes = { 192, 168, (uint8_t)nva } };
    struct rib_session fact = { .state = has ? RIB_SESSION_SYNCED : RIB_SESSION_DOWN, .generation = 1 };
    struct bgp_attrs attrs;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&l->core->rib, OTHER, nva, &fact, l->now), 0);
    if (!has)
        return;
    CU_ASSERT_EQUAL_FATAL(bgp_attrs_summarise(canonical, sizeof canonical, &attrs), true);
    attrs.next_hop = l->core->nvas[nva].address;
    uint32_t id = bgp_attrs_intern(&l->core->rib.attrs, &attrs);
    CU_ASSERT_EQUAL_FATAL(rib_announce(&l->core->rib, OTHER, nva, &prefix, 0, id), 0);
    bgp_attrs_unref(&l->core->rib.attrs, id);
}

static void test_many_nvas_come_and_each_has_a_number_and_a_session(void)
{
    struct lab l = lab_open();
    struct core_peer *one = core_peer_find(l.core, "one");
    CU_ASSERT_PTR_NOT_NULL_FATAL(one);
    for (unsigned i = 0; i < MANY; i++)
        core_bgp_start(l.core, add(&l, i));
    pass(&l, 2);
    CU_ASSERT_EQUAL(core_peer_count(l.core), MANY + 2);
    CU_ASSERT_PTR_EQUAL(core_peer_find(l.core, "one"), one);
    CU_ASSERT_EQUAL(core_peer_find(l.core, "new-499")->nva, MANY + 2);
    CU_ASSERT_STRING_EQUAL(core_nva_name(l.core, MANY + 2), "new-499");
    lab_close(&l);
}

static void test_the_number_of_an_nva_that_is_gone_is_given_again(void)
{
    struct lab l = lab_open();
    struct core_peer *two = core_peer_find(l.core, "two");
    struct core_peer_view view;
    core_bgp_end(l.core, two);
    core_peer_remove(l.core, two);
    pass(&l, 3);
    CU_ASSERT_PTR_NULL(core_peer_find(l.core, "two"));
    CU_ASSERT_FALSE(core_peer_view(l.core, 1, &view));
    CU_ASSERT_STRING_EQUAL(core_nva_name(l.core, 2), "unknown");
    CU_ASSERT_EQUAL(add(&l, 1)->nva, 2);
    CU_ASSERT_TRUE(core_peer_view(l.core, 1, &view));
    lab_close(&l);
}

static void test_a_number_is_kept_while_another_node_has_routes_of_it(void)
{
    struct lab l = lab_open();
    struct core_peer *two = core_peer_find(l.core, "two");
    other_node_has(&l, two->nva, true);
    core_bgp_end(l.core, two);
    core_peer_remove(l.core, two);
    pass(&l, 3);
    CU_ASSERT_PTR_EQUAL(core_peer_find(l.core, "two"), two);
    CU_ASSERT_EQUAL(l.core->rib.origins[OTHER].paths, 1);
    other_node_has(&l, two->nva, false);
    pass(&l, 3);
    CU_ASSERT_PTR_NULL(core_peer_find(l.core, "two"));
    CU_ASSERT_EQUAL(l.core->rib.origins[OTHER].paths, 0);
    lab_close(&l);
}

static void test_held_copies_go_with_an_nva_that_is_taken_out(void)
{
    struct lab l = lab_open();
    struct core_peer *two = core_peer_find(l.core, "two");
    other_node_has(&l, two->nva, true);
    repl_evidence_lost(&l.core->rib, OTHER, l.now);
    core_bgp_end(l.core, two);
    core_peer_remove(l.core, two);
    pass(&l, 3);
    CU_ASSERT_EQUAL(l.core->rib.origins[OTHER].paths, 0);
    CU_ASSERT_PTR_NULL(core_peer_find(l.core, "two"));
    lab_close(&l);
}

static void test_an_nva_of_the_configuration_stays_without_a_session(void)
{
    struct lab l = lab_open();
    pass(&l, 10);
    CU_ASSERT_PTR_NOT_NULL(core_peer_find(l.core, "one"));
    CU_ASSERT_PTR_NOT_NULL(core_peer_find(l.core, "two"));
    lab_close(&l);
}

CU_MAIN("core_peers", CU_CASE(test_many_nvas_come_and_each_has_a_number_and_a_session),
        CU_CASE(test_the_number_of_an_nva_that_is_gone_is_given_again),
        CU_CASE(test_a_number_is_kept_while_another_node_has_routes_of_it),
        CU_CASE(test_held_copies_go_with_an_nva_that_is_taken_out),
        CU_CASE(test_an_nva_of_the_configuration_stays_without_a_session))
