#include "node/mrt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgp/mrt.h"
#include "node/config/memory.h"

enum { SLICE = 128 * 1024, SLICE_MS = 1, PATH = 512 };

struct mrt_file {
    uv_timer_t timer; /* to the next dump, or to the next slice */
    struct mrt_file_cfg cfg;
    struct mrt_dump *dump; /* NULL: none is being written */
    int fd;
    char name[PATH], part[PATH];
    uint64_t begin_ms, bytes, records;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void on_timer(uv_timer_t *timer);

static void sleep_until_next(struct mrt_file *m)
{
    uv_timer_start(&m->timer, on_timer, m->cfg.every_ms, 0);
}

/* ---- one dump ---- */

static void end_dump(struct mrt_file *m)
{
    mrt_dump_free(m->dump);
    m->dump = NULL;
    close(m->fd);
}

static void give_up(struct mrt_file *m, int err)
{
    log_event(m->cfg.log, LOG_ERROR_, "mrt_failed", NULL, "file=%s error=\"%s\"", m->name,
              strerror(err));
    if (m->dump) {
        end_dump(m);
        unlink(m->part);
    }
    sleep_until_next(m);
}

static void finish(struct mrt_file *m)
{
    end_dump(m);
    if (rename(m->part, m->name)) {
        int err = errno;
        unlink(m->part);
        give_up(m, err);
        return;
    }
    log_event(m->cfg.log, LOG_INFO_, "mrt_written", NULL, "file=%s bytes=%llu records=%llu ms=%llu",
              m->name, (unsigned long long)m->bytes, (unsigned long long)m->records,
              (unsigned long long)(now_ms() - m->begin_ms));
    sleep_until_next(m);
}

static void begin(struct mrt_file *m)
{
    struct timespec wall;
    struct tm tm;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &wall);
    gmtime_r(&wall.tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(m->name, sizeof m->name, "%s/rib.%s.%s.mrt", m->cfg.directory, m->cfg.node, stamp);
    snprintf(m->part, sizeof m->part, "%s/rib.%s.part", m->cfg.directory, m->cfg.node);
    m->begin_ms = now_ms();
    m->bytes = m->records = 0;
    m->fd = open(m->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (m->fd < 0) {
        give_up(m, errno);
        return;
    }
    m->dump = core_dump(m->cfg.core, m->begin_ms,
                        (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000);
    uv_timer_start(&m->timer, on_timer, 0, SLICE_MS);
}

static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return false;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void write_slice(struct mrt_file *m)
{
    static const int enough = SLICE;
    const uint8_t *record;
    size_t len = 0;
    int more = 1;
    for (int slice = 0; slice < enough && (more = mrt_dump_next(m->dump, &record, &len)) > 0;) {
        if (!write_all(m->fd, record, len)) {
            give_up(m, errno);
            return;
        }
        slice += (int)(len < SLICE ? len : SLICE);
        m->bytes += len;
        m->records++;
    }
    if (more < 0)
        give_up(m, ENOMEM);
    else if (more == 0)
        finish(m);
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
    if (m->dump) {
        end_dump(m);
        unlink(m->part);
    }
    uv_close((uv_handle_t *)&m->timer, on_closed);
}
