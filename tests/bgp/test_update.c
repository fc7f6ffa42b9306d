#include "bgp/codec/update.h"

#include "tests/lib/alloc.h"
#include "tests/lib/bgp_lab.h"
#include "tests/lib/random.h"

static struct bgp_lab l;

#define EXPECT(withdrawn, attrs, nlri, text)                                                       \
    CU_ASSERT_STRING_EQUAL(lab_update(&l, withdrawn, attrs, nlri), text)

static void test_routes_are_withdrawn_and_announced_in_one_message(void)
{
    lab_open(&l);
    EXPECT("18 0a0300 00", USUAL, NLRI "20 0a020304", "-10.3.0.0/24 -0.0.0.0/0 +10.2.0.0/16 +10.2.3.4/32");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "10.1.2.4");
    EXPECT(NLRI, USUAL, NLRI, "-10.2.0.0/16 +10.2.0.0/16"); /* in this order: it stays announced */
    lab_close(&l);
}

static void test_trailing_bits_of_a_prefix_are_irrelevant(void)
{
    lab_open(&l);
    EXPECT("0c ffff", USUAL, "01 ff 17 0a02ff", "-255.240.0.0/12 +128.0.0.0/1 +10.2.254.0/23");
    lab_close(&l);
}

/* … of any length, whether it is the field's last or others stand behind it. */
static void test_a_prefix_of_any_length_is_read_wherever_it_stands(void)
{
    for (uint8_t len = 0; len <= 32; len++) {
        const uint8_t field[] = { 32, 11, 255, 255, 255, 8, 12 };
        const unsigned bytes = ip_prefix_bytes(len);
        uint8_t with[2 * sizeof field] = { len, 11, 255, 255, 255 };
        struct ip_prefix wanted = { .len = len }, got[3];
        uint32_t ids[3];
        for (unsigned i = 0; i < len; i++)
            wanted.bytes[i / 8] |= (uint8_t)(field[1 + i / 8] & 0x80u >> i % 8);
        memcpy(with + 1 + bytes, field, sizeof field);
        struct bgp_nlri last = { .at = with, .len = (uint16_t)(1 + bytes) };
        struct bgp_nlri first = { .at = with, .len = (uint16_t)(1 + bytes + sizeof field) };
        CU_ASSERT_EQUAL(bgp_nlri_read(&last, got, ids, 3), 1);
        CU_ASSERT(ip_prefix_is_equal(&got[0], &wanted) && last.len == 0);
        CU_ASSERT_EQUAL(bgp_nlri_read(&first, got, ids, 3), 3);
        CU_ASSERT(ip_prefix_is_equal(&got[0], &wanted) && got[1].len == 32 && got[2].len == 8 && first.len == 0);
    }
}

static void test_prefixes_that_are_not_unicast_are_passed_over(void)
{
    lab_open(&l);
    EXPECT("", USUAL "80 0e 20 0002 01 10 " HOP6 "00 08 ff " NLRI6, "04 e0" NLRI "08 e0",
           "+fd00:0:2::/64 +10.2.0.0/16");
    EXPECT("", USUAL, "08 e0", "");
    lab_close(&l);
}

static void test_lengths_that_pass_the_message_reset_the_session(void)
{
    lab_open(&l);
    lab_compose(&l, NLRI, USUAL, NLRI);
    uint8_t good[256];
    memcpy(good, l.body, l.len);
    l.body[1] = 200; /* withdrawn routes length */
    CU_ASSERT_STRING_EQUAL(lab_decode(&l), "reset 3/1");
    memcpy(l.body, good, l.len);
    l.body[0] = 0xff;
    CU_ASSERT_STRING_EQUAL(lab_decode(&l), "reset 3/1");
    memcpy(l.body, good, l.len);
    l.body[6] = 200; /* total path attribute length */
    CU_ASSERT_STRING_EQUAL(lab_decode(&l), "reset 3/1");
    CU_ASSERT_EQUAL(l.update.fault.data_len, 0);
    lab_close(&l);
}

