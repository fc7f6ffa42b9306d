/* An NVA's routes: what its session brings into the RIB, what is held when it restarts gracefully, what it is
 * told by its Adj-RIB-Out. */
#include <stdio.h>

#include "bgp/codec/notification.h"
#include "node/core/core_impl.h"

struct rib_session *core_session_fact(struct core *c, const struct core_peer *p)
{
    return &c->rib.origins[c->rib.self].sessions[p->nva];
}

const char *core_peer_subject(const struct core_peer *p, char *buf, size_t cap)
{
    snprintf(buf, cap, "peer=%s", p->cfg->name);
    return buf;
}

static uint8_t families_of(const struct bgp_codec *codec)
{
    uint8_t families = 0;
    for (int f = 0; f < BGP_FAMILIES; f++)
        families |= (uint8_t)(codec->family[f] << f);
    return families;
}

static void publish(struct core *c, struct core_peer *p, enum rib_session_state state)
{
    struct rib_session fact = *core_session_fact(c, p);
    fact.state = (uint8_t)state;
    fact.generation = p->generation;
    fact.is_taken_out = state == RIB_SESSION_DOWN && (p->is_shut || p->is_taken_out);
    if (state == RIB_SESSION_SYNCING) {
        fact.identifier = bgp_session_peer_open(p->session)->identifier;
        fact.families = families_of(bgp_session_codec(p->session));
    }
    core_must(rib_session_set(&c->rib, c->rib.self, p->nva, &fact, c->now_ms));
}

/* ---- session up and down ---- */

const struct ip_addr *core_node_addr(const struct config_node *n, uint8_t family)
{
    if (n->address.family == family)
        return &n->address;
    return n->has_address6 && n->address6.family == family ? &n->address6 : NULL;
}

/* The next hop announced for the VNet's own prefixes: the peer's setting, the server's, ourselves. */
static struct ip_addr self_next_hop(const struct core *c, const struct core_peer *p, uint8_t family)
{
    const struct config *cfg = c->config;
    if (p->cfg->has_next_hop && p->cfg->next_hop.family == family)
        return p->cfg->next_hop;
    if (family == BGP_IP4 && cfg->has_vnet_next_hop)
        return cfg->vnet_next_hop;
    if (family == BGP_IP6 && cfg->has_vnet_next_hop6)
        return cfg->vnet_next_hop6;
    const struct ip_addr *own = core_node_addr(c->node, family);
    return own ? *own : (struct ip_addr){ .family = family };
}

/* Where we are ourselves (RFC 2545 section 3), so that all others, on however many links, are one group; as are those that
 * get no IPv6 next hops. */
static struct ip_addr link_of(const struct core *c, const struct core_peer *p, uint8_t family)
{
    enum { SUBNET = 8 }; /* octets */
    const struct ip_addr *own = core_node_addr(c->node, BGP_IP6), *peer = &p->cfg->peer_ip;
    bool has_hops6 = family == BGP_IP6 || bgp_session_codec(p->session)->ext_next_hop;
    bool is_shared = own && peer->family == BGP_IP6 && memcmp(own->bytes, peer->bytes, SUBNET) == 0;
    return is_shared && has_hops6 ? *own : (struct ip_addr){ .family = BGP_IP4 };
}

static uint8_t types_for(const struct core *c, uint8_t type)
{
    if (c->config->branch_to_branch)
        return UINT8_MAX;
    return (uint8_t)(1u << type);
}

struct adjout_rules core_routes_rules(const struct core *c, const struct core_peer *p, uint8_t family)
{
    uint32_t local_asn = c->nvas[p->nva].local_asn;
    struct adjout_rules rules = {
        .family = (enum bgp_family)family,
        .codec = *bgp_session_codec(p->session),
        .export = { .transparent = p->cfg->mode == CONFIG_TRANSPARENT,
                    .local_asn = local_asn,
                    .otc = p->cfg->is_rs_client ? local_asn : 0,
                    .replaced_asn = p->cfg->as_override ? c->nvas[p->nva].asn : 0,
                    .keeps_med = p->cfg->outbound && route_map_does(p->cfg->outbound, ROUTE_MAP_SET_MED),
                    .graceful_shutdown = core_drain_marks(c, p) },
        .self_next_hop = self_next_hop(c, p, family),
        .link = link_of(c, p, family),
        .from_types = types_for(c, p->cfg->type),
        .map = p->cfg->outbound,
    };
    if (p->cfg->no_export) { /* RFC 8212: End-of-RIB is all that it is told */
        rules.from_types = 0;
        rules.self_next_hop = (struct ip_addr){ .family = family };
    }
    if (ip_addr_is_equal(&rules.self_next_hop, &p->cfg->peer_ip)) /* RFC 4271 section 5.1.3: not to itself */
        rules.self_next_hop = (struct ip_addr){ .family = family };
    return rules;
}

