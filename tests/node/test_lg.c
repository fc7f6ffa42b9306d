/* The looking glass as Alice-LG reads it: a member that is missing or of another type makes that fail, or show 0. */
#include <jansson.h>

#include "node/api/routes.h"
#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

enum { ANSWER_MAX = 1 << 16 };

/* What is sent, read with a buffer so small that every item is cut. */
static json_t *ask(struct core *c, const char *path)
{
    static char text[ANSWER_MAX];
    struct api_view v = { .core = c, .config = &c->config, .self = 1, .now_ms = 60000, .wall_ms = 1795668896000 };
    struct api_request q = { .path = path };
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

CU_MAIN("lg", CU_CASE(test_the_envelope_is_birdwatchers), CU_CASE(test_nvas_are_an_object_by_name_with_numbers),
        CU_CASE(test_a_route_has_the_members_and_types_that_alice_reads), CU_CASE(test_lists_are_of_what_this_node_heard),
        CU_CASE(test_a_refused_route_carries_its_reason_as_a_large_community))
