/* The client against a server on loopback that says exactly what a test tells it to. */
#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/io/http_client.h"
#include "tests/lib/cu.h"
#include "tests/lib/pem.h"

enum { CONNECTIONS = 8, SEEN_MAX = 8192, LIMIT_MS = 30000 };

/* Listens on 127.0.0.1. Once a head has come (the blank line), it sends `says` and, unless it
 * `stays`, closes. */
struct server {
    uv_tcp_t listener, connections[CONNECTIONS];
    uv_write_t write;
    size_t count;
    uint16_t port;
    const char *says;
    size_t len;
    bool stays;
    char seen[SEEN_MAX];
    size_t seen_len;
};

struct lab {
    uv_loop_t loop;
    uv_timer_t limit;
    struct server server;
    struct http_client *client;
    char url[64];
    /* what came */
    size_t done, asked; /* asked: how many requests the run waits for */
    enum http_outcome outcome;
    uint16_t status;
    bool was_sent;
    char body[4096], etag[64], error[HTTP_CLIENT_ERROR_MAX];
    uint32_t retry_s;
    size_t chunks;
    struct http_request *cancel; /* in the next callback */
};

static void on_limit(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void allocate(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
    struct server *s = handle->data;
    (void)size;
    *out = uv_buf_init(s->seen + s->seen_len, (unsigned)(SEEN_MAX - 1 - s->seen_len));
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_written(uv_write_t *write, int status)
{
    struct server *s = write->handle->data;
    (void)status;
    if (!s->stays)
        close_handle((uv_handle_t *)write->handle);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct server *s = stream->data;
    (void)buf;
    if (n < 0) {
        close_handle((uv_handle_t *)stream);
        return;
    }
    s->seen_len += (size_t)n;
    s->seen[s->seen_len] = 0;
    if (!s->says || !strstr(s->seen, "\r\n\r\n"))
        return;
    uv_buf_t out = uv_buf_init((char *)(uintptr_t)s->says, (unsigned)s->len);
    uv_write(&s->write, stream, &out, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;
    assert(status == 0 && s->count < CONNECTIONS);
    uv_tcp_t *c = &s->connections[s->count++];
    uv_tcp_init(listener->loop, c);
    c->data = s;
    assert(uv_accept(listener, (uv_stream_t *)c) == 0);
    uv_read_start((uv_stream_t *)c, allocate, on_read);
}

static void server_open(struct lab *l)
{
    struct sockaddr_in a;
    int len = sizeof a;
    uv_tcp_init(&l->loop, &l->server.listener);
    l->server.listener.data = &l->server;
    uv_ip4_addr("127.0.0.1", 0, &a);
    assert(!uv_tcp_bind(&l->server.listener, (const struct sockaddr *)&a, 0));
    assert(!uv_listen((uv_stream_t *)&l->server.listener, 8, on_connection));
    assert(!uv_tcp_getsockname(&l->server.listener, (struct sockaddr *)&a, &len));
    l->server.port = ntohs(a.sin_port);
}

static void lab_open(struct lab *l, const char *says)
{
    memset(l, 0, sizeof *l);
    uv_loop_init(&l->loop);
    uv_timer_init(&l->loop, &l->limit);
    server_open(l);
    l->server.says = says;
    l->server.len = says ? strlen(says) : 0;
    snprintf(l->url, sizeof l->url, "http://127.0.0.1:%u/table", l->server.port);
    l->client = http_client_new(&(struct http_client_cfg){ .loop = &l->loop });
    assert(l->client);
}

static void close_any(uv_handle_t *handle, void *data)
{
    (void)data;
    close_handle(handle);
}

static void lab_close(struct lab *l)
{
    http_client_free(l->client);
    for (int i = 0; i < 3; i++)
        uv_run(&l->loop, UV_RUN_NOWAIT);
    uv_walk(&l->loop, close_any, NULL);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
}

static void on_done(void *data, const struct http_answer *a)
{
    struct lab *l = data;
    const char *etag = http_answer_header(a, "etag");
    l->outcome = a->outcome;
    l->status = a->status;
    l->was_sent = a->was_sent;
    if (!l->chunks)
        snprintf(l->body, sizeof l->body, "%s", a->body);
    snprintf(l->etag, sizeof l->etag, "%s", etag ? etag : "");
    snprintf(l->error, sizeof l->error, "%s", a->error);
    l->retry_s = http_answer_retry_s(a);
    if (l->cancel)
        http_request_cancel(l->cancel);
    l->cancel = NULL;
    if (++l->done == l->asked)
        uv_stop(&l->loop);
}

static struct http_call call(struct lab *l)
{
    return (struct http_call){
        .method = "GET",
        .url = l->url,
        .timeout_ms = 20000, /* the machine may be busy */
        .on_done = on_done,
        .data = l,
    };
}

static void run(struct lab *l, size_t asked)
{
    l->asked = asked;
    uv_timer_start(&l->limit, on_limit, LIMIT_MS, 0);
    if (l->done < asked)
        uv_run(&l->loop, UV_RUN_DEFAULT);
}

static void ask(struct lab *l, const struct http_call *c)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(http_request_new(l->client, c));
    run(l, l->done + 1);
}

/* ---- answers ---- */

static const char plain[] =
    "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nETag: W/\"a\"\r\nETag: W/\"b\"\r\n\r\n"
    "{\"a\": 1}";

static void test_a_request_arrives_as_asked_and_its_answer_is_told_once(void)
{
    struct lab l;
    lab_open(&l, plain);
    struct http_call c = call(&l);
    c.method = "PUT";
    c.headers = (const char *const[]){ "If-Match: \"7\"", NULL };
    c.body = "{}";
    c.len = 2;
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.done, 1);
    CU_ASSERT_EQUAL(l.outcome, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(l.status, 200);
    CU_ASSERT_STRING_EQUAL(l.body, "{\"a\": 1}");
    CU_ASSERT_STRING_EQUAL(l.etag, "W/\"b\""); /* the last of two */
    CU_ASSERT_PTR_EQUAL(strstr(l.server.seen, "PUT /table HTTP/1.1\r\n"), l.server.seen);
    CU_ASSERT_PTR_NOT_NULL(strstr(l.server.seen, "If-Match: \"7\"\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(l.server.seen, "\r\n\r\n{}"));
    CU_ASSERT_PTR_NULL(strstr(l.server.seen, "Expect"));
    lab_close(&l);
}

static void test_an_error_status_is_an_answer_and_a_redirect_is_not_followed(void)
{
    struct lab l;
    lab_open(
        &l, "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    struct http_call c = call(&l);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_ANSWERED);
    CU_ASSERT_EQUAL(l.status, 307);
    lab_close(&l);
}

static void test_a_kept_connection_serves_the_next_request(void)
{
    struct lab l;
    lab_open(&l, plain);
    l.server.stays = true;
    struct http_call c = call(&l);
    ask(&l, &c);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.done, 2);
    CU_ASSERT_EQUAL(l.status, 200);
    CU_ASSERT_EQUAL(l.server.count, 1);
    lab_close(&l);
}

/* Dates in the three forms of RFC 9110 section 5.6.7, years away from this machine's clock. */
static void test_retry_after_is_seconds_or_a_date_against_the_servers_own(void)
{
    static const char date[] = "Date: Sun, 06 Nov 2044 08:49:37 GMT\r\n";
    static const struct {
        const char *date, *retry_after;
        uint32_t seconds;
    } rows[] = {
        { date, "17", 17 },
        { "", "17", 17 },
        { date, "0", 0 },
        { date, "99999999999999999999", UINT32_MAX },
        { date, "Sun, 06 Nov 2044 08:50:07 GMT", 30 },
        { date, "Sunday, 06-Nov-44 08:50:07 GMT", 30 },
        { date, "Sun Nov  6 08:50:07 2044", 30 },
        { date, "Sun, 06 Nov 2044 08:49:37 GMT", 0 },
        { date, "Fri, 06 Nov 2043 08:50:07 GMT", 0 },
        { "", "Fri, 06 Nov 2015 08:50:07 GMT", 0 }, /* no Date: our clock, and that is past it */
        { date, "soon", 0 },
        { date, "", 0 },
        { date, "-5", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char says[256];
        struct lab l;
        snprintf(says, sizeof says, "HTTP/1.1 503 Busy\r\n%sRetry-After: %s\r\nContent-Length: 0\r\n\r\n", rows[i].date,
                 rows[i].retry_after);
        lab_open(&l, says);
        struct http_call c = call(&l);
        ask(&l, &c);
        CU_ASSERT_EQUAL(l.status, 503);
        if (l.retry_s != rows[i].seconds)
            fprintf(stderr, "%s: %u\n", rows[i].retry_after, l.retry_s);
        CU_ASSERT_EQUAL(l.retry_s, rows[i].seconds);
        lab_close(&l);
    }
}

static json_t *as_json(const char *text, char *error)
{
    struct http_answer a = { .body = text, .len = strlen(text) };
    return http_answer_json(&a, error);
}

static void test_json_with_a_duplicate_key_is_refused_with_its_place(void)
{
    char error[HTTP_CLIENT_ERROR_MAX] = "";
    json_t *good = as_json("{\"a\": {\"b\": [1]}}", error);
    CU_ASSERT_PTR_NOT_NULL(good);
    json_decref(good);
    CU_ASSERT_PTR_NULL(as_json("{\"a\": 1,\n \"a\": 2}", error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "line 2"));
    CU_ASSERT_PTR_NULL(as_json("", error));
    CU_ASSERT_PTR_NULL(as_json("{", error));
}

/* ---- ways to fail ---- */

static void test_a_refused_connection_is_unreachable_and_nothing_was_sent(void)
{
    struct lab l;
    lab_open(&l, NULL);
    close_handle((uv_handle_t *)&l.server.listener);
    struct http_call c = call(&l);
    uv_run(&l.loop, UV_RUN_NOWAIT);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNREACHABLE);
    CU_ASSERT_FALSE(l.was_sent);
    CU_ASSERT_NOT_EQUAL(l.error[0], 0);
    lab_close(&l);
}

static void test_a_server_that_hangs_up_may_have_done_it(void)
{
    struct lab l;
    lab_open(&l, "");
    struct http_call c = call(&l);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNREACHABLE);
    CU_ASSERT_TRUE(l.was_sent);
    lab_close(&l);
}

static void test_a_hung_server_is_left_at_the_timeout(void)
{
    struct lab l;
    lab_open(&l, NULL);
    struct http_call c = call(&l);
    c.timeout_ms = 1000;
    uint64_t began = uv_hrtime();
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_TIMED_OUT);
    CU_ASSERT_TRUE(l.was_sent);
    CU_ASSERT_TRUE(uv_hrtime() - began < 15000000000);
    lab_close(&l);
}

static void test_what_is_not_http_or_cut_short_is_broken(void)
{
    static const char *const lines[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct lab l;
        lab_open(&l, lines[i]);
        struct http_call c = call(&l);
        ask(&l, &c);
        CU_ASSERT_EQUAL(l.outcome, HTTP_BROKEN);
        CU_ASSERT_EQUAL(l.status, 0);
        lab_close(&l);
    }
}

static void test_an_answer_is_no_larger_than_allowed(void)
{
    struct lab l;
    lab_open(&l, plain);
    struct http_call c = call(&l);
    c.answer_max = 8;
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_ANSWERED);
    c.answer_max = 7;
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_TOO_LARGE);
    lab_close(&l);
}

