#include "bgp/codec/types.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, ip_addr_len(a->family));
}

int ip_addr_parse(const char *text, struct ip_addr *out)
{
    struct ip_addr a = { .family = BGP_IP4 };
    if (inet_pton(AF_INET, text, a.bytes) != 1) {
        a.family = BGP_IP6;
        if (inet_pton(AF_INET6, text, a.bytes) != 1)
            return BGP_ERR_PARSE;
    }
    *out = a;
    return 0;
}

char *ip_addr_format(const struct ip_addr *a, char buf[static IP_ADDR_TEXT])
{
    if (!inet_ntop(a->family == BGP_IP4 ? AF_INET : AF_INET6, a->bytes, buf, IP_ADDR_TEXT))
        buf[0] = 0;
    return buf;
}

static uint8_t tail_mask(uint8_t len)
{
    return (uint8_t)(0xff00u >> (len % 8));
}

static bool has_host_bits(const struct ip_prefix *p)
{
    unsigned full = p->len / 8u, bytes = ip_addr_len(p->family);
    if (p->len % 8 && p->bytes[full] & (uint8_t)~tail_mask(p->len))
        return true;
    for (unsigned i = ip_prefix_bytes(p->len); i < bytes; i++)
        if (p->bytes[i])
            return true;
    return false;
}

static void clear_host_bits(struct ip_prefix *p)
{
    unsigned kept = ip_prefix_bytes(p->len);
    if (p->len % 8)
        p->bytes[kept - 1] &= tail_mask(p->len);
    memset(p->bytes + kept, 0, sizeof p->bytes - kept);
}

/* An address and a length, whatever bits are set. */
static int parse_any(const char *text, struct ip_prefix *out)
{
    char addr_text[IP_ADDR_TEXT];
    const char *slash = strchr(text, '/');
    size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
    struct ip_addr addr;
    if (addr_len >= sizeof addr_text)
        return BGP_ERR_PARSE;
    memcpy(addr_text, text, addr_len);
    addr_text[addr_len] = 0;
    if (ip_addr_parse(addr_text, &addr))
        return BGP_ERR_PARSE;
    unsigned bits = ip_addr_len(addr.family) * 8, len = bits;
    if (slash) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (!digits || digits > 3 || slash[1 + digits])
            return BGP_ERR_PARSE;
        len = (unsigned)strtoul(slash + 1, NULL, 10);
    }
    struct ip_prefix p = { .family = addr.family, .len = (uint8_t)len };
    memcpy(p.bytes, addr.bytes, sizeof p.bytes);
    if (len > bits)
        return BGP_ERR_PARSE;
    *out = p;
    return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *out)
{
    struct ip_prefix p;
    if (parse_any(text, &p) || has_host_bits(&p))
        return BGP_ERR_PARSE;
    *out = p;
    return 0;
}

int ip_prefix_parse_around(const char *text, struct ip_prefix *out)
{
    int err = parse_any(text, out);
    if (!err)
        clear_host_bits(out);
    return err;
}

char *ip_prefix_format(const struct ip_prefix *p, char buf[static IP_PREFIX_TEXT])
{
    struct ip_addr addr = { .family = p->family };
    char text[IP_ADDR_TEXT];
    memcpy(addr.bytes, p->bytes, sizeof addr.bytes);
    snprintf(buf, IP_PREFIX_TEXT, "%s/%u", ip_addr_format(&addr, text), p->len);
    return buf;
}

bool ip_prefix_is_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool starts_with(const uint8_t *bytes, const struct ip_prefix *p)
{
    unsigned full = p->len / 8u;
    if (memcmp(bytes, p->bytes, full) != 0)
        return false;
    return p->len % 8 == 0 || ((bytes[full] ^ p->bytes[full]) & tail_mask(p->len)) == 0;
}

bool ip_prefix_contains(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
    return outer->family == inner->family && outer->len <= inner->len &&
           starts_with(inner->bytes, outer);
}

bool ip_prefix_contains_addr(const struct ip_prefix *outer, const struct ip_addr *addr)
{
    return outer->family == addr->family && starts_with(addr->bytes, outer);
}

bool ip6_prefix_is_routable(const struct ip_prefix *p)
{
    static const uint8_t none[15];
    const uint8_t *b = p->bytes;
    bool is_host_only = p->len == 128 && b[15] <= 1 && memcmp(b, none, sizeof none) == 0;
    return !is_host_only && b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

/* ---- NOTIFICATION texts ---- */

enum { SUBCODES = 12 };

static const struct {
    const char *code;
    const char *sub[SUBCODES];
} texts[] = {
    [BGP_MESSAGE_HEADER_ERROR] = { "message header error",
                                   { [1] = "connection not synchronized", [2] = "bad message length",
                                     [3] = "bad message type" } },
    [BGP_OPEN_ERROR] = { "OPEN error",
                         { [1] = "unsupported version", [2] = "bad peer AS",
                           [3] = "bad BGP identifier", [4] = "unsupported optional parameter",
                           [6] = "unacceptable hold time", [7] = "unsupported capability",
                           [11] = "role mismatch" } },
    [BGP_UPDATE_ERROR] = { "UPDATE error",
                           { [1] = "malformed attribute list",
                             [2] = "unrecognized well-known attribute",
                             [3] = "missing well-known attribute", [4] = "attribute flags",
                             [5] = "attribute length", [6] = "invalid ORIGIN",
                             [8] = "invalid NEXT_HOP", [9] = "optional attribute",
                             [10] = "invalid network field", [11] = "malformed AS_PATH" } },
    [BGP_HOLD_TIMER_EXPIRED] = { "hold timer expired", { 0 } },
    [BGP_FSM_ERROR] = { "finite state machine error",
                        { [1] = "unexpected message in OpenSent",
                          [2] = "unexpected message in OpenConfirm",
                          [3] = "unexpected message in Established" } },
    [BGP_CEASE] = { "cease",
                    { [1] = "maximum number of prefixes", [2] = "administrative shutdown",
                      [3] = "peer deconfigured", [4] = "administrative reset",
                      [5] = "connection rejected", [6] = "configuration change",
                      [7] = "connection collision", [8] = "out of resources", [9] = "hard reset",
                      [10] = "BFD down" } },
    [BGP_ROUTE_REFRESH_ERROR] = { "ROUTE-REFRESH error", { [1] = "invalid message length" } },
    [BGP_SEND_HOLD_TIMER_EXPIRED] = { "send hold timer expired", { 0 } },
};

const char *bgp_fault_text(uint8_t code, uint8_t subcode, char *buf, size_t cap)
{
    const char *first = code < sizeof texts / sizeof *texts ? texts[code].code : NULL;
    const char *second = first && subcode < SUBCODES ? texts[code].sub[subcode] : NULL;
    if (!first)
        snprintf(buf, cap, "code %u/%u", code, subcode);
    else if (second)
        snprintf(buf, cap, "%s/%s", first, second);
    else if (subcode)
        snprintf(buf, cap, "%s/%u", first, subcode);
    else
        snprintf(buf, cap, "%s", first);
    return buf;
}
