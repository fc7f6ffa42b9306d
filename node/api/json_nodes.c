/* /v1/nodes: what this node believes of every node. */
#include "node/api/sight.h"

static const char *health_of(const struct core_node_view *n)
{
    static const char *const words[] = {
        [REPL_MEMBER_UNKNOWN] = "unknown",         [REPL_MEMBER_ALIVE] = "ok",
        [REPL_MEMBER_SUSPECT] = "suspect",         [REPL_MEMBER_DEAD] = "dead",
        [REPL_MEMBER_AUTH_FAILED] = "auth-failed", [REPL_MEMBER_LEFT] = "left",
    };
    return words[n->state];
}

const char *sight_class(uint8_t class)
{
    static const char *const words[] = {
        [RIB_LIVE] = "live", [RIB_GRACE] = "grace", [RIB_STALE] = "stale", [RIB_GONE] = "gone"
    };
    return words[class];
}

static json_t *node_object(const struct api_view *v, size_t nth)
{
    struct core_node_view n;
    core_node_view(v->core, nth, v->now_ms, &n);
    json_t *o = json_pack("{s:s, s:o, s:b, s:s, s:s, s:b}", "name", n.node->name, "address",
                          json_addr(&n.node->address), "self", n.is_self, "health", health_of(&n),
                          "originClass", sight_class(n.origin_class), "steady", n.steady);
    json_object_set_new(o, "incarnation", json_count(n.incarnation));
    json_object_set_new(o, "tableVersion", json_count(n.version));
    json_object_set_new(o, "versionsBehind", json_count(n.behind));
    json_object_set_new(o, "paths", json_count(n.paths));
    json_object_set_new(o, "sessions", json_count(n.sessions));
    json_set_time(o, "since", v, n.state_since_ms);
    json_set_age(o, "stateSeconds", v, n.state_since_ms);
    if (!n.is_self)
        json_object_set_new(o, "lagSeconds", json_real(n.lag_ms / 1000.0));
    if (n.has_digest)
        json_object_set_new(o, "digestEqual", json_boolean(n.digest_equal));
    json_object_set_new(o, "lastError", n.last_error[0] ? json_text(n.last_error) : json_null());
    return o;
}

json_t *sight_nodes(const struct api_view *v)
{
    json_t *items = json_array();
    for (size_t i = 0; i < core_node_count(v->core); i++)
        json_array_append_new(items, node_object(v, i));
    return items;
}

void api_nodes(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_list(out, sight_nodes(v), NULL, v->config->generation);
}
