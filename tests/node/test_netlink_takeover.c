/* The only next hop of very many routes is gone: their object goes over to their heir, and what was foreseen and did
 * not come about is put right. */
#include "tests/node/netlink_life.h"

enum { MANY = 4096, FIRST = 300 };

/* What is foreseen for each route, by its number: sets with references. */
struct seer {
    struct life life;
    uint32_t sets[MANY];
    bool is_bereft;
    enum bgp_family family;
};

static void name_of(const struct seer *s, unsigned i, char text[static 40])
{
    snprintf(text, 40, s->family == BGP_IP6 ? "fd77:%x::/48" : "20.%u.%u.0/24",
             s->family == BGP_IP6 ? i : i >> 8, i & 255);
}

/* Prefixes get their places in the order in which they are wanted first. */
static uint32_t foresee(void *data, uint32_t prefix, bool *is_bereft)
{
    struct seer *s = data;
    uint32_t i = prefix_index_place(prefix) - 1;
    *is_bereft = s->is_bereft;
    if (i >= MANY)
        return 0;
    nhset_ref(&s->life.sets, s->sets[i]);
    return s->sets[i];
}

static void foretell(struct seer *s, unsigned from, unsigned to, const char *hops)
{
    for (unsigned i = from; i < to; i++) {
        nhset_unref(&s->life.sets, s->sets[i]);
        s->sets[i] = set_of(&s->life, hops);
    }
}

static void want_all(struct seer *s, unsigned from, unsigned to, const char *hops)
{
    char text[40];
    for (unsigned i = from; i < to; i++) {
        name_of(s, i, text);
        want(&s->life, text, hops);
    }
}

/* Until nothing is to be done: the pace of the machine is no part of a test. */
static void work_off(struct seer *s)
{
    for (int i = 0; i < 500 && (i == 0 || program_deadline(s->life.program) == 0); i++)
        run_ms(&s->life, 5);
}

/* All will have these hops, and the first of them ask for it. */
static void pass_to(struct seer *s, const char *hops)
{
    foretell(s, 0, MANY, hops);
    want_all(s, 0, FIRST, hops);
    work_off(s);
}

static int routes_via(const struct seer *s, const char *hop)
{
    return lines_of(s->family == BGP_IP6 ? ROUTES6 : ROUTES, "via %s dev", hop);
}

/* Of the first object that was made. */
static int routes_of_object(const struct seer *s)
{
    return lines_of(s->family == BGP_IP6 ? ROUTES6 : ROUTES, "nhid %d ", ID_BASE + 1);
}

static struct seer *begin_as(enum bgp_family family, bool resilient, const char *hops)
{
    char error[NETLINK_ERROR_MAX];
    const struct netlink_cfg as = { .table = TABLE, .metric = METRIC, .protocol = PROTOCOL,
                                    .resilient_groups = resilient, .foresee = foresee };
    struct seer *s = calloc(1, sizeof *s);
    links_up();
    s->family = family;
    s->is_bereft = true;
    CU_ASSERT_EQUAL_FATAL(try_live_as(&s->life, &as, error), 0);
    program_set_heard(s->life.program, true, uv_now(&s->life.loop));
    want_all(s, 0, MANY, hops);
    work_off(s);
    return s;
}

static struct seer *begin(const char *hops)
{
    return begin_as(BGP_IP4, false, hops);
}

/* The kernel has what the program believes. */
static void finish(struct seer *s)
{
    s->life.differences = 0;
    resync(&s->life);
    work_off(s);
    CU_ASSERT_EQUAL(s->life.differences + s->life.failed + s->life.disturbed, 0);
    CU_ASSERT_EQUAL(program_stats(s->life.program)->pending, 0);
    foretell(s, 0, MANY, "");
    end(&s->life);
    free(s);
    links_down();
}

/* Waits, with a generous limit, for what the walks after a takeover find. */
static void settle(struct seer *s, const char *hop, int routes)
{
    for (int i = 0; i < 100 && routes_via(s, hop) != routes; i++)
        run_ms(&s->life, 100);
    CU_ASSERT_EQUAL(routes_via(s, hop), routes);
}

