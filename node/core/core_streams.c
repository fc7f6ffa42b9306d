/* Who reads whose stream from whom. Normally every node's from itself. Who has no link with a node reads on
 * from another one's copy, at its own position; and when a node has died, from whoever heard most of it.
 * Source: the replication design 4.4, 4.9; scenario 20; invariants R7, C7. */
#include "node/core/core_impl.h"

enum { MINOR_WITH_COLUMNS = 4 };

static size_t unsent(const struct core_conn *conn)
{
    return repl_link_queued(conn->link) + conn->pump.tx_len - conn->pump.tx_at;
}

static bool has_link(const struct core_member *m)
{
    return m->link && !m->link->close_asked;
}

/* ---- reading ---- */

static void ask(struct core *c, struct core_member *at, const struct repl_position *have)
{
    struct repl_msg msg = { .kind = REPL_SUBSCRIBE, .subscribe = { .count = 1, .positions = { *have } } };
    if (repl_link_send(at->link->link, &msg, c->now_ms))
        core_conn_close(c, at->link);
}

static const struct repl_position *position_of(const struct core_member *teller, uint32_t origin)
{
    for (int i = 0; i < teller->heard.position_count; i++)
        if (teller->heard.positions[i].origin == origin)
            return &teller->heard.positions[i];
    return NULL;
}

static bool is_live_at(const struct core_member *teller, uint32_t origin)
{
    enum { CLASS = 0x07 };
    const struct repl_position *p = position_of(teller, origin);
    return p && (p->status & CLASS) == RIB_LIVE;
}

/* Of a node that is away what is learnt of it now is held for no longer than what was known before. Of one
 * that is back it is fresh: its time does not run out before the cut that says so. The first that is read of a life is no
 * fresher than where it is read: what is held there may be older than what was said since, and is no evidence. */
static void start_hold(struct core *c, struct core_member *m, bool is_first)
{
    struct rib_origin *o = &c->rib.origins[m->node->id];
    if (core_member_is_here(m)) {
        if (is_first && m->source != m && !is_live_at(m->source, m->node->id))
            repl_evidence_lost(&c->rib, (uint8_t)m->node->id, c->now_ms);
        repl_evidence_returns(&c->rib, (uint8_t)m->node->id, c->now_ms);
        return;
    }
    repl_evidence_lost(&c->rib, (uint8_t)m->node->id, m->life.heard_ms);
    if (m->life.heard_ms < o->lost_ms)
        o->lost_ms = m->life.heard_ms;
}

/* A copy may be older than what was read in part: what moved in the order meanwhile was no more where the one stood, and is not
 * yet where the other ends. What is read of the node itself is as new as can be. */
static bool is_of_two_times(const struct core_member *m, const struct core_member *source)
{
    return source != m && m->parts_of && m->parts_of != source;
}

static void read_from(struct core *c, struct core_member *m, struct core_member *source,
                      uint64_t incarnation)
{
    bool is_first = incarnation != m->replica.incarnation;
    if (is_first) {
        m->told_ms = m->read_ms = 0;
        m->counter = incarnation == m->told_life ? m->counter : 0;
        m->told_life = incarnation;
    }
    if (is_first || is_of_two_times(m, source)) {
        m->replica.position = 0;
        m->parts_of = NULL;
    }
    struct repl_position have = repl_replica_join(&m->replica, &c->rib, incarnation, c->now_ms);
    m->source = source;
    start_hold(c, m, is_first);
    ask(c, source, &have);
}

static void read_no_more(struct core *c, struct core_member *m)
{
    struct core_member *source = m->source;
    m->source = NULL;
    if (source && source != m && has_link(source))
        ask(c, source, &(struct repl_position){ .origin = m->node->id });
}

/* S1: all that was held of it is gone, and what is read of it now would be held for no time. Somebody may have a link with
 * it again before anybody has heard it. */
static bool has_expired(const struct core *c, const struct core_member *m)
{
    return core_is_dropped(&c->rib.origins[m->node->id]) && !core_member_is_here(m);
}

/* Has its copy less of this life than was read here? */
static bool has_less(const struct core_member *teller, const struct core_member *m)
{
    const struct repl_position *p = position_of(teller, m->node->id);
    return teller != m && p && p->incarnation == m->replica.incarnation && p->version < m->replica.furthest;
}

/* Is it read from the beginning there? Then what that copy does not bring goes, … */
static bool starts_over(const struct core *c, const struct core_member *m, const struct core_member *source)
{
    return !m->replica.position || m->replica.missed || c->rib.origins[m->node->id].is_partial || is_of_two_times(m, source);
}

