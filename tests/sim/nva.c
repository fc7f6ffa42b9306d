/* A BGP speaker made of the product's own session machine: what it announces is the truth. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static struct ip_addr node_addr(int node)
{
    return sim_addr(node);
}

static void take_events(struct nva_session *s);

static void flush(struct nva_session *s)
{
    struct world *w = s->nva->world;
    uint8_t buf[8192];
    for (int slot = 0; slot < BGP_SLOTS; slot++) {
        struct sim_pipe *p = s->pipe[slot];
        if (!p || !p->established)
            continue;
        size_t n = bgp_session_pull(s->machine, (enum bgp_slot)slot, buf, sizeof buf);
        if (n)
            sim_send(w, p, p->end[0].session == s && p->end[0].slot == slot && p->end[0].open ? 0 : 1,
                     buf, n);
    }
    int up = bgp_session_slot(s->machine);
    if (up >= 0 && s->out_len && s->pipe[up]) {
        struct sim_pipe *p = s->pipe[up];
        sim_send(w, p, p->end[0].session == s && p->end[0].open ? 0 : 1, s->out, s->out_len);
        s->out_len = 0;
    }
}

static uint8_t *reserve(struct nva_session *s, size_t len)
{
    if (s->out_cap - s->out_len < len) {
        s->out_cap = (s->out_cap + len) * 2;
        s->out = realloc(s->out, s->out_cap);
    }
    return s->out + s->out_len;
}

/* Communities by the thousand, of some prefixes of an NVA that has such: in one message (RFC 8654), and in parts between
 * nodes. */
size_t nva_heavy(const struct nva *n, int number, uint8_t *buf, size_t cap)
{
    enum { FEW = 4200, MORE = 4500 };
    struct wire_writer w = wire_writer(buf, cap);
    if (!sim_is_heavy(n->world, n->number, number))
        return 0;
    uint32_t count = FEW + (uint32_t)n->number * MORE / 2 + n->prepend[number];
    wire_put(&w, (const uint8_t[]){ 0xd0, BGP_ATTR_COMMUNITIES }, 2);
    wire_put16(&w, (uint16_t)(4 * count));
    for (uint32_t i = 0; i < count; i++)
        wire_put32(&w, n->asn << 16 | i);
    return wire_len(&w);
}

static void add_communities(struct nva_session *s, int number, const struct sim_form *form, struct wire_writer *w)
{
    size_t len = bgp_session_codec(s->machine)->max_message == UINT16_MAX ? nva_heavy(s->nva, number, w->at, wire_room(w)) : 0;
    w->at += len;
    s->nva->world->counts[SIM_HEAVY] += len != 0;
    if (len || !form->community)
        return;
    wire_put(w, (const uint8_t[]){ 0xc0, BGP_ATTR_COMMUNITIES, 4 }, 3);
    wire_put32(w, form->community);
}

/* longer: by so many ASes than the NVA means. */
static void say_path(struct nva_session *s, int number, uint32_t path_id, unsigned longer)
{
    const struct nva *n = s->nva;
    const struct bgp_codec *codec = bgp_session_codec(s->machine);
    struct bgp_update_builder b;
    struct ip_prefix prefix = sim_prefix(number);
    struct ip_addr hop = sim_hop(n->number, number);
    unsigned extra = sim_extra(n->world, n->number, s->node, number), prepend = n->prepend[number] + longer + extra;
    static uint8_t attrs[UINT16_MAX];
    struct wire_writer w = wire_writer(attrs, sizeof attrs);
    const struct sim_form form = sim_form_of(n->world, n->number, number);
    unsigned count = 1 + prepend + (form.behind != 0);
    uint8_t *buf = reserve(s, codec->max_message);
    wire_put(&w, (const uint8_t[]){ 0x40, BGP_ATTR_ORIGIN, 1, form.origin, 0x40, BGP_ATTR_AS_PATH }, 6);
    wire_put(&w, (const uint8_t[]){ (uint8_t)(2 + 4 * count), 2, (uint8_t)count }, 3);
    for (unsigned i = 0; i <= prepend; i++)
        wire_put32(&w, n->asn);
    if (form.behind)
        wire_put32(&w, form.behind);
    add_communities(s, number, &form, &w);
    n->world->counts[SIM_UNEVEN] += extra;
    if (n->truth[number]) {
        if (!bgp_update_begin_reach(&b, buf, codec, sim_family(number), attrs, (uint16_t)wire_len(&w), &hop, NULL))
            abort();
    } else {
        bgp_update_begin_withdraw(&b, buf, codec, sim_family(number));
    }
    if (!bgp_update_add(&b, &prefix, path_id))
        abort();
    s->out_len += bgp_update_end(&b);
}

