#include "node/api/reply.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/base/memory.h"
#include "node/base/utf8.h"

void reply_text(struct api_reply *out, unsigned status, const char *type, char *take_text,
                size_t len)
{
    *out = (struct api_reply){ .status = status, .type = type, .body = take_text, .len = len };
}

void reply_reader(struct api_reply *out, const char *type, struct api_reader *take_reader)
{
    *out = (struct api_reply){ .status = 200, .type = type, .reader = take_reader };
}

static void reply_document(struct api_reply *out, unsigned status, const char *type, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (!text)
        abort(); /* as everywhere in node: without memory the process ends, the other node serves */
    json_decref(take);
    reply_text(out, status, type, text, strlen(text));
}

void reply_json(struct api_reply *out, json_t *take_body)
{
    reply_document(out, 200, "application/json", take_body);
}

void reply_list(struct api_reply *out, json_t *take_items, const char *cursor, uint64_t revision)
{
    json_t *list = json_object();
    json_object_set_new(list, "items", take_items);
    json_object_set_new(list, "nextCursor", cursor ? json_string(cursor) : json_null());
    json_object_set_new(list, "revision", json_count(revision));
    reply_json(out, list);
}

static const char *title_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = { { 400, "Bad Request" },           { 401, "Unauthorized" },
                   { 403, "Forbidden" },             { 404, "Not Found" },
                   { 405, "Method Not Allowed" },    { 409, "Conflict" },
                   { 412, "Precondition Failed" },   { 413, "Content Too Large" },
                   { 421, "Misdirected Request" },   { 422, "Unprocessable Content" },
                   { 503, "Service Unavailable" } };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

void reply_problem(struct api_reply *out, unsigned status, const char *param, const char *format,
                   ...)
{
    char detail[400];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    json_t *problem = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", title_of(status),
                                "status", (int)status);
    json_object_set_new(problem, "detail", json_text(detail));
    json_t *errors = json_array();
    if (param) {
        json_t *error = json_object();
        json_object_set_new(error, "path", json_text(param));
        json_object_set_new(error, "message", json_text(detail));
        json_array_append_new(errors, error);
    }
    json_object_set_new(problem, "errors", errors);
    reply_document(out, status, "application/problem+json", problem);
}

json_t *json_text(const char *text)
{
    json_t *plain = json_string(text);
    if (plain)
        return plain;
    size_t len = strlen(text);
    char *clean = memory_new(len * 3 + 1, 1), *to = clean;
    for (const char *p = text, *end = text + len; p < end;) {
        uint32_t c;
        size_t n = utf8_next(p, end, &c);
        memcpy(to, n ? p : "\xef\xbf\xbd", n ? n : 3);
        to += n ? n : 3;
        p += n ? n : 1;
    }
    plain = json_string(clean);
    free(clean);
    return plain;
}

json_t *json_addr(const struct ip_addr *a)
{
    char text[IP_ADDR_TEXT];
    return json_string(ip_addr_format(a, text));
}

json_t *json_prefix(const struct ip_prefix *p)
{
    char text[IP_PREFIX_TEXT];
    return json_string(ip_prefix_format(p, text));
}

json_t *json_count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *json_hex(const uint8_t *bytes, size_t len)
{
    char text[129];
    if (len > 64)
        len = 64;
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * len] = 0;
    return json_string(text);
}

json_t *json_next_hops(const struct nhset *set)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < set->count; i++)
        json_array_append_new(list, ip_addr_is_zero(&set->members[i])
                                        ? json_string("blackhole")
                                        : json_addr(&set->members[i]));
    return list;
}

json_t *json_time(const struct api_view *v, uint64_t at_ms)
{
    char text[40];
    struct tm tm;
    uint64_t ago = v->now_ms > at_ms ? v->now_ms - at_ms : 0;
    uint64_t wall_ms = v->wall_ms > ago ? v->wall_ms - ago : 0;
    time_t s = (time_t)(wall_ms / 1000);
    gmtime_r(&s, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03uZ", (unsigned)(wall_ms % 1000));
    return json_string(text);
}

json_t *json_age(const struct api_view *v, uint64_t since_ms)
{
    uint64_t ago = v->now_ms > since_ms ? v->now_ms - since_ms : 0;
    return json_real((double)ago / 1000);
}

void json_set_time(json_t *object, const char *key, const struct api_view *v, uint64_t at_ms)
{
    json_object_set_new(object, key, json_time(v, at_ms));
}

void json_set_age(json_t *object, const char *key, const struct api_view *v, uint64_t since_ms)
{
    json_object_set_new(object, key, json_age(v, since_ms));
}
