#include "bgp/codec/msg.h"

#include <string.h>

#include "bgp/base/wire.h"

/* Body lengths by type. RFC 4271 section 4.2-4.5; bgp_refresh_decode judges a ROUTE-REFRESH. */
static const struct {
    uint16_t least, most;
} body_bounds[] = {
    [BGP_OPEN] = { 10, BGP_MESSAGE_MAX - BGP_HEADER }, /* RFC 8654 section 4: never extended */
    [BGP_UPDATE] = { 4, BGP_MESSAGE_MAX_EXTENDED - BGP_HEADER },
    [BGP_NOTIFICATION] = { 2, BGP_MESSAGE_MAX_EXTENDED - BGP_HEADER },
    [BGP_KEEPALIVE] = { 0, 0 },
    [BGP_ROUTE_REFRESH] = { 0, BGP_MESSAGE_MAX_EXTENDED - BGP_HEADER },
};

static int header_fault(struct bgp_fault *fault, uint8_t subcode, const uint8_t *data, uint16_t len)
{
    *fault = (struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                                 .code = BGP_MESSAGE_HEADER_ERROR,
                                 .subcode = subcode,
                                 .data_len = len,
                                 .data = data };
    return -1;
}

/* RFC 4271 section 6.1, in its order: marker, length, type, length of the type. */
int bgp_message_scan(const uint8_t *data, size_t len, size_t max, struct bgp_message *out,
                     struct bgp_fault *fault)
{
    static const uint8_t marker[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    size_t seen = len < sizeof marker ? len : sizeof marker;
    if (memcmp(data, marker, seen) != 0)
        return header_fault(fault, BGP_NOT_SYNCHRONIZED, data, 0);
    if (len < BGP_HEADER)
        return 0;
    uint16_t total = wire_get16(data + 16);
    uint8_t type = data[18];
    if (total < BGP_HEADER || total > max)
        return header_fault(fault, BGP_BAD_LENGTH, data + 16, 2);
    if (type < BGP_OPEN || type > BGP_ROUTE_REFRESH)
        return header_fault(fault, BGP_BAD_TYPE, data + 18, 1);
    uint16_t body = (uint16_t)(total - BGP_HEADER);
    if (body < body_bounds[type].least || body > body_bounds[type].most)
        return header_fault(fault, BGP_BAD_LENGTH, data + 16, 2);
    if (len < total)
        return 0;
    *out = (struct bgp_message){ .type = type, .body_len = body, .body = data + BGP_HEADER };
    return total;
}

enum { REFRESH_BODY = 4 };

/* RFC 7313 section 5: the data is the whole message. */
static int refresh_fault(const struct bgp_message *m, struct bgp_fault *fault)
{
    *fault = (struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                                 .code = BGP_ROUTE_REFRESH_ERROR,
                                 .subcode = BGP_REFRESH_BAD_LENGTH,
                                 .data_len = (uint16_t)(BGP_HEADER + m->body_len),
                                 .data = m->body - BGP_HEADER };
    return -1;
}

int bgp_refresh_decode(const struct bgp_message *m, const struct bgp_codec *codec,
                       struct bgp_refresh *out, struct bgp_fault *fault)
{
    struct wire_reader r = wire_reader(m->body, m->body_len);
    uint16_t afi = wire_u16(&r);
    uint8_t subtype = wire_u8(&r);
    if (!codec->enhanced_refresh)
        subtype = 0; /* RFC 2918 section 3: the octet is reserved, and ignored */
    if ((subtype == 1 || subtype == 2) && m->body_len != REFRESH_BODY)
        return refresh_fault(m, fault);
    uint8_t safi = wire_u8(&r);
    if (r.failed)
        return header_fault(fault, BGP_BAD_LENGTH, m->body - 3, 2);
    int family = bgp_family_of(afi, safi);
    if (family < 0 || !codec->family[family] || subtype > 2)
        return 0;
    *out = (struct bgp_refresh){ .family = (uint8_t)family, .subtype = subtype };
    return 1;
}

size_t bgp_message_finish(uint8_t *buf, enum bgp_message_type type, size_t body_len)
{
    memset(buf, 0xff, 16);
    wire_set16(buf + 16, (uint16_t)(BGP_HEADER + body_len));
    buf[18] = (uint8_t)type;
    return BGP_HEADER + body_len;
}

size_t bgp_keepalive_write(uint8_t *buf)
{
    return bgp_message_finish(buf, BGP_KEEPALIVE, 0);
}

size_t bgp_refresh_write(uint8_t *buf, enum bgp_family family, uint8_t subtype)
{
    uint8_t *body = buf + BGP_HEADER;
    wire_set16(body, bgp_family_afi(family));
    body[2] = subtype;
    body[3] = BGP_SAFI_UNICAST;
    return bgp_message_finish(buf, BGP_ROUTE_REFRESH, 4);
}
