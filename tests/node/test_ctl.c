/* tandemctl: its words and times, and the program itself against an API on a Unix socket. */
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/api/http.h"
#include "node/base/duration.h"
#include "node/base/words.h"
#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

/* ---- words ---- */

static const char *phrase_at(const void *context, size_t i)
{
    static const char *const phrases[] = { "status",     "peer list",  "peer show", "programmed",
                                           "route list", "show route", "help" };
    (void)context;
    return i < sizeof phrases / sizeof *phrases ? phrases[i] : NULL;
}

static int find(int count, const char *const *words, int *used)
{
    char copies[4][16], *given[4];
    for (int i = 0; i < count; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", words[i]);
        given[i] = copies[i];
    }
    return words_find(phrase_at, NULL, count, given, used);
}

#define FIND(used, ...)                                                                            \
    find(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *),                            \
         (const char *const[]){ __VA_ARGS__ }, used)

static void test_words_may_be_shortened(void)
{
    int used;
    CU_ASSERT_EQUAL(FIND(&used, "peer", "list"), 1);
    CU_ASSERT_EQUAL(FIND(&used, "p", "l"), 1);
    CU_ASSERT_EQUAL(used, 2);
    CU_ASSERT_EQUAL(FIND(&used, "p", "s", "fw-1"), 2);
    CU_ASSERT_EQUAL(used, 2);
    CU_ASSERT_EQUAL(FIND(&used, "p"), 3);
    CU_ASSERT_EQUAL(FIND(&used, "s", "ro", "10.0.0.0/8"), 5);
    CU_ASSERT_EQUAL(FIND(&used, "s"), 0);
}

static void test_unknown_words_are_not_guessed(void)
{
    int used;
    CU_ASSERT_EQUAL(FIND(&used, "peers"), WORDS_UNKNOWN);
    CU_ASSERT_EQUAL(FIND(&used, "route"), WORDS_UNKNOWN);
    CU_ASSERT_EQUAL(FIND(&used, ""), WORDS_UNKNOWN);
    CU_ASSERT_EQUAL(FIND(&used, "helpme"), WORDS_UNKNOWN);
}

static void test_durations_read_as_in_other_daemons(void)
{
    char text[DURATION_TEXT];
    CU_ASSERT_STRING_EQUAL(duration_text(0, text), "00:00:00");
    CU_ASSERT_STRING_EQUAL(duration_text(8049.9, text), "02:14:09");
    CU_ASSERT_STRING_EQUAL(duration_text(86399, text), "23:59:59");
    CU_ASSERT_STRING_EQUAL(duration_text(3 * 86400 + 4 * 3600, text), "3d04h");
    CU_ASSERT_STRING_EQUAL(duration_text(-5, text), "00:00:00");
}

/* ---- the program ---- */

