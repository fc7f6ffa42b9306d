/* learned, advertised: one NVA's side of the table, printed as it comes. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "node/ctl/cells.h"
#include "node/ctl/client.h"
#include "node/ctl/list.h"

/* ---- tables ---- */

static void verdict_of(const json_t *row, char cell[static CELL_TEXT])
{
    const char *by = json_text_at(row, "filteredBy"), *reason = json_text_at(row, "filteredReason");
    if (by[0])
        snprintf(cell, CELL_TEXT, "! %s: %s", by, reason);
    else
        snprintf(cell, CELL_TEXT, "accepted");
}

static const struct column learned[] = {
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

static const struct column advertised[] = {
    { .title = "PREFIX", .path = "prefix" },
    { .title = "ID", .path = "pathId", .is_right = true },
    { .title = "NEXT HOP", .path = "nextHop" },
    { .title = "AS PATH", .kind = COLUMN_MADE, .make = cell_path },
    { .title = "MED", .path = "med", .is_right = true },
    { .title = "ORIGIN", .kind = COLUMN_MADE, .make = cell_origin },
    { .title = "COMMUNITIES", .kind = COLUMN_MADE, .make = cell_communities, .is_wide_only = true },
    { .title = "FROM", .path = "from" },
};

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

/* what: of the NVA, with the query that only a table has */
static int show(const struct ctl *c, const char *what, const char *query, const char *usage, const struct list_form *form)
{
    char path[1024] = "/v1/peers/";
    size_t shown;
    bool is_table = c->output == CTL_TABLE || c->output == CTL_WIDE;
    if (!ctl_takes(c, 1, 1, usage))
        return CTL_USAGE;
    client_escape(path, sizeof path, c->argv[0]);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/%s?limit=1000&%s", what, is_table ? query : "");
    if (c->output == CTL_AZ)
        return print_az(c, path);
    int code = list_print(c, path, form, &shown);
    if (!code && !shown && !ctl_wants_json(c))
        puts("none");
    return code;
}

#define LEARNED_MEMBERS                                                                                                \
    "members=prefix,pathId,nextHop,peer,node,asPath,origin,med,communities,class,best,ageSeconds,filteredBy,"         \
    "filteredReason&"

int verb_learned(const struct ctl *c)
{
    static const struct list_form form = LIST_FORM(learned, NULL);
    return show(c, "learnedRoutes", LEARNED_MEMBERS, "learned NAME", &form);
}

int verb_advertised(const struct ctl *c)
{
    static const struct list_form form = LIST_FORM(advertised, NULL);
    return show(c, "advertisedRoutes", "", "advertised NAME", &form);
}
