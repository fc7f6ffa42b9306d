/* /metrics: Prometheus text format 0.0.4. One table row a family; names as in the interface study 3.5. */
#include <stdlib.h>
#include <string.h>

#include "node/api/metrics_text.h"

static const char *const gauge = "gauge";
static const char *const counter = "counter";

void metrics_head(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_single(FILE *f, const char *name, const char *type, const char *help, double value)
{
    metrics_head(f, name, type, help);
    fprintf(f, "%s %.15g\n", name, value);
}

/* Names from the configuration as a label value: backslash, quote and newline are escaped. */
void metrics_label(FILE *f, const char *name, const char *value, const char *end)
{
    fprintf(f, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            fputc('\\', f);
        if (*p == '\n')
            fputs("\\n", f);
        else
            fputc(*p, f);
    }
    fprintf(f, "\"%s", end);
}

/* ---- the node ---- */

static bool is_ready(const struct api_view *v)
{
    struct core_check checks[CORE_CHECKS_MAX];
    size_t count = core_readiness(v->core, v->now_ms, checks);
    for (size_t i = 0; i < count; i++)
        if (!checks[i].ok)
            return false;
    return true;
}

static void put_node(FILE *f, const struct api_view *v)
{
    struct core_status s;
    core_status(v->core, v->now_ms, &s);
    metrics_head(f, "tandem_build_info", gauge, "Version of the running program.");
    fputs("tandem_build_info{version=\"" TANDEM_VERSION "\",revision=\"" TANDEM_VERSION "\"} 1\n", f);
    metrics_head(f, "tandem_node_info", gauge, "Name of this node and of its route server, and its role.");
    fputs("tandem_node_info{", f);
    metrics_label(f, "node", s.self->name, ",");
    metrics_label(f, "role", sight_role(v, s.self->name), ",");
    metrics_label(f, "name", s.config->name, "} 1\n");
    metrics_single(f, "tandem_ready", gauge, "1 when every readiness check holds.", is_ready(v));
    struct core_revision revision = { 0 };
    core_revision(v->core, 0, &revision);
    metrics_single(f, "tandem_config_revision", gauge, "Configurations followed since the start.",
                   (double)revision.number);
    metrics_single(f, "tandem_config_generation", gauge, "Generation that the configuration in force gives itself.",
                   (double)s.config->generation);
    metrics_single(f, "tandem_config_last_reload_success", gauge, "0 when the last reload was refused.",
           !s.config_refused[0]);
    metrics_single(f, "tandem_mrt_failed", gauge, "1 when the last MRT file could not be written.",
                   sight_mrt_trouble(v)[0] != 0);
    metrics_single(f, "tandem_loop_delay_seconds", gauge, "How late the loop last was.",
           s.loop_lag_ms / 1000.0);
    metrics_single(f, "tandem_input_delay_seconds", gauge, "How long bytes of an NVA have been waiting to be read.",
           s.input_lag_ms / 1000.0);
    metrics_single(f, "tandem_decision_version", gauge, "Version of the decision: the least of the living nodes' newest.",
           s.algo);
    metrics_single(f, "tandem_cluster_refused_handshakes_total", counter,
           "Connections to the cluster port refused: too many half open, or failures.", (double)s.refused_handshakes);
    metrics_single(f, "tandem_rib_paths", gauge, "Paths of all origins.", s.paths);
    metrics_single(f, "tandem_rib_stale_paths", gauge, "Paths kept although their session is lost.",
           s.stale_paths);
    metrics_single(f, "tandem_rib_programmed_prefixes", gauge, "Prefixes with a set of next hops.",
           s.programmed);
    metrics_single(f, "tandem_rib_undecided_prefixes", gauge, "Prefixes that wait for their decision.",
           s.undecided);
    metrics_single(f, "tandem_rib_updates_total", counter, "Paths announced to this node.",
           (double)s.updates);
    metrics_single(f, "tandem_rib_withdrawals_total", counter, "Paths withdrawn from this node.",
           (double)s.withdrawals);
    metrics_single(f, "tandem_rib_memory_bytes", gauge, "Memory of prefixes, paths, attributes and orders.",
           (double)(s.memory.nets + s.memory.paths + s.memory.attrs + s.memory.orders));
}

static void put_turns(FILE *f, const struct api_view *v)
{
    const struct core_turns *t = core_turns(v->core);
    metrics_head(f, "tandem_turn_seconds", "histogram", "How long a turn of the loop took.");
    metrics_histogram(f, "tandem_turn_seconds", NULL, &t->took);
    metrics_single(f, "tandem_turn_longest_seconds", gauge, "The longest turn since the start.",
           (double)t->longest_us / 1e6);
}

static void put_prefixes(FILE *f, const struct api_view *v)
{
    const struct rib *r = core_rib(v->core);
    metrics_head(f, "tandem_rib_prefixes", gauge, "Prefixes in the RIB.");
    fprintf(f, "tandem_rib_prefixes{afi=\"ipv4\"} %u\n", r->nets.records[BGP_IP4].count);
    fprintf(f, "tandem_rib_prefixes{afi=\"ipv6\"} %u\n", r->nets.records[BGP_IP6].count);
}

/* ---- peers: one row a family ---- */

static double up(const struct core_peer_view *p)
{
    return p->state == BGP_ESTABLISHED;
}
static double learned(const struct core_peer_view *p)
{
    return p->received;
}
static double accepted(const struct core_peer_view *p)
{
    return p->accepted;
}
static double filtered(const struct core_peer_view *p)
{
    return p->state == BGP_ESTABLISHED && p->received > p->accepted ? p->received - p->accepted : 0;
}
static double best(const struct core_peer_view *p)
{
    return p->best;
}
static double advertised(const struct core_peer_view *p)
{
    return p->advertised;
}
static double limit(const struct core_peer_view *p)
{
    return p->peer->limit.limit;
}
static double memory(const struct core_peer_view *p)
{
    return (double)p->memory;
}
static double memory_limit(const struct core_peer_view *p)
{
    return (double)p->peer->max_memory;
}
static double refused(const struct core_peer_view *p)
{
    return (double)p->refused;
}
static double flaps(const struct core_peer_view *p)
{
    return p->stats ? p->stats->flaps : 0;
}
static double faulty(const struct core_peer_view *p)
{
    return p->stats ? (double)p->stats->updates_faulty : 0;
}
static double one_sided(const struct core_peer_view *p)
{
    return p->nodes_up && p->nodes_up != p->nodes_all;
}

/* clang-format off */
static const struct {
    const char *name, *type, *help;
    double (*value)(const struct core_peer_view *p);
} peer_families[] = {
    { "tandem_bgp_peer_up", "gauge", "1 when this node's session is Established.", up },
    { "tandem_bgp_peer_routes_learned", "gauge", "Routes received on this node's session.", learned },
    { "tandem_bgp_peer_routes_accepted", "gauge", "Routes received and usable.", accepted },
    { "tandem_bgp_peer_routes_filtered", "gauge", "Routes received and refused by policy.", filtered },
    { "tandem_bgp_peer_routes_best", "gauge", "Routes that won.", best },
    { "tandem_bgp_peer_routes_advertised", "gauge", "Prefixes told to the peer.", advertised },
    { "tandem_bgp_peer_routes_limit", "gauge", "Configured limit, 0 = none.", limit },
    { "tandem_bgp_peer_memory_bytes", "gauge", "What its routes cost here.", memory },
    { "tandem_bgp_peer_memory_limit_bytes", "gauge", "What they may cost, 0 = no limit.", memory_limit },
    { "tandem_bgp_peer_routes_refused_total", "counter", "Announcements beyond that, not taken.", refused },
    { "tandem_bgp_peer_one_sided", "gauge", "1 when some nodes have a session and others not.", one_sided },
    { "tandem_bgp_peer_flaps_total", "counter", "Sessions that ended.", flaps },
    { "tandem_bgp_faulty_updates_total", "counter", "UPDATEs handled by RFC 7606 without a reset.", faulty },
};
/* clang-format on */

void metrics_peer(FILE *f, const char *family, const struct core_peer_view *p,
                        const char *end)
{
    char text[IP_ADDR_TEXT];
    fprintf(f, "%s{peer=\"%s\",peer_as=\"%u\",", family, ip_addr_format(&p->peer->peer_ip, text),
            p->peer->peer_asn);
    metrics_label(f, "name", p->peer->name, end);
}

static void put_states(FILE *f, const struct core_peer_view *peers, size_t count)
{
    metrics_head(f, "tandem_bgp_peer_state", gauge, "1 for the state that the session is in.");
    for (size_t i = 0; i < count; i++)
        for (int s = 0; s < BGP_STATES; s++) {
            metrics_peer(f, "tandem_bgp_peer_state", &peers[i], ",");
            fprintf(f, "state=\"%s\"} %d\n", bgp_state_name((enum bgp_state)s),
                    peers[i].state == s);
        }
}

static void put_bfd(FILE *f, const struct core_peer_view *peers, size_t count)
{
    static const char *const up_family = "tandem_bfd_session_up";
    static const char *const failures = "tandem_bfd_session_failures_total";
    metrics_head(f, up_family, gauge, "1 when BFD with the peer is Up; peers without BFD are left out.");
    for (size_t i = 0; i < count; i++)
        if (peers[i].bfd) {
            metrics_peer(f, up_family, &peers[i], "} ");
            fprintf(f, "%d\n", peers[i].bfd->state == BFD_UP);
        }
    metrics_head(f, failures, counter, "Times that BFD found the peer gone.");
    for (size_t i = 0; i < count; i++)
        if (peers[i].bfd) {
            metrics_peer(f, failures, &peers[i], "} ");
            fprintf(f, "%u\n", peers[i].bfd->failures);
        }
}

static void put_peers(FILE *f, const struct api_view *v)
{
    size_t count = 0;
    struct core_peer_view *peers = calloc(core_peer_count(v->core) + 1, sizeof *peers);
    if (!peers)
        abort();
    for (size_t i = 0; i < core_peer_count(v->core); i++)
        count += core_peer_view(v->core, i, &peers[count]);
    for (size_t k = 0; k < sizeof peer_families / sizeof *peer_families; k++) {
        metrics_head(f, peer_families[k].name, peer_families[k].type, peer_families[k].help);
        for (size_t i = 0; i < count; i++) {
            metrics_peer(f, peer_families[k].name, &peers[i], "} ");
            fprintf(f, "%.15g\n", peer_families[k].value(&peers[i]));
        }
    }
    put_states(f, peers, count);
    metrics_sessions(f, v, peers, count);
    put_bfd(f, peers, count);
    free(peers);
}

/* ---- targets ---- */

static void put_target_routes(FILE *f, const struct core_target_view *t)
{
    const struct {
        const char *state;
        uint32_t value;
    } rows[] = { { "wanted", t->stats->wanted },
                 { "installed", t->stats->installed },
                 { "pending", t->stats->pending },
                 { "failed", t->stats->failed },
                 { "held", t->stats->held_by_brake } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fputs("tandem_program_routes{", f);
        metrics_label(f, "target", t->target->name, ",");
        fprintf(f, "state=\"%s\"} %u\n", rows[i].state, rows[i].value);
    }
}

static void put_target_operations(FILE *f, const struct core_target_view *t)
{
    const struct {
        const char *operation, *result;
        uint64_t value;
    } rows[] = { { "put", "ok", t->stats->puts },
                 { "delete", "ok", t->stats->deletes },
                 { "error", "failed", t->stats->errors } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fputs("tandem_program_operations_total{", f);
        metrics_label(f, "target", t->target->name, ",");
        fprintf(f, "operation=\"%s\",result=\"%s\"} %llu\n", rows[i].operation, rows[i].result,
                (unsigned long long)rows[i].value);
    }
}

static void put_target_durations(FILE *f, const struct core_target_view *t)
{
    static const char *const results[] = { [false] = "failed", [true] = "ok" };
    for (int ok = 0; ok < 2; ok++) {
        const struct metrics_pair labels[] = { { "target", t->target->name }, { "result", results[ok] }, { NULL, NULL } };
        metrics_histogram(f, "tandem_program_duration_seconds", labels, &t->stats->took[ok]);
    }
}

/* The role that holds is 1: the one way to graph a state. */
static void put_target_roles(FILE *f, const struct core_target_view *t)
{
    for (uint8_t role = 0; t->fence && role < REPL_FENCE_ROLES; role++) {
        fputs("tandem_program_role{", f);
        metrics_label(f, "target", t->target->name, ",");
        fprintf(f, "role=\"%s\"} %d\n", repl_fence_role_name(role), t->fence->role == role);
    }
}

/* What only its backend counts, by the names of /v1/programming. */
static void put_target_facts(FILE *f, const struct core_target_view *t)
{
    for (size_t i = 0; i < t->fact_count; i++) {
        fputs("tandem_program_fact{", f);
        metrics_label(f, "target", t->target->name, ",");
        fprintf(f, "fact=\"%s\"} %llu\n", t->facts[i].name,
                (unsigned long long)t->facts[i].value);
    }
}

static void put_target_trouble(FILE *f, const struct core_target_view *t)
{
    fputs("tandem_program_trouble{", f);
    metrics_label(f, "target", t->target->name, "} ");
    fprintf(f, "%d\n", t->trouble[0] != 0);
}

static void put_target_state(FILE *f, const struct core_target_view *t)
{
    fputs("tandem_program_state{", f);
    metrics_label(f, "target", t->target->name, ",");
    metrics_label(f, "state", t->state, "} 1\n");
}

static void put_target_epoch(FILE *f, const struct core_target_view *t)
{
    if (!t->fence)
        return;
    fputs("tandem_program_epoch{", f);
    metrics_label(f, "target", t->target->name, "} ");
    fprintf(f, "%llu\n", (unsigned long long)t->fence->record.epoch);
}

static void put_target_reach(FILE *f, const struct core_target_view *t)
{
    if (!t->fence)
        return;
    fputs("tandem_program_reachable{", f);
    metrics_label(f, "target", t->target->name, "} ");
    fprintf(f, "%d\n", t->fence->is_readable);
}

static void put_targets(FILE *f, const struct api_view *v,
                        void (*put)(FILE *, const struct core_target_view *))
{
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        if (t.stats)
            put(f, &t);
    }
}

