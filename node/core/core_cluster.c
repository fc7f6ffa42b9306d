/* The other nodes: connections, who is alive, and what their links say. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

#ifndef TANDEM_PROTOCOL_MINOR
#define TANDEM_PROTOCOL_MINOR 4
#endif

enum {
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 1000,
    RENEW_MS = 3600 * 1000,
    RENEW_AGAIN_MS = 60 * 1000, /* when the new link did not come up */
    REKEY_AGAIN_MS = 10 * 1000, /* … and was to be made with newer keys */
    DYING_MS = 20, /* a listener that hung up is asked again */
};

const char *core_member_subject(const struct core_member *m, char *buf, size_t cap)
{
    snprintf(buf, cap, "node=%s", m->node->name);
    return buf;
}

static bool is_other(const struct core *c, uint32_t id)
{
    return id >= 1 && id <= c->config->node_count && id != c->cfg.self;
}

struct core_member *core_member_of(struct core *c, uint32_t id)
{
    return is_other(c, id) ? &c->members[id] : NULL;
}

/* ---- states ---- */

bool core_member_is_here(const struct core_member *m)
{
    return m->life.state == REPL_MEMBER_ALIVE || m->life.state == REPL_MEMBER_SUSPECT;
}

void core_member_state(struct core *c, struct core_member *m, const char *reason)
{
    char subject[CONFIG_NAME_MAX + 16];
    uint8_t origin = (uint8_t)m->node->id;
    bool bad = m->life.state == REPL_MEMBER_DEAD || m->life.state == REPL_MEMBER_AUTH_FAILED;
    core_event(c, bad ? CONFIG_LOG_WARN : CONFIG_LOG_INFO, "node_state",
               core_member_subject(m, subject, sizeof subject), "state=%s reason=\"%s\" held_routes=%u",
               repl_member_state_name(m->life.state), reason, c->rib.origins[origin].paths);
    if (core_member_is_here(m)) {
        m->came_ms = m->came_ms ? m->came_ms : c->now_ms;
        return;
    }
    m->came_ms = 0;
    m->gone_incarnation = m->replica.incarnation;
    repl_evidence_lost(&c->rib, origin, m->life.heard_ms); /* not when that was found out */
}

static void forget_link(struct core *c, struct core_member *m, struct core_conn *conn)
{
    if (m->dialling == conn)
        m->dialling = NULL;
    if (m->link != conn)
        return;
    m->link = NULL;
    m->has_heard = m->digest_compared = false;
    core_streams_unlinked(c, m);
    c->beat_ms = c->now_ms; /* who wonders whether it is dead hears of it at once */
    if (repl_member_unlinked(&m->life, c->now_ms))
        core_member_state(c, m, "connection lost");
}

/* ---- connections ---- */

static struct repl_link_cfg link_cfg(const struct core *c, bool initiator,
                                     const struct repl_party *parties, size_t count)
{
    struct repl_link_cfg cfg = {
        .initiator = initiator,
        .role = REPL_ROLE_NODE,
        .identity = c->cfg.identity,
        .secrets = c->cfg.secrets,
        .next_secrets = c->cfg.next_secrets,
        .agent_secrets = core_agent_secret(c, 0),
        .next_agent_secrets = core_agent_secret(c, 1),
        .parties = parties,
        .party_count = count,
        .hello = { .node = c->cfg.self,
                   .incarnation = c->incarnation,
                   .minor_min = (uint16_t)(c->minor - 1),
                   .minor_max = c->minor,
                   .algo_min = CORE_ALGO_VERSION,
                   .algo_max = CORE_ALGO_VERSION,
                   .config_generation = c->config->generation,
                   .version = TANDEM_VERSION,
                   .up_ms = c->now_ms - c->started_ms },
    };
    repl_cluster_id(c->config->name, cfg.cluster_id);
    memcpy(cfg.hello.config_digest, c->config->digest, REPL_DIGEST);
    snprintf(cfg.hello.name, sizeof cfg.hello.name, "%s", c->node->name);
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        cfg.seen[m->node->id] = m->replica.incarnation;
    if (initiator)
        cfg.hello.your_incarnation = cfg.seen[parties->id];
    return cfg;
}

