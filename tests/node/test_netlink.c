/* The kernel target against the kernel, in a network namespace of its own. Needs root and says so.
 *
 *     na0 10.0.0.1/24, fd00::1/64  ---  na1      nb0 10.0.1.1/24  ---  nb1 */
#include "node/targets/netlink.h"
#include "tests/lib/cu.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TABLE = 100, METRIC = 20, PROTOCOL = 201, ID_BASE = 7000000 };

static const struct hash_key key = { 3, 4 };

/* One life of a process: what it knows, and the target. */
struct life {
    uv_loop_t loop;
    struct prefix_table prefixes;
    struct nhset_table sets;
    struct program *program;
    struct netlink *target;
    char reason[NETLINK_ERROR_MAX]; /* of the last failure */
    unsigned failed, disturbed, differences, released;
};

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return system(line);
}

/* How many lines `ip …` prints that hold this text. */
__attribute__((format(printf, 2, 3))) static int lines_of(const char *command, const char *format,
                                                          ...)
{
    char line[1024], text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    FILE *f = popen(command, "r");
    int count = 0;
    while (f && fgets(line, sizeof line, f))
        count += strstr(line, text) != NULL;
    if (f)
        pclose(f);
    return count;
}

#define ROUTES   "ip route show table 100"
#define ROUTES6  "ip -6 route show table 100"
#define NEXTHOPS "ip -d nexthop show"

static void links_up(void)
{
    shell("ip link set lo up;"
          "ip link add na0 type veth peer name na1; ip link add nb0 type veth peer name nb1;"
          "ip addr add 10.0.0.1/24 dev na0; ip addr add fd00::1/64 dev na0 nodad;"
          "ip addr add 10.0.1.1/24 dev nb0;"
          "for l in na0 na1 nb0 nb1; do ip link set $l up; done");
}

static void links_down(void)
{
    shell("ip route flush table 100 2>/dev/null; ip -6 route flush table 100 2>/dev/null;"
          "ip nexthop flush >/dev/null 2>&1; ip link del na0; ip link del nb0");
}

static void on_event(void *data, const struct netlink_event *e)
{
    struct life *l = data;
    if (e->kind == NETLINK_ROUTES_FAILED) {
        l->failed += e->count;
        snprintf(l->reason, sizeof l->reason, "%s", e->text);
    }
    if (e->kind == NETLINK_ROUTES_DISTURBED)
        l->disturbed += e->count;
    if (e->kind == NETLINK_RESYNCED)
        l->differences += e->count;
}

static void on_released(void *data, uint32_t prefix)
{
    struct life *l = data;
    l->released++;
    prefix_table_drop(&l->prefixes, prefix);
}

static int try_live(struct life *l, char error[static NETLINK_ERROR_MAX])
{
    memset(l, 0, sizeof *l);
    uv_loop_init(&l->loop);
    prefix_table_init(&l->prefixes, key, 0);
    nhset_table_init(&l->sets, key);
    l->program = program_new(&program_defaults, &l->sets);
    struct netlink_cfg cfg = {
        .loop = &l->loop,
        .table = TABLE,
        .metric = METRIC,
        .protocol = PROTOCOL,
        .id_base = ID_BASE,
        .prefixes = &l->prefixes,
        .sets = &l->sets,
        .program = l->program,
        .on_event = on_event,
        .on_released = on_released,
        .data = l,
    };
    return netlink_new(&l->target, &cfg, error);
}

static void end(struct life *l)
{
    netlink_free(l->target);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    program_free(l->program);
    CU_ASSERT_EQUAL(l->sets.sets.count, 0);
    nhset_table_fini(&l->sets);
    prefix_table_fini(&l->prefixes);
}

static void live(struct life *l)
{
    char error[NETLINK_ERROR_MAX];
    CU_ASSERT_EQUAL_FATAL(try_live(l, error), 0);
    program_set_live_sessions(l->program, 1, uv_now(&l->loop));
}

static uint32_t prefix_of(struct life *l, const char *text)
{
    struct ip_prefix p;
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return prefix_table_get(&l->prefixes, &p);
}

/* hops: "10.0.0.2 10.0.0.3", "" = not wanted (withdrawn). */
static void want(struct life *l, const char *prefix, const char *hops)
{
    struct ip_addr members[8];
    char copy[256], *rest = NULL;
    uint32_t count = 0;
    bool nomem;
    snprintf(copy, sizeof copy, "%s", hops);
    for (char *t = strtok_r(copy, " ", &rest); t; t = strtok_r(NULL, " ", &rest))
        CU_ASSERT_EQUAL_FATAL(ip_addr_parse(t, &members[count++]), 0);
    uint32_t id = nhset_intern(&l->sets, members, count, &nomem);
    CU_ASSERT_EQUAL(
        program_want(l->program, prefix_of(l, prefix), id, PROGRAM_WITHDRAWN, uv_now(&l->loop)), 0);
    nhset_unref(&l->sets, id);
}

