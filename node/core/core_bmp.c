/* Monitoring stations (BMP, RFC 7854): dialling, who is up, reports.
 *
 * A station is a set of cursors over orders that exist anyway (core_bmp_routes.c). A slow one lags, and sees each
 * route at its latest state only; one that takes nothing for a while, or so little that withdrawals are
 * forgotten before it hears of them, is hung up on and begins anew: nothing is ever queued for it.
 * Happy path: dial -> Initiation -> Peer Ups -> tables, End-of-RIB of each -> changes, reports. */
#include <stdio.h>

#include "bgp/codec/open.h"
#include "node/core/core_bmp_impl.h"

enum { BACKOFF_MAX_MS = 720000, STALL_MS = 30000, COUNT_BUDGET = 8192 };

/* ---- messages ---- */

uint8_t *station_room(struct core_station *s)
{
    size_t room;
    uint8_t *at = pump_tx_space(&s->conn->pump, &room);
    return room < BMP_MESSAGE_MAX ? NULL : at;
}

void station_wrote(struct core *c, struct core_station *s, size_t len)
{
    s->conn->pump.tx_len += len;
    s->messages++;
    s->bytes += len;
    core_conn_moved(c, s->conn);
}

static const char *subject(const struct core_station *s, char *buf, size_t cap)
{
    snprintf(buf, cap, "station=%s", s->cfg->name);
    return buf;
}

/* ---- who is up ---- */

struct bmp_peer station_loc_rib(const struct core *c)
{
    return (struct bmp_peer){ .type = BMP_LOC_RIB_INSTANCE,
                              .asn = c->config->asn,
                              .identifier = core_router_id(c),
                              .wall_ms = core_wall(c) };
}

/* RFC 9069 section 5.2: made up, with what is needed to read its routes. */
static size_t loc_rib_open(const struct core *c, uint8_t *buf)
{
    const struct bgp_open open = { .asn = c->config->asn,
                                   .identifier = core_router_id(c),
                                   .as4 = true,
                                   .family = { true, true },
                                   .ext_next_hop = true,
                                   .extended_message = true,
                                   .role = -1 };
    return bgp_open_write(&open, buf, BGP_MESSAGE_MAX);
}

static bool loc_rib_up(struct core *c, struct core_station *s)
{
    uint8_t open[BGP_MESSAGE_MAX], *at = station_room(s);
    struct bmp_peer who = station_loc_rib(c);
    if (!at)
        return false;
    size_t len = loc_rib_open(c, open);
    station_wrote(c, s, bmp_peer_up(at, BMP_MESSAGE_MAX, &who,
                                    &(struct bmp_up){ .sent = open,
                                                      .sent_len = len,
                                                      .received = open,
                                                      .received_len = len,
                                                      .table = "global" }));
    s->loc_up = true;
    return true;
}

static bool peer_down(struct core *c, struct core_station *s, const struct core_peer *p,
                      struct station_peer *known)
{
    uint8_t *at = station_room(s);
    if (!at)
        return false;
    known->who.wall_ms = core_wall(c);
    if (p && p->down)
        station_wrote(c, s, bmp_peer_down(at, BMP_MESSAGE_MAX, &known->who, (enum bmp_down_reason)p->down,
                                          p->last_word.bytes, p->last_word.len));
    else /* its number is free, or another NVA's */
        station_wrote(c, s, bmp_peer_down(at, BMP_MESSAGE_MAX, &known->who, BMP_DECONFIGURED, NULL, 0));
    known->is_up = false;
    return true;
}

static void begin_tables(const struct core *c, const struct core_station *s, struct station_peer *known)
{
    const struct station_cursor start = { .began = vlist_head(&c->rib.loc) };
    known->out[0] = known->out[1] = start;
    known->owes_end = s->cfg->routes & (uint8_t)~(1u << CONFIG_LOC_RIB);
}

static bool peer_up(struct core *c, struct core_station *s, const struct core_peer *p,
                    struct station_peer *known)
{
    const struct core_conn *conn = p->conns[bgp_session_slot(p->session)];
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    uint8_t *at = station_room(s);
    if (!at)
        return false;
    known->who = (struct bmp_peer){ .type = BMP_GLOBAL_INSTANCE,
                                    .address = conn->remote,
                                    .asn = open->asn,
                                    .identifier = open->identifier,
                                    .wall_ms = c->wall_ms + p->up_ms };
    station_wrote(c, s, bmp_peer_up(at, BMP_MESSAGE_MAX, &known->who,
                                    &(struct bmp_up){ .local = conn->local,
                                                      .local_port = conn->pump.local_port,
                                                      .remote_port = conn->pump.remote_port,
                                                      .sent = conn->sent_open.bytes,
                                                      .sent_len = conn->sent_open.len,
                                                      .received = conn->heard_open.bytes,
                                                      .received_len = conn->heard_open.len }));
    known->is_up = true;
    known->session = p->session_id;
    begin_tables(c, s, known);
    return true;
}

