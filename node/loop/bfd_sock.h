/* UDP sockets of BFD: TTL 255 on what goes out, the TTL of what comes in (RFC 5881 sections 4 and 5).
 * All are non-blocking and closed on exec. Errors are negative errno values. */
#ifndef TANDEM_NODE_BFD_SOCK_H
#define TANDEM_NODE_BFD_SOCK_H

#include "bgp/codec/types.h"

/* A socket that receives on this address and port. */
int bfd_sock_listen(const struct ip_addr *addr, uint16_t port) MUST_USE;
/* A socket of one session: from this address, from a port of its own above 49152. Where the search
 * for a free one begins is the caller's chance. */
int bfd_sock_source(const struct ip_addr *addr, uint32_t chance) MUST_USE;
int bfd_sock_send(int fd, const struct ip_addr *to, uint16_t port, const uint8_t *data, size_t len);
/* One datagram, cut to cap: its length, or -EAGAIN. A TTL that the system does not tell counts as 0. */
int bfd_sock_receive(int fd, uint8_t *buf, size_t cap, struct ip_addr *from, uint8_t *ttl) MUST_USE;

#endif
