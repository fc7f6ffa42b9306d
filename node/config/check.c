/* What only shows when values are seen together. */
#include <stdlib.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

enum { AS_TRANS = 23456 };

/* The value of a key in the nth map, if nothing was said about it yet. */
static struct tree_node *value_at(const struct tree_node *root, const char *list, size_t nth,
                                  const char *key)
{
    return tree_get_good(tree_map(tree_get(root, list), nth), key);
}

/* What may stand in a file once only, and where it stands. */
struct claim {
    const void *what;
    size_t len;
    struct tree_node *place;
    const char *of; /* whose it is */
};

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    const struct report_mark *p = &x->place->mark, *q = &y->place->mark;
    int order = memcmp(x->what, y->what, x->len < y->len ? x->len : y->len);
    if (order || x->len != y->len)
        return order ? order : x->len < y->len ? -1 : 1;
    return p->line == q->line ? (int)p->column - (int)q->column : p->line < q->line ? -1 : 1;
}

/* Who has what the nth of them claims, too; NULL: it is the first that does. */
static const struct claim *next_twin(const struct claim *sorted, size_t nth, size_t *first)
{
    const struct claim *x = &sorted[nth], *y = &sorted[*first];
    if (nth != *first && x->len == y->len && memcmp(x->what, y->what, x->len) == 0)
        return y;
    *first = nth;
    return NULL;
}

static void check_names(struct schema_reader *r, const struct tree_node *list)
{
    struct claim *names = memory_new(list ? list->map_count : 0, sizeof *names);
    const struct claim *twin;
    struct tree_node *name;
    size_t count = 0;
    for (size_t i = 0; tree_map(list, i); i++)
        if ((name = tree_get_good(tree_map(list, i), "name")))
            names[count++] = (struct claim){ name->text, strlen(name->text), name, name->text };
    qsort(names, count, sizeof *names, compare_claims);
    for (size_t i = 0, first = 0; i < count; i++)
        if ((twin = next_twin(names, i, &first)))
            schema_complain(r, names[i].place, "the name \"%s\" stands on line %u already", twin->of, twin->place->mark.line);
    free(names);
}

/* Who has another host's key would be taken for it. */
static void check_host_keys(struct schema_reader *r, const struct tree_node *hosts, const struct config *c)
{
    struct claim *keys = memory_new(2 * c->agent_count, sizeof *keys);
    const struct claim *twin;
    struct tree_node *key;
    size_t count = 0;
    for (size_t i = 0; i < c->agent_count; i++) {
        const struct config_agent *a = &c->agents[i];
        if ((key = tree_get_good(tree_map(hosts, i), "publicKey")))
            keys[count++] = (struct claim){ a->public_key, sizeof a->public_key, key, a->name };
        if ((key = tree_get_good(tree_map(hosts, i), "nextPublicKey")))
            keys[count++] = (struct claim){ a->next_public_key, sizeof a->next_public_key, key, a->name };
    }
    qsort(keys, count, sizeof *keys, compare_claims);
    for (size_t i = 0, first = 0; i < count; i++)
        if ((twin = next_twin(keys, i, &first)))
            schema_complain(r, keys[i].place, "host %s has this key already", twin->of);
    free(keys);
}

static void check_nodes(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    for (size_t i = 0; i < c->node_count; i++) {
        struct tree_node *address = value_at(root, "nodes", i, "address");
        for (size_t k = 0; address && k < i; k++)
            if (ip_addr_is_equal(&c->nodes[i].address, &c->nodes[k].address) &&
                c->nodes[i].bgp_port == c->nodes[k].bgp_port)
                schema_complain(r, address, "node %s has this address already", c->nodes[k].name);
        struct tree_node *six = value_at(root, "nodes", i, "address6");
        if (six && address && c->nodes[i].address6.family == c->nodes[i].address.family)
            schema_complain(r, six, "address6 is for the other family than address");
        if (c->node_count > 1 && r->is_complete && !c->nodes[i].has_public_key &&
            !tree_get(tree_map(tree_get(root, "nodes"), i), "publicKey")) {
            char path[TREE_PATH_TEXT];
            struct tree_node *n = tree_map(tree_get(root, "nodes"), i);
            report_error(r->report, tree_place(n), tree_path(n, path), "\"publicKey\" is missing");
            report_hint(r->report, "each of several nodes needs one: tandemctl key new FILE prints it");
        }
    }
}

