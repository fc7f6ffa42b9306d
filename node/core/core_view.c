/* Sight: the core as status, nodes, peers, targets, agents and checks. Nothing here changes anything. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

enum { RETURN_MS = 5000 }; /* a node that has been back for longer than that is to have been heard out */

static const char *const phase_names[] = {
    [CORE_CONVERGE] = "converging", [CORE_STEADY] = "steady", [CORE_STOPPING] = "stopping"
};

const char *core_phase_name(enum core_phase phase)
{
    return phase_names[phase];
}

const char *core_nva_name(const struct core *c, uint16_t nva)
{
    return nva < c->nva_count && c->nva_names[nva] ? c->nva_names[nva] : "unknown";
}

static bool is_alive(const struct core_member *m)
{
    return m->life.state == REPL_MEMBER_ALIVE || m->life.state == REPL_MEMBER_SUSPECT;
}

static uint32_t sessions_up(const struct core *c, uint32_t origin)
{
    uint32_t count = 0;
    for (uint32_t nva = 1; nva < c->names.count; nva++)
        count += rib_session_is_up(c->rib.origins[origin].sessions[nva].state);
    return count;
}

/* ---- nodes ---- */

size_t core_node_count(const struct core *c)
{
    return c->config->node_count;
}

static uint8_t key_use(const struct config_node *n, const uint8_t *key_id)
{
    uint8_t current[REPL_KEY_ID], next[REPL_KEY_ID];
    repl_key_id(n->public_key, current);
    repl_key_id(n->next_public_key, next);
    if (n->has_public_key && memcmp(current, key_id, REPL_KEY_ID) == 0)
        return CORE_KEY_CURRENT;
    return n->has_next_public_key && memcmp(next, key_id, REPL_KEY_ID) == 0 ? CORE_KEY_NEXT : CORE_KEY_UNKNOWN;
}

static uint8_t secret_use(const struct core *c, uint32_t id)
{
    static const uint8_t uses[REPL_SECRETS_MAX] = { CORE_KEY_CURRENT, CORE_KEY_NEXT };
    for (size_t i = 0; i < c->keys.secret_count; i++)
        if (wire_get32(c->keys.secrets[i].psk_id) == id)
            return uses[i];
    return CORE_KEY_UNKNOWN;
}

static void view_self(const struct core *c, struct core_node_view *out)
{
    if (c->keys.secret_count) {
        out->key_id = c->key_id;
        out->key_use = key_use(c->node, c->key_id);
    }
    out->is_self = true;
    out->state = REPL_MEMBER_ALIVE;
    out->incarnation = c->incarnation;
    out->version = vlist_head(&c->rib.origins[c->rib.self].order);
    out->state_since_ms = c->started_ms;
    out->has_digest = out->digest_equal = true;
    out->steady = c->phase == CORE_STEADY;
    out->config_generation = c->config->generation;
    out->minor = c->minor;
    out->software = TANDEM_VERSION;
    out->begun_ms = c->started_ms;
}

static void view_member(const struct core *c, const struct core_member *m, uint64_t now_ms,
                        struct core_node_view *out)
{
    const struct repl_sender *own = &m->senders[c->cfg.self];
    uint64_t head = vlist_head(&c->rib.origins[c->rib.self].order);
    out->state = m->life.state;
    out->incarnation = m->replica.incarnation;
    out->version = m->replica.position;
    out->behind = own->active ? head - own->position : head;
    out->state_since_ms = m->life.since_ms;
    out->lag_ms = (uint32_t)(now_ms - m->life.heard_ms);
    out->has_digest = m->digest_compared;
    out->digest_equal = m->digest_equal;
    out->differing = m->differing;
    out->steady = m->has_heard && m->heard.steady;
    out->config_differs = m->config_differs;
    out->config_generation = m->config_generation;
    out->via = m->source && m->source != m ? m->source->node->name : NULL;
    out->minor = m->minor;
    out->software = m->version;
    out->bytes_in = m->bytes_in;
    out->bytes_out = m->bytes_out;
    out->begun_ms = is_alive(m) && m->version[0] ? m->begun_ms : 0;
    out->quarantined = m->replica.quarantined;
    if (m->has_heard && m->heard.secret_count) {
        out->key_id = m->heard.key_id;
        out->key_use = key_use(m->node, m->heard.key_id);
    }
    if (m->link)
        out->secret_use = secret_use(c, m->link->proof.secret);
    snprintf(out->last_error, sizeof out->last_error, "%s", m->last_error);
}

