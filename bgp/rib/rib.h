/* The RIB: every path of every NVA, from every node, once.
 *
 * It is the replicated table itself. A path belongs to an origin (the node that has the session, or
 * the configuration), stands in that origin's version order, and is stored as received (pre-policy);
 * the verdict of the policy is cached beside it, and so is what a route map made of it. A prefix (net) whose outcome changed moves to the
 * tail of the Loc-RIB order. Replication, update groups, targets and the API are cursors over these
 * orders: no second copy, no queue.
 *
 * Absence: a withdrawn path stays as a tombstone (no attributes) for a while, because other nodes'
 * stale copies of it must learn that it is gone. A session's facts are entries of the order too.
 *
 * Changes only mark nets dirty. rib_decide settles one net; the caller decides how many a turn.
 * Source: RFC 4271 sections 3.2 and 9.1; the replication design, data model and decision. */
#ifndef TANDEM_BGP_RIB_H
#define TANDEM_BGP_RIB_H

#include "bgp/base/ring.h"
#include "bgp/base/vlist.h"
#include "bgp/codec/update.h"
#include "bgp/policy/policy.h"
#include "bgp/policy/route_map.h"
#include "bgp/rib/limit.h"
#include "bgp/rib/nhset.h"
#include "bgp/rib/prefix_table.h"
#include "bgp/rib/rib_age.h"
#include "bgp/rib/rib_queue.h"

enum {
    RIB_CONFIG = 0,      /* origin number of the configuration; nodes are 1..RIB_ORIGINS-1 */
    RIB_ORIGINS = 8,
    RIB_NVAS_MAX = 65535,
};

/* How much a path counts. LIVE and GRACE are preferred alike, STALE only when nothing else is left. */
enum rib_class { RIB_LIVE, RIB_GRACE, RIB_STALE, RIB_GONE };

enum rib_path_flag {
    RIB_PATH_OUTDONE = 1 << 0,   /* held while its NVA restarts or its node returns, and a living session has its own word on it */
    RIB_PATH_UNSEEN = 1 << 1,    /* it moved in its order, or became a tombstone, and is not heard again for all that */
    RIB_PATH_DISPROVED = 1 << 2, /* evidence says that the NVA does not announce it any more */
    RIB_PATH_HAS_ID = 1 << 3,    /* it is a struct rib_path_with_id */
    RIB_PATH_VERDICT = 0xf0,
    RIB_PATH_VERDICT_SHIFT = 4,  /* upper half: enum policy_verdict, or of a path that is edited … */
    RIB_EDITED_ACCEPTED = 14,    /* … POLICY_ACCEPTED, */
    RIB_EDITED_OVER_LIMIT = 15,  /* … POLICY_OVER_LIMIT */
};

/* Sixteen bytes: most paths are the only ones of their net, so the last path of a net says which net that is. */
struct rib_path {
    uint32_t attrs; /* bgp_attr_table id with a reference; 0 = tombstone. First: a free record's list stands here */
    uint32_t next;  /* of the same net; the last one: RIB_LAST | the net's place; 0 = the record is free */
    uint32_t slot;  /* in its origin's version order */
    uint16_t nva;
    uint8_t origin : 4, family : 4;
    uint8_t flags; /* enum rib_path_flag */
};
static const uint32_t RIB_LAST = 1u << 31;
static_assert(sizeof(struct rib_path) == 16 && RIB_ORIGINS <= 16, "a path has no room to spare");
enum { RIB_PATH_KINDS = 2 }; /* without an id, and with one */

/* Hardly any path has an id (RFC 7911), and four bytes of each path count. */
struct rib_path_with_id {
    struct rib_path path;
    uint32_t path_id;
};

static inline uint32_t rib_path_id(const struct rib_path *p)
{
    return p->flags & RIB_PATH_HAS_ID ? ((const struct rib_path_with_id *)p)->path_id : 0;
}

enum rib_net_flag {
    RIB_NET_DIRTY = 1 << 0,     /* waits for a decision */
    RIB_NET_CHANGED = 1 << 1,   /* a path that mattered changed in place or went */
    RIB_NET_LISTED = 1 << 2,    /* stands in the Loc-RIB order */
    RIB_NET_WITHDRAWN = 1 << 3, /* since it was programmed last: withdrawn on a session, or taken out by an operator */
    RIB_NET_LOST = 1 << 4,      /* an accepted path went for another reason: session, expiry, sweep */
    RIB_NET_TOUCHED = 1 << 5,   /* some path changed, came or went since the last decision */
    RIB_NET_BEST = 1 << 6,      /* the first path is the one that is advertised */
    RIB_NET_SECOND = 1 << 7,    /* … and the path behind it is what the best's own NVA is told */
};

