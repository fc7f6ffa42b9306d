/* The table that host agents are served: its digest, and its batches, each encoded once for all of them. */
#include <string.h>

#include "node/core/core_impl.h"

/* Parts of a batch beside the prefixes, as they cost in the frame at most. */
enum { COST_GROUP = 16, COST_HOP = 20, COST_PREFIX = 17, FRAME_BUDGET = REPL_PAYLOAD_MAX - 512 - CORE_LOST_MAX * COST_HOP };

/* ---- what is in it ---- */

/* Without a target of this type agents are served all that a network accepts. */
static size_t target_of(const struct core *c)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i]->cfg->type == CONFIG_TARGET_TABLE)
            return i;
    return SIZE_MAX;
}

static uint32_t set_of(const struct core *c, uint32_t net)
{
    size_t target = target_of(c);
    struct ip_prefix prefix;
    if (target != SIZE_MAX)
        return core_target_wanted(c, target, net);
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    return vnet_judge(core_vnet_for(c, net), &prefix, false) == VNET_PROGRAMMED ? rib_net_nhset(&c->rib, net) : 0;
}

/* What the digest has of a net, by place. */
static uint32_t *summed_at(struct core_table *t, uint32_t net)
{
    struct slab *summed = &t->summed[prefix_index_family(net)];
    core_must(!slab_reach(summed, prefix_index_place(net)));
    return slab_at(summed, prefix_index_place(net));
}

void core_table_changed(struct core *c, uint32_t net)
{
    struct core_table *t = &c->table;
    struct ip_prefix prefix;
    uint32_t set = set_of(c, net), *summed = summed_at(t, net);
    if (*summed == set)
        return;
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    core_agent_keys_changed(c, net, &prefix, *summed, set);
    t->routes += (set != 0) - (uint32_t)(*summed != 0);
    nhset_ref(&c->rib.sets, set);
    nhset_unref(&c->rib.sets, *summed);
    *summed = set;
}

void core_table_net_freed(struct core *c)
{
    c->table.freed++;
}

/* ---- a batch ---- */

struct batch {
    struct core *c;
    uint32_t sets[CORE_TABLE_GROUPS]; /* of the groups, by number */
    uint32_t nets[CORE_TABLE_NETS], group[CORE_TABLE_NETS];
    uint32_t group_count, net_count;
    size_t cost;
};

static uint32_t group_of(struct batch *b, uint32_t set, uint8_t family, bool lost)
{
    struct repl_table_routes *groups = b->c->table.groups;
    for (uint32_t i = b->group_count; i-- > 0;)
        if (b->sets[i] == set && groups[i].family == family && groups[i].lost == lost)
            return i;
    const struct nhset *s = nhset_get(&b->c->rib.sets, set);
    b->sets[b->group_count] = set;
    groups[b->group_count] = (struct repl_table_routes){ .next_hops = s->members,
                                                         .next_hop_count = (uint16_t)s->count,
                                                         .family = family,
                                                         .lost = lost };
    b->cost += COST_GROUP + s->count * COST_HOP;
    return b->group_count++;
}

bool core_table_is_held(const struct core *c, uint64_t position, const struct core_moment *now)
{
    uint32_t net = now->holds ? vlist_next(&c->rib.loc, &position) : 0;
    return net && !set_of(c, net);
}

static uint64_t collect(struct batch *b, uint64_t from, const struct core_moment *now)
{
    uint64_t at = from, done = from;
    for (uint32_t net; (net = vlist_next(&b->c->rib.loc, &at)); done = at) {
        size_t most = COST_GROUP + NHSET_MAX * COST_HOP + COST_PREFIX;
        if (b->net_count == CORE_TABLE_NETS || b->group_count == CORE_TABLE_GROUPS ||
            b->cost + most > FRAME_BUDGET || (now->holds && !set_of(b->c, net)))
            return done;
        struct ip_prefix prefix;
        prefix_table_prefix(&b->c->rib.nets, net, &prefix);
        uint32_t set = set_of(b->c, net);
        bool lost = !set && !rib_net_is_withdrawn(rib_net(&b->c->rib, net));
        uint32_t group = group_of(b, set, prefix.family, lost);
        uint16_t bytes = (uint16_t)(1 + ip_prefix_bytes(prefix.len));
        b->c->table.groups[group].len = (uint16_t)(b->c->table.groups[group].len + bytes);
        b->cost += bytes;
        b->nets[b->net_count] = net;
        b->group[b->net_count++] = group;
    }
    return at;
}

