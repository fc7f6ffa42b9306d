#include "node/config/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "node/base/memory.h"
#include "node/config/config.h"
#include "replication/keys.h"

void schema_complain(struct schema_reader *r, struct tree_node *n, const char *format, ...)
{
    char text[512], path[TREE_PATH_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    n->is_bad = true;
    report_error(r->report, n->kind == TREE_SCALAR ? n->mark : tree_place(n), tree_path(n, path),
                 "%s", text);
}

/* ---- did you mean ---- */

/* Edit distance with neighbours swapped as one step; more than `most` is as good as infinite. */
static unsigned distance(const char *a, const char *b, unsigned most)
{
    enum { LEN = 48 };
    unsigned rows[3][LEN + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > LEN || lb > LEN)
        return most + 1;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two[j - 2] + 1 < best)
                best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

enum { NEAR = 2, PART = 3, KNOWN_TEXT = 1024 };

/* The first key that has this one as a part: md5Key, asn, prefixes. */
static const char *key_around(const struct schema_row *rows, const char *key)
{
    for (; rows->key && strlen(key) >= PART; rows++)
        if (strcasestr(rows->key, key))
            return rows->key;
    return NULL;
}

static const char *nearest_key(const struct schema_row *rows, const char *key)
{
    const struct schema_row *all = rows;
    const char *best = NULL;
    unsigned least = NEAR + 1;
    for (; rows->key; rows++) {
        unsigned d = strcasecmp(rows->key, key) == 0 ? 0 : distance(rows->key, key, NEAR);
        if (d < least) {
            least = d;
            best = rows->key;
        }
    }
    return best ? best : key_around(all, key);
}

static void unknown_key(struct schema_reader *r, const struct schema_row *rows, struct tree_node *n)
{
    char path[TREE_PATH_TEXT], known[KNOWN_TEXT] = "";
    const char *near = nearest_key(rows, n->key);
    n->is_bad = true;
    if (near) {
        report_error(r->report, n->key_mark, tree_path(n->parent, path),
                     "unknown key \"%s\" (did you mean \"%s\"?)", n->key, near);
        return;
    }
    report_error(r->report, n->key_mark, tree_path(n->parent, path), "unknown key \"%s\"", n->key);
    for (const struct schema_row *row = rows; row->key; row++)
        if (row->read || row->is_separate)
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
                     known[0] ? ", " : "", row->key);
    report_hint(r->report, "known here: %s", known);
}

/* ---- objects ---- */

bool schema_is_map(struct schema_reader *r, struct tree_node *n)
{
    if (n->kind == TREE_MAP)
        return true;
    schema_complain(r, n, "keys and values are expected here, not %s",
                    n->kind == TREE_LIST ? "a list" : "a single value");
    return false;
}

bool schema_is_list(struct schema_reader *r, struct tree_node *n)
{
    if (n->kind == TREE_LIST)
        return true;
    schema_complain(r, n, "a list is expected here");
    report_hint(r->report, "write [a, b], or one item a line behind a dash");
    return false;
}

static const struct schema_row *find_row(const struct schema_row *rows, const char *key)
{
    for (; rows->key; rows++)
        if (strcmp(rows->key, key) == 0)
            return rows;
    return NULL;
}

/* YAML's and JSON's word for a value that is not said: what may be left out is left out. */
static bool is_null(const struct tree_node *n)
{
    return n->kind == TREE_SCALAR && !n->is_quoted && (!strcmp(n->text, "null") || !strcmp(n->text, "~"));
}

/* A part of which nothing is left, as `peers:` before its first entry, is null as well. */
static bool is_empty(const struct tree_node *n)
{
    return is_null(n) || (n->kind == TREE_SCALAR && !n->is_quoted && !n->text[0]);
}

static void read_value(struct schema_reader *r, const struct schema_row *row, struct tree_node *n,
                       void *object)
{
    n->is_left_out = row->is_separate && !row->is_required && is_empty(n);
    if (row->is_separate || (is_null(n) && !row->is_required))
        return;
    if (!row->read) {
        char path[TREE_PATH_TEXT];
        n->is_bad = true;
        report_error(r->report, n->key_mark, tree_path(n, path), "not supported by this version");
        report_hint(r->report, "remove it: %s", row->help);
        return;
    }
    row->read(r, n, row, (char *)object + row->offset);
}

