#include "bgp/bfd/bfd_set.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/cu.h"

static const struct hash_key key = { 11, 22 };
static const struct bfd_times times = { 300000, 300000, 3 };

static struct ip_addr addr(const char *text)
{
    struct ip_addr a;
    int err = ip_addr_parse(text, &a);
    assert(!err);
    (void)err;
    return a;
}

static struct bfd_peer_cfg peer(uint32_t id, const char *remote, enum bfd_hops hops)
{
    return (struct bfd_peer_cfg){ .id = id,
                                  .local = addr(strchr(remote, ':') ? "fd00::1" : "10.0.0.1"),
                                  .remote = addr(remote),
                                  .hops = (uint8_t)hops,
                                  .times = times };
}

static struct bfd_peer *open_peer(struct bfd_set *set, uint32_t id, const char *remote,
                                  enum bfd_hops hops)
{
    struct bfd_peer_cfg cfg = peer(id, remote, hops);
    struct bfd_peer *p = bfd_set_open(set, &cfg, 0);
    assert(p);
    return p;
}

static uint32_t discriminator(const struct bfd_peer *p)
{
    struct bfd_view v;
    bfd_session_view(p->session, &v);
    return v.discriminator;
}

/* A packet from this address, by this path; the verdict. */
static enum bfd_verdict arrive(struct bfd_set *set, const char *from, bool is_multihop, uint8_t ttl,
                               uint8_t state, uint32_t your)
{
    const struct bfd_packet packet = { .state = state,
                                       .detect_mult = 3,
                                       .my_discriminator = 9,
                                       .your_discriminator = your,
                                       .desired_tx_us = 300000,
                                       .required_rx_us = 300000 };
    const struct bfd_arrival how = { .local = addr(strchr(from, ':') ? "fd00::1" : "10.0.0.1"),
                                     .remote = addr(from),
                                     .ttl = ttl,
                                     .is_multihop = is_multihop };
    struct bfd_peer *got = NULL;
    struct bfd_session_event e;
    uint8_t bytes[BFD_PACKET];
    bfd_packet_encode(&packet, bytes);
    enum bfd_verdict verdict = bfd_set_receive(set, &how, bytes, sizeof bytes, &got, 0);
    CU_ASSERT_EQUAL(got != NULL, verdict == BFD_ACCEPTED);
    if (got) {
        CU_ASSERT_TRUE(ip_addr_is_equal(&got->cfg.remote, &how.remote));
        while (bfd_session_next(got->session, &e))
            ;
    }
    return verdict;
}

static void test_the_first_packet_finds_its_session_by_address(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    open_peer(&set, 1, "10.0.0.2", BFD_SINGLE_HOP);
    open_peer(&set, 2, "fd00::2", BFD_SINGLE_HOP);
    struct bfd_peer *p = open_peer(&set, 3, "10.0.0.3", BFD_SINGLE_HOP);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.3", false, 255, BFD_DOWN, 0), BFD_ACCEPTED);
    CU_ASSERT_EQUAL(bfd_session_state(p->session), BFD_INIT);
    CU_ASSERT_EQUAL(arrive(&set, "fd00::2", false, 255, BFD_DOWN, 0), BFD_ACCEPTED);
    CU_ASSERT_EQUAL(bfd_session_state(bfd_set_get(&set, 2)->session), BFD_INIT);
    CU_ASSERT_EQUAL(bfd_session_state(bfd_set_get(&set, 1)->session), BFD_DOWN);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.4", false, 255, BFD_DOWN, 0), BFD_DROP_STRANGER);
    bfd_set_fini(&set);
}

static void test_later_packets_find_it_by_discriminator_and_only_from_its_peer(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    struct bfd_peer *a = open_peer(&set, 1, "10.0.0.2", BFD_SINGLE_HOP);
    struct bfd_peer *b = open_peer(&set, 2, "10.0.0.3", BFD_SINGLE_HOP);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_INIT, discriminator(a)), BFD_ACCEPTED);
    CU_ASSERT_EQUAL(bfd_session_state(a->session), BFD_UP);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, discriminator(b)), BFD_DROP_STRANGER);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, 0xdeadbeef), BFD_DROP_YOUR_DISCRIMINATOR);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_UP, 0), BFD_DROP_YOUR_DISCRIMINATOR);
    CU_ASSERT_EQUAL(bfd_session_state(a->session), BFD_UP);
    CU_ASSERT_EQUAL(bfd_session_state(b->session), BFD_DOWN);
    bfd_set_fini(&set);
}

static void test_a_single_hop_packet_needs_ttl_255_and_a_multihop_packet_none(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    open_peer(&set, 1, "10.0.0.2", BFD_SINGLE_HOP);
    open_peer(&set, 2, "10.0.0.3", BFD_MULTIHOP);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 254, BFD_DOWN, 0), BFD_DROP_TTL);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, 0), BFD_ACCEPTED);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.3", true, 1, BFD_DOWN, 0), BFD_ACCEPTED);
    bfd_set_fini(&set);
}

