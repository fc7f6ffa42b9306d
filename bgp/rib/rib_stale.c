/* Long-lived stale routes (RFC 9494 section 4.2): held beyond the restart time, marked as what they are.
 *
 * The mark is put into the attributes themselves, as the RFC asks: so it goes to the other nodes and to the
 * NVAs as any other change does, and every node prefers anything else. */
#include <stdlib.h>

#include "bgp/rib/rib_impl.h"

static int make_stale(struct rib *r, uint32_t fresh, struct rib_stale *s)
{
    struct bgp_attrs marked, a = *bgp_attrs_get(&r->attrs, fresh);
    if (s->fresh == fresh)
        return 0;
    bgp_attrs_unref(&r->attrs, s->stale);
    *s = (struct rib_stale){ .fresh = fresh };
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

/* What may not be kept, is known to be gone, or cannot be marked, is withdrawn. */
int rib_stale_visit(struct rib *r, uint32_t index, struct rib_stale *s, uint64_t now_ms)
{
    const struct rib_path p = *rib_path(r, index);
    bool is_unheard = rib_path_is_unheard(r, &p);
    struct ip_prefix prefix;
    bool must_go = bgp_attrs_get(&r->attrs, p.attrs)->marks & BGP_MARK_NO_LLGR;
    if (must_go || p.flags & RIB_PATH_DISPROVED)
        return rib_withdraw_path(r, index, now_ms);
    int err = make_stale(r, p.attrs, s);
    if (err || !s->stale)
        return err ? err : rib_withdraw_path(r, index, now_ms);
    prefix_table_prefix(&r->nets, rib_path_net(r, rib_path(r, index)), &prefix);
    err = rib_announce(r, p.origin, p.nva, &prefix, rib_path_id(rib_path(r, index)), s->stale);
    if (!err && is_unheard)
        rib_path(r, index)->flags |= RIB_PATH_UNSEEN;
    return err;
}

static const struct rib_retelling *retelling_of(const struct rib *r, const struct rib_path *p)
{
    return &r->origins[p->origin].sessions[p->nva].retelling[p->family];
}

/* It is as it may stay: marked already, by its NVA even, and with no word against keeping it. */
static bool may_stay(const struct rib *r, const struct rib_path *p)
{
    uint32_t marks = bgp_attrs_get(&r->attrs, p->attrs)->marks;
    return (marks & (BGP_MARK_LLGR_STALE | BGP_MARK_NO_LLGR)) == BGP_MARK_LLGR_STALE;
}

bool rib_stale_is_due(const struct rib *r, const struct rib_path *p)
{
    return p->attrs && rib_path_version(r, p) <= retelling_of(r, p)->stale && !may_stay(r, p);
}

void rib_stale_begins(struct rib *r, uint8_t origin, uint16_t nva, enum bgp_family family)
{
    struct rib_origin *o = &r->origins[origin];
    o->sessions[nva].retelling[family].stale = rib_mark(o);
    rib_sweep_ask(r, o);
}
