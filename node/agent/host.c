#include "node/agent/host.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "node/agent/etcd_source.h"
#include "node/base/memory.h"
#include "node/io/log.h"
#include "node/io/sock.h"
#include "node/io/supervisor.h"
#include "node/loop/conn.h"
#include "node/program/follow.h"
#include "node/targets/gate.h"
#include "node/targets/netlink.h"
#include "replication/link.h"

enum {
    RETRY_MIN_MS = 200,
    RETRY_MAX_MS = 3000,
    SILENCE_MS = 1000, /* a node beats every 250 ms */
    REPORT_MS = 5000,    /* at least so often; a change is told */
    REPORT_SOON_MS = 250, /* so soon after the last report */
    TICK_MS = 50,
    NETLINK_ID_RANGE = 1 << 20,
    WALK_BUDGET = 8192, /* places a turn of the loop, when all routes are looked at: less than a millisecond */
};

struct upstream { /* one node as seen from this host */
    struct host *host;
    size_t nth;
    const struct config_node *node;
    struct repl_party parties[2]; /* its key, and while it is rotated the next one */
    unsigned party_count, attempt; /* dials take turns until one is answered */
    struct repl_link *link; /* NULL: not connected and not dialling */
    struct pump pump;
    bool up, failed;
    const char *trouble; /* why it is not connected, as said last; static, NULL: nothing */
    uint64_t retry_at_ms, retry_ms, heard_ms;
    struct repl_table_report reported;
    uint64_t reported_ms;
};

