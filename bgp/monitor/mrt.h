/* MRT: the RIB as a file that the usual tools read.
 *
 * A dump is a PEER_INDEX_TABLE and one RIB record a prefix (RFC 6396 section 4.3), with path ids where
 * a prefix has any (RFC 8050). It shows what each peer announced, as received (Adj-RIB-In of all nodes,
 * each path once, this node's own copy first). It is read record by record: nothing stands still for
 * it, so it shows each prefix at the moment when its turn came. */
#ifndef TANDEM_BGP_MRT_H
#define TANDEM_BGP_MRT_H

#include "bgp/rib/rib.h"

struct mrt_dump_cfg {
    const struct rib *rib; /* borrowed, longer than the dump lives */
    const char *view;      /* name of the route server; copied, 255 octets at most */
    uint32_t router_id, asn; /* ours */
    uint64_t now_ms;  /* monotonic … */
    uint64_t wall_ms; /* … and the same moment since 1970 */
};

struct mrt_dump;

struct mrt_dump *mrt_dump_new(const struct mrt_dump_cfg *cfg); /* NULL: out of memory */
void mrt_dump_free(struct mrt_dump *d);
/* The next record, valid until the next call: 1. The end: 0. BGP_ERR_NOMEM: try again. */
int mrt_dump_next(struct mrt_dump *d, const uint8_t **record, size_t *len) MUST_USE;

#endif
