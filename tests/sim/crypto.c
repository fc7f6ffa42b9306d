/* libsodium's calls for links, without the work: half of a run went into them. They keep no secret, and what the simulator
 * asks of them is left. Two sides come to the same keys when each holds what the other one expects, and see the same
 * handshake. A bit that flips on its way is noticed, and a frame that is repeated, left out or out of turn. That
 * the product makes the calls as Noise wants it the published vectors say (tests/replication/test_noise.c). */
#include <sodium.h>
#include <string.h>

enum { KEY = 32, MARK = 16, HEADER = crypto_secretstream_xchacha20poly1305_HEADERBYTES };

/* ---- one hash for all of it ---- */

static uint64_t stir(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t absorb(uint64_t hash, const void *data, unsigned long long len)
{
    const uint8_t *at = data;
    uint64_t word = 0;
    hash = stir(hash, len);
    for (; len >= sizeof word; len -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = stir(hash, word);
    }
    for (word = 0; len; len--)
        word = word << 8 | *at++;
    return stir(hash, word);
}

static void squeeze(uint64_t hash, void *out, size_t len)
{
    uint8_t *to = out;
    for (size_t at = 0; at < len; at += sizeof hash) {
        hash = stir(hash, at + 1);
        memcpy(to + at, &hash, sizeof hash);
    }
}

/* ---- keys ---- */

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n)
{
    squeeze(absorb(0, n, KEY), q, KEY);
    return 0;
}

int crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
    unsigned char both[KEY];
    squeeze(absorb(0, n, KEY), both, KEY);
    for (int i = 0; i < KEY; i++)
        both[i] ^= p[i]; /* the same from either side */
    squeeze(absorb(0, both, KEY), q, KEY);
    return 0;
}

int crypto_hash_sha512_init(crypto_hash_sha512_state *s)
{
    s->state[0] = 0;
    return 0;
}

int crypto_hash_sha512_update(crypto_hash_sha512_state *s, const unsigned char *in, unsigned long long len)
{
    s->state[0] = absorb(s->state[0], in, len);
    return 0;
}

int crypto_hash_sha512_final(crypto_hash_sha512_state *s, unsigned char *out)
{
    squeeze(s->state[0], out, crypto_hash_sha512_BYTES);
    return 0;
}

int crypto_auth_hmacsha512_init(crypto_auth_hmacsha512_state *s, const unsigned char *key, size_t len)
{
    crypto_hash_sha512_init(&s->ictx);
    return crypto_hash_sha512_update(&s->ictx, key, len);
}

int crypto_auth_hmacsha512_update(crypto_auth_hmacsha512_state *s, const unsigned char *in, unsigned long long len)
{
    return crypto_hash_sha512_update(&s->ictx, in, len);
}

int crypto_auth_hmacsha512_final(crypto_auth_hmacsha512_state *s, unsigned char *out)
{
    return crypto_hash_sha512_final(&s->ictx, out);
}

/* ---- messages of a handshake ---- */

static void mark(const unsigned char *m, unsigned long long len, const unsigned char *ad, unsigned long long adlen,
                 const unsigned char *nonce, const unsigned char *k, unsigned char out[MARK])
{
    uint64_t hash = absorb(absorb(0, k, KEY), nonce, crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
    squeeze(absorb(absorb(hash, ad, adlen), m, len), out, MARK);
}

int crypto_aead_chacha20poly1305_ietf_encrypt(unsigned char *c, unsigned long long *clen, const unsigned char *m,
                                              unsigned long long len, const unsigned char *ad, unsigned long long adlen,
                                              const unsigned char *none, const unsigned char *nonce, const unsigned char *k)
{
    (void)clen, (void)none;
    memcpy(c, m, len);
    mark(m, len, ad, adlen, nonce, k, c + len);
    return 0;
}

int crypto_aead_chacha20poly1305_ietf_decrypt(unsigned char *m, unsigned long long *len, unsigned char *none,
                                              const unsigned char *c, unsigned long long clen, const unsigned char *ad,
                                              unsigned long long adlen, const unsigned char *nonce, const unsigned char *k)
{
    unsigned char expected[MARK];
    (void)len, (void)none;
    mark(c, clen - MARK, ad, adlen, nonce, k, expected);
    if (memcmp(expected, c + clen - MARK, MARK) != 0)
        return -1;
    memcpy(m, c, clen - MARK);
    return 0;
}

/* ---- streams: each frame's mark follows from all frames so far ---- */

static void begin(crypto_secretstream_xchacha20poly1305_state *s, const unsigned char *header, const unsigned char *k)
{
    uint64_t hash = absorb(absorb(0, k, KEY), header, HEADER);
    squeeze(hash, s->k, sizeof s->k);
}

int crypto_secretstream_xchacha20poly1305_init_push(crypto_secretstream_xchacha20poly1305_state *s,
                                                    unsigned char header[HEADER], const unsigned char k[KEY])
{
    randombytes_buf(header, HEADER);
    begin(s, header, k);
    return 0;
}

int crypto_secretstream_xchacha20poly1305_init_pull(crypto_secretstream_xchacha20poly1305_state *s,
                                                    const unsigned char header[HEADER], const unsigned char k[KEY])
{
    begin(s, header, k);
    return 0;
}

/* A frame is its tag, the message and the mark. */
static uint64_t follow(const crypto_secretstream_xchacha20poly1305_state *s, const unsigned char *frame,
                       unsigned long long len, const unsigned char *ad, unsigned long long adlen)
{
    return absorb(absorb(absorb(0, s->k, sizeof s->k), ad, adlen), frame, len);
}

int crypto_secretstream_xchacha20poly1305_push(crypto_secretstream_xchacha20poly1305_state *s, unsigned char *c,
                                               unsigned long long *clen, const unsigned char *m, unsigned long long len,
                                               const unsigned char *ad, unsigned long long adlen, unsigned char tag)
{
    c[0] = tag;
    if (len)
        memcpy(c + 1, m, len);
    squeeze(follow(s, c, 1 + len, ad, adlen), s->k, sizeof s->k);
    memcpy(c + 1 + len, s->k, MARK);
    *clen = 1 + len + MARK;
    return 0;
}

int crypto_secretstream_xchacha20poly1305_pull(crypto_secretstream_xchacha20poly1305_state *s, unsigned char *m,
                                               unsigned long long *len, unsigned char *tag, const unsigned char *c,
                                               unsigned long long clen, const unsigned char *ad, unsigned long long adlen)
{
    unsigned char next[sizeof s->k];
    *len = clen - 1 - MARK;
    squeeze(follow(s, c, 1 + *len, ad, adlen), next, sizeof next);
    if (memcmp(next, c + 1 + *len, MARK) != 0)
        return -1;
    memcpy(s->k, next, sizeof next);
    *tag = c[0];
    memcpy(m, c + 1, *len);
    return 0;
}
