/* ASes and addresses of NVAs: which of them a path holds or leads to, and whom a message is therefore not for. */
#include <stdlib.h>
#include <string.h>

#include "bgp/adjout/adjout_impl.h"
#include "bgp/codec/aspath.h"

enum { AS_CAP_MIN = 64 };

static struct adjout_as *slot_of(struct adjout_as *ases, uint32_t cap, uint32_t asn)
{
    uint32_t at = asn * 2654435761u & (cap - 1);
    while (ases[at].nvas && ases[at].asn != asn)
        at = (at + 1) & (cap - 1);
    return &ases[at];
}

static bool grow(struct adjout *a)
{
    uint32_t cap = a->as_cap ? 2 * a->as_cap : AS_CAP_MIN;
    struct adjout_as *ases = calloc(cap, sizeof *ases);
    if (!ases)
        return false;
    for (uint32_t i = 0; i < a->as_cap; i++)
        if (a->ases[i].nvas)
            *slot_of(ases, cap, a->ases[i].asn) = a->ases[i];
    free(a->ases);
    a->ases = ases;
    a->as_cap = cap;
    return true;
}

bool adjout_expect_as(struct adjout *a, uint32_t asn)
{
    if (2 * a->as_count >= a->as_cap && !grow(a))
        return false;
    struct adjout_as *as = slot_of(a->ases, a->as_cap, asn);
    a->as_count += !as->nvas;
    as->asn = asn;
    as->nvas++;
    return true;
}

uint32_t adjout_nvas_in(const struct adjout *a, uint32_t asn)
{
    return a->as_cap ? slot_of(a->ases, a->as_cap, asn)->nvas : 0;
}

bool adjout_loops_have(const struct adjout_loops *l, uint32_t asn)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->asns[i] == asn)
            return true;
    return false;
}

void adjout_loops_read(const struct adjout *a, uint32_t attrs, struct adjout_loops *l)
{
    if (l->attrs == attrs)
        return; /* nets that came together share their attributes */
    struct wire_reader path = bgp_attrs_as_path(bgp_attrs_get(&a->rib->attrs, attrs));
    unsigned left = 0;
    l->attrs = attrs;
    l->count = 0;
    for (uint32_t asn; l->count < ADJOUT_DETOURS && aspath_next(&path, 4, &left, &asn);)
        if (adjout_nvas_in(a, asn) && !adjout_loops_have(l, asn))
            l->asns[l->count++] = asn;
}

/* ---- next hops ---- */

/* An NVA that was removed keeps its number for a while, and its address may be another's by now: the one that has a
 * session here is meant. */
static uint16_t nva_at(const struct rib *r, const struct ip_addr *address)
{
    const struct rib_session *sessions = r->origins[r->self].sessions;
    uint16_t found = 0;
    for (uint32_t nva = 1; nva < r->nva_count; nva++)
        if (ip_addr_is_equal(&r->nvas[nva].address, address) && (!found || rib_session_is_up(sessions[nva].state)))
            found = (uint16_t)nva;
    return found;
}

static unsigned place_of(const struct ip_addr *hop)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < ip_addr_len(hop->family); i += 4)
        sum = (sum ^ wire_get32(hop->bytes + i)) * 2654435761u;
    return (sum >> 16) % ADJOUT_HOPS;
}

uint16_t adjout_leads_to(struct adjout_group *g, uint32_t attrs, uint16_t owner)
{
    const struct rib *r = g->adjout->rib;
    const struct ip_addr *hop = attrs ? &bgp_attrs_get(&r->attrs, attrs)->next_hop : NULL;
    if (!hop || ip_addr_is_zero(hop) || ip_addr_is_equal(hop, &r->nvas[owner].address))
        return 0; /* as most are: to whose path it is */
    struct adjout_hop *known = &g->hops[place_of(hop)];
    if (!ip_addr_is_equal(hop, &known->address))
        *known = (struct adjout_hop){ .address = *hop, .nva = nva_at(r, hop) };
    return known->nva == owner ? 0 : known->nva;
}

bool adjout_leads_to_member(const struct adjout_member *m, uint32_t attrs)
{
    const struct rib *r = m->group->adjout->rib;
    return attrs && ip_addr_is_equal(&bgp_attrs_get(&r->attrs, attrs)->next_hop, &r->nvas[m->nva].address);
}

/* ---- lists of ASes, each distinct one once ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static struct adjout_as_list *list_at(const struct adjout_group *g, uint32_t list)
{
    return slab_at(&g->as_lists, list);
}

static uint64_t hash_of(const struct adjout_group *g, const struct adjout_as_list *l)
{
    return hash_bytes(&g->adjout->rib->attrs.key, l, sizeof *l);
}

static uint64_t hash_again(const void *of, uint32_t list)
{
    return hash_of(of, list_at(of, list));
}

uint16_t adjout_as_list(struct adjout_group *g, const uint32_t *asns, uint32_t count)
{
    struct adjout_as_list wanted = { 0 };
    memcpy(wanted.asns, asns, count * sizeof *asns);
    qsort(wanted.asns, count, sizeof *asns, compare);
    uint64_t hash = hash_of(g, &wanted);
    const struct hash_owner self = { .of = g, .hash = hash_again };
    struct hash_probe p = hash_probe(&g->as_index, hash);
    for (uint32_t list; (list = hash_probe_next(&p));)
        if (!memcmp(list_at(g, list), &wanted, sizeof wanted))
            return (uint16_t)list;
    uint32_t list = g->as_lists.top <= UINT16_MAX ? slab_new(&g->as_lists) : 0;
    if (!list || !hash_insert(&g->as_index, &self, hash, list))
        return 0;
    *list_at(g, list) = wanted;
    return (uint16_t)list;
}

bool adjout_as_list_has(const struct adjout_group *g, uint16_t list, uint32_t asn)
{
    const struct adjout_as_list *l = list_at(g, list);
    for (uint32_t i = 0; i < ADJOUT_DETOURS && l->asns[i]; i++)
        if (l->asns[i] == asn)
            return true;
    return false;
}