void core_node_view(const struct core *c, size_t nth, uint64_t now_ms, struct core_node_view *out)
{
    uint32_t id = (uint32_t)nth + 1;
    *out = (struct core_node_view){ .node = &c->config->nodes[nth],
                                    .origin_class = c->rib.origins[id].class,
                                    .input_lags = c->rib.origins[id].lags,
                                    .paths = c->rib.origins[id].paths,
                                    .sessions = sessions_up(c, id) };
    if (id == c->cfg.self)
        view_self(c, out);
    else
        view_member(c, &c->members[id], now_ms, out);
}

/* ---- peers ---- */

size_t core_peer_count(const struct core *c)
{
    return c->nva_count - 1;
}

static uint8_t why_held(const struct core_peer *p)
{
    if (!p->grace_until)
        return p->unseen ? CORE_HELD_UNTIL_TOLD : CORE_HELD_NOT;
    return p->is_kept ? CORE_HELD_DRAINED : p->is_stale ? CORE_HELD_STALE : CORE_HELD_RESTART;
}

static uint32_t nodes_up(const struct core *c, uint16_t nva)
{
    uint32_t nodes = 0;
    for (uint32_t o = 1; o < RIB_ORIGINS; o++)
        if (c->rib.origins[o].class == RIB_LIVE &&
            rib_session_is_up(c->rib.origins[o].sessions[nva].state))
            nodes |= 1u << o;
    return nodes;
}

/* The configuration's word: all of them, unless it names some. */
static uint32_t nodes_all(const struct core *c, const struct config_peer *peer)
{
    uint32_t nodes = 0;
    for (size_t i = 0; i < c->config->node_count; i++)
        nodes |= peer->nodes & 1u << c->config->nodes[i].id;
    return nodes;
}

/* Of the prefixes, those whose best path is of this NVA, whichever node heard it. */
static uint32_t count_best(const struct core *c, uint16_t nva)
{
    uint32_t count = 0;
    for (int o = 1; o < RIB_ORIGINS; o++)
        count += c->rib.origins[o].sessions[nva].best;
    return count;
}

bool core_peer_view(const struct core *c, size_t nth, struct core_peer_view *out)
{
    const struct core_peer *p = c->peers[nth + 1];
    if (!p)
        return false;
    *out = (struct core_peer_view){ .peer = p->cfg,
                                    .nva = p->nva,
                                    .state_since_ms = p->since_ms,
                                    .range = p->is_dynamic && !core_peer_is_removed(p)
                                                 ? c->config->peers[p->place].name
                                                 : NULL,
                                    .is_removed = core_peer_is_removed(p),
                                    .here = p->session != NULL,
                                    .is_shut = p->is_shut,
                                    .nodes_up = nodes_up(c, p->nva),
                                    .nodes_all = nodes_all(c, p->cfg),
                                    .memory = c->rib.origins[c->rib.self].sessions[p->nva].bytes,
                                    .over_memory = p->over_memory,
                                    .refused = p->refused_routes,
                                    .announced = p->announced,
                                    .withdrawn = p->withdrawn,
                                    .received = rib_session_paths(
                                        &c->rib.origins[c->rib.self].sessions[p->nva]),
                                    .error = p->error };
    if (!p->session)
        return true;
    out->bfd = p->cfg->bfd.enabled ? &p->bfd : NULL;
    out->bfd_multihop = p->bfd_multihop;
    out->held = why_held(p);
    out->held_until_ms = p->grace_until;
    out->said = bgp_session_our_open(p->session);
    out->state = (uint8_t)bgp_session_state(p->session);
    out->stats = bgp_session_stats(p->session);
    if (out->state != BGP_ESTABLISHED)
        return true;
    out->heard = bgp_session_peer_open(p->session);
    out->codec = bgp_session_codec(p->session);
    out->hold_s = bgp_session_hold_s(p->session);
    out->accepted = c->rib.origins[c->rib.self].sessions[p->nva].accepted;
    out->best = count_best(c, p->nva);
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (!p->out[f])
            continue;
        struct adjout_stats sent = adjout_stats(p->out[f]);
        out->sent.messages += sent.messages;
        out->sent.announced += sent.announced;
        out->sent.withdrawn += sent.withdrawn;
        out->advertised += sent.current;
    }
    return true;
}

uint32_t core_told(const struct core *c, size_t peer, uint32_t net, struct adjout_sent *out)
{
    const struct core_peer *p = c->peers[peer + 1];
    const struct adjout_member *m = p ? p->out[prefix_index_family(net)] : NULL;
    return m ? adjout_told(m, net, out) : 0;
}

bool core_told_of(const struct core *c, size_t peer, uint32_t path, const struct adjout_sent *sent)
{
    const struct core_peer *p = c->peers[peer + 1];
    const struct adjout_member *m = p ? p->out[rib_path(&c->rib, path)->family] : NULL;
    return m && adjout_told_of(m, path, sent);
}

