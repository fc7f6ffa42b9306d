/* File descriptors, shared out: who connects cannot use up those that the node works with.
 *
 * The system gives every new descriptor the lowest free number, so the number of one says how many are in use.
 * Connections of NVAs, nodes and agents, accepted or dialled, and BFD's socket of each peer may go up to a number;
 * readers of the API have their share; what is left beside is for listeners, targets, files. */
#ifndef TANDEM_NODE_DESCRIPTORS_H
#define TANDEM_NODE_DESCRIPTORS_H

#include "node/config/config.h"

struct descriptors {
    unsigned limit;       /* RLIMIT_NOFILE, raised to what the system allows */
    unsigned connections; /* one with this number or above is not kept */
    unsigned readers;     /* of the API, on all its listeners together */
};

/* Raise the limit, share it out. False: too few to work with, and errors says how many it takes. */
bool descriptors_share(struct descriptors *d, FILE *errors);
/* How many the connections that this node is configured for may take at once, these agents among them. */
size_t descriptors_wanted(const struct config *c, uint32_t self, size_t agents);

#endif
