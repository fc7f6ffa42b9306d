/* /v1/peers and /v1/peers/NAME. */
#include <string.h>

#include "node/api/every_peer.h"
#include "node/api/sight.h"
#include "node/base/peer_words.h"

static const char *type_name(uint8_t type)
{
    static const char *const words[] = { [CONFIG_NVA] = "nva",
                                         [CONFIG_VPN_GATEWAY] = "vpnGateway",
                                         [CONFIG_EXPRESS_ROUTE] = "expressRoute" };
    return words[type];
}

static json_t *last_error(const struct api_view *v, const struct core_peer_error *e)
{
    if (!e->text[0])
        return json_null();
    json_t *o = json_pack("{s:o}", "text", json_text(e->text));
    json_object_set_new(o, "code", e->code ? json_count(e->code) : json_null());
    json_object_set_new(o, "subcode", e->code ? json_count(e->subcode) : json_null());
    json_object_set_new(o, "byPeer", json_boolean(e->by_peer));
    json_set_time(o, "time", v, e->at_ms);
    return o;
}

/* The last one in a direction; null before the first. */
static json_t *notification(const struct api_view *v, const struct bgp_last_word *word)
{
    char reason[64], said[PEER_WORDS_MAX];
    if (!word->code)
        return json_null();
    json_t *o = json_pack("{s:i, s:i, s:s, s:b}", "code", word->code, "subcode", word->subcode, "reason",
                          bgp_fault_text(word->code, word->subcode, reason, sizeof reason), "hardReset",
                          word->is_hard);
    peer_words_said(word->text, said);
    json_object_set_new(o, "text", said[0] ? json_text(said) : json_null());
    json_set_time(o, "time", v, word->at_ms);
    return o;
}

static json_t *notifications(const struct api_view *v, const struct core_peer_view *p)
{
    return json_pack("{s:o, s:o}", "sent", notification(v, &p->stats->sent), "received",
                     notification(v, &p->stats->received));
}

/* What is held for a peer that is away, or has not told it again yet. */
static json_t *held(const struct api_view *v, const struct core_peer_view *p)
{
    static const char *const names[] = { [CORE_HELD_NOT] = "none",
                                         [CORE_HELD_RESTART] = "restarting",
                                         [CORE_HELD_STALE] = "longLivedStale",
                                         [CORE_HELD_DRAINED] = "nodeDrained",
                                         [CORE_HELD_UNTIL_TOLD] = "untilEndOfRib" };
    json_t *o = json_pack("{s:s}", "state", names[p->held]);
    if (p->held_until_ms > v->now_ms)
        json_object_set_new(o, "remainingSeconds", json_real((double)(p->held_until_ms - v->now_ms) / 1000.0));
    return o;
}

static json_t *capabilities(const struct bgp_codec *c)
{
    json_t *families = json_array();
    if (c->family[BGP_IP4])
        json_array_append_new(families, json_string("ipv4"));
    if (c->family[BGP_IP6])
        json_array_append_new(families, json_string("ipv6"));
    return json_pack("{s:o, s:b, s:b, s:b, s:b, s:b, s:i}", "families", families, "fourOctetAs",
                     c->as4, "routeRefresh", c->refresh, "enhancedRefresh", c->enhanced_refresh,
                     "addPathReceive", c->add_path_in[BGP_IP4] || c->add_path_in[BGP_IP6],
                     "addPathSend", c->add_path_out[BGP_IP4] || c->add_path_out[BGP_IP6],
                     "maxMessage", (int)c->max_message);
}

static json_t *message_counts(const uint64_t counts[6])
{
    static const char *const names[] = { NULL,           "open",      "update",
                                         "notification", "keepalive", "routeRefresh" };
    json_t *o = json_object();
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        json_object_set_new(o, names[i], json_count(counts[i]));
    return o;
}

static json_t *messages(const struct core_peer_view *p)
{
    json_t *received = message_counts(p->stats->messages_in);
    json_t *sent = message_counts(p->stats->messages_out);
    json_object_set_new(sent, "update", json_count(p->sent.messages));
    return json_pack("{s:o, s:o, s:I}", "received", received, "sent", sent, "faulty",
                     (json_int_t)p->stats->updates_faulty);
}

static json_t *route_counts(const struct core_peer_view *p)
{
    json_t *o = json_object();
    uint32_t filtered = p->received > p->accepted ? p->received - p->accepted : 0;
    json_object_set_new(o, "received", json_count(p->received));
    json_object_set_new(o, "accepted", json_count(p->accepted));
    json_object_set_new(o, "filtered", json_count(filtered));
    json_object_set_new(o, "best", json_count(p->best));
    json_object_set_new(o, "advertised", json_count(p->advertised));
    json_object_set_new(o, "limit",
                        p->peer->limit.limit ? json_count(p->peer->limit.limit) : json_null());
    json_object_set_new(o, "refused", json_count(p->refused));
    json_object_set_new(o, "memoryBytes", json_count(p->memory));
    json_object_set_new(o, "memoryLimitBytes",
                        p->peer->max_memory ? json_count(p->peer->max_memory) : json_null());
    return o;
}