void schema_read_object(struct schema_reader *r, struct tree_node *map,
                        const struct schema_row *rows, void *object)
{
    char path[TREE_PATH_TEXT];
    for (struct tree_node *n = map->first; n; n = n->next) {
        if (n->is_duplicate)
            continue;
        const struct schema_row *row = find_row(rows, n->key);
        if (row)
            read_value(r, row, n, object);
        else
            unknown_key(r, rows, n);
    }
    for (const struct schema_row *row = rows; row->key && r->is_complete; row++) {
        if (!row->is_required || tree_get(map, row->key))
            continue;
        report_error(r->report, tree_place(map), tree_path(map, path), "\"%s\" is missing", row->key);
        report_hint(r->report, "%s", row->help);
    }
}

/* ---- scalars ---- */

static bool is_text(struct schema_reader *r, struct tree_node *n, const struct schema_row *row)
{
    if (n->kind == TREE_SCALAR && (n->text[0] || n->is_quoted))
        return true;
    if (n->kind == TREE_SCALAR)
        schema_complain(r, n, "a value is missing");
    else
        schema_complain(r, n, "a single value is expected here, not %s", n->kind == TREE_LIST ? "a list" : "keys and values");
    report_hint(r->report, "%s", row->help);
    return false;
}

bool schema_name(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (!is_text(r, n, row))
        return false;
    size_t len = strlen(n->text);
    if (!len || len > CONFIG_NAME_MAX || strspn(n->text, allowed) != len) {
        schema_complain(r, n, "\"%s\" is no name", n->text);
        report_hint(r->report, "1 to %d letters, digits, hyphens, underscores, dots", CONFIG_NAME_MAX);
        return false;
    }
    memcpy(to, n->text, len + 1);
    return true;
}

bool schema_path(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    char **out = to;
    if (!is_text(r, n, row))
        return false;
    size_t room = strlen(r->directory) + strlen(n->text) + 2;
    free(*out);
    *out = memory_new(room, 1);
    if (n->text[0] == '/')
        snprintf(*out, room, "%s", n->text);
    else
        snprintf(*out, room, "%s/%s", r->directory, n->text);
    return true;
}

static bool read_number(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        uint64_t *out)
{
    char *end;
    if (!is_text(r, n, row))
        return false;
    errno = 0;
    *out = strtoull(n->text, &end, 10);
    if (n->text[strspn(n->text, "0123456789")] || end == n->text) {
        schema_complain(r, n, "\"%s\" is no number", n->text);
        report_hint(r->report, "%s: a whole number from %llu to %llu", row->help,
                    (unsigned long long)row->min, (unsigned long long)row->max);
        return false;
    }
    if (!errno && *out >= row->min && *out <= row->max)
        return true;
    schema_complain(r, n, "%s is outside %llu..%llu", n->text, (unsigned long long)row->min,
                    (unsigned long long)row->max);
    return false;
}

#define NUMBER(name, type)                                                                         \
    bool name(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to) \
    {                                                                                              \
        uint64_t v;                                                                                \
        if (!read_number(r, n, row, &v))                                                           \
            return false;                                                                          \
        *(type *)to = (type)v;                                                                     \
        return true;                                                                               \
    }
NUMBER(schema_u8, uint8_t)
NUMBER(schema_u16, uint16_t)
NUMBER(schema_u32, uint32_t)
NUMBER(schema_u64, uint64_t)

bool schema_bool(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    if (!is_text(r, n, row))
        return false;
    bool yes = strcmp(n->text, "true") == 0;
    if (!yes && strcmp(n->text, "false") != 0) {
        schema_complain(r, n, "\"%s\" is neither true nor false", n->text);
        return false;
    }
    *(bool *)to = yes;
    return true;
}

bool schema_word(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    char all[256] = "";
    if (!is_text(r, n, row))
        return false;
    for (uint8_t i = 0; row->words[i]; i++) {
        if (strcmp(row->words[i], n->text) == 0) {
            *(uint8_t *)to = i;
            return true;
        }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", row->words[i]);
    }
    schema_complain(r, n, "\"%s\" is not one of: %s", n->text, all);
    for (uint8_t i = 0; row->words[i]; i++)
        if (strcasecmp(row->words[i], n->text) == 0 || distance(row->words[i], n->text, NEAR) <= NEAR)
            report_hint(r->report, "did you mean \"%s\"?", row->words[i]);
    return false;
}

static const struct {
    const char *unit;
    uint64_t ms;
} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };

const char *schema_format_ms(uint64_t ms, char text[static SCHEMA_MS_TEXT])
{
    size_t i = sizeof units / sizeof *units - 1;
    while (ms ? ms % units[i].ms != 0 : units[i].ms != 1000)
        i--;
    snprintf(text, SCHEMA_MS_TEXT, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].unit);
    return text;
}

