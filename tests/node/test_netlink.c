/* The kernel target against the kernel, in a network namespace of its own. Needs root and says so. */
#include "tests/node/netlink_life.h"

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

/* RFC 7999: the unspecified address is the set that discards. */
static void test_a_blackhole_discards_and_survives_a_restart(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.9.9/32", "0.0.0.0");
    want(&l, "fd77::9/128", "::");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "blackhole"), 2);
    CU_ASSERT_EQUAL(lines_of("ip route get 192.168.9.9 2>&1", "Network is unreachable"), 1);
    shell("ip rule add to 192.168.0.0/15 table 100; ip -6 rule add to fd77::/16 table 100");
    CU_ASSERT_EQUAL(lines_of("ip route get 192.168.9.9 2>&1", "Invalid argument"), 1);
    CU_ASSERT_EQUAL(lines_of("ip -6 route get fd77::9 2>&1", "Invalid argument"), 1);
    CU_ASSERT_EQUAL(lines_of("ip route get 192.169.9.9 2>&1", "via 10.0.0.2"), 1);
    end(&l);
    live(&l);
    CU_ASSERT_EQUAL(program_stats(l.program)->inherited, 3);
    want(&l, "192.168.9.9/32", "0.0.0.0");
    want(&l, "fd77::9/128", "::");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(program_stats(l.program)->puts, 0); /* it is what stands there */
    want(&l, "192.168.9.9/32", "10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of("ip route get 192.168.9.9 2>&1", "via 10.0.0.2"), 1);
    shell("ip rule del to 192.168.0.0/15 table 100; ip -6 rule del to fd77::/16 table 100");
    CU_ASSERT_EQUAL(l.failed, 0);
    end(&l);
    links_down();
}

/* A route with our mark that leads nowhere we know of is neither a gateway's nor a blackhole. */
static void test_a_route_of_ours_over_a_link_is_no_blackhole(void)
{
    struct life l;
    links_up();
    shell("ip route add 192.168.9.9/32 dev na0 table 100 metric 20 proto 201");
    live(&l);
    want(&l, "192.168.9.9/32", "0.0.0.0");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(program_stats(l.program)->puts, 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "dev na0"), 0);
    end(&l);
    links_down();
}

static void test_table_metric_and_protocol_are_those_that_were_asked_for(void)
{
    struct life l = { 0 };
    char error[NETLINK_ERROR_MAX];
    links_up();
    CU_ASSERT_EQUAL_FATAL(try_live_as(&l, &(struct netlink_cfg){ .table = 70000, .metric = 77,
                                                                 .protocol = 98 }, error), 0);
    want(&l, "192.168.0.0/16", "10.0.0.2");
    want(&l, "fd77::/32", "fd00::2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of("ip route show table 70000", "proto 98 metric 77"), 1);
    CU_ASSERT_EQUAL(lines_of("ip -6 route show table 70000", "proto 98 metric 77"), 1);
    CU_ASSERT_EQUAL(lines_of(NEXTHOPS, "proto 98"), 2);
    end(&l);
    shell("ip route flush table 70000; ip -6 route flush table 70000 2>/dev/null");
    links_down();
}

static void set_health(struct life *l, const char *hop, bool is_healthy)
{
    struct ip_addr a;
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse(hop, &a), 0);
    netlink_set_health(l->target, &a, is_healthy, uv_now(&l->loop));
}

static void test_an_unhealthy_next_hop_leaves_its_groups_but_never_as_the_last(void)
{
    struct life l;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    set_health(&l, "10.0.0.2", false);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1); /* the only one of the other route */
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.1.2"), 1);
    set_health(&l, "10.0.1.2", false);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 2); /* better than nothing: all of them */
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.1.2"), 1);
    set_health(&l, "10.0.1.2", true);
    resync(&l);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1); /* a dump does not let it in again */
    set_health(&l, "10.0.0.2", true);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 2);
    CU_ASSERT_EQUAL(l.failed + l.differences, 0);
    end(&l);
    links_down();
}

/* Of an NVA that died: before the routes move one by one. Who is doubted for two reasons stays out for one. */
static void test_a_lost_next_hop_leaves_its_groups_at_once(void)
{
    struct life l;
    struct ip_addr hop;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    want(&l, "192.169.0.0/16", "10.0.0.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse("10.0.0.2", &hop), 0);
    netlink_set_lost(l.target, &hop, 1, uv_now(&l.loop));
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.1.2"), 1);
    struct netlink_status s;
    netlink_status(l.target, &s);
    CU_ASSERT_EQUAL(s.unhealthy, 0);
    set_health(&l, "10.0.0.2", false);
    netlink_set_lost(l.target, NULL, 0, uv_now(&l.loop));
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    set_health(&l, "10.0.0.2", true);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 2);
    CU_ASSERT_EQUAL(l.failed + l.differences, 0);
    end(&l);
    links_down();
}

/* While its member is lost or ill the routes leave a group one by one, and come back to it afterwards. */
static void test_a_group_that_no_route_uses_changes_with_its_members(void)
{
    struct life l;
    struct ip_addr hop;
    links_up();
    live(&l);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL_FATAL(ip_addr_parse("10.0.0.2", &hop), 0);
    netlink_set_lost(l.target, &hop, 1, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.1.2");
    run_ms(&l, 20);
    netlink_set_lost(l.target, NULL, 0, uv_now(&l.loop));
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 1);
    want(&l, "192.168.0.0/16", "10.0.1.2");
    run_ms(&l, 20);
    set_health(&l, "10.0.0.2", false);
    want(&l, "192.168.0.0/16", "10.0.0.2 10.0.1.2");
    run_ms(&l, 20);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.0.2"), 0);
    CU_ASSERT_EQUAL(lines_of(ROUTES, "via 10.0.1.2"), 1);
    CU_ASSERT_EQUAL(l.failed + l.differences, 0);
    end(&l);
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

static const struct cu_case cases[] = {
    CU_CASE(test_routes_are_installed_replaced_and_deleted),
    CU_CASE(test_several_next_hops_become_one_group),
    CU_CASE(test_a_blackhole_discards_and_survives_a_restart),
    CU_CASE(test_a_route_of_ours_over_a_link_is_no_blackhole),
    CU_CASE(test_table_metric_and_protocol_are_those_that_were_asked_for),
    CU_CASE(test_an_unhealthy_next_hop_leaves_its_groups_but_never_as_the_last),
    CU_CASE(test_a_lost_next_hop_leaves_its_groups_at_once),
    CU_CASE(test_a_group_that_no_route_uses_changes_with_its_members),
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
};

int main(void)
{
    return netlink_run("netlink", cases, sizeof cases / sizeof *cases);
}
