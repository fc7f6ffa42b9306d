#include "node/program/follow.h"

#include <stddef.h>
#include <string.h>

#include "bgp/codec/update.h"
#include "node/base/memory.h"

struct follow_route {
    uint32_t sets[REPL_NODES_MAX]; /* by node; 0 = not in its table */
    uint32_t kept;     /* in its place a node put something else that had not named it */
    uint8_t lives[REPL_NODES_MAX]; /* by node: the table of it that these are of; each sweep makes them all of the latest */
    uint8_t seen;      /* bit per node: that table has spoken of it */
    uint8_t stood;     /* bit per node: it was in the host before that, or came by another one's word */
    uint8_t named;     /* bit per node: that table had all that the host leads to */
    uint8_t withdrawn; /* bit per node: said so, and no node has told the route since */
};
enum { ROUTE_BYTES = offsetof(struct follow_route, withdrawn) + 1 };

bool follow_init(struct follow *f, size_t node_count, const uint8_t digest_key[16],
                 struct hash_key key)
{
    *f = (struct follow){ .node_count = node_count, .active = -1 };
    prefix_table_init(&f->prefixes, key, ROUTE_BYTES);
    nhset_table_init(&f->sets, key);
    for (size_t i = 0; i < node_count; i++)
        repl_digest_init(&f->nodes[i].digest, REPL_DIGEST_SUM, digest_key);
    f->program = program_new(&program_defaults, &f->sets);
    return f->program != NULL;
}

void follow_fini(struct follow *f)
{
    program_free(f->program);
    prefix_table_fini(&f->prefixes);
    nhset_table_fini(&f->sets);
}

static struct follow_route *route_at(const struct follow *f, uint32_t prefix)
{
    return prefix_table_record(&f->prefixes, prefix);
}

static void must(int err)
{
    if (err)
        abort();
}

/* ---- records ---- */

static void keep(struct follow *f, struct follow_route *r, uint32_t set)
{
    nhset_ref(&f->sets, set);
    nhset_unref(&f->sets, r->kept);
    r->kept = set;
}

static bool is_held_by_a_node(const struct follow *f, const struct follow_route *r)
{
    for (size_t i = 0; i < f->node_count; i++)
        if (r->sets[i])
            return true;
    return false;
}

static void drop_if_unused(struct follow *f, uint32_t prefix)
{
    if (is_held_by_a_node(f, route_at(f, prefix)) || program_holds(f->program, prefix))
        return;
    keep(f, route_at(f, prefix), 0);
    prefix_table_drop(&f->prefixes, prefix);
}

void follow_released(struct follow *f, uint32_t prefix)
{
    drop_if_unused(f, prefix);
}

/* What stands in the host, or is about to. */
static uint32_t standing(const struct follow *f, uint32_t prefix)
{
    uint32_t wanted = program_wanted_set(f->program, prefix);
    return wanted ? wanted : program_actual_set(f->program, prefix);
}

/* ---- one node's table ---- */

/* A table begins with its first word: what was noted of a route is of an earlier one until it is looked at. */
static void renew(struct follow *f, size_t node, uint32_t prefix)
{
    struct follow_route *r = route_at(f, prefix);
    uint8_t bit = (uint8_t)(1u << node);
    if (r->lives[node] == f->nodes[node].life)
        return;
    r->lives[node] = f->nodes[node].life;
    r->seen &= (uint8_t)~bit;
    r->named &= (uint8_t)~bit;
    r->stood = standing(f, prefix) ? r->stood | bit : r->stood & (uint8_t)~bit;
}

static void set_route(struct follow *f, size_t node, uint32_t prefix, uint32_t set)
{
    struct follow_node *n = &f->nodes[node];
    struct follow_route *r = route_at(f, prefix);
    uint32_t told = r->seen & 1u << node ? r->sets[node] : 0;
    struct ip_prefix p;
    prefix_table_prefix(&f->prefixes, prefix, &p);
    repl_digest_change(&n->digest, &p, nhset_get(&f->sets, told), nhset_get(&f->sets, set));
    n->routes += (set != 0) - (uint32_t)(told != 0);
    nhset_ref(&f->sets, set);
    nhset_unref(&f->sets, r->sets[node]);
    r->sets[node] = set;
    r->seen |= (uint8_t)(1u << node);
}

/* ---- which table is applied ---- */

