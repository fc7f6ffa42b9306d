/* Threads, sockets and real time: two nodes on this machine's loopback. Bounds are generous, for the
 * machine may be busy; exact times are the business of the machines' own tests. */
#include "node/loop/bfd_io.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "node/io/sock.h"
#include "node/loop/bfd_sock.h"
#include "tests/lib/cu.h"

enum { PATIENCE_MS = 10000 };

struct end {
    struct bfd_io *io;
    struct ip_addr addr;
    struct bfd_report last;
    uint16_t port;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct ip_addr addr(const char *text)
{
    struct ip_addr a;
    int err = ip_addr_parse(text, &a);
    assert(!err);
    (void)err;
    return a;
}

/* Ports of this run, so that two runs at a time do not meet. */
static uint16_t port_of_run(void)
{
    return (uint16_t)(20000 + getpid() % 9000 * 2);
}

static bool start_end(struct end *e, const char *address, uint64_t key)
{
    char error[BFD_IO_ERROR] = "";
    *e = (struct end){ .addr = addr(address), .port = port_of_run() };
    struct bfd_io_cfg cfg = { .addrs = { e->addr },
                              .addr_count = 1,
                              .port = e->port,
                              .multihop_port = (uint16_t)(e->port + 1),
                              .key = { key, key + 1 },
                              .descriptors = UINT_MAX };
    if (bfd_io_start(&e->io, &cfg, error) == 0)
        return true;
    printf("\n%s\n", error);
    return false;
}

static void open_to(struct end *e, const char *remote, enum bfd_hops hops)
{
    bfd_io_open(e->io, &(struct bfd_peer_cfg){ .id = 5,
                                               .local = e->addr,
                                               .remote = addr(remote),
                                               .hops = (uint8_t)hops,
                                               .seems_remote = true,
                                               .times = { 50000, 50000, 4 } });
}

/* Reads reports until this end is in that state, or patience ends. */
static bool wait_for(struct end *e, enum bfd_state state)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (now_ms() < end_ms) {
        struct pollfd p = { .fd = bfd_io_fd(e->io), .events = POLLIN };
        struct bfd_report r;
        while (bfd_io_next(e->io, &r)) {
            e->last = r;
            if (r.view.state == state)
                return true;
        }
        poll(&p, 1, 50);
    }
    return false;
}

static bool wait_quiet(struct end *e)
{
    struct bfd_report r;
    for (uint64_t end_ms = now_ms() + PATIENCE_MS; now_ms() < end_ms && !bfd_io_is_quiet(e->io);) {
        struct pollfd p = { .fd = bfd_io_fd(e->io), .events = POLLIN };
        poll(&p, 1, 50);
        while (bfd_io_next(e->io, &r))
            e->last = r;
    }
    return bfd_io_is_quiet(e->io);
}

static void come_up(const char *one, const char *other, enum bfd_hops hops, enum bfd_hops other_hops)
{
    struct end a, b;
    CU_ASSERT_TRUE_FATAL(start_end(&a, one, 1) && start_end(&b, other, 3));
    open_to(&a, other, hops);
    open_to(&b, one, other_hops);
    CU_ASSERT_TRUE(wait_for(&a, BFD_UP));
    CU_ASSERT_TRUE(wait_for(&b, BFD_UP));
    CU_ASSERT_EQUAL(a.last.id, 5);
    CU_ASSERT_EQUAL(a.last.send_error, 0);
    CU_ASSERT_EQUAL(a.last.is_multihop, b.last.is_multihop);
    bfd_io_free(a.io);
    CU_ASSERT_TRUE(wait_for(&b, BFD_DOWN));
    CU_ASSERT_EQUAL(b.last.view.diag, BFD_DIAG_EXPIRED);
    CU_ASSERT_EQUAL(b.last.view.failures, 1);
    bfd_io_free(b.io);
}

