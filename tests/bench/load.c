/* bench-load DAEMON-ADDRESS PORT ASN: BGP speakers around one daemon, told what to do line by line.
 *
 * Every line on stdin is answered by one line of JSON on stdout. Speakers are named; what they announce
 * is a range of the table, and goes out when a measurement starts.
 *
 *   table COUNT | mrt FILE          the universe of routes
 *   peer NAME ADDRESS ASN PREPEND judged|unjudged [DAEMON-ADDRESS]
 *   kernel NETNS-PATH               the routes of that host's kernel are judged too (next hops)
 *   up NAME...                      connect and wait for Established
 *   announce NAME FIRST COUNT MED   withdraw NAME          queue; MED 0: as the table has it
 *   join NAME   drop NAME           connect, or vanish, when the clock starts
 *   trickle NAME RATE SECONDS       single changed routes
 *   go SECONDS                      measure, for so long at most
 *   rest MS                         the sessions stay, nothing is measured
 *
 * Exit status 2: the load itself could not go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/fib.h"
#include "tests/bench/load.h"

enum { WORDS = 2 + LOAD_SPEAKERS, UP_SECONDS = 60 };

struct words {
    int count;
    char *word[WORDS];
};

struct daemon {
    struct ip_addr addr;
    uint16_t port;
    uint32_t asn;
};

struct command_context {
    struct load load;
    struct daemon daemon;
};

static unsigned long number(const char *text)
{
    return strtoul(text, NULL, 10);
}

static struct ip_addr address(const char *text)
{
    struct ip_addr a;
    if (ip_addr_parse(text, &a)) {
        fprintf(stderr, "bench-load: %s is no address\n", text);
        exit(2);
    }
    return a;
}

struct speaker *load_find(struct load *l, const char *name)
{
    for (int i = 0; i < l->count; i++)
        if (strcmp(l->speakers[i].name, name) == 0)
            return &l->speakers[i];
    fprintf(stderr, "bench-load: there is no peer %s\n", name);
    exit(2);
}

static int find(struct load *l, const char *name)
{
    return (int)(load_find(l, name) - l->speakers);
}

static void done(void)
{
    puts("{}");
}

/* ---- the commands ---- */

static void do_table(struct command_context *c, const struct words *w)
{
    table_make(&c->load.table, number(w->word[1]), 1);
    truth_init(&c->load.truth, &c->load.table);
    printf("{\"prefixes\": %zu, \"sets\": %zu}\n", c->load.table.prefix_count,
           c->load.table.set_count);
}

static void do_mrt(struct command_context *c, const struct words *w)
{
    if (!table_read_mrt(&c->load.table, w->word[1])) {
        fprintf(stderr, "bench-load: %s has no announcements that can be read\n", w->word[1]);
        exit(2);
    }
    truth_init(&c->load.truth, &c->load.table);
    printf("{\"prefixes\": %zu, \"sets\": %zu}\n", c->load.table.prefix_count,
           c->load.table.set_count);
}

static void do_peer(struct command_context *c, const struct words *w)
{
    struct load *l = &c->load;
    if (l->count == LOAD_SPEAKERS || !l->truth.table) {
        fprintf(stderr, "bench-load: a table first, then at most %d peers\n", LOAD_SPEAKERS);
        exit(2);
    }
    struct speaker_cfg *cfg = &l->cfgs[l->count];
    struct speaker *s = &l->speakers[l->count++];
    *cfg = (struct speaker_cfg){ .addr = address(w->word[2]),
                                 .daemon = w->count > 6 ? address(w->word[6]) : c->daemon.addr,
                                 .port = c->daemon.port,
                                 .asn = (uint32_t)number(w->word[3]),
                                 .daemon_asn = c->daemon.asn };
    speaker_init(s, w->word[1], cfg);
    s->prepend = (unsigned)number(w->word[4]);
    s->is_judged = strcmp(w->word[5], "judged") == 0;
    if (s->is_judged)
        truth_receiver_init(&s->receiver, &l->truth, TRUTH_NOBODY);
    done();
}

static void do_kernel(struct command_context *c, const struct words *w)
{
    struct load *l = &c->load;
    l->fib = fib_open(w->word[1]);
    if (l->fib < 0) {
        perror(w->word[1]);
        exit(2);
    }
    truth_receiver_init(&l->kernel, &l->truth, TRUTH_NOBODY);
    l->kernel.hops_only = true;
    load_watch_kernel(l);
    done();
}

static void do_up(struct command_context *c, const struct words *w)
{
    for (int i = 1; i < w->count; i++) {
        load_connect(&c->load, find(&c->load, w->word[i]));
    }
    load_wait_up(&c->load, UP_SECONDS);
    done();
}

/* A speaker becomes a sender with its first announcement. */
static struct truth_sender *sender_of(struct load *l, struct speaker *s, uint32_t asn)
{
    if (s->sender == TRUTH_NOBODY) {
        const struct table_shape shape = { .asn = asn, .prepend = s->prepend, .next_hop = s->addr };
        s->sender = truth_add_sender(&l->truth, &shape);
        s->receiver.sender = s->sender;
    }
    return &l->truth.senders[s->sender];
}

static void do_announce(struct command_context *c, const struct words *w)
{
    struct load *l = &c->load;
    int i = find(l, w->word[1]);
    struct speaker *s = &l->speakers[i];
    struct truth_sender *sender = sender_of(l, s, l->cfgs[i].asn);
    sender->first = number(w->word[2]);
    sender->count = number(w->word[3]);
    sender->shape.med = (uint32_t)number(w->word[4]);
    if (sender->newest < sender->shape.med)
        sender->newest = sender->shape.med;
    if (sender->first + sender->count > l->table.prefix_count) {
        fprintf(stderr, "bench-load: the table has only %zu prefixes\n", l->table.prefix_count);
        exit(2);
    }
    table_announce(&l->table, sender->first, sender->count, &sender->shape,
                   bgp_session_codec(s->session), &s->queued);
    done();
}

