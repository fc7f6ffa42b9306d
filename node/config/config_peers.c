/* peers[] and the defaults that they inherit. */
#include <string.h>

#include "bgp/bfd/bfd_set.h"
#include "node/base/memory.h"
#include "node/config/config_read.h"

enum {
    MAX_PEERS = 100,
    HOLD_S = 180,
    RESTART_S = 120,
    STALE_PATH_S = 360,
    CONNECT_RETRY_S = 5,
    TTL = 64,
    MAX_MEMORY = 512 << 20,
    WARN_PERCENT = 80,
    BFD_INTERVAL_MS = 300,
    BFD_DETECT_MULT = 3,
    LIMIT_RESTART_S = 30,
};

static const char *const types[] = { "nva", "vpnGateway", "expressRoute", NULL };
static const char *const modes[] = { "azure", "transparent", NULL };
static const char *const actions[] = { "warn", "trim", "reset", NULL };
static const char *const roles[] = { "none", "rsClient", NULL };
static const char *const exchanges[] = { "default", "all", "none", NULL };
static const char *const gracefuls[] = { "helper", "full", "none", NULL };
static const char *const add_paths[] = { "none", "receive", "send", "both", NULL };

#define AT(member) .offset = offsetof(struct config_peer, member)

static bool read_next_hop(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config_peer *p = to;
    return p->has_next_hop = schema_addr(r, n, row, &p->next_hop);
}

/* An address, or the prefix of dynamic neighbours. */
static bool read_peer_ip(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                         void *to)
{
    struct config_peer *p = to;
    if (n->kind != TREE_SCALAR || !strchr(n->text, '/'))
        return schema_addr(r, n, row, &p->peer_ip);
    if (!schema_prefix(r, n, row, &p->range))
        return false;
    p->is_range = p->passive = true;
    p->peer_ip.family = p->range.family;
    return true;
}

static bool is_span(const struct tree_node *n)
{
    return n->kind == TREE_SCALAR && n->text[0] && strchr(n->text + 1, '-');
}

/* "65001" or "65001-65010". */
static bool read_asns(struct schema_reader *r, struct tree_node *n, struct bgp_asn_range *out)
{
    static const struct schema_row row = { "peerAsn", .min = 1, .max = 4294967295,
                                           .help = "an AS number" };
    struct tree_node first = *n, last = *n;
    char text[24];
    char *dash;
    if (is_span(n) && strlen(n->text) < sizeof text) {
        strcpy(text, n->text);
        dash = strchr(text, '-');
        *dash = 0;
        first.text = text;
        last.text = dash + 1;
    }
    n->is_bad = !schema_u32(r, &first, &row, &out->first) || !schema_u32(r, &last, &row, &out->last);
    if (n->is_bad)
        return false;
    if (out->first <= out->last)
        return true;
    schema_complain(r, n, "%s ends before it begins", n->text);
    return false;
}

static bool read_peer_asn(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config_peer *p = to;
    bool is_one = n->kind == TREE_SCALAR && !is_span(n);
    if (is_one || n->kind == TREE_MAP)
        return schema_u32(r, n, row, &p->peer_asn);
    if (n->kind == TREE_SCALAR) {
        p->asn_count = read_asns(r, n, &p->asns[0]);
        return p->asn_count;
    }
    if (!n->first || n->count > BGP_PEER_ASNS) {
        schema_complain(r, n, "1 to %d AS numbers, or ranges of them, are expected here", BGP_PEER_ASNS);
        return false;
    }
    for (struct tree_node *a = n->first; a; a = a->next)
        p->asn_count += read_asns(r, a, &p->asns[p->asn_count]);
    return p->asn_count;
}

static bool read_role(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    uint8_t role;
    if (!schema_word(r, n, row, &role))
        return false;
    *(bool *)to = role == 1;
    return true;
}

static bool read_families(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    static const char *const words[] = { "ipv4", "ipv6", NULL };
    const struct schema_row word = { .key = row->key, .words = words, .help = row->help };
    bool *families = to;
    if (!schema_is_list(r, n))
        return false;
    families[BGP_IP4] = families[BGP_IP6] = false;
    for (struct tree_node *f = n->first; f; f = f->next) {
        uint8_t family;
        if (schema_word(r, f, &word, &family))
            families[family] = true;
    }
    if (!n->first)
        schema_complain(r, n, "at least one family is needed: ipv4, ipv6");
    return true;
}

