/* Set of small numbers, one bit each, that grows on reservation only: adding never fails. A summary
 * with a bit for every 64 keeps the search for the next member short: a million numbers are 128 KiB,
 * of which an empty set reads 2. */
#ifndef TANDEM_BGP_BASE_BITSET_H
#define TANDEM_BGP_BASE_BITSET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bitset {
    uint64_t *words;   /* then the summary: a bit for each word that is not zero */
    uint32_t capacity; /* numbers 0 … capacity - 1; 0 or a multiple of 64 * 64 */
    uint32_t count;
};

static inline void bitset_fini(struct bitset *b)
{
    free(b->words);
    *b = (struct bitset){ 0 };
}

static inline uint64_t *bitset_summary(const struct bitset *b)
{
    return b->words + b->capacity / 64;
}

/* Words and summary for this many numbers. */
static inline size_t bitset_bytes(uint32_t capacity)
{
    return capacity / 64 * sizeof(uint64_t) + capacity / 64 / 64 * sizeof(uint64_t);
}

/* Room for numbers below `limit`; false when memory ends. */
static inline bool bitset_reserve(struct bitset *b, uint32_t limit)
{
    if (limit <= b->capacity)
        return true;
    uint32_t capacity = b->capacity ? b->capacity : 64 * 64;
    while (capacity < limit) {
        if (capacity > UINT32_MAX / 2)
            return false;
        capacity *= 2;
    }
    uint64_t *words = calloc(1, bitset_bytes(capacity));
    if (!words)
        return false;
    if (b->words) {
        memcpy(words, b->words, b->capacity / 64 * sizeof *words);
        memcpy(words + capacity / 64, bitset_summary(b), b->capacity / 64 / 64 * sizeof *words);
    }
    free(b->words);
    b->words = words;
    b->capacity = capacity;
    return true;
}

static inline bool bitset_has(const struct bitset *b, uint32_t i)
{
    return i < b->capacity && b->words[i / 64] >> i % 64 & 1;
}

static inline void bitset_add(struct bitset *b, uint32_t i)
{
    assert(i < b->capacity);
    uint64_t bit = (uint64_t)1 << i % 64, *word = &b->words[i / 64];
    b->count += !(*word & bit);
    if (!*word)
        bitset_summary(b)[i / 64 / 64] |= (uint64_t)1 << i / 64 % 64;
    *word |= bit;
}

/* One that is there. */
static inline void bitset_drop(struct bitset *b, uint32_t i)
{
    b->count--;
    b->words[i / 64] &= ~((uint64_t)1 << i % 64);
    if (!b->words[i / 64])
        bitset_summary(b)[i / 64 / 64] &= ~((uint64_t)1 << i / 64 % 64);
}

static inline void bitset_remove(struct bitset *b, uint32_t i)
{
    if (bitset_has(b, i))
        bitset_drop(b, i);
}

/* The bits of *word from `from` on; of the words that follow, all. False: none before `count`. */
static inline bool bitset_scan(const uint64_t *words, uint32_t count, uint32_t *at)
{
    uint32_t nth = *at / 64;
    if (nth >= count)
        return false;
    uint64_t word = words[nth] & UINT64_MAX << *at % 64;
    while (!word) {
        if (++nth == count)
            return false;
        word = words[nth];
    }
    *at = nth * 64 + (uint32_t)__builtin_ctzll(word);
    return true;
}

/* The lowest member that is not below `from`, if it stands in the same word, or UINT32_MAX. */
static inline uint32_t bitset_next_here(const struct bitset *b, uint32_t from)
{
    uint64_t here = from < b->capacity ? b->words[from / 64] >> from % 64 : 0;
    return here ? from + (uint32_t)__builtin_ctzll(here) : UINT32_MAX;
}

/* The lowest member that is not below `from`, or UINT32_MAX. */
static inline uint32_t bitset_next(const struct bitset *b, uint32_t from)
{
    if (from >= b->capacity || !b->count)
        return UINT32_MAX;
    uint32_t here = bitset_next_here(b, from);
    if (here != UINT32_MAX)
        return here;
    uint32_t word = from / 64 + 1;
    if (!bitset_scan(bitset_summary(b), b->capacity / 64 / 64, &word))
        return UINT32_MAX;
    return word * 64 + (uint32_t)__builtin_ctzll(b->words[word]);
}

static inline size_t bitset_memory(const struct bitset *b)
{
    return bitset_bytes(b->capacity);
}

#endif
