/* Whose agents may connect: agents.hosts of the configuration and the files of agents.keysDirectory.
 *
 * A file NAME.pub has the public key of host NAME: base64, as `tandemctl key new` prints it; while it is exchanged
 * for another one, that one on a second line. Other files,
 * and names that begin with a dot, are not looked at, so a new file can be written beside and renamed.
 * To let a host in, or to put it out: change the directory, then SIGHUP to tandemd, on every node. */
#ifndef TANDEM_NODE_AGENT_KEYS_H
#define TANDEM_NODE_AGENT_KEYS_H

#include <stdio.h>

#include "node/core/core.h"
#include "node/io/log.h"

struct agent_keys {
    struct config_agent *list; /* by name within the directory, hosts of the file first */
    size_t count;
    unsigned faults; /* files that are not taken, each told in errors */
};

/* Is the directory there, if one is named? If not, errors says what to do. */
bool agent_keys_are_there(const struct config *config, FILE *errors);
/* False: the directory cannot be read, which errors tells, and out is empty. A bad file is left out, and
 * so is a name or a key that another one has. */
bool agent_keys_read(const struct config *config, struct agent_keys *out, FILE *errors);
void agent_keys_free(struct agent_keys *k);

/* At start, on SIGHUP, with a new configuration: reads again and tells the core; the log says how many
 * hosts are listed and what was wrong. A directory that cannot be read leaves everything as it is. */
void agent_keys_reload(const struct config *config, struct core *core, struct log *log,
                       uint64_t now_ms);

#endif
