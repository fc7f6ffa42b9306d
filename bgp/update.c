/* Decoding of UPDATE. The order of RFC 7606: first what would make the message unreadable (field
 * lengths), then the NLRI, because «treat as withdraw» needs them whole, then the attributes. */
#include "bgp/update.h"

#include <string.h>

#include "bgp/attr_decode.h"

static const uint8_t bits_max[BGP_FAMILIES] = { 32, 128 };

bool bgp_nlri_next(struct bgp_nlri *n, struct ip_prefix *prefix, uint32_t *path_id)
{
    if (!n->len)
        return false;
    const uint8_t *at = n->at;
    *path_id = 0;
    if (n->has_path_id) {
        *path_id = wire_get32(at);
        at += 4;
    }
    *prefix = (struct ip_prefix){ .family = n->family, .len = *at++ };
    unsigned bytes = ip_prefix_bytes(prefix->len);
    memcpy(prefix->bytes, at, bytes);
    if (prefix->len % 8) /* RFC 4271 section 4.3: trailing bits are irrelevant */
        prefix->bytes[bytes - 1] &= (uint8_t)(0xff00u >> prefix->len % 8);
    at += bytes;
    n->len = (uint16_t)(n->len - (at - n->at));
    n->at = at;
    return true;
}

static bool is_valid_nlri(const struct bgp_nlri *n)
{
    struct wire_reader r = wire_reader(n->at, n->len);
    while (wire_left(&r)) {
        if (n->has_path_id)
            wire_u32(&r);
        uint8_t len = wire_u8(&r);
        if (len > bits_max[n->family])
            return false;
        wire_bytes(&r, ip_prefix_bytes(len));
    }
    return !r.failed;
}

static int family_of(uint16_t afi, uint8_t safi)
{
    if (safi != BGP_SAFI_UNICAST || afi < 1 || afi > 2)
        return -1;
    return afi == 1 ? BGP_IP4 : BGP_IP6;
}

struct decoder {
    const struct bgp_update_context *ctx;
    struct bgp_update *out;
    struct attr_list list;
    struct ip_addr next_hop[BGP_FAMILIES]; /* of reach, by family */
    struct ip_addr link_local;
};

static void found(struct decoder *d, enum bgp_action action, enum bgp_update_subcode subcode,
                  const struct attr_raw *a)
{
    struct bgp_fault f = bgp_update_fault(action, subcode, a && a->value ? a : NULL);
    bgp_fault_worsen(&d->out->fault, &f);
}

static struct bgp_nlri nlri_of(const struct decoder *d, const uint8_t *at, size_t len, int family)
{
    return (struct bgp_nlri){ .at = at,
                              .len = (uint16_t)len,
                              .family = (uint8_t)family,
                              .has_path_id = d->ctx->codec->add_path_in[family] };
}

static void add_withdrawn(struct decoder *d, struct bgp_nlri n)
{
    if (n.len)
        d->out->withdrawn[d->out->withdrawn_count++] = n;
}

static void add_reach(struct decoder *d, struct bgp_nlri n)
{
    if (n.len)
        d->out->reach[d->out->reach_count++] = n;
}

/* ---- next hops ---- */

static bool is_host4(const uint8_t *b)
{
    return b[0] != 0 && b[0] < 224;
}

/* RFC 4271 section 6.3: a valid IP host address, not that of the receiver. */
static bool is_usable(const struct decoder *d, const struct ip_addr *a)
{
    bool host = a->family == BGP_IP4 ? is_host4(a->bytes)
                                     : a->bytes[0] != 0xff && !ip_addr_is_zero(a);
    return host && !ip_addr_is_equal(a, &d->ctx->local_addr);
}

static struct ip_addr addr_of(const uint8_t *at, uint8_t family)
{
    struct ip_addr a = { .family = family };
    memcpy(a.bytes, at, ip_addr_len(family));
    return a;
}

