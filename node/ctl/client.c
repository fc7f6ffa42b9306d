#include "node/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_S = 5, TIMEOUT_S = 60, CURSOR_MAX = 128 };

/* ---- where ---- */

/* The only socket of this machine. */
static int default_socket(const struct ctl *c, char *path, size_t cap)
{
    glob_t found;
    size_t count = glob(CTL_RUN_DIRECTORY "/*.sock", 0, NULL, &found) ? 0 : found.gl_pathc;
    int status = CTL_OK;
    if (count == 1 || (count && c->node)) /* each of them knows all nodes */
        snprintf(path, cap, "%s", found.gl_pathv[0]);
    else if (count == 0)
        status = ctl_fail(CTL_UNREACHABLE, "no socket in " CTL_RUN_DIRECTORY ": is tandemd running? "
                                           "Elsewhere: --socket PATH or --url URL");
    else
        status = ctl_fail(CTL_USAGE, "several nodes run here: choose one with --node, or with --socket %s",
                          found.gl_pathv[0]);
    if (count)
        globfree(&found);
    return status;
}

struct text {
    char *data;
    size_t len, cap;
};

static bool make_room(struct text *t, size_t len)
{
    size_t needed = t->len + len + 1, cap = needed > 2 * t->cap ? needed : 2 * t->cap;
    if (needed <= t->cap)
        return true;
    char *wider = realloc(t->data, cap);
    if (wider)
        *t = (struct text){ .data = wider, .len = t->len, .cap = cap };
    return wider != NULL;
}

static size_t collect(char *data, size_t size, size_t count, void *user)
{
    struct text *t = user;
    if (!make_room(t, size * count))
        return 0;
    memcpy(t->data + t->len, data, size * count);
    t->len += size * count;
    t->data[t->len] = 0;
    return size * count;
}

/* For orders over TCP; the socket's group needs none. */
static int use_token(CURL *curl, const char *path)
{
    char token[512] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    bool is_read = fgets(token, sizeof token, file) != NULL;
    fclose(file);
    token[strcspn(token, "\r\n")] = 0;
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
    return is_read && token[0] ? CTL_OK : ctl_fail(CTL_FAILED, "%s: there is no token in it", path);
}

/* A handle that speaks to the daemon; NULL with *status set. */
static CURL *open_daemon(const struct ctl *c, const char *path, char *place, size_t cap,
                         int *status)
{
    char url[2048];
    *status = CTL_OK;
    if (c->url)
        snprintf(place, cap, "%s", c->url);
    else if (c->socket)
        snprintf(place, cap, "%s", c->socket);
    else
        *status = default_socket(c, place, cap);
    if (*status)
        return NULL;
    size_t base = c->url ? strlen(c->url) : 0;
    while (base && c->url[base - 1] == '/')
        base--;
    if (c->url)
        snprintf(url, sizeof url, "%.*s%s", (int)base, c->url, path);
    else
        snprintf(url, sizeof url, "http://localhost%s", path);
    CURL *curl = curl_easy_init();
    if (!curl) {
        *status = ctl_fail(CTL_FAILED, "out of memory");
        return NULL;
    }
    if (!c->url)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    if (c->token_file)
        *status = use_token(curl, c->token_file);
    if (!*status)
        return curl;
    curl_easy_cleanup(curl);
    return NULL;
}

static const char *mend_of(int error)
{
    return error == EACCES ? "it is for root and the socket's group" : "is tandemd running there?";
}

/* Of a handle that has failed. */
static int unreachable(CURL *curl, const char *place, CURLcode code)
{
    long error = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    if (code == CURLE_COULDNT_CONNECT && error)
        return ctl_fail(CTL_UNREACHABLE, "cannot reach tandemd at %s: %s; %s", place, strerror((int)error),
                        mend_of((int)error));
    return ctl_fail(CTL_UNREACHABLE, "cannot reach tandemd at %s: %s; is that its API?", place, curl_easy_strerror(code));
}

/* What the daemon's refusal means for the exit code. */
static int refused(long status, json_t *take_answer)
{
    const char *detail = json_string_value(json_object_get(take_answer, "detail"));
    enum ctl_exit exit = status == 404 ? CTL_NO_SUCH : status == 400 ? CTL_USAGE : CTL_FAILED;
    int code = ctl_fail(exit, "%s", detail ? detail : "the daemon refused without a reason");
    json_decref(take_answer);
    return code;
}