/* It has heard all those that the host leads to: what it says of them since is known to be so. */
static void note_named(struct follow *f, size_t node, uint32_t prefix, uint32_t set)
{
    struct follow_route *r = route_at(f, prefix);
    uint32_t actual = r->kept ? r->kept : program_actual_set(f->program, prefix);
    if (nhset_is_subset(&f->sets, actual, set) && nhset_is_subset(&f->sets, program_wanted_set(f->program, prefix), set))
        r->named |= (uint8_t)(1u << node);
}

/* A node that has not converged adds and replaces, and takes no next hop away before it has named all of them: who
 * announces it may not have spoken to that node yet. */
static bool may_set(const struct follow *f, size_t node, uint32_t prefix, uint32_t set)
{
    const struct follow_route *r = route_at(f, prefix);
    return f->nodes[node].complete || r->named & 1u << node || r->kept ||
           !nhset_is_subset(&f->sets, set, standing(f, prefix));
}

/* But what it brought itself goes by its word, and so does what stood in the host before where it has named all of it
 * and all of it was withdrawn. */
static bool may_remove(const struct follow *f, size_t node, uint32_t prefix, bool is_lost)
{
    const struct follow_route *r = route_at(f, prefix);
    bool is_its_own = r->sets[node] && !(r->stood & 1u << node);
    bool is_proven = r->named & 1u << node && !is_lost;
    bool is_replaced = r->kept && (r->sets[node] || !is_lost);
    return f->nodes[node].complete || is_its_own || is_proven || is_replaced;
}

/* By the word of the node that is followed: what is new in it the others have not named. What stood before and it has not
 * named comes back when that goes which it put in its place. */
static void want(struct follow *f, uint32_t prefix, uint32_t set, enum program_cause cause, uint64_t now_ms)
{
    struct follow_route *r = route_at(f, prefix);
    size_t node = (size_t)f->active;
    bool knows_all = f->nodes[node].complete || r->named & 1u << node;
    bool comes_back = !knows_all && r->kept && nhset_is_subset(&f->sets, set, r->kept);
    for (size_t i = 0; i < f->node_count; i++)
        if (i != node && !nhset_is_subset(&f->sets, set, r->sets[i]))
            r->named &= (uint8_t)~(1u << i);
    if (set) /* whoever is followed next has not brought it */
        r->stood |= (uint8_t)~(1u << node);
    if (!knows_all && !r->kept)
        keep(f, r, standing(f, prefix));
    must(program_want(f->program, prefix, comes_back ? r->kept : set, cause, now_ms));
    if (knows_all || comes_back)
        keep(f, r, 0);
}

/* It was to go by the word of a node that was followed before, and this one has it, if not all of it yet: it stays. */
static void spare(struct follow *f, uint32_t prefix, uint64_t now_ms)
{
    if (!program_wanted_set(f->program, prefix))
        must(program_want(f->program, prefix, program_actual_set(f->program, prefix), PROGRAM_LOST, now_ms));
}

/* Why a node's table is without it: what it said when it was not followed, or told its table, counts all the same. */
static enum program_cause cause_of(const struct follow_route *r, size_t node)
{
    return r->withdrawn & 1u << node ? PROGRAM_WITHDRAWN : PROGRAM_LOST;
}

static void note_cause(struct follow_route *r, size_t node, uint32_t set, bool is_lost)
{
    uint8_t bit = (uint8_t)(1u << node);
    if (set)
        r->withdrawn = 0;
    else
        r->withdrawn = is_lost ? r->withdrawn & (uint8_t)~bit : r->withdrawn | bit;
}

static bool is_usable(const struct follow_node *n)
{
    return n->connected && n->cut_seen && n->complete;
}

/* What the table of a node is worth: of one that hears no NVA, by no node, what it has lost is held, and what they say since
 * it lacks. One that has not converged adds, and takes no more than it has named. */
enum worth { WORTH_NOTHING, WORTH_YOUNG, WORTH_DEAF, WORTH_ALL };

static enum worth worth(const struct follow_node *n)
{
    if (!is_usable(n))
        return n->connected && n->cut_seen ? WORTH_YOUNG : WORTH_NOTHING;
    return n->isolated ? WORTH_DEAF : WORTH_ALL;
}

/* The best node to follow: who is followed now, if no other one is worth more; also while it tells its table once more. */
static int choose(const struct follow *f)
{
    int best = f->active;
    enum worth most = best < 0 ? WORTH_NOTHING : worth(&f->nodes[best]);
    if (best >= 0 && f->nodes[best].connected && most < WORTH_YOUNG)
        most = WORTH_YOUNG;
    for (size_t i = 0; i < f->node_count; i++)
        if (worth(&f->nodes[i]) > most) {
            best = (int)i;
            most = worth(&f->nodes[i]);
        }
    return best;
}

