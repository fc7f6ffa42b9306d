#include "bgp/bfd/bfd_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void bfd_set_init(struct bfd_set *set, const struct hash_key *key)
{
    *set = (struct bfd_set){ .key = *key };
}

void bfd_set_fini(struct bfd_set *set)
{
    for (uint32_t id = 1; id < set->peer_room; id++)
        if (set->peers[id])
            bfd_set_close(set, id);
    hash_fini(&set->by_discriminator);
    hash_fini(&set->by_remote);
    free(set->peers);
}

struct bfd_peer *bfd_set_get(const struct bfd_set *set, uint32_t id)
{
    return id < set->peer_room ? set->peers[id] : NULL;
}

struct bfd_peer *bfd_set_next(const struct bfd_set *set, uint32_t id)
{
    while (++id < set->peer_room)
        if (set->peers[id])
            return set->peers[id];
    return NULL;
}

/* ---- who is meant ---- */

static uint64_t hash_discriminator(const struct bfd_set *set, uint32_t discriminator)
{
    return hash_bytes(&set->key, &discriminator, sizeof discriminator);
}

static uint64_t hash_addr(const struct bfd_set *set, const struct ip_addr *a)
{
    return hash_bytes(&set->key, a, sizeof *a);
}

static uint32_t discriminator_of(const struct bfd_peer *p)
{
    struct bfd_view view;
    bfd_session_view(p->session, &view);
    return view.discriminator;
}

static uint64_t hash_discriminator_again(const void *of, uint32_t id)
{
    const struct bfd_set *set = of;
    return hash_discriminator(set, discriminator_of(set->peers[id]));
}

static uint64_t hash_remote_again(const void *of, uint32_t id)
{
    const struct bfd_set *set = of;
    return hash_addr(set, &set->peers[id]->cfg.remote);
}

static struct hash_owner discriminators(const struct bfd_set *set)
{
    return (struct hash_owner){ .of = set, .hash = hash_discriminator_again };
}

static struct hash_owner remotes(const struct bfd_set *set)
{
    return (struct hash_owner){ .of = set, .hash = hash_remote_again };
}

static struct bfd_peer *by_discriminator(const struct bfd_set *set, uint32_t discriminator)
{
    struct hash_probe probe =
        hash_probe(&set->by_discriminator, hash_discriminator(set, discriminator));
    for (uint32_t id; (id = hash_probe_next(&probe));)
        if (discriminator_of(set->peers[id]) == discriminator)
            return set->peers[id];
    return NULL;
}

static bool is_between(const struct bfd_peer *p, const struct bfd_arrival *how)
{
    return ip_addr_is_equal(&p->cfg.remote, &how->remote) &&
           ip_addr_is_equal(&p->cfg.local, &how->local);
}

/* RFC 5881 section 3, RFC 5883 section 4: before the peer knows our discriminator, addresses tell. */
static struct bfd_peer *by_addresses(const struct bfd_set *set, const struct bfd_arrival *how)
{
    struct hash_probe probe = hash_probe(&set->by_remote, hash_addr(set, &how->remote));
    for (uint32_t id; (id = hash_probe_next(&probe));)
        if (is_between(set->peers[id], how))
            return set->peers[id];
    return NULL;
}

static uint64_t draw(struct bfd_set *set)
{
    set->drawn++;
    return hash_bytes(&set->key, &set->drawn, sizeof set->drawn);
}

/* Unique, not 0, and hard to guess (RFC 5880 section 6.8.1): off the path nobody can speak for a
 * multihop peer, whose packets' TTL proves nothing. */
static uint32_t new_discriminator(struct bfd_set *set)
{
    uint32_t discriminator;
    do
        discriminator = (uint32_t)draw(set);
    while (!discriminator || by_discriminator(set, discriminator));
    return discriminator;
}

/* ---- peers ---- */

static bool make_room(struct bfd_set *set, uint32_t id)
{
    if (id < set->peer_room)
        return true;
    uint32_t room = set->peer_room ? set->peer_room : 8;
    while (room <= id)
        room *= 2;
    struct bfd_peer **peers = realloc(set->peers, room * sizeof *peers);
    if (!peers)
        return false;
    memset(peers + set->peer_room, 0, (room - set->peer_room) * sizeof *peers);
    set->peers = peers;
    set->peer_room = room;
    return true;
}

