/* node/io/http_client.h over the simulated network. A client belongs to a host; a request has a serial number,
 * and what comes for one that was cancelled, or for an earlier life of the host, finds nobody. */
#include <stdlib.h>
#include <string.h>

#include "node/io/http_client.h"
#include "tests/sim/shared.h"

struct http_request {
    struct http_client *client;
    struct sim_call *answer; /* while on_done looks at it */
    uint64_t serial;
    bool is_stream, is_cancelled, is_busy;
    void (*on_done)(void *data, const struct http_answer *a);
    size_t (*on_data)(void *data, const char *bytes, size_t len);
    void *data;
    char *stream; /* what on_data left */
    size_t stream_len;
};

struct http_client {
    struct host *host;
    struct http_request *requests[HTTP_CLIENT_REQUESTS_MAX];
};

const char *http_outcome_name(enum http_outcome outcome)
{
    return outcome == HTTP_TIMED_OUT ? "timed out" : outcome == HTTP_ANSWERED ? "answered" : "unreachable";
}

struct http_client *http_client_new(const struct http_client_cfg *cfg)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->host = cfg->loop->data;
    c->host->http = c;
    return c;
}

static void forget(struct http_request *r)
{
    for (int i = 0; i < HTTP_CLIENT_REQUESTS_MAX; i++)
        if (r->client->requests[i] == r)
            r->client->requests[i] = NULL;
    r->is_cancelled = true;
    if (r->is_busy)
        return; /* its callback is still at work */
    free(r->stream);
    free(r);
}

void http_request_cancel(struct http_request *r)
{
    forget(r);
}

void http_client_free(struct http_client *c)
{
    for (int i = 0; i < HTTP_CLIENT_REQUESTS_MAX; i++)
        if (c->requests[i])
            forget(c->requests[i]);
    c->host->http = NULL;
    free(c);
}

unsigned sim_http_count(const struct host *h)
{
    unsigned count = 0;
    for (int i = 0; h->http && i < HTTP_CLIENT_REQUESTS_MAX; i++)
        count += h->http->requests[i] && !h->http->requests[i]->is_stream;
    return count;
}

/* ---- a request leaves ---- */

static struct sim_call *call_of(const struct host *h, const struct http_call *call, uint64_t serial)
{
    struct sim_call *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->host = h->number;
    c->life = h->incarnation;
    c->serial = serial;
    c->sent_at = h->world->now;
    c->is_stream = call->on_data != NULL;
    c->q = (struct azure_request){ .method = call->method,
                                   .url = strdup(call->url),
                                   .len = call->len,
                                   .timeout_ms = call->timeout_ms };
    for (int i = 0; i < AZURE_HEADERS_MAX && call->headers && call->headers[i]; i++)
        c->q.headers[i] = strdup(call->headers[i]);
    c->q.body = malloc(call->len + 1);
    if (!c->q.body)
        abort();
    memcpy(c->q.body, call->body ? call->body : "", call->len);
    c->q.body[call->len] = 0;
    return c;
}

static struct sim_call *no_answer(const struct sim_call *of, enum http_outcome outcome, bool was_sent)
{
    struct sim_call *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    *c = (struct sim_call){ .host = of->host, .life = of->life, .serial = of->serial };
    c->answer = (struct azure_answer){ .outcome = (uint8_t)outcome, .was_sent = was_sent, .error = "no answer" };
    return c;
}

static void send_call(struct world *w, struct sim_call *c)
{
    enum { CONNECT_MS = 1000 };
    bool lost = w->cut[c->host][SIM_STORE], refused = w->now < w->store->down_until;
    struct sim_event e = { .kind = SIM_ANSWER, .who = c->host };
    uint64_t on_the_way = sim_latency(w, c->host, SIM_STORE);
    if (lost || refused) {
        e.at = w->now + (lost ? CONNECT_MS : on_the_way);
        e.call = no_answer(c, lost ? HTTP_TIMED_OUT : HTTP_UNREACHABLE, false);
        sim_schedule(w, e);
        azure_request_fini(&c->q);
        free(c);
        return;
    }
    if (c->q.timeout_ms) {
        e.at = w->now + c->q.timeout_ms;
        e.call = no_answer(c, HTTP_TIMED_OUT, true);
        sim_schedule(w, e);
    }
    bool is_slow = w->now < w->store->slow_until;
    sim_schedule(w, (struct sim_event){ .kind = SIM_CALL,
                                        .who = c->host,
                                        .call = c,
                                        .at = w->now + on_the_way + (is_slow ? sim_pick(w, 3000) : 0) });
}

