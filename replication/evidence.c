#include "replication/evidence.h"

/* A node that was paused hears of what it missed as late as its peers' TCP sends it again. NVAs that nobody heard come back
 * one after the other. */
enum { HEAL_MS = 3000, RETURN_MS = 60000 };

/* Held entries of one kind of one origin: what a walk or a timer is about. */
struct holding {
    enum rib_which which;
    uint8_t *class;
    uint64_t since_ms;
};

static void holdings(struct rib_origin *o, struct holding out[2])
{
    out[0] = (struct holding){ RIB_CURRENT, &o->class, o->lost_ms };
    out[1] = (struct holding){ RIB_OLD, &o->old_class, o->old_ms };
}

static uint32_t held_entries(const struct rib_origin *o, const struct holding *h)
{
    return h->which == RIB_OLD ? o->old : o->paths + o->tombstones - o->old;
}

/* Whose time runs. Of who is away that of all it has said, also where nothing is left of that: what others pass on of it
 * later is held for no longer. */
static bool is_running(const struct rib_origin *o, const struct holding *h)
{
    return *h->class != RIB_LIVE && (h->which == RIB_OLD ? o->old != 0 : vlist_head(&o->order) != 0);
}

/* Held, and its node is here again: what it says of it is on its way. */
static bool is_returning(const struct rib_origin *o)
{
    return o->class != RIB_LIVE && o->heals_ms;
}

static void return_no_more(struct rib *r, uint8_t origin)
{
    r->origins[origin].heals_ms = 0;
    rib_origin_accuse(r, origin);
    rib_origin_review(r, origin, 0);
}

void repl_evidence_lost(struct rib *r, uint8_t origin, uint64_t since_ms)
{
    struct rib_origin *o = &r->origins[origin];
    if (is_returning(o))
        return_no_more(r, origin);
    if (o->class != RIB_LIVE)
        return;
    o->class = RIB_GRACE;
    o->lost_ms = since_ms;
    o->heals_ms = 0;
    rib_origin_accuse(r, origin);
    rib_origin_review(r, origin, 0); /* what was said before the loss is evidence too */
}

void repl_evidence_passed_on(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    if (o->class == RIB_LIVE && !o->heals_ms)
        o->heals_ms = now_ms + HEAL_MS;
}

bool repl_evidence_is_healing(const struct rib *r)
{
    for (int i = 1; i < RIB_ORIGINS; i++)
        if (r->origins[i].heals_ms || r->origins[i].before)
            return true;
    return false;
}

static uint64_t heal(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    if (!o->heals_ms || now_ms < o->heals_ms)
        return o->heals_ms ? o->heals_ms : UINT64_MAX;
    if (is_returning(o)) {
        return_no_more(r, origin);
        return UINT64_MAX;
    }
    o->heals_ms = 0;
    rib_origin_rehabilitate(r, origin);
    return UINT64_MAX;
}

static bool holds_any(const struct rib *r)
{
    for (int i = 1; i < RIB_ORIGINS; i++)
        if (r->origins[i].class != RIB_LIVE || r->origins[i].old)
            return true;
    return false;
}

bool repl_evidence_is_needed(const struct rib *r)
{
    return holds_any(r) || repl_evidence_is_healing(r) || r->restarts != 0;
}

/* Its node is there, and its session restarts gracefully (RFC 4724). When that is back, the node itself knows what it
 * has not heard again: that is of no session that there is. */
static bool is_restarting(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *home = &r->origins[p->origin];
    const struct rib_session *s = &home->sessions[p->nva];
    if (!p->attrs || rib_path_is_old(r, p) || rib_path_is_flushed(r, p) || home->class != RIB_LIVE)
        return false;
    return s->state == RIB_SESSION_GRACE || (s->restarts && p->origin == r->self && rib_path_is_unheard(r, p));
}

static bool is_held(const struct rib *r, const struct rib_path *p)
{
    enum rib_class class = rib_path_class(r, p);
    return class == RIB_GRACE || class == RIB_STALE;
}

