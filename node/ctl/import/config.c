/* A configuration out of what was found: which route server, its nodes, its peers, the virtual networks. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "node/config/config.h"
#include "node/ctl/import/import.h"

enum { DEFAULT_ASN = 65515, FIRST_HOST = 4 /* of a subnet of Azure, which keeps those before */ };

static const char *text_at(json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

/* "hub/nva-1": of what, and its own name. */
static const char *last_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static bool is_of(const char *name, const char *owner)
{
    const char *slash = strrchr(name, '/');
    return !slash || (strlen(owner) == (size_t)(slash - name) && !strncasecmp(name, owner, strlen(owner)));
}

/* As a tandem.yaml may have it; a change is told. */
static json_t *clean(struct import *m, json_t *record, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    enum { MOST = CONFIG_NAME_MAX - 2 }; /* nodes have -a behind it */
    char good[CONFIG_NAME_MAX + 1];
    snprintf(good, sizeof good, "%.*s", MOST, name);
    for (char *c = good; *c; c++)
        if (!strchr(allowed, *c))
            *c = '-';
    if (!good[0])
        snprintf(good, sizeof good, "unnamed");
    if (strcmp(good, name) != 0)
        import_left(m, text_at(record, "at"), "the name \"%s\" is %s here: 1 to %d letters, digits, hyphens, underscores, dots", name,
                    good, MOST);
    return json_string(good);
}

/* ---- the route server ---- */

static json_t *find(json_t *list, const char *name)
{
    size_t i;
    json_t *record;
    json_array_foreach(list, i, record)
    {
        if (!strcasecmp(text_at(record, "name"), name))
            return record;
    }
    return NULL;
}

static json_t *choose(struct import *m)
{
    json_t *chosen = m->wanted ? find(m->servers, m->wanted) : json_array_get(m->servers, 0), *record;
    size_t i;
    if (!json_array_size(m->servers) && !m->errors)
        import_error(m, "the input", "no route server stands in it: add what \"az network routeserver show\" prints, or the template of it");
    else if (!chosen && m->wanted)
        import_error(m, "--route-server", "there is no route server \"%s\" in the input", m->wanted);
    if (!json_array_size(m->servers) || (chosen && (m->wanted || json_array_size(m->servers) == 1)))
        return chosen;
    json_array_foreach(m->servers, i, record)
    {
        import_error(m, text_at(record, "at"), "the route server \"%s\" is one of several: choose it with --route-server %s",
                     text_at(record, "name"), text_at(record, "name"));
    }
    return NULL;
}

static json_t *server_of(struct import *m, json_t *server)
{
    json_t *o = json_object(), *value;
    json_object_set_new(o, "name", clean(m, server, text_at(server, "name")));
    value = json_object_get(server, "asn");
    json_object_set_new(o, "virtualRouterAsn", value ? json_incref(value) : json_integer(DEFAULT_ASN));
    json_object_set_new(o, "mode", json_string("azure"));
    value = json_object_get(server, "preference");
    json_object_set_new(o, "hubRoutingPreference", value ? json_incref(value) : json_string("ExpressRoute"));
    value = json_object_get(server, "branch");
    json_object_set_new(o, "allowBranchToBranchTraffic", value ? json_incref(value) : json_false());
    return o;
}

/* ---- nodes ---- */

/* A template has no addresses yet: the deployment takes the first free ones of the subnet. */
static json_t *assumed(struct import *m, json_t *server)
{
    json_t *subnet = json_array_get(m->subnets, 0);
    const char *text = json_string_value(json_array_get(json_object_get(subnet, "prefixes"), 0));
    struct ip_prefix p;
    char a[IP_ADDR_TEXT], b[IP_ADDR_TEXT];
    if (json_array_size(m->subnets) != 1 || !text || ip_prefix_parse(text, &p) || p.family != BGP_IP4 || p.len > 29) {
        import_error(m, text_at(server, "at"), "the route server \"%s\" has no virtualRouterIps: add what \"az network routeserver show\" prints, "
                                               "or the virtual network with its RouteServerSubnet", text_at(server, "name"));
        return NULL;
    }
    struct ip_addr host = { .family = BGP_IP4 };
    memcpy(host.bytes, p.bytes, 4);
    host.bytes[3] |= FIRST_HOST;
    ip_addr_format(&host, a);
    host.bytes[3]++;
    ip_addr_format(&host, b);
    import_left(m, text_at(subnet, "at"), "the nodes' addresses are not in the input: %s and %s are the first that Azure takes of %s", a, b, text);
    return json_pack("[s, s]", a, b);
}

static bool is_before(json_t *a, json_t *b)
{
    struct ip_addr x, y;
    return !ip_addr_parse(json_string_value(a), &x) && !ip_addr_parse(json_string_value(b), &y) && ip_addr_compare(&x, &y) < 0;
}

/* The lowest address is the first node's: az has them in any order. */
static json_t *sorted(json_t *ips)
{
    json_t *list = json_array(), *ip;
    size_t i, k;
    json_array_foreach(ips, i, ip)
    {
        for (k = 0; k < json_array_size(list) && is_before(json_array_get(list, k), ip); k++)
            ;
        json_array_insert(list, k, ip);
    }
    return list;
}

static json_t *nodes_of(struct import *m, json_t *server, const char *name)
{
    json_t *known = json_object_get(server, "ips"), *ips = known ? json_incref(known) : assumed(m, server), *list = sorted(ips),
           *nodes = json_array(), *ip;
    size_t i;
    if (json_array_size(list) > CONFIG_NODES_MAX)
        import_error(m, text_at(server, "at"), "%zu virtualRouterIps: a route server has %d nodes at most", json_array_size(list), CONFIG_NODES_MAX);
    json_array_foreach(list, i, ip)
    {
        json_array_append_new(nodes, json_pack("{s:o, s:O}", "name", json_sprintf("%s-%c", name, (char)('a' + (int)(i % 26))), "address", ip));
        if (i && json_equal(ip, json_array_get(list, i - 1)))
            import_error(m, text_at(server, "at"), "virtualRouterIps has %s twice", json_string_value(ip));
    }
    json_decref(ips);
    json_decref(list);
    return nodes;
}

/* ---- peers ---- */

/* RFC 7607, RFC 6793 section 9, RFC 7300. */
static bool is_reserved(json_int_t asn)
{
    return asn == 0 || asn == 23456 || asn == 65535 || asn == 4294967295;
}

static void check_peer(struct import *m, json_t *record, json_t *peer, json_t *config)
{
    json_int_t asn = json_integer_value(json_object_get(peer, "peerAsn")),
               own = json_integer_value(json_object_get(json_object_get(config, "routeServer"), "virtualRouterAsn"));
    const char *at = text_at(record, "at"), *name = text_at(peer, "name");
    json_t *other;
    size_t i;
    if (is_reserved(asn))
        import_error(m, at, "the peer \"%s\" has the reserved AS number %lld: give the NVA another one", name, (long long)asn);
    if (asn == own)
        import_error(m, at, "the peer \"%s\" has the route server's own AS number %lld: give the NVA another one", name, (long long)asn);
    json_array_foreach(json_object_get(config, "nodes"), i, other)
    {
        if (!strcmp(text_at(other, "address"), text_at(peer, "peerIp")))
            import_error(m, at, "the peer \"%s\" has the route server's own address %s", name, text_at(peer, "peerIp"));
    }
    json_array_foreach(json_object_get(config, "peers"), i, other)
    {
        bool is_name = !strcmp(text_at(other, "name"), name);
        if (is_name || !strcmp(text_at(other, "peerIp"), text_at(peer, "peerIp")))
            import_error(m, at, "the peer \"%s\" has the %s of the peer \"%s\": leave one of them out, or mend it", name,
                         is_name ? "name" : "address", text_at(other, "name"));
    }
}

static void add_peers(struct import *m, json_t *server, json_t *config)
{
    json_t *peers = json_object_get(config, "peers"), *record, *peer;
    const char *owner = text_at(server, "name");
    size_t i;
    json_array_foreach(m->peers, i, record)
    {
        const char *name = text_at(record, "name");
        if (!is_of(name, owner)) {
            if (!m->wanted)
                import_left(m, text_at(record, "at"), "\"%s\" is a peer of another route server than \"%s\"", name, owner);
            continue;
        }
        peer = json_pack("{s:o, s:O, s:O}", "name", clean(m, record, last_of(name)), "peerIp", json_object_get(record, "ip"), "peerAsn",
                         json_object_get(record, "asn"));
        check_peer(m, record, peer, config);
        json_array_append_new(peers, peer);
    }
    if (!json_array_size(peers) && !m->errors)
        import_error(m, text_at(server, "at"), "the route server \"%s\" has no peers in the input: add what \"az network routeserver peering "
                                               "list --routeserver %s\" prints", owner, owner);
}

/* ---- virtual networks ---- */

static void add_vnet(struct import *m, json_t *config, json_t *record, const char *name, bool is_remote)
{
    json_t *prefixes = json_object_get(record, "prefixes"), *vnet, *list = json_object_get(config, "virtualNetworks");
    if (!prefixes) {
        import_left(m, text_at(record, "at"), "the address space of \"%s\" is not in the input: add what \"az network vnet show\" prints of it", name);
        return;
    }
    vnet = json_pack("{s:o, s:O}", "name", clean(m, record, name), "addressPrefixes", prefixes);
    if (is_remote)
        json_object_set_new(vnet, "useRemoteGateways", json_true());
    if (!find(list, text_at(vnet, "name")))
        json_array_append(list, vnet);
    json_decref(vnet);
}

/* Does this network use the gateways, and so the route server, of another one? */
static bool uses_others(const struct import *m, const char *vnet)
{
    size_t i;
    json_t *p;
    json_array_foreach(m->peerings, i, p)
    {
        if (is_of(text_at(p, "name"), vnet) && json_is_true(json_object_get(p, "gateways")))
            return true;
    }
    return false;
}

/* What its other end is, where that is not in the input itself. */
static void add_peered(struct import *m, json_t *config, json_t *peering)
{
    const char *remote = text_at(peering, "remote"), *state = text_at(peering, "state"), *at = text_at(peering, "at");
    bool is_hub = json_is_true(json_object_get(peering, "gateways"));
    if (find(m->vnets, remote))
        return;
    if (state[0] && strcasecmp(state, "Connected") != 0)
        import_left(m, at, "the peering with \"%s\" is %s: left out", remote, state);
    else if (!is_hub && !json_is_true(json_object_get(peering, "transit")))
        import_left(m, at, "the peering with \"%s\" has no allowGatewayTransit, so no NVA is told of it: left out", remote);
    else
        add_vnet(m, config, peering, remote, !is_hub);
}

/* A next hop outside of all of them is refused. */
static void check_places(struct import *m, json_t *config)
{
    json_t *vnets = json_object_get(config, "virtualNetworks"), *peer, *vnet, *text;
    size_t i, k, n;
    json_array_foreach(json_object_get(config, "peers"), i, peer)
    {
        struct ip_addr a;
        struct ip_prefix p;
        bool is_inside = !json_array_size(vnets) || ip_addr_parse(text_at(peer, "peerIp"), &a);
        json_array_foreach(vnets, k, vnet)
            json_array_foreach(json_object_get(vnet, "addressPrefixes"), n, text)
                is_inside = is_inside || (!ip_prefix_parse(json_string_value(text), &p) && ip_prefix_contains_addr(&p, &a));
        if (!is_inside)
            import_left(m, "peers", "%s (%s) lies in none of the virtual networks, so its routes would be refused: add its network", text_at(peer, "name"),
                        text_at(peer, "peerIp"));
    }
    if (!json_array_size(vnets))
        import_left(m, "virtualNetworks", "there is none in the input, which switches the rules for them off: add what \"az network vnet show\" prints");
}

static void add_vnets(struct import *m, json_t *config)
{
    size_t i;
    json_t *record;
    json_array_foreach(m->vnets, i, record)
    {
        const char *name = text_at(record, "name");
        add_vnet(m, config, record, name, uses_others(m, name));
    }
    json_array_foreach(m->peerings, i, record) add_peered(m, config, record);
    check_places(m, config);
}

json_t *import_config(struct import *m)
{
    json_t *config = json_pack("{s:i, s:i}", "version", 1, "generation", 1), *server = choose(m);
    if (!server)
        return config;
    json_object_set_new(config, "routeServer", server_of(m, server));
    json_object_set_new(config, "nodes", nodes_of(m, server, text_at(json_object_get(config, "routeServer"), "name")));
    if (json_array_size(json_object_get(config, "nodes")) > 1) {
        json_object_set_new(config, "cluster", json_pack("{s:s, s:s}", "keyFile", "cluster.key", "secretFile", "cluster.secret"));
        import_left(m, "nodes", "each of several needs its publicKey, which \"tandemctl key new\" prints");
    }
    json_object_set_new(config, "peers", json_array());
    json_object_set_new(config, "virtualNetworks", json_array());
    add_peers(m, server, config);
    add_vnets(m, config);
    return config;
}
