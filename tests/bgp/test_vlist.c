#include "bgp/base/vlist.h"

#include <string.h>

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

enum { IDS = 5 * VLIST_CHUNK, SOME = 700, READERS = 4 };

/* The naive reference: the version of each id, and what a reader of a list of pairs would see. */
struct model {
    struct vlist list;
    uint64_t version[IDS + 1]; /* 0: not on the list */
    uint32_t slot[IDS + 1];
    uint64_t seen[READERS][IDS + 1]; /* version in which a reader saw it last */
    uint64_t position[READERS];
};

static void append(struct model *m, uint32_t id)
{
    CU_ASSERT_FATAL(vlist_reserve(&m->list, 1));
    uint64_t version = m->list.next;
    m->slot[id] = m->version[id] ? vlist_touch(&m->list, m->slot[id], id)
                                 : vlist_append(&m->list, id);
    m->version[id] = version;
    CU_ASSERT_EQUAL_FATAL(vlist_version(&m->list, m->slot[id]), version);
}

static void take_off(struct model *m, uint32_t id)
{
    vlist_remove(&m->list, m->slot[id]);
    m->version[id] = 0;
}

static void compact(struct model *m)
{
    uint32_t id, slot;
    while (vlist_compact(&m->list, &id, &slot)) {
        m->slot[id] = slot;
        m->version[id] = vlist_version(&m->list, slot);
        CU_ASSERT_EQUAL_FATAL(m->version[id], vlist_head(&m->list));
    }
    CU_ASSERT(m->list.next - m->list.oldest <= (uint64_t)m->list.live * 8 + 9 * VLIST_CHUNK);
}

/* A reader goes on for some entries: versions rise, and each entry is there in that version. */
static void read_on(struct model *m, int reader, unsigned most)
{
    while (most--) {
        uint64_t before = m->position[reader];
        uint32_t id = vlist_next(&m->list, &m->position[reader]);
        if (!id) {
            CU_ASSERT_EQUAL(m->position[reader], vlist_head(&m->list));
            return;
        }
        CU_ASSERT_FATAL(m->position[reader] > before && m->position[reader] == m->version[id]);
        m->seen[reader][id] = m->version[id];
    }
}

/* Who reads by the stretch finds what who reads one by one finds. */
static void check_stretches(const struct vlist *v, uint64_t position)
{
    struct vlist_stretch s;
    uint64_t at = position;
    for (; vlist_read(v, position, &s); position = s.first + s.count - 1) {
        CU_ASSERT_FATAL(s.first > position && s.count && s.count <= VLIST_TOGETHER && s.ids[0]);
        for (uint32_t i = 0; i < s.count; i++)
            if (s.ids[i]) {
                CU_ASSERT_EQUAL_FATAL(vlist_next(v, &at), s.ids[i]);
                CU_ASSERT_EQUAL_FATAL(at, s.first + i);
            }
    }
    CU_ASSERT_EQUAL(vlist_next(v, &at), 0);
}

static void check_complete(struct model *m, int reader)
{
    check_stretches(&m->list, 0);
    check_stretches(&m->list, m->position[reader]);
    read_on(m, reader, IDS + 1);
    for (uint32_t id = 1; id <= IDS; id++)
        if (m->version[id] && m->seen[reader][id] != m->version[id])
            CU_FAIL_FATAL("a reader at the head has not seen an entry in its latest version");
}

static void test_readers_at_the_head_have_seen_every_entry_in_its_latest_version(void)
{
    static struct model m;
    struct random random = random_new("vlist");
    memset(&m, 0, sizeof m);
    vlist_init(&m.list);
    for (int step = 0; step < 60000; step++) {
        /* few entries change often, so that chunks empty from the front and within */
        uint32_t id = 1 + random_below(&random, step % 3 ? 20 : SOME);
        if (random_below(&random, 8) == 0) {
            if (m.version[id])
                take_off(&m, id);
        } else {
            append(&m, id);
        }
        if (step % 50 == 0)
            compact(&m);
        if (step % 7 == 0)
            read_on(&m, (int)random_below(&random, READERS), random_below(&random, 30));
    }
    for (int reader = 0; reader < READERS; reader++)
        check_complete(&m, reader);
    vlist_fini(&m.list);
}

static void test_position_zero_is_a_snapshot_in_the_order_of_changes(void)
{
    struct model m = { 0 };
    uint64_t position = 0;
    vlist_init(&m.list);
    for (uint32_t id = 1; id <= 3; id++)
        append(&m, id);
    append(&m, 1);
    take_off(&m, 3);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 2);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 1);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 0);
    CU_ASSERT_EQUAL(position, vlist_head(&m.list));
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 0);
    vlist_fini(&m.list);
}