/* Eleven bytes, and five of an IPv4 prefix behind them: four nets a cache line. */
struct rib_net {
    uint32_t paths; /* first path; a decision puts best and second in front */
    uint32_t slot;  /* in the Loc-RIB order, while LISTED */
    uint16_t nhset; /* see rib_net_nhset; a reference */
    uint8_t flags;  /* enum rib_net_flag */
};
enum { RIB_NET_BYTES = offsetof(struct rib_net, flags) + 1 };

/* Sets are few, as a rule. Where an id needs more than 16 bits, this stands for it. */
static const uint16_t RIB_NHSET_WIDE = UINT16_MAX;

/* GRACE: lost, but the NVA restarts gracefully (RFC 4724); its paths are held until it is back or DOWN. */
enum rib_session_state { RIB_SESSION_DOWN, RIB_SESSION_SYNCING, RIB_SESSION_SYNCED, RIB_SESSION_GRACE };

static inline bool rib_session_is_up(uint8_t state)
{
    return state == RIB_SESSION_SYNCING || state == RIB_SESSION_SYNCED;
}

/* An NVA tells a family anew, or is away for long. Versions in its origin's order; what is not newer … */
struct rib_retelling {
    uint64_t unheard;         /* … was not heard since */
    uint64_t withdrawn;       /* … is to be withdrawn */
    uint64_t moved_withdrawn; /* … so is what bears RIB_PATH_UNSEEN */
    uint64_t stale;           /* … is to bear LLGR_STALE */
};

/* One NVA's session with one origin node: a fact in that origin's version order. */
struct rib_session {
    uint8_t state;       /* enum rib_session_state */
    bool listed;
    bool unseen;         /* a RESET stream has not brought the fact yet */
    bool restarts;       /* in GRACE, or back since then and has not told all yet */
    bool is_taken_out;   /* DOWN, by an operator's order: what goes with it is not lost */
    uint8_t families;    /* bit per enum bgp_family that was negotiated: of others it says nothing; 0: not known, it may of all */
    uint32_t generation; /* counts sessions within an incarnation */
    uint32_t identifier; /* the NVA's BGP identifier */
    uint32_t slot;
    uint32_t paths;      /* without tombstones */
    uint32_t tombstones;
    uint32_t leaving;    /* of `paths`: gone with their session, and not removed yet; of the own origin only */
    uint64_t bytes;      /* what its paths cost: rib_path_bytes of each */
    uint32_t accepted;   /* of `paths`: by the policy */
    uint32_t best;       /* of them: that are advertised */
    uint64_t synced_ms;  /* when this node learnt of End-of-RIB; 0: it may have been at any time before */
    uint64_t lost_ms;    /* GRACE: since when, as this node learnt it */
    uint64_t flushed;    /* what is not newer in the order is of a session that ended: gone */
    uint64_t old_flushed; /* … and of an earlier incarnation, and was not heard again: gone */
    uint64_t last_flushed; /* … and of the last incarnation before this one: gone */
    uint64_t former;      /* … is of a session before this one, which a copy is about to be told anew: rib_path_is_former */
    struct rib_retelling retelling[BGP_FAMILIES];
};

/* How many it has. */
static inline uint32_t rib_session_paths(const struct rib_session *s)
{
    return s->paths - s->leaving;
}

/* The incarnation of an origin that ended last. A walk may still have to carry out what was said of it: its entries
 * are newer than `begun`; what is not newer … */
struct rib_last {
    uint64_t begun;
    uint64_t flushed;       /* … is gone */
    uint64_t rehabilitated; /* … is disproved no more */
};

/* What concerns many entries at once is said by versions, in no time, and counts at once: it means all
 * entries that are not newer, and every change of an entry takes it out of reach. A walk carries it out, a
 * stretch a turn (rib_sweep).
 *
 * A copy's order has its owner's versions, by an offset, when the stream brings them: then others can
 * be served from it. */
