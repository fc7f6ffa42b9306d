/* The load: speakers around one daemon, one loop, one measurement at a time. */
#ifndef TANDEM_TESTS_BENCH_LOAD_H
#define TANDEM_TESTS_BENCH_LOAD_H

#include "tests/bench/speaker.h"

enum { LOAD_SPEAKERS = 256 };

struct trickle {          /* single routes, one every interval */
    struct speaker *from; /* NULL: none */
    uint64_t interval_ns;
    size_t count;
};

struct load {
    struct table table;
    struct truth truth;
    struct speaker speakers[LOAD_SPEAKERS];
    struct speaker_cfg cfgs[LOAD_SPEAKERS];
    bool joins[LOAD_SPEAKERS], drops[LOAD_SPEAKERS]; /* when the clock starts */
    int count, judge_next;
    struct blocks blocks;
    int epoll, fib; /* fib -1: no kernel is watched */
    struct truth_receiver kernel;
    struct trickle trickle;
    uint64_t ticked_ns;
};

struct load_result {
    double
        seconds; /* from the start until the last route that was lacking arrived; < 0: it did not */
    size_t sent; /* bytes of UPDATEs */
    size_t missing; /* prefixes that are not as they should be, over all receivers */
};

void load_init(struct load *l);
void load_fini(struct load *l);
struct speaker *load_find(struct load *l,
                          const char *name); /* ends the process when there is none */

/* Connect, and wait until all of them are Established. */
void load_connect(struct load *l, int speaker);
void load_wait_up(struct load *l, unsigned patience_s);
/* The messages of fib are read from now on. */
void load_watch_kernel(struct load *l);
/* Turn the loop for a while. */
void load_rest(struct load *l, unsigned ms);
/* Start the clock, let everything go that was queued, wait until every judged receiver is complete. */
struct load_result load_run(struct load *l, unsigned patience_s);

#endif
