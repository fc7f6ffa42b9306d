/* One node: the real core, driven as the loop drives it, and a kernel table that outlives it. */
#include <string.h>

#include "tests/sim/world.h"

enum { STOP_MS = 2000, LAG_MAX_MS = 250 };

struct sim_pipe *sim_pipe_of(struct world *w, const struct pump *p)
{
    struct sim_pipe *pipe = p->owner;
    (void)w;
    return pipe && pipe->used ? pipe : NULL;
}

static int side_of(const struct sim_pipe *p, const struct pump *pump)
{
    return p->end[0].open && p->end[0].pump == pump ? 0 : 1;
}

void host_ask_turn(struct world *w, struct host *h, uint64_t at)
{
    h->sight.is_fresh = false; /* nobody asks when nothing happened */
    if (at >= h->turn_at && h->turn_at >= w->now)
        return;
    h->turn_at = at;
    sim_schedule(w, (struct sim_event){
                        .kind = SIM_TURN, .at = at, .who = h->number, .generation = ++h->turn_generation });
}

/* True: a turn would use the room that there is now. */
static bool send_output(struct world *w, struct host *h)
{
    bool has_more = false;
    for (struct pump *p; (p = core_next_pump(h->core));) {
        size_t len;
        const uint8_t *bytes = pump_tx_bytes(p, &len);
        struct sim_pipe *pipe = len ? sim_pipe_of(w, p) : NULL;
        if (!pipe || !pipe->established)
            continue;
        sim_send(w, pipe, side_of(pipe, p), bytes, len);
        has_more |= core_sent(h->core, p, len, w->now) && w->is_narrow;
    }
    return has_more;
}

static void take_requests(struct world *w, struct host *h)
{
    struct core_request r;
    while (core_next_request(h->core, &r)) {
        if (r.kind == CORE_DIAL) {
            sim_dial(w, h->number, &r, NULL);
            continue;
        }
        struct sim_pipe *pipe = sim_pipe_of(w, r.pump);
        size_t len;
        const uint8_t *bytes = pump_tx_bytes(r.pump, &len);
        if (pipe && pipe->established && len)
            sim_send(w, pipe, side_of(pipe, r.pump), bytes, len);
        if (pipe)
            sim_hang_up(w, pipe, side_of(pipe, r.pump));
        else
            core_closed(h->core, r.pump, CORE_CLOSE_EOF, w->now);
    }
}

/* ---- the kernel table ---- */

static void kernel_put(const struct world *w, struct sim_table *k, int number, const struct nhset *set)
{
    const struct sim_table before = *k;
    k->present[number] = true;
    k->hop_count[number] = set->count < SIM_NVAS_MAX ? set->count : SIM_NVAS_MAX;
    memcpy(k->hops[number], set->members, k->hop_count[number] * sizeof *set->members);
    check_note_hops(w, &before, k, number);
}

static void program_kernel(struct world *w, struct host *h)
{
    const struct config_target *target;
    struct program *program = core_program(h->core, 0, &target);
    struct rib *rib = core_rib(h->core);
    struct program_op op;
    while (program && program_next(program, w->now, &op)) {
        struct ip_prefix prefix;
        prefix_table_prefix(&rib->nets, op.prefix, &prefix);
        int number = sim_prefix_number(&prefix);
        if (number < 0) {
            sim_fail(w, "node %d programs a prefix that nobody announced", h->number);
        } else if (op.kind == PROGRAM_PUT) {
            check_put(w, h, number);
            w->counts[SIM_IP6] += prefix.family == BGP_IP6;
            kernel_put(w, &h->kernel, number, nhset_get(&rib->sets, op.nhset));
            h->removed[number] = 0;
        } else {
            char why[160];
            if (check_removal(w, h, &h->kernel, number, why))
                sim_fail(w, "%s", why);
            h->kernel.present[number] = false;
            h->removed[number] = w->now;
        }
        program_result(program, &op, true, w->now);
        if (!program_holds(program, op.prefix))
            rib_net_released(rib, op.prefix);
    }
}

static void inherit_kernel(struct world *w, struct host *h)
{
    const struct config_target *target;
    struct program *program = core_program(h->core, 0, &target);
    struct rib *rib = core_rib(h->core);
    bool any = false;
    if (!program)
        return;
    for (int i = 0; i < w->prefix_count; i++) {
        struct ip_prefix prefix = sim_prefix(i);
        struct ip_addr hops[SIM_NVAS_MAX];
        bool nomem;
        if (!h->kernel.present[i])
            continue;
        any = true;
        memcpy(hops, h->kernel.hops[i], sizeof hops);
        uint32_t set = nhset_intern(&rib->sets, hops, h->kernel.hop_count[i], &nomem);
        core_must(program_inherit(program, prefix_table_get(&rib->nets, &prefix), set));
        nhset_unref(&rib->sets, set);
    }
    w->counts[SIM_INHERITED] += any;
    core_program_ready(h->core, 0, w->now);
}

