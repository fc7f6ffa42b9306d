#include <sodium.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

enum { DEFAULT_ASN = 65515, DEFAULT_API_PORT = 8179, DEFAULT_HEALTH_PORT = 8178 };

static const char *const modes[] = { "azure", "transparent", NULL };
static const char *const preferences[] = { "ExpressRoute", "VpnGateway", "ASPath", NULL };
const char *const config_log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const formats[] = { "auto", "plain", "logfmt", "json", NULL };

#define AT(member) .offset = offsetof(struct config, member)
#define SEPARATE .is_separate = true

/* ---- routeServer ---- */

static bool read_router_id(struct schema_reader *r, struct tree_node *n,
                           const struct schema_row *row, void *to)
{
    struct config *c = to;
    return c->has_router_id = schema_router_id(r, n, row, &c->router_id);
}

static bool read_next_hop(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config *c = to;
    bool six = strcmp(row->key, "vnetNextHop6") == 0;
    struct ip_addr addr;
    if (n->kind == TREE_SCALAR && strcmp(n->text, "self") == 0)
        return true;
    if (!schema_addr(r, n, row, &addr))
        return false;
    if ((addr.family == BGP_IP6) != six) {
        schema_complain(r, n, "%s is of the wrong family", n->text);
        report_hint(r->report, "vnetNextHop is for IPv4 prefixes, vnetNextHop6 for IPv6");
        return false;
    }
    *(six ? &c->vnet_next_hop6 : &c->vnet_next_hop) = addr;
    *(six ? &c->has_vnet_next_hop6 : &c->has_vnet_next_hop) = true;
    return true;
}

static const struct schema_row server_rows[] = {
    { "name", schema_name, AT(name), .is_required = true, .help = "the cluster's name" },
    { "virtualRouterAsn", schema_u32, AT(asn), 1, 4294967294, .help = "own AS number" },
    { "mode", schema_word, AT(mode), .words = modes, .help = "how routes are advertised" },
    { "routerId", read_router_id, .help = "BGP identifier", .otherwise = "the node's IPv4 address" },
    { "hubRoutingPreference", schema_word, AT(preference), .words = preferences,
      .help = "which peer type wins" },
    { "allowBranchToBranchTraffic", schema_bool, AT(branch_to_branch),
      .help = "exchange routes between peer types" },
    { "ebgpRequiresPolicy", schema_bool, AT(requires_policy),
      .help = "a peer whose import or export is not said exchanges nothing that way (RFC 8212)" },
    { "vnetNextHop", read_next_hop, .help = "self, or the next hop of VNet prefixes", .otherwise = "self" },
    { "vnetNextHop6", read_next_hop, .help = "self, or the next hop of IPv6 VNet prefixes", .otherwise = "self" },
    { "maxPaths", schema_u16, AT(max_paths), 1, 64, .help = "ECMP width" },
    { "gracefulShutdown", schema_millis, AT(drain_ms), 0, 600000,
      .help = "NVAs have so long to move away before a planned end" },
    { "runDirectory", schema_path, AT(run_directory), .help = "socket, lock, incarnation" },
    { 0 },
};

/* ---- nodes ---- */

static const struct schema_row node_rows[] = {
    { "name", schema_name, offsetof(struct config_node, name), .is_required = true,
      .help = "what --node names" },
    { "address", schema_addr, offsetof(struct config_node, address), .is_required = true,
      .help = "the address that NVAs peer with" },
    { "address6", SEPARATE, .help = "a second BGP address of the other family" },
    { "bgpPort", schema_u16, offsetof(struct config_node, bgp_port), 1, 65535, .help = "BGP port" },
    { "clusterAddress", schema_addr, offsetof(struct config_node, cluster_address),
      .help = "where the other nodes and agents connect", .otherwise = "address" },
    { "clusterPort", schema_u16, offsetof(struct config_node, cluster_port), 1, 65535,
      .help = "port of the cluster channel" },
    { "publicKey", SEPARATE, .help = "as printed by tandemctl key new" },
    { "nextPublicKey", SEPARATE, .help = "accepted as well, while the key is rotated" },
    { "api", SEPARATE, .help = "API listeners of this node" },
    { "health", SEPARATE, .help = "health listeners of this node" },
    { 0 },
};

