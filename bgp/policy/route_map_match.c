/* The tests of a rule. */
#include <stdlib.h>

#include "bgp/codec/aspath.h"
#include "bgp/policy/route_map.h"

struct subject {
    const struct ip_prefix *prefix;
    const struct bgp_attrs *attrs;
};

typedef bool test_fn(const struct route_map_term *t, const struct route_map_value *values,
                     const struct subject *s);

/* ---- prefixes ---- */

static int compare_prefixes(const void *key, const void *value)
{
    const struct route_map_value *v = value;
    return memcmp(key, &v->prefix, sizeof v->prefix);
}

/* The first len bits of a prefix that has as many. */
static struct ip_prefix shortened(const struct ip_prefix *p, uint8_t len)
{
    struct ip_prefix out = { .family = p->family, .len = len };
    memcpy(out.bytes, p->bytes, len / 8u);
    if (len % 8)
        out.bytes[len / 8] = (uint8_t)(p->bytes[len / 8] & 0xff00u >> len % 8);
    return out;
}

static bool has_prefix(const struct route_map_term *t, const struct route_map_value *values,
                       const struct ip_prefix *p)
{
    return bsearch(p, values, t->count, sizeof *values, compare_prefixes);
}

static bool covers(const struct route_map_term *t, const struct route_map_value *values,
                   const struct ip_prefix *p)
{
    for (unsigned len = 0; len <= p->len; len++) {
        if (!(t->lengths[p->family][len / 64] >> len % 64 & 1))
            continue;
        struct ip_prefix outer = shortened(p, (uint8_t)len);
        if (has_prefix(t, values, &outer))
            return true;
    }
    return false;
}

static bool prefix_equals(const struct route_map_term *t, const struct route_map_value *values,
                          const struct subject *s)
{
    return has_prefix(t, values, s->prefix);
}

static bool prefix_lies_in(const struct route_map_term *t, const struct route_map_value *values,
                           const struct subject *s)
{
    return s->prefix->len >= t->ge && s->prefix->len <= t->le && covers(t, values, s->prefix);
}

/* The configuration's own prefixes have no next hop here. */
static bool host_of(const struct subject *s, struct ip_prefix *out)
{
    const struct ip_addr *hop = &s->attrs->next_hop;
    *out = (struct ip_prefix){ .family = hop->family, .len = (uint8_t)(8 * ip_addr_len(hop->family)) };
    memcpy(out->bytes, hop->bytes, sizeof out->bytes);
    return !ip_addr_is_zero(hop);
}

static bool next_hop_equals(const struct route_map_term *t, const struct route_map_value *values,
                            const struct subject *s)
{
    struct ip_prefix host;
    return host_of(s, &host) && has_prefix(t, values, &host);
}

static bool next_hop_lies_in(const struct route_map_term *t, const struct route_map_value *values,
                             const struct subject *s)
{
    struct ip_prefix host;
    return host_of(s, &host) && covers(t, values, &host);
}

/* ---- communities ---- */

static bool has_community(const struct bgp_attrs *a, const struct bgp_community *c)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    uint8_t size = bgp_community_size(c->type);
    while (bgp_attrs_next(&r, &v))
        for (unsigned at = 0; v.type == c->type && at + size <= v.len; at += size)
            if (bgp_community_matches(c, v.value + at))
                return true;
    return false;
}

static bool has_all_communities(const struct route_map_term *t, const struct route_map_value *values,
                                const struct subject *s)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!has_community(s->attrs, &values[i].community))
            return false;
    return true;
}

static bool has_some_community(const struct route_map_term *t, const struct route_map_value *values,
                               const struct subject *s)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (has_community(s->attrs, &values[i].community))
            return true;
    return false;
}

/* ---- numbers ---- */

static bool is_among(const struct route_map_term *t, const struct route_map_value *values, uint32_t number)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (values[i].number == number)
            return true;
    return false;
}

static bool path_equals(const struct route_map_term *t, const struct route_map_value *values,
                        const struct subject *s)
{
    struct wire_reader r = bgp_attrs_as_path(s->attrs);
    unsigned left = 0;
    uint32_t count = 0, asn;
    for (; aspath_next(&r, 4, &left, &asn); count++)
        if (count == t->count || values[count].number != asn)
            return false;
    return count == t->count;
}

static bool path_contains(const struct route_map_term *t, const struct route_map_value *values,
                          const struct subject *s)
{
    struct wire_reader r = bgp_attrs_as_path(s->attrs);
    unsigned left = 0;
    for (uint32_t asn; aspath_next(&r, 4, &left, &asn);)
        if (is_among(t, values, asn))
            return true;
    return false;
}

static bool origin_is(const struct route_map_term *t, const struct route_map_value *values,
                      const struct subject *s)
{
    struct wire_reader r = bgp_attrs_as_path(s->attrs);
    unsigned left = 0;
    uint32_t asn, last = 0; /* 0 is nobody's (RFC 7607) */
    while (aspath_next(&r, 4, &left, &asn))
        last = asn;
    return last && is_among(t, values, last);
}

static bool family_is(const struct route_map_term *t, const struct route_map_value *values,
                      const struct subject *s)
{
    return is_among(t, values, s->prefix->family);
}

/* ---- the table ---- */

static const struct {
    test_fn *equals, *contains;
} fields[ROUTE_MAP_FIELDS] = {
    [ROUTE_MAP_PREFIX] = { prefix_equals, prefix_lies_in },
    [ROUTE_MAP_COMMUNITY] = { has_all_communities, has_some_community },
    [ROUTE_MAP_AS_PATH] = { path_equals, path_contains },
    [ROUTE_MAP_ORIGIN_AS] = { origin_is, origin_is },
    [ROUTE_MAP_NEXT_HOP] = { next_hop_equals, next_hop_lies_in },
    [ROUTE_MAP_FAMILY] = { family_is, family_is },
};

static bool holds(const struct route_map *m, const struct route_map_term *t, const struct subject *s)
{
    bool is_negated = t->op >= ROUTE_MAP_NOT_EQUALS;
    bool by_equals = t->op == ROUTE_MAP_EQUALS || t->op == ROUTE_MAP_NOT_EQUALS;
    test_fn *test = by_equals ? fields[t->kind].equals : fields[t->kind].contains;
    return test(t, m->values + t->first, s) != is_negated;
}

bool route_map_matches(const struct route_map *m, const struct route_map_rule *rule,
                       const struct ip_prefix *prefix, const struct bgp_attrs *attrs)
{
    const struct subject s = { .prefix = prefix, .attrs = attrs };
    for (uint32_t i = 0; i < rule->tests; i++)
        if (!holds(m, &m->terms[rule->first + i], &s))
            return false;
    return true;
}
