/* A table on the terminal out of JSON objects: one column a row of a table of columns. */
#ifndef TANDEM_NODE_CTL_TABLE_H
#define TANDEM_NODE_CTL_TABLE_H

#include <stdint.h>

#include "node/ctl/ctl.h"

enum column_kind {
    COLUMN_TEXT,    /* a string, number or boolean; "-" for null or nothing */
    COLUMN_AGE,     /* seconds as 02:14:09 or 3d04h */
    COLUMN_SECONDS, /* 0.4s */
    COLUMN_MADE,    /* by make() */
};

enum { CELL_TEXT = 1024 };

struct column {
    const char *title;
    const char *path; /* "routes.received" */
    uint8_t kind;     /* enum column_kind */
    bool is_right, is_wide_only;
    void (*make)(const json_t *row, char cell[static CELL_TEXT]);
};

/* The value at a dotted path, or NULL. */
const json_t *json_at(const json_t *object, const char *path);
/* The string there, or "". */
const char *json_text_at(const json_t *object, const char *path);

/* A table whose rows come in stretches: each is as wide as the one before, or wider where a cell asks for it. */
struct table;
struct table *table_new(const struct column *columns, size_t count, bool is_wide);
void table_free(struct table *t);
/* Prints these rows; before the first ones the titles. */
int table_add(struct table *t, const json_t *rows);

/* All of it, or "none". */
int table_print(const struct column *columns, size_t count, const json_t *rows, bool is_wide);
#define TABLE_PRINT(columns, rows, is_wide)                                                        \
    table_print(columns, sizeof(columns) / sizeof *(columns), rows, is_wide)

#endif
