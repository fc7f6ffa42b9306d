/* The first N prefixes of one NVA: what is kept of an NVA that announces more than it may.
 *
 * Limits are gentle: the session stays, and of all prefixes that the NVA announces the first N in the
 * order of prefixes are used (family, address, length). The order is a fact of the prefixes alone, so
 * every node keeps the same ones, whatever came first; a prefix that goes makes room for the next.
 *
 * A prefix counts once however many paths it has (several origins, RFC 7911 path ids), and not where all of them were
 * set aside: nobody else would count what is only held here, and disproved. The set is a
 * treap with sizes: what changes it is logarithmic. Prefixes are indices of a prefix_table. */
#ifndef TANDEM_BGP_LIMIT_H
#define TANDEM_BGP_LIMIT_H

#include "bgp/rib/prefix_table.h"

struct limit {
    struct slab nodes;
    const struct prefix_table *prefixes; /* the owner's */
    uint32_t root;  /* 0 = empty */
    uint32_t spare; /* node that the next addition may take */
    uint32_t keep;  /* N */
    uint32_t edge;  /* the first prefix behind them, 0 = there is none: all are judged by it */
    bool is_counting; /* it is new, and does not know all prefixes yet: the owner tells them one by one */
};

void limit_init(struct limit *l, const struct prefix_table *prefixes, uint32_t keep);
void limit_fini(struct limit *l);

/* Make sure that the next limit_add cannot fail; false when memory ends. */
bool limit_reserve(struct limit *l);
/* N is another one. */
void limit_keep(struct limit *l, uint32_t keep);
/* A path of this prefix more. Returns the prefix that is among the first N no longer, 0 = none; it may
 * be this one, which then never was. Needs a reservation. */
uint32_t limit_add(struct limit *l, uint32_t prefix);
/* A path of this prefix less; it is there, and may be one of those set aside. Returns the prefix that is now among the first
 * N, 0 = none. */
uint32_t limit_remove(struct limit *l, uint32_t prefix, bool is_aside);
/* Of its paths, which are known, one does not count any more, or does again. Returns as limit_remove and limit_add do. */
uint32_t limit_set_aside(struct limit *l, uint32_t prefix);
uint32_t limit_take_back(struct limit *l, uint32_t prefix);
/* Is this one, which is known, among the first N? */
bool limit_keeps(const struct limit *l, uint32_t prefix);
/* Is it known? */
bool limit_has(const struct limit *l, uint32_t prefix);

#endif
