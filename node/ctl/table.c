#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "node/base/duration.h"
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

static bool add_row(struct libscols_table *table, const struct column *columns, size_t count,
                    const json_t *row, bool is_wide)
{
    char cell[CELL_TEXT];
    size_t place = 0;
    struct libscols_line *line = scols_table_new_line(table, NULL);
    for (size_t i = 0; line && i < count; i++) {
        if (columns[i].is_wide_only && !is_wide)
            continue;
        print_cell(&columns[i], row, cell);
        if (scols_line_set_data(line, place++, cell))
            return false;
    }
    return line != NULL;
}

int table_print(const struct column *columns, size_t count, const json_t *rows, bool is_wide)
{
    struct libscols_table *table = scols_new_table();
    const json_t *row;
    size_t i;
    bool ok = table != NULL && !scols_table_set_column_separator(table, "  ");
    if (json_array_size(rows) == 0)
        puts("none");
    if (ok)
        scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* never cut a prefix to fit */
    for (size_t c = 0; ok && c < count; c++)
        if (!columns[c].is_wide_only || is_wide)
            ok = scols_table_new_column(table, columns[c].title, 0,
                                        columns[c].is_right ? SCOLS_FL_RIGHT : 0);
    json_array_foreach(rows, i, row) ok = ok && add_row(table, columns, count, row, is_wide);
    ok = ok && !scols_print_table(table);
    scols_unref_table(table);
    return ok ? CTL_OK : ctl_fail(CTL_FAILED, "cannot print the table: out of memory");
}
