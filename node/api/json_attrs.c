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

void json_set_attrs(json_t *o, const struct bgp_attrs *attrs)
{
    static const char *const origins[] = { "igp", "egp", "incomplete" };
    struct wire_reader r = wire_reader(attrs->bytes, attrs->len);
    struct bgp_attr_view a;
    bool has_med = attrs->marks & BGP_MARK_MED;
    json_object_set_new(o, "nextHop",
                        ip_addr_is_zero(&attrs->next_hop) ? json_null()
                                                          : json_addr(&attrs->next_hop));
    json_object_set_new(o, "asPath", json_array());
    json_object_set_new(o, "origin", json_string(origins[attrs->origin % 3]));
    json_object_set_new(o, "med", has_med ? json_count(attrs->med) : json_null());
    if (attrs->marks & BGP_MARK_LOCAL_PREF)
        json_object_set_new(o, "localPreference", json_count(bgp_attrs_local_pref(attrs)));
    json_object_set_new(o, "communities", json_array());
    json_object_set_new(o, "largeCommunities", json_array());
    while (bgp_attrs_next(&r, &a)) {
        if (a.type == BGP_ATTR_AS_PATH)
            json_object_set_new(o, "asPath", as_path(&a));
        else if (a.type == BGP_ATTR_COMMUNITIES)
            json_object_set_new(o, "communities", communities(&a));
        else if (a.type == BGP_ATTR_LARGE_COMMUNITIES)
            json_object_set_new(o, "largeCommunities", large_communities(&a));
    }
}
