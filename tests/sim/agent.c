/* A host agent: the product's own choice among tables (node/program/follow.h) and its own links, as node/agent/host.c drives
 * them, and a kernel that outlives it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/shared.h"

enum { TICK_MS = 50, WALK_MS = 2, RETRY_MS = 400, SILENCE_MS = 1000, ZOMBIE_MS = 1000, SETTLE_MS = 2000 };

/* ---- its kernel ---- */

static int number_of(const struct sim_agent *a, uint32_t prefix)
{
    struct ip_prefix p;
    prefix_table_prefix(&a->follow.prefixes, prefix, &p);
    return sim_prefix_number(&p);
}

static void look_up(struct host *h)
{
    const struct rib *r = &h->core->rib;
    if (h->looked == vlist_head(&r->loc))
        return;
    h->looked = vlist_head(&r->loc);
    for (int i = 0; i < h->world->prefix_count; i++) {
        struct ip_prefix p = sim_prefix(i);
        uint32_t net = prefix_table_find(&r->nets, &p);
        h->has[i] = net && rib_net_nhset(r, net);
    }
}

/* It has not converged, and its kernel has what was inherited. */
static bool inherits(const struct host *h, int prefix)
{
    const struct config_target *target;
    struct ip_prefix p = sim_prefix(prefix);
    struct program *program = core_program(h->core, 0, &target);
    uint32_t net = prefix_table_find(&h->core->rib.nets, &p);
    return h->kernel.present[prefix] && net && program && program_is_merging(program, net);
}

/* By its table, and by what it inherited; not by what its own kernel's brake holds, which counts other losses than the
 * host's. */
static bool has(struct host *h, int prefix)
{
    look_up(h);
    return h->has[prefix] || inherits(h, prefix);
}

static int count_having(struct world *w, int prefix, int *running)
{
    int having = 0;
    *running = 0;
    for (int i = 0; i < w->host_count; i++) {
        *running += w->hosts[i].core != NULL;
        having += w->hosts[i].core && has(&w->hosts[i], prefix);
    }
    return having;
}

/* Which prefixes does some node not have that runs? */
void agent_note(struct world *w)
{
    for (int i = 0; w->agent.is_there && i < w->prefix_count; i++) {
        int running, having = count_having(w, i, &running);
        if (having < running)
            w->agent.lacked[i] = w->now;
    }
}

void agent_note_turn(struct world *w, struct host *h)
{
    uint64_t head = vlist_head(&h->core->rib.loc);
    if (!w->agent.is_there || (h->core->converged_told && head == h->noted))
        return;
    h->noted = head;
    for (int i = 0; i < w->prefix_count; i++)
        if (!has(h, i))
            w->agent.lacked[i] = w->now;
}

/* Why it is there, or is not: what every node told of it, for a run that is replayed. */
static void explain(const struct sim_agent *a, int number)
{
    struct world *w = a->world;
    check_explain(w, number);
    for (int i = 0; w->verbose && i < w->host_count; i++)
        printf("         node%d %s it; to the agent it is %s%s%s%s\n", i,
               w->hosts[i].core && has(&w->hosts[i], number) ? "has" : "lacks",
               a->follow.nodes[i].connected ? "connected" : "away", a->follow.nodes[i].complete ? ", complete" : "",
               a->follow.nodes[i].isolated ? ", isolated" : "", a->follow.active == i ? ", followed" : "");
}

/* By some node that lives, or it is held because it restarts. */
static bool is_heard(const struct world *w, const struct nva *n)
{
    return w->now > n->unheard + SETTLE_MS || (n->restarts && w->now < n->held_until);
}

/* I2 speaks of routes that are announced all the while by such an NVA. */
static bool is_promised(const struct world *w, int number)
{
    for (int i = 0; i < w->nva_count; i++) {
        const struct nva *n = &w->nvas[i];
        if (n->truth[number] && !sim_nva_is_unsaid(n, number) && w->now > n->changed[number] + SETTLE_MS && is_heard(w, n))
            return true;
    }
    return false;
}

/* By I1: a node that has not converged inherited a set with others in it, who may come yet; the host's own leads only
 * to NVAs that have withdrawn it, or that it has lost, or of which its file refuses it, as that node says of each (4.9), or
 * its hold has ended (S1). Who announces it again to a node that is cut off from it has withdrawn it by that node's word. */
