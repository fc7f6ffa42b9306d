#include "node/program/choice.h"

static const struct config_community blackhole = { false, { 65535, 666 } }; /* RFC 7999 section 5 */

static bool is_listed(const struct config_peer_list *l, size_t peer)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->places[i] == peer)
            return true;
    return l->all && peer != SIZE_MAX;
}

static bool equals(const struct config_community *c, struct wire_reader *r)
{
    if (!c->is_large) {
        uint32_t high = wire_u16(r), low = wire_u16(r);
        return high == c->parts[0] && low == c->parts[1];
    }
    uint32_t global = wire_u32(r), one = wire_u32(r), two = wire_u32(r);
    return global == c->parts[0] && one == c->parts[1] && two == c->parts[2];
}

static bool carries(const struct bgp_attrs *attrs, const struct config_community *c)
{
    uint8_t type = c->is_large ? BGP_ATTR_LARGE_COMMUNITIES : BGP_ATTR_COMMUNITIES;
    struct bgp_attr_view a;
    if (!attrs)
        return false;
    for (struct wire_reader r = wire_reader(attrs->bytes, attrs->len); bgp_attrs_next(&r, &a);) {
        struct wire_reader list = wire_reader(a.value, a.len);
        while (a.type == type && wire_left(&list) && !list.failed)
            if (equals(c, &list))
                return true;
    }
    return false;
}

bool choice_passes(const struct config_filter *f, const struct choice_route *r)
{
    bool by_prefix = !f->prefix_count, by_community = !f->community_count;
    for (size_t i = 0; i < f->prefix_count && !by_prefix; i++)
        by_prefix = ip_prefix_contains(&f->prefixes[i], r->prefix);
    for (size_t i = 0; i < f->community_count && !by_community; i++)
        by_community = carries(r->attrs, &f->communities[i]);
    return by_prefix && by_community && (!f->peers.count || is_listed(&f->peers, r->peer));
}

bool choice_discards(const struct config_peer_list *agreed, const struct choice_route *r)
{
    return is_listed(agreed, r->peer) && carries(r->attrs, &blackhole);
}
