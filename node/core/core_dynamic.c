/* Peers by prefix: who calls from inside one becomes an NVA, named NAME@ADDRESS on every node.
 *
 * It has the settings of the prefix, never dials, and goes again: its session when it has had no
 * connection for a while and none of its routes is held for it, its number when nothing of it is left
 * anywhere (core_peers.c). What another node tells of such a neighbour makes it known here, too. */
#include <limits.h>
#include <stdio.h>

#include "node/core/core_impl.h"

enum { SILENT_MS = 10000 };

static const char unknown[] =
    "add it to peers, enable it, or look for address translation between it and us";
static const char full[] = "its prefix has maxPeers neighbours already";

/* ---- the prefix ---- */

static bool is_used_here(const struct core *c, const struct config_peer *range)
{
    return range->is_range && !range->disabled && range->nodes & 1u << c->cfg.self;
}

/* Bits of the address that an entry names; -1: it is not about this address. */
static int names_bits(const struct config_peer *e, const struct ip_addr *remote)
{
    if (e->is_range)
        return ip_prefix_contains_addr(&e->range, remote) ? e->range.len : -1;
    return ip_addr_is_equal(&e->peer_ip, remote) ? INT_MAX : -1;
}

size_t core_dynamic_place(const struct core *c, const struct ip_addr *remote)
{
    size_t best = SIZE_MAX;
    int most = -1;
    for (size_t i = 0; i < c->config->peer_count; i++) {
        int bits = names_bits(&c->config->peers[i], remote);
        if (bits <= most)
            continue;
        most = bits;
        best = i;
    }
    return best;
}

/* The prefix that takes who calls from here, SIZE_MAX: none. */
static size_t range_of(const struct core *c, const struct ip_addr *remote)
{
    size_t place = core_dynamic_place(c, remote);
    return place != SIZE_MAX && is_used_here(c, &c->config->peers[place]) ? place : SIZE_MAX;
}

static uint32_t sessions_of(const struct core *c, size_t place)
{
    uint32_t count = 0;
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        count += p->is_dynamic && p->place == place && p->session;
    return count;
}

/* ---- a neighbour ---- */

static bool has_connection(const struct core_peer *p)
{
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        if (p->conns[slot])
            return true;
    return false;
}

/* Without a connection, without routes that wait for it, and unseen by BFD. */
static bool is_silent(const struct core_peer *p)
{
    return !has_connection(p) && !p->grace_until && p->bfd.state != BFD_UP;
}

static struct core_peer *add(struct core *c, size_t place, const struct ip_addr *address, const char *name)
{
    struct config_peer cfg = c->config->peers[place]; /* its texts are the range's: core_peer_add copies them */
    snprintf(cfg.name, sizeof cfg.name, "%s", name);
    cfg.is_range = false;
    cfg.peer_ip = *address;
    struct core_peer *p = core_peer_add(c, &cfg, place);
    if (p)
        p->is_dynamic = true;
    return p;
}

static void name_of(const struct config_peer *range, const struct ip_addr *address,
                    char name[static CONFIG_NAME_MAX + 1])
{
    char text[IP_ADDR_TEXT], *at = name;
    size_t len = strlen(range->name); /* config_check leaves room for the longest address */
    memcpy(at, range->name, len);
    at[len] = '@';
    snprintf(at + len + 1, CONFIG_NAME_MAX - len, "%s", ip_addr_format(address, text));
}

static void end(struct core *c, struct core_peer *p)
{
    char subject[CONFIG_NAME_MAX + 16];
    core_event(c, CONFIG_LOG_DEBUG, "peer_left", core_peer_subject(p, subject, sizeof subject), NULL);
    p->silent_ms = 0;
    core_bgp_end(c, p);
}

/* The prefix is full: one that only waits to come back makes room. */
static bool make_room(struct core *c, size_t place)
{
    if (sessions_of(c, place) < c->config->peers[place].max_peers)
        return true;
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (p->is_dynamic && p->place == place && p->session && is_silent(p)) {
            end(c, p);
            return true;
        }
    return false;
}

struct core_peer *core_dynamic_call(struct core *c, const struct ip_addr *remote, const char **hint)
{
    char name[CONFIG_NAME_MAX + 1], subject[CONFIG_NAME_MAX + 16];
    size_t place = range_of(c, remote);
    *hint = place == SIZE_MAX ? unknown : full;
    if (place == SIZE_MAX || !make_room(c, place))
        return NULL;
    name_of(&c->config->peers[place], remote, name);
    struct core_peer *p = core_peer_find(c, name);
    if (!p)
        p = add(c, place, remote, name);
    if (!p)
        return NULL;
    p->place = place;
    core_event(c, CONFIG_LOG_DEBUG, "peer_called", core_peer_subject(p, subject, sizeof subject), "range=%s",
               c->config->peers[place].name);
    core_bgp_start(c, p);
    return p;
}

/* ---- neighbours of other nodes ---- */

/* Every node may have as many as the limit says, and what a node says beyond that is not listened to. */
static bool has_room(const struct core *c, size_t place)
{
    uint64_t most = (uint64_t)c->config->peers[place].max_peers * c->config->node_count, count = 0;
    for (const struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        count += p->is_dynamic && p->place == place;
    return count < most;
}

/* NAME@ADDRESS in the one form that a node would write. */
static void hear_name(struct core *c, const char *name)
{
    const char *at = strchr(name, '@');
    char right[CONFIG_NAME_MAX + 1];
    struct ip_addr address;
    if (!at || ip_addr_parse(at + 1, &address))
        return;
    for (size_t i = 0; i < c->config->peer_count; i++) {
        const struct config_peer *r = &c->config->peers[i];
        if (!r->is_range || !ip_prefix_contains_addr(&r->range, &address))
            continue;
        name_of(r, &address, right);
        if (strcmp(right, name) == 0 && has_room(c, i))
            add(c, i, &address, name);
    }
}

void core_dynamic_hear(struct core *c, const struct repl_batch *b)
{
    for (uint16_t i = 0; i < b->name_count; i++)
        if (!repl_names_find(&c->names, b->names[i]))
            hear_name(c, b->names[i]);
}

void core_dynamic_readopt(struct core *c)
{
    char name[CONFIG_NAME_MAX + 1];
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        for (size_t i = 0; p->is_dynamic && core_peer_is_removed(p) && i < c->config->peer_count; i++) {
            const struct config_peer *r = &c->config->peers[i];
            if (!r->is_range || !ip_prefix_contains_addr(&r->range, &p->cfg->peer_ip))
                continue;
            name_of(r, &p->cfg->peer_ip, name);
            if (strcmp(name, p->cfg->name) != 0)
                continue;
            p->place = i;
            core_peer_set(c, p, r);
        }
}

/* ---- time ---- */

void core_dynamic_watch(struct core *c, struct core_peer *p)
{
    if (!p->is_dynamic || !is_silent(p))
        p->silent_ms = 0;
    else if (!p->silent_ms)
        p->silent_ms = c->now_ms + SILENT_MS;
}

void core_dynamic_tick(struct core *c, struct core_peer *p)
{
    if (p->silent_ms && p->silent_ms <= c->now_ms)
        end(c, p);
}

bool core_dynamic_knows_all(const struct core *c)
{
    return c->is_vouched || core_holds_are_over(c);
}

bool core_dynamic_may_miss(const struct core *c)
{
    for (size_t i = 0; i < c->config->peer_count && !core_dynamic_knows_all(c); i++)
        if (c->config->peers[i].is_range && !c->config->peers[i].disabled)
            return true; /* also where they call other nodes: one session is enough */
    return false;
}
