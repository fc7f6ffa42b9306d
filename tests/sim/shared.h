/* A shared target of the simulated world: etcd, or a route table of Azure's resource manager.
 *
 *   http    node/io/http_client.h over the simulated network: the nodes run their own backends (node/targets)
 *           and their own fences, and only this seam is not theirs
 *   shared  one node's side: a backend opened, turned and closed as node/loop/backends.c does
 *   store   the other side: what is asked there, what goes wrong there, watches
 *   check_shared  invariants F1-F5, I1, I7, L4 of each request, as it is sent and as it is carried out */
#ifndef TANDEM_TESTS_SIM_SHARED_H
#define TANDEM_TESTS_SIM_SHARED_H

#include "tests/node/fake_arm.h"
#include "tests/node/fake_etcd.h"
#include "tests/sim/world.h"

enum { SIM_WATCHES = 64 };

/* One request on its way to the store, or its answer on its way back. */
struct sim_call {
    int host;
    uint64_t life;   /* of the host: its count of starts */
    uint64_t serial; /* of the request among all */
    uint64_t sent_at;
    bool is_stream;
    struct azure_request q;
    char fault[160]; /* an invariant that it violates if it is carried out, "" = none */
    uint64_t epoch, incarnation; /* of the writer's fence; its node's */
    int newer; /* a node that the writer knew to have a newer configuration, -1 = none */
    /* the answer */
    struct azure_answer answer; /* its strings: body and operation */
    char *body;
    char operation[128];
};

struct sim_watch {
    int host;
    uint64_t life, serial;
    int64_t next;
    uint64_t arrives; /* not before: lines keep their order */
    bool is_used;
};

struct sim_store {
    enum sim_store_kind { SIM_NO_STORE, SIM_ETCD, SIM_ARM, SIM_STORE_KINDS } kind;
    struct fake_etcd etcd;
    struct fake_arm arm;
    struct nhset_table sets; /* for what is read out of the documents */
    struct sim_table table;  /* what stands there now: read again after each write */
    struct repl_fence_record fence;
    uint64_t epoch;          /* of the last write that was carried out */
    uint64_t taken_at;       /* when the last takeover was */
    int owner;               /* host that took it … */
    uint64_t owner_incarnation; /* … in this life; 0: nobody yet, or its record was damaged */
    uint64_t down_until, slow_until, throttled_until; /* refuses; takes long; turns away */
    unsigned loses, repeats; /* of a thousand replies, or events of a watch */
    struct sim_watch watches[SIM_WATCHES];
    uint64_t leased_until[SIM_NODES_MAX]; /* a lease lives as long as its node is heard, and then so long */
    bool has_lost_fence;    /* once: epochs may be skipped since */
    unsigned takeovers, faults;
    uint64_t disturbed; /* anything between nodes and the store went wrong last */
};

/* http.c */
void sim_http_answer(struct world *w, struct sim_call *c);
void sim_http_stream(struct world *w, const struct sim_event *e);
/* In flight now, watches aside. */
unsigned sim_http_count(const struct host *h);
uint64_t sim_latency(struct world *w, sim_party from, sim_party to);

/* store.c */
void store_init(struct world *w, enum sim_store_kind kind);
void store_fini(struct world *w);
void store_take(struct world *w, struct sim_call *take_call);
void store_tick(struct world *w);
/* It can be reached again, and is what it was. */
void store_join(struct world *w);
/* And makes no more mistakes. */
void store_heal(struct world *w);
/* Something goes wrong there. */
void store_disturb(struct world *w);

/* check_shared.c */
void check_call(struct world *w, struct host *h, struct sim_call *c);
/* This node has had a turn: was it fenced off? */
void check_fenced(struct world *w, struct host *h);
void check_carried_out(struct world *w, const struct sim_call *c, const struct repl_fence_record *before,
                       const struct repl_fence_record *after);
void check_store_settled(struct world *w);
/* The table that stands there, as the product reads it; fence: its record, epoch 0 = none. */
void store_read(struct world *w, struct sim_table *out, struct repl_fence_record *fence);
/* The table as this request would leave it. */
void store_foresee(struct world *w, const struct sim_call *c, struct sim_table *out,
                   struct repl_fence_record *fence);

#endif
