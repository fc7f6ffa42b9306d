#include "replication/digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static hash_wide read_wide(const uint8_t *octets)
{
    return (hash_wide)wire_get64(octets) << 64 | wire_get64(octets + 8);
}

static void write_wide(uint8_t *to, hash_wide value)
{
    wire_set64(to, (uint64_t)(value >> 64));
    wire_set64(to + 8, (uint64_t)value);
}

static hash_wide siphash(const uint8_t key[16], const void *text, size_t len)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    crypto_shorthash_siphashx24(hash, text, len, key);
    return read_wide(hash);
}

/* ---- parts ---- */

static const uint32_t FNV_START = 2166136261u, FNV_PRIME = 16777619u;

static inline uint32_t hash_ip6(uint32_t h, const uint8_t *octets, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        h = (h ^ octets[i]) * FNV_PRIME;
    return h;
}

/* The same without a loop: octets behind the length are zero, and such a one only multiplies. All four are hashed, the last of
 * them with the power of the prime that makes the multiplications as many as `bytes`. */
static inline uint32_t hash_ip4(uint32_t h, const uint8_t *octets, unsigned bytes)
{
    static const uint32_t powers[] = { 0x91c5be63, 0xdd4ab5d9, 0x359c449b, 1, 0x01000193 }; /* -3 … 1, modulo 2^32 */
    h = (h ^ octets[0]) * FNV_PRIME;
    h = (h ^ octets[1]) * FNV_PRIME;
    h = (h ^ octets[2]) * FNV_PRIME;
    return (h ^ octets[3]) * powers[bytes];
}

/* FNV-1a of family, length and the octets that the length has: parts need to be even, not secret. */
static inline unsigned bucket_of(enum bgp_family family, const uint8_t *key)
{
    unsigned bytes = ip_prefix_bytes(*key);
    uint32_t h = ((FNV_START ^ family) * FNV_PRIME ^ *key) * FNV_PRIME;
    h = family == BGP_IP4 ? hash_ip4(h, key + 1, bytes) : hash_ip6(h, key + 1, bytes);
    return (h ^ h >> 15) % REPL_BUCKETS;
}

/* ---- sum ---- */

/* What is hashed: family, length and octets of the prefix, then family and octets of each next hop. */
struct route_text {
    struct ip_prefix prefix;
    struct ip_addr hops[NHSET_MAX];
};
static_assert(sizeof(struct route_text) == 18 + NHSET_MAX * 17, "what is hashed has no padding");

static hash_wide hash_route(const struct repl_digest *d, enum bgp_family family, const uint8_t *key,
                            const struct nhset *set)
{
    struct route_text text;
    text.prefix = (struct ip_prefix){ .family = (uint8_t)family };
    memcpy(&text.prefix.len, key, 1 + ip_addr_len((uint8_t)family));
    for (uint32_t i = 0; i < set->count; i++)
        text.hops[i] = set->members[i];
    return siphash(d->key, &text, sizeof text.prefix + set->count * sizeof *text.hops);
}

static void change_sum(struct repl_digest *d, enum bgp_family family, const uint8_t *key, const struct nhset *old,
                       const struct nhset *new)
{
    hash_wide went = old->count ? hash_route(d, family, key, old) : 0;
    hash_wide came = new->count ? hash_route(d, family, key, new) : 0;
    d->value += came - went;
    d->buckets[bucket_of(family, key)] += (uint64_t)(came - went);
}

/* ---- product ---- */

/* Numbers modulo 2^127 - 1 are 0 … 2^127 - 1: zero has two names until the end. 2^127 is 1, so what is above is added below. */
static const hash_wide FIELD = ((hash_wide)1 << 127) - 1;

static inline hash_wide reduce(hash_wide v)
{
    return (v & FIELD) + (v >> 127);
}

/* above: how often 2^127. The upper halves' product is of 2^128. */
static inline hash_wide times(hash_wide a, hash_wide b)
{
    uint64_t a_low = (uint64_t)a, a_high = (uint64_t)(a >> 64), b_low = (uint64_t)b, b_high = (uint64_t)(b >> 64);
    hash_wide low = (hash_wide)a_low * b_low;
    hash_wide middle = (hash_wide)a_low * b_high + (low >> 64) + (hash_wide)a_high * b_low; /* less than 2^128 */
    hash_wide above = (hash_wide)a_high * (2 * b_high) + (middle >> 63);
    return reduce(((middle << 64 & FIELD) | (uint64_t)low) + above); /* so is this */
}

/* To the power of p - 2 (Fermat). */
static hash_wide inverse(hash_wide v)
{
    hash_wide power = 1;
    for (unsigned bit = 127; bit-- > 0;) {
        power = times(power, power);
        if ((FIELD - 2) >> bit & 1)
            power = times(power, v);
    }
    return power;
}

/* An address begins with its family and its first 32 bits, and one of IPv6 goes on with the other 96. */
static uint64_t first_bits(uint8_t family, const uint8_t *octets)
{
    return (uint64_t)family << 32 | wire_get32(octets);
}