/* ---- strangers: replayed or made-up handshakes must not keep us busy or full ---- */

static bool is_half_open(const struct core_conn *conn)
{
    return conn->kind == CONN_LINK && !conn->dialled && !conn->authenticated && !conn->close_asked;
}

static bool has_too_many_half_open(struct core *c, const struct ip_addr *remote)
{
    unsigned all = 0, same = 0;
    LIST_EACH(node, &c->conns)
    {
        const struct core_conn *conn = LIST_OF(node, struct core_conn, all);
        if (!is_half_open(conn))
            continue;
        all++;
        same += ip_addr_is_equal(&conn->remote, remote);
    }
    return all >= CORE_HALF_OPEN_ALL || same >= CORE_HALF_OPEN;
}

/* The record of this address, or the oldest one to be used for it. */
static struct core_stranger *stranger(struct core *c, const struct ip_addr *address)
{
    struct core_stranger *oldest = &c->strangers[0];
    for (int i = 0; i < CORE_STRANGERS; i++) {
        struct core_stranger *s = &c->strangers[i];
        if (s->failures && ip_addr_is_equal(&s->address, address))
            return s;
        if (s->since_ms < oldest->since_ms)
            oldest = s;
    }
    return oldest;
}

static void count_failure(struct core *c, const struct ip_addr *address)
{
    struct core_stranger *s = stranger(c, address);
    if (!ip_addr_is_equal(&s->address, address) || c->now_ms >= s->since_ms + 1000)
        *s = (struct core_stranger){ .address = *address, .since_ms = c->now_ms };
    s->failures++;
}

static bool is_to_wait(struct core *c, const struct ip_addr *address)
{
    const struct core_stranger *s = stranger(c, address);
    return ip_addr_is_equal(&s->address, address) && s->failures >= CORE_STRANGER_RATE &&
           c->now_ms < s->since_ms + 1000;
}

struct core_conn *core_cluster_accept(struct core *c, const struct ip_addr *remote)
{
    if (!c->party_count || has_too_many_half_open(c, remote) || is_to_wait(c, remote)) {
        c->refused_handshakes++;
        return NULL;
    }
    struct repl_link_cfg cfg = link_cfg(c, false, c->parties, c->party_count);
    struct core_conn *conn = core_conn_new(c, CONN_LINK, remote);
    conn->link = repl_link_new(&cfg, c->now_ms);
    core_must(!conn->link);
    return conn;
}

static void dial(struct core *c, struct core_member *m)
{
    struct core_choice choice = core_keys_choose(c, m);
    struct repl_link_cfg cfg = link_cfg(c, true, choice.party, 1);
    cfg.secrets = choice.secrets;
    struct core_conn *conn = core_conn_new(c, CONN_LINK, &m->node->cluster_address);
    conn->link = repl_link_new(&cfg, c->now_ms);
    core_must(!conn->link);
    conn->dialled = true;
    conn->member = m;
    m->dialling = conn;
    core_request(c, &(struct core_request){ .kind = CORE_DIAL,
                                            .port = CORE_PORT_CLUSTER,
                                            .pump = &conn->pump,
                                            .remote = m->node->cluster_address,
                                            .local = c->node->cluster_address,
                                            .remote_port = m->node->cluster_port });
}

void core_cluster_connected(struct core *c, struct core_conn *conn)
{
    core_cluster_fill(c, conn);
}

/* Its link ended just now: the process may be dying, and its listener outlives the connections by what that takes. */
static bool may_be_dying(const struct core *c, const struct core_member *m)
{
    return m->life.state == REPL_MEMBER_SUSPECT && c->now_ms < m->life.since_ms + c->member_times.suspect_ms;
}

/* A dial that ended before the handshake did. Closed by the other side once more than there are keys to try:
 * it refuses us; a process that died meanwhile would have refused the last connection. Given up by us: it is
 * stopped. Timed out: the way to it broke, and it said nothing. */
