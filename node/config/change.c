#include "node/config/change_impl.h"

#include <string.h>

static const char *text_at(const void *object, const struct change_field *f)
{
    const char *text = *(char *const *)((const char *)object + f->offset);
    return text ? text : "";
}

static const struct route_map *map_at(const void *object, const struct change_field *f)
{
    return *(struct route_map *const *)((const char *)object + f->offset);
}

bool change_is_same(const struct change_field *f, const void *a, const void *b)
{
    if (f->kind == CHANGE_TEXT)
        return strcmp(text_at(a, f), text_at(b, f)) == 0;
    if (f->kind == CHANGE_MAP)
        return route_map_is_equal(map_at(a, f), map_at(b, f));
    return memcmp((const char *)a + f->offset, (const char *)b + f->offset, f->size) == 0;
}

void change_swap(void *a, void *b, size_t size)
{
    unsigned char *x = a, *y = b;
    for (size_t i = 0; i < size; i++) {
        unsigned char kept = x[i];
        x[i] = y[i];
        y[i] = kept;
    }
}

/* ---- peers ---- */

#define PEER(key, member, effect)                                                                  \
    { key, offsetof(struct config_peer, member), sizeof((struct config_peer *)0)->member, CHANGE_BYTES, effect }
#define PEER_TEXT(key, member, effect)                                                             \
    { key, offsetof(struct config_peer, member), sizeof(char *), CHANGE_TEXT, effect }

#define PEER_MAP(key, member)                                                                      \
    { key, offsetof(struct config_peer, member), sizeof(struct route_map *), CHANGE_MAP, CONFIG_JUDGED }

static const struct change_field peer_fields[] = {
    PEER("peerIp", peer_ip, CONFIG_RESET),
    PEER("peerIp", is_range, CONFIG_RESET),
    PEER("peerIp", range, CONFIG_RESET),
    PEER("maxPeers", max_peers, CONFIG_JUDGED),
    PEER("peerAsn", peer_asn, CONFIG_RESET),
    PEER("peerAsn", asns, CONFIG_RESET),
    PEER("peerAsn", asn_count, CONFIG_RESET),
    PEER("peerPort", peer_port, CONFIG_RESET),
    PEER("type", type, CONFIG_JUDGED),
    PEER("mode", mode, CONFIG_JUDGED),
    PEER("passive", passive, CONFIG_RESET),
    PEER("disabled", disabled, CONFIG_RESET),
    PEER("symmetric", symmetric, CONFIG_JUDGED),
    PEER("holdTime", hold_s, CONFIG_RESET),
    PEER("sendHoldTime", send_hold_s, CONFIG_RESET),
    PEER("connectRetry", connect_retry_s, CONFIG_RESET),
    PEER("addPath", add_path, CONFIG_RESET),
    PEER("role", is_rs_client, CONFIG_RESET),
    PEER("strictRole", role_strict, CONFIG_RESET),
    PEER("gracefulRestart", graceful, CONFIG_RESET),
    PEER("restartTime", restart_s, CONFIG_RESET),
    PEER("stalePathTime", stale_path_s, CONFIG_JUDGED),
    PEER("longLivedGracefulRestart", long_lived_ms, CONFIG_RESET),
    PEER("families", families, CONFIG_RESET),
    PEER("localAsn", local_asn, CONFIG_RESET),
    PEER("allowOwnAs", allow_own_as, CONFIG_JUDGED),
    PEER("asOverride", as_override, CONFIG_JUDGED),
    PEER("import", no_import, CONFIG_JUDGED),
    PEER("export", no_export, CONFIG_JUDGED),
    PEER_MAP("inboundRouteMap", inbound),
    PEER_MAP("outboundRouteMap", outbound),
    PEER("vnetNextHop", has_next_hop, CONFIG_JUDGED),
    PEER("vnetNextHop", next_hop, CONFIG_JUDGED),
    PEER("ttlSecurity", ttl_security, CONFIG_RESET),
    PEER("multihop", ttl, CONFIG_RESET),
    PEER_TEXT("md5KeyFile", md5_key_file, CONFIG_RESET),
    PEER_TEXT("tcpAo", tcp_ao.key_file, CONFIG_RESET),
    PEER("tcpAo", tcp_ao.send_id, CONFIG_RESET),
    PEER("tcpAo", tcp_ao.receive_id, CONFIG_RESET),
    PEER("tcpAo", tcp_ao.algorithm, CONFIG_RESET),
    PEER("maxRoutes", limit.limit, CONFIG_JUDGED),
    PEER("maxRoutes", limit.warn_at, CONFIG_JUDGED),
    PEER("maxRoutes", limit.restart_s, CONFIG_JUDGED),
    PEER("maxRoutes", limit.action, CONFIG_JUDGED),
    PEER("maxMemory", max_memory, CONFIG_JUDGED),
    PEER("bfd", bfd.enabled, CONFIG_RESET),
    PEER("bfd", bfd.strict, CONFIG_JUDGED),
    PEER("bfd", bfd.hops, CONFIG_RESET),
    PEER("bfd", bfd.multiplier, CONFIG_JUDGED),
    PEER("bfd", bfd.interval_ms, CONFIG_JUDGED),
    PEER("nodes", nodes, CONFIG_RESET),
};