static void test_an_empty_list_has_nothing_to_read(void)
{
    struct vlist v;
    uint64_t position = 0;
    vlist_init(&v);
    CU_ASSERT_EQUAL(vlist_head(&v), 0);
    CU_ASSERT_EQUAL(vlist_next(&v, &position), 0);
    check_stretches(&v, 0);
    CU_ASSERT_EQUAL(position, 0);
    CU_ASSERT_EQUAL(vlist_memory(&v), 0);
    vlist_fini(&v);
}

static void test_the_last_slot_of_a_chunk_and_the_first_of_the_next(void)
{
    struct model m = { 0 };
    vlist_init(&m.list);
    for (uint32_t i = 0; i < VLIST_CHUNK - 1; i++) /* version 0 is not used: the chunk is full now */
        append(&m, 1 + i % 2);
    CU_ASSERT_EQUAL(m.list.next, VLIST_CHUNK);
    append(&m, 3);
    uint64_t position = vlist_version(&m.list, m.slot[2]);
    if (position < m.version[1])
        position = m.version[1];
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 3);
    CU_ASSERT_EQUAL(position, VLIST_CHUNK);
    take_off(&m, 1);
    take_off(&m, 2);
    CU_ASSERT_EQUAL(m.list.oldest, VLIST_CHUNK); /* the first chunk is given back */
    position = 0;
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 3);
    vlist_fini(&m.list);
}

static void test_slots_of_32_bits_name_versions_of_64(void)
{
    struct model m = { 0 };
    vlist_init(&m.list);
    m.list.oldest = (1ull << 32) - VLIST_CHUNK;
    m.list.next = (1ull << 32) - 10;
    for (uint32_t id = 1; id <= 20; id++)
        append(&m, id);
    CU_ASSERT_EQUAL(vlist_head(&m.list), (1ull << 32) + 9);
    uint64_t position = (1ull << 32) - 11;
    for (uint32_t id = 1; id <= 20; id++)
        CU_ASSERT_EQUAL(vlist_next(&m.list, &position), id);
    append(&m, 1);
    CU_ASSERT_EQUAL(m.version[1], (1ull << 32) + 10);
    vlist_fini(&m.list);
}

static void test_memory_follows_the_live_entries_not_the_changes(void)
{
    struct model m = { 0 };
    vlist_init(&m.list);
    append(&m, 1);
    for (int i = 0; i < 200000; i++)
        append(&m, 2);
    compact(&m);
    CU_ASSERT(vlist_memory(&m.list) < 20u * VLIST_CHUNK * 4);
    vlist_fini(&m.list);
}

static void test_after_a_reservation_appends_cannot_fail(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct vlist v;
        uint64_t position = 0;
        vlist_init(&v);
        alloc_fail_at(nth);
        bool reserved = vlist_reserve(&v, 40 * VLIST_CHUNK);
        failed = alloc_end();
        CU_ASSERT_EQUAL(reserved, !failed);
        if (reserved) {
            alloc_fail_at(1);
            for (uint32_t i = 0; i < 40 * VLIST_CHUNK; i++)
                vlist_append(&v, 1 + i);
            CU_ASSERT_FALSE(alloc_end());
        }
        CU_ASSERT_EQUAL(vlist_next(&v, &position), reserved ? 1 : 0);
        vlist_fini(&v);
    }
}

/* ---- runs ---- */

/* All entries in the order of their ids, but some; then single ones go and move, among readers. */
static void change_in_order(struct model *m, struct random *random, bool descending)
{
    for (uint32_t n = 1; n <= IDS; n++)
        if (random_below(random, 200))
            append(m, descending ? IDS + 1 - n : n);
    for (int step = 0; step < 3000; step++) {
        uint32_t id = 1 + random_below(random, IDS);
        if (m->version[id] && random_below(random, 2))
            take_off(m, id);
        else if (random_below(random, 2))
            append(m, id);
        if (step % 20 == 0)
            read_on(m, (int)random_below(random, READERS), random_below(random, 200));
    }
}

static void test_entries_that_came_in_order_are_read_like_all_others(void)
{
    static struct model m;
    struct random random = random_new("runs");
    memset(&m, 0, sizeof m);
    vlist_init(&m.list);
    for (int round = 0; round < 12; round++) {
        change_in_order(&m, &random, round % 2);
        compact(&m);
    }
    for (int reader = 0; reader < READERS; reader++)
        check_complete(&m, reader);
    vlist_fini(&m.list);
}

