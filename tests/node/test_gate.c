/* Probes against this machine's own loopback: who answers, who does not, when it counts. */
#include "node/targets/gate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/io/sock.h"
#include "tests/lib/cu.h"

enum { HOPS = 3 };

struct lab {
    uv_loop_t loop;
    struct config_gate config;
    struct gate *gate;
    struct ip_addr hops[HOPS];
    size_t in_use;
    unsigned fell, rose;
    char reason[GATE_REASON_MAX];
    uv_tcp_t server;
    const char *answer; /* of the HTTP server */
};

static void list(void *data, struct gate *gate)
{
    struct lab *l = data;
    for (size_t i = 0; i < l->in_use; i++)
        gate_use(gate, &l->hops[i]);
}

static void on_change(void *data, const struct ip_addr *hop, const char *reason)
{
    struct lab *l = data;
    (void)hop;
    *(reason ? &l->fell : &l->rose) += 1;
    if (reason)
        snprintf(l->reason, sizeof l->reason, "%s", reason);
}

static struct lab *lab_open(enum config_probe probe)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    uv_loop_init(&l->loop);
    l->config = (struct config_gate){ .is_on = true, .probe = (uint8_t)probe, .path = "/up",
                                      .interval_ms = 10, .timeout_ms = 200, .fall = 3, .rise = 2 };
    for (int i = 0; i < HOPS; i++)
        l->hops[i] = (struct ip_addr){ .bytes = { 127, 0, 0, (uint8_t)(i + 1) } };
    l->in_use = 1;
    return l;
}

static void start(struct lab *l)
{
    char error[GATE_REASON_MAX];
    l->gate = gate_new(&(struct gate_cfg){ .loop = &l->loop, .config = &l->config, .list = list,
                                           .on_change = on_change, .data = l },
                       error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->gate);
}

static void on_stop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run_ms(struct lab *l, uint64_t ms)
{
    uv_timer_t stop;
    uv_timer_init(&l->loop, &stop);
    uv_timer_start(&stop, on_stop, ms, 0);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&stop, NULL);
    uv_run(&l->loop, UV_RUN_NOWAIT);
}

static void lab_close(struct lab *l)
{
    gate_free(l->gate);
    if (l->server.loop && !uv_is_closing((uv_handle_t *)&l->server))
        uv_close((uv_handle_t *)&l->server, NULL);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    free(l);
}

/* ---- something to answer ---- */

static void on_end(uv_handle_t *handle)
{
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char sink[2048];
    (void)handle, (void)size;
    *buf = uv_buf_init(sink, sizeof sink);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    const struct lab *l = stream->data;
    (void)buf;
    if (n > 0) {
        uv_buf_t answer = uv_buf_init((char *)(uintptr_t)l->answer, (unsigned)strlen(l->answer));
        uv_try_write(stream, &answer, 1);
    }
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_end);
}

static void on_connection(uv_stream_t *server, int status)
{
    uv_tcp_t *client = calloc(1, sizeof *client);
    (void)status;
    uv_tcp_init(server->loop, client);
    client->data = server->data;
    uv_accept(server, (uv_stream_t *)client);
    uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

static void serve(struct lab *l)
{
    struct sockaddr_in a;
    struct sockaddr_storage bound;
    int len = sizeof bound;
    uv_ip4_addr("127.0.0.1", l->config.port, &a);
    uv_tcp_init(&l->loop, &l->server);
    l->server.data = l;
    CU_ASSERT_EQUAL_FATAL(uv_tcp_bind(&l->server, (const struct sockaddr *)&a, 0), 0);
    CU_ASSERT_EQUAL_FATAL(uv_listen((uv_stream_t *)&l->server, 16, on_connection), 0);
    uv_tcp_getsockname(&l->server, (struct sockaddr *)&bound, &len);
    l->config.port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

static void stop_serving(struct lab *l)
{
    uv_close((uv_handle_t *)&l->server, NULL);
    run_ms(l, 1);
}

static void test_tcp_falls_after_three_refusals_and_rises_after_two_answers(void)
{
    struct lab *l = lab_open(CONFIG_PROBE_TCP);
    serve(l);
    start(l);
    run_ms(l, 100);
    CU_ASSERT_EQUAL(l->fell, 0);
    stop_serving(l);
    run_ms(l, 100);
    CU_ASSERT_EQUAL(l->fell, 1);
    CU_ASSERT_STRING_EQUAL(l->reason, "Connection refused");
    serve(l);
    run_ms(l, 100);
    CU_ASSERT_EQUAL(l->rose, 1);
    CU_ASSERT_EQUAL(l->fell, 1);
    lab_close(l);
}

static void test_http_asks_for_a_status_of_success(void)
{
    struct lab *l = lab_open(CONFIG_PROBE_HTTP);
    l->answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    serve(l);
    start(l);
    run_ms(l, 150);
    CU_ASSERT_EQUAL(l->fell, 0);
    l->answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    run_ms(l, 200);
    CU_ASSERT_EQUAL(l->fell, 1);
    CU_ASSERT_STRING_EQUAL(l->reason, "status 503");
    lab_close(l);
}

static void test_icmp_is_answered_by_the_kernel(void)
{
    struct lab *l = lab_open(CONFIG_PROBE_ICMP);
    l->in_use = 2;
    l->hops[1] = (struct ip_addr){ .family = BGP_IP6, .bytes = { [15] = 1 } };
    start(l);
    run_ms(l, 100);
    CU_ASSERT_EQUAL(l->fell, 0);
    lab_close(l);
}

static void test_icmp_without_an_answer_falls(void)
{
    struct lab *l = lab_open(CONFIG_PROBE_ICMP);
    l->config.timeout_ms = 50;
    l->hops[0] = (struct ip_addr){ .bytes = { 240, 0, 0, 1 } }; /* nobody's */
    start(l);
    run_ms(l, 600);
    CU_ASSERT_EQUAL(l->fell, 1);
    lab_close(l);
}

static void test_who_is_not_in_use_any_more_is_forgotten(void)
{
    struct lab *l = lab_open(CONFIG_PROBE_TCP);
    l->config.port = 1; /* nobody listens there */
    l->in_use = HOPS;
    start(l);
    run_ms(l, 100);
    CU_ASSERT_EQUAL(l->fell, HOPS);
    l->in_use = 0;
    run_ms(l, 50);
    CU_ASSERT_EQUAL(l->rose, HOPS);
    lab_close(l);
}

CU_MAIN("gate", CU_CASE(test_tcp_falls_after_three_refusals_and_rises_after_two_answers),
        CU_CASE(test_http_asks_for_a_status_of_success),
        CU_CASE(test_icmp_is_answered_by_the_kernel), CU_CASE(test_icmp_without_an_answer_falls),
        CU_CASE(test_who_is_not_in_use_any_more_is_forgotten))
