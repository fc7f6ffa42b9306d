#include "node/api/routes.h"

#include <string.h>

#include "node/api/reply.h"
#include "node/api/web.h"

/* One row an endpoint. A "*" in a path stands for one name. */
struct endpoint {
    const char *path;
    const char *params[API_PARAMS_MAX]; /* those it knows; NULL ends */
    bool on_health;                     /* the health listener serves it too */
    api_handler *answer;
};

/* clang-format off */
static const struct endpoint endpoints[] = {
    { "/livez",             { "verbose" },                                  true,  api_livez },
    { "/readyz",            { "verbose", "fail" },                          true,  api_readyz },
    { "/healthz",           { "verbose", "fail" },                          true,  api_readyz },
    { "/metrics",           { NULL },                                       false, api_metrics },
    { "/v1/status",         { NULL },                                       false, api_status },
    { "/v1/nodes",          { NULL },                                       false, api_nodes },
    { "/v1/nodes/diff",     { NULL },                                       false, api_node_diff },
    { "/v1/peers",          { NULL },                                       false, api_peers },
    { "/v1/peers/*",        { NULL },                                       false, api_peer },
    { "/v1/peers/*/learnedRoutes",    { "prefix", "match", "limit", "cursor" }, false, api_learned },
    { "/v1/peers/*/advertisedRoutes", { "prefix", "match", "limit", "cursor" }, false, api_advertised },
    { "/v1/routes",         { "prefix", "match", "peer", "state", "best", "community", "asPathContains",
                              "limit", "cursor" },                          false, api_route_list },
    { "/v1/routes/explain", { "prefix", "peer" },                           false, api_route_explain },
    { "/v1/programming",    { NULL },                                       false, api_programming },
    { "/v1/programming/*",  { NULL },                                       false, api_programming_one },
    { "/v1/bmp",            { NULL },                                       false, api_bmp },
    { "/v1/events",         { "after", "limit" },                           false, api_events },
    { "/v1/mrt",            { NULL },                                       false, api_mrt },
};

/* What is a POST. */
static const struct endpoint orders[] = {
    { "/v1/nodes/*/drain",   { "message" }, false, api_node_drain },
    { "/v1/nodes/*/undrain", { NULL },      false, api_node_undrain },
    { "/v1/peers/*/disable", { "message" }, false, api_peer_disable },
    { "/v1/peers/*/enable",  { NULL },      false, api_peer_enable },
    { "/v1/peers/*/clear",   { "kind" },    false, api_peer_clear },
    { "/v1/config/check",    { NULL },      false, api_config_check },
    { "/v1/config/reload",   { NULL },      false, api_config_reload },
};
/* clang-format on */

const char *api_param(const struct api_request *q, const char *name)
{
    for (size_t i = 0; i < q->param_count; i++)
        if (!strcmp(q->params[i].name, name))
            return q->params[i].value;
    return NULL;
}

/* Is it this path? What stands for "*" goes to rest. */
static bool match(const struct endpoint *e, const char *path, char rest[static API_REST_MAX + 1])
{
    const char *star = strchr(e->path, '*');
    size_t before = star ? (size_t)(star - e->path) : 0;
    rest[0] = 0;
    if (!star)
        return !strcmp(e->path, path);
    if (strncmp(e->path, path, before))
        return false;
    size_t len = strcspn(path + before, "/");
    if (!len || len > API_REST_MAX || strcmp(path + before + len, star + 1))
        return false;
    memcpy(rest, path + before, len);
    rest[len] = 0;
    return true;
}

static const struct endpoint *find(struct api_request *q, bool is_post)
{
    const struct endpoint *table = is_post ? orders : endpoints;
    size_t count = is_post ? sizeof orders / sizeof *orders : sizeof endpoints / sizeof *endpoints;
    for (size_t i = 0; i < count; i++)
        if (match(&table[i], q->path, q->rest) && (!q->is_health_only || table[i].on_health))
            return &table[i];
    return NULL;
}

static bool knows(const struct endpoint *e, const char *name)
{
    for (size_t i = 0; i < API_PARAMS_MAX && e->params[i]; i++)
        if (!strcmp(e->params[i], name))
            return true;
    return false;
}

/* False when *out holds the refusal. */
static bool check_params(const struct endpoint *e, const struct api_request *q,
                         struct api_reply *out)
{
    for (size_t i = 0; i < q->param_count; i++) {
        const char *name = q->params[i].name;
        if (!knows(e, name)) {
            reply_problem(out, 400, name, "%s has no query parameter \"%s\"", e->path, name);
            return false;
        }
        for (size_t k = 0; k < i; k++)
            if (!strcmp(q->params[k].name, name)) {
                reply_problem(out, 400, name, "query parameter \"%s\" is given twice", name);
                return false;
            }
    }
    if (q->too_many)
        reply_problem(out, 400, NULL, "too many query parameters");
    return !q->too_many;
}

void api_answer(const struct api_view *v, struct api_request *q, struct api_reply *out)
{
    const struct endpoint *e = find(q, q->is_post), *other = e ? NULL : find(q, !q->is_post);
    if (other)
        reply_problem(out, 405, NULL, q->is_post ? "%s can only be read" : "%s is an order: POST", other->path);
    else if (!e && !q->is_post && !q->is_health_only && web_answer(q->path, out))
        return;
    else if (!e)
        reply_problem(out, 404, NULL, "no such path: %s", q->path);
    else if (check_params(e, q, out))
        e->answer(v, q, out);
}