static void test_two_nodes_come_up_and_one_notices_that_the_other_is_gone(void)
{
    come_up("127.0.46.1", "127.0.46.2", BFD_SINGLE_HOP, BFD_SINGLE_HOP);
}

static void open_id(struct end *e, uint32_t id, const char *remote)
{
    bfd_io_open(e->io, &(struct bfd_peer_cfg){ .id = id,
                                               .local = e->addr,
                                               .remote = addr(remote),
                                               .hops = BFD_SINGLE_HOP,
                                               .times = { 50000, 50000, 4 } });
}

/* Of two that are cut off at once. */
static void test_who_is_late_is_told_before_the_first_has_failed(void)
{
    static const char *const far[] = { "127.0.46.2", "127.0.46.3" };
    struct end here, there[2];
    struct bfd_report last[2] = { 0 }, r;
    CU_ASSERT_TRUE_FATAL(start_end(&here, "127.0.46.1", 1));
    for (uint32_t i = 0; i < 2; i++) {
        CU_ASSERT_TRUE_FATAL(start_end(&there[i], far[i], 3 + i));
        open_id(&here, 1 + i, far[i]);
        open_id(&there[i], 5, "127.0.46.1");
        CU_ASSERT_TRUE(wait_for(&there[i], BFD_UP));
    }
    while (!(last[0].id && last[1].id) && wait_for(&here, BFD_UP))
        last[here.last.id - 1] = here.last;
    for (int i = 0; i < 2; i++)
        bfd_io_free(there[i].io);
    for (uint64_t end_ms = now_ms() + PATIENCE_MS; now_ms() < end_ms && here.last.view.state != BFD_DOWN;)
        if (bfd_io_next(here.io, &r))
            last[r.id - 1] = here.last = r;
        else
            usleep(1000);
    CU_ASSERT_EQUAL_FATAL(here.last.view.state, BFD_DOWN);
    const struct bfd_report *other = &last[here.last.id == 1];
    CU_ASSERT_TRUE(other->view.is_late || other->view.state == BFD_DOWN);
    bfd_io_free(here.io);
}

static void test_hops_that_were_left_open_follow_the_other_end(void)
{
    come_up("127.0.46.1", "127.0.46.2", BFD_HOPS_AUTO, BFD_SINGLE_HOP);
    come_up("127.0.46.1", "127.0.46.2", BFD_MULTIHOP, BFD_HOPS_AUTO);
}

static void test_the_hop_limit_of_ipv6_is_sent_and_seen(void)
{
    uint8_t packet[BFD_PACKET] = { 0 }, ttl = 0;
    uint16_t port = (uint16_t)(port_of_run() + 1);
    struct ip_addr loopback = addr("::1"), from;
    int in = bfd_sock_listen(&loopback, port), out = bfd_sock_source(&loopback, 77);
    CU_ASSERT_TRUE_FATAL(in >= 0 && out >= 0);
    CU_ASSERT_EQUAL(bfd_sock_send(out, &loopback, port, packet, sizeof packet), 0);
    CU_ASSERT_EQUAL(bfd_sock_receive(in, packet, sizeof packet, &from, &ttl), BFD_PACKET);
    CU_ASSERT_EQUAL(ttl, 255);
    CU_ASSERT_TRUE(ip_addr_is_equal(&from, &loopback));
    close(in);
    close(out);
}

static void test_the_source_port_is_in_the_range_of_the_rfc_and_another_for_each_session(void)
{
    struct sockaddr_in at[2];
    socklen_t len = sizeof at[0];
    struct ip_addr local = addr("127.0.46.3");
    int one = bfd_sock_source(&local, UINT32_MAX), other = bfd_sock_source(&local, UINT32_MAX);
    CU_ASSERT_TRUE_FATAL(one >= 0 && other >= 0);
    CU_ASSERT_EQUAL(getsockname(one, (struct sockaddr *)&at[0], &len), 0);
    CU_ASSERT_EQUAL(getsockname(other, (struct sockaddr *)&at[1], &len), 0);
    CU_ASSERT_TRUE(ntohs(at[0].sin_port) >= 49152);
    CU_ASSERT_TRUE(ntohs(at[1].sin_port) >= 49152);
    CU_ASSERT_NOT_EQUAL(at[0].sin_port, at[1].sin_port);
    close(one);
    close(other);
}

