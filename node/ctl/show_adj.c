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

/* ---- as `az network routeserver peering list-learned-routes` shows it ---- */

struct az {
    const char *node, *local, *source; /* routes of this node's session; its address; the NVA's, or NULL */
    const char *before;                /* what stands before the next item */
};

static json_t *az_route(const json_t *item, const struct az *az)
{
    char path[CELL_TEXT];
    cell_path(item, path);
    for (char *space = path; (space = strchr(space, ' '));)
        *space = '-';
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "asPath", path, "localAddress", az->local, "network",
                          json_text_at(item, "prefix"), "nextHop", json_text_at(item, "nextHop"), "origin",
                          az->source ? "EBgp" : "Igp", "weight", az->source ? 32768 : 0);
    if (o && az->source)
        json_object_set_new(o, "sourcePeer", json_string(az->source));
    return o;
}

static int print_az_items(const struct ctl *c, const json_t *items, void *context)
{
    struct az *az = context;
    size_t i;
    const json_t *item;
    (void)c;
    json_array_foreach(items, i, item)
    {
        const char *node = json_text_at(item, "node"); /* what is advertised is this node's */
        if (node[0] && strcmp(node, az->node))
            continue;
        json_t *route = az_route(item, az);
        fputs(az->before, stdout);
        az->before = ",\n";
        bool failed = json_dumpf(route, stdout, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(route);
        if (failed)
            return ctl_fail(CTL_FAILED, "cannot write");
    }
    return CTL_OK;
}

/* One list a node, "RouteServiceRole_IN_0" the first's; nothing is told by the others here. */
static int print_az_nodes(const struct ctl *c, const char *path, const json_t *nodes, const char *source)
{
    size_t i;
    const json_t *node;
    int code = CTL_OK;
    json_array_foreach(nodes, i, node)
    {
        struct az az = { json_text_at(node, "name"), json_text_at(node, "address"), source, "\n" };
        printf("%s\"RouteServiceRole_IN_%zu\": [", i ? ",\n" : "{\n", i);
        if (!code && (source || json_is_true(json_at(node, "self"))))
            code = client_pages(c, path, print_az_items, &az);
        putchar(']');
    }
    puts("\n}");
    return code;
}

static int print_az(const struct ctl *c, const char *path, bool is_learned)
{
    char peer_path[1024] = "/v1/peers/";
    json_t *peer, *nodes;
    client_escape(peer_path, sizeof peer_path, c->argv[0]);
    int code = client_get(c, peer_path, &peer);
    if (code)
        return code;
    code = client_get(c, "/v1/nodes", &nodes);
    if (!code) {
        code = print_az_nodes(c, path, json_at(nodes, "items"), is_learned ? json_text_at(peer, "peerIp") : NULL);
        json_decref(nodes);
    }
    json_decref(peer);
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
        return print_az(c, path, print == show_learned);
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
