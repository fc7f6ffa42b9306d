/* Cursors over wire bytes, big-endian, whose failure sticks.
 *
 * A reader or writer never passes its end: the first attempt sets `failed`, later reads give zero
 * and later writes do nothing, so a decoder looks at `failed` once, before it uses what it read.
 * Nothing is left of a reader that failed: a loop while wire_left() ends.
 * An inner length makes an inner reader (wire_slice) that cannot see past its own bytes.
 * Nothing here allocates; the bytes belong to the caller. */
#ifndef TANDEM_BGP_BASE_WIRE_H
#define TANDEM_BGP_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct wire_reader wire_reader(const void *data, size_t len)
{
    const uint8_t *at = data;
    return (struct wire_reader){ .at = at, .end = len ? at + len : at };
}

static inline size_t wire_left(const struct wire_reader *r)
{
    return r->at ? (size_t)(r->end - r->at) : 0;
}

/* The next len bytes, borrowed, or NULL (and failed). A length of 0 gives a valid empty pointer. */
static inline const uint8_t *wire_bytes(struct wire_reader *r, size_t len)
{
    if (r->failed || len > wire_left(r)) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *at = r->at;
    if (len)
        r->at += len;
    return at;
}

static inline struct wire_reader wire_slice(struct wire_reader *r, size_t len)
{
    const uint8_t *at = wire_bytes(r, len);
    struct wire_reader inner = wire_reader(at, at ? len : 0);
    inner.failed = r->failed;
    return inner;
}

static inline uint8_t wire_u8(struct wire_reader *r)
{
    const uint8_t *p = wire_bytes(r, 1);
    if (!p)
        return 0;
    return p[0];
}

static inline uint16_t wire_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t wire_get64(const uint8_t *p)
{
    return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline uint16_t wire_u16(struct wire_reader *r)
{
    const uint8_t *p = wire_bytes(r, 2);
    if (!p)
        return 0;
    return wire_get16(p);
}

static inline uint32_t wire_u32(struct wire_reader *r)
{
    const uint8_t *p = wire_bytes(r, 4);
    if (!p)
        return 0;
    return wire_get32(p);
}

struct wire_writer {
    uint8_t *start, *at, *end;
    bool failed;
};

static inline struct wire_writer wire_writer(void *buf, size_t cap)
{
    uint8_t *at = buf;
    return (struct wire_writer){ .start = at, .at = at, .end = at + cap };
}

static inline size_t wire_room(const struct wire_writer *w)
{
    return (size_t)(w->end - w->at);
}

static inline size_t wire_len(const struct wire_writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Reserve len bytes and return where they go, or NULL (and failed). */
static inline uint8_t *wire_reserve(struct wire_writer *w, size_t len)
{
    if (w->failed || len > wire_room(w)) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->at;
    w->at += len;
    return at;
}

static inline void wire_set16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void wire_set32(uint8_t *p, uint32_t v)
{
    wire_set16(p, (uint16_t)(v >> 16));
    wire_set16(p + 2, (uint16_t)v);
}

static inline void wire_set64(uint8_t *p, uint64_t v)
{
    wire_set32(p, (uint32_t)(v >> 32));
    wire_set32(p + 4, (uint32_t)v);
}

static inline void wire_put(struct wire_writer *w, const void *data, size_t len)
{
    uint8_t *p = wire_reserve(w, len);
    if (p && len)
        memcpy(p, data, len);
}

static inline void wire_put8(struct wire_writer *w, uint8_t v)
{
    wire_put(w, &v, 1);
}

static inline void wire_put16(struct wire_writer *w, uint16_t v)
{
    uint8_t *p = wire_reserve(w, 2);
    if (p)
        wire_set16(p, v);
}

static inline void wire_put32(struct wire_writer *w, uint32_t v)
{
    uint8_t *p = wire_reserve(w, 4);
    if (p)
        wire_set32(p, v);
}

static inline void wire_put64(struct wire_writer *w, uint64_t v)
{
    uint8_t *p = wire_reserve(w, 8);
    if (p)
        wire_set64(p, v);
}

#endif
