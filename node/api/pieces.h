/* A text of any length as an answer, made while it is sent. */
#ifndef TANDEM_NODE_API_PIECES_H
#define TANDEM_NODE_API_PIECES_H

#include "node/api/reply.h"

/* First member of what the text is made from, which is one block of malloc's. */
struct pieces {
    struct api_reader reader;
    /* The next piece goes to `to`; is_over is set with the last one. What is looked at for it is taken from *looks: a
     * blank where they were used up and nothing was found. */
    void (*make)(struct pieces *p, const struct api_view *v, unsigned *looks, FILE *to);
    char *text; /* that is being sent */
    size_t at, len;
    bool is_over;
};

void pieces_reply(struct pieces *take, const char *type, struct api_reply *out);

#endif
