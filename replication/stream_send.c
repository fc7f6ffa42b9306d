#include "replication/stream.h"

#include <assert.h>
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
    uint64_t version;
};

struct repl_batcher {
    struct entry entries[ENTRIES_MAX];
    uint32_t entry_count, entries_max;
    struct repl_routes routes[ENTRIES_MAX];
    uint32_t group_attr[ENTRIES_MAX]; /* attribute id of a group in the RIB */
    uint64_t group_last[ENTRIES_MAX]; /* version of its last entry */
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
    uint8_t versions[NLRI_BYTES];
    size_t cost;
    const struct rib_origin *origin;
    const struct repl_replica *copy;
    uint64_t from;
    bool tells_versions;
};

struct repl_batcher *repl_batcher_new(void)
{
    struct repl_batcher *b = calloc(1, sizeof *b);
    if (b)
        b->entries_max = ENTRIES_MAX;
    return b;
}

void repl_batcher_limit(struct repl_batcher *b, uint32_t entries)
{
    assert(entries && entries <= ENTRIES_MAX);
    b->entries_max = entries;
}

void repl_batcher_free(struct repl_batcher *b)
{
    free(b);
}

static const struct rib_origin *origin_of(const struct rib *r, const struct repl_source *from)
{
    return &r->origins[from->origin];
}

void repl_sender_subscribe(struct repl_sender *s, const struct rib *r, const struct repl_source *from,
                           const struct repl_position *have)
{
    const struct rib_origin *o = origin_of(r, from);
    bool is_known = from->copy || have->version <= rib_origin_head(o); /* a copy may have less than its reader */
    bool resumes = have->incarnation == from->incarnation && have->version && is_known &&
                   rib_origin_reaches(o, have->version);
    *s = (struct repl_sender){ .active = true,
                               .reset_pending = !resumes,
                               .versions = s->versions,
                               .incarnation = from->incarnation,
                               .position = resumes ? have->version : 0,
                               .safe = o->base + have->version };
}

/* Tombstones that this reader would have needed are gone: it has to start over. */
static bool has_missed(const struct repl_sender *s, const struct rib_origin *o)
{
    return (int64_t)(o->dropped - s->safe) > 0 && !rib_origin_reaches(o, s->position);
}

static bool is_at_cut(const struct repl_source *from)
{
    return !from->copy || from->copy->at_cut;
}

bool repl_sender_has_work(struct repl_sender *s, const struct rib *r, const struct repl_source *from)
{
    const struct rib_origin *o = origin_of(r, from);
    if (!s->active || s->incarnation != from->incarnation ||
        (from->copy && !repl_replica_serves(from->copy, r)))
        return false;
    uint64_t head = rib_origin_head(o);
    s->reset_pending |= has_missed(s, o);
    return s->reset_pending || s->position < head || (s->position == head && !s->cut_sent && is_at_cut(from));
}

/* Starts behind `from`. */
static void batch_begin(struct repl_batcher *b, const struct rib *r, const struct repl_sender *s,
                        const struct repl_source *from)
{
    if (b->route_count) /* most batches are a cut alone, or facts */
        memset(b->group_slots, 0, sizeof b->group_slots);
    b->entry_count = b->route_count = b->attr_count = b->fact_count = b->name_count = 0;
    b->cost = 0;
    b->origin = origin_of(r, from);
    b->copy = from->copy;
    b->from = s->position;
    b->tells_versions = s->versions;
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
        .next_hop = a->next_hop, .bytes = a->bytes, .len = a->len
    };
    if (a->link_local)
        b->attrs[b->attr_count].link_local = *a->link_local;
    b->cost += COST_ATTR + a->len;
    return ++b->attr_count;
}

struct group_key {
    uint32_t attrs;
    uint16_t nva;
    uint8_t family;
    bool has_path_id, disproved;
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
           g->family == k->family && g->has_path_id == k->has_path_id && g->disproved == k->disproved;
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
        .generation = b->origin->sessions[k->nva].generation,
        .attr = k->attrs ? attr_index(b, r, k->attrs) : 0,
        .family = k->family,
        .has_path_id = k->has_path_id,
        .disproved = k->disproved,
    };
    b->group_last[group] = b->from;
    b->cost += COST_GROUP;
    return group;
}

static uint16_t nlri_bytes(uint8_t prefix_len, bool has_path_id)
{
    return (uint16_t)((has_path_id ? 4u : 0u) + 1u + ip_prefix_bytes(prefix_len));
}

static uint16_t varint_len(uint64_t value)
{
    uint8_t bytes[REPL_VARINT_MAX];
    return (uint16_t)(repl_varint_put(bytes, value) - bytes);
}

static void take_path(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                      uint32_t index, uint64_t version)
{
    const struct rib_path *p = rib_path(r, index);
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    struct group_key key = { .attrs = p->attrs,
                             .nva = p->nva,
                             .family = prefix.family,
                             .has_path_id = rib_path_id(p) != 0,
                             .disproved = p->flags & RIB_PATH_DISPROVED };
    uint32_t group = find_group(b, r, names, &key);
    uint16_t bytes = nlri_bytes(prefix.len, key.has_path_id);
    uint16_t steps = b->tells_versions ? varint_len(version - b->group_last[group]) : 0;
    b->routes[group].len = (uint16_t)(b->routes[group].len + bytes);
    b->routes[group].versions_len = (uint16_t)(b->routes[group].versions_len + steps);
    b->group_last[group] = version;
    b->cost += bytes + steps;
    b->entries[b->entry_count++] = (struct entry){ .path = index, .group = group, .version = version };
}