static bool tell_peer(struct core *c, struct core_station *s, const struct core_peer *p,
                      struct station_peer *known)
{
    bool is_up = p && p->session && bgp_session_slot(p->session) >= 0;
    bool is_same = is_up && p->session_id == known->session;
    if (known->is_up && !is_same && !peer_down(c, s, p, known))
        return false;
    return !is_up || known->is_up || peer_up(c, s, p, known);
}

static void widen_peers(const struct core *c, struct core_station *s)
{
    if (s->peer_count >= c->nva_count)
        return;
    struct station_peer *wider = memory_new(c->nva_count, sizeof *wider);
    if (s->peer_count)
        memcpy(wider, s->peers, s->peer_count * sizeof *wider);
    free(s->peers);
    s->peers = wider;
    s->peer_count = c->nva_count;
}

/* Of sessions that came and went unseen the last one counts. False: no room. */
static bool tell_peers(struct core *c, struct core_station *s)
{
    if (s->session_changes == c->session_changes)
        return true;
    widen_peers(c, s);
    for (uint32_t nva = 1; nva < s->peer_count; nva++)
        if (!tell_peer(c, s, c->peers[nva], &s->peers[nva]))
            return false;
    s->session_changes = c->session_changes;
    s->out_head = UINT64_MAX;
    return true;
}

/* ---- reports ---- */

static void count_loc_rib(const struct core *c, struct station_count *n)
{
    const struct prefix_table *nets = &c->rib.nets;
    for (unsigned i = 0; i < COUNT_BUDGET && n->family < BGP_FAMILIES; i++, n->place++) {
        if (n->place >= prefix_table_top(nets, (enum bgp_family)n->family)) {
            n->family++;
            n->place = 0; /* places begin at 1 */
            continue;
        }
        uint32_t net = prefix_index((enum bgp_family)n->family, n->place);
        n->routes[n->family] += prefix_table_is_used(nets, net) && rib_best(rib_net(&c->rib, net));
    }
    n->is_done = n->family == BGP_FAMILIES;
}

static bool report_loc_rib(struct core *c, struct core_station *s)
{
    const uint64_t *routes = s->count.routes;
    const struct bmp_number numbers[] = {
        { .type = BMP_LOC_RIB_ROUTES, .value = routes[BGP_IP4] + routes[BGP_IP6] },
        { .type = BMP_LOC_RIB_FAMILY_ROUTES, .family = BGP_IP4, .value = routes[BGP_IP4] },
        { .type = BMP_LOC_RIB_FAMILY_ROUTES, .family = BGP_IP6, .value = routes[BGP_IP6] },
    };
    struct bmp_peer who = station_loc_rib(c);
    uint8_t *at = station_room(s);
    if (at)
        station_wrote(c, s, bmp_statistics(at, BMP_MESSAGE_MAX, &who, numbers,
                                           sizeof numbers / sizeof *numbers));
    return at;
}

static uint64_t told(const struct core_peer *p, enum bgp_family family)
{
    return p->out[family] ? adjout_stats(p->out[family]).current : 0;
}

static bool report_peer(struct core *c, struct core_station *s, const struct core_peer *p)
{
    uint64_t ip4 = told(p, BGP_IP4), ip6 = told(p, BGP_IP6);
    const struct bmp_number numbers[] = {
        { .type = BMP_ADJ_RIB_IN_ROUTES, .value = rib_session_paths(core_session_fact(c, p)) },
        { .type = BMP_TREATED_AS_WITHDRAW,
          .value = bgp_session_stats(p->session)->treated_as_withdraw },
        { .type = BMP_ADJ_RIB_OUT_ROUTES, .value = ip4 + ip6 },
        { .type = BMP_ADJ_RIB_OUT_FAMILY_ROUTES, .family = BGP_IP4, .value = ip4 },
        { .type = BMP_ADJ_RIB_OUT_FAMILY_ROUTES, .family = BGP_IP6, .value = ip6 },
    };
    struct station_peer *known = &s->peers[p->nva];
    uint8_t *at = station_room(s);
    if (!at)
        return false;
    known->who.wall_ms = core_wall(c);
    station_wrote(c, s, bmp_statistics(at, BMP_MESSAGE_MAX, &known->who, numbers,
                                       sizeof numbers / sizeof *numbers));
    return true;
}

