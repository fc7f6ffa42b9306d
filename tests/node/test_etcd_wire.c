/* Names and values that Tandem keeps in etcd, and the gateway's JSON. */
#include "node/targets/etcd_wire.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/cu.h"

static const char prefix[] = "/tandem/hub/t/";

static enum etcd_key key_of(const char *name)
{
    struct ip_prefix route;
    char key[ETCD_KEY_MAX];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    return etcd_key_of(prefix, key, strlen(key), &route);
}

static void test_a_key_is_ours_only_as_we_would_write_it(void)
{
    static const struct {
        const char *name;
        enum etcd_key key;
    } rows[] = {
        { "fence", ETCD_FENCE },
        { "beat", ETCD_BEAT },
        { "gen", ETCD_GEN },
        { "routes/10.1.0.0/16", ETCD_ROUTE },
        { "routes/fd00::/8", ETCD_ROUTE },
        { "routes/0.0.0.0/0", ETCD_ROUTE },
        { "", ETCD_FOREIGN },
        { "fences", ETCD_FOREIGN },
        { "routes/", ETCD_FOREIGN },
        { "routes/10.1.0.1/16", ETCD_FOREIGN }, /* host bits */
        { "routes/10.1.2.3", ETCD_FOREIGN },    /* a second name for 10.1.2.3/32 */
        { "routes/fd00:0::/8", ETCD_FOREIGN },  /* and for fd00::/8 */
        { "routes/10.1.0.0/16/x", ETCD_FOREIGN },
        { "Routes/10.1.0.0/16", ETCD_FOREIGN },
    };
    struct ip_prefix route;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(key_of(rows[i].name), rows[i].key);
    CU_ASSERT_EQUAL(etcd_key_of(prefix, "/tandem/hub/tt/fence", 20, &route), ETCD_FOREIGN);
    CU_ASSERT_EQUAL(etcd_key_of(prefix, "/tandem/hub/t/gen\0x", 19, &route), ETCD_FOREIGN);
}

static void test_a_name_that_is_written_is_read_as_the_same_prefix(void)
{
    char key[ETCD_KEY_MAX];
    struct ip_prefix route, read;
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse("2001:db8:1::/48", &route), 0);
    etcd_key_route(prefix, &route, key);
    CU_ASSERT_STRING_EQUAL(key, "/tandem/hub/t/routes/2001:db8:1::/48");
    CU_ASSERT_EQUAL(etcd_key_of(prefix, key, strlen(key), &read), ETCD_ROUTE);
    CU_ASSERT_TRUE(ip_prefix_is_equal(&route, &read));
    etcd_key_end(prefix, key);
    CU_ASSERT_STRING_EQUAL(key, "/tandem/hub/t0");
}

static bool fence_is(const char *text, struct repl_fence_record *out)
{
    return etcd_read_fence(text, strlen(text), out);
}

static void test_a_fence_is_read_as_written_and_a_damaged_one_is_none(void)
{
    struct repl_fence_record r = { .epoch = 12, .owner = 2, .incarnation = 1ull << 40 }, read;
    json_t *value = etcd_value_fence(&r, "rs-b");
    char *text = json_dumps(value, JSON_COMPACT);
    CU_ASSERT_TRUE(fence_is(text, &read));
    CU_ASSERT_TRUE(read.epoch == 12 && read.owner == 2 && read.incarnation == 1ull << 40);
    free(text);
    json_decref(value);
    static const char *const damaged[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"epoch\":1,\"owner\":1}",
        "{\"epoch\":0,\"owner\":1,\"incarnation\":1}",
        "{\"epoch\":-1,\"owner\":1,\"incarnation\":1}",
        "{\"epoch\":1,\"owner\":8,\"incarnation\":1}",
        "{\"epoch\":1,\"owner\":0,\"incarnation\":1}",
        "{\"epoch\":\"1\",\"owner\":1,\"incarnation\":1}",
        "{\"epoch\":1,\"epoch\":2,\"owner\":1,\"incarnation\":1}",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        CU_ASSERT_FALSE(fence_is(damaged[i], &read));
}

static bool route_is(const char *text, uint32_t *count)
{
    struct ip_addr members[NHSET_MAX];
    return etcd_read_route(text, strlen(text), members, count);
}

static void test_a_route_has_1_to_64_next_hops_that_are_addresses(void)
{
    uint32_t count;
    char many[64 + (NHSET_MAX + 1) * 16] = "{\"nextHops\":[";
    CU_ASSERT_TRUE(route_is("{\"nextHops\":[\"10.1.2.4\",\"fd00::4\"],\"from\":\"nva\"}", &count));
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_FALSE(route_is("{\"nextHops\":[]}", &count));
    CU_ASSERT_FALSE(route_is("{\"nextHops\":[\"10.1.2\"]}", &count));
    CU_ASSERT_FALSE(route_is("{\"nextHops\":[7]}", &count));
    CU_ASSERT_FALSE(route_is("{\"nextHops\":\"10.1.2.4\"}", &count));
    CU_ASSERT_FALSE(route_is("10.1.2.4", &count));
    for (int i = 0; i <= NHSET_MAX; i++)
        sprintf(many + strlen(many), "%s\"10.0.0.%d\"", i ? "," : "", i);
    strcat(many, "]}");
    CU_ASSERT_FALSE(route_is(many, &count));
    CU_ASSERT_EQUAL(count, 0);
}

static void test_gen_is_read_as_written(void)
{
    struct etcd_gen g = { .epoch = 3, .version = 31, .count = 812, .digest = { 0xab, 1 } }, read;
    json_t *value = etcd_value_gen(&g);
    char *text = json_dumps(value, JSON_COMPACT);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"digest\":\"ab010000000000000000000000000000\""));
    CU_ASSERT_TRUE(etcd_read_gen(text, strlen(text), &read));
    CU_ASSERT_EQUAL(memcmp(&g, &read, sizeof g), 0);
    CU_ASSERT_FALSE(
        etcd_read_gen("{\"epoch\":3,\"version\":1,\"count\":1,\"digest\":\"ab\"}", 46, &read));
    free(text);
    json_decref(value);
}

