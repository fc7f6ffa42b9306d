/* import azure: a tandem.yaml out of what az prints of a route server, its peerings and virtual networks, and out of
 * ARM templates. No daemon is asked. The result goes to standard output, what it does not hold to standard error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/base/memory.h"
#include "node/ctl/import/import.h"

enum { FILE_MAX = 16 << 20, COPIES = 256, NESTED = 8 };

/* ---- findings ---- */

void import_error(struct import *m, const char *at, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: error: ", at);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    m->errors++;
}

void import_left(struct import *m, const char *at, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *line = json_sprintf("%s: %s", at, text), *last = json_array_get(m->left, json_array_size(m->left) - 1);
    if (!json_equal(line, last)) /* the copies of a resource say the same */
        json_array_append(m->left, line);
    json_decref(line);
}

void import_place(char place[static IMPORT_PLACE], const char *at, const char *format, ...)
{
    char inside[IMPORT_PLACE];
    va_list args;
    va_start(args, format);
    vsnprintf(inside, sizeof inside, format, args);
    va_end(args);
    snprintf(place, IMPORT_PLACE, "%.200s%s%.110s", at, !strstr(at, ": ") ? ": " : inside[0] == '[' ? "" : ".", inside);
}

/* ---- resources as az prints them ---- */

/* Type and name out of an id: …/providers/Microsoft.Network/virtualHubs/HUB/bgpConnections/PEER */
static bool read_id(struct import_resource *r, const char *id)
{
    static const char mark[] = "/providers/";
    const char *at = NULL;
    size_t type, name = 0;
    for (const char *p = id; (p = strcasestr(p, mark)); p++)
        at = p + sizeof mark - 1;
    if (!at || strlen(at) >= IMPORT_NAME)
        return false;
    type = strcspn(at, "/");
    memcpy(r->type, at, type);
    for (at += type; *at == '/'; at += strcspn(at, "/")) {
        size_t len = 1 + strcspn(at + 1, "/");
        memcpy(r->type + type, at, len);
        type += len;
        at += len;
        if (!*at)
            return false;
        len = strcspn(at + 1, "/");
        r->name[name] = '/'; /* none before the first */
        memcpy(r->name + name + !!name, at + 1, len);
        name += len + !!name;
        at++;
    }
    r->type[type] = r->name[name] = 0;
    return name > 0;
}

/* By what only one type has: of an output that was cut down by --query. */
static const char *guess(json_t *o)
{
    static const char *const marks[][2] = {
        { "peerIp", "Microsoft.Network/virtualHubs/bgpConnections" },
        { "virtualRouterIps", "Microsoft.Network/virtualHubs" },
        { "remoteVirtualNetwork", "Microsoft.Network/virtualNetworks/virtualNetworkPeerings" },
        { "addressSpace", "Microsoft.Network/virtualNetworks" },
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (arm_get(o, marks[i][0]) || arm_get(arm_get(o, "properties"), marks[i][0]))
            return marks[i][1];
    return "";
}

static void take(const struct import_resource *r);

/* A virtual network has its subnets and peerings inside. */
static void take_inner(const struct import_resource *outer, const char *key)
{
    char why[ARM_WHY];
    json_t *inside = arm_get(arm_get(outer->json, "properties"), key), *item;
    json_t *list = arm_value(json_is_string(inside) ? outer->scope : NULL, inside ? inside : arm_get(outer->json, key), why);
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct import_resource r = { .import = outer->import, .scope = outer->scope, .json = item };
        json_t *name = arm_value(r.scope, arm_get(item, "name"), why);
        snprintf(r.type, sizeof r.type, "%.120s/%s", outer->type, key);
        import_place(r.at, outer->at, "%s%s[%zu]", inside ? "properties." : "", key, i);
        snprintf(r.name, sizeof r.name, "%.120s/%.120s", outer->name, json_string_value(name) ? json_string_value(name) : "");
        json_decref(name);
        take(&r);
    }
    json_decref(list);
}

static void take(const struct import_resource *r)
{
    import_resource(r);
    if (strcasecmp(r->type, "Microsoft.Network/virtualNetworks") != 0)
        return;
    take_inner(r, "subnets");
    take_inner(r, "virtualNetworkPeerings");
}

static void read_printed(struct import *m, json_t *o, const char *at)
{
    struct import_resource r = { .import = m, .json = o };
    const char *id = json_string_value(arm_get(o, "id")), *type = json_string_value(arm_get(o, "type")),
               *name = json_string_value(arm_get(o, "name"));
    snprintf(r.at, sizeof r.at, "%s", at);
    if (!id || !read_id(&r, id)) {
        snprintf(r.type, sizeof r.type, "%s", type ? type : guess(o));
        snprintf(r.name, sizeof r.name, "%s", name ? name : "");
    }
    if (import_knows(r.type))
        take(&r);
}

/* ---- templates ---- */

