#include "bgp/adjout.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/adjout_log.h"
#include "bgp/msg.h"

/* ---- the group's state ---- */

/* The path that members of this group are to be told of, all but NVA `except` (-1: all), or 0. */
static uint32_t outcome(const struct adjout_group *g, const struct rib_net *n, int32_t except)
{
    struct rib_audience who = g->audience;
    who.except_nva = except;
    return rib_best_for(g->adjout->rib, n, &who);
}

static uint32_t attrs_of(const struct adjout_group *g, uint32_t path)
{
    return path ? rib_path(g->adjout->rib, path)->attrs : 0;
}

/* A record for every place up to this one. */
static bool reserve_place(struct slab *s, uint32_t place)
{
    while (s->top <= place)
        if (!slab_new(s))
            return false;
    return true;
}

static struct adjout_told *told_at(const struct adjout_group *g, uint32_t place)
{
    return slab_at(&g->told, place);
}

static uint32_t second_at(const struct adjout_group *g, uint32_t place)
{
    return told_at(g, place)->is_second ? *(uint32_t *)slab_at(&g->seconds, place) : 0;
}

/* Most nets have one path, and no second. */
static void remember(struct adjout_group *g, uint32_t place, struct adjout_told now, uint32_t second)
{
    struct bgp_attr_table *attrs = &g->adjout->rib->attrs;
    bgp_attrs_ref(attrs, now.attrs);
    bgp_attrs_ref(attrs, second);
    bgp_attrs_unref(attrs, told_at(g, place)->attrs);
    bgp_attrs_unref(attrs, second_at(g, place));
    now.is_second = second != 0;
    if (second && !reserve_place(&g->seconds, place))
        abort(); /* as everywhere above the RIB: the other node serves */
    if (second)
        *(uint32_t *)slab_at(&g->seconds, place) = second;
    *told_at(g, place) = now;
}

/* The messages that lead from what was told to what is to be told now. */
static void compare(struct adjout_group *g, uint32_t net)
{
    struct rib *r = g->adjout->rib;
    const struct rib_net *n = rib_net(r, net);
    uint32_t place = prefix_index_place(net), path = outcome(g, n, -1);
    struct adjout_told was = *told_at(g, place);
    struct adjout_told now = { .attrs = attrs_of(g, path), .nva = path ? rib_path(r, path)->nva : 0 };
    uint32_t second = now.nva ? attrs_of(g, outcome(g, n, now.nva)) : 0;
    uint32_t was_second = second_at(g, place);
    bool moved = now.nva != was.nva;
    uint32_t own_had = moved && now.nva ? was.attrs : was_second; /* what now.nva was told so far */
    if (now.attrs != was.attrs)
        adjout_batch_add(g->batch, net, now.attrs, now.nva, 0);
    else if (moved && was.nva && now.attrs != was_second)
        adjout_batch_add(g->batch, net, now.attrs, 0, was.nva);
    if (now.nva && own_had != second)
        adjout_batch_add(g->batch, net, second, 0, now.nva);
    remember(g, place, now, second);
}

/* Take changed nets of this family into a batch. */
static unsigned fill_batch(struct adjout_group *g, unsigned budget)
{
    unsigned taken = 0;
    struct vlist *loc = &g->adjout->rib->loc;
    adjout_batch_clear(g->batch, g->position);
    for (uint32_t net; taken < budget && g->batch->count < 2 * ADJOUT_BATCH &&
                       (net = vlist_next(loc, &g->position));) {
        taken++;
        if (prefix_index_family(net) != g->rules.family)
            continue;
        if (!reserve_place(&g->told, prefix_index_place(net)))
            abort();
        compare(g, net);
    }
    return taken;
}

/* ---- the log and its readers ---- */

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

