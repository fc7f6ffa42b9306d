#include "bgp/monitor/mrt.h"

#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"
#include "tests/lib/rib_lab.h"

enum { WALL_S = 1700000000 };

static struct mrt_dump *dump(const struct lab *l)
{
    struct mrt_dump *d = mrt_dump_new(&(struct mrt_dump_cfg){ .rib = &l->rib,
                                                              .view = "hub",
                                                              .router_id = 0x0a010104,
                                                              .asn = 64500,
                                                              .now_ms = l->now_ms,
                                                              .wall_ms = WALL_S * 1000ull });
    assert(d);
    return d;
}

/* The next record is exactly these bytes. */
static void expect(struct mrt_dump *d, const char *text)
{
    uint8_t wanted[512];
    const uint8_t *record = NULL;
    size_t len = 0, wanted_len = hex(wanted, sizeof wanted, text);
    CU_ASSERT_EQUAL_FATAL(mrt_dump_next(d, &record, &len), 1);
    bool is_equal = len == wanted_len && !memcmp(record, wanted, len);
    for (size_t i = 0; !is_equal && i < len; i++)
        printf("%s%02x", i ? "" : "\n", record[i]);
    CU_ASSERT_TRUE(is_equal);
}

static void expect_end(struct mrt_dump *d)
{
    const uint8_t *record;
    size_t len;
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 0);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 0);
    mrt_dump_free(d);
}

static void skip_peers(struct mrt_dump *d)
{
    const uint8_t *record;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_EQUAL(record[7], 1); /* PEER_INDEX_TABLE */
}

static void test_peers_come_first_the_configuration_is_number_0(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    l.nvas[2].address = (struct ip_addr){ .family = BGP_IP6, .bytes = { 0xfd, [15] = 2 } };
    l.rib.nva_count = 3;
    struct mrt_dump *d = dump(&l);
    expect(d, "'time' 6553f100 'TABLE_DUMP_V2' 000d 'PEER_INDEX_TABLE' 0001 'length' 0000003e"
              "'collector' 0a010104 'view' 0003 687562 'peers' 0003"
              "'AS4' 02 'id' 0a010104 'address' 00000000 'AS' 0000fbf4"
              "'AS4' 02 'id' 00000001 'address' 0a010201 'AS' 0000fde9"
              "'AS4, IPv6' 03 'id' 00000002 'address' fd000000000000000000000000000002 'AS' 0000fdea");
    expect_end(d);
    l.rib.nva_count = LAB_NVAS;
    lab_close(&l);
}

static void test_an_nva_that_came_since_is_in_the_next_dump(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    l.rib.nva_count = 3;
    struct mrt_dump *d = dump(&l);
    skip_peers(d);
    l.rib.nva_count = LAB_NVAS;
    lab_announce(&l, (struct lab_route){ .nva = 4, .net = 7, .path_len = 1 });
    expect_end(d);
    lab_close(&l);
}

static void test_an_ipv4_prefix_has_its_next_hop_in_order(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 1, .med = 5 });
    struct mrt_dump *d = dump(&l);
    skip_peers(d);
    expect(d, "6553f100 000d 'RIB_IPV4_UNICAST' 0002 'length' 0000002e"
              "'sequence' 00000000 'prefix' 20 64000007 'entries' 0001"
              "'peer' 0001 'originated' 6553f100 'attributes' 001b"
              "'ORIGIN' 400101 00 'AS_PATH' 400206 0201 0000fde9"
              "'NEXT_HOP' 400304 0a010201 'MED' 800404 00000005 ");
    expect_end(d);
    lab_close(&l);
}

static void test_an_ipv6_prefix_has_the_short_mp_reach(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .family = BGP_IP6, .path_len = 1 });
    struct mrt_dump *d = dump(&l);
    skip_peers(d);
    expect(d, "6553f100 000d 'RIB_IPV6_UNICAST' 0004 'length' 00000040"
              "'sequence' 00000000 'prefix' 80 fd000000000000000000000000000007 'entries' 0001"
              "'peer' 0001 'originated' 6553f100 'attributes' 0021"
              "'ORIGIN' 400101 00 'AS_PATH' 400206 0201 0000fde9"
              "'MP_REACH_NLRI' 800e11 10 fd000000000000000000000000000001");
    expect_end(d);
    lab_close(&l);
}

static void test_path_ids_make_it_an_add_path_record(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 0, .path_id = 9 });
    struct mrt_dump *d = dump(&l);
    skip_peers(d);
    expect(d, "6553f100 000d 'RIB_IPV4_UNICAST_ADDPATH' 0008 'length' 00000025"
              "'sequence' 00000000 'prefix' 20 64000007 'entries' 0001"
              "'peer' 0001 'originated' 6553f100 'path id' 00000009 'attributes' 000e"
              "'ORIGIN' 400101 00 'AS_PATH' 400200 'NEXT_HOP' 400304 0a010201");
    expect_end(d);
    lab_close(&l);
}

