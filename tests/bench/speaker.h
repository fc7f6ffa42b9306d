/* One BGP speaker of the load: a session on a socket, bytes to send, and blocks of received bytes that
 * wait to be judged. Receiving is separate from judging, so that a slow look at routes never slows
 * the daemon down: blocks are judged when the sockets are silent. */
#ifndef TANDEM_TESTS_BENCH_SPEAKER_H
#define TANDEM_TESTS_BENCH_SPEAKER_H

#include "bgp/session/session.h"
#include "tests/bench/blocks.h"
#include "tests/bench/truth.h"

enum { SPEAKER_NAME = 32 };

struct speaker {
    char name[SPEAKER_NAME];
    struct ip_addr addr;
    int sender; /* in the truth, or TRUTH_NOBODY */
    unsigned prepend;
    bool is_judged;
    struct truth_receiver receiver; /* when judged */
    struct bgp_session *session;
    int fd; /* -1: not connected */
    bool up;
    struct output tx; /* on its way */
    size_t tx_sent;
    struct output queued;       /* for the next measurement */
    bool waits_to_send;         /* the loop asks for writability */
    struct block *first, *last; /* received, oldest first */
    uint8_t *carry;             /* the beginning of a message whose rest has not been judged */
    size_t carry_len;
};

struct speaker_cfg {
    struct ip_addr addr, daemon;
    uint16_t port;
    uint32_t asn, daemon_asn;
};

void speaker_init(struct speaker *s, const char *name, const struct speaker_cfg *cfg);
void speaker_fini(struct speaker *s, struct blocks *blocks);
/* Connects, for up to ten seconds. Ends the process when nobody listens. */
void speaker_dial(struct speaker *s, const struct speaker_cfg *cfg);
void speaker_close(struct speaker *s);

/* Take what the socket has, at most one block. False: the connection is gone. */
bool speaker_read(struct speaker *s, struct blocks *blocks, uint64_t now_ns);
/* Send keepalives, and of tx what fits. */
void speaker_write(struct speaker *s);
/* Judge the oldest block. False: the session has ended; why is on stderr. */
bool speaker_judge(struct speaker *s, struct blocks *blocks, struct truth *truth);

/* What was queued goes on its way. */
void speaker_release(struct speaker *s);

static inline bool speaker_has_sent(const struct speaker *s)
{
    return s->tx_sent == s->tx.len;
}

uint64_t now_ns(void); /* CLOCK_MONOTONIC */

#endif
