/* sim --seeds N --from S [--verbose] [--until-violation]: N runs of the simulated world, one a seed.
 * Exit 0 when no invariant was violated; a failing seed prints what failed and how to replay it. */
#include <getopt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

enum {
    HEAL_MS = 75000,       /* longer than the brake holds */
    PARTED_MS = 15000,
    TWICE_EVERY = 50,      /* one seed of so many is run twice */
    FAILURES_MAX = 5,
    ENOUGH_SEEDS = 300,    /* a run so long must have seen everything */
};

#define SIM_COUNT_TEXT(name, text) text,
static const char *const count_texts[] = { SIM_COUNT_MAP(SIM_COUNT_TEXT) };
#undef SIM_COUNT_TEXT

struct totals {
    uint64_t counts[SIM_COUNTS];
    unsigned failures;
};

/* One run; what failed stands in w->failure. Returns the trace. */
static uint64_t run(struct world *w, uint64_t seed, bool verbose)
{
    world_init(w, seed, verbose);
    world_run(w, w->faults_until);
    if (!w->failure[0] && w->host_count > 2 && !w->is_mixed) { /* the previous minor relays nothing */
        act_part(w);
        world_run(w, w->now + PARTED_MS);
        check_parted(w);
    }
    if (!w->failure[0]) {
        act_heal(w);
        world_run(w, w->now + HEAL_MS);
    }
    if (!w->failure[0])
        check_settled(w);
    world_fini(w);
    return w->trace;
}

static void run_seed(struct world *w, uint64_t seed, bool verbose, struct totals *t)
{
    uint64_t trace = run(w, seed, verbose);
    for (int i = 0; i < SIM_COUNTS; i++)
        t->counts[i] += w->counts[i];
    if (!w->failure[0] && seed % TWICE_EVERY == 0 && run(w, seed, false) != trace)
        sim_fail(w, "Q4: the second run of the same seed was another one");
    if (!w->failure[0])
        return;
    printf("seed %llu: %s\n  replay: sim --seeds 1 --from %llu --verbose\n", (unsigned long long)seed,
           w->failure, (unsigned long long)seed);
    fflush(stdout);
    t->failures++;
}

/* Everything that must happen did. */
static bool print_counts(const struct totals *t, bool all)
{
    bool seen = true;
    for (int i = 0; i < SIM_COUNTS; i++) {
        printf("%10llu %s%s\n", (unsigned long long)t->counts[i], count_texts[i],
               t->counts[i] || !all ? "" : ": must happen, and never did");
        seen &= t->counts[i] || !all;
    }
    return seen;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seeds", required_argument, NULL, 'n' },
                                             { "from", required_argument, NULL, 's' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { "until-violation", no_argument, NULL, 'u' },
                                             { NULL, 0, NULL, 0 } };
    unsigned long long seeds = 500, from = 1, seed;
    unsigned enough = FAILURES_MAX;
    bool verbose = false;
    struct totals t = { 0 };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'n')
            seeds = strtoull(optarg, NULL, 10);
        else if (o == 's')
            from = strtoull(optarg, NULL, 10);
        else if (o == 'v')
            verbose = true;
        else if (o == 'u')
            enough = 1;
        else
            return 2;
    }
    struct world *w = malloc(sizeof *w);
    if (!w)
        return 1;
    for (seed = from; seed < from + seeds && t.failures < enough; seed++)
        run_seed(w, seed, verbose, &t);
    free(w);
    bool seen = print_counts(&t, seeds >= ENOUGH_SEEDS && !t.failures);
    printf("%llu seeds, %u violations\n", seed - from, t.failures);
    return t.failures || !seen ? 1 : 0;
}