static void on_dial_ended(struct core *c, struct core_member *m, const struct core_conn *conn,
                          enum core_close how)
{
    bool was_accepted = conn->connected || how == CORE_CLOSE_RESET; /* a reset may be seen before the acceptance is */
    bool hung_up = was_accepted && !conn->close_asked && how != CORE_CLOSE_TIMEOUT;
    m->hung_up = hung_up && !may_be_dying(c, m) ? m->hung_up + 1 : 0;
    m->attempt += hung_up;
    bool tries_on = m->hung_up <= core_keys_choices(c, m);
    if (!tries_on) {
        if (repl_member_auth_failed(&m->life, c->now_ms))
            core_member_state(c, m,
                            "it refuses our key or secret: see its log, compare keys and secretFile");
        return;
    }
    if (repl_member_dial_failed(&m->life, how == CORE_CLOSE_REFUSED, c->now_ms))
        core_member_state(c, m, "nobody listens on its cluster port");
    if (hung_up && (m->life.state == REPL_MEMBER_SUSPECT || core_keys_choices(c, m) > 1))
        m->life.dial_ms = c->now_ms + DYING_MS;
}

static void on_renewal_ended(struct core *c, const struct core_member *m, const struct core_conn *conn)
{
    char subject[CONFIG_NAME_MAX + 16];
    if (conn->connected && !conn->close_asked)
        core_event(c, CONFIG_LOG_WARN, "link_renewal_refused", core_member_subject(m, subject, sizeof subject),
                   "hint=\"it does not accept our newer key or secret: see its log; the link goes on under the "
                   "older one\"");
}

/* ---- a link comes up ---- */

enum { CHANCE_BITS = 16 };

uint64_t core_incarnation(const struct core *c, uint64_t starts)
{
    uint64_t chance = (c->cfg.key.k0 ^ c->cfg.seed) * 0x9e3779b97f4a7c15u >> (64 - CHANCE_BITS);
    return starts << CHANCE_BITS | chance;
}

/* Somebody remembers a later life of ours than this one: start over under a higher number, so that
 * nobody takes new entries for old. Whoever is still shaking hands was told the lower one, or is about to be: it
 * would read under that for as long as its link holds, and we never send it. */
void core_cluster_raise(struct core *c, uint64_t seen)
{
    c->incarnation = core_incarnation(c, (seen >> CHANCE_BITS) + 1);
    core_event(c, CONFIG_LOG_INFO, "incarnation_raised", NULL, "incarnation=%llu",
               (unsigned long long)c->incarnation);
    LIST_EACH(node, &c->links)
    {
        core_conn_close(c, LIST_OF(node, struct core_conn, work));
    }
}

/* Of two connections the one that the lower node id dialled stays; a newer incarnation always wins. */
static bool supersedes(const struct core *c, const struct core_member *m,
                       const struct core_conn *fresh, uint64_t incarnation)
{
    if (!m->link || m->link->close_asked || incarnation > m->replica.incarnation)
        return true;
    bool lower_is_us = c->cfg.self < m->node->id;
    bool fresh_by_lower = fresh->dialled == lower_is_us;
    bool held_by_lower = m->link->dialled == lower_is_us;
    return fresh_by_lower || !held_by_lower;
}

static void end_link(struct core *c, struct core_conn *conn, enum repl_goodbye_reason reason)
{
    struct repl_msg bye = { .kind = REPL_GOODBYE, .goodbye = (uint8_t)reason };
    int ignored = repl_link_send(conn->link, &bye, c->now_ms); /* full: the close says it too */
    (void)ignored;
    repl_link_finish(conn->link, c->now_ms);
    core_cluster_fill(c, conn);
    core_conn_close(c, conn);
}

/* The one that was dialled ends the old connection: it is up last, so neither side is ever without. */
static void replace_link(struct core *c, struct core_member *m, struct core_conn *fresh)
{
    struct core_conn *old = m->link;
    m->link = fresh;
    if (!old)
        return;
    old->member = NULL;
    if (!fresh->dialled)
        end_link(c, old, REPL_GOODBYE_DUPLICATE);
}

