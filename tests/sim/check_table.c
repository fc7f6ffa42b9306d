/* What stands in tables: what may be removed (I1, I2), what must be (S2), what may be put (I7), and what has to be there
 * in the end (I6). By the names of the replication design's section 6.
 *
 * An excuse is given where the design gives it, and nowhere else:
 *   settling   what an NVA said a moment ago is on its way (L2); what it would say while it is away nobody hears
 *   silence    I2 speaks of NVAs that keep a session with some living node
 *   loss       I1: a session lost without graceful restart is a reason, where no node that is read has another one
 *   return     what a node held while it was away ends when it has heard what the others know, within S2's second
 *   deaf       a session whose packets are lost looks live for its hold time; S2 speaks of healthy ones
 *   unheard    S2 speaks of sessions that have processed the withdrawal. One that came up later has its End-of-RIB alone,
 *              and that is evidence against what is held by then (4.6 b): what a deaf node takes with it into its
 *              death, or into a restart that it hears of, thereafter nobody disproves, and it is held to its limit
 *              (scenarios 1, 7)
 *   waking     4.6: a session whose node is in wake-up gives no evidence; what it has told by then stands a little longer
 *   refusal    what its file refuses of an NVA, or has no session for, a node removes, or never had
 *   expiry     S1: every hold ends, and in some worlds within a run
 *   lateness   a shared target that takes no writes is behind the node's kernel, where the removal was judged
 *   brake      4.7 (v): what is lost, not withdrawn, may be held for a while
 *   merging    4.9: a node that converges removes nothing that it inherited */
#include <string.h>

#include "tests/sim/shared.h"

enum {
    SETTLE_MS = 2000, /* until a change is where it belongs */
    ZOMBIE_MS = 1000, /* S2 */
    TOLD_MS = 200,    /* what an NVA tells is on its way */
};

/* ---- who hears whom ---- */

static bool has_session(const struct world *w, const struct host *h, int nva)
{
    uint16_t number = h->core ? sim_number(w, h->core, nva) : 0;
    const struct bgp_session *s = number ? h->core->peers[number]->session : NULL;
    return s && bgp_session_slot(s) >= 0;
}

bool check_has_heard(const struct world *w, const struct host *h, int nva)
{
    const struct nva_session *s = &w->nvas[nva].sessions[h->number];
    return has_session(w, h, nva) && !s->is_untold && w->now >= s->up_at + TOLD_MS;
}

/* Nothing of the NVA arrives at the node, or has only just begun to again. */
static bool is_out_of_reach(const struct world *w, const struct host *h, int nva)
{
    const struct bgp_session *theirs = w->nvas[nva].sessions[h->number].machine;
    int party = SIM_NODES_MAX + nva;
    uint64_t apart = w->apart[h->number][nva];
    if (w->cut[h->number][party] || w->cut[party][h->number] || (apart && w->now < apart + ZOMBIE_MS))
        return true;
    return !theirs || bgp_session_slot(theirs) < 0;
}

/* Its node takes the session for living all the same. */
static bool is_deaf(const struct world *w, const struct host *h, int nva)
{
    return has_session(w, h, nva) && is_out_of_reach(w, h, nva);
}

static bool peers_with(const struct nva *n, const struct host *h)
{
    return n->nodes & 1u << h->number;
}

/* This node hears every NVA, and has for a while. */
static bool hears_all(const struct world *w, const struct host *h)
{
    for (int i = 0; i < w->nva_count; i++)
        if (!peers_with(&w->nvas[i], h) || w->nvas[i].is_away || is_deaf(w, h, i) ||
            bgp_session_slot(w->nvas[i].sessions[h->number].machine) < 0 ||
            w->now < w->nvas[i].sessions[h->number].up_at + ZOMBIE_MS)
            return false;
    return true;
}

/* An NVA that no node had a session with counts as silent for a while, and what a deaf node told stays with the others
 * until they know of its end. */
void check_note_silence(struct world *w)
{
    for (int i = 0; i < w->nva_count; i++) {
        bool heard = false;
        for (int k = 0; k < w->host_count; k++) {
            if (!has_session(w, &w->hosts[k], i))
                continue;
            heard = true;
            w->deaf = is_out_of_reach(w, &w->hosts[k], i) ? w->now : w->deaf;
        }
        if (!heard || w->nvas[i].is_away) /* who sleeps still has a session with it */
            w->nvas[i].unheard = w->now;
    }
}

