/* What a route costs within the core: one core, its NVAs in memory, no socket. Each of SENDERS peers announces a
 * part of PREFIXES in the shape of a full table, and all of PEERS are told all that is not their own. FLAPS times
 * everything is withdrawn and announced once more. pair: a second node reads it all.
 *
 *     bench_core [PREFIXES [SENDERS [PEERS [FLAPS]]]] [pair]    nanoseconds of CPU time a prefix; 1000000 1 2 0
 *
 * Under callgrind it shows which function takes how many instructions, whatever else the machine does:
 *
 *     valgrind --tool=callgrind --toggle-collect=run bench_core 200000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgp/codec/msg.h"
#include "tests/bench/pair.h"
#include "tests/bench/table.h"

enum { ASN = 65100, PEERS_MAX = 100, MORE_TURNS = 4, LINK_TURNS = 5000 };

struct player {
    struct bgp_session *session; /* until it is up; then what is heard is counted by the core alone */
    struct pump *pump;
    struct output said;
    size_t said_at;
};

struct bench {
    struct config *config;
    struct pair pair;
    struct core *core; /* the first node's, which the NVAs talk to */
    int nodes;
    double second_seconds; /* of the other one */
    uint64_t now;
    struct player players[PEERS_MAX];
    unsigned peers;
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct ip_addr address_of(unsigned peer)
{
    return (struct ip_addr){ .bytes = { 10, 7, 1, (uint8_t)(peer + 1) } };
}

static struct config *configure(const struct bench *b)
{
    char path[] = "/tmp/tandem-bench-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    struct config *c;
    if (!file)
        abort();
    fprintf(file, "routeServer: { name: bench, mode: transparent }\n");
    pair_write(&b->pair, b->nodes, file);
    fprintf(file, "peers:\n");
    for (unsigned i = 0; i < b->peers; i++)
        fprintf(file, "  - { name: p%u, peerIp: 10.7.1.%u, peerAsn: %u, passive: true, nodes: [n1] }\n", i, i + 1, ASN + i);
    fclose(file);
    if (!config_load(path, &c, stderr))
        exit(2);
    unlink(path);
    return c;
}

/* ---- the wire ---- */

static void hear(struct bench *b, struct player *p)
{
    size_t len;
    const uint8_t *bytes = pump_tx_bytes(p->pump, &len);
    for (size_t at = 0, n; p->session && at < len; at += n) {
        n = bgp_session_feed(p->session, BGP_SLOT_OURS, bytes + at, len - at, b->now);
        if (!n)
            abort(); /* the core sends whole messages */
    }
    core_sent(b->core, p->pump, len, b->now);
}

static void say(struct bench *b, struct player *p)
{
    size_t room, left = p->said.len - p->said_at;
    uint8_t *at = pump_rx_space(p->pump, &room);
    size_t n = left < room ? left : room;
    if (!n)
        return;
    memcpy(at, p->said.bytes + p->said_at, n);
    p->said_at += n;
    core_received(b->core, p->pump, n);
}

static void take_requests(struct bench *b, int nth)
{
    if (pair_take_requests(&b->pair, nth, b->now)) /* nobody gives a reason to close anything */
        abort();
}

/* True: it has more to do. */
__attribute__((noinline)) static bool turn_second(struct bench *b)
{
    double began = cpu_seconds();
    bool more = core_turn(b->pair.cores[1], b->now) <= b->now;
    take_requests(b, 1);
    b->second_seconds += cpu_seconds() - began;
    return more;
}

/* True: there was something to move. */
static bool turn(struct bench *b)
{
    bool more = b->nodes > 1 && turn_second(b);
    for (unsigned i = 0; i < b->peers; i++) {
        struct player *p = &b->players[i];
        more |= p->said_at < p->said.len;
        if (p->pump)
            say(b, p);
    }
    more |= core_turn(b->core, b->now) <= b->now;
    take_requests(b, 0);
    for (struct pump *pump; (pump = core_next_pump(b->core));)
        for (unsigned i = 0; i < b->peers; i++)
            if (b->players[i].pump == pump)
                hear(b, &b->players[i]);
    pair_move(&b->pair, b->now);
    b->now++;
    return more;
}

__attribute__((noinline)) static void run(struct bench *b)
{
    for (int rest = 0; rest < MORE_TURNS; rest++)
        if (turn(b))
            rest = 0;
}

/* ---- sessions ---- */

static void pull(struct bench *b, struct player *p)
{
    struct bgp_session_event e;
    size_t room;
    while (bgp_session_next(p->session, &e))
        if (e.kind == BGP_EVENT_DIAL)
            bgp_session_connected(p->session, &(struct ip_addr){ 0 }, b->now);
    uint8_t *at = pump_rx_space(p->pump, &room);
    size_t n = bgp_session_pull(p->session, BGP_SLOT_OURS, at, room);
    if (n)
        core_received(b->core, p->pump, n);
}

static void come_up(struct bench *b, unsigned nth)
{
    const struct ip_addr remote = address_of(nth), local = { .bytes = { 10, 0, 0, 1 } };
    const struct bgp_session_cfg cfg = { .local_asn = ASN + nth,
                                         .local_identifier = nth + 1,
                                         .hold_s = 240,
                                         .connect_retry_s = 5,
                                         .family = { true, false },
                                         .any_first_as = true };
    struct player *p = &b->players[nth];
    p->pump = core_accept(b->core, CORE_PORT_BGP, &remote, &local, b->now);
    p->session = bgp_session_new(&cfg);
    if (!p->pump || !p->session)
        abort();
    bgp_session_start(p->session, b->now);
    for (int i = 0; i < MORE_TURNS; i++) {
        pull(b, p);
        turn(b);
    }
    if (bgp_session_slot(p->session) < 0)
        abort();
    bgp_session_free(p->session);
    p->session = NULL;
}

static struct core_status status_of(const struct bench *b, int nth)
{
    struct core_status s;
    core_status(b->pair.cores[nth], b->now, &s);
    return s;
}

static void start(struct bench *b)
{
    pair_init(&b->pair);
    b->config = configure(b);
    for (int i = 0; i < b->nodes; i++)
        pair_start(&b->pair, i, b->config, b->now);
    b->core = b->pair.cores[0];
    for (int i = 0; status_of(b, 0).nodes_alive < (uint32_t)b->nodes; i++, turn(b))
        if (i == LINK_TURNS)
            abort();
}

/* ---- the measure ---- */

static void prepare(struct bench *b, const struct table *t, unsigned senders, unsigned flaps)
{
    const struct bgp_codec codec = { .as4 = true, .family = { true }, .max_message = BGP_MESSAGE_MAX };
    size_t part = t->prefix_count / senders;
    for (unsigned i = 0; i < senders; i++) {
        struct table_shape shape = { .asn = ASN + i, .next_hop = address_of(i) };
        struct output *said = &b->players[i].said;
        table_announce(t, i * part, part, &shape, &codec, said);
        said->bytes = table_grow(said->bytes, &said->cap, said->len + BGP_MESSAGE_MAX, 1);
        said->len += bgp_update_end_of_rib(said->bytes + said->len, BGP_IP4);
        while (shape.med++ < flaps) {
            table_withdraw(t, i * part, part, &codec, said);
            table_announce(t, i * part, part, &shape, &codec, said);
        }
    }
}

static void check(const struct bench *b, size_t part, unsigned senders)
{
    struct core_peer_view v;
    for (unsigned i = 0; i < b->peers; i++) {
        size_t wanted = part * (senders - (i < senders));
        bool is_there = core_peer_view(b->core, i, &v);
        if (!is_there || v.advertised != wanted) {
            fprintf(stderr, "peer %u was told %u of %zu\n", i, is_there ? v.advertised : 0, wanted);
            exit(1);
        }
    }
}

static void check_second(const struct bench *b, size_t paths)
{
    const struct core_status s = status_of(b, 1);
    if (s.paths == paths && s.digests_equal)
        return;
    fprintf(stderr, "the second node has %u of %zu\n", s.paths, paths);
    exit(1);
}

int main(int argc, char **argv)
{
    bool is_pair = argc > 1 && !strcmp(argv[argc - 1], "pair");
    argc -= is_pair;
    size_t prefixes = argc > 1 ? (size_t)atoll(argv[1]) : 1000000;
    unsigned senders = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    struct bench b = { .now = 1000000, .nodes = 1 + is_pair, .peers = argc > 3 ? (unsigned)atoi(argv[3]) : 2 };
    unsigned flaps = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
    struct table t;
    if (!senders || senders > b.peers || b.peers > PEERS_MAX)
        return 2;
    start(&b);
    for (unsigned i = 0; i < b.peers; i++)
        come_up(&b, i);
    table_make(&t, prefixes, 1);
    prepare(&b, &t, senders, flaps);
    b.second_seconds = 0;
    double begin = cpu_seconds();
    run(&b);
    double used = cpu_seconds() - begin;
    check(&b, prefixes / senders, senders);
    printf("core %u to %u, %zu prefixes: %.1f ns a prefix\n", senders, b.peers, prefixes,
           (used - b.second_seconds) * 1e9 / (double)prefixes);
    if (is_pair) {
        check_second(&b, prefixes / senders * senders);
        printf("on the second node: %.1f ns a prefix\n", b.second_seconds * 1e9 / (double)prefixes);
    }
    for (unsigned i = 0; i < b.peers; i++)
        free(b.players[i].said.bytes);
    table_fini(&t);
    for (int i = 0; i < b.nodes; i++)
        core_free(b.pair.cores[i]);
    config_free(b.config);
    return 0;
}
