/* What an operator changes of NVAs in the configuration, while everything else goes wrong: how their sessions are, what is
 * taken of what they say, how many of their routes, which of them are preferred. Each file is one for all nodes, and a node
 * works by the one that it read last; in the end all have read the same.
 *
 * What a file makes of what an NVA says is a rule here, too, in the simulator's own words: I6 and I2 go by it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

enum { FILES_MAX = 256, REST_S = 2, RAISED = 200 };

uint64_t sim_some_prefixes(uint64_t *chance)
{
    uint64_t high = sim_below(chance, UINT32_MAX), low = sim_below(chance, UINT32_MAX);
    uint64_t some = high << 32 | low;
    return sim_below(chance, 3) ? some & some >> 1 : some;
}

/* ---- the files ---- */

struct config_peer *sim_peers_new(struct world *w)
{
    struct sim_peers *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->next = w->files;
    w->files = p;
    w->file_count++;
    return p->peers;
}

void sim_peers_fini(struct world *w)
{
    while (w->files) {
        struct sim_peers *p = w->files;
        w->files = p->next;
        for (int i = 0; i < SIM_NVAS_MAX; i++)
            route_map_unref(p->peers[i].inbound), route_map_unref(p->peers[i].outbound);
        free(p);
    }
}

const struct sim_rule *sim_rule_of(const struct config *c, int nva)
{
    return &((const struct sim_peers *)c->peers)->rules[nva];
}

static void copy(struct world *w, struct config *c)
{
    const struct sim_peers *was = (const struct sim_peers *)c->peers;
    struct sim_peers *p = (struct sim_peers *)sim_peers_new(w);
    memcpy(p->peers, was->peers, sizeof p->peers);
    memcpy(p->rules, was->rules, sizeof p->rules);
    for (int i = 0; i < SIM_NVAS_MAX; i++)
        route_map_ref(p->peers[i].inbound), route_map_ref(p->peers[i].outbound);
    c->peers = p->peers;
}

/* ---- route maps ---- */

void sim_map_rule(struct world *w, struct route_map *m, uint64_t prefixes, bool drops)
{
    if (!route_map_add_rule(m, "some", drops, !drops) ||
        !route_map_add_test(m, ROUTE_MAP_PREFIX, ROUTE_MAP_EQUALS, 0, 128))
        abort();
    for (int i = 0; i < w->prefix_count; i++) {
        struct route_map_value v;
        memset(&v, 0, sizeof v);
        v.prefix = sim_prefix(i);
        if (prefixes >> i & 1 && !route_map_add_value(m, &v))
            abort();
    }
}

void sim_map_edit(struct route_map *m, enum route_map_edit kind, uint32_t number)
{
    struct route_map_value v;
    memset(&v, 0, sizeof v);
    v.number = number;
    if (!route_map_add_edit(m, kind) || !route_map_add_value(m, &v))
        abort();
}

static void draw_map(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    struct route_map *m = route_map_new("tuned");
    r->drops = sim_below(chance, 2) ? sim_some_prefixes(chance) : 0;
    r->lengthens = sim_below(chance, 2) ? sim_some_prefixes(chance) : 0;
    r->raises = sim_below(chance, 3) ? 0 : sim_some_prefixes(chance);
    if (!m)
        abort();
    if (r->drops)
        sim_map_rule(w, m, r->drops, true);
    if (r->lengthens) {
        sim_map_rule(w, m, r->lengthens, false);
        sim_map_edit(m, ROUTE_MAP_PREPEND, p->peer_asn);
    }
    if (r->raises) {
        sim_map_rule(w, m, r->raises, false);
        sim_map_edit(m, ROUTE_MAP_SET_LOCAL_PREF, RAISED);
    }
    route_map_seal(m);
    route_map_unref(p->inbound);
    p->inbound = m;
}

/* ---- one change ---- */

static void tune_hold(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r, (void)chance;
    p->hold_s = p->hold_s == 9 ? 90 : 9;
}

static void tune_paths(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r;
    p->add_path = (uint8_t)sim_below(chance, CONFIG_ADD_PATH_BOTH + 1);
}

static void tune_restart(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r;
    p->graceful = (uint8_t)sim_below(chance, CONFIG_GRACEFUL_NONE + 1);
}

static void tune_long_lived(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)r, (void)chance;
    uint32_t ms = p->long_lived_ms[BGP_IP4] ? 0 : 60000;
    p->long_lived_ms[BGP_IP4] = ms;
    p->long_lived_ms[BGP_IP6] = p->families[BGP_IP6] ? ms : 0;
    w->counts[SIM_LONG_LIVED_CHANGES]++;
}

static void tune_dialling(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r, (void)chance;
    p->passive = !p->passive;
}

static void tune_symmetry(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r, (void)chance;
    p->symmetric = !p->symmetric;
}

static void tune_map(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    draw_map(w, p, r, chance);
    w->counts[SIM_MAPS]++;
}

static void tune_limit(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    p->limit = (struct config_limit){ .limit = sim_below(chance, (uint32_t)w->prefix_count),
                                      .restart_s = REST_S,
                                      .action = (uint8_t)sim_below(chance, CONFIG_LIMIT_RESET + 1) };
    p->limit.warn_at = p->limit.limit;
    r->keeps = p->limit.action == CONFIG_LIMIT_TRIM ? p->limit.limit : 0;
    w->counts[SIM_TRIMS] += r->keeps != 0;
}

