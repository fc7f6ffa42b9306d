/* Invariants, by the names of the replication design's section 6. All are looked at after every event;
 * the expensive ones only where something moved. Those of tables: check_table.c, check_shared.c. */
#include <string.h>

#include "tests/sim/shared.h"

enum {
    FLUSH_MS = 1500,
    DETECT_MS = 5000,  /* until a fault's end is noticed everywhere: dials time out */
    ASLEEP_MS = 500,   /* more than between two events of a world, less than TCP waits */
    SCRATCH_EVERY = 64, /* D2 costs a walk: at one turn of so many */
};

/* ---- D4: no session ends for silence while its NVA speaks ---- */

static bool was_anybody_paused(const struct world *w, uint64_t lately_ms)
{
    for (int i = 0; i < w->host_count; i++)
        if (w->now < w->hosts[i].paused_until + lately_ms)
            return true;
    return false;
}

/* Who fell asleep while they were apart, or just after, has not been sent again what it missed. */
static bool has_slept_since(const struct world *w, int node, int nva)
{
    uint64_t apart = w->apart[node][nva];
    return apart && w->now <= apart + ASLEEP_MS && w->hosts[node].core && !host_runs(w, &w->hosts[node]);
}

/* Mostly nothing is cut and nobody sleeps: then there is nothing to note. */
static bool is_anybody_apart(const struct world *w)
{
    return memchr(w->cut, true, sizeof w->cut) || was_anybody_paused(w, 0);
}

static void note_apart(struct world *w)
{
    for (int i = 0; i < w->host_count; i++)
        for (int k = 0; k < w->nva_count; k++)
            if (w->cut[i][SIM_NODES_MAX + k] || w->cut[SIM_NODES_MAX + k][i] || has_slept_since(w, i, k)) {
                w->apart[i][k] = w->now;
                w->nvas[k].restarts &= ~(1u << i); /* it may end the session itself, without a promise */
            }
}

/* A neighbour of a prefix is named NAME@ADDRESS. */
static size_t name_len(const char *name)
{
    return strcspn(name, "@");
}

static int nva_named(const struct world *w, const char *subject)
{
    for (int i = 0; i < w->nva_count; i++)
        if (strncmp(subject, "peer=", 5) == 0 && strncmp(subject + 5, w->config.peers[i].name, name_len(subject + 5)) == 0)
            return i;
    return -1;
}

static bool has_sessions(const struct host *h)
{
    const struct rib_session *own = h->core->rib.origins[h->core->rib.self].sessions;
    for (uint32_t nva = 1; nva < h->core->names.count; nva++)
        if (rib_session_is_up(own[nva].state))
            return true;
    return false;
}

static void check_hold(struct world *w, const struct host *h, const struct core_event *e)
{
    int nva = nva_named(w, e->subject);
    if (nva < 0 || !strstr(e->fields, "hold timer expired") || strstr(e->fields, "(received)"))
        return;
    uint64_t hold = w->config.peers[nva].hold_s * 1000u;
    w->counts[SIM_MISSED] += !core_nvas_are_heard(h->core) && has_sessions(h);
    if (w->now > w->apart[h->number][nva] + hold + DETECT_MS)
        sim_fail(w, "D4: node %d ended the session with NVA %d for silence, and it spoke", h->number, nva);
}

/* The node ends the session, and what it held over a restart of the NVA goes with it. */
static void note_reset(struct world *w, const struct host *h, const struct core_event *e)
{
    int nva = nva_named(w, e->subject);
    if (nva >= 0)
        w->nvas[nva].restarts &= ~(1u << h->number);
    w->counts[SIM_LIMIT_RESETS]++;
}

/* What happened, for the counts; events carry their names and never change. */
void check_core_event(struct world *w, const struct host *h, const struct core_event *e)
{
    static const struct {
        const char *name, *field;
        enum sim_count count;
    } told[] = {
        { "pause_detected", "", SIM_WAKES },           { "node_state", "state=suspect", SIM_SUSPECTS },
        { "node_state", "state=dead", SIM_DEATHS_SEEN }, { "node_state", "state=left", SIM_GOODBYES },
        { "node_state", "state=auth-failed", SIM_AUTH_FAILURES },
        { "target_role", "role=fenced", SIM_FENCED },  { "incarnation_raised", "", SIM_RAISED },
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(e->name, told[i].name) == 0 && strstr(e->fields, told[i].field))
            w->counts[told[i].count]++;
    if (strcmp(e->name, "peer_down") == 0)
        check_hold(w, h, e);
    if (strcmp(e->name, "peer_routes_over_limit") == 0 && strstr(e->fields, "action=reset"))
        note_reset(w, h, e);
}