static void test_headers_without_end_are_cut_off(void)
{
    enum { LINE = 1000, LINES = 100 };
    struct lab l;
    char *flood = malloc(LINE * LINES + 64);
    size_t len = (size_t)sprintf(flood, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < LINES; i++)
        len += (size_t)sprintf(flood + len, "X-%03d: %0*d\r\n", i, LINE - 10, 0);
    lab_open(&l, flood);
    struct http_call c = call(&l);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.outcome, HTTP_TOO_LARGE);
    lab_close(&l);
    free(flood);
}

static void test_a_malformed_call_is_refused_at_once(void)
{
    struct lab l;
    lab_open(&l, plain);
    struct http_call c = call(&l);
    c.url = "file:///etc/passwd";
    ask(&l, &c); /* libcurl judges the scheme when it starts */
    CU_ASSERT_EQUAL(l.outcome, HTTP_BROKEN);
    lab_close(&l);
}

static void test_requests_are_limited_in_number_and_cancelled_ones_count_no_more(void)
{
    struct lab l;
    struct http_request *r[HTTP_CLIENT_REQUESTS_MAX];
    lab_open(&l, NULL);
    struct http_call c = call(&l);
    for (int i = 0; i < HTTP_CLIENT_REQUESTS_MAX; i++)
        CU_ASSERT_PTR_NOT_NULL(r[i] = http_request_new(l.client, &c));
    CU_ASSERT_PTR_NULL(http_request_new(l.client, &c));
    http_request_cancel(r[3]);
    CU_ASSERT_PTR_NOT_NULL(http_request_new(l.client, &c));
    lab_close(&l); /* with the rest under way */
    CU_ASSERT_EQUAL(l.done, 0);
}

