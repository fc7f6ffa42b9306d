#include "bgp/aspath.h"

enum { SEGMENT_MAX = 255 };

bool aspath_is_valid(const struct aspath *p)
{
    struct wire_reader r = wire_reader(p->at, p->len);
    while (wire_left(&r)) {
        uint8_t type = wire_u8(&r), count = wire_u8(&r);
        struct wire_reader segment = wire_slice(&r, (size_t)count * p->width);
        if (r.failed || count == 0 || type != AS_SEQUENCE)
            return false;
        while (wire_left(&segment)) {
            uint32_t asn = p->width == 4 ? wire_u32(&segment) : wire_u16(&segment);
            if (asn == 0) /* RFC 7607 section 2 */
                return false;
        }
    }
    return true;
}

bool aspath_next(struct wire_reader *r, uint8_t width, unsigned *left, uint32_t *asn)
{
    while (*left == 0) {
        if (!wire_left(r))
            return false;
        wire_u8(r); /* only sequences get this far */
        *left = wire_u8(r);
    }
    --*left;
    *asn = width == 4 ? wire_u32(r) : wire_u16(r);
    return !r->failed;
}

unsigned aspath_count(const struct aspath *p)
{
    unsigned count = 0;
    struct wire_reader r = wire_reader(p->at, p->len);
    while (wire_left(&r)) {
        wire_u8(&r);
        uint8_t n = wire_u8(&r);
        wire_bytes(&r, (size_t)n * p->width);
        count += n;
    }
    return count;
}

/* Writes ASes one by one into sequences of at most 255. */
struct path_writer {
    struct wire_writer w;
    uint8_t *count; /* of the open segment, NULL = none */
    uint8_t width;
    bool needs_as4;
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
    if (pw->width == 4) {
        wire_put32(&pw->w, asn);
        return;
    }
    if (asn > UINT16_MAX) {
        pw->needs_as4 = true;
        asn = AS_TRANS;
    }
    wire_put16(&pw->w, (uint16_t)asn);
}

static void write_path(struct path_writer *pw, const struct aspath *p, unsigned most)
{
    struct wire_reader r = wire_reader(p->at, p->len);
    unsigned left = 0;
    uint32_t asn;
    while (most-- && aspath_next(&r, p->width, &left, &asn))
        write_as(pw, asn);
}

static int written(const struct path_writer *pw)
{
    return pw->w.failed ? BGP_ERR_SPACE : (int)wire_len(&pw->w);
}

int aspath_widen(const struct aspath *p, const struct aspath *as4, uint8_t *buf, size_t cap)
{
    struct path_writer pw = { .w = wire_writer(buf, cap), .width = 4 };
    unsigned have = aspath_count(p), wide = as4 ? aspath_count(as4) : 0;
    if (wide > have) /* RFC 6793 section 4.2.3: then AS4_PATH is ignored */
        wide = 0;
    write_path(&pw, p, have - wide);
    if (wide)
        write_path(&pw, as4, wide);
    return written(&pw);
}

int aspath_export(const struct aspath *p, uint32_t prepend, uint8_t width, uint8_t *buf, size_t cap,
                  bool *needs_as4)
{
    struct path_writer pw = { .w = wire_writer(buf, cap), .width = width };
    if (prepend)
        write_as(&pw, prepend);
    write_path(&pw, p, UINT32_MAX);
    *needs_as4 = pw.needs_as4;
    return written(&pw);
}
