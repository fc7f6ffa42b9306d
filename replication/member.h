/* Who is alive: what this node believes of one other node, from what it hears and when.
 *
 *   UNKNOWN  not heard since we started          ALIVE     heard within suspect_ms
 *   SUSPECT  silent for suspect_ms                DEAD      silent for dead_ms, or its connection broke
 *   AUTH     answers, but not with its key                  and the port refuses a new one
 *   LEFT     said goodbye
 *
 * With three nodes and more the others tell what they hear of it: it is silent only when it is silent on
 * every path, and a refusal is death only when nobody else has a link with it.
 *
 * A node that is itself late accuses late: thresholds grow with the own loop's lag. A failed
 * authentication is never death. Both nodes dial; of two connections the one that the lower node id
 * dialled stays. Source: the replication design 4.3, 4.10; scenarios 1, 1b, 2, 6, 12. */
#ifndef TANDEM_REPLICATION_MEMBER_H
#define TANDEM_REPLICATION_MEMBER_H

#include "bgp/codec/types.h"

enum repl_member_state {
    REPL_MEMBER_UNKNOWN,
    REPL_MEMBER_ALIVE,
    REPL_MEMBER_SUSPECT,
    REPL_MEMBER_DEAD,
    REPL_MEMBER_AUTH_FAILED,
    REPL_MEMBER_LEFT,
};
const char *repl_member_state_name(uint8_t state);

struct repl_member_times {
    uint64_t suspect_ms, dead_ms;
    uint64_t retry_min_ms, retry_max_ms; /* between dials */
    uint64_t renew_ms;                   /* a link so old is replaced by one with new keys */
};

struct repl_member {
    uint8_t state;      /* enum repl_member_state */
    uint64_t since_ms;  /* in this state */
    uint64_t heard_ms;  /* last authenticated word */
    uint64_t dial_ms;   /* next dial is due; UINT64_MAX while linked or dialling */
    uint64_t retry_ms;  /* current back-off */
    uint64_t direct_ms; /* … that came on the link */
    uint64_t armed_ms;  /* silence before is nobody's fault: this process stood still */
    bool linked;        /* an authenticated link is up */
    bool refused;       /* … is not, and the last dial was refused */
    bool unanswered;    /* … is not, and the last dial was neither accepted nor turned away for a wrong key */
    bool is_vouched;    /* another node has a link with it */
    const struct repl_member_times *times;
};

void repl_member_init(struct repl_member *m, const struct repl_member_times *times, uint64_t now_ms);

/* All of these return true when the state changed. */
bool repl_member_linked(struct repl_member *m, uint64_t now_ms);
bool repl_member_heard(struct repl_member *m, uint64_t now_ms);
/* Another node heard it last at heard_ms. Who said goodbye, or turns us away for a wrong key, is only believed to
 * be back in a new life. */
bool repl_member_heard_of(struct repl_member *m, uint64_t heard_ms, bool is_new_life, uint64_t now_ms);
/* Does any other node have a link with it? As their beats say. */
bool repl_member_vouch(struct repl_member *m, bool is_vouched, uint64_t now_ms);
bool repl_member_goodbye(struct repl_member *m, uint64_t now_ms);
/* The link ended without goodbye: dial at once, a refusal means death. */
bool repl_member_unlinked(struct repl_member *m, uint64_t now_ms);
bool repl_member_auth_failed(struct repl_member *m, uint64_t now_ms);
/* The dial failed: refused = its host answers but nobody listens. */
bool repl_member_dial_failed(struct repl_member *m, bool refused, uint64_t now_ms);
/* lag_ms: how late the own loop is. */
bool repl_member_tick(struct repl_member *m, uint64_t lag_ms, uint64_t now_ms);

/* The link is up and has been silent for as long as a dead node is, whatever others hear. */
bool repl_member_link_is_silent(const struct repl_member *m, uint64_t lag_ms, uint64_t now_ms);
/* Is a dial due? Taking it means doing it. */
bool repl_member_take_dial(struct repl_member *m, uint64_t now_ms);
uint64_t repl_member_deadline(const struct repl_member *m);
/* After a pause of this process: silence is counted from now. When it was heard last, which is what others are told
 * and what it knew then, stays true. */
void repl_member_rearm(struct repl_member *m, uint64_t now_ms);

#endif
