/* Streams: one origin's version order, from the node that owns it to a replica.
 *
 * The sender is a cursor over the order and nothing else: a slow replica costs 16 bytes, and sees
 * each entry at its latest version only. A batch holds what fits a frame, grouped by NVA and
 * attributes; `cut` says that the cursor stood at the head. Attributes that leave no room for a route in a
 * frame go before it, in parts, a batch each. The replica applies a batch to its own
 * RIB; it may use announcements at once, but concludes absence (sweeps, End-of-RIB) only at a cut.
 *
 * In a cluster of three and more every entry comes with its version, so that a replica is as good a
 * source as its owner: whoever cannot reach the owner, or has heard less of it before it died, reads on
 * from any other copy at its own position.
 * Source: the replication design 4.1, 4.2, 4.4, 4.9; invariants R1-R8. */
#ifndef TANDEM_REPLICATION_STREAM_H
#define TANDEM_REPLICATION_STREAM_H

#include "bgp/rib/rib.h"
#include "replication/codec.h"

/* The NVAs of the configuration: on the wire they go by name, here by number. */
struct repl_names {
    const char *const *names; /* by NVA number, NULL: of nobody now; [0] is not used */
    uint32_t count;
};
/* Number of a name, 0 = unknown here. */
uint16_t repl_names_find(const struct repl_names *n, const char *name);

/* ---- sender ---- */

/* What a sender reads: the own order, or a copy of another node's, from which any reader can be served
 * as by its owner: its entries stand at the owner's versions. */
struct repl_source {
    uint8_t origin;
    uint64_t incarnation;
    const struct repl_replica *copy; /* NULL: the own order */
};

struct repl_sender {
    bool active;        /* the other side has subscribed */
    bool reset_pending; /* RESET goes out before the next batch */
    bool cut_sent;      /* nothing new since the last cut */
    bool versions;      /* it is told every entry's version, and may serve others */
    bool is_nested;     /* its batches are: it is of minor 3 */
    uint64_t incarnation;
    uint64_t position;  /* versions up to here were sent */
    uint64_t safe;      /* tombstones up to this place of the order it can do without */
    uint32_t renumbered; /* of a copy's order: it is the one that is numbered so */
    uint64_t ahead_hash; /* of the attributes that go in parts: */
    uint16_t ahead_len;  /* so many octets of them were sent */
};

/* The other side subscribed from `have`. Positions that tombstones no longer cover, and those of
 * another incarnation, start over with a RESET. */
void repl_sender_subscribe(struct repl_sender *s, const struct rib *r, const struct repl_source *from,
                           const struct repl_position *have);
bool repl_sender_has_work(struct repl_sender *s, const struct rib *r, const struct repl_source *from);

struct repl_batcher; /* working memory for building batches; one serves all senders in turn */
struct repl_batcher *repl_batcher_new(void);
void repl_batcher_free(struct repl_batcher *b);
/* At most so many entries a batch, where less than a frame holds is wanted: small tables in several parts. */
void repl_batcher_limit(struct repl_batcher *b, uint32_t entries);
/* Attributes longer than so many octets go in parts of them, where less than a frame holds is wanted. */
void repl_batcher_part(struct repl_batcher *b, uint16_t octets);

/* The next message of the source's stream: a RESET or a BATCH of at most one frame. Its pointers are
 * good until the batcher's next use. False: nothing to send. */
bool repl_sender_next(struct repl_sender *s, const struct rib *r, const struct repl_names *names,
                      const struct repl_source *from, struct repl_batcher *b, struct repl_msg *out);

/* ---- replica ---- */

struct repl_replica {
    uint8_t origin;       /* node id */
    uint64_t incarnation; /* 0 = never heard */
    uint64_t position;
    uint64_t furthest;    /* position in this life, whatever has started over since */
    bool awaits_reset;    /* it has asked from the beginning: what comes before that is of an earlier subscription */
    bool resetting;  /* entries that the stream does not bring are swept at the next cut */
    bool cut_seen;   /* since the last (re)subscription */
    bool at_cut;     /* exactly the owner's entries of this position are here */
    bool is_exact;   /* every entry stands at its owner's version */
    uint64_t quarantined; /* records that this node could not use */
    bool missed;     /* some of them for an NVA whose name is not known here, … */
    bool lacks;      /* … and of that routes, since the stream began */
    uint8_t *synced_pending; /* bit per NVA: End-of-RIB that counts from the next cut */
    size_t synced_bytes;
    uint8_t *part; /* attributes that came in parts, so far; NULL: none ever did */
    uint16_t part_len;
};

int repl_replica_init(struct repl_replica *p, uint8_t origin, uint32_t nva_count) MUST_USE;
/* There are more NVAs now. */
int repl_replica_grow(struct repl_replica *p, uint32_t nva_count) MUST_USE;
void repl_replica_fini(struct repl_replica *p);

/* A link to the origin is up and it says that this is its incarnation, or another node has a copy of that
 * life of it. A newer one ages what is held. Returns the position to subscribe from. */
struct repl_position repl_replica_join(struct repl_replica *p, struct rib *r, uint64_t incarnation,
                                       uint64_t now_ms);

/* Can others be served from it? */
bool repl_replica_serves(const struct repl_replica *p, const struct rib *r);
/* End-of-RIB of this NVA has come, and counts from the next cut. */
bool repl_replica_is_pending(const struct repl_replica *p, uint16_t nva);

enum repl_apply {
    REPL_APPLIED,
    REPL_APPLIED_CUT,   /* absence may be concluded now; of an owner that is there: repl_evidence_back */
    REPL_OUT_OF_ORDER,  /* a gap: subscribe again */
    REPL_APPLY_NOMEM,
};

/* reset: a REPL_RESET; batch: a REPL_BATCH of this origin. */
enum repl_apply repl_replica_reset(struct repl_replica *p, struct rib *r,
                                   const struct repl_position *reset);
enum repl_apply repl_replica_apply(struct repl_replica *p, struct rib *r,
                                   const struct repl_names *names, const struct repl_batch *batch,
                                   uint64_t now_ms);

#endif