static bool is_gone_by_its_own(const struct sim_agent *a, int number)
{
    const struct world *w = a->world;
    const struct host *h = &w->hosts[a->follow.active];
    for (uint32_t i = 0; i < a->kernel.hop_count[number]; i++) {
        const struct nva *n = &w->nvas[sim_party_at(&a->kernel.hops[number][i]) - SIM_NODES_MAX];
        bool is_over = h->core && check_holds_end(w) && !check_has_heard(w, h, n->number);
        bool is_refused = sim_may_refuse(w, &h->config, n->number, number);
        bool is_unheard = h->core && check_is_spoken_against(w, h, n->number, number);
        if (n->truth[number] && is_heard(w, n) && !is_over && !is_refused && !is_unheard)
            return false;
    }
    return !a->follow.nodes[a->follow.active].complete;
}

/* I2: a host never loses a route that is promised, and that all nodes have that are there, if any is. */
static void check_delete(struct sim_agent *a, int number)
{
    struct world *w = a->world;
    w->counts[SIM_AGENT_REMOVALS]++;
    agent_note(w); /* they may have removed it just now */
    if (w->now <= a->lacked[number] + SETTLE_MS || !is_promised(w, number) || is_gone_by_its_own(a, number))
        return;
    explain(a, number);
    sim_fail(w, "I2: the agent removes prefix %d, which no running node lacks since %llu", number,
             (unsigned long long)a->lacked[number]);
}

static void work(struct sim_agent *a)
{
    struct world *w = a->world;
    struct program_op op;
    while (program_next(a->follow.program, w->now, &op)) {
        int number = number_of(a, op.prefix);
        const struct nhset *set = nhset_get(&a->follow.sets, op.nhset);
        if (op.kind == PROGRAM_DELETE)
            check_delete(a, number);
        a->kernel.present[number] = op.kind == PROGRAM_PUT;
        a->kernel.hop_count[number] = set ? set->count : 0;
        if (set && set->count)
            memcpy(a->kernel.hops[number], set->members, set->count * sizeof *set->members);
        program_result(a->follow.program, &op, true, w->now);
        if (!program_holds(a->follow.program, op.prefix))
            follow_released(&a->follow, op.prefix);
    }
    if (!a->walks && follow_is_walking(&a->follow))
        sim_schedule(w, (struct sim_event){ .kind = SIM_AGENT_WALK, .at = w->now + WALK_MS });
    a->walks = follow_is_walking(&a->follow);
}

/* One prefix at a time, so that a walk takes long enough for much to happen meanwhile. */
void agent_walk(struct world *w)
{
    w->agent.walks = false;
    follow_turn(&w->agent.follow, 1, w->now);
    work(&w->agent);
}

static void inherit(struct sim_agent *a)
{
    for (int i = 0; i < a->world->prefix_count; i++) {
        struct ip_prefix prefix = sim_prefix(i);
        struct ip_addr hops[SIM_NVAS_MAX];
        bool nomem;
        if (!a->kernel.present[i])
            continue;
        memcpy(hops, a->kernel.hops[i], sizeof hops);
        uint32_t set = nhset_intern(&a->follow.sets, hops, a->kernel.hop_count[i], &nomem);
        if (program_inherit(a->follow.program, prefix_table_get(&a->follow.prefixes, &prefix), set))
            abort();
        nhset_unref(&a->follow.sets, set);
    }
}

/* ---- its links ---- */

static void flush(struct sim_upstream *u)
{
    uint8_t buf[16384];
    for (size_t n; u->pipe && u->pipe->established && (n = repl_link_pull(u->link, buf, sizeof buf));)
        sim_send(u->agent->world, u->pipe, 0, buf, n);
}

static void subscribe(struct sim_upstream *u)
{
    struct repl_msg msg = { .kind = REPL_TABLE_SUBSCRIBE };
    u->failed |= repl_link_send(u->link, &msg, u->agent->world->now) != 0;
}