static void read_node(struct schema_reader *r, struct tree_node *n, struct config_node *node,
                      const struct schema_row *rows)
{
    static const struct schema_row key = { "publicKey", .help = "a public key" };
    static const struct schema_row next = { "nextPublicKey", .help = "a public key" };
    static const struct schema_row six = { "address6", .help = "an address" };
    *node = (struct config_node){ .id = n->index + 1, .bgp_port = BGP_PORT, .cluster_port = 8177 };
    schema_read_object(r, n, rows, node);
    if (!tree_get(n, "clusterAddress"))
        node->cluster_address = node->address;
    struct tree_node *public_key = tree_get(n, "publicKey"), *address6 = tree_get(n, "address6");
    struct tree_node *next_key = tree_get(n, "nextPublicKey");
    if (public_key)
        node->has_public_key = schema_key(r, public_key, &key, node->public_key);
    if (next_key)
        node->has_next_public_key = schema_key(r, next_key, &next, node->next_public_key);
    if (address6)
        node->has_address6 = schema_addr(r, address6, &six, &node->address6);
}

void config_read_nodes(struct schema_reader *r, struct tree_node *list, const struct schema_row *rows,
                       struct config_node *nodes, size_t *count)
{
    if (!list || !schema_is_list(r, list))
        return;
    for (struct tree_node *n = list->first; n; n = n->next) {
        if (*count == CONFIG_NODES_MAX) {
            schema_complain(r, n, "more than %d nodes", CONFIG_NODES_MAX);
            return;
        }
        if (schema_is_map(r, n))
            read_node(r, n, &nodes[(*count)++], rows);
    }
    if (!list->first)
        schema_complain(r, list, "at least one node is needed");
}

bool config_read_node_mask(struct schema_reader *r, struct tree_node *n,
                           const struct schema_row *row, void *to)
{
    uint32_t *mask = to;
    const struct tree_node *root = n;
    (void)row;
    if (!schema_is_list(r, n))
        return false;
    while (root->parent)
        root = root->parent;
    *mask = 0;
    for (struct tree_node *name = n->first; name; name = name->next) {
        const struct tree_node *list = tree_get(root, "nodes");
        const struct tree_node *node = list ? list->first : NULL;
        for (; node; node = node->next) {
            const struct tree_node *at = tree_get(node, "name");
            if (at && at->kind == TREE_SCALAR && name->kind == TREE_SCALAR &&
                strcmp(at->text, name->text) == 0)
                break;
        }
        if (node)
            *mask |= 1u << (node->index + 1);
        else
            schema_complain(r, name, "there is no node \"%s\"",
                            name->kind == TREE_SCALAR ? name->text : "");
    }
    return true;
}

/* ---- endpoints ---- */

bool config_parse_endpoint(const char *text, struct config_endpoint *out)
{
    char host[IP_ADDR_TEXT];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool bracket = text[0] == '[' && len > 2 && text[len - 1] == ']';
    if (!colon || len >= sizeof host || colon[1 + strspn(colon + 1, "0123456789")] || !colon[1])
        return false;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    snprintf(host, sizeof host, "%.*s", (int)(bracket ? len - 2 : len), text + bracket);
    if (port < 1 || port > 65535 || ip_addr_parse(host, &out->addr))
        return false;
    out->port = (uint16_t)port;
    return bracket == (out->addr.family == BGP_IP6);
}

