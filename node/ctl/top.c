/* top: what other verbs print, again every second, on one screen. */
#include "node/ctl/screen.h"

int verb_top(const struct ctl *c)
{
    static const struct screen_page pages[] = {
        { 's', "status", verb_status, false },      { 'n', "nodes", verb_node_list, false },
        { 'p', "peers", verb_peer_list, false },    { 't', "targets", verb_programmed, false },
        { 'e', "events", verb_events, true },       { 'd', "doctor", verb_doctor, false },
    };
    static const struct screen_form form = { .pages = pages, .count = sizeof pages / sizeof *pages, .period_s = 1 };
    if (!ctl_takes(c, 0, 0, "top"))
        return CTL_USAGE;
    if (ctl_wants_json(c))
        return ctl_fail(CTL_USAGE, "top is for eyes: status -o json -w 1, or events -f -o json");
    return screen_run(c, &form);
}