struct lab {
    uv_loop_t loop;
    struct core *core;
    struct api *api;
    char directory[64], socket[128], error[400];
    char out[1 << 16];
    int exit;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_act(void *data)
{
    (void)data;
}

static int log_level_is(void *data, int level)
{
    (void)data;
    return level < 0 ? CONFIG_LOG_INFO : level;
}

static void lab_open(struct lab *l)
{
    memset(l, 0, sizeof *l);
    uv_loop_init(&l->loop);
    l->core = fake_core();
    snprintf(l->directory, sizeof l->directory, "/tmp/tandem-ctl-XXXXXX");
    assert(mkdtemp(l->directory));
    snprintf(l->socket, sizeof l->socket, "%s/rs-a.sock", l->directory);
    l->core->config.run_directory = l->directory;
    fake_route_of(l->core, 1, 1, "0.0.0.0/0", (uint32_t[]){ 65001 }, 1, -1);
    fake_route_of(l->core, 1, 2, "0.0.0.0/0", (uint32_t[]){ 65002 }, 1, -1);
    fake_route_of(l->core, 1, 3, "0.0.0.0/0", (uint32_t[]){ 65003, 65099 }, 2, -1);
    fake_decide(l->core);
    struct api_cfg cfg = { .loop = &l->loop,
                           .connections = 512,
                           .core = l->core,
                           .config = &l->core->config,
                           .self = 1,
                           .now = now_ms,
                           .log_level = log_level_is,
                           .on_act = on_act };
    CU_ASSERT_EQUAL_FATAL(api_start(&l->api, &cfg, l->error, sizeof l->error), 0);
}

static void lab_close(struct lab *l)
{
    api_stop(l->api);
    while (uv_run(&l->loop, UV_RUN_DEFAULT))
        ;
    uv_loop_close(&l->loop);
    rmdir(l->directory);
    fake_core_free(l->core);
}

/* tandemctl stands beside this program. */
static void program_path(char *path, size_t cap)
{
    ssize_t len = readlink("/proc/self/exe", path, cap - 1);
    path[len < 0 ? 0 : len] = 0;
    char *slash = strrchr(path, '/');
    assert(slash);
    snprintf(slash, cap - (size_t)(slash - path), "/tandemctl");
}

static pid_t start(const struct lab *l, const char *arguments, int out)
{
    char program[4096], line[512], *argv[16] = { program, "--socket" };
    char socket_copy[sizeof l->socket];
    int argc = 2;
    program_path(program, sizeof program);
    memcpy(socket_copy, l->socket, sizeof socket_copy);
    snprintf(line, sizeof line, "%s", arguments);
    argv[argc++] = socket_copy;
    for (char *word = strtok(line, " "); word && argc < 15; word = strtok(NULL, " "))
        argv[argc++] = word;
    pid_t pid = fork();
    if (pid)
        return pid;
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(program, argv);
    _exit(127);
}

/* Run it while the loop serves; l->out and l->exit are its word. */
static const char *ctl(struct lab *l, const char *arguments)
{
    int ends[2], status = 0;
    size_t n = 0;
    assert(!pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    pid_t pid = start(l, arguments, ends[1]);
    uint64_t give_up = now_ms() + 10000;
    bool is_over = false;
    while (!is_over && now_ms() < give_up) {
        uv_run(&l->loop, UV_RUN_NOWAIT);
        is_over = waitpid(pid, &status, WNOHANG) == pid;
        ssize_t got = read(ends[0], l->out + n, sizeof l->out - 1 - n);
        n += got > 0 ? (size_t)got : 0;
        usleep(500);
    }
    for (ssize_t got; (got = read(ends[0], l->out + n, sizeof l->out - 1 - n)) > 0;)
        n += (size_t)got;
    l->out[n] = 0;
    l->exit = is_over && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    close(ends[0]);
    close(ends[1]);
    return l->out;
}

#define ASSERT_HAS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr((text), (part)))
#define ASSERT_LACKS(text, part) CU_ASSERT_PTR_NULL(strstr((text), (part)))

static void test_status_shows_nodes_peers_and_warnings(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, ""), "hub-rs   AS65515");
    CU_ASSERT_EQUAL(l.exit, 0);
    ASSERT_HAS(l.out, "READY");
    ASSERT_HAS(l.out, "NODE");
    ASSERT_HAS(l.out, "peers with 1 of 2 nodes only");
    ASSERT_HAS(l.out, "warning: node rs-b is not alive");
    lab_close(&l);
}

