/* Inside Adj-RIB-Out: shared by adjout*.c only. */
#ifndef TANDEM_BGP_ADJOUT_IMPL_H
#define TANDEM_BGP_ADJOUT_IMPL_H

#include <assert.h>
#include <string.h>

#include "bgp/adjout/adjout.h"
#include "bgp/base/bitset.h"
#include "bgp/base/list.h"

enum {
    ADJOUT_BATCH = 2048,         /* nets that are bucketed together */
    ADJOUT_LOG_MIN = 256 * 1024, /* bytes; grows to ADJOUT_LOG_MAX before a member is left behind */
    ADJOUT_LOG_MAX = 4 * 1024 * 1024,
    ADJOUT_LOG_STRETCH = 64 * 1024, /* that are written at least before an empty log begins anew */
    ADJOUT_GONE = 128,         /* withdrawn path ids of a net that wait for slow readers */
    ADJOUT_GONE_ALL = 1 << 16, /* … and of a group, beside twice the ids that it has told */
    ADJOUT_NET_ITEMS = 2 * ADJOUT_PATHS + ADJOUT_GONE + ADJOUT_PATHS, /* most that one net adds to a batch */
    ADJOUT_ITEMS = 2 * ADJOUT_BATCH + ADJOUT_NET_ITEMS,
    ADJOUT_HOPS = 64,     /* next hops that are remembered while a batch is filled */
    ADJOUT_DETOURS = 8,   /* ASes of NVAs in one path that are looked at */
};

/* What a message says of all its prefixes: their attributes, and for whom it is. */
struct adjout_word {
    uint32_t attrs;        /* 0 = withdraw */
    uint32_t only_as;      /* 0 = members of any AS */
    uint16_t except, only; /* NVA numbers, 0 = nobody, everybody */
    uint16_t except_hop;   /* likewise: the NVA that the path leads to */
    uint16_t except_as;    /* which of the group's lists of ASes, 0 = none */
};
static_assert(sizeof(struct adjout_word) == 16, "words are compared as bytes");

/* Of what it is said. */
struct adjout_item {
    uint32_t net;
    uint32_t path_id; /* RFC 7911 */
};

/* Items of one word that came one behind the other. */
struct adjout_run {
    uint16_t begin, end; /* items */
    uint16_t next;       /* run of the same bucket, index + 1 */
};

struct adjout_bucket {
    struct adjout_word word;
    uint16_t first, last; /* runs, index + 1 */
    uint16_t slot;
};

/* Items by what is said of them, so that one UPDATE carries many prefixes. Encoding can stop after any
 * message and go on later. */
struct adjout_batch {
    struct adjout_item items[ADJOUT_ITEMS];
    struct adjout_run runs[ADJOUT_ITEMS];
    struct adjout_bucket buckets[ADJOUT_ITEMS];
    uint16_t slots[4 * ADJOUT_BATCH]; /* open addressing: bucket, index + 1 */
    uint16_t order[ADJOUT_ITEMS];     /* buckets as they are encoded: those that withdraw first */
    uint32_t count, run_count, bucket_count, withdraw_count;
    uint32_t newest;                      /* bucket of the newest run */
    uint32_t at_bucket, at_run, at_item;  /* progress: place in the order, run index + 1, item */
    uint64_t version;                     /* of the Loc-RIB before these nets */
};

void adjout_batch_clear(struct adjout_batch *b, uint64_t version);
/* The next item begins a run of this word. */
void adjout_batch_begin_run(struct adjout_batch *b, const struct adjout_word *word);
static inline void adjout_batch_add(struct adjout_batch *b, uint32_t net, uint32_t path_id, const struct adjout_word *word)
{
    bool is_like_last = b->count && !memcmp(&b->buckets[b->newest].word, word, sizeof *word); /* as they came in one UPDATE */
    assert(b->count < ADJOUT_ITEMS);
    if (!is_like_last)
        adjout_batch_begin_run(b, word);
    b->items[b->count++] = (struct adjout_item){ .net = net, .path_id = path_id };
    b->runs[b->run_count - 1].end = (uint16_t)b->count;
}
static inline bool adjout_batch_is_done(const struct adjout_batch *b)
{
    return b->at_bucket == b->bucket_count && !b->at_run;
}

/* One encoded message and what it says. */
struct adjout_message {
    size_t len; /* 0: nothing; the batch is done */
    struct adjout_word word;
    uint32_t announced, withdrawn;
};

