/* An answer that says something of every NVA, made while it is sent, one at a time: there may be thousands. */
#ifndef TANDEM_NODE_API_EVERY_PEER_H
#define TANDEM_NODE_API_EVERY_PEER_H

#include "node/api/reply.h"

/* {…the head's members…, "list": [ … ]} */
struct every_peer {
    json_t *take_head; /* NULL: none */
    const char *list;              /* static */
    json_t *(*show)(const struct api_view *v, const struct core_peer_view *p);
    uint16_t only; /* the number of an NVA, 0 = all of them */
    bool is_named; /* "list": { "fw-1": …, } */
};

void every_peer_reply(const struct every_peer *what, struct api_reply *out);

#endif
