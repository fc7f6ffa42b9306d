#include "bgp/codec/types.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/random.h"

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix p = { 0 };
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return p;
}

static struct ip_addr addr_of(const char *text)
{
    struct ip_addr a = { 0 };
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse(text, &a), 0);
    return a;
}

static void test_addresses_and_prefixes_survive_a_round_trip(void)
{
    static const char *const texts[] = { "0.0.0.0/0", "10.1.0.0/16", "10.1.2.4/32", "255.255.255.255/32",
                                         "::/0",      "fc00::/7",    "fd00:1::4/128" };
    char text[IP_PREFIX_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ip_prefix p = prefix_of(texts[i]);
        CU_ASSERT_STRING_EQUAL(ip_prefix_format(&p, text), texts[i]);
    }
    struct ip_addr a = addr_of("fd00::4");
    CU_ASSERT_STRING_EQUAL(ip_addr_format(&a, text), "fd00::4");
    a = addr_of("192.0.2.1");
    CU_ASSERT_STRING_EQUAL(ip_addr_format(&a, text), "192.0.2.1");
}

static void test_a_bare_address_is_its_host_prefix(void)
{
    struct ip_prefix p = prefix_of("10.1.2.4");
    CU_ASSERT_EQUAL(p.len, 32);
    p = prefix_of("fd00::4");
    CU_ASSERT_EQUAL(p.len, 128);
}

static void test_what_is_no_prefix_is_refused_and_changes_nothing(void)
{
    static const char *const texts[] = {
        "",          "/",        "10.0.0.0/",  "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8",
        "10.0.0.1/8", "fd00::/129", "fd00::1/64", "10.0.0.0/0008", "10.0.0.0/ 8", "x/8", "10.0.0.0/8/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/16",
    };
    struct ip_prefix p, before;
    memset(&p, 0x5a, sizeof p);
    before = p;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CU_ASSERT_EQUAL(ip_prefix_parse(texts[i], &p), BGP_ERR_PARSE);
    CU_ASSERT_EQUAL(memcmp(&p, &before, sizeof p), 0);
    struct ip_addr a;
    CU_ASSERT_EQUAL(ip_addr_parse("10.0.0.256", &a), BGP_ERR_PARSE);
    CU_ASSERT_EQUAL(ip_addr_parse("fd00:::1", &a), BGP_ERR_PARSE);
}

static void test_host_bits_are_cleared_where_that_is_asked_for(void)
{
    static const struct {
        const char *text, *around;
    } rows[] = { { "10.1.2.4/16", "10.1.0.0/16" },
                 { "10.1.255.255/17", "10.1.128.0/17" },
                 { "10.1.2.4/0", "0.0.0.0/0" },
                 { "10.1.2.4/32", "10.1.2.4/32" },
                 { "fd00:ffff::4/23", "fd00:fe00::/23" } };
    struct ip_prefix p;
    char text[IP_PREFIX_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL_FATAL(ip_prefix_parse_around(rows[i].text, &p), 0);
        CU_ASSERT_STRING_EQUAL(ip_prefix_format(&p, text), rows[i].around);
    }
    CU_ASSERT_EQUAL(ip_prefix_parse_around("10.1.2.4/33", &p), BGP_ERR_PARSE);
    CU_ASSERT_EQUAL(ip_prefix_parse_around("ten/8", &p), BGP_ERR_PARSE);
}

static bool bit(const uint8_t *bytes, unsigned nth)
{
    return bytes[nth / 8] & 0x80u >> nth % 8;
}

/* The naive reference: bit by bit. */
static bool contains(const struct ip_prefix *outer, const uint8_t *bytes)
{
    for (unsigned i = 0; i < outer->len; i++)
        if (bit(outer->bytes, i) != bit(bytes, i))
            return false;
    return true;
}

static struct ip_prefix random_prefix(struct random *random)
{
    struct ip_prefix p = { .family = (uint8_t)random_below(random, 2) };
    p.len = (uint8_t)random_below(random, (p.family == BGP_IP4 ? 32 : 128) + 1);
    for (unsigned i = 0; i < p.len; i++) /* few distinct values, so that some contain others */
        if (i < 3 ? random_below(random, 2) : i == p.len - 1u)
            p.bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
    return p;
}

static void test_containment_agrees_with_a_comparison_bit_by_bit(void)
{
    struct random random = random_new("types");
    unsigned inside = 0;
    for (int i = 0; i < 20000; i++) {
        struct ip_prefix a = random_prefix(&random), b = random_prefix(&random);
        bool expected = a.family == b.family && a.len <= b.len && contains(&a, b.bytes);
        struct ip_addr addr = { .family = b.family };
        memcpy(addr.bytes, b.bytes, sizeof addr.bytes);
        if (ip_prefix_contains(&a, &b) != expected)
            CU_FAIL_FATAL("a prefix");
        if (ip_prefix_contains_addr(&a, &addr) != (a.family == b.family && contains(&a, b.bytes)))
            CU_FAIL_FATAL("an address");
        inside += expected;
    }
    CU_ASSERT(inside > 100);
}

