/* Words that every part of the product shares: families, addresses, prefixes, faults, errors. */
#ifndef TANDEM_BGP_TYPES_H
#define TANDEM_BGP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))

#define BGP_ERR_MAP(X)                                                                             \
    X(BGP_ERR_NOMEM, -1, "out of memory")                                                          \
    X(BGP_ERR_SPACE, -2, "does not fit")                                                           \
    X(BGP_ERR_PARSE, -3, "malformed text")

#define BGP_ERR_ENUM(name, value, text) name = value,
enum bgp_err { BGP_ERR_MAP(BGP_ERR_ENUM) };
#undef BGP_ERR_ENUM

/* Families that the product carries; wire numbers are AFI 1 and 2, both SAFI 1 (RFC 4760). */
enum bgp_family { BGP_IP4, BGP_IP6, BGP_FAMILIES };

enum { BGP_SAFI_UNICAST = 1 };

static inline uint16_t bgp_family_afi(enum bgp_family f)
{
    return f == BGP_IP4 ? 1 : 2;
}

/* enum bgp_family, or -1: none of ours. */
static inline int bgp_family_of(uint16_t afi, uint8_t safi)
{
    if (safi != BGP_SAFI_UNICAST || afi < 1 || afi > 2)
        return -1;
    return afi == 1 ? BGP_IP4 : BGP_IP6;
}

/* An address; bytes past its length (4 or 16) are zero, so addresses compare by memcmp. */
struct ip_addr {
    uint8_t family; /* enum bgp_family */
    uint8_t bytes[16];
};

/* A prefix; bits past len are zero, so prefixes compare by memcmp. */
struct ip_prefix {
    uint8_t family; /* enum bgp_family */
    uint8_t len;    /* bits: 0..32 or 0..128 */
    uint8_t bytes[16];
};

enum { IP_ADDR_TEXT = 46, IP_PREFIX_TEXT = 50 };

static inline unsigned ip_addr_len(uint8_t family)
{
    return family == BGP_IP4 ? 4 : 16;
}

static inline unsigned ip_prefix_bytes(uint8_t len)
{
    return (len + 7u) / 8u;
}

/* Up to 16 octets, as a prefix has them: two moves that overlap take less than a call of memcpy. */
static inline void ip_copy(uint8_t *to, const uint8_t *from, unsigned bytes)
{
    if (bytes >= 8) {
        memcpy(to, from, 8);
        memcpy(to + bytes - 8, from + bytes - 8, 8);
    } else if (bytes >= 4) {
        memcpy(to, from, 4);
        memcpy(to + bytes - 4, from + bytes - 4, 4);
    } else if (bytes) {
        to[0] = from[0];
        to[bytes / 2] = from[bytes / 2];
        to[bytes - 1] = from[bytes - 1];
    }
}

static inline bool ip_addr_is_equal(const struct ip_addr *a, const struct ip_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static inline bool ip_addr_is_zero(const struct ip_addr *a)
{
    static const uint8_t zero[sizeof a->bytes];
    return memcmp(a->bytes, zero, sizeof zero) == 0;
}

/* Total order: family, then bytes. */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);
/* "10.1.2.4" or "fd00::4". BGP_ERR_PARSE leaves *out alone. */
int ip_addr_parse(const char *text, struct ip_addr *out) MUST_USE;
/* Writes at most IP_ADDR_TEXT bytes with the final 0; returns buf. */
char *ip_addr_format(const struct ip_addr *a, char buf[static IP_ADDR_TEXT]);

/* "10.1.0.0/16"; a bare address is its host prefix. Host bits that are set: BGP_ERR_PARSE. */
int ip_prefix_parse(const char *text, struct ip_prefix *out) MUST_USE;
/* The same without its host bits: what "10.1.2.4/16" was meant to be, for an error's mend. */
int ip_prefix_parse_around(const char *text, struct ip_prefix *out) MUST_USE;
char *ip_prefix_format(const struct ip_prefix *p, char buf[static IP_PREFIX_TEXT]);
bool ip_prefix_is_equal(const struct ip_prefix *a, const struct ip_prefix *b);
/* inner is outer or inside it; different families: false. */
bool ip_prefix_contains(const struct ip_prefix *outer, const struct ip_prefix *inner);
/* May there be a route to it? Not to multicast, to what never leaves a host or a link (127/8, ::1, IPv6
 * link-local, the broadcast address) or is no address at all (0/8, ::): such routes are semantically incorrect
 * and ignored (RFC 4271 section 6.3). 240/4 is private space in some clouds. */
bool ip6_prefix_is_routable(const struct ip_prefix *p);
static inline bool ip_prefix_is_routable(const struct ip_prefix *p)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
    const uint8_t *b = p->bytes;
    if (p->family == BGP_IP6)
        return ip6_prefix_is_routable(p);
    bool is_host_only = p->len >= 8 && (b[0] == 0 || b[0] == 127);
    return !is_host_only && (b[0] & 0xf0) != 0xe0 && (p->len < 32 || memcmp(b, broadcast, sizeof broadcast) != 0);
}
bool ip_prefix_contains_addr(const struct ip_prefix *outer, const struct ip_addr *addr);