static void test_the_hops_must_match_unless_they_are_left_to_the_peer(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    struct bfd_peer *one = open_peer(&set, 1, "10.0.0.2", BFD_SINGLE_HOP);
    struct bfd_peer *many = open_peer(&set, 2, "10.0.0.3", BFD_MULTIHOP);
    struct bfd_peer_cfg cfg = peer(3, "10.0.0.4", BFD_HOPS_AUTO);
    cfg.seems_remote = true;
    struct bfd_peer *any = bfd_set_open(&set, &cfg, 0);
    CU_ASSERT_FALSE(one->is_multihop);
    CU_ASSERT_TRUE(many->is_multihop);
    CU_ASSERT_TRUE(any->is_multihop);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", true, 255, BFD_DOWN, 0), BFD_DROP_HOPS);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.3", false, 255, BFD_DOWN, 0), BFD_DROP_HOPS);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.4", false, 255, BFD_DOWN, 0), BFD_ACCEPTED);
    CU_ASSERT_FALSE(any->is_multihop);
    /* On the way up it is settled. */
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.4", true, 255, BFD_DOWN, 0), BFD_DROP_HOPS);
    bfd_set_fini(&set);
}

static void test_discriminators_are_unique_not_zero_and_scattered(void)
{
    enum { COUNT = 2000 };
    struct bfd_set set;
    bfd_set_init(&set, &key);
    uint32_t low = 0, all = UINT32_MAX, any = 0;
    for (uint32_t id = 1; id <= COUNT; id++) {
        char text[32];
        snprintf(text, sizeof text, "10.1.%u.%u", id >> 8, id & 255);
        uint32_t d = discriminator(open_peer(&set, id, text, BFD_SINGLE_HOP));
        CU_ASSERT_NOT_EQUAL(d, 0);
        low += d < 1u << 16;
        all &= d;
        any |= d;
        for (uint32_t other = 1; other < id && id % 50 == 0; other++)
            CU_ASSERT_NOT_EQUAL(d, discriminator(bfd_set_get(&set, other)));
    }
    CU_ASSERT_TRUE(low < 10);
    CU_ASSERT_EQUAL(all, 0);
    CU_ASSERT_EQUAL(any, UINT32_MAX);
    bfd_set_fini(&set);
}

static void test_a_closed_session_takes_nothing_and_its_number_is_free_again(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    uint32_t before = discriminator(open_peer(&set, 5, "10.0.0.2", BFD_SINGLE_HOP));
    bfd_set_close(&set, 5);
    bfd_set_close(&set, 5);
    CU_ASSERT_PTR_NULL(bfd_set_get(&set, 5));
    CU_ASSERT_PTR_NULL(bfd_set_next(&set, 0));
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, 0), BFD_DROP_STRANGER);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, before), BFD_DROP_YOUR_DISCRIMINATOR);
    open_peer(&set, 5, "10.0.0.2", BFD_SINGLE_HOP);
    CU_ASSERT_EQUAL(arrive(&set, "10.0.0.2", false, 255, BFD_DOWN, 0), BFD_ACCEPTED);
    bfd_set_fini(&set);
}

static void test_peers_come_in_the_order_of_their_numbers(void)
{
    struct bfd_set set;
    bfd_set_init(&set, &key);
    open_peer(&set, 300, "10.0.0.4", BFD_SINGLE_HOP);
    open_peer(&set, 2, "10.0.0.2", BFD_SINGLE_HOP);
    CU_ASSERT_EQUAL(bfd_set_next(&set, 0)->cfg.id, 2);
    CU_ASSERT_EQUAL(bfd_set_next(&set, 2)->cfg.id, 300);
    CU_ASSERT_PTR_NULL(bfd_set_next(&set, 300));
    CU_ASSERT_PTR_NULL(bfd_set_get(&set, BFD_ID_MAX));
    bfd_set_fini(&set);
}

CU_MAIN("bfd_set", CU_CASE(test_the_first_packet_finds_its_session_by_address),
        CU_CASE(test_later_packets_find_it_by_discriminator_and_only_from_its_peer),
        CU_CASE(test_a_single_hop_packet_needs_ttl_255_and_a_multihop_packet_none),
        CU_CASE(test_the_hops_must_match_unless_they_are_left_to_the_peer),
        CU_CASE(test_discriminators_are_unique_not_zero_and_scattered),
        CU_CASE(test_a_closed_session_takes_nothing_and_its_number_is_free_again),
        CU_CASE(test_peers_come_in_the_order_of_their_numbers))
