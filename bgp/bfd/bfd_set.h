/* All BFD sessions of a node: who gets a packet, discriminators, and the hop rules of RFC 5881 and 5883.
 *
 * Peers carry a number of the caller's, 1 and up, that finds them again. */
#ifndef TANDEM_BGP_BFD_SET_H
#define TANDEM_BGP_BFD_SET_H

#include "bgp/base/hash.h"
#include "bgp/bfd/bfd.h"

enum bfd_hops {
    BFD_HOPS_AUTO, /* like the peer: what it uses while the session is not Up decides */
    BFD_SINGLE_HOP,
    BFD_MULTIHOP,
};

enum { BFD_ID_MAX = UINT16_MAX };

struct bfd_peer_cfg {
    uint32_t id;                  /* 1..BFD_ID_MAX, of no other peer of the set */
    struct ip_addr local, remote; /* of one family */
    uint8_t hops;                 /* enum bfd_hops */
    bool seems_remote;            /* BFD_HOPS_AUTO: begin with multihop */
    struct bfd_times times;
};

struct bfd_peer {
    struct bfd_peer_cfg cfg;
    bool is_multihop; /* as it is sent now */
    struct bfd_session *session;
};

/* How a packet came. */
struct bfd_arrival {
    struct ip_addr local, remote;
    uint8_t ttl;
    bool is_multihop; /* to port 4784 */
};

struct bfd_set {
    struct hash_key key; /* random: discriminators and jitter come from it */
    uint64_t drawn;
    struct bfd_peer **peers; /* by id; [0] is unused */
    uint32_t peer_room;
    struct hash_index by_discriminator, by_remote; /* values are ids */
};

void bfd_set_init(struct bfd_set *set, const struct hash_key *key);
void bfd_set_fini(struct bfd_set *set);

/* NULL: out of memory, and nothing changed. */
struct bfd_peer *bfd_set_open(struct bfd_set *set, const struct bfd_peer_cfg *cfg, uint64_t now_ms);
void bfd_set_close(struct bfd_set *set, uint32_t id);
struct bfd_peer *bfd_set_get(const struct bfd_set *set, uint32_t id); /* NULL: no such peer */
/* The peer with the lowest id above this one; NULL ends. */
struct bfd_peer *bfd_set_next(const struct bfd_set *set, uint32_t id);

/* A datagram. BFD_ACCEPTED: *out is the peer whose session was fed. */
enum bfd_verdict bfd_set_receive(struct bfd_set *set, const struct bfd_arrival *how,
                                 const uint8_t *data, size_t len, struct bfd_peer **out,
                                 uint64_t now_ms);

#endif