/* What the negotiated session allows on the wire; the codec's whole knowledge of the peer. */
struct bgp_codec {
    bool as4;                      /* RFC 6793: AS numbers are four octets in AS_PATH */
    bool family[BGP_FAMILIES];     /* negotiated (RFC 4760, and IPv4 by default) */
    bool add_path_in[BGP_FAMILIES], add_path_out[BGP_FAMILIES]; /* RFC 7911: NLRI carry a path id */
    bool ext_next_hop;             /* RFC 8950: IPv6 next hop for IPv4 NLRI */
    bool refresh, enhanced_refresh; /* RFC 2918, RFC 7313 */
    bool long_lived;               /* RFC 9494: the peer knows of long-lived stale routes */
    uint16_t max_message;          /* 4096, or 65535 with RFC 8654, for what we send */
};

/* A peer's fault: a value, found by a decoder, carried out by the session. RFC 7606 section 2. */
enum bgp_action {
    BGP_ACTION_NONE,
    BGP_ACTION_ATTR_DISCARD,
    BGP_ACTION_TREAT_AS_WITHDRAW,
    BGP_ACTION_AFI_DISABLE,
    BGP_ACTION_SESSION_RESET,
};

/* Its data is what a NOTIFICATION carries of the message, whole: an attribute, a ROUTE-REFRESH. It is never a copy,
 * but the place where it stands in that message (or a constant), and ends with it. So a fault passes through hands,
 * and nobody stores one: what outlives the message is the NOTIFICATION as written, or its words. */
struct bgp_fault {
    uint8_t action; /* enum bgp_action; BGP_ACTION_NONE = no fault */
    uint8_t code, subcode;
    bool is_hard;      /* said as a Hard Reset around this reason (RFC 8538): see bgp/codec/notification.h */
    uint8_t attr_type; /* attribute at fault, 0 = none in particular */
    uint16_t data_len;
    const uint8_t *data; /* borrowed */
};

/* NOTIFICATION codes and subcodes: RFC 4271 section 4.5, 6608, 4486, 9384, 8538, 9234. */
enum bgp_error_code {
    BGP_MESSAGE_HEADER_ERROR = 1,
    BGP_OPEN_ERROR = 2,
    BGP_UPDATE_ERROR = 3,
    BGP_HOLD_TIMER_EXPIRED = 4,
    BGP_FSM_ERROR = 5,
    BGP_CEASE = 6,
    BGP_ROUTE_REFRESH_ERROR = 7, /* RFC 7313 */
    BGP_SEND_HOLD_TIMER_EXPIRED = 8, /* RFC 9687 */
};

enum bgp_refresh_subcode { BGP_REFRESH_BAD_LENGTH = 1 };

enum bgp_header_subcode { BGP_NOT_SYNCHRONIZED = 1, BGP_BAD_LENGTH = 2, BGP_BAD_TYPE = 3 };

enum bgp_open_subcode {
    BGP_UNSUPPORTED_VERSION = 1,
    BGP_BAD_PEER_AS = 2,
    BGP_BAD_IDENTIFIER = 3,
    BGP_UNSUPPORTED_PARAMETER = 4,
    BGP_UNACCEPTABLE_HOLD_TIME = 6,
    BGP_UNSUPPORTED_CAPABILITY = 7,
    BGP_ROLE_MISMATCH = 11,
};

enum bgp_update_subcode {
    BGP_MALFORMED_ATTRIBUTE_LIST = 1,
    BGP_UNRECOGNIZED_WELL_KNOWN = 2,
    BGP_MISSING_WELL_KNOWN = 3,
    BGP_ATTRIBUTE_FLAGS = 4,
    BGP_ATTRIBUTE_LENGTH = 5,
    BGP_INVALID_ORIGIN = 6,
    BGP_INVALID_NEXT_HOP = 8,
    BGP_OPTIONAL_ATTRIBUTE = 9,
    BGP_INVALID_NETWORK_FIELD = 10,
    BGP_MALFORMED_AS_PATH = 11,
};

enum bgp_fsm_subcode {
    BGP_UNEXPECTED_IN_OPENSENT = 1,
    BGP_UNEXPECTED_IN_OPENCONFIRM = 2,
    BGP_UNEXPECTED_IN_ESTABLISHED = 3,
};

enum bgp_cease_subcode {
    BGP_MAX_PREFIXES = 1,
    BGP_ADMIN_SHUTDOWN = 2,
    BGP_PEER_DECONFIGURED = 3,
    BGP_ADMIN_RESET = 4,
    BGP_CONNECTION_REJECTED = 5,
    BGP_CONFIG_CHANGE = 6,
    BGP_COLLISION = 7,
    BGP_OUT_OF_RESOURCES = 8,
    BGP_HARD_RESET = 9,
    BGP_BFD_DOWN = 10,
};

/* "cease/administrative shutdown", for logs and the API; never NULL. buf is used for numbers. */
const char *bgp_fault_text(uint8_t code, uint8_t subcode, char *buf, size_t cap);

#endif