static void begin_walk(struct follow *f)
{
    f->walk = (struct follow_walk){ .is_on = true, .place = 1 };
    program_hold_deletions(f->program, true);
}

/* Without a node, or with one that has lost every NVA, nothing that is lost goes. One that tells its table once more has
 * lost nobody: what waits for its removal does not wait for as long again. */
static void tell_sessions(struct follow *f, uint64_t now_ms)
{
    const struct follow_node *n = &f->nodes[f->active];
    const struct ip_addr *hops;
    size_t count = follow_lost(f, &hops, now_ms);
    program_lost(f->program, hops, count);
    program_set_awaited(f->program, n->connected && n->awaits);
    program_set_heard(f->program, n->connected && (n->cut_seen || n->resetting) && !n->isolated, now_ms);
}

static void follow_choose(struct follow *f, bool refresh, uint64_t now_ms)
{
    int best = choose(f);
    if (best < 0)
        return;
    bool changed = best != f->active;
    f->active = best;
    tell_sessions(f, now_ms);
    if (changed || refresh)
        begin_walk(f);
}

void follow_connected(struct follow *f, size_t node)
{
    struct follow_node *n = &f->nodes[node];
    n->connected = true;
    n->cut_seen = n->complete = n->resetting = n->waits = n->awaits = false;
    n->position = 0;
}

void follow_disconnected(struct follow *f, size_t node, uint64_t now_ms)
{
    f->nodes[node].connected = false;
    follow_choose(f, false, now_ms);
}

/* ---- batches ---- */

static uint32_t intern(struct follow *f, const struct repl_table_routes *g)
{
    struct ip_addr members[NHSET_MAX];
    uint32_t count = g->next_hop_count < NHSET_MAX ? g->next_hop_count : NHSET_MAX;
    bool nomem;
    memcpy(members, g->next_hops, count * sizeof *members);
    uint32_t set = nhset_intern(&f->sets, members, count, &nomem);
    must(nomem);
    return set;
}

static void apply_group(struct follow *f, size_t node, const struct repl_table_routes *g,
                        uint64_t now_ms)
{
    struct bgp_nlri nlri = { .at = g->nlri, .len = g->len, .family = g->family };
    uint32_t set = g->next_hop_count ? intern(f, g) : 0, path_id;
    struct ip_prefix p;
    while (bgp_nlri_next(&nlri, &p, &path_id)) {
        uint32_t prefix = set ? prefix_table_get(&f->prefixes, &p)
                              : prefix_table_find(&f->prefixes, &p);
        must(set && !prefix);
        if (!prefix)
            continue;
        renew(f, node, prefix);
        if (set)
            note_named(f, node, prefix, set);
        bool counts = set ? may_set(f, node, prefix, set) : may_remove(f, node, prefix, g->lost);
        set_route(f, node, prefix, set);
        note_cause(route_at(f, prefix), node, set, g->lost);
        if (f->active == (int)node && counts)
            want(f, prefix, set, cause_of(route_at(f, prefix), node), now_ms);
        else if (f->active == (int)node && set)
            spare(f, prefix, now_ms);
        if (!set)
            drop_if_unused(f, prefix);
    }
    nhset_unref(&f->sets, set);
}

/* A node takes its word back after ten seconds; one that cannot any more is believed a little longer. */
enum { LOST_MS = 15000 };

static void note_lost(struct follow_node *n, const struct repl_table_batch *b, uint64_t now_ms)
{
    n->lost_count = b->lost_count < FOLLOW_LOST_MAX ? b->lost_count : FOLLOW_LOST_MAX;
    if (n->lost_count)
        memcpy(n->lost, b->lost, n->lost_count * sizeof *n->lost);
    n->lost_until_ms = now_ms + LOST_MS;
}

size_t follow_lost(const struct follow *f, const struct ip_addr **hops, uint64_t now_ms)
{
    const struct follow_node *n = f->active < 0 ? NULL : &f->nodes[f->active];
    *hops = n ? n->lost : NULL;
    return n && now_ms < n->lost_until_ms ? n->lost_count : 0;
}

static bool has_digest(const struct follow_node *n, const uint8_t *told)
{
    uint8_t digest[REPL_DIGEST];
    repl_digest_write(&n->digest, digest);
    return memcmp(digest, told, REPL_DIGEST) == 0;
}

