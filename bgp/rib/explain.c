#include "bgp/rib/explain.h"

#include <stdio.h>

#define NAME(name, word) word,
static const char *const names[] = { EXPLAIN_STEP_MAP(NAME) };

const char *explain_step_name(uint8_t step)
{
    return step < EXPLAIN_STEPS ? names[step] : "unknown";
}

/* The fields of a merit, most significant first. */
static const struct {
    uint8_t step, shift;
    uint32_t mask;
} fields[] = {
    { EXPLAIN_CLASS, RIB_MERIT_CLASS, 0xf },
    { EXPLAIN_RANK, RIB_MERIT_RANK, 0xf },
    { EXPLAIN_LOCAL_PREF, RIB_MERIT_LOCAL_PREF, UINT32_MAX },
    { EXPLAIN_LENGTH, RIB_MERIT_LENGTH, 0xffff },
    { EXPLAIN_ORIGIN, RIB_MERIT_ORIGIN, 0xff },
};

static const struct bgp_attrs *attrs_of(const struct rib *r, uint32_t path)
{
    return bgp_attrs_get(&r->attrs, rib_path_attrs(r, rib_path(r, path)));
}

/* The first field in which a lower and a higher merit differ. */
static void compare_merit(uint64_t mine, uint64_t theirs, struct explain *out)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        out->step = fields[i].step;
        out->mine = (uint32_t)(mine >> fields[i].shift) & fields[i].mask;
        out->theirs = (uint32_t)(theirs >> fields[i].shift) & fields[i].mask;
        if (out->mine != out->theirs)
            return;
    }
}

/* A path of the same merit and neighbour AS with the lowest MED, when it beats this one. */
static uint32_t med_rival(const struct rib *r, uint32_t path)
{
    const struct bgp_attrs *mine = attrs_of(r, path);
    uint64_t merit = rib_path_merit(r, rib_path(r, path));
    uint32_t lowest = mine->med, rival = 0;
    for (uint32_t i = rib_net(r, rib_path_net(r, rib_path(r, path)))->paths; i; i = rib_path_next(rib_path(r, i))) {
        const struct rib_path *p = rib_path(r, i);
        if (!rib_path_is_usable(r, p) || rib_path_merit(r, p) != merit)
            continue;
        const struct bgp_attrs *a = attrs_of(r, i);
        if (a->neighbor_as == mine->neighbor_as && a->med < lowest) {
            lowest = a->med;
            rival = i;
        }
    }
    return rival;
}

static bool is_copy(const struct rib *r, uint32_t a, uint32_t b)
{
    const struct rib_path *x = rib_path(r, a), *y = rib_path(r, b);
    return x->nva == y->nva && rib_path_id(x) == rib_path_id(y);
}

static bool is_in_set(const struct nhset *set, const struct ip_addr *next_hop)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (ip_addr_is_equal(&set->members[i], next_hop))
            return true;
    return false;
}

/* A usable path against its net's best. */
static void explain_loser(const struct rib *r, uint32_t path, uint32_t best, struct explain *out)
{
    uint64_t mine = rib_path_merit(r, rib_path(r, path)),
             theirs = rib_path_merit(r, rib_path(r, best));
    out->rival = best;
    if (mine != theirs) {
        compare_merit(mine, theirs, out);
        return;
    }
    uint32_t rival = med_rival(r, path);
    if (rival) {
        out->step = EXPLAIN_MED;
        out->rival = rival;
        out->mine = attrs_of(r, path)->med;
        out->theirs = attrs_of(r, rival)->med;
        return;
    }
    out->step = is_copy(r, path, best) ? EXPLAIN_COPY : EXPLAIN_EQUAL;
}

/* The best path against the rival that lasted longest; equals and copies did not lose. */
static void explain_winner(const struct rib *r, uint32_t best, struct explain *out)
{
    bool has_equal = false;
    out->step = EXPLAIN_ONLY;
    for (uint32_t i = rib_net(r, rib_path_net(r, rib_path(r, best)))->paths; i; i = rib_path_next(rib_path(r, i))) {
        struct explain other = { 0 };
        if (i == best || !rib_path_is_usable(r, rib_path(r, i)))
            continue;
        explain_loser(r, i, best, &other);
        has_equal |= other.step == EXPLAIN_EQUAL;
        if (other.step >= EXPLAIN_EQUAL || other.step < out->step)
            continue;
        out->step = other.step;
        out->rival = i;
        out->mine = other.step == EXPLAIN_MED ? attrs_of(r, best)->med : other.theirs;
        out->theirs = other.mine;
    }
    if (out->step == EXPLAIN_ONLY && has_equal)
        out->step = EXPLAIN_EQUAL;
}

