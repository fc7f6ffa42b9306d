/* Inside the configuration: reading (config.c, config_peers.c), then checking (check.c). */
#ifndef TANDEM_NODE_CONFIG_CONFIG_READ_H
#define TANDEM_NODE_CONFIG_CONFIG_READ_H

#include "node/config/config.h"
#include "node/config/schema.h"

/* A whole file, read once: the report has its findings, the tree its places. */
struct config_source {
    struct report report;
    struct arena arena;
    struct schema_reader reader;
    struct tree_node *root; /* NULL: nothing to read, and the report says why */
    char *text, *directory;
};

/* The tables, for who shows them. */
struct config_rows {
    const struct schema_row *top, *server, *node, *cluster, *agents, *host, *vnet, *api, *log;
};
struct config_peer_rows {
    const struct schema_row *peer, *inherited, *limit, *bfd, *ao, *long_lived; /* inherited: what defaults may have */
};
struct config_export_rows {
    const struct schema_row *top, *station, *mrt;
};
struct config_agent_rows {
    const struct schema_row *top, *node, *log;
};
extern const struct config_agent_rows config_agent_rows;
extern const struct config_rows config_rows;
extern const struct config_peer_rows config_peer_rows;
extern const struct config_export_rows config_export_rows;
extern const struct schema_row *const *const config_target_rows[]; /* by type; NULL ends */
extern const struct schema_row *const config_etcd_rows, *const config_azure_rows, *const config_gate_rows;
extern const struct schema_row *const config_filter_rows, *const config_identity_rows; /* of a target; of azure */
extern const struct schema_row *const config_etcd_source_rows;                         /* of an agent */

/* config_defaults.c: the least that may stand in a node's and in an agent's file. */
struct config_least {
    struct config *config;
    struct config_agent_file *agent;
};
void config_least_init(struct config_least *l);
void config_least_fini(struct config_least *l);

/* False when there is nothing to read. Call _close in any case: it prints the findings. */
bool config_source_open(struct config_source *s, const char *path);
/* The same of a text that would stand there. */
bool config_source_open_text(struct config_source *s, const char *path, const char *text, size_t len);
/* Print and free; true when there was no error. */
bool config_source_close(struct config_source *s, FILE *errors);

/* holdTime: into whole seconds, an uint16_t. */
schema_read config_read_hold_time;
/* peers[] with defaults; node names must be read already. */
void config_read_peers(struct schema_reader *r, struct tree_node *root, struct config *c);
/* programming[]; names of nodes and peers are looked up in the tree. */
void config_read_targets(struct schema_reader *r, struct tree_node *list, struct config *c);
/* What every target has, in a table of rows for struct config_target. */
#define CONFIG_TARGET_ROWS                                                                         \
    { "name", schema_name, offsetof(struct config_target, name), .is_required = true,              \
      .help = "the target" },                                                                      \
    { "type", schema_word, offsetof(struct config_target, type), .words = config_target_types,     \
      .is_required = true, .help = "netlink, table, etcd or azureRouteTable" },                    \
    { "allowOwnSpace", schema_bool, offsetof(struct config_target, allow_own_space),               \
      .help = "steer inside the VNet" },                                                           \
    { "defaultRoute", schema_word, offsetof(struct config_target, default_route),                  \
      .words = config_default_words, .help = "accept, or refuse 0.0.0.0/0 and ::/0" },             \
    { "filter", config_read_filter, offsetof(struct config_target, filter),                        \
      .help = "{ prefixes: [], peers: [], communities: [] }" },                                    \
    { "blackhole", config_read_peer_list, offsetof(struct config_target, blackhole),               \
      .help = "true, or [names]: whose BLACKHOLE community discards traffic" },                    \
    { "nodes", config_read_node_mask, offsetof(struct config_target, nodes), .help = "[names]",          \
      .otherwise = "all" }
extern const char *const config_target_types[], *const config_default_words[];
/* One more, with what all types have by default; room was made for it. */
struct config_target *config_add_target(struct config *c);
/* filter: into a struct config_filter. */
schema_read config_read_filter;
void config_filter_copy(struct config_filter *to, const struct config_filter *from);
void config_filter_fini(struct config_filter *f);
/* [names] of peers, true (all) or false (none): into a struct config_peer_list. */
schema_read config_read_peer_list;
void config_peers_copy(struct config_peer_list *to, const struct config_peer_list *from);
/* healthGate: into a struct config_gate. */
schema_read config_read_gate;
void config_target_fini(struct config_target *t);
/* One of programming[] of type etcd; the name of the route server must be read already. */
void config_read_etcd(struct schema_reader *r, struct tree_node *n, const struct config *c,
                      struct config_target *t);
void config_etcd_fini(struct config_etcd *e);
/* etcd: of an agent, into a struct config_target. */
schema_read config_read_etcd_source;
/* One of type azureRouteTable: a target of c for every table. */
void config_read_azure(struct schema_reader *r, struct tree_node *n, struct config *c);
void config_azure_fini(struct config_azure *a);
/* [names] of nodes into a bit mask. */
schema_read config_read_node_mask;
void config_read_nodes(struct schema_reader *r, struct tree_node *list, const struct schema_row *rows,
                       struct config_node *nodes, size_t *count);
/* What one of them has, and no other one may: name, keys, cluster address and port. Of nodes' and agents' files. */
void config_check_nodes(struct schema_reader *r, struct tree_node *root, const struct config_node *nodes, size_t count);
/* One "127.0.0.1:8179"; false, and nothing said, when it is none. */
bool config_parse_endpoint(const char *text, struct config_endpoint *out);
/* routeMaps[]. */
void config_read_maps(struct schema_reader *r, struct tree_node *list, struct config *c);
/* The name of one, or none: into a struct route_map *, a reference. */
schema_read config_read_map_name;
/* What a map does that a peer's outboundRouteMap, which stands there, is in vain for. */
void config_check_map_use(struct schema_reader *r, struct tree_node *n, const struct route_map *m);
/* export: stations and files. */
void config_read_export(struct schema_reader *r, struct tree_node *n, struct config *c);

/* What single values cannot tell: names that are used twice, keys that are missing … */
void config_check(struct schema_reader *r, struct tree_node *root, const struct config *c);

#endif
