/* What one target has, what it should have, and the operations between: pure, shared by all targets.
 *
 * wanted - actual = operations. Adds and replacements come first, deletions last (an observer never
 * sees a prefix absent that is in the old and in the new table). A deletion needs evidence:
 *   - the prefix is ours in the target (it came by inherit or by put);
 *   - the owner said want(0) for it, or, for what was only inherited, said converged;
 *   - no merge mode: while the node has not converged, nothing that was inherited is removed, unless the
 *     owner wanted exactly that set since and it was then withdrawn; and a wanted set that is a proper
 *     subset of the inherited one is not applied (ECMP does not shrink). Another set takes its place, and when
 *     that goes the inherited one comes back. None of it holds for what the owner says is disproved;
 *   - a node that came back a moment ago: what is lost, and not withdrawn, waits until that node was heard out;
 *   - the brake: when more than max(50, 30 %) of the table would go for another cause than explicit
 *     withdrawals, those deletions wait 60 s, or until their NVAs have told all anew; while no NVA is heard they
 *     wait without limit. What of their next hops was withdrawn, while the others were lost, does not wait with them.
 * Prefixes are indices of a prefix_table, sets are ids of an nhset_table, both the owner's. The
 * program holds a reference on every set it names.
 * Source: the replication design, programming and deletion (deletion rule, brake, invariants I1-I4). */
#ifndef TANDEM_NODE_PROGRAM_H
#define TANDEM_NODE_PROGRAM_H

#include "bgp/rib/nhset.h"
#include "bgp/rib/prefix_table.h"
#include "node/base/histogram.h"

enum program_cause {
    PROGRAM_WITHDRAWN, /* explicit withdrawals on live sessions */
    PROGRAM_LOST,      /* anything else: a session went, a hold expired */
};

enum program_op_kind { PROGRAM_PUT, PROGRAM_DELETE };

struct program_op {
    uint8_t kind;    /* enum program_op_kind */
    uint32_t prefix; /* prefix_table index */
    uint32_t nhset;  /* PUT: what to program */
    uint32_t previous; /* what stood there, 0 = nothing: PUT with previous != 0 is a replacement */
};

struct program_cfg {
    uint32_t brake_min;     /* 50 */
    uint32_t brake_percent; /* 30 */
    uint64_t brake_hold_ms; /* 60 000 */
    uint64_t retry_min_ms, retry_max_ms; /* 1 000, 60 000: per failed operation, doubling */
};

extern const struct program_cfg program_defaults;

struct program;

struct program *program_new(const struct program_cfg *cfg, struct nhset_table *sets);
void program_free(struct program *p);
/* Its end, a stretch at a time: each prefix that it holds is let go, and told. True: there is more. Then only
 * program_free is left to do, which would do it at once. */
typedef void program_released(void *data, uint32_t prefix);
bool program_dissolve(struct program *p, uint32_t budget, program_released *released, void *data);

/* The target has this (dump at start or drift check). Say it before the first want(). */
int program_inherit(struct program *p, uint32_t prefix, uint32_t nhset) MUST_USE;
/* Drift: the target does not have what we put, or has something else (0 = nothing). The difference
 * is repaired by new operations. */
int program_observe(struct program *p, uint32_t prefix, uint32_t nhset) MUST_USE;
/* The wanted set of a prefix; 0 = not wanted, for this cause. */
int program_want(struct program *p, uint32_t prefix, uint32_t nhset, enum program_cause cause,
                 uint64_t now_ms) MUST_USE;
/* Converged: inherited prefixes that nobody wants may go (cause LOST). Before that: merge mode. */
void program_converged(struct program *p, uint64_t now_ms);
/* Does merge mode keep what is there of this prefix, or was, although that is not what is wanted? … */
bool program_is_merging(const struct program *p, uint32_t prefix);
uint32_t program_inherited_set(const struct program *p, uint32_t prefix);
/* … It does no longer, nor is it hearsay: those that it leads to, and is not wanted to, do not announce it any more; by what
 * they said (WITHDRAWN), or did not say (LOST). */
void program_disproved(struct program *p, uint32_t prefix, enum program_cause cause, uint64_t now_ms);
/* A shared target: what another node wrote and nobody here ever wanted is no evidence against itself
 * (its writer may have died before it told us). Such prefixes, by observe, are not removed before
 * until_ms, except for a withdrawal; UINT64_MAX while another node writes: then nothing is. 0, the start: no hold. */
