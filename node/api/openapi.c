/* /v1/openapi.json: OpenAPI 3.1, out of the tables that are served. Bodies are JSON objects whose fields may
 * become more; the study of interfaces, and the sources, say what they mean. */
#include <string.h>

#include "node/api/endpoints.h"
#include "node/api/reply.h"

/* "/v1/peers/{name}/clear" */
static void template(const char *path, char out[static 128])
{
    const char *star = strchr(path, '*');
    if (star)
        snprintf(out, 128, "%.*s{name}%s", (int)(star - path), path, star + 1);
    else
        snprintf(out, 128, "%s", path);
}

static json_t *parameter(const char *name, const char *in)
{
    return json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", in, "required", !strcmp(in, "path"), "schema",
                     "type", "string");
}

static json_t *parameters(const struct endpoint *e)
{
    json_t *list = json_array();
    if (strchr(e->path, '*'))
        json_array_append_new(list, parameter("name", "path"));
    for (size_t i = 0; i < API_PARAMS_MAX && e->params[i]; i++)
        json_array_append_new(list, parameter(e->params[i], "query"));
    return list;
}

static json_t *answer(const char *description, const char *type)
{
    return json_pack("{s:s, s:{s:{}}}", "description", description, "content", type);
}

static const char *type_of(const struct endpoint *e)
{
    if (!strncmp(e->path, "/v1/mrt", 7))
        return "application/octet-stream";
    bool is_json = !strncmp(e->path, "/v1/", 4) || !strncmp(e->path, "/lg/", 4);
    return is_json ? "application/json" : "text/plain";
}

static json_t *operation(const struct endpoint *e, bool is_post)
{
    json_t *o = json_pack("{s:s, s:o, s:{s:o, s:o}}", "summary", e->summary, "parameters", parameters(e), "responses",
                          "200", answer("It is so", type_of(e)), "default",
                          answer("RFC 9457", "application/problem+json"));
    if (is_post)
        json_object_set_new(o, "security", json_pack("[{s:[]}]", "token"));
    return o;
}

static void add_paths(json_t *paths, bool is_post)
{
    size_t count;
    const struct endpoint *table = endpoint_table(is_post, &count);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        template(table[i].path, path);
        json_object_set_new(paths, path, json_pack("{s:o}", is_post ? "post" : "get", operation(&table[i], is_post)));
    }
}

void api_openapi(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    json_t *paths = json_object();
    (void)v, (void)q;
    add_paths(paths, false);
    add_paths(paths, true);
    reply_json(out, json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:{s:s, s:s, s:s}}}}", "openapi", "3.1.0", "info",
                              "title", "Tandem", "version", TANDEM_VERSION, "description",
                              "Orders over TCP need the token of api.tokenFile; the node's Unix socket needs none.",
                              "paths", paths, "components", "securitySchemes", "token", "type", "http", "scheme",
                              "bearer", "description", "api.tokenFile"));
}
