/* Keys and TTLs, as the kernel of this machine sees them: over loopback, with real sockets. */
#include "node/loop/guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/cu.h"

enum { WAIT_MS = 300 };

static const struct ip_addr here = { .bytes = { 127, 0, 0, 1 } };

static uint16_t port_of(int fd)
{
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof at;
    getsockname(fd, (struct sockaddr *)&at, &len);
    return ntohs(at.sin_port);
}

/* Does a connection from this address come about? */
static bool connects(int listener, struct ip_addr from, const struct sock_options *options)
{
    int fd = sock_dial(&here, port_of(listener), &from, options);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    bool answered = poll(&p, 1, WAIT_MS) == 1 && sock_dial_result(fd) == 0;
    close(fd);
    return answered;
}

static void guard(int fd, const struct config *is, const struct config *was)
{
    struct log *log = log_new(stdout, LOG_DEBUG_, CONFIG_LOG_PLAIN, "test");
    guard_listener(fd, BGP_IP4, is, was, log);
    log_free(log);
}

static int listener_for(const struct config *c)
{
    int fd = sock_listen(&here, 0);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    guard(fd, c, NULL);
    return fd;
}

static struct config_peer peer_with(uint8_t last, uint8_t ttl_security)
{
    return (struct config_peer){ .peer_ip = { .bytes = { 127, 0, 0, last } },
                                 .ttl = 64,
                                 .ttl_security = ttl_security };
}

/* ---- RFC 5082 ---- */

static void test_a_segment_from_too_far_is_dropped_before_there_is_a_connection(void)
{
    struct config_peer peers[] = { peer_with(2, 1), peer_with(3, 10) };
    struct config c = { .peers = peers, .peer_count = 2 };
    int fd = listener_for(&c);
    CU_ASSERT_TRUE(connects(fd, peers[0].peer_ip, &(struct sock_options){ .ttl = 255, .min_ttl = 255 }));
    CU_ASSERT_TRUE(connects(fd, peers[1].peer_ip, &(struct sock_options){ .ttl = 246 }));
    CU_ASSERT_FALSE(connects(fd, peers[1].peer_ip, &(struct sock_options){ .ttl = 245 }));
    CU_ASSERT_FALSE(connects(fd, peers[0].peer_ip, &(struct sock_options){ .ttl = 64 }));
    close(fd);
}

static void test_one_peer_without_ttl_security_may_come_from_anywhere(void)
{
    struct config_peer peers[] = { peer_with(2, 1), peer_with(3, 0) };
    struct config c = { .peers = peers, .peer_count = 2 };
    int fd = listener_for(&c);
    CU_ASSERT_TRUE(connects(fd, peers[1].peer_ip, &(struct sock_options){ .ttl = 2 }));
    peers[1].disabled = true;
    guard(fd, &c, &c);
    CU_ASSERT_FALSE(connects(fd, peers[1].peer_ip, &(struct sock_options){ .ttl = 2 }));
    close(fd);
}

static bool is_from_afar(struct ip_addr at, uint8_t ttl, uint8_t min_ttl)
{
    struct ip_addr remote, local;
    int fd = sock_listen(&at, 0);
    int client = sock_dial(&at, port_of(fd), &at, &(struct sock_options){ .ttl = ttl });
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CU_ASSERT_EQUAL_FATAL(poll(&p, 1, WAIT_MS), 1);
    int server = sock_accept(fd, &remote, &local);
    bool is = sock_came_from_afar(server, min_ttl);
    close(server);
    close(client);
    close(fd);
    return is;
}

static void test_the_first_segment_tells_how_far_a_connection_came(void)
{
    const struct ip_addr here6 = { .family = BGP_IP6, .bytes = { [15] = 1 } };
    CU_ASSERT_FALSE(is_from_afar(here, 255, 255));
    CU_ASSERT_TRUE(is_from_afar(here, 254, 255));
    CU_ASSERT_FALSE(is_from_afar(here, 1, 0));
    CU_ASSERT_FALSE(is_from_afar(here6, 255, 255));
    CU_ASSERT_TRUE(is_from_afar(here6, 64, 255));
}

/* An accepted connection is bound by its own peer's number, whatever the listener lets in. */
static void test_an_accepted_connection_has_its_own_least_ttl(void)
{
    struct ip_addr remote, local;
    int fd = sock_listen(&here, 0), least = 0;
    socklen_t len = sizeof least;
    int client = sock_dial(&here, port_of(fd), &here, &(struct sock_options){ .ttl = 64 });
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CU_ASSERT_EQUAL_FATAL(poll(&p, 1, WAIT_MS), 1);
    int server = sock_accept(fd, &remote, &local);
    sock_tune(server, &(struct sock_options){ .ttl = 255, .min_ttl = 254 });
    CU_ASSERT_TRUE(sock_came_from_afar(server, 254)); /* what it has said by now was heard */
    CU_ASSERT_EQUAL(getsockopt(server, IPPROTO_IP, IP_MINTTL, &least, &len), 0);
    CU_ASSERT_EQUAL(least, 254);
    CU_ASSERT_EQUAL(send(client, "late", 4, MSG_NOSIGNAL), 4);
    p.fd = server;
    CU_ASSERT_EQUAL(poll(&p, 1, WAIT_MS), 0); /* the kernel drops what it says now */
    close(client);
    close(server);
    close(fd);
}