/* ---- C1, R2, R3: who is believed, and what never goes back ---- */

static void check_member(struct world *w, const struct host *h, int other)
{
    const struct core_member *m = &h->core->members[other + 1];
    struct sim_memory *known = &w->memory[h->number][other];
    const struct repl_replica *copy = &m->replica;
    if (m->link && sim_party_at(&m->link->remote) == SIM_STRANGER)
        sim_fail(w, "C1: node %d takes a stranger's recording for node %d", h->number, other);
    if (copy->incarnation < known->incarnation)
        sim_fail(w, "R3: node %d went back to an earlier life of node %d", h->number, other);
    w->reunited = core_member_is_here(m) && !known->is_here ? w->now : w->reunited;
    known->is_here = core_member_is_here(m);
    w->counts[SIM_RENEWED] += known->link && m->link && known->link != m->link;
    known->link = m->link;
    w->counts[SIM_PARTS] += copy->position && !copy->at_cut;
    w->counts[SIM_HEARSAY] += !m->link && m->life.state == REPL_MEMBER_ALIVE;
    w->counts[SIM_RELAYED] += m->source && m->source != m && known->source != m->source;
    known->source = m->source;
    bool same = copy->incarnation == known->incarnation;
    if (same && copy->position && copy->position < known->position && !copy->resetting)
        sim_fail(w, "R2: node %d went back in what node %d said: from %llu to %llu", h->number, other,
                 (unsigned long long)known->position, (unsigned long long)copy->position);
    known->furthest = same && known->furthest > copy->position ? known->furthest : copy->position;
    if (copy->at_cut && copy->position && copy->position < known->furthest)
        sim_fail(w, "R2: node %d has a whole copy of node %d up to %llu, and had read up to %llu", h->number, other,
                 (unsigned long long)copy->position, (unsigned long long)known->furthest);
    w->counts[SIM_RESETS] += same && copy->position < known->position; /* or nothing was left of it */
    known->moved = copy->position != known->position ? w->now : known->moved;
    known->incarnation = copy->incarnation;
    known->position = copy->position;
}

static void count_classes(struct world *w, const struct host *h, int other)
{
    const struct rib_origin *o = &h->core->rib.origins[other + 1];
    struct sim_memory *known = &w->memory[h->number][other];
    w->counts[SIM_HELD] += o->class != RIB_LIVE && known->class == RIB_LIVE;
    w->counts[SIM_STALE] += o->class == RIB_STALE && known->class != RIB_STALE;
    w->counts[SIM_OLD] += o->old > 0;
    w->counts[SIM_RESUMES] += known->state == REPL_MEMBER_DEAD && o->class == RIB_LIVE &&
                              known->class != RIB_LIVE && known->incarnation;
    known->class = o->class;
    known->state = h->core->members[other + 1].life.state == REPL_MEMBER_DEAD ? REPL_MEMBER_DEAD
                   : o->class == RIB_LIVE                                    ? REPL_MEMBER_ALIVE
                                                                             : known->state;
}

static void count_disproved(struct world *w, const struct rib *r)
{
    for (int o = 1; o < RIB_ORIGINS; o++) {
        uint64_t at = 0;
        for (uint32_t id; r->origins[o].class != RIB_LIVE && (id = vlist_next(&r->origins[o].order, &at));)
            w->counts[SIM_DISPROVED] += !(id & RIB_FACT) && rib_path(r, id)->flags & RIB_PATH_DISPROVED;
    }
}

/* ---- D1: same inputs, same table ---- */

static const struct nhset *hops_of(const struct rib *r, int number)
{
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    return net && rib_net_nhset(r, net) ? nhset_get(&r->sets, rib_net_nhset(r, net)) : NULL;
}

static bool same_hops(const struct rib *a, const struct rib *b, int number)
{
    const struct nhset *x = hops_of(a, number), *y = hops_of(b, number);
    if (!x || !y)
        return x == y;
    return x->count == y->count && memcmp(x->members, y->members, x->count * sizeof *x->members) == 0;
}

