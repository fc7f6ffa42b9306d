/* programming[]: what each type of target needs, and what all have. */
#include <string.h>

#include "node/config/config_read.h"
#include "node/config/memory.h"

const char *const config_target_types[] = { "netlink", "table", "etcd", "azureRouteTable", NULL };
const char *const config_default_words[] = { "accept", "refuse", NULL };

#define AT(member) .offset = offsetof(struct config_target, member)

static const struct schema_row netlink_rows[] = {
    CONFIG_TARGET_ROWS,
    { "table", schema_u32, AT(table), 1, 4294967294, .help = "kernel table" },
    { "metric", schema_u32, AT(metric), 1, 4294967294, .help = "route metric" },
    { "protocol", schema_u8, AT(protocol), 5, 255, .help = "route protocol number" },
    { "resilientGroups", schema_bool, AT(resilient_groups), .help = "flows stay where they are when a next hop goes" },
    { "healthGate", config_read_gate, AT(gate), .help = "{ probe, port, … }: who does not answer leaves" },
    { 0 },
};

static const struct schema_row table_rows[] = { CONFIG_TARGET_ROWS, { 0 } };

static const struct schema_row *const netlink = netlink_rows, *const table = table_rows;
const struct schema_row *const *const config_target_rows[] = { [CONFIG_TARGET_NETLINK] = &netlink,
                                                               [CONFIG_TARGET_TABLE] = &table,
                                                               [CONFIG_TARGET_ETCD] = &config_etcd_rows,
                                                               [CONFIG_TARGET_AZURE] = &config_azure_rows,
                                                               NULL };

struct config_target *config_add_target(struct config *c)
{
    struct config_target *t = memory_new(1, sizeof *t);
    t->nodes = UINT32_MAX;
    c->targets[c->target_count++] = t;
    return t;
}

static void read_plain(struct schema_reader *r, struct tree_node *n, const struct schema_row *rows,
                       struct config *c)
{
    struct config_target *t = config_add_target(c);
    t->table = 254;
    t->metric = 20;
    t->protocol = 201;
    schema_read_object(r, n, rows, t);
}

static void read_etcd(struct schema_reader *r, struct tree_node *n, struct config *c)
{
    config_read_etcd(r, n, c, config_add_target(c));
}

static bool is_type(const struct tree_node *n, enum config_target_type type)
{
    const struct tree_node *at = tree_get(n, "type");
    return at && at->kind == TREE_SCALAR && strcmp(at->text, config_target_types[type]) == 0;
}

/* Every entry, and every table of one that has several. */
static size_t count_targets(const struct tree_node *list)
{
    size_t count = list->count;
    for (const struct tree_node *n = list->first; n; n = n->next) {
        const struct tree_node *ids = tree_get(n, "resourceIds");
        count += ids ? ids->count : 0;
    }
    return count;
}

void config_read_targets(struct schema_reader *r, struct tree_node *list, struct config *c)
{
    if (!list || !schema_is_list(r, list))
        return;
    c->targets = memory_new(count_targets(list), sizeof *c->targets);
    for (struct tree_node *n = list->first; n; n = n->next) {
        if (!schema_is_map(r, n))
            continue;
        if (is_type(n, CONFIG_TARGET_AZURE))
            config_read_azure(r, n, c);
        else if (is_type(n, CONFIG_TARGET_ETCD))
            read_etcd(r, n, c);
        else
            read_plain(r, n, is_type(n, CONFIG_TARGET_TABLE) ? table_rows : netlink_rows, c);
    }
}

void config_target_fini(struct config_target *t)
{
    config_etcd_fini(&t->etcd);
    config_azure_fini(&t->azure);
    config_filter_fini(&t->filter);
    free(t->blackhole.places);
}
