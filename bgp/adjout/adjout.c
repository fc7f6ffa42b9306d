/* Update groups: who shares one, and the work that is done once for all in it. */
#include "bgp/adjout/adjout.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/adjout/adjout_log.h"
#include "bgp/codec/msg.h"

/* ---- from the Loc-RIB order to the log ---- */

/* Returns what it costs: as many as there are paths to tell. */
static unsigned compare(struct adjout_group *g, uint32_t net)
{
    unsigned cost = 1;
    if (g->has_paths)
        cost = adjout_compare_paths(g, net);
    else
        adjout_compare(g, net);
    if (g->rules.map)
        adjout_map_end(g);
    return cost;
}

static void begin_batch(struct adjout_group *g, uint64_t version)
{
    adjout_batch_clear(g->batch, version);
    g->loops[0].attrs = g->loops[1].attrs = g->plain.path.attrs = g->fits_attrs = 0; /* ids may mean other sets by now */
    memset(g->hops, 0, sizeof g->hops);
    if (!slab_reach(&g->told, prefix_table_top(&g->adjout->rib->nets, g->rules.family) - 1)) /* room for every net */
        abort(); /* as everywhere above the RIB: the other node serves */
}

/* The next net, or as many as are plain, `most` at most. Returns what that costs; 0: there is none. */
static unsigned take_some(struct adjout_group *g, unsigned most)
{
    unsigned plain = g->has_paths ? 0 : adjout_compare_plain(g, most);
    uint32_t net = plain ? 0 : vlist_next(&g->adjout->rib->loc, &g->position);
    if (!net)
        return plain;
    unsigned cost = prefix_index_family(net) == g->rules.family ? compare(g, net) : 1;
    return cost ? cost : 1;
}

/* Take changed nets of this family into a batch. Returns how many nets were looked at, their paths counted, or items made. */
static unsigned fill_batch(struct adjout_group *g, unsigned budget)
{
    unsigned taken = 0, most = budget < 2 * ADJOUT_BATCH ? budget : 2 * ADJOUT_BATCH;
    begin_batch(g, g->position);
    for (unsigned cost = 1; cost && taken < budget && g->batch->count < most; taken += cost) {
        unsigned room = most - g->batch->count, left = budget - taken;
        cost = take_some(g, left < room ? left : room);
    }
    return taken > g->batch->count ? taken : g->batch->count;
}

static uint64_t slowest_offset(const struct adjout_group *g)
{
    uint64_t slowest = g->log.head;
    for (const struct list *at = g->members.next; at != &g->members; at = at->next) {
        const struct adjout_member *m =
            (const struct adjout_member *)((const char *)at - offsetof(struct adjout_member, all));
        if (m->attached && m->offset < slowest)
            slowest = m->offset;
    }
    return slowest;
}

static bool detach_slowest(struct adjout_group *g)
{
    uint64_t slowest = slowest_offset(g);
    if (slowest == g->log.head)
        return false;
    LIST_EACH(node, &g->members)
    {
        struct adjout_member *m = LIST_OF(node, struct adjout_member, all);
        if (m->attached && m->offset == slowest)
            adjout_detach(m);
    }
    return true;
}

static uint8_t *make_room(struct adjout_group *g)
{
    for (;;) {
        g->log.tail = slowest_offset(g);
        uint8_t *room = adjout_log_reserve(&g->log, g->rules.codec.max_message);
        if (room)
            return room;
        if (!adjout_log_grow(&g->log) && !detach_slowest(g))
            return NULL;
    }
}

static bool has_attached(const struct adjout_group *g)
{
    for (const struct list *at = g->members.next; at != &g->members; at = at->next)
        if (((const struct adjout_member *)((const char *)at - offsetof(struct adjout_member, all)))
                ->attached)
            return true;
    return false;
}

static void encode_batch(struct adjout_group *g)
{
    while (!adjout_batch_is_done(g->batch)) {
        uint8_t *room = make_room(g);
        if (!room)
            abort(); /* only without memory for an empty log */
        struct adjout_message m = adjout_encode(g, g->batch, room);
        if (!m.len)
            return;
        adjout_log_commit(&g->log, &(struct adjout_record){ .len = (uint32_t)m.len,
                                                            .word = m.word,
                                                            .announced = m.announced,
                                                            .withdrawn = m.withdrawn,
                                                            .version = g->batch->version });
        g->adjout->produced++;
    }
}

/* Nobody reads the log while all walk on their own: the state moves, nothing is encoded. */
static unsigned work_group(struct adjout_group *g, unsigned budget)
{
    unsigned taken = fill_batch(g, budget < ADJOUT_BATCH ? budget : ADJOUT_BATCH);
    if (has_attached(g))
        encode_batch(g);
    return taken;
}

static bool is_for_others(const struct adjout_batch *b, uint16_t nva)
{
    uint32_t i = 0;
    while (i < b->bucket_count && b->buckets[i].word.only == nva)
        i++;
    return i < b->bucket_count;
}

/* Should a reader be left behind before it has read of this, its walk begins before the net. What is not decided yet is found,
 * too, nor swept even, and will be no news when it is: those who walk, and have passed the net, come to it once more. */
