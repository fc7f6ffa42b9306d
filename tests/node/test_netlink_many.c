/* The kernel target with many routes, and with everything at the same time. Needs root and says so. */
#include "tests/node/netlink_life.h"

/* A random history against the kernel itself: wishes, dumps in slices and another process's hand at
 * the same time; at rest the kernel has exactly what is wanted. */
enum { STRESS_PREFIXES = 20000 };

static const char *const stress_hops[] = {
    "", "10.0.0.2", "10.0.1.2", "10.0.0.2 10.0.1.2", "10.0.0.3 10.0.1.2", "10.0.0.3 10.0.0.2",
};

static unsigned stress_random(unsigned *seed, unsigned limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % limit;
}

static void stress_prefix(unsigned i, char text[static 32])
{
    snprintf(text, 32, "30.%u.%u.0/24", i >> 8, i & 255);
}

static void stress_wishes(struct life *l, unsigned *seed, uint8_t *wanted)
{
    char text[32];
    for (unsigned k = stress_random(seed, 400); k; k--) {
        unsigned i = stress_random(seed, STRESS_PREFIXES);
        wanted[i] = (uint8_t)stress_random(seed, 6);
        stress_prefix(i, text);
        want(l, text, stress_hops[wanted[i]]);
    }
}

static void stress_interference(unsigned *seed)
{
    char text[32];
    stress_prefix(stress_random(seed, STRESS_PREFIXES), text);
    unsigned dice = stress_random(seed, 60);
    if (dice == 0)
        shell("ip route del %s table 100 2>/dev/null", text);
    if (dice == 1)
        shell("ip route replace %s via 10.0.0.9 proto 201 metric 20 table 100", text);
    if (dice == 2)
        shell("ip nexthop del id %u 2>/dev/null", ID_BASE + 1 + stress_random(seed, 8));
}

static void stress_turn(struct life *l, unsigned *seed)
{
    uv_update_time(&l->loop);
    if (stress_random(seed, 2))
        netlink_resync_by(l->target, uv_now(&l->loop));
    netlink_turn(l->target, uv_now(&l->loop));
}

static void stress_fill(struct life *l, uint8_t *wanted)
{
    char text[32];
    program_converged(l->program, uv_now(&l->loop));
    for (unsigned i = 0; i < STRESS_PREFIXES; i++) {
        stress_prefix(i, text);
        want(l, text, stress_hops[wanted[i] = 1]);
    }
}

/* Prefixes of which `ip route` shows this many lines with gateways, compared with what is wanted. */
static unsigned stress_differences(const uint8_t *wanted)
{
    static const unsigned gateways[] = { 0, 1, 1, 2, 2, 2 };
    static uint8_t seen[STRESS_PREFIXES];
    char line[512];
    unsigned a, b, at = 0, differences = 0;
    memset(seen, 0, sizeof seen);
    FILE *f = popen("ip route show table 100 proto 201", "r");
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "30.%u.%u.0/24", &a, &b) == 2)
            at = a << 8 | b;
        seen[at] = (uint8_t)(seen[at] + (strstr(line, " via ") != NULL));
    }
    pclose(f);
    for (unsigned i = 0; i < STRESS_PREFIXES; i++)
        differences += seen[i] != gateways[wanted[i]];
    return differences;
}

static void test_after_any_history_the_kernel_has_what_is_wanted(void)
{
    static uint8_t wanted[STRESS_PREFIXES];
    unsigned seed = 7;
    struct life l;
    links_up();
    live(&l);
    stress_fill(&l, wanted);
    for (int i = 0; i < 400; i++) {
        stress_wishes(&l, &seed, wanted);
        stress_interference(&seed);
        stress_turn(&l, &seed);
    }
    run_ms(&l, 1500); /* the first back-off of what failed for want of its object */
    resync(&l);
    run_ms(&l, 300);
    CU_ASSERT_EQUAL(stress_differences(wanted), 0);
    CU_ASSERT_EQUAL(program_stats(l.program)->pending, 0);
    CU_ASSERT_TRUE(l.differences > 0);
    end(&l);
    links_down();
}