/* May this origin's session speak for the NVA? Not when it is away, grey, or down itself. */
static const struct rib_session *witness(const struct rib *r, int origin, uint16_t nva)
{
    const struct rib_origin *o = &r->origins[origin];
    const struct rib_session *s = &o->sessions[nva];
    return o->class == RIB_LIVE && !o->lags && rib_session_is_up(s->state) ? s : NULL;
}

/* An entry of it, by its place in the order, that was said before we slept, and may not hold any more. */
static bool is_of_before(const struct rib_origin *o, uint32_t slot)
{
    return o->before && vlist_version(&o->order, slot) <= o->before;
}

/* Of a family that was not negotiated a session says nothing: neither by what is gone with an earlier one that had it, nor by
 * its End-of-RIB. Nodes that read another file one after the other have such ones. */
static bool speaks_of(const struct rib_session *s, enum bgp_family family)
{
    return !s->families || s->families & 1u << family;
}

/* Has the NVA told this witness all it has, and not only before we slept? */
static bool has_told_all(const struct rib *r, int origin, const struct rib_session *s)
{
    return s && s->state == RIB_SESSION_SYNCED && !is_of_before(&r->origins[origin], s->slot);
}

/* The entry for the same route of the witness's session, NULL: none. */
static const struct rib_path *entry_of(const struct rib *r, const struct rib_path *held, int origin)
{
    for (uint32_t i = rib_net(r, rib_path_net(r, held))->paths; i;) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin == origin && p->nva == held->nva && rib_path_id(p) == rib_path_id(held) && rib_path_is_said(r, p))
            return p;
        i = rib_path_next(p);
    }
    return NULL;
}

/* Where one session has ids for paths and the other one has none, as while nodes read another file one after the other, no
 * route of one is a route of the other: what the witness has withdrawn is what is gone by all its ids. It must have told
 * all: of what is on its way the tombstone of one path may be here before the other paths are. */
static const struct rib_path *tombstone_beside(const struct rib *r, const struct rib_path *held, int origin)
{
    const struct rib_path *tombstone = NULL;
    if (r->origins[origin].sessions[held->nva].state != RIB_SESSION_SYNCED)
        return NULL;
    for (uint32_t i = rib_net(r, rib_path_net(r, held))->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin != origin || p->nva != held->nva || !rib_path_is_said(r, p))
            continue;
        if (p->attrs)
            return NULL;
        if (!rib_path_id(p) != !rib_path_id(held))
            tombstone = p;
    }
    return tombstone;
}

/* It announces by ids what it said without, or the other way round: its tombstone is of a session before. */
static bool is_announced_beside(const struct rib *r, const struct rib_path *held, int origin)
{
    for (uint32_t i = rib_net(r, rib_path_net(r, held))->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        bool is_beside = p->origin == origin && p->nva == held->nva && !rib_path_id(p) != !rib_path_id(held);
        if (is_beside && p->attrs && rib_path_is_said(r, p))
            return true;
    }
    return false;
}

/* What it says by that: announced, withdrawn, or NULL. What others have disproved says nothing, neither that it is
 * there nor that it is not: between two cuts it may come before the word that its session is no more. Nor does what a
 * session that is back from a restart has lost on the way, before it has told all: only what it has withdrawn since. Nor what
 * was said before we slept. */
static const struct rib_path *statement(const struct rib *r, const struct rib_path *held, int origin)
{
    const struct rib_path *entry = entry_of(r, held, origin), *p = entry ? entry : tombstone_beside(r, held, origin);
    if (!speaks_of(&r->origins[origin].sessions[held->nva], held->family))
        return NULL;
    if (!p || is_of_before(&r->origins[origin], p->slot) || (!p->attrs && is_announced_beside(r, held, origin)))
        return NULL;
    bool is_void = p->attrs ? p->flags & RIB_PATH_DISPROVED : rib_path_is_left_over(r, p);
    return is_void ? NULL : p;
}

/* When a held copy lost its origin, or its origin lost the session (RFC 4724). */
static uint64_t held_since(const struct rib *r, const struct rib_path *held)
{
    const struct rib_origin *home = &r->origins[held->origin];
    if (rib_path_is_old(r, held))
        return home->old_ms;
    return home->class == RIB_LIVE ? home->sessions[held->nva].lost_ms : home->lost_ms;
}

