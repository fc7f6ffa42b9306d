/* text/event-stream of the core's events (HTML standard, «server-sent events»).
 *
 * A stream is a position in the core's ring and one line's worth of bytes: no backlog of its own. A
 * client that is slower than the ring misses events and is told so by a "reset" event; one that has
 * gone is noticed by the comment line that is due every 15 s. */
#include <stdlib.h>
#include <string.h>

#include "node/api/api_impl.h"
#include "node/api/events.h"
#include "node/base/memory.h"

enum { STREAMS_MAX = 16, COMMENT_MS = 15000, BLOCK = 4096 };

struct sse {
    struct list all;
    struct api *api;
    struct MHD_Connection *connection;
    uint64_t position, comment_ms; /* last event told; next comment line is due */
    bool asleep;
    char *text; /* being sent; NULL = nothing */
    size_t at, len;
};

static void set_text(struct sse *s, char *take_text)
{
    free(s->text);
    s->text = take_text;
    s->at = 0;
    s->len = strlen(take_text);
    s->comment_ms = s->api->cfg.now() + COMMENT_MS;
}

/* Something to say, if there is: an event, a gap, or a sign of life. */
static bool refill(struct sse *s)
{
    struct core_event event;
    uint64_t next = s->position;
    if (core_next_event(s->api->cfg.core, &next, &event)) {
        struct api_view view = api_now(s->api);
        bool is_gap = next != s->position + 1;
        set_text(s,
                 is_gap ? events_reset_text(s->position, next) : events_stream_text(&view, &event));
        s->position = is_gap ? next - 1 : next; /* after the reset, the event itself */
        return true;
    }
    if (s->api->cfg.now() < s->comment_ms)
        return false;
    set_text(s, memory_copy_text(":\n\n"));
    return true;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct sse *s = cls;
    (void)pos;
    if (s->at == s->len && !refill(s)) {
        s->asleep = true;
        MHD_suspend_connection(s->connection);
        return 0;
    }
    size_t n = s->len - s->at < max ? s->len - s->at : max;
    memcpy(buf, s->text + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

static void free_stream(void *cls)
{
    struct sse *s = cls;
    list_remove(&s->all);
    s->api->stream_count--;
    free(s->text);
    free(s);
}

static void wake(struct sse *s)
{
    if (!s->asleep)
        return;
    s->asleep = false;
    MHD_resume_connection(s->connection);
}

void sse_wake_all(struct api *a)
{
    LIST_EACH(node, &a->streams)
    wake(LIST_OF(node, struct sse, all));
}

void sse_pulse(struct api *a)
{
    uint64_t now_ms = a->cfg.now();
    LIST_EACH(node, &a->streams)
    {
        struct sse *s = LIST_OF(node, struct sse, all);
        if (now_ms >= s->comment_ms)
            wake(s);
    }
}

/* Without a position: from now on. With one of an earlier life of this node: all of this life. */
static uint64_t start_position(const struct api *a, uint64_t after)
{
    uint64_t head = events_head(a->cfg.core);
    if (after == UINT64_MAX)
        return head;
    return after > head ? 0 : after;
}

bool sse_is_full(const struct api *a)
{
    return a->stream_count == STREAMS_MAX;
}

enum MHD_Result sse_start(struct api *a, struct MHD_Connection *connection, uint64_t after)
{
    struct sse *s = calloc(1, sizeof *s);
    if (!s)
        return MHD_NO;
    *s = (struct sse){ .api = a, .connection = connection, .position = start_position(a, after) };
    set_text(s, memory_copy_text("retry: 1000\n\n"));
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, s, free_stream);
    list_append(&a->streams, &s->all);
    a->stream_count++;
    if (!response) {
        free_stream(s);
        return MHD_NO;
    }
    response_secure(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    api_streams_watch(a);
    return queued;
}
