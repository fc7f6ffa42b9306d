/* Shared targets: what this node knows of the others becomes the world of each target's fence, and
 * what a fence decides becomes events, hints to the others, and the program's hold on hearsay. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

/* Around what is promised of a shared target: 150 ms after a writer's death, 600 ms after its machine's. */
static const struct histogram_bounds failover_bounds = {
    .per_second = 1000,
    .count = 12,
    .at = { 10, 50, 100, 150, 250, 400, 600, 1000, 2500, 5000, 15000, 60000 }
};

static bool is_other(const struct core *c, uint32_t id)
{
    return id != c->cfg.self && id >= 1 && id <= c->config->node_count;
}

void core_shared_init(struct core *c, struct core_target *t, uint64_t beat_ms)
{
    struct repl_fence_cfg cfg = { .self = c->cfg.self,
                                  .nodes = (uint32_t)c->config->node_count,
                                  .beat_ms = beat_ms,
                                  .seed = c->cfg.seed };
    t->is_shared = true;
    for (int reason = 0; reason < CORE_FAILOVERS; reason++)
        t->failovers[reason].bounds = &failover_bounds;
    repl_fence_init(&t->fence, &cfg, c->now_ms);
    program_hold_hearsay(t->program, UINT64_MAX, c->now_ms);
}

/* ---- awake again? ---- */

void core_shared_woke(struct core *c)
{
    c->woke_ms = c->now_ms;
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->is_shared)
            repl_fence_woke(&c->targets[i]->fence);
}

static bool is_heard_out(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (core_member_is_here(m) && (m->told_ms <= c->woke_ms || !core_streams_is_current(c, m)))
            return false;
    return true;
}

/* After a pause: once every living node was heard out since, and the silent ones had their time. Not for longer than three
 * seconds: it may be that nobody can pass a node's stream on. */
static void judge_awake(struct core *c)
{
    if (!c->woke_ms || c->now_ms < c->woke_ms + CORE_REARM_MS)
        return;
    if (is_heard_out(c) || c->now_ms >= c->woke_ms + CORE_AWAIT_MS)
        c->woke_ms = 0;
}

/* ---- the world of a fence ---- */

/* D6 is about who may write it. The file of a node that has it not says nothing of who else is to; and whether it has it, it
 * says itself, by its own file. */
static bool has_target(const struct core_target *t, uint32_t id)
{
    return t->hints[id].is_told ? t->hints[id].is_named : t->cfg->nodes & 1u << id;
}

static struct repl_fence_world world_of(const struct core *c, const struct core_target *t)
{
    struct repl_fence_world w = { .incarnation = c->incarnation,
                                  .config_generation = c->config->generation,
                                  .is_awake = !c->wake_ms && !c->woke_ms,
                                  .is_steady = c->phase == CORE_STEADY,
                                  .is_leaving = c->drain.state != CORE_SERVING };
    for (uint32_t id = 1; id <= c->config->node_count; id++) {
        const struct core_member *m = &c->members[id];
        if (!is_other(c, id))
            continue;
        w.peers[id] = (struct repl_fence_peer){ .state = m->life.state,
                                                .is_steady = m->has_heard && m->heard.steady,
                                                .is_mute = !t->hints[id].is_told,
                                                .reads_target = t->hints[id].reads,
                                                .incarnation = m->replica.incarnation,
                                                .config_generation = has_target(t, id) ? m->config_generation : 0,
                                                .yielded_epoch = t->hints[id].yielded,
                                                .seen_epoch = t->hints[id].epoch };
        if (!(t->cfg->nodes & 1u << id) && t->fence.record.owner == id)
            w.peers[id].yielded_epoch = t->fence.record.epoch; /* it is not that node's any more */
    }
    return w;
}

static void tell_role(struct core *c, const struct core_target *t)
{
    char subject[CONFIG_NAME_MAX + 16];
    const struct repl_fence *f = &t->fence;
    snprintf(subject, sizeof subject, "target=%s", t->cfg->name);
    core_event(c, f->role == REPL_FENCED ? CONFIG_LOG_WARN : CONFIG_LOG_INFO, "target_role",
               subject, "role=%s epoch=%llu owner=%s", repl_fence_role_name(f->role),
               (unsigned long long)f->record.epoch, core_node_name(c, f->record.owner));
}

