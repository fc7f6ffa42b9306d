/* Commands of several words, each of which may be shortened: "r e" is "route explain". */
#ifndef TANDEM_NODE_WORDS_H
#define TANDEM_NODE_WORDS_H

#include <stddef.h>

enum { WORDS_UNKNOWN = -1, WORDS_AMBIGUOUS = -2 };

/* Which phrase do the given words begin with? The one with the most words wins; among those, one
 * that is written out.
 * phrase_at  the i-th phrase ("route list"), NULL past the last; context is handed on
 * used       how many of the given words it took
 * returns    its index, or WORDS_UNKNOWN, or WORDS_AMBIGUOUS */
int words_find(const char *(*phrase_at)(const void *context, size_t i), const void *context,
               int given_count, char *const *given, int *used);

#endif