/* ["127.0.0.1:8179", …] */
static void read_endpoints(struct schema_reader *r, struct tree_node *list, struct config_endpoint **out, size_t *count)
{
    if (!list || !schema_is_list(r, list))
        return;
    free(*out);
    *out = memory_new(list->count, sizeof **out);
    *count = 0;
    for (struct tree_node *n = list->first; n; n = n->next) {
        if (n->kind == TREE_SCALAR && config_parse_endpoint(n->text, &(*out)[*count])) {
            ++*count;
            continue;
        }
        schema_complain(r, n, "this is no address and port");
        report_hint(r->report, "write \"127.0.0.1:8179\" or \"[::1]:8179\"");
    }
}

/* ---- cluster, agents ---- */

/* There is no third opinion yet: only its absence can be said. */
static bool read_witness(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                         void *to)
{
    static const char *const types[] = { "none", NULL };
    static const struct schema_row rows[] = {
        { "type", schema_word, .words = types, .is_required = true, .help = "none" }, { 0 }
    };
    uint8_t type;
    (void)row, (void)to;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, rows, &type);
    return true;
}

static const struct schema_row cluster_rows[] = {
    { "keyFile", schema_path, AT(key_file), .help = "this node's key; {node} stands for its name" },
    { "secretFile", schema_path, AT(secret_file), .help = "the cluster's secret" },
    { "nextSecretFile", schema_path, AT(next_secret_file),
      .help = "accepted as well, while the secret is rotated" },
    { "beat", schema_millis, AT(beat_ms), 10, 10000, .help = "between beats" },
    { "dead", schema_millis, AT(dead_ms), 50, 60000, .help = "silence that means death" },
    { "grace", schema_millis, AT(grace_ms), 0, 86400000, .help = "a dead node's routes count fully" },
    { "stale", schema_millis, AT(stale_ms), 0, 604800000, .help = "then as a last resort, so long" },
    { "tombstone", schema_millis, AT(tombstone_ms), 1000, 3600000, .help = "withdrawals remembered" },
    { "defer", schema_millis, AT(defer_ms), 0, 3600000, .help = "waiting for NVAs after a start" },
    { "witness", read_witness, .help = "{ type: none }: a third opinion comes later" },
    { 0 },
};

static const struct schema_row host_rows[] = {
    { "name", schema_name, offsetof(struct config_agent, name), .is_required = true,
      .help = "the host" },
    { "publicKey", schema_key, offsetof(struct config_agent, public_key), .is_required = true,
      .help = "of the host's key" },
    { "nextPublicKey", schema_key, offsetof(struct config_agent, next_public_key),
      .help = "accepted as well, while the key is rotated" },
    { 0 },
};

static const struct schema_row agents_rows[] = {
    { "secretFile", schema_path, AT(agent_secret_file), .is_required = true,
      .help = "shared by nodes and agents, not the cluster's" },
    { "nextSecretFile", schema_path, AT(next_agent_secret_file),
      .help = "accepted as well, while the secret is rotated" },
    { "hosts", SEPARATE, .help = "[{ name, publicKey }]" },
    { "keysDirectory", schema_path, AT(agent_directory),
      .help = "a file NAME.pub for each host; read again on SIGHUP" },
    { 0 },
};

static void read_host(struct schema_reader *r, struct tree_node *n, struct config_agent *a)
{
    schema_read_object(r, n, host_rows, a);
    a->has_next_public_key = tree_get(n, "nextPublicKey") != NULL;
}

static bool has_key(const struct config_agent *a, const uint8_t *key)
{
    return memcmp(a->public_key, key, sizeof a->public_key) == 0 ||
           (a->has_next_public_key && memcmp(a->next_public_key, key, sizeof a->public_key) == 0);
}

bool config_agents_share_key(const struct config_agent *a, const struct config_agent *b)
{
    return has_key(a, b->public_key) || (b->has_next_public_key && has_key(a, b->next_public_key));
}

