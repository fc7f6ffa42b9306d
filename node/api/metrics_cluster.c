/* Metrics of the nodes together: who leads, what is replicated, how long news takes. */
#include "node/api/metrics_text.h"

static const char *const gauge = "gauge";
static const char *const counter = "counter";

static void put_leader(FILE *f, const struct api_view *v)
{
    const char *self = v->config->nodes[v->self - 1].name;
    metrics_single(f, "tandem_leader", gauge, "1 when this node writes a shared target.",
                   sight_role(v, self)[0] == 'l');
    metrics_single(f, "tandem_epoch", gauge, "Highest epoch of the shared targets' fences, 0 = nothing is shared.",
                   (double)sight_epoch(v));
    metrics_head(f, "tandem_failovers_total", counter, "Shared targets: taken over by this node, and lost to another one.");
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        for (int lost = 0; t.fence && lost < 2; lost++) {
            fputs("tandem_failovers_total{", f);
            metrics_label(f, "target", t.target->name, ",");
            fprintf(f, "reason=\"%s\"} %u\n", lost ? "fenced" : "takeover", lost ? t.fence->losses : t.fence->takeovers);
        }
    }
}

static void put_nodes(FILE *f, const struct api_view *v)
{
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        { "tandem_replication_connected", "gauge", "1 when the node is heard." },
        { "tandem_replication_lag_seconds", "gauge", "Age of its last word." },
        { "tandem_replication_versions_behind", "gauge", "Own versions that it was not sent yet." },
        { "tandem_replication_digest_differs", "gauge", "1 when the same inputs gave it another table." },
        { "tandem_replication_config_differs", "gauge", "1 when it follows another file." },
        { "tandem_replication_key_unlisted", "gauge", "1 when it uses a key that is not listed here." },
        { "tandem_replication_quarantined_total", "counter", "Its records that could not be used here." },
    };
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        metrics_head(f, families[k].name, families[k].type, families[k].help);
        for (size_t i = 0; i < core_node_count(v->core); i++) {
            struct core_node_view n;
            core_node_view(v->core, i, v->now_ms, &n);
            double values[] = { n.state == REPL_MEMBER_ALIVE, n.lag_ms / 1000.0, (double)n.behind,
                                n.has_digest && !n.digest_equal, n.config_differs,
                                n.key_id && n.key_use == CORE_KEY_UNKNOWN, (double)n.quarantined };
            if (n.is_self)
                continue;
            fprintf(f, "%s{", families[k].name);
            metrics_label(f, "node", n.node->name, "} ");
            fprintf(f, "%.15g\n", values[k]);
        }
    }
}

static void put_bytes(FILE *f, const struct api_view *v)
{
    static const char *const family = "tandem_replication_bytes_total";
    metrics_head(f, family, counter, "Bytes of the links with another node.");
    for (size_t i = 0; i < core_node_count(v->core); i++) {
        struct core_node_view n;
        core_node_view(v->core, i, v->now_ms, &n);
        for (int out = 0; !n.is_self && out < 2; out++) {
            fprintf(f, "%s{", family);
            metrics_label(f, "node", n.node->name, ",");
            fprintf(f, "direction=\"%s\"} %llu\n", out ? "sent" : "received",
                    (unsigned long long)(out ? n.bytes_out : n.bytes_in));
        }
    }
}

static void put_failovers(FILE *f, const struct api_view *v)
{
    static const char *const family = "tandem_failover_duration_seconds";
    metrics_head(f, family, "histogram",
                 "Shared targets that this node took over: from their writer's last word, or from when they were seen to have none.");
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        for (uint8_t reason = 0; t.failovers && reason < CORE_FAILOVERS; reason++) {
            const struct metrics_pair labels[] = { { "target", t.target->name },
                                                   { "reason", core_failover_name(reason) },
                                                   { NULL, NULL } };
            metrics_histogram(f, family, labels, &t.failovers[reason]);
        }
    }
}

static void put_times(FILE *f, const struct api_view *v)
{
    static const char *const family = "tandem_convergence_seconds";
    static const char *const stages[CORE_STAGES] = { [CORE_TO_ADVERTISE] = "receive_to_advertise",
                                                     [CORE_TO_PROGRAM] = "receive_to_program" };
    metrics_head(f, family, "histogram", "From the first UPDATE of a burst to the end of what follows from it.");
    for (int stage = 0; stage < CORE_STAGES; stage++) {
        const struct metrics_pair labels[] = { { "stage", stages[stage] }, { NULL, NULL } };
        metrics_histogram(f, family, labels, core_times(v->core, (enum core_stage)stage));
    }
}

void metrics_cluster(FILE *f, const struct api_view *v)
{
    put_leader(f, v);
    put_failovers(f, v);
    put_nodes(f, v);
    put_bytes(f, v);
    put_times(f, v);
}
