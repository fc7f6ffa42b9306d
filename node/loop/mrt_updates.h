/* What the NVAs said, as MRT records in files: updates.NODE.20261125T163000Z.mrt, a new one so often. A file
 * begins with the first record of its time and has its name when the time is over, or the node stops. */
#ifndef TANDEM_NODE_MRT_UPDATES_H
#define TANDEM_NODE_MRT_UPDATES_H

#include <uv.h>

#include "node/io/log.h"

struct mrt_updates_cfg {
    uv_loop_t *loop;
    struct log *log; /* these three are borrowed, the log until the loop has ended */
    const char *directory, *node;
    uint32_t every_ms;
};

struct mrt_updates;

struct mrt_updates *mrt_updates_start(const struct mrt_updates_cfg *cfg);
/* Whole records. A disk that cannot keep up, or is full, loses some; that is told, once a file. */
void mrt_updates_put(struct mrt_updates *m, const uint8_t *records, size_t len);
/* Why the last file failed; "": it did not, or there are none. */
const char *mrt_updates_trouble(const struct mrt_updates *m);
/* The last file ends with the loop's handles. */
void mrt_updates_stop(struct mrt_updates *m);

#endif