void core_routes_expect(struct core *c, const struct config_peer *cfg)
{
    for (int times = cfg->is_range ? 2 : 1; times--;) /* a range is many NVAs */
        core_must(!adjout_expect_as(c->adjout, cfg->peer_asn));
}

void core_routes_join(struct core *c, struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!codec->family[f])
            continue;
        struct adjout_rules rules = core_routes_rules(c, p, f);
        p->out[f] = adjout_join(c->adjout, &rules, p->nva);
        core_must(!p->out[f]);
    }
}

void core_routes_retell(struct core *c, struct core_peer *p)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        if (!p->out[f])
            continue;
        struct adjout_rules rules = core_routes_rules(c, p, f);
        p->out[f] = adjout_move(p->out[f], &rules);
        core_must(!p->out[f]);
    }
    core_bmp_retell(c, p);
    core_bgp_settle(c, p);
}

void core_routes_leave(struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (p->out[f])
            adjout_leave(p->out[f]);
        p->out[f] = NULL;
    }
}

/* RFC 8654 section 4: what does not fit is not advertised, and withdrawn where it was. */
void core_routes_tell_too_long(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16], text[IP_PREFIX_TEXT];
    for (int f = 0; f < BGP_FAMILIES && !p->told_too_long; f++) {
        struct adjout_stats stats = p->out[f] ? adjout_stats(p->out[f]) : (struct adjout_stats){ 0 };
        struct ip_prefix prefix;
        if (!stats.too_long || !prefix_table_is_used(&c->rib.nets, stats.too_long_net))
            continue;
        prefix_table_prefix(&c->rib.nets, stats.too_long_net, &prefix);
        p->told_too_long = true;
        core_event(c, CONFIG_LOG_WARN, "peer_route_too_long", core_peer_subject(p, subject, sizeof subject),
                   "prefix=%s hint=\"a path of it has attributes that fit no message to this NVA, which is told the next best "
                   "or none: let it take extended messages\"", ip_prefix_format(&prefix, text));
    }
}

/* ---- graceful restart, the helper's side (RFC 4724 section 4.2, RFC 8538) ---- */

enum { ALL_FAMILIES = (1 << BGP_FAMILIES) - 1 };

static void mark(struct core *c, struct core_peer *p, uint8_t families)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (families & 1u << f)
            rib_refresh_begins(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    p->unseen |= families;
    p->held_routes = rib_session_paths(core_session_fact(c, p));
}

