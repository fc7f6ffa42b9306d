#include "tests/sim/shrink.h"

#include <string.h>

enum {
    HEAL_MS = 100000, /* longer than the brake holds, of who takes the shared target after the last pause */
    LATE_MS = 150000, /* where the brake may begin late: what a file refuses is lost, not withdrawn, to who takes the shared
                       * target late; and with neighbours of prefixes a node converges late */
    LOOK_MS = 3000,  /* every so often: is it over? … */
    PATIENT_EVERY = 31, /* … but of one seed in so many, which sees what comes later, too: half of all time is theirs with
                         * one in four, a tenth with this; a prime, as worlds are told apart by what 2, 3 and 4 leave */
    PARTED_MS = 15000,
    RUNS_MAX = 200,
};

typedef void end_check(struct world *w);

/* As the check sees it, without a verdict; and nothing is under way that it does not see. */
static bool is_over(struct world *w, end_check *check)
{
    bool verbose = w->verbose;
    w->verbose = false;
    check(w);
    w->verbose = verbose;
    bool over = !w->failure[0];
    w->failure[0] = 0;
    return over && (check != check_settled || check_is_at_rest(w));
}

static unsigned words(const struct world *w)
{
    return w->counts[SIM_TOLD] + w->counts[SIM_UNTOLD];
}

/* A7: nobody is told anything between two looks at what is over, unless he asks. */
static void check_quiet(struct world *w, unsigned before)
{
    if (words(w) != before && !w->kind.asks)
        sim_fail(w, "A7: NVAs are told %u times of routes, and nothing happens", words(w) - before);
}

/* Nobody sleeps any more then: who sleeps tells nothing of what it alone has heard. */
static uint64_t awake_ms(const struct world *w)
{
    uint64_t at = w->now;
    for (int i = 0; i < w->host_count; i++)
        at = w->hosts[i].paused_until > at ? w->hosts[i].paused_until : at;
    return at;
}

/* Until twice in a row nothing was left to be done, or the time is up: then the verdict. */
static void settle(struct world *w, uint64_t ms, end_check *check)
{
    uint64_t end = awake_ms(w) + ms;
    for (int over = 0; over < 2 && w->now < end && !w->failure[0];) {
        unsigned before = words(w);
        world_run(w, w->now + LOOK_MS);
        if (!w->failure[0] && w->seed % PATIENT_EVERY)
            over = is_over(w, check) ? over + 1 : 0;
        if (over == 2 && check == check_settled)
            check_quiet(w, before);
    }
    if (!w->failure[0])
        check(w);
}

static void heal(struct world *w)
{
    act_heal(w);
    settle(w, w->kind.is_tuned || w->kind.dynamic ? LATE_MS : HEAL_MS, check_settled);
}

uint64_t sim_run(struct world *w, uint64_t seed, const bool *skips, bool verbose)
{
    world_init(w, seed, skips, verbose);
    world_run(w, w->faults_until);
    if (!w->failure[0] && w->host_count > 2) {
        act_part(w);
        settle(w, PARTED_MS, check_parted);
        w->counts[SIM_CONNECTED]++;
    }
    if (!w->failure[0])
        heal(w);
    if (!w->failure[0] && (sim_isolate(w) || sim_divide(w)))
        heal(w);
    world_fini(w);
    return w->trace;
}

/* "at 1234 ms: I6: …" fails alike when it is I6. */
static void invariant_of(const char *failure, char out[static 16])
{
    const char *name = strstr(failure, "ms: ");
    snprintf(out, 16, "%.8s", name ? name + 4 : failure);
    out[strcspn(out, ":")] = 0;
}

static bool fails_alike(struct world *w, uint64_t seed, const bool *skips, const char *invariant)
{
    char other[16];
    sim_run(w, seed, skips, false);
    invariant_of(w->failure, other);
    return w->failure[0] && !strcmp(other, invariant);
}

/* Acts of skips that happen, from the nth of them on, at most count. Returns how many there were. */
static unsigned leave_out(bool *skips, unsigned acts, unsigned nth, unsigned count)
{
    unsigned left_out = 0;
    for (unsigned i = 0; i < acts && left_out < count; i++) {
        if (skips[i])
            continue;
        if (nth) {
            nth--;
            continue;
        }
        skips[i] = true;
        left_out++;
    }
    return left_out;
}

static unsigned count_kept(const bool *skips, unsigned acts)
{
    unsigned count = 0;
    for (unsigned i = 0; i < acts; i++)
        count += !skips[i];
    return count;
}

static void write_script(const bool *skips, unsigned acts, char script[static SIM_SCRIPT_MAX])
{
    size_t at = 0;
    script[0] = 0;
    for (unsigned i = 0; i < acts && at + 8 < SIM_SCRIPT_MAX; i++)
        if (!skips[i])
            at += (size_t)snprintf(script + at, SIM_SCRIPT_MAX - at, "%s%u", at ? "," : "", i);
}

void sim_shrink(struct world *w, uint64_t seed, char script[static SIM_SCRIPT_MAX])
{
    bool best[SIM_ACTS_MAX] = { 0 }, attempt[SIM_ACTS_MAX];
    char invariant[16];
    unsigned acts = w->acts < SIM_ACTS_MAX ? w->acts : SIM_ACTS_MAX, runs = 0;
    invariant_of(w->failure, invariant);
    for (unsigned i = acts; i < SIM_ACTS_MAX; i++)
        best[i] = true; /* it came without them: no script needs what would have happened next */
    if (!fails_alike(w, seed, best, invariant))
        return; /* Q4: it does not even fail again */
    for (unsigned part = count_kept(best, acts) / 2; part && runs < RUNS_MAX; part /= 2)
        for (unsigned nth = 0; nth < count_kept(best, acts) && runs < RUNS_MAX; runs++) {
            memcpy(attempt, best, sizeof attempt);
            leave_out(attempt, acts, nth, part);
            if (fails_alike(w, seed, attempt, invariant))
                memcpy(best, attempt, sizeof best);
            else
                nth += part;
        }
    write_script(best, acts, script);
}
