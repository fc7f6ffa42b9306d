/* Keys of the channel: text forms, derivation, identification. No files: node/ reads and writes them.
 *
 * Node key    "tandem-node-key 1 <base64 of 32 secret bytes>\n", X25519; the public half goes into
 *             the configuration as base64 (nodes[].publicKey).
 * Secret      "tandem-secret 1 <base64 of 32 bytes>\n", shared by all nodes of a cluster (or by the
 *             nodes and their agents); never used itself, only what is derived from it. */
#ifndef TANDEM_REPLICATION_KEYS_H
#define TANDEM_REPLICATION_KEYS_H

#include "bgp/codec/types.h"

enum { REPL_KEY = 32, REPL_KEY_ID = 8, REPL_KEY_TEXT = 128, REPL_PUBLIC_TEXT = 45 };

struct repl_identity {
    uint8_t secret_key[REPL_KEY], public_key[REPL_KEY];
};

/* Derived by crypto_kdf (BLAKE2b): a Noise PSK must not be used outside Noise. */
struct repl_secrets {
    uint8_t psk[REPL_KEY], mac_key[REPL_KEY], digest_key[16];
    uint8_t psk_id[4];
};

/* All return 0 or BGP_ERR_PARSE; texts may end in white space. Secrets are wiped on failure. */
int repl_identity_parse(const char *text, struct repl_identity *out) MUST_USE;
int repl_public_parse(const char *text, uint8_t out[static REPL_KEY]) MUST_USE;
int repl_secret_parse(const char *text, struct repl_secrets *out) MUST_USE;

/* New random ones, as the text that goes into the file. */
void repl_identity_new(char text[static REPL_KEY_TEXT]);
void repl_secret_new(char text[static REPL_KEY_TEXT]);
void repl_public_format(const uint8_t key[static REPL_KEY], char text[static REPL_PUBLIC_TEXT]);
/* First 8 bytes of BLAKE2b of the public key: what logs and prefaces show. */
void repl_key_id(const uint8_t key[static REPL_KEY], uint8_t out[static REPL_KEY_ID]);
/* Cluster id: BLAKE2b-128 of the route server's name. */
void repl_cluster_id(const char *name, uint8_t out[static 16]);

void repl_identity_wipe(struct repl_identity *id);
void repl_secrets_wipe(struct repl_secrets *s);

#endif
