/* OPEN: one row a capability, for both directions. */
#include "bgp/codec/open.h"

#include <string.h>

#include "bgp/base/wire.h"

enum {
    VERSION = 4,
    PARAM_CAPABILITIES = 2,
    PARAM_EXTENDED = 255, /* RFC 9072 */
    CAP_MULTIPROTOCOL = 1,
    CAP_REFRESH = 2,
    CAP_EXT_NEXT_HOP = 5,
    CAP_EXTENDED_MESSAGE = 6,
    CAP_ROLE = 9,
    CAP_GRACEFUL_RESTART = 64,
    CAP_AS4 = 65,
    CAP_ADD_PATH = 69,
    CAP_ENHANCED_REFRESH = 70,
    CAP_LONG_LIVED = 71,
    GR_RESTARTING = 0x8000,
    GR_NOTIFICATION = 0x4000,
    GR_FORWARDING = 0x80,
    ROLES_DIFFER = INT16_MAX, /* no role has this number */
};

static void put_family(struct wire_writer *w, int f)
{
    wire_put16(w, bgp_family_afi((enum bgp_family)f));
}

/* ---- each capability: reading a value of a length that the table allows, and writing ---- */

static void read_multiprotocol(struct wire_reader *r, struct bgp_open *o)
{
    uint16_t afi = wire_u16(r);
    wire_u8(r);
    int f = bgp_family_of(afi, wire_u8(r));
    o->multiprotocol = true;
    if (f >= 0)
        o->family[f] = true;
}

static void write_multiprotocol(struct wire_writer *w, const struct bgp_open *o, int f)
{
    if (!o->family[f])
        return;
    wire_put8(w, CAP_MULTIPROTOCOL);
    wire_put8(w, 4);
    put_family(w, f);
    wire_put8(w, 0);
    wire_put8(w, BGP_SAFI_UNICAST);
}

static void write_empty(struct wire_writer *w, uint8_t code, bool present)
{
    if (!present)
        return;
    wire_put8(w, code);
    wire_put8(w, 0);
}

static void read_refresh(struct wire_reader *r, struct bgp_open *o)
{
    (void)r;
    o->refresh = true;
}

static void write_refresh(struct wire_writer *w, const struct bgp_open *o)
{
    write_empty(w, CAP_REFRESH, o->refresh);
}

static void read_enhanced_refresh(struct wire_reader *r, struct bgp_open *o)
{
    (void)r;
    o->enhanced_refresh = true;
}

static void write_enhanced_refresh(struct wire_writer *w, const struct bgp_open *o)
{
    write_empty(w, CAP_ENHANCED_REFRESH, o->enhanced_refresh);
}

static void read_extended_message(struct wire_reader *r, struct bgp_open *o)
{
    (void)r;
    o->extended_message = true;
}

static void write_extended_message(struct wire_writer *w, const struct bgp_open *o)
{
    write_empty(w, CAP_EXTENDED_MESSAGE, o->extended_message);
}

static void read_as4(struct wire_reader *r, struct bgp_open *o)
{
    o->as4 = true;
    o->asn = wire_u32(r);
}

static void write_as4(struct wire_writer *w, const struct bgp_open *o)
{
    if (!o->as4)
        return;
    wire_put8(w, CAP_AS4);
    wire_put8(w, 4);
    wire_put32(w, o->asn);
}

/* RFC 8950 section 4: triples of AFI, SAFI (two octets), next hop AFI. */
static void read_ext_next_hop(struct wire_reader *r, struct bgp_open *o)
{
    while (wire_left(r)) {
        uint16_t afi = wire_u16(r), safi = wire_u16(r), hop = wire_u16(r);
        if (afi == 1 && safi == BGP_SAFI_UNICAST && hop == 2)
            o->ext_next_hop = true;
    }
}

static void write_ext_next_hop(struct wire_writer *w, const struct bgp_open *o)
{
    if (!o->ext_next_hop)
        return;
    wire_put8(w, CAP_EXT_NEXT_HOP);
    wire_put8(w, 6);
    wire_put16(w, 1);
    wire_put16(w, BGP_SAFI_UNICAST);
    wire_put16(w, 2);
}

