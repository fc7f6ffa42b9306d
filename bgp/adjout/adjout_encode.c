/* From changed nets to messages: buckets of equal attributes, full messages, withdrawals first. */
#include <assert.h>
#include <string.h>

#include "bgp/adjout/adjout_impl.h"

enum { SLOTS = 4 * ADJOUT_BATCH };

void adjout_batch_clear(struct adjout_batch *b, uint64_t version)
{
    for (uint32_t i = 0; i < b->bucket_count; i++)
        b->slots[b->buckets[i].slot] = 0;
    b->count = b->run_count = b->bucket_count = b->withdraw_count = 0;
    b->at_bucket = b->at_run = 0;
    b->version = version;
}

static uint32_t find_slot(const struct adjout_batch *b, const struct adjout_word *word)
{
    uint32_t h = word->attrs * 2654435761u ^ (uint32_t)word->except << 16 ^ (uint32_t)word->only ^
                 word->only_as * 2246822519u ^ (uint32_t)word->except_as * 3266489917u ^
                 (uint32_t)word->except_hop * 668265263u;
    uint32_t slot = (h ^ h >> 16) & (SLOTS - 1);
    while (b->slots[slot] && memcmp(&b->buckets[b->slots[slot] - 1].word, word, sizeof *word))
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

/* Withdrawals first: a receiver near its limit gets room before it gets routes. */
static uint32_t add_bucket(struct adjout_batch *b, const struct adjout_word *word, uint32_t slot)
{
    uint32_t bucket = b->bucket_count++;
    b->buckets[bucket] = (struct adjout_bucket){ .word = *word, .slot = (uint16_t)slot };
    b->slots[slot] = (uint16_t)b->bucket_count;
    b->order[bucket] = (uint16_t)bucket;
    if (!word->attrs) {
        b->order[bucket] = b->order[b->withdraw_count];
        b->order[b->withdraw_count++] = (uint16_t)bucket;
    }
    return bucket;
}

void adjout_batch_begin_run(struct adjout_batch *b, const struct adjout_word *word)
{
    uint32_t slot = find_slot(b, word);
    b->newest = b->slots[slot] ? b->slots[slot] - 1u : add_bucket(b, word, slot);
    struct adjout_bucket *to = &b->buckets[b->newest];
    b->runs[b->run_count++] = (struct adjout_run){ .begin = (uint16_t)b->count };
    *(to->last ? &b->runs[to->last - 1].next : &to->first) = (uint16_t)b->run_count;
    to->last = (uint16_t)b->run_count;
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

static void enter_run(struct adjout_batch *b, uint32_t run)
{
    b->at_run = run;
    b->at_item = run ? b->runs[run - 1].begin : 0;
}

/* What is left of the run. False: the message is full. */
static bool put_run(const struct adjout_group *g, struct adjout_batch *b, struct bgp_update_builder *u)
{
    for (uint32_t end = b->runs[b->at_run - 1].end; b->at_item < end; b->at_item++) {
        const struct adjout_item *item = &b->items[b->at_item];
        if (!bgp_update_add_key(u, rib_net_key(g->adjout->rib, item->net), item->path_id))
            return false;
    }
    return true;
}

struct adjout_message adjout_encode(struct adjout_group *g, struct adjout_batch *b, uint8_t *buf)
{
    struct adjout_message m = { 0 };
    struct bgp_update_builder u;
    if (adjout_batch_is_done(b))
        return m;
    if (!b->at_run)
        enter_run(b, b->buckets[b->order[b->at_bucket++]].first);
    m.word = b->buckets[b->order[b->at_bucket - 1]].word;
    begin(g, &u, buf, m.word.attrs);
    while (b->at_run && put_run(g, b, &u))
        enter_run(b, b->runs[b->at_run - 1].next);
    m.announced = m.word.attrs ? u.count : 0;
    m.withdrawn = m.word.attrs ? 0 : u.count;
    m.len = bgp_update_end(&u);
    return m;
}