static void test_orders_reach_the_core_and_their_refusals_the_user(void)
{
    static const struct {
        const char *words, *acted;
    } rows[] = { { "peer disable fw-1 --message swap", "disable fw-1 swap" },
                 { "peer enable fw-1", "enable fw-1" },
                 { "peer clear fw-1", "clear fw-1 0" },
                 { "peer clear fw-1 hard", "clear fw-1 1" },
                 { "peer clear fw-1 soft-in", "clear fw-1 2" },
                 { "peer clear fw-1 soft-out", "clear fw-1 3" },
                 { "node drain --message later", "drain later" },
                 { "node undrain rs-a", "undrain" } };
    struct lab l;
    lab_open(&l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ctl(&l, rows[i].words);
        CU_ASSERT_EQUAL(l.exit, 0);
        CU_ASSERT_STRING_EQUAL(l.core->acted, rows[i].acted);
    }
    ASSERT_HAS(ctl(&l, "node drain"), "rs-a: drained; it may be stopped now");
    ctl(&l, "peer clear fw-1 soft");
    CU_ASSERT_EQUAL(l.exit, 2);
    ASSERT_HAS(ctl(&l, "node drain rs-b"), "this is node rs-a");
    CU_ASSERT_EQUAL(l.exit, 1);
    l.core->act = CORE_ACT_UNKNOWN;
    ctl(&l, "peer enable nobody");
    CU_ASSERT_EQUAL(l.exit, 3);
    lab_close(&l);
}

static void test_the_doctor_names_what_is_wrong_and_the_mend(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "doctor"), "fail  node rs-b is");
    CU_ASSERT_EQUAL(l.exit, 5);
    ASSERT_HAS(l.out, "-> does tandemd run there");
    ASSERT_LACKS(l.out, "has no session with rs-b"); /* it is dead: said already */
    ASSERT_HAS(l.out, "fail  sdwan (10.1.2.6) is down on every node");
    CU_ASSERT_PTR_NULL(strstr(l.out, "nodes are well"));
    json_t *list = json_loads(ctl(&l, "-o json doctor"), 0, NULL);
    CU_ASSERT_EQUAL(l.exit, 5);
    CU_ASSERT_TRUE(json_array_size(list) > 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(list, 0), "grade")), "fail");
    json_decref(list);
    lab_close(&l);
}

static void test_the_doctor_names_the_mend_by_what_the_nva_and_we_said(void)
{
    static const struct {
        struct core_peer_error said;
        const char *mend;
    } rows[] = {
        { { "", 0, 0, false, 0 }, "-> does the NVA have this node as a neighbour" },
        { { "connection closed", 0, 0, false, 0 }, "-> does the NVA have this node as a neighbour" },
        { { "OPEN refused", BGP_OPEN_ERROR, BGP_BAD_PEER_AS, false, 1 }, "-> peers[].peerAsn here and" },
        { { "received", BGP_OPEN_ERROR, BGP_BAD_PEER_AS, true, 1 }, "-> the NVA expects another AS of us" },
        { { "received", BGP_UPDATE_ERROR, BGP_MALFORMED_AS_PATH, true, 1 }, "or set peers[].mode: azure" },
        { { "refused", BGP_UPDATE_ERROR, BGP_MALFORMED_AS_PATH, false, 1 }, "-> look at the NVA's log" },
        { { "received", BGP_CEASE, BGP_CONNECTION_REJECTED, true, 1 }, "-> the NVA does not take this node" },
        { { "received", BGP_CEASE, BGP_OUT_OF_RESOURCES, true, 1 }, "-> the NVA said so" },
    };
    struct lab l;
    lab_open(&l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        l.core->peer_error = rows[i].said;
        ASSERT_HAS(ctl(&l, "doctor"), rows[i].mend);
    }
    lab_close(&l);
}

static void test_the_doctor_names_the_mend_of_a_target(void)
{
    static const struct config_target table = { .name = "spokes", .type = CONFIG_TARGET_AZURE, .azure = { .resource_id = "/t" } };
    static const struct program_stats all = { .wanted = 3, .installed = 3 };
    struct lab l;
    lab_open(&l);
    l.core->target = (struct core_target_view){
        .target = &table, .runs_here = true, .stats = &all, .state = "not-found", .trouble = "no such table"
    };
    ASSERT_HAS(ctl(&l, "doctor"), "fail  target spokes: no such table\n      -> make the route table anew");
    ASSERT_LACKS(l.out, "target spokes has all"); /* not while it is in trouble */
    l.core->target.state = "ok";
    l.core->target.trouble = "";
    ASSERT_HAS(ctl(&l, "doctor"), "ok    target spokes has all 3 routes");
    ASSERT_HAS(ctl(&l, "status"), "3/3 programmed");
    lab_close(&l);
}

