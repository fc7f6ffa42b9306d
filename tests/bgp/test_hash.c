#include "bgp/base/hash.h"

#include <string.h>

#include "tests/lib/alloc.h"
#include "tests/lib/cu.h"
#include "tests/lib/random.h"

enum { KEYS = 3000 };

/* The naive reference: hash and presence of the first KEYS multiples of `step`. */
struct model {
    struct hash_index index;
    uint32_t step;
    uint64_t hash[KEYS + 1];
    bool present[KEYS + 1];
};

/* What an index asks its owner. Only of values that are there. */
static uint64_t hash_in_model(const void *of, uint32_t value)
{
    const struct model *m = of;
    uint32_t v = value / m->step;
    CU_ASSERT_FATAL(v >= 1 && v <= KEYS && value % m->step == 0 && m->present[v]);
    return m->hash[v];
}

static struct hash_owner owner_of(const struct model *m)
{
    return (struct hash_owner){ .of = m, .hash = hash_in_model };
}

/* An owner whose values say their hash themselves. */
static uint64_t hash_of_value(const void *of, uint32_t value)
{
    static const struct hash_key key = { 3, 4 };
    (void)of;
    return hash_bytes(&key, &value, sizeof value);
}
static const struct hash_owner plain = { .hash = hash_of_value };

static uint64_t hash_at_end(const void *of, uint32_t value)
{
    (void)of, (void)value;
    return UINT64_MAX;
}
static const struct hash_owner crowded = { .hash = hash_at_end };

static bool is_found(const struct hash_index *x, uint64_t hash, uint32_t value)
{
    struct hash_probe p = hash_probe(x, hash);
    unsigned times = 0;
    for (uint32_t v; (v = hash_probe_next(&p));)
        times += v == value;
    CU_ASSERT_FATAL(times <= 1);
    return times;
}

static void check_all(const struct model *m)
{
    for (uint32_t v = 1; v <= KEYS; v++)
        if (is_found(&m->index, m->hash[v], v * m->step) != m->present[v])
            CU_FAIL_FATAL("the index and the reference disagree");
}

/* hashes: how many different ones there are; few of them make long runs of equal cells. */
static void run_against_reference(uint32_t hashes, uint32_t value_step, unsigned steps)
{
    static struct model m;
    struct random random = random_new("hash");
    const struct hash_owner owner = owner_of(&m);
    memset(&m, 0, sizeof m);
    m.step = value_step;
    for (uint32_t v = 1; v <= KEYS; v++)
        m.hash[v] = hashes ? (uint64_t)(0xfffffff0u + random_below(&random, hashes)) << 32
                           : random_next(&random);
    for (unsigned step = 0; step < steps; step++) {
        /* waves: mostly insertions, then mostly removals */
        bool grow = step / (KEYS * 2) % 2 == 0 ? random_below(&random, 4) : !random_below(&random, 4);
        uint32_t v = 1 + random_below(&random, KEYS);
        if (grow && !m.present[v])
            CU_ASSERT_FATAL(hash_insert(&m.index, &owner, m.hash[v], v * value_step));
        if (!grow && m.present[v])
            hash_remove(&m.index, &owner, m.hash[v], v * value_step);
        m.present[v] = grow;
        if (step % 997 == 0)
            check_all(&m);
    }
    check_all(&m);
    hash_fini(&m.index);
}

static void test_random_insertions_and_removals_agree_with_a_reference(void)
{
    run_against_reference(0, 1, 30000);
}

static void test_large_values_leave_a_cell_less_and_less_of_its_hash(void)
{
    run_against_reference(0, HASH_VALUE_MAX / KEYS / 16, 10000); /* the largest have 25 bits, */
    run_against_reference(0, HASH_VALUE_MAX / KEYS / 4, 10000);  /* 27, */
    run_against_reference(0, HASH_VALUE_MAX / KEYS, 10000);      /* 29, which leave one of the hash */
}

static void test_values_that_share_a_hash_are_told_apart(void)
{
    run_against_reference(25, 1, 6000);
}

