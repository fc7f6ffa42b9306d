/* Every known prefix stands on at most one list, and the list says what is to be done with it:
 *
 *     PUT      to be added or replaced            RETRY+k  failed, waits for its back-off
 *     DELETE   to be removed, evidence complete   MERGE    waits until the node has converged
 *     LOST     to be removed, if the brake lets it
 *
 * A change of wanted, actual or flags ends in place(), which moves the prefix to the list where it
 * belongs: O(1), and no operation can be queued twice. An operation in flight is on no list; its
 * result places the prefix again, so a wish that changed meanwhile is never lost. */
#include "node/program/program_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Prefixes that are placed anew at a time, where all of them have to be: under a millisecond. */
enum { JUDGE_SLICE = 8192, WAKE_SLICE = 1024 };

const struct program_cfg program_defaults = {
    .brake_min = 50,
    .brake_percent = 30,
    .brake_hold_ms = 60000,
    .retry_min_ms = 1000,
    .retry_max_ms = 60000,
};

/* From the kernel, which answers at once, to a resource manager that takes its time. */
static const struct histogram_bounds took_bounds = {
    .per_second = 1000,
    .count = 12,
    .at = { 1, 5, 10, 25, 50, 100, 250, 1000, 2500, 10000, 30000, 120000 }
};

struct program *program_new(const struct program_cfg *cfg, struct nhset_table *sets)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->cfg = *cfg;
    p->sets = sets;
    for (int f = 0; f < BGP_FAMILIES; f++) {
        slab_init(&p->entries[f], sizeof(struct entry));
        slab_init(&p->kept[f], sizeof(uint32_t));
    }
    p->stats.merging = true;
    p->stats.took[false].bounds = p->stats.took[true].bounds = &took_bounds;
    return p;
}

/* ------------------------------------------------------------------- what to do with a prefix */

static enum list_name retry_list(const struct entry *e)
{
    unsigned level = e->tries ? e->tries - 1u : 0;
    return RETRY + (level < RETRY_LEVELS ? level : RETRY_LEVELS - 1);
}

/* What is to stand there: what was inherited comes back when that goes which was put in its place. */
static uint32_t goal(const struct program *p, uint32_t prefix, const struct entry *e)
{
    uint32_t set = program_kept(p, prefix);
    return set && nhset_is_subset(p->sets, e->wanted, set) ? set : e->wanted;
}

/* Deletion rule and merge mode of the header; everything else is a PUT. */
static enum list_name list_for(const struct program *p, uint32_t prefix, const struct entry *e)
{
    uint32_t set = goal(p, prefix, e);
    if ((e->flags & IN_FLIGHT) || (set == e->actual && !(e->flags & MAY_GO)))
        return OFF;
    if (e->flags & BACKOFF)
        return retry_list(e);
    if (set != e->wanted)
        return PUT;
    bool merging = p->stats.merging && (e->flags & (INHERITED | DISPROVED)) == INHERITED;
    if (e->wanted == 0) {
        /* Once claimed, all that spoke for the inherited route is known; a withdrawal is of that. */
        bool proven = (e->flags & (WITHDRAWN | CLAIMED)) == (WITHDRAWN | CLAIMED);
        bool held = p->hearsay_until_ms && (e->flags & (HEARSAY | WITHDRAWN)) == HEARSAY;
        if ((merging && !proven) || held)
            return MERGE;
        return e->flags & WITHDRAWN ? DELETE : LOST;
    }
    if (merging && !(e->flags & CLAIMED) && nhset_is_subset(p->sets, e->wanted, e->actual))
        return MERGE;
    return PUT;
}

/* Nothing is kept for what nobody speaks for, and for what stands there, or is about to. */
static void review_kept(struct program *p, uint32_t prefix, struct entry *e)
{
    uint32_t set = program_kept(p, prefix);
    if (!set || (e->flags & IN_FLIGHT))
        return;
    if (e->actual == set)
        e->flags &= (uint16_t)~CLAIMED;
    if (e->actual == set || !e->actual || e->flags & DISPROVED || nhset_is_subset(p->sets, set, e->wanted))
        program_keep_no_more(p, prefix);
}