static void sweep(struct core *c, struct core_peer *p, uint8_t families)
{
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (families & p->unseen & 1u << f)
            rib_refresh_ends(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    p->unseen &= (uint8_t)~families;
    core_stale_forget(p, families);
}

/* RFC 4724 section 4.2, RFC 7313 section 4: an upper bound on the time that stale routes are retained, also where
 * the peer never says the end, or tells without one. From the first beginning: another one does not move it. */
static void bound_telling(const struct core *c, struct core_peer *p)
{
    if (!p->tells_until)
        p->tells_until = c->now_ms + p->cfg->stale_path_s * (uint64_t)1000;
}

static void told(struct core_peer *p)
{
    if (!p->waits_for && !p->unseen)
        p->tells_until = 0;
}

/* BFD has ended the session, whichever side's, and whatever the peer makes of NOTIFICATIONs: no restart, and what
 * it told is at once what it else would be after one. */
static bool becomes_stale(const struct core_peer *p, const struct bgp_session_event *e)
{
    const struct bgp_fault *f = &e->fault;
    return f->code == BGP_CEASE && f->subcode == BGP_BFD_DOWN && !f->is_hard && core_stale_offered(p);
}

/* The peer was back, had not told all yet, and gave this connection up for another one, which it took for the session
 * (RFC 4271 section 6.8), as ours came up: it has not restarted once more. */
static bool has_lost_collision(const struct core *c, const struct core_peer *p, const struct bgp_session_event *e)
{
    const struct bgp_fault *f = &e->fault;
    return f->code == BGP_CEASE && f->subcode == BGP_COLLISION && !f->is_hard && p->unseen &&
           c->now_ms < p->held_until;
}

static bool restarts_gracefully(const struct core *c, const struct core_peer *p, const struct bgp_session_event *e)
{
    const struct bgp_fault *f = &e->fault;
    if (!(p->gr_family | core_stale_offered(p)) || p->cfg->graceful == CONFIG_GRACEFUL_NONE)
        return false;
    if (becomes_stale(p, e) || has_lost_collision(c, p, e))
        return true;
    if (f->code == 0)
        return true; /* the connection broke, or the peer dialled anew */
    if (f->code == BGP_SEND_HOLD_TIMER_EXPIRED)
        return false; /* it was not sent: the peer has not read for minutes */
    return p->gr_notification && !f->is_hard; /* RFC 8538 section 4: whoever sent it */
}

/* graced: the families that have a time for a restart. RFC 9494 section 4.2: it is zero for the others. until: its end. */
static void hold_routes(struct core *c, struct core_peer *p, uint8_t graced, uint64_t until)
{
    char subject[CONFIG_NAME_MAX + 16];
    uint8_t offered = core_stale_offered(p);
    mark(c, p, ALL_FAMILIES);
    sweep(c, p, (uint8_t)(ALL_FAMILIES & ~(graced | offered)));
    p->is_stale = false;
    p->grace_until = until;
    publish(c, p, RIB_SESSION_GRACE);
    core_event(c, CONFIG_LOG_INFO, "peer_restarts", core_peer_subject(p, subject, sizeof subject),
               "routes_held=%u for_s=%llu", rib_session_paths(core_session_fact(c, p)),
               (unsigned long long)(until - c->now_ms) / 1000);
    if (graced && offered & ~graced)
        core_stale_begin(c, p, offered & (uint8_t)~graced);
}

static void hold_over_restart(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    uint8_t graced = becomes_stale(p, e) ? 0 : p->gr_family & (uint8_t)~p->stale_over;
    uint64_t until = c->now_ms + (graced ? p->gr_restart_s * (uint64_t)1000 : 0);
    if (has_lost_collision(c, p, e)) {
        hold_routes(c, p, graced, until < p->held_until ? until : p->held_until);
        return;
    }
    /* What still waits from an earlier restart is not held twice, unless it is stale for long: RFC 9494 4.2. What a
     * refresh has not come to yet waits for nothing. */
    sweep(c, p, p->waits_for & (uint8_t)~core_stale_held(p));
    hold_routes(c, p, graced, until);
}

/* The peer is back: what it kept forwarding for stays until its End-of-RIB. */
static void resume(struct core *c, struct core_peer *p, const struct bgp_open *open)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    uint8_t kept = (uint8_t)((open->gr_family & open->gr_forwarding & ~core_stale_held(p)) | core_stale_kept(p));
    if (p->is_kept)
        kept = ALL_FAMILIES;
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (!codec->family[f])
            kept &= (uint8_t)~(1u << f);
    sweep(c, p, (uint8_t)~kept);
    p->held_until = p->grace_until;
    p->grace_until = 0;
    p->is_kept = p->is_stale = false;
}

/* It was us who ended the session, and it has kept forwarding. */
static void keep_routes(struct core *c, struct core_peer *p, uint64_t for_ms)
{
    sweep(c, p, p->waits_for);
    mark(c, p, ALL_FAMILIES);
    p->is_kept = true;
    p->grace_until = c->now_ms + for_ms;
    publish(c, p, RIB_SESSION_GRACE);
}

/* RFC 4724 section 4.1: after a start of ours a peer that holds our routes hears of new ones, and our
 * End-of-RIB, when we have heard from everybody, or have waited long enough. */
static bool defers(const struct core *c, const struct core_peer *p)
{
    return c->phase == CORE_CONVERGE && p->cfg->graceful == CONFIG_GRACEFUL_FULL && p->gr_family;
}