static void test_all_routes_have_the_heir_when_the_first_of_them_ask_for_it(void)
{
    static const struct {
        enum bgp_family family;
        const char *dead, *heir;
    } cases[] = { { BGP_IP4, "10.0.0.2", "10.0.1.3" }, { BGP_IP6, "fd00::2", "fd00::3" } };
    for (int i = 0; i < 2; i++) {
        struct seer *s = begin_as(cases[i].family, false, cases[i].dead);
        CU_ASSERT_EQUAL(routes_via(s, cases[i].dead), MANY);
        pass_to(s, cases[i].heir);
        CU_ASSERT_EQUAL(s->life.takeovers, 1);
        CU_ASSERT_EQUAL(routes_via(s, cases[i].heir), MANY);
        uint64_t puts = program_stats(s->life.program)->puts;
        int untouched = routes_of_object(s);
        CU_ASSERT_TRUE(untouched >= MANY - FIRST);
        want_all(s, FIRST, MANY, cases[i].heir);
        work_off(s);
        CU_ASSERT_EQUAL(routes_of_object(s), untouched);
        CU_ASSERT_EQUAL(program_stats(s->life.program)->puts - puts, MANY - FIRST);
        CU_ASSERT_EQUAL(routes_via(s, cases[i].heir), MANY);
        finish(s);
    }
}

static void test_who_has_another_heir_goes_there_and_who_has_none_stays(void)
{
    struct seer *s = begin("10.0.0.2");
    foretell(s, 0, MANY - 1000, "10.0.0.3");
    foretell(s, MANY - 1000, MANY - 500, "10.0.1.2");
    want_all(s, 0, FIRST, "10.0.0.3");
    work_off(s);
    CU_ASSERT_EQUAL(s->life.takeovers, 1);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), MANY - 1000);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.1.2"), 500);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.2"), 500);
    want_all(s, 0, MANY - 1000, "10.0.0.3");
    want_all(s, MANY - 1000, MANY - 500, "10.0.1.2");
    want_all(s, MANY - 500, MANY, "");
    work_off(s);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.1.2"), 500);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.2"), 0);
    finish(s);
}

static void test_groups_keep_a_member_whose_own_object_goes_over(void)
{
    struct seer *s = begin("10.0.0.2");
    want(&s->life, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&s->life, "192.169.0.0/16", "10.0.0.2 10.0.0.4");
    work_off(s);
    want(&s->life, "192.169.0.0/16", "10.0.0.4"); /* nobody uses that group now */
    pass_to(s, "10.0.0.3");
    CU_ASSERT_EQUAL(s->life.takeovers, 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.2"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.1.2"), 1);
    want_all(s, FIRST, MANY, "10.0.0.3");
    want(&s->life, "192.169.0.0/16", "10.0.0.2 10.0.0.4");
    work_off(s);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.2"), 2);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.4"), 1);
    finish(s);
}

static void test_a_group_goes_over_to_a_group(void)
{
    for (int resilient = 0; resilient <= 1; resilient++) {
        struct seer *s = begin_as(BGP_IP4, resilient, "10.0.0.2 10.0.0.3");
        pass_to(s, "10.0.0.3 10.0.0.4 10.0.0.5");
        CU_ASSERT_EQUAL(s->life.takeovers, 1);
        CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.5"), MANY);
        CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.2"), 0);
        want_all(s, FIRST, MANY, "10.0.0.3 10.0.0.4 10.0.0.5");
        work_off(s);
        for (int i = 0; i < 3; i++)
            resync(&s->life);
        CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "via 10.0.0.2"), 0); /* nothing names it any more */
        finish(s);
    }
}

/* No kernel makes the one of the other. */
static void test_a_group_never_becomes_a_gateway_nor_a_gateway_a_group(void)
{
    static const char *const sets[] = { "10.0.0.2 10.0.0.3", "10.0.0.4" };
    for (int i = 0; i < 2; i++) {
        struct seer *s = begin(sets[i]);
        pass_to(s, sets[1 - i]);
        CU_ASSERT_EQUAL(s->life.takeovers, 0);
        CU_ASSERT_EQUAL(routes_via(s, "10.0.0.4"), i ? MANY - FIRST : FIRST);
        want_all(s, FIRST, MANY, sets[1 - i]);
        work_off(s);
        finish(s);
    }
}

static void test_an_nva_that_is_back_has_its_routes_again(void)
{
    struct seer *s = begin("10.0.0.2");
    pass_to(s, "10.0.0.3");
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), MANY);
    foretell(s, FIRST, MANY, "10.0.0.2"); /* nothing was decided on them meanwhile: nobody wants anything else */
    settle(s, "10.0.0.2", MANY - FIRST);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), FIRST);
    CU_ASSERT_EQUAL(s->life.differences, 0); /* no dump was needed */
    finish(s);
}

static void test_an_heir_that_dies_too_has_an_heir(void)
{
    struct seer *s = begin("10.0.0.2");
    pass_to(s, "10.0.0.3");
    foretell(s, 0, MANY, "10.0.1.2");
    want_all(s, 0, MANY, "10.0.1.2");
    work_off(s);
    CU_ASSERT_EQUAL(s->life.takeovers, 2);
    settle(s, "10.0.1.2", MANY);
    finish(s);
}