static void test_a_dump_that_is_read_beside_operations_finds_no_difference(void)
{
    static uint8_t wanted[STRESS_PREFIXES];
    unsigned seed = 11;
    struct life l;
    struct netlink_status status;
    links_up();
    live(&l);
    stress_fill(&l, wanted);
    netlink_status(l.target, &status);
    for (int i = 0; i < 400 || (i < 4000 && status.resyncs <= 20); i++) { /* a busy machine dumps less often */
        stress_wishes(&l, &seed, wanted);
        stress_turn(&l, &seed);
        netlink_status(l.target, &status);
    }
    run_ms(&l, 100);
    CU_ASSERT_TRUE(status.resyncs > 20);
    CU_ASSERT_EQUAL(l.differences + l.failed + l.disturbed, 0);
    CU_ASSERT_EQUAL(stress_differences(wanted), 0);
    end(&l);
    links_down();
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_until_idle(struct life *l, const char *what, unsigned routes)
{
    double start = seconds();
    do {
        uv_update_time(&l->loop);
        netlink_turn(l->target, uv_now(&l->loop));
    } while (program_deadline(l->program) == 0);
    double took = seconds() - start;
    printf("\n    %s %u routes: %.2f s, %.0f a second", what, routes, took, routes / took);
}

static void want_many(struct life *l, unsigned routes, const char *hops)
{
    char text[32];
    for (unsigned i = 0; i < routes; i++) {
        snprintf(text, sizeof text, "%u.%u.%u.0/24", 20 + (i >> 16), i >> 8 & 255, i & 255);
        want(l, text, hops);
    }
}

/* A dump is read in slices: how many of them a second has depends on the machine. */
static bool has_lines(struct life *l, int count)
{
    for (int i = 0; i < 20 && lines_of(ROUTES, "proto 201") != count; i++)
        run_ms(l, 500);
    return lines_of(ROUTES, "proto 201") == count;
}

static void test_after_lost_notifications_a_dump_repairs(void)
{
    enum { MANY = 50000 };
    struct life l;
    struct netlink_status status;
    links_up();
    live(&l);
    want_many(&l, MANY, "10.0.0.2");
    run_until_idle(&l, "added", MANY);
    shell(
        "ip route show table 100 | awk '{ print \"route del\", $1, \"table 100\" }' | ip -batch -");
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 0);
    CU_ASSERT_TRUE(has_lines(&l, MANY));
    netlink_status(l.target, &status);
    CU_ASSERT_TRUE(status.overruns > 0);
    unsigned disturbed = l.disturbed;
    shell("ip route del 20.0.7.0/24 table 100"); /* and it still hears what is done to its routes */
    run_ms(&l, 500);
    CU_ASSERT_EQUAL(l.disturbed, disturbed + 1);
    CU_ASSERT_TRUE(has_lines(&l, MANY));
    end(&l);
    links_down();
}

static void test_a_hundred_thousand_routes(void)
{
    enum { ROUTES_ = 100000 };
    struct life l;
    links_up();
    live(&l);
    want_many(&l, ROUTES_, "10.0.0.2");
    run_until_idle(&l, "added", ROUTES_);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), ROUTES_);
    want_many(&l, ROUTES_, "10.0.0.2 10.0.1.2");
    run_until_idle(&l, "replaced", ROUTES_);
    CU_ASSERT_EQUAL(program_stats(l.program)->installed, ROUTES_);
    end(&l);
    double start = seconds();
    live(&l);
    printf("\n    inherited in %.2f s", seconds() - start);
    CU_ASSERT_EQUAL(program_stats(l.program)->inherited, ROUTES_);
    want_many(&l, ROUTES_, "10.0.0.2 10.0.1.2");
    resync(&l);
    run_ms(&l, 500);
    CU_ASSERT_EQUAL(program_stats(l.program)->puts, 0);
    want_many(&l, ROUTES_, "");
    program_converged(l.program, uv_now(&l.loop));
    run_until_idle(&l, "deleted", ROUTES_);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 0);
    CU_ASSERT_EQUAL(l.failed + l.disturbed, 0);
    end(&l);
    links_down();
}

static const struct cu_case cases[] = {
    CU_CASE(test_after_any_history_the_kernel_has_what_is_wanted),
    CU_CASE(test_a_dump_that_is_read_beside_operations_finds_no_difference),
    CU_CASE(test_after_lost_notifications_a_dump_repairs),
    CU_CASE(test_a_hundred_thousand_routes),
};

int main(void)
{
    return netlink_run("netlink_many", cases, sizeof cases / sizeof *cases);
}
