#include "node/io/sock.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, UNSENT = 128 * 1024, UNANSWERED_MS = 250 };

unsigned sock_address(const struct ip_addr *a, uint16_t port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    if (a->family == BGP_IP4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->bytes, 16);
    return sizeof *in6;
}

void sock_from_address(const struct sockaddr_storage *from, struct ip_addr *out)
{
    *out = (struct ip_addr){ .family = from->ss_family == AF_INET ? BGP_IP4 : BGP_IP6 };
    if (from->ss_family == AF_INET)
        memcpy(out->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else
        memcpy(out->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
}

static int open_stream(const struct ip_addr *a)
{
    int family = a->family == BGP_IP4 ? AF_INET : AF_INET6, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
}

static int give_up(int fd)
{
    int err = -errno;
    close(fd);
    return err;
}

int sock_listen(const struct ip_addr *addr, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t len = sock_address(addr, port, &to);
    int fd = open_stream(addr), on = 1;
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on); /* for sock_came_from_afar */
    if (bind(fd, (struct sockaddr *)&to, len) || listen(fd, BACKLOG))
        return give_up(fd);
    return fd;
}

/* One of the two families applies; the other fails and changes nothing. */
void sock_guard_ttl(int fd, uint8_t ttl, uint8_t min_ttl)
{
    int out = ttl ? ttl : -1, least = min_ttl; /* -1: the system's again */
    setsockopt(fd, IPPROTO_IP, IP_TTL, &out, sizeof out);
    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &out, sizeof out);
    setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof least);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &least, sizeof least);
}

void sock_tune(int fd, const struct sock_options *o)
{
    int on = 1, unsent = UNSENT;
    unsigned timeout_ms = o->user_timeout_ms;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sock_guard_ttl(fd, o->ttl, o->min_ttl);
    /* Beats and keepalives must not wait behind megabytes in the kernel, which would also hide for long that a peer
     * reads nothing (RFC 9687 section 3). */
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    if (timeout_ms)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

bool sock_came_from_afar(int fd, uint8_t min_ttl)
{
    enum { HEADERS_MAX = 60 + 60, TTL_AT = 8, HOP_LIMIT_AT = 7 };
    uint8_t syn[HEADERS_MAX];
    socklen_t len = sizeof syn;
    if (!min_ttl || getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len) || len <= TTL_AT)
        return false;
    return syn[syn[0] >> 4 == 4 ? TTL_AT : HOP_LIMIT_AT] < min_ttl;
}

/* The system's list has no room for a sockaddr_storage, nor its alignment. */
static struct ip_addr listed_address(const struct sockaddr *at)
{
    struct sockaddr_storage roomy = { 0 };
    struct ip_addr a;
    memcpy(&roomy, at, at->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    sock_from_address(&roomy, &a);
    return a;
}

static bool shares_subnet(const struct ifaddrs *own, const struct ip_addr *a)
{
    if (!own->ifa_addr || !own->ifa_netmask ||
        own->ifa_addr->sa_family != (a->family == BGP_IP4 ? AF_INET : AF_INET6))
        return false;
    const struct ip_addr first = listed_address(own->ifa_addr), mask = listed_address(own->ifa_netmask);
    for (unsigned i = 0; i < ip_addr_len(a->family); i++)
        if ((first.bytes[i] ^ a->bytes[i]) & mask.bytes[i])
            return false;
    return true;
}

bool sock_is_on_link(const struct ip_addr *a)
{
    struct ifaddrs *all;
    bool is_found = false;
    if (getifaddrs(&all))
        return false;
    for (const struct ifaddrs *own = all; own && !is_found; own = own->ifa_next)
        is_found = shares_subnet(own, a);
    freeifaddrs(all);
    return is_found;
}

bool sock_is_unanswered(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
        return false;
    return info.tcpi_unacked && info.tcpi_last_ack_recv >= UNANSWERED_MS && info.tcpi_last_data_recv >= UNANSWERED_MS;
}

int sock_md5(int fd, const struct ip_prefix *peers, const char *key)
{
    struct tcp_md5sig sig = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX,
                              .tcpm_prefixlen = peers->len,
                              .tcpm_keylen = (uint16_t)strnlen(key, TCP_MD5SIG_MAXKEYLEN) };
    struct ip_addr first = { .family = peers->family };
    struct sockaddr_storage to;
    memcpy(first.bytes, peers->bytes, sizeof first.bytes);
    sock_address(&first, 0, &to);
    memcpy(&sig.tcpm_addr, &to, sizeof to);
    memcpy(sig.tcpm_key, key, sig.tcpm_keylen);
    int err = setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &sig, sizeof sig) ? -errno : 0;
    explicit_bzero(&sig, sizeof sig);
    return err;
}

/* As <linux/tcp.h> has it since Linux 6.7; the one of Debian 12 is older. */
enum { AO_ADD_KEY = 38, AO_DEL_KEY = 39, AO_KEY_MAX = 80, AO_MAC = 12 };