static void test_a_transaction_compares_the_fence_and_asks_for_it_if_it_fails(void)
{
    json_t *ops = json_array();
    json_array_append_new(ops, etcd_op_put("a", json_pack("{s:i}", "n", 1)));
    json_array_append_new(ops, etcd_op_delete("b"));
    json_t *compares = json_array();
    json_array_append_new(compares, etcd_compare("f", 17));
    json_t *txn = etcd_request_txn("f", compares, ops);
    char *text = json_dumps(txn, JSON_COMPACT | JSON_SORT_KEYS);
    CU_ASSERT_STRING_EQUAL(
        text, "{\"compare\":[{\"key\":\"Zg==\",\"mod_revision\":\"17\",\"result\":\"EQUAL\","
              "\"target\":\"MOD\"}],"
              "\"failure\":[{\"request_range\":{\"key\":\"Zg==\"}}],"
              "\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"eyJuIjoxfQ==\"}},"
              "{\"request_delete_range\":{\"key\":\"Yg==\"}}]}");
    free(text);
    json_decref(txn);
}

static void test_a_pair_is_decoded_and_an_absent_value_is_empty(void)
{
    struct etcd_pair pair;
    json_t *kv = json_pack("{s:s, s:s, s:s}", "key", "Zm9v", "value", "YmFy", "mod_revision", "9");
    CU_ASSERT_TRUE(etcd_pair_read(kv, &pair));
    CU_ASSERT_STRING_EQUAL(pair.key, "foo");
    CU_ASSERT_STRING_EQUAL(pair.value, "bar");
    CU_ASSERT_EQUAL(pair.revision, 9);
    etcd_pair_free(&pair);
    json_object_del(kv, "value");
    CU_ASSERT_TRUE(etcd_pair_read(kv, &pair));
    CU_ASSERT_EQUAL(pair.value_len, 0);
    etcd_pair_free(&pair);
    json_object_set_new(kv, "key", json_string("no base64!"));
    CU_ASSERT_FALSE(etcd_pair_read(kv, &pair));
    json_decref(kv);
    CU_ASSERT_TRUE(etcd_pair_read(NULL, &pair));
    CU_ASSERT_EQUAL(pair.key_len, 0);
    etcd_pair_free(&pair);
}

static void test_errors_of_the_server_have_their_meaning(void)
{
    static const struct {
        int code;
        const char *text;
        enum etcd_fault fault;
    } rows[] = {
        { 16, "etcdserver: invalid auth token", ETCD_UNAUTHENTICATED },
        { 3, "etcdserver: user name is empty", ETCD_UNAUTHENTICATED },
        { 3, "etcdserver: authentication failed, invalid user ID or password", ETCD_FORBIDDEN },
        { 7, "etcdserver: permission denied", ETCD_FORBIDDEN },
        { 8, "etcdserver: mvcc: database space exceeded", ETCD_FULL },
        { 11, "etcdserver: mvcc: required revision has been compacted", ETCD_COMPACTED },
        { 14, "etcdserver: no leader", ETCD_UNREACHED },
        { 9, "etcdserver: authentication is not enabled", ETCD_OPEN },
        { 3, "etcdserver: duplicate key given in txn request", ETCD_REFUSED },
    };
    const char *text;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *error = json_pack("{s:s, s:i}", "error", rows[i].text, "code", rows[i].code);
        CU_ASSERT_EQUAL(etcd_fault_of(error, &text), rows[i].fault);
        CU_ASSERT_STRING_EQUAL(text, rows[i].text);
        json_decref(error);
    }
    CU_ASSERT_EQUAL(etcd_fault_of(NULL, &text), ETCD_REFUSED);
}

CU_MAIN("etcd-wire", CU_CASE(test_a_key_is_ours_only_as_we_would_write_it),
        CU_CASE(test_a_name_that_is_written_is_read_as_the_same_prefix),
        CU_CASE(test_a_fence_is_read_as_written_and_a_damaged_one_is_none),
        CU_CASE(test_a_route_has_1_to_64_next_hops_that_are_addresses),
        CU_CASE(test_gen_is_read_as_written),
        CU_CASE(test_a_transaction_compares_the_fence_and_asks_for_it_if_it_fails),
        CU_CASE(test_a_pair_is_decoded_and_an_absent_value_is_empty),
        CU_CASE(test_errors_of_the_server_have_their_meaning))
