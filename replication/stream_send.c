#include "replication/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/evidence.h"

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

/* Entries of one group that stand together in the order, as most do: where they begin in what is packed. */
struct run {
    uint32_t group;
    uint16_t at, versions_at;
};

struct packed {
    uint8_t nlri[FRAME_BUDGET];
    uint8_t versions[FRAME_BUDGET];
};

struct repl_batcher {
    struct run runs[ENTRIES_MAX + 1]; /* the one behind the last: where that ends */
    uint32_t run_count, entry_count, entries_max;
    uint16_t part_max; /* longer attributes go before their routes, in parts */
    struct repl_routes routes[GROUPS_MAX];
    uint64_t group_keys[GROUPS_MAX];
    uint64_t group_last[GROUPS_MAX]; /* version of its last entry */
    uint32_t route_count, newest;    /* newest: the group of the last entry, … */
    uint64_t newest_key;             /* … and its key; 0 = there is none */
    uint32_t group_slots[GROUP_SLOTS]; /* group + 1; 0 = free */
    struct repl_attr attrs[ATTRS_MAX];
    uint32_t attr_ids[ATTRS_MAX];
    uint32_t attr_count;
    struct repl_fact facts[FACTS_MAX];
    uint32_t fact_count;
    const char *names[NAMES_MAX];
    uint16_t name_numbers[NAMES_MAX];
    uint16_t name_count;
    struct packed heard, sorted; /* in the order of the entries, and of the groups */
    uint8_t attr_bytes[FRAME_BUDGET];
    uint32_t nlri_len, versions_len; /* so much is heard */
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
                               .is_nested = s->is_nested,
                               .incarnation = from->incarnation,
                               .position = resumes ? have->version : 0,
                               .safe = o->base + have->version,
                               .renumbered = o->renumbered };
}