/* … and one that is older would take with it what was said since. */
static bool is_older(const struct core *c, const struct core_member *teller, const struct core_member *m)
{
    return has_less(teller, m) && starts_over(c, m, teller);
}

/* Than we have: what has expired here is more there. */
static bool has_more(const struct core *c, const struct core_member *teller, const struct core_member *m)
{
    const struct repl_position *p = position_of(teller, m->node->id);
    bool is_partial = c->rib.origins[m->node->id].is_partial;
    return p && (p->incarnation > m->replica.incarnation || p->version >= m->replica.position + !is_partial);
}

/* Its link has just ended. A node that has lost its memory ends all of them when it hears of a life of a higher number, which
 * was before this one, and takes a higher one yet. */
static bool is_asked_for_its_number(const struct core *c, const struct core_member *m)
{
    bool has_just_ended = m->life.state == REPL_MEMBER_SUSPECT && c->now_ms < m->life.direct_ms + c->member_times.dead_ms;
    return m->replica.incarnation && has_just_ended;
}

/* What a node's copy of another one is worth to us: best if it has a link with it, good for once if it
 * has more than we. */
enum worth { WORTH_NOTHING, WORTH_READING, WORTH_FOLLOWING };

static enum worth worth(const struct core *c, const struct core_member *teller, const struct core_member *m)
{
    const struct repl_heard *h = core_heard_of(teller, m);
    const struct repl_position *p = h ? position_of(teller, m->node->id) : NULL;
    if (!p || !h->serves || !has_link(teller) || p->incarnation < m->replica.incarnation || is_older(c, teller, m) ||
        (p->incarnation == m->replica.incarnation && has_expired(c, m)))
        return WORTH_NOTHING;
    if (p->incarnation != m->replica.incarnation && is_asked_for_its_number(c, m))
        return WORTH_NOTHING;
    if (h->linked)
        return WORTH_FOLLOWING;
    return has_more(c, teller, m) ? WORTH_READING : WORTH_NOTHING;
}

/* The best source for a node without a link: the one that is read already, if others are no better. Who goes on reading
 * what has expired has its node's next words before the beat that says that it is back. */
static struct core_member *best_source(struct core *c, const struct core_member *m)
{
    struct core_member *best = m->source && has_link(m->source) && !has_expired(c, m) ? m->source : NULL;
    enum worth most = best ? worth(c, best, m) : WORTH_NOTHING;
    for (struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k)) {
        enum worth has = k == m ? WORTH_NOTHING : worth(c, k, m);
        if (has <= most)
            continue;
        best = k;
        most = has;
    }
    return best;
}

/* Its source has gone over to a later life of it, or it is back and what was held of it has expired. */
static bool is_outdated(const struct core *c, const struct core_member *m)
{
    if (worth(c, m->source, m) == WORTH_NOTHING)
        return false;
    if (c->rib.origins[m->node->id].is_partial && m->replica.position && core_member_is_here(m))
        return true;
    return position_of(m->source, m->node->id)->incarnation > m->replica.incarnation;
}

static void choose(struct core *c, struct core_member *m)
{
    if (has_link(m))
        return; /* from itself */
    struct core_member *source = best_source(c, m);
    if (source == m->source && (!source || !is_outdated(c, m)))
        return;
    read_no_more(c, m);
    if (source)
        read_from(c, m, source, position_of(source, m->node->id)->incarnation);
}

/* What it says comes by there: this life of it is read there itself, and told on. */
static bool tells_on(const struct core_member *source, const struct core_member *m)
{
    const struct repl_heard *h = core_heard_of(source, m);
    const struct repl_position *p = position_of(source, m->node->id);
    return h && h->serves && is_live_at(source, m->node->id) && p->incarnation == m->replica.incarnation;
}

/* All that it had said was here, and what it says now comes by. */
static bool is_read(const struct core_member *m)
{
    return m->source && m->replica.cut_seen && (m->source == m || tells_on(m->source, m));
}

/* It is heard, and its stream is not: nobody has a copy that can be read on, who has one reads it no more or cannot pass it on,
 * or it has woken and tells nothing yet. What it has said gets old, and its withdrawals do not come by: it is held, so that
 * what living sessions say counts against it. Not what comes for the first time: that is fresh. */