struct http_request *http_request_new(struct http_client *client, const struct http_call *call)
{
    struct host *h = client->host;
    struct world *w = h->world;
    int slot = 0;
    while (slot < HTTP_CLIENT_REQUESTS_MAX && client->requests[slot])
        slot++;
    if (slot == HTTP_CLIENT_REQUESTS_MAX)
        return NULL;
    struct http_request *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct http_request){ .client = client,
                                .serial = ++w->serials,
                                .is_stream = call->on_data != NULL,
                                .on_done = call->on_done,
                                .on_data = call->on_data,
                                .data = call->data };
    client->requests[slot] = r;
    struct sim_call *c = call_of(h, call, r->serial);
    check_call(w, h, c);
    send_call(w, c);
    return r;
}

/* ---- what comes back ---- */

static struct http_request *request_of(struct world *w, int host, uint64_t life, uint64_t serial)
{
    struct host *h = &w->hosts[host];
    for (int i = 0; h->core && h->http && h->incarnation == life && i < HTTP_CLIENT_REQUESTS_MAX; i++)
        if (h->http->requests[i] && h->http->requests[i]->serial == serial)
            return h->http->requests[i];
    return NULL;
}

static void finish(struct world *w, struct http_request *r, struct sim_call *c)
{
    struct host *h = r->client->host;
    const struct azure_answer *a = &c->answer;
    struct http_answer answer = { .outcome = (enum http_outcome)a->outcome,
                                  .status = a->status,
                                  .was_sent = a->was_sent,
                                  .error = a->error ? a->error : "",
                                  .body = a->body ? a->body : "",
                                  .len = a->len,
                                  .request = r };
    r->answer = c;
    r->is_busy = true;
    forget(r);
    r->on_done(r->data, &answer);
    free(r->stream);
    free(r);
    host_ask_turn(w, h, w->now);
}

void sim_http_answer(struct world *w, struct sim_call *c)
{
    struct http_request *r = request_of(w, c->host, c->life, c->serial);
    if (r)
        finish(w, r, c);
}

static void stream_ends(struct world *w, struct http_request *r)
{
    struct sim_call end = { .answer = { .outcome = HTTP_ANSWERED, .status = 200 } };
    finish(w, r, &end);
}

void sim_http_stream(struct world *w, const struct sim_event *e)
{
    struct http_request *r = request_of(w, e->who, e->generation, e->sequence);
    if (!r)
        return;
    if (!e->len) {
        stream_ends(w, r);
        return;
    }
    struct host *h = r->client->host;
    r->stream = realloc(r->stream, r->stream_len + e->len);
    memcpy(r->stream + r->stream_len, e->bytes, e->len);
    r->stream_len += e->len;
    r->is_busy = true;
    size_t used = r->on_data(r->data, r->stream, r->stream_len);
    r->is_busy = false;
    if (r->is_cancelled) {
        free(r->stream);
        free(r);
    } else {
        memmove(r->stream, r->stream + used, r->stream_len - used);
        r->stream_len -= used;
    }
    host_ask_turn(w, h, w->now);
}

const char *http_answer_header(const struct http_answer *a, const char *name)
{
    const struct azure_answer *said = &a->request->answer->answer;
    return !strcmp(name, "Azure-AsyncOperation") ? said->operation : NULL;
}

uint32_t http_answer_retry_s(const struct http_answer *a)
{
    return a->request->answer->answer.retry_after_s;
}

json_t *http_answer_json(const struct http_answer *a, char error[static HTTP_CLIENT_ERROR_MAX])
{
    json_error_t why;
    json_t *body = json_loadb(a->body, a->len, JSON_REJECT_DUPLICATES, &why);
    snprintf(error, HTTP_CLIENT_ERROR_MAX, "%s", body ? "" : why.text);
    return body;
}
