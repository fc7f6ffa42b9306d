/* Groups of next hops in the kernel: from two to 64 of them, and resilient ones, whose flows stay where they are. */
#include "tests/node/netlink_life.h"

enum { BUCKETS = 512 };

#define GROUPS "ip nexthop show"

static void begin(struct life *l, bool resilient)
{
    char error[NETLINK_ERROR_MAX];
    const struct netlink_cfg as = { .table = TABLE, .metric = METRIC, .protocol = PROTOCOL, .resilient_groups = resilient };
    CU_ASSERT_EQUAL_FATAL(try_live_as(l, &as, error), 0);
    program_set_heard(l->program, true, uv_now(&l->loop));
}

/* "10.0.0.10 10.0.0.11 …" */
static const char *many(const char *format, unsigned count)
{
    static char text[4096];
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, format, 10 + i);
        len += (size_t)snprintf(text + len, sizeof text - len, " ");
    }
    return text;
}

static void has_hops(struct life *l, unsigned count)
{
    want(l, "192.168.0.0/16", many("10.0.0.%u", count));
    want(l, "fd77::/32", many("fd00::%u", count));
    run_ms(l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via 10.0.0."), (int)count);
    CU_ASSERT_EQUAL(lines_of(ROUTES6, "nexthop via fd00::"), (int)count);
    CU_ASSERT_EQUAL(l->failed, 0);
}

static void test_from_two_to_64_next_hops_are_one_group(void)
{
    for (int resilient = 0; resilient <= 1; resilient++) {
        struct life l;
        links_up();
        begin(&l, resilient);
        has_hops(&l, 2);
        has_hops(&l, 3);
        has_hops(&l, 63);
        has_hops(&l, 64);
        has_hops(&l, 2);
        resync(&l);
        CU_ASSERT_EQUAL(l.differences, 0);
        end(&l);
        links_down();
    }
}

/* ---- resilient groups ---- */

/* The id of the group that the route of this prefix has. */
static unsigned group_of(const char *prefix)
{
    char line[512], command[128];
    unsigned id = 0;
    snprintf(command, sizeof command, "ip route show table 100 %s", prefix);
    FILE *f = popen(command, "r");
    if (f && fgets(line, sizeof line, f))
        sscanf(strstr(line, "nhid ") ? strstr(line, "nhid ") : "", "nhid %u", &id);
    if (f)
        pclose(f);
    return id;
}

/* Which next hop's object each bucket has. */
static void read_buckets(unsigned group, unsigned out[static BUCKETS])
{
    char line[512], command[128];
    unsigned index, id, count = 0;
    snprintf(command, sizeof command, "ip nexthop bucket show id %u", group);
    FILE *f = popen(command, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "index "), *of = strstr(line, "nhid ");
        if (at && of && sscanf(at, "index %u", &index) == 1 && sscanf(of, "nhid %u", &id) == 1 && index < BUCKETS) {
            out[index] = id;
            count++;
        }
    }
    if (f)
        pclose(f);
    CU_ASSERT_EQUAL(count, BUCKETS);
}

/* How many buckets of other next hops than `gone` have another one now. */
static unsigned moved(const unsigned before[static BUCKETS], const unsigned now[static BUCKETS], unsigned gone)
{
    unsigned count = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        count += before[i] != gone && before[i] != now[i];
    return count;
}

static unsigned id_of(const char *hop)
{
    char line[512], text[64];
    unsigned id = 0;
    snprintf(text, sizeof text, "via %s ", hop);
    FILE *f = popen(GROUPS, "r");
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, text))
            sscanf(line, "id %u", &id);
    if (f)
        pclose(f);
    return id;
}

static struct ip_addr addr(const char *text)
{
    struct ip_addr a;
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse(text, &a), 0);
    return a;
}

static void test_groups_have_buckets_where_that_is_asked_for(void)
{
    struct life l;
    struct netlink_status s;
    links_up();
    begin(&l, true);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "type resilient buckets 512 idle_timer 120 "), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "proto 201"), 2);
    netlink_status(l.target, &s);
    CU_ASSERT_TRUE(s.has_resilient_groups);
    end(&l);
    links_down();
}

