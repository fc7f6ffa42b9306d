/* Getting at the text of a configuration file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

static void cannot_read(struct config_source *s, const char *why, const char *hint)
{
    report_error(&s->report, (struct report_mark){ 0 }, NULL, "%s", why);
    if (hint)
        report_hint(&s->report, "%s", hint);
}

/* Whoever opens a pipe waits for its other end. */
static bool is_readable(struct config_source *s, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        cannot_read(s, "not a file", S_ISDIR(st->st_mode) ? "this is a directory" : NULL);
    else if (st->st_size > TREE_SIZE_MAX)
        cannot_read(s, "longer than 1 MiB", NULL);
    return !s->report.errors;
}

static size_t read_text(struct config_source *s, const char *path)
{
    struct stat st;
    bool is_there = stat(path, &st) == 0;
    if (is_there && !is_readable(s, &st))
        return 0;
    FILE *f = is_there ? fopen(path, "re") : NULL;
    if (!f) {
        cannot_read(s, strerror(errno), NULL);
        return 0;
    }
    s->text = memory_new((size_t)st.st_size + 1, 1);
    size_t len = fread(s->text, 1, (size_t)st.st_size, f);
    if (ferror(f))
        cannot_read(s, strerror(errno), NULL);
    fclose(f);
    return len;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return memory_copy_text(".");
    char *directory = memory_copy_text(path);
    directory[slash == path ? 1 : slash - path] = 0;
    return directory;
}

static bool parse(struct config_source *s, const char *path, size_t len)
{
    report_init(&s->report, path, s->text, len);
    s->reader = (struct schema_reader){ .report = &s->report, .directory = s->directory };
    tree_parse(&s->report, &s->arena, &s->root, &s->reader.is_complete);
    if (!s->root && !s->report.errors)
        cannot_read(s, "the file is empty", "deploy/examples has files to start from");
    return s->root && schema_is_map(&s->reader, s->root);
}

bool config_source_open(struct config_source *s, const char *path)
{
    *s = (struct config_source){ .directory = directory_of(path) };
    report_init(&s->report, path, NULL, 0);
    size_t len = read_text(s, path);
    return !s->report.errors && parse(s, path, len);
}

bool config_source_open_text(struct config_source *s, const char *path, const char *text, size_t len)
{
    *s = (struct config_source){ .directory = directory_of(path) };
    report_init(&s->report, path, NULL, 0);
    s->text = memory_new(len + 1, 1);
    memcpy(s->text, text, len);
    if (len > TREE_SIZE_MAX)
        cannot_read(s, "longer than 1 MiB", NULL);
    return len <= TREE_SIZE_MAX && parse(s, path, len);
}

bool config_source_close(struct config_source *s, FILE *errors)
{
    bool ok = s->report.errors == 0;
    report_print(&s->report, errors);
    report_fini(&s->report);
    arena_fini(&s->arena);
    free(s->text);
    free(s->directory);
    return ok;
}