void core_routes_up(struct core *c, struct core_peer *p)
{
    const struct bgp_codec *codec = bgp_session_codec(p->session);
    const struct bgp_open *open = bgp_session_peer_open(p->session);
    if (p->grace_until)
        resume(c, p, open);
    else
        p->generation = ++c->generations;
    p->cfg->peer_asn = c->nvas[p->nva].asn = open->asn; /* of a list of them */
    p->gr_family = open->gr_family;
    p->gr_notification = open->gr_notification;
    p->gr_restart_s = open->restart_s;
    p->up_ms = p->update_ms = c->now_ms;
    p->sends_eor = open->graceful_restart;
    core_stale_agree(p);
    p->waits_for = families_of(codec);
    p->warned = p->over_limit = p->over_paths = p->told_too_long = false;
    p->full_count = 0;
    publish(c, p, RIB_SESSION_SYNCING);
    bound_telling(c, p);
    p->is_deferred = defers(c, p);
    if (!p->is_deferred)
        core_routes_join(c, p);
}

void core_routes_lose(struct core *c, struct core_peer *p)
{
    p->unseen = 0;
    p->held_routes = 0;
    p->grace_until = 0;
    p->is_kept = p->is_stale = false;
    core_stale_told(p, ALL_FAMILIES);
    publish(c, p, RIB_SESSION_DOWN);
}

void core_routes_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    p->is_deferred = false;
    p->tells_until = 0;
    core_routes_leave(p);
    repl_evidence_session_ends(&c->rib, p->nva);
    if (c->drain.state == CORE_DRAINED) /* as long as a dead node's routes would stay */
        keep_routes(c, p, c->hold_times.grace_ms + c->hold_times.stale_ms);
    else if (p->is_reset)
        keep_routes(c, p, CORE_RESET_MS);
    else if (restarts_gracefully(c, p, e))
        hold_over_restart(c, p, e);
    else
        core_routes_lose(c, p);
}

void core_routes_end_grace(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    uint8_t offered = core_stale_offered(p);
    if (offered && !p->is_stale && !p->is_kept) {
        sweep(c, p, (uint8_t)(ALL_FAMILIES & ~offered));
        p->is_stale = true;
        core_stale_begin(c, p, offered);
        p->grace_until = core_stale_last(p);
        return;
    }
    core_event(c, CONFIG_LOG_WARN, "peer_restart_failed", core_peer_subject(p, subject, sizeof subject),
               "routes_lost=%u", rib_session_paths(core_session_fact(c, p)));
    core_routes_lose(c, p);
}

void core_routes_synced(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    sweep(c, p, p->waits_for);
    core_stale_told(p, p->waits_for);
    p->waits_for = 0;
    told(p);
    publish(c, p, RIB_SESSION_SYNCED);
    repl_evidence_synced(&c->rib, p->nva);
    core_event(c, CONFIG_LOG_INFO, "peer_synced", core_peer_subject(p, subject, sizeof subject),
               "routes=%u after_ms=%llu", rib_session_paths(core_session_fact(c, p)),
               (unsigned long long)(c->now_ms - p->up_ms));
}

void core_routes_overdue(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_WARN, "peer_end_overdue", core_peer_subject(p, subject, sizeof subject),
               "after_s=%u hint=\"no end of its routes was told: what it has not told again goes\"", p->cfg->stale_path_s);
    if (p->waits_for)
        core_routes_synced(c, p);
    sweep(c, p, ALL_FAMILIES);
    told(p);
}

/* ---- routes ---- */

/* So many at least: what is held over a restart may be what it has told since, and may be other routes. */
static uint32_t told_routes(struct core *c, const struct core_peer *p)
{
    uint32_t count = rib_session_paths(core_session_fact(c, p));
    return count > p->held_routes ? count - p->held_routes : 0;
}

