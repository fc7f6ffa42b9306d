/* The NVAs by number: who is there, who comes, who goes.
 *
 * A number is this node's own affair: between nodes an NVA goes by its name. Numbers are given as NVAs come.
 * One whose NVA has gone is given again once nothing names it any more: no session, path or tombstone of any
 * origin, every living node has read of its end, and every reader of the Loc-RIB has passed its routes. */
#include "node/core/core_impl.h"

enum { FIRST_ROOM = 16 };

static const char vnet_name[] = "vnet";

struct core_peer *core_next_peer(const struct core *c, const struct core_peer *after)
{
    for (uint32_t nva = after ? after->nva + 1u : 1; nva < c->nva_count; nva++)
        if (c->peers[nva])
            return c->peers[nva];
    return NULL;
}

struct core_peer *core_peer_find(const struct core *c, const char *name)
{
    uint16_t nva = repl_names_find(&c->names, name);
    return nva ? c->peers[nva] : NULL;
}

/* ---- numbers ---- */

static void *widened(void *old, uint32_t count, uint32_t room, size_t size)
{
    void *wider = memory_new(room, size);
    if (count)
        memcpy(wider, old, count * size);
    free(old);
    return wider;
}

static void widen(struct core *c, uint32_t room)
{
    c->nvas = widened(c->nvas, c->nva_count, room, sizeof *c->nvas);
    c->nva_names = widened(c->nva_names, c->nva_count, room, sizeof *c->nva_names);
    c->peers = widened(c->peers, c->nva_count, room, sizeof *c->peers);
    core_must(!heap_grow(&c->due, room));
    c->nva_room = room;
}

/* The lowest free number, a new one when there is none; 0: there are too many. */
static uint16_t free_number(struct core *c)
{
    for (uint32_t nva = 1; nva < c->nva_count; nva++)
        if (!c->peers[nva])
            return (uint16_t)nva;
    if (c->nva_count > RIB_NVAS_MAX)
        return 0;
    if (c->nva_count == c->nva_room)
        widen(c, 2 * c->nva_room);
    return (uint16_t)c->nva_count++;
}

/* Everybody who keeps something by number hears that there are more. */
static void tell_numbers(struct core *c)
{
    c->names = (struct repl_names){ .names = c->nva_names, .count = c->nva_count };
    core_must(rib_grow(&c->rib, c->nvas, c->nva_count));
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        core_must(repl_replica_grow(&m->replica, c->nva_count));
}

/* ---- one NVA ---- */

static uint8_t rank(const struct config *config, uint8_t type)
{
    if (config->preference == CONFIG_PREFER_EXPRESS_ROUTE)
        return type != CONFIG_EXPRESS_ROUTE;
    if (config->preference == CONFIG_PREFER_VPN_GATEWAY)
        return type == CONFIG_EXPRESS_ROUTE;
    return 0;
}

static struct policy_nva policy_of(const struct config *config, const struct config_peer *p)
{
    return (struct policy_nva){ .address = p->peer_ip,
                                .asn = p->peer_asn,
                                .local_asn = p->local_asn ? p->local_asn : config->asn,
                                .type = p->type,
                                .rank = rank(config, p->type),
                                .allow_own_as = p->allow_own_as,
                                .is_rs_client = p->is_rs_client,
                                .is_refused = p->no_import,
                                .symmetric = p->symmetric,
                                .is_taken_out = p->disabled,
                                .inbound = p->inbound,
                                .keep = p->limit.action == CONFIG_LIMIT_TRIM ? p->limit.limit : 0 };
}

/* Its routes are to be judged anew where anything differs; others may be told then where its rank does. */
static void note_policy(struct core *c, const struct policy_nva *was, const struct policy_nva *is)
{
    bool is_ranked_alike = was->type == is->type && was->rank == is->rank;
    c->recheck.lists_again |= !is_ranked_alike;
    c->recheck.is_due |= !ip_addr_is_equal(&was->address, &is->address) || was->asn != is->asn ||
                         was->local_asn != is->local_asn || was->allow_own_as != is->allow_own_as ||
                         was->is_rs_client != is->is_rs_client || was->is_refused != is->is_refused ||
                         was->symmetric != is->symmetric || was->keep != is->keep ||
                         !route_map_is_equal(was->inbound, is->inbound);
}

static struct config_peer *copy_config(const struct config_peer *from)
{
    struct config_peer *to = memory_new(1, sizeof *to);
    config_peer_copy(to, from);
    return to;
}

static void free_config(struct config_peer *cfg)
{
    config_peer_fini(cfg);
    free(cfg);
}

static void free_peer(struct core_peer *p)
{
    free_config(p->cfg);
    free(p->last_word.bytes);
    free(p);
}