/* A member that holds up the others goes on alone from where it stands. */
static void detach(struct adjout_member *m)
{
    struct adjout_record r;
    uint64_t offset = m->offset;
    m->attached = false;
    m->untold = 0;
    m->position = adjout_log_read(&m->group->log, &offset, &r) ? r.version : m->group->position;
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
            detach(m);
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
                                                            .except = m.except,
                                                            .only = m.only,
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

bool adjout_work(struct adjout *a, unsigned budget)
{
    bool more = false;
    LIST_EACH(node, &a->groups)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        unsigned left = budget;
        while (left && g->position < vlist_head(&a->rib->loc)) {
            unsigned taken = work_group(g, left);
            left -= taken < left ? taken : left;
        }
        more |= g->position < vlist_head(&a->rib->loc);
    }
    return more;
}

uint64_t adjout_produced(const struct adjout *a)
{
    return a->produced;
}

/* ---- members ---- */

static size_t copy_from_log(struct adjout_member *m, uint8_t *buf, size_t cap)
{
    struct adjout_record r;
    const uint8_t *bytes;
    size_t n = 0;
    while ((bytes = adjout_log_read(&m->group->log, &m->offset, &r))) {
        bool mine = (!r.only || r.only == m->nva) && (!r.except || r.except != m->nva);
        if (mine && r.len > cap - n)
            break;
        m->offset = adjout_log_after(m->offset, &r);
        if (!mine)
            continue;
        memcpy(buf + n, bytes, r.len);
        n += r.len;
        m->stats.messages++;
        m->stats.announced += r.announced;
        m->stats.withdrawn += r.withdrawn;
    }
    return n;
}

/* A private batch may wait for room while the RIB goes on: it holds references on what it names. */
static void walk_end(struct adjout_member *m)
{
    for (uint32_t i = 0; m->batch && i < m->batch->count; i++)
        bgp_attrs_unref(&m->group->adjout->rib->attrs, m->batch->items[i].attrs);
    if (m->batch)
        adjout_batch_clear(m->batch, m->position);
}

/* The next stretch of a private walk: what the group has told, never past its own position. */
static void walk(struct adjout_member *m)
{
    struct adjout_group *g = m->group;
    walk_end(m);
    uint64_t at = m->position;
    for (uint32_t net; m->batch->count < ADJOUT_BATCH &&
                       (net = vlist_next(&g->adjout->rib->loc, &at)) && at <= g->position;) {
        m->position = at;
        if (prefix_index_family(net) != g->rules.family)
            continue;
        uint32_t attrs = adjout_told(m, net);
        if (!attrs && at <= m->untold)
            continue;
        bgp_attrs_ref(&g->adjout->rib->attrs, attrs);
        adjout_batch_add(m->batch, net, attrs, 0, 0);
    }
    if (m->batch->count < ADJOUT_BATCH)
        m->position = g->position;
}

static void attach(struct adjout_member *m)
{
    walk_end(m);
    m->attached = true;
    m->offset = m->group->log.head;
    free(m->batch);
    m->batch = NULL;
}

/* Before that a net may stand behind the group's position that it has told, and finds unchanged when
 * it comes to it again: nothing would be said, and a member that attached meanwhile would miss it. */
static bool has_told_all(const struct adjout_group *g)
{
    return g->position == vlist_head(&g->adjout->rib->loc);
}

/* A message that tells where a catch-up begins or ends: at most 32 bytes. */
static size_t put_mark(struct adjout_member *m, bool *wanted, uint8_t *buf, size_t cap)
{
    enum { MARK_MAX = 32 };
    enum bgp_family family = m->group->rules.family;
    bool is_begin = wanted == &m->wants_begin;
    if (!*wanted || cap < MARK_MAX)
        return 0;
    *wanted = false;
    m->stats.messages += !m->is_refresh;
    return m->is_refresh ? bgp_refresh_write(buf, family, is_begin ? 1 : 2)
                         : bgp_update_end_of_rib(buf, family);
}

static bool reserve_batch(struct adjout_member *m)
{
    if (!m->batch)
        m->batch = calloc(1, sizeof *m->batch);
    return m->batch;
}