static bool is_withdrawn(const struct rib *r, const struct rib_path *held)
{
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_path *said = witness(r, o, held->nva) ? statement(r, held, o) : NULL;
        if (said && !said->attrs)
            return true;
    }
    return false;
}

/* What a witness says of any of the NVA's routes there. */
enum word { WORD_NONE, WORD_WITHDRAWN, WORD_ANNOUNCED };

static enum word word_of(const struct rib *r, uint32_t net, uint16_t nva, int origin)
{
    enum word word = WORD_NONE;
    if (!speaks_of(&r->origins[origin].sessions[nva], prefix_index_family(net)))
        return WORD_NONE;
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p->origin != origin || p->nva != nva || !rib_path_is_said(r, p) || is_of_before(&r->origins[origin], p->slot))
            continue;
        if (p->attrs)
            return WORD_ANNOUNCED;
        if (!rib_path_is_left_over(r, p))
            word = WORD_WITHDRAWN;
    }
    return word;
}

bool repl_evidence_is_withdrawn(const struct rib *r, uint32_t net, uint16_t nva, uint8_t but)
{
    bool is_withdrawn = false;
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_session *s = o == but ? NULL : witness(r, o, nva);
        enum word word = s ? word_of(r, net, nva, o) : WORD_NONE;
        if (word == WORD_ANNOUNCED)
            return false;
        is_withdrawn |= word == WORD_WITHDRAWN || (has_told_all(r, o, s) && r->nvas[nva].symmetric && speaks_of(s, prefix_index_family(net)));
    }
    return is_withdrawn;
}

bool repl_evidence_has_told(const struct rib *r, uint16_t nva, enum bgp_family family)
{
    const struct rib_session *own = witness(r, r->self, nva);
    return has_told_all(r, r->self, own) && r->nvas[nva].symmetric && speaks_of(own, family);
}

enum repl_word repl_evidence_word(const struct rib *r, uint32_t net, uint16_t nva)
{
    enum repl_word said = repl_evidence_has_told(r, nva, prefix_index_family(net)) ? REPL_UNTOLD : REPL_UNKNOWN;
    for (int o = 1; o < RIB_ORIGINS; o++) {
        enum word word = witness(r, o, nva) ? word_of(r, net, nva, o) : WORD_NONE;
        if (word == WORD_ANNOUNCED)
            return REPL_UNKNOWN;
        if (word == WORD_WITHDRAWN)
            said = REPL_WITHDRAWN;
    }
    return said;
}

void repl_evidence_returns(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    o->lost_ms = now_ms;
    if (o->class == RIB_LIVE)
        return;
    o->heals_ms = now_ms + HEAL_MS;
    rib_origin_doubt(r, origin);
}

/* Does a session with this NVA restart, or with any (0)? */
static bool restarts(const struct rib *r, const struct rib_origin *o, uint16_t nva)
{
    for (uint32_t i = nva ? nva : 1; r->restarts && i < (nva ? nva + 1u : r->nva_count); i++)
        if (o->sessions[i].restarts)
            return true;
    return false;
}

/* Another witness speaks: its silence may disprove what is held of this NVA, or of any (0), wherever itself has no entry. And who
 * asks what sessions say asks again. */
static void review_held(struct rib *r, uint16_t nva)
{
    r->session_changes++;
    for (uint8_t i = 1; i < RIB_ORIGINS; i++) {
        struct holding held[2];
        holdings(&r->origins[i], held);
        bool holds = restarts(r, &r->origins[i], nva);
        for (int k = 0; k < 2; k++)
            holds |= *held[k].class != RIB_LIVE && held_entries(&r->origins[i], &held[k]);
        if (holds)
            rib_origin_review(r, i, nva);
    }
}

