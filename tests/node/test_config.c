/* The configuration as its author sees it: what is wrong, where, and what to do. */
#include "node/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgp/bfd/bfd_set.h"
#include "tests/lib/config_text.h"

enum { OUTPUT_MAX = 64 * 1024 };

/* A pair that has nothing wrong; `%s` is where a case adds or breaks something. */
static const char base[] = "routeServer: { name: hub }\n"
                           "nodes:\n"
                           "  - { name: a, address: 10.0.0.1 }\n"
                           "%s\n";

static char output[OUTPUT_MAX];

static struct config *load_bytes(const char *text, size_t len)
{
    return config_or_complaint(text, len, output, sizeof output);
}

static struct config *load(const char *text)
{
    return load_bytes(text, strlen(text));
}

static struct config *load_with(const char *part)
{
    char text[4096];
    snprintf(text, sizeof text, base, part);
    return load(text);
}

#define AZURE_ID                                                                                   \
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/rt"

static const struct {
    const char *part, *expected;
} mistakes[] = {
    { "peer: []", ":4:1: error: unknown key \"peer\" (did you mean \"peers\"?)" },
    { "programing: []", "(did you mean \"programming\"?)" },
    { "virtualnetworks: []", "(did you mean \"virtualNetworks\"?)" },
    { "virtualNetworks: [{ name: v, prefixes: [10.0.0.0/8] }]", "(did you mean \"addressPrefixes\"?)" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, asn: 1 }]", "(did you mean \"peerAsn\"?)" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, md5Key: x }]", "(did you mean \"md5KeyFile\"?)" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, password: x }]", "md5KeyFile" },
    { "nonsense: 1", "unknown key \"nonsense\"" },
    { "nonsense: 1", "known here: version, generation, routeServer" },
    { "version: 2", ":4:10: error: version: this version reads configurations of version 1 only" },
    { "routeMaps: {}", "routeMaps: a list is expected here" },
    { "export: { bmp: {} }", "export.bmp: a list is expected here" },
    { "export: { bmp: [{ name: noc }] }", "export.bmp[0]: \"station\" is missing" },
    { "export: { bmp: [{ station: 10.1.9.9 }] }", "export.bmp[0].station: this is no address and port" },
    { "export: { bmp: [{ station: 10.1.9.9 }] }", "write \"10.1.9.9:11019\"" },
    { "export: { bmp: [{ station: '10.1.9.9:1', routes: [locrib] }] }", "did you mean \"locRib\"?" },
    { "export: { bmp: [{ station: '10.1.9.9:1', connectRetry: 1h }] }", "connectRetry: 1h is outside" },
    { "export: { mrt: { every: 8h } }", "export.mrt: \"directory\" is missing" },
    { "export: { mrt: { directory: d, every: 10ms } }", "export.mrt.every: 10ms is outside" },
    { "peers: 7", "peers: a list is expected here" },
    { "peers: { a: b }", "peers: a list is expected here" },
    { "peers: [7]", "peers[0]: keys and values are expected here, not a single value" },
    { "peers: [[1]]", "not a list" },
    { "log: loud", "log: keys and values are expected here, not a single value" },
    { "log: { level: loud }", "log.level: \"loud\" is not one of: debug, info, warn, error" },
    { "log: { level: Warn }", "did you mean \"warn\"?" },
    { "log: { format: xml }", "log.format: \"xml\" is not one of: auto, plain, logfmt, json" },
    { "generation: -1", "generation: \"-1\" is no number" },
    { "generation: 1e3", "generation: \"1e3\" is no number" },
    { "generation:", "generation: a value is missing" },
    { "generation: [1]", "generation: a single value is expected here, not a list" },
    { "log: { level: { debug: true } }", "log.level: a single value is expected here, not keys and values" },
    { "peers: [{ peerIp: 10.0.0.2, peerAsn: 1 }]", "peers[0]: \"name\" is missing" },
    { "peers: [{ name: p, peerAsn: 1 }]", "peers[0]: \"peerIp\" is missing" },
    { "peers: [{ name: p, peerIp: 10.0.0.2 }]", "peers[0]: \"peerAsn\" is missing" },
    { "peers: [{ name: 'a b', peerIp: 10.0.0.2, peerAsn: 1 }]", "\"a b\" is no name" },
    { "peers: [{ name: p, peerIp: 10.0.0, peerAsn: 1 }]", "\"10.0.0\" is no IP address" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, vnetNextHop: 10.0.0.1/24 }]", "write the address alone" },
    { "peers: [{ name: p, peerIp: 10.0.0.1/24, peerAsn: 1 }]", "bits behind the length must be zero" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: [] }]", "1 to 16 AS numbers" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: [9-5] }]", "9-5 ends before it begins" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: [5-x] }]", "\"x\" is no number" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: [5-23456] }]", "23456 is a reserved AS number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: [5, 6] }]", "peers[0].peerAsn: an NVA has one AS number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 5, maxPeers: 3 }]", "maxPeers is for peers by prefix" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: 5, maxPeers: 0 }]", "0 is outside 1..10000" },
    { "peers: [{ name: p, peerIp: 10.0.0.0/24, peerAsn: 5 }, { name: q, peerIp: 10.0.0.0/24, peerAsn: 5 }]",
      "peers[1].peerIp: peer p has this prefix already" },
    { "peers: [{ name: a-name-of-more-letters-than-fit-before-an-address, peerIp: 10.0.0.0/24, peerAsn: 5 }]",
      "has at most 47 letters" },
    { "peers: [{ name: p, peerIp: 10.0.0.9, peerAsn: 5 },\n"
      "        { name: q, peerIp: 10.0.0.0/24, peerAsn: 5, md5KeyFile: k }]",
      "peers[1].peerIp: peer p lies inside and has no key" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 5, md5KeyFile: k, tcpAo: { keyFile: k } }]",
      "peers[0].tcpAo: one of md5KeyFile and tcpAo, not both" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 5, tcpAo: { sendId: 1 } }]",
      "peers[0].tcpAo: \"keyFile\" is missing" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 5, tcpAo: { keyFile: k, algorithm: md5 } }]",
      "is not one of: hmac-sha-1-96, aes-128-cmac-96" },
    { "peers: [{ name: p, peerIp: 10.0.0.1, peerAsn: 1 }]", "this is a node's own address" },
    { "peers: [{ name: p, peerIp: 0.0.0.0, peerAsn: 1 }]", "0.0.0.0 is the address of no single host" },
    { "peers: [{ name: p, peerIp: 239.1.1.1, peerAsn: 1 }]", "239.1.1.1 is the address of no single host" },
    { "peers: [{ name: p, peerIp: 255.255.255.255, peerAsn: 1 }]", "is the address of no single host" },
    { "peers: [{ name: p, peerIp: '::', peerAsn: 1 }]", ":: is the address of no single host" },
    { "peers: [{ name: p, peerIp: 'ff02::1', peerAsn: 1 }]", "ff02::1 is the address of no single host" },
    { "peers: [{ name: p, peerIp: 'fe80::1', peerAsn: 1 }]", "fe80::1 is the address of no single host" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: -1 }]", "\"-1\" is no number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: null }]", "\"null\" is no number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, localAsn: 23456 }]",
      "peers[0].localAsn: 23456 is a reserved AS number" },
    { "cluster: { witness: { type: etcd } }", "cluster.witness.type: \"etcd\" is not one of: none" },
    { "cluster: { witness: {} }", "cluster.witness: \"type\" is missing" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 4294967296 }]", "is outside 1..4294967295" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 0 }]", "0 is outside 1..4294967295" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 23456 }]", "23456 is a reserved AS number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 65515 }]", "the route server's own AS number" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, holdTime: 2s }]", "a hold time of 2 s is not" },
    { "defaults: { holdTime: 2s }", ":4:23: error: defaults.holdTime: a hold time of 2 s is not allowed" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, holdTime: 5x }]", "\"5x\" is no duration" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, passive: no }]", "neither true nor false" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, mode: azur }]", "did you mean \"azure\"?" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, families: [] }]", "at least one family" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, nodes: [b] }]", "there is no node \"b\"" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, bfd: maybe }]", "neither true nor false" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, restartTime: 4096s }]",
      "restartTime: 4096s is outside" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, sendHoldTime: 20h }]",
      "sendHoldTime: 20h is outside" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, stalePathTime: 0 }]",
      "stalePathTime: 0 is outside" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, longLivedGracefulRestart: { ipv5: 1h } }]",
      "longLivedGracefulRestart: unknown key \"ipv5\" (did you mean \"ipv4\"?)" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, longLivedGracefulRestart: { ipv6: 1ms } }]",
      "whole seconds are told to the NVA: 1s at least, or 0" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, longLivedGracefulRestart: [1h] }]",
      "longLivedGracefulRestart: keys and values are expected here" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, bfd: { interval: 49ms } }]",
      "bfd.interval: 49ms is outside 50ms..1m" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, bfd: { multiplier: 0 } }]",
      "bfd.multiplier: 0 is outside 1..255" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, bfd: { multihop: yes } }]",
      "bfd.multihop: \"yes\" is not one of: auto, false, true" },
    { "peers: [{ name: p, peerIp: \"fd00::2\", peerAsn: 1, bfd: true }]",
      "BFD needs an address of this family on node" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, maxRoutes: { limit: 10, warnAt: 20 } }]",
      "warnAt is above the limit of 10" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1 }, { name: p, peerIp: 10.0.0.3, peerAsn: 1 }]",
      "the name \"p\" stands on line 4 already" },
    { "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1 }, { name: q, peerIp: 10.0.0.2, peerAsn: 1 }]",
      "peer p has this address already" },
    { "virtualNetworks: [{ name: v, addressPrefixes: [10.1.2.3/16] }]", "write 10.1.0.0/16" },
    { "virtualNetworks: [{ name: v, addressPrefixes: [10.1.0.0] }]", "\"10.1.0.0\" is no prefix" },
    { "virtualNetworks: [{ name: v, addressPrefixes: [10.1.0.0/33] }]", "is no prefix" },
    { "programming: [{ name: t, type: azure }]",
      "is not one of: netlink, table, etcd, azureRouteTable" },
    { "programming: [{ name: t, type: azureRouteTable }]", "\"resourceIds\" is missing" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [rt-spoke] }]",
      "\"rt-spoke\" is no id of a route table" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [] }]", "at least one table" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [" AZURE_ID ", " AZURE_ID "] }]",
      "programmed by another entry already" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [" AZURE_ID "], table: 7 }]",
      "unknown key \"table\"" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [" AZURE_ID "], identity: me }]",
      "write system, { clientId" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [" AZURE_ID
      "], endpoint: \"http://arm\" }]",
      "is no base of an address" },
    { "programming: [{ name: t, type: azureRouteTable, resourceIds: [" AZURE_ID "], apiVersion: new }]",
      "\"new\" is no API version" },
    { "programming: [{ name: t, type: table, filter: { peers: [nobody] } }]",
      "there is no peer \"nobody\"" },
    { "programming: [{ name: t, type: table, filter: { communities: [\"65536:1\"] } }]",
      "\"65536:1\" is no community" },
    { "programming: [{ name: t, type: netlink, filter: { communities: [\"1:2:3:4\"] } }]",
      "write \"65515:100\"" },
    { "programming: [{ name: t, type: netlink }, { name: u, type: netlink, table: 254, metric: 7 }]",
      "table 254 is programmed by another entry already" },
    { "programming: [{ name: t, type: netlink, table: 7 }, { name: u, type: netlink, table: 1031 }]",
      "tables 7 and 1031 would use the same nexthop ids" },
    { "programming: [{ name: t, type: etcd, prefix: /t, endpoints: [\"http://10.0.0.1:2379\"] }, "
      "{ name: u, type: etcd, prefix: /t/, endpoints: [\"http://10.0.0.9:2379\", \"http://10.0.0.1:2379\"] }]",
      "this prefix is programmed by another entry already" },
    { "programming: [{ name: t, type: netlink, blackhole: [nobody] }]", "there is no peer \"nobody\"" },
    { "programming: [{ name: t, type: netlink, blackhole: some }]", "some" },
    { "programming: [{ name: t, type: etcd }]", "\"endpoints\" is missing" },
    { "programming: [{ name: t, type: etcd, endpoints: [] }]", "1 to 9 endpoints are expected" },
    { "programming: [{ name: t, type: etcd, endpoints: [10.0.0.1] }]", "\"10.0.0.1\" is no endpoint" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://h:1/v3\"] }]", "is no endpoint" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://h:99999\"] }]", "has no port from 1 to 65535" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://[::1]:0/\"] }]", "has no port from 1 to 65535" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://h:1\"], prefix: x }]", "is no prefix" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://h:1\"], userFile: u }]",
      "userFile and passwordFile belong together" },
    { "programming: [{ name: t, type: netlink, table: 0 }]", "0 is outside 1.." },
    { "programming: [{ name: t, type: netlink, healthGate: { probe: tcp } }]", "needs a port" },
    { "programming: [{ name: t, type: netlink, healthGate: { probe: icmp, path: /x } }]",
      "only a probe over http has a path" },
    { "programming: [{ name: t, type: netlink, healthGate: { probe: http, port: 1, path: x } }]",
      "\"x\" is no path" },
    { "programming: [{ name: t, type: etcd, endpoints: [\"http://h:1\"], healthGate: { probe: icmp } }]",
      "unknown key \"healthGate\"" },
    { "agents: { secretFile: s }", "either hosts or keysDirectory is needed" },
    { "api: { listen: [8179] }", "this is no address and port" },
    { "api: { listen: [\"127.0.0.1:99999\"] }", "this is no address and port" },
    { "api: { listen: ['127.0.0.1:8178'] }", "api and health of node a would both have port 8178" },
    { "api: { listen: ['10.0.0.1:179'] }", ":4:8: error: api.listen: BGP and api of node a would both have port 179" },
    { "api: { tokenfile: x }", "did you mean \"tokenFile\"?" },
    { "log: { level: info }\nlog: { level: warn }", "this key stands on line 4 already" },
    { "log: &x { level: info }", "anchors (&) are not supported" },
    { "log: !t { level: info }", "tags (!) are not supported" },
    { "log: *x", "aliases (*) are not supported" },
    { "---\nlog: {}", "a second document" },
    { "log: {\n\tlevel: info }\n peers", "error:" },
    { "[a, b]: c", "a key must be a word" },
    { "log: [", "error:" },
    { "a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "nested too deeply" },
    { "agents: { secretFile: s, hosts: [{ name: h, publicKey: abc }] }", "this is no public key" },
};

