/* What is right: who announces which routes in which shape, and what every receiver has of them.
 *
 * A receiver is complete when it has, for every prefix of the table, a route of one of the senders
 * with the shortest path, exactly as that sender announces it (attributes, next hop, newest version),
 * and nothing where nobody else announces. Among equal paths daemons choose differently: each is right.
 * What no sender ever announced like that is counted as wrong at once, even if it is mended later. */
#ifndef TANDEM_TESTS_BENCH_TRUTH_H
#define TANDEM_TESTS_BENCH_TRUTH_H

#include "tests/bench/table.h"

enum { TRUTH_SENDERS = 64, TRUTH_NOBODY = -1 };

struct truth_sender {
    struct table_shape shape;
    size_t first, count; /* announced now; one range */
    uint32_t *version;   /* of a prefix, where it is newer than shape.med; NULL: nowhere */
    uint32_t newest;     /* highest MED that was ever announced */
};

struct truth_receiver {
    int sender;       /* the same speaker as sender, or TRUTH_NOBODY */
    uint32_t *has;    /* of a prefix: 0, or sender + 1 and the MED as version */
    size_t right;     /* prefixes that are as they should be */
    uint64_t done_ns; /* since when all are, 0: they are not */
    uint64_t routes;  /* that arrived */
    uint64_t withdrawals, messages, wrong;
    bool hops_only; /* a kernel's table: it knows next hops alone */
};

struct truth {
    const struct table *table;
    struct truth_sender senders[TRUTH_SENDERS];
    int sender_count;
    uint64_t *best; /* of a prefix: bit per sender */
    /* Single routes in flight: when version v was sent, and how long each took to arrive. */
    uint64_t *sent_ns, *took_ns;
    size_t sent, took, took_cap;
};

void truth_init(struct truth *t, const struct table *table);
void truth_fini(struct truth *t);
int truth_add_sender(struct truth *t, const struct table_shape *shape);
void truth_receiver_init(struct truth_receiver *r, const struct truth *t, int sender);
void truth_receiver_fini(struct truth_receiver *r);

/* After senders changed: who is best where, and what each receiver still lacks. */
void truth_settle_senders(struct truth *t);
void truth_settle_receiver(const struct truth *t, struct truth_receiver *r, uint64_t now_ns);
/* One prefix of a sender has a newer version. */
void truth_renew(struct truth *t, int sender, size_t prefix, uint32_t version);

/* What arrived at a receiver at this time. */
void truth_take_update(struct truth *t, struct truth_receiver *r, const struct bgp_update *u,
                       uint64_t at_ns);
/* The same for a kernel's table; next_hop NULL: removed. */
void truth_take_hop(struct truth *t, struct truth_receiver *r, const struct ip_prefix *p,
                    const struct ip_addr *next_hop, uint64_t at_ns);

static inline bool truth_is_complete(const struct truth *t, const struct truth_receiver *r)
{
    return r->right == t->table->prefix_count;
}
/* Is anything announced there that should arrive? For «570000 of 577000 arrived». */
size_t truth_expected(const struct truth *t, const struct truth_receiver *r);

#endif