/* ---- how long nobody wrote ---- */

const char *core_failover_name(uint8_t reason)
{
    static const char *const names[CORE_FAILOVERS] = { [CORE_FAILOVER_DEATH] = "death",
                                                       [CORE_FAILOVER_HANDOVER] = "handover",
                                                       [CORE_FAILOVER_VACANCY] = "vacancy" };
    return reason < CORE_FAILOVERS ? names[reason] : "unknown";
}

static void begin_vacancy(const struct core *c, struct core_target *t)
{
    const struct repl_fence_record *r = &t->fence.record;
    bool has_writer = r->epoch && is_other(c, r->owner);
    const struct repl_member *writer = has_writer ? &c->members[r->owner].life : NULL;
    bool is_left = has_writer && (t->fence.world.peers[r->owner].yielded_epoch == r->epoch || writer->state == REPL_MEMBER_LEFT);
    t->failover = !has_writer ? CORE_FAILOVER_VACANCY : is_left ? CORE_FAILOVER_HANDOVER : CORE_FAILOVER_DEATH;
    t->vacant_ms = t->fence.since_ms;
    if (t->failover == CORE_FAILOVER_DEATH && writer->heard_ms && writer->heard_ms < t->vacant_ms)
        t->vacant_ms = writer->heard_ms;
}

/* A takeover whose answer is lost ends the vacancy all the same, as soon as the target shows it. */
static void time_vacancy(const struct core *c, struct core_target *t)
{
    if (t->fence.role == REPL_CANDIDATE)
        begin_vacancy(c, t);
    if (t->fence.role == REPL_ACTIVE && t->vacant_ms)
        histogram_add(&t->failovers[t->failover], t->fence.since_ms - t->vacant_ms);
    if (t->fence.role == REPL_ACTIVE || t->fence.role == REPL_FENCED)
        t->vacant_ms = 0;
}

/* ---- roles ---- */

/* What another node wrote last is only doubted when its routes could not be held any longer. */
static void on_role(struct core *c, struct core_target *t)
{
    bool is_ours = t->fence.role == REPL_ACTIVE;
    tell_role(c, t);
    time_vacancy(c, t);
    if (!is_ours)
        program_hold_hearsay(t->program, UINT64_MAX, c->now_ms);
    if (is_ours != (t->told_role == REPL_ACTIVE)) {
        t->is_judging = is_ours;
        t->judged_family = 0;
        t->judged_place = 1;
    }
    t->doubts_hearsay = is_ours;
    t->told_role = t->fence.role;
}

/* Are there dynamic neighbours? One that has called no node which this one has heard since it started is not known here. */
static bool some_may_call(const struct core *c)
{
    for (size_t i = 0; i < c->config->peer_count; i++)
        if (c->config->peers[i].is_range && !c->config->peers[i].disabled)
            return true;
    return false;
}

/* By the word of a session that lives. Its writer's own is older than what it wrote. Of an NVA that was taken out nobody says
 * a word any more. */
static bool says_so(const struct core *c, const struct core_target *t, uint32_t net, uint16_t nva)
{
    return c->nvas[nva].is_taken_out || repl_evidence_is_withdrawn(&c->rib, net, nva, (uint8_t)t->writer);
}

/* A next hop that is the address of no session (an IPv6 one of an NVA that talks over IPv4, a load balancer's) may be
 * anybody's: then all have to say so, and nobody can for an NVA that is not known here. */
static bool is_withdrawn(const struct core *c, const struct core_target *t, uint32_t net, const struct ip_addr *hop)
{
    bool by_owners = true, by_all = core_next_peer(c, NULL) != NULL, is_owned = false;
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        bool owns = ip_addr_is_equal(&c->nvas[p->nva].address, hop), is_said = says_so(c, t, net, p->nva);
        is_owned |= owns;
        by_owners &= is_said || !owns;
        by_all &= is_said;
    }
    return is_owned ? by_owners : by_all && !some_may_call(c);
}

/* A withdrawal counts where each NVA that the route leads to says so on a session that lives: what was heard of another
 * one, or of a node that is away, says nothing of what its writer has heard since. */
