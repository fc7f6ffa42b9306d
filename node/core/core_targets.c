/* This node's own targets: the Loc-RIB order feeds each program what it should have. */
#include "node/core/core_impl.h"
#include "node/program/choice.h"

enum target_class { SERVED, LOCAL, SHARED };

/* SERVED: agents take it. LOCAL: a table of this node alone. SHARED: one table, one writer, and how
 * often a writer that is cut off from a node shows in it that it lives. */
static const struct {
    uint8_t class;
    uint16_t beat_ms;
} kinds[] = {
    [CONFIG_TARGET_NETLINK] = { LOCAL, 0 },
    [CONFIG_TARGET_TABLE] = { SERVED, 0 },
    [CONFIG_TARGET_ETCD] = { SHARED, 1000 },
    [CONFIG_TARGET_AZURE] = { SHARED, 30000 },
};

static bool runs_here(const struct core *c, const struct config_target *t)
{
    return kinds[t->type].class != SERVED && t->nodes & 1u << c->cfg.self;
}

/* The unspecified address stands for «discard»: no peer can announce it as a next hop. */
static void make_discards(struct core *c)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        struct ip_addr nowhere = { .family = f };
        bool nomem;
        c->discard[f] = nhset_intern(&c->rib.sets, &nowhere, 1, &nomem);
        core_must(!c->discard[f]);
    }
}

static struct core_target *new_target(struct core *c, const struct config_target *cfg)
{
    struct core_target *t = memory_new(1, sizeof *t);
    t->cfg = cfg;
    if (!runs_here(c, cfg))
        return t;
    t->program = program_new(&program_defaults, &c->rib.sets);
    core_must(!t->program);
    if (kinds[cfg->type].class == SHARED)
        core_shared_init(c, t, kinds[cfg->type].beat_ms);
    return t;
}

void core_targets_init(struct core *c)
{
    make_discards(c);
    c->target_count = c->config->target_count;
    c->targets = memory_new(c->target_count, sizeof *c->targets);
    for (size_t i = 0; i < c->target_count; i++)
        c->targets[i] = new_target(c, c->config->targets[i]);
}

void core_targets_fini(struct core *c)
{
    while (c->leaving)
        core_targets_tick(c);
    for (size_t i = 0; i < c->target_count; i++) {
        program_free(c->targets[i]->program);
        free(c->targets[i]);
    }
    free(c->targets);
}

/* ---- another configuration ---- */

/* It may go, if it has not gone yet and nobody else holds it. */
static void release_net(void *data, uint32_t net)
{
    struct rib *r = data;
    if (prefix_table_is_used(&r->nets, net))
        rib_net_released(r, net);
}

/* What it holds is let go a stretch a turn. */
static void end_target(struct core *c, struct core_target *t)
{
    if (t->program) {
        t->next_leaving = c->leaving;
        c->leaving = t;
    } else {
        free(t);
    }
}

void core_targets_tick(struct core *c)
{
    struct core_target *t = c->leaving;
    if (!t || program_dissolve(t->program, CORE_WANT_BUDGET, release_net, &c->rib))
        return;
    c->leaving = t->next_leaving;
    program_free(t->program);
    free(t);
}

static struct core_target *take_target(struct core_target **old, size_t count, const struct config_target *cfg)
{
    for (size_t i = 0; i < count; i++)
        if (old[i] && old[i]->cfg == cfg) {
            struct core_target *t = old[i];
            old[i] = NULL;
            return t;
        }
    return NULL;
}

