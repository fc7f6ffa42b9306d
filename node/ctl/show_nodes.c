/* status, node list, node diff. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/ctl/client.h"
#include "node/ctl/show.h"
#include "node/ctl/table.h"

int show_list(const struct ctl *c, const char *path,
              int (*show)(const struct ctl *c, const json_t *items))
{
    json_t *answer;
    int status = client_get(c, path, &answer);
    if (status)
        return status;
    if (ctl_wants_json(c))
        status = ctl_print_json(c, answer);
    else
        status = show(c, json_object_get(answer, "items"));
    json_decref(answer);
    return status;
}

/* ---- nodes ---- */

static void name_of_node(const json_t *row, char cell[static CELL_TEXT])
{
    snprintf(cell, CELL_TEXT, "%s%s", json_text_at(row, "name"),
             json_is_true(json_at(row, "self")) ? "*" : "");
}

static void digest_of(const json_t *row, char cell[static CELL_TEXT])
{
    const json_t *equal = json_at(row, "digestEqual");
    snprintf(cell, CELL_TEXT, "%s", !equal ? "-" : json_is_true(equal) ? "equal" : "DIFFERENT");
}

int show_nodes(const struct ctl *c, const json_t *items)
{
    static const struct column columns[] = {
        { .title = "NODE", .kind = COLUMN_MADE, .make = name_of_node },
        { .title = "ADDRESS", .path = "address" },
        { .title = "ROLE", .path = "role" },
        { .title = "HEALTH", .path = "health" },
        { .title = "ROUTES", .path = "originClass" },
        { .title = "SYNC", .path = "lagSeconds", .kind = COLUMN_SECONDS, .is_right = true },
        { .title = "BEHIND", .path = "versionsBehind", .is_right = true },
        { .title = "PEERS", .path = "sessions", .is_right = true },
        { .title = "PATHS", .path = "paths", .is_right = true },
        { .title = "DIGEST", .kind = COLUMN_MADE, .make = digest_of },
        { .title = "UPTIME", .path = "uptimeSeconds", .kind = COLUMN_AGE, .is_right = true },
        { .title = "VERSION", .path = "version" },
        { .title = "SINCE", .path = "stateSeconds", .kind = COLUMN_AGE, .is_right = true, .is_wide_only = true },
        { .title = "INCARNATION", .path = "incarnation", .is_right = true, .is_wide_only = true },
        { .title = "TABLE", .path = "tableVersion", .is_right = true, .is_wide_only = true },
        { .title = "KEY", .path = "keyId", .is_wide_only = true },
        { .title = "KEY IS", .path = "keyInUse", .is_wide_only = true },
        { .title = "SECRET IS", .path = "secretInUse", .is_wide_only = true },
        { .title = "LAST ERROR", .path = "lastError", .is_wide_only = true },
    };
    return TABLE_PRINT(columns, items, c->output == CTL_WIDE);
}

int verb_node_list(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "node list"))
        return CTL_USAGE;
    return show_list(c, "/v1/nodes", show_nodes);
}

static int show_stations(const struct ctl *c, const json_t *items)
{
    static const struct column columns[] = {
        { .title = "STATION", .path = "name" },
        { .title = "ADDRESS", .path = "address" },
        { .title = "PORT", .path = "port", .is_right = true },
        { .title = "CONNECTED", .path = "connected" },
        { .title = "SINCE", .path = "stateSeconds", .kind = COLUMN_AGE, .is_right = true },
        { .title = "BEHIND", .path = "versionsBehind", .is_right = true },
        { .title = "MESSAGES", .path = "messages", .is_right = true },
        { .title = "BYTES", .path = "bytes", .is_right = true, .is_wide_only = true },
        { .title = "LOSSES", .path = "losses", .is_right = true },
        { .title = "LAST ERROR", .path = "lastError" },
    };
    return TABLE_PRINT(columns, items, c->output == CTL_WIDE);
}

int verb_bmp_list(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "bmp list"))
        return CTL_USAGE;
    return show_list(c, "/v1/bmp", show_stations);
}

static void buckets_of(const json_t *row, char cell[static CELL_TEXT])
{
    snprintf(cell, CELL_TEXT, "%zu of 64", json_array_size(json_at(row, "differingBuckets")));
}

static void hops_of(const json_t *row, char cell[static CELL_TEXT])
{
    size_t i, at = 0;
    const json_t *hop;
    cell[0] = 0;
    json_array_foreach(json_at(row, "nextHops"), i, hop)
    {
        if (at < CELL_TEXT)
            at += (size_t)snprintf(cell + at, CELL_TEXT - at, "%s%s", i ? " " : "",
                                   json_string_value(hop));
    }
}

