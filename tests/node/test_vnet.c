/* What a network accepts into its route table, and the reason why not. */
#include "node/program/vnet.h"

#include <string.h>

#include "tests/lib/cu.h"

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p = { 0 };
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return p;
}

static const char *judge(const char *text, bool allow_own_space)
{
    const struct ip_prefix spaces[] = { prefix("10.1.0.0/16"), prefix("10.2.0.0/16"), prefix("fd00:1::/48") };
    const bool is_peered[] = { false, true, false };
    struct ip_addr node;
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse("10.1.1.4", &node), 0);
    const struct vnet v = { spaces, 3, is_peered, &node, 1 };
    const struct ip_prefix p = prefix(text);
    return vnet_verdict_name((uint8_t)vnet_judge(&v, &p, allow_own_space));
}

static void test_each_refusal_has_its_reason(void)
{
    static const struct {
        const char *prefix, *reason;
    } rows[] = {
        { "10.3.0.0/16", "programmed" },   { "10.0.0.0/8", "programmed" }, /* a supernet is fine */
        { "10.1.0.0/16", "own-space" },    { "10.1.200.0/24", "own-space" },
        { "10.1.1.0/24", "own-subnet" },   { "10.1.1.4/32", "own-subnet" },
        { "10.2.0.0/16", "peered-space" }, { "10.2.9.0/24", "peered-space" },
        { "fd00:1::/64", "own-space" },    { "0.0.0.0/0", "programmed" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_STRING_EQUAL(judge(rows[i].prefix, false), rows[i].reason);
        CU_ASSERT_STRING_EQUAL(judge(rows[i].prefix, true), "programmed");
    }
}

static void test_without_networks_there_are_no_rules(void)
{
    const struct vnet none = { 0 };
    const struct ip_prefix p = prefix("10.1.1.0/24");
    CU_ASSERT_EQUAL(vnet_judge(&none, &p, false), VNET_PROGRAMMED);
}

static void test_every_verdict_has_a_name_and_all_refusals_a_text(void)
{
    for (uint8_t v = 0; v < VNET_VERDICTS; v++) {
        CU_ASSERT_TRUE(strlen(vnet_verdict_name(v)) > 0);
        CU_ASSERT_EQUAL(strlen(vnet_verdict_text(v)) == 0, v == VNET_PROGRAMMED);
    }
}

CU_MAIN("vnet", CU_CASE(test_each_refusal_has_its_reason), CU_CASE(test_without_networks_there_are_no_rules),
        CU_CASE(test_every_verdict_has_a_name_and_all_refusals_a_text))
