/* /v1/routes: every path; /v1/peers/NAME/learnedRoutes: those that one NVA has announced. */
#include <string.h>

#include "bgp/rib/explain.h"
#include "node/api/attr_filter.h"
#include "node/api/page.h"
#include "node/api/params.h"
#include "node/api/sight.h"

enum state_filter { STATE_ACCEPTED, STATE_FILTERED, STATE_STALE, STATE_ANY };

struct query {
    struct page page;
    int nva;        /* -1 = any */
    unsigned best;  /* 0 = any, 1 = best only, 2 = others only */
    unsigned state; /* enum state_filter */
    struct attr_filter attrs;
    bool has_reasons; /* why a path is refused is told in words, too */
};

const char *sight_origin(const struct api_view *v, uint8_t origin)
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

json_t *sight_path(const struct api_view *v, uint32_t path)
{
    const struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    uint8_t verdict = (uint8_t)rib_path_verdict(p);
    struct ip_prefix prefix;
    struct explain why;
    explain_path(r, path, &why);
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    json_t *o = json_object();
    json_object_set_new(o, "prefix", json_prefix(&prefix));
    json_set_attrs(o, bgp_attrs_get(&r->attrs, rib_path_attrs(r, p)));
    if (rib_path_is_edited(p)) {
        json_t *received = json_object();
        json_set_attrs(received, bgp_attrs_get(&r->attrs, p->attrs));
        json_object_set_new(o, "received", received);
    }
    json_object_set_new(o, "peer", json_text(core_nva_name(v->core, p->nva)));
    json_object_set_new(o, "node", json_text(sight_origin(v, p->origin)));
    if (rib_path_id(p))
        json_object_set_new(o, "pathId", json_count(rib_path_id(p)));
    json_object_set_new(o, "best", json_boolean(why.is_best));
    json_object_set_new(o, "multipath", json_boolean(why.is_multipath));
    json_object_set_new(o, "programmed", json_boolean(is_programmed(v, path, &why)));
    json_object_set_new(o, "stale", json_boolean(rib_path_class(r, p) != RIB_LIVE));
    json_object_set_new(o, "class", json_string(sight_class((uint8_t)rib_path_class(r, p))));
    json_object_set_new(o, "filteredBy",
                        verdict == POLICY_ACCEPTED ? json_null()
                                                   : json_string(policy_verdict_name(verdict)));
    json_object_set_new(o, "selectionReason", reason(v, path, &why));
    json_set_time(o, "since", v, rib_age_since(r, path));
    json_set_age(o, "ageSeconds", v, rib_age_since(r, path));
    return o;
}

/* ---- the request ---- */

bool sight_read_peer(const struct api_view *v, const struct api_request *q, int *nva, struct api_reply *out)
{
    const char *name = api_param(q, "peer");
    *nva = -1;
    if (!name)
        return true;
    for (uint32_t i = 0; i <= core_peer_count(v->core); i++)
        if (!strcmp(core_nva_name(v->core, (uint16_t)i), name)) {
            *nva = (int)i;
            return true;
        }
    sight_no_peer(v, "peer", name, out);
    return false;
}

static bool read_query(const struct api_view *v, const struct api_request *q, struct query *query,
                       struct api_reply *out)
{
    static const char *const any_true_false[] = { "any", "true", "false", NULL };
    static const char *const states[] = { "accepted", "filtered", "stale", "any", NULL };
    *query = (struct query){ .state = STATE_ANY };
    return page_read(v, q, &query->page, out) && sight_read_peer(v, q, &query->nva, out) &&
           api_word(q, "best", any_true_false, &query->best, out) &&
           api_word(q, "state", states, &query->state, out) && attr_filter_read(q, &query->attrs, out);
}

/* ---- the answer ---- */

static bool is_wanted(const struct query *q, uint32_t path)
{
    const struct rib *r = q->page.walk.rib;
    const struct rib_path *p = rib_path(r, path);
    enum rib_class class = rib_path_class(r, p);
    bool is_best = rib_best(rib_net(r, rib_path_net(r, p))) == path, is_accepted = rib_path_is_usable(r, p);
    if (class == RIB_GONE || (q->nva >= 0 && p->nva != q->nva))
        return false;
    if (q->best && is_best != (q->best == 1))
        return false;
    if (!attr_filter_wants(&q->attrs, bgp_attrs_get(&r->attrs, rib_path_attrs(r, p))))
        return false;
    if (q->state == STATE_STALE)
        return class != RIB_LIVE;
    return q->state == STATE_ANY || is_accepted == (q->state == STATE_ACCEPTED);
}

static json_t *item(const struct api_view *v, const struct query *q, uint32_t path)
{
    json_t *o = sight_path(v, path);
    char words[ROUTE_MAP_TEXT];
    bool is_accepted = rib_path_verdict(rib_path(q->page.walk.rib, path)) == POLICY_ACCEPTED;
    if (q->has_reasons)
        json_object_set_new(o, "filteredReason", json_text(is_accepted ? "" : sight_policy(v, path, words)));
    return o;
}

static bool add_net(const struct api_view *v, const void *context, uint32_t net, struct page_items *to)
{
    const struct query *q = context;
    const struct rib *r = q->page.walk.rib;
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (is_wanted(q, i) && page_wants(to) && !page_add(to, item(v, q, i)))
            return false;
    return true;
}

void api_route_list(const struct api_view *v, const struct api_request *request,
                    struct api_reply *out)
{
    struct query q;
    if (read_query(v, request, &q, out))
        page_reply(&q.page, add_net, &q, sizeof q, out);
}

void api_learned(const struct api_view *v, const struct api_request *request, struct api_reply *out)
{
    struct query q = { .state = STATE_ANY, .has_reasons = true };
    char cursor[PAGE_CURSOR];
    bool is_az;
    if (!sight_find_peer(v, request, &q.nva, out) || !page_read(v, request, &q.page, out) ||
        !attr_filter_read(request, &q.attrs, out) || !sight_az_wanted(request, &is_az, out))
        return;
    if (!is_az) {
        page_reply(&q.page, add_net, &q, sizeof q, out);
        return;
    }
    json_t *items = page_items(v, &q.page, add_net, &q, cursor);
    struct core_peer_view p;
    core_peer_view(v->core, (size_t)q.nva - 1, &p);
    sight_az_reply(v, items, cursor, &p.peer->peer_ip, out);
}