/* ---- streams and callbacks ---- */

static size_t on_data(void *data, const char *bytes, size_t len)
{
    struct lab *l = data;
    const char *end = memrchr(bytes, '\n', len);
    size_t used = end ? (size_t)(end - bytes) + 1 : 0;
    l->chunks++;
    snprintf(l->body + strlen(l->body), sizeof l->body - strlen(l->body), "%.*s", (int)used, bytes);
    if (l->cancel)
        http_request_cancel(l->cancel);
    if (used)
        uv_stop(&l->loop);
    return used;
}

static const char stream[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "7\r\none\ntwo\r\n";

static void test_a_stream_tells_what_has_come_and_keeps_the_unfinished_line(void)
{
    struct lab l;
    lab_open(&l, stream);
    l.server.stays = true;
    struct http_call c = call(&l);
    c.timeout_ms = 0;
    c.on_data = on_data;
    ask(&l, &c);
    CU_ASSERT_STRING_EQUAL(l.body, "one\n");
    uv_buf_t more = uv_buf_init((char *)(uintptr_t) "1\r\n\n\r\n0\r\n\r\n", 11);
    static uv_write_t write;
    uv_write(&write, (uv_stream_t *)&l.server.connections[0], &more, 1, NULL);
    run(&l, 1);
    CU_ASSERT_STRING_EQUAL(l.body, "one\ntwo\n");
    run(&l, 1);
    CU_ASSERT_EQUAL(l.done, 1);
    CU_ASSERT_EQUAL(l.outcome, HTTP_ANSWERED);
    lab_close(&l);
}

static void test_a_stream_may_cancel_itself_in_its_callback(void)
{
    struct lab l;
    lab_open(&l, stream);
    l.server.stays = true;
    struct http_call c = call(&l);
    c.on_data = on_data;
    l.cancel = http_request_new(l.client, &c);
    run(&l, 1);
    CU_ASSERT_EQUAL(l.chunks, 1);
    CU_ASSERT_EQUAL(l.done, 0);
    lab_close(&l);
}

static void test_a_callback_may_cancel_another_request(void)
{
    struct lab l;
    lab_open(&l, plain);
    struct http_call c = call(&l);
    struct http_call hangs = c;
    struct lab silent;
    lab_open(&silent, NULL);
    hangs.url = silent.url;
    l.cancel = http_request_new(l.client, &hangs);
    ask(&l, &c);
    CU_ASSERT_EQUAL(l.done, 1);
    CU_ASSERT_PTR_NULL(l.cancel);
    lab_close(&l);
    lab_close(&silent);
}

/* ---- TLS ---- */

struct tls_server {
    struct MHD_Daemon *daemon;
    char directory[40], ca[64], other_ca[64], cert[64], key[64], url[64];
};

static enum MHD_Result greet(void *data, struct MHD_Connection *c, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *len, void **state)
{
    static const char text[] = "secret";
    (void)data, (void)url, (void)method, (void)version, (void)upload, (void)len;
    if (!*state) {
        *state = c;
        return MHD_YES;
    }
    struct MHD_Response *r = MHD_create_response_from_buffer(
        sizeof text - 1, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return result;
}

static void write_file(struct tls_server *s, char path[static 64], const char *name,
                       const char *text)
{
    snprintf(path, 64, "%s/%s", s->directory, name);
    FILE *f = fopen(path, "w");
    assert(f && fputs(text, f) >= 0 && !fclose(f));
}

static void tls_open(struct tls_server *s)
{
    snprintf(s->directory, sizeof s->directory, "/tmp/tandem-tls-XXXXXX");
    assert(mkdtemp(s->directory));
    write_file(s, s->ca, "ca.pem", pem_ca);
    write_file(s, s->other_ca, "other.pem", pem_other_ca);
    write_file(s, s->cert, "client.pem", pem_client);
    write_file(s, s->key, "client.key", pem_client_key);
    s->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, greet, NULL,
                         MHD_OPTION_HTTPS_MEM_KEY, pem_server_key, MHD_OPTION_HTTPS_MEM_CERT,
                         pem_server, MHD_OPTION_HTTPS_MEM_TRUST, pem_ca, MHD_OPTION_END);
    assert(s->daemon);
    snprintf(s->url, sizeof s->url, "https://127.0.0.1:%u/",
             MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

static void tls_close(struct tls_server *s)
{
    MHD_stop_daemon(s->daemon);
    unlink(s->ca);
    unlink(s->other_ca);
    unlink(s->cert);
    unlink(s->key);
    CU_ASSERT_EQUAL(rmdir(s->directory), 0);
}

static void ask_tls(struct lab *l, const char *url, const char *ca, const char *cert,
                    const char *key)
{
    lab_open(l, NULL);
    http_client_free(l->client);
    l->client = http_client_new(&(struct http_client_cfg){ .loop = &l->loop,
                                                            .ca_file = ca,
                                                            .cert_file = cert,
                                                            .key_file = key,
                                                            .connect_ms = 20000 });
    struct http_call c = call(l);
    c.url = url;
    ask(l, &c);
    lab_close(l);
}

static void test_a_private_ca_is_trusted_and_no_other(void)
{
    struct tls_server s;
    struct lab l;
    tls_open(&s);
    ask_tls(&l, s.url, s.ca, s.cert, s.key);
    CU_ASSERT_EQUAL(l.outcome, HTTP_ANSWERED);
    CU_ASSERT_STRING_EQUAL(l.body, "secret");
    ask_tls(&l, s.url, s.other_ca, NULL, NULL);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNTRUSTED);
    CU_ASSERT_FALSE(l.was_sent);
    ask_tls(&l, s.url, NULL, NULL, NULL); /* the system's */
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNTRUSTED);
    tls_close(&s);
}

static void test_a_missing_file_is_untrusted_not_a_lowered_guard(void)
{
    struct tls_server s;
    struct lab l;
    tls_open(&s);
    ask_tls(&l, s.url, "/nonexistent/ca.pem", NULL, NULL);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNTRUSTED);
    ask_tls(&l, s.url, s.ca, "/nonexistent/cert.pem", s.key);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNTRUSTED);
    tls_close(&s);
}