/* body NULL: it is a GET */
static int ask(const struct ctl *c, const char *path, const char *body, json_t **out)
{
    char place[1024];
    struct text text = { 0 };
    int status;
    long http = 0;
    CURL *curl = open_daemon(c, path, place, sizeof place, &status);
    if (!curl)
        return status;
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    status = code == CURLE_OK ? CTL_OK : unreachable(curl, place, code);
    curl_easy_cleanup(curl);
    if (status) {
        free(text.data);
        return status;
    }
    *out = json_loadb(text.data ? text.data : "", text.len, 0, NULL);
    free(text.data);
    if (!*out)
        return ctl_fail(CTL_FAILED, "%s answered with no JSON (HTTP %ld): is it a tandemd?", place,
                        http);
    if (http == 200)
        return CTL_OK;
    status = refused(http, *out);
    *out = NULL;
    return status;
}

int client_get(const struct ctl *c, const char *path, json_t **out)
{
    return ask(c, path, NULL, out);
}

int client_post(const struct ctl *c, const char *path, json_t **out)
{
    return ask(c, path, "", out);
}

int client_post_text(const struct ctl *c, const char *path, const char *body, json_t **out)
{
    return ask(c, path, body, out);
}

/* The page behind this cursor, whose place takes the next one; "" = there is none. */
static int get_page(const struct ctl *c, const char *path, char cursor[static CURSOR_MAX], json_t **page)
{
    char next[2048];
    snprintf(next, sizeof next, "%s", path);
    if (cursor[0])
        client_param(next, sizeof next, "cursor", cursor);
    int status = client_get(c, next, page);
    if (status)
        return status;
    const char *more = json_string_value(json_object_get(*page, "nextCursor"));
    snprintf(cursor, CURSOR_MAX, "%s", more ? more : "");
    return CTL_OK;
}

int client_pages(const struct ctl *c, const char *path, client_show *show, void *context)
{
    char cursor[CURSOR_MAX] = "";
    int status;
    do {
        json_t *page;
        status = get_page(c, path, cursor, &page);
        if (status)
            return status;
        status = show(c, json_object_get(page, "items"), context);
        json_decref(page);
    } while (!status && cursor[0]);
    return status;
}

int client_list(const struct ctl *c, const char *path, json_t **items)
{
    char cursor[CURSOR_MAX] = "";
    *items = json_array();
    do {
        json_t *page;
        int status = get_page(c, path, cursor, &page);
        if (status) {
            json_decref(*items);
            return status;
        }
        json_array_extend(*items, json_object_get(page, "items"));
        json_decref(page);
    } while (cursor[0]);
    return CTL_OK;
}

void client_escape(char *buf, size_t cap, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);
    size_t len = strlen(buf);
    snprintf(buf + len, cap - len, "%s", escaped ? escaped : "");
    curl_free(escaped);
}

void client_param(char *buf, size_t cap, const char *name, const char *value)
{
    size_t len = strlen(buf);
    snprintf(buf + len, cap - len, "%s=", name);
    client_escape(buf, cap, value);
    len = strlen(buf);
    snprintf(buf + len, cap - len, "&");
}

int client_download(const struct ctl *c, const char *path, FILE *to)
{
    char place[1024];
    int status;
    long http = 0;
    CURL *curl = open_daemon(c, path, place, sizeof place, &status);
    if (!curl)
        return status;
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
    errno = 0;
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (code == CURLE_WRITE_ERROR)
        status = ctl_fail(CTL_FAILED, "cannot write: %s", strerror(errno));
    else if (code && http)
        status = ctl_fail(CTL_FAILED, "%s refused %s (HTTP %ld)", place, path, http);
    else if (code)
        status = unreachable(curl, place, code);
    curl_easy_cleanup(curl);
    return status;
}

/* ---- event stream ---- */

struct follower {
    struct text rest; /* the line that is not complete yet */
    void (*show)(const json_t *event);
};

static void take_line(const struct follower *f, const char *line)
{
    static const char data[] = "data: ";
    if (strncmp(line, data, sizeof data - 1) != 0)
        return;
    json_t *event = json_loads(line + sizeof data - 1, 0, NULL);
    if (event)
        f->show(event);
    json_decref(event);
}

static size_t take_stream(char *data, size_t size, size_t count, void *user)
{
    struct follower *f = user;
    if (collect(data, size, count, &f->rest) != size * count)
        return 0;
    char *line = f->rest.data;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        take_line(f, line);
    }
    f->rest.len = strlen(line);
    memmove(f->rest.data, line, f->rest.len + 1);
    return size * count;
}

int client_follow(const struct ctl *c, const char *path, void (*show)(const json_t *event))
{
    char place[1024];
    int status;
    struct follower f = { .show = show };
    CURL *curl = open_daemon(c, path, place, sizeof place, &status);
    if (!curl)
        return status;
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &f);
    CURLcode code = curl_easy_perform(curl);
    status = code == CURLE_OK ? CTL_OK : unreachable(curl, place, code);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(f.rest.data);
    return status;
}
