/* What a kernel has of this node's earlier life, NVA by NVA. All of it stays until every NVA has told what it has, and who
 * is missed for good keeps it for a quarter of an hour. But what was withdrawn meanwhile is known before: the other nodes
 * remember it, and an NVA that has told all to us has not told it. The routes of others wait for them.
 * Kernels do not say whose a route is. It is of those whose addresses it leads to; where it leads elsewhere it waits.
 * So it is with what another node wrote to a shared target, while that node is away: what was withdrawn meanwhile is known by
 * the word of the NVAs before the time is over for which its routes are held.
 * Source: the replication design 4.9 (the cold-start rule ends per NVA); invariants I1, S2. */
#include "node/core/core_impl.h"

enum { AGAIN_MS = 200, LATER_MS = 5000 };

/* By the word of whoever has this address. */
static enum repl_word word_of(const struct core *c, uint32_t net, const struct ip_addr *hop)
{
    enum repl_word word = REPL_UNKNOWN;
    for (uint32_t nva = 1; nva < c->names.count && word == REPL_UNKNOWN; nva++)
        if (ip_addr_is_equal(&c->nvas[nva].address, hop))
            word = repl_evidence_word(&c->rib, net, (uint16_t)nva);
    return word;
}

static bool has(const struct nhset *set, const struct ip_addr *hop)
{
    for (uint32_t i = 0; set && i < set->count; i++)
        if (ip_addr_is_equal(&set->members[i], hop))
            return true;
    return false;
}

static void judge_former(struct core *c, struct core_target *t, uint32_t net)
{
    const struct nhset *inherited = nhset_get(&c->rib.sets, program_inherited_set(t->program, net));
    uint32_t wanted_id = program_wanted_set(t->program, net);
    const struct nhset *wanted = wanted_id ? nhset_get(&c->rib.sets, wanted_id) : NULL;
    enum program_cause cause = PROGRAM_WITHDRAWN;
    for (uint32_t i = 0; i < inherited->count; i++) {
        if (has(wanted, &inherited->members[i]))
            continue;
        enum repl_word word = word_of(c, net, &inherited->members[i]);
        if (word == REPL_UNKNOWN)
            return;
        if (word == REPL_UNTOLD)
            cause = PROGRAM_LOST;
    }
    program_disproved(t->program, net, cause, c->now_ms);
}

/* Lost where nobody remembers that it was withdrawn: those that it leads to have told all, and not this. Some of what its writer
 * heard last may not have come here before the target has settled. */
static void judge_foreign(struct core *c, struct core_target *t, uint32_t net)
{
    bool is_withdrawn = rib_net_is_withdrawn(rib_net(&c->rib, net));
    if ((is_withdrawn || core_shared_has_settled(c, t)) && core_shared_is_disproved(c, t, net))
        program_disproved(t->program, net, is_withdrawn ? PROGRAM_WITHDRAWN : PROGRAM_LOST, c->now_ms);
}

static void judge(struct core *c, struct core_target *t, uint32_t net)
{
    if (t->is_shared && program_is_hearsay(t->program, net) && program_is_unwanted(t->program, net))
        judge_foreign(c, t, net);
    if (!t->is_shared && program_is_merging(t->program, net))
        judge_former(c, t, net);
}

/* Soon when something was said since the last walk, or counts since. Else later: what a watch did not tell of a target is found
 * there by a listing. */
static bool begins(const struct core *c, struct core_target *t)
{
    struct core_inherited *w = &t->inherited;
    uint64_t counts_more = t->is_shared && core_shared_has_settled(c, t);
    uint64_t said = (c->rib.withdrawals + c->rib.session_changes) | counts_more << 63;
    if (c->now_ms < w->again_ms + (said == w->seen ? LATER_MS : 0))
        return false;
    *w = (struct core_inherited){ .is_on = true, .place = 1, .seen = said, .again_ms = c->now_ms + AGAIN_MS };
    return true;
}

/* What is of an earlier life is judged until the target has converged, and what another node wrote from then on. No walk is
 * needed any more, or ended either, when nothing waits. */
static bool may_judge(const struct core *c, const struct core_target *t)
{
    bool some_wait = t->is_shared ? t->converged_told && core_shared_doubts(t) : !t->converged_told;
    return some_wait && t->cursor >= vlist_head(&c->rib.loc) && core_cluster_caught_up(c) && core_streams_hold_all(c);
}

bool core_inherited_goes_on(const struct core *c, const struct core_target *t)
{
    return t->inherited.is_on && may_judge(c, t);
}

void core_inherited_judge(struct core *c, struct core_target *t)
{
    struct core_inherited *w = &t->inherited;
    if (!may_judge(c, t) || !(w->is_on || begins(c, t)))
        return;
    uint32_t left = CORE_WANT_BUDGET;
    for (; w->family < BGP_FAMILIES; w->family++, w->place = 1)
        for (; w->place < prefix_table_top(&c->rib.nets, (enum bgp_family)w->family); w->place++) {
            if (!left--)
                return;
            uint32_t net = prefix_index((enum bgp_family)w->family, w->place);
            if (prefix_table_is_used(&c->rib.nets, net))
                judge(c, t, net);
        }
    w->is_on = false;
}
