/* Sockets with the options that BGP and the cluster channel need. All are non-blocking and closed on
 * exec. Errors are negative errno values. */
#ifndef TANDEM_NODE_SOCK_H
#define TANDEM_NODE_SOCK_H

#include "bgp/codec/types.h"

struct sock_ao_key {
    const char *text, *algorithm; /* the kernel's name: "hmac(sha1)", "cmac(aes128)" */
    uint8_t send_id, receive_id;
};

struct sock_options {
    uint8_t ttl;         /* outgoing TTL or hop limit; 0 = the system's */
    uint8_t min_ttl;     /* segments with less are dropped by the kernel (RFC 5082); 0 = none are */
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT: unacknowledged for so long is dead; 0 = the system's */
    const char *md5_key;      /* of a dial; NULL = none */
    const struct sock_ao_key *ao;
};

/* A listening socket on this address and port. */
int sock_listen(const struct ip_addr *addr, uint16_t port) MUST_USE;
/* A socket whose connection to remote has begun; local zero = any. */
int sock_dial(const struct ip_addr *remote, uint16_t port, const struct ip_addr *local,
              const struct sock_options *options) MUST_USE;
/* The outcome of a dial, once writable: 0 or negative errno. */
int sock_dial_result(int fd);
void sock_tune(int fd, const struct sock_options *options);
/* The TTLs alone, as in the options; also of a listener, whose connections begin with them. */
void sock_guard_ttl(int fd, uint8_t ttl, uint8_t min_ttl);
/* Accept one connection, or -EAGAIN. */
int sock_accept(int listener, struct ip_addr *remote, struct ip_addr *local) MUST_USE;
/* Did an accepted connection begin with a segment of less than this TTL? What it said before sock_tune was heard.
 * To be asked once: the kernel forgets it. Source: TCP_SAVED_SYN, tcp(7). */
bool sock_came_from_afar(int fd, uint8_t min_ttl);
int sock_local(int fd, struct ip_addr *out);
/* Is it in the subnet of an address that this host has? */
bool sock_is_on_link(const struct ip_addr *a);
/* Is anything that was sent more than a moment ago not acknowledged yet? */
bool sock_is_unanswered(int fd);
/* Both ports of a connection, 0 where it has none any more. */
void sock_ports(int fd, uint16_t *local, uint16_t *remote);
/* RFC 2385: segments from and to these peers carry a digest with this key, at most 80 bytes; "" = they
 * carry none any more. Of several prefixes the longest counts. */
int sock_md5(int fd, const struct ip_prefix *peers, const char *key);

/* RFC 5925. Kernels have it since Linux 6.7, where it is built in. */
bool sock_has_ao(void);
int sock_ao(int fd, const struct ip_prefix *peers, const struct sock_ao_key *key, bool is_dialled);
/* A listener's: these peers do not come with the key of these numbers any more. */
int sock_ao_remove(int fd, const struct ip_prefix *peers, uint8_t send_id, uint8_t receive_id);

/* An address as the system has it; its length. And back. */
struct sockaddr_storage;
unsigned sock_address(const struct ip_addr *a, uint16_t port, struct sockaddr_storage *out);
void sock_from_address(const struct sockaddr_storage *from, struct ip_addr *out);

#endif
