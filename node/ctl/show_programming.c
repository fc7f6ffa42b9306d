/* programmed: targets, and the agents that follow; --diff: wanted against installed, prefix by prefix. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/cells.h"
#include "node/ctl/client.h"
#include "node/ctl/list.h"
#include "node/ctl/show.h"

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

static int show_one(const struct ctl *c)
{
    char path[512] = "/v1/programming/";
    json_t *target;
    client_escape(path, sizeof path, c->target);
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

/* ---- --diff ---- */

static void hops_at(const json_t *row, const char *path, char cell[static CELL_TEXT])
{
    cell_names(json_at(row, path), cell);
    if (!cell[0])
        snprintf(cell, CELL_TEXT, "-");
}

static void wanted_of(const json_t *row, char cell[static CELL_TEXT])
{
    hops_at(row, "wanted", cell);
}

static void installed_of(const json_t *row, char cell[static CELL_TEXT])
{
    hops_at(row, "installed", cell);
}

/* A target that this node programs itself has counts of what it installed; agents' has not. */
static bool is_comparable(const json_t *target)
{
    return json_at(target, "installed") != NULL;
}

/* The only target of this node, for who names none. */
static int only_target(const struct ctl *c, char *name, size_t cap)
{
    json_t *page;
    const json_t *target;
    char names[CELL_TEXT] = "";
    size_t i, count = 0;
    int code = client_get(c, "/v1/programming", &page);
    if (code)
        return code;
    json_array_foreach(json_object_get(page, "items"), i, target)
    {
        size_t len = strlen(names);
        if (!is_comparable(target))
            continue;
        snprintf(names + len, sizeof names - len, "%s%s", count++ ? ", " : "", json_text_at(target, "name"));
    }
    json_decref(page);
    if (count == 0)
        return ctl_fail(CTL_NO_SUCH, "this node programs no target itself: there is nothing to compare");
    if (count > 1)
        return ctl_fail(CTL_USAGE, "this node programs several targets: choose one with --target, of %s", names);
    snprintf(name, cap, "%s", names);
    return CTL_OK;
}

static int show_difference(const struct ctl *c)
{
    static const struct column columns[] = {
        { .title = "PREFIX", .path = "prefix" },
        { .title = "WANTED", .kind = COLUMN_MADE, .make = wanted_of },
        { .title = "INSTALLED", .kind = COLUMN_MADE, .make = installed_of },
        { .title = "STATE", .path = "state" },
        { .title = "WHICH MEANS", .path = "text" },
    };
    static const struct list_form form = LIST_FORM(columns, NULL);
    char name[CELL_TEXT], path[2048] = "/v1/programming/";
    size_t shown;
    int code = c->target ? CTL_OK : only_target(c, name, sizeof name);
    if (code)
        return code;
    client_escape(path, sizeof path, c->target ? c->target : name);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/diff?limit=1000&");
    code = list_print(c, path, &form, &shown);
    if (!code && !shown && !ctl_wants_json(c))
        puts("none");
    return code;
}

/* ---- the verb ---- */

int verb_programmed(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "programmed [--target NAME] [--diff]"))
        return CTL_USAGE;
    if (c->diff)
        return show_difference(c);
    return c->target ? show_one(c) : show_list(c, "/v1/programming", show_targets);
}
