/* A file that is written beside the loop: opening, writing, renaming happen in libuv's threads, so that a slow
 * disk delays nobody. One piece is on its way while the next one gathers.
 *
 * It is written as NAME.part and gets its name when it is whole. A write that fails ends it: what came before
 * the failed piece is kept under the name, or nothing. */
#ifndef TANDEM_NODE_SINK_H
#define TANDEM_NODE_SINK_H

#include <uv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SINK_PIECE = 512 * 1024, SINK_NAME = 512 };

struct sink;

struct sink_end {
    const struct sink *sink; /* whose end it is: names may come twice */
    const char *name;
    int error; /* 0, or the errno that ended it */
    uint64_t bytes;
};

struct sink_cfg {
    uv_loop_t *loop;
    const char *name;      /* copied; at most SINK_NAME - 6 characters count */
    bool keeps_part;       /* of a file that failed: up to its last whole piece */
    void (*on_room)(void *data);                         /* or NULL; a piece was written */
    void (*on_end)(void *data, const struct sink_end *e); /* exactly once, unless it was dropped; it is no more */
    void *data;
};

/* Never NULL: what fails is told by on_end. */
struct sink *sink_open(const struct sink_cfg *cfg);
/* Octets that sink_put takes now. */
size_t sink_room(const struct sink *s);
/* All of it belongs together: len is at most sink_room. */
void sink_put(struct sink *s, const uint8_t *data, size_t len);
/* That was all: on_end follows. */
void sink_finish(struct sink *s);
/* Forget it: no file, no call any more. */
void sink_drop(struct sink *s);

#endif