/* Limits are gentle: say so once, tear down only when asked to. */
static void check_limit(struct core *c, struct core_peer *p)
{
    static const char *const actions[] = { "warn", "trim", "reset" }; /* enum config_limit_action */
    const struct config_limit *l = &p->cfg->limit;
    uint32_t count = told_routes(c, p);
    char subject[CONFIG_NAME_MAX + 16];
    if (!l->limit || (count < l->warn_at && count <= l->limit)) {
        p->warned &= p->held_routes != 0; /* it may have more */
        p->over_limit &= p->held_routes != 0;
        return;
    }
    if (!p->warned)
        core_event(c, CONFIG_LOG_WARN, "peer_routes_high", core_peer_subject(p, subject, sizeof subject),
                   "routes=%u warn_at=%u limit=%u", count, l->warn_at, l->limit);
    p->warned = true;
    if (count <= l->limit || p->over_limit)
        return;
    p->over_limit = true;
    core_event(c, CONFIG_LOG_ERROR, "peer_routes_over_limit", core_peer_subject(p, subject, sizeof subject),
               "routes=%u limit=%u action=%s", count, l->limit,
               actions[l->action]);
    if (l->action != CONFIG_LIMIT_RESET)
        return;
    uint8_t data[BGP_MAX_PREFIXES_DATA];
    const struct bgp_fault fault = bgp_notification_max_prefixes((enum bgp_family)p->last_family, l->limit, data);
    bgp_session_reset(p->session, &fault, c->now_ms);
    bgp_session_stop(p->session, BGP_MAX_PREFIXES, NULL, c->now_ms); /* and it rests */
    p->restart_at = c->now_ms + l->restart_s * 1000u;
}

void core_routes_judge(struct core *c, struct core_peer *p)
{
    if (!p->held_routes || p->unseen || c->rib.origins[c->rib.self].sweep_end)
        return;
    p->held_routes = 0;
    if (!p->session || bgp_session_state(p->session) != BGP_ESTABLISHED)
        return;
    check_limit(c, p);
    core_bgp_settle(c, p);
}

static void announce_one(struct core *c, struct core_peer *p, const struct rib_stretch *s, uint32_t nth,
                         const struct rib_news *news)
{
    const struct ip_prefix *prefix = &s->prefixes[nth];
    uint32_t path_id = s->path_ids[nth];
    if (!core_budget_has_room(c, p, prefix, path_id)) {
        core_budget_refuse_path(c, p, prefix);
        return;
    }
    if (core_budget_admits(c, p, prefix, path_id, news->attrs)) {
        core_must(rib_announce_news(&c->rib, news, s, nth));
        return;
    }
    if (rib_attrs_of(&c->rib, c->rib.self, p->nva, prefix, path_id))
        core_must(rib_withdraw(&c->rib, c->rib.self, p->nva, prefix, path_id, c->now_ms));
    core_budget_refuse(c, p);
}

static void announce_each(struct core *c, struct core_peer *p, const struct rib_stretch *s, const struct rib_news *news)
{
    for (uint32_t i = 0; i < s->count; i++)
        announce_one(c, p, s, i, news);
}

static void announce(struct core *c, struct core_peer *p, struct bgp_nlri nlri, const struct bgp_attrs *attrs)
{
    struct rib_stretch s;
    bool is_more = rib_next_stretch(&c->rib, &nlri, &s);
    uint32_t id = bgp_attrs_intern(&c->rib.attrs, attrs);
    core_must(!id);
    const struct rib_news news = rib_news(&c->rib, c->rib.self, p->nva, id);
    for (; is_more; is_more = rib_next_stretch(&c->rib, &nlri, &s)) {
        rib_expect(&c->rib, &s);
        p->announced += s.count;
        if (!nlri.has_path_id && core_budget_admits_all(c, p, s.count, id))
            core_must(rib_announce_all(&c->rib, &news, &s));
        else
            announce_each(c, p, &s, &news);
    }
    bgp_attrs_unref(&c->rib.attrs, id);
}

static void withdraw_each(struct core *c, const struct core_peer *p, const struct rib_stretch *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (core_budget_has_room(c, p, &s->prefixes[i], s->path_ids[i]))
            core_must(rib_withdraw_nth(&c->rib, c->rib.self, p->nva, s, i, c->now_ms));
}

static void withdraw(struct core *c, struct core_peer *p, struct bgp_nlri nlri)
{
    struct rib_stretch s;
    while (rib_next_stretch(&c->rib, &nlri, &s)) {
        rib_expect(&c->rib, &s);
        p->withdrawn += s.count;
        if (nlri.has_path_id)
            withdraw_each(c, p, &s);
        else
            core_must(rib_withdraw_all(&c->rib, p->nva, &s, c->now_ms));
    }
}

enum { NAMED = 8, NAMES = NAMED * IP_PREFIX_TEXT };