static void test_every_mistake_is_named_with_its_mend(void)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct config *c = load_with(mistakes[i].part);
        if (c || !strstr(output, mistakes[i].expected))
            printf("\n%s\n--- expected: %s\n%s", mistakes[i].part, mistakes[i].expected, output);
        CU_ASSERT_PTR_NULL(c);
        CU_ASSERT_PTR_NOT_NULL(strstr(output, mistakes[i].expected));
        CU_ASSERT_PTR_NOT_NULL(strstr(output, " error"));
        config_free(c);
    }
}

static void test_what_follows_from_a_mistake_is_no_other_one(void)
{
    CU_ASSERT_PTR_NULL(load_with("peers: [{ name: p, peerIp: 10.0.0.1/24, peerAsn: [5, 6], maxPeers: 3 }]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n1 error\n"));
}

/* The cluster's port is nobody's where there is neither a cluster nor an agent. */
static void test_listeners_of_other_addresses_share_a_port(void)
{
    struct config *c = load_with("api: { listen: ['127.0.0.1:8177', '[::1]:8178'], health: ['10.0.0.1:8178'] }");
    CU_ASSERT_PTR_NOT_NULL(c);
    CU_ASSERT_STRING_EQUAL(output, "");
    config_free(c);
}

static void test_all_mistakes_are_told_at_once_in_the_order_of_the_file(void)
{
    CU_ASSERT_PTR_NULL(load("routeServr: { name: hub }\n"
                            "nodes: [{ name: a, address: 10.0.0 }]\n"
                            "log: { level: loud }\n"));
    const char *first = strstr(output, ":1:1: error: unknown key \"routeServr\"");
    const char *second = strstr(output, ":2:29: error: nodes[0].address");
    const char *third = strstr(output, ":3:15: error: log.level");
    CU_ASSERT_TRUE(first && second && third && first < second && second < third);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "4 errors\n"));
}

