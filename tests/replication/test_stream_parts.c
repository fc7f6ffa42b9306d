/* Attributes that leave no room for a route in a frame: they go before it, in parts. */
#include "replication/stream.h"

#include "tests/lib/stream_lab.h"

enum { HUGE = 60000 }; /* octets of communities; a frame has 16 KiB */

static void announce_long(struct pair *p, uint32_t number, uint32_t count, uint32_t path_id, uint16_t octets, uint8_t filling)
{
    static uint8_t bytes[11 + HUGE];
    struct wire_writer w = wire_writer(bytes, sizeof bytes);
    struct bgp_attrs attrs;
    wire_put(&w, (const uint8_t[]){ 0x40, 1, 1, 0, 0x40, 2, 0, 0xd0, 8 }, 9);
    wire_put16(&w, octets);
    memset(w.at, filling, octets);
    CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(bytes, 11u + octets, &attrs));
    attrs.next_hop = p->origin.nvas[1].address;
    uint32_t id = bgp_attrs_intern(&p->origin.rib.attrs, &attrs);
    for (uint32_t i = 0; i < count; i++) {
        struct ip_prefix prefix = ribs_prefix(number + i);
        CU_ASSERT_EQUAL(rib_announce(&p->origin.rib, ORIGIN, 1, &prefix, path_id, id), 0);
    }
    bgp_attrs_unref(&p->origin.rib.attrs, id);
}

static void announce_huge(struct pair *p, uint32_t number, uint32_t count, uint8_t filling)
{
    announce_long(p, number, count, 0, HUGE, filling);
}

static uint32_t transfers(struct pair *p)
{
    enum repl_apply result;
    uint32_t count = 0;
    while (count < MESSAGES_MAX && transfer(p, &result))
        count++;
    return count;
}

