/* /v1/peers/NAME/advertisedRoutes: what this node tells an NVA, as it stands in the messages to it. */
#include "bgp/codec/attr.h"
#include "node/api/page.h"
#include "node/api/sight.h"

struct receiver {
    struct page page;
    size_t peer;
};

/* Whose path it is: the first of the net's that is told like this. */
static uint16_t source(const struct api_view *v, size_t peer, uint32_t net, const struct adjout_sent *sent)
{
    const struct rib *r = core_rib(v->core);
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path(r, i)->attrs && core_told_of(v->core, peer, i, sent))
            return rib_path(r, i)->nva;
    return 0;
}

static json_t *item(const struct api_view *v, const struct receiver *to, uint32_t net,
                    const struct adjout_sent *sent)
{
    const struct rib *r = core_rib(v->core);
    uint8_t bytes[BGP_EXPORT_MAX];
    struct bgp_attrs attrs;
    struct ip_prefix prefix;
    json_t *o = json_object();
    prefix_table_prefix(&r->nets, net, &prefix);
    json_object_set_new(o, "prefix", json_prefix(&prefix));
    if (core_told_as(v->core, to->peer, net, sent, bytes, &attrs))
        json_set_attrs(o, &attrs, UINT32_MAX);
    json_object_set_new(o, "from", json_text(core_nva_name(v->core, source(v, to->peer, net, sent))));
    json_object_set_new(o, "pathId", sent->path_id ? json_count(sent->path_id) : json_null());
    return o;
}

static bool add_net(const struct api_view *v, const void *context, uint32_t net, struct page_items *to)
{
    const struct receiver *r = context;
    struct adjout_sent sent[ADJOUT_PATHS];
    uint32_t count = core_told(v->core, r->peer, net, sent);
    for (uint32_t i = 0; i < count; i++)
        if (page_wants(to) && !page_add(to, item(v, r, net, &sent[i])))
            return false;
    return true;
}

void api_advertised(const struct api_view *v, const struct api_request *request, struct api_reply *out)
{
    struct receiver to;
    char cursor[PAGE_CURSOR];
    bool is_az;
    int nva;
    if (!sight_find_peer(v, request, &nva, out) || !page_read(v, request, &to.page, out) ||
        !sight_az_wanted(request, &is_az, out))
        return;
    to.peer = (size_t)nva - 1;
    if (!is_az) {
        page_reply(&to.page, add_net, &to, sizeof to, out);
        return;
    }
    json_t *items = page_items(v, &to.page, add_net, &to, cursor);
    sight_az_reply(v, items, cursor, NULL, out);
}
