#include <stdarg.h>
#include <stdio.h>

#include "node/core/core_impl.h"

/* ---- the pipeline ---- */

static void drain(struct core *c, struct core_conn *conn)
{
    if (conn->close_asked)
        return;
    if (conn->kind == CONN_BGP)
        core_bgp_drain(c, conn);
    else if (conn->kind == CONN_LINK)
        core_cluster_drain(c, conn);
    else /* a station has nothing to say (RFC 7854 section 3.2) */
        pump_rx_consume(&conn->pump, conn->pump.rx_len);
    core_conn_moved(c, conn); /* there is room to read again */
}

/* NVAs that catch up have to be told what is read meanwhile, too, each by itself: they come first. */
static void begin_reading(struct core *c)
{
    bool some_wait = !c->walk_left;
    c->rx_left = CORE_RX_BUDGET;
    c->rx_steps = c->rib.steps + (some_wait ? CORE_RX_ROUTES_FEW : CORE_RX_ROUTES);
}

static bool is_shaking_hands(const struct core_conn *conn)
{
    return conn->kind == CONN_LINK && !conn->authenticated && !conn->close_asked;
}

/* True when there was something of an NVA's. Who had no share of this turn comes first in the next one: an NVA
 * that never stops talking keeps nobody from being heard. */
static bool drain_received(struct core *c)
{
    bool routes = false;
    int handshakes = CORE_HANDSHAKES;
    struct list round, heard; /* what arrives again while draining waits for the next turn */
    list_init(&round);
    list_init(&heard);
    list_take(&round, &c->ready);
    begin_reading(c);
    LIST_EACH(node, &round)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, pump.ready);
        bool has_share = core_may_read(c);
        list_remove(node);
        if (is_shaking_hands(conn) && !handshakes--) {
            handshakes = 0;
            list_append(&c->ready, node);
            continue;
        }
        routes |= conn->kind == CONN_BGP;
        drain(c, conn);
        bool waits = conn->kind == CONN_BGP && conn->pump.rx_len && !core_may_read(c) && !conn->close_asked;
        if (waits)
            list_append(has_share ? &heard : &c->ready, node);
        if (!waits)
            conn->unread_ms = 0;
        else if (has_share || !conn->unread_ms)
            conn->unread_ms = c->now_ms;
    }
    list_take(&c->ready, &heard);
    return routes;
}

/* A node that was paused judges nobody before it has read what waits in its sockets, and gives
 * everybody a moment: otherwise every hold timer fires at once (the wake rule). What it knows is old:
 * until its NVAs' words are read it tells nobody and touches no target. */
static void wake(struct core *c)
{
    c->wake_ms = c->now_ms + CORE_REARM_MS;
    c->woken_ms = c->now_ms + CORE_WOKEN_MS;
    c->woke_counter = c->beat_counter + 1;
    uint64_t gap_ms = c->now_ms - c->turned_ms;
    c->hearsay_since_ms = c->now_ms;
    c->slept_ms = c->turned_ms;
    c->hearsay_ms = c->now_ms + (gap_ms < CORE_HEARSAY_MS ? gap_ms : CORE_HEARSAY_MS);
    core_living_woke(c);
    core_event(c, CONFIG_LOG_WARN, "pause_detected", NULL, "gap_ms=%llu", (unsigned long long)gap_ms);
    core_bgp_rearm(c);
    core_cluster_rearm(c);
    core_targets_woke(c);
    core_shared_woke(c);
}

/* Awake when a turn found nothing more to read from the NVAs, or after a moment at the latest: some
 * always have something to say. */
static void settle_wake(struct core *c, bool paused, bool routes)
{
    if (!paused && (!routes || c->now_ms >= c->wake_ms))
        c->wake_ms = 0;
}

/* Since the last turn a target has asked what decisions will find: it has to know soon, and will ask on. */
static bool is_asked(const struct core *c)
{
    return c->turned_ms && c->foreseen_ms == c->turned_ms;
}

