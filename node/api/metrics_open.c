/* OpenMetrics names a counter's family without the "_total" of its samples, and marks the end. */
#include <string.h>

#include "node/api/metrics_text.h"

static const char total[] = "_total";

/* "# TYPE tandem_x_total counter" and the "# HELP" before it. */
static bool names_counter(const char *line, size_t len, const char **cut)
{
    if (len < 7 || (strncmp(line, "# TYPE ", 7) != 0 && strncmp(line, "# HELP ", 7) != 0))
        return false;
    const char *end = memchr(line + 7, ' ', len - 7);
    *cut = end ? end - (sizeof total - 1) : NULL;
    return end && *cut > line + 7 && !memcmp(*cut, total, sizeof total - 1);
}

void metrics_open(const char *text, bool are_last, FILE *to)
{
    const char *cut;
    for (const char *line = text, *end; *line; line = end) {
        size_t n = strcspn(line, "\n");
        end = line + n + (line[n] != 0);
        if (names_counter(line, n, &cut))
            fprintf(to, "%.*s%.*s", (int)(cut - line), line, (int)(end - cut) - (int)(sizeof total - 1),
                    cut + sizeof total - 1);
        else
            fwrite(line, 1, (size_t)(end - line), to);
    }
    if (are_last)
        fputs("# EOF\n", to);
}
