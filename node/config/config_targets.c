/* programming[]: what each type of target needs, and what all have. */
#include <string.h>
#include <strings.h>

#include "node/config/config_read.h"
#include "node/config/memory.h"

enum {
    AZURE_ROUTES = 400, /* Azure's classic limit; newer subscriptions have more */
    AZURE_READ_MS = 60000,
    AZURE_TIMEOUT_MS = 30000,
};

static const char azure_endpoint[] = "https://management.azure.com";
static const char azure_identity_endpoint[] = "http://169.254.169.254";
static const char azure_api_version[] = "2025-07-01";

const char *const config_target_types[] = { "netlink", "table", "etcd", "azureRouteTable", NULL };

#define AT(member) .offset = offsetof(struct config_target, member)

/* ---- what all have ---- */

static bool read_filter_prefixes(struct schema_reader *r, struct tree_node *n,
                                 const struct schema_row *row, void *to)
{
    struct config_filter *f = to;
    if (!schema_is_list(r, n))
        return false;
    f->prefixes = memory_new(n->count, sizeof *f->prefixes);
    for (struct tree_node *p = n->first; p; p = p->next)
        f->prefix_count += schema_prefix(r, p, row, &f->prefixes[f->prefix_count]);
    return true;
}

/* Names of peers become their places in the list: peers[] stands in the same file. */
static bool read_filter_peers(struct schema_reader *r, struct tree_node *n,
                              const struct schema_row *row, void *to)
{
    struct config_filter *f = to;
    const struct tree_node *root = n;
    (void)row;
    if (!schema_is_list(r, n))
        return false;
    while (root->parent)
        root = root->parent;
    f->peers = memory_new(n->count, sizeof *f->peers);
    for (struct tree_node *name = n->first; name; name = name->next) {
        const struct tree_node *peers = tree_get(root, "peers");
        const struct tree_node *peer = peers ? peers->first : NULL;
        const char *text = name->kind == TREE_SCALAR ? name->text : "";
        for (; peer; peer = peer->next) {
            const struct tree_node *at = tree_get(peer, "name");
            if (at && at->kind == TREE_SCALAR && strcmp(at->text, text) == 0)
                break;
        }
        if (peer)
            f->peers[f->peer_count++] = peer->index;
        else
            schema_complain(r, name, "there is no peer \"%s\"", text);
    }
    return true;
}

static const struct schema_row filter_rows[] = {
    { "prefixes", read_filter_prefixes, .help = "only what lies inside [10.0.0.0/8, …]" },
    { "peers", read_filter_peers, .help = "only what these [names] announce best" },
    { 0 },
};

bool config_read_filter(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        void *to)
{
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, filter_rows, to);
    return true;
}

#define COMMON                                                                                     \
    { "name", schema_name, AT(name), .is_required = true, .help = "the target" },                  \
    { "type", schema_word, AT(type), .words = config_target_types, .is_required = true,                   \
      .help = "netlink, table, etcd or azureRouteTable" },                                               \
    { "allowOwnSpace", schema_bool, AT(allow_own_space), .help = "steer inside the VNet" },        \
    { "filter", config_read_filter, AT(filter), .help = "{ prefixes: [], peers: [] }" },                  \
    { "nodes", config_read_node_mask, AT(nodes), .help = "[names]" }

static const struct schema_row netlink_rows[] = {
    COMMON,
    { "table", schema_u32, AT(table), 1, 4294967294, .help = "kernel table" },
    { "metric", schema_u32, AT(metric), 1, 4294967294, .help = "route metric" },
    { "protocol", schema_u8, AT(protocol), 5, 255, .help = "route protocol number" },
    { 0 },
};

static const struct schema_row table_rows[] = { COMMON, { 0 } };

/* ---- Azure ---- */

/* The base of an address without its last slashes: https://host, https://host:port. */
static bool read_base(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";
    char **out = to;
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    bool is_plain = strcmp(row->key, "identityEndpoint") == 0 && strncmp(text, "http://", 7) == 0;
    size_t scheme = is_plain ? 7 : 8, len = strlen(text);
    while (len && text[len - 1] == '/')
        len--;
    if ((!is_plain && strncmp(text, "https://", 8) != 0) || len <= scheme ||
        strspn(text + scheme, allowed) < len - scheme) {
        schema_complain(r, n, "\"%s\" is no base of an address", text);
        report_hint(r->report, "write https://management.azure.com, without a path");
        return false;
    }
    free(*out);
    *out = memory_copy_text(text);
    (*out)[len] = 0;
    return true;
}

