/* Requests to one of several endpoints: logins, errors, back-off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/file.h"
#include "node/base/memory.h"
#include "node/targets/etcd_internal.h"

enum { BACKOFF_MIN_MS = 250, BACKOFF_MAX_MS = 10000, LINE_MAX_BYTES = 256, LOGIN_MS = 5000 };

void etcd_wake(struct etcd *e)
{
    e->cfg.on_change(e->cfg.data);
}

/* ---- failures ---- */

static const char *const by_outcome[HTTP_OUTCOMES] = {
    [HTTP_UNREACHABLE] = "unreachable", [HTTP_UNTRUSTED] = "untrusted",
    [HTTP_TIMED_OUT] = "timeout",       [HTTP_TOO_LARGE] = "malformed",
    [HTTP_BROKEN] = "malformed",
};

static const char *const by_fault[] = {
    [ETCD_UNREACHED] = "unreachable", [ETCD_UNAUTHENTICATED] = "unauthorized",
    [ETCD_FORBIDDEN] = "forbidden",   [ETCD_FULL] = "full",
    [ETCD_REFUSED] = "refused",
};

static const char *endpoint(const struct etcd *e)
{
    return e->cfg.target->etcd.endpoints[e->endpoint];
}

static void say(struct etcd *e, const char *state, const char *what)
{
    char text[HTTP_CLIENT_ERROR_MAX];
    e->status.state = state;
    snprintf(text, sizeof text, "%.80s: %.160s", endpoint(e), what);
    e->cfg.on_trouble(e->cfg.data, text);
}

