/* What lies between two configurations, in words. */
#include "node/config/change.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/config_text.h"

enum { SAID = 4096 };

static char said[SAID];

static const char base[] =
    "routeServer: { name: hub }\n"
    "nodes: [{ name: a, address: 10.0.0.1 }]\n"
    "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 5 }, { name: q, peerIp: 10.0.0.3, peerAsn: 6 }]\n"
    "programming: [{ name: k, type: netlink, table: 100 }]\n"
    "virtualNetworks: [{ name: v, addressPrefixes: [10.0.0.0/16] }]\n";

/* base with the first occurrence of one text replaced by another. */
static struct config *load_with(const char *old, const char *new)
{
    char text[2048];
    const char *at = strstr(base, old);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, new, at + strlen(old));
    return config_of("%s", text);
}

static const struct {
    const char *old, *new, *expected;
} followed[] = {
    { "name: hub", "name: hub, maxPaths: 2", "routeServer.maxPaths: changed\n" },
    { "peerAsn: 5", "peerAsn: 7", "peer p: peerAsn changed; its sessions are reset\n" },
    { "peerAsn: 5", "peerAsn: 5, holdTime: 9, type: vpnGateway",
      "peer p: type, holdTime changed; its sessions are reset\n" },
    { "peerAsn: 5", "peerAsn: 5, maxRoutes: { limit: 9 }", "peer p: maxRoutes changed; its sessions stay\n" },
    { "name: p,", "name: r,", "peer p: removed; its sessions end, and its routes go\npeer r: added\n" },
    { "10.0.0.0/16", "10.0.0.0/15", "virtualNetworks: changed; routes are judged anew, sessions stay\n" },
    { "table: 100", "table: 100, filter: { peers: [q] }", "target k: another choice of routes\n" },
    { "table: 100", "table: 100, defaultRoute: refuse", "target k: another choice of routes\n" },
    { "table: 100", "table: 101",
      "target k: another place; its routes stay in table 100 until: ip nexthop flush proto 201\n" },
    { "table: 100", "table: 100, healthGate: { probe: icmp }",
      "target k: changed; it begins anew, no route is removed for it\n" },
    { "name: k, type: netlink, table: 100", "name: e, type: etcd, endpoints: [\"http://10.0.0.9:2379\"]",
      "target k: removed; its routes stay in table 100 until: ip nexthop flush proto 201\n"
      "target e: added\n" },
    { "name: hub", "name: hub, virtualRouterAsn: 9", "peer q: changed; its sessions are reset\n" },
    { "programming", "log: { level: debug }\nprogramming", "log.level: changed\n" },
    { "programming", "generation: 7\nprogramming", "generation: changed\n" },
    { "programming", "cluster: { secretFile: /s, nextSecretFile: /t }\nprogramming",
      "cluster.secretFile: changed\ncluster.nextSecretFile: changed\n" },
    { "address: 10.0.0.1", "address: 10.0.0.1, publicKey: \"RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\"",
      "node a: its public keys changed; links that use what is listed stay\n" },
};

static void test_what_can_be_followed_is_told_in_words(void)
{
    struct config *is = config_of("%s", base);
    for (size_t i = 0; i < sizeof followed / sizeof *followed; i++) {
        struct config *next = load_with(followed[i].old, followed[i].new);
        memset(said, 0, sizeof said);
        FILE *out = fmemopen(said, sizeof said - 1, "w");
        CU_ASSERT_TRUE(config_can_follow(is, next, out));
        CU_ASSERT_TRUE(config_tell_changes(is, next, out) > 0);
        fclose(out);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, followed[i].expected));
        if (!strstr(said, followed[i].expected))
            printf("expected: %s     said: %s", followed[i].expected, said);
        config_free(next);
    }
    config_free(is);
}

static const struct {
    const char *old, *new, *expected;
} refused[] = {
    { "name: hub", "name: hob", "error: routeServer.name: cannot change while the node runs\n    restart" },
    { "name: hub", "name: hub, runDirectory: /x", "error: routeServer.runDirectory:" },
    { "name: hub", "name: hub, routerId: 1.2.3.4", "error: routeServer.routerId:" },
    { "address: 10.0.0.1", "address: 10.0.0.9", "error: nodes: cannot" },
    { "address: 10.0.0.1", "address: 10.0.0.1, api: [\"127.0.0.1:99\"]", "error: api: cannot" },
    { "programming", "log: { format: json }\nprogramming", "error: log.format:" },
    { "programming", "cluster: { keyFile: /k }\nagents: { secretFile: /a, keysDirectory: /d }\nprogramming",
      "error: agents: cannot" },
    { "programming", "export: { mrt: { directory: /x } }\nprogramming", "error: export.mrt.directory:" },
    { "programming", "export: { mrt: { directory: /x, updates: 5m } }\nprogramming", "error: export.mrt.updates:" },
    { "programming", "export: { bmp: [{ station: \"10.0.0.7:99\" }] }\nprogramming", "error: export.bmp: cannot" },
};