/* Entries of the next record, by their peer; the record has no path ids. */
static unsigned peers_of_next(struct mrt_dump *d, uint16_t peers[8])
{
    const uint8_t *record;
    size_t len;
    if (mrt_dump_next(d, &record, &len) != 1)
        return 0;
    struct wire_reader r = wire_reader(record, len);
    wire_bytes(&r, 12 + 4);
    wire_bytes(&r, (wire_u8(&r) + 7u) / 8);
    unsigned count = wire_u16(&r);
    for (unsigned i = 0; i < count && i < 8; i++) {
        peers[i] = wire_u16(&r);
        wire_bytes(&r, 4);
        wire_bytes(&r, wire_u16(&r));
    }
    CU_ASSERT_FALSE(r.failed);
    CU_ASSERT_EQUAL(wire_left(&r), 0);
    return count;
}

static void test_every_peer_of_a_prefix_has_an_entry_and_copies_of_other_nodes_none(void)
{
    struct lab l;
    uint16_t peers[8];
    lab_open(&l, 4, false);
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 2, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .node = 3, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .node = 2, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 2, .node = 3, .net = 7, .path_len = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 0, .net = 7 });
    struct mrt_dump *d = dump(&l);
    skip_peers(d);
    CU_ASSERT_EQUAL(peers_of_next(d, peers), 3);
    CU_ASSERT_EQUAL(1u << peers[0] | 1u << peers[1] | 1u << peers[2], 7);
    expect_end(d);
    lab_close(&l);
}

static void test_withdrawn_prefixes_are_left_out_and_sequence_numbers_have_no_gap(void)
{
    struct lab l;
    lab_open(&l, 4, true);
    for (uint32_t net = 1; net <= 3; net++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = net, .path_len = 1 });
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 2 });
    struct mrt_dump *d = dump(&l);
    const uint8_t *record;
    size_t len;
    skip_peers(d);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_EQUAL(wire_get32(record + 12), 0);
    CU_ASSERT_EQUAL(record[20], 1);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_EQUAL(wire_get32(record + 12), 1);
    CU_ASSERT_EQUAL(record[20], 3);
    expect_end(d);
    lab_close(&l);
}

static void test_a_record_that_is_larger_than_the_buffer_is_whole(void)
{
    struct lab l;
    uint16_t peers[8];
    lab_open(&l, 4, false);
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t node = 1; node < 2; node++)
            lab_announce(&l, (struct lab_route){ .nva = nva, .net = 7, .path_len = 1, .padding = 4500 });
    for (uint32_t id = 1; id < 20; id++)
        lab_announce(&l, (struct lab_route){
                             .nva = 1, .net = 8, .path_id = id, .path_len = 1, .padding = 4500 });
    struct mrt_dump *d = dump(&l);
    const uint8_t *record;
    size_t len;
    skip_peers(d);
    CU_ASSERT_EQUAL(peers_of_next(d, peers), LAB_NVAS - 1);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_TRUE(len > 64 * 1024);
    CU_ASSERT_EQUAL(wire_get32(record + 8), len - 12);
    CU_ASSERT_EQUAL(wire_get16(record + 21), 19);
    expect_end(d);
    lab_close(&l);
}

static void test_a_prefix_that_goes_while_it_is_dumped_does_no_harm(void)
{
    struct lab l;
    lab_open(&l, 4, false);
    for (uint32_t net = 1; net <= 3; net++)
        lab_announce(&l, (struct lab_route){ .nva = 1, .net = net, .path_len = 1 });
    struct mrt_dump *d = dump(&l);
    const uint8_t *record;
    size_t len;
    skip_peers(d);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 2 });
    lab_withdraw(&l, (struct lab_route){ .nva = 1, .net = 1 });
    lab_announce(&l, (struct lab_route){ .nva = 1, .net = 4, .path_len = 1 });
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_EQUAL(record[20], 3);
    CU_ASSERT_EQUAL(mrt_dump_next(d, &record, &len), 1);
    CU_ASSERT_EQUAL(record[20], 4);
    expect_end(d);
    lab_close(&l);
}

CU_MAIN("mrt", CU_CASE(test_peers_come_first_the_configuration_is_number_0),
        CU_CASE(test_an_nva_that_came_since_is_in_the_next_dump),
        CU_CASE(test_an_ipv4_prefix_has_its_next_hop_in_order),
        CU_CASE(test_an_ipv6_prefix_has_the_short_mp_reach),
        CU_CASE(test_path_ids_make_it_an_add_path_record),
        CU_CASE(test_every_peer_of_a_prefix_has_an_entry_and_copies_of_other_nodes_none),
        CU_CASE(test_withdrawn_prefixes_are_left_out_and_sequence_numbers_have_no_gap),
        CU_CASE(test_a_record_that_is_larger_than_the_buffer_is_whole),
        CU_CASE(test_a_prefix_that_goes_while_it_is_dumped_does_no_harm))