/* RFC 4760 section 3, RFC 2545 section 3, RFC 8950 section 3: lengths that a family may have. */
static bool take_next_hop(struct decoder *d, int family, const uint8_t *at, uint8_t len)
{
    bool wide = len == 16 || len == 32;
    bool narrow = len == 4 && family == BGP_IP4;
    if (!narrow && !wide)
        return false;
    if (wide && family == BGP_IP4 && !d->ctx->codec->ext_next_hop)
        return false;
    d->next_hop[family] = addr_of(at, narrow ? BGP_IP4 : BGP_IP6);
    if (len == 32)
        d->link_local = addr_of(at + 16, BGP_IP6);
    return true;
}

/* ---- MP_REACH_NLRI and MP_UNREACH_NLRI ---- */

static void disable(struct decoder *d, int family, const struct attr_raw *a)
{
    d->out->disable |= (uint8_t)(1u << family);
    found(d, BGP_ACTION_AFI_DISABLE, BGP_OPTIONAL_ATTRIBUTE, a);
}

static void decode_mp_reach(struct decoder *d)
{
    const struct attr_raw *a = &d->list.mp_reach;
    struct wire_reader r = wire_reader(a->value, a->len);
    uint16_t afi = wire_u16(&r);
    int family = family_of(afi, wire_u8(&r));
    uint8_t hop_len = wire_u8(&r);
    const uint8_t *hop = wire_bytes(&r, hop_len);
    wire_u8(&r); /* reserved (RFC 4760 section 3) */
    if (r.failed) { /* where the NLRI begin cannot be known: nothing less than a reset is left */
        found(d, BGP_ACTION_SESSION_RESET, BGP_OPTIONAL_ATTRIBUTE, a);
        return;
    }
    if (family < 0 || !d->ctx->codec->family[family])
        return; /* not negotiated: none of our business */
    struct bgp_nlri n = nlri_of(d, r.at, wire_left(&r), family);
    if (!take_next_hop(d, family, hop, hop_len) || !is_valid_nlri(&n)) {
        disable(d, family, a); /* RFC 7606 section 7.11 and 5.3 */
        return;
    }
    add_reach(d, n);
}

static void decode_mp_unreach(struct decoder *d)
{
    const struct attr_raw *a = &d->list.mp_unreach;
    struct wire_reader r = wire_reader(a->value, a->len);
    uint16_t afi = wire_u16(&r);
    int family = family_of(afi, wire_u8(&r));
    if (r.failed) {
        found(d, BGP_ACTION_SESSION_RESET, BGP_OPTIONAL_ATTRIBUTE, a);
        return;
    }
    if (family < 0 || !d->ctx->codec->family[family])
        return;
    struct bgp_nlri n = nlri_of(d, r.at, wire_left(&r), family);
    if (!is_valid_nlri(&n)) {
        disable(d, family, a);
        return;
    }
    add_withdrawn(d, n);
}

/* ---- the whole ---- */

/* RFC 4724 section 2: an UPDATE without anything, or with an empty MP_UNREACH_NLRI only. */
static void find_end_of_rib(struct decoder *d, size_t body_len, size_t attrs_len)
{
    const struct attr_raw *u = &d->list.mp_unreach;
    if (body_len == 4)
        d->out->end_of_rib = 1u << BGP_IP4;
    else if (u->value && u->len == 3 && attrs_len <= 7 && body_len == attrs_len + 4) {
        int family = family_of(wire_get16(u->value), u->value[2]);
        if (family >= 0 && d->ctx->codec->family[family])
            d->out->end_of_rib = (uint8_t)(1u << family);
    }
}

static void check_mandatory(struct decoder *d, bool classic)
{
    if (!d->out->reach_count)
        return;
    struct bgp_fault f =
        bgp_update_fault(BGP_ACTION_TREAT_AS_WITHDRAW, BGP_MISSING_WELL_KNOWN, NULL);
    uint8_t missing = !d->list.has_origin                      ? BGP_ATTR_ORIGIN
                      : !d->list.has_as_path                   ? BGP_ATTR_AS_PATH
                      : classic && !d->list.next_hop.value     ? BGP_ATTR_NEXT_HOP
                                                               : 0;
    if (!missing)
        return;
    f.attr_type = missing;
    f.data[0] = missing; /* RFC 4271 section 6.3: the type code of the missing attribute */
    f.data_len = 1;
    bgp_fault_worsen(&d->out->fault, &f);
}