/* Both sides of D1 of one node: worked out once, and again only after something happened to it. */
static const struct sim_sight *sight_of(struct host *h)
{
    struct sim_sight *s = &h->sight;
    if (s->is_fresh)
        return s;
    s->is_fresh = true;
    s->is_comparable = core_digest_is_comparable(h->core);
    core_positions(h->core, &s->inputs);
    repl_digest_write(&h->core->digest, s->digest);
    return s;
}

static void check_digests(struct world *w, struct host *h, struct host *k)
{
    const struct core *a = h->core, *b = k->core;
    if (memcmp(a->digest.key, b->digest.key, sizeof a->digest.key) != 0)
        return; /* one of them has another secret already */
    if (w->kind.is_tuned && memcmp(h->config.digest, k->config.digest, sizeof h->config.digest) != 0)
        return; /* they judge by other rules */
    const struct sim_sight *x = sight_of(h), *y = sight_of(k);
    if (!x->is_comparable || !y->is_comparable ||
        memcmp(x->inputs.positions, y->inputs.positions, sizeof x->inputs.positions) != 0)
        return;
    w->counts[SIM_COMPARED]++;
    if (memcmp(x->digest, y->digest, sizeof x->digest) == 0)
        return;
    sim_fail(w, "D1: nodes %d and %d have the same inputs and other tables", h->number, k->number);
    for (int i = 0; i < w->prefix_count; i++)
        if (!same_hops(&a->rib, &b->rib, i))
            check_explain(w, i);
}

/* D2: the digest that was kept step by step is that of the table. */
static void check_scratch(struct world *w, const struct core *c)
{
    struct repl_digest scratch = c->digest;
    uint8_t whole[REPL_DIGEST], kept[REPL_DIGEST];
    const struct rib *r = &c->rib;
    repl_digest_clear(&scratch);
    for (int f = 0; f < BGP_FAMILIES; f++)
        for (uint32_t place = 1; place < prefix_table_top(&r->nets, (enum bgp_family)f); place++) {
            uint32_t net = prefix_index((enum bgp_family)f, place);
            struct ip_prefix prefix;
            if (!prefix_table_is_used(&r->nets, net))
                continue;
            prefix_table_prefix(&r->nets, net, &prefix);
            repl_digest_add(&scratch, &prefix, nhset_get(&r->sets, rib_net_nhset(r, net)));
        }
    repl_digest_write(&scratch, whole);
    repl_digest_write(&c->digest, kept);
    if (memcmp(whole, kept, sizeof whole) != 0 || memcmp(scratch.buckets, c->digest.buckets, sizeof scratch.buckets) != 0)
        sim_fail(w, "D2: node %u has another digest than its table", c->cfg.self);
}

/* ---- R1, R4: a replica at the head equals the origin's table ---- */

/* nva: its number there */
static const struct rib_path *find_path(const struct rib *r, const struct ip_prefix *prefix,
                                        const struct rib_path *like, uint16_t nva)
{
    uint32_t net = prefix_table_find(&r->nets, prefix);
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i;) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin == like->origin && p->nva == nva && rib_path_id(p) == rib_path_id(like))
            return p;
        i = rib_path_next(p);
    }
    return NULL;
}

/* By one id or another, where it has several: those of before a change of the file go when the new ones are all there. */
static bool is_told(const struct rib *r, int number, uint32_t origin, uint16_t nva)
{
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t net = prefix_table_find(&r->nets, &prefix);
    for (uint32_t i = net ? rib_net(r, net)->paths : 0; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin == origin && p->nva == nva && p->attrs && !rib_path_is_old(r, p) && !rib_path_is_flushed(r, p))
            return true;
    }
    return false;
}

static bool same_attrs(const struct rib *a, uint32_t x, const struct rib *b, uint32_t y)
{
    const struct bgp_attrs *p = bgp_attrs_get(&a->attrs, x), *q = bgp_attrs_get(&b->attrs, y);
    return ip_addr_is_equal(&p->next_hop, &q->next_hop) && p->len == q->len &&
           memcmp(p->bytes, q->bytes, p->len) == 0;
}

