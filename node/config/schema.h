/* What keys an object has and how each is read: rows of a table, one a key.
 *
 * A row knows its type, range, place in the struct, whether it must be there, and a sentence of help.
 * Reading reports everything that is wrong with an object and goes on: unknown keys with the nearest
 * known one, wrong kinds, values out of range, missing keys. */
#ifndef TANDEM_NODE_CONFIG_SCHEMA_H
#define TANDEM_NODE_CONFIG_SCHEMA_H

#include "node/config/tree.h"

struct config;
struct schema_row;

/* Where a value goes and what surrounds it. */
struct schema_reader {
    struct report *report;
    const char *directory; /* of the file, for relative names */
    const struct config *config; /* what was read of it so far; NULL: it is another file */
    bool is_complete;      /* false: the file ended early, so nothing counts as missing */
};

/* Reads one value into `to`; reports and returns false when it is wrong. */
typedef bool schema_read(struct schema_reader *r, struct tree_node *value,
                         const struct schema_row *row, void *to);

struct schema_row {
    const char *key;
    schema_read *read;  /* NULL: known, but not supported by this version */
    size_t offset;      /* in the struct of the object */
    uint64_t min, max;  /* of numbers and durations */
    const char *const *words; /* of an enumeration, by value; ends with NULL */
    bool is_required;
    bool is_separate;   /* known here, read by the caller */
    const char *help;
    const char *otherwise;    /* "as mode": what stands for it where that is not what the object has before; NULL = that */
};

/* Read a map by its rows (up to a row without key) into `object`. */
void schema_read_object(struct schema_reader *r, struct tree_node *map,
                        const struct schema_row *rows, void *object);
/* Is it a map / a list? Reports otherwise. */
bool schema_is_map(struct schema_reader *r, struct tree_node *n);
bool schema_is_list(struct schema_reader *r, struct tree_node *n);
/* Report about a value, and mark it bad. */
void schema_complain(struct schema_reader *r, struct tree_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A time as it may be written, "50ms" or "3m". Returns text. */
enum { SCHEMA_MS_TEXT = 24 };
const char *schema_format_ms(uint64_t ms, char text[static SCHEMA_MS_TEXT]);

/* The types. */
schema_read schema_name;      /* char[CONFIG_NAME_MAX + 1]: letters, digits, - _ . */
schema_read schema_path;      /* char *: absolute, or relative to the file's directory; free() it */
schema_read schema_u8, schema_u16, schema_u32, schema_u64, schema_bool;
schema_read schema_word;      /* uint8_t: place in row->words */
schema_read schema_seconds;   /* uint16_t: "90", "90s", "3m", "1h" */
schema_read schema_millis;    /* uint32_t: "50ms", "3s", "10m" */
schema_read schema_bytes;     /* uint64_t: "512MiB", "1GiB", "65536"; 0 where the row allows it */
schema_read schema_addr;      /* struct ip_addr */
schema_read schema_prefix;    /* struct ip_prefix */
schema_read schema_key;       /* uint8_t[32]: base64 */
schema_read schema_router_id; /* uint32_t: dotted quad */

#endif
