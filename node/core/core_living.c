/* What the nodes that are alive have in common: the version of the decision, when held routes expire, and whose word counts.
 *
 * Routes of a dead node expire when the lowest of the living says so: its beats tell of which origins it holds
 * nothing any more, and the others follow, seconds before the end of their own timers at the earliest; those are for the case
 * that it does not say so.
 * A node that does not read what its NVAs say is grey: it beats, and its picture is old. So its beats tell
 * how long bytes of NVAs wait, and above a second its sessions are no evidence against anybody's copies.
 * Source: the replication design 4.3, 4.4 (STALE_PURGE), 4.6; invariants D5, S4. */
#include <stdio.h>

#include "node/core/core_impl.h"

enum { FOLLOW_MS = 5000, EXPIRED = 0x08, LAGS = 0x80, HELD_SHIFT = 4 };

/* ---- the decision's version ---- */

/* D5: the least of what the living have as their newest. */
uint16_t core_algo(const struct core *c)
{
    uint16_t least = CORE_ALGO_VERSION;
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (core_member_is_here(m) && m->algo_max && m->algo_max < least)
            least = m->algo_max;
    return least;
}

/* ---- expiry ---- */

static bool is_lowest(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (m->node->id < c->cfg.self && core_member_is_here(m))
            return false;
    return true;
}

/* Nothing is left of what it said in this life, although it did not say so. That a file has its NVAs not any more is no word
 * for others. */
static bool has_expired(const struct rib_origin *o)
{
    return core_is_dropped(o) && o->class != RIB_LIVE && o->paths + o->tombstones == o->old;
}

uint8_t core_origin_status(const struct rib_origin *o)
{
    unsigned held = o->old ? 1u + o->old_class : 0;
    return (uint8_t)(o->class | (has_expired(o) ? EXPIRED : 0) | held << HELD_SHIFT | (o->lags ? LAGS : 0));
}

void core_evidence_tick(struct core *c)
{
    c->hold_times.follow_ms = is_lowest(c) ? 0 : FOLLOW_MS;
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        c->hold_times.heard_ms[m->node->id] = m->life.heard_ms; /* also what is heard of it when it is away: S5 */
    repl_evidence_tick(&c->rib, &c->hold_times, c->now_ms);
}

static bool speaks_for_all(const struct core *c, const struct core_member *m)
{
    if (m->node->id > c->cfg.self)
        return false;
    for (const struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k))
        if (k->node->id < m->node->id && core_member_is_here(k))
            return false;
    return true;
}

static void follow_expiry(struct core *c, const struct core_member *teller)
{
    for (int i = 0; i < teller->heard.position_count; i++) {
        const struct repl_position *p = &teller->heard.positions[i];
        const struct core_member *m = core_member_of(c, p->origin);
        if (!m || m == teller || !(p->status & EXPIRED) || p->incarnation != m->replica.incarnation ||
            core_member_is_here(m))
            continue;
        repl_evidence_purge(&c->rib, (uint8_t)p->origin, &c->hold_times, c->now_ms);
    }
}

/* ---- who is grey ---- */

/* How long the NVA that waits longest has been waiting for its bytes to be read. */
static uint32_t input_lag(const struct core *c)
{
    uint64_t since = c->now_ms;
    for (const struct list *at = c->ready.next; at != &c->ready; at = at->next) {
        const struct core_conn *conn =
            (const struct core_conn *)((const char *)at - offsetof(struct core_conn, pump.ready));
        if (conn->kind == CONN_BGP && conn->unread_ms && conn->unread_ms < since)
            since = conn->unread_ms;
    }
    return (uint32_t)(c->now_ms - since);
}

static void set_lags(struct core *c, uint32_t node, uint32_t lag_ms)
{
    char subject[CONFIG_NAME_MAX + 16];
    bool lags = lag_ms > CORE_LAGS_MS;
    if (lags == c->rib.origins[node].lags)
        return;
    repl_evidence_lags(&c->rib, (uint8_t)node, lags);
    snprintf(subject, sizeof subject, "node=%s", core_node_name(c, node));
    core_event(c, lags ? CONFIG_LOG_WARN : CONFIG_LOG_INFO, lags ? "node_input_lags" : "node_input_read", subject,
               "lag_ms=%u", lag_ms);
}

void core_living_beat(struct core *c)
{
    c->input_lag_ms = input_lag(c);
    set_lags(c, c->cfg.self, c->input_lag_ms);
}

void core_living_heard(struct core *c, const struct core_member *m)
{
    set_lags(c, m->node->id, m->heard.input_lag_ms);
    if (speaks_for_all(c, m))
        follow_expiry(c, m);
}

/* ---- who was heard since we slept ---- */

void core_living_woke(struct core *c)
{
    for (uint32_t id = 1; id <= c->config->node_count; id++)
        repl_evidence_slept(&c->rib, (uint8_t)id);
}

/* It, or whoever passes on what it says, has sent a beat that answers one of ours since then; what waited in a socket meanwhile
 * does not. */
static bool is_heard_since(const struct core *c, const struct core_member *m)
{
    bool answers = m->source && m->source->has_heard && m->source->heard.echo >= c->woke_counter;
    return core_member_is_here(m) && answers && m->told_ms > c->hearsay_since_ms && core_streams_is_current(c, m);
}

/* Nobody is waited for longer than what was on its way before can take. */
static bool is_awake(const struct core *c)
{
    return !c->hearsay_since_ms || c->now_ms >= c->hearsay_since_ms + CORE_HEARSAY_MS;
}

uint8_t core_living_status(const struct core *c, uint32_t id)
{
    const struct rib_origin *o = &c->rib.origins[id];
    uint8_t status = core_origin_status(o);
    bool is_fresh = o->class != RIB_LIVE || id == c->cfg.self || is_awake(c) || is_heard_since(c, &c->members[id]);
    return is_fresh ? status : status | RIB_GRACE;
}

void core_living_tick(struct core *c)
{
    bool is_over = is_awake(c);
    for (uint32_t id = 1; id <= c->config->node_count; id++)
        if (c->rib.origins[id].before &&
            (is_over || (id == c->cfg.self ? !c->hearsay_ms : is_heard_since(c, &c->members[id]))))
            repl_evidence_heard(&c->rib, (uint8_t)id);
}
