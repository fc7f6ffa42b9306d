/* Records out of ARM's resources: route servers, their peers, virtual networks and how these are joined. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bgp/codec/types.h"
#include "node/ctl/import/import.h"

/* ---- values of a resource ---- */

struct value {
    json_t *json; /* a reference; NULL: not there, or not understood */
    bool is_puzzling;
    char at[IMPORT_PLACE];
};

/* Its member, under "properties" as the resource manager has it or flat as az prints it. */
static struct value value_of(const struct import_resource *r, const char *key)
{
    struct value v = { 0 };
    char why[ARM_WHY];
    json_t *inside = arm_get(arm_get(r->json, "properties"), key), *raw = inside ? inside : arm_get(r->json, key);
    import_place(v.at, r->at, "%s%s", inside ? "properties." : "", key);
    if (!raw || json_is_null(raw))
        return v;
    v.json = arm_value(r->scope, raw, why);
    v.is_puzzling = !v.json;
    if (v.is_puzzling)
        import_left(r->import, v.at, "%s", why);
    return v;
}

static const char *text_of(const struct value *v)
{
    return json_is_string(v->json) ? json_string_value(v->json) : NULL;
}

static void put_bool(const struct import_resource *r, const char *key, json_t *record, const char *as)
{
    struct value v = value_of(r, key);
    if (json_is_boolean(v.json))
        json_object_set(record, as, v.json);
    else if (v.json)
        import_error(r->import, v.at, "true or false is expected here");
    json_decref(v.json);
}

/* A number, or a text of one: templates have both. */
static bool read_asn(json_t *value, json_int_t *asn)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_integer(value))
        *asn = json_integer_value(value);
    if (text) {
        errno = 0;
        *asn = strtoll(text, &end, 10);
    }
    return (json_is_integer(value) || (text && text[0] >= '0' && text[0] <= '9' && !*end && !errno)) && *asn >= 1 &&
           *asn <= 4294967295;
}

static void put_asn(const struct import_resource *r, struct value *v, json_t *record)
{
    json_int_t asn;
    if (v->json && read_asn(v->json, &asn)) {
        json_object_set_new(record, "asn", json_integer(asn));
    } else if (v->json) {
        char *text = json_dumps(v->json, JSON_ENCODE_ANY);
        import_error(r->import, v->at, "%.60s is no AS number: 1 to 4294967295, as a number or a text", text);
        free(text);
    }
}

/* Every text of the list as parse has it; others are errors. */
static void put_texts(const struct import_resource *r, struct value *v, const char *what, bool (*is_good)(const char *text),
                      json_t *record, const char *as)
{
    json_t *list = json_array(), *item;
    size_t i;
    if (v->json && !json_is_array(v->json))
        import_error(r->import, v->at, "a list of %s is expected here", what);
    json_array_foreach(v->json, i, item)
    {
        const char *text = json_string_value(item);
        if (text && is_good(text))
            json_array_append(list, item);
        else
            import_error(r->import, v->at, "[%zu]: %s%.60s%s is none of the %s that are expected here", i, text ? "\"" : "",
                         text ? text : "this", text ? "\"" : "", what);
    }
    if (json_array_size(list))
        json_object_set(record, as, list);
    json_decref(list);
}

static bool is_address(const char *text)
{
    struct ip_addr a;
    return !ip_addr_parse(text, &a);
}

static bool is_prefix(const char *text)
{
    struct ip_prefix p;
    return !ip_prefix_parse(text, &p);
}

static void put_prefixes(const struct import_resource *r, const char *key, json_t *record)
{
    struct value space = value_of(r, key);
    struct value v = { .json = arm_get(space.json, "addressPrefixes") };
    import_place(v.at, space.at, "addressPrefixes");
    put_texts(r, &v, "prefixes such as 10.1.0.0/16", is_prefix, record, "prefixes");
    json_decref(space.json);
}

/* ---- records ---- */

static json_t *record_of(const struct import_resource *r)
{
    return json_pack("{s:s, s:s}", "at", r->at, "name", r->name);
}

