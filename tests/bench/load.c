/* load --daemon ADDR:PORT --asn N --feeder ADDR --receiver ADDR [--prefixes N | --mrt FILE] [--mode rs|ebgp]
 *
 * One feeder announces a full table to a daemon, one receiver takes what the daemon sends on, and
 * checks it: every prefix, its attributes, its next hop. Prints one line of JSON:
 *   seconds from the first byte sent until the last expected route arrived, messages, and whether the
 *   set was exact. A fast wrong answer is a failure. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bgp/prefix_table.h"
#include "bgp/session.h"
#include "tests/bench/table.h"

/* Private AS numbers (RFC 6996) that no path of a real table has: they would be loops. */
static const uint32_t FEEDER_ASN = 4200000001, RECEIVER_ASN = 4200000002;

enum { RX = 1 << 20, PATIENCE_MS = 60000 };

struct expected { /* of one prefix: the newest announcement counts */
    uint32_t set; /* index + 1 */
    bool arrived;
};

struct speaker {
    struct bgp_session *session;
    int fd;
    uint8_t *rx;
    size_t rx_len;
    const uint8_t *tx;
    size_t tx_len;
    bool up;
};

struct load {
    struct ip_addr daemon, feeder_addr, receiver_addr;
    uint16_t port;
    uint32_t asn;
    bool prepends; /* the daemon is an ordinary eBGP speaker */
    struct table table;
    struct prefix_table index;
    struct speaker feeder, receiver;
    size_t expected, arrived;
    uint64_t wrong, messages;
    uint64_t start_ns, end_ns;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ms(void)
{
    return now_ns() / 1000000;
}

static int dial(const struct ip_addr *from, const struct ip_addr *to, uint16_t port)
{
    struct sockaddr_in local = { .sin_family = AF_INET }, remote = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, size = 4 << 20;
    memcpy(&local.sin_addr, from->bytes, 4);
    memcpy(&remote.sin_addr, to->bytes, 4);
    remote.sin_port = htons(port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&local, sizeof local) == 0) {
        for (int i = 0; i < 200; i++) {
            if (connect(fd, (struct sockaddr *)&remote, sizeof remote) == 0)
                return fd;
            usleep(50000);
        }
    }
    perror("connect");
    exit(2);
}

static void speaker_start(struct speaker *s, const struct load *l, const struct ip_addr *addr,
                          uint32_t asn)
{
    struct bgp_session_cfg cfg = { .local_asn = asn,
                                   .local_identifier = wire_get32(addr->bytes),
                                   .peer_asn = l->asn,
                                   .peer_addr = l->daemon,
                                   .local_addr = *addr,
                                   .hold_s = 240,
                                   .connect_retry_s = 5,
                                   .backoff_max_s = 5,
                                   .family = { true, false },
                                   .any_first_as = true,
                                   .seed = asn };
    struct bgp_session_event e;
    s->session = bgp_session_new(&cfg);
    s->rx = malloc(RX);
    bgp_session_start(s->session, now_ms());
    s->fd = dial(addr, &l->daemon, l->port);
    while (bgp_session_next(s->session, &e))
        ;
    bgp_session_connected(s->session, addr, now_ms());
}

/* ---- what arrives ---- */

static bool is_right(const struct load *l, uint32_t set, const struct bgp_attrs *a)
{
    const struct table_set *s = &l->table.sets[set - 1];
    struct bgp_attrs sent;
    if (!bgp_attrs_summarise(l->table.bytes + s->attrs, (uint16_t)s->attrs_len, &sent))
        return false;
    if (!ip_addr_is_equal(&a->next_hop, &l->feeder_addr))
        return false;
    if (l->prepends)
        return a->path_len == sent.path_len + 1 && a->neighbor_as == l->asn &&
               a->origin_as == sent.origin_as;
    return a->len == sent.len && memcmp(a->bytes, sent.bytes, a->len) == 0;
}

static void take_update(struct load *l, const struct bgp_update *u)
{
    l->messages++;
    for (int i = 0; i < u->reach_count; i++) {
        struct bgp_nlri nlri = u->reach[i];
        struct ip_prefix p;
        uint32_t id;
        while (bgp_nlri_next(&nlri, &p, &id)) {
            uint32_t place = prefix_table_find(&l->index, &p);
            struct expected *e = place ? prefix_table_record(&l->index, place) : NULL;
            if (!e || !is_right(l, e->set, &u->attrs[i])) {
                l->wrong++;
            } else if (!e->arrived) {
                e->arrived = true;
                l->arrived++;
            }
        }
    }
    if (l->arrived == l->expected && !l->end_ns)
        l->end_ns = now_ns();
}

static void take_events(struct load *l, struct speaker *s)
{
    struct bgp_session_event e;
    while (bgp_session_next(s->session, &e)) {
        if (e.kind == BGP_EVENT_UP)
            s->up = true;
        if (e.kind == BGP_EVENT_UPDATE && s == &l->receiver)
            take_update(l, e.update);
        if (e.kind == BGP_EVENT_DOWN || e.kind == BGP_EVENT_CLOSE) {
            fprintf(stderr, "session ended: %s (code %u/%u)\n", e.reason ? e.reason : "closed",
                    e.fault.code, e.fault.subcode);
            exit(2);
        }
    }
}