static bool is_verified(const struct follow_node *n, const struct repl_table_batch *b)
{
    return n->routes == b->route_total && has_digest(n, b->digest);
}

static enum follow_result ask_again(struct follow_node *n)
{
    n->waits = true;
    return FOLLOW_RESUBSCRIBE;
}

/* What it told before is of its last life, and not looked at any more. */
static void begin_table(struct follow_node *n, const struct repl_table_batch *b)
{
    n->waits = false;
    n->resetting = true;
    n->cut_seen = n->complete = false;
    n->incarnation = b->incarnation;
    n->position = b->from;
    n->life++;
    n->sweep.is_on = false;
    n->routes = 0;
    n->told_count = 0;
    repl_digest_clear(&n->digest);
}

static bool is_told(const struct ip_addr *told, size_t count, const struct ip_addr *hop)
{
    for (size_t i = 0; i < count; i++)
        if (ip_addr_is_equal(&told[i], hop))
            return true;
    return false;
}

/* Who is no more among them is none of them at once; who has come to them is one at the cut, behind what it told. True: then they
 * are other ones. */
static bool note_told(struct follow_node *n, const struct repl_table_batch *b)
{
    size_t count = b->told_count < PROGRAM_TOLD_MAX ? b->told_count : PROGRAM_TOLD_MAX, kept = 0;
    if (b->cut) {
        bool is_same = count == n->told_count && (!count || !memcmp(n->told, b->told, count * sizeof *n->told));
        if (count)
            memcpy(n->told, b->told, count * sizeof *n->told);
        n->told_count = count;
        return !is_same;
    }
    for (size_t i = 0; i < n->told_count; i++)
        if (is_told(b->told, count, &n->told[i]))
            n->told[kept++] = n->told[i];
    n->told_count = kept;
    return false;
}

/* The table is whole: what it has not, the node has not. */
static enum follow_result cut(struct follow *f, size_t node, const struct repl_table_batch *b, uint64_t now_ms)
{
    struct follow_node *n = &f->nodes[node];
    bool ends = n->resetting, completes = b->complete && !n->complete;
    n->resetting = false;
    if (!is_verified(n, b))
        return ask_again(n);
    n->cut_seen = true;
    n->complete = b->complete;
    n->awaits = b->awaits;
    if (ends)
        n->sweep = (struct follow_walk){ .is_on = true, .place = 1 };
    bool tells = note_told(n, b) && !n->complete;
    follow_choose(f, (completes || tells) && f->active == (int)node, now_ms);
    if (n->complete && f->active == (int)node)
        program_told(f->program, n->told, n->told_count, now_ms);
    return FOLLOW_APPLIED;
}

enum follow_result follow_apply(struct follow *f, size_t node, const struct repl_table_batch *b,
                                uint64_t now_ms)
{
    struct follow_node *n = &f->nodes[node];
    if (n->waits && !b->reset)
        return FOLLOW_APPLIED; /* it was on the way already */
    if (b->reset)
        begin_table(n, b);
    if (b->incarnation != n->incarnation || b->from != n->position)
        return ask_again(n);
    n->isolated = b->isolated;
    n->awaits |= b->awaits;
    note_lost(n, b, now_ms);
    if (!b->cut)
        note_told(n, b);
    if (f->active == (int)node)
        tell_sessions(f, now_ms);
    for (uint32_t i = 0; i < b->route_count; i++)
        apply_group(f, node, &b->routes[i], now_ms);
    n->position = b->to;
    return b->cut ? cut(f, node, b, now_ms) : FOLLOW_APPLIED;
}

enum follow_result follow_beat(struct follow *f, size_t node, const uint8_t *digest)
{
    struct follow_node *n = &f->nodes[node];
    bool is_at_rest = n->cut_seen && !n->waits;
    return !digest || !is_at_rest || has_digest(n, digest) ? FOLLOW_APPLIED : ask_again(n);
}

void follow_give_up(struct follow *f, uint64_t now_ms)
{
    f->active = -1;
    f->converged_told = true;
    program_converged(f->program, now_ms);
    begin_walk(f);
}

/* ---- walks over all prefixes ---- */

typedef void visit_route(struct follow *f, uint32_t prefix, size_t node, uint64_t now_ms);