static void wish(struct program *p, struct entry *e, uint32_t nhset)
{
    e->flags &= (uint16_t)~LEAVES;
    if (nhset == e->wanted)
        return;
    program_set_ref(p, &e->wanted, nhset);
    e->flags &= (uint16_t) ~(WITHDRAWN | BACKOFF);
    e->tries = 0;
}

/* What may be held of it stands there, or there is nothing to hold. */
static void leave(struct program *p, struct entry *e)
{
    bool waits = e->flags & IN_FLIGHT || (e->actual && e->actual != e->wanted);
    if (e->flags & LEAVES && !waits)
        wish(p, e, 0);
}

static void place(struct program *p, uint32_t prefix, struct entry *e)
{
    review_kept(p, prefix, e);
    leave(p, e);
    if (e->wanted == e->actual && !(e->flags & (IN_FLIGHT | MAY_GO))) {
        e->flags &= (uint16_t) ~(FAILED | BACKOFF | HEARSAY);
        e->tries = 0;
        if (e->actual)
            e->flags |= CLAIMED;
    }
    program_count(p, e);
    enum list_name list = list_for(p, prefix, e);
    if (list != e->list) {
        program_take_off(p, e);
        program_put_on(p, prefix, e, list);
        if (list == LOST)
            e->due_ms = (uint32_t)(p->now_ms + p->cfg.brake_hold_ms);
    }
    if (!e->wanted && !e->actual && !(e->flags & IN_FLIGHT))
        *e = (struct entry){ 0 }; /* forgotten: the index may name another prefix next */
}

static void set_actual(struct program *p, struct entry *e, uint32_t nhset)
{
    if (nhset == 0)
        e->flags &= (uint16_t) ~(INHERITED | CLAIMED | HEARSAY | DISPROVED | MAY_GO);
    program_set_ref(p, &e->actual, nhset);
}

int program_inherit(struct program *p, uint32_t prefix, uint32_t nhset)
{
    struct entry *e = program_make_entry(p, prefix);
    if (!e)
        return BGP_ERR_NOMEM;
    e->flags |= INHERITED | (p->reads_late ? HEARSAY : 0);
    set_actual(p, e, nhset);
    place(p, prefix, e);
    return 0;
}

void program_reads_late(struct program *p)
{
    p->reads_late = true;
}

int program_observe(struct program *p, uint32_t prefix, uint32_t nhset)
{
    struct entry *e = program_make_entry(p, prefix);
    if (!e)
        return BGP_ERR_NOMEM;
    if (e->actual == nhset)
        return 0;
    /* What nobody ever named is no evidence against itself: it counts as inherited. Nor is a withdrawal that was
     * heard before it was put. */
    if (e->wanted == 0 && (e->actual == 0 || p->hearsay_until_ms)) {
        e->flags |= INHERITED | HEARSAY;
        e->flags &= (uint16_t)~WITHDRAWN;
    }
    e->flags &= (uint16_t) ~(BACKOFF | CLAIMED | MAY_GO); /* what was wanted, and stood there, is not what stands there now */
    set_actual(p, e, nhset);
    place(p, prefix, e);
    return 0;
}

static bool is_among(const struct ip_addr *hops, size_t count, const struct ip_addr *hop)
{
    for (size_t i = 0; i < count; i++)
        if (ip_addr_is_equal(&hops[i], hop))
            return true;
    return false;
}