static void test_route_tables_say_why(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "route list 0.0.0.0/0"), "AS path length 2, best has 1");
    ASSERT_HAS(l.out, "* ");
    ASSERT_LACKS(l.out, "*="); /* there is no target */
    ASSERT_HAS(l.out, "65003 65099");
    ASSERT_HAS(l.out, "AGE");
    ASSERT_HAS(ctl(&l, "r e 8.8.8.8 --peer sdwan"),
               "no - AS path length 2, best has 1 (fw-1, fw-2)");
    ASSERT_HAS(l.out, "the longest match of 8.8.8.8/32");
    ASSERT_HAS(ctl(&l, "show route -o json"), "\"selectionReason\"");
    CU_ASSERT_EQUAL(l.exit, 0);
    lab_close(&l);
}

static void test_a_peers_routes_are_printed_page_by_page(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "learned sdwan"), "65003 65099");
    ASSERT_HAS(l.out, "accepted");
    ASSERT_HAS(ctl(&l, "advertised sdwan"), "65515 65001");
    ASSERT_HAS(l.out, "fw-1");
    ASSERT_HAS(ctl(&l, "-o json advertised sdwan"), "\"nextCursor\": null}");
    json_t *list = json_loads(l.out, 0, NULL);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "items")), 1);
    json_decref(list);
    list = json_loads(ctl(&l, "-o json advertised fw-1"), 0, NULL);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "items")), 0);
    CU_ASSERT_PTR_NOT_NULL(list);
    json_decref(list);
    list = json_loads(ctl(&l, "-o az learned sdwan"), 0, NULL);
    const json_t *routes = json_object_get(list, "RouteServiceRole_IN_0");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(routes, 0), "asPath")), "65003-65099");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(list, "RouteServiceRole_IN_1")), 0);
    json_decref(list);
    lab_close(&l);
}

/* ---- long lists ---- */

enum { MANY = 12000, STRETCH = 10000 }; /* STRETCH: as in list.c */

/* The last prefix stands first in the table. */
static void open_with_many(struct lab *l)
{
    lab_open(l);
    for (unsigned i = MANY; i-- > 0;) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "10.%u.%u.0/24", i / 256, i % 256);
        fake_route_of(l->core, 1, 1, prefix, (uint32_t[]){ 65001 }, 1, -1);
    }
    fake_decide(l->core);
}

/* How it ended; -1: it did not. */
static int wait_for(struct lab *l, pid_t pid)
{
    int status = -1;
    for (uint64_t give_up = now_ms() + 60000; waitpid(pid, &status, WNOHANG) != pid && now_ms() < give_up;)
        uv_run(&l->loop, UV_RUN_NOWAIT);
    return status;
}

/* Of a row of `route list`; UINT_MAX: another line. */
static unsigned number_of(const char *line)
{
    unsigned high, low;
    return sscanf(line, "* 10.%u.%u.0/24", &high, &low) == 2 ? high * 256 + low : UINT_MAX;
}

static void test_a_long_list_is_one_table_sorted_in_stretches(void)
{
    struct lab l;
    open_with_many(&l);
    FILE *out = tmpfile();
    assert(out);
    CU_ASSERT_EQUAL(wait_for(&l, start(&l, "route list", fileno(out))), 0);
    rewind(out);
    char line[256];
    unsigned titles = 0, rows = 0, steps_down = 0, last = 0;
    size_t widths[2] = { 0 }; /* of the first row and the last */
    while (fgets(line, sizeof line, out)) {
        titles += strstr(line, "NEXT HOP") != NULL;
        unsigned n = number_of(line);
        if (n == UINT_MAX)
            continue;
        steps_down += n < last;
        last = n;
        widths[rows++ != 0] = (size_t)(strstr(line, "10.1.2.4") - line);
    }
    CU_ASSERT_EQUAL(titles, 1);
    CU_ASSERT_EQUAL(rows, MANY);
    CU_ASSERT_EQUAL(steps_down, MANY / STRETCH);
    CU_ASSERT_EQUAL(widths[0], widths[1]);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "* best"));
    fclose(out);
    lab_close(&l);
}

