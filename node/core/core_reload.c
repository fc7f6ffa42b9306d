/* Another configuration while the node works: only what differs is touched.
 *
 * Sessions are reset where their settings changed, and nowhere else. What the decision, the targets and
 * the agents depend on is judged anew prefix by prefix, some in each turn: until a prefix has its turn the
 * old rules hold for it. Readers of the tables then see differences alone. */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/memory.h"
#include "node/config/change.h"
#include "node/core/core_impl.h"

/* ---- prefixes, one after the other ---- */

static bool has_passed(const struct core_recheck *r, uint32_t net)
{
    uint8_t family = (uint8_t)prefix_index_family(net);
    uint32_t place = prefix_index_place(net);
    return family < r->family || (family == r->family && place < r->place);
}

const struct vnet *core_vnet_for(const struct core *c, uint32_t net)
{
    const struct core_recheck *r = &c->recheck;
    return r->is_on && (r->counts || !has_passed(r, net)) ? &r->vnet : &c->vnet;
}

static void recheck_net(struct core *c, uint32_t net)
{
    c->recheck.place++;
    if (c->recheck.counts)
        core_must(rib_count(&c->rib, net));
    else
        core_must(rib_judge_again(&c->rib, net, c->recheck.lists_again));
}

/* True: there is more. */
static bool look_at_all(struct core *c, uint32_t *budget)
{
    struct core_recheck *r = &c->recheck;
    for (; r->family < BGP_FAMILIES; r->family++, r->place = 1)
        while (r->place < prefix_table_top(&c->rib.nets, (enum bgp_family)r->family)) {
            uint32_t net = r->place | (uint32_t)r->family << PREFIX_FAMILY_SHIFT;
            if (!(*budget)--)
                return true;
            if (prefix_table_is_used(&c->rib.nets, net))
                recheck_net(c, net);
            else
                r->place++;
        }
    return false;
}

/* True: there is more. A limit that is new has to know all that it may keep, before it holds. */
static bool recheck(struct core *c, uint32_t budget)
{
    struct core_recheck *r = &c->recheck;
    if (look_at_all(c, &budget))
        return true;
    if (!r->counts)
        return false;
    rib_count_ends(&c->rib);
    r->counts = false;
    r->family = 0;
    r->place = 1;
    return look_at_all(c, &budget);
}

static void end_recheck(struct core *c)
{
    free(c->recheck.spaces);
    free(c->recheck.is_peered);
    c->recheck = (struct core_recheck){ 0 };
}

void core_recheck_tick(struct core *c)
{
    uint32_t budget = c->recheck.counts ? CORE_COUNT_BUDGET : CORE_JUDGE_BUDGET;
    if (c->recheck.is_on && !recheck(c, budget))
        end_recheck(c);
}

/* Where nothing is judged by anything else no prefix is looked at: readers find differences alone. */
static void begin_recheck(struct core *c)
{
    struct core_recheck *r = &c->recheck;
    r->is_on = r->is_due || r->counts || r->lists_again;
    r->family = 0;
    r->place = 1;
    if (!r->is_on)
        end_recheck(c);
}

/* Another configuration before the last one has reached every prefix: the walk begins again, for both. What has not
 * had its turn is judged by the last one, should it be looked at meanwhile. */
static void leave_recheck(struct core *c)
{
    const struct core_recheck left = c->recheck;
    end_recheck(c);
    c->recheck.is_due = left.is_on;
    c->recheck.lists_again = left.lists_again;
    c->recheck.counts = left.counts;
}

/* ---- virtual networks ---- */

static bool holds(const struct ip_prefix *list, size_t count, const struct ip_prefix *p)
{
    for (size_t i = 0; i < count; i++)
        if (ip_prefix_is_equal(&list[i], p))
            return true;
    return false;
}

static bool are_equal(const struct core_recheck *old, const struct policy *new)
{
    bool equal = old->vnet.space_count == new->space_count;
    for (size_t i = 0; equal && i < new->space_count; i++)
        equal = holds(old->spaces, old->vnet.space_count, &new->spaces[i]);
    return equal;
}

/* As the table of a target is judged by them. */
static bool judge_alike(const struct core *c, const struct core_recheck *old)
{
    bool alike = old->vnet.space_count == c->vnet.space_count;
    for (size_t i = 0; alike && i < c->vnet.space_count; i++)
        alike = ip_prefix_is_equal(&old->spaces[i], &c->spaces[i]) && old->is_peered[i] == c->is_peered[i];
    return alike;
}

/* The new spaces count from now on for what comes; what is here has its turn. */
static void follow_spaces(struct core *c)
{
    struct core_recheck *r = &c->recheck;
    r->spaces = c->spaces;
    r->is_peered = c->is_peered;
    r->vnet = c->vnet;
    free(c->node_addrs);
    core_policy_init(c);
    r->vnet.nodes = c->node_addrs; /* nodes stay what they are */
    r->lists_again |= !are_equal(r, &c->policy);
    r->is_due |= !judge_alike(c, r);
    for (size_t i = 0; i < r->vnet.space_count; i++)
        if (!holds(c->spaces, c->policy.space_count, &r->spaces[i]))
            core_must(rib_withdraw(&c->rib, RIB_CONFIG, 0, &r->spaces[i], 0, c->now_ms));
    core_announce_vnets(c);
}

