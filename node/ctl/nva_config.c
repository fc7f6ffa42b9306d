/* nva-config: the NVA's side of its sessions, as its BGP daemon reads it. A daemon is a table of lines with
 * places to fill in; what depends on the peer says so in front. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/ctl/client.h"
#include "node/ctl/table.h"

enum {
    EACH = 1,      /* once for every node; lines that follow each other go together */
    IPV4 = 2,      /* where that family is exchanged */
    IPV6 = 4,
    KEY = 8,       /* with md5KeyFile */
    BFD = 16,
    HOPS = 32,     /* with ttlSecurity … */
    MULTIHOP = 64, /* … and without */
    ID = 128,      /* where its own address can be its BGP identifier */
    ODD_PORT = 256, /* of a node: not 179 */
    TRANSPARENT = 512, /* paths begin with the other NVA's AS, not with the server's (RFC 7947) */
};

struct line {
    uint16_t when; /* all of them */
    const char *text;
};

static const struct line bird[] = {
    { 0, "# BIRD 2 on {name}: sessions with every node of {server}" },
    { ID, "router id {ip};" },
    { 0, "protocol device { }" },
    { 0, "# Next hops have to be in BIRD's own tables: those beyond a router by protocol static, or by kernel with learn." },
    { 0, "protocol direct { ipv4; ipv6; }" },
    { BFD, "protocol bfd { }" },
    { IPV4, "protocol static announced4 { ipv4; } # route 10.44.0.0/16 blackhole; and so on" },
    { IPV6, "protocol static announced6 { ipv6; } # route fd00:44::/32 blackhole; and so on" },
    { 0, "template bgp route_server {" },
    { 0, "    local {ip} as {as};" },
    { MULTIHOP, "    multihop;" },
    { HOPS, "    multihop {hops};" },
    { HOPS, "    ttl security yes;" },
    { KEY, "    password \"LINE-OF-md5KeyFile\";" },
    { BFD, "    bfd yes;" },
    { IPV4, "    ipv4 { import all; export where source = RTS_STATIC; };" },
    { IPV6, "    ipv6 { import all; export where source = RTS_STATIC; };" },
    { 0, "}" },
    { EACH, "protocol bgp {word} from route_server {" },
    { EACH, "    neighbor {address} port {port} as {rs};" },
    { EACH, "}" },
};

static const struct line frr[] = {
    { 0, "! FRR on {name}: sessions with every node of {server}" },
    { 0, "router bgp {as}" },
    { ID, " bgp router-id {ip}" },
    { 0, " no bgp ebgp-requires-policy" },
    { 0, " neighbor route-server peer-group" },
    { 0, " neighbor route-server remote-as {rs}" },
    { 0, " neighbor route-server update-source {ip}" },
    { MULTIHOP, " neighbor route-server ebgp-multihop" },
    { HOPS, " neighbor route-server ttl-security hops {hops}" },
    { KEY, " neighbor route-server password LINE-OF-md5KeyFile" },
    { TRANSPARENT, " no neighbor route-server enforce-first-as" },
    { BFD, " neighbor route-server bfd" },
    { EACH, " neighbor {address} peer-group route-server" },
    { EACH, " neighbor {address} description {node}" },
    { EACH, " neighbor {address} port {port}" },
    { IPV4, " address-family ipv4 unicast" },
    { IPV4, "  neighbor route-server activate" },
    { IPV4, "  ! network 10.44.0.0/16 and so on: what this NVA announces" },
    { IPV4, " exit-address-family" },
    { IPV6, " address-family ipv6 unicast" },
    { IPV6, "  neighbor route-server activate" },
    { IPV6, "  ! network fd00:44::/32 and so on" },
    { IPV6, " exit-address-family" },
    { 0, "exit" },
};

