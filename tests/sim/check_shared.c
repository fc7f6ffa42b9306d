/* Invariants of the shared target: each request as it is sent, for what its sender knew, and as it is carried
 * out, for what stood there then. */
#include <string.h>

#include "tests/sim/shared.h"

/* ---- as it is sent ---- */

static bool is_write(const struct sim_call *c)
{
    return !strcmp(c->q.method, "PUT") || strstr(c->q.url, "/v3/kv/txn");
}

/* I1 and I7 of the table that it would leave. */
static void check_table(struct world *w, const struct host *h, struct sim_call *c, const struct sim_table *next)
{
    const struct sim_table *now = &w->store->table;
    for (int i = 0; i < w->prefix_count && !c->fault[0]; i++) {
        if (now->present[i] && !next->present[i]) {
            w->counts[SIM_SHARED_REMOVALS]++;
            check_removal(w, h, now, i, c->fault);
        }
        for (uint32_t k = 0; next->present[i] && k < next->hop_count[i]; k++) {
            int nva = sim_party_at(&next->hops[i][k]) - SIM_NODES_MAX;
            if (nva < 0 || nva >= w->nva_count || !w->nvas[nva].ever[i])
                snprintf(c->fault, sizeof c->fault, "I7: node %d writes a next hop of prefix %d that nobody announced",
                         h->number, i);
        }
    }
}

/* D6: who of those that this node hears, and that could write it, has a newer configuration, as far as it knows? */
static int newer_config(const struct world *w, const struct host *h)
{
    for (int i = 0; i < w->host_count; i++) {
        const struct core_member *m = &h->core->members[i + 1];
        if (i != h->number && sim_shares(w, i) && core_member_is_here(m) && m->config_generation > h->core->config->generation)
            return i;
    }
    return -1;
}

/* F5: who was fenced off is quiet for one second, the next time for two, and so on, whatever becomes of the owner. */
static void check_quiet(struct world *w, const struct host *h)
{
    enum { QUIET_MS = 1000, QUIET_MAX_MS = 60000 };
    uint64_t quiet = h->fenced > 6 ? QUIET_MAX_MS : h->fenced ? (uint64_t)QUIET_MS << (h->fenced - 1) : 0;
    if (w->now < h->fenced_at + quiet)
        sim_fail(w, "F5: node %d was fenced off at %llu, for the time no. %u, and takes the target already", h->number,
                 (unsigned long long)h->fenced_at, h->fenced);
}

void check_fenced(struct world *w, struct host *h)
{
    const struct repl_fence *f = sim_shares(w, h->number) ? core_fence(h->core, 1) : NULL;
    if (!f || f->role != REPL_FENCED || f->since_ms == h->fenced_at)
        return;
    h->fenced_at = f->since_ms;
    h->fenced++;
}

void check_call(struct world *w, struct host *h, struct sim_call *c)
{
    struct sim_table next;
    struct repl_fence_record fence;
    const struct repl_fence *f = core_fence(h->core, 1);
    if (!c->is_stream && sim_http_count(h) > 1)
        sim_fail(w, "L4: node %d has two requests under way", h->number);
    if (!is_write(c))
        return;
    store_foresee(w, c, &next, &fence);
    c->incarnation = h->core->incarnation;
    c->newer = newer_config(w, h);
    c->epoch = f->role == REPL_ACTIVE ? f->epoch : repl_fence_next_epoch(f);
    if (w->store->kind == SIM_ARM)
        c->epoch = fence.epoch; /* it is in the same document */
    if (c->epoch < f->highest_epoch)
        sim_fail(w, "F4: node %d has seen epoch %llu and writes as of %llu", h->number,
                 (unsigned long long)f->highest_epoch, (unsigned long long)c->epoch);
    check_table(w, h, c, &next);
    if (f->role != REPL_ACTIVE)
        check_quiet(w, h);
}

/* ---- as it is carried out ---- */

/* F7: does anybody whom this node hears remember the epoch of a record that is lost? Beats tell it: after four of them
 * on the same link there is no excuse. Whom it does not hear it cannot ask, and the record was the only other memory. Nor
 * can it know what came about after it had asked, or just before. */
static bool is_told(const struct world *w, const struct sim_call *c)
{
    enum { TOLD_MS = 200 };
    const struct host *h = &w->hosts[c->host];
    bool could_hear = h->core && h->incarnation == c->life && w->store->taken_at + TOLD_MS < c->sent_at;
    for (int i = 0; could_hear && i < w->host_count; i++) {
        const struct core_member *m = &h->core->members[i + 1];
        bool is_linked = i != c->host && m->link && m->life.state == REPL_MEMBER_ALIVE &&
                         m->life.since_ms + TOLD_MS < c->sent_at;
        if (is_linked && w->hosts[i].core && sim_shares(w, i) && core_fence(w->hosts[i].core, 1)->highest_epoch >= w->store->epoch)
            return true;
    }
    return false;
}