static void check_next_hops(struct decoder *d)
{
    for (int i = 0; i < d->out->reach_count; i++)
        if (!is_usable(d, &d->out->attrs[i].next_hop))
            found(d, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_INVALID_NEXT_HOP,
                  d->list.next_hop.value ? &d->list.next_hop : &d->list.mp_reach);
}

static void withdraw_all(struct bgp_update *u)
{
    for (int i = 0; i < u->reach_count; i++)
        u->withdrawn[u->withdrawn_count++] = u->reach[i];
    u->reach_count = 0;
}

/* Classic NLRI stand behind the MP ones in out->reach. */
static void attach_attrs(struct decoder *d, int classic)
{
    for (int i = 0; i < d->out->reach_count; i++) {
        struct bgp_attrs *a = &d->out->attrs[i];
        *a = d->list.attrs;
        if (i == classic && d->list.next_hop.value) {
            a->next_hop = addr_of(d->list.next_hop.value, BGP_IP4);
        } else if (i != classic) {
            a->next_hop = d->next_hop[d->out->reach[i].family];
            a->link_local = d->link_local;
        }
    }
}

/* False: the message cannot be read at all (RFC 7606 section 3 a, section 5.3). */
static bool split(struct decoder *d, struct wire_reader *r, struct wire_reader *attrs,
                  struct bgp_nlri *withdrawn, struct bgp_nlri *reach)
{
    struct wire_reader w = wire_slice(r, wire_u16(r));
    *attrs = wire_slice(r, wire_u16(r));
    if (r->failed) {
        found(d, BGP_ACTION_SESSION_RESET, BGP_MALFORMED_ATTRIBUTE_LIST, NULL);
        return false;
    }
    *withdrawn = nlri_of(d, w.at, wire_left(&w), BGP_IP4);
    *reach = nlri_of(d, r->at, wire_left(r), BGP_IP4);
    if (is_valid_nlri(withdrawn) && is_valid_nlri(reach))
        return true;
    found(d, BGP_ACTION_SESSION_RESET, BGP_INVALID_NETWORK_FIELD, NULL);
    return false;
}

int bgp_update_decode(const uint8_t *body, size_t len, const struct bgp_update_context *ctx,
                      struct arena *arena, struct bgp_update *out)
{
    struct decoder d = { .ctx = ctx, .out = out };
    struct wire_reader r = wire_reader(body, len), attrs;
    struct bgp_nlri withdrawn, reach;
    *out = (struct bgp_update){ 0 };
    if (!split(&d, &r, &attrs, &withdrawn, &reach))
        return 0;
    size_t attrs_len = wire_left(&attrs);
    int err = attr_list_decode(attrs.at, attrs_len, ctx, arena, &d.list);
    if (err)
        return err;
    bgp_fault_worsen(&out->fault, &d.list.fault);
    if (!ctx->codec->family[BGP_IP4])
        withdrawn.len = reach.len = 0;
    add_withdrawn(&d, withdrawn);
    if (d.list.mp_unreach.value)
        decode_mp_unreach(&d);
    if (d.list.mp_reach.value)
        decode_mp_reach(&d);
    int classic = reach.len ? out->reach_count : -1;
    add_reach(&d, reach);
    check_mandatory(&d, classic >= 0);
    attach_attrs(&d, classic);
    if (out->fault.action < BGP_ACTION_TREAT_AS_WITHDRAW)
        check_next_hops(&d);
    if (out->fault.action >= BGP_ACTION_TREAT_AS_WITHDRAW)
        withdraw_all(out);
    find_end_of_rib(&d, len, attrs_len);
    return 0;
}
