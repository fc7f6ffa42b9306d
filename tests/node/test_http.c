/* The API over real sockets: its listeners, orders, events, and what does it harm. */
#include "tests/lib/http_lab.h"

enum { MUTANTS = 3000 };

static void test_status_is_served_on_tcp_and_on_the_unix_socket(void)
{
    struct lab l;
    struct stat st;
    char path[128];
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/status"), "\"name\":\"hub-rs\"");
    ASSERT_HAS(answer, "HTTP/1.1 200");
    ASSERT_HAS(answer, "X-Content-Type-Options: nosniff");
    ASSERT_HAS(answer, "Content-Security-Policy: ");
    ASSERT_LACKS(answer, "Access-Control");
    ASSERT_HAS(ask_fd(&l, dial_unix(&l), "GET /v1/peers HTTP/1.0\r\n\r\n"), "\"name\":\"sdwan\"");
    snprintf(path, sizeof path, "%s/rs-a.sock", l.directory);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0660);
    lab_close(&l);
}

/* ---- orders ---- */

static const char *order(struct lab *l, const char *path_and_query)
{
    char request[512];
    snprintf(request, sizeof request,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
             path_and_query);
    return ask_fd(l, dial_unix(l), request);
}

static void test_orders_are_taken_on_the_unix_socket_and_make_the_core_turn(void)
{
    static const struct {
        const char *path, *acted;
    } rows[] = { { "/v1/nodes/rs-a/drain?message=new%20kernel", "drain new kernel" },
                 { "/v1/nodes/rs-a/undrain", "undrain" },
                 { "/v1/peers/fw-1/disable?message=swap", "disable fw-1 swap" },
                 { "/v1/peers/fw-1/disable", "disable fw-1 -" },
                 { "/v1/peers/fw-2/enable", "enable fw-2" },
                 { "/v1/peers/fw-2/clear", "clear fw-2 0" },
                 { "/v1/peers/fw-2/clear?kind=hard", "clear fw-2 1" },
                 { "/v1/peers/fw-2/clear?kind=softIn", "clear fw-2 2" },
                 { "/v1/peers/fw-2/clear?kind=softOut", "clear fw-2 3" } };
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        acts = 0;
        ASSERT_HAS(order(&l, rows[i].path), "HTTP/1.1 200");
        CU_ASSERT_STRING_EQUAL(l.core->acted, rows[i].acted);
        CU_ASSERT_EQUAL(acts, 1);
    }
    lab_close(&l);
}

static void test_a_reload_says_what_changes_or_what_is_wrong(void)
{
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    reloads = 0;
    ASSERT_HAS(order(&l, "/v1/config/check"), "\"applied\":false");
    CU_ASSERT_EQUAL(reloads, 0);
    ASSERT_HAS(order(&l, "/v1/config/reload"), "\"changes\":[\"peer x: added\",\"log.level: changed\"]");
    const char *refusal = order(&l, "/v1/config/reload");
    ASSERT_HAS(refusal, " 422 ");
    ASSERT_HAS(refusal, "application/problem+json");
    ASSERT_HAS(refusal, "\"detail\":\"tandem.yaml:3:1: error: peers: wrong\",");
    ASSERT_HAS(refusal, "\"errors\":[{\"line\":3,\"column\":1,\"path\":\"peers\",\"message\":\"wrong\"}]");
    lab_close(&l);
}

static void test_an_earlier_file_is_for_who_may_give_orders(void)
{
    char path[] = "/nowhere/tandem.yaml";
    struct lab l;
    lab_open(&l);
    l.core->config.path = path;
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(order(&l, "/v1/config/revisions/1/text"), "\"revision\":1,\"current\":false,\"path\":\"/nowhere/tandem.yaml\",");
    ASSERT_HAS(answer, "\"text\":\"peers: [] # of old\\n\"");
    ASSERT_HAS(order(&l, "/v1/config/revisions/3/text"), " 404 ");
    ASSERT_HAS(order(&l, "/v1/config/revisions/1x/text"), " 404 ");
    ASSERT_HAS(get(&l, "/v1/config/revisions/1/text"), " 405 ");
    lab_close(&l);
}

