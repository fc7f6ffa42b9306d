/* The secret of nodes and agents, and how it is exchanged for another while everything runs.
 *
 * An agent has one, nodes accept two meanwhile: nodes take the new one, agents are started again with it one by
 * one (their kernels keep the table), nodes forget the old one. The digest of the served table is keyed by it, so
 * there is one digest a secret, and a new secret is accepted from when the whole table is summed under it.
 * Source: the replication design 4.10, rotation. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

static bool is_id(const struct core_agent_secret *s, uint32_t id)
{
    return wire_get32(s->secrets.psk_id) == id;
}

static void start_summing(struct core_table *t)
{
    t->sum.is_on = false;
    t->sum.family = BGP_IP4;
    t->sum.place = 1;
    for (size_t i = 0; i < t->secret_count; i++) {
        if (t->secrets[i].is_summed)
            continue;
        repl_digest_init(&t->secrets[i].digest, REPL_DIGEST_SUM, t->secrets[i].secrets.digest_key);
        t->sum.is_on = true;
    }
}

/* What was summed under a secret that stays goes on. */
static void take(struct core_table *t, const struct repl_secrets *secrets, size_t count)
{
    struct core_agent_secret fresh[REPL_SECRETS_MAX] = { 0 };
    for (size_t i = 0; i < count; i++) {
        fresh[i].secrets = secrets[i];
        for (size_t k = 0; k < t->secret_count; k++)
            if (memcmp(t->secrets[k].secrets.psk, secrets[i].psk, REPL_KEY) == 0)
                fresh[i] = t->secrets[k];
    }
    memcpy(t->secrets, fresh, sizeof fresh);
    t->secret_count = count;
    for (size_t i = 0; i < CORE_TABLE_FRAMES; i++)
        t->frames[i].len = 0; /* they have the digests that were */
    start_summing(t);
    for (size_t i = 0; i < REPL_SECRETS_MAX; i++)
        repl_secrets_wipe(&fresh[i].secrets);
}

void core_agent_keys_init(struct core *c)
{
    const struct repl_secrets *given[REPL_SECRETS_MAX] = { c->cfg.agent_secrets, c->cfg.next_agent_secrets };
    struct core_table *t = &c->table;
    for (; t->secret_count < REPL_SECRETS_MAX && given[t->secret_count]; t->secret_count++) {
        struct core_agent_secret *s = &t->secrets[t->secret_count];
        *s = (struct core_agent_secret){ .secrets = *given[t->secret_count], .is_summed = true }; /* nothing is there */
        repl_digest_init(&s->digest, REPL_DIGEST_SUM, s->secrets.digest_key);
    }
    c->cfg.agent_secrets = c->cfg.next_agent_secrets = NULL; /* copied: nothing of the caller's is kept */
}

void core_agent_keys_fini(struct core *c)
{
    for (size_t i = 0; i < REPL_SECRETS_MAX; i++)
        repl_secrets_wipe(&c->table.secrets[i].secrets);
}

const struct repl_secrets *core_agent_secret(const struct core *c, size_t nth)
{
    const struct core_table *t = &c->table;
    return nth < t->secret_count && t->secrets[nth].is_summed ? &t->secrets[nth].secrets : NULL;
}

static size_t secret_of(const struct core_table *t, const struct core_agent *a)
{
    size_t i = 0;
    while (i < t->secret_count && !is_id(&t->secrets[i], a->conn->proof.secret))
        i++;
    return i;
}

bool core_agent_secret_is_next(const struct core *c, uint32_t id)
{
    return c->table.secret_count > 1 && is_id(&c->table.secrets[1], id);
}

size_t core_agent_digest(const struct core *c, const struct core_agent *a)
{
    size_t nth = secret_of(&c->table, a);
    return nth < c->table.secret_count ? nth : 0; /* it is on its way out */
}

/* ---- a change ---- */

static bool has_key(const struct core_host *h, const uint8_t *key_id)
{
    uint8_t id[REPL_KEY_ID];
    repl_key_id(h->cfg.public_key, id);
    if (memcmp(id, key_id, sizeof id) == 0)
        return true;
    repl_key_id(h->cfg.next_public_key, id);
    return h->cfg.has_next_public_key && memcmp(id, key_id, sizeof id) == 0;
}

static void end(struct core *c, const struct core_agent *a, const char *event, const char *hint)
{
    char subject[CONFIG_NAME_MAX + 16];
    snprintf(subject, sizeof subject, "agent=%s", a->host->cfg.name);
    core_event(c, CONFIG_LOG_WARN, event, subject, "hint=\"%s\"", hint);
    core_conn_close(c, a->conn);
}

void core_agents_end_revoked(struct core *c)
{
    LIST_EACH(node, &c->agents)
    {
        const struct core_agent *a = LIST_OF(node, struct core_agent, all);
        if (a->conn->close_asked)
            continue;
        if (!a->host->is_listed || !has_key(a->host, a->conn->proof.peer_key))
            end(c, a, "agent_not_listed", "its key is not in the configuration any more: the connection ends");
        else if (secret_of(&c->table, a) == c->table.secret_count)
            end(c, a, "agent_secret_revoked", "its secret is not accepted any more: the connection ends");
    }
}

void core_agent_keys_set(struct core *c, const struct repl_secrets *secrets, size_t count)
{
    if (!c->table.secret_count || !count)
        return; /* agents come and go with a restart */
    take(&c->table, secrets, count);
    core_agents_end_revoked(c);
}

/* ---- digests ---- */

static bool is_behind(const struct core_sum *s, uint32_t net)
{
    uint8_t family = (uint8_t)prefix_index_family(net);
    return family < s->family || (family == s->family && prefix_index_place(net) < s->place);
}

void core_agent_keys_changed(struct core *c, uint32_t net, const struct ip_prefix *prefix, uint32_t old_set,
                             uint32_t new_set)
{
    struct core_table *t = &c->table;
    const struct nhset *old = nhset_get(&c->rib.sets, old_set), *new = nhset_get(&c->rib.sets, new_set);
    for (size_t i = 0; i < t->secret_count; i++) {
        struct core_agent_secret *s = &t->secrets[i];
        if (s->is_summed || is_behind(&t->sum, net))
            repl_digest_change(&s->digest, prefix, old, new);
    }
}

static void add(struct core *c, uint32_t net, uint32_t set)
{
    struct core_table *t = &c->table;
    struct ip_prefix prefix;
    prefix_table_prefix(&c->rib.nets, net, &prefix);
    for (size_t i = 0; i < t->secret_count; i++)
        if (!t->secrets[i].is_summed)
            repl_digest_add(&t->secrets[i].digest, &prefix, nhset_get(&c->rib.sets, set));
}

/* True: there is more. */
static bool sum_some(struct core *c, uint32_t budget)
{
    struct core_table *t = &c->table;
    for (struct core_sum *s = &t->sum; s->family < BGP_FAMILIES; s->family++, s->place = 1)
        for (; s->place < t->summed[s->family].top; s->place++) {
            uint32_t set = *(uint32_t *)slab_at(&t->summed[s->family], s->place);
            if (!budget--)
                return true;
            if (set)
                add(c, s->place | (uint32_t)s->family << PREFIX_FAMILY_SHIFT, set);
        }
    return false;
}

void core_agent_keys_tick(struct core *c)
{
    struct core_table *t = &c->table;
    if (!t->sum.is_on || sum_some(c, CORE_DECIDE_BUDGET / 2))
        return;
    for (size_t i = 0; i < t->secret_count; i++)
        t->secrets[i].is_summed = true;
    t->sum.is_on = false;
}
