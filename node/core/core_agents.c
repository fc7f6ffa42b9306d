/* Host agents: one cursor each on the table (core_table.c), over the authenticated channel.
 *
 * Thousands of them cost nothing while nothing happens: who has been told everything stands on no list,
 * and a turn looks only at those who have not. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

enum {
    BEAT_MS = 250,           /* an agent takes silence of a second for a node's end */
    BEATS_A_TURN = 128,      /* half a millisecond, with what it takes to send them */
    TELL_A_TURN = 384 << 10, /* bytes to all of them together, sealed and sent: some two milliseconds … */
    FRAME_COST = 3 << 10,    /* … where a frame costs as much as so many more */
};

static const char *subject_of(const struct core_agent *a, char *buf, size_t cap)
{
    snprintf(buf, cap, "agent=%s", a->host->cfg.name);
    return buf;
}

/* ---- the table ---- */

static bool has_work(const struct core_agent *a, const struct core_moment *now)
{
    bool is_other = a->isolated_sent != now->isolated || a->awaits_sent != now->awaits;
    return a->subscribed && (a->position < now->head || !a->cut_sent || a->lost_sent != now->lost ||
                             a->complete_sent != now->complete || (!now->is_woken && is_other) ||
                             (a->awaits_sent && !now->awaits));
}

static bool has_room(const struct core_agent *a)
{
    size_t unsent;
    pump_tx_bytes(&a->conn->pump, &unsent);
    return repl_link_queued(a->conn->link) + unsent < CORE_AGENT_QUEUED;
}

static void send_frame(struct core *c, struct core_agent *a, const struct core_frame *f)
{
    if (repl_link_send_payload(a->conn->link, f->payload, f->len, c->now_ms)) {
        core_conn_close(c, a->conn);
        return;
    }
    a->reset = false;
    a->position = f->to;
    a->lost_sent = f->lost;
    a->cut_sent = a->host->is_synced = f->cut;
    a->awaits_sent = f->awaits || (a->awaits_sent && !f->cut);
    if (f->cut) {
        a->complete_sent = f->complete;
        a->isolated_sent = f->isolated;
    }
    core_conn_work(c, a->conn);
}

/* The next frame; returns what it cost, 0 = there is none, or no room for it. */
static size_t serve(struct core *c, struct core_agent *a, const struct core_moment *now)
{
    if (a->conn->close_asked || !has_work(a, now) || !has_room(a))
        return 0;
    if (a->position == now->head && !now->settled && a->lost_sent == now->lost)
        return 0; /* undecided prefixes: the cut comes with a later turn */
    if (core_table_is_held(c, a->position, now) && a->lost_sent == now->lost)
        return 0;
    const struct core_frame *f = core_table_frame(c, a, now);
    size_t cost = f->len + FRAME_COST;
    send_frame(c, a, f);
    return cost;
}

static void find_work(struct core *c, const struct core_moment *now)
{
    LIST_EACH(node, &c->agents)
    {
        struct core_agent *a = LIST_OF(node, struct core_agent, all);
        if (!list_is_on(&a->behind) && has_work(a, now))
            list_append(&c->agents_behind, &a->behind);
    }
    c->agents_told = *now;
}

static bool is_same_moment(const struct core_moment *a, const struct core_moment *b)
{
    return a->head == b->head && a->settled == b->settled && a->complete == b->complete &&
           a->isolated == b->isolated && a->is_woken == b->is_woken && a->awaits == b->awaits && a->lost == b->lost;
}

/* A frame each, and another one while there is time. Who is left waiting comes first in the next turn. */
static void serve_some(struct core *c, const struct core_moment *now)
{
    struct list full;
    list_init(&full);
    for (size_t cost = 0; cost < TELL_A_TURN && !list_is_empty(&c->agents_behind);) {
        struct core_agent *a = LIST_OF(c->agents_behind.next, struct core_agent, behind);
        size_t frame = serve(c, a, now);
        cost += frame;
        list_remove(&a->behind);
        if (!a->conn->close_asked && has_work(a, now))
            list_append(frame ? &c->agents_behind : &full, &a->behind);
    }
    c->agents_wait = !list_is_empty(&c->agents_behind);
    list_take(&c->agents_behind, &full);
}

void core_agents_stream(struct core *c)
{
    c->agents_wait = false;
    if (list_is_empty(&c->agents))
        return;
    const struct core_moment now = core_table_moment(c);
    if (!is_same_moment(&now, &c->agents_told))
        find_work(c, &now);
    serve_some(c, &now);
}

uint64_t core_agents_slowest(const struct core *c)
{
    uint64_t slowest = UINT64_MAX;
    for (const struct list *at = c->agents_behind.next; at != &c->agents_behind; at = at->next) {
        const struct core_agent *a =
            (const struct core_agent *)((const char *)at - offsetof(struct core_agent, behind));
        if (a->subscribed && a->position < slowest)
            slowest = a->position;
    }
    /* Who is on no list has been told all up to that moment. */
    return list_is_empty(&c->agents) || slowest < c->agents_told.head ? slowest
                                                                     : c->agents_told.head;
}

bool core_agent_sent(struct core *c, struct core_conn *conn)
{
    if (repl_link_queued(conn->link))
        core_conn_work(c, conn);
    return repl_link_queued(conn->link) || list_is_on(&conn->agent->behind);
}

/* ---- life of an agent ---- */

