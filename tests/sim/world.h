/* The simulated world: whole nodes (node/core.h, the real one) in one process, in virtual time.
 *
 * Everything that happens is an event with a time; ties go by order of creation; all chance comes
 * from one seeded generator. So a seed is a run, and a failing seed is a test.
 *
 *   world   time, chance, events, connections with delay, cuts and partitions
 *   nva     a BGP speaker made of the same session machine; its announcements are the truth
 *   host    one node: a core, its kernel table, which outlives it
 *   check   invariants, after every event */
#ifndef TANDEM_TESTS_SIM_WORLD_H
#define TANDEM_TESTS_SIM_WORLD_H

#include <stdio.h>

#include "node/core_impl.h"

enum {
    SIM_NODES_MAX = 3,
    SIM_NVAS_MAX = 4,
    SIM_PREFIXES_MAX = 64,
    SIM_PIPES_MAX = 512,
    SIM_LATENCY_MS = 3,
};

/* A party of the network: nodes first, then NVAs. */
typedef int sim_party;

struct world;

/* One TCP connection: two ends, bytes on their way with the time they arrive. */
struct sim_end {
    sim_party party;
    struct pump *pump;            /* a node's */
    struct nva_session *session;  /* or an NVA's, with its slot */
    int slot;
    bool open;
};

struct sim_pipe {
    bool used, established;
    struct sim_end end[2]; /* [0] dialled */
    enum core_port port;
    uint64_t arrives[2];   /* not before: keeps bytes in order */
    uint64_t sent[2], delivered[2]; /* chunks, by sending side */
    unsigned generation;   /* events of an earlier use are void */
};

struct nva_session { /* of one NVA with one node */
    struct nva *nva;
    int node;
    struct bgp_session *machine;
    struct sim_pipe *pipe[BGP_SLOTS];
    uint8_t *out; /* UPDATEs that wait to be sent */
    size_t out_len, out_cap;
};

struct nva {
    struct world *world;
    int number;
    uint32_t asn;
    struct ip_addr addr;
    bool truth[SIM_PREFIXES_MAX];      /* announced now */
    unsigned prepend[SIM_PREFIXES_MAX];
    uint64_t changed[SIM_PREFIXES_MAX]; /* when truth last changed */
    struct nva_session sessions[SIM_NODES_MAX];
};

struct sim_kernel { /* a route table that outlives its node */
    bool present[SIM_PREFIXES_MAX];
    struct ip_addr hops[SIM_PREFIXES_MAX][SIM_NVAS_MAX];
    uint32_t hop_count[SIM_PREFIXES_MAX];
};

struct host {
    int number;
    struct core *core; /* NULL: dead */
    uint64_t turn_at, up_since, incarnation;
    unsigned turn_generation;
    struct sim_kernel kernel;
};

enum sim_event_kind { SIM_TURN, SIM_BYTES, SIM_OPEN, SIM_CLOSE, SIM_NVA_TICK, SIM_ACT };

struct sim_event {
    uint64_t at, order;
    enum sim_event_kind kind;
    int who;  /* host, NVA */
    int side; /* BYTES: which end receives; OPEN, CLOSE: as needed */
    struct sim_pipe *pipe;
    unsigned generation;
    uint64_t sent_at, sequence; /* BYTES: of its direction */
    uint8_t *bytes;
    size_t len;
    enum core_close how;
};

struct world {
    uint64_t seed, random, now, order;
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    struct sim_pipe pipes[SIM_PIPES_MAX];
    struct config config;
    struct repl_identity identities[SIM_NODES_MAX];
    struct repl_secrets secrets;
    struct host hosts[SIM_NODES_MAX];
    struct nva nvas[SIM_NVAS_MAX];
    int host_count, nva_count, prefix_count;
    bool cut[SIM_NODES_MAX + SIM_NVAS_MAX][SIM_NODES_MAX + SIM_NVAS_MAX]; /* packets are lost */
    uint64_t disturbed; /* end of the latest partition, crash or restart */
    uint64_t faults_until;
    uint64_t trace;     /* hash over everything that happened */
    unsigned crashes, restarts, partitions, changes, removals;
    char failure[256];
    bool verbose;
};

uint64_t sim_random(struct world *w);
/* 0 .. below - 1 */
uint32_t sim_pick(struct world *w, uint32_t below);
void sim_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_schedule(struct world *w, struct sim_event e);
void sim_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct ip_prefix sim_prefix(int number);
int sim_prefix_number(const struct ip_prefix *p); /* -1: not one of ours */
struct ip_addr sim_addr(sim_party party);
sim_party sim_party_at(const struct world *w, const struct ip_addr *addr);

/* pipe.c: connections */
void sim_dial(struct world *w, sim_party from, const struct core_request *r,
              struct nva_session *session);
void sim_send(struct world *w, struct sim_pipe *p, int side, const uint8_t *bytes, size_t len);
void sim_hang_up(struct world *w, struct sim_pipe *p, int side);
void sim_on_open(struct world *w, const struct sim_event *e);
void sim_on_bytes(struct world *w, const struct sim_event *e);
void sim_on_close(struct world *w, const struct sim_event *e);
/* A party is gone without a word: its ends vanish, the others learn by a reset. */
void sim_vanish(struct world *w, sim_party party);

/* host.c */
void host_start(struct world *w, struct host *h);
void host_crash(struct world *w, struct host *h);
void host_turn(struct world *w, struct host *h);
void host_ask_turn(struct world *w, struct host *h, uint64_t at);
struct sim_pipe *sim_pipe_of(struct world *w, const struct pump *p);

/* nva.c */
void nva_init(struct world *w, struct nva *n, int number);
void nva_fini(struct nva *n);
void nva_set(struct nva *n, int prefix, bool announced, unsigned prepend);
void nva_tick(struct nva *n);
int nva_accept(struct nva *n, int node);
void nva_connected(struct nva_session *s, const struct ip_addr *local);
void nva_receive(struct nva_session *s, int slot, const uint8_t *bytes, size_t len);
void nva_closed(struct nva_session *s, int slot);

/* check.c */
void check_event(struct world *w);
void check_removal(struct world *w, const struct host *h, int prefix);
void check_settled(struct world *w);

#endif