static void test_a_long_list_ends_where_nobody_reads_on(void)
{
    struct lab l;
    int ends[2], status;
    open_with_many(&l);
    assert(!pipe2(ends, O_CLOEXEC));
    pid_t pid = start(&l, "route list", ends[1]);
    close(ends[0]);
    close(ends[1]);
    status = wait_for(&l, pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    lab_close(&l);
}

static void test_what_is_watched_comes_again_until_nobody_reads_on(void)
{
    static const struct {
        const char *arguments, *first;
    } rows[] = {
        { "-w 1 -o json node list", "{\"items\":[{\"name\":\"rs-a\"" },
        { "-w 1 -o json route list", "{\"items\": [{\"prefix\":\"0.0.0.0/0\"" },
        { "--watch 1 node list", "NODE " },
    };
    struct lab l;
    lab_open(&l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int ends[2];
        assert(!pipe2(ends, O_CLOEXEC | O_NONBLOCK));
        pid_t pid = start(&l, rows[i].arguments, ends[1]);
        close(ends[1]);
        unsigned times = 0;
        for (uint64_t give_up = now_ms() + 10000; times < 2 && now_ms() < give_up; usleep(500)) {
            uv_run(&l.loop, UV_RUN_NOWAIT);
            ssize_t got = read(ends[0], l.out, sizeof l.out - 1);
            l.out[got > 0 ? got : 0] = 0;
            times += strstr(l.out, rows[i].first) == l.out;
        }
        CU_ASSERT_EQUAL(times, 2);
        close(ends[0]);
        int status = wait_for(&l, pid);
        CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    }
    lab_close(&l);
}

static void test_other_nodes_are_asked_by_their_socket_or_api(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "--node rs-a -o json log level"), "\"level\": \"info\"");
    ASSERT_HAS(ctl(&l, "--node rs-b status"), "the API of rs-b listens on its own loopback only");
    CU_ASSERT_EQUAL(l.exit, 4);
    ASSERT_HAS(ctl(&l, "--node rs-c status"), "no node is named \"rs-c\": there is rs-a, rs-b");
    CU_ASSERT_EQUAL(l.exit, 3);
    ASSERT_HAS(ctl(&l, "--node all peer list"), "rs-a:\nNAME");
    ASSERT_HAS(l.out, "\n\nrs-b:\ntandemctl: ");
    CU_ASSERT_EQUAL(l.exit, 4);
    ASSERT_HAS(ctl(&l, "--node all -o json log level"), "\"configured\": \"debug\"\n  },\n  \"rs-b\": null\n}");
    ASSERT_HAS(ctl(&l, "--node all node drain"), "name one node");
    CU_ASSERT_EQUAL(l.exit, 2);
    CU_ASSERT_EQUAL(l.core->drain, CORE_SERVING);
    ctl(&l, "--node all events -f");
    CU_ASSERT_EQUAL(l.exit, 2);
    ctl(&l, "--node all -o jsonl peer list");
    CU_ASSERT_EQUAL(l.exit, 2);
    lab_close(&l);
}

