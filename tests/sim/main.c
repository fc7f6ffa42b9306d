/* sim --seeds N --from S [--jobs J] [--until-violation] [--keep LIST] [--no-shrink] [--traces] [--verbose]: N runs of
 * the simulated world, one a seed, J at a time. Exit 0 when no invariant was violated and everything that must
 * happen did. A failing seed prints what failed, and the shortest script of acts that was found to fail alike:
 * --keep runs that script again. Interrupted, or asked to end, it ends what it is at and counts. --traces prints a hash of each run: two builds that behave alike print the same. */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/shrink.h"

enum {
    TWICE_EVERY = 50,      /* one seed of so many is run twice */
    FAILURES_MAX = 5,
    ENOUGH_SEEDS = 300,    /* a run so long must have seen everything */
    JOBS_MAX = 64,
};

#define SIM_COUNT_TEXT(name, text) text,
static const char *const count_texts[] = { SIM_COUNT_MAP(SIM_COUNT_TEXT) };
#undef SIM_COUNT_TEXT

/* Of all jobs: they share it. */
struct totals {
    uint64_t counts[SIM_COUNTS];
    unsigned failures, seeds;
    uint64_t under_way[JOBS_MAX];
    volatile sig_atomic_t is_over; /* no further seed */
};

static struct totals *totals;

struct arguments {
    unsigned long long seeds, from;
    unsigned jobs, enough;
    bool is_verbose, tells_traces, shrinks, has_script;
    bool skips[SIM_ACTS_MAX];
};

static void print_failure(struct world *w, uint64_t seed, const struct arguments *a)
{
    char failure[sizeof w->failure], script[SIM_SCRIPT_MAX] = "";
    memcpy(failure, w->failure, sizeof failure);
    if (a->shrinks)
        sim_shrink(w, seed, script);
    printf("seed %llu: %s\n  replay: sim --seeds 1 --from %llu%s%s --verbose\n", (unsigned long long)seed, failure,
           (unsigned long long)seed, script[0] ? " --keep " : "", script);
    fflush(stdout);
}

static void run_seed(struct world *w, uint64_t seed, const struct arguments *a, struct totals *t)
{
    const bool *skips = a->has_script ? a->skips : NULL;
    uint64_t trace = sim_run(w, seed, skips, a->is_verbose);
    if (a->tells_traces)
        printf("seed %llu: trace %016llx\n", (unsigned long long)seed, (unsigned long long)trace);
    for (int i = 0; i < SIM_COUNTS; i++)
        __atomic_fetch_add(&t->counts[i], w->counts[i], __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->seeds, 1, __ATOMIC_RELAXED);
    if (!w->failure[0] && seed % TWICE_EVERY == 0 && sim_run(w, seed, skips, false) != trace)
        sim_fail(w, "Q4: the second run of the same seed was another one");
    if (!w->failure[0])
        return;
    __atomic_fetch_add(&t->failures, 1, __ATOMIC_RELAXED);
    print_failure(w, seed, a);
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

/* "3,17,40": these acts and no others. */
static void read_script(struct arguments *a, char *text)
{
    a->has_script = true;
    memset(a->skips, true, sizeof a->skips);
    for (char *word; (word = strsep(&text, ","));) {
        unsigned long number = strtoul(word, NULL, 10);
        if (*word && number < SIM_ACTS_MAX)
            a->skips[number] = false;
    }
}

static bool parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        { "seeds", required_argument, NULL, 'n' }, { "from", required_argument, NULL, 's' },
        { "jobs", required_argument, NULL, 'j' },  { "keep", required_argument, NULL, 'k' },
        { "verbose", no_argument, NULL, 'v' },     { "until-violation", no_argument, NULL, 'u' },
        { "no-shrink", no_argument, NULL, 'w' },   { "traces", no_argument, NULL, 't' },
        { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'n')
            a->seeds = strtoull(optarg, NULL, 10);
        else if (o == 's')
            a->from = strtoull(optarg, NULL, 10);
        else if (o == 'j')
            a->jobs = (unsigned)strtoul(optarg, NULL, 10);
        else if (o == 'k')
            read_script(a, optarg);
        else if (o == 'v')
            a->is_verbose = true;
        else if (o == 'u')
            a->enough = 1;
        else if (o == 't')
            a->tells_traces = true;
        else if (o == 'w')
            a->shrinks = false;
        else
            return false;
    }
    a->shrinks &= !a->is_verbose && !a->has_script;
    return optind == argc && a->jobs && a->jobs <= JOBS_MAX;
}

/* Every jobs-th seed. */
static void run_job(const struct arguments *a, unsigned job, struct totals *t)
{
    struct world *w = malloc(sizeof *w);
    if (!w)
        abort();
    for (uint64_t i = job; i < a->seeds && !t->is_over; i += a->jobs) {
        if (__atomic_load_n(&t->failures, __ATOMIC_RELAXED) >= a->enough)
            break;
        t->under_way[job] = a->from + i;
        run_seed(w, a->from + i, a, t);
    }
    free(w);
}

static void await(const pid_t *children, const struct arguments *a, struct totals *t)
{
    pid_t child;
    for (int status; (child = wait(&status)) > 0;)
        for (unsigned job = 0; job < a->jobs; job++)
            if (children[job] == child && !WIFEXITED(status)) { /* as an assertion ends it */
                printf("seed %llu: ended by signal %d\n  replay: sim --seeds 1 --from %llu --verbose\n",
                       (unsigned long long)t->under_way[job], WTERMSIG(status), (unsigned long long)t->under_way[job]);
                t->failures++;
            }
}

static void run_jobs(const struct arguments *a, struct totals *t)
{
    pid_t children[JOBS_MAX];
    if (a->jobs == 1) {
        run_job(a, 0, t);
        return;
    }
    for (unsigned job = 0; job < a->jobs; job++) {
        children[job] = fork();
        if (children[job] == 0) {
            run_job(a, job, t);
            exit(0);
        }
    }
    await(children, a, t);
}

static void on_signal(int number)
{
    (void)number;
    totals->is_over = true;
}

/* Whoever of the family is told. */
static void heed_signals(void)
{
    struct sigaction end = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
}

int main(int argc, char **argv)
{
    struct arguments a = { .seeds = 500, .from = 1, .jobs = 1, .enough = FAILURES_MAX, .shrinks = true };
    if (sodium_init() < 0 || !parse(argc, argv, &a))
        return 2;
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 1;
    heed_signals();
    run_jobs(&a, totals);
    bool seen = print_counts(totals, totals->seeds >= ENOUGH_SEEDS && !totals->failures);
    printf("%u seeds, %u violations\n", totals->seeds, totals->failures);
    return totals->failures || !seen ? 1 : 0;
}