static void tick(struct core *c)
{
    core_living_tick(c);
    core_bgp_tick(c);
    core_cluster_tick(c);
    core_shared_tick(c);
    core_drain_tick(c);
    core_peers_tick(c);
    core_recheck_tick(c);
    core_keys_tick(c);
    core_agent_keys_tick(c);
    core_lost_tick(c);
    core_targets_tick(c);
    core_evidence_tick(c);
    if (!is_asked(c))
        core_must(rib_sweep(&c->rib, c->sweep_budget, c->now_ms));
    c->tombs_due =
        rib_expire_tombstones(&c->rib, c->config->tombstone_ms, core_streams_acked(c), c->now_ms);
}

static void account(struct core *c, const struct rib_change *change)
{
    if (change->old_nhset != change->new_nhset) {
        if (c->cfg.secrets) /* else there is no other node to compare with */
            core_digest_changed(c, change->net, change->old_nhset, change->new_nhset);
        c->programmed += (change->new_nhset != 0) - (uint32_t)(change->old_nhset != 0);
    }
    if (change->changed && c->table.secret_count) /* else no agent compares */
        core_table_changed(c, change->net);
    nhset_unref(&c->rib.sets, change->old_nhset);
}

static void decide(struct core *c)
{
    bool judge = repl_evidence_is_needed(&c->rib);
    if (is_asked(c))
        return;
    for (uint32_t done = 0, net; done < CORE_DECIDE_BUDGET && (net = rib_next_dirty(&c->rib));) {
        struct rib_change change;
        if (judge)
            core_must(repl_evidence_judge(&c->rib, net, c->now_ms));
        if (c->rib.keep_tombstones && rib_net(&c->rib, net)->flags & RIB_NET_WITHDRAWN)
            core_doubt_look(c, net);
        core_must(rib_decide(&c->rib, net, &change));
        done += 1 + change.paths;
        account(c, &change);
    }
}

static void fill_pumps(struct core *c)
{
    struct list round; /* who stays busy is looked at in the next turn */
    list_init(&round);
    if (adjout_produced(c->adjout) != c->produced)
        core_bgp_wake_members(c);
    c->produced = adjout_produced(c->adjout);
    c->walk_left = CORE_WALK_BUDGET;
    list_take(&round, &c->busy);
    LIST_EACH(node, &round)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, work);
        list_remove(node);
        if (conn->kind == CONN_BGP)
            core_bgp_fill(c, conn);
        else
            core_cluster_fill(c, conn);
    }
    LIST_EACH(node, &c->links)
    {
        core_cluster_fill(c, LIST_OF(node, struct core_conn, work));
    }
}

uint64_t core_slowest_reader(const struct core *c)
{
    uint64_t slowest = adjout_slowest(c->adjout);
    uint64_t target = core_targets_slowest(c), agent = core_agents_slowest(c);
    slowest = target < slowest ? target : slowest;
    target = core_bmp_slowest(c);
    slowest = target < slowest ? target : slowest;
    return agent < slowest ? agent : slowest;
}

/* An NVA that reads too slowly must not cost the others their memory: there are ever more prefixes. Not one
 * that is hardly behind: prefixes that a target's brake holds wait for nobody's reading. */
static void bound_dying(struct core *c, uint64_t slowest)
{
    uint64_t dying = rib_queue_count(&c->rib.dying), living = prefix_table_count(&c->rib.nets) - dying;
    uint64_t held = core_targets_held(c);
    dying -= held < dying ? held : dying; /* an NVA that comes back meanwhile begins at the beginning */
    uint64_t head = vlist_head(&c->rib.loc);
    bool is_behind = slowest < head && head - slowest > CORE_DYING && adjout_slowest(c->adjout) == slowest;
    if (is_behind && dying > CORE_DYING + living / CORE_DYING_SHARE)
        adjout_give_up_slowest(c->adjout);
}

/* Nets without paths go once nobody has to be told of them any more, and not just after a pause: agents that took it for
 * our end come back, and hear which were withdrawn meanwhile. Nor while NVAs talk, as far as there is room: what flaps comes
 * back, and finds all in its place. heard: something of an NVA's in this turn. True: more may go at once. */
