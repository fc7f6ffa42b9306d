/* Announcements of an MRT file (RFC 6396: BGP4MP and BGP4MP_ET, messages with either width of AS numbers). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/msg.h"
#include "tests/bench/table.h"

enum {
    MRT_BGP4MP = 16,
    MRT_BGP4MP_ET = 17,
    MRT_MESSAGE = 1,
    MRT_MESSAGE_AS4 = 4,
    MRT_RECORD_MAX = 1 << 20,
    AS_SEQUENCE = 2,
};

struct mrt {
    struct table *table;
    struct arena arena;
    struct bgp_codec codec;
};

static bool begins_with_sequence(const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_AS_PATH)
            return v.len >= 6 && v.value[0] == AS_SEQUENCE;
    return false;
}

/* Routes that every eBGP speaker passes on: not those of RFC 1997's well-known communities. */
static bool is_for_all(const struct bgp_attrs *a)
{
    return begins_with_sequence(a) && !(a->marks & (BGP_MARK_NO_EXPORT | BGP_MARK_NO_ADVERTISE));
}

static void take_update(struct mrt *m, const uint8_t *body, size_t len)
{
    const struct bgp_update_context ctx = { .codec = &m->codec, .any_first_as = true };
    struct bgp_update u;
    arena_reset(&m->arena);
    if (bgp_update_decode(body, len, &ctx, &m->arena, &u) || !u.reach_count ||
        !is_for_all(&u.attrs[0]))
        return;
    uint32_t set = table_add_set(m->table, u.attrs[0].bytes, u.attrs[0].len), id;
    struct bgp_nlri nlri = u.reach[0];
    struct ip_prefix p;
    while (bgp_nlri_next(&nlri, &p, &id))
        if (p.bytes[0] &&
            p.bytes[0] != 10) /* 0/8 is refused by some; 10/8 has the peers' own addresses */
            table_add_prefix(m->table, &p, set);
}

static void take_record(struct mrt *m, uint16_t type, uint16_t subtype, struct wire_reader r)
{
    bool as4 = subtype == MRT_MESSAGE_AS4;
    if ((type != MRT_BGP4MP && type != MRT_BGP4MP_ET) || (subtype != MRT_MESSAGE && !as4))
        return;
    if (type == MRT_BGP4MP_ET)
        wire_u32(&r); /* microseconds */
    wire_bytes(&r, as4 ? 8 : 4);
    wire_u16(&r);
    wire_bytes(&r, wire_u16(&r) == 1 ? 8 : 32);
    const uint8_t *header = wire_bytes(&r, BGP_HEADER);
    if (!header || header[BGP_HEADER - 1] != BGP_UPDATE)
        return;
    m->codec.as4 = as4;
    take_update(m, r.at, wire_left(&r));
}

bool table_read_mrt(struct table *t, const char *path)
{
    struct mrt m = { .table = t };
    FILE *f = fopen(path, "rb");
    uint8_t head[12], *body = malloc(MRT_RECORD_MAX);
    m.codec.family[BGP_IP4] = true;
    m.codec.max_message = BGP_MESSAGE_MAX;
    *t = (struct table){ 0 };
    while (f && body && fread(head, 1, sizeof head, f) == sizeof head) {
        uint32_t len = wire_get32(head + 8);
        if (len > MRT_RECORD_MAX || fread(body, 1, len, f) != len)
            break;
        take_record(&m, wire_get16(head + 4), wire_get16(head + 6), wire_reader(body, len));
    }
    if (f)
        fclose(f);
    free(body);
    arena_fini(&m.arena);
    return t->prefix_count > 0;
}