static void test_bad_prefixes_in_the_classic_fields_reset_the_session(void)
{
    lab_open(&l);
    EXPECT("", USUAL, "21 0a02030400", "reset 3/10"); /* RFC 7606 section 5.3 */
    EXPECT("", USUAL, "18 0a02", "reset 3/10");
    EXPECT("", USUAL, "10 0a", "reset 3/10");
    EXPECT("", USUAL, "ff", "reset 3/10");
    EXPECT("21 0a02030400", "", "", "reset 3/10"); /* section 3 i */
    EXPECT("18 0a02", "", "", "reset 3/10");
    CU_ASSERT_EQUAL(l.update.fault.data_len, 0);
    lab_close(&l);
}

/* RFC 7606 section 5.2 */
static void test_an_error_without_routes_to_withdraw_resets_the_session(void)
{
    lab_open(&l);
    EXPECT("", "40 01 01 09", "", "reset 3/6 attr 1");
    EXPECT(NLRI, "40 01 01 09", "", "reset 3/6 attr 1");
    EXPECT("", "80 0f 0c 0002 01 " NLRI6 "40 01 01 09", "", "reset 3/6 attr 1");
    EXPECT("", ORIGIN AS_PATH "80 0e 15 0002 01 10 " HOP6 "00 c0 08 01 00", "", "reset 3/5 attr 8");
    EXPECT("", "40 06 01 00", "", "discard 3/5 attr 6");
    EXPECT(NLRI, "40 06 01 00", "", "-10.2.0.0/16 discard 3/5 attr 6");
    /* routes of a family that is not ours are routes */
    EXPECT("", "80 0e 0a 0001 80 00 00 0102030405 40 01 01 09", "", "withdraw 3/6 attr 1");
    lab_close(&l);
}

static void test_attributes_without_routes_are_no_error(void)
{
    lab_open(&l);
    EXPECT("", USUAL, "", "");
    EXPECT("", ORIGIN, "", ""); /* nothing is missing where nothing is announced */
    EXPECT(NLRI, AS_PATH, "", "-10.2.0.0/16");
    lab_close(&l);
}

/* ---- RFC 4760 ---- */

static void test_ipv6_routes_come_in_mp_reach(void)
{
    lab_open(&l);
    EXPECT("", MP_REACH6 ORIGIN AS_PATH, "", "+fd00:0:2::/64");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "fd00::4");
    CU_ASSERT_PTR_NULL(l.update.attrs[0].link_local);
    EXPECT("", ORIGIN AS_PATH MP_REACH6 "40 03 04 00000000", "", "+fd00:0:2::/64"); /* ignored there */
    EXPECT("", MP_REACH6 AS_PATH, "", "-fd00:0:2::/64 withdraw 3/3 attr 1");
    EXPECT("", MP_REACH6 ORIGIN, "", "-fd00:0:2::/64 withdraw 3/3 attr 2");
    lab_close(&l);
}

static void test_two_families_in_one_message_keep_their_next_hops(void)
{
    lab_open(&l);
    EXPECT("", MP_REACH6 USUAL, NLRI, "+fd00:0:2::/64 +10.2.0.0/16");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "fd00::4");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 1), "10.1.2.4");
    EXPECT(NLRI, "80 0f 0c 0002 01 " NLRI6 MP_REACH6 USUAL, "08 0b",
           "-10.2.0.0/16 -fd00:0:2::/64 +fd00:0:2::/64 +11.0.0.0/8");
    EXPECT(NLRI, "80 0f 0c 0002 01 " NLRI6 MP_REACH6 AS_PATH NEXT_HOP, "08 0b",
           "-10.2.0.0/16 -fd00:0:2::/64 -fd00:0:2::/64 -11.0.0.0/8 withdraw 3/3 attr 1");
    EXPECT("", MP_REACH6 ORIGIN AS_PATH, "08 0b", "-fd00:0:2::/64 -11.0.0.0/8 withdraw 3/3 attr 3");
    lab_close(&l);
}

static void test_the_reserved_octet_is_ignored(void)
{
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH "80 0e 1e 0002 01 10 " HOP6 "ff " NLRI6, "", "+fd00:0:2::/64");
    lab_close(&l);
}

