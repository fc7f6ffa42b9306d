/* One request: what libmicrohttpd lets pass and we do not is refused here, the rest is answered. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/api/api_impl.h"
#include "node/api/reply.h"
#include "node/base/memory.h"

/* How far a request is; libmicrohttpd hands it from callback to callback. From its body on it is a struct body. */
enum request_mark { URI_FINE = 1, URI_BAD, REQUEST_CHECKED, REQUEST_MARKS };

enum { BODY_MAX = 1 << 20 }; /* as a configuration file */

struct body {
    char *data; /* 0-terminated */
    size_t len;
    bool is_too_long;
};

/* %00 would cut the decoded path short, and raw control characters have no place in a URI
 * (RFC 3986 section 2): seen here only, because the answer callback gets decoded strings. */
static bool is_bad_uri(const char *uri)
{
    for (const unsigned char *p = (const unsigned char *)uri; *p; p++)
        if (*p <= ' ' || *p == 0x7f || (p[0] == '%' && p[1] == '0' && p[2] == '0'))
            return true;
    return false;
}

void *request_line_seen(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls;
    idle_asks(connection, true);
    return (void *)(uintptr_t)(is_bad_uri(uri) ? URI_BAD : URI_FINE);
}

enum MHD_Result request_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
    (void)cls;
    (void)addr;
    (void)len;
    return MHD_YES; /* the daemon's own limits decide */
}

/* ---- headers ---- */

struct headers {
    bool has_length, has_encoding, has_body, is_cut;
};

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                      size_t key_len, const char *value, size_t value_len)
{
    struct headers *h = cls;
    (void)kind;
    h->is_cut |= strlen(key) != key_len || (value && strlen(value) != value_len);
    if (!strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        h->has_length = true;
        h->has_body |= !value || strcmp(value, "0") != 0;
    } else if (!strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        h->has_encoding = h->has_body = true;
    }
    return MHD_YES;
}

