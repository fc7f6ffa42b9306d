#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/fib.h"
#include "tests/bench/load.h"

enum {
    EVENTS = 64,
    KERNEL = LOAD_SPEAKERS, /* epoll's number of the kernel's socket */
    SETTLE_MS = 200,        /* complete, and still so after this */
    WAITING_MAX = 1 << 30,  /* bytes that may wait to be judged */
    ROUTE_BYTES = 16,       /* with its share of an UPDATE's attributes */
    TICK_NS = 500000000,
};

static void end(const char *who, const char *why)
{
    printf("{\"error\": \"%s: %s\"}\n", who, why);
    fflush(stdout);
    exit(2);
}

void load_init(struct load *l)
{
    *l = (struct load){ .fib = -1, .epoll = epoll_create1(EPOLL_CLOEXEC) };
}

void load_fini(struct load *l)
{
    for (int i = 0; i < l->count; i++)
        speaker_fini(&l->speakers[i], &l->blocks);
    blocks_fini(&l->blocks);
    truth_receiver_fini(&l->kernel);
    truth_fini(&l->truth);
    table_fini(&l->table);
    close(l->epoll);
}

/* ---- the loop ---- */

static void watch(struct load *l, int i, int operation)
{
    struct speaker *s = &l->speakers[i];
    struct epoll_event e = { .events = EPOLLIN | (s->waits_to_send ? EPOLLOUT : 0u),
                             .data.u32 = (uint32_t)i };
    epoll_ctl(l->epoll, operation, s->fd, &e);
}

static void write_some(struct load *l, int i)
{
    struct speaker *s = &l->speakers[i];
    speaker_write(s);
    if (s->fd >= 0 && s->waits_to_send == speaker_has_sent(s)) {
        s->waits_to_send = !s->waits_to_send;
        watch(l, i, EPOLL_CTL_MOD);
    }
}

static void judge(struct load *l, int i)
{
    struct speaker *s = &l->speakers[i];
    bool was_up = s->up;
    if (!speaker_judge(s, &l->blocks, &l->truth))
        end(s->name, "the session ended");
    if (!was_up)
        write_some(l, i); /* OPEN and KEEPALIVE are answered at once */
}

/* One block, of the speakers in turn. */
static void judge_one(struct load *l)
{
    for (int i = 0; i < l->count; i++) {
        int next = l->judge_next;
        l->judge_next = (next + 1) % l->count;
        if (l->speakers[next].first) {
            judge(l, next);
            return;
        }
    }
}

static void read_some(struct load *l, int i, uint64_t now)
{
    struct speaker *s = &l->speakers[i];
    if (speaker_read(s, &l->blocks, now))
        return;
    while (s->first) /* its last words say why */
        judge(l, i);
    end(s->name, "the connection is gone");
}

static void handle(struct load *l, const struct epoll_event *e, uint64_t now)
{
    if (e->data.u32 == KERNEL) {
        if (!fib_read(l->fib, &l->truth, &l->kernel, now))
            end("kernel", "messages were lost");
        return;
    }
    struct speaker *s = &l->speakers[e->data.u32];
    if (s->fd >= 0 && e->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_some(l, (int)e->data.u32, now);
    if (s->fd >= 0 && e->events & EPOLLOUT)
        write_some(l, (int)e->data.u32);
}

static void tick(struct load *l, uint64_t now)
{
    if (now - l->ticked_ns < TICK_NS)
        return;
    l->ticked_ns = now;
    for (int i = 0; i < l->count; i++) {
        if (l->speakers[i].fd < 0)
            continue;
        bgp_session_tick(l->speakers[i].session, now / 1000000);
        write_some(l, i);
    }
}

static void turn(struct load *l, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, l->blocks.waiting ? 0 : wait_ms);
    uint64_t now = now_ns();
    for (int i = 0; i < n; i++)
        handle(l, &events[i], now);
    if (l->blocks.waiting && (n <= 0 || l->blocks.waiting > WAITING_MAX))
        judge_one(l);
    tick(l, now);
}

void load_rest(struct load *l, unsigned ms)
{
    for (uint64_t until = now_ns() + ms * 1000000ull; now_ns() < until;)
        turn(l, 10);
}

void load_watch_kernel(struct load *l)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = KERNEL };
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->fib, &e);
}

/* ---- sessions ---- */

void load_connect(struct load *l, int i)
{
    speaker_dial(&l->speakers[i], &l->cfgs[i]);
    watch(l, i, EPOLL_CTL_ADD);
}

static bool all_up(const struct load *l)
{
    for (int i = 0; i < l->count; i++)
        if (l->speakers[i].fd >= 0 && !l->speakers[i].up)
            return false;
    return true;
}