static bool is_deployment(const char *type)
{
    return !strcasecmp(type, "Microsoft.Resources/deployments");
}

static void read_template(struct import *m, const struct arm_scope *scope, const char *at, unsigned depth);

/* A deployment inside of the template has parameters of its own, whose values are ours. */
static void read_deployment(struct import *m, const struct arm_scope *scope, json_t *o, const char *at, unsigned depth)
{
    char why[ARM_WHY], inner[IMPORT_PLACE];
    json_t *properties = arm_get(o, "properties"), *template = arm_get(properties, "template"), *value;
    json_t *given = json_object();
    const char *name;
    if (!template || depth == NESTED) {
        import_left(m, at, "a deployment whose template stands elsewhere: give that file, too");
        json_decref(given);
        return;
    }
    json_object_foreach(arm_get(properties, "parameters"), name, value)
    {
        json_t *known = arm_value(scope, value, why); /* what is not is missed where it is used */
        if (known)
            json_object_set_new(given, name, known);
    }
    import_place(inner, at, "properties.template");
    read_template(m, &(struct arm_scope){ .template = template, .given = given }, inner, depth + 1);
    json_decref(given);
}

static bool is_wanted(struct import *m, const struct arm_scope *scope, json_t *o, const char *at)
{
    char why[ARM_WHY];
    json_t *condition = arm_get(o, "condition"), *value = arm_value(scope, condition, why);
    bool is_false = json_is_false(value);
    if (condition && !value)
        import_left(m, at, "its condition is taken for true: %s", why);
    json_decref(value);
    return !is_false && !json_is_true(arm_get(o, "existing"));
}

static void read_one(const struct import_resource *parent, const struct arm_scope *scope, json_t *o, const char *at, unsigned depth);

/* The resources inside of one, or of a template: a list, or by symbolic names. */
static void read_all(const struct import_resource *parent, const struct arm_scope *scope, json_t *list, unsigned depth)
{
    char at[IMPORT_PLACE];
    const char *name;
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        import_place(at, parent->at, "resources[%zu]", i);
        read_one(parent, scope, o, at, depth);
    }
    json_object_foreach(list, name, o)
    {
        import_place(at, parent->at, "resources.%s", name);
        read_one(parent, scope, o, at, depth);
    }
}

static void read_named(const struct import_resource *parent, const struct arm_scope *scope, const struct import_resource *like,
                       bool is_inner, unsigned depth)
{
    struct import_resource r = *like;
    char why[ARM_WHY];
    r.scope = scope;
    if (!is_wanted(r.import, scope, r.json, r.at))
        return;
    if (is_deployment(r.type)) {
        read_deployment(r.import, scope, r.json, r.at, depth);
        return;
    }
    json_t *name = arm_value(scope, arm_get(r.json, "name"), why);
    if (!json_is_string(name)) {
        import_left(r.import, r.at, "%s: its name: %s", r.type, name ? "this is no text" : why[0] ? why : "there is none");
    } else {
        snprintf(r.name, sizeof r.name, "%.120s%s%.120s", is_inner ? parent->name : "", is_inner ? "/" : "", json_string_value(name));
        take(&r);
        read_all(&r, scope, arm_get(r.json, "resources"), depth);
    }
    json_decref(name);
}

/* With "copy" it stands for several. */
static void read_one(const struct import_resource *parent, const struct arm_scope *scope, json_t *o, const char *at, unsigned depth)
{
    struct import_resource r = { .import = parent->import, .json = o };
    struct arm_scope copy = *scope;
    const char *type = json_string_value(arm_get(o, "type"));
    char why[ARM_WHY];
    bool is_inner = parent->type[0] && type && !strchr(type, '.'); /* "bgpConnections" inside of its hub */
    snprintf(r.type, sizeof r.type, "%.120s%s%.120s", is_inner ? parent->type : "", is_inner ? "/" : "", type ? type : "");
    snprintf(r.at, sizeof r.at, "%s", at);
    if (!import_knows(r.type) && !is_deployment(r.type))
        return;
    json_t *raw = arm_get(arm_get(o, "copy"), "count"), *count = arm_value(scope, raw, why);
    bool is_count = json_is_integer(count) && json_integer_value(count) <= COPIES;
    if (!raw)
        read_named(parent, scope, &r, is_inner, depth);
    else if (!is_count)
        import_left(parent->import, at, "its copy.count: %s", count ? "this is no number of copies" : why);
    for (json_int_t i = 0; is_count && i < json_integer_value(count); i++) {
        copy.copy_index = (size_t)i;
        read_named(parent, &copy, &r, is_inner, depth);
    }
    json_decref(count);
}

static void read_template(struct import *m, const struct arm_scope *scope, const char *at, unsigned depth)
{
    struct import_resource whole = { .import = m };
    snprintf(whole.at, sizeof whole.at, "%s", at);
    read_all(&whole, scope, arm_get(scope->template, "resources"), depth);
}

/* ---- files ---- */

