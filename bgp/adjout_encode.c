/* From changed nets to messages: buckets of equal attributes, full messages, withdrawals first. */
#include <string.h>

#include "bgp/adjout_impl.h"

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
    return a->attrs == b->attrs && a->except == b->except && a->only == b->only;
}

static uint32_t find_bucket(const struct adjout_batch *b, const struct adjout_item *item)
{
    uint32_t h = item->attrs * 2654435761u ^ (uint32_t)item->except << 16 ^ (uint32_t)item->only;
    uint32_t slot = (h ^ h >> 16) & (SLOTS - 1);
    while (b->heads[slot] && !same_bucket(&b->items[b->heads[slot] - 1], item))
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

void adjout_batch_add(struct adjout_batch *b, uint32_t net, uint32_t attrs, uint16_t except,
                      uint16_t only)
{
    struct adjout_item *item = &b->items[b->count++];
    *item = (struct adjout_item){ .net = net, .attrs = attrs, .except = except, .only = only };
    bool like_last = b->count > 1 && same_bucket(item, item - 1); /* as they came in one UPDATE */
    uint32_t slot = like_last ? b->last_slot : find_bucket(b, item);
    b->last_slot = slot;
    if (b->heads[slot]) {
        b->items[b->tails[slot] - 1].next = b->count;
    } else {
        b->heads[slot] = b->count;
        b->used[b->used_count++] = slot;
        /* Withdrawals first: a receiver near its limit gets room before it gets routes. */
        if (!attrs) {
            b->used[b->used_count - 1] = b->used[b->withdraw_count];
            b->used[b->withdraw_count++] = slot;
        }
    }
    b->tails[slot] = b->count;
}

static bool begin(struct adjout_group *g, struct bgp_update_builder *u, uint8_t *buf, uint32_t attrs)
{
    const struct adjout_rules *rules = &g->rules;
    if (!attrs) {
        bgp_update_begin_withdraw(u, buf, &rules->codec, rules->family);
        return true;
    }
    const struct bgp_attrs *a = bgp_attrs_get(&g->adjout->rib->attrs, attrs);
    bool own = ip_addr_is_zero(&a->next_hop);
    int len = bgp_attrs_export(a, &rules->export, &rules->codec, g->adjout->export, BGP_EXPORT_MAX);
    return len >= 0 &&
           bgp_update_begin_reach(u, buf, &rules->codec, rules->family, g->adjout->export,
                                  (uint16_t)len, own ? &rules->self_next_hop : &a->next_hop,
                                  &a->link_local);
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
    const struct adjout_item *first = &b->items[b->at_item - 1];
    uint32_t attrs = first->attrs;
    m.except = first->except;
    m.only = first->only;
    if (!begin(g, &u, buf, attrs)) { /* too long for these members: better no route than no session */
        attrs = 0;
        bgp_update_begin_withdraw(&u, buf, &g->rules.codec, g->rules.family);
    }
    for (; b->at_item; b->at_item = b->items[b->at_item - 1].next) {
        struct ip_prefix prefix;
        prefix_table_prefix(&g->adjout->rib->nets, b->items[b->at_item - 1].net, &prefix);
        if (!bgp_update_add(&u, &prefix, 0))
            break;
        g->too_long += first->attrs && !attrs;
    }
    m.announced = attrs ? u.count : 0;
    m.withdrawn = attrs ? 0 : u.count;
    m.len = bgp_update_end(&u);
    return m;
}