static void on_node_up(struct core *c, struct core_conn *conn, const struct repl_party *party,
                       const struct repl_hello *hello)
{
    struct core_member *m = core_member_of(c, party->id);
    if (m->dialling == conn)
        m->dialling = NULL;
    conn->member = m;
    core_keys_proven(c, m, conn, party);
    if (hello->your_incarnation > c->incarnation) {
        core_cluster_raise(c, hello->your_incarnation);
        core_conn_close(c, conn);
        m->life.dial_ms = c->now_ms;
        return;
    }
    if (hello->incarnation < m->replica.incarnation || !supersedes(c, m, conn, hello->incarnation)) {
        conn->member = NULL;
        end_link(c, conn, REPL_GOODBYE_DUPLICATE);
        return;
    }
    replace_link(c, m, conn);
    m->renew_ms = c->now_ms + c->member_times.renew_ms;
    m->hung_up = 0;
    m->minor = hello->minor_max < c->minor ? hello->minor_max : c->minor;
    m->algo_max = hello->algo_max;
    m->begun_ms = c->now_ms > hello->up_ms ? c->now_ms - hello->up_ms : 0;
    snprintf(m->version, sizeof m->version, "%s", hello->version);
    core_compare_configs(c, m, hello->config_digest, hello->config_generation);
    if (repl_member_linked(&m->life, c->now_ms))
        core_member_state(c, m, "connected");
    core_streams_linked(c, m, hello->incarnation);
}

/* ---- messages ---- */

static void on_beat(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    core_shared_heard(c, m->node->id, &msg->beat);
    m->heard = msg->beat;
    m->heard.hints = NULL; /* they live as long as the message */
    m->heard_beat_ms = c->now_ms;
    c->is_vouched |= msg->beat.knows_neighbours && core_streams_is_current(c, m);
    m->has_heard = true;
    core_compare_configs(c, m, msg->beat.config_digest, msg->beat.config_generation);
    core_keys_heard(c, m);
    core_heard_beat(c, m, msg->beat.counter);
    core_heard_take(c, m);
    core_living_heard(c, m);
    core_compare_digests(c, m);
}

static void on_goodbye(struct core *c, struct core_member *m, const struct repl_msg *msg)
{
    struct core_conn *conn = m->link;
    if (msg->goodbye == REPL_GOODBYE_DUPLICATE) { /* its other connection to us is the one that stays */
        core_conn_close(c, conn);
        return;
    }
    m->link = NULL;
    m->has_heard = m->digest_compared = false;
    core_streams_unlinked(c, m);
    conn->member = NULL;
    core_conn_close(c, conn);
    if (repl_member_goodbye(&m->life, c->now_ms))
        core_member_state(c, m, "said goodbye");
}

typedef void on_message(struct core *c, struct core_member *m, const struct repl_msg *msg);
static on_message *const handlers[] = {
    [REPL_SUBSCRIBE] = core_on_subscribe, [REPL_BATCH] = core_on_batch, [REPL_RESET] = core_on_reset,
    [REPL_BEAT] = on_beat,                [REPL_GOODBYE] = on_goodbye,  [REPL_BREAKDOWN] = core_on_breakdown,
};

static void on_link_message(struct core *c, struct core_conn *conn, const struct repl_msg *msg)
{
    if (conn->agent) {
        core_agent_message(c, conn->agent, msg);
        return;
    }
    struct core_member *m = conn->member;
    if (!m || m->link != conn)
        return; /* superseded: what it still brings comes on the other connection as well */
    if (repl_member_heard(&m->life, c->now_ms))
        core_member_state(c, m, "heard again");
    if (msg->kind < sizeof handlers / sizeof *handlers && handlers[msg->kind])
        handlers[msg->kind](c, m, msg);
}