/* Announced, and not gone: what is gone counts as gone although the walk that takes it out has not come by. */
static bool is_live_entry(const struct rib *r, uint32_t id)
{
    const struct rib_path *p = id & RIB_FACT ? NULL : rib_path(r, id);
    return p && p->attrs && !rib_path_is_old(r, p) && !rib_path_is_flushed(r, p);
}

static uint32_t count_live(const struct rib *r, uint32_t origin)
{
    uint32_t count = 0;
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&r->origins[origin].order, &at));)
        count += is_live_entry(r, id);
    return count;
}

/* Has anything moved since this replica was looked at last? */
static bool is_news(struct world *w, const struct core *owner, const struct core *holder)
{
    const struct rib_origin *o = &holder->rib.origins[owner->cfg.self];
    struct sim_memory *known = &w->memory[holder->cfg.self - 1][owner->cfg.self - 1];
    uint64_t now = vlist_head(&o->order) * 31 + vlist_head(&owner->rib.origins[owner->cfg.self].order) +
                   ((uint64_t)o->paths << 40) + ((uint64_t)o->old << 52);
    bool news = known->checked != now;
    known->checked = now;
    return news;
}

/* Not of a copy whose hold has expired (S1): it is no copy of anything until it is read again. */
static bool is_whole_copy(const struct core *owner, const struct core *holder)
{
    const struct rib *r = &owner->rib;
    const struct repl_replica *copy = &holder->members[owner->cfg.self].replica;
    return copy->at_cut && !holder->rib.origins[r->self].is_partial && copy->incarnation == owner->incarnation &&
           copy->position == vlist_head(&r->origins[r->self].order);
}

static void check_entry(struct world *w, const struct core *owner, const struct core *holder, const struct rib_path *p)
{
    struct ip_prefix prefix;
    prefix_table_prefix(&owner->rib.nets, rib_path_net(&owner->rib, p), &prefix);
    uint16_t its = sim_number(w, holder, sim_nva(w, owner, p->nva));
    const struct rib_path *q = find_path(&holder->rib, &prefix, p, its);
    bool is_there = q && q->attrs && !rib_path_is_old(&holder->rib, q) && !rib_path_is_flushed(&holder->rib, q);
    if (!is_there || !same_attrs(&owner->rib, p->attrs, &holder->rib, q->attrs))
        sim_fail(w, "R1: node %u lacks an entry of node %u at its head", holder->cfg.self - 1, owner->cfg.self - 1);
}

static void check_replica(struct world *w, const struct core *owner, const struct core *holder)
{
    const struct rib *r = &owner->rib;
    if (!is_whole_copy(owner, holder) || !is_news(w, owner, holder))
        return;
    uint32_t has = count_live(r, r->self), holds = count_live(&holder->rib, r->self);
    if (has != holds)
        sim_fail(w, "R4: node %u holds %u live entries of node %u, which has %u", holder->cfg.self - 1, holds,
                 owner->cfg.self - 1, has);
    uint64_t at = 0;
    for (uint32_t id; (id = vlist_next(&r->origins[r->self].order, &at)) && !w->failure[0];)
        if (is_live_entry(r, id))
            check_entry(w, owner, holder, rib_path(r, id));
}

/* 4.4: who holds that a session has told all, has all of it that the NVA told before. Of the route that is announced since
 * before the session came up there is an entry, wherever it stands in the order by now. */
static void check_all_told(struct world *w, const struct core *owner, const struct core *holder, const struct nva *n)
{
    uint16_t here = sim_number(w, owner, n->number), there = sim_number(w, holder, n->number);
    w->counts[SIM_NUMBERS] += here != there;
    for (int i = 0; i < w->prefix_count; i++) {
        if (!n->truth[i] || n->sessions[owner->cfg.self - 1].up_at <= n->changed[i] ||
            !is_told(&owner->rib, i, owner->cfg.self, here))
            continue;
        if (!is_told(&holder->rib, i, owner->cfg.self, there))
            sim_fail(w, "R4: node %u holds that NVA %d has told node %u all, and lacks prefix %d", holder->cfg.self - 1,
                     n->number, owner->cfg.self - 1, i);
    }
}

/* Of a session that restarts gracefully and goes on, an older copy has the End-of-RIB before: not this word. And who reads
 * of a node that has been away for longer than its routes are held has its sessions, and lets its routes go at once (S1). */
