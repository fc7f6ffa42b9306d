/* Very many routes leave an object, one after the other, for the same other set: the object goes there itself.
 *
 * When the only next hop of a hundred thousand routes dies, each of them is decided on and written by itself. So as
 * soon as many leave an object, the owner is asked what will become of all of its routes, a slice a turn, while
 * operations wait. The way that most of them go is the object's; the others are written before: those that have
 * another way go there, those that have none get an object of the old content for themselves. Then the object gets the
 * new content with a single message. The operations that follow find the kernel as they want it.
 *
 * What was foreseen may not come about, since the NVA is back or its heir has gone: walks over all routes look for
 * those whose object is not what the program believes, until there are none, and let the program know. */
#include "node/targets/netlink_internal.h"

#include <string.h>

enum {
    MANY = 2048,          /* routes of an object: a walk costs no more than to write them */
    LEAVE_AT_ONCE = 128,  /* of them, in one batch */
    LOOK = 64,            /* notes between two looks at the clock */
    SLICE_NS = 2000000,
    REFUSED_MS = 1000,    /* a set that could not go over is not looked at again before */
    SETTLE_MS = 200,      /* between walks that look for what did not come about, … */
    SETTLE_TIMES = 50,    /* … after which what is left is no matter of time */
    MOVES = 256,          /* routes a send */
    SAMPLE = 64,          /* routes, all over the table, … */
    SAMPLE_LOOK = 256,    /* … each of the first so many notes */
};

/* The next note of a walk, NULL at its end. */
static struct route_note *next_note(const struct netlink *n, struct route_walk *w, uint32_t *prefix)
{
    if (w->place + 1 >= n->notes[w->family].top) {
        if (w->family == BGP_IP6)
            return NULL;
        *w = (struct route_walk){ .family = BGP_IP6 };
        return next_note(n, w, prefix);
    }
    *prefix = prefix_index((enum bgp_family)w->family, ++w->place);
    return slab_at(&n->notes[w->family], w->place);
}

/* ---- what will become of them ---- */

/* The place of its heir, TAKEOVER_HEIRS = there are too many. */
static uint8_t find_heir(struct netlink *n, struct takeover *t, uint32_t nhset)
{
    uint8_t i = 0;
    while (i < t->heir_count && t->heirs[i].nhset != nhset)
        i++;
    if (i == t->heir_count && i < TAKEOVER_HEIRS) {
        nhset_ref(n->cfg.sets, nhset);
        t->heirs[t->heir_count++] = (struct takeover_heir){ .nhset = nhset };
    }
    return i;
}

static uint8_t heir_of(struct netlink *n, struct takeover *t, uint32_t prefix)
{
    bool is_bereft;
    uint32_t nhset = n->cfg.foresee(n->cfg.data, prefix, &is_bereft);
    uint8_t heir = find_heir(n, t, nhset);
    nhset_unref(n->cfg.sets, nhset);
    t->routes++;
    if (heir < TAKEOVER_HEIRS) {
        t->heirs[heir].routes++;
        t->heirs[heir].bereft += is_bereft;
    }
    return heir;
}

static bool is_of_set(const struct netlink *n, const struct takeover *t, const struct route_note *note)
{
    return note->slot && note->slot != t->twin && nexthops_set(&n->nexthops, note->slot) == t->nhset;
}

/* Each of these does a slice of its work; true: it is done. */
static bool foresee(struct netlink *n, struct takeover *t, uint64_t until_ns)
{
    uint32_t prefix;
    struct route_note *note;
    for (uint32_t i = 1; (note = next_note(n, &t->walk, &prefix)); i++) {
        if (is_of_set(n, t, note))
            note->heir = heir_of(n, t, prefix);
        if (i % LOOK == 0 && uv_hrtime() >= until_ns)
            return false;
    }
    return true;
}

/* The heir of most routes among those that an object may become, TAKEOVER_HEIRS = there is none, or it does not pay: who
 * has no heir has to be written for it. Only what is lost is urgent: routes that find a better way go there one by one,
 * and stay together with those that had it before. */