void program_hold_hearsay(struct program *p, uint64_t until_ms, uint64_t now_ms);
/* The owner has converged, and the target was not read yet: others wrote meanwhile what inherit() will bring, so
 * that is hearsay, too. */
void program_reads_late(struct program *p);
/* A prefix that is there waits for its removal … */
bool program_is_unwanted(const struct program *p, uint32_t prefix);
/* … since it was withdrawn … */
bool program_is_withdrawn(const struct program *p, uint32_t prefix);
/* … and its writer may have heard since that it is announced, or has known better: hearsay from now on. */
void program_doubt(struct program *p, uint32_t prefix, uint64_t now_ms);
/* Is it there by hearsay? Then a withdrawal speaks against it that its writer cannot have known better than. */
bool program_is_hearsay(const struct program *p, uint32_t prefix);
/* Those that these next hops lead to have told all that they have since they were lost, and it is known here: what was
 * lost of them alone, and is not wanted, they have withdrawn. */
enum { PROGRAM_TOLD_MAX = 64 };
void program_told(struct program *p, const struct ip_addr *hops, size_t count, uint64_t now_ms);
/* Next hops of NVAs that were lost a moment ago; borrowed until they are named anew. What is lost now and leads to some of
 * them is lost by these, and withdrawn by the others (S2). */
void program_lost(struct program *p, const struct ip_addr *hops, size_t count);
/* A node came back a moment ago, and not all that it says is here: what is lost waits, for it may be announced there. */
void program_set_awaited(struct program *p, bool is_awaited);
/* Its owner is on its way through another table: nothing goes before it is through, since what comes in its place may not
 * be wanted yet, and how much would go is not known. */
void program_hold_deletions(struct program *p, bool is_held);
/* Is any NVA heard, by any node? While none is, every deletion of cause LOST is held. */
void program_set_heard(struct program *p, bool is_heard, uint64_t now_ms);

/* The next operation that may be issued now; it is in flight until program_result. Many may be in
 * flight, at most one per prefix. Those that wait longest are not always first, but nobody waits for ever.
 * False: nothing to do before program_deadline. */
bool program_next(struct program *p, uint64_t now_ms, struct program_op *out);
/* ok: the target has it. Otherwise it is retried with back-off, or dropped when no longer wanted. */
void program_result(struct program *p, const struct program_op *op, bool ok, uint64_t now_ms);
/* It was not carried out, or may have been, or may be yet, for no fault of its own (the target as a whole failed):
 * it waits again, without back-off. What was to be removed, and is wanted by then, is put once more. */
void program_abandon(struct program *p, const struct program_op *op, uint64_t now_ms);
/* The cause of failures may be gone (a link came up): every back-off ends now. */
void program_retry(struct program *p, uint64_t now_ms);
uint64_t program_deadline(const struct program *p); /* 0 = now, UINT64_MAX = nothing waits */

/* What keeps the target from having what is wanted of a prefix. */
enum program_wait {
    PROGRAM_SETTLED,  /* nothing: it has it */
    PROGRAM_PENDING,  /* its turn: an operation is under way, or is the next one's */
    PROGRAM_FAILING,  /* the last operation failed, and is tried again */
    PROGRAM_MERGING,  /* what was inherited stays until the node has converged */
    PROGRAM_HEARSAY,  /* another writer put it there, and may have known more */
    PROGRAM_AWAITING, /* it was lost, and a node that came back a moment ago may have it */
    PROGRAM_BRAKED,   /* the brake */
    PROGRAM_WAITS
};
enum program_wait program_waits(const struct program *p, uint32_t prefix);

/* Does the program still know this prefix (wanted, actual or in flight)? Then its index is in use. */
bool program_holds(const struct program *p, uint32_t prefix);
uint32_t program_wanted_set(const struct program *p, uint32_t prefix);
uint32_t program_actual_set(const struct program *p, uint32_t prefix);

struct program_stats {
    uint32_t wanted, installed; /* prefixes */
    uint32_t pending, failed;   /* operations waiting, prefixes whose last operation failed */
    uint32_t held_by_brake, inherited; /* prefixes */
    uint64_t puts, deletes, errors;
    struct histogram took[2]; /* operations from program_next to program_result, in milliseconds; [1]: those that did */
    bool brake_on, merging;
};
const struct program_stats *program_stats(const struct program *p);

#endif
