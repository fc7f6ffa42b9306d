/* /v1/status: the summary of this node and of what it sees. */
#include <stdarg.h>

#include "node/api/sight.h"

static void warn(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(json_t *list, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(list, json_text(text));
}

static void warn_of_nodes(const struct api_view *v, json_t *list)
{
    for (size_t i = 0; i < core_node_count(v->core); i++) {
        struct core_node_view n;
        core_node_view(v->core, i, v->now_ms, &n);
        if (!n.is_self && n.state != REPL_MEMBER_ALIVE)
            warn(list, "node %s is not alive: %s%s%s", n.node->name,
                 repl_member_state_name(n.state), n.last_error[0] ? "; " : "", n.last_error);
        if (n.config_differs)
            warn(list, "node %s has another configuration (generation %llu): give both the same file, and reload "
                 "both",
                 n.node->name, (unsigned long long)n.config_generation);
        if (n.input_lags)
            warn(list, "node %s does not read in time what its NVAs say: they are no evidence meanwhile",
                 n.node->name);
        if (n.quarantined && !n.is_self)
            warn(list, "node %s: %llu of its records could not be used here: see record_quarantined in the events",
                 n.node->name, (unsigned long long)n.quarantined);
        if (n.key_id && n.key_use == CORE_KEY_UNKNOWN)
            warn(list, "node %s uses a key that is not listed here: give both the same file, with its key as "
                 "publicKey or nextPublicKey",
                 n.node->name);
        if (n.has_digest && !n.digest_equal && !n.config_differs)
            warn(list, "node %s decided differently from the same input: report this",
                 n.node->name);
    }
}

static void warn_of_peers(const struct api_view *v, json_t *list)
{
    for (size_t i = 0; i < core_peer_count(v->core); i++) {
        struct core_peer_view p;
        if (!core_peer_view(v->core, i, &p))
            continue;
        uint32_t missing = p.nodes_all & ~p.nodes_up;
        if (p.peer->disabled || p.is_removed)
            continue;
        if (p.over_memory)
            warn(list, "peer %s: its routes cost %llu bytes of maxMemory %llu; %llu announcements were not taken",
                 p.peer->name, (unsigned long long)p.memory, (unsigned long long)p.peer->max_memory,
                 (unsigned long long)p.refused);
        if (!p.nodes_up)
            warn(list, "peer %s is down on every node%s%s", p.peer->name,
                 p.error.text[0] ? ": " : "", p.error.text);
        for (size_t k = 0; p.nodes_up && k < v->config->node_count; k++)
            if (missing & 1u << v->config->nodes[k].id)
                warn(list, "peer %s has no session with %s", p.peer->name,
                     v->config->nodes[k].name);
    }
}

static void warn_of_targets(const struct api_view *v, json_t *list)
{
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        if (t.stats && t.stats->failed)
            warn(list, "target %s refuses %u routes", t.target->name, t.stats->failed);
        if (t.trouble[0])
            warn(list, "target %s: %s", t.target->name, t.trouble);
        if (t.stats && t.stats->brake_on)
            warn(list, "target %s: the brake holds %u deletions", t.target->name,
                 t.stats->held_by_brake);
    }
    for (size_t i = 0; i < core_agent_count(v->core); i++) {
        struct core_agent_view a;
        core_agent_view(v->core, i, &a);
        if (a.has_report && a.report.failed)
            warn(list, "agent %s: %u routes failed: %s", a.name, a.report.failed,
                 a.report.last_error);
    }
}

static void warn_of_drain(const struct api_view *v, json_t *list)
{
    struct core_status s;
    core_status(v->core, v->now_ms, &s);
    if (s.drain != CORE_SERVING)
        warn(list, "node %s is %s%s%s: tandemctl node undrain takes it back", s.self->name,
             core_drain_name(s.drain), s.drain_text[0] ? ", " : "", s.drain_text);
}

const char *sight_mrt_trouble(const struct api_view *v)
{
    return v->mrt_trouble ? v->mrt_trouble(v->data) : "";
}

static void warn_of_export(const struct api_view *v, json_t *list)
{
    const char *trouble = sight_mrt_trouble(v);
    if (trouble[0])
        warn(list, "MRT files are not written: %s", trouble);
}

/* What a person should know of, as texts. */
static json_t *warnings(const struct api_view *v)
{
    json_t *list = json_array();
    warn_of_drain(v, list);
    warn_of_nodes(v, list);
    warn_of_peers(v, list);
    warn_of_targets(v, list);
    warn_of_export(v, list);
    return list;
}

struct programmed {
    uint64_t wanted, installed;
};

