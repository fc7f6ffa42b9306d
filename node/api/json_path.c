/* One path as an item of /v1/routes: its members as a table, of which a request may want some only. */
#include <string.h>

#include "bgp/rib/explain.h"
#include "node/api/sight.h"

/* Name of the node behind an origin number; "config" for the configuration. */
static const char *origin_name(const struct api_view *v, uint8_t origin)
{
    return origin && origin <= v->config->node_count ? v->config->nodes[origin - 1].name : "config";
}

/* Does any host read the table that the nodes serve? */
static bool is_followed(const struct api_view *v)
{
    struct core_agent_view a = { 0 };
    for (size_t i = 0; i < core_agent_count(v->core) && !(a.connected && !a.report.store[0]); i++)
        core_agent_view(v->core, i, &a);
    return a.connected && !a.report.store[0];
}

/* Is it among what a target has? Host agents are counted by their table: they say how many routes they have
 * installed, and not which. */
static bool has(const struct api_view *v, size_t target, uint32_t path, bool is_best)
{
    const struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    const struct ip_addr *hop = &bgp_attrs_get(&r->attrs, p->attrs)->next_hop;
    struct core_target_view t;
    core_target_view(v->core, target, &t);
    bool is_table = t.target->type == CONFIG_TARGET_TABLE;
    uint32_t id = !is_table        ? core_target_installed(v->core, target, rib_path_net(r, p))
                  : is_followed(v) ? core_target_wanted(v->core, target, rib_path_net(r, p))
                                   : 0;
    const struct nhset *set = nhset_get(&r->sets, id);
    for (uint32_t i = 0; id && i < set->count; i++)
        if (ip_addr_is_equal(&set->members[i], hop) || (is_best && ip_addr_is_zero(&set->members[i])))
            return true; /* the unspecified address: a blackhole, for the best path's sake */
    return false;
}

/* Somewhere, and not only chosen. */
static bool is_programmed(const struct api_view *v, uint32_t path, const struct explain *why)
{
    for (size_t i = 0; (why->is_programmed || why->is_best) && i < core_target_count(v->core); i++)
        if (has(v, i, path, why->is_best))
            return true;
    return false;
}

/* The map's word is not kept beside a path: it is asked again, and says the same. */
const char *sight_policy(const struct api_view *v, uint32_t path, char buf[static ROUTE_MAP_TEXT])
{
    struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    const struct route_map *map = r->nvas[p->nva].inbound;
    enum policy_verdict verdict = rib_path_verdict(p);
    bool is_asked = verdict == POLICY_ACCEPTED || verdict == POLICY_ROUTE_MAP || verdict == POLICY_TOO_LONG;
    if (!map || !is_asked || !rib_need_room(r))
        return policy_verdict_text((uint8_t)verdict);
    struct bgp_attrs attrs = *bgp_attrs_get(&r->attrs, p->attrs);
    struct ip_prefix prefix;
    struct route_map_trace trace;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    return route_map_text(map, &trace, route_map_apply(map, &prefix, &attrs, false, r->room, &trace), buf);
}

/* Why it won or lost; of one that a rule drops, which. */
static json_t *reason(const struct api_view *v, uint32_t path, const struct explain *why)
{
    const struct rib *r = core_rib(v->core);
    char text[EXPLAIN_TEXT], words[ROUTE_MAP_TEXT];
    if (rib_path_verdict(rib_path(r, path)) == POLICY_ROUTE_MAP)
        return json_text(sight_policy(v, path, words));
    return json_text(explain_text(r, path, why, text));
}

/* ---- the members ---- */

struct sight {
    const struct api_view *v;
    const struct rib *rib;
    const struct rib_path *path;
    uint32_t index; /* of the path */
    struct explain why;
};

static json_t *make_prefix(const struct sight *s)
{
    struct ip_prefix prefix;
    prefix_table_prefix(&s->rib->nets, rib_path_net(s->rib, s->path), &prefix);
    return json_prefix(&prefix);
}

/* As it came, where a route map has edited it. */
static json_t *make_received(const struct sight *s)
{
    if (!rib_path_is_edited(s->path))
        return NULL;
    json_t *received = json_object();
    json_set_attrs(received, bgp_attrs_get(&s->rib->attrs, s->path->attrs), UINT32_MAX);
    return received;
}

static json_t *make_peer(const struct sight *s)
{
    return json_text(core_nva_name(s->v->core, s->path->nva));
}

