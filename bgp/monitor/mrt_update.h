/* MRT: what was heard on sessions, record by record (RFC 6396 section 4.4, with microseconds as of section 3;
 * RFC 8050 for messages with path ids). */
#ifndef TANDEM_BGP_MRT_UPDATE_H
#define TANDEM_BGP_MRT_UPDATE_H

#include "bgp/codec/msg.h"

/* Both ends of a session. Addresses are of one family; ours may be zero where it is not known. */
struct mrt_session {
    uint32_t peer_asn, local_asn;
    struct ip_addr peer, local;
};

/* Around a record's content there are at most so many octets: room that is always enough. */
enum { MRT_AROUND = 64 };

/* Write one record at buf. Returns its length, 0 when cap is too small.
 * codec  what the session has agreed on, NULL before it has
 * message, len  one whole BGP message as it came */
size_t mrt_message(uint8_t *buf, size_t cap, const struct mrt_session *s,
                   const struct bgp_codec *codec, uint64_t wall_ms, const uint8_t *message, size_t len);
/* States as in RFC 6396 section 4.4.1: 1 Idle … 6 Established. */
size_t mrt_state_change(uint8_t *buf, size_t cap, const struct mrt_session *s, uint64_t wall_ms,
                        uint16_t from, uint16_t to);

#endif