static void test_flows_stay_when_a_next_hop_falls_ill_and_gets_well(void)
{
    struct life l;
    struct ip_addr ill = addr("10.0.0.3");
    unsigned before[BUCKETS], now[BUCKETS];
    links_up();
    begin(&l, true);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.0.3 10.0.1.2");
    run_ms(&l, 20);
    unsigned group = group_of("192.168.0.0/16"), gone = id_of("10.0.0.3");
    read_buckets(group, before);
    netlink_set_health(l.target, &ill, false, uv_now(&l.loop));
    read_buckets(group, now);
    CU_ASSERT_EQUAL(moved(before, now, gone), 0);
    for (int i = 0; i < BUCKETS; i++)
        CU_ASSERT_NOT_EQUAL_FATAL(now[i], gone);
    netlink_set_health(l.target, &ill, true, uv_now(&l.loop));
    read_buckets(group, before);
    for (int i = 0; i < BUCKETS; i++) /* buckets that never had traffic are its share; nobody else's moves */
        CU_ASSERT_TRUE_FATAL(before[i] == now[i] || before[i] == gone);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via"), 3);
    end(&l);
    links_down();
}

/* The routes ask for a smaller set then, one after the other: it is the same group, with the same flows. */
static void test_flows_stay_when_an_nva_dies(void)
{
    struct life l;
    struct ip_addr dead = addr("10.0.0.3");
    unsigned before[BUCKETS], now[BUCKETS];
    links_up();
    begin(&l, true);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.0.3 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2 10.0.0.3 10.0.1.2");
    run_ms(&l, 20);
    unsigned group = group_of("192.168.0.0/16"), gone = id_of("10.0.0.3");
    read_buckets(group, before);
    netlink_set_lost(l.target, &dead, 1, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(group_of("192.168.0.0/16"), group);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "type resilient"), 1);
    want(&l, "192.169.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    read_buckets(group, now);
    CU_ASSERT_EQUAL(moved(before, now, gone), 0);
    netlink_set_lost(l.target, NULL, 0, uv_now(&l.loop));
    resync(&l);
    CU_ASSERT_EQUAL(l.differences, 0);
    read_buckets(group, now);
    CU_ASSERT_EQUAL(moved(before, now, gone), 0);
    end(&l);
    links_down();
}

/* Somebody else still names the dead NVA's address: after its time it is there again. */
static void test_a_route_that_keeps_a_lost_next_hop_has_it_again(void)
{
    struct life l;
    struct ip_addr dead = addr("10.0.0.3");
    links_up();
    begin(&l, true);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.0.3 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2 10.0.0.3 10.0.1.2");
    run_ms(&l, 20);
    netlink_set_lost(l.target, &dead, 1, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via"), 4);
    netlink_set_lost(l.target, NULL, 0, uv_now(&l.loop));
    resync(&l);
    resync(&l);
    CU_ASSERT_EQUAL(lines_of("ip route show table 100 192.168.0.0/16", "nexthop via"), 2);
    CU_ASSERT_EQUAL(lines_of("ip route show table 100 192.169.0.0/16", "nexthop via"), 3);
    CU_ASSERT_EQUAL(l.failed, 0);
    end(&l);
    links_down();
}

/* The kernel does not turn one kind into the other: routes get a group of the other kind, without a gap. */
static void test_another_kind_of_groups_takes_over_what_an_earlier_run_left(void)
{
    struct life l;
    links_up();
    begin(&l, false);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    end(&l);
    for (int resilient = 1; resilient >= 0; resilient--) {
        begin(&l, resilient);
        CU_ASSERT_EQUAL(program_stats(l.program)->inherited, 1);
        want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
        program_converged(l.program, uv_now(&l.loop));
        run_ms(&l, 20);
        CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via"), 2);
        for (int i = 0; i < 3; i++)
            resync(&l);
        CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "group"), 1);
        CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "type resilient"), resilient);
        CU_ASSERT_EQUAL(lines_of(ROUTES, "nexthop via"), 2);
        CU_ASSERT_EQUAL(l.failed + l.differences, 0);
        end(&l);
    }
    links_down();
}

static const struct cu_case cases[] = {
    CU_CASE(test_from_two_to_64_next_hops_are_one_group),
    CU_CASE(test_groups_have_buckets_where_that_is_asked_for),
    CU_CASE(test_flows_stay_when_a_next_hop_falls_ill_and_gets_well),
    CU_CASE(test_flows_stay_when_an_nva_dies),
    CU_CASE(test_a_route_that_keeps_a_lost_next_hop_has_it_again),
    CU_CASE(test_another_kind_of_groups_takes_over_what_an_earlier_run_left),
};

int main(void)
{
    return netlink_run("netlink_groups", cases, sizeof cases / sizeof *cases);
}