static size_t copy_from_walk(struct adjout_member *m, uint8_t *buf, size_t cap)
{
    size_t n = 0;
    if (!reserve_batch(m))
        return 0; /* later, when there is memory */
    while (cap - n >= m->group->rules.codec.max_message) {
        struct adjout_message msg = adjout_encode(m->group, m->batch, buf + n);
        n += msg.len;
        m->stats.messages += msg.len != 0;
        m->stats.announced += msg.announced;
        m->stats.withdrawn += msg.withdrawn;
        if (msg.len)
            continue;
        if (m->position < m->group->position) {
            walk(m);
            continue;
        }
        if (has_told_all(m->group))
            attach(m);
        break;
    }
    return n;
}

size_t adjout_pull(struct adjout_member *m, uint8_t *buf, size_t cap)
{
    size_t n = put_mark(m, &m->wants_begin, buf, cap);
    if (m->wants_begin)
        return 0;
    if (!m->attached)
        n += copy_from_walk(m, buf + n, cap - n);
    if (!m->attached)
        return n;
    n += put_mark(m, &m->wants_end, buf + n, cap - n);
    if (!m->wants_end)
        n += copy_from_log(m, buf + n, cap - n);
    return n;
}

bool adjout_has_output(const struct adjout_member *m)
{
    return !m->attached || m->wants_end || m->offset < m->group->log.head;
}

/* Marks only between two whole catch-ups: RFC 7313 section 4 forbids a Begin before End-of-RIB, and a
 * request that comes while one is told is answered by starting over. */
void adjout_refresh(struct adjout_member *m)
{
    bool is_marked = m->marks_refresh && !m->wants_end;
    walk_end(m);
    m->attached = false;
    m->untold = 0;
    m->position = 0;
    if (is_marked)
        m->wants_begin = m->wants_end = m->is_refresh = true;
}

struct adjout_stats adjout_stats(const struct adjout_member *m)
{
    return m->stats;
}

uint32_t adjout_told(const struct adjout_member *m, uint32_t net)
{
    const struct adjout_group *g = m->group;
    uint32_t place = prefix_index_place(net);
    if (prefix_index_family(net) != g->rules.family || place >= g->told.top)
        return 0;
    const struct adjout_told *t = told_at(g, place);
    return t->nva && t->nva == m->nva ? second_at(g, place) : t->attrs;
}

uint64_t adjout_position(const struct adjout_member *m)
{
    return m->group->position;
}

/* ---- groups ---- */

static bool same_rules(const struct adjout_rules *a, const struct adjout_rules *b)
{
    const struct bgp_codec *x = &a->codec, *y = &b->codec;
    return a->family == b->family && a->from_types == b->from_types &&
           a->export.transparent == b->export.transparent &&
           a->export.local_asn == b->export.local_asn && a->export.otc == b->export.otc &&
           a->export.graceful_shutdown == b->export.graceful_shutdown &&
           ip_addr_is_equal(&a->self_next_hop, &b->self_next_hop) && x->as4 == y->as4 &&
           x->max_message == y->max_message && x->ext_next_hop == y->ext_next_hop &&
           x->long_lived == y->long_lived &&
           x->add_path_out[a->family] == y->add_path_out[a->family];
}

static struct adjout_group *group_new(struct adjout *a, const struct adjout_rules *rules)
{
    struct adjout_group *g = calloc(1, sizeof *g);
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
    slab_init(&g->told, sizeof(struct adjout_told));
    slab_init(&g->seconds, sizeof(uint32_t));
    g->audience = (struct rib_audience){
        .from_types = rules->from_types,
        .is_external = true,
        .no_mixed_families = rules->family == BGP_IP4 && !rules->codec.ext_next_hop,
        .no_config = ip_addr_is_zero(&rules->self_next_hop),
        .no_long_lived = !rules->codec.long_lived,
    };
    a->rib->limits_types |= rules->from_types != UINT8_MAX;
    list_init(&g->all);
    list_init(&g->members);
    list_append(&a->groups, &g->all);
    return g;
}