/* "80%" of the limit, or a count. */
static bool read_warn_at(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                         void *to)
{
    size_t len = n->kind == TREE_SCALAR ? strlen(n->text) : 0;
    struct tree_node bare = *n;
    char digits[16];
    if (!len || n->text[len - 1] != '%' || len >= sizeof digits)
        return schema_u32(r, n, row, to);
    const struct schema_row percent = { .key = row->key, .min = 1, .max = 100, .help = row->help };
    memcpy(digits, n->text, len - 1);
    digits[len - 1] = 0;
    bare.text = digits;
    uint32_t value;
    if (!schema_u32(r, &bare, &percent, &value))
        return false;
    *(uint32_t *)to = value | 1u << 31; /* a share: resolved when the limit is known */
    return true;
}

static const struct schema_row limit_rows[] = {
    { "limit", schema_u32, offsetof(struct config_limit, limit), 1, 100000000, .is_required = true,
      .help = "most prefixes" },
    { "warnAt", read_warn_at, offsetof(struct config_limit, warn_at), 1, 100000000,
      .help = "a count, or 80%" },
    { "action", schema_word, offsetof(struct config_limit, action), .words = actions,
      .help = "warn, trim: keep the first so many, or reset" },
    { "restartAfter", schema_seconds, offsetof(struct config_limit, restart_s), 1000, 65535000,
      .help = "a session that was reset stays down so long" },
    { 0 },
};

static bool read_limit(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                       void *to)
{
    struct config_limit *l = to;
    const uint32_t share = 1u << 31;
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    *l = (struct config_limit){ .warn_at = WARN_PERCENT | share, .restart_s = LIMIT_RESTART_S,
                                .action = CONFIG_LIMIT_WARN };
    schema_read_object(r, n, limit_rows, l);
    if (l->warn_at & share)
        l->warn_at = (uint32_t)((uint64_t)l->limit * (l->warn_at & ~share) / 100);
    struct tree_node *warn = tree_get_good(n, "warnAt");
    if (warn && l->limit && l->warn_at > l->limit)
        schema_complain(r, warn, "warnAt is above the limit of %u", l->limit);
    return true;
}

bool config_read_hold_time(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    uint16_t seconds;
    if (!schema_seconds(r, n, row, &seconds))
        return false;
    if (seconds == 1 || seconds == 2) {
        schema_complain(r, n, "a hold time of %u s is not allowed", seconds);
        report_hint(r->report, "0 for none, or 3 s and more (RFC 4271)");
        return false;
    }
    *(uint16_t *)to = seconds;
    return true;
}

static const char *const hops[] = { [BFD_HOPS_AUTO] = "auto",
                                    [BFD_SINGLE_HOP] = "false",
                                    [BFD_MULTIHOP] = "true",
                                    NULL };

static const struct schema_row bfd_rows[] = {
    { "interval", schema_millis, offsetof(struct config_bfd, interval_ms), 50, 60000,
      .help = "between packets" },
    { "multiplier", schema_u8, offsetof(struct config_bfd, multiplier), 1, 255,
      .help = "so many packets missing is a failure" },
    { "multihop", schema_word, offsetof(struct config_bfd, hops), .words = hops,
      .help = "auto: by its subnet first, then as the NVA does" },
    { "strict", schema_bool, offsetof(struct config_bfd, strict),
      .help = "no BGP session before BFD is up" },
    { 0 },
};

static bool read_bfd(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                     void *to)
{
    struct config_bfd *b = to;
    if (n->kind == TREE_SCALAR)
        return schema_bool(r, n, row, &b->enabled);
    if (!schema_is_map(r, n))
        return false;
    b->enabled = true;
    schema_read_object(r, n, bfd_rows, b);
    return true;
}

static const char *const ao_algorithms[] = { "hmac-sha-1-96", "aes-128-cmac-96", NULL };

static const struct schema_row ao_rows[] = {
    { "keyFile", schema_path, offsetof(struct config_tcp_ao, key_file), .is_required = true,
      .help = "file with the RFC 5925 master key" },
    { "sendId", schema_u8, offsetof(struct config_tcp_ao, send_id), 0, 255, .help = "KeyID that we send" },
    { "receiveId", schema_u8, offsetof(struct config_tcp_ao, receive_id), 0, 255,
      .help = "KeyID that the NVA sends" },
    { "algorithm", schema_word, offsetof(struct config_tcp_ao, algorithm), .words = ao_algorithms,
      .help = "RFC 5926" },
    { 0 },
};

static bool read_tcp_ao(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        void *to)
{
    struct config_tcp_ao *a = to;
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    a->send_id = a->receive_id = 1;
    schema_read_object(r, n, ao_rows, a);
    return true;
}