struct rib_origin {
    struct vlist order;           /* ids: path index, or RIB_FACT | nva */
    struct rib_age_marks ages;    /* along it */
    uint64_t base;                /* order's version of the owner's version 0, modulo 2^64 */
    uint64_t start;               /* the owner's version after which it holds so */
    uint64_t place;               /* where the next changed entry stands in order; 0: at its tail */
    uint32_t renumbered;          /* so often: a reader of before has to start over */
    bool lags;                    /* it does not read in time what its NVAs say */
    bool is_partial;              /* entries were dropped that the owner still has */
    bool has_former;              /* entries of it may be of former sessions */
    struct rib_session *sessions; /* by NVA */
    uint64_t dropped;             /* newest version of a tombstone or fact that is no more */
    uint8_t class;                /* enum rib_class of its current entries: LIVE, GRACE, STALE */
    uint8_t old_class;            /* of its old entries */
    uint64_t lost_ms, old_ms;     /* since when class, old_class are not LIVE */
    uint64_t heals_ms;            /* 0, or: it is back, and what was disproved meanwhile counts from then; held: it returns until then */
    uint32_t paths, tombstones, old; /* entries; old: of them, of earlier incarnations */
    /* Versions in its order; what is not newer … */
    uint64_t aged;          /* … is of an earlier incarnation: old, not heard again yet */
    uint64_t flushed;       /* … and current is gone */
    uint64_t old_flushed;   /* … and old is gone */
    uint64_t unseen;        /* … was not brought by the RESET stream yet */
    uint64_t doubted;       /* … and current and disproved, or set aside, is to be judged anew */
    uint64_t rehabilitated; /* … and current is disproved no more */
    uint64_t before;        /* … may be as old as a pause of ours: its sessions say that no more, or say it again; UINT64_MAX: all */
    uint64_t reviewed;      /* … and of reviewed_nva (0 = any) is to be decided anew */
    uint16_t reviewed_nva;
    struct rib_last last;
    bool sweeps_last;             /* the walk carries out what was said of that one, too */
    bool sweeps_again;            /* once more from the start */
    uint64_t sweep_at, sweep_end; /* the walk has come so far, and goes on to; end 0: it rests */
};

static const uint32_t RIB_FACT = 1u << 31, RIB_WITH_ID = 1u << 30;

struct rib {
    struct pool pool; /* of the tables here that grow with the routes, and of what is kept beside them */
    struct prefix_table nets; /* records: struct rib_net */
    struct slab paths;        /* struct rib_path */
    struct slab paths_with_id; /* struct rib_path_with_id; indices have RIB_WITH_ID set */
    struct slab edited[RIB_PATH_KINDS]; /* uint32_t by the place of a path that is edited: attributes, a reference */
    struct route_map_room *room; /* NULL: no route map was used yet */
    struct bgp_attr_table attrs;
    struct nhset_table sets;
    struct slab wide_nhsets[BGP_FAMILIES]; /* by place of the net: uint32_t, where its own field is WIDE */
    struct vlist loc; /* Loc-RIB order: net indices */
    struct rib_origin origins[RIB_ORIGINS];
    const struct policy_nva *nvas; /* the owner's, by number */
    const struct policy *policy;   /* the owner's */
    struct limit *limits;          /* by NVA; used where nvas[].keep says so */
    uint32_t nva_count;   /* numbers below it are known; arrays by NVA have room for nva_room */
    uint32_t nva_room;
    uint32_t max_paths;   /* ECMP width */
    uint8_t self;         /* own origin number */
    uint32_t restarts;    /* sessions that do, of all origins */
    uint64_t session_changes; /* of a session's state, of all origins, and of whether its word counts */
    uint64_t unheard_ms;  /* while routes were held: when no NVA had told all on a living session last; 0 = never */
    bool keep_tombstones; /* false for a single node without monitoring: nobody else has copies */
    bool is_monitored;    /* see struct rib_cfg */
    uint32_t readers_of_all; /* readers to whom any path of a net may matter, not its best and second only */
    uint32_t sweeps;  /* origins that are being walked */
    struct rib_queue dirty, dying;
    struct ring tombs;    /* withdrawn paths, oldest first: see rib_tombs.c */
    uint32_t tomb_second; /* of the newest of them */
    struct rib_age_kept moved[RIB_AGE_SLABS]; /* of paths, of paths_with_id */
    uint64_t age_ms;      /* of the last rib_age_tick */
    uint64_t updates, withdrawals; /* counters for sight */
    uint64_t steps; /* paths decided on or changed: what the work of a turn is counted by */
};

struct rib_cfg {
    struct hash_key key;
    const struct policy_nva *nvas; /* [0] is the configuration's; borrowed, see rib_grow */
    uint32_t nva_count;
    const struct policy *policy; /* borrowed */
    uint32_t max_paths;
    uint8_t self;
    bool keep_tombstones;
    /* Somebody follows the own origin's order as what its sessions announce: a path that is heard again
     * after a mark (rib_refresh_begins), or whose verdict changes, moves in it like one that changed. */
    bool is_monitored;
};