static void read_agents(struct schema_reader *r, struct tree_node *n, struct config *c)
{
    if (!n || !schema_is_map(r, n))
        return;
    schema_read_object(r, n, agents_rows, c);
    struct tree_node *hosts = tree_get(n, "hosts");
    if (!hosts && !tree_get(n, "keysDirectory") && r->is_complete)
        schema_complain(r, n, "either hosts or keysDirectory is needed, or both");
    if (!hosts || !schema_is_list(r, hosts))
        return;
    c->agents = memory_new(hosts->count, sizeof *c->agents);
    for (struct tree_node *h = hosts->first; h; h = h->next)
        if (schema_is_map(r, h))
            read_host(r, h, &c->agents[c->agent_count++]);
}

/* ---- virtual networks ---- */

static bool read_prefixes(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config_vnet *v = to;
    if (!schema_is_list(r, n))
        return false;
    v->prefixes = memory_new(n->count, sizeof *v->prefixes);
    for (struct tree_node *p = n->first; p; p = p->next)
        v->prefix_count += schema_prefix(r, p, row, &v->prefixes[v->prefix_count]);
    return true;
}

static const struct schema_row vnet_rows[] = {
    { "name", schema_name, offsetof(struct config_vnet, name), .is_required = true,
      .help = "the virtual network" },
    { "addressPrefixes", read_prefixes, .is_required = true, .help = "[10.1.0.0/16, …]" },
    { "useRemoteGateways", schema_bool, offsetof(struct config_vnet, remote),
      .help = "it is peered with the others: announced, and next hops may lie inside" },
    { 0 },
};

static void read_vnets(struct schema_reader *r, struct tree_node *list, struct config *c)
{
    if (!list || !schema_is_list(r, list))
        return;
    c->vnets = memory_new(list->count, sizeof *c->vnets);
    for (struct tree_node *n = list->first; n; n = n->next)
        if (schema_is_map(r, n))
            schema_read_object(r, n, vnet_rows, &c->vnets[c->vnet_count++]);
}

/* ---- the rest of the top ---- */

static const struct schema_row api_rows[] = {
    { "listen", SEPARATE, .help = "[\"127.0.0.1:8179\"]" },
    { "health", SEPARATE, .help = "[\"0.0.0.0:8178\"]; if a node has an IPv6 address, \"[::]:8178\" too" },
    { "tokenFile", schema_path, AT(api_token_file), .help = "who knows what stands in it may write over TCP" },
    { 0 },
};

static const struct schema_row log_rows[] = {
    { "level", schema_word, AT(log_level), .words = config_log_levels, .help = "least level" },
    { "format", schema_word, AT(log_format), .words = formats, .help = "form of a line" },
    { 0 },
};

static const struct schema_row top_rows[] = {
    { "version", SEPARATE, .help = "of this format: 1" },
    { "generation", schema_u64, AT(generation), 0, UINT64_MAX, .help = "counts changes of this file" },
    { "routeServer", SEPARATE, .is_required = true, .help = "routeServer: { name: …, mode: … }" },
    { "nodes", SEPARATE, .is_required = true, .help = "nodes: [{ name, address, publicKey }]" },
    { "cluster", SEPARATE, .help = "keys and times" },
    { "agents", SEPARATE, .help = "host agents" },
    { "defaults", SEPARATE, .help = "what every peer inherits" },
    { "peers", SEPARATE, .help = "the NVAs" },
    { "virtualNetworks", SEPARATE, .help = "address spaces" },
    { "programming", SEPARATE, .help = "targets" },
    { "api", SEPARATE, .help = "listeners" },
    { "log", SEPARATE, .help = "level and format" },
    { "routeMaps", SEPARATE, .help = "what is dropped, or edited, by rules" },
    { "export", SEPARATE, .help = "monitoring stations, dumps" },
    { 0 },
};

const struct config_rows config_rows = { .top = top_rows,
                                         .server = server_rows,
                                         .node = node_rows,
                                         .cluster = cluster_rows,
                                         .agents = agents_rows,
                                         .host = host_rows,
                                         .vnet = vnet_rows,
                                         .api = api_rows,
                                         .log = log_rows };