void core_targets_follow(struct core *c)
{
    struct core_target **old = c->targets;
    size_t count = c->target_count;
    c->target_count = c->config->target_count;
    c->targets = memory_new(c->target_count, sizeof *c->targets);
    for (size_t i = 0; i < c->target_count; i++) {
        c->targets[i] = take_target(old, count, c->config->targets[i]);
        if (!c->targets[i])
            c->targets[i] = new_target(c, c->config->targets[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (old[i])
            end_target(c, old[i]);
    free(old);
}

/* ---- what a target should have ---- */

static struct choice_route route_of(const struct core *c, uint32_t best, const struct ip_prefix *prefix)
{
    const struct rib_path *path = best ? rib_path(&c->rib, best) : NULL;
    const struct core_peer *from = path ? c->peers[path->nva] : NULL;
    return (struct choice_route){
        .prefix = prefix,
        .peer = from ? from->place : CORE_NO_PLACE,
        .attrs = path ? bgp_attrs_get(&c->rib.attrs, rib_path_attrs(&c->rib, path)) : NULL,
    };
}

static enum vnet_verdict judge(const struct core *c, const struct config_target *t, uint32_t net,
                               const struct choice_route *route)
{
    const struct ip_prefix *prefix = route->prefix;
    enum vnet_verdict verdict = vnet_judge(core_vnet_for(c, net), prefix, t->allow_own_space);
    if (verdict == VNET_PROGRAMMED && !prefix->len && t->default_route == CONFIG_DEFAULT_REFUSE)
        return VNET_DEFAULT_ROUTE;
    if (verdict == VNET_PROGRAMMED && !choice_passes(&t->filter, route))
        return VNET_FILTERED;
    return verdict;
}

/* Of a net with this best path and these next hops. */
static uint32_t choose_set(const struct core *c, const struct config_target *t, uint32_t net, uint32_t best,
                           uint32_t set)
{
    struct ip_prefix prefix;
    if (!set)
        return 0;
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    struct choice_route route = route_of(c, best, &prefix);
    if (judge(c, t, net, &route) != VNET_PROGRAMMED)
        return 0;
    return choice_discards(&t->blackhole, &route) ? c->discard[prefix.family] : set;
}

static uint32_t wanted_set(const struct core *c, const struct config_target *t, uint32_t net)
{
    return choose_set(c, t, net, rib_best(rib_net(&c->rib, net)), rib_net_nhset(&c->rib, net));
}

enum vnet_verdict core_target_verdict(const struct core *c, size_t nth, uint32_t net)
{
    struct ip_prefix prefix;
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    struct choice_route route = route_of(c, rib_best(rib_net(&c->rib, net)), &prefix);
    return judge(c, c->targets[nth]->cfg, net, &route);
}

uint32_t core_target_wanted(const struct core *c, size_t nth, uint32_t net)
{
    return wanted_set(c, c->targets[nth]->cfg, net);
}

static void want(struct core *c, struct core_target *t, uint32_t net)
{
    uint32_t set = wanted_set(c, t->cfg, net);
    bool is_withdrawn = rib_net_is_withdrawn(rib_net(&c->rib, net));
    if (is_withdrawn && t->is_shared && program_is_hearsay(t->program, net))
        is_withdrawn = core_shared_is_disproved(c, t, net);
    core_must(program_want(t->program, net, set, is_withdrawn ? PROGRAM_WITHDRAWN : PROGRAM_LOST,
                           c->now_ms));
}

/* ---- when ---- */

/* Has every NVA that we peer with spoken to us? Another node may be deaf to one and not know it yet. */
static bool has_heard_its_own(const struct core *c)
{
    const struct rib_session *own = c->rib.origins[c->rib.self].sessions;
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (p->session && own[p->nva].state != RIB_SESSION_SYNCED)
            return false;
    return true;
}

/* Inherited routes may be removed when every NVA has spoken, to us while there is time for it, and what other nodes have
 * heard is here; or it has been silent for the whole time that its routes are held at most. */
static bool may_remove_inherited(const struct core *c)
{
    bool heard = core_cluster_caught_up(c) && (has_heard_its_own(c) || core_is_past(c, c->config->defer_ms));
    return c->phase == CORE_STEADY && ((heard && core_bgp_have_all_told(c)) || core_holds_are_over(c));
}

static void feed(struct core *c, struct core_target *t)
{
    for (uint32_t i = 0, net; i < CORE_WANT_BUDGET && (net = vlist_next(&c->rib.loc, &t->cursor));
         i++)
        want(c, t, net);
}

/* Each target by itself: a shared one may be read long after the others, or never. */
static void tell_converged(struct core *c, struct core_target *t)
{
    if (t->converged_told || t->cursor < vlist_head(&c->rib.loc))
        return;
    t->converged_told = true;
    program_converged(t->program, c->now_ms);
}

/* … and for what it says to have come this far. */
static void tell_awaited(struct core_target *t, bool is_awaited, bool has_all)
{
    t->is_awaited = is_awaited || (t->is_awaited && !has_all);
    program_set_awaited(t->program, t->is_awaited);
}

static void tell_told(struct core *c, struct core_target *t)
{
    if (t->told == c->lost.version || t->cursor < vlist_head(&c->rib.loc))
        return;
    t->told = c->lost.version;
    program_told(t->program, c->lost.told.hops, c->lost.told.count, c->now_ms);
}

void core_targets_feed(struct core *c)
{
    bool settled = rib_dirty_count(&c->rib) == 0 && !c->recheck.is_on;
    bool converged = settled && (c->converged_told || may_remove_inherited(c));
    bool heard = core_nvas_are_heard(c), awaited = core_streams_await(c);
    for (size_t i = 0; i < c->target_count; i++) {
        struct core_target *t = c->targets[i];
        if (c->converged_told && t->is_shared && !t->ready)
            program_reads_late(t->program);
        if (!t->program || !t->ready)
            continue;
        program_set_heard(t->program, heard, c->now_ms);
        program_lost(t->program, c->lost.gone.hops, c->lost.gone.count);
        feed(c, t);
        bool has_all = settled && t->cursor == vlist_head(&c->rib.loc);
        tell_awaited(t, awaited, has_all);
        bool more_comes = core_streams_hold(c, &t->parted_ms, has_all);
        program_hold_deletions(t->program, more_comes || (!has_all && c->now_ms < c->woken_ms));
        core_shared_judge(c, t);
        if (settled) {
            core_inherited_judge(c, t);
            tell_told(c, t);
        }
        if (converged)
            tell_converged(c, t);
    }
    c->converged_told |= converged;
}

/* What was said meanwhile is to be read, decided and fed first, for as long as a loss may be the pause's. */
void core_targets_woke(struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program)
            program_hold_deletions(c->targets[i]->program, true);
}

bool core_targets_have_work(const struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program && c->targets[i]->ready &&
            (c->targets[i]->is_judging || core_inherited_goes_on(c, c->targets[i]) ||
             c->targets[i]->cursor < vlist_head(&c->rib.loc)))
            return true;
    return c->leaving;
}

uint64_t core_targets_slowest(const struct core *c)
{
    uint64_t slowest = UINT64_MAX;
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program && c->targets[i]->cursor < slowest)
            slowest = c->targets[i]->cursor;
    return slowest;
}

