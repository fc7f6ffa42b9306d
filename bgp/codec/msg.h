/* Message framing and the small messages; for a NOTIFICATION see bgp/codec/notification.h. Source: RFC 4271 section 4, RFC 2918, RFC 7313, RFC 8654. */
#ifndef TANDEM_BGP_MSG_H
#define TANDEM_BGP_MSG_H

#include "bgp/codec/types.h"

enum {
    BGP_HEADER = 19,
    BGP_MESSAGE_MAX = 4096,
    BGP_MESSAGE_MAX_EXTENDED = 65535, /* RFC 8654 */
    BGP_PORT = 179,
};

enum bgp_message_type {
    BGP_OPEN = 1,
    BGP_UPDATE = 2,
    BGP_NOTIFICATION = 3,
    BGP_KEEPALIVE = 4,
    BGP_ROUTE_REFRESH = 5,
};

struct bgp_message {
    uint8_t type;
    uint16_t body_len;
    const uint8_t *body; /* borrowed from the input; the header stands before it */
};

/* Look for one whole message at the start of data.
 * max      longest message this side accepts; an OPEN and a KEEPALIVE stay at 4096 (RFC 8654 section 4)
 * returns  bytes of the message with *out filled; 0: more bytes are needed;
 *          -1: *fault holds the header error of RFC 4271 section 6.1 */
int bgp_message_scan(const uint8_t *data, size_t len, size_t max, struct bgp_message *out,
                     struct bgp_fault *fault) MUST_USE;

/* Write header and body_len into buf for a body that already stands at buf + BGP_HEADER. */
size_t bgp_message_finish(uint8_t *buf, enum bgp_message_type type, size_t body_len);

/* A ROUTE-REFRESH that asks for something. */
struct bgp_refresh {
    uint8_t family, subtype; /* 0 request, 1 begin, 2 end (RFC 7313) */
};
/* returns  1 with *out filled; 0: to be ignored, for its family or subtype (RFC 2918 section 3, RFC 7313
 *          section 5); -1: *fault says what is wrong with its length
 * Octets behind those that a request needs, such as filters (RFC 5291), are not looked at. */
int bgp_refresh_decode(const struct bgp_message *m, const struct bgp_codec *codec,
                       struct bgp_refresh *out, struct bgp_fault *fault) MUST_USE;

size_t bgp_keepalive_write(uint8_t *buf);
/* subtype: 0 request, 1 begin, 2 end of refresh (RFC 7313). */
size_t bgp_refresh_write(uint8_t *buf, enum bgp_family family, uint8_t subtype);

#endif
