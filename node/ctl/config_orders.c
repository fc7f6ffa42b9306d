/* config diff, config reload, config rollback; config show of the past. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ctl/client.h"
#include "node/ctl/show.h"
#include "node/ctl/table.h"

/* ---- what changes ---- */

static int print_changes(const struct ctl *c, const json_t *answer)
{
    size_t i;
    const json_t *change;
    if (ctl_wants_json(c))
        return ctl_print_json(c, answer);
    json_array_foreach(json_object_get(answer, "changes"), i, change)
        puts(json_string_value(change));
    json_array_foreach(json_object_get(answer, "warnings"), i, change)
        fprintf(stderr, "warning: %s%s%s\n", json_text_at(change, "path"), json_text_at(change, "path")[0] ? ": " : "",
                json_text_at(change, "message"));
    if (!json_array_size(json_object_get(answer, "changes")))
        puts("nothing changes");
    else if (json_is_true(json_object_get(answer, "applied")))
        puts("followed");
    return CTL_OK;
}

static int order(const struct ctl *c, const char *path, const char *body)
{
    json_t *answer;
    int code = client_post_text(c, path, body, &answer);
    if (code)
        return code;
    code = print_changes(c, answer);
    json_decref(answer);
    return code;
}

/* ---- the past ---- */

/* What stood in the file when the revision that the verb names was in force, and which file that is. */
static int get_past(const struct ctl *c, json_t **past)
{
    char path[512] = "/v1/config/revisions/";
    client_escape(path, sizeof path, c->argv[0]);
    strncat(path, "/text", sizeof path - strlen(path) - 1);
    return client_post(c, path, past);
}

int config_show_past(const struct ctl *c)
{
    json_t *past;
    int code = get_past(c, &past);
    if (code)
        return code;
    if (ctl_wants_json(c))
        code = ctl_print_json(c, past);
    else
        fputs(json_text_at(past, "text"), stdout);
    json_decref(past);
    return code;
}

static int diff_past(const struct ctl *c)
{
    json_t *past;
    int code = get_past(c, &past);
    if (code)
        return code;
    code = order(c, "/v1/config/check", json_text_at(past, "text"));
    json_decref(past);
    return code;
}

/* ---- back ---- */

static bool write_all(int fd, const char *text, const struct stat *like)
{
    size_t len = strlen(text);
    bool is_alike = !fchmod(fd, like->st_mode & 07777) && !fchown(fd, like->st_uid, like->st_gid);
    bool ok = is_alike && write(fd, text, len) == (ssize_t)len && !fsync(fd);
    return !close(fd) && ok;
}

/* At once, or not at all; what stood there is kept beside it: it may never have been in force. */
static bool replace_file(const char *path, const char *text)
{
    char next[PATH_MAX], before[PATH_MAX];
    struct stat st;
    if (stat(path, &st) || snprintf(next, sizeof next, "%s.XXXXXX", path) >= (int)sizeof next)
        return false;
    snprintf(before, sizeof before, "%.*s~", (int)strlen(path), path); /* shorter */
    int fd = mkostemp(next, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text, &st) && (!unlink(before) || errno == ENOENT) && !link(path, before) && !rename(next, path);
    int error = errno;
    if (!ok)
        unlink(next);
    errno = error;
    return ok;
}

static int put_back(const struct ctl *c, const json_t *past)
{
    const char *path = json_text_at(past, "path");
    if (!replace_file(path, json_text_at(past, "text")))
        return ctl_fail(CTL_FAILED,
                        "cannot write %s: %s; the old configuration stays in force. Who may write it, or what manages it, can "
                        "take `tandemctl config show %s`, and then `tandemctl reload`",
                        path, strerror(errno), c->argv[0]);
    int code = order(c, "/v1/config/reload", "");
    if (!code && !ctl_wants_json(c))
        printf("%s is as it was in revision %s, and was kept as %s~; other nodes have their own\n", path, c->argv[0], path);
    return code;
}

int verb_config_rollback(const struct ctl *c)
{
    json_t *past, *check = NULL;
    if (!ctl_takes(c, 1, 1, "config rollback REVISION"))
        return CTL_USAGE;
    if (c->url)
        return ctl_fail(CTL_USAGE, "config rollback writes the file of the node's own machine: ask there, by its socket");
    int code = get_past(c, &past);
    if (code)
        return code;
    code = client_post_text(c, "/v1/config/check", json_text_at(past, "text"), &check); /* before anything is written */
    if (!code)
        code = put_back(c, past);
    json_decref(check);
    json_decref(past);
    return code;
}

/* ---- the verbs ---- */

int verb_config_diff(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 1, "config diff [REVISION]"))
        return CTL_USAGE;
    return c->argc ? diff_past(c) : order(c, "/v1/config/check", "");
}

int verb_config_reload(const struct ctl *c)
{
    if (!ctl_takes(c, 0, 0, "config reload [--check]"))
        return CTL_USAGE;
    return order(c, c->check ? "/v1/config/check" : "/v1/config/reload", "");
}
