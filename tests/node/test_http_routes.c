/* What the API tells of routes, page by page. */
#include "tests/lib/http_lab.h"
#include "tests/lib/maps.h"

static void test_what_a_route_map_did_is_said_with_its_rule(void)
{
    struct lab l;
    lab_open(&l);
    struct route_map *m = map_of("no-default", true, false);
    map_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, "0.0.0.0/0");
    map_rule(m, "tag", false, false);
    map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "65515:10");
    map_edit(m, ROUTE_MAP_SET_LOCAL_PREF, "300");
    route_map_seal(m);
    l.core->nvas[3].inbound = m;
    announce_firewalls(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/peers/sdwan/learnedRoutes?prefix=0.0.0.0/0"), "\"filteredBy\":\"route-map\"");
    ASSERT_HAS(answer, "\"filteredReason\":\"map: rule \\\"no-default\\\" dropped it\"");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=10.250.0.0/16"), "\"communities\":[\"65515:10\"]");
    ASSERT_HAS(answer, "\"localPreference\":300");
    ASSERT_HAS(answer, "\"received\":{");
    ASSERT_HAS(get(&l, "/v1/routes?peer=sdwan&prefix=0.0.0.0/0"), "dropped it");
    ASSERT_HAS(get(&l, "/v1/routes/explain?prefix=10.250.0.0/16"),
               "\"text\":\"map: rule \\\"tag\\\" added 65515:10, set local preference 300\"");
    lab_close(&l);
    route_map_unref(m);
}

static void test_a_peers_routes_are_shown_as_received_and_as_sent(void)
{
    struct lab l;
    lab_open(&l);
    l.core->nvas[1].local_asn = 65515;
    announce_firewalls(l.core);
    fake_route_of(l.core, 1, 1, "10.66.0.0/16", (uint32_t[]){ 65001, 65515 }, 2, -1);
    fake_decide(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes?prefix=10.66.0.0/16"), "\"filteredBy\":\"as-loop\"");
    ASSERT_HAS(answer, "\"filteredReason\":\"the AS path holds the route server's own ASN\"");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes"), "\"node\":\"rs-b\"");
    ASSERT_LACKS(answer, "65003");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes?limit=1"), "\"nextCursor\":\"");
    ASSERT_HAS(get(&l, "/v1/peers/sdwan/advertisedRoutes"), "\"asPath\":[65515,65001]");
    ASSERT_HAS(answer, "\"from\":\"fw-1\"");
    ASSERT_HAS(answer, "\"pathId\":null");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/advertisedRoutes"), "\"items\":[],\"nextCursor\":null");
    ASSERT_HAS(get(&l, "/v1/peers/nobody/advertisedRoutes"), " 404 ");
    ASSERT_HAS(get(&l, "/v1/peers/nobody/learnedRoutes"), " 404 ");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/otherRoutes"), "no such path");
    ASSERT_HAS(get(&l, "/v1/peers//learnedRoutes"), "no such path");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes?peer=fw-2"), " 400 ");
    lab_close(&l);
}

static void test_what_a_target_lacks_is_listed_with_the_reason(void)
{
    static const struct config_target kernel = { .name = "kernel" };
    static const struct program_stats stats = { .wanted = 3, .installed = 2 };
    struct lab l;
    lab_open(&l);
    announce_firewalls(l.core);
    l.core->target = (struct core_target_view){ .target = &kernel, .runs_here = true, .state = "ok", .trouble = "", .owner = "none" };
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/programming/kernel/diff"), " 409 "); /* nothing is known of what it has */
    l.core->target.stats = &stats;
    ASSERT_HAS(get(&l, "/v1/status"), "\"wanted\":3,\"programmed\":2,");
    ASSERT_HAS(get(&l, "/v1/programming/kernel/diff"), "\"items\":[]");
    l.core->wants_all = true;
    ASSERT_HAS(get(&l, "/v1/programming/kernel/diff"),
               "{\"prefix\":\"10.250.0.0/16\",\"wanted\":[\"10.1.2.6\"],\"installed\":[],\"state\":\"failed\"");
    ASSERT_HAS(get(&l, "/v1/programming/kernel/diff?limit=1"), "\"nextCursor\":\"");
    ASSERT_HAS(get(&l, "/v1/programming/kernel/diff?prefix=10.0.0.0/8"), " 400 ");
    ASSERT_HAS(get(&l, "/v1/programming/nothing/diff"), " 404 ");
    ASSERT_HAS(get(&l, "/v1/programming/kernel/failover"), " 405 ");
    lab_close(&l);
}