static void test_the_log_tells_as_much_as_it_is_told_to(void)
{
    struct lab l;
    lab_open(&l);
    l.core->config.log_level = CONFIG_LOG_INFO;
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(order(&l, "/v1/log/level?level=debug"), "{\"level\":\"debug\",\"configured\":\"info\"}");
    ASSERT_HAS(get(&l, "/v1/log/level"), "\"level\":\"debug\"");
    ASSERT_HAS(order(&l, "/v1/log/level?level=loud"), "level must be one of: debug, info, warn, error");
    ASSERT_HAS(order(&l, "/v1/log/level"), "\"level\":\"info\"");
    ASSERT_HAS(ask_fd(&l, dial(l.tcp.port), "POST /v1/log/level?level=debug HTTP/1.1\r\nHost: localhost\r\n"
                                            "Content-Length: 0\r\nConnection: close\r\n\r\n"),
               " 403 ");
    CU_ASSERT_EQUAL(level_of_log, CONFIG_LOG_INFO);
    lab_close(&l);
}

static void test_mrt_files_that_cannot_be_written_are_told_of(void)
{
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/v1/status"), "\"mrtError\":null");
    ASSERT_HAS(get(&l, "/metrics"), "tandem_mrt_failed 0\n");
    trouble_of_mrt = "mrt/rib.rs-a.mrt: No space left on device";
    ASSERT_HAS(get(&l, "/v1/status"), "\"mrtError\":\"mrt/rib.rs-a.mrt: No space left on device\"");
    ASSERT_HAS(get(&l, "/v1/status"), "MRT files are not written: mrt/rib.rs-a.mrt: No space left on device");
    ASSERT_HAS(get(&l, "/metrics"), "tandem_mrt_failed 1\n");
    trouble_of_mrt = "";
    lab_close(&l);
}

static void test_orders_that_are_wrong_are_not_carried_out(void)
{
    char long_message[400] = "/v1/nodes/rs-a/drain?message=";
    static const struct {
        const char *path, *answer;
    } rows[] = { { "/v1/nodes/rs-b/drain", " 409 " },
                 { "/v1/nodes/rs-c/drain", " 404 " },
                 { "/v1/nodes/rs-a/drain?why=x", " 400 " },
                 { "/v1/peers/fw-1/clear?kind=soft", " 400 " },
                 { "/v1/peers/fw-1/remove", " 404 " },
                 { "/v1/peers//clear", " 404 " },
                 { "/v1/peers/a/b/clear", " 404 " },
                 { "/v1/peers/fw-1", " 405 " },
                 { "/v1/mrt", " 405 " } };
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        ASSERT_HAS(order(&l, rows[i].path), rows[i].answer);
    memset(long_message + strlen(long_message), 'x', 256);
    ASSERT_HAS(order(&l, long_message), "RFC 9003");
    ASSERT_HAS(ask_fd(&l, dial_unix(&l), "GET /v1/nodes/rs-a/drain HTTP/1.0\r\n\r\n"), " 405 ");
    ASSERT_HAS(ask_fd(&l, dial(l.tcp.port), "POST /v1/nodes/rs-a/drain HTTP/1.1\r\nHost: localhost\r\n"
                                            "Content-Length: 0\r\nConnection: close\r\n\r\n"),
               " 403 ");
    CU_ASSERT_STRING_EQUAL(l.core->acted, "");
    lab_close(&l);
}

static void test_who_asks_for_a_prefix_of_peers_is_told_their_names(void)
{
    struct config_peer range = { .name = "edge", .is_range = true };
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    struct config_peer *peers = l.core->config.peers;
    l.core->config.peers = &range;
    l.core->config.peer_count = 1;
    ASSERT_HAS(get(&l, "/v1/peers/edge"), "\\\"edge\\\" is a prefix of peers: each is named edge@ADDRESS");
    ASSERT_HAS(get(&l, "/v1/routes?peer=edge"), "each is named edge@ADDRESS");
    l.core->act = CORE_ACT_UNKNOWN;
    ASSERT_HAS(order(&l, "/v1/peers/edge/clear"), "each is named edge@ADDRESS");
    l.core->config.peers = peers;
    lab_close(&l);
}