/* False: there is more to report, now or when there is room. */
static bool report(struct core *c, struct core_station *s)
{
    struct station_count *n = &s->count;
    if (!n->is_due)
        return true;
    if (s->loc_up && !n->is_done) {
        count_loc_rib(c, n);
        if (!n->is_done)
            return false;
    }
    if (s->loc_up && n->nva == 0 && !report_loc_rib(c, s))
        return false;
    for (n->nva += n->nva == 0; n->nva < s->peer_count; n->nva++)
        if (s->peers[n->nva].is_up && !report_peer(c, s, c->peers[n->nva]))
            return false;
    *n = (struct station_count){ 0 };
    return true;
}

static void ask_report(struct core *c, struct core_station *s)
{
    if (!s->cfg->statistics_ms || c->now_ms < s->statistics_ms)
        return;
    s->statistics_ms = c->now_ms + s->cfg->statistics_ms;
    s->count.is_due = true;
}

/* ---- one station ---- */

static bool initiate(struct core *c, struct core_station *s)
{
    uint8_t *at = station_room(s);
    if (s->is_initiated || !at)
        return s->is_initiated;
    station_wrote(c, s, bmp_initiation(at, BMP_MESSAGE_MAX, c->node->name, "Tandem " TANDEM_VERSION));
    s->is_initiated = true;
    return true;
}

/* True: there is more, and room for it. */
static bool tell(struct core *c, struct core_station *s)
{
    if (!initiate(c, s) || (station_wants(s, CONFIG_LOC_RIB) && !s->loc_up && !loc_rib_up(c, s)) ||
        !tell_peers(c, s))
        return false;
    bool more = station_tell_routes(c, s);
    ask_report(c, s);
    more |= !report(c, s);
    return more && station_room(s);
}

static void hang_up(struct core *c, struct core_station *s, enum bmp_termination reason, const char *text)
{
    uint8_t *at = station_room(s);
    snprintf(s->last_error, sizeof s->last_error, "%s", text);
    if (at)
        station_wrote(c, s, bmp_termination(at, BMP_MESSAGE_MAX, reason, text));
    core_conn_close(c, s->conn);
    s->is_connected = false;
}

static void dial(struct core *c, struct core_station *s)
{
    const struct ip_addr *local = core_node_addr(c->node, s->cfg->at.addr.family);
    s->conn = core_conn_new(c, CONN_BMP, &s->cfg->at.addr);
    s->conn->dialled = true;
    s->conn->station = s;
    core_request(c, &(struct core_request){ .kind = CORE_DIAL,
                                            .port = CORE_PORT_BMP,
                                            .pump = &s->conn->pump,
                                            .remote = s->cfg->at.addr,
                                            .local = local ? *local : (struct ip_addr){ 0 },
                                            .remote_port = s->cfg->at.port });
}

static void turn(struct core *c, struct core_station *s)
{
    if (!s->conn && c->now_ms >= s->retry_ms && c->phase != CORE_STOPPING)
        dial(c, s);
    if (!s->is_connected)
        return;
    if (s->conn->pump.tx_at == s->conn->pump.tx_len)
        s->progress_ms = c->now_ms;
    if (c->now_ms >= s->progress_ms + STALL_MS)
        hang_up(c, s, BMP_OUT_OF_RESOURCES, "the station takes nothing");
    else if (station_has_missed(c, s))
        hang_up(c, s, BMP_OUT_OF_RESOURCES, "the station is too slow");
    else
        c->stations_busy |= tell(c, s);
}

void core_bmp_turn(struct core *c)
{
    c->stations_busy = false;
    for (size_t i = 0; i < c->config->station_count; i++)
        turn(c, &c->stations[i]);
}

/* ---- connections ---- */

void core_bmp_connected(struct core *c, struct core_conn *conn)
{
    struct core_station *s = conn->station;
    char buf[CONFIG_NAME_MAX + 16];
    uint64_t own = vlist_head(&c->rib.origins[c->rib.self].order);
    if (s->peer_count)
        memset(s->peers, 0, s->peer_count * sizeof *s->peers);
    s->in[0] = s->in[1] = (struct station_cursor){ .began = own };
    s->loc = (struct station_cursor){ .began = vlist_head(&c->rib.loc) };
    s->loc_up = s->is_initiated = s->was_told = false;
    s->loc_owes_end = true;
    s->session_changes = c->session_changes - 1; /* look at all of them */
    s->count = (struct station_count){ 0 };
    s->is_connected = true;
    s->connects++;
    s->since_ms = s->progress_ms = c->now_ms;
    s->statistics_ms = c->now_ms + s->cfg->statistics_ms;
    s->backoff_ms = s->cfg->retry_ms;
    s->last_error[0] = 0;
    core_event(c, CONFIG_LOG_INFO, "bmp_up", subject(s, buf, sizeof buf), NULL);
}