/* ---- RFC 2385 ---- */

static char key_file[] = "/tmp/tandem-key-XXXXXX";

static void write_key(const char *text)
{
    strcpy(key_file, "/tmp/tandem-key-XXXXXX");
    int fd = mkstemp(key_file);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void test_a_prefix_of_peers_has_one_key(void)
{
    struct config_peer peers[] = { { .peer_ip = here,
                                     .is_range = true,
                                     .range = { .len = 30, .bytes = { 127, 0, 0, 8 } },
                                     .ttl = 64 } };
    struct config c = { .peers = peers, .peer_count = 1 };
    const struct ip_addr inside = { .bytes = { 127, 0, 0, 10 } }, outside = { .bytes = { 127, 0, 0, 12 } };
    const struct sock_options right = { .md5_key = "secret" }, wrong = { .md5_key = "guess" }, none = { 0 };
    write_key("secret\n");
    peers[0].md5_key_file = key_file;
    int fd = listener_for(&c);
    CU_ASSERT_TRUE(connects(fd, inside, &right));
    CU_ASSERT_FALSE(connects(fd, inside, &wrong));
    CU_ASSERT_FALSE(connects(fd, inside, &none));
    CU_ASSERT_TRUE(connects(fd, outside, &none));
    close(fd);
    unlink(key_file);
}

static void test_another_configuration_has_other_keys(void)
{
    struct config_peer old[] = { peer_with(2, 0) }, new[] = { peer_with(3, 0) };
    struct config was = { .peers = old, .peer_count = 1 }, is = { .peers = new, .peer_count = 1 };
    write_key("secret");
    old[0].md5_key_file = new[0].md5_key_file = key_file;
    int fd = listener_for(&was);
    CU_ASSERT_FALSE(connects(fd, old[0].peer_ip, &(struct sock_options){ 0 }));
    guard(fd, &is, &was);
    CU_ASSERT_TRUE(connects(fd, old[0].peer_ip, &(struct sock_options){ 0 }));
    CU_ASSERT_FALSE(connects(fd, new[0].peer_ip, &(struct sock_options){ 0 }));
    CU_ASSERT_TRUE(connects(fd, new[0].peer_ip, &(struct sock_options){ .md5_key = "secret" }));
    close(fd);
    unlink(key_file);
}

/* ---- RFC 5925 ---- */

static char said[512];

static bool permits(const struct config *c)
{
    memset(said, 0, sizeof said);
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    bool yes = guard_permits(c, out);
    fclose(out);
    return yes;
}

static void test_a_key_that_others_may_read_is_warned_of_once(void)
{
    struct config_peer peers[] = { peer_with(2, 0), peer_with(3, 0) };
    struct config c = { .peers = peers, .peer_count = 2, .path = "file" };
    write_key("secret");
    peers[0].md5_key_file = peers[1].md5_key_file = key_file;
    CU_ASSERT_TRUE(permits(&c));
    CU_ASSERT_STRING_EQUAL(said, "");
    chmod(key_file, 0644);
    CU_ASSERT_TRUE(permits(&c));
    const char *first = strstr(said, "warning: others may read this key; mend it with: chmod 640");
    CU_ASSERT_TRUE(first && !strstr(first + 1, "warning"));
    unlink(key_file);
}

static void test_tcp_ao_is_there_or_the_peer_that_asks_for_it_is_named(void)
{
    struct config_peer peers[] = { peer_with(2, 0), peer_with(3, 0) };
    struct config c = { .peers = peers, .peer_count = 2, .path = key_file };
    strcpy(peers[1].name, "that");
    CU_ASSERT_TRUE(permits(&c));
    CU_ASSERT_STRING_EQUAL(said, "");
    write_key("secret");
    peers[1].tcp_ao = (struct config_tcp_ao){ .key_file = key_file, .send_id = 1, .receive_id = 1 };
    CU_ASSERT_EQUAL(permits(&c), sock_has_ao());
    CU_ASSERT_TRUE(sock_has_ao() || strstr(said, "peers: that asks for TCP-AO") != NULL);
    if (sock_has_ao()) {
        const struct sock_ao_key key = { "secret", "hmac(sha1)", 1, 1 };
        int fd = listener_for(&c);
        CU_ASSERT_TRUE(connects(fd, peers[1].peer_ip, &(struct sock_options){ .ao = &key }));
        CU_ASSERT_FALSE(connects(fd, peers[1].peer_ip, &(struct sock_options){ 0 }));
        close(fd);
    }
    peers[1].disabled = true;
    CU_ASSERT_TRUE(permits(&c));
    unlink(key_file);
}

/* What a kernel that has it is asked for: of each key its peer's last octet, the number that is sent, '+' or '-'. */
static struct asked {
    bool is_on;
    size_t count;
    struct {
        char what;
        uint8_t last, send_id, receive_id, prefix;
    } keys[8];
} asked;

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    enum { ADD = 38, DEL = 39, ADD_AT = 128 + 64 + 10, DEL_AT = 128 + 10 }; /* prefix, sndid, rcvid: <linux/tcp.h> */
    if (!asked.is_on || level != IPPROTO_TCP || (name != ADD && name != DEL))
        return __real_setsockopt(fd, level, name, value, len);
    struct sockaddr_in peer;
    memcpy(&peer, value, sizeof peer);
    const uint8_t *ids = (const uint8_t *)value + (name == ADD ? ADD_AT : DEL_AT);
    CU_ASSERT_FATAL(asked.count < sizeof asked.keys / sizeof *asked.keys);
    CU_ASSERT_TRUE(name == ADD || len == 144);
    asked.keys[asked.count].what = name == ADD ? '+' : '-';
    asked.keys[asked.count].last = (uint8_t)(ntohl(peer.sin_addr.s_addr) & 0xff);
    asked.keys[asked.count].prefix = ids[0];
    asked.keys[asked.count].send_id = ids[1];
    asked.keys[asked.count++].receive_id = ids[2];
    return 0;
}