static void test_another_speaker_may_have_a_nodes_address(void)
{
    struct config *c = load_with("peers: [{ name: p, peerIp: 10.0.0.1, peerPort: 1790, peerAsn: 1 }]");
    CU_ASSERT_PTR_NOT_NULL(c);
    config_free(c);
}

static void test_our_own_as_number_is_no_reserved_one(void)
{
    CU_ASSERT_PTR_NULL(load("routeServer: { name: hub, virtualRouterAsn: 23456 }\n"
                            "nodes: [{ name: a, address: 10.0.0.1 }]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "routeServer.virtualRouterAsn: 23456 is a reserved AS number"));
}

static void test_the_caret_stands_below_the_mistake(void)
{
    load_with("log: { level: loud }");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "    4 | log: { level: loud }\n"
                                          "      |               ^^^^\n"));
}

static void test_several_nodes_need_keys(void)
{
    CU_ASSERT_PTR_NULL(load("routeServer: { name: hub }\n"
                            "nodes: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"cluster\" is missing"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "nodes[0]: \"publicKey\" is missing"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "nodes[1]: \"publicKey\" is missing"));
}

#define KEY_1 "RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg="
#define KEY_2 "lAMAtqJCKzoNlNi6ACK9czulXAT4gHvyxZgjqapwSSs="
#define KEY_3 "Aap7H2Q5GC4Ox06AZSSmWBBx0sMhGQhC5PdRvkIu4xc="

