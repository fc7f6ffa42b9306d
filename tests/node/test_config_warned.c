/* What is no mistake: what may be left out, and what is warned of only. */
#include "node/config/config.h"

#include <string.h>

#include "tests/lib/config_text.h"

static char output[4096];

static struct config *load_with(const char *part)
{
    char text[1024];
    int len = snprintf(text, sizeof text, "routeServer: { name: hub }\nnodes: [{ name: a, address: 10.0.0.1 }]\n%s\n", part);
    return config_or_complaint(text, (size_t)len, output, sizeof output);
}

static void test_an_nva_of_a_family_that_a_node_lacks_is_warned_of(void)
{
    struct config *c = load_with("peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1 }, { name: q, peerIp: 'fd00::2', peerAsn: 1 },\n"
                                 "        { name: r, peerIp: 'fd00::3', peerAsn: 1, disabled: true }]\n");
    CU_ASSERT_PTR_NOT_NULL(c);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "warning: peers[1].peerIp: node a has no IPv6 address, and does not hear this NVA"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n1 warning\n"));
    config_free(c);
}

static void test_an_nva_in_no_virtual_network_is_warned_of(void)
{
    static const char file[] = "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1 }, { name: q, peerIp: 10.9.0.2, peerAsn: 1 },\n"
                               "        { name: r, peerIp: 10.9.0.3, peerAsn: 1, disabled: true }]\n%s";
    char text[512];
    snprintf(text, sizeof text, file, "virtualNetworks: [{ name: v, addressPrefixes: [10.0.0.0/16] }]");
    struct config *c = load_with(text);
    CU_ASSERT_PTR_NOT_NULL(c);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "warning: peers[1].peerIp: it lies in no virtual network"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n1 warning\n"));
    config_free(c);
    snprintf(text, sizeof text, file, "");
    c = load_with(text);
    CU_ASSERT_STRING_EQUAL(output, "");
    config_free(c);
}

static void test_null_is_a_value_that_is_not_said(void)
{
    struct config *c = load_with("api: { tokenFile: null }\nlog: { level: ~ }\n"
                                 "cluster: { witness: { type: none } }\n"
                                 "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, holdTime: null }]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->log_level, CONFIG_LOG_INFO);
    CU_ASSERT_EQUAL(c->peers[0].hold_s, 180);
    config_free(c);
}

static void test_a_part_without_entries_is_not_said(void)
{
    struct config *c = load_with("peers:\nvirtualNetworks: ~\nprogramming: null\nrouteMaps:\nexport:\nagents:\napi:\nlog:\ndefaults:\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->peer_count, 0);
    config_free(c);
    CU_ASSERT_PTR_NULL(load_with("peers: ''"));
    CU_ASSERT_PTR_NULL(load_with("peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 1, md5KeyFile: }]"));
}

CU_MAIN("config, no mistakes", CU_CASE(test_an_nva_in_no_virtual_network_is_warned_of),
        CU_CASE(test_an_nva_of_a_family_that_a_node_lacks_is_warned_of), CU_CASE(test_null_is_a_value_that_is_not_said),
        CU_CASE(test_a_part_without_entries_is_not_said))