/* Two chunks may still be filled; of the others a bit for each entry stays. */
static void test_entries_that_came_in_order_cost_a_bit_each(void)
{
    static struct model m;
    for (int descending = 0; descending < 2; descending++) {
        memset(&m, 0, sizeof m);
        vlist_init(&m.list);
        for (uint32_t n = 1; n <= IDS; n++)
            append(&m, descending ? IDS + 1 - n : n);
        CU_ASSERT(vlist_memory(&m.list) < 2u * VLIST_CHUNK * 4 + 3u * VLIST_CHUNK / 8 + 1024);
        check_complete(&m, 0);
        for (uint32_t id = 1; id <= IDS; id++)
            take_off(&m, id);
        CU_ASSERT(vlist_memory(&m.list) < 2u * VLIST_CHUNK * 4);
        vlist_fini(&m.list);
    }
}

/* ---- copies ---- */

static void place(struct model *m, uint64_t version, uint32_t id)
{
    CU_ASSERT_FATAL(vlist_is_open(&m->list, version));
    CU_ASSERT_FATAL(vlist_reserve_at(&m->list, version));
    uint32_t slot = vlist_place(&m->list, version, id);
    if (m->version[id])
        vlist_remove(&m->list, m->slot[id]);
    m->slot[id] = slot;
    m->version[id] = version;
}

static void test_a_copy_places_entries_at_their_owners_versions_in_any_order(void)
{
    struct model m = { 0 };
    uint64_t position = 0;
    vlist_init(&m.list);
    CU_ASSERT_FATAL(vlist_begin(&m.list, 5000));
    place(&m, 4000, 1);
    place(&m, 12, 2);
    place(&m, 2000, 3);
    CU_ASSERT_FALSE(vlist_is_open(&m.list, 12));
    CU_ASSERT_FALSE(vlist_is_open(&m.list, 5001));
    vlist_end(&m.list);
    CU_ASSERT_EQUAL(vlist_head(&m.list), 5000);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 2);
    CU_ASSERT_EQUAL(position, 12);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 3);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 1);
    CU_ASSERT_EQUAL(position, 4000);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 0);
    CU_ASSERT_EQUAL(position, 5000);
    CU_ASSERT_FALSE(vlist_is_open(&m.list, 4001)); /* it is over */
    vlist_fini(&m.list);
}

static void test_a_copy_of_many_changes_is_no_larger_than_its_entries(void)
{
    struct model m = { 0 };
    vlist_init(&m.list);
    for (uint64_t head = 0, i = 0; i < 3000; i++, head += 100) {
        CU_ASSERT_FATAL(vlist_begin(&m.list, head + 100));
        place(&m, head + 50, 1 + (uint32_t)i % 3);
        vlist_end(&m.list);
    }
    CU_ASSERT(vlist_memory(&m.list) < 5u * VLIST_CHUNK * 4);
    vlist_fini(&m.list);
}

/* An entry that is placed late must find its chunk, also when others around it were emptied meanwhile. */
static void test_chunks_stay_open_while_versions_are_placed(void)
{
    struct model m = { 0 };
    vlist_init(&m.list);
    CU_ASSERT_FATAL(vlist_begin(&m.list, 9000));
    place(&m, 3000, 1);
    take_off(&m, 1);
    place(&m, 10, 2);
    place(&m, 3000, 3);
    vlist_end(&m.list);
    uint64_t position = 0;
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 2);
    CU_ASSERT_EQUAL(vlist_next(&m.list, &position), 3);
    append(&m, 4);
    CU_ASSERT_EQUAL(m.version[4], 9001);
    vlist_fini(&m.list);
}

static void test_a_copy_knows_when_memory_ends(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct vlist v;
        vlist_init(&v);
        alloc_fail_at(nth);
        bool placed = vlist_begin(&v, 50000) && vlist_reserve_at(&v, 40000);
        failed = alloc_end();
        CU_ASSERT_EQUAL(placed, !failed);
        vlist_fini(&v);
    }
}

CU_MAIN("vlist", CU_CASE(test_readers_at_the_head_have_seen_every_entry_in_its_latest_version),
        CU_CASE(test_position_zero_is_a_snapshot_in_the_order_of_changes),
        CU_CASE(test_an_empty_list_has_nothing_to_read),
        CU_CASE(test_the_last_slot_of_a_chunk_and_the_first_of_the_next),
        CU_CASE(test_slots_of_32_bits_name_versions_of_64),
        CU_CASE(test_entries_that_came_in_order_are_read_like_all_others),
        CU_CASE(test_entries_that_came_in_order_cost_a_bit_each),
        CU_CASE(test_a_copy_places_entries_at_their_owners_versions_in_any_order),
        CU_CASE(test_a_copy_of_many_changes_is_no_larger_than_its_entries),
        CU_CASE(test_chunks_stay_open_while_versions_are_placed),
        CU_CASE(test_a_copy_knows_when_memory_ends),
        CU_CASE(test_memory_follows_the_live_entries_not_the_changes),
        CU_CASE(test_after_a_reservation_appends_cannot_fail))