/* Twice where ids were agreed on: what is second is never the best. */
static void say(struct nva_session *s, int number)
{
    say_path(s, number, 1, 0);
    if (!bgp_session_codec(s->machine)->add_path_out[sim_family(number)])
        return;
    say_path(s, number, 2, 1);
    s->nva->world->counts[SIM_PATHS]++;
}

static void say_all(struct nva_session *s)
{
    s->out_len = 0;
    for (int i = 0; i < s->nva->world->prefix_count; i++)
        if (s->nva->truth[i])
            say(s, i);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        uint8_t *buf = reserve(s, BGP_MESSAGE_MAX);
        if (bgp_session_codec(s->machine)->family[f])
            s->out_len += bgp_update_end_of_rib(buf, (enum bgp_family)f);
    }
}

/* RFC 2918, and RFC 7313 where both know it. */
static void say_again(struct nva_session *s, enum bgp_family family)
{
    bool is_marked = bgp_session_codec(s->machine)->enhanced_refresh;
    if (is_marked)
        s->out_len += bgp_refresh_write(reserve(s, BGP_MESSAGE_MAX), family, 1);
    for (int i = 0; i < s->nva->world->prefix_count; i++)
        if (s->nva->truth[i] && sim_family(i) == family)
            say(s, i);
    if (is_marked)
        s->out_len += bgp_refresh_write(reserve(s, BGP_MESSAGE_MAX), family, 2);
}

void nva_set(struct nva *n, int prefix, bool announced, unsigned prepend)
{
    if (n->truth[prefix] != announced)
        n->changed[prefix] = n->world->now;
    n->truth[prefix] = announced;
    n->prepend[prefix] = prepend;
    n->ever[prefix] |= announced;
    for (int i = 0; i < n->world->host_count; i++) {
        struct nva_session *s = &n->sessions[i];
        if (!s->machine || bgp_session_slot(s->machine) < 0 || s->is_untold)
            continue;
        say(s, prefix);
        flush(s);
    }
}

/* In some worlds an NVA takes its time until it has told a session all, as with a large table, and not the same for each. */
static uint64_t hesitation(struct world *w)
{
    enum { SLOW_EVERY = 11, SLOW_SEED = 2, SLOW_MAX_MS = 3000 };
    bool is_slow = w->seed % SLOW_EVERY == SLOW_SEED && sim_pick(w, 2);
    w->counts[SIM_TOLD_LATE] += is_slow;
    return is_slow ? sim_pick(w, SLOW_MAX_MS) : 0;
}

static void tell(struct nva_session *s)
{
    if (!s->is_untold || s->nva->world->now < s->up_at)
        return;
    s->is_untold = false;
    s->up_at = s->nva->world->now;
    say_all(s);
}

static void on_event(struct nva_session *s, const struct bgp_session_event *e)
{
    struct world *w = s->nva->world;
    if (e->kind == BGP_EVENT_UPDATE && e->update->fault.action != BGP_ACTION_NONE)
        sim_fail(w, "A1: NVA %d finds a fault in what node %d tells it", s->nva->number, s->node);
    if (e->kind == BGP_EVENT_DIAL) {
        struct core_request r = { .port = CORE_PORT_BGP, .remote = node_addr(s->node) };
        sim_dial(w, SIM_NODES_MAX + s->nva->number, &r, s);
        for (int i = 0; i < SIM_PIPES_MAX; i++)
            if (w->pipes[i].used && w->pipes[i].end[0].session == s && w->pipes[i].end[0].open)
                s->pipe[BGP_SLOT_OURS] = &w->pipes[i];
    } else if (e->kind == BGP_EVENT_CLOSE && s->pipe[e->slot]) {
        struct sim_pipe *p = s->pipe[e->slot];
        flush(s);
        sim_hang_up(w, p, p->end[0].session == s && p->end[0].open ? 0 : 1);
    } else if (e->kind == BGP_EVENT_REFRESH && !s->is_untold && !e->subtype) {
        say_again(s, (enum bgp_family)e->family);
    } else if (e->kind == BGP_EVENT_DOWN) {
        told_begin(s);
    } else if (e->kind == BGP_EVENT_UP) {
        told_begin(s);
        s->up_at = w->now + hesitation(w);
        s->is_untold = true;
        tell(s);
    }
}

