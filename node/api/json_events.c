/* /v1/events: a page of the core's ring, oldest first. Fields «key=value key2="quoted \" text"» of an
 * event become an object of texts. */
#include <stdlib.h>
#include <string.h>

#include "node/api/events.h"
#include "node/api/moment.h"
#include "node/api/params.h"
#include "node/api/reply.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1024 };

/* Unquote the value at *p into out; *p moves behind it. */
static void take_value(const char **p, char *out, size_t cap)
{
    const char *at = *p;
    bool quoted = *at == '"';
    size_t n = 0;
    for (at += quoted; *at && (quoted ? *at != '"' : *at != ' '); at++) {
        if (quoted && at[0] == '\\' && at[1])
            at++;
        if (n + 1 < cap)
            out[n++] = *at;
    }
    out[n] = 0;
    *p = quoted && *at ? at + 1 : at;
}

static json_t *fields_object(const char *fields)
{
    json_t *object = json_object();
    char key[64], value[CORE_EVENT_TEXT];
    for (const char *p = fields; *p;) {
        size_t len = strcspn(p, "= ");
        if (p[len] != '=' || len == 0 || len >= sizeof key) {
            p += len + (p[len] != 0);
            continue;
        }
        memcpy(key, p, len);
        key[len] = 0;
        p += len + 1;
        take_value(&p, value, sizeof value);
        json_object_set_new(object, key, json_text(value));
    }
    return object;
}

static json_t *event_object(const struct api_view *v, const struct core_event *e)
{
    json_t *o = json_object();
    json_object_set_new(o, "sequence", json_count(e->sequence));
    json_set_time(o, "time", v, e->at_ms);
    json_object_set_new(o, "level", json_string(config_log_levels[e->level & 3]));
    json_object_set_new(o, "event", json_text(e->name));
    json_object_set_new(o, "subject", json_text(e->subject));
    json_object_set_new(o, "fields", fields_object(e->fields));
    return o;
}

uint64_t events_head(const struct core *c)
{
    struct core_event e;
    uint64_t head = 0;
    while (core_next_event(c, &head, &e))
        ;
    return head;
}

static char *stream_block(uint64_t id, const char *name, json_t *take_data)
{
    char *data = json_dumps(take_data, JSON_COMPACT), *text = NULL;
    if (!data || asprintf(&text, "id: %llu\nevent: %s\ndata: %s\n\n", (unsigned long long)id, name,
                          data) < 0)
        abort();
    free(data);
    json_decref(take_data);
    return text;
}

char *events_stream_text(const struct api_view *v, const struct core_event *e)
{
    return stream_block(e->sequence, e->name, event_object(v, e));
}

char *events_reset_text(uint64_t told, uint64_t next)
{
    return stream_block(next - 1, "reset",
                        json_pack("{s:I}", "lost", (json_int_t)(next - 1 - told)));
}

/* ?since=10m or a date: *position moves to the last event before. False: *out holds the refusal. */
static bool take_since(const struct api_view *v, const struct api_request *q, uint64_t *position, struct api_reply *out)
{
    const char *text = api_param(q, "since");
    uint64_t since_ms, next = *position;
    struct core_event e;
    if (!text)
        return true;
    if (!moment_parse(text, v->wall_ms, &since_ms)) {
        reply_problem(out, 400, "since", "since is how long ago, as 90s, 10m, 2h or 3d, or when, in UTC, as 2026-11-23T01:18: "
                      "\"%s\" is neither", text);
        return false;
    }
    int64_t at_ms = (int64_t)v->now_ms - ((int64_t)v->wall_ms - (int64_t)since_ms);
    while (core_next_event(v->core, &next, &e) && (int64_t)e.at_ms < at_ms)
        *position = next;
    return true;
}

void api_events(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    uint64_t position = 0, limit = PAGE_DEFAULT, head = events_head(v->core);
    char cursor[24];
    struct core_event e;
    if (!api_number(q, "after", 0, UINT64_MAX, &position, out) ||
        !api_number(q, "limit", 1, PAGE_MAX, &limit, out) || !take_since(v, q, &position, out))
        return;
    /* Without a position: the newest page. */
    if (!api_param(q, "after") && !api_param(q, "since") && head > limit)
        position = head - limit;
    json_t *items = json_array();
    while (json_array_size(items) < limit && core_next_event(v->core, &position, &e))
        json_array_append_new(items, event_object(v, &e));
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)position);
    reply_list(out, items, position < head ? cursor : NULL, head);
}
