/* The configuration: one YAML file for all nodes, read into plain structs.
 *
 * Keys are ARM's names (peerIp, peerAsn, virtualRouterAsn, hubRoutingPreference …). One schema table
 * says of every key its type, range, default, unit and help text; it drives reading, «did you mean»
 * and `tandemctl config schema`. A file with errors gives all of them, each with file:line:column,
 * the path, an excerpt with a caret and a hint; nothing is applied.
 * Relative file names in the file are relative to the file's own directory. */
#ifndef TANDEM_NODE_CONFIG_CONFIG_H
#define TANDEM_NODE_CONFIG_CONFIG_H

#include <stdio.h>

#include "bgp/policy/route_map.h"
#include "bgp/session/session.h"

enum { CONFIG_NAME_MAX = 63, CONFIG_NODES_MAX = 7, CONFIG_API_VERSION = 18, CONFIG_PATH_MAX = 127 };

enum config_mode { CONFIG_AZURE, CONFIG_TRANSPARENT }; /* routeServer.mode, peers[].mode */
enum config_peer_type { CONFIG_NVA, CONFIG_VPN_GATEWAY, CONFIG_EXPRESS_ROUTE };
enum config_preference { CONFIG_PREFER_EXPRESS_ROUTE, CONFIG_PREFER_VPN_GATEWAY, CONFIG_PREFER_AS_PATH };
enum config_limit_action { CONFIG_LIMIT_WARN, CONFIG_LIMIT_TRIM, CONFIG_LIMIT_RESET };
enum config_graceful { CONFIG_GRACEFUL_HELPER, CONFIG_GRACEFUL_FULL, CONFIG_GRACEFUL_NONE };
enum config_add_path { CONFIG_ADD_PATH_NONE, CONFIG_ADD_PATH_RECEIVE, CONFIG_ADD_PATH_SEND, CONFIG_ADD_PATH_BOTH };
enum config_exchange { CONFIG_EXCHANGE_DEFAULT, CONFIG_EXCHANGE_ALL, CONFIG_EXCHANGE_NONE };
enum config_target_type { CONFIG_TARGET_NETLINK, CONFIG_TARGET_TABLE, CONFIG_TARGET_ETCD, CONFIG_TARGET_AZURE };
enum config_source_kind { CONFIG_SOURCE_NODES, CONFIG_SOURCE_ETCD };
enum config_probe { CONFIG_PROBE_TCP, CONFIG_PROBE_HTTP, CONFIG_PROBE_ICMP };
enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };
extern const char *const config_log_levels[]; /* their names; NULL behind the last */
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_PLAIN, CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };

struct config_endpoint { /* "127.0.0.1:8179", "[::1]:8179" */
    struct ip_addr addr;
    uint16_t port;
};

struct config_node {                     /* nodes[] */
    char name[CONFIG_NAME_MAX + 1];
    uint32_t id;                         /* 1-based place in the list */
    struct ip_addr address;              /* BGP listens here; NVAs peer with it */
    bool has_address6;
    struct ip_addr address6;             /* optional second BGP address of the other family */
    uint16_t bgp_port;                   /* bgpPort: 179 */
    struct ip_addr cluster_address;      /* clusterAddress: address */
    uint16_t cluster_port;               /* clusterPort: 8177 */
    bool has_public_key;
    uint8_t public_key[32];              /* publicKey: base64 of `tandemctl key new` */
    bool has_next_public_key;
    uint8_t next_public_key[32];         /* nextPublicKey: accepted, too, while the key is rotated */
};

struct config_limit {                    /* maxRoutes */
    uint32_t limit;                      /* 0 = none */
    uint32_t warn_at;                    /* absolute; "80%" in the file is turned into a count */
    uint16_t restart_s;                  /* restartAfter: after a reset, 30s */
    uint8_t action;                      /* enum config_limit_action; default warn (P9) */
};