static void read_part(struct schema_reader *r, struct tree_node *root, const char *key,
                      const struct schema_row *rows, void *object)
{
    struct tree_node *n = tree_get(root, key);
    if (n && schema_is_map(r, n))
        schema_read_object(r, n, rows, object);
}

/* Load balancers ask a node at whichever address it has. */
static void listen_for_health(struct config *c)
{
    bool has_six = false;
    for (size_t i = 0; i < c->node_count; i++)
        has_six |= c->nodes[i].has_address6 || c->nodes[i].address.family == BGP_IP6;
    c->health_listen = memory_new(2, sizeof *c->health_listen);
    c->health_listen[0] = (struct config_endpoint){ .port = DEFAULT_HEALTH_PORT };
    c->health_listen[1] = (struct config_endpoint){ .addr = { .family = BGP_IP6 }, .port = DEFAULT_HEALTH_PORT };
    c->health_listen_count = has_six ? 2 : 1;
}

static void read_listeners(struct schema_reader *r, struct tree_node *root, struct config *c)
{
    static const struct ip_addr local = { .family = BGP_IP4, .bytes = { 127, 0, 0, 1 } };
    struct tree_node *api = tree_get(root, "api"), *nodes = tree_get(root, "nodes");
    c->api_listen = memory_new(1, sizeof *c->api_listen);
    c->api_listen[0] = (struct config_endpoint){ .addr = local, .port = DEFAULT_API_PORT };
    c->api_listen_count = 1;
    listen_for_health(c);
    read_endpoints(r, tree_get(api, "listen"), &c->api_listen, &c->api_listen_count);
    read_endpoints(r, tree_get(api, "health"), &c->health_listen, &c->health_listen_count);
    for (size_t i = 0; i < c->node_count; i++) {
        const struct tree_node *n = tree_map(nodes, i);
        read_endpoints(r, tree_get(n, "api"), &c->node_api[i], &c->node_api_count[i]);
        read_endpoints(r, tree_get(n, "health"), &c->node_health[i], &c->node_health_count[i]);
    }
}

static void check_version(struct schema_reader *r, struct tree_node *root)
{
    struct tree_node *n = tree_get(root, "version");
    if (n && (n->kind != TREE_SCALAR || strcmp(n->text, "1") != 0))
        schema_complain(r, n, "this version reads configurations of version 1 only");
}

/* Whose routeServer is a name. */
static bool is_of_an_agent(struct schema_reader *r, const struct tree_node *root)
{
    struct tree_node *server = tree_get(root, "routeServer");
    if (!server || server->kind != TREE_SCALAR || !tree_get(root, "name"))
        return false;
    schema_complain(r, server, "this is the file of a host agent");
    report_hint(r->report, "check it with: tandem-agent --config FILE --check");
    return true;
}

static void read_all(struct config_source *s, struct config *c)
{
    struct schema_reader *r = &s->reader;
    if (is_of_an_agent(r, s->root))
        return;
    crypto_generichash(c->digest, sizeof c->digest, (const uint8_t *)s->text, s->report.len, NULL, 0);
    c->text = memory_copy_text(s->text);
    r->config = c;
    schema_read_object(r, s->root, top_rows, c);
    check_version(r, s->root);
    read_part(r, s->root, "routeServer", server_rows, c);
    read_part(r, s->root, "cluster", cluster_rows, c);
    read_part(r, s->root, "api", api_rows, c);
    config_read_export(r, tree_get(s->root, "export"), c);
    read_part(r, s->root, "log", log_rows, c);
    config_read_nodes(r, tree_get(s->root, "nodes"), node_rows, c->nodes, &c->node_count);
    read_listeners(r, s->root, c);
    read_agents(r, tree_get(s->root, "agents"), c);
    read_vnets(r, tree_get(s->root, "virtualNetworks"), c);
    config_read_targets(r, tree_get(s->root, "programming"), c);
    config_read_maps(r, tree_get(s->root, "routeMaps"), c);
    config_read_peers(r, s->root, c);
    config_check(r, s->root, c);
}

