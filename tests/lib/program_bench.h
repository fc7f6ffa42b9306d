/* A program and its sets, for its tests. */
#ifndef TANDEM_TESTS_PROGRAM_BENCH_H
#define TANDEM_TESTS_PROGRAM_BENCH_H

#include "node/program/program.h"
#include "tests/lib/cu.h"

static const struct hash_key key = { 1, 2 };

struct bench {
    struct nhset_table sets;
    struct program *p;
    uint64_t now;
};

static inline void bench_init(struct bench *b)
{
    nhset_table_init(&b->sets, key);
    b->p = program_new(&program_defaults, &b->sets);
    b->now = 1000000;
}

static inline void bench_fini(struct bench *b)
{
    program_free(b->p);
    CU_ASSERT_EQUAL(b->sets.sets.count, 0); /* every reference was given back */
    nhset_table_fini(&b->sets);
}

/* The set {10.0.0.a, 10.0.0.b …}, one bit a member; the reference is the caller's. */
static inline uint32_t set_of(struct bench *b, unsigned bits)
{
    struct ip_addr members[8];
    uint32_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        if (bits >> i & 1)
            members[n++] = (struct ip_addr){ .bytes = { 10, 0, 0, (uint8_t)(i + 1) } };
    bool nomem;
    return nhset_intern(&b->sets, members, n, &nomem);
}

static inline void want(struct bench *b, uint32_t prefix, unsigned bits, enum program_cause cause)
{
    uint32_t id = set_of(b, bits);
    CU_ASSERT_EQUAL(program_want(b->p, prefix, id, cause, b->now), 0);
    nhset_unref(&b->sets, id);
}

static inline void inherit(struct bench *b, uint32_t prefix, unsigned bits)
{
    uint32_t id = set_of(b, bits);
    CU_ASSERT_EQUAL(program_inherit(b->p, prefix, id), 0);
    nhset_unref(&b->sets, id);
}

static inline void observe(struct bench *b, uint32_t prefix, unsigned bits)
{
    uint32_t id = set_of(b, bits);
    CU_ASSERT_EQUAL(program_observe(b->p, prefix, id), 0);
    nhset_unref(&b->sets, id);
}

static inline bool actual_is(struct bench *b, uint32_t prefix, unsigned bits)
{
    uint32_t id = set_of(b, bits);
    bool is = program_actual_set(b->p, prefix) == id;
    nhset_unref(&b->sets, id);
    return is;
}

/* Carries out what may be done now; returns how many operations that were. */
static inline unsigned run(struct bench *b, bool ok)
{
    unsigned n = 0;
    for (struct program_op op; program_next(b->p, b->now, &op); n++)
        program_result(b->p, &op, ok, b->now);
    return n;
}

static inline void fill(struct bench *b, uint32_t prefixes)
{
    for (uint32_t i = 1; i <= prefixes; i++)
        want(b, i, 1, PROGRAM_LOST);
    CU_ASSERT_EQUAL(run(b, true), prefixes);
}

#endif