static void hold_unread(struct core *c, struct core_member *m)
{
    if (is_read(m)) {
        m->read_ms = m->source == m ? m->life.direct_ms : m->life.heard_ms;
        return;
    }
    uint64_t read_ms = m->read_ms ? m->read_ms : m->life.direct_ms;
    uint64_t since_ms = read_ms > m->life.armed_ms ? read_ms : m->life.armed_ms;
    bool is_first = m->source && !m->read_ms, is_held = c->rib.origins[m->node->id].class != RIB_LIVE;
    if (core_member_is_here(m) && !is_first && !is_held && c->now_ms >= since_ms + c->member_times.dead_ms)
        repl_evidence_lost(&c->rib, (uint8_t)m->node->id, read_ms);
}

/* Has the source all that the node says, as of its last beat, and we what it had then? */
static bool is_current_via(const struct core_member *m)
{
    const struct repl_position *p = m->source->has_heard ? position_of(m->source, m->node->id) : NULL;
    return p && p->incarnation == m->replica.incarnation && is_live_at(m->source, m->node->id) &&
           m->replica.position >= p->version;
}

bool core_streams_is_current(const struct core *c, const struct core_member *m)
{
    (void)c;
    return m->source && m->replica.cut_seen && (m->source == m || is_current_via(m));
}

/* Deletion rule (ii): a decision is to be taken at a cut of every node that is here. Not for longer than three seconds: it
 * may be that nobody can pass its stream on. */
bool core_streams_await(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        bool is_live = c->rib.origins[m->node->id].class == RIB_LIVE && core_streams_is_current(c, m);
        if (m->came_ms && !is_live && c->now_ms < m->came_ms + CORE_AWAIT_MS)
            return true;
    }
    return false;
}

/* Has anybody more of a node that is away than we, that can be read? */
static bool is_behind(const struct core *c, const struct core_member *m)
{
    for (const struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k))
        if (k != m && worth(c, k, m) != WORTH_NOTHING && has_more(c, k, m))
            return true;
    return false;
}

/* Has its stream ended in its middle, for now? Of a node that is here also where its link is cut there; of one that is away only
 * where there is more of it to read. */
static bool is_parted(const struct core *c, const struct core_member *m)
{
    return !m->replica.at_cut && (core_member_is_here(m) ? m->source || m->parts_of : is_behind(c, m));
}

static bool are_parted(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (is_parted(c, m))
            return true;
    return false;
}

bool core_streams_hold(const struct core *c, uint64_t *since_ms, bool has_all)
{
    bool more_comes = are_parted(c);
    if (!more_comes && has_all)
        *since_ms = 0;
    else if (more_comes && !*since_ms)
        *since_ms = c->now_ms;
    return *since_ms && c->now_ms < *since_ms + CORE_PARTS_MS;
}

bool core_streams_hold_all(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (core_member_is_here(m) ? has_link(m) && !m->has_heard : is_behind(c, m))
            return false;
    return true;
}

void core_streams_choose(struct core *c)
{
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        choose(c, m);
        hold_unread(c, m);
        if (m->source && m->source != m && core_member_is_here(m) && core_streams_is_current(c, m))
            repl_evidence_back(&c->rib, (uint8_t)m->node->id, c->now_ms);
    }
}

void core_streams_linked(struct core *c, struct core_member *m, uint64_t incarnation)
{
    for (int o = 0; o <= REPL_NODES_MAX; o++)
        m->senders[o] = (struct repl_sender){ .versions = c->config->node_count > 2,
                                              .is_nested = m->minor < MINOR_WITH_COLUMNS };
    for (struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k))
        if (k->source == m && k != m)
            k->source = NULL; /* the other side has forgotten that we read it there */
    read_no_more(c, m);
    read_from(c, m, m, incarnation);
}

void core_streams_unlinked(struct core *c, struct core_member *m)
{
    for (int o = 0; o <= REPL_NODES_MAX; o++)
        m->senders[o].active = false;
    for (struct core_member *k = core_next_member(c, NULL); k; k = core_next_member(c, k))
        if (k->source == m)
            k->source = NULL;
}

bool core_streams_lack(const struct core *c, const struct core_member *m)
{
    return m->replica.lacks || (core_member_is_here(m) && c->rib.origins[m->node->id].is_partial);
}

void core_streams_read_again(struct core *c)
{
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        bool is_due = m->source && has_link(m->source) && (m->replica.missed || core_streams_lack(c, m));
        if (is_due && is_older(c, m->source, m))
            read_no_more(c, m); /* as soon as somebody has as much of it */
        else if (is_due)
            read_from(c, m, m->source, m->replica.incarnation);
    }
}

static void on_applied(struct core *c, struct core_member *m, uint64_t incarnation, enum repl_apply result)
{
    core_must(result == REPL_APPLY_NOMEM);
    m->parts_of = m->replica.at_cut ? NULL : m->source;
    if (result == REPL_OUT_OF_ORDER && incarnation == m->replica.incarnation)
        read_from(c, m, m->source, incarnation);
    if (result == REPL_APPLIED_CUT && m->source == m)
        repl_evidence_back(&c->rib, (uint8_t)m->node->id, c->now_ms);
}