enum { PEER_FIELDS = sizeof peer_fields / sizeof *peer_fields };

enum config_effect config_peer_effect(const struct config_peer *is, uint32_t asn,
                                      const struct config_peer *next, uint32_t next_asn)
{
    enum config_effect effect = CONFIG_SAME;
    bool is_seen_as_other = (is->local_asn ? is->local_asn : asn) != (next->local_asn ? next->local_asn : next_asn);
    for (size_t i = 0; i < PEER_FIELDS; i++)
        if (!change_is_same(&peer_fields[i], is, next) && peer_fields[i].effect > effect)
            effect = (enum config_effect)peer_fields[i].effect;
    return is_seen_as_other ? CONFIG_RESET : effect;
}

static void tell_keys(const struct config_peer *is, const struct config_peer *next, FILE *out)
{
    const char *told = NULL;
    for (size_t i = 0; i < PEER_FIELDS; i++) {
        const struct change_field *f = &peer_fields[i];
        if (change_is_same(f, is, next) || (told && strcmp(told, f->key) == 0))
            continue;
        fprintf(out, "%s %s", told ? "," : "", f->key);
        told = f->key;
    }
}

static size_t tell_peer(const struct config *ci, const struct config_peer *is, const struct config *cn,
                        const struct config_peer *next, FILE *out)
{
    enum config_effect effect = config_peer_effect(is, ci->asn, next, cn->asn);
    if (effect == CONFIG_SAME)
        return 0;
    fprintf(out, "peer %s:", next->name);
    tell_keys(is, next, out);
    fprintf(out, " changed; %s\n", effect == CONFIG_RESET ? "its sessions are reset" : "its sessions stay");
    return 1;
}

static size_t tell_peers(const struct config *is, const struct config *next, FILE *out)
{
    size_t count = 0;
    for (size_t i = 0; i < is->peer_count; i++) {
        const struct config_peer *p = config_find_peer(next, is->peers[i].name, i);
        if (p) {
            count += tell_peer(is, &is->peers[i], next, p, out);
            continue;
        }
        fprintf(out, "peer %s: removed; its sessions end, and its routes go\n", is->peers[i].name);
        count++;
    }
    for (size_t i = 0; i < next->peer_count; i++)
        if (!config_find_peer(is, next->peers[i].name, i)) {
            fprintf(out, "peer %s: added\n", next->peers[i].name);
            count++;
        }
    return count;
}

/* ---- route maps ---- */

static const struct route_map *find_map(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->map_count; i++)
        if (strcmp(c->maps[i]->name, name) == 0)
            return c->maps[i];
    return NULL;
}

static size_t tell_maps(const struct config *is, const struct config *next, FILE *out)
{
    size_t count = 0;
    for (size_t i = 0; i < is->map_count; i++) {
        const struct route_map *m = find_map(next, is->maps[i]->name);
        if (route_map_is_equal(is->maps[i], m))
            continue;
        fprintf(out, "route map %s: %s\n", is->maps[i]->name, m ? "changed" : "removed");
        count++;
    }
    for (size_t i = 0; i < next->map_count; i++)
        if (!find_map(is, next->maps[i]->name))
            count += fprintf(out, "route map %s: added\n", next->maps[i]->name) > 0;
    return count;
}

/* ---- the server ---- */

#define SERVER(key, member)                                                                        \
    { key, offsetof(struct config, member), sizeof((struct config *)0)->member, CHANGE_BYTES, 0 }