static void test_a_stop_is_heard_as_no_failure_and_then_it_is_quiet(void)
{
    struct end a, b;
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.4", 1) && start_end(&b, "127.0.46.5", 3));
    open_to(&a, "127.0.46.5", BFD_MULTIHOP);
    open_to(&b, "127.0.46.4", BFD_MULTIHOP);
    CU_ASSERT_TRUE(wait_for(&a, BFD_UP));
    CU_ASSERT_TRUE(wait_for(&b, BFD_UP));
    CU_ASSERT_FALSE(bfd_io_is_quiet(a.io));
    bfd_io_stop(a.io);
    CU_ASSERT_TRUE(wait_for(&b, BFD_DOWN));
    CU_ASSERT_EQUAL(b.last.view.remote_state, BFD_ADMIN_DOWN);
    CU_ASSERT_EQUAL(b.last.view.failures, 0);
    CU_ASSERT_TRUE(wait_quiet(&a));
    CU_ASSERT_EQUAL(a.last.view.failures, 0);
    bfd_io_free(a.io);
    bfd_io_free(b.io);
}

static void test_a_stop_without_peers_is_quiet_at_once(void)
{
    struct end a;
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.6", 1));
    bfd_io_stop(a.io);
    CU_ASSERT_TRUE(wait_quiet(&a));
    bfd_io_free(a.io);
}

/* A packet of Down from the peer's address: with a TTL of 64 nothing happens, with 255 it is Init. */
static void test_the_ttl_of_a_single_hop_packet_is_checked(void)
{
    struct end a;
    uint8_t bytes[BFD_PACKET];
    struct ip_addr peer = addr("127.0.46.8");
    int low = 64, fd = bfd_sock_source(&peer, 9);
    const struct bfd_packet down = { .state = BFD_DOWN,
                                     .detect_mult = 255,
                                     .my_discriminator = 1,
                                     .desired_tx_us = 1000000,
                                     .required_rx_us = 1000000 };
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.7", 1) && fd >= 0);
    open_to(&a, "127.0.46.8", BFD_SINGLE_HOP);
    CU_ASSERT_TRUE(wait_for(&a, BFD_DOWN));
    bfd_packet_encode(&down, bytes);
    CU_ASSERT_EQUAL(setsockopt(fd, IPPROTO_IP, IP_TTL, &low, sizeof low), 0);
    CU_ASSERT_EQUAL(bfd_sock_send(fd, &a.addr, a.port, bytes, sizeof bytes), 0);
    struct pollfd p = { .fd = bfd_io_fd(a.io), .events = POLLIN };
    CU_ASSERT_EQUAL(poll(&p, 1, 200), 0);
    low = 255;
    CU_ASSERT_EQUAL(setsockopt(fd, IPPROTO_IP, IP_TTL, &low, sizeof low), 0);
    CU_ASSERT_EQUAL(bfd_sock_send(fd, &a.addr, a.port, bytes, sizeof bytes), 0);
    CU_ASSERT_TRUE(wait_for(&a, BFD_INIT));
    bfd_io_free(a.io);
    close(fd);
}

static void test_a_port_in_use_is_named(void)
{
    struct end a;
    char error[BFD_IO_ERROR] = "";
    struct bfd_io *io;
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.9", 1));
    struct bfd_io_cfg cfg = { .addrs = { a.addr }, .addr_count = 1, .port = a.port, .multihop_port = 1 };
    CU_ASSERT_TRUE(bfd_io_start(&io, &cfg, error) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "127.0.46.9, UDP port"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "stop it"));
    bfd_io_free(a.io);
}