static void test_a_key_stands_for_one_node(void)
{
    static const struct {
        const char *a, *b, *expected;
    } rows[] = {
        { "publicKey: \"" KEY_1 "\"", "publicKey: \"" KEY_1 "\"", "nodes[1].publicKey: node a has this key already" },
        { "publicKey: \"" KEY_1 "\", nextPublicKey: \"" KEY_1 "\"", "publicKey: \"" KEY_2 "\"",
          "nodes[0].nextPublicKey: this is the publicKey of node a" },
        { "publicKey: \"" KEY_1 "\", nextPublicKey: \"" KEY_2 "\"", "publicKey: \"" KEY_2 "\"",
          "nodes[0].nextPublicKey: this is the publicKey of node b" },
        { "publicKey: \"" KEY_1 "\", nextPublicKey: abc", "publicKey: \"" KEY_2 "\"",
          "nodes[0].nextPublicKey: this is no public key" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "routeServer: { name: hub }\ncluster: { keyFile: k, secretFile: s }\n"
                 "nodes: [{ name: a, address: 10.0.0.1, %s }, { name: b, address: 10.0.0.2, %s }]\n", rows[i].a,
                 rows[i].b);
        CU_ASSERT_PTR_NULL(load(text));
        CU_ASSERT_PTR_NOT_NULL(strstr(output, rows[i].expected));
    }
}