struct adjout_group;
/* Encode the next message of the batch into buf, which holds the codec's max_message. */
struct adjout_message adjout_encode(struct adjout_group *g, struct adjout_batch *b, uint8_t *buf);
/* Is there a message of these members' that holds the path's prefix and what it is told as? */
bool adjout_fits(struct adjout_group *g, uint32_t path, uint32_t attrs);
/* … only without what may be discarded (RFC 8654 section 4)? */
bool adjout_is_shortened(struct adjout_group *g, uint32_t attrs);

/* ---- the byte log: messages in order, addressed by offsets that only grow ---- */

struct adjout_record {
    uint32_t len;  /* of the message; 0 = filler */
    uint32_t size; /* from here to the next record; set by adjout_log_commit */
    struct adjout_word word;
    uint32_t announced, withdrawn;
    uint64_t version; /* of the Loc-RIB before the batch that it is of */
};

struct adjout_log {
    uint8_t *bytes;
    size_t cap; /* power of two */
    uint64_t head, tail; /* valid: tail <= offset < head */
};

/* ---- what the members of a group were told of one net; attributes are references ---- */

/* Where one path is told: one for every route of every group, hence the six bytes. */
struct __attribute__((packed, aligned(2))) adjout_told {
    uint32_t attrs : BGP_ATTRS_ID_BITS; /* all but nva, and but detours */
    uint32_t is_second : 1;             /* nva itself was told something: it stands in the slab of seconds */
    uint32_t has_detours : 1;
    uint16_t nva; /* whose path it is; 0 also for the configuration's */
};
static_assert(sizeof(struct adjout_told) == 6 && BGP_ATTRS_ID_BITS == 30, "what was told has no room to spare");

/* Told to all but the NVA whose it is. */
static inline struct adjout_told adjout_told_as_plain(uint32_t attrs, uint16_t nva)
{
    return (struct adjout_told){ .attrs = attrs & ((1u << BGP_ATTRS_ID_BITS) - 1), .nva = nva };
}

/* Members of this AS were told another path, one that does not hold it; or this NVA was, one that does not
 * lead to itself, or nothing. */
struct adjout_detour {
    uint32_t next, asn, attrs;
    uint16_t nva; /* 0: all of the AS */
};

/* Where several are told (RFC 7911): one path id. */
struct adjout_route {
    uint32_t next, path_id;
    uint32_t attrs;   /* 0 = gone: kept until all have read the withdrawal */
    uint16_t nva;     /* whose path it is: it is not told */
    uint16_t hop;     /* whom it leads to, 0 = no other NVA: it is not told either */
    bool was_another; /* nva was told this id once, when it was that of another's path */
};

/* ---- groups and members ---- */

/* Each distinct combination once, sorted. */
struct adjout_as_list {
    uint32_t asns[ADJOUT_DETOURS];
};

/* The ASes of NVAs that an attribute set's path holds. */
struct adjout_loops {
    uint32_t attrs; /* for which it was read, 0 = none */
    uint32_t count;
    uint32_t asns[ADJOUT_DETOURS];
};

/* Whose address a next hop is. */
struct adjout_hop {
    struct ip_addr address; /* that was looked for, zero = none */
    uint16_t nva;           /* 0 = nobody's */
};

/* A path alone on its prefix that all but its NVA may have, without a detour; how that is remembered, and said. */
struct adjout_plain {
    struct rib_path path; /* attrs 0 = none */
    struct adjout_told told;
    struct adjout_word word;
};

struct adjout_as { /* of an NVA */
    uint32_t asn, nvas;
};

struct adjout {
    struct rib *rib;
    struct list groups, leaving; /* leaving: without members, given back bit by bit */
    struct list moving;          /* members that wait: their old group's ids are being handed over */
    uint8_t *export; /* room for one exported attribute set */
    uint8_t *message; /* room for the longest message */
    struct adjout_as *ases; /* open addressing */
    uint32_t as_cap, as_count;
    bool has_loops; /* a path with another NVA's AS was seen */
    uint32_t lost;  /* members that are to be let go */
    uint64_t produced;
    uint64_t watched, missed; /* adjout_watch, adjout_missed */
};

/* What a path of the net that is being compared is told as: a reference. */
struct adjout_mapped {
    uint32_t path, attrs;
};

