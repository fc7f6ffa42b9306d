/* A histogram as Prometheus reads it: each bucket counts what is in those below it as well. */
#include "node/api/metrics_text.h"

enum { BOUND_TEXT = 24 };

static void put_name(FILE *f, const char *family, const char *suffix, const struct metrics_pair *labels, const char *bound)
{
    const char *before = "{";
    fprintf(f, "%s%s", family, suffix);
    for (; labels && labels->name; labels++, before = ",") {
        fputs(before, f);
        metrics_label(f, labels->name, labels->value, "");
    }
    if (bound)
        fprintf(f, "%sle=\"%s\"", before, bound);
    fputs(bound || before[0] == ',' ? "} " : " ", f);
}

static void format_bound(const struct histogram_bounds *b, uint32_t i, char text[static BOUND_TEXT])
{
    if (i < b->count)
        snprintf(text, BOUND_TEXT, "%g", (double)b->at[i] / b->per_second);
    else
        snprintf(text, BOUND_TEXT, "+Inf");
}

void metrics_histogram(FILE *f, const char *family, const struct metrics_pair *labels, const struct histogram *h)
{
    char bound[BOUND_TEXT];
    uint64_t total = 0;
    for (uint32_t i = 0; i <= h->bounds->count; i++) {
        total += h->counts[i];
        format_bound(h->bounds, i, bound);
        put_name(f, family, "_bucket", labels, bound);
        fprintf(f, "%llu\n", (unsigned long long)total);
    }
    put_name(f, family, "_sum", labels, NULL);
    fprintf(f, "%.15g\n", (double)h->sum / h->bounds->per_second);
    put_name(f, family, "_count", labels, NULL);
    fprintf(f, "%llu\n", (unsigned long long)total);
}
