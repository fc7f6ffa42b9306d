/* Thousands of host agents in one process: real handshakes and tables, no kernel behind them.
 *
 *     bench-agents --count N --node ADDRESS:PORT --key PUBLIC --cluster NAME --secret FILE --keys DIRECTORY
 *
 * Writes a key file for each agent into the directory, says "keys", and waits for a line. Every line is how
 * many routes all of them are to have next: they connect with the first one, and when every agent has a
 * table of so many routes whose digest is that of the node, "done SECONDS BYTES" is said. Ends with the
 * input. Each agent has an address of 127.0.0.0/8, since a node bounds the handshakes of one address. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bgp/codec/update.h"
#include "node/keys/keyfile.h"
#include "replication/digest.h"
#include "replication/link.h"

enum { HANDSHAKES = 48, READ_BYTES = 65536, RETRY_MS = 200, PATIENCE_S = 240, EVENTS = 256 };

struct agent {
    struct repl_identity id;
    struct repl_link *link; /* NULL: not connected */
    int fd;
    uint32_t number;
    uint64_t retry_ms;
    uint8_t *rest; /* bytes of an incomplete frame */
    size_t rest_len;
    struct repl_digest digest;
    uint32_t routes; /* as held here */
    bool is_up;
    bool is_right; /* at its last cut: digest and total were those of the node */
    bool is_whole; /* and there are as many routes as expected */
};

