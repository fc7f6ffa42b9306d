#include "node/config/report.h"

#include <stdarg.h>

#include "node/base/memory.h"
#include "node/base/utf8.h"

enum { EXCERPT_WIDTH = 100, EXCERPT_BEFORE = 60, HINTS_MAX = 3 };

struct report_finding {
    struct report_finding *next;
    struct report_mark at;
    unsigned order; /* of finding: keeps the sort stable */
    bool is_warning;
    const char *path, *text;
    const char *hints[HINTS_MAX];
    size_t hint_count;
};

void report_init(struct report *r, const char *file, const char *text, size_t len)
{
    *r = (struct report){ .file = file, .text = text, .len = text ? len : 0 };
}

void report_fini(struct report *r)
{
    arena_fini(&r->arena);
}

static const char *format_text(struct report *r, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t cap = (size_t)(len > 0 ? len : 0) + 1;
    char *text = memory_from(&r->arena, cap);
    vsnprintf(text, cap, format, args);
    return text;
}

static void add_finding(struct report *r, bool is_warning, struct report_mark at, const char *path,
                        const char *format, va_list args)
{
    if (r->is_quiet)
        return;
    *(is_warning ? &r->warnings : &r->errors) += 1;
    r->open = NULL;
    if (r->shown == REPORT_SHOWN_MAX)
        return;
    struct report_finding *f = memory_from(&r->arena, sizeof *f);
    size_t path_size = path ? strlen(path) + 1 : 1;
    *f = (struct report_finding){ .at = at, .order = r->shown++, .is_warning = is_warning };
    f->path = path ? memcpy(memory_from(&r->arena, path_size), path, path_size) : "";
    f->text = format_text(r, format, args);
    if (r->last)
        r->last->next = f;
    else
        r->first = f;
    r->last = r->open = f;
}

void report_error(struct report *r, struct report_mark at, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_finding(r, false, at, path, format, args);
    va_end(args);
}

void report_warning(struct report *r, struct report_mark at, const char *path, const char *format,
                    ...)
{
    va_list args;
    va_start(args, format);
    add_finding(r, true, at, path, format, args);
    va_end(args);
}

void report_hint(struct report *r, const char *format, ...)
{
    if (r->is_quiet || !r->open || r->open->hint_count == HINTS_MAX)
        return;
    va_list args;
    va_start(args, format);
    r->open->hints[r->open->hint_count++] = format_text(r, format, args);
    va_end(args);
}

/* One character of p, made harmless: what a terminal would obey is shown as '?', a tab as one
 * blank, so that the caret below stands where it should. Returns its bytes in the source. */
static size_t print_char(const char *p, const char *end, FILE *out)
{
    uint32_t c = 0;
    size_t len = utf8_next(p, end, &c);
    if (len == 0 || utf8_is_control(c))
        fputc(len && c == '\t' ? ' ' : '?', out);
    else
        fwrite(p, 1, len, out);
    return len ? len : 1;
}

static void print_clean(const char *text, FILE *out)
{
    for (const char *p = text, *end = text + strlen(text); p < end;)
        p += print_char(p, end, out);
}

/* Bytes of the line break at p, 0 when there is none: the five of YAML 1.1 section 4.2, as libyaml
 * counts lines by them. */
static size_t break_at(const char *p, const char *end)
{
    if (*p == '\n')
        return 1;
    if (*p == '\r')
        return p + 1 < end && p[1] == '\n' ? 2 : 1;
    uint32_t c = 0;
    size_t len = utf8_next(p, end, &c);
    return c == 0x85 || c == 0x2028 || c == 0x2029 ? len : 0;
}

/* The line with this number, from 1; false when the text has fewer lines. */
static bool find_line(const struct report *r, uint32_t number, const char **start, const char **stop)
{
    const char *p = r->text, *end = r->text + r->len;
    for (uint32_t line = 1; p && line < number; line++) {
        while (p < end && break_at(p, end) == 0)
            p++;
        if (p == end)
            return false;
        p += break_at(p, end);
    }
    if (!p)
        return false;
    *start = p;
    while (p < end && break_at(p, end) == 0)
        p++;
    *stop = p;
    return true;
}