static void test_an_order_that_cannot_be_done_says_why(void)
{
    static const struct {
        enum core_act act;
        const char *status, *detail;
    } rows[] = { { CORE_ACT_UNKNOWN, " 404 ", "no peer is named" },
                 { CORE_ACT_NOT_HERE, " 409 ", "no session with this node" },
                 { CORE_ACT_NOT_UP, " 409 ", "not established" },
                 { CORE_ACT_NO_REFRESH, " 409 ", "RFC 2918" },
                 { CORE_ACT_STOPPING, " 409 ", "stops" } };
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        l.core->act = rows[i].act;
        order(&l, "/v1/peers/fw-1/clear");
        ASSERT_HAS(answer, rows[i].status);
        ASSERT_HAS(answer, rows[i].detail);
    }
    lab_close(&l);
}

static void test_what_is_not_a_plain_get_is_refused(void)
{
    static const struct {
        const char *request, *status;
    } rows[] = {
        { "POST /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", " 403 " },
        { "DELETE /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", " 405 " },
        { "PUT /v1/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "change it there" },
        { "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", " 400 " },
        { "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          " 400 " },
        { "GET /v1/status%00x HTTP/1.1\r\nHost: localhost\r\n\r\n", " 400 " },
        { "GET /v1/status?a=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", " 400 " },
        { "GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n", " 400 " },
        { "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", " 421 " },
        { "GET /v1/nothing HTTP/1.1\r\nHost: rs-a:8179\r\nConnection: close\r\n\r\n", " 404 " },
        { "GET /v1/status?colour=red HTTP/1.1\r\nHost: [::1]:8179\r\nConnection: close\r\n\r\n",
          "\"path\":\"colour\"" },
    };
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ASSERT_HAS(ask_fd(&l, dial(l.tcp.port), rows[i].request), rows[i].status);
    ask_fd(&l, dial(l.tcp.port), rows[1].request);
    ASSERT_HAS(answer, "Allow: GET, HEAD, POST");
    ASSERT_HAS(answer, "application/problem+json");
    lab_close(&l);
}

static void test_one_connection_serves_many_requests_and_head_has_no_body(void)
{
    static const char two[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
                              "HEAD /v1/status HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: close\r\n\r\n";
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ask_fd(&l, dial(l.tcp.port), two);
    ASSERT_HAS(answer, "\r\n\r\nok\nHTTP/1.1 200");
    ASSERT_LACKS(answer, "hub-rs");
    CU_ASSERT_STRING_EQUAL(answer + strlen(answer) - 4, "\r\n\r\n");
    lab_close(&l);
}

static void test_what_a_reader_has_already_is_not_sent_again(void)
{
    static const struct {
        const char *path, *has, *status;
    } rows[] = {
        { "/v1/config", "%s", " 304 " },       { "/v1/config", "\"0-00000000\", %s", " 304 " },
        { "/v1/config", "*", " 304 " },        { "/v1/config", "\"0-00000000\"", " 200 " },
        { "/v1/config/revisions", "%s", " 304 " }, { "/v1/peers", "%s", " 200 " }, /* its state changes */
    };
    char request[400], has[120], etag[64] = "";
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    CU_ASSERT_EQUAL_FATAL(sscanf(strstr(get(&l, "/v1/config"), "ETag: "), "ETag: %63s", etag), 1);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *place = strstr(rows[i].has, "%s");
        snprintf(has, sizeof has, "%.*s%s", place ? (int)(place - rows[i].has) : 100, rows[i].has, place ? etag : "");
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: %s\r\nConnection: close\r\n\r\n",
                 rows[i].path, has);
        ASSERT_HAS(ask_fd(&l, dial(l.tcp.port), request), rows[i].status);
        ASSERT_HAS(answer, etag);
        if (!strcmp(rows[i].status, " 304 "))
            CU_ASSERT_STRING_EQUAL(answer + strlen(answer) - 4, "\r\n\r\n");
    }
    lab_close(&l);
}

static void test_health_listener_serves_checks_alone(void)
{
    static const char ready[] = "GET /readyz?verbose HTTP/1.0\r\n\r\n";
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), ready), " 200 ");
    ASSERT_HAS(answer, "[+]converged ok\n");
    l.core->is_ready = false;
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), ready), " 503 ");
    ASSERT_HAS(answer, "[-]converged failed: waiting\n");
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET /readyz?fail=open HTTP/1.0\r\n\r\n"),
               "degraded");
    l.core->is_other_steady = true;
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET /readyz?fail=open HTTP/1.0\r\n\r\n"), " 503 ");
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET /livez HTTP/1.0\r\n\r\n"), "\r\n\r\nok\n");
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET /v1/status HTTP/1.0\r\n\r\n"), " 404 ");
    lab_close(&l);
}

