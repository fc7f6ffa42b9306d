/* Building of UPDATE messages. */
#include <string.h>

#include "bgp/codec/msg.h"
#include "bgp/codec/update.h"

static bool is_classic(const struct bgp_update_builder *b, const struct ip_addr *next_hop)
{
    return b->family == BGP_IP4 && (!next_hop || next_hop->family == BGP_IP4);
}

static void begin(struct bgp_update_builder *b, uint8_t *buf, const struct bgp_codec *codec,
                  enum bgp_family family)
{
    *b = (struct bgp_update_builder){ .w = wire_writer(buf, codec->max_message),
                                      .codec = codec,
                                      .family = (uint8_t)family,
                                      .are_short = family == BGP_IP4 && !codec->add_path_out[family] };
    wire_reserve(&b->w, BGP_HEADER);
}

static void put_family(struct wire_writer *w, enum bgp_family family)
{
    wire_put16(w, bgp_family_afi(family));
    wire_put8(w, BGP_SAFI_UNICAST);
}

/* MP_REACH_NLRI stands first (RFC 7606 section 5.1); its length, and how it is written, is known at the end. */
static void begin_mp_reach(struct bgp_update_builder *b, const struct ip_addr *next_hop,
                           const struct ip_addr *link_local)
{
    unsigned len = ip_addr_len(next_hop->family);
    wire_put8(&b->w, BGP_FLAG_OPTIONAL | BGP_FLAG_EXTENDED);
    wire_put8(&b->w, BGP_ATTR_MP_REACH);
    b->mp_len = wire_reserve(&b->w, 2);
    put_family(&b->w, (enum bgp_family)b->family);
    wire_put8(&b->w, (uint8_t)(link_local ? 32 : len));
    wire_put(&b->w, next_hop->bytes, len);
    if (link_local)
        wire_put(&b->w, link_local->bytes, 16);
    wire_put8(&b->w, 0);
}

/* ORIGIN and AS_PATH, then NEXT_HOP (type 3), then the rest: ascending by type code. */
static void put_classic_attrs(struct bgp_update_builder *b, const uint8_t *attrs, uint16_t len,
                              const struct ip_addr *next_hop)
{
    struct wire_reader r = wire_reader(attrs, len);
    struct bgp_attr_view v;
    size_t before = 0;
    for (struct wire_reader at = r; bgp_attrs_next(&at, &v) && v.type < BGP_ATTR_NEXT_HOP;)
        before = (size_t)(at.at - attrs);
    wire_put(&b->w, attrs, before);
    wire_put8(&b->w, BGP_FLAG_TRANSITIVE);
    wire_put8(&b->w, BGP_ATTR_NEXT_HOP);
    wire_put8(&b->w, 4);
    wire_put(&b->w, next_hop->bytes, 4);
    wire_put(&b->w, attrs + before, len - before);
}

static size_t longest_nlri(const struct bgp_update_builder *b)
{
    return (b->codec->add_path_out[b->family] ? 4u : 0u) + 1u + (b->family == BGP_IP4 ? 4u : 16u);
}

bool bgp_update_begin_reach(struct bgp_update_builder *b, uint8_t *buf,
                            const struct bgp_codec *codec, enum bgp_family family,
                            const uint8_t *attrs, uint16_t attrs_bytes,
                            const struct ip_addr *next_hop, const struct ip_addr *link_local)
{
    begin(b, buf, codec, family);
    wire_put16(&b->w, 0); /* no withdrawn routes */
    b->attrs_len = wire_reserve(&b->w, 2);
    if (is_classic(b, next_hop)) {
        put_classic_attrs(b, attrs, attrs_bytes, next_hop);
        if (!b->w.failed)
            wire_set16(b->attrs_len, (uint16_t)(b->w.at - b->attrs_len - 2));
        b->attrs_len = NULL;
    } else {
        begin_mp_reach(b, next_hop, link_local);
        b->attrs = attrs;
        b->attrs_bytes = attrs_bytes;
    }
    if (b->w.failed || wire_room(&b->w) < b->attrs_bytes)
        return false;
    b->w.end -= b->attrs_bytes; /* their room is not for prefixes */
    return wire_room(&b->w) >= longest_nlri(b);
}

void bgp_update_begin_withdraw(struct bgp_update_builder *b, uint8_t *buf,
                               const struct bgp_codec *codec, enum bgp_family family)
{
    begin(b, buf, codec, family);
    if (family == BGP_IP4) {
        b->withdrawn_len = wire_reserve(&b->w, 2);
        b->w.end -= 2; /* the length of no attributes follows */
        return;
    }
    wire_put16(&b->w, 0);
    b->attrs_len = wire_reserve(&b->w, 2);
    wire_put8(&b->w, BGP_FLAG_OPTIONAL | BGP_FLAG_EXTENDED);
    wire_put8(&b->w, BGP_ATTR_MP_UNREACH);
    b->mp_len = wire_reserve(&b->w, 2);
    put_family(&b->w, family);
}

bool bgp_update_add_any_key(struct bgp_update_builder *b, const uint8_t *key, uint32_t path_id)
{
    unsigned bytes = ip_prefix_bytes(key[0]), id_bytes = b->codec->add_path_out[b->family] ? 4 : 0;
    if (wire_room(&b->w) < id_bytes + 1 + bytes)
        return false; /* which is no failure of the message */
    uint8_t *at = wire_reserve(&b->w, id_bytes + 1 + bytes);
    if (!at)
        return false;
    if (id_bytes)
        wire_set32(at, path_id);
    at[id_bytes] = key[0];
    ip_copy(at + id_bytes + 1, key + 1, bytes);
    b->count++;
    return true;
}

/* RFC 4271 section 4.3: the extended length only for more than 255 octets. */
static void close_mp(struct bgp_update_builder *b)
{
    size_t len = (size_t)(b->w.at - b->mp_len - 2);
    if (len > UINT8_MAX) {
        wire_set16(b->mp_len, (uint16_t)len);
        return;
    }
    b->mp_len[-2] &= (uint8_t)~BGP_FLAG_EXTENDED;
    b->mp_len[0] = (uint8_t)len;
    memmove(b->mp_len + 1, b->mp_len + 2, len);
    b->w.at--;
}

size_t bgp_update_end(struct bgp_update_builder *b)
{
    if (b->withdrawn_len) {
        wire_set16(b->withdrawn_len, (uint16_t)(b->w.at - b->withdrawn_len - 2));
        b->w.end += 2;
        wire_put16(&b->w, 0);
    }
    if (b->mp_len)
        close_mp(b);
    if (b->attrs_len) {
        b->w.end += b->attrs_bytes;
        wire_put(&b->w, b->attrs, b->attrs_bytes);
        wire_set16(b->attrs_len, (uint16_t)(b->w.at - b->attrs_len - 2));
    }
    return bgp_message_finish(b->w.start, BGP_UPDATE, wire_len(&b->w) - BGP_HEADER);
}

size_t bgp_update_end_of_rib(uint8_t *buf, enum bgp_family family)
{
    struct wire_writer w = wire_writer(buf, 32);
    wire_reserve(&w, BGP_HEADER);
    wire_put16(&w, 0);
    wire_put16(&w, family == BGP_IP4 ? 0 : 6);
    if (family != BGP_IP4) {
        wire_put8(&w, BGP_FLAG_OPTIONAL);
        wire_put8(&w, BGP_ATTR_MP_UNREACH);
        wire_put8(&w, 3);
        put_family(&w, family);
    }
    return bgp_message_finish(buf, BGP_UPDATE, wire_len(&w) - BGP_HEADER);
}