static void test_a_host_has_a_name_and_keys_of_its_own(void)
{
    CU_ASSERT_PTR_NULL(load_with("cluster: { keyFile: k }\nagents: { secretFile: s, hosts: [\n"
                                 "  { name: h, publicKey: \"" KEY_1 "\" }, { name: h, publicKey: \"" KEY_2 "\" },\n"
                                 "  { name: i, publicKey: \"" KEY_3 "\", nextPublicKey: \"" KEY_1 "\" }] }"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "agents.hosts[1].name: the name \"h\" stands on line 6 already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "agents.hosts[2].nextPublicKey: host h has this key already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n2 errors\n"));
}

static void test_bytes_that_are_no_text_are_refused(void)
{
    CU_ASSERT_PTR_NULL(load_bytes("a: \xff\xfe\n", 6));
    CU_ASSERT_PTR_NULL(load_bytes("a: b\0c\n", 7));
    CU_ASSERT_PTR_NULL(load(""));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "the file is empty"));
}

static void test_a_file_that_cannot_be_read_is_named(void)
{
    struct config *c;
    FILE *errors = fmemopen(output, sizeof output, "w");
    CU_ASSERT_FALSE(config_load("/nonexistent/tandem.yaml", &c, errors));
    CU_ASSERT_FALSE(config_load("/tmp", &c, errors));
    fclose(errors);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/nonexistent/tandem.yaml: error: No such file"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/tmp: error: not a file"));
}

