#include "node/targets/azure_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/base/memory.h"

static const char our_prefix[] = "tandem-";
static const char fence_tag[] = "tandem-fence";
static const char discard[] = "None"; /* nextHopType: the fabric drops it */

int azure_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* ---- next hops ---- */

static uint32_t intern(struct nhset_table *sets, struct ip_addr *members, uint32_t count)
{
    bool nomem = false;
    uint32_t id = nhset_intern(sets, members, count, &nomem);
    if (nomem)
        abort();
    return id;
}

uint32_t azure_table_set(struct nhset_table *sets, const struct ip_prefix *prefix, uint32_t nhset,
                         bool has_ecmp)
{
    struct ip_addr members[NHSET_MAX];
    const struct nhset *set = nhset_get(sets, nhset);
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count && (has_ecmp || count == 0); i++)
        if (set->members[i].family == prefix->family)
            members[count++] = set->members[i];
    return intern(sets, members, count);
}

static bool read_hop(const json_t *text, struct ip_addr *out)
{
    return json_is_string(text) && ip_addr_parse(json_string_value(text), out) == 0;
}

/* The next hops of a route of ours as a set; 0 when they are not what we write. */
static uint32_t read_hops(struct nhset_table *sets, const json_t *properties, uint8_t family)
{
    struct ip_addr members[NHSET_MAX];
    uint32_t count = 0;
    size_t i;
    const json_t *hop;
    const char *type = json_string_value(json_object_get(properties, "nextHopType"));
    const json_t *many =
        json_object_get(json_object_get(properties, "nextHop"), "nextHopIpAddresses");
    if (type && strcasecmp(type, discard) == 0)
        members[count++] = (struct ip_addr){ .family = family };
    if (type && strcasecmp(type, "VirtualAppliance") == 0)
        count = read_hop(json_object_get(properties, "nextHopIpAddress"), &members[0]);
    if (type && strcasecmp(type, "VirtualApplianceEcmp") == 0 && json_array_size(many) <= NHSET_MAX)
        json_array_foreach(many, i, hop) if (!read_hop(hop, &members[count++])) return 0;
    return intern(sets, members, count);
}

static json_t *write_hops(const struct nhset *set, json_t *properties)
{
    char text[IP_ADDR_TEXT];
    if (set->count == 1 && ip_addr_is_zero(&set->members[0])) {
        json_object_set_new(properties, "nextHopType", json_string(discard));
        return properties;
    }
    if (set->count == 1) {
        json_object_set_new(properties, "nextHopType", json_string("VirtualAppliance"));
        json_object_set_new(properties, "nextHopIpAddress",
                            json_string(ip_addr_format(&set->members[0], text)));
        return properties;
    }
    json_t *list = json_array();
    for (uint32_t i = 0; i < set->count; i++)
        json_array_append_new(list, json_string(ip_addr_format(&set->members[i], text)));
    json_object_set_new(properties, "nextHopType", json_string("VirtualApplianceEcmp"));
    json_object_set_new(properties, "nextHop", json_pack("{s:o}", "nextHopIpAddresses", list));
    return properties;
}

/* ---- reading ---- */

static bool is_ours(const json_t *route)
{
    const char *name = json_string_value(json_object_get(route, "name"));
    return name && strlen(name) <= AZURE_NAME_MAX &&
           strncasecmp(name, our_prefix, sizeof our_prefix - 1) == 0;
}

static bool read_prefix(const json_t *route, struct ip_prefix *out)
{
    const char *text = json_string_value(
        json_object_get(json_object_get(route, "properties"), "addressPrefix"));
    return text && ip_prefix_parse(text, out) == 0;
}

static json_t *routes_of(const json_t *document)
{
    return json_object_get(json_object_get(document, "properties"), "routes");
}

static enum azure_provisioning read_provisioning(const json_t *properties)
{
    const char *text = json_string_value(json_object_get(properties, "provisioningState"));
    if (!text || strcasecmp(text, "Succeeded") == 0)
        return AZURE_SUCCEEDED;
    return strcasecmp(text, "Failed") == 0 || strcasecmp(text, "Canceled") == 0 ? AZURE_FAILED
                                                                                : AZURE_UPDATING;
}

