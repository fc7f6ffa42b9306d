/* What all verbs print with. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/ctl/ctl.h"

int ctl_fail(enum ctl_exit code, const char *format, ...)
{
    va_list args;
    fputs("tandemctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return (int)code;
}

int ctl_cannot_write(void)
{
    return errno ? ctl_fail(CTL_FAILED, "cannot write: %s", strerror(errno)) : ctl_fail(CTL_FAILED, "cannot write");
}

bool ctl_wants_json(const struct ctl *c)
{
    return c->output == CTL_JSON || c->output == CTL_JSONL;
}

static int print_line(const json_t *value, size_t flags)
{
    errno = 0;
    bool is_written = !json_dumpf(value, stdout, flags | JSON_REAL_PRECISION(9)) && putchar('\n') != EOF;
    return is_written ? CTL_OK : ctl_cannot_write();
}

int ctl_print_json(const struct ctl *c, const json_t *answer)
{
    const json_t *list = json_is_array(answer) ? answer : json_object_get(answer, "items"), *item;
    size_t i;
    int code = CTL_OK;
    if (c->output != CTL_JSONL)
        return print_line(answer, c->watch_s ? JSON_COMPACT : JSON_INDENT(2));
    if (!json_is_array(list))
        return print_line(answer, JSON_COMPACT);
    for (i = 0; !code && (item = json_array_get(list, i)); i++)
        code = print_line(item, JSON_COMPACT);
    return code;
}