static void test_port_in_use_is_one_clear_error(void)
{
    struct lab l, second;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    lab_open(&second);
    second.tcp.port = l.tcp.port;
    CU_ASSERT_EQUAL(lab_start(&second), -1);
    CU_ASSERT_PTR_NULL(second.api);
    ASSERT_HAS(second.error, "127.0.0.1:");
    ASSERT_HAS(second.error, "api.listen");
    lab_close(&second);
    lab_close(&l);
}

static void test_stale_socket_file_is_replaced_and_a_live_one_kept(void)
{
    struct lab l;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    lab_open(&l);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/rs-a.sock", l.directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CU_ASSERT_EQUAL(listen(fd, 1), 0);
    CU_ASSERT_EQUAL(lab_start(&l), -1);
    ASSERT_HAS(l.error, "rs-a.sock");
    close(fd); /* its owner is gone, the file stays */
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/livez"), " 200 ");
    lab_close(&l);
}

static void test_a_file_that_is_no_socket_is_left_alone(void)
{
    struct lab l;
    char path[128];
    lab_open(&l);
    snprintf(path, sizeof path, "%s/rs-a.sock", l.directory);
    FILE *f = fopen(path, "w");
    fclose(f);
    CU_ASSERT_EQUAL(lab_start(&l), -1);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
    lab_close(&l);
}

/* ---- events ---- */

static void test_event_stream_tells_news_and_gaps(void)
{
    static const char request[] = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                                  "Accept: text/event-stream\r\nLast-Event-ID: 1\r\n\r\n";
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    fake_event(l.core, "steady", "after_ms=5");
    fake_event(l.core, "peer_down", "reason=\"he said \\\"no\\\"\" routes_lost=3");
    int fd = dial(l.tcp.port);
    talk(&l, fd, request, strlen(request), "event: peer_down", 3000, answer, sizeof answer);
    ASSERT_HAS(answer, "id: 2\nevent: peer_down\ndata: {");
    ASSERT_HAS(answer, "\"reason\":\"he said \\\"no\\\"\"");
    ASSERT_HAS(answer, "\"routes_lost\":\"3\"");
    talk(&l, fd, "", 0, "never", 50, answer, sizeof answer); /* asleep now */
    fake_event(l.core, "peer_up", "x=1");
    talk(&l, fd, "", 0, "peer_up", 3000, answer, sizeof answer);
    ASSERT_HAS(answer, "event: peer_up");
    talk(&l, fd, "", 0, "never", 50, answer, sizeof answer);
    l.core->lost = 5;
    fake_event(l.core, "late", "x=1");
    talk(&l, fd, "", 0, "event: late", 3000, answer, sizeof answer);
    ASSERT_HAS(answer, "event: reset\ndata: {\"lost\":5}");
    ASSERT_HAS(get(&l, "/v1/events?after=1&limit=1"), "\"nextCursor\":\"2\"");
    ASSERT_HAS(get(&l, "/v1/events?since=2000-01-01"), "\"peer_up\"");
    ASSERT_HAS(get(&l, "/v1/events?since=9999-01-01"), "\"items\":[]");
    ASSERT_HAS(get(&l, "/v1/events?since=10"), "\\\"10\\\" is neither");
    lab_close(&l); /* with the client still there */
    close(fd);
}

/* ---- everything else ---- */

static void test_metrics_hold_every_peer(void)
{
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/metrics"),
               "tandem_bgp_peer_up{peer=\"10.1.2.4\",peer_as=\"65001\",name=\"fw-1\"} 1\n");
    ASSERT_HAS(answer,
               "tandem_bgp_peer_one_sided{peer=\"10.1.2.5\",peer_as=\"65002\",name=\"fw-2\"} 1\n");
    ASSERT_HAS(answer,
               "tandem_bgp_peer_one_sided{peer=\"10.1.2.4\",peer_as=\"65001\",name=\"fw-1\"} 0\n");
    lab_close(&l);
}

