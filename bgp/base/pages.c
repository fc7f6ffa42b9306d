#include "bgp/base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* Huge pages begin at multiples of their size: map more, give back what stands around. What does not
 * fill the last of them comes in ordinary pages, and no memory is held that was not asked for. */
void *pages_new(size_t *bytes, bool huge)
{
    const size_t align = PAGES_MIN;
    if (*bytes > SIZE_MAX / 2)
        return NULL;
    size_t len = (*bytes + PAGE - 1) / PAGE * PAGE;
    unsigned char *map =
        mmap(NULL, len + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    size_t before = (align - (uintptr_t)map % align) % align;
    if (before)
        munmap(map, before);
    munmap(map + before + len, align - before);
    if (huge)
        madvise(map + before, len, MADV_HUGEPAGE); /* refused: ordinary pages, the same memory */
    *bytes = len;
    return map + before;
}

void pages_drop(void *pages, size_t from, size_t to)
{
    from = (from + PAGES_MIN - 1) / PAGES_MIN * PAGES_MIN;
    to = to / PAGES_MIN * PAGES_MIN;
    if (from < to)
        madvise((unsigned char *)pages + from, to - from, MADV_DONTNEED);
}

void pages_free(void *pages, size_t bytes)
{
    if (pages)
        munmap(pages, bytes);
}