static void back_off(struct etcd *e, enum etcd_lane lane, uint32_t rounds)
{
    uint64_t wait = (uint64_t)BACKOFF_MIN_MS << (rounds < 8 ? rounds : 8);
    e->lanes[lane].until_ms = e->cfg.now() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

/* No answer from this endpoint: the others are asked at once, then it is waited. */
static void lost_endpoint(struct etcd *e, const char *state, const char *what)
{
    uint32_t endpoints = (uint32_t)e->cfg.target->etcd.endpoint_count;
    uint32_t failures = ++e->lanes[ETCD_READS].failures;
    if (failures % endpoints == 0) {
        say(e, state, what);
        back_off(e, ETCD_READS, failures / endpoints - 1);
    }
    e->endpoint = (e->endpoint + 1) % endpoints;
    etcd_watch_stop(e);
    repl_fence_unreadable(e->cfg.fence, e->cfg.now());
}

/* The store answers, and will not do it. */
static void was_refused(struct etcd *e, enum etcd_fault fault, const char *what)
{
    say(e, by_fault[fault], what);
    back_off(e, e->lane, e->lanes[e->lane].failures++);
    if (e->lane == ETCD_READS)
        repl_fence_unreadable(e->cfg.fence, e->cfg.now());
}

static void succeeded(struct etcd *e)
{
    bool was_bad = e->lanes[ETCD_READS].failures || e->lanes[ETCD_WRITES].failures;
    e->lanes[ETCD_READS] = (struct etcd_backoff){ 0 };
    if (e->lane == ETCD_WRITES)
        e->lanes[ETCD_WRITES] = (struct etcd_backoff){ 0 };
    if (was_bad && !e->lanes[ETCD_WRITES].failures) {
        e->status.state = "ok";
        e->cfg.on_trouble(e->cfg.data, "");
    }
}

/* ---- one request ---- */

struct http_request *etcd_request(struct etcd *e, const char *path, json_t *body,
                                  uint32_t timeout_ms,
                                  void (*on_done)(void *data, const struct http_answer *a),
                                  size_t (*on_data)(void *data, const char *bytes, size_t len))
{
    /* HasLeader: a watch on a member that lost its cluster ends instead of staying silent. */
    const char *headers[] = { "Content-Type: application/json", "Grpc-Metadata-Hasleader: true",
                              e->token, NULL };
    char url[LINE_MAX_BYTES * 2];
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return NULL;
    snprintf(url, sizeof url, "%s%s", endpoint(e), path);
    struct http_call call = { .method = "POST",
                              .url = url,
                              .headers = headers,
                              .body = text,
                              .len = strlen(text),
                              .timeout_ms = timeout_ms,
                              .answer_max = ETCD_ANSWER_MAX,
                              .on_done = on_done,
                              .on_data = on_data,
                              .data = e };
    struct http_request *r = http_request_new(e->http, &call);
    free(text);
    return r;
}

static void finish(struct etcd *e, const struct etcd_answer *a)
{
    etcd_then *then = e->then;
    e->then = NULL;
    if (a->fault == ETCD_FINE) {
        succeeded(e);
        etcd_heed(e, a->body);
    }
    then(e, a);
    etcd_wake(e);
}

/* A token that became old costs one login and no back-off, if the last one is not just over. */
static bool logs_in_again(struct etcd *e, enum etcd_fault fault)
{
    if (fault != ETCD_UNAUTHENTICATED || !e->cfg.target->etcd.user_file)
        return false;
    e->needs_token = true;
    return e->cfg.now() >= e->login_ms + LOGIN_MS;
}

static void on_fault(struct etcd *e, enum etcd_fault fault, const char *state, const char *text)
{
    if (fault == ETCD_UNREACHED)
        lost_endpoint(e, state, text);
    else if (fault == ETCD_COMPACTED || fault == ETCD_OPEN) /* the store is well */
        succeeded(e);
    else if (!logs_in_again(e, fault))
        was_refused(e, fault, text);
    finish(e, &(struct etcd_answer){ .fault = fault });
}

static void on_done(void *data, const struct http_answer *a)
{
    struct etcd *e = data;
    char error[HTTP_CLIENT_ERROR_MAX], text[HTTP_CLIENT_ERROR_MAX];
    const char *said;
    e->request = NULL;
    if (a->outcome != HTTP_ANSWERED) {
        snprintf(text, sizeof text, "%s: %.200s", http_outcome_name(a->outcome), a->error);
        on_fault(e, ETCD_UNREACHED, by_outcome[a->outcome], text);
        return;
    }
    json_t *body = http_answer_json(a, error);
    if (!json_is_object(body)) {
        snprintf(text, sizeof text, "status %u, not etcd's JSON", a->status);
        on_fault(e, ETCD_UNREACHED, "malformed", text);
    } else if (a->status != 200 || json_object_get(body, "error")) {
        enum etcd_fault fault = etcd_fault_of(body, &said);
        on_fault(e, fault, by_fault[fault], said);
    } else {
        finish(e, &(struct etcd_answer){ .fault = ETCD_FINE, .body = body });
    }
    json_decref(body);
}

bool etcd_call(struct etcd *e, enum etcd_lane lane, const char *path, json_t *body, etcd_then *then)
{
    e->lane = lane;
    e->request = etcd_request(e, path, body, ETCD_REQUEST_MS, on_done, NULL);
    if (e->request)
        e->then = then;
    else
        back_off(e, lane, 0);
    return e->request != NULL;
}

/* ---- login ---- */

/* The first line of a file, without its end; false: unreadable or empty. */
static bool read_line(const char *path, char line[static LINE_MAX_BYTES])
{
    FILE *f = path ? file_open(path) : NULL;
    line[0] = 0;
    if (f && fgets(line, LINE_MAX_BYTES, f))
        line[strcspn(line, "\r\n")] = 0;
    if (f)
        fclose(f);
    return line[0] != 0;
}

static void set_token(struct etcd *e, const char *token)
{
    static const char name[] = "Authorization: ";
    free(e->token);
    e->token = NULL;
    e->needs_token = false;
    if (!token)
        return;
    e->token = memory_new(sizeof name + strlen(token), 1);
    sprintf(e->token, "%s%s", name, token);
}

static void on_token(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault == ETCD_OPEN)
        set_token(e, NULL);
    if (a->fault != ETCD_FINE)
        return;
    set_token(e, json_string_value(json_object_get(a->body, "token")));
    e->login_ms = e->cfg.now();
    e->status.relogins++;
    etcd_watch_stop(e); /* it runs on under the old one until then */
}

void etcd_authenticate(struct etcd *e)
{
    const struct config_etcd *t = &e->cfg.target->etcd;
    char user[LINE_MAX_BYTES], password[LINE_MAX_BYTES], text[HTTP_CLIENT_ERROR_MAX];
    bool ok = read_line(t->user_file, user);
    const char *missing = ok ? t->password_file : t->user_file;
    ok = ok && read_line(t->password_file, password);
    if (!ok) {
        snprintf(text, sizeof text, "%.200s cannot be read, or is empty", missing);
        e->lane = ETCD_READS;
        was_refused(e, ETCD_UNAUTHENTICATED, text);
        return;
    }
    free(e->token);
    e->token = NULL; /* the login itself goes without */
    etcd_call(e, ETCD_READS, "/v3/auth/authenticate", etcd_request_token(user, password), on_token);
    explicit_bzero(password, sizeof password);
}