static const char *skip_chars(const char *p, const char *end, uint32_t count)
{
    for (uint32_t c; count > 0 && p < end; count--) {
        size_t len = utf8_next(p, end, &c);
        p += len ? len : 1;
    }
    return p;
}

static uint32_t count_chars(const char *p, const char *end)
{
    uint32_t n = 0;
    for (; p < end; n++)
        p = skip_chars(p, end, 1);
    return n;
}

static void repeat(char c, uint32_t count, FILE *out)
{
    while (count-- > 0)
        fputc(c, out);
}

/* A long line is shown from EXCERPT_BEFORE characters left of the mark. */
static void print_excerpt(const struct report *r, const struct report_finding *f, FILE *out)
{
    const char *start, *stop;
    if (f->at.line == 0 || !find_line(r, f->at.line, &start, &stop))
        return;
    uint32_t column = f->at.column ? f->at.column - 1 : 0;
    uint32_t cut = column > EXCERPT_WIDTH - 20 ? column - EXCERPT_BEFORE : 0;
    const char *p = skip_chars(start, stop, cut);
    const char *mark = skip_chars(start, stop, column);
    uint32_t rest = count_chars(mark, stop);
    uint32_t length = f->at.length < rest ? f->at.length : rest;
    const char *last = skip_chars(p, stop, EXCERPT_WIDTH);

    fprintf(out, "%5u | %s", f->at.line, cut ? "…" : "");
    while (p < last)
        p += print_char(p, last, out);
    fprintf(out, "%s\n      | ", last < stop ? "…" : "");
    repeat(' ', column - cut + (cut ? 1 : 0), out);
    uint32_t room = EXCERPT_WIDTH - (column - cut);
    repeat('^', length < 1 ? 1 : length < room ? length : room, out);
    fputc('\n', out);
}

static void print_finding(const struct report *r, const struct report_finding *f, FILE *out)
{
    print_clean(r->file, out);
    if (f->at.line)
        fprintf(out, ":%u:%u", f->at.line, f->at.column);
    fprintf(out, ": %s: ", f->is_warning ? "warning" : "error");
    if (*f->path) {
        print_clean(f->path, out);
        fputs(": ", out);
    }
    print_clean(f->text, out);
    fputc('\n', out);
    print_excerpt(r, f, out);
    for (size_t i = 0; i < f->hint_count; i++) {
        fputs("      = ", out);
        print_clean(f->hints[i], out);
        fputc('\n', out);
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct report_finding *x = *(const struct report_finding *const *)a;
    const struct report_finding *y = *(const struct report_finding *const *)b;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    if (x->at.column != y->at.column)
        return x->at.column < y->at.column ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void print_count(const struct report *r, FILE *out)
{
    if (r->errors)
        fprintf(out, "%u error%s", r->errors, r->errors == 1 ? "" : "s");
    if (r->warnings)
        fprintf(out, "%s%u warning%s", r->errors ? ", " : "", r->warnings,
                r->warnings == 1 ? "" : "s");
    if (r->errors + r->warnings > r->shown)
        fprintf(out, " (%u are shown)", r->shown);
    fputc('\n', out);
}

void report_print(const struct report *r, FILE *out)
{
    if (r->shown == 0)
        return;
    const struct report_finding **sorted = memory_new(r->shown, sizeof(void *));
    size_t n = 0;
    for (const struct report_finding *f = r->first; f; f = f->next)
        sorted[n++] = f;
    qsort(sorted, n, sizeof *sorted, compare_places);
    for (size_t i = 0; i < n; i++)
        print_finding(r, sorted[i], out);
    free(sorted);
    print_count(r, out);
}