static void on_link_failed(struct core *c, struct core_conn *conn, const struct repl_link_event *e)
{
    char text[IP_ADDR_TEXT], subject[CONFIG_NAME_MAX + 16] = "";
    bool auth = e->failure == REPL_FAIL_CLUSTER || e->failure == REPL_FAIL_PARTY ||
                e->failure == REPL_FAIL_ADDRESSEE || e->failure == REPL_FAIL_HANDSHAKE ||
                e->failure == REPL_FAIL_VERSION;
    if (conn->member) {
        core_member_subject(conn->member, subject, sizeof subject);
        snprintf(conn->member->last_error, sizeof conn->member->last_error, "%s", e->text);
    }
    core_event(c, CONFIG_LOG_WARN, auth ? "cluster_auth_failed" : "cluster_link_failed", subject,
               "ip=%s reason=\"%s\"", ip_addr_format(&conn->remote, text), e->text);
    if (auth && conn->member && conn->member->dialling == conn) {
        conn->member->dialling = NULL;
        if (repl_member_auth_failed(&conn->member->life, c->now_ms))
            core_member_state(c, conn->member, e->text);
    }
    core_cluster_fill(c, conn); /* a hello may be among it */
    core_conn_close(c, conn);
}

static void on_link_event(struct core *c, struct core_conn *conn, const struct repl_link_event *e)
{
    conn->authenticated |= e->kind == REPL_LINK_UP;
    if (e->kind == REPL_LINK_UP && e->party->role == REPL_ROLE_AGENT)
        core_agent_up(c, conn, e->party);
    else if (e->kind == REPL_LINK_UP)
        on_node_up(c, conn, e->party, e->hello);
    else if (e->kind == REPL_LINK_MSG)
        on_link_message(c, conn, e->msg);
    else if (e->kind == REPL_LINK_FAILED)
        on_link_failed(c, conn, e);
    else if (e->kind == REPL_LINK_ENDED)
        core_conn_close(c, conn);
}

static void take_events(struct core *c, struct core_conn *conn)
{
    struct repl_link_event e;
    while (repl_link_next(conn->link, &e))
        on_link_event(c, conn, &e);
}

void core_cluster_closed(struct core *c, struct core_conn *conn, enum core_close how)
{
    bool was_up = conn->authenticated;
    struct core_member *m = conn->member;
    if (!conn->dialled && !was_up)
        count_failure(c, &conn->remote);
    if (conn->agent)
        core_agent_gone(c, conn->agent);
    if (!m)
        return;
    if (was_up && m->link == conn && !conn->close_asked) {
        repl_link_closed(conn->link); /* C5: without its end it is cut off, however that came about */
        take_events(c, conn);
    }
    bool dialled = m->dialling == conn;
    forget_link(c, m, conn);
    if (dialled && !was_up && m->link)
        on_renewal_ended(c, m, conn);
    else if (dialled && !was_up)
        on_dial_ended(c, m, conn, how);
}

/* ---- bytes ---- */

/* A frame at least, whatever the NVAs have had of this turn: beats come with it. */
void core_cluster_drain(struct core *c, struct core_conn *conn)
{
    size_t len, used = 0, n;
    const uint8_t *bytes = pump_rx_bytes(&conn->pump, &len);
    do {
        n = repl_link_feed(conn->link, bytes + used, len - used, c->now_ms);
        take_events(c, conn);
        used += n;
    } while (n && used < len && used < CORE_RX_BUDGET && c->rib.steps < c->rx_steps && !conn->close_asked);
    pump_rx_consume(&conn->pump, used);
    if (n && conn->pump.rx_len && !conn->close_asked)
        list_append(&c->ready, &conn->pump.ready);
}

void core_cluster_fill(struct core *c, struct core_conn *conn)
{
    if (conn->close_asked || !conn->connected)
        return;
    core_conn_moved(c, conn);
    size_t room;
    uint8_t *at = pump_tx_space(&conn->pump, &room);
    conn->pump.tx_len += repl_link_pull(conn->link, at, room);
}

/* ---- time ---- */

/* Keys of an hour are enough, and newer ones are used at once; streams resume where they are. */
static void renew_link(struct core *c, struct core_member *m)
{
    if (!m->link || m->dialling || c->cfg.self > m->node->id)
        return;
    if (c->now_ms >= m->renew_ms)
        m->renew_ms = c->now_ms + RENEW_AGAIN_MS;
    else if (c->now_ms >= m->rekey_ms && core_keys_are_outdated(c, m))
        m->rekey_ms = c->now_ms + REKEY_AGAIN_MS;
    else
        return;
    dial(c, m);
}