static const struct line openbgpd[] = {
    { 0, "# OpenBGPD on {name}: sessions with every node of {server}" },
    { 0, "AS {as}" },
    { ID, "router-id {ip}" },
    { 0, "# network 10.44.0.0/16 and so on: what this NVA announces" },
    { 0, "group \"route-server\" {" },
    { 0, "    remote-as {rs}" },
    { 0, "    local-address {ip}" },
    { MULTIHOP, "    multihop 64" },
    { HOPS, "    ttl-security yes" },
    { KEY, "    tcp md5sig password \"LINE-OF-md5KeyFile\"" },
    { TRANSPARENT, "    enforce neighbor-as no" },
    { IPV4, "    announce IPv4 unicast" },
    { IPV6, "    announce IPv6 unicast" },
    { EACH, "    neighbor {address} {" },
    { EACH, "        descr \"{node}\"" },
    { EACH | ODD_PORT, "        # it listens on port {port}, where OpenBGPD 7 does not dial: leave that to the node" },
    { EACH, "    }" },
    { 0, "}" },
    { 0, "allow from group \"route-server\"" },
    { 0, "allow to group \"route-server\"" },
};

static const struct line gobgp[] = {
    { 0, "# GoBGP on {name}: sessions with every node of {server}; gobgp global rib add 10.44.0.0/16 announces" },
    { 0, "[global.config]" },
    { 0, "  as = {as}" },
    { ID, "  router-id = \"{ip}\"" },
    { EACH, "[[neighbors]]" },
    { EACH, "  [neighbors.config]" },
    { EACH, "    neighbor-address = \"{address}\"" },
    { EACH, "    description = \"{node}\"" },
    { EACH, "    peer-as = {rs}" },
    { EACH | KEY, "    auth-password = \"LINE-OF-md5KeyFile\"" },
    { EACH, "  [neighbors.transport.config]" },
    { EACH, "    local-address = \"{ip}\"" },
    { EACH, "    remote-port = {port}" },
    { EACH | MULTIHOP, "  [neighbors.ebgp-multihop.config]" },
    { EACH | MULTIHOP, "    enabled = true" },
    { EACH | MULTIHOP, "    multihop-ttl = 64" },
    { EACH | HOPS, "  [neighbors.ttl-security.config]" },
    { EACH | HOPS, "    enabled = true" },
    { EACH | HOPS, "    ttl-min = {ttl}" },
    { EACH | IPV4, "  [[neighbors.afi-safis]]" },
    { EACH | IPV4, "    [neighbors.afi-safis.config]" },
    { EACH | IPV4, "      afi-safi-name = \"ipv4-unicast\"" },
    { EACH | IPV6, "  [[neighbors.afi-safis]]" },
    { EACH | IPV6, "    [neighbors.afi-safis.config]" },
    { EACH | IPV6, "      afi-safi-name = \"ipv6-unicast\"" },
};

static const struct line cisco[] = {
    { 0, "! Cisco IOS XE on {name}: sessions with every node of {server}" },
    { 0, "! GigabitEthernet1 stands for the interface that has {ip}" },
    { 0, "router bgp {as}" },
    { ID, " bgp router-id {ip}" },
    { 0, " bgp log-neighbor-changes" },
    { 0, " no bgp default ipv4-unicast" },
    { TRANSPARENT, " no bgp enforce-first-as" },
    { EACH, " neighbor {address} remote-as {rs}" },
    { EACH, " neighbor {address} description {node}" },
    { EACH, " neighbor {address} update-source GigabitEthernet1" },
    { EACH | MULTIHOP, " neighbor {address} ebgp-multihop 64" },
    { EACH | HOPS, " neighbor {address} ttl-security hops {hops}" },
    { EACH | KEY, " neighbor {address} password LINE-OF-md5KeyFile" },
    { EACH | BFD, " neighbor {address} fall-over bfd" },
    { EACH | ODD_PORT, " ! it listens on port {port}, where IOS XE does not dial: leave that to the node" },
    { IPV4, " address-family ipv4" },
    { EACH | IPV4, "  neighbor {address} activate" },
    { IPV4, "  ! network 10.44.0.0 mask 255.255.0.0 and so on: what this NVA announces" },
    { IPV4, " exit-address-family" },
    { IPV6, " address-family ipv6" },
    { EACH | IPV6, "  neighbor {address} activate" },
    { IPV6, "  ! network fd00:44::/32 and so on" },
    { IPV6, " exit-address-family" },
};

