/* The happy path: http_request_new gives libcurl a transfer; libcurl names sockets and a time,
 * which become uv handles; when one fires libcurl works, and settle() then tells what has come.
 *
 * Callbacks are called from settle() only, never from inside libcurl, so that they may start and
 * cancel requests. A request that has something to tell waits on the list `news`. */
#include "node/io/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgp/base/list.h"

enum {
    HEADERS_MAX = 64 * 1024, /* bytes of all of an answer; libcurl 7.88 keeps them without limit */
    KEPT_CONNECTIONS = 8,
    RECEIVE_BUFFER = 64 * 1024,
    KEEPALIVE_IDLE_S = 5, /* a stream's peer that lost power is noticed */
    KEEPALIVE_EVERY_S = 2,
};

struct http_client {
    CURLM *multi;
    uv_loop_t *loop;
    uv_timer_t timer;
    char *ca_file, *cert_file, *key_file;
    uint32_t connect_ms;
    struct list requests, news, sockets;
    size_t request_count;
    bool is_freed; /* the timer's close frees the rest */
};

/* Lives from libcurl's first word of a descriptor to its last, and until uv has let go. */
struct http_socket {
    uv_poll_t poll;
    curl_socket_t fd;
    struct http_client *client;
    struct list all;
};

struct http_request {
    struct http_client *client;
    struct list all, news;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t len, cap, max, header_bytes;
    CURLcode result;
    bool is_done, is_telling, is_cancelled, is_too_large;
    char error[CURL_ERROR_SIZE];
    void (*on_done)(void *data, const struct http_answer *a);
    size_t (*on_data)(void *data, const char *bytes, size_t len);
    void *data;
};

/* ---- what has come ---- */

/* clang-format off */
static const struct {
    CURLcode code;
    enum http_outcome outcome;
} outcomes[] = {
    { CURLE_OK,                       HTTP_ANSWERED },
    { CURLE_COULDNT_RESOLVE_HOST,     HTTP_UNREACHABLE },
    { CURLE_COULDNT_CONNECT,          HTTP_UNREACHABLE },
    { CURLE_SEND_ERROR,               HTTP_UNREACHABLE },
    { CURLE_RECV_ERROR,               HTTP_UNREACHABLE },
    { CURLE_GOT_NOTHING,              HTTP_UNREACHABLE },
    { CURLE_OPERATION_TIMEDOUT,       HTTP_TIMED_OUT },
    { CURLE_SSL_CONNECT_ERROR,        HTTP_UNTRUSTED },
    { CURLE_PEER_FAILED_VERIFICATION, HTTP_UNTRUSTED },
    { CURLE_SSL_CERTPROBLEM,          HTTP_UNTRUSTED },
    { CURLE_SSL_CACERT_BADFILE,       HTTP_UNTRUSTED },
    { CURLE_SSL_ISSUER_ERROR,         HTTP_UNTRUSTED },
};

static const char *const outcome_names[HTTP_OUTCOMES] = {
    [HTTP_ANSWERED]  = "answered",
    [HTTP_UNREACHABLE] = "unreachable",
    [HTTP_UNTRUSTED] = "untrusted",
    [HTTP_TIMED_OUT] = "timed-out",
    [HTTP_TOO_LARGE] = "too-large",
    [HTTP_BROKEN]    = "broken",
};
/* clang-format on */

const char *http_outcome_name(enum http_outcome outcome)
{
    return outcome_names[outcome];
}

static enum http_outcome outcome_of(const struct http_request *r)
{
    if (r->is_too_large)
        return HTTP_TOO_LARGE;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (outcomes[i].code == r->result)
            return outcomes[i].outcome;
    return HTTP_BROKEN;
}

static const char *error_of(const struct http_request *r, enum http_outcome outcome)
{
    if (outcome == HTTP_ANSWERED)
        return "";
    if (outcome == HTTP_TOO_LARGE)
        return "the answer is larger than allowed";
    return r->error[0] ? r->error : curl_easy_strerror(r->result);
}

static void request_free(struct http_request *r)
{
    list_remove(&r->all);
    list_remove(&r->news);
    r->client->request_count--;
    if (!r->is_done)
        curl_multi_remove_handle(r->client->multi, r->easy);
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    free(r->body);
    free(r);
}

static void tell_data(struct http_request *r)
{
    size_t used = r->on_data(r->data, r->body, r->len);
    if (used > r->len)
        used = r->len;
    memmove(r->body, r->body + used, r->len - used + 1); /* the 0 behind as well */
    r->len -= used;
}

static void tell_done(struct http_request *r)
{
    long status = 0, sent = 0;
    enum http_outcome outcome = outcome_of(r);
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent);
    struct http_answer a = { .outcome = outcome,
                             .status = outcome == HTTP_ANSWERED ? (uint16_t)status : 0,
                             .was_sent = sent > 0,
                             .error = error_of(r, outcome),
                             .body = r->body ? r->body : "",
                             .len = r->len,
                             .request = r };
    r->on_done(r->data, &a);
}