static bool was_anybody_deaf(const struct world *w)
{
    return w->deaf && w->now <= w->deaf + ZOMBIE_MS;
}

/* What a node that comes back holds over a restart of an NVA is its own to end (4.6 b): it has to hear first that the
 * NVA told another node everything, and without that route. */
static bool has_anybody_returned(const struct world *w)
{
    return w->now <= w->reunited + ZOMBIE_MS;
}

/* ---- I1, I2: what may be removed ---- */

/* The NVA whose next hop that is, -1: nobody's. */
static int nva_at(const struct world *w, const struct ip_addr *hop)
{
    int nva = sim_party_at(hop) - SIM_NODES_MAX;
    return nva >= 0 && nva < w->nva_count ? nva : -1;
}

static bool leads_to(const struct world *w, const struct sim_table *t, int number, int nva)
{
    for (uint32_t i = 0; t->present[number] && i < t->hop_count[number]; i++)
        if (nva_at(w, &t->hops[number][i]) == nva)
            return true;
    return false;
}

void check_note_hops(const struct world *w, const struct sim_table *before, struct sim_table *now, int prefix)
{
    for (int nva = 0; nva < w->nva_count; nva++)
        now->since[prefix][nva] = leads_to(w, before, prefix, nva) ? before->since[prefix][nva] : w->now;
}

/* Its kernel lost it before, in this life, and has not been given it again: there it was judged. */
static bool is_out_of_kernel(const struct host *h, const struct sim_table *from, int number)
{
    return from != &h->kernel && h->removed[number] >= h->up_since;
}

/* A node alone keeps no tombstone: who has told it all, and has no path there, has withdrawn it. nva: its number there */
static bool is_withdrawn_without_a_trace(const struct rib *r, uint16_t nva)
{
    return !r->keep_tombstones && r->origins[r->self].sessions[nva].state == RIB_SESSION_SYNCED;
}

/* Has this node ever heard of the route by this NVA, or inherited it? What stands there since before the NVA announced it
 * again, and was heard withdrawn by then, or went from the kernel, tells of the announcement before. */
static bool knows(const struct world *w, const struct host *h, const struct sim_table *from, int nva, int number)
{
    const struct rib *r = &h->core->rib;
    uint16_t its = sim_number(w, h->core, nva);
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    bool is_withdrawn = is_out_of_kernel(h, from, number) && from->since[number][nva] <= h->removed[number];
    is_withdrawn |= is_withdrawn_without_a_trace(r, its);
    for (uint32_t at = net ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at))) {
        const struct rib_path *p = rib_path(r, at);
        if (p->nva == its && rib_path_class(r, p) != RIB_GONE)
            return true;
        is_withdrawn |= p->nva == its && !p->attrs;
    }
    bool is_of_before = is_withdrawn && from->since[number][nva] < w->nvas[nva].changed[number];
    return leads_to(w, from, number, nva) && !is_of_before;
}

/* I1 to the letter: a contribution that the writer knows is not GONE. There is no excuse for that. */
static bool is_spoken_for(const struct host *h, int number)
{
    const struct rib *r = &h->core->rib;
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    for (uint32_t at = net ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at)))
        if (rib_path_is_usable(r, rib_path(r, at)))
            return true;
    return false;
}

bool check_holds_end(const struct world *w)
{
    return w->config.grace_ms + w->config.stale_ms < 60000;
}

/* Why it is there: every node's copies of it, for a run that is replayed. */
void check_explain(struct world *w, int number)
{
    struct ip_prefix prefix = sim_prefix(number);
    if (w->verbose)
        printf("         prefix %d\n", number);
    for (int i = 0; w->verbose && i < w->host_count; i++) {
        const struct rib *r = w->hosts[i].core ? &w->hosts[i].core->rib : NULL;
        uint32_t net = r ? prefix_table_find(&r->nets, &prefix) : 0;
        for (uint32_t at = net ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at))) {
            const struct rib_path *p = rib_path(r, at);
            printf("         node%d has of node%d by nva %d: %s %u, class %d, session %d%s%s\n", i, p->origin - 1,
                   sim_nva(w, w->hosts[i].core, p->nva), p->attrs ? "route" : "tombstone", rib_path_id(p),
                   rib_path_class(r, p), r->origins[p->origin].sessions[p->nva].state,
                   rib_path_is_old(r, p) ? ", old" : "", p->flags & RIB_PATH_DISPROVED ? ", disproved" : "");
        }
    }
}

