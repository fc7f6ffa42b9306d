/* How long a turn of the core takes at most, in CPU time, when much happens at once: NVAs tell their tables, one
 * of them dies, comes back, restarts gracefully; a reader leaves and joins; other configurations and secrets follow;
 * the second node starts cold, and the first one anew. Everything in this process, without a socket.
 *
 *     bench_turns [NVAS [PREFIXES [target] [pair]]]    default: 1 1000000; the first NVA is the one that dies
 *
 * target: a program takes the table, and carries out what it is told. pair: a second node reads it all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgp/codec/update.h"
#include "node/api/routes.h"
#include "node/config/change.h"
#include "tests/bench/pair.h"

enum { NVAS_MAX = 100, READER = 200, ASN = 65100, OPEN_BYTES = 39, KEEPALIVE_BYTES = 19, GOAL_US = 2000 };

static const uint8_t marker[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct nva {
    struct pump *pump;
    uint8_t number, *says; /* its whole side of a session, hold time 0 */
    size_t len, said;
};

/* What a file says beyond nodes and peers. */
struct file {
    unsigned preference; /* that the peers' route map sets; 0: they have none */
    unsigned most;       /* routes of a peer that are kept; 0: all */
    bool has_target;
    bool has_space;      /* a virtual network, in which no next hop is */
};

struct node {
    uint64_t turns, over, longest_us, sum_us;
};

static struct bench {
    struct config *config;
    struct pair pair;
    struct node nodes[PAIR];
    int node_count;
    uint64_t now;
    struct nva nvas[NVAS_MAX + 1]; /* the last one only reads */
    int nva_count;
    uint32_t prefixes;
    bool has_target;
    struct file file; /* the configuration in force */
} b = { .now = 1000000, .node_count = 1, .prefixes = 1000000 };

static void give_up(const char *why)
{
    fprintf(stderr, "bench_turns: %s\n", why);
    exit(1);
}

static uint64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- what an NVA says ---- */

/* With a graceful restart of two minutes (RFC 4724), which leaves what is not told again to be swept. */
static void say_open(struct wire_writer *w, uint8_t number, bool is_graceful)
{
    static const uint8_t graceful[] = { 2, 8, 64, 6, 0, 120, 0, 1, 1, 0x80 };
    size_t more = is_graceful ? sizeof graceful : 0;
    wire_put(w, marker, sizeof marker);
    wire_put16(w, (uint16_t)(OPEN_BYTES - sizeof graceful + more));
    wire_put(w, (const uint8_t[]){ 1, 4 }, 2);
    wire_put16(w, ASN + number);
    wire_put16(w, 0);
    wire_put(w, (const uint8_t[]){ 10, 0, 0, number, (uint8_t)more }, 5);
    wire_put(w, graceful, more);
    wire_put(w, marker, sizeof marker);
    wire_put16(w, KEEPALIVE_BYTES);
    wire_put8(w, 4);
}

/* A hundred prefixes an UPDATE. */
static void say_table(struct wire_writer *w, uint8_t number)
{
    const struct bgp_codec codec = { .family = { true }, .max_message = 4096 };
    const struct ip_addr hop = { .bytes = { 10, 0, 0, number } };
    for (uint32_t i = 0; i < b.prefixes;) {
        struct bgp_update_builder u;
        uint8_t attrs[] = { 0x40, 1, 1, 0, 0x40, 2, 6, 2, 2, 0, 0, 0, 0 };
        wire_set16(attrs + 9, (uint16_t)(ASN + number));
        wire_set16(attrs + 11, (uint16_t)(1 + i / 100 % 30000));
        if (!bgp_update_begin_reach(&u, w->at, &codec, BGP_IP4, attrs, sizeof attrs, &hop, NULL))
            give_up("no room in an UPDATE");
        for (uint32_t k = 0; k < 100 && i < b.prefixes; k++, i++) {
            uint32_t net = (16u << 16) + (number - 2) * b.prefixes + i;
            struct ip_prefix p = { .len = 24, .bytes = { (uint8_t)(net >> 16), (uint8_t)(net >> 8), (uint8_t)net } };
            if (!bgp_update_add(&u, &p, 0))
                give_up("an UPDATE is full");
        }
        w->at += bgp_update_end(&u);
    }
}

static void write_nva(struct nva *n, uint8_t number, bool has_table, bool is_graceful)
{
    size_t cap = 4096 + (has_table ? (size_t)b.prefixes * 5 : 0);
    n->number = number;
    free(n->says);
    n->says = malloc(cap);
    if (!n->says)
        give_up("out of memory");
    struct wire_writer w = wire_writer(n->says, cap);
    say_open(&w, number, is_graceful);
    if (has_table)
        say_table(&w, number);
    w.at += bgp_update_end_of_rib(w.at, BGP_IP4);
    n->len = (size_t)(w.at - n->says);
}

