#include "replication/stream.h"

#include <stdlib.h>
#include <string.h>

/* What one frame may hold, and what its parts cost at most beside their bytes. */
enum {
    ENTRIES_MAX = 4096,
    NLRI_BYTES = REPL_PAYLOAD_MAX,
    FRAME_BUDGET = REPL_PAYLOAD_MAX - 256,
    COST_ATTR = 64,
    COST_GROUP = 32,
    COST_FACT = 32,
    COST_NAME = REPL_NAME_MAX + 4,
    GROUP_SLOTS = 2 * ENTRIES_MAX, /* open addressing, half full at most */
    ATTRS_MAX = FRAME_BUDGET - 512, /* longer sets leave no room for a route */
};

struct entry {
    uint32_t path, group;
};

struct repl_batcher {
    struct entry entries[ENTRIES_MAX];
    uint32_t entry_count;
    struct repl_routes routes[ENTRIES_MAX];
    uint32_t group_attr[ENTRIES_MAX]; /* attribute id of a group in the RIB */
    uint32_t route_count;
    uint32_t group_slots[GROUP_SLOTS]; /* group + 1; 0 = free */
    struct repl_attr attrs[ENTRIES_MAX];
    uint32_t attr_ids[ENTRIES_MAX];
    uint32_t attr_count;
    struct repl_fact facts[ENTRIES_MAX];
    uint32_t fact_count;
    const char *names[ENTRIES_MAX];
    uint16_t name_numbers[ENTRIES_MAX];
    uint16_t name_count;
    uint8_t nlri[NLRI_BYTES];
    size_t cost;
};

struct repl_batcher *repl_batcher_new(void)
{
    return calloc(1, sizeof(struct repl_batcher));
}

void repl_batcher_free(struct repl_batcher *b)
{
    free(b);
}

void repl_sender_subscribe(struct repl_sender *s, const struct rib *r, uint64_t incarnation,
                           const struct repl_position *have)
{
    const struct rib_origin *own = &r->origins[r->self];
    bool resumes = have->incarnation == incarnation && have->version >= own->dropped &&
                   have->version <= vlist_head(&own->order) && have->version;
    *s = (struct repl_sender){ .active = true,
                               .reset_pending = !resumes,
                               .position = resumes ? have->version : 0 };
}

bool repl_sender_has_work(const struct repl_sender *s, const struct rib *r)
{
    if (!s->active)
        return false;
    return s->reset_pending || !s->cut_sent ||
           s->position < vlist_head(&r->origins[r->self].order);
}

static void batch_clear(struct repl_batcher *b)
{
    b->entry_count = b->route_count = b->attr_count = b->fact_count = b->name_count = 0;
    b->cost = 0;
    memset(b->group_slots, 0, sizeof b->group_slots);
}

static uint16_t name_index(struct repl_batcher *b, const struct repl_names *names, uint16_t nva)
{
    for (uint16_t i = b->name_count; i-- > 0;)
        if (b->name_numbers[i] == nva)
            return i;
    b->names[b->name_count] = names->names[nva];
    b->name_numbers[b->name_count] = nva;
    b->cost += COST_NAME;
    return b->name_count++;
}

/* Attributes come in runs, so the newest are asked first; a miss only costs bytes, never sense. */
static uint32_t attr_index(struct repl_batcher *b, const struct rib *r, uint32_t id)
{
    for (uint32_t i = b->attr_count, tries = 8; i-- > 0 && tries-- > 0;)
        if (b->attr_ids[i] == id)
            return i + 1;
    const struct bgp_attrs *a = bgp_attrs_get(&r->attrs, id);
    b->attr_ids[b->attr_count] = id;
    b->attrs[b->attr_count] = (struct repl_attr){
        .next_hop = a->next_hop, .link_local = a->link_local, .bytes = a->bytes, .len = a->len
    };
    b->cost += COST_ATTR + a->len;
    return ++b->attr_count;
}

struct group_key {
    uint32_t attrs;
    uint16_t nva;
    uint8_t family;
    bool has_path_id;
};

static uint32_t group_slot(const struct group_key *k)
{
    uint32_t h = k->attrs * 2654435761u ^ (uint32_t)k->nva * 40503u ^ (uint32_t)k->family << 1 ^
                 (uint32_t)k->has_path_id;
    return (h ^ h >> 15) & (GROUP_SLOTS - 1);
}

static bool is_group(const struct repl_batcher *b, uint32_t group, const struct group_key *k)
{
    const struct repl_routes *g = &b->routes[group];
    return b->group_attr[group] == k->attrs && b->name_numbers[g->nva] == k->nva &&
           g->family == k->family && g->has_path_id == k->has_path_id;
}

static uint32_t find_group(struct repl_batcher *b, const struct rib *r,
                           const struct repl_names *names, const struct group_key *k)
{
    uint32_t slot = group_slot(k);
    for (; b->group_slots[slot]; slot = (slot + 1) & (GROUP_SLOTS - 1))
        if (is_group(b, b->group_slots[slot] - 1, k))
            return b->group_slots[slot] - 1;
    uint32_t group = b->route_count++;
    b->group_slots[slot] = group + 1;
    b->group_attr[group] = k->attrs;
    b->routes[group] = (struct repl_routes){
        .nva = name_index(b, names, k->nva),
        .generation = r->origins[r->self].sessions[k->nva].generation,
        .attr = k->attrs ? attr_index(b, r, k->attrs) : 0,
        .family = k->family,
        .has_path_id = k->has_path_id,
    };
    b->cost += COST_GROUP;
    return group;
}