static void test_a_prefix_contains_itself_and_what_is_longer(void)
{
    struct ip_prefix all = prefix_of("0.0.0.0/0"), net = prefix_of("10.1.128.0/17"),
                     host = prefix_of("10.1.255.255"), six = prefix_of("::/0");
    CU_ASSERT(ip_prefix_contains(&all, &net) && ip_prefix_contains(&net, &net));
    CU_ASSERT(ip_prefix_contains(&net, &host) && !ip_prefix_contains(&host, &net));
    CU_ASSERT(!ip_prefix_contains(&six, &net) && !ip_prefix_contains(&all, &six));
}

static void test_addresses_are_ordered_by_family_then_bytes(void)
{
    struct ip_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.2"), c = addr_of("::1");
    CU_ASSERT(ip_addr_compare(&a, &b) < 0 && ip_addr_compare(&b, &a) > 0);
    CU_ASSERT(ip_addr_compare(&b, &c) < 0 && ip_addr_compare(&c, &b) > 0);
    CU_ASSERT_EQUAL(ip_addr_compare(&a, &a), 0);
    CU_ASSERT(ip_addr_is_equal(&a, &a) && !ip_addr_is_equal(&a, &b));
    struct ip_addr zero = addr_of("::");
    CU_ASSERT(ip_addr_is_zero(&zero) && !ip_addr_is_zero(&c));
}

static void test_what_no_host_has_an_address_of_is_not_routable(void)
{
    static const char *const good[] = { "0.0.0.0/0",   "0.0.0.0/1",   "126.0.0.0/7",  "223.255.255.0/24",
                                        "240.0.0.0/8", "255.0.0.0/8", "128.0.0.0/8",  "1.0.0.0/8",
                                        "::/0",        "::/127",      "::2/128",      "1::1/128",
                                        "fe00::/9",    "fec0::/10",   "2001:db8::/32" };
    static const char *const bad[] = { "224.0.0.0/4", "239.255.255.255/32", "ff00::/8", "ff02::1/128",
                                       "fe80::/10",   "febf::/16",          "0.0.0.0/8", "0.1.2.0/24",
                                       "127.0.0.0/8", "127.0.0.1/32",       "::/128",    "::1/128",
                                       "255.255.255.255/32" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ip_prefix p = prefix_of(good[i]);
        CU_ASSERT_TRUE(ip_prefix_is_routable(&p));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ip_prefix p = prefix_of(bad[i]);
        CU_ASSERT_FALSE(ip_prefix_is_routable(&p));
    }
}

static void test_families_have_the_numbers_of_iana(void)
{
    CU_ASSERT_EQUAL(bgp_family_of(1, 1), BGP_IP4);
    CU_ASSERT_EQUAL(bgp_family_of(2, 1), BGP_IP6);
    CU_ASSERT_EQUAL(bgp_family_of(0, 1), -1);
    CU_ASSERT_EQUAL(bgp_family_of(3, 1), -1);
    CU_ASSERT_EQUAL(bgp_family_of(1, 2), -1);
    CU_ASSERT_EQUAL(bgp_family_of(25, 70), -1);
    CU_ASSERT_EQUAL(bgp_family_afi(BGP_IP4), 1);
    CU_ASSERT_EQUAL(bgp_family_afi(BGP_IP6), 2);
}

static void test_every_code_has_a_text(void)
{
    char buf[64];
    CU_ASSERT_STRING_EQUAL(bgp_fault_text(6, 2, buf, sizeof buf), "cease/administrative shutdown");
    CU_ASSERT_STRING_EQUAL(bgp_fault_text(3, 0, buf, sizeof buf), "UPDATE error");
    CU_ASSERT_STRING_EQUAL(bgp_fault_text(6, 200, buf, sizeof buf), "cease/200");
    CU_ASSERT_STRING_EQUAL(bgp_fault_text(0, 1, buf, sizeof buf), "code 0/1");
    CU_ASSERT_STRING_EQUAL(bgp_fault_text(200, 1, buf, sizeof buf), "code 200/1");
    for (unsigned code = 0; code < 256; code++)
        for (unsigned sub = 0; sub < 256; sub++)
            CU_ASSERT_FATAL(bgp_fault_text((uint8_t)code, (uint8_t)sub, buf, sizeof buf)[0] != 0);
}

CU_MAIN("types", CU_CASE(test_addresses_and_prefixes_survive_a_round_trip),
        CU_CASE(test_a_bare_address_is_its_host_prefix),
        CU_CASE(test_what_is_no_prefix_is_refused_and_changes_nothing),
        CU_CASE(test_host_bits_are_cleared_where_that_is_asked_for),
        CU_CASE(test_containment_agrees_with_a_comparison_bit_by_bit),
        CU_CASE(test_a_prefix_contains_itself_and_what_is_longer),
        CU_CASE(test_addresses_are_ordered_by_family_then_bytes),
        CU_CASE(test_what_no_host_has_an_address_of_is_not_routable),
        CU_CASE(test_families_have_the_numbers_of_iana), CU_CASE(test_every_code_has_a_text))