/* Names of tags have no case. */
static const char *find_tag(json_t *tags, const char **key)
{
    json_t *value;
    json_object_foreach(tags, *key, value)
        if (strcasecmp(*key, fence_tag) == 0)
            return json_is_string(value) ? json_string_value(value) : "";
    return NULL;
}

static const char *fault_of_route(const json_t *route)
{
    if (!json_is_string(json_object_get(route, "name")))
        return "a route has no name";
    if (!json_is_object(json_object_get(route, "properties")))
        return "a route has no properties";
    return NULL;
}

/* What the rest of this file takes for granted; an ETag becomes a header, so it must be one line. */
static const char *fault_of(const json_t *document)
{
    const json_t *properties = json_object_get(document, "properties");
    const json_t *routes = json_object_get(properties, "routes");
    const json_t *tags = json_object_get(document, "tags");
    const char *etag = json_string_value(json_object_get(document, "etag"));
    size_t i;
    const json_t *route;
    if (!json_is_object(document) || !json_is_object(properties))
        return "no object with properties";
    if (!json_is_string(json_object_get(document, "location")))
        return "no location";
    if (!etag || !*etag || strlen(etag) > AZURE_ETAG_MAX)
        return "no usable etag";
    for (const char *c = etag; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return "no usable etag";
    if (routes && !json_is_array(routes) && !json_is_null(routes))
        return "routes are no list";
    if (tags && !json_is_object(tags) && !json_is_null(tags))
        return "tags are no object";
    json_array_foreach(routes, i, route)
    {
        const char *fault = fault_of_route(route);
        if (fault)
            return fault;
    }
    return NULL;
}

static int compare_routes(const void *a, const void *b)
{
    return azure_prefix_compare(&((const struct azure_route *)a)->prefix,
                                &((const struct azure_route *)b)->prefix);
}

static int compare_prefixes(const void *a, const void *b)
{
    return azure_prefix_compare(a, b);
}

static void sort_routes(struct azure_table *t)
{
    const json_t *list = routes_of(t->document);
    size_t room = json_array_size(list), i;
    const json_t *route;
    t->routes = memory_new(room, sizeof *t->routes);
    t->foreign = memory_new(room, sizeof *t->foreign);
    json_array_foreach(list, i, route)
    {
        struct ip_prefix prefix;
        bool has_prefix = read_prefix(route, &prefix);
        if (is_ours(route) && has_prefix) {
            struct azure_route *r = &t->routes[t->count++];
            r->prefix = prefix;
            r->nhset = read_hops(t->sets, json_object_get(route, "properties"),
                                  prefix.family);
            snprintf(r->name, sizeof r->name, "%s",
                     json_string_value(json_object_get(route, "name")));
        } else {
            t->others++;
            if (has_prefix)
                t->foreign[t->foreign_count++] = prefix;
        }
    }
    qsort(t->routes, t->count, sizeof *t->routes, compare_routes);
    qsort(t->foreign, t->foreign_count, sizeof *t->foreign, compare_prefixes);
}

void azure_table_fini(struct azure_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        nhset_unref(t->sets, t->routes[i].nhset);
    json_decref(t->document);
    free(t->routes);
    free(t->foreign);
    *t = (struct azure_table){ .sets = t->sets };
}

bool azure_table_take(struct azure_table *t, json_t *take_document, char error[static AZURE_ERROR_MAX])
{
    struct azure_table fresh = { .sets = t->sets, .document = take_document };
    const char *wrong = fault_of(fresh.document);
    if (wrong) {
        snprintf(error, AZURE_ERROR_MAX, "%.200s", wrong);
        json_decref(fresh.document);
        return false;
    }
    const char *key;
    sort_routes(&fresh);
    const char *tag = find_tag(json_object_get(fresh.document, "tags"), &key);
    snprintf(fresh.fence, sizeof fresh.fence, "%s", tag ? tag : "");
    snprintf(fresh.etag, sizeof fresh.etag, "%s",
             json_string_value(json_object_get(fresh.document, "etag")));
    fresh.provisioning = (uint8_t)read_provisioning(json_object_get(fresh.document, "properties"));
    azure_table_fini(t);
    *t = fresh;
    return true;
}

bool azure_table_read(struct azure_table *t, const char *body, size_t len,
                      char error[static AZURE_ERROR_MAX])
{
    json_error_t fault;
    json_t *document = json_loadb(body, len, JSON_REJECT_DUPLICATES, &fault);
    if (document)
        return azure_table_take(t, document, error);
    snprintf(error, AZURE_ERROR_MAX, "%.200s", fault.text);
    return false;
}

/* ---- questions ---- */

const struct azure_route *azure_table_find(const struct azure_table *t,
                                           const struct ip_prefix *prefix)
{
    const struct azure_route key = { .prefix = *prefix };
    return t->count ? bsearch(&key, t->routes, t->count, sizeof key, compare_routes) : NULL;
}

const struct azure_route *azure_table_covering(const struct azure_table *t,
                                               const struct ip_prefix *prefix)
{
    struct ip_prefix p = *prefix;
    for (;; p.len--) {
        const struct azure_route *r = azure_table_find(t, &p);
        if (r || !p.len)
            return r;
        p.bytes[(p.len - 1) / 8] &= (uint8_t) ~(0x80u >> (p.len - 1) % 8);
    }
}

bool azure_table_is_foreign(const struct azure_table *t, const struct ip_prefix *prefix)
{
    return t->foreign_count && bsearch(prefix, t->foreign, t->foreign_count, sizeof *prefix,
                                       compare_prefixes);
}

/* ---- writing ---- */

static void drop_keys(json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        json_object_del(object, *keys);
}

/* Ours are written anew. One that somebody edited is only replaced: to remove it there is no reason. */
static bool is_written_anew(const struct azure_table *t, const json_t *route,
                            const struct azure_route *ours, size_t count)
{
    struct azure_route key;
    if (!is_ours(route) || !read_prefix(route, &key.prefix))
        return false;
    const struct azure_route *old = azure_table_find(t, &key.prefix);
    return (old && old->nhset) ||
           (count && bsearch(&key, ours, count, sizeof key, compare_routes));
}

/* Routes of others without what the resource manager maintains. */
static json_t *keep_foreign(const struct azure_table *t, json_t *routes,
                            const struct azure_route *ours, size_t count)
{
    static const char *const of_route[] = { "etag", NULL };
    static const char *const of_properties[] = { "provisioningState", "hasBgpOverride", NULL };
    json_t *kept = json_array(), *route;
    size_t i;
    json_array_foreach(routes, i, route)
    {
        if (is_written_anew(t, route, ours, count))
            continue;
        drop_keys(route, of_route);
        drop_keys(json_object_get(route, "properties"), of_properties);
        json_array_append(kept, route);
    }
    return kept;
}

static json_t *write_route(const struct azure_table *t, const struct azure_route *r)
{
    char text[IP_PREFIX_TEXT];
    json_t *properties = json_pack("{s:s}", "addressPrefix", ip_prefix_format(&r->prefix, text));
    return json_pack("{s:s, s:o}", "name", r->name, "properties",
                     write_hops(nhset_get(t->sets, r->nhset), properties));
}

static void write_fence(json_t *document, const char *fence)
{
    json_t *tags = json_object_get(document, "tags");
    const char *key = fence_tag;
    if (!json_is_object(tags)) {
        tags = json_object();
        json_object_set_new(document, "tags", tags);
    }
    if (!find_tag(tags, &key))
        key = fence_tag;
    json_object_set_new(tags, key, json_string(fence));
}

char *azure_table_write(const struct azure_table *t, const struct azure_route *ours, size_t count,
                        const char *fence)
{
    static const char *const of_table[] = { "etag", NULL };
    static const char *const of_properties[] = { "provisioningState", "resourceGuid", "subnets",
                                                 NULL };
    json_t *document = json_deep_copy(t->document);
    json_t *properties = json_object_get(document, "properties");
    json_t *routes = keep_foreign(t, routes_of(document), ours, count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(routes, write_route(t, &ours[i]));
    drop_keys(document, of_table);
    drop_keys(properties, of_properties);
    json_object_set_new(properties, "routes", routes);
    write_fence(document, fence);
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}