struct ao_add {
    struct sockaddr_storage addr;
    char algorithm[64];
    int32_t ifindex;
    uint32_t set_current : 1, set_rnext : 1, reserved : 30;
    uint16_t reserved2;
    uint8_t prefix, send_id, receive_id, mac_len, flags, key_len;
    uint8_t key[AO_KEY_MAX];
} __attribute__((aligned(8)));

struct ao_del {
    struct sockaddr_storage addr;
    int32_t ifindex;
    uint32_t set_current : 1, set_rnext : 1, is_later : 1, reserved : 29;
    uint16_t reserved2;
    uint8_t prefix, send_id, receive_id, current_key, rnext, flags;
} __attribute__((aligned(8)));

bool sock_has_ao(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), none = 0; /* too short for a key */
    bool has = fd >= 0 && setsockopt(fd, IPPROTO_TCP, AO_ADD_KEY, &none, sizeof none) < 0 &&
               errno != ENOPROTOOPT;
    if (fd >= 0)
        close(fd);
    return has;
}

int sock_ao(int fd, const struct ip_prefix *peers, const struct sock_ao_key *key, bool is_dialled)
{
    struct ao_add add = { .prefix = peers->len,
                          .set_current = is_dialled,
                          .set_rnext = is_dialled,
                          .send_id = key->send_id,
                          .receive_id = key->receive_id,
                          .mac_len = AO_MAC,
                          .key_len = (uint8_t)strnlen(key->text, AO_KEY_MAX) };
    struct ip_addr first = { .family = peers->family };
    memcpy(first.bytes, peers->bytes, sizeof first.bytes);
    sock_address(&first, 0, &add.addr);
    memcpy(add.algorithm, key->algorithm, strnlen(key->algorithm, sizeof add.algorithm - 1));
    memcpy(add.key, key->text, add.key_len);
    int err = setsockopt(fd, IPPROTO_TCP, AO_ADD_KEY, &add, sizeof add) ? -errno : 0;
    explicit_bzero(&add, sizeof add);
    return err;
}

/* Memory of the key is freed later (del_async): to wait for that takes the kernel milliseconds. */
int sock_ao_remove(int fd, const struct ip_prefix *peers, uint8_t send_id, uint8_t receive_id)
{
    struct ao_del del = { .prefix = peers->len, .is_later = 1, .send_id = send_id, .receive_id = receive_id };
    struct ip_addr first = { .family = peers->family };
    memcpy(first.bytes, peers->bytes, sizeof first.bytes);
    sock_address(&first, 0, &del.addr);
    return setsockopt(fd, IPPROTO_TCP, AO_DEL_KEY, &del, sizeof del) ? -errno : 0;
}

static int set_keys(int fd, const struct ip_addr *remote, const struct sock_options *o)
{
    struct ip_prefix peer = { .family = remote->family, .len = (uint8_t)(8 * ip_addr_len(remote->family)) };
    memcpy(peer.bytes, remote->bytes, sizeof peer.bytes);
    if (o->ao)
        return sock_ao(fd, &peer, o->ao, true);
    return o->md5_key ? sock_md5(fd, &peer, o->md5_key) : 0;
}

int sock_dial(const struct ip_addr *remote, uint16_t port, const struct ip_addr *local,
              const struct sock_options *options)
{
    struct sockaddr_storage to;
    int fd = open_stream(remote);
    if (fd < 0)
        return fd;
    sock_tune(fd, options);
    int err = set_keys(fd, remote, options);
    if (err) {
        close(fd);
        return err;
    }
    if (!ip_addr_is_zero(local)) {
        socklen_t len = sock_address(local, 0, &to);
        if (bind(fd, (struct sockaddr *)&to, len))
            return give_up(fd);
    }
    socklen_t len = sock_address(remote, port, &to);
    if (connect(fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS)
        return give_up(fd);
    return fd;
}

int sock_dial_result(int fd)
{
    int err = 0;
    socklen_t len = sizeof err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
        return -errno;
    return -err;
}

int sock_local(int fd, struct ip_addr *out)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len))
        return -errno;
    sock_from_address(&at, out);
    return 0;
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)at)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)at)->sin6_port);
}

void sock_ports(int fd, uint16_t *local, uint16_t *remote)
{
    struct sockaddr_storage near = { 0 }, far = { 0 };
    socklen_t near_len = sizeof near, far_len = sizeof far;
    *local = *remote = 0;
    if (!getsockname(fd, (struct sockaddr *)&near, &near_len))
        *local = port_of(&near);
    if (!getpeername(fd, (struct sockaddr *)&far, &far_len))
        *remote = port_of(&far);
}

int sock_accept(int listener, struct ip_addr *remote, struct ip_addr *local)
{
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof from;
    int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    sock_from_address(&from, remote);
    int err = sock_local(fd, local);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}