static void test_what_the_last_bucket_displaces_beyond_the_end_is_found_and_comes_back(void)
{
    enum { MANY = 40 * HASH_BUCKET };
    struct hash_index x = { 0 };
    for (uint32_t v = 1; v <= MANY; v++)
        CU_ASSERT_FATAL(hash_insert(&x, &crowded, UINT64_MAX, v));
    for (uint32_t v = 1; v <= MANY; v += 2) {
        hash_remove(&x, &crowded, UINT64_MAX, v);
        CU_ASSERT_FATAL(!is_found(&x, UINT64_MAX, v) && is_found(&x, UINT64_MAX, MANY));
    }
    for (uint32_t v = 1; v <= MANY; v++)
        CU_ASSERT_EQUAL(is_found(&x, UINT64_MAX, v), v % 2 == 0);
    hash_fini(&x);
}

static void test_an_empty_index_finds_nothing(void)
{
    struct hash_index x = { 0 };
    CU_ASSERT_FALSE(is_found(&x, 0, 1));
    CU_ASSERT_EQUAL(hash_memory(&x), 0);
    hash_prefetch(&x, 7);
    hash_fini(&x);
}

static void test_no_insertion_moves_more_than_a_few_buckets(void)
{
    struct hash_index x = { 0 };
    uint32_t before = 0, most = 0;
    for (uint32_t v = 1; v <= 200000; v++) {
        bool grew_before = x.old.cells != NULL;
        before = x.moved;
        CU_ASSERT_FATAL(hash_insert(&x, &plain, hash_of_value(NULL, v), v));
        if (grew_before && x.old.cells && x.moved - before > most)
            most = x.moved - before;
    }
    CU_ASSERT(most >= 1 && most < 64); /* a cluster */
    CU_ASSERT(hash_memory(&x) < 200000 * 4 * 4);
    hash_fini(&x);
}

static uint64_t count_and_hash(const void *of, uint32_t value)
{
    uint32_t *const *times = of;
    ++**times;
    return hash_of_value(NULL, value);
}

static void test_hardly_anybody_is_asked_for_hashes_while_a_table_grows_and_shrinks(void)
{
    enum { MANY = 300000 };
    uint32_t asked = 0, *times = &asked;
    const struct hash_owner owner = { .of = &times, .hash = count_and_hash };
    struct hash_index x = { 0 };
    for (uint32_t v = 1; v <= MANY; v++)
        CU_ASSERT_FATAL(hash_insert(&x, &owner, hash_of_value(NULL, v), v));
    for (uint32_t v = 1; v <= MANY; v += 2)
        hash_remove(&x, &owner, hash_of_value(NULL, v), v);
    for (uint32_t v = 1; v <= MANY; v++)
        CU_ASSERT_EQUAL_FATAL(is_found(&x, hash_of_value(NULL, v), v), v % 2 == 0);
    CU_ASSERT(asked < MANY / 64);
    hash_fini(&x);
}

static void test_cells_of_removed_values_are_used_again(void)
{
    struct hash_index x = { 0 };
    size_t bytes = 0;
    for (uint32_t v = 1; v <= 100000; v++) {
        CU_ASSERT_FATAL(hash_insert(&x, &plain, hash_of_value(NULL, v), v));
        if (v > 1000)
            hash_remove(&x, &plain, hash_of_value(NULL, v - 1000), v - 1000);
        if (v == 10000)
            bytes = hash_memory(&x);
    }
    CU_ASSERT_EQUAL(hash_memory(&x), bytes);
    for (uint32_t v = 1; v <= 100000; v++)
        CU_ASSERT_EQUAL_FATAL(is_found(&x, hash_of_value(NULL, v), v), v > 99000);
    hash_fini(&x);
}

static void test_values_of_any_size_are_kept_whole(void)
{
    struct hash_index x = { 0 };
    static const uint32_t values[] = { 1, 63, 64, 65, 5000, 1 << 20, HASH_VALUE_MAX, 2, 7 };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        CU_ASSERT_FATAL(hash_insert(&x, &plain, hash_of_value(NULL, values[i]), values[i]));
        for (size_t j = 0; j < sizeof values / sizeof *values; j++)
            CU_ASSERT_EQUAL(is_found(&x, hash_of_value(NULL, values[j]), values[j]), j <= i);
    }
    hash_remove(&x, &plain, hash_of_value(NULL, HASH_VALUE_MAX), HASH_VALUE_MAX);
    CU_ASSERT_FALSE(is_found(&x, hash_of_value(NULL, HASH_VALUE_MAX), HASH_VALUE_MAX));
    CU_ASSERT_FALSE(hash_insert(&x, &plain, 0, HASH_VALUE_MAX + 1));
    hash_fini(&x);
}