static void test_ipv4_routes_may_come_in_mp_reach_too(void)
{
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH "80 0e 0c 0001 01 04 0a010204 00 " NLRI, "", "+10.2.0.0/16");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "10.1.2.4");
    EXPECT("", "80 0f 06 0001 01 " NLRI, "", "-10.2.0.0/16");
    EXPECT("", USUAL "80 0e 0c 0001 01 04 0a010205 00 " NLRI, "08 0b", "+10.2.0.0/16 +11.0.0.0/8");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "10.1.2.5");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 1), "10.1.2.4");
    EXPECT("", ORIGIN AS_PATH "80 0e 0c 0001 01 04 00000000 00 " NLRI, "", "-10.2.0.0/16 withdraw 3/8 attr 14");
    lab_close(&l);
}

static void test_mp_unreach_needs_no_other_attribute(void)
{
    lab_open(&l);
    EXPECT("", "80 0f 0c 0002 01 " NLRI6, "", "-fd00:0:2::/64");
    EXPECT("", "90 0f 000c 0002 01 " NLRI6, "", "-fd00:0:2::/64");
    lab_close(&l);
}

static void test_families_that_were_not_agreed_on_are_ignored(void)
{
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH "80 0e 0a 0001 80 00 00 0102030405", "", "");
    EXPECT("", USUAL "80 0e 03 001946", NLRI, "+10.2.0.0/16");
    EXPECT("", "80 0f 05 0001 02 08 0a", "", "");
    l.codec.family[BGP_IP6] = false;
    EXPECT("", MP_REACH6 USUAL, NLRI, "+10.2.0.0/16");
    EXPECT("", "80 0f 0c 0002 01 " NLRI6, "", "");
    EXPECT("", "80 0f 03 0002 01", "", "");
    l.codec.family[BGP_IP6] = true;
    l.codec.family[BGP_IP4] = false;
    EXPECT(NLRI, MP_REACH6 USUAL, NLRI, "+fd00:0:2::/64");
    lab_close(&l);
}

static void test_next_hops_of_every_length(void)
{
    static const struct {
        const char *mp_reach, *expected, *next_hop;
    } rows[] = {
        { "80 0e 1e 0002 01 10 " HOP6 "00 " NLRI6, "+fd00:0:2::/64", "fd00::4" },
        { "80 0e 1e 0002 01 10 'link-local only' fe800000000000000000000000000004 00 " NLRI6,
          "-fd00:0:2::/64 withdraw 3/8 attr 14", NULL },
        { "80 0e 2e 0002 01 20 " HOP6 "fe800000000000000000000000000004 00 " NLRI6, "+fd00:0:2::/64",
          "fd00::4" },
        { "80 0e 1e 0002 01 10 '::' 00000000000000000000000000000000 00 " NLRI6,
          "-fd00:0:2::/64 withdraw 3/8 attr 14", NULL },
        { "80 0e 1e 0002 01 10 '::1' 00000000000000000000000000000001 00 " NLRI6,
          "-fd00:0:2::/64 withdraw 3/8 attr 14", NULL },
        { "80 0e 1e 0002 01 10 'multicast' ff020000000000000000000000000001 00 " NLRI6,
          "-fd00:0:2::/64 withdraw 3/8 attr 14", NULL },
        { "80 0e 0e 0002 01 00 00 " NLRI6, "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 12 0002 01 04 0a010204 00 " NLRI6, "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 1d 0002 01 0f fd0000000000000000000000000000 00 " NLRI6, "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 26 0002 01 18 0000000000000000 " HOP6 "00 " NLRI6, "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 07 0002 01 20 fd0000", "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 04 0002 01 00", "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 03 0002 01", "disable6 disable 3/9 attr 14", NULL },
        { "80 0e 02 0002", "reset 3/9 attr 14", NULL },
        { "80 0e 00", "reset 3/9 attr 14", NULL },
    };
    lab_open(&l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char attrs[300] = ORIGIN AS_PATH;
        strcat(attrs, rows[i].mp_reach);
        CU_ASSERT_STRING_EQUAL(lab_update(&l, "", attrs, ""), rows[i].expected);
        if (rows[i].next_hop)
            CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), rows[i].next_hop);
    }
    lab_close(&l);
}