/* 0 or BGP_ERR_NOMEM, here and below; on failure nothing has changed. */
int rib_init(struct rib *r, const struct rib_cfg *cfg) MUST_USE;
void rib_fini(struct rib *r);

/* ---- NVAs come and go (rib_nvas.c) ---- */

/* The owner knows more NVAs now: its array holds nva_count and may have moved. Never fewer. */
int rib_grow(struct rib *r, const struct policy_nva *nvas, uint32_t nva_count) MUST_USE;
/* Nothing of this NVA is left: no path or tombstone of any origin, no session of one that is there. */
bool rib_nva_is_gone(const struct rib *r, uint16_t nva);
/* The version at which our own order tells last of it, 0 = it does not: who has that knows of its end. */
uint64_t rib_nva_version(const struct rib *r, uint16_t nva);
/* It is gone: its facts go too, and the number is as new. A replica that has not read that far starts
 * over with a RESET. */
void rib_nva_forget(struct rib *r, uint16_t nva);
/* nvas[nva].keep is `keep` from now on; its paths wait for rib_judge_again. True: where there was no limit
 * before they wait for rib_count first, every net of the table, and pass as before until then. */
bool rib_nva_keep(struct rib *r, uint16_t nva, uint32_t keep);
/* The limits that are new count what this net has. */
int rib_count(struct rib *r, uint32_t net) MUST_USE;
/* Every net was counted: they hold. */
void rib_count_ends(struct rib *r);
/* Policy or NVAs are other ones now: this net is judged and decided anew. is_listed_again: whoever reads
 * the Loc-RIB looks at it again, whatever the outcome. After BGP_ERR_NOMEM once more. */
int rib_judge_again(struct rib *r, uint32_t net, bool is_listed_again) MUST_USE;
/* Held copies of its routes, of origins that are away, are removed: it was taken out by somebody. */
void rib_nva_drop_held(struct rib *r, uint16_t nva);

static inline struct rib_path *rib_path(const struct rib *r, uint32_t index)
{
    if (index & RIB_WITH_ID)
        return slab_at(&r->paths_with_id, index & ~RIB_WITH_ID);
    return slab_at_of(&r->paths, index, sizeof(struct rib_path));
}

/* The next path of the same net, 0 = it is the last one. */
static inline uint32_t rib_path_next(const struct rib_path *p)
{
    return p->next & RIB_LAST ? 0 : p->next;
}

/* Its net: takes as long as there are paths behind it. */
static inline uint32_t rib_path_net(const struct rib *r, const struct rib_path *p)
{
    const struct rib_path *last = p;
    while (!(last->next & RIB_LAST))
        last = rib_path(r, last->next);
    return prefix_index((enum bgp_family)p->family, last->next & ~RIB_LAST);
}

static inline struct rib_net *rib_net(const struct rib *r, uint32_t index)
{
    return prefix_table_record_of(&r->nets, index, RIB_NET_BYTES);
}

/* Its prefix: the length, then the octets. */
static inline const uint8_t *rib_net_key(const struct rib *r, uint32_t index)
{
    return prefix_table_key_of(&r->nets, index, RIB_NET_BYTES);
}

/* The next routes of an NLRI field, whose memory is asked for all at once before the first of them is announced or
 * withdrawn: the cells that name them (prefix_table_expect), … False: there are no more. */
enum { RIB_STRETCH = PREFIX_TOGETHER };
struct rib_stretch {
    struct ip_prefix prefixes[RIB_STRETCH];
    struct prefix_hint hints[RIB_STRETCH];
    uint32_t path_ids[RIB_STRETCH], count;
};
bool rib_next_stretch(const struct rib *r, struct bgp_nlri *nlri, struct rib_stretch *s);
/* … and what those name; no net may be freed before all of them are. Who has other things to look for does it between
 * the two. */
void rib_expect(const struct rib *r, struct rib_stretch *s);

/* What is programmed: the ECMP set, 0 = nothing. */
static inline uint32_t rib_net_nhset(const struct rib *r, uint32_t net)
{
    uint16_t id = rib_net(r, net)->nhset;
    return id == RIB_NHSET_WIDE
               ? *(const uint32_t *)slab_at(&r->wide_nhsets[prefix_index_family(net)], prefix_index_place(net))
               : id;
}

/* The path that is advertised, 0 = none. */
static inline uint32_t rib_best(const struct rib_net *n)
{
    return n->flags & RIB_NET_BEST ? n->paths : 0;
}

