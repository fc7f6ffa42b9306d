/* The looking glass as Alice-LG reads it, in both of its forms: a member that is missing or of another type makes that
 * fail, or show 0. */
#include <jansson.h>

#include "node/api/routes.h"
#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

enum { ANSWER_MAX = 1 << 16 };

/* What is sent, read with a buffer so small that every item is cut. */
static json_t *ask_at(struct core *c, uint64_t now_ms, const char *path, const char *name, const char *value)
{
    static char text[ANSWER_MAX];
    struct api_view v = { .core = c, .config = &c->config, .self = 1, .now_ms = now_ms, .wall_ms = 1795668896000 };
    struct api_request q = { .path = path, .params = { { name, value } }, .param_count = name != NULL };
    struct api_reply reply = { 0 };
    size_t len = 0, got = 1;
    api_answer(&v, &q, &reply);
    CU_ASSERT_EQUAL_FATAL(reply.status, 200);
    while (reply.reader && got) {
        got = reply.reader->read(reply.reader, &v, text + len, 7);
        len += got;
        CU_ASSERT_FATAL(len < ANSWER_MAX - 7);
    }
    if (reply.reader)
        reply.reader->end(reply.reader);
    json_t *answer = reply.reader ? json_loadb(text, len, 0, NULL) : json_loads(reply.body, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    free(reply.body);
    return answer;
}

static json_t *ask(struct core *c, const char *path)
{
    return ask_at(c, 60000, path, NULL, NULL);
}

static const json_t *at(const json_t *o, const char *one, const char *two)
{
    const json_t *inner = json_object_get(o, one);
    return two ? json_object_get(inner, two) : inner;
}

static const char *text_at(const json_t *o, const char *one, const char *two)
{
    const char *text = json_string_value(at(o, one, two));
    return text ? text : "";
}

static struct core *routes(void)
{
    struct core *c = fake_core();
    c->nvas[1].local_asn = 65515;
    fake_route_of(c, 1, 1, "10.44.0.0/16", (uint32_t[]){ 65001, 65099 }, 2, 7);
    fake_route_of(c, 1, 2, "10.44.0.0/16", (uint32_t[]){ 65002, 65098, 65099 }, 3, -1);
    fake_route_of(c, 1, 1, "10.45.0.0/16", (uint32_t[]){ 65001, 65515 }, 2, 7); /* our own AS: a loop */
    fake_route_of(c, 2, 1, "10.46.0.0/16", (uint32_t[]){ 65001 }, 1, -1);       /* heard by the other node */
    fake_decide(c);
    return c;
}

static void test_the_envelope_is_birdwatchers(void)
{
    struct core *c = routes();
    json_t *o = ask(c, "/lg/birdwatcher/status");
    CU_ASSERT_TRUE(json_is_string(at(o, "api", "Version")));
    CU_ASSERT_TRUE(json_is_false(at(o, "api", "result_from_cache")));
    CU_ASSERT_STRING_EQUAL(text_at(at(o, "api", "cache_status"), "cached_at", "date"), "2026-11-26 04:54:56");
    CU_ASSERT_STRING_EQUAL(text_at(o, "ttl", NULL), "2026-11-26 04:55:26");
    CU_ASSERT_STRING_EQUAL(text_at(o, "status", "current_server"), "2026-11-26 04:54:56");
    CU_ASSERT_STRING_EQUAL(text_at(o, "status", "last_reboot"), "2026-11-26 04:53:56");
    CU_ASSERT_STRING_EQUAL(text_at(o, "status", "message"), "Daemon is up and running");
    json_decref(o);
    fake_core_free(c);
}

static void test_nvas_are_an_object_by_name_with_numbers(void)
{
    struct core *c = routes();
    json_t *o = ask(c, "/lg/birdwatcher/protocols/bgp");
    const json_t *fw = at(o, "protocols", "fw-1");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "state", NULL), "up");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "neighbor_address", NULL), "10.1.2.4");
    CU_ASSERT_EQUAL(json_integer_value(at(fw, "neighbor_as", NULL)), 65001);
    CU_ASSERT_TRUE(json_is_integer(at(fw, "routes", "imported")) && json_is_integer(at(fw, "routes", "filtered")) &&
                   json_is_integer(at(fw, "routes", "exported")) && json_is_integer(at(fw, "routes", "preferred")));
    CU_ASSERT_TRUE(json_is_string(at(fw, "last_error", NULL)) && json_is_string(at(fw, "description", NULL)));
    CU_ASSERT_STRING_EQUAL(text_at(at(o, "protocols", "sdwan"), "state", NULL), "start");
    json_decref(o);
    o = ask(c, "/lg/birdwatcher/protocols/short");
    CU_ASSERT_STRING_EQUAL(text_at(at(o, "protocols", "fw-1"), "state", NULL), "up");
    CU_ASSERT_TRUE(json_is_string(at(at(o, "protocols", "fw-1"), "since", NULL)));
    json_decref(o);
    fake_core_free(c);
}