static void test_a_second_next_hop_counts_when_it_is_link_local(void)
{
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH "80 0e 2e 0002 01 20 " HOP6 "fe800000000000000000000000000004 00 " NLRI6, "",
           "+fd00:0:2::/64");
    CU_ASSERT_EQUAL(l.update.attrs[0].link_local->bytes[15], 4);
    EXPECT("", ORIGIN AS_PATH "80 0e 2e 0002 01 20 " HOP6 "00000000000000000000000000000000 00 " NLRI6, "",
           "+fd00:0:2::/64");
    CU_ASSERT_PTR_NULL(l.update.attrs[0].link_local);
    EXPECT("", ORIGIN AS_PATH "80 0e 2e 0002 01 20 " HOP6 HOP6 "00 " NLRI6, "", "+fd00:0:2::/64");
    CU_ASSERT_PTR_NULL(l.update.attrs[0].link_local);
    lab_close(&l);
}

/* RFC 4271 section 6.3: ignored; but no fault of who left our next hop alone. */
static void test_our_own_next_hop_is_told_from_a_wrong_one(void)
{
#define OWN_HOP "40 03 04 0a010104 "
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH OWN_HOP, NLRI, "-10.2.0.0/16 withdraw 3/8 attr 3");
    CU_ASSERT_TRUE(l.update.is_returned);
    EXPECT("", ORIGIN AS_PATH "40 03 04 e0000001 ", NLRI, "-10.2.0.0/16 withdraw 3/8 attr 3");
    CU_ASSERT_FALSE(l.update.is_returned);
    EXPECT("", ORIGIN AS_PATH OWN_HOP "c0 07 01 00 ", NLRI, "-10.2.0.0/16 withdraw 3/8 attr 3"); /* AGGREGATOR */
    CU_ASSERT_FALSE(l.update.is_returned);
    EXPECT("", ORIGIN AS_PATH OWN_HOP "c0 08 01 00 ", NLRI, "-10.2.0.0/16 withdraw 3/5 attr 8");
    CU_ASSERT_FALSE(l.update.is_returned);
    EXPECT("", USUAL, NLRI, "+10.2.0.0/16");
    CU_ASSERT_FALSE(l.update.is_returned);
    lab_close(&l);
}

static void test_ipv6_next_hops_for_ipv4_need_rfc_8950(void)
{
#define MP_REACH4_HOP6 "80 0e 18 0001 01 10 " HOP6 "00 " NLRI
    lab_open(&l);
    EXPECT("", ORIGIN AS_PATH MP_REACH4_HOP6, "", "disable4 disable 3/9 attr 14");
    l.codec.ext_next_hop = true;
    EXPECT("", ORIGIN AS_PATH MP_REACH4_HOP6, "", "+10.2.0.0/16");
    CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), "fd00::4");
    EXPECT("", ORIGIN AS_PATH "80 0e 28 0001 01 20 " HOP6 "fe800000000000000000000000000004 00 " NLRI, "",
           "+10.2.0.0/16");
    CU_ASSERT_EQUAL(l.update.attrs[0].link_local->bytes[0], 0xfe);
    lab_close(&l);
}

static void test_bad_prefixes_in_mp_attributes_disable_the_family_alone(void)
{
    lab_open(&l);
    EXPECT("", USUAL "80 0e 26 0002 01 10 " HOP6 "00 81 " HOP6, NLRI, "+10.2.0.0/16 disable6 disable 3/9 attr 14");
    EXPECT("", "80 0f 05 0002 01 40 fd", "", "disable6 disable 3/9 attr 15");
    EXPECT("", "80 0f 07 0001 01 20 0a0102", "", "disable4 disable 3/9 attr 15");
    EXPECT("", "80 0f 08 0001 01 21 0a010204", "", "disable4 disable 3/9 attr 15");
    EXPECT("", "80 0f 02 0002", "", "reset 3/9 attr 15");
    EXPECT(NLRI, "c0 0f 0c 0002 01 " NLRI6, "", "-10.2.0.0/16 disable6 disable 3/4 attr 15");
    EXPECT("", USUAL "40 0e 1e 0002 01 10 " HOP6 "00 " NLRI6, NLRI, "+10.2.0.0/16 disable6 disable 3/4 attr 14");
    /* another error of the same message still withdraws the other routes */
    EXPECT("", USUAL "80 0e 03 0002 01 c0 08 01 00", NLRI, "-10.2.0.0/16 disable6 disable 3/9 attr 14");
    lab_close(&l);
}