static json_t *make_node(const struct sight *s)
{
    return json_text(origin_name(s->v, s->path->origin));
}

static json_t *make_path_id(const struct sight *s)
{
    return rib_path_id(s->path) ? json_count(rib_path_id(s->path)) : NULL;
}

static json_t *make_best(const struct sight *s)
{
    return json_boolean(s->why.is_best);
}

static json_t *make_multipath(const struct sight *s)
{
    return json_boolean(s->why.is_multipath);
}

static json_t *make_programmed(const struct sight *s)
{
    return json_boolean(is_programmed(s->v, s->index, &s->why));
}

static json_t *make_stale(const struct sight *s)
{
    return json_boolean(rib_path_class(s->rib, s->path) != RIB_LIVE);
}

static json_t *make_class(const struct sight *s)
{
    return json_string(sight_class((uint8_t)rib_path_class(s->rib, s->path)));
}

static json_t *make_filtered_by(const struct sight *s)
{
    enum policy_verdict verdict = rib_path_verdict(s->path);
    return verdict == POLICY_ACCEPTED ? json_null() : json_string(policy_verdict_name((uint8_t)verdict));
}

static json_t *make_filtered_reason(const struct sight *s)
{
    char words[ROUTE_MAP_TEXT];
    bool is_accepted = rib_path_verdict(s->path) == POLICY_ACCEPTED;
    return json_text(is_accepted ? "" : sight_policy(s->v, s->index, words));
}

static json_t *make_reason(const struct sight *s)
{
    return reason(s->v, s->index, &s->why);
}

static json_t *make_since(const struct sight *s)
{
    return json_time(s->v, rib_age_since(s->rib, s->index));
}

static json_t *make_age(const struct sight *s)
{
    return json_age(s->v, rib_age_since(s->rib, s->index));
}

static const struct {
    const char *name;
    json_t *(*make)(const struct sight *s); /* NULL: it has none */
} members[SIGHT_MEMBERS] = {
    { "prefix", make_prefix }, /* attributes stand behind it */
    { "received", make_received },
    { "peer", make_peer },
    { "node", make_node },
    { "pathId", make_path_id },
    { "best", make_best },
    { "multipath", make_multipath },
    { "programmed", make_programmed },
    { "stale", make_stale },
    { "class", make_class },
    { "filteredBy", make_filtered_by },
    { "selectionReason", make_reason },
    { "since", make_since },
    { "ageSeconds", make_age },
    { "filteredReason", make_filtered_reason },
};

static void put(json_t *o, const struct sight *s, unsigned nth)
{
    json_t *value = members[nth].make(s);
    if (value)
        json_object_set_new(o, members[nth].name, value);
}

json_t *sight_path(const struct api_view *v, uint32_t path, uint32_t wanted)
{
    const struct rib *r = core_rib(v->core);
    struct sight s = { .v = v, .rib = r, .path = rib_path(r, path), .index = path };
    json_t *o = json_object();
    explain_path(r, path, &s.why);
    if (wanted & 1)
        put(o, &s, 0);
    json_set_attrs(o, bgp_attrs_get(&r->attrs, rib_path_attrs(r, s.path)), wanted >> SIGHT_MEMBERS);
    for (unsigned i = 1; i < SIGHT_MEMBERS; i++)
        if (wanted >> i & 1)
            put(o, &s, i);
    return o;
}

/* ---- ?members= ---- */

static uint32_t bit_of(const char *name, size_t len)
{
    for (unsigned i = 0; i < SIGHT_MEMBERS + JSON_ATTRS; i++) {
        const char *known = i < SIGHT_MEMBERS ? members[i].name : json_attr_name(i - SIGHT_MEMBERS);
        if (strlen(known) == len && !memcmp(known, name, len))
            return 1u << i;
    }
    return 0;
}

bool sight_read_members(const struct api_request *q, uint32_t *wanted, struct api_reply *out)
{
    const char *at = api_param(q, "members");
    if (!at)
        return true;
    *wanted = 0;
    for (size_t len; *at; at += len + (at[len] == ',')) {
        len = strcspn(at, ",");
        uint32_t bit = bit_of(at, len);
        if (!bit) {
            reply_problem(out, 400, "members", "a route has no member \"%.*s\"", (int)(len < 64 ? len : 64), at);
            return false;
        }
        *wanted |= bit;
    }
    return true;
}
