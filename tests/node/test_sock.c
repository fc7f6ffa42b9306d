#include "node/io/sock.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/cu.h"

static const struct ip_addr loopback = { .family = BGP_IP4, .bytes = { 127, 0, 0, 1 } };

/* A connection over loopback: ours, and that of a peer which reads nothing unless the test does. */
static void connect_both(int *ours, int *peers)
{
    static const struct ip_addr any = { .family = BGP_IP4 };
    struct ip_addr remote, local;
    uint16_t port, none;
    int listener = sock_listen(&loopback, 0);
    CU_ASSERT_TRUE_FATAL(listener >= 0);
    sock_ports(listener, &port, &none);
    *ours = sock_dial(&loopback, port, &any, &(struct sock_options){ 0 });
    CU_ASSERT_TRUE_FATAL(*ours >= 0);
    CU_ASSERT_EQUAL(poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, 5000), 1);
    *peers = sock_accept(listener, &remote, &local);
    CU_ASSERT_TRUE_FATAL(*peers >= 0);
    close(listener);
}

/* RFC 9687: else megabytes wait in the kernel, and that the peer has stopped reading does not show. */
static void test_who_reads_nothing_shows_soon(void)
{
    static const char bytes[16 * 1024];
    int ours, peers, least = 4096;
    size_t taken = 0;
    connect_both(&ours, &peers);
    setsockopt(peers, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    while (taken < 4 << 20) {
        ssize_t n = send(ours, bytes, sizeof bytes, MSG_NOSIGNAL);
        if (n < 0 && poll(&(struct pollfd){ .fd = ours, .events = POLLOUT }, 1, 200) == 0)
            break;
        taken += n > 0 ? (size_t)n : 0;
    }
    CU_ASSERT_TRUE(taken < 1 << 20);
    close(ours);
    close(peers);
}

static void test_what_shares_a_subnet_with_this_host_is_on_link(void)
{
    const struct ip_addr neighbour = { .family = BGP_IP4, .bytes = { 127, 200, 0, 9 } };
    const struct ip_addr group = { .family = BGP_IP4, .bytes = { 224, 0, 0, 1 } }; /* in no host's subnet */
    const struct ip_addr group6 = { .family = BGP_IP6, .bytes = { 0xff, 0x02, [15] = 1 } };
    CU_ASSERT_TRUE(sock_is_on_link(&neighbour));
    CU_ASSERT_FALSE(sock_is_on_link(&group));
    CU_ASSERT_FALSE(sock_is_on_link(&group6));
}

CU_MAIN("sock", CU_CASE(test_who_reads_nothing_shows_soon),
        CU_CASE(test_what_shares_a_subnet_with_this_host_is_on_link))