static const struct line fortios[] = {
    { 0, "# FortiOS on {name}: sessions with every node of {server}" },
    { 0, "# port1 stands for the interface that has {ip}" },
    { 0, "config router bgp" },
    { 0, "    set as {as}" },
    { ID, "    set router-id {ip}" },
    { 0, "    set ebgp-multipath enable" },
    { TRANSPARENT, "    set enforce-first-as disable" },
    { 0, "    config neighbor" },
    { EACH, "        edit \"{address}\"" },
    { EACH, "            set remote-as {rs}" },
    { EACH, "            set description \"{node}\"" },
    { EACH, "            set interface \"port1\"" },
    { EACH, "            set update-source \"port1\"" },
    { EACH, "            set ebgp-enforce-multihop enable" },
    { EACH | HOPS, "            set ebgp-multihop-ttl 255" }, /* RFC 5082: what the node wants to hear */
    { EACH | MULTIHOP, "            set ebgp-multihop-ttl 64" },
    { EACH | KEY, "            set password \"LINE-OF-md5KeyFile\"" },
    { EACH | BFD, "            set bfd enable" },
    { EACH | ODD_PORT, "            # it listens on port {port}, where FortiOS does not dial: leave that to the node" },
    { EACH, "            set soft-reconfiguration enable" },
    { EACH, "        next" },
    { 0, "    end" },
    { IPV4, "    config network" },
    { IPV4, "        # edit 1, set prefix 10.44.0.0 255.255.0.0, next, and so on: what this NVA announces" },
    { IPV4, "    end" },
    { IPV6, "    config network6" },
    { IPV6, "        # edit 1, set prefix6 fd00:44::/32, next, and so on" },
    { IPV6, "    end" },
    { 0, "end" },
};

#define DAEMON(name) { #name, name, sizeof name / sizeof *name }
static const struct {
    const char *name;
    const struct line *lines;
    size_t count;
} daemons[] = { DAEMON(bird), DAEMON(frr), DAEMON(openbgpd), DAEMON(gobgp),
                DAEMON(cisco), DAEMON(fortios) };

/* ---- what is known of the peer ---- */

struct place {
    const char *name;
    char text[128];
};

enum { NAME, SERVER, IP, AS, RS, HOPS_AWAY, TTL, NODE, WORD, ADDRESS, PORT, PLACES };

struct nva {
    struct place places[PLACES];
    uint16_t has; /* IPV4 | IPV6 | … */
    const json_t *nodes;
};

/* What the file says of it: its entry, that of the range that it came from, or the defaults. */
static const json_t *setting(const json_t *config, const json_t *peer, const char *key)
{
    const char *name = json_text_at(peer, json_is_string(json_at(peer, "range")) ? "range" : "name");
    size_t i;
    const json_t *entry;
    json_array_foreach(json_at(config, "peers"), i, entry)
    {
        if (!strcmp(json_text_at(entry, "name"), name) && json_object_get(entry, key))
            return json_object_get(entry, key);
    }
    return json_object_get(json_at(config, "defaults"), key);
}