/* RFC 4724, RFC 9494: an NVA that asked for it is not silent while it restarts. Not for a node that has ended its sessions for
 * planned work, by a hard reset (RFC 8538). */
static bool is_held(const struct world *w, const struct host *h, const struct nva *n)
{
    if (h->core && h->core->drain.state == CORE_DRAINED)
        return false;
    return n->restarts & 1u << h->number && w->now < n->held_until && h->up_since < n->restarted &&
           h->paused_until < n->restarted;
}

/* What the node's table has of that node by that NVA. NULL: nothing. */
static const struct rib_path *copy_of(const struct world *w, const struct core *c, int origin, int nva, int number)
{
    const struct rib *r = &c->rib;
    uint16_t its = sim_number(w, c, nva);
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    for (uint32_t at = net ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at))) {
        const struct rib_path *p = rib_path(r, at);
        if (p->origin == origin && p->nva == its)
            return p;
    }
    return NULL;
}

/* It was deaf when the NVA restarted, and what all others hold over that gave way to its word: that is not said again. */
static bool was_deaf_at_restart(const struct world *w, const struct nva *n, const struct host *h)
{
    return n->restarts && w->now < n->held_until && peers_with(n, h) && !(n->restarts & 1u << h->number);
}

/* Does a session that nobody knows to be dead speak against what is held? By the letter of 4.6 (a) its tombstone counts for
 * as long as it is young, and by (b) its End-of-RIB does without any; what its NVA announced since it has not heard: it is
 * deaf, stands still, or is dead. */
bool check_is_spoken_against(const struct world *w, const struct host *h, int nva, int number)
{
    const struct rib *r = &h->core->rib;
    uint16_t its = sim_number(w, h->core, nva);
    for (int i = 0; i < w->host_count; i++) {
        const struct host *k = &w->hosts[i];
        uint8_t state = r->origins[i + 1].sessions[its].state;
        const struct rib_path *p = copy_of(w, h->core, i + 1, nva, number);
        bool speaks = p ? !p->attrs && !rib_path_is_old(r, p) && !rib_path_is_flushed(r, p) : state == RIB_SESSION_SYNCED;
        bool is_lost = rib_session_is_up(state) && (is_deaf(w, k, nva) || !host_runs(w, k));
        if (speaks && (is_lost || was_deaf_at_restart(w, &w->nvas[nva], k)))
            return true;
    }
    return false;
}

/* It hears the node, and what that says comes: not only that another one hears it, whose copy cannot be read on. */
static bool is_read(const struct host *h, int other)
{
    return core_member_is_here(&h->core->members[other + 1]) && h->core->rib.origins[other + 1].class == RIB_LIVE;
}

/* Does it hear the NVA, and take the route from it? */
static bool has_it(const struct world *w, const struct host *k, int nva, int number)
{
    return check_has_heard(w, k, nva) && !is_deaf(w, k, nva) && !sim_may_refuse(w, &k->config, nva, number);
}

/* Has every session with the NVA ended that this node has heard of? Of one that a node has which it does not hear, it knows
 * nothing, and what it held of that node gave way to the word of a session that it heard (4.6 c). */
static bool have_all_lost_it(const struct world *w, const struct host *h, const struct nva *n, int number)
{
    bool any = false;
    for (int i = 0; i < w->host_count; i++) {
        const struct host *k = &w->hosts[i];
        if (!peers_with(n, k) || (k != h && !is_read(h, i)))
            continue;
        if (has_it(w, k, n->number, number))
            return false;
        any |= h->core->rib.origins[i + 1].sessions[sim_number(w, h->core, n->number)].generation != 0; /* who just started never had one */
    }
    return any;
}

static bool has_family(const struct host *h, int nva, int number)
{
    return !h->config.peers || !(sim_rule_of(&h->config, nva)->unheard >> number & 1);
}

/* A session lost, by each node that peers with it: the last copy goes when its node is back with such a file and has told all. */
static bool has_nobody_its_family(const struct world *w, const struct nva *n, int number)
{
    for (int i = 0; i < w->host_count; i++)
        if (peers_with(n, &w->hosts[i]) && has_family(&w->hosts[i], n->number, number))
            return false;
    return true;
}

