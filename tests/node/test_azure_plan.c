/* What fits, what stays when not all fits, what may be summarised; then random tables, where a packet's
 * next hops must not change by a summary. */
#include "node/targets/azure_plan.h"
#include "tests/node/azure.h"
#include "tests/lib/cu.h"

#include <stdlib.h>

enum { WISHES = 512 };

struct bench {
    struct nhset_table sets;
    struct azure_table table;
    struct azure_wish wishes[WISHES];
    size_t count;
    struct azure_plan plan;
};

static struct bench *bench(const char *table)
{
    struct bench *b = calloc(1, sizeof *b);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    nhset_table_init(&b->sets, (struct hash_key){ 1, 2 });
    b->table.sets = &b->sets;
    CU_ASSERT_TRUE_FATAL(az_read(&b->table, table));
    return b;
}

static void wish(struct bench *b, const char *prefix, const char *hops)
{
    b->wishes[b->count++] = (struct azure_wish){ .prefix = az_prefix(prefix),
                                                 .nhset = hops ? az_set(&b->sets, hops) : 0,
                                                 .nva = "fw-1" };
}

static void plan(struct bench *b, uint32_t limit, bool summarise)
{
    azure_plan_fini(&b->plan);
    azure_plan_make(&b->plan, b->wishes, b->count, &b->table, limit, summarise);
}

static void end(struct bench *b)
{
    for (size_t i = 0; i < b->count; i++)
        nhset_unref(&b->sets, b->wishes[i].nhset);
    azure_plan_fini(&b->plan);
    azure_table_fini(&b->table);
    CU_ASSERT_EQUAL(b->sets.sets.count, 0);
    nhset_table_fini(&b->sets);
    free(b);
}

/* "10.0.0.0/8 10.9.0.0/16" */
static bool planned(const struct bench *b, const char *wanted)
{
    char seen[4096] = "", text[IP_PREFIX_TEXT];
    for (size_t i = 0; i < b->plan.count; i++)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s", i ? " " : "",
                 ip_prefix_format(&b->plan.routes[i].prefix, text));
    if (strcmp(seen, wanted) != 0)
        fprintf(stderr, "planned %s\n", seen);
    return strcmp(seen, wanted) == 0;
}

static enum azure_fate fate_of(const struct bench *b, const char *prefix)
{
    struct ip_prefix p = az_prefix(prefix);
    for (size_t i = 0; i < b->count; i++)
        if (ip_prefix_is_equal(&b->wishes[i].prefix, &p))
            return b->wishes[i].fate;
    return AZURE_FATES;
}

static const char *const empty = AZ_TABLE("Succeeded", "{}", "");

static void test_all_that_fits_is_planned_and_named(void)
{
    struct bench *b = bench(AZ_TABLE("Succeeded", "{}", AZ_FOREIGN));
    wish(b, "10.9.0.0/16", "10.1.2.4");
    wish(b, "10.8.0.0/16", "10.1.2.4 10.1.2.5");
    plan(b, 400, false);
    CU_ASSERT_TRUE(planned(b, "10.8.0.0/16 10.9.0.0/16"));
    CU_ASSERT_EQUAL(strncmp(b->plan.routes[0].name, "tandem-fw-1-", 12), 0);
    CU_ASSERT_EQUAL(strlen(b->plan.routes[0].name), 20);
    CU_ASSERT_STRING_NOT_EQUAL(b->plan.routes[0].name, b->plan.routes[1].name);
    end(b);
}

static void test_a_prefix_of_others_is_left_to_them(void)
{
    struct bench *b = bench(AZ_TABLE("Succeeded", "{}", AZ_FOREIGN));
    wish(b, "0.0.0.0/0", "10.1.2.4");
    wish(b, "10.9.0.0/16", NULL);
    plan(b, 400, false);
    CU_ASSERT_EQUAL(b->plan.count, 0);
    CU_ASSERT_EQUAL(fate_of(b, "0.0.0.0/0"), AZURE_CONFLICT);
    CU_ASSERT_EQUAL(fate_of(b, "10.9.0.0/16"), AZURE_NO_HOP);
    end(b);
}

static void test_when_not_all_fit_shorter_prefixes_stay_whatever_the_order(void)
{
    static const char *const prefixes[] = { "10.3.0.0/16", "10.0.0.0/8", "10.2.0.0/16",
                                            "10.1.0.0/24", "192.0.2.0/24" };
    for (size_t turn = 0; turn < 5; turn++) {
        struct bench *b = bench(AZ_TABLE("Succeeded", "{}", AZ_FOREIGN));
        for (size_t i = 0; i < 5; i++)
            wish(b, prefixes[(i + turn) % 5], "10.1.2.4");
        plan(b, 4, false); /* one place is the foreign route's */
        CU_ASSERT_TRUE(planned(b, "10.0.0.0/8 10.2.0.0/16 10.3.0.0/16"));
        CU_ASSERT_EQUAL(b->plan.fates[AZURE_TOO_MANY], 2);
        CU_ASSERT_EQUAL(fate_of(b, "192.0.2.0/24"), AZURE_TOO_MANY);
        plan(b, 1, false);
        CU_ASSERT_EQUAL(b->plan.count, 0);
        end(b);
    }
}

