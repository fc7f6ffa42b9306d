/* -w SEC: a verb that only looks, again and again. */
#include <stdlib.h>

#include "node/ctl/screen.h"

enum { PERIOD_MAX_S = 3600 };

bool ctl_only_looks(ctl_verb *verb)
{
    static ctl_verb *const verbs[] = { verb_status,        verb_doctor,       verb_peer_list,  verb_peer_show,
                                       verb_route_list,    verb_route_explain, verb_learned,   verb_advertised,
                                       verb_node_list,     verb_node_diff,    verb_programmed, verb_bmp_list,
                                       verb_events,        verb_config_diff,  verb_config_show, verb_config_history,
                                       verb_metrics };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (verbs[i] == verb)
            return true;
    return false;
}

bool ctl_set_watch(struct ctl *c, const char *text)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end || seconds > PERIOD_MAX_S) {
        ctl_fail(CTL_USAGE, "-w %s: it is a number of seconds, from 1 to %d", text, PERIOD_MAX_S);
        return false;
    }
    c->watch_s = (unsigned)seconds;
    return true;
}

int ctl_watch(const struct ctl *c, const char *phrase)
{
    const struct screen_page page = { .name = phrase, .print = c->node ? ctl_on_nodes : c->verb, .is_tail = c->verb == verb_events };
    const struct screen_form form = { .pages = &page, .count = 1, .period_s = c->watch_s };
    if (c->follow || c->verb == verb_top)
        return ctl_fail(CTL_USAGE, "%s%s goes on by itself, without -w", phrase, c->follow ? " -f" : "");
    if (!ctl_only_looks(c->verb))
        return ctl_fail(CTL_USAGE, "-w is for what only looks, and changes by itself: not for %s", phrase);
    return screen_run(c, &form);
}