bool core_shared_is_disproved(const struct core *c, const struct core_target *t, uint32_t net)
{
    const struct nhset *set = nhset_get(&c->rib.sets, program_actual_set(t->program, net));
    for (uint32_t i = 0; set && i < set->count; i++)
        if (!is_withdrawn(c, t, net, &set->members[i]))
            return false;
    return true;
}

bool core_shared_has_settled(const struct core *c, const struct core_target *t)
{
    return c->now_ms >= t->fence.since_ms + CORE_HEARSAY_TARGET_MS;
}

bool core_shared_doubts(const struct core_target *t)
{
    return t->doubts_hearsay && !t->is_judging && program_stats(t->program)->inherited;
}

/* All that any node knows is here. */
static bool hears_every_node(const struct core *c)
{
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        if (!core_member_is_here(m) || !core_streams_is_current(c, m))
            return false;
    return true;
}

/* What nobody wants here its last writer may have heard of since. What was lost here nobody knows better of when all nodes
 * are heard; what was withdrawn may be announced again, and that on its way. */
static void judge_unwanted(struct core *c, struct core_target *t, uint32_t net)
{
    if (!prefix_table_is_used(&c->rib.nets, net) || !program_is_unwanted(t->program, net))
        return;
    bool may_be_known = program_is_withdrawn(t->program, net) || !hears_every_node(c);
    if (may_be_known && !core_shared_is_disproved(c, t, net))
        program_doubt(t->program, net, c->now_ms);
}

/* Nothing is removed before all is judged. */
void core_shared_judge(struct core *c, struct core_target *t)
{
    uint32_t left = CORE_WANT_BUDGET;
    for (; t->is_judging && t->judged_family < BGP_FAMILIES; t->judged_family++, t->judged_place = 1)
        for (; t->judged_place < prefix_table_top(&c->rib.nets, (enum bgp_family)t->judged_family); t->judged_place++) {
            if (!left--)
                return;
            judge_unwanted(c, t, prefix_index((enum bgp_family)t->judged_family, t->judged_place));
        }
    if (!t->is_judging)
        return;
    t->is_judging = false;
    program_hold_hearsay(t->program, t->fence.since_ms + c->hold_times.grace_ms + c->hold_times.stale_ms, c->now_ms);
}

/* And was decided, and NVAs have told all: what none of them names comes from no NVA. */
static bool has_heard_everybody(const struct core *c, const struct core_target *t)
{
    return hears_every_node(c) && c->phase == CORE_STEADY && core_bgp_have_all_told(c) && !rib_dirty_count(&c->rib) &&
           t->cursor >= vlist_head(&c->rib.loc);
}

/* A writer that died may have known more than it told; one that is heard tells. */
static void judge_hearsay(struct core *c, struct core_target *t)
{
    if (!t->doubts_hearsay || t->is_judging || !core_shared_has_settled(c, t) || !has_heard_everybody(c, t))
        return;
    t->doubts_hearsay = false;
    program_hold_hearsay(t->program, 0, c->now_ms);
}

static void tick_target(struct core *c, struct core_target *t)
{
    struct repl_fence_world world = world_of(c, t);
    uint64_t yielded = repl_fence_yielded(&t->fence);
    if (t->fence.record.owner == c->cfg.self && t->fence.record.incarnation > c->incarnation) {
        core_cluster_raise(c, t->fence.record.incarnation); /* the target remembers a later life */
        world.incarnation = c->incarnation;
    }
    repl_fence_tick(&t->fence, &world, c->now_ms);
    if (is_other(c, t->fence.record.owner))
        t->writer = t->fence.record.owner;
    if (t->fence.role != t->told_role)
        on_role(c, t);
    judge_hearsay(c, t);
    if (repl_fence_yielded(&t->fence) != yielded)
        c->beat_ms = c->now_ms; /* the others hear it at once */
}

void core_shared_tick(struct core *c)
{
    judge_awake(c);
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->is_shared)
            tick_target(c, c->targets[i]);
}

