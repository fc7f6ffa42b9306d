/* programming[] of type etcd. */
#include <stdlib.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

enum { PREFIX_MAX = 150, ENDPOINTS_MAX = 9 };

/* Of HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT, with or without a slash behind. */
static bool has_good_port(const char *host)
{
    const char *colon = strrchr(host, ':');
    if (!colon || strchr(colon, ']'))
        return true;
    size_t digits = strspn(colon + 1, "0123456789");
    unsigned long port = strtoul(colon + 1, NULL, 10);
    return strspn(colon + 1 + digits, "/") == strlen(colon + 1 + digits) && port >= 1 && port <= 65535;
}

/* http://HOST:PORT or https://HOST:PORT, without a path. */
static bool read_endpoint(struct schema_reader *r, struct tree_node *n, char **out)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
                    : strncmp(text, "http://", 7) == 0 ? 7
                                                       : 0;
    size_t host = scheme ? strspn(text + scheme, allowed) : 0;
    bool ends = text[scheme + host] == 0 || strcmp(text + scheme + host, "/") == 0;
    if (!host || !ends || strlen(text) > PREFIX_MAX) {
        schema_complain(r, n, "\"%s\" is no endpoint", text);
        report_hint(r->report, "write https://10.1.9.1:2379, without a path");
        return false;
    }
    if (!has_good_port(text + scheme)) {
        schema_complain(r, n, "\"%s\" has no port from 1 to 65535", text);
        return false;
    }
    *out = memory_copy_text(text);
    (*out)[scheme + host] = 0;
    return true;
}

static bool read_endpoints(struct schema_reader *r, struct tree_node *n,
                           const struct schema_row *row, void *to)
{
    struct config_etcd *e = to;
    (void)row;
    if (!schema_is_list(r, n))
        return false;
    if (n->count < 1 || n->count > ENDPOINTS_MAX) {
        schema_complain(r, n, "1 to %d endpoints are expected", ENDPOINTS_MAX);
        return false;
    }
    e->endpoints = memory_new(n->count, sizeof *e->endpoints);
    for (struct tree_node *i = n->first; i; i = i->next)
        e->endpoint_count += read_endpoint(r, i, &e->endpoints[e->endpoint_count]);
    return e->endpoint_count == n->count;
}

static bool read_prefix(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        void *to)
{
    char **out = to;
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    size_t len = strlen(text);
    bool ok = len > 1 && len <= PREFIX_MAX && text[0] == '/';
    (void)row;
    for (size_t i = 0; i < len; i++)
        ok = ok && text[i] > ' ' && text[i] < 0x7f;
    if (!ok) {
        schema_complain(r, n, "\"%s\" is no prefix of keys", text);
        report_hint(r->report, "printable characters that begin with /, such as /tandem/hub");
        return false;
    }
    free(*out);
    *out = memory_copy_text(text);
    return true;
}

#define AT(member) .offset = offsetof(struct config_target, etcd.member)

#define STORE_ROWS                                                                                 \
    { "endpoints", read_endpoints, .offset = offsetof(struct config_target, etcd),                 \
      .is_required = true, .help = "[https://10.1.9.1:2379, …]" },                                 \
    { "prefix", read_prefix, AT(prefix), .help = "of all keys: /tandem/ROUTESERVER/TARGET" },      \
    { "userFile", schema_path, AT(user_file), .help = "its first line is the user's name" },       \
    { "passwordFile", schema_path, AT(password_file), .help = "its first line is the password" },  \
    { "caFile", schema_path, AT(ca_file), .help = "whom to trust, instead of the system's" },      \
    { "certFile", schema_path, AT(cert_file), .help = "our own certificate" },                     \
    { "keyFile", schema_path, AT(key_file), .help = "its private key" }

static const struct schema_row target_rows[] = { CONFIG_TARGET_ROWS, STORE_ROWS, { 0 } };
static const struct schema_row source_rows[] = { STORE_ROWS, { 0 } };

const struct schema_row *const config_etcd_rows = target_rows;
const struct schema_row *const config_etcd_source_rows = source_rows;

static void need_both(struct schema_reader *r, struct tree_node *n, const char *one,
                      const char *two)
{
    struct tree_node *a = tree_get(n, one), *b = tree_get(n, two);
    if (!a == !b || !r->is_complete)
        return;
    schema_complain(r, a ? a : b, "%s and %s belong together", one, two);
}

static void check_pairs(struct schema_reader *r, struct tree_node *n)
{
    need_both(r, n, "userFile", "passwordFile");
    need_both(r, n, "certFile", "keyFile");
}

void config_read_etcd(struct schema_reader *r, struct tree_node *n, const struct config *c,
                      struct config_target *t)
{
    schema_read_object(r, n, target_rows, t);
    check_pairs(r, n);
    if (t->etcd.prefix)
        return;
    size_t room = sizeof "/tandem//" + strlen(c->name) + strlen(t->name);
    t->etcd.prefix = memory_new(room, 1);
    snprintf(t->etcd.prefix, room, "/tandem/%s/%s", c->name, t->name);
}

/* Of an agent: which of a cluster's targets is to be said by the prefix. */
bool config_read_etcd_source(struct schema_reader *r, struct tree_node *n,
                             const struct schema_row *row, void *to)
{
    struct config_target *t = to;
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, source_rows, t);
    check_pairs(r, n);
    if (!t->etcd.prefix && !tree_get(n, "prefix") && r->is_complete)
        schema_complain(r, n, "\"prefix\" is missing: that of the target, /tandem/ROUTESERVER/TARGET");
    return true;
}

void config_etcd_fini(struct config_etcd *e)
{
    for (size_t i = 0; i < e->endpoint_count; i++)
        free(e->endpoints[i]);
    free(e->endpoints);
    free(e->prefix);
    free(e->user_file);
    free(e->password_file);
    free(e->ca_file);
    free(e->cert_file);
    free(e->key_file);
}