static void test_a_name_is_kept_while_nobody_knows_whose_the_route_is(void)
{
    struct bench *b =
        bench(AZ_TABLE("Succeeded", "{}", AZ_OURS("sdwan", "0000beef", "10.9.0.0/16", "10.1.2.4")));
    wish(b, "10.9.0.0/16", "10.1.2.4");
    b->wishes[0].nva = NULL;
    plan(b, 400, false);
    CU_ASSERT_STRING_EQUAL(b->plan.routes[0].name, "tandem-sdwan-0000beef");
    CU_ASSERT_TRUE(azure_plan_is_done(&b->plan, &b->table));
    end(b);
}

static void test_a_name_of_the_longest_nva_is_no_longer_than_a_route_may_have(void)
{
    char nva[64];
    struct bench *b = bench(empty);
    memset(nva, 'n', 63);
    nva[63] = 0;
    wish(b, "10.9.0.0/16", "10.1.2.4");
    b->wishes[0].nva = nva;
    plan(b, 400, false);
    CU_ASSERT_EQUAL(strlen(b->plan.routes[0].name), 79);
    end(b);
}

static void test_a_table_with_room_is_not_summarised(void)
{
    struct bench *b = bench(empty);
    wish(b, "10.0.0.0/9", "10.1.2.4");
    wish(b, "10.128.0.0/9", "10.1.2.4");
    plan(b, 10, true);
    CU_ASSERT_EQUAL(b->plan.count, 2);
    end(b);
}

static void test_halves_with_the_same_next_hops_become_one(void)
{
    struct bench *b = bench(empty);
    wish(b, "10.0.0.0/10", "10.1.2.4");
    wish(b, "10.64.0.0/10", "10.1.2.4");
    wish(b, "10.128.0.0/10", "10.1.2.4");
    wish(b, "10.192.0.0/10", "10.1.2.5");
    wish(b, "11.0.0.0/8", "10.1.2.5");
    plan(b, 4, true);
    CU_ASSERT_TRUE(planned(b, "11.0.0.0/8 10.0.0.0/9 10.128.0.0/10 10.192.0.0/10"));
    CU_ASSERT_EQUAL(b->plan.fates[AZURE_FITS], 5);
    end(b);
}

static void test_summaries_go_on_as_far_as_needed_longest_first(void)
{
    struct bench *b = bench(empty);
    for (int i = 0; i < 16; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.%d.0/24", i);
        wish(b, text, "10.1.2.4");
    }
    plan(b, 10, true);
    CU_ASSERT_EQUAL(b->plan.count, 9);
    plan(b, 2, true);
    CU_ASSERT_TRUE(planned(b, "10.0.0.0/20"));
    end(b);
}

static void test_a_prefix_under_one_with_the_same_next_hops_is_left_to_it(void)
{
    struct bench *b = bench(empty);
    wish(b, "10.0.0.0/8", "10.1.2.4");
    wish(b, "10.1.0.0/16", "10.1.2.4");
    wish(b, "10.2.0.0/16", "10.1.2.5");
    wish(b, "10.2.3.0/24", "10.1.2.4"); /* the /16 in between would answer otherwise */
    plan(b, 3, true);
    CU_ASSERT_TRUE(planned(b, "10.0.0.0/8 10.2.0.0/16 10.2.3.0/24"));
    CU_ASSERT_EQUAL(fate_of(b, "10.1.0.0/16"), AZURE_FITS);
    end(b);
}

static void test_no_summary_covers_a_route_of_others(void)
{
    static const char *const foreign =
        "{\"name\":\"theirs\",\"properties\":{\"addressPrefix\":\"10.0.0.0/9\",\"nextHopType\":"
        "\"None\"}},{\"name\":\"too\",\"properties\":{\"addressPrefix\":\"10.128.0.0/9\","
        "\"nextHopType\":\"None\"}}";
    char text[1024];
    snprintf(text, sizeof text, AZ_TABLE("Succeeded", "{}", "%s"), foreign);
    struct bench *b = bench(text);
    wish(b, "10.0.0.0/8", "10.1.2.4");
    wish(b, "10.1.0.0/16", "10.1.2.4"); /* under theirs */
    wish(b, "10.128.0.0/10", "10.1.2.4");
    wish(b, "10.192.0.0/10", "10.1.2.4"); /* their whole is in the way */
    plan(b, 6, true);
    CU_ASSERT_TRUE(planned(b, "10.0.0.0/8 10.128.0.0/10 10.192.0.0/10 10.1.0.0/16"));
    end(b);
}

