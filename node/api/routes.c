#include "node/api/routes.h"

#include <stdlib.h>
#include <string.h>

#include "node/api/endpoints.h"
#include "node/api/sight.h"
#include "node/api/web.h"

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
    size_t count;
    const struct endpoint *table = endpoint_table(is_post, &count);
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

/* What it shows, or changes, stands in the configuration. */
static bool is_configured(const char *path)
{
    return !strncmp(path, "/v1/config", 10) || !strncmp(path, "/v1/peers", 9);
}

/* Clients that always send an object are served, too. False when *out holds the refusal. */
static bool check_body(const struct endpoint *e, const struct api_request *q, struct api_reply *out)
{
    size_t blank = q->body ? strspn(q->body, " \t\r\n") : 0;
    const char *text = q->body ? q->body + blank : "";
    if (e->takes_body || !text[0] || (!strncmp(text, "{}", 2) && !text[2 + strspn(text + 2, " \t\r\n")]))
        return true;
    reply_problem(out, 400, NULL, "this order has no body: what it is to know goes into the query");
    return false;
}

/* False when *out holds the refusal. */
static bool check_condition(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    char etag[API_ETAG];
    sight_etag(v, etag);
    if (!q->is_post || !q->if_match || !strcmp(q->if_match, "*") || strstr(q->if_match, etag))
        return true;
    reply_problem(out, 412, NULL, "If-Match: the configuration in force is %s", etag);
    return false;
}

/* Whoever has it already: RFC 9110 section 13.1.2. Peers have the ETag for orders only, they change without it. */
static void check_freshness(const struct api_request *q, struct api_reply *out)
{
    if (q->is_post || !q->if_none_match || strncmp(q->path, "/v1/config", 10) != 0)
        return;
    if (strcmp(q->if_none_match, "*") != 0 && !strstr(q->if_none_match, out->etag))
        return;
    free(out->body);
    out->body = NULL;
    out->len = 0;
    out->status = 304;
}

static void refuse_method(const char *path, bool is_post, struct api_reply *out)
{
    reply_problem(out, 405, NULL, is_post ? "%s can only be read" : "%s is an order: POST", path);
    out->allows = is_post ? "GET, HEAD" : "POST";
}

void api_answer(const struct api_view *v, struct api_request *q, struct api_reply *out)
{
    const struct endpoint *e = find(q, q->is_post), *other = e ? NULL : find(q, !q->is_post);
    if (other)
        refuse_method(other->path, q->is_post, out);
    else if (!e && !q->is_post && !q->is_health_only && web_answer(q->path, out))
        return;
    else if (!e && q->is_health_only)
        reply_problem(out, 404, NULL, "no such path: %s; here are the checks /livez and /readyz, the API is at api.listen",
                      q->path);
    else if (!e)
        reply_problem(out, 404, NULL, "no such path: %s", q->path);
    else if (check_params(e, q, out) && check_body(e, q, out) && check_condition(v, q, out))
        e->answer(v, q, out);
    if (!e || out->status != 200 || !is_configured(q->path))
        return;
    sight_etag(v, out->etag);
    check_freshness(q, out);
}