/* ---- host agents ---- */

static double agent_connected(const struct core_agent_view *a)
{
    return a->connected;
}
static double agent_follows(const struct core_agent_view *a)
{
    return a->connected && a->report.active;
}
static double agent_wanted(const struct core_agent_view *a)
{
    return a->report.wanted;
}
static double agent_installed(const struct core_agent_view *a)
{
    return a->report.installed;
}
static double agent_failed(const struct core_agent_view *a)
{
    return a->report.failed;
}
static double agent_held(const struct core_agent_view *a)
{
    return a->report.held;
}
static double agent_unhealthy(const struct core_agent_view *a)
{
    return a->report.unhealthy;
}

static void put_agents(FILE *f, const struct api_view *v)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct core_agent_view *a);
        bool is_reported; /* of an agent that has told it */
    } families[] = {
        { "tandem_agent_connected", "1 when the host's agent is connected.", agent_connected, false },
        { "tandem_agent_follows", "1 when it is this node's table that it programs.", agent_follows, true },
        { "tandem_agent_routes_wanted", "Prefixes that the host should have.", agent_wanted, true },
        { "tandem_agent_routes_installed", "Prefixes that its kernel has.", agent_installed, true },
        { "tandem_agent_routes_failed", "Prefixes that its kernel refused.", agent_failed, true },
        { "tandem_agent_routes_held", "Deletions that its brake holds.", agent_held, true },
        { "tandem_agent_unhealthy_next_hops", "Next hops that its probes found out.", agent_unhealthy, true },
    };
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        metrics_head(f, families[k].name, gauge, families[k].help);
        for (size_t i = 0; i < core_agent_count(v->core); i++) {
            struct core_agent_view a;
            core_agent_view(v->core, i, &a);
            if (families[k].is_reported && !a.has_report)
                continue;
            fprintf(f, "%s{", families[k].name);
            metrics_label(f, "agent", a.name, "} ");
            fprintf(f, "%.15g\n", families[k].value(&a));
        }
    }
}

