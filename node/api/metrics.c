/* /metrics: Prometheus text format 0.0.4. One table row a family; names as in the interface study 3.5. */
#include <stdlib.h>
#include <string.h>

#include "node/api/metrics_text.h"
#include "node/api/pieces.h"
#include "node/base/memory.h"

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

static void put_escaped(FILE *f, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            fputc('\\', f);
        if (*p == '\n')
            fputs("\\n", f);
        else
            fputc(*p, f);
    }
}

/* Names from the configuration as a label value: backslash, quote and newline are escaped. Few have any. */
void metrics_label(FILE *f, const char *name, const char *value, const char *end)
{
    fprintf(f, "%s=\"", name);
    if (value[strcspn(value, "\\\"\n")])
        put_escaped(f, value);
    else
        fputs(value, f);
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

static const struct agent_family {
    const char *name, *help;
    double (*value)(const struct core_agent_view *a);
    bool is_reported; /* of an agent that has told it */
} agent_families[] = {
    { "tandem_agent_connected", "1 when the host's agent is connected.", agent_connected, false },
    { "tandem_agent_follows", "1 when it is this node's table that it programs.", agent_follows, true },
    { "tandem_agent_routes_wanted", "Prefixes that the host should have.", agent_wanted, true },
    { "tandem_agent_routes_installed", "Prefixes that its kernel has.", agent_installed, true },
    { "tandem_agent_routes_failed", "Prefixes that its kernel refused.", agent_failed, true },
    { "tandem_agent_routes_held", "Deletions that its brake holds.", agent_held, true },
    { "tandem_agent_unhealthy_next_hops", "Next hops that its probes found out.", agent_unhealthy, true },
};

static void put_agent(FILE *f, const struct api_view *v, const struct agent_family *family, size_t nth)
{
    struct core_agent_view a;
    core_agent_view(v->core, nth, &a);
    if (family->is_reported && !a.has_report)
        return;
    fprintf(f, "%s{", family->name);
    metrics_label(f, "agent", a.name, "} ");
    fprintf(f, "%.15g\n", family->value(&a));
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

/* ---- all of it, made while it is sent ---- */

static void put_front(FILE *f, const struct api_view *v)
{
    put_node(f, v);
    put_turns(f, v);
    put_prefixes(f, v);
}

static void put_programming(FILE *f, const struct api_view *v)
{
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
}

static void put_back(FILE *f, const struct api_view *v)
{
    put_stations(f, v);
    metrics_process(f, v);
}

/* Families of peers and of agents are told a stretch of them at a time: there may be thousands. */
enum part { PART_FRONT, PART_PEERS, PART_PROGRAMMING, PART_AGENTS, PART_BACK, PART_END };
enum { STRETCH = 64 };

struct answer {
    struct pieces pieces;
    unsigned part; /* enum part */
    size_t family, nth; /* of peers or agents */
    bool is_open; /* as OpenMetrics */
};

/* The end of those that are told next; behind it comes the next family. */
static size_t stretch(struct answer *a, size_t count)
{
    size_t left = a->nth < count ? count - a->nth : 0;
    return a->nth + (left < STRETCH ? left : STRETCH);
}

static void go_on(struct answer *a, size_t count)
{
    if (a->nth < count)
        return;
    a->nth = 0;
    a->family++;
}

static bool put_peers(struct answer *a, const struct api_view *v, FILE *f)
{
    const struct metrics_family *family = metrics_peer_family(a->family);
    size_t count = core_peer_count(v->core);
    if (!family)
        return false;
    if (!a->nth)
        metrics_head(f, family->name, family->type, family->help);
    for (size_t end = stretch(a, count); a->nth < end; a->nth++) {
        struct core_peer_view p;
        if (core_peer_view(v->core, a->nth, &p))
            family->put(f, v, family, &p);
    }
    go_on(a, count);
    return true;
}

static bool put_agents(struct answer *a, const struct api_view *v, FILE *f)
{
    size_t count = core_agent_count(v->core);
    if (a->family == sizeof agent_families / sizeof *agent_families)
        return false;
    const struct agent_family *family = &agent_families[a->family];
    if (!a->nth)
        metrics_head(f, family->name, gauge, family->help);
    for (size_t end = stretch(a, count); a->nth < end; a->nth++)
        put_agent(f, v, family, a->nth);
    go_on(a, count);
    return true;
}

static void put_part(struct answer *a, const struct api_view *v, FILE *f)
{
    static void (*const whole[])(FILE *, const struct api_view *) = { [PART_FRONT] = put_front,
                                                                      [PART_PROGRAMMING] = put_programming,
                                                                      [PART_BACK] = put_back };
    if ((a->part == PART_PEERS && put_peers(a, v, f)) || (a->part == PART_AGENTS && put_agents(a, v, f)))
        return;
    if (whole[a->part])
        whole[a->part](f, v);
    a->family = a->nth = 0;
    a->part++;
}

static void make(struct pieces *p, const struct api_view *v, unsigned *looks, FILE *to)
{
    struct answer *a = (struct answer *)p;
    char *text = NULL;
    size_t len;
    FILE *f = a->is_open ? open_memstream(&text, &len) : to;
    if (!f)
        abort();
    put_part(a, v, f);
    *looks = *looks > STRETCH ? *looks - STRETCH : 0;
    p->is_over = a->part == PART_END;
    if (!a->is_open)
        return;
    fclose(f);
    metrics_open(text, p->is_over, to);
    free(text);
}

void api_metrics(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct answer *a = memory_new(1, sizeof *a);
    (void)v;
    a->pieces.make = make;
    a->is_open = q->wants_openmetrics;
    pieces_reply(&a->pieces, a->is_open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8", out);
}