static void visit_sweep(struct follow *f, uint32_t prefix, size_t node, uint64_t now_ms)
{
    struct follow_route *r = route_at(f, prefix);
    (void)now_ms;
    renew(f, node, prefix);
    if (r->seen & 1u << node || !r->sets[node])
        return;
    nhset_unref(&f->sets, r->sets[node]);
    r->sets[node] = 0;
    drop_if_unused(f, prefix);
}

/* A node that has not converged has nothing there: have all that this set leads to told it all that they have? */
static bool is_untold(const struct follow *f, size_t node, uint32_t prefix, uint32_t set)
{
    const struct follow_node *n = &f->nodes[node];
    const struct nhset *hops = nhset_get(&f->sets, set);
    if (n->complete || route_at(f, prefix)->sets[node])
        return false;
    for (uint32_t i = 0; i < hops->count; i++)
        if (hops->members[i].family != prefix_index_family(prefix) || !is_told(n->told, n->told_count, &hops->members[i]))
            return false;
    return hops->count != 0;
}

/* Then it goes. Where it was put in the place of something else that is back, of which the same is asked. */
static void give_way(struct follow *f, uint32_t prefix, size_t node, enum program_cause cause, uint64_t now_ms)
{
    struct follow_route *r = route_at(f, prefix);
    if (!r->kept || is_untold(f, node, prefix, r->kept))
        r->named |= (uint8_t)(1u << node);
    want(f, prefix, 0, cause, now_ms);
    if (program_is_merging(f->program, prefix))
        program_disproved(f->program, prefix, cause, now_ms);
}

static void visit_want(struct follow *f, uint32_t prefix, size_t node, uint64_t now_ms)
{
    const struct follow_route *r = route_at(f, prefix);
    enum program_cause cause = cause_of(r, node);
    if (is_untold(f, node, prefix, standing(f, prefix)))
        give_way(f, prefix, node, cause, now_ms);
    else if (r->sets[node] ? may_set(f, node, prefix, r->sets[node]) : may_remove(f, node, prefix, cause == PROGRAM_LOST))
        want(f, prefix, r->sets[node], cause, now_ms);
    else if (r->sets[node])
        spare(f, prefix, now_ms);
}

static void visit_give_up(struct follow *f, uint32_t prefix, size_t node, uint64_t now_ms)
{
    (void)node;
    keep(f, route_at(f, prefix), 0);
    must(program_want(f->program, prefix, 0, PROGRAM_WITHDRAWN, now_ms));
}

/* A stretch of it. False: it was the last one. */
static bool go_on(struct follow *f, struct follow_walk *w, visit_route *visit, size_t node, uint32_t budget,
                  uint64_t now_ms)
{
    for (; w->family < BGP_FAMILIES; w->family++, w->place = 1)
        for (; w->place < prefix_table_top(&f->prefixes, (enum bgp_family)w->family); w->place++) {
            uint32_t prefix = prefix_index((enum bgp_family)w->family, w->place);
            if (!budget--)
                return true;
            if (prefix_table_is_used(&f->prefixes, prefix))
                visit(f, prefix, node, now_ms);
        }
    w->is_on = false;
    return false;
}

static size_t swept_node(const struct follow *f)
{
    size_t node = 0;
    while (node < f->node_count && !f->nodes[node].sweep.is_on)
        node++;
    return node;
}

/* A table that has begun anew meanwhile is gone through when it is whole again. */
static bool may_walk(const struct follow *f)
{
    return f->walk.is_on && (f->active < 0 || f->nodes[f->active].cut_seen);
}

bool follow_is_walking(const struct follow *f)
{
    return swept_node(f) < f->node_count || may_walk(f);
}

/* All that the host is to have is wanted: what is not may go. */
static void end_walk(struct follow *f, uint64_t now_ms)
{
    program_hold_deletions(f->program, false);
    const struct follow_node *n = f->active < 0 ? NULL : &f->nodes[f->active];
    if (!n || !is_usable(n))
        return;
    if (!f->converged_told) {
        f->converged_told = true;
        program_converged(f->program, now_ms);
    }
    program_told(f->program, n->told, n->told_count, now_ms);
}

void follow_turn(struct follow *f, uint32_t budget, uint64_t now_ms)
{
    size_t node = swept_node(f);
    visit_route *visit = f->active < 0 ? visit_give_up : visit_want;
    if (node < f->node_count)
        go_on(f, &f->nodes[node].sweep, visit_sweep, node, budget, now_ms);
    else if (may_walk(f) && !go_on(f, &f->walk, visit, (size_t)f->active, budget, now_ms))
        end_walk(f, now_ms);
}