/* Of what was wanted last, that which was lost; with a reference, 0 = it is not known. */
static uint32_t lost_share(struct program *p, uint32_t nhset, bool *nomem)
{
    const struct nhset *set = nhset_get(p->sets, nhset);
    struct ip_addr hops[NHSET_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (is_among(p->lost, p->lost_count, &set->members[i]))
            hops[count++] = set->members[i];
    return nhset_intern(p->sets, hops, count, nomem);
}

/* Before it is on LOST the share of those that were lost is to stand there. Not where others have a word on that, or where
 * it is still judged. */
static int lose(struct program *p, struct entry *e)
{
    bool nomem = false, is_ours = e->wanted && e->actual && !p->stats.merging && !p->hearsay_until_ms;
    if (e->flags & LEAVES)
        return 0;
    uint32_t share = is_ours ? lost_share(p, e->wanted, &nomem) : 0;
    if (nomem)
        return BGP_ERR_NOMEM;
    bool leaves = share && share != e->actual;
    wish(p, e, leaves ? share : 0);
    e->flags |= leaves ? LEAVES : 0;
    nhset_unref(p->sets, share);
    return 0;
}

int program_want(struct program *p, uint32_t prefix, uint32_t nhset, enum program_cause cause,
                 uint64_t now_ms)
{
    struct entry *e = nhset ? program_make_entry(p, prefix) : program_entry(p, prefix);
    if (!e)
        return nhset ? BGP_ERR_NOMEM : 0;
    if (!nhset && !program_holds(p, prefix))
        return 0;
    p->now_ms = now_ms;
    if (!nhset && cause == PROGRAM_LOST && lose(p, e))
        return BGP_ERR_NOMEM;
    if (nhset || cause == PROGRAM_WITHDRAWN)
        wish(p, e, nhset);
    /* A loss after a withdrawal takes no evidence back. */
    if (!nhset && cause == PROGRAM_WITHDRAWN)
        e->flags |= WITHDRAWN;
    place(p, prefix, e);
    return 0;
}

/* By all that it leads to. */
static bool is_told_of(const struct program *p, uint32_t nhset)
{
    const struct nhset *set = nhset_get(p->sets, nhset);
    for (uint32_t i = 0; i < set->count; i++)
        if (!is_among(p->told, p->told_count, &set->members[i]))
            return false;
    return true;
}

/* What waits to be judged before goes first, and may be lost by that. */
static void begin_told(struct program *p)
{
    bool is_merge = p->judge_next && program_entry(p, p->judge_next)->list == MERGE;
    if (p->told_count && !is_merge)
        p->judge_next = p->chains[LOST].head;
}

static void judge_slice(struct program *p)
{
    p->judged_ms = p->now_ms;
    for (uint32_t left = JUDGE_SLICE, prefix; left && (prefix = p->judge_next); left--) {
        struct entry *e = program_entry(p, prefix);
        bool was_lost = e->list == LOST;
        p->judge_next = e->next;
        if (was_lost && is_told_of(p, e->actual))
            e->flags |= WITHDRAWN;
        place(p, prefix, e);
        if (!p->judge_next && !was_lost)
            begin_told(p);
        else if (!p->judge_next)
            p->told_count = 0;
    }
}

/* What held them may be over. */
static void judge_waiting(struct program *p)
{
    if (!p->chains[MERGE].count)
        return;
    p->judge_next = p->chains[MERGE].head;
    judge_slice(p);
}

static void forget_kept(struct program *p, uint32_t prefix)
{
    if (!program_kept(p, prefix))
        return;
    program_keep_no_more(p, prefix);
    place(p, prefix, program_entry(p, prefix));
}

/* False: there is more. */
static bool forget_slice(struct program *p)
{
    uint32_t left = JUDGE_SLICE;
    for (; p->forgotten_family < BGP_FAMILIES; p->forgotten_family++, p->forgotten = 0) {
        struct slab *kept = &p->kept[p->forgotten_family];
        for (; p->forgotten + 1 < kept->top; p->forgotten++) {
            if (!left--)
                return false;
            forget_kept(p, prefix_index((enum bgp_family)p->forgotten_family, p->forgotten + 1));
        }
        slab_fini(kept);
    }
    return true;
}

/* Merge mode lasts until nothing is kept: it takes nothing away. */
static void converge_slice(struct program *p)
{
    p->judged_ms = p->now_ms;
    if (!forget_slice(p))
        return;
    p->converges = p->stats.merging = false;
    judge_waiting(p);
}

void program_converged(struct program *p, uint64_t now_ms)
{
    p->now_ms = now_ms;
    p->converges = true;
    p->forgotten_family = 0;
    p->forgotten = 0;
    converge_slice(p);
}

bool program_is_merging(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return p->stats.merging && e && (e->list == MERGE || program_kept(p, prefix));
}

void program_disproved(struct program *p, uint32_t prefix, enum program_cause cause, uint64_t now_ms)
{
    struct entry *e = program_entry(p, prefix);
    p->now_ms = now_ms;
    e->flags |= DISPROVED;
    e->flags &= (uint16_t)~HEARSAY;
    if (!e->wanted && cause == PROGRAM_WITHDRAWN)
        e->flags |= WITHDRAWN;
    place(p, prefix, e);
}

void program_doubt(struct program *p, uint32_t prefix, uint64_t now_ms)
{
    struct entry *e = program_entry(p, prefix);
    if (!program_is_unwanted(p, prefix))
        return;
    p->now_ms = now_ms;
    e->flags |= INHERITED | HEARSAY;
    e->flags &= (uint16_t) ~(WITHDRAWN | CLAIMED);
    place(p, prefix, e);
}

void program_hold_hearsay(struct program *p, uint64_t until_ms, uint64_t now_ms)
{
    bool ends = p->hearsay_until_ms && until_ms <= now_ms;
    p->now_ms = now_ms;
    p->hearsay_until_ms = until_ms > now_ms ? until_ms : 0;
    if (ends)
        judge_waiting(p);
}

/* ------------------------------------------------------------------------------------- brake */

void program_told(struct program *p, const struct ip_addr *hops, size_t count, uint64_t now_ms)
{
    p->now_ms = now_ms;
    p->told_count = p->chains[LOST].count ? count : 0;
    if (!p->told_count)
        return;
    memcpy(p->told, hops, count * sizeof *hops);
    begin_told(p);
    judge_slice(p);
}

void program_lost(struct program *p, const struct ip_addr *hops, size_t count)
{
    p->lost = hops;
    p->lost_count = count;
}

void program_set_awaited(struct program *p, bool is_awaited)
{
    p->is_awaited = is_awaited;
}

void program_hold_deletions(struct program *p, bool is_held)
{
    p->holds_deletions = is_held;
}

void program_set_heard(struct program *p, bool is_heard, uint64_t now_ms)
{
    p->now_ms = now_ms;
    /* The first session that returns says nothing about the others: they get the full hold. */
    if (is_heard && !p->is_heard && p->chains[LOST].count)
        p->brake_until_ms = now_ms + p->cfg.brake_hold_ms;
    if ((!is_heard || !p->is_heard) && p->chains[LOST].count)
        p->stats.brake_on = true;
    p->is_heard = is_heard;
}

static uint64_t due_time(const struct program *p, const struct entry *e)
{
    int32_t ahead = (int32_t)(e->due_ms - (uint32_t)p->now_ms);
    return ahead > 0 ? p->now_ms + (uint32_t)ahead : p->now_ms;
}

static uint64_t lost_due(const struct program *p)
{
    uint64_t due = due_time(p, program_entry(p, p->chains[LOST].head));
    return due > p->brake_until_ms ? due : p->brake_until_ms;
}

/* Would more than max(brake_min, brake_percent) of the table go within one hold time? Counting over
 * a window, since the owner tells its losses in slices. */
static bool lost_is_too_much(struct program *p)
{
    if (p->now_ms >= p->window_until_ms) {
        p->window_until_ms = p->now_ms + p->cfg.brake_hold_ms;
        p->window_table = p->stats.installed;
        p->window_lost = 0;
    }
    uint64_t limit = (uint64_t)p->window_table * p->cfg.brake_percent / 100;
    if (limit < p->cfg.brake_min)
        limit = p->cfg.brake_min;
    return (uint64_t)p->window_lost + p->chains[LOST].count > limit;
}

/* The lost prefix that may be removed now, 0 = none. */
static uint32_t next_lost(struct program *p)
{
    uint32_t prefix = p->chains[LOST].head;
    if (!prefix || p->judge_next || p->is_awaited) /* how many there are is not known yet */
        return 0;
    if (!p->is_heard || (!p->stats.brake_on && lost_is_too_much(p)))
        p->stats.brake_on = true;
    if (!p->stats.brake_on) {
        p->window_lost++;
        return prefix;
    }
    return p->is_heard && lost_due(p) <= p->now_ms ? prefix : 0;
}

/* -------------------------------------------------------------------------------- operations */

/* The first of a list goes back to work, if it is time. */
static bool wake(struct program *p, int list)
{
    uint32_t prefix = p->chains[list].head;
    struct entry *e = prefix ? program_entry(p, prefix) : NULL;
    if (!e) {
        p->again[list] = 0;
        return false;
    }
    if (p->again[list]) {
        p->again[list]--;
        e->tries = 0;
    } else if (due_time(p, e) > p->now_ms) {
        return false;
    }
    e->flags &= (uint16_t)~BACKOFF;
    place(p, prefix, e);
    return true;
}

static void wake_retries(struct program *p)
{
    int left = WAKE_SLICE;
    for (int list = RETRY; list < LISTS; list++)
        while (left && wake(p, list))
            left--;
}

static void issue(struct program *p, uint32_t prefix, struct program_op *out)
{
    struct entry *e = program_entry(p, prefix);
    uint32_t set = goal(p, prefix, e);
    bool unclaimed = (e->flags & (INHERITED | CLAIMED | DISPROVED)) == INHERITED;
    bool merges = p->stats.merging && !p->converges;
    if (merges && set && e->actual && unclaimed && !program_kept(p, prefix) && !nhset_is_subset(p->sets, e->actual, set))
        program_keep(p, prefix, e->actual);
    *out = (struct program_op){ .kind = set ? PROGRAM_PUT : PROGRAM_DELETE,
                                .prefix = prefix,
                                .nhset = set,
                                .previous = e->actual };
    nhset_ref(p->sets, out->nhset);
    nhset_ref(p->sets, out->previous);
    e->flags |= IN_FLIGHT;
    e->due_ms = (uint32_t)p->now_ms;
    place(p, prefix, e);
}

/* What is to go is not judged yet where another node writes, and not known yet before the owner is through. */
static bool may_delete(const struct program *p)
{
    return p->hearsay_until_ms != UINT64_MAX && !p->holds_deletions;
}

bool program_next(struct program *p, uint64_t now_ms, struct program_op *out)
{
    p->now_ms = now_ms;
    wake_retries(p);
    if (p->converges && p->judged_ms != now_ms)
        converge_slice(p);
    if (p->judge_next && p->judged_ms != now_ms)
        judge_slice(p);
    if (p->hearsay_until_ms && now_ms >= p->hearsay_until_ms)
        program_hold_hearsay(p, 0, now_ms);
    uint32_t prefix = program_pick(p, PUT);
    if (!prefix && may_delete(p))
        prefix = program_pick(p, DELETE);
    if (!prefix && may_delete(p))
        prefix = next_lost(p);
    if (!prefix)
        return false;
    issue(p, prefix, out);
    return true;
}

static uint64_t retry_delay(const struct program *p, unsigned level)
{
    uint64_t delay = p->cfg.retry_min_ms << (level < RETRY_LEVELS ? level : RETRY_LEVELS - 1);
    return delay < p->cfg.retry_max_ms ? delay : p->cfg.retry_max_ms;
}

static void note_failure(struct program *p, struct entry *e, const struct program_op *op)
{
    p->stats.errors++;
    e->flags |= FAILED;
    if (e->flags & LEAVES) /* what stands there is held as it is */
        wish(p, e, 0);
    if (goal(p, op->prefix, e) != op->nhset)
        return; /* the wish changed meanwhile: the new one is tried at once */
    e->flags |= BACKOFF;
    e->due_ms = (uint32_t)(p->now_ms + retry_delay(p, e->tries));
    if (e->tries < UINT8_MAX)
        e->tries++;
}

void program_result(struct program *p, const struct program_op *op, bool ok, uint64_t now_ms)
{
    struct entry *e = program_entry(p, op->prefix);
    assert(e && (e->flags & IN_FLIGHT));
    p->now_ms = now_ms;
    e->flags &= (uint16_t)~IN_FLIGHT;
    histogram_add(&p->stats.took[ok], (uint32_t)now_ms - e->due_ms);
    if (ok) {
        set_actual(p, e, op->nhset);
        if (op->nhset)
            e->flags |= CLAIMED;
        e->flags &= (uint16_t) ~(FAILED | HEARSAY | MAY_GO);
        e->tries = 0;
        *(op->kind == PROGRAM_PUT ? &p->stats.puts : &p->stats.deletes) += 1;
    } else {
        note_failure(p, e, op);
    }
    place(p, op->prefix, e);
    nhset_unref(p->sets, op->nhset);
    nhset_unref(p->sets, op->previous);
}

void program_abandon(struct program *p, const struct program_op *op, uint64_t now_ms)
{
    struct entry *e = program_entry(p, op->prefix);
    assert(e && (e->flags & IN_FLIGHT));
    p->now_ms = now_ms;
    e->flags &= (uint16_t)~IN_FLIGHT;
    if (op->kind == PROGRAM_DELETE && e->actual)
        e->flags |= MAY_GO;
    place(p, op->prefix, e);
    nhset_unref(p->sets, op->nhset);
    nhset_unref(p->sets, op->previous);
}

void program_retry(struct program *p, uint64_t now_ms)
{
    p->now_ms = now_ms;
    for (int list = RETRY; list < LISTS; list++)
        p->again[list] = p->chains[list].count;
    wake_retries(p);
}

uint64_t program_deadline(const struct program *p)
{
    if (p->chains[PUT].count || (p->chains[DELETE].count && may_delete(p)) || p->judge_next || p->converges)
        return 0;
    uint64_t deadline = UINT64_MAX;
    if (p->chains[MERGE].count && p->hearsay_until_ms)
        deadline = p->hearsay_until_ms;
    if (p->chains[LOST].count && p->is_heard && !p->is_awaited && may_delete(p)) {
        uint64_t due = p->stats.brake_on ? lost_due(p) : 0;
        deadline = due < deadline ? due : deadline;
    }
    for (int i = RETRY; i < LISTS; i++) {
        uint32_t head = p->chains[i].head;
        uint64_t due = !head ? UINT64_MAX : p->again[i] ? 0 : due_time(p, program_entry(p, head));
        deadline = due < deadline ? due : deadline;
    }
    return deadline;
}

/* --------------------------------------------------------------------------------------- end */

static void let_go(struct program *p, uint32_t prefix, struct entry *e)
{
    program_keep_no_more(p, prefix);
    nhset_unref(p->sets, e->wanted);
    nhset_unref(p->sets, e->actual);
    *e = (struct entry){ 0 };
}

bool program_dissolve(struct program *p, uint32_t budget, program_released *released, void *data)
{
    for (; p->dissolved_family < BGP_FAMILIES; p->dissolved_family++, p->dissolved = 0)
        while (p->dissolved + 1 < p->entries[p->dissolved_family].top) {
            uint32_t prefix = prefix_index((enum bgp_family)p->dissolved_family, p->dissolved + 1);
            if (!budget--)
                return true;
            bool was_held = program_holds(p, prefix);
            let_go(p, prefix, program_entry(p, prefix));
            p->dissolved++;
            if (was_held && released)
                released(data, prefix);
        }
    return false;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    while (program_dissolve(p, UINT32_MAX, NULL, NULL))
        ;
    for (int f = 0; f < BGP_FAMILIES; f++) {
        slab_fini(&p->entries[f]);
        slab_fini(&p->kept[f]);
    }
    free(p);
}