/* A key stands for one node, and the next one is another. */
static void check_node_keys(struct schema_reader *r, struct tree_node *root, const struct config_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tree_node *key = value_at(root, "nodes", i, "publicKey");
        struct tree_node *next = value_at(root, "nodes", i, "nextPublicKey");
        for (size_t k = 0; k < count; k++) {
            const struct config_node *o = &nodes[k];
            if (key && k < i && o->has_public_key && !memcmp(nodes[i].public_key, o->public_key, 32))
                schema_complain(r, key, "node %s has this key already", o->name);
            if (next && o->has_public_key && !memcmp(nodes[i].next_public_key, o->public_key, 32))
                schema_complain(r, next, "this is the publicKey of node %s", o->name);
        }
        if (next && !key && r->is_complete)
            schema_complain(r, next, "a next key without a publicKey");
    }
}

/* Where others dial it: behind one door there is one node. */
static void check_node_doors(struct schema_reader *r, struct tree_node *root, const struct config_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            struct tree_node *address = value_at(root, "nodes", i, "address");
            if (address && nodes[i].cluster_port == nodes[k].cluster_port &&
                ip_addr_is_equal(&nodes[i].cluster_address, &nodes[k].cluster_address))
                schema_complain(r, address, "node %s has this cluster address and port already", nodes[k].name);
        }
}

void config_check_nodes(struct schema_reader *r, struct tree_node *root, const struct config_node *nodes, size_t count)
{
    check_names(r, tree_get(root, "nodes"));
    check_node_keys(r, root, nodes, count);
    check_node_doors(r, root, nodes, count);
}

static void check_cluster(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    bool clustered = c->node_count > 1;
    if (!r->is_complete)
        return;
    if (clustered && !tree_get(root, "cluster")) {
        report_error(r->report, (struct report_mark){ 0 }, NULL, "\"cluster\" is missing");
        report_hint(r->report, "several nodes need cluster: { keyFile: …, secretFile: … }");
        return;
    }
    struct tree_node *cluster = tree_get(root, "cluster");
    if ((clustered || c->agent_secret_file) && !c->key_file && !tree_get(cluster, "keyFile"))
        report_error(r->report, cluster ? tree_place(cluster) : (struct report_mark){ 0 }, "cluster",
                     "\"keyFile\" is missing (make one with: tandemctl key new FILE)");
    if (clustered && !c->secret_file && !tree_get(cluster, "secretFile"))
        report_error(r->report, tree_place(cluster), "cluster",
                     "\"secretFile\" is missing (make one with: tandemctl key new --secret FILE)");
    struct tree_node *dead = tree_get_good(cluster, "dead");
    if (dead && c->dead_ms < 3 * c->beat_ms)
        schema_complain(r, dead, "shorter than three beats of %u ms: nodes would die of jitter",
                        c->beat_ms);
}

/* RFC 7607, RFC 6793 section 9, RFC 7300. */
static bool check_reserved(struct schema_reader *r, uint32_t asn, struct tree_node *n)
{
    bool is_reserved = asn == 0 || asn == AS_TRANS || asn == 65535 || asn == 4294967295;
    if (is_reserved && n)
        schema_complain(r, n, "%u is a reserved AS number", asn);
    return is_reserved;
}

static void check_asn(struct schema_reader *r, uint32_t own, uint32_t asn, struct tree_node *n)
{
    if (!check_reserved(r, asn, n) && asn == own) {
        schema_complain(r, n, "%u is the route server's own AS number", asn);
        report_hint(r->report, "sessions are external BGP: give the NVA another ASN, or set localAsn");
    }
}

/* Of a list its ends: reserved numbers between them harm nobody, our own is refused in the OPEN. */
static void check_asns(struct schema_reader *r, const struct config *c, const struct config_peer *p,
                       struct tree_node *n)
{
    uint32_t own = p->local_asn ? p->local_asn : c->asn;
    if (!p->asn_count)
        check_asn(r, own, p->peer_asn, n);
    for (int i = 0; i < p->asn_count && !n->is_bad; i++) {
        check_asn(r, own, p->asns[i].first, n);
        if (!n->is_bad && p->asns[i].last != p->asns[i].first)
            check_asn(r, own, p->asns[i].last, n);
    }
}

