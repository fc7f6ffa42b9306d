/* routeMaps as their author sees them: what is read, what is wrong, where, and what to do. */
#include <stdlib.h>

#include "node/config/change.h"
#include "tests/lib/config_text.h"

enum { OUTPUT_MAX = 64 * 1024 };

static char output[OUTPUT_MAX];

static struct config *load(const char *text)
{
    return config_or_complaint(text, strlen(text), output, sizeof output);
}

/* A single node and a map of one rule, on line 4. */
static struct config *load_rule(const char *rule)
{
    char text[4096];
    snprintf(text, sizeof text,
             "routeServer: { name: hub }\nnodes: [{ name: a, address: 10.0.0.1 }]\nrouteMaps: [{ name: m, rules: [\n"
             "%s]}]\n",
             rule);
    return load(text);
}

static struct config *load_rest(const char *rest)
{
    char text[4096];
    snprintf(text, sizeof text, "routeServer: { name: hub%s }\nnodes: [{ name: a, address: 10.0.0.1 }]\n%s",
             strstr(rest, "#policy") ? ", ebgpRequiresPolicy: true" : "", rest);
    return load(text);
}

static const struct {
    const char *rule, *expected;
} mistakes[] = {
    { "{ action: drop }", ":4:1: error: routeMaps[0].rules[0]: \"name\" is missing" },
    { "{ name: r }", "routeMaps[0].rules[0]: \"action\" is missing" },
    { "{ name: r, action: block }", ":4:20: error: routeMaps[0].rules[0].action: \"block\" is not one of: drop, permit, "
                                    "allow" },
    { "{ name: r, action: drop, next: Continue }", "did you mean \"continue\"?" },
    { "{ name: r, action: {} }", "nothing is done here" },
    { "{ name: r, action: [drop] }", "keys and values are expected here, not a list" },
    { "{ name: r, action: { addComunity: ['1:2'] } }", "(did you mean \"addCommunity\"?)" },
    { "{ name: r, action: { routePrefix: 10.0.0.0/8 } }", "known here: replaceCommunity, removeCommunity, addCommunity" },
    { "{ name: r, action: { addCommunity: ['65536:1'] } }", "\"65536:1\" is no community" },
    { "{ name: r, action: { addCommunity: [x] } }", "write \"65515:100\", \"65515:1:100\" (large)" },
    { "{ name: r, action: { addCommunity: ['1:*'] } }", "\"1:*\" stands for many" },
    { "{ name: r, action: { addCommunity: [] } }", "at least one value is needed here" },
    { "{ name: r, action: { removeCommunity: ['1:1', 65535:6] } }", "llgr-stale stays on a route (RFC 9494)" },
    { "{ name: r, action: { prependAsPath: [0] } }", "action.prependAsPath[0]: 0 is outside 1..4294967295" },
    { "{ name: r, action: { prependAsPath: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] } }",
      "more than 32 values" },
    { "{ name: r, action: { setMed: 4294967296 } }", "setMed: 4294967296 is outside 0..4294967295" },
    { "{ name: r, action: { setMed: [1, 2] } }", "more than 1 values" },
    { "{ name: r, action: { setLocalPreference: high } }", "\"high\" is no number" },
    { "{ name: r, match: { prefix: 10.0.0.0/8 }, action: drop }", "(did you mean \"routePrefix\"?)" },
    { "{ name: r, match: { length: 24 }, action: drop }", "known here: routePrefix, community, asPath, originAs" },
    { "{ name: r, match: { routePrefix: { equal: [10.0.0.0/8] } }, action: drop }", "(did you mean \"equals\"?)" },
    { "{ name: r, match: { routePrefix: { equals: [10.0.0.1/8] } }, action: drop }", "write 10.0.0.0/8" },
    { "{ name: r, match: { routePrefix: {} }, action: drop }", "nothing is compared here" },
    { "{ name: r, match: { routePrefix: { equals: [] } }, action: drop }", "at least one value is needed here" },
    { "{ name: r, match: { routePrefix: { equals: [10.0.0.0/8], ge: 9 } }, action: drop }", "beside contains" },
    { "{ name: r, match: { routePrefix: { contains: [10.0.0.0/8], ge: 25, le: 24 } }, action: drop }",
      "no length is 25 at least and 24 at most" },
    { "{ name: r, match: { routePrefix: { contains: [10.0.0.0/8], ge: 129 } }, action: drop }", "129 is outside 0..128" },
    { "{ name: r, match: { asPath: { contains: [x] } }, action: drop }", "\"x\" is no number" },
    { "{ name: r, match: { originAs: { contains: [1] } }, action: drop }", "known here: equals, notEquals" },
    { "{ name: r, match: { nextHop: 10.0.0 }, action: drop }", "neither an address nor a prefix" },
    { "{ name: r, match: { family: ip4 }, action: drop }", "did you mean \"ipv4\"?" },
    { "{ name: r, action: drop }, { name: r, action: drop }", "rule 1 of this map has the name \"r\" already" },
    { "7", "keys and values are expected here" },
};

