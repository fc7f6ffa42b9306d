/* BFD control packets on the wire, and the reception rules that need no session.
 *
 * Source: RFC 5880 sections 4.1 and 6.8.6. Authentication and the echo function are not used. */
#ifndef TANDEM_BGP_BFD_PACKET_H
#define TANDEM_BGP_BFD_PACKET_H

#include "bgp/codec/types.h"

enum {
    BFD_PACKET = 24,          /* octets of a packet without authentication: all that we send */
    BFD_PORT = 3784,          /* UDP, single hop: RFC 5881 section 4 */
    BFD_PORT_MULTIHOP = 4784, /* RFC 5883 section 5 */
    BFD_SOURCE_PORT = 49152,  /* the lowest allowed one: RFC 5881 section 4 */
    BFD_TTL = 255,            /* sent always; demanded of single-hop packets: RFC 5881 section 5 */
};

enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP, BFD_STATES };

enum bfd_diag {
    BFD_DIAG_NONE,
    BFD_DIAG_EXPIRED, /* Control Detection Time Expired */
    BFD_DIAG_ECHO_FAILED,
    BFD_DIAG_NEIGHBOR_DOWN, /* Neighbor Signaled Session Down */
    BFD_DIAG_PLANE_RESET,
    BFD_DIAG_PATH_DOWN,
    BFD_DIAG_CONCATENATED_DOWN,
    BFD_DIAG_ADMIN_DOWN,
    BFD_DIAG_REVERSE_DOWN,
    BFD_DIAGS,
};

struct bfd_packet {
    uint8_t state; /* enum bfd_state */
    uint8_t diag;  /* 0..31, enum bfd_diag as far as known */
    uint8_t detect_mult;
    bool poll, final, demand;
    uint32_t my_discriminator, your_discriminator;
    uint32_t desired_tx_us, required_rx_us;
};

/* What became of a packet: one word for each rule that can refuse it. */
enum bfd_verdict {
    BFD_ACCEPTED,
    BFD_DROP_SHORT,              /* less than the mandatory section, or than its own length says */
    BFD_DROP_VERSION,
    BFD_DROP_LENGTH,
    BFD_DROP_MULTIPLIER,         /* detect mult 0 */
    BFD_DROP_MULTIPOINT,
    BFD_DROP_MY_DISCRIMINATOR,   /* 0 */
    BFD_DROP_YOUR_DISCRIMINATOR, /* 0 while its sender is in Init or Up, or of no session */
    BFD_DROP_AUTHENTICATED,      /* none is in use */
    BFD_DROP_TTL,                /* single hop, but not 255 */
    BFD_DROP_STRANGER,           /* from an address without a session, or not the session's */
    BFD_DROP_HOPS,               /* single hop for a multihop session, or the reverse */
    BFD_VERDICTS,
};

/* The rules of RFC 5880 section 6.8.6 up to the choice of a session, in its order, and the A bit.
 * *out is filled when the packet is accepted. */
enum bfd_verdict bfd_packet_decode(const uint8_t *data, size_t len, struct bfd_packet *out) MUST_USE;
void bfd_packet_encode(const struct bfd_packet *p, uint8_t out[static BFD_PACKET]);

const char *bfd_state_name(uint8_t state);     /* "Up" … as the RFC writes them; "unknown" */
const char *bfd_diag_name(uint8_t diag);       /* "control detection time expired" …; "unknown" */

#endif