struct bfd_peer *bfd_set_open(struct bfd_set *set, const struct bfd_peer_cfg *cfg, uint64_t now_ms)
{
    assert(cfg->id && cfg->id <= BFD_ID_MAX && !bfd_set_get(set, cfg->id));
    const struct bfd_session_cfg session = { .discriminator = new_discriminator(set),
                                             .times = cfg->times,
                                             .seed = draw(set) };
    const struct hash_owner by_number = discriminators(set), by_remote = remotes(set);
    uint64_t hash = hash_discriminator(set, session.discriminator);
    struct bfd_peer *p = malloc(sizeof *p);
    if (!p || !make_room(set, cfg->id))
        goto err_peer;
    *p = (struct bfd_peer){ .cfg = *cfg,
                            .is_multihop = cfg->hops == BFD_MULTIHOP ||
                                           (cfg->hops == BFD_HOPS_AUTO && cfg->seems_remote),
                            .session = bfd_session_new(&session, now_ms) };
    if (!p->session)
        goto err_peer;
    if (!hash_insert(&set->by_discriminator, &by_number, hash, cfg->id))
        goto err_session;
    if (!hash_insert(&set->by_remote, &by_remote, hash_addr(set, &cfg->remote), cfg->id))
        goto err_discriminator;
    return set->peers[cfg->id] = p;
err_discriminator:
    hash_remove(&set->by_discriminator, &by_number, hash, cfg->id);
err_session:
    bfd_session_free(p->session);
err_peer:
    free(p);
    return NULL;
}

void bfd_set_close(struct bfd_set *set, uint32_t id)
{
    const struct hash_owner by_number = discriminators(set), by_remote = remotes(set);
    struct bfd_peer *p = bfd_set_get(set, id);
    if (!p)
        return;
    hash_remove(&set->by_discriminator, &by_number, hash_discriminator(set, discriminator_of(p)), id);
    hash_remove(&set->by_remote, &by_remote, hash_addr(set, &p->cfg.remote), id);
    set->peers[id] = NULL;
    bfd_session_free(p->session);
    free(p);
}

/* ---- packets ---- */

static bool takes_hops(struct bfd_peer *p, bool is_multihop)
{
    if (p->is_multihop == is_multihop)
        return true;
    enum bfd_state state = bfd_session_state(p->session);
    if (p->cfg.hops != BFD_HOPS_AUTO || state == BFD_INIT || state == BFD_UP)
        return false;
    p->is_multihop = is_multihop;
    return true;
}

static enum bfd_verdict judge(const struct bfd_set *set, const struct bfd_arrival *how,
                              const struct bfd_packet *packet, struct bfd_peer **out)
{
    if (!how->is_multihop && how->ttl != BFD_TTL)
        return BFD_DROP_TTL; /* RFC 5881 section 5, RFC 5082 */
    struct bfd_peer *p = packet->your_discriminator
                             ? by_discriminator(set, packet->your_discriminator)
                             : by_addresses(set, how);
    if (!p)
        return packet->your_discriminator ? BFD_DROP_YOUR_DISCRIMINATOR : BFD_DROP_STRANGER;
    if (!is_between(p, how))
        return BFD_DROP_STRANGER;
    if (!takes_hops(p, how->is_multihop))
        return BFD_DROP_HOPS;
    *out = p;
    return BFD_ACCEPTED;
}

enum bfd_verdict bfd_set_receive(struct bfd_set *set, const struct bfd_arrival *how,
                                 const uint8_t *data, size_t len, struct bfd_peer **out,
                                 uint64_t now_ms)
{
    struct bfd_packet packet;
    enum bfd_verdict verdict = bfd_packet_decode(data, len, &packet);
    if (verdict == BFD_ACCEPTED)
        verdict = judge(set, how, &packet, out);
    if (verdict == BFD_ACCEPTED)
        bfd_session_feed((*out)->session, &packet, now_ms);
    return verdict;
}
