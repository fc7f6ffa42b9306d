#include "replication/digest.h"

#include <string.h>

#include "tests/lib/cu.h"

enum { ROUTES = 200 };

static const uint8_t key_a[16] = { 1 }, key_b[16] = { 2 };
static enum repl_digest_form form; /* that is under test */

#define OF_EACH_FORM(test)                                                                         \
    static void test##_of_each_form(void)                                                          \
    {                                                                                              \
        for (form = 0; form < REPL_DIGEST_FORMS; form++)                                           \
            test();                                                                                \
    }

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

static void test_an_empty_table_has_the_sum_zero(void)
{
    static const uint8_t zero[REPL_DIGEST];
    struct repl_digest d;
    uint8_t out[REPL_DIGEST];
    repl_digest_init(&d, REPL_DIGEST_SUM, key_a);
    repl_digest_write(&d, out);
    CU_ASSERT_EQUAL(memcmp(out, zero, sizeof out), 0);
}

/* Under the same key. */
static void test_a_digest_begins_again(void)
{
    static struct route routes[ROUTES];
    struct repl_digest again, scratch;
    make_routes(routes);
    repl_digest_init(&again, form, key_a);
    repl_digest_init(&scratch, form, key_a);
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
    repl_digest_init(&a, form, key_a);
    repl_digest_init(&b, form, key_a);
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
    repl_digest_init(&moved, form, key_a);
    repl_digest_init(&scratch, form, key_a);
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
    repl_digest_init(&changed, form, key_a);
    repl_digest_init(&scratch, form, key_a);
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
    repl_digest_init(&base, form, key_a);
    repl_digest_add(&base, &routes[1].prefix, &routes[1].set);
    struct route changed[4] = { routes[1], routes[1], routes[1], routes[1] };
    changed[0].prefix.bytes[2] ^= 1;
    changed[1].prefix.len = 25;
    changed[2].prefix.family = BGP_IP6;
    changed[3].hops[1].bytes[3] ^= 1;
    for (int i = 0; i < 4; i++) {
        changed[i].set.members = changed[i].hops;
        repl_digest_init(&other, form, key_a);
        repl_digest_add(&other, &changed[i].prefix, &changed[i].set);
        CU_ASSERT_FALSE(is_equal(&base, &other));
    }
    changed[3].set.count = 1;
    repl_digest_init(&other, form, key_a);
    repl_digest_add(&other, &changed[3].prefix, &changed[3].set);
    CU_ASSERT_FALSE(is_equal(&base, &other));
}

static void test_a_route_without_next_hops_is_no_route(void)
{
    static const struct nhset none = { 0 };
    struct ip_prefix p = { .len = 8, .bytes = { 10 } };
    struct repl_digest d, empty;
    repl_digest_init(&d, form, key_a);
    repl_digest_init(&empty, form, key_a);
    repl_digest_add(&d, &p, &none);
    repl_digest_change(&d, &p, &none, &nhset_empty);
    CU_ASSERT_TRUE(is_equal(&d, &empty));
}

static void test_another_key_gives_another_digest(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, form, key_a);
    repl_digest_init(&b, form, key_b);
    repl_digest_add(&a, &routes[0].prefix, &routes[0].set);
    repl_digest_add(&b, &routes[0].prefix, &routes[0].set);
    CU_ASSERT_FALSE(is_equal(&a, &b));
}

static void test_one_changed_route_shows_in_its_bucket_only(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, form, key_a);
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

/* FNV-1a of family, length and the octets that the length has: other nodes have to find the same. */
static unsigned bucket_by_the_book(const struct ip_prefix *p)
{
    const uint8_t *octets = &p->family;
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < 2 + ip_prefix_bytes(p->len); i++)
        h = (h ^ octets[i]) * 16777619u;
    return (h ^ h >> 15) % REPL_BUCKETS;
}

