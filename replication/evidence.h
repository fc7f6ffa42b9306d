/* Which copies of a route still count: LIVE, GRACE, STALE, GONE, and the evidence rule.
 *
 * While an origin is away (dead, unreachable, or restarted as a new incarnation) its copies are held:
 * GRACE for a while (preferred like LIVE), then STALE (last resort), then dropped. But what a healthy
 * live session of the same NVA says overrides a held copy at once:
 *   a  it has a tombstone for the route: withdrawn (what a restart has left is none before that session has told all);
 *   b  it reached End-of-RIB after the copy lost its origin, without the route (symmetric NVAs);
 *   c  it announces the route itself: that copy is the fresher one from now on, also when it goes.
 * A copy so disproved stays so until its origin is alive again and says otherwise. A session speaks of the families that it
 * has: of others it says neither a nor b.
 * Copies of a living node that are held because their NVA restarts (RFC 4724), and are not told again yet, are that
 * node's to end: a and b become a withdrawal of its own. Everywhere they are set aside during the restart while a living
 * session has its own word, no longer.
 * Nothing expires until an NVA has told all it has on a living session, and the others had a minute to come back, too: we
 * are probably the isolated ones, and who has just come up is about to tell again what is held.
 * Source: the replication design, stale classes and the evidence rule; invariants S1-S3, I1, I2. */
#ifndef TANDEM_REPLICATION_EVIDENCE_H
#define TANDEM_REPLICATION_EVIDENCE_H

#include "bgp/rib/rib.h"

struct repl_evidence_times {
    uint64_t grace_ms, stale_ms;
    uint64_t follow_ms; /* what is STALE of a dead node stays so much longer: another node says when it goes */
    uint64_t heard_ms[RIB_ORIGINS]; /* when anybody heard it last: the hold of its current life runs from then on (S5) */
};

/* The origin is away, and was heard for the last time at since_ms: its entries are GRACE, and all of them are judged once, so that every
 * node comes to the same result whatever it heard first. */
void repl_evidence_lost(struct rib *r, uint8_t origin, uint64_t since_ms);
/* Its node is here again, and its table is being read: until a cut, and for three seconds at most, c is no reason against
 * what is held of it. Its sessions may live; a living session's own announcement goes first, and when that ends it counts. */
void repl_evidence_returns(struct rib *r, uint8_t origin, uint64_t now_ms);
/* The origin is back with the same incarnation, and a cut was seen: what was disproved meanwhile counts
 * again. What others heard withdrawn does so a little later: it may not have read that itself yet. */
void repl_evidence_back(struct rib *r, uint8_t origin, uint64_t now_ms);
/* An entry was read from another's copy, where it is disproved. Of an origin that is there it stays so for as long as
 * of one that is back: that other one forgets it without a word in the stream. */
void repl_evidence_passed_on(struct rib *r, uint8_t origin, uint64_t now_ms);
/* Does another session of its NVA, which lives, announce the route of this copy? */
bool repl_evidence_is_announced(const struct rib *r, const struct rib_path *held);
/* Does nothing speak against this copy but that our own file has its NVA no longer? */
bool repl_evidence_is_by_order(const struct rib *r, const struct rib_path *held);
/* Is there an origin that came back so lately, or was not heard since we slept? Then what is disproved is no function of what
 * was said. */
bool repl_evidence_is_healing(const struct rib *r);
/* Does any origin have held copies? Then nets must be judged before they are decided. */
bool repl_evidence_is_needed(const struct rib *r);
/* Apply the rule to the held copies of one net, right before rib_decide. 0, or BGP_ERR_NOMEM. */
int repl_evidence_judge(struct rib *r, uint32_t net, uint64_t now_ms) MUST_USE;
/* Of a route that was withdrawn, and may be announced again where it is not heard: does a live session of the NVA, not
 * of origin `but`, say by now that it is not? It remembers the withdrawal or, of a symmetric NVA, has told everything. */
bool repl_evidence_is_withdrawn(const struct rib *r, uint32_t net, uint16_t nva, uint8_t but);
/* The next of our own paths of this net, behind this one (0: from the first), that counts, while a live session of the
 * same NVA with another node has withdrawn it; 0 = there is none. */
uint32_t repl_evidence_contradicted(const struct rib *r, uint32_t net, uint32_t path);
/* Those of this NVA are withdrawn here as well: it does not reach us. 0, or BGP_ERR_NOMEM. */
int repl_evidence_yield(struct rib *r, uint32_t net, uint16_t nva, uint64_t now_ms) MUST_USE;
/* Does this NVA not announce the route any more, by the word of a session that lives? WITHDRAWN: one remembers that, and
 * none announces it. UNTOLD: none does, and the NVA, which is symmetric, has told all it has to this node. */
enum repl_word { REPL_UNKNOWN, REPL_UNTOLD, REPL_WITHDRAWN };
enum repl_word repl_evidence_word(const struct rib *r, uint32_t net, uint16_t nva);
/* Has the NVA, which is symmetric, told this node all that it has of a family, by a word that counts? */
bool repl_evidence_has_told(const struct rib *r, uint16_t nva, enum bgp_family family);
/* A live session of this NVA reached End-of-RIB: rule b may speak now. */
void repl_evidence_synced(struct rib *r, uint16_t nva);
/* A live session of this NVA is about to be lost with its routes: rule c speaks before it goes. */
void repl_evidence_session_ends(struct rib *r, uint16_t nva);
/* The origin's sessions are no evidence while it does not read what they say. */
void repl_evidence_lags(struct rib *r, uint8_t origin, bool lags);
/* This process has slept: what the origin's sessions had said by then is no evidence. What our own say from now on is; what
 * another node's do is not either: it may have waited in a socket, and the rest of it was never sent … */
void repl_evidence_slept(struct rib *r, uint8_t origin);
/* … until it has been heard again, and with it all that they said meanwhile. */
void repl_evidence_heard(struct rib *r, uint8_t origin);
/* Another node's timer for this origin is over: what is held of its last life goes here, too. Not where no
 * session is live, nor when it is not held; nor when our own timer is not as good as over (follow_ms): that one may have been
 * out of reach of the origin for longer than we. */
void repl_evidence_purge(struct rib *r, uint8_t origin, const struct repl_evidence_times *times, uint64_t now_ms);
/* Move on by time: GRACE -> STALE -> dropped. Returns when to call again, UINT64_MAX = never. */
uint64_t repl_evidence_tick(struct rib *r, const struct repl_evidence_times *times,
                            uint64_t now_ms);

#endif
