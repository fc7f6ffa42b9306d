/* What the nodes tell each other of third ones. A node is silent only when it is silent on every path: each
 * beat says which beat of every other node was heard last, and how long ago. Ages add up on the way, and only
 * a newer beat counts, so that a rumour of a dead node grows old wherever it goes around.
 * Source: the replication design 4.3, 4.9; scenario 20; invariant C7. */
#include "node/core/core_impl.h"

static bool has_link(const struct core_member *m)
{
    return m->link && !m->link->close_asked;
}

const struct repl_heard *core_heard_of(const struct core_member *teller, const struct core_member *m)
{
    if (!teller->has_heard || teller == m)
        return NULL;
    for (int i = 0; i < teller->heard.heard_count; i++)
        if (teller->heard.heard[i].node == m->node->id)
            return &teller->heard.heard[i];
    return NULL;
}

/* The latest life of it that anybody here remembers. One that lost its own count hears of it from us, or from those
 * who hear it from us: it may have a link with none that remembers. */
static uint64_t latest_life(const struct core *c, const struct core_member *m)
{
    uint64_t latest = m->replica.incarnation;
    for (const struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k)) {
        const struct repl_heard *h = core_heard_of(k, m);
        if (h && h->incarnation > latest)
            latest = h->incarnation;
    }
    return latest;
}

/* Its beats that were read after a pause of ours may have waited since before it: until one answers a beat that we have
 * sent since, nobody knows how old they are. Nor when its link has ended behind them. */
static bool may_be_old(const struct core *c, const struct core_member *m)
{
    bool was_read_since = m->heard_beat_ms > c->slept_ms;
    return m->life.heard_ms == m->life.direct_ms && was_read_since && m->heard.echo < c->woke_counter;
}

/* Whose last word was that it goes is not heard any more, however lately that was read: of who slept meanwhile others
 * would take it for alive. */
static uint32_t age(const struct core *c, const struct core_member *m)
{
    uint64_t age_ms = c->now_ms - m->life.heard_ms;
    bool is_known = m->life.state != REPL_MEMBER_LEFT && !may_be_old(c, m) && age_ms < UINT32_MAX;
    return is_known ? (uint32_t)age_ms : UINT32_MAX;
}

void core_heard_say(const struct core *c, struct repl_beat *beat)
{
    beat->heard_count = 0;
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        uint64_t life = latest_life(c, m);
        if (!m->replica.incarnation)
            continue;
        beat->heard[beat->heard_count++] = (struct repl_heard){
            .node = m->node->id,
            .incarnation = life,
            .counter = life == m->told_life ? m->counter : 0, /* no beat of that life is known */
            .age_ms = age(c, m),
            .linked = has_link(m),
            .serves = repl_replica_serves(&m->replica, &c->rib),
            .config_generation = m->config_generation,
            .algo_max = m->algo_max,
        };
    }
}

void core_heard_beat(struct core *c, struct core_member *m, uint64_t counter)
{
    m->told_life = m->replica.incarnation;
    m->counter = counter;
    m->told_ms = c->now_ms;
}

static bool is_vouched(const struct core *c, const struct core_member *m)
{
    for (const struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k)) {
        const struct repl_heard *h = core_heard_of(k, m);
        if (h && h->linked && has_link(k) && k->life.state == REPL_MEMBER_ALIVE)
            return true;
    }
    return false;
}

/* Its life so far may be known from its stream only: then any beat is news. Of one that nobody has read, as it ended before, the
 * same one is no news either, or two would tell each other for ever how lately it was heard. */
static bool is_news(const struct core_member *m, const struct repl_heard *h)
{
    if (h->incarnation != m->told_life)
        return h->incarnation > m->told_life;
    return h->counter > m->counter || !m->told_ms;
}

static void take(struct core *c, struct core_member *m, const struct repl_heard *h)
{
    uint64_t heard_ms = c->now_ms > h->age_ms ? c->now_ms - h->age_ms : 0;
    if (!is_news(m, h))
        return;
    m->told_life = h->incarnation;
    m->counter = h->counter;
    m->told_ms = c->now_ms;
    if (!has_link(m)) {
        m->config_generation = h->config_generation;
        m->algo_max = h->algo_max;
    }
    bool is_new_life = h->incarnation > m->gone_incarnation;
    if (repl_member_heard_of(&m->life, heard_ms, is_new_life, c->now_ms))
        core_member_state(c, m, "another node hears it");
}

/* Somebody whom we cannot reach remembers a later life of ours. */
static void take_own(struct core *c, const struct core_member *from)
{
    for (int i = 0; i < from->heard.heard_count; i++)
        if (from->heard.heard[i].node == c->cfg.self && from->heard.heard[i].incarnation > c->incarnation) {
            core_cluster_raise(c, from->heard.heard[i].incarnation);
            return;
        }
}

void core_heard_take(struct core *c, const struct core_member *from)
{
    take_own(c, from);
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        const struct repl_heard *h = core_heard_of(from, m);
        if (repl_member_vouch(&m->life, is_vouched(c, m), c->now_ms))
            core_member_state(c, m, "nobody listens on its cluster port, and nobody has a link with it");
        if (h)
            take(c, m, h);
    }
}