void core_cluster_tick(struct core *c)
{
    LIST_EACH(node, &c->links)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, work);
        if (conn->close_asked || repl_link_deadline(conn->link) > c->now_ms)
            continue;
        repl_link_tick(conn->link, c->now_ms);
        take_events(c, conn);
    }
    if (c->phase == CORE_STOPPING)
        return;
    core_beat(c);
    core_agents_beat(c);
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        if (repl_member_tick(&m->life, c->lag_ms, c->now_ms))
            core_member_state(c, m, "silence");
        bool is_mute = repl_member_link_is_silent(&m->life, c->lag_ms, c->now_ms);
        if ((m->life.state == REPL_MEMBER_DEAD || is_mute) && m->link)
            core_conn_close(c, m->link);
        if (repl_member_take_dial(&m->life, c->now_ms))
            dial(c, m);
        renew_link(c, m);
    }
    core_streams_choose(c);
}

uint64_t core_cluster_deadline(const struct core *c)
{
    uint64_t due = UINT64_MAX;
    for (const struct list *at = c->links.next; at != &c->links; at = at->next) {
        const struct core_conn *conn =
            (const struct core_conn *)((const char *)at - offsetof(struct core_conn, work));
        if (!conn->close_asked && repl_link_deadline(conn->link) < due)
            due = repl_link_deadline(conn->link);
    }
    if (c->phase == CORE_STOPPING || !c->party_count)
        return due;
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        uint64_t at = repl_member_deadline(&m->life);
        due = at < due ? at : due;
    }
    return c->beat_ms < due ? c->beat_ms : due;
}

void core_cluster_rearm(struct core *c)
{
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        repl_member_rearm(&m->life, c->now_ms);
}

bool core_member_caught_up(const struct core *c, const struct core_member *m)
{
    return m->life.state != REPL_MEMBER_UNKNOWN && (!core_member_is_here(m) || core_streams_is_current(c, m));
}

bool core_cluster_caught_up(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (!core_member_caught_up(c, m))
            return false;
    return true;
}

/* ---- life ---- */

void core_cluster_set_times(struct core *c)
{
    c->hold_times.grace_ms = c->config->grace_ms;
    c->hold_times.stale_ms = c->config->stale_ms;
    c->member_times = (struct repl_member_times){ .suspect_ms = c->config->dead_ms / 2,
                                                  .dead_ms = c->config->dead_ms,
                                                  .retry_min_ms = RETRY_MIN_MS,
                                                  .retry_max_ms = RETRY_MAX_MS,
                                                  .renew_ms = RENEW_MS };
}

void core_cluster_init(struct core *c)
{
    c->minor = TANDEM_PROTOCOL_MINOR;
    for (uint32_t id = 1; id <= c->config->node_count; id++) {
        if (!is_other(c, id))
            continue;
        struct core_member *m = &c->members[id];
        m->node = &c->config->nodes[id - 1];
        core_keys_list(m);
        repl_member_init(&m->life, &c->member_times, c->now_ms);
        core_must(repl_replica_init(&m->replica, (uint8_t)id, c->names.count));
    }
    core_set_agents(c, c->config->agents, c->table.secret_count ? c->config->agent_count : 0,
                    c->now_ms);
    c->batcher = repl_batcher_new();
    core_must(!c->batcher);
    repl_batcher_limit(c->batcher, CORE_RX_ROUTES / 2); /* who reads it has a turn's routes in whole frames */
    c->bulk_queued = CORE_BULK_QUEUED;
}

void core_cluster_fini(struct core *c)
{
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        repl_replica_fini(&m->replica);
    repl_batcher_free(c->batcher);
    free(c->parties);
}

void core_cluster_stop(struct core *c)
{
    core_agents_stop(c);
    LIST_EACH(node, &c->links)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, work);
        if (conn->close_asked)
            continue;
        if (repl_link_is_up(conn->link))
            end_link(c, conn, REPL_GOODBYE_STOP);
        else
            core_conn_close(c, conn);
    }
}
