/* programmed: targets, and the agents that follow. */
#include <stdio.h>

#include "node/ctl/client.h"
#include "node/ctl/show.h"
#include "node/ctl/table.h"

static void agents_of(const json_t *row, char cell[static CELL_TEXT])
{
    const json_t *agents = json_at(row, "agents");
    if (agents)
        snprintf(cell, CELL_TEXT, "%" JSON_INTEGER_FORMAT "/%zu",
                 json_integer_value(json_at(row, "connected")), json_array_size(agents));
    else
        snprintf(cell, CELL_TEXT, "-");
}

static int show_agents(const struct ctl *c, const json_t *targets)
{
    static const struct column columns[] = {
        { .title = "AGENT", .path = "name" },
        { .title = "CONNECTED", .path = "connected" },
        { .title = "FOLLOWS US", .path = "active" },
        { .title = "SYNCED", .path = "synced" },
        { .title = "WANTED", .path = "wanted", .is_right = true },
        { .title = "INSTALLED", .path = "installed", .is_right = true },
        { .title = "PENDING", .path = "pending", .is_right = true },
        { .title = "FAILED", .path = "failed", .is_right = true },
        { .title = "HELD", .path = "heldByBrake", .is_right = true },
        { .title = "UNHEALTHY", .path = "unhealthy", .is_right = true, .is_wide_only = true },
        { .title = "KEY IS", .path = "keyInUse", .is_wide_only = true },
        { .title = "SECRET IS", .path = "secretInUse", .is_wide_only = true },
        { .title = "UPTIME", .path = "uptimeSeconds", .kind = COLUMN_AGE, .is_right = true },
        { .title = "LAST ERROR", .path = "lastError" },
    };
    size_t i;
    const json_t *target;
    int code = CTL_OK;
    json_array_foreach(targets, i, target)
    {
        const json_t *agents = json_at(target, "agents");
        if (json_array_size(agents) == 0)
            continue;
        putchar('\n');
        code = TABLE_PRINT(columns, agents, c->output == CTL_WIDE);
    }
    return code;
}

static int show_targets(const struct ctl *c, const json_t *items)
{
    static const struct column columns[] = {
        { .title = "TARGET", .path = "name" },
        { .title = "TYPE", .path = "type" },
        { .title = "HERE", .path = "runsHere" },
        { .title = "STATE", .path = "state" },
        { .title = "ROLE", .path = "role" },
        { .title = "OWNER", .path = "owner" },
        { .title = "WANTED", .path = "wanted", .is_right = true },
        { .title = "INSTALLED", .path = "installed", .is_right = true },
        { .title = "PENDING", .path = "pending", .is_right = true },
        { .title = "FAILED", .path = "failed", .is_right = true },
        { .title = "HELD", .path = "heldByBrake", .is_right = true },
        { .title = "BRAKE", .path = "brake" },
        { .title = "AGENTS", .kind = COLUMN_MADE, .make = agents_of, .is_right = true },
        { .title = "PUTS", .path = "puts", .is_right = true, .is_wide_only = true },
        { .title = "DELETES", .path = "deletes", .is_right = true, .is_wide_only = true },
        { .title = "ERRORS", .path = "errors", .is_right = true, .is_wide_only = true },
        { .title = "EPOCH", .path = "epoch", .is_right = true, .is_wide_only = true },
        { .title = "LAST ERROR", .path = "lastError" },
    };
    int code = TABLE_PRINT(columns, items, c->output == CTL_WIDE);
    return code ? code : show_agents(c, items);
}

static int show_rejected(const struct ctl *c, const json_t *target)
{
    static const struct column columns[] = {
        { .title = "NOT TAKEN", .path = "prefix" },
        { .title = "REASON", .path = "reason" },
        { .title = "WHICH MEANS", .path = "text" },
    };
    const json_t *rejected = json_at(target, "rejected");
    if (!json_array_size(rejected))
        return CTL_OK;
    putchar('\n');
    return TABLE_PRINT(columns, rejected, c->output == CTL_WIDE);
}

int verb_programmed(const struct ctl *c)
{
    char path[512];
    json_t *target;
    if (!ctl_takes(c, 0, 0, "programmed [--target NAME]"))
        return CTL_USAGE;
    if (!c->target)
        return show_list(c, "/v1/programming", show_targets);
    snprintf(path, sizeof path, "/v1/programming/%s", c->target);
    int code = client_get(c, path, &target);
    if (code)
        return code;
    json_t *items = json_array();
    json_array_append(items, target);
    code = ctl_wants_json(c) ? ctl_print_json(c, target) : show_targets(c, items);
    if (!code && !ctl_wants_json(c))
        code = show_rejected(c, target);
    json_decref(items);
    json_decref(target);
    return code;
}
