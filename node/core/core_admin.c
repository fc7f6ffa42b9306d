/* What an administrator does with one NVA on this node; the configuration stays what it is. */
#include "node/core/core_impl.h"

static enum core_act act_on(struct core *c, const char *name, uint64_t now_ms, struct core_peer **out)
{
    c->now_ms = now_ms;
    *out = core_peer_find(c, name);
    if (!*out || core_peer_is_removed(*out))
        return CORE_ACT_UNKNOWN;
    if (c->phase == CORE_STOPPING)
        return CORE_ACT_STOPPING;
    return (*out)->session ? CORE_ACT_DONE : CORE_ACT_NOT_HERE;
}

static void tell(struct core *c, const struct core_peer *p, const char *what)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_INFO, "peer_admin", core_peer_subject(p, subject, sizeof subject),
               "action=%s", what);
}

enum core_act core_peer_disable(struct core *c, const char *name, const char *text, uint64_t now_ms)
{
    struct core_peer *p;
    enum core_act may = act_on(c, name, now_ms, &p);
    if (may != CORE_ACT_DONE)
        return may;
    p->is_shut = true;
    p->restart_at = 0;
    tell(c, p, "disable");
    bgp_session_stop(p->session, BGP_ADMIN_SHUTDOWN, text, now_ms);
    core_bgp_settle(c, p);
    core_routes_lose(c, p); /* also those that were held for its restart */
    core_lost_taken_out(c, p);
    return CORE_ACT_DONE;
}

enum core_act core_peer_enable(struct core *c, const char *name, uint64_t now_ms)
{
    struct core_peer *p;
    enum core_act may = act_on(c, name, now_ms, &p);
    if (may != CORE_ACT_DONE)
        return may;
    p->is_shut = false;
    p->restart_at = 0;
    tell(c, p, "enable");
    core_bgp_permit(c, p);
    return CORE_ACT_DONE;
}

static bool refresh_in(struct core_peer *p)
{
    bool asked = false;
    for (int f = 0; f < BGP_FAMILIES; f++)
        asked |= bgp_session_refresh(p->session, (enum bgp_family)f);
    return asked;
}

static void refresh_out(struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->out[f])
            adjout_refresh(p->out[f]);
}

static void reset(struct core *c, struct core_peer *p, bool is_hard)
{
    bgp_session_reset(p->session,
                      &(struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                                           .code = BGP_CEASE,
                                           .subcode = BGP_ADMIN_RESET,
                                           .is_hard = is_hard },
                      c->now_ms);
}

enum core_act core_peer_clear(struct core *c, const char *name, enum core_clear how, uint64_t now_ms)
{
    static const char *const names[] = { [CORE_CLEAR_RESET] = "clear",
                                         [CORE_CLEAR_HARD] = "clear-hard",
                                         [CORE_CLEAR_SOFT_IN] = "clear-soft-in",
                                         [CORE_CLEAR_SOFT_OUT] = "clear-soft-out" };
    struct core_peer *p;
    enum core_act may = act_on(c, name, now_ms, &p);
    if (may != CORE_ACT_DONE)
        return may;
    if (bgp_session_slot(p->session) < 0)
        return CORE_ACT_NOT_UP;
    if (how == CORE_CLEAR_SOFT_IN && !refresh_in(p))
        return CORE_ACT_NO_REFRESH;
    if (how == CORE_CLEAR_SOFT_OUT)
        refresh_out(p);
    tell(c, p, names[how]);
    if (how == CORE_CLEAR_RESET || how == CORE_CLEAR_HARD)
        reset(c, p, how == CORE_CLEAR_HARD);
    core_bgp_settle(c, p);
    return CORE_ACT_DONE;
}
