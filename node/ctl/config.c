/* config show, config schema, config history; metrics. */
#include <stdio.h>

#include "node/config/config_json.h"
#include "node/ctl/client.h"
#include "node/ctl/show.h"
#include "node/ctl/table.h"

int verb_config_show(const struct ctl *c)
{
    json_t *config;
    if (!ctl_takes(c, 0, 1, "config show [REVISION]"))
        return CTL_USAGE;
    if (c->argc)
        return config_show_past(c);
    int code = client_get(c, "/v1/config", &config);
    if (code)
        return code;
    code = ctl_print_json(c, config);
    json_decref(config);
    return code;
}

/* Of this program's version: no daemon is asked. */
int verb_config_schema(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "config schema"))
        return CTL_USAGE;
    json_t *schema = config_schema();
    int code = ctl_print_json(c, schema);
    json_decref(schema);
    return code;
}

static void mark_of(const json_t *row, char cell[static CELL_TEXT])
{
    snprintf(cell, CELL_TEXT, "%s", json_is_true(json_at(row, "current")) ? "in force" : "");
}

static int show_revisions(const struct ctl *c, const json_t *items)
{
    static const struct column columns[] = {
        { .title = "REVISION", .path = "revision", .is_right = true },
        { .title = "GENERATION", .path = "generation", .is_right = true },
        { .title = "SINCE", .path = "since" },
        { .title = "DIGEST", .path = "digest" },
        { .title = "", .kind = COLUMN_MADE, .make = mark_of },
    };
    return TABLE_PRINT(columns, items, c->output == CTL_WIDE);
}

int verb_config_history(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "config history"))
        return CTL_USAGE;
    return show_list(c, "/v1/config/revisions", show_revisions);
}

int verb_metrics(const struct ctl *c)
{
    return ctl_takes(c, 0, 0, "metrics") ? client_download(c, "/metrics", stdout) : CTL_USAGE;
}
