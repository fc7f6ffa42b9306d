#include "node/loop/mrt_updates.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/base/memory.h"
#include "node/io/sink.h"
#include "node/loop/mrt_file.h"

struct mrt_updates {
    uv_timer_t timer; /* the end of this file's time */
    struct mrt_updates_cfg cfg;
    struct sink *sink; /* NULL: nothing was said yet, or it failed */
    char name[SINK_NAME];
    unsigned files;  /* that have not ended yet */
    bool is_resting; /* it failed: nothing is written until its time is over */
    bool is_stopped;
    uint64_t lost;   /* octets, of this file's time */
    char trouble[MRT_TROUBLE]; /* of the last file that ended */
};

static void free_if_over(struct mrt_updates *m)
{
    if (m->is_stopped && !m->files && !m->timer.data)
        free(m);
}

static void on_end(void *data, const struct sink_end *e)
{
    struct mrt_updates *m = data;
    if (e->sink == m->sink) {
        m->sink = NULL;
        m->is_resting = true;
    }
    m->files--;
    mrt_file_trouble_text(m->trouble, e->name, e->error);
    if (e->error)
        log_event(m->cfg.log, LOG_ERROR_, "mrt_failed", NULL, "file=%s error=\"%s\" kept_bytes=%llu", e->name,
                  strerror(e->error), (unsigned long long)e->bytes);
    else
        log_event(m->cfg.log, LOG_INFO_, "mrt_written", NULL, "file=%s bytes=%llu", e->name,
                  (unsigned long long)e->bytes);
    free_if_over(m);
}

static void open_file(struct mrt_updates *m)
{
    mrt_file_name(m->name, sizeof m->name, m->cfg.directory, "updates", m->cfg.node);
    m->files++;
    m->sink = sink_open(&(struct sink_cfg){
        .loop = m->cfg.loop, .name = m->name, .keeps_part = true, .on_end = on_end, .data = m });
}

static void end_file(struct mrt_updates *m)
{
    if (m->lost)
        log_event(m->cfg.log, LOG_WARN_, "mrt_records_lost", NULL, "file=%s bytes=%llu", m->name,
                  (unsigned long long)m->lost);
    m->lost = 0;
    m->is_resting = false;
    if (m->sink)
        sink_finish(m->sink);
    m->sink = NULL;
}

const char *mrt_updates_trouble(const struct mrt_updates *m)
{
    return m ? m->trouble : "";
}

void mrt_updates_put(struct mrt_updates *m, const uint8_t *records, size_t len)
{
    if (!m->sink && !m->is_resting)
        open_file(m);
    if (m->sink && sink_room(m->sink) >= len)
        sink_put(m->sink, records, len);
    else
        m->lost += len;
}

/* Files end at multiples of their time, as of other collectors. */
static uint64_t until_next(const struct mrt_updates *m)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    return m->cfg.every_ms - ms % m->cfg.every_ms;
}

static void on_timer(uv_timer_t *timer);

/* Timers count whole milliseconds from when the loop last looked at the clock: never early, for a file that ended
 * early would share its name with the next one. */
static void start_timer(struct mrt_updates *m)
{
    uv_update_time(m->cfg.loop);
    uv_timer_start(&m->timer, on_timer, until_next(m) + 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct mrt_updates *m = timer->data;
    end_file(m);
    start_timer(m);
}

struct mrt_updates *mrt_updates_start(const struct mrt_updates_cfg *cfg)
{
    struct mrt_updates *m = memory_new(1, sizeof *m);
    m->cfg = *cfg;
    uv_timer_init(cfg->loop, &m->timer);
    m->timer.data = m;
    start_timer(m);
    return m;
}

static void on_closed(uv_handle_t *handle)
{
    struct mrt_updates *m = handle->data;
    handle->data = NULL;
    free_if_over(m);
}

void mrt_updates_stop(struct mrt_updates *m)
{
    if (!m)
        return;
    end_file(m);
    m->is_stopped = true;
    uv_close((uv_handle_t *)&m->timer, on_closed);
}