static void test_every_mistake_in_a_rule_is_named_with_its_mend(void)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct config *c = load_rule(mistakes[i].rule);
        if (c || !strstr(output, mistakes[i].expected))
            printf("\n%s\n--- expected: %s\n%s", mistakes[i].rule, mistakes[i].expected, output);
        CU_ASSERT_PTR_NULL(c);
        CU_ASSERT_PTR_NOT_NULL(strstr(output, mistakes[i].expected));
        config_free(c);
    }
}

static const struct {
    const char *rest, *expected;
} others[] = {
    { "routeMaps: [{ rules: [] }]", "routeMaps[0]: \"name\" is missing" },
    { "routeMaps: [{ name: m }]", "routeMaps[0]: \"rules\" is missing" },
    { "routeMaps: [{ name: none, rules: [] }]", "\"none\" is what a peer without a route map says" },
    { "routeMaps: [{ name: m, rules: [] }, { name: m, rules: [] }]", "the name \"m\" stands on line 3 already" },
    { "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001, inboundRouteMap: n }]\nrouteMaps: [{ name: m, rules: [] }]",
      ":3:71: error: peers[0].inboundRouteMap: there is no route map \"n\"" },
    { "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001, inboundRouteMap: n }]\nrouteMaps: [{ name: m, rules: [] }]",
      "known here: none, m" },
};

static void test_every_other_mistake_is_named_with_its_mend(void)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct config *c = load_rest(others[i].rest);
        CU_ASSERT_PTR_NULL(c);
        CU_ASSERT_PTR_NOT_NULL(strstr(output, others[i].expected));
        config_free(c);
    }
}

/* The manual's own sample: two nodes, with keys. One warning is in it, the one that the manual shows. */
static void test_the_sample_of_the_manual_is_read(void)
{
    struct config *c;
    memset(output, 0, sizeof output);
    FILE *errors = fmemopen(output, sizeof output, "w");
    CU_ASSERT_TRUE_FATAL(config_load(TANDEM_TESTS "/node/sample.yaml", &c, errors));
    fclose(errors);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "warning: routeMaps[0].rules[1]: 65515:10 uses the server's own ASN; "
                                          "peers may strip it"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n1 warning\n"));
    const struct route_map *m = c->maps[0];
    CU_ASSERT_PTR_EQUAL(c->peers[1].inbound, m);
    CU_ASSERT_PTR_NULL(c->peers[0].inbound);
    CU_ASSERT(m->rule_count == 2 && m->rules[0].drops && m->rules[1].continues);
    CU_ASSERT_STRING_EQUAL(m->name, "from-branches");
    config_free(c);
}

