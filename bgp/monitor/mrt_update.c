#include "bgp/monitor/mrt_update.h"

#include "bgp/base/wire.h"
#include "bgp/codec/attr.h"

enum { BGP4MP_ET = 17, AS_TRANS = 23456, HEADER = 12, LENGTH_AT = 8 };

enum subtype { /* by the width of AS numbers, and whether prefixes have path ids */
    MESSAGE = 1,
    MESSAGE_AS4 = 4,
    STATE_CHANGE_AS4 = 5,
    MESSAGE_ADDPATH = 8,
    MESSAGE_AS4_ADDPATH = 9,
};

static void begin(struct wire_writer *w, enum subtype subtype, uint64_t wall_ms)
{
    wire_put32(w, (uint32_t)(wall_ms / 1000));
    wire_put16(w, BGP4MP_ET);
    wire_put16(w, (uint16_t)subtype);
    wire_put32(w, 0); /* length: set at the end */
    wire_put32(w, (uint32_t)(wall_ms % 1000 * 1000));
}

static size_t end(struct wire_writer *w)
{
    if (w->failed)
        return 0;
    wire_set32(w->start + LENGTH_AT, (uint32_t)(wire_len(w) - HEADER));
    return wire_len(w);
}

static void put_asn(struct wire_writer *w, uint32_t asn, bool as4)
{
    if (as4)
        wire_put32(w, asn);
    else
        wire_put16(w, asn > UINT16_MAX ? AS_TRANS : (uint16_t)asn);
}

static void put_session(struct wire_writer *w, const struct mrt_session *s, bool as4)
{
    unsigned len = ip_addr_len(s->peer.family);
    put_asn(w, s->peer_asn, as4);
    put_asn(w, s->local_asn, as4);
    wire_put16(w, 0); /* interface: not known */
    wire_put16(w, bgp_family_afi((enum bgp_family)s->peer.family));
    wire_put(w, s->peer.bytes, len);
    wire_put(w, s->local.bytes, len);
}

/* The family of an UPDATE's prefixes: that of its MP attribute, or IPv4. The message is as it came, and may
 * be malformed: then whatever is found first. */
static enum bgp_family family_of(const uint8_t *message, size_t len)
{
    struct wire_reader r = wire_reader(message + BGP_HEADER, len - BGP_HEADER);
    wire_slice(&r, wire_u16(&r));
    struct wire_reader attrs = wire_slice(&r, wire_u16(&r));
    while (wire_left(&attrs)) {
        uint8_t flags = wire_u8(&attrs), type = wire_u8(&attrs);
        struct wire_reader value =
            wire_slice(&attrs, flags & BGP_FLAG_EXTENDED ? wire_u16(&attrs) : wire_u8(&attrs));
        if (type == BGP_ATTR_MP_REACH || type == BGP_ATTR_MP_UNREACH)
            return wire_u16(&value) == bgp_family_afi(BGP_IP6) ? BGP_IP6 : BGP_IP4;
    }
    return BGP_IP4;
}

static enum subtype subtype_of(const struct bgp_codec *codec, const uint8_t *message, size_t len)
{
    bool as4 = !codec || codec->as4;
    bool has_ids = codec && message[18] == BGP_UPDATE && codec->add_path_in[family_of(message, len)];
    if (has_ids)
        return as4 ? MESSAGE_AS4_ADDPATH : MESSAGE_ADDPATH;
    return as4 ? MESSAGE_AS4 : MESSAGE;
}

size_t mrt_message(uint8_t *buf, size_t cap, const struct mrt_session *s,
                   const struct bgp_codec *codec, uint64_t wall_ms, const uint8_t *message, size_t len)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, subtype_of(codec, message, len), wall_ms);
    put_session(&w, s, !codec || codec->as4);
    wire_put(&w, message, len);
    return end(&w);
}

size_t mrt_state_change(uint8_t *buf, size_t cap, const struct mrt_session *s, uint64_t wall_ms,
                        uint16_t from, uint16_t to)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, STATE_CHANGE_AS4, wall_ms);
    put_session(&w, s, true);
    wire_put16(&w, from);
    wire_put16(&w, to);
    return end(&w);
}
