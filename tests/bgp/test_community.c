/* Communities as text: RFC 1997, RFC 4360, RFC 5668, RFC 8092. */
#include "bgp/codec/community.h"

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

static const struct {
    const char *text, *bytes;
    uint8_t type;
    const char *again; /* NULL: as it was written */
} texts[] = {
    { "65515:10", "ffeb 000a", BGP_ATTR_COMMUNITIES, NULL },
    { "0:0", "0000 0000", BGP_ATTR_COMMUNITIES, NULL },
    { "no-export", "ffff ff01", BGP_ATTR_COMMUNITIES, "65535:65281" },
    { "blackhole", "ffff 029a", BGP_ATTR_COMMUNITIES, "65535:666" },
    { "llgr-stale", "ffff 0006", BGP_ATTR_COMMUNITIES, "65535:6" },
    { "65515:1:2", "0000ffeb 00000001 00000002", BGP_ATTR_LARGE_COMMUNITIES, NULL },
    { "4294967295:0:4294967295", "ffffffff 00000000 ffffffff", BGP_ATTR_LARGE_COMMUNITIES, NULL },
    { "rt:65515:70000", "'two-octet AS' 0002 ffeb 00011170", BGP_ATTR_EXT_COMMUNITIES, NULL },
    { "ro:70000:10", "'four-octet AS' 0203 00011170 000a", BGP_ATTR_EXT_COMMUNITIES, NULL },
    { "rt:10.1.2.3:10", "'address' 0102 0a010203 000a", BGP_ATTR_EXT_COMMUNITIES, NULL },
};

static void test_communities_are_read_and_written_as_people_write_them(void)
{
    char text[BGP_COMMUNITY_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bgp_community c;
        uint8_t bytes[BGP_COMMUNITY_MAX];
        size_t len = hex(bytes, sizeof bytes, texts[i].bytes);
        CU_ASSERT_EQUAL_FATAL(bgp_community_parse(texts[i].text, &c), 0);
        CU_ASSERT_EQUAL(c.type, texts[i].type);
        CU_ASSERT_EQUAL(bgp_community_size(c.type), len);
        CU_ASSERT_EQUAL(memcmp(c.bytes, bytes, len), 0);
        CU_ASSERT(bgp_community_is_exact(&c) && bgp_community_matches(&c, bytes));
        CU_ASSERT_STRING_EQUAL(bgp_community_format(&c, text), texts[i].again ? texts[i].again : texts[i].text);
    }
}

static void test_what_is_no_community_is_refused(void)
{
    static const char *const wrong[] = { "", "65515", "65536:1", "1:65536", "1:2:3:4", "1:", ":1", "1:2:4294967296",
                                         "a:b", "1.2.3.4:5", "rt:1", "rt:*:1", "rt:70000:70000", "rt:1:2:3", "-1:5",
                                         "no_export", "1: 2", "10.1.2.3:1:2", "99999999999:1:1" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bgp_community c = { .type = 77 };
        CU_ASSERT_EQUAL(bgp_community_parse(wrong[i], &c), BGP_ERR_PARSE);
        CU_ASSERT_EQUAL(c.type, 77);
    }
}

static void test_a_star_stands_for_any_number(void)
{
    static const struct {
        const char *text, *yes, *no;
    } cases[] = {
        { "65515:*", "ffeb 1234", "ffec 1234" },
        { "*:7", "0001 0007", "0001 0008" },
        { "65515:*:2", "0000ffeb 12345678 00000002", "0000ffeb 12345678 00000003" },
        { "rt:65515:*", "0002 ffeb 12345678", "0003 ffeb 12345678" },
    };
    char text[BGP_COMMUNITY_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bgp_community c;
        uint8_t bytes[BGP_COMMUNITY_MAX];
        CU_ASSERT_EQUAL_FATAL(bgp_community_parse(cases[i].text, &c), 0);
        CU_ASSERT_FALSE(bgp_community_is_exact(&c));
        hex(bytes, sizeof bytes, cases[i].yes);
        CU_ASSERT(bgp_community_matches(&c, bytes));
        hex(bytes, sizeof bytes, cases[i].no);
        CU_ASSERT_FALSE(bgp_community_matches(&c, bytes));
        CU_ASSERT_STRING_EQUAL(bgp_community_format(&c, text), cases[i].text);
    }
}

CU_MAIN("community", CU_CASE(test_communities_are_read_and_written_as_people_write_them),
        CU_CASE(test_what_is_no_community_is_refused), CU_CASE(test_a_star_stands_for_any_number))