static void test_all_that_can_be_said_is_read(void)
{
    struct config *c = load_rule(
        "{ name: a, match: { routePrefix: { contains: [10.0.0.0/8, 'fd00::/8'], notEquals: [10.9.0.0/16], ge: 16, le: 24 },"
        " community: { contains: ['65001:*', '65001:1:2'], notContains: [no-export, 'rt:65001:5'] },"
        " asPath: { equals: [65001, 65002], notContains: [65003] }, originAs: 65002,"
        " nextHop: { contains: [10.1.0.0/16], notEquals: [10.1.2.4] }, family: ipv4 },"
        " action: { setLocalPreference: 200, setMed: 0, prependAsPath: 65001, addCommunity: '65001:9',"
        "           removeCommunity: ['65001:*'] }, next: continue },"
        "{ name: b, action: { replaceCommunity: [] } }, { name: c, action: permit }, { name: d, action: allow }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(output, "");
    const struct route_map *m = c->maps[0];
    CU_ASSERT_EQUAL_FATAL(m->rule_count, 4);
    CU_ASSERT(m->rules[0].tests == 10 && m->rules[0].edits == 5 && m->rules[0].continues);
    CU_ASSERT(m->terms[1].op == ROUTE_MAP_NOT_EQUALS && m->terms[0].ge == 16 && m->terms[0].le == 24);
    for (uint32_t i = 0; i < 5; i++) /* in the order in which they are carried out */
        CU_ASSERT_EQUAL(m->terms[10 + i].kind, ROUTE_MAP_REMOVE_COMMUNITY + i);
    CU_ASSERT(m->rules[1].edits == 1 && !m->rules[2].drops && !m->rules[3].drops);
    config_free(c);
}

static void test_peers_inherit_maps_and_may_say_none(void)
{
    struct config *c = load_rest("routeMaps: [{ name: i, rules: [] }, { name: o, rules: [] }]\n"
                                 "defaults: { inboundRouteMap: i, outboundRouteMap: o }\n"
                                 "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001 },\n"
                                 "        { name: q, peerIp: 10.0.0.8, peerAsn: 65001, inboundRouteMap: none,\n"
                                 "          outboundRouteMap: i }]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT(c->peers[0].inbound == c->maps[0] && c->peers[0].outbound == c->maps[1]);
    CU_ASSERT(c->peers[1].inbound == NULL && c->peers[1].outbound == c->maps[0]);
    config_free(c);
}

/* RFC 8212: a route map is a policy. */
static void test_a_map_is_the_policy_that_is_required(void)
{
    struct config *c = load_rest("routeMaps: [{ name: m, rules: [] }] #policy\n"
                                 "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001, inboundRouteMap: m }]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT(!c->peers[0].no_import && c->peers[0].no_export);
    config_free(c);
}

static void test_what_is_in_vain_is_warned_of(void)
{
    struct config *c = load_rest("routeMaps: [{ name: m, rules: [{ name: r, action: { setLocalPreference: 1 } }] }]\n"
                                 "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001, outboundRouteMap: m }]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "peers[0].outboundRouteMap: m sets a local preference, which no peer is told"));
    config_free(c);
}

static void test_a_length_that_no_prefix_inside_has_is_warned_of(void)
{
    static const struct {
        const char *test;
        bool is_vain;
    } cases[] = {
        { "contains: [0.0.0.0/0], ge: 33", true },        { "notContains: [10.0.0.0/16], le: 15", true },
        { "contains: [0.0.0.0/0, '::/0'], ge: 33", false }, { "contains: [10.0.0.0/16], le: 16", false },
        { "contains: ['fd00::/8'], ge: 128", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[160];
        snprintf(rule, sizeof rule, "{ name: r, match: { routePrefix: { %s } }, action: drop }", cases[i].test);
        struct config *c = load_rule(rule);
        CU_ASSERT_PTR_NOT_NULL(c);
        CU_ASSERT_EQUAL(strstr(output, "warning: routeMaps[0].rules[0].match.routePrefix.") != NULL, cases[i].is_vain);
        CU_ASSERT_EQUAL(strstr(output, "no prefix inside has such a length") != NULL, cases[i].is_vain);
        config_free(c);
    }
}

static void test_another_map_is_a_change_and_leaves_the_session(void)
{
    static const char file[] = "routeMaps: [{ name: m, rules: [{ name: r, action: { setMed: %d } }] }%s]\n"
                               "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 65001, outboundRouteMap: m }]\n";
    char text[512], told[512] = "";
    struct config *c[3];
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, file, i / 2, i ? ", { name: n, rules: [] }" : "");
        c[i] = load_rest(text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c[i]);
    }
    CU_ASSERT_EQUAL(config_peer_effect(&c[0]->peers[0], 1, &c[1]->peers[0], 1), CONFIG_SAME);
    CU_ASSERT_EQUAL(config_peer_effect(&c[0]->peers[0], 1, &c[2]->peers[0], 1), CONFIG_JUDGED);
    FILE *out = fmemopen(told, sizeof told, "w");
    CU_ASSERT_EQUAL(config_tell_changes(c[0], c[2], out), 3);
    fclose(out);
    CU_ASSERT_STRING_EQUAL(told, "route map m: changed\nroute map n: added\n"
                                 "peer p: outboundRouteMap changed; its sessions stay\n");
    for (int i = 0; i < 3; i++)
        config_free(c[i]);
}

CU_MAIN("config_maps", CU_CASE(test_every_mistake_in_a_rule_is_named_with_its_mend),
        CU_CASE(test_every_other_mistake_is_named_with_its_mend), CU_CASE(test_the_sample_of_the_manual_is_read),
        CU_CASE(test_all_that_can_be_said_is_read), CU_CASE(test_peers_inherit_maps_and_may_say_none),
        CU_CASE(test_a_map_is_the_policy_that_is_required), CU_CASE(test_what_is_in_vain_is_warned_of),
        CU_CASE(test_a_length_that_no_prefix_inside_has_is_warned_of),
        CU_CASE(test_another_map_is_a_change_and_leaves_the_session))
