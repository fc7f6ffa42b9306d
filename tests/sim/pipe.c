/* Connections of the simulated network: in order, delayed, cut by partitions, ended by deaths. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/shared.h"

enum { DIAL_TIMEOUT_MS = 3000, USER_TIMEOUT_MS = 500, RESEND_MS = 20 };

static struct sim_pipe *pipe_new(struct world *w)
{
    for (int i = 0; i < SIM_PIPES_MAX; i++) {
        struct sim_pipe *p = &w->pipes[i];
        if (p->used)
            continue;
        *p = (struct sim_pipe){ .used = true, .generation = p->generation + 1 };
        return p;
    }
    abort(); /* somebody dials and dials */
}

static bool is_cut(const struct world *w, sim_party from, sim_party to)
{
    return w->cut[from][to];
}

static bool is_listening(const struct world *w, sim_party party)
{
    if (party < SIM_NODES_MAX)
        return w->hosts[party].core;
    return !w->nvas[party - SIM_NODES_MAX].is_away;
}

uint64_t sim_latency(struct world *w, sim_party from, sim_party to)
{
    return 1 + sim_pick(w, SIM_LATENCY_MS) + w->slow[from][to];
}

static struct host *paused(struct world *w, sim_party party)
{
    struct host *h = party < SIM_NODES_MAX ? &w->hosts[party] : NULL;
    return h && h->core && w->now < h->paused_until ? h : NULL;
}

struct host *sim_waits_for(struct world *w, const struct sim_event *e)
{
    if (e->kind == SIM_TURN || e->kind == SIM_ANSWER || e->kind == SIM_STREAM)
        return paused(w, e->who);
    if (!e->pipe || e->generation != e->pipe->generation)
        return NULL;
    if (e->kind == SIM_BYTES || e->kind == SIM_CLOSE)
        return paused(w, e->pipe->end[e->side].party);
    if (e->kind == SIM_ACCEPT)
        return paused(w, e->pipe->end[1].party);
    struct host *to = paused(w, e->pipe->end[1].party);
    if (to && to->pause_lag) /* a stopped process has its kernel accept, a paused machine has not */
        return to;
    return paused(w, e->pipe->end[0].party);
}

static struct sim_event event_of(const struct sim_pipe *p, enum sim_event_kind kind, int side)
{
    return (struct sim_event){
        .kind = kind, .pipe = (struct sim_pipe *)(uintptr_t)p, .generation = p->generation, .side = side
    };
}

static struct sim_pipe *dial(struct world *w, const struct core_request *r, struct sim_end dialler)
{
    sim_party from = dialler.party, to = sim_party_at(&r->remote);
    struct sim_pipe *p = pipe_new(w);
    p->port = (enum core_port)r->port;
    p->end[0] = dialler;
    p->end[0].open = true;
    p->end[1] = (struct sim_end){ .party = to };
    if (r->pump)
        r->pump->owner = p;
    bool lost = is_cut(w, from, to) || is_cut(w, to, from);
    struct sim_event e = event_of(p, SIM_OPEN, 0);
    e.at = w->now + (lost ? DIAL_TIMEOUT_MS : sim_latency(w, from, to) + sim_latency(w, to, from));
    e.how = lost ? CORE_CLOSE_TIMEOUT : CORE_CLOSE_REFUSED;
    if (lost || !is_listening(w, to)) {
        e.kind = SIM_CLOSE;
        e.side = 0;
    }
    sim_schedule(w, e);
    return p;
}

void sim_dial(struct world *w, sim_party from, const struct core_request *r, struct nva_session *session)
{
    dial(w, r, (struct sim_end){ .party = from, .pump = r->pump, .session = session });
}

struct sim_pipe *sim_dial_agent(struct world *w, struct sim_upstream *u, const struct core_request *r)
{
    return dial(w, r, (struct sim_end){ .party = SIM_AGENT, .upstream = u });
}