void repl_evidence_back(struct rib *r, uint8_t origin, uint64_t now_ms)
{
    struct rib_origin *o = &r->origins[origin];
    if (o->class == RIB_LIVE)
        return;
    bool was_stale = o->class == RIB_STALE;
    o->class = RIB_LIVE;
    o->heals_ms = now_ms + HEAL_MS;
    rib_origin_doubt(r, origin);
    if (was_stale)
        rib_origin_review(r, origin, 0);
    review_held(r, 0); /* its sessions are evidence again, by what they say and what they do not */
}

/* Is who said it about to say more: of a route whose NVA restarts, or of all its routes? An announcement elsewhere says
 * nothing against that. */
static bool is_about_to_tell(const struct rib *r, const struct rib_path *held)
{
    return is_restarting(r, held) || (!rib_path_is_old(r, held) && is_returning(&r->origins[held->origin]));
}

/* Of copies of nodes that are away a, b or c; of those that return, and of our own whose NVA restarts, a or b. */
static bool is_spoken_against(const struct rib *r, const struct rib_path *held)
{
    uint64_t since_ms = held_since(r, held);
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_session *s = witness(r, o, held->nva);
        const struct rib_path *said = s ? statement(r, held, o) : NULL;
        if (said && (!said->attrs || !is_about_to_tell(r, held)))
            return true; /* a: its tombstone; c: its own announcement */
        if (has_told_all(r, o, s) && s->synced_ms > since_ms && r->nvas[held->nva].symmetric &&
            speaks_of(s, held->family) && !entry_of(r, held, o))
            return true; /* b */
    }
    return false;
}

/* Of an NVA that was taken out nobody says a word any more. */
static bool is_disproved(const struct rib *r, const struct rib_path *held)
{
    return r->nvas[held->nva].is_taken_out || is_spoken_against(r, held);
}

bool repl_evidence_is_by_order(const struct rib *r, const struct rib_path *held)
{
    return r->nvas[held->nva].is_taken_out && !is_spoken_against(r, held);
}

bool repl_evidence_is_announced(const struct rib *r, const struct rib_path *held)
{
    for (int o = 1; o < RIB_ORIGINS; o++) {
        const struct rib_path *said = witness(r, o, held->nva) ? statement(r, held, o) : NULL;
        if (said && said->attrs)
            return true;
    }
    return false;
}

/* A living session has its own word on it. */
static bool is_outdone(const struct rib *r, const struct rib_path *held)
{
    for (int o = 1; o < RIB_ORIGINS; o++)
        if (witness(r, o, held->nva) && statement(r, held, o))
            return true;
    return false;
}

/* Another node's word on the same route counts. */
static bool is_stood_in_for(const struct rib *r, const struct rib_path *held)
{
    for (uint32_t i = rib_net(r, rib_path_net(r, held))->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (p != held && p->nva == held->nva && rib_path_id(p) == rib_path_id(held) && rib_path_class(r, p) != RIB_GONE)
            return true;
    }
    return false;
}

/* What an announcement or an End-of-RIB spoke against counts again: the origin is back, and says otherwise. While it
 * returns, only what is announced all the same. */
static bool is_cleared(const struct rib *r, const struct rib_path *p)
{
    const struct rib_origin *home = &r->origins[p->origin];
    bool is_due = home->class == RIB_LIVE || (is_returning(home) && is_stood_in_for(r, p));
    return is_due && rib_path_is_doubted(r, p) && !is_withdrawn(r, p);
}

static void judge_held(struct rib *r, struct rib_path *p)
{
    if (is_cleared(r, p))
        rib_path_disprove(r, p, false);
    if (!p->nva || !is_held(r, p))
        return;
    if (is_disproved(r, p)) {
        rib_path_disprove(r, p, true);
        rib_net(r, rib_path_net(r, p))->flags |= RIB_NET_WITHDRAWN; /* by the NVA's word: no brake holds it */
    } else if (is_about_to_tell(r, p) && is_stood_in_for(r, p)) {
        p->flags |= RIB_PATH_OUTDONE;
    }
}

/* Held over a restart of its NVA by the node that had the session: what ends it is a withdrawal of that node,
 * which all others hear. What they would conclude themselves depends on what they heard first. */