uint64_t core_shared_deadline(const struct core *c)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < c->target_count; i++) {
        uint64_t at = c->targets[i]->is_shared ? repl_fence_deadline(&c->targets[i]->fence) : due;
        due = at < due ? at : due;
    }
    return due;
}

void core_shared_stop(struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++) {
        struct core_target *t = c->targets[i];
        if (!t->is_shared || !repl_fence_yield(&t->fence, c->now_ms))
            continue;
        on_role(c, t);
    }
}

/* Somebody who lives, stays and reads the target could write it; not by an older configuration. */
static bool has_heir(const struct core *c, const struct core_target *t)
{
    for (uint32_t id = 1; id <= c->config->node_count; id++)
        if (is_other(c, id) && core_member_is_here(&c->members[id]) && t->hints[id].reads &&
            c->members[id].config_generation >= c->config->generation)
            return true;
    return false;
}

enum core_yield core_target_yield(struct core *c, size_t nth, uint64_t now_ms)
{
    struct core_target *t = c->targets[nth];
    c->now_ms = now_ms;
    if (!t->is_shared)
        return CORE_YIELD_NOT_SHARED;
    if (t->fence.role != REPL_ACTIVE)
        return CORE_YIELD_NOT_OURS;
    if (!has_heir(c, t))
        return CORE_YIELD_NO_HEIR;
    repl_fence_yield(&t->fence, now_ms);
    on_role(c, t);
    c->beat_ms = now_ms; /* the others hear it at once */
    return CORE_YIELDED;
}

bool core_shared_has_moved(const struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++) {
        const struct core_target *t = c->targets[i];
        bool is_ours = t->is_shared && (t->fence.role == REPL_ACTIVE || repl_fence_yielded(&t->fence));
        if (is_ours && has_heir(c, t))
            return false;
    }
    return true;
}

/* ---- hints ---- */

uint16_t core_shared_hints(const struct core *c, struct repl_hint *out)
{
    uint16_t count = 0;
    for (size_t i = 0; i < c->target_count && count < REPL_HINTS_MAX; i++) {
        const struct core_target *t = c->targets[i];
        if (t->is_shared)
            out[count++] = (struct repl_hint){ .target = t->cfg->name,
                                               .yielded = repl_fence_yielded(&t->fence),
                                               .reads = t->fence.is_readable && c->drain.state == CORE_SERVING,
                                               .epoch = t->fence.highest_epoch };
    }
    return count;
}

/* Who says nothing of a target does not have it (any more). */
static struct core_hint hint_in(const struct repl_beat *beat, const char *target)
{
    for (uint16_t k = 0; k < beat->hint_count; k++)
        if (!strcmp(beat->hints[k].target, target))
            return (struct core_hint){ .yielded = beat->hints[k].yielded,
                                       .epoch = beat->hints[k].epoch,
                                       .is_told = true,
                                       .is_named = true,
                                       .reads = beat->hints[k].reads };
    return (struct core_hint){ .is_told = true };
}

void core_shared_heard(struct core *c, uint32_t node, const struct repl_beat *beat)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->is_shared)
            c->targets[i]->hints[node] = hint_in(beat, c->targets[i]->cfg->name);
}

/* ---- for the backends ---- */

struct repl_fence *core_fence(struct core *c, size_t nth)
{
    struct core_target *t = core_nth_program(c, nth);
    return t->is_shared ? &t->fence : NULL;
}

void core_target_tell(struct core *c, size_t nth, const char *state, const char *trouble, uint64_t now_ms)
{
    struct core_target *t = core_nth_program(c, nth);
    char subject[CONFIG_NAME_MAX + 16];
    bool is_new = strcmp(t->trouble, trouble) != 0;
    c->now_ms = now_ms;
    t->state = state;
    if (!is_new)
        return;
    snprintf(subject, sizeof subject, "target=%s", t->cfg->name);
    if (trouble[0])
        core_event(c, CONFIG_LOG_WARN, "target_trouble", subject, "error=\"%s\"", trouble);
    else
        core_event(c, CONFIG_LOG_INFO, "target_well", subject, NULL);
    if (!t->trouble[0] || !trouble[0])
        t->trouble_since_ms = now_ms;
    snprintf(t->trouble, sizeof t->trouble, "%s", trouble);
}
