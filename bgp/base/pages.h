/* Large memory, straight from the system and back to it, in huge pages where the machine has them:
 * a table of tens of megabytes costs a page fault for every 2 MiB of it instead of every 4 KiB, and
 * its random reads miss the TLB less. For blocks of PAGES_MIN and more; smaller ones are malloc's. */
#ifndef TANDEM_BGP_BASE_PAGES_H
#define TANDEM_BGP_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum { PAGES_MIN = 2 << 20 };

/* Zeroed, at a multiple of PAGES_MIN; *bytes is rounded up to what is really there. huge: false where much of
 * it may stay untouched, which then is no memory. NULL: out of memory. */
void *pages_new(size_t *bytes, bool huge);
/* Give back what [from, to) holds of whole huge pages; it reads as zero. */
void pages_drop(void *pages, size_t from, size_t to);
void pages_free(void *pages, size_t bytes);

#endif