static uint8_t choose(const struct netlink *n, const struct takeover *t)
{
    uint32_t bereft = 0, without = 0;
    uint8_t most = TAKEOVER_HEIRS;
    for (uint8_t i = 0; i < t->heir_count; i++) {
        const struct takeover_heir *h = &t->heirs[i];
        bereft += h->bereft;
        if (!h->nhset)
            without = h->routes;
        bool is_more = most == TAKEOVER_HEIRS || h->routes > t->heirs[most].routes;
        if (is_more && nexthops_can_become(&n->nexthops, t->nhset, h->nhset))
            most = i;
    }
    bool pays = most < TAKEOVER_HEIRS && t->heirs[most].routes >= MANY && t->heirs[most].routes >= without;
    return pays && bereft > t->routes / 2 ? most : TAKEOVER_HEIRS;
}

/* ---- who goes another way, or stays behind ---- */

static bool send_away(struct netlink *n, struct takeover *t, uint64_t now_ms, uint64_t until_ns)
{
    struct route_move moves[MOVES];
    uint32_t count = 0, prefix;
    const struct route_note *note;
    while ((note = next_note(n, &t->walk, &prefix))) {
        if (!is_of_set(n, t, note) || note->heir == t->heir)
            continue;
        uint32_t goal = note->heir < t->heir_count ? t->heirs[note->heir].goal : t->nhset;
        moves[count++] = (struct route_move){ prefix, goal };
        if (count < MOVES)
            continue;
        t->has_failed |= !netlink_move(n, moves, count, now_ms);
        count = 0;
        if (t->has_failed || uv_hrtime() >= until_ns)
            return t->has_failed;
    }
    t->has_failed |= count && !netlink_move(n, moves, count, now_ms);
    return true;
}

/* ---- from one to the next ---- */

void netlink_takeover_end(struct netlink *n)
{
    struct takeover *t = &n->takeover;
    for (uint8_t i = 0; i < t->heir_count; i++)
        nhset_unref(n->cfg.sets, t->heirs[i].nhset);
    nhset_unref(n->cfg.sets, t->nhset);
    nexthops_unref(&n->nexthops, t->twin);
    *t = (struct takeover){ 0 };
}

static void refuse(struct netlink *n, struct takeover *t, uint64_t now_ms)
{
    uint32_t nhset = t->nhset;
    netlink_takeover_end(n);
    t->refused = nhset;
    t->refused_ms = now_ms + REFUSED_MS;
}

/* All others are away. */
static void hand_over(struct netlink *n, struct takeover *t, uint64_t now_ms)
{
    struct nl_answer why;
    n->settle = (struct settling){ .at_ms = now_ms + SETTLE_MS, .left = SETTLE_TIMES };
    if (t->has_failed ||
        nexthops_hand_over(&n->nexthops, t->nhset, t->heirs[t->heir].nhset, t->twin, now_ms, &why)) {
        refuse(n, t, now_ms);
        return;
    }
    netlink_tell(n, NETLINK_TAKEN_OVER, t->heirs[t->heir].routes, "");
    netlink_takeover_end(n);
}

/* Where the others are sent: to their heirs, as far as these can be used. */
static void set_goals(struct netlink *n, struct takeover *t, uint64_t now_ms)
{
    struct nl_answer why;
    t->twin = nexthops_twin(&n->nexthops, t->nhset, now_ms, &why);
    nexthops_ref(&n->nexthops, t->twin);
    t->has_failed = !t->twin;
    for (uint8_t i = 0; i < t->heir_count; i++) {
        struct takeover_heir *h = &t->heirs[i];
        h->goal = h->nhset && nexthops_use(&n->nexthops, h->nhset, now_ms, &why) ? h->nhset : t->nhset;
    }
}

/* Everybody was asked. */
static void part(struct netlink *n, struct takeover *t, uint64_t now_ms)
{
    t->heir = choose(n, t);
    t->walk = (struct route_walk){ 0 };
    if (t->heir == TAKEOVER_HEIRS) {
        refuse(n, t, now_ms);
    } else if (t->heirs[t->heir].routes == t->routes) {
        hand_over(n, t, now_ms);
    } else {
        set_goals(n, t, now_ms);
        t->phase = TAKEOVER_PARTS;
    }
}

