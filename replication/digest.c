#include "replication/digest.h"

#include <sodium.h>
#include <string.h>

struct wide {
    uint64_t low, high;
};

void repl_digest_init(struct repl_digest *d, const uint8_t key[16])
{
    *d = (struct repl_digest){ 0 };
    if (key)
        memcpy(d->key, key, sizeof d->key);
}

static struct wide hash_route(const struct repl_digest *d, const struct ip_prefix *prefix,
                              const struct nhset *set)
{
    uint8_t text[2 + 16 + NHSET_MAX * 17], hash[crypto_shorthash_siphashx24_BYTES];
    size_t len = 0;
    text[len++] = prefix->family;
    text[len++] = prefix->len;
    memcpy(text + len, prefix->bytes, 16);
    len += 16;
    for (uint32_t i = 0; i < set->count; i++) {
        text[len++] = set->members[i].family;
        memcpy(text + len, set->members[i].bytes, 16);
        len += 16;
    }
    crypto_shorthash_siphashx24(hash, text, len, d->key);
    return (struct wide){ .low = wire_get64(hash + 8), .high = wire_get64(hash) };
}

/* FNV-1a: parts need to be even, not secret. */
unsigned repl_digest_bucket(const struct ip_prefix *prefix)
{
    uint32_t h = (2166136261u ^ prefix->family) * 16777619u;
    h = (h ^ prefix->len) * 16777619u;
    for (unsigned i = 0; i < ip_prefix_bytes(prefix->len); i++)
        h = (h ^ prefix->bytes[i]) * 16777619u;
    return (h ^ h >> 15) % REPL_BUCKETS;
}

void repl_digest_add(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set)
{
    if (!set->count)
        return;
    struct wide h = hash_route(d, prefix, set);
    d->low += h.low;
    d->high += h.high + (d->low < h.low);
    d->buckets[repl_digest_bucket(prefix)] += h.low;
}

void repl_digest_subtract(struct repl_digest *d, const struct ip_prefix *prefix,
                          const struct nhset *set)
{
    if (!set->count)
        return;
    struct wide h = hash_route(d, prefix, set);
    d->high -= h.high + (d->low < h.low);
    d->low -= h.low;
    d->buckets[repl_digest_bucket(prefix)] -= h.low;
}

void repl_digest_write(const struct repl_digest *d, uint8_t out[static REPL_DIGEST])
{
    wire_set64(out, d->high);
    wire_set64(out + 8, d->low);
}