/* What a copy holds back until its own next cut is said as it came: its reader holds it back, too. */
static uint8_t state_of(const struct repl_batcher *b, uint16_t nva)
{
    if (b->copy && repl_replica_is_pending(b->copy, nva))
        return RIB_SESSION_SYNCED;
    return b->origin->sessions[nva].state;
}

static void take_fact(struct repl_batcher *b, const struct repl_names *names, uint16_t nva,
                      uint64_t version)
{
    const struct rib_session *s = &b->origin->sessions[nva];
    b->facts[b->fact_count++] = (struct repl_fact){ .nva = name_index(b, names, nva),
                                                    .generation = s->generation,
                                                    .state = state_of(b, nva),
                                                    .identifier = s->identifier,
                                                    .version = b->tells_versions ? version - b->from : 0 };
    b->cost += COST_FACT;
}

static uint8_t *put_nlri(const struct rib *r, const struct rib_path *p, bool has_path_id, uint8_t *at)
{
    struct ip_prefix prefix;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    struct wire_writer w = wire_writer(at, 4 + 1 + 16);
    if (has_path_id)
        wire_put32(&w, rib_path_id(p));
    wire_put8(&w, prefix.len);
    wire_put(&w, prefix.bytes, ip_prefix_bytes(prefix.len));
    return w.at;
}

/* Entries of one group stand together, in the order of their versions. */
static void pack_entries(struct repl_batcher *b, const struct rib *r)
{
    uint8_t *at = b->nlri, *step_at = b->versions;
    uint8_t *place[ENTRIES_MAX], *step[ENTRIES_MAX];
    for (uint32_t i = 0; i < b->route_count; i++) {
        b->routes[i].nlri = place[i] = at;
        b->routes[i].versions = step[i] = step_at;
        b->group_last[i] = b->from;
        at += b->routes[i].len;
        step_at += b->routes[i].versions_len;
    }
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct entry *e = &b->entries[i];
        uint32_t g = e->group;
        place[g] = put_nlri(r, rib_path(r, e->path), b->routes[g].has_path_id, place[g]);
        if (b->tells_versions)
            step[g] = repl_varint_put(step[g], e->version - b->group_last[g]);
        b->group_last[g] = e->version;
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
    size_t cost = COST_NAME + COST_GROUP + COST_FACT + 21 + REPL_VARINT_MAX;
    if (!(id & RIB_FACT) && rib_path(r, id)->attrs)
        cost += COST_ATTR + bgp_attrs_get(&r->attrs, rib_path(r, id)->attrs)->len;
    return cost;
}

static bool is_of_no_session(const struct rib *r, const struct rib_path *p)
{
    return rib_path_is_flushed(r, p) || rib_path_is_former(r, p);
}

/* Returns the version up to which the batch tells everything. */
static uint64_t fill(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                     uint64_t *quarantined)
{
    const struct vlist *order = &b->origin->order;
    uint64_t at = rib_origin_place(b->origin, b->from), base = b->origin->base, told = at;
    for (uint32_t id; (id = vlist_next(order, &at)); told = at) {
        if (!(id & RIB_FACT) && is_of_no_session(r, rib_path(r, id)))
            continue; /* the fact that stands behind it says so */
        if (fits_no_frame(r, id)) {
            ++*quarantined;
            continue;
        }
        if (b->cost + cost_at_most(r, id) > FRAME_BUDGET || b->entry_count == b->entries_max ||
            b->fact_count == b->entries_max)
            return told - base;
        if (id & RIB_FACT)
            take_fact(b, names, (uint16_t)(id & ~RIB_FACT), at - base);
        else
            take_path(b, r, names, id, at - base);
    }
    return at - base;
}

/* The place before the first entry of this life: those of an earlier one, and what is gone, stand in front. */
static uint64_t first_place(const struct rib *r, const struct rib_origin *o)
{
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&o->order, &at));)
        if (id & RIB_FACT || !(rib_path_is_old(r, rib_path(r, id)) || is_of_no_session(r, rib_path(r, id))))
            return at - 1;
    return at;
}

/* A reader that places entries is spared the versions before the first that there is. */
static void start_over(struct repl_sender *s, const struct rib *r, const struct repl_source *from,
                       struct repl_msg *out)
{
    const struct rib_origin *o = origin_of(r, from);
    s->reset_pending = s->cut_sent = false;
    s->position = s->versions ? first_place(r, o) - o->base : 0;
    s->safe = vlist_head(&o->order);
    *out = (struct repl_msg){ .kind = REPL_RESET,
                              .reset = { .origin = from->origin,
                                         .incarnation = from->incarnation,
                                         .version = s->position } };
}

bool repl_sender_next(struct repl_sender *s, const struct rib *r, const struct repl_names *names,
                      const struct repl_source *from, struct repl_batcher *b, struct repl_msg *out,
                      uint64_t *quarantined)
{
    if (!repl_sender_has_work(s, r, from))
        return false;
    if (s->reset_pending) {
        start_over(s, r, from, out);
        return true;
    }
    batch_begin(b, r, s, from);
    s->position = fill(b, r, names, quarantined);
    pack_entries(b, r);
    s->cut_sent = s->position == rib_origin_head(b->origin) && is_at_cut(from);
    *out = (struct repl_msg){ .kind = REPL_BATCH,
                              .batch = { .origin = from->origin,
                                         .incarnation = from->incarnation,
                                         .from = b->from,
                                         .to = s->position,
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
