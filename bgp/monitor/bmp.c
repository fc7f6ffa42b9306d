#include "bgp/monitor/bmp.h"

#include <string.h>

#include "bgp/base/wire.h"

enum { VERSION = 3, FLAG_IP6 = 0x80, TEXT_MAX = 255 };

enum message_type {
    ROUTE_MONITORING = 0,
    STATISTICS_REPORT = 1,
    PEER_DOWN = 2,
    PEER_UP = 3,
    INITIATION = 4,
    TERMINATION = 5,
};

/* Information TLVs: RFC 7854 section 4.4, and section 4.5 for those of a Termination. */
enum { TLV_STRING = 0, TLV_SYS_DESCR = 1, TLV_SYS_NAME = 2, TLV_TABLE_NAME = 3, TLV_REASON = 1 };

static void begin(struct wire_writer *w, enum message_type type)
{
    wire_put8(w, VERSION);
    wire_put32(w, 0); /* length: set at the end */
    wire_put8(w, (uint8_t)type);
}

static size_t end(struct wire_writer *w)
{
    if (w->failed)
        return 0;
    wire_set32(w->start + 1, (uint32_t)wire_len(w));
    return wire_len(w);
}

static void put_text(struct wire_writer *w, uint16_t type, const char *text)
{
    size_t len = strnlen(text, TEXT_MAX);
    wire_put16(w, type);
    wire_put16(w, (uint16_t)len);
    wire_put(w, text, len);
}

/* IPv4 in the last four of sixteen octets. */
static void put_address(struct wire_writer *w, const struct ip_addr *a)
{
    static const uint8_t none[12];
    if (a->family == BGP_IP4)
        wire_put(w, none, sizeof none);
    wire_put(w, a->bytes, ip_addr_len(a->family));
}

static void put_peer(struct wire_writer *w, const struct bmp_peer *p)
{
    wire_put8(w, p->type);
    wire_put8(w, (uint8_t)(p->flags | (p->address.family == BGP_IP6 ? FLAG_IP6 : 0)));
    wire_put64(w, 0); /* distinguisher: there is one instance */
    put_address(w, &p->address);
    wire_put32(w, p->asn);
    wire_put32(w, p->identifier);
    wire_put32(w, (uint32_t)(p->wall_ms / 1000));
    wire_put32(w, (uint32_t)(p->wall_ms % 1000 * 1000));
}

size_t bmp_initiation(uint8_t *buf, size_t cap, const char *name, const char *description)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, INITIATION);
    put_text(&w, TLV_SYS_DESCR, description);
    put_text(&w, TLV_SYS_NAME, name);
    return end(&w);
}

size_t bmp_termination(uint8_t *buf, size_t cap, enum bmp_termination reason, const char *text)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, TERMINATION);
    put_text(&w, TLV_STRING, text);
    wire_put16(&w, TLV_REASON);
    wire_put16(&w, 2);
    wire_put16(&w, (uint16_t)reason);
    return end(&w);
}

size_t bmp_peer_up(uint8_t *buf, size_t cap, const struct bmp_peer *peer, const struct bmp_up *up)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, PEER_UP);
    put_peer(&w, peer);
    put_address(&w, &up->local);
    wire_put16(&w, up->local_port);
    wire_put16(&w, up->remote_port);
    wire_put(&w, up->sent, up->sent_len);
    wire_put(&w, up->received, up->received_len);
    if (up->table)
        put_text(&w, TLV_TABLE_NAME, up->table);
    return end(&w);
}

size_t bmp_peer_down(uint8_t *buf, size_t cap, const struct bmp_peer *peer, enum bmp_down_reason reason,
                     const uint8_t *data, size_t len)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, PEER_DOWN);
    put_peer(&w, peer);
    wire_put8(&w, (uint8_t)reason);
    wire_put(&w, data, len);
    return end(&w);
}

size_t bmp_route(uint8_t *buf, const struct bmp_peer *peer, size_t update_len)
{
    struct wire_writer w = wire_writer(buf, BMP_UPDATE_AT + update_len);
    begin(&w, ROUTE_MONITORING);
    put_peer(&w, peer);
    wire_reserve(&w, update_len);
    return end(&w);
}

/* Type 11 is a counter of four octets, the others are gauges of eight; those by family begin with it. */
static void put_number(struct wire_writer *w, const struct bmp_number *n)
{
    bool is_counter = n->type == BMP_TREATED_AS_WITHDRAW;
    bool has_family = n->type == BMP_LOC_RIB_FAMILY_ROUTES || n->type == BMP_ADJ_RIB_OUT_FAMILY_ROUTES;
    wire_put16(w, n->type);
    wire_put16(w, is_counter ? 4 : has_family ? 11 : 8);
    if (has_family) {
        wire_put16(w, bgp_family_afi((enum bgp_family)n->family));
        wire_put8(w, BGP_SAFI_UNICAST);
    }
    if (is_counter)
        wire_put32(w, (uint32_t)n->value);
    else
        wire_put64(w, n->value);
}

size_t bmp_statistics(uint8_t *buf, size_t cap, const struct bmp_peer *peer,
                      const struct bmp_number *numbers, uint32_t count)
{
    struct wire_writer w = wire_writer(buf, cap);
    begin(&w, STATISTICS_REPORT);
    put_peer(&w, peer);
    wire_put32(&w, count);
    for (uint32_t i = 0; i < count; i++)
        put_number(&w, &numbers[i]);
    return end(&w);
}