static void test_routes_say_what_and_why(void)
{
    struct lab l;
    lab_open(&l);
    announce_firewalls(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/routes?prefix=0.0.0.0/0&peer=sdwan"), "AS path length 2, best has 1");
    ASSERT_HAS(answer, "\"asPath\":[65003,65099]");
    ASSERT_HAS(answer, "\"med\":7");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=0.0.0.0/0&best=true"), "shortest AS path (1)");
    ASSERT_HAS(answer, "\"multipath\":true");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=10.250.7.1&match=lpm"), "\"prefix\":\"10.250.0.0/16\"");
    ASSERT_LACKS(answer, "0.0.0.0/0");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=10.250.7.0/24&match=shorter"), "0.0.0.0/0");
    ASSERT_HAS(answer, "10.250.0.0/16");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=fd00::/16&match=longer"), "fd00:250::/32");
    ASSERT_LACKS(answer, "10.250");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=10.9.0.0/16"), "\"items\":[],\"nextCursor\":null");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=10.1.2.3/8"), " 400 ");
    ASSERT_HAS(get(&l, "/v1/routes?asPathContains=65099"), "\"asPath\":[65003,65099]");
    ASSERT_LACKS(answer, "65001");
    ASSERT_HAS(get(&l, "/v1/routes?asPathContains=-1"), "\"path\":\"asPathContains\"");
    ASSERT_HAS(get(&l, "/v1/routes?peer=nobody"), " 404 ");
    ASSERT_HAS(get(&l, "/v1/routes?limit=0"), "\"path\":\"limit\"");
    ASSERT_HAS(get(&l, "/v1/routes?cursor=zz"), "\"path\":\"cursor\"");
    ASSERT_HAS(get(&l, "/v1/routes/explain?prefix=8.8.8.8"), "\"against\":[\"fw-1\",\"fw-2\"]");
    ASSERT_HAS(answer, "\"advertisedTo\":[\"sdwan\"]");
    lab_close(&l);
}

static void test_who_wants_some_members_of_routes_gets_no_others(void)
{
    struct lab l;
    lab_open(&l);
    announce_firewalls(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/routes?prefix=0.0.0.0/0&peer=sdwan&members=med,best,prefix,asPath"),
               "[{\"prefix\":\"0.0.0.0/0\",\"asPath\":[65003,65099],\"med\":7,\"best\":false}]");
    ASSERT_HAS(get(&l, "/v1/routes?prefix=0.0.0.0/0&peer=sdwan&members="), "\"items\":[{}]");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes?prefix=0.0.0.0/0&members=filteredReason"), "{\"filteredReason\":\"\"}");
    ASSERT_HAS(get(&l, "/v1/peers/fw-1/learnedRoutes?prefix=0.0.0.0/0"), "\"filteredReason\":\"\"");
    ASSERT_HAS(get(&l, "/v1/routes"), "\"largeCommunities\":[");
    ASSERT_LACKS(answer, "filteredReason");
    ASSERT_HAS(get(&l, "/v1/routes?members=prefix,hop"), "a route has no member \\\"hop\\\"");
    ASSERT_HAS(get(&l, "/v1/routes?members=prefix,,best"), " 400 ");
    lab_close(&l);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void test_routes_are_found_by_their_communities(void)
{
    static const char *const wrong[] = { "65515", "65515:", ":1", "65536:1", "1:2:3:4", "1:2:4294967296",
                                         "no-export", "1::2", "00000000001:1" };
    char path[64];
    struct lab l;
    lab_open(&l);
    announce_firewalls(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/routes?community=65515:7"), "\"peer\":\"sdwan\"");
    ASSERT_LACKS(answer, "fw-1");
    ASSERT_HAS(get(&l, "/v1/routes?community=65515:1:7"), "\"peer\":\"sdwan\"");
    ASSERT_LACKS(answer, "fw-1");
    ASSERT_HAS(get(&l, "/v1/routes?community=65515:8"), "\"items\":[],\"nextCursor\":null");
    ASSERT_HAS(get(&l, "/v1/routes?community=65515:1:8"), "\"items\":[],\"nextCursor\":null");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(path, sizeof path, "/v1/routes?community=%s", wrong[i]);
        ASSERT_HAS(get(&l, path), "\"path\":\"community\"");
    }
    lab_close(&l);
}

static void test_pages_of_any_size_show_every_path_once(void)
{
    struct lab l;
    char path[96], prefix[32];
    lab_open(&l);
    announce_firewalls(l.core);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(prefix, sizeof prefix, "10.%u.0.0/16", i);
        fake_route_of(l.core, 1, 1, prefix, (uint32_t[]){ 65001 }, 1, -1);
    }
    fake_decide(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (unsigned limit = 1; limit < 50; limit = limit * 2 + 1) {
        unsigned shown = 0;
        snprintf(path, sizeof path, "/v1/routes?limit=%u", limit);
        for (unsigned pages = 0; path[0] && pages < 100; pages++) {
            const char *text = get(&l, path), *cursor = strstr(text, "\"nextCursor\":\"");
            CU_ASSERT(count_of(text, "\"prefix\":") <= limit);
            shown += count_of(text, "\"prefix\":");
            path[0] = 0;
            if (cursor)
                snprintf(path, sizeof path, "/v1/routes?limit=%u&cursor=%.*s", limit,
                         (int)strcspn(cursor + 14, "\""), cursor + 14);
        }
        CU_ASSERT_EQUAL(shown, 46);
    }
    lab_close(&l);
}

CU_MAIN("http routes", CU_CASE(test_what_a_route_map_did_is_said_with_its_rule),
        CU_CASE(test_a_peers_routes_are_shown_as_received_and_as_sent),
        CU_CASE(test_what_a_target_lacks_is_listed_with_the_reason), CU_CASE(test_routes_say_what_and_why),
        CU_CASE(test_who_wants_some_members_of_routes_gets_no_others), CU_CASE(test_routes_are_found_by_their_communities),
        CU_CASE(test_pages_of_any_size_show_every_path_once))