/* RFC 4724 section 3: of several instances the last one counts. */
static void read_graceful_restart(struct wire_reader *r, struct bgp_open *o)
{
    uint16_t head = wire_u16(r);
    o->gr_family = o->gr_forwarding = 0;
    o->graceful_restart = true;
    o->restarting = head & GR_RESTARTING;
    o->gr_notification = head & GR_NOTIFICATION;
    o->restart_s = head & 0x0fff;
    while (wire_left(r)) {
        uint16_t afi = wire_u16(r);
        int f = bgp_family_of(afi, wire_u8(r));
        uint8_t flags = wire_u8(r);
        if (f < 0)
            continue;
        o->gr_family |= (uint8_t)(1u << f);
        if (flags & GR_FORWARDING)
            o->gr_forwarding |= (uint8_t)(1u << f);
    }
}

static void write_graceful_restart(struct wire_writer *w, const struct bgp_open *o)
{
    if (!o->graceful_restart)
        return;
    wire_put8(w, CAP_GRACEFUL_RESTART);
    uint8_t *len = wire_reserve(w, 1);
    uint16_t head = o->restart_s & 0x0fff;
    head |= (uint16_t)((o->restarting ? GR_RESTARTING : 0) | (o->gr_notification ? GR_NOTIFICATION : 0));
    wire_put16(w, head);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (!(o->gr_family & 1u << f))
            continue;
        put_family(w, f);
        wire_put8(w, BGP_SAFI_UNICAST);
        uint8_t forwarding = GR_FORWARDING;
        if (!(o->gr_forwarding & 1u << f))
            forwarding = 0;
        wire_put8(w, forwarding);
    }
    if (len)
        *len = (uint8_t)(w->at - len - 1);
}

/* RFC 9494 section 3.1. */
static void read_long_lived(struct wire_reader *r, struct bgp_open *o)
{
    o->llgr_family = o->llgr_forwarding = 0;
    o->long_lived = true;
    while (wire_left(r)) {
        uint16_t afi = wire_u16(r);
        int f = bgp_family_of(afi, wire_u8(r));
        uint32_t word = wire_u32(r); /* flags, then 24 bits of time */
        if (f < 0)
            continue;
        o->llgr_family |= (uint8_t)(1u << f);
        o->stale_s[f] = word & 0xffffff;
        if (word >> 24 & GR_FORWARDING)
            o->llgr_forwarding |= (uint8_t)(1u << f);
    }
}

static void write_long_lived(struct wire_writer *w, const struct bgp_open *o)
{
    if (!o->long_lived)
        return;
    wire_put8(w, CAP_LONG_LIVED);
    uint8_t *len = wire_reserve(w, 1);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        uint32_t forwarding = o->llgr_forwarding & 1u << f ? (uint32_t)GR_FORWARDING << 24 : 0;
        if (!(o->llgr_family & 1u << f))
            continue;
        put_family(w, f);
        wire_put8(w, BGP_SAFI_UNICAST);
        wire_put32(w, forwarding | o->stale_s[f]);
    }
    if (len)
        *len = (uint8_t)(w->at - len - 1);
}

static void read_add_path(struct wire_reader *r, struct bgp_open *o)
{
    while (wire_left(r)) {
        uint16_t afi = wire_u16(r);
        int f = bgp_family_of(afi, wire_u8(r));
        uint8_t mode = wire_u8(r);
        if (f >= 0 && mode >= 1 && mode <= 3) /* RFC 7911 section 4: others are ignored */
            o->add_path[f] = mode;
    }
}

static void write_add_path(struct wire_writer *w, const struct bgp_open *o)
{
    if (!o->add_path[BGP_IP4] && !o->add_path[BGP_IP6])
        return;
    wire_put8(w, CAP_ADD_PATH);
    uint8_t *len = wire_reserve(w, 1);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (!o->add_path[f])
            continue;
        put_family(w, f);
        wire_put8(w, BGP_SAFI_UNICAST);
        wire_put8(w, o->add_path[f]);
    }
    if (len)
        *len = (uint8_t)(w->at - len - 1);
}

static void read_role(struct wire_reader *r, struct bgp_open *o)
{
    uint8_t role = wire_u8(r);
    o->role = o->role < 0 || o->role == role ? role : ROLES_DIFFER;
}

