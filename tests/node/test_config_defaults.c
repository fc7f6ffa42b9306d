/* What a key stands for that is not there. */
#include <stdlib.h>
#include <string.h>

#include "node/config/change.h"
#include "node/config/config_json.h"
#include "node/config/config_read.h"
#include "tests/lib/cu.h"

static const json_t *property(const json_t *schema, const char *path)
{
    char copy[160];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *rest = copy, *key; schema && (key = strsep(&rest, "."));)
        schema = !strcmp(key, "[]") ? json_object_get(schema, "items")
                                    : json_object_get(json_object_get(schema, "properties"), key);
    return schema;
}

static void test_what_a_key_stands_for_is_told_as_somebody_would_write_it(void)
{
    static const struct {
        const char *path, *value;
    } told[] = {
        { "routeServer.virtualRouterAsn", "65515" },
        { "routeServer.mode", "\"azure\"" },
        { "routeServer.runDirectory", "\"/run/tandem\"" },
        { "nodes.[].clusterPort", "8177" },
        { "cluster.beat", "\"50ms\"" },
        { "cluster.stale", "\"10m\"" },
        { "peers.[].holdTime", "\"3m\"" },
        { "peers.[].sendHoldTime", "\"0s\"" },
        { "peers.[].symmetric", "true" },
        { "peers.[].maxMemory", "\"512MiB\"" },
        { "peers.[].maxRoutes.action", "\"warn\"" },
        { "defaults.connectRetry", "\"5s\"" },
        { "export.mrt.every", "\"8h\"" },
        { "peers.[].name", NULL },       /* must be there */
        { "peers.[].md5KeyFile", NULL }, /* nothing stands for it */
        { "peers.[].ttlSecurity", NULL },
        { "cluster.keyFile", NULL },
        { "export.mrt.directory", NULL },
    };
    json_t *schema = config_schema();
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        const json_t *key = property(schema, told[i].path);
        char *value = json_dumps(json_object_get(key, "default"), JSON_ENCODE_ANY);
        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT_STRING_EQUAL(value ? value : "nothing",
                               told[i].value ? told[i].value : "nothing");
        free(value);
    }
    json_decref(schema);
}

static void test_what_follows_from_another_key_says_so(void)
{
    json_t *schema = config_schema();
    const json_t *mode = property(schema, "peers.[].mode");
    CU_ASSERT_PTR_NULL(json_object_get(mode, "default"));
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(mode, "description")),
                           "how it is told routes; otherwise as routeServer.mode");
    json_decref(schema);
}

static void test_an_agent_has_defaults_of_its_own(void)
{
    json_t *schema = config_agent_schema();
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(property(schema, "metric"), "default")), 20);
    CU_ASSERT_EQUAL(
        json_integer_value(json_object_get(property(schema, "nodes.[].port"), "default")), 8177);
    CU_ASSERT_EQUAL(
        json_integer_value(json_object_get(property(schema, "healthGate.fall"), "default")), 3);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(property(schema, "log.level"), "default")), "info");
    json_decref(schema);
}

/* Every default, where its object is; returns how many. */
static unsigned write_defaults(json_t *value, const json_t *schema)
{
    const json_t *items = json_object_get(schema, "items"),
                 *kinds = json_object_get(items, "anyOf");
    unsigned count = 0;
    json_t *key, *item;
    const char *name;
    size_t i;
    json_array_foreach(value, i, item)
    {
        count += write_defaults(item, kinds ? json_array_get(kinds, i) : items);
    }
    json_object_foreach(json_object_get(schema, "properties"), name, key)
    {
        json_t *there = json_object_get(value, name), *otherwise = json_object_get(key, "default");
        if (there)
            count += write_defaults(there, key);
        else if (otherwise && json_is_object(value))
            count += !json_object_set(value, name, otherwise);
    }
    return count;
}

static void test_a_file_that_says_every_default_means_the_same(void)
{
    struct config_least least;
    struct config *next;
    json_t *schema = config_schema();
    config_least_init(&least);
    json_t *all = config_json(least.config),
           *peer = json_array_get(json_object_get(all, "peers"), 0);
    CU_ASSERT_TRUE(write_defaults(all, schema) > 50);
    CU_ASSERT_EQUAL(json_object_del(peer, "maxPeers"), 0); /* of a prefix, which this one is not */
    char *text = json_dumps(all, 0);
    CU_ASSERT_TRUE_FATAL(config_load_text("least", text, strlen(text), &next, stderr));
    CU_ASSERT_TRUE(config_can_follow(least.config, next, stderr));
    CU_ASSERT_EQUAL(config_tell_changes(least.config, next, stderr), 0);
    config_free(next);
    free(text);
    json_decref(all);
    json_decref(schema);
    config_least_fini(&least);
}

CU_MAIN("config defaults", CU_CASE(test_what_a_key_stands_for_is_told_as_somebody_would_write_it),
        CU_CASE(test_what_follows_from_another_key_says_so),
        CU_CASE(test_an_agent_has_defaults_of_its_own),
        CU_CASE(test_a_file_that_says_every_default_means_the_same))
