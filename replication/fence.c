#include "replication/fence.h"

enum {
    RANK_MS = 50,
    CONVERGE_MS = 1000, /* a node that has not converged lets one go first that has … */
    STARTED_MS = 1000,  /* … and one that has just started may hear the owner yet */
    QUIET_MIN_MS = 1000,
    QUIET_MAX_MS = 60000,
    QUIET_FORGET_MS = 300000,
    YIELD_MS = 10000, /* nobody took it in this time: then we may again */
    BLIND_MS = 10000, /* an owner without its target for so long yields to a node that has it */
    SILENT_BEATS = 3,
};

static const char *const role_names[REPL_FENCE_ROLES] = {
    [REPL_STANDBY] = "standby",
    [REPL_CANDIDATE] = "candidate",
    [REPL_ACTIVE] = "active",
    [REPL_FENCED] = "fenced",
};

const char *repl_fence_role_name(uint8_t role)
{
    return role < REPL_FENCE_ROLES ? role_names[role] : "unknown";
}

void repl_fence_init(struct repl_fence *f, const struct repl_fence_cfg *cfg, uint64_t now_ms)
{
    *f = (struct repl_fence){ .cfg = *cfg,
                              .must_read = true,
                              .since_ms = now_ms,
                              .unreadable_since_ms = now_ms,
                              .beat_changed_ms = now_ms,
                              .jitter = cfg->seed * 0x9e3779b97f4a7c15u + cfg->self };
}

static void enter(struct repl_fence *f, enum repl_fence_role role, uint64_t now_ms)
{
    if (f->role == role)
        return;
    f->role = (uint8_t)role;
    f->since_ms = now_ms;
}

static uint64_t random_below(struct repl_fence *f, uint64_t limit)
{
    f->jitter ^= f->jitter << 13;
    f->jitter ^= f->jitter >> 7;
    f->jitter ^= f->jitter << 17;
    return f->jitter % limit;
}

static void fence_off(struct repl_fence *f, uint64_t now_ms)
{
    if (f->fenced_count && now_ms >= f->fenced_ms + QUIET_FORGET_MS)
        f->fenced_count = 0;
    uint64_t quiet = f->fenced_count < 6 ? (uint64_t)QUIET_MIN_MS << f->fenced_count : QUIET_MAX_MS;
    f->fenced_count++;
    f->fenced_ms = now_ms;
    f->losses++;
    f->quiet_until_ms = now_ms + quiet + random_below(f, quiet / 4);
    enter(f, REPL_FENCED, now_ms);
}

/* ---- is anybody there? ---- */

static bool is_heard(const struct repl_fence_peer *p)
{
    return p->state == REPL_MEMBER_ALIVE || p->state == REPL_MEMBER_SUSPECT;
}

static bool is_other(const struct repl_fence *f, uint32_t id)
{
    return id >= 1 && id <= f->cfg.nodes && id != f->cfg.self;
}

/* Of this node an earlier life was heard than the one that has taken the target: of that one nothing is known but that
 * it did so. */
static bool has_risen(const struct repl_fence *f, uint32_t id)
{
    uint64_t heard = f->world.peers[id].incarnation;
    return heard && heard < f->lives[id];
}

/* A node that left on purpose knows that nobody hears it; its next life does not. */
static bool hears_all(const struct repl_fence *f)
{
    for (uint32_t id = 1; id <= f->cfg.nodes; id++) {
        bool has_left = f->world.peers[id].state == REPL_MEMBER_LEFT && !has_risen(f, id);
        if (is_other(f, id) && !is_heard(&f->world.peers[id]) && !has_left)
            return false;
    }
    return true;
}

static bool has_newest_config(const struct repl_fence *f)
{
    for (uint32_t id = 1; id <= f->cfg.nodes; id++)
        if (is_other(f, id) && is_heard(&f->world.peers[id]) &&
            f->world.peers[id].config_generation > f->world.config_generation)
            return false;
    return true;
}

static bool is_mine(const struct repl_fence *f, const struct repl_fence_record *r)
{
    return r->epoch && r->owner == f->cfg.self && r->incarnation == f->world.incarnation;
}

enum owner { OWNER_THERE, OWNER_UNSURE, OWNER_GONE };

/* A suspect is no witness: of a side that is gone one node is found dead some milliseconds after another. */
static bool hears_most(const struct repl_fence *f)
{
    uint32_t heard = 1;
    for (uint32_t id = 1; id <= f->cfg.nodes; id++)
        heard += is_other(f, id) && f->world.peers[id].state == REPL_MEMBER_ALIVE;
    return 2 * heard > f->cfg.nodes;
}