/* Would a node that dials this peer reach a node? Another speaker may have the address with another port. */
static bool is_node(const struct config *c, const struct config_peer *p)
{
    for (size_t i = 0; i < c->node_count; i++) {
        const struct config_node *n = &c->nodes[i];
        bool has_address = ip_addr_is_equal(&n->address, &p->peer_ip) ||
                           (n->has_address6 && ip_addr_is_equal(&n->address6, &p->peer_ip));
        if (has_address && n->bgp_port == p->peer_port)
            return true;
    }
    return false;
}

/* A node that peers with it, and has no address of its family; NULL: none. */
static const struct config_node *foreign_node(const struct config *c, const struct config_peer *p)
{
    for (size_t i = 0; i < c->node_count; i++) {
        const struct config_node *node = &c->nodes[i];
        bool has_family = node->address.family == p->peer_ip.family ||
                          (node->has_address6 && node->address6.family == p->peer_ip.family);
        if (!has_family && p->nodes & 1u << node->id)
            return node;
    }
    return NULL;
}

/* BFD runs between one address of the NVA and one of the node; BGP is dialled from any, but heard on our own only. */
static void check_family(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    char path[TREE_PATH_TEXT];
    const struct config_peer *p = &c->peers[nth];
    const struct config_node *node = foreign_node(c, p);
    struct tree_node *n = value_at(root, "peers", nth, "peerIp");
    if (!n || !node || p->disabled)
        return;
    if (p->bfd.enabled) {
        schema_complain(r, n, "BFD needs an address of this family on node %s", node->name);
        report_hint(r->report, "give the node an address6, or the peer bfd: false");
        return;
    }
    report_warning(r->report, n->mark, tree_path(n, path), "node %s has no %s address, and does not hear this NVA", node->name,
                   p->peer_ip.family == BGP_IP6 ? "IPv6" : "IPv4");
    report_hint(r->report, "give the node an address6: that is the one which NVAs of the other family dial");
}

/* The longest address behind the name and an @ must fit a name, as nodes tell each other. */
static void check_range(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    const struct config_peer *p = &c->peers[nth];
    struct tree_node *ip = value_at(root, "peers", nth, "peerIp");
    struct tree_node *name = value_at(root, "peers", nth, "name");
    const size_t room = CONFIG_NAME_MAX - 1 - (p->range.family == BGP_IP4 ? 15u : 39u);
    if (name && strlen(p->name) > room)
        schema_complain(r, name, "the name of a prefix of peers has at most %zu letters", room);
    for (size_t k = 0; ip && k < c->peer_count; k++) {
        const struct config_peer *o = &c->peers[k];
        if (k < nth && o->is_range && ip_prefix_is_equal(&p->range, &o->range))
            schema_complain(r, ip, "peer %s has this prefix already", o->name);
        bool is_asked = (p->md5_key_file && !o->md5_key_file) || (p->tcp_ao.key_file && !o->tcp_ao.key_file);
        if (is_asked && !o->is_range && ip_prefix_contains_addr(&p->range, &o->peer_ip)) {
            schema_complain(r, ip, "peer %s lies inside and has no key, but the kernel would ask it for one",
                            o->name);
            report_hint(r->report, "give %s a key, too, or the prefix another place", o->name);
        }
    }
}

/* What only a prefix of peers may have. */
static void check_single(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    struct tree_node *asn = value_at(root, "peers", nth, "peerAsn");
    struct tree_node *most = value_at(root, "peers", nth, "maxPeers");
    if (asn && c->peers[nth].asn_count) {
        schema_complain(r, asn, "an NVA has one AS number");
        report_hint(r->report, "a list is for peers by prefix: peerIp: 10.1.0.0/24");
    }
    if (most)
        schema_complain(r, most, "maxPeers is for peers by prefix: peerIp: 10.1.0.0/24");
}

static void check_keys(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    struct tree_node *ao = value_at(root, "peers", nth, "tcpAo");
    if (c->peers[nth].tcp_ao.key_file && c->peers[nth].md5_key_file)
        schema_complain(r, ao ? ao : value_at(root, "peers", nth, "peerIp"),
                        "one of md5KeyFile and tcpAo, not both");
}