static uint16_t nlri_bytes(uint8_t prefix_len, bool has_path_id)
{
    return (uint16_t)((has_path_id ? 4u : 0u) + 1u + ip_prefix_bytes(prefix_len));
}

static void take_path(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                      uint32_t index)
{
    const struct rib_path *p = rib_path(r, index);
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, p->net, &prefix);
    struct group_key key = {
        .attrs = p->attrs, .nva = p->nva, .family = prefix.family, .has_path_id = p->path_id != 0
    };
    uint32_t group = find_group(b, r, names, &key);
    uint16_t bytes = nlri_bytes(prefix.len, key.has_path_id);
    b->routes[group].len = (uint16_t)(b->routes[group].len + bytes);
    b->cost += bytes;
    b->entries[b->entry_count++] = (struct entry){ .path = index, .group = group };
}

static void take_fact(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                      uint16_t nva)
{
    const struct rib_session *s = &r->origins[r->self].sessions[nva];
    b->facts[b->fact_count++] = (struct repl_fact){ .nva = name_index(b, names, nva),
                                                    .generation = s->generation,
                                                    .state = s->state,
                                                    .identifier = s->identifier };
    b->cost += COST_FACT;
}

/* Entries of one group stand together, in the order of their versions. */
static void pack_nlri(struct repl_batcher *b, const struct rib *r)
{
    uint8_t *at = b->nlri;
    uint8_t *place[ENTRIES_MAX];
    for (uint32_t i = 0; i < b->route_count; i++) {
        b->routes[i].nlri = place[i] = at;
        at += b->routes[i].len;
    }
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct rib_path *p = rib_path(r, b->entries[i].path);
        uint32_t group = b->entries[i].group;
        struct ip_prefix prefix;
        prefix_table_prefix(&r->nets, p->net, &prefix);
        struct wire_writer w = wire_writer(place[group], 4 + 1 + 16);
        if (b->routes[group].has_path_id)
            wire_put32(&w, p->path_id);
        wire_put8(&w, prefix.len);
        wire_put(&w, prefix.bytes, ip_prefix_bytes(prefix.len));
        place[group] = w.at;
    }
}

static bool fits_no_frame(const struct rib *r, uint32_t id)
{
    if (id & RIB_FACT || !rib_path(r, id)->attrs)
        return false;
    return bgp_attrs_get(&r->attrs, rib_path(r, id)->attrs)->len > ATTRS_MAX;
}

/* What the next entry may cost at most, so that taking it cannot overfill the frame. */
static size_t cost_at_most(const struct rib *r, uint32_t id)
{
    size_t cost = COST_NAME + COST_GROUP + COST_FACT + 21;
    if (!(id & RIB_FACT) && rib_path(r, id)->attrs)
        cost += COST_ATTR + bgp_attrs_get(&r->attrs, rib_path(r, id)->attrs)->len;
    return cost;
}

static uint64_t fill(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                     uint64_t position, uint64_t *quarantined)
{
    const struct vlist *order = &r->origins[r->self].order;
    uint64_t at = position;
    for (uint32_t id; (id = vlist_next(order, &at)); position = at) {
        if (fits_no_frame(r, id)) {
            ++*quarantined;
            continue;
        }
        if (b->cost + cost_at_most(r, id) > FRAME_BUDGET || b->entry_count == ENTRIES_MAX ||
            b->fact_count == ENTRIES_MAX)
            return position;
        if (id & RIB_FACT)
            take_fact(b, r, names, (uint16_t)(id & ~RIB_FACT));
        else
            take_path(b, r, names, id);
    }
    return at;
}

bool repl_sender_next(struct repl_sender *s, const struct rib *r, const struct repl_names *names,
                      uint64_t incarnation, struct repl_batcher *b, struct repl_msg *out,
                      uint64_t *quarantined)
{
    if (!repl_sender_has_work(s, r))
        return false;
    if (s->reset_pending) {
        s->reset_pending = false;
        *out = (struct repl_msg){ .kind = REPL_RESET,
                                  .reset = { .origin = r->self, .incarnation = incarnation } };
        return true;
    }
    batch_clear(b);
    uint64_t from = s->position, to = fill(b, r, names, from, quarantined);
    pack_nlri(b, r);
    s->position = to;
    s->cut_sent = to == vlist_head(&r->origins[r->self].order);
    *out = (struct repl_msg){ .kind = REPL_BATCH,
                              .batch = { .origin = r->self,
                                         .incarnation = incarnation,
                                         .from = from,
                                         .to = to,
                                         .cut = s->cut_sent,
                                         .names = b->names,
                                         .attrs = b->attrs,
                                         .facts = b->facts,
                                         .routes = b->routes,
                                         .name_count = b->name_count,
                                         .attr_count = b->attr_count,
                                         .fact_count = b->fact_count,
                                         .route_count = b->route_count } };
    return true;
}