void core_bmp_sent(struct core *c, struct core_conn *conn)
{
    conn->station->progress_ms = c->now_ms;
}

static const char *const reasons[] = { [CORE_CLOSE_EOF] = "the station closed the connection",
                                       [CORE_CLOSE_RESET] = "connection reset",
                                       [CORE_CLOSE_REFUSED] = "connection refused",
                                       [CORE_CLOSE_TIMEOUT] = "no answer" };

void core_bmp_closed(struct core *c, struct core_conn *conn, enum core_close how)
{
    struct core_station *s = conn->station;
    char buf[CONFIG_NAME_MAX + 16];
    bool is_news = !s->was_told;
    if (!conn->close_asked)
        snprintf(s->last_error, sizeof s->last_error, "%s", reasons[how]);
    if (conn->connected) {
        s->lost++;
        s->since_ms = c->now_ms;
    }
    s->conn = NULL;
    s->is_connected = false;
    s->was_told = true;
    s->retry_ms = c->now_ms + s->backoff_ms;
    s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MAX_MS ? s->backoff_ms * 2 : BACKOFF_MAX_MS;
    if (c->phase != CORE_STOPPING)
        core_event(c, is_news ? CONFIG_LOG_WARN : CONFIG_LOG_DEBUG, "bmp_down",
                   subject(s, buf, sizeof buf), "reason=\"%s\" retry_ms=%llu", s->last_error,
                   (unsigned long long)(s->retry_ms - c->now_ms));
}

/* ---- life ---- */

void core_bmp_init(struct core *c)
{
    if (!c->config->station_count)
        return;
    c->stations = memory_new(c->config->station_count, sizeof *c->stations);
    for (size_t i = 0; i < c->config->station_count; i++) {
        struct core_station *s = &c->stations[i];
        s->cfg = &c->config->stations[i];
        s->backoff_ms = s->cfg->retry_ms;
        s->export = memory_new(BGP_EXPORT_MAX, 1);
    }
}

void core_bmp_fini(struct core *c)
{
    for (size_t i = 0; c->stations && i < c->config->station_count; i++) {
        free(c->stations[i].peers);
        free(c->stations[i].export);
    }
    free(c->stations);
}

void core_bmp_stop(struct core *c)
{
    for (size_t i = 0; c->stations && i < c->config->station_count; i++) {
        struct core_station *s = &c->stations[i];
        if (s->is_connected)
            hang_up(c, s, BMP_ADMINISTRATIVELY_CLOSED, "node stops");
        else if (s->conn)
            core_conn_close(c, s->conn);
    }
}

uint64_t core_bmp_slowest(const struct core *c)
{
    uint64_t slowest = UINT64_MAX;
    for (size_t i = 0; c->stations && i < c->config->station_count; i++) {
        uint64_t one = station_slowest(&c->stations[i]);
        slowest = one < slowest ? one : slowest;
    }
    return slowest;
}

/* ---- sight ---- */

size_t core_station_count(const struct core *c)
{
    return c->config->station_count;
}

void core_station_view(const struct core *c, size_t nth, struct core_station_view *out)
{
    const struct core_station *s = &c->stations[nth];
    uint64_t own = vlist_head(&c->rib.origins[c->rib.self].order), loc = vlist_head(&c->rib.loc);
    *out = (struct core_station_view){ .station = s->cfg,
                                       .is_connected = s->is_connected,
                                       .since_ms = s->since_ms,
                                       .messages = s->messages,
                                       .bytes = s->bytes,
                                       .connects = s->connects,
                                       .lost = s->lost };
    snprintf(out->last_error, sizeof out->last_error, "%s", s->last_error);
    if (!s->is_connected)
        return;
    for (int i = 0; i < 2; i++)
        if (station_wants(s, (enum config_station_routes)(CONFIG_ADJ_RIB_IN_PRE + i)))
            out->behind += own - s->in[i].position;
    if (station_wants(s, CONFIG_LOC_RIB))
        out->behind += loc - s->loc.position;
}
