/* Arena: memory for what lives until the next reset, such as one decoded UPDATE.
 * Grows by chunks and keeps its largest, so a warm arena allocates nothing. */
#ifndef TANDEM_BGP_BASE_ARENA_H
#define TANDEM_BGP_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest first */
    size_t used;               /* bytes of the newest chunk */
};

/* All zero is a valid empty arena. */
void arena_fini(struct arena *a);

/* len bytes, aligned for any type, not cleared; NULL when memory ends. Valid until arena_reset. */
void *arena_alloc(struct arena *a, size_t len);

/* Forget all allocations; keeps the newest chunk for reuse. */
void arena_reset(struct arena *a);

#endif
