/* Seeded random numbers for property tests. The seed is new in every run and printed; TEST_SEED
 * repeats one. */
#ifndef TANDEM_TESTS_LIB_RANDOM_H
#define TANDEM_TESTS_LIB_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 … below - 1 */
static inline uint32_t random_below(struct random *r, uint32_t below)
{
    return (uint32_t)(random_next(r) % below);
}

static inline struct random random_new(const char *what)
{
    const char *given = getenv("TEST_SEED");
    struct random r = { (uint64_t)time(NULL) };
    r.state = given ? strtoull(given, NULL, 10) : random_next(&r) % 1000000000;
    printf("(%s: TEST_SEED=%llu) ", what, (unsigned long long)r.state);
    return r;
}

#endif
