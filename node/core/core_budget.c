/* What one NVA may cost in memory: what it announces beyond that is not stored, and so not replicated either.
 *
 * A route costs a fixed amount and its attributes, shared or not: a fact of what was announced, the same on
 * every node. The session stays, and what is held stays; a route that is told again and does not fit any more is
 * treated as withdrawn, since what was told before does not hold. When there is room again the NVA is asked to
 * tell all of it once more (RFC 2918).
 *
 * Paths of one prefix are limited apart, those that it has withdrawn lately among them: what is done with a prefix takes as
 * long as it has paths. When there is room for one more of those prefixes it is asked as well. */
#include "node/core/core_impl.h"

enum { HIGH_EIGHTHS = 7, ROOM_EIGHTHS = 6 };

static uint64_t eighths(const struct core_peer *p, uint64_t count)
{
    return p->cfg->max_memory / 8 * count;
}

bool core_budget_admits_all(const struct core *c, const struct core_peer *p, uint32_t count, uint32_t attrs)
{
    uint64_t used = c->rib.origins[c->rib.self].sessions[p->nva].bytes, most = p->cfg->max_memory;
    return !most || used + count * rib_path_bytes(&c->rib, attrs) <= most;
}

bool core_budget_admits(struct core *c, const struct core_peer *p, const struct ip_prefix *prefix,
                        uint32_t path_id, uint32_t attrs)
{
    uint64_t used = c->rib.origins[c->rib.self].sessions[p->nva].bytes, most = p->cfg->max_memory;
    uint64_t cost = rib_path_bytes(&c->rib, attrs);
    if (core_budget_admits_all(c, p, 1, attrs))
        return true;
    uint32_t held = rib_attrs_of(&c->rib, c->rib.self, p->nva, prefix, path_id);
    uint64_t freed = held ? rib_path_bytes(&c->rib, held) : 0;
    return cost <= freed || used - freed + cost <= most;
}

bool core_budget_has_room(const struct core *c, const struct core_peer *p, const struct ip_prefix *prefix,
                          uint32_t path_id)
{
    return !path_id || rib_has_room(&c->rib, c->rib.self, p->nva, prefix, path_id, CORE_PATHS);
}

static void tell(struct core *c, const struct core_peer *p, enum config_log_level level, const char *event)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, (int)level, event, core_peer_subject(p, subject, sizeof subject),
               "bytes=%llu limit=%llu refused=%llu",
               (unsigned long long)c->rib.origins[c->rib.self].sessions[p->nva].bytes,
               (unsigned long long)p->cfg->max_memory, (unsigned long long)p->refused_routes);
}

void core_budget_refuse(struct core *c, struct core_peer *p)
{
    p->refused_routes++;
    if (p->over_memory)
        return;
    p->over_memory = true;
    tell(c, p, CONFIG_LOG_ERROR, "peer_memory_over_limit");
}

static void note_full(struct core_peer *p, const struct ip_prefix *prefix)
{
    for (uint32_t i = 0; i < p->full_count && i < CORE_FULL; i++)
        if (ip_prefix_is_equal(&p->full[i], prefix))
            return;
    p->full[p->full_count++ % CORE_FULL] = *prefix;
}

void core_budget_refuse_path(struct core *c, struct core_peer *p, const struct ip_prefix *prefix)
{
    char subject[CONFIG_NAME_MAX + 16], text[IP_PREFIX_TEXT];
    p->refused_routes++;
    note_full(p, prefix);
    if (p->over_paths)
        return;
    p->over_paths = true;
    core_event(c, CONFIG_LOG_ERROR, "peer_paths_over_limit", core_peer_subject(p, subject, sizeof subject),
               "prefix=%s limit=%d", ip_prefix_format(prefix, text), CORE_PATHS);
}

void core_budget_look(struct core *c, struct core_peer *p)
{
    uint64_t used = c->rib.origins[c->rib.self].sessions[p->nva].bytes;
    bool is_high = p->cfg->max_memory && used >= eighths(p, HIGH_EIGHTHS);
    if (is_high && !p->high_memory)
        tell(c, p, CONFIG_LOG_WARN, "peer_memory_high");
    if (is_high || used < eighths(p, ROOM_EIGHTHS))
        p->high_memory = is_high;
}

static void ask_again(struct core *c, struct core_peer *p)
{
    p->asked_ms = c->now_ms;
    if (p->session && bgp_session_state(p->session) == BGP_ESTABLISHED)
        core_peer_clear(c, p->cfg->name, CORE_CLEAR_SOFT_IN, c->now_ms);
}

/* Not more often than what is withdrawn is remembered: whoever tells other ids again and again tells all each time. */
static void look_for_paths(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16], text[IP_PREFIX_TEXT];
    const struct ip_prefix *roomy = NULL;
    if (!p->over_paths || c->now_ms < p->asked_ms + c->config->tombstone_ms)
        return;
    for (uint32_t i = 0; !roomy && i < p->full_count && i < CORE_FULL; i++)
        if (rib_has_room(&c->rib, c->rib.self, p->nva, &p->full[i], 0, CORE_PATHS)) /* 0: no path has that id */
            roomy = &p->full[i];
    if (!roomy)
        return;
    core_event(c, CONFIG_LOG_INFO, "peer_paths_has_room", core_peer_subject(p, subject, sizeof subject),
               "prefix=%s refused=%llu", ip_prefix_format(roomy, text), (unsigned long long)p->refused_routes);
    p->over_paths = false;
    p->full_count = 0;
    ask_again(c, p);
}

void core_budget_tick(struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        look_for_paths(c, p);
        uint64_t used = c->rib.origins[c->rib.self].sessions[p->nva].bytes;
        if (!p->over_memory || (p->cfg->max_memory && used >= eighths(p, ROOM_EIGHTHS)))
            continue;
        p->over_memory = false;
        tell(c, p, CONFIG_LOG_INFO, "peer_memory_has_room");
        ask_again(c, p);
    }
}
