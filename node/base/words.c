#include "node/base/words.h"

#include <stdbool.h>
#include <string.h>

struct fit {
    int words;     /* of the phrase; 0 = does not fit */
    bool is_exact; /* nothing was shortened */
};

static struct fit fit_phrase(const char *phrase, int given_count, char *const *given)
{
    struct fit fit = { .is_exact = true };
    for (const char *word = phrase; *word; fit.words++) {
        size_t len = strcspn(word, " ");
        size_t given_len = fit.words < given_count ? strlen(given[fit.words]) : 0;
        if (given_len == 0 || given_len > len || strncmp(word, given[fit.words], given_len) != 0)
            return (struct fit){ 0 };
        fit.is_exact &= given_len == len;
        word += len + (word[len] == ' ');
    }
    return fit;
}

int words_find(const char *(*phrase_at)(const void *context, size_t i), const void *context,
               int given_count, char *const *given, int *used)
{
    int found = WORDS_UNKNOWN;
    struct fit best = { 0 };
    const char *phrase;
    for (size_t i = 0; (phrase = phrase_at(context, i)); i++) {
        struct fit fit = fit_phrase(phrase, given_count, given);
        if (fit.words == 0 || fit.words < best.words)
            continue;
        if (fit.words > best.words || (fit.is_exact && !best.is_exact)) {
            best = fit;
            found = (int)i;
        } else if (!best.is_exact) {
            found = WORDS_AMBIGUOUS;
        }
    }
    *used = best.words;
    return found;
}