struct core_peer *core_peer_add(struct core *c, const struct config_peer *cfg, size_t place)
{
    uint16_t nva = free_number(c);
    if (!nva)
        return NULL;
    struct core_peer *p = memory_new(1, sizeof *p);
    p->cfg = copy_config(cfg);
    p->place = place;
    p->nva = nva;
    p->since_ms = c->now_ms;
    c->peers[nva] = p;
    c->nva_names[nva] = p->cfg->name;
    c->nvas[nva] = policy_of(c->config, p->cfg);
    tell_numbers(c);
    c->recheck.counts |= rib_nva_keep(&c->rib, nva, c->nvas[nva].keep);
    return p;
}

void core_peer_set(struct core *c, struct core_peer *p, const struct config_peer *next)
{
    struct config_peer *cfg = copy_config(next);
    if (p->is_dynamic) {
        memcpy(cfg->name, p->cfg->name, sizeof cfg->name);
        cfg->is_range = false;
        cfg->peer_ip = p->cfg->peer_ip;
        cfg->peer_asn = cfg->asn_count ? p->cfg->peer_asn : cfg->peer_asn; /* as it told */
    }
    const struct policy_nva is = policy_of(c->config, cfg);
    note_policy(c, &c->nvas[p->nva], &is);
    free_config(p->cfg);
    p->cfg = cfg;
    c->nva_names[p->nva] = cfg->name;
    c->nvas[p->nva] = is;
    c->recheck.counts |= rib_nva_keep(&c->rib, p->nva, c->nvas[p->nva].keep);
}

void core_peer_remove(struct core *c, struct core_peer *p)
{
    p->place = CORE_NO_PLACE;
    c->nvas[p->nva].is_taken_out = true;
    rib_nva_drop_held(&c->rib, p->nva);
}

/* ---- who has gone for good ---- */

static bool has_gone(const struct core *c, const struct core_peer *p)
{
    return (core_peer_is_removed(p) || p->is_dynamic) && !p->session && rib_nva_is_gone(&c->rib, p->nva);
}

/* Once all was decided that waited when it went, who has read so far has forgotten its routes. */
static bool is_free(const struct core *c, struct core_peer *p)
{
    if (!has_gone(c, p)) {
        p->gone_ms = p->gone_at = 0;
        return false;
    }
    if (!p->gone_ms)
        p->gone_ms = c->now_ms;
    if (c->clean_ms <= p->gone_ms)
        return false;
    if (!p->gone_at)
        p->gone_at = vlist_head(&c->rib.loc);
    return core_slowest_reader(c) >= p->gone_at &&
           core_streams_acked(c) >= rib_nva_version(&c->rib, p->nva);
}

/* A node that is away may come back with it, and says no word of it then if nothing has changed. */
static void note_missed(struct core *c, uint16_t nva)
{
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        m->replica.missed |= c->rib.origins[m->node->id].sessions[nva].state != RIB_SESSION_DOWN;
}

static void release(struct core *c, struct core_peer *p)
{
    uint16_t nva = p->nva;
    note_missed(c, nva);
    rib_nva_forget(&c->rib, nva);
    c->peers[nva] = NULL;
    c->nva_names[nva] = NULL;
    c->nvas[nva] = (struct policy_nva){ 0 };
    free_peer(p);
}

void core_peers_tick(struct core *c)
{
    if (c->now_ms < c->peers_ms)
        return;
    c->peers_ms = c->now_ms + CORE_PEERS_MS;
    core_budget_tick(c);
    for (struct core_peer *p = core_next_peer(c, NULL), *next; p; p = next) {
        next = core_next_peer(c, p);
        core_routes_tell_too_long(c, p);
        core_routes_judge(c, p);
        if (is_free(c, p))
            release(c, p);
    }
}

/* ---- life ---- */

void core_peers_init(struct core *c)
{
    widen(c, FIRST_ROOM);
    c->nva_names[0] = vnet_name;
    c->nva_count = 1;
}

void core_peers_start(struct core *c)
{
    for (size_t i = 0; i < c->config->peer_count; i++) {
        const struct config_peer *cfg = &c->config->peers[i];
        struct core_peer *p = cfg->is_range ? NULL : core_peer_add(c, cfg, i);
        if (p && !p->cfg->disabled && p->cfg->nodes & 1u << c->cfg.self)
            core_bgp_start(c, p);
    }
}

void core_peers_fini(struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        core_routes_leave(p);
        core_doubt_forget(p);
        if (p->session)
            bgp_session_free(p->session);
    }
    for (uint32_t nva = 1; nva < c->nva_count; nva++)
        if (c->peers[nva])
            free_peer(c->peers[nva]);
    heap_fini(&c->due);
    free(c->peers);
    free(c->nvas);
    free(c->nva_names);
}