static void on_event(struct sim_upstream *u, const struct repl_link_event *e)
{
    struct follow *f = &u->agent->follow;
    enum follow_result result = FOLLOW_APPLIED;
    if (e->kind == REPL_LINK_UP) {
        u->up = true;
        follow_connected(f, u->nth);
        subscribe(u);
    } else if (e->kind == REPL_LINK_MSG && e->msg->kind == REPL_TABLE_BATCH) {
        result = follow_apply(f, u->nth, &e->msg->table_batch, u->agent->world->now);
    } else if (e->kind == REPL_LINK_MSG && e->msg->kind == REPL_TABLE_BEAT) {
        result = follow_beat(f, u->nth, e->msg->beat.has_digest ? e->msg->beat.digest : NULL);
    } else if (e->kind == REPL_LINK_FAILED || e->kind == REPL_LINK_ENDED) {
        u->failed = true;
    }
    if (result == FOLLOW_RESUBSCRIBE)
        subscribe(u);
}

static void take_events(struct sim_upstream *u)
{
    struct repl_link_event e;
    while (repl_link_next(u->link, &e))
        on_event(u, &e);
}

/* Its end of the connection is over, whoever ended it. */
void agent_closed(struct sim_upstream *u)
{
    struct sim_agent *a = u->agent;
    repl_link_free(u->link);
    u->link = NULL;
    u->pipe = NULL;
    u->up = u->failed = false;
    u->rx_len = 0;
    u->retry_at = a->world->now + RETRY_MS;
    follow_disconnected(&a->follow, u->nth, a->world->now);
    work(a);
}

static void settle(struct sim_upstream *u)
{
    if (u->link && u->failed)
        sim_hang_up(u->agent->world, u->pipe, 0);
    else if (u->link)
        flush(u);
}

void agent_connected(struct sim_upstream *u)
{
    settle(u);
}

void agent_receive(struct sim_upstream *u, const uint8_t *bytes, size_t len)
{
    struct world *w = u->agent->world;
    size_t used = 0;
    if (u->rx_len + len > sizeof u->rx)
        abort(); /* more than a frame waits */
    memcpy(u->rx + u->rx_len, bytes, len);
    u->rx_len += len;
    u->heard = w->now;
    for (size_t n; used < u->rx_len && !u->failed; used += n) {
        n = repl_link_feed(u->link, u->rx + used, u->rx_len - used, w->now);
        take_events(u);
        if (!n)
            break;
    }
    memmove(u->rx, u->rx + used, u->rx_len - used);
    u->rx_len -= used;
    settle(u);
    work(u->agent);
}

static void dial(struct sim_upstream *u)
{
    struct sim_agent *a = u->agent;
    struct core_request r = { .port = CORE_PORT_CLUSTER, .remote = sim_addr((int)u->nth) };
    struct repl_link_cfg cfg = { .initiator = true,
                                 .role = REPL_ROLE_AGENT,
                                 .identity = &a->identity,
                                 .secrets = &a->secrets,
                                 .parties = &u->party,
                                 .party_count = 1,
                                 .hello = { .minor_min = REPL_TABLE_MINOR, .minor_max = REPL_TABLE_MINOR, .algo_min = 1, .algo_max = 1 } };
    const struct config_node *n = &a->world->config.nodes[u->nth];
    bool tries_next = n->has_next_public_key && u->attempts++ % 2;
    repl_cluster_id(a->world->config.name, cfg.cluster_id);
    snprintf(cfg.hello.name, sizeof cfg.hello.name, "%s", a->cfg.name);
    u->party = repl_party(REPL_ROLE_NODE, n->id, tries_next ? n->next_public_key : n->public_key);
    u->retry_at = a->world->now + RETRY_MS;
    u->heard = a->world->now;
    u->link = repl_link_new(&cfg, a->world->now);
    if (!u->link)
        abort();
    u->pipe = sim_dial_agent(a->world, u, &r);
}

static void tick_upstream(struct sim_upstream *u)
{
    struct world *w = u->agent->world;
    if (!u->link) {
        if (w->now >= u->retry_at)
            dial(u);
        return;
    }
    if (repl_link_deadline(u->link) <= w->now) {
        repl_link_tick(u->link, w->now);
        take_events(u);
    }
    u->failed |= u->up && w->now >= u->heard + SILENCE_MS;
    settle(u);
}

/* ---- invariants ---- */

static bool follows_complete_table(const struct follow *f)
{
    return f->active >= 0 && f->nodes[f->active].connected && f->nodes[f->active].complete;
}

/* It reaches a node that has converged and hears NVAs. */
static bool is_worth_following(const struct sim_agent *a, int node)
{
    const struct follow_node *n = &a->follow.nodes[node];
    return a->world->hosts[node].core && n->connected && n->complete && !n->isolated;
}