struct config_bfd {                      /* bfd: true, or { interval, multiplier, multihop, strict } */
    bool enabled;
    bool strict;                         /* no BGP session before BFD is Up: false */
    uint8_t hops;                        /* multihop: auto | true | false, as enum bfd_hops */
    uint8_t multiplier;                  /* packets that may be lost: 3 */
    uint32_t interval_ms;                /* between packets, both ways: 300ms; 50ms and more */
};

enum config_ao_algorithm { CONFIG_AO_HMAC_SHA1, CONFIG_AO_AES_CMAC }; /* RFC 5926 */

struct config_tcp_ao {                   /* tcpAo: { keyFile, sendId, receiveId, algorithm } (RFC 5925) */
    char *key_file;                      /* NULL: no TCP-AO */
    uint8_t send_id, receive_id;         /* KeyIDs: 1 */
    uint8_t algorithm;                   /* hmac-sha-1-96 | aes-128-cmac-96 */
};

/* A neighbour of a prefix is named after the entry and its address: NAME@ADDRESS. */
struct config_peer {                     /* peers[] */
    char name[CONFIG_NAME_MAX + 1];
    struct ip_addr peer_ip;              /* peerIp: an address, or … */
    bool is_range;
    struct ip_prefix range;              /* … a prefix: dynamic neighbours */
    uint32_t max_peers;                  /* maxPeers: of a prefix, on each node; 100 */
    uint32_t peer_asn;                   /* peerAsn; 0: one of the list, which a prefix may have */
    struct bgp_asn_range asns[BGP_PEER_ASNS]; /* peerAsn: [65001, 65010-65019] */
    uint8_t asn_count;
    uint16_t peer_port;                  /* peerPort: 179 */
    uint8_t type;                        /* type: nva | vpnGateway | expressRoute */
    uint8_t mode;                        /* mode: the server's */
    bool passive, disabled;
    bool symmetric;                      /* announces the same to every node: true */
    uint16_t hold_s;                     /* holdTime: 180s; "90", "90s", "3m" */
    uint16_t send_hold_s;                /* sendHoldTime: 0 = 8m, or twice the hold time (RFC 9687) */
    uint16_t connect_retry_s;            /* connectRetry: 5s */
    uint8_t add_path;                    /* addPath */
    bool is_rs_client;                   /* role: rsClient; default none (RFC 9234) */
    bool role_strict;                    /* strictRole: false */
    uint8_t graceful;                    /* gracefulRestart: helper | full | none */
    uint16_t restart_s;                  /* restartTime: full: so long it holds our routes; 120s */
    uint16_t stale_path_s;               /* stalePathTime: what it told before is kept so long after it is back; 6m */
    uint32_t long_lived_ms[BGP_FAMILIES]; /* longLivedGracefulRestart: 1h or { ipv4: 1h, ipv6: 0 }; 0 = off (RFC 9494) */
    bool families[BGP_FAMILIES];         /* families: [ipv4, ipv6]; default both */
    uint32_t local_asn;                  /* localAsn: 0 = the server's */
    uint8_t allow_own_as;                /* allowOwnAs: 0 */
    bool as_override;                    /* asOverride: its AS in paths told to it becomes ours; false */
    uint8_t import, export;              /* import, export: enum config_exchange */
    bool no_import, no_export;           /* what follows from them and ebgpRequiresPolicy */
    struct route_map *inbound, *outbound; /* inboundRouteMap, outboundRouteMap: NULL = none; references */
    bool has_next_hop;
    struct ip_addr next_hop;             /* vnetNextHop: for VNet prefixes; default the server's */
    uint8_t ttl_security;                /* ttlSecurity: most hops away (RFC 5082); 0 = off */
    uint8_t ttl;                         /* multihop: 64 by default, as cloud NVAs are not on-link; 1..255 */
    char *md5_key_file;                  /* md5KeyFile or NULL */
    struct config_tcp_ao tcp_ao;
    struct config_limit limit;
    uint64_t max_memory;                 /* maxMemory: 512MiB, on each node; 0 = no limit */
    struct config_bfd bfd;
    uint32_t nodes;                      /* nodes: [names]; bit 1 << id; default all */
};

