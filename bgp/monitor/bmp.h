/* BMP: the messages that a monitoring station reads (version 3). Only written, never read: a station has
 * nothing to say.
 *
 * Each function writes one whole message at buf and returns its length, or 0 when cap is too small. The
 * room that is always enough: BMP_MESSAGE_MAX.
 * Source: RFC 7854 section 4; RFC 8671 (Adj-RIB-Out); RFC 9069 (Loc-RIB). */
#ifndef TANDEM_BGP_BMP_H
#define TANDEM_BGP_BMP_H

#include "bgp/codec/msg.h"

enum {
    BMP_HEADER = 6,
    BMP_PEER_HEADER = 42,
    BMP_UPDATE_AT = BMP_HEADER + BMP_PEER_HEADER, /* where the UPDATE of a Route Monitoring begins */
    BMP_MESSAGE_MAX = BMP_UPDATE_AT + 1 + BGP_MESSAGE_MAX_EXTENDED, /* a Peer Down: reason and NOTIFICATION */
};

enum bmp_peer_type { BMP_GLOBAL_INSTANCE = 0, BMP_LOC_RIB_INSTANCE = 3 };

/* V (an IPv6 address) is set where it belongs. A is never set: paths are told in four octets, also those
 * of two-octet speakers (RFC 7854 section 4.2). F of a Loc-RIB is not needed: it is told whole. */
enum bmp_peer_flag {
    BMP_POST_POLICY = 0x40, /* L */
    BMP_ADJ_RIB_OUT = 0x10, /* O, RFC 8671 section 4 */
};

/* The per-peer header. A Loc-RIB has no address; its asn and identifier are our own (RFC 9069 section 5.1). */
struct bmp_peer {
    uint8_t type, flags;
    struct ip_addr address;
    uint32_t asn, identifier;
    uint64_t wall_ms; /* since 1970; 0 = not known */
};

size_t bmp_initiation(uint8_t *buf, size_t cap, const char *name, const char *description);

enum bmp_termination { BMP_ADMINISTRATIVELY_CLOSED = 0, BMP_OUT_OF_RESOURCES = 2 };
size_t bmp_termination(uint8_t *buf, size_t cap, enum bmp_termination reason, const char *text);

/* A Peer Up: our end, ports, and both OPENs as they were on the wire. */
struct bmp_up {
    struct ip_addr local; /* of the family of the peer's; zero for a Loc-RIB */
    uint16_t local_port, remote_port;
    const uint8_t *sent, *received;
    size_t sent_len, received_len;
    const char *table; /* VRF/Table Name (RFC 9069 section 5.2.1), or NULL */
};
size_t bmp_peer_up(uint8_t *buf, size_t cap, const struct bmp_peer *peer, const struct bmp_up *up);

enum bmp_down_reason {
    BMP_LOCAL_NOTIFICATION = 1,  /* data: the NOTIFICATION that we sent */
    BMP_LOCAL_CLOSED = 2,        /* data: two octets, the event of RFC 4271 section 8.1 */
    BMP_REMOTE_NOTIFICATION = 3, /* data: the NOTIFICATION that came */
    BMP_REMOTE_CLOSED = 4,       /* no data */
    BMP_DECONFIGURED = 5,        /* no data: it is told of no more */
};
size_t bmp_peer_down(uint8_t *buf, size_t cap, const struct bmp_peer *peer, enum bmp_down_reason reason,
                     const uint8_t *data, size_t len);

/* A Route Monitoring around an UPDATE of this length that stands at buf + BMP_UPDATE_AT. */
size_t bmp_route(uint8_t *buf, const struct bmp_peer *peer, size_t update_len);

enum bmp_statistic {
    BMP_ADJ_RIB_IN_ROUTES = 7,
    BMP_LOC_RIB_ROUTES = 8,
    BMP_LOC_RIB_FAMILY_ROUTES = 10,
    BMP_TREATED_AS_WITHDRAW = 11, /* UPDATEs */
    BMP_ADJ_RIB_OUT_ROUTES = 15,  /* after policy, as the next: RFC 8671 section 6.2 */
    BMP_ADJ_RIB_OUT_FAMILY_ROUTES = 17,
};
struct bmp_number {
    uint16_t type; /* enum bmp_statistic */
    uint8_t family; /* where the type is one by family */
    uint64_t value;
};
size_t bmp_statistics(uint8_t *buf, size_t cap, const struct bmp_peer *peer,
                      const struct bmp_number *numbers, uint32_t count);

#endif