static void write_role(struct wire_writer *w, const struct bgp_open *o)
{
    if (o->role < 0)
        return;
    wire_put8(w, CAP_ROLE);
    wire_put8(w, 1);
    wire_put8(w, (uint8_t)o->role);
}

static void write_families(struct wire_writer *w, const struct bgp_open *o)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        write_multiprotocol(w, o, f);
}

/* A length is right when it is base, or base and a number of units. That of a capability that says
 * everything by being there is not looked at. */
static const struct capability {
    uint8_t code, base, unit;
    void (*read)(struct wire_reader *r, struct bgp_open *o);
    void (*write)(struct wire_writer *w, const struct bgp_open *o);
} capabilities[] = {
    { CAP_MULTIPROTOCOL, 4, 0, read_multiprotocol, write_families },               /* RFC 4760 */
    { CAP_REFRESH, 0, 1, read_refresh, write_refresh },                            /* RFC 2918 */
    { CAP_EXT_NEXT_HOP, 0, 6, read_ext_next_hop, write_ext_next_hop },             /* RFC 8950 */
    { CAP_EXTENDED_MESSAGE, 0, 1, read_extended_message, write_extended_message }, /* RFC 8654 */
    { CAP_ROLE, 1, 0, read_role, write_role },                                     /* RFC 9234 */
    { CAP_GRACEFUL_RESTART, 2, 4, read_graceful_restart, write_graceful_restart }, /* RFC 4724 */
    { CAP_AS4, 4, 0, read_as4, write_as4 },                                        /* RFC 6793 */
    { CAP_ADD_PATH, 0, 4, read_add_path, write_add_path },                         /* RFC 7911 */
    { CAP_ENHANCED_REFRESH, 0, 1, read_enhanced_refresh, write_enhanced_refresh }, /* RFC 7313 */
    { CAP_LONG_LIVED, 0, 7, read_long_lived, write_long_lived },                   /* RFC 9494 */
};

/* ---- decoding ---- */

static int open_fault(struct bgp_fault *fault, uint8_t subcode)
{
    *fault = (struct bgp_fault){
        .action = BGP_ACTION_SESSION_RESET, .code = BGP_OPEN_ERROR, .subcode = subcode
    };
    return -1;
}

static bool has_good_length(const struct capability *c, size_t len)
{
    return len == c->base || (c->unit && len > c->base && (len - c->base) % c->unit == 0);
}

/* False: malformed. A capability passes the end of its parameter, or is known and has a length that its
 * RFC does not allow: RFC 4271 section 6.2, «recognized, but is malformed», is an unspecific error. */
static bool read_capabilities(struct wire_reader *r, struct bgp_open *o)
{
    while (wire_left(r)) {
        uint8_t code = wire_u8(r);
        struct wire_reader value = wire_slice(r, wire_u8(r));
        if (r->failed)
            return false;
        for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++) {
            if (capabilities[i].code != code)
                continue;
            if (!has_good_length(&capabilities[i], wire_left(&value)))
                return false;
            capabilities[i].read(&value, o);
        }
    }
    return true;
}

static int read_parameters(struct wire_reader *r, bool extended, struct bgp_open *o,
                           struct bgp_fault *fault)
{
    while (wire_left(r)) {
        uint8_t type = wire_u8(r);
        size_t len = extended ? wire_u16(r) : wire_u8(r);
        struct wire_reader value = wire_slice(r, len);
        if (r->failed)
            return open_fault(fault, 0);
        if (type != PARAM_CAPABILITIES)
            return open_fault(fault, BGP_UNSUPPORTED_PARAMETER);
        if (!read_capabilities(&value, o))
            return open_fault(fault, 0);
    }
    return 0;
}

/* RFC 9072 section 2: a length other than zero and a first parameter of type 255 tell the extended form,
 * whatever that length is. */
static int split_parameters(struct wire_reader *r, struct bgp_open *o, struct bgp_fault *fault)
{
    uint8_t len = wire_u8(r);
    bool extended = len != 0 && wire_left(r) && r->at[0] == PARAM_EXTENDED;
    size_t total = len;
    if (extended) {
        wire_u8(r);
        total = wire_u16(r);
    }
    if (r->failed || total != wire_left(r))
        return open_fault(fault, 0);
    return read_parameters(r, extended, o, fault);
}