/* ---- monitoring stations ---- */

static double connected(const struct core_station_view *s)
{
    return s->is_connected;
}
static double behind(const struct core_station_view *s)
{
    return (double)s->behind;
}
static double messages(const struct core_station_view *s)
{
    return (double)s->messages;
}
static double losses(const struct core_station_view *s)
{
    return (double)s->lost;
}

static void put_stations(FILE *f, const struct api_view *v)
{
    static const struct {
        const char *name, *type, *help;
        double (*value)(const struct core_station_view *s);
    } families[] = {
        { "tandem_bmp_connected", "gauge", "1 when the monitoring station is connected.", connected },
        { "tandem_bmp_versions_behind", "gauge", "Changes that it was not told yet.", behind },
        { "tandem_bmp_messages_total", "counter", "Messages for it.", messages },
        { "tandem_bmp_losses_total", "counter", "Connections with it that ended.", losses },
    };
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        metrics_head(f, families[k].name, families[k].type, families[k].help);
        for (size_t i = 0; i < core_station_count(v->core); i++) {
            struct core_station_view s;
            core_station_view(v->core, i, &s);
            fprintf(f, "%s{", families[k].name);
            metrics_label(f, "station", s.station->name, "} ");
            fprintf(f, "%.15g\n", families[k].value(&s));
        }
    }
}

