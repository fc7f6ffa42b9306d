#include "bgp/bfd/bfd_packet.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

static const char *const golden = "'version 1, diag 1' 21 'Up, P' e0 'detect mult' 03 'length' 18"
                                  "'my' 01020304 'your' 0a0b0c0d 'desired tx 300 ms' 000493e0"
                                  "'required rx 50 ms' 0000c350 'echo' 00000000";

static enum bfd_verdict decode(const char *text, struct bfd_packet *out)
{
    uint8_t bytes[64];
    size_t len = hex(bytes, sizeof bytes, text);
    uint8_t *exact = malloc(len + !len); /* so that a sanitizer sees what is read behind it */
    assert(exact);
    memcpy(exact, bytes, len);
    enum bfd_verdict verdict = bfd_packet_decode(exact, len, out);
    free(exact);
    return verdict;
}

static void test_every_field_of_a_packet_is_read(void)
{
    struct bfd_packet p;
    CU_ASSERT_EQUAL(decode(golden, &p), BFD_ACCEPTED);
    CU_ASSERT_EQUAL(p.state, BFD_UP);
    CU_ASSERT_EQUAL(p.diag, BFD_DIAG_EXPIRED);
    CU_ASSERT_EQUAL(p.detect_mult, 3);
    CU_ASSERT_TRUE(p.poll);
    CU_ASSERT_FALSE(p.final);
    CU_ASSERT_FALSE(p.demand);
    CU_ASSERT_EQUAL(p.my_discriminator, 0x01020304);
    CU_ASSERT_EQUAL(p.your_discriminator, 0x0a0b0c0d);
    CU_ASSERT_EQUAL(p.desired_tx_us, 300000);
    CU_ASSERT_EQUAL(p.required_rx_us, 50000);
}

static void test_every_field_of_a_packet_is_written(void)
{
    static const struct bfd_packet p = { .state = BFD_UP,
                                         .diag = BFD_DIAG_EXPIRED,
                                         .detect_mult = 3,
                                         .poll = true,
                                         .my_discriminator = 0x01020304,
                                         .your_discriminator = 0x0a0b0c0d,
                                         .desired_tx_us = 300000,
                                         .required_rx_us = 50000 };
    uint8_t wanted[BFD_PACKET], written[BFD_PACKET];
    CU_ASSERT_EQUAL(hex(wanted, sizeof wanted, golden), BFD_PACKET);
    bfd_packet_encode(&p, written);
    CU_ASSERT_EQUAL(memcmp(wanted, written, BFD_PACKET), 0);
}

static void test_the_flags_stand_where_the_rfc_has_them(void)
{
    static const struct {
        const char *flags;
        bool poll, final, demand;
    } rows[] = { { "60", true, false, false },  /* P, in Down */
                 { "50", false, true, false },  /* F */
                 { "42", false, false, true },  /* D */
                 { "48", false, false, false } }; /* C: control plane independent */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bfd_packet p = { 0 };
        char text[128];
        snprintf(text, sizeof text, "20 %s 03 18 00000001 00000002 000f4240 000f4240 00000000",
                 rows[i].flags);
        CU_ASSERT_EQUAL(decode(text, &p), BFD_ACCEPTED);
        CU_ASSERT_EQUAL(p.state, BFD_DOWN);
        CU_ASSERT_EQUAL(p.poll, rows[i].poll);
        CU_ASSERT_EQUAL(p.final, rows[i].final);
        CU_ASSERT_EQUAL(p.demand, rows[i].demand);
    }
}

#define REST "00000001 00000002 000f4240 000f4240 00000000"