static void test_a_route_has_the_members_and_types_that_alice_reads(void)
{
    struct core *c = routes();
    json_t *o = ask(c, "/lg/birdwatcher/routes/protocol/fw-1");
    const json_t *list = at(o, "routes", NULL), *route = json_array_get(list, 0), *bgp = at(route, "bgp", NULL);
    CU_ASSERT_EQUAL(json_array_size(list), 1);
    CU_ASSERT_STRING_EQUAL(text_at(route, "network", NULL), "10.44.0.0/16");
    CU_ASSERT_STRING_EQUAL(text_at(route, "from_protocol", NULL), "fw-1");
    CU_ASSERT_STRING_EQUAL(text_at(route, "gateway", NULL), "10.1.2.4");
    CU_ASSERT_STRING_EQUAL(text_at(route, "learnt_from", NULL), "10.1.2.4");
    CU_ASSERT_TRUE(json_is_integer(at(route, "metric", NULL)) && json_is_true(at(route, "primary", NULL)));
    CU_ASSERT_TRUE(json_is_array(at(route, "type", NULL)) && json_is_string(at(route, "age", NULL)));
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(at(bgp, "as_path", NULL), 1)), "65099");
    CU_ASSERT_STRING_EQUAL(text_at(bgp, "origin", NULL), "IGP");
    CU_ASSERT_STRING_EQUAL(text_at(bgp, "med", NULL), "7");
    CU_ASSERT_STRING_EQUAL(text_at(bgp, "local_pref", NULL), "100");
    const json_t *plain = json_array_get(at(bgp, "communities", NULL), 0),
                 *large = json_array_get(at(bgp, "large_communities", NULL), 0);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(plain, 0)), 65515);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(plain, 1)), 7);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(large, 2)), 7);
    CU_ASSERT_TRUE(json_is_array(at(bgp, "ext_communities", NULL)));
    json_decref(o);
    fake_core_free(c);
}

static size_t count(struct core *c, const char *path)
{
    json_t *o = ask(c, path);
    size_t n = json_array_size(at(o, "routes", NULL));
    json_decref(o);
    return n;
}

static void test_lists_are_of_what_this_node_heard(void)
{
    struct core *c = routes();
    CU_ASSERT_EQUAL(count(c, "/lg/birdwatcher/routes/table/master"), 2);
    CU_ASSERT_EQUAL(count(c, "/lg/birdwatcher/routes/protocol/sdwan"), 0);
    CU_ASSERT_EQUAL(count(c, "/lg/birdwatcher/routes/noexport/fw-2"), 2); /* the fake tells sdwan only */
    CU_ASSERT_EQUAL(count(c, "/lg/birdwatcher/routes/noexport/sdwan"), 0);
    fake_core_free(c);
}

static void test_a_refused_route_carries_its_reason_as_a_large_community(void)
{
    struct core *c = routes();
    CU_ASSERT_EQUAL(count(c, "/lg/birdwatcher/routes/table/master/filtered"), 1);
    json_t *o = ask(c, "/lg/birdwatcher/routes/filtered/fw-1");
    const json_t *large = at(json_array_get(at(o, "routes", NULL), 0), "bgp", "large_communities");
    const json_t *reason = json_array_get(large, json_array_size(large) - 1);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(reason, 0)), 65515);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(reason, 1)), 1101);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(reason, 2)), 101);
    json_decref(o);
    fake_core_free(c);
}

static void test_bgplgds_neighbors_have_as_numbers_as_texts_and_counts_as_numbers(void)
{
    struct core *c = routes();
    json_t *o = ask(c, "/lg/bgplgd/neighbors");
    const json_t *list = at(o, "neighbors", NULL), *fw = json_array_get(list, 0), *sdwan = json_array_get(list, 2);
    CU_ASSERT_EQUAL(json_array_size(list), 3);
    CU_ASSERT_STRING_EQUAL(text_at(fw, "remote_as", NULL), "65001");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "remote_addr", NULL), "10.1.2.4");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "description", NULL), "fw-1");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "state", NULL), "Established");
    CU_ASSERT_STRING_EQUAL(text_at(fw, "last_updown", NULL), "00:01:00");
    CU_ASSERT_EQUAL(json_integer_value(at(fw, "last_updown_sec", NULL)), 60);
    const json_t *stats = at(fw, "stats", NULL);
    CU_ASSERT_TRUE(json_is_integer(at(stats, "prefixes", "received")) && json_is_integer(at(stats, "prefixes", "sent")));
    CU_ASSERT_EQUAL(json_integer_value(at(at(stats, "message", "received"), "total", NULL)), 6);
    CU_ASSERT_TRUE(json_is_integer(at(fw, "session", "holdtime")));
    CU_ASSERT_STRING_EQUAL(text_at(sdwan, "state", NULL), "Active");
    CU_ASSERT_STRING_EQUAL(text_at(sdwan, "last_updown", NULL), "Never");
    CU_ASSERT_EQUAL(json_integer_value(at(sdwan, "last_updown_sec", NULL)), -1);
    CU_ASSERT_PTR_NULL(at(sdwan, "session", NULL));
    json_decref(o);
    o = ask_at(c, 60000, "/lg/bgplgd/summary", "neighbor", "10.1.2.5");
    CU_ASSERT_EQUAL(json_array_size(at(o, "neighbors", NULL)), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(at(o, "neighbors", NULL), 0), "description", NULL), "fw-2");
    CU_ASSERT_PTR_NULL(at(json_array_get(at(o, "neighbors", NULL), 0), "stats", NULL));
    json_decref(o);
    fake_core_free(c);
}