static bool is_heir(const struct repl_fence *f)
{
    return f->given_epoch && f->record.epoch == f->given_epoch + 1;
}

/* It took the target when it was not heard any more, so it lives, on the other side of a partition. The larger side takes
 * it back; if the smaller one, or each of two halves, did so too, there would be no end of it. Of a pair the former owner
 * is fenced, and that is the end, or it had given the target up. */
static bool is_apart(const struct repl_fence *f, const struct repl_fence_peer *owner)
{
    return (f->cfg.nodes > 2 || is_heir(f)) && owner->incarnation && owner->seen_epoch < f->record.epoch && !hears_most(f);
}

/* Of the record read last. UNSURE: only silence in the target as well makes it gone. */
static enum owner judge_owner(const struct repl_fence *f)
{
    if (!f->record.epoch || !is_other(f, f->record.owner))
        return OWNER_GONE; /* none, an earlier life of ours, a node not configured */
    const struct repl_fence_peer *p = &f->world.peers[f->record.owner];
    if (p->yielded_epoch == f->record.epoch)
        return OWNER_GONE;
    if (is_heard(p))
        return p->incarnation > f->record.incarnation ? OWNER_GONE : OWNER_THERE;
    if (p->state == REPL_MEMBER_AUTH_FAILED || (p->state != REPL_MEMBER_UNKNOWN && has_risen(f, f->record.owner)))
        return OWNER_UNSURE;
    if (p->state == REPL_MEMBER_LEFT)
        return OWNER_GONE;
    if (p->state == REPL_MEMBER_DEAD)
        return f->role == REPL_FENCED || is_apart(f, p) ? OWNER_UNSURE : OWNER_GONE;
    return OWNER_THERE; /* not judged yet */
}

static bool beat_stands_still(const struct repl_fence *f, uint64_t now_ms)
{
    return now_ms >= f->beat_changed_ms + SILENT_BEATS * f->cfg.beat_ms;
}

static bool is_orphan(const struct repl_fence *f, uint64_t now_ms)
{
    enum owner owner = judge_owner(f);
    return owner == OWNER_GONE || (owner == OWNER_UNSURE && beat_stands_still(f, now_ms));
}

static bool another_reads(const struct repl_fence *f)
{
    for (uint32_t id = 1; id <= f->cfg.nodes; id++)
        if (is_other(f, id) && is_heard(&f->world.peers[id]) && f->world.peers[id].reads_target)
            return true;
    return false;
}

static bool may_stand(const struct repl_fence *f, uint64_t now_ms)
{
    if (f->world.is_leaving && another_reads(f))
        return false;
    return f->is_readable && f->world.is_awake && has_newest_config(f) &&
           now_ms >= f->quiet_until_ms && is_orphan(f, now_ms);
}

static bool is_stranger(const struct repl_fence *f)
{
    return is_other(f, f->record.owner) && !f->world.peers[f->record.owner].incarnation;
}

/* There is no record, and this node remembers none: another one may (F7). */
static bool may_be_reminded(const struct repl_fence *f)
{
    for (uint32_t id = 1; !f->highest_epoch && id <= f->cfg.nodes; id++)
        if (is_other(f, id) && is_heard(&f->world.peers[id]) && f->world.peers[id].is_mute)
            return true;
    return false;
}

/* How long others go first: the owner itself, who remembers it, a converged one, the lower ids among the living. */
static uint64_t patience(const struct repl_fence *f)
{
    uint64_t wait = is_stranger(f) || may_be_reminded(f) ? STARTED_MS : 0;
    bool is_outdone = false;
    for (uint32_t id = 1; id <= f->cfg.nodes; id++) {
        if (!is_other(f, id) || !is_heard(&f->world.peers[id]))
            continue;
        is_outdone |= f->world.peers[id].is_steady && !f->world.is_steady;
        wait += id < f->cfg.self && f->cfg.nodes > 2 ? RANK_MS : 0;
    }
    return wait + (is_outdone ? CONVERGE_MS : 0);
}

/* ---- around ---- */

bool repl_fence_yield(struct repl_fence *f, uint64_t now_ms)
{
    bool was_ours = f->role == REPL_ACTIVE;
    if (was_ours)
        f->given_epoch = f->epoch;
    f->quiet_until_ms = now_ms + YIELD_MS;
    f->tried_epoch = 0;
    enter(f, REPL_STANDBY, now_ms);
    return was_ours;
}

