/* What a node says of itself to the others all the time: its beats, and the digest by which all compare
 * their tables. */
#include <string.h>

#include "node/core/core_impl.h"

enum { BREAKDOWN_MS = 10000 };

/* ---- digests ---- */

/* Everything that the decision depends on, in the same order on every node. */
void core_positions(const struct core *c, struct repl_beat *beat)
{
    beat->position_count = 0;
    for (uint32_t id = 1; id <= c->config->node_count; id++) {
        bool self = id == c->cfg.self;
        beat->positions[beat->position_count++] = (struct repl_position){
            .origin = id,
            .incarnation = self ? c->incarnation : c->members[id].replica.incarnation,
            .version = self ? vlist_head(&c->rib.origins[id].order) : c->members[id].replica.position,
            .status = core_living_status(c, id),
        };
    }
}

/* Is the digest a function of the positions? Undecided prefixes make it older than they say. Between
 * cuts, copies of one position may differ: what changed later is missing in one and old in the other. So may those of a node
 * that still speaks of an NVA which our file, read first, does not name or has disabled.
 * With three nodes and more, what evidence says of held routes depends on when each survivor heard it. */
bool core_digest_is_comparable(const struct core *c)
{
    if (c->recheck.is_on || c->rekey.is_on)
        return false;
    bool holds = c->config->node_count > 2 && repl_evidence_is_needed(&c->rib);
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (core_streams_lack(c, m) || (m->replica.position && !m->replica.at_cut))
            return false;
    return rib_dirty_count(&c->rib) == 0 && !holds && !repl_evidence_is_healing(&c->rib);
}

static bool same_vector(const struct repl_beat *own, const struct repl_position *theirs, uint8_t count)
{
    if (own->position_count != count)
        return false;
    for (int i = 0; i < count; i++) {
        const struct repl_position *x = &own->positions[i], *y = &theirs[i];
        if (x->origin != y->origin || x->incarnation != y->incarnation ||
            x->version != y->version || x->status != y->status)
            return false;
    }
    return true;
}

/* Says which part of the table it is, now and from time to time while it lasts. */
static void send_breakdown(struct core *c, struct core_member *m, const struct repl_beat *own)
{
    struct repl_msg msg = { .kind = REPL_BREAKDOWN,
                            .breakdown = { .position_count = own->position_count } };
    if (c->now_ms < m->breakdown_ms)
        return;
    memcpy(msg.breakdown.positions, own->positions, sizeof own->positions);
    memcpy(msg.breakdown.sums, c->digest.buckets, sizeof msg.breakdown.sums);
    if (repl_link_send(m->link->link, &msg, c->now_ms) == 0)
        m->breakdown_ms = c->now_ms + BREAKDOWN_MS;
}

/* Same inputs, same table: anything else is a bug of ours, and must be seen. */
void core_compare_digests(struct core *c, struct core_member *m)
{
    struct repl_beat own = { 0 };
    uint8_t digest[REPL_DIGEST];
    char subject[CONFIG_NAME_MAX + 16];
    if (!m->heard.has_digest || !core_digest_is_comparable(c) || m->config_differs || !core_keys_compare(c, m))
        return;
    if (m->heard.algo != core_algo(c) || m->heard.digest_form != c->digest.form)
        return; /* one of us has not heard yet who has come or gone; or a node of minor 3 compares as minor 2 did */
    core_positions(c, &own);
    if (!same_vector(&own, m->heard.positions, m->heard.position_count))
        return;
    repl_digest_settle(&c->digest);
    repl_digest_write(&c->digest, digest);
    bool equal = memcmp(digest, m->heard.digest, REPL_DIGEST) == 0;
    if (!equal && (m->digest_equal || !m->digest_compared))
        core_event(c, CONFIG_LOG_ERROR, "digest_differs", core_member_subject(m, subject, sizeof subject),
                   "hint=\"same inputs, other table: please report this with the output of tandemctl "
                   "node diff from both nodes\"");
    if (equal && m->digest_compared && !m->digest_equal)
        core_event(c, CONFIG_LOG_INFO, "digest_equal_again", core_member_subject(m, subject, sizeof subject), NULL);
    m->digest_compared = true;
    m->digest_equal = equal;
    if (equal)
        m->differing = m->breakdown_ms = 0;
    else
        send_breakdown(c, m, &own);
}

