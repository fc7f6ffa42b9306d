/* MRT dumps of the RIB into a directory, on a schedule: rib.NODE.20261125T163000Z.mrt. A dump is
 * made in slices between other work and written beside the loop (node/io/sink.h). */
#ifndef TANDEM_NODE_MRT_FILE_H
#define TANDEM_NODE_MRT_FILE_H

#include <uv.h>

#include "node/core/core.h"
#include "node/io/log.h"

struct mrt_file_cfg {
    uv_loop_t *loop;
    struct core *core; /* these four are borrowed until mrt_file_stop */
    struct log *log;
    const char *directory, *node;
    uint32_t every_ms;
};

struct mrt_file;

/* DIRECTORY/WHAT.NODE.TIME.mrt, of now. */
void mrt_file_name(char *buf, size_t cap, const char *directory, const char *what, const char *node);

enum { MRT_TROUBLE = 640 };
/* Why FILE failed, in words. */
void mrt_file_trouble_text(char buf[static MRT_TROUBLE], const char *file, int error);

struct mrt_file *mrt_file_start(const struct mrt_file_cfg *cfg);
/* Why the last dump failed; "": it did not, or there are none. */
const char *mrt_file_trouble(const struct mrt_file *m);
/* Leaves no half a dump behind. What is left of it ends with the loop's handles. */
void mrt_file_stop(struct mrt_file *m);

#endif