static void take_events(struct nva_session *s)
{
    struct bgp_session_event e;
    while (bgp_session_next(s->machine, &e))
        on_event(s, &e);
    flush(s);
}

int nva_accept(struct nva *n, int node)
{
    struct nva_session *s = &n->sessions[node];
    return s->machine ? bgp_session_accept(s->machine, n->world->now) : -1;
}

void nva_connected(struct nva_session *s, const struct ip_addr *local)
{
    bgp_session_connected(s->machine, local, s->nva->world->now);
    take_events(s);
}

/* A message that is whole, on the connection that stays. */
static void read_told(struct nva_session *s, int slot, const uint8_t *bytes, size_t len)
{
    enum { HEADER = 19, LENGTH_AT = 16 };
    if (bgp_session_slot(s->machine) == slot && len >= HEADER && len >= wire_get16(bytes + LENGTH_AT))
        told_message(s, bytes, wire_get16(bytes + LENGTH_AT));
}

void nva_receive(struct nva_session *s, int slot, const uint8_t *bytes, size_t len)
{
    static uint8_t held[SIM_NVAS_MAX][SIM_NODES_MAX][BGP_SLOTS][1 << 17];
    static size_t lens[SIM_NVAS_MAX][SIM_NODES_MAX][BGP_SLOTS];
    uint8_t *buf = held[s->nva->number][s->node][slot];
    size_t *have = &lens[s->nva->number][s->node][slot], used = 0;
    if (!bytes) {
        *have = 0;
        return;
    }
    memcpy(buf + *have, bytes, len);
    *have += len;
    for (size_t n; used < *have; used += n) {
        read_told(s, slot, buf + used, *have - used);
        n = bgp_session_feed(s->machine, (enum bgp_slot)slot, buf + used, *have - used,
                             s->nva->world->now);
        take_events(s);
        if (*have == 0)
            return; /* it was closed meanwhile */
        if (!n)
            break;
    }
    memmove(buf, buf + used, *have - used);
    *have -= used;
}

void nva_closed(struct nva_session *s, int slot)
{
    s->pipe[slot] = NULL;
    nva_receive(s, slot, NULL, 0);
    bgp_session_closed(s->machine, (enum bgp_slot)slot, s->nva->world->now);
    take_events(s);
}

/* RFC 2918: now and then, in some worlds. */
static void ask_again(struct nva_session *s)
{
    enum { ASK_EVERY = 50 };
    const struct world *w = s->nva->world;
    uint64_t chance = (w->seed << 8 | (uint64_t)s->nva->number << 4 | (uint64_t)s->node) * 0x9e3779b97f4a7c15u + w->now;
    chance *= 0xbf58476d1ce4e5b9u;
    if (w->kind.asks && (chance >> 40) % ASK_EVERY == 0)
        bgp_session_refresh(s->machine, chance >> 32 & 1 ? BGP_IP6 : BGP_IP4);
}

void nva_tick(struct nva *n)
{
    struct world *w = n->world;
    for (int i = 0; i < w->host_count; i++) {
        struct nva_session *s = &n->sessions[i];
        if (!s->machine)
            continue;
        if (bgp_session_deadline(s->machine) <= w->now)
            bgp_session_tick(s->machine, w->now);
        if (bgp_session_slot(s->machine) >= 0) {
            tell(s);
            ask_again(s);
        }
        take_events(s);
    }
    sim_schedule(w, (struct sim_event){ .kind = SIM_NVA_TICK, .at = w->now + 100, .who = n->number });
}

