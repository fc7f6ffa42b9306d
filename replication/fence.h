/* Who may write a shared target: one role machine per node and target.
 *
 * The fence stands in the target itself: a record (epoch, owner, incarnation) that every write
 * compares and a takeover replaces by compare-and-swap. The machine decides when to try, never
 * whether it worked: safety is the target's comparison, the machine only keeps the peace.
 *
 *   STANDBY    somebody else writes; the target is only read
 *   CANDIDATE  nobody writes: take it over as soon as its turn has come
 *   ACTIVE     ours: every write compares our record
 *   FENCED     lost a race or was taken over: quiet for 1 s * 2^k (60 s at most, with jitter), then
 *              only if the owner is gone for certain, or silent in the target as well
 *
 * Rules: no lease is waited for; no failback, an owner stays until it fails or yields; after a
 * pause of the process the record is read again before anything is written; a failed
 * authentication alone never moves a role; a record that is lost or damaged is replaced by one
 * above every epoch seen.
 * An owner that does not hear every node shows its life in the target by a beat, which a node that
 * was fenced, cannot authenticate the owner, has heard of an earlier life of it only (which may have died, or left on
 * purpose), or is not on the larger side of a partition, watches instead of guessing.
 *
 * The caller tells what it reads and what became of its requests, at most one of them under way;
 * tick() before next(). Sans-IO. Source: the replication design 4.3, 4.8, 4.9; invariants F1-F7. */
#ifndef TANDEM_REPLICATION_FENCE_H
#define TANDEM_REPLICATION_FENCE_H

#include "replication/codec.h"
#include "replication/member.h"

enum repl_fence_role { REPL_STANDBY, REPL_CANDIDATE, REPL_ACTIVE, REPL_FENCED, REPL_FENCE_ROLES };
const char *repl_fence_role_name(uint8_t role); /* "standby" … */

/* What stands in the target. */
struct repl_fence_record {
    uint64_t epoch;       /* +1 with every takeover; 0 = there is no record */
    uint32_t owner;       /* node id */
    uint64_t incarnation; /* of the owner when it took over */
};

struct repl_fence_cfg {
    uint32_t self;    /* node id */
    uint32_t nodes;   /* configured; with three and more, candidates wait for their rank */
    uint64_t beat_ms; /* between an isolated owner's beats, and between a watcher's looks */
    uint64_t seed;    /* jitter */
};

/* What this node believes of another one. */
struct repl_fence_peer {
    uint8_t state;           /* enum repl_member_state */
    bool is_steady;          /* it has converged */
    bool is_mute;            /* it is heard, and has told nothing of the target yet */
    bool reads_target;       /* its own hint: it reaches the target, and stays */
    uint64_t incarnation;    /* of the life that is heard, 0 = none yet */
    uint64_t config_generation; /* 0: its file is none of the target's */
    uint64_t yielded_epoch;  /* its own hint: it gave this epoch up; 0 = none */
    uint64_t seen_epoch;     /* its own hint: it saw this one in the target: worth a look */
};

struct repl_fence_world {
    uint64_t incarnation; /* our own */
    uint64_t config_generation;
    bool is_awake;        /* no wake-up is going on: every living node was heard out since */
    bool is_steady;       /* we have converged */
    bool is_leaving;      /* planned work: anybody else who reads the target is to write it */
    struct repl_fence_peer peers[REPL_NODES_MAX + 1]; /* by node id; [self] is unused */
};

struct repl_fence {
    struct repl_fence_cfg cfg;
    uint8_t role;               /* enum repl_fence_role */
    bool is_readable;           /* the last word about the target was a record, not a failure */
    bool must_read;             /* before any other step */
    uint64_t since_ms;          /* in this role */
    struct repl_fence_record record; /* last read; epoch 0 = there was none */
    uint64_t lives[REPL_NODES_MAX + 1]; /* by node id: incarnation of its last life that the target has named; 0 = none */
    uint64_t epoch;             /* ACTIVE: ours */
    uint64_t incarnation;       /* that we took it with */
    uint64_t highest_epoch;     /* ever seen */
    uint64_t hinted_epoch;      /* ever heard of, and looked for */
    uint64_t tried_epoch;       /* of a takeover whose end is unknown */
    uint64_t given_epoch;       /* the last of ours that was given up; 0 = none */
    uint64_t candidate_at_ms;   /* CANDIDATE: its turn */
    uint64_t quiet_until_ms;    /* FENCED, or STANDBY after a yield: no attempt before */
    uint64_t fenced_ms;         /* last time */
    uint32_t fenced_count;      /* back-off exponent */
    uint64_t beat, beat_changed_ms; /* the owner's, as read in the target */
    uint64_t beat_due_ms, look_due_ms;
    uint64_t unreadable_since_ms, ticked_ms;
    uint64_t jitter;
    uint32_t takeovers, losses; /* counted */
    struct repl_fence_world world;
};

void repl_fence_init(struct repl_fence *f, const struct repl_fence_cfg *cfg, uint64_t now_ms);

/* ---- what happens around ---- */

/* World as of now; judges everything again. */
void repl_fence_tick(struct repl_fence *f, const struct repl_fence_world *world, uint64_t now_ms);
/* This process was paused: read before the next step. */
void repl_fence_woke(struct repl_fence *f);
/* Give the role up (planned work); no own attempt for ten seconds, unless another one takes it. False: it was not ours. */
bool repl_fence_yield(struct repl_fence *f, uint64_t now_ms);

/* ---- what the target says ---- */

/* Its record, in the order of the target's own revisions; NULL: there is none, or no valid one. */
void repl_fence_seen(struct repl_fence *f, const struct repl_fence_record *r, uint64_t now_ms);
/* An epoch that the target names elsewhere (beside the beat, say): a memory for when the record is
 * damaged. Say it before repl_fence_seen. */
void repl_fence_remember(struct repl_fence *f, uint64_t epoch, uint64_t now_ms);
/* Its owner's beat: any number that changes with each. */
void repl_fence_beat_seen(struct repl_fence *f, uint64_t beat, uint64_t now_ms);
/* It does not answer, or refuses us; a request under way may have been done. */
void repl_fence_unreadable(struct repl_fence *f, uint64_t now_ms);
/* The takeover was accepted with this epoch. Who has seen a higher one meanwhile is fenced off. */
void repl_fence_took(struct repl_fence *f, uint64_t epoch, uint64_t now_ms);
/* A comparison failed, of a takeover or of a write; r as in repl_fence_seen. */
void repl_fence_refused(struct repl_fence *f, const struct repl_fence_record *r, uint64_t now_ms);

/* ---- what to do ---- */

enum repl_fence_step {
    REPL_FENCE_NOTHING,
    REPL_FENCE_READ, /* record and beat, then seen() and beat_seen() */
    REPL_FENCE_TAKE, /* swap the record seen last for (repl_fence_next_epoch, self, incarnation) */
    REPL_FENCE_BEAT, /* a new beat, comparing our record */
};
/* Asking for a step means taking it. */
enum repl_fence_step repl_fence_next(struct repl_fence *f, uint64_t now_ms);
uint64_t repl_fence_next_epoch(const struct repl_fence *f);
/* May content be written now, comparing our record? */
bool repl_fence_may_write(const struct repl_fence *f);
/* The epoch that stands under our name but is not used by us: the others may have it. 0 = none. */
uint64_t repl_fence_yielded(const struct repl_fence *f);
/* When tick() judges anew or a step falls due by time alone, later than the last tick. */
uint64_t repl_fence_deadline(const struct repl_fence *f); /* UINT64_MAX = nothing waits */

#endif
