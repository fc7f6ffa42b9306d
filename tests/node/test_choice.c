/* What a target takes, and what it discards. */
#include "node/program/choice.h"
#include "tests/lib/cu.h"

#include <string.h>

/* COMMUNITIES 65515:100 and 65535:666, LARGE_COMMUNITY 65515:1:7 (RFC 1997, RFC 8092). */
static const uint8_t tagged[] = { 0xc0, 8,    8, 0xff, 0xeb, 0,    100,  0xff, 0xff, 0x02, 0x9a,
                                  0xc0, 32,   12, 0,    0,    0xff, 0xeb, 0,    0,    0,    1,
                                  0,    0,    0, 7 };
static const struct bgp_attrs with_communities = { .bytes = tagged, .len = sizeof tagged };
static const struct bgp_attrs bare = { 0 };

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix p;
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return p;
}

static bool passes(const struct config_filter *f, const char *prefix, size_t peer,
                   const struct bgp_attrs *attrs)
{
    struct ip_prefix p = prefix_of(prefix);
    return choice_passes(f, &(struct choice_route){ &p, peer, attrs });
}

static void test_an_empty_filter_takes_everything(void)
{
    struct config_filter f = { 0 };
    CU_ASSERT_TRUE(passes(&f, "10.0.0.0/8", SIZE_MAX, NULL));
}

static void test_a_prefix_has_to_lie_inside_one_of_the_filters(void)
{
    struct ip_prefix inside[] = { prefix_of("10.1.0.0/16"), prefix_of("fd00::/8") };
    struct config_filter f = { .prefixes = inside, .prefix_count = 2 };
    CU_ASSERT_TRUE(passes(&f, "10.1.2.0/24", 0, &bare));
    CU_ASSERT_TRUE(passes(&f, "fd77::/32", 0, &bare));
    CU_ASSERT_FALSE(passes(&f, "10.0.0.0/8", 0, &bare));
}

static void test_a_peer_has_to_be_listed(void)
{
    uint32_t places[] = { 3 };
    struct config_filter f = { .peers = { .places = places, .count = 1 } };
    CU_ASSERT_TRUE(passes(&f, "10.0.0.0/8", 3, &bare));
    CU_ASSERT_FALSE(passes(&f, "10.0.0.0/8", 2, &bare));
    CU_ASSERT_FALSE(passes(&f, "10.0.0.0/8", SIZE_MAX, NULL));
}

static void test_one_of_the_communities_is_enough_plain_or_large(void)
{
    struct config_community plain[] = { { false, { 1, 2 } }, { false, { 65515, 100 } } };
    struct config_community large[] = { { true, { 65515, 1, 7 } } };
    struct config_community other[] = { { true, { 65515, 1, 8 } }, { false, { 100, 65535 } } };
    struct config_filter f = { .communities = plain, .community_count = 2 };
    CU_ASSERT_TRUE(passes(&f, "10.0.0.0/8", 0, &with_communities));
    CU_ASSERT_FALSE(passes(&f, "10.0.0.0/8", 0, &bare));
    f = (struct config_filter){ .communities = large, .community_count = 1 };
    CU_ASSERT_TRUE(passes(&f, "10.0.0.0/8", 0, &with_communities));
    f = (struct config_filter){ .communities = other, .community_count = 2 };
    CU_ASSERT_FALSE(passes(&f, "10.0.0.0/8", 0, &with_communities)); /* not across two of them */
}

static void test_every_kind_of_rule_has_to_be_met(void)
{
    uint32_t places[] = { 0 };
    struct ip_prefix inside = prefix_of("10.0.0.0/8");
    struct config_community community = { false, { 65515, 100 } };
    struct config_filter f = { .prefixes = &inside, .prefix_count = 1,
                               .peers = { .places = places, .count = 1 },
                               .communities = &community, .community_count = 1 };
    CU_ASSERT_TRUE(passes(&f, "10.1.0.0/16", 0, &with_communities));
    CU_ASSERT_FALSE(passes(&f, "11.1.0.0/16", 0, &with_communities));
    CU_ASSERT_FALSE(passes(&f, "10.1.0.0/16", 1, &with_communities));
    CU_ASSERT_FALSE(passes(&f, "10.1.0.0/16", 0, &bare));
}

/* RFC 7999 section 4: nothing is discarded without an explicit directive of the operator. */
static void test_blackhole_counts_from_those_with_whom_it_is_agreed(void)
{
    uint32_t places[] = { 1 };
    struct ip_prefix p = prefix_of("10.9.9.9/32");
    struct config_peer_list nobody = { 0 }, all = { .all = true },
                            one = { .places = places, .count = 1 };
    struct choice_route marked = { &p, 1, &with_communities }, plain = { &p, 1, &bare };
    CU_ASSERT_FALSE(choice_discards(&nobody, &marked));
    CU_ASSERT_TRUE(choice_discards(&all, &marked));
    CU_ASSERT_TRUE(choice_discards(&one, &marked));
    CU_ASSERT_FALSE(choice_discards(&all, &plain));
    marked.peer = 2;
    CU_ASSERT_FALSE(choice_discards(&one, &marked));
    marked.peer = SIZE_MAX; /* of the configuration itself */
    CU_ASSERT_FALSE(choice_discards(&all, &marked));
}

CU_MAIN("choice", CU_CASE(test_an_empty_filter_takes_everything),
        CU_CASE(test_a_prefix_has_to_lie_inside_one_of_the_filters),
        CU_CASE(test_a_peer_has_to_be_listed),
        CU_CASE(test_one_of_the_communities_is_enough_plain_or_large),
        CU_CASE(test_every_kind_of_rule_has_to_be_met),
        CU_CASE(test_blackhole_counts_from_those_with_whom_it_is_agreed))
