/* What lies between the configuration that a node runs with and another one.
 *
 * Most of it a node follows while it runs. What it was started for (its names, addresses, keys,
 * listeners) needs a restart: it is refused by name, and then nothing is followed. Targets come, go and
 * change; no route is ever removed for it. */
#ifndef TANDEM_NODE_CONFIG_CHANGE_H
#define TANDEM_NODE_CONFIG_CHANGE_H

#include "node/config/config.h"

/* What a peer's other settings mean. The greater one counts. */
enum config_effect {
    CONFIG_SAME,
    CONFIG_JUDGED, /* its routes are judged, or told, anew; the session stays */
    CONFIG_RESET,  /* they are agreed on in the OPEN, or belong to the connection */
};

/* asn: the server's, which a peer without localAsn sees. */
enum config_effect config_peer_effect(const struct config_peer *is, uint32_t asn,
                                      const struct config_peer *next, uint32_t next_asn);

/* Are the targets the same, each with the same choice of routes? */
bool config_chooses_alike(const struct config *a, const struct config *b);

/* Can a running node follow all of it? Otherwise false, and errors has a line for each thing that it
 * cannot, with the mend. */
bool config_can_follow(const struct config *is, const struct config *next, FILE *errors);
/* All differences that can be followed, in words, one a line; returns how many. */
size_t config_tell_changes(const struct config *is, const struct config *next, FILE *out);
/* is has the content of next from now on, and next that of before; what cannot be followed, and what it
 * points to, stays where it is. Targets that go on are the same objects as before, in is->targets; those
 * that ended are in next->targets, for as long as next lives. */
void config_follow(struct config *is, struct config *next);

#endif
