#include "bgp/codec/aspath.h"

enum { SEGMENT_MAX = 255 };

static uint32_t as_at(const uint8_t *at, uint8_t width)
{
    return width == 4 ? wire_get32(at) : wire_get16(at);
}

static bool has_zero(const uint8_t *at, unsigned count, uint8_t width)
{
    for (; count; count--, at += width)
        if (as_at(at, width) == 0)
            return true;
    return false;
}

struct aspath_facts aspath_examine(const struct aspath *p)
{
    struct wire_reader r = wire_reader(p->at, p->len);
    struct aspath_facts facts = { 0 };
    while (wire_left(&r) && !facts.is_malformed) {
        uint8_t type = wire_u8(&r), count = wire_u8(&r);
        const uint8_t *ases = wire_bytes(&r, (size_t)count * p->width);
        facts.is_malformed = r.failed || count == 0 || type < AS_SET || type > AS_CONFED_SET ||
                             has_zero(ases, count, p->width);
        facts.has_set |= type == AS_SET || type == AS_CONFED_SET;
        facts.has_confed |= type == AS_CONFED_SEQUENCE || type == AS_CONFED_SET;
        if (!facts.count && !facts.is_malformed)
            facts.first = as_at(ases, p->width);
        facts.count += count;
    }
    return facts;
}

/* Number of ASes of the next segment that counts; 0 at the end. */
static unsigned next_segment(struct wire_reader *r, uint8_t width)
{
    while (wire_left(r)) {
        uint8_t type = wire_u8(r), count = wire_u8(r);
        if (type == AS_SEQUENCE)
            return count;
        wire_bytes(r, (size_t)count * width);
    }
    return 0;
}

bool aspath_next(struct wire_reader *r, uint8_t width, unsigned *left, uint32_t *asn)
{
    if (*left == 0 && (*left = next_segment(r, width)) == 0)
        return false;
    --*left;
    *asn = width == 4 ? wire_u32(r) : wire_u16(r);
    return !r->failed;
}

unsigned aspath_count(const struct aspath *p)
{
    unsigned total = 0, count;
    struct wire_reader r = wire_reader(p->at, p->len);
    while ((count = next_segment(&r, p->width)) != 0) {
        wire_bytes(&r, (size_t)count * p->width);
        total += count;
    }
    return total;
}

size_t aspath_wide_len(unsigned count)
{
    return (size_t)count * 4 + 2u * ((count + SEGMENT_MAX - 1) / SEGMENT_MAX);
}

/* Writes ASes one by one, four octets each, into sequences of at most 255. */
struct path_writer {
    struct wire_writer w;
    uint8_t *count; /* of the open segment, NULL = none */
};

static void write_as(struct path_writer *pw, uint32_t asn)
{
    if (!pw->count || *pw->count == SEGMENT_MAX) {
        wire_put8(&pw->w, AS_SEQUENCE);
        pw->count = wire_reserve(&pw->w, 1);
        if (pw->count)
            *pw->count = 0;
    }
    if (pw->count)
        ++*pw->count;
    wire_put32(&pw->w, asn);
}

static void write_path(struct path_writer *pw, const struct aspath *p, unsigned most)
{
    struct wire_reader r = wire_reader(p->at, p->len);
    unsigned left = 0;
    uint32_t asn;
    while (most-- && aspath_next(&r, p->width, &left, &asn))
        write_as(pw, asn);
}

int aspath_widen(const struct aspath *p, const struct aspath *as4, uint8_t *buf, size_t cap)
{
    struct path_writer pw = { .w = wire_writer(buf, cap) };
    unsigned have = aspath_count(p), wide = as4 ? aspath_count(as4) : 0;
    if (wide > have) /* RFC 6793 section 4.2.3: then AS4_PATH is ignored */
        wide = 0;
    write_path(&pw, p, have - wide);
    if (wide)
        write_path(&pw, as4, wide);
    return pw.w.failed ? BGP_ERR_SPACE : (int)wire_len(&pw.w);
}

static void export_as(struct wire_writer *w, uint32_t asn, uint8_t width, bool *needs_as4)
{
    if (width == 4) {
        wire_put32(w, asn);
        return;
    }
    *needs_as4 |= asn > UINT16_MAX;
    wire_put16(w, asn > UINT16_MAX ? AS_TRANS : (uint16_t)asn);
}

/* RFC 4271 section 5.1.2 b: into the first segment, or one of its own where that is full. */
int aspath_export(const struct aspath *p, const struct aspath_rewrite *how, uint8_t width, uint8_t *buf,
                  size_t cap, bool *needs_as4)
{
    struct wire_writer w = wire_writer(buf, cap);
    struct wire_reader r = wire_reader(p->at, p->len);
    bool joins = how->prepend && p->len && p->at[1] < SEGMENT_MAX;
    *needs_as4 = false;
    if (how->prepend && !joins)
        wire_put16(&w, AS_SEQUENCE << 8 | 1);
    if (how->prepend && !joins)
        export_as(&w, how->prepend, width, needs_as4);
    for (; wire_left(&r); joins = false) {
        wire_put8(&w, wire_u8(&r));
        uint8_t count = wire_u8(&r);
        wire_put8(&w, (uint8_t)(count + joins));
        if (joins)
            export_as(&w, how->prepend, width, needs_as4);
        while (count--) {
            uint32_t asn = wire_u32(&r);
            export_as(&w, how->replaced && asn == how->replaced ? how->by : asn, width, needs_as4);
        }
    }
    return w.failed ? BGP_ERR_SPACE : (int)wire_len(&w);
}
