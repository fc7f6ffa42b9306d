/* What protects BGP's sockets: keys (RFC 2385, RFC 5925) and the least TTL (RFC 5082).
 *
 * A listener is shared by all peers. It knows the key of every peer or prefix of peers. A least TTL it
 * can only ask for what every peer keeps to; the connection that was accepted then asks for its own. */
#ifndef TANDEM_NODE_GUARD_H
#define TANDEM_NODE_GUARD_H

#include "node/config/config.h"
#include "node/io/log.h"
#include "node/io/sock.h"

enum { GUARD_KEY_MAX = 80 };

/* The keys of a dial, read from their files; ended with guard_fini. */
struct guard {
    char key[GUARD_KEY_MAX + 1];
    struct sock_ao_key ao;
};
/* Fills options->md5_key, options->ao. False: a file is unreadable, and the log says so. */
bool guard_dial(struct guard *g, const char *md5_key_file, const struct config_tcp_ao *ao,
                struct sock_options *options, struct log *log);
void guard_fini(struct guard *g);

/* A listener of this family, for these peers. was: those that it was for until now, NULL at first. */
void guard_listener(int fd, uint8_t family, const struct config *is, const struct config *was,
                    struct log *log);

/* Can every peer have what it asks for: is its key there, does this kernel know TCP-AO? Otherwise false, and
 * errors says which cannot have what. */
bool guard_permits(const struct config *c, FILE *errors);

#endif
