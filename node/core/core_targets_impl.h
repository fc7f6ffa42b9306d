/* Inside the core: the targets of this node, its own and those that it shares. */
#ifndef TANDEM_NODE_CORE_TARGETS_IMPL_H
#define TANDEM_NODE_CORE_TARGETS_IMPL_H

#include "node/core/core.h"

/* A walk over what a target of its own has of an earlier life, or a shared one of another node; see core_inherited.c. */
struct core_inherited {
    bool is_on;
    uint8_t family;
    uint32_t place;    /* the next one */
    uint64_t seen;     /* changes of evidence when it began */
    uint64_t again_ms; /* not before */
};

/* Of a shared target, as another node sees it. */
struct core_hint {
    uint64_t yielded, epoch;
    bool is_told, is_named, reads; /* named: it has the target */
};

struct core_target {
    struct core_target *next_leaving; /* it is configured no more, and lets go what it held */
    const struct config_target *cfg;
    struct program *program; /* all but table, where it runs here; else NULL */
    uint64_t cursor;
    bool ready;
    bool is_shared;
    bool converged_told;
    uint64_t parted_ms; /* since then it has not come to the end of what streams brought in parts; 0: it has */
    uint8_t told_role;
    bool is_awaited;     /* what is lost waits for a node that came back, … */
    bool doubts_hearsay; /* is_shared: ours, and what others wrote is not removed without a withdrawal */
    uint32_t writer;     /* is_shared: the other node that wrote it last, 0 = none that we know of */
    bool is_judging;     /* it has just become ours: what stands there and is not wanted is judged anew, … */
    uint8_t judged_family; /* … and have been so far */
    uint32_t judged_place;
    struct core_inherited inherited;
    uint64_t told; /* version of core_lost that it was told */
    struct repl_fence fence; /* is_shared */
    struct core_hint hints[REPL_NODES_MAX + 1];
    uint8_t failover;    /* is_shared: enum core_failover of the vacancy … */
    uint64_t vacant_ms;  /* … that began then; 0 = there is none that we would end */
    struct histogram failovers[CORE_FAILOVERS]; /* of those that we ended */
    const char *state; /* its backend's word, lives for ever; NULL: none */
    char trouble[160];
    uint64_t trouble_since_ms;
    struct core_unhealthy unhealthy[CORE_UNHEALTHY_MAX];
    size_t unhealthy_count;
    struct core_fact facts[CORE_FACTS_MAX];
    size_t fact_count;
};

/* core_targets.c */
void core_targets_init(struct core *c);
void core_targets_fini(struct core *c);
/* c->config has other targets: new ones begin, those that are in it no more end. */
void core_targets_follow(struct core *c);
/* Who was taken out of the configuration lets go more of what it held. */
void core_targets_tick(struct core *c);
void core_targets_feed(struct core *c);
/* After a pause: what was to be removed before waits until they have been fed all that is read since. */
void core_targets_woke(struct core *c);
bool core_targets_have_work(const struct core *c);
uint64_t core_targets_slowest(const struct core *c);
bool core_targets_hold(const struct core *c, uint32_t net);
/* At least so many nets are kept by a target's brake. */
uint32_t core_targets_held(const struct core *c);
struct core_target *core_nth_program(struct core *c, size_t nth);

/* core_shared.c */
void core_shared_init(struct core *c, struct core_target *t, uint64_t beat_ms);
/* Does evidence speak against what another node wrote there? */
bool core_shared_is_disproved(const struct core *c, const struct core_target *t, uint32_t net);
/* Does something of that wait there, of a target that is ours? … */
bool core_shared_doubts(const struct core_target *t);
/* … For so long that what its writer heard last of NVAs was heard here, too? */
bool core_shared_has_settled(const struct core *c, const struct core_target *t);
/* A target that has just become ours: the next of its prefixes. */
void core_shared_judge(struct core *c, struct core_target *t);
void core_shared_woke(struct core *c);
void core_shared_tick(struct core *c);
uint64_t core_shared_deadline(const struct core *c);
void core_shared_stop(struct core *c);
/* Nothing is written by us, or waits for who will write it next. */
bool core_shared_has_moved(const struct core *c);
/* At most REPL_HINTS_MAX; returns how many. */
uint16_t core_shared_hints(const struct core *c, struct repl_hint *out);
void core_shared_heard(struct core *c, uint32_t node, const struct repl_beat *beat);

/* core_inherited.c: what other sessions with an NVA say of a route that a kernel has of an earlier life, or a shared target of
 * another node. */
/* The next prefixes of a target where such routes wait. */
void core_inherited_judge(struct core *c, struct core_target *t);
/* Its walk has more to look at, now. */
bool core_inherited_goes_on(const struct core *c, const struct core_target *t);

#endif