static void check_long_lived(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    const struct config_peer *p = &c->peers[nth];
    const uint32_t *ms = p->long_lived_ms;
    struct tree_node *n = value_at(root, "peers", nth, "longLivedGracefulRestart");
    if (n && (ms[BGP_IP4] || ms[BGP_IP6]) && p->graceful == CONFIG_GRACEFUL_NONE)
        schema_complain(r, n, "it goes on where a graceful restart ends: gracefulRestart is none here");
    else if (n && ((ms[BGP_IP4] && ms[BGP_IP4] < 1000) || (ms[BGP_IP6] && ms[BGP_IP6] < 1000)))
        schema_complain(r, n, "whole seconds are told to the NVA: 1s at least, or 0");
}

static int compare_addresses(const void *a, const void *b)
{
    const struct config_peer *x = *(const struct config_peer *const *)a, *y = *(const struct config_peer *const *)b;
    int order = memcmp(x->peer_ip.bytes, y->peer_ip.bytes, sizeof x->peer_ip.bytes);
    if (x->peer_ip.family != y->peer_ip.family)
        return x->peer_ip.family < y->peer_ip.family ? -1 : 1;
    return order ? order : (x > y) - (x < y);
}

/* One address, one peer, on each node. */
static void check_addresses(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    const struct config_peer **peers = memory_new(c->peer_count, sizeof *peers);
    size_t count = 0;
    for (size_t i = 0; i < c->peer_count; i++)
        if (!c->peers[i].is_range)
            peers[count++] = &c->peers[i];
    qsort(peers, count, sizeof *peers, compare_addresses);
    for (size_t i = 0, first = 0; i < count; i++) {
        struct tree_node *ip = value_at(root, "peers", (size_t)(peers[i] - c->peers), "peerIp");
        first = ip_addr_is_equal(&peers[first]->peer_ip, &peers[i]->peer_ip) ? first : i;
        for (size_t k = first; ip && k < i && !ip->is_bad; k++)
            if (peers[i]->nodes & peers[k]->nodes)
                schema_complain(r, ip, "peer %s has this address already", peers[k]->name);
    }
    free(peers);
}

static void check_peers(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *p = &c->peers[i];
        struct tree_node *asn = value_at(root, "peers", i, "peerAsn");
        struct tree_node *ip = value_at(root, "peers", i, "peerIp");
        struct tree_node *local = value_at(root, "peers", i, "localAsn");
        if (asn)
            check_asns(r, c, p, asn);
        if (local)
            check_reserved(r, p->local_asn, local);
        check_family(r, root, c, i);
        check_keys(r, root, c, i);
        check_long_lived(r, root, c, i);
        config_check_map_use(r, value_at(root, "peers", i, "outboundRouteMap"), p->outbound);
        if (p->is_range) {
            check_range(r, root, c, i);
            continue;
        }
        if (ip) /* else it may have been meant for a prefix */
            check_single(r, root, c, i);
        if (ip && is_node(c, p))
            schema_complain(r, ip, "this is a node's own address");
    }
}

/* Its own address is the next hop of most that it announces. */
static void check_next_hop(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t nth)
{
    const struct config_peer *p = &c->peers[nth];
    struct tree_node *ip = value_at(root, "peers", nth, "peerIp");
    char path[TREE_PATH_TEXT];
    if (!ip || p->is_range || p->disabled)
        return;
    for (size_t i = 0; i < c->vnet_count; i++)
        for (size_t k = 0; k < c->vnets[i].prefix_count; k++)
            if (ip_prefix_contains_addr(&c->vnets[i].prefixes[k], &p->peer_ip))
                return;
    report_warning(r->report, ip->mark, tree_path(ip, path), "it lies in no virtual network: next hops that do not are refused");
    report_hint(r->report, "routes that lead to %s itself are not taken; is an addressPrefixes missing?", p->name);
}

static void check_vnets(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    char a[IP_PREFIX_TEXT], path[TREE_PATH_TEXT];
    for (size_t i = 0; i < c->vnet_count; i++)
        for (size_t k = 0; k < i; k++)
            for (size_t x = 0; x < c->vnets[i].prefix_count; x++)
                for (size_t y = 0; y < c->vnets[k].prefix_count; y++) {
                    const struct ip_prefix *p = &c->vnets[i].prefixes[x], *q = &c->vnets[k].prefixes[y];
                    struct tree_node *n = value_at(root, "virtualNetworks", i, "addressPrefixes");
                    if (!n || (!ip_prefix_contains(p, q) && !ip_prefix_contains(q, p)))
                        continue;
                    report_warning(r->report, tree_place(n), tree_path(n, path),
                                   "%s overlaps with virtual network %s", ip_prefix_format(p, a),
                                   c->vnets[k].name);
                }
    for (size_t i = 0; c->vnet_count && !r->report->errors && i < c->peer_count; i++)
        check_next_hop(r, root, c, i);
}

