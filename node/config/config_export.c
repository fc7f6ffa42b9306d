/* export: what leaves a node for those who watch it. */
#include <stdio.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

enum { STATISTICS_MS = 60000, RETRY_MS = 30000, RETRY_MAX_MS = 720000, DAY_MS = 86400000 };

#define AT(member) .offset = offsetof(struct config_station, member)

/* ---- stations ---- */

static bool read_station(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                         void *to)
{
    struct config_station *s = to;
    (void)row;
    if (n->kind != TREE_SCALAR || !config_parse_endpoint(n->text, &s->at)) {
        schema_complain(r, n, "this is no address and port");
        report_hint(r->report, "write \"10.1.9.9:11019\" or \"[fd00::9]:11019\"");
        return false;
    }
    if (!s->name[0])
        snprintf(s->name, sizeof s->name, "%s", n->text);
    return true;
}

static bool read_routes(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        void *to)
{
    static const char *const words[] = { "adjRibInPre", "adjRibInPost", "locRib",
                                         "adjRibOutPre", "adjRibOutPost", NULL };
    const struct schema_row word = { .key = row->key, .words = words, .help = row->help };
    uint8_t *routes = to, which;
    if (!schema_is_list(r, n))
        return false;
    *routes = 0;
    for (struct tree_node *w = n->first; w; w = w->next)
        if (schema_word(r, w, &word, &which))
            *routes |= (uint8_t)(1u << which);
    return true;
}

static const struct schema_row station_rows[] = {
    { "name", schema_name, AT(name), .help = "what logs and metrics call it" },
    { "station", read_station, .is_required = true, .help = "address and port" },
    { "routes", read_routes, AT(routes),
      .help = "[adjRibInPre, adjRibInPost, locRib, adjRibOutPre, adjRibOutPost]" },
    { "statisticsInterval", schema_millis, AT(statistics_ms), 0, DAY_MS, .help = "0 = no reports" },
    { "connectRetry", schema_millis, AT(retry_ms), 1000, RETRY_MAX_MS,
      .help = "after a failure; doubled up to 12 minutes" },
    { 0 },
};

static bool read_stations(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config *c = to;
    (void)row;
    if (!schema_is_list(r, n))
        return false;
    c->stations = memory_new(n->count, sizeof *c->stations);
    for (struct tree_node *at = n->first; at; at = at->next) {
        struct config_station *s = &c->stations[c->station_count];
        *s = (struct config_station){ .routes = 1u << CONFIG_ADJ_RIB_IN_PRE |
                                                1u << CONFIG_ADJ_RIB_IN_POST | 1u << CONFIG_LOC_RIB,
                                      .statistics_ms = STATISTICS_MS,
                                      .retry_ms = RETRY_MS };
        c->station_count++;
        if (schema_is_map(r, at))
            schema_read_object(r, at, station_rows, s);
    }
    return true;
}

/* ---- files ---- */

static const struct schema_row mrt_rows[] = {
    { "directory", schema_path, offsetof(struct config, mrt_directory), .is_required = true,
      .help = "files go there" },
    { "every", schema_millis, offsetof(struct config, mrt_every_ms), 1000, 7 * DAY_MS,
      .help = "between dumps of the RIB" },
    { "updates", schema_millis, offsetof(struct config, mrt_updates_ms), 1000, DAY_MS,
      .help = "messages of the NVAs too, a new file so often" },
    { 0 },
};

static bool read_mrt(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                     void *to)
{
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, mrt_rows, to);
    return true;
}

static const struct schema_row export_rows[] = {
    { "mrt", read_mrt, .help = "{ directory, every, updates }: files" },
    { "bmp", read_stations, .help = "[{ station, routes, … }]: BGP monitoring stations" },
    { 0 },
};

const struct config_export_rows config_export_rows = { .top = export_rows,
                                                       .station = station_rows,
                                                       .mrt = mrt_rows };

void config_read_export(struct schema_reader *r, struct tree_node *n, struct config *c)
{
    if (n && schema_is_map(r, n))
        schema_read_object(r, n, export_rows, c);
}
