#include "replication/digest.h"

#include <string.h>

#include "tests/lib/cu.h"

enum { ROUTES = 200 };

static const uint8_t key_a[16] = { 1 }, key_b[16] = { 2 };

struct route {
    struct ip_prefix prefix;
    struct ip_addr hops[2];
    struct nhset set;
};

static void make_routes(struct route *routes)
{
    for (int i = 0; i < ROUTES; i++) {
        struct route *r = &routes[i];
        *r = (struct route){ .prefix = { .len = 24, .bytes = { 10, (uint8_t)(i >> 8), (uint8_t)i } } };
        for (int k = 0; k < 2; k++)
            r->hops[k] = (struct ip_addr){ .bytes = { 192, 0, 2, (uint8_t)(i + k) } };
        r->set = (struct nhset){ .count = 1 + (uint32_t)i % 2, .members = r->hops };
    }
}

static bool is_equal(const struct repl_digest *a, const struct repl_digest *b)
{
    uint8_t x[REPL_DIGEST], y[REPL_DIGEST];
    repl_digest_write(a, x);
    repl_digest_write(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

static void test_an_empty_table_has_the_digest_zero(void)
{
    static const uint8_t zero[REPL_DIGEST];
    struct repl_digest d;
    uint8_t out[REPL_DIGEST];
    repl_digest_init(&d, key_a);
    repl_digest_write(&d, out);
    CU_ASSERT_EQUAL(memcmp(out, zero, sizeof out), 0);
}

/* Under the same key. */
static void test_a_digest_begins_again(void)
{
    static struct route routes[ROUTES];
    struct repl_digest again, scratch;
    make_routes(routes);
    repl_digest_init(&again, key_a);
    repl_digest_init(&scratch, key_a);
    repl_digest_add(&again, &routes[0].prefix, &routes[0].set);
    repl_digest_clear(&again);
    repl_digest_add(&again, &routes[1].prefix, &routes[1].set);
    repl_digest_add(&scratch, &routes[1].prefix, &routes[1].set);
    CU_ASSERT_TRUE(is_equal(&again, &scratch));
    CU_ASSERT_EQUAL(memcmp(again.buckets, scratch.buckets, sizeof again.buckets), 0);
}

static void test_the_order_of_changes_does_not_matter(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, key_a);
    repl_digest_init(&b, key_a);
    for (int i = 0; i < ROUTES; i++) {
        const struct route *x = &routes[i], *y = &routes[ROUTES - 1 - i];
        repl_digest_add(&a, &x->prefix, &x->set);
        repl_digest_add(&b, &y->prefix, &y->set);
    }
    CU_ASSERT_TRUE(is_equal(&a, &b));
}

/* D2: what was changed step by step equals what is computed from scratch; 200 sums carry often. */
static void test_taking_away_undoes_adding(void)
{
    static struct route routes[ROUTES];
    struct repl_digest moved, scratch;
    make_routes(routes);
    repl_digest_init(&moved, key_a);
    repl_digest_init(&scratch, key_a);
    for (int i = 0; i < ROUTES; i++)
        repl_digest_add(&moved, &routes[i].prefix, &routes[i].set);
    for (int i = 0; i < ROUTES; i++) {
        if (i % 3)
            repl_digest_change(&moved, &routes[i].prefix, &routes[i].set, &nhset_empty);
        else
            repl_digest_add(&scratch, &routes[i].prefix, &routes[i].set);
    }
    CU_ASSERT_TRUE(is_equal(&moved, &scratch));
}

static void test_another_set_is_the_old_one_taken_away_and_the_new_one_added(void)
{
    static struct route routes[ROUTES];
    struct repl_digest changed, scratch;
    make_routes(routes);
    repl_digest_init(&changed, key_a);
    repl_digest_init(&scratch, key_a);
    for (int i = 0; i < ROUTES; i++)
        repl_digest_add(&changed, &routes[i].prefix, &routes[i].set);
    for (int i = 0; i < ROUTES; i++) {
        const struct nhset *other = &routes[(i + 1) % ROUTES].set;
        repl_digest_change(&changed, &routes[i].prefix, &routes[i].set, other);
        repl_digest_add(&scratch, &routes[i].prefix, other);
    }
    CU_ASSERT_TRUE(is_equal(&changed, &scratch));
    CU_ASSERT_EQUAL(memcmp(changed.buckets, scratch.buckets, sizeof changed.buckets), 0);
}

static void test_every_part_of_a_route_counts(void)
{
    static struct route routes[ROUTES];
    struct repl_digest base, other;
    make_routes(routes);
    repl_digest_init(&base, key_a);
    repl_digest_add(&base, &routes[1].prefix, &routes[1].set);
    struct route changed[4] = { routes[1], routes[1], routes[1], routes[1] };
    changed[0].prefix.bytes[2] ^= 1;
    changed[1].prefix.len = 25;
    changed[2].prefix.family = BGP_IP6;
    changed[3].hops[1].bytes[3] ^= 1;
    for (int i = 0; i < 4; i++) {
        changed[i].set.members = changed[i].hops;
        repl_digest_init(&other, key_a);
        repl_digest_add(&other, &changed[i].prefix, &changed[i].set);
        CU_ASSERT_FALSE(is_equal(&base, &other));
    }
    changed[3].set.count = 1;
    repl_digest_init(&other, key_a);
    repl_digest_add(&other, &changed[3].prefix, &changed[3].set);
    CU_ASSERT_FALSE(is_equal(&base, &other));
}

static void test_a_route_without_next_hops_is_no_route(void)
{
    static const struct nhset none = { 0 };
    struct ip_prefix p = { .len = 8, .bytes = { 10 } };
    struct repl_digest d, empty;
    repl_digest_init(&d, key_a);
    repl_digest_init(&empty, key_a);
    repl_digest_add(&d, &p, &none);
    repl_digest_change(&d, &p, &none, &nhset_empty);
    CU_ASSERT_TRUE(is_equal(&d, &empty));
}

static void test_another_key_gives_another_digest(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, key_a);
    repl_digest_init(&b, key_b);
    repl_digest_add(&a, &routes[0].prefix, &routes[0].set);
    repl_digest_add(&b, &routes[0].prefix, &routes[0].set);
    CU_ASSERT_FALSE(is_equal(&a, &b));
}

