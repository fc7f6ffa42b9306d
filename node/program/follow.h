/* What a host agent knows: the table of every node, and the one that it applies.
 *
 * Tables of all nodes are followed at the same time, so that changing from one to another is a
 * difference, not a reload. The active node stays active as long as it is connected and complete, and hears NVAs where
 * another one does; then the lowest one that is takes over; when none is left, the last table stays for ever. Additions are
 * used as they come, and so is what a node says is gone; absence counts only from a node that has converged, at its cut
 * (make before break), and from another one of what leads to those alone that have told it all. One that has not is
 * believed of what it has named all next hops of; what it puts in the place of another set goes again for that one. What
 * was lost without a withdrawal is subject to the brake; what a node said was withdrawn is that also when it is followed
 * later.
 * A beat with the digest of the node's table has it compared with what is held here.
 * Another table is gone through a stretch at a time: what it has is put as it is met, what it has not goes when all of it
 * was met. Digests are of what was told, and wait for no walk.
 * Pure: no socket, no clock. Source: the replication design 4.8 (embedded table), DESIGN section 6. */
#ifndef TANDEM_NODE_FOLLOW_H
#define TANDEM_NODE_FOLLOW_H

#include "node/program/program.h"
#include "replication/codec.h"
#include "replication/digest.h"

enum { FOLLOW_LOST_MAX = 64 };

/* Over all prefixes, a stretch at a time. */
struct follow_walk {
    bool is_on;
    uint8_t family;
    uint32_t place; /* the next one */
};

struct follow_node {
    bool connected, cut_seen, complete, resetting;
    bool waits; /* for the whole table again: what comes before it is not looked at */
    bool awaits;   /* it says that a node came back a moment ago, which it has not heard out */
    bool isolated; /* it says that no NVA has a session with any node */
    uint64_t incarnation, position;
    uint8_t life; /* counts its tables, from the beginning of each: what is noted of a route is of one of them */
    struct follow_walk sweep; /* of what its table has no longer */
    struct repl_digest digest; /* of what this table has told so far, … */
    uint32_t routes;           /* … and how many that are */
    struct ip_addr lost[FOLLOW_LOST_MAX]; /* next hops that it says were lost a moment ago */
    uint32_t lost_count;
    uint64_t lost_until_ms;
    struct ip_addr told[PROGRAM_TOLD_MAX]; /* a moment ago they have told it all anew; before it has converged: at any time */
    size_t told_count;
};

struct follow {
    struct prefix_table prefixes; /* records: struct follow_route, private */
    struct nhset_table sets;
    struct program *program;
    struct follow_node nodes[REPL_NODES_MAX];
    size_t node_count;
    int active; /* -1: none yet */
    bool converged_told;
    struct follow_walk walk; /* all is wanted that the active one has; without one, nothing */
};

/* digest_key: of the agents' secret. False: out of memory. */
bool follow_init(struct follow *f, size_t node_count, const uint8_t digest_key[16],
                 struct hash_key key);
void follow_fini(struct follow *f);

void follow_connected(struct follow *f, size_t node);
void follow_disconnected(struct follow *f, size_t node, uint64_t now_ms);

enum follow_result {
    FOLLOW_APPLIED,
    FOLLOW_RESUBSCRIBE, /* a gap, or the digest differs: ask for everything again */
};
enum follow_result follow_apply(struct follow *f, size_t node, const struct repl_table_batch *b,
                                uint64_t now_ms);

/* Is a walk under way, and may go on? Then follow_turn takes it so many places further. */
bool follow_is_walking(const struct follow *f);
void follow_turn(struct follow *f, uint32_t budget, uint64_t now_ms);

/* A beat of a node that has sent us everything; digest of its table, NULL = it did not say. */
enum follow_result follow_beat(struct follow *f, size_t node, const uint8_t *digest);

/* Next hops that leave groups before the node has decided on their routes, which follow; by the word of the
 * node that is followed, for as long as it says so, and for a moment when it is gone. Returns how many. */
size_t follow_lost(const struct follow *f, const struct ip_addr **hops, uint64_t now_ms);

/* Every node has been away for as long as the operator wants their table to outlive them: it goes, and
 * with it what was inherited. The next node that has a table serves it anew. */
void follow_give_up(struct follow *f, uint64_t now_ms);

/* The program holds this prefix no longer: its record goes when no node's table has it either. */
void follow_released(struct follow *f, uint32_t prefix);

#endif
