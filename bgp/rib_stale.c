/* Long-lived stale routes (RFC 9494 section 4.2): held beyond the restart time, marked as what they are.
 *
 * The mark is put into the attributes themselves, as the RFC asks: so it goes to the other nodes and to the
 * NVAs as any other change does, and every node prefers anything else. */
#include <stdlib.h>

#include "bgp/rib.h"

/* Routes that came together share their attributes: the pair of the last one. */
struct stale {
    uint32_t fresh, stale; /* ids; stale: with a reference */
};

static int make_stale(struct rib *r, uint32_t fresh, struct stale *s)
{
    struct bgp_attrs marked, a = *bgp_attrs_get(&r->attrs, fresh);
    if (s->fresh == fresh)
        return 0;
    bgp_attrs_unref(&r->attrs, s->stale);
    *s = (struct stale){ .fresh = fresh };
    size_t cap = a.len + (size_t)BGP_MARK_ROOM;
    uint8_t *buf = malloc(cap);
    if (!buf)
        return BGP_ERR_NOMEM;
    int len = bgp_attrs_mark(&a, BGP_LLGR_STALE, buf, cap);
    if (len >= 0 && bgp_attrs_summarise(buf, (uint16_t)len, &marked)) {
        marked.next_hop = a.next_hop;
        marked.link_local = a.link_local;
        s->stale = bgp_attrs_intern(&r->attrs, &marked);
        len = s->stale ? len : BGP_ERR_NOMEM;
    }
    free(buf);
    return len == BGP_ERR_NOMEM ? len : 0;
}

static int withdraw(struct rib *r, uint32_t index, uint64_t now_ms)
{
    const struct rib_path p = *rib_path(r, index);
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, p.net, &prefix);
    return rib_withdraw(r, p.origin, p.nva, &prefix, p.path_id, now_ms);
}

/* What may not be kept, is known to be gone, or cannot be marked, is withdrawn. */
static int age_path(struct rib *r, uint32_t index, struct stale *s, uint64_t now_ms)
{
    const struct rib_path p = *rib_path(r, index);
    struct ip_prefix prefix;
    bool must_go = bgp_attrs_get(&r->attrs, p.attrs)->marks & BGP_MARK_NO_LLGR;
    if (must_go || p.flags & RIB_PATH_DISPROVED)
        return withdraw(r, index, now_ms);
    int err = make_stale(r, p.attrs, s);
    if (err || !s->stale)
        return err ? err : withdraw(r, index, now_ms);
    prefix_table_prefix(&r->nets, p.net, &prefix);
    err = rib_announce(r, p.origin, p.nva, &prefix, p.path_id, s->stale);
    if (!err)
        rib_path(r, index)->flags |= p.flags & RIB_PATH_UNSEEN;
    return err;
}

/* A path of a session that is being held. */
static bool is_held(const struct rib *r, uint32_t id, uint16_t nva, enum bgp_family family)
{
    if (id & RIB_FACT)
        return false;
    const struct rib_path *p = rib_path(r, id);
    return p->nva == nva && p->attrs && !(p->flags & RIB_PATH_OLD) &&
           prefix_index_family(p->net) == family;
}

static bool is_marked(const struct rib *r, uint32_t id)
{
    return bgp_attrs_get(&r->attrs, rib_path(r, id)->attrs)->marks & BGP_MARK_LLGR_STALE;
}

/* A path that is changed moves to the end of the order, where it is met again as what it then is. */
int rib_stale_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family, uint64_t now_ms)
{
    struct stale last = { 0 };
    uint64_t at = 0;
    int err = 0;
    for (uint32_t id; !err && (id = vlist_next(&r->origins[origin].order, &at));)
        if (is_held(r, id, nva, family) && !is_marked(r, id))
            err = age_path(r, id, &last, now_ms);
    bgp_attrs_unref(&r->attrs, last.stale);
    return err;
}

int rib_stale_ends(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family, uint64_t now_ms)
{
    uint64_t at = 0;
    int err = 0;
    for (uint32_t id; !err && (id = vlist_next(&r->origins[origin].order, &at));)
        if (is_held(r, id, nva, family) && is_marked(r, id) && rib_path(r, id)->flags & RIB_PATH_UNSEEN)
            err = withdraw(r, id, now_ms);
    return err;
}