bool core_told_as(const struct core *c, size_t peer, uint32_t net, const struct adjout_sent *sent,
                  uint8_t *bytes, struct bgp_attrs *out)
{
    const struct core_peer *p = c->peers[peer + 1];
    const struct adjout_member *m = p ? p->out[prefix_index_family(net)] : NULL;
    return m && adjout_told_as(m, sent, bytes, out);
}

/* ---- targets and agents ---- */

size_t core_target_count(const struct core *c)
{
    return c->target_count;
}

const char *core_node_name(const struct core *c, uint32_t id)
{
    return id >= 1 && id <= c->config->node_count ? c->config->nodes[id - 1].name : "none";
}

/* The backend's own word, or what can be said without one. */
static const char *state_of(const struct core_target *t)
{
    if (!t->program)
        return NULL;
    if (t->state)
        return t->state;
    return !t->ready ? "starting" : program_stats(t->program)->failed ? "partial" : "ok";
}

void core_target_view(const struct core *c, size_t nth, struct core_target_view *out)
{
    const struct core_target *t = c->targets[nth];
    *out = (struct core_target_view){
        .target = t->cfg,
        .runs_here = t->program || (t->cfg->type == CONFIG_TARGET_TABLE && c->table.secret_count),
        .stats = t->program ? program_stats(t->program) : NULL,
        .fence = t->is_shared ? &t->fence : NULL,
        .failovers = t->is_shared ? t->failovers : NULL,
        .owner = core_node_name(c, t->is_shared ? t->fence.record.owner : 0),
        .state = state_of(t),
        .trouble = t->trouble,
        .trouble_since_ms = t->trouble_since_ms,
        .unhealthy = t->unhealthy,
        .unhealthy_count = t->unhealthy_count,
        .facts = t->facts,
        .fact_count = t->fact_count,
        .routes = t->cfg->type == CONFIG_TARGET_TABLE ? c->table.routes : 0,
    };
}

uint32_t core_target_installed(const struct core *c, size_t nth, uint32_t net)
{
    return c->targets[nth]->program ? program_actual_set(c->targets[nth]->program, net) : 0;
}

enum program_wait core_target_waits(const struct core *c, size_t nth, uint32_t net)
{
    return c->targets[nth]->program ? program_waits(c->targets[nth]->program, net) : PROGRAM_SETTLED;
}

size_t core_agent_count(const struct core *c)
{
    return c->host_count;
}

void core_agent_view(const struct core *c, size_t nth, struct core_agent_view *out)
{
    const struct core_host *h = c->hosts[nth];
    *out = (struct core_agent_view){ .name = h->cfg.name,
                                     .connected = h->links > 0,
                                     .since_ms = h->since_ms,
                                     .synced = h->is_synced,
                                     .has_report = h->has_report,
                                     .report = h->report };
    repl_key_id(h->cfg.public_key, out->key_id);
    if (!h->since_ms)
        return;
    out->secret_use = core_agent_secret_is_next(c, h->proof.secret) ? CORE_KEY_NEXT : CORE_KEY_CURRENT;
    out->key_use = memcmp(h->proof.peer_key, out->key_id, REPL_KEY_ID) ? CORE_KEY_NEXT : CORE_KEY_CURRENT;
    memcpy(out->key_id, h->proof.peer_key, REPL_KEY_ID);
}

/* ---- the loop ---- */

void core_turn_took(struct core *c, uint64_t us)
{
    histogram_add(&c->turns.took, us);
    if (us > c->turns.longest_us)
        c->turns.longest_us = us;
}

const struct core_turns *core_turns(const struct core *c)
{
    return &c->turns;
}

/* ---- the whole ---- */

static uint32_t stale_paths(const struct rib *r)
{
    uint32_t count = 0;
    for (int o = 1; o < RIB_ORIGINS; o++)
        count += r->origins[o].class == RIB_LIVE ? r->origins[o].old : r->origins[o].paths;
    return count;
}