int bgp_open_decode(const uint8_t *body, size_t len, struct bgp_open *out, struct bgp_fault *fault)
{
    struct wire_reader r = wire_reader(body, len);
    *out = (struct bgp_open){ .role = -1 };
    uint8_t version = wire_u8(&r);
    uint16_t short_asn = wire_u16(&r);
    out->asn = short_asn;
    out->hold_s = wire_u16(&r);
    out->identifier = wire_u32(&r);
    if (version != VERSION) {
        static const uint8_t largest[] = { 0, VERSION }; /* that we speak: two octets, RFC 4271 section 6.2 */
        open_fault(fault, BGP_UNSUPPORTED_VERSION);
        fault->data = largest;
        fault->data_len = sizeof largest;
        return -1;
    }
    if (split_parameters(&r, out, fault))
        return -1;
    out->long_lived &= out->graceful_restart; /* RFC 9494 section 3.1: else it is ignored */
    if (short_asn == 0 || out->asn == 0) /* RFC 7607 section 2 */
        return open_fault(fault, BGP_BAD_PEER_AS);
    if (out->hold_s == 1 || out->hold_s == 2)
        return open_fault(fault, BGP_UNACCEPTABLE_HOLD_TIME);
    if (out->identifier == 0) /* RFC 6286 section 2.2 */
        return open_fault(fault, BGP_BAD_IDENTIFIER);
    if (out->role == ROLES_DIFFER) /* RFC 9234 section 4.2 */
        return open_fault(fault, BGP_ROLE_MISMATCH);
    return 0;
}

/* ---- writing ---- */

enum { SHORT_MAX = 253, AS_TRANS_NUMBER = 23456 };

size_t bgp_open_write(const struct bgp_open *o, uint8_t *buf, size_t cap)
{
    uint8_t caps[512];
    struct wire_writer c = wire_writer(caps, sizeof caps), w = wire_writer(buf, cap);
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities && !o->is_bare; i++)
        capabilities[i].write(&c, o);
    size_t len = wire_len(&c);
    wire_reserve(&w, BGP_HEADER);
    wire_put8(&w, VERSION);
    wire_put16(&w, o->asn > UINT16_MAX ? AS_TRANS_NUMBER : (uint16_t)o->asn);
    wire_put16(&w, o->hold_s);
    wire_put32(&w, o->identifier);
    if (len == 0) {
        wire_put8(&w, 0);
    } else if (len <= SHORT_MAX) {
        wire_put8(&w, (uint8_t)(len + 2));
        wire_put8(&w, PARAM_CAPABILITIES);
        wire_put8(&w, (uint8_t)len);
    } else {
        wire_put8(&w, PARAM_EXTENDED);
        wire_put8(&w, PARAM_EXTENDED);
        wire_put16(&w, (uint16_t)(len + 3));
        wire_put8(&w, PARAM_CAPABILITIES);
        wire_put16(&w, (uint16_t)len);
    }
    wire_put(&w, caps, len);
    return bgp_message_finish(buf, BGP_OPEN, wire_len(&w) - BGP_HEADER);
}

void bgp_open_negotiate(const struct bgp_open *ours, const struct bgp_open *theirs,
                        struct bgp_codec *codec)
{
    *codec = (struct bgp_codec){
        .as4 = ours->as4 && theirs->as4,
        .refresh = ours->refresh && theirs->refresh,
        .enhanced_refresh = ours->enhanced_refresh && theirs->enhanced_refresh,
        .ext_next_hop = ours->ext_next_hop && theirs->ext_next_hop,
        .long_lived = theirs->long_lived, /* RFC 9494 section 4.3: «has been received» */
        .max_message = ours->extended_message && theirs->extended_message
                           ? BGP_MESSAGE_MAX_EXTENDED
                           : BGP_MESSAGE_MAX,
    };
    for (int f = 0; f < BGP_FAMILIES; f++) {
        bool spoken = theirs->multiprotocol ? theirs->family[f] : f == BGP_IP4;
        codec->family[f] = ours->family[f] && spoken;
        codec->add_path_in[f] =
            codec->family[f] && (ours->add_path[f] & 1) && (theirs->add_path[f] & 2);
        codec->add_path_out[f] =
            codec->family[f] && (ours->add_path[f] & 2) && (theirs->add_path[f] & 1);
    }
}
