/* From changed nets to messages: buckets of equal attributes, full messages, withdrawals first. */
#include <assert.h>
#include <string.h>

#include "bgp/adjout/adjout_impl.h"

enum { SLOTS = 4 * ADJOUT_BATCH };

void adjout_batch_clear(struct adjout_batch *b, uint64_t version)
{
    for (uint32_t i = 0; i < b->used_count; i++)
        b->heads[b->used[i]] = 0;
    b->count = b->used_count = b->withdraw_count = b->at_bucket = b->at_item = 0;
    b->version = version;
}

static bool same_bucket(const struct adjout_item *a, const struct adjout_item *b)
{
    return a->attrs == b->attrs && a->except == b->except && a->only == b->only &&
           a->except_hop == b->except_hop && a->only_as == b->only_as && a->except_as == b->except_as;
}

static uint32_t find_bucket(const struct adjout_batch *b, const struct adjout_item *item)
{
    uint32_t h = item->attrs * 2654435761u ^ (uint32_t)item->except << 16 ^ (uint32_t)item->only ^
                 item->only_as * 2246822519u ^ (uint32_t)item->except_as * 3266489917u ^
                 (uint32_t)item->except_hop * 668265263u;
    uint32_t slot = (h ^ h >> 16) & (SLOTS - 1);
    while (b->heads[slot] && !same_bucket(&b->items[b->heads[slot] - 1], item))
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

void adjout_batch_add(struct adjout_batch *b, const struct adjout_item *new_item)
{
    assert(b->count < ADJOUT_ITEMS);
    struct adjout_item *item = &b->items[b->count++];
    *item = *new_item;
    bool like_last = b->count > 1 && same_bucket(item, item - 1); /* as they came in one UPDATE */
    uint32_t slot = like_last ? b->last_slot : find_bucket(b, item);
    b->last_slot = slot;
    if (b->heads[slot]) {
        b->items[b->tails[slot] - 1].next = (uint16_t)b->count;
    } else {
        b->heads[slot] = (uint16_t)b->count;
        b->used[b->used_count++] = (uint16_t)slot;
        /* Withdrawals first: a receiver near its limit gets room before it gets routes. */
        if (!item->attrs) {
            b->used[b->used_count - 1] = b->used[b->withdraw_count];
            b->used[b->withdraw_count++] = (uint16_t)slot;
        }
    }
    b->tails[slot] = (uint16_t)b->count;
}

const struct ip_addr *adjout_link_local(const struct adjout_rules *rules, const struct bgp_attrs *a)
{
    enum { SUBNET = 8 }; /* octets */
    bool is_shared = rules->link.family == BGP_IP6 && memcmp(rules->link.bytes, a->next_hop.bytes, SUBNET) == 0;
    return is_shared ? a->link_local : NULL;
}

/* False: not even one prefix has room beside the attributes. */
static bool begin_reach(struct adjout_group *g, struct bgp_update_builder *u, uint8_t *buf, uint32_t attrs,
                        const struct bgp_export *how)
{
    const struct adjout_rules *rules = &g->rules;
    const struct bgp_attrs *a = bgp_attrs_get(&g->adjout->rib->attrs, attrs);
    bool own = ip_addr_is_zero(&a->next_hop);
    int len = bgp_attrs_export(a, how, &rules->codec, g->adjout->export, BGP_EXPORT_MAX);
    return len >= 0 &&
           bgp_update_begin_reach(u, buf, &rules->codec, rules->family, g->adjout->export,
                                  (uint16_t)len, own ? &rules->self_next_hop : &a->next_hop,
                                  adjout_link_local(rules, a));
}

/* RFC 8654 section 4: what is too long is tried without the attributes that RFC 7606 would discard. */
static bool begin_reach_shortened(struct adjout_group *g, struct bgp_update_builder *u, uint8_t *buf,
                                  uint32_t attrs)
{
    struct bgp_export less = g->rules.export;
    less.shortened = true;
    return begin_reach(g, u, buf, attrs, &g->rules.export) || begin_reach(g, u, buf, attrs, &less);
}

static bool is_long(const struct adjout_group *g, uint32_t attrs)
{
    return bgp_attrs_get(&g->adjout->rib->attrs, attrs)->len > RIB_ATTRS_LONG;
}

bool adjout_is_shortened(struct adjout_group *g, uint32_t attrs)
{
    struct bgp_update_builder u;
    return is_long(g, attrs) && !begin_reach(g, &u, g->adjout->message, attrs, &g->rules.export);
}

bool adjout_fits(struct adjout_group *g, uint32_t path, uint32_t attrs)
{
    struct bgp_update_builder u;
    if (!is_long(g, attrs))
        return true;
    if (g->fits_attrs != attrs)
        g->fits = begin_reach_shortened(g, &u, g->adjout->message, attrs);
    g->fits_attrs = attrs;
    if (!g->fits) {
        g->too_long++;
        g->too_long_net = rib_path_net(g->adjout->rib, rib_path(g->adjout->rib, path));
    }
    return g->fits;
}

static void begin(struct adjout_group *g, struct bgp_update_builder *u, uint8_t *buf, uint32_t attrs)
{
    if (!attrs) {
        bgp_update_begin_withdraw(u, buf, &g->rules.codec, g->rules.family);
        return;
    }
    bool fits = begin_reach_shortened(g, u, buf, attrs);
    assert(fits); /* what does not is never in a batch */
    (void)fits;
}

struct adjout_message adjout_encode(struct adjout_group *g, struct adjout_batch *b, uint8_t *buf)
{
    struct adjout_message m = { 0 };
    struct bgp_update_builder u;
    if (!b->at_item) {
        if (b->at_bucket == b->used_count)
            return m;
        b->at_item = b->heads[b->used[b->at_bucket++]];
    }
    m.to = b->items[b->at_item - 1];
    begin(g, &u, buf, m.to.attrs);
    for (; b->at_item; b->at_item = b->items[b->at_item - 1].next) {
        const struct adjout_item *item = &b->items[b->at_item - 1];
        if (!bgp_update_add_key(&u, rib_net_key(g->adjout->rib, item->net), item->path_id))
            break;
    }
    m.announced = m.to.attrs ? u.count : 0;
    m.withdrawn = m.to.attrs ? 0 : u.count;
    m.len = bgp_update_end(&u);
    return m;
}