static void test_a_session_without_any_family_left_is_reset(void)
{
    lab_open(&l);
    l.ctx.disabled = 1u << BGP_IP4;
    EXPECT(NLRI, MP_REACH6 USUAL, NLRI, "+fd00:0:2::/64"); /* a disabled family is not heard */
    EXPECT("", USUAL "80 0e 03 0001 01", "", ""); /* whatever it says */
    EXPECT("", "80 0f 05 0002 01 40 fd", "", "reset 3/9 attr 15");
    l.ctx.disabled = 0;
    l.codec.family[BGP_IP4] = false;
    EXPECT("", ORIGIN AS_PATH "80 0e 03 0002 01", "", "reset 3/9 attr 14");
    CU_ASSERT(l.update.fault.data_len == 6 && memcmp(l.update.fault.data, "\x80\x0e\x03\x00\x02\x01", 6) == 0);
    lab_close(&l);
}

/* ---- RFC 4724 section 2 ---- */

static void test_end_of_rib_of_both_families(void)
{
    lab_open(&l);
    EXPECT("", "", "", "eor4");
    EXPECT("", "80 0f 03 0002 01", "", "eor6");
    EXPECT("", "90 0f 0003 0002 01", "", "eor6");
    EXPECT("", "80 0f 03 0001 01", "", "eor4");
    EXPECT("", "80 0f 03 0001 80", "", "");
    EXPECT("", "00 0f 03 0002 01", "", "disable6 disable 3/4 attr 15"); /* malformed, not an end */
    EXPECT("", USUAL "80 0f 03 0002 01", NLRI, "+10.2.0.0/16");
    uint8_t buf[64];
    for (int f = 0; f < BGP_FAMILIES; f++) {
        size_t len = bgp_update_end_of_rib(buf, (enum bgp_family)f);
        memcpy(l.body, buf + BGP_HEADER, l.len = len - BGP_HEADER);
        CU_ASSERT_STRING_EQUAL(lab_decode(&l), f == BGP_IP4 ? "eor4" : "eor6");
    }
    lab_close(&l);
}

/* ---- RFC 7911 ---- */

static void test_path_ids_stand_before_every_prefix(void)
{
    lab_open(&l);
    l.codec.add_path_in[BGP_IP4] = true;
    EXPECT("00000007 " NLRI, USUAL, "00000001 " NLRI "ffffffff " NLRI,
           "-10.2.0.0/16#7 +10.2.0.0/16#1 +10.2.0.0/16#4294967295");
    EXPECT("", USUAL, "000000 " NLRI, "reset 3/10");
    EXPECT("", USUAL, "00000001", "reset 3/10");
    EXPECT("", MP_REACH6 ORIGIN AS_PATH, "", "+fd00:0:2::/64"); /* that family has none */
    l.codec.add_path_in[BGP_IP6] = true;
    EXPECT("", ORIGIN AS_PATH "80 0e 22 0002 01 10 " HOP6 "00 00000009 " NLRI6, "", "+fd00:0:2::/64#9");
    lab_close(&l);
}

/* ---- whatever happens ---- */

static void test_every_truncation_of_a_valid_message_is_survived(void)
{
    static uint8_t whole[512];
    lab_open(&l);
    lab_compose(&l, NLRI, MP_REACH6 "80 0f 0c 0002 01 " NLRI6 USUAL "80 04 04 00000007 c0 08 04 fde90001",
                NLRI "18 0a0200");
    size_t len = l.len;
    memcpy(whole, l.body, len);
    for (size_t cut = 4; cut < len; cut++) {
        memcpy(l.body, whole, l.len = cut);
        const char *text = lab_decode(&l);
        /* fields that are cut reset the session, whole prefixes that are missing are not missed */
        CU_ASSERT(!strncmp(text, "reset 3/1", 9) || (cut >= len - 7 && strstr(text, "+fd00:0:2::/64")));
    }
    lab_close(&l);
}

