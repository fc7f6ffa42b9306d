/* Bytes of a test written as hex, with blanks and 'comments in quotes' between the fields:
 *     uint8_t buf[64]; size_t n = hex(buf, sizeof buf, "'length' 0013 'type' 04");               */
#ifndef TANDEM_TESTS_LIB_HEX_H
#define TANDEM_TESTS_LIB_HEX_H

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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
            p += 2;
        }
    }
    return n;
}

#endif