static void test_hardly_any_value_of_another_hash_is_offered(void)
{
    enum { MANY = 50000 };
    struct hash_index x = { 0 };
    uint32_t wrong = 0;
    for (uint32_t v = 1; v <= MANY; v++)
        CU_ASSERT_FATAL(hash_insert(&x, &plain, hash_of_value(NULL, v), v));
    for (uint32_t v = MANY + 1; v <= 2 * MANY; v++) {
        struct hash_probe p = hash_probe(&x, hash_of_value(NULL, v));
        while (hash_probe_next(&p))
            wrong++;
    }
    CU_ASSERT(wrong < MANY / 100);
    hash_fini(&x);
}

static void test_an_insertion_without_memory_changes_nothing(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct hash_index x = { 0 };
        uint32_t lost = 0;
        alloc_fail_at(nth);
        for (uint32_t v = 1; v <= 500 && !lost; v++)
            if (!hash_insert(&x, &plain, hash_of_value(NULL, v), v))
                lost = v;
        failed = alloc_end();
        CU_ASSERT_EQUAL(failed, lost != 0);
        for (uint32_t v = 1; v <= 500; v++)
            CU_ASSERT_EQUAL(is_found(&x, hash_of_value(NULL, v), v), !lost || v < lost);
        if (lost)
            CU_ASSERT(hash_insert(&x, &plain, hash_of_value(NULL, lost), lost));
        hash_fini(&x);
    }
}

static void test_every_byte_and_the_length_count_in_a_hash(void)
{
    uint8_t data[70] = { 0 };
    const struct hash_key key = { 1, 2 }, other = { 1, 3 };
    for (size_t len = 0; len <= sizeof data; len++) {
        uint64_t hash = hash_bytes(&key, data, len);
        CU_ASSERT_NOT_EQUAL(hash, hash_bytes(&other, data, len));
        if (len)
            CU_ASSERT_NOT_EQUAL(hash, hash_bytes(&key, data, len - 1));
        for (size_t i = 0; i < len; i++) {
            data[i] = 0x80;
            CU_ASSERT_NOT_EQUAL(hash, hash_bytes(&key, data, len));
            data[i] = 0;
        }
    }
}

static void test_hashes_do_not_depend_on_where_the_bytes_lie(void)
{
    uint8_t bytes[80];
    const struct hash_key key = { 5, 6 };
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t shift = 1; shift < 8; shift++) {
        uint8_t moved[80];
        memcpy(moved + shift, bytes, 60);
        CU_ASSERT_EQUAL(hash_bytes(&key, bytes, 60), hash_bytes(&key, moved + shift, 60));
    }
}

CU_MAIN("hash", CU_CASE(test_random_insertions_and_removals_agree_with_a_reference),
        CU_CASE(test_large_values_leave_a_cell_less_and_less_of_its_hash),
        CU_CASE(test_values_that_share_a_hash_are_told_apart),
        CU_CASE(test_what_the_last_bucket_displaces_beyond_the_end_is_found_and_comes_back),
        CU_CASE(test_an_empty_index_finds_nothing),
        CU_CASE(test_no_insertion_moves_more_than_a_few_buckets),
        CU_CASE(test_hardly_anybody_is_asked_for_hashes_while_a_table_grows_and_shrinks),
        CU_CASE(test_cells_of_removed_values_are_used_again),
        CU_CASE(test_values_of_any_size_are_kept_whole),
        CU_CASE(test_hardly_any_value_of_another_hash_is_offered),
        CU_CASE(test_an_insertion_without_memory_changes_nothing),
        CU_CASE(test_every_byte_and_the_length_count_in_a_hash),
        CU_CASE(test_hashes_do_not_depend_on_where_the_bytes_lie))