static void start_session(struct nva *n, int node)
{
    struct world *w = n->world;
    struct nva_session *s = &n->sessions[node];
    const struct config_peer *p = &w->config.peers[n->number];
    uint8_t paths = w->kind.has_paths || w->kind.is_tuned ? 3 : 0; /* both ways */
    struct bgp_session_cfg cfg = { .local_asn = n->asn,
                                   .local_identifier = sim_identifier(SIM_NODES_MAX + n->number),
                                   .peer_addr = sim_addr(node),
                                   .local_addr = n->addr,
                                   .hold_s = p->hold_s,
                                   .connect_retry_s = 2,
                                   .backoff_max_s = 4,
                                   .family = { p->families[BGP_IP4], p->families[BGP_IP6] },
                                   .add_path = { paths, paths },
                                   .any_first_as = true,
                                   .extended_message = w->kind.heavy != 0,
                                   .restarts_gracefully = n->is_graceful,
                                   .restart_s = n->restart_s,
                                   .stale_s = { n->stale_s, p->families[BGP_IP6] ? n->stale_s : 0 },
                                   .seed = sim_random(w) };
    *s = (struct nva_session){ .nva = n, .node = node };
    s->machine = bgp_session_new(&cfg);
    bgp_session_set_restarting(s->machine, n->restarted);
    bgp_session_start(s->machine, w->now);
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        nva_receive(s, slot, NULL, 0);
}

static void start_sessions(struct nva *n)
{
    for (int i = 0; i < n->world->host_count; i++)
        if (n->nodes & 1u << i)
            start_session(n, i);
}

static void end_sessions(struct nva *n)
{
    for (int i = 0; i < n->world->host_count; i++) {
        if (n->sessions[i].machine)
            bgp_session_free(n->sessions[i].machine);
        free(n->sessions[i].out);
        n->sessions[i] = (struct nva_session){ 0 };
    }
}

void nva_init(struct world *w, struct nva *n, int number)
{
    n->world = w;
    n->number = number;
    n->asn = w->config.peers[number].peer_asn;
    n->addr = sim_addr(SIM_NODES_MAX + number);
    start_sessions(n);
    sim_schedule(w, (struct sim_event){ .kind = SIM_NVA_TICK, .at = w->now, .who = number });
}

/* Who has all of its routes, and its promise to be back, holds them. */
static bool is_to_hold(const struct nva *n, const struct host *h)
{
    return n->is_graceful && h->config.peers[n->number].graceful != CONFIG_GRACEFUL_NONE && h->core && host_runs(n->world, h) &&
           h->core->rib.origins[h->core->rib.self].sessions[sim_number(n->world, h->core, n->number)].state == RIB_SESSION_SYNCED;
}

/* RFC 9494: for so long as the file of no node says that it is not held. */
static uint32_t long_lived_s(const struct nva *n)
{
    bool is_held = true;
    for (int i = 0; i < n->world->host_count; i++) {
        const struct config_peer *p = &n->world->hosts[i].config.peers[n->number];
        is_held &= p->long_lived_ms[BGP_IP4] != 0;
    }
    return is_held ? n->stale_s : 0;
}

void nva_restart(struct nva *n, uint64_t away_ms)
{
    struct world *w = n->world;
    sim_vanish(w, SIM_NODES_MAX + n->number);
    end_sessions(n);
    n->unheard = n->restarted = w->now;
    n->held_until = w->now + (n->restart_s + long_lived_s(n)) * (uint64_t)1000;
    n->restarts = 0;
    n->is_away = true;
    for (int i = 0; i < w->host_count; i++) {
        w->apart[i][n->number] = w->now;
        n->restarts |= (uint32_t)is_to_hold(n, &w->hosts[i]) << i;
    }
    sim_schedule(w, (struct sim_event){ .kind = SIM_NVA_BACK, .at = w->now + away_ms, .who = n->number });
}

void nva_back(struct nva *n)
{
    if (!n->is_away)
        return; /* it restarted twice, and was back after the first */
    n->is_away = false;
    start_sessions(n);
    for (int i = 0; i < n->world->host_count; i++)
        n->world->apart[i][n->number] = n->world->now;
}

void nva_fini(struct nva *n)
{
    end_sessions(n);
}
