/* The UPDATE message: decoding with RFC 7606 fault handling, and building.
 * Source: RFC 4271 section 4.3, RFC 4760, RFC 7606, RFC 7911, RFC 8950, RFC 4724 section 2. */
#ifndef TANDEM_BGP_UPDATE_H
#define TANDEM_BGP_UPDATE_H

#include "bgp/codec/attr.h"

/* A run of NLRI that was validated: reading it cannot fail. */
struct bgp_nlri {
    const uint8_t *at;
    uint16_t len;
    uint8_t family;
    bool has_path_id; /* RFC 7911 */
};

/* Take the next prefixes, up to `most`; returns how many, 0 at the end. Host bits are cleared (RFC 4271 section 4.3);
 * prefixes that no unicast table may hold are passed over (section 6.3). */
uint32_t bgp_nlri_read(struct bgp_nlri *n, struct ip_prefix *prefixes, uint32_t *path_ids, uint32_t most);
/* … one; false at the end. */
static inline bool bgp_nlri_next(struct bgp_nlri *n, struct ip_prefix *prefix, uint32_t *path_id)
{
    return bgp_nlri_read(n, prefix, path_id, 1);
}

/* What one UPDATE says. RFC 7606 has been applied: routes to be treated as withdrawn stand among
 * the withdrawn. Everything points into the message or the arena. */
struct bgp_update {
    struct bgp_nlri withdrawn[4]; /* apply these first */
    struct bgp_nlri reach[2];
    struct bgp_attrs attrs[2]; /* attrs[i] belong to reach[i]; same bytes, own next hop */
    struct ip_addr link_local; /* theirs that have one */
    uint8_t withdrawn_count, reach_count;
    uint8_t end_of_rib; /* bit per family (RFC 4724 section 2) */
    uint8_t disable;    /* bit per family: remove its routes, ignore it from now on (RFC 4760 section 7) */
    struct bgp_fault fault; /* the worst; action NONE when the message is clean */
    bool is_returned;       /* all that is wrong is a next hop of ours: routes that we told came back */
};

/* What the decoder has to know of the session. */
struct bgp_update_context {
    const struct bgp_codec *codec;
    uint32_t local_asn, peer_asn; /* peer_asn: first AS must match unless any_first_as (RFC 4271 6.3) */
    uint8_t disabled;             /* bit per family: what earlier messages disabled */
    bool any_first_as;            /* peer is a route server itself (RFC 7947 section 2.2.2.1) */
    struct ip_addr local_addr;    /* a next hop that is our own address is treated as withdraw */
};

/* Decode the body of an UPDATE (what follows the 19-byte header), len bytes.
 * returns  0 with *out filled (out->fault.action up to AFI_DISABLE), or out->fault.action is
 *          BGP_ACTION_SESSION_RESET and nothing else in *out may be used; BGP_ERR_NOMEM */
int bgp_update_decode(const uint8_t *body, size_t len, const struct bgp_update_context *ctx,
                      struct arena *arena, struct bgp_update *out) MUST_USE;

/* Builder of one UPDATE: begin, add prefixes until it is full, end.
 *
 * IPv4 with an IPv4 next hop uses the classic fields (withdrawn routes, NEXT_HOP, NLRI); all else
 * MP_REACH_NLRI / MP_UNREACH_NLRI, which then stands first among the attributes (RFC 7606 5.1). */
struct bgp_update_builder {
    struct wire_writer w;
    const struct bgp_codec *codec;
    uint8_t *attrs_len, *mp_len, *withdrawn_len; /* places to fill in at the end, NULL = not used */
    uint8_t *tail;                               /* attributes that stand behind MP_REACH */
    const uint8_t *attrs;
    uint16_t attrs_bytes;
    uint8_t family;
    bool are_short; /* prefixes: at most five octets each */
    unsigned count; /* prefixes added */
};

/* attrs/attrs_bytes: result of bgp_attrs_export, borrowed until end. link_local may be NULL.
 * buf has room for codec->max_message bytes. False: the attributes leave no room for a prefix. */
bool bgp_update_begin_reach(struct bgp_update_builder *b, uint8_t *buf, const struct bgp_codec *codec,
                            enum bgp_family family, const uint8_t *attrs, uint16_t attrs_bytes,
                            const struct ip_addr *next_hop, const struct ip_addr *link_local);
void bgp_update_begin_withdraw(struct bgp_update_builder *b, uint8_t *buf,
                               const struct bgp_codec *codec, enum bgp_family family);
/* A prefix's length, and its octets behind it. False: full, end this message and begin another. path_id is written when
 * negotiated. */
bool bgp_update_add_any_key(struct bgp_update_builder *b, const uint8_t *key, uint32_t path_id);
static inline bool bgp_update_add_key(struct bgp_update_builder *b, const uint8_t *key, uint32_t path_id)
{
    enum { SHORT = 1 + 4 };
    if (!b->are_short || wire_room(&b->w) < SHORT)
        return bgp_update_add_any_key(b, key, path_id);
    memcpy(b->w.at, key, SHORT); /* what is not its own is written over */
    b->w.at += 1 + ip_prefix_bytes(key[0]);
    b->count++;
    return true;
}
static inline bool bgp_update_add(struct bgp_update_builder *b, const struct ip_prefix *prefix, uint32_t path_id)
{
    return bgp_update_add_key(b, &prefix->len, path_id);
}
/* Complete the message with its header; returns its length. */
size_t bgp_update_end(struct bgp_update_builder *b);

/* End-of-RIB (RFC 4724 section 2); returns its length, at most 30. */
size_t bgp_update_end_of_rib(uint8_t *buf, enum bgp_family family);

#endif
