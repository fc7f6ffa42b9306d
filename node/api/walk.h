/* A walk over the prefixes that a request means, a bounded stretch at a time.
 *
 * ALL, without a match, is every prefix that somebody announced; EVERY has also those that only a target knows. Both,
 * and "longer", go through the table in place order; places do not move,
 * so a walk that is resumed neither repeats nor loses what stands still. "exact", "shorter" and
 * "lpm" look up at most 129 prefixes. The position is a number that fits a cursor. */
#ifndef TANDEM_NODE_API_WALK_H
#define TANDEM_NODE_API_WALK_H

#include "bgp/rib/rib.h"

enum walk_match { WALK_EXACT, WALK_LONGER, WALK_SHORTER, WALK_LPM, WALK_ALL, WALK_EVERY };

struct walk {
    const struct rib *rib;
    uint8_t match; /* enum walk_match */
    struct ip_prefix prefix;
    uint64_t position; /* the next to look at; 0 = the start */
};

/* The next net, 0 = none within `budget` looks; *budget goes down. walk->position then stands behind
 * it. The walk has ended when walk_is_done. */
uint32_t walk_next(struct walk *w, unsigned *budget);
bool walk_is_done(const struct walk *w);

#endif
