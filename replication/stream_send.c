#include "replication/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What one frame may hold. */
enum {
    ENTRIES_MAX = 4096,
    FRAME_BUDGET = REPL_PAYLOAD_MAX - 256,
    COST_NAME = REPL_COST_NAME + REPL_NAME_MAX,
    COST_ROUTE = 4 + 1 + 16 + REPL_VARINT_MAX,
    COST_ENTRY = COST_NAME + REPL_COST_FACT + REPL_COST_ATTR + REPL_COST_ROUTES + COST_ROUTE,
    ATTRS_MAX = FRAME_BUDGET / REPL_COST_ATTR,
    GROUPS_MAX = FRAME_BUDGET / REPL_COST_ROUTES,
    FACTS_MAX = FRAME_BUDGET / REPL_COST_FACT,
    NAMES_MAX = FRAME_BUDGET / COST_NAME,
    GROUP_SLOTS = 1024, /* open addressing, half full at most */
    PART_MAX = FRAME_BUDGET - 512, /* of attributes beside a route */
};
static_assert(GROUP_SLOTS >= 2 * GROUPS_MAX, "a search must end");

struct entry {
    const uint8_t *key; /* of its net, in the RIB: length and octets, as in NLRI */
    uint32_t path_id, group;
    uint64_t version;
};

struct repl_batcher {
    struct entry entries[ENTRIES_MAX];
    uint32_t entry_count, entries_max;
    uint16_t part_max; /* longer attributes go before their routes, in parts */
    struct repl_routes routes[GROUPS_MAX];
    uint64_t group_keys[GROUPS_MAX];
    uint64_t group_last[GROUPS_MAX]; /* version of its last entry */
    uint32_t route_count, newest;    /* newest: the group of the last entry */
    uint32_t group_slots[GROUP_SLOTS]; /* group + 1; 0 = free */
    struct repl_attr attrs[ATTRS_MAX];
    uint32_t attr_ids[ATTRS_MAX];
    uint32_t attr_count;
    struct repl_fact facts[FACTS_MAX];
    uint32_t fact_count;
    const char *names[NAMES_MAX];
    uint16_t name_numbers[NAMES_MAX];
    uint16_t name_count;
    uint8_t nlri[FRAME_BUDGET];
    uint8_t versions[FRAME_BUDGET];
    size_t cost;
    const uint8_t *part; /* the next of attributes that the reader has not all of; NULL = none */
    uint16_t part_at, part_len;
    uint32_t ahead; /* id of long ones that it has all of, 0 = not looked at */
    const struct rib_origin *origin;
    const struct repl_replica *copy;
    uint64_t from;
    bool tells_versions;
};

struct repl_batcher *repl_batcher_new(void)
{
    struct repl_batcher *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->entries_max = ENTRIES_MAX;
    b->part_max = PART_MAX;
    return b;
}

void repl_batcher_limit(struct repl_batcher *b, uint32_t entries)
{
    assert(entries && entries <= ENTRIES_MAX);
    b->entries_max = entries;
}

void repl_batcher_part(struct repl_batcher *b, uint16_t octets)
{
    assert(octets && octets <= PART_MAX);
    b->part_max = octets;
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
    b->part = NULL;
    b->part_at = b->part_len = 0;
    b->ahead = 0;
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
    bool is_ahead = a->len > b->part_max;
    b->attrs[b->attr_count] = (struct repl_attr){ .next_hop = a->next_hop,
                                                  .bytes = a->bytes,
                                                  .len = is_ahead ? 0 : a->len,
                                                  .parts = is_ahead ? a->len : 0 };
    if (a->link_local)
        b->attrs[b->attr_count].link_local = *a->link_local;
    b->cost += (size_t)REPL_COST_ATTR + b->attrs[b->attr_count].len;
    return ++b->attr_count;
}

/* What routes have in common that stand in one group, in one number: attributes, NVA, and a bit for each of the rest. */
enum { KEY_ATTRS = 32, KEY_NVA = 16, KEY_UNHEARD = 8, KEY_DISPROVED = 4, KEY_HAS_PATH_ID = 2, KEY_IS_IP6 = 1 };

