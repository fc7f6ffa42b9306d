/* /v1/routes/explain: every stage of a prefix's way: received, policy, selected, advertised to,
 * programmed; answered for the prefix itself or else for the longest one that covers it. */
#include "bgp/rib/explain.h"
#include "node/api/params.h"
#include "node/api/sight.h"
#include "node/api/walk.h"

/* Longest match includes the exact one. */
static uint32_t find_net(const struct api_view *v, const struct ip_prefix *prefix)
{
    unsigned looks = 129;
    struct walk w = { .rib = core_rib(v->core), .match = WALK_LPM, .prefix = *prefix };
    return walk_next(&w, &looks);
}

static json_t *policy_object(const struct api_view *v, uint32_t path)
{
    char words[ROUTE_MAP_TEXT];
    uint8_t verdict = (uint8_t)rib_path_verdict(rib_path(core_rib(v->core), path));
    return json_pack("{s:s, s:o}", "verdict", policy_verdict_name(verdict), "text",
                     json_text(sight_policy(v, path, words)));
}

/* Names of the NVAs that a path lost against: the rival, and those that share with it. */
static json_t *rivals(const struct api_view *v, uint32_t net, const struct explain *why)
{
    const struct rib *r = core_rib(v->core);
    json_t *list = json_array();
    if (!why->rival || why->is_best || why->step >= EXPLAIN_EQUAL)
        return list;
    json_array_append_new(list, json_text(core_nva_name(v->core, rib_path(r, why->rival)->nva)));
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i))) {
        struct explain other;
        explain_path(r, i, &other);
        if (other.step == EXPLAIN_EQUAL && i != why->rival && !other.is_best)
            json_array_append_new(list, json_text(core_nva_name(v->core, rib_path(r, i)->nva)));
    }
    return list;
}

static json_t *selected_object(const struct api_view *v, uint32_t path)
{
    const struct rib *r = core_rib(v->core);
    struct explain why;
    char text[EXPLAIN_TEXT];
    explain_path(r, path, &why);
    return json_pack("{s:b, s:b, s:s, s:o, s:o}", "best", why.is_best, "multipath",
                     why.is_multipath, "step", explain_step_name(why.step), "reason",
                     json_text(explain_text(r, path, &why, text)), "against",
                     rivals(v, rib_path_net(r, rib_path(r, path)), &why));
}

static bool was_told(const struct api_view *v, size_t peer, uint32_t path)
{
    struct adjout_sent sent[ADJOUT_PATHS];
    uint32_t count = core_told(v->core, peer, rib_path_net(core_rib(v->core), rib_path(core_rib(v->core), path)), sent);
    for (uint32_t i = 0; i < count; i++)
        if (core_told_of(v->core, peer, path, &sent[i]))
            return true;
    return false;
}

/* Peers of this node that were told this path, or another node's copy of it. */
static json_t *advertised_to(const struct api_view *v, uint32_t path)
{
    json_t *list = json_array();
    for (size_t i = 0; i < core_peer_count(v->core); i++)
        if (was_told(v, i, path))
            json_array_append_new(list, json_text(core_nva_name(v->core, (uint16_t)(i + 1))));
    return list;
}

static json_t *path_object(const struct api_view *v, uint32_t path)
{
    json_t *o = sight_path(v, path, SIGHT_PATH);
    json_object_set_new(o, "policy", policy_object(v, path));
    json_object_set_new(o, "selected", selected_object(v, path));
    json_object_set_new(o, "advertisedTo", advertised_to(v, path));
    return o;
}

static const char *state_of(const struct core_target_view *t, uint32_t wanted, uint32_t installed,
                            enum vnet_verdict verdict)
{
    if (t->target->type == CONFIG_TARGET_TABLE)
        return verdict != VNET_PROGRAMMED ? "refused" : wanted ? "served" : "not-wanted";
    if (!t->runs_here)
        return "elsewhere";
    if (verdict != VNET_PROGRAMMED)
        return "refused";
    if (wanted == installed)
        return wanted ? "installed" : "not-wanted";
    return wanted ? "pending" : "held";
}

/* Next hops of the set that a probe of this machine keeps out of the kernel's group, and why. */
static json_t *left_out(const struct core_target_view *t, const struct nhset *set)
{
    char text[IP_ADDR_TEXT];
    json_t *list = json_array();
    for (uint32_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < t->unhealthy_count; k++)
            if (ip_addr_is_equal(&set->members[i], &t->unhealthy[k].hop))
                json_array_append_new(list, json_pack("{s:s, s:s}", "nextHop",
                                                      ip_addr_format(&set->members[i], text),
                                                      "reason", t->unhealthy[k].reason));
    return list;
}

static json_t *target_object(const struct api_view *v, size_t nth, uint32_t net)
{
    const struct rib *r = core_rib(v->core);
    struct core_target_view t;
    core_target_view(v->core, nth, &t);
    uint32_t wanted = core_target_wanted(v->core, nth, net),
             installed = core_target_installed(v->core, nth, net);
    enum vnet_verdict verdict = core_target_verdict(v->core, nth, net);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "target", t.target->name, "state",
                     state_of(&t, wanted, installed, verdict), "verdict",
                     vnet_verdict_name((uint8_t)verdict), "text",
                     vnet_verdict_text((uint8_t)verdict), "wanted",
                     json_next_hops(nhset_get(&r->sets, wanted)), "installed",
                     json_next_hops(nhset_get(&r->sets, installed)), "unhealthy",
                     left_out(&t, nhset_get(&r->sets, installed)));
}

/* nva  whose paths; -1 = all */
static json_t *net_object(const struct api_view *v, uint32_t net, int nva)
{
    const struct rib *r = core_rib(v->core);
    struct ip_prefix prefix;
    json_t *paths = json_array(), *targets = json_array();
    prefix_table_prefix(&r->nets, net, &prefix);
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path(r, i)->attrs && (nva < 0 || rib_path(r, i)->nva == nva))
            json_array_append_new(paths, path_object(v, i));
    for (size_t i = 0; i < core_target_count(v->core); i++)
        json_array_append_new(targets, target_object(v, i, net));
    return json_pack("{s:o, s:I, s:o, s:o}", "prefix", json_prefix(&prefix), "revision",
                     (json_int_t)vlist_head(&r->loc), "paths", paths, "programmed", targets);
}

void api_route_explain(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    char text[IP_PREFIX_TEXT];
    struct ip_prefix prefix;
    int nva;
    if (!api_prefix(q, &prefix, out) || !sight_read_peer(v, q, &nva, out))
        return;
    uint32_t net = find_net(v, &prefix);
    if (!net) {
        reply_problem(out, 404, "prefix", "no route for %s, and none that covers it",
                      ip_prefix_format(&prefix, text));
        return;
    }
    json_t *o = net_object(v, net, nva);
    json_object_set_new(o, "query", json_prefix(&prefix));
    reply_json(out, o);
}
