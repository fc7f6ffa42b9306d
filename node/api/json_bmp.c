/* /v1/bmp: the monitoring stations, and how far each has come. */
#include "node/api/sight.h"

static json_t *tables(uint8_t routes)
{
    static const char *const names[CONFIG_STATION_ROUTES] = { "adjRibInPre", "adjRibInPost", "locRib",
                                                              "adjRibOutPre", "adjRibOutPost" };
    json_t *list = json_array();
    for (int i = 0; i < CONFIG_STATION_ROUTES; i++)
        if (routes & 1u << i)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *station_object(const struct api_view *v, size_t nth)
{
    struct core_station_view s;
    core_station_view(v->core, nth, &s);
    json_t *o = json_pack("{s:s, s:o, s:i, s:b, s:o}", "name", s.station->name, "address",
                          json_addr(&s.station->at.addr), "port", (int)s.station->at.port, "connected",
                          s.is_connected, "routes", tables(s.station->routes));
    if (s.since_ms) {
        json_set_time(o, "since", v, s.since_ms);
        json_set_age(o, "stateSeconds", v, s.since_ms);
    }
    json_object_set_new(o, "versionsBehind", json_count(s.behind));
    json_object_set_new(o, "messages", json_count(s.messages));
    json_object_set_new(o, "bytes", json_count(s.bytes));
    json_object_set_new(o, "connects", json_count(s.connects));
    json_object_set_new(o, "losses", json_count(s.lost));
    json_object_set_new(o, "lastError", s.last_error[0] ? json_text(s.last_error) : json_null());
    return o;
}

void api_bmp(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    json_t *items = json_array();
    (void)q;
    for (size_t i = 0; i < core_station_count(v->core); i++)
        json_array_append_new(items, station_object(v, i));
    reply_list(out, items, NULL, v->config->generation);
}