/* RFC 5082: what we send with, and the least that is heard, 0 = any. From the far end with the highest
 * number there is, so that no more hops than allowed were between. */
static inline uint8_t config_peer_ttl(const struct config_peer *p)
{
    return p->ttl_security ? UINT8_MAX : p->ttl;
}
static inline uint8_t config_peer_min_ttl(const struct config_peer *p)
{
    return p->ttl_security ? (uint8_t)(UINT8_MAX + 1 - p->ttl_security) : 0;
}

struct config_vnet {                     /* virtualNetworks[] */
    char name[CONFIG_NAME_MAX + 1];
    struct ip_prefix *prefixes;          /* addressPrefixes */
    size_t prefix_count;
    bool remote;                         /* useRemoteGateways: a peered VNet */
};

struct config_etcd {                     /* type: etcd */
    char **endpoints;                    /* endpoints: [http://10.0.0.1:2379, …] */
    size_t endpoint_count;
    char *prefix;                        /* prefix: /tandem/ROUTESERVER/TARGET */
    char *user_file, *password_file;     /* userFile, passwordFile: first lines; NULL = no login */
    char *ca_file;                       /* caFile: NULL = the system's certificates */
    char *cert_file, *key_file;          /* certFile, keyFile: our own, or NULL */
};

struct config_peer_list {                /* peers by name */
    bool all;
    uint32_t *places;                    /* in config.peers */
    size_t count;
};

struct config_community {                /* "65515:100", or "65515:1:2" (RFC 8092) */
    bool is_large;
    uint32_t parts[3];                   /* the plain one has two, of 16 bits */
};

struct config_filter {                   /* filter: nothing said = everything */
    struct ip_prefix *prefixes;          /* prefixes: what lies inside one of them */
    size_t prefix_count;
    struct config_peer_list peers;       /* peers: [names], or all when nothing is said */
    struct config_community *communities; /* communities: what carries one of them */
    size_t community_count;
};

struct config_azure {                    /* type: azureRouteTable */
    char *resource_id;                   /* resourceIds: one target each, "TARGET.TABLE" when several */
    char *endpoint;                      /* endpoint: https://management.azure.com */
    char *identity_endpoint;             /* identityEndpoint: http://169.254.169.254 */
    char *ca_file;                       /* caFile: NULL = the system's certificates */
    char client_id[CONFIG_NAME_MAX + 1]; /* identity: { clientId }; "" = system */
    char *principal_file;                /* identity: { servicePrincipalFile }, or NULL */
    char api_version[CONFIG_API_VERSION + 1]; /* apiVersion: 2025-07-01, the first with ECMP */
    uint32_t max_routes;                 /* maxRoutes: 400, those of others among them */
    bool summarise;                      /* summarise: adjacent routes when nearly full; false */
    uint32_t read_ms;                    /* readEvery: 60s */
    uint32_t timeout_ms;                 /* requestTimeout: 30s */
};

struct config_gate {                     /* healthGate: off when nothing is said; see node/targets/gate.h */
    bool is_on;
    uint8_t probe;                       /* probe: tcp | http | icmp */
    uint16_t port;                       /* port: of the NVA; not for icmp */
    char path[CONFIG_PATH_MAX + 1];      /* path: /; http only */
    uint32_t interval_ms, timeout_ms;    /* interval: 1s, timeout: 1s */
    uint16_t fall, rise;                 /* fall: 3, rise: 2 in a row */
};

enum config_default_route { CONFIG_DEFAULT_ACCEPT, CONFIG_DEFAULT_REFUSE };

/* Kernel tables that are equal modulo this share a range of nexthop ids. */
enum { CONFIG_TABLE_RANGES = 1024 };

