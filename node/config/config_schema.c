/* The tables by which a configuration is read, as a JSON Schema: for editors, and for who generates files. What two
 * keys have to do with each other is not in it; `tandemd --check` knows. */
#include "node/config/config_json.h"

#include <string.h>

#include "node/config/config_read.h"

/* ---- single values ---- */

static json_t *text_like(const char *pattern)
{
    return pattern ? json_pack("{s:s, s:s}", "type", "string", "pattern", pattern) : json_pack("{s:s}", "type", "string");
}

static bool is_number(const struct schema_row *row)
{
    return row->read == schema_u8 || row->read == schema_u16 || row->read == schema_u32 || row->read == schema_u64;
}

static json_t *number(const struct schema_row *row)
{
    json_t *o = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)row->min);
    if (row->max <= INT64_MAX)
        json_object_set_new(o, "maximum", json_integer((json_int_t)row->max));
    return o;
}

static json_t *words(const struct schema_row *row)
{
    json_t *list = json_array();
    for (size_t i = 0; row->words[i]; i++)
        json_array_append_new(list, json_string(row->words[i]));
    if (!row->is_required)
        json_array_append_new(list, json_null());
    return json_pack("{s:o}", "enum", list);
}

/* A number is of seconds, or of bytes. */
static json_t *with_unit(const char *pattern)
{
    return json_pack("{s:[s, s], s:s, s:i}", "type", "string", "integer", "pattern", pattern, "minimum", 0);
}

static const struct {
    schema_read *read;
    const char *pattern;
    bool may_be_number;
} texts[] = {
    { schema_name, "^[A-Za-z0-9._-]{1,63}$", true },
    { schema_path, NULL, false },
    { schema_addr, "^[0-9A-Fa-f.:]+$", false },
    { schema_prefix, "^[0-9A-Fa-f.:]+/[0-9]+$", false },
    { schema_key, "^[A-Za-z0-9+/]{43}=$", false },
    { schema_router_id, "^[0-9.]+$", false },
    { schema_seconds, "^[0-9]+(ms|s|m|h)?$", true },
    { config_read_hold_time, "^[0-9]+(ms|s|m|h)?$", true },
    { schema_millis, "^[0-9]+(ms|s|m|h)?$", true },
    { schema_bytes, "^[0-9]+(KiB|MiB|GiB)?$", true },
};

static json_t *single(const struct schema_row *row)
{
    if (is_number(row))
        return number(row);
    if (row->read == schema_bool)
        return json_pack("{s:s}", "type", "boolean");
    if (row->read == schema_word)
        return words(row);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].read == row->read)
            return texts[i].may_be_number ? with_unit(texts[i].pattern) : text_like(texts[i].pattern);
    return json_object(); /* of a form of its own: its description says which */
}

/* null stands for what may be left out. */
static void allow_null(json_t *o)
{
    json_t *type = json_object_get(o, "type");
    if (json_is_string(type))
        json_object_set_new(o, "type", json_pack("[O, s]", type, "null"));
    else if (json_is_array(type))
        json_array_append_new(type, json_string("null"));
}

/* ---- what has keys of its own ---- */

enum form { ONE, LIST, EITHER /* or a single value that says as much */ };

static const struct {
    const char *key;
    const struct schema_row *const *rows;
    enum form form;
    bool is_top; /* further down these keys mean something else: names of peers, addresses */
} children[] = {
    { "routeServer", &config_rows.server, ONE, true },
    { "nodes", &config_rows.node, LIST, true },
    { "cluster", &config_rows.cluster, ONE, true },
    { "agents", &config_rows.agents, ONE, true },
    { "hosts", &config_rows.host, LIST, false },
    { "virtualNetworks", &config_rows.vnet, LIST, true },
    { "api", &config_rows.api, ONE, true },
    { "log", &config_rows.log, ONE, true },
    { "peers", &config_peer_rows.peer, LIST, true },
    { "defaults", &config_peer_rows.inherited, ONE, true },
    { "maxRoutes", &config_peer_rows.limit, ONE, false },
    { "bfd", &config_peer_rows.bfd, EITHER, false },
    { "tcpAo", &config_peer_rows.ao, ONE, false },
    { "longLivedGracefulRestart", &config_peer_rows.long_lived, EITHER, false },
    { "export", &config_export_rows.top, ONE, true },
    { "bmp", &config_export_rows.station, LIST, false },
    { "mrt", &config_export_rows.mrt, ONE, false },
    { "healthGate", &config_gate_rows, ONE, false },
    { "filter", &config_filter_rows, ONE, false },
    { "identity", &config_identity_rows, EITHER, false },
    { "etcd", &config_etcd_source_rows, ONE, false },
};

