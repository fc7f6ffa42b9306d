/* A node that an NVA no longer reaches does not hear its withdrawals, and does not know that before the hold time is
 * over, which may be minutes. But another node hears them. As a rule the own session says the same a moment later. Where it
 * says nothing at all, the NVA is asked for a sign: a KEEPALIVE, and whether its system acknowledges that. If it does, the
 * NVA is heard, and means what it said to each of us. If not, the routes that it has withdrawn elsewhere since are
 * withdrawn here. When it is heard again it is asked for its routes (RFC 2918), for it may have meant them after all; who
 * cannot be asked that, or is not symmetric, is believed as before.
 * What it said here may also wait for us to read it. Where it waits for longer than a second, what the other node has
 * read is the newer.
 * Source: the replication design, scenario 17, invariants S2 and S4; promise P5. */
#include <stdlib.h>

#include "node/core/core_impl.h"

enum {
    ASK_MS = 100,     /* the own withdrawal is a few milliseconds late */
    AGAIN_MS = 1000,  /* RFC 4271 section 4.4: KEEPALIVEs are not sent more often */
    ANSWER_MS = 400,  /* acknowledgements may be delayed for 200 ms, and their segment be lost once */
    LOOK_MS = 20,     /* the transport looks after the turn in which it is asked to */
    NETS_MAX = 65536, /* what is more waits for the hold time */
    NETS_A_TURN = 2048,
};

static bool may_yield(const struct core *c, const struct core_peer *p)
{
    return p && p->session && bgp_session_slot(p->session) >= 0 && c->rib.nvas[p->nva].symmetric &&
           bgp_session_codec(p->session)->refresh;
}

/* When it said what was not read yet; 0 = all was. */
static uint64_t waits_since(const struct core_peer *p)
{
    return p->conns[bgp_session_slot(p->session)]->unread_ms;
}

static void remember(struct core_doubt *d, uint32_t net)
{
    if (d->count == d->cap) {
        uint32_t cap = d->cap ? 2 * d->cap : 64;
        if (cap > NETS_MAX)
            return;
        uint32_t *grown = realloc(d->nets, cap * sizeof *grown);
        core_must(!grown);
        d->nets = grown;
        d->cap = cap;
    }
    d->nets[d->count++] = net;
}

static void yield(struct core *c, struct core_peer *p, uint32_t net)
{
    core_must(repl_evidence_yield(&c->rib, net, p->nva, c->now_ms));
    p->doubt.has_yielded = true;
}

static void doubt(struct core *c, uint32_t net, uint16_t nva)
{
    struct core_peer *p = c->peers[nva];
    if (!may_yield(c, p) || (p->heard_ms == c->now_ms && !waits_since(p)))
        return;
    if (p->doubt.step == DOUBT_UNHEARD) {
        yield(c, p, net);
        return;
    }
    remember(&p->doubt, net);
    if (p->doubt.step)
        return;
    p->doubt.step = DOUBT_WAITS;
    p->doubt.due_ms = c->now_ms + ASK_MS;
    if (p->doubt.due_ms < p->doubt.asked_ms + AGAIN_MS)
        p->doubt.due_ms = p->doubt.asked_ms + AGAIN_MS;
    core_bgp_due(c, p);
}

void core_doubt_look(struct core *c, uint32_t net)
{
    for (uint32_t i = 0; (i = repl_evidence_contradicted(&c->rib, net, i));)
        doubt(c, net, rib_path(&c->rib, i)->nva);
}

static void end_doubt(struct core_doubt *d)
{
    free(d->nets);
    *d = (struct core_doubt){ .asked_ms = d->asked_ms };
}

void core_doubt_forget(struct core_peer *p)
{
    end_doubt(&p->doubt);
}

void core_doubt_heard(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    if (!p->doubt.step)
        return;
    if (p->doubt.step == DOUBT_UNHEARD)
        core_event(c, CONFIG_LOG_INFO, "peer_heard_again", core_peer_subject(p, subject, sizeof subject),
                   "hint=\"it is asked for its routes\"");
    for (int f = 0; f < BGP_FAMILIES && p->doubt.has_yielded; f++)
        bgp_session_refresh(p->session, (enum bgp_family)f);
    end_doubt(&p->doubt);
}

/* What was remembered, a stretch a turn. */
static void yield_some(struct core *c, struct core_peer *p)
{
    struct core_doubt *d = &p->doubt;
    for (int left = NETS_A_TURN; left && d->count; left--) {
        uint32_t net = d->nets[--d->count];
        if (prefix_table_is_used(&c->rib.nets, net))
            yield(c, p, net);
    }
    if (d->count)
        return;
    free(d->nets);
    d->nets = NULL;
    d->cap = 0;
    d->due_ms = 0;
}

static void conclude(struct core *c, struct core_peer *p, const char *why)
{
    struct core_doubt *d = &p->doubt;
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_WARN, "peer_unheard", core_peer_subject(p, subject, sizeof subject),
               "withdrawn=%u hint=\"another node heard it withdraw, and %s\"", d->count, why);
    d->step = DOUBT_UNHEARD;
    yield_some(c, p);
}

static void ask(struct core *c, struct core_peer *p)
{
    p->doubt.step = DOUBT_ASKED;
    p->doubt.asked_ms = c->now_ms;
    p->doubt.due_ms = c->now_ms + ANSWER_MS;
    bgp_session_keepalive(p->session, c->now_ms);
    core_bgp_settle(c, p);
}

static void look_for_answer(struct core *c, struct core_peer *p, struct core_conn *conn)
{
    p->doubt.step = DOUBT_LOOKS;
    p->doubt.due_ms = c->now_ms + LOOK_MS;
    conn->pump.asks_peer = true;
    conn->pump.is_unanswered = false;
    core_conn_moved(c, conn);
}

void core_doubt_tick(struct core *c, struct core_peer *p)
{
    struct core_doubt *d = &p->doubt;
    if (!d->due_ms || c->now_ms < d->due_ms)
        return;
    struct core_conn *conn = p->conns[bgp_session_slot(p->session)];
    uint64_t since_ms = waits_since(p);
    bool lags = since_ms && c->now_ms >= since_ms + CORE_LAGS_MS;
    if (d->step == DOUBT_UNHEARD)
        yield_some(c, p);
    else if (c->wake_ms || (since_ms && !lags)) /* it has spoken, and is read in a moment */
        d->due_ms = c->now_ms + LOOK_MS;
    else if (lags)
        conclude(c, p, "what it says to this one is not read in time");
    else if (d->step == DOUBT_WAITS)
        ask(c, p);
    else if (d->step == DOUBT_ASKED)
        look_for_answer(c, p, conn);
    else if (conn->pump.is_unanswered)
        conclude(c, p, "it does not answer this one");
    else
        end_doubt(d);
}

uint64_t core_doubt_deadline(const struct core_peer *p)
{
    return p->doubt.due_ms ? p->doubt.due_ms : UINT64_MAX;
}