static bool reap(struct core *c, bool heard)
{
    core_bgp_end_lost(c);
    uint32_t left = rib_queue_count(&c->rib.dying); /* each is looked at once: who is held goes back */
    if (!left || (c->woken_ms && left <= CORE_DYING))
        return false;
    if (heard && left <= CORE_SPARED)
        return true;
    uint64_t slowest = core_slowest_reader(c);
    bool freed = false;
    bound_dying(c, slowest);
    left = left < CORE_REAP_BUDGET ? left : CORE_REAP_BUDGET;
    for (uint32_t net; left; left--) {
        net = rib_next_dying(&c->rib, slowest);
        if (!net)
            return false;
        if (adjout_holds(c->adjout, net) || core_targets_hold(c, net)) {
            rib_net_keep(&c->rib, net);
            continue;
        }
        core_table_net_freed(c);
        rib_net_free(&c->rib, net);
        freed = true;
    }
    return freed && rib_queue_count(&c->rib.dying);
}

static void advance_phase(struct core *c)
{
    if (c->phase != CORE_CONVERGE || rib_dirty_count(&c->rib))
        return;
    bool is_complete = core_cluster_caught_up(c) && core_bgp_all_synced(c) && core_streams_hold_all(c);
    if (!is_complete && !core_is_past(c, c->config->defer_ms))
        return;
    c->phase = CORE_STEADY;
    core_bgp_converged(c);
    core_event(c, CONFIG_LOG_INFO, "steady", NULL, "after_ms=%llu prefixes=%u best=%u",
               (unsigned long long)(c->now_ms - c->started_ms), prefix_table_count(&c->rib.nets),
               c->programmed);
}

static uint64_t next_turn(const struct core *c, bool busy)
{
    if (busy || !list_is_empty(&c->ready))
        return c->now_ms;
    if (c->wake_ms)
        return c->now_ms + 1;
    uint64_t bgp = core_bgp_deadline(c), cluster = core_cluster_deadline(c);
    uint64_t due = bgp < cluster ? bgp : cluster;
    uint64_t soon = c->now_ms + CORE_WAKE_MS; /* tombstones, evidence, phase; and a pause is noticed by the turns that it took */
    uint64_t shared = core_shared_deadline(c), drain = core_drain_deadline(c);
    due = due < shared ? due : shared;
    due = due < drain ? due : drain;
    due = due < soon ? due : soon;
    return due > c->now_ms ? due : c->now_ms + 1;
}

/* What a woken node knows is older than what the others know: they are told nothing of its own before. */
static void settle_hearsay(struct core *c)
{
    if (c->hearsay_ms && (c->now_ms >= c->hearsay_ms || core_bgp_has_heard_all(c, c->hearsay_since_ms)))
        c->hearsay_ms = 0;
}

static void feed_readers(struct core *c)
{
    settle_hearsay(c);
    core_targets_feed(c);
    core_streams_send(c);
    core_agents_stream(c);
    if (c->now_ms >= c->woken_ms && !rib_dirty_count(&c->rib) && !core_targets_have_work(c))
        c->woken_ms = 0;
}

uint64_t core_turn(struct core *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    bool paused = c->turned_ms && now_ms > c->due_ms + CORE_WAKE_MS;
    if (paused)
        wake(c);
    bool heard = drain_received(c);
    settle_wake(c, paused, heard);
    tick(c);
    decide(c);
    if (!rib_dirty_count(&c->rib))
        c->clean_ms = now_ms;
    rib_age_tick(&c->rib, now_ms);
    advance_phase(c);
    adjout_watch(c->adjout, core_bmp_slowest(c));
    bool encoding = is_asked(c) || adjout_work(c->adjout, CORE_ENCODE_BUDGET);
    if (!c->wake_ms && c->phase != CORE_STOPPING) /* what a stop ends is no news for anybody's table */
        feed_readers(c);
    fill_pumps(c);
    core_bmp_turn(c);
    core_times_tick(c, encoding);
    bool reaping = reap(c, heard);
    c->turned_ms = now_ms;
    bool walking = !list_is_empty(&c->busy); /* an NVA that has room, and is told all a stretch at a time */
    c->due_ms = next_turn(c, encoding || reaping || walking || c->tombs_due || c->stations_busy || c->recheck.is_on || c->rekey.is_on || c->table.sum.is_on || core_agents_have_work(c) ||
                                 rib_dirty_count(&c->rib) || core_targets_have_work(c));
    return c->due_ms;
}

/* ---- life ---- */