#define SERVER_TEXT(key, member) { key, offsetof(struct config, member), sizeof(char *), CHANGE_TEXT, 0 }

static const struct change_field followed[] = {
    SERVER("generation", generation),
    SERVER("routeServer.virtualRouterAsn", asn),
    SERVER("routeServer.mode", mode),
    SERVER("routeServer.hubRoutingPreference", preference),
    SERVER("routeServer.allowBranchToBranchTraffic", branch_to_branch),
    SERVER("routeServer.ebgpRequiresPolicy", requires_policy),
    SERVER("routeServer.vnetNextHop", has_vnet_next_hop),
    SERVER("routeServer.vnetNextHop", vnet_next_hop),
    SERVER("routeServer.vnetNextHop6", has_vnet_next_hop6),
    SERVER("routeServer.vnetNextHop6", vnet_next_hop6),
    SERVER("routeServer.maxPaths", max_paths),
    SERVER("routeServer.gracefulShutdown", drain_ms),
    SERVER_TEXT("cluster.keyFile", key_file),
    SERVER_TEXT("cluster.secretFile", secret_file),
    SERVER_TEXT("cluster.nextSecretFile", next_secret_file),
    SERVER_TEXT("agents.secretFile", agent_secret_file),
    SERVER_TEXT("agents.nextSecretFile", next_agent_secret_file),
    SERVER_TEXT("api.tokenFile", api_token_file),
    SERVER("cluster.beat", beat_ms),
    SERVER("cluster.dead", dead_ms),
    SERVER("cluster.grace", grace_ms),
    SERVER("cluster.stale", stale_ms),
    SERVER("cluster.tombstone", tombstone_ms),
    SERVER("cluster.defer", defer_ms),
    SERVER("log.level", log_level),
};

static const struct change_field fixed[] = {
    { "routeServer.name", offsetof(struct config, name), CONFIG_NAME_MAX + 1, CHANGE_BYTES, 0 },
    SERVER("routeServer.routerId", has_router_id),
    SERVER("routeServer.routerId", router_id),
    SERVER_TEXT("routeServer.runDirectory", run_directory),
    SERVER_TEXT("agents.keysDirectory", agent_directory),
    SERVER_TEXT("export.mrt.directory", mrt_directory),
    SERVER("export.mrt.every", mrt_every_ms),
    SERVER("export.mrt.updates", mrt_updates_ms),
    SERVER("log.format", log_format),
};

static bool are_same_nodes(const struct config *a, const struct config *b)
{
    bool same = a->node_count == b->node_count;
    for (size_t i = 0; same && i < a->node_count; i++) {
        const struct config_node *x = &a->nodes[i], *y = &b->nodes[i];
        same = !strcmp(x->name, y->name) && ip_addr_is_equal(&x->address, &y->address) &&
               x->has_address6 == y->has_address6 && ip_addr_is_equal(&x->address6, &y->address6) &&
               x->bgp_port == y->bgp_port && x->cluster_port == y->cluster_port &&
               ip_addr_is_equal(&x->cluster_address, &y->cluster_address);
    }
    return same;
}

static bool are_same_keys(const struct config_node *x, const struct config_node *y)
{
    return x->has_public_key == y->has_public_key && x->has_next_public_key == y->has_next_public_key &&
           !memcmp(x->public_key, y->public_key, sizeof x->public_key) &&
           !memcmp(x->next_public_key, y->next_public_key, sizeof x->next_public_key);
}

static size_t tell_node_keys(const struct config *is, const struct config *next, FILE *out)
{
    size_t count = 0;
    for (size_t i = 0; i < is->node_count && i < next->node_count; i++)
        if (!are_same_keys(&is->nodes[i], &next->nodes[i]))
            count += fprintf(out, "node %s: its public keys changed; links that use what is listed stay\n",
                             next->nodes[i].name) > 0;
    return count;
}

static bool are_same_endpoints(const struct config_endpoint *a, size_t a_count,
                               const struct config_endpoint *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++)
        same = ip_addr_is_equal(&a[i].addr, &b[i].addr) && a[i].port == b[i].port;
    return same;
}