static void test_attributes_longer_than_a_frame_come_in_parts(void)
{
    struct pair p;
    begin(&p);
    up(&p, 1);
    ribs_announce(&p.origin, ORIGIN, 1, 1, 0, 65000);
    run(&p);
    announce_huge(&p, 1, 2000, 7);
    ribs_announce(&p.origin, ORIGIN, 1, 3000, 0, 65000);
    CU_ASSERT_TRUE(transfers(&p) < 8); /* they come once, for all routes */
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_EQUAL(p.copy.quarantined, 0);
    announce_huge(&p, 1, 1, 8); /* as long, and others */
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

static void test_attributes_that_change_between_their_parts_begin_anew(void)
{
    for (int parts = 1; parts < 5; parts++) {
        struct pair p;
        enum repl_apply result;
        begin(&p);
        up(&p, 1);
        run(&p);
        announce_huge(&p, 1, 1, 7);
        for (int i = 0; i < parts; i++)
            CU_ASSERT_TRUE(transfer(&p, &result));
        ribs_withdraw(&p.origin, ORIGIN, 1, 1, 0, p.now); /* so that the others have the same id */
        announce_huge(&p, 1, 1, 8);
        run(&p);
        CU_ASSERT_TRUE(is_equal(&p));
        CU_ASSERT_EQUAL(p.copy.quarantined, 0);
        end(&p);
    }
}

static void test_a_reader_that_asks_again_gets_all_parts_again(void)
{
    struct pair p;
    enum repl_apply result;
    begin(&p);
    up(&p, 1);
    announce_huge(&p, 1, 1, 7);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_TRUE(transfer(&p, &result));
    join(&p);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_EQUAL(p.copy.quarantined, 0);
    end(&p);
}

/* Others came between them, so that they are not among the newest any more when a group begins that has them, too: it has those
 * of the entry before. */
static void test_long_attributes_that_two_groups_have_stand_in_a_frame_once(void)
{
    enum { LONG = 7000, BETWEEN = 10, MANY = 1000 };
    struct pair p;
    begin(&p);
    up(&p, 1);
    announce_long(&p, MANY, 1, 0, LONG, 7);
    for (uint32_t i = 0; i < BETWEEN; i++)
        ribs_announce(&p.origin, ORIGIN, 1, MANY + 1 + i, 0, 65000 + i);
    announce_long(&p, 0, MANY, 0, LONG, 7); /* the frame has little room left */
    announce_long(&p, 0, 1, 5, LONG, 7); /* the next group: of routes with path ids */
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    end(&p);
}

/* Its end is on its way. Meanwhile the reader had another source, and what that had not in parts this one has told to nobody. */
static void test_who_asks_again_goes_on_with_no_parts_of_a_subscription_of_before(void)
{
    enum { LONG = 7000 };
    struct repl_msg m;
    struct repl_batcher *narrow = repl_batcher_new();
    struct pair p;
    begin(&p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(narrow);
    repl_batcher_part(narrow, 1000);
    up(&p, 1);
    struct repl_batcher *wide = p.batcher;
    p.batcher = narrow;
    announce_long(&p, 1, 1, 0, LONG, 7);
    run(&p);
    struct repl_sender before = p.sender;
    struct repl_source from = source(&p);
    announce_long(&p, 2, 1, 0, LONG, 8);
    while (repl_sender_next(&before, &p.origin.rib, &p.here, &from, narrow, &m))
        ;
    p.batcher = wide;
    join(&p);
    run(&p);
    announce_long(&p, 3, 1, 0, LONG, 8);
    (void)repl_replica_join(&p.copy, &p.replica.rib, p.incarnation, p.now);
    CU_ASSERT_TRUE_FATAL(repl_sender_next(&before, &p.origin.rib, &p.here, &from, narrow, &m));
    CU_ASSERT_EQUAL(apply(&p, &m), REPL_OUT_OF_ORDER);
    p.batcher = narrow;
    join(&p);
    run(&p);
    CU_ASSERT_TRUE(is_equal(&p));
    CU_ASSERT_EQUAL(p.copy.quarantined, 0);
    repl_batcher_free(wide);
    end(&p);
}

/* What a sender never does: one of them is lost, or they are more than any attributes. Where none is left the reader asks again. */
static void test_parts_that_do_not_fit_together_are_quarantined(void)
{
    static const uint8_t bytes[UINT16_MAX] = { 0x40, 1, 1, 0, 0x40, 2, 0 }, run_of[] = { 32, 172, 0, 0, 9 };
    const struct repl_batch parts[] = {
        { .part = bytes, .part_len = 7 },
        { .part = bytes, .part_at = 8, .part_len = 7 },
        { .part = bytes, .part_len = 100 },
        { .part = bytes, .part_at = 100, .part_len = UINT16_MAX },
        { .part = bytes, .part_len = 4 },
        { .part = bytes + 4, .part_at = 4, .part_len = 3 },
    };
    const uint16_t said[] = { 8, 15, 7, 99, 5, 7 }, quarantined[] = { 1, 1, 2, 2, 3, 3 };
    const char *const own[] = { "fw-1" };
    struct pair p;
    begin(&p);
    run(&p);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct repl_batch b = parts[i];
        struct repl_attr attr = { .parts = said[i] };
        struct repl_routes group = { .attr = 1, .nlri = run_of, .len = sizeof run_of };
        b.origin = ORIGIN;
        b.incarnation = p.incarnation;
        b.from = b.to = p.copy.position;
        b.names = own;
        b.name_count = 1;
        b.attrs = &attr;
        b.attr_count = 1;
        b.routes = &group;
        b.route_count = 1;
        CU_ASSERT_EQUAL(repl_replica_apply(&p.copy, &p.replica.rib, &p.there, &b, p.now), parts[i].part_at > 4 ? REPL_OUT_OF_ORDER : REPL_APPLIED);
        CU_ASSERT_EQUAL(p.copy.quarantined, quarantined[i]);
    }
    CU_ASSERT_PTR_NOT_NULL(ribs_path(&p.replica, ORIGIN, 1, 9, 0));
    end(&p);
}

CU_MAIN("stream_parts", CU_CASE(test_attributes_longer_than_a_frame_come_in_parts),
        CU_CASE(test_attributes_that_change_between_their_parts_begin_anew),
        CU_CASE(test_a_reader_that_asks_again_gets_all_parts_again),
        CU_CASE(test_long_attributes_that_two_groups_have_stand_in_a_frame_once),
        CU_CASE(test_who_asks_again_goes_on_with_no_parts_of_a_subscription_of_before),
        CU_CASE(test_parts_that_do_not_fit_together_are_quarantined))