static uint64_t group_key(const struct rib_path *p)
{
    return (uint64_t)p->attrs << KEY_ATTRS | (uint64_t)p->nva << KEY_NVA |
           (!p->attrs && p->flags & RIB_PATH_UNSEEN ? KEY_UNHEARD : 0) |
           (p->flags & RIB_PATH_DISPROVED ? KEY_DISPROVED : 0) | (rib_path_id(p) ? KEY_HAS_PATH_ID : 0) |
           (p->family == BGP_IP6 ? KEY_IS_IP6 : 0);
}

static uint32_t group_slot(uint64_t key)
{
    return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & (GROUP_SLOTS - 1);
}

/* What a copy holds back until its own next cut is said as it came: its reader holds it back, too. */
static uint8_t state_of(const struct repl_batcher *b, uint16_t nva)
{
    if (b->copy && repl_replica_is_pending(b->copy, nva))
        return RIB_SESSION_SYNCED;
    return b->origin->sessions[nva].state;
}

static bool restarts(const struct repl_batcher *b, uint16_t nva)
{
    return b->origin->sessions[nva].restarts && state_of(b, nva) != RIB_SESSION_SYNCED;
}

static uint32_t new_group(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                          const struct rib_path *p, uint64_t key)
{
    uint32_t group = b->route_count++;
    b->group_keys[group] = key;
    b->group_last[group] = b->from;
    b->routes[group] = (struct repl_routes){
        .nva = name_index(b, names, p->nva),
        .generation = b->origin->sessions[p->nva].generation,
        .attr = p->attrs ? attr_index(b, r, p->attrs) : 0,
        .family = p->family,
        .has_path_id = key & KEY_HAS_PATH_ID,
        .disproved = key & KEY_DISPROVED,
        .restarts = restarts(b, p->nva),
        .unheard = key & KEY_UNHEARD,
    };
    b->cost += REPL_COST_ROUTES;
    return group;
}

/* Mostly that of the entry before: what came in one UPDATE stands together. */
static uint32_t find_group(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                           const struct rib_path *p)
{
    uint64_t key = group_key(p);
    if (b->route_count && b->group_keys[b->newest] == key)
        return b->newest;
    uint32_t slot = group_slot(key);
    for (; b->group_slots[slot]; slot = (slot + 1) & (GROUP_SLOTS - 1))
        if (b->group_keys[b->group_slots[slot] - 1] == key)
            return b->newest = b->group_slots[slot] - 1;
    b->newest = new_group(b, r, names, p, key);
    b->group_slots[slot] = b->newest + 1;
    return b->newest;
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
                      const struct rib_path *p, uint64_t version)
{
    struct entry *e = &b->entries[b->entry_count++];
    *e = (struct entry){ .key = rib_net_key(r, rib_path_net(r, p)),
                         .path_id = rib_path_id(p),
                         .group = find_group(b, r, names, p),
                         .version = version };
    uint16_t bytes = nlri_bytes(e->key[0], e->path_id != 0);
    uint16_t steps = b->tells_versions ? varint_len(version - b->group_last[e->group]) : 0;
    struct repl_routes *group = &b->routes[e->group];
    group->len = (uint16_t)(group->len + bytes);
    group->versions_len = (uint16_t)(group->versions_len + steps);
    b->group_last[e->group] = version;
    b->cost += bytes + steps;
}

static void take_fact(struct repl_batcher *b, const struct repl_names *names, uint16_t nva,
                      uint64_t version)
{
    const struct rib_session *s = &b->origin->sessions[nva];
    b->facts[b->fact_count++] = (struct repl_fact){ .nva = name_index(b, names, nva),
                                                    .generation = s->generation,
                                                    .state = state_of(b, nva),
                                                    .identifier = s->identifier,
                                                    .restarts = restarts(b, nva),
                                                    .is_taken_out = s->is_taken_out,
                                                    .version = b->tells_versions ? version - b->from : 0 };
    b->cost += REPL_COST_FACT;
}

static uint8_t *put_nlri(const struct entry *e, bool has_path_id, uint8_t *at)
{
    if (has_path_id) {
        wire_set32(at, e->path_id);
        at += 4;
    }
    unsigned bytes = ip_prefix_bytes(e->key[0]);
    *at++ = e->key[0];
    ip_copy(at, e->key + 1, bytes);
    return at + bytes;
}

