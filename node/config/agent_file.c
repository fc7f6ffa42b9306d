/* The agent's configuration file. */
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

static const char *const sources[] = { "nodes", "etcd", NULL };
static const char *const formats[] = { "auto", "plain", "logfmt", "json", NULL };

/* "forever", or a duration. */
static bool read_keep(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    if (n->kind == TREE_SCALAR && strcmp(n->text, "forever") == 0)
        return true;
    if (schema_millis(r, n, row, to))
        return true;
    report_hint(r->report, "write forever, or how long the table outlives all nodes: 1h");
    return false;
}

#define AT(member) .offset = offsetof(struct config_agent_file, member)

static const struct schema_row node_rows[] = {
    { "name", schema_name, offsetof(struct config_node, name), .is_required = true,
      .help = "the node, as in its own configuration" },
    { "address", schema_addr, offsetof(struct config_node, address), .is_required = true,
      .help = "its cluster address" },
    { "port", schema_u16, offsetof(struct config_node, cluster_port), 1, 65535,
      .help = "its cluster port" },
    { "publicKey", .is_required = true, .is_separate = true, .help = "its public key" },
    { "nextPublicKey", .is_separate = true, .help = "accepted as well, while the key is rotated" },
    { 0 },
};

static const struct schema_row log_rows[] = {
    { "level", schema_word, AT(log_level), .words = config_log_levels, .help = "least level" },
    { "format", schema_word, AT(log_format), .words = formats, .help = "form of a line" },
    { 0 },
};

static bool read_log(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                     void *to)
{
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, log_rows, to);
    return true;
}

static const struct schema_row rows[] = {
    { "name", schema_name, AT(name), .is_required = true, .help = "this host" },
    { "routeServer", schema_name, AT(cluster), .is_required = true,
      .help = "routeServer.name of the cluster" },
    { "source", schema_word, AT(source), .words = sources, .help = "nodes, or etcd" },
    { "etcd", config_read_etcd_source, AT(etcd), .help = "{ endpoints, prefix, … }: source etcd" },
    { "keyFile", schema_path, AT(key_file), .help = "this host's key" },
    { "secretFile", schema_path, AT(secret_file),
      .help = "the same file as agents.secretFile of the nodes" },
    { "nodes", .is_separate = true, .help = "[{ name, address, publicKey }]" },
    { "table", schema_u32, AT(table), 1, 4294967294, .help = "kernel table" },
    { "metric", schema_u32, AT(metric), 1, 4294967294, .help = "route metric" },
    { "protocol", schema_u8, AT(protocol), 5, 255, .help = "route protocol number" },
    { "resilientGroups", schema_bool, AT(resilient_groups), .help = "flows stay where they are when a next hop goes" },
    { "healthGate", config_read_gate, AT(gate), .help = "{ probe, port, … }: who does not answer leaves" },
    { "keepTable", read_keep, AT(keep_ms), 1000, 604800000,
      .help = "forever, or how long it outlives all nodes", .otherwise = "forever" },
    { "runDirectory", schema_path, AT(run_directory), .help = "where its lock is: one agent of a name on a machine" },
    { "log", read_log, .help = "{ level, format }" },
    { 0 },
};

const struct config_agent_rows config_agent_rows = { .top = rows, .node = node_rows, .log = log_rows };

static const char *const keys_of_nodes[] = { "nodes", "keyFile", "secretFile", NULL };
static const char *const keys_of_etcd[] = { "etcd", NULL };

static void need(struct schema_reader *r, struct tree_node *root, const char *const *keys, const char *why)
{
    for (; *keys && r->is_complete; keys++)
        if (!tree_get(root, *keys))
            schema_complain(r, root, "\"%s\" is missing: %s", *keys, why);
}

static bool has_any(const struct tree_node *root, const char *const *keys)
{
    while (*keys && !tree_get(root, *keys))
        keys++;
    return *keys != NULL;
}

/* What the source needs has to be there. Nodes may hear of a host that does not read from them. */
static void check_source(struct schema_reader *r, struct tree_node *root,
                         const struct config_agent_file *c)
{
    if (c->source == CONFIG_SOURCE_NODES)
        need(r, root, keys_of_nodes, "the source is nodes");
    else
        need(r, root, keys_of_etcd, "the source is etcd");
    if (c->source == CONFIG_SOURCE_ETCD && has_any(root, keys_of_nodes))
        need(r, root, keys_of_nodes, "nodes are told what this host has");
}

static bool is_of_a_node(struct schema_reader *r, const struct tree_node *root)
{
    struct tree_node *server = tree_get(root, "routeServer");
    if (!server || server->kind != TREE_MAP)
        return false;
    schema_complain(r, server, "this is the file of a node");
    report_hint(r->report, "check it with: tandemd --config FILE --check; a host has one of its own, such as agent.yaml of the examples");
    return true;
}

static void read_all(struct config_source *s, struct config_agent_file *c)
{
    struct schema_reader *r = &s->reader;
    if (is_of_a_node(r, s->root))
        return;
    schema_read_object(r, s->root, rows, c);
    config_read_nodes(r, tree_get(s->root, "nodes"), node_rows, c->nodes, &c->node_count);
    config_check_nodes(r, s->root, c->nodes, c->node_count);
    check_source(r, s->root, c);
}

static struct config_agent_file *with_defaults(void)
{
    struct config_agent_file *c = memory_new(1, sizeof *c);
    *c = (struct config_agent_file){ .table = 254,
                                     .metric = 20,
                                     .protocol = 201,
                                     .run_directory = memory_copy_text("/run/tandem"),
                                     .log_level = CONFIG_LOG_INFO };
    return c;
}

static bool finish(struct config_source *s, bool is_open, struct config_agent_file **out, FILE *errors)
{
    struct config_agent_file *c = with_defaults();
    *out = NULL;
    if (is_open)
        read_all(s, c);
    if (config_source_close(s, errors)) {
        *out = c;
        return true;
    }
    config_free_agent(c);
    return false;
}

bool config_load_agent(const char *path, struct config_agent_file **out, FILE *errors)
{
    struct config_source s;
    bool is_open = config_source_open(&s, path);
    return finish(&s, is_open, out, errors);
}

bool config_load_agent_text(const char *path, const char *text, size_t len, struct config_agent_file **out, FILE *errors)
{
    struct config_source s;
    bool is_open = config_source_open_text(&s, path, text, len);
    return finish(&s, is_open, out, errors);
}

void config_free_agent(struct config_agent_file *c)
{
    if (!c)
        return;
    config_etcd_fini(&c->etcd.etcd);
    free(c->key_file);
    free(c->secret_file);
    free(c->run_directory);
    free(c);
}
