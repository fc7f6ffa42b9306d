/* The OPEN message and its capabilities: one table of capabilities, both directions.
 * Source: RFC 4271 section 4.2 and 6.2, RFC 5492, 4760, 6793, 2918, 7313, 4724, 8654, 9072, 7911,
 * 8950, 9234, 6286, 9494. */
#ifndef TANDEM_BGP_OPEN_H
#define TANDEM_BGP_OPEN_H

#include "bgp/codec/msg.h"

/* What one side says of itself. */
struct bgp_open {
    uint32_t asn;        /* from the four-octet capability where there is one */
    uint32_t identifier; /* host order */
    uint16_t hold_s;
    bool as4, refresh, enhanced_refresh, extended_message;
    bool family[BGP_FAMILIES];   /* multiprotocol capability present for it */
    bool multiprotocol;          /* any multiprotocol capability was present, also of unknown families */
    uint8_t add_path[BGP_FAMILIES]; /* RFC 7911: 0, 1 receive, 2 send, 3 both */
    bool ext_next_hop;           /* RFC 8950: IPv4 unicast over IPv6 next hop */
    bool graceful_restart;       /* RFC 4724 capability present */
    bool restarting;             /* R bit */
    bool gr_notification;        /* N bit, RFC 8538 */
    uint16_t restart_s;
    uint8_t gr_family, gr_forwarding; /* bit per family: listed; F bit set */
    bool long_lived;             /* RFC 9494 capability present, and RFC 4724's with it */
    uint8_t llgr_family, llgr_forwarding; /* as above */
    uint32_t stale_s[BGP_FAMILIES]; /* Long-Lived Stale Time, 24 bits */
    int16_t role;                /* RFC 9234 role as on the wire, also one of no meaning; -1 = none */
    bool is_bare;                /* to be written without any capability, for who does not know of them */
};

/* A peer's OPEN body. returns 0, or -1 with *fault (RFC 4271 section 6.2; data as the RFCs ask).
 * Checks version, AS 0 (RFC 7607), identifier 0 (RFC 6286), hold time 1 or 2, parameters, roles that
 * contradict each other (RFC 9234); what depends on the configured peer is the session's business.
 * Unknown capabilities are ignored, a known one of a wrong length is a malformed parameter. */
int bgp_open_decode(const uint8_t *body, size_t len, struct bgp_open *out,
                    struct bgp_fault *fault) MUST_USE;

/* Write a whole OPEN message; extended parameters (RFC 9072) when the short form cannot hold them.
 * cap >= BGP_MESSAGE_MAX; returns its length. */
size_t bgp_open_write(const struct bgp_open *o, uint8_t *buf, size_t cap);

/* What both sides agreed on. */
void bgp_open_negotiate(const struct bgp_open *ours, const struct bgp_open *theirs,
                        struct bgp_codec *codec);

#endif