static bool was_asked(size_t nth, char what, uint8_t last, uint8_t send_id)
{
    return nth < asked.count && asked.keys[nth].what == what && asked.keys[nth].last == last &&
           asked.keys[nth].prefix == 32 && asked.keys[nth].send_id == send_id && asked.keys[nth].receive_id == send_id + 1;
}

static void test_keys_of_tcp_ao_go_before_others_come(void)
{
    struct config_peer old[] = { peer_with(2, 0), peer_with(3, 0) }, new[] = { peer_with(2, 0) };
    struct config was = { .peers = old, .peer_count = 2 }, is = { .peers = new, .peer_count = 1 };
    write_key("secret");
    old[0].tcp_ao = old[1].tcp_ao = new[0].tcp_ao = (struct config_tcp_ao){ .key_file = key_file, .send_id = 5, .receive_id = 6 };
    new[0].tcp_ao.send_id = 7;
    new[0].tcp_ao.receive_id = 8;
    asked = (struct asked){ .is_on = true };
    int fd = listener_for(&was);
    CU_ASSERT_EQUAL(asked.count, 2);
    CU_ASSERT_TRUE(was_asked(0, '+', 2, 5) && was_asked(1, '+', 3, 5));
    guard(fd, &is, &was);
    CU_ASSERT_EQUAL(asked.count, 5);
    CU_ASSERT_TRUE(was_asked(2, '-', 2, 5) && was_asked(3, '-', 3, 5) && was_asked(4, '+', 2, 7));
    asked.is_on = false;
    close(fd);
    unlink(key_file);
}

static void test_a_peer_whose_key_is_not_there_is_named(void)
{
    static const char *const wrong[][2] = { { "", "empty" }, { "\n", "empty" },
        { "123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.1", "longer than 80" } };
    struct config_peer peers[] = { peer_with(2, 0), peer_with(3, 0) };
    struct config c = { .peers = peers, .peer_count = 2, .path = key_file };
    strcpy(peers[1].name, "that");
    peers[1].md5_key_file = key_file;
    unlink(key_file);
    CU_ASSERT_FALSE(permits(&c));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "the key of that, "));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "No such file"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_key(wrong[i][0]);
        CU_ASSERT_FALSE(permits(&c));
        CU_ASSERT_PTR_NOT_NULL(strstr(said, wrong[i][1]));
        unlink(key_file);
    }
    write_key(wrong[2][0] + 1); /* 80 letters */
    CU_ASSERT_TRUE(permits(&c));
    unlink(key_file);
    peers[1].disabled = true;
    CU_ASSERT_TRUE(permits(&c));
}

CU_MAIN("guard", CU_CASE(test_a_segment_from_too_far_is_dropped_before_there_is_a_connection),
        CU_CASE(test_one_peer_without_ttl_security_may_come_from_anywhere),
        CU_CASE(test_the_first_segment_tells_how_far_a_connection_came),
        CU_CASE(test_an_accepted_connection_has_its_own_least_ttl),
        CU_CASE(test_a_prefix_of_peers_has_one_key), CU_CASE(test_another_configuration_has_other_keys),
        CU_CASE(test_a_key_that_others_may_read_is_warned_of_once),
        CU_CASE(test_tcp_ao_is_there_or_the_peer_that_asks_for_it_is_named),
        CU_CASE(test_keys_of_tcp_ao_go_before_others_come),
        CU_CASE(test_a_peer_whose_key_is_not_there_is_named))
