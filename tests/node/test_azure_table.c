/* What is ours in a document and what is not; that a write keeps what others put there. */
#include "tests/node/azure.h"
#include "tests/lib/cu.h"

#include <stdlib.h>

static struct nhset_table sets;

static struct azure_table table_of(const char *text)
{
    struct azure_table t = { .sets = &sets };
    nhset_table_init(&sets, (struct hash_key){ 1, 2 });
    CU_ASSERT_TRUE_FATAL(az_read(&t, text));
    return t;
}

static void end(struct azure_table *t)
{
    azure_table_fini(t);
    CU_ASSERT_EQUAL(sets.sets.count, 0); /* every reference was given back */
    nhset_table_fini(&sets);
}

static bool has_hops(uint32_t nhset, const char *text)
{
    uint32_t id = az_set(&sets, text);
    bool is = id == nhset;
    nhset_unref(&sets, id);
    return is;
}

static void test_routes_of_ours_are_told_from_those_of_others(void)
{
    struct azure_table t = table_of(AZ_TABLE(
        "Succeeded", "{\"Tandem-Fence\":\"hub;3;rs-a;7;0\"}",
        AZ_FOREIGN "," AZ_OURS("fw-1", "1", "10.9.0.0/16", "10.1.2.4") "," AZ_TAGGED "," AZ_ECMP(
            "fw-1", "2", "10.8.0.0/16", "\"10.1.2.5\",\"10.1.2.4\"")));
    CU_ASSERT_EQUAL_FATAL(t.count, 2);
    CU_ASSERT_EQUAL(t.others, 2);
    CU_ASSERT_EQUAL(t.foreign_count, 1); /* a service tag is no prefix */
    CU_ASSERT_TRUE(has_hops(t.routes[0].nhset, "10.1.2.4 10.1.2.5"));
    CU_ASSERT_TRUE(has_hops(t.routes[1].nhset, "10.1.2.4"));
    CU_ASSERT_STRING_EQUAL(t.fence, "hub;3;rs-a;7;0"); /* names of tags have no case */
    CU_ASSERT_STRING_EQUAL(t.etag, "W/\"1\"");
    struct ip_prefix inside = az_prefix("10.9.1.0/24"), everything = az_prefix("0.0.0.0/0");
    CU_ASSERT_PTR_NULL(azure_table_find(&t, &inside));
    CU_ASSERT_PTR_EQUAL(azure_table_covering(&t, &inside), &t.routes[1]);
    CU_ASSERT_TRUE(azure_table_is_foreign(&t, &everything));
    end(&t);
}

static void test_a_route_of_ours_that_somebody_edited_has_no_set(void)
{
    struct azure_table t = table_of(AZ_TABLE(
        "Succeeded", "null",
        "{\"name\":\"tandem-fw-1-3\",\"properties\":{\"addressPrefix\":\"10.7.0.0/16\","
        "\"nextHopType\":\"Internet\"}}," AZ_ECMP("fw-1", "2", "10.8.0.0/16", "\"10.1.2.5\",7")));
    CU_ASSERT_EQUAL_FATAL(t.count, 2);
    CU_ASSERT_EQUAL(t.routes[0].nhset, 0);
    CU_ASSERT_EQUAL(t.routes[1].nhset, 0);
    end(&t);
}

/* What the fabric drops has the type None and no address. */
static void test_a_blackhole_is_read_and_written_as_none(void)
{
    struct azure_table t = table_of(AZ_TABLE(
        "Succeeded", "null",
        "{\"name\":\"tandem-fw-1-3\",\"properties\":{\"addressPrefix\":\"10.7.0.0/32\","
        "\"nextHopType\":\"None\"}}"));
    CU_ASSERT_EQUAL_FATAL(t.count, 1);
    CU_ASSERT_TRUE(has_hops(t.routes[0].nhset, "0.0.0.0"));
    char *text = azure_table_write(&t, t.routes, t.count, "f");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"addressPrefix\":\"10.7.0.0/32\",\"nextHopType\":\"None\"}"));
    free(text);
    end(&t);
}

static void test_states_of_provisioning_are_understood(void)
{
    static const struct {
        const char *text;
        enum azure_provisioning state;
    } rows[] = { { AZ_TABLE("Succeeded", "{}", ""), AZURE_SUCCEEDED },
                 { AZ_TABLE("Updating", "{}", ""), AZURE_UPDATING },
                 { AZ_TABLE("Deleting", "{}", ""), AZURE_UPDATING },
                 { AZ_TABLE("Failed", "{}", ""), AZURE_FAILED },
                 { AZ_TABLE("Canceled", "{}", ""), AZURE_FAILED } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct azure_table t = table_of(rows[i].text);
        CU_ASSERT_EQUAL(t.provisioning, rows[i].state);
        end(&t);
    }
}

