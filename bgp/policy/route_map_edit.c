/* The edits of a rule: canonical attributes in, canonical attributes out, type by type. */
#include "bgp/codec/aspath.h"
#include "bgp/policy/route_map.h"

struct editor {
    const struct route_map *map;
    const struct route_map_rule *rule; /* NULL: it edits nothing */
    bool without_med;
    struct wire_writer w;
};

/* What becomes of one attribute; v is NULL where the route has none. */
typedef void edit_fn(struct editor *e, uint8_t type, const struct bgp_attr_view *v);

enum { SEGMENT_MAX = 255, OPTIONAL = BGP_FLAG_OPTIONAL, TRANSITIVE = BGP_FLAG_TRANSITIVE };

/* The rule's edit of this kind, or NULL: it has none. */
static const struct route_map_term *edit_of(const struct editor *e, enum route_map_edit kind)
{
    for (uint32_t i = 0; e->rule && i < e->rule->edits; i++) {
        const struct route_map_term *t = &e->map->terms[e->rule->first + e->rule->tests + i];
        if (t->kind == kind)
            return t;
    }
    return NULL;
}

static const struct route_map_value *value_of(const struct editor *e, const struct route_map_term *t,
                                              uint32_t nth)
{
    return &e->map->values[t->first + nth];
}

static void copy(struct editor *e, const struct bgp_attr_view *v)
{
    if (!v)
        return;
    bgp_attr_put_header(&e->w, v->flags & (uint8_t)~BGP_FLAG_EXTENDED, v->type, v->len);
    wire_put(&e->w, v->value, v->len);
}

/* ---- AS_PATH ---- */

/* RFC 4271 section 5.1.2: into the first sequence where it has room, else into one of their own. */
static void edit_path(struct editor *e, uint8_t type, const struct bgp_attr_view *v)
{
    const struct route_map_term *t = edit_of(e, ROUTE_MAP_PREPEND);
    uint32_t count = t ? t->count : 0;
    if (!count || !v) {
        copy(e, v);
        return;
    }
    bool joins = v->len && v->value[1] + count <= SEGMENT_MAX;
    size_t len = v->len + 4 * count + (joins ? 0 : 2);
    if (len > UINT16_MAX) {
        e->w.failed = true;
        return;
    }
    bgp_attr_put_header(&e->w, v->flags & (uint8_t)~BGP_FLAG_EXTENDED, type, (uint16_t)len);
    wire_put8(&e->w, AS_SEQUENCE);
    wire_put8(&e->w, (uint8_t)(count + (joins ? v->value[1] : 0)));
    for (uint32_t i = 0; i < count; i++)
        wire_put32(&e->w, value_of(e, t, i)->number);
    wire_put(&e->w, joins ? v->value + 2 : v->value, joins ? v->len - 2u : v->len);
}

/* ---- numbers ---- */

static void put_number(struct editor *e, uint8_t flags, uint8_t type, uint32_t number)
{
    bgp_attr_put_header(&e->w, flags, type, 4);
    wire_put32(&e->w, number);
}

static void edit_med(struct editor *e, uint8_t type, const struct bgp_attr_view *v)
{
    const struct route_map_term *t = edit_of(e, ROUTE_MAP_SET_MED);
    if (t)
        put_number(e, OPTIONAL, type, value_of(e, t, 0)->number);
    else if (!e->without_med)
        copy(e, v);
}

static void edit_local_pref(struct editor *e, uint8_t type, const struct bgp_attr_view *v)
{
    const struct route_map_term *t = edit_of(e, ROUTE_MAP_SET_LOCAL_PREF);
    if (t)
        put_number(e, TRANSITIVE, type, value_of(e, t, 0)->number);
    else
        copy(e, v);
}

/* ---- communities ---- */

static bool is_listed(const struct editor *e, const struct route_map_term *t, uint8_t type,
                      const uint8_t *community)
{
    for (uint32_t i = 0; t && i < t->count; i++) {
        const struct bgp_community *c = &value_of(e, t, i)->community;
        if (c->type == type && bgp_community_matches(c, community))
            return true;
    }
    return false;
}

/* RFC 9494 section 4.3: what marks a route as the last resort stays on it. */
static bool is_stale_mark(uint8_t type, const uint8_t *community)
{
    return type == BGP_ATTR_COMMUNITIES && wire_get32(community) == bgp_well_known(BGP_LLGR_STALE);
}

