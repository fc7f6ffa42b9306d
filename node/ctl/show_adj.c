/* learned, advertised: one NVA's side of the table, printed as it comes. */
#include <errno.h>
#include <stdint.h>
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

/* context points at the count of what was shown. */
static int print_page(const struct ctl *c, const struct column *columns, size_t count, const json_t *items, void *context)
{
    size_t *shown = context;
    *shown += json_array_size(items);
    return json_array_size(items) ? table_print(columns, count, items, c->output == CTL_WIDE) : CTL_OK;
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
        { .title = "CLASS", .path = "class", .is_wide_only = true },
        { .title = "AGE", .path = "ageSeconds", .kind = COLUMN_AGE, .is_right = true },
        { .title = "VERDICT", .kind = COLUMN_MADE, .make = verdict_of },
    };
    return print_page(c, columns, sizeof columns / sizeof *columns, items, context);
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
    return print_page(c, columns, sizeof columns / sizeof *columns, items, context);
}

/* ---- JSON ---- */

/* The items of one list, page after page; context points at what stands before the next one. */
static int print_items(const struct ctl *c, const json_t *items, void *context)
{
    const char **before = context;
    size_t i;
    const json_t *item;
    (void)c;
    errno = 0;
    json_array_foreach(items, i, item)
    {
        fputs(*before, stdout);
        *before = ",\n";
        if (json_dumpf(item, stdout, JSON_COMPACT))
            return ctl_cannot_write();
    }
    return CTL_OK;
}

static int print_lines(const struct ctl *c, const json_t *items, void *context)
{
    (void)context;
    return ctl_print_json(c, items);
}

static int print_json(const struct ctl *c, const char *path)
{
    const char *head = "{\"items\": [\n", *before = head;
    if (c->output == CTL_JSONL)
        return client_pages(c, path, print_lines, NULL);
    int code = client_pages(c, path, print_items, &before);
    if (!code)
        printf("%s], \"nextCursor\": null}\n", before == head ? head : "\n");
    return code;
}

/* ---- as `az network routeserver peering list-learned-routes` shows it ---- */

/* A page's lists go to the end of those that there are. */
static void add_lists(json_t *all, const json_t *page)
{
    const char *role;
    json_t *list;
    json_object_foreach((json_t *)(uintptr_t)page, role, list)
    {
        if (!json_object_get(all, role))
            json_object_set_new(all, role, json_array());
        json_array_extend(json_object_get(all, role), list);
    }
}

static int print_az(const struct ctl *c, const char *path)
{
    char next[1200], cursor[128] = "";
    json_t *all = json_object();
    int code = CTL_OK;
    do {
        json_t *page;
        snprintf(next, sizeof next, "%sformat=az&", path);
        if (cursor[0])
            client_param(next, sizeof next, "cursor", cursor);
        code = client_get(c, next, &page);
        if (code)
            break;
        snprintf(cursor, sizeof cursor, "%s", json_text_at(page, "nextCursor"));
        json_object_del(page, "nextCursor");
        add_lists(all, page);
        json_decref(page);
    } while (cursor[0]);
    if (!code)
        code = ctl_print_json(c, all);
    json_decref(all);
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
    if (c->output == CTL_AZ)
        return print_az(c, path);
    if (ctl_wants_json(c))
        return print_json(c, path);
    size_t shown = 0;
    int code = client_pages(c, path, print, &shown);
    if (!code && !shown)
        puts("none");
    return code;
}

int verb_learned(const struct ctl *c)
{
    return show(c, "learnedRoutes", "learned NAME", show_learned);
}

int verb_advertised(const struct ctl *c)
{
    return show(c, "advertisedRoutes", "advertised NAME", show_advertised);
}
