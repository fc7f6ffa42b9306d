/* /v1/routes: every path; /v1/peers/NAME/learnedRoutes: those that one NVA has announced. */
#include <string.h>

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
    uint32_t members; /* of an item, as sight_path has them */
};

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
    *query = (struct query){ .state = STATE_ANY, .members = SIGHT_PATH };
    return page_read(v, q, &query->page, out) && sight_read_members(q, &query->members, out) && sight_read_peer(v, q, &query->nva, out) &&
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

static bool add_net(const struct api_view *v, const void *context, uint32_t net, struct page_items *to)
{
    const struct query *q = context;
    const struct rib *r = q->page.walk.rib;
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (is_wanted(q, i) && page_wants(to) && !page_add(to, sight_path(v, i, q->members)))
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
    struct query q = { .state = STATE_ANY, .members = SIGHT_LEARNED };
    char cursor[PAGE_CURSOR];
    bool is_az;
    if (!sight_find_peer(v, request, &q.nva, out) || !page_read(v, request, &q.page, out) ||
        !attr_filter_read(request, &q.attrs, out) || !sight_az_wanted(request, &is_az, out) ||
        !sight_read_members(request, &q.members, out))
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