/* The best path of another NVA than best's: what best's own NVA is told. */
static inline uint32_t rib_second(const struct rib *r, const struct rib_net *n)
{
    return n->flags & RIB_NET_SECOND ? rib_path_next(rib_path(r, n->paths)) : 0;
}

/* A reader of the Loc-RIB takes this path. Where the net waits for a decision and the last one had no place for the path,
 * it may come and go without a difference to any decision: whatever the next one says, all read of the net again. */
static inline void rib_read_ahead(struct rib *r, struct rib_net *n, uint32_t path)
{
    if (path != rib_best(n) && n->flags & RIB_NET_DIRTY && path != rib_second(r, n))
        n->flags |= RIB_NET_CHANGED;
}

/* Of the net in the Loc-RIB order; 0 = it does not stand there. */
static inline uint64_t rib_version(const struct rib *r, uint32_t net)
{
    const struct rib_net *n = rib_net(r, net);
    bool is_listed = prefix_table_is_used(&r->nets, net) && n->flags & RIB_NET_LISTED;
    return is_listed ? vlist_version(&r->loc, n->slot) : 0;
}

/* Is all that the net was programmed for withdrawn, and nothing of it merely lost? */
static inline bool rib_net_is_withdrawn(const struct rib_net *n)
{
    return (n->flags & (RIB_NET_WITHDRAWN | RIB_NET_LOST)) == RIB_NET_WITHDRAWN;
}

/* What an UPDATE announces, whatever the prefix: so the policy is asked once for all of its prefixes. */
struct rib_news {
    uint32_t attrs; /* an interned id, of which every path takes its own reference */
    uint16_t nva;
    uint8_t origin;
    uint8_t verdict; /* enum policy_verdict, before any route map */
    bool is_mapped;  /* which has its own word on each prefix */
};
struct rib_news rib_news(const struct rib *r, uint8_t origin, uint16_t nva, uint32_t attrs);
/* A path as announced on a session: of the nth route of a stretch, … */
int rib_announce_news(struct rib *r, const struct rib_news *news, const struct rib_stretch *s, uint32_t nth) MUST_USE;
/* … of all routes of it, on a session of the own origin; after BGP_ERR_NOMEM some of them, … */
int rib_announce_all(struct rib *r, const struct rib_news *news, const struct rib_stretch *s) MUST_USE;
/* … of a single prefix. */
int rib_announce(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                 uint32_t path_id, uint32_t attrs) MUST_USE;
/* Withdrawn on a live session; of a stretch or alone, likewise. Unknown paths leave a tombstone too: a stale copy may exist. */
int rib_withdraw_nth(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_stretch *s, uint32_t nth,
                     uint64_t now_ms) MUST_USE;
int rib_withdraw_all(struct rib *r, uint16_t nva, const struct rib_stretch *s, uint64_t now_ms) MUST_USE;
int rib_withdraw(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                 uint32_t path_id, uint64_t now_ms) MUST_USE;
/* Take a path out without a trace: session flush, sweep, expiry. */
void rib_remove(struct rib *r, uint32_t path);

/* ---- many entries at once: said here, carried out by rib_sweep ---- */

/* All of a family that this NVA has announced there are withdrawn (RFC 4760 section 7). */
void rib_withdraw_family(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family);

/* A session's new state, as a fact of its origin. DOWN removes its paths, GRACE holds them; SYNCED
 * removes those of an earlier incarnation that were not heard again. Another generation, that is a session whose
 * predecessor is gone, removes the own origin's paths; in a copy they are former ones until its next cut. */
int rib_session_set(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_session *fact,
                    uint64_t now_ms) MUST_USE;

/* The same without its place in the order: what a copy knows before the fact itself arrives, or
 * concludes at a cut. */
void rib_session_learn(struct rib *r, uint8_t origin, uint16_t nva, const struct rib_session *fact,
                       uint64_t now_ms);

/* The NVA tells a family once more (RFC 7313): its paths there are unseen until they come again … */
void rib_refresh_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family);
/* … and those that did not are withdrawn. */
void rib_refresh_ends(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family);

/* The NVA has been away for longer than a restart takes (RFC 9494 section 4.2): its paths of a family
 * bear LLGR_STALE from now on, those that bear NO_LLGR are withdrawn. What is unseen stays so. */
void rib_stale_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family);

/* The origin has a new incarnation: its sessions are down, its paths are old and of class GRACE
 * from now_ms until the new incarnation, or evidence, says otherwise. */