static void config_of(const json_t *row, char cell[static CELL_TEXT])
{
    bool is_other = json_is_false(json_at(row, "configEqual"));
    snprintf(cell, CELL_TEXT, "%lld%s", (long long)json_integer_value(json_at(row, "configGeneration")),
             is_other ? " differs" : "");
}

static int show_diff(const struct ctl *c, const json_t *nodes, const json_t *routes)
{
    static const struct column columns[] = {
        { .title = "NODE", .kind = COLUMN_MADE, .make = name_of_node },
        { .title = "DIGEST", .kind = COLUMN_MADE, .make = digest_of },
        { .title = "CONFIG", .kind = COLUMN_MADE, .make = config_of },
        { .title = "PARTS", .kind = COLUMN_MADE, .make = buckets_of },
        { .title = "HEALTH", .path = "health" },
    };
    static const struct column route_columns[] = {
        { .title = "PREFIX", .path = "prefix" },
        { .title = "PART", .path = "bucket", .is_right = true },
        { .title = "NEXT HOPS HERE", .kind = COLUMN_MADE, .make = hops_of },
    };
    int code = TABLE_PRINT(columns, nodes, c->output == CTL_WIDE);
    if (code || !json_array_size(routes))
        return code;
    puts("\nprogrammed here in the parts that differ; compare with the same of the other node:\n");
    return TABLE_PRINT(route_columns, routes, c->output == CTL_WIDE);
}

int verb_node_diff(const struct ctl *c)
{
    json_t *nodes = NULL, *routes = NULL;
    if (!ctl_takes(c, 0, 0, "node diff"))
        return CTL_USAGE;
    int code = client_get(c, "/v1/nodes", &nodes);
    if (!code)
        code = client_get(c, "/v1/nodes/diff", &routes);
    if (!code && ctl_wants_json(c)) {
        json_t *both = json_pack("{s:O, s:O}", "nodes", json_object_get(nodes, "items"), "routes",
                                 json_object_get(routes, "items"));
        code = ctl_print_json(c, both);
        json_decref(both);
    } else if (!code) {
        code = show_diff(c, json_object_get(nodes, "items"), json_object_get(routes, "items"));
    }
    json_decref(nodes);
    json_decref(routes);
    return code;
}

/* ---- status ---- */

static long long count_at(const json_t *object, const char *path)
{
    return (long long)json_integer_value(json_at(object, path));
}

/* "812/812 programmed   ", where there are tables. */
static void print_programmed(const json_t *s)
{
    if (count_at(s, "counts.wanted") || count_at(s, "counts.programmed"))
        printf("%lld/%lld programmed   ", count_at(s, "counts.programmed"), count_at(s, "counts.wanted"));
}

static void print_headline(const json_t *s)
{
    printf("%s   AS%lld   %lld/%lld nodes   %lld/%lld peers up   %lld prefixes   ", json_text_at(s, "name"),
           count_at(s, "asn"), count_at(s, "counts.nodesAlive"), count_at(s, "counts.nodes"),
           count_at(s, "counts.peersUp"), count_at(s, "counts.peers"), count_at(s, "counts.prefixes"));
    print_programmed(s);
    printf("%s   %s\n", json_text_at(s, "phase"), json_is_true(json_at(s, "ready")) ? "READY" : "NOT READY");
    if (json_is_string(json_at(s, "leader")))
        printf("shared targets   leader %s   epoch %lld\n", json_text_at(s, "leader"), count_at(s, "epoch"));
}

static void print_lines(const json_t *list, const char *mark)
{
    size_t i;
    const json_t *line;
    json_array_foreach(list, i, line) printf("%s %s\n", mark, json_string_value(line));
}

static void print_failed_checks(const json_t *checks)
{
    size_t i;
    const json_t *check;
    json_array_foreach(checks, i, check)
    {
        if (!json_is_true(json_at(check, "ok")))
            printf("not ready: %s: %s\n", json_text_at(check, "name"),
                   json_text_at(check, "detail"));
    }
}

int verb_status(const struct ctl *c)
{
    json_t *status = NULL, *peers = NULL;
    if (!ctl_takes(c, 0, 0, "status"))
        return CTL_USAGE;
    int code = client_get(c, "/v1/status", &status);
    if (code)
        return code;
    if (ctl_wants_json(c)) {
        code = ctl_print_json(c, status);
    } else if (!(code = client_list(c, "/v1/peers?", &peers))) {
        print_headline(status);
        code = show_nodes(c, json_at(status, "nodes"));
        putchar('\n');
        if (!code)
            code = show_peers(c, peers);
        print_failed_checks(json_at(status, "checks"));
        print_lines(json_at(status, "warnings"), "warning:");
        json_decref(peers);
    }
    json_decref(status);
    return code;
}