static void test_metrics_tell_how_long_turns_take(void)
{
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/metrics"), "tandem_turn_seconds_bucket{le=\"0.0001\"} 5\n"
                                    "tandem_turn_seconds_bucket{le=\"0.0005\"} 7\n");
    ASSERT_HAS(answer, "tandem_turn_seconds_bucket{le=\"+Inf\"} 8\n"
                       "tandem_turn_seconds_sum 0.0012\ntandem_turn_seconds_count 8\n");
    ASSERT_HAS(answer, "tandem_turn_longest_seconds 0.00045\n");
    lab_close(&l);
}

/* Requests with bytes changed, cut, doubled: no crash, no sanitizer report, still serving. */
static void test_mutated_requests_do_no_harm(void)
{
    static const char *const seeds[] = {
        "GET /v1/routes?prefix=10.0.0.0/8&match=longer&limit=5 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/events HTTP/1.1\r\nHost: [::1]\r\nAccept: text/event-stream\r\nLast-Event-ID: "
        "7\r\n\r\n",
        "POST /v1/status HTTP/1.1\r\nHost: rs-a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET /readyz?verbose&fail=open HTTP/1.0\r\nContent-Length: 12\r\n\r\nGET / HTTP/1.1",
    };
    struct lab l;
    unsigned random = 20261123;
    lab_open(&l);
    announce_firewalls(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (unsigned i = 0; i < MUTANTS; i++) {
        char request[512];
        size_t len = strlen(seeds[i % 4]);
        memcpy(request, seeds[i % 4], len);
        for (unsigned k = 0; k <= i % 5; k++) {
            random = random * 1664525u + 1013904223u;
            request[(random >> 8) % len] = (char)(random >> 24);
        }
        if (i % 7 == 0)
            len = 1 + (random >> 8) % len;
        int fd = dial_from(l.tcp.port, 1 + i / 16);
        talk(&l, fd, request, len, "\r\n\r\n", 10, answer, sizeof answer);
        close(fd);
        if (i % 64 == 0)
            ASSERT_HAS(get(&l, "/v1/status"), " 200 ");
    }
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET /livez HTTP/1.0\r\n\r\n"), " 200 ");
    lab_close(&l);
}

/* Bytes that have arrived after another round of the loop. */
static int arrived(struct lab *l, int fd)
{
    int bytes;
    uv_run(&l->loop, UV_RUN_NOWAIT);
    usleep(1000);
    CU_ASSERT_EQUAL_FATAL(ioctl(fd, FIONREAD, &bytes), 0);
    return bytes;
}

static void test_a_long_answer_leaves_the_loop_to_others(void)
{
    enum { ROUTES = 1000, PIECE = 16 * 1024 };
    static const char request[] = "GET /v1/routes?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct lab l;
    char prefix[32];
    lab_open(&l);
    for (int i = 0; i < ROUTES; i++) {
        snprintf(prefix, sizeof prefix, "20.%d.%d.0/24", i / 256, i % 256);
        fake_route_of(l.core, 1, 1, prefix, (const uint32_t[]){ 65010 }, 1, -1);
    }
    fake_decide(l.core);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    int fd = dial(l.tcp.port);
    CU_ASSERT_EQUAL(send(fd, request, sizeof request - 1, 0), (ssize_t)sizeof request - 1);
    for (int round = 0; round < 1000 && !arrived(&l, fd); round++)
        ;
    CU_ASSERT_TRUE(arrived(&l, fd) < 3 * PIECE);
    close(fd);
    lab_close(&l);
}

static int dial_either(const struct lab *l, bool is_health, uint32_t who)
{
    return is_health ? dial_from(l->health.port, 1 + who) : dial_unix(l);
}

/* As many as a listener takes at once, and more than that: all hang up, and who comes next is answered. */
static void test_after_a_crowd_a_listener_listens_again(void)
{
    enum { CROWD = 70 };
    struct lab l;
    int fds[CROWD];
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (int is_health = 0; is_health <= 1; is_health++)
        for (uint32_t crowd = 64; crowd <= CROWD; crowd += CROWD - 64) {
            for (uint32_t i = 0; i < crowd; i++)
                fds[i] = dial_either(&l, is_health, i);
            for (int i = 0; i < 50; i++)
                uv_run(&l.loop, UV_RUN_NOWAIT);
            for (uint32_t i = 0; i < crowd; i++)
                close(fds[i]);
            ASSERT_HAS(ask_fd(&l, dial_either(&l, is_health, 0), "GET /livez HTTP/1.0\r\n\r\n"), " 200 ");
        }
    lab_close(&l);
}

/* … none hangs up: those that ask for nothing make room, and not who is asking. */
static void test_who_has_all_places_and_asks_for_nothing_makes_room(void)
{
    enum { CROWD = 64 };
    static const char begun[] = "GET /livez HTTP/1.0\r\n";
    struct lab l;
    int fds[CROWD];
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = dial_unix(&l);
        for (int k = 0; k < 5; k++)
            uv_run(&l.loop, UV_RUN_NOWAIT);
    }
    talk(&l, fds[0], begun, strlen(begun), NULL, 50, answer, sizeof answer);
    int late = dial_unix(&l);
    talk(&l, late, "GET /livez HTTP/1.0\r\n\r\n", 23, " 200 ", 20000, answer, sizeof answer);
    ASSERT_HAS(answer, " 200 ");
    talk(&l, fds[0], "\r\n", 2, " 200 ", 2000, answer, sizeof answer); /* it was not longer than it may be */
    ASSERT_HAS(answer, " 200 ");
    close(late);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    lab_close(&l);
}

