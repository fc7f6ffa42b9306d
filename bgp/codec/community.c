#include "bgp/codec/community.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 3, ROUTE_TARGET = 2, ROUTE_ORIGIN = 3 }; /* sub-types of RFC 4360 sections 4 and 5 */

/* Types of extended communities by what their administrator is: RFC 4360 section 3.1, 3.2, RFC 5668. */
enum { OF_AS2 = 0x00, OF_ADDRESS = 0x01, OF_AS4 = 0x02 };

static const struct {
    const char *word;
    uint16_t n; /* 65535:n */
} known[] = {
    { "graceful-shutdown", BGP_GRACEFUL_SHUTDOWN },
    { "llgr-stale", BGP_LLGR_STALE },
    { "no-llgr", BGP_NO_LLGR },
    { "blackhole", BGP_BLACKHOLE },
    { "no-export", BGP_NO_EXPORT },
    { "no-advertise", BGP_NO_ADVERTISE },
    { "no-export-subconfed", BGP_NO_EXPORT_SUBCONFED },
};

static const struct {
    const char *word;
    uint8_t subtype;
} extended[] = { { "rt:", ROUTE_TARGET }, { "ro:", ROUTE_ORIGIN } };

uint8_t bgp_community_size(uint8_t attr_type)
{
    switch (attr_type) {
    case BGP_ATTR_COMMUNITIES:
        return 4;
    case BGP_ATTR_EXT_COMMUNITIES:
        return 8;
    case BGP_ATTR_LARGE_COMMUNITIES:
        return 12;
    case BGP_ATTR_IP6_EXT_COMMUNITIES:
        return BGP_COMMUNITY_MAX;
    default:
        return 0;
    }
}

/* ---- reading ---- */

struct part {
    uint32_t value;
    bool is_any, is_address;
};

static bool read_address(const char *text, size_t len, struct part *out)
{
    char copy[IP_ADDR_TEXT];
    struct ip_addr addr;
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (ip_addr_parse(copy, &addr) || addr.family != BGP_IP4)
        return false;
    *out = (struct part){ .value = wire_get32(addr.bytes), .is_address = true };
    return true;
}

static bool read_part(const char *text, size_t len, struct part *out)
{
    uint64_t value = 0;
    *out = (struct part){ .is_any = len == 1 && *text == '*' };
    if (out->is_any)
        return true;
    if (memchr(text, '.', len))
        return read_address(text, len, out);
    if (!len || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    out->value = (uint32_t)value;
    return value <= UINT32_MAX;
}

/* How many there are, 0: this is something else. */
static unsigned read_parts(const char *text, struct part out[static PARTS])
{
    for (unsigned count = 0; count < PARTS; text++) {
        size_t len = strcspn(text, ":");
        if (!read_part(text, len, &out[count++]))
            return 0;
        text += len;
        if (!*text)
            return count;
    }
    return 0;
}

/* False: too large for so many octets. */
static bool put(struct bgp_community *c, unsigned at, unsigned octets, const struct part *p)
{
    if (octets < 4 && p->value >> 8 * octets)
        return false;
    for (unsigned i = 0; i < octets; i++) {
        c->bytes[at + i] = (uint8_t)(p->value >> 8 * (octets - 1 - i));
        c->mask[at + i] = p->is_any ? 0 : 0xff;
    }
    return true;
}

static bool make_extended(uint8_t subtype, const struct part *p, unsigned count, struct bgp_community *c)
{
    bool is_wide = p[0].is_address || p[0].value > UINT16_MAX;
    if (count != 2 || p[0].is_any || p[1].is_address)
        return false; /* without its administrator it is of no type */
    c->type = BGP_ATTR_EXT_COMMUNITIES;
    c->bytes[0] = p[0].is_address ? OF_ADDRESS : is_wide ? OF_AS4 : OF_AS2;
    c->bytes[1] = subtype;
    c->mask[0] = c->mask[1] = 0xff;
    return put(c, 2, is_wide ? 4 : 2, &p[0]) && put(c, is_wide ? 6 : 4, is_wide ? 2 : 4, &p[1]);
}

static bool make_plain(const struct part *p, unsigned count, struct bgp_community *c)
{
    unsigned octets = count == 3 ? 4 : 2;
    c->type = count == 3 ? BGP_ATTR_LARGE_COMMUNITIES : BGP_ATTR_COMMUNITIES;
    for (unsigned i = 0; i < count; i++)
        if (p[i].is_address || !put(c, i * octets, octets, &p[i]))
            return false;
    return count > 1;
}

static bool make(const char *text, struct bgp_community *c)
{
    struct part parts[PARTS];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(text, known[i].word)) {
            const struct part both[] = { { .value = UINT16_MAX }, { .value = known[i].n } };
            return make_plain(both, 2, c);
        }
    for (size_t i = 0; i < sizeof extended / sizeof *extended; i++)
        if (!strncmp(text, extended[i].word, strlen(extended[i].word)))
            return make_extended(extended[i].subtype, parts,
                                 read_parts(text + strlen(extended[i].word), parts), c);
    return make_plain(parts, read_parts(text, parts), c);
}