/* Of all tables that this node answers for: its targets', and those of hosts whose agents follow it. */
static struct programmed programmed(const struct api_view *v)
{
    struct programmed sum = { 0 };
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        sum.wanted += t.stats ? t.stats->wanted : 0;
        sum.installed += t.stats ? t.stats->installed : 0;
    }
    for (size_t i = 0; i < core_agent_count(v->core); i++) {
        struct core_agent_view a;
        core_agent_view(v->core, i, &a);
        bool is_ours = a.connected && a.has_report && a.report.active && !a.report.store[0];
        sum.wanted += is_ours ? a.report.wanted : 0;
        sum.installed += is_ours ? a.report.installed : 0;
    }
    return sum;
}

static json_t *counts(const struct api_view *v, const struct core_status *s)
{
    struct programmed tables = programmed(v);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "nodes", s->config->node_count }, { "nodesAlive", s->nodes_alive },
        { "peers", s->peers_configured },   { "peersUp", s->peers_up },
        { "prefixes", s->prefixes },        { "paths", s->paths },
        { "wanted", tables.wanted },        { "programmed", tables.installed },
        { "stalePaths", s->stale_paths },
        { "undecided", s->undecided },      { "updates", s->updates },
        { "withdrawals", s->withdrawals },
    };
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_object_set_new(o, rows[i].name, json_count(rows[i].value));
    return o;
}

static json_t *memory(const struct rib_memory *m)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "nets", (json_int_t)m->nets, "paths",
                     (json_int_t)m->paths, "attributes", (json_int_t)m->attrs, "orders",
                     (json_int_t)m->orders);
}

static json_t *check_list(const struct api_view *v, bool *ready)
{
    struct core_check checks[CORE_CHECKS_MAX];
    size_t count = core_readiness(v->core, v->now_ms, checks);
    json_t *list = json_array();
    *ready = true;
    for (size_t i = 0; i < count; i++) {
        *ready &= checks[i].ok;
        json_t *check = json_pack("{s:s, s:b}", "name", checks[i].name, "ok", checks[i].ok);
        if (!checks[i].ok)
            json_object_set_new(check, "detail", json_text(checks[i].detail));
        json_array_append_new(list, check);
    }
    return list;
}

/* null: the node serves. */
static json_t *drain(const struct api_view *v, const struct core_status *s)
{
    if (s->drain == CORE_SERVING)
        return json_null();
    json_t *o = json_pack("{s:s}", "state", core_drain_name(s->drain));
    json_object_set_new(o, "message", json_text(s->drain_text));
    json_set_time(o, "since", v, s->drain_since_ms);
    json_set_age(o, "stateSeconds", v, s->drain_since_ms);
    return o;
}

void api_status(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_status s;
    bool ready;
    const char *trouble = sight_mrt_trouble(v);
    (void)q;
    core_status(v->core, v->now_ms, &s);
    json_t *checks = check_list(v, &ready);
    json_t *o =
        json_pack("{s:s, s:I, s:s, s:s, s:b, s:s}", "name", s.config->name, "asn",
                  (json_int_t)s.config->asn, "node", s.self->name, "version", TANDEM_VERSION,
                  "ready", ready, "phase", core_phase_name((enum core_phase)s.phase));
    json_object_set_new(o, "epoch", json_count(sight_epoch(v)));
    json_object_set_new(o, "leader", sight_leader(v) ? json_text(sight_leader(v)) : json_null());
    json_object_set_new(o, "role", json_string(sight_role(v, s.self->name)));
    json_object_set_new(o, "drain", drain(v, &s));
    json_object_set_new(o, "incarnation", json_count(s.incarnation));
    json_set_time(o, "startTime", v, s.started_ms);
    json_set_age(o, "uptimeSeconds", v, s.started_ms);
    json_object_set_new(o, "digest", json_hex(s.digest, sizeof s.digest));
    json_object_set_new(o, "digestsEqual", json_boolean(s.digests_equal));
    json_object_set_new(o, "loopLagSeconds", json_real(s.loop_lag_ms / 1000.0));
    json_object_set_new(o, "inputLagSeconds", json_real(s.input_lag_ms / 1000.0));
    json_object_set_new(o, "decisionVersion", json_count(s.algo));
    json_object_set_new(o, "counts", counts(v, &s));
    json_object_set_new(o, "memoryBytes", memory(&s.memory));
    json_object_set_new(o, "checks", checks);
    json_object_set_new(o, "nodes", sight_nodes(v));
    json_object_set_new(o, "mrtError", trouble[0] ? json_text(trouble) : json_null());
    json_object_set_new(o, "warnings", warnings(v));
    reply_json(out, o);
}