/* 49 days: what 32 bits of milliseconds hold. */
#define LONG_LIVED_MS(family) offsetof(struct config_peer, long_lived_ms[family]), 0, 4233600000

static const struct schema_row long_lived_rows[] = {
    { "ipv4", schema_millis, LONG_LIVED_MS(BGP_IP4), .help = "of IPv4 unicast; 0 = no" },
    { "ipv6", schema_millis, LONG_LIVED_MS(BGP_IP6), .help = "of IPv6 unicast; 0 = no" },
    { 0 },
};

/* One time for all families of the session, or for each that is named (RFC 9494 section 5). */
static bool read_long_lived(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                            void *to)
{
    struct config_peer *p = to;
    if (n->kind == TREE_SCALAR) {
        if (!schema_millis(r, n, row, &p->long_lived_ms[BGP_IP4]))
            return false;
        p->long_lived_ms[BGP_IP6] = p->long_lived_ms[BGP_IP4];
        return true;
    }
    if (!schema_is_map(r, n))
        return false;
    p->long_lived_ms[BGP_IP4] = p->long_lived_ms[BGP_IP6] = 0;
    schema_read_object(r, n, long_lived_rows, p);
    return true;
}

static const struct schema_row peer_rows[] = {
    { "name", schema_name, AT(name), .is_required = true, .help = "the same on every node" },
    { "peerIp", read_peer_ip, .is_required = true,
      .help = "the NVA's address, or a prefix: whoever calls from there is one" },
    { "peerAsn", read_peer_asn, .min = 1, .max = 4294967295, .is_required = true,
      .help = "the NVA's AS number; of a prefix also a list: [65001, 65010-65019]" },
    { "maxPeers", schema_u32, AT(max_peers), 1, 10000, .help = "most neighbours of a prefix" },
    { "peerPort", schema_u16, AT(peer_port), 1, 65535, .help = "BGP port" },
    { "type", schema_word, AT(type), .words = types, .help = "what it is" },
    { "mode", schema_word, AT(mode), .words = modes, .help = "how it is told routes",
      .otherwise = "as routeServer.mode" },
    { "passive", schema_bool, AT(passive), .help = "wait for its connection" },
    { "disabled", schema_bool, AT(disabled), .help = "no session" },
    { "symmetric", schema_bool, AT(symmetric), .help = "announces the same to every node" },
    { "holdTime", config_read_hold_time, AT(hold_s), 0, 65535000, .help = "proposed hold time" },
    { "sendHoldTime", schema_seconds, AT(send_hold_s), 0, 65535000,
      .help = "it may take nothing for so long, 0 = 8m or twice the hold time (RFC 9687)" },
    { "connectRetry", schema_seconds, AT(connect_retry_s), 1000, 3600000, .help = "between dials" },
    { "addPath", schema_word, AT(add_path), .words = add_paths, .help = "RFC 7911" },
    { "role", read_role, AT(is_rs_client), .words = roles, .help = "its role towards us (RFC 9234)" },
    { "strictRole", schema_bool, AT(role_strict), .help = "refuse it when it tells no role" },
    { "gracefulRestart", schema_word, AT(graceful), .words = gracefuls,
      .help = "RFC 4724: hold its routes while it restarts (helper), and have it hold ours (full)" },
    { "restartTime", schema_seconds, AT(restart_s), 0, 4095000,
      .help = "with full: so long it waits for us to come back (RFC 4724)" },
    { "stalePathTime", schema_seconds, AT(stale_path_s), 1000, 4095000,
      .help = "once it is back, most that its old routes wait for its End-of-RIB (RFC 4724)" },
    { "longLivedGracefulRestart", read_long_lived, .max = 4233600000,
      .help = "stale routes are kept so long as the last resort (RFC 9494); 0 = no; or { ipv4, ipv6 }" },
    { "families", read_families, AT(families), .help = "[ipv4, ipv6]", .otherwise = "both" },
    { "localAsn", schema_u32, AT(local_asn), 1, 4294967294, .help = "AS number shown to this peer",
      .otherwise = "virtualRouterAsn" },
    { "allowOwnAs", schema_u8, AT(allow_own_as), 0, 10, .help = "own ASN allowed in paths, times" },
    { "asOverride", schema_bool, AT(as_override), .help = "for its own ASN in paths it hears ours" },
    { "import", schema_word, AT(import), .words = exchanges, .help = "routes that are accepted from it" },
    { "export", schema_word, AT(export), .words = exchanges, .help = "routes that it is told" },
    { "vnetNextHop", read_next_hop, .help = "next hop of VNet prefixes",
      .otherwise = "that of routeServer" },
    { "multihop", schema_u8, AT(ttl), 1, 255, .help = "outgoing TTL" },
    { "ttlSecurity", schema_u8, AT(ttl_security), 1, 254,
      .help = "most hops away; whatever comes from farther is not heard (RFC 5082)" },
    { "md5KeyFile", schema_path, AT(md5_key_file), .help = "file with the RFC 2385 key" },
    { "tcpAo", read_tcp_ao, AT(tcp_ao), .help = "{ keyFile, sendId, receiveId, algorithm } (RFC 5925)" },
    { "maxRoutes", read_limit, AT(limit), .help = "{ limit, warnAt, action }" },
    { "maxMemory", schema_bytes, AT(max_memory), 0, (uint64_t)1 << 40,
      .help = "what its routes may cost on each node; 0 = no limit" },
    { "nodes", config_read_node_mask, AT(nodes), .help = "[names] that peer with it", .otherwise = "all" },
    { "bfd", read_bfd, AT(bfd), .help = "true, or { interval, multiplier, multihop, strict }" },
    { "inboundRouteMap", config_read_map_name, AT(inbound), .help = "what is made of its routes" },
    { "outboundRouteMap", config_read_map_name, AT(outbound), .help = "what is made of the routes that it is told" },
    { 0 },
};