static void dial(struct nva *n)
{
    struct ip_addr remote = { .bytes = { 10, 0, 0, n->number } }, local = { .bytes = { 10, 0, 0, 1 } };
    n->pump = core_accept(b.pair.cores[0], CORE_PORT_BGP, &remote, &local, b.now);
    n->said = 0;
    if (!n->pump)
        give_up("an NVA was refused");
}

/* ---- the loop ---- */

static void count(struct node *n, uint64_t us)
{
    n->turns++;
    n->sum_us += us;
    n->over += us > GOAL_US;
    n->longest_us = us > n->longest_us ? us : n->longest_us;
}

/* True: something moved. */
static bool move_nva(struct nva *n)
{
    size_t room, heard, left = n->len - n->said;
    if (!n->pump)
        return false;
    uint8_t *at = pump_rx_space(n->pump, &room);
    size_t says = left < room ? left : room;
    if (says > 0) {
        memcpy(at, n->says + n->said, says);
        n->said += says;
        core_received(b.pair.cores[0], n->pump, says);
    }
    pump_tx_bytes(n->pump, &heard);
    if (heard)
        core_sent(b.pair.cores[0], n->pump, heard, b.now);
    return says || heard;
}

/* What the core asks for; an NVA may be closed. */
static void take_requests(int nth)
{
    for (struct pump *p; (p = pair_take_requests(&b.pair, nth, b.now));) {
        for (int i = 0; i <= b.nva_count; i++)
            if (b.nvas[i].pump == p)
                b.nvas[i].pump = NULL;
        core_closed(b.pair.cores[nth], p, CORE_CLOSE_EOF, b.now);
    }
}

static void carry_out(struct core *c)
{
    const struct config_target *target;
    struct program *p = core_program(c, 0, &target);
    struct program_op op;
    while (p && program_next(p, b.now, &op))
        program_result(p, &op, true, b.now);
}

static bool turn(int nth)
{
    struct core_event e;
    struct core *c = b.pair.cores[nth];
    uint64_t began = cpu_us(), seen = UINT64_MAX;
    uint64_t due = core_turn(c, b.now);
    count(&b.nodes[nth], cpu_us() - began);
    take_requests(nth);
    carry_out(c);
    (void)core_next_event(c, &seen, &e);
    return due <= b.now;
}

/* A turn of each node, and all bytes on their way. True: something moved. */
static bool step(void)
{
    bool busy = false;
    for (int i = 0; i < b.node_count; i++)
        busy |= turn(i);
    for (int i = 0; i <= b.nva_count; i++)
        busy |= move_nva(&b.nvas[i]) && b.nvas[i].said < b.nvas[i].len;
    pair_move(&b.pair, b.now);
    b.now++;
    return busy;
}

static void begin_counting(void)
{
    for (int i = 0; i < b.node_count; i++)
        b.nodes[i].turns = b.nodes[i].over = b.nodes[i].longest_us = b.nodes[i].sum_us = 0;
}

/* Until all is told and done: a second in which nothing moves. */
static void settle(const char *phase)
{
    for (uint64_t quiet_since = b.now; b.now < quiet_since + 1000;)
        quiet_since = step() ? b.now : quiet_since;
    for (int i = 0; i < b.node_count; i++)
        printf("%-8s node %d  longest turn %7.2f ms  %4llu of %5llu turns above 2 ms  %6.0f ms in all\n", phase, i + 1,
               (double)b.nodes[i].longest_us / 1e3, (unsigned long long)b.nodes[i].over,
               (unsigned long long)b.nodes[i].turns, (double)b.nodes[i].sum_us / 1e3);
}

/* What is done outside of turns. */
static void tell_alone(uint64_t began)
{
    printf("%-8s         by itself     %7.2f ms\n", "", (double)(cpu_us() - began) / 1e3);
}

static void die(struct nva *n)
{
    uint64_t began = cpu_us();
    core_closed(b.pair.cores[0], n->pump, CORE_CLOSE_RESET, b.now);
    tell_alone(began);
    n->pump = NULL;
}

/* ---- the nodes ---- */

