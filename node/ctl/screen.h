/* What verbs print, again and again: on a terminal one screen, into a pipe or a file one below the other. No table is
 * laid out twice: a verb prints into memory, and what fits is shown. */
#ifndef TANDEM_NODE_CTL_SCREEN_H
#define TANDEM_NODE_CTL_SCREEN_H

#include "node/ctl/ctl.h"

struct screen_page {
    char key; /* leads to it; 0: none does */
    const char *name;
    ctl_verb *print;
    bool is_tail; /* its end is what is new */
};

struct screen_form {
    const struct screen_page *pages; /* the first is what a pipe gets */
    size_t count;
    unsigned period_s;
};

/* Until the user ends it, or nobody reads any more. A daemon that goes away meanwhile is waited for. */
int screen_run(const struct ctl *c, const struct screen_form *form);

#endif
