#include "replication/noise.h"

#include <sodium.h>
#include <string.h>

#include "bgp/base/wire.h"

static void mix_hash(struct noise *n, const void *data, size_t len)
{
    crypto_hash_sha512_state s;
    crypto_hash_sha512_init(&s);
    crypto_hash_sha512_update(&s, n->hash, sizeof n->hash);
    crypto_hash_sha512_update(&s, data, len);
    crypto_hash_sha512_final(&s, n->hash);
}

static void hmac(const uint8_t key[NOISE_HASH], const void *data, size_t len, uint8_t last,
                 uint8_t out[NOISE_HASH])
{
    crypto_auth_hmacsha512_state s;
    crypto_auth_hmacsha512_init(&s, key, NOISE_HASH);
    crypto_auth_hmacsha512_update(&s, data, len);
    if (last)
        crypto_auth_hmacsha512_update(&s, &last, 1);
    crypto_auth_hmacsha512_final(&s, out);
    sodium_memzero(&s, sizeof s);
}

/* HKDF of section 4.3: up to three outputs, each chained on the one before. */
static void hkdf(const uint8_t chain[NOISE_HASH], const void *input, size_t len, int outputs,
                 uint8_t out[3][NOISE_HASH])
{
    uint8_t temp[NOISE_HASH];
    hmac(chain, input, len, 0, temp);
    for (int i = 0; i < outputs; i++)
        hmac(temp, i ? out[i - 1] : temp, i ? NOISE_HASH : 0, (uint8_t)(i + 1), out[i]);
    sodium_memzero(temp, sizeof temp);
}

static void set_key(struct noise *n, const uint8_t key[NOISE_HASH])
{
    memcpy(n->key, key, NOISE_KEY);
    n->nonce = 0;
    n->has_key = true;
}

static void mix_key(struct noise *n, const uint8_t *input, size_t len)
{
    uint8_t out[3][NOISE_HASH];
    hkdf(n->chain, input, len, 2, out);
    memcpy(n->chain, out[0], NOISE_HASH);
    set_key(n, out[1]);
    sodium_memzero(out, sizeof out);
}

static void mix_key_and_hash(struct noise *n, const uint8_t psk[NOISE_KEY])
{
    uint8_t out[3][NOISE_HASH];
    hkdf(n->chain, psk, NOISE_KEY, 3, out);
    memcpy(n->chain, out[0], NOISE_HASH);
    mix_hash(n, out[1], NOISE_HASH);
    set_key(n, out[2]);
    sodium_memzero(out, sizeof out);
}

static bool mix_dh(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t public[NOISE_KEY])
{
    uint8_t shared[NOISE_KEY];
    bool ok = crypto_scalarmult(shared, secret, public) == 0; /* -1: a zero result, refuse it */
    if (ok)
        mix_key(n, shared, sizeof shared);
    sodium_memzero(shared, sizeof shared);
    return ok;
}

static void nonce_bytes(uint64_t nonce, uint8_t out[crypto_aead_chacha20poly1305_IETF_NPUBBYTES])
{
    memset(out, 0, 4);
    for (int i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(nonce >> 8 * i);
}

static void encrypt_and_hash(struct noise *n, const uint8_t *plain, size_t len, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];
    nonce_bytes(n->nonce++, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, n->hash, sizeof n->hash, NULL,
                                              nonce, n->key);
    mix_hash(n, out, len + NOISE_TAG);
}

static bool decrypt_and_hash(struct noise *n, const uint8_t *cipher, size_t len, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];
    nonce_bytes(n->nonce++, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, cipher, len, n->hash,
                                                  sizeof n->hash, nonce, n->key) != 0)
        return false;
    mix_hash(n, cipher, len);
    return true;
}