static struct config *read_config(const struct file *file)
{
    struct config *config;
    char path[] = "/tmp/tandem-turns-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        give_up("no temporary file");
    fprintf(f, "routeServer: { name: hub, mode: transparent }\n");
    pair_write(&b.pair, b.node_count, f);
    fprintf(f, "%s%speers:\n", file->has_target ? "programming: [{ name: kernel, type: netlink }]\n" : "",
            file->has_space ? "virtualNetworks: [{ name: v, addressPrefixes: [10.9.0.0/16] }]\n" : "");
    for (int i = 0; i <= b.nva_count; i++) {
        fprintf(f, "  - { name: p%d, peerIp: 10.0.0.%d, peerAsn: %d, passive: true, holdTime: 0s, nodes: [n1]%s", i,
                b.nvas[i].number, ASN + b.nvas[i].number, file->preference ? ", inboundRouteMap: m" : "");
        if (file->most)
            fprintf(f, ", maxRoutes: { limit: %u, action: trim }", file->most);
        fprintf(f, " }\n");
    }
    if (file->preference)
        fprintf(f, "routeMaps: [{ name: m, rules: [{ name: all, action: { setLocalPreference: %u } }] }]\n",
                file->preference);
    fclose(f);
    if (!config_load(path, &config, stderr))
        give_up("the configuration is refused");
    unlink(path);
    return config;
}

/* As the loop does it. */
static void follow(void)
{
    struct config *next = read_config(&b.file);
    take_requests(0);
    config_follow(b.config, next);
    uint64_t began = cpu_us();
    core_reconfigure(b.pair.cores[0], next, b.now);
    tell_alone(began);
    if (b.file.has_target)
        core_program_ready(b.pair.cores[0], 0, b.now);
    config_free(next);
}

static void start_node(int nth)
{
    pair_start(&b.pair, nth, b.config, b.now);
    if (b.has_target)
        core_program_ready(b.pair.cores[nth], 0, b.now);
}

static void start(void)
{
    pair_init(&b.pair);
    b.pair.serves_agents = true;
    b.file.has_target = b.has_target;
    b.config = read_config(&b.file);
    for (int i = 0; i < b.node_count; i++)
        start_node(i);
}

/* ---- what happens ---- */

static void nothing(void)
{
}

static void dial_all(void)
{
    for (int i = b.nva_count; i >= 0; i--)
        dial(&b.nvas[i]);
}

static void first_dies(void)
{
    die(&b.nvas[0]);
}

static void first_comes(void)
{
    dial(&b.nvas[0]);
}

static void reader_comes_anew(void)
{
    die(&b.nvas[b.nva_count]);
    dial(&b.nvas[b.nva_count]);
}

/* Its session ends and begins, and from now on it may restart. */
static void first_is_graceful(void)
{
    die(&b.nvas[0]);
    write_nva(&b.nvas[0], b.nvas[0].number, true, true);
    dial(&b.nvas[0]);
}

static void first_comes_empty(void)
{
    write_nva(&b.nvas[0], b.nvas[0].number, false, true);
    dial(&b.nvas[0]);
}

static void first_comes_full(void)
{
    die(&b.nvas[0]);
    write_nva(&b.nvas[0], b.nvas[0].number, true, false);
    dial(&b.nvas[0]);
}

static void map_is_new(void)
{
    b.file.preference += 100;
    follow();
}

static void maps_are_new(void)
{
    map_is_new();
    for (int i = 0; i < 10; i++)
        turn(0);
    map_is_new();
}

static void map_goes(void)
{
    b.file.preference = 0;
    follow();
}

static void limit_comes(void)
{
    b.file.most = b.prefixes / 2;
    follow();
}

static void limit_goes(void)
{
    b.file.most = 0;
    follow();
}

static void space_comes(void)
{
    b.file.has_space = true;
    follow();
}

static void space_goes(void)
{
    b.file.has_space = false;
    follow();
}

static void target_goes(void)
{
    b.file.has_target = false;
    follow();
}

static void target_comes(void)
{
    b.file.has_target = true;
    follow();
}

static void secrets_are_new(void)
{
    struct pair *p = &b.pair;
    struct core_keys keys = { .secrets = { p->other_secrets, p->secrets },
                              .secret_count = 2,
                              .agent_secrets = { p->other_secrets, p->secrets },
                              .agent_secret_count = 2 };
    for (int i = b.node_count; i-- > 0;) {
        keys.identity = p->ids[i];
        uint64_t began = cpu_us();
        core_set_keys(p->cores[i], &keys, b.now);
        tell_alone(began);
    }
    p->secrets = p->other_secrets;
}

static void second_is_cold(void)
{
    pair_end(&b.pair, 1, b.now);
    start_node(1);
}

/* All that the second one has of the first one's NVAs is of an earlier life, and is told once more. */
static void first_node_is_anew(void)
{
    pair_end(&b.pair, 0, b.now);
    start_node(0);
    dial_all();
}