static json_t *object(const struct config_least *l, const struct schema_row *rows, bool is_top);

/* NULL: it has none. */
static json_t *child(const struct config_least *l, const struct schema_row *row, bool is_top)
{
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        if (strcmp(children[i].key, row->key) != 0 || children[i].is_top != is_top)
            continue;
        json_t *o = object(l, *children[i].rows, false);
        if (children[i].form == LIST)
            return json_pack("{s:s, s:o}", "type", "array", "items", o);
        return children[i].form == ONE ? o
                                       : json_pack("{s:[o, {s:[s, s, s, s]}]}", "anyOf", o, "type", "string", "integer",
                                                   "boolean", "null");
    }
    return NULL;
}

static json_t *description(const struct schema_row *row)
{
    return row->otherwise ? json_sprintf("%s; otherwise %s", row->help, row->otherwise) : json_string(row->help);
}

static json_t *property(const struct config_least *l, const struct schema_row *rows, const struct schema_row *row, bool is_top)
{
    /* maxRoutes of a table is a number, of a peer it has keys */
    json_t *o = is_number(row) ? NULL : child(l, row, is_top), *value = config_default(l, rows, row);
    if (!o)
        o = single(row);
    if (!row->is_required)
        allow_null(o);
    if (row->help)
        json_object_set_new(o, "description", description(row));
    if (value)
        json_object_set_new(o, "default", value);
    return o;
}

static json_t *object(const struct config_least *l, const struct schema_row *rows, bool is_top)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct schema_row *row = rows; row->key; row++) {
        if (!row->read && !row->is_separate)
            continue; /* known, and not supported */
        json_object_set_new(properties, row->key, property(l, rows, row, is_top));
        if (row->is_required)
            json_array_append_new(required, json_string(row->key));
    }
    return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0, "properties", properties,
                     "required", required);
}

/* Each type of target has keys of its own. */
static json_t *targets(const struct config_least *l)
{
    json_t *kinds = json_array();
    for (size_t i = 0; config_target_rows[i]; i++) {
        json_t *kind = object(l, *config_target_rows[i], false);
        json_t *type = json_pack("{s:s}", "const", config_target_types[i]);
        json_object_set_new(json_object_get(kind, "properties"), "type", type);
        json_array_append_new(kinds, kind);
    }
    return json_pack("{s:[s, s], s:s, s:{s:o}}", "type", "array", "null", "description", "targets", "items", "anyOf", kinds);
}

json_t *config_schema(void)
{
    struct config_least least;
    config_least_init(&least);
    json_t *o = object(&least, config_rows.top, true);
    json_object_set_new(o, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(o, "title", json_string("Tandem " TANDEM_VERSION ": the route server's configuration"));
    json_object_set_new(json_object_get(o, "properties"), "programming", targets(&least));
    config_least_fini(&least);
    return o;
}

json_t *config_agent_schema(void)
{
    struct config_least least;
    config_least_init(&least);
    json_t *o = object(&least, config_agent_rows.top, false);
    json_t *nodes = json_object_get(json_object_get(o, "properties"), "nodes");
    json_object_set_new(nodes, "type", json_string("array"));
    json_object_set_new(nodes, "items", object(&least, config_agent_rows.node, false));
    json_t *log = json_object_get(json_object_get(o, "properties"), "log");
    json_object_update_new(log, object(&least, config_agent_rows.log, false));
    config_least_fini(&least);
    return o;
}
