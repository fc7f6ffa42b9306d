/* Adj-RIB-Out: what each NVA is told, by update groups.
 *
 * Peers with equal encoding and equal export rules form a group. A group is one cursor over the
 * Loc-RIB order: it takes changed nets, buckets them by attributes, encodes each UPDATE once into a
 * byte log, and members only copy. Whom the best path must not, or need not, be told is told the best
 * of the others instead (no path hiding, RFC 7947 section 2.3): a net's own NVA, and members whose own
 * AS the path holds (they would drop it as a loop) where there is a path without it. Such messages carry
 * whom they are for, or whom they are not for.
 *
 * Where several paths were agreed on (RFC 7911) all that the members may have are told, the best
 * ADJOUT_PATHS of a net. A path's id is made of its NVA's address and the id that it was received with,
 * so it stays for the life of the path and is the same on every node.
 *
 * Members that join before the group has told anything, as all do when a node starts, are told with it. One that
 * joins later, or that fell behind the log, walks the Loc-RIB by a private cursor until it
 * meets the group's; so a slow member costs itself, never the others, and memory is bounded: where what
 * has to be kept for one alone would not be, it is given up (adjout_is_lost).
 * Source: RFC 4271 section 9.2; RFC 7947; RFC 7911; RFC 1997; design/rib.md 2.4. */
#ifndef TANDEM_BGP_ADJOUT_H
#define TANDEM_BGP_ADJOUT_H

#include "bgp/codec/update.h"
#include "bgp/rib/rib.h"

enum {
    ADJOUT_PATHS = 64,
    ADJOUT_IDS = 320, /* more than a net has ids, those that are gone among them */
};

/* What makes two members one group; compared field by field. */
struct adjout_rules {
    enum bgp_family family;
    struct bgp_codec codec;
    struct bgp_export export;
    struct ip_addr self_next_hop; /* for prefixes of the configuration */
    struct ip_addr link;          /* our IPv6 address on the members' link, see adjout_link_local; of IPv4: there is none */
    uint8_t from_types;           /* bit per policy_nva.type whose routes this member may have */
    struct route_map *map;        /* its outbound route map, the group takes a reference; NULL = none. The best of
                                   * what it does not drop is told. Where it sets a MED, export.keeps_med is on. */
};

struct adjout;        /* all groups of a RIB */
struct adjout_member; /* one session and family */

struct adjout *adjout_new(struct rib *rib);
void adjout_free(struct adjout *a); /* all members have left */

/* An NVA of this AS may join. Tell all of them before the first joins: paths that hold an AS which was
 * not told of are told to its members as to everybody. False: out of memory. */
bool adjout_expect_as(struct adjout *a, uint32_t asn) MUST_USE;

/* The session of this NVA is up: it will be told everything, then End-of-RIB. NULL: out of memory. */
struct adjout_member *adjout_join(struct adjout *a, const struct adjout_rules *rules, uint16_t nva);
void adjout_leave(struct adjout_member *m);
/* Its rules have changed: it is told everything once more by the new ones, and what it may not have any
 * more is withdrawn; where only its route map is another one, what differs. Replaces m. */
struct adjout_member *adjout_move(struct adjout_member *m, const struct adjout_rules *rules);
/* Route refresh (RFC 2918): tell everything once more, between marks where agreed (RFC 7313). */
void adjout_refresh(struct adjout_member *m);

/* Encode what changed, up to `budget` nets in all; groups take turns. True: more is waiting. */
bool adjout_work(struct adjout *a, unsigned budget);
/* Counts what adjout_work did for anybody: while it stands still, nobody who had nothing to pull has. */
uint64_t adjout_produced(const struct adjout *a);

/* Copy whole UPDATE messages for this member; 0: nothing to send now. Walks the RIB for a member that is behind, as long
 * as there are steps: each net that is looked at takes one, and so does each route that is told. The caller has some for
 * all members together. */
size_t adjout_pull(struct adjout_member *m, uint8_t *buf, size_t cap, unsigned *steps);
/* Is anything left to pull? */
bool adjout_has_output(const struct adjout_member *m);

/* Members that are too slow for what has to be kept for them: end their sessions. How many there are,
 * and whether this is one. */
uint32_t adjout_lost(const struct adjout *a);
bool adjout_is_lost(const struct adjout_member *m);
/* More nets wait for the slowest member to read of their end than is bearable: it is lost. */
void adjout_give_up_slowest(struct adjout *a);

/* Lowest Loc-RIB version that some reader in here has still to pass; UINT64_MAX without members. */
uint64_t adjout_slowest(const struct adjout *a);
/* Was this net advertised to someone, so that its index may not be reused yet? */
bool adjout_holds(const struct adjout *a, uint32_t net);

struct adjout_stats {
    uint64_t messages, announced, withdrawn; /* sent to this member */
    uint32_t current;                        /* routes that it has */
    uint64_t too_long;     /* times that its group passed a path over since it fits no message (RFC 8654 section 4), */
    uint32_t too_long_net; /* the last of this net, which may be gone since */
};
struct adjout_stats adjout_stats(const struct adjout_member *m);

/* For sight: what the member has been told of a net; returns how many, at most ADJOUT_PATHS. */
struct adjout_sent {
    uint32_t path_id; /* RFC 7911, 0 without */
    uint32_t attrs;
};
uint32_t adjout_told(const struct adjout_member *m, uint32_t net, struct adjout_sent *out);
/* Is it this path, of the same net, that was told? */
bool adjout_told_of(const struct adjout_member *m, uint32_t path, const struct adjout_sent *sent);
/* What was chosen to be told of a net before the member's own route map was asked (RFC 8671 section 5.1); of who is
 * told several paths only what was told. */
uint32_t adjout_chosen(const struct adjout_member *m, uint32_t net, struct adjout_sent *out);
/* … and what is to be said of the net to somebody who was told what the member was at any time before: every id
 * with what stands for it, attrs 0 = nothing any more. At most ADJOUT_IDS. */
uint32_t adjout_told_ever(const struct adjout_member *m, uint32_t net, struct adjout_sent *out);
/* Somebody does so, and has come to this version of the Loc-RIB; UINT64_MAX: nobody does. */
void adjout_watch(struct adjout *a, uint64_t version);
/* Ids are forgotten whose end one can't have heard who has not come to this version: it begins anew. */
uint64_t adjout_missed(const struct adjout *a);
/* … and as its messages say it, in four-octet AS numbers: bytes has room for BGP_EXPORT_MAX. */
bool adjout_told_as(const struct adjout_member *m, const struct adjout_sent *sent, uint8_t *bytes,
                    struct bgp_attrs *out);
/* The link-local next hop that stands behind the global one, NULL = none: RFC 2545 section 3 has it told only where
 * we, the member and whom it leads to share a subnet, which the first 64 bits of the global addresses tell. Elsewhere
 * it leads nowhere, and some prefer it to the global one. */
const struct ip_addr *adjout_link_local(const struct adjout_rules *rules, const struct bgp_attrs *a);
/* The Loc-RIB version up to which adjout_told knows. */
uint64_t adjout_position(const struct adjout_member *m);

#endif