void noise_init(struct noise *n, bool initiator, const uint8_t *prologue, size_t prologue_len,
                const uint8_t own_secret[NOISE_KEY], const uint8_t own_public[NOISE_KEY],
                const uint8_t peer_public[NOISE_KEY], const uint8_t psk[NOISE_KEY])
{
    static const char name[] = "Noise_KKpsk0_25519_ChaChaPoly_SHA512"; /* shorter than a hash: padded */
    *n = (struct noise){ .initiator = initiator };
    memcpy(n->hash, name, sizeof name - 1);
    memcpy(n->chain, n->hash, NOISE_HASH);
    memcpy(n->own_secret, own_secret, NOISE_KEY);
    memcpy(n->own_public, own_public, NOISE_KEY);
    memcpy(n->peer_public, peer_public, NOISE_KEY);
    memcpy(n->psk, psk, NOISE_KEY);
    mix_hash(n, prologue, prologue_len);
    mix_hash(n, initiator ? own_public : peer_public, NOISE_KEY);
    mix_hash(n, initiator ? peer_public : own_public, NOISE_KEY);
}

void noise_random_key(uint8_t out[NOISE_KEY])
{
    randombytes_buf(out, NOISE_KEY);
}

static void mix_ephemeral(struct noise *n, const uint8_t public[NOISE_KEY])
{
    mix_hash(n, public, NOISE_KEY);
    mix_key(n, public, NOISE_KEY); /* section 9.2: in PSK handshakes "e" is mixed into the key too */
}

/* Message 1 of the initiator: psk, e, es, ss. Message 2 of the responder: e, ee, se. */
static bool mix_first(struct noise *n)
{
    const uint8_t *es = n->initiator ? n->own_ephemeral : n->own_secret;
    const uint8_t *es_peer = n->initiator ? n->peer_public : n->peer_ephemeral;
    return mix_dh(n, es, es_peer) && mix_dh(n, n->own_secret, n->peer_public);
}

static bool mix_second(struct noise *n)
{
    const uint8_t *se = n->initiator ? n->own_secret : n->own_ephemeral;
    const uint8_t *se_peer = n->initiator ? n->peer_ephemeral : n->peer_public;
    return mix_dh(n, n->own_ephemeral, n->peer_ephemeral) && mix_dh(n, se, se_peer);
}

bool noise_write(struct noise *n, const uint8_t ephemeral_secret[NOISE_KEY], const uint8_t *payload,
                 size_t payload_len, uint8_t *out)
{
    memcpy(n->own_ephemeral, ephemeral_secret, NOISE_KEY);
    if (crypto_scalarmult_base(out, ephemeral_secret) != 0)
        return false;
    if (n->initiator)
        mix_key_and_hash(n, n->psk);
    mix_ephemeral(n, out);
    if (!(n->initiator ? mix_first(n) : mix_second(n)))
        return false;
    encrypt_and_hash(n, payload, payload_len, out + NOISE_KEY);
    return true;
}

bool noise_read(struct noise *n, const uint8_t *message, size_t len, uint8_t *out)
{
    if (len < NOISE_OVERHEAD)
        return false;
    memcpy(n->peer_ephemeral, message, NOISE_KEY);
    if (!n->initiator)
        mix_key_and_hash(n, n->psk);
    mix_ephemeral(n, message);
    if (!(n->initiator ? mix_second(n) : mix_first(n)))
        return false;
    return decrypt_and_hash(n, message + NOISE_KEY, len - NOISE_KEY, out);
}

void noise_split(const struct noise *n, uint8_t first[NOISE_KEY], uint8_t second[NOISE_KEY])
{
    uint8_t out[3][NOISE_HASH];
    hkdf(n->chain, NULL, 0, 2, out);
    memcpy(first, out[0], NOISE_KEY);
    memcpy(second, out[1], NOISE_KEY);
    sodium_memzero(out, sizeof out);
}

void noise_wipe(struct noise *n)
{
    sodium_memzero(n, sizeof *n);
}

void noise_mac(const uint8_t key[NOISE_KEY], const void *data, size_t len, uint8_t out[NOISE_TAG])
{
    crypto_generichash(out, NOISE_TAG, data, len, key, NOISE_KEY);
}

bool noise_is_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