/* Length of the host in "name:port" or "[v6]:port". */
static size_t host_len(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    return end ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

static bool is_host(const char *host, size_t len, const char *name)
{
    return strlen(name) == len && !strncasecmp(host, name, len);
}

static bool is_literal(const char *host, size_t len)
{
    char text[IP_ADDR_TEXT];
    struct ip_addr addr;
    bool is_v6 = len > 2 && host[0] == '[';
    if (is_v6) {
        host++;
        len -= 2;
    }
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = 0;
    return !ip_addr_parse(text, &addr);
}

/* DNS rebinding needs a name of the attacker's: addresses, localhost and our own names pass. */
static bool is_our_host(const struct config *c, const char *host)
{
    size_t len = host_len(host);
    if (is_literal(host, len) || is_host(host, len, "localhost") || is_host(host, len, c->name))
        return true;
    for (size_t i = 0; i < c->node_count; i++)
        if (is_host(host, len, c->nodes[i].name))
            return true;
    return false;
}

static bool is_post(const char *method)
{
    return !strcmp(method, MHD_HTTP_METHOD_POST);
}

static bool is_reading(const char *method)
{
    return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Who may use the Unix socket may change things: its group decides. Over TCP a token does. False when *out
 * holds the refusal. */
static bool check_rights(const struct api_listener *l, struct MHD_Connection *connection, struct api_reply *out)
{
    const struct api_token *token = l->api->cfg.token;
    const char *given = header_of(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    if (l->kind == LISTENER_UNIX || (l->kind == LISTENER_TCP && api_token_fits(token, given)))
        return true;
    if (l->kind == LISTENER_HEALTH)
        reply_problem(out, 405, NULL, "health is read with GET and HEAD");
    else if (!token->is_set)
        reply_problem(out, 403, NULL, "over TCP the API is read-only: use the node's socket, or set api.tokenFile");
    else if (given)
        reply_problem(out, 401, NULL, "this is not the token of api.tokenFile");
    else
        reply_problem(out, 401, NULL, "orders over TCP need a token: Authorization: Bearer, and what is in api.tokenFile");
    return false;
}

/* False when *out holds the refusal. */
static bool check_request(const struct api_listener *l, struct MHD_Connection *connection,
                          const char *method, uintptr_t mark, struct api_reply *out)
{
    struct headers h = { 0 };
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_header, &h);
    const char *host = header_of(connection, MHD_HTTP_HEADER_HOST);
    if (h.has_length && h.has_encoding) /* request smuggling: RFC 9112 section 6.1 */
        reply_problem(out, 400, NULL, "Content-Length together with Transfer-Encoding");
    else if (is_post(method) && !check_rights(l, connection, out))
        return false;
    else if (!is_reading(method) && !is_post(method))
        reply_problem(out, 405, NULL, "the API knows GET, HEAD and POST. What is configured stands in the file: change "
                                      "it there, then POST /v1/config/reload");
    else if (h.has_body && !is_post(method))
        reply_problem(out, 400, NULL, "what is read has no body");
    else if (mark != URI_FINE)
        reply_problem(out, 400, NULL, "the path holds %%00 or a control character");
    else if (h.is_cut)
        reply_problem(out, 400, NULL, "a header holds a zero byte");
    else if (l->kind == LISTENER_TCP && host && !is_our_host(l->api->cfg.config, host))
        reply_problem(
            out, 421, NULL,
            "the Host header names none of us: use an address, localhost or a node's name");
    else
        return true;
    return false;
}

/* ---- answers ---- */

void response_secure(struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static enum MHD_Result send_reply(struct api *a, struct MHD_Connection *connection, const struct api_reply *reply,
                                  bool close_after)
{
    a->answered[reply->status % API_STATUSES]++;
    struct MHD_Response *response =
        reply->reader ? reader_response(a, reply->reader)
                      : MHD_create_response_from_buffer(reply->len, reply->body, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(reply->body);
        return MHD_NO;
    }
    response_secure(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    if (reply->etag[0])
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, reply->etag);
    if (reply->status == 405)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allows ? reply->allows : "GET, HEAD, POST");
    if (reply->status == 401)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"tandem\"");
    if (close_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result queued = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result take_param(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct api_request *q = cls;
    (void)kind;
    if (q->param_count == API_PARAMS_MAX) {
        q->too_many = true;
        return MHD_NO;
    }
    q->params[q->param_count].name = key;
    q->params[q->param_count++].value = value ? value : "";
    return MHD_YES;
}

static bool accepts(struct MHD_Connection *connection, const char *type)
{
    const char *accept = header_of(connection, MHD_HTTP_HEADER_ACCEPT);
    return accept && strstr(accept, type);
}

static bool wants_stream(struct MHD_Connection *connection, const struct api_request *q)
{
    bool is_plain = q->param_count == (api_param(q, "after") != NULL);
    return !q->is_health_only && !strcmp(q->path, "/v1/events") && is_plain && accepts(connection, "text/event-stream");
}

/* What an EventSource resumes behind; UINT64_MAX = from now on. */
static uint64_t resume_after(struct MHD_Connection *connection, const struct api_request *q)
{
    const char *id = header_of(connection, "Last-Event-ID");
    if (!id)
        id = api_param(q, "after");
    char *end;
    unsigned long long after = id ? strtoull(id, &end, 10) : 0;
    return id && end != id && !*end ? after : UINT64_MAX;
}

/* ---- bodies ---- */

static struct body *body_of(void *con_cls)
{
    return (uintptr_t)con_cls >= REQUEST_MARKS ? con_cls : NULL;
}

/* Only from who may give orders. */
static enum MHD_Result take_body(void **con_cls, const char *data, size_t len)
{
    struct body *b = body_of(*con_cls);
    if (!b)
        *con_cls = b = memory_new(1, sizeof *b);
    b->is_too_long |= len > BODY_MAX - b->len;
    if (b->is_too_long)
        return MHD_YES; /* it is read to its end, and refused then */
    char *wider = realloc(b->data, b->len + len + 1);
    if (!wider)
        return MHD_NO;
    memcpy(wider + b->len, data, len);
    b->len += len;
    wider[b->len] = 0;
    b->data = wider;
    return MHD_YES;
}

void request_ended(void *cls, struct MHD_Connection *connection, void **con_cls,
                   enum MHD_RequestTerminationCode why)
{
    struct body *b = body_of(*con_cls);
    (void)cls, (void)why;
    idle_asks(connection, false);
    if (b)
        free(b->data);
    free(b);
    *con_cls = NULL;
}

/* ---- the whole ---- */

static enum MHD_Result begin(const struct api_listener *l, struct MHD_Connection *connection, const char *method,
                             void **con_cls)
{
    struct api_reply reply;
    if (!check_request(l, connection, method, (uintptr_t)*con_cls, &reply))
        return send_reply(l->api, connection, &reply, true);
    /* Answered by the next call: an answer to the first one ends the connection. */
    *con_cls = (void *)(uintptr_t)REQUEST_CHECKED;
    return MHD_YES;
}

enum MHD_Result request_answer(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **con_cls)
{
    const struct api_listener *l = cls;
    struct api_request q = { .path = url,
                             .is_health_only = l->kind == LISTENER_HEALTH,
                             .if_match = header_of(connection, MHD_HTTP_HEADER_IF_MATCH),
                             .if_none_match = header_of(connection, MHD_HTTP_HEADER_IF_NONE_MATCH),
                             .is_post = is_post(method) };
    struct api_reply reply;
    (void)version;
    if ((uintptr_t)*con_cls < REQUEST_CHECKED)
        return begin(l, connection, method, con_cls);
    if (*upload_data_size) {
        enum MHD_Result taken = take_body(con_cls, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return taken;
    }
    const struct body *body = body_of(*con_cls);
    q.body = body ? body->data : NULL;
    q.body_len = body ? body->len : 0;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_param, &q);
    q.wants_openmetrics = accepts(connection, "application/openmetrics-text");
    bool is_stream = !q.is_post && wants_stream(connection, &q);
    if (is_stream && !sse_is_full(l->api))
        return sse_start(l->api, connection, resume_after(connection, &q)); /* not counted: it has no end */
    struct api_view view = api_now(l->api);
    if (is_stream)
        reply_problem(&reply, 503, NULL, "too many event streams: close one, or read pages");
    else if (body && body->is_too_long)
        reply_problem(&reply, 413, NULL, "longer than 1 MiB");
    else
        api_answer(&view, &q, &reply);
    if (reply.reader && reader_is_full(l->api)) {
        reply.reader->end(reply.reader);
        reply_problem(&reply, 503, NULL, "too many long answers are being sent: wait for one to end");
    }
    if (q.is_post)
        l->api->cfg.on_act(l->api->cfg.data);
    return send_reply(l->api, connection, &reply, false);
}
