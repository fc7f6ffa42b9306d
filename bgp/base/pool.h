/* Pool: the blocks of many slabs, cut from huge pages that they share.
 *
 * A slab that took huge pages for itself would hold, on average, half of its last one for nothing: ten
 * tables lose ten megabytes, more than 100,000 routes need. Here only the pool's last page is part empty.
 * Pages come and go by pages.h; one that is wholly given back goes back to the system. */
#ifndef TANDEM_BGP_BASE_POOL_H
#define TANDEM_BGP_BASE_POOL_H

#include <stddef.h>

#include "bgp/base/list.h"

enum { POOL_BLOCK_MAX = 64 << 10 };

struct pool {
    struct list runs; /* huge pages; those that were found full stand behind */
    size_t bytes;     /* held from the system */
};

void pool_init(struct pool *p);
/* All blocks have been given back; all zero is a pool that never gave one. */
void pool_fini(struct pool *p);

/* Zeroed, aligned to 4 KiB, at most POOL_BLOCK_MAX bytes; NULL: out of memory. */
void *pool_new(struct pool *p, size_t bytes);
/* bytes: as it was asked for. */
void pool_free(struct pool *p, void *block, size_t bytes);

#endif