static void test_a_packet_that_cannot_be_sent_is_reported(void)
{
    struct end a;
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.10", 1));
    open_to(&a, "192.0.2.1", BFD_MULTIHOP); /* not from a loopback address */
    CU_ASSERT_TRUE(wait_for(&a, BFD_DOWN));
    CU_ASSERT_NOT_EQUAL(a.last.send_error, 0);
    bfd_io_free(a.io);
}

static void test_peers_leave_the_descriptors_that_a_node_works_with(void)
{
    struct end a = { .addr = addr("127.0.46.12"), .port = port_of_run() };
    char error[BFD_IO_ERROR] = "";
    struct bfd_io_cfg cfg = { .addrs = { a.addr },
                              .addr_count = 1,
                              .port = a.port,
                              .multihop_port = (uint16_t)(a.port + 1),
                              .descriptors = 3 };
    CU_ASSERT_EQUAL_FATAL(bfd_io_start(&a.io, &cfg, error), 0);
    open_to(&a, "127.0.46.13", BFD_SINGLE_HOP);
    CU_ASSERT_TRUE(wait_for(&a, BFD_DOWN));
    CU_ASSERT_EQUAL(a.last.send_error, EMFILE);
    bfd_io_free(a.io);
}

/* Nobody reads the reports of hundreds of sessions for a while; the newest of each arrives all the same. */
static void test_reports_that_nobody_takes_are_made_up_for(void)
{
    enum { SESSIONS = 600 };
    struct end a;
    static bool seen[SESSIONS + 1];
    CU_ASSERT_TRUE_FATAL(start_end(&a, "127.0.46.11", 1));
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        struct bfd_peer_cfg peer = { .id = id,
                                     .local = a.addr,
                                     .remote = { .bytes = { 127, 1, (uint8_t)(id >> 8), (uint8_t)id } },
                                     .times = { 50000, 50000, 3 } };
        bfd_io_open(a.io, &peer);
    }
    bfd_io_stop(a.io);
    struct timespec pause = { .tv_nsec = 200000000 };
    nanosleep(&pause, NULL);
    size_t down = 0;
    struct bfd_report r;
    for (uint64_t end_ms = now_ms() + PATIENCE_MS; down < SESSIONS && now_ms() < end_ms;) {
        struct pollfd p = { .fd = bfd_io_fd(a.io), .events = POLLIN };
        poll(&p, 1, 50);
        while (bfd_io_next(a.io, &r))
            if (r.view.state == BFD_ADMIN_DOWN && !seen[r.id]) {
                seen[r.id] = true;
                down++;
            }
    }
    CU_ASSERT_EQUAL(down, SESSIONS);
    CU_ASSERT_TRUE(wait_quiet(&a));
    bfd_io_free(a.io);
}

CU_MAIN("bfd_io", CU_CASE(test_two_nodes_come_up_and_one_notices_that_the_other_is_gone),
        CU_CASE(test_who_is_late_is_told_before_the_first_has_failed),
        CU_CASE(test_hops_that_were_left_open_follow_the_other_end),
        CU_CASE(test_the_hop_limit_of_ipv6_is_sent_and_seen),
        CU_CASE(test_the_source_port_is_in_the_range_of_the_rfc_and_another_for_each_session),
        CU_CASE(test_a_stop_is_heard_as_no_failure_and_then_it_is_quiet),
        CU_CASE(test_a_stop_without_peers_is_quiet_at_once),
        CU_CASE(test_the_ttl_of_a_single_hop_packet_is_checked),
        CU_CASE(test_a_port_in_use_is_named), CU_CASE(test_a_packet_that_cannot_be_sent_is_reported),
        CU_CASE(test_peers_leave_the_descriptors_that_a_node_works_with),
        CU_CASE(test_reports_that_nobody_takes_are_made_up_for))
