#include "node/api/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/base/list.h"

enum { LOOKS = 200 }; /* at a time: a millisecond or two where each of them shows something */

static void refill(struct pieces *p, const struct api_view *v, unsigned *looks)
{
    free(p->text);
    p->at = 0;
    FILE *to = open_memstream(&p->text, &p->len);
    if (!to)
        abort(); /* as everywhere in node: without memory the process ends, the other node serves */
    p->make(p, v, looks, to);
    fclose(to);
}

static size_t read_pieces(struct api_reader *reader, const struct api_view *v, char *buf, size_t max)
{
    struct pieces *p = LIST_OF(reader, struct pieces, reader);
    unsigned looks = LOOKS;
    size_t len = 0;
    while (len < max) {
        if (p->at == p->len && (p->is_over || (len && !looks)))
            break;
        if (p->at == p->len)
            refill(p, v, &looks);
        size_t n = p->len - p->at < max - len ? p->len - p->at : max - len;
        memcpy(buf + len, p->text + p->at, n);
        p->at += n;
        len += n;
    }
    return len;
}

static void end_pieces(struct api_reader *reader)
{
    struct pieces *p = LIST_OF(reader, struct pieces, reader);
    free(p->text);
    free(p);
}

void pieces_reply(struct pieces *take, const char *type, struct api_reply *out)
{
    take->reader = (struct api_reader){ .read = read_pieces, .end = end_pieces };
    reply_reader(out, type, &take->reader);
}
