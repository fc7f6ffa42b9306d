#include "replication/digest.h"

#include <assert.h>
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

void repl_digest_clear(struct repl_digest *d)
{
    d->low = d->high = 0;
    memset(d->buckets, 0, sizeof d->buckets);
}

/* What is hashed: family, length and octets of the prefix, then family and octets of each next hop. */
struct route_text {
    struct ip_prefix prefix;
    struct ip_addr hops[NHSET_MAX];
};
static_assert(sizeof(struct route_text) == 18 + NHSET_MAX * 17, "what is hashed has no padding");

static struct wide hash_route(const struct repl_digest *d, const struct ip_prefix *prefix,
                              const struct nhset *set)
{
    struct route_text text;
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    text.prefix = *prefix;
    for (uint32_t i = 0; i < set->count; i++)
        text.hops[i] = set->members[i];
    crypto_shorthash_siphashx24(hash, (const uint8_t *)&text,
                                sizeof text.prefix + set->count * sizeof *text.hops, d->key);
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

void repl_digest_change(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *old,
                        const struct nhset *new)
{
    if (old == new)
        return;
    uint64_t *bucket = &d->buckets[repl_digest_bucket(prefix)];
    if (old->count) {
        struct wide h = hash_route(d, prefix, old);
        d->high -= h.high + (d->low < h.low);
        d->low -= h.low;
        *bucket -= h.low;
    }
    if (new->count) {
        struct wide h = hash_route(d, prefix, new);
        d->low += h.low;
        d->high += h.high + (d->low < h.low);
        *bucket += h.low;
    }
}

void repl_digest_write(const struct repl_digest *d, uint8_t out[static REPL_DIGEST])
{
    wire_set64(out, d->high);
    wire_set64(out + 8, d->low);
}