static bool has_read(const struct core *owner, const struct core *holder, const struct rib_session *own)
{
    const struct repl_replica *copy = &holder->members[owner->cfg.self].replica;
    return copy->incarnation == owner->incarnation && !holder->rib.origins[owner->cfg.self].is_partial &&
           copy->position >= vlist_version(&owner->rib.origins[owner->cfg.self].order, own->slot);
}

static void check_told(struct world *w, const struct core *owner, const struct core *holder)
{
    uint32_t self = owner->cfg.self;
    struct sim_memory *known = &w->memory[holder->cfg.self - 1][self - 1];
    bool same_life = holder->members[self].replica.incarnation == owner->incarnation;
    for (int i = 0; i < w->nva_count; i++) {
        const struct rib_session *said = &holder->rib.origins[self].sessions[sim_number(w, holder, i)];
        const struct rib_session *own = &owner->rib.origins[self].sessions[sim_number(w, owner, i)];
        uint32_t told = same_life && said->state == RIB_SESSION_SYNCED ? said->generation + 1 : 0;
        bool is_news = told && told != known->told[i];
        known->told[i] = told;
        w->counts[SIM_ENDS_OF_RIB] += is_news;
        bool is_same = own->state == RIB_SESSION_SYNCED && own->generation == said->generation;
        if (is_news && is_same && has_read(owner, holder, own))
            check_all_told(w, owner, holder, &w->nvas[i]);
    }
}

static bool is_heard_of(const struct world *w, uint32_t id)
{
    for (int i = 0; i < w->host_count; i++)
        if (w->hosts[i].core && (uint32_t)i + 1 != id && core_member_is_here(&w->hosts[i].core->members[id]))
            return true;
    return false;
}

/* A large table takes its time where each entry is a batch, and its attributes are several. */
static bool is_being_read(const struct world *w, const struct core *c, uint32_t id)
{
    return w->now < w->memory[c->cfg.self - 1][id - 1].moved + FLUSH_MS;
}

/* R7: survivors with a link between them come to hold the same of a dead node. */
static void check_flushed(struct world *w, const struct core *a, const struct core *b)
{
    const struct core_member *link = &a->members[b->cfg.self];
    if (was_anybody_paused(w, FLUSH_MS))
        return; /* they could not tell each other, or a third one that has woken may have more than both */
    if (w->now < w->reunited + FLUSH_MS)
        return; /* so may one that has been out of reach of them */
    if (!link->link || link->life.since_ms + FLUSH_MS > w->now || w->now < w->disturbed + FLUSH_MS)
        return;
    for (uint32_t id = 1; id <= (uint32_t)w->host_count; id++) {
        const struct core_member *x = &a->members[id], *y = &b->members[id];
        if (id == a->cfg.self || id == b->cfg.self || x->life.state != REPL_MEMBER_DEAD ||
            y->life.state != REPL_MEMBER_DEAD || is_heard_of(w, id) || !repl_replica_serves(&x->replica, &a->rib) ||
            !repl_replica_serves(&y->replica, &b->rib) || is_being_read(w, a, id) || is_being_read(w, b, id))
            continue;
        w->counts[SIM_FLUSHED]++;
        if (x->replica.incarnation != y->replica.incarnation || x->replica.position != y->replica.position)
            sim_fail(w, "R7: nodes %u and %u hold different parts of what node %u said", a->cfg.self - 1,
                     b->cfg.self - 1, id - 1);
    }
}

static void check_host(struct world *w, struct host *h)
{
    for (int k = 0; k < w->host_count; k++) {
        if (k == h->number)
            continue;
        check_member(w, h, k);
        count_classes(w, h, k);
        if (!w->hosts[k].core)
            continue;
        check_replica(w, w->hosts[k].core, h->core);
        check_replica(w, h->core, w->hosts[k].core);
        check_told(w, w->hosts[k].core, h->core);
        check_digests(w, h, &w->hosts[k]);
        check_flushed(w, h->core, w->hosts[k].core);
    }
    check_zombies(w, h); /* whom it has just heard again it is to hear out first */
    w->counts[SIM_ISOLATED] += !core_nvas_are_heard(h->core);
    if (w->order % SCRATCH_EVERY == 0) {
        check_scratch(w, h->core);
        count_disproved(w, &h->core->rib);
    }
}

