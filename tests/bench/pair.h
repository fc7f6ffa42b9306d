/* Two nodes in one process: their keys, what a configuration says of them, and the bytes between them. */
#ifndef TANDEM_TESTS_BENCH_PAIR_H
#define TANDEM_TESTS_BENCH_PAIR_H

#include <stdio.h>

#include "node/core/core.h"
#include "replication/keys.h"

enum { PAIR = 2 };

struct pair {
    struct repl_identity ids[PAIR];
    struct repl_secrets secrets, other_secrets; /* in use; to be exchanged for */
    bool serves_agents; /* with the same secrets: each node then sums what it serves them */
    uint64_t starts;
    struct core *cores[PAIR];
    struct pump *link[PAIR]; /* each node's end of it; NULL: there is none */
};

/* New keys. */
void pair_init(struct pair *p);
/* The parts of a configuration that name the first `count` nodes, at 10.0.0.1 and 10.0.0.101. */
void pair_write(const struct pair *p, int count, FILE *config);
/* Starts a node; the link comes up by pair_take_requests and pair_move. */
void pair_start(struct pair *p, int nth, const struct config *config, uint64_t now_ms);
/* After each turn of a core, until NULL. The first node's dial is answered, the other one's refused: one link is enough.
 * Returns what the core wants closed, for the caller to close: an NVA, or a link that another one has replaced. */
struct pump *pair_take_requests(struct pair *p, int nth, uint64_t now_ms);
/* Moves what waits in both directions. */
void pair_move(struct pair *p, uint64_t now_ms);
/* A node dies with all it has. */
void pair_end(struct pair *p, int nth, uint64_t now_ms);

#endif
