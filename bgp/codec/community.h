/* Communities as people write them, and patterns of them: "65515:10", "no-export", "65515:1:2" (large), "rt:65515:10"
 * and "ro:65515:10" (extended), each with "*" in the place of any number.
 * Source: RFC 1997, RFC 4360 section 4, RFC 5668, RFC 8092. */
#ifndef TANDEM_BGP_COMMUNITY_H
#define TANDEM_BGP_COMMUNITY_H

#include "bgp/codec/attr.h"

enum { BGP_COMMUNITY_MAX = 20, BGP_COMMUNITY_TEXT = 48 };

/* One community, or all that have its bytes where the mask has ones. */
struct bgp_community {
    uint8_t type; /* enum bgp_attr_type: of the attribute that holds its like */
    uint8_t bytes[BGP_COMMUNITY_MAX], mask[BGP_COMMUNITY_MAX];
};

/* Octets of one community of this attribute; 0: it holds none. */
uint8_t bgp_community_size(uint8_t attr_type);
/* BGP_ERR_PARSE leaves *out alone. */
int bgp_community_parse(const char *text, struct bgp_community *out) MUST_USE;
/* Writes at most BGP_COMMUNITY_TEXT bytes with the final 0; returns buf. */
char *bgp_community_format(const struct bgp_community *c, char buf[static BGP_COMMUNITY_TEXT]);
/* Is it one, without "*"? */
bool bgp_community_is_exact(const struct bgp_community *c);
/* bytes: of a community of the same attribute. */
bool bgp_community_matches(const struct bgp_community *c, const uint8_t *bytes);

#endif
