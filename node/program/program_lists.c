#include "node/program/program_impl.h"

struct entry *program_make_entry(struct program *p, uint32_t prefix)
{
    struct slab *entries = &p->entries[prefix_index_family(prefix)];
    uint32_t place = prefix_index_place(prefix);
    return slab_reach(entries, place) ? slab_at(entries, place) : NULL;
}

/* The field of program_stats that counts the members of a list. */
static uint32_t *waiting_counter(struct program *p, enum list_name list)
{
    if (list == LOST)
        return &p->stats.held_by_brake;
    return list == MERGE ? NULL : &p->stats.pending;
}

void program_take_off(struct program *p, struct entry *e)
{
    if (e->list == OFF)
        return;
    struct chain *c = &p->chains[e->list];
    if (p->judge_next && program_entry(p, p->judge_next) == e)
        p->judge_next = e->next;
    if (c->pick && program_entry(p, c->pick) == e)
        c->pick = e->next;
    *(e->prev ? &program_entry(p, e->prev)->next : &c->head) = e->next;
    *(e->next ? &program_entry(p, e->next)->prev : &c->tail) = e->prev;
    c->count--;
    uint32_t *counter = waiting_counter(p, e->list);
    if (counter)
        --*counter;
    if (e->list == LOST && c->count == 0 && p->stats.brake_on) {
        p->stats.brake_on = false;
        p->window_until_ms = 0; /* what was held in full does not count against the next loss */
    }
    e->list = OFF;
    e->prev = e->next = 0;
}

void program_put_on(struct program *p, uint32_t prefix, struct entry *e, enum list_name list)
{
    if (list == OFF)
        return;
    struct chain *c = &p->chains[list];
    e->prev = c->tail;
    *(c->tail ? &program_entry(p, c->tail)->next : &c->head) = prefix;
    c->tail = prefix;
    c->count++;
    uint32_t *counter = waiting_counter(p, list);
    if (counter)
        ++*counter;
    e->list = (uint8_t)list;
}

/* Every second one in a round; the others wait for the next one, as do those that come meanwhile, so that a round halves
 * what stands before anybody. A kernel keeps IPv4 routes in a tree of arrays: when they go from one end to the other, the
 * arrays are rebuilt several times a route, and hardly ever when all of it becomes sparse alike. Its tree of IPv6 routes
 * has no arrays, and neighbours one after the other find it in the cache. */
uint32_t program_pick(struct program *p, enum list_name list)
{
    struct chain *c = &p->chains[list];
    if (!c->pick || !c->left) {
        c->pick = c->head;
        c->left = c->count;
    }
    uint32_t prefix = c->pick;
    uint32_t next = prefix ? program_entry(p, prefix)->next : 0;
    bool is_passed = next && prefix_index_family(next) == BGP_IP4;
    uint32_t steps = is_passed ? 2 : 1;
    c->pick = is_passed ? program_entry(p, next)->next : next;
    c->left -= c->left > steps ? steps : c->left;
    return prefix;
}

static void count(uint32_t *counter, struct entry *e, uint16_t mark, bool is_one)
{
    if (is_one == ((e->flags & mark) != 0))
        return;
    e->flags ^= mark;
    *counter += is_one ? 1 : UINT32_MAX;
}

void program_count(struct program *p, struct entry *e)
{
    bool unclaimed = e->actual && (e->flags & (INHERITED | CLAIMED)) == INHERITED;
    count(&p->stats.wanted, e, COUNTED_WANTED, e->wanted != 0);
    count(&p->stats.installed, e, COUNTED_INSTALLED, e->actual != 0);
    count(&p->stats.failed, e, COUNTED_FAILED, (e->flags & FAILED) != 0);
    count(&p->stats.inherited, e, COUNTED_INHERITED, unclaimed);
}

void program_set_ref(struct program *p, uint32_t *field, uint32_t nhset)
{
    nhset_ref(p->sets, nhset);
    nhset_unref(p->sets, *field);
    *field = nhset;
}

void program_keep(struct program *p, uint32_t prefix, uint32_t nhset)
{
    if (slab_reach(&p->kept[prefix_index_family(prefix)], prefix_index_place(prefix)))
        program_set_ref(p, program_kept_at(p, prefix), nhset);
}

void program_keep_no_more(struct program *p, uint32_t prefix)
{
    if (program_kept(p, prefix))
        program_set_ref(p, program_kept_at(p, prefix), 0);
}
