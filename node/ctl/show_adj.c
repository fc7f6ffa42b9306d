/* learned, advertised: one NVA's side of the table, printed as it comes. */
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
        code = ctl_print_json(all);
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