/* ---- a packet's next hops ---- */

static const struct ip_prefix *longest(const struct ip_prefix *best, const struct ip_prefix *p,
                                       const struct ip_addr *a)
{
    return ip_prefix_contains_addr(p, a) && (!best || p->len > best->len) ? p : best;
}

/* The set that decides about a packet; UINT32_MAX: a foreign route does, 0: nothing. */
static uint32_t by_wishes(const struct bench *b, const struct ip_addr *a)
{
    const struct ip_prefix *best = NULL, *now;
    uint32_t set = 0;
    for (size_t i = 0; i < b->table.foreign_count; i++)
        if ((now = longest(best, &b->table.foreign[i], a)) != best)
            best = now, set = UINT32_MAX;
    for (size_t i = 0; i < b->count; i++)
        if (b->wishes[i].fate != AZURE_CONFLICT &&
            (now = longest(best, &b->wishes[i].prefix, a)) != best)
            best = now, set = b->wishes[i].nhset;
    return set;
}

static uint32_t by_plan(const struct bench *b, const struct ip_addr *a)
{
    const struct ip_prefix *best = NULL, *now;
    uint32_t set = 0;
    for (size_t i = 0; i < b->table.foreign_count; i++)
        if ((now = longest(best, &b->table.foreign[i], a)) != best)
            best = now, set = UINT32_MAX;
    for (size_t i = 0; i < b->plan.count; i++)
        if ((now = longest(best, &b->plan.routes[i].prefix, a)) != best)
            best = now, set = b->plan.routes[i].nhset;
    return set;
}

static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

static void random_text(uint64_t *seed, char *text, size_t cap)
{
    unsigned len = 18 + chance(seed, 7), bits = chance(seed, 256) << 16 >> 8;
    bits &= ~0u << (32 - len);
    snprintf(text, cap, "10.0.%u.%u/%u", bits >> 8 & 255, bits & 255, len);
}

static void random_bench(uint64_t *seed, struct bench **out)
{
    char foreign[2048] = "", text[4096], prefix[32];
    unsigned theirs = chance(seed, 4);
    for (unsigned i = 0; i < theirs; i++) {
        random_text(seed, prefix, sizeof prefix);
        snprintf(foreign + strlen(foreign), sizeof foreign - strlen(foreign),
                 "%s{\"name\":\"theirs-%u\",\"properties\":{\"addressPrefix\":\"%s\"}}", i ? "," : "", i,
                 prefix);
    }
    snprintf(text, sizeof text, AZ_TABLE("Succeeded", "{}", "%s"), foreign);
    struct bench *b = *out = bench(text);
    unsigned count = 1 + chance(seed, 120);
    while (count--) {
        static const char *const hops[] = { "10.1.2.4", "10.1.2.5", "10.1.2.4 10.1.2.5" };
        random_text(seed, prefix, sizeof prefix);
        if (fate_of(b, prefix) == AZURE_FATES)
            wish(b, prefix, hops[chance(seed, 10) < 8 ? 0 : chance(seed, 3)]);
    }
}

static void test_no_summary_changes_where_a_packet_goes(void)
{
    unsigned summarised = 0, wrong = 0, fits = 0;
    for (uint64_t round = 1; round <= 400; round++) {
        struct bench *b;
        uint64_t seed = round;
        random_bench(&seed, &b);
        plan(b, 400, false);
        size_t plain = b->plan.count;
        plan(b, (uint32_t)(plain + b->table.others), true);
        summarised += b->plan.count < plain;
        fits += b->plan.fates[AZURE_TOO_MANY] == 0;
        for (unsigned i = 0; i < 512; i++) {
            struct ip_addr a = { .bytes = { 10, 0, (uint8_t)(i / 2), (uint8_t)(i % 2 * 200) } };
            wrong += by_wishes(b, &a) != by_plan(b, &a);
        }
        end(b);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(fits, 400);
    CU_ASSERT_TRUE(summarised > 200);
}

CU_MAIN("azure_plan", CU_CASE(test_all_that_fits_is_planned_and_named),
        CU_CASE(test_a_prefix_of_others_is_left_to_them),
        CU_CASE(test_when_not_all_fit_shorter_prefixes_stay_whatever_the_order),
        CU_CASE(test_a_name_is_kept_while_nobody_knows_whose_the_route_is),
        CU_CASE(test_a_name_of_the_longest_nva_is_no_longer_than_a_route_may_have),
        CU_CASE(test_a_table_with_room_is_not_summarised),
        CU_CASE(test_halves_with_the_same_next_hops_become_one),
        CU_CASE(test_summaries_go_on_as_far_as_needed_longest_first),
        CU_CASE(test_a_prefix_under_one_with_the_same_next_hops_is_left_to_it),
        CU_CASE(test_no_summary_covers_a_route_of_others),
        CU_CASE(test_no_summary_changes_where_a_packet_goes))
