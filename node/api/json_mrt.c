/* /v1/mrt: the RIB as an MRT dump, made while it is sent, so that neither a copy of the table nor a long
 * turn is needed. */
#include <stdlib.h>
#include <string.h>

#include "bgp/monitor/mrt.h"
#include "node/api/reply.h"
#include "node/base/memory.h"

struct dump {
    struct api_reader reader;
    struct mrt_dump *mrt;
    const uint8_t *at; /* of the record that is being sent */
    size_t left;
};

static size_t read_dump(struct api_reader *reader, const struct api_view *v, char *buf, size_t max)
{
    struct dump *d = LIST_OF(reader, struct dump, reader);
    size_t len = 0;
    (void)v;
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
    return len;
}

static void end_dump(struct api_reader *reader)
{
    struct dump *d = LIST_OF(reader, struct dump, reader);
    mrt_dump_free(d->mrt);
    free(d);
}

void api_mrt(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct dump *d = memory_new(1, sizeof *d);
    (void)q;
    d->reader = (struct api_reader){ .read = read_dump, .end = end_dump };
    d->mrt = core_dump(v->core, v->now_ms, v->wall_ms);
    reply_reader(out, "application/octet-stream", &d->reader);
}