void core_on_breakdown(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    struct repl_beat own = { 0 };
    char subject[CONFIG_NAME_MAX + 16];
    uint64_t differing = 0;
    core_positions(c, &own);
    if (!core_digest_is_comparable(c) || m->config_differs || !core_keys_compare(c, m) ||
        !same_vector(&own, msg->breakdown.positions, msg->breakdown.position_count))
        return;
    for (unsigned i = 0; i < REPL_BUCKETS; i++)
        differing |= (uint64_t)(msg->breakdown.sums[i] != c->digest.buckets[i]) << i;
    if (differing && differing != m->differing)
        core_event(c, CONFIG_LOG_ERROR, "digest_breakdown", core_member_subject(m, subject, sizeof subject),
                   "buckets=%016llx", (unsigned long long)differing);
    m->differing = differing;
}

/* ---- configurations ---- */

void core_compare_configs(struct core *c, struct core_member *m, const uint8_t digest[static REPL_DIGEST],
                          uint64_t generation)
{
    char subject[CONFIG_NAME_MAX + 16];
    bool differs = memcmp(digest, c->config->digest, REPL_DIGEST) != 0;
    if (differs && (!m->config_differs || m->config_generation != generation))
        core_event(c, CONFIG_LOG_WARN, "config_differs", core_member_subject(m, subject, sizeof subject),
                   "generation=%llu ours=%llu hint=\"give both nodes the same file, and reload both\"",
                   (unsigned long long)generation, (unsigned long long)c->config->generation);
    if (!differs && m->config_differs) {
        core_event(c, CONFIG_LOG_INFO, "config_equal_again", core_member_subject(m, subject, sizeof subject), NULL);
        core_streams_read_again(c); /* what is missed of it here is gone there */
    }
    m->config_differs = differs;
    m->config_generation = generation;
}

/* ---- beats ---- */

static void send_beat(struct core *c, struct core_member *m)
{
    struct repl_msg msg = { .kind = REPL_BEAT };
    struct repl_hint hints[REPL_HINTS_MAX];
    struct repl_beat *b = &msg.beat;
    b->counter = c->beat_counter;
    b->echo = m->has_heard ? m->heard.counter : 0;
    b->echo_age_ms = m->has_heard ? (uint32_t)(c->now_ms - m->heard_beat_ms) : 0;
    b->loop_lag_ms = c->lag_ms;
    b->input_lag_ms = c->input_lag_ms;
    b->hears_no_nva = core_hears_no_nva(c);
    b->algo = core_algo(c);
    b->steady = c->phase == CORE_STEADY;
    b->knows_neighbours = b->steady && core_dynamic_knows_all(c);
    b->config_generation = c->config->generation;
    memcpy(b->config_digest, c->config->digest, REPL_DIGEST);
    b->has_digest = core_digest_is_comparable(c);
    b->digest_form = (uint8_t)c->digest.form;
    repl_digest_settle(&c->digest);
    repl_digest_write(&c->digest, b->digest);
    core_keys_say(c, b);
    core_positions(c, b);
    core_heard_say(c, b);
    b->hint_count = core_shared_hints(c, hints);
    b->hints = hints;
    if (repl_link_send(m->link->link, &msg, c->now_ms))
        return; /* no room: it does not read; silence is counted on its side */
}

void core_beat(struct core *c)
{
    if (c->now_ms < c->beat_ms)
        return;
    c->lag_ms = c->beat_ms ? (uint32_t)(c->now_ms - c->beat_ms) : 0;
    c->beat_ms = c->now_ms + c->config->beat_ms;
    c->beat_counter++;
    core_living_beat(c);
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (m->link && !m->link->close_asked)
            send_beat(c, m);
}