void repl_fence_woke(struct repl_fence *f)
{
    f->must_read = true;
}

static void judge_active(struct repl_fence *f, uint64_t now_ms)
{
    bool is_blind = !f->is_readable && now_ms >= f->unreadable_since_ms + BLIND_MS;
    if (f->incarnation != f->world.incarnation)
        enter(f, REPL_STANDBY, now_ms); /* the record names an earlier life: take it anew */
    else if (!has_newest_config(f) || ((is_blind || f->world.is_leaving) && another_reads(f)))
        repl_fence_yield(f, now_ms);
}

static void judge_candidacy(struct repl_fence *f, uint64_t now_ms)
{
    if (may_stand(f, now_ms)) {
        if (f->role != REPL_CANDIDATE)
            f->candidate_at_ms = now_ms + patience(f);
        enter(f, REPL_CANDIDATE, now_ms);
    } else if (f->role == REPL_CANDIDATE || judge_owner(f) == OWNER_THERE) {
        if (f->role != REPL_FENCED || now_ms >= f->quiet_until_ms)
            enter(f, REPL_STANDBY, now_ms);
    }
}

/* Somebody saw more than we did, so we may have been taken over: look, once for each such word. */
static void heed_hints(struct repl_fence *f)
{
    for (uint32_t id = 1; id <= f->cfg.nodes; id++) {
        const struct repl_fence_peer *p = &f->world.peers[id];
        if (!is_other(f, id) || !is_heard(p) || p->seen_epoch <= f->highest_epoch ||
            p->seen_epoch <= f->hinted_epoch)
            continue;
        f->hinted_epoch = p->seen_epoch;
        f->must_read = true;
    }
}

void repl_fence_tick(struct repl_fence *f, const struct repl_fence_world *world, uint64_t now_ms)
{
    f->world = *world;
    f->ticked_ms = now_ms;
    heed_hints(f);
    if (f->must_read || judge_owner(f) != OWNER_UNSURE)
        f->beat_changed_ms = now_ms; /* stillness counts from when it is looked at, and can be */
    if (f->role == REPL_ACTIVE)
        judge_active(f, now_ms);
    if (f->role != REPL_ACTIVE)
        judge_candidacy(f, now_ms);
}

/* ---- the target's word ---- */

static void hold(struct repl_fence *f, uint64_t epoch, uint64_t now_ms)
{
    bool has_yielded = f->role == REPL_STANDBY && now_ms < f->quiet_until_ms;
    f->tried_epoch = 0;
    if (has_yielded)
        return; /* meanwhile: it stands under our name, and the others hear that they may have it */
    f->epoch = epoch;
    f->beat_due_ms = now_ms;
    f->takeovers++;
    enter(f, REPL_ACTIVE, now_ms);
}

static void note_record(struct repl_fence *f, const struct repl_fence_record *r, uint64_t now_ms)
{
    f->is_readable = true;
    f->must_read = false;
    f->look_due_ms = now_ms + f->cfg.beat_ms;
    /* Below what was seen before it is damaged (F7): as if there were none. */
    bool is_valid = r && r->epoch >= f->highest_epoch && r->epoch;
    f->record = is_valid ? *r : (struct repl_fence_record){ 0 };
    if (!is_valid)
        return;
    f->highest_epoch = r->epoch;
    if (is_other(f, r->owner))
        f->lives[r->owner] = r->incarnation;
}

void repl_fence_seen(struct repl_fence *f, const struct repl_fence_record *r, uint64_t now_ms)
{
    note_record(f, r, now_ms);
    bool is_ours = is_mine(f, &f->record);
    if (f->role == REPL_STANDBY && f->record.epoch && !is_ours)
        f->quiet_until_ms = 0; /* another one has taken what we gave up: should it fail, nobody waits for us */
    if (f->role == REPL_ACTIVE && f->record.epoch && !(is_ours && f->record.epoch == f->epoch))
        fence_off(f, now_ms);
    else if (f->role == REPL_ACTIVE && !f->record.epoch)
        enter(f, REPL_STANDBY, now_ms); /* nobody's: the next tick stands again */
    else if (f->role != REPL_ACTIVE && is_ours && f->record.epoch == f->tried_epoch)
        hold(f, f->record.epoch, now_ms); /* the answer was lost, the takeover was not */
}