static void test_one_changed_route_shows_in_its_bucket_only(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, key_a);
    for (int i = 0; i < ROUTES; i++)
        repl_digest_add(&a, &routes[i].prefix, &routes[i].set);
    b = a;
    struct nhset other = routes[7].set;
    other.count = 1 + other.count % 2;
    repl_digest_change(&b, &routes[7].prefix, &routes[7].set, &other);
    for (unsigned i = 0; i < REPL_BUCKETS; i++)
        CU_ASSERT_EQUAL(a.buckets[i] == b.buckets[i], i != repl_digest_bucket(&routes[7].prefix));
}

static void test_prefixes_spread_over_all_buckets(void)
{
    uint32_t counts[REPL_BUCKETS] = { 0 };
    for (uint32_t i = 0; i < 64 * 100; i++) {
        struct ip_prefix p = { .len = 24, .bytes = { 10, (uint8_t)(i >> 8), (uint8_t)i } };
        counts[repl_digest_bucket(&p)]++;
    }
    for (unsigned i = 0; i < REPL_BUCKETS; i++)
        CU_ASSERT_TRUE(counts[i] > 30 && counts[i] < 300);
}

CU_MAIN("digest", CU_CASE(test_one_changed_route_shows_in_its_bucket_only),
        CU_CASE(test_prefixes_spread_over_all_buckets),
        CU_CASE(test_an_empty_table_has_the_digest_zero), CU_CASE(test_a_digest_begins_again),
        CU_CASE(test_the_order_of_changes_does_not_matter), CU_CASE(test_taking_away_undoes_adding),
        CU_CASE(test_another_set_is_the_old_one_taken_away_and_the_new_one_added),
        CU_CASE(test_every_part_of_a_route_counts), CU_CASE(test_a_route_without_next_hops_is_no_route),
        CU_CASE(test_another_key_gives_another_digest))
