/* programming[]: what each type of target needs, and what all have. */
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

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

/* ---- two entries for one place, which would undo each other's work ---- */

static bool share_endpoint(const struct config_etcd *a, const struct config_etcd *b)
{
    for (size_t i = 0; i < a->endpoint_count; i++)
        for (size_t k = 0; k < b->endpoint_count; k++)
            if (strcmp(a->endpoints[i], b->endpoints[k]) == 0)
                return true;
    return false;
}

static size_t bare_length(const char *prefix)
{
    size_t len = prefix ? strlen(prefix) : 0;
    return len && prefix[len - 1] == '/' ? len - 1 : len;
}

static bool share_keys(const struct config_etcd *a, const struct config_etcd *b)
{
    size_t len = bare_length(a->prefix);
    return len && len == bare_length(b->prefix) && memcmp(a->prefix, b->prefix, len) == 0 && share_endpoint(a, b);
}

static void compare_places(struct schema_reader *r, struct tree_node *n, const struct config_target *old,
                           const struct config_target *t)
{
    struct tree_node *at = tree_get(n, t->type == CONFIG_TARGET_NETLINK ? "table" : "prefix");
    at = at ? at : n;
    if (old->type != t->type || !(old->nodes & t->nodes))
        return;
    if (t->type == CONFIG_TARGET_ETCD && share_keys(&old->etcd, &t->etcd)) {
        schema_complain(r, at, "this prefix is programmed by another entry already");
    } else if (t->type == CONFIG_TARGET_NETLINK && old->table == t->table) {
        schema_complain(r, at, "table %u is programmed by another entry already", t->table);
        report_hint(r->report, "one entry a table; a filter chooses what it takes");
    } else if (t->type == CONFIG_TARGET_NETLINK &&
               old->table % CONFIG_TABLE_RANGES == t->table % CONFIG_TABLE_RANGES) {
        schema_complain(r, at, "tables %u and %u would use the same nexthop ids", old->table, t->table);
        report_hint(r->report, "choose a number that differs by no multiple of %d", CONFIG_TABLE_RANGES);
    }
}

static void check_place(struct schema_reader *r, struct tree_node *n, const struct config *c)
{
    for (size_t i = 0; i + 1 < c->target_count; i++)
        compare_places(r, n, c->targets[i], c->targets[c->target_count - 1]);
}

void config_read_targets(struct schema_reader *r, struct tree_node *list, struct config *c)
{
    if (!list || !schema_is_list(r, list))
        return;
    c->targets = memory_new(count_targets(list), sizeof *c->targets);
    for (struct tree_node *n = list->first; n; n = n->next) {
        if (!schema_is_map(r, n))
            continue;
        if (is_type(n, CONFIG_TARGET_AZURE)) {
            config_read_azure(r, n, c);
            continue; /* compares its tables one by one */
        }
        if (is_type(n, CONFIG_TARGET_ETCD))
            read_etcd(r, n, c);
        else
            read_plain(r, n, is_type(n, CONFIG_TARGET_TABLE) ? table_rows : netlink_rows, c);
        check_place(r, n, c);
    }
}

void config_target_fini(struct config_target *t)
{
    config_etcd_fini(&t->etcd);
    config_azure_fini(&t->azure);
    config_filter_fini(&t->filter);
    free(t->blackhole.places);
}