static void pack(struct batch *b)
{
    struct core_table *t = &b->c->table;
    uint8_t *place[CORE_TABLE_GROUPS], *at = t->nlri;
    for (uint32_t i = 0; i < b->group_count; i++) {
        t->groups[i].nlri = place[i] = at;
        at += t->groups[i].len;
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

/* ---- frames: who stands at the same place gets the same bytes ---- */

/* A frame says what it said when it was made: what changed since comes behind it, unless a net was
 * freed since, whose end is told to nobody any more. The cut belongs to one moment, and so does a frame without
 * a route, which told of something else: who takes it when there are new routes stays where he is for ever. */
static bool still_holds(const struct core_frame *f, const struct core_agent *a, size_t secret,
                        const struct core_moment *now)
{
    if (!f->len || f->from != a->position || f->reset != a->reset || f->secret != secret || f->freed != now->freed ||
        f->isolated != now->isolated || f->awaits != now->awaits || f->lost != now->lost)
        return false;
    return f->to == now->head ? f->cut == now->settled && f->complete == (f->cut && now->complete)
                              : !f->cut && f->to != f->from;
}

/* In the room that those leave that are gone: for others it is a minute more. Of one that has converged at its cut; of one that has
 * not always, so that who is no more among them is known before what is lost by that. */
static size_t told_count(const struct core *c, const struct core_hops *told, bool is_cut)
{
    size_t room = CORE_LOST_MAX - c->lost.gone.count, count = told->count < room ? told->count : room;
    return is_cut || !c->converged_told ? count : 0;
}

static void encode(struct core *c, struct core_frame *f, const struct core_moment *now)
{
    struct batch b;
    b.c = c;
    b.group_count = b.net_count = 0;
    b.cost = 0;
    f->to = collect(&b, f->from, now);
    pack(&b);
    f->cut = f->to == now->head && now->settled;
    f->complete = f->cut && now->complete;
    const struct core_hops *told = c->converged_told ? &c->lost.told : &c->lost.heard;
    struct repl_msg msg = { .kind = REPL_TABLE_BATCH,
                            .table_batch = { .incarnation = c->incarnation,
                                             .from = f->from,
                                             .to = f->to,
                                             .reset = f->reset,
                                             .cut = f->cut,
                                             .complete = f->complete,
                                             .isolated = f->isolated,
                                             .awaits = f->awaits,
                                             .route_total = c->table.routes,
                                             .lost = c->lost.gone.hops,
                                             .lost_count = (uint16_t)c->lost.gone.count,
                                             .told = told->hops,
                                             .told_count = (uint16_t)told_count(c, told, f->cut),
                                             .routes = c->table.groups,
                                             .route_count = b.group_count } };
    repl_digest_write(&c->table.secrets[f->secret].digest, msg.table_batch.digest);
    int len = repl_msg_encode(&msg, f->payload, REPL_PAYLOAD_MAX);
    core_must(len < 0);
    f->len = (size_t)len;
    c->table.encoded++;
}

const struct core_frame *core_table_frame(struct core *c, const struct core_agent *a, const struct core_moment *now)
{
    struct core_table *t = &c->table;
    size_t secret = core_agent_digest(c, a);
    for (int i = 0; i < CORE_TABLE_FRAMES; i++)
        if (still_holds(&t->frames[i], a, secret, now))
            return &t->frames[i];
    struct core_frame *f = &t->frames[t->next_frame++ % CORE_TABLE_FRAMES];
    if (!f->payload)
        f->payload = memory_new(REPL_PAYLOAD_MAX, 1);
    f->from = a->position;
    f->reset = a->reset;
    f->secret = secret;
    f->freed = now->freed;
    f->isolated = now->isolated;
    f->awaits = now->awaits;
    f->lost = now->lost;
    encode(c, f, now);
    return f;
}

struct core_moment core_table_moment(struct core *c)
{
    bool settled = rib_dirty_count(&c->rib) == 0 && !c->recheck.is_on;
    return (struct core_moment){ .head = vlist_head(&c->rib.loc),
                                 .freed = c->table.freed,
                                 .settled = settled,
                                 .holds = core_streams_hold(c, &c->table.parted_ms, settled),
                                 .complete = c->converged_told,
                                 .isolated = !core_nvas_are_heard(c),
                                 .is_woken = c->woken_ms != 0,
                                 .awaits = core_streams_await(c),
                                 .lost = c->lost.version };
}

/* ---- life ---- */

void core_table_init(struct core *c)
{
    core_agent_keys_init(c);
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_init(&c->table.summed[f], sizeof(uint32_t));
    c->table.groups = memory_new(CORE_TABLE_GROUPS, sizeof *c->table.groups);
    c->table.nlri = memory_new(REPL_PAYLOAD_MAX, 1);
}

void core_table_fini(struct core *c)
{
    struct core_table *t = &c->table;
    for (int i = 0; i < CORE_TABLE_FRAMES; i++)
        free(t->frames[i].payload);
    for (int f = 0; f < BGP_FAMILIES; f++)
        slab_fini(&t->summed[f]);
    free(t->groups);
    free(t->nlri);
    core_agent_keys_fini(c);
}