static void on_stop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* The loop for so long; the target's own handles do the work. */
static void run_ms(struct life *l, uint64_t ms)
{
    uv_timer_t stop;
    uv_update_time(&l->loop);
    netlink_turn(l->target, uv_now(&l->loop));
    uv_timer_init(&l->loop, &stop);
    uv_timer_start(&stop, on_stop, ms, 0);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&stop, NULL);
    uv_run(&l->loop, UV_RUN_NOWAIT);
}

static void resync(struct life *l)
{
    uv_update_time(&l->loop);
    netlink_resync(l->target, uv_now(&l->loop));
    run_ms(l, 20);
}

static void test_routes_are_installed_replaced_and_deleted(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2");
    want(&l, "fd77::/32", "fd00::2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16 nhid"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2 dev na0 proto 201"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES6, "via fd00::2 dev na0 proto 201"), 1);
    want(&l, "192.168.0.0/16", "10.0.0.3");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.3"), 1);
    want(&l, "192.168.0.0/16", "");
    want(&l, "fd77::/32", "");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168"), 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES6, "fd77"), 0);
    CU_ASSERT_EQUAL(l.failed, 0);
    CU_ASSERT_EQUAL(l.released, 2);
    end(&l);
    links_down();
}

static void test_several_next_hops_become_one_group(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.1.2 10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "group"), 1);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "proto 201"), 3);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.2 dev na0"), 2);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.1.2 dev nb0"), 2);
    end(&l);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 2); /* the end removes nothing */
    links_down();
}

static void test_unused_nexthop_objects_go_late_and_used_ones_never(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    want(&l, "192.168.0.0/16", "");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "proto 201"), 3);
    resync(&l);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "proto 201"), 3);
    for (int i = 0; i < 4; i++)
        resync(&l);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "proto 201"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    end(&l);
    links_down();
}

static void test_routes_of_others_stay(void)
{
    struct life l;
    links_up();
    shell("ip route add 192.168.0.0/16 via 10.0.0.9 table 100 metric 20 proto static;"
          "ip route add 192.170.0.0/16 via 10.0.0.9 table 100 proto static;"
          "ip nexthop add id 7000001 via 10.0.0.77 dev na0 proto static");
    live(&l);
    program_converged(l.program, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.0.2");
    want(&l, "192.170.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16 via 10.0.0.9"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.170.0.0/16"), 2); /* another metric: both stand */
    CU_ASSERT_PTR_NOT_NULL(strstr(l.reason, "192.168.0.0/16: a route that is not ours"));
    want(&l, "192.168.0.0/16", "");
    want(&l, "192.170.0.0/16", "");
    for (int i = 0; i < 4; i++)
        resync(&l);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto static"), 2);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 0);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "via 10.0.0.77"), 1);
    end(&l);
    links_down();
}

static void test_a_restart_adopts_and_removes_nothing(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    want(&l, "fd77::/32", "fd00::2");
    run_ms(&l, 20);
    end(&l);
    FILE *monitor = popen("timeout 2 ip monitor route nexthop", "r");
    usleep(300000);
    live(&l);
    CU_ASSERT_EQUAL(program_stats(l.program)->inherited, 3);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "fd77::/32", "fd00::2");
    for (int i = 0; i < 4; i++)
        resync(&l);
    CU_ASSERT_EQUAL(program_stats(l.program)->puts, 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.169.0.0/16"), 1); /* merge mode keeps it */
    char line[512];
    int lines = 0;
    while (fgets(line, sizeof line, monitor))
        lines += strstr(line, "proto 201") != NULL;
    pclose(monitor);
    CU_ASSERT_EQUAL(lines, 0);
    program_converged(l.program, uv_now(&l.loop));
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.169.0.0/16"), 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 1);
    end(&l);
    links_down();
}

static void test_routes_with_plain_gateways_are_inherited_by_content(void)
{
    struct life l;
    links_up();
    shell("ip route add 192.168.0.0/16 table 100 metric 20 proto 201 "
          "nexthop via 10.0.0.2 nexthop via 10.0.1.2");
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(program_stats(l.program)->puts, 0);
    CU_ASSERT_EQUAL(program_stats(l.program)->inherited, 0);
    end(&l);
    links_down();
}

static void test_a_next_hop_on_no_link_fails_with_a_reason_and_is_retried(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.9.2");
    want(&l, "192.169.0.0/16", "10.0.0.1");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(l.failed, 2);
    CU_ASSERT_STRING_EQUAL(l.reason, "192.168.0.0/16: next hop 10.0.9.2: Network is unreachable");
    CU_ASSERT_EQUAL(program_stats(l.program)->failed, 2);
    shell("ip addr add 10.0.9.1/24 dev nb0");
    run_ms(&l, 150);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.9.2 dev nb0"), 1);
    CU_ASSERT_EQUAL(program_stats(l.program)->failed, 1);
    CU_ASSERT_STRING_EQUAL(l.reason,
                           "192.169.0.0/16: next hop 10.0.0.1 is an address of this host");
    end(&l);
    links_down();
}

static void test_a_group_is_made_of_the_members_that_resolve(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.9.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    shell("ip addr add 10.0.9.1/24 dev nb0");
    run_ms(&l, 150);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.9.2"), 1);
    end(&l);
    links_down();
}

static void test_routes_come_back_after_a_link_was_down(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2");
    want(&l, "192.169.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.170.0.0/16", "10.0.1.2");
    run_ms(&l, 20);
    shell("ip link set na0 down");
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 0);
    run_ms(&l, 150);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.169.0.0/16"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.170.0.0/16"), 1);
    shell("ip link set na0 up");
    run_ms(&l, 300);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0.2"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.1.2"), 1);
    CU_ASSERT_EQUAL(program_stats(l.program)->failed, 0);
    end(&l);
    links_down();
}

