/* Answers that are made while they are sent. Each time the socket has room the reader is asked for more, with
 * the state of that moment: a reload may have come in between. All of them together are asked for no more at a time
 * than one alone would be. */
#include <stdlib.h>

#include "node/api/api_impl.h"

enum { READERS_MAX = 64, BLOCK = 16 * 1024 };

struct sending {
    struct api *api;
    struct api_reader *reader;
};

static ssize_t send_more(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct sending *s = cls;
    struct api_view view = api_now(s->api);
    size_t share = BLOCK / s->api->reader_count;
    size_t len = s->reader->read(s->reader, &view, buf, max < share ? max : share);
    (void)pos;
    return len ? (ssize_t)len : MHD_CONTENT_READER_END_OF_STREAM;
}

static void end_sending(void *cls)
{
    struct sending *s = cls;
    s->api->reader_count--;
    s->reader->end(s->reader);
    free(s);
}

bool reader_is_full(const struct api *a)
{
    return a->reader_count == READERS_MAX;
}

struct MHD_Response *reader_response(struct api *a, struct api_reader *take_reader)
{
    struct sending *s = malloc(sizeof *s);
    if (!s)
        abort(); /* as everywhere in node: without memory the process ends, the other node serves */
    *s = (struct sending){ .api = a, .reader = take_reader };
    a->reader_count++;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, send_more, s, end_sending);
    if (!response)
        end_sending(s);
    return response;
}