/* ---- peers ---- */

static void tell(struct core *c, const struct core_peer *p, const char *event)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_INFO, event, core_peer_subject(p, subject, sizeof subject), NULL);
}

enum ending { ENDING_OTHER_SETTINGS, ENDING_RESET, ENDING_TAKEN_OUT };

/* RFC 4486 section 4. ENDING_RESET: it begins anew, so its routes wait for it. */
static void end_session(struct core *c, struct core_peer *p, enum bgp_cease_subcode subcode, enum ending ending)
{
    bool is_reset = ending == ENDING_RESET;
    if (!p->session)
        return;
    p->is_reset = is_reset;
    p->is_taken_out = ending == ENDING_TAKEN_OUT;
    bgp_session_stop(p->session, (uint8_t)subcode, NULL, c->now_ms);
    core_bgp_settle(c, p);
    if (p->grace_until && !is_reset)
        core_routes_lose(c, p);
    if (p->is_taken_out)
        core_lost_taken_out(c, p);
    p->is_reset = p->is_taken_out = false;
    core_bgp_end(c, p);
}

static enum bgp_cease_subcode reason(const struct core *c, const struct config_peer *next)
{
    if (next->disabled)
        return BGP_ADMIN_SHUTDOWN;
    return next->nodes & 1u << c->cfg.self ? BGP_CONFIG_CHANGE : BGP_PEER_DECONFIGURED;
}

/* An entry that says more of its address may call it by another name: then it is not deconfigured. */
static void remove_peer(struct core *c, struct core_peer *p)
{
    size_t place = core_dynamic_place(c, &p->cfg->peer_ip);
    end_session(c, p, place == SIZE_MAX ? BGP_PEER_DECONFIGURED : reason(c, &c->config->peers[place]), ENDING_TAKEN_OUT);
    core_peer_remove(c, p);
    tell(c, p, "peer_removed");
}

static bool is_wanted_here(const struct core *c, const struct core_peer *p)
{
    return !p->cfg->disabled && p->cfg->nodes & 1u << c->cfg.self;
}

/* The same NVA with other settings? Then nothing of it is removed over the reset. */
static bool is_same_nva(const struct config_peer *is, const struct config_peer *next)
{
    return ip_addr_is_equal(&is->peer_ip, &next->peer_ip) && is->peer_asn == next->peer_asn;
}

/* A dynamic neighbour's session comes back when it calls again. */
static void reset_peer(struct core *c, struct core_peer *p, const struct config_peer *is,
                       const struct config_peer *next)
{
    enum bgp_cease_subcode subcode = reason(c, next);
    bool is_kept = !p->is_dynamic && is_same_nva(is, next);
    end_session(c, p, subcode, subcode != BGP_CONFIG_CHANGE ? ENDING_TAKEN_OUT : is_kept ? ENDING_RESET : ENDING_OTHER_SETTINGS);
    core_peer_set(c, p, next);
    if (next->disabled)
        rib_nva_drop_held(&c->rib, p->nva);
    if (!p->is_dynamic && is_wanted_here(c, p))
        core_bgp_start(c, p);
    tell(c, p, "peer_changed");
}

static bool are_same_hops(bool a_has, const struct ip_addr *a, bool b_has, const struct ip_addr *b)
{
    return a_has == b_has && ip_addr_is_equal(a, b);
}

/* Does it get other routes, or other attributes, than before? */
static bool is_told_other(const struct config *was, const struct config_peer *is, const struct config *now,
                          const struct config_peer *next)
{
    return !route_map_is_equal(is->outbound, next->outbound) || is->type != next->type || is->mode != next->mode || is->no_export != next->no_export ||
           is->as_override != next->as_override ||
           was->branch_to_branch != now->branch_to_branch ||
           !are_same_hops(is->has_next_hop, &is->next_hop, next->has_next_hop, &next->next_hop) ||
           !are_same_hops(was->has_vnet_next_hop, &was->vnet_next_hop, now->has_vnet_next_hop,
                          &now->vnet_next_hop) ||
           !are_same_hops(was->has_vnet_next_hop6, &was->vnet_next_hop6, now->has_vnet_next_hop6,
                          &now->vnet_next_hop6);
}

static void judge_peer(struct core *c, const struct config *was, struct core_peer *p,
                       const struct config_peer *is, const struct config_peer *next)
{
    core_peer_set(c, p, next);
    core_bfd_follow(c, p, &is->bfd);
    if (is_told_other(was, is, c->config, next) && p->session && bgp_session_slot(p->session) >= 0)
        core_routes_retell(c, p);
}

/* Its entry in the new configuration; NULL: it has none any more. A neighbour of a prefix is not kept from an entry that
 * says more of its address. */