static void test_exit_codes_tell_what_happened(void)
{
    static const struct {
        const char *arguments;
        int exit;
    } rows[] = {
        { "version", 0 },
        { "peer show fw-1", 0 },
        { "-o json node list", 0 },
        { "events", 0 },
        { "events --since 10m", 0 },
        { "events --since yesterday", 2 },
        { "programmed --diff", 3 },
        { "-w 0 status", 2 },
        { "-w 1s status", 2 },
        { "-w 1 events -f", 2 },
        { "-w 1 node drain", 2 },
        { "-w 1 peer show", 2 },
        { "peer clear no%20body/?", 3 },
        { "node undrain no%20body?", 3 },
        { "failover", 2 },
        { "failover nothing", 3 },
        { "log level", 0 },
        { "log level warn", 0 },
        { "log level loud", 2 },
        { "programmed --diff --target nothing", 3 },
        { "peer show nobody", 3 },
        { "learned nobody", 3 },
        { "-o json advertised no%20body/?", 3 },
        { "learned", 2 },
        { "-o az status extra", 2 },
        { "-o az route list", 2 },
        { "route list 10.9.0.0/16", 3 },
        { "-o json route list 10.9.0.0/16", 3 },
        { "route list 10.9.0.1/16", 2 },
        { "route explain 0.0.0.0/0 --peer nobody", 3 },
        { "-o jsonl peer list", 0 },
        { "nva-config fw-1", 2 },
        { "nva-config fw-1 --for dos", 2 },
        { "nva-config nobody --for frr", 3 },
        { "completion csh", 2 },
        { "top extra", 2 },
        { "-o json top", 2 },
        { "-o json metrics", 2 },
        { "-o jsonl completion bash", 2 },
        { "-o json import azure /nonexistent.json", 1 },
        { "metrics", 0 },
        { "--socket /nonexistent/x.sock top", 4 },
        { "peer show", 2 },
        { "frobnicate", 2 },
        { "-o xml", 2 },
        { "--colour", 2 },
        { "--socket /nonexistent/x.sock status", 4 },
        { "--url http://127.0.0.1:1 status", 4 },
        { "config check /nonexistent.yaml", 5 },
        { "key public /nonexistent.key", 1 },
        { "import azure", 2 },
        { "import azure /nonexistent.json", 1 },
        { "import aws /nonexistent.json", 2 },
    };
    struct lab l;
    lab_open(&l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ctl(&l, rows[i].arguments);
        CU_ASSERT_EQUAL(l.exit, rows[i].exit);
        if (l.exit != rows[i].exit)
            printf("\n%s: exit %d\n%s", rows[i].arguments, l.exit, l.out);
    }
    lab_close(&l);
}

static void test_nothing_found_is_said_once(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "route list 10.9.0.0/16"), "no route for 10.9.0.0/16");
    ASSERT_LACKS(l.out, "none");
    CU_ASSERT_STRING_EQUAL(ctl(&l, "route list --filtered"), "none\n");
    CU_ASSERT_EQUAL(l.exit, 0);
    lab_close(&l);
}

/* Who holds the folder is its owner alone; the API has nothing secret. */
static void test_a_support_bundle_is_a_folder_of_what_the_node_says(void)
{
    static const char *const files[] = { "status.json", "nodes.json",  "peers.json",     "programming.json", "bmp.json",
                                         "events.json", "config.json", "revisions.json", "metrics.txt" };
    struct lab l;
    char arguments[160], folder[128], path[256];
    struct stat st;
    lab_open(&l);
    snprintf(folder, sizeof folder, "%s/bundle", l.directory);
    snprintf(arguments, sizeof arguments, "support-bundle %s", folder);
    ASSERT_HAS(ctl(&l, arguments), "tar -czf");
    CU_ASSERT_EQUAL(l.exit, 0);
    CU_ASSERT_TRUE(!stat(folder, &st) && (st.st_mode & 0777) == 0700);
    ctl(&l, arguments);
    CU_ASSERT_EQUAL(l.exit, 1); /* what stands there is not touched */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        CU_ASSERT_TRUE(!stat(path, &st) && st.st_size > 1);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* and nothing else */
    lab_close(&l);
}

static void test_help_is_of_the_verb_that_it_is_asked_of(void)
{
    struct lab l;
    lab_open(&l);
    ASSERT_HAS(ctl(&l, "peer show fw-1 --help"), "all that is known of one");
    ASSERT_LACKS(l.out, "peer list");
    ASSERT_HAS(ctl(&l, "--help peer"), "peer disable");
    ASSERT_LACKS(l.out, "node drain");
    ASSERT_HAS(ctl(&l, "show route --help"), "as route list: paths");
    ASSERT_LACKS(l.out, "protocols");
    ASSERT_HAS(ctl(&l, "--help"), "exit: 0 ok");
    ASSERT_LACKS(l.out, "show route");
    CU_ASSERT_EQUAL(l.exit, 0);
    ctl(&l, "frobnicate --help");
    CU_ASSERT_EQUAL(l.exit, 2);
    lab_close(&l);
}