struct adjout_group {
    struct list all, members;
    struct adjout *adjout;
    struct adjout_rules rules;
    struct rib_audience audience;
    bool has_paths;    /* RFC 7911: several paths of a net */
    bool retells;      /* members come from other groups, and what they were told there is not known: to its first end */
    bool has_corrected; /* what was told of a net that did not change: adjout_compare_again */
    uint64_t position; /* in the Loc-RIB order */
    struct slab told;  /* by place: struct adjout_told, or the first of its routes */
    struct slab seconds, detours; /* by place: uint32_t; attributes, the first detour */
    struct slab records;   /* struct adjout_detour, struct adjout_route */
    uint32_t told_count;   /* routes told to some member */
    struct slab withheld;  /* by NVA: uint32_t, those of told_count that this one was not told */
    struct slab as_lists;  /* struct adjout_as_list */
    struct hash_index as_index;
    struct adjout_plain plain;    /* the last one, while a batch is filled */
    struct adjout_loops loops[2]; /* of the best path and of the second, while a batch is filled */
    struct adjout_hop hops[ADJOUT_HOPS]; /* likewise, those that were looked for last */
    struct bitset gone;    /* places with routes that are gone */
    uint32_t gone_count;
    uint32_t gone_at;      /* place from which the next one is looked for */
    uint64_t gone_slowest; /* reader at the start of the round */
    uint32_t buried;       /* leaving: places that were given back */
    uint32_t lending;      /* members of other groups that still need to know what it told */
    struct adjout_mapped *mapped; /* with a route map, while a net is compared */
    uint32_t mapped_count, mapped_cap;
    struct adjout_batch *batch;
    struct adjout_log log;
    uint64_t too_long; /* times that a path was passed over since it fits no message, */
    uint32_t too_long_net; /* the last of its net */
    uint32_t fits_attrs; /* the last long set that was tried, and what came of it */
    bool fits;
};

struct adjout_member {
    struct list all;
    struct adjout_group *group;
    uint32_t asn;
    uint16_t nva;
    bool attached;      /* reads the log at offset; else walks by position */
    bool catches_up;    /* attached before the group had told anything, and not told all yet */
    bool is_lost;       /* too slow for what has to be kept for it */
    bool is_tied;       /* attached, and lost when it falls behind before it has read all */
    bool marks_refresh; /* RFC 7313 was agreed on */
    bool wants_begin;   /* a refresh is to be announced (RFC 7313) */
    bool wants_end;     /* the end of the catch-up is to be told … */
    bool is_refresh;    /* … as that of a refresh; else as End-of-RIB */
    bool is_new;        /* it was told nothing yet */
    uint64_t offset, position;
    uint64_t untold; /* a walk up to here meets nets of which it was told nothing: no withdrawals */
    struct list moving;
    struct adjout_group *from; /* it comes from there, and … */
    bool is_waiting;           /* … reads nothing before all ids are handed over, */
    uint32_t handed;           /* … of the places before this one; */
    struct bitset lent;        /* … and of these, which that group has forgotten since; */
    uint64_t alike;            /* … was told up to this version what that group has told */
    struct adjout_batch *batch; /* while walking */
    struct adjout_stats stats;
};

/* A route is not told to this one, 0 = nobody, or is again (sign -1). False: out of memory. */
static inline bool adjout_withhold(struct adjout_group *g, uint16_t nva, int sign)
{
    if (!nva)
        return true;
    if (!slab_reach(&g->withheld, nva))
        return false;
    *(uint32_t *)slab_at_of(&g->withheld, nva, sizeof(uint32_t)) += (uint32_t)sign;
    return true;
}
/* A route is told, or is not told any more (sign -1), to all but its owner. False: out of memory. */
static inline bool adjout_count(struct adjout_group *g, uint16_t owner, int sign)
{
    g->told_count += (uint32_t)sign;
    return adjout_withhold(g, owner, sign);
}

/* adjout_as.c: how many NVAs are in this AS; which ASes of NVAs a set's path holds; lists of ASes by number
 * (0: there are no more numbers, or no memory). */
uint32_t adjout_nvas_in(const struct adjout *a, uint32_t asn);
void adjout_loops_read(const struct adjout *a, uint32_t attrs, struct adjout_loops *l);
bool adjout_loops_have(const struct adjout_loops *l, uint32_t asn);
uint16_t adjout_as_list(struct adjout_group *g, const uint32_t *asns, uint32_t count);
bool adjout_as_list_has(const struct adjout_group *g, uint16_t list, uint32_t asn);
/* The NVA whose address is the next hop of these attributes, if it is another one than their owner; else 0. */
uint16_t adjout_leads_to(struct adjout_group *g, uint32_t attrs, uint16_t owner);
/* Is it this member's? */
bool adjout_leads_to_member(const struct adjout_member *m, uint32_t attrs);