void rib_origin_age(struct rib *r, uint8_t origin, uint64_t now_ms);
/* Can a copy have its owner's versions up to `head`? An owner has no others itself. */
bool rib_copy_reaches(const struct rib *r, uint8_t origin, uint64_t head);
/* It learns of them … */
int rib_copy_begin(struct rib *r, uint8_t origin, uint64_t head) MUST_USE;
/* … of which the next announcement, withdrawal or fact has this one: false if it cannot be. */
bool rib_copy_at(struct rib *r, uint8_t origin, uint64_t version);
void rib_copy_end(struct rib *r, uint8_t origin);
/* A copy's entries come with their owner's versions from now on, the first of them later than `start`. */
void rib_origin_renumber(struct rib *r, uint8_t origin, uint64_t start);
/* The owner's version at which a copy's order, or the own one, ends. */
static inline uint64_t rib_origin_head(const struct rib_origin *o)
{
    return vlist_head(&o->order) - o->base;
}
/* Where in the order a reader goes on that has read the owner's up to this version. */
static inline uint64_t rib_origin_place(const struct rib_origin *o, uint64_t version)
{
    return o->base + (version > o->start ? version : o->start);
}
/* Does the order from this version of the owner's on lack nothing but what is in it? */
static inline bool rib_origin_reaches(const struct rib_origin *o, uint64_t version)
{
    return (int64_t)(o->base + version - o->dropped) >= 0;
}
/* Evidence speaks against a path, or does so no more: it counts for no limit then. Its net is for the caller to be decided. */
void rib_path_disprove(struct rib *r, struct rib_path *p, bool is_disproved);
/* Evidence speaks against a path, as whoever it was copied from has found. */
void rib_disprove(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                  uint32_t path_id);
/* What this path was programmed for is lost, though it is withdrawn next: a table that is being read has the end of one
 * path before the beginning of another. */
void rib_lose(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix, uint32_t path_id);
/* A tombstone is no word of its NVA, as whoever it was copied from has found: see rib_path_is_left_over. */
void rib_unhear(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix, uint32_t path_id);
/* Before a RESET stream of the same incarnation: current entries are unseen. */
void rib_origin_mark_unseen(struct rib *r, uint8_t origin);
/* After a RESET stream's cut: what it did not bring is gone, sessions too. Old entries stay. */
void rib_origin_drop_unseen(struct rib *r, uint8_t origin);
/* At a copy's cut: what is of former sessions, and was not brought since, is gone. */
void rib_origin_drop_former(struct rib *r, uint8_t origin);
/* The origin is alive again with the same incarnation: what evidence held against its current
 * entries while it could not answer is void, … */
void rib_origin_rehabilitate(struct rib *r, uint8_t origin);
/* … or is judged anew, net by net. */
void rib_origin_doubt(struct rib *r, uint8_t origin);
/* It is away again: neither. */
void rib_origin_accuse(struct rib *r, uint8_t origin);
/* Which entries of an origin. */
enum rib_which { RIB_CURRENT = 1, RIB_OLD = 2, RIB_ANY = 3 };
/* Expiry: these are gone. */
void rib_origin_drop(struct rib *r, uint8_t origin, enum rib_which which);
/* Have all nets with its paths decided again: a class has changed. nva 0 = of every NVA. */
void rib_origin_review(struct rib *r, uint8_t origin, uint16_t nva);

/* Walk on: `budget` entries looked at; one that is changed counts as RIB_SWEEP_CHANGE. */
enum { RIB_SWEEP_CHANGE = 16 };
int rib_sweep(struct rib *r, uint32_t budget, uint64_t now_ms) MUST_USE;
/* Of an incarnation before this one, and not heard again yet. */
static inline bool rib_path_is_old(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    return o->old && vlist_version(&o->order, p->slot) <= o->aged;
}
/* Gone, and only still there because the walk has not come by; while there is none, it was everywhere. */
bool rib_path_is_swept(const struct rib *r, const struct rib_path *p);
static inline bool rib_path_is_flushed(const struct rib *r, const struct rib_path *p)
{
    return r->origins[p->origin].sweep_end && rib_path_is_swept(r, p);
}
/* In a copy: it is of a session that has another one behind it, which has not been told to its end. It counts on, since
 * absence is concluded at a cut only, and is no word of the session that there is now. */