static void accept_now(struct world *w, struct sim_pipe *p)
{
    struct sim_end *e = &p->end[1];
    struct ip_addr remote = sim_addr(p->end[0].party), local = sim_addr(e->party);
    if (e->party >= SIM_NODES_MAX) {
        struct nva *n = &w->nvas[e->party - SIM_NODES_MAX];
        e->slot = nva_accept(n, p->end[0].party);
        e->open = e->slot >= 0;
        e->session = &n->sessions[p->end[0].party];
        if (e->open)
            e->session->pipe[e->slot] = p;
        return;
    }
    struct host *h = &w->hosts[e->party];
    e->pump = h->core ? core_accept(h->core, p->port, &remote, &local, w->now) : NULL;
    e->open = e->pump != NULL;
    e->waiting = false;
    if (e->open)
        e->pump->owner = p;
    if (h->core)
        host_ask_turn(w, h, w->now);
}

/* A connection that the other side never took up is reset. */
void sim_on_accept(struct world *w, const struct sim_event *e)
{
    struct sim_pipe *p = e->pipe;
    if (!p->end[1].waiting)
        return; /* it died meanwhile */
    accept_now(w, p);
    if (!p->end[1].open)
        sim_on_close(w, &(struct sim_event){ .pipe = p, .side = 0, .how = CORE_CLOSE_RESET });
}

void sim_on_open(struct world *w, const struct sim_event *e)
{
    struct sim_pipe *p = e->pipe;
    struct sim_end *dialler = &p->end[0];
    if (!dialler->open)
        return;
    p->established = true;
    if (paused(w, p->end[1].party)) {
        struct sim_event accept = event_of(p, SIM_ACCEPT, 1);
        accept.at = w->now;
        p->end[1].waiting = true;
        sim_schedule(w, accept);
    } else {
        accept_now(w, p);
        if (!p->end[1].open) {
            sim_on_close(w, &(struct sim_event){ .pipe = p, .side = 0, .how = CORE_CLOSE_RESET });
            return;
        }
    }
    struct ip_addr local = sim_addr(dialler->party);
    if (dialler->pump) {
        core_connected(w->hosts[dialler->party].core, dialler->pump, &local, w->now);
        host_ask_turn(w, &w->hosts[dialler->party], w->now);
    } else if (dialler->session) {
        nva_connected(dialler->session, &local);
    } else if (dialler->upstream) {
        agent_connected(dialler->upstream);
    } else {
        sim_party to = p->end[1].party;
        sim_send(w, p, 0, w->recording[to], w->recorded[to]);
    }
}

void sim_replay(struct world *w, sim_party to)
{
    struct core_request r = { .port = CORE_PORT_CLUSTER, .remote = sim_addr(to) };
    sim_dial(w, SIM_STRANGER, &r, NULL);
}

/* Anybody on the way can keep the first flight of a dial. */
static void record(struct world *w, const struct sim_pipe *p, int side, const uint8_t *bytes,
                   size_t len)
{
    sim_party to = p->end[1].party;
    if (side != 0 || p->port != CORE_PORT_CLUSTER || p->end[0].party == SIM_STRANGER || p->sent[0])
        return;
    w->recorded[to] = len < SIM_RECORDING ? len : SIM_RECORDING;
    memcpy(w->recording[to], bytes, w->recorded[to]);
}

void sim_send(struct world *w, struct sim_pipe *p, int side, const uint8_t *bytes, size_t len)
{
    struct sim_event e = event_of(p, SIM_BYTES, 1 - side);
    record(w, p, side, bytes, len);
    e.at = w->now + sim_latency(w, p->end[side].party, p->end[1 - side].party);
    if (e.at < p->arrives[side])
        e.at = p->arrives[side];
    p->arrives[side] = e.at;
    e.bytes = malloc(len);
    e.len = len;
    memcpy(e.bytes, bytes, len);
    e.sent_at = w->now; /* a cut that lasts too long breaks the connection */
    e.sequence = p->sent[side]++;
    sim_schedule(w, e);
}

/* Bytes wait while packets are lost, as TCP would resend them; the cluster's sockets give up soon. */
static bool held_back(struct world *w, const struct sim_event *e)
{
    struct sim_pipe *p = e->pipe;
    bool lost = is_cut(w, p->end[1 - e->side].party, p->end[e->side].party);
    if (!lost && e->sequence == p->delivered[1 - e->side]) {
        p->delivered[1 - e->side]++;
        return false;
    }
    struct sim_event again = *e;
    again.at = w->now + RESEND_MS;
    p->arrives[1 - e->side] = again.at;
    if (p->port == CORE_PORT_CLUSTER && again.at > e->sent_at + USER_TIMEOUT_MS) {
        for (int side = 0; side < 2; side++) {
            struct sim_event end = event_of(p, SIM_CLOSE, side);
            end.at = w->now;
            end.how = CORE_CLOSE_TIMEOUT;
            sim_schedule(w, end);
        }
        return true;
    }
    again.bytes = malloc(e->len);
    memcpy(again.bytes, e->bytes, e->len);
    sim_schedule(w, again);
    return true;
}

