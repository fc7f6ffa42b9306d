/* learned, advertised: one NVA's side of the table, printed as it comes. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/cells.h"
#include "node/ctl/client.h"

/* ---- tables ---- */

static void verdict_of(const json_t *row, char cell[static CELL_TEXT])
{
    const char *by = json_text_at(row, "filteredBy"), *reason = json_text_at(row, "filteredReason");
    if (by[0])
        snprintf(cell, CELL_TEXT, "! %s: %s", by, reason);
    else
        snprintf(cell, CELL_TEXT, "accepted");
}

static int show_learned(const struct ctl *c, const json_t *items, void *context)
{
    static const struct column columns[] = {
        { .title = "PREFIX", .path = "prefix" },
        { .title = "ID", .path = "pathId", .is_right = true },
        { .title = "NEXT HOP", .path = "nextHop" },
        { .title = "NODE", .path = "node" },
        { .title = "AS PATH", .kind = COLUMN_MADE, .make = cell_path },
        { .title = "MED", .path = "med", .is_right = true },
        { .title = "ORIGIN", .kind = COLUMN_MADE, .make = cell_origin },
        { .title = "COMMUNITIES", .kind = COLUMN_MADE, .make = cell_communities, .is_wide_only = true },
        { .title = "CLASS", .path = "stale", .is_wide_only = true },
        { .title = "VERDICT", .kind = COLUMN_MADE, .make = verdict_of },
    };
    (void)context;
    return json_array_size(items) ? TABLE_PRINT(columns, items, c->output == CTL_WIDE) : CTL_OK;
}

static int show_advertised(const struct ctl *c, const json_t *items, void *context)
{
    static const struct column columns[] = {
        { .title = "PREFIX", .path = "prefix" },
        { .title = "ID", .path = "pathId", .is_right = true },
        { .title = "NEXT HOP", .path = "nextHop" },
        { .title = "AS PATH", .kind = COLUMN_MADE, .make = cell_path },
        { .title = "MED", .path = "med", .is_right = true },
        { .title = "ORIGIN", .kind = COLUMN_MADE, .make = cell_origin },
        { .title = "COMMUNITIES", .kind = COLUMN_MADE, .make = cell_communities, .is_wide_only = true },
        { .title = "FROM", .path = "from" },
    };
    (void)context;
    return json_array_size(items) ? TABLE_PRINT(columns, items, c->output == CTL_WIDE) : CTL_OK;
}

/* ---- JSON ---- */

/* The items of one list, page after page; context points at what stands before the next one. */
static int print_items(const struct ctl *c, const json_t *items, void *context)
{
    const char **before = context;
    size_t i;
    const json_t *item;
    (void)c;
    json_array_foreach(items, i, item)
    {
        fputs(*before, stdout);
        *before = ",\n";
        if (json_dumpf(item, stdout, JSON_COMPACT))
            return ctl_fail(CTL_FAILED, "cannot write");
    }
    return CTL_OK;
}

static int print_json(const struct ctl *c, const char *path)
{
    const char *head = "{\"items\": [\n", *before = head;
    int code = client_pages(c, path, print_items, &before);
    if (!code)
        printf("%s], \"nextCursor\": null}\n", before == head ? head : "\n");
    return code;
}

/* ---- the verbs ---- */

static int show(const struct ctl *c, const char *what, const char *form, client_show *print)
{
    char path[1024] = "/v1/peers/";
    if (!ctl_takes(c, 1, 1, form))
        return CTL_USAGE;
    client_escape(path, sizeof path, c->argv[0]);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/%s?limit=1000&", what);
    return c->output == CTL_JSON ? print_json(c, path) : client_pages(c, path, print, NULL);
}

int verb_learned(const struct ctl *c)
{
    return show(c, "learnedRoutes", "learned NAME", show_learned);
}

int verb_advertised(const struct ctl *c)
{
    return show(c, "advertisedRoutes", "advertised NAME", show_advertised);
}
