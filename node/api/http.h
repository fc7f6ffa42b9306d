/* The API's HTTP server inside the libuv loop: no thread of its own.
 *
 * Three kinds of listener, each a libmicrohttpd daemon with its own limits, so that a crowd on one
 * cannot starve another: TCP (api.listen; reading is free, orders need the bearer token of api.tokenFile), a Unix
 * socket RUNDIRECTORY/NODE.sock (0660; rights come from its group), and health (api.health) with the health checks
 * alone.
 * libmicrohttpd's epoll descriptor is watched by uv_poll, its timeout by uv_timer; a swap of the
 * library touches http*.c only. Source: DESIGN section 11; the interface study 1.3, 2.5, 3.4. */
#ifndef TANDEM_NODE_API_HTTP_H
#define TANDEM_NODE_API_HTTP_H

#include <uv.h>

#include "node/core/core.h"
#include "node/keys/api_token.h"

struct api;

struct api_cfg {
    uv_loop_t *loop;
    struct core *core; /* borrowed, as is all below, until api_stop */
    const struct config *config;
    uint32_t self;         /* own node id */
    uint64_t (*now)(void); /* monotonic milliseconds, the core's clock */
    const struct api_token *token; /* may change, after a reload */
    unsigned connections; /* the most, on all listeners together */
    bool (*reload)(void *data, bool is_dry, FILE *out); /* api_reload of routes.h */
    int (*log_level)(void *data, int level);            /* api_log_level of it */
    const char *(*mrt_trouble)(void *data);             /* api_mrt_trouble of it */
    void (*on_act)(void *data); /* the core was told something: it wants a turn */
    void *data;
};

/* Open every listener and serve from the loop.
 * out     the server, or NULL on failure: then nothing is open
 * error   one line for the user: which address, what is wrong, what to do
 * returns 0, or -1 */
int api_start(struct api **out, const struct api_cfg *cfg, char *error, size_t cap) MUST_USE;

/* Close every listener and connection, remove the socket file. The memory goes when the loop has run
 * the close callbacks. NULL does nothing. */
void api_stop(struct api *a);

#endif