void core_status(const struct core *c, uint64_t now_ms, struct core_status *out)
{
    *out = (struct core_status){ .config = c->config,
                                 .self = c->node,
                                 .phase = c->phase,
                                 .drain = c->drain.state,
                                 .drain_since_ms = c->drain.since_ms,
                                 .drain_text = c->drain.text,
                                 .started_ms = c->started_ms,
                                 .incarnation = c->incarnation,
                                 .router_id = core_router_id(c),
                                 .nodes_alive = 1,
                                 .prefixes = prefix_table_count(&c->rib.nets),
                                 .programmed = c->programmed,
                                 .stale_paths = stale_paths(&c->rib),
                                 .undecided = rib_dirty_count(&c->rib),
                                 .digests_equal = true,
                                 .updates = c->rib.updates,
                                 .withdrawals = c->rib.withdrawals,
                                 .loop_lag_ms = c->lag_ms,
                                 .input_lag_ms = c->input_lag_ms,
                                 .algo = core_algo(c),
                                 .refused_handshakes = c->refused_handshakes,
                                 .memory = rib_memory(&c->rib),
                                 .config_refused = c->config_refused };
    (void)now_ms;
    for (int o = 0; o < RIB_ORIGINS; o++)
        out->paths += c->rib.origins[o].paths;
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p)) {
        out->peers_configured += !core_peer_is_removed(p);
        out->peers_up += p->session && bgp_session_state(p->session) == BGP_ESTABLISHED;
    }
    for (uint32_t id = 1; id <= c->config->node_count; id++) {
        if (id == c->cfg.self)
            continue;
        out->nodes_alive += is_alive(&c->members[id]);
        if (c->members[id].digest_compared && !c->members[id].digest_equal)
            out->digests_equal = false;
    }
    repl_digest_write(&c->digest, out->digest);
}

/* ---- health ---- */

static void check_converged(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    (void)now_ms;
    out->ok = c->phase == CORE_STEADY;
    if (c->phase == CORE_CONVERGE)
        snprintf(out->detail, sizeof out->detail, "waiting for all NVAs and nodes, %g s at most",
                 (double)c->config->defer_ms / 1000);
    else if (!out->ok)
        snprintf(out->detail, sizeof out->detail, "%s", phase_names[c->phase]);
}

/* What others come back with is a matter of a moment, and both sides of a partition that heals are in it at once:
 * who had converged, and did not stand still itself, has served well without it and goes on. */
static bool is_coming_back(const struct core *c, const struct core_member *m, uint64_t now_ms)
{
    return c->phase == CORE_STEADY && !c->woke_ms && now_ms < m->life.since_ms + RETURN_MS;
}

static void check_cluster(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    out->ok = true;
    for (const struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m))
        out->ok &= core_member_caught_up(c, m) || is_coming_back(c, m, now_ms);
    if (!out->ok)
        snprintf(out->detail, sizeof out->detail, "another node is alive and was not heard out yet");
}

static void check_listener(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    (void)now_ms;
    out->ok = c->phase != CORE_STOPPING; /* a process that cannot listen ends */
    if (!out->ok)
        snprintf(out->detail, sizeof out->detail, "nobody is accepted any more");
}

static void check_loop(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    uint64_t late = now_ms > c->turned_ms + 1000 ? now_ms - c->turned_ms - 1000 : 0;
    out->ok = late < CORE_WAKE_MS;
    if (!out->ok)
        snprintf(out->detail, sizeof out->detail, "the loop is %llu ms late", (unsigned long long)late);
}

static void check_targets(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    (void)now_ms;
    out->ok = true;
    for (size_t i = 0; i < c->target_count; i++) {
        if (!c->targets[i]->program || c->targets[i]->ready)
            continue;
        out->ok = false;
        snprintf(out->detail, sizeof out->detail, "target %s was not read yet", c->targets[i]->cfg->name);
    }
}

static void check_drain(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    out->ok = c->drain.state == CORE_SERVING && !c->drain.is_stop;
    if (!out->ok)
        snprintf(out->detail, sizeof out->detail, "%s since %llu s: %.80s",
                 c->drain.is_stop ? "stopping" : core_drain_name(c->drain.state),
                 (unsigned long long)(now_ms - c->drain.since_ms) / 1000, c->drain.text);
}

static const struct {
    const char *name;
    void (*run)(const struct core *c, uint64_t now_ms, struct core_check *out);
} checks[] = {
    { "bgp-listener", check_listener },
    { "converged", check_converged },
    { "cluster-caught-up", check_cluster },
    { "loop", check_loop },
    { "programming", check_targets },
    { "not-draining", check_drain },
};

size_t core_readiness(const struct core *c, uint64_t now_ms, struct core_check *out)
{
    size_t count = sizeof checks / sizeof *checks;
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct core_check){ .name = checks[i].name };
        checks[i].run(c, now_ms, &out[i]);
    }
    return count;
}

bool core_is_live(const struct core *c, uint64_t now_ms)
{
    return now_ms < c->turned_ms + 2000;
}

struct mrt_dump *core_dump(struct core *c, uint64_t now_ms, uint64_t wall_ms)
{
    struct mrt_dump *d = mrt_dump_new(&(struct mrt_dump_cfg){ .rib = &c->rib,
                                                              .view = c->config->name,
                                                              .router_id = core_router_id(c),
                                                              .asn = c->config->asn,
                                                              .now_ms = now_ms,
                                                              .wall_ms = wall_ms });
    core_must(!d);
    return d;
}
