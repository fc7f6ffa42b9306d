/* Host agents: the programmed table over the authenticated channel, one cursor per agent. */
#include <stdio.h>
#include <string.h>

#include "node/core_impl.h"

/* Parts of a batch beside the prefixes, as they cost in the frame at most. */
enum { FRAME_BUDGET = REPL_PAYLOAD_MAX - 512, COST_GROUP = 16, COST_HOP = 20, COST_PREFIX = 17 };

static const char *subject_of(const struct core_agent *a, char *buf, size_t cap)
{
    snprintf(buf, cap, "agent=%s", a->cfg->name);
    return buf;
}

/* ---- the table that agents see ---- */

/* Without a target of this type agents are served all that a network accepts. */
static size_t table_target(const struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i].cfg->type == CONFIG_TARGET_TABLE)
            return i;
    return SIZE_MAX;
}

uint32_t core_table_set(const struct core *c, uint32_t net)
{
    size_t target = table_target(c);
    struct ip_prefix prefix;
    if (target != SIZE_MAX)
        return core_target_wanted(c, target, net);
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    return vnet_judge(&c->vnet, &prefix, false) == VNET_PROGRAMMED ? rib_net(&c->rib, net)->nhset : 0;
}

/* What the digest has of a net, by place. */
static uint32_t *summed_at(struct core *c, uint32_t net)
{
    enum bgp_family f = prefix_index_family(net);
    uint32_t place = prefix_index_place(net), cap = c->table_cap[f] ? c->table_cap[f] : 1024;
    while (cap <= place)
        cap *= 2;
    if (cap > c->table_cap[f]) {
        uint32_t *wider = memory_new(cap, sizeof *wider);
        for (uint32_t i = 0; i < c->table_cap[f]; i++)
            wider[i] = c->table_summed[f][i];
        free(c->table_summed[f]);
        c->table_summed[f] = wider;
        c->table_cap[f] = cap;
    }
    return &c->table_summed[f][place];
}

void core_table_changed(struct core *c, uint32_t net)
{
    struct ip_prefix prefix;
    if (!c->cfg.agent_secrets)
        return;
    uint32_t set = core_table_set(c, net), *summed = summed_at(c, net);
    if (*summed == set)
        return;
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    repl_digest_subtract(&c->table_digest, &prefix, nhset_get(&c->rib.sets, *summed));
    repl_digest_add(&c->table_digest, &prefix, nhset_get(&c->rib.sets, set));
    c->table_routes += (set != 0) - (uint32_t)(*summed != 0);
    nhset_ref(&c->rib.sets, set);
    nhset_unref(&c->rib.sets, *summed);
    *summed = set;
}

void core_agents_fini(struct core *c)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        free(c->table_summed[f]);
}

/* ---- batches ---- */

struct batch {
    struct core *c;
    uint32_t sets[CORE_TABLE_GROUPS]; /* of the groups, by number */
    uint32_t nets[CORE_TABLE_NETS], group[CORE_TABLE_NETS];
    uint32_t group_count, net_count;
    size_t cost;
};

static uint32_t group_of(struct batch *b, uint32_t set, uint8_t family, bool lost)
{
    for (uint32_t i = b->group_count; i-- > 0;)
        if (b->sets[i] == set && b->c->table_groups[i].family == family &&
            b->c->table_groups[i].lost == lost)
            return i;
    const struct nhset *s = nhset_get(&b->c->rib.sets, set);
    b->sets[b->group_count] = set;
    b->c->table_groups[b->group_count] =
        (struct repl_table_routes){ .next_hops = s->members,
                                    .next_hop_count = (uint16_t)s->count,
                                    .family = family,
                                    .lost = lost };
    b->cost += COST_GROUP + s->count * COST_HOP;
    return b->group_count++;
}

static uint64_t collect(struct batch *b, uint64_t from)
{
    uint64_t at = from, done = from;
    for (uint32_t net; (net = vlist_next(&b->c->rib.loc, &at)); done = at) {
        size_t most = COST_GROUP + NHSET_MAX * COST_HOP + COST_PREFIX;
        if (b->net_count == CORE_TABLE_NETS || b->group_count == CORE_TABLE_GROUPS ||
            b->cost + most > FRAME_BUDGET)
            return done;
        struct ip_prefix prefix;
        prefix_table_prefix(&b->c->rib.nets, net, &prefix);
        uint32_t set = core_table_set(b->c, net);
        bool lost = !set && !rib_net_is_withdrawn(rib_net(&b->c->rib, net));
        uint32_t group = group_of(b, set, prefix.family, lost);
        uint16_t bytes = (uint16_t)(1 + ip_prefix_bytes(prefix.len));
        b->c->table_groups[group].len = (uint16_t)(b->c->table_groups[group].len + bytes);
        b->cost += bytes;
        b->nets[b->net_count] = net;
        b->group[b->net_count++] = group;
    }
    return at;
}

static void pack(struct batch *b)
{
    uint8_t *place[CORE_TABLE_GROUPS], *at = b->c->table_nlri;
    for (uint32_t i = 0; i < b->group_count; i++) {
        b->c->table_groups[i].nlri = place[i] = at;
        at += b->c->table_groups[i].len;
    }
    for (uint32_t i = 0; i < b->net_count; i++) {
        struct ip_prefix prefix;
        prefix_table_prefix(&b->c->rib.nets, b->nets[i], &prefix);
        uint8_t *to = place[b->group[i]];
        *to++ = prefix.len;
        memcpy(to, prefix.bytes, ip_prefix_bytes(prefix.len));
        place[b->group[i]] = to + ip_prefix_bytes(prefix.len);
    }
}