static void do_withdraw(struct command_context *c, const struct words *w)
{
    struct load *l = &c->load;
    struct speaker *s = load_find(l, w->word[1]);
    struct truth_sender *sender = &l->truth.senders[s->sender];
    table_withdraw(&l->table, sender->first, sender->count, bgp_session_codec(s->session),
                   &s->queued);
    sender->count = 0;
    done();
}

static void do_join(struct command_context *c, const struct words *w)
{
    int i = find(&c->load, w->word[1]);
    c->load.joins[i] = true;
    done();
}

static void do_drop(struct command_context *c, const struct words *w)
{
    struct speaker *s = load_find(&c->load, w->word[1]);
    c->load.truth.senders[s->sender].count = 0;
    c->load.drops[s - c->load.speakers] = true;
    done();
}

static void do_trickle(struct command_context *c, const struct words *w)
{
    size_t rate = number(w->word[2]);
    c->load.trickle = (struct trickle){ .from = load_find(&c->load, w->word[1]),
                                        .interval_ns = 1000000000u / rate,
                                        .count = rate * number(w->word[3]) };
    done();
}

static void do_rest(struct command_context *c, const struct words *w)
{
    load_rest(&c->load, (unsigned)number(w->word[1]));
    done();
}

/* ---- what was measured ---- */

struct sums {
    size_t receivers, expected;
    uint64_t routes, withdrawals, messages, wrong;
};

static void add(const struct load *l, const struct truth_receiver *r, struct sums *out)
{
    out->receivers++;
    out->expected += truth_expected(&l->truth, r);
    out->routes += r->routes;
    out->withdrawals += r->withdrawals;
    out->messages += r->messages;
    out->wrong += r->wrong;
}

static struct sums sum(const struct load *l)
{
    struct sums out = { 0 };
    for (int i = 0; i < l->count; i++)
        if (l->speakers[i].is_judged)
            add(l, &l->speakers[i].receiver, &out);
    if (l->fib >= 0)
        add(l, &l->kernel, &out);
    return out;
}

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_latency(struct truth *t)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } ranks[] = { { "p50", 500 }, { "p99", 990 }, { "p99.9", 999 } };
    if (!t->took)
        return;
    qsort(t->took_ns, t->took, sizeof *t->took_ns, compare_ns);
    printf(", \"samples\": %zu", t->took);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        printf(", \"%s\": %.1f", ranks[i].name,
               (double)t->took_ns[t->took * ranks[i].per_mille / 1000] / 1000);
    printf(", \"max\": %.1f", (double)t->took_ns[t->took - 1] / 1000);
}

static void do_go(struct command_context *c, const struct words *w)
{
    struct sums before = sum(&c->load);
    struct load_result r = load_run(&c->load, (unsigned)number(w->word[1]));
    struct sums s = sum(&c->load);
    printf("{\"seconds\": %.6f, \"receivers\": %zu, \"expected\": %zu, \"missing\": %zu, "
           "\"wrong\": %llu, "
           "\"routes\": %llu, \"withdrawals\": %llu, \"messages\": %llu, \"sent_bytes\": %zu",
           r.seconds, s.receivers, s.expected, r.missing, (unsigned long long)s.wrong,
           (unsigned long long)(s.routes - before.routes),
           (unsigned long long)(s.withdrawals - before.withdrawals),
           (unsigned long long)(s.messages - before.messages), r.sent);
    print_latency(&c->load.truth);
    puts("}");
}

static const struct {
    const char *name;
    int words;
    void (*run)(struct command_context *, const struct words *);
} commands[] = {
    { "table", 2, do_table },       { "mrt", 2, do_mrt },   { "peer", 6, do_peer },
    { "kernel", 2, do_kernel },     { "up", 2, do_up },     { "announce", 5, do_announce },
    { "withdraw", 2, do_withdraw }, { "join", 2, do_join }, { "drop", 2, do_drop },
    { "trickle", 4, do_trickle },   { "rest", 2, do_rest }, { "go", 2, do_go },
};

static struct words split(char *line)
{
    struct words w = { 0 };
    for (char *save, *word = strtok_r(line, " \n", &save); word && w.count < WORDS;
         word = strtok_r(NULL, " \n", &save))
        w.word[w.count++] = word;
    return w;
}

static void obey(struct command_context *c, char *line)
{
    struct words w = split(line);
    for (size_t i = 0; w.count && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(w.word[0], commands[i].name) == 0 && w.count >= commands[i].words) {
            commands[i].run(c, &w);
            fflush(stdout);
            return;
        }
    fprintf(stderr, "bench-load: not understood: %s\n", w.count ? w.word[0] : "an empty line");
    exit(2);
}

int main(int argc, char **argv)
{
    static struct command_context c;
    char *line = NULL;
    size_t cap = 0;
    if (argc != 4) {
        fprintf(stderr, "bench-load DAEMON-ADDRESS PORT ASN < commands\n");
        return 2;
    }
    c.daemon =
        (struct daemon){ address(argv[1]), (uint16_t)number(argv[2]), (uint32_t)number(argv[3]) };
    load_init(&c.load);
    while (getline(&line, &cap, stdin) > 0)
        obey(&c, line);
    free(line);
    load_fini(&c.load);
    return 0;
}