/* Entries of one group stand together, in the order of their versions. */
static void pack_entries(struct repl_batcher *b)
{
    uint8_t *at = b->nlri, *step_at = b->versions;
    uint8_t *place[GROUPS_MAX], *step[GROUPS_MAX];
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
        place[g] = put_nlri(e, b->routes[g].has_path_id, place[g]);
        if (b->tells_versions)
            step[g] = repl_varint_put(step[g], e->version - b->group_last[g]);
        b->group_last[g] = e->version;
    }
}

static bool is_of_no_session(const struct rib *r, const struct rib_path *p)
{
    return rib_path_is_flushed(r, p) || rib_path_is_former(r, p);
}

/* So that whatever the next entry brings cannot overfill the frame. attrs_len: of its attributes. */
static bool has_room(const struct repl_batcher *b, size_t attrs_len)
{
    return b->cost + COST_ENTRY + attrs_len <= FRAME_BUDGET && b->entry_count < b->entries_max &&
           b->fact_count < b->entries_max;
}

static void take_part(struct repl_batcher *b, struct repl_sender *s, const struct bgp_attrs *a)
{
    uint16_t left = (uint16_t)(a->len - s->ahead_len);
    b->part = a->bytes + s->ahead_len;
    b->part_at = s->ahead_len;
    b->part_len = left < b->part_max ? left : b->part_max;
    s->ahead_len = (uint16_t)(s->ahead_len + b->part_len);
}

/* Has the reader all of these attributes? If not, an empty batch brings their next part. In the next one the same id may be that
 * of others, so they are known by what they hold. */
static bool are_ahead(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, uint32_t id)
{
    if (b->ahead == id)
        return true;
    const struct bgp_attrs *a = bgp_attrs_get(&r->attrs, id);
    uint64_t hash = hash_bytes(&r->attrs.key, a->bytes, a->len);
    if (s->ahead_hash != hash)
        s->ahead_len = 0;
    s->ahead_hash = hash;
    bool are = s->ahead_len == a->len;
    if (are)
        b->ahead = id;
    else if (!b->entry_count && !b->fact_count)
        take_part(b, s, a);
    return are;
}

/* Can the batch take this entry, NULL = a fact? The attributes of the entry before are there. */
static bool takes(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, const struct rib_path *p)
{
    uint32_t attrs = p ? p->attrs : 0;
    bool are_there = b->route_count && b->group_keys[b->newest] >> KEY_ATTRS == attrs;
    uint16_t len = attrs && !are_there ? bgp_attrs_get(&r->attrs, attrs)->len : 0;
    if (len > b->part_max)
        return are_ahead(b, r, s, attrs) && has_room(b, 0);
    return has_room(b, len);
}

/* Returns the version up to which the batch tells everything. */
static uint64_t fill(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, const struct repl_names *names)
{
    const struct vlist *order = &b->origin->order;
    uint64_t at = rib_origin_place(b->origin, b->from), base = b->origin->base, told = at;
    bool some_are_of_no_session = b->origin->sweep_end || b->origin->has_former;
    for (uint32_t id; (id = vlist_next(order, &at)); told = at) {
        const struct rib_path *p = id & RIB_FACT ? NULL : rib_path(r, id);
        if (some_are_of_no_session && p && is_of_no_session(r, p))
            continue; /* the fact that stands behind it says so */
        if (!takes(b, r, s, p))
            return told - base;
        if (p)
            take_path(b, r, names, p, at - base);
        else
            take_fact(b, names, (uint16_t)(id & ~RIB_FACT), at - base);
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
                      const struct repl_source *from, struct repl_batcher *b, struct repl_msg *out)
{
    if (!repl_sender_has_work(s, r, from))
        return false;
    if (s->reset_pending) {
        start_over(s, r, from, out);
        return true;
    }
    batch_begin(b, r, s, from);
    s->position = fill(b, r, s, names);
    pack_entries(b);
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
                                         .route_count = b->route_count,
                                         .part = b->part,
                                         .part_at = b->part_at,
                                         .part_len = b->part_len } };
    return true;
}
