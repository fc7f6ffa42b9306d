#include "bgp/explain.h"

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
    { EXPLAIN_CLASS, RIB_MERIT_CLASS, 0xffff },
    { EXPLAIN_RANK, RIB_MERIT_RANK, 0xffff },
    { EXPLAIN_LENGTH, RIB_MERIT_LENGTH, 0xffff },
    { EXPLAIN_ORIGIN, RIB_MERIT_ORIGIN, 0xff },
};

static const struct bgp_attrs *attrs_of(const struct rib *r, uint32_t path)
{
    return bgp_attrs_get(&r->attrs, rib_path(r, path)->attrs);
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
    for (uint32_t i = rib_net(r, rib_path(r, path)->net)->paths; i; i = rib_path(r, i)->next) {
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
    return x->nva == y->nva && x->path_id == y->path_id;
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
    uint64_t mine = rib_path_merit(r, rib_path(r, path)), theirs = rib_path_merit(r, rib_path(r, best));
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
    for (uint32_t i = rib_net(r, rib_path(r, best)->net)->paths; i; i = rib_path(r, i)->next) {
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
    const struct rib_net *n = rib_net(r, p->net);
    *out = (struct explain){ .is_best = n->best == path };
    if (!rib_path_is_usable(r, p)) {
        out->step = EXPLAIN_UNUSABLE;
        out->is_best = false;
        return;
    }
    if (n->flags & RIB_NET_DIRTY || !n->best || !rib_path_is_usable(r, rib_path(r, n->best))) {
        out->step = EXPLAIN_UNDECIDED;
        return;
    }
    if (out->is_best)
        explain_winner(r, path, out);
    else
        explain_loser(r, path, n->best, out);
    const struct nhset *set = nhset_get(&r->sets, n->nhset);
    bool shares = out->is_best || out->step >= EXPLAIN_EQUAL;
    out->is_programmed = shares && p->nva && is_in_set(set, &attrs_of(r, path)->next_hop);
    out->is_multipath = out->is_programmed && set->count > 1;
    if (shares && p->nva && !out->is_programmed)
        out->step = EXPLAIN_WIDTH;
}

/* ---- words ---- */

static const char *origin_name(uint32_t origin)
{
    static const char *const words[] = { "igp", "egp", "incomplete" };
    return origin < 3 ? words[origin] : "?";
}

static void print_won(const struct explain *e, char *buf)
{
    switch (e->step) {
    case EXPLAIN_ONLY:
        snprintf(buf, EXPLAIN_TEXT, "only path");
        break;
    case EXPLAIN_CLASS:
        snprintf(buf, EXPLAIN_TEXT, "the others are stale or shutting down");
        break;
    case EXPLAIN_RANK:
        snprintf(buf, EXPLAIN_TEXT, "%s",
                 e->mine ? "preferred peer type" : "the virtual network's own prefix");
        break;
    case EXPLAIN_LENGTH:
        snprintf(buf, EXPLAIN_TEXT, "shortest AS path (%u)", e->mine);
        break;
    case EXPLAIN_ORIGIN:
        snprintf(buf, EXPLAIN_TEXT, "best origin (%s)", origin_name(e->mine));
        break;
    case EXPLAIN_MED:
        snprintf(buf, EXPLAIN_TEXT, "lowest MED (%u)", e->mine);
        break;
    case EXPLAIN_WIDTH:
        snprintf(buf, EXPLAIN_TEXT, "advertised; its next hop is beyond maxPaths");
        break;
    default:
        snprintf(buf, EXPLAIN_TEXT, "equal: ECMP; advertised by lowest BGP identifier");
        break;
    }
}

static void print_lost(const struct explain *e, char *buf)
{
    switch (e->step) {
    case EXPLAIN_CLASS:
        snprintf(buf, EXPLAIN_TEXT, "%s, best is not", e->mine == 2 ? "stale" : "shutting down");
        break;
    case EXPLAIN_RANK:
        snprintf(buf, EXPLAIN_TEXT, "%s",
                 e->theirs ? "peer type ranks below the best's"
                           : "the virtual network's own prefix comes first");
        break;
    case EXPLAIN_LENGTH:
        snprintf(buf, EXPLAIN_TEXT, "AS path length %u, best has %u", e->mine, e->theirs);
        break;
    case EXPLAIN_ORIGIN:
        snprintf(buf, EXPLAIN_TEXT, "origin %s, best has %s", origin_name(e->mine),
                 origin_name(e->theirs));
        break;
    case EXPLAIN_MED:
        snprintf(buf, EXPLAIN_TEXT, "MED %u, another path by the same AS has %u", e->mine, e->theirs);
        break;
    case EXPLAIN_WIDTH:
        snprintf(buf, EXPLAIN_TEXT, "equal, but beyond maxPaths");
        break;
    case EXPLAIN_COPY:
        snprintf(buf, EXPLAIN_TEXT, "the same route, heard by another node");
        break;
    default:
        snprintf(buf, EXPLAIN_TEXT, "equal: ECMP");
        break;
    }
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
    if (e->step == EXPLAIN_UNUSABLE)
        print_unusable(r, path, buf);
    else if (e->step == EXPLAIN_UNDECIDED)
        snprintf(buf, EXPLAIN_TEXT, "waits for its decision");
    else if (e->is_best)
        print_won(e, buf);
    else
        print_lost(e, buf);
    return buf;
}