/* Only a turn changes what a node knows. */
void check_event(struct world *w, const struct sim_event *e)
{
    if (e->kind == SIM_BYTES && e->pipe->port == CORE_PORT_CLUSTER)
        return; /* they wait for their node's turn */
    if (is_anybody_apart(w))
        note_apart(w);
    check_note_silence(w);
    if (e->kind != SIM_TURN || !w->hosts[e->who].core)
        return;
    check_host(w, &w->hosts[e->who]);
    agent_note_turn(w, &w->hosts[e->who]);
    check_fenced(w, &w->hosts[e->who]);
}

/* ---- in the end ---- */

/* D1 once more: what is announced, not only what is programmed. */
static void check_best(struct world *w, const struct core *a, const struct core *b, int number)
{
    struct ip_prefix prefix = sim_prefix(number);
    uint32_t x = prefix_table_find(&a->rib.nets, &prefix), y = prefix_table_find(&b->rib.nets, &prefix);
    uint32_t best_x = x ? rib_best(rib_net(&a->rib, x)) : 0, best_y = y ? rib_best(rib_net(&b->rib, y)) : 0;
    if (!best_x != !best_y || (best_x && sim_nva(w, a, rib_path(&a->rib, best_x)->nva) != sim_nva(w, b, rib_path(&b->rib, best_y)->nva)))
        sim_fail(w, "D1: nodes %u and %u announce other routes for prefix %d", a->cfg.self, b->cfg.self,
                 number);
}

/* C7, P6: over others, every node hears every node and serves what any of them learns. */
void check_parted(struct world *w)
{
    for (int i = 0; i < w->host_count && !w->failure[0]; i++) {
        const struct core *c = w->hosts[i].core;
        struct ip_addr hops[SIM_NVAS_MAX];
        for (int k = 0; k < w->host_count; k++)
            if (i != k && !core_member_is_here(&c->members[k + 1]))
                sim_fail(w, "C7: node %d does not hear node %d, which others reach", i, k);
        for (int k = 0; sim_has_kernel(w, &w->hosts[i]) && k < w->prefix_count && !w->failure[0]; k++)
            if (!w->hosts[i].kernel.present[k] && check_truth(w, &w->hosts[i].config, k, hops))
                sim_fail(w, "I6: node %d lacks prefix %d in a partial partition", i, k);
    }
    for (int i = 1; i < w->host_count && !w->failure[0]; i++)
        check_digests(w, &w->hosts[0], &w->hosts[i]);
}

static bool reads_all(const struct world *w, const struct core *c)
{
    for (int i = 0; i < w->host_count; i++)
        if (c->rib.origins[i + 1].class != RIB_LIVE)
            return false;
    return true;
}

bool check_is_at_rest(struct world *w)
{
    for (int i = 0; i < w->host_count; i++)
        if (!host_runs(w, &w->hosts[i]) || !reads_all(w, w->hosts[i].core) || !sight_of(&w->hosts[i])->is_comparable)
            return false;
    return true;
}

void check_settled(struct world *w)
{
    for (int i = 0; i < w->host_count; i++) {
        if (!w->hosts[i].core || w->hosts[i].core->phase != CORE_STEADY)
            sim_fail(w, "L3: node %d is not steady after everything healed", i);
        for (int k = 0; sim_has_kernel(w, &w->hosts[i]) && k < w->prefix_count && !w->failure[0]; k++)
            check_table_settled(w, &w->hosts[i], k);
    }
    const struct sim_sight *first = sight_of(&w->hosts[0]);
    for (int i = 1; i < w->host_count && !w->failure[0]; i++)
        if (memcmp(first->digest, sight_of(&w->hosts[i])->digest, sizeof first->digest) != 0)
            sim_fail(w, "D1: nodes 0 and %d differ after everything healed", i);
    for (int i = 1; i < w->host_count; i++)
        for (int k = 0; k < w->prefix_count && !w->failure[0]; k++)
            check_best(w, w->hosts[0].core, w->hosts[i].core, k);
    if (!w->failure[0])
        check_store_settled(w);
    if (!w->failure[0])
        agent_check_settled(w);
    if (!w->failure[0])
        check_told_settled(w);
}
