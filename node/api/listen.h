/* Listening sockets of the API, with errors that say what to do. */
#ifndef TANDEM_NODE_API_LISTEN_H
#define TANDEM_NODE_API_LISTEN_H

#include "node/config/config.h"

/* key  the configuration's name of this address ("api.listen"), for the error.
 * Returns a non-blocking descriptor, or -1 with one line in error. */
int listen_tcp(const struct config_endpoint *at, const char *key, char *error, size_t cap) MUST_USE;

/* A Unix socket of mode 0660. A socket file that nobody listens on any more is replaced; anything
 * else at that path is left alone and is an error. */
int listen_unix(const char *path, char *error, size_t cap) MUST_USE;

#endif