void adjout_compare_again(struct adjout_group *g, uint32_t net, uint16_t nva)
{
    uint64_t before = rib_version(g->adjout->rib, net) - 1;
    g->has_corrected = true;
    begin_batch(g, before);
    compare(g, net);
    if (is_for_others(g->batch, nva))
        adjout_walk_again(g, before);
    if (has_attached(g))
        encode_batch(g);
}

/* ---- the end of a group, a stretch at a time ---- */

static const struct adjout_group *group_of(const struct list *node)
{
    return (const struct adjout_group *)((const char *)node - offsetof(struct adjout_group, all));
}

static void group_free(struct adjout_group *g)
{
    list_remove(&g->all);
    adjout_log_fini(&g->log);
    slab_fini(&g->told);
    slab_fini(&g->seconds);
    slab_fini(&g->detours);
    slab_fini(&g->records);
    slab_fini(&g->withheld);
    slab_fini(&g->as_lists);
    hash_fini(&g->as_index);
    bitset_fini(&g->gone);
    route_map_unref(g->rules.map);
    free(g->mapped);
    free(g->batch);
    free(g);
}

/* Give back the references of up to `budget` places; what is left of the budget. */
static unsigned bury(struct adjout_group *g, unsigned budget)
{
    for (; budget && g->buried < g->told.top; budget--, g->buried++)
        if (g->has_paths)
            adjout_forget_paths(g, g->buried);
        else
            adjout_forget(g, g->buried);
    if (g->buried == g->told.top)
        group_free(g);
    return budget;
}

static unsigned bury_all(struct adjout *a, unsigned budget)
{
    LIST_EACH(node, &a->leaving)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        if (!g->lending)
            budget = bury(g, budget);
    }
    return budget;
}

static bool can_bury(const struct adjout *a)
{
    for (const struct list *at = a->leaving.next; at != &a->leaving; at = at->next)
        if (!group_of(at)->lending)
            return true;
    return false;
}

/* ---- work ---- */

bool adjout_work(struct adjout *a, unsigned budget)
{
    bool more = false;
    unsigned for_moves = (budget + 1) / 2; /* the others are told meanwhile */
    unsigned left = bury_all(a, budget - for_moves + adjout_move_on(a, for_moves));
    LIST_EACH(node, &a->groups)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        while (left && g->position < vlist_head(&a->rib->loc)) {
            unsigned taken = work_group(g, left);
            left -= taken < left ? taken : left;
        }
        bool is_behind = g->position < vlist_head(&a->rib->loc);
        g->retells &= is_behind;
        more |= is_behind;
        adjout_purge_paths(g);
    }
    if (!list_is_empty(&a->groups)) { /* another one begins the next time */
        struct list *first = a->groups.next;
        list_remove(first);
        list_append(&a->groups, first);
    }
    return more || can_bury(a) || !list_is_empty(&a->moving);
}

uint64_t adjout_produced(const struct adjout *a)
{
    return a->produced;
}

/* ---- groups ---- */

bool adjout_same_rules(const struct adjout_rules *a, const struct adjout_rules *b)
{
    const struct bgp_codec *x = &a->codec, *y = &b->codec;
    return a->family == b->family && a->from_types == b->from_types &&
           a->export.transparent == b->export.transparent && a->export.keeps_med == b->export.keeps_med &&
           a->export.local_asn == b->export.local_asn && a->export.otc == b->export.otc &&
           a->export.graceful_shutdown == b->export.graceful_shutdown &&
           a->export.replaced_asn == b->export.replaced_asn &&
           ip_addr_is_equal(&a->self_next_hop, &b->self_next_hop) && ip_addr_is_equal(&a->link, &b->link) &&
           x->as4 == y->as4 &&
           x->max_message == y->max_message && x->ext_next_hop == y->ext_next_hop &&
           x->long_lived == y->long_lived &&
           x->add_path_out[a->family] == y->add_path_out[a->family] && route_map_is_equal(a->map, b->map);
}

/* Such members may be told other paths than the best and the second of a net. */
static bool reads_all(const struct adjout_group *g)
{
    return g->has_paths || g->rules.from_types != UINT8_MAX || g->rules.map;
}

/* What is told of each net. */
static void init_told(struct adjout_group *g)
{
    struct slab *by_place[] = { &g->told, &g->seconds, &g->detours, &g->records };
    slab_init(&g->told, g->has_paths ? sizeof(uint32_t) : sizeof(struct adjout_told));
    slab_init(&g->seconds, sizeof(uint32_t));
    slab_init(&g->detours, sizeof(uint32_t));
    slab_init(&g->records, g->has_paths ? sizeof(struct adjout_route) : sizeof(struct adjout_detour));
    for (size_t i = 0; i < sizeof by_place / sizeof *by_place; i++)
        slab_use_pool(by_place[i], &g->adjout->rib->pool);
}

