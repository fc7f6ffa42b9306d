/* From what is wanted to the routes of a table: conflicts, the limit, summaries, names. Pure.
 *
 * The outcome depends on what is wanted and on the foreign routes only, never on the order in which
 * wishes came, so every node plans the same table. Not all fit: shorter prefixes stay, since what a
 * longer one loses still follows a shorter one that covers it; then lower addresses.
 * Summaries (on request, only when the table is nearly full): a prefix under one with the same next hops
 * is left to it; two halves with the same next hops become one, longest first, until nine tenths of the
 * limit are reached. Both leave every packet its next hops: no route of ours or of others that would
 * answer in between is ever covered. */
#ifndef TANDEM_NODE_TARGETS_AZURE_PLAN_H
#define TANDEM_NODE_TARGETS_AZURE_PLAN_H

#include "node/targets/azure_table.h"

enum azure_fate {
    AZURE_FITS,     /* itself, or a route that stands for it */
    AZURE_TOO_MANY, /* the table is full */
    AZURE_CONFLICT, /* a route of others has this prefix */
    AZURE_NO_HOP,   /* no next hop of the prefix's family */
    AZURE_FATES,
};
const char *azure_fate_text(enum azure_fate fate); /* "" for AZURE_FITS */

struct azure_wish {
    struct ip_prefix prefix;
    uint32_t nhset;  /* of azure_table_set; borrowed */
    const char *nva; /* whose it is, borrowed; NULL: the name that the table has stays */
    uint32_t index;  /* the caller's */
    uint8_t fate;    /* enum azure_fate: the answer */
};

struct azure_plan {
    struct azure_route *routes; /* by azure_prefix_compare; their sets are borrowed from the wishes */
    size_t count;
    size_t fates[AZURE_FATES];  /* wishes by fate */
};

/* Sorts the wishes, fills in their fates and the plan. */
void azure_plan_make(struct azure_plan *plan, struct azure_wish *wishes, size_t count,
                     const struct azure_table *table, uint32_t limit, bool summarise);
void azure_plan_fini(struct azure_plan *plan);

/* Does the table have exactly these routes, whatever their names? */
bool azure_plan_is_done(const struct azure_plan *plan, const struct azure_table *table);

#endif
