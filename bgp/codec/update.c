/* Decoding of UPDATE. The order of RFC 7606: first what would make the message unreadable (field
 * lengths), then the NLRI, because «treat as withdraw» needs them whole, then the attributes. */
#include "bgp/codec/update.h"

#include <string.h>

#include "bgp/codec/attr_decode.h"

static const uint8_t bits_max[BGP_FAMILIES] = { 32, 128 };

static void take(struct bgp_nlri *n, struct ip_prefix *prefix, uint32_t *path_id)
{
    const uint8_t *at = n->at;
    if (n->has_path_id) {
        *path_id = wire_get32(at);
        at += 4;
    }
    *prefix = (struct ip_prefix){ .family = n->family, .len = *at++ };
    unsigned bytes = ip_prefix_bytes(prefix->len);
    ip_copy(prefix->bytes, at, bytes);
    if (prefix->len % 8) /* RFC 4271 section 4.3: trailing bits are irrelevant */
        prefix->bytes[bytes - 1] &= (uint8_t)(0xff00u >> prefix->len % 8);
    at += bytes;
    n->len = (uint16_t)(n->len - (at - n->at));
    n->at = at;
}

/* As most stand there: IPv4, alone, and with as many octets behind its length as it may have. They are one number, of
 * which it has the first bits. */
static void take_short(struct bgp_nlri *n, struct ip_prefix *prefix)
{
    uint8_t len = n->at[0];
    unsigned size = 1 + ip_prefix_bytes(len);
    *prefix = (struct ip_prefix){ .family = BGP_IP4, .len = len };
    wire_set32(prefix->bytes, wire_get32(n->at + 1) & (uint32_t)(UINT64_MAX << (32 - len)));
    n->len = (uint16_t)(n->len - size);
    n->at += size;
}