static int judge_own(struct rib *r, uint32_t index, uint64_t now_ms)
{
    const struct rib_path *p = rib_path(r, index);
    struct ip_prefix prefix;
    if (!is_disproved(r, p))
        return 0;
    prefix_table_prefix(&r->nets, rib_path_net(r, p), &prefix);
    return rib_withdraw(r, p->origin, p->nva, &prefix, rib_path_id(p), now_ms);
}

/* It is set aside while another session lives that has its own word: that one may end next, for the NVA's
 * restart ends all of them, and nodes would each give up their own copies for the other's. */
static int judge_restarting(struct rib *r, uint32_t index, uint64_t now_ms)
{
    struct rib_path *p = rib_path(r, index);
    if (rib_path_class(r, p) == RIB_GRACE && is_outdone(r, p))
        p->flags |= RIB_PATH_OUTDONE;
    return p->origin == r->self ? judge_own(r, index, now_ms) : 0;
}

int repl_evidence_judge(struct rib *r, uint32_t net, uint64_t now_ms)
{
    int err = 0;
    for (uint32_t i = rib_net(r, net)->paths; i && !err; i = rib_path_next(rib_path(r, i))) {
        struct rib_path *p = rib_path(r, i);
        p->flags &= (uint8_t)~RIB_PATH_OUTDONE;
        if (p->nva && is_restarting(r, p))
            err = judge_restarting(r, i, now_ms);
        else
            judge_held(r, p);
    }
    return err;
}

static bool is_contradicted(const struct rib *r, const struct rib_path *p)
{
    return p->origin == r->self && p->nva && rib_path_is_said(r, p) && rib_path_class(r, p) == RIB_LIVE && is_withdrawn(r, p);
}

uint32_t repl_evidence_contradicted(const struct rib *r, uint32_t net, uint32_t path)
{
    uint32_t i = path ? rib_path_next(rib_path(r, path)) : rib_net(r, net)->paths;
    while (i && !is_contradicted(r, rib_path(r, i)))
        i = rib_path_next(rib_path(r, i));
    return i;
}

int repl_evidence_yield(struct rib *r, uint32_t net, uint16_t nva, uint64_t now_ms)
{
    struct ip_prefix prefix;
    int err = 0;
    prefix_table_prefix(&r->nets, net, &prefix);
    for (uint32_t i = 0; !err && (i = repl_evidence_contradicted(r, net, i));)
        if (rib_path(r, i)->nva == nva)
            err = rib_withdraw(r, r->self, nva, &prefix, rib_path_id(rib_path(r, i)), now_ms);
    return err;
}

void repl_evidence_synced(struct rib *r, uint16_t nva)
{
    review_held(r, nva);
}

static bool holds_any_of(const struct rib_origin *o, uint16_t nva)
{
    const struct rib_session *s = &o->sessions[nva];
    return s->paths && (o->class != RIB_LIVE || o->old || s->state == RIB_SESSION_GRACE);
}

void repl_evidence_lags(struct rib *r, uint8_t origin, bool lags)
{
    r->origins[origin].lags = lags;
    if (!lags)
        review_held(r, 0);
}

void repl_evidence_slept(struct rib *r, uint8_t origin)
{
    r->origins[origin].before = origin == r->self ? vlist_head(&r->origins[origin].order) : UINT64_MAX;
}

void repl_evidence_heard(struct rib *r, uint8_t origin)
{
    bool was = r->origins[origin].before != 0;
    r->origins[origin].before = 0;
    if (was)
        review_held(r, 0);
}

static void judge_last(struct rib *r, struct rib_path *p, uint16_t nva)
{
    if (p->nva == nva && holds_any_of(&r->origins[p->origin], nva) && !is_restarting(r, p))
        judge_held(r, p);
}

/* Has the walk entries of this NVA decided anew, and not only removed? */
static bool reviews(const struct rib_origin *o, uint16_t nva)
{
    bool is_reviewed = o->reviewed && (!o->reviewed_nva || o->reviewed_nva == nva);
    return o->sweep_end && (is_reviewed || o->doubted || o->rehabilitated || o->last.rehabilitated);
}

