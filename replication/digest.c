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

/* ---- sum ---- */

/* What is hashed: family, length and octets of the prefix, then family and octets of each next hop. */
struct route_text {
    struct ip_prefix prefix;
    struct ip_addr hops[NHSET_MAX];
};
static_assert(sizeof(struct route_text) == 18 + NHSET_MAX * 17, "what is hashed has no padding");

static hash_wide hash_route(const struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set)
{
    struct route_text text;
    text.prefix = *prefix;
    for (uint32_t i = 0; i < set->count; i++)
        text.hops[i] = set->members[i];
    return siphash(d->key, &text, sizeof text.prefix + set->count * sizeof *text.hops);
}

static uint64_t sum(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set, bool comes)
{
    hash_wide h = hash_route(d, prefix, set);
    d->value = comes ? d->value + h : d->value - h;
    return (uint64_t)h;
}

/* ---- product ---- */

/* Numbers modulo 2^127 - 1 are 0 … 2^127 - 1: zero has two names until the end. 2^127 is 1, so what is above is added below. */
static const hash_wide FIELD = ((hash_wide)1 << 127) - 1;

static inline hash_wide reduce(hash_wide v)
{
    return (v & FIELD) + (v >> 127);
}

static inline hash_wide times(hash_wide a, hash_wide b)
{
    uint64_t a_low = (uint64_t)a, a_high = (uint64_t)(a >> 64), b_low = (uint64_t)b, b_high = (uint64_t)(b >> 64);
    hash_wide low = (hash_wide)a_low * b_low, high = (hash_wide)a_high * b_high;
    hash_wide middle = (hash_wide)a_low * b_high + (hash_wide)a_high * b_low + (low >> 64); /* less than 2^128 */
    return reduce(((middle << 64 & FIELD) | (uint64_t)low) + (middle >> 63) + 2 * high); /* so is this */
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

/* The first part tells of the prefix and the first next hop what a route of IPv4 by one next hop has; each says what follows. */
static hash_wide number_of(const struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set)
{
    const struct ip_addr *hop = set->members;
    uint64_t shape = (uint64_t)prefix->len << 40 | (uint64_t)set->count << 48;
    hash_wide number = (hash_wide)first_bits(hop->family, hop->bytes) << 64;
    number |= shape | first_bits(prefix->family, prefix->bytes);
    if (prefix->family == BGP_IP6)
        number = append(d, number, last_bits(prefix->bytes));
    for (uint32_t i = 0; i < set->count; i++, hop++) {
        if (i)
            number = append(d, number, first_bits(hop->family, hop->bytes));
        if (hop->family == BGP_IP6)
            number = append(d, number, last_bits(hop->bytes));
    }
    return number;
}

static uint64_t multiply(struct repl_digest *d, const struct ip_prefix *prefix, const struct nhset *set, bool comes)
{
    hash_wide factor = reduce(d->start + number_of(d, prefix, set));
    hash_wide *product = comes ? &d->value : &d->gone;
    *product = times(*product, factor);
    return hash_fold((uint64_t)factor, (uint64_t)(factor >> 64));
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
    static uint64_t (*const forms[])(struct repl_digest *, const struct ip_prefix *, const struct nhset *, bool) = {
        [REPL_DIGEST_SUM] = sum, [REPL_DIGEST_PRODUCT] = multiply,
    };
    if (old == new)
        return;
    uint64_t *bucket = &d->buckets[repl_digest_bucket(prefix)];
    if (old->count)
        *bucket -= forms[d->form](d, prefix, old, false);
    if (new->count)
        *bucket += forms[d->form](d, prefix, new, true);
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