static void test_routes_that_somebody_deletes_come_back_at_once(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    want(&l, "fd77::/32", "fd00::2");
    run_ms(&l, 20);
    shell("ip route del 192.168.0.0/16 table 100; ip -6 route del fd77::/32 table 100");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(l.disturbed, 2);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.168.0.0/16"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES6, "fd77::/32"), 1);
    shell("ip nexthop flush >/dev/null 2>&1"); /* and with the objects all routes */
    run_ms(&l, 50);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 2);
    CU_ASSERT_EQUAL(lines_of(ROUTES6, "proto 201"), 1);
    end(&l);
    links_down();
}

static void test_a_dump_finds_what_no_notification_told(void)
{
    struct life l;
    links_up();
    live(&l);
    program_converged(l.program, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    shell("ip route add 192.171.0.0/16 via 10.0.0.2 table 100 metric 20 proto 201;"
          "ip route replace 192.168.0.0/16 via 10.0.0.7 table 100 metric 20 proto 201");
    resync(&l);
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "192.171.0.0/16"), 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.7"), 0);
    end(&l);
    links_down();
}

static void test_a_second_process_on_the_same_table_is_refused(void)
{
    struct life first, second;
    char error[NETLINK_ERROR_MAX];
    links_up();
    live(&first);
    CU_ASSERT_TRUE(try_live(&second, error) < 0);
    CU_ASSERT_STRING_EQUAL(error, "another tandemd or tandem-agent programs table 100 of this "
                                  "network namespace");
    second.target = NULL;
    end(&second);
    end(&first);
    live(&first);
    end(&first);
    links_down();
}

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
        netlink_resync(l->target, uv_now(&l->loop));
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
    for (int i = 0; i < 400; i++) {
        stress_wishes(&l, &seed, wanted);
        stress_turn(&l, &seed);
    }
    run_ms(&l, 100);
    netlink_status(l.target, &status);
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
    run_ms(&l, 1000);
    netlink_status(l.target, &status);
    CU_ASSERT_TRUE(status.overruns > 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), MANY);
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
    CU_CASE(test_routes_are_installed_replaced_and_deleted),
    CU_CASE(test_several_next_hops_become_one_group),
    CU_CASE(test_unused_nexthop_objects_go_late_and_used_ones_never),
    CU_CASE(test_routes_of_others_stay),
    CU_CASE(test_a_restart_adopts_and_removes_nothing),
    CU_CASE(test_routes_with_plain_gateways_are_inherited_by_content),
    CU_CASE(test_a_next_hop_on_no_link_fails_with_a_reason_and_is_retried),
    CU_CASE(test_a_group_is_made_of_the_members_that_resolve),
    CU_CASE(test_routes_come_back_after_a_link_was_down),
    CU_CASE(test_routes_that_somebody_deletes_come_back_at_once),
    CU_CASE(test_a_dump_finds_what_no_notification_told),
    CU_CASE(test_a_second_process_on_the_same_table_is_refused),
    CU_CASE(test_after_any_history_the_kernel_has_what_is_wanted),
    CU_CASE(test_a_dump_that_is_read_beside_operations_finds_no_difference),
    CU_CASE(test_after_lost_notifications_a_dump_repairs),
    CU_CASE(test_a_hundred_thousand_routes),
};

int main(void)
{
    if (unshare(CLONE_NEWNET)) {
        perror("test_netlink needs root for a network namespace of its own");
        return 1;
    }
    return cu_run("netlink", cases, sizeof cases / sizeof *cases);
}