static void tell(struct http_request *r)
{
    list_remove(&r->news);
    r->is_telling = true;
    if (r->on_data && r->len)
        tell_data(r);
    if (r->is_done && !r->is_cancelled)
        tell_done(r);
    r->is_telling = false;
    if (r->is_done || r->is_cancelled)
        request_free(r);
}

static void has_news(struct http_request *r)
{
    if (!list_is_on(&r->news))
        list_append(&r->client->news, &r->news);
}

static void take_finished(struct http_client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        struct http_request *r = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        r->result = m->data.result;
        r->is_done = true;
        curl_multi_remove_handle(c->multi, r->easy); /* m is gone from here on */
        has_news(r);
    }
}

static void settle(struct http_client *c)
{
    take_finished(c);
    while (!list_is_empty(&c->news))
        tell(LIST_OF(c->news.next, struct http_request, news));
}

/* ---- from libcurl to the loop and back ---- */

static void on_timer(uv_timer_t *timer)
{
    struct http_client *c = timer->data;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    settle(c);
}

static int want_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct http_client *c = data;
    (void)multi;
    if (c->is_freed)
        return 0;
    if (timeout_ms < 0)
        return uv_timer_stop(&c->timer);
    return uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_socket *s = poll->data;
    struct http_client *c = s->client; /* s may be closing after the action */
    int running, mask = status < 0 ? CURL_CSELECT_ERR : 0;
    mask |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    mask |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(c->multi, s->fd, mask, &running);
    settle(c);
}

static void on_socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* At once: libcurl closes the descriptor when this returns, and the number may come again. */
static void drop_socket(struct http_socket *s)
{
    uv_poll_stop(&s->poll);
    list_remove(&s->all);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static struct http_socket *add_socket(struct http_client *c, curl_socket_t fd)
{
    struct http_socket *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct http_socket){ .fd = fd, .client = c };
    if (uv_poll_init_socket(c->loop, &s->poll, fd)) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    list_append(&c->sockets, &s->all);
    curl_multi_assign(c->multi, fd, s);
    return s;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct http_client *c = data;
    struct http_socket *s = socket_data;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            drop_socket(s);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!s && !(s = add_socket(c, fd)))
        return -1; /* the transfers fail with an error of their own */
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&s->poll, events, on_poll) ? -1 : 0;
}

/* ---- one request ---- */

static bool grow_body(struct http_request *r, size_t need)
{
    size_t cap = r->cap ? r->cap : 4096;
    if (need <= r->cap)
        return true;
    while (cap < need)
        cap *= 2;
    char *wider = realloc(r->body, cap);
    if (!wider)
        return false;
    r->body = wider;
    r->cap = cap;
    return true;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    struct http_request *r = data;
    size_t n = size * count;
    if (n > r->max - r->len) {
        r->is_too_large = true;
        return 0;
    }
    if (!grow_body(r, r->len + n + 1))
        return 0;
    memcpy(r->body + r->len, bytes, n);
    r->len += n;
    r->body[r->len] = 0;
    if (r->on_data)
        has_news(r);
    return n;
}

static size_t count_header(char *bytes, size_t size, size_t count, void *data)
{
    struct http_request *r = data;
    (void)bytes;
    r->header_bytes += size * count;
    r->is_too_large |= r->header_bytes > HEADERS_MAX;
    return r->is_too_large ? 0 : size * count;
}

static bool add_header(struct http_request *r, const char *line)
{
    struct curl_slist *longer = curl_slist_append(r->headers, line);
    if (longer)
        r->headers = longer;
    return longer != NULL;
}

static bool set_headers(struct http_request *r, const struct http_call *call)
{
    bool ok = add_header(r, "Expect:"); /* a body is sent without waiting for 100 Continue */
    for (const char *const *h = call->headers; ok && h && *h; h++)
        ok = add_header(r, *h);
    return ok && !curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

static bool set_body(struct http_request *r, const struct http_call *call)
{
    CURL *e = r->easy;
    if (!call->body)
        return true;
    return !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->len) &&
           !curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, call->body);
}

/* One file of certificates, ours or the system's bundle. CAPATH's default would add the system's to
 * a private CA, and read every one of them a second time for each connection. */
static bool set_trust(CURL *e, const struct http_client *c)
{
    if (curl_easy_setopt(e, CURLOPT_CAPATH, NULL))
        return false;
    if (c->ca_file && curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file))
        return false;
    if (c->cert_file && curl_easy_setopt(e, CURLOPT_SSLCERT, c->cert_file))
        return false;
    if (c->key_file && curl_easy_setopt(e, CURLOPT_SSLKEY, c->key_file))
        return false;
    return !curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/* QUICK_EXIT: without it, an end while a name is looked up waits for the resolver's thread. */