/* What the walk has not come to. */
static void judge_ahead(struct rib *r, const struct rib_origin *o, uint16_t nva)
{
    uint64_t at = o->sweeps_again ? 0 : o->sweep_at;
    for (uint32_t id; reviews(o, nva) && holds_any_of(o, nva) && (id = vlist_next(&o->order, &at));)
        if (!(id & RIB_FACT))
            judge_last(r, rib_path(r, id), nva);
}

static void judge_waiting(struct rib *r, uint16_t nva)
{
    for (uint32_t net = 0; (net = rib_dirty_after(r, net));)
        for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
            judge_last(r, rib_path(r, i), nva);
}

/* Whatever is evidence has its net decided anew, and judged before that. So only of nets that still wait for it, or
 * that a walk is on its way to, is there anything to say; a table at rest costs nothing. */
void repl_evidence_session_ends(struct rib *r, uint16_t nva)
{
    if (!repl_evidence_is_needed(r))
        return;
    for (int i = 1; i < RIB_ORIGINS && r->sweeps; i++)
        judge_ahead(r, &r->origins[i], nva);
    judge_waiting(r, nva);
}

/* Has any NVA told all it has on a session that lives? One that has just come up is about to tell again what is
 * held for it. */
static bool anybody_has_told(const struct rib *r)
{
    for (int o = 1; o < RIB_ORIGINS; o++)
        for (uint32_t nva = 1; nva < r->nva_count; nva++) {
            if (has_told_all(r, o, witness(r, o, (uint16_t)nva)))
                return true;
        }
    return false;
}

static uint64_t stale_from(uint8_t origin, const struct holding *h, const struct repl_evidence_times *times)
{
    uint64_t since_ms = h->since_ms;
    if (h->which == RIB_CURRENT && times->heard_ms[origin] > since_ms)
        since_ms = times->heard_ms[origin];
    return since_ms + times->grace_ms;
}

static uint64_t tick_holding(struct rib *r, uint8_t origin, struct holding *h,
                             const struct repl_evidence_times *times, uint64_t now_ms)
{
    if (!is_running(&r->origins[origin], h))
        return UINT64_MAX;
    uint64_t stale_at = stale_from(origin, h, times), drop_at = stale_at + times->stale_ms;
    if (h->which == RIB_CURRENT)
        drop_at += times->follow_ms;
    if (*h->class == RIB_GRACE && now_ms >= stale_at) {
        *h->class = RIB_STALE;
        rib_origin_review(r, origin, 0);
    }
    if (now_ms < stale_at)
        return stale_at;
    if (now_ms < drop_at)
        return drop_at;
    if (!anybody_has_told(r))
        return now_ms + times->grace_ms; /* total loss: hold without limit … */
    if (r->unheard_ms && now_ms < r->unheard_ms + RETURN_MS)
        return r->unheard_ms + RETURN_MS; /* … and the first that is back says nothing of the others */
    rib_origin_drop(r, origin, h->which);
    return UINT64_MAX;
}

void repl_evidence_purge(struct rib *r, uint8_t origin, const struct repl_evidence_times *times, uint64_t now_ms)
{
    struct holding held[2];
    holdings(&r->origins[origin], held);
    bool is_due = now_ms + times->follow_ms >= stale_from(origin, &held[0], times) + times->stale_ms;
    if (is_due && is_running(&r->origins[origin], &held[0]) && anybody_has_told(r))
        rib_origin_drop(r, origin, RIB_CURRENT);
}

uint64_t repl_evidence_tick(struct rib *r, const struct repl_evidence_times *times, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    if (holds_any(r) && !anybody_has_told(r))
        r->unheard_ms = now_ms;
    for (uint8_t i = 1; i < RIB_ORIGINS; i++) {
        struct holding held[2];
        uint64_t healed = heal(r, i, now_ms);
        next = healed < next ? healed : next;
        holdings(&r->origins[i], held);
        for (int k = 0; k < 2; k++) {
            uint64_t due = tick_holding(r, i, &held[k], times, now_ms);
            if (due < next)
                next = due;
        }
    }
    return next;
}
