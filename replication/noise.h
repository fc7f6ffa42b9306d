/* Noise_KKpsk0_25519_ChaChaPoly_SHA512: two messages, both static keys known before.
 *
 *   -> psk, e, es, ss      <- e, ee, se
 *
 * Pure: randomness comes in as the ephemeral key, so published vectors can be replayed.
 * Source: Noise Protocol Framework, revision 34, sections 5, 7.5, 9; libsodium's primitives. */
#ifndef TANDEM_REPLICATION_NOISE_H
#define TANDEM_REPLICATION_NOISE_H

#include "bgp/codec/types.h"

enum { NOISE_KEY = 32, NOISE_HASH = 64, NOISE_TAG = 16, NOISE_OVERHEAD = NOISE_KEY + NOISE_TAG };

struct noise {
    bool initiator;
    uint8_t hash[NOISE_HASH], chain[NOISE_HASH], key[NOISE_KEY];
    uint64_t nonce;
    bool has_key;
    uint8_t own_secret[NOISE_KEY], own_public[NOISE_KEY], peer_public[NOISE_KEY];
    uint8_t own_ephemeral[NOISE_KEY], peer_ephemeral[NOISE_KEY], psk[NOISE_KEY];
};

void noise_init(struct noise *n, bool initiator, const uint8_t *prologue, size_t prologue_len,
                const uint8_t own_secret[NOISE_KEY], const uint8_t own_public[NOISE_KEY],
                const uint8_t peer_public[NOISE_KEY], const uint8_t psk[NOISE_KEY]);
/* A fresh ephemeral secret for the next write. */
void noise_random_key(uint8_t out[NOISE_KEY]);

/* Write this side's handshake message: payload_len + NOISE_OVERHEAD bytes into out. */
bool noise_write(struct noise *n, const uint8_t ephemeral_secret[NOISE_KEY], const uint8_t *payload,
                 size_t payload_len, uint8_t *out) MUST_USE;
/* Read the other side's: len - NOISE_OVERHEAD bytes of payload into out. False: not authentic. */
bool noise_read(struct noise *n, const uint8_t *message, size_t len, uint8_t *out) MUST_USE;
/* After both: keys from initiator to responder, and back. n->hash is the handshake hash. */
void noise_split(const struct noise *n, uint8_t first[NOISE_KEY], uint8_t second[NOISE_KEY]);
void noise_wipe(struct noise *n);

/* Keyed BLAKE2b-128 over data: the preface's mac. */
void noise_mac(const uint8_t key[NOISE_KEY], const void *data, size_t len, uint8_t out[NOISE_TAG]);
/* In constant time. */
bool noise_is_equal(const void *a, const void *b, size_t len);

#endif
