/* Path attributes of one UPDATE, decoded: between update.c and attr_decode.c only. */
#ifndef TANDEM_BGP_ATTR_DECODE_H
#define TANDEM_BGP_ATTR_DECODE_H

#include "bgp/codec/update.h"

/* One attribute as it stands in the message. */
struct attr_raw {
    const uint8_t *value; /* NULL: not present */
    uint16_t len;
    uint8_t flags, type;
    uint8_t head; /* octets of flags, type and length before the value */
};

struct attr_list {
    struct attr_raw mp_reach, mp_unreach, next_hop;
    struct bgp_attrs attrs; /* canonical bytes in the arena; without next hops */
    bool has_origin, has_as_path;
    bool has_others; /* attributes that are not MP_UNREACH_NLRI (RFC 7606 section 5.2) */
    bool is_withdrawal;     /* an error asks for treat-as-withdraw, if not for more */
    struct bgp_fault *fault; /* the worst found, the message's */
};

/* Decode the path attributes field into *out, which is zero but for its fault. Returns 0 or
 * BGP_ERR_NOMEM; what is wrong with the attributes worsens *out->fault. */
int attr_list_decode(const uint8_t *at, size_t len, const struct bgp_update_context *ctx,
                     struct arena *arena, struct attr_list *out) MUST_USE;

/* Keep the worse of two faults (RFC 7606 section 3 h). */
void bgp_fault_worsen(struct bgp_fault *have, const struct bgp_fault *found);
struct bgp_fault bgp_update_fault(enum bgp_action action, enum bgp_update_subcode subcode,
                                  const struct attr_raw *a);

#endif