/* ExpressRoute is what hubRoutingPreference is for where a file says nothing of it. */
static void tune_type(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    p->type = (uint8_t)sim_below(chance, CONFIG_EXPRESS_ROUTE + 1);
    r->is_preferred = p->type == CONFIG_EXPRESS_ROUTE;
    w->counts[SIM_TYPES] += r->is_preferred;
}

static void tune_mode(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)w, (void)r, (void)chance;
    p->mode = p->mode == CONFIG_AZURE ? CONFIG_TRANSPARENT : CONFIG_AZURE;
}

static void tune_families(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    if (w->kind.families != SIM_BOTH_FAMILIES)
        return;
    enum bgp_family lost = (enum bgp_family)sim_below(chance, BGP_FAMILIES);
    bool is_back = !(p->families[BGP_IP4] && p->families[BGP_IP6]);
    p->families[BGP_IP4] = p->families[BGP_IP6] = true;
    p->families[lost] = is_back;
    r->unheard = 0;
    for (int i = 0; i < w->prefix_count; i++)
        r->unheard |= (uint64_t)!p->families[sim_family(i)] << i;
    w->counts[SIM_LOST_FAMILIES] += !is_back;
}

/* Not all of them: where no session is left everything is held, without limit (4.7). */
static bool is_last(const struct world *w, const struct config_peer *p)
{
    for (int i = 0; i < w->nva_count; i++)
        if (&w->newer.peers[i] != p && !w->newer.peers[i].disabled)
            return false;
    return true;
}

static void tune_off(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance)
{
    (void)chance;
    p->disabled = !p->disabled && !is_last(w, p);
    r->is_off = p->disabled;
    w->counts[SIM_DISABLED] += p->disabled;
}

static void (*const tunes[])(struct world *w, struct config_peer *p, struct sim_rule *r, uint64_t *chance) = {
    tune_long_lived, tune_hold, tune_paths, tune_restart, tune_dialling, tune_symmetry, tune_map,
    tune_map,  tune_limit, tune_limit,   tune_type,     tune_mode,     tune_families, tune_off,
};

void sim_tune(struct world *w, uint64_t *chance)
{
    if (w->file_count >= FILES_MAX)
        return;
    copy(w, &w->newer);
    struct sim_peers *p = (struct sim_peers *)w->newer.peers;
    for (uint32_t left = 1 + sim_below(chance, 2); left; left--) {
        int nva = (int)sim_below(chance, (uint32_t)w->nva_count);
        uint32_t which = sim_below(chance, sizeof tunes / sizeof *tunes);
        tunes[which](w, &p->peers[nva], &p->rules[nva], chance);
        sim_note(w, "the file says something else of nva %d: %u", nva, which);
    }
    if (w->kind.has_exports)
        sim_tune_export(w, &w->newer, chance);
    w->counts[SIM_TUNES]++;
}

/* A limit that ends sessions has no end of its own. */
void sim_end_tuning(struct world *w)
{
    copy(w, &w->newer);
    for (int i = 0; i < w->nva_count; i++)
        if (w->newer.peers[i].limit.action == CONFIG_LIMIT_RESET)
            w->newer.peers[i].limit = (struct config_limit){ 0 };
    w->newer.generation++;
    w->newer.digest[0]++;
}

/* ---- what comes of it ---- */

/* Of so many prefixes before it, all of which count. */
static uint32_t place(const struct world *w, int prefix, const bool *told)
{
    uint32_t before = 0;
    for (int i = 0; i < w->prefix_count; i++) {
        bool is_before = sim_family(i) != sim_family(prefix) ? sim_family(i) < sim_family(prefix) : i < prefix;
        before += is_before && told[i];
    }
    return before;
}

static bool is_taken(const struct world *w, const struct config *c, int nva, int prefix, const bool *told)
{
    const struct sim_rule *r = sim_rule_of(c, nva);
    if (r->is_off || (r->drops | r->unheard) >> prefix & 1 || sim_form_of(w, nva, prefix).is_loop)
        return false;
    return !r->keeps || place(w, prefix, told) < r->keeps;
}

bool sim_takes(const struct world *w, const struct config *c, int nva, int prefix)
{
    bool told[SIM_PREFIXES_MAX];
    for (int i = 0; i < w->prefix_count; i++)
        told[i] = w->nvas[nva].truth[i] && !(sim_rule_of(c, nva)->unheard >> i & 1);
    return is_taken(w, c, nva, prefix, told);
}

bool sim_may_refuse(const struct world *w, const struct config *c, int nva, int prefix)
{
    return !is_taken(w, c, nva, prefix, w->nvas[nva].ever);
}

uint32_t sim_merit(const struct world *w, const struct config *c, int nva, int prefix)
{
    const struct sim_rule *r = sim_rule_of(c, nva);
    const struct sim_form f = sim_form_of(w, nva, prefix);
    unsigned longer = w->nvas[nva].prepend[prefix] + (unsigned)(r->lengthens >> prefix & 1) + (f.behind != 0) +
                      sim_least_extra(w, nva, prefix);
    return (uint32_t)f.is_last << 30 | (uint32_t)!r->is_preferred << 28 | (uint32_t)!(r->raises >> prefix & 1) << 24 |
           longer * SIM_MERIT_AS | f.origin;
}