void core_policy_init(struct core *c)
{
    size_t spaces = 0, addrs = 0;
    for (size_t i = 0; i < c->config->vnet_count; i++)
        spaces += c->config->vnets[i].prefix_count;
    c->spaces = memory_new(spaces, sizeof *c->spaces);
    c->is_peered = memory_new(spaces, sizeof *c->is_peered);
    c->node_addrs = memory_new(c->config->node_count * 2, sizeof *c->node_addrs);
    spaces = 0;
    for (size_t i = 0; i < c->config->vnet_count; i++)
        for (size_t k = 0; k < c->config->vnets[i].prefix_count; k++, spaces++) {
            c->spaces[spaces] = c->config->vnets[i].prefixes[k];
            c->is_peered[spaces] = c->config->vnets[i].remote;
        }
    for (size_t i = 0; i < c->config->node_count; i++) {
        c->node_addrs[addrs++] = c->config->nodes[i].address;
        if (c->config->nodes[i].has_address6)
            c->node_addrs[addrs++] = c->config->nodes[i].address6;
    }
    c->policy = (struct policy){
        .spaces = c->spaces, .space_count = spaces, .nodes = c->node_addrs, .node_count = addrs
    };
    c->vnet = (struct vnet){ .spaces = c->spaces, .space_count = spaces, .is_peered = c->is_peered,
                             .nodes = c->node_addrs, .node_count = addrs };
}

static void init_rib(struct core *c)
{
    struct rib_cfg rib = { .key = c->cfg.key,
                           .nvas = c->nvas,
                           .nva_count = c->nva_count,
                           .policy = &c->policy,
                           .max_paths = c->config->max_paths,
                           .self = (uint8_t)c->cfg.self,
                           .keep_tombstones = c->config->node_count > 1 || c->config->station_count,
                           .is_monitored = c->config->station_count };
    core_must(rib_init(&c->rib, &rib));
    c->sweep_budget = CORE_SWEEP_BUDGET;
    c->adjout = adjout_new(&c->rib);
    core_must(!c->adjout);
    for (size_t i = 0; i < c->config->peer_count; i++)
        core_routes_expect(c, &c->config->peers[i]);
}

/* The VNet's own prefixes, as the configuration announces them: ORIGIN IGP, an empty AS_PATH, and no
 * next hop, which each update group fills in. */
void core_announce_vnets(struct core *c)
{
    static const uint8_t canonical[] = { 0x40, BGP_ATTR_ORIGIN, 1, BGP_ORIGIN_IGP,
                                         0x40, BGP_ATTR_AS_PATH, 0 };
    for (size_t i = 0; i < c->policy.space_count; i++) {
        struct bgp_attrs attrs;
        core_must(!bgp_attrs_summarise(canonical, sizeof canonical, &attrs));
        attrs.next_hop = (struct ip_addr){ .family = c->spaces[i].family };
        uint32_t id = bgp_attrs_intern(&c->rib.attrs, &attrs);
        core_must(!id);
        core_must(rib_announce(&c->rib, RIB_CONFIG, 0, &c->spaces[i], 0, id));
        bgp_attrs_unref(&c->rib.attrs, id);
    }
}

struct core *core_new(const struct core_cfg *cfg, uint64_t now_ms)
{
    struct core *c = memory_new(1, sizeof *c);
    c->cfg = *cfg;
    c->config = cfg->config;
    c->node = &cfg->config->nodes[cfg->self - 1];
    c->started_ms = c->now_ms = now_ms;
    c->wall_ms = cfg->wall_ms ? cfg->wall_ms - now_ms : 0;
    c->cfg.seed += cfg->self;
    c->walk_left = CORE_WALK_BUDGET;
    c->incarnation = core_incarnation(c, cfg->incarnation);
    core_revise(c);
    core_times_init(c);
    core_keys_init(c);
    list_init(&c->conns);
    list_init(&c->links);
    list_init(&c->busy);
    list_init(&c->moved);
    list_init(&c->ready);
    list_init(&c->agents);
    list_init(&c->agents_behind);
    core_cluster_set_times(c);
    core_peers_init(c);
    core_policy_init(c);
    init_rib(c);
    core_table_init(c);
    core_targets_init(c);
    core_announce_vnets(c);
    core_cluster_init(c);
    core_bmp_init(c);
    core_tap_init(c);
    core_peers_start(c);
    uint32_t id = core_router_id(c);
    core_event(c, CONFIG_LOG_INFO, "started", NULL, "name=%s asn=%u router_id=%u.%u.%u.%u nodes=%zu peers=%zu",
               c->config->name, c->config->asn, id >> 24, id >> 16 & 255, id >> 8 & 255, id & 255,
               c->config->node_count, c->config->peer_count);
    return c;
}

