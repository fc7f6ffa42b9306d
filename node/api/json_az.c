/* ?format=az: as `az network routeserver peering list-learned-routes` and …-advertised-routes print them. One list
 * a node, "RouteServiceRole_IN_0" the first's; what the other nodes tell an NVA only they know. Where there is more
 * than a page, nextCursor is beside the lists. */
#include <string.h>

#include "node/api/params.h"
#include "node/api/sight.h"

bool sight_az_wanted(const struct api_request *q, bool *is_az, struct api_reply *out)
{
    static const char *const formats[] = { "native", "az", NULL };
    unsigned format = 0;
    bool ok = api_word(q, "format", formats, &format, out);
    *is_az = format == 1;
    return ok;
}

/* "65001-65002-{65003,65004}" */
static void join(const json_t *path, const char *between, char *text, size_t cap)
{
    size_t i, len = 0;
    const json_t *as;
    text[0] = 0;
    json_array_foreach(path, i, as)
    {
        char set[256] = "";
        if (json_is_array(as))
            join(as, ",", set, sizeof set);
        if (len < cap && json_is_array(as))
            len += (size_t)snprintf(text + len, cap - len, "%s{%s}", i ? between : "", set);
        else if (len < cap)
            len += (size_t)snprintf(text + len, cap - len, "%s%" JSON_INTEGER_FORMAT, i ? between : "",
                                    json_integer_value(as));
    }
}

static json_t *route(const json_t *item, const struct config_node *node, const struct ip_addr *source)
{
    char path[2048];
    join(json_object_get(item, "asPath"), "-", path, sizeof path);
    const char *hop = json_string_value(json_object_get(item, "nextHop"));
    json_t *o = json_pack("{s:s, s:o, s:O, s:s, s:s, s:i}", "asPath", path, "localAddress", json_addr(&node->address),
                          "network", json_object_get(item, "prefix"), "nextHop", hop ? hop : "", "origin",
                          source ? "EBgp" : "Igp", "weight", source ? 32768 : 0);
    if (source)
        json_object_set_new(o, "sourcePeer", json_addr(source));
    return o;
}

static bool is_of(const json_t *item, const struct config_node *node, uint32_t self)
{
    const char *name = json_string_value(json_object_get(item, "node")); /* what is advertised has none: it is ours */
    return name ? !strcmp(name, node->name) : node->id == self;
}

void sight_az_reply(const struct api_view *v, json_t *take_items, const char *cursor, const struct ip_addr *source,
                    struct api_reply *out)
{
    json_t *all = json_object();
    for (size_t n = 0; n < v->config->node_count; n++) {
        char role[64];
        size_t i;
        const json_t *item;
        json_t *list = json_array();
        json_array_foreach(take_items, i, item)
        {
            if (is_of(item, &v->config->nodes[n], v->self))
                json_array_append_new(list, route(item, &v->config->nodes[n], source));
        }
        snprintf(role, sizeof role, "RouteServiceRole_IN_%zu", n);
        json_object_set_new(all, role, list);
    }
    if (cursor[0])
        json_object_set_new(all, "nextCursor", json_string(cursor));
    json_decref(take_items);
    reply_json(out, all);
}
