/* What other sessions with an NVA say: of a route that it told us once (core_doubt.c), and of one that a kernel has of an
 * earlier life (core_inherited.c). */
#ifndef TANDEM_NODE_CORE_WORDS_H
#define TANDEM_NODE_CORE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct core_peer;
struct core_target;

/* Of a session whose NVA withdrew on another node's and has said nothing here since; see core_doubt.c. */
enum core_doubt_step {
    DOUBT_NONE,
    DOUBT_WAITS,   /* for its word */
    DOUBT_ASKED,   /* a KEEPALIVE is on its way to it */
    DOUBT_LOOKS,   /* for an acknowledgement */
    DOUBT_UNHEARD, /* there was none */
};
struct core_doubt {
    uint8_t step;      /* enum core_doubt_step */
    bool has_yielded;  /* routes of it were withdrawn that it did not withdraw here */
    uint64_t due_ms;   /* of the step's end; 0 = that is its word */
    uint64_t asked_ms; /* last */
    uint32_t *nets, count, cap; /* that it is about */
};

/* Before a node has converged: a walk over what a target of its own has of an earlier life; see core_inherited.c. */
struct core_inherited {
    bool is_on;
    uint8_t family;
    uint32_t place;    /* the next one */
    uint64_t seen;     /* changes of evidence when it began */
    uint64_t again_ms; /* not before */
};

/* This net, of which something was withdrawn, is about to be decided: was it elsewhere, and not here? */
void core_doubt_look(struct core *c, uint32_t net);
void core_doubt_heard(struct core *c, struct core_peer *p);
/* The session has ended. */
void core_doubt_forget(struct core_peer *p);
void core_doubt_tick(struct core *c, struct core_peer *p);
uint64_t core_doubt_deadline(const struct core_peer *p);

/* The next prefixes of a target that merges. */
void core_inherited_judge(struct core *c, struct core_target *t);
/* Its walk has more to look at, now. */
bool core_inherited_goes_on(const struct core *c, const struct core_target *t);

#endif