/* ---- listeners ---- */

/* Where a node listens, what for, and where the file says so. */
struct listener {
    const char *what;
    struct config_endpoint at;
    struct tree_node *place;
};

static struct listener *add_listeners(struct listener *to, const char *what, struct tree_node *place,
                                      const struct config_endpoint *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *to++ = (struct listener){ .what = what, .at = at[i], .place = place };
    return to;
}

/* What one of the two HTTP listeners of a node has: its own list, or else that of all nodes. */
struct http_listener {
    const char *own_key, *key;
    const struct config_endpoint *own, *all;
    size_t own_count, all_count;
};

static struct listener *add_http(struct listener *to, struct tree_node *root, struct tree_node *node,
                                 const struct http_listener *l)
{
    struct tree_node *own = tree_get(node, l->own_key), *all = tree_get(tree_get(root, "api"), l->key);
    if (l->own_count)
        return add_listeners(to, l->own_key, own, l->own, l->own_count);
    return add_listeners(to, l->own_key, all ? all : node, l->all, l->all_count);
}

/* The wildcard takes the port of every address. */
static bool do_clash(const struct config_endpoint *a, const struct config_endpoint *b)
{
    if (a->port != b->port || a->addr.family != b->addr.family)
        return false;
    return ip_addr_is_zero(&a->addr) || ip_addr_is_zero(&b->addr) || ip_addr_is_equal(&a->addr, &b->addr);
}

/* True when something was said. */
static bool check_listeners_of(struct schema_reader *r, struct tree_node *root, const struct config *c, size_t node)
{
    const struct config_node *n = &c->nodes[node];
    struct tree_node *place = tree_map(tree_get(root, "nodes"), node);
    const struct config_endpoint bgp = { n->address, n->bgp_port }, bgp6 = { n->address6, n->bgp_port },
                                 cluster = { n->cluster_address, n->cluster_port };
    const struct http_listener api = { "api", "listen", c->node_api[node], c->api_listen, c->node_api_count[node],
                                       c->api_listen_count };
    const struct http_listener health = { "health", "health", c->node_health[node], c->health_listen,
                                          c->node_health_count[node], c->health_listen_count };
    size_t room = 3 + api.own_count + api.all_count + health.own_count + health.all_count;
    struct listener *all = memory_new(room, sizeof *all), *end = all;
    bool has_cluster = c->node_count > 1 || c->agent_secret_file, is_said = false;
    end = add_listeners(end, "BGP", place, &bgp, 1);
    end = add_listeners(end, "BGP", place, &bgp6, n->has_address6);
    end = add_listeners(end, "cluster", place, &cluster, has_cluster);
    end = add_http(end, root, place, &api);
    end = add_http(end, root, place, &health);
    for (struct listener *b = all; b < end; b++)
        for (struct listener *a = all; a < b && !is_said; a++)
            if ((is_said = do_clash(&a->at, &b->at)))
                schema_complain(r, b->place, "%s and %s of node %s would both have port %u", a->what, b->what, n->name,
                                b->at.port);
    free(all);
    return is_said;
}

/* The first will do: what all nodes have is wrong for all of them. */
static void check_listeners(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    for (size_t i = 0; i < c->node_count && !check_listeners_of(r, root, c, i); i++)
        ;
}

void config_check(struct schema_reader *r, struct tree_node *root, const struct config *c)
{
    static const char *const named[] = { "routeMaps", "peers", "virtualNetworks", "programming" };
    const struct tree_node *hosts = tree_get(tree_get(root, "agents"), "hosts");
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        check_names(r, tree_get(root, named[i]));
    check_names(r, hosts);
    check_host_keys(r, hosts, c);
    check_reserved(r, c->asn, tree_get_good(tree_get(root, "routeServer"), "virtualRouterAsn"));
    check_nodes(r, root, c);
    config_check_nodes(r, root, c->nodes, c->node_count);
    check_cluster(r, root, c);
    check_peers(r, root, c);
    check_addresses(r, root, c);
    check_vnets(r, root, c);
    if (r->is_complete)
        check_listeners(r, root, c);
}