/* 4.6 (c): what a living node announced was fresher than the copy of one that is away, also when it goes: with a family that
 * its session has not any more. */
static bool went_with_family(const struct world *w, const struct host *h, int nva, int number)
{
    const struct rib *r = &h->core->rib;
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    bool is_lost = false, is_disproved = false;
    for (int i = 0; i < w->host_count; i++)
        is_lost |= !has_family(&w->hosts[i], nva, number);
    for (uint32_t at = net && is_lost ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at)))
        is_disproved |= rib_path(r, at)->flags & RIB_PATH_DISPROVED && sim_nva(w, h->core, rib_path(r, at)->nva) == nva;
    return is_disproved;
}

/* Has it a reason that it can have heard of, although the NVA announces the route? */
static bool is_excused(const struct world *w, const struct host *h, int nva, int number)
{
    const struct nva *n = &w->nvas[nva];
    bool own = peers_with(n, h) && check_has_heard(w, h, nva);
    if (sim_may_refuse(w, &h->config, nva, number) || went_with_family(w, h, nva, number) || has_nobody_its_family(w, n, number))
        return true;
    if (check_holds_end(w) && !own)
        return true; /* expiry */
    if (check_is_spoken_against(w, h, nva, number))
        return true;
    if (is_held(w, h, n))
        return false;
    bool is_silent = w->now <= n->unheard + SETTLE_MS;
    return is_silent || have_all_lost_it(w, h, n, number) || is_deaf(w, h, nva);
}

/* And it is the same route: what the reason was may be over. */
static bool was_judged(const struct host *h, const struct sim_table *from, const struct nva *n, int number)
{
    return is_out_of_kernel(h, from, number) && n->changed[number] <= h->removed[number];
}

/* I1: nothing that the writer knows speaks for the prefix. I2: and no NVA announces it that it could know of. */
bool check_removal(struct world *w, const struct host *h, const struct sim_table *from, int prefix,
                   char why[static 160])
{
    w->counts[SIM_REMOVALS]++;
    if (is_spoken_for(h, prefix)) {
        check_explain(w, prefix);
        snprintf(why, 160, "I1: node %d removes prefix %d, for which something speaks that it knows", h->number, prefix);
        return true;
    }
    for (int i = 0; i < w->nva_count; i++) {
        const struct nva *n = &w->nvas[i];
        if (!n->truth[prefix] || sim_nva_is_unsaid(n, prefix) || w->now <= n->changed[prefix] + SETTLE_MS ||
            is_excused(w, h, i, prefix) || was_judged(h, from, n, prefix) || !knows(w, h, from, i, prefix))
            continue;
        check_explain(w, prefix);
        snprintf(why, 160, "I1: node %d removes prefix %d, which NVA %d has announced since %llu", h->number, prefix,
                 i, (unsigned long long)n->changed[prefix]);
        return true;
    }
    return false;
}

/* ---- S2: what must be removed ---- */

static bool withdrawn_by_all(const struct world *w, int prefix, uint64_t *since)
{
    *since = 0;
    for (int i = 0; i < w->nva_count; i++) {
        if (w->nvas[i].truth[prefix])
            return false;
        if (w->nvas[i].changed[prefix] > *since)
            *since = w->nvas[i].changed[prefix];
    }
    return true;
}

/* Streams in parts of a few entries, one at a time, are behind for longer than those of the product. */
static bool is_behind(const struct world *w, const struct host *h)
{
    for (int i = 0; w->is_narrow && i < w->host_count; i++) {
        const struct core *other = w->hosts[i].core;
        const struct core_member *m = &h->core->members[i + 1];
        if (other && i != h->number && core_member_is_here(m) &&
            m->replica.position != rib_origin_head(&other->rib.origins[i + 1]))
            return true;
    }
    return false;
}

/* Has any session with the NVA, of this node or one that it hears, processed the withdrawal? One that told all in the same
 * millisecond may have come up behind it. */
