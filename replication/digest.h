/* Digest of a programmed table: equal tables have equal digests, on every node, in any order of change. A change costs a
 * hash or two, never a walk. The table is also summed in parts, by prefix: when two digests differ, the parts say where to look.
 * The key comes from a shared secret: an NVA cannot choose routes by which other tables have the same digest.
 *
 * SUM: each route (prefix with a non-empty next-hop set) gives a keyed 128-bit SipHash; the digest is their sum modulo 2^128.
 * It is what host agents and `gen` in etcd compare.
 *
 * PRODUCT: each route is a number modulo the prime p = 2^127 - 1, and the digest is the product of (start + route) over all of
 * them. A route that does not fit in 127 bits, as all of IPv6 and groups of next hops, is a polynomial in `step`; both are secret
 * and drawn from the key. Other tables are other polynomials in `start`, and two of them agree in no more places than they have
 * routes. So two tables of a million routes have one product with a chance of less than 2^-77, whatever the routes are and
 * whoever chose them without the key (a sum of such numbers would not do: it is that of two routes with each other's next hops,
 * too). What is told is a SipHash of the product, and says nothing of the secrets. It takes less than a third of the instructions
 * of SUM.
 *
 * Source: the replication design, decision (6); invariants D1, D2. */
#ifndef TANDEM_REPLICATION_DIGEST_H
#define TANDEM_REPLICATION_DIGEST_H

#include "bgp/base/hash_bytes.h"
#include "bgp/rib/rib.h"
#include "replication/codec.h"

enum repl_digest_form { REPL_DIGEST_SUM, REPL_DIGEST_PRODUCT, REPL_DIGEST_FORMS }; /* as beats say it */

struct repl_digest {
    uint8_t key[16];
    enum repl_digest_form form;
    hash_wide start, step; /* PRODUCT */
    hash_wide value;       /* the sum, or the product of what came … */
    hash_wide gone;        /* … and of what went and is not divided out yet: at each change would be too often */
    uint64_t buckets[REPL_BUCKETS];
};

/* The part of the table that a prefix belongs to: 0 .. REPL_BUCKETS - 1, on every node the same. */
unsigned repl_digest_bucket(const struct ip_prefix *prefix);

/* key NULL: a fixed key, for a single node that compares with nobody. */
void repl_digest_init(struct repl_digest *d, enum repl_digest_form form, const uint8_t key[16]);
/* Of an empty table again. */
void repl_digest_clear(struct repl_digest *d);
/* The prefix had one set of next hops and has another. key: its length and octets, as a prefix table has them. */
void repl_digest_change_key(struct repl_digest *d, enum bgp_family family, const uint8_t *key, const struct nhset *old,
                            const struct nhset *new);
static inline void repl_digest_change(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *old,
                                      const struct nhset *new)
{
    repl_digest_change_key(d, (enum bgp_family)prefix->family, &prefix->len, old, new);
}
static inline void repl_digest_add(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set)
{
    repl_digest_change(d, prefix, &nhset_empty, set);
}
/* Divides what went out of a PRODUCT: a few microseconds, none where nothing went. For one that is written often. */
void repl_digest_settle(struct repl_digest *d);
/* Of a PRODUCT that is not settled it is a division, too. */
void repl_digest_write(const struct repl_digest *d, uint8_t out[static REPL_DIGEST]);

#endif