uint32_t core_targets_held(const struct core *c)
{
    uint32_t most = 0;
    for (size_t i = 0; i < c->target_count; i++) {
        const struct program *p = c->targets[i]->program;
        uint32_t held = p ? program_stats(p)->held_by_brake : 0;
        most = held > most ? held : most;
    }
    return most;
}

bool core_targets_hold(const struct core *c, uint32_t net)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program && program_holds(c->targets[i]->program, net))
            return true;
    return false;
}

struct core_target *core_nth_program(struct core *c, size_t nth)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->program && nth-- == 0)
            return c->targets[i];
    return NULL;
}

struct program *core_program(struct core *c, size_t nth, const struct config_target **target)
{
    struct core_target *t = core_nth_program(c, nth);
    if (!t)
        return NULL;
    *target = t->cfg;
    return t->program;
}

void core_program_ready(struct core *c, size_t nth, uint64_t now_ms)
{
    c->now_ms = now_ms;
    core_nth_program(c, nth)->ready = true;
}

void core_want_again(struct core *c, size_t nth, uint32_t net, uint64_t now_ms)
{
    struct core_target *t = core_nth_program(c, nth);
    c->now_ms = now_ms;
    if (t->ready)
        want(c, t, net);
}

uint32_t core_foresee(struct core *c, size_t nth, uint32_t net, bool *is_bereft)
{
    struct rib_outlook o;
    c->foreseen_ms = c->now_ms;
    core_must(rib_foresee(&c->rib, net, &o));
    uint32_t set = choose_set(c, core_nth_program(c, nth)->cfg, net, o.best, o.nhset);
    nhset_ref(&c->rib.sets, set);
    nhset_unref(&c->rib.sets, o.nhset);
    *is_bereft = o.is_bereft;
    return set;
}

const char *core_net_source(const struct core *c, uint32_t net)
{
    uint32_t best = rib_best(rib_net(&c->rib, net));
    return best ? core_nva_name(c, rib_path(&c->rib, best)->nva) : "none";
}

const char *core_self_name(const struct core *c)
{
    return c->node->name;
}

void core_target_facts(struct core *c, size_t nth, const struct core_fact *facts, size_t count)
{
    struct core_target *t = core_nth_program(c, nth);
    t->fact_count = count < CORE_FACTS_MAX ? count : CORE_FACTS_MAX;
    for (size_t i = 0; i < t->fact_count; i++)
        t->facts[i] = facts[i];
}

static struct core_unhealthy *find_unhealthy(struct core_target *t, const struct ip_addr *hop)
{
    for (size_t i = 0; i < t->unhealthy_count; i++)
        if (ip_addr_is_equal(&t->unhealthy[i].hop, hop))
            return &t->unhealthy[i];
    return NULL;
}

void core_target_health(struct core *c, size_t nth, const struct ip_addr *hop, const char *reason,
                        uint64_t now_ms)
{
    struct core_target *t = core_nth_program(c, nth);
    struct core_unhealthy *u = find_unhealthy(t, hop);
    char subject[CONFIG_NAME_MAX + 16], text[IP_ADDR_TEXT];
    c->now_ms = now_ms;
    snprintf(subject, sizeof subject, "target=%s", t->cfg->name);
    if (reason)
        core_event(c, CONFIG_LOG_WARN, "next_hop_unhealthy", subject,
                   "next_hop=%s reason=\"%s\" hint=\"it leaves the groups of this kernel\"",
                   ip_addr_format(hop, text), reason);
    else
        core_event(c, CONFIG_LOG_INFO, "next_hop_healthy", subject, "next_hop=%s",
                   ip_addr_format(hop, text));
    if (!reason && u)
        *u = t->unhealthy[--t->unhealthy_count];
    if (reason && !u && t->unhealthy_count < CORE_UNHEALTHY_MAX) {
        u = &t->unhealthy[t->unhealthy_count++];
        *u = (struct core_unhealthy){ .hop = *hop, .since_ms = now_ms };
        snprintf(u->reason, sizeof u->reason, "%.63s", reason);
    }
}

struct rib *core_rib(struct core *c)
{
    return &c->rib;
}