static bool set_rules(CURL *e)
{
    static const struct {
        CURLoption option;
        long value;
    } rules[] = {
        { CURLOPT_NOSIGNAL, 1 },
        { CURLOPT_QUICK_EXIT, 1 },
        { CURLOPT_FOLLOWLOCATION, 0 },
        { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
        { CURLOPT_TCP_KEEPALIVE, 1 },
        { CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S },
        { CURLOPT_BUFFERSIZE, RECEIVE_BUFFER },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (curl_easy_setopt(e, rules[i].option, rules[i].value))
            return false;
    return !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(e, CURLOPT_PROXY, ""); /* not that of the environment */
}

static bool set_call(struct http_request *r, const struct http_call *call)
{
    CURL *e = r->easy;
    return set_headers(r, call) && set_body(r, call) &&
           !curl_easy_setopt(e, CURLOPT_URL, call->url) &&
           !curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method) &&
           !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms) &&
           !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->client->connect_ms) &&
           !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error) &&
           !curl_easy_setopt(e, CURLOPT_PRIVATE, r) &&
           !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) &&
           !curl_easy_setopt(e, CURLOPT_WRITEDATA, r) &&
           !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, count_header) &&
           !curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
}

struct http_request *http_request_new(struct http_client *c, const struct http_call *call)
{
    if (c->request_count == HTTP_CLIENT_REQUESTS_MAX)
        return NULL;
    struct http_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct http_request){ .client = c,
                                .max = call->answer_max ? call->answer_max : HTTP_CLIENT_ANSWER_MAX,
                                .on_done = call->on_done,
                                .on_data = call->on_data,
                                .data = call->data };
    list_init(&r->news);
    r->easy = curl_easy_init();
    if (!r->easy || !set_rules(r->easy) || !set_trust(r->easy, c) || !set_call(r, call) ||
        curl_multi_add_handle(c->multi, r->easy)) {
        curl_easy_cleanup(r->easy);
        curl_slist_free_all(r->headers);
        free(r);
        return NULL;
    }
    list_append(&c->requests, &r->all);
    c->request_count++;
    return r;
}

void http_request_cancel(struct http_request *r)
{
    if (r->is_telling)
        r->is_cancelled = true; /* inside its own on_data: tell() frees it */
    else
        request_free(r);
}

/* ---- reading an answer ---- */

const char *http_answer_header(const struct http_answer *a, const char *name)
{
    struct curl_header *h;
    if (curl_easy_header(a->request->easy, name, 0, CURLH_HEADER, -1, &h))
        return NULL;
    if (h->amount > 1 &&
        curl_easy_header(a->request->easy, name, h->amount - 1, CURLH_HEADER, -1, &h))
        return NULL;
    return h->value;
}

static bool is_number(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

uint32_t http_answer_retry_s(const struct http_answer *a)
{
    const char *text = http_answer_header(a, "Retry-After"), *date = http_answer_header(a, "Date");
    if (!text)
        return 0;
    if (is_number(text)) {
        unsigned long seconds = strtoul(text, NULL, 10);
        return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
    }
    time_t then = curl_getdate(text, NULL), now = date ? curl_getdate(date, NULL) : -1;
    if (now == -1)
        now = time(NULL); /* a server without a clock sends no Date, and 5xx answers need none */
    if (then == -1 || then <= now)
        return 0;
    return then - now < UINT32_MAX ? (uint32_t)(then - now) : UINT32_MAX;
}

json_t *http_answer_json(const struct http_answer *a, char error[static HTTP_CLIENT_ERROR_MAX])
{
    json_error_t where;
    json_t *root = json_loadb(a->body, a->len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        snprintf(error, HTTP_CLIENT_ERROR_MAX, "JSON, line %d column %d: %.160s", where.line,
                 where.column, where.text);
    return root;
}

/* ---- life ---- */

/* false: out of memory. NULL stays NULL. */
static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static void release(struct http_client *c)
{
    if (c->multi)
        curl_multi_cleanup(c->multi);
    free(c->ca_file);
    free(c->cert_file);
    free(c->key_file);
}

static bool open_multi(struct http_client *c)
{
    c->multi = curl_multi_init();
    return c->multi && !curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket) &&
           !curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) &&
           !curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer) &&
           !curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) &&
           !curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
}

struct http_client *http_client_new(const struct http_client_cfg *cfg)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->loop = cfg->loop;
    c->connect_ms = cfg->connect_ms ? cfg->connect_ms : HTTP_CLIENT_CONNECT_MS;
    list_init(&c->requests);
    list_init(&c->news);
    list_init(&c->sockets);
    if (!copy(&c->ca_file, cfg->ca_file) || !copy(&c->cert_file, cfg->cert_file) ||
        !copy(&c->key_file, cfg->key_file) || !open_multi(c)) {
        release(c);
        free(c);
        return NULL;
    }
    uv_timer_init(c->loop, &c->timer);
    c->timer.data = c;
    return c;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    c->is_freed = true;
    while (!list_is_empty(&c->requests))
        request_free(LIST_OF(c->requests.next, struct http_request, all));
    release(c);
    while (!list_is_empty(&c->sockets)) /* kept connections of which libcurl said no last word */
        drop_socket(LIST_OF(c->sockets.next, struct http_socket, all));
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}