/* By a node that runs; where it reaches some that are worth following, by one of those. */
static bool is_had(const struct sim_agent *a, int prefix)
{
    struct world *w = a->world;
    int having[2] = { 0 }, running[2] = { 0 };
    for (int i = 0; i < w->host_count; i++) {
        bool is_worth = is_worth_following(a, i);
        running[is_worth] += w->hosts[i].core != NULL;
        having[is_worth] += w->hosts[i].core && has(&w->hosts[i], prefix);
    }
    return running[true] ? having[true] : having[false] || !running[false];
}

/* S2: what no such node has, is not in the host either; the agent's own brake aside (4.7), and while it follows nobody,
 * or a node that has not converged, which may say nothing (4.9). */
static void check_orphans(struct sim_agent *a)
{
    struct world *w = a->world;
    const struct program_stats *s = program_stats(a->follow.program);
    bool is_bound = follows_complete_table(&a->follow) && !s->held_by_brake && !s->merging;
    for (int i = 0; i < w->prefix_count; i++) {
        if (!is_bound || !a->kernel.present[i] || is_had(a, i))
            a->orphaned[i] = w->now;
        else if (w->now > a->orphaned[i] + SETTLE_MS + ZOMBIE_MS) {
            explain(a, i);
            sim_fail(a->world, "S2: the agent still has prefix %d, which no node has since %llu", i,
                     (unsigned long long)a->orphaned[i]);
        }
    }
}

void agent_check_settled(struct world *w)
{
    struct sim_agent *a = &w->agent;
    for (int i = 0; a->is_there && i < w->prefix_count && !w->failure[0]; i++) {
        struct ip_addr hops[SIM_NVAS_MAX];
        uint32_t count = check_truth(w, sim_last_file(w), i, hops);
        if (a->kernel.present[i] != (count > 0))
            sim_fail(w, "I6: the agent's host %s prefix %d", count ? "lacks" : "still has", i);
        else if (count && (a->kernel.hop_count[i] != count || memcmp(a->kernel.hops[i], hops, count * sizeof *hops)))
            sim_fail(w, "I6: the agent's host has other next hops for prefix %d", i);
    }
}

/* ---- life ---- */

void agent_tick(struct world *w)
{
    struct sim_agent *a = &w->agent;
    agent_note(w);
    for (int i = 0; i < w->host_count; i++)
        tick_upstream(&a->upstreams[i]);
    work(a);
    check_orphans(a);
    sim_schedule(w, (struct sim_event){ .kind = SIM_AGENT_TICK, .at = w->now + TICK_MS });
}

static void begin(struct sim_agent *a)
{
    struct world *w = a->world;
    struct hash_key key = { sim_random(w), sim_random(w) };
    if (!follow_init(&a->follow, (size_t)w->host_count, a->secrets.digest_key, key))
        abort();
    for (int i = 0; i < w->host_count; i++)
        a->upstreams[i] = (struct sim_upstream){ .agent = a, .nth = (size_t)i };
    inherit(a);
}

static void end(struct sim_agent *a)
{
    for (int i = 0; i < a->world->host_count; i++)
        if (a->upstreams[i].link)
            repl_link_free(a->upstreams[i].link);
    follow_fini(&a->follow);
}

void agent_init(struct world *w)
{
    char text[REPL_KEY_TEXT];
    struct sim_agent *a = &w->agent;
    a->world = w;
    a->is_there = true;
    repl_secret_new(text);
    if (repl_secret_parse(text, &a->secrets))
        abort();
    repl_identity_new(text);
    if (repl_identity_parse(text, &a->identity))
        abort();
    snprintf(a->cfg.name, sizeof a->cfg.name, "vm");
    memcpy(a->cfg.public_key, a->identity.public_key, REPL_KEY);
    w->config.agents = w->newer.agents = &a->cfg;
    w->config.agent_count = w->newer.agent_count = 1;
    begin(a);
    sim_schedule(w, (struct sim_event){ .kind = SIM_AGENT_TICK, .at = w->now + TICK_MS });
}

/* kill -9, and a new one at once: its kernel keeps the table. */
void agent_restart(struct world *w)
{
    sim_vanish(w, SIM_AGENT);
    end(&w->agent);
    begin(&w->agent);
}

void agent_fini(struct world *w)
{
    if (w->agent.is_there)
        end(&w->agent);
}