static hash_wide last_bits(const uint8_t *octets)
{
    return (hash_wide)wire_get64(octets + 4) << 32 | wire_get32(octets + 12);
}

static hash_wide append(const struct repl_digest *d, hash_wide number, hash_wide part)
{
    return reduce(times(number, d->step) + part);
}

/* Of the prefix and the first next hop it tells what a route of IPv4 by one next hop has: … */
static inline hash_wide first_part(enum bgp_family family, const uint8_t *key, const struct nhset *set)
{
    const struct ip_addr *hop = set->members;
    uint64_t shape = (uint64_t)*key << 40 | (uint64_t)set->count << 48;
    return (hash_wide)first_bits(hop->family, hop->bytes) << 64 | shape | first_bits((uint8_t)family, key + 1);
}

/* … such a route has no other part. */
static inline bool is_one_part(enum bgp_family family, const struct nhset *set)
{
    return family == BGP_IP4 && set->count == 1 && set->members->family == BGP_IP4;
}

/* Each part says what follows. */
static hash_wide number_of(const struct repl_digest *d, enum bgp_family family, const uint8_t *key, const struct nhset *set)
{
    const struct ip_addr *hop = set->members;
    hash_wide number = first_part(family, key, set);
    if (family == BGP_IP6)
        number = append(d, number, last_bits(key + 1));
    for (uint32_t i = 0; i < set->count; i++, hop++) {
        if (i)
            number = append(d, number, first_bits(hop->family, hop->bytes));
        if (hop->family == BGP_IP6)
            number = append(d, number, last_bits(hop->bytes));
    }
    return number;
}

static inline hash_wide factor_of(const struct repl_digest *d, hash_wide number)
{
    return reduce(d->start + number);
}

/* What the bucket has of the route. */
static inline uint64_t fold(hash_wide factor)
{
    return hash_fold((uint64_t)factor, (uint64_t)(factor >> 64));
}

static void change_product(struct repl_digest *d, enum bgp_family family, const uint8_t *key, const struct nhset *old,
                           const struct nhset *new)
{
    uint64_t *bucket = &d->buckets[bucket_of(family, key)];
    if (old->count) {
        hash_wide went = factor_of(d, number_of(d, family, key, old));
        *bucket -= fold(went);
        d->gone = times(d->gone, went);
    }
    if (new->count) {
        hash_wide came = factor_of(d, number_of(d, family, key, new));
        *bucket += fold(came);
        d->value = times(d->value, came);
    }
}

/* ---- both ---- */

void repl_digest_init(struct repl_digest *d, enum repl_digest_form form, const uint8_t key[16])
{
    static const uint8_t START[] = "start", STEP[] = "step";
    *d = (struct repl_digest){ .form = form };
    if (key)
        memcpy(d->key, key, sizeof d->key);
    d->start = siphash(d->key, START, sizeof START) & FIELD;
    d->step = siphash(d->key, STEP, sizeof STEP) & FIELD;
    repl_digest_clear(d);
}

void repl_digest_clear(struct repl_digest *d)
{
    d->value = d->gone = d->form == REPL_DIGEST_PRODUCT;
    memset(d->buckets, 0, sizeof d->buckets);
}

unsigned repl_digest_bucket(const struct ip_prefix *prefix)
{
    return bucket_of((enum bgp_family)prefix->family, &prefix->len);
}

/* As a table comes, a change is the first set of a prefix of IPv4, and that of one next hop: this takes no call. */
void repl_digest_change_key(struct repl_digest *d, enum bgp_family family, const uint8_t *key, const struct nhset *old,
                            const struct nhset *new)
{
    static void (*const forms[])(struct repl_digest *, enum bgp_family, const uint8_t *, const struct nhset *,
                                 const struct nhset *) = {
        [REPL_DIGEST_SUM] = change_sum, [REPL_DIGEST_PRODUCT] = change_product,
    };
    if (d->form == REPL_DIGEST_PRODUCT && !old->count && is_one_part(family, new)) {
        hash_wide came = factor_of(d, first_part(family, key, new));
        d->buckets[bucket_of(family, key)] += fold(came);
        d->value = times(d->value, came);
    } else if (old != new) {
        forms[d->form](d, family, key, old, new);
    }
}

static hash_wide quotient(const struct repl_digest *d)
{
    return d->gone == 1 ? d->value : times(d->value, inverse(d->gone));
}

void repl_digest_settle(struct repl_digest *d)
{
    if (d->form == REPL_DIGEST_SUM)
        return;
    d->value = quotient(d);
    d->gone = 1;
}

void repl_digest_write(const struct repl_digest *d, uint8_t out[static REPL_DIGEST])
{
    write_wide(out, d->value);
    if (d->form == REPL_DIGEST_SUM)
        return;
    hash_wide product = quotient(d);
    write_wide(out, product == FIELD ? 0 : product);
    write_wide(out, siphash(d->key, out, REPL_DIGEST));
}
