/* Digest of a programmed table: equal tables have equal digests, on every node, in any order of
 * change. Each route (prefix with a non-empty next-hop set) gives a keyed 128-bit SipHash; the
 * digest is their sum modulo 2^128, so a change costs two hashes, never a walk.
 * The table is also summed in parts, by prefix: when two digests differ, the parts say where to look.
 * The key comes from a shared secret: an NVA cannot choose routes whose hashes cancel out.
 * Source: the replication design, decision (6); invariants D1, D2. */
#ifndef TANDEM_REPLICATION_DIGEST_H
#define TANDEM_REPLICATION_DIGEST_H

#include "bgp/rib/rib.h"
#include "replication/codec.h"

struct repl_digest {
    uint8_t key[16];
    uint64_t low, high;
    uint64_t buckets[REPL_BUCKETS];
};

/* The part of the table that a prefix belongs to: 0 .. REPL_BUCKETS - 1, on every node the same. */
unsigned repl_digest_bucket(const struct ip_prefix *prefix);

/* key NULL: a fixed key, for a single node that compares with nobody. */
void repl_digest_init(struct repl_digest *d, const uint8_t key[16]);
/* Of an empty table again. */
void repl_digest_clear(struct repl_digest *d);
/* The prefix had one set of next hops and has another. */
void repl_digest_change(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *old,
                        const struct nhset *new);
static inline void repl_digest_add(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set)
{
    repl_digest_change(d, prefix, &nhset_empty, set);
}
void repl_digest_write(const struct repl_digest *d, uint8_t out[static REPL_DIGEST]);

#endif