static struct adjout_group *group_new(struct adjout *a, const struct adjout_rules *rules)
{
    struct adjout_group *g = rules->map && !rib_need_room(a->rib) ? NULL : calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->batch = calloc(1, sizeof *g->batch);
    if (!g->batch || !adjout_log_grow(&g->log)) {
        free(g->batch);
        free(g);
        return NULL;
    }
    g->adjout = a;
    g->rules = *rules;
    g->rules.map = route_map_ref(rules->map);
    g->has_paths = rules->codec.add_path_out[rules->family];
    init_told(g);
    slab_init(&g->withheld, sizeof(uint32_t));
    slab_init(&g->as_lists, sizeof(struct adjout_as_list));
    g->audience = (struct rib_audience){
        .except_nva = -1,
        .from_types = rules->from_types,
        .is_external = true,
        .no_mixed_families = rules->family == BGP_IP4 && !rules->codec.ext_next_hop,
        .no_config = ip_addr_is_zero(&rules->self_next_hop),
        .no_long_lived = !rules->codec.long_lived,
        .map = rules->map,
    };
    a->rib->readers_of_all += reads_all(g);
    list_init(&g->all);
    list_init(&g->members);
    list_append(&a->groups, &g->all);
    return g;
}

static struct adjout_group *find_group(struct adjout *a, const struct adjout_rules *rules)
{
    LIST_EACH(node, &a->groups)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        if (adjout_same_rules(&g->rules, rules))
            return g;
    }
    return group_new(a, rules);
}

static void group_end(struct adjout_group *g)
{
    g->adjout->rib->readers_of_all -= reads_all(g);
    g->buried = g->told.top ? 1 : 0; /* place 0 is nobody's */
    list_remove(&g->all);
    list_append(&g->adjout->leaving, &g->all);
}

struct adjout_member *adjout_member_new(struct adjout *a, const struct adjout_rules *rules, uint16_t nva)
{
    struct adjout_member *m = calloc(1, sizeof *m);
    struct adjout_group *g = m ? find_group(a, rules) : NULL;
    if (!g) {
        free(m);
        return NULL;
    }
    *m = (struct adjout_member){
        .group = g,
        .nva = nva,
        .asn = a->rib->nvas[nva].asn,
        .is_new = true,
        .wants_end = true,
        .marks_refresh = rules->codec.enhanced_refresh, /* members of one group may differ in this */
    };
    list_init(&m->all);
    list_init(&m->moving);
    list_append(&g->members, &m->all);
    return m;
}

struct adjout_member *adjout_join(struct adjout *a, const struct adjout_rules *rules, uint16_t nva)
{
    struct adjout_member *m = adjout_member_new(a, rules, nva);
    if (m && !m->group->position && !m->group->retells)
        adjout_begin_together(m);
    return m;
}

void adjout_leave(struct adjout_member *m)
{
    struct adjout_group *g = m->group;
    adjout_move_end(m);
    adjout_walk_end(m);
    g->adjout->lost -= m->is_lost;
    list_remove(&m->all);
    free(m->batch);
    free(m);
    if (list_is_empty(&g->members))
        group_end(g);
}

/* ---- all of it ---- */

struct adjout *adjout_new(struct rib *rib)
{
    struct adjout *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->export = malloc(BGP_EXPORT_MAX);
    a->message = malloc(BGP_MESSAGE_MAX_EXTENDED);
    if (!a->export || !a->message) {
        free(a->export);
        free(a->message);
        free(a);
        return NULL;
    }
    a->rib = rib;
    a->watched = UINT64_MAX;
    list_init(&a->groups);
    list_init(&a->leaving);
    list_init(&a->moving);
    return a;
}

void adjout_free(struct adjout *a)
{
    if (!a)
        return;
    while (!list_is_empty(&a->leaving))
        bury_all(a, UINT_MAX);
    free(a->ases);
    free(a->export);
    free(a->message);
    free(a);
}

/* ---- for the RIB's housekeeping ---- */

uint64_t adjout_slowest(const struct adjout *a)
{
    uint64_t slowest = UINT64_MAX;
    for (const struct list *at = a->groups.next; at != &a->groups; at = at->next) {
        const struct adjout_group *g = group_of(at);
        uint64_t version = adjout_slowest_of(g);
        version = g->position < version ? g->position : version;
        slowest = version < slowest ? version : slowest;
    }
    return slowest;
}

void adjout_give_up_slowest(struct adjout *a)
{
    uint64_t slowest = adjout_slowest(a);
    LIST_EACH(node, &a->groups)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        if (adjout_slowest_of(g) == slowest)
            adjout_lose_slowest(g);
    }
}

static bool was_told(const struct adjout_group *g, uint32_t place)
{
    if (place >= g->told.top)
        return false;
    if (!g->has_paths)
        return adjout_has_told(g, place);
    for (uint32_t i = adjout_first_route(g, place); i; i = adjout_route_at(g, i)->next)
        if (adjout_route_at(g, i)->attrs)
            return true;
    return false;
}

bool adjout_holds(const struct adjout *a, uint32_t net)
{
    for (const struct list *at = a->groups.next; at != &a->groups; at = at->next) {
        const struct adjout_group *g = group_of(at);
        if (g->rules.family == prefix_index_family(net) && was_told(g, prefix_index_place(net)))
            return true;
    }
    return false;
}
