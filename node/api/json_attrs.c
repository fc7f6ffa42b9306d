/* Path attributes as JSON, read from their canonical bytes. */
#include "node/api/sight.h"

enum { AS_SET = 1 }; /* RFC 4271 section 4.3; a set stands as an array inside the array */

static json_t *as_path(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *path = json_array();
    while (wire_left(&r) && !r.failed) {
        uint8_t type = wire_u8(&r), count = wire_u8(&r);
        json_t *to = path;
        if (type == AS_SET) {
            to = json_array();
            json_array_append_new(path, to);
        }
        for (uint8_t i = 0; i < count && !r.failed; i++)
            json_array_append_new(to, json_count(wire_u32(&r)));
    }
    return path;
}

static json_t *communities(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *list = json_array();
    while (wire_left(&r) >= 4) {
        uint16_t high = wire_u16(&r), low = wire_u16(&r);
        json_array_append_new(list, json_sprintf("%u:%u", high, low));
    }
    return list;
}

static json_t *large_communities(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *list = json_array();
    while (wire_left(&r) >= 12) {
        uint32_t global = wire_u32(&r), one = wire_u32(&r), two = wire_u32(&r);
        json_array_append_new(list, json_sprintf("%u:%u:%u", global, one, two));
    }
    return list;
}

/* The list that one attribute has; empty without it. */
static json_t *list_of(const struct bgp_attrs *attrs, uint8_t type, json_t *(*read)(const struct bgp_attr_view *a))
{
    struct wire_reader r = wire_reader(attrs->bytes, attrs->len);
    struct bgp_attr_view a;
    while (bgp_attrs_next(&r, &a))
        if (a.type == type)
            return read(&a);
    return json_array();
}

static json_t *make_next_hop(const struct bgp_attrs *attrs)
{
    return ip_addr_is_zero(&attrs->next_hop) ? json_null() : json_addr(&attrs->next_hop);
}

static json_t *make_as_path(const struct bgp_attrs *attrs)
{
    return list_of(attrs, BGP_ATTR_AS_PATH, as_path);
}

static json_t *make_origin(const struct bgp_attrs *attrs)
{
    static const char *const origins[] = { "igp", "egp", "incomplete" };
    return json_string(origins[attrs->origin % 3]);
}

static json_t *make_med(const struct bgp_attrs *attrs)
{
    return attrs->marks & BGP_MARK_MED ? json_count(attrs->med) : json_null();
}

static json_t *make_local_pref(const struct bgp_attrs *attrs)
{
    return attrs->marks & BGP_MARK_LOCAL_PREF ? json_count(bgp_attrs_local_pref(attrs)) : NULL;
}

static json_t *make_communities(const struct bgp_attrs *attrs)
{
    return list_of(attrs, BGP_ATTR_COMMUNITIES, communities);
}

static json_t *make_large_communities(const struct bgp_attrs *attrs)
{
    return list_of(attrs, BGP_ATTR_LARGE_COMMUNITIES, large_communities);
}

static const struct {
    const char *name;
    json_t *(*make)(const struct bgp_attrs *attrs); /* NULL: it has none */
} rows[JSON_ATTRS] = {
    { "nextHop", make_next_hop },
    { "asPath", make_as_path },
    { "origin", make_origin },
    { "med", make_med },
    { "localPreference", make_local_pref },
    { "communities", make_communities },
    { "largeCommunities", make_large_communities },
};

const char *json_attr_name(unsigned nth)
{
    return rows[nth].name;
}

void json_set_attrs(json_t *o, const struct bgp_attrs *attrs, uint32_t wanted)
{
    for (unsigned i = 0; i < JSON_ATTRS; i++) {
        json_t *value = wanted >> i & 1 ? rows[i].make(attrs) : NULL;
        if (value)
            json_object_set_new(o, rows[i].name, value);
    }
}