static void test_every_truncation_of_the_attributes_withdraws_or_resets(void)
{
    static const char attrs[] = USUAL "80 04 04 00000007 c0 08 08 fde90001fde90002";
    uint8_t bytes[128];
    size_t len = hex(bytes, sizeof bytes, attrs);
    lab_open(&l);
    for (size_t cut = 0; cut < len; cut++) {
        lab_compose(&l, "", "", "");
        l.body[3] = (uint8_t)cut;
        memcpy(l.body + 4, bytes, cut);
        memcpy(l.body + 4 + cut, "\x10\x0a\x02", 3);
        l.len = 4 + cut + 3;
        bool whole = cut == 20 || cut == 27; /* optional attributes that are not there */
        CU_ASSERT_EQUAL(strncmp(lab_decode(&l), whole ? "+" : "-10.2.0.0/16 withdraw", whole ? 1 : 21), 0);
    }
    lab_close(&l);
}

static void test_every_allocation_may_fail(void)
{
    bool failed = true;
    lab_open(&l);
    lab_compose(&l, "", USUAL "c0 20 18 0000fde9 00000001 00000002 0000fde9 00000001 00000002", NLRI);
    for (unsigned nth = 1; failed; nth++) {
        arena_fini(&l.arena);
        alloc_fail_at(nth);
        int err = bgp_update_decode(l.body, l.len, &l.ctx, &l.arena, &l.update);
        failed = alloc_end();
        CU_ASSERT_EQUAL(err, failed ? BGP_ERR_NOMEM : 0);
    }
    lab_close(&l);
}

/* ---- building ---- */

static struct ip_prefix random_prefix(struct random *r, enum bgp_family family)
{
    struct ip_prefix p;
    do {
        p = (struct ip_prefix){ .family = (uint8_t)family };
        p.len = (uint8_t)random_below(r, family == BGP_IP4 ? 33 : 129);
        for (unsigned i = 0; i < p.len; i++)
            if (random_below(r, 2))
                p.bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
    } while (!ip_prefix_is_routable(&p));
    return p;
}

static bool is_next(struct bgp_nlri *n, const struct ip_prefix *p, uint32_t id)
{
    struct ip_prefix got;
    uint32_t got_id;
    return bgp_nlri_next(n, &got, &got_id) && ip_prefix_is_equal(&got, p) && got_id == id;
}

/* Prefixes until a message is full; what is decoded is what was added. */
static void build_and_decode(struct random *r, enum bgp_family family, bool reach, bool add_path,
                             const struct ip_addr *next_hop)
{
    static uint8_t buf[BGP_MESSAGE_MAX];
    static struct ip_prefix added[2000];
    struct bgp_update_builder b;
    uint8_t attrs[64];
    uint16_t len = (uint16_t)hex(attrs, sizeof attrs, ORIGIN AS_PATH "80 04 04 00000007");
    unsigned count = 0;
    l.codec.add_path_in[family] = l.codec.add_path_out[family] = add_path;
    if (reach) {
        CU_ASSERT_FATAL(bgp_update_begin_reach(&b, buf, &l.codec, family, attrs, len, next_hop, NULL));
    } else {
        bgp_update_begin_withdraw(&b, buf, &l.codec, family);
    }
    while (count < 2000) {
        added[count] = random_prefix(r, family);
        if (!bgp_update_add(&b, &added[count], add_path ? count + 1 : 0))
            break;
        count++;
    }
    size_t total = bgp_update_end(&b);
    CU_ASSERT_FATAL(count < 2000 && total <= BGP_MESSAGE_MAX && total > BGP_MESSAGE_MAX - 21);
    memcpy(l.body, buf + BGP_HEADER, l.len = total - BGP_HEADER);
    arena_reset(&l.arena);
    CU_ASSERT_EQUAL_FATAL(bgp_update_decode(l.body, l.len, &l.ctx, &l.arena, &l.update), 0);
    CU_ASSERT_EQUAL_FATAL(l.update.fault.action, BGP_ACTION_NONE);
    CU_ASSERT_FATAL(l.update.reach_count == (reach ? 1 : 0) && l.update.withdrawn_count == (reach ? 0 : 1));
    struct bgp_nlri n = reach ? l.update.reach[0] : l.update.withdrawn[0];
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_FATAL(is_next(&n, &added[i], add_path ? i + 1 : 0));
    CU_ASSERT_EQUAL(n.len, 0);
    if (reach)
        CU_ASSERT(ip_addr_is_equal(&l.update.attrs[0].next_hop, next_hop) &&
                  l.update.attrs[0].len == len && memcmp(l.update.attrs[0].bytes, attrs, len) == 0);
}

