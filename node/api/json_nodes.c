/* /v1/nodes: what this node believes of every node. /v1/nodes/diff: where tables differ, if they do. */
#include "node/api/sight.h"
#include "replication/digest.h"

static const char *health_of(const struct core_node_view *n)
{
    static const char *const words[] = {
        [REPL_MEMBER_UNKNOWN] = "unknown",         [REPL_MEMBER_ALIVE] = "ok",
        [REPL_MEMBER_SUSPECT] = "suspect",         [REPL_MEMBER_DEAD] = "dead",
        [REPL_MEMBER_AUTH_FAILED] = "auth-failed", [REPL_MEMBER_LEFT] = "left",
    };
    return words[n->state];
}

const char *sight_class(uint8_t class)
{
    static const char *const words[] = {
        [RIB_LIVE] = "live", [RIB_GRACE] = "grace", [RIB_STALE] = "stale", [RIB_GONE] = "gone"
    };
    return words[class];
}

static json_t *buckets(uint64_t bits)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < REPL_BUCKETS; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_count(i));
    return list;
}

/* Where the node's API can be reached over TCP: for people, who open its dashboard. What listens on every
 * address is reached at the node's own; what all nodes listen on alike, on loopback, is each one's own. */
static json_t *api_places(const struct api_view *v, const struct core_node_view *n)
{
    const struct config *c = v->config;
    size_t nth = n->node->id - 1, count = c->node_api_count[nth];
    const struct config_endpoint *places = count ? c->node_api[nth] : c->api_listen;
    json_t *list = json_array();
    char text[IP_ADDR_TEXT];
    for (size_t i = 0; i < (count ? count : c->api_listen_count); i++) {
        const struct ip_addr *a = ip_addr_is_zero(&places[i].addr) ? &n->node->address : &places[i].addr;
        const char *form = a->family == BGP_IP6 ? "[%s]:%u" : "%s:%u";
        if (!count && !n->is_self && a == &places[i].addr)
            continue;
        json_array_append_new(list, json_sprintf(form, ip_addr_format(a, text), places[i].port));
    }
    return list;
}

json_t *sight_use(uint8_t use, const char *current, const char *next)
{
    const char *const words[] = { [CORE_KEY_UNKNOWN] = NULL, [CORE_KEY_CURRENT] = current, [CORE_KEY_NEXT] = next };
    return words[use] ? json_string(words[use]) : json_null();
}

static void put_keys(json_t *o, const struct core_node_view *n)
{
    if (n->key_id) {
        json_object_set_new(o, "keyId", json_hex(n->key_id, REPL_KEY_ID));
        json_object_set_new(o, "keyInUse", n->key_use == CORE_KEY_UNKNOWN
                                               ? json_string("unlisted")
                                               : sight_use(n->key_use, "publicKey", "nextPublicKey"));
    }
    if (!n->is_self)
        json_object_set_new(o, "secretInUse", sight_use(n->secret_use, "secretFile", "nextSecretFile"));
}

static json_t *node_object(const struct api_view *v, size_t nth)
{
    struct core_node_view n;
    core_node_view(v->core, nth, v->now_ms, &n);
    json_t *o = json_pack("{s:s, s:o, s:b, s:s, s:s, s:b}", "name", n.node->name, "address",
                          json_addr(&n.node->address), "self", n.is_self, "health", health_of(&n),
                          "originClass", sight_class(n.origin_class), "steady", n.steady);
    json_object_set_new(o, "api", api_places(v, &n));
    json_object_set_new(o, "incarnation", json_count(n.incarnation));
    json_object_set_new(o, "tableVersion", json_count(n.version));
    json_object_set_new(o, "versionsBehind", json_count(n.behind));
    json_object_set_new(o, "paths", json_count(n.paths));
    json_object_set_new(o, "sessions", json_count(n.sessions));
    json_set_time(o, "since", v, n.state_since_ms);
    json_set_age(o, "stateSeconds", v, n.state_since_ms);
    json_object_set_new(o, "lagSeconds", json_real(n.is_self ? 0 : n.lag_ms / 1000.0));
    json_object_set_new(o, "role", json_string(sight_role(v, n.node->name)));
    json_object_set_new(o, "version", n.software && n.software[0] ? json_text(n.software) : json_null());
    json_object_set_new(o, "uptimeSeconds", json_null());
    if (n.begun_ms)
        json_set_age(o, "uptimeSeconds", v, n.begun_ms);
    if (n.has_digest)
        json_object_set_new(o, "digestEqual", json_boolean(n.digest_equal));
    json_object_set_new(o, "configGeneration", json_count(n.config_generation));
    json_object_set_new(o, "configEqual", json_boolean(!n.config_differs));
    if (n.via)
        json_object_set_new(o, "readFrom", json_text(n.via));
    json_object_set_new(o, "protocolMinor", json_count(n.minor));
    json_object_set_new(o, "quarantinedRecords", json_count(n.quarantined));
    json_object_set_new(o, "inputLags", json_boolean(n.input_lags));
    put_keys(o, &n);
    if (n.differing)
        json_object_set_new(o, "differingBuckets", buckets(n.differing));
    json_object_set_new(o, "lastError", n.last_error[0] ? json_text(n.last_error) : json_null());
    return o;
}

json_t *sight_nodes(const struct api_view *v)
{
    json_t *items = json_array();
    for (size_t i = 0; i < core_node_count(v->core); i++)
        json_array_append_new(items, node_object(v, i));
    return items;
}

void api_nodes(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_list(out, sight_nodes(v), NULL, v->config->generation);
}

enum { DIFF_ROUTES_MAX = 1000 };

static uint64_t all_differing(const struct api_view *v)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < core_node_count(v->core); i++) {
        struct core_node_view n;
        core_node_view(v->core, i, v->now_ms, &n);
        bits |= n.differing;
    }
    return bits;
}

static json_t *diff_route(const struct rib *r, uint32_t net, const struct ip_prefix *prefix)
{
    char text[IP_PREFIX_TEXT];
    const struct nhset *set = nhset_get(&r->sets, rib_net_nhset(r, net));
    json_t *hops = json_array();
    for (uint32_t i = 0; i < set->count; i++)
        json_array_append_new(hops, json_addr(&set->members[i]));
    return json_pack("{s:s, s:i, s:o}", "prefix", ip_prefix_format(prefix, text), "bucket",
                     (int)repl_digest_bucket(prefix), "nextHops", hops);
}

/* What this node has programmed in the parts of the table that differ from another node's; the same
 * list of the other node beside it names the routes. */
void api_node_diff(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    const struct rib *r = core_rib(v->core);
    uint64_t bits = all_differing(v);
    json_t *items = json_array();
    (void)q;
    for (uint32_t family = 0; bits && family < BGP_FAMILIES; family++)
        for (uint32_t place = 1; place < prefix_table_top(&r->nets, (enum bgp_family)family); place++) {
            uint32_t net = place | family << PREFIX_FAMILY_SHIFT;
            struct ip_prefix prefix;
            if (!prefix_table_is_used(&r->nets, net) || !rib_net_nhset(r, net) ||
                json_array_size(items) == DIFF_ROUTES_MAX)
                continue;
            prefix_table_prefix(&r->nets, net, &prefix);
            if (bits >> repl_digest_bucket(&prefix) & 1)
                json_array_append_new(items, diff_route(r, net, &prefix));
        }
    reply_list(out, items, NULL, v->config->generation);
}