static struct config *with_defaults(const char *path)
{
    struct config *c = memory_new(1, sizeof *c);
    *c = (struct config){ .path = memory_copy_text(path),
                          .asn = DEFAULT_ASN,
                          .max_paths = 64,
                          .run_directory = memory_copy_text("/run/tandem"),
                          .beat_ms = 50,
                          .dead_ms = 300,
                          .grace_ms = 120000,
                          .stale_ms = 600000,
                          .tombstone_ms = 30000,
                          .defer_ms = 60000,
                          .drain_ms = 3000,
                          .mrt_every_ms = 8 * 3600 * 1000,
                          .log_level = CONFIG_LOG_INFO };
    return c;
}

static bool finish(struct config_source *s, bool is_open, const char *path, struct config **out, FILE *errors)
{
    struct config *c = with_defaults(path);
    *out = NULL;
    if (is_open)
        read_all(s, c);
    if (config_source_close(s, errors)) {
        *out = c;
        return true;
    }
    config_free(c);
    return false;
}

bool config_load(const char *path, struct config **out, FILE *errors)
{
    struct config_source s;
    bool is_open = config_source_open(&s, path);
    return finish(&s, is_open, path, out, errors);
}

bool config_load_text(const char *path, const char *text, size_t len, struct config **out, FILE *errors)
{
    struct config_source s;
    bool is_open = config_source_open_text(&s, path, text, len);
    return finish(&s, is_open, path, out, errors);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->vnet_count; i++)
        free(c->vnets[i].prefixes);
    for (size_t i = 0; i < c->peer_count; i++)
        config_peer_fini(&c->peers[i]);
    for (size_t i = 0; i < c->target_count; i++) {
        config_target_fini(c->targets[i]);
        free(c->targets[i]);
    }
    for (size_t i = 0; i < CONFIG_NODES_MAX; i++) {
        free(c->node_api[i]);
        free(c->node_health[i]);
    }
    for (size_t i = 0; i < c->map_count; i++)
        route_map_unref(c->maps[i]);
    free(c->maps);
    free(c->path);
    free(c->text);
    free(c->run_directory);
    free(c->key_file);
    free(c->secret_file);
    free(c->next_secret_file);
    free(c->agent_secret_file);
    free(c->next_agent_secret_file);
    free(c->api_token_file);
    free(c->agent_directory);
    free(c->mrt_directory);
    free(c->stations);
    free(c->agents);
    free(c->peers);
    free(c->vnets);
    free(c->targets);
    free(c->api_listen);
    free(c->health_listen);
    free(c);
}

const struct config_node *config_find_node(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->node_count; i++)
        if (strcmp(c->nodes[i].name, name) == 0)
            return &c->nodes[i];
    return NULL;
}

static bool is_peer(const struct config *c, size_t place, const char *name)
{
    return place < c->peer_count && strcmp(c->peers[place].name, name) == 0;
}

const struct config_peer *config_find_peer(const struct config *c, const char *name, size_t near)
{
    near = near < c->peer_count ? near : c->peer_count;
    for (size_t d = 0; d <= near || d < c->peer_count; d++) {
        if (is_peer(c, near + d, name))
            return &c->peers[near + d];
        if (d <= near && is_peer(c, near - d, name))
            return &c->peers[near - d];
    }
    return NULL;
}

char *config_key_file(const struct config *c, const char *node)
{
    static const char place[] = "{node}";
    if (!c->key_file)
        return NULL;
    const char *at = strstr(c->key_file, place);
    if (!at)
        return memory_copy_text(c->key_file);
    size_t room = strlen(c->key_file) + strlen(node) + 1;
    char *path = memory_new(room, 1);
    snprintf(path, room, "%.*s%s%s", (int)(at - c->key_file), c->key_file, node,
             at + sizeof place - 1);
    return path;
}
