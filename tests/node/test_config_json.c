/* A configuration as JSON, and the schema of one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/config/config_json.h"
#include "tests/lib/config_text.h"

static const char text[] = "# a comment\n"
                           "version: 1\n"
                           "routeServer: { name: \"65515\", routerId: 10.1.1.4 }\n"
                           "nodes:\n  - { name: a, address: 10.1.1.4 }\n"
                           "peers: [{ name: fw, peerIp: 10.1.2.4, peerAsn: 065001, passive: true, holdTime: null }]\n"
                           "programming: [{ name: k, type: netlink, filter: { communities: [65515:100] } }]\n";

static void test_a_file_is_shown_as_it_was_written_and_reads_the_same(void)
{
    struct config *c = config_of("%s", text);
    json_t *shown = config_json(c);
    char *again = json_dumps(shown, JSON_COMPACT);
    CU_ASSERT_STRING_EQUAL(again, "{\"version\":1,\"routeServer\":{\"name\":\"65515\",\"routerId\":\"10.1.1.4\"},"
                                  "\"nodes\":[{\"name\":\"a\",\"address\":\"10.1.1.4\"}],"
                                  "\"peers\":[{\"name\":\"fw\",\"peerIp\":\"10.1.2.4\",\"peerAsn\":\"065001\","
                                  "\"passive\":true,\"holdTime\":null}],"
                                  "\"programming\":[{\"name\":\"k\",\"type\":\"netlink\","
                                  "\"filter\":{\"communities\":[\"65515:100\"]}}]}");
    struct config *twice = config_of("%s", again);
    CU_ASSERT_EQUAL(twice->peers[0].peer_asn, 65001);
    CU_ASSERT_STRING_EQUAL(twice->name, "65515");
    CU_ASSERT_EQUAL(twice->target_count, 1);
    json_t *once_more = config_json(twice);
    CU_ASSERT_TRUE(json_equal(shown, once_more));
    json_decref(once_more);
    json_decref(shown);
    free(again);
    config_free(twice);
    config_free(c);
}

static const json_t *at(const json_t *o, const char *path)
{
    char copy[160];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *rest = copy, *key; o && (key = strsep(&rest, "."));)
        o = json_is_array(o) ? json_array_get(o, (size_t)atoi(key)) : json_object_get(o, key);
    return o;
}

static void test_the_schema_says_of_every_key_what_may_stand_there(void)
{
    static const struct {
        const char *path, *json;
    } rows[] = {
        { "required", "[\"routeServer\",\"nodes\"]" },
        { "additionalProperties", "false" },
        { "properties.routeServer.properties.virtualRouterAsn.maximum", "4294967294" },
        { "properties.routeServer.required", "[\"name\"]" },
        { "properties.routeServer.properties.mode.enum", "[\"azure\",\"transparent\",null]" },
        { "properties.peers.type", "[\"array\",\"null\"]" },
        { "properties.peers.items.required", "[\"name\",\"peerIp\",\"peerAsn\"]" },
        { "properties.peers.items.properties.holdTime.description", "\"proposed hold time\"" },
        { "properties.peers.items.properties.passive.type", "[\"boolean\",\"null\"]" },
        { "properties.peers.items.properties.nodes.items", NULL }, /* names, not nodes */
        { "properties.peers.items.properties.bfd.anyOf.0.properties.multiplier.maximum", "255" },
        { "properties.defaults.properties.peerIp", NULL },
        { "properties.defaults.properties.connectRetry.pattern", "\"^[0-9]+(ms|s|m|h)?$\"" },
        { "properties.nodes.items.properties.api.properties", NULL }, /* addresses, not the api section */
        { "properties.api.properties.tokenFile.type", "[\"string\",\"null\"]" },
        { "properties.programming.items.anyOf.2.properties.type.const", "\"etcd\"" },
        { "properties.programming.items.anyOf.3.required", "[\"name\",\"type\",\"resourceIds\"]" },
        { "properties.programming.items.anyOf.3.properties.maxRoutes.maximum", "4000" }, /* a number, not that of peers */
        { "properties.export.properties.bmp.items.required", "[\"station\"]" },
    };
    json_t *schema = config_schema();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *found = at(schema, rows[i].path);
        char *is = found ? json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        bool as_said = rows[i].json ? is && !strcmp(is, rows[i].json) : !is;
        if (!as_said)
            fprintf(stderr, "%s: %s\n", rows[i].path, is ? is : "nothing");
        CU_ASSERT_TRUE(as_said);
        free(is);
    }
    json_decref(schema);
}

CU_MAIN("config as json", CU_CASE(test_a_file_is_shown_as_it_was_written_and_reads_the_same),
        CU_CASE(test_the_schema_says_of_every_key_what_may_stand_there))
