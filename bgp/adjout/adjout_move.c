/* A member comes to another group with what it was told by the one before.
 *
 * Where the two differ by their route map alone, its walk tells what is not alike: up to the version at which it
 * had read all, what the old group told of a net is what the member has, for as long as the net does not change.
 * Where one path of a net is told, its walk withdraws whatever the new group does not tell; and where the new group is
 * as new as its members, since many have moved at once, it does that for all of them. Where several are
 * (RFC 7911) the ids count: those that only the old group knows are written down in the new one as gone, a stretch
 * at a time, and the member reads nothing before that is done. Meanwhile the old group stays, also without
 * members, and forgets no id that was not handed over. */
#include <stdlib.h>

#include "bgp/adjout/adjout_impl.h"

static void must(bool has_memory)
{
    if (!has_memory)
        abort();
}

/* ---- one net ---- */

/* The net's route of this id, or NULL; *gone counts those that are gone. */
static struct adjout_route *find_route(const struct adjout_group *g, uint32_t place, uint32_t path_id,
                                       uint32_t *gone)
{
    struct adjout_route *found = NULL;
    *gone = 0;
    for (uint32_t i = adjout_first_route(g, place); i; i = adjout_route_at(g, i)->next) {
        struct adjout_route *route = adjout_route_at(g, i);
        *gone += !route->attrs;
        found = route->path_id == path_id ? route : found;
    }
    return found;
}

static void add_gone(struct adjout_group *g, uint32_t place, const struct adjout_route *like)
{
    uint32_t index = slab_new(&g->records), *first = slab_at(&g->told, place);
    must(index && bitset_reserve(&g->gone, place + 1));
    *adjout_route_at(g, index) = (struct adjout_route){ .next = *first,
                                                        .path_id = like->path_id,
                                                        .nva = like->nva,
                                                        .was_another = like->was_another };
    *first = index;
    g->gone_count++;
    bitset_add(&g->gone, place);
}

static void hand_over(struct adjout_member *m, const struct adjout_group *from, uint32_t place)
{
    struct adjout_group *g = m->group;
    for (uint32_t i = adjout_first_route(from, place); i; i = adjout_route_at(from, i)->next) {
        const struct adjout_route *was = adjout_route_at(from, i);
        uint32_t gone;
        must(slab_reach(&g->told, place));
        struct adjout_route *now = find_route(g, place, was->path_id, &gone);
        if (now)
            now->was_another |= was->nva != now->nva;
        else if (gone < ADJOUT_GONE + ADJOUT_PATHS)
            add_gone(g, place, was);
        else
            adjout_lose(m);
    }
}

void adjout_lend(struct adjout_group *from, uint32_t place)
{
    LIST_EACH(node, &from->adjout->moving)
    {
        struct adjout_member *m = LIST_OF(node, struct adjout_member, moving);
        if (m->from != from)
            continue;
        if (place >= m->handed)
            hand_over(m, from, place);
        must(bitset_reserve(&m->lent, place + 1));
        bitset_add(&m->lent, place);
    }
}

/* It moves on before it has read anything: what the first group has forgotten since, the second one knows. */
static void pass_on(struct adjout_member *m, struct adjout_member *moved)
{
    for (uint32_t place = 0; (place = bitset_next(&m->lent, place)) != UINT32_MAX; place++)
        hand_over(moved, m->group, place);
    moved->lent = m->lent;
    m->lent = (struct bitset){ 0 };
}

/* ---- all of them ---- */

void adjout_move_end(struct adjout_member *m)
{
    struct adjout_group *from = m->from;
    if (!from)
        return;
    list_remove(&m->moving);
    bitset_fini(&m->lent);
    m->from = NULL;
    m->is_waiting = false;
    m->alike = 0;
    from->lending--;
    from->adjout->produced++; /* it may read now */
}

static void end_waiting(struct adjout_member *m)
{
    if (!m->alike) {
        adjout_move_end(m);
        return;
    }
    list_remove(&m->moving);
    m->is_waiting = false;
    m->from->adjout->produced++;
}

static unsigned hand_over_stretch(struct adjout_member *m, unsigned budget)
{
    for (; budget && m->handed < m->from->told.top; budget--)
        hand_over(m, m->from, m->handed++);
    if (m->handed >= m->from->told.top)
        end_waiting(m);
    return budget;
}

unsigned adjout_move_on(struct adjout *a, unsigned budget)
{
    LIST_EACH(node, &a->moving)
    {
        budget = hand_over_stretch(LIST_OF(node, struct adjout_member, moving), budget);
    }
    return budget;
}

/* ---- what is alike ---- */

bool adjout_is_alike(const struct adjout_member *m, uint32_t place, uint32_t attrs)
{
    return adjout_told_in(m->from, place, m) == attrs;
}

bool adjout_is_alike_path(const struct adjout_member *m, uint32_t place, uint32_t path_id, uint32_t attrs)
{
    uint32_t gone;
    const struct adjout_route *was = find_route(m->from, place, path_id, &gone);
    return (was && was->nva != m->nva && was->hop != m->nva ? was->attrs : 0) == attrs;
}

static bool differ_by_map(const struct adjout_group *a, const struct adjout_group *b)
{
    struct adjout_rules like = a->rules;
    like.map = b->rules.map;
    return adjout_same_rules(&like, &b->rules);
}

/* The version up to which it has what this group has told, 0: that cannot be said. */
static uint64_t known_up_to(const struct adjout_member *m, const struct adjout_group *from,
                            const struct adjout_group *next)
{
    uint64_t read = adjout_has_read(m), told = m->group->position;
    if (m->is_lost || !differ_by_map(from, next))
        return 0;
    if (m->is_waiting)
        return m->alike;
    if (!m->attached)
        return 0;
    return read < told ? read : told;
}

/* ---- moving ---- */

static void begin(struct adjout_member *m, struct adjout_group *from)
{
    m->from = from;
    m->handed = 1; /* place 0 is nobody's */
    from->lending++;
    m->is_waiting = from->has_paths;
    if (m->is_waiting)
        list_append(&from->adjout->moving, &m->moving);
}

/* Members that came together are told all together: then the group's first word on a net is for who may have been
 * told anything. */
static void begin_together(struct adjout_member *m)
{
    struct adjout_group *g = m->group;
    bool is_first = g->members.next == &m->all && g->members.prev == &m->all;
    if (g->position || g->has_paths || !(g->retells || is_first))
        return;
    g->retells = true;
    adjout_begin_together(m);
}

struct adjout_member *adjout_move(struct adjout_member *m, const struct adjout_rules *rules)
{
    struct adjout_member *moved = adjout_member_new(m->group->adjout, rules, m->nva);
    if (!moved)
        return NULL;
    /* Twice within some turns: while it waits it reads nothing, and has what the first group told. */
    struct adjout_group *from = m->is_waiting ? m->from : m->group;
    moved->alike = known_up_to(m, from, moved->group);
    moved->untold = 0;
    moved->is_new = false;
    if (from->has_paths || moved->alike)
        begin(moved, from);
    else
        begin_together(moved);
    if (m->is_waiting)
        pass_on(m, moved);
    moved->wants_begin = m->wants_begin;
    moved->wants_end = m->wants_end;
    moved->is_refresh = m->is_refresh;
    moved->stats = m->stats;
    adjout_leave(m);
    return moved;
}
