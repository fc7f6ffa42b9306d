/* The agent's loop: a link to every node, the table that they serve or that stands in etcd, and the kernel. */
#ifndef TANDEM_NODE_AGENT_HOST_H
#define TANDEM_NODE_AGENT_HOST_H

#include "node/config/config.h"
#include "replication/keys.h"

struct host_keys {
    struct repl_identity identity;
    struct repl_secrets secrets;
};

/* Run until SIGTERM or SIGINT: 0. 1: could not start, and the log says why. */
int host_run(const struct config_agent_file *config, const struct host_keys *keys);

#endif