static void test_routes_that_are_not_bereft_go_one_by_one(void)
{
    struct seer *s = begin("10.0.0.2");
    s->is_bereft = false;
    pass_to(s, "10.0.0.3");
    CU_ASSERT_EQUAL(s->life.takeovers, 0);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), FIRST);
    want_all(s, FIRST, MANY, "10.0.0.3");
    work_off(s);
    finish(s);
}

static void test_nothing_goes_over_where_most_have_no_heir_or_few_the_same(void)
{
    static const char *const others[] = { "", "10.0.1.2" };
    for (int i = 0; i < 2; i++) {
        struct seer *s = begin("10.0.0.2");
        foretell(s, 0, 2000, "10.0.0.3");
        foretell(s, 2000, 2000 + 1900, others[i]);
        foretell(s, 3900, MANY, "10.0.0.9");
        want_all(s, 0, FIRST, "10.0.0.3");
        work_off(s);
        CU_ASSERT_EQUAL(s->life.takeovers, 0);
        CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), FIRST);
        CU_ASSERT_EQUAL(routes_via(s, "10.0.0.2"), MANY - FIRST);
        finish(s);
    }
}

static void test_an_heir_that_is_on_no_link_keeps_nobody_from_going(void)
{
    struct seer *s = begin("10.0.0.2");
    foretell(s, 0, MANY - 500, "10.0.0.3");
    foretell(s, MANY - 500, MANY, "10.9.9.9");
    want_all(s, 0, FIRST, "10.0.0.3");
    work_off(s);
    CU_ASSERT_EQUAL(s->life.takeovers, 1);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), MANY - 500);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.2"), 500);
    foretell(s, 0, MANY - 500, "10.9.9.9"); /* nor one that all would have: they stay where they are */
    want_all(s, 0, MANY - 500, "10.9.9.9");
    for (int i = 0; i < 20; i++)
        run_ms(&s->life, 5);
    CU_ASSERT_EQUAL(routes_via(s, "10.0.0.3"), MANY - 500);
    CU_ASSERT_TRUE(s->life.failed > 0);
    want_all(s, 0, MANY - 500, "10.0.0.3");
    s->life.failed = 0;
    foretell(s, 0, MANY - 500, "10.0.0.3");
    foretell(s, MANY - 500, MANY, "10.0.0.2");
    work_off(s);
    finish(s);
}

static void test_the_heirs_objects_of_an_earlier_life_go_when_nothing_uses_them(void)
{
    struct seer *s = begin("10.0.0.2");
    pass_to(s, "10.0.0.3");
    want_all(s, FIRST, MANY, "10.0.0.3");
    work_off(s);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "via 10.0.0.3"), 2); /* for those that asked before, and for the others */
    foretell(s, 0, MANY, "");
    end(&s->life);
    live(&s->life);
    CU_ASSERT_EQUAL(program_stats(s->life.program)->inherited, MANY);
    want_all(s, 0, MANY, "10.0.0.3");
    program_converged(s->life.program, uv_now(&s->life.loop));
    work_off(s);
    CU_ASSERT_EQUAL(program_stats(s->life.program)->puts, 0);
    want_all(s, 0, MANY, "10.0.0.4");
    work_off(s);
    for (int i = 0; i < 3; i++)
        resync(&s->life);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "via 10.0.0.3"), 0);
    finish(s);
}

static const struct cu_case cases[] = {
    CU_CASE(test_all_routes_have_the_heir_when_the_first_of_them_ask_for_it),
    CU_CASE(test_who_has_another_heir_goes_there_and_who_has_none_stays),
    CU_CASE(test_groups_keep_a_member_whose_own_object_goes_over),
    CU_CASE(test_a_group_goes_over_to_a_group),
    CU_CASE(test_a_group_never_becomes_a_gateway_nor_a_gateway_a_group),
    CU_CASE(test_an_nva_that_is_back_has_its_routes_again),
    CU_CASE(test_an_heir_that_dies_too_has_an_heir),
    CU_CASE(test_routes_that_are_not_bereft_go_one_by_one),
    CU_CASE(test_nothing_goes_over_where_most_have_no_heir_or_few_the_same),
    CU_CASE(test_an_heir_that_is_on_no_link_keeps_nobody_from_going),
    CU_CASE(test_the_heirs_objects_of_an_earlier_life_go_when_nothing_uses_them),
};

int main(void)
{
    return netlink_run("netlink_takeover", cases, sizeof cases / sizeof *cases);
}