static void tell_quarantined(struct core *c, const struct core_member *m, uint64_t count)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_ERROR, "record_quarantined", core_member_subject(m, subject, sizeof subject),
               "count=%llu hint=\"an NVA that this node's configuration does not name, or "
               "attributes that are not canonical\"",
               (unsigned long long)count);
}

void core_on_batch(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    struct core_member *of = core_member_of(c, msg->batch.origin);
    if (!of || of->source != m)
        return; /* it was asked before, and another one is now */
    uint64_t before = of->replica.quarantined;
    core_dynamic_hear(c, &msg->batch);
    enum repl_apply result =
        repl_replica_apply(&of->replica, &c->rib, &c->names, &msg->batch, c->now_ms);
    on_applied(c, of, msg->batch.incarnation, result);
    if (of->replica.quarantined != before)
        tell_quarantined(c, of, of->replica.quarantined - before);
}

void core_on_reset(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    struct core_member *of = core_member_of(c, msg->reset.origin);
    if (!of || of->source != m)
        return;
    if (has_less(m, of)) /* it is of an earlier subscription, or an older copy is being read there: R2 */
        read_no_more(c, of);
    else
        on_applied(c, of, msg->reset.incarnation, repl_replica_reset(&of->replica, &c->rib, &msg->reset));
}

/* ---- serving ---- */

static struct repl_source source_of(const struct core *c, uint32_t origin)
{
    bool own = origin == c->cfg.self;
    const struct repl_replica *copy = own ? NULL : &c->members[origin].replica;
    return (struct repl_source){ .origin = (uint8_t)origin,
                                 .incarnation = own ? c->incarnation : copy->incarnation,
                                 .copy = copy };
}

void core_on_subscribe(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    for (int i = 0; i < msg->subscribe.count; i++) {
        const struct repl_position *have = &msg->subscribe.positions[i];
        if (have->origin > c->config->node_count || have->origin == m->node->id)
            continue;
        struct repl_source from = source_of(c, have->origin);
        struct repl_sender *s = &m->senders[have->origin];
        if (!have->incarnation || (from.copy && !s->versions))
            s->active = false;
        else
            repl_sender_subscribe(s, &c->rib, &from, have);
    }
}

bool core_streams_are_held(const struct core *c, const struct core_conn *conn)
{
    return unsent(conn) >= c->bulk_queued;
}

static void send_stream(struct core *c, struct core_member *m, uint32_t origin)
{
    struct repl_msg msg;
    struct repl_source from = source_of(c, origin);
    while (has_link(m) && !core_streams_are_held(c, m->link) &&
           repl_sender_next(&m->senders[origin], &c->rib, &c->names, &from, c->batcher, &msg))
        if (repl_link_send(m->link->link, &msg, c->now_ms))
            core_conn_close(c, m->link);
}

/* A table that an NVA tells lies here for some turns, and makes one frame rather than one a turn: each is a system call, and
 * wakes its reader. */
static bool awaits_more(const struct core *c)
{
    return !list_is_empty(&c->ready) && c->now_ms < c->streamed_ms + CORE_STREAM_WAIT_MS;
}

void core_streams_send(struct core *c)
{
    bool sends_own = !c->hearsay_ms && !awaits_more(c);
    if (sends_own)
        c->streamed_ms = c->now_ms;
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        if (sends_own)
            send_stream(c, m, c->cfg.self);
        for (uint32_t origin = 1; origin <= c->config->node_count; origin++)
            if (origin != c->cfg.self && m->senders[origin].active)
                send_stream(c, m, origin);
    }
}

/* What this reader has for certain. One that has not spoken since it subscribed has at least what it
 * resumed from: tombstones behind that must not go while they are on their way. Who has no link asks
 * again when it is back, and starts over if they are gone. */
static uint64_t acknowledged(const struct core *c, const struct core_member *m)
{
    const struct repl_sender *s = &m->senders[c->cfg.self];
    if (!m->link || !s->active)
        return UINT64_MAX;
    const struct repl_position *p = m->has_heard ? position_of(m, c->cfg.self) : NULL;
    return p && p->incarnation == c->incarnation && p->version < s->position ? p->version : s->position;
}

uint64_t core_streams_acked(const struct core *c)
{
    uint64_t acked = UINT64_MAX;
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        uint64_t has = acknowledged(c, m);
        acked = has < acked ? has : acked;
    }
    return acked;
}
