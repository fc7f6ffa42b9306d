/* Findings about a text file: collected while it is read, printed at once in the order of the file.
 *
 *     tandem.yaml:22:15: error: peers[1].peerAsn: 4294967296 is outside 1..4294967295
 *        22 |     peerAsn: 4294967296
 *           |              ^^^^^^^^^^
 *           = a hint says how to mend it
 *     1 error
 *
 * What came from the file is printed with control characters replaced: a terminal obeys none. */
#ifndef TANDEM_NODE_CONFIG_REPORT_H
#define TANDEM_NODE_CONFIG_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "bgp/base/arena.h"

enum { REPORT_SHOWN_MAX = 200 }; /* more findings are counted, not kept */

struct report_mark {
    uint32_t line, column; /* from 1, column in characters; line 0 = the file as a whole */
    uint32_t length;       /* characters to underline */
};

struct report_finding;

struct report {
    const char *file; /* as the user wrote it; borrowed, as is the text */
    const char *text;
    size_t len;
    struct arena arena;
    struct report_finding *first, *last;
    struct report_finding *open; /* what report_hint speaks about, NULL when it was not kept */
    unsigned errors, warnings, shown;
    bool is_quiet; /* drop findings: the same text is read once more */
};

/* text may be NULL when the file could not be read. */
void report_init(struct report *r, const char *file, const char *text, size_t len);
void report_fini(struct report *r);

/* path  of the key or value, such as "peers[1].peerAsn"; "" or NULL for none */
void report_error(struct report *r, struct report_mark at, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void report_warning(struct report *r, struct report_mark at, const char *path, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* Another line below the finding reported last: how to mend it. */
void report_hint(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All findings and the line that counts them; nothing when there are none. */
void report_print(const struct report *r, FILE *out);

#endif