struct host {
    uv_loop_t uv;
    uv_timer_t timer;
    uv_idle_t soon; /* there is more to read, or a walk over all routes goes on */
    struct list ready; /* pumps of upstreams: bytes that were not looked at */
    uv_signal_t sigterm, sigint;
    const struct config_agent_file *config;
    const struct host_keys *keys;
    struct log *log;
    struct supervisor supervisor;
    struct conn_owner owner;
    struct follow follow;
    struct etcd_source *etcd; /* source: etcd; else NULL */
    struct netlink *netlink;
    struct gate *gate; /* NULL: next hops are not probed */
    struct upstream upstreams[REPL_NODES_MAX];
    int active_told;
    uint64_t alone_ms; /* 0, or: no node is connected since */
    bool gave_up;      /* the table went: keepTable is over */
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static struct upstream *upstream_of(struct pump *p)
{
    return LIST_OF(p, struct upstream, pump);
}

static const char *subject_of(const struct upstream *u, char buf[static CONFIG_NAME_MAX + 8])
{
    snprintf(buf, CONFIG_NAME_MAX + 8, "node=%s", u->node->name);
    return buf;
}

/* Once, not with every dial. */
static void say_trouble(struct upstream *u, const char *text)
{
    char subject[CONFIG_NAME_MAX + 8], address[IP_ADDR_TEXT];
    if (u->trouble == text)
        return;
    u->trouble = text;
    log_event(u->host->log, LOG_WARN_, "node_link_failed", subject_of(u, subject),
              "address=%s port=%u reason=\"%s\" hint=\"tried again and again; the table stays as it is\"",
              ip_addr_format(&u->node->cluster_address, address), u->node->cluster_port, text);
}

/* ---- a link to a node ---- */

static void flush(struct upstream *u)
{
    size_t room;
    uint8_t *at = pump_tx_space(&u->pump, &room);
    u->pump.tx_len += repl_link_pull(u->link, at, room);
    conn_flush(&u->pump);
}

static struct repl_table_report report_of(const struct upstream *u)
{
    const struct program_stats *stats = program_stats(u->host->follow.program);
    const struct follow_node *n = &u->host->follow.nodes[u->nth];
    struct netlink_status kernel;
    netlink_status(u->host->netlink, &kernel);
    struct repl_table_report r = { .incarnation = n->incarnation,
                                   .version = n->position,
                                   .wanted = stats->wanted,
                                   .installed = stats->installed,
                                   .pending = stats->pending,
                                   .failed = stats->failed,
                                   .held = stats->held_by_brake,
                                   .unhealthy = kernel.unhealthy,
                                   .active = u->host->follow.active == (int)u->nth };
    snprintf(r.last_error, sizeof r.last_error, "%.127s", stats->failed ? kernel.last_error : "");
    if (u->host->etcd)
        snprintf(r.store, sizeof r.store, "%s", u->host->config->etcd.etcd.prefix);
    return r;
}

static bool says_the_same(const struct repl_table_report *a, const struct repl_table_report *b)
{
    return a->wanted == b->wanted && a->installed == b->installed && a->pending == b->pending &&
           a->failed == b->failed && a->held == b->held && a->unhealthy == b->unhealthy &&
           a->active == b->active && !strcmp(a->last_error, b->last_error);
}

static void report(struct upstream *u)
{
    struct repl_msg msg = { .kind = REPL_TABLE_REPORT, .table_report = report_of(u) };
    uint64_t wait = says_the_same(&msg.table_report, &u->reported) ? REPORT_MS : REPORT_SOON_MS;
    if (now_ms() < u->reported_ms + wait || repl_link_send(u->link, &msg, now_ms()))
        return; /* with a later tick */
    u->reported = msg.table_report;
    u->reported_ms = now_ms();
}

/* Who reads from etcd is no reader of the nodes: they only hear of it what stands in its kernel. */
static void subscribe(struct upstream *u)
{
    if (u->host->etcd)
        return;
    struct repl_msg msg = { .kind = REPL_TABLE_SUBSCRIBE };
    if (repl_link_send(u->link, &msg, now_ms()))
        u->failed = true;
}

static void heed(struct upstream *u, enum follow_result result)
{
    char subject[CONFIG_NAME_MAX + 8];
    if (result != FOLLOW_RESUBSCRIBE)
        return;
    log_event(u->host->log, LOG_WARN_, "table_differs", subject_of(u, subject),
              "hint=\"asking for the whole table again\"");
    subscribe(u);
}

static void on_beat(struct upstream *u, const struct repl_beat *b)
{
    heed(u, follow_beat(&u->host->follow, u->nth, b->has_digest ? b->digest : NULL));
}

static void on_batch(struct upstream *u, const struct repl_table_batch *b)
{
    char subject[CONFIG_NAME_MAX + 8];
    struct host *h = u->host;
    heed(u, follow_apply(&h->follow, u->nth, b, now_ms()));
    if (h->follow.active != h->active_told) {
        h->active_told = h->follow.active;
        log_event(h->log, LOG_INFO_, "following", subject_of(&h->upstreams[h->active_told], subject),
                  "routes=%u", h->follow.nodes[h->active_told].routes);
    }
}

static void on_link_event(struct upstream *u, const struct repl_link_event *e)
{
    char subject[CONFIG_NAME_MAX + 8];
    if (e->kind == REPL_LINK_UP) {
        u->up = true;
        u->trouble = NULL;
        u->retry_ms = RETRY_MIN_MS;
        u->reported_ms = 0;
        follow_connected(&u->host->follow, u->nth);
        subscribe(u);
        log_event(u->host->log, LOG_INFO_, "node_connected", subject_of(u, subject), NULL);
    } else if (e->kind == REPL_LINK_MSG && e->msg->kind == REPL_TABLE_BATCH) {
        on_batch(u, &e->msg->table_batch);
    } else if (e->kind == REPL_LINK_MSG && e->msg->kind == REPL_TABLE_BEAT) {
        on_beat(u, &e->msg->beat);
    } else if (e->kind == REPL_LINK_FAILED) {
        u->failed = true;
        say_trouble(u, e->text);
    } else if (e->kind == REPL_LINK_ENDED) {
        u->failed = true;
    }
}

/* A frame of it. True: there may be another one. */
static bool drain(struct upstream *u)
{
    size_t len;
    const uint8_t *bytes = pump_rx_bytes(&u->pump, &len);
    struct repl_link_event e;
    size_t used = repl_link_feed(u->link, bytes, len, now_ms());
    while (repl_link_next(u->link, &e))
        on_link_event(u, &e);
    pump_rx_consume(&u->pump, used);
    return used && used < len;
}

static void settle(struct upstream *u)
{
    if (u->failed)
        conn_finish(&u->pump);
    else
        flush(u);
}

static void dial(struct upstream *u)
{
    const struct config_agent_file *config = u->host->config;
    struct repl_link_cfg cfg = { .initiator = true,
                                 .role = REPL_ROLE_AGENT,
                                 .identity = &u->host->keys->identity,
                                 .secrets = &u->host->keys->secrets,
                                 .parties = &u->parties[u->attempt % u->party_count],
                                 .party_count = 1,
                                 .hello = { .minor_min = REPL_TABLE_MINOR,
                                            .minor_max = REPL_TABLE_MINOR,
                                            .algo_min = 1,
                                            .algo_max = 1 } };
    struct sock_options options = { .user_timeout_ms = SILENCE_MS };
    repl_cluster_id(config->cluster, cfg.cluster_id);
    snprintf(cfg.hello.name, sizeof cfg.hello.name, "%s", config->name);
    u->retry_at_ms = now_ms() + u->retry_ms;
    u->retry_ms = u->retry_ms * 2 < RETRY_MAX_MS ? u->retry_ms * 2 : RETRY_MAX_MS;
    int fd = sock_dial(&u->node->cluster_address, u->node->cluster_port, &(struct ip_addr){ 0 },
                       &options);
    if (fd < 0) {
        say_trouble(u, "this host has no way to that address");
        return;
    }
    u->link = repl_link_new(&cfg, now_ms());
    if (!u->link || !pump_init(&u->pump))
        abort();
    u->up = u->failed = false;
    u->heard_ms = now_ms();
    conn_dialled(&u->host->owner, fd, &u->pump);
}

/* ---- what the connection says ---- */

static void on_soon(uv_idle_t *soon);

static void work(struct host *h)
{
    const struct ip_addr *lost;
    size_t count = follow_lost(&h->follow, &lost, now_ms());
    if (h->etcd)
        etcd_source_turn(h->etcd, now_ms());
    netlink_set_lost(h->netlink, lost, count, now_ms());
    netlink_turn(h->netlink, now_ms());
    if (follow_is_walking(&h->follow) || !list_is_empty(&h->ready))
        uv_idle_start(&h->soon, on_soon);
    else
        uv_idle_stop(&h->soon);
}

/* Of who has waited longest: a frame takes a millisecond. */
static void read_frame(struct host *h)
{
    if (list_is_empty(&h->ready))
        return;
    struct upstream *u = upstream_of(LIST_OF(h->ready.next, struct pump, ready));
    list_remove(&u->pump.ready);
    if (!u->failed && drain(u))
        list_append(&h->ready, &u->pump.ready);
    settle(u);
}

/* Once in a turn of the loop, which looks at its timers in between. */
static void on_soon(uv_idle_t *soon)
{
    struct host *h = soon->data;
    read_frame(h);
    follow_turn(&h->follow, WALK_BUDGET, now_ms());
    work(h);
}

static void on_connected(void *data, struct pump *p, const struct ip_addr *local)
{
    (void)data, (void)local;
    flush(upstream_of(p));
}

static void on_received(void *data, struct pump *p, size_t n)
{
    struct upstream *u = upstream_of(p);
    struct host *h = data;
    p->rx_len += n;
    u->heard_ms = now_ms();
    if (!list_is_on(&p->ready))
        list_append(&h->ready, &p->ready);
    uv_idle_start(&h->soon, on_soon);
}

static void on_sent(void *data, struct pump *p, size_t n)
{
    (void)data;
    pump_tx_sent(p, n);
}

/* Of a connection that did not become a link: a node that refuses us says why in its own log only. */
static const char *const dial_ends[] = {
    [CORE_CLOSE_EOF] = "the node hangs up on us, and its log says why (cluster_auth_failed): this host's key is not "
                       "among its agents, or publicKey, secretFile or routeServer are not the same here and there",
    [CORE_CLOSE_RESET] = "the connection was reset",
    [CORE_CLOSE_REFUSED] = "nothing listens there: is tandemd running, and are address and port its clusterAddress "
                           "and clusterPort?",
    [CORE_CLOSE_TIMEOUT] = "no answer: is the address right, and does a firewall let the port through?",
};

/* A node's last words count, and why it ends the connection. */
static void drain_rest(struct upstream *u)
{
    bool has_more = list_is_on(&u->pump.ready);
    while (has_more && !u->failed)
        has_more = drain(u);
}

static void on_closed(void *data, struct pump *p, enum core_close how)
{
    struct upstream *u = upstream_of(p);
    struct host *h = data;
    char subject[CONFIG_NAME_MAX + 8];
    drain_rest(u);
    if (!u->up && !u->failed)
        say_trouble(u, dial_ends[how]);
    if (u->up)
        log_event(h->log, LOG_WARN_, "node_gone", subject_of(u, subject),
                  "hint=\"the table stays as it is\"");
    u->attempt += !u->up;
    repl_link_free(u->link);
    u->link = NULL;
    u->up = false;
    pump_fini(p);
    follow_disconnected(&h->follow, u->nth, now_ms());
    work(h);
}

/* ---- time ---- */

static void tick_upstream(struct upstream *u)
{
    uint64_t now = now_ms();
    struct repl_link_event e;
    if (!u->link) {
        if (now >= u->retry_at_ms)
            dial(u);
        return;
    }
    if (repl_link_deadline(u->link) <= now) {
        repl_link_tick(u->link, now);
        while (repl_link_next(u->link, &e))
            on_link_event(u, &e);
    }
    if (u->up && now >= u->heard_ms + SILENCE_MS)
        u->failed = true;
    if (u->up && !u->failed)
        report(u);
    if (u->up || u->failed)
        settle(u);
}

static bool is_alone(const struct host *h)
{
    if (h->etcd)
        return !etcd_source_is_up(h->etcd);
    for (size_t i = 0; i < h->config->node_count; i++)
        if (h->upstreams[i].up)
            return false;
    return true;
}

/* The table outlives its nodes, for ever unless the operator set a bound. */
static void mind_the_bound(struct host *h)
{
    if (!is_alone(h)) {
        if (h->gave_up && h->etcd && follow_is_walking(&h->follow))
            return; /* it is given up to its end first */
        if (h->gave_up && h->etcd)
            etcd_source_want_again(h->etcd);
        h->alone_ms = 0;
        h->gave_up = false;
        return;
    }
    if (!h->alone_ms)
        h->alone_ms = now_ms();
    if (!h->config->keep_ms || h->gave_up || now_ms() < h->alone_ms + h->config->keep_ms)
        return;
    h->gave_up = true;
    log_event(h->log, LOG_ERROR_, "table_given_up", NULL,
              "routes=%u hint=\"keepTable is over and nobody answers: the routes go\"",
              program_stats(h->follow.program)->installed);
    follow_give_up(&h->follow, now_ms());
    h->active_told = -1;
}

static void on_timer(uv_timer_t *timer)
{
    struct host *h = timer->data;
    for (size_t i = 0; i < h->config->node_count; i++)
        tick_upstream(&h->upstreams[i]);
    mind_the_bound(h);
    work(h);
    supervisor_beat(&h->supervisor, now_ms());
}

/* ---- the kernel ---- */

static void on_kernel_change(void *data)
{
    work(data);
}

static void on_kernel_event(void *data, const struct netlink_event *e)
{
    struct host *h = data;
    log_event(h->log, e->is_trouble ? LOG_WARN_ : LOG_INFO_, e->name, NULL,
              "count=%u reason=\"%s\"", e->count, e->text);
}

static void on_kernel_released(void *data, uint32_t prefix)
{
    struct host *h = data;
    if (h->etcd)
        etcd_source_released(h->etcd, prefix);
    else
        follow_released(&h->follow, prefix);
}

static void use_hop(void *gate, const struct ip_addr *hop)
{
    gate_use(gate, hop);
}

static void list_hops(void *data, struct gate *gate)
{
    netlink_each_hop(((struct host *)data)->netlink, use_hop, gate);
}

static void on_health(void *data, const struct ip_addr *hop, const char *reason)
{
    struct host *h = data;
    char subject[IP_ADDR_TEXT + 16], text[IP_ADDR_TEXT];
    netlink_set_health(h->netlink, hop, !reason, now_ms());
    snprintf(subject, sizeof subject, "next_hop=%s", ip_addr_format(hop, text));
    if (reason)
        log_event(h->log, LOG_WARN_, "next_hop_unhealthy", subject,
                  "reason=\"%s\" hint=\"it leaves the groups of this kernel\"", reason);
    else
        log_event(h->log, LOG_INFO_, "next_hop_healthy", subject, NULL);
}

static bool start_gate(struct host *h)
{
    char error[GATE_REASON_MAX];
    if (!h->config->gate.is_on)
        return true;
    h->gate = gate_new(&(struct gate_cfg){ .loop = &h->uv,
                                           .config = &h->config->gate,
                                           .list = list_hops,
                                           .on_change = on_health,
                                           .data = h },
                       error);
    if (!h->gate)
        log_event(h->log, LOG_ERROR_, "health_gate_failed", NULL, "error=\"%s\"", error);
    return h->gate != NULL;
}

static bool start_kernel(struct host *h)
{
    char error[NETLINK_ERROR_MAX] = "";
    struct netlink_cfg cfg = { .loop = &h->uv,
                               .table = h->config->table,
                               .metric = h->config->metric,
                               .protocol = h->config->protocol,
                               .resilient_groups = h->config->resilient_groups,
                               .id_base = (h->config->table % CONFIG_TABLE_RANGES + 1) * NETLINK_ID_RANGE,
                               .prefixes = &h->follow.prefixes,
                               .sets = &h->follow.sets,
                               .program = h->follow.program,
                               .on_change = on_kernel_change,
                               .on_event = on_kernel_event,
                               .on_released = on_kernel_released,
                               .data = h };
    if (netlink_new(&h->netlink, &cfg, error) == 0)
        return start_gate(h);
    log_event(h->log, LOG_ERROR_, "target_failed", NULL, "error=\"%s\"", error);
    return false;
}

/* ---- etcd ---- */

static void on_etcd_trouble(void *data, const char *text)
{
    struct host *h = data;
    if (text[0])
        log_event(h->log, LOG_WARN_, "etcd_trouble", NULL,
                  "error=\"%s\" hint=\"the table stays as it is\"", text);
    else
        log_event(h->log, LOG_INFO_, "etcd_well", NULL, NULL);
}

static void start_etcd(struct host *h)
{
    if (h->config->source != CONFIG_SOURCE_ETCD)
        return;
    h->etcd = etcd_source_new(&(struct etcd_source_cfg){ .loop = &h->uv,
                                                         .target = &h->config->etcd,
                                                         .prefixes = &h->follow.prefixes,
                                                         .sets = &h->follow.sets,
                                                         .kernel = h->follow.program,
                                                         .now = now_ms,
                                                         .on_change = on_kernel_change,
                                                         .on_trouble = on_etcd_trouble,
                                                         .data = h });
    if (!h->etcd)
        abort();
}

/* ---- life ---- */

static void on_stop_signal(uv_signal_t *signal, int number)
{
    struct host *h = signal->data;
    log_event(h->log, LOG_INFO_, "stopping", NULL, "signal=%d hint=\"the table stays\"", number);
    supervisor_tell(&h->supervisor, "STOPPING=1");
    uv_stop(&h->uv);
}

static void start_handles(struct host *h)
{
    uv_timer_init(&h->uv, &h->timer);
    uv_idle_init(&h->uv, &h->soon);
    uv_signal_init(&h->uv, &h->sigterm);
    uv_signal_init(&h->uv, &h->sigint);
    h->timer.data = h->soon.data = h->sigterm.data = h->sigint.data = h;
    uv_signal_start(&h->sigterm, on_stop_signal, SIGTERM);
    uv_signal_start(&h->sigint, on_stop_signal, SIGINT);
}

static void init_upstreams(struct host *h)
{
    for (size_t i = 0; i < h->config->node_count; i++) {
        struct upstream *u = &h->upstreams[i];
        *u = (struct upstream){
            .host = h, .nth = i, .node = &h->config->nodes[i], .retry_ms = RETRY_MIN_MS
        };
        u->parties[u->party_count++] = repl_party(REPL_ROLE_NODE, u->node->id, u->node->public_key);
        if (u->node->has_next_public_key)
            u->parties[u->party_count++] = repl_party(REPL_ROLE_NODE, u->node->id, u->node->next_public_key);
    }
}

static void close_any(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void end(struct host *h)
{
    etcd_source_free(h->etcd);
    gate_free(h->gate);
    if (h->netlink)
        netlink_free(h->netlink);
    conn_abandon_all(&h->owner);
    for (size_t i = 0; i < h->config->node_count; i++) {
        if (!h->upstreams[i].link)
            continue;
        repl_link_free(h->upstreams[i].link);
        pump_fini(&h->upstreams[i].pump);
    }
    uv_walk(&h->uv, close_any, NULL);
    while (uv_run(&h->uv, UV_RUN_DEFAULT) != 0)
        ;
    uv_loop_close(&h->uv);
    follow_fini(&h->follow);
    supervisor_fini(&h->supervisor);
    log_free(h->log);
    free(h);
}

int host_run(const struct config_agent_file *config, const struct host_keys *keys)
{
    struct host *h = memory_new(1, sizeof *h);
    struct hash_key key;
    h->config = config;
    h->keys = keys;
    h->active_told = -1;
    supervisor_init(&h->supervisor);
    h->log = log_new(stderr, config->log_level, config->log_format, config->name);
    randombytes_buf(&key, sizeof key);
    if (!h->log || uv_loop_init(&h->uv) ||
        !follow_init(&h->follow, config->node_count, keys->secrets.digest_key, key))
        abort();
    h->owner = (struct conn_owner){ .uv = &h->uv,
                                    .data = h,
                                    .on_connected = on_connected,
                                    .on_received = on_received,
                                    .on_sent = on_sent,
                                    .on_closed = on_closed };
    list_init(&h->owner.conns);
    list_init(&h->ready);
    start_handles(h);
    init_upstreams(h);
    bool started = start_kernel(h);
    if (started) {
        start_etcd(h);
        log_event(h->log, LOG_INFO_, "started", NULL, "table=%u inherited=%u", config->table,
                  program_stats(h->follow.program)->inherited);
        supervisor_tell(&h->supervisor, "READY=1");
        uv_timer_start(&h->timer, on_timer, 0, TICK_MS);
        uv_run(&h->uv, UV_RUN_DEFAULT);
    }
    end(h);
    return started ? 0 : 1;
}