/* Absence may be acted upon when every NVA has spoken, as in our own targets. */
static bool is_complete(const struct core *c)
{
    return c->converged_told;
}

static bool is_isolated(const struct core *c)
{
    return core_live_sessions(c) == 0;
}

static bool has_work(const struct core *c, const struct core_agent *a)
{
    return a->subscribed && (a->position < vlist_head(&c->rib.loc) || !a->cut_sent ||
                             a->complete_sent != is_complete(c) ||
                             a->isolated_sent != is_isolated(c));
}

/* One frame for this agent; the table's cut carries digest and total, so that it can check itself. */
static void send_batch(struct core *c, struct core_agent *a)
{
    struct batch b;
    b.c = c;
    b.group_count = b.net_count = 0;
    b.cost = 0;
    uint64_t from = a->position, to = collect(&b, from);
    pack(&b);
    bool cut = to == vlist_head(&c->rib.loc) && rib_dirty_count(&c->rib) == 0;
    struct repl_msg msg = { .kind = REPL_TABLE_BATCH,
                            .table_batch = { .incarnation = c->incarnation,
                                             .from = from,
                                             .to = to,
                                             .reset = a->reset,
                                             .cut = cut,
                                             .complete = cut && is_complete(c),
                                             .isolated = is_isolated(c),
                                             .route_total = c->table_routes,
                                             .routes = c->table_groups,
                                             .route_count = b.group_count } };
    repl_digest_write(&c->table_digest, msg.table_batch.digest);
    if (repl_link_send(a->conn->link, &msg, c->now_ms)) {
        core_conn_close(c, a->conn);
        return;
    }
    a->reset = false;
    a->position = to;
    a->cut_sent = cut;
    if (cut) {
        a->complete_sent = is_complete(c);
        a->isolated_sent = is_isolated(c);
    }
}

void core_agents_stream(struct core *c)
{
    LIST_EACH(node, &c->agents)
    {
        struct core_agent *a = LIST_OF(node, struct core_agent, all);
        while (!a->conn->close_asked && has_work(c, a) &&
               repl_link_queued(a->conn->link) < CORE_BULK_QUEUED) {
            uint64_t before = a->position;
            send_batch(c, a);
            if (a->position == before)
                break; /* undecided prefixes: the cut comes with a later turn */
        }
    }
}

uint64_t core_agents_slowest(const struct core *c)
{
    uint64_t slowest = UINT64_MAX;
    for (const struct list *at = c->agents.next; at != &c->agents; at = at->next) {
        const struct core_agent *a =
            (const struct core_agent *)((const char *)at - offsetof(struct core_agent, all));
        if (a->subscribed && a->position < slowest)
            slowest = a->position;
    }
    return slowest;
}

/* ---- life of an agent ---- */

void core_agent_up(struct core *c, struct core_conn *conn, const struct repl_party *party)
{
    char subject[CONFIG_NAME_MAX + 16];
    struct core_agent *a = memory_new(1, sizeof *a);
    a->cfg = &c->config->agents[party->id];
    a->conn = conn;
    a->since_ms = c->now_ms;
    list_init(&a->all);
    list_append(&c->agents, &a->all);
    c->agent_count++;
    conn->agent = a;
    core_event(c, CONFIG_LOG_INFO, "agent_connected", subject_of(a, subject, sizeof subject), NULL);
}

void core_agent_gone(struct core *c, struct core_agent *a)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_INFO, "agent_gone", subject_of(a, subject, sizeof subject),
               "hint=\"it keeps its table\"");
    a->conn->agent = NULL;
    list_remove(&a->all);
    c->agent_count--;
    free(a);
}

/* Resume is possible while every net that ended since then is still listed: positions are of this
 * incarnation and nothing was reaped behind them. We keep no history for absent agents, so a new
 * subscription starts over; the agent keeps its table meanwhile and applies only differences. */
static void on_subscribe(struct core_agent *a)
{
    a->subscribed = a->reset = true;
    a->cut_sent = a->complete_sent = a->isolated_sent = false;
    a->position = 0;
}

void core_agent_message(struct core *c, struct core_agent *a, const struct repl_msg *m)
{
    (void)c;
    if (m->kind == REPL_TABLE_SUBSCRIBE)
        on_subscribe(a);
    if (m->kind == REPL_TABLE_REPORT) {
        a->report = m->table_report;
        a->has_report = true;
    }
}

/* Agents judge a node by its beats, as nodes do. */
void core_agents_beat(struct core *c)
{
    struct repl_msg msg = { .kind = REPL_TABLE_BEAT };
    msg.beat.counter = c->beat_counter;
    msg.beat.steady = is_complete(c);
    LIST_EACH(node, &c->agents)
    {
        struct core_agent *a = LIST_OF(node, struct core_agent, all);
        if (!a->conn->close_asked && repl_link_send(a->conn->link, &msg, c->now_ms))
            core_conn_close(c, a->conn); /* it has not read for 256 KiB of beats and tables */
    }
}
