/* /v1/mrt: the RIB as an MRT dump, made while it is sent, so that neither a copy of the table nor a long
 * turn is needed: each time the socket has room a few records more are written. */
#include <stdlib.h>
#include <string.h>

#include "bgp/mrt.h"
#include "node/api/api_impl.h"
#include "node/api/reply.h"

enum { DUMPS_MAX = 4, BLOCK = 32 * 1024 };

struct dump {
    struct api *api;
    struct mrt_dump *mrt;
    const uint8_t *at; /* of the record that is being sent */
    size_t left;
};

static ssize_t read_dump(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct dump *d = cls;
    size_t len = 0;
    (void)pos;
    while (len < max) {
        int more = d->left ? 1 : mrt_dump_next(d->mrt, &d->at, &d->left);
        if (more <= 0)
            break;
        size_t n = d->left < max - len ? d->left : max - len;
        memcpy(buf + len, d->at, n);
        d->at += n;
        d->left -= n;
        len += n;
    }
    return len ? (ssize_t)len : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_dump(void *cls)
{
    struct dump *d = cls;
    d->api->dump_count--;
    mrt_dump_free(d->mrt);
    free(d);
}

bool mrt_stream_is_full(const struct api *a)
{
    return a->dump_count == DUMPS_MAX;
}

enum MHD_Result mrt_stream_start(struct api *a, struct MHD_Connection *connection)
{
    struct api_view view = api_now(a);
    struct dump *d = calloc(1, sizeof *d);
    if (!d)
        return MHD_NO;
    d->api = a;
    d->mrt = core_dump(a->cfg.core, view.now_ms, view.wall_ms);
    a->dump_count++;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_dump, d, free_dump);
    if (!response) {
        free_dump(d);
        return MHD_NO;
    }
    response_secure(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

/* The request reaches the table of endpoints only when no dump may begin. */
void api_mrt(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)v, (void)q;
    reply_problem(out, 503, NULL, "%d dumps are being sent already: wait for one to end", DUMPS_MAX);
}