void core_free(struct core *c)
{
    if (!c)
        return;
    core_cluster_fini(c);
    core_peers_fini(c);
    core_bmp_fini(c);
    core_tap_fini(c);
    LIST_EACH(node, &c->conns)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, all);
        repl_link_free(conn->link);
        core_tap_conn_fini(conn);
        pump_fini(&conn->pump);
        free(conn);
    }
    core_targets_fini(c);
    core_agents_fini(c);
    core_hosts_fini(c);
    core_table_fini(c);
    adjout_free(c->adjout);
    rib_fini(&c->rib);
    free(c->spaces);
    free(c->node_addrs);
    free(c->is_peered);
    free(c->recheck.spaces);
    free(c->recheck.is_peered);
    free(c->requests);
    core_keys_fini(c);
    core_revisions_fini(c);
    free(c);
}

bool core_is_stopping(const struct core *c)
{
    return c->phase == CORE_STOPPING;
}

void core_set_wall(struct core *c, uint64_t now_ms, uint64_t wall_ms)
{
    c->wall_ms = wall_ms - now_ms;
}

bool core_is_stopped(const struct core *c)
{
    return c->phase == CORE_STOPPING && list_is_empty(&c->conns);
}

/* ---- connections ---- */

struct core_conn *core_conn_new(struct core *c, enum conn_kind kind, const struct ip_addr *remote)
{
    struct core_conn *conn = memory_new(1, sizeof *conn);
    core_must(!pump_init(&conn->pump));
    conn->kind = (uint8_t)kind;
    conn->remote = *remote;
    list_init(&conn->all);
    list_init(&conn->work);
    list_init(&conn->moved);
    list_append(&c->conns, &conn->all);
    if (kind != CONN_BMP)
        list_append(kind == CONN_LINK ? &c->links : &c->busy, &conn->work);
    return conn;
}

void core_conn_work(struct core *c, struct core_conn *conn)
{
    if (!list_is_on(&conn->work))
        list_append(&c->busy, &conn->work);
}

void core_conn_moved(struct core *c, struct core_conn *conn)
{
    if (!list_is_on(&conn->moved))
        list_append(&c->moved, &conn->moved);
}

void core_conn_close(struct core *c, struct core_conn *conn)
{
    if (conn->close_asked)
        return;
    conn->close_asked = true;
    conn->pump.closing = true;
    core_request(c, &(struct core_request){ .kind = CORE_CLOSE, .pump = &conn->pump });
}

static struct core_conn *conn_of(struct pump *p)
{
    return LIST_OF(p, struct core_conn, pump);
}

struct pump *core_accept(struct core *c, enum core_port port, const struct ip_addr *remote,
                         const struct ip_addr *local, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->phase == CORE_STOPPING)
        return NULL;
    struct core_conn *conn = port == CORE_PORT_BGP ? core_bgp_accept(c, remote)
                                                   : core_cluster_accept(c, remote);
    if (!conn)
        return NULL;
    conn->connected = true;
    conn->local = *local;
    return &conn->pump;
}

void core_connected(struct core *c, struct pump *p, const struct ip_addr *local, uint64_t now_ms)
{
    struct core_conn *conn = conn_of(p);
    c->now_ms = now_ms;
    conn->connected = true;
    conn->local = *local;
    core_conn_moved(c, conn);
    if (conn->kind == CONN_BGP)
        core_bgp_connected(c, conn, local);
    else if (conn->kind == CONN_LINK)
        core_cluster_connected(c, conn);
    else
        core_bmp_connected(c, conn);
}

void core_received(struct core *c, struct pump *p, size_t n)
{
    struct core_conn *conn = conn_of(p);
    p->rx_len += n;
    if (conn->kind == CONN_LINK && conn->member)
        conn->member->bytes_in += n;
    if (n && !list_is_on(&p->ready))
        list_append(&c->ready, &p->ready);
    core_conn_moved(c, conn); /* also by nothing: the peer's end, which the loop judges then */
}

