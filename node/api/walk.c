#include "node/api/walk.h"

static const uint64_t DONE = UINT64_MAX;

bool walk_is_done(const struct walk *w)
{
    return w->position == DONE;
}

static struct ip_prefix shorten(const struct ip_prefix *p, uint8_t len)
{
    struct ip_prefix out = *p;
    out.len = len;
    for (unsigned bit = len; bit < sizeof out.bytes * 8; bit++)
        out.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return out;
}

static bool has_route(const struct rib *r, uint32_t net)
{
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path_class(r, rib_path(r, i)) != RIB_GONE)
            return true;
    return false;
}

/* From the prefix itself to /0; position = how many bits were dropped. */
static uint32_t next_above(struct walk *w, unsigned *budget)
{
    unsigned most = w->match == WALK_EXACT ? 0 : w->prefix.len;
    while (w->position <= most && *budget) {
        struct ip_prefix p = shorten(&w->prefix, (uint8_t)(w->prefix.len - w->position));
        uint32_t net = prefix_table_find(&w->rib->nets, &p);
        w->position++;
        --*budget;
        if (!net || !has_route(w->rib, net))
            continue;
        if (w->match == WALK_LPM)
            w->position = DONE;
        return net;
    }
    if (w->position != DONE && w->position > most)
        w->position = DONE;
    return 0;
}

static bool is_meant(const struct walk *w, uint32_t net)
{
    struct ip_prefix p;
    if (!prefix_table_is_used(&w->rib->nets, net) || (w->match != WALK_EVERY && !rib_net(w->rib, net)->paths))
        return false;
    if (w->match == WALK_ALL || w->match == WALK_EVERY)
        return true;
    prefix_table_prefix(&w->rib->nets, net, &p);
    return ip_prefix_contains(&w->prefix, &p);
}

/* In place order, one family after the other; position = the table index. */
static uint32_t next_below(struct walk *w, unsigned *budget)
{
    if (w->position == 0 && w->match == WALK_LONGER && w->prefix.family == BGP_IP6)
        w->position = 1ull << PREFIX_FAMILY_SHIFT;
    while (*budget) {
        uint32_t net = (uint32_t)w->position;
        enum bgp_family family = prefix_index_family(net);
        if (prefix_index_place(net) >= prefix_table_top(&w->rib->nets, family)) {
            bool is_last = family == BGP_IP6 || w->match == WALK_LONGER;
            w->position = is_last ? DONE : 1ull << PREFIX_FAMILY_SHIFT;
            if (is_last)
                return 0;
            continue;
        }
        w->position++;
        --*budget;
        if (is_meant(w, net))
            return net;
    }
    return 0;
}

uint32_t walk_next(struct walk *w, unsigned *budget)
{
    if (walk_is_done(w))
        return 0;
    bool is_below = w->match == WALK_ALL || w->match == WALK_EVERY || w->match == WALK_LONGER;
    return is_below ? next_below(w, budget) : next_above(w, budget);
}