void load_wait_up(struct load *l, unsigned patience_s)
{
    uint64_t until = now_ns() + patience_s * 1000000000ull;
    while (!all_up(l)) {
        turn(l, 5);
        if (now_ns() > until)
            end("load", "sessions do not come up");
    }
}

/* ---- a measurement ---- */

static size_t start(struct load *l)
{
    size_t sent = 0;
    for (int i = 0; i < l->count; i++) {
        struct speaker *s = &l->speakers[i];
        if (l->drops[i])
            speaker_close(s);
        if (l->joins[i])
            load_connect(l, i);
        l->drops[i] = l->joins[i] = false;
        sent += s->queued.len;
        speaker_release(s);
        write_some(l, i);
    }
    return sent;
}

/* What every judged receiver may be sent before anybody has time to judge: all that is sent now, and, when
 * peers come or go, what others sent before. */
static void reserve(struct load *l)
{
    size_t sent = 0, receivers = 0, routes = 0;
    for (int i = 0; i < l->count; i++) {
        const struct speaker *s = &l->speakers[i];
        sent += s->queued.len;
        if (!s->is_judged)
            continue;
        receivers++;
        routes += truth_expected(&l->truth, &s->receiver);
    }
    size_t most = sent * receivers + routes * ROUTE_BYTES;
    blocks_reserve(&l->blocks, most < WAITING_MAX ? most : WAITING_MAX);
}

static void settle(struct load *l)
{
    uint64_t now = now_ns();
    truth_settle_senders(&l->truth);
    for (int i = 0; i < l->count; i++)
        if (l->speakers[i].is_judged)
            truth_settle_receiver(&l->truth, &l->speakers[i].receiver, now);
    if (l->fib >= 0)
        truth_settle_receiver(&l->truth, &l->kernel, now);
}

/* Single routes at their times; the processor spins, for a timer would be late by more than a
 * route takes. */
static void run_trickle(struct load *l)
{
    struct trickle *k = &l->trickle;
    struct truth *t = &l->truth;
    struct truth_sender *sender = &t->senders[k->from->sender];
    uint64_t begin = now_ns();
    t->sent_ns = calloc(k->count, sizeof *t->sent_ns);
    if (!t->sent_ns)
        abort();
    while (t->sent < k->count) {
        turn(l, 0);
        if (now_ns() < begin + t->sent * k->interval_ns)
            continue;
        size_t prefix = sender->first + t->sent * 7919 % sender->count;
        struct table_shape shape = sender->shape;
        shape.med = (uint32_t)t->sent + 1;
        truth_renew(t, k->from->sender, prefix, shape.med);
        table_announce(t->table, prefix, 1, &shape, bgp_session_codec(k->from->session),
                       &k->from->queued);
        speaker_release(k->from);
        t->sent_ns[t->sent++] = now_ns();
        write_some(l, (int)(k->from - l->speakers));
    }
    k->from = NULL;
}

struct standing {
    bool complete;
    size_t missing;
    uint64_t wrong, done_ns;
};

static void add_receiver(const struct load *l, const struct truth_receiver *r, struct standing *out)
{
    out->missing += l->table.prefix_count - r->right;
    out->complete &= truth_is_complete(&l->truth, r);
    out->wrong += r->wrong;
    if (r->done_ns > out->done_ns)
        out->done_ns = r->done_ns;
}

static struct standing look(const struct load *l)
{
    struct standing out = { .complete = l->blocks.waiting == 0 };
    for (int i = 0; i < l->count; i++) {
        const struct speaker *s = &l->speakers[i];
        if (s->fd < 0)
            continue; /* not there yet, or no longer */
        out.complete &= speaker_has_sent(s);
        if (s->is_judged)
            add_receiver(l, &s->receiver, &out);
    }
    if (l->fib >= 0)
        add_receiver(l, &l->kernel, &out);
    return out;
}

static struct standing wait_complete(struct load *l, unsigned patience_s)
{
    uint64_t until = now_ns() + patience_s * 1000000000ull;
    struct standing s = look(l);
    while (!s.complete && !s.wrong && now_ns() < until) {
        turn(l, 20);
        s = look(l);
    }
    return s;
}

struct load_result load_run(struct load *l, unsigned patience_s)
{
    struct load_result out = { .seconds = -1 };
    settle(l);
    reserve(l);
    uint64_t begin = now_ns();
    out.sent = start(l);
    if (l->trickle.from) {
        run_trickle(l);
        settle(l);
    }
    struct standing s;
    do { /* complete for good */
        s = wait_complete(l, patience_s);
        load_rest(l, s.complete ? SETTLE_MS : 0);
        s.complete &= look(l).complete;
    } while (!s.complete && !s.wrong && now_ns() - begin < patience_s * 1000000000ull);
    s = look(l);
    out.missing = s.missing;
    if (s.complete && !s.wrong)
        out.seconds = (double)(s.done_ns - begin) / 1e9;
    return out;
}
