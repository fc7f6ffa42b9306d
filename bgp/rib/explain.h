/* Why a path won or lost: the step of the decision at which it parted from its net's best path.
 *
 * The steps and their order are those of rib_decide; the values compared are the same numbers
 * (rib_path_merit), so an explanation cannot tell another story than the decision.
 * Source: RFC 4271 section 9.1.2.2; bgp/rib/decision.c. */
#ifndef TANDEM_BGP_EXPLAIN_H
#define TANDEM_BGP_EXPLAIN_H

#include "bgp/rib/rib.h"

/* In the order of the decision. The words are stable: the API shows them. */
#define EXPLAIN_STEP_MAP(X)                                                                        \
    X(EXPLAIN_UNUSABLE, "unusable")    /* refused by policy, or withdrawn elsewhere */             \
    X(EXPLAIN_UNDECIDED, "undecided")  /* the net waits for its decision */                        \
    X(EXPLAIN_ONLY, "only")            /* nothing to compare with */                               \
    X(EXPLAIN_CLASS, "class")          /* stale, or shutting down (RFC 9494, RFC 8326) */          \
    X(EXPLAIN_RANK, "peer-type")       /* hubRoutingPreference */                                  \
    X(EXPLAIN_LOCAL_PREF, "local-preference") /* of a route map */                                 \
    X(EXPLAIN_LENGTH, "as-path-length") /* RFC 4271 section 9.1.2.2 (a) */                         \
    X(EXPLAIN_ORIGIN, "origin")        /* (b) */                                                   \
    X(EXPLAIN_MED, "med")              /* (c) */                                                   \
    X(EXPLAIN_EQUAL, "equal")          /* shares the traffic */                                    \
    X(EXPLAIN_WIDTH, "max-paths")      /* equal, but the set of next hops is full */               \
    X(EXPLAIN_COPY, "copy")            /* the same announcement, heard by another node */

#define EXPLAIN_STEP_ENUM(name, word) name,
enum explain_step { EXPLAIN_STEP_MAP(EXPLAIN_STEP_ENUM) EXPLAIN_STEPS };
#undef EXPLAIN_STEP_ENUM

const char *explain_step_name(uint8_t step);

struct explain {
    uint8_t step;        /* enum explain_step; for the best path, where its last rival fell out */
    bool is_best;        /* it is the one that is advertised */
    bool is_programmed;  /* its next hop is in the set that is programmed */
    bool is_multipath;   /* … together with others */
    uint32_t rival;      /* path that it was compared with at this step, 0 = none */
    uint32_t mine, theirs; /* the values compared */
};

/* path: a live index with attributes. */
void explain_path(const struct rib *r, uint32_t path, struct explain *out);

enum { EXPLAIN_TEXT = 160 };
/* "AS path length 2, best has 1"; "shortest AS path (1)". Returns buf. */
const char *explain_text(const struct rib *r, uint32_t path, const struct explain *e,
                         char buf[static EXPLAIN_TEXT]);

#endif
