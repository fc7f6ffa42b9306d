/* UTF-8, one character at a time, for text that comes from outside. */
#ifndef TANDEM_NODE_UTF8_H
#define TANDEM_NODE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at p, at least one byte before end.
 * out      its code point
 * returns  its length, 1..4; 0 for a byte that starts no valid character (RFC 3629 section 3:
 *          truncated, overlong, surrogate or beyond U+10FFFF) */
static inline size_t utf8_next(const char *p, const char *end, uint32_t *out)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t lead = (uint8_t)*p;
    size_t len = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (len == 0 || (size_t)(end - p) < len)
        return 0;
    uint32_t c = len == 1 ? lead : lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((uint8_t)p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    }
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return len;
}

/* C0, DEL, C1, and the marks that turn the direction of text: a terminal would obey them. */
static inline bool utf8_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

#endif
