/* Allocations that fail on demand. Every test program is linked with malloc, calloc, realloc and
 * reallocarray wrapped (tests/CMakeLists.txt): what the code under test asks for is counted.
 *
 *     bool failed = true;
 *     for (unsigned nth = 1; failed; nth++) { // each allocation fails once, until a run is whole
 *         alloc_fail_at(nth);
 *         int err = thing_new(&t);
 *         failed = alloc_end();
 *         ...
 *     }                                                                                           */
#ifndef TANDEM_TESTS_LIB_ALLOC_H
#define TANDEM_TESTS_LIB_ALLOC_H

#include <stdbool.h>

/* The nth allocation from now fails, once. */
void alloc_fail_at(unsigned nth);
/* No more failures; did the one that was asked for happen? */
bool alloc_end(void);

#endif
