/* Metrics of what is said on the sessions with NVAs. */
#include "node/api/metrics_text.h"

static const char *const gauge = "gauge";
static const char *const counter = "counter";

static void put_messages(FILE *f, const struct core_peer_view *peers, size_t count)
{
    static const char *const types[] = { NULL,           "open",      "update",
                                         "notification", "keepalive", "route_refresh" };
    static const char *const family = "tandem_bgp_messages_total";
    metrics_head(f, family, counter, "BGP messages by type.");
    for (size_t i = 0; i < count; i++)
        for (size_t t = 1; peers[i].stats && t < sizeof types / sizeof *types; t++) {
            uint64_t sent = t == 2 ? peers[i].sent.messages : peers[i].stats->messages_out[t];
            metrics_peer(f, family, &peers[i], ",");
            fprintf(f, "direction=\"received\",type=\"%s\"} %llu\n", types[t],
                    (unsigned long long)peers[i].stats->messages_in[t]);
            metrics_peer(f, family, &peers[i], ",");
            fprintf(f, "direction=\"sent\",type=\"%s\"} %llu\n", types[t],
                    (unsigned long long)sent);
        }
}

static void put_words(FILE *f, const struct core_peer_view *peers, size_t count)
{
    static const char *const family = "tandem_bgp_notifications_total";
    metrics_head(f, family, counter, "NOTIFICATIONs by code and subcode; 255: of kinds beyond the first eleven.");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; peers[i].stats && k < BGP_WORD_KINDS; k++) {
            const struct bgp_word_count *w = &peers[i].stats->words[k];
            for (int sent = 0; w->code && sent < 2; sent++) {
                metrics_peer(f, family, &peers[i], ",");
                fprintf(f, "direction=\"%s\",code=\"%u\",subcode=\"%u\"} %u\n", sent ? "sent" : "received", w->code,
                        w->subcode, sent ? w->sent : w->received);
            }
        }
}

static void put_prefixes(FILE *f, const struct core_peer_view *peers, size_t count)
{
    static const char *const family = "tandem_bgp_prefix_updates_total";
    metrics_head(f, family, counter, "Prefixes announced and withdrawn in UPDATEs; sent: on the session that is up.");
    for (size_t i = 0; i < count; i++) {
        const struct core_peer_view *p = &peers[i];
        const struct {
            const char *direction, *action;
            uint64_t value;
        } rows[] = { { "received", "announce", p->announced },
                     { "received", "withdraw", p->withdrawn },
                     { "sent", "announce", p->sent.announced },
                     { "sent", "withdraw", p->sent.withdrawn } };
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            metrics_peer(f, family, p, ",");
            fprintf(f, "direction=\"%s\",action=\"%s\"} %llu\n", rows[k].direction, rows[k].action,
                    (unsigned long long)rows[k].value);
        }
    }
}

/* Of sessions that are up. */
static void put_since(FILE *f, const struct api_view *v, const struct core_peer_view *peers, size_t count)
{
    static const char *const family = "tandem_bgp_peer_established_timestamp_seconds";
    metrics_head(f, family, gauge, "Since when the session is Established, in seconds since 1970.");
    for (size_t i = 0; i < count; i++) {
        if (peers[i].state != BGP_ESTABLISHED)
            continue;
        metrics_peer(f, family, &peers[i], "} ");
        fprintf(f, "%.3f\n", (double)(v->wall_ms - (v->now_ms - peers[i].state_since_ms)) / 1e3);
    }
}

void metrics_sessions(FILE *f, const struct api_view *v, const struct core_peer_view *peers, size_t count)
{
    put_messages(f, peers, count);
    put_words(f, peers, count);
    put_prefixes(f, peers, count);
    put_since(f, v, peers, count);
}