static void put(struct nva *n, int place, const char *name, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void put(struct nva *n, int place, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    n->places[place].name = name;
    vsnprintf(n->places[place].text, sizeof n->places[place].text, format, args);
    va_end(args);
}

static uint16_t families(const json_t *peer)
{
    size_t i;
    const json_t *family;
    uint16_t has = 0;
    json_array_foreach(json_at(peer, "openSent.families"), i, family)
        has |= strcmp(json_string_value(family), "ipv6") ? IPV4 : IPV6;
    return has ? has : (uint16_t)(IPV4 | IPV6);
}

static bool is_transparent(const json_t *config, const json_t *peer)
{
    const char *mode = json_string_value(setting(config, peer, "mode"));
    return !strcmp(mode ? mode : json_text_at(config, "routeServer.mode"), "transparent");
}

static void learn(struct nva *n, const json_t *status, const json_t *peer, const json_t *config)
{
    const json_t *as = json_at(peer, "openSent.asn");
    long long hops = json_integer_value(setting(config, peer, "ttlSecurity"));
    n->nodes = json_at(config, "nodes");
    n->has = families(peer);
    n->has |= strchr(json_text_at(peer, "peerIp"), ':') ? 0 : ID;
    n->has |= hops ? HOPS : MULTIHOP;
    n->has |= json_is_object(json_at(peer, "bfd")) ? BFD : 0;
    n->has |= setting(config, peer, "md5KeyFile") ? KEY : 0;
    n->has |= is_transparent(config, peer) ? TRANSPARENT : 0;
    put(n, NAME, "{name}", "%s", json_text_at(peer, "name"));
    put(n, SERVER, "{server}", "%s", json_text_at(status, "name"));
    put(n, IP, "{ip}", "%s", json_text_at(peer, "peerIp"));
    put(n, AS, "{as}", "%lld", (long long)json_integer_value(json_at(peer, "peerAsn")));
    put(n, RS, "{rs}", "%lld", (long long)json_integer_value(as ? as : json_at(status, "asn")));
    put(n, HOPS_AWAY, "{hops}", "%lld", hops);
    put(n, TTL, "{ttl}", "%lld", 256 - hops);
}

/* Its address of the NVA's family; false: it has none, or does not peer with it. */
static bool learn_node(struct nva *n, const json_t *peer, const json_t *node)
{
    bool is_ip6 = !(n->has & ID), is_meant = false;
    const char *name = json_text_at(node, "name"), *address = json_text_at(node, "address");
    const json_t *port = json_at(node, "bgpPort"), *session;
    size_t i;
    if (is_ip6 != !!strchr(address, ':'))
        address = json_text_at(node, "address6");
    json_array_foreach(json_at(peer, "sessions"), i, session) is_meant |= !strcmp(json_text_at(session, "node"), name);
    put(n, NODE, "{node}", "%s", name);
    put(n, WORD, "{word}", "%s", name);
    for (char *c = n->places[WORD].text; *c; c++)
        if (*c == '-' || *c == '.')
            *c = '_';
    put(n, ADDRESS, "{address}", "%s", address);
    put(n, PORT, "{port}", "%lld", port ? (long long)json_integer_value(port) : 179);
    bool is_odd = port && json_integer_value(port) != 179;
    n->has = is_odd ? n->has | ODD_PORT : n->has & (uint16_t)~ODD_PORT;
    return is_meant && address[0] && is_ip6 == !!strchr(address, ':');
}

/* ---- printing ---- */

static void print_line(const struct nva *n, const struct line *line)
{
    if ((line->when & ~EACH) & ~n->has)
        return;
    for (const char *at = line->text; *at;) {
        const struct place *place = NULL;
        for (int i = 0; i < PLACES && *at == '{'; i++)
            if (n->places[i].name && !strncmp(at, n->places[i].name, strlen(n->places[i].name)))
                place = &n->places[i];
        if (place)
            fputs(place->text, stdout);
        else
            putchar(*at);
        at += place ? strlen(place->name) : 1;
    }
    putchar('\n');
}

static void print_all(struct nva *n, const json_t *peer, const struct line *lines, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        size_t k;
        const json_t *node;
        for (end = i + 1; lines[i].when & EACH && end < count && lines[end].when & EACH;)
            end++;
        if (!(lines[i].when & EACH))
            print_line(n, &lines[i]);
        else
            json_array_foreach(n->nodes, k, node)
                for (size_t at = i; learn_node(n, peer, node) && at < end; at++)
                    print_line(n, &lines[at]);
    }
}

static int print_for(const struct ctl *c, const struct line *lines, size_t count)
{
    char path[512] = "/v1/peers/";
    json_t *status = NULL, *peer = NULL, *config = NULL;
    struct nva n = { 0 };
    client_escape(path, sizeof path, c->argv[0]);
    int code = client_get(c, path, &peer);
    if (!code)
        code = client_get(c, "/v1/status", &status);
    if (!code)
        code = client_get(c, "/v1/config", &config);
    if (!code) {
        learn(&n, status, peer, config);
        print_all(&n, peer, lines, count);
    }
    json_decref(status);
    json_decref(peer);
    json_decref(config);
    return code;
}

int verb_nva_config(const struct ctl *c)
{
    if (!ctl_takes(c, 1, 1, "nva-config NAME --for bird|frr|openbgpd|gobgp|cisco|fortios"))
        return CTL_USAGE;
    for (size_t i = 0; c->daemon && i < sizeof daemons / sizeof *daemons; i++)
        if (!strcmp(daemons[i].name, c->daemon))
            return print_for(c, daemons[i].lines, daemons[i].count);
    return ctl_fail(CTL_USAGE, "nva-config NAME --for: it is bird, frr, openbgpd, gobgp, cisco or fortios");
}
