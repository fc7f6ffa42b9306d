#include "node/io/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/base/memory.h"

struct piece {
    uint8_t *bytes;
    size_t len;
};

/* While is_busy, what stands below the line belongs to the thread, the rest to the loop. */
struct sink {
    struct sink_cfg cfg;
    struct piece gathers;
    bool is_busy, is_finished, is_dropped;
    uv_work_t work;
    /* ---- */
    char name[SINK_NAME], part[SINK_NAME + 8];
    struct piece leaves;
    bool ends; /* after this piece there is no other */
    bool discards;
    int fd, error;
    uint64_t bytes;
};

/* ---- in a thread ---- */

static void write_piece(struct sink *s)
{
    size_t at = 0;
    while (!s->error && at < s->leaves.len) {
        ssize_t n = write(s->fd, s->leaves.bytes + at, s->leaves.len - at);
        if (n < 0 && errno != EINTR)
            s->error = errno;
        at += n > 0 ? (size_t)n : 0;
    }
    s->bytes += s->error ? 0 : at;
}

/* After an error the last whole piece is the end. Closing may tell of an error that writing did not. */
static void end_file(struct sink *s)
{
    bool is_kept = !s->discards && (!s->error || (s->cfg.keeps_part && s->bytes));
    if (s->fd < 0)
        return;
    if (s->error && is_kept && ftruncate(s->fd, (off_t)s->bytes))
        is_kept = false;
    if (close(s->fd) && !s->error)
        s->error = errno;
    s->fd = -1;
    if (is_kept && !rename(s->part, s->name))
        return;
    if (is_kept && !s->error)
        s->error = errno;
    unlink(s->part);
}

static void on_work(uv_work_t *work)
{
    struct sink *s = work->data;
    if (s->fd < 0 && !s->discards) {
        s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        s->error = s->fd < 0 ? errno : 0;
    }
    if (s->discards)
        unlink(s->part);
    else
        write_piece(s);
    s->leaves.len = 0;
    if (s->ends || s->error || s->discards)
        end_file(s);
}

/* ---- in the loop ---- */

static void start_work(struct sink *s);

static void sink_free(struct sink *s)
{
    free(s->gathers.bytes);
    free(s->leaves.bytes);
    free(s);
}

static void tell_end(struct sink *s)
{
    const struct sink_end end = { .sink = s, .name = s->name, .error = s->error, .bytes = s->bytes };
    s->cfg.on_end(s->cfg.data, &end);
    sink_free(s);
}

static void on_worked(uv_work_t *work, int status)
{
    struct sink *s = work->data;
    bool is_over = s->ends || s->error || s->discards;
    (void)status;
    s->is_busy = false;
    if (s->is_dropped && (s->discards || s->fd < 0))
        sink_free(s);
    else if (s->is_dropped)
        start_work(s);
    else if (is_over)
        tell_end(s);
    else if (s->gathers.len || s->is_finished)
        start_work(s);
    if (!is_over && !s->is_dropped && s->cfg.on_room)
        s->cfg.on_room(s->cfg.data);
}

static void start_work(struct sink *s)
{
    struct piece full = s->gathers;
    s->gathers = s->leaves;
    s->leaves = full;
    s->ends = s->is_finished;
    s->discards = s->is_dropped;
    s->is_busy = true;
    if (uv_queue_work(s->cfg.loop, &s->work, on_work, on_worked))
        abort(); /* only without a function to call */
}

struct sink *sink_open(const struct sink_cfg *cfg)
{
    struct sink *s = memory_new(1, sizeof *s);
    s->cfg = *cfg;
    s->fd = -1;
    s->work.data = s;
    s->gathers.bytes = memory_new(SINK_PIECE, 1);
    s->leaves.bytes = memory_new(SINK_PIECE, 1);
    snprintf(s->name, sizeof s->name, "%s", cfg->name);
    snprintf(s->part, sizeof s->part, "%s.part", s->name);
    start_work(s);
    return s;
}

size_t sink_room(const struct sink *s)
{
    return SINK_PIECE - s->gathers.len;
}

void sink_put(struct sink *s, const uint8_t *data, size_t len)
{
    memcpy(s->gathers.bytes + s->gathers.len, data, len);
    s->gathers.len += len;
    if (!s->is_busy)
        start_work(s);
}

void sink_finish(struct sink *s)
{
    s->is_finished = true;
    if (!s->is_busy)
        start_work(s);
}

void sink_drop(struct sink *s)
{
    s->is_dropped = true;
    if (!s->is_busy)
        start_work(s);
}
