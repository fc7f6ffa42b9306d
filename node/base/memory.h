/* Memory for reading the configuration. A node that has none left ends: it is started again, and the
 * other node serves meanwhile. */
#ifndef TANDEM_NODE_CONFIG_MEMORY_H
#define TANDEM_NODE_CONFIG_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "bgp/base/arena.h"

/* count * size zero bytes, never NULL; free() them. */
static inline void *memory_new(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

static inline char *memory_copy_text(const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(memory_new(len, 1), text, len);
}

/* len zero bytes that live as long as the arena, never NULL. */
static inline void *memory_from(struct arena *a, size_t len)
{
    void *p = arena_alloc(a, len);
    if (!p)
        abort();
    return memset(p, 0, len);
}

#endif