uint32_t bgp_nlri_read(struct bgp_nlri *n, struct ip_prefix *prefixes, uint32_t *path_ids, uint32_t most)
{
    bool are_short = n->family == BGP_IP4 && !n->has_path_id;
    uint32_t count = 0;
    while (count < most && n->len) {
        path_ids[count] = 0;
        if (are_short && n->len > 4)
            take_short(n, &prefixes[count]);
        else
            take(n, &prefixes[count], &path_ids[count]);
        count += ip_prefix_is_routable(&prefixes[count]); /* RFC 4271 section 6.3: others are ignored */
    }
    return count;
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

struct decoder {
    const struct bgp_update_context *ctx;
    struct bgp_update *out;
    struct attr_list list;
    struct ip_addr next_hop[BGP_FAMILIES]; /* of reach, by family */
    const struct ip_addr *link_local;
    bool names_routes;  /* reachable NLRI were found, for whichever family (RFC 7606 section 5.2) */
    bool is_withdrawal; /* an error asks for treat-as-withdraw */
};

static void found(struct decoder *d, enum bgp_action action, enum bgp_update_subcode subcode,
                  const struct attr_raw *a)
{
    struct bgp_fault f = bgp_update_fault(action, subcode, a && a->value ? a : NULL);
    d->is_withdrawal |= action == BGP_ACTION_TREAT_AS_WITHDRAW;
    bgp_fault_worsen(&d->out->fault, &f);
}

/* Does the session carry this family, still? */
static bool is_heard(const struct decoder *d, int family)
{
    return family >= 0 && d->ctx->codec->family[family] && !(d->ctx->disabled & 1u << family);
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

static bool is_loopback(const struct ip_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == BGP_IP4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof one) == 0;
}

static bool is_link_local(const uint8_t *b)
{
    return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

/* RFC 4271 section 6.3: a valid IP host address, not that of the receiver. This host's own addresses are
 * none on a wire (RFC 1122 section 3.2.1.3), but a session within the host may speak of them. A link-local
 * address may stand behind a global one (RFC 2545 section 3): alone it means nothing to whom it is passed on. */
static bool is_usable(const struct decoder *d, const struct ip_addr *a)
{
    const struct ip_addr *local = &d->ctx->local_addr;
    bool host = a->family == BGP_IP4 ? a->bytes[0] != 0 && a->bytes[0] < 224
                                     : a->bytes[0] != 0xff && !ip_addr_is_zero(a) && !is_link_local(a->bytes);
    return host && (!is_loopback(a) || is_loopback(local)) && !ip_addr_is_equal(a, local);
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
    if (len == 32 && is_link_local(at + 16)) { /* RFC 2545 section 3: nothing else has a meaning there */
        d->out->link_local = addr_of(at + 16, BGP_IP6);
        d->link_local = &d->out->link_local;
    }
    return true;
}

/* ---- MP_REACH_NLRI and MP_UNREACH_NLRI ---- */

/* RFC 4760 section 7: its routes are gone and more of them are not heard. A session that is left with
 * no family is of no use: then it ends, and may begin anew. */
static void disable(struct decoder *d, int family, enum bgp_update_subcode subcode,
                    const struct attr_raw *a)
{
    bool is_last = true;
    d->out->disable |= (uint8_t)(1u << family);
    for (int f = 0; f < BGP_FAMILIES; f++)
        is_last &= !is_heard(d, f) || (d->out->disable & 1u << f);
    found(d, is_last ? BGP_ACTION_SESSION_RESET : BGP_ACTION_AFI_DISABLE, subcode, a);
}

/* The head of both attributes. False: of no family that is heard, or malformed. */
static bool read_family(struct decoder *d, const struct attr_raw *a, struct wire_reader *r, int *family)
{
    const uint8_t kind = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE;
    *r = wire_reader(a->value, a->len);
    uint16_t afi = wire_u16(r);
    *family = bgp_family_of(afi, wire_u8(r));
    if (r->failed) /* not even whose routes these are can be known */
        found(d, BGP_ACTION_SESSION_RESET, BGP_OPTIONAL_ATTRIBUTE, a);
    else if (is_heard(d, *family) && (a->flags & kind) != BGP_FLAG_OPTIONAL)
        disable(d, *family, BGP_ATTRIBUTE_FLAGS, a); /* RFC 7606 section 5.3 */
    else
        return is_heard(d, *family);
    return false;
}

static void decode_mp_reach(struct decoder *d)
{
    const struct attr_raw *a = &d->list.mp_reach;
    struct wire_reader r;
    int family;
    d->names_routes = true; /* at least one, or an error of a stronger kind */
    if (!read_family(d, a, &r, &family))
        return;
    uint8_t hop_len = wire_u8(&r);
    const uint8_t *hop = wire_bytes(&r, hop_len);
    wire_u8(&r); /* reserved (RFC 4760 section 3) */
    struct bgp_nlri n = nlri_of(d, r.at, wire_left(&r), family);
    /* RFC 7606 section 7.11 and 5.3: where the NLRI begin, or what they are, cannot be known. */
    if (r.failed || !take_next_hop(d, family, hop, hop_len) || !is_valid_nlri(&n)) {
        disable(d, family, BGP_OPTIONAL_ATTRIBUTE, a);
        return;
    }
    d->names_routes = n.len;
    add_reach(d, n);
}

static void decode_mp_unreach(struct decoder *d)
{
    const struct attr_raw *a = &d->list.mp_unreach;
    struct wire_reader r;
    int family;
    if (!read_family(d, a, &r, &family))
        return;
    struct bgp_nlri n = nlri_of(d, r.at, wire_left(&r), family);
    if (is_valid_nlri(&n))
        add_withdrawn(d, n);
    else
        disable(d, family, BGP_OPTIONAL_ATTRIBUTE, a);
}

/* ---- the whole ---- */

/* RFC 4724 section 2: an UPDATE without anything, or with an empty MP_UNREACH_NLRI only. */
static void find_end_of_rib(struct decoder *d, size_t body_len, size_t attrs_len)
{
    const struct attr_raw *u = &d->list.mp_unreach;
    if (body_len == 4)
        d->out->end_of_rib = 1u << BGP_IP4;
    else if (u->value && u->len == 3 && attrs_len <= 7 && body_len == attrs_len + 4) {
        int family = bgp_family_of(wire_get16(u->value), u->value[2]);
        if (is_heard(d, family) && !d->out->disable)
            d->out->end_of_rib = (uint8_t)(1u << family);
    }
}

static void check_mandatory(struct decoder *d, bool classic)
{
    static const uint8_t origin = BGP_ATTR_ORIGIN, as_path = BGP_ATTR_AS_PATH, next_hop = BGP_ATTR_NEXT_HOP;
    const uint8_t *missing = !d->list.has_origin                  ? &origin
                             : !d->list.has_as_path               ? &as_path
                             : classic && !d->list.next_hop.value ? &next_hop
                                                                  : NULL;
    if (!d->out->reach_count || !missing)
        return;
    struct bgp_fault f =
        bgp_update_fault(BGP_ACTION_TREAT_AS_WITHDRAW, BGP_MISSING_WELL_KNOWN, NULL);
    f.attr_type = *missing;
    f.data = missing; /* RFC 4271 section 6.3: the type code of the missing attribute */
    f.data_len = 1;
    d->is_withdrawal = true;
    bgp_fault_worsen(&d->out->fault, &f);
}

/* Who leaves next hops alone on a shared subnet (RFC 4271 section 5.1.3), as FRR does, tells us our own routes with our
 * own address: they are ignored like others with a next hop that is of no use, but nobody has made a mistake. */
static void check_next_hops(struct decoder *d)
{
    bool is_clean = d->out->fault.action == BGP_ACTION_NONE;
    for (int i = 0; i < d->out->reach_count; i++) {
        const struct ip_addr *hop = &d->out->attrs[i].next_hop;
        if (is_usable(d, hop))
            continue;
        is_clean &= ip_addr_is_equal(hop, &d->ctx->local_addr);
        d->out->is_returned = is_clean;
        found(d, BGP_ACTION_TREAT_AS_WITHDRAW, BGP_INVALID_NEXT_HOP,
              d->list.next_hop.value ? &d->list.next_hop : &d->list.mp_reach);
    }
}

/* RFC 7606 section 5.2: an error without any route that could be withdrawn for it means that the routes
 * were not found. */
static bool misses_routes(const struct decoder *d)
{
    return !d->names_routes && d->list.has_others && d->out->fault.action > BGP_ACTION_ATTR_DISCARD;
}

static void treat_as_withdraw(struct decoder *d)
{
    struct bgp_update *u = d->out;
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
    struct decoder d = { .ctx = ctx, .out = out, .list.fault = &out->fault };
    struct wire_reader r = wire_reader(body, len), attrs;
    struct bgp_nlri withdrawn, reach;
    *out = (struct bgp_update){ 0 };
    if (!split(&d, &r, &attrs, &withdrawn, &reach))
        return 0;
    size_t attrs_len = wire_left(&attrs);
    bool has_reach = reach.len;
    int err = attr_list_decode(attrs.at, attrs_len, ctx, arena, &d.list);
    if (err)
        return err;
    d.is_withdrawal = d.list.is_withdrawal;
    if (!is_heard(&d, BGP_IP4))
        withdrawn.len = reach.len = 0;
    add_withdrawn(&d, withdrawn);
    if (d.list.mp_unreach.value)
        decode_mp_unreach(&d);
    if (d.list.mp_reach.value)
        decode_mp_reach(&d);
    d.names_routes |= has_reach;
    int classic = reach.len ? out->reach_count : -1;
    add_reach(&d, reach);
    check_mandatory(&d, classic >= 0);
    attach_attrs(&d, classic);
    if (!d.is_withdrawal)
        check_next_hops(&d);
    if (misses_routes(&d))
        out->fault.action = BGP_ACTION_SESSION_RESET;
    else if (d.is_withdrawal)
        treat_as_withdraw(&d);
    find_end_of_rib(&d, len, attrs_len);
    return 0;
}