static void test_a_pipe_in_the_place_of_the_file_is_not_waited_for(void)
{
    struct config *c;
    char directory[] = "/tmp/tandem-config-XXXXXX", path[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/tandem.yaml", directory);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    FILE *errors = fmemopen(output, sizeof output, "w");
    alarm(20);
    CU_ASSERT_FALSE(config_load(path, &c, errors));
    alarm(0);
    fclose(errors);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/tandem.yaml: error: not a file"));
    unlink(path);
    rmdir(directory);
}

static void test_peers_inherit_the_defaults(void)
{
    struct config *c = load_with("defaults: { holdTime: 3m, passive: true, maxRoutes: { limit: 100 } }\n"
                                 "peers:\n"
                                 "  - { name: p, peerIp: 10.0.0.2, peerAsn: 65001 }\n"
                                 "  - { name: q, peerIp: fd00::2, peerAsn: 65001, holdTime: 9 }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->peer_count, 2);
    CU_ASSERT_EQUAL(c->peers[0].hold_s, 180);
    CU_ASSERT_TRUE(c->peers[0].passive);
    CU_ASSERT_EQUAL(c->peers[0].limit.warn_at, 80);
    CU_ASSERT_EQUAL(c->peers[1].hold_s, 9);
    CU_ASSERT_EQUAL(c->peers[1].peer_ip.family, BGP_IP6);
    CU_ASSERT_EQUAL(c->peers[1].nodes, UINT32_MAX);
    config_free(c);
}

/* RFC 8212. */
static void test_what_is_not_said_is_closed_where_policy_is_required(void)
{
    for (int required = 0; required < 2; required++) {
        char text[512];
        snprintf(text, sizeof text,
                 "routeServer: { name: hub, ebgpRequiresPolicy: %s }\n"
                 "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                 "peers:\n"
                 "  - { name: p, peerIp: 10.0.0.2, peerAsn: 65001 }\n"
                 "  - { name: q, peerIp: 10.0.0.3, peerAsn: 65001, import: all, export: none }\n",
                 required ? "true" : "false");
        struct config *c = load(text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_EQUAL(c->peers[0].no_import, required);
        CU_ASSERT_EQUAL(c->peers[0].no_export, required);
        CU_ASSERT_FALSE(c->peers[1].no_import);
        CU_ASSERT_TRUE(c->peers[1].no_export);
        config_free(c);
    }
}

static void test_a_prefix_of_peers_has_as_numbers_and_a_limit(void)
{
    struct config *c = load_with("defaults: { maxPeers: 7, tcpAo: { keyFile: /key, receiveId: 9 } }\n"
                                 "peers:\n"
                                 "  - { name: one, peerIp: 10.0.0.9, peerAsn: 5 }\n"
                                 "  - { name: some, peerIp: 10.0.0.0/24, peerAsn: [65001, 65010-65019] }\n"
                                 "  - { name: six, peerIp: fd00::/64, peerAsn: 65001, maxPeers: 3 }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct config_peer *some = &c->peers[1], *six = &c->peers[2];
    CU_ASSERT_TRUE(some->is_range && some->passive && six->is_range && !c->peers[0].is_range);
    CU_ASSERT_EQUAL(some->asn_count, 2);
    CU_ASSERT_EQUAL(some->asns[0].last, 65001);
    CU_ASSERT_EQUAL(some->asns[1].first, 65010);
    CU_ASSERT_EQUAL(some->asns[1].last, 65019);
    CU_ASSERT_EQUAL(some->max_peers, 7);
    CU_ASSERT_EQUAL(some->range.len, 24);
    CU_ASSERT_EQUAL(six->peer_asn, 65001);
    CU_ASSERT_EQUAL(six->max_peers, 3);
    CU_ASSERT_EQUAL(six->peer_ip.family, BGP_IP6);
    CU_ASSERT_STRING_EQUAL(six->tcp_ao.key_file, "/key");
    CU_ASSERT_EQUAL(six->tcp_ao.send_id, 1);
    CU_ASSERT_EQUAL(six->tcp_ao.receive_id, 9);
    config_free(c);
}

static void test_a_long_lived_time_is_of_all_families_or_of_those_that_are_named(void)
{
    struct config *c = load_with("defaults: { longLivedGracefulRestart: 2h }\n"
                                 "peers:\n"
                                 "  - { name: p, peerIp: 10.0.0.2, peerAsn: 1 }\n"
                                 "  - { name: q, peerIp: 10.0.0.3, peerAsn: 1, longLivedGracefulRestart: 0 }\n"
                                 "  - { name: r, peerIp: 10.0.0.4, peerAsn: 1,\n"
                                 "      longLivedGracefulRestart: { ipv6: 3s } }\n");
    static const uint32_t expected[3][BGP_FAMILIES] = { { 7200000, 7200000 }, { 0, 0 }, { 0, 3000 } };
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(memcmp(c->peers[i].long_lived_ms, expected[i], sizeof expected[i]), 0);
    config_free(c);
}

static void test_bfd_is_a_word_or_a_map_and_is_inherited_key_by_key(void)
{
    struct config *c = load_with("defaults: { bfd: { interval: 100ms, strict: true } }\n"
                                 "peers:\n"
                                 "  - { name: p, peerIp: 10.0.0.2, peerAsn: 1 }\n"
                                 "  - { name: q, peerIp: 10.0.0.3, peerAsn: 1, bfd: false }\n"
                                 "  - { name: r, peerIp: 10.0.0.4, peerAsn: 1,\n"
                                 "      bfd: { multiplier: 5, multihop: true, strict: false } }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct config_bfd *p = &c->peers[0].bfd, *r = &c->peers[2].bfd;
    CU_ASSERT_TRUE(p->enabled && p->strict && r->enabled && !r->strict);
    CU_ASSERT_EQUAL(p->interval_ms, 100);
    CU_ASSERT_EQUAL(p->multiplier, 3);
    CU_ASSERT_EQUAL(p->hops, BFD_HOPS_AUTO);
    CU_ASSERT_FALSE(c->peers[1].bfd.enabled);
    CU_ASSERT_EQUAL(r->interval_ms, 100);
    CU_ASSERT_EQUAL(r->multiplier, 5);
    CU_ASSERT_EQUAL(r->hops, BFD_MULTIHOP);
    config_free(c);
}

static void test_json_is_read_as_well(void)
{
    struct config *c = load("{\"routeServer\": {\"name\": \"hub\", \"virtualRouterAsn\": 64512},\n"
                            " \"nodes\": [{\"name\": \"a\", \"address\": \"10.0.0.1\"}]}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->asn, 64512);
    CU_ASSERT_STRING_EQUAL(output, "");
    config_free(c);
}

static void test_a_clean_file_says_nothing_and_has_the_designs_defaults(void)
{
    struct config *c = load_with("");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(output, "");
    CU_ASSERT_EQUAL(c->asn, 65515);
    CU_ASSERT_EQUAL(c->beat_ms, 50);
    CU_ASSERT_EQUAL(c->dead_ms, 300);
    CU_ASSERT_EQUAL(c->nodes[0].bgp_port, 179);
    CU_ASSERT_EQUAL(c->nodes[0].cluster_port, 8177);
    config_free(c);
}

static void test_the_health_is_told_at_every_address_that_nodes_have(void)
{
    struct config *four = load("routeServer: { name: hub }\nnodes: [{ name: a, address: 10.0.0.1 }]\n");
    struct config *six = load("routeServer: { name: hub }\nnodes: [{ name: a, address: 'fd00::1' }]\n");
    CU_ASSERT_EQUAL_FATAL(four->health_listen_count, 1);
    CU_ASSERT_EQUAL_FATAL(six->health_listen_count, 2);
    CU_ASSERT_EQUAL(six->health_listen[0].addr.family, BGP_IP4);
    CU_ASSERT_EQUAL(six->health_listen[1].addr.family, BGP_IP6);
    config_free(four);
    config_free(six);
}

static void test_the_key_file_may_name_the_node(void)
{
    struct config *c = load_with("cluster: { keyFile: \"/etc/{node}.key\", secretFile: s }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    char *path = config_key_file(c, "a");
    CU_ASSERT_STRING_EQUAL(path, "/etc/a.key");
    free(path);
    CU_ASSERT_STRING_EQUAL(c->secret_file, "/tmp/s");
    config_free(c);
}

/* What is complained about is in output. */
static bool load_agent_text(const char *text, struct config_agent_file **c)
{
    char path[] = "/tmp/tandem-agent-XXXXXX";
    int fd = mkstemp(path);
    FILE *errors = fmemopen(output, sizeof output, "w");
    dprintf(fd, "%s", text);
    close(fd);
    bool ok = config_load_agent(path, c, errors);
    fclose(errors);
    unlink(path);
    return ok;
}

/* These lines behind those that every file has. */
static bool load_agent(const char *lines, struct config_agent_file **c)
{
    char text[1024];
    snprintf(text, sizeof text, "name: vm\nrouteServer: hub\n%s", lines);
    return load_agent_text(text, c);
}

static void test_the_agents_file_is_held_to_the_same_rules(void)
{
    struct config_agent_file *c;
    CU_ASSERT_FALSE(load_agent("keyFile: k\nsecretFil: s\nnodes: []\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "(did you mean \"secretFile\"?)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "at least one node is needed"));
}

static void test_one_node_is_listed_once(void)
{
    static const struct {
        const char *a, *b, *expected;
    } rows[] = {
        { "name: a, address: 10.0.0.1, publicKey: \"" KEY_1 "\"", "name: a, address: 10.0.0.2, publicKey: \"" KEY_2 "\"",
          "nodes[1].name: the name \"a\" stands on line" },
        { "name: a, address: 10.0.0.1, publicKey: \"" KEY_1 "\"", "name: b, address: 10.0.0.1, publicKey: \"" KEY_2 "\"",
          "nodes[1].address: node a has this cluster address and port already" },
        { "name: a, address: 10.0.0.1, publicKey: \"" KEY_1 "\"", "name: b, address: 10.0.0.2, publicKey: \"" KEY_1 "\"",
          "nodes[1].publicKey: node a has this key already" },
        { "name: a, address: 10.0.0.1, publicKey: \"" KEY_1 "\"",
          "name: b, address: 10.0.0.1, port: 8277, publicKey: \"" KEY_2 "\"", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char lines[512];
        struct config_agent_file *c;
        snprintf(lines, sizeof lines, "keyFile: k\nsecretFile: s\nnodes: [{ %s }, { %s }]\n", rows[i].a, rows[i].b);
        CU_ASSERT_EQUAL(load_agent(lines, &c), !rows[i].expected);
        CU_ASSERT_TRUE(!rows[i].expected || strstr(output, rows[i].expected));
        config_free_agent(c);
    }
    CU_ASSERT_PTR_NULL(load("routeServer: { name: hub }\ncluster: { keyFile: k, secretFile: s }\n"
                            "nodes: [{ name: a, address: 10.0.0.1, publicKey: \"" KEY_1 "\" },\n"
                            "        { name: b, address: 10.0.0.1, bgpPort: 1790, publicKey: \"" KEY_2 "\" }]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "nodes[1].address: node a has this cluster address and port already"));
}

static void test_the_file_of_a_host_and_that_of_a_node_are_told_apart(void)
{
    struct config_agent_file *c;
    CU_ASSERT_FALSE(load_agent_text("routeServer: { name: hub }\nnodes: []\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":1:1: error: routeServer: this is the file of a node\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n1 error\n"));
    CU_ASSERT_PTR_NULL(load("name: vm\nrouteServer: hub\nkeyFile: k\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":2:14: error: routeServer: this is the file of a host agent\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "tandem-agent --config FILE --check\n1 error\n"));
}

static void test_an_agent_that_reads_from_etcd_may_show_nodes_what_it_has(void)
{
#define ETCD "source: etcd\netcd: { endpoints: [\"http://10.0.0.9:2379\"], prefix: /tandem/hub/t }\n"
#define NODE "nodes: [{ name: a, address: 10.0.0.1, publicKey: \"RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\" }]\n"
    struct config_agent_file *c;
    CU_ASSERT_TRUE_FATAL(load_agent(ETCD, &c));
    CU_ASSERT_EQUAL(c->node_count, 0);
    config_free_agent(c);
    CU_ASSERT_TRUE_FATAL(load_agent(ETCD NODE "keyFile: k\nsecretFile: s\n", &c));
    CU_ASSERT_EQUAL(c->node_count, 1);
    CU_ASSERT_EQUAL(c->source, CONFIG_SOURCE_ETCD);
    config_free_agent(c);
    CU_ASSERT_FALSE(load_agent(ETCD NODE "keyFile: k\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"secretFile\" is missing: nodes are told what this host has"));
    CU_ASSERT_FALSE(load_agent(ETCD "keyFile: k\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"nodes\" is missing: nodes are told what this host has"));
    CU_ASSERT_FALSE(load_agent(NODE "keyFile: k\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"secretFile\" is missing: the source is nodes"));
    CU_ASSERT_FALSE(load_agent("source: etcd\n", &c));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"etcd\" is missing: the source is etcd"));
#undef ETCD
#undef NODE
}

static void test_every_table_of_azure_is_a_target_of_its_own(void)
{
    struct config *c = load_with(
        "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1 }, { name: q, peerIp: 10.0.0.3, peerAsn: 1 }]\n"
        "programming:\n"
        "  - { name: t, type: azureRouteTable, resourceIds: [" AZURE_ID "-a, " AZURE_ID "-b],\n"
        "      maxRoutes: 20, endpoint: \"https://arm.test:8443/\",\n"
        "      identity: { servicePrincipalFile: sp.json }, blackhole: [p],\n"
        "      filter: { prefixes: [10.0.0.0/8], peers: [q], communities: [\"1:2\", \"1:2:3\"] } }\n"
        "  - { name: u, type: azureRouteTable, resourceIds: [" AZURE_ID "-c] }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL_FATAL(c->target_count, 3);
    CU_ASSERT_STRING_EQUAL(c->targets[1]->name, "t.rt-b");
    CU_ASSERT_STRING_EQUAL(c->targets[1]->azure.resource_id, AZURE_ID "-b");
    CU_ASSERT_STRING_EQUAL(c->targets[1]->azure.endpoint, "https://arm.test:8443");
    CU_ASSERT_STRING_EQUAL(c->targets[1]->azure.principal_file, "/tmp/sp.json");
    CU_ASSERT_EQUAL(c->targets[1]->azure.max_routes, 20);
    CU_ASSERT_EQUAL_FATAL(c->targets[1]->filter.peers.count, 1);
    CU_ASSERT_EQUAL(c->targets[1]->filter.peers.places[0], 1);
    CU_ASSERT_EQUAL(c->targets[1]->filter.prefix_count, 1);
    CU_ASSERT_EQUAL_FATAL(c->targets[1]->filter.community_count, 2);
    CU_ASSERT_TRUE(c->targets[1]->filter.communities[1].is_large);
    CU_ASSERT_EQUAL(c->targets[1]->blackhole.count, 1);
    CU_ASSERT_STRING_EQUAL(c->targets[2]->name, "u");
    CU_ASSERT_STRING_EQUAL(c->targets[2]->azure.endpoint, "https://management.azure.com");
    CU_ASSERT_STRING_EQUAL(c->targets[2]->azure.api_version, "2025-07-01");
    CU_ASSERT_EQUAL(c->targets[2]->azure.max_routes, 400);
    config_free(c);
}

CU_MAIN("config", CU_CASE(test_every_table_of_azure_is_a_target_of_its_own), CU_CASE(test_every_mistake_is_named_with_its_mend),
        CU_CASE(test_all_mistakes_are_told_at_once_in_the_order_of_the_file),
        CU_CASE(test_what_follows_from_a_mistake_is_no_other_one),
        CU_CASE(test_listeners_of_other_addresses_share_a_port),
        CU_CASE(test_another_speaker_may_have_a_nodes_address),
        CU_CASE(test_our_own_as_number_is_no_reserved_one),
        CU_CASE(test_the_caret_stands_below_the_mistake), CU_CASE(test_several_nodes_need_keys),
        CU_CASE(test_a_key_stands_for_one_node), CU_CASE(test_a_host_has_a_name_and_keys_of_its_own),
        CU_CASE(test_bytes_that_are_no_text_are_refused),
        CU_CASE(test_a_file_that_cannot_be_read_is_named),
        CU_CASE(test_a_pipe_in_the_place_of_the_file_is_not_waited_for),
        CU_CASE(test_peers_inherit_the_defaults),
        CU_CASE(test_what_is_not_said_is_closed_where_policy_is_required),
        CU_CASE(test_a_prefix_of_peers_has_as_numbers_and_a_limit),
        CU_CASE(test_a_long_lived_time_is_of_all_families_or_of_those_that_are_named),
        CU_CASE(test_bfd_is_a_word_or_a_map_and_is_inherited_key_by_key),
        CU_CASE(test_json_is_read_as_well),
        CU_CASE(test_a_clean_file_says_nothing_and_has_the_designs_defaults),
        CU_CASE(test_the_health_is_told_at_every_address_that_nodes_have), CU_CASE(test_the_key_file_may_name_the_node),
        CU_CASE(test_an_agent_that_reads_from_etcd_may_show_nodes_what_it_has),
        CU_CASE(test_the_agents_file_is_held_to_the_same_rules), CU_CASE(test_one_node_is_listed_once),
        CU_CASE(test_the_file_of_a_host_and_that_of_a_node_are_told_apart))
