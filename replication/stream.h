/* Streams: one origin's version order, from the node that owns it to a replica.
 *
 * The sender is a cursor over the order and nothing else: a slow replica costs 16 bytes, and sees
 * each entry at its latest version only. A batch holds what fits a frame, grouped by NVA and
 * attributes; `cut` says that the cursor stood at the head. The replica applies a batch to its own
 * RIB; it may use announcements at once, but concludes absence (sweeps, End-of-RIB) only at a cut.
 * Source: the replication design 4.1, 4.2, 4.4; invariants R1-R6, R8. */
#ifndef TANDEM_REPLICATION_STREAM_H
#define TANDEM_REPLICATION_STREAM_H

#include "bgp/rib.h"
#include "replication/codec.h"

/* The NVAs of the configuration: on the wire they go by name, here by number. */
struct repl_names {
    const char *const *names; /* by NVA number, NULL: of nobody now; [0] is not used */
    uint32_t count;
};
/* Number of a name, 0 = unknown here. */
uint16_t repl_names_find(const struct repl_names *n, const char *name);

/* ---- sender ---- */

struct repl_sender {
    bool active;        /* the other side has subscribed */
    bool reset_pending; /* RESET goes out before the next batch */
    bool cut_sent;      /* nothing new since the last cut */
    uint64_t position;  /* versions up to here were sent */
};

/* The other side subscribed from `have`. Positions that tombstones no longer cover, and those of
 * another incarnation (have.incarnation != incarnation), start over with a RESET. */
void repl_sender_subscribe(struct repl_sender *s, const struct rib *r, uint64_t incarnation,
                           const struct repl_position *have);
bool repl_sender_has_work(const struct repl_sender *s, const struct rib *r);

struct repl_batcher; /* working memory for building batches; one serves all senders in turn */
struct repl_batcher *repl_batcher_new(void);
void repl_batcher_free(struct repl_batcher *b);

/* The next message of the stream of r->self: a RESET or a BATCH of at most one frame. Its pointers are
 * good until the batcher's next use. False: nothing to send. Entries that fit no frame are skipped
 * and counted in *quarantined. */
bool repl_sender_next(struct repl_sender *s, const struct rib *r, const struct repl_names *names,
                      uint64_t incarnation, struct repl_batcher *b, struct repl_msg *out,
                      uint64_t *quarantined);

/* ---- replica ---- */

struct repl_replica {
    uint8_t origin;       /* node id */
    uint64_t incarnation; /* 0 = never heard */
    uint64_t position;
    bool resetting;  /* entries that the stream does not bring are swept at the next cut */
    bool cut_seen;   /* since the last (re)subscription */
    uint64_t quarantined; /* records that this node could not use */
    bool missed;     /* some of them for an NVA whose name is not known here */
    uint8_t *synced_pending; /* bit per NVA: End-of-RIB that counts from the next cut */
    size_t synced_bytes;
};

int repl_replica_init(struct repl_replica *p, uint8_t origin, uint32_t nva_count) MUST_USE;
/* There are more NVAs now. */
int repl_replica_grow(struct repl_replica *p, uint32_t nva_count) MUST_USE;
void repl_replica_fini(struct repl_replica *p);

/* A link to the origin is up and it says that this is its incarnation. A newer one ages what is held.
 * Returns the position to subscribe from. */
struct repl_position repl_replica_join(struct repl_replica *p, struct rib *r, uint64_t incarnation,
                                       uint64_t now_ms);

enum repl_apply {
    REPL_APPLIED,
    REPL_APPLIED_CUT,   /* absence may be concluded now */
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