static void take_core_events(struct world *w, struct host *h)
{
    struct core_event e;
    while (core_next_event(h->core, &h->events_seen, &e)) {
        check_core_event(w, h, &e);
        if (w->verbose)
            printf("%8llu node%d %s %s %s\n", (unsigned long long)w->now, h->number, e.name, e.subject,
                   e.fields);
    }
}

void host_turn(struct world *w, struct host *h)
{
    uint64_t due = core_turn(h->core, w->now);
    take_requests(w, h);
    take_core_events(w, h); /* why something goes is known when it goes */
    program_kernel(w, h);
    shared_turn(w, h);
    if (w->host_count == 1 && shared_due(w, h) < due)
        due = shared_due(w, h); /* with other nodes it has a turn with every beat */
    if (send_output(w, h))
        due = w->now;
    h->turn_at = 0;
    host_ask_turn(w, h, due > w->now ? due : w->now + 1);
    if (h->stopping_since && (core_is_stopped(h->core) || w->now > h->stopping_since + STOP_MS))
        host_crash(w, h);
}

void host_start(struct world *w, struct host *h)
{
    h->is_drained = false;
    h->config = h->is_newer ? w->newer : w->config;
    h->paused_until = h->stopping_since = h->events_seen = h->noted = h->looked = h->fenced_at = h->fenced = 0;
    memset(h->has, 0, sizeof h->has);
    memset(w->memory[h->number], 0, sizeof w->memory[h->number]);
    struct core_keys keys;
    sim_rotated(w, h);
    sim_keys(w, h, &keys);
    struct core_cfg cfg = { .config = &h->config,
                            .self = (uint32_t)h->number + 1,
                            .identity = &keys.identity,
                            .secrets = h->wrong_secret ? &w->wrong_secrets : &keys.secrets[0],
                            .next_secrets = !h->wrong_secret && keys.secret_count > 1 ? &keys.secrets[1] : NULL,
                            .agent_secrets = w->agent.is_there ? &w->agent.secrets : NULL,
                            .key = { sim_random(w), sim_random(w) },
                            .seed = w->seed,
                            .incarnation = ++h->lives };
    h->incarnation++;
    h->core = core_new(&cfg, w->now);
    h->core->member_times.renew_ms = 3000 + sim_pick(w, 20000); /* an hour does not fit a run */
    if (w->seed % 2)
        h->core->sweep_budget = RIB_SWEEP_CHANGE; /* walks are under way for long, as over a million routes */
    if (w->is_narrow) {
        repl_batcher_limit(h->core->batcher, 1 + sim_pick(w, 4));
        uint16_t part = (uint16_t)(4 + sim_pick(w, 60)); /* a large attribute would take thousands of them */
        repl_batcher_part(h->core->batcher, (uint16_t)(w->kind.heavy ? part * 128 : part));
        h->core->bulk_queued = 1;
    }
    unsigned older = w->is_mixed ? sim_pick(w, 2) : 0;
    h->core->minor = (uint16_t)(h->core->minor - older);
    w->counts[SIM_OLD_MINORS] += older != 0;
    w->counts[SIM_UPGRADES] += w->is_mixed && !older;
    h->up_since = h->read_at = w->now;
    inherit_kernel(w, h);
    shared_open(w, h);
    host_ask_turn(w, h, w->now);
}

void host_crash(struct world *w, struct host *h)
{
    agent_note(w);
    sim_vanish(w, h->number);
    shared_close(h);
    core_free(h->core);
    h->core = NULL;
}

void host_stop(struct world *w, struct host *h)
{
    h->stopping_since = w->now;
    core_stop(h->core, w->now);
    host_ask_turn(w, h, w->now);
}

void host_reload(struct world *w, struct host *h)
{
    const struct config was = h->config;
    take_requests(w, h);
    h->is_newer = true;
    h->config = w->newer;
    h->read_at = w->now;
    core_reconfigure(h->core, &was, w->now);
    take_requests(w, h);
}

bool host_runs(const struct world *w, const struct host *h)
{
    return h->core && w->now >= h->paused_until;
}

void host_pause(struct world *w, struct host *h, uint64_t ms, bool machine)
{
    h->paused_until = w->now + ms;
    h->pause_lag = machine ? 1 + sim_pick(w, LAG_MAX_MS) : 0;
}