/* A bare number is in seconds. */
static bool read_duration(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          uint64_t *ms)
{
    if (!is_text(r, n, row))
        return false;
    size_t digits = strspn(n->text, "0123456789");
    uint64_t factor = digits && !n->text[digits] ? 1000 : 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (digits && strcmp(n->text + digits, units[i].unit) == 0)
            factor = units[i].ms;
    if (!factor || digits > 9) {
        schema_complain(r, n, "\"%s\" is no duration", n->text);
        report_hint(r->report, "write 90s, 3m, 1h or 500ms");
        return false;
    }
    *ms = strtoull(n->text, NULL, 10) * factor;
    if (*ms >= row->min && *ms <= row->max)
        return true;
    char least[SCHEMA_MS_TEXT], most[SCHEMA_MS_TEXT];
    schema_complain(r, n, "%s is outside %s..%s", n->text, schema_format_ms(row->min, least),
                    schema_format_ms(row->max, most));
    return false;
}

bool schema_millis(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    uint64_t ms;
    if (!read_duration(r, n, row, &ms))
        return false;
    *(uint32_t *)to = (uint32_t)ms;
    return true;
}

bool schema_seconds(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                    void *to)
{
    uint64_t ms;
    if (!read_duration(r, n, row, &ms))
        return false;
    if (ms % 1000) {
        schema_complain(r, n, "%s is no whole number of seconds", n->text);
        return false;
    }
    *(uint16_t *)to = (uint16_t)(ms / 1000);
    return true;
}

/* What one host may have, and is the same everywhere: no 0.0.0.0/8, multicast, broadcast, link-local. */
static bool is_host(const struct ip_addr *a)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
    const uint8_t *b = a->bytes;
    if (a->family == BGP_IP4)
        return b[0] != 0 && (b[0] & 0xf0) != 0xe0 && memcmp(b, broadcast, sizeof broadcast) != 0;
    return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) && !ip_addr_is_zero(a);
}

bool schema_bytes(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    static const char *const suffixes[] = { "", "KiB", "MiB", "GiB" };
    if (!is_text(r, n, row))
        return false;
    size_t digits = strspn(n->text, "0123456789");
    for (unsigned i = 0; digits && digits <= 9 && i < sizeof suffixes / sizeof *suffixes; i++) {
        uint64_t bytes = (uint64_t)strtoull(n->text, NULL, 10) << 10 * i;
        if (strcmp(n->text + digits, suffixes[i]) != 0)
            continue;
        if (bytes < row->min || bytes > row->max) {
            schema_complain(r, n, "%s is outside %llu..%llu bytes", n->text, (unsigned long long)row->min,
                            (unsigned long long)row->max);
            return false;
        }
        *(uint64_t *)to = bytes;
        return true;
    }
    schema_complain(r, n, "\"%s\" is no size", n->text);
    report_hint(r->report, "write 512MiB or 2GiB");
    return false;
}

bool schema_addr(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    struct ip_addr addr;
    if (!is_text(r, n, row))
        return false;
    if (ip_addr_parse(n->text, &addr)) {
        schema_complain(r, n, "\"%s\" is no IP address", n->text);
        if (strchr(n->text, '/'))
            report_hint(r->report, "write the address alone, without a length");
        return false;
    }
    if (!is_host(&addr)) {
        schema_complain(r, n, "%s is the address of no single host", n->text);
        report_hint(r->report, "neither 0.0.0.0 nor multicast, broadcast or link-local");
        return false;
    }
    *(struct ip_addr *)to = addr;
    return true;
}

bool schema_prefix(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    struct ip_prefix around;
    char right[IP_PREFIX_TEXT];
    if (!is_text(r, n, row))
        return false;
    bool has_length = strchr(n->text, '/') != NULL;
    if (has_length && ip_prefix_parse(n->text, to) == 0)
        return true;
    schema_complain(r, n, "\"%s\" is no prefix", n->text);
    if (has_length && !ip_prefix_parse_around(n->text, &around))
        report_hint(r->report, "bits behind the length must be zero: write %s", ip_prefix_format(&around, right));
    else
        report_hint(r->report, "write an address and a length, such as 10.1.0.0/16");
    return false;
}

bool schema_key(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    if (!is_text(r, n, row))
        return false;
    if (repl_public_parse(n->text, to) == 0)
        return true;
    schema_complain(r, n, "this is no public key");
    report_hint(r->report, "44 characters, as printed by: tandemctl key new FILE");
    return false;
}

bool schema_router_id(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    struct ip_addr a;
    if (!is_text(r, n, row))
        return false;
    if (ip_addr_parse(n->text, &a) || a.family != BGP_IP4 || ip_addr_is_zero(&a)) {
        schema_complain(r, n, "\"%s\" is no router id", n->text);
        report_hint(r->report, "four numbers like an IPv4 address, not 0.0.0.0");
        return false;
    }
    *(uint32_t *)to = wire_get32(a.bytes);
    return true;
}
