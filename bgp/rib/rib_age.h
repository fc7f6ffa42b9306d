/* Since when a path is what it is, for no memory a path.
 *
 * A path's version in its origin's order says when it changed last, once it is known which version was the
 * newest at which time. So marks are set along each order, a second apart at least and no more than
 * RIB_AGE_MARKS: where there would be more, the one goes that is missed least, which costs an age one or two
 * hundredths of itself. A path that gets another version and is no other for that (it was heard again, an
 * order was compacted) is remembered by its index; that array is there from the first such path on.
 * Ages are for sight: nothing depends on them, and without memory they are unknown. */
#ifndef TANDEM_BGP_RIB_AGE_H
#define TANDEM_BGP_RIB_AGE_H

#include <stddef.h>
#include <stdint.h>

enum { RIB_AGE_MARKS = 512, RIB_AGE_GAP_MS = 1000, RIB_AGE_SLABS = 2 };

struct rib_age_mark {
    uint64_t version; /* what is not newer, and newer than the mark before, is … */
    uint64_t at_ms;   /* … of this moment, or a second later */
};

struct rib_age_marks { /* of one order */
    struct rib_age_mark *marks; /* oldest first; NULL before the first */
    uint32_t count;
};

struct rib_age_kept { /* paths of one slab that have moved, by index */
    uint32_t *seconds; /* since when, + 1; 0: its version knows */
    uint32_t room;
};

struct rib;

/* The versions that are new since the last call are of now. Once a turn. */
void rib_age_tick(struct rib *r, uint64_t now_ms);
/* Since when this path has what it has, in the ticks' milliseconds. */
uint64_t rib_age_since(const struct rib *r, uint32_t path);
size_t rib_age_memory(const struct rib *r);

#endif
