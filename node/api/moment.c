#include "node/api/moment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIGITS_MAX = 9 }; /* no factor overflows with so many */

/* Before 1970 there was nothing. */
static bool parse_ago(const char *text, uint64_t wall_ms, uint64_t *at_ms)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > DIGITS_MAX || strlen(text) != digits + 1)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t ago = strtoull(text, NULL, 10) * units[i].ms;
        if (text[digits] != units[i].unit)
            continue;
        *at_ms = ago < wall_ms ? wall_ms - ago : 0;
        return true;
    }
    return false;
}

/* ".394" or nothing; NULL: neither. */
static const char *parse_fraction(const char *text, uint64_t *ms)
{
    *ms = 0;
    if (*text != '.')
        return text;
    uint64_t place = 100;
    for (text++; *text >= '0' && *text <= '9'; text++, place /= 10)
        *ms += (uint64_t)(*text - '0') * place;
    return text[-1] == '.' ? NULL : text;
}

/* Behind the date; NULL: it is no time of a day. */
static const char *parse_clock(const char *text, struct tm *utc, uint64_t *ms)
{
    const char *end = strptime(text, "%H:%M:%S", utc);
    *ms = 0;
    return end ? parse_fraction(end, ms) : strptime(text, "%H:%M", utc);
}

static bool parse_date(const char *text, uint64_t *at_ms)
{
    struct tm utc = { 0 };
    uint64_t ms = 0;
    const char *end = strptime(text, "%Y-%m-%d", &utc);
    if (end && (*end == 'T' || *end == ' ')) {
        end = parse_clock(end + 1, &utc, &ms);
        end += end && *end == 'Z';
    }
    int day = utc.tm_mday;
    time_t at = timegm(&utc); /* makes the 31st of February a day of March */
    if (!end || *end || utc.tm_mday != day || at < 0)
        return false;
    *at_ms = (uint64_t)at * 1000 + ms;
    return true;
}

bool moment_parse(const char *text, uint64_t wall_ms, uint64_t *at_ms)
{
    return parse_ago(text, wall_ms, at_ms) || parse_date(text, at_ms);
}