void explain_path(const struct rib *r, uint32_t path, struct explain *out)
{
    const struct rib_path *p = rib_path(r, path);
    const struct rib_net *n = rib_net(r, rib_path_net(r, p));
    uint32_t best = rib_best(n);
    *out = (struct explain){ .is_best = best == path };
    if (!rib_path_is_usable(r, p)) {
        out->step = EXPLAIN_UNUSABLE;
        out->is_best = false;
        return;
    }
    if (n->flags & RIB_NET_DIRTY || !best || !rib_path_is_usable(r, rib_path(r, best))) {
        out->step = EXPLAIN_UNDECIDED;
        return;
    }
    if (out->is_best)
        explain_winner(r, path, out);
    else
        explain_loser(r, path, best, out);
    const struct nhset *set = nhset_get(&r->sets, rib_net_nhset(r, rib_path_net(r, p)));
    bool shares = out->is_best || out->step >= EXPLAIN_EQUAL;
    out->is_programmed = shares && p->nva && is_in_set(set, &attrs_of(r, path)->next_hop);
    out->is_multipath = out->is_programmed && set->count > 1;
    if (shares && p->nva && !out->is_programmed)
        out->step = EXPLAIN_WIDTH;
}

/* ---- words ---- */

/* For the winner and for a loser; the values are mine and theirs, in that order. */
static const struct {
    const char *won, *lost;
} sentences[EXPLAIN_STEPS] = {
    [EXPLAIN_ONLY] = { "only path", "" },
    [EXPLAIN_CLASS] = { "the others are stale or shutting down", "%s, best is not" },
    [EXPLAIN_RANK] = { "preferred: %s", "%s, best is %s" },
    [EXPLAIN_LOCAL_PREF] = { "highest local preference (%s)", "local preference %s, best has %s" },
    [EXPLAIN_LENGTH] = { "shortest AS path (%s)", "AS path length %s, best has %s" },
    [EXPLAIN_ORIGIN] = { "best origin (%s)", "origin %s, best has %s" },
    [EXPLAIN_MED] = { "lowest MED (%s)", "MED %s, another path by the same AS has %s" },
    [EXPLAIN_EQUAL] = { "equal: ECMP; advertised by lowest BGP identifier", "equal: ECMP" },
    [EXPLAIN_WIDTH] = { "advertised; its next hop is beyond maxPaths",
                        "equal, but beyond maxPaths" },
    [EXPLAIN_COPY] = { "", "the same route, heard by another node" },
};

enum { VALUE_TEXT = 40 };

static const char *value_text(uint8_t step, uint32_t value, char buf[static VALUE_TEXT])
{
    static const char *const classes[] = { "live", "shutting down", "stale" };
    static const char *const origins[] = { "igp", "egp", "incomplete" };
    if (step == EXPLAIN_CLASS && value < 3)
        return classes[value];
    if (step == EXPLAIN_ORIGIN && value < 3)
        return origins[value];
    if (step == EXPLAIN_RANK && value == 0)
        return "the virtual network's own";
    if (step == EXPLAIN_LOCAL_PREF)
        value = UINT32_MAX - value;
    snprintf(buf, VALUE_TEXT, step == EXPLAIN_RANK ? "peer type rank %u" : "%u", value);
    return buf;
}

static void print_unusable(const struct rib *r, uint32_t path, char *buf)
{
    const struct rib_path *p = rib_path(r, path);
    if (rib_path_verdict(p) != POLICY_ACCEPTED)
        snprintf(buf, EXPLAIN_TEXT, "%s", policy_verdict_text((uint8_t)rib_path_verdict(p)));
    else
        snprintf(buf, EXPLAIN_TEXT, "a live session of the same NVA does not announce it any more");
}

const char *explain_text(const struct rib *r, uint32_t path, const struct explain *e,
                         char buf[static EXPLAIN_TEXT])
{
    char mine[VALUE_TEXT], theirs[VALUE_TEXT];
    if (e->step == EXPLAIN_UNUSABLE)
        print_unusable(r, path, buf);
    else if (e->step == EXPLAIN_UNDECIDED)
        snprintf(buf, EXPLAIN_TEXT, "waits for its decision");
    else
        snprintf(buf, EXPLAIN_TEXT, e->is_best ? sentences[e->step].won : sentences[e->step].lost,
                 value_text(e->step, e->mine, mine), value_text(e->step, e->theirs, theirs));
    return buf;
}