struct config_target {                   /* programming[] */
    char name[CONFIG_NAME_MAX + 1];
    uint8_t type;                        /* type: netlink | table | etcd | azureRouteTable */
    uint32_t table;                      /* netlink: kernel table, 254 = main */
    uint32_t metric;                     /* netlink: route metric (IPv4 and IPv6), default 20 */
    uint8_t protocol;                    /* netlink: route protocol number, default 201 */
    bool resilient_groups;               /* netlink: resilientGroups: flows stay when others move; false */
    bool allow_own_space;                /* steering inside the VNet: false */
    uint8_t default_route;               /* defaultRoute: accept (0) | refuse */
    uint32_t nodes;                      /* nodes: [names], which nodes run it; bit 1 << id; all */
    struct config_filter filter;         /* filter: { prefixes, peers, communities } */
    struct config_peer_list blackhole;   /* blackhole: true or [names]; none, as RFC 7999 section 4 asks */
    struct config_gate gate;             /* netlink: healthGate */
    struct config_etcd etcd;
    struct config_azure azure;
};

enum config_station_routes {             /* routes: what a monitoring station is told */
    CONFIG_ADJ_RIB_IN_PRE,               /* adjRibInPre: as received */
    CONFIG_ADJ_RIB_IN_POST,              /* adjRibInPost: what policy and limits let pass of it */
    CONFIG_LOC_RIB,                      /* locRib: what was decided, of all nodes' routes */
    CONFIG_ADJ_RIB_OUT_PRE,              /* adjRibOutPre: chosen for the peer, before it is rewritten */
    CONFIG_ADJ_RIB_OUT_POST,             /* adjRibOutPost: as the peer is told */
    CONFIG_STATION_ROUTES,
};

struct config_station {                  /* export.bmp[] */
    char name[CONFIG_NAME_MAX + 1];      /* name: default what stands at station */
    struct config_endpoint at;           /* station: "10.1.9.9:11019" */
    uint8_t routes;                      /* routes: [words], bit 1 << enum; adjRibInPre, adjRibInPost, locRib */
    uint32_t statistics_ms;              /* statisticsInterval: 60s; 0 = none */
    uint32_t retry_ms;                   /* connectRetry: 30s, doubled up to 12 minutes */
};

struct config_agent {                    /* agents.hosts[], or a file of agents.keysDirectory */
    char name[CONFIG_NAME_MAX + 1];
    uint8_t public_key[32];
    bool has_next_public_key;            /* nextPublicKey: accepted, too, while the key is exchanged */
    uint8_t next_public_key[32];
};

struct config {
    char *path;
    char *text;                          /* of the file; NULL where it came from none */
    uint64_t generation;                 /* generation: default 0; the higher one wins in a cluster */
    uint8_t digest[16];                  /* of the file's bytes: nodes compare it */
    /* routeServer */
    char name[CONFIG_NAME_MAX + 1];
    uint32_t asn;                        /* virtualRouterAsn: 65515 */
    uint8_t mode;
    uint8_t preference;                  /* hubRoutingPreference */
    bool branch_to_branch;               /* allowBranchToBranchTraffic */
    bool requires_policy;                /* ebgpRequiresPolicy: false (RFC 8212) */
    bool has_router_id;
    uint32_t router_id;                  /* routerId; default: the node's IPv4 address, else node id */
    bool has_vnet_next_hop;              /* vnetNextHop: self (default) or an address */
    struct ip_addr vnet_next_hop, vnet_next_hop6;
    bool has_vnet_next_hop6;
    uint16_t max_paths;                  /* maxPaths: 64 */
    uint32_t drain_ms;                   /* gracefulShutdown: 3s; before a planned end (RFC 8326), 0 = none */
    char *run_directory;                 /* runDirectory: /run/tandem */
    /* cluster: key and secret files, times in ms with the design's defaults */
    char *key_file, *secret_file, *next_secret_file; /* nextSecretFile: accepted, too, and used where all know it */
    uint32_t beat_ms, dead_ms, grace_ms, stale_ms, tombstone_ms, defer_ms;
    /* agents */
    char *agent_secret_file;             /* agents.secretFile or NULL */
    char *next_agent_secret_file;        /* agents.nextSecretFile: accepted, too; or NULL */
    char *agent_directory;               /* agents.keysDirectory or NULL: see node/keys/agent_keys.h */
    struct config_agent *agents;
    size_t agent_count;