static json_t *written(struct azure_table *t, const struct azure_route *ours, size_t count)
{
    char *text = azure_table_write(t, ours, count, "hub;4;rs-b;2;9");
    json_t *document = json_loads(text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(document);
    free(text);
    return document;
}

static bool is_json(const json_t *value, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    bool is = json_equal(value, wanted);
    json_decref(wanted);
    return is;
}

static void test_a_write_keeps_what_others_put_there(void)
{
    struct azure_table t = table_of(
        AZ_TABLE("Failed", "{\"team\":\"net\",\"TANDEM-FENCE\":\"old\"}",
                 AZ_FOREIGN "," AZ_OURS("fw-1", "1", "10.9.0.0/16", "10.1.2.4") "," AZ_TAGGED));
    struct azure_route ours[2] = { { az_prefix("10.8.0.0/16"), az_set(&sets, "10.1.2.4 10.1.2.5"),
                                     "tandem-fw-1-a" },
                                   { az_prefix("fd00:8::/32"), az_set(&sets, "fd00::4"),
                                     "tandem-fw-1-b" } };
    json_t *document = written(&t, ours, 2);
    CU_ASSERT_TRUE(is_json(
        document,
        "{\"name\":\"rt\",\"id\":\"/s/rt\",\"location\":\"westeurope\","
        "\"tags\":{\"team\":\"net\",\"TANDEM-FENCE\":\"hub;4;rs-b;2;9\"},\"properties\":{"
        "\"disableBgpRoutePropagation\":true,\"disablePeeringRoute\":\"All\",\"routes\":["
        "{\"name\":\"to-internet\",\"id\":\"/x/to-internet\",\"properties\":{\"addressPrefix\":"
        "\"0.0.0.0/0\",\"nextHopType\":\"Internet\",\"unheardOf\":[1,2.5]}}," AZ_TAGGED ",{\"name\":"
        "\"tandem-fw-1-a\",\"properties\":{\"addressPrefix\":\"10.8.0.0/16\",\"nextHopType\":"
        "\"VirtualApplianceEcmp\",\"nextHop\":{\"nextHopIpAddresses\":[\"10.1.2.4\",\"10.1.2.5\"]}"
        "}},{\"name\":\"tandem-fw-1-b\",\"properties\":{\"addressPrefix\":\"fd00:8::/32\","
        "\"nextHopType\":\"VirtualAppliance\",\"nextHopIpAddress\":\"fd00::4\"}}]}}"));
    json_decref(document);
    nhset_unref(&sets, ours[0].nhset);
    nhset_unref(&sets, ours[1].nhset);
    end(&t);
}

static void test_a_table_without_tags_gets_the_fence(void)
{
    struct azure_table t = table_of(
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":{\"routes\":null}}");
    json_t *document = written(&t, NULL, 0);
    CU_ASSERT_TRUE(is_json(document, "{\"location\":\"l\",\"properties\":{\"routes\":[]},"
                                     "\"tags\":{\"tandem-fence\":\"hub;4;rs-b;2;9\"}}"));
    json_decref(document);
    end(&t);
}

static void test_answers_that_are_no_table_are_refused(void)
{
    static const char *const texts[] = {
        "", "[]", "7", "{", "{}", "{\"properties\":{}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":[]}",
        "{\"etag\":7,\"location\":\"l\",\"properties\":{}}",
        "{\"etag\":\"\",\"location\":\"l\",\"properties\":{}}",
        "{\"etag\":\"a\\r\\nX: y\",\"location\":\"l\",\"properties\":{}}",
        "{\"etag\":\"e\",\"properties\":{}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"tags\":[],\"properties\":{}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":{\"routes\":{}}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":{\"routes\":[7]}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":{\"routes\":[{\"name\":\"a\"}]}}",
        "{\"etag\":\"e\",\"location\":\"l\",\"properties\":{\"routes\":[{\"properties\":{}}]}}",
        "{\"etag\":\"e\",\"etag\":\"f\",\"location\":\"l\",\"properties\":{}}",
        "<html>502</html>",
    };
    struct azure_table t = table_of(AZ_TABLE("Succeeded", "{}", AZ_FOREIGN));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CU_ASSERT_FALSE(az_read(&t, texts[i]));
    CU_ASSERT_EQUAL(t.others, 1); /* the table that was read before still stands */
    end(&t);
}

static void test_a_table_holds_next_hops_of_the_prefixs_family(void)
{
    static const struct {
        const char *prefix, *wanted, *one, *many;
    } rows[] = { { "10.9.0.0/16", "10.1.2.4 10.1.2.5", "10.1.2.4", "10.1.2.4 10.1.2.5" },
                 { "10.9.0.0/16", "10.1.2.4 fd00::4", "10.1.2.4", "10.1.2.4" },
                 { "fd00:9::/32", "10.1.2.4 fd00::4 fd00::5", "fd00::4", "fd00::4 fd00::5" },
                 { "fd00:9::/32", "10.1.2.4", NULL, NULL } };
    nhset_table_init(&sets, (struct hash_key){ 1, 2 });
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int ecmp = 0; ecmp < 2; ecmp++) {
            const char *wanted = ecmp ? rows[i].many : rows[i].one;
            struct ip_prefix prefix = az_prefix(rows[i].prefix);
            uint32_t id = az_set(&sets, rows[i].wanted);
            uint32_t got = azure_table_set(&sets, &prefix, id, ecmp);
            CU_ASSERT_TRUE(wanted ? has_hops(got, wanted) : got == 0);
            nhset_unref(&sets, got);
            nhset_unref(&sets, id);
        }
    CU_ASSERT_EQUAL(sets.sets.count, 0);
    nhset_table_fini(&sets);
}

CU_MAIN("azure_table", CU_CASE(test_routes_of_ours_are_told_from_those_of_others),
        CU_CASE(test_a_route_of_ours_that_somebody_edited_has_no_set),
        CU_CASE(test_a_blackhole_is_read_and_written_as_none),
        CU_CASE(test_states_of_provisioning_are_understood),
        CU_CASE(test_a_write_keeps_what_others_put_there),
        CU_CASE(test_a_table_without_tags_gets_the_fence),
        CU_CASE(test_answers_that_are_no_table_are_refused),
        CU_CASE(test_a_table_holds_next_hops_of_the_prefixs_family))
