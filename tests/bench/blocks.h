/* Received bytes that wait to be judged: one arena for all speakers of a load.
 *
 * A block is what one read gave, with its time; blocks of all speakers lie one after the other in large
 * chunks, and a chunk is used again once all its blocks are judged. Memory that a measurement will need
 * is touched before its clock starts: on a virtual machine the first touch of a page costs more than the
 * bytes that are copied into it, and the daemon would wait for that. */
#ifndef TANDEM_TESTS_BENCH_BLOCKS_H
#define TANDEM_TESTS_BENCH_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_MAX = 1 << 16 }; /* bytes of one block */

struct chunk;

struct block {
    struct block *next; /* the speaker's */
    struct chunk *chunk;
    uint64_t at_ns; /* when it arrived */
    size_t len;
    uint8_t bytes[];
};

struct blocks {
    struct chunk *current, *free; /* current: NULL until the first block */
    size_t waiting;               /* bytes of blocks that were kept and not yet dropped */
};

/* Chunks for so many more bytes, touched. Ends the process without memory, as all of these do. */
void blocks_reserve(struct blocks *b, size_t bytes);
/* Room for BLOCK_MAX bytes; it is the same block until it is kept. */
struct block *blocks_room(struct blocks *b);
/* len > 0 bytes arrived in the block that blocks_room gave. */
void blocks_keep(struct blocks *b, struct block *block, size_t len, uint64_t at_ns);
void blocks_drop(struct blocks *b, struct block *block);
/* All blocks are dropped. */
void blocks_fini(struct blocks *b);

#endif