static bool is_parameters(json_t *o)
{
    return json_is_object(arm_get(o, "parameters")) && !arm_get(o, "resources");
}

static void read_document(struct import *m, json_t *o, const char *at, unsigned depth)
{
    char inner[IMPORT_PLACE];
    json_t *list = json_is_array(o) ? o : arm_get(o, "value"), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        import_place(inner, at, "%s[%zu]", json_is_array(o) ? "" : "value", i);
        if (depth < NESTED)
            read_document(m, item, inner, depth + 1);
    }
    if (list || is_parameters(o))
        return;
    if (arm_get(o, "resources") && (arm_get(o, "$schema") || arm_get(o, "contentVersion")))
        read_template(m, &(struct arm_scope){ .template = o, .given = m->given }, at, 0);
    else
        read_printed(m, o, at);
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") != 0 ? path : "standard input";
}

static void read_file(struct import *m, json_t *o, const char *path)
{
    size_t before = m->found;
    unsigned errors = m->errors;
    read_document(m, o, name_of(path), 0);
    bool is_empty = json_is_array(o) && !json_array_size(o); /* a list that az finds nothing for */
    if (m->found == before && m->errors == errors && !is_empty && !is_parameters(o))
        import_error(m, name_of(path), "no route server, peering or virtual network stands in it; give what \"az network routeserver "
                                       "show\", \"az network routeserver peering list\" or \"az network vnet show\" prints as JSON, or an ARM template");
}

/* All of it; NULL: errno says why. */
static char *slurp(FILE *from, size_t *len)
{
    char *text = memory_new(1, FILE_MAX);
    *len = fread(text, 1, FILE_MAX, from);
    if (!ferror(from) && *len < FILE_MAX)
        return text;
    errno = *len == FILE_MAX ? EFBIG : errno;
    free(text);
    return NULL;
}

static json_t *parse(struct import *m, const char *path, const char *text, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* editors and shells of other systems put it in front */
    char at[IMPORT_PLACE];
    json_error_t error;
    size_t skip = len >= 3 && !memcmp(text, mark, 3) ? 3 : 0;
    json_t *o = json_loadb(text + skip, len - skip, JSON_REJECT_DUPLICATES, &error);
    bool is_wide = len >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2));
    snprintf(at, sizeof at, "%.250s:%d:%d", name_of(path), error.line, error.column);
    if (!o)
        import_error(m, at, "this is no JSON: %s%s", error.text,
                     is_wide ? "; it is UTF-16: save it as UTF-8" : "; az prints it with -o json");
    return o;
}

static json_t *load(struct import *m, const char *path)
{
    bool is_stdin = !strcmp(path, "-");
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    size_t len;
    char *text = file ? slurp(file, &len) : NULL;
    json_t *o = NULL;
    if (text)
        o = parse(m, path, text, len);
    else
        import_error(m, name_of(path), "%s", strerror(errno));
    if (file && !is_stdin)
        fclose(file);
    free(text);
    return o;
}

/* Parameters first: templates are read with them. */
static void read_files(struct import *m, int count, char *const *paths)
{
    json_t *documents = json_array(), *o;
    size_t i;
    for (int k = 0; k < count; k++) {
        o = load(m, paths[k]);
        json_array_append_new(documents, o ? o : json_null());
        if (o && is_parameters(o))
            json_object_update(m->given, arm_get(o, "parameters"));
    }
    json_array_foreach(documents, i, o)
    {
        if (!json_is_null(o))
            read_file(m, o, paths[i]);
    }
    json_decref(documents);
}

static void print_left(const struct import *m)
{
    json_t *text;
    size_t i;
    if (json_array_size(m->left))
        fputs("Not carried over, or for you to look at:\n", stderr);
    json_array_foreach(m->left, i, text) fprintf(stderr, "  %s\n", json_string_value(text));
}

static int finish(const struct ctl *c, struct import *m)
{
    json_t *config = import_config(m);
    int code = CTL_OK;
    print_left(m);
    if (m->errors)
        code = ctl_fail(CTL_FAILED, "%u error%s: nothing is written", m->errors, m->errors == 1 ? "" : "s");
    else if (ctl_wants_json(c))
        code = ctl_print_json(c, config);
    else
        import_print(config);
    json_decref(config);
    return code;
}

int verb_import_azure(const struct ctl *c)
{
    if (!ctl_takes(c, 1, 100, "import azure FILE... [--route-server NAME]"))
        return CTL_USAGE;
    struct import m = { .wanted = c->route_server, .given = json_object(), .left = json_array(), .servers = json_array(),
                        .peers = json_array(), .vnets = json_array(), .subnets = json_array(), .peerings = json_array() };
    json_t *const lists[] = { m.given, m.left, m.servers, m.peers, m.vnets, m.subnets, m.peerings };
    read_files(&m, c->argc, c->argv);
    int code = finish(c, &m);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        json_decref(lists[i]);
    return code;
}
