/* AS_PATH: checking, merging with AS4_PATH, and writing. Canonical paths use four octets an AS.
 * Source: RFC 4271 section 4.3 b and 9.1.2.2, RFC 6793, RFC 7606 section 7.2, RFC 7607, RFC 9774. */
#ifndef TANDEM_BGP_ASPATH_H
#define TANDEM_BGP_ASPATH_H

#include "bgp/base/wire.h"
#include "bgp/types.h"

enum { AS_SET = 1, AS_SEQUENCE = 2, AS_CONFED_SEQUENCE = 3, AS_CONFED_SET = 4, AS_TRANS = 23456 };

/* A path on the wire with its AS width (2 or 4). */
struct aspath {
    const uint8_t *at;
    uint16_t len;
    uint8_t width;
};

/* May this path come from an external peer? Segments must be AS_SEQUENCE (sets are refused by RFC
 * 9774, confederation segments by RFC 5065 section 5), not empty, inside the length, without AS 0. */
bool aspath_is_valid(const struct aspath *p);

/* The next AS in order; false at the end. Start with *r over the bytes and left = 0. */
bool aspath_next(struct wire_reader *r, uint8_t width, unsigned *left, uint32_t *asn);

unsigned aspath_count(const struct aspath *p);

/* The path in four octets: p itself, or, for a two-octet p with an AS4_PATH, both merged (RFC 6793
 * section 4.2.3). Both are valid. Returns the length written to buf, at most 2 * (p->len + p4->len),
 * or BGP_ERR_SPACE. */
int aspath_widen(const struct aspath *p, const struct aspath *as4, uint8_t *buf, size_t cap) MUST_USE;

/* Write a canonical path with `prepend` in front (0: as it is), in this width: AS_TRANS stands for
 * what two octets cannot hold, and *needs_as4 tells that something was lost. Length or BGP_ERR_SPACE. */
int aspath_export(const struct aspath *p, uint32_t prepend, uint8_t width, uint8_t *buf, size_t cap,
                  bool *needs_as4) MUST_USE;

#endif