static void test_bgplgds_rib_has_paths_and_communities_as_texts(void)
{
    struct core *c = routes();
    json_t *o = ask_at(c, 60000, "/lg/bgplgd/rib", "neighbor", "10.1.2.4");
    const json_t *list = at(o, "rib", NULL), *route = json_array_get(list, 0);
    CU_ASSERT_EQUAL(json_array_size(list), 1); /* the loop is refused */
    CU_ASSERT_STRING_EQUAL(text_at(route, "prefix", NULL), "10.44.0.0/16");
    CU_ASSERT_STRING_EQUAL(text_at(route, "aspath", NULL), "65001 65099");
    CU_ASSERT_STRING_EQUAL(text_at(route, "exit_nexthop", NULL), "10.1.2.4");
    CU_ASSERT_STRING_EQUAL(text_at(route, "true_nexthop", NULL), "10.1.2.4");
    CU_ASSERT_STRING_EQUAL(text_at(route, "neighbor", "remote_addr"), "10.1.2.4");
    CU_ASSERT_STRING_EQUAL(text_at(route, "neighbor", "description"), "fw-1");
    CU_ASSERT_STRING_EQUAL(text_at(route, "neighbor", "bgp_id"), "0.0.0.1");
    CU_ASSERT_TRUE(json_is_true(at(route, "valid", NULL)) && json_is_true(at(route, "best", NULL)));
    CU_ASSERT_STRING_EQUAL(text_at(route, "source", NULL), "external");
    CU_ASSERT_STRING_EQUAL(text_at(route, "ovs", NULL), "not-found");
    CU_ASSERT_STRING_EQUAL(text_at(route, "origin", NULL), "IGP");
    CU_ASSERT_EQUAL(json_integer_value(at(route, "metric", NULL)), 7);
    CU_ASSERT_EQUAL(json_integer_value(at(route, "localpref", NULL)), 100);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(at(route, "communities", NULL), 0)), "65515:7");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(at(route, "large_communities", NULL), 0)), "65515:1:7");
    CU_ASSERT_PTR_NULL(at(route, "extended_communities", NULL));
    json_decref(o);
    fake_core_free(c);
}

static size_t rib_size(struct core *c, const char *name, const char *value)
{
    json_t *o = ask_at(c, 60000, "/lg/bgplgd/rib", name, value);
    size_t n = json_array_size(at(o, "rib", NULL));
    json_decref(o);
    return n;
}

static void test_bgplgds_rib_is_of_all_or_of_one_or_of_a_prefix(void)
{
    struct core *c = routes();
    CU_ASSERT_EQUAL(rib_size(c, NULL, NULL), 2);
    CU_ASSERT_EQUAL(rib_size(c, "neighbor", "fw-2"), 1);
    CU_ASSERT_EQUAL(rib_size(c, "neighbor", "sdwan"), 0);
    CU_ASSERT_EQUAL(rib_size(c, "prefix", "10.44.0.0/16"), 2);
    CU_ASSERT_EQUAL(rib_size(c, "prefix", "10.44.0.0/17"), 0);
    CU_ASSERT_EQUAL(rib_size(c, "prefix", "10.44.1.2"), 2);
    fake_core_free(c);
}

static void test_bgplgds_durations_are_bgpctls(void)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = { { 0, "00:00:00" }, { 3723, "01:02:03" }, { 86399, "23:59:59" }, { 93780, "1d02h03m" },
                 { 604799, "6d23h59m" }, { 694800, "01w1d01h" }, { 7948800, "13w1d00h" } };
    struct core *c = routes();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *o = ask_at(c, rows[i].seconds * 1000, "/lg/bgplgd/summary", NULL, NULL);
        CU_ASSERT_STRING_EQUAL(text_at(json_array_get(at(o, "neighbors", NULL), 0), "last_updown", NULL), rows[i].text);
        json_decref(o);
    }
    fake_core_free(c);
}

CU_MAIN("lg", CU_CASE(test_the_envelope_is_birdwatchers), CU_CASE(test_nvas_are_an_object_by_name_with_numbers),
        CU_CASE(test_a_route_has_the_members_and_types_that_alice_reads), CU_CASE(test_lists_are_of_what_this_node_heard),
        CU_CASE(test_a_refused_route_carries_its_reason_as_a_large_community),
        CU_CASE(test_bgplgds_neighbors_have_as_numbers_as_texts_and_counts_as_numbers),
        CU_CASE(test_bgplgds_rib_has_paths_and_communities_as_texts),
        CU_CASE(test_bgplgds_rib_is_of_all_or_of_one_or_of_a_prefix), CU_CASE(test_bgplgds_durations_are_bgpctls))