static void test_buckets_are_those_that_stand_on_the_wire(void)
{
    static const unsigned longest[BGP_FAMILIES] = { [BGP_IP4] = 32, [BGP_IP6] = 128 };
    for (uint8_t family = 0; family < BGP_FAMILIES; family++)
        for (uint8_t len = 0; len <= longest[family]; len++)
            for (uint8_t last = 0; last < 4; last++) {
                struct ip_prefix p = { .family = family, .len = len };
                for (unsigned i = 0; i < ip_prefix_bytes(len); i++)
                    p.bytes[i] = (uint8_t)(0xc5 + 37 * i + last);
                CU_ASSERT_EQUAL(repl_digest_bucket(&p), bucket_by_the_book(&p));
            }
}

/* Neither form is a sum of something of the prefix and something of its next hops. */
static void test_two_routes_with_each_others_next_hops_are_another_table(void)
{
    static struct route routes[ROUTES];
    struct repl_digest a, b;
    make_routes(routes);
    repl_digest_init(&a, form, key_a);
    repl_digest_init(&b, form, key_a);
    for (int i = 0; i < 2; i++) {
        repl_digest_add(&a, &routes[i].prefix, &routes[i].set);
        repl_digest_add(&b, &routes[i].prefix, &routes[1 - i].set);
    }
    CU_ASSERT_FALSE(is_equal(&a, &b));
}

enum { MIXED = 5 };

/* Of both families, by one next hop and by several of both. */
static void make_mixed(struct route routes[static MIXED])
{
    static const struct ip_addr hops[] = {
        { .family = BGP_IP4, .bytes = { 10, 0, 0, 1 } },
        { .family = BGP_IP4, .bytes = { 192, 0, 2, 255 } },
        { .family = BGP_IP6, .bytes = { 0xfe, 0x80, [15] = 1 } },
        { .family = BGP_IP6, .bytes = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff } },
    };
    static const struct ip_prefix wide = { .family = BGP_IP6, .len = 128, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 0x77 } };
    static const struct ip_prefix narrow = { .len = 32, .bytes = { 255, 255, 255, 255 } };
    static const struct { const struct ip_prefix *prefix; unsigned first, count; } shapes[MIXED] = {
        { &narrow, 0, 1 }, { &narrow, 3, 1 }, { &wide, 0, 1 }, { &wide, 1, 2 }, { &wide, 2, 2 },
    };
    for (int i = 0; i < MIXED; i++) {
        routes[i] = (struct route){ .prefix = *shapes[i].prefix, .set = { .count = shapes[i].count } };
        memcpy(routes[i].hops, &hops[shapes[i].first], shapes[i].count * sizeof *hops);
        routes[i].set.members = routes[i].hops;
    }
}

/* Worked out by another program: other nodes have to find the same. */
static void test_digests_are_those_that_stand_on_the_wire(void)
{
    static const uint8_t wanted[REPL_DIGEST_FORMS][REPL_DIGEST] = {
        [REPL_DIGEST_SUM] = { 0x5d, 0xc0, 0xbf, 0x58, 0x60, 0xf2, 0xd3, 0x86, 0xa5, 0xd4, 0xd4, 0xd0, 0xde, 0x3d, 0x28, 0xab },
        [REPL_DIGEST_PRODUCT] = { 0xde, 0x01, 0x40, 0xf0, 0xd5, 0xce, 0x87, 0xa0, 0x2f, 0xbc, 0x6b, 0xd4, 0x4d, 0x6f, 0xc1, 0x93 },
    };
    static struct route routes[ROUTES];
    struct route mixed[MIXED];
    uint8_t out[REPL_DIGEST];
    struct repl_digest d;
    make_routes(routes);
    make_mixed(mixed);
    repl_digest_init(&d, form, key_a);
    for (int i = 0; i < MIXED; i++)
        repl_digest_add(&d, &mixed[i].prefix, &mixed[i].set);
    for (int i = 0; i < ROUTES; i++)
        repl_digest_add(&d, &routes[i].prefix, &routes[i].set);
    for (int i = 0; i < ROUTES / 2; i++)
        repl_digest_change(&d, &routes[i].prefix, &routes[i].set, &nhset_empty);
    repl_digest_write(&d, out);
    CU_ASSERT_EQUAL(memcmp(out, wanted[form], sizeof out), 0);
}