static void test_what_was_built_is_decoded_again(void)
{
    const struct ip_addr hop4 = { .bytes = { 10, 1, 2, 4 } };
    const struct ip_addr hop6 = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } };
    struct random random = random_new("update");
    lab_open(&l);
    l.codec.ext_next_hop = true;
    for (int add_path = 0; add_path < 2; add_path++) {
        build_and_decode(&random, BGP_IP4, true, add_path, &hop4);
        build_and_decode(&random, BGP_IP4, true, add_path, &hop6);
        build_and_decode(&random, BGP_IP6, true, add_path, &hop6);
        build_and_decode(&random, BGP_IP4, false, add_path, NULL);
        build_and_decode(&random, BGP_IP6, false, add_path, NULL);
    }
    lab_close(&l);
}

static void test_attributes_that_leave_no_room_for_a_prefix_are_refused(void)
{
    static uint8_t buf[BGP_MESSAGE_MAX], attrs[BGP_MESSAGE_MAX];
    const struct ip_addr hop4 = { .bytes = { 10, 1, 2, 4 } };
    const struct ip_addr hop6 = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } };
    struct bgp_update_builder b;
    struct bgp_codec codec = { .as4 = true, .family = { true, true }, .max_message = BGP_MESSAGE_MAX };
    size_t head = hex(attrs, sizeof attrs, ORIGIN AS_PATH "d0 63");
    for (uint16_t len = 3900; len < 4096; len++) {
        wire_set16(attrs + head, (uint16_t)(len - head - 2));
        /* header 19, two lengths 4, NEXT_HOP 7, the longest prefix 5 */
        CU_ASSERT_EQUAL(bgp_update_begin_reach(&b, buf, &codec, BGP_IP4, attrs, len, &hop4, NULL),
                        len + 19 + 4 + 7 + 5 <= 4096);
        /* MP_REACH_NLRI: head 4, family 3, length 1, next hop 16, reserved 1, the longest prefix 17 */
        CU_ASSERT_EQUAL(bgp_update_begin_reach(&b, buf, &codec, BGP_IP6, attrs, len, &hop6, NULL),
                        len + 19 + 4 + 4 + 3 + 1 + 16 + 1 + 17 <= 4096);
    }
}

static void test_a_link_local_address_is_sent_behind_the_global_one(void)
{
    const struct ip_addr hop = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } };
    const struct ip_addr local = { .family = BGP_IP6, .bytes = { 0xfe, 0x80, [15] = 4 } };
    const struct ip_prefix p = { .family = BGP_IP6, .len = 8, .bytes = { 0xfd } };
    uint8_t buf[BGP_MESSAGE_MAX], attrs[64];
    struct bgp_update_builder b;
    lab_open(&l);
    uint16_t len = (uint16_t)hex(attrs, sizeof attrs, ORIGIN AS_PATH);
    CU_ASSERT_FATAL(bgp_update_begin_reach(&b, buf, &l.codec, BGP_IP6, attrs, len, &hop, &local));
    CU_ASSERT_TRUE(bgp_update_add(&b, &p, 0));
    size_t total = bgp_update_end(&b);
    memcpy(l.body, buf + BGP_HEADER, l.len = total - BGP_HEADER);
    CU_ASSERT_STRING_EQUAL(lab_decode(&l), "+fd00::/8");
    CU_ASSERT(ip_addr_is_equal(l.update.attrs[0].link_local, &local));
    CU_ASSERT_EQUAL(buf[BGP_HEADER + 5], BGP_ATTR_MP_REACH); /* RFC 7606 section 5.1: first */
    lab_close(&l);
}