bool core_sent(struct core *c, struct pump *p, size_t n, uint64_t now_ms)
{
    struct core_conn *conn = conn_of(p);
    c->now_ms = now_ms;
    bool was_tight = p->tx_len > PUMP_TX / 2; /* control messages may have found no room */
    bool was_held = conn->kind == CONN_LINK && core_streams_are_held(c, conn);
    pump_tx_sent(p, n);
    if (conn->kind == CONN_LINK && conn->member)
        conn->member->bytes_out += n;
    if (conn->kind == CONN_LINK)
        return conn->agent ? core_agent_sent(c, conn) : was_held || repl_link_queued(conn->link);
    if (conn->kind == CONN_BMP) {
        core_bmp_sent(c, conn);
        return was_tight;
    }
    return conn->peer && core_bgp_sent(c, conn, was_tight);
}

void core_closed(struct core *c, struct pump *p, enum core_close how, uint64_t now_ms)
{
    struct core_conn *conn = conn_of(p);
    c->now_ms = now_ms;
    /* What arrived before the end still counts: a NOTIFICATION, a last UPDATE, a goodbye. */
    for (size_t before = 0; !conn->close_asked && p->rx_len && p->rx_len != before;) {
        before = p->rx_len;
        begin_reading(c);
        list_remove(&p->ready); /* or draining a budget's worth would put it there twice */
        drain(c, conn);
    }
    if (conn->kind == CONN_BGP)
        core_bgp_closed(c, conn);
    else if (conn->kind == CONN_LINK)
        core_cluster_closed(c, conn, how);
    else
        core_bmp_closed(c, conn, how);
    for (size_t i = 0; i < c->request_count; i++) { /* nothing may name it any more */
        struct core_request *r = &c->requests[(c->request_first + i) % c->request_cap];
        if (r->pump == p)
            r->pump = NULL;
    }
    list_remove(&conn->all);
    list_remove(&conn->work);
    list_remove(&conn->moved);
    repl_link_free(conn->link);
    core_tap_conn_fini(conn);
    pump_fini(&conn->pump);
    free(conn);
}

struct pump *core_next_pump(struct core *c)
{
    if (list_is_empty(&c->moved))
        return NULL;
    struct core_conn *conn = LIST_OF(c->moved.next, struct core_conn, moved);
    list_remove(&conn->moved);
    return &conn->pump;
}

void core_request(struct core *c, const struct core_request *r)
{
    if (c->request_count == c->request_cap) {
        size_t cap = c->request_cap ? c->request_cap * 2 : 32;
        struct core_request *wider = memory_new(cap, sizeof *wider);
        for (size_t i = 0; i < c->request_count; i++)
            wider[i] = c->requests[(c->request_first + i) % c->request_cap];
        free(c->requests);
        c->requests = wider;
        c->request_cap = cap;
        c->request_first = 0;
    }
    c->requests[(c->request_first + c->request_count++) % c->request_cap] = *r;
}

bool core_next_request(struct core *c, struct core_request *out)
{
    while (c->request_count) {
        *out = c->requests[c->request_first];
        c->request_first = (c->request_first + 1) % c->request_cap;
        c->request_count--;
        if (out->pump || out->kind == CORE_BFD_OPEN || out->kind == CORE_BFD_CLOSE)
            return true;
    }
    return false;
}

/* ---- events ---- */

void core_event(struct core *c, int level, const char *name, const char *subject,
                const char *fields, ...)
{
    struct core_event *e = &c->events[c->event_sequence++ % CORE_EVENTS];
    *e = (struct core_event){
        .sequence = c->event_sequence, .at_ms = c->now_ms, .level = (uint8_t)level, .name = name
    };
    snprintf(e->subject, sizeof e->subject, "%s", subject ? subject : "");
    if (!fields)
        return;
    va_list args;
    va_start(args, fields);
    vsnprintf(e->fields, sizeof e->fields, fields, args);
    va_end(args);
}

bool core_next_event(const struct core *c, uint64_t *sequence, struct core_event *out)
{
    if (*sequence >= c->event_sequence)
        return false;
    if (c->event_sequence - *sequence > CORE_EVENTS)
        *sequence = c->event_sequence - CORE_EVENTS;
    *out = c->events[*sequence % CORE_EVENTS];
    ++*sequence;
    return true;
}