static bool are_same_listeners(const struct config *a, const struct config *b)
{
    bool same = are_same_endpoints(a->api_listen, a->api_listen_count, b->api_listen, b->api_listen_count) &&
                are_same_endpoints(a->health_listen, a->health_listen_count, b->health_listen,
                                   b->health_listen_count);
    for (size_t i = 0; same && i < CONFIG_NODES_MAX; i++)
        same = are_same_endpoints(a->node_api[i], a->node_api_count[i], b->node_api[i], b->node_api_count[i]) &&
               are_same_endpoints(a->node_health[i], a->node_health_count[i], b->node_health[i],
                                  b->node_health_count[i]);
    return same;
}

static bool are_same_stations(const struct config *a, const struct config *b)
{
    bool same = a->station_count == b->station_count;
    for (size_t i = 0; same && i < a->station_count; i++) {
        const struct config_station *x = &a->stations[i], *y = &b->stations[i];
        same = !strcmp(x->name, y->name) && are_same_endpoints(&x->at, 1, &y->at, 1) && x->routes == y->routes &&
               x->statistics_ms == y->statistics_ms && x->retry_ms == y->retry_ms;
    }
    return same;
}

static bool are_same_agents(const struct config *a, const struct config *b)
{
    bool same = a->agent_count == b->agent_count;
    for (size_t i = 0; same && i < a->agent_count; i++)
        same = !strcmp(a->agents[i].name, b->agents[i].name) &&
               !memcmp(a->agents[i].public_key, b->agents[i].public_key, sizeof a->agents[i].public_key) &&
               !memcmp(a->agents[i].next_public_key, b->agents[i].next_public_key,
                       sizeof a->agents[i].next_public_key);
    return same;
}

/* ---- virtual networks ---- */

static bool are_same_vnets(const struct config *a, const struct config *b)
{
    bool same = a->vnet_count == b->vnet_count;
    for (size_t i = 0; same && i < a->vnet_count; i++) {
        const struct config_vnet *x = &a->vnets[i], *y = &b->vnets[i];
        same = !strcmp(x->name, y->name) && x->remote == y->remote && x->prefix_count == y->prefix_count;
        for (size_t k = 0; same && k < x->prefix_count; k++)
            same = ip_prefix_is_equal(&x->prefixes[k], &y->prefixes[k]);
    }
    return same;
}

/* ---- both together ---- */

static bool refuse(FILE *errors, const struct config *next, const char *key, const char *mend)
{
    fprintf(errors, "%s: error: %s: cannot change while the node runs\n    %s\n", next->path, key, mend);
    return false;
}

bool config_can_follow(const struct config *is, const struct config *next, FILE *errors)
{
    static const char restart[] =
        "restart the nodes one by one with this file; nothing is removed meanwhile";
    const char *told = "";
    bool can = true;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!change_is_same(&fixed[i], is, next) && strcmp(told, fixed[i].key) != 0) {
            told = fixed[i].key;
            can = refuse(errors, next, told, restart);
        }
    if (!is->agent_secret_file != !next->agent_secret_file)
        can = refuse(errors, next, "agents", restart);
    if (!are_same_nodes(is, next))
        can = refuse(errors, next, "nodes", restart);
    if (!are_same_listeners(is, next))
        can = refuse(errors, next, "api", restart);
    if (!are_same_stations(is, next))
        can = refuse(errors, next, "export.bmp", restart);
    return can;
}

size_t config_tell_changes(const struct config *is, const struct config *next, FILE *out)
{
    size_t count = 0;
    const char *told = "";
    for (size_t i = 0; i < sizeof followed / sizeof *followed; i++)
        if (!change_is_same(&followed[i], is, next) && strcmp(told, followed[i].key) != 0) {
            told = followed[i].key;
            fprintf(out, "%s: changed\n", told);
            count++;
        }
    if (!are_same_vnets(is, next))
        count += fprintf(out, "virtualNetworks: changed; routes are judged anew, sessions stay\n") > 0;
    if (!are_same_agents(is, next))
        count += fprintf(out, "agents.hosts: changed\n") > 0;
    return count + tell_maps(is, next, out) + tell_node_keys(is, next, out) + config_tell_targets(is, next, out) + tell_peers(is, next, out);
}

void config_follow(struct config *is, struct config *next)
{
    change_swap(is, next, sizeof *is);
    change_swap(&is->mrt_directory, &next->mrt_directory, sizeof is->mrt_directory);
    change_swap(&is->stations, &next->stations, sizeof is->stations);
    config_keep_targets(is, next);
}