static void read_some(struct load *l, struct speaker *s)
{
    ssize_t n = recv(s->fd, s->rx + s->rx_len, RX - s->rx_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        fprintf(stderr, "connection lost\n");
        exit(2);
    }
    s->rx_len += n > 0 ? (size_t)n : 0;
    size_t used = 0;
    for (size_t k; used < s->rx_len; used += k) {
        k = bgp_session_feed(s->session, BGP_SLOT_OURS, s->rx + used, s->rx_len - used, now_ms());
        take_events(l, s);
        if (!k)
            break;
    }
    memmove(s->rx, s->rx + used, s->rx_len - used);
    s->rx_len -= used;
}

static void write_some(struct speaker *s)
{
    uint8_t control[4096];
    size_t n = bgp_session_pull(s->session, BGP_SLOT_OURS, control, sizeof control);
    if (n && send(s->fd, control, n, MSG_NOSIGNAL) != (ssize_t)n)
        exit(2); /* a few bytes into an idle socket */
    if (!s->tx_len)
        return;
    ssize_t sent = send(s->fd, s->tx, s->tx_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        s->tx += sent;
        s->tx_len -= (size_t)sent;
    }
}

static void turn(struct load *l)
{
    struct speaker *both[] = { &l->feeder, &l->receiver };
    struct pollfd fds[2];
    for (int i = 0; i < 2; i++) {
        if (!both[i]->tx_len)
            write_some(both[i]); /* keepalives only between tables: a bench is shorter than a hold time */
        fds[i] = (struct pollfd){ .fd = both[i]->fd,
                                  .events = (short)(POLLIN | (both[i]->tx_len ? POLLOUT : 0)) };
    }
    poll(fds, 2, 100);
    for (int i = 0; i < 2; i++) {
        if (fds[i].revents & POLLIN)
            read_some(l, both[i]);
        if (fds[i].revents & POLLOUT)
            write_some(both[i]);
        bgp_session_tick(both[i]->session, now_ms());
        take_events(l, both[i]);
    }
}

/* ---- the run ---- */

static void index_table(struct load *l)
{
    struct hash_key key = { 1, 2 };
    prefix_table_init(&l->index, key, sizeof(struct expected));
    for (size_t i = 0; i < l->table.set_count; i++)
        for (uint32_t k = 0; k < l->table.sets[i].count; k++) {
            uint32_t place =
                prefix_table_get(&l->index, &l->table.prefixes[l->table.sets[i].first + k]);
            struct expected *e = prefix_table_record(&l->index, place);
            l->expected += e->set == 0;
            e->set = (uint32_t)i + 1;
        }
}

static void run(struct load *l)
{
    size_t len;
    speaker_start(&l->feeder, l, &l->feeder_addr, FEEDER_ASN);
    speaker_start(&l->receiver, l, &l->receiver_addr, RECEIVER_ASN);
    uint64_t give_up = now_ms() + PATIENCE_MS;
    while (!(l->feeder.up && l->receiver.up) && now_ms() < give_up)
        turn(l);
    usleep(300000); /* the daemon's own first words are over */
    uint8_t *bytes = table_encode(&l->table, bgp_session_codec(l->feeder.session), &l->feeder_addr, &len);
    l->feeder.tx = bytes;
    l->feeder.tx_len = len;
    l->start_ns = now_ns();
    while (!l->end_ns && !l->wrong && now_ms() < give_up)
        turn(l);
    printf("{\"prefixes\": %zu, \"sets\": %zu, \"bytes\": %zu, \"arrived\": %zu, \"wrong\": %llu, "
           "\"messages\": %llu, \"seconds\": %.4f}\n",
           l->expected, l->table.set_count, len, l->arrived, (unsigned long long)l->wrong,
           (unsigned long long)l->messages, l->end_ns ? (double)(l->end_ns - l->start_ns) / 1e9 : -1.0);
    fflush(stdout);
    free(bytes);
}

static void must_parse(const char *text, struct ip_addr *out)
{
    if (ip_addr_parse(text, out)) {
        fprintf(stderr, "%s is no address\n", text);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "daemon", required_argument, NULL, 'd' },   { "port", required_argument, NULL, 'p' },
        { "asn", required_argument, NULL, 'a' },      { "feeder", required_argument, NULL, 'f' },
        { "receiver", required_argument, NULL, 'r' }, { "prefixes", required_argument, NULL, 'n' },
        { "mrt", required_argument, NULL, 'm' },      { "prepends", no_argument, NULL, 'e' },
        { "hold", required_argument, NULL, 'h' },     { NULL, 0, NULL, 0 },
    };
    static struct load l = { .port = 179, .asn = 64500 };
    size_t prefixes = 577000;
    const char *mrt = NULL;
    unsigned hold_ms = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'd': must_parse(optarg, &l.daemon); break;
        case 'f': must_parse(optarg, &l.feeder_addr); break;
        case 'r': must_parse(optarg, &l.receiver_addr); break;
        case 'p': l.port = (uint16_t)strtoul(optarg, NULL, 10); break;
        case 'a': l.asn = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': prefixes = strtoul(optarg, NULL, 10); break;
        case 'm': mrt = optarg; break;
        case 'e': l.prepends = true; break;
        case 'h': hold_ms = (unsigned)strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    if (!mrt)
        table_make(&l.table, prefixes, FEEDER_ASN, 1);
    else if (!table_read_mrt(&l.table, mrt, FEEDER_ASN))
        return 2;
    index_table(&l);
    run(&l);
    usleep(hold_ms * 1000); /* sessions stay: the daemon's memory can be read */
    return l.arrived == l.expected && !l.wrong ? 0 : 1;
}
