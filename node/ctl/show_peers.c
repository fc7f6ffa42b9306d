/* peer list, peer show. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/client.h"
#include "node/ctl/show.h"
#include "node/ctl/table.h"

static bool is_up(const json_t *session)
{
    return json_is_true(json_at(session, "up"));
}

static size_t sessions_up(const json_t *row)
{
    size_t i, up = 0;
    const json_t *session;
    json_array_foreach(json_at(row, "sessions"), i, session) up += is_up(session);
    return up;
}

/* The nodes that have a session with it, "-" for each that has none. */
static void nodes_of(const json_t *row, char cell[static CELL_TEXT])
{
    size_t i, len = 0;
    const json_t *session;
    cell[0] = 0;
    json_array_foreach(json_at(row, "sessions"), i, session)
    {
        if (len < CELL_TEXT)
            len += (size_t)snprintf(cell + len, CELL_TEXT - len, "%s%s", i ? " " : "",
                                    is_up(session) ? json_text_at(session, "node") : "-");
    }
}

static bool waits_for_bfd(const json_t *row)
{
    return json_is_true(json_at(row, "bfd.strict")) && strcmp(json_text_at(row, "bfdState"), "Up") &&
           strcmp(json_text_at(row, "state"), "Established");
}

/* It is away, and its routes wait for it. */
static bool is_held(const json_t *row)
{
    const char *state = json_text_at(row, "held.state");
    return state[0] && strcmp(state, "none") && strcmp(state, "untilEndOfRib");
}

/* RFC 8212: it is up, and still nothing goes one way or the other. */
static const char *closed_way(const json_t *row)
{
    bool in = !strcmp(json_text_at(row, "import"), "none"), out = !strcmp(json_text_at(row, "export"), "none");
    if (in && out)
        return "import and export are none";
    return in ? "import is none" : out ? "export is none" : NULL;
}

static void note_of(const json_t *row, char cell[static CELL_TEXT])
{
    size_t all = json_array_size(json_at(row, "sessions")), up = sessions_up(row);
    const char *error = json_text_at(row, "lastError.text");
    cell[0] = 0;
    if (!strcmp(json_text_at(row, "adminState"), "disabled"))
        snprintf(cell, CELL_TEXT, "disabled");
    else if (is_held(row))
        snprintf(cell, CELL_TEXT, "routes held: %s", json_text_at(row, "held.state"));
    else if (up && up < all)
        snprintf(cell, CELL_TEXT, "peers with %zu of %zu nodes only", up, all);
    else if (waits_for_bfd(row))
        snprintf(cell, CELL_TEXT, "waits for BFD");
    else if (!up && error[0])
        snprintf(cell, CELL_TEXT, "last: %s", error);
    else if (closed_way(row))
        snprintf(cell, CELL_TEXT, "%s", closed_way(row));
}

int show_peers(const struct ctl *c, const json_t *items)
{
    static const struct column columns[] = {
        { .title = "NAME", .path = "name" },
        { .title = "PEER", .path = "peerIp" },
        { .title = "AS", .path = "peerAsn", .is_right = true },
        { .title = "STATE", .path = "state" },
        { .title = "UP/DOWN", .path = "stateSeconds", .kind = COLUMN_AGE, .is_right = true },
        { .title = "RCVD", .path = "routes.received", .is_right = true },
        { .title = "ACPT", .path = "routes.accepted", .is_right = true },
        { .title = "BEST", .path = "routes.best", .is_right = true },
        { .title = "SENT", .path = "routes.advertised", .is_right = true },
        { .title = "BFD", .path = "bfdState" },
        { .title = "NODES", .kind = COLUMN_MADE, .make = nodes_of },
        { .title = "TYPE", .path = "type", .is_wide_only = true },
        { .title = "LIMIT", .path = "routes.limit", .is_right = true, .is_wide_only = true },
        { .title = "HOLD", .path = "holdTimeSeconds", .is_right = true, .is_wide_only = true },
        { .title = "FLAPS", .path = "flaps", .is_right = true, .is_wide_only = true },
        { .title = "NOTE", .kind = COLUMN_MADE, .make = note_of },
    };
    return TABLE_PRINT(columns, items, c->output == CTL_WIDE);
}

int verb_peer_list(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "peer list"))
        return CTL_USAGE;
    return show_list(c, "/v1/peers", show_peers);
}

/* Every field on a line of its own, nested ones with their path. */
static void print_fields(json_t *value, const char *path)
{
    char inner[256];
    const char *key;
    json_t *field;
    size_t i;
    if (json_is_object(value)) {
        json_object_foreach(value, key, field)
        {
            snprintf(inner, sizeof inner, "%s%s%s", path, path[0] ? "." : "", key);
            print_fields(field, inner);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, field)
        {
            snprintf(inner, sizeof inner, "%s[%zu]", path, i);
            print_fields(field, inner);
        }
    } else {
        printf("%-44s ", path); /* as long as the longest */
        if (json_is_string(value))
            puts(json_string_value(value));
        else
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)), putchar('\n');
    }
}

int verb_peer_show(const struct ctl *c)
{
    char path[512] = "/v1/peers/";
    json_t *peer;
    if (!ctl_takes(c, 1, 1, "peer show NAME"))
        return CTL_USAGE;
    client_escape(path, sizeof path, c->argv[0]);
    int code = client_get(c, path, &peer);
    if (code)
        return code;
    if (ctl_wants_json(c))
        code = ctl_print_json(c, peer);
    else
        print_fields(peer, "");
    json_decref(peer);
    return code;
}