void core_agent_up(struct core *c, struct core_conn *conn, const struct repl_party *party)
{
    char subject[CONFIG_NAME_MAX + 16];
    struct core_agent *a = memory_new(1, sizeof *a);
    a->host = c->hosts[party->id];
    a->host->links++;
    a->host->since_ms = c->now_ms;
    a->conn = conn;
    memcpy(conn->proof.own_key, c->key_id, REPL_KEY_ID);
    memcpy(conn->proof.peer_key, party->key_id, REPL_KEY_ID);
    conn->proof.secret = repl_link_secret_id(conn->link);
    a->host->proof = conn->proof;
    a->beat_ms = c->now_ms;
    list_init(&a->all);
    list_init(&a->behind);
    list_append(&c->agents, &a->all);
    c->agent_count++;
    conn->agent = a;
    list_remove(&conn->work); /* from now on it is looked at when there is something to do */
    core_conn_work(c, conn);
    core_event(c, CONFIG_LOG_INFO, "agent_connected", subject_of(a, subject, sizeof subject), NULL);
}

void core_agent_gone(struct core *c, struct core_agent *a)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_INFO, "agent_gone", subject_of(a, subject, sizeof subject),
               "hint=\"it keeps its table\"");
    a->conn->agent = NULL;
    list_remove(&a->all);
    list_remove(&a->behind);
    c->agent_count--;
    if (--a->host->links == 0) {
        a->host->since_ms = c->now_ms;
        a->host->is_synced = false;
    }
    free(a);
}

/* Resume is possible while every net that ended since then is still listed: positions are of this
 * incarnation and nothing was reaped behind them. We keep no history for absent agents, so a new
 * subscription starts over; the agent keeps its table meanwhile and applies only differences. */
static void on_subscribe(struct core *c, struct core_agent *a)
{
    a->subscribed = a->reset = true;
    a->cut_sent = a->complete_sent = a->isolated_sent = a->awaits_sent = false;
    a->position = 0;
    if (!list_is_on(&a->behind))
        list_append(&c->agents_behind, &a->behind);
}

void core_agent_message(struct core *c, struct core_agent *a, const struct repl_msg *m)
{
    if (m->kind == REPL_TABLE_SUBSCRIBE)
        on_subscribe(c, a);
    if (m->kind == REPL_TABLE_REPORT) {
        a->host->report = m->table_report;
        a->host->has_report = true;
    }
}

void core_agents_stop(struct core *c)
{
    LIST_EACH(node, &c->agents)
    {
        struct core_conn *conn = LIST_OF(node, struct core_agent, all)->conn;
        if (conn->close_asked)
            continue;
        repl_link_finish(conn->link, c->now_ms);
        core_cluster_fill(c, conn);
        core_conn_close(c, conn);
    }
}

void core_agents_fini(struct core *c)
{
    LIST_EACH(node, &c->agents)
    {
        list_remove(node);
        free(LIST_OF(node, struct core_agent, all));
    }
}

/* ---- beats: agents judge a node by them, as nodes do ---- */

struct beats {
    uint8_t payload[1 + REPL_SECRETS_MAX][64]; /* for those who are on the way, and for those who have everything */
    size_t len[1 + REPL_SECRETS_MAX];
};

static void encode_beats(struct core *c, const struct core_moment *now, struct beats *out)
{
    struct repl_msg msg = { .kind = REPL_TABLE_BEAT };
    msg.beat.counter = c->beat_counter;
    msg.beat.steady = now->complete;
    for (size_t kind = 0; kind <= c->table.secret_count; kind++) {
        msg.beat.has_digest = kind > 0;
        if (kind > 0)
            repl_digest_write(&c->table.secrets[kind - 1].digest, msg.beat.digest);
        int len = repl_msg_encode(&msg, out->payload[kind], sizeof out->payload[0]);
        core_must(len < 0);
        out->len[kind] = (size_t)len;
    }
}

/* The digest goes to those who have the table that it is of: they look at theirs again. */
static void beat(struct core *c, struct core_agent *a, const struct core_moment *now, const struct beats *beats)
{
    bool has_all = now->settled && a->subscribed && !has_work(a, now);
    size_t kind = has_all ? 1 + core_agent_digest(c, a) : 0;
    if (a->conn->close_asked)
        return;
    if (repl_link_send_payload(a->conn->link, beats->payload[kind], beats->len[kind], c->now_ms))
        core_conn_close(c, a->conn); /* it has not read for 256 KiB of beats and tables */
    else
        core_conn_work(c, a->conn);
}

static struct core_agent *due_for_a_beat(const struct core *c)
{
    struct core_agent *first = LIST_OF(c->agents.next, struct core_agent, all);
    return !list_is_empty(&c->agents) && c->now_ms >= first->beat_ms ? first : NULL;
}

/* They stand in the order of their beats: who has had one goes to the end. */
void core_agents_beat(struct core *c)
{
    const struct core_moment now = core_table_moment(c);
    struct beats beats;
    struct core_agent *a = due_for_a_beat(c);
    if (a)
        encode_beats(c, &now, &beats);
    for (int left = BEATS_A_TURN; a && left; left--, a = due_for_a_beat(c)) {
        beat(c, a, &now, &beats);
        a->beat_ms = c->now_ms + BEAT_MS;
        list_remove(&a->all);
        list_append(&c->agents, &a->all);
    }
}

bool core_agents_have_work(const struct core *c)
{
    return c->agents_wait || due_for_a_beat(c);
}