static void test_a_digest_may_be_settled_at_any_time(void)
{
    static struct route routes[ROUTES];
    struct repl_digest settled, plain;
    make_routes(routes);
    repl_digest_init(&settled, form, key_a);
    repl_digest_init(&plain, form, key_a);
    for (int i = 0; i < ROUTES; i++) {
        repl_digest_add(&settled, &routes[i].prefix, &routes[i].set);
        repl_digest_add(&plain, &routes[i].prefix, &routes[i].set);
        if (i % 3 == 0)
            repl_digest_settle(&settled);
        if (i % 2)
            continue;
        repl_digest_change(&settled, &routes[i].prefix, &routes[i].set, &nhset_empty);
        repl_digest_change(&plain, &routes[i].prefix, &routes[i].set, &nhset_empty);
    }
    CU_ASSERT_TRUE(is_equal(&settled, &plain));
    repl_digest_settle(&settled);
    CU_ASSERT_TRUE(is_equal(&settled, &plain));
}

/* Each octet of each address, of either family, at each place. */
static void test_every_octet_counts(void)
{
    struct route mixed[MIXED];
    make_mixed(mixed);
    for (int i = 0; i < MIXED; i++) {
        uint8_t *octets[] = { mixed[i].prefix.bytes, mixed[i].hops[0].bytes, mixed[i].hops[1].bytes };
        uint8_t families[] = { mixed[i].prefix.family, mixed[i].hops[0].family, mixed[i].hops[1].family };
        struct repl_digest base, other;
        repl_digest_init(&base, form, key_a);
        repl_digest_add(&base, &mixed[i].prefix, &mixed[i].set);
        for (unsigned address = 0; address < 1 + mixed[i].set.count; address++)
            for (unsigned octet = 0; octet < ip_addr_len(families[address]); octet++) {
                octets[address][octet] ^= 0x80;
                repl_digest_init(&other, form, key_a);
                repl_digest_add(&other, &mixed[i].prefix, &mixed[i].set);
                CU_ASSERT_FALSE(is_equal(&base, &other));
                octets[address][octet] ^= 0x80;
            }
    }
}

OF_EACH_FORM(test_a_digest_begins_again)
OF_EACH_FORM(test_the_order_of_changes_does_not_matter)
OF_EACH_FORM(test_taking_away_undoes_adding)
OF_EACH_FORM(test_another_set_is_the_old_one_taken_away_and_the_new_one_added)
OF_EACH_FORM(test_every_part_of_a_route_counts)
OF_EACH_FORM(test_a_route_without_next_hops_is_no_route)
OF_EACH_FORM(test_another_key_gives_another_digest)
OF_EACH_FORM(test_one_changed_route_shows_in_its_bucket_only)
OF_EACH_FORM(test_two_routes_with_each_others_next_hops_are_another_table)
OF_EACH_FORM(test_digests_are_those_that_stand_on_the_wire)
OF_EACH_FORM(test_a_digest_may_be_settled_at_any_time)
OF_EACH_FORM(test_every_octet_counts)

CU_MAIN("digest", CU_CASE(test_an_empty_table_has_the_sum_zero), CU_CASE(test_prefixes_spread_over_all_buckets),
        CU_CASE(test_buckets_are_those_that_stand_on_the_wire),
        CU_CASE(test_a_digest_begins_again_of_each_form),
        CU_CASE(test_the_order_of_changes_does_not_matter_of_each_form),
        CU_CASE(test_taking_away_undoes_adding_of_each_form),
        CU_CASE(test_another_set_is_the_old_one_taken_away_and_the_new_one_added_of_each_form),
        CU_CASE(test_every_part_of_a_route_counts_of_each_form),
        CU_CASE(test_a_route_without_next_hops_is_no_route_of_each_form),
        CU_CASE(test_another_key_gives_another_digest_of_each_form),
        CU_CASE(test_one_changed_route_shows_in_its_bucket_only_of_each_form),
        CU_CASE(test_two_routes_with_each_others_next_hops_are_another_table_of_each_form),
        CU_CASE(test_digests_are_those_that_stand_on_the_wire_of_each_form),
        CU_CASE(test_a_digest_may_be_settled_at_any_time_of_each_form),
        CU_CASE(test_every_octet_counts_of_each_form))
