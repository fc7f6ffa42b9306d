/* Path attributes: decoded once, checked by RFC 7606, kept as canonical wire bytes, interned.
 *
 * Canonical form: one path attribute after the other as on the wire, ascending by type code,
 * extended-length flag only where the length needs it, AS_PATH in four octets with AS4_PATH and
 * AS4_AGGREGATOR merged in (RFC 6793 section 4.2.3), without NEXT_HOP, MP_REACH_NLRI and
 * MP_UNREACH_NLRI, without what an eBGP speaker must ignore (LOCAL_PREF, ORIGINATOR_ID,
 * CLUSTER_LIST), unknown optional transitive ones with the Partial bit set (RFC 4271 section 5),
 * unknown optional non-transitive ones dropped.
 * Equal routes therefore have equal bytes, from any peer, on any node. */
#ifndef TANDEM_BGP_ATTR_H
#define TANDEM_BGP_ATTR_H

#include <assert.h>

#include "bgp/base/arena.h"
#include "bgp/base/hash.h"
#include "bgp/base/slab.h"
#include "bgp/base/wire.h"
#include "bgp/codec/types.h"

enum bgp_attr_type {
    BGP_ATTR_ORIGIN = 1,
    BGP_ATTR_AS_PATH = 2,
    BGP_ATTR_NEXT_HOP = 3,
    BGP_ATTR_MED = 4,
    BGP_ATTR_LOCAL_PREF = 5,
    BGP_ATTR_ATOMIC_AGGREGATE = 6,
    BGP_ATTR_AGGREGATOR = 7,
    BGP_ATTR_COMMUNITIES = 8,
    BGP_ATTR_ORIGINATOR_ID = 9,
    BGP_ATTR_CLUSTER_LIST = 10,
    BGP_ATTR_MP_REACH = 14,
    BGP_ATTR_MP_UNREACH = 15,
    BGP_ATTR_EXT_COMMUNITIES = 16,
    BGP_ATTR_AS4_PATH = 17,
    BGP_ATTR_AS4_AGGREGATOR = 18,
    BGP_ATTR_IP6_EXT_COMMUNITIES = 25,
    BGP_ATTR_LARGE_COMMUNITIES = 32,
    BGP_ATTR_ONLY_TO_CUSTOMER = 35,
    BGP_ATTR_MAX = 256,
};

enum bgp_attr_flag {
    BGP_FLAG_OPTIONAL = 0x80,
    BGP_FLAG_TRANSITIVE = 0x40,
    BGP_FLAG_PARTIAL = 0x20,
    BGP_FLAG_EXTENDED = 0x10,
};

enum bgp_origin { BGP_ORIGIN_IGP, BGP_ORIGIN_EGP, BGP_ORIGIN_INCOMPLETE };

/* Well-known communities 65535:n by their n: RFC 1997, 7999, 8326, 9494. */
enum bgp_well_known {
    BGP_GRACEFUL_SHUTDOWN = 0x0000,
    BGP_LLGR_STALE = 0x0006,
    BGP_NO_LLGR = 0x0007,
    BGP_BLACKHOLE = 0x029a,
    BGP_NO_EXPORT = 0xff01,
    BGP_NO_ADVERTISE = 0xff02,
    BGP_NO_EXPORT_SUBCONFED = 0xff03,
};

static inline uint32_t bgp_well_known(enum bgp_well_known n)
{
    return 0xffff0000u | (uint32_t)n;
}

/* What the decision and the export need without reading the bytes again. */
enum bgp_attrs_mark {
    BGP_MARK_MED = 1 << 0,          /* med is present */
    BGP_MARK_NO_EXPORT = 1 << 1,    /* RFC 1997 */
    BGP_MARK_NO_ADVERTISE = 1 << 2, /* RFC 1997 */
    BGP_MARK_NO_EXPORT_SUBCONFED = 1 << 3,
    BGP_MARK_BLACKHOLE = 1 << 4,         /* RFC 7999 */
    BGP_MARK_GRACEFUL_SHUTDOWN = 1 << 5, /* RFC 8326 */
    BGP_MARK_LLGR_STALE = 1 << 6,        /* RFC 9494 */
    BGP_MARK_NO_LLGR = 1 << 7,           /* RFC 9494 */
    BGP_MARK_OTC = 1 << 8,               /* RFC 9234 */
    BGP_MARK_NON_TRANSITIVE = 1 << 9,    /* an extended community that stays here (RFC 4360 section 6) */
    BGP_MARK_LOCAL_PREF = 1 << 10,       /* our own policy has set one: bgp_attrs_local_pref */
};

/* One attribute set with its next hop: the view of a decoder, and the interned record's head. Only what
 * the decision reads stands here, since there is one for every six routes. */
struct bgp_attrs {
    const uint8_t *bytes; /* canonical, see above */
    const struct ip_addr *link_local; /* second IPv6 next hop (RFC 2545), NULL = none */
    uint32_t med;         /* 0 when absent */
    uint32_t neighbor_as; /* first AS of the path, 0 = empty path */
    uint16_t marks;       /* enum bgp_attrs_mark */
    uint16_t path_len;    /* RFC 4271 section 9.1.2.2 (a): a set counts as one */
    uint16_t len;         /* of bytes */
    uint8_t origin;       /* enum bgp_origin */
    struct ip_addr next_hop;
};

/* Read canonical bytes back into marks, med, path_len …; sets out->bytes and len to them. Next hops
 * are the caller's. For bytes that come from another node: false when they are not canonical. */