static void test_agents_keys_and_secrets_are_exchanged_while_it_runs(void)
{
    static const char one[] = "cluster: { keyFile: /k }\nagents: { secretFile: /a, hosts: [{ name: h, "
                              "publicKey: \"RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\" }] }\nprogramming";
    static const char two[] = "cluster: { keyFile: /k }\nagents: { secretFile: /a, nextSecretFile: /b, hosts: [{ name: h, "
                              "publicKey: \"RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\", "
                              "nextPublicKey: \"ASdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\" }] }\nprogramming";
    struct config *is = load_with("programming", one), *next = load_with("programming", two);
    memset(said, 0, sizeof said);
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    CU_ASSERT_FALSE(is->agents[0].has_next_public_key);
    CU_ASSERT_TRUE(next->agents[0].has_next_public_key);
    CU_ASSERT_TRUE(config_can_follow(is, next, out));
    CU_ASSERT_EQUAL(config_tell_changes(is, next, out), 2);
    fclose(out);
    CU_ASSERT_STRING_EQUAL(said, "agents.nextSecretFile: changed\nagents.hosts: changed\n");
    config_free(is);
    config_free(next);
}

static void test_what_cannot_is_refused_by_name_with_the_mend(void)
{
    struct config *is = config_of("%s", base);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct config *next = load_with(refused[i].old, refused[i].new);
        memset(said, 0, sizeof said);
        FILE *out = fmemopen(said, sizeof said - 1, "w");
        CU_ASSERT_FALSE(config_can_follow(is, next, out));
        fclose(out);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, refused[i].expected));
        if (!strstr(said, refused[i].expected))
            printf("expected: %s     said: %s", refused[i].expected, said);
        config_free(next);
    }
    config_free(is);
}

static void test_the_same_is_no_change(void)
{
    struct config *is = config_of("%s", base), *next = config_of("%s", base);
    CU_ASSERT_TRUE(config_can_follow(is, next, stdout));
    CU_ASSERT_EQUAL(config_tell_changes(is, next, stdout), 0);
    config_free(next);
    config_free(is);
}

static void test_a_target_that_goes_on_is_the_same_object_with_the_new_choice(void)
{
    struct config *is = config_of("%s", base), *next = load_with("table: 100", "table: 100, filter: { peers: [q] }");
    const struct config_target *target = is->targets[0];
    const char *name = next->path;
    config_follow(is, next);
    CU_ASSERT_PTR_EQUAL(is->targets[0], target);
    CU_ASSERT_EQUAL(is->targets[0]->filter.peers.count, 1);
    CU_ASSERT_EQUAL(next->targets[0]->filter.peers.count, 0);
    CU_ASSERT_FALSE(config_chooses_alike(is, next));
    CU_ASSERT_PTR_EQUAL(is->path, name);
    config_free(next);
    CU_ASSERT_EQUAL(is->targets[0]->table, 100);
    config_free(is);
}

static void test_a_target_that_ended_or_changed_lives_as_long_as_the_old_configuration(void)
{
    struct config *is = config_of("%s", base),
                  *next = load_with("[{ name: k,", "[{ name: n, type: netlink, table: 7 }, { name: k, metric: 9,");
    const struct config_target *target = is->targets[0];
    config_follow(is, next);
    CU_ASSERT_EQUAL_FATAL(is->target_count, 2);
    CU_ASSERT_PTR_NOT_EQUAL(is->targets[1], target);
    CU_ASSERT_EQUAL(is->targets[1]->metric, 9);
    CU_ASSERT_PTR_EQUAL(next->targets[0], target);
    CU_ASSERT_FALSE(config_chooses_alike(is, next));
    config_free(next);
    config_free(is);
}

CU_MAIN("change", CU_CASE(test_what_can_be_followed_is_told_in_words),
        CU_CASE(test_agents_keys_and_secrets_are_exchanged_while_it_runs),
        CU_CASE(test_what_cannot_is_refused_by_name_with_the_mend), CU_CASE(test_the_same_is_no_change),
        CU_CASE(test_a_target_that_goes_on_is_the_same_object_with_the_new_choice),
        CU_CASE(test_a_target_that_ended_or_changed_lives_as_long_as_the_old_configuration))