static bool read_api_version(struct schema_reader *r, struct tree_node *n,
                             const struct schema_row *row, void *to)
{
    static const char form[] = "dddd-dd-dd";
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    size_t i = 0;
    (void)row;
    while (form[i] && (form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i]))
        i++;
    if (!form[i] && (!text[i] || strcmp(text + i, "-preview") == 0)) {
        snprintf(to, CONFIG_API_VERSION + 1, "%s", text);
        return true;
    }
    schema_complain(r, n, "\"%s\" is no API version", text);
    report_hint(r->report, "a date such as %s, the first with ECMP", azure_api_version);
    return false;
}

static const struct schema_row identity_rows[] = {
    { "clientId", schema_name, offsetof(struct config_azure, client_id),
      .help = "a user-assigned identity" },
    { "servicePrincipalFile", schema_path, offsetof(struct config_azure, principal_file),
      .help = "as az ad sp create-for-rbac prints it" },
    { 0 },
};

/* system, { clientId: … } or { servicePrincipalFile: … } */
static bool read_identity(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                          void *to)
{
    struct config_azure *azure = to;
    (void)row;
    if (n->kind == TREE_MAP) {
        schema_read_object(r, n, identity_rows, to);
        if (n->count != 1)
            schema_complain(r, n, "either clientId or servicePrincipalFile is expected");
        return azure->principal_file || azure->client_id[0];
    }
    if (n->kind == TREE_SCALAR && strcmp(n->text, "system") == 0)
        return true;
    schema_complain(r, n, "this is no identity");
    report_hint(r->report, "write system, { clientId: … } or { servicePrincipalFile: … }");
    return false;
}

static const struct schema_row azure_rows[] = {
    COMMON,
    { "resourceIds", .is_separate = true, .is_required = true,
      .help = "[/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/routeTables/…]" },
    { "identity", read_identity, AT(azure), .help = "system, or whose token is used" },
    { "endpoint", read_base, AT(azure.endpoint), .help = "of the resource manager" },
    { "identityEndpoint", read_base, AT(azure.identity_endpoint), .help = "of the machine's identity" },
    { "caFile", schema_path, AT(azure.ca_file), .help = "certificates to trust instead of the system's" },
    { "apiVersion", read_api_version, AT(azure.api_version), .help = "of Microsoft.Network" },
    { "maxRoutes", schema_u32, AT(azure.max_routes), 1, 4000, .help = "routes that a table may have" },
    { "summarise", schema_bool, AT(azure.summarise), .help = "when the table is nearly full" },
    { "readEvery", schema_millis, AT(azure.read_ms), 1000, 3600000, .help = "between looks for drift" },
    { "requestTimeout", schema_millis, AT(azure.timeout_ms), 100, 300000, .help = "of one request" },
    { 0 },
};

/* The name of the table when this is the id of a route table, else NULL. */
static const char *table_of(const char *id)
{
    static const char *const parts[] = { "subscriptions", NULL, "resourceGroups", NULL, "providers",
                                         "Microsoft.Network", "routeTables", NULL };
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.()";
    const char *name = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (*id++ != '/')
            return NULL;
        size_t len = strspn(id, allowed);
        if (!len || (parts[i] && (strlen(parts[i]) != len || strncasecmp(parts[i], id, len) != 0)))
            return NULL;
        name = id;
        id += len;
    }
    return *id ? NULL : name;
}

static bool is_known_table(const struct config *c, const char *id)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i].azure.resource_id && strcasecmp(c->targets[i].azure.resource_id, id) == 0)
            return true;
    return false;
}

static char *copy_text(const char *text)
{
    return text ? memory_copy_text(text) : NULL;
}