/* … twice: of the life between only a part was told, and looked at. */
static void first_node_is_anew_again(void)
{
    first_node_is_anew();
    for (int i = 0; i < 100; i++)
        step();
    first_node_is_anew();
}

static void drain(void)
{
    uint64_t began = cpu_us();
    core_drain(b.pair.cores[0], "", b.now);
    tell_alone(began);
}

/* ---- what is asked: an answer, or a piece of one that is made while it is sent, is work within a turn ---- */

enum { PIECE = 16 * 1024 };

static void ask(struct api_request q)
{
    struct api_view v = { .core = b.pair.cores[0], .config = b.config, .self = 1, .now_ms = b.now, .wall_ms = b.now };
    struct api_reply reply;
    static char piece[PIECE];
    uint64_t began = cpu_us(), longest, pieces = 1, bytes, us;
    api_answer(&v, &q, &reply);
    longest = cpu_us() - began;
    bytes = reply.len;
    for (size_t len = 1; reply.reader && len; bytes += len, pieces++) {
        began = cpu_us();
        len = reply.reader->read(reply.reader, &v, piece, sizeof piece);
        us = cpu_us() - began;
        longest = us > longest ? us : longest;
    }
    if (reply.reader)
        reply.reader->end(reply.reader);
    free(reply.body);
    printf("%-40s %u  longest piece %7.2f ms of %6llu, %9llu bytes\n", q.path, reply.status, (double)longest / 1e3,
           (unsigned long long)pieces, (unsigned long long)bytes);
}

static void ask_all(void)
{
    static const struct api_request questions[] = {
        { .path = "/v1/routes", .params = { { "limit", "1000" } }, .param_count = 1 },
        { .path = "/v1/routes" },
        { .path = "/v1/routes", .params = { { "community", "65000:1" } }, .param_count = 1 },
        { .path = "/v1/routes", .params = { { "peer", "p0" }, { "state", "filtered" } }, .param_count = 2 },
        { .path = "/v1/peers/p0/learnedRoutes", .params = { { "limit", "1000" } }, .param_count = 1 },
        { .path = "/v1/peers/p0/advertisedRoutes", .params = { { "limit", "1000" } }, .param_count = 1 },
        { .path = "/lg/birdwatcher/routes/table/master" },
        { .path = "/lg/birdwatcher/routes/noexport/p0" },
        { .path = "/lg/bgplgd/rib" },
        { .path = "/v1/mrt" },
        { .path = "/v1/status" },
        { .path = "/v1/peers" },
        { .path = "/v1/programming" },
        { .path = "/metrics" },
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(questions[i]);
}

static const struct phase {
    const char *name;
    void (*begin)(void);
    bool needs_target, needs_pair;
} phases[] = {
    { "starts", nothing, false, false },
    { "tells", dial_all, false, false },
    { "dies", first_dies, false, false },
    { "is back", first_comes, false, false },
    { "joins", reader_comes_anew, false, false },
    { "answers", ask_all, false, false },
    { "map", map_is_new, false, false },
    { "maps", maps_are_new, false, false },
    { "no map", map_goes, false, false },
    { "limit", limit_comes, false, false },
    { "no limit", limit_goes, false, false },
    { "space", space_comes, false, false },
    { "no space", space_goes, false, false },
    { "graceful", first_is_graceful, false, false },
    { "restarts", first_dies, false, false },
    { "swept", first_comes_empty, false, false },
    { "anew", first_comes_full, false, false },
    { "target -", target_goes, true, false },
    { "target +", target_comes, true, false },
    { "secrets", secrets_are_new, false, true },
    { "cold", second_is_cold, false, true },
    { "reborn", first_node_is_anew, false, true },
    { "reborn 2", first_node_is_anew_again, false, true },
    { "drain", drain, false, false },
};

int main(int argc, char **argv)
{
    b.nva_count = argc > 1 ? atoi(argv[1]) : 1;
    b.prefixes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : b.prefixes;
    for (int i = 3; i < argc; i++) {
        b.has_target |= !strcmp(argv[i], "target");
        b.node_count += !strcmp(argv[i], "pair");
    }
    if (b.nva_count < 1 || b.nva_count > NVAS_MAX || b.node_count > 2)
        give_up("[NVAS [PREFIXES [target] [pair]]]");
    for (int i = 0; i < b.nva_count; i++)
        write_nva(&b.nvas[i], (uint8_t)(2 + i), true, false);
    write_nva(&b.nvas[b.nva_count], READER, false, false);
    start();
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        const struct phase *p = &phases[i];
        if ((p->needs_target && !b.has_target) || (p->needs_pair && b.node_count < 2))
            continue;
        begin_counting();
        p->begin();
        settle(p->name);
    }
    return 0;
}