int bgp_community_parse(const char *text, struct bgp_community *out)
{
    struct bgp_community c = { 0 };
    if (!make(text, &c))
        return BGP_ERR_PARSE;
    *out = c;
    return 0;
}

/* ---- writing ---- */

static size_t print_part(const struct bgp_community *c, unsigned at, unsigned octets, char *buf, size_t cap)
{
    uint32_t value = octets == 4 ? wire_get32(c->bytes + at) : wire_get16(c->bytes + at);
    int len = c->mask[at] ? snprintf(buf, cap, "%u", value) : snprintf(buf, cap, "*");
    return (size_t)len;
}

static void print_parts(const struct bgp_community *c, unsigned count, unsigned octets, char *buf)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i)
            buf[len++] = ':';
        len += print_part(c, i * octets, octets, buf + len, BGP_COMMUNITY_TEXT - len);
    }
}

static void print_hex(const struct bgp_community *c, unsigned octets, char *buf)
{
    size_t len = (size_t)snprintf(buf, BGP_COMMUNITY_TEXT, "0x");
    for (unsigned i = 0; i < octets; i++)
        len += (size_t)snprintf(buf + len, BGP_COMMUNITY_TEXT - len, "%02x", c->bytes[i]);
}

static void print_extended(const struct bgp_community *c, char *buf)
{
    const uint8_t *b = c->bytes;
    bool is_wide = b[0] != OF_AS2;
    if (b[0] > OF_AS4 || (b[1] != ROUTE_TARGET && b[1] != ROUTE_ORIGIN)) {
        print_hex(c, 8, buf);
        return;
    }
    size_t len = (size_t)snprintf(buf, BGP_COMMUNITY_TEXT, "%s", extended[b[1] - ROUTE_TARGET].word);
    if (b[0] == OF_ADDRESS)
        len += (size_t)snprintf(buf + len, BGP_COMMUNITY_TEXT - len, "%u.%u.%u.%u", b[2], b[3], b[4], b[5]);
    else
        len += print_part(c, 2, is_wide ? 4 : 2, buf + len, BGP_COMMUNITY_TEXT - len);
    buf[len++] = ':';
    print_part(c, is_wide ? 6 : 4, is_wide ? 2 : 4, buf + len, BGP_COMMUNITY_TEXT - len);
}

char *bgp_community_format(const struct bgp_community *c, char buf[static BGP_COMMUNITY_TEXT])
{
    if (c->type == BGP_ATTR_COMMUNITIES)
        print_parts(c, 2, 2, buf);
    else if (c->type == BGP_ATTR_LARGE_COMMUNITIES)
        print_parts(c, 3, 4, buf);
    else if (c->type == BGP_ATTR_EXT_COMMUNITIES)
        print_extended(c, buf);
    else
        print_hex(c, bgp_community_size(c->type), buf);
    return buf;
}

/* ---- comparing ---- */

bool bgp_community_is_exact(const struct bgp_community *c)
{
    for (unsigned i = 0; i < bgp_community_size(c->type); i++)
        if (!c->mask[i])
            return false;
    return true;
}

bool bgp_community_matches(const struct bgp_community *c, const uint8_t *bytes)
{
    uint8_t differing = 0;
    for (unsigned i = 0; i < bgp_community_size(c->type); i++)
        differing |= (uint8_t)((bytes[i] ^ c->bytes[i]) & c->mask[i]);
    return !differing;
}
