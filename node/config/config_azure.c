/* programming[] of type azureRouteTable: one target for every table. */
#include <string.h>
#include <strings.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

enum {
    AZURE_ROUTES = 400, /* Azure's classic limit; newer subscriptions have more */
    AZURE_READ_MS = 60000,
    AZURE_TIMEOUT_MS = 30000,
};

static const char azure_endpoint[] = "https://management.azure.com";
static const char azure_identity_endpoint[] = "http://169.254.169.254";
static const char azure_api_version[] = "2025-07-01";

#define AT(member) .offset = offsetof(struct config_target, member)

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
    CONFIG_TARGET_ROWS,
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

const struct schema_row *const config_azure_rows = azure_rows;
const struct schema_row *const config_identity_rows = identity_rows;

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
        if (c->targets[i]->azure.resource_id && strcasecmp(c->targets[i]->azure.resource_id, id) == 0)
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
    config_filter_copy(&to->filter, &from->filter);
    config_peers_copy(&to->blackhole, &from->blackhole);
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
    struct config_target *t = config_add_target(c);
    copy_target(t, like);
    t->azure.resource_id = memory_copy_text(text);
    if (is_one_of_many &&
        (size_t)snprintf(t->name, sizeof t->name, "%s.%s", like->name, table) >= sizeof t->name)
        schema_complain(r, id, "the name %s.%s is too long: give this table an entry of its own",
                        like->name, table);
}

void config_read_azure(struct schema_reader *r, struct tree_node *n, struct config *c)
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

void config_azure_fini(struct config_azure *a)
{
    free(a->resource_id);
    free(a->endpoint);
    free(a->identity_endpoint);
    free(a->ca_file);
    free(a->principal_file);
}