/* What two files say of the same thing is put together; where they differ, one of them is wrong. */
static void merge(struct import *m, json_t *known, json_t *record)
{
    const char *key, *at = json_string_value(json_object_get(record, "at"));
    json_t *value;
    json_object_foreach(record, key, value)
    {
        json_t *other = json_object_get(known, key);
        if (!other)
            json_object_set(known, key, value);
        else if (strcmp(key, "at") != 0 && strcmp(key, "name") != 0 && !json_equal(other, value))
            import_error(m, at, "\"%s\" has another %s than at %s: leave one of them out, or mend it",
                         json_string_value(json_object_get(record, "name")), key,
                         json_string_value(json_object_get(known, "at")));
    }
}

static void remember(const struct import_resource *r, json_t *list, json_t *take_record)
{
    size_t i;
    json_t *known;
    json_array_foreach(list, i, known)
    {
        if (strcasecmp(json_string_value(json_object_get(known, "name")), r->name) != 0)
            continue;
        merge(r->import, known, take_record);
        json_decref(take_record);
        return;
    }
    json_array_append_new(list, take_record);
}

/* ---- what each type means ---- */

static const char *const preferences[] = { "ExpressRoute", "VpnGateway", "ASPath" };

static void put_preference(const struct import_resource *r, json_t *record)
{
    struct value v = value_of(r, "hubRoutingPreference");
    const char *text = text_of(&v);
    bool is_known = false;
    for (size_t i = 0; text && i < sizeof preferences / sizeof *preferences; i++)
        if (!strcasecmp(text, preferences[i])) {
            json_object_set_new(record, "preference", json_string(preferences[i]));
            is_known = true;
        }
    if (v.json && !is_known)
        import_error(r->import, v.at, "it is ExpressRoute, VpnGateway or ASPath");
    json_decref(v.json);
}

static bool has(const struct import_resource *r, const char *key)
{
    json_t *inside = arm_get(arm_get(r->json, "properties"), key), *value = inside ? inside : arm_get(r->json, key);
    return value && !json_is_null(value) && !(json_is_array(value) && !json_array_size(value));
}

static void take_hub(const struct import_resource *r)
{
    json_t *record = record_of(r), *routes = arm_get(arm_get(r->json, "properties"), "routeTable");
    struct value asn, ips;
    if (has(r, "virtualWan") || has(r, "addressPrefix")) {
        import_left(r->import, r->at, "\"%s\" is a hub of Virtual WAN and no route server", r->name);
        json_decref(record);
        return;
    }
    asn = value_of(r, "virtualRouterAsn");
    ips = value_of(r, "virtualRouterIps");
    put_asn(r, &asn, record);
    put_texts(r, &ips, "addresses", is_address, record, "ips");
    put_preference(r, record);
    put_bool(r, "allowBranchToBranchTraffic", record, "branch");
    routes = routes ? routes : arm_get(r->json, "routeTable");
    if (json_array_size(arm_get(routes, "routes")) || has(r, "virtualHubRouteTableV2s"))
        import_left(r->import, r->at, "the static routes of \"%s\": have an NVA announce them", r->name);
    remember(r, r->import->servers, record);
    json_decref(asn.json);
    json_decref(ips.json);
}

static void put_address(const struct import_resource *r, struct value *v, json_t *record)
{
    const char *text = text_of(v);
    if (text && is_address(text))
        json_object_set(record, "ip", v->json);
    else if (v->json)
        import_error(r->import, v->at, "%s%.60s%s is no address", text ? "\"" : "", text ? text : "this", text ? "\"" : "");
}

static void take_peer(const struct import_resource *r)
{
    struct value ip = value_of(r, "peerIp"), asn = value_of(r, "peerAsn");
    json_t *record = record_of(r);
    put_address(r, &ip, record);
    put_asn(r, &asn, record);
    if (ip.is_puzzling || asn.is_puzzling)
        import_left(r->import, r->at, "the peer \"%s\": write it into peers yourself", r->name);
    else if (!ip.json || !asn.json)
        import_error(r->import, r->at, "the peer \"%s\" has no %s", r->name, ip.json ? "peerAsn" : "peerIp");
    else if (json_object_get(record, "ip") && json_object_get(record, "asn"))
        remember(r, r->import->peers, json_incref(record));
    if (has(r, "hubVirtualNetworkConnection"))
        import_left(r->import, r->at, "hubVirtualNetworkConnection of \"%s\": its virtual network belongs into virtualNetworks", r->name);
    if (has(r, "routingConfiguration"))
        import_left(r->import, r->at, "routingConfiguration of \"%s\": its route maps belong into routeMaps, which have the same shape", r->name);
    json_decref(ip.json);
    json_decref(asn.json);
    json_decref(record);
}

