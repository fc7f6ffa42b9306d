#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/duration.h"
#include "node/base/memory.h"
#include "node/ctl/table.h"

const json_t *json_at(const json_t *object, const char *path)
{
    char key[64];
    while (object && *path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof key)
            return NULL;
        memcpy(key, path, len);
        key[len] = 0;
        object = json_object_get(object, key);
        path += len + (path[len] == '.');
    }
    return object;
}

const char *json_text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(json_at(object, path));
    return text ? text : "";
}

static void print_plain(const json_t *value, char cell[static CELL_TEXT])
{
    if (json_is_string(value))
        snprintf(cell, CELL_TEXT, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(cell, CELL_TEXT, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(cell, CELL_TEXT, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(cell, CELL_TEXT, "-");
}

static void print_cell(const struct column *c, const json_t *row, char cell[static CELL_TEXT])
{
    char text[DURATION_TEXT];
    const json_t *value = c->path ? json_at(row, c->path) : NULL;
    if (c->kind == COLUMN_MADE)
        c->make(row, cell);
    else if (c->kind == COLUMN_AGE && json_is_number(value))
        snprintf(cell, CELL_TEXT, "%s", duration_text(json_number_value(value), text));
    else if (c->kind == COLUMN_SECONDS && json_is_number(value))
        snprintf(cell, CELL_TEXT, "%.1fs", json_number_value(value));
    else
        print_plain(value, cell);
}

struct table {
    const struct column *columns;
    size_t count;
    bool is_wide;
    struct libscols_table *scols;
};

static bool is_shown(const struct table *t, size_t column)
{
    return !t->columns[column].is_wide_only || t->is_wide;
}

static bool add_row(const struct table *t, const json_t *row)
{
    char cell[CELL_TEXT];
    size_t place = 0;
    struct libscols_line *line = scols_table_new_line(t->scols, NULL);
    for (size_t i = 0; line && i < t->count; i++) {
        if (!is_shown(t, i))
            continue;
        print_cell(&t->columns[i], row, cell);
        if (scols_line_set_data(line, place++, cell))
            return false;
    }
    return line != NULL;
}

static bool add_columns(const struct table *t)
{
    bool ok = true;
    for (size_t i = 0; ok && i < t->count; i++)
        if (is_shown(t, i))
            ok = scols_table_new_column(t->scols, t->columns[i].title, 0, t->columns[i].is_right ? SCOLS_FL_RIGHT : 0);
    return ok;
}

/* The next rows stand below these. */
static void keep_widths(struct table *t)
{
    struct libscols_column *column;
    for (size_t i = 0; (column = scols_table_get_column(t->scols, i)); i++)
        scols_column_set_whint(column, (double)scols_column_get_width(column));
    scols_table_enable_noheadings(t->scols, 1);
}

static int out_of_memory(void)
{
    return ctl_fail(CTL_FAILED, "cannot print the table: out of memory");
}

struct table *table_new(const struct column *columns, size_t count, bool is_wide)
{
    struct table *t = memory_new(1, sizeof *t);
    *t = (struct table){ .columns = columns, .count = count, .is_wide = is_wide, .scols = scols_new_table() };
    if (!t->scols || scols_table_set_column_separator(t->scols, "  ") || !add_columns(t))
        exit(out_of_memory());
    scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER); /* never cut a prefix to fit */
    return t;
}

void table_free(struct table *t)
{
    if (t)
        scols_unref_table(t->scols);
    free(t);
}

int table_add(struct table *t, const json_t *rows)
{
    const json_t *row;
    size_t i;
    bool ok = true;
    json_array_foreach(rows, i, row) ok = ok && add_row(t, row);
    ok = ok && !scols_print_table(t->scols);
    scols_table_remove_lines(t->scols);
    if (json_array_size(rows))
        keep_widths(t);
    return ok ? CTL_OK : out_of_memory();
}

int table_print(const struct column *columns, size_t count, const json_t *rows, bool is_wide)
{
    if (json_array_size(rows) == 0) {
        puts("none");
        return CTL_OK;
    }
    struct table *t = table_new(columns, count, is_wide);
    int code = table_add(t, rows);
    table_free(t);
    return code;
}