/* RFC 4271 section 4.3: the Extended Length bit only where the value has more than 255 octets. */
static void test_the_length_of_mp_attributes_is_extended_only_where_it_must_be(void)
{
    const struct ip_addr hop = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } };
    struct ip_prefix p = { .family = BGP_IP6, .len = 72, .bytes = { 0xfd } };
    uint8_t buf[BGP_MESSAGE_MAX], attrs[64];
    struct bgp_update_builder b;
    lab_open(&l);
    uint16_t len = (uint16_t)hex(attrs, sizeof attrs, ORIGIN AS_PATH);
    for (unsigned prefixes = 22; prefixes <= 26; prefixes++) {
        const uint8_t *mp = buf + BGP_HEADER + 4;
        for (int reach = 0; reach < 2; reach++) {
            unsigned value = 3 + 10 * prefixes + (reach ? 18 : 0);
            bgp_update_begin_withdraw(&b, buf, &l.codec, BGP_IP6);
            if (reach)
                CU_ASSERT_FATAL(bgp_update_begin_reach(&b, buf, &l.codec, BGP_IP6, attrs, len, &hop, NULL));
            for (p.bytes[8] = 0; p.bytes[8] < prefixes; p.bytes[8]++)
                CU_ASSERT_TRUE(bgp_update_add(&b, &p, 0));
            size_t total = bgp_update_end(&b);
            CU_ASSERT_EQUAL(mp[0], value > 255 ? 0x90 : 0x80);
            CU_ASSERT_EQUAL(value > 255 ? wire_get16(mp + 2) : mp[2], value);
            memcpy(l.body, buf + BGP_HEADER, l.len = total - BGP_HEADER);
            lab_decode(&l);
            CU_ASSERT_EQUAL(l.update.fault.action, BGP_ACTION_NONE);
            CU_ASSERT_EQUAL(reach ? l.update.reach_count : l.update.withdrawn_count, 1);
        }
    }
    lab_close(&l);
}

CU_MAIN("update", CU_CASE(test_routes_are_withdrawn_and_announced_in_one_message),
        CU_CASE(test_trailing_bits_of_a_prefix_are_irrelevant),
        CU_CASE(test_a_prefix_of_any_length_is_read_wherever_it_stands),
        CU_CASE(test_prefixes_that_are_not_unicast_are_passed_over),
        CU_CASE(test_lengths_that_pass_the_message_reset_the_session),
        CU_CASE(test_bad_prefixes_in_the_classic_fields_reset_the_session),
        CU_CASE(test_an_error_without_routes_to_withdraw_resets_the_session),
        CU_CASE(test_attributes_without_routes_are_no_error),
        CU_CASE(test_ipv6_routes_come_in_mp_reach),
        CU_CASE(test_two_families_in_one_message_keep_their_next_hops),
        CU_CASE(test_the_reserved_octet_is_ignored),
        CU_CASE(test_ipv4_routes_may_come_in_mp_reach_too),
        CU_CASE(test_mp_unreach_needs_no_other_attribute),
        CU_CASE(test_families_that_were_not_agreed_on_are_ignored),
        CU_CASE(test_next_hops_of_every_length),
        CU_CASE(test_our_own_next_hop_is_told_from_a_wrong_one),
        CU_CASE(test_a_second_next_hop_counts_when_it_is_link_local),
        CU_CASE(test_ipv6_next_hops_for_ipv4_need_rfc_8950),
        CU_CASE(test_bad_prefixes_in_mp_attributes_disable_the_family_alone),
        CU_CASE(test_a_session_without_any_family_left_is_reset),
        CU_CASE(test_end_of_rib_of_both_families), CU_CASE(test_path_ids_stand_before_every_prefix),
        CU_CASE(test_every_truncation_of_a_valid_message_is_survived),
        CU_CASE(test_every_truncation_of_the_attributes_withdraws_or_resets),
        CU_CASE(test_every_allocation_may_fail), CU_CASE(test_what_was_built_is_decoded_again),
        CU_CASE(test_attributes_that_leave_no_room_for_a_prefix_are_refused),
        CU_CASE(test_a_link_local_address_is_sent_behind_the_global_one),
        CU_CASE(test_the_length_of_mp_attributes_is_extended_only_where_it_must_be))