static void take_vnet(const struct import_resource *r)
{
    json_t *record = record_of(r);
    put_prefixes(r, "addressSpace", record);
    remember(r, r->import->vnets, record);
}

/* Only where the nodes are: az has one prefix or a list of them. */
static void take_subnet(const struct import_resource *r)
{
    const char *slash = strrchr(r->name, '/');
    struct value one, list;
    json_t *record;
    if (!slash || strcasecmp(slash, "/RouteServerSubnet") != 0)
        return;
    record = record_of(r);
    one = value_of(r, "addressPrefix");
    list = value_of(r, "addressPrefixes");
    if (one.json && !list.json)
        list.json = json_pack("[O]", one.json);
    put_texts(r, &list, "prefixes such as 10.1.1.0/26", is_prefix, record, "prefixes");
    remember(r, r->import->subnets, record);
    json_decref(one.json);
    json_decref(list.json);
}

static void take_peering(const struct import_resource *r)
{
    json_t *record = record_of(r);
    struct value remote = value_of(r, "remoteVirtualNetwork"), state = value_of(r, "peeringState");
    const char *id = json_string_value(arm_get(remote.json, "id")), *slash = id ? strrchr(id, '/') : NULL;
    if (slash && slash[1])
        json_object_set_new(record, "remote", json_string(slash + 1));
    else if (!remote.is_puzzling)
        import_error(r->import, r->at, "the peering \"%s\" has no remoteVirtualNetwork.id", r->name);
    put_prefixes(r, has(r, "remoteVirtualNetworkAddressSpace") ? "remoteVirtualNetworkAddressSpace" : "remoteAddressSpace",
                 record);
    put_bool(r, "allowGatewayTransit", record, "transit");
    put_bool(r, "useRemoteGateways", record, "gateways");
    if (text_of(&state))
        json_object_set(record, "state", state.json);
    if (json_object_get(record, "remote"))
        remember(r, r->import->peerings, json_incref(record));
    json_decref(remote.json);
    json_decref(state.json);
    json_decref(record);
}

static const char routers[] = "its routers belong into peers, with type: vpnGateway or expressRoute";
static const char fabric[] = "virtual hubs of Virtual WAN have this; Tandem has peers and virtualNetworks";

static const struct {
    const char *type;
    void (*take)(const struct import_resource *r);
    const char *left; /* why it is not carried over */
} types[] = {
    { "Microsoft.Network/virtualHubs", take_hub, NULL },
    { "Microsoft.Network/virtualHubs/bgpConnections", take_peer, NULL },
    { "Microsoft.Network/virtualNetworks", take_vnet, NULL },
    { "Microsoft.Network/virtualNetworks/subnets", take_subnet, NULL },
    { "Microsoft.Network/virtualNetworks/virtualNetworkPeerings", take_peering, NULL },
    { "Microsoft.Network/virtualHubs/routeMaps", NULL, "its rules belong into routeMaps, which have the same shape" },
    { "Microsoft.Network/virtualHubs/hubVirtualNetworkConnections", NULL, fabric },
    { "Microsoft.Network/virtualHubs/hubRouteTables", NULL, fabric },
    { "Microsoft.Network/virtualHubs/routeTables", NULL, fabric },
    { "Microsoft.Network/virtualHubs/routingIntent", NULL, fabric },
    { "Microsoft.Network/virtualNetworkGateways", NULL, routers },
    { "Microsoft.Network/vpnGateways", NULL, routers },
    { "Microsoft.Network/expressRouteGateways", NULL, routers },
    { "Microsoft.Network/connections", NULL, "a gateway's connection stays with the gateway" },
    { "Microsoft.Network/routeTables", NULL, "Tandem programs it where programming names it: type azureRouteTable" },
};

enum { TYPES = sizeof types / sizeof *types };

static size_t type_of(const char *name)
{
    size_t i = 0;
    while (i < TYPES && strcasecmp(types[i].type, name) != 0)
        i++;
    return i;
}

bool import_knows(const char *type)
{
    return type_of(type) < TYPES;
}

void import_resource(const struct import_resource *r)
{
    size_t i = type_of(r->type);
    r->import->found++;
    if (types[i].take)
        types[i].take(r);
    else
        import_left(r->import, r->at, "%s \"%s\": %s", types[i].type, r->name, types[i].left);
}