static void group_free(struct adjout_group *g)
{
    for (uint32_t i = 1; i < g->told.top; i++) {
        bgp_attrs_unref(&g->adjout->rib->attrs, told_at(g, i)->attrs);
        bgp_attrs_unref(&g->adjout->rib->attrs, second_at(g, i));
    }
    list_remove(&g->all);
    adjout_log_fini(&g->log);
    slab_fini(&g->told);
    slab_fini(&g->seconds);
    free(g->batch);
    free(g);
}

static struct adjout_group *find_group(struct adjout *a, const struct adjout_rules *rules)
{
    LIST_EACH(node, &a->groups)
    {
        struct adjout_group *g = LIST_OF(node, struct adjout_group, all);
        if (same_rules(&g->rules, rules))
            return g;
    }
    return group_new(a, rules);
}

struct adjout_member *adjout_join(struct adjout *a, const struct adjout_rules *rules, uint16_t nva)
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
        .untold = vlist_head(&a->rib->loc),
        .wants_end = true,
        .marks_refresh = rules->codec.enhanced_refresh, /* members of one group may differ in this */
    };
    list_init(&m->all);
    list_append(&g->members, &m->all);
    return m;
}

void adjout_leave(struct adjout_member *m)
{
    struct adjout_group *g = m->group;
    walk_end(m);
    list_remove(&m->all);
    free(m->batch);
    free(m);
    if (list_is_empty(&g->members))
        group_free(g);
}

/* What it was told so far the new group does not know: a walk that withdraws what is not there. */
struct adjout_member *adjout_move(struct adjout_member *m, const struct adjout_rules *rules)
{
    struct adjout_member *moved = adjout_join(m->group->adjout, rules, m->nva);
    if (!moved)
        return NULL;
    moved->untold = 0;
    moved->wants_begin = m->wants_begin;
    moved->wants_end = m->wants_end;
    moved->is_refresh = m->is_refresh;
    moved->stats = m->stats;
    adjout_leave(m);
    return moved;
}

struct adjout *adjout_new(struct rib *rib)
{
    struct adjout *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->export = malloc(BGP_EXPORT_MAX);
    if (!a->export) {
        free(a);
        return NULL;
    }
    a->rib = rib;
    list_init(&a->groups);
    return a;
}

void adjout_free(struct adjout *a)
{
    if (!a)
        return;
    free(a->export);
    free(a);
}

/* ---- for the RIB's housekeeping ---- */

/* What a member has not read yet stands for nets that must not be forgotten: by the indices of its
 * batch, and because it may have to walk over them again. */
static uint64_t has_read(const struct adjout_member *m)
{
    struct adjout_record r;
    uint64_t offset = m->offset;
    if (m->attached)
        return adjout_log_read(&m->group->log, &offset, &r) ? r.version : UINT64_MAX;
    return m->batch && !adjout_batch_is_done(m->batch) ? m->batch->version : m->position;
}

uint64_t adjout_slowest(const struct adjout *a)
{
    uint64_t slowest = UINT64_MAX;
    for (const struct list *at = a->groups.next; at != &a->groups; at = at->next) {
        const struct adjout_group *g =
            (const struct adjout_group *)((const char *)at - offsetof(struct adjout_group, all));
        slowest = g->position < slowest ? g->position : slowest;
        for (const struct list *m = g->members.next; m != &g->members; m = m->next) {
            const struct adjout_member *member =
                (const struct adjout_member *)((const char *)m - offsetof(struct adjout_member, all));
            uint64_t position = has_read(member);
            slowest = position < slowest ? position : slowest;
        }
    }
    return slowest;
}

bool adjout_holds(const struct adjout *a, uint32_t net)
{
    uint32_t place = prefix_index_place(net);
    for (const struct list *at = a->groups.next; at != &a->groups; at = at->next) {
        const struct adjout_group *g =
            (const struct adjout_group *)((const char *)at - offsetof(struct adjout_group, all));
        if (g->rules.family == prefix_index_family(net) && place < g->told.top &&
            (told_at(g, place)->attrs || second_at(g, place)))
            return true;
    }
    return false;
}