/* Of what a target of Azure has. */
static void copy_target(struct config_target *to, const struct config_target *from)
{
    *to = *from;
    to->azure.resource_id = copy_text(from->azure.resource_id);
    to->azure.endpoint = copy_text(from->azure.endpoint);
    to->azure.identity_endpoint = copy_text(from->azure.identity_endpoint);
    to->azure.ca_file = copy_text(from->azure.ca_file);
    to->azure.principal_file = copy_text(from->azure.principal_file);
    to->filter.prefixes = memory_new(from->filter.prefix_count, sizeof *to->filter.prefixes);
    to->filter.peers = memory_new(from->filter.peer_count, sizeof *to->filter.peers);
    for (size_t i = 0; i < from->filter.prefix_count; i++)
        to->filter.prefixes[i] = from->filter.prefixes[i];
    for (size_t i = 0; i < from->filter.peer_count; i++)
        to->filter.peers[i] = from->filter.peers[i];
}

/* The target of one table; with several tables each has its own name: TARGET.TABLE. */
static void add_table(struct schema_reader *r, struct tree_node *id, const struct config_target *like,
                      bool is_one_of_many, struct config *c)
{
    const char *text = id->kind == TREE_SCALAR ? id->text : "", *table = table_of(text);
    if (!table) {
        schema_complain(r, id, "\"%s\" is no id of a route table", text);
        report_hint(r->report, "as az network route-table show --query id prints it");
        return;
    }
    if (is_known_table(c, text)) {
        schema_complain(r, id, "this table is programmed by another entry already");
        return;
    }
    struct config_target *t = &c->targets[c->target_count];
    copy_target(t, like);
    t->azure.resource_id = memory_copy_text(text);
    if (is_one_of_many &&
        (size_t)snprintf(t->name, sizeof t->name, "%s.%s", like->name, table) >= sizeof t->name)
        schema_complain(r, id, "the name %s.%s is too long: give this table an entry of its own",
                        like->name, table);
    c->target_count++;
}

static void read_azure(struct schema_reader *r, struct tree_node *n, struct config *c)
{
    struct config_target like = { .nodes = UINT32_MAX, .type = CONFIG_TARGET_AZURE };
    struct tree_node *ids = tree_get(n, "resourceIds");
    like.azure = (struct config_azure){ .endpoint = memory_copy_text(azure_endpoint),
                                        .identity_endpoint = memory_copy_text(azure_identity_endpoint),
                                        .max_routes = AZURE_ROUTES,
                                        .read_ms = AZURE_READ_MS,
                                        .timeout_ms = AZURE_TIMEOUT_MS };
    memcpy(like.azure.api_version, azure_api_version, sizeof azure_api_version);
    schema_read_object(r, n, azure_rows, &like);
    if (ids && schema_is_list(r, ids))
        for (struct tree_node *id = ids->first; id; id = id->next)
            add_table(r, id, &like, ids->count > 1, c);
    if (ids && ids->kind == TREE_LIST && !ids->first)
        schema_complain(r, ids, "at least one table is needed");
    config_target_fini(&like);
}

/* ---- all ---- */

static void read_plain(struct schema_reader *r, struct tree_node *n, const struct schema_row *rows,
                       struct config *c)
{
    struct config_target *t = &c->targets[c->target_count++];
    *t = (struct config_target){ .table = 254, .metric = 20, .protocol = 201, .nodes = UINT32_MAX };
    schema_read_object(r, n, rows, t);
}

static void read_etcd(struct schema_reader *r, struct tree_node *n, struct config *c)
{
    struct config_target *t = &c->targets[c->target_count++];
    *t = (struct config_target){ .nodes = UINT32_MAX };
    config_read_etcd(r, n, c, t);
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
            read_azure(r, n, c);
        else if (is_type(n, CONFIG_TARGET_ETCD))
            read_etcd(r, n, c);
        else
            read_plain(r, n, is_type(n, CONFIG_TARGET_TABLE) ? table_rows : netlink_rows, c);
    }
}

void config_target_fini(struct config_target *t)
{
    config_etcd_fini(&t->etcd);
    free(t->azure.resource_id);
    free(t->azure.endpoint);
    free(t->azure.identity_endpoint);
    free(t->azure.ca_file);
    free(t->azure.principal_file);
    free(t->filter.prefixes);
    free(t->filter.peers);
}
