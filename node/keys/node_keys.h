/* This node's keys and its API's token as the configuration names them: at the start, and again at every reload, so that keys are
 * exchanged for others while everything runs (deploy/README.md, rotating keys). */
#ifndef TANDEM_NODE_NODE_KEYS_H
#define TANDEM_NODE_NODE_KEYS_H

#include <stdio.h>

#include "node/core/core.h"
#include "node/keys/api_token.h"

struct node_keys {
    bool clustered, has_agents;
    struct core_keys cluster;   /* its identity is for agents, too */
    struct api_token api_token; /* for writing over TCP, where the configuration names its file */
};

/* False: a line in errors for each file that cannot be used, and nothing in out. The node's key has to be
 * listed for it, as publicKey or nextPublicKey. */
bool node_keys_load(const struct config *config, const struct config_node *node, struct node_keys *out,
                    FILE *errors);
void node_keys_wipe(struct node_keys *k);

/* What is in other files than before, in words, one a line; returns how many. */
size_t node_keys_tell_changes(const struct node_keys *is, const struct node_keys *next, FILE *out);

#endif