void api_metrics(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    char *body = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&body, &len);
    if (!f)
        abort();
    put_node(f, v);
    put_turns(f, v);
    put_prefixes(f, v);
    put_peers(f, v);
    metrics_cluster(f, v);
    metrics_head(f, "tandem_program_routes", gauge, "Prefixes by state of a target.");
    put_targets(f, v, put_target_routes);
    metrics_head(f, "tandem_program_operations_total", counter, "Operations on a target.");
    put_targets(f, v, put_target_operations);
    metrics_head(f, "tandem_program_duration_seconds", "histogram", "How long operations on a target were under way.");
    put_targets(f, v, put_target_durations);
    metrics_head(f, "tandem_program_role", gauge, "Role of this node at a shared target: 1 for the one it has.");
    put_targets(f, v, put_target_roles);
    metrics_head(f, "tandem_program_epoch", gauge, "Epoch of the fence that stands in a shared target.");
    put_targets(f, v, put_target_epoch);
    metrics_head(f, "tandem_program_trouble", gauge, "Is something wrong with a target as a whole?");
    put_targets(f, v, put_target_trouble);
    metrics_head(f, "tandem_program_state", gauge, "The state that a target is in, in a word: 1.");
    put_targets(f, v, put_target_state);
    metrics_head(f, "tandem_program_fact", gauge, "Numbers of a target's own, by name.");
    put_targets(f, v, put_target_facts);
    metrics_head(f, "tandem_program_reachable", gauge, "Does a shared target answer this node?");
    put_targets(f, v, put_target_reach);
    put_agents(f, v);
    put_stations(f, v);
    metrics_process(f, v);
    fclose(f);
    if (q->wants_openmetrics)
        body = metrics_open(body, &len);
    reply_text(out, 200, q->wants_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8",
               body, len);
}