static void check_takeover(struct world *w, const struct sim_call *c, const struct repl_fence_record *before,
                           const struct repl_fence_record *after)
{
    struct sim_store *s = w->store;
    if (after->epoch <= s->epoch && (before->epoch || is_told(w, c)))
        sim_fail(w, "F1: epoch %llu after %llu, by node %d", (unsigned long long)after->epoch,
                 (unsigned long long)s->epoch, c->host);
    if (before->epoch && after->epoch != before->epoch + 1 && !s->has_lost_fence)
        sim_fail(w, "F3: node %d takes over and raises the epoch by more than one", c->host);
    if (after->owner != (uint32_t)c->host + 1 || after->incarnation != c->incarnation)
        sim_fail(w, "F2: node %d writes a fence of somebody else", c->host);
    if (c->newer >= 0)
        sim_fail(w, "D6: node %d takes the target over with an older configuration than node %d's", c->host, c->newer);
    w->counts[SIM_TAKEOVERS]++;
    s->takeovers++;
    s->taken_at = w->now;
    s->epoch = after->epoch;
    s->owner = c->host;
    s->owner_incarnation = c->incarnation;
    sim_note(w, "node %d takes the shared target, epoch %llu", c->host, (unsigned long long)after->epoch);
    unsigned faults = w->faults + s->faults + s->arm.faults + w->counts[SIM_LOST_REPLIES];
    if (s->takeovers > 1 + faults)
        sim_fail(w, "F5: %u takeovers of the shared target, and %u faults", s->takeovers, faults);
}

static void check_ordinary(struct world *w, const struct sim_call *c, const struct repl_fence_record *before)
{
    const struct sim_store *s = w->store;
    if (!before->epoch || c->epoch != s->epoch)
        sim_fail(w, "F1: a write of node %d as of epoch %llu is accepted in epoch %llu", c->host,
                 (unsigned long long)c->epoch, (unsigned long long)s->epoch);
    if (s->owner != c->host || s->owner_incarnation != c->incarnation)
        sim_fail(w, "F3: a write of node %d is accepted, and the owner is node %d", c->host, s->owner);
}

void check_carried_out(struct world *w, const struct sim_call *c, const struct repl_fence_record *before,
                       const struct repl_fence_record *after)
{
    const struct host *h = &w->hosts[c->host];
    w->counts[SIM_WRITES]++;
    w->counts[SIM_LATE_WRITES] += !h->core || h->incarnation != c->life;
    if (after->epoch != before->epoch || after->owner != before->owner || after->incarnation != before->incarnation)
        check_takeover(w, c, before, after);
    else
        check_ordinary(w, c, before);
    if (c->fault[0])
        sim_fail(w, "shared target: %s", c->fault);
    if (w->store->etcd.deleted_before_put)
        sim_fail(w, "I4: node %d deletes before it adds", c->host);
}

/* ---- I6 ---- */

/* Why it is there, or is not: what every node's program makes of it, for a run that is replayed. */
static void explain(struct world *w, int number)
{
    struct ip_prefix prefix = sim_prefix(number);
    const struct config_target *target;
    for (int i = 0; w->verbose && i < w->host_count; i++) {
        struct core *c = w->hosts[i].core;
        uint32_t net = c ? prefix_table_find(&c->rib.nets, &prefix) : 0;
        struct program *p = c && sim_shares(w, i) ? core_program(c, 1, &target) : NULL;
        if (net && p)
            printf("         node%d is %s, wants set %u, sees set %u; pending %u, held %u, inherited %u%s\n", i,
                   repl_fence_role_name(core_fence(c, 1)->role), program_wanted_set(p, net),
                   program_actual_set(p, net), program_stats(p)->pending, program_stats(p)->held_by_brake,
                   program_stats(p)->inherited, program_stats(p)->merging ? ", merging" : "");
    }
}

void check_store_settled(struct world *w)
{
    struct sim_table t;
    struct repl_fence_record fence;
    if (!w->store)
        return;
    store_read(w, &t, &fence);
    if (!fence.epoch)
        sim_fail(w, "L3: nobody owns the shared target after everything healed");
    for (int i = 0; i < w->prefix_count && !w->failure[0]; i++) {
        struct ip_addr hops[SIM_NVAS_MAX];
        uint32_t count = check_truth(w, sim_last_file(w), i, hops);
        bool is_right = t.present[i] == (count > 0) &&
                        (!count || (t.hop_count[i] == count && !memcmp(t.hops[i], hops, count * sizeof *hops)));
        if (!is_right)
            explain(w, i);
        if (t.present[i] != (count > 0))
            sim_fail(w, "I6: the shared target %s prefix %d", count ? "lacks" : "still has", i);
        else if (!is_right)
            sim_fail(w, "I6: the shared target has other next hops for prefix %d", i);
    }
}
