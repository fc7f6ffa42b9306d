/* Whose agents may connect: hosts by their keys, replaced as a whole while everything runs. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

static bool is_host(struct core_host **hosts, size_t count, size_t place, const struct config_agent *a)
{
    return place < count && config_agents_share_key(&hosts[place]->cfg, a);
}

/* A host is who has one of its keys: while they are exchanged it is the same all the way. Most stand where they
 * stood, so it is looked for from there outwards. */
static struct core_host *find_host(struct core_host **hosts, size_t count, const struct config_agent *a, size_t near)
{
    near = near < count ? near : count;
    for (size_t d = 0; d <= near || d < count; d++) {
        if (is_host(hosts, count, near + d, a))
            return hosts[near + d];
        if (d <= near && is_host(hosts, count, near - d, a))
            return hosts[near - d];
    }
    return NULL;
}

/* A handshake under way looks at the old list: it begins again. */
static void drop_handshakes(struct core *c)
{
    LIST_EACH(node, &c->links)
    {
        struct core_conn *conn = LIST_OF(node, struct core_conn, work);
        if (!conn->dialled && !conn->authenticated)
            core_conn_close(c, conn);
    }
}

static void list_parties(struct core *c)
{
    size_t nodes = c->cfg.secrets ? 2 * (c->config->node_count - 1) : 0;
    free(c->parties);
    c->party_count = 0;
    c->parties = memory_new(nodes + 2 * c->host_count, sizeof *c->parties);
    for (struct core_member *m = core_next_member(c, NULL); m && nodes; m = core_next_member(c, m))
        for (size_t i = 0; i < m->party_count; i++)
            c->parties[c->party_count++] = m->parties[i];
    for (size_t i = 0; i < c->host_count; i++) {
        const struct config_agent *a = &c->hosts[i]->cfg;
        c->parties[c->party_count++] = repl_party(REPL_ROLE_AGENT, (uint32_t)i, a->public_key);
        if (a->has_next_public_key)
            c->parties[c->party_count++] = repl_party(REPL_ROLE_AGENT, (uint32_t)i, a->next_public_key);
    }
}

void core_parties_changed(struct core *c)
{
    drop_handshakes(c);
    list_parties(c);
}

/* Those without connections go at once, the others with their last one: at the next call, or the end. */
static void keep_unlisted(struct core *c, struct core_host **old, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (old[i]->is_listed)
            continue;
        if (old[i]->links)
            old[kept++] = old[i];
        else
            free(old[i]);
    }
    c->unlisted = old;
    c->unlisted_count = kept;
}

void core_set_agents(struct core *c, const struct config_agent *agents, size_t count,
                     uint64_t now_ms)
{
    size_t before = c->host_count + c->unlisted_count;
    struct core_host **old = memory_new(before, sizeof *old), **fresh;
    for (size_t i = 0; i < before; i++) {
        old[i] = i < c->host_count ? c->hosts[i] : c->unlisted[i - c->host_count];
        old[i]->is_listed = false;
    }
    c->now_ms = now_ms;
    fresh = memory_new(count, sizeof *fresh);
    for (size_t i = 0; i < count; i++) {
        fresh[i] = find_host(old, before, &agents[i], i);
        if (!fresh[i] || fresh[i]->is_listed) /* new, or a key that is listed twice */
            fresh[i] = memory_new(1, sizeof *fresh[i]);
        fresh[i]->cfg = agents[i];
        fresh[i]->is_listed = true;
    }
    free(c->hosts);
    free(c->unlisted);
    c->hosts = fresh;
    c->host_count = count;
    core_parties_changed(c);
    core_agents_end_revoked(c);
    keep_unlisted(c, old, before);
}

void core_hosts_fini(struct core *c)
{
    for (size_t i = 0; i < c->host_count; i++)
        free(c->hosts[i]);
    for (size_t i = 0; i < c->unlisted_count; i++)
        free(c->unlisted[i]);
    free(c->hosts);
    free(c->unlisted);
}
