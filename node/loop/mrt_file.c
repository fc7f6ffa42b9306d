#include "node/loop/mrt_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgp/monitor/mrt.h"
#include "node/base/memory.h"
#include "node/io/sink.h"

enum { SLICE = 128 * 1024, SLICE_MS = 1 };

struct mrt_file {
    uv_timer_t timer; /* to the next dump, or to the next slice */
    struct mrt_file_cfg cfg;
    struct mrt_dump *dump; /* NULL: none is being made */
    struct sink *sink;     /* NULL: none is being written */
    const uint8_t *at;     /* of the record that has no room yet … */
    size_t left;           /* … so much of it */
    uint64_t begin_ms, records;
    char trouble[MRT_TROUBLE]; /* of the last dump that ended */
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

void mrt_file_name(char *buf, size_t cap, const char *directory, const char *what, const char *node)
{
    struct tm tm;
    char stamp[32];
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(buf, cap, "%s/%s.%s.%s.mrt", directory, what, node, stamp);
}

void mrt_file_trouble_text(char buf[static MRT_TROUBLE], const char *file, int error)
{
    snprintf(buf, MRT_TROUBLE, "%s%s%s", error ? file : "", error ? ": " : "", error ? strerror(error) : "");
}

const char *mrt_file_trouble(const struct mrt_file *m)
{
    return m ? m->trouble : "";
}

static void on_timer(uv_timer_t *timer);

static void sleep_until_next(struct mrt_file *m)
{
    uv_timer_start(&m->timer, on_timer, m->cfg.every_ms, 0);
}

/* ---- one dump ---- */

static void end_dump(struct mrt_file *m)
{
    if (m->dump)
        mrt_dump_free(m->dump);
    m->dump = NULL;
    m->left = 0;
}

static void on_end(void *data, const struct sink_end *e)
{
    struct mrt_file *m = data;
    m->sink = NULL;
    end_dump(m);
    mrt_file_trouble_text(m->trouble, e->name, e->error);
    if (e->error)
        log_event(m->cfg.log, LOG_ERROR_, "mrt_failed", NULL, "file=%s error=\"%s\"", e->name,
                  strerror(e->error));
    else
        log_event(m->cfg.log, LOG_INFO_, "mrt_written", NULL, "file=%s bytes=%llu records=%llu ms=%llu",
                  e->name, (unsigned long long)e->bytes, (unsigned long long)m->records,
                  (unsigned long long)(now_ms() - m->begin_ms));
    sleep_until_next(m);
}

static void on_room(void *data)
{
    struct mrt_file *m = data;
    if (m->dump)
        uv_timer_start(&m->timer, on_timer, 0, SLICE_MS);
}

static void begin(struct mrt_file *m)
{
    struct timespec wall;
    char name[SINK_NAME];
    clock_gettime(CLOCK_REALTIME, &wall);
    mrt_file_name(name, sizeof name, m->cfg.directory, "rib", m->cfg.node);
    m->begin_ms = now_ms();
    m->records = 0;
    m->sink = sink_open(&(struct sink_cfg){
        .loop = m->cfg.loop, .name = name, .on_room = on_room, .on_end = on_end, .data = m });
    m->dump = core_dump(m->cfg.core, m->begin_ms,
                        (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000);
    uv_timer_start(&m->timer, on_timer, 0, SLICE_MS);
}

/* Out of memory counts as a disk that is full: no dump. */
static void give_up(struct mrt_file *m)
{
    log_event(m->cfg.log, LOG_ERROR_, "mrt_failed", NULL, "error=\"%s\"", strerror(ENOMEM));
    mrt_file_trouble_text(m->trouble, m->cfg.directory, ENOMEM);
    sink_drop(m->sink);
    m->sink = NULL;
    end_dump(m);
    sleep_until_next(m);
}

/* No room: the timer rests until a piece is written. */
static void write_slice(struct mrt_file *m)
{
    for (size_t slice = 0; slice < SLICE;) {
        int more = m->left ? 1 : mrt_dump_next(m->dump, &m->at, &m->left);
        size_t room = sink_room(m->sink), n = m->left < room ? m->left : room;
        if (more < 0) {
            give_up(m);
            return;
        }
        if (more == 0) {
            end_dump(m);
            sink_finish(m->sink);
        }
        if (more == 0 || !room) {
            uv_timer_stop(&m->timer);
            return;
        }
        sink_put(m->sink, m->at, n);
        m->at += n;
        m->left -= n;
        m->records += !m->left;
        slice += n;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct mrt_file *m = timer->data;
    if (m->dump)
        write_slice(m);
    else
        begin(m);
}

/* ---- life ---- */

struct mrt_file *mrt_file_start(const struct mrt_file_cfg *cfg)
{
    struct mrt_file *m = memory_new(1, sizeof *m);
    m->cfg = *cfg;
    uv_timer_init(cfg->loop, &m->timer);
    m->timer.data = m;
    sleep_until_next(m);
    return m;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void mrt_file_stop(struct mrt_file *m)
{
    if (!m)
        return;
    end_dump(m);
    if (m->sink)
        sink_drop(m->sink);
    uv_close((uv_handle_t *)&m->timer, on_closed);
}
