/* POST /v1/config/check and /v1/config/reload: the daemon reads its own file again. A check may bring another text
 * as its body, such as one of the past (/v1/config/revisions/N/text). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "node/api/sight.h"
#include "node/config/change.h"

/* ---- what is wrong ---- */

/* "… 22" in front of end becomes 22, and end moves before its colon; 0: there is no number. */
static unsigned take_number(const char *start, const char **end)
{
    const char *at = *end;
    while (at > start && at[-1] >= '0' && at[-1] <= '9')
        at--;
    if (at == *end || at == start || at[-1] != ':')
        return 0;
    *end = at - 1;
    return (unsigned)strtoul(at, NULL, 10);
}

/* "FILE:LINE:COLUMN: error: PATH: what is wrong", of which all but the last may be absent; NULL: another line. */
static json_t *finding(const char *line, const char *mark)
{
    const char *found = strstr(line, mark);
    if (!found || line[0] == ' ')
        return NULL;
    const char *end = found, *text = found + strlen(mark), *colon = strstr(text, ": ");
    unsigned column = take_number(line, &end), row = take_number(line, &end);
    bool has_path = colon && strcspn(text, " \"") > (size_t)(colon - text);
    char path[256];
    snprintf(path, sizeof path, "%.*s", has_path ? (int)(colon - text) : 0, text);
    json_t *o = json_pack("{s:o, s:o, s:o}", "line", row ? json_count(row) : json_null(), "column",
                          row ? json_count(column) : json_null(), "path", json_text(path));
    json_object_set_new(o, "message", json_text(has_path ? colon + 2 : text));
    return o;
}

static json_t *findings(const char *text, const char *mark)
{
    json_t *list = json_array();
    char *copy = strdup(text);
    if (!copy)
        abort();
    for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
        json_t *o = finding(line, mark);
        if (o)
            json_array_append_new(list, o);
    }
    free(copy);
    return list;
}

/* RFC 9457: all that is wrong with the file, as tandemd --check prints it but for the last line's end, and each finding
 * by itself. */
static void tell_refusal(struct api_reply *out, char *text)
{
    size_t len = strlen(text);
    if (len && text[len - 1] == '\n')
        text[len - 1] = 0;
    reply_json(out, json_pack("{s:s, s:s, s:i, s:o, s:o}", "type", "about:blank", "title", "Unprocessable Content",
                              "status", 422, "detail", json_text(text), "errors", findings(text, ": error: ")));
    out->status = 422;
    out->type = "application/problem+json";
}

/* ---- what changes ---- */

/* Not a warning, its excerpt, or the line that counts them: no change begins with a number. */
static bool is_change(const char *line)
{
    return line[0] && line[0] != ' ' && !strstr(line, ": warning: ") && (line[0] < '0' || line[0] > '9');
}

static void tell_changes(const struct api_view *v, struct api_reply *out, bool is_dry, char *text)
{
    struct core_revision r = { 0 };
    json_t *changes = json_array(), *warnings = findings(text, ": warning: ");
    core_revision(v->core, 0, &r);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (is_change(line))
            json_array_append_new(changes, json_text(line));
    reply_json(out, json_pack("{s:b, s:I, s:I, s:o, s:o}", "applied", !is_dry, "revision", (json_int_t)r.number,
                              "generation", (json_int_t)v->config->generation, "changes", changes, "warnings",
                              warnings));
}

/* A text that might stand in the file: key files it names are not looked at. */
static bool check_text(const struct api_view *v, const struct api_request *q, FILE *said)
{
    struct config *next;
    if (!config_load_text(v->config->path, q->body, q->body_len, &next, said))
        return false;
    bool can = config_can_follow(v->config, next, said);
    if (can)
        config_tell_changes(v->config, next, said);
    config_free(next);
    return can;
}

/* What stood in the file then, for who may give orders: comments are not everybody's. Whoever wants it back puts it
 * there and has it read again; this process need not be able to write its own configuration. */
void api_config_text(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_revision r;
    char *end, place[PATH_MAX];
    unsigned long long number = strtoull(q->rest, &end, 10);
    for (size_t back = 0; core_revision(v->core, back, &r); back++) {
        if (*end || r.number != number || !r.text)
            continue;
        const char *path = realpath(v->config->path, place);
        reply_json(out, json_pack("{s:I, s:b, s:s, s:o}", "revision", (json_int_t)r.number, "current", back == 0, "path",
                                  path ? path : v->config->path, "text", json_text(r.text)));
        return;
    }
    reply_problem(out, 404, NULL, "configuration %s is not remembered: /v1/config/revisions has those that are", q->rest);
}

static void order(const struct api_view *v, const struct api_request *q, struct api_reply *out, bool is_dry)
{
    char *text = NULL;
    size_t len;
    FILE *said = open_memstream(&text, &len);
    bool is_good = said && (is_dry && q->body_len ? check_text(v, q, said) : v->reload(v->data, is_dry, said));
    if (!said || fclose(said))
        abort();
    if (is_good)
        tell_changes(v, out, is_dry, text);
    else
        tell_refusal(out, text);
    free(text);
}

void api_config_check(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    order(v, q, out, true);
}

void api_config_reload(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    order(v, q, out, false);
}