static void test_a_certificate_for_another_name_is_refused(void)
{
    struct tls_server s;
    struct lab l;
    char url[64];
    tls_open(&s);
    snprintf(url, sizeof url, "https://127.0.0.2:%s", strrchr(s.url, ':') + 1);
    ask_tls(&l, url, s.ca, NULL, NULL);
    CU_ASSERT_EQUAL(l.outcome, HTTP_UNTRUSTED);
    tls_close(&s);
}

CU_MAIN("http_client", CU_CASE(test_a_request_arrives_as_asked_and_its_answer_is_told_once),
        CU_CASE(test_an_error_status_is_an_answer_and_a_redirect_is_not_followed),
        CU_CASE(test_a_kept_connection_serves_the_next_request),
        CU_CASE(test_retry_after_is_seconds_or_a_date_against_the_servers_own),
        CU_CASE(test_json_with_a_duplicate_key_is_refused_with_its_place),
        CU_CASE(test_a_refused_connection_is_unreachable_and_nothing_was_sent),
        CU_CASE(test_a_server_that_hangs_up_may_have_done_it),
        CU_CASE(test_a_hung_server_is_left_at_the_timeout),
        CU_CASE(test_what_is_not_http_or_cut_short_is_broken),
        CU_CASE(test_an_answer_is_no_larger_than_allowed),
        CU_CASE(test_headers_without_end_are_cut_off),
        CU_CASE(test_a_malformed_call_is_refused_at_once),
        CU_CASE(test_requests_are_limited_in_number_and_cancelled_ones_count_no_more),
        CU_CASE(test_a_stream_tells_what_has_come_and_keeps_the_unfinished_line),
        CU_CASE(test_a_stream_may_cancel_itself_in_its_callback),
        CU_CASE(test_a_callback_may_cancel_another_request),
        CU_CASE(test_a_private_ca_is_trusted_and_no_other),
        CU_CASE(test_a_missing_file_is_untrusted_not_a_lowered_guard),
        CU_CASE(test_a_certificate_for_another_name_is_refused))
