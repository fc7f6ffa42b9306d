/* The byte log of an update group: what is written is read, in order, whatever the buffer went through. */
#include "bgp/adjout/adjout_impl.h"
#include "bgp/adjout/adjout_log.h"
#include "tests/lib/cu.h"

static uint64_t random_of(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Writes message `number` if there is room. */
static bool write_one(struct adjout_log *l, uint32_t number, uint32_t len)
{
    uint8_t *room = adjout_log_reserve(l, len);
    if (!room)
        return false;
    memset(room, (int)(number & 0xff), len);
    adjout_log_commit(l, &(struct adjout_record){ .len = len, .version = number });
    return true;
}

static void read_one(const struct adjout_log *l, uint64_t *offset, uint32_t number)
{
    struct adjout_record r;
    const uint8_t *bytes = adjout_log_read(l, offset, &r);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    CU_ASSERT_EQUAL_FATAL(r.version, number);
    CU_ASSERT_EQUAL_FATAL(bytes[0], (uint8_t)number);
    CU_ASSERT_EQUAL_FATAL(bytes[r.len - 1], (uint8_t)number);
    *offset = adjout_log_after(*offset, &r);
}

/* A reader that is behind while the buffer's end is passed, and the buffer grows: what filled up the old end
 * must not be taken for what fills up the new one. */
static void test_what_was_written_is_read_in_order_though_the_buffer_grows(void)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct adjout_log l = { 0 };
        uint64_t state = seed, offset = 0;
        uint32_t written = 0, read = 0;
        while (written < 400) {
            uint32_t len = 19 + (uint32_t)random_of(&state) % 4077;
            while (!write_one(&l, written, len)) {
                if (read < written && random_of(&state) % 4)
                    read_one(&l, &offset, read++);
                else if (!adjout_log_grow(&l))
                    read_one(&l, &offset, read++);
                l.tail = offset;
            }
            written++;
        }
        while (read < written)
            read_one(&l, &offset, read++);
        struct adjout_record r;
        CU_ASSERT_PTR_NULL(adjout_log_read(&l, &offset, &r));
        adjout_log_fini(&l);
    }
}

/* Some messages are written, some or all of them are read, and so on; returns how much of the buffer was touched. */
static size_t in_turns(bool reads_all, uint64_t seed)
{
    struct adjout_log l = { 0 };
    uint64_t state = seed, offset = 0;
    uint32_t written = 0, read = 0;
    size_t touched = 0;
    CU_ASSERT_FATAL(adjout_log_grow(&l));
    while (written < 2000) {
        uint32_t most = written + (uint32_t)random_of(&state) % 8;
        for (uint32_t len; written < most; written++) {
            len = 19 + (uint32_t)random_of(&state) % 4077;
            if (!write_one(&l, written, len))
                break;
            size_t end = (size_t)(l.head % l.cap);
            touched = end > touched ? end : touched;
        }
        while (read < written && (reads_all || written - read > 40 || random_of(&state) % 8))
            read_one(&l, &offset, read++);
        l.tail = offset;
    }
    adjout_log_fini(&l);
    return touched;
}

static void test_a_log_that_was_read_to_its_end_may_begin_anew(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++)
        in_turns(false, seed);
}

static void test_a_log_that_is_read_at_once_touches_little_of_its_memory(void)
{
    CU_ASSERT(in_turns(true, 1) < ADJOUT_LOG_STRETCH + 8 * 4200);
}

CU_MAIN("adjout log", CU_CASE(test_what_was_written_is_read_in_order_though_the_buffer_grows),
        CU_CASE(test_a_log_that_was_read_to_its_end_may_begin_anew),
        CU_CASE(test_a_log_that_is_read_at_once_touches_little_of_its_memory))