struct load {
    const char *cluster, *directory;
    struct sockaddr_in node;
    struct repl_party party;
    struct repl_secrets secrets;
    struct agent *agents;
    uint32_t count, expected, whole, shaking;
    int epoll;
    uint64_t bytes;
    uint8_t buf[READ_BYTES + REPL_PAYLOAD_MAX * 2];
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    fprintf(stderr, "bench-agents: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- what an agent holds ---- */

static void count_routes(struct agent *a, const struct repl_table_routes *g, bool is_present)
{
    static const struct ip_addr nva = { .bytes = { 10, 40, 0, 10 } }; /* the only next hop there is */
    const struct nhset set = { .count = 1, .members = (struct ip_addr *)(uintptr_t)&nva };
    struct bgp_nlri nlri = { .at = g->nlri, .len = g->len, .family = g->family };
    struct ip_prefix p;
    for (uint32_t id; bgp_nlri_next(&nlri, &p, &id); a->routes += is_present ? 1 : UINT32_MAX)
        repl_digest_change(&a->digest, &p, is_present ? &nhset_empty : &set, is_present ? &set : &nhset_empty);
}

static void judge(struct load *l, struct agent *a)
{
    bool is_whole = a->is_right && a->routes == l->expected;
    l->whole += (uint32_t)is_whole - (uint32_t)a->is_whole;
    a->is_whole = is_whole;
}

static void on_batch(struct load *l, struct agent *a, const struct repl_table_batch *b)
{
    uint8_t digest[REPL_DIGEST];
    if (b->reset) {
        repl_digest_init(&a->digest, REPL_DIGEST_SUM, l->secrets.digest_key);
        a->routes = 0;
    }
    for (uint32_t i = 0; i < b->route_count; i++)
        count_routes(a, &b->routes[i], b->routes[i].next_hop_count > 0);
    repl_digest_write(&a->digest, digest);
    a->is_right =
        b->cut && b->route_total == a->routes && memcmp(digest, b->digest, REPL_DIGEST) == 0;
    judge(l, a);
}

static bool on_event(struct load *l, struct agent *a, const struct repl_link_event *e)
{
    struct repl_msg msg = { .kind = REPL_TABLE_SUBSCRIBE };
    if (e->kind == REPL_LINK_UP) {
        a->is_up = true;
        l->shaking--;
        return repl_link_send(a->link, &msg, now_ms()) == 0;
    }
    if (e->kind == REPL_LINK_MSG && e->msg->kind == REPL_TABLE_BATCH)
        on_batch(l, a, &e->msg->table_batch);
    return e->kind == REPL_LINK_MSG;
}

/* ---- bytes ---- */

static void hang_up(struct load *l, struct agent *a)
{
    l->shaking -= !a->is_up;
    a->is_right = false;
    judge(l, a);
    close(a->fd);
    repl_link_free(a->link);
    a->link = NULL;
    a->is_up = false;
    a->rest_len = 0;
    a->retry_ms = now_ms() + RETRY_MS + a->number % RETRY_MS;
}

static bool write_out(struct agent *a)
{
    uint8_t bytes[4096];
    size_t n = repl_link_pull(a->link, bytes, sizeof bytes); /* a handshake, a subscription: little */
    return !n || send(a->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void keep(struct agent *a, const uint8_t *bytes, size_t len)
{
    a->rest_len = len;
    if (!len) {
        free(a->rest);
        a->rest = NULL;
        return;
    }
    uint8_t *copy = malloc(len);
    if (!copy)
        fail("memory");
    memcpy(copy, bytes, len);
    free(a->rest);
    a->rest = copy;
}

static bool feed(struct load *l, struct agent *a, size_t len)
{
    struct repl_link_event e;
    size_t used = 0;
    while (used < len) {
        size_t n = repl_link_feed(a->link, l->buf + used, len - used, now_ms());
        while (repl_link_next(a->link, &e))
            if (!on_event(l, a, &e))
                return false;
        if (!n)
            break;
        used += n;
    }
    keep(a, l->buf + used, len - used);
    return write_out(a);
}

static void on_ready(struct load *l, struct agent *a, uint32_t events)
{
    if (!a->link)
        return;
    if (events & EPOLLOUT) { /* connected: the handshake begins, and from now on there is only reading */
        struct epoll_event in = { .events = EPOLLIN, .data.ptr = a };
        epoll_ctl(l->epoll, EPOLL_CTL_MOD, a->fd, &in);
        if (!write_out(a))
            hang_up(l, a);
        return;
    }
    if (a->rest_len)
        memcpy(l->buf, a->rest, a->rest_len);
    ssize_t n = recv(a->fd, l->buf + a->rest_len, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    l->bytes += n > 0 ? (uint64_t)n : 0;
    if (n <= 0 || !feed(l, a, a->rest_len + (size_t)n))
        hang_up(l, a);
}

/* ---- connections ---- */

static void dial(struct load *l, struct agent *a)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct epoll_event out = { .events = EPOLLOUT, .data.ptr = a };
    struct repl_link_cfg cfg = { .initiator = true,
                                 .role = REPL_ROLE_AGENT,
                                 .identity = &a->id,
                                 .secrets = &l->secrets,
                                 .parties = &l->party,
                                 .party_count = 1,
                                 .hello = { .minor_min = REPL_TABLE_MINOR, .minor_max = REPL_TABLE_MINOR, .algo_min = 1, .algo_max = 1 } };
    repl_cluster_id(l->cluster, cfg.cluster_id);
    from.sin_addr.s_addr = htonl(0x7f010000u + a->number);
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        fail("socket");
    if (bind(a->fd, (const struct sockaddr *)&from, sizeof from))
        fail("bind");
    if (connect(a->fd, (const struct sockaddr *)&l->node, sizeof l->node) && errno != EINPROGRESS)
        fail("connect");
    a->link = repl_link_new(&cfg, now_ms());
    if (!a->link || epoll_ctl(l->epoll, EPOLL_CTL_ADD, a->fd, &out))
        fail("epoll");
    l->shaking++;
}

static void dial_some(struct load *l)
{
    uint64_t now = now_ms();
    for (uint32_t i = 0; i < l->count && l->shaking < HANDSHAKES; i++)
        if (!l->agents[i].link && now >= l->agents[i].retry_ms)
            dial(l, &l->agents[i]);
}

static void expire(struct load *l)
{
    struct repl_link_event e;
    uint64_t now = now_ms();
    for (uint32_t i = 0; l->shaking && i < l->count; i++) {
        struct agent *a = &l->agents[i];
        if (!a->link || repl_link_deadline(a->link) > now)
            continue;
        repl_link_tick(a->link, now);
        while (a->link && repl_link_next(a->link, &e))
            hang_up(l, a);
    }
}

/* ---- the work ---- */

static void serve(struct load *l, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++)
        on_ready(l, events[i].data.ptr, events[i].events);
    dial_some(l);
    expire(l);
}

static void deliver(struct load *l, uint32_t expected)
{
    uint64_t begun = now_ms(), before = l->bytes;
    l->expected = expected;
    for (uint32_t i = 0; i < l->count; i++)
        judge(l, &l->agents[i]);
    while (l->whole < l->count && now_ms() < begun + PATIENCE_S * 1000)
        serve(l, 10);
    printf("%s %.3f %llu %u\n", l->whole == l->count ? "done" : "late",
           (double)(now_ms() - begun) / 1000, (unsigned long long)(l->bytes - before), l->whole);
    fflush(stdout);
}

/* Lines come from a driver; meanwhile beats are read. */
static void run(struct load *l)
{
    char line[64];
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    for (;;) {
        ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
        if (n == 0)
            return;
        if (n > 0) {
            line[n] = 0;
            deliver(l, (uint32_t)strtoul(line, NULL, 10));
        } else if (l->expected) {
            serve(l, 50);
        } else {
            usleep(20000);
        }
    }
}

static void make_agent(struct load *l, uint32_t number)
{
    struct agent *a = &l->agents[number];
    char text[REPL_KEY_TEXT], path[4096];
    a->number = number;
    repl_identity_new(text);
    if (repl_identity_parse(text, &a->id))
        abort();
    repl_public_format(a->id.public_key, text);
    snprintf(path, sizeof path, "%s/a%05u.pub", l->directory, number);
    FILE *f = fopen(path, "w");
    if (!f)
        fail(path);
    fprintf(f, "%s\n", text);
    fclose(f);
}

static void read_node(struct load *l, const char *address, const char *key)
{
    uint8_t public_key[REPL_KEY];
    char host[64];
    const char *colon = strchr(address, ':');
    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - address) : 0, address);
    l->node = (struct sockaddr_in){ .sin_family = AF_INET };
    l->node.sin_port = htons((uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0));
    errno = EINVAL;
    if (inet_pton(AF_INET, host, &l->node.sin_addr) != 1 || repl_public_parse(key, public_key))
        fail(address);
    l->party = repl_party(REPL_ROLE_NODE, 1, public_key);
}

int main(int argc, char **argv)
{
    static struct load l;
    static const struct option options[] = { { "count", 1, NULL, 'c' },  { "node", 1, NULL, 'n' },
                                             { "key", 1, NULL, 'k' },    { "cluster", 1, NULL, 'u' },
                                             { "secret", 1, NULL, 's' }, { "keys", 1, NULL, 'd' },
                                             { NULL, 0, NULL, 0 } };
    const char *values[256] = { 0 };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        values[o & 0xff] = optarg ? optarg : "";
    struct rlimit limit;
    if (sodium_init() < 0 || getrlimit(RLIMIT_NOFILE, &limit))
        return 1;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    l.count = values['c'] ? (uint32_t)strtoul(values['c'], NULL, 10) : 0;
    if (!l.count || !values['n'] || !values['k'] || !values['u'] || !values['s'] || !values['d'] ||
        l.count + 64 > limit.rlim_max) {
        fprintf(stderr, "bench-agents: --count N --node A:P --key K --cluster C --secret F --keys D; "
                        "at most %llu descriptors\n", (unsigned long long)limit.rlim_max);
        return 2;
    }
    l.cluster = values['u'];
    l.directory = values['d'];
    read_node(&l, values['n'], values['k']);
    if (!keyfile_secret(values['s'], &l.secrets, stderr))
        return 1;
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.agents = calloc(l.count, sizeof *l.agents);
    if (l.epoll < 0 || !l.agents)
        fail("memory");
    for (uint32_t i = 0; i < l.count; i++)
        make_agent(&l, i);
    puts("keys");
    fflush(stdout);
    run(&l);
    return 0;
}