static inline bool rib_path_is_former(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    return o->has_former && vlist_version(&o->order, p->slot) <= o->sessions[p->nva].former && !rib_path_is_old(r, p);
}
/* It is of the session that its origin has now. */
static inline bool rib_path_is_said(const struct rib *r, const struct rib_path *p)
{
    return !rib_path_is_old(r, p) && !rib_path_is_flushed(r, p) && !rib_path_is_former(r, p);
}
/* … and that stands, at a node that is there. */
static inline bool rib_path_stands(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    return o->class == RIB_LIVE && rib_session_is_up(o->sessions[p->nva].state) && rib_path_is_said(r, p);
}
/* A RESET stream, a refresh, or a session of which this is a copy, began after it was heard last. */
bool rib_path_is_unheard(const struct rib *r, const struct rib_path *p);
/* A tombstone of a session that restarts (see there), and not withdrawn since that is back: it may have been lost on the
 * way. */
bool rib_path_is_left_over(const struct rib *r, const struct rib_path *p);
/* Disproved by what is to be judged anew. */
bool rib_path_is_doubted(const struct rib *r, const struct rib_path *p);

/* What a path counts at this moment. */
static inline enum rib_class rib_path_class(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *o = &r->origins[p->origin];
    if (!p->attrs || p->flags & (RIB_PATH_DISPROVED | RIB_PATH_OUTDONE) || rib_path_is_flushed(r, p))
        return RIB_GONE;
    if (rib_path_is_old(r, p))
        return (enum rib_class)o->old_class;
    if (o->class == RIB_LIVE && o->sessions[p->nva].state == RIB_SESSION_GRACE)
        return RIB_GRACE;
    return (enum rib_class)o->class;
}
static inline enum policy_verdict rib_path_verdict(const struct rib_path *p)
{
    uint8_t v = p->flags >> RIB_PATH_VERDICT_SHIFT;
    if (v < RIB_EDITED_ACCEPTED)
        return (enum policy_verdict)v;
    return v == RIB_EDITED_ACCEPTED ? POLICY_ACCEPTED : POLICY_OVER_LIMIT;
}
/* It counts with other attributes than it was received with. */
static inline bool rib_path_is_edited(const struct rib_path *p)
{
    return p->flags >> RIB_PATH_VERDICT_SHIFT >= RIB_EDITED_ACCEPTED;
}
/* What an edited path counts with. */
uint32_t rib_edited_attrs(const struct rib *r, const struct rib_path *p);
/* The attributes that a path counts with: as its NVA's route map has edited them, else as received. Streams,
 * evidence and budgets are about what was received (path->attrs), decisions and readers about these. */
static inline uint32_t rib_path_attrs(const struct rib *r, const struct rib_path *p)
{
    return rib_path_is_edited(p) ? rib_edited_attrs(r, p) : p->attrs;
}
/* Room for route maps; false: out of memory. */
bool rib_need_room(struct rib *r) MUST_USE;
static inline bool rib_path_is_usable(const struct rib *r, const struct rib_path *p)
{
    return rib_path_class(r, p) != RIB_GONE && rib_path_verdict(p) == POLICY_ACCEPTED;
}

/* What a path with these attributes is counted as, shared or not: a fact of the announcement alone. */
enum { RIB_PATH_BYTES = 96 }; /* with its share of a net and of the orders */
static inline uint64_t rib_path_bytes(const struct rib *r, uint32_t attrs)
{
    return RIB_PATH_BYTES + (uint64_t)bgp_attrs_get(&r->attrs, attrs)->len;
}
/* May the NVA have a path of this id more there: it stands there already, or fewer than `most` of its do,
 * withdrawn ones among them? Whoever tells ids without end (RFC 7911) makes every step on the net as long. */
bool rib_has_room(const struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                  uint32_t path_id, uint32_t most);
/* The attributes that this path has now, 0 = there is none; what has gone with its session is removed. */
uint32_t rib_attrs_of(struct rib *r, uint8_t origin, uint16_t nva, const struct ip_prefix *prefix,
                      uint32_t path_id);

void rib_mark_dirty(struct rib *r, uint32_t net);
/* What is gone is known to be lost when the net is decided, although the walk has not come by. */
void rib_remove_flushed(struct rib *r, uint32_t net);
/* The next net that waits for a decision, 0 = none; it is taken off the queue. */
static inline uint32_t rib_next_dirty(struct rib *r)
{
    uint32_t net = rib_queue_take(&r->dirty);
    if (!net)
        return 0;
    if (r->sweeps)
        rib_remove_flushed(r, net);
    rib_net(r, net)->flags &= (uint8_t)~RIB_NET_DIRTY;
    return net;
}
/* Of those that wait the next behind this one, 0 = none; it stays on the queue. They begin behind 0. */
uint32_t rib_dirty_after(const struct rib *r, uint32_t net);
/* 0: all is decided, and no walk is under way that may find more to decide. */
static inline uint32_t rib_dirty_count(const struct rib *r)
{
    return rib_queue_count(&r->dirty) + r->sweeps;
}

