/* Keyed 64-bit hash of bytes. Peers choose what is hashed, so the key is random per process (per seed in the
 * simulator). It stands here so that the compiler knows the length where it is one: a prefix is hashed two or three
 * times on its way in. */
#ifndef TANDEM_BGP_BASE_HASH_BYTES_H
#define TANDEM_BGP_BASE_HASH_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_key {
    uint64_t k0, k1;
};

__extension__ typedef unsigned __int128 hash_wide;

/* Folded multiply: both halves of a 64x64 product, mixed. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    hash_wide product = (hash_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t hash_load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Up to 16 bytes in two words, by loads of constant width that overlap. */
static inline void hash_load_tail(const unsigned char *p, size_t len, uint64_t *a, uint64_t *b)
{
    if (len >= 8) {
        *a = hash_load64(p);
        *b = hash_load64(p + len - 8);
    } else if (len >= 4) {
        *a = hash_load32(p);
        *b = hash_load32(p + len - 4);
    } else {
        *a = len ? (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1] : 0;
        *b = 0;
    }
}

static inline uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    uint64_t a, b, h = key->k0 ^ hash_fold((uint64_t)len + 0x9e3779b97f4a7c15u, key->k1 | 1);
    for (; len > 16; p += 16, len -= 16)
        h = hash_fold(hash_load64(p) ^ key->k1, hash_load64(p + 8) ^ h);
    hash_load_tail(p, len, &a, &b);
    return hash_fold(hash_fold(a ^ key->k1, b ^ h), key->k0 ^ 0xe7037ed1a0b428dbu);
}

#endif