/* Returns how many there are then; the first ones are named. */
static unsigned name_routes(struct bgp_nlri nlri, unsigned count, char text[static NAMES])
{
    struct ip_prefix prefix;
    char buf[IP_PREFIX_TEXT];
    uint32_t path_id;
    for (; bgp_nlri_next(&nlri, &prefix, &path_id); count++) {
        size_t len = strlen(text);
        if (count < NAMED)
            snprintf(text + len, NAMES - len, "%s%s", count ? " " : "", ip_prefix_format(&prefix, buf));
    }
    return count;
}

/* RFC 7606 section 6: with the routes of the message, which as a whole is in the MRT updates (core_tap.c). */
static void report_fault(struct core *c, const struct core_peer *p, const struct bgp_update *u)
{
    const struct bgp_fault *f = &u->fault;
    char subject[CONFIG_NAME_MAX + 16], buf[64], names[NAMES] = "";
    unsigned count = 0;
    for (int i = 0; i < u->withdrawn_count; i++)
        count = name_routes(u->withdrawn[i], count, names);
    for (int i = 0; i < u->reach_count; i++)
        count = name_routes(u->reach[i], count, names);
    core_event(c, u->is_returned ? CONFIG_LOG_DEBUG : CONFIG_LOG_WARN, "peer_update_fault", core_peer_subject(p, subject, sizeof subject),
               "fault=\"%s\" attribute=%u action=%s routes=%u prefixes=\"%s\"",
               bgp_fault_text(f->code, f->subcode, buf, sizeof buf), f->attr_type,
               f->action == BGP_ACTION_ATTR_DISCARD        ? "attribute-discard"
               : f->action == BGP_ACTION_TREAT_AS_WITHDRAW ? "treat-as-withdraw"
                                                           : "family-disable",
               count, names);
}

void core_routes_update(struct core *c, struct core_peer *p, const struct bgp_update *u)
{
    p->update_ms = c->now_ms;
    if (u->withdrawn_count || u->reach_count)
        core_times_heard(c);
    for (uint8_t f = 0; f < BGP_FAMILIES; f++)
        if (u->disable & 1u << f)
            rib_withdraw_family(&c->rib, c->rib.self, p->nva, (enum bgp_family)f);
    for (int i = 0; i < u->withdrawn_count; i++)
        withdraw(c, p, u->withdrawn[i]);
    for (int i = 0; i < u->reach_count; i++)
        announce(c, p, u->reach[i], &u->attrs[i]);
    if (u->fault.action != BGP_ACTION_NONE)
        report_fault(c, p, u);
    uint8_t complete = u->end_of_rib | u->disable; /* nothing more is heard of a disabled family */
    if (p->waits_for && complete) {
        sweep(c, p, p->waits_for & complete);
        core_stale_told(p, p->waits_for & complete);
        p->waits_for &= (uint8_t)~complete;
        if (!p->waits_for)
            core_routes_synced(c, p);
    }
    if (u->reach_count)
        p->last_family = u->reach[u->reach_count - 1].family;
    check_limit(c, p);
    core_budget_look(c, p);
}

/* RFC 7313 section 4: a mark before the End-of-RIB that the peer owes us is ignored. It would have what is held over
 * its restart go before all is told. */
static bool comes_too_early(const struct core_peer *p, const struct bgp_session_event *e)
{
    return e->subtype && p->sends_eor && p->waits_for & 1u << e->family;
}

/* RFC 2918, RFC 7313 section 4: the peer asks for all of ours, or tells all of its own again. */
void core_routes_refresh(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    enum bgp_family family = (enum bgp_family)e->family;
    char subject[CONFIG_NAME_MAX + 16];
    if (comes_too_early(p, e)) {
        core_event(c, CONFIG_LOG_WARN, "peer_refresh_ignored", core_peer_subject(p, subject, sizeof subject),
                   "mark=%s reason=\"before its End-of-RIB\"", e->subtype == 1 ? "BoRR" : "EoRR");
        return;
    }
    if (e->subtype == 0 && p->out[family])
        adjout_refresh(p->out[family]);
    if (e->subtype == 1) {
        mark(c, p, (uint8_t)(1u << family));
        bound_telling(c, p);
    }
    if (e->subtype == 2)
        sweep(c, p, (uint8_t)(1u << family));
    told(p);
}