bool bgp_attrs_summarise(const uint8_t *bytes, uint16_t len, struct bgp_attrs *out);
/* … of bytes that our own policy has made of canonical ones: LOCAL_PREF (RFC 4271 section 5.1.5) may stand in
 * them. It is never received, and never told. */
bool bgp_attrs_summarise_own(const uint8_t *bytes, uint16_t len, struct bgp_attrs *out);
enum { BGP_LOCAL_PREF_DEFAULT = 100 }; /* where no policy has set one */
uint32_t bgp_attrs_local_pref(const struct bgp_attrs *a);

/* The value of the AS_PATH, for aspath_next. */
struct wire_reader bgp_attrs_as_path(const struct bgp_attrs *a);
/* Is asn anywhere in the AS_PATH? RFC 4271 section 9.1.2: such a route is a loop. Counts occurrences. */
unsigned bgp_attrs_count_as(const struct bgp_attrs *a, uint32_t asn);

/* The next attribute of canonical bytes; false at the end. */
struct bgp_attr_view {
    uint8_t flags, type;
    uint16_t len;
    const uint8_t *value;
};
bool bgp_attrs_next(struct wire_reader *r, struct bgp_attr_view *out);
/* What stands before a value of this length; flags come without BGP_FLAG_EXTENDED. */
void bgp_attr_put_header(struct wire_writer *w, uint8_t flags, uint8_t type, uint16_t len);

/* The table of interned sets: equal sets have one id, so ids compare instead of bytes.
 * Id 0 means «no attributes» and is never handed out. */
enum { BGP_ATTRS_ID_BITS = 30 }; /* ids are below 2^30 */
enum { BGP_ATTRS_CLASS = 8, BGP_ATTRS_CLASSES = 64 }; /* bytes: in steps of 8 up to 512, then malloc */

struct bgp_attr_record {
    struct bgp_attrs attrs;
    uint32_t refs;
    uint32_t place; /* of the bytes in the slab of their size; 0: malloc's */
};

struct bgp_attr_table {
    struct slab records; /* struct bgp_attr_record */
    struct slab bytes_of[BGP_ATTRS_CLASSES]; /* canonical bytes by their length */
    struct hash_index index;
    struct hash_key key;
    size_t bytes; /* held by canonical bytes */
};

void bgp_attr_table_init(struct bgp_attr_table *t, struct hash_key key);
/* For a table that may become large; before its first set. The pool outlives it. */
void bgp_attr_table_use_pool(struct bgp_attr_table *t, struct pool *pool);
void bgp_attr_table_fini(struct bgp_attr_table *t);
/* Id of this set with one more reference; what it points to is copied when it is new. 0: out of memory. */
uint32_t bgp_attrs_intern(struct bgp_attr_table *t, const struct bgp_attrs *a);
/* Nobody refers to it any more. */
void bgp_attrs_drop(struct bgp_attr_table *t, uint32_t id);

static inline struct bgp_attr_record *bgp_attr_record(const struct bgp_attr_table *t, uint32_t id)
{
    return slab_at_of(&t->records, id, sizeof(struct bgp_attr_record));
}

static inline void bgp_attrs_ref(struct bgp_attr_table *t, uint32_t id)
{
    if (id)
        bgp_attr_record(t, id)->refs++;
}

static inline void bgp_attrs_unref(struct bgp_attr_table *t, uint32_t id)
{
    if (!id)
        return;
    assert(bgp_attr_record(t, id)->refs);
    if (!--bgp_attr_record(t, id)->refs)
        bgp_attrs_drop(t, id);
}

/* Valid while a reference is held. */
static inline const struct bgp_attrs *bgp_attrs_get(const struct bgp_attr_table *t, uint32_t id)
{
    return &bgp_attr_record(t, id)->attrs;
}

/* How a set is written for one kind of receiver. */
struct bgp_export {
    bool transparent;   /* RFC 7947: AS_PATH, MED untouched. Else local_asn is prepended and MED dropped … */
    bool keeps_med;     /* … but not where it is a policy's for this receiver (RFC 4271 section 5.1.4) */
    uint32_t local_asn; /* prepended when not transparent, and to an empty path, which is our own */
    uint32_t otc;       /* RFC 9234 section 5: ONLY_TO_CUSTOMER of this AS where there is none; 0 = no */
    uint32_t replaced_asn; /* as-override: local_asn stands for this AS in the path; 0 = for none */
    bool graceful_shutdown; /* RFC 8326 section 4: GRACEFUL_SHUTDOWN among the communities */
    bool shortened;     /* RFC 8654 section 4: without what RFC 7606 lets one discard */
};

enum { BGP_EXPORT_MAX = 65535, BGP_MARK_ROOM = 8 };

/* The canonical bytes of a with this community, which it has not, among its own. cap: a->len +
 * BGP_MARK_ROOM is enough. Returns the length, or BGP_ERR_SPACE: no attributes may be so long. */
int bgp_attrs_mark(const struct bgp_attrs *a, enum bgp_well_known n, uint8_t *buf, size_t cap) MUST_USE;

/* Write the attributes of an UPDATE for this receiver, without NEXT_HOP and MP_REACH_NLRI:
 * AS_PATH in the receiver's width with AS4_PATH and AS4_AGGREGATOR where it is two octets and needs
 * them (RFC 6793 section 4.2.2), without extended communities that are not transitive (RFC 4360
 * section 6), ascending by type code.
 * Returns the length, or BGP_ERR_SPACE. */
int bgp_attrs_export(const struct bgp_attrs *a, const struct bgp_export *how,
                     const struct bgp_codec *codec, uint8_t *buf, size_t cap) MUST_USE;

#endif
