#include "replication/seal.h"

#include "bgp/base/wire.h"

static const uint64_t REKEY_BYTES = 1u << 30, REKEY_MS = 600 * 1000;

static const uint8_t tags[] = {
    [SEAL_MESSAGE] = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    [SEAL_REKEY] = crypto_secretstream_xchacha20poly1305_TAG_REKEY,
    [SEAL_FINAL] = crypto_secretstream_xchacha20poly1305_TAG_FINAL,
};

void seal_begin_send(struct seal *s, const uint8_t key[32], uint8_t header[SEAL_HEADER],
                     const uint8_t *binding, size_t binding_len, uint64_t now_ms)
{
    *s = (struct seal){ .binding = binding, .binding_len = binding_len, .rekeyed_ms = now_ms };
    crypto_secretstream_xchacha20poly1305_init_push(&s->state, header, key);
}

bool seal_begin_receive(struct seal *s, const uint8_t key[32], const uint8_t header[SEAL_HEADER],
                        const uint8_t *binding, size_t binding_len)
{
    *s = (struct seal){ .binding = binding, .binding_len = binding_len };
    return crypto_secretstream_xchacha20poly1305_init_pull(&s->state, header, key) == 0;
}

size_t seal_put(struct seal *s, enum seal_tag tag, const uint8_t *data, size_t len, uint8_t *out,
                uint64_t now_ms)
{
    unsigned long long sealed;
    bool due = s->bytes >= REKEY_BYTES || now_ms >= s->rekeyed_ms + REKEY_MS;
    if (tag == SEAL_MESSAGE && due)
        tag = SEAL_REKEY;
    crypto_secretstream_xchacha20poly1305_push(&s->state, out + 2, &sealed, data, len, s->binding,
                                               s->binding_len, tags[tag]);
    s->binding = NULL;
    s->binding_len = 0;
    s->bytes += sealed;
    if (tag == SEAL_REKEY) {
        s->bytes = 0;
        s->rekeyed_ms = now_ms;
    }
    wire_set16(out, (uint16_t)sealed);
    return 2 + (size_t)sealed;
}

int seal_open(struct seal *s, const uint8_t *cipher, size_t len, uint8_t *out, enum seal_tag *tag)
{
    unsigned long long opened;
    uint8_t found;
    if (crypto_secretstream_xchacha20poly1305_pull(&s->state, out, &opened, &found, cipher, len,
                                                   s->binding, s->binding_len) != 0)
        return -1;
    s->binding = NULL;
    s->binding_len = 0;
    *tag = found == tags[SEAL_FINAL] ? SEAL_FINAL : SEAL_MESSAGE;
    return (int)opened;
}

void seal_wipe(struct seal *s)
{
    sodium_memzero(s, sizeof *s);
}
