/* Bytes of a test written as hex, with blanks and 'comments in quotes' between the fields; ff*16 is an octet that
 * comes so many times:
 *     uint8_t buf[64]; size_t n = hex(buf, sizeof buf, "'marker' ff*16 'length' 0013 'type' 04");   */
#ifndef TANDEM_TESTS_LIB_HEX_H
#define TANDEM_TESTS_LIB_HEX_H

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where the hex goes on, behind "*16", if that is what stands there; the octet before it comes once. */
static inline const char *hex_repeat(uint8_t *buf, size_t cap, size_t *n, const char *p)
{
    char *end;
    if (*p != '*')
        return p;
    unsigned long times = strtoul(p + 1, &end, 10);
    assert(*n && times && times - 1 <= cap - *n);
    memset(buf + *n, buf[*n - 1], times - 1);
    *n += times - 1;
    return end;
}

static inline size_t hex(uint8_t *buf, size_t cap, const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p;) {
        if (*p == '\'') {
            for (p++; *p && *p != '\''; p++)
                ;
            assert(*p == '\'');
            p++;
        } else if (isspace((unsigned char)*p)) {
            p++;
        } else {
            char pair[3] = { p[0], p[1], 0 }, *end;
            assert(n < cap && p[1]);
            buf[n++] = (uint8_t)strtoul(pair, &end, 16);
            assert(end == pair + 2);
            p = hex_repeat(buf, cap, &n, p + 2);
        }
    }
    return n;
}

#endif