static bool was_heard(const struct world *w, const struct host *h, const struct nva *n, int prefix)
{
    for (int i = 0; i < w->host_count; i++) {
        const struct host *k = &w->hosts[i];
        bool counts = has_session(w, k, n->number) && host_runs(w, k) && !is_deaf(w, k, n->number) && has_family(k, n->number, prefix) &&
                      (k == h || core_member_is_here(&h->core->members[i + 1]));
        if (counts && n->sessions[i].up_at < n->changed[prefix])
            return true;
    }
    return false;
}

/* Has any session with the NVA reached End-of-RIB since then, and not just now? */
static bool is_told_since(const struct world *w, const struct rib *r, const struct rib_path *p, uint16_t nva, uint64_t since)
{
    if (!r->nvas[nva].symmetric)
        return false; /* 4.6 (b) is not for it */
    for (int i = 1; i < RIB_ORIGINS; i++) {
        const struct rib_session *s = &r->origins[i].sessions[nva];
        if (r->origins[i].class == RIB_LIVE && s->state == RIB_SESSION_SYNCED && s->synced_ms > since &&
            s->families & 1u << p->family && w->now > s->synced_ms + ZOMBIE_MS)
            return true;
    }
    return false;
}

/* Held over a restart by a node that is there and ends that hold itself (4.6): to that one nobody has told all since it
 * learnt that the session is lost, or the NVA does so on the one that is back; or it has just died, unnoticed. */
static bool is_restart_untold(const struct world *w, const struct core *c, const struct rib_path *p)
{
    const struct core *owner = w->hosts[p->origin - 1].core;
    bool restarts = c->rib.origins[p->origin].sessions[p->nva].restarts;
    if (!owner || !restarts)
        return restarts;
    uint16_t its = sim_number(w, owner, sim_nva(w, c, p->nva));
    const struct rib_session *own = &owner->rib.origins[p->origin].sessions[its];
    bool is_telling = rib_session_is_up(own->state) && own->restarts;
    return is_telling || !is_told_since(w, &owner->rib, p, its, own->lost_ms);
}

/* Held of a node that is away, and nobody has told all since it lost that one; or over a restart. */
static bool is_held_untold(const struct world *w, const struct core *c, const struct rib_path *p)
{
    const struct rib *r = &c->rib;
    const struct rib_origin *home = &r->origins[p->origin];
    if (rib_path_is_old(r, p))
        return !is_told_since(w, r, p, p->nva, home->old_ms);
    if (home->class != RIB_LIVE)
        return !is_told_since(w, r, p, p->nva, home->lost_ms);
    return is_restart_untold(w, c, p);
}

/* Held, and disproved by nobody's session? */
static bool is_held_unheard(const struct world *w, const struct host *h, const struct rib_path *p, int number)
{
    int nva = p->nva ? sim_nva(w, h->core, p->nva) : -1;
    return nva >= 0 && is_held_untold(w, h->core, p) && !was_heard(w, h, &w->nvas[nva], number);
}

/* Of a node that has woken, and tells nothing before it has heard its NVAs (4.6)? */
static bool is_of_woken(const struct world *w, const struct host *h, const struct rib_path *p, int number)
{
    const struct core *owner = p->nva && p->origin != h->core->rib.self ? w->hosts[p->origin - 1].core : NULL;
    (void)number;
    return owner && owner->hearsay_ms;
}

/* Held, and this node is in wake-up: what its sessions had said by then is no evidence (4.6). */
static bool is_held_in_wake_up(const struct world *w, const struct host *h, const struct rib_path *p, int number)
{
    const struct rib *r = &h->core->rib;
    (void)w, (void)number;
    return h->core->hearsay_ms && (rib_path_is_old(r, p) || r->origins[p->origin].class != RIB_LIVE);
}

typedef bool path_excuse(const struct world *w, const struct host *h, const struct rib_path *p, int number);

/* All that speaks for the prefix. */
static bool all_are(path_excuse *excuse, const struct world *w, const struct host *h, int number)
{
    const struct rib *r = &h->core->rib;
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    uint32_t count = 0;
    for (uint32_t at = net ? rib_net(r, net)->paths : 0; at; at = rib_path_next(rib_path(r, at))) {
        const struct rib_path *p = rib_path(r, at);
        if (!rib_path_is_usable(r, p))
            continue;
        if (!excuse(w, h, p, number))
            return false;
        count++;
    }
    return count != 0;
}