/* adjout_plain.c: on from the group's position, as far as nets are plain, and `most` at most; returns how many. */
unsigned adjout_compare_plain(struct adjout_group *g, unsigned most);
/* adjout_told.c, adjout_paths.c: the net's items into the group's batch, and remember what they say. */
void adjout_compare(struct adjout_group *g, uint32_t net);
/* … returns how many paths are told. */
uint32_t adjout_compare_paths(struct adjout_group *g, uint32_t net);
/* The best path that any member may have and that fits their messages, 0 = none; without_as: for members of this AS, 0 = all. */
uint32_t adjout_outcome_for_all(struct adjout_group *g, struct rib_net *n, uint32_t without_as);
/* What this member was told of a net, one path; what one like it was told in another group. */
uint32_t adjout_told_one(const struct adjout_member *m, uint32_t place);
uint32_t adjout_told_in(const struct adjout_group *g, uint32_t place, const struct adjout_member *m);
static inline struct adjout_told *adjout_told_at(const struct adjout_group *g, uint32_t place)
{
    return slab_at_of(&g->told, place, sizeof(struct adjout_told));
}
/* Was anybody told something of it, one path? */
static inline bool adjout_is_told(const struct adjout_told *t)
{
    return t->attrs | t->is_second | t->has_detours;
}
static inline bool adjout_has_told(const struct adjout_group *g, uint32_t place)
{
    return adjout_is_told(adjout_told_at(g, place));
}
/* A place of a group that is leaving: its references are given back. */
void adjout_forget(struct adjout_group *g, uint32_t place);
void adjout_forget_paths(struct adjout_group *g, uint32_t place);

/* Routes of a net, 0 ends. */
static inline uint32_t adjout_first_route(const struct adjout_group *g, uint32_t place)
{
    return place < g->told.top ? *(uint32_t *)slab_at(&g->told, place) : 0;
}
static inline struct adjout_route *adjout_route_at(const struct adjout_group *g, uint32_t route)
{
    return slab_at(&g->records, route);
}
/* Forget ids whose withdrawal all have read, a stretch at a time. */
void adjout_purge_paths(struct adjout_group *g);

/* Whom a path leads to was found when the net was compared. Has this member's NVA come since, or its number been
 * another one's then, so that it is not told what it is to be told? */
bool adjout_is_misled(const struct adjout_member *m, uint32_t place);
bool adjout_is_misled_by_paths(const struct adjout_member *m, uint32_t place);

/* adjout.c: compare a net once more that the group has told already, for this NVA's sake; the group's batch is used. */
void adjout_compare_again(struct adjout_group *g, uint32_t net, uint16_t nva);

/* A member of the group with these rules, which walks unless the group has told nothing yet. NULL: out of memory. */
struct adjout_member *adjout_member_new(struct adjout *a, const struct adjout_rules *rules, uint16_t nva);
/* Would they share a group? */
bool adjout_same_rules(const struct adjout_rules *a, const struct adjout_rules *b);

/* adjout_map.c: what the members are told in the place of this path's attributes, 0 = nothing. Borrowed: a route
 * map's until adjout_map_end, which follows the comparison of every net. */
uint32_t adjout_attrs(struct adjout_group *g, uint32_t path);
void adjout_map_end(struct adjout_group *g);

/* adjout_move.c: members that change their group; what is left of the budget of places. */
unsigned adjout_move_on(struct adjout *a, unsigned budget);
void adjout_move_end(struct adjout_member *m);
/* The member's old group told it the same of this net; of this path id. */
bool adjout_is_alike(const struct adjout_member *m, uint32_t place, uint32_t attrs);
bool adjout_is_alike_path(const struct adjout_member *m, uint32_t place, uint32_t path_id, uint32_t attrs);
/* The place is about to be forgotten: who comes from this group takes its ids now. */
void adjout_lend(struct adjout_group *from, uint32_t place);

/* adjout_member.c */
/* Its group has told nothing: what it tells of everything is for this member, too. */
void adjout_begin_together(struct adjout_member *m);
void adjout_detach(struct adjout_member *m);
void adjout_walk_end(struct adjout_member *m);
/* What it has read of the Loc-RIB: up to this version. */
uint64_t adjout_has_read(const struct adjout_member *m);
void adjout_lose(struct adjout_member *m);
/* Let the slowest of the group go, if anybody lags. */
void adjout_lose_slowest(struct adjout_group *g);
/* Who walks, and has passed this version, goes on behind it. */
void adjout_walk_again(struct adjout_group *g, uint64_t version);
/* Something that was told is not kept any longer for who falls behind: who walks is lost. */
void adjout_tie_readers(struct adjout_group *g);
uint64_t adjout_slowest_of(const struct adjout_group *g);

#endif
