/* Sealed frames: one libsodium secretstream per direction. A frame is a 16-bit length and the
 * ciphertext; order, uniqueness and the end of the stream are authenticated.
 * The stream begins with a 24-byte header in clear; the first frame is bound to the handshake hash. */
#ifndef TANDEM_REPLICATION_SEAL_H
#define TANDEM_REPLICATION_SEAL_H

#include <sodium.h>

#include "bgp/codec/types.h"

enum {
    SEAL_HEADER = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    SEAL_OVERHEAD = 2 + crypto_secretstream_xchacha20poly1305_ABYTES, /* of a frame */
};

enum seal_tag { SEAL_MESSAGE, SEAL_REKEY, SEAL_FINAL };

struct seal {
    crypto_secretstream_xchacha20poly1305_state state;
    const uint8_t *binding; /* additional data of the first frame, NULL afterwards; borrowed */
    size_t binding_len;
    uint64_t bytes;      /* since the last rekey */
    uint64_t rekeyed_ms;
};

void seal_begin_send(struct seal *s, const uint8_t key[32], uint8_t header[SEAL_HEADER],
                     const uint8_t *binding, size_t binding_len, uint64_t now_ms);
bool seal_begin_receive(struct seal *s, const uint8_t key[32], const uint8_t header[SEAL_HEADER],
                        const uint8_t *binding, size_t binding_len) MUST_USE;

/* Seal len bytes into out (len + SEAL_OVERHEAD), with a new key after 1 GiB or 10 minutes. Returns
 * the frame's length. */
size_t seal_put(struct seal *s, enum seal_tag tag, const uint8_t *data, size_t len, uint8_t *out,
                uint64_t now_ms);
/* Open the ciphertext of one frame (without its length) into out. Length, or -1: not authentic. */
int seal_open(struct seal *s, const uint8_t *cipher, size_t len, uint8_t *out,
              enum seal_tag *tag) MUST_USE;
void seal_wipe(struct seal *s);

#endif
