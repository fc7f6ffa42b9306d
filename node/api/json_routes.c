/* /v1/routes: every path, a page at a time. One answer looks at a bounded number of prefixes, so a
 * page may be short, or empty, while there is a nextCursor. */
#include <stdlib.h>
#include <string.h>

#include "bgp/explain.h"
#include "node/api/params.h"
#include "node/api/sight.h"
#include "node/api/walk.h"

enum { LIMIT_DEFAULT = 500, LIMIT_MAX = 1000, LOOKS_MAX = 20000 };

enum state_filter { STATE_ACCEPTED, STATE_FILTERED, STATE_STALE, STATE_ANY };

struct query {
    struct walk walk;
    uint64_t limit;
    uint32_t skip;  /* paths of the first net that an earlier page has shown */
    int nva;        /* -1 = any */
    unsigned best;  /* 0 = any, 1 = best only, 2 = others only */
    unsigned state; /* enum state_filter */
};

const char *sight_origin(const struct api_view *v, uint8_t origin)
{
    return origin && origin <= v->config->node_count ? v->config->nodes[origin - 1].name : "config";
}

json_t *sight_path(const struct api_view *v, uint32_t path)
{
    const struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    uint8_t verdict = (uint8_t)rib_path_verdict(p);
    struct ip_prefix prefix;
    struct explain why;
    char text[EXPLAIN_TEXT];
    explain_path(r, path, &why);
    prefix_table_prefix(&r->nets, p->net, &prefix);
    json_t *o = json_object();
    json_object_set_new(o, "prefix", json_prefix(&prefix));
    json_set_attrs(o, bgp_attrs_get(&r->attrs, p->attrs));
    json_object_set_new(o, "peer", json_text(core_nva_name(v->core, p->nva)));
    json_object_set_new(o, "node", json_text(sight_origin(v, p->origin)));
    if (p->path_id)
        json_object_set_new(o, "pathId", json_count(p->path_id));
    json_object_set_new(o, "best", json_boolean(why.is_best));
    json_object_set_new(o, "multipath", json_boolean(why.is_multipath));
    json_object_set_new(o, "programmed", json_boolean(why.is_programmed));
    json_object_set_new(o, "stale", json_string(sight_class((uint8_t)rib_path_class(r, p))));
    json_object_set_new(o, "filteredBy",
                        verdict == POLICY_ACCEPTED ? json_null()
                                                   : json_string(policy_verdict_name(verdict)));
    json_object_set_new(o, "selectionReason", json_text(explain_text(r, path, &why, text)));
    return o;
}

/* ---- the request ---- */

static bool read_prefix(const struct api_request *q, struct walk *w, struct api_reply *out)
{
    static const char *const words[] = { "exact", "longer", "shorter", "lpm", NULL };
    const char *text = api_param(q, "prefix");
    unsigned match = text ? WALK_EXACT : WALK_ALL;
    if (!text && api_param(q, "match")) {
        reply_problem(out, 400, "match", "match needs a prefix");
        return false;
    }
    if (text && ip_prefix_parse(text, &w->prefix)) {
        reply_problem(out, 400, "prefix",
                      "\"%s\" is no prefix such as 10.1.0.0/16 (no bits set behind its length)",
                      text);
        return false;
    }
    if (!api_word(q, "match", words, &match, out))
        return false;
    w->match = (uint8_t)match;
    return true;
}

static bool read_peer(const struct api_view *v, const struct api_request *q, int *nva,
                      struct api_reply *out)
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
    reply_problem(out, 404, "peer", "no peer is named \"%s\"", name);
    return false;
}

/* "POSITION.SKIP" as we wrote it. */
static bool read_cursor(const struct api_request *q, struct query *query, struct api_reply *out)
{
    const char *text = api_param(q, "cursor");
    if (!text)
        return true;
    char *dot, *end = NULL;
    unsigned long long position = strtoull(text, &dot, 16);
    unsigned long skip = *dot == '.' ? strtoul(dot + 1, &end, 10) : 0;
    if (!end || *end || end == dot + 1 || position > UINT32_MAX || skip > UINT32_MAX) {
        reply_problem(out, 400, "cursor", "this is no cursor that an earlier page gave");
        return false;
    }
    query->walk.position = position;
    query->skip = (uint32_t)skip;
    return true;
}

static bool read_query(const struct api_view *v, const struct api_request *q, struct query *query,
                       struct api_reply *out)
{
    static const char *const any_true_false[] = { "any", "true", "false", NULL };
    static const char *const states[] = { "accepted", "filtered", "stale", "any", NULL };
    *query = (struct query){ .walk = { .rib = core_rib(v->core) },
                             .limit = LIMIT_DEFAULT,
                             .state = STATE_ANY };
    return read_prefix(q, &query->walk, out) && read_peer(v, q, &query->nva, out) &&
           api_word(q, "best", any_true_false, &query->best, out) &&
           api_word(q, "state", states, &query->state, out) &&
           api_number(q, "limit", 1, LIMIT_MAX, &query->limit, out) && read_cursor(q, query, out);
}

/* ---- the answer ---- */

static bool is_wanted(const struct query *q, uint32_t path)
{
    const struct rib *r = q->walk.rib;
    const struct rib_path *p = rib_path(r, path);
    enum rib_class class = rib_path_class(r, p);
    bool is_best = rib_best(rib_net(r, p->net)) == path, is_accepted = rib_path_is_usable(r, p);
    if (class == RIB_GONE || (q->nva >= 0 && p->nva != q->nva))
        return false;
    if (q->best && is_best != (q->best == 1))
        return false;
    if (q->state == STATE_STALE)
        return class != RIB_LIVE;
    return q->state == STATE_ANY || is_accepted == (q->state == STATE_ACCEPTED);
}

/* The paths of a net behind the first `skip`. False: the page is full; *shown of them are on it or
 * on earlier ones. */
static bool add_net(const struct api_view *v, const struct query *q, uint32_t net, uint32_t skip,
                    json_t *items, uint32_t *shown)
{
    *shown = 0;
    for (uint32_t i = rib_net(q->walk.rib, net)->paths; i; i = rib_path(q->walk.rib, i)->next) {
        if (!is_wanted(q, i) || (*shown)++ < skip)
            continue;
        if (json_array_size(items) == q->limit) {
            --*shown;
            return false;
        }
        json_array_append_new(items, sight_path(v, i));
    }
    return true;
}

void api_route_list(const struct api_view *v, const struct api_request *request,
                    struct api_reply *out)
{
    struct query q;
    char cursor[40];
    unsigned looks = LOOKS_MAX;
    if (!read_query(v, request, &q, out))
        return;
    json_t *items = json_array();
    uint64_t at = q.walk.position; /* behind the last net whose paths were all shown */
    uint32_t shown = 0;
    bool is_full = false;
    for (uint32_t net, skip = q.skip; !is_full && (net = walk_next(&q.walk, &looks)); skip = 0) {
        is_full = !add_net(v, &q, net, skip, items, &shown);
        if (!is_full)
            at = q.walk.position;
    }
    if (!is_full) {
        at = q.walk.position; /* nets that nobody wants count as seen */
        shown = 0;
    }
    bool is_done = !is_full && walk_is_done(&q.walk);
    snprintf(cursor, sizeof cursor, "%llx.%u", (unsigned long long)at, shown);
    reply_list(out, items, is_done ? NULL : cursor, vlist_head(&q.walk.rib->loc));
}