/* One row for each rule of RFC 5880 section 6.8.6 that needs no session, and for what is allowed. */
static void test_the_reception_rules_hold_one_by_one(void)
{
    static const struct {
        enum bfd_verdict verdict;
        const char *packet;
    } rows[] = {
        { BFD_DROP_SHORT, "" },
        { BFD_DROP_SHORT, "20 40 03 18 00000001 00000002 000f4240 000f4240 000000" },
        { BFD_DROP_VERSION, "00 40 03 18" REST },
        { BFD_DROP_VERSION, "40 40 03 18" REST },
        { BFD_DROP_VERSION, "e0 40 03 18" REST },
        { BFD_DROP_LENGTH, "20 40 03 00" REST },
        { BFD_DROP_LENGTH, "20 40 03 17" REST },
        { BFD_DROP_SHORT, "20 40 03 19" REST },          /* more than the payload has */
        { BFD_ACCEPTED, "20 40 03 18" REST "ff" },  /* the payload may be longer */
        { BFD_ACCEPTED, "20 40 03 19" REST "ff" },  /* and a packet longer than we know */
        { BFD_DROP_LENGTH, "20 44 03 18" REST },         /* A needs two octets more */
        { BFD_DROP_LENGTH, "20 44 03 19" REST "00" },
        { BFD_DROP_SHORT, "20 44 03 1a" REST },
        { BFD_DROP_AUTHENTICATED, "20 44 03 1c" REST "01 04 01 61" },
        { BFD_DROP_MULTIPLIER, "20 40 00 18" REST },
        { BFD_DROP_MULTIPOINT, "20 41 03 18" REST },
        { BFD_DROP_MY_DISCRIMINATOR, "20 40 03 18 00000000 00000002 000f4240 000f4240 00000000" },
        { BFD_ACCEPTED, "20 00 03 18 00000001 00000000 000f4240 000f4240 00000000" },
        { BFD_ACCEPTED, "20 40 03 18 00000001 00000000 000f4240 000f4240 00000000" },
        { BFD_DROP_YOUR_DISCRIMINATOR, "20 80 03 18 00000001 00000000 000f4240 000f4240 00000000" },
        { BFD_DROP_YOUR_DISCRIMINATOR, "20 c0 03 18 00000001 00000000 000f4240 000f4240 00000000" },
        { BFD_ACCEPTED, "20 c0 ff 18 ffffffff ffffffff ffffffff ffffffff ffffffff" },
        { BFD_ACCEPTED, "3f 40 03 18 00000001 00000002 00000000 00000000 00000000" },
        { BFD_ACCEPTED, "20 70 03 18" REST }, /* P and F: the RFC forbids only to send it */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bfd_packet p;
        enum bfd_verdict verdict = decode(rows[i].packet, &p);
        if (verdict != rows[i].verdict)
            printf("\n  %s: %d\n", rows[i].packet, verdict);
        CU_ASSERT_EQUAL(verdict, rows[i].verdict);
    }
}

static void test_a_refused_packet_leaves_the_result_alone(void)
{
    struct bfd_packet p = { .my_discriminator = 7 };
    CU_ASSERT_EQUAL(decode("20 40 00 18" REST, &p), BFD_DROP_MULTIPLIER);
    CU_ASSERT_EQUAL(p.my_discriminator, 7);
}

static void test_every_word_has_a_name(void)
{
    for (uint8_t i = 0; i < BFD_STATES; i++)
        CU_ASSERT_STRING_NOT_EQUAL(bfd_state_name(i), "unknown");
    for (uint8_t i = 0; i < BFD_DIAGS; i++)
        CU_ASSERT_STRING_NOT_EQUAL(bfd_diag_name(i), "unknown");
    CU_ASSERT_STRING_EQUAL(bfd_diag_name(31), "unknown");
}

CU_MAIN("bfd_packet", CU_CASE(test_every_field_of_a_packet_is_read),
        CU_CASE(test_every_field_of_a_packet_is_written),
        CU_CASE(test_the_flags_stand_where_the_rfc_has_them),
        CU_CASE(test_the_reception_rules_hold_one_by_one),
        CU_CASE(test_a_refused_packet_leaves_the_result_alone),
        CU_CASE(test_every_word_has_a_name))