static const struct config_peer *next_entry(const struct core *c, const struct config *was,
                                            const struct core_peer *p)
{
    const struct config_peer *next = config_find_peer(c->config, was->peers[p->place].name, p->place);
    if (!next || next->is_range != p->is_dynamic)
        return NULL;
    bool is_others = p->is_dynamic && core_dynamic_place(c, &p->cfg->peer_ip) != (size_t)(next - c->config->peers);
    return is_others ? NULL : next;
}

static void follow_peer(struct core *c, const struct config *was, struct core_peer *p)
{
    const struct config_peer *is = &was->peers[p->place], *next = next_entry(c, was, p);
    if (!next) {
        remove_peer(c, p);
        return;
    }
    p->place = (size_t)(next - c->config->peers);
    enum config_effect effect = config_peer_effect(is, was->asn, next, c->config->asn);
    if (effect == CONFIG_RESET)
        reset_peer(c, p, is, next);
    else
        judge_peer(c, was, p, is, next);
}

/* One that other nodes still had something of is back, or a new one comes. */
static void add_peer(struct core *c, size_t place)
{
    const struct config_peer *cfg = &c->config->peers[place];
    struct core_peer *p = core_peer_find(c, cfg->name);
    if (cfg->is_range || (p && !core_peer_is_removed(p)))
        return;
    if (!p)
        p = core_peer_add(c, cfg, place);
    if (!p)
        return;
    p->place = place;
    p->error = (struct core_peer_error){ 0 }; /* that it was taken out, most likely */
    core_peer_set(c, p, cfg);
    if (is_wanted_here(c, p))
        core_bgp_start(c, p);
    tell(c, p, "peer_added");
}

/* What was told so far was told without regard to a new AS. */
static void expect_peers(struct core *c, const struct config *was)
{
    for (size_t i = 0; i < c->config->peer_count; i++) {
        const struct config_peer *cfg = &c->config->peers[i], *is = config_find_peer(was, cfg->name, i);
        if (is && is->peer_asn == cfg->peer_asn)
            continue;
        core_routes_expect(c, cfg);
        c->recheck.lists_again = true;
    }
}

static void follow_peers(struct core *c, const struct config *was)
{
    expect_peers(c, was);
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (!core_peer_is_removed(p))
            follow_peer(c, was, p);
    for (size_t i = 0; i < c->config->peer_count; i++)
        add_peer(c, i);
    core_dynamic_readopt(c);
}

/* ---- all ---- */

/* Where other routes are chosen every net is looked at again: only what differs is changed. */
static void follow_targets(struct core *c, const struct config *was)
{
    core_targets_follow(c);
    c->recheck.lists_again |= !config_chooses_alike(was, c->config);
}

void core_config_refused(struct core *c, const char *why, uint64_t now_ms)
{
    c->now_ms = now_ms;
    snprintf(c->config_refused, sizeof c->config_refused, "%s", why);
    core_event(c, CONFIG_LOG_ERROR, "config_refused", NULL, "error=\"%s\" hint=\"the old one stays\"", why);
}

void core_reconfigure(struct core *c, const struct config *was, uint64_t now_ms)
{
    c->now_ms = now_ms;
    leave_recheck(c);
    core_cluster_set_times(c);
    c->recheck.is_due |= c->rib.max_paths != c->config->max_paths;
    c->rib.max_paths = c->config->max_paths;
    follow_spaces(c);
    follow_peers(c, was);
    follow_targets(c, was);
    core_streams_read_again(c);
    c->config_refused[0] = 0;
    core_revise(c);
    begin_recheck(c);
    c->beat_ms = now_ms; /* the others hear of it at once */
    core_event(c, CONFIG_LOG_INFO, "config_applied", NULL, "generation=%llu peers=%u",
               (unsigned long long)c->config->generation, (unsigned)c->config->peer_count);
}

/* ---- which one it is ---- */

void core_revise(struct core *c)
{
    const struct core_revision *last = &c->revisions[c->revision % CORE_REVISIONS];
    if (c->revision && memcmp(last->digest, c->config->digest, REPL_DIGEST) == 0)
        return; /* the same file once more */
    c->revision++;
    struct core_revision *r = &c->revisions[c->revision % CORE_REVISIONS];
    free(r->text);
    *r = (struct core_revision){ .number = c->revision, .at_ms = c->now_ms, .generation = c->config->generation };
    memcpy(r->digest, c->config->digest, REPL_DIGEST);
    if (c->config->text)
        r->text = memory_copy_text(c->config->text);
}

void core_revisions_fini(struct core *c)
{
    for (size_t i = 0; i < CORE_REVISIONS; i++)
        free(c->revisions[i].text);
}

bool core_revision(const struct core *c, size_t back, struct core_revision *out)
{
    if (back >= CORE_REVISIONS || back >= c->revision)
        return false;
    *out = c->revisions[(c->revision - back) % CORE_REVISIONS];
    return true;
}
