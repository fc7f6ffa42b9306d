/* The verdict on a path: each refusal, and its stable name. */
#include "bgp/policy/policy.h"

#include <string.h>

#include "bgp/base/wire.h"
#include "tests/lib/cu.h"

static const struct policy_nva firewall = { .asn = 65001, .local_asn = 65515 };

static struct bgp_attrs attrs_with(const uint32_t *path, uint8_t count, const char *next_hop)
{
    static uint8_t bytes[64];
    struct bgp_attrs a;
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    wire_put(&w, (uint8_t[]){ 0x40, 1, 1, 0, 0x40, 2, (uint8_t)(2 + 4 * count), 2, count }, 9);
    for (uint8_t i = 0; i < count; i++)
        wire_put32(&w, path[i]);
    CU_ASSERT_FATAL(bgp_attrs_summarise(bytes, (uint16_t)wire_len(&w), &a));
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse(next_hop, &a.next_hop), 0);
    return a;
}

static void test_without_rules_every_next_hop_is_accepted(void)
{
    struct policy p = { 0 };
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001 }, 1, "198.51.100.1");
    CU_ASSERT_EQUAL(policy_import(&p, &firewall, &a), POLICY_ACCEPTED);
}

/* RFC 4271 section 9.1.2: our own AS in the path is a loop, in any place of it. */
static void test_our_own_as_in_the_path_is_a_loop(void)
{
    struct policy p = { 0 };
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001, 65002, 65515, 65003 }, 4, "10.0.0.1");
    CU_ASSERT_EQUAL(policy_import(&p, &firewall, &a), POLICY_AS_LOOP);
    struct policy_nva other = firewall;
    other.local_asn = 64999; /* that peer knows us by another number */
    CU_ASSERT_EQUAL(policy_import(&p, &other, &a), POLICY_ACCEPTED);
}

static void test_allow_own_as_counts_occurrences(void)
{
    struct policy p = { 0 };
    struct policy_nva once = firewall;
    once.allow_own_as = 1;
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001, 65515 }, 2, "10.0.0.1");
    CU_ASSERT_EQUAL(policy_import(&p, &once, &a), POLICY_ACCEPTED);
    a = attrs_with((uint32_t[]){ 65001, 65515, 65515 }, 3, "10.0.0.1");
    CU_ASSERT_EQUAL(policy_import(&p, &once, &a), POLICY_AS_LOOP);
}

static void test_a_next_hop_outside_of_all_spaces_is_refused(void)
{
    struct ip_prefix spaces[2];
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse("10.1.0.0/16", &spaces[0]), 0);
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse("fd00:1::/32", &spaces[1]), 0);
    struct policy p = { .spaces = spaces, .space_count = 2 };
    static const struct {
        const char *next_hop;
        enum policy_verdict verdict;
    } cases[] = {
        { "10.1.255.255", POLICY_ACCEPTED },
        { "10.2.0.0", POLICY_NEXT_HOP_OUTSIDE },
        { "fd00:1::9", POLICY_ACCEPTED },
        { "fd00:2::9", POLICY_NEXT_HOP_OUTSIDE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bgp_attrs a = attrs_with((uint32_t[]){ 65001 }, 1, cases[i].next_hop);
        CU_ASSERT_EQUAL(policy_import(&p, &firewall, &a), cases[i].verdict);
    }
}

/* RFC 9234 section 5, ingress 1. */
static void test_a_client_that_passes_on_what_was_for_it_alone_leaks(void)
{
    struct policy p = { 0 };
    struct policy_nva client = firewall;
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001 }, 1, "10.0.0.1");
    a.marks |= BGP_MARK_OTC;
    CU_ASSERT_EQUAL(policy_import(&p, &client, &a), POLICY_ACCEPTED);
    client.is_rs_client = true;
    CU_ASSERT_EQUAL(policy_import(&p, &client, &a), POLICY_ROUTE_LEAK);
    a.marks = 0;
    CU_ASSERT_EQUAL(policy_import(&p, &client, &a), POLICY_ACCEPTED);
}

static void test_nothing_is_accepted_where_nothing_is_imported(void)
{
    struct policy_nva closed = firewall;
    closed.is_refused = true;
    CU_ASSERT_EQUAL(policy_import(&(struct policy){ 0 }, &closed, &(struct bgp_attrs){ 0 }), POLICY_NO_IMPORT);
    CU_ASSERT_STRING_EQUAL(policy_verdict_name(POLICY_NO_IMPORT), "no-import-policy");
}

static void test_a_node_is_never_a_next_hop(void)
{
    struct ip_addr node;
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse("10.1.2.4", &node), 0);
    struct policy p = { .nodes = &node, .node_count = 1 };
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001 }, 1, "10.1.2.4");
    CU_ASSERT_EQUAL(policy_import(&p, &firewall, &a), POLICY_NEXT_HOP_OURS);
}

static void test_a_route_without_a_next_hop_is_refused(void)
{
    struct policy p = { 0 };
    struct bgp_attrs a = attrs_with((uint32_t[]){ 65001 }, 1, "0.0.0.0");
    CU_ASSERT_EQUAL(policy_import(&p, &firewall, &a), POLICY_NO_NEXT_HOP);
}

static void test_verdicts_have_names_and_strangers_are_told_apart(void)
{
    CU_ASSERT_STRING_EQUAL(policy_verdict_name(POLICY_AS_LOOP), "as-loop");
    CU_ASSERT_STRING_EQUAL(policy_verdict_name(POLICY_NEXT_HOP_OUTSIDE), "next-hop-outside");
    CU_ASSERT_STRING_EQUAL(policy_verdict_name(POLICY_VERDICTS), "unknown");
    CU_ASSERT_STRING_EQUAL(policy_verdict_text(POLICY_VERDICTS), "");
    for (uint8_t v = 1; v < POLICY_VERDICTS; v++)
        CU_ASSERT(strlen(policy_verdict_text(v)) > 0);
}

CU_MAIN("policy", CU_CASE(test_without_rules_every_next_hop_is_accepted),
        CU_CASE(test_our_own_as_in_the_path_is_a_loop),
        CU_CASE(test_allow_own_as_counts_occurrences),
        CU_CASE(test_a_next_hop_outside_of_all_spaces_is_refused),
        CU_CASE(test_a_client_that_passes_on_what_was_for_it_alone_leaks),
        CU_CASE(test_nothing_is_accepted_where_nothing_is_imported),
        CU_CASE(test_a_node_is_never_a_next_hop),
        CU_CASE(test_a_route_without_a_next_hop_is_refused),
        CU_CASE(test_verdicts_have_names_and_strangers_are_told_apart))
