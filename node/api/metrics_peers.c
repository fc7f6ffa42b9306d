/* Metrics of the NVAs and of what is said on their sessions: one table row a family. */
#include "node/api/metrics_text.h"

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

static void put_value(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p)
{
    (void)v;
    metrics_peer(f, family->name, p, "} ");
    fprintf(f, "%.15g\n", family->value(p));
}

static void put_state(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p)
{
    (void)v;
    for (int s = 0; s < BGP_STATES; s++) {
        metrics_peer(f, family->name, p, ",");
        fprintf(f, "state=\"%s\"} %d\n", bgp_state_name((enum bgp_state)s), p->state == s);
    }
}

static void put_messages(FILE *f, const struct api_view *v, const struct metrics_family *family,
                         const struct core_peer_view *p)
{
    static const char *const types[] = { NULL,           "open",      "update",
                                         "notification", "keepalive", "route_refresh" };
    (void)v;
    for (size_t t = 1; p->stats && t < sizeof types / sizeof *types; t++) {
        uint64_t sent = t == 2 ? p->sent.messages : p->stats->messages_out[t];
        metrics_peer(f, family->name, p, ",");
        fprintf(f, "direction=\"received\",type=\"%s\"} %llu\n", types[t],
                (unsigned long long)p->stats->messages_in[t]);
        metrics_peer(f, family->name, p, ",");
        fprintf(f, "direction=\"sent\",type=\"%s\"} %llu\n", types[t], (unsigned long long)sent);
    }
}

static void put_words(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p)
{
    (void)v;
    for (size_t k = 0; p->stats && k < BGP_WORD_KINDS; k++) {
        const struct bgp_word_count *w = &p->stats->words[k];
        for (int sent = 0; w->code && sent < 2; sent++) {
            metrics_peer(f, family->name, p, ",");
            fprintf(f, "direction=\"%s\",code=\"%u\",subcode=\"%u\"} %u\n", sent ? "sent" : "received", w->code,
                    w->subcode, sent ? w->sent : w->received);
        }
    }
}

static void put_prefixes(FILE *f, const struct api_view *v, const struct metrics_family *family,
                         const struct core_peer_view *p)
{
    const struct {
        const char *direction, *action;
        uint64_t value;
    } rows[] = { { "received", "announce", p->announced },
                 { "received", "withdraw", p->withdrawn },
                 { "sent", "announce", p->sent.announced },
                 { "sent", "withdraw", p->sent.withdrawn } };
    (void)v;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        metrics_peer(f, family->name, p, ",");
        fprintf(f, "direction=\"%s\",action=\"%s\"} %llu\n", rows[k].direction, rows[k].action,
                (unsigned long long)rows[k].value);
    }
}

/* Of sessions that are up. */
static void put_since(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p)
{
    if (p->state != BGP_ESTABLISHED)
        return;
    metrics_peer(f, family->name, p, "} ");
    fprintf(f, "%.3f\n", (double)(v->wall_ms - (v->now_ms - p->state_since_ms)) / 1e3);
}

static double bfd_up(const struct core_peer_view *p)
{
    return p->bfd->state == BFD_UP;
}
static double bfd_failures(const struct core_peer_view *p)
{
    return p->bfd->failures;
}

/* Peers without BFD are left out. */
static void put_bfd(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p)
{
    if (p->bfd)
        put_value(f, v, family, p);
}

/* clang-format off */
static const struct metrics_family families[] = {
    { "tandem_bgp_peer_up", "gauge", "1 when this node's session is Established.", put_value, up },
    { "tandem_bgp_peer_routes_learned", "gauge", "Routes received on this node's session.", put_value, learned },
    { "tandem_bgp_peer_routes_accepted", "gauge", "Routes received and usable.", put_value, accepted },
    { "tandem_bgp_peer_routes_filtered", "gauge", "Routes received and refused by policy.", put_value, filtered },
    { "tandem_bgp_peer_routes_best", "gauge", "Routes that won.", put_value, best },
    { "tandem_bgp_peer_routes_advertised", "gauge", "Prefixes told to the peer.", put_value, advertised },
    { "tandem_bgp_peer_routes_limit", "gauge", "Configured limit, 0 = none.", put_value, limit },
    { "tandem_bgp_peer_memory_bytes", "gauge", "What its routes cost here.", put_value, memory },
    { "tandem_bgp_peer_memory_limit_bytes", "gauge", "What they may cost, 0 = no limit.", put_value, memory_limit },
    { "tandem_bgp_peer_routes_refused_total", "counter", "Announcements beyond that, not taken.", put_value, refused },
    { "tandem_bgp_peer_one_sided", "gauge", "1 when some nodes have a session and others not.", put_value, one_sided },
    { "tandem_bgp_peer_flaps_total", "counter", "Sessions that ended.", put_value, flaps },
    { "tandem_bgp_faulty_updates_total", "counter", "UPDATEs handled by RFC 7606 without a reset.", put_value, faulty },
    { "tandem_bgp_peer_state", "gauge", "1 for the state that the session is in.", put_state, NULL },
    { "tandem_bgp_messages_total", "counter", "BGP messages by type.", put_messages, NULL },
    { "tandem_bgp_notifications_total", "counter", "NOTIFICATIONs by code and subcode; 255: of kinds beyond the first eleven.", put_words, NULL },
    { "tandem_bgp_prefix_updates_total", "counter", "Prefixes announced and withdrawn in UPDATEs; sent: on the session that is up.", put_prefixes, NULL },
    { "tandem_bgp_peer_established_timestamp_seconds", "gauge", "Since when the session is Established, in seconds since 1970.", put_since, NULL },
    { "tandem_bfd_session_up", "gauge", "1 when BFD with the peer is Up; peers without BFD are left out.", put_bfd, bfd_up },
    { "tandem_bfd_session_failures_total", "counter", "Times that BFD found the peer gone.", put_bfd, bfd_failures },
};
/* clang-format on */

const struct metrics_family *metrics_peer_family(size_t nth)
{
    return nth < sizeof families / sizeof *families ? &families[nth] : NULL;
}

void metrics_peer(FILE *f, const char *family, const struct core_peer_view *p,
                        const char *end)
{
    char text[IP_ADDR_TEXT];
    fprintf(f, "%s{peer=\"%s\",peer_as=\"%u\",", family, ip_addr_format(&p->peer->peer_ip, text),
            p->peer->peer_asn);
    metrics_label(f, "name", p->peer->name, end);
}