/* Tombstones that this reader would have needed are gone, or a RESET has swept the copy since: it has to start over. */
static bool has_missed(const struct repl_sender *s, const struct rib_origin *o)
{
    bool lacks_tombstones = (int64_t)(o->dropped - s->safe) > 0 && !rib_origin_reaches(o, s->position);
    return lacks_tombstones || s->renumbered != o->renumbered;
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
    b->run_count = b->entry_count = b->route_count = b->attr_count = b->fact_count = b->name_count = 0;
    b->newest_key = 0;
    b->nlri_len = b->versions_len = 0;
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

/* What routes have in common that stand in one group, as a path has it behind its place in the order: four octets. */
static const struct rib_path common = { .nva = UINT16_MAX, .family = 15, .flags = RIB_PATH_DISPROVED | RIB_PATH_HAS_ID | RIB_PATH_UNSEEN };
static_assert(sizeof common == offsetof(struct rib_path, nva) + sizeof(uint32_t), "they are the last four");

static inline uint32_t marks_of(const struct rib_path *p)
{
    uint32_t marks;
    memcpy(&marks, (const uint8_t *)p + offsetof(struct rib_path, nva), sizeof marks);
    return marks;
}

/* That, and the attributes, in one number; no path's is 0. */
enum { KEY_ATTRS = 32 };

/* Not by an announcement alone that counts here: its reader hears of that itself, and holds this copy where it does not. Nor by an
 * order in our file alone: its reader goes by its own. */
static bool is_disproved(const struct rib *r, const struct rib_path *p)
{
    return p->flags & RIB_PATH_DISPROVED && !repl_evidence_is_announced(r, p) && !repl_evidence_is_by_order(r, p);
}

static inline uint64_t group_key(const struct rib *r, const struct rib_path *p)
{
    struct rib_path mark = common;
    if (p->flags & RIB_PATH_DISPROVED && !is_disproved(r, p))
        mark.flags &= (uint8_t)~RIB_PATH_DISPROVED;
    return (uint64_t)p->attrs << KEY_ATTRS | (marks_of(p) & marks_of(&mark));
}

/* Who shares attributes with a group of other flags mostly stands beside it; a miss only costs bytes, never sense. Those of the
 * entry before are found, however old: for them no room was asked (takes). */
static uint32_t attr_index(struct repl_batcher *b, const struct rib *r, uint32_t id)
{
    if (b->newest_key >> KEY_ATTRS == id)
        return b->routes[b->newest].attr;
    for (uint32_t i = b->attr_count, tries = 2; i-- > 0 && tries-- > 0;)
        if (b->attr_ids[i] == id)
            return i + 1;
    const struct bgp_attrs *a = bgp_attrs_get(&r->attrs, id);
    __builtin_prefetch(a->bytes); /* they are copied when the batch is full */
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

/* All that their group says of them without their attributes. */
static struct repl_routes routes_of(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                                    const struct rib_path *p)
{
    return (struct repl_routes){
        .nva = name_index(b, names, p->nva),
        .generation = b->origin->sessions[p->nva].generation,
        .family = p->family,
        .has_path_id = p->flags & RIB_PATH_HAS_ID,
        .disproved = is_disproved(r, p),
        .restarts = restarts(b, p->nva),
    };
}

static uint32_t new_group(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                          const struct rib_path *p, uint64_t key)
{
    uint32_t group = b->route_count++;
    bool is_alike = b->newest_key && (uint32_t)b->newest_key == (uint32_t)key; /* but for its attributes */
    b->group_keys[group] = key;
    b->group_last[group] = b->from;
    b->routes[group] = is_alike ? b->routes[b->newest] : routes_of(b, r, names, p);
    b->routes[group].attr = p->attrs ? attr_index(b, r, p->attrs) : 0;
    b->routes[group].unheard = !p->attrs && p->flags & RIB_PATH_UNSEEN;
    b->cost += REPL_COST_ROUTES;
    return group;
}

static uint32_t find_group(struct repl_batcher *b, const struct rib *r, const struct repl_names *names,
                           const struct rib_path *p, uint64_t key)
{
    uint32_t slot = group_slot(key);
    for (; b->group_slots[slot]; slot = (slot + 1) & (GROUP_SLOTS - 1))
        if (b->group_keys[b->group_slots[slot] - 1] == key)
            return b->group_slots[slot] - 1;
    uint32_t group = new_group(b, r, names, p, key);
    b->group_slots[slot] = group + 1;
    return group;
}

static uint16_t run_bytes(const struct run *run)
{
    return (uint16_t)(run[1].at - run->at);
}

static uint16_t run_steps(const struct run *run)
{
    return (uint16_t)(run[1].versions_at - run->versions_at);
}

/* Each group is one run: its entries stand where they were heard. */
static void point_to(struct repl_batcher *b)
{
    for (uint32_t i = 0; i < b->run_count; i++) {
        const struct run *run = &b->runs[i];
        struct repl_routes *group = &b->routes[i];
        group->nlri = b->heard.nlri + run->at;
        group->len = run_bytes(run);
        group->versions = b->heard.versions + run->versions_at;
        group->versions_len = run_steps(run);
    }
}

/* Runs of one group come together, in the order of their versions. */
static void sort_runs(struct repl_batcher *b)
{
    uint8_t *at = b->sorted.nlri, *step_at = b->sorted.versions;
    uint8_t *place[GROUPS_MAX], *step[GROUPS_MAX];
    for (uint32_t i = 0; i < b->run_count; i++) {
        struct repl_routes *group = &b->routes[b->runs[i].group];
        group->len = (uint16_t)(group->len + run_bytes(&b->runs[i]));
        group->versions_len = (uint16_t)(group->versions_len + run_steps(&b->runs[i]));
    }
    for (uint32_t i = 0; i < b->route_count; i++) {
        b->routes[i].nlri = place[i] = at;
        b->routes[i].versions = step[i] = step_at;
        at += b->routes[i].len;
        step_at += b->routes[i].versions_len;
    }
    for (uint32_t i = 0; i < b->run_count; i++) {
        const struct run *run = &b->runs[i];
        memcpy(place[run->group], b->heard.nlri + run->at, run_bytes(run));
        memcpy(step[run->group], b->heard.versions + run->versions_at, run_steps(run));
        place[run->group] += run_bytes(run);
        step[run->group] += run_steps(run);
    }
}

/* The bytes of all sets stand together, too. */
static void pack_attrs(struct repl_batcher *b)
{
    uint8_t *at = b->attr_bytes;
    for (uint32_t i = 0; i < b->attr_count; i++) {
        struct repl_attr *a = &b->attrs[i];
        assert(a->len <= b->attr_bytes + sizeof b->attr_bytes - at);
        memcpy(at, a->bytes, a->len);
        a->bytes = at;
        at += a->len;
    }
}

static void pack_entries(struct repl_batcher *b)
{
    pack_attrs(b);
    b->runs[b->run_count] = (struct run){ .at = (uint16_t)b->nlri_len, .versions_at = (uint16_t)b->versions_len };
    if (b->run_count == b->route_count)
        point_to(b);
    else
        sort_runs(b);
}

static bool is_of_no_session(const struct rib *r, const struct rib_path *p)
{
    return rib_path_is_flushed(r, p) || rib_path_is_former(r, p);
}

/* So that whatever the next entry brings cannot overfill the frame. attrs_len: of its attributes. */
static inline bool has_room(const struct repl_batcher *b, size_t attrs_len)
{
    return b->cost + attrs_len <= FRAME_BUDGET - COST_ENTRY && b->entry_count < b->entries_max;
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
    else if (!b->entry_count)
        take_part(b, s, a);
    return are;
}

/* Can the batch take an entry with these attributes, 0 = with none? Those of the entry before are there. */
static bool takes(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, uint32_t attrs)
{
    uint16_t len = attrs && b->newest_key >> KEY_ATTRS != attrs ? bgp_attrs_get(&r->attrs, attrs)->len : 0;
    if (len > b->part_max)
        return are_ahead(b, r, s, attrs) && has_room(b, 0);
    return has_room(b, len);
}

/* As in an UPDATE. The whole key is written, and what it has beyond its length by the next one: there is room for COST_ROUTE.
 * Returns how many octets count. */
static inline uint32_t put_nlri(const struct rib_path *p, const uint8_t *key, uint8_t *at)
{
    uint32_t before = 0;
    if (p->flags & RIB_PATH_HAS_ID) {
        wire_set32(at, rib_path_id(p));
        before = 4;
    }
    if (p->family == BGP_IP4)
        memcpy(at + before, key, PREFIX_KEY_IP4);
    else
        memcpy(at + before, key, PREFIX_KEY_IP6);
    return before + 1 + ip_prefix_bytes(*key);
}

/* Entries that follow each other in the order: ids, of paths also where those are, and their prefixes' length and octets. */
struct stretch {
    struct vlist_stretch order; /* id 0: there is nothing to say */
    const struct rib_path *paths[VLIST_TOGETHER]; /* NULL: id is a fact's, or 0 */
    const uint8_t *keys[VLIST_TOGETHER];
};

/* Memory is asked for the paths, and then for their prefixes and attributes, before the first of them is taken. */
static bool next_stretch(const struct repl_batcher *b, const struct rib *r, uint64_t position, struct stretch *s)
{
    bool some_are_of_no_session = b->origin->sweep_end || b->origin->has_former;
    if (!vlist_read(&b->origin->order, position, &s->order))
        return false;
    for (uint32_t i = 0; i < s->order.count; i++) {
        uint32_t id = s->order.ids[i];
        s->paths[i] = id && !(id & RIB_FACT) ? rib_path(r, id) : NULL;
        __builtin_prefetch(s->paths[i]);
    }
    for (uint32_t i = 0, last = 0; i < s->order.count; i++) {
        const struct rib_path *p = s->paths[i];
        if (!p)
            continue;
        if (some_are_of_no_session && is_of_no_session(r, p)) { /* the fact that stands behind it says so */
            s->order.ids[i] = 0;
            s->paths[i] = NULL;
            continue;
        }
        s->keys[i] = rib_net_key(r, rib_path_net(r, p));
        __builtin_prefetch(s->keys[i]);
        if (p->attrs == last)
            continue;
        last = p->attrs;
        __builtin_prefetch(last ? bgp_attrs_get(&r->attrs, last) : NULL);
    }
    return true;
}

/* False: the batch cannot take it. */
static bool begin_run(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, const struct repl_names *names,
                      const struct rib_path *p, uint64_t key)
{
    if (!takes(b, r, s, p->attrs))
        return false;
    b->newest = find_group(b, r, names, p, key);
    b->newest_key = key;
    b->runs[b->run_count++] = (struct run){ .group = b->newest,
                                            .at = (uint16_t)b->nlri_len,
                                            .versions_at = (uint16_t)b->versions_len };
    return true;
}

static void put_versions(struct repl_batcher *b, uint64_t first, uint32_t count)
{
    uint8_t *start = b->heard.versions + b->versions_len, *at = start;
    uint64_t last = b->group_last[b->newest];
    for (uint64_t version = first; version < first + count; version++) {
        at = repl_varint_put(at, version - last);
        last = version;
    }
    b->group_last[b->newest] = last;
    b->versions_len += (uint32_t)(at - start);
    b->cost += (size_t)(at - start);
}

/* How many entries of one group the batch can take that can take one of them, whatever they bring. */
static uint32_t room(const struct repl_batcher *b)
{
    size_t more = has_room(b, 0) ? (FRAME_BUDGET - COST_ENTRY - b->cost) / COST_ROUTE : 0;
    uint32_t left = b->entries_max - b->entry_count;
    return more < left ? 1 + (uint32_t)more : left;
}

/* Takes those from the n-th on that are of one group: mostly that of the entry before, for what came in one UPDATE stands
 * together. Returns how many; 0: the batch cannot take it. */
static uint32_t take_paths(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, const struct repl_names *names,
                           const struct stretch *from, uint32_t n)
{
    uint64_t key = group_key(r, from->paths[n]);
    if (key == b->newest_key ? !has_room(b, 0) : !begin_run(b, r, s, names, from->paths[n], key))
        return 0;
    uint32_t left = from->order.count - n, most = room(b), i = n;
    uint32_t end = n + (left < most ? left : most);
    uint8_t *start = b->heard.nlri + b->nlri_len, *at = start;
    for (; i < end && from->paths[i] && group_key(r, from->paths[i]) == key; i++)
        at += put_nlri(from->paths[i], from->keys[i], at);
    b->nlri_len += (uint32_t)(at - start);
    b->cost += (size_t)(at - start);
    b->entry_count += i - n;
    if (b->tells_versions)
        put_versions(b, from->order.first + n - b->origin->base, i - n);
    return i - n;
}

static uint32_t take_fact(struct repl_batcher *b, const struct repl_names *names, uint16_t nva, uint64_t version)
{
    const struct rib_session *s = &b->origin->sessions[nva];
    if (!has_room(b, 0))
        return 0;
    b->facts[b->fact_count++] = (struct repl_fact){ .nva = name_index(b, names, nva),
                                                    .generation = s->generation,
                                                    .state = state_of(b, nva),
                                                    .identifier = s->identifier,
                                                    .restarts = restarts(b, nva),
                                                    .is_taken_out = s->is_taken_out,
                                                    .families = s->families,
                                                    .version = b->tells_versions ? version - b->from : 0 };
    b->cost += REPL_COST_FACT;
    b->entry_count++;
    return 1;
}

/* Returns the version up to which the batch tells everything. */
static uint64_t fill(struct repl_batcher *b, const struct rib *r, struct repl_sender *s, const struct repl_names *names)
{
    uint64_t told = rib_origin_place(b->origin, b->from);
    for (struct stretch next; next_stretch(b, r, told, &next); told = next.order.first + next.order.count - 1)
        for (uint32_t i = 0, taken; i < next.order.count; i += taken) {
            uint64_t version = next.order.first + i - b->origin->base;
            taken = 1;
            if (next.paths[i])
                taken = take_paths(b, r, s, names, &next, i);
            else if (next.order.ids[i])
                taken = take_fact(b, names, (uint16_t)(next.order.ids[i] & ~RIB_FACT), version);
            if (!taken)
                return version - 1;
        }
    return rib_origin_head(b->origin);
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
    s->renumbered = o->renumbered;
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
                                         .part_len = b->part_len,
                                         .is_nested = s->is_nested } };
    return true;
}
