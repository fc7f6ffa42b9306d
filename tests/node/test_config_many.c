/* Files of very many things, and files made to take long: a node reads them while it works, and is silent until they
 * are read. With the square of the number, these would take minutes. */
#include <assert.h>

#include "node/config/config.h"
#include "tests/lib/config_text.h"

enum { PEERS = 10000, TEXT_MAX = 1 << 20 };

static char text[TEXT_MAX], output[256 * 1024];
static size_t len;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    len += (size_t)vsnprintf(text + len, sizeof text - len, format, values);
    va_end(values);
    assert(len < sizeof text);
}

static void put_start(void)
{
    len = 0;
    put("routeServer: { name: hub }\nnodes: [{ name: a, address: 10.255.0.1 }]\n");
}

/* Line 4 and on. */
static void put_peers(void)
{
    put_start();
    put("peers:\n");
    for (int i = 0; i < PEERS; i++)
        put("  - { name: p%d, peerIp: 10.0.%d.%d, peerAsn: 65001 }\n", i, i / 256, i % 256);
}

static struct config *load(void)
{
    return config_or_complaint(text, len, output, sizeof output);
}

static void test_thousands_of_peers_are_read(void)
{
    put_peers();
    struct config *c = load();
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->peer_count, PEERS);
    config_free(c);
}

static void test_one_that_stands_twice_among_thousands_is_found(void)
{
    put_peers();
    put("  - { name: p7, peerIp: 10.1.0.0, peerAsn: 65001 }\n"
        "  - { name: again, peerIp: 10.0.0.9, peerAsn: 65001 }\n"
        "  - { name: p7, peerIp: 10.1.0.1, peerAsn: 65001 }\n");
    CU_ASSERT_PTR_NULL(load());
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":10004:13: error: peers[10000].name: the name \"p7\" stands on line 11 already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":10005:28: error: peers[10001].peerIp: peer p9 has this address already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":10006:13: error: peers[10002].name: the name \"p7\" stands on line 11 already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n3 errors\n"));
}

/* What belongs to other nodes may have the same address. */
static void test_peers_of_different_nodes_may_have_one_address(void)
{
    len = 0;
    put("routeServer: { name: hub }\ncluster: { keyFile: k, secretFile: s }\nnodes:\n"
        "  - { name: a, address: 10.255.0.1, publicKey: \"RSdZlDdrhEYKkF7WSd13r8Fbw84rxqsvmPV+98ZyYFg=\" }\n"
        "  - { name: b, address: 10.255.0.2, publicKey: \"Aap7H2Q5GC4Ox06AZSSmWBBx0sMhGQhC5PdRvkIu4xc=\" }\n"
        "peers:\n"
        "  - { name: p, peerIp: 10.0.0.1, peerAsn: 65001, nodes: [a] }\n"
        "  - { name: q, peerIp: 10.0.0.1, peerAsn: 65001, nodes: [b] }\n");
    struct config *c = load();
    CU_ASSERT_PTR_NOT_NULL(c);
    config_free(c);
    put("  - { name: r, peerIp: 10.0.0.1, peerAsn: 65001, nodes: [b] }\n");
    CU_ASSERT_PTR_NULL(load());
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":9:24: error: peers[2].peerIp: peer q has this address already"));
}

static void test_a_peer_is_found_wherever_it_is_looked_for_first(void)
{
    struct config *c = config_of("routeServer: { name: hub }\nnodes: [{ name: a, address: 10.255.0.1 }]\npeers:\n"
                                 "  - { name: p0, peerIp: 10.0.0.1, peerAsn: 65001 }\n"
                                 "  - { name: p1, peerIp: 10.0.0.2, peerAsn: 65001 }\n"
                                 "  - { name: p2, peerIp: 10.0.0.3, peerAsn: 65001 }\n");
    for (size_t near = 0; near < 7; near++) {
        CU_ASSERT_PTR_EQUAL(config_find_peer(c, "p0", near), &c->peers[0]);
        CU_ASSERT_PTR_EQUAL(config_find_peer(c, "p1", near), &c->peers[1]);
        CU_ASSERT_PTR_EQUAL(config_find_peer(c, "p2", near), &c->peers[2]);
        CU_ASSERT_PTR_NULL(config_find_peer(c, "p3", near));
    }
    config_free(c);
}

static void test_a_map_has_so_many_keys(void)
{
    put_start();
    put("log: {");
    for (int i = 0; i < 50000; i++)
        put(" k%d: {},", i);
    put(" level: loud }\n");
    CU_ASSERT_PTR_NULL(load());
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "error: log: unknown key \"k63\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "error: log: too many keys in one place"));
    CU_ASSERT_PTR_NULL(strstr(output, "unknown key \"k64\""));
    put_start();
    for (int i = 0; i < 50000; i++)
        put("version: %d\n", i);
    CU_ASSERT_PTR_NULL(load());
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":4:1: error: version: this key stands on line 3 already"));
}

static void test_what_is_nested_for_ever_is_not_read_to_its_end(void)
{
    static const char *const opens[] = { "[", "{ a: ", "? [", "- " };
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        put_start();
        put("log: ");
        for (int k = 0; k < 100000; k++)
            put("%s", opens[i]);
        CU_ASSERT_PTR_NULL(load());
        CU_ASSERT_PTR_NOT_NULL(strstr(output, "error"));
    }
}

CU_MAIN("config_many", CU_CASE(test_thousands_of_peers_are_read),
        CU_CASE(test_one_that_stands_twice_among_thousands_is_found),
        CU_CASE(test_peers_of_different_nodes_may_have_one_address),
        CU_CASE(test_a_peer_is_found_wherever_it_is_looked_for_first), CU_CASE(test_a_map_has_so_many_keys),
        CU_CASE(test_what_is_nested_for_ever_is_not_read_to_its_end))