    struct config_node nodes[CONFIG_NODES_MAX];
    size_t node_count;
    struct config_peer *peers;
    size_t peer_count;
    struct route_map **maps;             /* routeMaps: references */
    size_t map_count;
    struct config_vnet *vnets;
    size_t vnet_count;
    struct config_target **targets;      /* each of its own memory: it outlives a reload that keeps it */
    size_t target_count;

    struct config_endpoint *api_listen;  /* api.listen, default 127.0.0.1:8179 */
    size_t api_listen_count;
    struct config_endpoint *health_listen; /* api.health, default 0.0.0.0:8178, with IPv6 [::]:8178 too */
    size_t health_listen_count;
    /* Nodes on one machine would collide: nodes[].api and nodes[].health override these for one node. */
    struct config_endpoint *node_api[CONFIG_NODES_MAX], *node_health[CONFIG_NODES_MAX];
    size_t node_api_count[CONFIG_NODES_MAX], node_health_count[CONFIG_NODES_MAX];

    char *api_token_file;                /* api.tokenFile or NULL: over TCP the API is read-only */

    struct config_station *stations;     /* export.bmp */
    size_t station_count;
    char *mrt_directory;                 /* export.mrt.directory or NULL: no dumps on a schedule */
    uint32_t mrt_every_ms;               /* export.mrt.every: 8h */
    uint32_t mrt_updates_ms;             /* export.mrt.updates: a new file of messages so often; 0 = none */

    uint8_t log_level, log_format;
};

/* Read and check a file.
 * out      filled on success, NULL otherwise; free with config_free
 * errors   every finding goes here, errors and warnings, in the order of the file, followed by a
 *          line "2 errors, 1 warning"; nothing is written for a clean file
 * returns  true when there is no error */
bool config_load(const char *path, struct config **out, FILE *errors);
/* The same of a text that would stand in that file. */
bool config_load_text(const char *path, const char *text, size_t len, struct config **out, FILE *errors);
void config_free(struct config *c);
/* A peer with texts of its own, to be ended with config_peer_fini. */
void config_peer_copy(struct config_peer *to, const struct config_peer *from);
void config_peer_fini(struct config_peer *p);
const struct config_node *config_find_node(const struct config *c, const char *name);
/* NULL: there is none of this name. near: its place in another file; it is looked for from there outwards, for most
 * stand where they stood. */
const struct config_peer *config_find_peer(const struct config *c, const char *name, size_t near);
/* cluster.keyFile with {node} replaced by the node's name, so that one file serves several nodes on
 * one machine. NULL when there is none; free() it. */
char *config_key_file(const struct config *c, const char *node);

/* Are they one host? While its key is exchanged it has two. */
bool config_agents_share_key(const struct config_agent *a, const struct config_agent *b);

/* The agent's file: name, keyFile, secretFile, nodes: [{name, address, port 8177, publicKey}], table,
 * metric, protocol, routeServer (name of the cluster). Same rules, same messages. */
struct config_agent_file {
    char name[CONFIG_NAME_MAX + 1];
    char cluster[CONFIG_NAME_MAX + 1];   /* routeServer */
    char *key_file, *secret_file;
    struct config_node nodes[CONFIG_NODES_MAX]; /* cluster_address, cluster_port, public_key are used */
    size_t node_count;
    uint32_t table, metric;
    uint8_t protocol;
    bool resilient_groups;
    uint8_t source;                      /* source: nodes | etcd */
    struct config_target etcd;           /* etcd: as for a target of type etcd; its name is the host's */
    char *run_directory;                 /* runDirectory: /run/tandem; the agent's lock lies here */
    struct config_gate gate;             /* healthGate */
    uint32_t keep_ms;                    /* keepTable: forever (0), or how long it outlives all nodes */
    uint8_t log_level, log_format;
};

bool config_load_agent(const char *path, struct config_agent_file **out, FILE *errors);
/* The same of a text that would stand in that file. */
bool config_load_agent_text(const char *path, const char *text, size_t len, struct config_agent_file **out, FILE *errors);
void config_free_agent(struct config_agent_file *c);

#endif