static void test_shells_are_told_the_verbs_and_options(void)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    struct lab l;
    char arguments[32];
    lab_open(&l);
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        snprintf(arguments, sizeof arguments, "completion %s", shells[i]);
        ASSERT_HAS(ctl(&l, arguments), i == 2 ? "seen_subcommand_from peer' -a show" : "\npeer show\n");
        ASSERT_HAS(l.out, "token-file");
        ASSERT_LACKS(l.out, "protocols"); /* an alias */
    }
    lab_close(&l);
}

static void test_a_dump_is_written_to_a_device_and_never_takes_its_place(void)
{
    struct lab l;
    char arguments[160], path[128];
    struct stat st;
    lab_open(&l);
    snprintf(path, sizeof path, "%s/device", l.directory); /* a link, should it be replaced after all */
    CU_ASSERT_EQUAL_FATAL(symlink("/dev/full", path), 0);
    snprintf(arguments, sizeof arguments, "mrt dump %s", path);
    ctl(&l, arguments);
    CU_ASSERT_EQUAL(l.exit, 1);
    CU_ASSERT_EQUAL(lstat(path, &st), 0);
    CU_ASSERT_TRUE(S_ISLNK(st.st_mode));
    unlink(path);
    lab_close(&l);
}

static void test_new_keys_are_private_and_never_overwritten(void)
{
    struct lab l;
    char arguments[160], path[128];
    struct stat st;
    lab_open(&l);
    snprintf(path, sizeof path, "%s/node.key", l.directory);
    snprintf(arguments, sizeof arguments, "key new %s", path);
    ctl(&l, arguments);
    CU_ASSERT_EQUAL(l.exit, 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    char public_half[64];
    snprintf(public_half, sizeof public_half, "%.63s", l.out);
    ctl(&l, arguments);
    CU_ASSERT_EQUAL(l.exit, 1);
    snprintf(arguments, sizeof arguments, "key public %s", path);
    CU_ASSERT_STRING_EQUAL(ctl(&l, arguments), public_half);
    unlink(path);
    lab_close(&l);
}

CU_MAIN("ctl", CU_CASE(test_words_may_be_shortened), CU_CASE(test_unknown_words_are_not_guessed),
        CU_CASE(test_durations_read_as_in_other_daemons),
        CU_CASE(test_status_shows_nodes_peers_and_warnings), CU_CASE(test_orders_reach_the_core_and_their_refusals_the_user),
        CU_CASE(test_the_doctor_names_what_is_wrong_and_the_mend),
        CU_CASE(test_the_doctor_names_the_mend_by_what_the_nva_and_we_said),
        CU_CASE(test_the_doctor_names_the_mend_of_a_target), CU_CASE(test_route_tables_say_why),
        CU_CASE(test_a_peers_routes_are_printed_page_by_page),
        CU_CASE(test_a_long_list_is_one_table_sorted_in_stretches), CU_CASE(test_a_long_list_ends_where_nobody_reads_on),
        CU_CASE(test_what_is_watched_comes_again_until_nobody_reads_on),
        CU_CASE(test_other_nodes_are_asked_by_their_socket_or_api), CU_CASE(test_exit_codes_tell_what_happened),
        CU_CASE(test_nothing_found_is_said_once),
        CU_CASE(test_a_support_bundle_is_a_folder_of_what_the_node_says), CU_CASE(test_help_is_of_the_verb_that_it_is_asked_of),
        CU_CASE(test_shells_are_told_the_verbs_and_options),
        CU_CASE(test_a_dump_is_written_to_a_device_and_never_takes_its_place),
        CU_CASE(test_new_keys_are_private_and_never_overwritten))