/* Are most of its routes bereft, and have an heir that their object may become? Asking all of them would tell exactly,
 * and keep everything else waiting meanwhile. */
static bool seems_lost(struct netlink *n, const struct takeover *t)
{
    uint32_t asked = 0, bereft = 0, prefix;
    for (uint64_t i = 0; i < BGP_FAMILIES * SAMPLE; i++) {
        uint8_t family = i % BGP_FAMILIES;
        struct route_walk walk = { family, (uint32_t)(i / BGP_FAMILIES * n->notes[family].top / SAMPLE) };
        const struct route_note *note = NULL;
        for (int k = 0; k < SAMPLE_LOOK && (note = next_note(n, &walk, &prefix)) && !is_of_set(n, t, note); k++)
            ;
        if (!note || !is_of_set(n, t, note))
            continue;
        bool is_bereft;
        uint32_t heir = n->cfg.foresee(n->cfg.data, prefix, &is_bereft);
        asked++;
        bereft += is_bereft && nexthops_can_become(&n->nexthops, t->nhset, heir);
        nhset_unref(n->cfg.sets, heir);
    }
    return bereft > asked / 2;
}

void netlink_takeover_look(struct netlink *n, uint32_t slot, uint32_t leavers, uint64_t now_ms)
{
    struct takeover *t = &n->takeover;
    if (!n->cfg.foresee || t->phase || leavers < LEAVE_AT_ONCE || nexthops_refs(&n->nexthops, slot) < MANY)
        return;
    uint32_t nhset = nexthops_set(&n->nexthops, slot);
    if (t->refused == nhset && now_ms < t->refused_ms)
        return;
    *t = (struct takeover){ .phase = TAKEOVER_FORESEES, .nhset = nhset };
    nhset_ref(n->cfg.sets, t->nhset);
    if (!seems_lost(n, t))
        refuse(n, t, now_ms);
}

bool netlink_takeover_step(struct netlink *n, uint64_t now_ms)
{
    struct takeover *t = &n->takeover;
    uint64_t until_ns = uv_hrtime() + SLICE_NS;
    if (t->phase == TAKEOVER_FORESEES && foresee(n, t, until_ns))
        part(n, t, now_ms);
    if (t->phase == TAKEOVER_PARTS && (t->has_failed || send_away(n, t, now_ms, until_ns)))
        hand_over(n, t, now_ms);
    return t->phase != TAKEOVER_RESTS;
}

/* ---- what did not come about ---- */

static bool settle_route(struct netlink *n, struct route_note *note, uint32_t prefix)
{
    uint32_t nhset = nexthops_set(&n->nexthops, note->slot);
    if (program_actual_set(n->cfg.program, prefix) == nhset || !nexthops_is_of_kind(&n->nexthops, note->slot))
        return true;
    bool is_bereft;
    uint32_t to_come = n->cfg.foresee(n->cfg.data, prefix, &is_bereft);
    bool is_to_come = to_come == nhset && n->settle.left > 0;
    nhset_unref(n->cfg.sets, to_come);
    if (is_to_come) {
        n->settle.is_open = true;
        return true;
    }
    return netlink_observed(n, prefix, nhset, note->slot) == 0;
}

bool netlink_settle(struct netlink *n, uint64_t now_ms)
{
    struct settling *s = &n->settle;
    uint64_t until_ns = uv_hrtime() + SLICE_NS;
    uint32_t prefix;
    struct route_note *note;
    if (!s->at_ms || now_ms < s->at_ms || n->takeover.phase)
        return false;
    for (uint32_t i = 1; (note = next_note(n, &s->walk, &prefix)); i++) {
        if (note->slot && !settle_route(n, note, prefix))
            netlink_resync_by(n, now_ms);
        if (i % LOOK == 0 && uv_hrtime() >= until_ns)
            return true;
    }
    if (s->is_open)
        *s = (struct settling){ .at_ms = now_ms + SETTLE_MS, .left = s->left - 1 };
    else
        *s = (struct settling){ 0 };
    return false;
}
