/* Two parties of a cluster with fixed keys, and links between them, for tests of the channel. */
#ifndef TANDEM_TESTS_LINKS_H
#define TANDEM_TESTS_LINKS_H

#include <assert.h>
#include <string.h>

#include "replication/link.h"

enum { LINKS_NODES = 3 };

struct links {
    struct repl_identity ids[LINKS_NODES + 1]; /* by node id */
    struct repl_party parties[LINKS_NODES + 1];
    struct repl_secrets secrets, other_secrets;
};

static inline void links_init(struct links *x)
{
    static const char *const keys[] = {
        "tandem-node-key 1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "tandem-node-key 1 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
        "tandem-node-key 1 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=",
    };
    for (uint32_t id = 1; id <= LINKS_NODES; id++) {
        int err = repl_identity_parse(keys[id - 1], &x->ids[id]);
        assert(!err);
        x->parties[id] = repl_party(REPL_ROLE_NODE, id, x->ids[id].public_key);
        (void)err;
    }
    int err = repl_secret_parse("tandem-secret 1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", &x->secrets);
    err |= repl_secret_parse("tandem-secret 1 CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=", &x->other_secrets);
    assert(!err);
    (void)err;
}

/* The configuration of node `self`: an initiator towards node `other`, or a responder that knows it. */
static inline struct repl_link_cfg links_cfg(const struct links *x, uint32_t self, uint32_t other,
                                             bool initiator)
{
    struct repl_link_cfg cfg = { .initiator = initiator,
                                 .role = REPL_ROLE_NODE,
                                 .cluster_id = "tests",
                                 .identity = &x->ids[self],
                                 .secrets = &x->secrets,
                                 .parties = &x->parties[other],
                                 .party_count = 1,
                                 .hello = { .node = self,
                                            .incarnation = 100 + self,
                                            .minor_min = 1,
                                            .minor_max = 1,
                                            .algo_min = 1,
                                            .algo_max = 1,
                                            .name = "node" } };
    cfg.seen[other] = 70 + other;
    return cfg;
}

#endif