static void test_the_dashboard_is_served_where_people_look(void)
{
    struct lab l;
    lab_open(&l);
    CU_ASSERT_EQUAL_FATAL(lab_start(&l), 0);
    ASSERT_HAS(get(&l, "/"), " 200 ");
    ASSERT_HAS(answer, "Content-Type: text/html; charset=utf-8");
    ASSERT_HAS(answer, "script-src 'self'");
    ASSERT_HAS(answer, "main.js");
    ASSERT_HAS(get(&l, "/main.js"), "Content-Type: text/javascript");
    ASSERT_HAS(get(&l, "/../main.js"), " 404 ");
    ASSERT_HAS(get(&l, "/embed.cmake"), " 404 ");
    ASSERT_HAS(ask_fd(&l, dial(l.health.port), "GET / HTTP/1.0\r\n\r\n"), " 404 ");
    lab_close(&l);
}

CU_MAIN("http", CU_CASE(test_a_long_answer_leaves_the_loop_to_others),
        CU_CASE(test_the_dashboard_is_served_where_people_look), CU_CASE(test_status_is_served_on_tcp_and_on_the_unix_socket),
        CU_CASE(test_after_a_crowd_a_listener_listens_again),
        CU_CASE(test_who_has_all_places_and_asks_for_nothing_makes_room),
        CU_CASE(test_orders_are_taken_on_the_unix_socket_and_make_the_core_turn), CU_CASE(test_an_earlier_file_is_for_who_may_give_orders), CU_CASE(test_the_log_tells_as_much_as_it_is_told_to),
        CU_CASE(test_a_reload_says_what_changes_or_what_is_wrong),
        CU_CASE(test_orders_that_are_wrong_are_not_carried_out),
        CU_CASE(test_mrt_files_that_cannot_be_written_are_told_of),
        CU_CASE(test_an_order_that_cannot_be_done_says_why),
        CU_CASE(test_who_asks_for_a_prefix_of_peers_is_told_their_names),
        CU_CASE(test_what_is_not_a_plain_get_is_refused),
        CU_CASE(test_one_connection_serves_many_requests_and_head_has_no_body),
        CU_CASE(test_what_a_reader_has_already_is_not_sent_again), CU_CASE(test_health_listener_serves_checks_alone),
        CU_CASE(test_port_in_use_is_one_clear_error),
        CU_CASE(test_stale_socket_file_is_replaced_and_a_live_one_kept),
        CU_CASE(test_a_file_that_is_no_socket_is_left_alone),
        CU_CASE(test_event_stream_tells_news_and_gaps), CU_CASE(test_metrics_hold_every_peer),
        CU_CASE(test_metrics_tell_how_long_turns_take),
        CU_CASE(test_mutated_requests_do_no_harm))
