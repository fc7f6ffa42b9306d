/* One socket of a pump: every read, write and close of a connection goes through here. */
#ifndef TANDEM_NODE_CONN_H
#define TANDEM_NODE_CONN_H

#include <uv.h>

#include "node/core/core.h"

/* Who owns connections: the loop of tandemd, or of the agent. */
struct conn_owner {
    uv_loop_t *uv;
    void *data;
    struct list conns; /* all of them; list_init before the first */
    /* The five things that a connection has to say; each ends in a turn of the machine behind. */
    void (*on_connected)(void *data, struct pump *p, const struct ip_addr *local);
    void (*on_received)(void *data, struct pump *p, size_t n);
    void (*on_sent)(void *data, struct pump *p, size_t n);
    void (*on_closed)(void *data, struct pump *p, enum core_close how); /* the pump is no more */
};

struct conn;

/* An accepted socket, or one whose dial has begun. The owner outlives the connection. */
void conn_accepted(struct conn_owner *owner, int fd, struct pump *pump);
void conn_dialled(struct conn_owner *owner, int fd, struct pump *pump);
/* The end of the loop: close every socket at once and tell nobody. */
void conn_abandon_all(struct conn_owner *owner);
/* Send what the pump has, read while it has room. */
void conn_flush(struct pump *pump);
/* Close once what the pump has was sent, a second later at most. */
void conn_finish(struct pump *pump);

#endif