/* Only in the target: what the node itself still wants no brake holds. */
static bool may_keep(const struct host *h, int number)
{
    const struct config_target *target;
    struct ip_prefix prefix = sim_prefix(number);
    struct program *program = core_program(h->core, 0, &target);
    const struct program_stats *s = program_stats(program);
    uint32_t net = prefix_table_find(&h->core->rib.nets, &prefix);
    return (s->held_by_brake || s->merging) && !(net && program_wanted_set(program, net));
}

/* S2: a withdrawal that every NVA's session with this node has processed is in its table within a second, and NVAs have it,
 * whoever else is dead, parted or asleep; what was held for a reason, within a second of its end. */
void check_zombies(struct world *w, struct host *h)
{
    if (!host_runs(w, h) || h->stopping_since)
        return;
    bool is_to_know = w->now >= h->paused_until + ZOMBIE_MS && hears_all(w, h) && !was_anybody_deaf(w) &&
                      !has_anybody_returned(w) && !is_behind(w, h);
    for (int i = 0; i < w->prefix_count; i++) {
        uint64_t since;
        if (!withdrawn_by_all(w, i, &since) || !since)
            continue;
        bool is_told = told_by(w, h->number, i);
        if (!is_told && !h->kernel.present[i])
            continue;
        if ((!is_told && may_keep(h, i)) || all_are(is_held_unheard, w, h, i) || all_are(is_of_woken, w, h, i) ||
            all_are(is_held_in_wake_up, w, h, i))
            h->held[i] = w->now;
        if (!is_to_know || w->now <= since + ZOMBIE_MS || w->now <= h->held[i] + ZOMBIE_MS)
            continue;
        check_explain(w, i);
        sim_fail(w, "S2: node %d still %s prefix %d, withdrawn at %llu", h->number, is_told ? "tells" : "has", i,
                 (unsigned long long)since);
    }
}

/* ---- I7, and S2 again: what may be put ---- */

/* No next hop is invented, and nobody who has heard the withdrawal puts a route back because another node wakes
 * up, restarts or can be reached again; unless what that one holds over a restart is disproved by nobody whom it knows. */
void check_put(struct world *w, const struct host *h, int prefix)
{
    uint64_t since;
    bool ever = false;
    for (int i = 0; i < w->nva_count; i++)
        ever |= w->nvas[i].ever[prefix];
    if (!ever)
        sim_fail(w, "I7: node %d programs prefix %d, which nobody ever announced", h->number, prefix);
    if (h->kernel.present[prefix] || !withdrawn_by_all(w, prefix, &since) || w->now <= since + ZOMBIE_MS ||
        !hears_all(w, h) || w->now < h->paused_until + ZOMBIE_MS || was_anybody_deaf(w) || has_anybody_returned(w) ||
        is_behind(w, h) || all_are(is_held_unheard, w, h, prefix))
        return;
    check_explain(w, prefix);
    sim_fail(w, "S2: node %d puts prefix %d back, which was withdrawn at %llu", h->number, prefix,
             (unsigned long long)since);
}

/* ---- I6: after the last fault every table is what the NVAs say ---- */

uint32_t check_truth(const struct world *w, const struct config *c, int prefix, struct ip_addr *hops)
{
    uint32_t best = UINT32_MAX, count = 0;
    for (int i = 0; i < w->nva_count; i++) {
        uint32_t merit = sim_merit(w, c, i, prefix);
        if (!w->nvas[i].truth[prefix] || merit > best || !sim_takes(w, c, i, prefix))
            continue;
        count = merit < best ? 0 : count;
        best = merit;
        hops[count++] = sim_hop(i, prefix);
    }
    return nhset_sort(hops, count, c->max_paths);
}

void check_table_settled(struct world *w, const struct host *h, int prefix)
{
    struct ip_addr hops[SIM_NVAS_MAX];
    uint32_t count = check_truth(w, &h->config, prefix, hops);
    if (h->kernel.present[prefix] != (count > 0))
        check_explain(w, prefix);
    if (h->kernel.present[prefix] != (count > 0))
        sim_fail(w, "I6: node %d %s prefix %d", h->number,
                 count ? "lacks" : "still has", prefix);
    else if (count && (h->kernel.hop_count[prefix] != count ||
                       memcmp(h->kernel.hops[prefix], hops, count * sizeof *hops) != 0))
        sim_fail(w, "I6: node %d has other next hops for prefix %d", h->number, prefix);
}
