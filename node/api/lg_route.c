/* A path in birdwatcher's form. AS numbers, MED and local preference are texts there, communities lists of
 * numbers, extended ones three texts. */
#include "node/api/lg.h"

enum { PREFERENCE = 100 }; /* BIRD's own of BGP routes, which "metric" shows */
enum { REJECTED = 1101 };  /* ASN:1101:N says why, as IXP Manager's route servers have it */

/* N of the reason; 1 to 99 are IXP Manager's. The names stand in deploy/monitoring/alice-lg.conf. */
static const uint8_t reject_reasons[POLICY_VERDICTS] = {
    [POLICY_AS_LOOP] = 101,    [POLICY_NEXT_HOP_OUTSIDE] = 102, [POLICY_NEXT_HOP_OURS] = 103,
    [POLICY_OVER_LIMIT] = 104, [POLICY_ROUTE_LEAK] = 105,       [POLICY_NO_NEXT_HOP] = 106,
    [POLICY_NO_IMPORT] = 107,  [POLICY_ROUTE_MAP] = 108,        [POLICY_TOO_LONG] = 109,
};

/* The members of an AS_SET stand in line: there is no other place for them. */
static json_t *as_path(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *path = json_array();
    while (wire_left(&r) && !r.failed) {
        wire_u8(&r); /* the segment's type */
        for (uint8_t count = wire_u8(&r); count && !r.failed; count--)
            json_array_append_new(path, json_sprintf("%u", wire_u32(&r)));
    }
    return path;
}

static json_t *communities(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *list = json_array();
    while (wire_left(&r) >= 4) {
        int high = wire_u16(&r), low = wire_u16(&r);
        json_array_append_new(list, json_pack("[i, i]", high, low));
    }
    return list;
}

static json_t *large_community(uint32_t global, uint32_t one, uint32_t two)
{
    return json_pack("[I, I, I]", (json_int_t)global, (json_int_t)one, (json_int_t)two);
}

static json_t *large_communities(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *list = json_array();
    while (wire_left(&r) >= 12) {
        uint32_t global = wire_u32(&r), one = wire_u32(&r), two = wire_u32(&r);
        json_array_append_new(list, large_community(global, one, two));
    }
    return list;
}

/* RFC 4360 section 4, RFC 5668: route targets and origins; everything else as BIRD shows what it does not know. */
static json_t *ext_community(uint32_t high, uint32_t low)
{
    uint8_t type = (uint8_t)(high >> 24), sub = (uint8_t)(high >> 16);
    const char *kind = sub == 2 ? "rt" : "ro";
    uint32_t as4 = high << 16 | low >> 16;
    if (type > 2 || (sub != 2 && sub != 3))
        return json_pack("[s, o, o]", "generic", json_sprintf("0x%x", high), json_sprintf("0x%x", low));
    if (type == 0)
        return json_pack("[s, o, o]", kind, json_sprintf("%u", high & 0xffff), json_sprintf("%u", low));
    json_t *first = type == 2 ? json_sprintf("%u", as4)
                              : json_sprintf("%u.%u.%u.%u", as4 >> 24, as4 >> 16 & 255, as4 >> 8 & 255, as4 & 255);
    return json_pack("[s, o, o]", kind, first, json_sprintf("%u", low & 0xffff));
}

static json_t *ext_communities(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    json_t *list = json_array();
    while (wire_left(&r) >= 8) {
        uint32_t high = wire_u32(&r), low = wire_u32(&r);
        json_array_append_new(list, ext_community(high, low));
    }
    return list;
}

static json_t *otc(const struct bgp_attr_view *a)
{
    struct wire_reader r = wire_reader(a->value, a->len);
    return json_sprintf("%u", wire_u32(&r));
}

json_t *lg_attrs(const struct bgp_attrs *attrs)
{
    static const struct {
        uint8_t type;
        const char *key;
        json_t *(*read)(const struct bgp_attr_view *a);
    } members[] = { { BGP_ATTR_AS_PATH, "as_path", as_path },
                    { BGP_ATTR_COMMUNITIES, "communities", communities },
                    { BGP_ATTR_LARGE_COMMUNITIES, "large_communities", large_communities },
                    { BGP_ATTR_EXT_COMMUNITIES, "ext_communities", ext_communities },
                    { BGP_ATTR_ONLY_TO_CUSTOMER, "otc", otc } };
    static const char *const origins[] = { "IGP", "EGP", "Incomplete" };
    struct wire_reader r = wire_reader(attrs->bytes, attrs->len);
    struct bgp_attr_view a;
    json_t *o = json_pack("{s:o, s:s, s:[], s:[], s:[], s:[]}", "next_hop", json_addr(&attrs->next_hop), "origin",
                          origins[attrs->origin % 3], "as_path", "communities", "large_communities", "ext_communities");
    json_object_set_new(o, "local_pref", json_sprintf("%u", bgp_attrs_local_pref(attrs)));
    json_object_set_new(o, "med", json_sprintf("%u", attrs->marks & BGP_MARK_MED ? attrs->med : 0));
    while (bgp_attrs_next(&r, &a))
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            if (a.type == members[i].type)
                json_object_set_new(o, members[i].key, members[i].read(&a));
    return o;
}

json_t *lg_route(const struct api_view *v, uint32_t path)
{
    struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    const struct bgp_attrs *attrs = bgp_attrs_get(&r->attrs, rib_path_attrs(r, p));
    uint32_t net = rib_path_net(r, p);
    uint8_t reason = reject_reasons[rib_path_verdict(p)];
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, net, &prefix);
    json_t *bgp = lg_attrs(attrs);
    if (reason)
        json_array_append_new(json_object_get(bgp, "large_communities"),
                              large_community(v->config->asn, REJECTED, reason));
    json_t *o = json_pack("{s:o, s:o, s:s, s:o, s:o, s:i, s:b, s:[s, s], s:o}", "network", json_prefix(&prefix),
                          "from_protocol", json_text(core_nva_name(v->core, p->nva)), "interface", "", "gateway",
                          json_addr(&attrs->next_hop), "learnt_from", json_addr(&r->nvas[p->nva].address), "metric",
                          PREFERENCE, "primary", rib_best(rib_net(r, net)) == path, "type", "BGP", "univ", "bgp", bgp);
    lg_set_time(o, "age", v, rib_age_since(r, path));
    return o;
}
