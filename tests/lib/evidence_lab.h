/* Held routes and what speaks against them, for tests. This node is 1, and node 2 is the one that goes; NVA 1 peers
 * with both. Times are milliseconds of the test's own clock. */
#ifndef TANDEM_TESTS_EVIDENCE_LAB_H
#define TANDEM_TESTS_EVIDENCE_LAB_H

#include "replication/evidence.h"
#include "tests/lib/cu.h"
#include "tests/lib/ribs.h"

enum { SELF = 1, AWAY = 2, THIRD = 3, FW = 1, OTHER = 2, GRACE_MS = 120000, STALE_MS = 600000, ROUTE = 7 };

/* Settles every net as the core does; what the evidence says comes first. */
static inline void decide(struct ribs *x)
{
    struct rib_change change;
    bool judge = repl_evidence_is_needed(&x->rib);
    ribs_sweep(x);
    for (uint32_t net; (net = rib_next_dirty(&x->rib));) {
        if (judge)
            CU_ASSERT_EQUAL(repl_evidence_judge(&x->rib, net, 0), 0);
        CU_ASSERT_EQUAL_FATAL(rib_decide(&x->rib, net, &change), 0);
        nhset_unref(&x->rib.sets, change.old_nhset);
    }
}

/* Next hops that the route is programmed with. */
static inline uint32_t width(struct ribs *x)
{
    struct ip_prefix p = ribs_prefix(ROUTE);
    decide(x);
    uint32_t net = prefix_table_find(&x->rib.nets, &p);
    return net ? nhset_get(&x->rib.sets, rib_net_nhset(&x->rib, net))->count : 0;
}

static inline enum rib_class class_of(const struct ribs *x, uint8_t origin, uint16_t nva)
{
    const struct rib_path *p = ribs_path(x, origin, nva, ROUTE, 0);
    return p ? rib_path_class(&x->rib, p) : RIB_GONE;
}

/* Both nodes have a synced session with the firewall; each may have more said of the route. */
static inline void begin(struct ribs *x)
{
    ribs_init(x, SELF);
    ribs_session(x, SELF, FW, RIB_SESSION_SYNCED, 1, 100);
    ribs_session(x, AWAY, FW, RIB_SESSION_SYNCED, 1, 100);
}

#endif