enum { PEER_OWN_KEYS = 3 }; /* name, peerIp, peerAsn: not inherited */

const struct config_peer_rows config_peer_rows = { .peer = peer_rows,
                                                   .inherited = peer_rows + PEER_OWN_KEYS,
                                                   .limit = limit_rows,
                                                   .bfd = bfd_rows,
                                                   .ao = ao_rows,
                                                   .long_lived = long_lived_rows };

static void read_peer(struct schema_reader *r, struct tree_node *n, const struct config_peer *like,
                      struct config_peer *p)
{
    config_peer_copy(p, like);
    schema_read_object(r, n, peer_rows, p);
}

static char *copy_text(const char *text)
{
    return text ? memory_copy_text(text) : NULL;
}

void config_peer_copy(struct config_peer *to, const struct config_peer *from)
{
    *to = *from;
    to->md5_key_file = copy_text(from->md5_key_file);
    to->tcp_ao.key_file = copy_text(from->tcp_ao.key_file);
    to->inbound = route_map_ref(from->inbound);
    to->outbound = route_map_ref(from->outbound);
}

void config_peer_fini(struct config_peer *p)
{
    free(p->md5_key_file);
    free(p->tcp_ao.key_file);
    route_map_unref(p->inbound);
    route_map_unref(p->outbound);
}

/* RFC 8212: where policy is required, what is not said is no. A route map is one. */
static bool is_closed(const struct config *c, uint8_t exchange, const struct route_map *map)
{
    return exchange == CONFIG_EXCHANGE_NONE ||
           (exchange == CONFIG_EXCHANGE_DEFAULT && c->requires_policy && !map);
}

void config_read_peers(struct schema_reader *r, struct tree_node *root, struct config *c)
{
    struct config_peer like = { .max_peers = MAX_PEERS,
                                .peer_port = BGP_PORT,
                                .mode = c->mode,
                                .symmetric = true,
                                .hold_s = HOLD_S,
                                .restart_s = RESTART_S,
                                .stale_path_s = STALE_PATH_S,
                                .connect_retry_s = CONNECT_RETRY_S,
                                .families = { true, true },
                                .ttl = TTL,
                                .max_memory = MAX_MEMORY,
                                .bfd = { .interval_ms = BFD_INTERVAL_MS,
                                         .multiplier = BFD_DETECT_MULT },
                                .nodes = UINT32_MAX };
    struct tree_node *defaults = tree_get(root, "defaults"), *peers = tree_get(root, "peers");
    if (defaults && schema_is_map(r, defaults))
        schema_read_object(r, defaults, peer_rows + PEER_OWN_KEYS, &like);
    if (peers && schema_is_list(r, peers)) {
        c->peers = memory_new(peers->count, sizeof *c->peers);
        for (struct tree_node *n = peers->first; n; n = n->next)
            if (schema_is_map(r, n))
                read_peer(r, n, &like, &c->peers[c->peer_count++]);
    }
    for (size_t i = 0; i < c->peer_count; i++) {
        c->peers[i].no_import = is_closed(c, c->peers[i].import, c->peers[i].inbound);
        c->peers[i].no_export = is_closed(c, c->peers[i].export, c->peers[i].outbound);
    }
    config_peer_fini(&like);
}