/* The outcome of a decision for who keeps sums: the digest. */
struct rib_change {
    uint32_t net;
    uint32_t old_nhset; /* a reference that the caller gives back with nhset_unref */
    uint32_t new_nhset;
    uint32_t paths; /* that it has: what the decision costs */
    bool changed; /* the net moved to the tail of the Loc-RIB order */
};
int rib_decide(struct rib *r, uint32_t net, struct rib_change *out) MUST_USE;

/* What a decision would find at this moment, for who must know it of very many nets before their turn comes.
 * Nothing is decided. */
struct rib_outlook {
    uint32_t best;  /* path, 0 = none */
    uint32_t nhset; /* a reference that the caller gives back; 0 = nothing to program */
    bool is_bereft; /* the path that the last decision found best is gone */
};
int rib_foresee(struct rib *r, uint32_t net, struct rib_outlook *out) MUST_USE;

/* Who reads a decision: which paths may be told to it at all. */
struct rib_audience {
    int32_t except_nva;    /* its own paths are no news; -1 = nobody's */
    uint8_t from_types;    /* bit per policy_nva.type */
    bool is_external;      /* RFC 1997: NO_EXPORT and its like stay here */
    bool no_mixed_families; /* IPv4 only with IPv4 next hops (no RFC 8950) */
    bool no_config;        /* has no next hop for the configuration's prefixes */
    bool no_long_lived;    /* RFC 9494 section 4.3: long-lived stale routes are not for it */
    const struct ip_addr *not_via; /* no path whose next hop this is; NULL = any */
    uint32_t without_as;   /* no path through this AS, and none of an NVA in it; 0 = any */
    uint16_t shorter_than; /* bytes of canonical attributes; 0 = any */
    const struct route_map *map; /* nothing that it drops; NULL = it drops nothing. Needs rib_need_room. */
};
/* Canonical attributes of more bytes may not fit a message of 4096 octets, however they are written. */
enum { RIB_ATTRS_LONG = 2600 };
/* The path that this audience is told of a net that was decided: best, or second for best's own NVA;
 * where the best may not be told, the best of what may (no path hiding, RFC 7947 section 2.3). */
uint32_t rib_best_for(const struct rib *r, const struct rib_net *n, const struct rib_audience *a);
/* All that this audience may be told (RFC 7911), the best first, each announcement once although several
 * nodes have heard it; where there are more than cap, the best ones. Returns how many. */
uint32_t rib_paths_for(const struct rib *r, const struct rib_net *n, const struct rib_audience *a,
                       uint32_t *out, uint32_t cap);

/* The steps of the decision before MED as one number, lower is better: what rib_decide compares, for
 * who explains its outcome. Fields from these bits up; the path has attributes. */
enum {
    RIB_MERIT_ORIGIN = 0,
    RIB_MERIT_LENGTH = 8,
    RIB_MERIT_LOCAL_PREF = 24, /* UINT32_MAX minus it */
    RIB_MERIT_RANK = 56,
    RIB_MERIT_CLASS = 60,
};
uint64_t rib_path_merit(const struct rib *r, const struct rib_path *p);

/* Drop tombstones older than `age` whose versions every living replica has (`acked`: the lowest
 * position, UINT64_MAX without readers); the oldest at once where there are more than RIB_TOMBS_MAX: a
 * replica that would have needed them starts over. At most RIB_TOMBS_BUDGET a call; true: more are due. */
enum { RIB_TOMBS_MAX = 1 << 20, RIB_TOMBS_BUDGET = 4096 };
bool rib_expire_tombstones(struct rib *r, uint64_t age_ms, uint64_t acked, uint64_t now_ms);

/* A net without paths whose end every Loc-RIB reader has passed: 0, or its index, taken off the
 * waiting list. The caller frees it with rib_net_free, or puts it back with rib_net_keep. */
uint32_t rib_next_dying(struct rib *r, uint64_t slowest_reader);
void rib_net_free(struct rib *r, uint32_t net);
void rib_net_keep(struct rib *r, uint32_t net);
/* A target does not hold this net any more: without paths it may go. */
void rib_net_released(struct rib *r, uint32_t net);

struct rib_memory {
    size_t nets, paths, attrs, orders;
};
struct rib_memory rib_memory(const struct rib *r);

#endif