static void keep_communities(struct editor *e, const struct bgp_attr_view *v, uint8_t size)
{
    const struct route_map_term *removed = edit_of(e, ROUTE_MAP_REMOVE_COMMUNITY);
    bool all_go = edit_of(e, ROUTE_MAP_REPLACE_COMMUNITY);
    for (unsigned at = 0; at + size <= v->len; at += size) {
        const uint8_t *community = v->value + at;
        bool goes = all_go || is_listed(e, removed, v->type, community);
        if (!goes || is_stale_mark(v->type, community))
            wire_put(&e->w, community, size);
    }
}

static bool is_there(const uint8_t *from, const uint8_t *to, const uint8_t *community, uint8_t size)
{
    for (; from < to; from += size)
        if (!memcmp(from, community, size))
            return true;
    return false;
}

static void add_communities(struct editor *e, enum route_map_edit kind, uint8_t type, const uint8_t *start)
{
    const struct route_map_term *t = edit_of(e, kind);
    uint8_t size = bgp_community_size(type);
    for (uint32_t i = 0; t && i < t->count && !e->w.failed; i++) {
        const struct bgp_community *c = &value_of(e, t, i)->community;
        if (c->type == type && !is_there(start, e->w.at, c->bytes, size))
            wire_put(&e->w, c->bytes, size);
    }
}

static bool edits_communities(const struct editor *e)
{
    return edit_of(e, ROUTE_MAP_REPLACE_COMMUNITY) || edit_of(e, ROUTE_MAP_REMOVE_COMMUNITY) ||
           edit_of(e, ROUTE_MAP_ADD_COMMUNITY);
}

/* Written behind the place of the longest header, then moved up to the one that fits. Without any the attribute
 * goes. */
static void edit_communities(struct editor *e, uint8_t type, const struct bgp_attr_view *v)
{
    enum { HEADER_MAX = 4 };
    uint8_t partial = v ? v->flags & BGP_FLAG_PARTIAL : 0, *before = e->w.at;
    if (!edits_communities(e)) {
        copy(e, v);
        return;
    }
    const uint8_t *start = wire_reserve(&e->w, HEADER_MAX);
    if (!start)
        return;
    start += HEADER_MAX;
    if (v)
        keep_communities(e, v, bgp_community_size(type));
    add_communities(e, ROUTE_MAP_REPLACE_COMMUNITY, type, start);
    add_communities(e, ROUTE_MAP_ADD_COMMUNITY, type, start);
    size_t len = (size_t)(e->w.at - start);
    if (e->w.failed)
        return;
    e->w.at = before;
    if (!len)
        return;
    bgp_attr_put_header(&e->w, OPTIONAL | TRANSITIVE | partial, type, (uint16_t)len);
    memmove(e->w.at, start, len);
    e->w.at += len;
}

/* ---- all of them ---- */

/* What may come, go or change, by type code. */
static const struct {
    uint8_t type;
    edit_fn *edit;
} edited[] = {
    { BGP_ATTR_AS_PATH, edit_path },
    { BGP_ATTR_MED, edit_med },
    { BGP_ATTR_LOCAL_PREF, edit_local_pref },
    { BGP_ATTR_COMMUNITIES, edit_communities },
    { BGP_ATTR_EXT_COMMUNITIES, edit_communities },
    { BGP_ATTR_IP6_EXT_COMMUNITIES, edit_communities },
    { BGP_ATTR_LARGE_COMMUNITIES, edit_communities },
};
enum { EDITED = sizeof edited / sizeof *edited };

bool route_map_edit(const struct route_map *m, const struct route_map_rule *rule, bool without_med,
                    struct bgp_attrs *attrs, uint8_t *buf)
{
    struct editor e = { .map = m, .rule = rule, .without_med = without_med,
                        .w = wire_writer(buf, UINT16_MAX) };
    struct wire_reader r = wire_reader(attrs->bytes, attrs->len);
    struct bgp_attr_view v;
    size_t next = 0;
    while (bgp_attrs_next(&r, &v)) {
        for (; next < EDITED && edited[next].type < v.type; next++)
            edited[next].edit(&e, edited[next].type, NULL);
        if (next < EDITED && edited[next].type == v.type)
            edited[next].edit(&e, v.type, &v), next++;
        else
            copy(&e, &v);
    }
    for (; next < EDITED; next++)
        edited[next].edit(&e, edited[next].type, NULL);
    if (e.w.failed)
        return false;
    attrs->bytes = buf;
    attrs->len = (uint16_t)wire_len(&e.w);
    return true;
}