void repl_fence_remember(struct repl_fence *f, uint64_t epoch, uint64_t now_ms)
{
    if (epoch > f->highest_epoch)
        f->highest_epoch = epoch;
    if (f->role == REPL_ACTIVE && epoch > f->epoch)
        fence_off(f, now_ms); /* the new owner's work is seen before its name is */
}

void repl_fence_beat_seen(struct repl_fence *f, uint64_t beat, uint64_t now_ms)
{
    if (beat == f->beat)
        return;
    f->beat = beat;
    f->beat_changed_ms = now_ms;
}

void repl_fence_unreadable(struct repl_fence *f, uint64_t now_ms)
{
    if (f->is_readable)
        f->unreadable_since_ms = now_ms;
    f->is_readable = false;
    f->must_read = true;
}

void repl_fence_took(struct repl_fence *f, uint64_t epoch, uint64_t now_ms)
{
    struct repl_fence_record own = { epoch, f->cfg.self, f->incarnation };
    if (epoch < f->highest_epoch) { /* the answer is late: another one has taken it since, and that was seen first */
        f->tried_epoch = 0;
        f->must_read = true;
        fence_off(f, now_ms);
        return;
    }
    note_record(f, &own, now_ms);
    hold(f, epoch, now_ms);
}

void repl_fence_refused(struct repl_fence *f, const struct repl_fence_record *r, uint64_t now_ms)
{
    bool was_candidate = f->role == REPL_CANDIDATE;
    repl_fence_seen(f, r, now_ms);
    if (was_candidate && f->role == REPL_CANDIDATE && f->record.epoch)
        fence_off(f, now_ms); /* somebody was faster */
}

/* ---- steps ---- */

uint64_t repl_fence_next_epoch(const struct repl_fence *f)
{
    return (f->highest_epoch > f->hinted_epoch ? f->highest_epoch : f->hinted_epoch) + 1;
}

/* Somebody whose only witness is the target looks at it again and again. */
static bool is_watching(const struct repl_fence *f)
{
    return f->role == REPL_FENCED || (f->role == REPL_STANDBY && judge_owner(f) == OWNER_UNSURE);
}

static bool beats(const struct repl_fence *f)
{
    return f->role == REPL_ACTIVE && !hears_all(f);
}

enum repl_fence_step repl_fence_next(struct repl_fence *f, uint64_t now_ms)
{
    if (f->must_read || (is_watching(f) && now_ms >= f->look_due_ms)) {
        f->look_due_ms = now_ms + f->cfg.beat_ms;
        return REPL_FENCE_READ;
    }
    if (f->role == REPL_CANDIDATE && now_ms >= f->candidate_at_ms) {
        f->incarnation = f->world.incarnation;
        f->tried_epoch = repl_fence_next_epoch(f);
        return REPL_FENCE_TAKE;
    }
    if (f->world.is_awake && beats(f) && now_ms >= f->beat_due_ms) {
        f->beat_due_ms = now_ms + f->cfg.beat_ms;
        return REPL_FENCE_BEAT;
    }
    return REPL_FENCE_NOTHING;
}

bool repl_fence_may_write(const struct repl_fence *f)
{
    return f->role == REPL_ACTIVE && !f->must_read && f->world.is_awake;
}

uint64_t repl_fence_yielded(const struct repl_fence *f)
{
    return f->role != REPL_ACTIVE && is_mine(f, &f->record) ? f->record.epoch : 0;
}

static void by(const struct repl_fence *f, uint64_t *due, uint64_t at_ms)
{
    if (at_ms > f->ticked_ms && at_ms < *due)
        *due = at_ms;
}

uint64_t repl_fence_deadline(const struct repl_fence *f)
{
    uint64_t due = UINT64_MAX;
    if (f->role != REPL_ACTIVE) {
        by(f, &due, f->quiet_until_ms);
        if (judge_owner(f) == OWNER_UNSURE)
            by(f, &due, f->beat_changed_ms + SILENT_BEATS * f->cfg.beat_ms);
    }
    if (f->role == REPL_CANDIDATE)
        by(f, &due, f->candidate_at_ms);
    if (is_watching(f))
        by(f, &due, f->look_due_ms);
    if (beats(f))
        by(f, &due, f->beat_due_ms);
    if (f->role == REPL_ACTIVE && !f->is_readable)
        by(f, &due, f->unreadable_since_ms + BLIND_MS);
    return due;
}