static void deliver_to_host(struct world *w, struct host *h, struct sim_end *to,
                            const uint8_t *bytes, size_t len)
{
    struct pump *p = to->pump;
    while (len && h->core) {
        size_t room;
        uint8_t *at = pump_rx_space(p, &room);
        size_t n = len < room ? len : room;
        memcpy(at, bytes, n);
        core_received(h->core, p, n);
        bytes += n;
        len -= n;
        if (len)
            host_turn(w, h);
        if (!to->open || to->pump != p)
            return; /* the turn closed it */
    }
    host_ask_turn(w, h, w->now);
}

void sim_on_bytes(struct world *w, const struct sim_event *e)
{
    struct sim_end *to = &e->pipe->end[e->side];
    if (!to->open || held_back(w, e))
        return;
    if (to->pump)
        deliver_to_host(w, &w->hosts[to->party], to, e->bytes, e->len);
    else if (to->session)
        nva_receive(to->session, to->slot, e->bytes, e->len);
    else if (to->upstream)
        agent_receive(to->upstream, e->bytes, e->len);
}

static void release(struct sim_pipe *p)
{
    if (p->end[0].open || p->end[1].open || p->end[1].waiting)
        return;
    p->used = false;
    p->generation++;
}

/* One end hears that the connection is over. */
void sim_on_close(struct world *w, const struct sim_event *e)
{
    struct sim_pipe *p = e->pipe;
    struct sim_end *end = &p->end[e->side];
    if (end->open) {
        end->open = false;
        if (end->pump) {
            struct host *h = &w->hosts[end->party];
            core_closed(h->core, end->pump, e->how, w->now);
            host_ask_turn(w, h, w->now);
        } else if (end->session) {
            nva_closed(end->session, end->slot);
        } else if (end->upstream) {
            agent_closed(end->upstream);
        }
    }
    end->waiting = false;
    release(p);
}

/* This end closes: it is over here at once, there after what is on its way. */
void sim_hang_up(struct world *w, struct sim_pipe *p, int side)
{
    struct sim_event e = event_of(p, SIM_CLOSE, 1 - side);
    sim_party here = p->end[side].party, there = p->end[1 - side].party;
    e.how = CORE_CLOSE_EOF;
    e.at = w->now + sim_latency(w, here, there);
    if (e.at < p->arrives[side])
        e.at = p->arrives[side];
    if (is_cut(w, here, there))
        e.at += USER_TIMEOUT_MS;
    if (p->end[1 - side].open || p->end[1 - side].waiting)
        sim_schedule(w, e);
    sim_on_close(w, &(struct sim_event){ .pipe = p, .side = side, .how = CORE_CLOSE_EOF });
}

void sim_vanish(struct world *w, sim_party party)
{
    for (int i = 0; i < SIM_PIPES_MAX; i++) {
        struct sim_pipe *p = &w->pipes[i];
        for (int side = 0; p->used && side < 2; side++) {
            if (p->end[side].party != party || (side == 1 && !p->established))
                continue; /* a dial on its way comes to whoever listens by then */
            p->end[side].open = p->end[side].waiting = false;
            struct sim_event e = event_of(p, SIM_CLOSE, 1 - side);
            bool lost = is_cut(w, party, p->end[1 - side].party);
            e.at = w->now + (lost ? USER_TIMEOUT_MS : sim_latency(w, party, p->end[1 - side].party));
            e.how = CORE_CLOSE_RESET;
            if (e.at < p->arrives[side] && sim_pick(w, 2))
                e.at = p->arrives[side]; /* else what was on its way is lost */
            if (p->end[1 - side].open || p->end[1 - side].waiting)
                sim_schedule(w, e);
            else
                release(p);
        }
    }
}
