/* When silence begins to be unusual (bfd.h, is_late). */
#include "bgp/bfd/bfd.h"
#include "tests/lib/cu.h"

static void feed(struct bfd_session *s, uint8_t state, uint8_t mult, uint64_t now_ms)
{
    const struct bfd_packet p = { .state = state,
                                  .detect_mult = mult,
                                  .my_discriminator = 9,
                                  .your_discriminator = state == BFD_DOWN ? 0 : 7,
                                  .final = true,
                                  .desired_tx_us = 300000,
                                  .required_rx_us = 300000 };
    struct bfd_session_event e;
    bfd_session_feed(s, &p, now_ms);
    while (bfd_session_next(s, &e))
        ;
}

/* Up, and the peer sends every 300 ms; so many may miss. */
static struct bfd_session *up(uint8_t mult, uint64_t now_ms)
{
    struct bfd_session *s = bfd_session_new(
        &(struct bfd_session_cfg){ .discriminator = 7, .times = { 50000, 50000, 3 }, .seed = 1 }, now_ms);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    feed(s, BFD_DOWN, mult, now_ms);
    feed(s, BFD_UP, mult, now_ms);
    return s;
}

/* Takes what is due, so that its own packets are no reason to be called. */
static bool is_late(struct bfd_session *s, uint64_t now_ms)
{
    uint8_t packet[64];
    struct bfd_view v;
    bfd_session_tick(s, now_ms);
    while (bfd_session_pull(s, packet, sizeof packet))
        ;
    bfd_session_view(s, &v);
    return v.is_late;
}

static void test_silence_for_three_fifths_of_the_detection_time_is_late(void)
{
    struct bfd_session *s = up(3, 1000);
    CU_ASSERT_FALSE(is_late(s, 1539));
    CU_ASSERT_TRUE(bfd_session_deadline(s) <= 1540);
    CU_ASSERT_TRUE(is_late(s, 1540));
    CU_ASSERT_TRUE(bfd_session_deadline(s) > 1540);
    feed(s, BFD_UP, 3, 1500);
    CU_ASSERT_FALSE(is_late(s, 2039));
    CU_ASSERT_TRUE(is_late(s, 2399));
    CU_ASSERT_FALSE(is_late(s, 2400)); /* it is lost */
    CU_ASSERT_EQUAL(bfd_session_state(s), BFD_DOWN);
    bfd_session_free(s);
}

static void test_where_a_packet_is_half_of_the_time_nobody_is_late(void)
{
    struct bfd_session *s = up(2, 1000);
    CU_ASSERT_FALSE(is_late(s, 1599));
    CU_ASSERT_EQUAL(bfd_session_state(s), BFD_UP);
    bfd_session_free(s);
}

/* The wake rule: a whole detection time is given from then on, and the beginning of it is usual. */
static void test_after_a_pause_of_the_process_nobody_is_late(void)
{
    struct bfd_session *s = up(3, 1000);
    bfd_session_rearm(s, 5000);
    CU_ASSERT_FALSE(is_late(s, 5000));
    CU_ASSERT_TRUE(is_late(s, 5540));
    bfd_session_free(s);
}

CU_MAIN("bfd_late", CU_CASE(test_silence_for_three_fifths_of_the_detection_time_is_late),
        CU_CASE(test_where_a_packet_is_half_of_the_time_nobody_is_late),
        CU_CASE(test_after_a_pause_of_the_process_nobody_is_late))
