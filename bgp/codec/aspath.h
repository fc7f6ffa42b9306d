/* AS_PATH: checking, merging with AS4_PATH, and writing. Canonical paths use four octets an AS.
 * Source: RFC 4271 section 4.3 b and 9.1.2.2, RFC 6793, RFC 7606 section 7.2, RFC 7607, RFC 9774. */
#ifndef TANDEM_BGP_ASPATH_H
#define TANDEM_BGP_ASPATH_H

#include "bgp/base/wire.h"
#include "bgp/codec/types.h"

enum { AS_SET = 1, AS_SEQUENCE = 2, AS_CONFED_SEQUENCE = 3, AS_CONFED_SET = 4, AS_TRANS = 23456 };

/* A path on the wire with its AS width (2 or 4). */
struct aspath {
    const uint8_t *at;
    uint16_t len;
    uint8_t width;
};

/* What the segments of a path hold. */
struct aspath_facts {
    bool is_malformed; /* empty segment, unknown type, not inside the length, or AS 0 (RFC 7607) */
    bool has_set;      /* AS_SET or AS_CONFED_SET (RFC 9774) */
    bool has_confed;   /* AS_CONFED_SEQUENCE or AS_CONFED_SET */
    unsigned count;    /* of ASes, whatever their segment */
    uint32_t first;    /* of them; 0: there is none */
};
struct aspath_facts aspath_examine(const struct aspath *p);

/* May such a path come from an external peer? Every segment must be a well-formed AS_SEQUENCE: sets are
 * refused by RFC 9774, confederation segments by RFC 5065 section 5. */
static inline bool aspath_is_valid(const struct aspath_facts *f)
{
    return !f->is_malformed && !f->has_set && !f->has_confed;
}

/* The next AS in order; false at the end. Start with *r over the bytes and left = 0. For paths that
 * are not malformed; confederation segments are passed over (RFC 6793 section 6). */
bool aspath_next(struct wire_reader *r, uint8_t width, unsigned *left, uint32_t *asn);

unsigned aspath_count(const struct aspath *p);

/* Length of a path of this many ASes as aspath_widen writes it. */
size_t aspath_wide_len(unsigned count);

/* The path in four octets: p itself, or, for a two-octet p with an AS4_PATH, both merged (RFC 6793
 * section 4.2.3). It has as many ASes as p. Returns the length written to buf, or BGP_ERR_SPACE. */
int aspath_widen(const struct aspath *p, const struct aspath *as4, uint8_t *buf, size_t cap) MUST_USE;

/* What becomes of a path on its way out; zero: nothing. */
struct aspath_rewrite {
    uint32_t prepend;      /* in front, 0 = no */
    uint32_t replaced, by; /* every AS of this number becomes that one (as-override); replaced 0 = none */
};

/* Write a canonical path, rewritten, in this width; segments stay as they are: AS_TRANS stands for what
 * two octets cannot hold, and *needs_as4 tells that something was lost. Length or BGP_ERR_SPACE. */
int aspath_export(const struct aspath *p, const struct aspath_rewrite *how, uint8_t width, uint8_t *buf, size_t cap,
                  bool *needs_as4) MUST_USE;

#endif