/* One entry for every node that is to peer with it. */
static json_t *sessions(const struct api_view *v, const struct core_peer_view *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->config->node_count; i++) {
        const struct config_node *node = &v->config->nodes[i];
        if (p->nodes_all & 1u << node->id)
            json_array_append_new(list, json_pack("{s:s, s:b}", "node", node->name, "up",
                                                  (p->nodes_up & 1u << node->id) != 0));
    }
    return list;
}

static json_t *bfd(const struct api_view *v, const struct core_peer_view *p)
{
    const struct bfd_view *b = p->bfd;
    json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:b}", "diagnostic", bfd_diag_name(b->diag),
                          "remoteState", bfd_state_name(b->remote_state), "remoteDiagnostic",
                          bfd_diag_name(b->remote_diag), "multihop", p->bfd_multihop, "strict",
                          p->peer->bfd.strict);
    json_object_set_new(o, "transmitMilliseconds", json_count(b->tx_us / 1000));
    json_object_set_new(o, "detectMilliseconds", json_count(b->detect_us / 1000));
    json_object_set_new(o, "failures", json_count(b->failures));
    json_set_time(o, "since", v, b->since_ms);
    return o;
}

static json_t *peer_object(const struct api_view *v, const struct core_peer_view *p)
{
    const struct config_peer *c = p->peer;
    json_t *o = json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:b}", "name", c->name, "peerIp",
                          json_addr(&c->peer_ip), "peerAsn", (json_int_t)c->peer_asn, "type",
                          type_name(c->type), "state", bgp_state_name((enum bgp_state)p->state),
                          "adminState",
                          p->is_removed ? "removed" : c->disabled || p->is_shut ? "disabled" : "enabled",
                          "here", p->here);
    json_object_set_new(o, "import", json_string(c->no_import ? "none" : "all"));
    json_object_set_new(o, "export", json_string(c->no_export ? "none" : "all"));
    json_object_set_new(o, "range", p->range ? json_string(p->range) : json_null());
    json_set_time(o, "since", v, p->state_since_ms);
    json_set_age(o, "stateSeconds", v, p->state_since_ms);
    if (p->state == BGP_ESTABLISHED)
        json_set_age(o, "uptimeSeconds", v, p->state_since_ms);
    json_object_set_new(o, "holdTimeSeconds", json_count(p->hold_s));
    json_object_set_new(o, "bfdState",
                        p->bfd ? json_string(bfd_state_name(p->bfd->state)) : json_null());
    json_object_set_new(o, "bfd", p->bfd ? bfd(v, p) : json_null());
    json_object_set_new(o, "lastError", last_error(v, &p->error));
    json_object_set_new(o, "lastNotification", p->stats ? notifications(v, p) : json_null());
    json_object_set_new(o, "held", held(v, p));
    json_object_set_new(o, "openSent", p->here ? sight_open(&p->said) : json_null());
    json_object_set_new(o, "openReceived", p->heard ? sight_open(p->heard) : json_null());
    json_object_set_new(o, "capabilities", p->codec ? capabilities(p->codec) : json_null());
    json_object_set_new(o, "routes", route_counts(p));
    json_object_set_new(o, "messages", p->stats ? messages(p) : json_null());
    json_object_set_new(o, "flaps", json_count(p->stats ? p->stats->flaps : 0));
    json_object_set_new(o, "sessions", sessions(v, p));
    return o;
}

void api_peers(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    json_t *head = json_pack("{s:n, s:I}", "nextCursor", "revision", (json_int_t)v->config->generation);
    (void)q;
    every_peer_reply(&(struct every_peer){ .take_head = head, .list = "items", .show = peer_object }, out);
}

void sight_no_peer(const struct api_view *v, const char *param, const char *name, struct api_reply *out)
{
    for (size_t i = 0; i < v->config->peer_count; i++)
        if (v->config->peers[i].is_range && !strcmp(v->config->peers[i].name, name)) {
            reply_problem(out, 404, param, "\"%s\" is a prefix of peers: each is named %s@ADDRESS", name, name);
            return;
        }
    reply_problem(out, 404, param, "no peer is named \"%s\"", name);
}

bool sight_find_peer(const struct api_view *v, const struct api_request *q, int *nva, struct api_reply *out)
{
    struct core_peer_view p;
    for (size_t i = 0; i < core_peer_count(v->core); i++)
        if (!strcmp(core_nva_name(v->core, (uint16_t)(i + 1)), q->rest) && core_peer_view(v->core, i, &p)) {
            *nva = (int)i + 1;
            return true;
        }
    sight_no_peer(v, NULL, q->rest, out);
    return false;
}

void api_peer(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_peer_view p;
    int nva;
    if (sight_find_peer(v, q, &nva, out) && core_peer_view(v->core, (size_t)nva - 1, &p))
        reply_json(out, peer_object(v, &p));
}
